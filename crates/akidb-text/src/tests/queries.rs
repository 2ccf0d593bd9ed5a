//! What people type, and what they find by it.

use super::{found, index_of, settings};
use crate::{Language, LanguageSetting, TextIndex};

#[test]
fn words_are_found_in_every_form() {
    let index = index_of(&["The runner was running home", "Two houses", "Nothing else"]);
    assert_eq!(found(&index, "run"), [0]);
    assert_eq!(found(&index, "HOUSE"), [1]);
    assert_eq!(found(&index, "the"), [] as [u32; 0], "a stop word");
    assert_eq!(found(&index, "houses running"), [1, 0]);
}

#[test]
fn identifiers_are_found_whole_and_in_parts() {
    let index = index_of(&["ask GPT-4o", "see foo_bar.rs", "doi 10.1145/3292500", "GPT 5", "4o"]);
    assert_eq!(found(&index, "gpt-4o")[0], 0);
    assert_eq!(found(&index, "GPT").len(), 2);
    assert_eq!(found(&index, "foo_bar.rs"), [1]);
    assert_eq!(found(&index, "foo"), [1]);
    assert_eq!(found(&index, "bar.rs"), [1]);
    assert_eq!(found(&index, "10.1145/3292500"), [2]);
    assert_eq!(found(&index, "3292500"), [2]);
    assert_eq!(found(&index, "-GPT-4o gpt 4o"), [4, 3]);
    let index = index_of(&["the U.S.A. today", "USA", "U S A"]);
    assert_eq!(found(&index, "usa").len(), 2);
    assert_eq!(found(&index, "U.S.A").len(), 2);
}

#[test]
fn a_query_is_analyzed_in_all_languages_of_the_documents() {
    let german =
        "Die Häuser der Stadt wurden im letzten Jahrhundert von fleißigen Handwerkern gebaut";
    let spanish = "Las canciones populares de la región fueron recogidas por los estudiantes de la universidad";
    let english = "The houses of the town were built by industrious craftsmen in the last century";
    let russian = "Дома города были построены трудолюбивыми ремесленниками в прошлом столетии";
    let index = index_of(&[german, spanish, english, russian]);
    for query in ["haus", "Hauser", "HÄUSER", "Handwerker"] {
        assert_eq!(found(&index, query), [0], "{query}");
    }
    assert_eq!(found(&index, "canción"), [1]);
    assert_eq!(found(&index, "cancion"), [1]);
    assert_eq!(found(&index, "house"), [2]);
    assert_eq!(found(&index, "городами"), [3]);
    assert_eq!(
        found(&index, "\"houses of the town\""),
        [2],
        "a phrase with words that only one leaves out"
    );
    index.remove(&[0]);
    assert_eq!(found(&index, "Handwerker"), [] as [u32; 0]);
}

#[test]
fn a_named_language_and_none_are_what_they_say() {
    let of = |language| {
        let index = TextIndex::new(settings(language));
        index.insert(0, &[(0, "die Häuser")]);
        index
    };
    let german = of(LanguageSetting::Named(Language::German));
    assert_eq!(found(&german, "Haus"), [0]);
    assert!(found(&german, "die").is_empty());
    let none = of(LanguageSetting::None);
    assert!(found(&none, "Haus").is_empty());
    assert_eq!(found(&none, "die"), [0]);
    assert_eq!(found(&none, "HAUSER"), [0]);
}

#[test]
fn what_is_required_has_to_be_there_and_what_is_excluded_not() {
    let index = index_of(&["white whale", "whale white", "the white and the whale", "white"]);
    assert_eq!(found(&index, "\"white whale\""), [0]);
    assert_eq!(found(&index, "white -whale"), [3]);
    assert_eq!(found(&index, "white -\"white whale\"").len(), 3);
    assert_eq!(found(&index, "\"white and the whale\""), [2], "stop words keep their places");
    assert_eq!(found(&index, "\"white unknown\""), [] as [u32; 0]);
    assert_eq!(found(&index, "-whale"), [] as [u32; 0], "nothing is asked for");
    assert_eq!(found(&index, "whi* \"wha").len(), 4);
}

#[test]
fn fields_count_by_their_weight_and_can_be_named() {
    let index = TextIndex::new(settings(LanguageSetting::Auto));
    index.insert(0, &[(0, "whale and sea and ship"), (1, "the boat")]);
    index.insert(1, &[(0, "the boat and sea and ship"), (1, "whale")]);
    index.insert(2, &[(0, "whale"), (7, "boat"), (1, "big blue"), (1, "whale boat")]);
    let ranked = found(&index, "whale");
    assert!(ranked.iter().position(|&slot| slot == 1) < ranked.iter().position(|&slot| slot == 0));
    assert_eq!(found(&index, "title:boat"), [0, 2]);
    assert_eq!(found(&index, "text:boat"), [1]);
    assert_eq!(found(&index, "whale -title:whale"), [0]);
    assert_eq!(found(&index, "title:\"whale boat\""), [2]);
    assert!(found(&index, "title:\"blue whale\"").is_empty(), "two texts of one field");
    assert_eq!(found(&index, "author:boat").len(), 3, "no field: words");
}

#[test]
fn beginnings_are_found_whatever_the_stems() {
    let index = index_of(&["computerized", "computers", "computation", "commute", "Zebra"]);
    let mut all = found(&index, "comp*");
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2]);
    assert!(found(&index, "computers*").contains(&1), "the stem is shorter than the beginning");
    assert_eq!(found(&index, "ze*"), [4]);
    assert!(found(&index, "*").is_empty());
    let many: Vec<String> = (0..300).map(|number| format!("word{number}")).collect();
    let index = index_of(&many.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(index.query("wo*").search(1_000, None).len(), 64, "bounded");
}

#[test]
fn repeated_words_of_a_query_count() {
    let index = index_of(&["red blue", "red green", "grey"]);
    assert_eq!(found(&index, "green blue blue")[0], 0);
    assert_eq!(found(&index, "green green blue")[0], 1);
}

#[test]
fn slots_that_are_not_there_are_removed_and_scored_like_those_without_words() {
    let index = index_of(&["whale", "boat"]);
    index.remove(&[1, 2, 3, 9, 5_000, u32::MAX]);
    assert_eq!(found(&index, "whale boat"), [0]);
    let scores = index.query("whale").scores(&[9, 1, 0, u32::MAX]);
    assert_eq!((scores[0], scores[1], scores[3]), (Some(0.0), Some(0.0), Some(0.0)));
    assert!(scores[2] > Some(0.0));
}

#[test]
fn a_query_holds_its_moment() {
    let index = index_of(&["whale", "whale boat"]);
    let query = index.query("whale");
    index.insert(2, &[(0, "whale whale")]);
    index.remove(&[0]);
    let slots: Vec<u32> = query.search(10, None).iter().map(|hit| hit.slot).collect();
    assert_eq!(slots, [1], "what is removed is left out, what came later not seen");
    let scores: Vec<Option<f64>> = query.scores(&[0, 1, 2]);
    assert_eq!((scores[0], scores[2]), (Some(0.0), Some(0.0)), "neither has words of then");
    assert!(scores[1] > Some(0.0));
    assert_eq!(found(&index, "whale"), [2, 1]);
}
