//! Reading on behind pages that can not be read.

use std::ops::RangeInclusive;

use akidb_core::Seq;
use futures::TryStreamExt;
use sqlx::{SqlSafeStr, SqlStr, SqliteConnection, sqlite::SqliteRow};

use super::row::{read_seq, seq_to_sql};
use crate::StoreError;

/// Numbers below which a table has rows that could not be read, if it has rows there at all.
pub(super) type Unreadable = Vec<RangeInclusive<u64>>;

/// Gives the rows of a table from the one after `after` to that of `last` to `visit`, and returns the
/// numbers at which nothing could be read. `visit` says whether the row is sound; sound ones come by
/// ascending number, each once, others may come twice.
///
/// `sql` has the number in its first column, takes the rows from `?1` on and orders by number. Where
/// a page can not be read it is run again from the next number, until it is behind that page. It
/// must not ask for what is behind a number: looking for the last row of a damaged page fails, also
/// for what follows it.
pub(super) async fn walk(
    connection: &mut SqliteConnection,
    sql: SqlStr,
    after: Seq,
    last: Seq,
    mut visit: impl FnMut(&SqliteRow, Seq) -> Result<bool, StoreError> + Send,
) -> Result<Unreadable, StoreError> {
    let mut unreadable = Unreadable::new();
    let mut last_sound = after;
    let mut from = Seq(after.0 + 1);
    loop {
        let mut seen = None;
        let mut rows = sqlx::query(sql.clone()).bind(seq_to_sql(from)).fetch(&mut *connection);
        let ended = loop {
            match rows.try_next().await.map_err(StoreError::from) {
                Ok(Some(row)) => {
                    let seq = read_seq(&row, 0);
                    // A damaged number is above the last one, or below the one before.
                    if (from..=last).contains(&seq) {
                        seen = Some(seq);
                    }
                    // A page of elsewhere may have sound rows, but not in their place.
                    if seq > last_sound && visit(&row, seq)? {
                        last_sound = seq;
                    }
                }
                Ok(None) => break true,
                Err(error) if error.is_damaged_page() => break false,
                Err(error) => return Err(error),
            }
        };
        drop(rows);
        if ended || from > last {
            return Ok(unreadable);
        }
        if seen.is_none() {
            match unreadable.last_mut() {
                Some(range) if *range.end() + 1 == from.0 => *range = *range.start()..=from.0,
                _ => unreadable.push(from.0..=from.0),
            }
        }
        from = Seq(seen.unwrap_or(from).0 + 1);
    }
}

/// The row versions that there are, ascending. Each of the three structures that know them will do;
/// where none can be read as a whole, all that the three say together.
pub(super) async fn row_versions(
    connection: &mut SqliteConnection,
    last: Seq,
) -> Result<Vec<Seq>, StoreError> {
    let mut found = Vec::new();
    for sql in [BY_NUMBER, BY_ID] {
        let from = found.len();
        let mut rows = sqlx::query(sql).fetch(&mut *connection);
        loop {
            match rows.try_next().await.map_err(StoreError::from) {
                Ok(Some(row)) => found.push(read_seq(&row, 0)),
                Ok(None) => return Ok(ascending(found.split_off(from))),
                Err(error) if error.is_damaged_page() => break,
                Err(error) => return Err(error),
            }
        }
    }
    let in_table = |_: &SqliteRow, seq| {
        found.push(seq);
        Ok(false)
    };
    walk(connection, IN_TABLE.into_sql_str(), Seq(0), last, in_table).await?;
    Ok(ascending(found))
}

pub(super) const BY_NUMBER: &str = "SELECT seq FROM documents INDEXED BY documents_by_number";
pub(super) const BY_ID: &str = "SELECT seq FROM documents INDEXED BY sqlite_autoindex_documents_1";
pub(super) const IN_TABLE: &str =
    "SELECT seq FROM documents NOT INDEXED WHERE seq >= ?1 ORDER BY seq";

pub(super) fn ascending(mut seqs: Vec<Seq>) -> Vec<Seq> {
    seqs.sort_unstable();
    seqs.dedup();
    seqs
}
