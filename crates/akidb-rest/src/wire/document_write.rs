//! Writes of documents: upserts, and changes of one document or of many.

use akidb_core::{Error, Expiry};
use akidb_service::{
    NewDocument, PatchDocument, UpdateDocuments, UpdateReply, Upsert, UpsertReply, UpsertResult,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Id, JsonValue, List, Named, Object, Vector,
    document::filter_of,
    id::StoredId,
    milliseconds, nullable,
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

/// A document to store: with a text, a vector, or both. In a collection with named vector fields it
/// may have some of them, or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDocument)]
pub(crate) struct NewDocumentBody {
    /// Made as a UUIDv7 where absent.
    id: Option<Id>,
    /// Embedded where no vector is given.
    #[schema(min_length = 1, pattern = "\\S")]
    text: Option<String>,
    /// The caller's own vector, as many numbers as the collection's dimension, or `base64:` and the
    /// base64 of them as little-endian 32-bit floats. Where the collection
    /// has a model, it must be that model's: the node can not tell.
    #[schema(schema_with = super::schema::vector)]
    vector: Option<Vector>,
    /// Texts of named vector fields, by the field's name. Embedded where there is no vector for it.
    #[serde(default)]
    #[schema(value_type = Option<HashMap<String, String>>)]
    texts: Named<String>,
    /// The caller's own vectors of named vector fields, by the field's name.
    #[serde(default)]
    #[schema(schema_with = super::schema::vectors)]
    vectors: Named<Vector>,
    /// What filters can ask for.
    #[schema(value_type = Option<MetadataSchema>)]
    metadata: Option<JsonValue>,
    /// The `seq` of the version that it must replace; another one is `condition_failed`.
    #[schema(minimum = 1)]
    if_seq: Option<u64>,
    /// From when on it is there no more: a date, or `never` as `null`. Where absent, `ttl_seconds` of the
    /// collection after this write. A moment that has passed is taken, and the document is gone at once.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(schema_with = super::schema::expires_at)]
    expires_at: Option<Option<String>>,
}

/// What a `null` says.
fn or_never(given: Option<Option<String>>) -> Option<String> {
    given.map(|given| given.unwrap_or_else(|| Expiry::NEVER.to_owned()))
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
            texts: self.texts.0,
            vectors: self.vectors.0.into_iter().map(|(name, it)| (name, it.0)).collect(),
            metadata: metadata.transpose()?,
            if_seq: self.if_seq,
            expires_at: or_never(self.expires_at),
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
    /// Tokens that were read of the texts that were embedded, of all fields and passages together.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<u32>,
    /// Whether a text was longer than its model's window, where one was embedded.
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<bool>,
    /// Tokens of these texts that stand for something their model does not know. Absent where none was
    /// embedded, or the vectors are known from before these were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_tokens: Option<u32>,
    /// How many passages these texts were cut into, where fields cut them.
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

/// A change of one document: at least one of `text`, `vector`, `texts`, `vectors`, `metadata` and
/// `expires_at`. What is absent stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PatchDocument, example = json!({"metadata": {"year": 2000, "draft": null}}))]
pub(crate) struct PatchDocumentBody {
    /// Another text, embedded where the collection has a model and no vector is given.
    #[schema(min_length = 1, pattern = "\\S")]
    text: Option<String>,
    /// Another vector.
    #[schema(schema_with = super::schema::vector)]
    vector: Option<Vector>,
    /// Other texts of named vector fields, by the field's name. `null` leaves nothing in the field.
    #[serde(default)]
    #[schema(value_type = Option<HashMap<String, Option<String>>>)]
    texts: Named<Option<String>>,
    /// Other vectors of named vector fields, by the field's name. `null` leaves nothing in the field.
    #[serde(default)]
    #[schema(schema_with = super::schema::vectors)]
    vectors: Named<Option<Vector>>,
    /// A merge patch (RFC 7396): `null` removes a key, objects merge, all else replaces.
    #[schema(value_type = Option<MetadataSchema>)]
    metadata: Option<JsonValue>,
    /// The `seq` that the document must have, as `If-Match`; another one is `condition_failed`.
    #[schema(minimum = 1)]
    if_seq: Option<u64>,
    /// From when on it is there no more: a date, or `never` as `null`.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(schema_with = super::schema::expires_at)]
    expires_at: Option<Option<String>>,
}

impl PatchDocumentBody {
    /// The service's request.
    ///
    /// # Errors
    /// `malformed_request` for metadata that are no sound JSON.
    pub(crate) fn into_request(self) -> Result<PatchDocument, Error> {
        let metadata = self.metadata.map(|metadata| metadata.object_at("metadata"));
        let mut emptied_fields = Vec::new();
        let mut texts = Vec::new();
        let mut vectors = Vec::new();
        for (name, text) in self.texts.0 {
            match text {
                Some(text) => texts.push((name, text)),
                None => emptied_fields.push(name),
            }
        }
        for (name, vector) in self.vectors.0 {
            match vector {
                Some(Vector(vector)) => vectors.push((name, vector)),
                None => emptied_fields.push(name),
            }
        }
        Ok(PatchDocument {
            text: self.text,
            vector: self.vector.map(|vector| vector.0),
            texts,
            vectors,
            emptied_fields,
            metadata: metadata.transpose()?,
            if_seq: self.if_seq,
            expires_at: or_never(self.expires_at),
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
