//! What a caller does not see: the memory that batches are encoded in, and the instructions.

use std::path::{Path, PathBuf};

use super::*;
use crate::identity::Pooling;

/// The directory of all-MiniLM-L6-v2, as the tests from outside find it.
fn real_model() -> ModelDirectory {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let path = std::env::var_os("AKIDB_TEST_MODEL_DIR")
        .map_or_else(|| workspace.join("target/models/all-minilm-l6-v2"), PathBuf::from);
    ModelDirectory::open(&path).unwrap()
}

#[test]
fn every_way_to_multiply_bytes_gives_the_same_vectors_to_the_bit() {
    let model = real_model();
    let tokenizer = model.tokenizer().unwrap();
    let texts = [
        "water",
        "a long-legged bird that wades",
        "The history of tea is long and complex, spreading across many cultures over thousands of \
         years; an early record of its drinking is a medical text of the third century.",
    ];
    let tokens: Vec<Vec<u32>> =
        texts.iter().map(|text| tokenizer.tokenize(text).unwrap().token_ids).collect();
    let inputs: Vec<EncoderInput<'_>> = tokens
        .iter()
        .map(|token_ids| EncoderInput {
            token_ids,
            pooling: Pooling::Mean,
            normalize: true,
            document_start: None,
        })
        .collect();
    for threads in [1, 2] {
        let mut embedder = NativeEmbedder::load(&model, Precision::Int8, threads).unwrap();
        let mut by = |dot| {
            embedder.team.multiply_by(dot);
            let mut vectors = Vec::new();
            embedder.embed_batch(&inputs, &mut vectors).unwrap();
            vectors
        };
        let expected = by(Dot::Portable);
        for dot in Dot::present() {
            assert_eq!(by(dot), expected, "{dot:?}, {threads} threads");
        }
    }
}

#[test]
fn a_batch_that_is_not_larger_takes_no_more_memory() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny");
    let tokens: Vec<u32> = (5..35).collect();
    let batch = |lengths: &[usize]| -> Vec<EncoderInput<'_>> {
        let text = |length: &usize| EncoderInput {
            token_ids: &tokens[..*length],
            pooling: Pooling::Mean,
            normalize: true,
            document_start: None,
        };
        lengths.iter().map(text).collect()
    };
    for name in ["roberta", "qwen3"] {
        for precision in [Precision::F32, Precision::Int8] {
            let directory = ModelDirectory::open(&folder.join(name)).unwrap();
            let mut embedder = NativeEmbedder::load(&directory, precision, 2).unwrap();
            let mut vectors = Vec::new();
            embedder.embed_batch(&batch(&[30; 40]), &mut vectors).unwrap();
            let held = embedder.team.capacity();
            for lengths in [&[30; 40][..], &[7, 30, 2, 19, 1], &[1], &[13; 80], &[30; 40]] {
                embedder.embed_batch(&batch(lengths), &mut vectors).unwrap();
                assert_eq!(embedder.team.capacity(), held, "{name} {precision} {lengths:?}");
            }
        }
    }
}
