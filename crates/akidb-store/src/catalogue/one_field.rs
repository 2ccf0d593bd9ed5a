//! Rows of the catalogue from before collections had several vector fields: one field a collection, in
//! the columns of its row.
//!
//! They are read once, by the first start of a version that has fields, and written as rows of now.

use akidb_core::{CollectionName, FieldName, IndexSettings, KeywordSettings};
use akidb_engine::{CollectionRecord, VectorField};
use futures::TryStreamExt;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

use super::{
    field_row::{read_chunking, read_dimension, read_index},
    row::{Stamped, StoredRow, damaged, malformed, valid},
};
use crate::StoreError;

const SELECT: &str = "SELECT uuid, name, description, dimension, metric, model, \
    created_unix_ms, chunk_tokens, chunk_overlap, index_engine, index_m, index_ef_construction, \
    index_ef, index_quantization, change, checksum FROM collections_of_one_field ORDER BY name";

/// A collection and its only field.
struct Read {
    uuid: Uuid,
    name: CollectionName,
    description: Option<String>,
    field: VectorField,
    created_unix_ms: i64,
    change: u64,
}

/// Whether there may be such rows.
pub(super) async fn exist(connection: &mut SqliteConnection) -> Result<bool, StoreError> {
    let sql = "SELECT count(*) FROM sqlite_master WHERE name = 'collections_of_one_field'";
    let tables: i64 = sqlx::query_scalar(sql).fetch_one(connection).await?;
    Ok(tables > 0)
}

/// Adds the rows that can be read to `rows`. `is_first` says that they are of the first version, which
/// had no checksums.
pub(super) async fn read_all(
    connection: &mut SqliteConnection,
    is_first: bool,
    rows: &mut Vec<StoredRow>,
) -> Result<(), StoreError> {
    let mut stored = sqlx::query(SELECT).fetch(connection);
    while let Some(row) = stored.try_next().await? {
        rows.push(read(&row, is_first).unwrap_or_else(|error| damaged(&row, &error)));
    }
    Ok(())
}

/// Removes the table of before, in the transaction that writes its rows to the one of now.
pub(super) async fn drop_table(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let drop = sqlx::query("DROP TABLE IF EXISTS collections_of_one_field");
    drop.execute(connection).await?;
    Ok(())
}

/// Reads a row. One without a checksum is of the first version, or damaged, as `is_first` says.
fn read(row: &SqliteRow, is_first: bool) -> Result<StoredRow, StoreError> {
    let read = read_columns(row)?;
    let stored: Option<i64> = row.try_get(15)?;
    match stored {
        None if is_first => {}
        Some(sum) if sum == checksum(&read) => {}
        _ => return Err(malformed("checksum", "it is not that of the row")),
    }
    let Read { uuid, name, description, field, created_unix_ms, change } = read;
    let row = CollectionRecord {
        uuid,
        name,
        aliases: Vec::new(),
        description,
        fields: vec![field],
        shadows: Vec::new(),
        dropped_fields: Vec::new(),
        last_field: 0,
        keyword: KeywordSettings::default(),
        ttl_seconds: None,
        created_unix_ms,
    };
    Ok(StoredRow::Sound(Stamped { row, change }))
}

fn read_columns(row: &SqliteRow) -> Result<Read, StoreError> {
    let field = VectorField {
        number: 0,
        name: FieldName::UNNAMED,
        dimension: read_dimension(row, 3)?,
        metric: valid("metric", row.try_get::<&str, _>(4)?.parse())?,
        model: row.try_get(5)?,
        chunking: read_chunking(row, 7)?,
        index: read_index(row, 9)?,
    };
    Ok(Read {
        uuid: valid("collection uuid", Uuid::try_parse(row.try_get(0)?))?,
        name: valid("collection name", CollectionName::new(row.try_get(1)?))?,
        description: row.try_get(2)?,
        field,
        created_unix_ms: row.try_get(6)?,
        change: row.try_get::<i64, _>(14)?.cast_unsigned(),
    })
}

/// XXH3 with 64 bits over every column, each with its length; what is absent has none.
fn checksum(row: &Read) -> i64 {
    let field = &row.field;
    let mut hash = Xxh3::new();
    let mut text = |text: Option<&str>| {
        let length = text.map_or(u64::MAX, |text| text.len() as u64);
        hash.update(&length.to_le_bytes());
        hash.update(text.unwrap_or_default().as_bytes());
    };
    text(Some(row.name.as_str()));
    text(row.description.as_deref());
    text(Some(field.metric.as_str()));
    text(field.model.as_deref());
    text(Some(field.index.engine.as_str()));
    text(Some(field.index.quantization.as_str()));
    hash.update(row.uuid.as_bytes());
    let chunking = field.chunking.map_or((u32::MAX, u32::MAX), |it| (it.tokens, it.overlap));
    let IndexSettings { m, ef_construction, ef, .. } = field.index;
    for number in [m, ef_construction, ef, chunking.0, chunking.1] {
        hash.update(&number.to_le_bytes());
    }
    for number in [field.dimension.get() as u64, row.created_unix_ms.cast_unsigned(), row.change] {
        hash.update(&number.to_le_bytes());
    }
    hash.digest().cast_signed()
}
