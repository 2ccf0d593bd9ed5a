//! Databases that were put back, cut off or exchanged behind the back of what is derived from them:
//! all ways to ask for documents must go on to agree.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use akidb_local::{IndexConfig, IndexThresholds};
use akidb_service::{GetDocuments, GivenId, Scroll, Search, SearchParams, Service};
use serde_json::json;

use crate::{Config, config, context, create, near, put, vector};

const COLLECTION: &str = "v";
const COUNT: i64 = 1_200;

async fn open(data_dir: &Path) -> Service {
    let thresholds =
        IndexThresholds { graph_vectors: 500, snapshot_vectors: 400, removed_vectors: 20_000 };
    let index = IndexConfig { thresholds, ..IndexConfig::default() };
    Config { index, embedding: None, ..config(data_dir) }.open().await
}

async fn write_all(service: &Service, round: i64) {
    for first in (0..COUNT).step_by(400) {
        let documents = first..first + 400;
        let documents = documents.map(|id| akidb_service::NewDocument {
            metadata: json!({"round": round}).as_object().cloned(),
            ..vector(id, &[id as f32, round as f32, 1.0])
        });
        put(service, COLLECTION, documents.collect()).await;
    }
}

async fn close(service: Service) {
    service.shutdown().await;
    drop(service);
}

fn folder(data_dir: &Path) -> PathBuf {
    let mut collections = fs::read_dir(data_dir.join("collections")).unwrap();
    collections.next().unwrap().unwrap().path()
}

/// The ids that each way to ask gives, after a check that all give the same.
pub(crate) async fn agreed(service: &Service, name: &str, dimension: usize) -> BTreeSet<String> {
    let count = service.count_documents(&context(), name, None).await.unwrap().count;
    let scroll = Scroll { limit: Some(10_000), ..Scroll::default() };
    let page = service.scroll(&context(), name, scroll).await.unwrap();
    assert_eq!((page.next_cursor, page.damaged), (None, vec![]));
    let scrolled: BTreeSet<String> =
        page.documents.iter().map(|document| document.id.to_string()).collect();
    assert_eq!((scrolled.len(), page.documents.len()), (count as usize, count as usize), "scroll");
    for exact in [true, false] {
        let params = SearchParams { exact: Some(exact), ..SearchParams::default() };
        let search = Search { params, limit: Some(10_000), ..near(&vec![1.0; dimension]) };
        let reply = service.search(&context(), name, search).await.unwrap();
        let found: BTreeSet<String> =
            reply.hits.iter().map(|hit| hit.document.id.to_string()).collect();
        assert_eq!((&found, reply.unsearchable), (&scrolled, 0), "search, exact: {exact}");
    }
    let filter = json!({"round": {"$gte": 0}});
    let counted = service.count_documents(&context(), name, Some(filter)).await.unwrap().count;
    assert_eq!(counted, count, "count by filter");
    let ids = page.documents.iter().map(|document| match &document.id {
        akidb_core::DocumentId::Integer(id) => GivenId::Integer(*id),
        akidb_core::DocumentId::Text(id) => GivenId::Text(id.clone()),
    });
    let get = GetDocuments { ids: Some(ids.collect()), ..GetDocuments::default() };
    let got = service.get_documents(&context(), name, get).await.unwrap();
    assert_eq!((got.documents.len(), got.damaged), (count as usize, vec![]), "get");
    scrolled
}

/// Writes all documents twice, with the files of the index after each time, and gives the database
/// as it was after the first time, where a `-wal` that has lost the second leaves it.
async fn without_the_second_round(data_dir: &Path) {
    let service = open(data_dir).await;
    create(&service, COLLECTION, Some(3)).await;
    write_all(&service, 1).await;
    close(service).await;
    let database = folder(data_dir).join("documents.db");
    let first = fs::read(&database).unwrap();
    let service = open(data_dir).await;
    write_all(&service, 2).await;
    assert_eq!(agreed(&service, COLLECTION, 3).await.len(), COUNT as usize);
    close(service).await;
    let log = fs::metadata(folder(data_dir).join("documents.db-wal"));
    assert_eq!(log.map_or(0, |log| log.len()), 0, "a clean stop leaves an empty log at most");
    assert!(folder(data_dir).join("vectors").is_dir());
    fs::write(database, first).unwrap();
}

async fn assert_the_first_round_is_served(data_dir: &Path) {
    // Whether the files of the index fit is decided anew at each opening.
    for _ in 0..2 {
        let service = open(data_dir).await;
        assert_eq!(agreed(&service, COLLECTION, 3).await.len(), COUNT as usize);
        let first = json!({"round": 1});
        let first =
            service.count_documents(&context(), COLLECTION, Some(first)).await.unwrap().count;
        assert_eq!(first, COUNT as u64);
        let described = service.describe_collection(&context(), COLLECTION).await.unwrap();
        let lost: Vec<_> =
            described.lost_writes.iter().map(|lost| (lost.first_seq, lost.last_seq)).collect();
        assert_eq!(lost, [(COUNT as u64 + 1, 2 * COUNT as u64)], "the loss is on record");
        assert_eq!(described.last_seq, 2 * COUNT as u64, "lost numbers are not used again");
        close(service).await;
    }
}

/// As many documents as before, and the last number raised to that of the lost writes: by counts and
/// numbers the index of the lost writes fits.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_lost_writes_is_put_aside() {
    let data = tempfile::tempdir().unwrap();
    without_the_second_round(data.path()).await;
    assert_the_first_round_is_served(data.path()).await;
}

/// The index alone knows of the lost writes.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_bears_witness_of_writes_that_the_marks_do_not_know_of() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, COLLECTION, Some(3)).await;
    write_all(&service, 1).await;
    close(service).await;
    let names = ["documents.db", "high-water", "high-water-copy"];
    let files = names.map(|name| fs::read(folder(data.path()).join(name)).unwrap());
    let service = open(data.path()).await;
    write_all(&service, 2).await;
    close(service).await;
    for (name, file) in names.iter().zip(&files) {
        fs::write(folder(data.path()).join(name), file).unwrap();
    }
    assert_the_first_round_is_served(data.path()).await;
}

/// A delete takes a number of its own, so an index from before it does not fit without being brought
/// in step.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_from_before_a_delete_and_an_insert_is_brought_in_step() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, COLLECTION, Some(3)).await;
    write_all(&service, 1).await;
    close(service).await;
    let vectors = folder(data.path()).join("vectors");
    let kept = data.path().join("kept");
    fs::rename(&vectors, &kept).unwrap();
    let service = open(data.path()).await;
    service.delete_document(&context(), COLLECTION, GivenId::Integer(7), None).await.unwrap();
    close(service).await;
    let _ = fs::remove_dir_all(&vectors);
    fs::rename(&kept, &vectors).unwrap();
    let service = open(data.path()).await;
    let found = agreed(&service, COLLECTION, 3).await;
    assert!(found.len() == COUNT as usize - 1 && !found.contains("7"));
}

/// Two databases whose numbers and counts are the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_another_database_is_put_aside() {
    let data = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    for (data_dir, round) in [(data.path(), 1), (other.path(), 2)] {
        let service = open(data_dir).await;
        create(&service, COLLECTION, Some(3)).await;
        write_all(&service, round).await;
        close(service).await;
    }
    // A backup of the database and its marks alone, put into the folder of another one.
    for name in ["documents.db", "high-water", "high-water-copy"] {
        fs::copy(folder(other.path()).join(name), folder(data.path()).join(name)).unwrap();
    }
    let service = open(data.path()).await;
    assert_eq!(agreed(&service, COLLECTION, 3).await.len(), COUNT as usize);
    let query = Search { limit: Some(1), ..near(&[0.0, 1.0, 0.0]) };
    let reply = service.search(&context(), COLLECTION, query).await.unwrap();
    assert_eq!(reply.hits[0].score, 2.0, "the vectors are those of the database");
}

/// The database alone of another collection is not taken for this one's.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_elsewhere_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    for data_dir in [data.path(), other.path()] {
        let service = open(data_dir).await;
        create(&service, COLLECTION, Some(3)).await;
        write_all(&service, 1).await;
        close(service).await;
    }
    let name = "documents.db";
    fs::copy(folder(other.path()).join(name), folder(data.path()).join(name)).unwrap();
    let service = open(data.path()).await;
    let refused = service.count_documents(&context(), COLLECTION, None).await.unwrap_err();
    assert_eq!(refused.code, akidb_core::ErrorCode::StorageFailed);
    assert!(refused.message.contains("is another database"), "{refused}");
}
