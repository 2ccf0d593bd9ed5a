//! Saving what can be read of a damaged database into a new one, and giving disk back.
//!
//! The new database is made whole under another name. Then the old files get second names in a
//! folder of their own, and the new one takes the place. Until the report is there, which is written
//! last, a repair that was cut short is taken back by the next one.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use akidb_core::Seq;
use sqlx::{Connection, SqliteConnection};
use uuid::Uuid;

use super::{
    DatabaseFault, Position, Survey,
    field::{self, Fields, Places, Table},
    history, identity,
    load::FILE_NAME,
    read::{Parts, Reader},
    salvage::Salvage,
    source::{Keys, json_list},
    survey::look_at_rows,
    tidy::truncate_log,
};
use crate::{
    StoreError, StoreMetrics, connection, directory::sync_directory, high_water, migrations,
};

/// The new database before it takes the place.
const NEW: &str = "documents.db.new";
/// Folders of old databases, and a number.
const KEPT: &str = "damaged-";
/// Beside the old database, when all is done.
const REPORT: &str = "missing.jsonl";
/// What is sound of documents whose row is, ready to be imported.
const READABLE: &str = "readable.jsonl";
/// Documents copied by one statement.
const COPIED_ROWS: usize = 512;

/// What a repair did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// Documents in the new database.
    pub saved: u64,
    /// What was wrong; the documents among it are not in the new database.
    pub faults: Vec<DatabaseFault>,
    /// Where the old database is, and the lists of what is missing in the new one.
    pub kept_in: PathBuf,
    /// Documents of which what is sound is in `readable.jsonl` there: the row, and texts and vectors of fields.
    pub readable: u64,
}

/// Copies every document that can be read whole into a new database, which takes the place of the
/// old one. The old one is kept.
///
/// # Errors
/// When the old database can not be opened at all, or the new one can not be written; then the old
/// one is where it was.
pub async fn repair(folder: &Path) -> Result<Repair, StoreError> {
    take_back_unfinished(folder)?;
    let (path, new_path) = (folder.join(FILE_NAME), folder.join(NEW));
    identity::check(&path).await?;
    let mut old = connection::open_writer(&path, &migrations::collection()).await?;
    let (position, mut survey) = match history::look(&mut old, folder, &path).await {
        Ok((position, faults)) => (position, faults_of("history", faults)),
        // Whoever repairs it wants this one.
        Err(error @ StoreError::ForeignDatabase { .. }) => {
            let seq = history::highest_seq(&mut old).await?;
            let position = Position { database: Uuid::nil(), epoch: 0, seq };
            (position, faults_of("database", vec![error.to_string()]))
        }
        Err(error) => return Err(error),
    };
    look_at_rows(&mut old, position.seq, &mut survey).await?;
    remove_database(&new_path)?;
    let position = Position { database: Uuid::now_v7(), epoch: position.epoch + 1, ..position };
    let saved = copy(&path, &new_path, position, &survey.sound).await?;
    let kept_in = next_kept(folder)?;
    write_readable(folder, &mut old, &kept_in, &survey).await?;
    exchange(folder, &kept_in)?;
    // Its file has moved by now, so closing copies no log into it and removes none: a connection that is dropped is
    // closed some time later, and could remove the log of the new one.
    old.close().await?;
    high_water::HighWater::establish(folder, position)?;
    write_report(&kept_in, &survey.faults)?;
    let readable = survey.without_vectors.len() as u64;
    Ok(Repair { saved, faults: survey.faults, kept_in, readable })
}

fn faults_of(kind: &'static str, faults: Vec<String>) -> Survey {
    let faults = faults.into_iter();
    let faults = faults.map(|reason| DatabaseFault { kind, document: None, reason });
    Survey { faults: faults.collect(), ..Survey::default() }
}

/// Makes the new database, and says how many documents it has.
async fn copy(
    old: &Path,
    new: &Path,
    position: Position,
    sound: &[Seq],
) -> Result<u64, StoreError> {
    let mut connection = connection::open_writer(new, &migrations::collection()).await?;
    sqlx::query("ATTACH ?1 AS old")
        .bind(old.display().to_string())
        .execute(&mut connection)
        .await?;
    let numbers = field::numbers_in(&mut connection, "old").await?;
    let places = Places::read_in(&mut connection, "old").await?;
    for &number in &numbers {
        Table(number).create(places.of(Table(number)), &mut connection).await?;
    }
    for seqs in sound.chunks(COPIED_ROWS) {
        copy_rows(&mut connection, seqs, &numbers).await?;
    }
    // A range that can not be read was told of when it was found.
    let lost = sqlx::query(
        "INSERT OR IGNORE INTO main.lost_writes (first_seq, last_seq, checksum) \
         SELECT first_seq, last_seq, checksum FROM old.lost_writes",
    );
    if let Err(error) = lost.execute(&mut connection).await.map_err(StoreError::from)
        && !error.is_damaged_page()
    {
        return Err(error);
    }
    sqlx::query("DETACH old").execute(&mut connection).await?;
    // Of two rows of one id, which only damage makes, the newer is there.
    let of_vectors =
        "DELETE FROM vectors WHERE ifnull(document_seq, seq) NOT IN (SELECT seq FROM documents)";
    let of_texts = "DELETE FROM texts WHERE seq NOT IN (SELECT seq FROM documents)";
    sqlx::query(of_vectors).execute(&mut connection).await?;
    for sql in
        numbers.into_iter().flat_map(|it| [of_vectors, of_texts].map(|sql| Table(it).sql(sql)))
    {
        sqlx::query(sql).execute(&mut connection).await?;
    }
    history::store(&mut connection, position, None).await?;
    let saved: i64 =
        sqlx::query_scalar("SELECT count(*) FROM documents").fetch_one(&mut connection).await?;
    truncate_log(&mut connection).await?;
    connection.close().await?;
    let synced = File::open(new).and_then(|file| file.sync_all());
    synced.map_err(StoreError::io("syncing", new))?;
    Ok(saved.cast_unsigned())
}

async fn copy_rows(
    connection: &mut SqliteConnection,
    seqs: &[Seq],
    numbers: &[u32],
) -> Result<(), StoreError> {
    let seqs = json_list(&seqs.iter().map(|seq| seq.0).collect::<Vec<_>>());
    let mut transaction = connection.begin().await?;
    // Both are of this version, so every column has its place, also those of versions to come.
    let wanted = "IN (SELECT value FROM json_each(?1))";
    let copied = |table: &str, column: &str| {
        format!("INSERT INTO main.{table} SELECT * FROM old.{table} WHERE {column} {wanted}")
    };
    let mut statements = vec![
        format!(
            "INSERT OR REPLACE INTO main.documents SELECT * FROM old.documents \
             WHERE seq {wanted} ORDER BY seq"
        ),
        copied("vectors", "seq"),
        copied("vectors", "document_seq"),
    ];
    for number in numbers {
        let (vectors, texts) = (format!("vectors_{number}"), format!("texts_{number}"));
        statements.extend([
            copied(&vectors, "seq"),
            copied(&vectors, "document_seq"),
            copied(&texts, "seq"),
        ]);
    }
    for sql in statements {
        let copy = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&seqs);
        copy.execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Writes the documents of which the row is sound as lines that an import takes.
async fn write_readable(
    folder: &Path,
    old: &mut SqliteConnection,
    kept_in: &Path,
    survey: &Survey,
) -> Result<(), StoreError> {
    if survey.without_vectors.is_empty() {
        return Ok(());
    }
    // Of no node, so nobody reads them.
    let metrics = StoreMetrics::register(&prometheus::Registry::new()).map_err(|error| {
        StoreError::Malformed { what: "registry of metrics", reason: error.to_string() }
    })?;
    let path = kept_in.join(READABLE);
    let mut file = BufWriter::new(File::create(&path).map_err(StoreError::io("creating", &path))?);
    let salvage = Salvage::of(folder, old).await?;
    for seqs in survey.without_vectors.chunks(COPIED_ROWS) {
        let fields = Fields::default();
        let mut reader = Reader { connection: &mut *old, fields: &fields, metrics: &metrics };
        let found = reader.rows(Keys::Seqs(seqs), Parts::Row).await?;
        for (document, placement) in found.rows.documents.into_iter().zip(&found.placements) {
            let line = salvage.line(old, document, placement).await?;
            writeln!(file, "{line}").map_err(StoreError::io("writing", &path))?;
        }
    }
    finish(file, &path)
}

fn write_report(kept_in: &Path, faults: &[DatabaseFault]) -> Result<(), StoreError> {
    let path = kept_in.join(REPORT);
    let mut file = BufWriter::new(File::create(&path).map_err(StoreError::io("creating", &path))?);
    for fault in faults {
        let document = fault.document.as_ref();
        let line = serde_json::json!({
            "kind": fault.kind,
            "id": document.and_then(|document| document.id.as_ref()),
            "seq": document.and_then(|document| document.seq).map(|seq| seq.0),
            "reason": fault.reason,
        });
        writeln!(file, "{line}").map_err(StoreError::io("writing", &path))?;
    }
    finish(file, &path)?;
    sync_directory(kept_in)
}

fn finish(file: BufWriter<File>, path: &Path) -> Result<(), StoreError> {
    let file = file.into_inner().map_err(io::IntoInnerError::into_error);
    let synced = file.and_then(|file| file.sync_all());
    synced.map_err(StoreError::io("writing", path))
}

/// The files of a database beside the first.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

fn remove_database(path: &Path) -> Result<(), StoreError> {
    for end in [""].iter().chain(&BESIDE) {
        remove(&PathBuf::from(format!("{}{end}", path.display())))?;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("removing", path)(error))
        }
        _ => Ok(()),
    }
}

/// Files that belong to the old database.
fn old_files() -> Vec<String> {
    let database = [""].iter().chain(&BESIDE).map(|end| format!("{FILE_NAME}{end}"));
    database.chain(high_water::FILE_NAMES.map(str::to_owned)).collect()
}

/// Makes the folder of the old database.
fn next_kept(folder: &Path) -> Result<PathBuf, StoreError> {
    let free = (1..).map(|number| folder.join(format!("{KEPT}{number}")));
    let mut free = free.filter(|path| !path.exists());
    let path = free.next().unwrap_or_else(|| folder.join(KEPT));
    fs::create_dir(&path).map_err(StoreError::io("creating", &path))?;
    Ok(path)
}

/// Gives the old files second names in `kept_in`, and the new database the first one. The old log
/// goes before, as it must never be applied to another database.
fn exchange(folder: &Path, kept_in: &Path) -> Result<(), StoreError> {
    for name in old_files() {
        let (from, to) = (folder.join(&name), kept_in.join(&name));
        let kept = fs::hard_link(&from, &to).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            // Not every file system has second names.
            _ => fs::copy(&from, &to).and_then(|_| File::open(&to)?.sync_all()),
        });
        kept.map_err(StoreError::io("keeping", &from))?;
    }
    sync_directory(kept_in)?;
    sync_directory(folder)?;
    for end in BESIDE {
        remove(&folder.join(format!("{FILE_NAME}{end}")))?;
    }
    // Marks are written in place, which would change the old ones as well.
    for name in high_water::FILE_NAMES {
        remove(&folder.join(name))?;
    }
    let (from, to) = (folder.join(NEW), folder.join(FILE_NAME));
    fs::rename(&from, &to).map_err(StoreError::io("renaming", &from))?;
    sync_directory(folder)
}

/// Puts the files of a repair that did not come to its end back to where they were.
fn take_back_unfinished(folder: &Path) -> Result<(), StoreError> {
    let entries = fs::read_dir(folder).map_err(StoreError::io("reading", folder))?;
    for entry in entries.flatten() {
        let kept = entry.path();
        let is_kept = entry.file_name().to_str().is_some_and(|name| name.starts_with(KEPT));
        if !is_kept || kept.join(REPORT).exists() {
            continue;
        }
        if kept.join(FILE_NAME).exists() {
            for end in BESIDE {
                remove(&folder.join(format!("{FILE_NAME}{end}")))?;
            }
            // The database last: without it the next repair begins here again.
            for name in old_files().into_iter().rev() {
                let from = kept.join(&name);
                if from.exists() {
                    let to = folder.join(&name);
                    fs::rename(&from, &to).map_err(StoreError::io("renaming", &from))?;
                }
            }
        }
        fs::remove_dir_all(&kept).map_err(StoreError::io("removing", &kept))?;
    }
    sync_directory(folder)
}

/// Rewrites a database without its free pages, so that it takes no more disk than it needs, and gives
/// pages back by itself from then on. Needs as much free disk as the database takes.
///
/// # Errors
/// When a page can not be read, or there is too little disk; then the database is as it was.
pub async fn compact(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join(FILE_NAME);
    let mut connection = connection::open_writer(&path, &migrations::collection()).await?;
    for sql in ["PRAGMA auto_vacuum = INCREMENTAL", "VACUUM"] {
        sqlx::query(sql).execute(&mut connection).await?;
    }
    truncate_log(&mut connection).await?;
    Ok(connection.close().await?)
}
