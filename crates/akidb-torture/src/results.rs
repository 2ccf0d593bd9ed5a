//! What was run and how it ended, a line a case, kept so that a run goes on where another stopped.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::case::Tally;

/// How a case ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The part.
    pub(crate) part: String,
    /// The number of the case.
    pub(crate) case: u64,
    /// The seed of the run.
    pub(crate) seed: u64,
    /// Whether all held.
    pub(crate) held: bool,
    /// What did not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) finding: String,
    /// What was done.
    pub(crate) tally: Tally,
    /// How long it took.
    pub(crate) seconds: f64,
}

/// The records of one state of the code.
pub(crate) struct Results {
    path: PathBuf,
    file: File,
    records: Vec<Record>,
}

impl Results {
    /// Opens the records in a folder, which is made where it is absent.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join("results.jsonl");
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        let text = fs::read_to_string(&path)?;
        // A line that is cut short is of a run that was killed.
        let records = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Ok(Self { path, file, records })
    }

    /// Where they are kept.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a case held before, with this seed.
    pub(crate) fn has_held(&self, part: &str, case: u64, seed: u64) -> bool {
        let is_it =
            |record: &&Record| record.part == part && record.case == case && record.seed == seed;
        self.records.iter().rev().find(is_it).is_some_and(|record| record.held)
    }

    /// Keeps a record.
    pub(crate) fn add(&mut self, record: Record) -> Result<()> {
        // One write a line, so that shards can share a file.
        let mut line = serde_json::to_vec(&record)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.records.push(record);
        Ok(())
    }

    /// The totals, and what did not hold, as text. The latest record of a case counts.
    pub(crate) fn summary(&self) -> Summary {
        let latest: BTreeMap<_, _> = self
            .records
            .iter()
            .map(|record| ((&record.part, record.seed, record.case), record))
            .collect();
        let mut parts: BTreeMap<String, PartSummary> = BTreeMap::new();
        let mut findings = Vec::new();
        for record in latest.into_values() {
            let part = parts.entry(record.part.clone()).or_default();
            part.cases += 1;
            part.held += u64::from(record.held);
            part.seconds += record.seconds;
            for (name, number) in &record.tally {
                *part.tally.entry(name.clone()).or_default() += number;
            }
            if !record.held {
                findings.push(record.clone());
            }
        }
        Summary { parts, findings }
    }
}

/// Totals of all records.
pub(crate) struct Summary {
    parts: BTreeMap<String, PartSummary>,
    /// The cases that did not hold.
    pub(crate) findings: Vec<Record>,
}

/// Totals of a part.
#[derive(Default)]
struct PartSummary {
    cases: u64,
    held: u64,
    seconds: f64,
    tally: Tally,
}

impl Summary {
    /// The totals as a table for people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (name, part) in &self.parts {
            let done = part.tally.iter().map(|(name, number)| format!("{number} {name}"));
            let done = done.collect::<Vec<_>>().join(", ");
            text += &format!(
                "{name:12} {:5} of {:5} cases held in {:7.1} s: {done}\n",
                part.held, part.cases, part.seconds
            );
        }
        for record in &self.findings {
            text += &format!(
                "FAILED {} {} --seed {}: {}\n",
                record.part, record.case, record.seed, record.finding
            );
        }
        text
    }
}
