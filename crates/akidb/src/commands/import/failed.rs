//! Lines that failed: listed at the end, or written to a file as they come.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use crate::{
    client::NodeError,
    failure::{Failure, Result},
    printer::Printer,
};

/// Lines that are listed; the others are counted.
const LISTED_MAX: usize = 100;

/// Where failed lines go.
pub(super) struct FailedLines {
    file: Option<(PathBuf, BufWriter<File>)>,
    listed: Vec<String>,
    count: u64,
}

impl FailedLines {
    /// A list, or a file, which is made or emptied.
    pub(super) fn new(path: Option<&Path>) -> Result<Self> {
        let open = |path: &Path| {
            let file = File::create(path)
                .map_err(|error| Failure::io(format!("cannot write {}", path.display()), &error))?;
            Ok::<_, Failure>((path.to_owned(), BufWriter::new(file)))
        };
        Ok(Self { file: path.map(open).transpose()?, listed: Vec::new(), count: 0 })
    }

    /// Adds a line, with the answer of the node as it came.
    pub(super) fn add(&mut self, number: u64, error: &NodeError, answer: &[u8]) -> Result {
        self.count += 1;
        match &mut self.file {
            Some((path, file)) => {
                let written = file.write_all(answer).and_then(|()| file.write_all(b"\n"));
                written.map_err(|error| {
                    Failure::io(format!("cannot write {}", path.display()), &error)
                })?;
            }
            None if self.listed.len() < LISTED_MAX => {
                self.listed.push(format!("line {number}: {}: {}", error.code, error.message));
            }
            None => {}
        }
        Ok(())
    }

    /// Tells of the lines, once.
    pub(super) fn report(&mut self, printer: Printer) -> Result {
        if let Some((path, file)) = &mut self.file {
            return file
                .flush()
                .map_err(|error| Failure::io(format!("cannot write {}", path.display()), &error));
        }
        for line in &self.listed {
            printer.warning(line);
        }
        let others = self.count - self.listed.len() as u64;
        if others > 0 {
            printer
                .warning(format_args!("{others} more lines failed, --errors FILE keeps them all"));
        }
        Ok(())
    }
}
