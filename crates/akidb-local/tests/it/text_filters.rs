//! Filters on texts, beside a plain evaluation of all that is stored, while writes go on.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use akidb_core::{Chunking, DocumentId, Effort, Filter, Limits};
use akidb_engine::{
    Collection, FacetQuery, HitParts, NewRow, Query, Ranking, ScrollRequest, Shown, StorageEngine,
    UpsertRules, VectorField, Words, Write,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::fields::{create, deadline, field, metadata, near, open, reopened, row};

const WORDS: [&str; 6] = ["harbor", "harbors", "storm", "the", "bread", "Bread"];
const OWN: u32 = 1;

/// The texts of all documents.
type Model = BTreeMap<i64, Option<String>>;

fn filter(json: &Value) -> Filter {
    Filter::parse(json, &Limits::default()).unwrap()
}

fn with_text(id: i64, text: Option<&str>, random: &mut StdRng) -> NewRow {
    let own = [(OWN, vec![1.0, 0.0])];
    let (is_near, has_own) = (random.random_ratio(2, 3), random.random_ratio(2, 3));
    // A document has a vector somewhere.
    let fields: &[_] = if has_own || !is_near { &own } else { &[] };
    let vector = is_near.then(|| vec![1.0, 1.0]);
    NewRow {
        text: text.map(str::to_owned),
        metadata: metadata(json!({"even": id % 2 == 0})),
        ..row(id, vector, fields)
    }
}

fn text(random: &mut StdRng) -> Option<String> {
    let count = random.random_range(0..6);
    let words: Vec<&str> = (0..count).map(|_| WORDS[random.random_range(0..WORDS.len())]).collect();
    (count > 0).then(|| words.join(" "))
}

/// A condition, and whether a text holds it.
type Condition = (Value, fn(&str) -> bool);

fn conditions() -> Vec<Condition> {
    vec![
        (json!({"$text": {"$contains": "harbor"}}), |text| text.contains("harbor")),
        (json!({"$text": {"$contains": "bor st"}}), |text| text.contains("bor st")),
        (json!({"$text": {"$contains": "d harbor s"}}), |text| text.contains("d harbor s")),
        (json!({"$text": {"$contains": " the "}}), |text| text.contains(" the ")),
        (json!({"$text": {"$contains": "Bread"}}), |text| text.contains("Bread")),
        (json!({"$text": {"$match": "harbor"}}), |text| text.contains("harbor")),
        (json!({"$text": {"$match": "harbor BREAD"}}), |text| {
            text.contains("harbor") || text.to_lowercase().contains("bread")
        }),
        (json!({"$text": {"$match": "storm -bread"}}), |text| {
            text.contains("storm") && !text.to_lowercase().contains("bread")
        }),
        (json!({"$text": {"$match": "\"storm harbor\""}}), |text| text.contains("storm harbor")),
        (json!({"$text": {"$match": "the"}}), |_| false),
    ]
}

async fn searched(collection: &dyn Collection, ranking: Ranking, filter: Filter) -> Vec<i64> {
    let query = Query {
        ranking,
        filter: Some(filter),
        window: 1_000,
        parts: HitParts::Id,
        shown: Shown::default(),
        deadline: deadline(),
        effort: Effort::default(),
    };
    let found = collection.search(query).await.unwrap();
    sorted(found.hits.iter().map(|hit| &hit.document.id))
}

fn sorted<'d>(ids: impl Iterator<Item = &'d DocumentId>) -> Vec<i64> {
    let id = |id: &DocumentId| match id {
        DocumentId::Integer(id) => *id,
        DocumentId::Text(id) => panic!("{id}"),
    };
    let mut ids: Vec<i64> = ids.map(id).collect();
    ids.sort_unstable();
    ids
}

/// Whatever asks for a filter gives the same documents.
async fn check(collection: &dyn Collection, json: &Value, expected: &[i64]) {
    let filter = filter(json);
    let counted = collection.count(Some(&filter)).await.unwrap();
    assert_eq!(counted.count, expected.len() as u64, "{json}");
    assert!(counted.unknown_fields.is_empty());
    let matching = collection.matching(&filter).await.unwrap();
    assert_eq!(matching.versions.len(), expected.len(), "{json}");
    let request = ScrollRequest {
        position: None,
        limit: 1_000,
        filter: Some(&filter),
        order: None,
        with_vector: false,
    };
    let page = collection.scroll(request).await.unwrap();
    assert_eq!(sorted(page.rows.documents.iter().map(|it| &it.id)), expected, "{json}");
    let query = FacetQuery { filter: Some(filter), facets: Vec::new(), deadline: deadline() };
    assert_eq!(collection.facets(query).await.unwrap().count, expected.len() as u64, "{json}");
}

async fn check_all(collection: &dyn Collection, model: &Model, random: &mut StdRng) {
    let all = conditions();
    let (condition, holds) = &all[random.random_range(0..all.len())];
    let of = |wanted: &dyn Fn(i64, Option<&str>) -> bool| -> Vec<i64> {
        let wanted = model.iter().filter(|(id, text)| wanted(**id, text.as_deref()));
        wanted.map(|(id, _)| *id).collect()
    };
    let expected = of(&|_, text| text.is_some_and(holds));
    check(collection, condition, &expected).await;
    let without = of(&|_, text| !text.is_some_and(holds));
    check(collection, &json!({"$not": condition}), &without).await;
    let even = of(&|id, text| id % 2 == 0 && text.is_some_and(holds));
    let both = json!({"$and": [{"even": true}, condition]});
    check(collection, &both, &even).await;
    let either = of(&|id, text| id % 2 == 0 || text.is_some_and(holds));
    check(collection, &json!({"$or": [condition, {"even": true}]}), &either).await;
    // Searches find those of them that they can find at all.
    for number in [0, OWN] {
        let everything = searched(collection, near(number, &[1.0, 0.0]), filter(&json!({}))).await;
        for (json, expected) in [(condition, &expected), (&json!({"$not": condition}), &without)] {
            let found = searched(collection, near(number, &[1.0, 0.0]), filter(json)).await;
            let expected: Vec<i64> =
                expected.iter().copied().filter(|id| everything.contains(id)).collect();
            assert_eq!(found, expected, "{json} in {number}");
        }
    }
    let storm = Ranking::Keyword(Words { text: "storm".to_owned(), min_score: None });
    let found = searched(collection, storm, filter(condition)).await;
    let worded = of(&|_, text| text.is_some_and(|text| text.contains("storm") && holds(text)));
    assert_eq!(found, worded, "{condition}");
}

#[tokio::test]
async fn filters_on_texts_agree_with_the_texts() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path()).await;
    let fields = vec![field(0, "", 2), field(OWN, "own", 2)];
    let mut collection = create(&engine, fields).await;
    let mut random = StdRng::seed_from_u64(16);
    let mut model = Model::new();
    for round in 0..200 {
        if random.random_ratio(1, 5) {
            let gone: Vec<i64> = (0..3).map(|_| random.random_range(0..40)).collect();
            model.retain(|id, _| !gone.contains(id));
            let gone = gone.into_iter().map(DocumentId::from).collect();
            collection.write(Write::DeleteIds(gone), deadline()).await.unwrap();
        } else {
            let mut rows = BTreeMap::new();
            for _ in 0..random.random_range(1..5) {
                let (id, text) = (random.random_range(0..40), text(&mut random));
                rows.insert(id, with_text(id, text.as_deref(), &mut random));
                model.insert(id, text);
            }
            let write = Write::Upsert(rows.into_values().collect(), UpsertRules::default());
            collection.write(write, deadline()).await.unwrap();
        }
        check_all(&*collection, &model, &mut random).await;
        if round % 70 == 69 {
            (engine, collection) = reopened(engine, collection, folder.path()).await;
            check_all(&*collection, &model, &mut random).await;
        }
    }
    drop(collection);
    engine.close().await;
}

/// Documents that always match are always there, and those that never do never, whatever is written meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn filters_on_texts_hold_while_documents_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path()).await;
    let fields = vec![field(0, "", 2), field(OWN, "own", 2)];
    let collection = create(&engine, fields).await;
    let write = async |collection: &dyn Collection, round: usize| {
        let row = |id: i64| {
            let has = if id % 2 == 0 { "harbor" } else { "storm" };
            let text = format!("round {round} {has} end");
            NewRow { text: Some(text), ..row(id, Some(vec![1.0, 1.0]), &[(OWN, vec![1.0, 0.0])]) }
        };
        let write = Write::Upsert((0..20).map(row).collect(), UpsertRules::default());
        collection.write(write, deadline()).await.unwrap();
    };
    write(&*collection, 0).await;
    let ends = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (collection, ends) = (Arc::clone(&collection), Arc::clone(&ends));
        async move {
            let mut round = 0;
            while !ends.load(Ordering::Relaxed) {
                round += 1;
                write(&*collection, round).await;
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        }
    });
    let even: Vec<i64> = (0..20).step_by(2).collect();
    for _ in 0..60 {
        for json in [
            json!({"$text": {"$match": "harbor"}}),
            json!({"$text": {"$contains": " harbor "}}),
            json!({"$text": {"$not": {"$match": "storm"}}}),
            json!({"$text": {"$not": {"$contains": "storm"}}}),
        ] {
            for number in [0, OWN] {
                let found = searched(&*collection, near(number, &[1.0, 0.0]), filter(&json)).await;
                assert_eq!(found, even, "{json} in {number}");
            }
            let counted = collection.count(Some(&filter(&json))).await.unwrap();
            assert_eq!(counted.count, 10, "{json}");
        }
    }
    ends.store(true, Ordering::Relaxed);
    writer.await.unwrap();
    drop(collection);
    engine.close().await;
}

/// A text in passages is one document, all of whose passages are let through or none.
#[tokio::test]
async fn all_passages_of_a_text_are_let_through() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path()).await;
    let chunking = Some(Chunking { tokens: 16, overlap: 0 });
    let fields = vec![VectorField { chunking, ..field(0, "", 2) }];
    let collection = create(&engine, fields).await;
    let rows = vec![
        crate::words::cut(1, &["An old harbor.", "Bread from the garden.", "A storm in winter."]),
        crate::words::cut(2, &["A letter.", "The harbor, frozen in winter."]),
        crate::words::cut(3, &["Bread alone."]),
    ];
    let write = Write::Upsert(rows, UpsertRules::default());
    collection.write(write, deadline()).await.unwrap();
    for (json, expected) in [
        (json!({"$text": {"$match": "harbor"}}), vec![1, 2]),
        (json!({"$text": {"$contains": "harbor. Bread f"}}), vec![1]),
        (json!({"$text": {"$not": {"$match": "harbor"}}}), vec![3]),
        (json!({"$text": {"$contains": "e"}}), vec![1, 2, 3]),
    ] {
        check(&*collection, &json, &expected).await;
        let found = searched(&*collection, near(0, &[1.0, 0.0]), filter(&json)).await;
        assert_eq!(found, expected, "{json}");
    }
}
