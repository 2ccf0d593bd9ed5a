//! Runs cases: those of a set that are this shard's and did not hold before, some at a time.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    case::{Context, Part, Tally},
    node::{Launch, panic_in},
    results::{Record, Results},
};

/// Findings whose folders are kept, for whoever looks for the cause.
const FOLDERS_KEPT: usize = 20;

/// What to run.
pub(crate) struct RunRequest {
    /// Each case: its part and its number.
    pub(crate) cases: Vec<(&'static Part, u64)>,
    /// The seed.
    pub(crate) seed: u64,
    /// Cases at a time.
    pub(crate) jobs: usize,
    /// Whether cases that held before run again.
    pub(crate) again: bool,
    /// No case is begun after this time.
    pub(crate) budget: Option<Duration>,
    /// How nodes are started.
    pub(crate) launch: Launch,
    /// Where results and the folders of findings are.
    pub(crate) folder: PathBuf,
}

/// Runs the plan; an error where something did not hold.
pub(crate) fn run(plan: &RunRequest) -> Result<()> {
    let results = Results::open(&plan.folder)?;
    let path = results.path().to_owned();
    let left: Vec<_> = plan
        .cases
        .iter()
        .filter(|(part, number)| plan.again || !results.has_held(part.name, *number, plan.seed))
        .collect();
    let before = plan.cases.len() - left.len();
    if before > 0 {
        println!("{before} cases held before: {}", path.display());
    }
    let (results, next) = (Mutex::new(results), AtomicUsize::new(0));
    let started = Instant::now();
    let shared = tempfile::tempdir()?;
    let findings = AtomicUsize::new(0);
    thread::scope(|scope| {
        let work = || -> Result<()> {
            while let Some((part, number)) = left.get(next.fetch_add(1, Ordering::Relaxed)) {
                if plan.budget.is_some_and(|budget| started.elapsed() > budget) {
                    return Ok(());
                }
                let record = run_case(plan, part, *number, shared.path())?;
                if !record.held {
                    findings.fetch_add(1, Ordering::Relaxed);
                    println!("FAILED {} {number}: {}", part.name, record.finding);
                }
                results.lock().unwrap_or_else(PoisonError::into_inner).add(record)?;
            }
            Ok(())
        };
        let workers: Vec<_> = (0..plan.jobs).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(done) => done,
            Err(_) => bail!("the harness itself panicked"),
        })
    })?;
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    print!("{}", results.summary().text());
    println!("results: {}", path.display());
    match findings.into_inner() {
        0 => Ok(()),
        number => bail!(
            "{number} cases did not hold\nhint: run one again with `akidb-torture case PART NUMBER \
             --seed {}`",
            plan.seed
        ),
    }
}

/// Runs one case in a folder of its own.
fn run_case(plan: &RunRequest, part: &Part, number: u64, shared: &Path) -> Result<Record> {
    let work = plan.folder.join("work");
    fs::create_dir_all(&work)?;
    let folder = tempfile::Builder::new().prefix(part.name).tempdir_in(&work)?;
    let context = Context {
        launch: plan.launch.clone(),
        folder: folder.path().canonicalize()?,
        shared: shared.to_owned(),
        seed: plan.seed,
        number,
    };
    let started = Instant::now();
    let outcome = (part.run)(&context).and_then(|tally| match panic_below(&context.folder)? {
        Some(panic) => bail!("the node panicked: {panic}"),
        None => Ok(tally),
    });
    let (held, finding, tally) = match outcome {
        Ok(tally) => (true, String::new(), tally),
        Err(error) => (false, format!("{error:#}"), Tally::new()),
    };
    if !held {
        keep(plan, part, number, folder)?;
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(Record {
        part: part.name.to_owned(),
        case: number,
        seed: plan.seed,
        held,
        finding,
        tally,
        seconds,
    })
}

fn keep(plan: &RunRequest, part: &Part, number: u64, folder: tempfile::TempDir) -> Result<()> {
    let findings = plan.folder.join("findings");
    fs::create_dir_all(&findings)?;
    if fs::read_dir(&findings)?.count() < FOLDERS_KEPT {
        let kept = findings.join(format!("{}-{number}", part.name));
        let _ = fs::remove_dir_all(&kept);
        fs::rename(folder.keep(), &kept).context("cannot keep the folder of a finding")?;
    }
    Ok(())
}

/// A panic in any log of a folder.
fn panic_below(folder: &Path) -> Result<Option<String>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log")
            && let Some(panic) = panic_in(&path)
        {
            return Ok(Some(panic));
        }
    }
    Ok(None)
}
