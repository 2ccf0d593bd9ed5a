//! `cargo xtask bench compare`: whether this working tree is slower than another commit.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use tokio::runtime;

use super::{
    commits::{Commits, Programs},
    measure::{Measure, NodeFolder},
    report::{Report, Series},
};
use crate::{build::Profile, model, process::interrupted, workspace};

/// What to compare, and how slow is too slow.
#[derive(clap::Args)]
#[command(after_help = "\
Each turn runs every measure on both commits, one right after the other, BASE first and HEAD
first in turn. A measure starts a node of its own over an empty folder, fills it, and is driven
by the akidb-bench of HEAD. Both commits may be the same: what is told then is the noise of the
machine. BASE is built in target/bench-compare and kept there for the next comparison.

Judged is the ratio HEAD/BASE of each turn: of the processor time that the node took, user and
system of all of its threads, and of the elapsed time. Processor time is the measure because
instructions, which vary less, need `perf` and counters that many machines lack. A median beyond
its bound is slower. One within it passes only where the spread of the ratios, what the median is
sure to be within at 95 %, is no larger than the bound, or has nothing slower in it; otherwise the
measure is not decided. Fewer than 6 turns decide nothing but what is slower.

Exit status:
  0  no measure is slower
  1  a median is beyond its bound
  2  none is, but of some measure nothing is decided; also a command line that can not be read
  3  nothing was measured to the end: BASE is no commit, a build failed, an answer was wrong

Example:
  $ cargo xtask bench compare origin/main --measures search,insert --json comparison.json")]
pub(crate) struct Options {
    /// The commit to compare with: a branch, a tag, a hash, or an expression such as HEAD~1.
    base: String,
    /// How often each measure runs on both.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=999))]
    turns: u32,
    /// What to measure; all where absent, without embed where the default model is missing.
    #[arg(long, value_enum, value_delimiter = ',')]
    measures: Option<Vec<Measure>>,
    /// Documents of a collection. There are a fifth as many searches and a 25th as many texts.
    #[arg(long, default_value_t = 50_000,
        value_parser = clap::value_parser!(u32).range(1_000..=5_000_000))]
    documents: u32,
    /// How nodes and the bench are built.
    #[arg(long, value_enum, default_value = "release")]
    profile: Profile,
    /// By how many percent HEAD may take more processor time.
    #[arg(long, value_name = "PERCENT", default_value_t = 3.0, value_parser = percent,
        allow_negative_numbers = true)]
    cpu_bound: f64,
    /// By how many percent HEAD may take longer.
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0, value_parser = percent,
        allow_negative_numbers = true)]
    wall_bound: f64,
    /// Write all readings and verdicts there, as one JSON object.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn percent(given: &str) -> Result<f64, String> {
    let number = given.parse().ok().filter(|number: &f64| *number > 0.0 && *number <= 1_000.0);
    number.ok_or_else(|| "allowed is a number above 0, at most 1000".to_owned())
}

/// The command.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if !Path::new("/proc/self/stat").exists() {
        bail!("the processor time of a node is read from /proc, which this system lacks");
    }
    let commits = Commits::find(&options.base)?;
    let models_dir = workspace::models_dir()?;
    let (measures, skipped) = options.measures(model::is_installed(&models_dir))?;
    let folder = workspace::target_dir()?.join("bench-compare");
    let _alone = lock(&folder)?;
    // What can not be written is better known before than after.
    let mut json = options.json.as_deref().map(create).transpose()?;

    let mut report = Report::begin(commits, options.profile.name(), options.documents);
    report.skipped = skipped;
    eprintln!("{}", report.heading());
    let programs = report.commits.build(&folder, options.profile)?;
    let place = NodeFolder {
        bench: programs.bench.clone(),
        models_dir,
        folder: folder.join("node"),
        documents: options.documents,
    };
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    report.series = runtime.block_on(async {
        tokio::select! {
            biased;
            signaled = interrupted() => {
                signaled?;
                bail!("interrupted; nothing is judged");
            }
            series = all_turns(options.turns, &measures, &place, &programs) => series,
        }
    })?;
    fs::remove_dir_all(&place.folder).context("cannot remove the data of the last node")?;
    let judged = report.judge(options.cpu_bound / 100.0, options.wall_bound / 100.0);
    if let Some(file) = &mut json {
        serde_json::to_writer_pretty(file, &judged.to_json()).context("cannot write the JSON")?;
    }
    println!("{judged}");
    Ok(ExitCode::from(judged.verdict().exit_status()))
}

impl Options {
    /// What is measured, and what is left out, loudly. Only what was not named is left out.
    fn measures(&self, has_model: bool) -> Result<(Vec<Measure>, Vec<String>)> {
        let mut measures = Measure::all_of(self.measures.as_deref());
        if has_model || !measures.contains(&Measure::Embed) {
            return Ok((measures, Vec::new()));
        }
        let missing = format!(
            "the default model is not in {}; `cargo xtask demo` fetches it",
            workspace::models_dir()?.display()
        );
        if self.measures.is_some() {
            bail!("embed can not be measured: {missing}");
        }
        measures.retain(|measure| *measure != Measure::Embed);
        Ok((measures, vec![format!("embed, for {missing}")]))
    }
}

/// Two comparisons at once would share their folders, and disturb each other's readings.
fn lock(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let file = create(&folder.join("LOCK"))?;
    if file.try_lock().is_err() {
        bail!("another comparison runs in {}", folder.display());
    }
    Ok(file)
}

fn create(path: &Path) -> Result<File> {
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}

/// A B, B A, A B and so on.
async fn all_turns(
    turns: u32,
    measures: &[Measure],
    place: &NodeFolder,
    programs: &Programs,
) -> Result<Vec<Series>> {
    let mut series = Vec::new();
    for turn in 0..turns {
        for measure in measures {
            let sides = [("BASE", &programs.base), ("HEAD", &programs.head)];
            let order = if turn % 2 == 0 { [0, 1] } else { [1, 0] };
            for side in order {
                let (name, akidb) = sides[side];
                let readings = measure.run(place, akidb).await;
                let readings = readings.with_context(|| format!("{name} could not be measured"))?;
                for reading in readings {
                    eprintln!(
                        "turn {}/{turns}  {name}  {}: {:.2} s of processor time, {:.2} s",
                        turn + 1,
                        reading.name,
                        reading.cpu_s,
                        reading.wall_s
                    );
                    Series::add(&mut series, side, reading);
                }
            }
        }
    }
    Ok(series)
}

#[cfg(test)]
mod tests {
    use clap::{Parser, error::ErrorKind};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn parsed(words: &[&str]) -> Result<Options, ErrorKind> {
        let line = Line::try_parse_from([&["compare", "main"], words].concat());
        line.map(|line| line.options).map_err(|err| err.kind())
    }

    #[test]
    fn bounds_and_counts_that_mean_nothing_are_refused() {
        for words in [
            ["--cpu-bound", "0"],
            ["--cpu-bound", "NaN"],
            ["--wall-bound", "-1"],
            ["--wall-bound", "3%"],
            ["--turns", "0"],
            ["--documents", "999"],
            ["--measures", "import"],
            ["--profile", "fast"],
        ] {
            let kind = parsed(&words).err();
            let refused = [Some(ErrorKind::ValueValidation), Some(ErrorKind::InvalidValue)];
            assert!(refused.contains(&kind), "{words:?}: {kind:?}");
        }
    }

    #[test]
    fn a_missing_model_leaves_out_only_what_was_not_asked_for() {
        let (measures, skipped) = parsed(&[]).unwrap().measures(false).unwrap();
        assert_eq!(measures, [Measure::Search, Measure::Insert]);
        assert!(skipped[0].starts_with("embed, for the default model is not in "), "{skipped:?}");
        assert!(parsed(&["--measures", "embed"]).unwrap().measures(false).is_err());
        let (measures, skipped) = parsed(&[]).unwrap().measures(true).unwrap();
        assert_eq!((measures.len(), skipped.len()), (3, 0));
    }
}
