//! The native backend: encoders in `f32` on the CPU, without padding.
//!
//! A batch is cut into shards of whole texts. A shard's tokens lie one after the other, so that
//! every matrix product covers all of them and no token is computed that no text has; attention
//! alone looks at each text for itself. Shards run in parallel, one on each thread, and a shard
//! that is alone is shared out inside its matrix products.
//!
//! What does not live here: reading files, tokenising, and checking the vectors.

mod attention;
mod encoder;
mod linear;
mod qwen3;
mod rotary;
mod rows;
mod scratch;
mod shards;

use std::sync::{Mutex, PoisonError};

use rayon::{
    ThreadPool, ThreadPoolBuilder,
    iter::{IntoParallelRefMutIterator, ParallelIterator},
};
use rten_gemm::GemmExecutor;

use self::{
    encoder::BertEncoder,
    qwen3::Qwen3Encoder,
    scratch::Scratch,
    shards::{Shard, Shards},
};
use crate::{
    embedder::{Embedder, EncoderInput},
    error::{EncodeError, ModelError},
    model::{Architecture, ModelDirectory},
};

/// A network with its weights.
trait Encoder: Send + Sync {
    /// Encodes the texts of a shard, which were checked, and pools them into its vectors.
    fn encode(
        &self,
        gemm: &GemmExecutor,
        shard: Shard<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), EncodeError>;
}

/// An encoder with its weights, its threads and the memory that it works in.
pub struct NativeEmbedder {
    architecture: Architecture,
    encoder: Box<dyn Encoder>,
    pool: ThreadPool,
    /// One for each thread; what they hold is kept from batch to batch.
    scratch: Vec<Scratch>,
}

impl NativeEmbedder {
    /// Loads the weights of `directory`, to be run on `threads` threads, at least 1.
    ///
    /// # Errors
    ///
    /// When a weights file cannot be read, or the operating system gives no threads.
    pub fn load(directory: &ModelDirectory, threads: usize) -> Result<Self, ModelError> {
        let threads = threads.max(1);
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("akidb-encode-{number}"))
            .build()
            .map_err(|error| ModelError::Io {
                action: "start threads for",
                path: directory.path().to_owned(),
                source: std::io::Error::other(error),
            })?;
        let weights = directory.weights();
        let encoder: Box<dyn Encoder> = match directory.architecture() {
            Architecture::Bert(config) => Box::new(BertEncoder::load(config, weights)?),
            Architecture::Qwen3(config) => Box::new(Qwen3Encoder::load(config, weights)?),
        };
        let architecture = directory.architecture().clone();
        let scratch = (0..threads).map(|_| Scratch::default()).collect();
        Ok(Self { architecture, encoder, pool, scratch })
    }

    /// Checks that every text can be encoded.
    fn check(&self, texts: &[EncoderInput<'_>]) -> Result<(), EncodeError> {
        let limit = self.architecture.max_tokens() as usize;
        let vocabulary = self.architecture.vocabulary();
        for (text, input) in texts.iter().enumerate() {
            let tokens = input.token_ids.len();
            if tokens == 0 {
                return Err(EncodeError::NoTokens { text });
            }
            if tokens > limit {
                return Err(EncodeError::TooManyTokens { text, tokens, limit });
            }
            if let Some(token) = input.token_ids.iter().find(|token| **token >= vocabulary) {
                let vocabulary = vocabulary as usize;
                return Err(EncodeError::UnknownToken { text, token: *token, vocabulary });
            }
        }
        Ok(())
    }
}

impl Embedder for NativeEmbedder {
    fn dimension(&self) -> usize {
        self.architecture.hidden_size() as usize
    }

    fn embed_batch(
        &mut self,
        texts: &[EncoderInput<'_>],
        vectors: &mut Vec<f32>,
    ) -> Result<(), EncodeError> {
        self.check(texts)?;
        vectors.clear();
        vectors.resize(texts.len() * self.dimension(), 0.0);
        let Self { encoder, pool, scratch, .. } = self;
        // Made for each batch since it cannot be sent between threads; that costs nothing.
        let gemm = GemmExecutor::new();
        let encoder = encoder.as_ref();
        let shards = Mutex::new(Shards::new(texts, vectors, scratch.len()));
        pool.install(|| {
            scratch.par_iter_mut().try_for_each(|scratch| {
                while let Some(shard) = next(&shards) {
                    encoder.encode(&gemm, shard, scratch)?;
                }
                Ok(())
            })
        })
    }
}

fn next<'a>(shards: &Mutex<Shards<'a>>) -> Option<shards::Shard<'a>> {
    shards.lock().unwrap_or_else(PoisonError::into_inner).next()
}
