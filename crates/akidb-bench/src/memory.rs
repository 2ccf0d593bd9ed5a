//! What one core can read from memory, and how much of it this process has.

use std::{fs, hint::black_box, time::Instant};

use memmap2::MmapMut;
use serde::Serialize;

/// Sums that run side by side, so that additions do not wait for each other.
const SUMS: usize = 32;

/// What one core read a second, the best of some passes of a bare sum over the same bytes: no exact
/// scan of them on one core can be faster, where they do not fit its caches.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Bandwidth {
    /// As the vectors lie where nothing is done about it: in pages of 4 KiB on most machines.
    pub(crate) usual_pages_gb_s: f64,
    /// In huge pages, which a program has to ask for; `None` where it cannot.
    pub(crate) huge_pages_gb_s: Option<f64>,
}

impl Bandwidth {
    /// Sums up `values` and a copy of them in huge pages.
    pub(crate) fn measure(values: &[f32], passes: usize) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
        Self {
            usual_pages_gb_s: best_pass(passes, &bytes),
            huge_pages_gb_s: in_huge_pages(&bytes).map(|huge| best_pass(passes, &huge)),
        }
    }
}

/// A copy in huge pages, where the system has them to give.
#[cfg(target_os = "linux")]
fn in_huge_pages(bytes: &[u8]) -> Option<MmapMut> {
    let mut memory = MmapMut::map_anon(bytes.len()).ok()?;
    memory.advise(memmap2::Advice::HugePage).ok()?;
    memory.copy_from_slice(bytes);
    Some(memory)
}

#[cfg(not(target_os = "linux"))]
fn in_huge_pages(_bytes: &[u8]) -> Option<MmapMut> {
    None
}

/// GB/s of the fastest pass.
fn best_pass(passes: usize, bytes: &[u8]) -> f64 {
    let (words, _) = bytes.as_chunks::<4>();
    let seconds = (0..passes.max(1)).map(|_| {
        let started = Instant::now();
        black_box(bare_sum(black_box(words)));
        started.elapsed().as_secs_f64()
    });
    bytes.len() as f64 / seconds.fold(f64::INFINITY, f64::min) / 1e9
}

/// Adds words up: one load and one addition each, in the vector instructions of any machine.
fn bare_sum(words: &[[u8; 4]]) -> u32 {
    let mut sums = [0_u32; SUMS];
    let (chunks, rest) = words.as_chunks::<SUMS>();
    for chunk in chunks {
        for (sum, word) in sums.iter_mut().zip(chunk) {
            *sum = sum.wrapping_add(u32::from_ne_bytes(*word));
        }
    }
    let rest = rest.iter().map(|&word| u32::from_ne_bytes(word));
    sums.into_iter().chain(rest).fold(0, u32::wrapping_add)
}

/// The memory of this process that is in RAM, from one moment on. Linux tells it, others do not.
pub(crate) struct ResidentMemory {
    before_bytes: Option<u64>,
}

impl ResidentMemory {
    /// Looks at it, and begins a new peak.
    pub(crate) fn observe() -> Self {
        // Writing a 5 there makes the peak what is resident now. A peak of before would only be
        // higher, and is then told.
        drop(fs::write("/proc/self/clear_refs", "5"));
        Self { before_bytes: status_bytes("VmRSS") }
    }

    /// By how much it has grown.
    pub(crate) fn growth_bytes(&self) -> Option<u64> {
        Some(status_bytes("VmRSS")?.saturating_sub(self.before_bytes?))
    }

    /// By how much it had grown at the most.
    pub(crate) fn peak_growth_bytes(&self) -> Option<u64> {
        Some(status_bytes("VmHWM")?.saturating_sub(self.before_bytes?))
    }
}

fn status_bytes(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_reads_every_word() {
        for length in [0, 1, SUMS, 3 * SUMS + 5] {
            let words: Vec<u32> = (0..length as u32).collect();
            let bytes: Vec<_> = words.iter().map(|word| word.to_ne_bytes()).collect();
            let expected: u32 = words.iter().sum();
            assert_eq!(bare_sum(&bytes), expected);
        }
    }
}
