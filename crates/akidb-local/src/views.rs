//! What one search looks at: the field whose vectors are compared, and the documents whose words are.

use std::sync::Arc;

use akidb_core::{Filter, Result, Seq};
use akidb_engine::Ranking;

use crate::{
    collections::OpenCollection,
    matching::settle,
    projection::{Projection, Projections, View},
};

/// The projections of a collection that a search is about.
pub(crate) struct Parts {
    all: Vec<Projection>,
    /// That of the field whose vectors are compared.
    near: Option<usize>,
    /// Those that have the words of documents; each document is in one of them.
    words: Vec<usize>,
}

impl Parts {
    pub(crate) fn of(projections: &Projections, ranking: &Ranking) -> Result<Self> {
        let mut parts = Self { all: Vec::with_capacity(1), near: None, words: Vec::new() };
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
        Ok(parts)
    }

    pub(crate) fn all(&self) -> &[Projection] {
        &self.all
    }

    /// The last commits that they have.
    fn applied(&self) -> Vec<Seq> {
        self.all.iter().map(Projection::applied).collect()
    }

    /// Of each what a search can find, with the documents looked at of which nothing else tells whether
    /// they match.
    pub(crate) async fn settled(
        self: &Arc<Self>,
        open: &OpenCollection,
        filter: Option<&Filter>,
    ) -> Result<Views> {
        let as_of = self.applied();
        let mut views = Vec::with_capacity(self.all.len());
        for projection in &self.all {
            views.push(settled(open, projection, filter).await?);
        }
        Ok(Views { parts: Arc::clone(self), views, as_of })
    }
}

async fn settled(
    open: &OpenCollection,
    projection: &Projection,
    filter: Option<&Filter>,
) -> Result<View> {
    let mut view = projection.view(filter);
    let unsure = view.unsure();
    if let Some(filter) = filter.filter(|_| !unsure.is_empty()) {
        let settled = settle(&open.store, filter, &unsure).await?;
        view.settle(&settled.matching.into_iter().collect());
    }
    Ok(view)
}

/// What a search can find in each of its parts.
pub(crate) struct Views {
    parts: Arc<Parts>,
    views: Vec<View>,
    /// The last commits that the parts had before.
    as_of: Vec<Seq>,
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

    /// Whether a document may have gone from one part to another while they were looked at, and may have
    /// been met in none.
    pub(crate) fn were_disturbed(&self) -> bool {
        self.views.len() > 1 && self.parts.applied() != self.as_of
    }
}
