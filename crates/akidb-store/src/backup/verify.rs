//! Whether a backup is as it was written, and whether a data directory comes out of it.

use uuid::Uuid;

use super::{
    BackupFolder, BackupManifest,
    manifest::{FileOfBackup, malformed},
    moment::COLLECTIONS,
    restore::stage,
};
use crate::{StoreError, catalogue, directory::remove_folder, documents};

/// What a restore into a folder of its own has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreTest {
    /// The backup.
    pub manifest: BackupManifest,
    /// What is not as it was, by collection.
    pub faults: Vec<(String, String)>,
}

/// Reads all of a backup and compares each file with its hash.
///
/// # Errors
/// [`StoreError::BackupNotFound`]; [`StoreError::BackupDamaged`] names the first file that is not as it was.
pub fn verify_backup(backups: &BackupFolder, id: Uuid) -> Result<BackupManifest, StoreError> {
    let (folder, manifest) = (backups.existing(id)?, backups.read(id)?);
    let check = |name: String, expected: &FileOfBackup| {
        let found = FileOfBackup::of(&folder.join(&name))?;
        if found == *expected {
            return Ok(());
        }
        let reason = match found.bytes == expected.bytes {
            true => format!("the hash of {name} is wrong"),
            false => format!("{name} has {} bytes, not {}", found.bytes, expected.bytes),
        };
        Err(malformed(id, reason))
    };
    check(catalogue::FILE_NAME.to_owned(), &manifest.catalogue)?;
    for collection in &manifest.collections {
        let name = format!("{COLLECTIONS}/{}/{}", collection.uuid, documents::FILE_NAME);
        check(name, &collection.file)?;
    }
    Ok(manifest)
}

/// Restores a backup into a folder beside it, looks at every row, page and index there, and removes it.
///
/// # Errors
/// As [`verify_backup`], or when the disk fails or is full.
pub async fn test_restore(backups: &BackupFolder, id: Uuid) -> Result<RestoreTest, StoreError> {
    let manifest = verify_backup(backups, id)?;
    let scratch = backups.for_test(id);
    let tested = async || {
        stage(&manifest, &backups.existing(id)?, &scratch).await?;
        let mut faults = Vec::new();
        for collection in &manifest.collections {
            let folder = scratch.join(COLLECTIONS).join(collection.uuid.to_string());
            let survey = documents::survey(&folder).await?;
            let of_it = survey.faults.iter().map(|fault| match &fault.document {
                Some(document) => format!("{document}: {}", fault.reason),
                None => fault.reason.clone(),
            });
            faults.extend(of_it.map(|fault| (collection.name.clone(), fault)));
            let sound = survey.sound_count();
            if sound != collection.documents {
                let fault =
                    format!("{sound} documents are sound, {} were there", collection.documents);
                faults.push((collection.name.clone(), fault));
            }
        }
        Ok::<_, StoreError>(faults)
    };
    let faults = tested().await;
    remove_folder(&scratch)?;
    Ok(RestoreTest { manifest, faults: faults? })
}
