//! Where texts have the words of queries, beside what the index finds by them.

use proptest::prelude::*;

use super::{found, index_of, settings};
use crate::{Language, LanguageSetting, TextIndex, TextMatcher, analysis::analyze};

const PIECES: [&str; 22] = [
    "whale",
    "whales",
    "Running",
    "runner",
    "the",
    "GPT-4o",
    "foo_bar.rs",
    "10.1145/3292500",
    "Crème",
    "creme",
    "U.S.A.",
    "黒猫が好き",
    "猫",
    "한국어",
    "дома",
    "городами",
    "don't",
    "3.5",
    "well-known",
    "\n",
    "e\u{301}tude",
    "ﬁne",
];

fn pieces(most: usize) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..PIECES.len(), 1..most)
}

/// A text of pieces with spaces, signs or nothing between.
fn text() -> impl Strategy<Value = String> {
    let sign = prop::sample::select(vec![" ", ", ", ". ", "", " - ", "! "]);
    prop::collection::vec((0..PIECES.len(), sign), 1..40)
        .prop_map(|all| all.into_iter().flat_map(|(piece, sign)| [PIECES[piece], sign]).collect())
}

/// Words, words that go on, and phrases.
fn query(phrases: bool) -> impl Strategy<Value = String> {
    let clause = (pieces(3), 0..if phrases { 4_u8 } else { 3 }).prop_map(|(pieces, form)| {
        let words: Vec<&str> = pieces.iter().map(|&piece| PIECES[piece].trim()).collect();
        match form {
            0 | 1 => words.join(" "),
            2 => format!("{}*", words.last().unwrap()),
            _ => format!("\"{}\"", words.join(" ")),
        }
    });
    prop::collection::vec(clause, 1..3).prop_map(|clauses| clauses.join(" "))
}

fn matcher(index: &TextIndex, query: &str) -> TextMatcher {
    TextIndex::matcher(&[index], query).unwrap()
}

fn english_index_of(text: &str) -> TextIndex {
    let index = TextIndex::new(settings(LanguageSetting::Named(Language::English)));
    index.insert(0, &[(0, text)]);
    index
}

/// The words that are marked.
fn marked<'t>(index: &TextIndex, query: &str, text: &'t str) -> Vec<&'t str> {
    let matches = matcher(index, query).matches([text], Some(0), text);
    matches.ranges().iter().map(|range| &text[range.clone()]).collect()
}

#[track_caller]
fn check(text: &str, query: &str, expected: &[&str]) {
    assert_eq!(marked(&index_of(&[text]), query, text), expected, "{query}");
}

#[test]
fn words_are_marked_in_every_form_that_is_found() {
    let text = "The runner was running home. Running, he said: GPT-4o and crème!";
    check(text, "run", &["running", "Running"]);
    check(text, "creme the", &["crème"]);
    check(text, "gpt-4o", &["GPT-4o"]);
    check(text, "GPT", &["GPT"]);
    check(text, "run*", &["runner", "running", "Running"]);
    check(text, "runn*", &["runner"]);
    check(text, "home -said", &["home"]);
    check(text, "", &[]);
    let text = "die Häuser der Stadt wurden im letzten Jahrhundert von fleißigen Leuten gebaut";
    check(text, "haus", &["Häuser"]);
}

#[test]
fn what_has_no_spaces_is_marked_by_the_characters_that_are_found() {
    check("黒猫が好き、白猫も", "黒猫が", &["黒猫が"]);
    check("黒猫が好き、白猫も", "猫", &["猫", "猫"]);
    check("黒猫が好き", "好き", &["好き"]);
    check("が\u{3099}猫", "が\u{3099}", &["が\u{3099}"]);
}

#[test]
fn a_phrase_is_marked_where_all_of_it_stands() {
    let text = "White whale, whale white; the white whale and a white ship.";
    check(text, "\"white whale\"", &["White", "whale", "white", "whale"]);
    check(text, "\"white whale\" ship", &["White", "whale", "white", "whale", "ship"]);
    check(text, "\"white ship\" white", &["White", "white", "white", "white", "ship"]);
    check(text, "\"whale white ship\"", &[]);
    check(text, "-\"white whale\" ship", &["ship"]);
    check(text, "title:whale", &[]);
    check(text, "text:ship", &["ship"]);
}

#[test]
fn a_snippet_has_the_sentences_with_the_rarest_words() {
    let text = "A whale swims. Nothing here. Whales and krill are seen. The end.  Krill, penguins.";
    let index = index_of(&[text, "whale", "whale", "whale"]);
    let snippet = |query: &str, sentences: usize, bytes: usize| {
        let matches = matcher(&index, query).matches([text], Some(0), text);
        matches.snippet(text, sentences, bytes).map(|range| &text[range])
    };
    assert_eq!(snippet("whale", 1, 100), Some("A whale swims."));
    assert_eq!(snippet("krill", 1, 100), Some("Whales and krill are seen."));
    assert_eq!(snippet("krill whale", 2, 100), Some("Whales and krill are seen. The end."));
    assert_eq!(
        snippet("penguin", 3, 100),
        Some("Whales and krill are seen. The end.  Krill, penguins.")
    );
    assert_eq!(snippet("krill", 1, 12), Some("krill are"));
    assert_eq!(snippet("nowhere", 1, 100), None);
}

/// What is long has no sentence that is short, nor a place to cut it.
#[test]
fn long_texts_and_queries_are_gone_through_once() {
    let text = "猫".repeat(300_000) + " whale " + &"x".repeat(100_000);
    let index = index_of(&[&text]);
    let query = "\"猫猫 猫猫\" ".repeat(5_000) + "whale";
    let matches = matcher(&index, &query).matches([text.as_str()], Some(0), &text);
    assert!(matches.ranges().len() >= 2);
    for sentences in [1, 10] {
        let shown = matches.snippet(&text, sentences, 1_000).unwrap();
        assert!(shown.len() <= 1_000 && !shown.is_empty());
    }
    let words: Vec<String> = (0..20_000).map(|i| format!("w{i}")).collect();
    let text = words.join(" ");
    let matches = matcher(&index_of(&[&text]), &text).matches([text.as_str()], Some(0), &text);
    assert_eq!(matches.ranges().len(), 1_024, "as many words of a query as count");
}

proptest! {
    /// Every word that is marked is, analyzed by itself, a term of the query, or begins as one does.
    #[test]
    fn what_is_marked_is_a_term_of_the_query(text in text(), query in query(true)) {
        let index = english_index_of(&text);
        let of = |text: &str| -> Vec<String> {
            let analyzed = analyze(index.settings(), &[(0, text)]);
            analyzed.iter().map(|(term, ..)| term.to_owned()).collect()
        };
        let wanted = of(&query.replace(['"', '*'], " "));
        let starts: Vec<String> = query
            .split_whitespace()
            .filter_map(|word| word.strip_suffix('*'))
            .flat_map(|start| [start.to_owned(), start.rsplit(['-', '.', '_', '/']).next().unwrap().to_owned()])
            .map(|start| start.to_lowercase())
            .collect();
        let matches = matcher(&index, &query).matches([text.as_str()], Some(0), &text);
        for range in matches.ranges() {
            let range = &text[range.clone()];
            let is_wanted = of(range).iter().any(|term| {
                wanted.iter().any(|other| other == term || (other.chars().count() == 1 && term.starts_with(&**other)))
                    || starts.iter().any(|start| range.to_lowercase().starts_with(start.as_str()))
                    || starts.iter().any(|start| of(start).iter().any(|other| term.starts_with(&**other)))
            });
            prop_assert!(is_wanted, "{range:?} of {text:?} for {query:?}");
        }
        prop_assert!(matches.ranges().is_sorted_by(|left, right| left.end <= right.start));
    }

    /// A document has something to mark where it is found, and its score is the one that it is found with.
    #[test]
    fn what_is_found_is_marked_and_scored_alike(text in text(), query in query(false)) {
        let index = english_index_of(&text);
        let matcher = matcher(&index, &query);
        let matches = matcher.matches([text.as_str()], Some(0), &text);
        prop_assert_eq!(found(&index, &query).is_empty(), matches.ranges().is_empty());
        let score = index.query(&query).search(1, None).first().map_or(0.0, |hit| hit.score);
        let own = matches.score(&(0..text.len()), &matcher);
        prop_assert!((score - own).abs() <= 1e-3 * score.max(1.0), "{} and {}", score, own);
    }

    /// Where the phrases of a query are required, what is found has them.
    #[test]
    fn phrases_that_are_found_are_marked(text in text(), query in query(true)) {
        let index = english_index_of(&text);
        let matches = matcher(&index, &query).matches([text.as_str()], Some(0), &text);
        prop_assert!(found(&index, &query).is_empty() || !matches.ranges().is_empty());
        if let Some(snippet) = matches.snippet(&text, 2, 64) {
            prop_assert!(snippet.len() <= 64 && text.is_char_boundary(snippet.start));
            prop_assert!(text.is_char_boundary(snippet.end));
        }
    }
}
