//! Texts embedded with another model: what is written and searched meanwhile, what refuses it, what becomes of it.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use akidb_core::ErrorCode;
use akidb_service::{
    CreateCollection, DeleteDocuments, GivenChunking, GivenField, GivenId, Include, PatchDocument,
    ReembedCollection, Search, Service, TaskInfo, TaskProgressState, UpdateCollection,
};

use crate::{config, context, create, put, refused, tasks::ended, text, vector};

/// With two models: `hash` of 32 dimensions, and `other` of 384.
async fn open(data_dir: &Path) -> Service {
    let mut config = config(data_dir);
    if let Some(embedding) = &mut config.embedding {
        embedding.additional_models = vec!["other".into()];
        embedding.loadable_models = vec!["third".into()];
    }
    let service = config.open().await;
    service.models_settled().await;
    service
}

async fn begin(
    service: &Service,
    name: &str,
    field: Option<&str>,
    model: &str,
) -> akidb_core::Result<TaskInfo> {
    let request = ReembedCollection { model: model.into(), field: field.map(str::to_owned) };
    service.reembed_collection(&context(), name, request).await
}

async fn reembedded(service: &Service, name: &str, field: Option<&str>, model: &str) -> TaskInfo {
    let task = begin(service, name, field, model).await.unwrap();
    let task = ended(service, &task).await;
    assert_eq!(task.state, TaskProgressState::Succeeded, "{task:?}");
    task
}

/// The model of a field, that it is being embedded with, and that of before.
async fn models(service: &Service, name: &str, field: &str) -> [Option<String>; 3] {
    let described = service.describe_collection(&context(), name).await.unwrap().summary;
    let mut fields = described.unnamed.into_iter().chain(described.fields);
    let field = fields.find(|it| it.name == field).unwrap();
    [field.model, field.reembedding, field.previous].map(|model| model.map(|model| model.name))
}

fn names(names: [&str; 3]) -> [Option<String>; 3] {
    names.map(|name| (!name.is_empty()).then(|| name.to_owned()))
}

/// Every document is what a search for its text finds first.
async fn all_are_found(
    service: &Service,
    name: &str,
    field: Option<&str>,
    texts: &[(i64, String)],
) {
    for (id, text) in texts {
        let search = Search {
            text: Some(text.clone()),
            field: field.map(str::to_owned),
            limit: Some(1),
            ..Search::default()
        };
        let reply = service.search(&context(), name, search).await.unwrap();
        let found: Vec<_> = reply.hits.iter().map(|hit| hit.document.id.to_string()).collect();
        assert_eq!(found, [id.to_string()], "{text}");
    }
    let count = service.count_documents(&context(), name, None).await.unwrap().count;
    assert_eq!(count, texts.len() as u64);
    assert_eq!(service.disagreements(name).await.unwrap(), [""; 0]);
}

fn texts(ids: std::ops::Range<i64>) -> Vec<(i64, String)> {
    ids.map(|id| (id, format!("the text number {id} of this collection, {}", id * 7))).collect()
}

async fn put_texts(service: &Service, name: &str, texts: &[(i64, String)]) {
    for some in texts.chunks(100) {
        put(service, name, some.iter().map(|(id, it)| text(*id, it)).collect()).await;
    }
}

/// Writes that go on until they are told to stop: documents made, changed and deleted, one after the other.
async fn write(service: Service, name: &'static str, stop: Arc<AtomicBool>) -> Vec<(i64, String)> {
    let mut there = Vec::new();
    for id in 10_000.. {
        let context = context();
        put(&service, name, vec![text(id, &format!("made as number {id}"))]).await;
        let changed = format!("changed is the text of {id}");
        let patch = PatchDocument { text: Some(changed.clone()), ..PatchDocument::default() };
        match id % 4 {
            0 => there.push((id, format!("made as number {id}"))),
            1 => {
                service.patch_document(&context, name, GivenId::Integer(id), patch).await.unwrap();
                there.push((id, changed));
            }
            2 => {
                let metadata = serde_json::json!({"year": id}).as_object().cloned();
                let patch = PatchDocument { metadata, ..PatchDocument::default() };
                service.patch_document(&context, name, GivenId::Integer(id), patch).await.unwrap();
                there.push((id, format!("made as number {id}")));
            }
            _ => {
                let ids = Some(vec![GivenId::Integer(id)]);
                let request = DeleteDocuments { ids, ..DeleteDocuments::default() };
                service.delete_documents(&context, name, request).await.unwrap();
            }
        }
        if stop.load(Ordering::Acquire) {
            break;
        }
    }
    there
}

/// Searches that go on likewise: one of the first documents is always found by its text.
async fn search(service: Service, name: &'static str, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Acquire) {
        for (id, text) in texts(0..20) {
            let search = Search { text: Some(text), limit: Some(1), ..Search::default() };
            let reply = service.search(&context(), name, search).await.unwrap();
            assert_eq!(reply.hits.len(), 1);
            assert_eq!(reply.hits[0].document.id.to_string(), id.to_string());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_model_takes_over_in_one_step_while_documents_are_written_and_searched() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "texts", None).await;
    let mut there = texts(0..600);
    put_texts(&service, "texts", &there).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn(write(service.clone(), "texts", Arc::clone(&stop)));
    let searching = tokio::spawn(search(service.clone(), "texts", Arc::clone(&stop)));
    let task = reembedded(&service, "texts", None, "other").await;
    assert!(task.overlap.is_some_and(|overlap| (0.0..=1.0).contains(&overlap)), "{task:?}");
    assert_eq!((task.model.as_deref(), task.field.as_deref()), (Some("other"), None));
    tokio::time::sleep(Duration::from_millis(50)).await;
    stop.store(true, Ordering::Release);
    let written = writing.await.unwrap();
    assert!(!written.is_empty());
    there.extend(written);
    searching.await.unwrap();

    assert_eq!(models(&service, "texts", "").await, names(["other", "", "hash"]));
    all_are_found(&service, "texts", None, &there).await;
    service.shutdown().await;
    drop(service);
    let service = open(data.path()).await;
    all_are_found(&service, "texts", None, &there).await;

    // Back to what was kept, to which documents of meanwhile are lacking; then it goes.
    put_texts(&service, "texts", &texts(600..640)).await;
    there.extend(texts(600..640));
    reembedded(&service, "texts", None, "hash").await;
    assert_eq!(models(&service, "texts", "").await, names(["hash", "", "other"]));
    all_are_found(&service, "texts", None, &there).await;
    service.drop_previous(&context(), "texts", None).await.unwrap();
    reembedded(&service, "texts", None, "other").await;
    service.drop_previous(&context(), "texts", None).await.unwrap();
    assert_eq!(models(&service, "texts", "").await, names(["other", "", ""]));
    all_are_found(&service, "texts", None, &there).await;
    service.shutdown().await;
    drop(service);
    let service = open(data.path()).await;
    assert_eq!(service.readiness().findings, []);
    all_are_found(&service, "texts", None, &there).await;
    put_texts(&service, "texts", &texts(640..650)).await;
    there.extend(texts(640..650));
    all_are_found(&service, "texts", None, &there).await;
    let metrics = service.metrics_text();
    for line in [
        "akidb_tasks_ended_total{kind=\"reembed\",outcome=\"succeeded\"} 0",
        "akidb_tasks_running{kind=\"reembed\"} 0",
        "akidb_task_progress_ratio{kind=\"reembed\"} 0",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    reembedded(&service, "texts", None, "hash").await;
    let metrics = service.metrics_text();
    let line = "akidb_tasks_ended_total{kind=\"reembed\",outcome=\"succeeded\"} 1";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn named_fields_and_passages_are_embedded_anew_beside_the_others() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    let field = || GivenField { model: Some("hash".into()), ..GivenField::default() };
    let chunking = Some(GivenChunking { tokens: Some(12), overlap: None });
    let request = CreateCollection {
        name: "books".into(),
        fields: vec![
            ("body".into(), GivenField { chunking, ..field() }),
            ("own".into(), GivenField { dimension: Some(2), ..GivenField::default() }),
            ("title".into(), field()),
        ],
        ..CreateCollection::default()
    };
    service.create_collection(&context(), request).await.unwrap();
    let body = |id| format!("One sentence of the book {id}. ").repeat(9);
    let documents = (0..50).map(|id| akidb_service::NewDocument {
        id: Some(GivenId::Integer(id)),
        texts: vec![("title".into(), format!("the title {id}")), ("body".into(), body(id))],
        vectors: vec![("own".into(), vec![1.0, 0.5])],
        ..Default::default()
    });
    put(&service, "books", documents.collect()).await;
    let titles: Vec<(i64, String)> = (0..50).map(|id| (id, format!("the title {id}"))).collect();
    for field in ["title", "body"] {
        reembedded(&service, "books", Some(field), "other").await;
        assert_eq!(models(&service, "books", field).await, names(["other", "", "hash"]));
    }
    all_are_found(&service, "books", Some("title"), &titles).await;
    let all = Include { vector: true, ..Include::default() };
    let with_vectors =
        service.get_document(&context(), "books", GivenId::Integer(7), all).await.unwrap();
    let mut fields = with_vectors.fields.into_iter();
    let body = fields.next().unwrap();
    assert!(body.passages.len() > 1 && body.passages.iter().all(|it| it.vector.len() == 384));
    assert_eq!(fields.next().unwrap().vector, Some(vec![1.0, 0.5]));
    let title = fields.next().unwrap();
    assert_eq!(title.vector.map(|vector| vector.len()), Some(384));
    assert_eq!(title.text.as_deref(), Some("the title 7"));
    assert_eq!(fields.next(), None);

    let patch = PatchDocument { texts: vec![("title".into(), "sea".into())], ..Default::default() };
    service.patch_document(&context(), "books", GivenId::Integer(3), patch).await.unwrap();
    reembedded(&service, "books", Some("title"), "hash").await;
    let mut titles = titles;
    titles[3].1 = "sea".into();
    all_are_found(&service, "books", Some("title"), &titles).await;
    service.drop_previous(&context(), "books", Some("title")).await.unwrap();
    service.drop_field(&context(), "books", "body").await.unwrap();
    all_are_found(&service, "books", Some("title"), &titles).await;
    service.shutdown().await;
    drop(service);
    let service = open(data.path()).await;
    all_are_found(&service, "books", Some("title"), &titles).await;
}

#[tokio::test]
async fn what_can_not_be_embedded_anew_is_refused_and_stays_as_it_is() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "texts", None).await;
    create(&service, "vectors", Some(2)).await;
    create(&service, "mixed", None).await;
    put_texts(&service, "texts", &texts(0..10)).await;
    put(&service, "vectors", vec![vector(1, &[1.0, 0.0])]).await;
    put(&service, "mixed", vec![vector(1, &[0.5; 32])]).await;
    refused(begin(&service, "texts", None, "hash").await, ErrorCode::InvalidArgument, "model");
    refused(begin(&service, "texts", None, "none").await, ErrorCode::ModelNotFound, "");
    refused(begin(&service, "texts", None, "third").await, ErrorCode::ModelNotReady, "");
    refused(begin(&service, "texts", Some("title"), "other").await, ErrorCode::FieldNotFound, "");
    refused(begin(&service, "texts", Some(""), "other").await, ErrorCode::InvalidName, "field");
    refused(begin(&service, "none", None, "other").await, ErrorCode::CollectionNotFound, "");
    refused(begin(&service, "vectors", None, "other").await, ErrorCode::ModelMismatch, "");
    refused(begin(&service, "mixed", None, "other").await, ErrorCode::TextsMissing, "");
    let dropped = service.drop_previous(&context(), "texts", None).await;
    refused(dropped, ErrorCode::FieldNotFound, "");

    // One of many documents without a text ends the task, and nothing is left of it.
    put_texts(&service, "mixed", &texts(10..200)).await;
    let task = begin(&service, "mixed", None, "other").await.unwrap();
    let task = ended(&service, &task).await;
    let error = task.error.map(|(code, _)| code);
    assert_eq!((task.state, error), (TaskProgressState::Failed, Some(ErrorCode::TextsMissing)));
    assert_eq!(models(&service, "mixed", "").await, names(["hash", "", ""]));

    reembedded(&service, "texts", None, "other").await;
    service.load_model(&context(), "third").await.unwrap();
    service.models_settled().await;
    refused(begin(&service, "texts", None, "third").await, ErrorCode::VectorsKept, "");
    assert_eq!(models(&service, "texts", "").await, names(["other", "", "hash"]));
}

#[tokio::test]
async fn what_becomes_of_the_collection_meanwhile_is_that_of_the_task() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    for name in ["first", "dropped", "renamed", "cancelled"] {
        create(&service, name, None).await;
        put_texts(&service, name, &texts(0..300)).await;
    }
    // It holds the others up.
    create(&service, "large", Some(256)).await;
    for batch in 0..20 {
        let vectors = (0..500).map(|id| vector(batch * 500 + id, &[0.5; 256]));
        put(&service, "large", vectors.collect()).await;
    }
    let copy = service.copy_collection(&context(), "large", "copy").await.unwrap();
    let first = begin(&service, "first", None, "other").await.unwrap();
    let again = begin(&service, "first", None, "other").await;
    assert!(
        matches!(&again, Err(error) if error.code == ErrorCode::TaskRunning)
            || ended(&service, &first).await.state == TaskProgressState::Succeeded,
        "{again:?}"
    );
    let dropped = begin(&service, "dropped", None, "other").await.unwrap();
    let renamed = begin(&service, "renamed", None, "other").await.unwrap();
    let cancelled = begin(&service, "cancelled", None, "other").await.unwrap();
    let cancellation = service.cancel_task(&context(), &cancelled.id).await;
    service.delete_collection(&context(), "dropped").await.unwrap();
    let request = UpdateCollection { name: Some("other".into()), ..UpdateCollection::default() };
    service.update_collection(&context(), "renamed", request).await.unwrap();

    assert_eq!(ended(&service, &copy).await.state, TaskProgressState::Succeeded);
    let dropped = ended(&service, &dropped).await;
    let error = dropped.error.map(|(code, _)| code);
    assert!(matches!(
        (dropped.state, error),
        (TaskProgressState::Failed, Some(ErrorCode::CollectionNotFound))
            | (TaskProgressState::Succeeded, None)
    ));
    assert_eq!(ended(&service, &renamed).await.state, TaskProgressState::Succeeded);
    all_are_found(&service, "other", None, &texts(0..300)).await;
    if cancellation.is_ok() {
        assert_eq!(models(&service, "cancelled", "").await, names(["hash", "", ""]));
    }
    all_are_found(&service, "cancelled", None, &texts(0..300)).await;
    // A copy has what is searched, and nothing beside it.
    let copy = service.copy_collection(&context(), "first", "copied").await.unwrap();
    assert_eq!(ended(&service, &copy).await.state, TaskProgressState::Succeeded);
    assert_eq!(models(&service, "copied", "").await, names(["other", "", ""]));
    all_are_found(&service, "copied", None, &texts(0..300)).await;
}

#[tokio::test]
async fn what_a_stop_holds_up_goes_on_at_the_next_start() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "texts", None).await;
    put_texts(&service, "texts", &texts(0..2_000)).await;
    let task = begin(&service, "texts", None, "other").await.unwrap();
    service.shutdown().await;
    drop(service);
    let service = open(data.path()).await;
    assert_eq!(ended(&service, &task).await.state, TaskProgressState::Succeeded);
    assert_eq!(models(&service, "texts", "").await, names(["other", "", "hash"]));
    all_are_found(&service, "texts", None, &texts(0..2_000)).await;
}
