//! `akidb repair`

use std::path::PathBuf;

use akidb_local::offline::Repair;
use clap::Args;
use serde_json::{Value, json};

use super::{
    offline::{self, Damaged, DataArgs, Database},
    show,
};
use crate::{
    failure::{ExitStatus, Failure, Result},
    printer::{self, Printer},
    settings::{ConfigurationArgs, Settings},
    waiting::waiting,
};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb repair --data-dir ./films
  $ akidb repair films --compact

Saves every document that can be read whole into a new database, which takes the place of the
old one. The old one is kept beside it, with two lists: missing.jsonl says what the new one lacks,
and readable.jsonl has what is sound of documents whose vectors or named texts are damaged, for
`akidb import`. Databases that are sound are left as they are. A catalogue that is
lost or damaged is made anew from the folders of the collections.

With --compact databases are rewritten without their free pages instead, which needs as much free
disk as the largest takes. No node may run over the data directory meanwhile. Ends with exit code
2 when documents are missing.")]
pub(crate) struct RepairArgs {
    /// The collections, by name or uuid; all if none is named
    collections: Vec<String>,
    /// Give the disk of deleted documents back
    #[arg(long)]
    compact: bool,
    #[command(flatten)]
    data: DataArgs,
}

pub(crate) async fn run(
    args: RepairArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let settings = args.data.settings(configuration)?;
    match args.compact {
        true => compact(&settings, &args.collections, printer).await,
        false => repair(&settings, &args.collections, printer).await,
    }
}

async fn compact(settings: &Settings, wanted: &[String], printer: Printer) -> Result {
    let data = offline::open(settings, wanted, Damaged::Told).await?;
    let mut rows = Vec::new();
    for database in &data.databases {
        let before = bytes(database);
        let compacted = akidb_local::offline::compact(&database.folder);
        let compacted = waiting("rewriting a database without its free pages", compacted).await;
        compacted.map_err(|error| offline::failure(database, &error))?;
        rows.push((database.shown(), before, bytes(database)));
    }
    let list: Vec<Value> = rows
        .iter()
        .map(|(name, before, after)| {
            json!({"name": name, "bytes_before": before, "bytes_after": after})
        })
        .collect();
    printer.answer(&json!({ "collections": list }), || {
        let mut table = printer::table(["collection", "bytes before", "bytes after"]);
        for (name, before, after) in &rows {
            table.add_row([name.clone(), before.to_string(), after.to_string()]);
        }
        table
    })
}

/// Bytes of the database, its log included.
fn bytes(database: &Database) -> u64 {
    let files = ["documents.db", "documents.db-wal"].map(|name| database.folder.join(name));
    files.iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum()
}

async fn repair(settings: &Settings, wanted: &[String], printer: Printer) -> Result {
    let data = offline::open(settings, wanted, Damaged::Mended).await?;
    let mut repaired = Vec::new();
    for database in &data.databases {
        let survey = akidb_local::offline::survey(&database.folder);
        let survey = waiting("looking at every row, page and index", survey).await;
        if survey.is_ok_and(|survey| !survey.needs_repair()) {
            continue;
        }
        let saving = akidb_local::offline::repair(&database.folder);
        let saved = waiting("saving what can be read", saving).await;
        repaired.push((database, saved.map_err(|error| offline::failure(database, &error))?));
    }
    let list: Vec<Value> = repaired.iter().map(|(database, it)| as_json(database, it)).collect();
    let answer = json!({ "catalogue": data.catalogue, "collections": list });
    printer.answer(&answer, || as_table(&repaired))?;
    for mended in &data.catalogue {
        printer.note(format_args!("the catalogue was mended: {mended}"));
    }
    let missing = repaired.iter().flat_map(|(_, repair)| &repair.faults);
    match missing.filter(|fault| fault.document.is_some()).count() {
        0 => Ok(()),
        missing => {
            let folders: Vec<&PathBuf> = repaired.iter().map(|(_, it)| &it.kept_in).collect();
            let folders: Vec<String> =
                folders.iter().map(|path| path.display().to_string()).collect();
            let message = format!("{missing} documents could not be saved");
            Err(Failure::new(ExitStatus::DAMAGE, message).hint(format!(
                "missing.jsonl in {} lists them; import readable.jsonl beside it where there is one",
                folders.join(", ")
            )))
        }
    }
}

fn as_json(database: &Database, repair: &Repair) -> Value {
    json!({
        "name": database.name,
        "uuid": database.uuid,
        "saved": repair.saved,
        "readable": repair.readable,
        "kept_in": repair.kept_in,
        "faults": repair.faults.iter().map(offline::fault_json).collect::<Vec<_>>(),
    })
}

fn as_table(repaired: &[(&Database, Repair)]) -> comfy_table::Table {
    let mut table = printer::table(["collection", "saved", "missing", "old database"]);
    for (database, repair) in repaired {
        let missing = repair.faults.iter().filter_map(|fault| fault.document.as_ref());
        let missing: Vec<String> =
            missing.map(|document| show::cell(&json!(document.to_string()))).collect();
        let (saved, kept_in) = (repair.saved.to_string(), repair.kept_in.display().to_string());
        table.add_row([database.shown(), saved, missing.join(", "), kept_in]);
    }
    table
}
