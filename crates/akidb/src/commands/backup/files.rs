//! The backups of a configuration, without a node.

use std::path::PathBuf;

use akidb_local::offline::{BackupFolder, StoreError};
use clap::Args;
use uuid::Uuid;

use crate::{
    failure::{ExitStatus, Failure, Result},
    node,
    settings::{ConfigurationArgs, Flag, Settings, Sources, resolve},
};

/// The newest backup that can be used.
const LATEST: &str = "latest";

/// Which backup, and where the data and the backups lie.
#[derive(Args, Debug)]
pub(super) struct FilesArgs {
    /// The backup, or `latest`
    id: String,
    /// Where the data lies, storage.data_dir
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where the backups lie, backup.dir
    #[arg(long, value_name = "DIR")]
    backup_dir: Option<PathBuf>,
}

/// A backup that was chosen.
pub(super) struct Chosen {
    pub(super) settings: Settings,
    pub(super) backups: BackupFolder,
    pub(super) id: Uuid,
}

impl FilesArgs {
    /// Finds the backup.
    pub(super) fn chosen(&self, configuration: &ConfigurationArgs) -> Result<Chosen> {
        let shown = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let flags = [
            Flag::given("--data-dir", "storage.data_dir", shown(&self.data_dir)),
            Flag::given("--backup-dir", "backup.dir", shown(&self.backup_dir)),
        ];
        let flags = flags.into_iter().flatten().collect();
        let settings = resolve(&Sources::read(configuration, flags)?)?.settings;
        let folder = node::backup_folder(&settings);
        let backups = BackupFolder::new(folder);
        let listed = backups.list().map_err(failure)?;
        let sound = listed.iter().filter(|backup| backup.fault.is_none()).map(|it| it.id);
        let id = match self.id.as_str() {
            LATEST => sound.clone().next_back(),
            id => listed.iter().map(|it| it.id).find(|it| it.to_string() == id),
        };
        let id = id.ok_or_else(|| {
            let root = backups.root().display();
            let message = format!("there is no backup {:?} in {root}", self.id);
            let ids: Vec<String> = sound.map(|id| id.to_string()).collect();
            let there = if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
            Failure::new(ExitStatus::FAILURE, message).hint(format!("there are {there}"))
        })?;
        Ok(Chosen { settings, backups, id })
    }
}

/// Why a backup could not be used.
pub(super) fn failure(error: StoreError) -> Failure {
    match error {
        StoreError::BackupDamaged { .. } => Failure::new(ExitStatus::DAMAGE, error.to_string()),
        error => node::explain(error.into()),
    }
}
