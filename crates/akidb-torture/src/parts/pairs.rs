//! Two faults at once, or one fault beside a newer or an older second file.
//!
//! Each of the faults alone is handled. In pairs, what one file says is believed because the other
//! one agrees with it, and both are wrong.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

use crate::{
    case::{Context, Tally, count},
    files::{KINDS, kind_of},
    judge::Judge,
    parts::damage::{HOWS, any_of, damage, trust_of},
    scene::{Left, Scene, copy, files_below},
};

/// The pairs that were found, and others of their kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pair {
    /// Commits are dropped, and a snapshot of the index has them.
    LogFlippedSnapshotNewer,
    /// Commits are dropped, and the mark that would tell is gone.
    MarkGoneLogFlipped,
    /// Commits are dropped, and the mark that would tell is damaged.
    MarkFlippedLogFlipped,
    /// The database is an older one, the index is not.
    DocumentsOlderIndexNewer,
    /// The database and its log are older ones, the mark is not.
    DocumentsAndLogOlder,
    /// The database and the mark are older ones, the index is not.
    DocumentsAndMarkOlder,
    /// The catalogue is an older one, the folders are newer.
    CatalogueOlderFoldersNewer,
    /// The catalogue and its log are gone.
    CatalogueGone,
    /// Commits of the catalogue are dropped.
    CatalogueLogFlipped,
    /// Any two files are damaged in any two ways.
    Any,
}

const PAIRS: [Pair; 10] = [
    Pair::LogFlippedSnapshotNewer,
    Pair::MarkGoneLogFlipped,
    Pair::MarkFlippedLogFlipped,
    Pair::DocumentsOlderIndexNewer,
    Pair::DocumentsAndLogOlder,
    Pair::DocumentsAndMarkOlder,
    Pair::CatalogueOlderFoldersNewer,
    Pair::CatalogueGone,
    Pair::CatalogueLogFlipped,
    Pair::Any,
];

pub(crate) fn run(context: &Context) -> Result<Tally> {
    let mut tally = Tally::new();
    let mut random = context.random("pairs");
    let scene = Scene::of(context)?;
    let number = usize::try_from(context.number)?;
    let pair = PAIRS[number % PAIRS.len()];
    let data_dir = context.folder.join("data");
    copy(&scene.killed, &data_dir)?;
    if pair == Pair::LogFlippedSnapshotNewer {
        // The scene that was stopped has snapshots of all that the log holds.
        replace_indexes(&data_dir, scene.folder(Left::Clean))?;
    }
    let touched = spoil(pair, &data_dir, &scene, &mut random)?;
    count(&mut tally, "damaged files", touched.len() as u64);
    count(&mut tally, "pairs", 1);
    let verdict = Judge::new(context, &data_dir, &scene.state)?
        .judge(trust_of(&touched))
        .with_context(|| format!("{pair:?} of {touched:?}"))?;
    count(&mut tally, verdict.name(), 1);
    Ok(tally)
}

/// Damages the files of a pair and returns them.
fn spoil(pair: Pair, data_dir: &Path, scene: &Scene, random: &mut StdRng) -> Result<Vec<PathBuf>> {
    let folder = any_collection(data_dir, random)?;
    let of = |name: &str| folder.join(name);
    let (database, log, mark) = (of("documents.db"), of("documents.db-wal"), of("high-water"));
    let touched = match pair {
        Pair::LogFlippedSnapshotNewer => {
            flip_early(data_dir, &log)?;
            vec![log]
        }
        Pair::MarkGoneLogFlipped => {
            flip_early(data_dir, &log)?;
            fs::remove_file(data_dir.join(&mark))?;
            vec![log, mark]
        }
        Pair::MarkFlippedLogFlipped => {
            flip_early(data_dir, &log)?;
            flip(data_dir, &mark, 9)?;
            vec![log, mark]
        }
        Pair::DocumentsOlderIndexNewer => {
            older(data_dir, scene, &database)?;
            fs::remove_file(data_dir.join(&log))?;
            vec![database, log]
        }
        Pair::DocumentsAndLogOlder => {
            older(data_dir, scene, &database)?;
            let _ = fs::remove_file(data_dir.join(&log));
            let _ = fs::remove_file(data_dir.join(of("documents.db-shm")));
            vec![database, log]
        }
        Pair::DocumentsAndMarkOlder => {
            older(data_dir, scene, &database)?;
            older(data_dir, scene, &mark)?;
            fs::remove_file(data_dir.join(&log))?;
            vec![database, mark, log]
        }
        Pair::CatalogueOlderFoldersNewer => {
            older(data_dir, scene, Path::new("akidb.db"))?;
            let _ = fs::remove_file(data_dir.join("akidb.db-wal"));
            vec!["akidb.db".into(), "akidb.db-wal".into()]
        }
        Pair::CatalogueGone => {
            for name in ["akidb.db", "akidb.db-wal", "akidb.db-shm"] {
                let _ = fs::remove_file(data_dir.join(name));
            }
            vec!["akidb.db".into(), "akidb.db-wal".into()]
        }
        Pair::CatalogueLogFlipped => {
            let log = PathBuf::from("akidb.db-wal");
            flip_early(data_dir, &log)?;
            vec![log]
        }
        Pair::Any => {
            let mut touched = Vec::new();
            while touched.len() < 2 {
                let kind = &KINDS[random.random_range(0..KINDS.len())];
                let how = HOWS[random.random_range(0..HOWS.len())];
                let Some(file) = any_of(data_dir, kind, random)? else { continue };
                if damage(data_dir, &scene.older, &file, how, random)? {
                    touched.push(file);
                }
            }
            touched
        }
    };
    Ok(touched)
}

fn any_collection(data_dir: &Path, random: &mut StdRng) -> Result<PathBuf> {
    let files = files_below(data_dir)?;
    let logs: Vec<_> = files
        .iter()
        .filter(|path| kind_of(path).is_some_and(|it| it.name == "documents log"))
        .collect();
    let log = logs.choose(random).context("no collection has a log")?;
    Ok(log.parent().context("a log outside of a folder")?.to_owned())
}

/// Flips a bit near the start, so that all later commits are dropped.
fn flip_early(data_dir: &Path, file: &Path) -> Result<()> {
    flip(data_dir, file, 32 + 24 + 100)
}

fn flip(data_dir: &Path, file: &Path, at: usize) -> Result<()> {
    let path = data_dir.join(file);
    let mut bytes = fs::read(&path)?;
    *bytes.get_mut(at).with_context(|| format!("{} is short", file.display()))? ^= 1;
    Ok(fs::write(path, bytes)?)
}

fn older(data_dir: &Path, scene: &Scene, file: &Path) -> Result<()> {
    fs::copy(scene.older.join(file), data_dir.join(file))?;
    Ok(())
}

/// Takes the index files of another data directory.
fn replace_indexes(data_dir: &Path, from: &Path) -> Result<()> {
    let is_index = |path: &&PathBuf| path.components().any(|part| part.as_os_str() == "vectors");
    for path in files_below(data_dir)?.iter().filter(is_index) {
        fs::remove_file(data_dir.join(path))?;
    }
    for path in files_below(from)?.iter().filter(is_index) {
        let target = data_dir.join(path);
        fs::create_dir_all(target.parent().context("a file without a folder")?)?;
        fs::copy(from.join(path), target)?;
    }
    Ok(())
}
