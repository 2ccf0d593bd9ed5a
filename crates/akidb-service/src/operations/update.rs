//! Documents changed in place: one by its id, or the metadata of those that match.

use std::sync::Arc;

use akidb_core::{Document, Error, ErrorCode, Result, Seq, check_text, check_vector};
use akidb_engine::{Applied, Collection, OneDocument, Patch, PatchVersions, RowVectors, Write};

use super::{
    read::not_found,
    selection::{Selected, check_one_id},
    steps::in_steps,
    text_vectors::PlacedText,
    upsert::{on_its_own, unexpected},
};
use crate::{
    GivenId, Operation, PatchDocument, RequestContext, Service, UpdateDocuments, UpdateReply,
    failure::{from_text, from_vector},
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
            let collection = self.inner.engine.open(collection)?;
            let ids = check_one_id(id)?;
            let PatchDocument { text, vector, metadata, if_seq } = request;
            if text.is_none() && vector.is_none() && metadata.is_none() {
                let message = "at least one of text, vector and metadata must be given";
                return Err(Error::new(ErrorCode::InvalidArgument, message));
            }
            let vectors =
                self.patched_vectors(&*collection, text.as_deref(), vector, context).await?;
            let patch = Patch {
                document: OneDocument { ids: ids.clone(), if_seq: if_seq.map(Seq) },
                text,
                vectors,
                fields: Vec::new(),
                merge: metadata.unwrap_or_default(),
                limits: Arc::clone(&self.inner.limits),
            };
            match self.write(&*collection, Write::Patch(patch), context).await? {
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
        collection: &dyn Collection,
        text: Option<&str>,
        vector: Option<Vec<f32>>,
        context: &RequestContext,
    ) -> Result<Option<RowVectors>> {
        if let Some(text) = text {
            let checked = check_text(text, self.limits().text_bytes);
            checked.map_err(|fault| from_text("text".to_owned(), &fault))?;
        }
        let record = collection.record();
        let field = record.unnamed_field()?;
        match (vector, text) {
            (Some(vector), _) => {
                check_vector(&vector, field.dimension, field.metric)
                    .map_err(|fault| from_vector("vector".to_owned(), &fault))?;
                Ok(Some(RowVectors::Given(vector)))
            }
            (None, Some(text)) if field.model.is_some() => {
                let texts = [PlacedText { position: 0, text }];
                let known =
                    self.text_vectors(collection, &texts, context).await.map_err(on_its_own)?;
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
            let collection = self.inner.engine.open(collection)?;
            let matching = context.in_store(collection.matching(&filter)).await?;
            let patch = |versions| {
                let (merge, limits) = (merge.clone(), Arc::clone(&self.inner.limits));
                let write = Write::PatchVersions(PatchVersions { versions, merge, limits });
                let written = self.write(&*collection, write, context);
                async {
                    match written.await? {
                        Applied::Updated(updated) => Ok(updated),
                        other => Err(unexpected(&other)),
                    }
                }
            };
            let whole_max = self.limits().batch_documents;
            let updated = in_steps(&matching.versions, whole_max, patch).await?;
            Ok(UpdateReply { updated, unknown_fields: matching.unknown_fields })
        })
        .await
    }
}
