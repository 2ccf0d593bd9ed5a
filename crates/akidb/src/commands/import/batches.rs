//! The lines of a file, in batches, each line known to be a JSON object.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use serde::de::IgnoredAny;

use crate::failure::{Failure, Result};

/// Bytes of the lines of one batch, well below what a node takes in one body by default.
const BATCH_BYTES: usize = 8 << 20;
/// Bytes of one line; no node takes more in one body by default.
const LINE_BYTES_MAX: u64 = 32 << 20;

/// Where lines are read from.
pub(super) struct Input {
    name: String,
    /// Bytes to read, where that is known.
    pub(super) bytes: Option<u64>,
    reader: Box<dyn BufRead + Send>,
}

impl Input {
    /// Opens a file, or stdin for `-`.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            let reader = Box::new(BufReader::new(io::stdin()));
            return Ok(Self { name: "stdin".to_owned(), bytes: None, reader });
        }
        let name = path.display().to_string();
        let failure = |error: io::Error| Failure::io(format!("cannot open {name}"), &error);
        let file = File::open(path).map_err(failure)?;
        let metadata = file.metadata().map_err(failure)?;
        let bytes = metadata.is_file().then_some(metadata.len());
        Ok(Self { name, bytes, reader: Box::new(BufReader::new(file)) })
    }
}

/// Lines that are sent together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// Those that are JSON objects.
    pub(super) lines: Vec<Line>,
    /// Those that are not.
    pub(super) bad: Vec<BadLine>,
    /// Bytes read for it.
    pub(super) bytes: u64,
}

/// A JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its number in the file, from 1.
    pub(super) number: u64,
    /// Its text.
    pub(super) json: String,
}

/// A line that cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    /// Its number in the file, from 1.
    pub(super) number: u64,
    /// What is wrong with it.
    pub(super) reason: String,
}

/// Reads batches until the input ends or fails.
pub(super) struct Batches {
    input: Input,
    batch_size: usize,
    lines_read: u64,
    ended: bool,
}

impl Batches {
    /// Batches of at most `batch_size` lines.
    pub(super) const fn new(input: Input, batch_size: usize) -> Self {
        Self { input, batch_size, lines_read: 0, ended: false }
    }

    fn read_batch(&mut self) -> io::Result<Batch> {
        let mut batch = Batch::default();
        let mut json_bytes = 0;
        while batch.lines.len() < self.batch_size && json_bytes < BATCH_BYTES {
            let mut bytes = Vec::new();
            let read = self.read_line(&mut bytes)?;
            if read == 0 {
                self.ended = true;
                break;
            }
            self.lines_read += 1;
            batch.bytes += read;
            match checked(bytes, self.lines_read) {
                Ok(Some(line)) => {
                    json_bytes += line.json.len();
                    batch.lines.push(line);
                }
                Ok(None) => {}
                Err(bad) => batch.bad.push(bad),
            }
        }
        Ok(batch)
    }

    /// Reads a line, of which `line` gets one byte more than is allowed at the most.
    fn read_line(&mut self, line: &mut Vec<u8>) -> io::Result<u64> {
        let reader = &mut self.input.reader;
        let read = reader.by_ref().take(LINE_BYTES_MAX + 1).read_until(b'\n', line)? as u64;
        if read <= LINE_BYTES_MAX || line.ends_with(b"\n") {
            return Ok(read);
        }
        Ok(read + reader.skip_until(b'\n')? as u64)
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.read_batch() {
            Ok(batch) if batch.bytes == 0 => None,
            Ok(batch) => Some(Ok(batch)),
            Err(error) => {
                self.ended = true;
                Some(Err(Failure::io(format!("cannot read {}", self.input.name), &error)))
            }
        }
    }
}

/// The line as text, `None` where it is blank.
fn checked(bytes: Vec<u8>, number: u64) -> Result<Option<Line>, BadLine> {
    let bad = |reason: String| BadLine { number, reason };
    if bytes.len() as u64 > LINE_BYTES_MAX {
        return Err(bad(format!("is longer than {LINE_BYTES_MAX} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        bad(format!("is not UTF-8 at byte {}", error.utf8_error().valid_up_to()))
    })?;
    let json = text.trim_start_matches('\u{feff}').trim();
    if json.is_empty() {
        return Ok(None);
    }
    let object: Result<BTreeMap<Cow<'_, str>, IgnoredAny>, _> = serde_json::from_str(json);
    match object {
        Ok(_) => Ok(Some(Line { number, json: json.to_owned() })),
        Err(error) => Err(bad(format!("is not a JSON object: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(text: &'static str, batch_size: usize) -> Vec<Batch> {
        let reader = Box::new(text.as_bytes());
        let input = Input { name: "test".to_owned(), bytes: None, reader };
        Batches::new(input, batch_size).map(Result::unwrap).collect()
    }

    #[test]
    fn lines_keep_their_numbers_across_batches_and_blank_lines() {
        let batches = batches("\u{feff}{\"id\":1}\r\n\n{\"id\":2}\n{\"id\":3}", 2);
        let numbers: Vec<Vec<u64>> = batches
            .iter()
            .map(|batch| batch.lines.iter().map(|line| line.number).collect())
            .collect();
        assert_eq!(numbers, [vec![1, 3], vec![4]]);
        assert_eq!(batches[0].lines[0].json, "{\"id\":1}");
        assert_eq!(batches.iter().map(|batch| batch.bytes).sum::<u64>(), 31);
    }

    #[test]
    fn bad_lines_are_named_and_do_not_end_the_reading() {
        let batches = batches("{\"id\":1\n[1]\n{\"id\":2}\n\"x\"\n", 10);
        let bad: Vec<u64> = batches[0].bad.iter().map(|line| line.number).collect();
        assert_eq!(bad, [1, 2, 4]);
        assert_eq!(batches[0].lines.len(), 1);
    }

    #[test]
    fn an_empty_input_has_no_batches() {
        assert!(batches("", 10).is_empty());
    }
}
