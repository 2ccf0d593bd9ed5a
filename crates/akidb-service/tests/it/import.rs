//! Imports: each line for itself, in order, at the pace of the slowest stage.

use std::time::Duration;

use akidb_core::{Error, ErrorCode, Limits};
use akidb_service::{
    GivenId, Import, ImportEnd, ImportEvent, ImportEvents, ImportLine, Include, LineOutcome,
    NewDocument, Service, UpsertStatus,
};
use futures::{Stream, StreamExt, channel::mpsc, stream};

use crate::{Config, config, context, create, open, refused, text};

fn line(number: u64, document: NewDocument) -> Result<ImportLine, Error> {
    Ok(ImportLine { number, bytes: 100, document: Ok(document) })
}

/// Lines 1 and so on.
fn lines(
    documents: impl IntoIterator<Item = NewDocument, IntoIter: Send + 'static>,
) -> impl Stream<Item = Result<ImportLine, Error>> + Send + 'static {
    stream::iter((1..).zip(documents).map(|(number, document)| line(number, document)))
}

async fn import(
    service: &Service,
    lines: impl Stream<Item = Result<ImportLine, Error>> + Send + 'static,
) -> ImportEvents {
    service.import(&context(), "notes", Import::default(), lines).await.unwrap()
}

/// All outcomes, and the end.
async fn finish(mut events: ImportEvents) -> (Vec<LineOutcome>, ImportEnd) {
    let mut outcomes = Vec::new();
    loop {
        match events.next().await.unwrap() {
            ImportEvent::Lines(lines) => outcomes.extend(lines),
            ImportEvent::Ended(end) => return (outcomes, end),
        }
    }
}

async fn service_with(change: impl FnOnce(&mut Config)) -> (tempfile::TempDir, Service) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&folder.path().join("data"));
    change(&mut config);
    let service = config.open().await;
    create(&service, "notes", None).await;
    (folder, service)
}

async fn count(service: &Service) -> u64 {
    service.count_documents(&context(), "notes", None).await.unwrap().count
}

/// The value of a metric without labels, or of all of its labels together.
fn metric(service: &Service, name: &str) -> f64 {
    let text = service.metrics_text();
    let values = text.lines().filter_map(|line| line.strip_prefix(name)?.rsplit_once(' '));
    values.map(|(_, value)| value.parse::<f64>().unwrap()).sum()
}

#[tokio::test]
async fn every_line_is_told_in_order_and_a_bad_one_fails_alone() {
    let (_folder, service) = service_with(|_| {}).await;
    let documents = (0..3_000).map(|i| match i % 10 {
        3 => text(i, " "),
        6 => NewDocument { vector: Some(vec![1.0]), ..text(i, "with a vector too short") },
        _ => text(i, &format!("note {i}")),
    });
    let unread = Error::at(ErrorCode::MalformedRequest, "document", "is not JSON");
    let unread = Ok(ImportLine { number: 3_001, bytes: 9, document: Err(unread) });
    let input = lines(documents).chain(stream::iter([unread]));
    let (outcomes, end) = finish(import(&service, input).await).await;
    assert!(outcomes.iter().map(|line| line.number).eq(1..=3_001));
    for (i, LineOutcome { result, .. }) in outcomes.into_iter().enumerate() {
        match i % 10 {
            _ if i == 3_000 => refused(result, ErrorCode::MalformedRequest, "document"),
            3 => refused(result, ErrorCode::InvalidText, "text"),
            6 => refused(result, ErrorCode::DimensionMismatch, "vector"),
            _ => {
                let result = result.unwrap();
                assert_eq!((result.id.to_string(), result.status), (i.to_string(), CREATED));
            }
        }
    }
    assert_eq!(end.stopped, None);
    let summary = end.summary;
    assert_eq!((summary.lines, summary.created, summary.failed), (3_001, 2_400, 601));
    assert_eq!(count(&service).await, 2_400);
    assert_eq!(metric(&service, "akidb_import_lines_total"), 3_001.0);
}

const CREATED: UpsertStatus = UpsertStatus::Created;

#[tokio::test]
async fn the_last_line_of_an_id_wins() {
    let (_folder, service) = service_with(|_| {}).await;
    let documents = (0..2_000).map(|i| text(i % 300, &format!("version {i}")));
    let (outcomes, end) = finish(import(&service, lines(documents)).await).await;
    for (i, line) in outcomes.iter().enumerate() {
        let is_first = line.result.as_ref().unwrap().status == CREATED;
        assert_eq!(is_first, i < 300, "{i}");
    }
    assert_eq!((end.summary.created, end.summary.updated), (300, 1_700));
    for id in [0, 100, 299] {
        let (context, include) = (context(), Include::default());
        let found = service.get_document(&context, "notes", GivenId::Integer(id), include);
        let last = if id < 200 { 1_800 + id } else { 1_500 + id };
        assert_eq!(found.await.unwrap().text.unwrap(), format!("version {last}"));
    }
}

#[tokio::test]
async fn a_key_makes_the_same_ids_wherever_a_line_stands() {
    let (_folder, service) = service_with(|_| {}).await;
    let without_id = |i: u64| NewDocument { id: None, ..text(0, &format!("note {i}")) };
    let keyed = async |key: Option<&str>, input: Vec<NewDocument>| {
        let request = Import { idempotency_key: key.map(str::to_owned), ..Import::default() };
        let events = service.import(&context(), "notes", request, lines(input)).await.unwrap();
        let summary = finish(events).await.1.summary;
        (summary.created, summary.updated)
    };
    assert_eq!(keyed(Some("a"), (0..10).map(without_id).collect()).await, (10, 0));
    assert_eq!(keyed(Some("a"), (5..15).rev().map(without_id).collect()).await, (5, 5));
    assert_eq!(keyed(Some("b"), (0..10).map(without_id).collect()).await, (10, 0));
    assert_eq!(keyed(None, (0..2).map(without_id).collect()).await, (2, 0));
    let request = Import { idempotency_key: Some("a b".to_owned()), ..Import::default() };
    let events = service.import(&context(), "notes", request, lines([])).await;
    refused(events, ErrorCode::InvalidArgument, "idempotency_key");
}

#[tokio::test]
async fn a_full_queue_is_waited_for() {
    let (_folder, service) = service_with(|config| {
        config.embedding.as_mut().unwrap().queue.queue_tokens = 700;
    })
    .await;
    let documents = (0..2_000).map(|i| text(i, &format!("one of many short notes {i}")));
    let (_, end) = finish(import(&service, lines(documents)).await).await;
    assert_eq!((end.summary.created, end.stopped), (2_000, None));
}

#[tokio::test]
async fn lines_are_stored_while_the_input_pauses() {
    let (_folder, service) = service_with(|_| {}).await;
    let (sender, input) = mpsc::unbounded();
    let mut events = import(&service, input).await;
    for number in 1..=3 {
        sender.unbounded_send(line(number, text(number as i64, "a note"))).unwrap();
        let Some(ImportEvent::Lines(told)) = events.next().await else { panic!() };
        assert_eq!((told.len(), told[0].number), (1, number));
        assert_eq!(count(&service).await, number);
    }
    drop(sender);
    assert_eq!(finish(events).await.1.summary.created, 3);
}

#[tokio::test]
async fn an_input_that_fails_keeps_what_came_before() {
    let (_folder, service) = service_with(|_| {}).await;
    let broken = Error::new(ErrorCode::MalformedRequest, "the body broke off");
    let input = lines((0..300).map(|i| text(i, "a note"))).chain(stream::iter([Err(broken)]));
    let (outcomes, end) = finish(import(&service, input).await).await;
    assert_eq!((outcomes.len(), end.summary.created), (300, 300));
    assert_eq!(end.stopped.unwrap().code, ErrorCode::MalformedRequest);
}

#[tokio::test]
async fn nothing_is_left_to_do_when_nobody_listens() {
    let (_folder, service) = service_with(|_| {}).await;
    let endless = lines((0..).map(|i| text(i, &format!("note {i} of very many"))));
    let mut events = import(&service, endless).await;
    events.next().await.unwrap();
    drop(events);
    while metric(&service, "akidb_requests_in_flight") > 0.0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // What the queue still held is thrown out by the next batch.
    let documents = (0..2).map(|i| text(i, "the next"));
    let (_, end) = finish(import(&service, lines(documents)).await).await;
    assert_eq!(end.summary.lines, 2);
    assert_eq!(metric(&service, "akidb_embedding_queue_depth"), 0.0);
}

#[tokio::test]
async fn a_shutdown_ends_an_import_and_stores_what_was_read() {
    let (folder, service) = service_with(|_| {}).await;
    let (sender, input) = mpsc::unbounded();
    let mut events = import(&service, input).await;
    sender.unbounded_send(line(1, text(1, "a note"))).unwrap();
    events.next().await.unwrap();
    service.shutdown().await;
    let (_, end) = finish(events).await;
    assert_eq!(end.stopped.unwrap().code, ErrorCode::ShuttingDown);
    drop(service);
    assert_eq!(count(&open(&folder.path().join("data")).await).await, 1);
}

#[tokio::test]
async fn a_dropped_collection_and_a_deadline_end_an_import() {
    let (_folder, service) = service_with(|_| {}).await;
    let (sender, input) = mpsc::unbounded();
    let events = import(&service, input).await;
    service.delete_collection(&context(), "notes").await.unwrap();
    create(&service, "notes", None).await;
    sender.unbounded_send(line(1, text(1, "a note"))).unwrap();
    let (outcomes, end) = finish(events).await;
    assert_eq!(outcomes[0].result.as_ref().unwrap_err().code, ErrorCode::CollectionNotFound);
    assert_eq!(end.stopped.unwrap().code, ErrorCode::CollectionNotFound);
    assert_eq!(count(&service).await, 0);

    let mut late = context();
    late.deadline = std::time::Instant::now();
    let events = service.import(&late, "notes", Import::default(), stream::pending()).await;
    let (_, end) = finish(events.unwrap()).await;
    assert_eq!(end.stopped.unwrap().code, ErrorCode::DeadlineExceeded);
}

#[tokio::test]
async fn only_so_many_imports_run_at_once() {
    let limits = Limits { concurrent_imports: 1, ..Limits::default() };
    let (_folder, service) = service_with(|config| config.limits = limits).await;
    let running = import(&service, stream::pending()).await;
    let again = service.import(&context(), "notes", Import::default(), stream::pending()).await;
    refused(again, ErrorCode::Overloaded, "");
    drop(running);
    while service.import(&context(), "notes", Import::default(), stream::empty()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let unknown = service.import(&context(), "nothing", Import::default(), stream::empty()).await;
    refused(unknown, ErrorCode::CollectionNotFound, "");
}
