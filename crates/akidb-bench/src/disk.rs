//! What a disk allows: how often it can be made to keep something, and how much it takes.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;
use serde::Serialize;

/// How long each kind of sync is repeated.
const SYNC_TIME: Duration = Duration::from_secs(3);

/// A page, the smallest thing worth keeping.
const PAGE_BYTES: usize = 4_096;

/// Written in one go for the bandwidth.
const SEQUENTIAL_BYTES: usize = 512 << 20;

const SEQUENTIAL_BLOCK_BYTES: usize = 1 << 20;

/// What the disk of a directory did, one writer at a time.
#[derive(Debug, Serialize)]
pub(crate) struct Disk {
    /// Appends of 4 KiB, each followed by fdatasync, a second.
    pub(crate) page_syncs_s: f64,
    /// The bytes of the vectors of one batch.
    pub(crate) batch_bytes: usize,
    /// Appends of that many bytes, each followed by fdatasync, a second.
    pub(crate) batch_syncs_s: f64,
    /// Bytes a second of 512 MiB written in order and synced once, in MB.
    pub(crate) sequential_mb_s: f64,
}

impl Disk {
    /// Measures the disk under `directory`, in a file that goes afterwards.
    pub(crate) fn probe(directory: &Path, batch_bytes: usize) -> anyhow::Result<Self> {
        let context = || format!("cannot measure the disk under {}", directory.display());
        Self::measure(directory, batch_bytes).with_context(context)
    }

    fn measure(directory: &Path, batch_bytes: usize) -> io::Result<Self> {
        Ok(Self {
            page_syncs_s: syncs(directory, PAGE_BYTES)?,
            batch_bytes,
            batch_syncs_s: syncs(directory, batch_bytes)?,
            sequential_mb_s: sequential(directory)? / 1e6,
        })
    }
}

fn syncs(directory: &Path, bytes: usize) -> io::Result<f64> {
    let mut file: File = tempfile::tempfile_in(directory)?;
    let block = block(bytes);
    let started = Instant::now();
    let mut count = 0_u32;
    while started.elapsed() < SYNC_TIME {
        file.write_all(&block)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}

fn sequential(directory: &Path) -> io::Result<f64> {
    let mut file = tempfile::tempfile_in(directory)?;
    let block = block(SEQUENTIAL_BLOCK_BYTES);
    let started = Instant::now();
    for _ in 0..SEQUENTIAL_BYTES / SEQUENTIAL_BLOCK_BYTES {
        file.write_all(&block)?;
    }
    file.sync_all()?;
    Ok(SEQUENTIAL_BYTES as f64 / started.elapsed().as_secs_f64())
}

/// Bytes without a pattern that a disk could leave out.
fn block(bytes: usize) -> Vec<u8> {
    let mut block = vec![0; bytes];
    rand::RngCore::fill_bytes(&mut rand::rng(), &mut block);
    block
}
