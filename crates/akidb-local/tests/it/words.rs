//! Searches by words, beside what is written: each is held against all documents that there are.

use std::collections::BTreeMap;

use akidb_core::{Chunking, DocumentId, Effort, Filter, KeywordSettings, Limits};
use akidb_engine::{
    Collection, EmbeddedText, Found, Fusion, HitParts, Hybrid, KnownText, NewRow, PassageVector,
    Query, Ranking, RowVectors, Shown, StorageEngine, TextHash, UpsertRules, VectorField, Words,
    Write,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;

use crate::fields::{create, create_with, deadline, field, metadata, near, open, reopened, row};

const WORDS: [&str; 12] = [
    "harbor", "sail", "storm", "engine", "garden", "bread", "winter", "letter", "mountain",
    "river", "orchard", "lantern",
];
const OWN: u32 = 1;

/// The texts of all documents.
type Model = BTreeMap<i64, String>;

fn query(ranking: Ranking) -> Query {
    Query {
        ranking,
        filter: None,
        window: 100,
        parts: HitParts::Row,
        shown: Shown::default(),
        deadline: deadline(),
        effort: Effort::default(),
    }
}

fn words(text: &str) -> Words {
    Words { text: text.to_owned(), min_score: None }
}

fn ids(found: &Found) -> Vec<i64> {
    let id = |id: &DocumentId| match id {
        DocumentId::Integer(id) => *id,
        DocumentId::Text(text) => panic!("{text}"),
    };
    found.hits.iter().map(|hit| id(&hit.document.id)).collect()
}

async fn by_words(collection: &dyn Collection, text: &str) -> Vec<i64> {
    let found = collection.search(query(Ranking::Keyword(words(text)))).await.unwrap();
    assert_eq!((found.damaged.len(), found.unsearchable), (0, 0));
    let mut ids = ids(&found);
    ids.sort_unstable();
    ids
}

fn with_text(id: i64, text: &str, is_near: bool) -> NewRow {
    let own = [(OWN, vec![1.0, 0.0])];
    let fields: &[_] = if id % 3 == 0 || !is_near { &own } else { &[] };
    let vector = is_near.then(|| vec![id as f32, 1.0]);
    NewRow { text: Some(text.to_owned()), ..row(id, vector, fields) }
}

async fn upsert(collection: &dyn Collection, rows: Vec<NewRow>) {
    collection.write(Write::Upsert(rows, UpsertRules::default()), deadline()).await.unwrap();
}

/// Every document that has the word, and no other.
async fn agrees(collection: &dyn Collection, model: &Model, word: &str) {
    let expected = model.iter().filter(|(_, text)| text.split(' ').any(|it| it == word));
    let expected: Vec<i64> = expected.map(|(id, _)| *id).collect();
    assert_eq!(by_words(collection, word).await, expected, "{word}");
}

/// Some documents have no vector in the unnamed field, and come and go between those that have one.
#[tokio::test]
async fn what_is_written_is_found_by_its_words_at_once_and_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path()).await;
    let fields = vec![field(0, "", 2), field(OWN, "own", 2)];
    let mut collection = create(&engine, fields).await;
    let mut random = StdRng::seed_from_u64(5);
    let mut model = Model::new();
    for round in 0..300 {
        if random.random_ratio(1, 4) {
            let gone: Vec<i64> = (0..3).map(|_| random.random_range(0..60)).collect();
            model.retain(|id, _| !gone.contains(id));
            let gone = gone.into_iter().map(DocumentId::from).collect();
            collection.write(Write::DeleteIds(gone), deadline()).await.unwrap();
        } else {
            let mut rows = BTreeMap::new();
            for _ in 0..random.random_range(1..6) {
                let id = random.random_range(0..60);
                let count = random.random_range(1..7);
                let text: Vec<&str> =
                    (0..count).map(|_| WORDS[random.random_range(0..WORDS.len())]).collect();
                let text = text.join(" ");
                model.insert(id, text.clone());
                rows.insert(id, with_text(id, &text, random.random_ratio(3, 4)));
            }
            upsert(&*collection, rows.into_values().collect()).await;
        }
        agrees(&*collection, &model, WORDS[random.random_range(0..WORDS.len())]).await;
        if round % 60 == 59 {
            (engine, collection) = reopened(engine, collection, folder.path()).await;
            for word in WORDS {
                agrees(&*collection, &model, word).await;
            }
        }
    }
    drop(collection);
    engine.close().await;
}

#[tokio::test]
async fn filters_phrases_and_exclusions_hold_for_words() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path()).await;
    let collection = create(&engine, vec![field(0, "", 2)]).await;
    let texts = ["the old harbor", "a harbor in a storm", "storm over the old harbor", "old bread"];
    let rows = (1..).zip(texts).map(|(id, text)| with_text_alone(id, text));
    upsert(&*collection, rows.collect()).await;
    assert_eq!(by_words(&*collection, "harbor").await, [1, 2, 3]);
    assert_eq!(by_words(&*collection, "\"old harbor\"").await, [1, 3]);
    assert_eq!(by_words(&*collection, "harbor -storm").await, [1]);
    assert_eq!(by_words(&*collection, "bre*").await, [4]);
    assert_eq!(by_words(&*collection, "nothing").await, [0; 0]);
    let filter = Filter::parse(&json!({"even": true}), &Limits::default()).unwrap();
    let even = Query { filter: Some(filter), ..query(Ranking::Keyword(words("harbor old"))) };
    let mut found = ids(&collection.search(even).await.unwrap());
    found.sort_unstable();
    assert_eq!(found, [2, 4]);
}

fn with_text_alone(id: i64, text: &str) -> NewRow {
    NewRow { text: Some(text.to_owned()), ..row(id, Some(vec![id as f32, 1.0]), &[]) }
}

fn both(text: &str, depth: usize, fusion: Fusion) -> Hybrid {
    let Ranking::Semantic(near) = near(0, &[1.0, 0.0]) else { unreachable!() };
    Hybrid { near, words: words(text), min_semantic: None, depth, fusion }
}

/// Each score is that of a search by it alone, also of documents that are among the best by the other one only.
#[tokio::test]
async fn each_candidate_has_both_scores() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path()).await;
    let collection = create(&engine, vec![field(0, "", 2), field(OWN, "own", 2)]).await;
    let mut rows: Vec<_> = (1..=40)
        .map(|id| with_text_alone(id, if id % 10 == 1 { "harbor storm" } else { "bread" }))
        .collect();
    rows.push(with_text(100, "harbor harbor", false));
    upsert(&*collection, rows).await;
    let nearest = collection.search(query(near(0, &[1.0, 0.0]))).await.unwrap();
    let worded = collection.search(query(Ranking::Keyword(words("harbor")))).await.unwrap();
    for fusion in [Fusion::Adaptive, Fusion::Rrf { k: 60.0, weights: Default::default() }] {
        let found = collection.search(query(Ranking::Hybrid(both("harbor", 5, fusion)))).await;
        let found = found.unwrap();
        assert_eq!(found.plan.candidates, Some(found.hits.len() as u64));
        assert!(found.hits.is_sorted_by(|left, right| left.score >= right.score));
        let mut all = ids(&found);
        all.sort_unstable();
        assert_eq!(all, [1, 11, 21, 31, 36, 37, 38, 39, 40, 100]);
        for hit in &found.hits {
            let parts = hit.score_parts.unwrap();
            let of = |found: &Found| {
                let found = found.hits.iter().find(|it| it.document.id == hit.document.id);
                found.map(|it| it.score)
            };
            assert_eq!(parts.semantic, of(&nearest), "{:?}", hit.document.id);
            assert_eq!(parts.keyword, of(&worded).unwrap_or(0.0), "{:?}", hit.document.id);
        }
    }
    let excluding = query(Ranking::Hybrid(both("bread -storm", 40, Fusion::Adaptive)));
    let found = ids(&collection.search(excluding).await.unwrap());
    assert!(!found.contains(&1) && found.contains(&2), "{found:?}");
    // A document without a text has no words, and no excluded ones.
    upsert(&*collection, vec![row(200, Some(vec![200.0, 1.0]), &[])]).await;
    for (text, is_found) in [("bread -storm", true), ("bread \"harbor\"", false)] {
        let by_both = query(Ranking::Hybrid(both(text, 50, Fusion::Adaptive)));
        let found = ids(&collection.search(by_both).await.unwrap());
        assert_eq!(found.contains(&200), is_found, "{text}: {found:?}");
    }
    let least = Hybrid {
        words: Words { min_score: Some(0.01), ..words("harbor") },
        min_semantic: Some(15.0),
        ..both("harbor", 40, Fusion::Adaptive)
    };
    let mut found = ids(&collection.search(query(Ranking::Hybrid(least))).await.unwrap());
    found.sort_unstable();
    assert_eq!(found, [21, 31]);
}

/// Words of metadata count as often as their weight says, in the language that was said, after a start too.
#[tokio::test]
async fn words_are_looked_for_where_the_collection_says() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path()).await;
    let weights = [("title".to_owned(), 3), ("author.name".to_owned(), 1)];
    let keyword = KeywordSettings::new(Some("de"), &weights).unwrap();
    let collection = create_with(&engine, vec![field(0, "", 2)], keyword).await;
    let document = |id: i64, text: &str, title: &str, authors: &[&str]| {
        let authors: Vec<_> = authors.iter().map(|name| json!({"name": name})).collect();
        NewRow {
            metadata: metadata(json!({"title": title, "author": authors, "even": id % 2 == 0})),
            ..with_text_alone(id, text)
        }
    };
    let rows = vec![
        document(1, "Ein Haus am See und noch ein Wort", "Sommer", &["Anna Berg"]),
        document(2, "Sommer am Strand und noch ein Wort", "Häuser", &["Emil Stein", "Ida Berg"]),
    ];
    upsert(&*collection, rows).await;
    let (_engine, collection) = reopened(engine, collection, folder.path()).await;
    let of = async |text: &str| {
        ids(&collection.search(query(Ranking::Keyword(words(text)))).await.unwrap())
    };
    assert_eq!(of("Haus").await, [2, 1], "a title counts three times, in every form of its words");
    assert_eq!(of("sommer").await, [1, 2]);
    assert_eq!(of("title:sommer").await, [1]);
    assert_eq!(of("stein").await, [2]);
    assert_eq!(of("author.name:berg see").await, [1, 2]);
}

/// A text that is cut, a passage a sentence, the vector of each a step farther from the query.
pub(crate) fn cut(id: i64, sentences: &[&str]) -> NewRow {
    let text = sentences.join(" ");
    let mut end = 0;
    let passages = (0_u8..).zip(sentences).map(|(number, sentence)| {
        let start = end + usize::from(number > 0);
        end = start + sentence.len();
        let vector = vec![f32::from(9 - number), 1.0];
        PassageVector { bytes: Some(start..end), vector }
    });
    let embedded = EmbeddedText {
        hash: TextHash::of(&text),
        tokens: 9,
        truncated: false,
        unknown_tokens: None,
    };
    let known = KnownText { passages: passages.collect(), embedded };
    NewRow { text: Some(text), vectors: Some(RowVectors::Embedded(known)), ..row(id, None, &[]) }
}

/// What must be there and what must not is a matter of the document; what is shown is the passage with the words.
#[tokio::test]
async fn a_text_in_passages_is_one_document_and_shows_the_passage_with_the_words() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path()).await;
    let chunking = Some(Chunking { tokens: 16, overlap: 0 });
    let fields = vec![VectorField { chunking, ..field(0, "", 2) }];
    let collection = create(&engine, fields).await;
    let rows = vec![
        cut(1, &["An old harbor.", "Bread from the garden.", "A storm in winter."]),
        cut(2, &["A letter.", "The harbor, frozen in winter."]),
        cut(3, &["Bread alone."]),
    ];
    upsert(&*collection, rows).await;
    let shown = async |ranking: Ranking| {
        let found = collection.search(query(ranking)).await.unwrap();
        let passages = found.hits.iter().map(|hit| hit.passage.as_ref().unwrap().text.clone());
        ids(&found).into_iter().zip(passages).collect::<Vec<_>>()
    };
    let of_words = |text: &str| Ranking::Keyword(words(text));
    let mut winter = shown(of_words("winter")).await;
    winter.sort();
    let in_winter = ["A storm in winter.", "The harbor, frozen in winter."].map(str::to_owned);
    assert_eq!(winter, [1, 2].into_iter().zip(in_winter).collect::<Vec<_>>());
    assert_eq!(
        shown(of_words("harbor -storm")).await,
        [(2, "The harbor, frozen in winter.".into())]
    );
    assert_eq!(shown(of_words("harbor bread")).await.len(), 3);
    let mut near = shown(Ranking::Hybrid(both("bread", 10, Fusion::Adaptive))).await;
    near.sort();
    let nearest = ["An old harbor.", "A letter.", "Bread alone."].map(str::to_owned);
    assert_eq!(
        near,
        (1..=3).zip(nearest).collect::<Vec<_>>(),
        "by a vector too, it is the nearest"
    );
}
