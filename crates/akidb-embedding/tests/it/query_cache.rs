//! Queries that come again, with a backend that counts what it encodes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use akidb_embedding::{
    EmbedError, EmbedInputs, EmbedOptions, Embedder, Embedding, EmbeddingQueue, EncodeError,
    EncoderInput, HashEmbedder, InputType, Lane, LoadedModel, Pooling, QueueSettings, Truncate,
};

use crate::support::queue;

/// The hash backend, which can not encode a text of 13 tokens.
struct CountingEmbedder {
    hash: HashEmbedder,
    encoded: Arc<AtomicUsize>,
}

impl Embedder for CountingEmbedder {
    fn dimension(&self) -> usize {
        self.hash.dimension()
    }

    fn embed_batch(
        &mut self,
        texts: &[EncoderInput<'_>],
        vectors: &mut Vec<f32>,
    ) -> Result<(), EncodeError> {
        self.encoded.fetch_add(texts.len(), Ordering::Relaxed);
        if texts.iter().any(|text| text.token_ids.len() == 13) {
            return Err(EncodeError::Backend { reason: "13 tokens".to_owned() });
        }
        self.hash.embed_batch(texts, vectors)
    }
}

struct Fixture {
    queue: EmbeddingQueue,
    encoded: Arc<AtomicUsize>,
}

impl Fixture {
    fn new(query_cache_bytes: usize) -> Self {
        let mut model = LoadedModel::hash(4);
        model.identity.prompts.by_name.insert("query".to_owned(), "ask for ".to_owned());
        let encoded = Arc::default();
        let hash = HashEmbedder::new(4);
        model.embedder = Box::new(CountingEmbedder { hash, encoded: Arc::clone(&encoded) });
        let settings = QueueSettings { query_cache_bytes, ..QueueSettings::default() };
        Self { queue: queue(model, settings), encoded }
    }

    async fn embed(
        &self,
        inputs: impl Into<EmbedInputs>,
        options: EmbedOptions,
    ) -> Result<Vec<Embedding>, EmbedError> {
        self.queue.embed_inputs(inputs.into(), options).await
    }

    /// The texts that the backend was given since this was asked last.
    fn encoded(&self) -> usize {
        self.encoded.swap(0, Ordering::Relaxed)
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn query() -> EmbedOptions {
    EmbedOptions { input_type: Some(InputType::Query), ..EmbedOptions::default() }
}

#[tokio::test]
async fn a_query_that_comes_again_is_not_encoded_again() {
    let fixture = Fixture::new(1 << 20);
    let first = fixture.embed(texts(&["a ship", "an iceberg"]), query()).await.unwrap();
    assert_eq!(fixture.encoded(), 2);
    // In another place of another request, beside one that is new.
    let second = fixture.embed(texts(&["a storm", "an iceberg", "a ship"]), query()).await.unwrap();
    assert_eq!(fixture.encoded(), 1);
    assert_eq!([&second[2], &second[1]], [&first[0], &first[1]]);
    let third = fixture.embed(texts(&["a ship", "a ship"]), query()).await.unwrap();
    assert_eq!(fixture.encoded(), 0);
    assert_eq!(third, [first[0].clone(), first[0].clone()]);
}

#[tokio::test]
async fn options_make_the_vectors_that_they_make_without_a_cache() {
    let (with, without) = (Fixture::new(1 << 20), Fixture::new(0));
    let long = "word ".repeat(600) + "end";
    let mut all = Vec::new();
    for pooling in [None, Some(Pooling::Max), Some(Pooling::Cls)] {
        for normalize in [None, Some(false)] {
            for dimensions in [None, Some(3)] {
                for truncate in Truncate::ALL {
                    all.push(EmbedOptions { pooling, normalize, dimensions, truncate, ..query() });
                }
            }
        }
    }
    for options in all.iter().chain(&all) {
        for text in ["one two", &long] {
            let found = with.embed(texts(&[text]), options.clone()).await;
            assert_eq!(found, without.embed(texts(&[text]), options.clone()).await, "{options:?}");
        }
    }
    // Each text once for each pooling and normalizing, and the long one for either end of it. The
    // model's own pooling and the first token are others than `max`, so none are alike.
    assert_eq!(with.encoded(), 3 * 2 * 3);
    assert_eq!(without.encoded(), all.len() * 2 / 3 * 5);
}

#[tokio::test]
async fn only_queries_that_somebody_waits_for_are_kept_and_found() {
    let fixture = Fixture::new(1 << 20);
    let no_query = [
        EmbedOptions::default(),
        EmbedOptions { input_type: Some(InputType::Document), ..EmbedOptions::default() },
        EmbedOptions { lane: Lane::Bulk, ..query() },
    ];
    for options in no_query.iter().chain(&no_query) {
        fixture.embed(texts(&["a ship"]), options.clone()).await.unwrap();
        assert_eq!(fixture.encoded(), 1, "{options:?}");
    }
    fixture.embed(texts(&["a ship"]), query()).await.unwrap();
    assert_eq!(fixture.encoded(), 1, "what was no query was not kept");
}

#[tokio::test]
async fn a_text_that_fails_is_not_kept_and_those_beside_it_are() {
    let fixture = Fixture::new(1 << 20);
    // With the prompt it has 13 tokens.
    let bad = "word ".repeat(11);
    for _ in 0..2 {
        let failed = fixture.embed(texts(&["a ship", &bad]), query()).await;
        assert!(matches!(failed, Err(EmbedError::TextFailed { index: _, .. })), "{failed:?}");
        assert!(fixture.encoded() > 0);
    }
    fixture.embed(texts(&["a ship"]), query()).await.unwrap();
    assert_eq!(fixture.encoded(), 0);
}

#[tokio::test]
async fn a_model_that_ends_answers_nothing_from_its_cache() {
    let fixture = Fixture::new(1 << 20);
    fixture.embed(texts(&["a ship"]), query()).await.unwrap();
    fixture.queue.shutdown().await;
    let refused = fixture.embed(texts(&["a ship"]), query()).await;
    assert_eq!(refused, Err(EmbedError::ShuttingDown));
}

#[tokio::test]
async fn two_models_share_nothing() {
    let (one, other) = (Fixture::new(1 << 20), Fixture::new(1 << 20));
    one.embed(texts(&["a ship"]), query()).await.unwrap();
    other.embed(texts(&["a ship"]), query()).await.unwrap();
    assert_eq!((one.encoded(), other.encoded()), (1, 1));
}
