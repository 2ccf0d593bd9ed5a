//! What documents have in named vector fields.

use std::collections::HashMap;

use akidb_core::{DocumentField, Seq};
use akidb_engine::FieldRow;
use futures::TryStreamExt;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{
    field::{Fields, HasText, Placement, Table},
    read::json_list,
    row::{read_seq, seq_to_sql},
    vectors::{as_given, vectors_of},
};
use crate::{StoreError, checksum};

const INSERT_TEXT: &str = "INSERT INTO texts (seq, text, checksum) VALUES (?1, ?2, ?3)";
const SELECT_TEXTS: &str =
    "SELECT seq, text, checksum FROM texts WHERE seq IN (SELECT value FROM json_each(?1))";

/// All texts of a field.
pub(super) const ALL_TEXTS: &str =
    "SELECT seq, text, checksum FROM texts WHERE seq >= ?1 ORDER BY seq";

/// What of each row version was found, `None` where a row of it is damaged or missing.
type Found<T> = HashMap<Seq, Option<Vec<T>>>;

/// Adds the text that a document has in a field.
pub(super) async fn insert_text(
    connection: &mut SqliteConnection,
    table: Table,
    seq: Seq,
    text: &str,
) -> Result<(), StoreError> {
    sqlx::query(table.sql(INSERT_TEXT))
        .bind(seq_to_sql(seq))
        .bind(text)
        .bind(checksum::of_text(seq, text.as_bytes()))
        .execute(connection)
        .await?;
    Ok(())
}

/// All that row versions have in the named fields that there are.
pub(super) async fn rows_in_fields(
    connection: &mut SqliteConnection,
    fields: &Fields,
    versions: &[(Seq, Placement)],
) -> Result<Found<FieldRow>, StoreError> {
    let mut found: Found<FieldRow> = HashMap::new();
    for (table, per_document) in fields.tables().filter(|(table, _)| *table != Table::UNNAMED) {
        let (here, texts) = there(connection, table, versions).await?;
        let seqs: Vec<Seq> = here.iter().map(|(seq, _)| *seq).collect();
        let mut vectors = vectors_of(connection, &seqs, table, per_document).await?;
        for (seq, has_text) in here {
            let text = text_of(&texts, seq, has_text);
            let row = vectors.remove(&seq).flatten().zip(text);
            let row = row.map(|(vectors, text)| FieldRow { field: table.0, text, vectors });
            add(&mut found, seq, row);
        }
    }
    Ok(found)
}

/// The same as parts of a document, with their vectors.
pub(super) async fn with_vectors(
    connection: &mut SqliteConnection,
    fields: &Fields,
    versions: &[(Seq, Placement)],
) -> Result<Found<DocumentField>, StoreError> {
    let rows = rows_in_fields(connection, fields, versions).await?;
    let part = |FieldRow { field, text, vectors }| {
        let (vector, passages) = as_given(vectors, text.as_deref())?;
        let name = fields.named(field).ok()?.name.clone();
        Some(DocumentField { name, text, vector, passages })
    };
    let parts = rows.into_iter().map(|(seq, rows)| {
        let parts = rows.and_then(|rows| rows.into_iter().map(part).collect());
        (seq, parts)
    });
    Ok(parts.collect())
}

/// The texts that row versions have in the named fields that there are, as parts of a document.
pub(super) async fn texts_alone(
    connection: &mut SqliteConnection,
    fields: &Fields,
    versions: &[(Seq, Placement)],
) -> Result<Found<DocumentField>, StoreError> {
    let mut found: Found<DocumentField> = HashMap::new();
    for field in fields.named.iter() {
        let (here, texts) = there(connection, Table(field.number), versions).await?;
        for (seq, has_text) in here.into_iter().filter(|(_, has_text)| *has_text == HasText::Yes) {
            let part = text_of(&texts, seq, has_text).map(|text| {
                let (name, vector, passages) = (field.name.clone(), None, Vec::new());
                DocumentField { name, text, vector, passages }
            });
            add(&mut found, seq, part);
        }
    }
    Ok(found)
}

/// Which versions are in a field, and the texts of those that have one.
async fn there(
    connection: &mut SqliteConnection,
    table: Table,
    versions: &[(Seq, Placement)],
) -> Result<(Vec<(Seq, HasText)>, HashMap<Seq, String>), StoreError> {
    let here = versions.iter().filter_map(|(seq, at)| Some((*seq, at.has(table)?)));
    let here: Vec<(Seq, HasText)> = here.collect();
    let texts = here.iter().filter(|(_, has_text)| *has_text == HasText::Yes);
    let texts: Vec<u64> = texts.map(|(seq, _)| seq.0).collect();
    let mut sound = HashMap::with_capacity(texts.len());
    if texts.is_empty() {
        return Ok((here, sound));
    }
    let mut rows = sqlx::query(table.sql(SELECT_TEXTS)).bind(json_list(&texts)).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let seq = read_seq(&row, 0)?;
        sound.extend(read_text(&row)?.map(|text| (seq, text)));
    }
    drop(rows);
    Ok((here, sound))
}

/// The text of a row; `None` where its checksum is wrong.
pub(super) fn read_text(row: &SqliteRow) -> Result<Option<String>, StoreError> {
    let seq = read_seq(row, 0)?;
    let text: Option<&[u8]> = row.try_get_unchecked(1)?;
    let stored: Option<i64> = row.try_get_unchecked(2)?;
    let sound = text.filter(|text| stored == Some(checksum::of_text(seq, text)));
    Ok(sound.and_then(|text| String::from_utf8(text.to_vec()).ok()))
}

/// The text of a version in a field, which may have none; `None` where it is damaged or missing.
#[expect(clippy::option_option, reason = "the outer one is damage")]
fn text_of(texts: &HashMap<Seq, String>, seq: Seq, has_text: HasText) -> Option<Option<String>> {
    match has_text {
        HasText::No => Some(None),
        HasText::Yes => texts.get(&seq).cloned().map(Some),
    }
}

fn add<T>(found: &mut Found<T>, seq: Seq, part: Option<T>) {
    let parts = found.entry(seq).or_insert_with(|| Some(Vec::new()));
    match (parts.as_mut(), part) {
        (Some(parts), Some(part)) => parts.push(part),
        _ => *parts = None,
    }
}
