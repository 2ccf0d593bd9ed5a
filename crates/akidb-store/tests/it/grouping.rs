//! Many writers at once: commits are shared, writes are whole, order is kept.

use std::{sync::Arc, time::Duration};

use akidb_store::{DocumentStore, StoreError, UpsertRules, Write};
use tokio::time::Instant;

use crate::{open, options, row, upsert};

#[tokio::test]
async fn waiting_writes_share_commits_and_all_are_applied() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut changes) = open(folder.path()).await;
    let store = Arc::new(store);
    let writers = (0..200_i64).map(|i| {
        let store = Arc::clone(&store);
        tokio::spawn(
            async move { upsert(&store, vec![row(i, 1.0), row(1_000 + i % 10, 2.0)]).await },
        )
    });
    let mut created = 0;
    for writer in writers.collect::<Vec<_>>() {
        created += writer.await.unwrap().into_iter().filter(|&created| created).count();
    }
    assert_eq!(created, 210);
    assert_eq!(store.document_count(), 210);
    let mut commits = 0;
    let mut live = std::collections::BTreeSet::new();
    while let Ok(change) = changes.try_recv() {
        commits += 1;
        live.extend(change.added.iter().map(|added| added.document));
        for seq in change.removed {
            assert!(live.remove(&seq), "{seq} was never added");
        }
    }
    assert_eq!(live.len(), 210);
    assert!(commits < 100, "{commits} commits for 200 writes");
}

#[tokio::test]
async fn a_write_whose_deadline_has_passed_is_not_applied() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open(folder.path()).await;
    let past = Instant::now() - Duration::from_millis(1);
    let late = store.write(Write::Upsert(vec![row(1, 1.0)], UpsertRules::default()), past).await;
    assert!(matches!(late, Err(StoreError::Expired)), "{late:?}");
    assert_eq!(store.document_count(), 0);
}

#[tokio::test]
async fn closing_finishes_what_was_queued() {
    let folder = tempfile::tempdir().unwrap();
    let loader = DocumentStore::open(folder.path(), options()).await.unwrap();
    let store = loader.start(|_| {});
    let deadline = Instant::now() + Duration::from_secs(600);
    for i in 0..20 {
        // The reply is not waited for: the future is dropped once the write is queued.
        let write = store.write(Write::Upsert(vec![row(i, 1.0)], UpsertRules::default()), deadline);
        let queued = tokio::time::timeout(Duration::from_micros(1), write).await;
        drop(queued);
    }
    store.close().await;
    let (store, _changes) = open(folder.path()).await;
    assert_eq!(store.document_count(), 20);
}
