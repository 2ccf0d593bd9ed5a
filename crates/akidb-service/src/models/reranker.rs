//! A running model that reads a query and a document together and says how well they fit.

use std::sync::Arc;

use akidb_core::{Error, ErrorCode, InvalidText, Result};
use akidb_embedding::{EmbedInputs, EmbedOptions, Embedding, ModelKind, ScoreFunction};

use super::Model;
use crate::failure::from_text;

/// A running re-ranker.
pub(crate) struct Reranker {
    model: Arc<Model>,
    function: ScoreFunction,
}

impl Reranker {
    /// The model, which stands at `place` of the request, if it is one.
    pub(crate) fn of(model: Arc<Model>, place: &str) -> Result<Self> {
        match model.kind() {
            ModelKind::Reranker(function) => Ok(Self { model, function }),
            kind @ ModelKind::Embedder => {
                let fault = format!("the model {} {}", model.identity().name, kind.describe());
                Err(Error::at(ErrorCode::InvalidArgument, place, fault))
            }
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.model.identity().name
    }

    /// The score of a logit, as the model's own files say.
    pub(crate) fn score(&self, logit: f32) -> f32 {
        self.function.score(logit)
    }

    /// The logits of documents for a query, each with what was read of it. The query comes with its
    /// place in the request; `place_of` names each document in errors.
    pub(crate) async fn score_pairs(
        &self,
        (query_place, query): (&str, String),
        documents: Vec<String>,
        options: &EmbedOptions,
        place_of: impl Fn(usize) -> String,
    ) -> Result<Vec<Embedding>> {
        let pairs = EmbedInputs::Pairs { query: query.into(), documents };
        self.model.embed_inputs(pairs, options, place_of).await.map_err(|error| {
            // What is wrong with a document names it.
            match error.code == ErrorCode::InvalidText && error.violations.is_empty() {
                true => from_text(query_place.to_owned(), &InvalidText::Blank),
                false => error,
            }
        })
    }
}
