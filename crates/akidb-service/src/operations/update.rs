//! Documents changed in place: one by its id, or the metadata of those that match.

use std::sync::Arc;

use akidb_core::{Document, Error, ErrorCode, Result, Seq, check_text, check_vector};
use akidb_store::{Applied, OneDocument, Patch, PatchVersions, RowVectors, Write};

use super::{
    matching,
    read::not_found,
    selection::{Selected, check_one_id},
    text_vectors::PlacedText,
    upsert::{on_its_own, unexpected},
};
use crate::{
    GivenId, Operation, PatchDocument, RequestContext, Service, UpdateDocuments, UpdateReply,
    collections::Entry,
    failure::{from_text, from_vector},
    index_memory::vector_bytes,
};

impl Service {
    /// Changes a document: its text, which is embedded again, its vector, its metadata. Returns the
    /// version that is there then, which is the same where nothing changes.
    ///
    /// # Errors
    /// When there is no such document, it is of another version, the text can not be embedded now, or
    /// the result breaks a limit.
    pub async fn patch_document(
        &self,
        context: &RequestContext,
        collection: &str,
        id: GivenId,
        request: PatchDocument,
    ) -> Result<Document> {
        self.run(context, Operation::PatchMetadata.on(collection), async {
            let entry = self.inner.collections.find(collection)?;
            let ids = check_one_id(id)?;
            let PatchDocument { text, vector, metadata, if_seq } = request;
            if text.is_none() && vector.is_none() && metadata.is_none() {
                let message = "at least one of text, vector and metadata must be given";
                return Err(Error::new(ErrorCode::InvalidArgument, message));
            }
            let vectors = self.patched_vectors(&entry, text.as_deref(), vector, context).await?;
            let patch = Patch {
                document: OneDocument { ids: ids.clone(), if_seq: if_seq.map(Seq) },
                text,
                vectors,
                merge: metadata.unwrap_or_default(),
                limits: Arc::clone(&self.inner.limits),
            };
            match self.write(&entry, Write::Patch(patch), context).await? {
                Applied::Patched(Some(document)) => Ok(document),
                Applied::Patched(None) => Err(not_found(&ids)),
                other => Err(unexpected(&other)),
            }
        })
        .await
    }

    /// The vectors that a changed document gets: its own, or those of its text where the collection
    /// embeds texts. Those that it has stay where it is neither.
    async fn patched_vectors(
        &self,
        entry: &Arc<Entry>,
        text: Option<&str>,
        vector: Option<Vec<f32>>,
        context: &RequestContext,
    ) -> Result<Option<RowVectors>> {
        if let Some(text) = text {
            let checked = check_text(text, self.limits().text_bytes);
            checked.map_err(|fault| from_text("text".to_owned(), &fault))?;
        }
        match (vector, text) {
            (Some(vector), _) => {
                check_vector(&vector, entry.row.dimension, entry.row.metric)
                    .map_err(|fault| from_vector("vector".to_owned(), &fault))?;
                Ok(Some(RowVectors::Given(vector)))
            }
            (None, Some(text)) if entry.model.is_some() => {
                let texts = [PlacedText { position: 0, text }];
                let known = self.text_vectors(entry, &texts, context).await.map_err(on_its_own)?;
                Ok(known.into_iter().next().map(RowVectors::Embedded))
            }
            (None, _) => Ok(None),
        }
    }

    /// Changes the metadata of the versions of documents that match now, all or none where
    /// they are no more than `batch_documents`; more are changed in steps.
    ///
    /// # Errors
    /// When the filter is not valid or a result breaks a limit; after a step that was made the outcome is
    /// unknown.
    pub async fn update_documents(
        &self,
        context: &RequestContext,
        collection: &str,
        request: UpdateDocuments,
    ) -> Result<UpdateReply> {
        self.run(context, Operation::PatchMetadata.on(collection), async {
            let UpdateDocuments { filter, all, metadata: merge } = request;
            let Selected::Matching(filter) = Selected::to_change(None, filter, all, self.limits())?
            else {
                return Err(Error::new(ErrorCode::Internal, "no ids were given"));
            };
            let entry = self.inner.collections.find(collection)?;
            let (found, unknown_fields) = context
                .in_store(async {
                    let open = self.inner.collections.open_entry(&entry).await?;
                    let found = matching::versions(&open, &filter).await?;
                    Ok((found, open.projection.unknown_fields(Some(&filter))))
                })
                .await?;
            // Each document that matches gets another version, whose vectors the index takes in first;
            // as they take the place of others, they are counted and never refused.
            let bytes = found
                .vectors
                .saturating_mul(vector_bytes(entry.row.dimension, &entry.index.read()));
            let _counted = self.inner.collections.indexing.memory.count(bytes);
            let patch = |versions| {
                let (merge, limits) = (merge.clone(), Arc::clone(&self.inner.limits));
                let write = Write::PatchVersions(PatchVersions { versions, merge, limits });
                let written = self.write(&entry, write, context);
                async {
                    match written.await? {
                        Applied::Updated(updated) => Ok(updated),
                        other => Err(unexpected(&other)),
                    }
                }
            };
            let whole_max = self.limits().batch_documents;
            let updated = matching::change(&found.versions, whole_max, patch).await?;
            Ok(UpdateReply { updated, unknown_fields })
        })
        .await
    }
}
