//! A model that runs: its queue, asked by everything that has a text.

use std::{ops::Range, sync::Arc};

use akidb_core::{Chunking, Error, ErrorCode, Result};
use akidb_embedding::{
    EmbedInputs, EmbedOptions, EmbedTimes, Embedding, EmbeddingQueue, InputType, ModelIdentity,
    ModelKind, PassageLength, RequestPart, Stage, StageTimer, mlx::Availability,
};
use tracing::{Instrument, Span};

use crate::{
    Backend, failure::from_embedding, operations::when_there_is_room, request_times::embed_span,
};

/// Texts that one request has in the queue at once: a larger one goes in parts, so that it leaves
/// room for others.
const TEXTS_AT_ONCE: usize = 256;

/// A running model.
pub(crate) struct Model {
    queue: EmbeddingQueue,
    backend: Backend,
}

impl Model {
    pub(super) const fn new(queue: EmbeddingQueue, backend: Backend) -> Self {
        Self { queue, backend }
    }

    pub(crate) fn identity(&self) -> &ModelIdentity {
        self.queue.identity()
    }

    pub(crate) const fn kind(&self) -> ModelKind {
        self.queue.kind()
    }

    pub(super) const fn backend(&self) -> Backend {
        self.backend
    }

    /// Why texts are refused right now, where they are.
    pub(super) fn unavailable(&self) -> Option<Arc<str>> {
        self.queue.availability()?.reason()
    }

    /// Says when that changes; `None` where it does not.
    pub(super) fn availability(&self) -> Option<Availability> {
        self.queue.availability().cloned()
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
        let mut following_tokens = inputs.estimated_tokens();
        for part in inputs.into_parts(TEXTS_AT_ONCE) {
            let first = embeddings.len();
            following_tokens = following_tokens.saturating_sub(part.estimated_tokens());
            let options = EmbedOptions {
                part: RequestPart { continues: first > 0, following_tokens },
                ..options.clone()
            };
            let place_of = |i| place_of(first + i);
            let embed = || self.embed_part(part.clone(), &options, place_of);
            let embedded = match (first, options.deadline) {
                // What was embedded already would be thrown away if there was no room for the rest.
                (1.., Some(deadline)) => when_there_is_room(deadline, embed).await?,
                _ => embed().await?,
            };
            embeddings.extend(embedded);
        }
        Ok(embeddings)
    }

    async fn embed_part(
        &self,
        part: EmbedInputs,
        options: &EmbedOptions,
        place_of: impl Fn(usize) -> String,
    ) -> Result<Vec<Embedding>> {
        let span = embed_span(&self.identity().name, part.len());
        let embedded = self.queue.embed_inputs(part, options.clone()).instrument(span).await;
        embedded.map_err(|error| from_embedding(&error, place_of))
    }

    /// Refuses bulk texts where the queue would, before work is put into them.
    pub(crate) fn check_room(&self, texts: &[String], options: &EmbedOptions) -> Result<()> {
        let tokens = EmbedInputs::estimated_tokens_of(texts);
        self.queue
            .check_room(tokens, options)
            .map_err(|error| from_embedding(&error, |_| String::new()))
    }

    /// Cuts texts into passages, each as ranges of its bytes; `place_of` names each in errors.
    pub(crate) async fn passages(
        &self,
        texts: Vec<String>,
        Chunking { tokens, overlap }: Chunking,
        times: Arc<EmbedTimes>,
        place_of: impl Fn(usize) -> String,
    ) -> Result<Vec<Vec<Range<usize>>>> {
        let _cutting = StageTimer::begin(Stage::Tokenize, &times, &Span::current());
        let queue = self.queue.clone();
        let length = PassageLength { tokens, overlap };
        let cut = move || {
            let cut = |text: &String| queue.passages(text, length, Some(InputType::Document));
            texts.iter().map(cut).collect::<Vec<_>>()
        };
        let cut = tokio::task::spawn_blocking(cut)
            .await
            .map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))?;
        let (mut passages, mut faults) = (Vec::with_capacity(cut.len()), Vec::new());
        for (i, of_text) in cut.into_iter().enumerate() {
            match of_text {
                Ok(of_text) => passages.push(of_text),
                Err(error) => faults.push(from_embedding(&error, |_| place_of(i))),
            }
        }
        Error::collect(faults).map_or(Ok(passages), Err)
    }

    /// The tokens of a passage that are not the text's.
    pub(crate) fn passage_overhead(&self) -> Result<u32> {
        let overhead = self.queue.passage_overhead(Some(InputType::Document));
        overhead.map_err(|error| from_embedding(&error, |_| "chunking".to_owned()))
    }

    /// Runs what is queued and ends; later requests are refused.
    pub(super) async fn shutdown(&self) {
        self.queue.shutdown().await;
    }
}
