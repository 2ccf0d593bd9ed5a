//! Counting and cutting, with words and with a tokenizer that has special tokens.

use super::*;

#[test]
fn words_are_cut_and_counted() {
    let tokenizer = TextTokenizer::words(2);
    let text = tokenizer.tokenize("One, two; three").unwrap();
    assert_eq!((text.token_count(), text.whole_text_tokens), (2, 3));
    assert!(text.is_truncated());
    let same = tokenizer.tokenize("ONE two").unwrap();
    assert_eq!(same.token_ids, text.token_ids);
    assert!(!same.is_truncated());
}

#[test]
fn a_text_without_words_still_has_a_token() {
    assert_eq!(TextTokenizer::words(8).tokenize("?!").unwrap().token_count(), 1);
}

#[test]
fn truncation_names_are_read_without_regard_to_case() {
    for truncate in Truncate::ALL {
        assert_eq!(truncate.as_str().to_uppercase().parse(), Ok(truncate));
    }
    assert!("middle".parse::<Truncate>().is_err());
}

/// Knows the letters `a` to `h` as 4 to 11, `[CLS]` is 2 and `[SEP]` 3; reads 6 tokens.
fn letters() -> TextTokenizer {
    let template =
        |id: u32, name: &str| serde_json::json!({"id": name, "ids": [id], "tokens": [name]});
    let part = |name: &str| serde_json::json!({"SpecialToken": {"id": name, "type_id": 0}});
    let text = serde_json::json!({"Sequence": {"id": "A", "type_id": 0}});
    let special = |id: u32, name: &str| {
        serde_json::json!({"id": id, "content": name, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true})
    };
    let added = [special(1, "[UNK]"), special(2, "[CLS]"), special(3, "[SEP]")];
    let vocabulary = serde_json::json!({"[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "b": 5,
        "c": 6, "d": 7, "e": 8, "f": 9, "g": 10, "h": 11});
    let json = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": null, "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [part("[CLS]"), text, part("[SEP]")],
            "pair": [part("[CLS]"), text, part("[SEP]")],
            "special_tokens": {"[CLS]": template(2, "[CLS]"), "[SEP]": template(3, "[SEP]")},
        },
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    });
    TextTokenizer::from_model(json.to_string().parse().unwrap(), 6).unwrap()
}

#[track_caller]
fn check(prompt: &str, text: &str, truncate: Truncate, expected: &[u32], whole: u32) {
    let found = letters().tokenize_with(prompt, text, truncate).unwrap();
    assert_eq!((found.token_ids.as_slice(), found.whole_text_tokens), (expected, whole));
    assert_eq!(found.is_truncated(), whole > 6);
}

#[test]
fn the_end_or_the_start_is_cut_and_prompt_and_special_tokens_stay() {
    for truncate in Truncate::ALL {
        check("", "a b c d", truncate, &[2, 4, 5, 6, 7, 3], 6);
        check("a b ", "c d", truncate, &[2, 4, 5, 6, 7, 3], 6);
    }
    check("", "a b c d e", Truncate::End, &[2, 4, 5, 6, 7, 3], 7);
    check("", "a b c d e", Truncate::None, &[2, 4, 5, 6, 7, 3], 7);
    check("", "a b c d e", Truncate::Start, &[2, 5, 6, 7, 8, 3], 7);
    check("a b ", "c d e f g", Truncate::End, &[2, 4, 5, 6, 7, 3], 9);
    check("a b ", "c d e f g", Truncate::Start, &[2, 4, 5, 9, 10, 3], 9);
}

#[test]
fn given_tokens_are_wrapped_once_cut_alike_and_checked() {
    let tokenizer = letters();
    let text = tokenizer.tokenize("a b").unwrap();
    assert!(text.has_content);
    assert_eq!(tokenizer.accept(&[4, 5], Truncate::None).as_ref(), Ok(&text));
    assert_eq!(tokenizer.accept(&[2, 4, 5, 3], Truncate::None).as_ref(), Ok(&text));
    let cut = tokenizer.accept(&[4, 5, 6, 7, 8], Truncate::Start).unwrap();
    assert_eq!((cut.token_ids.as_slice(), cut.whole_text_tokens), (&[2, 5, 6, 7, 8, 3][..], 7));
    let unknown = tokenizer.accept(&[4, 12], Truncate::End);
    assert_eq!(unknown, Err(UnknownToken { position: 1, token_id: 12 }));
}

#[test]
fn a_text_has_content_when_a_token_is_left_that_is_its_own() {
    let tokenizer = letters();
    for (prompt, text, has_content, unknown) in [
        ("", "a", true, 0),
        ("", " \n", false, 0),
        ("", "[CLS][SEP] [CLS]", false, 0),
        ("", "[CLS] a", true, 0),
        ("", "\u{1F980} a x", true, 2),
        ("", "[UNK]", true, 1),
        // The prompt is no content of the text's.
        ("a b ", " ", false, 0),
        ("a b ", "[SEP]", false, 0),
        ("a b ", "c", true, 0),
    ] {
        let found = tokenizer.tokenize_with(prompt, text, Truncate::End).unwrap();
        assert_eq!((found.has_content, found.unknown_tokens), (has_content, unknown), "{text:?}");
    }
    let accepted = |ids: &[u32]| tokenizer.accept(ids, Truncate::End).unwrap();
    assert!(!accepted(&[2, 3]).has_content && !accepted(&[3, 3]).has_content);
    assert_eq!((accepted(&[1, 4]).unknown_tokens, accepted(&[1, 4]).has_content), (1, true));
}

#[test]
fn what_is_cut_off_is_content_and_counts_no_unknown_tokens() {
    let found = letters().tokenize("[SEP] [SEP] [SEP] [SEP] x").unwrap();
    assert_eq!((found.has_content, found.unknown_tokens), (true, 0));
}

#[test]
fn words_without_a_visible_character_have_no_content() {
    let words = TextTokenizer::words(8);
    for (prompt, text, tokens) in
        [("", "\u{200b}\u{7}", 0), ("to find ", "\u{feff}", 2), ("", "\u{ad} \u{1}", 0)]
    {
        let found = words.tokenize_with(prompt, text, Truncate::End).unwrap();
        assert_eq!((found.has_content, found.token_count()), (false, tokens), "{text:?}");
    }
    assert!(words.tokenize("?!").unwrap().has_content);
}

#[test]
fn a_prompt_must_leave_room() {
    let prompts = |text: &str| Prompts {
        by_name: [("query".to_owned(), text.to_owned())].into(),
        default_name: None,
    };
    assert_eq!(letters().check_prompts(&prompts("a b c")), Ok(()));
    let (name, fault) = letters().check_prompts(&prompts("a b c d")).unwrap_err();
    assert_eq!((name.as_str(), fault.as_str()), ("query", "6 of the 6 tokens that are read"));
}
