//! Documents changed in place: one by its id, or the metadata of those that match.

use std::sync::Arc;

use akidb_core::{Document, Error, ErrorCode, FieldName, Result, Seq, check_text};
use akidb_engine::{
    Applied, Collection, CollectionRecord, FieldPatch, OneDocument, Patch, PatchVersions,
    RowVectors, ShadowField, ShadowRole, VectorField, Write,
};

use super::{
    checked::CheckedField,
    expiry::check_expiry,
    fields::field_name,
    read::not_found,
    selection::{Selected, check_one_id},
    steps::in_steps,
    text_vectors::{PlacedText, missing_embedding},
    upsert::{on_its_own, unexpected},
};
use crate::{
    GivenId, Operation, PatchDocument, RequestContext, Service, UpdateDocuments, UpdateReply,
    failure::from_text,
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
            let collection = self.open_for(context, collection)?;
            let ids = check_one_id(id)?;
            let PatchDocument { text, vector, texts, vectors, emptied_fields, metadata, if_seq, expires_at } =
                request;
            let expiry = check_expiry(expires_at.as_deref(), || "expires_at".to_owned())?;
            let of_fields = [texts.is_empty(), vectors.is_empty(), emptied_fields.is_empty()];
            let of_all = [text.is_none(), vector.is_none(), metadata.is_none()];
            if of_all == [true; 3] && of_fields == [true; 3] && expires_at.is_none() {
                let message = "at least one of text, vector, metadata and expires_at must be given, or \
                               texts or vectors of fields";
                return Err(Error::new(ErrorCode::InvalidArgument, message));
            }
            let _knows_fields = self.inner.double_writes.begin();
            let record = collection.record();
            let named = self.named_parts(&record, texts, vectors, str::to_owned)?;
            let emptied = emptied(&record, emptied_fields, &named)?;
            let unnamed = (text.as_deref(), vector);
            let vectors = self.patched_vectors(&*collection, &record, unnamed, context).await?;
            let mut patch = Patch {
                document: OneDocument { ids: ids.clone(), if_seq: if_seq.map(Seq) },
                text,
                vectors: None,
                fields: Vec::with_capacity(named.len() + emptied.len()),
                merge: metadata.unwrap_or_default(),
                expiry,
                limits: Arc::clone(&self.inner.limits),
            };
            for number in emptied {
                patch.fields.push((number, FieldPatch::Remove));
            }
            for shadow in &record.shadows {
                let text = text_in(&shadow.field.name, patch.text.as_deref(), &named);
                let change = self.patched_shadow(&*collection, shadow, text, context).await?;
                patch.fields.extend(change.map(|change| (shadow.field.number, change)));
            }
            if let Some(vectors) = vectors {
                let change = FieldPatch::Change { text: None, vectors };
                patch.fields.push((record.unnamed_field()?.number, change));
            }
            for part in named {
                let change = self.patched_field(&*collection, &record, part, context).await?;
                patch.fields.push(change);
            }
            take_first_field(&mut patch);
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
        record: &CollectionRecord,
        (text, vector): (Option<&str>, Option<Vec<f32>>),
        context: &RequestContext,
    ) -> Result<Option<RowVectors>> {
        if vector.is_none() && text.is_none() {
            return Ok(None);
        }
        let field = record.unnamed_field()?;
        let places = || ["text", "vector"].map(str::to_owned);
        match (vector, text) {
            (Some(vector), _) => {
                self.check_part(field, (text, Some(&vector)), places)?;
                Ok(Some(RowVectors::Given(vector)))
            }
            (None, Some(text)) if field.model.is_some() => {
                self.check_part(field, (Some(text), None), places)?;
                Ok(Some(self.embedded(collection, field, text, context).await?))
            }
            // A text beside a vector of the user's own.
            (None, Some(text)) => {
                check_text(text, self.limits().text_bytes)
                    .map_err(|fault| from_text("text".to_owned(), &fault))?;
                Ok(None)
            }
            (None, None) => Ok(None),
        }
    }

    /// What a changed document gets in a named field.
    async fn patched_field(
        &self,
        collection: &dyn Collection,
        record: &CollectionRecord,
        part: CheckedField,
        context: &RequestContext,
    ) -> Result<(u32, FieldPatch)> {
        let (name, text, vector) = part.into_parts();
        let field = record.field(&name)?;
        let vectors = match (vector, &text) {
            (Some(vector), _) => RowVectors::Given(vector),
            (None, Some(text)) => self.embedded(collection, field, text, context).await?,
            (None, None) => return Err(missing_embedding()),
        };
        Ok((field.number, FieldPatch::Change { text, vectors }))
    }

    /// What a changed document gets beside a field, by its text there: what it has there is of the text of
    /// before.
    async fn patched_shadow(
        &self,
        collection: &dyn Collection,
        shadow: &ShadowField,
        text: Option<&str>,
        context: &RequestContext,
    ) -> Result<Option<FieldPatch>> {
        let Some(text) = text else { return Ok(None) };
        let texts = [PlacedText { position: 0, text }];
        let known = match shadow.role {
            ShadowRole::Filling => {
                let known = self.shadow_vectors(collection, &shadow.field, &texts, context).await;
                known.map_err(on_its_own)?.and_then(|known| known.into_iter().next())
            }
            ShadowRole::Kept => None,
        };
        let vectors = known.map(RowVectors::Embedded);
        let change = vectors.map(|vectors| FieldPatch::Change { text: None, vectors });
        Ok(Some(change.unwrap_or(FieldPatch::Remove)))
    }

    async fn embedded(
        &self,
        collection: &dyn Collection,
        field: &VectorField,
        text: &str,
        context: &RequestContext,
    ) -> Result<RowVectors> {
        let texts = [PlacedText { position: 0, text }];
        let known = self.text_vectors(collection, field, &texts, context).await;
        let known = known.map_err(on_its_own)?.into_iter().next();
        known.map(RowVectors::Embedded).ok_or_else(missing_embedding)
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
            let collection = self.open_for(context, collection)?;
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

/// The numbers of the fields in which a document is to have nothing any more.
fn emptied(
    record: &CollectionRecord,
    names: Vec<String>,
    changed: &[CheckedField],
) -> Result<Vec<u32>> {
    let mut numbers = Vec::with_capacity(names.len());
    for given in names {
        let name = field_name(&given, "vectors")?;
        let number = record.field(&name)?.number;
        if numbers.contains(&number) || changed.iter().any(|part| part.is_of(&name)) {
            let fault = format!("says two things of the vector field {given}");
            return Err(Error::at(ErrorCode::InvalidArgument, "vectors", fault));
        }
        numbers.push(number);
        numbers.extend(record.shadow(&name).map(|shadow| shadow.field.number));
    }
    Ok(numbers)
}

/// The text that a patch gives a document in a field.
fn text_in<'p>(
    field: &FieldName,
    unnamed: Option<&'p str>,
    named: &'p [CheckedField],
) -> Option<&'p str> {
    match field.is_unnamed() {
        true => unnamed,
        false => named.iter().find(|part| part.is_of(field))?.text(),
    }
}

/// Vectors of the field with the number 0 stand elsewhere in a patch.
fn take_first_field(patch: &mut Patch) {
    let first = |(number, change): &(u32, FieldPatch)| {
        *number == 0 && matches!(change, FieldPatch::Change { .. })
    };
    let at = patch.fields.iter().position(first);
    if let Some((_, FieldPatch::Change { vectors, .. })) = at.map(|at| patch.fields.remove(at)) {
        patch.vectors = Some(vectors);
    }
}
