//! Documents that failed: listed at the end, or written to a file as they stood in the input, so that
//! they can be mended and imported again.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use akidb_client::NodeError;
use akidb_rest::ImportFormat;

use super::sent::Sent;
use crate::{
    failure::{Failure, Result},
    printer::Printer,
};

/// Lines that are listed; the others are counted.
const LISTED_MAX: usize = 100;

/// Where failed documents go.
pub(super) struct FailedLines {
    files: Option<Files>,
    listed: Vec<String>,
    count: u64,
}

/// The documents, and beside them why each failed.
struct Files {
    documents: Output,
    reasons: Output,
}

struct Output {
    path: PathBuf,
    file: BufWriter<File>,
}

impl FailedLines {
    /// A list, or files, which are made or emptied.
    ///
    /// # Errors
    /// A file cannot be made, or is the input itself.
    pub(super) fn new(path: Option<&Path>, input: &Path) -> Result<Self> {
        let Some(path) = path else {
            return Ok(Self { files: None, listed: Vec::new(), count: 0 });
        };
        let is_input =
            fs::canonicalize(path).is_ok_and(|path| fs::canonicalize(input).ok() == Some(path));
        if is_input {
            let message = format!("--errors {} is the file that is imported", path.display());
            return Err(Failure::usage(message).hint("name another file"));
        }
        let mut reasons = OsString::from(path);
        reasons.push(".reasons");
        let files = Files {
            documents: Output::create(path.to_owned())?,
            reasons: Output::create(reasons.into())?,
        };
        Ok(Self { files: Some(files), listed: Vec::new(), count: 0 })
    }

    /// Whether documents have to be kept until they are answered.
    pub(super) const fn wants_documents(&self) -> bool {
        self.files.is_some()
    }

    /// Adds a document, with the answer of the node as it came.
    pub(super) fn add(
        &mut self,
        number: u64,
        error: &NodeError,
        answer: &[u8],
        document: Option<&[u8]>,
        (format, sent): (ImportFormat, &Sent),
    ) -> Result {
        self.count += 1;
        match &mut self.files {
            Some(files) => {
                if let Some(document) = document {
                    let is_first = self.count == 1;
                    if let Some(header) =
                        sent.first().filter(|_| is_first && format == ImportFormat::Csv)
                    {
                        files.documents.line(&header)?;
                    }
                    files.documents.line(&on_lines(document, format))?;
                }
                files.reasons.line(answer)?;
            }
            None if self.listed.len() < LISTED_MAX => {
                self.listed.push(format!("line {number}: {}: {}", error.code, error.message));
            }
            None => {}
        }
        Ok(())
    }

    /// Tells of the documents, once.
    pub(super) fn report(&mut self, printer: Printer) -> Result {
        if let Some(Files { documents, reasons }) = &mut self.files {
            return documents.flush().and_then(|()| reasons.flush());
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

    /// What to do about them.
    pub(super) fn hint(&self) -> String {
        match &self.files {
            Some(Files { documents, reasons }) => format!(
                "mend the lines of {} and import that file; {} says why each failed",
                documents.path.display(),
                reasons.path.display()
            ),
            None => {
                "mend these lines and import the file again; --errors FILE keeps them".to_owned()
            }
        }
    }
}

/// A document as it is written. An item of a list becomes a line; line breaks between its parts mean
/// nothing.
fn on_lines(document: &[u8], format: ImportFormat) -> Vec<u8> {
    let document = document.strip_suffix(b"\r").unwrap_or(document);
    match format {
        ImportFormat::Array => {
            let breaks = |byte: &u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte };
            document.trim_ascii().iter().map(breaks).collect()
        }
        ImportFormat::Lines | ImportFormat::Csv => document.to_vec(),
    }
}

impl Output {
    fn create(path: PathBuf) -> Result<Self> {
        let file = File::create(&path)
            .map_err(|error| Failure::io(format!("cannot write {}", path.display()), &error))?;
        Ok(Self { path, file: BufWriter::new(file) })
    }

    fn line(&mut self, bytes: &[u8]) -> Result {
        let written = self.file.write_all(bytes).and_then(|()| self.file.write_all(b"\n"));
        self.told(written)
    }

    fn flush(&mut self) -> Result {
        let flushed = self.file.flush();
        self.told(flushed)
    }

    fn told(&self, outcome: std::io::Result<()>) -> Result {
        outcome
            .map_err(|error| Failure::io(format!("cannot write {}", self.path.display()), &error))
    }
}
