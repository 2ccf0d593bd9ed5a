//! `tokenizer.json`, and what a model's other files change about it.
//!
//! Out of scope: cutting, counting, and special tokens around a text.

use std::path::Path;

use tokenizers::{
    NormalizerWrapper, PostProcessorWrapper, Tokenizer, normalizers,
    processors::{sequence::Sequence, template::TemplateProcessing},
};

use super::{Architecture, json::read_bytes, sentence_transformers::SentenceTransformersConfig};
use crate::{error::ModelError, identity::Pooling};

/// What a text that is pooled by its last token ends with for Qwen3.
const QWEN3_END: &str = "<|endoftext|>";

/// Reads a model's tokenizer.
pub(super) fn read(
    file: &Path,
    architecture: &Architecture,
    settings: &SentenceTransformersConfig,
) -> Result<Tokenizer, ModelError> {
    let damaged = |reason: String| ModelError::Damaged { file: file.to_owned(), reason };
    let mut tokenizer =
        Tokenizer::from_bytes(read_bytes(file)?).map_err(|error| damaged(error.to_string()))?;
    if settings.do_lower_case {
        lower_case(&mut tokenizer).map_err(damaged)?;
    }
    if matches!(architecture, Architecture::Qwen3(_)) && settings.pooling == Pooling::LastToken {
        end_texts(&mut tokenizer, QWEN3_END).map_err(damaged)?;
    }
    check_ids(&tokenizer, architecture.vocabulary()).map_err(damaged)?;
    Ok(tokenizer)
}

/// Checks that the network has an embedding of every token that texts can have. One without would
/// only be noticed by the first text that has it.
fn check_ids(tokenizer: &Tokenizer, vocabulary: u32) -> Result<(), String> {
    let framed = tokenizer.encode("", true).map_err(|error| error.to_string())?;
    let around = framed.get_tokens().iter().cloned().zip(framed.get_ids().iter().copied());
    let beyond = tokenizer.get_vocab(true).into_iter().chain(around);
    let beyond = beyond.filter(|(_, id)| *id >= vocabulary);
    beyond.min_by_key(|(_, id)| *id).map_or(Ok(()), |(token, id)| {
        let token: String = token.chars().take(40).collect();
        Err(format!(
            "its token {token:?} has the id {id}, config.json and the weights have {vocabulary} \
             embeddings (vocab_size), 0 to {}",
            vocabulary.saturating_sub(1)
        ))
    })
}

/// Ends every text with the token `end`, unless the tokenizer ends texts with a token itself.
///
/// The state of that token is the vector of a Qwen3 embedding model. The first files of
/// Qwen3-Embedding left it to the caller to add it.
fn end_texts(tokenizer: &mut Tokenizer, end: &str) -> Result<(), String> {
    let example = tokenizer.encode("a", true).map_err(|error| error.to_string())?;
    if example.get_special_tokens_mask().last() == Some(&1) {
        return Ok(());
    }
    let id = tokenizer.token_to_id(end).ok_or_else(|| {
        format!("its post-processor ends texts with no token, and its vocabulary lacks {end:?}")
    })?;
    let ending = TemplateProcessing::builder()
        .try_single(format!("$A {end}"))?
        .try_pair(format!("$A {end} $B {end}"))?
        .special_tokens(vec![(end, id)])
        .build()
        .map_err(|error| error.to_string())?;
    let present = tokenizer.get_post_processor().cloned();
    let steps = present.into_iter().chain([ending.into()]).collect();
    tokenizer.with_post_processor(Some(PostProcessorWrapper::Sequence(Sequence::new(steps))));
    Ok(())
}

/// Puts lower-casing before what the tokenizer does, unless it does so itself.
///
/// As `Transformer.__init__` of sentence-transformers 6 where `do_lower_case` is set.
fn lower_case(tokenizer: &mut Tokenizer) -> Result<(), String> {
    let present = tokenizer.get_normalizer().cloned();
    if present.as_ref().is_some_and(lower_cases) {
        return Ok(());
    }
    let steps = std::iter::once(normalizers::Lowercase.into()).chain(present).collect();
    tokenizer
        .with_normalizer(Some(normalizers::Sequence::new(steps)))
        .map(|_| ())
        .map_err(|error| error.to_string())
}

fn lower_cases(normalizer: &NormalizerWrapper) -> bool {
    match normalizer {
        NormalizerWrapper::Lowercase(_) => true,
        NormalizerWrapper::BertNormalizer(bert) => bert.lowercase,
        NormalizerWrapper::Sequence(steps) => steps.as_ref().iter().any(lower_cases),
        _ => false,
    }
}
