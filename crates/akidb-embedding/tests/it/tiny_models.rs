//! Tiny models of each architecture against `transformers`, see `tests/data/make_tiny_models.py`.

use std::{fs, path::PathBuf};

use akidb_embedding::{
    EncoderInput, InputType, LoadedModel, ModelDirectory, Precision, TokenizedText,
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

fn load(name: &str, precision: Precision, threads: usize) -> LoadedModel {
    LoadedModel::native(&folder().join(name), name, precision, threads).unwrap()
}

fn embed(model: &mut LoadedModel, texts: &[TokenizedText]) -> Vec<Vec<f32>> {
    let inputs: Vec<EncoderInput<'_>> = texts
        .iter()
        .map(|text| EncoderInput {
            token_ids: &text.token_ids,
            pooling: model.identity.pooling,
            normalize: model.identity.normalize,
            document_start: None,
        })
        .collect();
    let mut vectors = Vec::new();
    model.embedder.embed_batch(&inputs, &mut vectors).unwrap();
    vectors.chunks_exact(model.embedder.dimension()).map(<[f32]>::to_vec).collect()
}

fn tokenize(model: &LoadedModel) -> Vec<TokenizedText> {
    texts().iter().map(|text| model.tokenizer.tokenize(text).unwrap()).collect()
}

/// The least cosine between the vectors of the same text.
fn least_cosine(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(one, other)| cosine(one, other)).fold(1.0, f64::min)
}

#[test]
fn vectors_are_those_of_transformers() {
    for name in NAMES {
        let mut model = load(name, Precision::F32, 2);
        let texts = tokenize(&model);
        let cut = texts.iter().filter(|text| text.is_truncated()).count();
        assert!((10..100).contains(&cut), "{cut} texts are longer than {name} reads");
        let cosine = least_cosine(&embed(&mut model, &texts), &expected(name));
        assert!(cosine >= 0.9999, "{name}: {cosine}");
    }
}

/// The weights are random and spread over all of their range, so that they lose more than those of
/// trained models; what a trained model loses is in `sts_benchmark`.
#[test]
fn smaller_weights_make_nearly_the_same_vectors() {
    let cases = [
        ("qwen3", Precision::Bf16, 0.9995, 0.9999),
        ("qwen3", Precision::Int8, 0.995, 0.999),
        ("roberta", Precision::Int8, 0.995, 0.999),
        ("xlm-roberta", Precision::Int8, 0.995, 0.999),
    ];
    for (name, precision, least_of_all, least_mean) in cases {
        let mut model = load(name, precision, 2);
        assert_eq!(model.identity.precision, precision);
        let texts = tokenize(&model);
        let (found, expected) = (embed(&mut model, &texts), expected(name));
        let least = least_cosine(&found, &expected);
        let sum: f64 = found.iter().zip(&expected).map(|(one, other)| cosine(one, other)).sum();
        let mean = sum / TEXTS as f64;
        let is_near = least >= least_of_all && mean >= least_mean;
        assert!(is_near && mean < 1.0 - 1e-7, "{name} in {precision}: least {least}, mean {mean}");
    }
}

#[test]
fn bf16_loses_nothing_of_weights_in_bf16() {
    for name in ["roberta", "xlm-roberta"] {
        let (mut single, mut half) =
            (load(name, Precision::F32, 1), load(name, Precision::Bf16, 1));
        let texts = tokenize(&single);
        assert_eq!(embed(&mut half, &texts), embed(&mut single, &texts), "{name}");
    }
}

#[test]
fn a_text_alone_and_in_any_batch_has_the_same_vector() {
    for name in NAMES {
        for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
            let mut model = load(name, precision, 1);
            let texts = tokenize(&model);
            let alone: Vec<Vec<f32>> = texts
                .iter()
                .flat_map(|text| embed(&mut model, std::slice::from_ref(text)))
                .collect();
            let mut on_three_threads = load(name, precision, 3);
            for size in [2, 7, 64, TEXTS] {
                for model in [&mut model, &mut on_three_threads] {
                    let together: Vec<Vec<f32>> =
                        texts.chunks(size).flat_map(|texts| embed(model, texts)).collect();
                    let cosine = least_cosine(&together, &alone);
                    assert!(
                        cosine >= 0.99999,
                        "{name} in {precision}, batches of {size}: {cosine}"
                    );
                }
            }
        }
    }
}

#[test]
fn every_text_of_qwen3_ends_with_its_end_token() {
    let model = load("qwen3", Precision::F32, 1);
    for text in tokenize(&model) {
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
