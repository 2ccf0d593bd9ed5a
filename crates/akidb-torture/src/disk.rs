//! A disk after the power failed: what it may hold, given the writes and syncs that were recorded.
//!
//! A disk keeps what was synced. Of the rest it keeps all, nothing, the first part, or any of the
//! sectors; new, moved and removed names are durable when their folder was synced, not before. This
//! is as much as POSIX promises and less than most file systems give.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use rand::{Rng, rngs::StdRng};

const SECTOR_BYTES: usize = 512;

/// One recorded step.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Create { path: PathBuf, inode: u64 },
    MakeFolder { path: PathBuf, inode: u64 },
    Rename { from: PathBuf, to: PathBuf },
    Link { from: PathBuf, to: PathBuf },
    Remove { path: PathBuf },
    Write { inode: u64, at: usize, data: Vec<u8> },
    Truncate { inode: u64, size: usize },
    Sync { inode: u64 },
}

/// Reads a record of the shim. Paths become relative to `root`.
pub(crate) fn read_trace(trace: &Path, root: &Path) -> Result<Vec<Event>> {
    let bytes = fs::read(trace)?;
    let mut rest = bytes.as_slice();
    let mut events = Vec::new();
    while !rest.is_empty() {
        let number = |index: usize| -> Result<u64> {
            let at = index * 8;
            let bytes = rest.get(at..at + 8).context("the trace ends within a record")?;
            Ok(u64::from_le_bytes(bytes.try_into()?))
        };
        let (kind, inode, at) = (number(0)?, number(1)?, usize::try_from(number(2)?)?);
        let (name_bytes, data_bytes) = (usize::try_from(number(3)?)?, usize::try_from(number(4)?)?);
        let body = rest.get(40..40 + name_bytes + data_bytes).context("a cut record")?;
        rest = &rest[40 + name_bytes + data_bytes..];
        let (name, data) = body.split_at(name_bytes);
        let relative = |bytes: &[u8]| -> Result<PathBuf> {
            let path = PathBuf::from(String::from_utf8(bytes.to_vec())?);
            Ok(path.strip_prefix(root)?.to_owned())
        };
        events.push(match kind {
            1 => Event::Create { path: relative(name)?, inode },
            2 => Event::MakeFolder { path: relative(name)?, inode },
            3 => Event::Rename { from: relative(name)?, to: relative(data)? },
            4 | 5 => Event::Remove { path: relative(name)? },
            6 => Event::Link { from: relative(name)?, to: relative(data)? },
            7 => Event::Write { inode, at, data: data.to_vec() },
            8 => Event::Truncate { inode, size: at },
            9 => Event::Sync { inode },
            other => bail!("a record of the unknown kind {other}"),
        });
    }
    Ok(events)
}

/// What becomes of data that was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsynced {
    /// All of it is there.
    Kept,
    /// None of it is.
    Dropped,
    /// The first part of it is, of each file another one.
    Prefix,
    /// Any of its sectors are.
    Torn,
}

impl Unsynced {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Kept, Self::Dropped, Self::Prefix, Self::Torn];
}

/// One step of data, not yet synced.
#[derive(Clone, Debug)]
enum Pending {
    Write { at: usize, data: Vec<u8> },
    Truncate(usize),
}

/// A file, under whatever names.
#[derive(Clone, Debug, Default)]
struct Object {
    is_folder: bool,
    synced: Vec<u8>,
    pending: Vec<Pending>,
}

/// A change of names, durable with the sync of a folder that it touches.
#[derive(Clone, Debug)]
enum Naming {
    Add(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl Naming {
    fn touches(&self, folder: &Path) -> bool {
        let is_in = |path: &Path| path.parent() == Some(folder);
        match self {
            Self::Add(path, _) | Self::Remove(path) => is_in(path),
            Self::Rename(from, to) => is_in(from) || is_in(to),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Add(path, object) => {
                names.insert(path.clone(), *object);
            }
            Self::Remove(path) => {
                names.remove(path);
            }
            Self::Rename(from, to) => {
                let moved: Vec<_> =
                    names.keys().filter(|path| path.starts_with(from)).cloned().collect();
                for path in moved {
                    let Some(object) = names.remove(&path) else { continue };
                    let below = path.strip_prefix(from).unwrap_or(Path::new(""));
                    let path = if path == *from { to.clone() } else { to.join(below) };
                    names.insert(path, object);
                }
            }
        }
    }
}

/// A disk while the record is played to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    objects: Vec<Object>,
    by_inode: HashMap<u64, usize>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    pending_names: Vec<Naming>,
}

impl Disk {
    /// A disk that holds what a folder holds, all of it synced.
    pub(crate) fn of(root: &Path) -> Result<Self> {
        let mut disk = Self::default();
        disk.add_existing(root, Path::new(""))?;
        disk.durable_names = disk.names.clone();
        disk.pending_names.clear();
        Ok(disk)
    }

    /// An empty disk; the root is made by the first record.
    pub(crate) fn empty() -> Self {
        Self::default()
    }

    fn add_existing(&mut self, root: &Path, path: &Path) -> Result<()> {
        let full = if path.as_os_str().is_empty() { root.to_owned() } else { root.join(path) };
        let metadata = fs::metadata(&full)?;
        let object = self.add(metadata.ino(), metadata.is_dir());
        self.names.insert(path.to_owned(), object);
        if !metadata.is_dir() {
            self.objects[object].synced = fs::read(&full)?;
            return Ok(());
        }
        for entry in fs::read_dir(&full)? {
            self.add_existing(root, &path.join(entry?.file_name()))?;
        }
        Ok(())
    }

    fn add(&mut self, inode: u64, is_folder: bool) -> usize {
        self.objects.push(Object { is_folder, ..Object::default() });
        self.by_inode.insert(inode, self.objects.len() - 1);
        self.objects.len() - 1
    }

    /// Takes one step.
    pub(crate) fn play(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::Create { path, inode } => {
                let object = self.add(*inode, false);
                self.name(Naming::Add(path.clone(), object));
            }
            Event::MakeFolder { path, inode } => {
                let object = self.add(*inode, true);
                self.name(Naming::Add(path.clone(), object));
                // The root's own name is its parent's, which is not ours.
                if path.as_os_str().is_empty() {
                    self.durable_names.insert(path.clone(), object);
                }
            }
            Event::Rename { from, to } => self.name(Naming::Rename(from.clone(), to.clone())),
            Event::Remove { path } => self.name(Naming::Remove(path.clone())),
            Event::Link { from, to } => {
                let object = *self.names.get(from).context("a link to an unknown name")?;
                self.name(Naming::Add(to.clone(), object));
            }
            Event::Write { inode, at, data } => {
                let write = Pending::Write { at: *at, data: data.clone() };
                self.object(*inode)?.pending.push(write);
            }
            Event::Truncate { inode, size } => {
                self.object(*inode)?.pending.push(Pending::Truncate(*size));
            }
            Event::Sync { inode } => self.sync(*inode)?,
        }
        Ok(())
    }

    fn object(&mut self, inode: u64) -> Result<&mut Object> {
        let object = self.by_inode.get(&inode).context("a write to a file that was never made")?;
        Ok(&mut self.objects[*object])
    }

    fn name(&mut self, naming: Naming) {
        naming.apply(&mut self.names);
        self.pending_names.push(naming);
    }

    fn sync(&mut self, inode: u64) -> Result<()> {
        let index = *self.by_inode.get(&inode).context("a sync of a file that was never made")?;
        if !self.objects[index].is_folder {
            let object = &mut self.objects[index];
            for pending in std::mem::take(&mut object.pending) {
                pending.apply(&mut object.synced);
            }
            return Ok(());
        }
        let folder = self.names.iter().find(|(_, object)| **object == index);
        let Some(folder) = folder.map(|(path, _)| path.clone()) else { return Ok(()) };
        for naming in std::mem::take(&mut self.pending_names) {
            match naming.touches(&folder) {
                true => naming.apply(&mut self.durable_names),
                false => self.pending_names.push(naming),
            }
        }
        Ok(())
    }

    /// Writes what a disk may hold whose power fails now. `names_kept` says whether names that were
    /// not synced are there.
    pub(crate) fn write_image(
        &self,
        into: &Path,
        unsynced: Unsynced,
        names_kept: bool,
        random: &mut StdRng,
    ) -> Result<()> {
        let names = if names_kept { &self.names } else { &self.durable_names };
        fs::create_dir_all(into)?;
        for (path, &object) in names {
            let object = &self.objects[object];
            let full = into.join(path);
            // A name in a folder that is not there is not there either. Parents sort first.
            if path.as_os_str().is_empty() || !full.parent().is_some_and(Path::is_dir) {
                continue;
            }
            match object.is_folder {
                true => fs::create_dir(&full)?,
                false if is_shared_memory(path) => {}
                false => fs::write(&full, object.content(unsynced, random))?,
            }
        }
        Ok(())
    }

    /// What of a real folder is not as the record says; nothing where the record is whole.
    pub(crate) fn differences(&self, root: &Path) -> Result<Vec<String>> {
        let real = Self::of(root)?;
        let mut told = Vec::new();
        let files = |disk: &Self| -> BTreeMap<PathBuf, Vec<u8>> {
            let names = disk.names.iter().filter(|(path, object)| {
                !disk.objects[**object].is_folder && !is_shared_memory(path)
            });
            let content = |object: usize| disk.objects[object].all();
            names.map(|(path, object)| (path.clone(), content(*object))).collect()
        };
        let (recorded, found) = (files(self), files(&real));
        for path in recorded.keys().chain(found.keys()) {
            if recorded.get(path) != found.get(path) {
                told.push(path.display().to_string());
            }
        }
        Ok(told)
    }
}

/// Shared memory of SQLite is written without calls, and rebuilt by whoever finds it absent.
fn is_shared_memory(path: &Path) -> bool {
    path.to_string_lossy().ends_with("-shm")
}

impl Pending {
    fn apply(self, content: &mut Vec<u8>) {
        match self {
            Self::Truncate(size) => content.resize(size, 0),
            Self::Write { at, data } => write_at(content, at, &data),
        }
    }
}

fn write_at(content: &mut Vec<u8>, at: usize, data: &[u8]) {
    if content.len() < at + data.len() {
        content.resize(at + data.len(), 0);
    }
    content[at..at + data.len()].copy_from_slice(data);
}

impl Object {
    fn all(&self) -> Vec<u8> {
        let mut content = self.synced.clone();
        self.pending.iter().cloned().for_each(|pending| pending.apply(&mut content));
        content
    }

    fn content(&self, unsynced: Unsynced, random: &mut StdRng) -> Vec<u8> {
        let mut content = self.synced.clone();
        let kept = match unsynced {
            Unsynced::Dropped => 0,
            Unsynced::Prefix => random.random_range(0..=self.pending.len()),
            Unsynced::Kept | Unsynced::Torn => self.pending.len(),
        };
        for pending in self.pending[..kept].iter().cloned() {
            match pending {
                Pending::Write { at, data } if unsynced == Unsynced::Torn => {
                    tear(&mut content, at, &data, random);
                }
                Pending::Truncate(_) if unsynced == Unsynced::Torn && random.random() => {}
                pending => pending.apply(&mut content),
            }
        }
        content
    }
}

/// Writes any of the sectors of a write.
fn tear(content: &mut Vec<u8>, at: usize, data: &[u8], random: &mut StdRng) {
    let mut done = 0;
    while done < data.len() {
        let to_boundary = SECTOR_BYTES - (at + done) % SECTOR_BYTES;
        let end = (done + to_boundary).min(data.len());
        if random.random() {
            write_at(content, at + done, &data[done..end]);
        }
        done = end;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn written() -> Disk {
        let mut disk = Disk::empty();
        let write = |at, byte| Event::Write { inode: 2, at, data: vec![byte; 600] };
        for event in [
            Event::MakeFolder { path: "".into(), inode: 1 },
            Event::Create { path: "new".into(), inode: 2 },
            write(0, 1),
            Event::Sync { inode: 2 },
            write(300, 2),
        ] {
            disk.play(&event).unwrap();
        }
        disk
    }

    fn image(disk: &Disk, unsynced: Unsynced, names_kept: bool) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let mut random = StdRng::seed_from_u64(1);
        disk.write_image(folder.path(), unsynced, names_kept, &mut random).unwrap();
        fs::read(folder.path().join("new")).ok()
    }

    #[test]
    fn what_was_not_synced_may_be_lost_and_what_was_is_kept() {
        let disk = written();
        assert_eq!(image(&disk, Unsynced::Kept, true).unwrap().len(), 900);
        assert_eq!(image(&disk, Unsynced::Dropped, true).unwrap(), [1; 600]);
        let torn = image(&disk, Unsynced::Torn, true).unwrap();
        assert_eq!(torn[..300], [1; 300]);
    }

    #[test]
    fn a_name_is_there_after_the_sync_of_its_folder() {
        let mut disk = written();
        assert_eq!(image(&disk, Unsynced::Kept, false), None);
        disk.play(&Event::Sync { inode: 1 }).unwrap();
        assert!(image(&disk, Unsynced::Kept, false).is_some());
        disk.play(&Event::Rename { from: "new".into(), to: "old".into() }).unwrap();
        assert!(image(&disk, Unsynced::Kept, false).is_some());
        assert_eq!(image(&disk, Unsynced::Kept, true), None);
    }
}
