//! Tasks: copies, what refuses them, what becomes of them.

use std::path::Path;

use akidb_core::ErrorCode;
use akidb_engine::{StorageEngine, TaskRecord, TaskState};
use akidb_local::{LocalConfig, LocalEngine};
use akidb_service::{
    CollectionDescription, CreateCollection, GivenAlias, GivenAliasAction, Service, TaskInfo,
    TaskKind, TaskProgressState,
};
use prometheus::Registry;

use crate::{Config, config, context, create, open, put, refused, text, vector};

/// Vectors that the index of each field holds.
fn vector_counts(described: &CollectionDescription) -> Vec<u64> {
    described.indexes.values().map(|index| index.vector_count).collect()
}

/// A task when it is over.
pub(crate) async fn ended(service: &Service, task: &TaskInfo) -> TaskInfo {
    loop {
        let task = service.task(&context(), &task.id).await.unwrap();
        if !matches!(task.state, TaskProgressState::Pending | TaskProgressState::Running) {
            return task;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

async fn copied(service: &Service, of: &str, to: &str) {
    let task = service.copy_collection(&context(), of, to).await.unwrap();
    assert_eq!((task.collection.as_deref(), task.to.as_deref()), (Some(of), Some(to)));
    let task = ended(service, &task).await;
    assert_eq!((task.state, task.progress), (TaskProgressState::Succeeded, 1.0), "{task:?}");
}

fn folders(data: &Path) -> usize {
    std::fs::read_dir(data.join("collections")).unwrap().count()
}

/// A collection whose copy takes a while.
async fn create_large(service: &Service, name: &str) {
    create(service, name, Some(256)).await;
    for batch in 0..20 {
        let vectors = (0..500).map(|id| vector(batch * 500 + id, &[0.5; 256]));
        put(service, name, vectors.collect()).await;
    }
}

#[tokio::test]
async fn a_copy_has_all_that_there_was_and_goes_its_own_way() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "texts", None).await;
    put(&service, "texts", vec![text(1, "a clock"), text(2, "the sea"), text(3, "a tree")]).await;
    let index = akidb_service::GivenIndex { m: Some(8), ..Default::default() };
    let cut = CreateCollection {
        name: "cut".into(),
        chunking: Some(akidb_service::GivenChunking { tokens: Some(12), overlap: None }),
        index,
        description: Some("in passages".into()),
        ..CreateCollection::default()
    };
    service.create_collection(&context(), cut).await.unwrap();
    put(&service, "cut", vec![text(1, &"One sentence of this. ".repeat(9))]).await;
    copied(&service, "texts", "texts-2").await;
    copied(&service, "cut", "cut-2").await;

    for name in ["texts", "cut"] {
        let of = service.describe_collection(&context(), name).await.unwrap();
        let copy = service.describe_collection(&context(), &format!("{name}-2")).await.unwrap();
        assert_eq!(copy.summary.description, of.summary.description);
        assert_eq!(copy.summary.unnamed, of.summary.unnamed);
        assert_eq!((copy.document_count, copy.last_seq), (of.document_count, of.last_seq));
        assert_eq!(vector_counts(&copy), vector_counts(&of));
        assert_eq!(copy.lost_writes, []);
        assert_eq!(service.disagreements(&format!("{name}-2")).await.unwrap(), [""; 0]);
    }
    put(&service, "texts", vec![text(4, "a boat")]).await;
    put(&service, "texts-2", vec![text(5, "a lake")]).await;
    service.delete_collection(&context(), "texts").await.unwrap();
    service.shutdown().await;
    drop(service);
    let service = open(data.path()).await;
    assert_eq!(service.readiness().findings, []);
    let all = service.count_documents(&context(), "texts-2", None).await.unwrap();
    assert_eq!(all.count, 4);
    let tasks = service.tasks(&context()).await.unwrap();
    assert_eq!(
        tasks.iter().map(|task| task.to.as_deref()).collect::<Vec<_>>(),
        [Some("cut-2"), Some("texts-2")]
    );
}

#[tokio::test]
async fn what_can_not_be_copied_is_refused_and_leaves_nothing() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create_large(&service, "films").await;
    create(&service, "books", Some(2)).await;
    let named = GivenAlias { alias: "cinema".into(), collection: "films".into() };
    let actions = vec![GivenAliasAction { create: Some(named), ..Default::default() }];
    service.change_aliases(&context(), actions).await.unwrap();
    let copy = async |of, to| service.copy_collection(&context(), of, to).await;
    refused(copy("films", "films").await, ErrorCode::InvalidArgument, "to");
    refused(copy("cinema", "films").await, ErrorCode::InvalidArgument, "to");
    refused(copy("films", "books").await, ErrorCode::CollectionExists, "to");
    refused(copy("films", "cinema").await, ErrorCode::AliasExists, "to");
    refused(copy("films", "a/b").await, ErrorCode::InvalidName, "to");
    refused(copy("nothing", "copy").await, ErrorCode::CollectionNotFound, "");
    let task = copy("cinema", "copy").await.unwrap();
    let again = copy("films", "copy").await.unwrap_err();
    assert!(matches!(again.code, ErrorCode::TaskRunning | ErrorCode::CollectionExists), "{again}");
    assert_eq!(ended(&service, &task).await.state, TaskProgressState::Succeeded);
    assert_eq!(folders(data.path()), 3);
    refused(service.cancel_task(&context(), &task.id).await, ErrorCode::TaskEnded, "");
    for id in ["", "nothing", "01900000-0000-7000-8000-000000000000"] {
        refused(service.task(&context(), id).await, ErrorCode::TaskNotFound, "");
        refused(service.cancel_task(&context(), id).await, ErrorCode::TaskNotFound, "");
    }
}

/// What a task came to where something came in between; it may have been faster.
async fn cut_short(service: &Service, task: &TaskInfo, code: Option<ErrorCode>) -> bool {
    let task = ended(service, task).await;
    let error = task.error.as_ref().map(|(code, _)| *code);
    match task.state {
        TaskProgressState::Succeeded => return false,
        TaskProgressState::Cancelled => assert_eq!(code, None, "{task:?}"),
        _ => assert_eq!((task.state, error), (TaskProgressState::Failed, code), "{task:?}"),
    }
    true
}

#[tokio::test]
async fn a_name_that_is_taken_meanwhile_a_drop_and_a_cancellation_end_a_copy() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create_large(&service, "films").await;
    create(&service, "first", Some(256)).await;
    // They wait for the one before them.
    let before = service.copy_collection(&context(), "films", "before").await.unwrap();
    let dropped = service.copy_collection(&context(), "first", "dropped").await.unwrap();
    let cancelled = service.copy_collection(&context(), "films", "cancelled").await.unwrap();
    let taken = service.copy_collection(&context(), "films", "taken").await.unwrap();
    service.delete_collection(&context(), "first").await.unwrap();
    let cancellation = service.cancel_task(&context(), &cancelled.id).await;
    let taking =
        CreateCollection { name: "taken".into(), dimension: Some(2), ..Default::default() };
    let is_taken = service.create_collection(&context(), taking).await.is_ok();

    let mut expected = vec!["before", "films", "taken"];
    assert_eq!(ended(&service, &before).await.state, TaskProgressState::Succeeded);
    if !cut_short(&service, &dropped, Some(ErrorCode::CollectionNotFound)).await {
        expected.push("dropped");
    }
    if cut_short(&service, &cancelled, None).await {
        assert_eq!(cancellation.unwrap().state, TaskProgressState::Cancelled);
    } else {
        refused(cancellation, ErrorCode::TaskEnded, "");
        expected.push("cancelled");
    }
    let is_cut_short = cut_short(&service, &taken, Some(ErrorCode::CollectionExists)).await;
    assert_eq!(is_cut_short, is_taken);
    let names = service.list_collections(&context()).await.unwrap();
    let names: Vec<_> = names.iter().map(|listed| listed.name.as_str()).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(folders(data.path()), names.len());
}

#[tokio::test]
async fn what_a_stop_holds_up_goes_on_at_the_next_start_and_old_tasks_are_forgotten() {
    let data = tempfile::tempdir().unwrap();
    let mut service = open(data.path()).await;
    create_large(&service, "films").await;
    let mut tasks = Vec::new();
    for name in ["a", "b", "c"] {
        tasks.push(service.copy_collection(&context(), "films", name).await.unwrap());
    }
    service.shutdown().await;
    drop(service);
    service = open(data.path()).await;
    for task in &tasks {
        assert_eq!(ended(&service, task).await.state, TaskProgressState::Succeeded);
    }
    assert_eq!(folders(data.path()), 4);
    service.shutdown().await;
    drop(service);
    let mut few = config(data.path());
    few.limits.ended_tasks = 2;
    let service = few.open().await;
    copied(&service, "films", "d").await;
    copied(&service, "films", "e").await;
    let kept = service.tasks(&context()).await.unwrap();
    let kept: Vec<_> = kept.into_iter().filter(|task| task.ended_unix_ms.is_some()).collect();
    assert_eq!(
        kept.iter().map(|task| task.to.as_deref()).collect::<Vec<_>>(),
        [Some("e"), Some("d")]
    );
}

/// What has no record of its own is told of from its state while it goes on.
#[tokio::test]
async fn an_index_that_is_built_is_shown_while_it_is() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    let shown = async |id: &str| {
        let tasks = service.tasks(&context()).await.unwrap();
        tasks.into_iter().find(|task| task.id == id)
    };
    create_large(&service, "films").await;
    let building = 'seen: loop {
        for m in [8, 12] {
            let index = akidb_service::GivenIndex { m: Some(m), ..Default::default() };
            let update = akidb_service::UpdateCollection { index, ..Default::default() };
            service.update_collection(&context(), "films", update).await.unwrap();
            if let Some(task) = shown("index:films").await {
                break 'seen task;
            }
        }
    };
    assert_eq!((building.kind, building.state), (TaskKind::BuildIndex, TaskProgressState::Running));
    assert_eq!(building.collection.as_deref(), Some("films"));
    assert!((0.0..=1.0).contains(&building.progress), "{building:?}");
    assert_eq!(building.ended_unix_ms, None);
    while shown("index:films").await.is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// Killed between the commit that makes a copy and the one that says that it is made.
#[tokio::test]
async fn a_copy_that_was_made_and_not_noted_is_not_made_again() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "films", Some(2)).await;
    put(&service, "films", vec![vector(1, &[1.0, 0.0])]).await;
    copied(&service, "films", "copy").await;
    service.shutdown().await;
    drop(service);
    let Config { data_dir, storage, index, .. } = config(data.path());
    let config = LocalConfig { storage, index, ..LocalConfig::new(data_dir) };
    let registry = Registry::new();
    let engine = LocalEngine::open(config, &registry).await.unwrap();
    let task = TaskRecord {
        state: TaskState::Running,
        ended_unix_ms: None,
        ..TaskRecord::clone(&engine.tasks()[0])
    };
    engine.keep_task(task, Vec::new()).await.unwrap();
    engine.close().await;
    drop(engine);
    let service = open(data.path()).await;
    let task = service.tasks(&context()).await.unwrap().remove(0);
    assert_eq!(ended(&service, &task).await.state, TaskProgressState::Succeeded);
    assert_eq!(service.count_documents(&context(), "copy", None).await.unwrap().count, 1);
}
