//! Vector fields from end to end: through REST, gRPC and the command line, and over a node that is
//! killed while they come and go.

use std::time::Duration;

use akidb_client::{
    Client, CollectionUpdate, FieldChange, IndexSettings, NewField, Retries, Search as ClientSearch,
};
use akidb_core::Metric;
use akidb_proto::collection::v1::{
    self as wire, collection_service_client::CollectionServiceClient, search::Query,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::process::Signal;
use serde_json::{Value, json as value};
use tonic::transport::{Channel, Endpoint};

use crate::{
    node::{Backend, Node, akidb, json, scratch, stderr},
    rest_client::RestClient,
};

const DIMENSION: usize = 128;

fn own(id: usize) -> Vec<f32> {
    let mut vector = vec![0.0; DIMENSION];
    vector[id] = 1.0;
    vector
}

/// Two models' worth of texts and a vector of the caller's own in each document; each is found by any
/// of the three, whoever asks.
#[tokio::test(flavor = "multi_thread")]
async fn titles_bodies_and_own_vectors_are_found_each_in_its_field() {
    let (_folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Native, |_| {});
    let model = "{\"model\": \"all-minilm-l6-v2\"}";
    let created = node.akidb([
        "collection",
        "create",
        "books",
        "--field",
        &format!("title={model}"),
        "--field",
        &format!("body={model}"),
        "--field",
        "own={\"dimension\": 128, \"metric\": \"dot\"}",
        "--output",
        "json",
    ]);
    assert_eq!(json(&created)["fields"]["own"]["dimension"], 128);
    let (title, body) = ("a young cat naps", "bake the loaf for forty minutes");
    let rest = RestClient::new(&node);
    let document =
        value!({"id": 1, "texts": {"title": title, "body": body}, "vectors": {"own": own(1)}});
    rest.post("/v1/collections/books/documents", value!({"documents": [document]})).await;
    let endpoint = Endpoint::try_from(format!("http://{}", node.grpc)).unwrap();
    let mut grpc = CollectionServiceClient::new(endpoint.connect().await.unwrap());
    let id = |id| Some(wire::DocumentId { kind: Some(wire::document_id::Kind::Integer(id)) });
    let (stocks, trains) = ("shares fell sharply", "the express stops at every station");
    let values_le = own(2).iter().flat_map(|value| value.to_le_bytes()).collect();
    let in_bytes = wire::Vector { values: Vec::new(), values_le };
    let document = wire::NewDocument {
        id: id(2),
        texts: [("title", stocks), ("body", trains)].map(|(a, b)| (a.into(), b.into())).into(),
        vectors: [("own".to_owned(), in_bytes.clone())].into(),
        ..Default::default()
    };
    let documents = vec![document];
    let upsert = wire::UpsertDocumentsRequest {
        collection: "books".into(),
        documents,
        ..Default::default()
    };
    grpc.upsert_documents(upsert).await.unwrap();
    let line = value!({"id": 3, "texts": {"title": "rain on the sea", "body": "a recipe of soup"}, "vectors": {"own": own(3)}});
    let import = ["import", "books", "-", "--output", "json"];
    assert_eq!(json(&node.akidb_with_stdin(import, &format!("{line}\n")))["created"], 1);

    for (field, text, found) in [
        ("title", "a kitten sleeps", 1),
        ("body", "making bread", 1),
        ("title", "stock market losses", 2),
        ("body", "railway", 2),
        ("title", "weather over the ocean", 3),
        ("body", "cooking broth", 3),
    ] {
        let search = value!({"field": field, "text": text});
        let hits = rest.post("/v1/collections/books/search", search).await;
        assert_eq!(hits["hits"][0]["id"], found, "{field} {text}: {hits}");
        let search = wire::Search {
            field: Some(field.into()),
            query: Some(Query::Text(text.into())),
            ..Default::default()
        };
        let search = wire::SearchRequest { collection: "books".into(), search: Some(search) };
        let hits = grpc.search(search).await.unwrap().into_inner().result.unwrap().hits;
        assert_eq!(hits[0].document.as_ref().unwrap().id, id(found), "{field} {text}");
        let hits =
            json(&node.akidb(["search", "books", text, "--field", field, "--output", "json"]));
        assert_eq!(hits["hits"][0]["id"], found, "{field} {text}: {hits}");
    }
    let search = wire::Search {
        field: Some("own".into()),
        query: Some(Query::Vector(in_bytes)),
        ..Default::default()
    };
    let search = wire::SearchRequest { collection: "books".into(), search: Some(search) };
    let hits = grpc.search(search).await.unwrap().into_inner().result.unwrap().hits;
    assert_eq!(hits[0].document.as_ref().unwrap().id, id(2));
    let client = Client::new(&node.url()).unwrap().with_retries(Retries::NONE);
    let books = client.collection("books");
    for at in 1..=3 {
        let hits = books.search(&ClientSearch::vector(own(at)).within("own")).await.unwrap().hits;
        assert_eq!(value!(hits[0].id), value!(at));
    }
    an_index_is_changed_by_each(&node, &rest, &mut grpc, &client).await;
    // One goes by each, and the others are as they were.
    assert_eq!(
        json(&node.akidb(["collection", "drop-field", "books", "body", "--output", "json"]))["deleted"],
        true
    );
    let refused = node.akidb(["search", "books", "bread", "--field", "body"]);
    assert!(stderr(&refused).contains("there are own, title"), "{}", stderr(&refused));
    let drop = wire::DropFieldRequest { collection: "books".into(), field: "own".into() };
    grpc.drop_field(drop).await.unwrap();
    let again = books.put_field("own", &NewField::with_vectors(2, Metric::L2)).await.unwrap();
    assert_eq!((again.fields["own"].dimension, again.fields["own"].index.vector_count), (2, 0));
    books.drop_field("own").await.unwrap();
    let search = value!({"field": "title", "text": "a kitten sleeps"});
    let hits = rest.post("/v1/collections/books/search", search).await;
    assert_eq!(
        (hits["hits"][0]["id"].as_u64(), hits["hits"].as_array().unwrap().len()),
        (Some(1), 3)
    );
    assert!(node.stop().success());
    let verified = akidb(["verify", "--data-dir", data_dir.to_str().unwrap()]).output().unwrap();
    assert!(verified.status.success(), "{}", stderr(&verified));
}

/// The index of a named field is changed through every door, and no other's.
async fn an_index_is_changed_by_each(
    node: &Node,
    rest: &RestClient,
    grpc: &mut CollectionServiceClient<Channel>,
    client: &Client,
) {
    let ef_of = |collection: &Value, field: &str| {
        collection["fields"][field]["index"]["ef"].as_u64().unwrap()
    };
    let change = value!({"fields": {"title": {"index": {"ef": 201}}}});
    let books = rest.try_patch("/v1/collections/books", &change).await.unwrap();
    assert_eq!((ef_of(&books, "title"), ef_of(&books, "own")), (201, 100), "{books}");
    let index = wire::IndexSettings { ef: Some(202), ..Default::default() };
    let change = wire::FieldChange { index: Some(index) };
    let change = wire::UpdateCollectionRequest {
        name: "books".into(),
        fields: [("own".to_owned(), change)].into(),
        ..Default::default()
    };
    grpc.update_collection(change).await.unwrap();
    assert_eq!(ef_of(&rest.get("/v1/collections/books").await, "own"), 202);
    let update = ["collection", "update", "books", "--field", "own", "--engine", "exact", "--wait"];
    let books = json(&node.akidb(update.into_iter().chain(["--output", "json"])));
    assert_eq!(books["fields"]["own"]["index"]["engine"], "exact", "{books}");
    let index = IndexSettings { ef: Some(203), ..Default::default() };
    let change = FieldChange { index: Some(index) };
    let update = CollectionUpdate {
        fields: [("title".to_owned(), change)].into(),
        ..CollectionUpdate::default()
    };
    client.collection("books").update(&update).await.unwrap();
    assert_eq!(ef_of(&rest.get("/v1/collections/books").await, "title"), 203);

    let refused = node.akidb(["collection", "update", "books", "--field", "nosuch", "--ef", "9"]);
    assert!(stderr(&refused).contains("\"nosuch\""), "{}", stderr(&refused));
    let refused = node.akidb(["collection", "update", "books", "--field", "own", "--m", "9"]);
    assert!(stderr(&refused).contains("fields.own.index.m"), "{}", stderr(&refused));
    let refused =
        node.akidb(["collection", "update", "books", "--description", "x", "--field", "own"]);
    assert!(!refused.status.success());
}

/// After each kill a field is there with all that was acknowledged, or it is not there at all, and
/// nothing of it is left for the next one of its name.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_fields_come_and_go_leaves_either_state_whole() {
    const CYCLES: usize = 20;
    let (_folder, data_dir) = scratch();
    let mut random = StdRng::seed_from_u64(11);
    let mut node = Node::start(&data_dir);
    let path = "/v1/collections/books";
    let created = value!({"name": "books", "dimension": 2, "metric": "dot"});
    RestClient::new(&node).post("/v1/collections", created).await;
    let documents = (0..3_000).map(|id| value!({"id": id, "vector": [1, id]}));
    let documents = value!({"documents": documents.collect::<Vec<_>>()});
    RestClient::new(&node).post(&format!("{path}/documents"), documents).await;
    for cycle in 0..CYCLES {
        let url = node.url();
        let changing = tokio::spawn(async move {
            let client = Client::new(&url).unwrap().with_retries(Retries::NONE);
            let books = client.collection("books");
            let field = NewField::with_vectors(4, Metric::Dot);
            loop {
                if books.put_field("own", &field).await.is_err() {
                    return;
                }
                let documents = (0..2_000)
                    .map(|id| value!({"id": 10_000 + id, "vectors": {"own": [cycle, id, 1, 1]}}));
                let documents = documents.map(|it| serde_json::from_value(it).unwrap());
                if books.upsert(&documents.collect::<Vec<_>>()).await.is_err()
                    || books.drop_field("own").await.is_err()
                {
                    return;
                }
            }
        });
        tokio::time::sleep(Duration::from_millis(random.random_range(1..400))).await;
        node.signal(Signal::KILL);
        changing.await.unwrap();
        node.wait();
        node = Node::start(&data_dir);
        let client = RestClient::new(&node);
        let described = client.get(path).await;
        let is_there = !described["fields"]["own"].is_null();
        let in_field = described["fields"]["own"]["index"]["vector_count"].as_u64().unwrap_or(0);
        assert!(in_field == 0 || in_field == 2_000, "cycle {cycle}: {described}");
        assert_eq!(described["index"]["vector_count"], 3_000, "cycle {cycle}: {described}");
        let count = described["document_count"].as_u64().unwrap();
        assert!(count == 3_000 || count == 5_000, "cycle {cycle}: {described}");
        let counted = client
            .post(&format!("{path}/documents/count"), value!({"filter": {"a": {"$exists": false}}}))
            .await;
        assert_eq!(counted["count"].as_u64(), Some(count), "cycle {cycle}");
        if is_there {
            let search =
                value!({"field": "own", "vector": [0, 1, 0, 0], "limit": 3, "include": ["vector"]});
            let hits: Value = client.post(&format!("{path}/search"), search).await;
            assert_eq!(
                hits["hits"].as_array().unwrap().len(),
                in_field.min(3) as usize,
                "cycle {cycle}: {hits}"
            );
        }
    }
    assert!(node.stop().success());
    let verified = akidb(["verify", "--data-dir", data_dir.to_str().unwrap()]).output().unwrap();
    assert!(verified.status.success(), "{}", stderr(&verified));
}
