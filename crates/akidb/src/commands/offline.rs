//! The databases of a data directory over which no node runs.

use std::{path::PathBuf, sync::Arc};

use akidb_local::offline::{
    Catalogue, DataDirectory, DatabaseFault, FailStop, StoreError, collection_names,
};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    failure::{ExitStatus, Failure, Result},
    node,
    settings::{ConfigurationArgs, Flag, Settings, Sources, resolve},
};

/// Where the data lie.
#[derive(Args, Debug)]
pub(super) struct DataArgs {
    /// Where the data lies, storage.data_dir
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl DataArgs {
    pub(super) fn settings(&self, configuration: &ConfigurationArgs) -> Result<Settings> {
        let given = self.data_dir.as_ref().map(|path| path.display());
        let flags = Flag::given("--data-dir", "storage.data_dir", given);
        Ok(resolve(&Sources::read(configuration, flags.into_iter().collect())?)?.settings)
    }
}

/// A data directory, locked for as long as this is held.
pub(super) struct Data {
    pub(super) databases: Vec<Database>,
    /// What of the catalogue is not as it was left.
    pub(super) catalogue: Vec<String>,
    _directory: Arc<DataDirectory>,
}

/// What becomes of a catalogue that is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damaged {
    /// It stays as it is.
    Told,
    /// It is made anew from the folders of the collections, as at a start.
    Mended,
}

/// The database of a collection.
#[derive(Clone, Debug)]
pub(super) struct Database {
    /// As the catalogue says, where it can be read and has the collection.
    pub(super) name: Option<String>,
    pub(super) uuid: String,
    pub(super) folder: PathBuf,
}

impl Database {
    /// What a person calls it.
    pub(super) fn shown(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.uuid.clone())
    }
}

/// The databases of the collections that are wanted, by name; of all where none is named.
pub(super) async fn open(settings: &Settings, wanted: &[String], damaged: Damaged) -> Result<Data> {
    let root = &settings.storage.data_dir;
    if !root.is_dir() {
        let message = format!("there is no data directory {}", root.display());
        return Err(Failure::new(ExitStatus::IO, message).hint("--data-dir names another"));
    }
    let directory = DataDirectory::open(root).map_err(|error| node::explain(error.into()))?;
    let directory = Arc::new(directory);
    let catalogue = catalogue(&directory, damaged).await;
    let catalogue = catalogue.map_err(|error| node::explain(error.into()))?;
    let names = collection_names(directory.root()).await;
    let folders = directory.collection_folders().map_err(|error| node::explain(error.into()))?;
    let databases = folders.into_iter().map(|uuid| Database {
        name: names.get(&uuid).cloned(),
        folder: directory.collection(uuid),
        uuid: uuid.to_string(),
    });
    let mut databases: Vec<Database> =
        databases.filter(|database| database.folder.join("documents.db").is_file()).collect();
    databases.sort_by_key(Database::shown);
    for wanted in wanted {
        if !databases.iter().any(|database| is_called(database, wanted)) {
            let names: Vec<String> = databases.iter().map(Database::shown).collect();
            let message = format!("no collection is called {wanted:?}");
            return Err(Failure::new(ExitStatus::FAILURE, message)
                .hint(format!("there are {}", names.join(", "))));
        }
    }
    if !wanted.is_empty() {
        databases.retain(|database| wanted.iter().any(|wanted| is_called(database, wanted)));
    }
    Ok(Data { databases, catalogue, _directory: directory })
}

/// What of the catalogue is, or was, not as it was left.
async fn catalogue(
    directory: &Arc<DataDirectory>,
    damaged: Damaged,
) -> std::result::Result<Vec<String>, StoreError> {
    let findings = match damaged {
        Damaged::Told => Catalogue::inspect(directory.root()).await?,
        Damaged::Mended => {
            let opened = Catalogue::open(Arc::clone(directory), FailStop::default()).await?;
            opened.catalogue.close().await?;
            opened.findings
        }
    };
    Ok(findings.into_iter().map(|finding| finding.detail).collect())
}

fn is_called(database: &Database, wanted: &str) -> bool {
    database.name.as_deref() == Some(wanted) || database.uuid == wanted
}

pub(super) fn fault(kind: &'static str, reason: String) -> DatabaseFault {
    DatabaseFault { kind, document: None, reason }
}

pub(super) fn fault_json(fault: &DatabaseFault) -> Value {
    let mut json = json!({"kind": fault.kind, "reason": fault.reason});
    if let Some(id) = fault.document.as_ref().and_then(|document| document.id.as_ref()) {
        json["id"] = json!(id);
    }
    if let Some(seq) = fault.document.as_ref().and_then(|document| document.seq) {
        json["seq"] = seq.0.into();
    }
    json
}

/// A database that could not be worked on; the others before it were.
pub(super) fn failure(database: &Database, error: &StoreError) -> Failure {
    let message = format!("{}: {error}", database.shown());
    let exit = if error.is_damaged_page() { ExitStatus::DAMAGE } else { ExitStatus::IO };
    Failure::new(exit, message)
}
