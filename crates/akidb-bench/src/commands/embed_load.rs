//! `akidb-bench embed-load`: how long `/embed` takes when requests come at a given rate, whether or
//! not those before were answered, with and without an import that runs flat out beside them.
//!
//! The command starts the node itself, because its start, its first request and its memory are
//! measured too.

mod flat_out;
mod open_loop;
mod overload;

use std::{
    fs,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use akidb_client::{Embed, process::plain_http};
use anyhow::{Context, ensure};
use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{runtime::Runtime, time::sleep};

use self::{
    flat_out::FlatOut,
    open_loop::{Arrivals, Latencies, Schedule},
    overload::Overload,
};
use crate::{
    machine::{self, Machine},
    report::{Report, Verdict, progress, table},
    started_node::{StartedNode, ensure_empty},
    timing::milliseconds,
};

/// Texts of one request.
const TEXTS: usize = 2;
/// The longest text that counts as short, in bytes.
const SHORT_TEXT_BYTES: usize = 60;
/// Before each run, so that what the one before left behind is done.
const PAUSE: Duration = Duration::from_millis(500);
/// Before the rate is measured: the node measures its own speed first.
const WARM_UP: Duration = Duration::from_secs(2);
/// How near the highest rate is found, and how many runs that may take.
const SEARCH: (f64, usize) = (1.05, 16);

#[derive(Args, Debug)]
#[command(after_help = "Example, with the default model in the models directory:
  $ cargo build --release -p akidb
  $ cargo run --release -p akidb-bench -- embed-load --akidb target/release/akidb \\
      --data-dir embed-load --texts glosses.jsonl --import films.jsonl --search

Each line of a file has a `text`. The exit status is 1 when a request failed, the import did not end
in order, or a goal was missed.")]
pub(crate) struct Arguments {
    /// The node's program; it takes its settings from the environment
    #[arg(long, value_name = "FILE")]
    akidb: PathBuf,
    /// An empty or absent directory for the node's data, removed afterwards
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// JSON Lines whose field `text` is embedded where it is short, two different ones a request
    #[arg(long, value_name = "FILE")]
    texts: PathBuf,
    /// Requests a second without an import
    #[arg(long, default_value_t = 100.0, value_parser = positive)]
    rate: f64,
    /// JSON Lines whose field `text` an import takes flat out in a second run
    #[arg(long, value_name = "FILE")]
    import: Option<PathBuf>,
    /// Requests a second beside the import
    #[arg(long, default_value_t = 50.0, value_parser = positive)]
    import_rate: f64,
    /// Seconds of each of these runs
    #[arg(long, default_value_t = 15.0, value_parser = positive)]
    seconds: f64,
    /// How requests follow each other
    #[arg(long, value_enum, default_value = "even")]
    arrivals: Arrivals,
    /// Send inserts of the texts of `--import` at so many times the rate that the node can do, beside
    /// requests at `--import-rate`
    #[arg(long, value_name = "TIMES", requires = "import", value_parser = positive)]
    overload: Option<f64>,
    /// Look for the highest rate, without an import, that keeps to the goal
    #[arg(long)]
    search: bool,
    /// Seconds of each run of that search
    #[arg(long, default_value_t = 5.0, value_parser = positive)]
    search_seconds: f64,
    /// What 95 of 100 requests must be answered in
    #[arg(long, default_value_t = 25.0, value_parser = positive)]
    goal_p95_ms: f64,
    /// What the node must be ready in
    #[arg(long, default_value_t = 500.0, value_parser = positive)]
    goal_start_ms: f64,
    /// What the first request must be answered in
    #[arg(long, default_value_t = 50.0, value_parser = positive)]
    goal_first_ms: f64,
    /// The memory that the node may take before the runs
    #[arg(long, default_value_t = 250.0, value_parser = positive)]
    goal_rss_mib: f64,
}

fn positive(given: &str) -> Result<f64, String> {
    let number = given.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "allowed is a number above 0".to_owned())
}

/// What came out.
#[derive(Serialize)]
pub(crate) struct EmbedLoadReport {
    machine: Machine,
    load_after: Option<f64>,
    arrivals: Arrivals,
    /// From the start of the process to its line that it is ready, the model's files being in the
    /// page cache or not as it happens.
    start_ms: f64,
    /// The part of it in which the model was loaded, by the node's own clock.
    model_load_ms: f64,
    first_request_ms: f64,
    /// Resident memory after the first request, and the most of all the time.
    first_rss_mib: f64,
    rss_max_mib: f64,
    runs: Vec<Measured>,
    overload: Option<Overload>,
    /// The highest rate that kept to the goal, and how that was found.
    highest_rate: Option<f64>,
    search: Vec<Latencies>,
    faults: Vec<String>,
    verdict: Verdict,
}

/// A run, and what went on beside it.
#[derive(Serialize)]
struct Measured {
    beside: String,
    #[serde(flatten)]
    latencies: Latencies,
    /// Documents that an import stored a second meanwhile, and tokens that the node embedded.
    import_documents_s: Option<f64>,
    tokens_s: f64,
    /// The time in which the model ran, of both lanes together, over the time of the run.
    busy: f64,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<EmbedLoadReport> {
    ensure_empty(&arguments.data_dir)?;
    let short = |text: &String| text.len() <= SHORT_TEXT_BYTES;
    let short: Vec<String> = read_texts(&arguments.texts)?.into_iter().filter(short).collect();
    ensure!(short.len() > 2 * TEXTS, "{} has too few short texts", arguments.texts.display());
    let imported = arguments.import.as_deref().map(read_texts).transpose()?;
    let report = Runtime::new()?.block_on(measure(arguments, short, imported));
    // Best effort: the measurement stands whether or not its data could be removed.
    drop(fs::remove_dir_all(&arguments.data_dir));
    report
}

fn read_texts(path: &Path) -> anyhow::Result<Vec<String>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let texts = BufReader::new(file).lines().map(|line| {
        let line: Value = serde_json::from_str(&line?)?;
        Ok(line["text"].as_str().context("a line has no text")?.to_owned())
    });
    let texts = texts.filter(|text| text.as_ref().map_or(true, |text| !text.trim().is_empty()));
    let texts = texts.collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(!texts.is_empty(), "{} is empty", path.display());
    Ok(texts)
}

async fn measure(
    arguments: &Arguments,
    short: Vec<String>,
    imported: Option<Vec<String>>,
) -> anyhow::Result<EmbedLoadReport> {
    let machine = Machine::observe();
    let node = StartedNode::start(&arguments.akidb, &arguments.data_dir)?;
    let model_load_ms = node.metric("akidb_model_load_seconds").await? * 1e3;
    let first = Instant::now();
    node.client.embed(&Embed::texts(["a first text", "and a second one"])).await?;
    let first_request_ms = milliseconds(first.elapsed());
    let first_rss_mib = node.rss_mib()?;

    let load = Load { node: &node, short: Arc::new(short), arrivals: arguments.arrivals };
    let time = Duration::from_secs_f64(arguments.seconds);
    load.at(arguments.rate, WARM_UP).await?;
    let mut runs = vec![load.measured(arguments.rate, time, None).await?];
    if let Some(texts) = &imported {
        progress("an import beside it");
        let import = FlatOut::start(&node, texts.clone()).await?;
        load.at(arguments.import_rate, WARM_UP).await?;
        runs.push(load.measured(arguments.import_rate, time, Some(&import)).await?);
        import.stop().await?;
    }
    let mut overload = None;
    if let (Some(times), Some(texts)) = (arguments.overload, imported) {
        let asked = (times, arguments.import_rate, time);
        overload = Some(overload::run(&node, &load, texts, asked).await?);
    }
    let search = if arguments.search { load.search(arguments).await? } else { Vec::new() };
    let kept = search.iter().filter(|run| keeps_to(run, arguments)).map(|run| run.rate);
    let highest_rate = kept.reduce(f64::max);
    let rss_max_mib = node.rss_max_mib()?;
    let start_ms = milliseconds(node.start);
    node.stop()?;
    let mut report = EmbedLoadReport {
        machine,
        load_after: machine::load(),
        arrivals: arguments.arrivals,
        start_ms,
        model_load_ms,
        first_request_ms,
        first_rss_mib,
        rss_max_mib,
        runs,
        overload,
        highest_rate,
        search,
        faults: Vec::new(),
        verdict: Verdict::Passed,
    };
    report.faults = faults(arguments, &report);
    report.verdict = Verdict::of(report.faults.is_empty());
    Ok(report)
}

fn keeps_to(run: &Latencies, arguments: &Arguments) -> bool {
    run.errors == 0 && !run.fell_behind && run.p95_ms < arguments.goal_p95_ms
}

/// Where requests go.
struct Load<'a> {
    node: &'a StartedNode,
    short: Arc<Vec<String>>,
    arrivals: Arrivals,
}

impl Load<'_> {
    async fn at(&self, rate: f64, time: Duration) -> anyhow::Result<Latencies> {
        let texts = Arc::clone(&self.short);
        let body = move |number: usize| {
            let text = |place: usize| texts[(number * TEXTS + place) % texts.len()].as_str();
            json!({"texts": [text(0), text(1)]}).to_string()
        };
        let schedule = Schedule { rate, time, arrivals: self.arrivals };
        open_loop::run(&plain_http(), &self.node.url("/embed"), schedule, body).await
    }

    async fn measured(
        &self,
        rate: f64,
        time: Duration,
        import: Option<&FlatOut>,
    ) -> anyhow::Result<Measured> {
        sleep(PAUSE).await;
        progress(format_args!("{rate:.0} requests a second"));
        let counted = || async {
            let tokens = self.node.metric("akidb_embedding_tokens_total").await?;
            let busy = self.node.metric("akidb_embedding_busy_seconds_total").await?;
            anyhow::Ok((tokens, busy, import.map_or(0, FlatOut::answered)))
        };
        let (tokens_before, busy_before, lines_before) = counted().await?;
        let started = Instant::now();
        let latencies = self.at(rate, time).await?;
        let seconds = started.elapsed().as_secs_f64();
        let (tokens, busy, lines) = counted().await?;
        Ok(Measured {
            beside: import.map_or("nothing", |_| "an import flat out").to_owned(),
            latencies,
            import_documents_s: import.map(|_| (lines - lines_before) as f64 / seconds),
            tokens_s: (tokens - tokens_before) / seconds,
            busy: (busy - busy_before) / seconds,
        })
    }

    /// Doubles the rate until the goal is missed, then halves the distance. Missed is what misses it
    /// twice in a row: on a machine that does other things too, any run may.
    async fn search(&self, arguments: &Arguments) -> anyhow::Result<Vec<Latencies>> {
        let (near, runs_max) = SEARCH;
        let time = Duration::from_secs_f64(arguments.search_seconds);
        let mut runs: Vec<Latencies> = Vec::new();
        let (mut kept, mut missed) = (arguments.rate / 2.0, None::<f64>);
        while runs.len() < runs_max && missed.is_none_or(|missed| missed / kept > near) {
            let rate = missed.map_or(kept * 2.0, |missed| (kept * missed).sqrt());
            sleep(PAUSE).await;
            progress(format_args!("looking for the highest rate: {rate:.0} a second"));
            let run = self.at(rate, time).await?;
            let missed_before = runs.last().is_some_and(|last| last.rate == rate);
            match keeps_to(&run, arguments) {
                true => kept = rate,
                false if missed_before => missed = Some(rate),
                false => {}
            }
            runs.push(run);
        }
        Ok(runs)
    }
}

fn faults(arguments: &Arguments, report: &EmbedLoadReport) -> Vec<String> {
    let mut faults = Vec::new();
    for run in &report.runs {
        let Measured { beside, latencies, .. } = run;
        if let Some(error) = &latencies.first_error {
            faults.push(format!("beside {beside}: {} failed: {error}", latencies.errors));
        }
        if latencies.fell_behind || latencies.p95_ms >= arguments.goal_p95_ms {
            let (p95, goal) = (latencies.p95_ms, arguments.goal_p95_ms);
            faults.push(format!("beside {beside}: p95 is {p95:.1} ms, the goal is under {goal}"));
        }
    }
    faults.extend(report.overload.iter().flat_map(Overload::faults));
    for (what, found, goal) in [
        ("the start took", report.start_ms, arguments.goal_start_ms),
        ("the first request took", report.first_request_ms, arguments.goal_first_ms),
        ("memory in MiB was", report.first_rss_mib, arguments.goal_rss_mib),
    ] {
        if found >= goal {
            faults.push(format!("{what} {found:.0}, the goal is under {goal}"));
        }
    }
    faults
}

impl Report for EmbedLoadReport {
    fn parts(&self) -> Vec<String> {
        let load = self.load_after.map(|load| format!(", load after {load:.1}"));
        let once = [
            ["start until ready".to_owned(), format!("{:.0} ms", self.start_ms)],
            ["of it, loading the model".to_owned(), format!("{:.0} ms", self.model_load_ms)],
            ["first request".to_owned(), format!("{:.1} ms", self.first_request_ms)],
            ["memory after it".to_owned(), format!("{:.0} MiB", self.first_rss_mib)],
            ["most memory".to_owned(), format!("{:.0} MiB", self.rss_max_mib)],
        ];
        let heads = [
            "beside",
            "requests/s",
            "requests",
            "errors",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "max ms",
            "imported/s",
            "tokens/s",
            "model busy %",
        ];
        let rows = self.runs.iter().map(|run| {
            let [rate, requests, errors, p50, p95, p99, max] = cells(&run.latencies);
            let imported = run.import_documents_s.map(|rate| format!("{rate:.0}"));
            let imported = imported.unwrap_or_default();
            let (tokens, busy) = (format!("{:.0}", run.tokens_s), format!("{:.0}", run.busy * 1e2));
            let beside = run.beside.clone();
            [beside, rate, requests, errors, p50, p95, p99, max, imported, tokens, busy]
        });
        let mut parts = vec![
            format!("embed-load: {TEXTS} short texts a request, arrivals {:?}", self.arrivals),
            format!("machine: {}{}", self.machine.line(), load.unwrap_or_default()),
            table(["", "measured"], once),
            table(heads, rows),
        ];
        if let Some(overload) = &self.overload {
            parts.push(table(["overloaded", "measured"], overload.rows()));
        }
        if let Some(rate) = self.highest_rate {
            parts.push(format!("highest rate that keeps to the goal: {rate:.0} requests/s"));
            let heads =
                ["requests/s", "requests", "errors", "p50 ms", "p95 ms", "p99 ms", "max ms"];
            parts.push(table(heads, self.search.iter().map(cells)));
        }
        let late = self.runs.iter().map(|run| run.latencies.sent_late_max_ms).fold(0.0, f64::max);
        parts.push(format!("the client sent no request more than {late:.1} ms after its time"));
        parts.extend(self.faults.iter().map(|fault| format!("FAILED: {fault}")));
        parts
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }
}

fn cells(run: &Latencies) -> [String; 7] {
    let ms = |time: f64| format!("{time:.1}");
    let errors = run.errors + u64::from(run.fell_behind);
    [
        format!("{:.0}", run.rate),
        run.requests.to_string(),
        errors.to_string(),
        ms(run.median_ms),
        ms(run.p95_ms),
        ms(run.p99_ms),
        ms(run.max_ms),
    ]
}
