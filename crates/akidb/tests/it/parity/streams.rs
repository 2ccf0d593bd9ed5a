//! Upserts that stream refuse a message as REST refuses the same batch, and say which message it is.

use akidb_proto::collection::v1::{
    DocumentId, NewDocument, StreamUpsertDocumentsRequest, Vector, document_id,
};
use serde_json::json;
use tonic::codegen::tokio_stream;

use super::{
    answer::{Fault, is_same_fault},
    cases::{self, Case, Expect},
    doors::small_node,
    grpc::{GrpcDoor, fault},
    request::{Operation, Request},
    rest::RestDoor,
    to_wire, wrong_cases,
};

const COLLECTIONS: [&str; 4] = ["films", "points", "dots", "flat"];

#[tokio::test]
async fn a_stream_refuses_what_an_upsert_refuses() {
    let (_folder, node) = small_node();
    let (rest, mut grpc) = (RestDoor::new(&node), GrpcDoor::connect(&node).await);
    for case in cases::collections() {
        rest.ask(&case.request).await.unwrap();
    }
    let (mut complaints, mut asked) = (Vec::new(), 0);
    let wrong = wrong_cases::documents().into_iter().chain(wrong_cases::vectors());
    for case in wrong.filter(is_refused_upsert) {
        let expected = in_second_message(rest.ask(&case.request).await.unwrap_err());
        let found = stream(&mut grpc, &case.request).await;
        if !is_same_fault(&expected, &found) {
            let asked = &case.request;
            complaints.push(format!("{asked}\n    REST: {expected:?}\n    stream: {found:?}"));
        }
        asked += 1;
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    assert!(asked > 30, "{asked}");
    for collection in COLLECTIONS {
        let count = Request::new(Operation::Count, collection, json!({}));
        // The first message stays applied.
        assert_eq!(rest.ask(&count).await.unwrap()["count"], 1, "{collection}");
    }
}

fn is_refused_upsert(case: &Case) -> bool {
    let is_refused = matches!(case.expect, Expect::Refusal(..));
    is_refused && case.request.operation == Operation::Upsert && !case.in_own_words
}

/// What is said of a batch, where it is the message behind one of one document.
fn in_second_message(mut fault: Fault) -> Fault {
    let joint = if fault.violations.is_empty() { ": " } else { "." };
    let said = fault.message;
    fault.message =
        format!("messages[1]{joint}{said} (applied before it: 1 messages, 1 documents)");
    for violation in &mut fault.violations {
        violation.field = format!("messages[1].{}", violation.field);
    }
    fault
}

/// Streams a good message and then the request.
async fn stream(door: &mut GrpcDoor, request: &Request) -> Fault {
    let Some(to_wire::Message::Upsert(wrong)) = to_wire::read(request) else {
        panic!("{request} is no upsert");
    };
    let dimension = match request.collection.as_str() {
        "films" => 8,
        "flat" => 2,
        _ => 3,
    };
    let good = NewDocument {
        id: Some(DocumentId { kind: Some(document_id::Kind::Integer(1)) }),
        vector: Some(Vector { values: vec![1.0; dimension], ..Default::default() }),
        ..Default::default()
    };
    let messages = [
        StreamUpsertDocumentsRequest {
            collection: wrong.collection,
            documents: vec![good],
            ..Default::default()
        },
        StreamUpsertDocumentsRequest {
            documents: wrong.documents,
            idempotency_key: wrong.idempotency_key,
            ..Default::default()
        },
    ];
    let answer = door.collections.stream_upsert_documents(tokio_stream::iter(messages)).await;
    fault(&answer.unwrap_err(), request)
}
