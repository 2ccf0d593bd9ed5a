//! Which documents have words at all, beside searches and beside texts as they are.

use proptest::prelude::*;

use super::{index_of, settings};
use crate::{DocumentJudge, LanguageSetting, TextIndex};

const PIECES: [&str; 12] = [
    "whale",
    "Whales",
    "the",
    "GPT-4o",
    "crème",
    "黒猫が好き",
    "猫",
    "don't",
    "\n",
    " ",
    "e\u{301}",
    ".",
];

fn text() -> impl Strategy<Value = String> {
    let piece = (0..PIECES.len(), any::<bool>());
    prop::collection::vec(piece, 0..12).prop_map(|all| {
        let pieces = all
            .into_iter()
            .flat_map(|(piece, space)| [PIECES[piece], if space { " " } else { "" }]);
        pieces.collect()
    })
}

fn query() -> impl Strategy<Value = String> {
    let clause = (0..5_usize, 0..PIECES.len(), 0..PIECES.len()).prop_map(|(form, one, other)| {
        let (one, other) = (PIECES[one], PIECES[other]);
        match form {
            0 => one.to_owned(),
            1 => format!("-{one}"),
            2 => format!("{one}*"),
            3 => format!("\"{one} {other}\""),
            _ => format!("text:{one}"),
        }
    });
    prop::collection::vec(clause, 1..4).prop_map(|clauses| clauses.join(" "))
}

proptest! {
    /// What a search finds without a limit, and what a look at each document alone says.
    #[test]
    fn all_that_is_found_is_told(
        texts in prop::collection::vec(text(), 1..30),
        query in query(),
        removed in prop::collection::vec(0..30_u32, 0..5),
    ) {
        let index = index_of(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let judge = DocumentJudge::of(&[&index], &query).unwrap();
        let all: Vec<u32> = index.query(&query).matching().into_iter().collect();
        for (slot, text) in (0..).zip(&texts) {
            prop_assert_eq!(judge.finds(&[(0, text)]), all.contains(&slot), "{:?} {:?}", text, query);
        }
        index.remove(&removed);
        let prepared = index.query(&query);
        let mut found: Vec<u32> = prepared.search(100, None).iter().map(|hit| hit.slot).collect();
        found.sort_unstable();
        prop_assert_eq!(prepared.matching().into_iter().collect::<Vec<_>>(), found);
    }

    /// No text that has another one in it is ruled out by its words.
    #[test]
    fn what_contains_a_text_is_possible(
        texts in prop::collection::vec(text(), 1..30),
        from in 0..30_usize,
        cut in (0..40_usize, 0..40_usize),
        language in prop::sample::select(vec![LanguageSetting::Auto, LanguageSetting::None]),
    ) {
        let index = TextIndex::new(settings(language));
        for (slot, text) in (0..).zip(&texts) {
            index.insert(slot, &[(0, text)]);
        }
        let whole = &texts[from % texts.len()];
        let start = whole.floor_char_boundary(cut.0);
        let part = &whole[start..whole.ceil_char_boundary((start + cut.1).min(whole.len()))];
        let possible = index.may_contain(part);
        prop_assert_eq!(possible.slot_count as usize, texts.len());
        for (slot, text) in (0..).zip(&texts) {
            let is_possible = possible.slots.as_ref().is_none_or(|slots| slots.contains(slot));
            prop_assert!(is_possible || !text.contains(part), "{:?} in {:?}", part, text);
        }
    }
}

#[test]
fn words_between_spaces_tell_which_texts_may_have_a_part() {
    let index = index_of(&["the white whale sings", "a whale, white", "white whales sing", "none"]);
    let possible = |part: &str| {
        let slots = index.may_contain(part).slots;
        slots.map(|slots| slots.into_iter().collect::<Vec<_>>())
    };
    assert_eq!(possible("te whale s"), Some(vec![0, 1, 2]), "in whatever form");
    assert_eq!(possible("e white whale si"), Some(vec![0, 1, 2]));
    assert_eq!(possible(" sings\n"), Some(vec![0, 2]));
    assert_eq!(possible("x unknown y"), Some(vec![]));
    assert_eq!(possible("whale"), None, "it may stand within another word");
    assert_eq!(possible("white whale"), None);
    assert_eq!(possible("e the w"), None, "left out");
}
