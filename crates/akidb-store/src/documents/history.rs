//! Where a database is in its history, and what opening it finds of that.
//!
//! The row of `sequence` and the two high-water marks say the same; where they differ something was
//! lost, put back to an older state or damaged. Then the epoch is raised, so that nothing that was
//! derived before is taken for fitting, and the next number is above all that anybody names, so that
//! no number is used twice.

use std::path::Path;

use akidb_core::Seq;
use sqlx::{Row, SqlSafeStr, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    LostRange,
    field::{self, Table},
    identity,
    row::{read_seq, seq_to_sql},
    tidy::truncate_log,
};
use crate::{
    StoreError, checksum, connection,
    high_water::{self, FILE_NAMES, HighWater, Mark},
    migrations,
};

const SELECT_POSITION: &str = "SELECT last_seq, database_id, epoch, checksum FROM sequence";

/// A moment in the history of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which database.
    pub database: Uuid,
    /// Raised whenever writes were lost, the database was put back to an older state, or nobody
    /// can tell.
    pub epoch: u64,
    /// The number of the last write.
    pub seq: Seq,
}

/// What opening found.
pub(super) struct History {
    pub(super) position: Position,
    pub(super) high_water: HighWater,
    pub(super) lost: Vec<LostRange>,
    /// Whether this opening raised the epoch.
    pub(super) renewed: bool,
    /// What was damaged or missing, for people.
    pub(super) faults: Vec<String>,
    /// Acknowledged writes that this opening found missing.
    pub(super) lost_now: u64,
    /// Why the database takes no writes, where the position can not be stored in it.
    pub(super) unwritable: Option<String>,
}

/// The row of `sequence`.
enum Stored {
    Sound(Position),
    /// The database is of a version without ids.
    Unnamed(Seq),
    Damaged(String),
}

/// Compares what the database and the marks say, and brings both in step.
pub(super) async fn settle(
    connection: &mut SqliteConnection,
    folder: &Path,
    path: &Path,
) -> Result<History, StoreError> {
    let stored = stored(connection).await?;
    let marks = high_water::read(folder)?;
    let highest = highest_seq(connection).await?;
    let Decision { position, lost, renewed, faults } = decide(&stored, &marks, highest, path)?;
    let changed = !matches!(stored, Stored::Sound(stored) if stored == position);
    let mut unwritable = None;
    let untagged = identity::is_untagged(path);
    if changed || lost.is_some() || untagged {
        match store(connection, position, lost).await {
            // What can be read is served.
            Err(error) if error.is_damaged_page() => unwritable = Some(error.to_string()),
            stored => stored?,
        }
    }
    if untagged && unwritable.is_none() {
        // The tag is of use in the file alone.
        truncate_log(connection).await?;
    }
    let high_water = HighWater::establish(folder, position)?;
    crate::directory::sync_directory(folder)?;
    let lost_now = lost.map_or(0, |lost| lost.last.0 - lost.first.0 + 1);
    let mut faults = faults;
    let mut recorded = lost_writes(connection, &mut faults).await?;
    if let Some(lost) = lost.filter(|lost| !recorded.contains(lost)) {
        recorded.push(lost);
    }
    Ok(History { position, high_water, lost: recorded, renewed, faults, lost_now, unwritable })
}

/// Where the database is, and what is damaged, lost or missing of that. Changes nothing.
pub(super) async fn look(
    connection: &mut SqliteConnection,
    folder: &Path,
    path: &Path,
) -> Result<(Position, Vec<String>), StoreError> {
    let stored = stored(connection).await?;
    let marks = high_water::read(folder)?;
    let highest = highest_seq(connection).await?;
    let Decision { position, lost, mut faults, .. } = decide(&stored, &marks, highest, path)?;
    let recorded = lost_writes(connection, &mut faults).await?;
    for LostRange { first, last } in recorded.into_iter().chain(lost) {
        faults.push(format!("the acknowledged writes {first} to {last} are missing"));
    }
    Ok((position, faults))
}

/// What follows from what was found.
struct Decision {
    position: Position,
    lost: Option<LostRange>,
    renewed: bool,
    faults: Vec<String>,
}

fn decide(
    stored: &Stored,
    marks: &[Mark; 2],
    highest: Seq,
    path: &Path,
) -> Result<Decision, StoreError> {
    let mut faults = mark_faults(stored, marks);
    let named = marks.iter().filter_map(|mark| match mark {
        Mark::Sound(position) => Some(*position),
        _ => None,
    });
    let named: Vec<Position> = named.collect();
    let of_marks = match stored {
        Stored::Sound(stored) => own_marks(&named, stored.database, path)?,
        Stored::Unnamed(_) | Stored::Damaged(_) => named,
    };
    let numbers = marks.iter().filter_map(|mark| match mark {
        Mark::NumberAlone(seq) => Some(*seq),
        _ => None,
    });
    let of_marks_max = of_marks.iter().map(|mark| mark.seq).chain(numbers).max();
    let (database, epoch, stored_seq) = match stored {
        Stored::Sound(position) => (position.database, position.epoch, position.seq),
        Stored::Unnamed(seq) => (new_id(&of_marks), 1, *seq),
        Stored::Damaged(reason) => {
            faults.push(format!("the row of `sequence` is damaged: {reason}"));
            (new_id(&of_marks), 0, highest)
        }
    };
    let mut renewed = matches!(stored, Stored::Damaged(_));
    let mut seq = stored_seq;
    if highest > seq {
        faults.push(format!("rows go to number {highest}, `sequence` says {seq}"));
        (renewed, seq) = (true, highest);
    }
    let epoch_of_marks = of_marks.iter().map(|mark| mark.epoch).max().unwrap_or(0);
    if epoch_of_marks > epoch && epoch > 0 {
        faults.push(format!("it is of epoch {epoch}, the high-water mark of {epoch_of_marks}"));
        renewed = true;
    }
    // Before the first write there is nothing to lose.
    if of_marks_max.is_none() && seq > Seq(0) {
        faults.push("no high-water mark tells whether writes were lost".to_owned());
        renewed = true;
    }
    let acknowledged = of_marks_max.unwrap_or_default();
    let lost =
        (acknowledged > seq).then(|| LostRange { first: Seq(seq.0 + 1), last: acknowledged });
    renewed |= lost.is_some();
    let epoch = if renewed { epoch.max(epoch_of_marks) + 1 } else { epoch };
    let position = Position { database, epoch, seq: seq.max(acknowledged) };
    Ok(Decision { position, lost, renewed, faults })
}

/// The marks of this database. None of it, but one of another, tells that the file was exchanged.
fn own_marks(named: &[Position], database: Uuid, path: &Path) -> Result<Vec<Position>, StoreError> {
    let own: Vec<_> = named.iter().copied().filter(|mark| mark.database == database).collect();
    match named.first() {
        Some(foreign) if own.is_empty() => Err(StoreError::ForeignDatabase {
            path: path.to_owned(),
            found: database,
            expected: foreign.database,
        }),
        _ => Ok(own),
    }
}

/// What is wrong with marks. Before the first write, and in a folder of version 0.1.0, copies may be
/// missing; that version made its mark empty.
fn mark_faults(stored: &Stored, marks: &[Mark; 2]) -> Vec<String> {
    let faults = FILE_NAMES.iter().zip(marks).filter_map(|(name, mark)| match (mark, stored) {
        (Mark::Damaged { .. }, Stored::Unnamed(Seq(0))) => None,
        (Mark::Damaged { reason }, _) => Some(format!("{name} is damaged: {reason}")),
        (Mark::Absent, Stored::Sound(position)) if position.seq > Seq(0) => {
            Some(format!("{name} is missing"))
        }
        (Mark::Sound(mark), Stored::Sound(position)) if mark.database != position.database => {
            Some(format!("{name} is of another database"))
        }
        _ => None,
    });
    faults.collect()
}

/// Of an opening of before that did not come to an end, or a new one.
fn new_id(marks: &[Position]) -> Uuid {
    marks.first().map_or_else(Uuid::now_v7, |mark| mark.database)
}

/// Where the database says that it is, if that is sound.
pub(super) async fn sound_position(connection: &mut SqliteConnection) -> Option<Position> {
    match stored(connection).await {
        Ok(Stored::Sound(position)) => Some(position),
        _ => None,
    }
}

/// The same of a database that a transaction reads.
pub(crate) fn position_of(connection: &rusqlite::Connection) -> Option<Position> {
    let read = |row: &rusqlite::Row<'_>| {
        let id: Vec<u8> = row.get(1)?;
        let position = Position {
            database: Uuid::from_slice(&id).unwrap_or_default(),
            epoch: row.get::<_, i64>(2)?.cast_unsigned(),
            seq: Seq(row.get::<_, i64>(0)?.cast_unsigned()),
        };
        Ok((position, row.get::<_, i64>(3)?))
    };
    let (position, sum) = connection.query_row(SELECT_POSITION, [], read).ok()?;
    (checksum::of_position(&position) == sum).then_some(position)
}

/// Begins another epoch of a database that is a copy of before, and says where it is then: what others know of the
/// writes that it lacks must not be taken for what it will have under their numbers. `None` where it does not say where
/// it is; its next opening settles that.
pub(crate) async fn raise_epoch(folder: &Path) -> Result<Option<Position>, StoreError> {
    let path = folder.join(super::load::FILE_NAME);
    let mut connection = connection::open_writer(&path, &migrations::collection()).await?;
    let position = sound_position(&mut connection).await;
    let position = position.map(|it| Position { epoch: it.epoch + 1, ..it });
    if let Some(position) = position {
        store(&mut connection, position, None).await?;
    }
    truncate_log(&mut connection).await?;
    sqlx::Connection::close(connection).await?;
    if let Some(position) = position {
        HighWater::establish(folder, position)?;
    }
    crate::directory::sync_directory(folder)?;
    Ok(position)
}

async fn stored(connection: &mut SqliteConnection) -> Result<Stored, StoreError> {
    let unnamed: Option<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE name = 'sequence_unchecked'")
            .fetch_optional(&mut *connection)
            .await?;
    if unnamed.is_some() {
        let row = sqlx::query("SELECT last_seq FROM sequence_unchecked");
        return match row.fetch_optional(&mut *connection).await.map_err(StoreError::from) {
            Ok(Some(row)) => Ok(Stored::Unnamed(read_seq(&row, 0))),
            Ok(None) => Ok(Stored::Damaged("it is missing".to_owned())),
            Err(error) if error.is_damaged_page() => Ok(Stored::Damaged(error.to_string())),
            Err(error) => Err(error),
        };
    }
    let row = sqlx::query(SELECT_POSITION);
    match row.fetch_optional(connection).await.map_err(StoreError::from) {
        Ok(Some(row)) => read_position(&row),
        Ok(None) => Ok(Stored::Damaged("it is missing".to_owned())),
        Err(error) if error.is_damaged_page() => Ok(Stored::Damaged(error.to_string())),
        Err(error) => Err(error),
    }
}

fn read_position(row: &SqliteRow) -> Result<Stored, StoreError> {
    let database: &[u8] = row.try_get_unchecked(1)?;
    let epoch: i64 = row.try_get_unchecked(2)?;
    let sum: i64 = row.try_get_unchecked(3)?;
    let position = Position {
        database: Uuid::from_slice(database).unwrap_or_default(),
        epoch: epoch.cast_unsigned(),
        seq: read_seq(row, 0),
    };
    Ok(match checksum::of_position(&position) == sum {
        true => Stored::Sound(position),
        false => Stored::Damaged("its checksum is wrong".to_owned()),
    })
}

/// The highest number that a row has, as far as that can be read.
pub(super) async fn highest_seq(connection: &mut SqliteConnection) -> Result<Seq, StoreError> {
    let mut highest = Seq(0);
    let of_vectors = "SELECT max(seq) FROM vectors ";
    let numbers = field::numbers(connection).await?.into_iter();
    let of_fields = numbers.map(|number| Table(number).sql(of_vectors));
    let others =
        ["SELECT max(seq) FROM documents", of_vectors, "SELECT max(last_seq) FROM lost_writes"];
    for sql in others.map(SqlSafeStr::into_sql_str).into_iter().chain(of_fields) {
        match sqlx::query(sql).fetch_one(&mut *connection).await.map_err(StoreError::from) {
            Ok(row) => highest = highest.max(read_seq(&row, 0)),
            Err(error) if error.is_damaged_page() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(highest)
}

/// Stores the position, and a loss before anything is written over it, in one transaction.
pub(super) async fn store(
    connection: &mut SqliteConnection,
    position: Position,
    lost: Option<LostRange>,
) -> Result<(), StoreError> {
    let mut transaction = sqlx::Connection::begin(&mut *connection).await?;
    if let Some(LostRange { first, last }) = lost {
        sqlx::query(
            "INSERT OR REPLACE INTO lost_writes (first_seq, last_seq, checksum) VALUES (?1, ?2, ?3)",
        )
        .bind(seq_to_sql(first))
        .bind(seq_to_sql(last))
        .bind(checksum::of_lost_writes(first, last))
        .execute(&mut *transaction)
        .await?;
    }
    sqlx::query(
        "INSERT OR REPLACE INTO sequence (only_row, last_seq, database_id, epoch, checksum) \
         VALUES (1, ?1, ?2, ?3, ?4)",
    )
    .bind(seq_to_sql(position.seq))
    .bind(position.database.as_bytes().to_vec())
    .bind(position.epoch.cast_signed())
    .bind(checksum::of_position(&position))
    .execute(&mut *transaction)
    .await?;
    let tag = identity::tag_of(position.database);
    let tagged = sqlx::AssertSqlSafe(format!("PRAGMA application_id = {tag}"));
    sqlx::query(tagged).execute(&mut *transaction).await?;
    sqlx::query("DROP TABLE IF EXISTS sequence_unchecked").execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

async fn lost_writes(
    connection: &mut SqliteConnection,
    faults: &mut Vec<String>,
) -> Result<Vec<LostRange>, StoreError> {
    let rows = sqlx::query("SELECT first_seq, last_seq, checksum FROM lost_writes ORDER BY 1")
        .fetch_all(connection)
        .await
        .map_err(StoreError::from);
    let rows = match rows {
        Err(error) if error.is_damaged_page() => {
            faults.push("what was lost before can not be read".to_owned());
            Vec::new()
        }
        rows => rows?,
    };
    let mut lost = Vec::with_capacity(rows.len());
    for row in rows {
        let (first, last) = (read_seq(&row, 0), read_seq(&row, 1));
        let sum: Option<i64> = row.try_get_unchecked(2)?;
        if sum.is_some_and(|sum| sum != checksum::of_lost_writes(first, last)) {
            faults.push(format!("the lost writes {first} to {last} fail their checksum"));
        }
        lost.push(LostRange { first, last });
    }
    Ok(lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(database: u128, epoch: u64, seq: u64) -> Position {
        Position { database: Uuid::from_u128(database), epoch, seq: Seq(seq) }
    }

    fn damaged() -> Mark {
        Mark::Damaged { reason: "flipped".to_owned() }
    }

    /// What is decided, as epoch, number, first lost number and how many faults are told.
    fn check(
        stored: Stored,
        marks: [Mark; 2],
        highest: u64,
        expected: (u64, u64, Option<u64>, usize),
    ) {
        let decision = decide(&stored, &marks, Seq(highest), Path::new("documents.db")).unwrap();
        let Decision { position, lost, faults, .. } = decision;
        let lost = lost.map(|lost| lost.first.0);
        assert_eq!((position.epoch, position.seq.0, lost, faults.len()), expected, "{faults:?}");
    }

    #[test]
    fn the_epoch_is_raised_where_the_past_is_not_certain() {
        let sound = |epoch, seq| Mark::Sound(at(1, epoch, seq));
        let stored = || Stored::Sound(at(1, 2, 10));
        check(stored(), [sound(2, 10), sound(2, 10)], 10, (2, 10, None, 0));
        // Killed before the marks were written, or between the two.
        check(stored(), [sound(2, 9), sound(2, 8)], 10, (2, 10, None, 0));
        check(stored(), [sound(2, 10), damaged()], 10, (2, 10, None, 1));
        check(stored(), [Mark::Absent, sound(2, 10)], 10, (2, 10, None, 1));
        check(stored(), [sound(2, 15), sound(2, 14)], 10, (3, 15, Some(11), 0));
        // An older copy of the database, whose numbers went on.
        check(stored(), [sound(4, 10), sound(4, 10)], 10, (5, 10, None, 1));
        check(stored(), [damaged(), damaged()], 10, (3, 10, None, 3));
        check(stored(), [Mark::Absent, Mark::Absent], 10, (3, 10, None, 3));
        // `sequence` was changed to an older number.
        check(stored(), [sound(2, 10), sound(2, 10)], 12, (3, 12, None, 1));
        let bad = || Stored::Damaged("flipped".to_owned());
        check(bad(), [sound(2, 12), sound(2, 12)], 11, (3, 12, Some(12), 1));
        check(bad(), [damaged(), damaged()], 11, (1, 11, None, 4));
        // New, and of version 0.1.0.
        check(Stored::Unnamed(Seq(0)), [Mark::Absent, Mark::Absent], 0, (1, 0, None, 0));
        let old = Mark::NumberAlone(Seq(10));
        check(Stored::Unnamed(Seq(10)), [old.clone(), Mark::Absent], 10, (1, 10, None, 0));
        check(Stored::Unnamed(Seq(8)), [old, Mark::Absent], 8, (2, 10, Some(9), 0));
    }

    #[test]
    fn a_database_of_elsewhere_is_refused_and_a_mark_of_elsewhere_is_not_believed() {
        let stored = Stored::Sound(at(1, 1, 10));
        let foreign = Mark::Sound(at(2, 7, 99));
        let path = Path::new("documents.db");
        let refused = decide(&stored, &[foreign.clone(), damaged()], Seq(10), path);
        assert!(matches!(refused, Err(StoreError::ForeignDatabase { .. })));
        let own = Mark::Sound(at(1, 1, 10));
        check(stored, [foreign, own], 10, (1, 10, None, 1));
    }
}
