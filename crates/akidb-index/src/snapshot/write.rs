//! Writing a snapshot, in an order that leaves a usable folder wherever it ends.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::Path,
};

use super::{
    Appended, FORMAT_VERSION, KEPT, SnapshotError, SnapshotFolder,
    manifest::{self, Manifest, SectionEntry},
};
use crate::Section;

impl SnapshotFolder {
    /// Writes a snapshot, and deletes all but the two latest. When this returns it is synced.
    ///
    /// The sections that are `appended` hold what they held in the snapshot before, and more; of the
    /// others any byte may be another one.
    ///
    /// # Errors
    /// When the system refuses. What was there before is there still, and a later call begins
    /// appended sections anew.
    pub fn write(
        &mut self,
        covered_seq: u64,
        header: serde_json::Value,
        sections: &[Section<'_>],
        appended: &[&str],
    ) -> Result<(), SnapshotError> {
        let number = match self.next {
            Some(next) => next,
            None => manifest::numbers(&self.path)?.last().map_or(0, |last| last + 1),
        };
        // Also where it fails: no name is ever used for two things.
        self.next = Some(number + 1);
        let written = self.write_files(number, covered_seq, header, sections, appended);
        if written.is_err() {
            self.appended.clear();
        }
        written
    }

    fn write_files(
        &mut self,
        number: u64,
        covered_seq: u64,
        header: serde_json::Value,
        sections: &[Section<'_>],
        appended: &[&str],
    ) -> Result<(), SnapshotError> {
        make_folder(&self.path).map_err(SnapshotError::io("create", &self.path))?;
        let entries = sections.iter().map(|section| {
            self.write_section(number, section, appended.contains(&section.name.as_str()))
        });
        let sections = entries.collect::<Result<_, _>>()?;
        step("sections written")?;
        sync_folder(&self.path)?;
        let format = FORMAT_VERSION;
        let identity = self.identity.clone();
        let manifest = Manifest { format, identity, covered_seq, header, sections };
        self.publish(number, &manifest)?;
        self.delete_old()
    }

    fn write_section(
        &mut self,
        number: u64,
        section: &Section<'_>,
        appended: bool,
    ) -> Result<SectionEntry, SnapshotError> {
        step("a section begins")?;
        let name = section.name.clone();
        let mut state = self.appended.remove(&name).unwrap_or_else(|| Appended {
            file: manifest::section_file(number, &name),
            bytes: 0,
            hasher: blake3::Hasher::new(),
        });
        let path = self.path.join(&state.file);
        append(&path, &mut state, &section.slices).map_err(SnapshotError::io("write", &path))?;
        let entry = SectionEntry {
            name: name.clone(),
            file: state.file.clone(),
            bytes: state.bytes,
            appended,
            blake3: state.hasher.finalize().to_hex().to_string(),
        };
        if appended {
            self.appended.insert(name, state);
        }
        Ok(entry)
    }

    /// The manifest appears whole, and only after all that it names.
    fn publish(&self, number: u64, manifest: &Manifest) -> Result<(), SnapshotError> {
        let temporary = self.path.join("manifest.new");
        let path = self.path.join(manifest::file_name(number));
        let write = || {
            let mut file = File::create(&temporary)?;
            file.write_all(&manifest.to_bytes())?;
            file.sync_all()
        };
        write().map_err(SnapshotError::io("write", &temporary))?;
        step("the manifest is written")?;
        fs::rename(&temporary, &path).map_err(SnapshotError::io("rename", &temporary))?;
        step("the manifest is published")?;
        sync_folder(&self.path)
    }

    /// Deletes manifests but the latest, and then every file that none of those names.
    fn delete_old(&self) -> Result<(), SnapshotError> {
        let numbers = manifest::numbers(&self.path)?;
        let (old, kept) = numbers.split_at(numbers.len().saturating_sub(KEPT));
        let mut named = HashSet::new();
        let mut all_known = true;
        for &number in kept {
            named.insert(manifest::file_name(number));
            let path = self.path.join(manifest::file_name(number));
            match Manifest::read(&path, &self.identity) {
                Ok(manifest) => named.extend(manifest.sections.into_iter().map(|it| it.file)),
                // It is no use to anybody, and neither are its files.
                Err(error) if !matches!(error, SnapshotError::Io { .. }) => {
                    named.remove(&manifest::file_name(number));
                }
                Err(_) => all_known = false,
            }
        }
        for &number in old {
            delete(&self.path.join(manifest::file_name(number)))?;
        }
        step("old manifests are deleted")?;
        if !all_known {
            return Ok(());
        }
        let files = fs::read_dir(&self.path).map_err(SnapshotError::io("read", &self.path))?;
        for file in files.flatten() {
            if !file.file_name().to_str().is_some_and(|name| named.contains(name)) {
                delete(&file.path())?;
            }
        }
        Ok(())
    }
}

/// Makes the folder of the snapshots, and none that it is in: what was moved or removed meanwhile
/// must not be there again under its old name.
fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(_) if path.is_dir() => Ok(()),
        made => made,
    }
}

/// Writes the bytes of `parts` behind those that the file has already, and syncs it.
fn append(path: &Path, state: &mut Appended, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    // Behind its end may stand what a crash or a damaged snapshot has left.
    file.set_len(state.bytes)?;
    file.seek(SeekFrom::End(0))?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let mut skip = usize::try_from(state.bytes).unwrap_or(usize::MAX);
    for part in parts {
        let new = &part[skip.min(part.len())..];
        skip -= part.len() - new.len();
        file.write_all(new)?;
        state.hasher.update(new);
        state.bytes += new.len() as u64;
    }
    file.into_inner()?.sync_all()
}

fn delete(path: &Path) -> Result<(), SnapshotError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(SnapshotError::io("delete", path)(error))
        }
        _ => Ok(()),
    }
}

/// Makes names in the folder last. Windows has no such call and does not need it.
fn sync_folder(path: &Path) -> Result<(), SnapshotError> {
    if cfg!(unix) {
        let sync = || File::open(path)?.sync_all();
        sync().map_err(SnapshotError::io("sync", path))?;
    }
    Ok(())
}

#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "fails in tests")]
fn step(_name: &'static str) -> Result<(), SnapshotError> {
    Ok(())
}

#[cfg(test)]
use super::tests::step;
