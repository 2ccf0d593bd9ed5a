//! Documents that expire: from that moment on they are in no answer, whether or not their rows are there.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use akidb_core::{DocumentId, Effort, Expiry, Filter, Limits, Timestamp, WriteMode};
use akidb_engine::{
    Applied, Clock, Collection, HitParts, NewRow, OneDocument, Patch, Query, Ranking,
    ScrollRequest, Shown, StorageEngine, UpsertRules, Words, Write,
};
use akidb_local::LocalEngine;
use prometheus::Registry;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::fields::{create, deadline, field, near, open_with, row};

/// An engine by a clock that stands still until it is set.
struct World {
    clock: Arc<AtomicI64>,
    registry: Registry,
    engine: LocalEngine,
}

impl World {
    async fn open(root: &Path, clock: Arc<AtomicI64>) -> Self {
        let registry = Registry::new();
        let engine = open_with(root, Clock::Manual(Arc::clone(&clock)), &registry).await;
        Self { clock, registry, engine }
    }

    async fn new(root: &Path) -> Self {
        Self::open(root, Arc::new(AtomicI64::new(1_000_000))).await
    }

    async fn reopened(
        self,
        collection: Arc<dyn Collection>,
        root: &Path,
    ) -> (Self, Arc<dyn Collection>) {
        drop(collection);
        self.engine.close().await;
        let Self { clock, engine, .. } = self;
        drop(engine);
        let world = Self::open(root, clock).await;
        let collection = world.engine.open("films").unwrap();
        (world, collection)
    }

    fn set(&self, unix_ms: i64) {
        self.clock.store(unix_ms, Ordering::Release);
    }

    /// Waits until so many documents were deleted because they had expired.
    async fn deleted(&self, count: f64) {
        loop {
            let metrics = self.registry.gather();
            let metric = metrics.iter().find(|it| it.name() == "akidb_expired_documents_total");
            if metric.unwrap().get_metric()[0].get_counter().get_value() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn at(unix_ms: i64) -> Expiry {
    Expiry::At(Timestamp::from_unix_ms(unix_ms))
}

fn document(id: i64, expiry: Expiry) -> NewRow {
    let text = Some(format!("word{id} common"));
    NewRow { text, expiry, ..row(id, Some(vec![id as f32, 1.0]), &[]) }
}

async fn upsert(collection: &dyn Collection, rows: Vec<NewRow>) {
    collection.write(Write::Upsert(rows, UpsertRules::default()), deadline()).await.unwrap();
}

fn filter(json: Value) -> Filter {
    Filter::parse(&json, &Limits::default()).unwrap()
}

fn integer(id: &DocumentId) -> i64 {
    if let DocumentId::Integer(id) = id { *id } else { panic!("{id}") }
}

async fn searched(collection: &dyn Collection, ranking: Ranking, exact: bool) -> Vec<i64> {
    let effort = Effort { exact, ..Effort::default() };
    let (filter, parts, shown) = (None, HitParts::Row, Shown::default());
    let query = Query { ranking, filter, window: 100, parts, shown, deadline: deadline(), effort };
    let found = collection.search(query).await.unwrap();
    let mut ids: Vec<i64> = found.hits.iter().map(|hit| integer(&hit.document.id)).collect();
    ids.sort_unstable();
    ids
}

async fn scrolled(collection: &dyn Collection) -> Vec<i64> {
    let (mut position, mut ids) = (None, Vec::new());
    loop {
        let request =
            ScrollRequest { position, limit: 7, filter: None, order: None, with_vector: false };
        let page = collection.scroll(request).await.unwrap();
        ids.extend(page.rows.documents.iter().map(|document| integer(&document.id)));
        position = page.next;
        if position.is_none() {
            return ids;
        }
    }
}

/// Whichever way one asks, exactly these documents are there, of ids below 60.
async fn has(collection: &dyn Collection, expected: &[i64]) {
    let by_words = || Ranking::Keyword(Words { text: "common".to_owned(), min_score: None });
    assert_eq!(searched(collection, near(0, &[1.0, 0.0]), false).await, expected);
    assert_eq!(searched(collection, near(0, &[1.0, 0.0]), true).await, expected);
    assert_eq!(searched(collection, by_words(), false).await, expected);
    let mut in_order = scrolled(collection).await;
    in_order.sort_unstable();
    assert_eq!(in_order, expected);
    let count = expected.len() as u64;
    assert_eq!(collection.count(None).await.unwrap().count, count);
    assert_eq!(collection.status().await.unwrap().document_count, count);
    let even = expected.iter().filter(|id| *id % 2 == 0).count();
    let is_even = filter(json!({"even": true}));
    assert_eq!(collection.count(Some(&is_even)).await.unwrap().count, even as u64);
    assert_eq!(collection.matching(&is_even).await.unwrap().versions.len(), even);
    let ids: Vec<DocumentId> = (0..60).map(DocumentId::from).collect();
    let got = collection.by_ids(&ids, false).await.unwrap().documents;
    let mut got: Vec<i64> = got.iter().map(|document| integer(&document.id)).collect();
    got.sort_unstable();
    assert_eq!(got, expected);
}

#[tokio::test]
async fn a_document_is_there_until_its_moment_and_not_at_it() {
    let root = tempfile::tempdir().unwrap();
    let world = World::new(root.path()).await;
    let films = create(&world.engine, vec![field(0, "", 2)]).await;
    let rows =
        vec![document(1, at(2_000_000)), document(2, Expiry::Never), document(3, Expiry::Unsaid)];
    upsert(&*films, rows).await;
    world.set(1_999_999);
    has(&*films, &[1, 2, 3]).await;
    let soon = filter(json!({"$expires_at": {"$lt": "1970-01-02"}}));
    assert_eq!(films.count(Some(&soon)).await.unwrap().count, 1);
    let first = films.by_ids(&[1.into()], false).await.unwrap().documents.remove(0);
    assert_eq!(first.expires_at.map(|it| it.to_string()).as_deref(), Some("1970-01-01T00:33:20Z"));
    world.set(2_000_000);
    has(&*films, &[2, 3]).await;
    world.deleted(1.0).await;
    has(&*films, &[2, 3]).await;
    let (world, films) = world.reopened(films, root.path()).await;
    has(&*films, &[2, 3]).await;
    world.engine.close().await;
}

/// Whoever writes meets no document either, and what comes in its place is a new one.
#[tokio::test]
async fn what_has_expired_is_not_there_for_writes() {
    let root = tempfile::tempdir().unwrap();
    let world = World::new(root.path()).await;
    let films = create(&world.engine, vec![field(0, "", 2)]).await;
    // A moment that has passed is taken: the documents are gone at once.
    let rows = [(1, 0), (2, 1_000_000), (3, 5)].map(|(id, ms)| document(id, at(ms)));
    upsert(&*films, rows.into()).await;
    upsert(&*films, vec![document(4, Expiry::Never)]).await;
    has(&*films, &[4]).await;
    let one = |id: i64| OneDocument { ids: vec![id.into()], if_seq: None };
    let patch = Write::Patch(Patch {
        document: one(1),
        text: Some("again".to_owned()),
        vectors: None,
        fields: Vec::new(),
        merge: serde_json::Map::new(),
        expiry: Expiry::Never,
        limits: Arc::new(Limits::default()),
    });
    assert_eq!(films.write(patch, deadline()).await.unwrap(), Applied::Patched(None));
    let delete = Write::DeleteOne(one(2));
    assert_eq!(films.write(delete, deadline()).await.unwrap(), Applied::Deleted(0));
    let delete = Write::DeleteIds(vec![3.into()]);
    assert_eq!(films.write(delete, deadline()).await.unwrap(), Applied::Deleted(0));
    let create = UpsertRules { mode: WriteMode::Create, ..UpsertRules::default() };
    let written = films.write(Write::Upsert(vec![document(1, Expiry::Never)], create), deadline());
    let Applied::Upserted(written) = written.await.unwrap() else { panic!("an upsert") };
    assert!(written[0].unwrap().created);
    has(&*films, &[1, 4]).await;
    assert_eq!(scrolled(&*films).await, [4, 1], "it is a new document");
    world.engine.close().await;
}

#[tokio::test]
async fn documents_that_say_nothing_live_as_long_as_the_collection_says() {
    let root = tempfile::tempdir().unwrap();
    let world = World::new(root.path()).await;
    let films = create(&world.engine, vec![field(0, "", 2)]).await;
    let set_ttl = async |seconds: Option<u64>| {
        let change = Box::new(move |record: &akidb_engine::CollectionRecord| {
            let settings = record.settings();
            Ok(akidb_engine::CollectionSettings { ttl_seconds: seconds, ..settings })
        });
        world.engine.update("films", change, deadline()).await.unwrap();
    };
    upsert(&*films, vec![document(1, Expiry::Unsaid)]).await;
    set_ttl(Some(10)).await;
    let rows = [(2, Expiry::Unsaid), (3, Expiry::Never), (4, at(1_005_000)), (5, Expiry::Unsaid)];
    upsert(&*films, rows.map(|(id, expiry)| document(id, expiry)).into()).await;
    set_ttl(None).await;
    world.set(1_004_999);
    has(&*films, &[1, 2, 3, 4, 5]).await;
    // A change keeps the moment unless it says another; a write says it anew.
    let patch = |id: i64, expiry| {
        Write::Patch(Patch {
            document: OneDocument { ids: vec![id.into()], if_seq: None },
            text: None,
            vectors: None,
            fields: Vec::new(),
            merge: json!({"seen": true}).as_object().unwrap().clone(),
            expiry,
            limits: Arc::new(Limits::default()),
        })
    };
    for (id, expiry) in [(2, Expiry::Unsaid), (4, at(1_030_000))] {
        films.write(patch(id, expiry), deadline()).await.unwrap();
    }
    upsert(&*films, vec![document(5, Expiry::Unsaid)]).await;
    world.set(1_010_000);
    has(&*films, &[1, 3, 4, 5]).await;
    films.write(patch(4, Expiry::Never), deadline()).await.unwrap();
    world.set(i64::MAX);
    has(&*films, &[1, 3, 4, 5]).await;
    drop(films);
    world.engine.close().await;
}

/// A row that says so and is damaged may be one that lives: it is kept for whoever repairs.
#[tokio::test]
async fn a_damaged_row_is_not_deleted_as_expired() {
    let root = tempfile::tempdir().unwrap();
    let world = World::new(root.path()).await;
    let films = create(&world.engine, vec![field(0, "", 2)]).await;
    upsert(&*films, vec![document(1, at(2_000_000)), document(2, at(2_000_000))]).await;
    let folder = root.path().join("collections").join(films.record().uuid.to_string());
    let (world, films) = world.reopened(films, root.path()).await;
    assert_eq!(films.count(None).await.unwrap().count, 2);
    crate::searches::damage(&folder, "word1 common");
    world.set(2_000_000);
    has(&*films, &[]).await;
    world.deleted(1.0).await;
    let rows = films.by_ids(&[1.into(), 2.into()], false).await.unwrap();
    assert_eq!((rows.documents.len(), rows.damaged.len()), (0, 1));
    let (world, films) = world.reopened(films, root.path()).await;
    // Nobody knows when it was to expire.
    assert_eq!(films.count(None).await.unwrap().count, 1);
    world.engine.close().await;
}

/// Many writes, deletes and moves of the clock, each followed by all ways to ask.
#[tokio::test]
async fn every_answer_is_that_of_the_moment() {
    let root = tempfile::tempdir().unwrap();
    let mut world = World::new(root.path()).await;
    let mut films = create(&world.engine, vec![field(0, "", 2)]).await;
    let mut random = StdRng::seed_from_u64(16);
    let mut model: BTreeMap<i64, Option<i64>> = BTreeMap::new();
    let mut now = 1_000_000;
    for round in 0..120 {
        match random.random_range(0..4) {
            0 => {
                let gone: Vec<i64> = (0..3).map(|_| random.random_range(0..60)).collect();
                model.retain(|id, _| !gone.contains(id));
                let gone = gone.into_iter().map(DocumentId::from).collect();
                films.write(Write::DeleteIds(gone), deadline()).await.unwrap();
            }
            1 => {
                now += random.random_range(0..400);
                world.set(now);
            }
            _ => {
                let mut rows = BTreeMap::new();
                for _ in 0..random.random_range(1..6) {
                    let id = random.random_range(0..60);
                    let moment =
                        random.random_ratio(2, 3).then(|| now + random.random_range(-50..2_000));
                    model.insert(id, moment);
                    rows.insert(id, document(id, moment.map_or(Expiry::Never, at)));
                }
                upsert(&*films, rows.into_values().collect()).await;
            }
        }
        if round % 40 == 39 {
            (world, films) = world.reopened(films, root.path()).await;
        }
        model.retain(|_, moment| moment.is_none_or(|moment| moment > now));
        let alive: Vec<i64> = model.keys().copied().collect();
        has(&*films, &alive).await;
    }
    drop(films);
    world.engine.close().await;
}

/// Rows are read at one moment, and whether any may have expired is asked at another.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_while_it_is_read_is_in_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let collection = create(&world.engine, vec![field(0, "", 2)]).await;
    let ids: Vec<DocumentId> = (0..2_000).map(DocumentId::from).collect();
    for round in 1..=5 {
        let rows = (0..2_000).map(|id| document(id, at(0))).collect();
        upsert(&*collection, rows).await;
        let everything_deleted = world.deleted(f64::from(round * 2_000));
        let asked_again_and_again = async {
            loop {
                let got = collection.by_ids(&ids, false).await.unwrap().documents;
                assert!(got.is_empty(), "round {round}: {} documents", got.len());
            }
        };
        tokio::select! {
            () = everything_deleted => {}
            () = asked_again_and_again => {}
        }
    }
    world.engine.close().await;
}
