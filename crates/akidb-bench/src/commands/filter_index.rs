//! `akidb-bench filter-index`: from filters to the slots that match, in this process, beside holding
//! each filter against each document.

mod documents;

use std::time::{Duration, Instant};

use akidb_core::{DocumentId, Filter, Limits, Metadata};
use akidb_index::FilterIndex;
use anyhow::Context;
use clap::Args;
use roaring::RoaringBitmap;
use serde::Serialize;
use serde_json::Value;

use crate::{
    machine::{self, Machine},
    report::{Report, Verdict, progress, table},
    timing::{Percentiles, Stopwatch, milliseconds},
};

/// Documents that are inserted one a call, behind those that come in batches.
const SINGLE_INSERTS: u32 = 2_000;

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ cargo run --release -p akidb-bench -- filter-index --documents 1000000

The exit status is 1 when the index finds others than the filter itself matches.")]
pub(crate) struct Arguments {
    /// Documents to index
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    documents: u32,
    /// Documents of one insert
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// Times that each filter is answered
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..))]
    repetitions: u16,
    /// What the random numbers begin with
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What came out.
#[derive(Serialize)]
pub(crate) struct FilterIndexReport {
    machine: Machine,
    load_after: Option<f64>,
    documents: u32,
    batch: u32,
    metadata_bytes_a_document: f64,
    insert_cpu_us_a_document: f64,
    insert_longest_cpu_ms: f64,
    single_insert_cpu_us: f64,
    memory_bytes_a_document: f64,
    written_bytes_a_document: f64,
    write_ms: f64,
    read_ms: f64,
    compact_ms: f64,
    filters: Vec<Totals>,
    verdict: Verdict,
}

/// What one filter took.
#[derive(Serialize)]
struct Totals {
    name: &'static str,
    matches: u64,
    right: bool,
    /// Processor time, which other programs on the machine leave alone.
    #[serde(flatten)]
    cpu: Percentiles,
    one_by_one_cpu_ms: f64,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<FilterIndexReport> {
    let machine = Machine::observe();
    progress("making documents");
    let documents: Vec<Filterable> = (0..)
        .zip(documents::make(arguments.documents, arguments.seed)?)
        .map(|(number, metadata)| (DocumentId::Text(format!("document-{number}")), metadata))
        .collect();
    progress("inserting");
    let (index, inserted) = insert(arguments, &documents);
    let singles = insert_singles(&index, &documents);
    let memory_bytes = index.memory_bytes();
    progress("writing, reading and compacting");
    let (written, write) = timed(|| index.to_bytes());
    let (read, read_took) = timed(|| FilterIndex::from_bytes(&written));
    let index = read?;
    let every_second: Vec<u32> = (0..index.slot_count()).step_by(2).collect();
    let (compacted, compact) = timed(|| index.compacted(&every_second));
    drop(compacted);
    progress("answering filters");
    let filters = documents::filters(arguments.documents)
        .into_iter()
        .map(|(name, filter)| answer(name, &filter, &index, &documents, arguments.repetitions))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let count = f64::from(arguments.documents);
    let json_bytes: usize = documents.iter().map(|(_, of)| of.to_json().len()).sum();
    let cpu_ms: f64 = inserted.iter().map(|&took| milliseconds(took)).sum();
    let singles_ms: f64 = singles.iter().map(|&took| milliseconds(took)).sum();
    Ok(FilterIndexReport {
        machine,
        load_after: machine::load(),
        documents: arguments.documents,
        batch: arguments.batch,
        metadata_bytes_a_document: json_bytes as f64 / count,
        insert_cpu_us_a_document: cpu_ms * 1e3 / count,
        insert_longest_cpu_ms: Percentiles::of(&inserted).max_ms,
        single_insert_cpu_us: singles_ms * 1e3 / f64::from(SINGLE_INSERTS),
        memory_bytes_a_document: memory_bytes as f64 / f64::from(index.slot_count()),
        written_bytes_a_document: written.len() as f64 / f64::from(index.slot_count()),
        write_ms: milliseconds(write),
        read_ms: milliseconds(read_took),
        compact_ms: milliseconds(compact),
        verdict: Verdict::of(filters.iter().all(|outcome| outcome.right)),
        filters,
    })
}

/// A document's id and metadata.
type Filterable = (DocumentId, Metadata);

/// The index, and the processor time of each batch.
fn insert(arguments: &Arguments, documents: &[Filterable]) -> (FilterIndex, Vec<Duration>) {
    let index = FilterIndex::new();
    let batches = documents.chunks(arguments.batch as usize);
    let took = batches.map(|batch| {
        let slots = (index.slot_count()..).map(|slot| slot..slot + 1);
        let watch = Stopwatch::start();
        index.insert_batch(slots.zip(batch).map(|(slots, (id, of))| (slots, (id, of))));
        watch.stop().cpu
    });
    let took = took.collect();
    (index, took)
}

/// Inserts the first documents again, which are then removed so that they match no filter.
fn insert_singles(index: &FilterIndex, documents: &[Filterable]) -> Vec<Duration> {
    let first = index.slot_count();
    let singles = (first..first + SINGLE_INSERTS).zip(documents.iter().cycle());
    let took = singles
        .map(|(slot, (id, metadata))| {
            let watch = Stopwatch::start();
            index.insert(slot..slot + 1, (id, metadata));
            watch.stop().cpu
        })
        .collect();
    index.remove(&(first..index.slot_count()).collect::<Vec<_>>());
    took
}

fn answer(
    name: &'static str,
    filter: &Value,
    index: &FilterIndex,
    documents: &[Filterable],
    repetitions: u16,
) -> anyhow::Result<Totals> {
    let filter = Filter::parse(filter, &Limits::default()).context("a filter of the benchmark")?;
    let one_by_one = Stopwatch::start();
    let matching = (0..).zip(documents).filter(|(_, (id, of))| filter.matches((id, of)));
    let expected: RoaringBitmap = matching.map(|(slot, _)| slot).collect();
    let one_by_one = one_by_one.stop().cpu;
    let mut times = Vec::new();
    let mut right = true;
    for _ in 0..repetitions {
        let watch = Stopwatch::start();
        let matching = index.matching(&filter);
        times.push(watch.stop().cpu);
        right &= matching.certain == expected && matching.unsure.is_empty();
    }
    Ok(Totals {
        name,
        matches: expected.len(),
        right,
        cpu: Percentiles::of(&times),
        one_by_one_cpu_ms: milliseconds(one_by_one),
    })
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let made = work();
    (made, started.elapsed())
}

impl Report for FilterIndexReport {
    fn parts(&self) -> Vec<String> {
        let rows = self.filters.iter().map(|outcome| {
            let Totals { name, matches, right, cpu, one_by_one_cpu_ms } = outcome;
            [
                (*name).to_owned(),
                matches.to_string(),
                if *right { "yes" } else { "NO" }.to_owned(),
                format!("{:.3}", cpu.median_ms),
                format!("{:.3}", cpu.max_ms),
                format!("{one_by_one_cpu_ms:.0}"),
            ]
        });
        let heads = ["filter", "matches", "exact", "median CPU ms", "max CPU ms", "one by one ms"];
        vec![
            format!(
                "filter index: {} documents, {:.0} bytes of metadata each",
                self.documents, self.metadata_bytes_a_document
            ),
            format!("machine: {}", self.machine.line()),
            format!(
                "insert: {:.1} us of CPU a document in batches of {}, at most {:.0} ms a batch; {:.1} us one a call",
                self.insert_cpu_us_a_document,
                self.batch,
                self.insert_longest_cpu_ms,
                self.single_insert_cpu_us
            ),
            format!(
                "memory: {:.0} bytes a document; written {:.0} bytes a document in {:.0} ms, read in {:.0} ms; half kept by compacting in {:.0} ms",
                self.memory_bytes_a_document,
                self.written_bytes_a_document,
                self.write_ms,
                self.read_ms,
                self.compact_ms
            ),
            table(heads, rows),
        ]
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }
}
