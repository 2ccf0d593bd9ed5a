//! Writes of documents: upserts, and changes of one document or of many.

use akidb_core::Error;
use akidb_service::{
    NewDocument, PatchDocument, UpdateDocuments, UpdateReply, Upsert, UpsertReply, UpsertResult,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Id, JsonValue, List, Object, Vector,
    document::filter_of,
    id::StoredId,
    milliseconds,
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
