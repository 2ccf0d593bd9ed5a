//! Checksums and the archive itself. The same files make the same archive, byte for byte.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use tar::{Builder, HeaderMode};

use crate::process::program;

const CHECKSUMS: &str = "SHA256SUMS";

/// Writes `SHA256SUMS` over all files of the folder, as `sha256sum --check` reads it.
pub(super) fn write_checksums(folder: &Path) -> Result<()> {
    let mut lines = String::new();
    for file in files_below(folder)? {
        let name = file.strip_prefix(folder)?.display().to_string();
        lines += &format!("{}  {name}\n", sha256(&file)?);
    }
    Ok(fs::write(folder.join(CHECKSUMS), lines)?)
}

/// Compares every file of the folder with `SHA256SUMS`; fails too where one is not in it.
pub(super) fn check_checksums(folder: &Path) -> Result<()> {
    let lines = fs::read_to_string(folder.join(CHECKSUMS)).context("there is no SHA256SUMS")?;
    for line in lines.lines() {
        let (sum, name) = line.split_once("  ").context("SHA256SUMS is not understood")?;
        ensure!(sha256(&folder.join(name))? == sum, "{name} is not what SHA256SUMS says");
    }
    // Itself it cannot name.
    let (named, found) = (lines.lines().count() + 1, files_below(folder)?.len());
    ensure!(named == found, "{found} files are there, SHA256SUMS names {}", named - 1);
    Ok(())
}

/// Packs the folder beside itself; answers the archive.
pub(super) fn pack(folder: &Path, level: &str) -> Result<PathBuf> {
    let name = folder.file_name().context("a folder without a name")?.to_owned();
    let archive = folder.with_file_name(format!("{}.tar.gz", name.display()));
    let mut gzip = program("gzip")
        .args(["-n", level])
        .stdin(Stdio::piped())
        .stdout(File::create(&archive)?)
        .spawn()
        .context("cannot start gzip")?;
    let mut tar = Builder::new(gzip.stdin.take().context("gzip has no stdin")?);
    tar.mode(HeaderMode::Deterministic);
    for file in files_below(folder)? {
        tar.append_path_with_name(&file, Path::new(&name).join(file.strip_prefix(folder)?))?;
    }
    tar.into_inner()?.flush()?;
    let status = gzip.wait()?;
    if !status.success() {
        bail!("gzip failed: {status}");
    }
    Ok(archive)
}

/// All files, in the order of their paths.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => hash.update(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn folder() -> Result<tempfile::TempDir> {
        let folder = tempfile::tempdir()?;
        fs::create_dir_all(folder.path().join("a/bin"))?;
        fs::write(folder.path().join("a/bin/x"), "one")?;
        fs::write(folder.path().join("a/y"), "two")?;
        Ok(folder)
    }

    #[test]
    fn a_changed_and_a_strange_file_are_found() -> Result<()> {
        let folder = folder()?;
        let folder = folder.path().join("a");
        write_checksums(&folder)?;
        check_checksums(&folder)?;
        fs::write(folder.join("y"), "tw0")?;
        assert!(
            format!("{:#}", check_checksums(&folder).err().context("no fault")?)
                .contains("y is not")
        );
        fs::write(folder.join("y"), "two")?;
        fs::write(folder.join("z"), "three")?;
        assert!(check_checksums(&folder).is_err());
        Ok(())
    }

    #[test]
    fn the_same_files_make_the_same_archive() -> Result<()> {
        let pack_one = |seconds| -> Result<Vec<u8>> {
            let folder = folder()?;
            let folder = folder.path().join("a");
            for path in files_below(&folder)? {
                let written = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
                File::options().append(true).open(path)?.set_modified(written)?;
            }
            Ok(fs::read(pack(&folder, "-6")?)?)
        };
        assert_eq!(pack_one(1_000_000_000)?, pack_one(1_500_000_000)?);
        Ok(())
    }
}
