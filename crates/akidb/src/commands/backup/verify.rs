//! `akidb backup verify`

use akidb_local::offline::{RestoreTest, test_restore, verify_backup};
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
  $ akidb backup verify latest
  $ akidb backup verify latest --restore-test

Needs no node, and a node may run. With --restore-test the backup is restored into a folder beside
it, where every row, page and index is looked at and documents are counted, and the folder is
removed. Ends with exit code 2 when something is not as it was written.")]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    files: FilesArgs,
    /// Restore it into a folder of its own, and look at all of it there
    #[arg(long)]
    restore_test: bool,
}

pub(super) async fn run(
    args: VerifyArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let Chosen { backups, id, .. } = args.files.chosen(configuration)?;
    let tested = if args.restore_test {
        waiting("restoring the backup beside it", test_restore(&backups, id)).await
    } else {
        let hashes = async {
            let work = tokio::task::spawn_blocking(move || verify_backup(&backups, id));
            work.await.unwrap_or(Err(akidb_local::offline::StoreError::Closed))
        };
        let manifest = waiting("reading the backup", hashes).await;
        manifest.map(|manifest| RestoreTest { manifest, faults: Vec::new() })
    };
    let RestoreTest { manifest, faults } = tested.map_err(failure)?;
    let info = manifest.info();
    let faults_shown: Vec<_> = faults
        .iter()
        .map(|(collection, fault)| json!({"collection": collection, "fault": fault}))
        .collect();
    let answer = json!({
        "id": info.id,
        "bytes": info.bytes,
        "collections": info.collections.len(),
        "documents": info.collections.iter().map(|it| it.document_count).sum::<u64>(),
        "restored": args.restore_test,
        "faults": faults_shown,
    });
    printer.answer(&answer, || show::properties(&answer))?;
    match faults.first() {
        None => Ok(()),
        Some((collection, fault)) => {
            let message =
                format!("of {} faults the first is in {collection}: {fault}", faults.len());
            Err(Failure::new(ExitStatus::DAMAGE, message))
        }
    }
}
