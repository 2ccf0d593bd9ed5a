//! Many requests at once against a node, and how long each took.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    machine,
    node::{Client, Endpoint},
    timing::Percentiles,
};

/// Parts of a run that get a rate of their own.
const WINDOWS: usize = 10;

/// One of a number of requests.
pub(crate) trait Job: Send + Sync + 'static {
    /// Does request `at`; an error ends the run.
    fn run(
        &self,
        client: &mut Client,
        at: usize,
    ) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// A finished request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completion {
    pub(crate) took: Duration,
    /// Since the run began.
    pub(crate) finished: Duration,
}

/// What a run came to.
pub(crate) struct Run {
    /// In the order in which they finished; at least one.
    completions: Vec<Completion>,
    /// Processor time of this process in the run.
    pub(crate) client_cpu_s: Option<f64>,
}

impl Run {
    /// A run that was measured elsewhere.
    pub(crate) fn of(completions: Vec<Completion>) -> Self {
        assert!(!completions.is_empty(), "a run has requests");
        Self { completions, client_cpu_s: None }
    }

    pub(crate) fn requests(&self) -> usize {
        self.completions.len()
    }

    /// Requests a second over the whole run.
    pub(crate) fn rate(&self) -> f64 {
        self.completions.len() as f64 / self.finished(self.completions.len())
    }

    /// Requests a second in each tenth of the requests, in order.
    pub(crate) fn window_rates(&self) -> Vec<f64> {
        let count = self.completions.len();
        let windows = WINDOWS.min(count);
        let bounds: Vec<usize> = (0..=windows).map(|window| window * count / windows).collect();
        let rate = |bounds: &[usize]| {
            let seconds = self.finished(bounds[1]) - self.finished(bounds[0]);
            (bounds[1] - bounds[0]) as f64 / seconds.max(1e-9)
        };
        bounds.windows(2).map(rate).collect()
    }

    pub(crate) fn percentiles(&self) -> Percentiles {
        let times: Vec<_> = self.completions.iter().map(|completion| completion.took).collect();
        Percentiles::of(&times)
    }

    /// When `count` requests had finished, in seconds since the run began.
    fn finished(&self, count: usize) -> f64 {
        count.checked_sub(1).map_or(0.0, |last| self.completions[last].finished.as_secs_f64())
    }
}

/// Does `count` requests, `concurrency` at once, each worker on its own connection.
pub(crate) async fn run<J: Job>(
    endpoint: &Endpoint,
    concurrency: usize,
    count: usize,
    job: J,
) -> anyhow::Result<Run> {
    let job = Arc::new(job);
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = Vec::with_capacity(concurrency);
    for _ in 0..concurrency {
        clients.push(endpoint.connect().await?);
    }
    let cpu_before = machine::process_cpu_s();
    let started = Instant::now();
    let mut workers = JoinSet::new();
    for client in clients {
        workers.spawn(work(client, Arc::clone(&job), Arc::clone(&next), count, started));
    }
    let mut completions = Vec::with_capacity(count);
    while let Some(worker) = workers.join_next().await {
        completions.extend(worker??);
    }
    let cpu = machine::process_cpu_s().zip(cpu_before);
    completions.sort_unstable_by_key(|completion| completion.finished);
    Ok(Run { client_cpu_s: cpu.map(|(after, before)| after - before), ..Run::of(completions) })
}

async fn work<J: Job>(
    mut client: Client,
    job: Arc<J>,
    next: Arc<AtomicUsize>,
    count: usize,
    started: Instant,
) -> anyhow::Result<Vec<Completion>> {
    let mut completions = Vec::new();
    loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        if at >= count {
            return Ok(completions);
        }
        let began = Instant::now();
        job.run(&mut client, at).await?;
        completions.push(Completion { took: began.elapsed(), finished: started.elapsed() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_follow_the_clock() {
        let completion = |at: u64| Completion {
            took: Duration::from_millis(1),
            // 50 requests in the first second, 50 in the two after it.
            finished: Duration::from_millis(if at <= 50 { at * 20 } else { at * 40 - 1_000 }),
        };
        let run = Run::of((1..=100).map(completion).collect());
        assert!((run.rate() - 100.0 / 3.0).abs() < 1e-6);
        let windows = run.window_rates();
        assert_eq!(windows.len(), 10);
        assert!((windows[1] - 50.0).abs() < 1e-6 && (windows[8] - 25.0).abs() < 1e-6);
    }

    #[test]
    fn few_requests_have_few_windows() {
        let finished = Duration::from_secs(2);
        let run = Run::of(vec![Completion { took: finished, finished }]);
        assert_eq!(run.window_rates(), [0.5]);
    }
}
