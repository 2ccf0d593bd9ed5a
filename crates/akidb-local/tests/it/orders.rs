//! Scrolls in the order of a field, beside what is written.

use std::collections::{BTreeMap, BTreeSet};

use akidb_core::{Chunking, Direction, DocumentId, FieldPath, Filter, Limits, OrderBy, SortKey};
use akidb_engine::{
    Collection, NewRow, PatchVersions, ScrollPage, ScrollPosition, ScrollRequest, StorageEngine,
    UpsertRules, VectorField, Write,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    fields::{create, deadline, field, metadata, open, reopened, row},
    words::cut,
};

async fn upsert(collection: &dyn Collection, rows: Vec<NewRow>) {
    collection.write(Write::Upsert(rows, UpsertRules::default()), deadline()).await.unwrap();
}

fn by(field: &str, direction: Direction) -> OrderBy {
    OrderBy { field: FieldPath::new(field).unwrap(), direction }
}

async fn page(
    collection: &dyn Collection,
    order: &OrderBy,
    (filter, position, limit): (Option<&Filter>, Option<ScrollPosition>, usize),
) -> ScrollPage {
    let request = ScrollRequest { position, limit, filter, order: Some(order), with_vector: false };
    let page = collection.scroll(request).await.unwrap();
    assert_eq!(page.rows.damaged, []);
    page
}

fn ids(page: &ScrollPage) -> Vec<i64> {
    let id = |id: &DocumentId| match id {
        DocumentId::Integer(id) => *id,
        DocumentId::Text(text) => panic!("{text}"),
    };
    page.rows.documents.iter().map(|document| id(&document.id)).collect()
}

async fn all_pages(
    collection: &dyn Collection,
    order: &OrderBy,
    filter: Option<&Filter>,
    limit: usize,
) -> Vec<i64> {
    let (mut all, mut position) = (Vec::new(), None);
    loop {
        let page = page(collection, order, (filter, position, limit)).await;
        assert!(page.rows.documents.len() == limit || page.next.is_none());
        all.extend(ids(&page));
        position = page.next;
        if position.is_none() {
            return all;
        }
    }
}

/// Documents with what they are ordered by, and when they were made.
#[derive(Default)]
struct Model {
    documents: BTreeMap<i64, (u64, Value)>,
    made: u64,
}

impl Model {
    fn put(&mut self, id: i64, value: &Value) {
        self.made += 1;
        let number = self.documents.get(&id).map_or(self.made, |(number, _)| *number);
        self.documents.insert(id, (number, value.clone()));
    }

    fn in_order(&self, order: &OrderBy, filter: Option<&Filter>) -> Vec<i64> {
        let there = self
            .documents
            .iter()
            .map(|(id, (number, value))| (*id, *number, metadata(value.clone())));
        let matching = there.filter(|(id, _, of)| {
            filter.is_none_or(|filter| filter.matches((&DocumentId::from(*id), of)))
        });
        let mut all: Vec<(Option<SortKey>, u64, i64)> =
            matching.map(|(id, number, of)| (SortKey::of(&of, order), number, id)).collect();
        all.sort_by(|(left, left_number, _), (right, right_number, _)| {
            let by_value = match (left, right, order.direction) {
                (Some(left), Some(right), Direction::Ascending) => left.cmp(right),
                (Some(left), Some(right), Direction::Descending) => right.cmp(left),
                (left, right, _) => left.is_none().cmp(&right.is_none()),
            };
            by_value.then(left_number.cmp(right_number))
        });
        all.into_iter().map(|(_, _, id)| id).collect()
    }
}

/// Documents have one vector or several, or none in the unnamed field, and come and go between those.
#[tokio::test]
async fn pages_are_in_the_order_of_the_field_and_of_creation() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path()).await;
    let chunking = Some(Chunking { tokens: 16, overlap: 0 });
    let fields = vec![VectorField { chunking, ..field(0, "", 2) }, field(1, "own", 2)];
    let mut collection = create(&engine, fields).await;
    let mut random = StdRng::seed_from_u64(11);
    let mut model = Model::default();
    let long = json!({"title": {"$icontains": "X2"}});
    let filters = [None, Some(json!({"kept": true})), Some(long)];
    let filters =
        filters.map(|json| json.map(|it| Filter::parse(&it, &Limits::default()).unwrap()));
    for round in 0..150 {
        if random.random_ratio(1, 4) {
            let gone: Vec<i64> = (0..3).map(|_| random.random_range(0..40)).collect();
            model.documents.retain(|id, _| !gone.contains(id));
            let gone = gone.into_iter().map(DocumentId::from).collect();
            collection.write(Write::DeleteIds(gone), deadline()).await.unwrap();
        } else {
            let mut rows: Vec<NewRow> = Vec::new();
            let ids: BTreeSet<i64> = (0..4).map(|_| random.random_range(0..40)).collect();
            for id in ids {
                let rank = match random.random_range(0..8) {
                    0 => json!(null),
                    1 => json!("2020-01-01"),
                    2 => json!("b"),
                    3 => json!([random.random_range(0..5), random.random_range(0..5)]),
                    _ => json!(random.random_range(0..4)),
                };
                let title = format!("{}{}", "x".repeat(600), id % 4);
                let value = json!({"rank": rank, "title": title, "kept": id % 3 > 0});
                model.put(id, &value);
                let of = match random.random_range(0..3) {
                    0 => cut(id, &["one", "two", "three"]),
                    1 => row(id, None, &[(1, vec![1.0, 0.0])]),
                    _ => row(id, Some(vec![id as f32, 1.0]), &[]),
                };
                rows.push(NewRow { metadata: metadata(value), ..of });
            }
            upsert(&*collection, rows).await;
        }
        let direction = Direction::ALL[round % 2];
        let (order, limit) = (by("rank", direction), 1 + round % 7);
        let filter = filters[round % 3].as_ref();
        let all = all_pages(&*collection, &order, filter, limit).await;
        assert_eq!(all, model.in_order(&order, filter), "{round}");
        if round % 50 == 49 {
            (engine, collection) = reopened(engine, collection, folder.path()).await;
            let all = all_pages(&*collection, &order, None, 1_000).await;
            assert_eq!(all, model.in_order(&order, None));
        }
    }
    let nothing = by("nothing", Direction::Descending);
    let first = page(&*collection, &nothing, (None, None, 1_000)).await;
    assert_eq!(first.unknown_fields, ["nothing"]);
    assert_eq!(
        ids(&first),
        model.in_order(&nothing, None),
        "all are in the order of their creation"
    );
    drop(collection);
    engine.close().await;
}

fn ranked(id: i64, rank: i64) -> NewRow {
    let value = json!({"rank": rank, "seen": 0});
    NewRow { metadata: metadata(value), ..row(id, Some(vec![id as f32, 1.0]), &[]) }
}

/// Few values with many documents, more than are sorted together.
#[tokio::test]
async fn a_scroll_shows_each_document_once_whatever_is_written_meanwhile() {
    const DOCUMENTS: i64 = 3_000;
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path()).await;
    let collection = create(&engine, vec![field(0, "", 2)]).await;
    // Two of three have one value.
    let rank_of = |id: i64| if id % 3 > 0 { 5 } else { id % 7 };
    upsert(&*collection, (0..DOCUMENTS).map(|id| ranked(id, rank_of(id))).collect()).await;
    let order = by("rank", Direction::Descending);
    let mut expected: Vec<i64> = (0..DOCUMENTS).collect();
    expected.sort_by_key(|id| std::cmp::Reverse(rank_of(*id)));
    let (mut all, mut position, mut made) = (Vec::new(), None, DOCUMENTS);
    loop {
        let page = page(&*collection, &order, (None, position, 170)).await;
        all.extend(ids(&page));
        // Every document of the page gets another version, and new ones come everywhere in the order.
        let versions = page.rows.documents.iter().map(|document| document.seq).collect();
        let merge = json!({"seen": 1}).as_object().unwrap().clone();
        let patch = PatchVersions { versions, merge, limits: Limits::default().into() };
        collection.write(Write::PatchVersions(patch), deadline()).await.unwrap();
        upsert(&*collection, (0..400).map(|at| ranked(made + at, at % 7)).collect()).await;
        made += 400;
        position = page.next;
        if position.is_none() {
            break;
        }
    }
    assert_eq!(all.len(), expected.len());
    assert_eq!(all, expected);
}
