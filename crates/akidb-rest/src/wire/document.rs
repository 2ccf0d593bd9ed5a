//! Documents that are stored: get, list, scroll, count and delete.

use std::collections::BTreeMap;

use akidb_core::{DamagedDocument, Document, Error, Passage, Timestamp};
use akidb_service::{
    CountReply, DeleteDocuments, DeleteReply, GetDocuments, GivenId, Include, Scroll, ScrollReply,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    Id, JsonValue, List, Object,
    field::FieldParts,
    id::StoredId,
    include_from,
    order::{OrderBody, order_of},
    user_schema::FilterSchema,
};

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
    /// From when on it is there no more, beside `metadata`; absent where it stays until it is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<f32>, required = false)]
    vector: Option<Vec<f32>>,
    /// In place of `vector` where the text was cut into passages: these, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    passages: Vec<PassageAnswer>,
    /// Texts that it has in named vector fields, by the field's name; absent where there are none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    texts: BTreeMap<String, String>,
    /// Vectors that it has in named vector fields, by the field's name; absent where there are none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    vectors: BTreeMap<String, Vec<f32>>,
    /// In place of one of `vectors` where the text in that field was cut into passages.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    field_passages: BTreeMap<String, Vec<PassageAnswer>>,
    /// The number of this version of the document within its collection.
    seq: u64,
}

impl DocumentAnswer {
    /// The document with the parts that were asked for.
    pub(crate) fn new(document: Document, include: Include) -> Self {
        let named = FieldParts::new(document.fields, include);
        Self {
            id: StoredId(document.id),
            text: include.text.then_some(document.text),
            metadata: include.metadata.then(|| document.metadata.into_object()),
            expires_at: expires_at(document.expires_at, include),
            vector: document.vector.filter(|_| include.vector),
            passages: passages(document.passages, include),
            texts: named.texts,
            vectors: named.vectors,
            field_passages: named.passages,
            seq: document.seq.0,
        }
    }
}

/// The moment at which a document expires, which comes with its metadata.
pub(super) fn expires_at(moment: Option<Timestamp>, include: Include) -> Option<String> {
    moment.filter(|_| include.metadata).map(|moment| moment.to_string())
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
    /// With a filter: the order of the documents, that of their creation where absent.
    #[schema(value_type = Option<OrderBody>)]
    order_by: Option<Object<OrderBody>>,
    /// Some of `text`, `metadata` and `vector`; `["text", "metadata"]` where absent.
    #[schema(schema_with = super::schema::include)]
    include: Option<List<String>>,
}

impl GetBody {
    /// The service's request.
    ///
    /// # Errors
    /// `invalid_argument` for an unknown part or direction, `malformed_request` for a filter that is no
    /// sound JSON.
    pub(crate) fn into_request(self) -> Result<GetDocuments, Error> {
        Ok(GetDocuments {
            include: include_of(self.include.as_ref(), "include")?,
            ids: ids_of(self.ids),
            filter: filter_of(self.filter)?,
            limit: self.limit,
            cursor: self.cursor,
            order_by: order_of(self.order_by)?,
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
pub(super) fn filter_of(filter: Option<JsonValue>) -> Result<Option<Value>, Error> {
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
    /// In the order of the ids; where a filter was given, of their creation or as `order_by` says.
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
    let named = documents.iter().map(|it| FieldParts::numbers(&it.vectors, &it.field_passages));
    let passages = passages + named.sum::<usize>();
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
    /// The order of the documents, that of their creation where absent.
    #[schema(value_type = Option<OrderBody>)]
    order_by: Option<Object<OrderBody>>,
    /// Some of `text`, `metadata` and `vector`; `["text", "metadata"]` where absent.
    #[schema(schema_with = super::schema::include)]
    include: Option<List<String>>,
}

impl ScrollBody {
    /// The service's request.
    ///
    /// # Errors
    /// `invalid_argument` for an unknown part or direction.
    pub(crate) fn into_request(self) -> Result<Scroll, Error> {
        Ok(Scroll {
            include: include_of(self.include.as_ref(), "include")?,
            filter: filter_of(self.filter)?,
            limit: self.limit,
            cursor: self.cursor,
            order_by: order_of(self.order_by)?,
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
