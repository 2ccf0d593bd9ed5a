//! A model that runs: its engine, asked by everything that has a text.

use std::{ops::Range, sync::Arc};

use akidb_core::{Chunking, Error, ErrorCode, Result};
use akidb_embedding::{
    EmbedInputs, EmbedOptions, EmbedTimes, Embedding, EmbeddingEngine, InputType, ModelIdentity,
    PassageLength, Stage, StageTimer, mlx::Availability,
};
use tracing::{Instrument, Span};

use crate::{Backend, failure::from_embedding, times::embed_span};

/// Texts that one request has in the queue at once: a larger one goes in parts, so that it leaves
/// room for others.
const TEXTS_AT_ONCE: usize = 256;

/// A running model.
pub(crate) struct Model {
    engine: EmbeddingEngine,
    backend: Backend,
}

impl Model {
    pub(super) const fn new(engine: EmbeddingEngine, backend: Backend) -> Self {
        Self { engine, backend }
    }

    pub(crate) fn identity(&self) -> &ModelIdentity {
        self.engine.identity()
    }

    pub(super) const fn backend(&self) -> Backend {
        self.backend
    }

    /// Why texts are refused right now, where they are.
    pub(super) fn unavailable(&self) -> Option<Arc<str>> {
        self.engine.availability()?.reason()
    }

    /// Says when that changes; `None` where it does not.
    pub(super) fn availability(&self) -> Option<Availability> {
        self.engine.availability().cloned()
    }

    /// Embeds texts; `place_of` names each in errors.
    pub(crate) async fn embed(
        &self,
        texts: Vec<String>,
        options: &EmbedOptions,
        place_of: impl Fn(usize) -> String,
    ) -> Result<Vec<Embedding>> {
        self.embed_inputs(EmbedInputs::Texts(texts), options, place_of).await
    }

    /// Embeds texts or the tokens of texts; `place_of` names each in errors.
    pub(crate) async fn embed_inputs(
        &self,
        inputs: EmbedInputs,
        options: &EmbedOptions,
        place_of: impl Fn(usize) -> String,
    ) -> Result<Vec<Embedding>> {
        let mut embeddings = Vec::with_capacity(inputs.len());
        for part in inputs.into_parts(TEXTS_AT_ONCE) {
            let first = embeddings.len();
            let span = embed_span(&self.identity().name, part.len());
            let part = self.engine.embed_inputs(part, options.clone()).instrument(span).await;
            let part = part.map_err(|error| from_embedding(&error, |i| place_of(first + i)))?;
            embeddings.extend(part);
        }
        Ok(embeddings)
    }

    /// Cuts texts into passages, each as ranges of its bytes; `place_of` names each in errors.
    pub(crate) async fn passages(
        &self,
        texts: Vec<String>,
        Chunking { tokens, overlap }: Chunking,
        times: Arc<EmbedTimes>,
        place_of: impl Fn(usize) -> String,
    ) -> Result<Vec<Vec<Range<usize>>>> {
        let _cutting = StageTimer::begin(Stage::Tokenise, &times, &Span::current());
        let engine = self.engine.clone();
        let length = PassageLength { tokens, overlap };
        let cut = move || {
            let cut = |text: &String| engine.passages(text, length, Some(InputType::Document));
            let numbered = texts.iter().enumerate();
            numbered.map(|(i, text)| cut(text).map_err(|error| (i, error))).collect()
        };
        let cut: std::result::Result<_, _> = tokio::task::spawn_blocking(cut)
            .await
            .map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))?;
        cut.map_err(|(i, error)| from_embedding(&error, |_| place_of(i)))
    }

    /// The tokens of a passage that are not the text's.
    pub(crate) fn passage_overhead(&self) -> Result<u32> {
        let overhead = self.engine.passage_overhead(Some(InputType::Document));
        overhead.map_err(|error| from_embedding(&error, |_| "chunking".to_owned()))
    }

    /// Runs what is queued and ends; later requests are refused.
    pub(super) async fn shutdown(&self) {
        self.engine.shutdown().await;
    }
}
