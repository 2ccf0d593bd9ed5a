//! `akidb backup restore`

use akidb_local::offline::{DataDirectory, restore};
use clap::Args;
use serde_json::json;

use super::files::{Chosen, FilesArgs, failure};
use crate::{
    commands::show,
    failure::{ExitStatus, Failure, Result},
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::waiting,
};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb backup restore latest --replace
  $ akidb backup restore latest --data-dir ./elsewhere --backup-dir ./films/backups

The data directory has what the backup has after it, and nothing else; no node may run over it.
All of the backup is verified and opened before anything changes, and a restore that is cut short
is as if it had not been, or is ended by whoever opens the data directory next. What was there is
kept in it, in `before-restore-1`. Indexes are built anew by the first use of each collection.")]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    files: FilesArgs,
    /// Also where the data directory has collections, which are kept beside
    #[arg(long)]
    replace: bool,
}

pub(super) async fn run(
    args: RestoreArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let Chosen { settings, backups, id } = args.files.chosen(configuration)?;
    let root = &settings.storage.data_dir;
    let directory = DataDirectory::open(root).map_err(failure)?;
    let there = directory.collection_folders().map_err(failure)?.len();
    if there > 0 && !args.replace {
        let message = format!("the data directory {} has {there} collections", root.display());
        return Err(Failure::new(ExitStatus::FAILURE, message)
            .hint("--replace restores all the same, and keeps them in the data directory"));
    }
    let restoring = waiting("restoring the backup", restore(&directory, &backups, id));
    let restored = restoring.await.map_err(failure)?;
    let info = restored.manifest.info();
    let answer = json!({
        "id": info.id,
        "created_unix_ms": info.created_unix_ms,
        "collections": info.collections.len(),
        "documents": info.collections.iter().map(|it| it.document_count).sum::<u64>(),
        "data_dir": directory.root(),
        "kept_in": restored.kept_in,
    });
    printer.answer(&answer, || show::properties(&answer))
}
