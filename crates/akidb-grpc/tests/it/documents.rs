//! Every unary method once, with what the wire must not lose.

use akidb_proto::{
    collection::v1::{search::Query, value::Kind, *},
    embedding::v1::{EmbedRequest, GetModelInfoRequest, InputType, ListModelsRequest, Pooling},
};
use tonic::Code;

use crate::node::{Node, document, error_of, integer};

fn object<const N: usize>(members: [(&str, Kind); N]) -> Struct {
    members.map(|(key, kind)| (key.to_owned(), Value { kind: Some(kind) })).into()
}

#[tokio::test]
async fn collections_are_made_described_changed_and_dropped() {
    let node = Node::start().await;
    let mut client = node.collections().await;
    let request = CreateCollectionRequest {
        name: "films".to_owned(),
        metric: Metric::Dot.into(),
        description: Some("old".to_owned()),
        ..Default::default()
    };
    let made = client.create_collection(request.clone()).await.unwrap().into_inner();
    let summary = made.collection.unwrap().summary.unwrap();
    assert_eq!((summary.metric(), summary.dimension), (Metric::Dot, 32));
    assert_eq!(summary.model.unwrap().name, "hash");
    let error = client.create_collection(request).await.unwrap_err();
    assert_eq!(error_of(&error), (Code::AlreadyExists, "collection_exists".to_owned()));
    let name = "films".to_owned();
    let description = Some("new".to_owned());
    let update = UpdateCollectionRequest {
        name: name.clone(),
        description: description.clone(),
        ..Default::default()
    };
    let changed = client.update_collection(update).await.unwrap().into_inner();
    let found = client.get_collection(GetCollectionRequest { name: name.clone() }).await.unwrap();
    let found = found.into_inner().collection;
    assert_eq!(found, changed.collection);
    let summary = found.unwrap().summary.unwrap();
    assert_eq!(summary.description, description);
    let all = client.list_collections(ListCollectionsRequest {}).await.unwrap().into_inner();
    assert_eq!(all.collections, [summary]);
    client.delete_collection(DeleteCollectionRequest { name: name.clone() }).await.unwrap();
    let error = client.get_collection(GetCollectionRequest { name }).await.unwrap_err();
    assert_eq!(error_of(&error), (Code::NotFound, "collection_not_found".to_owned()));
}

#[tokio::test]
async fn documents_come_back_as_they_were_given() {
    let node = Node::start().await;
    let mut client = node.with_collection().await;
    let collection = "c".to_owned();
    let metadata = object([
        ("big", Kind::Int64Value(9_007_199_254_740_993)),
        ("huge", Kind::Uint64Value(u64::MAX)),
        ("real", Kind::DoubleValue(0.1)),
        ("nothing", Kind::NullValue(0)),
    ]);
    let given = NewDocument { metadata: Some(metadata.clone()), ..document(i64::MIN) };
    let request = UpsertDocumentsRequest {
        collection: collection.clone(),
        documents: vec![given, document(2)],
        ..Default::default()
    };
    let reply = client.upsert_documents(request).await.unwrap().into_inner();
    assert_eq!(reply.results[0].id, Some(integer(i64::MIN)));
    assert_eq!(reply.results[0].status(), UpsertStatus::Created);

    let include = Include { vector: Some(true), ..Default::default() };
    let id = Some(integer(i64::MIN));
    let request = GetDocumentRequest { collection: collection.clone(), id, include: Some(include) };
    let found = client.get_document(request.clone()).await.unwrap().into_inner();
    let found = found.document.unwrap();
    assert_eq!(found.metadata, Some(metadata));
    assert_eq!(found.vector.unwrap().values, [1.0, i64::MIN as f32]);

    let include = Include { metadata: Some(false), ..Default::default() };
    let request = GetDocumentRequest { include: Some(include), ..request };
    let found = client.get_document(request).await.unwrap().into_inner().document.unwrap();
    assert_eq!((found.metadata, found.vector), (None, None));

    let patch = object([("big", Kind::NullValue(0)), ("new", Kind::BoolValue(true))]);
    let request = PatchMetadataRequest {
        collection: collection.clone(),
        id: Some(integer(2)),
        metadata: Some(patch),
        ..Default::default()
    };
    let patched = client.patch_metadata(request).await.unwrap().into_inner().document.unwrap();
    assert_eq!(patched.metadata, Some(object([("new", Kind::BoolValue(true))])));

    let filter = Some(object([("huge", Kind::Uint64Value(u64::MAX))]));
    let request = CountDocumentsRequest { collection: collection.clone(), filter: filter.clone() };
    assert_eq!(client.count_documents(request).await.unwrap().into_inner().count, 1);

    let ids = DocumentIds { ids: vec![integer(2), integer(99)] };
    let request = GetDocumentsRequest {
        collection: collection.clone(),
        selection: Some(get_documents_request::Selection::Ids(ids)),
        include: None,
        ..Default::default()
    };
    let found = client.get_documents(request).await.unwrap().into_inner();
    assert_eq!(found.documents.len(), 1);

    let request = DeleteDocumentsRequest {
        collection: collection.clone(),
        selection: filter.map(delete_documents_request::Selection::Filter),
        ..Default::default()
    };
    assert_eq!(client.delete_documents(request).await.unwrap().into_inner().deleted, 1);
    let request = DeleteDocumentRequest { collection, id: Some(integer(2)), if_seq: None };
    client.delete_document(request.clone()).await.unwrap();
    let error = client.delete_document(request).await.unwrap_err();
    assert_eq!(error_of(&error), (Code::NotFound, "document_not_found".to_owned()));
}

#[tokio::test]
async fn searches_answer_alone_and_in_batches() {
    let node = Node::start().await;
    let mut client = node.with_collection().await;
    let collection = "c".to_owned();
    let request = UpsertDocumentsRequest {
        collection: collection.clone(),
        documents: (0..5).map(document).collect(),
        ..Default::default()
    };
    client.upsert_documents(request).await.unwrap();
    let by_vector = Search {
        query: Some(Query::Vector(Vector { values: vec![1.0, 0.0], ..Default::default() })),
        limit: Some(2),
        ..Default::default()
    };
    let by_id = Search { query: Some(Query::Id(integer(4))), ..Default::default() };
    let request = SearchRequest { collection: collection.clone(), search: Some(by_vector.clone()) };
    let alone = client.search(request).await.unwrap().into_inner().result.unwrap();
    assert_eq!(alone.hits.len(), 2);
    assert_eq!(alone.hits[0].document.as_ref().unwrap().id, Some(integer(0)));
    let searches = vec![by_vector, by_id];
    let request = SearchBatchRequest { collection: collection.clone(), searches };
    let batch = client.search_batch(request).await.unwrap().into_inner();
    assert_eq!(batch.results[0].hits, alone.hits);
    assert_eq!(batch.results[1].hits.len(), 4);
    let request = SearchRequest { collection, search: None };
    let error = client.search(request).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    error_of(&error);
}

#[tokio::test]
async fn texts_are_embedded_and_models_described() {
    let node = Node::start().await;
    let mut client = node.embeddings().await;
    let request = EmbedRequest {
        texts: vec!["one".to_owned(), "two".to_owned()],
        pooling: Pooling::Unspecified.into(),
        input_type: InputType::Query.into(),
        ..Default::default()
    };
    let reply = client.embed(request).await.unwrap().into_inner();
    assert_eq!((reply.embeddings.len(), reply.dimension), (2, 32));
    assert!(reply.usage.unwrap().total_tokens > 0);
    let all = client.list_models(ListModelsRequest {}).await.unwrap().into_inner();
    let one = client.get_model_info(GetModelInfoRequest { model: None }).await.unwrap();
    assert_eq!(all.models, [one.into_inner().model.unwrap()]);
    let request = GetModelInfoRequest { model: Some("nope".to_owned()) };
    let error = client.get_model_info(request).await.unwrap_err();
    assert_eq!(error_of(&error), (Code::NotFound, "model_not_found".to_owned()));
}
