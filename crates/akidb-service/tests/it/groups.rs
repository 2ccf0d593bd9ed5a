//! Hits in groups and in the order of a field, against all hits put into groups one by one.

use std::collections::HashMap;

use akidb_core::{ErrorCode, SearchMode};
use akidb_service::{
    DeleteDocuments, Direction, GivenGroup, GivenId, GivenOrder, HitOrder, HybridParams,
    NewDocument, Search, SearchReply, Service,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Map, Value, json};

use crate::{context, create, near, open, put, refused, text};

const WORDS: [&str; 4] = ["harbor", "storm", "garden", "letter"];

/// Values of a field, absent where `None`, and the group that a document with one is in.
fn values() -> Vec<(Option<Value>, &'static str)> {
    let long = |end: &str| json!(format!("{}{end}", "x".repeat(600)));
    vec![
        (None, "none"),
        (Some(json!(null)), "none"),
        (Some(json!({"x": 1})), "none"),
        (Some(json!([])), "none"),
        (Some(json!(1)), "1"),
        (Some(json!(1.0)), "1"),
        (Some(json!([3, 1])), "1"),
        (Some(json!(2)), "2"),
        (Some(json!(true)), "true"),
        (Some(json!([true, 0])), "true"),
        (Some(json!("2020-01-01")), "day"),
        (Some(json!("2020-01-01T01:00:00+01:00")), "day"),
        (Some(json!("a")), "a"),
        (Some(json!(["b", "a"])), "a"),
        (Some(json!("b")), "b"),
        (Some(long("a")), "long a"),
        (Some(long("b")), "long b"),
    ]
}

/// The group of each document by its id.
type Labels = HashMap<i64, &'static str>;

fn ids(hits: &[akidb_service::Hit]) -> Vec<i64> {
    hits.iter().map(|hit| hit.document.id.to_string().parse().unwrap()).collect()
}

/// What grouping all hits one by one gives.
fn expected(all: &[i64], labels: &Labels, search: &Search) -> Vec<Vec<i64>> {
    let group = search.group_by.as_ref().unwrap();
    let mut groups: Vec<(&str, Vec<i64>)> = Vec::new();
    for id in all {
        let label = labels[id];
        match groups.iter_mut().find(|(known, _)| *known == label) {
            Some((_, ids)) => ids.push(*id),
            None => groups.push((label, vec![*id])),
        }
    }
    let (offset, limit) = (search.offset.unwrap_or(0) as usize, search.limit.unwrap() as usize);
    let size = group.size.unwrap() as usize;
    let groups = groups.into_iter().skip(offset).take(limit);
    groups.map(|(_, ids)| ids.into_iter().take(size).collect()).collect()
}

async fn search(service: &Service, search: Search) -> SearchReply {
    service.search(&context(), "t", search).await.unwrap()
}

async fn agrees(service: &Service, labels: &Labels, grouped: Search) {
    let plain = Search { group_by: None, limit: Some(1_000), offset: None, ..grouped.clone() };
    let all = ids(&search(service, plain).await.hits);
    let found = search(service, grouped.clone()).await;
    assert_eq!(found.hits, []);
    let groups: Vec<Vec<i64>> = found.groups.unwrap().iter().map(|it| ids(&it.hits)).collect();
    assert_eq!(groups, expected(&all, labels, &grouped), "{grouped:?}");
}

#[tokio::test]
async fn groups_are_those_of_all_hits() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "t", None).await;
    let mut random = StdRng::seed_from_u64(3);
    let values = values();
    let mut labels = Labels::new();
    for round in 0..12_i64 {
        let mut documents = Vec::new();
        for at in 0..30 {
            let id = random.random_range(0..250);
            // One group has most of the documents, and so more than a search looks at.
            let kind =
                if random.random_ratio(1, 2) { 4 } else { random.random_range(0..values.len()) };
            let (value, label) = &values[kind];
            let mut metadata = Map::new();
            metadata.extend(value.clone().map(|value| ("group".to_owned(), value)));
            metadata.insert("even".to_owned(), json!(id % 2 == 0));
            let words: Vec<&str> = (0..random.random_range(1..9))
                .map(|_| WORDS[random.random_range(0..WORDS.len())])
                .collect();
            labels.insert(id, *label);
            documents.retain(|it: &NewDocument| it.id != Some(GivenId::Integer(id)));
            let words = format!("{} {round} {at}", words.join(" "));
            documents.push(NewDocument { metadata: Some(metadata), ..text(id, &words) });
        }
        put(&service, "t", documents).await;
        let gone: Vec<i64> = (0..5).map(|_| random.random_range(0..250)).collect();
        labels.retain(|id, _| !gone.contains(id));
        let ids = Some(gone.into_iter().map(GivenId::Integer).collect());
        let gone = DeleteDocuments { ids, ..DeleteDocuments::default() };
        service.delete_documents(&context(), "t", gone).await.unwrap();
        for mode in [SearchMode::Semantic, SearchMode::Keyword, SearchMode::Hybrid] {
            let depth = (mode == SearchMode::Hybrid).then_some(1_000);
            for filter in [None, Some(json!({"even": true}))] {
                let grouped = Search {
                    mode: Some(mode),
                    text: Some("harbor storm".into()),
                    hybrid: HybridParams { depth, ..HybridParams::default() },
                    filter,
                    limit: Some(random.random_range(1..12)),
                    offset: Some(random.random_range(0..4)),
                    group_by: Some(GivenGroup {
                        field: "group".into(),
                        size: Some(random.random_range(1..8)),
                    }),
                    ..Search::default()
                };
                agrees(&service, &labels, grouped).await;
            }
        }
    }
}

#[tokio::test]
async fn hits_are_in_the_order_of_a_field_and_those_without_it_are_last() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "t", Some(2)).await;
    let years = [Some(3), None, Some(1), Some(3), Some(2), None];
    let documents = (0..).zip(years).map(|(id, year)| {
        let metadata = year.map(|year| json!({"year": year}).as_object().unwrap().clone());
        NewDocument { metadata, ..crate::vector(id, &[10.0 - id as f32, 0.0]) }
    });
    put(&service, "t", documents.collect()).await;
    let by = |field: &str, direction, candidates| {
        let order = GivenOrder { field: field.into(), direction: Some(direction) };
        let order_by = Some(HitOrder { order, candidates });
        Search { order_by, limit: Some(10), ..near(&[1.0, 0.0]) }
    };
    let found = search(&service, by("year", Direction::Descending, None)).await;
    assert_eq!(ids(&found.hits), [0, 3, 4, 2, 1, 5]);
    assert_eq!((found.hits[0].score, found.unknown_fields), (10.0, Vec::<String>::new()));
    let found = search(&service, by("year", Direction::Ascending, Some(10))).await;
    assert_eq!(ids(&found.hits), [2, 4, 0, 3, 1, 5]);
    let few =
        Search { limit: Some(2), offset: Some(1), ..by("year", Direction::Ascending, Some(3)) };
    assert_eq!(ids(&search(&service, few).await.hits), [0, 1], "of the best three");
    let unknown = search(&service, by("yaer", Direction::Ascending, None)).await;
    assert_eq!(ids(&unknown.hits), [0, 1, 2, 3, 4, 5]);
    assert_eq!(unknown.unknown_fields, ["yaer"]);

    let both = Search {
        group_by: Some(GivenGroup { field: "year".into(), size: None }),
        ..by("year", Direction::Ascending, None)
    };
    let both = service.search(&context(), "t", both).await;
    refused(both, ErrorCode::InvalidArgument, "order_by");
}
