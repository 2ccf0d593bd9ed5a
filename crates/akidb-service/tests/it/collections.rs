//! The life of collections: made, found again, closed when idle, dropped.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use akidb_core::{ErrorCode, Metric, Outcome};
use akidb_local::{OpenError, StorageConfig};
use akidb_service::{
    CreateCollection, Door, GivenId, GivenIndex, RequestContext, Scroll, Service, UpdateCollection,
};

use crate::{Config, config, context, create, found, near, open, put, refused, text, vector};

#[tokio::test]
async fn a_collection_is_there_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "texts", None).await;
    create(&service, "vectors", Some(2)).await;
    put(&service, "texts", vec![text(1, "a clock"), text(2, "the sea")]).await;
    put(&service, "vectors", vec![vector(1, &[1.0, 0.0]), vector(2, &[0.0, 1.0])]).await;
    let change = UpdateCollection { description: Some("for a test".into()), ..Default::default() };
    service.update_collection(&context(), "texts", change).await.unwrap();
    service.shutdown().await;
    drop(service);

    let service = open(data.path()).await;
    let texts = service.describe_collection(&context(), "texts").await.unwrap();
    assert_eq!((texts.document_count, texts.last_seq, texts.indexes[""].vector_count), (2, 2, 2));
    assert_eq!(texts.summary.description.as_deref(), Some("for a test"));
    assert_eq!(texts.summary.unnamed.as_ref().unwrap().model.as_ref().unwrap().name, "hash");
    assert_eq!(
        (
            texts.summary.unnamed.as_ref().unwrap().dimension,
            texts.summary.unnamed.as_ref().unwrap().metric
        ),
        (32, Metric::Dot)
    );
    assert!(texts.disk_bytes > 0 && texts.indexes[""].memory_bytes > 0);
    assert_eq!(found(&service, "vectors", near(&[0.1, 1.0])).await, ["2", "1"]);
    let names: Vec<_> =
        service.list_collections(&context()).await.unwrap().into_iter().map(|c| c.name).collect();
    assert_eq!(names, ["texts", "vectors"]);
}

fn renamed(name: &str) -> UpdateCollection {
    UpdateCollection { name: Some(name.into()), ..UpdateCollection::default() }
}

#[tokio::test]
async fn whoever_reads_a_collection_goes_on_when_it_is_renamed() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "films", Some(2)).await;
    put(&service, "films", (1..=3).map(|id| vector(id, &[1.0, 0.0])).collect()).await;
    let page = |cursor| Scroll { limit: Some(2), cursor, ..Scroll::default() };
    let first = service.scroll(&context(), "films", page(None)).await.unwrap();
    let changed = service.update_collection(&context(), "films", renamed("movies")).await.unwrap();
    assert_eq!((changed.summary.name.as_str(), changed.document_count), ("movies", 3));
    let second = service.scroll(&context(), "movies", page(first.next_cursor)).await.unwrap();
    assert_eq!(second.documents.len(), 1);
    let gone = service.describe_collection(&context(), "films").await;
    refused(gone, ErrorCode::CollectionNotFound, "");
    // The name is free, and a renaming that fails changes nothing else either.
    create(&service, "films", Some(2)).await;
    let taken = UpdateCollection { description: Some("new".into()), ..renamed("films") };
    let taken = service.update_collection(&context(), "movies", taken).await;
    refused(taken, ErrorCode::CollectionExists, "");
    let movies = service.describe_collection(&context(), "movies").await.unwrap();
    assert_eq!(movies.summary.description, None);
    service.shutdown().await;
    drop(service);
    let service = open(data.path()).await;
    assert_eq!(service.readiness().findings, []);
    assert_eq!(found(&service, "movies", near(&[1.0, 0.0])).await.len(), 3);
}

#[tokio::test]
async fn one_of_many_puts_creates_a_collection_and_the_others_find_it() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    let put = |dimension| {
        let service = service.clone();
        let name = "films".into();
        let request = CreateCollection { name, dimension, ..CreateCollection::default() };
        tokio::spawn(async move { service.put_collection(&context(), request).await })
    };
    let mut created = 0;
    for reply in (0..16).map(|_| put(Some(2))).collect::<Vec<_>>() {
        created += u32::from(reply.await.unwrap().unwrap().created);
    }
    assert_eq!(created, 1);
    let other = put(Some(3)).await.unwrap();
    refused(other, ErrorCode::CollectionDiffers, "dimension");
}

#[tokio::test]
async fn dropping_frees_the_disk_and_the_name() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "films", Some(2)).await;
    put(&service, "films", vec![vector(1, &[1.0, 0.0])]).await;
    service.delete_collection(&context(), "films").await.unwrap();
    assert_eq!(std::fs::read_dir(data.path().join("collections")).unwrap().count(), 0);
    let gone = service.describe_collection(&context(), "films").await;
    refused(gone, ErrorCode::CollectionNotFound, "");
    create(&service, "films", Some(3)).await;
    assert_eq!(found(&service, "films", near(&[1.0, 0.0, 0.0])).await, [""; 0]);
}

#[tokio::test]
async fn a_dropping_that_was_cut_short_is_finished_at_the_next_start() {
    let data = tempfile::tempdir().unwrap();
    drop(open(data.path()).await);
    let rest = data.path().join("collections/01900000-0000-7000-8000-000000000000.dropped");
    std::fs::create_dir(&rest).unwrap();
    std::fs::write(rest.join("documents.db"), "x").unwrap();
    let service = open(data.path()).await;
    assert!(!rest.exists());
    assert_eq!(service.readiness().findings, []);
}

#[tokio::test]
async fn a_collection_that_the_catalogue_has_lost_is_there_and_it_is_told() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "films", Some(2)).await;
    put(&service, "films", vec![vector(1, &[1.0, 0.0])]).await;
    service.shutdown().await;
    drop(service);
    std::fs::remove_file(data.path().join("akidb.db")).unwrap();
    let unknown = data.path().join("collections/unknown");
    std::fs::create_dir(&unknown).unwrap();

    let service = open(data.path()).await;
    assert_eq!(found(&service, "films", near(&[1.0, 0.0])).await, ["1"]);
    let readiness = service.readiness();
    let kinds: Vec<_> = readiness.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!((readiness.ready, kinds), (true, vec!["rebuilt", "set_aside", "adopted"]));
    let detail = &readiness.components[0].detail;
    assert_eq!(detail, "1 collections, 3 findings at the start, 1 entries in lost+found");
    let metrics = service.metrics_text();
    assert!(metrics.contains("akidb_catalogue_findings{kind=\"adopted\"} 1"), "{metrics}");
    assert!(data.path().join("lost+found/unknown").is_dir() && !unknown.exists());
}

/// Polled once, and dropped: what happens to a request whose client leaves.
fn leave<T>(request: impl Future<Output = T>) {
    let _ = futures::FutureExt::now_or_never(request);
}

/// The catalogue and what is in memory used to differ until a restart: `GET` said 404 and `POST`
/// that the name was taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_leaves_no_half_of_a_change() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    let context = context();
    let films = CreateCollection {
        name: "films".into(),
        dimension: Some(2),
        ..CreateCollection::default()
    };
    let there = async |wanted: bool| {
        while service.describe_collection(&context, "films").await.is_ok() != wanted {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    for _ in 0..5 {
        leave(service.create_collection(&context, films.clone()));
        there(true).await;
        let taken = service.create_collection(&context, films.clone()).await;
        refused(taken, ErrorCode::CollectionExists, "");
        let change = UpdateCollection { description: Some("new".into()), ..Default::default() };
        leave(service.update_collection(&context, "films", change));
        put(&service, "films", vec![vector(1, &[1.0, 0.0])]).await;
        leave(service.delete_collection(&context, "films"));
        there(false).await;
    }
    service.create_collection(&context, films).await.unwrap();
    service.shutdown().await;
    drop(service);
    let service = open(data.path()).await;
    assert_eq!(service.list_collections(&context).await.unwrap().len(), 1);
    assert_eq!(service.readiness().findings, []);
}

#[tokio::test]
async fn a_change_that_comes_to_its_turn_too_late_is_not_begun() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "films", Some(2)).await;
    let late = RequestContext::new(Door::Rest, Instant::now() - Duration::from_secs(1));
    let books = CreateCollection { name: "books".into(), dimension: Some(2), ..Default::default() };
    // Whether it was before the deadline is not certain where nothing had to be waited for.
    let made = service.create_collection(&late, books).await;
    let error = made.unwrap_err();
    let listed = service.list_collections(&context()).await.unwrap().len();
    assert_eq!(error.code, ErrorCode::DeadlineExceeded);
    assert_eq!(error.outcome == Outcome::NotApplied, listed == 1, "{error:?}, {listed}");
}

#[tokio::test]
async fn what_can_not_be_made_is_refused_and_leaves_nothing() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "taken", Some(2)).await;
    let request = |name: &str| CreateCollection { name: name.into(), ..Default::default() };
    for (request, code, field) in [
        (request("taken"), ErrorCode::CollectionExists, ""),
        (request("../x"), ErrorCode::InvalidName, "name"),
        (
            CreateCollection { dimension: Some(0), ..request("a") },
            ErrorCode::InvalidArgument,
            "dimension",
        ),
        (
            CreateCollection { dimension: Some(16_385), ..request("a") },
            ErrorCode::InvalidArgument,
            "dimension",
        ),
        (
            CreateCollection { metric: Some("hamming".into()), ..request("a") },
            ErrorCode::InvalidArgument,
            "metric",
        ),
        (
            CreateCollection {
                index: GivenIndex { engine: Some("ivf".into()), ..Default::default() },
                ..request("a")
            },
            ErrorCode::InvalidArgument,
            "index.engine",
        ),
        (
            CreateCollection { model: Some("gpt".into()), ..request("a") },
            ErrorCode::ModelNotFound,
            "",
        ),
        (
            CreateCollection { model: Some("hash".into()), dimension: Some(384), ..request("a") },
            ErrorCode::DimensionMismatch,
            "dimension",
        ),
        (
            CreateCollection { description: Some("x".repeat(1_025)), ..request("a") },
            ErrorCode::InvalidArgument,
            "description",
        ),
    ] {
        refused(service.create_collection(&context(), request).await, code, field);
    }
    assert_eq!(service.list_collections(&context()).await.unwrap().len(), 1);
    assert_eq!(std::fs::read_dir(data.path().join("collections")).unwrap().count(), 1);
}

#[tokio::test]
async fn idle_collections_close_and_open_again() {
    let data = tempfile::tempdir().unwrap();
    let storage = StorageConfig {
        max_open_collections: 2,
        idle_close_after: Duration::from_millis(400),
        ..StorageConfig::default()
    };
    let service = Config { storage, ..config(data.path()) }.open().await;
    service.models_settled().await;
    let open_now = |service: &Service| {
        let text = service.metrics_text();
        let line = text.lines().find(|line| line.starts_with("akidb_collections_open ")).unwrap();
        line.split(' ').next_back().unwrap().to_owned()
    };
    for i in 0..5 {
        create(&service, &format!("c{i}"), Some(2)).await;
        put(&service, &format!("c{i}"), vec![vector(i, &[1.0, 1.0])]).await;
        assert!(open_now(&service).parse::<u32>().unwrap() <= 2);
    }
    while open_now(&service) != "0" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for i in 0..5 {
        let name = format!("c{i}");
        assert_eq!(found(&service, &name, near(&[1.0, 1.0])).await, [i.to_string()]);
    }
}

/// The value of a metric without labels.
fn metric(service: &Service, name: &str) -> u64 {
    let text = service.metrics_text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap().parse().unwrap()
}

#[tokio::test]
async fn documents_of_closed_collections_are_counted_too() {
    let data = tempfile::tempdir().unwrap();
    let one_open = || {
        let storage = StorageConfig { max_open_collections: 1, ..config(data.path()).storage };
        Config { storage, ..config(data.path()) }
    };
    let service = one_open().open().await;
    service.models_settled().await;
    for i in 1..=3 {
        create(&service, &format!("c{i}"), Some(2)).await;
        put(&service, &format!("c{i}"), (0..i).map(|id| vector(id, &[1.0, 1.0])).collect()).await;
    }
    let counted = |service: &Service| {
        ["collections_open", "collections", "documents"]
            .map(|name| metric(service, &format!("akidb_{name}")))
    };
    assert_eq!(counted(&service), [1, 3, 6]);
    service.delete_document(&context(), "c3", GivenId::Integer(0), None).await.unwrap();
    found(&service, "c1", near(&[1.0, 1.0])).await;
    assert_eq!(counted(&service), [1, 3, 5]);
    service.delete_collection(&context(), "c2").await.unwrap();
    assert_eq!(counted(&service)[1..], [2, 3]);
    service.shutdown().await;
    drop(service);

    // Those that nobody has used since the start are counted behind it, and stay closed.
    let service = one_open().open().await;
    while counted(&service) != [0, 2, 3] {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_closing_and_writing_at_once_loses_nothing() {
    let data = tempfile::tempdir().unwrap();
    let storage = StorageConfig {
        max_open_collections: 1,
        idle_close_after: Duration::from_millis(1),
        ..StorageConfig::default()
    };
    let service = Config { storage, ..config(data.path()) }.open().await;
    service.models_settled().await;
    let service = Arc::new(service);
    for i in 0..4 {
        create(&service, &format!("c{i}"), Some(2)).await;
    }
    let writers = (0..8).map(|writer| {
        let service = Arc::clone(&service);
        tokio::spawn(async move {
            for i in 0..25 {
                let name = format!("c{}", (writer + i) % 4);
                put(&service, &name, vec![vector(writer * 100 + i, &[1.0, 1.0])]).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let mut total = 0;
    for i in 0..4 {
        let name = format!("c{i}");
        total += service.count_documents(&context(), &name, None).await.unwrap().count;
    }
    assert_eq!(total, 200);
}

#[tokio::test]
async fn a_second_service_on_the_same_directory_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let _first = open(data.path()).await;
    let storage = StorageConfig { lock_wait: Duration::ZERO, ..StorageConfig::default() };
    let second = Config { storage, ..config(data.path()) }.try_open().await.map(|_| ());
    assert!(matches!(second, Err(OpenError::Store(_))), "{second:?}");
}

#[tokio::test]
async fn a_missing_database_is_told_and_not_replaced_by_an_empty_one() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "films", Some(2)).await;
    service.shutdown().await;
    drop(service);
    let folder = std::fs::read_dir(data.path().join("collections")).unwrap().next().unwrap();
    let database = folder.unwrap().path().join("documents.db");
    let elsewhere = data.path().join("elsewhere.db");
    std::fs::rename(&database, &elsewhere).unwrap();
    let service = open(data.path()).await;
    let storage = || service.readiness().components.remove(0);
    assert!(storage().ready);
    let count = service.count_documents(&context(), "films", None).await;
    refused(count, ErrorCode::StorageFailed, "");
    let told = storage();
    assert!(!told.ready && told.detail.contains("\"films\""), "{}", told.detail);
    assert!(told.detail.contains("is missing"), "{}", told.detail);
    std::fs::rename(&elsewhere, &database).unwrap();
    assert_eq!(service.count_documents(&context(), "films", None).await.unwrap().count, 0);
    assert!(storage().ready);
}
