//! A text's vector does not depend on what shares its batch, nor on the number of threads.

use akidb_embedding::{EncoderInput, LoadedModel, Pooling, Precision, TokenizedText};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::support::real_model_in;

/// Lengths around the edges of blocks, of groups and of the model.
const LENGTHS: [usize; 22] =
    [1, 2, 3, 5, 6, 7, 11, 12, 13, 25, 31, 32, 33, 63, 64, 65, 96, 127, 128, 129, 255, 256];

fn embed(model: &mut LoadedModel, texts: &[TokenizedText]) -> Vec<Vec<f32>> {
    let inputs: Vec<EncoderInput<'_>> = texts
        .iter()
        .map(|text| EncoderInput {
            token_ids: &text.token_ids,
            pooling: Pooling::Mean,
            normalize: false,
            document_start: None,
        })
        .collect();
    let mut vectors = Vec::new();
    model.embedder.embed_batch(&inputs, &mut vectors).unwrap();
    vectors.chunks_exact(model.embedder.dimension()).map(<[f32]>::to_vec).collect()
}

#[test]
fn a_text_alone_and_in_any_batch_has_the_same_vector_to_the_bit() {
    for precision in [Precision::F32, Precision::Int8] {
        let mut random = StdRng::seed_from_u64(7);
        let mut texts: Vec<TokenizedText> = LENGTHS
            .iter()
            .map(|length| TokenizedText {
                document_start: None,
                token_ids: (0..*length).map(|_| random.random_range(1000..30_000)).collect(),
                whole_text_tokens: u32::try_from(*length).unwrap(),
                unknown_tokens: 0,
                has_content: true,
            })
            .collect();
        let mut one_thread = real_model_in(precision, 1);
        let mut three_threads = real_model_in(precision, 3);
        for _ in 0..3 {
            texts.shuffle(&mut random);
            let alone: Vec<Vec<f32>> = texts
                .iter()
                .flat_map(|text| embed(&mut one_thread, std::slice::from_ref(text)))
                .collect();
            let together = embed(&mut one_thread, &texts);
            let on_three_threads = embed(&mut three_threads, &texts);
            let alone_on_three_threads = texts
                .iter()
                .flat_map(|text| embed(&mut three_threads, std::slice::from_ref(text)))
                .collect();
            for others in [together, on_three_threads, alone_on_three_threads] {
                for ((alone, other), text) in alone.iter().zip(&others).zip(&texts) {
                    assert_eq!(alone, other, "{precision}, {} tokens", text.token_ids.len());
                }
            }
        }
    }
}
