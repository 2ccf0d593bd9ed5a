//! The one place that writes to the terminal: data on stdout, everything else on stderr.
//!
//! Out of scope: what the data is, which the commands say, and the node's log.

use std::{
    fmt,
    io::{self, Write},
};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use crate::failure::{Failure, Result};

/// A table is not made narrower, however narrow the terminal is.
const TABLE_COLUMNS_MIN: u16 = 40;

/// How data is written to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    // Tables that fit the terminal, for people.
    #[default]
    Table,
    // JSON as the node answered it, for programs.
    Json,
}

/// Who reads stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Somebody, as far as can be known.
    There,
    /// Nobody any more: what is written is lost.
    Gone,
}

/// Writes what the commands have to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    output: OutputFormat,
}

impl Printer {
    /// A printer that writes data in this format.
    pub(crate) const fn new(output: OutputFormat) -> Self {
        Self { output }
    }

    /// Writes the answer of a command: `json` for programs, `table` for people.
    pub(crate) fn answer(self, json: &Value, table: impl FnOnce() -> Table) -> Result {
        match self.output {
            OutputFormat::Json => self.line(json),
            OutputFormat::Table => self.line(table()),
        }
    }

    /// How data is written.
    pub(crate) const fn output(self) -> OutputFormat {
        self.output
    }

    /// Writes a line of data.
    pub(crate) fn line(self, line: impl fmt::Display) -> Result {
        self.part(line).map(|_| ())
    }

    /// Writes lines of data that more may follow.
    pub(crate) fn part(self, lines: impl fmt::Display) -> Result<Reader> {
        let mut stdout = io::stdout().lock();
        match writeln!(stdout, "{lines}").and_then(|()| stdout.flush()) {
            // The reader has seen enough, as `head` does.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
            Err(error) => Err(Failure::io("cannot write to stdout", &error)),
            Ok(()) => Ok(Reader::There),
        }
    }

    /// Tells a person something.
    #[expect(clippy::unused_self, reason = "only who was handed the printer may print")]
    pub(crate) fn note(self, note: impl fmt::Display) {
        // Nobody is left to be told that stderr is closed.
        let _ = writeln!(io::stderr().lock(), "{note}");
    }

    /// Tells a person that something is not as it should be.
    pub(crate) fn warning(self, warning: impl fmt::Display) {
        self.note(format_args!("warning: {warning}"));
    }
}

/// A table with these column names, arranged to the width of the terminal.
pub(crate) fn table<'a>(header: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = plain_table();
    table.set_header(header.into_iter().collect::<Vec<_>>());
    table
}

/// A table of names and values without a header.
pub(crate) fn properties(rows: impl IntoIterator<Item = (String, String)>) -> Table {
    let mut table = plain_table();
    table.add_rows(rows.into_iter().map(|(name, value)| [name, value]));
    table
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    // Of stdout itself: the terminal that the process was started from may be another one.
    if let Ok(size) = rustix::termios::tcgetwinsize(io::stdout())
        && size.ws_col > 0
    {
        table.set_width(size.ws_col.max(TABLE_COLUMNS_MIN));
    }
    table
}
