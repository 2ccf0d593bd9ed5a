//! Facets, beside what is written: each is held against all documents that there are.

use std::{collections::BTreeMap, sync::Arc};

use akidb_core::{
    Borders, Chunking, DateInterval, DocumentId, Facet, FacetBuckets, FacetBy, FieldPath, Filter,
    Limits,
};
use akidb_engine::{
    Collection, FacetQuery, Facets, NewRow, StorageEngine, UpsertRules, VectorField, Write,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    fields::{create, deadline, field, metadata, open, reopened, row},
    words::cut,
};

const GENRES: [&str; 5] = ["crime", "drama", "comedy", "romance", "western"];

/// Longer than what the filter index keeps of a string.
fn long(end: i64) -> String {
    format!("{}{end}", "x".repeat(600))
}

async fn upsert(collection: &dyn Collection, rows: Vec<NewRow>) {
    collection.write(Write::Upsert(rows, UpsertRules::default()), deadline()).await.unwrap();
}

async fn facets(
    collection: &dyn Collection,
    filter: Option<&Value>,
    by: &[(&str, FacetBy)],
) -> Facets {
    let facets = by
        .iter()
        .map(|(field, by)| Facet { field: FieldPath::new(field).unwrap(), by: by.clone() });
    let query = FacetQuery {
        filter: filter.map(|json| Filter::parse(json, &Limits::default()).unwrap()),
        facets: facets.collect(),
        deadline: deadline(),
    };
    collection.facets(query).await.unwrap()
}

/// What documents have, as the facets of `agrees` count it.
#[derive(Default)]
struct Counted {
    documents: u64,
    genres: BTreeMap<String, u64>,
    without_genre: u64,
    before_1950: u64,
    years: BTreeMap<i64, u64>,
}

fn counted(model: &BTreeMap<i64, Value>, filter: Option<&Value>) -> Counted {
    let filter = filter.map(|json| Filter::parse(json, &Limits::default()).unwrap());
    let mut counted = Counted::default();
    for (id, document) in model {
        let matches =
            |filter: &Filter| filter.matches((&DocumentId::from(*id), &metadata(document.clone())));
        if !filter.as_ref().is_none_or(matches) {
            continue;
        }
        counted.documents += 1;
        let genres = document["genres"].as_array().unwrap();
        counted.without_genre += u64::from(genres.is_empty());
        for genre in genres {
            *counted.genres.entry(genre.as_str().unwrap().to_owned()).or_default() += 1;
        }
        let year = document["year"].as_i64().unwrap();
        counted.before_1950 += u64::from(year < 1950);
        *counted.years.entry(year).or_default() += 1;
    }
    counted
}

async fn agrees(collection: &dyn Collection, model: &BTreeMap<i64, Value>, filter: Option<&Value>) {
    let borders = Borders::new(vec![json!(1950)]).unwrap();
    let by = [
        ("genres", FacetBy::Values { limit: 2 }),
        ("year", FacetBy::Ranges(borders)),
        ("day", FacetBy::Dates { interval: DateInterval::Year, limit: 1_000 }),
    ];
    let found = facets(collection, filter, &by).await;
    let counted = counted(model, filter);
    assert_eq!(found.count, counted.documents);
    let [genres, years, days] = &found.facets[..] else { panic!("{found:?}") };

    let mut expected: Vec<(String, u64)> = counted.genres.into_iter().collect();
    expected.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    assert_eq!(genres.distinct, expected.len() as u64);
    assert_eq!(genres.other, expected.iter().skip(2).map(|(_, count)| count).sum::<u64>());
    assert_eq!(genres.missing, counted.without_genre);
    expected.truncate(2);
    let FacetBuckets::Values(listed) = &genres.buckets else { panic!("{genres:?}") };
    let listed: Vec<_> =
        listed.iter().map(|it| (it.value.as_str().unwrap().to_owned(), it.count)).collect();
    assert_eq!(listed, expected);

    let FacetBuckets::Ranges(listed) = &years.buckets else { panic!("{years:?}") };
    let listed: Vec<u64> = listed.iter().map(|it| it.count).collect();
    assert_eq!(listed, [counted.before_1950, counted.documents - counted.before_1950]);

    let FacetBuckets::Ranges(listed) = &days.buckets else { panic!("{days:?}") };
    let year =
        |from: &Option<Value>| from.as_ref().unwrap().as_str().unwrap()[..4].parse().unwrap();
    let listed: BTreeMap<i64, u64> = listed.iter().map(|it| (year(&it.from), it.count)).collect();
    assert_eq!(listed, counted.years);
}

/// Documents have one vector or several, or none in the unnamed field, and come and go between those.
#[tokio::test]
async fn facets_are_those_of_all_documents_that_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path()).await;
    let chunking = Some(Chunking { tokens: 16, overlap: 0 });
    let fields = vec![VectorField { chunking, ..field(0, "", 2) }, field(1, "own", 2)];
    let mut collection = create(&engine, fields).await;
    let mut random = StdRng::seed_from_u64(7);
    let mut model: BTreeMap<i64, Value> = BTreeMap::new();
    let long_genre = json!({"title": {"$icontains": "X3"}});
    let filters = [None, Some(json!({"year": {"$gte": 1930, "$lt": 1990}})), Some(long_genre)];
    for round in 0..200 {
        if random.random_ratio(1, 4) {
            let gone: Vec<i64> = (0..3).map(|_| random.random_range(0..50)).collect();
            model.retain(|id, _| !gone.contains(id));
            let gone = gone.into_iter().map(DocumentId::from).collect();
            collection.write(Write::DeleteIds(gone), deadline()).await.unwrap();
        } else {
            let mut rows = BTreeMap::new();
            for _ in 0..random.random_range(1..6) {
                let id = random.random_range(0..50);
                let year = random.random_range(1_900..2_000);
                let mut genres = GENRES.to_vec();
                genres.retain(|_| random.random_ratio(1, 4));
                let document = json!({
                    "genres": genres, "year": year, "day": format!("{year}-05-01"), "title": long(id % 5),
                });
                model.insert(id, document.clone());
                let plain = || row(id, Some(vec![id as f32, 1.0]), &[]);
                let of = match random.random_range(0..3) {
                    0 => cut(id, &["one", "two", "three"]),
                    1 => row(id, None, &[(1, vec![1.0, 0.0])]),
                    _ => plain(),
                };
                rows.insert(id, NewRow { metadata: metadata(document), ..of });
            }
            upsert(&*collection, rows.into_values().collect()).await;
        }
        for filter in &filters {
            agrees(&*collection, &model, filter.as_ref()).await;
        }
        if round % 60 == 59 {
            (engine, collection) = reopened(engine, collection, folder.path()).await;
            agrees(&*collection, &model, None).await;
        }
    }
    drop(collection);
    engine.close().await;
}

/// A document that is replaced is counted in one of its versions, never in none or both.
#[tokio::test]
async fn every_count_is_of_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path()).await;
    let collection = create(&engine, vec![field(0, "", 2), field(1, "own", 2)]).await;
    const DOCUMENTS: i64 = 40;
    let all_in = |side: i64| {
        let document = move |id: i64| NewRow {
            metadata: metadata(json!({"side": side, "id": id})),
            ..match side % 2 {
                0 => row(id, Some(vec![id as f32, 1.0]), &[]),
                _ => row(id, None, &[(1, vec![1.0, 0.0])]),
            }
        };
        (0..DOCUMENTS).map(document).collect::<Vec<_>>()
    };
    upsert(&*collection, all_in(0)).await;
    let writer = tokio::spawn({
        let collection = Arc::clone(&collection);
        async move {
            for side in 1..40 {
                upsert(&*collection, all_in(side)).await;
            }
        }
    });
    let by = [("side", FacetBy::Values { limit: 9 }), ("id", FacetBy::Values { limit: 1 })];
    while !writer.is_finished() {
        let found = facets(&*collection, None, &by).await;
        assert_eq!(found.count, DOCUMENTS as u64);
        let FacetBuckets::Values(sides) = &found.facets[0].buckets else { panic!("{found:?}") };
        let sides: Vec<u64> = sides.iter().map(|it| it.count).collect();
        assert_eq!(sides, [DOCUMENTS as u64], "a write is whole or not there");
        assert_eq!(found.facets[1].distinct, DOCUMENTS as u64);
    }
    writer.await.unwrap();
    let unknown =
        facets(&*collection, Some(&json!({"nope": 1})), &[("yaer", by[0].1.clone())]).await;
    assert_eq!((unknown.count, unknown.facets[0].distinct), (0, 0));
    assert_eq!(unknown.unknown_fields, ["nope", "yaer"]);
}
