//! `akidb-bench keyword`: queries in words over many texts, in this process on one thread, beside tantivy.

mod tantivy;
mod texts;

use std::{path::PathBuf, time::Duration};

use akidb_text::{LanguageSetting, TextHit, TextIndex, TextQuery, TextSettings};
use clap::Args;
use roaring::RoaringBitmap;
use serde::Serialize;

use self::texts::{Kind, Queries};
use crate::{
    machine::{self, Machine},
    report::{Report, Verdict, progress, table},
    timing::{Percentiles, Stopwatch, milliseconds},
};

/// Documents that a query asks for.
const LIMIT: usize = 10;

/// Texts that are inserted one a call, behind those that come in batches.
const SINGLE_INSERTS: u32 = 2_000;

/// Queries of each kind whose answers are compared with the scores of all documents.
const COMPARED: usize = 20;

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ cargo run --release -p akidb-bench --features tantivy -- keyword texts.jsonl.gz --joined 3 --documents 1000000

The exit status is 1 when an answer is not that of comparing the scores of all documents.")]
pub(crate) struct Arguments {
    /// Lines of JSON with a member `text`, which may be compressed with gzip
    texts: PathBuf,
    /// Documents to index; as many as there are texts unless given
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    documents: Option<u32>,
    /// Texts, drawn at random, of which a document consists; with 1, each is a document in turn
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    joined: u8,
    /// Documents of one insert
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// Queries of each kind
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    queries: u32,
    /// What the random numbers begin with
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What came out.
#[derive(Serialize)]
pub(crate) struct KeywordReport {
    machine: Machine,
    load_after: Option<f64>,
    documents: usize,
    text_bytes_a_document: f64,
    terms: usize,
    insert_cpu_us_a_document: f64,
    /// A call that inserts one document.
    single_insert: Percentiles,
    remove_cpu_us_a_document: f64,
    memory_bytes_a_document: f64,
    written_bytes_a_document: f64,
    freeze_ms: f64,
    write_ms: f64,
    read_ms: f64,
    compact_ms: f64,
    other: Option<OtherBuild>,
    queries: Vec<Totals>,
    verdict: Verdict,
}

/// How another engine was filled.
#[derive(Serialize)]
pub(crate) struct OtherBuild {
    pub(crate) name: &'static str,
    pub(crate) insert_us_a_document: f64,
    pub(crate) written_bytes_a_document: f64,
    /// Until one more document is found.
    pub(crate) single_insert: Percentiles,
}

/// What queries of one kind took.
#[derive(Serialize)]
struct Totals {
    engine: &'static str,
    kind: &'static str,
    words: f64,
    hits: f64,
    right: Option<bool>,
    /// Processor time, which other programs on the machine leave alone.
    #[serde(flatten)]
    cpu: Percentiles,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<KeywordReport> {
    let machine = Machine::observe();
    progress("reading texts");
    let source = texts::read(&arguments.texts)?;
    let documents =
        texts::documents(&source, arguments.documents, arguments.joined, arguments.seed);
    let queries = Queries::make(&source, arguments.queries, arguments.seed);
    let text_bytes: usize = documents.iter().map(String::len).sum();
    progress("inserting");
    let (index, inserted) = insert(&documents, arguments.batch as usize);
    let memory_bytes = index.memory_bytes();
    progress("writing, reading and compacting");
    let (frozen, freeze) = timed(|| index.freeze());
    let (written, write) = timed(|| frozen.to_bytes());
    let (read, read_took) = timed(|| TextIndex::from_bytes(&written, index.settings().clone()));
    let every_second: Vec<u32> = (0..index.slot_count()).step_by(2).collect();
    let (compacted, compact) = timed(|| frozen.compacted(&every_second));
    drop((compacted, frozen));
    let index = read?;
    progress("answering queries");
    let mut totals: Vec<Totals> =
        Kind::ALL.iter().map(|&kind| answer(&index, &queries, kind)).collect();
    let singles = insert_singles(&index, &source);
    let removed = remove(&index, SINGLE_INSERTS);
    let mut other = None;
    if tantivy::IS_BUILT {
        progress("the same with tantivy");
        let (build, of_other) = tantivy::run(&documents, &source, &queries)?;
        other = Some(build);
        totals.extend(of_other.into_iter().map(|(kind, hits, times)| Totals {
            engine: "tantivy",
            kind: kind.name(),
            words: queries.words(kind),
            hits,
            right: None,
            cpu: Percentiles::of(&times),
        }));
    }
    let count = documents.len() as f64;
    Ok(KeywordReport {
        machine,
        load_after: machine::load(),
        documents: documents.len(),
        text_bytes_a_document: text_bytes as f64 / count,
        terms: index.term_count(),
        insert_cpu_us_a_document: milliseconds(inserted) * 1e3 / count,
        single_insert: Percentiles::of(&singles),
        remove_cpu_us_a_document: milliseconds(removed) * 1e3 / f64::from(SINGLE_INSERTS),
        memory_bytes_a_document: memory_bytes as f64 / count,
        written_bytes_a_document: written.len() as f64 / count,
        freeze_ms: milliseconds(freeze),
        write_ms: milliseconds(write),
        read_ms: milliseconds(read_took),
        compact_ms: milliseconds(compact),
        other,
        verdict: Verdict::of(totals.iter().all(|totals| totals.right != Some(false))),
        queries: totals,
    })
}

/// English texts, so that both engines make the same terms of them.
fn insert(documents: &[String], batch: usize) -> (TextIndex, Duration) {
    let language = LanguageSetting::Named(akidb_text::Language::English);
    let index = TextIndex::new(TextSettings { language, ..TextSettings::default() });
    let watch = Stopwatch::start();
    for batch in documents.chunks(batch) {
        let analyzed = batch.iter().map(|text| index.analyze(&[(0, text)]));
        index.insert_batch((index.slot_count()..).zip(analyzed));
    }
    (index, watch.stop().cpu)
}

fn insert_singles(index: &TextIndex, source: &[String]) -> Vec<Duration> {
    let texts = source.iter().cycle().take(SINGLE_INSERTS as usize);
    let took = texts.map(|text| {
        let watch = Stopwatch::start();
        index.insert(index.slot_count(), &[(0, text)]);
        watch.stop().cpu
    });
    took.collect()
}

/// Removes the last documents.
fn remove(index: &TextIndex, count: u32) -> Duration {
    let slots: Vec<u32> = (index.slot_count() - count..index.slot_count()).collect();
    let watch = Stopwatch::start();
    index.remove(&slots);
    watch.stop().cpu
}

fn answer(index: &TextIndex, queries: &Queries, kind: Kind) -> Totals {
    let one_in_hundred: RoaringBitmap = (0..index.slot_count()).step_by(100).collect();
    let allowed = (kind == Kind::Filtered).then_some(&one_in_hundred);
    let (mut times, mut hits, mut right) = (Vec::new(), 0, true);
    for (at, text) in queries.of(kind).iter().enumerate() {
        let watch = Stopwatch::start();
        let query = index.query(text);
        let found = query.search(LIMIT, allowed);
        times.push(watch.stop().cpu);
        hits += found.len();
        if at < COMPARED {
            right &= found == compared(&query, index.slot_count(), allowed);
        }
    }
    Totals {
        engine: "akidb",
        kind: kind.name(),
        words: queries.words(kind),
        hits: hits as f64 / times.len() as f64,
        right: Some(right),
        cpu: Percentiles::of(&times),
    }
}

/// The best by the scores of all documents.
fn compared(query: &TextQuery, slots: u32, allowed: Option<&RoaringBitmap>) -> Vec<TextHit> {
    let slots: Vec<u32> =
        (0..slots).filter(|&slot| allowed.is_none_or(|it| it.contains(slot))).collect();
    let scores = query.scores(&slots);
    let hits = slots.iter().zip(scores);
    let hits = hits.filter_map(|(&slot, score)| Some(TextHit { slot, score: score? }));
    let mut hits: Vec<TextHit> = hits.filter(|hit| hit.score > 0.0).collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.slot.cmp(&b.slot)));
    hits.truncate(LIMIT);
    hits
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let watch = Stopwatch::start();
    let made = work();
    (made, watch.stop().cpu)
}

impl Report for KeywordReport {
    fn parts(&self) -> Vec<String> {
        let rows = self.queries.iter().map(|totals| {
            let Totals { engine, kind, words, hits, right, cpu } = totals;
            [
                format!("{engine}, {kind}"),
                format!("{words:.1}"),
                format!("{hits:.1}"),
                match right {
                    Some(true) => "yes".to_owned(),
                    Some(false) => "NO".to_owned(),
                    None => String::new(),
                },
                format!("{:.3}", cpu.median_ms),
                format!("{:.3}", cpu.p95_ms),
                format!("{:.3}", cpu.p99_ms),
                format!("{:.3}", cpu.max_ms),
            ]
        });
        let heads = ["query", "words", "hits", "exact", "median CPU ms", "p95", "p99", "max"];
        let mut parts = vec![
            format!(
                "keyword: {} documents of {:.0} bytes, {} terms",
                self.documents, self.text_bytes_a_document, self.terms
            ),
            format!("machine: {}", self.machine.line()),
            format!(
                "insert: {:.1} us of CPU a document in batches; one a call {:.3} ms at the median, {:.3} at p99, {:.3} at most; removing {:.1} us",
                self.insert_cpu_us_a_document,
                self.single_insert.median_ms,
                self.single_insert.p99_ms,
                self.single_insert.max_ms,
                self.remove_cpu_us_a_document
            ),
            format!(
                "memory: {:.0} bytes a document; written {:.0} bytes a document in {:.0} ms, for which writes wait {:.1} ms; read in {:.0} ms; half kept by compacting in {:.0} ms",
                self.memory_bytes_a_document,
                self.written_bytes_a_document,
                self.write_ms,
                self.freeze_ms,
                self.read_ms,
                self.compact_ms
            ),
        ];
        parts.extend(self.other.as_ref().map(|other| {
            format!(
                "{}: insert {:.1} us a document; written {:.0} bytes a document; one more document found after {:.1} ms at the median",
                other.name, other.insert_us_a_document, other.written_bytes_a_document, other.single_insert.median_ms
            )
        }));
        parts.push(table(heads, rows));
        parts
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }
}
