//! Times and their percentiles.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// Percentiles of a list of times, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) min_ms: f64,
    pub(crate) median_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl Percentiles {
    /// Of at least one time, to the nearest rank.
    pub(crate) fn of(times: &[Duration]) -> Self {
        let mut times = times.to_vec();
        times.sort_unstable();
        assert!(!times.is_empty(), "percentiles need a time");
        let at = |share: f64| {
            let rank = (share * times.len() as f64).ceil() as usize;
            milliseconds(times[rank.clamp(1, times.len()) - 1])
        };
        Self {
            min_ms: at(0.0),
            median_ms: at(0.5),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            max_ms: at(1.0),
        }
    }
}

/// Wall time and the processor time of the calling thread, which others on the machine leave alone.
pub(crate) struct Stopwatch {
    started: Instant,
    cpu_before: Duration,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), cpu_before: thread_cpu() }
    }

    pub(crate) fn stop(&self) -> Took {
        Took { wall: self.started.elapsed(), cpu: thread_cpu().saturating_sub(self.cpu_before) }
    }
}

/// How long something took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) wall: Duration,
    /// Of the one thread that measured.
    pub(crate) cpu: Duration,
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let times: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        let percentiles = Percentiles::of(&times);
        let expected = Percentiles {
            min_ms: 1.0,
            median_ms: 100.0,
            p95_ms: 190.0,
            p99_ms: 198.0,
            max_ms: 200.0,
        };
        assert_eq!(percentiles, expected);
        assert_eq!(Percentiles::of(&times[..1]).p99_ms, 200.0);
    }
}
