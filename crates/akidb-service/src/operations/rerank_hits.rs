//! The best hits of a search in the order in which they answer its query.
//!
//! What a search finds is not changed, nor the scores of its hits: they come in another order, and
//! each shows what the re-ranker gave it.

use std::time::Instant;

use akidb_core::{Error, ErrorCode, FieldName, Limits, Result, SearchMode};
use akidb_engine::{Found, Hit};

use super::{index_settings::candidates, ranking::DEPTH_DEFAULT, rerank::logit_of};
use crate::{RequestContext, Search, SearchRerank, Service, models::Reranker};

/// Hits that are re-ranked where a search does not say how many.
const TOP_DEFAULT: usize = 50;

/// A checked [`SearchRerank`].
pub(super) struct Reranking {
    model: Option<String>,
    /// The hits that are re-ranked; no page goes beyond them.
    pub(super) top: usize,
    pub(super) query: String,
}

impl Reranking {
    /// Checks what is to be re-ranked of a search, of which `window` hits are wanted.
    pub(super) fn of(request: &Search, window: usize, limits: &Limits) -> Result<Option<Self>> {
        let Some(SearchRerank { model, top }) = request.rerank.clone() else { return Ok(None) };
        let Some(query) = request.text.clone() else {
            let fault = "is by the text of the query, and this search has none";
            return Err(Error::at(ErrorCode::InvalidArgument, "rerank", fault));
        };
        let top_max = limits.rerank_documents;
        let given = candidates("rerank.top", top, top_max, "rerank_documents")?;
        let mut top = given.map_or(TOP_DEFAULT.min(top_max), |top| top as usize);
        if request.mode == Some(SearchMode::Hybrid) {
            let depth = request.hybrid.depth.unwrap_or(DEPTH_DEFAULT as u64);
            // That it is not 0 is checked with the mode.
            let depth = usize::try_from(depth).unwrap_or(usize::MAX).max(1);
            if given.is_some() && top > depth {
                let fault =
                    format!("is {top}, allowed are at most the {depth} candidates of hybrid.depth");
                return Err(Error::at(ErrorCode::InvalidArgument, "rerank.top", fault));
            }
            top = top.min(depth);
        }
        if window > top {
            let fault = format!(
                "is {window}, allowed are at most the {top} hits of rerank.top, which may be up to {top_max}"
            );
            return Err(Error::at(ErrorCode::InvalidArgument, "limit plus offset", fault));
        }
        Ok(Some(Self { model, top, query }))
    }
}

impl Service {
    /// The re-ranker that a search asks for.
    pub(super) fn reranker_of(&self, reranking: &Reranking) -> Result<Reranker> {
        self.reranker_named("rerank.model", reranking.model.as_deref())
    }

    /// Puts the hits that have a text in the order in which they answer the query, and leaves the
    /// others behind them in theirs. A hit is read by the passage that it was found by, else by its
    /// text in the field that is searched, else by its text.
    pub(super) async fn rerank_hits(
        &self,
        context: &RequestContext,
        model: &Reranker,
        query: String,
        field: &FieldName,
        found: &mut Found,
    ) -> Result<()> {
        let started = Instant::now();
        let hits = std::mem::take(&mut found.hits);
        let (with_text, without): (Vec<_>, Vec<_>) =
            hits.into_iter().partition(|hit| text_of(hit, field).is_some());
        let texts: Vec<String> =
            with_text.iter().filter_map(|hit| text_of(hit, field)).map(str::to_owned).collect();
        let mut scored = Vec::with_capacity(texts.len());
        if !texts.is_empty() {
            let ids: Vec<_> = with_text.iter().map(|hit| hit.document.id.clone()).collect();
            let place_of = |index: usize| {
                let id = ids.get(index).map(ToString::to_string).unwrap_or_default();
                format!("the text of the document {id}")
            };
            let pairs = self.score(context, model, ("text", query), texts, place_of).await?;
            for (hit, pair) in with_text.into_iter().zip(&pairs) {
                scored.push((logit_of(pair)?, hit));
            }
        }
        // By the logit: scores of logits that lie far out are equal.
        scored.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        found.plan.reranked = Some(scored.len() as u64);
        let scored = scored.into_iter();
        let scored = scored.map(|(logit, hit)| Hit { rerank: Some(model.score(logit)), ..hit });
        found.hits = scored.chain(without).collect();
        found.plan.rerank = started.elapsed();
        Ok(())
    }
}

/// What a hit is read by.
fn text_of<'h>(hit: &'h Hit, field: &FieldName) -> Option<&'h str> {
    let passage = hit.passage.as_ref().map(|passage| passage.text.as_str());
    let in_field = || {
        let here = hit.document.fields.iter().find(|here| here.name == *field)?;
        here.text.as_deref()
    };
    passage.or_else(in_field).or(hit.document.text.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HybridParams;

    fn search(mode: SearchMode, top: Option<u64>, depth: Option<u64>) -> Search {
        Search {
            mode: Some(mode),
            text: Some("a ship".to_owned()),
            rerank: Some(SearchRerank { model: Some("m".to_owned()), top }),
            hybrid: HybridParams { depth, ..HybridParams::default() },
            ..Search::default()
        }
    }

    fn top(request: &Search, window: usize) -> Result<usize> {
        let checked = Reranking::of(request, window, &Limits::default())?;
        Ok(checked.expect("it is asked for").top)
    }

    #[test]
    fn pages_are_of_the_hits_that_are_reranked() {
        let semantic = |given| search(SearchMode::Semantic, given, None);
        assert_eq!(top(&semantic(None), 50), Ok(TOP_DEFAULT));
        assert_eq!(top(&semantic(Some(1_000)), 1_000), Ok(1_000));
        let hybrid = |given, depth| search(SearchMode::Hybrid, given, depth);
        assert_eq!(top(&hybrid(None, None), 50), Ok(50));
        assert_eq!(top(&hybrid(None, Some(20)), 20), Ok(20), "as many as there are candidates");
        assert_eq!(top(&hybrid(Some(100), None), 100), Ok(100));
        assert_eq!(
            Reranking::of(&Search::default(), 10_000, &Limits::default()).map(|it| it.is_none()),
            Ok(true)
        );
        let refused = [
            (
                semantic(None),
                51,
                "limit plus offset: is 51, allowed are at most the 50 hits of rerank.top, which may be up to 1000",
            ),
            (
                semantic(Some(5)),
                10,
                "limit plus offset: is 10, allowed are at most the 5 hits of rerank.top, which may be up to 1000",
            ),
            (semantic(Some(0)), 1, "rerank.top: must be at least 1"),
            (
                semantic(Some(1_001)),
                1,
                "rerank.top: is 1001, allowed are at most 1000 (rerank_documents)",
            ),
            (
                hybrid(Some(101), None),
                1,
                "rerank.top: is 101, allowed are at most the 100 candidates of hybrid.depth",
            ),
            (
                Search { text: None, ..semantic(None) },
                1,
                "rerank: is by the text of the query, and this search has none",
            ),
        ];
        for (request, window, message) in refused {
            assert_eq!(top(&request, window).unwrap_err().message, message);
        }
    }
}
