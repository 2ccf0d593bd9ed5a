//! What a caller does not see: the memory that batches are encoded in.

use std::path::Path;

use super::*;
use crate::identity::Pooling;

#[test]
fn a_batch_that_is_not_larger_takes_no_more_memory() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny");
    let tokens: Vec<u32> = (5..35).collect();
    let batch = |lengths: &[usize]| -> Vec<EncoderInput<'_>> {
        let text = |length: &usize| EncoderInput {
            token_ids: &tokens[..*length],
            pooling: Pooling::Mean,
            normalize: true,
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
