//! Long texts in passages: found once, by the best of them, and whole through every operation.

use akidb_core::{Chunking, ErrorCode, Limits};
use akidb_service::{
    CreateCollection, DeleteDocuments, GivenChunking, GivenId, Hit, Include, NewDocument,
    PatchDocument, Scroll, Search, Service,
};
use serde_json::json;

use crate::{Config, config, context, create, found, near, open, put, refused, text, upsert};

async fn create_cut(service: &Service, name: &str, tokens: u64, overlap: u64) {
    let chunking = GivenChunking { tokens: Some(tokens), overlap: Some(overlap) };
    let request = CreateCollection {
        name: name.into(),
        metric: Some("cosine".into()),
        chunking: Some(chunking),
        ..CreateCollection::default()
    };
    service.create_collection(&context(), request).await.unwrap();
}

/// Twenty sentences of seven words, the last of them about something else.
fn long_text(ending: &str) -> String {
    let sentences = (0..19).map(|i| format!("Häuser stand by the road number n{i}. "));
    sentences.collect::<String>() + ending
}

fn asking(words: &str) -> Search {
    Search { text: Some(words.into()), ..Search::default() }
}

async fn hits(service: &Service, search: Search) -> Vec<Hit> {
    service.search(&context(), "t", search).await.unwrap().hits
}

#[tokio::test]
async fn the_best_passage_is_found_where_the_text_has_it_and_each_document_once() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create_cut(&service, "t", 16, 4).await;
    let ending = "Violet zebras juggle copper kettles beneath waterfalls.";
    let documents = vec![
        text(1, &long_text(ending)),
        text(2, &long_text("Nothing happens at all in the end.")),
        text(3, "Copper is a metal."),
    ];
    let reply = service.upsert(&context(), "t", upsert(documents)).await.unwrap();
    assert!(reply.results[0].passages.unwrap() > 9, "{reply:?}");
    assert_eq!((reply.results[2].passages, reply.results[2].tokens), (Some(1), Some(4)));
    assert!(reply.results.iter().all(|result| result.truncated == Some(false)));
    assert_eq!(service.count_documents(&context(), "t", None).await.unwrap().count, 3);
    let description = service.describe_collection(&context(), "t").await.unwrap();
    assert_eq!(description.document_count, 3);
    assert!(description.indexes[""].vector_count > 20);
    assert_eq!(
        description.summary.unnamed.as_ref().unwrap().chunking,
        Some(Chunking { tokens: 16, overlap: 4 })
    );

    let found = hits(&service, asking("zebras juggle kettles")).await;
    let ids: Vec<_> = found.iter().map(|hit| hit.document.id.to_string()).collect();
    assert_eq!((ids.len(), &*ids[0]), (3, "1"));
    let passage = found[0].passage.as_ref().unwrap();
    assert!(passage.text.ends_with(ending), "{passage:?}");
    let characters: Vec<char> = found[0].document.text.as_ref().unwrap().chars().collect();
    let range = passage.characters.clone();
    assert_eq!(characters[range].iter().collect::<String>(), passage.text);

    // The two long documents have most of the best passages, and still count once each.
    let first = Search { limit: Some(2), ..asking("houses stand by the road number") };
    let then = Search { offset: Some(2), ..first.clone() };
    let (first, then) = (hits(&service, first).await, hits(&service, then).await);
    let mut ids: Vec<_> = first.iter().chain(&then).map(|hit| hit.document.id.clone()).collect();
    ids.sort();
    assert_eq!(ids, [1.into(), 2.into(), 3.into()]);
    assert!(first[0].score >= first[1].score && first[1].score >= then[0].score);
}

#[tokio::test]
async fn own_vectors_filters_scores_and_parts_hold_in_a_collection_that_cuts() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create_cut(&service, "t", 16, 0).await;
    let mut axis = vec![0.0; 32];
    axis[0] = 1.0;
    let own = NewDocument { vector: Some(axis.clone()), ..text(1, &long_text("The end.")) };
    let tagged = NewDocument {
        metadata: json!({"tag": "x"}).as_object().cloned(),
        ..text(2, &long_text("Whales sing."))
    };
    put(&service, "t", vec![own, tagged, text(3, "Whales sing.")]).await;
    let mine = Search { limit: Some(1), ..near(&axis) };
    let mine = hits(&service, mine).await;
    assert_eq!((mine[0].document.id.clone(), &mine[0].passage), (1.into(), &None));
    let filtered = Search { filter: Some(json!({"tag": "x"})), ..asking("whales sing") };
    let filtered = hits(&service, filtered).await;
    assert_eq!(filtered.len(), 1);
    assert!(filtered[0].passage.as_ref().unwrap().text.ends_with("Whales sing."));
    let exact = Search { min_score: Some(0.99), ..asking("whales sing") };
    assert_eq!(found(&service, "t", exact).await, ["3"]);

    let include = Include { text: false, metadata: true, vector: true };
    let with_vectors = Search { include: include.into(), limit: Some(3), ..asking("whales") };
    let with_vectors = hits(&service, with_vectors).await;
    assert!(with_vectors.iter().all(|hit| hit.document.text.is_none()));
    let cut = with_vectors.iter().find(|hit| hit.document.id == 2.into()).unwrap();
    assert!(cut.document.vector.is_none() && cut.document.passages.len() > 5);
    let own = with_vectors.iter().find(|hit| hit.document.id == 1.into()).unwrap();
    assert_eq!((own.document.vector.as_ref(), own.document.passages.len()), (Some(&axis), 0));
    let page = Scroll { include, ..Scroll::default() };
    let page = service.scroll(&context(), "t", page).await.unwrap().documents;
    assert_eq!(page[1].passages, cut.document.passages);
    // More like a long document: by the mean of its passages, without itself.
    let like = Search { id: Some(GivenId::Integer(2)), ..Search::default() };
    assert_eq!(hits(&service, like).await.len(), 2);
}

#[tokio::test]
async fn updates_patches_deletes_and_restarts_keep_passages_with_their_documents() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create_cut(&service, "t", 16, 4).await;
    let long = long_text("Violet zebras juggle copper kettles.");
    put(&service, "t", vec![text(1, &long), text(2, &long_text("Whales sing."))]).await;
    let before = hits(&service, asking("zebras juggle")).await;
    let metadata = json!({"seen": true}).as_object().cloned();
    let patch = PatchDocument { metadata, ..PatchDocument::default() };
    let id = || GivenId::Integer(1);
    service.patch_document(&context(), "t", id(), patch).await.unwrap();
    service.shutdown().await;
    drop(service);

    // Without a model nothing can be embedded again.
    let without = Config { embedding: None, ..config(data.path()) };
    let service = without.open().await;
    let again = vec![NewDocument { id: Some(GivenId::Integer(3)), ..text(0, &long) }];
    let reply = service.upsert(&context(), "t", upsert(again)).await.unwrap();
    assert!(reply.results[0].passages.unwrap() > 9);
    service.shutdown().await;
    drop(service);

    let service = open(data.path()).await;
    let after = hits(&service, asking("zebras juggle")).await;
    assert_eq!(after.len(), 3);
    let passages: Vec<_> = after[..2].iter().map(|hit| (hit.score, hit.passage.clone())).collect();
    assert_eq!(passages, vec![(before[0].score, before[0].passage.clone()); 2]);
    put(&service, "t", vec![text(3, "Short now.")]).await;
    service.delete_document(&context(), "t", id(), None).await.unwrap();
    let left = hits(&service, asking("zebras juggle")).await;
    assert!(left.iter().all(|hit| !hit.passage.as_ref().unwrap().text.contains("zebras")));
    let all = DeleteDocuments { all: true, ..DeleteDocuments::default() };
    assert_eq!(service.delete_documents(&context(), "t", all).await.unwrap().deleted, 2);
    let description = service.describe_collection(&context(), "t").await.unwrap();
    assert_eq!((description.document_count, description.indexes[""].vector_count), (0, 0));
}

#[tokio::test]
async fn a_chunking_that_can_not_be_is_refused_at_its_place() {
    let data = tempfile::tempdir().unwrap();
    let limits = Limits { document_passages: 3, ..Limits::default() };
    let service = Config { limits, ..config(data.path()) }.open().await;
    let create_with = async |chunking, dimension| {
        let request = CreateCollection {
            name: "t".into(),
            dimension,
            chunking: Some(chunking),
            ..CreateCollection::default()
        };
        service.create_collection(&context(), request).await
    };
    let given = |tokens, overlap| GivenChunking { tokens, overlap };
    for (chunking, dimension, field) in [
        (given(Some(7), None), None, "chunking.tokens"),
        (given(Some(513), None), None, "chunking.tokens"),
        (given(Some(u64::MAX), None), None, "chunking.tokens"),
        (given(Some(16), Some(9)), None, "chunking.overlap"),
        (given(None, Some(u64::MAX)), None, "chunking.overlap"),
        (given(None, None), Some(3), "chunking"),
    ] {
        refused(create_with(chunking, dimension).await, ErrorCode::InvalidArgument, field);
    }
    let created = create_with(given(None, None), None).await.unwrap();
    assert_eq!(
        created.summary.unnamed.as_ref().unwrap().chunking,
        Some(Chunking { tokens: 512, overlap: 0 })
    );
    service.delete_collection(&context(), "t").await.unwrap();
    create_cut(&service, "t", 16, 0).await;
    let batch = vec![text(1, "short"), text(2, &long_text("End."))];
    let result = service.upsert(&context(), "t", upsert(batch)).await;
    refused(result, ErrorCode::LimitExceeded, "documents[1].text");
    create(&service, "whole", None).await;
    put(&service, "whole", vec![text(2, &long_text("End."))]).await;
}
