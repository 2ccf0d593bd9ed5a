//! `cargo xtask smoke`: whether a running node does what it is for, asked from outside.
//!
//! It needs nothing but the two addresses. All that it writes is in a collection of its own, with a
//! name that nobody else has, which is dropped at the end, also when something failed.

use std::time::{Duration, Instant};

use akidb_client::{
    Client, Collection, Embed, Id, NewCollection, NewDocument, Readiness, Retries, Search,
};
use akidb_core::Limits;
use akidb_proto::embedding::v1::{EmbedRequest, embedding_service_client::EmbeddingServiceClient};
use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use tokio::runtime;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use uuid::Uuid;

/// Requests whose latency is measured.
const EMBEDS: usize = 20;
const TEXT: &str = "a ship meets an iceberg";

/// Which node.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where its REST door is.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Where its gRPC door is.
    #[arg(long, default_value = "http://127.0.0.1:9090")]
    grpc: String,
}

/// The command.
pub(crate) fn run(options: &Options) -> Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(ask(&options.url, &options.grpc))
}

/// Asks everything; fails with all that is not as it must be.
pub(crate) async fn ask(url: &str, grpc: &str) -> Result<()> {
    // What fails once has failed.
    let rest = Client::new(url)?.with_retries(Retries::NONE);
    let mut report = Report::default();
    report.add("health", health(&rest).await);
    report.add("documents by REST", documents(&rest).await);
    let by_rest = embed(&rest, TEXT).await;
    match Endpoint::from_shared(grpc.to_owned())?.connect().await {
        Ok(channel) => {
            report.add("health by gRPC", grpc_health(channel.clone()).await);
            report.add("the same vector by gRPC", grpc_embed(channel, by_rest).await);
        }
        Err(error) => report.add("gRPC", Err(error).context(format!("cannot reach {grpc}"))),
    }
    report.add("latency", latency(&rest).await);
    report.add("metrics", metrics(&rest).await);
    report.end(url)
}

/// What was asked, and how that went.
#[derive(Default)]
struct Report {
    asked: usize,
    failed: Vec<&'static str>,
}

impl Report {
    fn add(&mut self, name: &'static str, outcome: Result<String>) {
        self.asked += 1;
        match outcome {
            Ok(words) => println!("passed   {name}: {words}"),
            Err(error) => {
                println!("FAILED   {name}: {error:#}");
                self.failed.push(name);
            }
        }
    }

    fn end(self, url: &str) -> Result<()> {
        if self.failed.is_empty() {
            return Ok(());
        }
        let (failed, asked) = (self.failed.len(), self.asked);
        bail!(
            "{failed} of {asked} failed at {url}: {}\nhint: `akidb ready --url {url}` shows the \
             parts of the node, its log says more",
            self.failed.join(", ")
        );
    }
}

async fn health(rest: &Client) -> Result<String> {
    let Readiness { ready, components, .. } = rest.readiness().await?;
    ensure!(ready, "/readyz answers {components:?}");
    Ok("alive and ready".to_owned())
}

/// Stores, counts, finds by text and with a filter, deletes.
async fn documents(rest: &Client) -> Result<String> {
    let name = format!("smoke-{}", Uuid::now_v7().simple());
    rest.create_collection(&NewCollection::with_default_model(&name)).await?;
    let collection = rest.collection(&name);
    let outcome = in_collection(collection).await;
    let dropped = collection.drop().await;
    let words = outcome?;
    dropped.context("the collection could not be dropped")?;
    Ok(words)
}

async fn in_collection(collection: Collection<'_>) -> Result<String> {
    let document = |id, text: &str, year| {
        let text = Some(text.to_owned());
        NewDocument { id, text, metadata: Some(json!({"year": year})), ..NewDocument::default() }
    };
    let documents = [
        document(Some(1.into()), "An ocean liner strikes ice and sinks.", 1912),
        document(Some("two".into()), "Bread rises because yeast makes gas.", 1860),
        document(None, "A telescope shows the moons of Jupiter.", 1610),
    ];
    collection.upsert(&documents).await?;
    let count = collection.count(None).await?;
    ensure!(count == 3, "3 documents were stored, the count is {count}");

    let found = collection.search(&Search::text(TEXT).limit(1)).await?.hits;
    let first = found.first().map(|hit| &hit.id);
    ensure!(first == Some(&Id::from(1)), "a search by text found {found:?}");
    let old = Search::text(TEXT).filter(json!({"year": {"$lt": 1700}})).limit(3);
    let found = collection.search(&old).await?.hits;
    ensure!(found.len() == 1, "a filter let through {found:?}");

    collection.delete(&"two".into(), None).await?;
    let count = collection.count(None).await?;
    ensure!(count == 2, "one of 3 documents was deleted, the count is {count}");
    Ok("stored, counted, found by text and by filter, deleted".to_owned())
}

async fn embed(rest: &Client, text: &str) -> Result<Vec<f32>> {
    let embedded = rest.embed(&Embed::texts([text])).await?.embeddings;
    Ok(embedded.into_iter().next().context("no embedding in the reply")?.values)
}

async fn grpc_health(channel: Channel) -> Result<String> {
    let request = HealthCheckRequest { service: String::new() };
    let status = HealthClient::new(channel).check(request).await?.into_inner().status();
    ensure!(status == ServingStatus::Serving, "it answers {status:?}");
    Ok("serving".to_owned())
}

async fn grpc_embed(channel: Channel, by_rest: Result<Vec<f32>>) -> Result<String> {
    let message_bytes = Limits::default().grpc_message_bytes;
    let request = EmbedRequest { texts: vec![TEXT.to_owned()], ..EmbedRequest::default() };
    let mut client = EmbeddingServiceClient::new(channel).max_decoding_message_size(message_bytes);
    let reply = client.embed(request).await?.into_inner();
    let values = reply.embeddings.into_iter().next().context("no embedding in the reply")?.values;
    let by_rest = by_rest.context("REST gave no vector to compare with")?;
    let same = values.iter().zip(&by_rest).all(|(a, b)| (a - b).abs() < 1e-4);
    ensure!(!values.is_empty() && values.len() == by_rest.len() && same, "the vectors differ");
    Ok(format!("{} dimensions", values.len()))
}

/// Each text is another one, so that no vector is known from before.
async fn latency(rest: &Client) -> Result<String> {
    let mut took = Vec::with_capacity(EMBEDS);
    let run = Uuid::now_v7();
    for number in 0..EMBEDS {
        let text = format!("text {number} of {run}");
        let started = Instant::now();
        embed(rest, &text).await?;
        took.push(started.elapsed());
    }
    took.sort();
    let (p50, p95) = (percentile(&took, 50), percentile(&took, 95));
    Ok(format!("{EMBEDS} embeds one after the other, P50 {p50:.1} ms, P95 {p95:.1} ms"))
}

/// The nearest rank of sorted durations, in milliseconds.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).clamp(1, sorted.len());
    sorted[rank - 1].as_secs_f64() * 1e3
}

async fn metrics(rest: &Client) -> Result<String> {
    let page = rest.metrics().await?;
    let embedded = page.lines().any(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap_or_default();
        name.starts_with("akidb_embedding_requests_total")
            && value.parse().is_ok_and(|value: f64| value >= EMBEDS as f64)
    });
    ensure!(embedded, "akidb_embedding_requests_total does not count the embeds");
    Ok(format!("{} series", page.lines().filter(|line| line.starts_with("akidb_")).count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let took: Vec<_> = (1..=20).map(Duration::from_millis).collect();
        assert_eq!(percentile(&took, 50), 10.0);
        assert_eq!(percentile(&took, 95), 19.0);
        assert_eq!(percentile(&took[..1], 95), 1.0);
    }
}
