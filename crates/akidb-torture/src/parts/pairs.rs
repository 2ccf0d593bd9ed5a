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
    files::{KINDS, Trust, kind_of},
    judge::Judge,
    node::Node,
    oracle::{Operation, Oracle, State},
    parts::damage::{HOWS, any_of, damage, trust_of},
    scene::{Left, Scene, copy, files_below},
    shared::{create_shared, must_do},
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
    /// The database is an older one with as many documents as the index.
    DocumentsOlderOfAsMany,
}

const PAIRS: [Pair; 11] = [
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
    Pair::DocumentsOlderOfAsMany,
];

pub(crate) fn run(context: &Context) -> Result<Tally> {
    let mut tally = Tally::new();
    let mut random = context.random("pairs");
    let scene = Scene::of(context)?;
    let number = usize::try_from(context.number)?;
    let pair = PAIRS[number % PAIRS.len()];
    if pair == Pair::DocumentsOlderOfAsMany {
        return same_ids_twice(context);
    }
    let data_dir = context.folder.join("data");
    copy(&scene.killed, &data_dir)?;
    if pair == Pair::LogFlippedSnapshotNewer {
        // The scene that was stopped has snapshots of all that the log holds.
        replace_indexes(&data_dir, scene.folder(Left::Clean))?;
    }
    let Some(touched) = spoil(pair, &data_dir, &scene, &mut random)? else {
        // A log that was checkpointed holds nothing to damage.
        return Ok(tally);
    };
    count(&mut tally, "damaged files", touched.len() as u64);
    count(&mut tally, "pairs", 1);
    let verdict = Judge::new(context, &data_dir, &scene.state)?
        .judge(trust_of(&touched))
        .with_context(|| format!("{pair:?} of {touched:?}"))?;
    count(&mut tally, verdict.name(), 1);
    Ok(tally)
}

/// Writes the same ids in two rounds, and puts the database of the first below the index of the
/// second: both have as many documents.
pub(super) fn same_ids_twice(context: &Context) -> Result<Tally> {
    const IDS: u64 = 90;
    let mut random = context.random("same ids");
    let (data_dir, first) = (context.folder.join("data"), context.folder.join("first"));
    let mut oracle = Oracle::new(State::new());
    for number in [1_000, random.random_range(2_000..3_000)] {
        let node = Node::must_start(&context.launch, &data_dir)?;
        let mut client = node.client();
        if oracle.state().is_empty() {
            oracle = Oracle::new(create_shared(&mut client)?);
        }
        let documents = (0..IDS).map(|id| (id, number + id)).collect();
        let collection = "s-vectors".to_owned();
        must_do(&mut client, &mut oracle, &Operation::Upsert { collection, documents })?;
        node.stop()?;
        if !first.exists() {
            copy(&data_dir, &first)?;
        }
    }
    let files = files_below(&data_dir)?;
    let is_changed = |path: &&PathBuf| {
        kind_of(path).is_some_and(|kind| kind.name == "documents")
            && fs::read(data_dir.join(path)).ok() != fs::read(first.join(path)).ok()
    };
    let database = files.iter().find(is_changed).context("no database was written to")?;
    fs::copy(first.join(database), data_dir.join(database))?;
    let verdict = Judge::new(context, &data_dir, oracle.state())?.judge(Trust::Truth)?;
    let mut tally = Tally::new();
    count(&mut tally, "pairs", 1);
    count(&mut tally, verdict.name(), 1);
    Ok(tally)
}

/// Damages the files of a pair and returns them; `None` where they hold nothing to damage.
fn spoil(
    pair: Pair,
    data_dir: &Path,
    scene: &Scene,
    random: &mut StdRng,
) -> Result<Option<Vec<PathBuf>>> {
    let folder = any_collection(data_dir, random)?;
    let of = |name: &str| folder.join(name);
    let (database, log, mark) = (of("documents.db"), of("documents.db-wal"), of("high-water"));
    let touched = match pair {
        Pair::LogFlippedSnapshotNewer => {
            if !flip_early(data_dir, &log)? {
                return Ok(None);
            }
            vec![log]
        }
        Pair::MarkGoneLogFlipped => {
            if !flip_early(data_dir, &log)? {
                return Ok(None);
            }
            fs::remove_file(data_dir.join(&mark))?;
            vec![log, mark]
        }
        Pair::MarkFlippedLogFlipped => {
            if !flip_early(data_dir, &log)? {
                return Ok(None);
            }
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
            if !flip_early(data_dir, &log)? {
                return Ok(None);
            }
            vec![log]
        }
        // It makes its own data.
        Pair::DocumentsOlderOfAsMany => return Ok(None),
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
    Ok(Some(touched))
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
fn flip_early(data_dir: &Path, file: &Path) -> Result<bool> {
    flip(data_dir, file, 32 + 24 + 100)
}

/// False where the file ends before the byte.
fn flip(data_dir: &Path, file: &Path, at: usize) -> Result<bool> {
    let path = data_dir.join(file);
    let mut bytes = fs::read(&path)?;
    let Some(byte) = bytes.get_mut(at) else { return Ok(false) };
    *byte ^= 1;
    fs::write(path, bytes)?;
    Ok(true)
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
