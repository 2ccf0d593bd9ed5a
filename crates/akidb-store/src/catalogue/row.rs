//! A collection as a row of the catalogue.

use akidb_core::{Chunking, CollectionName, Dimension, IndexSettings};
use akidb_engine::CollectionRecord;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

use crate::StoreError;

/// A collection, and the change of the catalogue that it was last written by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamped {
    pub(crate) row: CollectionRecord,
    pub(crate) change: u64,
}

/// A row that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoredRow {
    Sound(Stamped),
    /// Its checksum is wrong, or a value has a form that no version of AkiDB writes.
    Damaged {
        /// What its columns `uuid` and `name` say, true or not.
        uuid: String,
        name: String,
        reason: String,
    },
}

pub(super) const SELECT: &str = "SELECT uuid, name, description, dimension, metric, model, \
    created_unix_ms, chunk_tokens, chunk_overlap, index_engine, index_m, index_ef_construction, \
    index_ef, index_quantization, change, checksum FROM collections ORDER BY name";

const INSERT: &str = "INSERT INTO collections (uuid, name, description, dimension, metric, model, \
    created_unix_ms, chunk_tokens, chunk_overlap, index_engine, index_m, index_ef_construction, \
    index_ef, index_quantization, change, checksum) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";

/// Adds a row. One of the same name or uuid is an error.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    stamped: &Stamped,
) -> Result<(), StoreError> {
    let Stamped { row, change } = stamped;
    sqlx::query(INSERT)
        .bind(row.uuid.to_string())
        .bind(row.name.as_str())
        .bind(row.description.as_deref())
        .bind(i64::try_from(row.dimension.get()).unwrap_or(i64::MAX))
        .bind(row.metric.as_str())
        .bind(row.model.as_deref())
        .bind(row.created_unix_ms)
        .bind(row.chunking.map(|chunking| chunking.tokens))
        .bind(row.chunking.map(|chunking| chunking.overlap))
        .bind(row.index.engine.as_str())
        .bind(row.index.m)
        .bind(row.index.ef_construction)
        .bind(row.index.ef)
        .bind(row.index.quantization.as_str())
        .bind(change.cast_signed())
        .bind(checksum(stamped))
        .execute(connection)
        .await?;
    Ok(())
}

/// Replaces the row of its uuid.
pub(super) async fn replace(
    connection: &mut SqliteConnection,
    stamped: &Stamped,
) -> Result<(), StoreError> {
    delete(connection, stamped.row.uuid).await?;
    insert(connection, stamped).await
}

pub(super) async fn delete(
    connection: &mut SqliteConnection,
    uuid: Uuid,
) -> Result<(), StoreError> {
    let delete = sqlx::query("DELETE FROM collections WHERE uuid = ?1").bind(uuid.to_string());
    delete.execute(connection).await?;
    Ok(())
}

/// Reads a row. One without a checksum is of the first version, or damaged, as `is_first` says.
pub(super) fn read(row: &SqliteRow, is_first: bool) -> StoredRow {
    let stamped = read_columns(row).and_then(|stamped| {
        let stored: Option<i64> = row.try_get(15)?;
        match stored {
            None if is_first => Ok(stamped),
            Some(sum) if sum == checksum(&stamped) => Ok(stamped),
            _ => Err(malformed("checksum", "it is not that of the row")),
        }
    });
    stamped.map_or_else(
        |error| {
            let shown = |column: usize| {
                let bytes: &[u8] = row.try_get_unchecked(column).unwrap_or_default();
                String::from_utf8_lossy(bytes).chars().take(64).collect()
            };
            StoredRow::Damaged { uuid: shown(0), name: shown(1), reason: error.to_string() }
        },
        StoredRow::Sound,
    )
}

fn read_columns(row: &SqliteRow) -> Result<Stamped, StoreError> {
    let stored = CollectionRecord {
        uuid: valid("collection uuid", Uuid::try_parse(row.try_get(0)?))?,
        name: valid("collection name", CollectionName::new(row.try_get(1)?))?,
        description: row.try_get(2)?,
        dimension: valid("dimension", {
            let dimension: i64 = row.try_get(3)?;
            Dimension::new(dimension.try_into().unwrap_or(u64::MAX))
        })?,
        metric: valid("metric", row.try_get::<&str, _>(4)?.parse())?,
        model: row.try_get(5)?,
        created_unix_ms: row.try_get(6)?,
        chunking: {
            let (tokens, overlap) = (row.try_get(7)?, row.try_get(8)?);
            let read = |tokens: Option<u32>, overlap: Option<u32>| {
                Some(Chunking { tokens: tokens?, overlap: overlap? })
            };
            read(tokens, overlap)
        },
        index: IndexSettings {
            engine: valid("index engine", row.try_get::<&str, _>(9)?.parse())?,
            m: row.try_get(10)?,
            ef_construction: row.try_get(11)?,
            ef: row.try_get(12)?,
            quantization: valid("quantization", row.try_get::<&str, _>(13)?.parse())?,
        },
    };
    Ok(Stamped { row: stored, change: row.try_get::<i64, _>(14)?.cast_unsigned() })
}

pub(crate) fn valid<T, E: ToString>(
    what: &'static str,
    parsed: Result<T, E>,
) -> Result<T, StoreError> {
    parsed.map_err(|reason| malformed(what, reason))
}

fn malformed(what: &'static str, reason: impl ToString) -> StoreError {
    StoreError::Malformed { what, reason: reason.to_string() }
}

/// XXH3 with 64 bits over every column, each with its length; what is absent has none.
fn checksum(Stamped { row, change }: &Stamped) -> i64 {
    let mut hash = Xxh3::new();
    let mut text = |text: Option<&str>| {
        let length = text.map_or(u64::MAX, |text| text.len() as u64);
        hash.update(&length.to_le_bytes());
        hash.update(text.unwrap_or_default().as_bytes());
    };
    text(Some(row.name.as_str()));
    text(row.description.as_deref());
    text(Some(row.metric.as_str()));
    text(row.model.as_deref());
    text(Some(row.index.engine.as_str()));
    text(Some(row.index.quantization.as_str()));
    hash.update(row.uuid.as_bytes());
    let chunking = row.chunking.map_or((u32::MAX, u32::MAX), |it| (it.tokens, it.overlap));
    let IndexSettings { m, ef_construction, ef, .. } = row.index;
    for number in [m, ef_construction, ef, chunking.0, chunking.1] {
        hash.update(&number.to_le_bytes());
    }
    for number in [row.dimension.get() as u64, row.created_unix_ms.cast_unsigned(), *change] {
        hash.update(&number.to_le_bytes());
    }
    hash.digest().cast_signed()
}

/// The checksum of the row of `state`.
pub(super) fn checksum_of_state(change: u64) -> i64 {
    let mut hash = Xxh3::new();
    hash.update(b"state");
    hash.update(&change.to_le_bytes());
    hash.digest().cast_signed()
}

#[cfg(test)]
mod tests {
    use akidb_core::Metric;

    use super::*;

    #[test]
    fn every_column_counts() {
        let row = CollectionRecord {
            uuid: Uuid::from_u128(1),
            name: CollectionName::new("a").unwrap(),
            description: None,
            dimension: Dimension::new(2).unwrap(),
            metric: Metric::Dot,
            index: IndexSettings::default(),
            model: None,
            chunking: None,
            created_unix_ms: 3,
        };
        let index = |change: fn(&mut IndexSettings)| {
            let mut index = row.index;
            change(&mut index);
            CollectionRecord { index, ..row.clone() }
        };
        let chunking = |tokens, overlap| Some(Chunking { tokens, overlap });
        let rows = [
            row.clone(),
            CollectionRecord { uuid: Uuid::from_u128(2), ..row.clone() },
            CollectionRecord { name: CollectionName::new("b").unwrap(), ..row.clone() },
            CollectionRecord { description: Some(String::new()), ..row.clone() },
            CollectionRecord { description: Some("d".into()), ..row.clone() },
            CollectionRecord { dimension: Dimension::new(3).unwrap(), ..row.clone() },
            CollectionRecord { metric: Metric::L2, ..row.clone() },
            CollectionRecord { model: Some("d".into()), ..row.clone() },
            CollectionRecord { chunking: chunking(1, 2), ..row.clone() },
            CollectionRecord { chunking: chunking(2, 1), ..row.clone() },
            CollectionRecord { created_unix_ms: 4, ..row.clone() },
            index(|index| index.m += 1),
            index(|index| index.ef += 1),
            index(|index| index.ef_construction += 1),
            index(|index| index.engine = akidb_core::IndexEngine::Exact),
            index(|index| index.quantization = akidb_core::Quantization::None),
        ];
        let mut sums: Vec<_> =
            rows.map(|row| checksum(&Stamped { row, change: 1 })).into_iter().collect();
        sums.push(checksum(&Stamped { row, change: 2 }));
        let distinct: std::collections::HashSet<_> = sums.iter().collect();
        assert_eq!(distinct.len(), sums.len());
    }
}
