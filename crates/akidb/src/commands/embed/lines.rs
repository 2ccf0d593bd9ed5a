//! The texts of a file or of stdin, in batches.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use akidb_core::read_json;
use clap::ValueEnum;
use serde_json::Value;

use crate::failure::{ExitStatus, Failure, Result};

/// Bytes of one line; no node takes more in one body by default.
const LINE_BYTES_MAX: u64 = 32 << 20;
/// Bytes of the lines of one batch, well below what a node takes in one body by default.
const BATCH_BYTES: u64 = 8 << 20;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::commands) enum Format {
    // A text.
    Lines,
    // A text as JSON, or an object that has one.
    Jsonl,
}

impl Format {
    /// The format that the name of a file promises.
    pub(in crate::commands) fn of(path: &Path) -> Self {
        let extension = path.extension().and_then(|extension| extension.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("jsonl" | "ndjson") => Self::Jsonl,
            _ => Self::Lines,
        }
    }
}

/// A text and where it came from.
#[derive(Debug, PartialEq)]
pub(in crate::commands) struct Origin {
    /// The number of its line, from 1.
    pub(in crate::commands) line: u64,
    /// Its `id`, in JSON Lines.
    pub(in crate::commands) id: Option<Value>,
}

/// Texts that are embedded together.
#[derive(Debug, Default, PartialEq)]
pub(in crate::commands) struct Batch {
    pub(in crate::commands) origins: Vec<Origin>,
    pub(in crate::commands) texts: Vec<String>,
    /// Bytes read for it.
    pub(in crate::commands) bytes: u64,
}

/// Reads lines.
pub(in crate::commands) struct Lines {
    name: String,
    format: Format,
    /// Bytes to read, where that is known.
    pub(in crate::commands) bytes: Option<u64>,
    reader: Box<dyn BufRead + Send>,
    lines_read: u64,
}

impl Lines {
    /// Opens a file, or stdin for `-`.
    pub(in crate::commands) fn open(path: &Path, format: Format) -> Result<Self> {
        if path == Path::new("-") {
            let reader = Box::new(BufReader::new(io::stdin()));
            return Ok(Self::new("stdin".to_owned(), format, None, reader));
        }
        let name = path.display().to_string();
        let failure = |error: io::Error| Failure::io(format!("cannot open {name}"), &error);
        let file = File::open(path).map_err(failure)?;
        let metadata = file.metadata().map_err(failure)?;
        let bytes = metadata.is_file().then_some(metadata.len());
        Ok(Self::new(name, format, bytes, Box::new(BufReader::new(file))))
    }

    fn new(
        name: String,
        format: Format,
        bytes: Option<u64>,
        reader: Box<dyn BufRead + Send>,
    ) -> Self {
        Self { name, format, bytes, reader, lines_read: 0 }
    }

    /// The next batch of at most `batch_size` texts; `None` at the end. Blank lines are passed over.
    pub(in crate::commands) fn next_batch(&mut self, batch_size: usize) -> Result<Option<Batch>> {
        let mut batch = Batch::default();
        while batch.texts.len() < batch_size && batch.bytes < BATCH_BYTES {
            let mut line = Vec::new();
            let read = self.read_line(&mut line)?;
            if read == 0 {
                break;
            }
            batch.bytes += read;
            self.lines_read += 1;
            if let Some((text, id)) = self.text_of(line)? {
                batch.texts.push(text);
                batch.origins.push(Origin { line: self.lines_read, id });
            }
        }
        Ok((batch.bytes > 0).then_some(batch))
    }

    /// Reads a line, of which `line` gets one byte more than is allowed at the most.
    fn read_line(&mut self, line: &mut Vec<u8>) -> Result<u64> {
        let mut reader = self.reader.by_ref().take(LINE_BYTES_MAX + 1);
        let read = reader.read_until(b'\n', line);
        let read = read.map_err(|error| Failure::io(format!("cannot read {}", self.name), &error));
        Ok(read? as u64)
    }

    fn text_of(&self, line: Vec<u8>) -> Result<Option<(String, Option<Value>)>> {
        if line.len() as u64 > LINE_BYTES_MAX {
            return Err(self.bad(format!("is longer than {LINE_BYTES_MAX} bytes")));
        }
        let line = String::from_utf8(line).map_err(|error| {
            self.bad(format!("is not UTF-8 at byte {}", error.utf8_error().valid_up_to()))
        })?;
        let line = line.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']);
        if line.trim().is_empty() {
            return Ok(None);
        }
        match self.format {
            Format::Lines => Ok(Some((line.to_owned(), None))),
            Format::Jsonl => match read_json(line) {
                Ok(Value::String(text)) => Ok(Some((text, None))),
                Ok(Value::Object(mut object)) => match object.shift_remove("text") {
                    Some(Value::String(text)) => Ok(Some((text, object.shift_remove("id")))),
                    _ => Err(self.bad("has no text that is a string")),
                },
                Ok(_) => Err(self.bad("is not a JSON string nor an object with a text")),
                Err(fault) => Err(self.bad(format_args!("is no sound JSON: {fault}"))),
            },
        }
    }

    fn bad(&self, fault: impl std::fmt::Display) -> Failure {
        let message = format!("{}: line {} {fault}", self.name, self.lines_read);
        Failure::new(ExitStatus::USAGE, message)
            .hint("--format says what a line is: lines is a text, jsonl is JSON")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &'static str, format: Format) -> Result<Vec<Batch>> {
        let mut lines = Lines::new("test".to_owned(), format, None, Box::new(text.as_bytes()));
        std::iter::from_fn(|| lines.next_batch(2).transpose()).collect()
    }

    fn origin(line: u64, id: Option<Value>) -> Origin {
        Origin { line, id }
    }

    #[test]
    fn lines_keep_their_numbers_and_their_blanks_inside() {
        let batches = read("\u{feff}one\r\n \n  two \nthree", Format::Lines).unwrap();
        assert_eq!(batches[0].texts, ["one", "  two "]);
        assert_eq!(batches[0].origins, [origin(1, None), origin(3, None)]);
        assert_eq!((batches[1].texts.len(), batches[1].bytes), (1, 5));
        assert!(read("", Format::Lines).unwrap().is_empty());
    }

    #[test]
    fn json_lines_are_texts_or_objects_with_one() {
        let lines = "\"a\\nb\"\n{\"id\":7,\"text\":\"c\",\"metadata\":{}}\n";
        let batches = read(lines, Format::Jsonl).unwrap();
        assert_eq!(batches[0].texts, ["a\nb", "c"]);
        assert_eq!(batches[0].origins, [origin(1, None), origin(2, Some(json!(7)))]);
        for bad in ["\"a\"\n7", "\"a\"\n{\"id\":1}", "\"a\"\n{", "\"a\"\n[\"b\"]"] {
            let failure = read(bad, Format::Jsonl).unwrap_err();
            assert!(failure.message.starts_with("test: line 2 "), "{}", failure.message);
        }
    }

    #[test]
    fn names_of_files_promise_formats() {
        assert_eq!(Format::of(Path::new("a/b.JSONL")), Format::Jsonl);
        assert_eq!(Format::of(Path::new("-")), Format::Lines);
        assert_eq!(Format::of(Path::new("jsonl")), Format::Lines);
    }
}
