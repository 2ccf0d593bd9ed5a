//! The metrics as Prometheus reads them.

use akidb_embedding::{
    EmbedOptions, EmbeddingEngine, EmbeddingMetrics, EngineSettings, LoadedModel,
};
use prometheus::{Registry, TextEncoder};

#[tokio::test]
async fn every_metric_is_there_with_help_and_counts_what_it_says() {
    let registry = Registry::new();
    let metrics = EmbeddingMetrics::register(&registry).unwrap();
    let settings = EngineSettings { queue_tokens: 1000, ..EngineSettings::default() };
    let engine = EmbeddingEngine::start(LoadedModel::hash(4), settings, metrics).unwrap();
    let texts = vec!["one two".to_owned(), "word ".repeat(600)];
    engine.embed(texts, EmbedOptions::default()).await.unwrap();
    let too_large = vec!["word ".repeat(600); 3];
    engine.embed(too_large, EmbedOptions::default()).await.unwrap_err();

    let exposition = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let lines = [
        "akidb_embedding_requests_total 2",
        "akidb_embedding_errors_total{code=\"request_too_large\"} 1",
        "akidb_embedding_errors_total{code=\"queue_full\"} 0",
        "akidb_embedding_latency_seconds_count 2",
        "akidb_embedding_batch_size_sum 2",
        "akidb_embedding_queue_depth 0",
        "akidb_embedding_gil_wait_seconds_count 0",
        "akidb_embedding_tokens_total 514",
        "akidb_embedding_truncated_total 1",
    ];
    for line in lines {
        assert!(exposition.lines().any(|found| found == line), "{line} is not in\n{exposition}");
    }
    for family in registry.gather() {
        assert!(family.help().ends_with('.'), "{} has no help", family.name());
    }
}

#[test]
fn registering_twice_is_an_error_and_not_a_panic() {
    let registry = Registry::new();
    EmbeddingMetrics::register(&registry).unwrap();
    assert!(EmbeddingMetrics::register(&registry).is_err());
}
