//! Streaming upsert and scroll.

use akidb_core::Limits;
use akidb_listener::ListenerOptions;
use akidb_proto::collection::v1::{
    CountDocumentsRequest, DocumentIds, GetDocumentsRequest, ScrollDocumentsRequest,
    StreamUpsertDocumentsRequest, Struct, get_documents_request::Selection,
};
use tokio_stream::StreamExt;
use tonic::Code;
use tonic_types::StatusExt;

use crate::node::{Node, document, error_of, integer};

fn batch(ids: std::ops::Range<i64>) -> StreamUpsertDocumentsRequest {
    StreamUpsertDocumentsRequest {
        collection: "c".to_owned(),
        documents: ids.map(document).collect(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_stream_of_batches_is_summed_up() {
    let node = Node::start().await;
    let mut client = node.with_collection().await;
    let mut later = batch(5..15);
    later.collection.clear();
    let messages = tokio_stream::iter([batch(0..10), later]);
    let reply = client.stream_upsert_documents(messages).await.unwrap().into_inner();
    assert_eq!((reply.messages, reply.documents), (2, 20));
    assert_eq!((reply.created, reply.updated), (15, 5));
}

#[tokio::test]
async fn a_stream_that_fails_says_what_stays_applied() {
    let node = Node::start().await;
    let mut client = node.with_collection().await;
    let mut wrong = batch(20..30);
    wrong.documents[3].vector.as_mut().unwrap().values.push(1.0);
    let messages = tokio_stream::iter([batch(0..10), batch(10..12), wrong, batch(30..40)]);
    let error = client.stream_upsert_documents(messages).await.unwrap_err();
    assert_eq!(error_of(&error), (Code::InvalidArgument, "dimension_mismatch".to_owned()));
    assert!(error.message().ends_with("(applied before it: 2 messages, 12 documents)"), "{error}");
    let details = error.get_error_details();
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!(metadata["applied_messages"], "2");
    assert_eq!(metadata["applied_documents"], "12");
    let violation = &details.bad_request().unwrap().field_violations[0];
    assert_eq!(violation.field, "messages[2].documents[3].vector");
    let request = CountDocumentsRequest { collection: "c".to_owned(), filter: None };
    assert_eq!(client.count_documents(request).await.unwrap().into_inner().count, 12);
}

#[tokio::test]
async fn a_scroll_streams_every_page_and_can_be_resumed() {
    let node = Node::start().await;
    let mut client = node.with_collection().await;
    client.stream_upsert_documents(tokio_stream::once(batch(0..25))).await.unwrap();
    let request = ScrollDocumentsRequest {
        collection: "c".to_owned(),
        limit: Some(10),
        ..Default::default()
    };
    let pages = client.scroll_documents(request.clone()).await.unwrap().into_inner();
    let pages: Vec<_> = pages.map(|page| page.unwrap()).collect().await;
    assert_eq!(pages.iter().map(|page| page.documents.len()).collect::<Vec<_>>(), [10, 10, 5]);
    let rest = ScrollDocumentsRequest { cursor: pages[0].next_cursor.clone(), ..request.clone() };
    let rest = client.scroll_documents(rest).await.unwrap().into_inner();
    let rest: Vec<_> = rest.map(|page| page.unwrap()).collect().await;
    assert_eq!(rest, pages[1..]);
    let wrong = ScrollDocumentsRequest { cursor: Some("nope".to_owned()), ..request };
    let mut wrong = client.scroll_documents(wrong).await.unwrap().into_inner();
    let error = wrong.next().await.unwrap().unwrap_err();
    assert_eq!(error_of(&error), (Code::InvalidArgument, "invalid_cursor".to_owned()));
}

#[tokio::test]
async fn replies_that_fit_no_message_are_cut_or_refused() {
    let limits = Limits { grpc_message_bytes: 2_000, ..Limits::default() };
    let node = Node::start_with(limits, ListenerOptions::default()).await;
    let mut client = node.with_collection().await;
    let batches = (0..20).map(|first| batch(first * 10..first * 10 + 10));
    client.stream_upsert_documents(tokio_stream::iter(batches)).await.unwrap();
    let get = |selection, cursor| GetDocumentsRequest {
        collection: "c".to_owned(),
        selection: Some(selection),
        cursor,
        ..Default::default()
    };
    let (mut cursor, mut received) = (None, 0);
    loop {
        let asked = get(Selection::Filter(Struct::default()), cursor);
        let page = client.get_documents(asked).await.unwrap().into_inner();
        received += page.documents.len();
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(received, 200);
    let ids = DocumentIds { ids: (0..200).map(integer).collect() };
    let error = client.get_documents(get(Selection::Ids(ids), None)).await.unwrap_err();
    assert_eq!(error_of(&error), (Code::InvalidArgument, "limit_exceeded".to_owned()));
    assert!(error.message().contains("grpc_message_bytes = 2000"), "{error}");
    let request = ScrollDocumentsRequest {
        collection: "c".to_owned(),
        limit: Some(200),
        ..Default::default()
    };
    let parts = client.scroll_documents(request).await.unwrap().into_inner();
    let parts: Vec<_> = parts.map(|part| part.unwrap()).collect().await;
    assert!(parts.len() > 1);
    assert_eq!(parts.iter().map(|part| part.documents.len()).sum::<usize>(), 200);
}
