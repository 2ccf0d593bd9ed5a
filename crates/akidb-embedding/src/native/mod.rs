//! The native backend: encoders in `f32` and int8 on the CPU, without padding.
//!
//! The tokens of a group of texts lie one after the other, so that every matrix product covers all
//! of them and no token is computed that no text has; attention alone looks at each text for
//! itself.
//!
//! Out of scope: reading files, tokenizing, and checking the vectors.

mod activations;
mod attention;
mod cross_encoder;
mod encoder;
mod linear;
mod qwen3;
mod rotary;
mod rows;
mod scratch;
mod step_barrier;
mod thread_priority;
mod thread_team;
mod token_embeddings;

use std::sync::Arc;

use rayon::ThreadPoolBuilder;

pub(crate) use self::cross_encoder::CrossEncoder;
use self::{
    encoder::BertEncoder,
    linear::Dot,
    qwen3::Qwen3Encoder,
    scratch::Scratch,
    thread_team::{Part, ThreadTeam},
};
use crate::{
    embedder::{Embedder, EncoderInput, check_texts},
    error::{EncodeError, ModelError},
    identity::Precision,
    model::{Architecture, ModelDirectory},
    tokenize::PairTypes,
};

/// A network with its weights, as steps between which the threads of a team wait for each other.
trait Encoder: Send + Sync {
    /// The layers.
    fn layers(&self) -> usize;

    /// The values of a token's state.
    fn hidden_size(&self) -> usize;

    /// The values of a token's queries, keys and values.
    fn row_size(&self) -> usize;

    /// Looks up a thread's tokens and writes their queries, keys and values of the first layer,
    /// a row for each, to `next`.
    fn begin(&self, part: &Part<'_>, scratch: &mut Scratch, next: &mut [f32]);

    /// Takes a thread's tokens through a layer.
    ///
    /// `present` has the queries, keys and values of the layer, of all threads' tokens. Those of
    /// the next layer go to `next`, of the thread's own tokens, and after the last layer their
    /// states. The scratch is the one of the step before.
    fn pass(
        &self,
        layer: usize,
        part: &Part<'_>,
        present: &[f32],
        scratch: &mut Scratch,
        next: &mut [f32],
    );
}

/// An encoder with its weights, its threads and the memory that it works in.
pub struct NativeEmbedder {
    architecture: Architecture,
    encoder: Arc<dyn Encoder>,
    team: ThreadTeam,
}

/// The instructions that multiply bytes on this processor, as their makers call them. Any others
/// that it has give the same vectors to the bit.
#[must_use]
pub fn int8_instructions() -> &'static str {
    Dot::best().instructions()
}

impl NativeEmbedder {
    /// Loads the weights of `directory`, to be run in `precision` on `threads` threads, at least 1.
    ///
    /// # Errors
    ///
    /// When a weights file cannot be read, or the operating system gives no threads.
    pub fn load(
        directory: &ModelDirectory,
        precision: Precision,
        threads: usize,
    ) -> Result<Self, ModelError> {
        if directory.is_quantized() {
            return Err(ModelError::WrongBackend {
                directory: directory.path().to_owned(),
                what: "running weights that MLX has quantized (config.json: quantization)",
                backend: "mlx",
                hint: "set embedding.backend = \"mlx\", or use the model's unquantized weights",
            });
        }
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|number| format!("akidb-encode-{number}"))
            .build()
            .map_err(|error| ModelError::Io {
                action: "start threads for",
                path: directory.path().to_owned(),
                source: std::io::Error::other(error),
            })?;
        let weights = directory.weights();
        let architecture = directory.architecture().clone();
        let pair_types = directory.cross_encoder().map_or(PairTypes::One, |it| it.head.types());
        let encoder = pool.install(|| -> Result<Arc<dyn Encoder>, ModelError> {
            Ok(match &architecture {
                Architecture::Bert(config) => {
                    Arc::new(BertEncoder::load(config, weights, precision, pair_types)?)
                }
                Architecture::Qwen3(config) => {
                    Arc::new(Qwen3Encoder::load(config, weights, precision)?)
                }
            })
        })?;
        if precision == Precision::Int8 {
            tracing::info!(instructions = int8_instructions(), threads, "int8 on this processor");
        }
        Ok(Self { architecture, encoder, team: ThreadTeam::new(pool) })
    }

    /// The same weights on as many threads of its own, which the system lets run where no other
    /// thread wants to.
    fn beside(&self) -> Option<Self> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(self.team.threads())
            .thread_name(|number| format!("akidb-bulk-{number}"))
            .start_handler(|_| thread_priority::give_way())
            .build();
        let pool = pool
            .inspect_err(|error| tracing::warn!(%error, "no threads for bulk texts, they share those of queries"))
            .ok()?;
        Some(Self {
            architecture: self.architecture.clone(),
            encoder: Arc::clone(&self.encoder),
            team: ThreadTeam::new(pool),
        })
    }
}

impl Embedder for NativeEmbedder {
    fn dimension(&self) -> usize {
        self.architecture.hidden_size() as usize
    }

    fn in_background(&self) -> Option<Box<dyn Embedder>> {
        Some(Box::new(self.beside()?))
    }

    fn embed_batch(
        &mut self,
        texts: &[EncoderInput<'_>],
        vectors: &mut Vec<f32>,
    ) -> Result<(), EncodeError> {
        let limit = self.architecture.max_tokens() as usize;
        check_texts(texts, limit, self.architecture.vocabulary())?;
        vectors.clear();
        vectors.resize(texts.len() * self.dimension(), 0.0);
        self.team.encode(self.encoder.as_ref(), texts, vectors);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
