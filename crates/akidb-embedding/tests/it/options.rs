//! Truncation, dimensions and given tokens, with the real model.

use akidb_embedding::{
    EmbedError, EmbedInputs, EmbedOptions, Embedding, EmbeddingQueue, InputType, LoadedModel,
    Precision, QueueSettings, Truncate,
};
use tokenizers::Tokenizer;

use crate::support::{cosine, queue, real_model, real_model_directory};

/// What the model reads at most.
const MAX_TOKENS: u32 = 256;

fn with_query_prompt() -> EmbeddingQueue {
    let mut model = real_model(1);
    model.identity.prompts.by_name.insert("query".to_owned(), "tell me about ".to_owned());
    queue(model, QueueSettings::default())
}

async fn embed(queue: &EmbeddingQueue, text: &str, options: &EmbedOptions) -> Embedding {
    queue.embed(vec![text.to_owned()], options.clone()).await.unwrap().remove(0)
}

fn cut(truncate: Truncate) -> EmbedOptions {
    EmbedOptions { truncate, ..EmbedOptions::default() }
}

#[track_caller]
fn assert_same(one: &Embedding, other: &Embedding) {
    let cosine = cosine(&one.values, &other.values);
    assert!(cosine > 0.99999, "{cosine}");
}

#[tokio::test]
async fn a_cut_text_is_read_as_what_is_left_of_it() {
    let queue = with_query_prompt();
    let (first, last) = ("lake ".repeat(254), "storm ".repeat(254));
    let both = format!("{first}{last}");
    for (truncate, left) in [(Truncate::End, &first), (Truncate::Start, &last)] {
        let found = embed(&queue, &both, &cut(truncate)).await;
        assert_eq!((found.tokens, found.truncated), (MAX_TOKENS, true));
        let whole = embed(&queue, left, &cut(Truncate::None)).await;
        assert_eq!((whole.tokens, whole.truncated), (MAX_TOKENS, false));
        assert_same(&found, &whole);
    }
}

#[tokio::test]
async fn the_prompt_stays_whichever_side_is_cut() {
    let queue = with_query_prompt();
    let as_query = |truncate| EmbedOptions { input_type: Some(InputType::Query), ..cut(truncate) };
    let text = format!("{}{}", "lake ".repeat(200), "storm ".repeat(200));
    let cases = [
        (Truncate::End, format!("{}{}", "lake ".repeat(200), "storm ".repeat(51))),
        (Truncate::Start, format!("{}{}", "lake ".repeat(51), "storm ".repeat(200))),
    ];
    for (truncate, left) in cases {
        let found = embed(&queue, &text, &as_query(truncate)).await;
        let whole = embed(&queue, &left, &as_query(Truncate::None)).await;
        assert_eq!((found.tokens, whole.tokens), (MAX_TOKENS, MAX_TOKENS));
        assert_same(&found, &whole);
    }
    let texts = vec!["short".to_owned(), text.clone(), text];
    let refused = queue.embed(texts, as_query(Truncate::None)).await;
    let texts = vec![(1, 405), (2, 405)];
    assert_eq!(refused, Err(EmbedError::TextsTooLong { texts, limit_tokens: 256 }));
}

#[tokio::test]
async fn fewer_dimensions_are_the_first_ones_scaled_again() {
    let queue = queue(real_model(1), QueueSettings::default());
    let whole = embed(&queue, "a boat on a lake", &EmbedOptions::default()).await.values;
    for normalize in [None, Some(true), Some(false)] {
        let options = EmbedOptions { dimensions: Some(64), normalize, ..EmbedOptions::default() };
        let short = embed(&queue, "a boat on a lake", &options).await.values;
        assert_eq!(short.len(), 64);
        assert!(cosine(&short, &whole[..64]) > 0.999_999);
        let length: f32 = short.iter().map(|value| value * value).sum();
        assert_eq!((length - 1.0).abs() < 1e-5, normalize != Some(false), "{length}");
    }
    for given in [0, 385, usize::MAX] {
        let options = EmbedOptions { dimensions: Some(given), ..EmbedOptions::default() };
        let refused = queue.embed(vec!["a".to_owned()], options).await;
        assert_eq!(refused, Err(EmbedError::InvalidDimensions { given, limit: 384 }));
    }
}

#[tokio::test]
async fn given_tokens_are_the_text() {
    let queue = queue(real_model(1), QueueSettings::default());
    let tokenizer = real_model_directory().join("tokenizer.json");
    let mut tokenizer = Tokenizer::from_file(tokenizer).unwrap();
    tokenizer.with_padding(None);
    let text = "Die Wörter <0x0A> [SEP] und 船";
    let expected = embed(&queue, text, &EmbedOptions::default()).await;
    for special_tokens in [false, true] {
        let token_ids = tokenizer.encode(text, special_tokens).unwrap().get_ids().to_vec();
        let inputs = EmbedInputs::TokenIds(vec![token_ids]);
        let found = queue.embed_inputs(inputs, EmbedOptions::default()).await.unwrap().remove(0);
        assert_eq!(found.tokens, expected.tokens);
        assert_same(&found, &expected);
    }
    for (token_ids, error) in [
        (vec![], EmbedError::NoTokens { indexes: vec![1] }),
        (vec![7; 300], EmbedError::TextsTooLong { texts: vec![(1, 302)], limit_tokens: 256 }),
        (vec![7, 30_522], EmbedError::UnknownToken { index: 1, position: 1, token_id: 30_522 }),
    ] {
        let inputs = EmbedInputs::TokenIds(vec![vec![7], token_ids]);
        assert_eq!(queue.embed_inputs(inputs, cut(Truncate::None)).await, Err(error));
    }
}

#[tokio::test]
async fn a_prompt_that_fills_the_window_is_refused_at_load() {
    let mut model = crate::support::TinyModel::new();
    model.prompts = serde_json::json!({"prompts": {"query": "a b c d e: "}});
    let folder = model.write();
    let error = LoadedModel::native(folder.path(), "tiny", Precision::F32, 1).unwrap_err();
    assert!(error.to_string().contains("prompts.query"), "{error}");
}
