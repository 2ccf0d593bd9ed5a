//! One file is damaged: what the node answers afterwards is right, or it tells that it is not.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

use crate::{
    case::{Context, Tally, count},
    files::{FileKind, KINDS, Trust, kind_of},
    judge::{Judge, Verdict},
    scene::{Left, Scene, copy, files_below},
};

/// What happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It is gone.
    Deleted,
    /// It has no bytes.
    Emptied,
    /// The end of it is gone.
    Truncated,
    /// Its last bytes are gone.
    TailCut,
    /// All bytes are 0.
    Zeroed,
    /// One page of it is 0.
    PageZeroed,
    /// One bit is another one.
    BitFlipped,
    /// One bit of its first 256 bytes is another one: headers, magic numbers, lengths.
    HeadFlipped,
    /// It is as it was some time before.
    Older,
    /// It is that of another collection, or another one of its kind.
    Swapped,
}

/// All of them.
pub(crate) const HOWS: [How; 10] = [
    How::Deleted,
    How::Emptied,
    How::Truncated,
    How::TailCut,
    How::Zeroed,
    How::PageZeroed,
    How::BitFlipped,
    How::HeadFlipped,
    How::Older,
    How::Swapped,
];

const PAGE_BYTES: usize = 8_192;

pub(crate) fn run(context: &Context) -> Result<Tally> {
    let mut tally = Tally::new();
    let mut random = context.random("damage");
    let scene = Scene::of(context)?;
    let number = usize::try_from(context.number)?;
    let data_dir = context.folder.join("data");
    all_files_are_known(&scene.killed)?;
    let kinds = kinds_below(&scene.killed)?;
    let kind = kinds[number % kinds.len()];
    let way = number / kinds.len();
    // After a clean stop there is no log.
    let is_clean = way / HOWS.len() % 2 == 1 && kinds_below(&scene.clean)?.contains(&kind);
    let left = if is_clean { Left::Clean } else { Left::Killed };
    copy(scene.folder(left), &data_dir)?;
    let file = any_of(&data_dir, kind, &mut random)?.context("a kind without a file")?;
    let mut hows = HOWS.iter().cycle().skip(way % HOWS.len()).take(HOWS.len());
    let how = loop {
        // Some ways change nothing: an older copy may be the same, an only one has no other.
        let Some(&how) = hows.next() else { return Ok(tally) };
        if damage(&data_dir, &scene.older, &file, how, &mut random)? {
            break how;
        }
    };
    let told = format!("{} {how:?} after being left {left:?}", file.display());
    count(&mut tally, "damaged files", 1);
    let verdict =
        Judge::new(context, &data_dir, &scene.state)?.judge(kind.trust).with_context(|| told)?;
    count(&mut tally, verdict.name(), 1);
    Ok(tally)
}

/// Logs that end early only: the last commits of a collection are gone, and its index does not know
/// of them either.
pub(super) fn logs(context: &Context) -> Result<Tally> {
    let mut random = context.random("logs");
    let scene = Scene::of(context)?;
    let data_dir = context.folder.join("data");
    copy(scene.folder(Left::Killed), &data_dir)?;
    let log = KINDS.iter().find(|kind| kind.name == "documents log");
    let file = match log {
        Some(kind) => any_of(&data_dir, kind, &mut random)?,
        None => None,
    };
    let path = data_dir.join(file.context("the scene has no log")?);
    let mut bytes = fs::read(&path)?;
    bytes.truncate(random.random_range(bytes.len() / 3..=bytes.len()));
    fs::write(&path, bytes)?;
    Judge::new(context, &data_dir, &scene.state)?.judge(Trust::Truth)?;
    Ok(Tally::new())
}

/// Bits of rows only: most of a database is rows, and their checksums are what tells.
pub(super) fn rows(context: &Context) -> Result<Tally> {
    const BITS: usize = 24;
    let mut random = context.random("rows");
    let scene = Scene::of(context)?;
    let data_dir = context.folder.join("data");
    copy(scene.folder(Left::Clean), &data_dir)?;
    let database = KINDS.iter().find(|kind| kind.name == "documents");
    let file = match database {
        Some(kind) => any_of(&data_dir, kind, &mut random)?,
        None => None,
    };
    let path = data_dir.join(file.context("the scene has no database")?);
    let mut bytes = fs::read(&path)?;
    for _ in 0..BITS {
        // Behind the first page, which is all header and schema.
        let at = random.random_range(PAGE_BYTES.min(bytes.len() - 1)..bytes.len());
        bytes[at] ^= 1 << random.random_range(0..8);
    }
    fs::write(&path, bytes)?;
    Judge::new(context, &data_dir, &scene.state)?.judge(Trust::Truth)?;
    Ok(Tally::new())
}

impl Verdict {
    /// For tallies.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Told => "told of",
        }
    }
}

/// A kind of file that has no row in the table was never damaged by anybody.
fn all_files_are_known(data_dir: &Path) -> Result<()> {
    match files_below(data_dir)?.iter().find(|path| kind_of(path).is_none()) {
        Some(path) => bail!("{} is of a kind that `files.rs` does not know", path.display()),
        None => Ok(()),
    }
}

/// The kinds of files that there are.
fn kinds_below(data_dir: &Path) -> Result<Vec<&'static FileKind>> {
    let files = files_below(data_dir)?;
    let is_there = |kind: &&FileKind| files.iter().any(|path| kind_of(path) == Some(*kind));
    Ok(KINDS.iter().filter(is_there).collect())
}

/// Any file of a kind.
pub(crate) fn any_of(
    data_dir: &Path,
    kind: &FileKind,
    random: &mut StdRng,
) -> Result<Option<PathBuf>> {
    let files = files_below(data_dir)?;
    let files: Vec<_> = files.iter().filter(|path| kind_of(path) == Some(kind)).collect();
    Ok(files.choose(random).map(|path| (*path).clone()))
}

/// Damages a file. False where that would change nothing.
pub(crate) fn damage(
    data_dir: &Path,
    older: &Path,
    file: &Path,
    how: How,
    random: &mut StdRng,
) -> Result<bool> {
    let path = data_dir.join(file);
    let before = fs::read(&path)?;
    let mut bytes = before.clone();
    match how {
        How::Deleted => {
            fs::remove_file(&path)?;
            return Ok(true);
        }
        How::Emptied => bytes.clear(),
        How::Truncated => bytes.truncate(random.random_range(0..=bytes.len())),
        How::TailCut => bytes.truncate(bytes.len().saturating_sub(random.random_range(1..32))),
        How::Zeroed => bytes.fill(0),
        How::PageZeroed => {
            let page = random.random_range(0..=bytes.len() / PAGE_BYTES) * PAGE_BYTES;
            let end = (page + PAGE_BYTES).min(bytes.len());
            bytes[page.min(end)..end].fill(0);
        }
        How::BitFlipped | How::HeadFlipped => {
            let within = if how == How::HeadFlipped { bytes.len().min(256) } else { bytes.len() };
            if within > 0 {
                bytes[random.random_range(0..within)] ^= 1 << random.random_range(0..8);
            }
        }
        How::Older => match fs::read(older.join(file)) {
            Ok(older) => bytes = older,
            Err(_) => return Ok(false),
        },
        How::Swapped => {
            let Some(kind) = kind_of(file) else { return Ok(false) };
            let files = files_below(data_dir)?;
            let others =
                files.iter().filter(|other| *other != file && kind_of(other) == Some(kind));
            let Some(other) = others.collect::<Vec<_>>().choose(random).copied() else {
                return Ok(false);
            };
            let other = data_dir.join(other);
            bytes = fs::read(&other)?;
            fs::write(&other, &before)?;
        }
    }
    fs::write(&path, &bytes)?;
    Ok(bytes != before)
}

/// What the node may lose with any of some files.
pub(crate) fn trust_of(files: &[PathBuf]) -> Trust {
    let is_truth = |file: &PathBuf| kind_of(file).is_none_or(|kind| kind.trust == Trust::Truth);
    if files.iter().any(is_truth) { Trust::Truth } else { Trust::Derived }
}
