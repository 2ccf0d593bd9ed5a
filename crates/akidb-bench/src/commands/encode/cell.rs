//! One workload: everybody's turns, and what they come to.

use std::{
    thread,
    time::{Duration, Instant},
};

use akidb_embedding::Precision;
use serde::Serialize;

use crate::{
    encoders::{Cost, Encoder, Role},
    timing::Percentiles,
    workload::Workload,
};

/// Runs of each contender over a batch, at the least.
const LEAST_RUNS: usize = 5;

/// How long nobody runs before each turn.
const BETWEEN_TURNS: Duration = Duration::from_millis(3);

/// What one workload came to in one precision.
#[derive(Serialize)]
pub(super) struct Cell {
    workload: String,
    pub(super) precision: Precision,
    tokens_s: f64,
    other_tokens_s: Option<f64>,
    limit_name: String,
    limit_operations_s: f64,
    of_limit: f64,
    /// The lowest cosine of ours, in `f32` to the other's `f32`, in int8 to our `f32`.
    pub(super) cosine_other: Option<f64>,
    /// The lowest cosine of the other's int8 to its own `f32`.
    other_cosine: Option<f64>,
}

impl Cell {
    pub(super) fn row(&self) -> [String; 9] {
        let told = |value: Option<f64>, decimals: usize| {
            value.map(|value| format!("{value:.decimals$}")).unwrap_or_default()
        };
        [
            self.workload.clone(),
            self.precision.to_string(),
            format!("{:.0}", self.tokens_s),
            told(self.other_tokens_s, 0),
            told(self.other_tokens_s.map(|other| self.tokens_s / other), 2),
            format!("{:.0}", self.limit_operations_s / 1e9),
            format!("{:.0} %", self.of_limit * 100.0),
            told(self.cosine_other, 5),
            told(self.other_cosine, 5),
        ]
    }
}

/// What one contender did with all batches of a workload.
#[derive(Default)]
struct Turns {
    seconds: f64,
    vectors: Vec<Vec<f32>>,
}

/// Runs a workload, each batch in turn by everybody, for about `seconds`.
pub(super) fn measure(
    encoders: &mut [Box<dyn Encoder>],
    workload: &Workload,
    cost: &Cost,
    seconds: f64,
) -> anyhow::Result<Vec<Cell>> {
    let mut turns: Vec<Turns> = encoders.iter().map(|_| Turns::default()).collect();
    let budget = seconds / workload.batches.len() as f64;
    for batch in &workload.batches {
        for (encoder, turns) in encoders.iter_mut().zip(&mut turns) {
            turns.vectors.extend(encoder.prepare(batch)?);
        }
        let mut times: Vec<Vec<Duration>> = vec![Vec::new(); encoders.len()];
        let started = Instant::now();
        while times[0].len() < LEAST_RUNS || started.elapsed().as_secs_f64() < budget {
            for (encoder, times) in encoders.iter_mut().zip(&mut times) {
                // Threads of the one before may look for work for a while; they shall have ended.
                thread::sleep(BETWEEN_TURNS);
                times.push(encoder.run()?);
            }
        }
        for (turns, times) in turns.iter_mut().zip(&times) {
            turns.seconds += Percentiles::of(times).median_ms / 1e3;
        }
    }
    Ok(evaluate(encoders, &turns, workload, cost))
}

fn evaluate(
    encoders: &[Box<dyn Encoder>],
    turns: &[Turns],
    workload: &Workload,
    cost: &Cost,
) -> Vec<Cell> {
    let tokens = workload.tokens();
    let attention: f64 =
        workload.batches.iter().map(|batch| cost.attention_operations(batch)).sum();
    let find = |role: Role, precision: Precision| {
        let mut found = encoders
            .iter()
            .zip(turns)
            .filter(move |(encoder, _)| encoder.role() == role && encoder.precision() == precision);
        found.next().map(|(_, turns)| turns)
    };
    let limit = |precision: Precision| {
        let limits = encoders.iter().zip(turns).filter(move |(encoder, _)| {
            encoder.role() == Role::Limit && encoder.precision() == precision
        });
        let fastest = limits.min_by(|one, other| one.1.seconds.total_cmp(&other.1.seconds));
        fastest.map(|(encoder, turns)| {
            (encoder.name(), cost.matrix_operations(tokens) / turns.seconds)
        })
    };
    let cosine_between = |one: Option<&Turns>, other: Option<&Turns>| {
        Some(lowest_cosine(&one?.vectors, &other?.vectors))
    };
    let cell = |precision: Precision| {
        let ours = find(Role::Ours, precision)?;
        let other = find(Role::Other, precision);
        let (limit_name, limit_operations_s) = limit(precision)?;
        let (_, f32_operations_s) = limit(Precision::F32)?;
        let least_s =
            cost.matrix_operations(tokens) / limit_operations_s + attention / f32_operations_s;
        let (reference, other_cosine) = match precision {
            Precision::F32 => (other, None),
            _ => {
                let single = find(Role::Other, Precision::F32);
                (find(Role::Ours, Precision::F32), cosine_between(other, single))
            }
        };
        Some(Cell {
            workload: workload.name.clone(),
            precision,
            tokens_s: tokens as f64 / ours.seconds,
            other_tokens_s: other.map(|other| tokens as f64 / other.seconds),
            limit_name,
            limit_operations_s,
            of_limit: least_s / ours.seconds,
            cosine_other: cosine_between(Some(ours), reference),
            other_cosine,
        })
    };
    [Precision::F32, Precision::Int8].into_iter().filter_map(cell).collect()
}

fn lowest_cosine(ones: &[Vec<f32>], others: &[Vec<f32>]) -> f64 {
    let dot = |one: &[f32], other: &[f32]| -> f64 {
        one.iter().zip(other).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let cosine = |(a, b): (&Vec<f32>, &Vec<f32>)| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    ones.iter().zip(others).map(cosine).fold(1.0, f64::min)
}
