//! What a search shows of its hits, beside all that is stored: passages, and the words of its query.

use std::{collections::BTreeMap, ops::Range};

use akidb_core::{Chunking, DocumentId, Effort};
use akidb_engine::{
    BestPassage, Collection, EmbeddedText, Fusion, Highlight, Hit, HitParts, Hybrid, KnownText,
    NewRow, PassageVector, Query, Ranking, RowVectors, Shown, ShownPassages, StorageEngine,
    TextHash, UpsertRules, VectorField, Words, Write,
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::fields::{create, deadline, field, near, open, reopened, row};

const WORDS: [&str; 8] = ["hárbor", "sail", "storm", "🦀", "garden", "bréad", "winter", "letter"];

/// A sentence, and how near it is to the query.
type Sentence = (String, f32);

/// The sentences of all documents.
type Model = BTreeMap<i64, Vec<Sentence>>;

fn sentences(random: &mut StdRng) -> Vec<Sentence> {
    let count = random.random_range(1..7);
    let sentence = |random: &mut StdRng| {
        let words = (0..random.random_range(1..6)).map(|_| WORDS[random.random_range(0..8)]);
        let words: Vec<&str> = words.collect();
        // A sentence ends where the next one begins with a capital.
        (format!("Ö {}.", words.join(" ")), f32::from(random.random_range(0..20_u8)))
    };
    (0..count).map(|_| sentence(random)).collect()
}

fn text_of(sentences: &[Sentence]) -> String {
    sentences.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>().join(" ")
}

/// A text that is cut, a passage a sentence.
fn cut(id: i64, sentences: &[Sentence]) -> NewRow {
    let text = text_of(sentences);
    let mut end = 0;
    let passages = (0..).zip(sentences).map(|(number, (sentence, nearness))| {
        let start = end + usize::from(number > 0);
        end = start + sentence.len();
        PassageVector { bytes: Some(start..end), vector: vec![*nearness, 1.0] }
    });
    let hash = TextHash::of(&text);
    let embedded = EmbeddedText { hash, tokens: 9, truncated: false, unknown_tokens: None };
    let known = KnownText { passages: passages.collect(), embedded };
    NewRow { text: Some(text), vectors: Some(RowVectors::Embedded(known)), ..row(id, None, &[]) }
}

fn query(ranking: Ranking, passages: ShownPassages, word: &str) -> Query {
    let highlight = Highlight { query: word.to_owned(), ranges: 3, sentences: Some(1) };
    Query {
        ranking,
        filter: None,
        window: 100,
        parts: HitParts::Row,
        shown: Shown { passages: Some(passages), highlight: Some(highlight), from: 0 },
        deadline: deadline(),
        effort: Effort::default(),
    }
}

async fn hits(collection: &dyn Collection, query: Query) -> Vec<(i64, Hit)> {
    let found = collection.search(query).await.unwrap();
    let hits = found.hits.into_iter().map(|hit| match hit.document.id {
        DocumentId::Integer(id) => (id, hit),
        DocumentId::Text(ref id) => panic!("{id}"),
    });
    hits.collect()
}

fn part(text: &str, range: &Range<usize>) -> String {
    text.chars().skip(range.start).take(range.len()).collect()
}

/// Which sentence a passage is, after a look at what it says of itself.
fn sentence_of(
    sentences: &[Sentence],
    best: &BestPassage,
    shown: ShownPassages,
    word: &str,
) -> usize {
    let text = text_of(sentences);
    assert_eq!(part(&text, &best.passage.characters), best.passage.text);
    let starts = sentences.iter().scan(0, |start, (sentence, _)| {
        let here = *start;
        *start += sentence.chars().count() + 1;
        Some(here)
    });
    let at = starts.into_iter().position(|start| start == best.passage.characters.start).unwrap();
    assert_eq!(best.passage.text, sentences[at].0);
    let neighbors = at.saturating_sub(shown.context)..(at + shown.context + 1).min(sentences.len());
    let context = text_of(&sentences[neighbors.clone()]);
    let expected = Some(context).filter(|_| neighbors.len() > 1);
    assert_eq!(best.context.as_ref().map(|context| context.text.clone()), expected);
    for range in &best.highlights {
        assert_eq!(part(&text, range), word);
        let passage = &best.passage.characters;
        assert!(passage.start <= range.start && range.end <= passage.end);
    }
    assert_eq!(best.highlights.len(), sentences[at].0.matches(word).count().min(3));
    at
}

/// The words of a text, and the first sentence with the most of them.
fn check_highlights(sentences: &[Sentence], hit: &Hit, word: &str) {
    let (highlights, text) = (hit.highlights.as_ref().unwrap(), text_of(sentences));
    let total = text.matches(word).count();
    assert_eq!(highlights.total, total as u64);
    assert_eq!(highlights.ranges.len(), total.min(3));
    assert!(highlights.ranges.iter().all(|range| part(&text, range) == word));
    let snippet = highlights.snippet.as_ref().map(|snippet| snippet.text.clone());
    let expected = sentences.iter().find(|(sentence, _)| sentence.contains(word));
    assert_eq!(snippet, expected.map(|(sentence, _)| sentence.clone()));
}

/// The sentences in the order of a score, of equal ones the first.
fn ordered(sentences: &[Sentence], most: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sentences.len()).collect();
    order.sort_by(|&one, &other| sentences[other].1.total_cmp(&sentences[one].1));
    order.truncate(most);
    order
}

async fn check(collection: &dyn Collection, model: &Model, random: &mut StdRng) {
    let shown = ShownPassages {
        per_document: random.random_range(1..5),
        context: random.random_range(0..3),
    };
    let word = ["hárbor", "storm", "bréad"][random.random_range(0..3)];
    let words = || Words { text: word.to_owned(), min_score: None };
    let semantic = hits(collection, query(near(0, &[1.0, 0.0]), shown, word)).await;
    assert_eq!(semantic.len(), model.len());
    for (id, hit) in &semantic {
        let sentences = &model[id];
        let best = hit.best_passages.as_ref().unwrap();
        let found: Vec<usize> =
            best.iter().map(|best| sentence_of(sentences, best, shown, word)).collect();
        assert_eq!(found, ordered(sentences, shown.per_document));
        assert!(best.iter().zip(&found).all(|(best, &at)| best.score == sentences[at].1));
        check_highlights(sentences, hit, word);
    }
    let keyword = hits(collection, query(Ranking::Keyword(words()), shown, word)).await;
    let with_word = model.values().filter(|it| text_of(it).contains(word)).count();
    assert_eq!(keyword.len(), with_word);
    for (id, hit) in &keyword {
        let sentences = &model[id];
        let best = hit.best_passages.as_ref().unwrap();
        let having = sentences.iter().filter(|(text, _)| text.contains(word)).count();
        assert_eq!(best.len(), having.min(shown.per_document));
        assert!(best.is_sorted_by(|one, other| one.score >= other.score));
        for best in best {
            assert!(sentences[sentence_of(sentences, best, shown, word)].0.contains(word));
        }
        assert_eq!(
            hit.passage.as_ref(),
            Some(&best[0].passage),
            "as it is where none are asked for"
        );
        check_highlights(sentences, hit, word);
    }
    let Ranking::Semantic(near) = near(0, &[1.0, 0.0]) else { unreachable!() };
    let fusion = Fusion::Weighted(Default::default());
    let hybrid = Hybrid { near, words: words(), min_semantic: None, depth: 100, fusion };
    for (id, hit) in hits(collection, query(Ranking::Hybrid(hybrid), shown, word)).await {
        let sentences = &model[&id];
        let best = hit.best_passages.unwrap();
        assert_eq!(best.len(), sentences.len().min(shown.per_document));
        for best in &best {
            let at = sentence_of(sentences, best, shown, word);
            let parts = best.score_parts.unwrap();
            assert_eq!(parts.semantic, Some(sentences[at].1));
            assert_eq!(parts.keyword > 0.0, sentences[at].0.contains(word));
        }
        let is_best = |at: usize| {
            let nearest = sentences.iter().all(|(_, nearness)| *nearness <= sentences[at].1);
            nearest || sentences[at].0.contains(word)
        };
        assert!(is_best(sentence_of(sentences, &best[0], shown, word)));
    }
}

#[tokio::test]
async fn passages_and_words_are_those_of_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path()).await;
    let chunking = Some(Chunking { tokens: 16, overlap: 0 });
    let fields = vec![VectorField { chunking, ..field(0, "", 2) }];
    let mut collection = create(&engine, fields).await;
    let mut random = StdRng::seed_from_u64(8);
    let mut model = Model::new();
    for round in 0..60 {
        let id = random.random_range(0..20);
        if random.random_ratio(1, 4) {
            model.remove(&id);
            collection.write(Write::DeleteIds(vec![id.into()]), deadline()).await.unwrap();
        } else {
            model.insert(id, sentences(&mut random));
            let rows = vec![cut(id, &model[&id])];
            let write = Write::Upsert(rows, UpsertRules::default());
            collection.write(write, deadline()).await.unwrap();
        }
        check(&*collection, &model, &mut random).await;
        if round == 40 {
            (engine, collection) = reopened(engine, collection, folder.path()).await;
            check(&*collection, &model, &mut random).await;
        }
    }
    // Of hits before a page nothing is shown, and of those after it nothing is left out.
    let all = ShownPassages { per_document: 9, context: 0 };
    let whole = query(near(0, &[1.0, 0.0]), all, "storm");
    let expected = hits(&*collection, whole.clone()).await;
    let from = expected.len() / 2;
    let page = Query { shown: Shown { from, ..whole.shown.clone() }, ..whole };
    for (at, (found, expected)) in hits(&*collection, page).await.iter().zip(&expected).enumerate()
    {
        if at < from {
            assert!(found.1.best_passages.is_none() && found.1.highlights.is_none());
            assert_eq!(found.1.passage, expected.1.passage);
        } else {
            assert_eq!(found, expected);
        }
    }
    drop(collection);
    engine.close().await;
}

/// Texts that were not cut are their own passage, with the score of their document.
#[tokio::test]
async fn a_text_that_was_not_cut_is_its_own_passage() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path()).await;
    let collection = create(&engine, vec![field(0, "", 2)]).await;
    let text = "A storm. Ä harbor.";
    let row = |id: i64, text: Option<&str>| NewRow {
        text: text.map(str::to_owned),
        ..row(id, Some(vec![2.0, 1.0]), &[])
    };
    let rows = vec![row(1, Some(text)), row(2, None)];
    collection.write(Write::Upsert(rows, UpsertRules::default()), deadline()).await.unwrap();
    let shown = ShownPassages { per_document: 3, context: 2 };
    let found = hits(&*collection, query(near(0, &[1.0, 0.0]), shown, "harbors")).await;
    let best = found[0].1.best_passages.as_ref().unwrap();
    assert_eq!((best.len(), &best[0].passage.characters, best[0].score), (1, &(0..18), 2.0));
    assert_eq!((&best[0].context, best[0].highlights.len()), (&None, 1));
    assert_eq!(best[0].highlights[0], 11..17);
    let highlights = found[0].1.highlights.as_ref().unwrap();
    assert_eq!(highlights.snippet.as_ref().unwrap().text, "Ä harbor.");
    assert_eq!(found[1].1.best_passages, Some(Vec::new()));
    assert_eq!(found[1].1.highlights, Some(Default::default()));
}
