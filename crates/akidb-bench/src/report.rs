//! How a measurement is told: tables for people, JSON for programs. The only writer to stdout.

use std::io::{self, Write};

use clap::ValueEnum;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

/// How a report is written to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Tables for people
    #[default]
    Table,
    /// One JSON object for programs
    Json,
}

/// Whether a measurement found what it had to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Every answer was right and every goal that was asked for was met.
    Passed,
    /// Some answer was wrong or some goal was missed; the report says which.
    Failed,
}

impl Verdict {
    /// Passed where `passed` holds.
    pub(crate) fn of(passed: bool) -> Self {
        if passed { Self::Passed } else { Self::Failed }
    }
}

/// What a command found out.
pub(crate) trait Report: Serialize {
    /// The report as lines and tables, for people.
    fn parts(&self) -> Vec<String>;

    /// Whether all was right.
    fn verdict(&self) -> Verdict;
}

/// Writes a report to stdout and says whether all was right.
pub(crate) fn publish(report: &impl Report, format: OutputFormat) -> anyhow::Result<Verdict> {
    let mut stdout = io::stdout().lock();
    match format {
        OutputFormat::Json => {
            serde_json::to_writer_pretty(&mut stdout, report)?;
            writeln!(stdout)?;
        }
        OutputFormat::Table => {
            for part in report.parts() {
                writeln!(stdout, "{part}")?;
            }
        }
    }
    Ok(report.verdict())
}

/// A table whose first column is text and whose other columns are figures.
pub(crate) fn table<const COLUMNS: usize>(
    heads: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heads);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("\n{table}\n")
}

/// A cell of seconds, empty where they are not known.
pub(crate) fn seconds(seconds: Option<f64>) -> String {
    seconds.map(|seconds| format!("{seconds:.1}")).unwrap_or_default()
}

/// Tells a person how far it is, on stderr.
pub(crate) fn progress(message: impl std::fmt::Display) {
    // Nobody is left to be told that stderr is closed.
    drop(writeln!(io::stderr(), "{message}"));
}
