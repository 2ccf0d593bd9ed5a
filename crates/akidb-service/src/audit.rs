//! What was done to the node as a whole, and who was not let in: lines of JSON in a file of their own.
//!
//! A line is written before the request is answered, into the file and not yet onto the disk: a process that is
//! killed loses none. A full file gets the ending `.1`, the one of before `.2`, and so on; the oldest goes, so that
//! all of them together have a bound, whoever sends how much.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use akidb_core::{ErrorCode, Role};
use parking_lot::Mutex;
use serde::Serialize;

use crate::{Access, AuditConfig, Caller, Door, Operation, keys::now_unix_ms};

/// Characters of what a client chooses; no name has more.
const SHOWN_CHARS_MAX: usize = 64;

/// The file that is written.
#[derive(Debug)]
pub(crate) struct AuditLog {
    config: AuditConfig,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    bytes: u64,
    /// Whether the last line could not be written, which is told once.
    has_failed: bool,
}

/// One line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event<'e> {
    pub(crate) door: Door,
    pub(crate) caller: &'e Caller,
    pub(crate) operation: Operation,
    /// The collection that the request names, as it writes it; empty where it names none.
    pub(crate) collection: &'e str,
    /// What else it is about, such as the id of a key; empty where it is nothing.
    pub(crate) subject: &'e str,
    /// None where all went well.
    pub(crate) code: Option<ErrorCode>,
}

#[derive(Serialize)]
struct Line<'l> {
    unix_ms: i64,
    request_id: &'l str,
    /// The id of the key, none where the request had no valid one, or needed none.
    key: Option<&'l str>,
    address: Option<String>,
    door: &'static str,
    operation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    collection: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// `ok`, or the code of the error.
    outcome: &'static str,
}

impl AuditLog {
    /// Opens the file, which is made for its owner alone where it is not there.
    ///
    /// # Errors
    /// It can not be opened.
    pub(crate) fn open(config: AuditConfig) -> io::Result<Self> {
        let (file, bytes) = open_file(&config.path)?;
        let state = State { file, bytes, has_failed: false };
        Ok(Self { config, state: Mutex::new(state) })
    }

    /// Writes a line. One that can not be written is told in the log of the node.
    pub(crate) fn write(&self, event: &Event<'_>) {
        let line = event.line();
        let mut state = self.state.lock();
        match self.append(&mut state, &line) {
            Ok(()) => state.has_failed = false,
            Err(error) if !state.has_failed => {
                state.has_failed = true;
                let path = self.config.path.display();
                tracing::error!(%error, %path, "the audit log can not be written");
            }
            Err(_) => {}
        }
    }

    fn append(&self, state: &mut State, line: &[u8]) -> io::Result<()> {
        if state.bytes > 0 && state.bytes + line.len() as u64 > self.config.file_bytes {
            self.rotate()?;
            (state.file, state.bytes) = open_file(&self.config.path)?;
        }
        state.file.write_all(line)?;
        state.bytes += line.len() as u64;
        Ok(())
    }

    /// Moves each file to the next number; the last one is written over.
    fn rotate(&self) -> io::Result<()> {
        let path = &self.config.path;
        for number in (1..self.config.kept_files).rev() {
            match fs::rename(numbered(path, number), numbered(path, number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        match self.config.kept_files {
            0 => fs::remove_file(path),
            _ => fs::rename(path, numbered(path, 1)),
        }
    }
}

impl Event<'_> {
    fn line(&self) -> Vec<u8> {
        let line = Line {
            unix_ms: now_unix_ms(),
            request_id: &self.caller.request_id,
            key: self.caller.principal.key(),
            address: self.caller.address.map(|address| address.to_string()),
            door: self.door.as_str(),
            operation: self.operation.as_str(),
            collection: shown(self.collection),
            subject: shown(self.subject),
            outcome: self.code.map_or("ok", ErrorCode::as_str),
        };
        // Texts and numbers always have a JSON form.
        let mut line = serde_json::to_vec(&line).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

impl Operation {
    /// Whether it is written down who asked for it.
    pub(crate) const fn is_audited(self) -> bool {
        matches!(self.access(), Access::Key(Role::Admin, _))
    }
}

fn shown(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.chars().take(SHOWN_CHARS_MAX).collect())
}

fn open_file(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_bounded_and_the_newest_lines_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let config = AuditConfig { path: path.clone(), file_bytes: 1_000, kept_files: 2 };
        let log = AuditLog::open(config.clone()).unwrap();
        let caller = Caller::default();
        let long = "é".repeat(1_000);
        let write = |log: &AuditLog, subject: &str| {
            log.write(&Event {
                door: Door::Rest,
                caller: &caller,
                operation: Operation::RevokeKey,
                collection: &long,
                subject,
                code: None,
            });
        };
        for number in 0..50 {
            write(&log, &number.to_string());
        }
        drop(log);
        write(&AuditLog::open(config).unwrap(), "the last");
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 3);
        assert!(names.drain(..).all(|entry| entry.unwrap().metadata().unwrap().len() <= 1_000));
        let newest = fs::read_to_string(&path).unwrap();
        let last: serde_json::Value = serde_json::from_str(newest.lines().last().unwrap()).unwrap();
        assert_eq!(last["subject"], "the last");
        assert_eq!(last["collection"].as_str().unwrap().chars().count(), SHOWN_CHARS_MAX);
        assert_eq!((&last["operation"], &last["outcome"]), (&"revoke_key".into(), &"ok".into()));
        assert!(fs::read_to_string(numbered(&path, 2)).unwrap().ends_with('\n'));
    }
}
