//! Tiny models of each architecture against `transformers`, see `tests/data/make_tiny_models.py`.

use std::{fs, path::PathBuf};

use akidb_embedding::{
    EncoderInput, InputType, LoadedModel, ModelDirectory, Precision, TokenisedText,
};

use crate::support::{cosine, workspace};

const NAMES: [&str; 3] = ["qwen3", "roberta", "xlm-roberta"];
const TEXTS: usize = 200;

fn folder() -> PathBuf {
    workspace().join("crates/akidb-embedding/tests/data/tiny")
}

fn texts() -> Vec<String> {
    let texts: Vec<String> =
        serde_json::from_slice(&fs::read(folder().join("texts.json")).unwrap()).unwrap();
    assert_eq!(texts.len(), TEXTS);
    texts
}

fn expected(name: &str) -> Vec<Vec<f32>> {
    let bytes = fs::read(folder().join(name).join("vectors.f32")).unwrap();
    let values: Vec<f32> =
        bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
    values.chunks_exact(values.len() / TEXTS).map(<[f32]>::to_vec).collect()
}

fn load(name: &str, threads: usize) -> LoadedModel {
    LoadedModel::native(&folder().join(name), name, Precision::F32, threads).unwrap()
}

fn embed(model: &mut LoadedModel, texts: &[TokenisedText]) -> Vec<Vec<f32>> {
    let inputs: Vec<EncoderInput<'_>> = texts
        .iter()
        .map(|text| EncoderInput {
            token_ids: &text.token_ids,
            pooling: model.identity.pooling,
            normalize: model.identity.normalize,
        })
        .collect();
    let mut vectors = Vec::new();
    model.embedder.embed_batch(&inputs, &mut vectors).unwrap();
    vectors.chunks_exact(model.embedder.dimension()).map(<[f32]>::to_vec).collect()
}

fn tokenise(model: &LoadedModel) -> Vec<TokenisedText> {
    texts().iter().map(|text| model.tokeniser.tokenise(text).unwrap()).collect()
}

/// The least cosine between the vectors of the same text.
fn least_cosine(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(one, other)| cosine(one, other)).fold(1.0, f64::min)
}

#[test]
fn vectors_are_those_of_transformers() {
    for name in NAMES {
        let mut model = load(name, 2);
        let texts = tokenise(&model);
        let cut = texts.iter().filter(|text| text.is_truncated()).count();
        assert!((10..100).contains(&cut), "{cut} texts are longer than {name} reads");
        let cosine = least_cosine(&embed(&mut model, &texts), &expected(name));
        assert!(cosine >= 0.9999, "{name}: {cosine}");
    }
}

#[test]
fn a_text_alone_and_in_any_batch_has_the_same_vector() {
    for name in NAMES {
        let mut model = load(name, 1);
        let texts = tokenise(&model);
        let alone: Vec<Vec<f32>> =
            texts.iter().flat_map(|text| embed(&mut model, std::slice::from_ref(text))).collect();
        let mut on_three_threads = load(name, 3);
        for size in [2, 7, 64, TEXTS] {
            for model in [&mut model, &mut on_three_threads] {
                let together: Vec<Vec<f32>> =
                    texts.chunks(size).flat_map(|texts| embed(model, texts)).collect();
                let cosine = least_cosine(&together, &alone);
                assert!(cosine >= 0.99999, "{name} in batches of {size}: {cosine}");
            }
        }
    }
}

#[test]
fn every_text_of_qwen3_ends_with_its_end_token() {
    let model = load("qwen3", 1);
    for text in tokenise(&model) {
        assert_eq!(text.token_ids.last(), Some(&0));
        assert!(text.token_count() <= model.identity.max_tokens);
    }
}

#[test]
fn the_query_instruction_of_qwen3_is_read() {
    let identity = ModelDirectory::open(&folder().join("qwen3"))
        .unwrap()
        .identity("q", Precision::F32)
        .unwrap();
    let query = identity.prompts.text_for(Some(InputType::Query));
    assert_eq!(query, "Instruct: Find the passage that answers\nQuery:");
    assert_eq!(identity.prompts.text_for(Some(InputType::Document)), "");
}
