//! What one search looks at: the field whose vectors are compared, and the documents whose words are.

use std::sync::Arc;

use akidb_core::{Filter, Result, Seq};
use akidb_engine::Ranking;

use crate::{
    collections::OpenCollection,
    matching::{Verdicts, settle},
    projection::{Projection, Projections, View},
};

/// Looks at documents that have to be read, between which commits may come.
const LOOKS_MAX: u32 = 16;

/// The projections of a collection that a search is about.
pub(crate) struct Parts {
    all: Vec<Projection>,
    /// That of the field whose vectors are compared.
    near: Option<usize>,
    /// Those that have the words of documents; each document is in one of them.
    words: Vec<usize>,
    /// Projections beside, which say which documents hold conditions on texts where a part does not know.
    texts: Vec<Projection>,
}

impl Parts {
    pub(crate) fn of(
        projections: &Projections,
        ranking: &Ranking,
        filter: Option<&Filter>,
    ) -> Result<Self> {
        let mut parts =
            Self { all: Vec::with_capacity(1), near: None, words: Vec::new(), texts: Vec::new() };
        if let Some(near) = ranking.near() {
            parts.near = Some(0);
            parts.all.push(projections.of(near.field)?);
        }
        if !matches!(ranking, Ranking::Semantic(_)) {
            for projection in projections.with_words() {
                let known = parts.all.iter().position(|it| it.is(&projection));
                parts.words.push(known.unwrap_or(parts.all.len()));
                if known.is_none() {
                    parts.all.push(projection);
                }
            }
        }
        let asks_for_texts = filter.is_some_and(|filter| !filter.text_tests().is_empty());
        if asks_for_texts && !parts.all.iter().all(Projection::has_words) {
            parts.texts = projections.with_words();
        }
        Ok(parts)
    }

    pub(crate) fn all(&self) -> &[Projection] {
        &self.all
    }

    /// The last commits that they have.
    fn applied(&self) -> Vec<Seq> {
        self.all.iter().chain(&self.texts).map(Projection::applied).collect()
    }

    /// Of each what a search can find, with the documents looked at of which nothing else tells whether
    /// they match.
    pub(crate) async fn settled(
        self: &Arc<Self>,
        open: &OpenCollection,
        filter: Option<&Filter>,
        verdicts: &mut Verdicts,
    ) -> Result<Views> {
        let as_of = self.applied();
        let mut look = 1;
        loop {
            let (before, mut views) = (self.states(), self.views(open, filter));
            let settling = settle_views(open, &mut views, filter, verdicts).await?;
            // What a commit removed while documents were read can not be found any more, and what took its place is not
            // among those that were looked at. The next look has to read that alone.
            let is_stale = settling == Settling::Read && self.states() != before;
            if !is_stale || look == LOOKS_MAX {
                let is_whole = settling != Settling::Missed;
                return Ok(Views { parts: Arc::clone(self), views, as_of, is_whole });
            }
            look += 1;
        }
    }

    fn states(&self) -> Vec<(u64, Seq)> {
        self.all.iter().chain(&self.texts).map(Projection::state).collect()
    }

    fn views(&self, open: &OpenCollection, filter: Option<&Filter>) -> Vec<View> {
        match filter.filter(|_| !self.texts.is_empty()) {
            None => self.all.iter().map(|part| part.view(filter, None)).collect(),
            Some(asked) => {
                let of = self.all.iter().chain(&self.texts);
                open.projections.as_of_one_commit(of, || {
                    let found = open.projections.found_texts(asked);
                    self.all.iter().map(|part| part.view(filter, Some(&found))).collect()
                })
            }
        }
    }
}

/// What was done to know of each document whether it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Settling {
    /// Nothing was read.
    Known,
    /// Documents were read, all of which were there.
    Read,
    /// Some were not there any more.
    Missed,
}

/// Looks at the documents of which nothing else tells whether they match.
async fn settle_views(
    open: &OpenCollection,
    views: &mut [View],
    filter: Option<&Filter>,
    verdicts: &mut Verdicts,
) -> Result<Settling> {
    let mut settling = Settling::Known;
    for view in views {
        let unsure = view.unsure();
        let Some(filter) = filter.filter(|_| !unsure.is_empty()) else { continue };
        let settled = settle(&open.store, filter, &unsure, verdicts).await?;
        settling = settling.max(match (settled.is_whole, settled.has_read) {
            (false, _) => Settling::Missed,
            (true, true) => Settling::Read,
            (true, false) => Settling::Known,
        });
        view.settle(&settled.matching.into_iter().collect());
    }
    Ok(settling)
}

/// What a search can find in each of its parts.
pub(crate) struct Views {
    parts: Arc<Parts>,
    views: Vec<View>,
    /// The last commits that the parts had before.
    as_of: Vec<Seq>,
    /// Whether no document was replaced before it was known whether it matches. The one in its place may be in none.
    pub(crate) is_whole: bool,
}

impl Views {
    /// The vectors that are compared.
    pub(crate) fn near(&self) -> Option<(usize, &View)> {
        self.parts.near.map(|part| (part, &self.views[part]))
    }

    /// The documents whose words are searched.
    pub(crate) fn words(&self) -> impl Iterator<Item = (usize, &View)> {
        self.parts.words.iter().map(|&part| (part, &self.views[part]))
    }

    /// How many parts there are.
    pub(crate) fn len(&self) -> usize {
        self.views.len()
    }

    pub(crate) fn part(&self, part: usize) -> (&Projection, &View) {
        (&self.parts.all[part], &self.views[part])
    }

    /// Whether some of the documents that a filter lets through were removed meanwhile. What took their place may match as
    /// well, and was not looked at.
    pub(crate) fn lost_some(&self) -> bool {
        self.views.iter().any(View::lost_some)
    }

    /// Whether a document may have gone from one part to another while they were looked at, and may have
    /// been met in none.
    pub(crate) fn were_disturbed(&self) -> bool {
        self.as_of.len() > 1 && self.parts.applied() != self.as_of
    }
}
