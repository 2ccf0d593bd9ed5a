//! Cutting with the tokenizer of the real model: what is cut is read whole.

use akidb_embedding::{EmbedError, PassageLength, QueueSettings};
use proptest::{prelude::*, test_runner::TestRunner};

use crate::support::{queue, real_model};

/// Words that stay whole, words of many tokens, accents, several scripts, spelt special tokens.
const TEXTS: &str = r"([a-z]{1,12}|[A-Zéïåßñ]{1,4}|[0-9]{1,9}|\[SEP\]|[漢字かな]{1,5}|[🦀👩‍🚀]|[\x00-\x20])( |[.!?] |\n|-)";

#[tokio::test]
async fn no_passage_is_cut_by_the_model_and_none_is_left_out() {
    let queue = queue(real_model(1), QueueSettings::default());
    let overhead = queue.passage_overhead(None).unwrap();
    assert_eq!(overhead, 2, "[CLS] and [SEP]");
    let texts = prop::collection::vec(TEXTS, 0..200);
    let strategy = (texts, 16_u32..64, 0_u32..32);
    let mut runner = TestRunner::new(ProptestConfig { cases: 200, ..ProptestConfig::default() });
    let checked = runner.run(&strategy, |(parts, tokens, overlap)| {
        let text: String = parts.concat();
        let length = PassageLength { tokens, overlap };
        let passages = match queue.passages(&text, length, None) {
            // Of nothing but special tokens and control characters, no token remains.
            Err(EmbedError::NoTokens { .. }) => return Ok(()),
            passages => passages.unwrap(),
        };
        // A passage of which no token says anything, such as one of spelt special tokens, is no passage.
        let says_nothing = |part: &str| {
            part.trim().is_empty()
                || matches!(queue.passages(part, length, None), Err(EmbedError::NoTokens { .. }))
        };
        let ends = [0..passages[0].start, passages[passages.len() - 1].end..text.len()];
        for end in ends {
            prop_assert!(says_nothing(&text[end.clone()]), "{:?} is left out", &text[end]);
        }
        for passage in &passages {
            let count = queue.count_tokens(&text[passage.clone()], None).unwrap();
            prop_assert!(count <= tokens, "{count} tokens in {:?}", &text[passage.clone()]);
        }
        for pair in passages.windows(2) {
            prop_assert!(pair[0].start < pair[1].start && pair[0].end < pair[1].end);
            let Some(both) = text.get(pair[1].start..pair[0].end) else {
                let between = &text[pair[0].end..pair[1].start];
                prop_assert!(says_nothing(between), "{between:?} is left out");
                continue;
            };
            let shared = queue.count_tokens(both, None).unwrap();
            prop_assert!(shared - overhead <= overlap);
        }
        Ok(())
    });
    checked.unwrap();
    queue.shutdown().await;
}
