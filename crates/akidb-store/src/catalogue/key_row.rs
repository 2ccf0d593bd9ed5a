//! A key as a row of the catalogue.

use std::num::NonZeroU32;

use akidb_core::{CollectionScope, NamePattern, Role};
use akidb_engine::{KeyRecord, PreviousSecret, SecretHash};
use serde::{Deserialize, Serialize};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use xxhash_rust::xxh3::Xxh3;

use super::{
    checked_rows::CheckedRows,
    row::{malformed, update_with_text, valid},
};
use crate::StoreError;

const SELECT: &str = "SELECT id, name, access, hash, previous_hash, previous_until_unix_ms, \
    created_unix_ms, expires_unix_ms, revoked_unix_ms, checksum FROM keys ORDER BY id";

const REPLACE: &str = "INSERT OR REPLACE INTO keys (id, name, access, hash, previous_hash, \
    previous_until_unix_ms, created_unix_ms, expires_unix_ms, revoked_unix_ms, checksum) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

/// Takes the id as the row says it, which may be no text.
pub(super) const DELETE_DAMAGED: &str = "DELETE FROM keys WHERE CAST(id AS BLOB) = ?1";

/// The keys that were read.
pub(super) type StoredKeys = CheckedRows<KeyRecord>;

/// What a key may do, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Access {
    role: String,
    /// Absent where it is every collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    collections: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_per_minute: Option<NonZeroU32>,
}

/// The columns of a row, before the checksum.
struct Columns {
    id: String,
    name: String,
    access: String,
    hash: Vec<u8>,
    previous_hash: Option<Vec<u8>>,
    previous_until_unix_ms: Option<i64>,
    created_unix_ms: i64,
    expires_unix_ms: Option<i64>,
    revoked_unix_ms: Option<i64>,
}

/// Adds a key, in place of the one of its id.
pub(super) async fn replace(
    connection: &mut SqliteConnection,
    key: &KeyRecord,
) -> Result<(), StoreError> {
    let columns = Columns::of(key)?;
    let sum = columns.checksum();
    sqlx::query(REPLACE)
        .bind(columns.id)
        .bind(columns.name)
        .bind(columns.access)
        .bind(columns.hash)
        .bind(columns.previous_hash)
        .bind(columns.previous_until_unix_ms)
        .bind(columns.created_unix_ms)
        .bind(columns.expires_unix_ms)
        .bind(columns.revoked_unix_ms)
        .bind(sum)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn delete(connection: &mut SqliteConnection, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM keys WHERE id = ?1").bind(id).execute(connection).await?;
    Ok(())
}

pub(super) async fn read_all(connection: &mut SqliteConnection) -> Result<StoredKeys, StoreError> {
    CheckedRows::read(connection, SELECT, read).await
}

fn read(row: &SqliteRow) -> Result<KeyRecord, StoreError> {
    let columns = Columns {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        access: row.try_get(2)?,
        hash: row.try_get(3)?,
        previous_hash: row.try_get(4)?,
        previous_until_unix_ms: row.try_get(5)?,
        created_unix_ms: row.try_get(6)?,
        expires_unix_ms: row.try_get(7)?,
        revoked_unix_ms: row.try_get(8)?,
    };
    if columns.checksum() != row.try_get::<i64, _>(9)? {
        return Err(malformed("checksum", "it is not that of the row"));
    }
    columns.into_key()
}

impl Columns {
    fn of(key: &KeyRecord) -> Result<Self, StoreError> {
        let patterns = key.collections.patterns().iter().map(ToString::to_string);
        let access = Access {
            role: key.role.as_str().to_owned(),
            collections: (!key.collections.is_all()).then(|| patterns.collect()),
            requests_per_minute: key.requests_per_minute,
        };
        Ok(Self {
            id: key.id.clone(),
            name: key.name.clone(),
            access: valid("access of a key", serde_json::to_string(&access))?,
            hash: key.hash.0.to_vec(),
            previous_hash: key.previous.map(|previous| previous.hash.0.to_vec()),
            previous_until_unix_ms: key.previous.map(|previous| previous.until_unix_ms),
            created_unix_ms: key.created_unix_ms,
            expires_unix_ms: key.expires_unix_ms,
            revoked_unix_ms: key.revoked_unix_ms,
        })
    }

    fn into_key(self) -> Result<KeyRecord, StoreError> {
        let access: Access = valid("access of a key", serde_json::from_str(&self.access))?;
        let collections = match access.collections {
            None => CollectionScope::All,
            Some(patterns) => {
                let patterns = patterns.iter().map(|pattern| pattern.parse::<NamePattern>());
                CollectionScope::Only(valid("collections of a key", patterns.collect())?)
            }
        };
        let previous = match (self.previous_hash, self.previous_until_unix_ms) {
            (Some(hash), Some(until_unix_ms)) => {
                Some(PreviousSecret { hash: secret_hash(&hash)?, until_unix_ms })
            }
            _ => None,
        };
        Ok(KeyRecord {
            id: self.id,
            name: self.name,
            role: valid("role of a key", access.role.parse::<Role>())?,
            collections,
            requests_per_minute: access.requests_per_minute,
            hash: secret_hash(&self.hash)?,
            previous,
            created_unix_ms: self.created_unix_ms,
            expires_unix_ms: self.expires_unix_ms,
            revoked_unix_ms: self.revoked_unix_ms,
        })
    }

    /// XXH3 with 64 bits over every column.
    fn checksum(&self) -> i64 {
        let mut hash = Xxh3::new();
        hash.update(b"key");
        for text in [&self.id, &self.name, &self.access] {
            update_with_text(&mut hash, Some(text));
        }
        hash.update(&self.hash);
        hash.update(self.previous_hash.as_deref().unwrap_or_default());
        hash.update(&self.created_unix_ms.to_le_bytes());
        let moments = [self.previous_until_unix_ms, self.expires_unix_ms, self.revoked_unix_ms];
        for moment in moments {
            hash.update(&[u8::from(moment.is_some())]);
            hash.update(&moment.unwrap_or_default().to_le_bytes());
        }
        hash.digest().cast_signed()
    }
}

fn secret_hash(bytes: &[u8]) -> Result<SecretHash, StoreError> {
    valid("hash of a key", bytes.try_into().map(SecretHash))
}
