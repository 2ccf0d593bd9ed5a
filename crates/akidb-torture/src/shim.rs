//! The node's files under control: which call fails, what was written, how much room is left.
//!
//! `shim.c` stands between the node and the C library. It is compiled once a machine, by the C
//! compiler that the node's own build needs too, and exists on Linux only.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::node::Launch;

const SOURCE: &str = include_str!("shim.c");

/// Kinds of calls, as bits.
pub(crate) mod kind {
    pub(crate) const OPEN: u64 = 1;
    pub(crate) const WRITE: u64 = 2;
    pub(crate) const SYNC: u64 = 4;
    pub(crate) const TRUNCATE: u64 = 8;
    pub(crate) const RENAME: u64 = 16;
    pub(crate) const UNLINK: u64 = 32;
    pub(crate) const MKDIR: u64 = 64;
    /// All that change something, and opening.
    pub(crate) const CHANGES: u64 = OPEN | WRITE | SYNC | TRUNCATE | RENAME | UNLINK | MKDIR;
}

const EIO: u64 = 5;
const ENOSPC: u64 = 28;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The disk failed.
    Io,
    /// The disk is full.
    NoSpace,
    /// Half of a write is done before the disk fails.
    CutShort,
}

impl CallError {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Io, Self::NoSpace, Self::CutShort];

    const fn number(self) -> u64 {
        match self {
            Self::Io => EIO,
            Self::NoSpace => ENOSPC,
            Self::CutShort => 0,
        }
    }
}

/// Places of the control page, the same as in `shim.c`.
mod place {
    pub(super) const RECORDS: u64 = 0;
    pub(super) const ARMED: u64 = 8;
    pub(super) const COUNTDOWN: u64 = 16;
    pub(super) const ERROR: u64 = 24;
    pub(super) const STICKY: u64 = 32;
    pub(super) const MATCHED: u64 = 40;
    pub(super) const FIRED: u64 = 48;
    pub(super) const QUOTA: u64 = 56;
    pub(super) const BOUNDED: u64 = 64;
    pub(super) const CLOCK: u64 = 72;
    pub(super) const REFUSED: u64 = 80;
    pub(super) const PATH: u64 = 128;
    pub(super) const FIRED_AT: u64 = 256;
    pub(super) const BYTES: usize = 4_096;
}

/// A failure to arm.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The kinds of calls that count.
    pub(crate) kinds: u64,
    /// Part of the path of the calls that count, empty for all.
    pub(crate) path: String,
    /// The call that fails, from 1.
    pub(crate) number: u64,
    /// How.
    pub(crate) error: CallError,
    /// Whether all calls after it fail too.
    pub(crate) sticky: bool,
}

/// The shim of one node.
pub(crate) struct Shim {
    page: File,
    page_path: PathBuf,
    library: PathBuf,
    root: PathBuf,
    /// Where it records, where it does.
    pub(crate) trace: Option<PathBuf>,
}

impl Shim {
    /// A shim for nodes over `data_dir`; its files stand beside that.
    pub(crate) fn new(data_dir: &Path, records: bool) -> Result<Self> {
        let page_path = data_dir.with_extension("control");
        fs::write(&page_path, vec![0; place::BYTES])?;
        let page = OpenOptions::new().read(true).write(true).open(&page_path)?;
        let trace = records.then(|| data_dir.with_extension("trace"));
        if let Some(trace) = &trace {
            fs::write(trace, [])?;
        }
        Ok(Self { page, page_path, library: library()?, root: data_dir.to_owned(), trace })
    }

    /// The node, with the shim.
    pub(crate) fn launch(&self, launch: &Launch) -> Launch {
        let mut launch = launch
            .with("LD_PRELOAD", self.library.display())
            .with("AKIDB_SHIM_ROOT", self.root.display())
            .with("AKIDB_SHIM_CONTROL", self.page_path.display());
        if let Some(trace) = &self.trace {
            launch = launch.with("AKIDB_SHIM_TRACE", trace.display());
        }
        launch
    }

    /// From now on the n-th matching call fails.
    pub(crate) fn arm(&self, failure: &Failure) -> Result<()> {
        self.disarm()?;
        let mut path = [0; 128];
        let name = failure.path.as_bytes();
        path.get_mut(..name.len()).context("a path that is too long")?.copy_from_slice(name);
        self.page.write_all_at(&path, place::PATH)?;
        self.page.write_all_at(&[0; 512], place::FIRED_AT)?;
        self.set(place::MATCHED, 0)?;
        self.set(place::FIRED, 0)?;
        self.set(place::ERROR, failure.error.number())?;
        self.set(place::STICKY, u64::from(failure.sticky))?;
        self.set(place::COUNTDOWN, failure.number)?;
        self.set(place::ARMED, failure.kinds)
    }

    /// From now on no call fails.
    pub(crate) fn disarm(&self) -> Result<()> {
        self.set(place::ARMED, 0)
    }

    /// Matching calls since it was armed.
    pub(crate) fn matched(&self) -> Result<u64> {
        self.get(place::MATCHED)
    }

    /// Calls that failed since it was armed.
    pub(crate) fn fired(&self) -> Result<u64> {
        self.get(place::FIRED)
    }

    /// The first call that failed, for people.
    pub(crate) fn fired_at(&self) -> Result<String> {
        let mut text = [0; 512];
        self.page.read_exact_at(&mut text, place::FIRED_AT)?;
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        let text = String::from_utf8_lossy(&text[..end]).into_owned();
        Ok(text.replace(&format!("{}/", self.root.display()), ""))
    }

    /// Records that there are. What is written before this was read is among them.
    pub(crate) fn records(&self) -> Result<u64> {
        self.get(place::RECORDS)
    }

    /// Bounds how much all files may grow from now on, or bounds nothing.
    pub(crate) fn set_room(&self, bytes: Option<u64>) -> Result<()> {
        self.set(place::QUOTA, bytes.unwrap_or(0))?;
        self.set(place::BOUNDED, u64::from(bytes.is_some()))
    }

    /// Calls that were refused for want of room.
    pub(crate) fn refused(&self) -> Result<u64> {
        self.get(place::REFUSED)
    }

    /// Shifts the wall clock of the node.
    pub(crate) fn shift_clock(&self, seconds: i64) -> Result<()> {
        self.set(place::CLOCK, seconds.cast_unsigned())
    }

    fn set(&self, place: u64, value: u64) -> Result<()> {
        Ok(self.page.write_all_at(&value.to_le_bytes(), place)?)
    }

    fn get(&self, place: u64) -> Result<u64> {
        let mut value = [0; 8];
        self.page.read_exact_at(&mut value, place)?;
        Ok(u64::from_le_bytes(value))
    }
}

/// Whether this machine can have the shim.
pub(crate) const IS_AVAILABLE: bool = cfg!(target_os = "linux");

/// Compiles the shim where that was not done yet.
fn library() -> Result<PathBuf> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    if !IS_AVAILABLE {
        bail!("failing calls and power cuts need Linux");
    }
    let mut hash = DefaultHasher::new();
    SOURCE.hash(&mut hash);
    let name = format!("akidb-torture-shim-{:016x}", hash.finish());
    let library = std::env::temp_dir().join(format!("{name}.so"));
    if library.is_file() {
        return Ok(library);
    }
    let folder = tempfile::tempdir()?;
    let (source, built) = (folder.path().join("shim.c"), folder.path().join("shim.so"));
    fs::write(&source, SOURCE)?;
    let output = Command::new("cc")
        .args(["-O1", "-shared", "-fPIC", "-o"])
        .args([&built, &source])
        .args(["-ldl", "-lpthread"])
        .output()
        .context("cannot start cc\nhint: install a C compiler (Debian: apt-get install gcc)")?;
    if !output.status.success() {
        bail!("cc cannot build the shim: {}", String::from_utf8_lossy(&output.stderr));
    }
    // Another process may do the same at this moment; either file is as good.
    let staged = library.with_extension(std::process::id().to_string());
    fs::copy(&built, &staged)?;
    fs::rename(&staged, &library)?;
    Ok(library)
}
