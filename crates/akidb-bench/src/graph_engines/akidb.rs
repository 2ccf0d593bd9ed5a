//! Our own graph, in this process.

use akidb_core::{IndexSettings, Metric, Quantization};
use akidb_index::{HnswIndex, SearchRequest, VectorIndex};
use anyhow::Context;
use rayon::ThreadPoolBuilder;

use super::{Built, Effort, GraphEngine, Pass, Task};
use crate::{
    dataset::Dataset, machine::process_cpu_s, memory::ResidentMemory, report::progress,
    timing::Stopwatch,
};

/// Vectors appended at once, as an index is filled from a store.
const APPEND_ROWS: usize = 4_096;

const LINE_BYTES: usize = 64;

/// The graph over one kind of codes.
pub(super) struct Akidb {
    name: String,
    index: HnswIndex,
    task: Task,
    built: Built,
    code_lines: usize,
}

impl Akidb {
    pub(super) fn build(task: &Task, settings: IndexSettings) -> anyhow::Result<Self> {
        let quantization = settings.quantization;
        let name = format!("akidb hnsw {quantization}");
        progress(format_args!("building {name}"));
        let (index, built) = build(&task.vectors, settings)?;
        let dimension = task.vectors.dimension();
        let code_bytes = match quantization {
            Quantization::Int8 => dimension,
            Quantization::None => dimension * size_of::<f32>(),
            Quantization::Binary => dimension.div_ceil(8),
        };
        let code_lines = code_bytes.div_ceil(LINE_BYTES);
        Ok(Self { name, index, task: task.clone(), built, code_lines })
    }
}

/// The index of all vectors, linked on one thread, and what that took.
fn build(vectors: &Dataset, settings: IndexSettings) -> anyhow::Result<(HnswIndex, Built)> {
    let memory = ResidentMemory::observe();
    let cpu_before_s = process_cpu_s();
    let index = linked(vectors, settings)?;
    let cpu_s = process_cpu_s().zip(cpu_before_s).map(|(after, before)| after - before);
    let built = Built {
        cpu_s: cpu_s.context("the system does not tell processor time")?,
        memory_bytes: memory.growth_bytes(),
        peak_bytes: memory.peak_growth_bytes(),
        hot_bytes: Some(index.hot_memory_bytes() as u64),
    };
    Ok((index, built))
}

/// The index of all vectors, linked on one thread.
pub(crate) fn linked(vectors: &Dataset, settings: IndexSettings) -> anyhow::Result<HnswIndex> {
    let index = HnswIndex::new(vectors.dimension(), Metric::Cosine, settings);
    for rows in vectors.values().chunks(APPEND_ROWS * vectors.dimension()) {
        index.append(u32::try_from(index.slot_count())?, rows);
    }
    let pool = ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| while index.link(APPEND_ROWS) > 0 {});
    Ok(index)
}

impl GraphEngine for Akidb {
    fn name(&self) -> &str {
        &self.name
    }

    fn built(&self) -> Built {
        self.built
    }

    fn search_all(&mut self, ef: usize) -> anyhow::Result<Pass> {
        let Task { queries, limit, .. } = &self.task;
        let request = SearchRequest { ef: Some(ef), ..SearchRequest::nearest(*limit) };
        let mut effort = Effort {
            code_lines: self.code_lines as u64,
            vector_lines: (queries.dimension() * size_of::<f32>()).div_ceil(LINE_BYTES) as u64,
            ..Effort::default()
        };
        let watch = Stopwatch::start();
        let all_found: Vec<_> = (0..queries.len())
            .map(|query| self.index.search(queries.vector(query), &request))
            .collect();
        let cpu = watch.stop().cpu;
        for found in &all_found {
            effort.hops += found.work.hops;
            effort.compared += found.work.compared;
            effort.rescored += found.work.rescored;
        }
        let slots = all_found
            .into_iter()
            .map(|found| found.neighbours.into_iter().map(|neighbour| neighbour.slot).collect());
        Ok(Pass { cpu, found: slots.collect(), effort: Some(effort) })
    }
}
