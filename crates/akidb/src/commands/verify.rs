//! `akidb verify`

use akidb_local::offline::DatabaseFault;
use clap::Args;
use serde_json::{Value, json};

use super::{
    offline::{self, Damaged, DataArgs, Database},
    show,
};
use crate::{
    failure::{ExitStatus, Failure, Result},
    node,
    printer::{self, Printer},
    settings::{ConfigurationArgs, Settings},
    waiting::waiting,
};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb verify --data-dir ./films
  $ akidb verify films --output json

Looks at every row, page and index of each collection, and at whether counting, scrolling,
getting, filtering and searching give the same documents. No node may run over the data directory
meanwhile. Ends with exit code 2 when something is damaged or missing.")]
pub(crate) struct VerifyArgs {
    /// The collections, by name or uuid; all if none is named
    collections: Vec<String>,
    #[command(flatten)]
    data: DataArgs,
}

/// A collection, and what is wrong with it.
struct Looked {
    database: Database,
    documents: u64,
    faults: Vec<DatabaseFault>,
}

pub(crate) async fn run(
    args: VerifyArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let settings = args.data.settings(configuration)?;
    let work = verify(&settings, &args.collections);
    let (catalogue, looked) = waiting("looking at every row, page and index", work).await?;
    let list: Vec<Value> = looked.iter().map(as_json).collect();
    let answer = json!({ "catalogue": catalogue, "collections": list });
    printer.answer(&answer, || as_table(&catalogue, &looked))?;
    match looked.iter().filter(|looked| !looked.faults.is_empty()).count() {
        0 if catalogue.is_empty() => Ok(()),
        damaged => {
            let mut message = format!("{damaged} of {} collections are damaged", looked.len());
            if !catalogue.is_empty() {
                message += ", and the catalogue is";
            }
            Err(Failure::new(ExitStatus::DAMAGE, message).hint(
                "`akidb repair` saves what can be read into a new database and keeps the old one",
            ))
        }
    }
}

/// What of the catalogue is not as it was left, and each collection.
async fn verify(settings: &Settings, wanted: &[String]) -> Result<(Vec<String>, Vec<Looked>)> {
    let mut looked = Vec::new();
    let catalogue;
    {
        let data = offline::open(settings, wanted, Damaged::Told).await?;
        catalogue = data.catalogue;
        for database in data.databases {
            let (documents, faults) = match akidb_local::offline::survey(&database.folder).await {
                Ok(survey) => (survey.sound_count(), survey.faults),
                Err(error) => (0, vec![offline::fault("database", error.to_string())]),
            };
            looked.push(Looked { database, documents, faults });
        }
    }
    // A start would mend the catalogue.
    if !catalogue.is_empty() {
        return Ok((catalogue, looked));
    }
    // As a node would open them, which it does with the directory to itself.
    let service = node::service_without_models(settings).await?;
    for looked in &mut looked {
        let Some(name) = &looked.database.name else { continue };
        match service.disagreements(name).await {
            Ok(found) => {
                looked.faults.extend(found.into_iter().map(|it| offline::fault("answers", it)));
            }
            Err(error) => looked.faults.push(offline::fault("answers", error.to_string())),
        }
    }
    service.shutdown().await;
    Ok((catalogue, looked))
}

fn as_json(looked: &Looked) -> Value {
    json!({
        "name": looked.database.name,
        "uuid": looked.database.uuid,
        "documents": looked.documents,
        "faults": looked.faults.iter().map(offline::fault_json).collect::<Vec<_>>(),
    })
}

fn as_table(catalogue: &[String], looked: &[Looked]) -> comfy_table::Table {
    let mut table = printer::table(["collection", "kind", "document", "state"]);
    for state in catalogue {
        table.add_row(["", "catalogue", "", state]);
    }
    for looked in looked {
        let name = looked.database.shown();
        if looked.faults.is_empty() {
            let state = format!("{} documents are sound", looked.documents);
            table.add_row([name, String::new(), String::new(), state]);
            continue;
        }
        for fault in &looked.faults {
            let json = offline::fault_json(fault);
            let document = json.get("id").or(json.get("seq")).map(show::cell).unwrap_or_default();
            table.add_row([name.clone(), fault.kind.to_owned(), document, fault.reason.clone()]);
        }
    }
    table
}
