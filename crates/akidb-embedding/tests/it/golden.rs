//! Vectors against those that sentence-transformers made, see `tests/data/make_golden.py`.

use std::fs;

use akidb_embedding::{EmbedError, EmbedOptions, Embedding, Pooling, QueueSettings};
use serde::Deserialize;

use crate::support::{cosine, queue, real_model, workspace};

const DIMENSION: usize = 384;
const MAX_TOKENS: u32 = 256;

#[derive(Deserialize)]
struct Golden {
    other_poolings: usize,
    texts: Vec<String>,
    tokens: Vec<u32>,
}

fn golden() -> (Golden, Vec<Vec<f32>>) {
    let folder = workspace().join("crates/akidb-embedding/tests/data");
    let golden: Golden =
        serde_json::from_slice(&fs::read(folder.join("golden.json")).unwrap()).unwrap();
    let bytes = fs::read(folder.join("golden.f32")).unwrap();
    let values: Vec<f32> =
        bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
    (golden, values.chunks_exact(DIMENSION).map(<[f32]>::to_vec).collect())
}

fn assert_same(embeddings: &[Embedding], expected: &[Vec<f32>], texts: &[String]) {
    assert_eq!(embeddings.len(), expected.len());
    for ((embedding, expected), text) in embeddings.iter().zip(expected).zip(texts) {
        let cosine = cosine(&embedding.values, expected);
        assert!(cosine >= 0.9999, "cosine {cosine} for {text:?}");
        let length = |values: &[f32]| values.iter().map(|value| value * value).sum::<f32>().sqrt();
        let ratio = length(&embedding.values) / length(expected);
        assert!((ratio - 1.0).abs() < 1e-4, "length is off by {ratio} for {text:?}");
    }
}

#[tokio::test]
async fn vectors_and_token_counts_are_those_of_sentence_transformers() {
    let (golden, vectors) = golden();
    let queue = queue(real_model(2), QueueSettings::default());
    // A text that spells a special token and nothing else has a vector only there.
    let (some, none): (Vec<usize>, Vec<usize>) =
        (0..golden.texts.len()).partition(|&at| golden.texts[at] != "[SEP]");
    let refused = queue.embed(golden.texts.clone(), EmbedOptions::default()).await.unwrap_err();
    assert!(matches!(&refused, EmbedError::NoTokens { indexes } if *indexes == none), "{refused}");
    let texts: Vec<String> = some.iter().map(|&at| golden.texts[at].clone()).collect();
    let vectors: Vec<Vec<f32>> = some.iter().map(|&at| vectors[at].clone()).collect();
    let embeddings = queue.embed(texts.clone(), EmbedOptions::default()).await.unwrap();
    assert_same(&embeddings, &vectors, &texts);
    for ((embedding, &at), text) in embeddings.iter().zip(&some).zip(&texts) {
        assert_eq!(embedding.tokens, golden.tokens[at], "{text:?}");
        let whole_text_tokens = queue.count_tokens(text, None).unwrap();
        assert_eq!(embedding.truncated, whole_text_tokens > MAX_TOKENS, "{text:?}");
    }
}

#[tokio::test]
async fn a_request_may_ask_for_another_pooling() {
    let (golden, vectors) = golden();
    let texts = &golden.texts[..golden.other_poolings];
    let queue = queue(real_model(1), QueueSettings::default());
    let mut others = vectors[golden.texts.len()..].chunks_exact(golden.other_poolings);
    for pooling in [Pooling::Cls, Pooling::Max] {
        let options = EmbedOptions {
            pooling: Some(pooling),
            normalize: Some(false),
            ..EmbedOptions::default()
        };
        let embeddings = queue.embed(texts.to_vec(), options).await.unwrap();
        assert_same(&embeddings, others.next().unwrap(), texts);
    }
}

#[tokio::test]
async fn long_texts_are_cut_at_the_limit_and_counted_whole() {
    let queue = queue(real_model(1), QueueSettings::default());
    for (words, truncated) in [(253, false), (254, false), (255, true), (5000, true)] {
        let text = "word ".repeat(words);
        assert_eq!(queue.count_tokens(&text, None), Ok(u32::try_from(words).unwrap() + 2));
        let embeddings = queue.embed(vec![text], EmbedOptions::default()).await.unwrap();
        assert_eq!(embeddings[0].truncated, truncated, "{words} words");
        assert!(embeddings[0].tokens <= MAX_TOKENS);
    }
}
