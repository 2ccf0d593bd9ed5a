//! Many writers at once: commits are shared, writes are whole, order is kept.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use akidb_core::{Filter, Seq};
use akidb_engine::{UpsertRules, Write};
use akidb_store::{DocumentStore, PageRequest, StoreError, StoreOptions};
use tokio::{sync::mpsc, time::Instant};

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

/// The commit is in the database and not yet in the indexes: whoever is shown it now could miss it in
/// a search that starts after that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_read_shows_is_in_the_indexes() {
    let folder = tempfile::tempdir().unwrap();
    // Reads of one connection come to an end in their order.
    let options = StoreOptions { readers_max: 1, ..options() };
    let loader = DocumentStore::open(folder.path(), options).await.unwrap();
    let (committed, mut commits) = mpsc::unbounded_channel();
    let (index, indexing) = std::sync::mpsc::channel();
    let is_indexed = Arc::new(AtomicBool::new(false));
    let store = loader.start({
        let is_indexed = Arc::clone(&is_indexed);
        move |change| {
            committed.send(change.last_seq).unwrap();
            indexing.recv().unwrap();
            is_indexed.store(true, Ordering::SeqCst);
        }
    });
    let is_indexed = || is_indexed.load(Ordering::SeqCst);
    let filter = Filter::And(Vec::new());
    let page = PageRequest {
        after: Seq(0),
        through: Seq(1),
        limit: 10,
        matching: None,
        with_vector: false,
    };
    let ids = [1.into()];
    let upserted = async { upsert(&store, vec![row(1, 1.0)]).await };
    let read = async {
        let seq = commits.recv().await.unwrap();
        let by_id = async {
            let rows = store.by_ids(&ids, false).await.unwrap();
            ("by id", rows.documents.len(), is_indexed())
        };
        let in_page = async {
            let page = store.page(page).await.unwrap();
            ("page", page.rows.documents.len(), is_indexed())
        };
        let matching = async {
            let matching = store.matching(&filter).await.unwrap();
            ("matching", matching.len(), is_indexed())
        };
        // The last in the row: the others have read by now, and on goes the indexing.
        let last = async {
            let rows = store.by_seqs(&[seq], false).await.unwrap();
            assert_eq!((rows.documents.len(), is_indexed()), (1, false));
            index.send(()).unwrap();
        };
        let (by_id, in_page, matching, ()) = tokio::join!(by_id, in_page, matching, last);
        [by_id, in_page, matching]
    };
    let (_, read) = tokio::join!(upserted, read);
    assert_eq!(read, [("by id", 1, true), ("page", 1, true), ("matching", 1, true)]);
}

/// While the indexes take a commit up, the next one is made; whoever waits for either is answered in
/// order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_goes_on_while_the_one_before_is_indexed() {
    let folder = tempfile::tempdir().unwrap();
    let loader = DocumentStore::open(folder.path(), options()).await.unwrap();
    let (committed, mut commits) = mpsc::unbounded_channel();
    let (index, indexing) = std::sync::mpsc::channel();
    let store = loader.start(move |change| {
        committed.send(change.last_seq).unwrap();
        indexing.recv().unwrap();
    });
    let store = Arc::new(store);
    let write = |id: i64| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { upsert(&store, vec![row(id, 1.0)]).await })
    };
    let first = write(1);
    assert_eq!(commits.recv().await, Some(Seq(1)));
    let second = write(2);
    while store.last_seq() < Seq(2) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!first.is_finished() && !second.is_finished());
    assert_eq!(store.document_count(), 1, "what is not indexed is not counted");
    index.send(()).unwrap();
    assert_eq!(first.await.unwrap(), [true]);
    assert_eq!(commits.recv().await, Some(Seq(2)));
    assert!(!second.is_finished());
    index.send(()).unwrap();
    assert_eq!(second.await.unwrap(), [true]);
    Arc::into_inner(store).unwrap().close().await;
    assert_eq!(open(folder.path()).await.0.document_count(), 2);
}
