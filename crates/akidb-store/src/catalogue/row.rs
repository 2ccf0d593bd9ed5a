//! A collection as rows of the catalogue: one of its own, and one of each of its vector fields.

use std::collections::HashMap;

use akidb_core::{CollectionName, KeywordSettings};
use akidb_engine::CollectionRecord;
use futures::TryStreamExt;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

use super::field_row::{self, StoredFields};
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

const SELECT: &str = "SELECT uuid, name, description, last_field, created_unix_ms, change, checksum, \
    keyword, ttl_seconds FROM collections ORDER BY name";

const SELECT_DROPPED: &str = "SELECT collection, number FROM dropped_fields ORDER BY number";

const SELECT_ALIASES: &str = "SELECT collection, alias FROM aliases ORDER BY alias";

const INSERT: &str = "INSERT INTO collections \
    (uuid, name, description, last_field, created_unix_ms, change, checksum, keyword, ttl_seconds) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// Adds a collection. One of the same name or uuid is an error.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    stamped: &Stamped,
) -> Result<(), StoreError> {
    let Stamped { row, change } = stamped;
    let uuid = row.uuid.to_string();
    sqlx::query(INSERT)
        .bind(&uuid)
        .bind(row.name.as_str())
        .bind(row.description.as_deref())
        .bind(row.last_field)
        .bind(row.created_unix_ms)
        .bind(change.cast_signed())
        .bind(checksum(stamped))
        .bind(keyword_as_json(&row.keyword))
        .bind(row.ttl_seconds.map(u64::cast_signed))
        .execute(&mut *connection)
        .await?;
    for field in &row.fields {
        field_row::insert(connection, row.uuid, field, None).await?;
    }
    for shadow in &row.shadows {
        field_row::insert(connection, row.uuid, &shadow.field, Some(shadow.role)).await?;
    }
    for number in &row.dropped_fields {
        sqlx::query("INSERT INTO dropped_fields (collection, number) VALUES (?1, ?2)")
            .bind(&uuid)
            .bind(number)
            .execute(&mut *connection)
            .await?;
    }
    for alias in &row.aliases {
        // In place of one that leads to no collection, which only damage makes.
        sqlx::query("INSERT OR REPLACE INTO aliases (alias, collection) VALUES (?1, ?2)")
            .bind(alias.as_str())
            .bind(&uuid)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

pub(super) async fn delete(
    connection: &mut SqliteConnection,
    uuid: Uuid,
) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM aliases WHERE collection = ?1",
        "DELETE FROM dropped_fields WHERE collection = ?1",
        "DELETE FROM fields WHERE collection = ?1",
        "DELETE FROM collections WHERE uuid = ?1",
    ] {
        sqlx::query(sql).bind(uuid.to_string()).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Removes all collections.
pub(super) async fn delete_all(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM aliases",
        "DELETE FROM dropped_fields",
        "DELETE FROM fields",
        "DELETE FROM collections",
    ] {
        sqlx::query(sql).execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) fn aliases(names: &[String]) -> Result<Vec<CollectionName>, StoreError> {
    names.iter().map(|name| valid("alias", CollectionName::new(name))).collect()
}

/// What stands in the tables beside that of collections, by the uuid of the collection.
#[derive(Default)]
struct Beside {
    /// In their order; whether they are names is not known yet.
    aliases: HashMap<String, Vec<String>>,
    fields: HashMap<String, StoredFields>,
    dropped: HashMap<String, Vec<u32>>,
}

/// Adds the collections that can be read to `rows`.
pub(super) async fn read_all(
    connection: &mut SqliteConnection,
    rows: &mut Vec<StoredRow>,
) -> Result<(), StoreError> {
    let mut found = Beside { fields: field_row::read_all(connection).await?, ..Beside::default() };
    for row in sqlx::query(SELECT_DROPPED).fetch_all(&mut *connection).await? {
        let number: i64 = row.try_get(1)?;
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        found.dropped.entry(row.try_get(0)?).or_default().push(number);
    }
    for row in sqlx::query(SELECT_ALIASES).fetch_all(&mut *connection).await? {
        found.aliases.entry(row.try_get(0)?).or_default().push(row.try_get(1)?);
    }
    let mut stored = sqlx::query(SELECT).fetch(connection);
    while let Some(row) = stored.try_next().await? {
        let read = read(&row, &mut found).map(StoredRow::Sound);
        rows.push(read.unwrap_or_else(|error| damaged(&row, &error)));
    }
    Ok(())
}

fn read(row: &SqliteRow, found: &mut Beside) -> Result<Stamped, StoreError> {
    let uuid: &str = row.try_get(0)?;
    let StoredFields { shown, shadows } = found.fields.remove(uuid).unwrap_or_default();
    let stored = CollectionRecord {
        uuid: valid("collection uuid", Uuid::try_parse(uuid))?,
        name: valid("collection name", CollectionName::new(row.try_get(1)?))?,
        aliases: aliases(&found.aliases.remove(uuid).unwrap_or_default())?,
        description: row.try_get(2)?,
        fields: shown.into_iter().collect::<Result<_, _>>()?,
        shadows,
        dropped_fields: found.dropped.remove(uuid).unwrap_or_default(),
        last_field: row.try_get(3)?,
        keyword: keyword(row.try_get(7)?)?,
        ttl_seconds: row.try_get::<Option<i64>, _>(8)?.map(i64::cast_unsigned),
        created_unix_ms: row.try_get(4)?,
    };
    let stamped = Stamped { row: stored, change: row.try_get::<i64, _>(5)?.cast_unsigned() };
    match row.try_get::<i64, _>(6)? == checksum(&stamped) {
        true => Ok(stamped),
        false => Err(malformed("checksum", "it is not that of the row")),
    }
}

/// What a row that can not be used says of itself in its first two columns.
pub(super) fn damaged(row: &SqliteRow, error: &StoreError) -> StoredRow {
    let shown = |column: usize| {
        let bytes: &[u8] = row.try_get_unchecked(column).unwrap_or_default();
        String::from_utf8_lossy(bytes).chars().take(64).collect()
    };
    StoredRow::Damaged { uuid: shown(0), name: shown(1), reason: error.to_string() }
}

pub(crate) fn valid<T, E: ToString>(
    what: &'static str,
    parsed: Result<T, E>,
) -> Result<T, StoreError> {
    parsed.map_err(|reason| malformed(what, reason))
}

pub(super) fn malformed(what: &'static str, reason: impl ToString) -> StoreError {
    StoreError::Malformed { what, reason: reason.to_string() }
}

/// Absent where they are those of a collection of which nothing was said.
fn keyword_as_json(settings: &KeywordSettings) -> Option<String> {
    let is_said = *settings != KeywordSettings::default();
    is_said.then(|| serde_json::json!(settings).to_string())
}

fn keyword(json: Option<&str>) -> Result<KeywordSettings, StoreError> {
    let settings = json.map_or(Ok(KeywordSettings::default()), serde_json::from_str);
    valid("keyword settings", settings)
}

/// XXH3 with 64 bits over every column, over which fields there are, and over the aliases: one whose row
/// is lost is noticed. Aliases, what stands beside fields, what is said of words and the time that documents live
/// come last, so that rows without any have the sums of before there were some.
fn checksum(Stamped { row, change }: &Stamped) -> i64 {
    let mut hash = Xxh3::new();
    hash.update(row.uuid.as_bytes());
    update_with_text(&mut hash, Some(row.name.as_str()));
    update_with_text(&mut hash, row.description.as_deref());
    for number in [row.created_unix_ms.cast_unsigned(), *change, u64::from(row.last_field)] {
        hash.update(&number.to_le_bytes());
    }
    hash.update(&(row.fields.len() as u64).to_le_bytes());
    let fields = row.fields.iter().map(|field| field.number);
    for number in fields.chain(row.dropped_fields.iter().copied()) {
        hash.update(&number.to_le_bytes());
    }
    for alias in &row.aliases {
        update_with_text(&mut hash, Some(alias.as_str()));
    }
    for shadow in &row.shadows {
        update_with_text(&mut hash, Some(shadow.role.as_str()));
        hash.update(&shadow.field.number.to_le_bytes());
    }
    if let Some(keyword) = keyword_as_json(&row.keyword) {
        update_with_text(&mut hash, Some(&keyword));
    }
    if let Some(ttl_seconds) = row.ttl_seconds {
        hash.update(b"ttl");
        hash.update(&ttl_seconds.to_le_bytes());
    }
    hash.digest().cast_signed()
}

/// Adds a text with its length; what is absent has none.
pub(super) fn update_with_text(hash: &mut Xxh3, text: Option<&str>) {
    let length = text.map_or(u64::MAX, |text| text.len() as u64);
    hash.update(&length.to_le_bytes());
    hash.update(text.unwrap_or_default().as_bytes());
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
    use akidb_engine::{ShadowField, ShadowRole, VectorField};

    use super::*;

    #[test]
    fn every_column_counts() {
        let field = field_row::tests::field();
        let row = CollectionRecord {
            uuid: Uuid::from_u128(1),
            name: CollectionName::new("a").unwrap(),
            aliases: vec![],
            description: None,
            fields: vec![field.clone()],
            shadows: vec![],
            dropped_fields: vec![],
            last_field: 3,
            keyword: KeywordSettings::default(),
            ttl_seconds: None,
            created_unix_ms: 3,
        };
        let fields = |numbers: &[u32]| {
            numbers.iter().map(|&number| VectorField { number, ..field.clone() }).collect()
        };
        let shadows = |role, number| {
            vec![ShadowField { role, field: VectorField { number, ..field.clone() } }]
        };
        let rows = [
            row.clone(),
            CollectionRecord { uuid: Uuid::from_u128(2), ..row.clone() },
            CollectionRecord { name: CollectionName::new("b").unwrap(), ..row.clone() },
            CollectionRecord { aliases: aliases(&["b".into()]).unwrap(), ..row.clone() },
            CollectionRecord {
                aliases: aliases(&["b".into(), "c".into()]).unwrap(),
                ..row.clone()
            },
            CollectionRecord { aliases: aliases(&["bc".into()]).unwrap(), ..row.clone() },
            CollectionRecord { description: Some(String::new()), ..row.clone() },
            CollectionRecord { description: Some("d".into()), ..row.clone() },
            CollectionRecord { fields: fields(&[]), ..row.clone() },
            CollectionRecord { fields: fields(&[2, 3]), ..row.clone() },
            CollectionRecord { shadows: shadows(ShadowRole::Filling, 4), ..row.clone() },
            CollectionRecord { shadows: shadows(ShadowRole::Filling, 5), ..row.clone() },
            CollectionRecord { shadows: shadows(ShadowRole::Kept, 4), ..row.clone() },
            CollectionRecord { dropped_fields: vec![3], ..row.clone() },
            CollectionRecord { last_field: 4, ..row.clone() },
            CollectionRecord {
                keyword: KeywordSettings::new(Some("de"), &[]).unwrap(),
                ..row.clone()
            },
            CollectionRecord {
                keyword: KeywordSettings::new(None, &[("a".into(), 2)]).unwrap(),
                ..row.clone()
            },
            CollectionRecord { ttl_seconds: Some(1), ..row.clone() },
            CollectionRecord { ttl_seconds: Some(2), ..row.clone() },
            CollectionRecord { created_unix_ms: 4, ..row.clone() },
        ];
        let mut sums: Vec<_> =
            rows.map(|row| checksum(&Stamped { row, change: 1 })).into_iter().collect();
        sums.push(checksum(&Stamped { row, change: 2 }));
        let distinct: std::collections::HashSet<_> = sums.iter().collect();
        assert_eq!(distinct.len(), sums.len());
    }
}
