//! The line that a test run ends with: which parts passed, and by name what did not.

use anyhow::{Result, bail};

/// More names than these are counted instead, so that the line stays one.
const NAMES_LISTED: usize = 12;

/// How a part ended that did not fail.
#[derive(Debug)]
pub(super) enum PartResult {
    Passed,
    /// Why it cannot run on this machine.
    Skipped(&'static str),
}

/// What has run so far.
#[derive(Default)]
pub(super) struct Report {
    parts: Vec<(&'static str, Result<PartResult>)>,
}

impl Report {
    /// Ends a part. One that failed lets the next ones run.
    pub(super) fn add(&mut self, part: &'static str, outcome: Result<PartResult>) {
        match &outcome {
            Ok(PartResult::Passed) => {}
            Ok(PartResult::Skipped(reason)) => eprintln!("SKIPPED: {part}: {reason}"),
            Err(err) => eprintln!("FAILED: {part}: {err:#}"),
        }
        self.parts.push((part, outcome));
    }

    /// What was found or fetched. A machine that has no such package does without; where fetching
    /// fails, what needs it is skipped and the run has failed.
    pub(super) fn fetched<T>(&mut self, part: &'static str, found: Result<Option<T>>) -> Option<T> {
        match found {
            Ok(Some(found)) => Some(found),
            Ok(None) => {
                self.add(part, Ok(PartResult::Skipped("it is not installed")));
                None
            }
            Err(err) => {
                self.add(part, Err(err));
                None
            }
        }
    }

    /// Prints the last line, or answers it as the error.
    pub(super) fn end(self) -> Result<()> {
        let skipped = self.named(|outcome| matches!(outcome, Ok(PartResult::Skipped(_))));
        let skipped = match skipped.as_str() {
            "" => String::new(),
            names => format!("; skipped: {names}"),
        };
        let failed: Vec<_> = self
            .parts
            .iter()
            .filter_map(|(part, outcome)| Some((part, outcome.as_ref().err()?)))
            .map(|(part, err)| format!("{part} ({})", first_line(&err.to_string())))
            .collect();
        if !failed.is_empty() {
            bail!("failed: {}{skipped}", failed.join(", "));
        }
        let passed = self.named(|outcome| matches!(outcome, Ok(PartResult::Passed)));
        println!("\npassed: {passed}{skipped}");
        Ok(())
    }

    fn named(&self, is_wanted: impl Fn(&Result<PartResult>) -> bool) -> String {
        let wanted = self.parts.iter().filter(|(_, outcome)| is_wanted(outcome));
        wanted.map(|(part, _)| *part).collect::<Vec<_>>().join(", ")
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Names on one line; of many the first, and how many there are beside.
pub(super) fn list(names: &[String]) -> String {
    let listed = names.len().min(NAMES_LISTED);
    match names.len() - listed {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..listed].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use anyhow::anyhow;

    use super::*;

    #[test]
    fn one_line_names_every_part_that_failed() {
        let mut report = Report::default();
        report.add("pages", Err(anyhow!("README.md\nof the block").context("README.md")));
        report.add("texts by MLX", Ok(PartResult::Skipped("no OpenBLAS")));
        report.add("documentation tests", Ok(PartResult::Passed));
        report.add("tests", Err(anyhow!("it a::b, it c::d")));
        let line = report.end().unwrap_err().to_string();
        let expected = "failed: pages (README.md), tests (it a::b, it c::d); skipped: texts by MLX";
        assert_eq!(line, expected);
    }

    #[test]
    fn nothing_failed_where_a_part_was_skipped() {
        let mut report = Report::default();
        assert_eq!(report.fetched::<PathBuf>("Prometheus", Ok(None)), None);
        report.add("tests", Ok(PartResult::Passed));
        assert!(report.end().is_ok());
        let mut report = Report::default();
        assert_eq!(report.fetched::<PathBuf>("Prometheus", Err(anyhow!("no network"))), None);
        assert_eq!(report.end().unwrap_err().to_string(), "failed: Prometheus (no network)");
    }

    #[test]
    fn many_names_are_counted() {
        let names: Vec<_> = (0..NAMES_LISTED + 2).map(|number| number.to_string()).collect();
        assert!(list(&names).ends_with("11 and 2 more"));
        assert_eq!(list(&names[..2]), "0, 1");
    }
}
