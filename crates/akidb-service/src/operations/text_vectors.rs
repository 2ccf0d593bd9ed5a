//! The vectors of the texts of an upsert. A text that the collection holds a vector of, and one
//! that stands twice in the batch, is not embedded again.

use std::{
    collections::{HashMap, hash_map::Entry as Place},
    sync::Arc,
};

use akidb_core::{Error, ErrorCode, Result};
use akidb_embedding::{EmbedOptions, Embedding, InputType, Lane};
use akidb_store::{EmbeddedText, KnownText, TextHash};

use crate::{RequestContext, Service, collections::Entry, failure::from_store};

/// A text and where in the request it stands.
pub(super) struct PlacedText<'d> {
    /// The position of its document.
    pub(super) position: usize,
    pub(super) text: &'d str,
}

impl Service {
    /// A vector for each text, in their order.
    pub(super) async fn text_vectors(
        &self,
        entry: &Arc<Entry>,
        texts: &[PlacedText<'_>],
        context: &RequestContext,
    ) -> Result<Vec<KnownText>> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let hashes: Vec<TextHash> = texts.iter().map(|placed| TextHash::of(placed.text)).collect();
        // Not kept open beyond the look-up: embedding may take long.
        let open = self.inner.collections.open_entry(entry).await?;
        let known = open.store.known_texts(&hashes).await;
        drop(open);
        let mut vectors = known.map_err(from_store)?;
        let mut missing: Vec<usize> = Vec::new();
        let mut waiting = HashMap::new();
        for (i, hash) in hashes.iter().enumerate() {
            if !vectors.contains_key(hash)
                && let Place::Vacant(place) = waiting.entry(hash)
            {
                place.insert(i);
                missing.push(i);
            }
        }
        self.inner.metrics.upsert_texts_reused.inc_by((texts.len() - missing.len()) as u64);
        if !missing.is_empty() {
            let options = EmbedOptions {
                lane: Lane::Bulk,
                deadline: Some(context.deadline),
                input_type: Some(InputType::Document),
                ..EmbedOptions::default()
            };
            let place_of = |i: usize| format!("documents[{}].text", texts[missing[i]].position);
            let new_texts = missing.iter().map(|&i| texts[i].text.to_owned()).collect();
            let embeddings = self.model_of(entry)?.embed(new_texts, &options, place_of).await?;
            vectors.extend(missing.iter().zip(embeddings).map(|(&i, embedding)| {
                let (hash, Embedding { values: vector, tokens, truncated }) =
                    (hashes[i], embedding);
                (hash, KnownText { vector, embedded: EmbeddedText { hash, tokens, truncated } })
            }));
        }
        let vector_of = |hash| vectors.get(hash).cloned().ok_or_else(missing_embedding);
        hashes.iter().map(vector_of).collect()
    }
}

pub(super) fn missing_embedding() -> Error {
    Error::new(ErrorCode::Internal, "the embedder answered fewer vectors than texts")
}
