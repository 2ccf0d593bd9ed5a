//! What a worker and the libraries in it print: into the node's log, a line at a time.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Read},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Longer lines are cut.
const LINE_BYTES: u64 = 2_000;
/// More lines in a second are counted, not logged.
const LINES_A_SECOND: u32 = 50;
/// Lines that are kept to say how a worker ended.
const KEPT_LINES: usize = 3;

/// The last lines that a worker printed; clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct LastLines(Arc<Mutex<VecDeque<String>>>);

impl LastLines {
    /// The last ones, on one line.
    pub(super) fn joined(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join(" | ")
    }

    fn keep(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line.chars().take(200).collect());
    }
}

/// Logs what comes until the worker has ended.
pub(super) fn follow(
    stderr: impl Read + Send + 'static,
    model: &str,
    pid: u32,
) -> io::Result<LastLines> {
    let (last, model) = (LastLines::default(), model.to_owned());
    let kept = last.clone();
    let run = move || log_lines(BufReader::new(stderr), &model, pid, &kept);
    thread::Builder::new().name("akidb-mlx-log".to_owned()).spawn(run)?;
    Ok(last)
}

fn log_lines(mut stderr: impl BufRead, model: &str, pid: u32, last: &LastLines) {
    let (mut since, mut lines, mut dropped) = (Instant::now(), 0, 0_u64);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match (&mut stderr).take(LINE_BYTES).read_until(b'\n', &mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end();
        if line.is_empty() {
            continue;
        }
        last.keep(line);
        if since.elapsed() > Duration::from_secs(1) {
            if dropped > 0 {
                tracing::warn!(model, pid, dropped, "the MLX worker printed too much");
            }
            (since, lines, dropped) = (Instant::now(), 0, 0);
        }
        lines += 1;
        if lines > LINES_A_SECOND {
            dropped += 1;
        } else {
            tracing::info!(model, pid, "MLX worker: {line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_no_line_is_endless() {
        let last = LastLines::default();
        let text = format!("one\n\ntwo\n{}\nFatal Python error: Aborted\n", "x".repeat(5_000));
        log_lines(text.as_bytes(), "test", 1, &last);
        let kept = last.joined();
        assert!(kept.ends_with("Fatal Python error: Aborted"), "{kept}");
        assert!(kept.len() < 500 && !kept.contains("one"), "{kept}");
    }
}
