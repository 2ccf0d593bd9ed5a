use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use akidb_core::{
    CollectionName, Dimension, DocumentId, Effort, ErrorCode, FieldName, Filter, IndexSettings,
    KeywordSettings, Limits, Metadata, Metric,
};
use akidb_engine::{
    Clock, Collection, CollectionRecord, FieldPatch, FieldRow, HitParts, Near, NewRow, OneDocument,
    Patch, Query, Ranking, RowVectors, ScrollRequest, Shown, StorageEngine, UpsertRules,
    VectorField, Write,
};
use akidb_local::{IndexConfig, IndexThresholds, LocalConfig, LocalEngine, StorageConfig};
use prometheus::Registry;
use serde_json::{Value, json};
use uuid::Uuid;

/// Few vectors cross every threshold, so that files are written and graphs built.
pub(crate) async fn open(data_dir: &Path) -> LocalEngine {
    open_with(data_dir, Clock::System, &Registry::new()).await
}

/// The same by a clock of one's own, reporting to a registry.
pub(crate) async fn open_with(data_dir: &Path, clock: Clock, registry: &Registry) -> LocalEngine {
    let thresholds =
        IndexThresholds { graph_vectors: 16, snapshot_vectors: 8, removed_vectors: 16 };
    let config = LocalConfig {
        storage: StorageConfig { min_free_bytes: Some(0), ..StorageConfig::default() },
        index: IndexConfig { memory_limit_bytes: None, thresholds },
        clock,
        ..LocalConfig::new(data_dir.to_owned())
    };
    LocalEngine::open(config, registry).await.unwrap()
}

/// Nobody may hold anything of an engine when the next one takes its directory.
pub(crate) async fn reopened(
    engine: LocalEngine,
    collection: Arc<dyn Collection>,
    root: &Path,
) -> (LocalEngine, Arc<dyn Collection>) {
    drop(collection);
    engine.close().await;
    drop(engine);
    let engine = open(root).await;
    let collection = engine.open("films").unwrap();
    (engine, collection)
}

pub(crate) fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

pub(crate) fn field(number: u32, name: &str, dimension: u64) -> VectorField {
    VectorField {
        number,
        name: FieldName::new(name).unwrap(),
        dimension: Dimension::new(dimension).unwrap(),
        metric: Metric::Dot,
        index: IndexSettings::default(),
        model: None,
        chunking: None,
    }
}

pub(crate) async fn create(engine: &LocalEngine, fields: Vec<VectorField>) -> Arc<dyn Collection> {
    create_with(engine, fields, KeywordSettings::default()).await
}

pub(crate) async fn create_with(
    engine: &LocalEngine,
    fields: Vec<VectorField>,
    keyword: KeywordSettings,
) -> Arc<dyn Collection> {
    let record = CollectionRecord {
        ttl_seconds: None,
        uuid: Uuid::now_v7(),
        name: CollectionName::new("films").unwrap(),
        description: None,
        last_field: fields.iter().map(|field| field.number).max().unwrap(),
        fields,
        keyword,
        shadows: Vec::new(),
        dropped_fields: Vec::new(),
        aliases: Vec::new(),
        created_unix_ms: 0,
    };
    engine.create(record, 10, deadline()).await.unwrap()
}

pub(crate) fn metadata(value: Value) -> Metadata {
    Metadata::new(value.as_object().unwrap().clone(), &Limits::default()).unwrap()
}

pub(crate) fn row(id: i64, vector: Option<Vec<f32>>, fields: &[(u32, Vec<f32>)]) -> NewRow {
    let fields = fields.iter().map(|(field, vector)| FieldRow {
        field: *field,
        text: Some(format!("text {id} of {field}")),
        vectors: RowVectors::Given(vector.clone()),
    });
    NewRow {
        expiry: akidb_core::Expiry::Unsaid,
        id: id.into(),
        text: None,
        metadata: metadata(json!({"id": id, "even": id % 2 == 0})),
        vectors: vector.map(RowVectors::Given),
        fields: fields.collect(),
        if_seq: None,
    }
}

async fn write(collection: &dyn Collection, rows: Vec<NewRow>) {
    collection.write(Write::Upsert(rows, UpsertRules::default()), deadline()).await.unwrap();
}

/// What is near to a vector in a field.
pub(crate) fn near(field: u32, vector: &[f32]) -> Ranking {
    Ranking::Semantic(Near { field, vector: Arc::new(vector.to_vec()), itself: None })
}

async fn found(
    collection: &dyn Collection,
    field: u32,
    vector: &[f32],
    filter: Option<Value>,
) -> Vec<i64> {
    let query = Query {
        ranking: near(field, vector),
        filter: filter.map(|json| Filter::parse(&json, &Limits::default()).unwrap()),
        window: 1_000,
        parts: HitParts::Row,
        shown: Shown::default(),
        deadline: deadline(),
        effort: Effort::default(),
    };
    let found = collection.search(query).await.unwrap();
    assert_eq!((found.damaged.len(), found.unsearchable), (0, 0));
    let ids = found.hits.into_iter().map(|hit| hit.document.id);
    ids.map(|id| if let DocumentId::Integer(id) = id { id } else { panic!("{id}") }).collect()
}

/// How many documents match by a count, by a scroll, and as versions.
async fn matching(collection: &dyn Collection, filter: Value) -> u64 {
    let filter = Filter::parse(&filter, &Limits::default()).unwrap();
    let count = collection.count(Some(&filter)).await.unwrap().count;
    let request = ScrollRequest {
        position: None,
        limit: 1_000,
        filter: Some(&filter),
        order: None,
        with_vector: true,
    };
    let page = collection.scroll(request).await.unwrap();
    assert_eq!(page.rows.damaged, []);
    assert_eq!(page.rows.documents.len() as u64, count);
    assert_eq!(collection.matching(&filter).await.unwrap().versions.len() as u64, count);
    count
}

async fn assert_agrees(collection: &dyn Collection) {
    assert_eq!(collection.disagreements().await.unwrap(), [""; 0]);
}

/// 60 documents: all have a vector in the unnamed field or in `own`, a third in both, and one more
/// has none at all.
fn rows() -> Vec<NewRow> {
    let mut rows: Vec<NewRow> = (0..60)
        .map(|id| {
            let unnamed = (id % 3 != 1).then(|| vec![1.0, id as f32]);
            let own = [(1, vec![id as f32, 1.0, 0.5])];
            row(id, unnamed, if id % 3 == 2 { &[] } else { &own })
        })
        .collect();
    rows.push(row(60, None, &[]));
    rows
}

#[tokio::test]
async fn every_document_is_counted_once_and_found_in_its_fields() {
    let root = tempfile::tempdir().unwrap();
    let mut engine = open(root.path()).await;
    let mut kept = create(&engine, vec![field(0, "", 2), field(1, "own", 3)]).await;
    write(&*kept, rows()).await;
    for _ in 0..2 {
        let collection = &*kept;
        assert_eq!(found(collection, 0, &[0.0, 1.0], None).await.len(), 40);
        let own = found(collection, 1, &[1.0, 0.0, 0.0], None).await;
        assert_eq!((own.len(), own[0], own[1]), (40, 58, 57));
        let even = Some(json!({"even": true}));
        assert_eq!(found(collection, 0, &[0.0, 1.0], even.clone()).await.len(), 20);
        assert_eq!(found(collection, 1, &[1.0, 0.0, 0.0], even).await.len(), 20);
        assert_eq!(matching(collection, json!({"even": true})).await, 31);
        assert_eq!(matching(collection, json!({"id": {"$lt": 10}})).await, 10);
        assert_eq!(matching(collection, json!({"nothing": 1})).await, 0);
        assert_eq!(collection.count(None).await.unwrap().count, 61);
        assert_agrees(collection).await;
        (engine, kept) = reopened(engine, kept, root.path()).await;
    }
}

#[tokio::test]
async fn documents_move_between_fields_and_are_never_missed() {
    let root = tempfile::tempdir().unwrap();
    let engine = open(root.path()).await;
    let collection = create(&engine, vec![field(0, "", 2), field(1, "own", 3)]).await;
    let collection = &*collection;
    write(collection, rows()).await;
    // From one field to the other and back, while others ask for all of them.
    let moving = async {
        for round in 0..20 {
            let rows = (0..60).map(|id| match (id + round) % 2 {
                0 => row(id, Some(vec![1.0, 1.0]), &[]),
                _ => row(id, None, &[(1, vec![1.0, 1.0, 1.0])]),
            });
            write(collection, rows.collect()).await;
        }
    };
    let asking = async {
        for _ in 0..200 {
            let filter = Filter::parse(&json!({"id": {"$lt": 60}}), &Limits::default()).unwrap();
            assert_eq!(collection.count(Some(&filter)).await.unwrap().count, 60);
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(moving, asking);
    let document = OneDocument { ids: vec![60.into()], if_seq: None };
    let vectors = RowVectors::Given(vec![9.0, 9.0, 9.0]);
    let patch = Patch {
        expiry: akidb_core::Expiry::Unsaid,
        document,
        text: None,
        vectors: None,
        fields: vec![(1, FieldPatch::Change { text: None, vectors })],
        merge: serde_json::Map::new(),
        limits: Limits::default().into(),
    };
    collection.write(Write::Patch(patch), deadline()).await.unwrap();
    assert_eq!(found(collection, 1, &[1.0, 0.0, 0.0], None).await[0], 60);
    collection.write(Write::DeleteIds(vec![60.into(), 1.into()]), deadline()).await.unwrap();
    assert_eq!(matching(collection, json!({"id": {"$gte": 0}})).await, 59);
    assert_agrees(collection).await;
}

#[tokio::test]
async fn fields_are_added_and_dropped_on_a_live_collection() {
    let root = tempfile::tempdir().unwrap();
    let engine = open(root.path()).await;
    let kept = create(&engine, vec![field(0, "", 2)]).await;
    let collection = &*kept;
    write(collection, (0..30).map(|id| row(id, Some(vec![1.0, id as f32]), &[])).collect()).await;
    let refused = Write::Upsert(vec![row(90, None, &[])], UpsertRules::default());
    let refused = collection.write(refused, deadline()).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidArgument);

    engine.add_field("films", field(0, "own", 3), deadline()).await.unwrap();
    let record = collection.record();
    let own = record.field(&FieldName::new("own").unwrap()).unwrap();
    assert_eq!((own.number, record.last_field), (1, 1));
    let again = engine.add_field("films", field(0, "own", 4), deadline()).await.unwrap_err();
    assert_eq!(again.code, ErrorCode::FieldExists);
    assert_eq!(found(collection, 1, &[1.0, 0.0, 0.0], None).await, [0; 0]);
    write(
        collection,
        (30..60).map(|id| row(id, None, &[(1, vec![id as f32, 1.0, 0.0])])).collect(),
    )
    .await;
    assert_eq!(found(collection, 1, &[1.0, 0.0, 0.0], None).await.len(), 30);
    assert_eq!(matching(collection, json!({"even": true})).await, 30);
    assert_agrees(collection).await;

    let (engine, kept) = reopened(engine, kept, root.path()).await;
    let collection = &*kept;
    assert_eq!(found(collection, 1, &[1.0, 0.0, 0.0], None).await.len(), 30);
    let folder = root.path().join("collections").join(collection.record().uuid.to_string());
    assert!(folder.join("vectors_1").is_dir());
    engine.drop_field("films", &FieldName::new("own").unwrap(), deadline()).await.unwrap();
    assert!(!folder.join("vectors_1").exists());
    let record = collection.record();
    assert_eq!((record.fields.len(), record.dropped_fields.len(), record.last_field), (1, 0, 1));
    // A number that was used is not used again.
    engine.add_field("films", field(0, "own", 5), deadline()).await.unwrap();
    assert_eq!(collection.record().last_field, 2);
    let stale = Write::Upsert(vec![row(90, None, &[(1, vec![1.0])])], UpsertRules::default());
    let stale = collection.write(stale, deadline()).await.unwrap_err();
    assert_eq!(stale.code, ErrorCode::FieldNotFound);
    assert_eq!(found(collection, 0, &[0.0, 1.0], None).await.len(), 30);
    assert_eq!(matching(collection, json!({"even": true})).await, 30);
    assert_agrees(collection).await;
    let unnamed = engine.drop_field("films", &FieldName::UNNAMED, deadline()).await.unwrap_err();
    assert_eq!(unnamed.code, ErrorCode::InvalidArgument);
}

#[tokio::test]
async fn a_collection_may_have_named_fields_alone() {
    let root = tempfile::tempdir().unwrap();
    let engine = open(root.path()).await;
    let kept = create(&engine, vec![field(1, "own", 3), field(2, "two", 2)]).await;
    let collection = &*kept;
    let rows =
        (0..40).map(|id| row(id, None, &[(1, vec![id as f32, 0.0, 1.0]), (2, vec![1.0, 1.0])]));
    write(collection, rows.collect()).await;
    assert_eq!(found(collection, 1, &[1.0, 0.0, 0.0], None).await[0], 39);
    assert_eq!(matching(collection, json!({"even": false})).await, 20);
    assert_eq!(collection.record().unnamed_field().unwrap_err().code, ErrorCode::FieldNotFound);
    engine.drop_field("films", &FieldName::new("two").unwrap(), deadline()).await.unwrap();
    let only = engine.drop_field("films", &FieldName::new("own").unwrap(), deadline()).await;
    assert_eq!(only.unwrap_err().code, ErrorCode::InvalidArgument);
    let (_engine, collection) = reopened(engine, kept, root.path()).await;
    assert_eq!(matching(&*collection, json!({"even": false})).await, 20);
    assert_agrees(&*collection).await;
}

/// The drop is in the catalogue, and the node was killed before anything of the field was gone.
#[tokio::test]
async fn a_drop_that_was_cut_short_is_finished_by_the_next_opening() {
    let root = tempfile::tempdir().unwrap();
    let engine = open(root.path()).await;
    let collection = create(&engine, vec![field(0, "", 2), field(1, "own", 3)]).await;
    write(&*collection, rows()).await;
    let record = CollectionRecord::clone(&collection.record());
    drop(collection);
    engine.close().await;
    drop(engine);
    {
        let directory = akidb_local::offline::DataDirectory::open(root.path()).unwrap();
        let opened = akidb_local::offline::Catalogue::open(
            Arc::new(directory),
            akidb_local::offline::FailStop::default(),
        );
        let opened = opened.await.unwrap();
        let fields = record.fields[..1].to_vec();
        let dropped = CollectionRecord { fields, dropped_fields: vec![1], ..record };
        opened.catalogue.change(&dropped).await.unwrap();
        opened.catalogue.close().await.unwrap();
    }
    let engine = open(root.path()).await;
    let collection = engine.open("films").unwrap();
    assert_eq!(found(&*collection, 0, &[0.0, 1.0], None).await.len(), 40);
    while !collection.record().dropped_fields.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(matching(&*collection, json!({"id": {"$gte": 0}})).await, 61);
    assert_agrees(&*collection).await;
}
