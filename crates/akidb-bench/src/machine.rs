//! Where a measurement ran: enough to judge a figure, nothing that names a place or a person.

use std::{fs, thread};

use serde::Serialize;

/// The machine and how busy it was.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    threads: usize,
    widest_instructions: &'static str,
    memory_gib: Option<f64>,
    system: &'static str,
    /// Runnable tasks over the last minute when the measurement began. Above 0 others ran too.
    load_before: Option<f64>,
}

impl Machine {
    /// Looks at this machine.
    pub(crate) fn observe() -> Self {
        Self {
            processor: field_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".into()),
            threads: thread::available_parallelism().map_or(1, Into::into),
            widest_instructions: widest_instructions(),
            memory_gib: memory_gib(),
            system: std::env::consts::OS,
            load_before: load(),
        }
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let Self { processor, threads, widest_instructions, system, .. } = self;
        let memory = self.memory_gib.map(|gib| format!(", {gib:.0} GiB")).unwrap_or_default();
        let load = self.load_before.map(|load| format!(", load before {load:.1}"));
        let load = load.unwrap_or_default();
        format!("{processor}, {threads} threads, {widest_instructions}{memory}, {system}{load}")
    }
}

/// The mean number of runnable tasks over the last minute.
pub(crate) fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

fn memory_gib() -> Option<f64> {
    let text = field_of("/proc/meminfo", "MemTotal")?;
    let kibibytes: f64 = text.split(' ').next()?.parse().ok()?;
    Some(kibibytes / f64::from(1 << 20))
}

/// The value of the first line `name : value` of a file.
fn field_of(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}

#[cfg(target_arch = "x86_64")]
fn widest_instructions() -> &'static str {
    if is_x86_feature_detected!("avx512vnni") {
        "AVX-512 with VNNI"
    } else if is_x86_feature_detected!("avx512f") {
        "AVX-512"
    } else if is_x86_feature_detected!("avx2") {
        "AVX2"
    } else {
        "SSE2"
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn widest_instructions() -> &'static str {
    std::env::consts::ARCH
}

/// The processor time that this process has used, in seconds.
pub(crate) fn process_cpu_s() -> Option<f64> {
    cpu_s_of("self")
}

/// Context switches of the threads that a process has now. Linux tells them, others do not.
pub(crate) fn switches_of(process: u32) -> Option<u64> {
    let mut switches = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task")).ok()?.flatten() {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        let counts = status.lines().filter_map(|line| line.split_once("ctxt_switches:"));
        switches += counts.filter_map(|(_, count)| count.trim().parse::<u64>().ok()).sum::<u64>();
    }
    Some(switches)
}

/// The same of any process, by its id. Linux tells it, others do not.
pub(crate) fn cpu_s_of(process: &str) -> Option<f64> {
    /// Clock ticks a second that Linux tells programs of, whatever its own clock does.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program may hold spaces; it ends with the last parenthesis.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let (user, system): (f64, f64) = (fields.get(11)?.parse().ok()?, fields.get(12)?.parse().ok()?);
    Some((user + system) / TICKS)
}
