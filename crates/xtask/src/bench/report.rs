//! How a comparison is told: a table for people, JSON for programs.

use std::{fmt, fs};

use serde_json::{Value, json};

use super::{
    commits::{Commit, Commits},
    judge::{self, Ratios, Readings, Verdict},
    measure::Reading,
};

/// How much a reading of the processor time may be off: user and system time are counted in steps
/// of 10 ms each.
const CPU_STEP_S: f64 = 0.02;

/// What was measured.
pub(super) struct Report {
    pub(super) commits: Commits,
    profile: &'static str,
    documents: u32,
    load_before: Option<f64>,
    /// What was left out, and why.
    pub(super) skipped: Vec<String>,
    pub(super) series: Vec<Series>,
}

/// All readings of one measure, BASE and HEAD, one of each a turn.
pub(super) struct Series {
    name: String,
    cpu_s: [Vec<f64>; 2],
    wall_s: [Vec<f64>; 2],
}

/// A report with its verdicts.
pub(super) struct Judged {
    report: Report,
    load_after: Option<f64>,
    lines: Vec<Line>,
}

/// One measure by one clock.
struct Line {
    measure: String,
    clock: &'static str,
    seconds: [Vec<f64>; 2],
    ratios: Ratios,
    bound: f64,
    verdict: Verdict,
}

impl Series {
    /// Keeps a reading of BASE, side 0, or HEAD, side 1.
    pub(super) fn add(all: &mut Vec<Self>, side: usize, reading: Reading) {
        let at = all.iter().position(|series| series.name == reading.name).unwrap_or_else(|| {
            let (cpu_s, wall_s) = Default::default();
            all.push(Self { name: reading.name, cpu_s, wall_s });
            all.len() - 1
        });
        all[at].cpu_s[side].push(reading.cpu_s);
        all[at].wall_s[side].push(reading.wall_s);
    }
}

impl Report {
    /// Before anything is measured.
    pub(super) fn begin(commits: Commits, profile: &'static str, documents: u32) -> Self {
        let (skipped, series) = Default::default();
        Self { commits, profile, documents, load_before: load(), skipped, series }
    }

    /// What is compared.
    pub(super) fn heading(&self) -> String {
        let Commits { base, head } = &self.commits;
        let same = match self.commits.are_the_same() {
            true => "\nthey are the same: what follows is the noise of this machine",
            false => "",
        };
        let skipped = self.skipped.iter().map(|what| format!("\nSKIPPED: {what}"));
        format!("HEAD: {head}\nBASE: {base}{same}{}", skipped.collect::<String>())
    }

    /// Judges each measure by each clock; bounds are shares of 1.
    pub(super) fn judge(self, cpu_bound: f64, wall_bound: f64) -> Judged {
        let lines = self.series.iter().flat_map(|series| {
            [
                Line::of(series, "processor", &series.cpu_s, CPU_STEP_S, cpu_bound),
                Line::of(series, "wall", &series.wall_s, 0.0, wall_bound),
            ]
        });
        Judged { lines: lines.collect(), load_after: load(), report: self }
    }
}

impl Line {
    fn of(
        series: &Series,
        clock: &'static str,
        seconds: &[Vec<f64>; 2],
        step_s: f64,
        bound: f64,
    ) -> Self {
        let [base_s, head_s] = seconds;
        let readings = Readings { base_s, head_s, step_s };
        let ratios = Ratios::of(&readings);
        let verdict = judge::judge(&readings, &ratios, bound);
        Self {
            measure: series.name.clone(),
            clock,
            seconds: seconds.clone(),
            ratios,
            bound,
            verdict,
        }
    }

    fn to_json(&self) -> Value {
        let Ratios { median, least, greatest, sure } = self.ratios;
        let [base_s, head_s] = &self.seconds;
        json!({
            "measure": self.measure,
            "clock": self.clock,
            "base_s": base_s,
            "head_s": head_s,
            "ratio": {
                "median": median,
                "least": least,
                "greatest": greatest,
                "sure_within": sure.map(|(low, high)| [low, high]),
            },
            "bound": self.bound,
            "verdict": self.verdict.name(),
            "reason": match self.verdict {
                Verdict::NotDecided(doubt) => Some(doubt.to_string()),
                Verdict::Passed | Verdict::Slower | Verdict::SeemsSlower => None,
            },
        })
    }
}

impl Judged {
    /// Of all measures together.
    pub(super) fn verdict(&self) -> Verdict {
        judge::worst(self.lines.iter().map(|line| line.verdict))
    }

    /// All readings and verdicts.
    pub(super) fn to_json(&self) -> Value {
        let Report { commits, profile, documents, load_before, skipped, .. } = &self.report;
        let commit = |commit: &Commit| json!({"commit": commit.hash, "subject": commit.subject, "changed": commit.is_changed});
        json!({
            "base": commit(&commits.base),
            "head": commit(&commits.head),
            "profile": profile,
            "documents": documents,
            "load_before": load_before,
            "load_after": self.load_after,
            "measures": self.lines.iter().map(Line::to_json).collect::<Vec<_>>(),
            "skipped": skipped,
            "verdict": self.verdict().name(),
        })
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { profile, documents, load_before, .. } = &self.report;
        let turns = self.lines.first().map_or(0, |line| line.seconds[0].len());
        let load =
            |load: Option<f64>| load.map_or("unknown".to_owned(), |load| format!("{load:.1}"));
        writeln!(f, "\n{}", self.report.heading())?;
        writeln!(
            f,
            "turns {turns}, documents {documents}, profile {profile}, load before {}, after {}\n",
            load(*load_before),
            load(self.load_after)
        )?;
        writeln!(
            f,
            "{:<18}{:<11}{:>8}{:>8}{:>10}{:>8}{:>10}{:>8}  verdict",
            "measure", "clock", "BASE s", "HEAD s", "HEAD/BASE", "least", "greatest", "bound %"
        )?;
        for line in &self.lines {
            let Ratios { median, least, greatest, .. } = line.ratios;
            let [base_s, head_s] = line.seconds.each_ref().map(|seconds| middle(seconds));
            writeln!(
                f,
                "{:<18}{:<11}{base_s:>8.2}{head_s:>8.2}{median:>10.3}{least:>8.3}{greatest:>10.3}\
                 {:>8}  {}",
                line.measure,
                line.clock,
                100.0 * line.bound,
                line.verdict
            )?;
        }
        write!(f, "\n{}", self.verdict().summary())
    }
}

/// The median, of an even number the lower of the two in the middle.
fn middle(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[(sorted.len() - 1) / 2]
}

/// The mean number of runnable tasks over the last minute.
fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(hash: &str, is_changed: bool) -> Commit {
        Commit { hash: hash.repeat(40), subject: "Do it".to_owned(), is_changed }
    }

    fn judged(head_cpu_s: f64) -> Judged {
        let commits = Commits { base: commit("a", false), head: commit("b", true) };
        let mut report = Report::begin(commits, "release", 1_000);
        for _ in 0..7 {
            for (side, cpu_s) in [(0, 2.0), (1, head_cpu_s)] {
                let name = "search over grpc".to_owned();
                Series::add(&mut report.series, side, Reading { name, cpu_s, wall_s: 3.0 });
            }
        }
        report.judge(0.03, 0.1)
    }

    #[test]
    fn people_and_programs_are_told_the_same() {
        for (head_cpu_s, verdict, told) in
            [(2.02, "passed", "1.010   1.010     1.010       3  passed"), (2.2, "slower", "SLOWER")]
        {
            let judged = judged(head_cpu_s);
            let (text, json) = (judged.to_string(), judged.to_json());
            assert_eq!(json["verdict"], verdict);
            assert_eq!(json["measures"][0]["verdict"], verdict);
            assert_eq!(json["measures"][0]["head_s"], json!(vec![head_cpu_s; 7]));
            assert_eq!(json["measures"][1]["verdict"], "passed", "elapsed time was the same");
            assert!(text.contains(told), "{text}");
            assert!(text.contains("bbbbbbbbbbbb (Do it), with changes that are not committed"));
            assert_eq!(json["head"]["changed"], true);
        }
    }
}
