//! The vectors of the texts of an upsert. A text that the field holds a vector of, and one
//! that stands twice in the batch, is not embedded again. Long ones are cut into passages where the
//! collection says so.

use std::{
    collections::{HashMap, hash_map::Entry},
    ops::Range,
    time::Instant,
};

use akidb_core::{Error, ErrorCode, Result};
use akidb_embedding::{EmbedOptions, Embedding, InputType, Lane};
use akidb_engine::{Collection, EmbeddedText, KnownText, PassageVector, TextHash, VectorField};

use crate::{RequestContext, Service, failure::above_limit};

/// A text and where in the request it stands.
pub(super) struct PlacedText<'d> {
    /// The position of its document.
    pub(super) position: usize,
    pub(super) text: &'d str,
}

impl Service {
    /// A vector in a field for each text, in their order.
    pub(super) async fn text_vectors(
        &self,
        collection: &dyn Collection,
        field: &VectorField,
        texts: &[PlacedText<'_>],
        context: &RequestContext,
    ) -> Result<Vec<KnownText>> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let hashes: Vec<TextHash> = texts.iter().map(|placed| TextHash::of(placed.text)).collect();
        let known = context.in_store(collection.known_texts(field.number, &hashes));
        let mut vectors = known.await?;
        let mut missing: Vec<usize> = Vec::new();
        let mut waiting = HashMap::new();
        for (i, hash) in hashes.iter().enumerate() {
            if !vectors.contains_key(hash)
                && let Entry::Vacant(place) = waiting.entry(hash)
            {
                place.insert(i);
                missing.push(i);
            }
        }
        self.inner
            .metrics
            .requests
            .upsert_texts_reused
            .inc_by((texts.len() - missing.len()) as u64);
        if !missing.is_empty() {
            let missing: Vec<_> = missing.into_iter().map(|i| (hashes[i], &texts[i])).collect();
            let embedded = self.embed_new(field, &missing, context).await?;
            vectors.extend(embedded.into_iter().map(|text| (text.embedded.hash, text)));
        }
        let vector_of = |hash| vectors.get(hash).cloned().ok_or_else(missing_embedding);
        hashes.iter().map(vector_of).collect()
    }

    /// A vector in a shadow for each text, in their order; `None` where there are none now and the texts are
    /// to be filled in later. That must not hold up a write, nor be why it fails, until the shadow is about to
    /// take over.
    pub(super) async fn shadow_vectors(
        &self,
        collection: &dyn Collection,
        shadow: &VectorField,
        texts: &[PlacedText<'_>],
        context: &RequestContext,
    ) -> Result<Option<Vec<KnownText>>> {
        let uuid = collection.record().uuid;
        if self.inner.double_writes.is_required(uuid, shadow.number) {
            return self.text_vectors(collection, shadow, texts, context).await.map(Some);
        }
        let left = context.deadline.saturating_duration_since(Instant::now());
        let in_time = RequestContext { deadline: Instant::now() + left / 2, ..context.clone() };
        let vectors = self.text_vectors(collection, shadow, texts, &in_time).await;
        Ok(vectors.inspect_err(|error| tracing::debug!(%error, "texts are embedded later")).ok())
    }

    /// Embeds different texts, each whole or in the passages that it is cut into.
    async fn embed_new(
        &self,
        field: &VectorField,
        texts: &[(TextHash, &PlacedText<'_>)],
        context: &RequestContext,
    ) -> Result<Vec<KnownText>> {
        let model = self.model_of(field)?;
        let place_of = |i: usize| {
            let position = texts[i].1.position;
            match field.name.as_str() {
                "" => format!("documents[{position}].text"),
                name => format!("documents[{position}].texts.{name}"),
            }
        };
        let owned = || texts.iter().map(|(_, placed)| placed.text.to_owned()).collect::<Vec<_>>();
        let options = EmbedOptions {
            lane: Lane::Bulk,
            input_type: Some(InputType::Document),
            ..context.embed_options()
        };
        let mut cut = Vec::new();
        if let Some(chunking) = field.chunking {
            let whole = owned();
            model.check_room(&whole, &options)?;
            let times = context.times.embedding();
            cut = model.passages(whole, chunking, times, place_of).await?;
            self.check_passages(&cut, place_of)?;
        }
        let pieces = match cut.is_empty() {
            true => owned(),
            false => texts
                .iter()
                .zip(&cut)
                .flat_map(|((_, placed), passages)| {
                    passages.iter().map(|it| &placed.text[it.clone()])
                })
                .map(str::to_owned)
                .collect(),
        };
        let text_of_piece: Vec<usize> =
            cut.iter().enumerate().flat_map(|(i, passages)| vec![i; passages.len()]).collect();
        let place_of_piece = |piece| place_of(text_of_piece.get(piece).copied().unwrap_or(piece));
        let mut embeddings = model.embed(pieces, &options, place_of_piece).await?.into_iter();
        let mut cut = cut.into_iter();
        let known = texts.iter().map(|&(hash, _)| {
            let bytes = match cut.next() {
                Some(passages) => passages.into_iter().map(Some).collect(),
                None => vec![None],
            };
            let of_text = embeddings.by_ref().take(bytes.len()).collect();
            known_text(hash, bytes, of_text)
        });
        known.collect()
    }

    fn check_passages(
        &self,
        cut: &[Vec<Range<usize>>],
        place_of: impl Fn(usize) -> String,
    ) -> Result<()> {
        let limit = self.limits().document_passages;
        let faults = cut.iter().enumerate().filter(|(_, passages)| passages.len() > limit);
        let faults = faults.map(|(i, passages)| {
            above_limit(&place_of(i), passages.len(), "document_passages", limit)
        });
        Error::collect(faults.collect()).map_or(Ok(()), Err)
    }
}

fn known_text(
    hash: TextHash,
    bytes: Vec<Option<Range<usize>>>,
    embeddings: Vec<Embedding>,
) -> Result<KnownText> {
    if embeddings.len() != bytes.len() {
        return Err(missing_embedding());
    }
    let embedded = EmbeddedText {
        hash,
        tokens: embeddings.iter().map(|passage| passage.tokens).sum(),
        truncated: embeddings.iter().any(|passage| passage.truncated),
        unknown_tokens: Some(embeddings.iter().map(|passage| passage.unknown_tokens).sum()),
    };
    let passages = bytes.into_iter().zip(embeddings);
    let passages =
        passages.map(|(bytes, embedding)| PassageVector { bytes, vector: embedding.values });
    Ok(KnownText { passages: passages.collect(), embedded })
}

pub(super) fn missing_embedding() -> Error {
    Error::new(ErrorCode::Internal, "the embedder answered fewer vectors than texts")
}
