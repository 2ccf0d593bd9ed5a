//! The queue's behavior, with a backend that does as it is told.

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::{Duration, Instant},
};

use akidb_embedding::{
    EmbedError, EmbedOptions, Embedder, Embedding, EmbeddingQueue, EncodeError, EncoderInput,
    InputType, Lane, LoadedModel, Pooling, QueueLimit, QueueSettings, TextTokenizer,
};
use prometheus::Registry;
use tokio::task::JoinHandle;

use crate::support::{queue, queue_with_metrics};

/// How long the tests wait for what must happen; no machine takes so long.
const PATIENCE: Duration = Duration::from_secs(300);

type Batches = Arc<Mutex<Vec<Vec<u32>>>>;

/// Runs a batch when it gets a permit, and notes the first token of its texts.
struct ScriptedEmbedder {
    batches: Batches,
    started: Sender<()>,
    permits: Receiver<()>,
}

impl Embedder for ScriptedEmbedder {
    fn dimension(&self) -> usize {
        2
    }

    fn embed_batch(
        &mut self,
        texts: &[EncoderInput<'_>],
        vectors: &mut Vec<f32>,
    ) -> Result<(), EncodeError> {
        let first_tokens: Vec<u32> = texts.iter().map(|text| text.token_ids[0]).collect();
        self.batches.lock().unwrap().push(first_tokens.clone());
        self.started.send(()).unwrap();
        let _ = self.permits.recv_timeout(PATIENCE);
        vectors.clear();
        for token in first_tokens {
            vectors.extend(match token {
                token if token == word("nan") => [f32::NAN, 1.0],
                token if token == word("zero") => [0.0, 0.0],
                token if token == word("bad") => {
                    return Err(EncodeError::Backend { reason: "a bad word".to_owned() });
                }
                token if token == word("panic") => panic!("told to"),
                token if token == word("gone") => {
                    let (reason, retry_after) = ("the process is gone".to_owned(), PATIENCE);
                    return Err(EncodeError::Unavailable { reason, retry_after });
                }
                token if token == word("late") => {
                    return Err(EncodeError::OutOfTime { limit: PATIENCE });
                }
                token => [token as f32, 1.0],
            });
        }
        Ok(())
    }
}

fn word(word: &str) -> u32 {
    TextTokenizer::words(1).tokenize(word).unwrap().token_ids[0]
}

struct Fixture {
    queue: EmbeddingQueue,
    batches: Batches,
    started: Receiver<()>,
    permits: Sender<()>,
    registry: Registry,
}

impl Fixture {
    fn new(settings: QueueSettings) -> Self {
        // The backend waits to be told, which says nothing about its speed.
        let batch_time = Duration::from_secs(100_000_000);
        let settings =
            QueueSettings { batch_time, batch_time_with_queries: batch_time, ..settings };
        let (batches, (started_sender, started), (permits, permits_receiver)) =
            (Batches::default(), channel(), channel());
        let mut model = LoadedModel::hash(2);
        model.identity.prompts.by_name.insert("query".to_owned(), "ask for ".to_owned());
        model.embedder = Box::new(ScriptedEmbedder {
            batches: Arc::clone(&batches),
            started: started_sender,
            permits: permits_receiver,
        });
        let registry = Registry::new();
        let queue = queue_with_metrics(model, settings, &registry);
        Self { queue, batches, started, permits, registry }
    }

    /// A queue of which nothing is held up.
    fn open(settings: QueueSettings) -> Self {
        let fixture = Self::new(settings);
        fixture.permit(1000);
        fixture
    }

    /// A queue that is busy with a first request of 1 token.
    async fn busy(settings: QueueSettings) -> (Self, Request) {
        let fixture = Self::new(settings);
        let first = fixture.spawn(&["first"], EmbedOptions::default()).await;
        fixture.wait_for_batch();
        (fixture, first)
    }

    /// Queues a request and returns when it is queued, or has run or failed.
    async fn spawn(&self, texts: &[&str], options: EmbedOptions) -> Request {
        let queue = self.queue.clone();
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        let seen = || (self.queue_depth(), self.batches.lock().unwrap().len());
        let before = seen();
        let request = tokio::spawn(async move { queue.embed(texts, options).await });
        let give_up_at = Instant::now() + PATIENCE;
        while seen() == before && !request.is_finished() {
            assert!(Instant::now() < give_up_at, "the request was not queued");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        request
    }

    /// Distinct texts that wait.
    fn queue_depth(&self) -> u64 {
        let families = self.registry.gather();
        let depth = families.iter().find(|family| family.name() == "akidb_embedding_queue_depth");
        depth.unwrap().get_metric()[0].get_gauge().get_value() as u64
    }

    fn wait_for_batch(&self) {
        self.started.recv_timeout(PATIENCE).unwrap();
    }

    fn permit(&self, batches: usize) {
        (0..batches).for_each(|_| self.permits.send(()).unwrap());
    }

    fn assert_batches(&self, expected: &[&[&str]]) {
        let expected: Vec<Vec<u32>> =
            expected.iter().map(|batch| batch.iter().map(|text| word(text)).collect()).collect();
        assert_eq!(*self.batches.lock().unwrap(), expected);
    }
}

type Request = JoinHandle<Result<Vec<Embedding>, EmbedError>>;

fn bulk() -> EmbedOptions {
    EmbedOptions { lane: Lane::Bulk, ..EmbedOptions::default() }
}

async fn answer(request: Request) -> Result<Vec<Embedding>, EmbedError> {
    tokio::time::timeout(PATIENCE, request).await.expect("no answer").unwrap()
}

#[tokio::test]
async fn answers_come_in_order_with_counts() {
    let queue = queue(LoadedModel::hash(8), QueueSettings::default());
    let long = "word ".repeat(600);
    let texts = vec!["one".to_owned(), "one two".to_owned(), long, "one".to_owned()];
    let embeddings = queue.embed(texts, EmbedOptions::default()).await.unwrap();
    let counts: Vec<(u32, bool)> =
        embeddings.iter().map(|embedding| (embedding.tokens, embedding.truncated)).collect();
    assert_eq!(counts, [(1, false), (2, false), (512, true), (1, false)]);
    assert_eq!(embeddings[0], embeddings[3]);
    assert_ne!(embeddings[0].values, embeddings[1].values);
    assert_eq!((queue.dimension(), embeddings[0].values.len()), (8, 8));
    assert_eq!(queue.embed(Vec::new(), EmbedOptions::default()).await, Ok(Vec::new()));
}

#[tokio::test]
async fn pooling_and_normalizing_follow_the_request() {
    let queue = queue(LoadedModel::hash(8), QueueSettings::default());
    let embed = async |text: &str, pooling, normalize| {
        let options = EmbedOptions { pooling, normalize, ..EmbedOptions::default() };
        queue.embed(vec![text.to_owned()], options).await.unwrap().remove(0).values
    };
    let first = embed("one", None, Some(false)).await;
    assert_eq!(embed("one two", Some(Pooling::Cls), Some(false)).await, first);
    assert_ne!(embed("one two", None, Some(false)).await, first);
    let normalized = embed("one", None, None).await;
    let length: f32 = normalized.iter().map(|value| value * value).sum();
    assert!((length - 1.0).abs() < 1e-5 && normalized != first);
}

#[tokio::test]
async fn what_comes_while_a_batch_runs_is_the_next_batch() {
    let (fixture, first) = Fixture::busy(QueueSettings::default()).await;
    let second = fixture.spawn(&["a", "b"], EmbedOptions::default()).await;
    let third = fixture.spawn(&["c"], EmbedOptions::default()).await;
    fixture.permit(2);
    for request in [first, second, third] {
        answer(request).await.unwrap();
    }
    fixture.assert_batches(&[&["first"], &["a", "b", "c"]]);
}

#[tokio::test]
async fn interactive_goes_before_bulk_and_is_not_mixed_with_it() {
    let (fixture, first) = Fixture::busy(QueueSettings::default()).await;
    let bulk_request = fixture.spawn(&["b1", "b2"], bulk()).await;
    let interactive = fixture.spawn(&["i1"], EmbedOptions::default()).await;
    fixture.permit(3);
    for request in [first, interactive, bulk_request] {
        answer(request).await.unwrap();
    }
    fixture.assert_batches(&[&["first"], &["i1"], &["b1", "b2"]]);
}

/// That it goes once, and then after its ageing again, is shown of the queue, which is given the
/// time.
#[tokio::test]
async fn bulk_goes_before_interactive_when_its_ageing_is_over() {
    let ages = [(Duration::ZERO, ["b1", "i1"]), (PATIENCE * 100, ["i1", "b1"])];
    for (bulk_ageing, expected) in ages {
        let settings = QueueSettings { bulk_ageing, ..QueueSettings::default() };
        let (fixture, first) = Fixture::busy(settings).await;
        let bulk_request = fixture.spawn(&["b1"], bulk()).await;
        let interactive = fixture.spawn(&["i1"], EmbedOptions::default()).await;
        fixture.permit(3);
        for request in [first, interactive, bulk_request] {
            answer(request).await.unwrap();
        }
        fixture.assert_batches(&[&["first"], &expected[..1], &expected[1..]]);
    }
}

#[tokio::test]
async fn batches_keep_to_their_limits() {
    let settings = QueueSettings { batch_size: 3, max_batch_tokens: 4, ..QueueSettings::default() };
    let (fixture, first) = Fixture::busy(settings).await;
    let texts = ["a", "b", "c", "d d", "e e", "f f f f f f", "g"];
    let second = fixture.spawn(&texts, EmbedOptions::default()).await;
    fixture.permit(10);
    answer(first).await.unwrap();
    assert_eq!(answer(second).await.unwrap().len(), texts.len());
    fixture.assert_batches(&[&["first"], &["a", "b", "c"], &["d", "e"], &["f"], &["g"]]);
}

#[tokio::test]
async fn a_full_queue_refuses_whole_requests_and_says_when_to_come_back() {
    let settings = QueueSettings { queue_tokens: 4, ..QueueSettings::default() };
    let (fixture, first) = Fixture::busy(settings).await;
    let waiting = fixture.spawn(&["a b", "c"], EmbedOptions::default()).await;
    let refused = answer(fixture.spawn(&["d", "e"], EmbedOptions::default()).await).await;
    let Err(EmbedError::QueueFull { request_tokens, waiting_tokens, limit, retry_after }) = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!((request_tokens, waiting_tokens), (2, 3));
    assert_eq!(limit, QueueLimit::Tokens { tokens: 4 });
    assert!(retry_after > Duration::ZERO);
    let too_large = answer(fixture.spawn(&["a b c d e"], EmbedOptions::default()).await).await;
    assert_eq!(too_large, Err(EmbedError::RequestTooLarge { request_tokens: 5, limit_tokens: 4 }));
    let fits = fixture.spawn(&["f"], EmbedOptions::default()).await;
    fixture.permit(2);
    for request in [first, waiting, fits] {
        answer(request).await.unwrap();
    }
    fixture.assert_batches(&[&["first"], &["a", "c", "f"]]);
}

#[tokio::test]
async fn what_expires_in_the_queue_is_answered_in_time_and_never_runs() {
    let (fixture, first) = Fixture::busy(QueueSettings::default()).await;
    let deadline = Some(Instant::now() + Duration::from_millis(50));
    let late = fixture.spawn(&["late"], EmbedOptions { deadline, ..EmbedOptions::default() }).await;
    assert_eq!(answer(late).await, Err(EmbedError::DeadlineExceeded));
    let in_time = fixture.spawn(&["in-time"], EmbedOptions::default()).await;
    fixture.permit(2);
    answer(first).await.unwrap();
    answer(in_time).await.unwrap();
    fixture.assert_batches(&[&["first"], &["in-time"]]);
}

#[tokio::test]
async fn what_nobody_waits_for_never_runs_and_makes_room() {
    let settings = QueueSettings { queue_tokens: 2, ..QueueSettings::default() };
    let (fixture, first) = Fixture::busy(settings).await;
    let gone = fixture.spawn(&["gone", "too"], EmbedOptions::default()).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    let stays = fixture.spawn(&["stays"], EmbedOptions::default()).await;
    fixture.permit(2);
    answer(first).await.unwrap();
    answer(stays).await.unwrap();
    fixture.assert_batches(&[&["first"], &["stays"]]);
}

#[tokio::test]
async fn a_bad_text_fails_alone_with_its_index() {
    for (bad, reason) in [
        ("bad", "a bad word"),
        ("panic", "the backend panicked: told to"),
        ("nan", "not finite"),
        ("zero", "zero"),
    ] {
        let (fixture, first) = Fixture::busy(QueueSettings::default()).await;
        let good = fixture.spawn(&["a", "b"], EmbedOptions::default()).await;
        let failing = fixture.spawn(&["c", bad], EmbedOptions::default()).await;
        let also_good = fixture.spawn(&["d"], EmbedOptions::default()).await;
        fixture.permit(20);
        for request in [first, good, also_good] {
            answer(request).await.unwrap();
        }
        let Err(EmbedError::TextFailed { index: 1, reason: found }) = answer(failing).await else {
            panic!("{bad} did not fail as it should");
        };
        assert!(found.contains(reason), "{found}");
        let later = fixture.spawn(&["later"], EmbedOptions::default()).await;
        answer(later).await.unwrap();
    }
}

#[tokio::test]
async fn shutting_down_runs_what_is_queued_and_refuses_the_rest() {
    let (fixture, first) = Fixture::busy(QueueSettings::default()).await;
    let queued = fixture.spawn(&["queued"], EmbedOptions::default()).await;
    let mut shutdown = std::pin::pin!(fixture.queue.shutdown());
    tokio::select! {
        biased;
        () = &mut shutdown => panic!("it has ended before what is queued has run"),
        () = std::future::ready(()) => {}
    }
    let refused = answer(fixture.spawn(&["late"], EmbedOptions::default()).await).await;
    assert_eq!(refused, Err(EmbedError::ShuttingDown));
    fixture.permit(2);
    tokio::time::timeout(PATIENCE, shutdown).await.expect("no end");
    answer(first).await.unwrap();
    answer(queued).await.unwrap();
    fixture.queue.shutdown().await;
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_thread() {
    let fixture = Fixture::open(QueueSettings::default());
    let Fixture { queue, started, .. } = fixture;
    let clone = queue.clone();
    drop(queue);
    clone.embed(vec!["a".to_owned()], EmbedOptions::default()).await.unwrap();
    started.recv_timeout(PATIENCE).unwrap();
    drop(clone);
    // The embedder, and with it the sender, goes when the thread ends.
    assert_eq!(started.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
}

#[tokio::test]
async fn the_prompt_of_the_input_type_goes_before_the_text() {
    let fixture = Fixture::open(QueueSettings::default());
    let cases = [(Some(InputType::Query), 3), (Some(InputType::Document), 1), (None, 1)];
    for (input_type, tokens) in cases {
        let options = EmbedOptions { input_type, ..EmbedOptions::default() };
        let embeddings = fixture.queue.embed(vec!["text".to_owned()], options).await.unwrap();
        assert_eq!(embeddings[0].tokens, tokens, "{input_type:?}");
        assert_eq!(fixture.queue.count_tokens("text", input_type), Ok(tokens));
    }
    fixture.assert_batches(&[&["ask"], &["text"], &["text"]]);
}

#[tokio::test]
async fn equal_texts_that_wait_run_once_for_all_who_wait() {
    let (fixture, first) = Fixture::busy(QueueSettings::default()).await;
    let many = fixture.spawn(&["same"; 1000], EmbedOptions::default()).await;
    let another = fixture.spawn(&["same", "other"], EmbedOptions::default()).await;
    let unlike = EmbedOptions { pooling: Some(Pooling::Max), ..EmbedOptions::default() };
    let unlike = fixture.spawn(&["same"], unlike).await;
    fixture.permit(2);
    answer(first).await.unwrap();
    let many = answer(many).await.unwrap();
    assert!(many.len() == 1000 && many.iter().all(|embedding| *embedding == many[0]));
    assert_eq!(answer(another).await.unwrap()[0], many[0]);
    answer(unlike).await.unwrap();
    fixture.assert_batches(&[&["first"], &["same", "other", "same"]]);
}

#[tokio::test]
async fn batches_are_as_large_as_their_time_allows() {
    // So short that no text fits, and each runs alone.
    let time = Duration::from_nanos(1);
    let (batches, (started, _started)) = (Batches::default(), channel());
    let (permits, permitted) = channel();
    (0..10).for_each(|_| permits.send(()).unwrap());
    let mut model = LoadedModel::hash(2);
    let embedder = ScriptedEmbedder { batches: Arc::clone(&batches), started, permits: permitted };
    model.embedder = Box::new(embedder);
    let settings = QueueSettings { batch_time: time, ..QueueSettings::default() };
    let queue = queue(model, settings);
    let texts = ["a", "b", "c"].map(str::to_owned).to_vec();
    queue.embed(texts, bulk()).await.unwrap();
    assert_eq!(batches.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn queries_and_bulk_run_at_the_same_time_and_make_the_same_vectors() {
    let queue = queue(crate::support::real_model(2), QueueSettings::default());
    let text = "a ship meets an iceberg";
    let film = |i: usize| format!("the film number {i} is about a ship that meets an iceberg");
    let bulk_texts: Vec<String> = (0..100).map(film).chain([text.to_owned()]).collect();
    let import = tokio::spawn({
        let queue = queue.clone();
        async move { queue.embed(bulk_texts, bulk()).await }
    });
    let query = queue.embed(vec![text.to_owned()], EmbedOptions::default()).await.unwrap();
    let imported = answer(import).await.unwrap();
    let cosine = crate::support::cosine(&query[0].values, &imported[100].values);
    assert!(cosine > 0.99999, "{cosine}");
    queue.shutdown().await;
}

#[tokio::test]
async fn when_the_backend_is_at_fault_the_whole_batch_fails_at_once() {
    let unavailable =
        EmbedError::Unavailable { reason: "the process is gone".to_owned(), retry_after: PATIENCE };
    for (word, expected) in
        [("gone", unavailable), ("late", EmbedError::BatchOutOfTime { limit: PATIENCE })]
    {
        let (fixture, first) = Fixture::busy(QueueSettings::default()).await;
        let one = fixture.spawn(&["fine"], EmbedOptions::default()).await;
        let other = fixture.spawn(&[word, "good"], EmbedOptions::default()).await;
        fixture.permit(1000);
        assert!(first.await.unwrap().is_ok());
        assert_eq!(one.await.unwrap().unwrap_err(), expected);
        assert_eq!(other.await.unwrap().unwrap_err(), expected);
        fixture.assert_batches(&[&["first"], &["fine", word, "good"]]);
        let after = fixture.spawn(&["after"], EmbedOptions::default()).await;
        assert!(after.await.unwrap().is_ok(), "the queue goes on");
    }
}
