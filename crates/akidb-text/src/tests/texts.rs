//! Texts of every kind, as documents and as queries.

use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::{found, index_of, settings};
use crate::{LanguageSetting, TextIndex};

/// A sentence in each of many scripts.
const SCRIPTS: [&str; 28] = [
    "All human beings are born free",
    "Tous les êtres humains naissent libres",
    "Все люди рождаются свободными",
    "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι",
    "Բոլոր մարդիկ ծնվում են ազատ",
    "ყველა ადამიანი იბადება თავისუფალი",
    "כל בני האדם נולדו בני חורין",
    "يولد جميع الناس أحرارا",
    "تمام انسان آزاد پیدا ہوئے ہیں",
    "सभी मनुष्य जन्म से स्वतंत्र हैं",
    "সমস্ত মানুষ স্বাধীনভাবে জন্মগ্রহণ করে",
    "ਸਾਰੇ ਮਨੁੱਖ ਆਜ਼ਾਦ ਪੈਦਾ ਹੁੰਦੇ ਹਨ",
    "બધા મનુષ્યો સ્વતંત્ર જન્મે છે",
    "மனிதர்கள் சுதந்திரமாக பிறக்கிறார்கள்",
    "మానవులందరూ స్వేచ్ఛగా జన్మించారు",
    "ಎಲ್ಲಾ ಮಾನವರು ಸ್ವತಂತ್ರರು",
    "മനുഷ്യരെല്ലാം സ്വതന്ത്രരായി ജനിക്കുന്നു",
    "සියලු මිනිසුන් නිදහසේ උපදිති",
    "มนุษย์ทั้งปวงเกิดมามีอิสระ",
    "ມະນຸດທຸກຄົນເກີດມາມີກຽດ",
    "လူတိုင်းသည် လွတ်လပ်စွာ",
    "មនុស្សទាំងអស់កើតមកមានសេរីភាព",
    "ሰዎች ሁሉ ነጻ ሆነው ይወለዳሉ",
    "人人生而自由",
    "すべての人間は自由である",
    "모든 사람은 자유롭게 태어난다",
    "ᎠᏂᎩᏚᏫ ᏴᏫ ᎤᎾᏓᏅᏛ",
    "𐌰𐌻𐌻𐌰𐌹 𐌼𐌰𐌽𐌽𐌰",
];

#[test]
fn every_script_is_found_by_its_own_words() {
    for language in [LanguageSetting::Auto, LanguageSetting::None] {
        let index = TextIndex::new(settings(language));
        for (slot, text) in (0..).zip(SCRIPTS) {
            index.insert(slot, &[(0, text)]);
        }
        for (slot, text) in (0..).zip(SCRIPTS) {
            assert_eq!(found(&index, text)[0], slot, "{text}");
            assert_eq!(found(&index, &format!("\"{text}\"")), [slot], "{text}");
            let last = text.split(' ').next_back().unwrap();
            assert!(found(&index, last).contains(&slot), "{last}");
        }
    }
}

#[test]
fn one_character_is_found_where_words_have_no_spaces() {
    let index = index_of(&["黒猫", "猫が", "犬"]);
    assert_eq!(found(&index, "猫").len(), 2);
    assert_eq!(found(&index, "黒"), [0]);
    assert_eq!(found(&index, "犬"), [2]);
    assert_eq!(found(&index, "x"), [] as [u32; 0]);
}

#[test]
fn long_and_empty_queries_are_queries() {
    let index = index_of(&["whale boat", "sea"]);
    let long = "whale ".repeat(20_000);
    assert_eq!(found(&index, &long), [0]);
    let different: String = (0..20_000).map(|number| format!("w{number} ")).collect();
    assert!(found(&index, &different).is_empty());
    assert_eq!(found(&index, &format!("sea {different}")), [1]);
    let one_word = "whale".repeat(20_000);
    assert!(found(&index, &one_word).is_empty());
    for signs in [
        "",
        " ",
        "-",
        "\"",
        "\"\"",
        "*",
        "-*",
        "- - \" * : -\"",
        "text:",
        "title:\"",
        ":",
        "-text:",
    ] {
        assert!(found(&index, signs).is_empty(), "{signs}");
        assert_eq!(found(&index, &format!("sea {signs}")), [1], "{signs}");
    }
    assert!(found(&index, &"-\"a\" \"b*\" ".repeat(10_000)).is_empty());
    assert!(found(&index, "the of and to").is_empty(), "stop words alone");
}

#[test]
fn a_million_equal_words_are_a_document_and_a_query() {
    let million = "whale ".repeat(1_000_000);
    let index = index_of(&[&million, "whale", "boat"]);
    assert_eq!(found(&index, "boat"), [2]);
    assert_eq!(found(&index, &million).len(), 2);
    assert_eq!(found(&index, "\"whale whale whale\""), [0]);
    assert_eq!(found(&index, "-\"whale whale\" whale"), [1]);
    index.remove(&[0]);
    assert_eq!(found(&index, "whale"), [1]);
    let long_word = "x".repeat(1_000_000);
    index.insert(3, &[(0, &long_word)]);
    assert_eq!(found(&index, &long_word), [3]);
}

#[test]
fn an_index_without_documents_takes_next_to_nothing() {
    let index = index_of(&[]);
    assert!(found(&index, "whale").is_empty());
    assert!(index.memory_bytes() < 512, "{}", index.memory_bytes());
    index.insert(0, &[(0, "")]);
    index.insert(5, &[(0, "...")]);
    assert_eq!((index.slot_count(), index.live_count()), (6, 0));
    index.insert(6, &[(0, "ten words of a short text about a small whale")]);
    assert!(index.memory_bytes() < 2_048, "{}", index.memory_bytes());
}

#[test]
fn what_is_counted_is_what_looking_would_find() {
    let texts: Vec<String> =
        (0..3_000).map(|at| format!("w{} w{} common x{at}", at % 7, at % 400)).collect();
    let index = index_of(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let counted = index.memory_bytes();
    let again =
        TextIndex::from_bytes(&index.freeze().to_bytes(), index.settings().clone()).unwrap();
    assert!(again.memory_bytes() <= counted && counted < 3 * again.memory_bytes());
    let before = index.memory_bytes();
    let looked: Vec<u32> = (0..3_000).collect();
    index.remove(&looked);
    assert_eq!(index.memory_bytes(), before, "kept until it is compacted");
    assert!(index.freeze().compacted(&[]).memory_bytes() < 512);
}

#[test]
#[should_panic(expected = "slots of documents ascend")]
fn a_slot_that_was_given_is_not_given_again() {
    let index = index_of(&["a", "b"]);
    index.insert(1, &[(0, "c")]);
}

#[test]
fn searches_go_on_beside_a_writer_and_see_each_insert_whole() {
    let index = TextIndex::new(settings(LanguageSetting::Auto));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    let hits = index.query("\"red whale\" blue").search(usize::MAX, None);
                    // Each batch has ten.
                    assert_eq!(hits.len() % 10, 0);
                }
            });
        }
        for batch in 0..300_u32 {
            let documents = (0..10).map(|at| {
                (batch * 10 + at, index.analyze(&[(0, "a red whale in blue water"), (1, "sea")]))
            });
            index.insert_batch(documents.collect::<Vec<_>>());
            let hits = index.query("whale").search(usize::MAX, None);
            assert_eq!(hits.len() as u32, (batch + 1) * 10, "readable when the insert returns");
        }
        done.store(true, Ordering::Release);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_document_and_a_query(
        texts in prop::collection::vec(any::<String>(), 1..6),
        query in any::<String>(),
        signs in r#"[-"*:a-c 猫が_.0-9“”é\u{300}]{0,30}"#,
    ) {
        let index = TextIndex::new(settings(LanguageSetting::Auto));
        for (slot, text) in (0..).zip(&texts) {
            index.insert(slot, &[(0, text), (1, &signs)]);
        }
        found(&index, &query);
        found(&index, &signs);
        for text in &texts {
            found(&index, text);
        }
    }
}
