//! Our own graph, and that of the crate `hnsw_rs` behind the same interface, in this process.

use akidb_core::{IndexEngine, IndexSettings, Metric, Quantization};
use akidb_index::{HnswIndex, SearchRequest, VectorIndex, open_engine};
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

/// An index of our own library.
pub(super) struct OwnIndex {
    name: String,
    index: Box<dyn VectorIndex>,
    task: Task,
    built: Built,
    /// Cache lines of what is compared; nothing where the index does not say what it did.
    code_lines: Option<u64>,
}

impl OwnIndex {
    pub(super) fn build(task: &Task, settings: IndexSettings) -> anyhow::Result<Self> {
        let name = match settings.engine {
            IndexEngine::Hnsw => format!("akidb hnsw {}", settings.quantization),
            IndexEngine::Exact | IndexEngine::HnswRs => settings.engine.to_string(),
        };
        progress(format_args!("building {name}"));
        let memory = ResidentMemory::observe();
        let cpu_before_s = process_cpu_s();
        let (index, hot_bytes): (Box<dyn VectorIndex>, _) = match settings.engine {
            IndexEngine::Hnsw => {
                let index = linked(&task.vectors, task.metric, settings)?;
                let hot_bytes = index.hot_memory_bytes() as u64;
                (Box::new(index), Some(hot_bytes))
            }
            IndexEngine::Exact | IndexEngine::HnswRs => {
                let index = open_engine(task.vectors.dimension(), task.metric, &settings, 1);
                fill(&*index, &task.vectors)?;
                (index, None)
            }
        };
        let cpu_s = process_cpu_s().zip(cpu_before_s).map(|(after, before)| after - before);
        let built = Built {
            cpu_s: cpu_s.context("the system does not tell processor time")?,
            memory_bytes: memory.growth_bytes(),
            peak_bytes: memory.peak_growth_bytes(),
            hot_bytes,
        };
        let is_ours = settings.engine == IndexEngine::Hnsw;
        let code_lines =
            is_ours.then(|| code_lines(task.vectors.dimension(), settings.quantization));
        Ok(Self { name, index, task: task.clone(), built, code_lines })
    }
}

/// Cache lines of what a walk compares.
fn code_lines(dimension: usize, quantization: Quantization) -> u64 {
    let bytes = match quantization {
        Quantization::Int8 => dimension,
        Quantization::None => dimension * size_of::<f32>(),
        Quantization::Binary => dimension.div_ceil(8),
    };
    bytes.div_ceil(LINE_BYTES) as u64
}

/// The index of all vectors, linked on one thread.
pub(crate) fn linked(
    vectors: &Dataset,
    metric: Metric,
    settings: IndexSettings,
) -> anyhow::Result<HnswIndex> {
    let index = HnswIndex::new(vectors.dimension(), metric, settings);
    fill(&index, vectors)?;
    Ok(index)
}

fn fill(index: &dyn VectorIndex, vectors: &Dataset) -> anyhow::Result<()> {
    for rows in vectors.values().chunks(APPEND_ROWS * vectors.dimension()) {
        index.append(u32::try_from(index.slot_count())?, rows);
    }
    let pool = ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| while index.link(APPEND_ROWS) > 0 {});
    Ok(())
}

impl GraphEngine for OwnIndex {
    fn name(&self) -> &str {
        &self.name
    }

    fn built(&self) -> Built {
        self.built
    }

    fn search_all(&mut self, ef: usize) -> anyhow::Result<Pass> {
        let Task { queries, limit, .. } = &self.task;
        let request = SearchRequest::nearest(*limit).with_ef(ef);
        let mut effort = Effort {
            code_lines: self.code_lines.unwrap_or_default(),
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
            .map(|found| found.neighbors.into_iter().map(|neighbor| neighbor.slot).collect());
        Ok(Pass { cpu, found: slots.collect(), effort: self.code_lines.map(|_| effort) })
    }
}
