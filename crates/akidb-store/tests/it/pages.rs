//! Pages that can not be read: what stands on others is served, what stands on them is named, and a
//! repair saves the rest.

use std::{collections::BTreeSet, fs, path::Path};

use akidb_core::{DocumentId, Filter, Limits, Seq};
use akidb_engine::{NewRow, UpsertRules, Write};
use akidb_store::{DocumentStore, Page, PageRequest, StoreError, compact, repair, survey};
use serde_json::json;

use crate::{damage::tamper, id, metadata, open, options, row, upsert, vector, write};

const COUNT: usize = 2_000;
const PAGE_BYTES: usize = 8_192;

fn name(i: usize) -> DocumentId {
    id(&format!("name-{i:05}"))
}

fn document(i: usize) -> NewRow {
    NewRow {
        text: Some(format!("text of {i:05} {}", "x".repeat(100))),
        metadata: metadata(json!({"i": i})),
        ..row(name(i), i as f32)
    }
}

async fn filled(folder: &Path) {
    let (store, _changes) = open(folder).await;
    for first in (0..COUNT).step_by(500) {
        upsert(&store, (first..first + 500).map(document).collect()).await;
    }
    store.close().await;
}

/// Overwrites the pages that have these bytes and not the others.
fn destroy(folder: &Path, with: &[u8], without: &[u8]) {
    let path = folder.join("documents.db");
    let mut bytes = fs::read(&path).unwrap();
    let has = |page: &[u8], bytes: &[u8]| page.windows(bytes.len()).any(|part| part == bytes);
    let mut destroyed = 0;
    for page in bytes.chunks_mut(PAGE_BYTES).skip(1) {
        if has(page, with) && (without.is_empty() || !has(page, without)) {
            page.fill(0);
            destroyed += 1;
        }
    }
    assert!(destroyed > 0);
    fs::write(path, bytes).unwrap();
}

async fn delete_matching(store: &DocumentStore, filter: &Filter) {
    let versions = store.matching(filter).await.unwrap();
    write(store, Write::DeleteVersions(versions)).await.unwrap();
}

async fn scrolled(store: &DocumentStore) -> (BTreeSet<DocumentId>, BTreeSet<DocumentId>) {
    let (mut sound, mut damaged) = (BTreeSet::new(), BTreeSet::new());
    let mut after = Seq(0);
    loop {
        let request = PageRequest {
            after,
            through: store.last_seq(),
            limit: 90,
            matching: None,
            with_vector: false,
        };
        let Page { rows, next } = store.page(request).await.unwrap();
        assert!(rows.documents.len() + rows.damaged.len() <= 90);
        sound.extend(rows.documents.into_iter().map(|document| document.id));
        damaged.extend(rows.damaged.into_iter().map(|row| row.id.unwrap()));
        match next {
            Some(next) => after = next,
            None => return (sound, damaged),
        }
    }
}

/// What is served and what is named, after a check that all ways to ask agree on it.
async fn agreed(store: &DocumentStore) -> (BTreeSet<DocumentId>, BTreeSet<DocumentId>) {
    let (sound, damaged) = scrolled(store).await;
    assert_eq!(sound.len() + damaged.len(), usize::try_from(store.document_count()).unwrap());
    assert!(sound.is_disjoint(&damaged));
    let all: Vec<_> = sound.iter().chain(&damaged).cloned().collect();
    let got = store.by_ids(&all, false).await.unwrap();
    let got: BTreeSet<_> = got.documents.into_iter().map(|document| document.id).collect();
    assert_eq!(got, sound);
    let filter = Filter::parse(&json!({"i": {"$gte": 0}}), &Limits::default()).unwrap();
    let matching = store.matching(&filter).await.unwrap();
    let rows = store.by_seqs(&matching, false).await.unwrap();
    let matching: BTreeSet<_> = rows.documents.into_iter().map(|document| document.id).collect();
    assert_eq!(matching, sound);
    (sound, damaged)
}

#[tokio::test]
async fn documents_on_other_pages_are_served_and_those_on_a_damaged_one_are_named() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    destroy(folder.path(), b"text of 00700", b"");
    let (store, _changes) = open(folder.path()).await;
    let (sound, damaged) = agreed(&store).await;
    assert_eq!(sound.len() + damaged.len(), COUNT);
    assert!(damaged.contains(&name(700)) && damaged.len() < 100, "{damaged:?}");
    // What is elsewhere can be written, by itself and beside what can not.
    upsert(&store, vec![document(1)]).await;
    let refused = write(&store, Write::Upsert(vec![document(700)], UpsertRules::default())).await;
    assert!(matches!(refused, Err(StoreError::DamagedPage { .. })), "{refused:?}");
    upsert(&store, vec![document(2), document(COUNT)]).await;
    let filter = Filter::parse(&json!({"i": {"$lt": 10}}), &Limits::default()).unwrap();
    delete_matching(&store, &filter).await;
    assert_eq!(agreed(&store).await.0.len(), sound.len() + 1 - 10);
    store.close().await;
}

#[tokio::test]
async fn a_damaged_index_hides_no_document_from_a_scroll() {
    for (with, without) in [
        // The index of ids has them one behind the other, the table has texts between.
        (&b"name-00700"[..], &b"text of"[..]),
        (&b"name-01500"[..], &b"text of"[..]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path()).await;
        destroy(folder.path(), with, without);
        let (store, _changes) = open(folder.path()).await;
        let (sound, damaged) = scrolled(&store).await;
        assert_eq!((sound.len(), damaged.len()), (COUNT, 0));
        let all: Vec<_> = (0..COUNT).map(name).collect();
        let got = store.by_ids(&all, false).await.unwrap();
        assert_eq!(got.documents.len() + got.damaged.len(), COUNT, "none is left out in silence");
        store.close().await;
    }
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    // Its root names the table in the schema; the pages of the index hold nothing but numbers.
    tamper(
        folder.path(),
        "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET rootpage = \
         (SELECT rootpage FROM sqlite_schema WHERE name = 'vectors') \
         WHERE name = 'documents_by_number'",
    )
    .await;
    let (store, _changes) = open(folder.path()).await;
    assert_eq!(agreed(&store).await.0.len(), COUNT);
}

#[tokio::test]
async fn vectors_on_other_pages_are_searched_and_a_repair_saves_what_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    let values: Vec<u8> = vector(900.0).iter().flat_map(|value| value.to_le_bytes()).collect();
    destroy(folder.path(), &values, b"");
    destroy(folder.path(), b"text of 00700", b"");
    let mut loader = DocumentStore::open(folder.path(), options()).await.unwrap();
    let mut loaded = BTreeSet::new();
    let unsearchable = loader
        .rows()
        .vectors(0, Seq(0), |stored| _ = loaded.insert(stored.key.document))
        .await
        .unwrap();
    assert!(loader.has_damage());
    assert!(unsearchable.contains(&Seq(901)) && unsearchable.len() < 400);
    assert_eq!(loaded.len() + unsearchable.len(), COUNT);
    let store = loader.start(|_| {});
    let (sound, damaged) = agreed(&store).await;
    assert!(sound.contains(&name(900)), "its text can be read");
    let epoch = store.position();
    store.close().await;

    let found = survey(folder.path()).await.unwrap();
    let named: BTreeSet<_> =
        found.faults.iter().filter_map(|fault| fault.document.as_ref()?.id.clone()).collect();
    assert!(found.faults.iter().any(|fault| fault.kind == "page"));
    let expected: BTreeSet<_> = damaged
        .iter()
        .cloned()
        .chain(unsearchable.iter().map(|seq| name(usize::try_from(seq.0).unwrap() - 1)))
        .collect();
    assert_eq!(named, expected);
    assert_eq!(found.sound_count() as usize, COUNT - expected.len());

    let repaired = repair(folder.path()).await.unwrap();
    assert_eq!(repaired.saved as usize, COUNT - expected.len());
    assert!(repaired.kept_in.join("documents.db").is_file());
    let lines = |name| fs::read_to_string(repaired.kept_in.join(name)).unwrap().lines().count();
    assert_eq!(lines("missing.jsonl"), repaired.faults.len());
    assert_eq!(lines("readable.jsonl"), repaired.readable as usize);

    assert_eq!(survey(folder.path()).await.unwrap().faults, []);
    let (store, _changes) = open(folder.path()).await;
    let (sound, damaged) = agreed(&store).await;
    assert_eq!((sound.len(), damaged.len()), (COUNT - expected.len(), 0));
    assert_ne!(store.position().database, epoch.database);
    assert_eq!(store.last_seq(), epoch.seq);
    upsert(&store, vec![document(700), document(900)]).await;
    assert_eq!(agreed(&store).await.0.len(), COUNT - expected.len() + 2);
}

#[tokio::test]
async fn a_damaged_position_hides_no_write_and_raises_the_epoch() {
    for sql in [
        "UPDATE sequence SET last_seq = 5",
        "UPDATE sequence SET last_seq = 5000000",
        "UPDATE sequence SET epoch = 7",
        "UPDATE sequence SET database_id = zeroblob(16)",
        "DELETE FROM sequence",
    ] {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path()).await;
        tamper(folder.path(), sql).await;
        assert!(!survey(folder.path()).await.unwrap().faults.is_empty(), "{sql}");
        let loader = DocumentStore::open(folder.path(), options()).await.unwrap();
        assert!(loader.is_renewed() && loader.has_damage(), "{sql}");
        let position = loader.position();
        assert_eq!((position.seq, position.epoch), (Seq(COUNT as u64), 2), "{sql}");
        let store = loader.start(|_| {});
        assert_eq!(agreed(&store).await.0.len(), COUNT, "{sql}");
        upsert(&store, vec![document(COUNT)]).await;
        store.close().await;
        let loader = DocumentStore::open(folder.path(), options()).await.unwrap();
        assert!(!loader.has_damage(), "{sql}");
    }
}

#[tokio::test]
async fn damage_of_a_mark_is_told_and_one_of_two_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    let flip = |name: &str| {
        let path = folder.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        bytes[26] ^= 16;
        fs::write(path, bytes).unwrap();
    };
    flip("high-water");
    let loader = DocumentStore::open(folder.path(), options()).await.unwrap();
    assert!(loader.has_damage() && !loader.is_renewed());
    loader.start(|_| {}).close().await;
    flip("high-water");
    fs::remove_file(folder.path().join("high-water-copy")).unwrap();
    let loader = DocumentStore::open(folder.path(), options()).await.unwrap();
    assert!(loader.has_damage() && loader.is_renewed(), "nobody can tell what was lost");
    loader.start(|_| {}).close().await;
    let loader = DocumentStore::open(folder.path(), options()).await.unwrap();
    assert!(!loader.has_damage());
}

fn bytes_of(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).unwrap().flatten();
    files.filter(|file| file.path().is_file()).map(|file| file.metadata().unwrap().len()).sum()
}

/// Waits for the writer to have tidied up, which it does when nobody writes.
async fn wait_for(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if is() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{what} did not come");
}

#[tokio::test]
async fn disk_and_what_was_deleted_are_gone_soon_while_the_collection_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open(folder.path()).await;
    let secret = |i: usize| NewRow {
        text: Some(format!("a secret of {i:05} {}", "s".repeat(6_000))),
        ..row(name(i), 1.0)
    };
    upsert(&store, (0..COUNT).map(secret).collect()).await;
    let full = bytes_of(folder.path());
    let all = Filter::parse(&json!({}), &Limits::default()).unwrap();
    delete_matching(&store, &all).await;
    wait_for("the disk", || bytes_of(folder.path()) < full / 4).await;
    wait_for("the end of the log", || {
        fs::metadata(folder.path().join("documents.db-wal")).unwrap().len() == 0
    })
    .await;
    let database = fs::read(folder.path().join("documents.db")).unwrap();
    assert!(!database.windows(11).any(|part| part == b"a secret of"), "it was overwritten");
    store.close().await;
}

#[tokio::test]
async fn a_log_is_empty_when_whoever_asked_for_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open(folder.path()).await;
    let log = folder.path().join("documents.db-wal");
    for round in 0..3 {
        upsert(&store, (0..COUNT).map(|i| row(name(i), round as f32)).collect()).await;
        store.empty_log().await;
        assert_eq!(fs::metadata(&log).unwrap().len(), 0);
    }
    assert_eq!(scrolled(&store).await.0.len(), COUNT);
    store.close().await;
}

#[tokio::test]
async fn an_old_database_gives_its_disk_back_by_command() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    tamper(folder.path(), "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = 0; VACUUM").await;
    let (store, _changes) = open(folder.path()).await;
    let most = Filter::parse(&json!({"i": {"$gte": 10}}), &Limits::default()).unwrap();
    delete_matching(&store, &most).await;
    store.close().await;
    let before = bytes_of(folder.path());
    compact(folder.path()).await.unwrap();
    assert!(bytes_of(folder.path()) < before / 3, "{before}");
    assert_eq!(survey(folder.path()).await.unwrap().faults, []);
    let (store, _changes) = open(folder.path()).await;
    assert_eq!(agreed(&store).await.0.len(), 10);
}
