//! Documents in the order in which they answer a query.

use std::time::Instant;

use akidb_core::{Error, ErrorCode, Limits, Result, check_text};
use akidb_embedding::Embedding;

use super::text_vectors::missing_embedding;
use crate::{
    Operation, RequestContext, Rerank, RerankReply, Reranked, Service,
    failure::{above_limit, from_text},
    models::Reranker,
};

impl Service {
    /// Scores documents for a query with a re-ranker, which reads each beside the query, and gives
    /// the best of them.
    ///
    /// # Errors
    /// When a text is not valid (each is named), there are none or too many, the model is no
    /// re-ranker or not loaded, or its queue is full.
    pub async fn rerank(&self, context: &RequestContext, request: Rerank) -> Result<RerankReply> {
        let started = Instant::now();
        self.run(context, Operation::Rerank, async {
            let Rerank { model, query, mut documents, top_n, return_documents } = request;
            let top_n = check(&query, &documents, top_n, self.limits())?;
            let model = self.reranker_named("model", model.as_deref())?;
            let texts =
                if return_documents { documents.clone() } else { std::mem::take(&mut documents) };
            let place_of = |index| format!("documents[{index}]");
            let pairs = self.score(context, &model, ("query", query), texts, place_of).await?;
            let total =
                |count: fn(&Embedding) -> u32| pairs.iter().map(|it| u64::from(count(it))).sum();
            let truncated = (0_u32..).zip(&pairs).filter(|(_, it)| it.truncated).map(|(i, _)| i);
            let mut results = Vec::with_capacity(pairs.len());
            for (index, pair) in pairs.iter().enumerate() {
                let logit = logit_of(pair)?;
                results.push(Reranked { index, score: model.score(logit), logit, document: None });
            }
            // By the logit: scores of logits that lie far out are equal.
            results.sort_by(|one, other| other.logit.total_cmp(&one.logit));
            results.truncate(top_n);
            for result in &mut results {
                result.document = documents.get_mut(result.index).map(std::mem::take);
            }
            Ok(RerankReply {
                results,
                model: model.name().to_owned(),
                total_tokens: total(|it| it.tokens),
                unknown_tokens: total(|it| it.unknown_tokens),
                truncated: truncated.collect(),
                took: started.elapsed(),
            })
        })
        .await
    }

    /// The logits of documents for a query, each with what was read of it. `query` is its place in
    /// the request and itself, `place_of` names each document in errors.
    pub(super) async fn score(
        &self,
        context: &RequestContext,
        model: &Reranker,
        query: (&str, String),
        documents: Vec<String>,
        place_of: impl Fn(usize) -> String,
    ) -> Result<Vec<Embedding>> {
        let options = context.embed_options();
        let scored = documents.len() as u64;
        let pairs = model.score_pairs(query, documents, &options, place_of).await?;
        self.inner.metrics.requests.reranked_documents.inc_by(scored);
        Ok(pairs)
    }

    /// The ready re-ranker of a name, which stands at `place` of the request.
    pub(super) fn reranker_named(&self, place: &str, name: Option<&str>) -> Result<Reranker> {
        let Some(name) = name else {
            let fault = "is missing; it names a re-ranker of the node's configuration";
            return Err(Error::at(ErrorCode::InvalidArgument, place, fault));
        };
        Reranker::of(self.any_model_named(name)?, place)
    }
}

/// The logit of a pair.
pub(super) fn logit_of(pair: &Embedding) -> Result<f32> {
    pair.values.first().copied().ok_or_else(missing_embedding)
}

/// Checks a request; gives how many documents it wants.
fn check(query: &str, documents: &[String], top_n: Option<u64>, limits: &Limits) -> Result<usize> {
    if documents.is_empty() {
        let fault = "must have at least one document";
        return Err(Error::at(ErrorCode::InvalidArgument, "documents", fault));
    }
    if documents.len() > limits.rerank_documents {
        let (given, limit) = (documents.len(), limits.rerank_documents);
        return Err(above_limit("documents", given, "rerank_documents", limit));
    }
    if top_n == Some(0) {
        return Err(Error::at(ErrorCode::InvalidArgument, "top_n", "is 0, the least is 1"));
    }
    let texts =
        documents.iter().enumerate().map(|(i, text)| (format!("documents[{i}]"), text.as_str()));
    let faults =
        std::iter::once(("query".to_owned(), query)).chain(texts).filter_map(|(place, text)| {
            let fault = check_text(text, limits.text_bytes).err()?;
            Some(from_text(place, &fault))
        });
    Error::collect(faults.collect()).map_or(Ok(()), Err)?;
    Ok(top_n.map_or(usize::MAX, |top_n| usize::try_from(top_n).unwrap_or(usize::MAX)))
}
