//! Collections large enough for a graph and for index files: what searches find while graphs are
//! built, changed and thinned out, after restarts and crashes, and over damaged files.
//!
//! Thresholds are small here, so that few vectors cross all of them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use akidb_core::Result;
use akidb_local::{IndexConfig, IndexThresholds};
use akidb_service::{
    CollectionDescription, DeleteDocuments, GivenId, GivenIndex, IndexState, NewDocument, Search,
    SearchParams, SearchReply, Service, Strategy, UpdateCollection,
};
use serde_json::json;

use crate::{Config, config, context, create, near, put, vector};

const DIMENSION: usize = 16;
const COLLECTION: &str = "v";

async fn open(data_dir: &Path) -> Service {
    let thresholds =
        IndexThresholds { graph_vectors: 500, snapshot_vectors: 400, removed_vectors: 200 };
    let index = IndexConfig { thresholds, ..IndexConfig::default() };
    Config { index, embedding: None, ..config(data_dir) }.open().await
}

/// A vector that the id alone decides, around one of 20 centres.
fn values(id: i64) -> Vec<f32> {
    let mut state = id.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let center = id % 20;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u32 << 24) as f32 - 0.5
    };
    (0..DIMENSION)
        .map(|at| next() + if at as i64 == center % 16 { 1.0 + center as f32 / 20.0 } else { 0.0 })
        .collect()
}

fn document(id: i64) -> NewDocument {
    NewDocument {
        metadata: json!({"tenth": id % 10, "id": id}).as_object().cloned(),
        ..vector(id, &values(id))
    }
}

async fn fill(service: &Service, ids: std::ops::Range<i64>) {
    for first in ids.clone().step_by(500) {
        let batch = first..ids.end.min(first + 500);
        put(service, COLLECTION, batch.map(document).collect()).await;
    }
}

async fn filled(data_dir: &Path, count: i64) -> Service {
    let service = open(data_dir).await;
    create(&service, COLLECTION, Some(DIMENSION as u64)).await;
    fill(&service, 0..count).await;
    service
}

async fn described(service: &Service) -> CollectionDescription {
    service.describe_collection(&context(), COLLECTION).await.unwrap()
}

/// Waits until the index is what its settings ask for.
async fn settled(service: &Service) -> CollectionDescription {
    loop {
        let description = described(service).await;
        if description.indexes[""].state == IndexState::Ready {
            return description;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn search(service: &Service, search: Search) -> Result<SearchReply> {
    service.search(&context(), COLLECTION, Search { explain: Some(true), ..search }).await
}

fn ids(reply: &SearchReply) -> Vec<i64> {
    let id = |hit: &akidb_service::Hit| hit.document.id.to_string().parse().unwrap();
    reply.hits.iter().map(id).collect()
}

/// A search near a vector for which a walk costs less than a scan of a few thousand vectors.
fn walking(id: i64) -> Search {
    let params = SearchParams { ef: Some(48), ..SearchParams::default() };
    Search { params, ..near(&values(id)) }
}

/// Of searches near some vectors, with a filter and without, the share of the ten exact hits that
/// are found. Every search finds ten.
async fn recall(service: &Service) -> f64 {
    let (mut right, mut all) = (0, 0);
    for query in (0..400_i64).step_by(8) {
        for filter in [None, Some(json!({"tenth": {"$lt": 3}})), Some(json!({"tenth": 7}))] {
            let wanted = Search { filter, ..walking(-1 - query) };
            let exact = SearchParams { exact: Some(true), ..SearchParams::default() };
            let exact = Search { params: exact, ..wanted.clone() };
            let exact = ids(&search(service, exact).await.unwrap());
            let found = ids(&search(service, wanted).await.unwrap());
            assert_eq!((exact.len(), found.len()), (10, 10));
            right += found.iter().filter(|id| exact.contains(id)).count();
            all += 10;
        }
    }
    f64::from(u32::try_from(right).unwrap()) / f64::from(all)
}

/// Whether each of some documents is found by its own vector, or none of them.
async fn find_themselves(service: &Service, of: impl Iterator<Item = i64>, wanted: bool) {
    for id in of {
        let filter = Some(json!({"id": id}));
        let found = ids(&search(service, Search { filter, ..near(&values(id)) }).await.unwrap());
        assert_eq!(found, if wanted { vec![id] } else { vec![] }, "document {id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_grows_beside_searches_that_miss_nothing_new() {
    let data = tempfile::tempdir().unwrap();
    let service = filled(data.path(), 400).await;
    let small = settled(&service).await.indexes[""];
    assert_eq!((small.linked_count, small.pending_count), (0, 0), "too few for a graph");
    for first in (400..3_000).step_by(200) {
        fill(&service, first..first + 200).await;
        find_themselves(&service, [first, first + 199].into_iter(), true).await;
    }
    let index = settled(&service).await.indexes[""];
    assert_eq!((index.vector_count, index.linked_count), (3_000, 3_000));
    assert!(index.hot_memory_bytes > 0 && index.hot_memory_bytes < index.memory_bytes);
    assert!(recall(&service).await >= 0.95);
    let reply = search(&service, walking(-9)).await.unwrap();
    assert_eq!(reply.plan.unwrap().strategy, Some(Strategy::Graph));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_settings_are_built_beside_searches_and_writes() {
    let data = tempfile::tempdir().unwrap();
    let service = filled(data.path(), 2_000).await;
    settled(&service).await;
    let mut next = 2_000;
    for (engine, quantization) in
        [("hnsw", Some("none")), ("exact", None), ("hnsw_rs", None), ("hnsw", Some("int8"))]
    {
        let index = GivenIndex {
            engine: Some(engine.into()),
            quantization: quantization.map(Into::into),
            ..GivenIndex::default()
        };
        let change = UpdateCollection { index, ..UpdateCollection::default() };
        service.update_collection(&context(), COLLECTION, change).await.unwrap();
        while described(&service).await.indexes[""].state != IndexState::Ready {
            fill(&service, next..next + 1).await;
            find_themselves(&service, next..=next, true).await;
            let old = GivenId::Integer(next - 2_000);
            service.delete_document(&context(), COLLECTION, old, None).await.unwrap();
            next += 1;
        }
        let index = settled(&service).await;
        assert_eq!(index.summary.unnamed.as_ref().unwrap().index.engine.as_str(), engine);
        assert_eq!(index.document_count, 2_000);
        assert!(recall(&service).await >= 0.95, "{engine}");
        find_themselves(&service, next - 2_010..next - 2_000, false).await;
        find_themselves(&service, next - 2_000..next - 1_990, true).await;
    }
    assert!(next > 2_000, "nothing was written while an index was built");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_stays_gone_and_its_memory_comes_back() {
    let data = tempfile::tempdir().unwrap();
    let service = filled(data.path(), 3_000).await;
    let before = settled(&service).await.indexes[""];
    let delete = |filter| DeleteDocuments { filter: Some(filter), ..DeleteDocuments::default() };
    let half = delete(json!({"tenth": {"$lt": 5}}));
    assert_eq!(
        service.delete_documents(&context(), COLLECTION, half).await.unwrap().deleted,
        1_500
    );
    find_themselves(&service, (0..3_000).step_by(10), false).await;
    let reply = search(&service, near(&values(-3))).await.unwrap();
    assert!(ids(&reply).iter().all(|id| id % 10 >= 5) && reply.hits.len() == 10);
    let mut after = settled(&service).await.indexes[""];
    while after.linked_count != 1_500 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        after = settled(&service).await.indexes[""];
    }
    assert_eq!((after.vector_count, after.linked_count), (1_500, 1_500), "compacted");
    assert!(after.memory_bytes < before.memory_bytes);
    find_themselves(&service, (5..3_000).step_by(10), true).await;

    let rest = DeleteDocuments { all: true, ..DeleteDocuments::default() };
    assert_eq!(
        service.delete_documents(&context(), COLLECTION, rest).await.unwrap().deleted,
        1_500
    );
    assert!(search(&service, near(&values(1))).await.unwrap().hits.is_empty());
    fill(&service, 0..700).await;
    settled(&service).await;
    find_themselves(&service, (0..700).step_by(50), true).await;
}

fn index_files(data_dir: &Path) -> Vec<PathBuf> {
    let collection = fs::read_dir(data_dir.join("collections")).unwrap().next().unwrap();
    let folder = fs::read_dir(collection.unwrap().path().join("vectors"));
    let files = folder.into_iter().flatten().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_dir() {
            copy(&file.path(), &to.join(file.file_name()));
        } else {
            // An older snapshot may be removed while the folder is read.
            match fs::copy(file.path(), to.join(file.file_name())) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                copied => drop(copied.unwrap()),
            }
        }
    }
}

fn unusable_snapshots(service: &Service) -> String {
    let metrics = service.metrics_text();
    let name = "akidb_index_snapshots_unusable_total ";
    metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_with_the_graph_that_was_there() {
    let data = tempfile::tempdir().unwrap();
    let service = filled(data.path(), 2_000).await;
    settled(&service).await;
    service.shutdown().await;
    drop(service);
    assert!(!index_files(data.path()).is_empty());

    let service = open(data.path()).await;
    let reply = search(&service, walking(-3)).await.unwrap();
    assert!(!reply.degraded);
    assert_eq!(reply.plan.unwrap().strategy, Some(Strategy::Graph));
    let index = described(&service).await.indexes[""];
    assert_eq!((index.vector_count, index.linked_count), (2_000, 2_000));
    assert!(index.disk_bytes > 2_000 * DIMENSION as u64 * 4);
    assert!(recall(&service).await >= 0.95);
    assert_eq!(unusable_snapshots(&service), "0");
}

/// A crash is the files as they are at some moment, with the process gone.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_a_snapshot_is_brought_in_step_with_the_store() {
    let data = tempfile::tempdir().unwrap();
    let service = filled(data.path(), 1_000).await;
    settled(&service).await;
    service.shutdown().await;
    drop(service);
    let service = open(data.path()).await;
    fill(&service, 990..1_100).await;
    let filter = Some(json!({"tenth": 4}));
    let delete = DeleteDocuments { filter, ..DeleteDocuments::default() };
    service.delete_documents(&context(), COLLECTION, delete).await.unwrap();
    let crashed = tempfile::tempdir().unwrap();
    copy(data.path(), crashed.path());

    let after = open(crashed.path()).await;
    let reply = search(&after, near(&values(-3))).await.unwrap();
    assert!(!reply.degraded);
    find_themselves(&after, (990..1_100).filter(|id| id % 10 != 4), true).await;
    find_themselves(&after, (4..1_100).step_by(10), false).await;
    assert_eq!(described(&after).await.indexes[""].vector_count, 990);
    assert!(recall(&after).await >= 0.95);
    assert_eq!(unusable_snapshots(&after), "0");
}

/// A store that was put back to an earlier state under a later index.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_ahead_of_the_store_is_not_used() {
    let data = tempfile::tempdir().unwrap();
    let service = filled(data.path(), 600).await;
    service.shutdown().await;
    drop(service);
    let earlier = tempfile::tempdir().unwrap();
    copy(data.path(), earlier.path());
    let service = open(data.path()).await;
    fill(&service, 500..1_200).await;
    settled(&service).await;
    service.shutdown().await;
    drop(service);
    for later in index_files(data.path()) {
        let folder = index_files(earlier.path())[0].parent().unwrap().to_owned();
        fs::copy(&later, folder.join(later.file_name().unwrap())).unwrap();
    }

    let service = open(earlier.path()).await;
    assert_eq!(described(&service).await.indexes[""].vector_count, 600);
    find_themselves(&service, (0..600).step_by(20), true).await;
    find_themselves(&service, 600..620, false).await;
}

/// Every file damaged in every way, at many places: answers are right, the data is all there, and
/// the next snapshot is sound again.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_index_files_cost_time_and_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    let service = filled(data.path(), 600).await;
    settled(&service).await;
    service.shutdown().await;
    drop(service);
    type Damage = fn(&mut Vec<u8>, usize);
    let damages: [(&str, Damage); 5] = [
        ("a flipped bit", |bytes, place| bytes[place] ^= 1 << (place % 8)),
        ("truncated", |bytes, place| bytes.truncate(place)),
        ("zeros", |bytes, place| bytes[place..].fill(0)),
        ("empty", |bytes, _| bytes.clear()),
        ("foreign", |bytes, _| *bytes = b"SQLite format 3\0".repeat(40)),
    ];
    let (mut damaged, mut noticed) = (0, 0);
    for name in index_files(data.path()).iter().map(|file| file.file_name().unwrap()) {
        for (how, damage) in damages {
            let copied = tempfile::tempdir().unwrap();
            copy(data.path(), copied.path());
            let files = index_files(copied.path());
            let file = files.iter().find(|file| file.file_name() == Some(name)).unwrap();
            let mut bytes = fs::read(file).unwrap();
            if bytes.is_empty() {
                continue;
            }
            let place = bytes.len() * (damaged % 7) / 7;
            let sound = bytes.clone();
            damage(&mut bytes, place);
            if bytes == sound {
                continue;
            }
            fs::write(file, bytes).unwrap();
            damaged += 1;
            let service = open(copied.path()).await;
            assert_eq!(described(&service).await.indexes[""].vector_count, 600, "{name:?}, {how}");
            find_themselves(&service, (0..600).step_by(60), true).await;
            // Files of the snapshot before the latest are not looked at.
            noticed += usize::from(unusable_snapshots(&service) != "0");
            settled(&service).await;
            service.shutdown().await;
            drop(service);
            let service = open(copied.path()).await;
            assert_eq!(described(&service).await.indexes[""].linked_count, 600, "{name:?}, {how}");
            assert_eq!(unusable_snapshots(&service), "0", "{name:?}, {how}");
        }
    }
    assert!(damaged > 30 && noticed > 20, "{noticed} of {damaged} files");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_opens_where_its_index_files_can_not_even_be_listed() {
    let data = tempfile::tempdir().unwrap();
    let service = filled(data.path(), 600).await;
    service.shutdown().await;
    drop(service);
    let folder = index_files(data.path())[0].parent().unwrap().to_owned();
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "not a folder").unwrap();
    let service = open(data.path()).await;
    find_themselves(&service, (0..600).step_by(60), true).await;
    fill(&service, 600..700).await;
    service.shutdown().await;
    drop(service);
    let service = open(data.path()).await;
    assert_eq!(described(&service).await.indexes[""].vector_count, 700);
}

#[tokio::test]
async fn pages_by_offset_are_one_search_of_their_length() {
    let data = tempfile::tempdir().unwrap();
    let service = filled(data.path(), 3_000).await;
    settled(&service).await;
    for query in 0..20 {
        for filter in [None, Some(json!({"tenth": {"$lt": 6}}))] {
            let asked = |offset, limit| {
                let (offset, limit) = (Some(offset), Some(limit));
                Search { filter: filter.clone(), offset, limit, ..walking(-1 - query) }
            };
            let whole = ids(&search(&service, asked(0, 400)).await.unwrap());
            assert_eq!(whole.len(), 400);
            let mut pages = Vec::new();
            for offset in (0..400).step_by(25) {
                pages.extend(ids(&search(&service, asked(offset, 25)).await.unwrap()));
            }
            assert_eq!(pages, whole, "query {query}, {filter:?}");
            pages.sort_unstable();
            pages.dedup();
            assert_eq!(pages.len(), 400, "query {query}: one comes twice");
        }
    }
}
