//! Requests at times that were fixed before the first one was sent.
//!
//! A request that the schedule asks for is sent whether or not those before it were answered, and
//! its time counts from when the schedule asked for it. So a node that stalls is charged for every
//! request that it kept waiting, and not for one (Tene: "How NOT to Measure Latency", 2013).

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::{Client, header::CONTENT_TYPE};
use serde::Serialize;
use tokio::{runtime::Handle, task::JoinSet};

/// Requests under way at which a run is given up: the node is slower than the schedule, and what
/// waits would only grow.
const UNDER_WAY_MAX: usize = 512;
/// Before the first request, so that nothing of the set-up is in its time.
const LEAD: Duration = Duration::from_millis(20);
/// The longest time that is told apart, in microseconds.
const LONGEST_US: u64 = 120_000_000;

/// How the times of a schedule follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Arrivals {
    /// Every request the same time after the last one
    Even,
    /// As those of many clients who do not know of each other: now and then several at once
    Poisson,
}

/// What one run asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    pub(super) rate: f64,
    pub(super) time: Duration,
    pub(super) arrivals: Arrivals,
}

/// What came of a run. Times are in milliseconds, from the scheduled time to the whole answer.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Latencies {
    pub(super) rate: f64,
    pub(super) requests: u64,
    pub(super) errors: u64,
    /// Of the first request that failed.
    pub(super) first_error: Option<String>,
    /// Whether it was given up, because the node fell behind without end.
    pub(super) fell_behind: bool,
    pub(super) median_ms: f64,
    pub(super) p95_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
    /// The latest that a request was sent after its time, which is the client's own fault.
    pub(super) sent_late_max_ms: f64,
}

impl Schedule {
    /// When each request is due, from the start.
    fn times(self) -> Vec<Duration> {
        let count = (self.rate * self.time.as_secs_f64()).round().max(1.0) as usize;
        let mut random = StdRng::seed_from_u64(1);
        let mut at = 0.0;
        let gaps = (0..count).map(|_| match self.arrivals {
            Arrivals::Even => 1.0,
            Arrivals::Poisson => -(1.0 - random.random::<f64>()).ln(),
        });
        gaps.map(|gap| {
            let due = Duration::from_secs_f64(at);
            at += gap / self.rate;
            due
        })
        .collect()
    }
}

/// Posts one body after the other to `url`, each at its time, and waits for all answers.
pub(super) async fn run(
    client: &Client,
    url: &str,
    schedule: Schedule,
    body: impl Fn(usize) -> String + Send + Sync + 'static,
) -> anyhow::Result<Latencies> {
    let under_way = Arc::new(AtomicUsize::new(0));
    let (runtime, client, url) = (Handle::current(), client.clone(), url.to_owned());
    let times = schedule.times();
    let counter = Arc::clone(&under_way);
    let dispatch = move || {
        let mut sent = JoinSet::new();
        let start = Instant::now() + LEAD;
        for (number, due) in times.into_iter().enumerate() {
            let request = client.post(&url).header(CONTENT_TYPE, "application/json");
            let request = request.body(body(number));
            let due = start + due;
            // A timer of the runtime would be late by up to a millisecond.
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if counter.fetch_add(1, Ordering::Relaxed) >= UNDER_WAY_MAX {
                return (sent, true);
            }
            let counter = Arc::clone(&counter);
            let send = async move {
                let sent_late = due.elapsed();
                let outcome = answered(request).await;
                counter.fetch_sub(1, Ordering::Relaxed);
                (due.elapsed(), sent_late, outcome)
            };
            sent.spawn_on(send, &runtime);
        }
        (sent, false)
    };
    let (mut sent, fell_behind) = tokio::task::spawn_blocking(dispatch).await?;
    let mut record = Record::new()?;
    while let Some(request) = sent.join_next().await {
        let (took, sent_late, outcome) = request?;
        record.add(took, sent_late, outcome)?;
    }
    Ok(record.latencies(schedule.rate, fell_behind))
}

/// Sends a request and reads the whole answer, or says what was wrong with it.
async fn answered(request: reqwest::RequestBuilder) -> Result<(), String> {
    let response = request.send().await.map_err(|error| format!("{error:?}"))?;
    let status = response.status();
    let answer = response.bytes().await.map_err(|error| format!("{error:?}"))?;
    if status.is_success() && !answer.is_empty() {
        return Ok(());
    }
    Err(format!("{status}: {}", String::from_utf8_lossy(&answer)))
}

struct Record {
    took_us: Histogram<u64>,
    sent_late: Duration,
    errors: u64,
    first_error: Option<String>,
}

impl Record {
    fn new() -> anyhow::Result<Self> {
        let took_us = Histogram::new_with_bounds(1, LONGEST_US, 3)?;
        Ok(Self { took_us, sent_late: Duration::ZERO, errors: 0, first_error: None })
    }

    fn add(
        &mut self,
        took: Duration,
        sent_late: Duration,
        outcome: Result<(), String>,
    ) -> anyhow::Result<()> {
        self.sent_late = self.sent_late.max(sent_late);
        if let Err(error) = outcome {
            self.errors += 1;
            self.first_error.get_or_insert(error);
        }
        let took_us = u64::try_from(took.as_micros()).unwrap_or(LONGEST_US);
        Ok(self.took_us.record(took_us.clamp(1, LONGEST_US))?)
    }

    fn latencies(self, rate: f64, fell_behind: bool) -> Latencies {
        let at = |share: f64| self.took_us.value_at_quantile(share) as f64 / 1e3;
        Latencies {
            rate,
            requests: self.took_us.len(),
            errors: self.errors,
            fell_behind,
            median_ms: at(0.5),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            max_ms: self.took_us.max() as f64 / 1e3,
            sent_late_max_ms: self.sent_late.as_secs_f64() * 1e3,
            first_error: self.first_error,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    #[test]
    fn schedules_have_their_rate_and_do_not_change() {
        for arrivals in [Arrivals::Even, Arrivals::Poisson] {
            let schedule = Schedule { rate: 200.0, time: Duration::from_secs(50), arrivals };
            let times = schedule.times();
            assert_eq!(times.len(), 10_000);
            assert!(times.is_sorted() && times == schedule.times());
            let rate = times.len() as f64 / times.last().unwrap().as_secs_f64();
            assert!((190.0..210.0).contains(&rate), "{arrivals:?}: {rate}");
        }
    }

    /// A server that answers at once, but stops once for half a second.
    async fn stalling_server() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let served = Arc::new(AtomicUsize::new(0));
            let is_free = Arc::new(tokio::sync::Mutex::new(()));
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (served, is_free) = (Arc::clone(&served), Arc::clone(&is_free));
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    while stream.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {
                        let _free = is_free.lock().await;
                        if served.fetch_add(1, Ordering::Relaxed) == 20 {
                            tokio::time::sleep(Duration::from_millis(500)).await;
                        }
                        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        url
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_request_of_a_stall_is_charged_for_it() {
        let url = stalling_server().await;
        let time = Duration::from_secs(1);
        let schedule = Schedule { rate: 100.0, time, arrivals: Arrivals::Even };
        let body = |_| "0123456789".to_owned();
        let found = run(&akidb_client::process::plain_http(), &url, schedule, body).await.unwrap();
        assert_eq!((found.requests, found.errors), (100, 0));
        // Half of the requests came in the stall; a busy machine can only make them wait longer.
        assert!(found.max_ms > 400.0 && found.p95_ms > 350.0, "{found:?}");
    }
}
