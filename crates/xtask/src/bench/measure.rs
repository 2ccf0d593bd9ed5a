//! One measurement: starts a node of its own over an empty folder, lets `akidb-bench` drive it, and
//! reads what that reports.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde_json::Value;

use crate::{node::Node, process::program};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Measure {
    /// Vectors searched for, one at a time, in a complete index
    Search,
    /// Vectors inserted, four batches at a time, with the graph that is built for them
    Insert,
    /// Texts embedded with the default model, one request of eight at a time
    Embed,
}

/// Where a node runs, and what all measurements have in common.
pub(super) struct NodeFolder {
    /// `akidb-bench`.
    pub(super) bench: PathBuf,
    pub(super) models_dir: PathBuf,
    /// Of the node: its data and its log. It is emptied before each measurement.
    pub(super) folder: PathBuf,
    pub(super) documents: u32,
}

/// What one door took.
#[derive(Debug, PartialEq)]
pub(super) struct Reading {
    /// Such as `search over grpc`.
    pub(super) name: String,
    /// Processor time of the node.
    pub(super) cpu_s: f64,
    /// Elapsed time.
    pub(super) wall_s: f64,
}

impl Measure {
    /// All that are asked for, once each, in the order of their names here.
    pub(super) fn all_of(asked: Option<&[Self]>) -> Vec<Self> {
        let asked = asked.unwrap_or(Self::value_variants());
        asked.iter().copied().collect::<BTreeSet<_>>().into_iter().collect()
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Insert => "insert",
            Self::Embed => "embed",
        }
    }

    /// The rest of the command line. Searches and texts follow from the documents, so that one
    /// number makes all of them short or long.
    fn words(self, documents: u32) -> Vec<String> {
        let words = match self {
            Self::Search => vec![
                ("--documents", documents.to_string()),
                ("--searches", (documents / 5).max(1).to_string()),
                ("--concurrency", "1".to_owned()),
                // Of a graph, whose links depend on which thread was first.
                ("--min-recall", "0.9".to_owned()),
            ],
            Self::Insert => {
                vec![("--documents", documents.to_string()), ("--concurrency", "4".to_owned())]
            }
            Self::Embed => vec![("--texts", (documents / 25).max(1).to_string())],
        };
        words.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }

    /// Settings of its node: what is not measured does not run beside it.
    fn settings(self) -> Vec<(&'static str, OsString)> {
        match self {
            Self::Embed => Vec::new(),
            Self::Search | Self::Insert => vec![("AKIDB_EMBEDDING__ENABLED", "false".into())],
        }
    }

    /// How many operations a run did, and how many a second.
    const fn fields(self) -> (&'static str, &'static str) {
        match self {
            Self::Search => ("searches", "searches_s"),
            Self::Insert => ("documents", "documents_s"),
            Self::Embed => ("texts", "texts_s"),
        }
    }

    /// Runs it with a node, one reading for each door.
    pub(super) async fn run(self, place: &NodeFolder, akidb: &Path) -> Result<Vec<Reading>> {
        let NodeFolder { models_dir, folder, .. } = place;
        let mut node = Node::start_with(akidb, models_dir, folder, self.settings())?;
        let addresses = node.ready().await?;
        let mut bench = program(&place.bench);
        bench.args(["--output", "json", self.name()]).args(self.words(place.documents));
        bench.args(["--grpc", &format!("http://{}", addresses.grpc)]);
        bench.args(["--rest", &format!("http://{}", addresses.rest)]);
        bench.args(["--node-pid", &node.id().to_string()]);
        // A proxy of the environment is not for a node of this machine.
        bench.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        let output = tokio::task::spawn_blocking(move || start(bench)).await??;
        let readings = self.readings(&output);
        let log = || format!("the log of its node is {}", folder.join("log").display());
        let readings = readings.with_context(log)?;
        node.stop()?;
        Ok(readings)
    }

    fn readings(self, output: &Output) -> Result<Vec<Reading>> {
        let report: Option<Value> = serde_json::from_slice(&output.stdout).ok();
        let said = String::from_utf8_lossy(&output.stderr);
        let Some(report) = report else {
            bail!("`akidb-bench {}` failed: {}\n{}", self.name(), output.status, said.trim());
        };
        if !output.status.success() {
            bail!("`akidb-bench {}` found wrong answers: {report:#}", self.name());
        }
        self.read(&report).with_context(|| {
            format!("`akidb-bench {}` reported what can not be read: {report:#}", self.name())
        })
    }

    fn read(self, report: &Value) -> Result<Vec<Reading>> {
        let runs = report["runs"].as_array().context("there are no runs")?;
        if runs.is_empty() {
            bail!("there are no runs");
        }
        runs.iter().map(|run| self.reading(run).context("a run lacks a field")).collect()
    }

    fn reading(self, run: &Value) -> Option<Reading> {
        // A run of `insert` may be that of another engine.
        let engine = || run["engine"].as_str()?.strip_prefix("akidb over ");
        let door = run["door"].as_str().or_else(engine)?;
        let (count, rate) = self.fields();
        let wall_s = run[count].as_f64()? / run[rate].as_f64()?;
        let cpu_s = run["node_cpu_s"].as_f64()?;
        Some(Reading { name: format!("{} over {door}", self.name()), cpu_s, wall_s })
    }
}

fn start(mut bench: Command) -> Result<Output> {
    bench.output().context("cannot start akidb-bench")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn readings_are_taken_from_the_reports_of_the_bench() {
        let run = json!({"door": "rest", "searches": 100, "searches_s": 50.0, "node_cpu_s": 1.5});
        let name = "search over rest".to_owned();
        assert_eq!(
            Measure::Search.read(&json!({"runs": [run]})).unwrap(),
            [Reading { name, cpu_s: 1.5, wall_s: 2.0 }]
        );
        let run = json!({
            "engine": "akidb over grpc", "documents": 100, "documents_s": 25.0, "node_cpu_s": 1.0
        });
        let name = "insert over grpc".to_owned();
        assert_eq!(
            Measure::Insert.read(&json!({"runs": [run]})).unwrap(),
            [Reading { name, cpu_s: 1.0, wall_s: 4.0 }]
        );
    }

    #[test]
    fn a_report_without_what_is_judged_is_an_error() {
        for report in [
            json!({}),
            json!({"runs": []}),
            json!({"runs": [{"door": "rest", "texts": 8, "texts_s": 4.0, "node_cpu_s": null}]}),
            json!({"runs": [{"door": "rest", "node_cpu_s": 1.0}]}),
        ] {
            assert!(Measure::Embed.read(&report).is_err(), "{report}");
        }
    }

    #[test]
    fn a_measure_that_is_named_twice_is_taken_once() {
        let asked = [Measure::Insert, Measure::Search, Measure::Insert];
        assert_eq!(Measure::all_of(Some(&asked)), [Measure::Search, Measure::Insert]);
        assert_eq!(Measure::all_of(None).len(), 3);
    }
}
