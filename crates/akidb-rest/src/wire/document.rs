//! Documents.

use akidb_core::{DamagedDocument, Document, Error, Passage};
use akidb_service::{
    CountReply, DeleteDocuments, DeleteReply, GetDocuments, GivenId, Include, NewDocument,
    PatchDocument, Scroll, ScrollReply, UpdateDocuments, UpdateReply, Upsert, UpsertReply,
    UpsertResult,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    Id, JsonValue, List, Object, Vector,
    id::StoredId,
    include_from, milliseconds,
    user_schema::{FilterSchema, MetadataSchema},
};

/// Documents to insert or replace, all or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpsertRequest, example = json!({"documents": [
    {"id": "film-1", "text": "A boat on a lake", "metadata": {"year": 1999, "lang": "en"}},
    {"id": 2, "text": "Rain on the sea", "metadata": {"year": 1936, "lang": "fr"}}
]}))]
pub(crate) struct UpsertBody {
    /// At least one, at most `batch_documents` (10,000), without a repeated id.
    #[schema(value_type = Vec<NewDocumentBody>, min_items = 1, max_items = 10_000)]
    documents: List<Object<NewDocumentBody>>,
    /// `upsert` (default) inserts and replaces. `create` only inserts: a document that is there is
    /// `document_exists`. `update` only replaces: one that is not there is `document_not_found`.
    #[schema(schema_with = super::schema::write_mode)]
    mode: Option<String>,
}

/// A document to store: with a text, a vector, or both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDocument)]
pub(crate) struct NewDocumentBody {
    /// Made as a UUIDv7 where absent.
    id: Option<Id>,
    /// Embedded where no vector is given.
    #[schema(min_length = 1, pattern = "\\S")]
    text: Option<String>,
    /// The caller's own vector, as many numbers as the collection's dimension. Where the collection
    /// has a model, it must be that model's: the node can not tell.
    #[schema(value_type = Option<Vec<f32>>, min_items = 1, max_items = 16_384)]
    vector: Option<Vector>,
    /// What filters can ask for.
    #[schema(value_type = Option<MetadataSchema>)]
    metadata: Option<JsonValue>,
    /// The `seq` of the version that it must replace; another one is `condition_failed`.
    #[schema(minimum = 1)]
    if_seq: Option<u64>,
}

impl UpsertBody {
    /// The service's request.
    ///
    /// # Errors
    /// `malformed_request` for metadata that are no sound JSON, `invalid_argument` for an unknown mode.
    pub(crate) fn into_request(self, idempotency_key: Option<String>) -> Result<Upsert, Error> {
        let mode = self.mode.as_deref().map(str::parse).transpose()?.unwrap_or_default();
        let mut faults = Vec::new();
        let documents = self.documents.0.into_iter().enumerate();
        let documents = documents.filter_map(|(index, Object(document))| {
            let document = document.into_document(&format!("documents[{index}]."));
            document.map_err(|fault| faults.push(fault)).ok()
        });
        let documents = documents.collect();
        match Error::collect(faults) {
            Some(error) => Err(error),
            None => Ok(Upsert { documents, idempotency_key, mode }),
        }
    }
}

impl NewDocumentBody {
    /// The service's document; `prefix` stands before the fields of errors.
    ///
    /// # Errors
    /// `malformed_request` for metadata that are no sound JSON.
    pub(crate) fn into_document(self, prefix: &str) -> Result<NewDocument, Error> {
        let metadata = self.metadata.map(|given| given.object_at(&format!("{prefix}metadata")));
        Ok(NewDocument {
            id: self.id.map(|id| id.0),
            text: self.text,
            vector: self.vector.map(|vector| vector.0),
            metadata: metadata.transpose()?,
            if_seq: self.if_seq,
        })
    }
}

/// What an upsert did.
#[derive(Serialize, ToSchema)]
#[schema(as = UpsertReply, example = json!({
    "results": [
        {"id": "film-1", "status": "created", "seq": 1, "tokens": 7, "truncated": false,
            "unknown_tokens": 0},
        {"id": 2, "status": "updated", "seq": 2}
    ],
    "took_ms": 8.25
}))]
pub(crate) struct UpsertAnswer {
    /// One result a document, in the order of the request.
    results: Vec<UpsertResultAnswer>,
    /// From admission to reply.
    took_ms: f64,
}

/// What an upsert did with one document.
#[derive(Serialize, ToSchema)]
#[schema(as = UpsertResult)]
pub(crate) struct UpsertResultAnswer {
    id: StoredId,
    /// `created` or `updated`.
    #[schema(schema_with = super::schema::upsert_status)]
    status: &'static str,
    /// The number of this version of the document within its collection, for `if_seq`.
    seq: u64,
    /// Tokens that were read of the text, where it was embedded; of all its passages together.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<u32>,
    /// Whether the text was longer than the model's window, where it was embedded.
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<bool>,
    /// Tokens of the text that stand for something the model does not know. Absent where it was not
    /// embedded, or its vector is known from before these were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_tokens: Option<u32>,
    /// How many passages the text was cut into, where the collection cuts texts and this one was
    /// embedded.
    #[serde(skip_serializing_if = "Option::is_none")]
    passages: Option<u32>,
}

impl From<UpsertResult> for UpsertResultAnswer {
    fn from(result: UpsertResult) -> Self {
        Self {
            id: StoredId(result.id),
            status: result.status.as_str(),
            seq: result.seq.0,
            tokens: result.tokens,
            truncated: result.truncated,
            unknown_tokens: result.unknown_tokens,
            passages: result.passages,
        }
    }
}

impl From<UpsertReply> for UpsertAnswer {
    fn from(reply: UpsertReply) -> Self {
        Self {
            results: reply.results.into_iter().map(Into::into).collect(),
            took_ms: milliseconds(reply.took),
        }
    }
}

/// A stored document. Parts that were not asked for are absent.
#[derive(Serialize, ToSchema)]
#[schema(as = Document, example = json!({
    "id": "film-1", "text": "A boat on a lake", "metadata": {"year": 1999}, "seq": 1
}))]
pub(crate) struct DocumentAnswer {
    id: StoredId,
    /// `null` where the document has no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    text: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    metadata: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<f32>, required = false)]
    vector: Option<Vec<f32>>,
    /// In place of `vector` where the text was cut into passages: these, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    passages: Vec<PassageAnswer>,
    /// The number of this version of the document within its collection.
    seq: u64,
}

impl DocumentAnswer {
    /// The document with the parts that were asked for.
    pub(crate) fn new(document: Document, include: Include) -> Self {
        Self {
            id: StoredId(document.id),
            text: include.text.then_some(document.text),
            metadata: include.metadata.then(|| document.metadata.into_object()),
            vector: document.vector.filter(|_| include.vector),
            passages: passages(document.passages, include),
            seq: document.seq.0,
        }
    }
}

/// A passage of a document's text. Characters are Unicode code points: `text[start:end]` in Python.
#[derive(Serialize, ToSchema)]
#[schema(as = Passage)]
pub(super) struct PassageAnswer {
    /// Its first character in the document's text.
    start: usize,
    /// The character after its last one.
    end: usize,
    pub(super) vector: Vec<f32>,
}

pub(super) fn passages(passages: Vec<Passage>, include: Include) -> Vec<PassageAnswer> {
    let passages = passages.into_iter().filter(|_| include.vector);
    let answer = |Passage { characters, vector }| PassageAnswer {
        start: characters.start,
        end: characters.end,
        vector,
    };
    passages.map(answer).collect()
}

/// Names documents by ids or by a filter, and the parts of them to return.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GetRequest, example = json!({"ids": ["film-1", 2], "include": ["text", "vector"]}))]
pub(crate) struct GetBody {
    /// Ids; those that are not stored are left out of the reply.
    #[schema(value_type = Option<Vec<Id>>, max_items = 10_000)]
    ids: Option<List<Id>>,
    /// A filter on the metadata.
    #[schema(value_type = Option<FilterSchema>)]
    filter: Option<JsonValue>,
    /// With a filter: documents a page, `result_window` (10,000) where absent.
    #[schema(minimum = 1, maximum = 10_000)]
    limit: Option<u64>,
    /// With a filter: the `next_cursor` of the page before.
    cursor: Option<String>,
    /// Some of `text`, `metadata` and `vector`; `["text", "metadata"]` where absent.
    #[schema(schema_with = super::schema::include)]
    include: Option<List<String>>,
}

impl GetBody {
    /// The service's request.
    ///
    /// # Errors
    /// `invalid_argument` for an unknown part, `malformed_request` for a filter that is no sound JSON.
    pub(crate) fn into_request(self) -> Result<GetDocuments, Error> {
        Ok(GetDocuments {
            include: include_of(self.include.as_ref(), "include")?,
            ids: ids_of(self.ids),
            filter: filter_of(self.filter)?,
            limit: self.limit,
            cursor: self.cursor,
        })
    }
}

/// Names documents to delete: exactly one of `ids`, `filter` and `all`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeleteRequest, example = json!({"filter": {"year": {"$lt": 1950}}}))]
pub(crate) struct DeleteBody {
    #[schema(value_type = Option<Vec<Id>>, max_items = 10_000)]
    ids: Option<List<Id>>,
    /// A filter on the metadata. One that is empty is refused without `"all": true` beside it.
    #[schema(value_type = Option<FilterSchema>)]
    filter: Option<JsonValue>,
    /// Whether all documents are meant.
    all: Option<bool>,
}

impl DeleteBody {
    /// The service's request.
    ///
    /// # Errors
    /// `malformed_request` for a filter that is no sound JSON.
    pub(crate) fn into_request(self) -> Result<DeleteDocuments, Error> {
        let filter = filter_of(self.filter)?;
        Ok(DeleteDocuments { ids: ids_of(self.ids), filter, all: self.all.unwrap_or(false) })
    }
}

fn ids_of(ids: Option<List<Id>>) -> Option<Vec<GivenId>> {
    ids.map(|ids| ids.0.into_iter().map(|id| id.0).collect())
}

/// Reads the field `filter` of a body.
fn filter_of(filter: Option<JsonValue>) -> Result<Option<Value>, Error> {
    filter.map(|filter| filter.at("filter")).transpose()
}

/// Reads the field `include` of a body.
pub(super) fn include_of(names: Option<&List<String>>, field: &str) -> Result<Include, Error> {
    include_from(names.map(|names| names.0.iter().map(String::as_str)), field)
}

/// How many documents were deleted.
#[derive(Serialize, ToSchema)]
#[schema(as = DeleteReply, example = json!({"deleted": 1}))]
pub(crate) struct DeleteAnswer {
    deleted: u64,
    /// Fields of the filter that no document had; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    unknown_fields: Vec<String>,
}

impl DeleteAnswer {
    /// One document is gone.
    pub(crate) const ONE: Self = Self { deleted: 1, unknown_fields: Vec::new() };
}

impl From<DeleteReply> for DeleteAnswer {
    fn from(DeleteReply { deleted, unknown_fields }: DeleteReply) -> Self {
        Self { deleted, unknown_fields }
    }
}

/// Documents.
#[derive(Serialize, ToSchema)]
#[schema(as = DocumentList)]
pub(crate) struct DocumentListAnswer {
    /// In the order of the ids, or of their creation where a filter was given.
    documents: Vec<DocumentAnswer>,
    /// Documents that are stored and damaged, and therefore not served; absent where there are
    /// none. Which filter they match is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    damaged: Vec<DamagedAnswer>,
    /// With a filter: where the next page starts; absent after the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Fields of the filter that no document has; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    unknown_fields: Vec<String>,
}

impl DocumentListAnswer {
    /// The documents with the parts that were asked for.
    pub(crate) fn new(reply: ScrollReply, include: Include) -> Self {
        Self {
            documents: answers(reply.documents, include),
            damaged: damaged(reply.damaged),
            next_cursor: reply.next_cursor,
            unknown_fields: reply.unknown_fields,
        }
    }

    /// How many numbers the answer carries.
    pub(crate) fn numbers(&self) -> usize {
        numbers(&self.documents)
    }
}

/// A stored document that is damaged. At least one of both is known.
#[derive(Serialize, ToSchema)]
#[schema(as = DamagedDocument, example = json!({"id": "film-1", "seq": 1}))]
pub(super) struct DamagedAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<StoredId>,
    /// The number of the version that is damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
}

pub(super) fn damaged(documents: Vec<DamagedDocument>) -> Vec<DamagedAnswer> {
    let documents = documents.into_iter();
    documents
        .map(|DamagedDocument { id, seq }| DamagedAnswer {
            id: id.map(StoredId),
            seq: seq.map(|seq| seq.0),
        })
        .collect()
}

fn answers(documents: Vec<Document>, include: Include) -> Vec<DocumentAnswer> {
    let documents = documents.into_iter();
    documents.map(|document| DocumentAnswer::new(document, include)).collect()
}

fn numbers(documents: &[DocumentAnswer]) -> usize {
    let passages = documents.iter().flat_map(|document| &document.passages);
    let passages = passages.map(|passage| passage.vector.len()).sum::<usize>();
    documents.iter().flat_map(|document| &document.vector).map(Vec::len).sum::<usize>() + passages
}

/// Which documents to count.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CountRequest, example = json!({"filter": {"lang": "en"}}))]
pub(crate) struct CountBody {
    /// A filter on the metadata; all documents where absent.
    #[schema(value_type = Option<FilterSchema>)]
    filter: Option<JsonValue>,
}

impl CountBody {
    /// The filter.
    ///
    /// # Errors
    /// `malformed_request` where it is no sound JSON.
    pub(crate) fn into_filter(self) -> Result<Option<Value>, Error> {
        filter_of(self.filter)
    }
}

/// How many documents there are.
#[derive(Serialize, ToSchema)]
#[schema(as = CountReply, example = json!({"count": 42}))]
pub(crate) struct CountAnswer {
    count: u64,
    /// Fields of the filter that no document has; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    unknown_fields: Vec<String>,
}

impl From<CountReply> for CountAnswer {
    fn from(CountReply { count, unknown_fields }: CountReply) -> Self {
        Self { count, unknown_fields }
    }
}

/// Asks for documents page by page.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScrollRequest, example = json!({"limit": 100}))]
pub(crate) struct ScrollBody {
    /// A filter on the metadata; all documents where absent.
    #[schema(value_type = Option<FilterSchema>)]
    filter: Option<JsonValue>,
    /// Documents a page, 100 where absent, at most `result_window` (10,000).
    #[schema(minimum = 1, maximum = 10_000)]
    limit: Option<u64>,
    /// The `next_cursor` of the page before; the first page where absent.
    cursor: Option<String>,
    /// Some of `text`, `metadata` and `vector`; `["text", "metadata"]` where absent.
    #[schema(schema_with = super::schema::include)]
    include: Option<List<String>>,
}

impl ScrollBody {
    /// The service's request.
    ///
    /// # Errors
    /// `invalid_argument` for an unknown part.
    pub(crate) fn into_request(self) -> Result<Scroll, Error> {
        Ok(Scroll {
            include: include_of(self.include.as_ref(), "include")?,
            filter: filter_of(self.filter)?,
            limit: self.limit,
            cursor: self.cursor,
        })
    }
}

/// One page of documents.
#[derive(Serialize, ToSchema)]
#[schema(as = ScrollReply)]
pub(crate) struct ScrollAnswer {
    /// In the order of their creation.
    documents: Vec<DocumentAnswer>,
    /// Documents that have their place on this page and are damaged, and therefore not served;
    /// absent where there are none. Which filter they match is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    damaged: Vec<DamagedAnswer>,
    /// Where the next page starts; absent after the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Fields of the filter that no document has; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    unknown_fields: Vec<String>,
}

impl ScrollAnswer {
    /// The page with the parts that were asked for.
    pub(crate) fn new(reply: ScrollReply, include: Include) -> Self {
        Self {
            documents: answers(reply.documents, include),
            damaged: damaged(reply.damaged),
            next_cursor: reply.next_cursor,
            unknown_fields: reply.unknown_fields,
        }
    }

    /// How many numbers the answer carries.
    pub(crate) fn numbers(&self) -> usize {
        numbers(&self.documents)
    }
}

/// A change of one document: at least one of `text`, `vector` and `metadata`. What is absent stays as
/// it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PatchDocument, example = json!({"metadata": {"year": 2000, "draft": null}}))]
pub(crate) struct PatchDocumentBody {
    /// Another text, embedded where the collection has a model and no vector is given.
    #[schema(min_length = 1, pattern = "\\S")]
    text: Option<String>,
    /// Another vector.
    #[schema(value_type = Option<Vec<f32>>, min_items = 1, max_items = 16_384)]
    vector: Option<Vector>,
    /// A merge patch (RFC 7396): `null` removes a key, objects merge, all else replaces.
    #[schema(value_type = Option<MetadataSchema>)]
    metadata: Option<JsonValue>,
    /// The `seq` that the document must have, as `If-Match`; another one is `condition_failed`.
    #[schema(minimum = 1)]
    if_seq: Option<u64>,
}

impl PatchDocumentBody {
    /// The service's request.
    ///
    /// # Errors
    /// `malformed_request` for metadata that are no sound JSON.
    pub(crate) fn into_request(self) -> Result<PatchDocument, Error> {
        let metadata = self.metadata.map(|metadata| metadata.object_at("metadata"));
        Ok(PatchDocument {
            text: self.text,
            vector: self.vector.map(|vector| vector.0),
            metadata: metadata.transpose()?,
            if_seq: self.if_seq,
        })
    }
}

/// A change of the metadata of many documents: exactly one of `filter` and `all`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateRequest, example = json!({
    "filter": {"year": {"$lt": 1950}}, "metadata": {"era": "classic"}
}))]
pub(crate) struct UpdateBody {
    /// A filter on the metadata. One that is empty is refused without `"all": true` beside it.
    #[schema(value_type = Option<FilterSchema>)]
    filter: Option<JsonValue>,
    /// Whether all documents are meant.
    all: Option<bool>,
    /// A merge patch (RFC 7396): `null` removes a key, objects merge, all else replaces.
    #[schema(value_type = MetadataSchema)]
    metadata: JsonValue,
}

impl UpdateBody {
    /// The service's request.
    ///
    /// # Errors
    /// `malformed_request` for a filter or metadata that are no sound JSON.
    pub(crate) fn into_request(self) -> Result<UpdateDocuments, Error> {
        Ok(UpdateDocuments {
            filter: filter_of(self.filter)?,
            all: self.all.unwrap_or(false),
            metadata: self.metadata.object_at("metadata")?,
        })
    }
}

/// How many documents were changed.
#[derive(Serialize, ToSchema)]
#[schema(as = UpdateReply, example = json!({"updated": 1}))]
pub(crate) struct UpdateAnswer {
    /// Those that were so already do not count.
    updated: u64,
    /// Fields of the filter that no document had; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    unknown_fields: Vec<String>,
}

impl From<UpdateReply> for UpdateAnswer {
    fn from(UpdateReply { updated, unknown_fields }: UpdateReply) -> Self {
        Self { updated, unknown_fields }
    }
}
