//! The Rust client against a real node: every typed method once, and what errors keep.

use akidb_client::{
    AliasAction, Client, CollectionUpdate, DateInterval, Embed, ErrorCode, Facet, GetDocuments, Id,
    Import, ImportAnswer, IndexState, Metric, ModelState, NewCollection, NewDocument, OrderBy,
    Part, Patch, Readiness, RequestError, Search, Status, TaskState,
};
use futures::stream;
use serde_json::json;

use crate::node::{Node, scratch};

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_stored_found_changed_and_deleted() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let client = Client::new(&node.url()).unwrap();
    let new = NewCollection::with_default_model("films");
    let made = client.create_collection(&new).await.unwrap();
    assert_eq!((made.name.as_str(), made.metric), ("films", Some(Metric::Cosine)));
    assert_eq!(client.collections().await.unwrap()[0].model, made.model);

    let films = client.collection("films");
    let documents = [
        NewDocument::text("one", "a ship meets an iceberg").metadata(json!({"year": 1997})),
        NewDocument::text(2, "bread rises with yeast").metadata(json!({"year": 1950})),
    ];
    let stored = films.upsert(&documents).await.unwrap();
    assert_eq!(stored.results[1].id, Id::from(2));
    assert_eq!(stored.results[1].status, Status::Created);

    let found = films.search(&Search::text("ship iceberg").limit(1)).await.unwrap();
    assert_eq!(found.hits[0].id, "one".into());
    let like = Search::like(2).filter(json!({"year": {"$gte": 1990}})).include(&[]);
    let batch = films.search_batch(&[like, Search::text("yeast")]).await.unwrap();
    assert_eq!((&batch[0].hits[0].id, &batch[0].hits[0].text), (&"one".into(), &None));
    assert_eq!(batch[1].hits[0].id, 2.into());

    let patch = Patch { metadata: Some(json!({"seen": true})), ..Patch::default() };
    let patched = films.patch(&2.into(), &patch).await.unwrap();
    let read = films.get(&2.into(), &[Part::Metadata, Part::Vector]).await.unwrap();
    assert_eq!((read.seq, &read.metadata.unwrap()["seen"]), (patched.seq, &json!(true)));
    assert_eq!(Some(read.vector.unwrap().len() as u64), made.dimension);
    let old = json!({"year": {"$lt": 1990}});
    let updated = films.patch_matching(&old, &json!({"era": "classic"})).await.unwrap();
    assert_eq!(updated.updated, 1);
    assert_eq!(films.get_many(&["one".into(), 9.into()], &[]).await.unwrap().documents.len(), 1);
    let page = GetDocuments { limit: Some(1), ..GetDocuments::default() };
    let page = films.scroll(&page).await.unwrap();
    assert_eq!((page.documents.len(), page.next_cursor.is_some()), (1, true));
    let newest =
        GetDocuments { order_by: Some(OrderBy::descending("year")), ..GetDocuments::default() };
    assert_eq!(films.scroll(&newest).await.unwrap().documents[0].id, "one".into());
    let by = [Facet::values("year").limit(1), Facet::ranges("year", vec![json!(1990)])];
    let facets = films.facets(&by, None).await.unwrap();
    assert_eq!((facets.count, facets.facets[0].truncated), (2, true));
    assert_eq!(facets.facets[1].ranges[0].to, Some(json!(1990)));
    let days = films.facets(&[Facet::dates("day", DateInterval::Day)], Some(&old)).await.unwrap();
    assert_eq!((days.count, &days.unknown_fields[..]), (1, &["day".to_owned()][..]));
    let grouped = films.search(&Search::text("ship").group_by("year", 1)).await.unwrap();
    let groups = grouped.groups.unwrap();
    assert_eq!((groups.len(), groups[0].hits.len()), (2, 1));
    let ordered = Search::text("ship").order_by(OrderBy::ascending("year"));
    assert_eq!(films.search(&ordered).await.unwrap().hits[1].id, "one".into());

    let stale = films.delete(&"one".into(), Some(stored.results[1].seq)).await.unwrap_err();
    assert_eq!(stale.code(), Some(ErrorCode::ConditionFailed));
    assert_eq!(films.delete_matching(&old).await.unwrap().deleted, 1);
    assert_eq!(films.delete_many(&[9.into()]).await.unwrap().deleted, 0);
    assert_eq!(films.count(None).await.unwrap(), 1);
    assert_eq!(films.delete_all().await.unwrap().deleted, 1);
    let update =
        CollectionUpdate { description: Some("old".to_owned()), ..CollectionUpdate::default() };
    let described = films.update(&update).await.unwrap();
    assert_eq!((described.description.as_deref(), described.document_count), (Some("old"), 0));
    assert_eq!(films.describe().await.unwrap().index.unwrap().state, IndexState::Ready);
    assert_eq!(client.put_collection(&new).await.unwrap().description.as_deref(), Some("old"));
    let differs = NewCollection::with_vectors("films", 3, Metric::L2);
    let differs = client.put_collection(&differs).await.unwrap_err();
    assert_eq!(differs.code(), Some(ErrorCode::CollectionDiffers));
    let aliases = client.change_aliases(&[AliasAction::set("cinema", "films")]).await.unwrap();
    assert_eq!((aliases[0].alias.as_str(), aliases[0].collection.as_str()), ("cinema", "films"));
    let cinema = client.collection("cinema");
    assert_eq!(cinema.describe().await.unwrap().aliases, ["cinema"]);
    assert_eq!(
        (cinema.aliases().await.unwrap(), client.aliases().await.unwrap()),
        (aliases.clone(), aliases)
    );
    assert_eq!(films.drop().await.unwrap_err().code(), Some(ErrorCode::CollectionAliased));
    let delete = AliasAction::Delete { alias: "cinema".to_owned() };
    assert!(client.change_aliases(&[delete]).await.unwrap().is_empty());
    let mut task = films.copy("films-2").await.unwrap();
    while matches!(task.state, TaskState::Pending | TaskState::Running) {
        task = client.task(&task.id).await.unwrap();
    }
    assert_eq!((task.state, task.to.as_deref()), (TaskState::Succeeded, Some("films-2")));
    assert_eq!(client.tasks().await.unwrap()[0], task);
    let ended = client.cancel_task(&task.id).await.unwrap_err();
    assert_eq!(ended.code(), Some(ErrorCode::TaskEnded));
    client.collection("films-2").drop().await.unwrap();
    assert_eq!(films.rename("movies").await.unwrap().name, "movies");
    client.collection("movies").drop().await.unwrap();
    assert!(client.collections().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_answers_each_line() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let client = Client::new(&node.url()).unwrap();
    let own = NewCollection::with_vectors("own", 2, Metric::L2);
    client.create_collection(&own).await.unwrap();
    let own = client.collection("own");

    let vectors = [vec![1.0, 0.0], vec![1.0], vec![0.0, 1.0]];
    let documents = (1_i64..).zip(vectors).map(|(id, vector)| NewDocument::vector(id, vector));
    let documents: Vec<_> = documents.collect();
    let answers = own.import(&Import::default(), stream::iter(documents.clone())).await.unwrap();
    let (summary, failed) = answers.finish().await.unwrap();
    assert_eq!((summary.lines, summary.created, summary.failed), (3, 2, 1));
    assert_eq!((failed[0].0, failed[0].1.code.as_str()), (2, "dimension_mismatch"));

    let import = Import { mode: Some("update".to_owned()), ..Import::default() };
    let mut answers = own.import(&import, stream::iter(documents)).await.unwrap();
    let Some(ImportAnswer::Stored { line: 1, result }) = answers.next().await.unwrap() else {
        panic!("the first line is a document");
    };
    assert_eq!((result.id, result.status), (1.into(), Status::Updated));
    let nearest = own.search(&Search::vector(vec![0.0, 0.9])).await.unwrap();
    assert_eq!(nearest.hits[0].id, 3.into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_tells_of_itself_and_of_errors() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let client = Client::new(&node.url()).unwrap();
    assert_eq!(client.version().await.unwrap().version, env!("CARGO_PKG_VERSION"));
    let readiness: Readiness = client.readiness().await.unwrap();
    assert!(readiness.ready && readiness.components.iter().any(|part| part.name == "storage"));
    assert!(client.metrics().await.unwrap().contains("akidb_"));
    let model = client.models().await.unwrap().remove(0);
    assert_eq!(client.load_model(&model.name).await.unwrap().state, ModelState::Ready);
    let embedded = client.embed(&Embed::texts(["a boat", "a lake"])).await.unwrap();
    assert_eq!(embedded.embeddings.len(), 2);
    assert_eq!(embedded.embeddings[0].values.len() as u64, embedded.dimension);

    let error = client.collection("none").describe().await.unwrap_err();
    assert!(error.changed_nothing() && !error.retryable());
    let RequestError::Node(error) = error else { panic!("{error}") };
    assert_eq!(error.known_code(), Some(ErrorCode::CollectionNotFound));
    assert!(error.request_id.is_some());
    let error = client.model("none").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::ModelNotFound));
    let empty = client.embed(&Embed::default()).await.unwrap_err();
    let RequestError::Node(empty) = empty else { panic!("{empty}") };
    assert_eq!(empty.violations[0].field, "texts");
}
