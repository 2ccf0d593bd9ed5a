//! Documents in: checked whole, embedded, then written whole.

use std::{
    collections::{HashMap, hash_map},
    time::Instant,
};

use akidb_core::{
    DocumentId, Error, ErrorCode, Metadata, Result, Seq, WriteMode, check_text, check_vector,
};
use akidb_engine::{
    Applied, Collection, CollectionRecord, ConflictsStop, FieldRow, KnownText, NewRow, RowVectors,
    ShadowField, ShadowRole, UpsertRules, VectorField, Write, Written, conflict_at,
};
use serde_json::Value;
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

use super::{
    checked::{Checked, CheckedField, Place, Tokens},
    expiry::check_expiry,
    fields::field_name,
    models::without_model,
    selection::check_id,
    text_vectors::{PlacedText, missing_embedding},
};
use crate::{
    NewDocument, Operation, RequestContext, Service, Upsert, UpsertReply, UpsertResult,
    UpsertStatus,
    failure::{above_limit, from_text, from_vector},
};

/// The texts of documents that were embedded, each once.
#[derive(Default)]
pub(super) struct Embedded {
    /// Of the unnamed field, in the order of the documents that have one to embed there.
    unnamed: Vec<KnownText>,
    /// By the position of the document and the number of the field, or of what stands beside it.
    others: HashMap<(usize, u32), KnownText>,
}

/// What all documents of a request keep to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rules<'r> {
    /// Under it a document without an id gets the same one every time.
    pub(super) key: Option<&'r str>,
    /// Whose request it is: what others call the same is another one.
    pub(super) owner: Option<&'r str>,
    pub(super) mode: WriteMode,
}

impl Service {
    /// Inserts or replaces documents, all or none. When it returns they are on disk, and every
    /// read and search that starts later sees them.
    ///
    /// # Errors
    /// When a document is not valid (each wrong place is named), the text can not be embedded now,
    /// or the store fails.
    pub async fn upsert(
        &self,
        context: &RequestContext,
        collection: &str,
        request: Upsert,
    ) -> Result<UpsertReply> {
        let started = Instant::now();
        self.run(context, Operation::Upsert.on(collection), async {
            let collection = self.open_for(context, collection)?;
            self.check_space()?;
            let rules = UpsertRules { mode: request.mode, conflicts: ConflictsStop::All };
            let _knows_fields = self.inner.double_writes.begin();
            let record = collection.record();
            let owner = context.caller.principal.key();
            let documents = self.check_documents(&record, request, owner)?;
            self.inner.metrics.requests.upsert_documents.observe(documents.len() as f64);
            let embeddings =
                self.embed_documents(&*collection, &record, &documents, context).await?;
            let (rows, tokens) = rows_of(documents, embeddings, &record)?;
            let results =
                self.store_documents(&*collection, (rows, tokens), rules, context).await?;
            let results = results.into_iter().collect::<Result<_>>()?;
            Ok(UpsertReply { results, took: started.elapsed() })
        })
        .await
    }

    /// Writes rows of different ids. One result a row; an error among them is a conflict, where the
    /// rules let one stop its row alone.
    pub(super) async fn store_documents(
        &self,
        collection: &dyn Collection,
        (rows, tokens): (Vec<NewRow>, Vec<Tokens>),
        rules: UpsertRules,
        context: &RequestContext,
    ) -> Result<Vec<Result<UpsertResult>>> {
        let ids: Vec<_> = rows.iter().map(|row| row.id.clone()).collect();
        // On the heap: an import holds it within many other futures.
        let written = Box::pin(self.write(collection, Write::Upsert(rows, rules), context));
        let written = match written.await? {
            Applied::Upserted(written) => written,
            other => return Err(unexpected(&other)),
        };
        let results = ids.into_iter().zip(written).zip(tokens);
        let results = results.map(|((id, written), tokens)| {
            let Written { created, seq } = written.map_err(|conflict| conflict_at("", conflict))?;
            let status = if created { UpsertStatus::Created } else { UpsertStatus::Updated };
            Ok(tokens.result(id, status, seq))
        });
        Ok(results.collect())
    }

    pub(super) async fn write(
        &self,
        collection: &dyn Collection,
        write: Write,
        context: &RequestContext,
    ) -> Result<Applied> {
        context.in_store(collection.write(write, context.deadline)).await
    }

    fn check_documents(
        &self,
        record: &CollectionRecord,
        request: Upsert,
        owner: Option<&str>,
    ) -> Result<Vec<Checked>> {
        let limits = self.limits();
        let count = request.documents.len();
        if count == 0 {
            let fault = "must have at least one document";
            return Err(Error::at(ErrorCode::InvalidArgument, "documents", fault));
        }
        if count > limits.batch_documents {
            return Err(above_limit("documents", count, "batch_documents", limits.batch_documents));
        }
        let key = request.idempotency_key.as_deref().map(check_key).transpose()?;
        let rules = Rules { key, owner, mode: request.mode };
        let mut checked = Vec::with_capacity(count);
        let mut faults = Vec::new();
        for (position, document) in request.documents.into_iter().enumerate() {
            match self.check_document(record, document, Place::Position(position), rules) {
                Ok(document) => checked.push(document),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() {
            faults = repeated_ids(&checked);
        }
        Error::collect(faults).map_or(Ok(checked), Err)
    }

    /// Checks a document. One without an id gets one, under a key the same one every time.
    pub(super) fn check_document(
        &self,
        record: &CollectionRecord,
        document: NewDocument,
        place: Place,
        rules: Rules<'_>,
    ) -> Result<Checked> {
        let NewDocument { id, text, vector, texts, vectors, metadata, if_seq, expires_at } =
            document;
        if id.is_none() && (if_seq.is_some() || rules.mode == WriteMode::Update) {
            let fault = "is missing, only a document that is there can be replaced";
            return Err(Error::at(ErrorCode::InvalidId, place.field("id"), fault));
        }
        if if_seq.is_some() && rules.mode == WriteMode::Create {
            let fault = "contradicts the mode create: a document that is made has no version yet";
            return Err(Error::at(ErrorCode::InvalidArgument, place.field("if_seq"), fault));
        }
        let part = (text.as_deref(), vector.as_deref());
        match (part, record.fields.as_slice()) {
            ((None, None), [only]) if only.name.is_unnamed() => {
                let fault = "has neither a text nor a vector";
                return Err(Error::at(ErrorCode::InvalidArgument, place.document(), fault));
            }
            // It has nothing in the unnamed field.
            ((None, None), _) => {}
            _ => {
                let places = || [place.field("text"), place.field("vector")];
                self.check_part(record.unnamed_field()?, part, places)?;
            }
        }
        let fields = self.named_parts(record, texts, vectors, |name| place.field(name))?;
        let metadata =
            Metadata::new(metadata.unwrap_or_default(), self.limits()).map_err(|fault| {
                Error::at(ErrorCode::InvalidMetadata, place.field("metadata"), fault)
            })?;
        let expiry = check_expiry(expires_at.as_deref(), || place.field("expires_at"))?;
        let id = match (id, rules.key) {
            (Some(id), _) => check_id(id, || place.field("id"))?,
            (None, None) => DocumentId::Text(Uuid::now_v7().to_string()),
            (None, Some(key)) => {
                let content = (text.as_deref(), vector.as_deref(), &fields[..], &metadata);
                derived_id((rules.owner, key), record.uuid, place, content)
            }
        };
        Ok(Checked { id, text, vector, fields, metadata, if_seq: if_seq.map(Seq), expiry })
    }

    /// Vectors for what comes as a text alone, one field after another. A text is embedded only where
    /// the field knows none for it.
    pub(super) async fn embed_documents(
        &self,
        collection: &dyn Collection,
        record: &CollectionRecord,
        documents: &[Checked],
        context: &RequestContext,
    ) -> Result<Embedded> {
        let mut embedded = Embedded::default();
        for field in &record.fields {
            let texts = placed_texts(documents, |document| document.text_to_embed_in(&field.name));
            let known = self.text_vectors(collection, field, &texts, context).await?;
            match field.name.is_unnamed() {
                true => embedded.unnamed = known,
                false => {
                    let at = texts.iter().map(|placed| (placed.position, field.number));
                    embedded.others.extend(at.zip(known));
                }
            }
        }
        for ShadowField { field, .. } in filling(record) {
            let texts = placed_texts(documents, |document| document.text_in(&field.name));
            let known = self.shadow_vectors(collection, field, &texts, context).await?;
            let at = texts.iter().map(|placed| (placed.position, field.number));
            embedded.others.extend(at.zip(known.into_iter().flatten()));
        }
        Ok(embedded)
    }

    /// Checks what is for one field; `places` are those of its text and of its vector.
    pub(super) fn check_part(
        &self,
        field: &VectorField,
        (text, vector): (Option<&str>, Option<&[f32]>),
        places: impl Fn() -> [String; 2],
    ) -> Result<()> {
        if let Some(text) = text {
            check_text(text, self.limits().text_bytes).map_err(|fault| {
                let [place, _] = places();
                from_text(place, &fault)
            })?;
        }
        match (vector, text) {
            (Some(vector), _) => {
                check_vector(vector, field.dimension, field.metric).map_err(|fault| {
                    let [_, place] = places();
                    from_vector(place, &fault)
                })
            }
            (None, Some(_)) if field.model.is_none() => {
                let [place, _] = places();
                Err(Error::at(ErrorCode::ModelMismatch, place, without_model(field)))
            }
            (None, _) => Ok(()),
        }
    }

    /// Checks what is for named fields and puts texts and vectors of a field together.
    pub(super) fn named_parts(
        &self,
        record: &CollectionRecord,
        texts: Vec<(String, String)>,
        vectors: Vec<(String, Vec<f32>)>,
        place: impl Fn(&str) -> String,
    ) -> Result<Vec<CheckedField>> {
        let mut parts: Vec<CheckedField> = Vec::with_capacity(texts.len().max(vectors.len()));
        let texts = texts.into_iter().map(|(name, text)| (name, Some(text), None));
        let vectors = vectors.into_iter().map(|(name, vector)| (name, None, Some(vector)));
        for (name, text, vector) in texts.chain(vectors) {
            let list = if text.is_some() { "texts" } else { "vectors" };
            let at = || place(&format!("{list}.{name}"));
            let named = field_name(&name, &place(list))?;
            let field = record
                .field(&named)
                .map_err(|error| Error::at(ErrorCode::FieldNotFound, at(), error.message))?;
            let here = parts.iter().position(|part| part.is_of(&field.name));
            let here = here.unwrap_or_else(|| {
                parts.push(CheckedField { name: field.name.clone(), text: None, vector: None });
                parts.len() - 1
            });
            let part = &mut parts[here];
            let stands_twice = (text.is_some() && part.text.is_some())
                || (vector.is_some() && part.vector.is_some());
            if stands_twice {
                return Err(Error::at(ErrorCode::InvalidArgument, at(), "stands twice"));
            }
            part.text = part.text.take().or(text);
            part.vector = part.vector.take().or(vector);
        }
        for part in &parts {
            let mut fields = record.fields.iter();
            if let Some(field) = fields.find(|field| part.is_of(&field.name)) {
                let places =
                    || ["texts", "vectors"].map(|it| place(&format!("{it}.{}", field.name)));
                self.check_part(field, (part.text.as_deref(), part.vector.as_deref()), places)?;
            }
        }
        Ok(parts)
    }
}

/// The texts of documents that have one, with their positions.
fn placed_texts<'d>(
    documents: &'d [Checked],
    text_of: impl Fn(&'d Checked) -> Option<&'d str>,
) -> Vec<PlacedText<'d>> {
    let texts = documents.iter().enumerate();
    texts.filter_map(|(position, it)| Some(PlacedText { position, text: text_of(it)? })).collect()
}

/// The rows of documents, with what was embedded where they have no vector of their own.
pub(super) fn rows_of(
    documents: Vec<Checked>,
    embedded: Embedded,
    record: &CollectionRecord,
) -> Result<(Vec<NewRow>, Vec<Tokens>)> {
    let Embedded { unnamed, mut others } = embedded;
    let mut unnamed = unnamed.into_iter();
    let mut all_tokens = Vec::with_capacity(documents.len());
    let rows = documents.into_iter().enumerate().map(|(position, document)| {
        let Checked { id, text, vector, fields, metadata, if_seq, expiry } = document;
        let mut row =
            NewRow { id, text, metadata, vectors: None, fields: Vec::new(), if_seq, expiry };
        let mut tokens = Tokens::default();
        let mut embedded = |known: Option<KnownText>| {
            let known = known.ok_or_else(missing_embedding)?;
            tokens = tokens.and(Tokens::of(&known));
            Ok::<_, Error>(RowVectors::Embedded(known))
        };
        let vectors = match (vector, &row.text) {
            (Some(vector), _) => Some(RowVectors::Given(vector)),
            (None, Some(_)) => Some(embedded(unnamed.next())?),
            (None, None) => None,
        };
        if let Some(vectors) = vectors {
            put(&mut row, record.unnamed_field()?, None, vectors)?;
        }
        for CheckedField { name, text, vector } in fields {
            let field = record.field(&name)?;
            let vectors = match vector {
                Some(vector) => RowVectors::Given(vector),
                None => embedded(others.remove(&(position, field.number)))?,
            };
            put(&mut row, field, text, vectors)?;
        }
        for ShadowField { field, .. } in filling(record) {
            if let Some(known) = others.remove(&(position, field.number)) {
                put(&mut row, field, None, RowVectors::Embedded(known))?;
            }
        }
        all_tokens.push(tokens);
        Ok(row)
    });
    let rows = rows.collect::<Result<_>>()?;
    Ok((rows, all_tokens))
}

/// Adds what a row has in a field. A vector was checked before another model took over the field, perhaps.
fn put(
    row: &mut NewRow,
    field: &VectorField,
    text: Option<String>,
    vectors: RowVectors,
) -> Result<()> {
    if let RowVectors::Given(vector) = &vectors
        && vector.len() != field.dimension.get()
    {
        let message = format!("the vector field has {} dimensions by now", field.dimension);
        return Err(Error::new(ErrorCode::DimensionMismatch, message));
    }
    match field.number {
        0 => row.vectors = Some(vectors),
        number => row.fields.push(FieldRow { field: number, text, vectors }),
    }
    Ok(())
}

/// What stands beside fields and is to take their place: documents that are written go there, too.
pub(super) fn filling(record: &CollectionRecord) -> impl Iterator<Item = &ShadowField> {
    record.shadows.iter().filter(|shadow| shadow.role == ShadowRole::Filling)
}

fn repeated_ids(documents: &[Checked]) -> Vec<Error> {
    let mut seen = HashMap::with_capacity(documents.len());
    let mut faults = Vec::new();
    for (position, document) in documents.iter().enumerate() {
        match seen.entry(&document.id) {
            hash_map::Entry::Vacant(collection) => {
                collection.insert(position);
            }
            hash_map::Entry::Occupied(first) => faults.push(Error::at(
                ErrorCode::DuplicateId,
                format!("documents[{position}].id"),
                format_args!("is the id of documents[{}] too", first.get()),
            )),
        }
    }
    faults
}

pub(super) fn check_key(key: &str) -> Result<&str> {
    if (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(key);
    }
    let fault = "must be 1 to 255 visible ASCII characters";
    Err(Error::at(ErrorCode::InvalidArgument, "idempotency_key", fault))
}

/// What of a document its id is made of.
type Content<'c> = (Option<&'c str>, Option<&'c [f32]>, &'c [CheckedField], &'c Metadata);

/// An id that every retry of the same request makes again, and no other request does: a UUIDv8
/// (RFC 9562) of the key, the place in the batch and the content. On lines the place does not
/// count, so that a file may lose or gain lines between two imports of it.
fn derived_id(
    (owner, key): (Option<&str>, &str),
    collection: Uuid,
    place: Place,
    (text, vector, fields, metadata): Content<'_>,
) -> DocumentId {
    // A retry may spell the same object in another order.
    let mut metadata = Value::Object(metadata.as_object().clone());
    metadata.sort_all_objects();
    let mut hash = Xxh3::new();
    hash.update(collection.as_bytes());
    if let Some(owner) = owner {
        hash.update(b"owner");
        hash.update(&(owner.len() as u64).to_le_bytes());
        hash.update(owner.as_bytes());
    }
    if let Place::Position(position) = place {
        hash.update(&(position as u64).to_le_bytes());
    }
    for part in [key, text.unwrap_or_default(), &metadata.to_string()] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    for value in vector.unwrap_or_default() {
        hash.update(&value.to_le_bytes());
    }
    for CheckedField { name, text, vector } in fields {
        let (name, text) = (name.as_str(), text.as_deref().unwrap_or_default());
        hash.update(&(name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
        for value in vector.as_deref().unwrap_or_default() {
            hash.update(&value.to_le_bytes());
        }
    }
    DocumentId::Text(Uuid::new_v8(hash.digest128().to_le_bytes()).to_string())
}

/// The error of the only document of an upsert, as that of one that stands alone.
pub(super) fn on_its_own(mut error: Error) -> Error {
    let of_document = |text: &str| text.strip_prefix("documents[0].").map(str::to_owned);
    for violation in &mut error.violations {
        violation.field = of_document(&violation.field).unwrap_or_else(|| violation.field.clone());
    }
    error.message = of_document(&error.message).unwrap_or(error.message);
    error
}

pub(super) fn unexpected(applied: &Applied) -> Error {
    Error::new(ErrorCode::Internal, format!("the store answered {applied:?} to another write"))
}
