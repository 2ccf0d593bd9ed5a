//! A vector field as a row of the catalogue.

use std::collections::HashMap;

use akidb_core::{Chunking, Dimension, FieldName, IndexSettings};
use akidb_engine::{ShadowField, ShadowRole, VectorField};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

use super::row::{malformed, update_with_text, valid};
use crate::StoreError;

/// In the order of a record's fields.
const SELECT: &str = "SELECT collection, number, name, dimension, metric, model, chunk_tokens, \
    chunk_overlap, index_engine, index_m, index_ef_construction, index_ef, index_quantization, \
    checksum, role FROM fields ORDER BY collection, name";

/// The role of a field that is searched.
const SHOWN: &str = "shown";

const INSERT: &str = "INSERT INTO fields (collection, number, name, dimension, metric, model, \
    chunk_tokens, chunk_overlap, index_engine, index_m, index_ef_construction, index_ef, \
    index_quantization, checksum, role) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";

/// The fields of one collection, as far as their rows are sound.
#[derive(Default)]
pub(super) struct StoredFields {
    pub(super) shown: Vec<Result<VectorField, StoreError>>,
    pub(super) shadows: Vec<ShadowField>,
}

/// Adds a field, or what stands beside one. Another one in this role or of its number is an error.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    collection: Uuid,
    field: &VectorField,
    role: Option<ShadowRole>,
) -> Result<(), StoreError> {
    sqlx::query(INSERT)
        .bind(collection.to_string())
        .bind(field.number)
        .bind(field.name.as_str())
        .bind(i64::try_from(field.dimension.get()).unwrap_or(i64::MAX))
        .bind(field.metric.as_str())
        .bind(field.model.as_deref())
        .bind(field.chunking.map(|chunking| chunking.tokens))
        .bind(field.chunking.map(|chunking| chunking.overlap))
        .bind(field.index.engine.as_str())
        .bind(field.index.m)
        .bind(field.index.ef_construction)
        .bind(field.index.ef)
        .bind(field.index.quantization.as_str())
        .bind(checksum(collection, field, role))
        .bind(role.map_or(SHOWN, ShadowRole::as_str))
        .execute(connection)
        .await?;
    Ok(())
}

/// The fields of all collections, by what the rows say is the uuid of theirs.
pub(super) async fn read_all(
    connection: &mut SqliteConnection,
) -> Result<HashMap<String, StoredFields>, StoreError> {
    let mut fields: HashMap<String, StoredFields> = HashMap::new();
    for row in sqlx::query(SELECT).fetch_all(connection).await? {
        let collection: String = row.try_get_unchecked(0)?;
        let field = read(&collection, &row);
        let fields = fields.entry(collection).or_default();
        match field {
            Ok((field, Some(role))) => fields.shadows.push(ShadowField { role, field }),
            Ok((field, None)) => fields.shown.push(Ok(field)),
            Err(error) => fields.shown.push(Err(error)),
        }
    }
    Ok(fields)
}

fn read(
    collection: &str,
    row: &SqliteRow,
) -> Result<(VectorField, Option<ShadowRole>), StoreError> {
    let collection = valid("collection uuid", Uuid::try_parse(collection))?;
    let field = VectorField {
        number: row.try_get(1)?,
        name: valid("name of a field", FieldName::new(row.try_get(2)?))?,
        dimension: read_dimension(row, 3)?,
        metric: valid("metric", row.try_get::<&str, _>(4)?.parse())?,
        model: row.try_get(5)?,
        chunking: read_chunking(row, 6)?,
        index: read_index(row, 8)?,
    };
    let role: &str = row.try_get(14)?;
    let role = (role != SHOWN).then(|| valid("role of a field", role_of(role))).transpose()?;
    match row.try_get::<i64, _>(13)? == checksum(collection, &field, role) {
        true => Ok((field, role)),
        false => Err(malformed("checksum", "it is not that of the row of a field")),
    }
}

pub(super) fn role_of(name: &str) -> Result<ShadowRole, String> {
    let role = ShadowRole::ALL.into_iter().find(|role| role.as_str() == name);
    role.ok_or_else(|| format!("{name:?} is not known"))
}

pub(super) fn read_dimension(row: &SqliteRow, at: usize) -> Result<Dimension, StoreError> {
    let dimension: i64 = row.try_get(at)?;
    valid("dimension", Dimension::new(dimension.try_into().unwrap_or(u64::MAX)))
}

/// Of two columns from `at` on.
pub(super) fn read_chunking(row: &SqliteRow, at: usize) -> Result<Option<Chunking>, StoreError> {
    let (tokens, overlap): (Option<u32>, Option<u32>) = (row.try_get(at)?, row.try_get(at + 1)?);
    Ok(tokens.zip(overlap).map(|(tokens, overlap)| Chunking { tokens, overlap }))
}

/// Of five columns from `at` on.
pub(super) fn read_index(row: &SqliteRow, at: usize) -> Result<IndexSettings, StoreError> {
    Ok(IndexSettings {
        engine: valid("index engine", row.try_get::<&str, _>(at)?.parse())?,
        m: row.try_get(at + 1)?,
        ef_construction: row.try_get(at + 2)?,
        ef: row.try_get(at + 3)?,
        quantization: valid("quantization", row.try_get::<&str, _>(at + 4)?.parse())?,
    })
}

/// XXH3 with 64 bits over every column. The role comes last and only where it is one beside a field, so that
/// rows of before there were roles have the same sums.
fn checksum(collection: Uuid, field: &VectorField, role: Option<ShadowRole>) -> i64 {
    let mut hash = Xxh3::new();
    hash.update(collection.as_bytes());
    for text in [
        Some(field.name.as_str()),
        Some(field.metric.as_str()),
        field.model.as_deref(),
        Some(field.index.engine.as_str()),
        Some(field.index.quantization.as_str()),
    ] {
        update_with_text(&mut hash, text);
    }
    let chunking = field.chunking.map_or((u32::MAX, u32::MAX), |it| (it.tokens, it.overlap));
    let IndexSettings { m, ef_construction, ef, .. } = field.index;
    for number in [field.number, m, ef_construction, ef, chunking.0, chunking.1] {
        hash.update(&number.to_le_bytes());
    }
    hash.update(&(field.dimension.get() as u64).to_le_bytes());
    if let Some(role) = role {
        update_with_text(&mut hash, Some(role.as_str()));
    }
    hash.digest().cast_signed()
}

#[cfg(test)]
pub(super) mod tests {
    use akidb_core::Metric;

    use super::*;

    pub(in super::super) fn field() -> VectorField {
        VectorField {
            number: 2,
            name: FieldName::new("title").unwrap(),
            dimension: Dimension::new(2).unwrap(),
            metric: Metric::Dot,
            index: IndexSettings::default(),
            model: None,
            chunking: None,
        }
    }

    #[test]
    fn every_column_counts() {
        let field = field();
        let index = |change: fn(&mut IndexSettings)| {
            let mut index = field.index;
            change(&mut index);
            VectorField { index, ..field.clone() }
        };
        let chunking = |tokens, overlap| Some(Chunking { tokens, overlap });
        let fields = [
            field.clone(),
            VectorField { number: 3, ..field.clone() },
            VectorField { name: FieldName::UNNAMED, ..field.clone() },
            VectorField { dimension: Dimension::new(3).unwrap(), ..field.clone() },
            VectorField { metric: Metric::L2, ..field.clone() },
            VectorField { model: Some("d".into()), ..field.clone() },
            VectorField { chunking: chunking(1, 2), ..field.clone() },
            VectorField { chunking: chunking(2, 1), ..field.clone() },
            index(|index| index.m += 1),
            index(|index| index.ef += 1),
            index(|index| index.ef_construction += 1),
            index(|index| index.engine = akidb_core::IndexEngine::Exact),
            index(|index| index.quantization = akidb_core::Quantization::None),
        ];
        let mut sums: Vec<_> =
            fields.iter().map(|field| checksum(Uuid::nil(), field, None)).collect();
        sums.push(checksum(Uuid::max(), &field, None));
        sums.extend(ShadowRole::ALL.map(|role| checksum(Uuid::nil(), &field, Some(role))));
        let distinct: std::collections::HashSet<_> = sums.iter().collect();
        assert_eq!(distinct.len(), sums.len());
    }
}
