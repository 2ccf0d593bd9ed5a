//! The metrics as Prometheus reads them.

use akidb_embedding::{
    EmbedOptions, EmbeddingMetricFamilies, EmbeddingQueue, LaneLocks, LoadedModel, QueueSettings,
};
use prometheus::{Registry, TextEncoder};

#[tokio::test]
async fn every_metric_is_there_with_help_and_counts_what_it_says() {
    let registry = Registry::new();
    let metrics = EmbeddingMetricFamilies::register(&registry).unwrap();
    let settings = QueueSettings { queue_tokens: 1000, ..QueueSettings::default() };
    let queue = EmbeddingQueue::start(
        LoadedModel::hash(4),
        settings,
        metrics.of("tiny"),
        LaneLocks::default(),
    )
    .unwrap();
    let texts = vec!["one two".to_owned(), "word ".repeat(600)];
    queue.embed(texts, EmbedOptions::default()).await.unwrap();
    let too_large = ["red ", "green ", "blue "].map(|word| word.repeat(600)).to_vec();
    queue.embed(too_large, EmbedOptions::default()).await.unwrap_err();

    let exposition = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let lines = [
        "akidb_embedding_requests_total{model=\"tiny\"} 2",
        "akidb_embedding_errors_total{code=\"limit_exceeded\",model=\"tiny\"} 1",
        "akidb_embedding_errors_total{code=\"queue_full\",model=\"tiny\"} 0",
        "akidb_embedding_latency_seconds_count{model=\"tiny\"} 2",
        "akidb_embedding_batch_size_sum{model=\"tiny\"} 2",
        "akidb_embedding_queue_depth{model=\"tiny\"} 0",
        "akidb_embedding_gil_wait_seconds_count{model=\"tiny\"} 0",
        "akidb_embedding_tokens_total{model=\"tiny\"} 514",
        "akidb_embedding_truncated_total{model=\"tiny\"} 1",
        "akidb_embedding_query_cache_hits_total{model=\"tiny\"} 0",
        "akidb_embedding_query_cache_misses_total{model=\"tiny\"} 0",
    ];
    for line in lines {
        assert!(exposition.lines().any(|found| found == line), "{line} is not in\n{exposition}");
    }
    let busy = exposition
        .lines()
        .find_map(|line| line.strip_prefix("akidb_embedding_busy_seconds_total{model=\"tiny\"} "));
    assert!(busy.unwrap().parse::<f64>().unwrap() > 0.0);
    for family in registry.gather() {
        assert!(family.help().ends_with('.'), "{} has no help", family.name());
    }
}

#[test]
fn registering_twice_is_an_error_and_not_a_panic() {
    let registry = Registry::new();
    EmbeddingMetricFamilies::register(&registry).unwrap();
    assert!(EmbeddingMetricFamilies::register(&registry).is_err());
}
