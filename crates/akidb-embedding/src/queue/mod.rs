//! The queue in front of a backend: admission, lanes, batches, deadlines.
//!
//! Scope: [`EmbeddingQueue`], the handle. `inputs` makes tokens of what is given, `tasks` holds
//! what waits, `shares` whose turn it is, `admission` says who may wait, `query_cache` holds the vectors of queries of late,
//! `throughput` says how much runs at once and how fast, `state` is these together; `request` gathers a
//! request's answers, `request_times` says where its time went, `owner` is the threads that alone run the
//! backend, `lane_locks` is whose turn it is among several models. Out of scope: what a text may look
//! like, and which model is meant; the service decides both.

mod admission;
mod inputs;
mod lane_locks;
mod owner;
mod query_cache;
mod request;
mod request_times;
mod shared;
mod shares;
mod state;
mod tasks;
mod throughput;

use std::{
    future::Future,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, time};
use tracing::Span;

use self::{
    admission::Demand,
    inputs::{check_dimensions, shorten, tokenize, tokenize_all},
    request::PendingRequest,
    shared::{CloseOnDrop, Shared},
    tasks::{Encoding, Waiter},
};
pub use self::{
    inputs::EmbedInputs,
    lane_locks::LaneLocks,
    request_times::{EmbedTimes, Stage, StageTimer},
    shares::Sender,
};
use crate::{
    error::EmbedError,
    identity::{InputType, ModelIdentity, ModelKind, Pooling},
    loaded_model::LoadedModel,
    metrics::EmbeddingMetrics,
    mlx::Availability,
    tokenize::{TextTokenizer, TokenizedText, Truncate},
};

/// The limits of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// The most texts in a batch.
    pub batch_size: usize,
    /// The most tokens in a batch; a single longer text still runs, alone.
    pub max_batch_tokens: usize,
    /// How long a batch should take, by the speed of those before it.
    pub batch_time: Duration,
    /// The same while interactive requests have been arriving of late.
    pub batch_time_with_queries: Duration,
    /// How long ago an interactive request still counts as of late.
    pub recent_queries: Duration,
    /// How long the next batch is held, at the most, for those whom the last one has answered.
    pub batch_timeout: Duration,
    /// The most tokens that wait in each lane.
    pub queue_tokens: usize,
    /// How long interactive texts may wait for those before them, at the measured speed; longer, and
    /// they are refused.
    pub query_wait: Duration,
    /// The same for bulk texts.
    pub bulk_wait: Duration,
    /// The most bytes of vectors that are kept for queries that come again; 0 keeps none.
    pub query_cache_bytes: usize,
    /// How long bulk texts are passed over by interactive ones before one bulk batch goes first.
    pub bulk_ageing: Duration,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            batch_size: 64,
            max_batch_tokens: 2048,
            batch_time: Duration::from_millis(100),
            batch_time_with_queries: Duration::from_millis(10),
            recent_queries: Duration::from_millis(1_000),
            batch_timeout: Duration::from_millis(2),
            queue_tokens: 262_144,
            query_wait: Duration::from_secs(5),
            bulk_wait: Duration::from_secs(10),
            query_cache_bytes: 16 << 20,
            bulk_ageing: Duration::from_millis(250),
        }
    }
}

/// Who waits for a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Lane {
    /// A person: goes before bulk.
    #[default]
    Interactive,
    /// An import or a re-embedding.
    Bulk,
}

/// How a request is to be embedded.
#[derive(Clone, Debug, Default)]
pub struct EmbedOptions {
    /// Who waits for it.
    pub lane: Lane,
    /// Who has sent it: each has an equal share of a lane.
    pub sender: Sender,
    /// When the answer is of no use any more.
    pub deadline: Option<Instant>,
    /// Which of the model's prompts goes before the texts.
    pub input_type: Option<InputType>,
    /// A pooling other than the model's.
    pub pooling: Option<Pooling>,
    /// Whether vectors are scaled to length 1, other than the model says.
    pub normalize: Option<bool>,
    /// How many of the first values of each vector are kept, 1 to the model's dimension; all
    /// where absent.
    pub dimensions: Option<usize>,
    /// What becomes of texts that are longer than the model's window.
    pub truncate: Truncate,
    /// Which part of what was asked for these texts are, where it comes in several.
    pub part: RequestPart,
    /// Where the time that it takes is added up.
    pub times: Arc<EmbedTimes>,
}

/// Where texts stand in a request that is embedded in several parts, one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestPart {
    /// Whether others were embedded before them, which would be lost if these were refused: for how
    /// long they wait is no reason to refuse them then.
    pub continues: bool,
    /// About how many tokens follow them.
    pub following_tokens: usize,
}

impl EmbedOptions {
    fn demand(&self) -> Demand {
        let RequestPart { continues, following_tokens } = self.part;
        let Self { lane, sender, deadline, .. } = *self;
        Demand { lane, sender, deadline, following_tokens, continues }
    }

    /// Whether the texts are what somebody searches with, which tends to come again.
    fn is_query(&self) -> bool {
        self.lane == Lane::Interactive && self.input_type == Some(InputType::Query)
    }
}

/// One text's vector, or a pair's logit.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// The vector; every value is finite and, but for a logit, one at least is not zero.
    pub values: Vec<f32>,
    /// The tokens that were read, special tokens and prompt included.
    pub tokens: u32,
    /// Whether a part of the text was cut off.
    pub truncated: bool,
    /// How many of the tokens stand for something that the model does not know. They say little or
    /// nothing of it.
    pub unknown_tokens: u32,
}

/// A handle to a running model; clones share the queue and the thread.
///
/// When the last handle goes, what is queued still runs, then the thread ends.
#[derive(Clone, Debug)]
pub struct EmbeddingQueue {
    shared: Arc<Shared>,
    tokenizer: Arc<TextTokenizer>,
    identity: Arc<ModelIdentity>,
    kind: ModelKind,
    metrics: EmbeddingMetrics,
    availability: Option<Availability>,
    _close_on_drop: Arc<CloseOnDrop>,
}

impl EmbeddingQueue {
    /// Starts the threads that own `model` from now on. The queues of one node share `lane_locks`.
    ///
    /// # Errors
    ///
    /// When the operating system gives no thread.
    pub fn start(
        model: LoadedModel,
        settings: QueueSettings,
        metrics: EmbeddingMetrics,
        lane_locks: LaneLocks,
    ) -> io::Result<Self> {
        let LoadedModel { identity, tokenizer, embedder, kind } = model;
        let shared = Arc::new(Shared::new(kind, settings, metrics.clone(), lane_locks));
        let availability = embedder.availability();
        owner::start(embedder, Arc::clone(&shared))?;
        Ok(Self {
            availability,
            _close_on_drop: Arc::new(CloseOnDrop(Arc::clone(&shared))),
            shared,
            tokenizer: Arc::new(tokenizer),
            identity: Arc::new(identity),
            kind,
            metrics,
        })
    }

    /// What the vectors are made by.
    #[must_use]
    pub fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    /// What the vectors are.
    #[must_use]
    pub const fn kind(&self) -> ModelKind {
        self.kind
    }

    /// Whether the backend runs right now, where that changes by itself.
    #[must_use]
    pub const fn availability(&self) -> Option<&Availability> {
        self.availability.as_ref()
    }

    pub(crate) fn tokenizer(&self) -> &TextTokenizer {
        &self.tokenizer
    }

    /// The number of values of a vector.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.identity.dimension as usize
    }

    /// The limits that the queue was started with.
    #[must_use]
    pub fn settings(&self) -> &QueueSettings {
        self.shared.settings()
    }

    /// Counts the tokens of a text, prompt and special tokens included, as if nothing were cut.
    ///
    /// # Errors
    ///
    /// [`EmbedError::TokenizeFailed`].
    pub fn count_tokens(
        &self,
        text: &str,
        input_type: Option<InputType>,
    ) -> Result<u32, EmbedError> {
        let prompt = self.identity.prompts.text_for(input_type);
        tokenize(&self.tokenizer, prompt, text, Truncate::End, 0).map(|text| text.whole_text_tokens)
    }

    /// Embeds `texts`; see [`embed_inputs`](Self::embed_inputs).
    ///
    /// # Errors
    ///
    /// See [`EmbedError`]; one bad text fails its request, and only that one.
    pub async fn embed(
        &self,
        texts: Vec<String>,
        options: EmbedOptions,
    ) -> Result<Vec<Embedding>, EmbedError> {
        self.embed_inputs(EmbedInputs::Texts(texts), options).await
    }

    /// Embeds `inputs`; the answer has one vector for each, in order.
    ///
    /// All texts are queued or none. Dropping the future takes those that still wait out of the
    /// queue. Must be called in a Tokio runtime with time enabled.
    ///
    /// # Errors
    ///
    /// See [`EmbedError`]; one bad text fails its request, and only that one.
    pub async fn embed_inputs(
        &self,
        inputs: EmbedInputs,
        options: EmbedOptions,
    ) -> Result<Vec<Embedding>, EmbedError> {
        let started_at = Instant::now();
        self.metrics.requests_total.inc();
        let result =
            within_deadline(options.deadline, self.embed_uncounted(inputs, &options)).await;
        self.metrics.latency_seconds.observe(started_at.elapsed().as_secs_f64());
        match &result {
            Ok(embeddings) => self.count_embeddings(embeddings),
            Err(error) => self.metrics.count_error(error),
        }
        result
    }

    /// Refuses bulk texts of about so many tokens where none would be let in, before work is put into
    /// them. What is not refused here may be later.
    ///
    /// # Errors
    ///
    /// [`EmbedError::QueueFull`].
    pub fn check_room(&self, tokens: usize, options: &EmbedOptions) -> Result<(), EmbedError> {
        let checked = self.shared.refuse_early(tokens, &options.demand());
        if let Err(error) = &checked {
            self.metrics.requests_total.inc();
            self.metrics.count_error(error);
        }
        checked
    }

    /// Takes no more requests, runs what is queued, and returns when the thread has ended.
    ///
    /// Requests that come later fail with [`EmbedError::ShuttingDown`].
    pub async fn shutdown(&self) {
        self.shared.close();
        self.shared.ended().await;
    }

    async fn embed_uncounted(
        &self,
        inputs: EmbedInputs,
        options: &EmbedOptions,
    ) -> Result<Vec<Embedding>, EmbedError> {
        self.check_kind(&inputs)?;
        check_dimensions(options, self.dimension())?;
        if inputs.is_empty() {
            return Ok(Vec::new());
        }
        self.shared.refuse_when_closed()?;
        if options.lane == Lane::Bulk {
            // Queries are short, and the vectors of some are known.
            self.shared.refuse_early(inputs.estimated_tokens(), &options.demand())?;
        }
        let prompt = self.identity.prompts.text_for(options.input_type);
        let tokenizing = StageTimer::begin(Stage::Tokenize, &options.times, &Span::current());
        let texts = tokenize_all(&self.tokenizer, prompt, inputs, options.truncate).await?;
        drop(tokenizing);
        let mut waiting = self.queue(texts, options)?;
        // A request is only dropped unanswered when the owner thread ends before it.
        let answer = (&mut waiting.answer).await;
        let mut embeddings = answer.unwrap_or(Err(EmbedError::ShuttingDown))?;
        if let Some(dimensions) = options.dimensions.filter(|given| *given < self.dimension()) {
            let normalize = options.normalize.unwrap_or(self.identity.normalize);
            shorten(&mut embeddings, dimensions, normalize)?;
        }
        Ok(embeddings)
    }

    /// A re-ranker reads pairs, and no other model does.
    fn check_kind(&self, inputs: &EmbedInputs) -> Result<(), EmbedError> {
        let are_pairs = matches!(inputs, EmbedInputs::Pairs { .. });
        if are_pairs == matches!(self.kind, ModelKind::Reranker(_)) {
            return Ok(());
        }
        Err(EmbedError::WrongKind { name: self.identity.name.clone(), kind: self.kind })
    }

    fn queue(
        &self,
        texts: Vec<TokenizedText>,
        options: &EmbedOptions,
    ) -> Result<Waiting, EmbedError> {
        let (request, answer) = PendingRequest::new(texts.len(), Arc::clone(&options.times));
        let request = Arc::new(request);
        let items = texts.into_iter().enumerate().map(|(index, text)| {
            let waiter = Waiter {
                request: Arc::clone(&request),
                index,
                is_truncated: text.is_truncated(),
                unknown_tokens: text.unknown_tokens,
                is_query: options.is_query(),
                deadline: options.deadline,
            };
            let encoding = Encoding {
                document_start: text.document_start,
                token_ids: text.token_ids,
                pooling: options.pooling.unwrap_or(self.identity.pooling),
                normalize: options.normalize.unwrap_or(self.identity.normalize),
            };
            (encoding, waiter)
        });
        let mut items = items.collect();
        if options.is_query() {
            self.shared.answer_known(&mut items);
        }
        if !items.is_empty() {
            self.shared.admit(items, &options.demand())?;
        }
        Ok(Waiting { request, answer })
    }

    fn count_embeddings(&self, embeddings: &[Embedding]) {
        let tokens = embeddings.iter().map(|embedding| u64::from(embedding.tokens)).sum();
        let truncated = embeddings.iter().filter(|embedding| embedding.truncated).count();
        self.metrics.tokens_total.inc_by(tokens);
        self.metrics.truncated_total.inc_by(truncated as u64);
    }
}

/// A request that waits for its answer, and for nothing once this is dropped.
struct Waiting {
    request: Arc<PendingRequest>,
    answer: oneshot::Receiver<Result<Vec<Embedding>, EmbedError>>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.request.abandon();
    }
}

async fn within_deadline<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = Result<T, EmbedError>>,
) -> Result<T, EmbedError> {
    match deadline {
        None => work.await,
        Some(deadline) => time::timeout_at(deadline.into(), work)
            .await
            .unwrap_or(Err(EmbedError::DeadlineExceeded)),
    }
}
