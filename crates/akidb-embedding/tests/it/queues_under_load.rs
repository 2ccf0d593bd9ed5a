//! Two queues that take turns, asked by many at once who are late, give up, or ask for too much.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use akidb_embedding::{
    EmbedError, EmbedOptions, Embedder, Embedding, EmbeddingMetricFamilies, EmbeddingQueue,
    EncodeError, EncoderInput, HashEmbedder, Lane, LaneLocks, LoadedModel, QueueSettings,
};
use prometheus::Registry;
use proptest::prelude::*;
use tokio::time::{sleep, timeout};

/// How long the tests wait for what must happen; no machine takes so long.
const PATIENCE: Duration = Duration::from_secs(300);
const QUEUE_TOKENS: usize = 60;

/// The hash backend, which takes a millisecond and counts how many run at once.
struct SlowEmbedder {
    hash: HashEmbedder,
    running: Arc<AtomicUsize>,
}

impl SlowEmbedder {
    fn new(running: &Arc<AtomicUsize>) -> Self {
        Self { hash: HashEmbedder::new(4), running: Arc::clone(running) }
    }
}

impl Embedder for SlowEmbedder {
    fn dimension(&self) -> usize {
        self.hash.dimension()
    }

    fn in_background(&self) -> Option<Box<dyn Embedder>> {
        Some(Box::new(Self::new(&self.running)))
    }

    fn embed_batch(
        &mut self,
        texts: &[EncoderInput<'_>],
        vectors: &mut Vec<f32>,
    ) -> Result<(), EncodeError> {
        let before = self.running.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(1));
        self.running.fetch_sub(1, Ordering::SeqCst);
        if before > 1 {
            // In each lane one batch of one model, so two of any.
            return Err(EncodeError::Backend { reason: "more than two at once".to_owned() });
        }
        self.hash.embed_batch(texts, vectors)
    }
}

/// One who asks.
#[derive(Clone, Debug)]
struct Client {
    queue: usize,
    comes_after_ms: u64,
    lane: Lane,
    /// Each text as its number of words.
    texts: Vec<usize>,
    deadline_ms: Option<u64>,
    gives_up_after_ms: Option<u64>,
}

fn client() -> impl Strategy<Value = Client> {
    (
        0..2_usize,
        0..40_u64,
        prop_oneof![Just(Lane::Interactive), Just(Lane::Bulk)],
        prop::collection::vec(1..12_usize, 1..7),
        prop::option::weighted(0.3, 0..40_u64),
        prop::option::weighted(0.3, 0..20_u64),
    )
        .prop_map(|(queue, comes_after_ms, lane, texts, deadline_ms, gives_up_after_ms)| {
            Client { queue, comes_after_ms, lane, texts, deadline_ms, gives_up_after_ms }
        })
}

impl Client {
    fn texts(&self) -> Vec<String> {
        self.texts.iter().map(|words| "word ".repeat(*words)).collect()
    }

    async fn ask(self, queue: EmbeddingQueue) -> Result<(), String> {
        sleep(Duration::from_millis(self.comes_after_ms)).await;
        let deadline = self.deadline_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
        let options = EmbedOptions { lane: self.lane, deadline, ..EmbedOptions::default() };
        let asking = queue.embed(self.texts(), options);
        let outcome = match self.gives_up_after_ms {
            Some(ms) => match timeout(Duration::from_millis(ms), asking).await {
                Ok(outcome) => outcome,
                Err(_) => return Ok(()),
            },
            None => timeout(PATIENCE, asking).await.map_err(|_| format!("{self:?} is lost"))?,
        };
        self.check(outcome)
    }

    fn check(&self, outcome: Result<Vec<Embedding>, EmbedError>) -> Result<(), String> {
        match outcome {
            Ok(embeddings) => {
                let words = embeddings.iter().map(|embedding| embedding.tokens as usize);
                let is_right = words.eq(self.texts.iter().copied());
                is_right.then_some(()).ok_or_else(|| format!("{self:?} got {embeddings:?}"))
            }
            Err(EmbedError::DeadlineExceeded) if self.deadline_ms.is_some() => Ok(()),
            Err(EmbedError::QueueFull { waiting_tokens, .. }) if waiting_tokens > 0 => Ok(()),
            Err(error) => Err(format!("{self:?}: {error}")),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn everybody_is_answered_once_and_rightly(clients in prop::collection::vec(client(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
        let complaints = runtime.block_on(run(clients));
        prop_assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
}

/// What went wrong.
async fn run(clients: Vec<Client>) -> Vec<String> {
    let (lane_locks, running) = (LaneLocks::default(), Arc::default());
    let settings = QueueSettings {
        queue_tokens: QUEUE_TOKENS,
        max_batch_tokens: 16,
        bulk_ageing: Duration::from_millis(5),
        ..QueueSettings::default()
    };
    let registry = Registry::new();
    let metrics = EmbeddingMetricFamilies::register(&registry).unwrap();
    let queues = ["one", "other"].map(|name| {
        let mut model = LoadedModel::hash(4);
        model.embedder = Box::new(SlowEmbedder::new(&running));
        let metrics = metrics.of(name);
        EmbeddingQueue::start(model, settings.clone(), metrics, lane_locks.clone()).unwrap()
    });
    let asking: Vec<_> = clients
        .into_iter()
        .map(|client| tokio::spawn(client.clone().ask(queues[client.queue].clone())))
        .collect();
    let mut complaints = Vec::new();
    for asking in asking {
        complaints.extend(asking.await.unwrap().err());
    }
    for queue in queues {
        if timeout(PATIENCE, queue.shutdown()).await.is_err() {
            complaints.push("a queue does not end".to_owned());
        }
    }
    complaints
}
