//! Commits that fail: what is answered is what a restart finds, and whoever has to know is told.
//!
//! A foreign key that is compared at the commit makes SQLite fail there and nowhere before.

use std::{fs, sync::Arc};

use akidb_engine::{UpsertRules, Write};
use akidb_store::{Catalogue, DataDirectory, DocumentStore, FailStop, StoreError, StoreOptions};

use crate::{
    catalogue::{close, collection, open, tamper},
    damage, id, options, row, upsert,
};

const FAIL_AT_COMMIT: &str = "
    CREATE TABLE parents (id INTEGER PRIMARY KEY);
    CREATE TABLE children (id REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER fail AFTER INSERT ON collections BEGIN INSERT INTO children VALUES (1); END;";

#[tokio::test]
async fn a_failed_commit_of_the_catalogue_is_unknown_and_ends_the_node() {
    let root = tempfile::tempdir().unwrap();
    let opened = open(root.path()).await;
    opened.catalogue.create(&collection("films")).await.unwrap();
    close(opened).await;
    tamper(root.path(), FAIL_AT_COMMIT).await;

    let fail_stop = FailStop::default();
    let directory = Arc::new(DataDirectory::open(root.path()).unwrap());
    let catalogue = Catalogue::open(directory, fail_stop.clone()).await.unwrap().catalogue;
    assert!(!fail_stop.is_stopped());
    let failed = catalogue.create(&collection("books")).await;
    assert!(matches!(failed, Err(StoreError::CommitUnknown { .. })), "{failed:?}");
    fail_stop.stopped().await;
    let refused = catalogue.create(&collection("songs")).await;
    assert!(matches!(refused, Err(StoreError::Poisoned)), "{refused:?}");
    catalogue.close().await.unwrap();
    drop(catalogue);

    let opened = open(root.path()).await;
    assert_eq!((opened.collections.len(), opened.findings.len()), (1, 0));
}

#[tokio::test]
async fn a_change_that_fails_before_its_commit_is_not_applied_ever() {
    let root = tempfile::tempdir().unwrap();
    close(open(root.path()).await).await;
    tamper(
        root.path(),
        "CREATE TRIGGER fail BEFORE INSERT ON collections WHEN NEW.name = 'films'
         BEGIN SELECT RAISE(ABORT, 'not today'); END;",
    )
    .await;
    let opened = open(root.path()).await;
    let films = collection("films");
    let failed = opened.catalogue.create(&films).await;
    assert!(matches!(failed, Err(StoreError::Sqlite(_))), "{failed:?}");
    opened.catalogue.create(&collection("books")).await.unwrap();
    close(opened).await;
    // Not from its folder either, where that could not be removed.
    fs::create_dir(root.path().join("collections").join(format!("{}.new", films.uuid))).unwrap();
    fs::remove_file(root.path().join("akidb.db")).unwrap();
    let opened = open(root.path()).await;
    let names: Vec<_> = opened.collections.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["books"]);
}

/// The client may be gone by then: nobody waits for the reply.
#[tokio::test]
async fn a_failed_commit_of_documents_ends_the_node_whoever_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = crate::open(folder.path()).await;
    upsert(&store, vec![row(id("a"), 1.0)]).await;
    store.close().await;
    damage::tamper(
        folder.path(),
        "CREATE TABLE parents (id INTEGER PRIMARY KEY);
         CREATE TABLE children (id REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER fail AFTER INSERT ON documents BEGIN INSERT INTO children VALUES (1); END;",
    )
    .await;
    let fail_stop = FailStop::default();
    let options = StoreOptions { fail_stop: fail_stop.clone(), ..options() };
    let store = DocumentStore::open(folder.path(), options).await.unwrap().start(|_| {});
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    let write =
        store.write(Write::Upsert(vec![row(id("b"), 2.0)], UpsertRules::default()), deadline);
    // It is queued by the first poll, and nobody asks for its reply then.
    assert!(futures::FutureExt::now_or_never(write).is_none());
    fail_stop.stopped().await;
}
