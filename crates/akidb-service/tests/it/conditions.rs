//! Writes under conditions, and changes in place.

use akidb_core::{DocumentId, ErrorCode, WriteMode};
use akidb_service::{
    CreateCollection, GetDocuments, GivenChunking, GivenId, Import, ImportEvent, ImportLine,
    Include, NewDocument, PatchDocument, Service, UpdateDocuments, Upsert,
};
use futures::stream;
use serde_json::{Value, json};

use crate::{context, create, found, open, put, refused, text, upsert, vector};

async fn document(service: &Service, name: &str, id: GivenId) -> akidb_core::Document {
    let include = Include { vector: true, ..Include::default() };
    service.get_document(&context(), name, id, include).await.unwrap()
}

fn patch(metadata: Value) -> PatchDocument {
    PatchDocument { metadata: metadata.as_object().cloned(), ..PatchDocument::default() }
}

#[tokio::test]
async fn writes_are_refused_where_documents_are_not_as_required() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "v", Some(1)).await;
    put(&service, "v", vec![vector(1, &[1.0]), vector(2, &[2.0])]).await;
    let write = async |mode, documents: Vec<NewDocument>| {
        let request = Upsert { mode, ..upsert(documents) };
        service.upsert(&context(), "v", request).await
    };
    let of_version = |id, seq| NewDocument { if_seq: Some(seq), ..vector(id, &[9.0]) };
    let reply = write(WriteMode::Create, vec![vector(3, &[1.0]), vector(2, &[1.0])]).await;
    refused(reply, ErrorCode::DocumentExists, "documents[1].id");
    let reply = write(WriteMode::Update, vec![vector(1, &[1.0]), vector(4, &[1.0])]).await;
    refused(reply, ErrorCode::DocumentNotFound, "documents[1].id");
    let reply = write(WriteMode::Upsert, vec![of_version(1, 1), of_version(2, 9)]).await;
    refused(reply, ErrorCode::ConditionFailed, "documents[1].if_seq");
    let reply = write(WriteMode::Create, vec![of_version(7, 1)]).await;
    refused(reply, ErrorCode::InvalidArgument, "documents[0].if_seq");
    let without_id = NewDocument { id: None, ..vector(1, &[1.0]) };
    let reply = write(WriteMode::Update, vec![without_id]).await;
    refused(reply, ErrorCode::InvalidId, "documents[0].id");
    assert_eq!(service.describe_collection(&context(), "v").await.unwrap().last_seq, 2);
    let reply = write(WriteMode::Upsert, vec![of_version(1, 1)]).await.unwrap();
    assert_eq!(reply.results[0].seq.0, 3);

    let id = || GivenId::Integer(1);
    let stale = PatchDocument { if_seq: Some(1), ..patch(json!({"a": 1})) };
    let patched = service.patch_document(&context(), "v", id(), stale).await;
    refused(patched, ErrorCode::ConditionFailed, "if_seq");
    let deleted = service.delete_document(&context(), "v", id(), Some(1)).await;
    refused(deleted, ErrorCode::ConditionFailed, "if_seq");
    service.delete_document(&context(), "v", id(), Some(3)).await.unwrap();
}

/// A line that is not as required fails alone, and is held against the lines before it.
#[tokio::test]
async fn lines_of_an_import_keep_to_their_conditions() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "v", Some(1)).await;
    put(&service, "v", vec![vector(1, &[1.0])]).await;
    let import = async |mode, documents: Vec<NewDocument>| {
        let lines = (1..)
            .zip(documents)
            .map(|(number, document)| Ok(ImportLine { number, bytes: 10, document: Ok(document) }));
        let lines = stream::iter(lines.collect::<Vec<_>>());
        let request = Import { mode, ..Import::default() };
        let mut events = service.import(&context(), "v", request, lines).await.unwrap();
        let mut told = Vec::new();
        while let Some(event) = events.next().await {
            if let ImportEvent::Lines(lines) = event {
                told.extend(lines.into_iter().map(|line| match line.result {
                    Ok(stored) => stored.status.as_str(),
                    Err(error) => error.code.as_str(),
                }));
            }
        }
        told
    };
    let of_version = |id, seq| NewDocument { if_seq: Some(seq), ..vector(id, &[9.0]) };
    let twice = vec![vector(1, &[2.0]), vector(2, &[2.0]), vector(2, &[3.0])];
    let told = import(WriteMode::Create, twice).await;
    assert_eq!(told, ["document_exists", "created", "document_exists"]);
    let told = import(WriteMode::Update, vec![vector(2, &[4.0]), vector(3, &[4.0])]).await;
    assert_eq!(told, ["updated", "document_not_found"]);
    let told = import(WriteMode::Upsert, vec![of_version(1, 1), of_version(1, 1)]).await;
    assert_eq!(told, ["updated", "condition_failed"]);
}

#[tokio::test]
async fn a_patched_text_is_embedded_again() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    let request = CreateCollection {
        name: "t".to_owned(),
        chunking: Some(GivenChunking { tokens: Some(9), overlap: Some(0) }),
        ..CreateCollection::default()
    };
    service.create_collection(&context(), request).await.unwrap();
    let long = "The road is long and dull today. ".repeat(4);
    put(&service, "t", vec![text(1, "a ship"), text(2, &long)]).await;
    let id = || GivenId::Integer(1);
    let other = PatchDocument { text: Some(long.clone()), ..patch(json!({"seen": true})) };
    let patched = service.patch_document(&context(), "t", id(), other.clone()).await.unwrap();
    assert_eq!(patched.text.as_ref(), Some(&long));
    let [first, second] = [1, 2].map(|id| document(&service, "t", GivenId::Integer(id)));
    let (first, second) = (first.await, second.await);
    assert!(first.passages.len() > 1);
    assert_eq!(first.passages, second.passages);
    let again = service.patch_document(&context(), "t", id(), other).await.unwrap();
    assert_eq!(again.seq, patched.seq, "a patch that changes nothing changes nothing");
    let blank = PatchDocument { text: Some(" ".to_owned()), ..PatchDocument::default() };
    refused(
        service.patch_document(&context(), "t", id(), blank).await,
        ErrorCode::InvalidText,
        "text",
    );
    let nothing = PatchDocument::default();
    refused(
        service.patch_document(&context(), "t", id(), nothing).await,
        ErrorCode::InvalidArgument,
        "",
    );

    // Where no model embeds, the text is text beside a vector of the user's own.
    create(&service, "v", Some(1)).await;
    put(&service, "v", vec![vector(1, &[1.0])]).await;
    let said = PatchDocument { text: Some("said".to_owned()), ..PatchDocument::default() };
    service.patch_document(&context(), "v", id(), said).await.unwrap();
    let moved = PatchDocument { vector: Some(vec![5.0]), ..PatchDocument::default() };
    service.patch_document(&context(), "v", id(), moved).await.unwrap();
    let stored = document(&service, "v", id()).await;
    assert_eq!((stored.text.as_deref(), stored.vector), (Some("said"), Some(vec![5.0])));
    let wrong = PatchDocument { vector: Some(vec![1.0, 2.0]), ..PatchDocument::default() };
    refused(
        service.patch_document(&context(), "v", id(), wrong).await,
        ErrorCode::DimensionMismatch,
        "vector",
    );
}

#[tokio::test]
async fn documents_that_match_are_changed_together() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "v", Some(1)).await;
    put(&service, "v", (0..30).map(|id| vector(id, &[1.0])).collect()).await;
    let update = |filter: Value, all| UpdateDocuments {
        filter: Some(filter),
        all,
        metadata: json!({"seen": true}).as_object().unwrap().clone(),
    };
    let some = update(json!({"$id": {"$lt": 10}, "yaer": null}), false);
    let reply = service.update_documents(&context(), "v", some.clone()).await.unwrap();
    assert_eq!((reply.updated, reply.unknown_fields), (10, vec!["yaer".to_owned()]));
    assert_eq!(service.update_documents(&context(), "v", some).await.unwrap().updated, 0);
    let empty = service.update_documents(&context(), "v", update(json!({}), false)).await;
    refused(empty, ErrorCode::InvalidArgument, "filter");
    let all = service.update_documents(&context(), "v", update(json!({}), true)).await.unwrap();
    assert_eq!(all.updated, 20);
    let seen = GetDocuments { filter: Some(json!({"seen": true})), ..GetDocuments::default() };
    let seen = service.get_documents(&context(), "v", seen).await.unwrap();
    assert_eq!(seen.documents.len(), 30);
    let near = akidb_service::Search { filter: Some(json!({"seen": true})), ..crate::near(&[1.0]) };
    assert_eq!(found(&service, "v", near).await.len(), 10);
}

/// A URL does not tell 1 from "1": the string counts where there is one, then the integer.
#[tokio::test]
async fn an_id_that_may_be_either_is_the_string_first() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "v", Some(1)).await;
    let named =
        |id: &str| NewDocument { id: Some(GivenId::Text(id.to_owned())), ..vector(0, &[1.0]) };
    put(&service, "v", vec![vector(1, &[1.0]), vector(2, &[1.0]), named("2"), named("..")]).await;
    let either = |id: &str| GivenId::Either(id.to_owned());
    let found = async |id: &str| document(&service, "v", either(id)).await.id;
    assert_eq!(found("1").await, DocumentId::Integer(1));
    assert_eq!(found("2").await, DocumentId::Text("2".to_owned()));
    assert_eq!(found("..").await, DocumentId::Text("..".to_owned()));
    for other in ["01", "+1", "1.0", "3"] {
        let absent = service.get_document(&context(), "v", either(other), Include::default()).await;
        refused(absent, ErrorCode::DocumentNotFound, "");
    }
    service.patch_document(&context(), "v", either("1"), patch(json!({"a": 1}))).await.unwrap();
    service.delete_document(&context(), "v", either("2"), None).await.unwrap();
    assert_eq!(found("2").await, DocumentId::Integer(2));
    let in_a_list = GetDocuments { ids: Some(vec![either("1")]), ..GetDocuments::default() };
    let in_a_list = service.get_documents(&context(), "v", in_a_list).await;
    refused(in_a_list, ErrorCode::InvalidId, "ids[0]");
}
