//! Where rows come from: a connection whose driver runs statements on a thread of its own, for writes
//! and for whatever reads long, and one that runs them where it is asked, for rows by their keys. What
//! rows mean is written once, over both.

use std::future::Future;

use akidb_core::{DamagedDocument, DocumentId, Seq};
use futures::TryStreamExt;
use sqlx::{
    Decode, Row, SqlStr, Sqlite, SqliteConnection, TypeInfo, ValueRef,
    sqlite::{SqliteRow, SqliteValueRef},
};

use super::{field::Table, row::seq_to_sql};
use crate::StoreError;

/// What stands in a column, as it is stored.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'r> {
    Null,
    Integer(i64),
    /// A text or a blob.
    Bytes(&'r [u8]),
    /// What no table has.
    Other,
}

/// The columns of a row, by their place.
pub(super) trait Columns {
    fn cell(&self, column: usize) -> Cell<'_>;
}

/// A column has another type than it is written with: the row is damaged.
pub(super) struct WrongType;

/// An integer, or NULL.
pub(super) fn integer(row: &dyn Columns, column: usize) -> Result<Option<i64>, WrongType> {
    match row.cell(column) {
        Cell::Null => Ok(None),
        Cell::Integer(integer) => Ok(Some(integer)),
        Cell::Bytes(_) | Cell::Other => Err(WrongType),
    }
}

/// A text or a blob, or NULL.
pub(super) fn bytes(row: &dyn Columns, column: usize) -> Result<Option<&[u8]>, WrongType> {
    match row.cell(column) {
        Cell::Null => Ok(None),
        Cell::Bytes(bytes) => Ok(Some(bytes)),
        Cell::Integer(_) | Cell::Other => Err(WrongType),
    }
}

/// What is done with each row.
pub(super) type Visit<'v> = dyn FnMut(&dyn Columns) -> Result<(), StoreError> + Send + 'v;

/// What a statement is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound<'b> {
    Integer(i64),
    Text(&'b str),
}

/// A connection.
pub(super) trait Source: Send {
    /// Whether a statement for one key, run for each, is less work than one for all of them.
    const IS_AT_HAND: bool;

    /// Gives each row of a statement to `visit`.
    fn query(
        &mut self,
        sql: SqlStr,
        bound: Bound<'_>,
        visit: &mut Visit<'_>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl Source for SqliteConnection {
    const IS_AT_HAND: bool = false;

    async fn query(
        &mut self,
        sql: SqlStr,
        bound: Bound<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(sql);
        let query = match bound {
            Bound::Integer(integer) => query.bind(integer),
            Bound::Text(text) => query.bind(text.to_owned()),
        };
        let mut rows = query.fetch(self);
        while let Some(row) = rows.try_next().await? {
            visit(&row)?;
        }
        Ok(())
    }
}

impl Columns for SqliteRow {
    fn cell(&self, column: usize) -> Cell<'_> {
        fn decoded<'r, T: Decode<'r, Sqlite>>(value: SqliteValueRef<'r>) -> Option<T> {
            T::decode(value).ok()
        }
        let Ok(value) = self.try_get_raw(column) else { return Cell::Other };
        if value.is_null() {
            return Cell::Null;
        }
        let cell = match value.type_info().name() {
            "INTEGER" => decoded(value).map(Cell::Integer),
            "TEXT" | "BLOB" => decoded(value).map(Cell::Bytes),
            _ => None,
        };
        cell.unwrap_or(Cell::Other)
    }
}

/// A connection that runs a statement where it is asked: what it does has ended when the call returns.
pub(super) struct AtHand(pub(super) rusqlite::Connection);

impl AtHand {
    /// Runs a statement that gives no rows.
    pub(super) fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.0.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    /// Gives each row of a statement to `visit`.
    pub(super) fn run(
        &self,
        sql: &SqlStr,
        bound: Bound<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        let mut statement = self.0.prepare_cached(sql.as_str())?;
        let mut rows = match bound {
            Bound::Integer(integer) => statement.query([integer])?,
            Bound::Text(text) => statement.query([text])?,
        };
        while let Some(row) = rows.next()? {
            visit(row)?;
        }
        Ok(())
    }
}

impl Source for AtHand {
    const IS_AT_HAND: bool = true;

    fn query(
        &mut self,
        sql: SqlStr,
        bound: Bound<'_>,
        visit: &mut Visit<'_>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(self.run(&sql, bound, visit))
    }
}

impl Columns for rusqlite::Row<'_> {
    fn cell(&self, column: usize) -> Cell<'_> {
        match self.get_ref(column) {
            Ok(rusqlite::types::ValueRef::Null) => Cell::Null,
            Ok(rusqlite::types::ValueRef::Integer(integer)) => Cell::Integer(integer),
            Ok(rusqlite::types::ValueRef::Text(bytes) | rusqlite::types::ValueRef::Blob(bytes)) => {
                Cell::Bytes(bytes)
            }
            Ok(rusqlite::types::ValueRef::Real(_)) | Err(_) => Cell::Other,
        }
    }
}

/// Which rows are wanted.
#[derive(Clone, Copy)]
pub(super) enum Keys<'k> {
    Ids(&'k [DocumentId]),
    Seqs(&'k [Seq]),
}

impl<'k> Keys<'k> {
    pub(super) fn len(self) -> usize {
        match self {
            Self::Ids(ids) => ids.len(),
            Self::Seqs(seqs) => seqs.len(),
        }
    }

    fn json(self) -> String {
        match self {
            Self::Ids(ids) => json_list(ids),
            Self::Seqs(seqs) => json_list(&seqs.iter().map(|seq| seq.0).collect::<Vec<_>>()),
        }
    }

    pub(super) fn one_by_one(self) -> Box<dyn Iterator<Item = Self> + Send + 'k> {
        match self {
            Self::Ids(ids) => Box::new(ids.chunks(1).map(Self::Ids)),
            Self::Seqs(seqs) => Box::new(seqs.chunks(1).map(Self::Seqs)),
        }
    }

    /// Each key once.
    fn bounds(self) -> Vec<Bound<'k>> {
        match self {
            Self::Ids(ids) => {
                let mut ids: Vec<&DocumentId> = ids.iter().collect();
                ids.sort_unstable();
                ids.dedup();
                ids.into_iter().map(bound_id).collect()
            }
            Self::Seqs(seqs) => {
                let mut seqs = seqs.to_vec();
                seqs.sort_unstable();
                seqs.dedup();
                seqs.into_iter().map(|seq| Bound::Integer(seq_to_sql(seq))).collect()
            }
        }
    }

    /// What is known of rows that can not be read.
    pub(super) fn damaged(self) -> Vec<DamagedDocument> {
        match self {
            Self::Ids(ids) => {
                ids.iter().map(|id| DamagedDocument { id: Some(id.clone()), seq: None }).collect()
            }
            Self::Seqs(seqs) => {
                seqs.iter().map(|&seq| DamagedDocument { id: None, seq: Some(seq) }).collect()
            }
        }
    }
}

fn bound_id(id: &DocumentId) -> Bound<'_> {
    match id {
        DocumentId::Integer(id) => Bound::Integer(*id),
        DocumentId::Text(id) => Bound::Text(id),
    }
}

/// One SELECT by keys, in two forms.
#[derive(Clone, Copy)]
pub(super) struct ByKeys {
    /// Of all keys at once, as a list for `json_each`.
    pub(super) listed: &'static str,
    /// Of one key.
    pub(super) single: &'static str,
}

/// Both forms of `SELECT .. WHERE <column> = <key>`.
macro_rules! by_keys {
    ($column:literal, $($select:tt)+) => {
        $crate::documents::source::ByKeys {
            listed: concat!(
                $($select)+, " WHERE ", $column, " IN (SELECT value FROM json_each(?1))"
            ),
            single: concat!($($select)+, " WHERE ", $column, " = ?1"),
        }
    };
}
pub(super) use by_keys;

/// Gives the rows of keys to `visit`, in no particular order.
pub(super) async fn rows_by_keys<S: Source>(
    source: &mut S,
    (sql, table): (&ByKeys, Table),
    keys: Keys<'_>,
    visit: &mut Visit<'_>,
) -> Result<(), StoreError> {
    if !S::IS_AT_HAND {
        return source.query(table.sql(sql.listed), Bound::Text(&keys.json()), visit).await;
    }
    let sql = table.sql(sql.single);
    for key in keys.bounds() {
        source.query(sql.clone(), key, visit).await?;
    }
    Ok(())
}

/// A list for `json_each`, which keeps integers and texts apart.
pub(super) fn json_list<T: serde::Serialize>(items: &[T]) -> String {
    serde_json::to_string(items).unwrap_or_default()
}
