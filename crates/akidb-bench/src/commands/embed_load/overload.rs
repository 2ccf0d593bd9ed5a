//! Inserts at a multiple of what the node can do, beside queries: what is served, how soon the rest
//! is refused, and whether who comes back when told is let in.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use akidb_client::{NewCollection, process::plain_http};
use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use reqwest::{Client, StatusCode, header::RETRY_AFTER};
use serde::Serialize;
use serde_json::json;
use tokio::{task::JoinSet, time::sleep};

use super::{Latencies, Load};
use crate::{report::progress, started_node::StartedNode};

/// Documents of one insert.
const DOCUMENTS: usize = 8;
/// Clients that find out what the node can do, each with one insert after the other.
const CLIENTS: usize = 4;
const COLLECTION: &str = "overload";

/// What came of it. Times are in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Overload {
    /// Inserts a second that clients who wait for each answer get done.
    capacity: f64,
    /// How many times that came.
    load: f64,
    inserts: u64,
    served: u64,
    /// Served inserts a second over the capacity.
    pub(super) served_share: f64,
    refused: u64,
    refusal_p50_ms: f64,
    refusal_p99_ms: f64,
    /// Answers that are neither: late, or without a time after which to come back.
    pub(super) failed: u64,
    first_failure: Option<String>,
    /// Of the refused who came back once when told, in percent. Others come at the same time.
    let_in_later: f64,
    /// The queries meanwhile.
    pub(super) queries: Latencies,
}

/// What an insert was answered.
enum Answer {
    Served,
    Refused { took: Duration, retry_after: Duration },
    Failed(String),
}

/// Makes inserts, none of which has a text that another one had.
struct Inserts {
    client: Client,
    url: String,
    texts: Vec<String>,
    next: AtomicUsize,
}

impl Inserts {
    fn body(&self) -> String {
        let first = self.next.fetch_add(DOCUMENTS, Ordering::Relaxed);
        let documents = (first..first + DOCUMENTS).map(|number| {
            let text = &self.texts[number % self.texts.len()];
            json!({"id": number, "text": format!("{number}. {text}")})
        });
        json!({"documents": documents.collect::<Vec<_>>()}).to_string()
    }

    async fn send(&self) -> Answer {
        let request = self.client.post(&self.url).header("content-type", "application/json");
        let request = request.body(self.body());
        let sent_at = Instant::now();
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Answer::Failed(format!("{error:?}")),
        };
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|told| told.to_str().ok());
        let retry_after = retry_after.and_then(|told| told.parse().ok()).map(Duration::from_secs);
        let text = response.text().await.unwrap_or_else(|error| error.to_string());
        match (status, retry_after) {
            (StatusCode::OK, _) => Answer::Served,
            (
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE,
                Some(retry_after),
            ) => Answer::Refused { took: sent_at.elapsed(), retry_after },
            _ => Answer::Failed(format!("{status}: {text}")),
        }
    }
}

/// What is counted of an insert and of its second try.
struct Seen {
    first: Answer,
    /// Whether it was served in the time of the run.
    in_time: bool,
    /// Whether the second try was served.
    later: Option<bool>,
}

/// Runs it: what the node can do for `time`, then `load` times as much for as long.
pub(super) async fn run(
    node: &StartedNode,
    queries: &Load<'_>,
    texts: Vec<String>,
    (load, query_rate, time): (f64, f64, Duration),
) -> anyhow::Result<Overload> {
    node.client.create_collection(&NewCollection::with_default_model(COLLECTION)).await?;
    let inserts = Arc::new(Inserts {
        client: plain_http(),
        url: node.url(&format!("/v1/collections/{COLLECTION}/documents")),
        texts,
        next: AtomicUsize::new(0),
    });
    progress("inserts of clients who wait");
    let capacity = capacity(&inserts, queries, query_rate, time).await?;
    progress(format_args!("{load} times as many"));
    let overloaded = overload(Arc::clone(&inserts), capacity * load, time);
    let (seen, latencies) = tokio::join!(overloaded, queries.at(query_rate, time));
    report(seen?, capacity, load, time, latencies?)
}

/// Inserts a second, beside the same queries.
async fn capacity(
    inserts: &Arc<Inserts>,
    queries: &Load<'_>,
    query_rate: f64,
    time: Duration,
) -> anyhow::Result<f64> {
    let until = Instant::now() + time;
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let inserts = Arc::clone(inserts);
        clients.spawn(async move {
            let mut served = 0_u64;
            while Instant::now() < until {
                match inserts.send().await {
                    Answer::Served => served += 1,
                    Answer::Refused { retry_after, .. } => sleep(retry_after).await,
                    Answer::Failed(failure) => return Err(failure),
                }
            }
            Ok(served)
        });
    }
    let started = Instant::now();
    queries.at(query_rate, time).await?;
    let mut all = 0;
    while let Some(served) = clients.join_next().await {
        all += served?.map_err(anyhow::Error::msg)?;
    }
    ensure!(all > 0, "no insert was served");
    Ok(all as f64 / started.elapsed().as_secs_f64())
}

/// Sends inserts at a rate, whether or not those before were answered, and each that is refused once
/// more when it was told to.
async fn overload(inserts: Arc<Inserts>, rate: f64, time: Duration) -> anyhow::Result<Vec<Seen>> {
    let (start, mut sent, mut number) = (Instant::now(), JoinSet::new(), 0_u32);
    let until = start + time;
    loop {
        let due = start + Duration::from_secs_f64(1.0 / rate) * number;
        if due >= until {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        let inserts = Arc::clone(&inserts);
        sent.spawn(async move {
            let first = inserts.send().await;
            let mut in_time = matches!(first, Answer::Served) && Instant::now() <= until;
            let mut later = None;
            if let Answer::Refused { retry_after, .. } = first
                && Instant::now() + retry_after < until
            {
                sleep(retry_after).await;
                let served = matches!(inserts.send().await, Answer::Served);
                in_time = served && Instant::now() <= until;
                later = Some(served);
            }
            Seen { first, in_time, later }
        });
        number += 1;
    }
    let mut all = Vec::new();
    while let Some(seen) = sent.join_next().await {
        all.push(seen.context("a client has failed")?);
    }
    Ok(all)
}

fn report(
    seen: Vec<Seen>,
    capacity: f64,
    load: f64,
    time: Duration,
    queries: Latencies,
) -> anyhow::Result<Overload> {
    let mut refusals = Histogram::<u64>::new(3)?;
    let (mut served, mut failed, mut first_failure) = (0_u64, 0_u64, None);
    for seen in &seen {
        served += u64::from(seen.in_time);
        match &seen.first {
            Answer::Served => {}
            Answer::Refused { took, .. } => {
                refusals.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1))?;
            }
            Answer::Failed(failure) => {
                failed += 1;
                first_failure.get_or_insert_with(|| failure.clone());
            }
        }
    }
    let later: Vec<bool> = seen.iter().filter_map(|seen| seen.later).collect();
    let let_in = later.iter().filter(|served| **served).count();
    let at = |share| refusals.value_at_quantile(share) as f64 / 1e3;
    Ok(Overload {
        capacity,
        load,
        inserts: seen.len() as u64,
        served,
        served_share: served as f64 / time.as_secs_f64() / capacity,
        refused: refusals.len(),
        refusal_p50_ms: at(0.5),
        refusal_p99_ms: at(0.99),
        failed,
        first_failure,
        let_in_later: let_in as f64 * 100.0 / later.len().max(1) as f64,
        queries,
    })
}

impl Overload {
    /// What it found, with names.
    pub(super) fn rows(&self) -> Vec<[String; 2]> {
        let name = |name: &str| name.to_owned();
        vec![
            [name("inserts/s that it can do"), format!("{:.1}", self.capacity)],
            [name("inserts that came"), format!("{} ({:.1} times that)", self.inserts, self.load)],
            [name("served"), format!("{} ({:.0} %)", self.served, self.served_share * 1e2)],
            [name("refused"), self.refused.to_string()],
            [
                name("a refusal took, p50 and p99"),
                format!("{:.1} and {:.1} ms", self.refusal_p50_ms, self.refusal_p99_ms),
            ],
            [name("let in who came back when told"), format!("{:.0} %", self.let_in_later)],
            [name("other answers"), self.failed.to_string()],
            [
                name("queries, p50 and p95"),
                format!("{:.1} and {:.1} ms", self.queries.median_ms, self.queries.p95_ms),
            ],
        ]
    }

    /// What is against the goals.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.served_share < 0.9 {
            let share = self.served_share * 1e2;
            faults.push(format!("overloaded, it served {share:.0} % of what it can do"));
        }
        if let Some(failure) = &self.first_failure {
            faults.push(format!("overloaded, {} inserts failed: {failure}", self.failed));
        }
        if let Some(error) = &self.queries.first_error {
            faults.push(format!("overloaded, {} queries failed: {error}", self.queries.errors));
        }
        faults
    }
}
