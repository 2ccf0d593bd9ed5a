//! Searches when half of the vectors are removed, beside an index that never had them.

use std::{collections::HashSet, time::Instant};

use akidb_core::Quantization;
use akidb_index::{HnswIndex, SearchRequest, VectorIndex};
use anyhow::ensure;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde::Serialize;

use super::Subject;
use crate::{
    dataset::Dataset,
    graph_engines::{linked, settings},
    report::{progress, table},
    timing::Stopwatch,
    truth::Truth,
};

/// Vectors around one that are removed together.
const CLUSTER: usize = 1_000;

/// Candidates of the searches.
const EFS: [usize; 2] = [64, 200];

/// Which half is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Choice {
    /// Each by chance.
    Random,
    /// All around some vectors.
    Clusters,
}

/// What was left behind each kind of removal.
#[derive(Serialize)]
pub(super) struct Deleted {
    stages: Vec<Stage>,
}

/// The index at one stage after the removal.
#[derive(Serialize)]
struct Stage {
    choice: Choice,
    name: &'static str,
    /// What it took to come to this stage from the one before; for a fresh index, all of it.
    wall_s: f64,
    /// Recall and processor time of a search for each of [`EFS`].
    recall: [f64; EFS.len()],
    us: [f64; EFS.len()],
    memory_bytes: usize,
    found_only_live: bool,
}

pub(super) fn measure(
    subject: &Subject,
    quantization: Quantization,
    seed: u64,
) -> anyhow::Result<Deleted> {
    let mut stages = Vec::new();
    for choice in [Choice::Random, Choice::Clusters] {
        stages.extend(measure_choice(subject, quantization, choice, seed)?);
    }
    Ok(Deleted { stages })
}

fn measure_choice(
    subject: &Subject,
    quantization: Quantization,
    choice: Choice,
    seed: u64,
) -> anyhow::Result<Vec<Stage>> {
    let task = &subject.task;
    let (vectors, queries) = (&*task.vectors, &*task.queries);
    progress(format_args!("building an index to remove half of, {choice:?}"));
    let index = linked(vectors, task.metric, settings(quantization))?;
    let removed = chosen(&index, vectors, choice, seed);
    let started = Instant::now();
    index.remove(&removed.iter().copied().collect::<Vec<_>>());
    let mut wall_s = started.elapsed().as_secs_f64();
    let truth = Truth::by_index(&index, vectors, queries, task.limit);
    let searched = Searched { queries, truth: &truth };
    let is_live = |slot: u32| !removed.contains(&slot);
    let mut stages = Vec::new();
    stages.push(searched.stage(choice, "removed", wall_s, &index, vectors, is_live));

    progress("repairing");
    wall_s = linking(&index)?;
    stages.push(searched.stage(choice, "repaired", wall_s, &index, vectors, is_live));

    progress("compacting");
    let started = Instant::now();
    let (compacted, old_slots) = index.compacted();
    wall_s = started.elapsed().as_secs_f64() + linking(&compacted)?;
    drop(index);
    ensure!(old_slots.iter().all(|&slot| is_live(slot)), "compacting kept a removed vector");
    let live = vectors.of_rows(old_slots.iter().copied());
    stages.push(searched.stage(choice, "compacted", wall_s, &compacted, &live, |_| true));
    drop(compacted);

    progress("building a fresh index of the other half");
    let started = Instant::now();
    let fresh = linked(&live, task.metric, settings(quantization))?;
    wall_s = started.elapsed().as_secs_f64();
    stages.push(searched.stage(choice, "fresh", wall_s, &fresh, &live, |_| true));
    Ok(stages)
}

/// Half of the slots.
fn chosen(index: &HnswIndex, vectors: &Dataset, choice: Choice, seed: u64) -> HashSet<u32> {
    let mut random = StdRng::seed_from_u64(seed);
    let half = vectors.len() / 2;
    match choice {
        Choice::Random => {
            let mut slots: Vec<u32> = (0..).take(vectors.len()).collect();
            let (some, _) = slots.partial_shuffle(&mut random, half);
            some.iter().copied().collect()
        }
        Choice::Clusters => {
            let around = SearchRequest::nearest(CLUSTER).exactly();
            let mut removed = HashSet::new();
            while removed.len() < half {
                let center = vectors.vector(random.random_range(0..vectors.len()));
                let found = index.search(center, &around).neighbors;
                let room = half - removed.len();
                let new = found.into_iter().map(|found| found.slot);
                let new: Vec<u32> = new.filter(|slot| !removed.contains(slot)).take(room).collect();
                removed.extend(new);
            }
            removed
        }
    }
}

/// Lets the index do what it does in the background, on one thread, and says how long it took.
fn linking(index: &HnswIndex) -> anyhow::Result<f64> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let started = Instant::now();
    pool.install(|| while index.link(usize::MAX) > 0 {});
    Ok(started.elapsed().as_secs_f64())
}

/// The searches that every stage is measured by.
struct Searched<'a> {
    queries: &'a Dataset,
    truth: &'a Truth,
}

impl Searched<'_> {
    fn stage(
        &self,
        choice: Choice,
        name: &'static str,
        wall_s: f64,
        index: &HnswIndex,
        vectors: &Dataset,
        is_live: impl Fn(u32) -> bool,
    ) -> Stage {
        let passes = EFS.map(|ef| self.pass(index, ef));
        let recall = |found: &[Vec<u32>]| self.truth.recall(vectors, self.queries, found);
        Stage {
            choice,
            name,
            wall_s,
            recall: [0, 1].map(|at| recall(&passes[at].0)),
            us: [0, 1].map(|at| passes[at].1),
            memory_bytes: index.memory_bytes(),
            found_only_live: passes
                .iter()
                .all(|(found, _)| found.iter().flatten().all(|&slot| is_live(slot))),
        }
    }

    /// What each query found, and the processor time of a search.
    fn pass(&self, index: &HnswIndex, ef: usize) -> (Vec<Vec<u32>>, f64) {
        let request = SearchRequest::nearest(self.truth.limit()).with_ef(ef);
        let watch = Stopwatch::start();
        let queries = 0..self.queries.len();
        let found = queries.map(|query| index.search(self.queries.vector(query), &request));
        let found: Vec<_> = found.collect();
        let us = watch.stop().cpu.as_secs_f64() * 1e6 / found.len().max(1) as f64;
        let slots = |found: akidb_index::Found| {
            found.neighbors.into_iter().map(|neighbor| neighbor.slot).collect()
        };
        (found.into_iter().map(slots).collect(), us)
    }
}

impl Deleted {
    /// Whether no search found what was removed.
    pub(super) fn found_only_live(&self) -> bool {
        self.stages.iter().all(|stage| stage.found_only_live)
    }

    pub(super) fn parts(&self) -> Vec<String> {
        let heads = [
            "half removed",
            "index",
            "took s",
            "recall at ef 64",
            "us",
            "recall at ef 200",
            "us",
            "memory MiB",
        ];
        let rows = self.stages.iter().map(|stage| {
            [
                stage.choice.name().to_owned(),
                stage.name.to_owned(),
                format!("{:.2}", stage.wall_s),
                format!("{:.4}", stage.recall[0]),
                format!("{:.1}", stage.us[0]),
                format!("{:.4}", stage.recall[1]),
                format!("{:.1}", stage.us[1]),
                super::mebibytes(Some(stage.memory_bytes as u64)),
            ]
        });
        let mut parts = vec![table(heads, rows)];
        if !self.found_only_live() {
            parts.push("WRONG: removed vectors were found".to_owned());
        }
        parts
    }
}

impl Choice {
    fn name(self) -> &'static str {
        match self {
            Self::Random => "at random",
            Self::Clusters => "by cluster",
        }
    }
}
