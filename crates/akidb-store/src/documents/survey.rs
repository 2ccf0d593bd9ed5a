//! Looking at every row, page and index of a database that nobody writes to.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use akidb_core::{DamagedDocument, Seq};
use sqlx::{Row, SqlSafeStr, SqliteConnection, sqlite::SqliteRow};

use super::{
    field::{self, Place, Places, Table},
    field_rows::{ALL_TEXTS, read_text},
    history, identity,
    load::{Expected, FILE_NAME, SELECT_VECTORS},
    placement::Placements,
    read::{ALL, ids_of},
    row::{DocumentRow, read_document, read_seq, read_vector},
    vectors::VectorsPerDocument,
    walk::{BY_ID, BY_NUMBER, ascending, row_versions, walk},
};
use crate::{StoreError, connection, migrations};

/// Lines of SQLite's own check that are given.
const PAGES_NAMED_MAX: &str = "PRAGMA integrity_check(1000)";

/// Something in a database that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFault {
    /// The kind: `document`, `vector`, `page`, `index`, `history` or `database`.
    pub kind: &'static str,
    /// The document that it is in, where it is in one.
    pub document: Option<DamagedDocument>,
    /// What is wrong.
    pub reason: String,
}

/// What a database has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The documents whose row and vectors are all sound, ascending.
    pub(super) sound: Vec<Seq>,
    /// The documents whose row is sound, and whose vectors are not. Ascending.
    pub(super) without_vectors: Vec<Seq>,
    /// What is wrong, by kind.
    pub faults: Vec<DatabaseFault>,
}

impl Survey {
    /// How many documents can be served whole.
    #[must_use]
    pub fn sound_count(&self) -> u64 {
        self.sound.len() as u64
    }

    /// Whether there is something that a new database would not have. Lost writes stay lost, and
    /// damage of `sequence` and of the marks is made up for by the next opening.
    #[must_use]
    pub fn needs_repair(&self) -> bool {
        self.faults.iter().any(|fault| fault.kind != "history")
    }

    fn note(&mut self, kind: &'static str, reason: impl Into<String>) {
        self.faults.push(DatabaseFault { kind, document: None, reason: reason.into() });
    }
}

/// Looks at all of the database in a collection's folder. A schema of before is brought up to date;
/// nothing else is changed.
///
/// # Errors
/// When the database can not be opened at all.
pub async fn survey(folder: &Path) -> Result<Survey, StoreError> {
    let path = folder.join(FILE_NAME);
    let mut found = Survey::default();
    if let Err(mixed) = identity::check(&path).await {
        // Opened to be written, its log would be copied into a file that is not its own.
        found.note("database", mixed.to_string());
        return Ok(found);
    }
    let mut connection = connection::open_writer(&path, &migrations::collection()).await?;
    let last = match history::look(&mut connection, folder, &path).await {
        Ok((position, faults)) => {
            faults.into_iter().for_each(|fault| found.note("history", fault));
            position.seq
        }
        Err(error @ StoreError::ForeignDatabase { .. }) => {
            found.note("database", error.to_string());
            history::highest_seq(&mut connection).await?
        }
        Err(error) => return Err(error),
    };
    look_at_pages(&mut connection, &mut found).await?;
    look_at_rows(&mut connection, last, &mut found).await?;
    sqlx::Connection::close(connection).await?;
    Ok(found)
}

async fn look_at_pages(
    connection: &mut SqliteConnection,
    found: &mut Survey,
) -> Result<(), StoreError> {
    let checked = sqlx::query(PAGES_NAMED_MAX).fetch_all(connection).await;
    match checked.map_err(StoreError::from) {
        Ok(rows) => {
            for row in rows {
                let said: String = row.try_get(0)?;
                if said != "ok" {
                    found.note("page", said);
                }
            }
            Ok(())
        }
        Err(error) if error.is_damaged_page() => {
            found.note("page", error.to_string());
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Every row of all tables, and both indexes of documents.
pub(super) async fn look_at_rows(
    connection: &mut SqliteConnection,
    last: Seq,
    found: &mut Survey,
) -> Result<(), StoreError> {
    let mut damaged: Vec<DamagedDocument> = Vec::new();
    let mut readable = Vec::new();
    let mut placements = Placements::default();
    let visit = |row: &SqliteRow, seq| match read_document(row) {
        Ok(DocumentRow { placement, .. }) => {
            readable.push(seq);
            placements.add(seq, placement);
            Ok(true)
        }
        Err(row) => {
            damaged.push(row);
            Ok(false)
        }
    };
    walk(connection, ALL.into_sql_str(), Seq(0), last, visit).await?;
    let in_table = ascending(
        readable.iter().copied().chain(damaged.iter().filter_map(|row| row.seq)).collect(),
    );
    let indexed = row_versions(connection, last).await?;
    look_at_index(connection, "documents_by_number", BY_NUMBER, &in_table, found).await?;
    look_at_index(connection, "the index of ids", BY_ID, &in_table, found).await?;
    let all = ascending(in_table.iter().copied().chain(indexed).collect());
    let sound_rows: HashSet<Seq> = readable.into_iter().collect();
    // Of these nothing tells where they have vectors.
    let unsound: Vec<Seq> = all.iter().filter(|seq| !sound_rows.contains(seq)).copied().collect();
    let mut incomplete: HashSet<Seq> = HashSet::new();
    let mut tables: BTreeMap<Place, Vec<Table>> = BTreeMap::new();
    let places = Places::read(connection).await?;
    let numbers = field::numbers(connection).await?;
    for table in std::iter::once(Table::UNNAMED).chain(numbers.into_iter().map(Table)) {
        tables.entry(places.of(table)).or_default().push(table);
    }
    for (place, tables) in tables {
        let mut expected = placements.in_place(place, all.clone());
        expected = ascending(expected.into_iter().chain(unsound.iter().copied()).collect());
        // Which of several tables is searched is not known here: one that has all of a document will do.
        let mut lacking: Option<HashSet<Seq>> = None;
        for table in tables {
            let here = look_at_vectors(connection, table, last, &expected, found).await?;
            let here: HashSet<Seq> = here.into_iter().collect();
            lacking = Some(lacking.map_or(here.clone(), |before| &before & &here));
        }
        incomplete.extend(lacking.unwrap_or_default());
        if place != Place::UNNAMED {
            let with_text = placements.with_text(place);
            incomplete.extend(look_at_texts(connection, Table(place.0), last, with_text).await?);
        }
    }

    let faulty: Vec<u64> = all
        .iter()
        .filter(|seq| !sound_rows.contains(seq) || incomplete.contains(seq))
        .map(|seq| seq.0)
        .collect();
    let ids = ids_of(connection, &faulty).await?;
    for seq in all {
        let fault = match (sound_rows.contains(&seq), incomplete.contains(&seq)) {
            (true, false) => {
                found.sound.push(seq);
                continue;
            }
            (true, true) => {
                found.without_vectors.push(seq);
                ("vector", "a vector of it is damaged or missing")
            }
            (false, _) if in_table.binary_search(&seq).is_ok() => {
                ("document", "its row fails its checksum")
            }
            (false, _) => ("document", "its row can not be read"),
        };
        let said = damaged.iter().find(|row| row.seq == Some(seq)).and_then(|row| row.id.clone());
        let id = ids.get(&seq).cloned().or(said);
        found.faults.push(DatabaseFault {
            kind: fault.0,
            document: Some(DamagedDocument { id, seq: Some(seq) }),
            reason: fault.1.to_owned(),
        });
    }
    Ok(())
}

/// Compares the rows that an index names with those of the table.
async fn look_at_index(
    connection: &mut SqliteConnection,
    name: &str,
    sql: &'static str,
    in_table: &[Seq],
    found: &mut Survey,
) -> Result<(), StoreError> {
    let rows = sqlx::query(sql).fetch_all(connection).await.map_err(StoreError::from);
    let rows = match rows {
        Err(error) if error.is_damaged_page() => {
            found.note("index", format!("{name} can not be read"));
            return Ok(());
        }
        rows => rows?,
    };
    let named = ascending(rows.iter().map(|row| read_seq(row, 0)).collect());
    let lacking = in_table.iter().filter(|seq| named.binary_search(seq).is_err()).count();
    let beyond = named.iter().filter(|seq| in_table.binary_search(seq).is_err()).count();
    if lacking > 0 {
        found.note("index", format!("{name} lacks {lacking} documents of the table"));
    }
    if beyond > 0 {
        found.note("index", format!("{name} has {beyond} documents that the table does not give"));
    }
    Ok(())
}

/// Those of some documents whose text in a field is damaged or missing.
async fn look_at_texts(
    connection: &mut SqliteConnection,
    table: Table,
    last: Seq,
    mut expected: Vec<Seq>,
) -> Result<Vec<Seq>, StoreError> {
    let mut sound = HashSet::new();
    let visit = |row: &SqliteRow, seq| {
        let is_sound = read_text(row).is_some();
        sound.extend(is_sound.then_some(seq));
        Ok(is_sound)
    };
    walk(connection, table.sql(ALL_TEXTS), Seq(0), last, visit).await?;
    expected.retain(|seq| !sound.contains(seq));
    Ok(expected)
}

/// The documents of which a vector in a field is damaged or missing.
async fn look_at_vectors(
    connection: &mut SqliteConnection,
    table: Table,
    last: Seq,
    documents: &[Seq],
    found: &mut Survey,
) -> Result<Vec<Seq>, StoreError> {
    let mut expected = Expected::new(documents);
    let mut orphans = 0_u64;
    let visit = |row: &SqliteRow, seq: Seq| {
        let Some(row) = read_vector(row, seq, 1, VectorsPerDocument::Several) else {
            return Ok(false);
        };
        let passage = row.passage.as_ref();
        let document = passage.and_then(|passage| passage.document).unwrap_or(seq);
        let count = passage.and_then(|passage| passage.count).unwrap_or(1);
        orphans += u64::from(!expected.takes(document, seq, count));
        Ok(true)
    };
    walk(connection, table.sql(SELECT_VECTORS), Seq(0), last, visit).await?;
    if orphans > 0 {
        found.note("vector", format!("{orphans} vectors are of no document"));
    }
    Ok(expected.incomplete())
}
