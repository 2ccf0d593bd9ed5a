//! Damaged rows, lost commits and foreign files: named, never served, never silent.

use std::path::Path;

use akidb_core::{DamagedDocument, Expiry, Seq, Timestamp};
use akidb_engine::{NewRow, Write};
use akidb_store::{DocumentStore, LostRange, Placed, StoreError};
use sqlx::{Connection, SqliteConnection};

use crate::{id, open, options, row, upsert, write};

/// Changes the database behind the store's back.
pub(crate) async fn tamper(folder: &Path, sql: &'static str) {
    let url = format!("sqlite://{}", folder.join("documents.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

pub(crate) fn damaged(name: &str, seq: u64) -> DamagedDocument {
    DamagedDocument { id: Some(id(name)), seq: Some(Seq(seq)) }
}

async fn store_of_three(folder: &Path) {
    let (store, _changes) = open(folder).await;
    upsert(&store, vec![row(id("a"), 1.0), row(id("b"), 2.0), row(id("c"), 3.0)]).await;
    store.close().await;
}

#[tokio::test]
async fn a_damaged_document_is_named_and_not_served() {
    let folder = tempfile::tempdir().unwrap();
    store_of_three(folder.path()).await;
    for sql in [
        "UPDATE documents SET text = 'text 7' WHERE seq = 2",
        "UPDATE documents SET text = 'text 2', metadata = '{\"value\":2.5}' WHERE seq = 2",
        "UPDATE documents SET metadata = 'no json' WHERE seq = 2",
    ] {
        tamper(folder.path(), sql).await;
        let (store, _changes) = open(folder.path()).await;
        let found = store.by_ids(&[id("a"), id("b"), id("c")], false).await.unwrap();
        assert_eq!(found.documents.len(), 2, "{sql}");
        assert_eq!(found.damaged, [damaged("b", 2)], "{sql}");
        store.close().await;
    }
    let (store, _changes) = open(folder.path()).await;
    write(&store, Write::DeleteIds(vec![id("b")])).await.unwrap();
    assert!(store.by_ids(&[id("b")], false).await.unwrap().damaged.is_empty());
}

#[tokio::test]
async fn a_damaged_vector_is_left_out_of_the_index_and_not_served() {
    let folder = tempfile::tempdir().unwrap();
    store_of_three(folder.path()).await;
    tamper(folder.path(), "UPDATE vectors SET vector = zeroblob(12) WHERE seq = 3").await;
    let mut loader = DocumentStore::open(folder.path(), options()).await.unwrap();
    let mut seqs = Vec::new();
    let left_out =
        loader.rows().vectors(0, Seq(0), |stored| seqs.push(stored.key.seq())).await.unwrap();
    assert_eq!(left_out, [Seq(3)]);
    assert_eq!(seqs, [Seq(1), Seq(2)]);
    let store = loader.start(|_| {});
    assert_eq!(store.by_ids(&[id("c")], true).await.unwrap().damaged, [damaged("c", 3)]);
    assert_eq!(store.by_ids(&[id("c")], false).await.unwrap().documents.len(), 1);
}

#[tokio::test]
async fn commits_that_the_disk_has_lost_are_noticed_and_stay_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let older = tempfile::tempdir().unwrap();
    store_of_three(folder.path()).await;
    std::fs::copy(folder.path().join("documents.db"), older.path().join("documents.db")).unwrap();
    let (store, _changes) = open(folder.path()).await;
    upsert(&store, vec![row(4, 4.0), row(5, 5.0)]).await;
    store.close().await;
    // The database of before, and the mark of after: what a dropped WAL leaves.
    std::fs::copy(older.path().join("documents.db"), folder.path().join("documents.db")).unwrap();
    let lost = [LostRange { first: Seq(4), last: Seq(5) }];
    for _ in 0..2 {
        let (store, _changes) = open(folder.path()).await;
        assert_eq!(store.lost(), lost);
        store.close().await;
    }
    let (store, _changes) = open(folder.path()).await;
    upsert(&store, vec![row(6, 6.0)]).await;
    assert_eq!(store.last_seq(), Seq(6), "lost numbers are not used again");
}

#[tokio::test]
async fn a_schema_of_a_newer_version_and_a_foreign_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    store_of_three(folder.path()).await;
    tamper(
        folder.path(),
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (99, 'later', 1, x'00', 1)",
    )
    .await;
    let opened = DocumentStore::open(folder.path(), options()).await.map(|_| ());
    assert!(matches!(opened, Err(StoreError::Migration { .. })), "{opened:?}");
    std::fs::write(folder.path().join("documents.db"), [7; 9_000]).unwrap();
    let opened = DocumentStore::open(folder.path(), options()).await.map(|_| ());
    assert!(opened.is_err());
}

#[tokio::test]
async fn a_damaged_table_of_migrations_does_not_close_a_database() {
    for sql in [
        "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 2",
        "UPDATE _sqlx_migrations SET success = 0 WHERE version = 4",
        "DELETE FROM _sqlx_migrations",
    ] {
        let folder = tempfile::tempdir().unwrap();
        store_of_three(folder.path()).await;
        tamper(folder.path(), sql).await;
        let (store, _changes) = open(folder.path()).await;
        assert_eq!(store.by_ids(&[id("a"), id("b")], true).await.unwrap().documents.len(), 2);
        upsert(&store, vec![row(id("d"), 4.0)]).await;
        store.close().await;
    }
}

/// The files of a database that was not closed, as a kill leaves them.
fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    copy
}

fn has_log(folder: &Path) -> bool {
    folder.join("documents.db-wal").metadata().is_ok_and(|log| log.len() > 0)
}

fn exchange(name: &str, one: &Path, other: &Path) {
    let (one, other) = (one.join(name), other.join(name));
    let bytes = std::fs::read(&one).unwrap();
    std::fs::copy(&other, &one).unwrap();
    std::fs::write(&other, bytes).unwrap();
}

/// Both have rows of the same numbers, so that all of a mixture would be sound.
#[tokio::test]
async fn a_file_beside_the_log_of_another_database_is_refused_and_nothing_is_changed() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ((first, _first), (second, _second)) = (open(one.path()).await, open(other.path()).await);
    for exchanged in ["documents.db", "documents.db-wal"] {
        let (one, other) = loop {
            upsert(&first, vec![row(id("a"), 1.0), row(id("b"), 2.0)]).await;
            upsert(&second, vec![row(id("a"), 3.0), row(id("b"), 4.0)]).await;
            let copies = (copy_of(one.path()), copy_of(other.path()));
            // A log is emptied once no write has come for a while, however long a copy takes.
            if has_log(copies.0.path()) && has_log(copies.1.path()) {
                break copies;
            }
        };
        exchange(exchanged, one.path(), other.path());
        let files = ["documents.db", "documents.db-wal"].map(|name| one.path().join(name));
        let before = files.clone().map(|file| std::fs::read(file).unwrap());
        for _ in 0..2 {
            let opened = DocumentStore::open(one.path(), options()).await.map(|_| ());
            assert!(matches!(opened, Err(StoreError::MixedDatabase { .. })), "{opened:?}");
            let survey = akidb_store::survey(one.path()).await.unwrap();
            assert_eq!(survey.faults[0].kind, "database");
            assert!(akidb_store::repair(one.path()).await.is_err());
        }
        assert!(before == files.clone().map(|file| std::fs::read(file).unwrap()));
        exchange(exchanged, one.path(), other.path());
        let (store, _changes) = open(one.path()).await;
        let found = store.by_ids(&[id("a"), id("b")], true).await.unwrap();
        assert_eq!((found.documents.len(), found.damaged.len()), (2, 0));
        assert_eq!(found.documents[0].vector.as_ref().unwrap()[0], 1.0);
        store.close().await;
    }
    first.close().await;
    second.close().await;
}

/// SQLite removes the log of a database that is empty, and with it what was acknowledged since the log
/// was last copied into the file.
#[tokio::test]
async fn a_log_without_its_database_is_kept_and_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open(folder.path()).await;
    let copy = loop {
        upsert(&store, vec![row(id("a"), 1.0)]).await;
        let copy = copy_of(folder.path());
        if has_log(copy.path()) {
            break copy;
        }
    };
    store.close().await;
    let (file, log) = (copy.path().join("documents.db"), copy.path().join("documents.db-wal"));
    let (sound, logged) = (std::fs::read(&file).unwrap(), std::fs::read(&log).unwrap());
    for emptied in [true, false] {
        if emptied {
            std::fs::write(&file, "").unwrap();
        } else {
            std::fs::remove_file(&file).unwrap();
        }
        let opened = DocumentStore::open(copy.path(), options()).await.map(|_| ());
        assert!(matches!(opened, Err(StoreError::LogAlone { .. })), "{opened:?}");
        assert_eq!(akidb_store::survey(copy.path()).await.unwrap().faults[0].kind, "database");
        assert!(akidb_store::repair(copy.path()).await.is_err());
        assert_eq!(file.exists(), emptied);
        assert_eq!(std::fs::read(&log).unwrap(), logged);
    }
    std::fs::write(&file, sound).unwrap();
    let (store, _changes) = open(copy.path()).await;
    assert_eq!(store.by_ids(&[id("a")], false).await.unwrap().documents.len(), 1);
    store.close().await;
}

/// A moment that damage made would hide a document from all who do not ask for it by its id.
#[tokio::test]
async fn a_damaged_moment_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open(folder.path()).await;
    let expiry = Expiry::At(Timestamp::from_unix_ms(9_000));
    let rows = ["a", "b", "c"].map(|name| NewRow { expiry, ..row(id(name), 1.0) });
    upsert(&store, rows.into()).await;
    assert_eq!(store.next_expiry().await.unwrap(), Some(Timestamp::from_unix_ms(9_000)));
    store.close().await;
    tamper(folder.path(), "UPDATE documents SET expires_at = 5 WHERE seq = 2").await;
    tamper(folder.path(), "UPDATE documents SET text = 'other' WHERE seq = 3").await;
    for with_texts in [true, false] {
        let mut loader = DocumentStore::open(folder.path(), options()).await.unwrap();
        let mut found = Vec::new();
        let mut contents = loader.rows();
        let visit = |it: akidb_store::AddedDocument| found.push((it.expires_at, it.text));
        contents.contents((Placed::In(0), with_texts), Seq(0), visit).await.unwrap();
        let moments: Vec<_> = found.iter().map(|(moment, _)| *moment).collect();
        assert_eq!(moments, [Some(Timestamp::from_unix_ms(9_000)), None, None]);
        assert!(found.iter().all(|(_, text)| text.is_some() == with_texts));
        assert!(loader.has_damage());
    }
}

/// Whether SQLite finds nothing wrong with a database.
pub(crate) async fn is_sound(path: &Path) -> bool {
    let url = format!("sqlite://{}", path.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let said: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    said == "ok"
}
