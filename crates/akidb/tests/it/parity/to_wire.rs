//! From a request in REST's words to the messages of gRPC.
//!
//! Everything here answers `None` for what the messages can not say: a wrong type, a field that
//! there is not, two of a one-of. Such a request is REST's alone.

use std::collections::BTreeMap;

use akidb_core::{DateInterval, Direction, FusionKind, Metric, SearchMode, WriteMode};
use akidb_proto::{
    admin::v1 as admin_wire,
    collection::v1::{self as wire, document_id, search::Query, value::Kind},
    embedding::v1 as embedding_wire,
};
use serde_json::{Map, Value};

use super::request::{NAN, Operation, Request};

/// A number that no enumeration has.
const UNKNOWN: i32 = 99;

/// A message, by the method it is for.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub(crate) enum Message {
    CreateCollection(wire::CreateCollectionRequest),
    PutCollection(wire::PutCollectionRequest),
    ListCollections(wire::ListCollectionsRequest),
    GetCollection(wire::GetCollectionRequest),
    UpdateCollection(wire::UpdateCollectionRequest),
    ListAliases(wire::ListAliasesRequest),
    ChangeAliases(wire::ChangeAliasesRequest),
    CopyCollection(wire::CopyCollectionRequest),
    Reembed(wire::ReembedCollectionRequest),
    DropPrevious(wire::DropPreviousRequest),
    ListTasks(wire::ListTasksRequest),
    GetTask(wire::GetTaskRequest),
    CancelTask(wire::CancelTaskRequest),
    CreateBackup(admin_wire::CreateBackupRequest),
    ListBackups(admin_wire::ListBackupsRequest),
    GetBackup(admin_wire::GetBackupRequest),
    DeleteBackup(admin_wire::DeleteBackupRequest),
    PutField(wire::PutFieldRequest),
    DropField(wire::DropFieldRequest),
    DeleteCollection(wire::DeleteCollectionRequest),
    Upsert(wire::UpsertDocumentsRequest),
    GetDocument(wire::GetDocumentRequest),
    GetDocuments(wire::GetDocumentsRequest),
    PatchMetadata(wire::PatchMetadataRequest),
    UpdateDocuments(wire::UpdateDocumentsRequest),
    DeleteDocument(wire::DeleteDocumentRequest),
    DeleteDocuments(wire::DeleteDocumentsRequest),
    Count(wire::CountDocumentsRequest),
    Facets(wire::FacetsRequest),
    Scroll(wire::ScrollDocumentsRequest),
    Search(wire::SearchRequest),
    SearchBatch(wire::SearchBatchRequest),
    Embed(embedding_wire::EmbedRequest),
    Rerank(embedding_wire::RerankRequest),
}

/// The message of a request.
pub(crate) fn read(request: &Request) -> Option<Message> {
    let collection = request.collection.clone();
    let mut body = Fields::of(&request.body)?;
    let message = match request.operation {
        Operation::CreateCollection => Message::CreateCollection(create_collection(&mut body)?),
        Operation::PutCollection => {
            // REST has the name in the path.
            if body.0.insert("name".to_owned(), collection.into()).is_some() {
                return None;
            }
            let collection = Some(create_collection(&mut body)?);
            Message::PutCollection(wire::PutCollectionRequest { collection })
        }
        Operation::ListCollections => Message::ListCollections(wire::ListCollectionsRequest {}),
        Operation::DescribeCollection => {
            Message::GetCollection(wire::GetCollectionRequest { name: collection })
        }
        Operation::UpdateCollection => {
            // REST's null removes; here the empty text and 0 do.
            let description = match body.0.shift_remove("description") {
                None => None,
                Some(Value::Null) => Some(String::new()),
                Some(description) => Some(text(&description)?),
            };
            Message::UpdateCollection(wire::UpdateCollectionRequest {
                name: collection,
                description,
                index: body.optional("index", index_settings)?,
                new_name: body.optional("name", text)?,
                ttl_seconds: match body.0.shift_remove("ttl_seconds") {
                    None => None,
                    Some(Value::Null) => Some(0),
                    Some(seconds) => Some(seconds.as_u64()?),
                },
                fields: body.optional("fields", |it| named(it, field_change))?.unwrap_or_default(),
            })
        }
        Operation::ListAliases => Message::ListAliases(wire::ListAliasesRequest {
            collection: (!collection.is_empty()).then_some(collection),
        }),
        Operation::ChangeAliases => Message::ChangeAliases(wire::ChangeAliasesRequest {
            actions: body.required("actions", |value| each(value, alias_action))?,
        }),
        Operation::CopyCollection => Message::CopyCollection(wire::CopyCollectionRequest {
            collection,
            to: body.required("to", text)?,
        }),
        Operation::Reembed => Message::Reembed(wire::ReembedCollectionRequest {
            collection,
            model: body.required("model", text)?,
            field: body.optional("field", text)?,
        }),
        Operation::DropPrevious => Message::DropPrevious(wire::DropPreviousRequest {
            collection,
            field: body.optional("field", text)?,
        }),
        Operation::ListTasks => Message::ListTasks(wire::ListTasksRequest {}),
        Operation::GetTask => {
            Message::GetTask(wire::GetTaskRequest { id: body.required("id", text)? })
        }
        Operation::CreateBackup => Message::CreateBackup(admin_wire::CreateBackupRequest {}),
        Operation::ListBackups => Message::ListBackups(admin_wire::ListBackupsRequest {}),
        Operation::GetBackup => {
            Message::GetBackup(admin_wire::GetBackupRequest { id: body.required("id", text)? })
        }
        Operation::DeleteBackup => Message::DeleteBackup(admin_wire::DeleteBackupRequest {
            id: body.required("id", text)?,
        }),
        Operation::CancelTask => {
            Message::CancelTask(wire::CancelTaskRequest { id: body.required("id", text)? })
        }
        Operation::PutField => {
            let field = body.required("field", text)?;
            let settings = Some(field_settings(&mut body)?);
            Message::PutField(wire::PutFieldRequest { collection, field, settings })
        }
        Operation::DropField => {
            let field = body.required("field", text)?;
            Message::DropField(wire::DropFieldRequest { collection, field })
        }
        Operation::DeleteCollection => {
            Message::DeleteCollection(wire::DeleteCollectionRequest { name: collection })
        }
        Operation::Upsert => Message::Upsert(wire::UpsertDocumentsRequest {
            collection,
            documents: body.required("documents", |value| each(value, new_document))?,
            idempotency_key: body.optional("idempotency_key", text)?,
            mode: body.optional("mode", write_mode)?.unwrap_or_default(),
        }),
        Operation::GetDocument => Message::GetDocument(wire::GetDocumentRequest {
            collection,
            id: Some(body.required("id", id)?),
            include: body.optional("include", include)?,
        }),
        Operation::GetDocuments => {
            use wire::get_documents_request::Selection;
            let selection = one_of(
                body.optional("ids", ids)?.map(Selection::Ids),
                body.optional("filter", object)?.map(Selection::Filter),
            )?;
            Message::GetDocuments(wire::GetDocumentsRequest {
                collection,
                selection,
                include: body.optional("include", include)?,
                limit: body.optional("limit", Value::as_u64)?,
                cursor: body.optional("cursor", text)?,
                order_by: body.optional("order_by", order_by)?,
            })
        }
        Operation::PatchMetadata => Message::PatchMetadata(wire::PatchMetadataRequest {
            collection,
            id: Some(body.required("id", id)?),
            metadata: body.optional("metadata", object)?,
            text: body.optional("text", text)?,
            vector: body.optional("vector", vector)?,
            if_seq: body.optional("if_seq", Value::as_u64)?,
            expires_at: expires_at(&mut body)?,
            emptied_fields: emptied_fields(&mut body),
            texts: body.optional("texts", |it| named(it, text))?.unwrap_or_default(),
            vectors: body.optional("vectors", |it| named(it, vector))?.unwrap_or_default(),
        }),
        Operation::UpdateDocuments => Message::UpdateDocuments(wire::UpdateDocumentsRequest {
            collection,
            filter: body.optional("filter", object)?,
            all: body.optional("all", Value::as_bool)?.unwrap_or_default(),
            metadata: Some(body.required("metadata", object)?),
        }),
        Operation::DeleteDocument => Message::DeleteDocument(wire::DeleteDocumentRequest {
            collection,
            id: Some(body.required("id", id)?),
            if_seq: body.optional("if_seq", Value::as_u64)?,
        }),
        Operation::DeleteDocuments => {
            use wire::delete_documents_request::Selection;
            let selection = one_of(
                body.optional("ids", ids)?.map(Selection::Ids),
                body.optional("filter", object)?.map(Selection::Filter),
            )?;
            let all = body.optional("all", Value::as_bool)?.unwrap_or_default();
            Message::DeleteDocuments(wire::DeleteDocumentsRequest { collection, selection, all })
        }
        Operation::Count => Message::Count(wire::CountDocumentsRequest {
            collection,
            filter: body.optional("filter", object)?,
        }),
        Operation::Facets => Message::Facets(wire::FacetsRequest {
            collection,
            filter: body.optional("filter", object)?,
            facets: body.required("facets", |value| each(value, facet))?,
        }),
        Operation::Scroll => Message::Scroll(wire::ScrollDocumentsRequest {
            collection,
            filter: body.optional("filter", object)?,
            limit: body.optional("limit", Value::as_u64)?,
            cursor: body.optional("cursor", text)?,
            include: body.optional("include", include)?,
            order_by: body.optional("order_by", order_by)?,
        }),
        Operation::Search => {
            let search = Some(search_of(&mut body)?);
            Message::Search(wire::SearchRequest { collection, search })
        }
        Operation::SearchBatch => Message::SearchBatch(wire::SearchBatchRequest {
            collection,
            searches: body.required("searches", |value| each(value, search))?,
        }),
        Operation::Embed => Message::Embed(embed(&mut body)?),
        Operation::Rerank => Message::Rerank(rerank(&mut body)?),
    };
    body.end()?;
    Some(message)
}

/// The members of an object, each to be taken.
struct Fields(Map<String, Value>);

impl Fields {
    fn of(value: &Value) -> Option<Self> {
        value.as_object().cloned().map(Self)
    }

    /// Absent and null are the same, as in REST.
    fn optional<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.0.shift_remove(key) {
            None | Some(Value::Null) => Some(None),
            Some(value) => read(&value).map(Some),
        }
    }

    fn required<T>(&mut self, key: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        self.optional(key, read)?
    }

    /// Nothing may be left.
    fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

fn one_of<T>(first: Option<T>, second: Option<T>) -> Option<Option<T>> {
    match (first, second) {
        (Some(_), Some(_)) => None,
        (first, second) => Some(first.or(second)),
    }
}

fn each<T>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(read).collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn number(value: &Value) -> Option<f64> {
    if value == NAN { Some(f64::NAN) } else { value.as_f64() }
}

#[expect(clippy::cast_possible_truncation, reason = "beyond the range is infinite, as meant")]
fn vector(value: &Value) -> Option<wire::Vector> {
    let values = each(value, |value| number(value).map(|value| value as f32))?;
    Some(wire::Vector { values, ..Default::default() })
}

fn named<T>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<BTreeMap<String, T>> {
    let members = value.as_object()?.iter();
    members.map(|(name, value)| Some((name.clone(), read(value)?))).collect()
}

/// REST's null leaves nothing in a field; here its name stands in a list.
fn emptied_fields(body: &mut Fields) -> Vec<String> {
    let mut emptied = Vec::new();
    for list in ["texts", "vectors"] {
        let Some(members) = body.0.get_mut(list).and_then(Value::as_object_mut) else { continue };
        emptied.extend(members.iter().filter(|(_, it)| it.is_null()).map(|(name, _)| name.clone()));
        members.retain(|_, it| !it.is_null());
    }
    emptied
}

/// A vector field, whose members are all of those that are left.
fn field_settings(body: &mut Fields) -> Option<wire::FieldSettings> {
    Some(wire::FieldSettings {
        model: body.optional("model", text)?,
        dimension: body.optional("dimension", Value::as_u64)?,
        metric: body.optional("metric", metric)?.unwrap_or_default(),
        index: body.optional("index", index_settings)?,
        chunking: body.optional("chunking", chunking)?,
    })
}

fn field_change(value: &Value) -> Option<wire::FieldChange> {
    let mut body = Fields::of(value)?;
    let index = body.optional("index", index_settings)?;
    body.end()?;
    Some(wire::FieldChange { index })
}

fn write_mode(value: &Value) -> Option<i32> {
    Some(match value.as_str()?.parse() {
        Ok(WriteMode::Upsert) => wire::WriteMode::Upsert.into(),
        Ok(WriteMode::Create) => wire::WriteMode::Create.into(),
        Ok(WriteMode::Update) => wire::WriteMode::Update.into(),
        Err(_) => UNKNOWN,
    })
}

fn id(value: &Value) -> Option<wire::DocumentId> {
    let kind = match value {
        Value::Object(either) => {
            document_id::Kind::Either(either.get("either")?.as_str()?.to_owned())
        }
        Value::String(id) => document_id::Kind::Text(id.clone()),
        _ => document_id::Kind::Integer(value.as_i64()?),
    };
    Some(wire::DocumentId { kind: Some(kind) })
}

fn ids(value: &Value) -> Option<wire::DocumentIds> {
    Some(wire::DocumentIds { ids: each(value, id)? })
}

/// An object of any JSON.
pub(crate) fn object(value: &Value) -> Option<wire::Struct> {
    Some(value.as_object()?.iter().map(|(key, value)| (key.clone(), any(value))).collect())
}

fn any(value: &Value) -> wire::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::String(value) => Kind::StringValue(value.clone()),
        Value::Array(values) => {
            Kind::ListValue(wire::ListValue { values: values.iter().map(any).collect() })
        }
        Value::Object(_) => Kind::StructValue(object(value).unwrap()),
        Value::Number(value) => match (value.as_i64(), value.as_u64()) {
            (Some(value), _) => Kind::Int64Value(value),
            (None, Some(value)) => Kind::Uint64Value(value),
            (None, None) => Kind::DoubleValue(value.as_f64().unwrap()),
        },
    };
    wire::Value { kind: Some(kind) }
}

fn alias_action(value: &Value) -> Option<wire::AliasAction> {
    use wire::alias_action::Action;
    let named = |value: &Value| {
        let mut fields = Fields::of(value)?;
        let alias = fields.required("alias", text)?;
        let collection = fields.required("collection", text)?;
        fields.end()?;
        Some(wire::Alias { alias, collection })
    };
    let deleted = |value: &Value| {
        let mut fields = Fields::of(value)?;
        let alias = fields.required("alias", text)?;
        fields.end()?;
        Some(wire::DeleteAlias { alias })
    };
    let mut fields = Fields::of(value)?;
    let create = fields.optional("create", named)?.map(Action::Create);
    let set = fields.optional("set", named)?.map(Action::Set);
    let delete = fields.optional("delete", deleted)?.map(Action::Delete);
    fields.end()?;
    let action = one_of(one_of(create, set)?, delete)?;
    Some(wire::AliasAction { action })
}

fn include(value: &Value) -> Option<wire::Include> {
    let mut include = wire::Include {
        text: Some(false),
        metadata: Some(false),
        vector: Some(false),
        passages: None,
    };
    for part in each(value, text)? {
        match part.as_str() {
            "text" => include.text = Some(true),
            "metadata" => include.metadata = Some(true),
            "vector" => include.vector = Some(true),
            "passages" => include.passages = Some(true),
            _ => return None,
        }
    }
    Some(include)
}

fn create_collection(body: &mut Fields) -> Option<wire::CreateCollectionRequest> {
    Some(wire::CreateCollectionRequest {
        name: body.required("name", text)?,
        model: body.optional("model", text)?,
        dimension: body.optional("dimension", Value::as_u64)?,
        metric: body.optional("metric", metric)?.unwrap_or_default(),
        index: body.optional("index", index_settings)?,
        description: body.optional("description", text)?,
        chunking: body.optional("chunking", chunking)?,
        fields: body.optional("fields", |it| named(it, new_field))?.unwrap_or_default(),
        language: body.optional("language", text)?,
        ttl_seconds: body.optional("ttl_seconds", Value::as_u64)?,
        keyword: body.optional("keyword", keyword_settings)?,
    })
}

fn keyword_settings(value: &Value) -> Option<wire::KeywordSettings> {
    let mut fields = Fields::of(value)?;
    let weights = fields.optional("weights", |it| named(it, Value::as_u64))?;
    fields.end()?;
    Some(wire::KeywordSettings { weights: weights.unwrap_or_default().into_iter().collect() })
}

fn new_field(value: &Value) -> Option<wire::FieldSettings> {
    let mut fields = Fields::of(value)?;
    let settings = field_settings(&mut fields)?;
    fields.end()?;
    Some(settings)
}

fn chunking(value: &Value) -> Option<wire::Chunking> {
    let mut fields = Fields::of(value)?;
    let tokens = fields.optional("tokens", Value::as_u64)?;
    let overlap = fields.optional("overlap", Value::as_u64)?;
    fields.end()?;
    Some(wire::Chunking { tokens, overlap })
}

fn metric(value: &Value) -> Option<i32> {
    Some(match value.as_str()?.parse() {
        Ok(Metric::Cosine) => wire::Metric::Cosine.into(),
        Ok(Metric::Dot) => wire::Metric::Dot.into(),
        Ok(Metric::L2) => wire::Metric::L2.into(),
        Err(_) => UNKNOWN,
    })
}

fn index_settings(value: &Value) -> Option<wire::IndexSettings> {
    let mut fields = Fields::of(value)?;
    let settings = wire::IndexSettings {
        engine: fields.optional("engine", text)?,
        m: fields.optional("m", Value::as_u64)?,
        ef_construction: fields.optional("ef_construction", Value::as_u64)?,
        ef: fields.optional("ef", Value::as_u64)?,
        quantization: fields.optional("quantization", text)?,
    };
    fields.end()?;
    Some(settings)
}

/// REST's null is `never`.
fn expires_at(fields: &mut Fields) -> Option<Option<String>> {
    match fields.0.shift_remove("expires_at") {
        None => Some(None),
        Some(Value::Null) => Some(Some("never".to_owned())),
        Some(moment) => Some(Some(text(&moment)?)),
    }
}

fn new_document(value: &Value) -> Option<wire::NewDocument> {
    let mut fields = Fields::of(value)?;
    let document = wire::NewDocument {
        id: fields.optional("id", id)?,
        text: fields.optional("text", text)?,
        vector: fields.optional("vector", vector)?,
        metadata: fields.optional("metadata", object)?,
        if_seq: fields.optional("if_seq", Value::as_u64)?,
        expires_at: expires_at(&mut fields)?,
        texts: fields.optional("texts", |it| named(it, text))?.unwrap_or_default(),
        vectors: fields.optional("vectors", |it| named(it, vector))?.unwrap_or_default(),
    };
    fields.end()?;
    Some(document)
}

fn search(value: &Value) -> Option<wire::Search> {
    let mut fields = Fields::of(value)?;
    let search = search_of(&mut fields)?;
    fields.end()?;
    Some(search)
}

fn search_of(fields: &mut Fields) -> Option<wire::Search> {
    let mode = fields.optional("mode", search_mode)?.unwrap_or_default();
    let by_text = fields.optional("text", text)?.map(Query::Text);
    let vector = fields.optional("vector", vector)?;
    // Beside a text it has a name of its own.
    let (vector, text_vector) = if by_text.is_some() { (None, vector) } else { (vector, None) };
    let text_or_vector = by_text.or(vector.map(Query::Vector));
    Some(wire::Search {
        mode,
        text_vector,
        hybrid: fields.optional("hybrid", hybrid)?,
        min_parts: fields.optional("min_parts", min_parts)?,
        query: one_of(text_or_vector, fields.optional("id", id)?.map(Query::Id))?,
        limit: fields.optional("limit", Value::as_u64)?,
        offset: fields.optional("offset", Value::as_u64)?,
        filter: fields.optional("filter", object)?,
        min_score: fields.optional("min_score", number)?,
        include: fields.optional("include", include)?,
        params: fields.optional("params", search_params)?,
        explain: fields.optional("explain", Value::as_bool)?,
        rerank: fields.optional("rerank", search_rerank)?,
        passages_per_document: fields.optional("passages_per_document", Value::as_u64)?,
        passage_context: fields.optional("passage_context", Value::as_u64)?,
        highlight: fields.optional("highlight", highlight)?,
        field: fields.optional("field", text)?,
        order_by: fields.optional("order_by", hit_order)?,
        group_by: fields.optional("group_by", group_by)?,
    })
}

fn hit_order(value: &Value) -> Option<wire::HitOrder> {
    let mut body = Fields::of(value)?;
    let candidates = body.optional("candidates", Value::as_u64)?;
    let order = Some(order_by(&Value::Object(body.0))?);
    Some(wire::HitOrder { order, candidates })
}

fn group_by(value: &Value) -> Option<wire::GroupBy> {
    let mut body = Fields::of(value)?;
    let group = wire::GroupBy {
        field: body.required("field", text)?,
        size: body.optional("size", Value::as_u64)?,
    };
    body.end()?;
    Some(group)
}

fn order_by(value: &Value) -> Option<wire::OrderBy> {
    let mut body = Fields::of(value)?;
    let order = wire::OrderBy {
        field: body.required("field", text)?,
        direction: body.optional("direction", direction)?.unwrap_or_default(),
    };
    body.end()?;
    Some(order)
}

fn direction(value: &Value) -> Option<i32> {
    Some(match value.as_str()?.parse() {
        Ok(Direction::Ascending) => wire::Direction::Asc.into(),
        Ok(Direction::Descending) => wire::Direction::Desc.into(),
        Err(_) => UNKNOWN,
    })
}

fn facet(value: &Value) -> Option<wire::Facet> {
    let mut body = Fields::of(value)?;
    let facet = wire::Facet {
        field: body.required("field", text)?,
        limit: body.optional("limit", Value::as_u64)?,
        borders: body.optional("borders", |value| {
            Some(wire::ListValue { values: each(value, |value| Some(any(value)))? })
        })?,
        interval: body.optional("interval", interval)?.unwrap_or_default(),
    };
    body.end()?;
    Some(facet)
}

fn interval(value: &Value) -> Option<i32> {
    Some(match value.as_str()?.parse() {
        Ok(DateInterval::Year) => wire::DateInterval::Year.into(),
        Ok(DateInterval::Month) => wire::DateInterval::Month.into(),
        Ok(DateInterval::Day) => wire::DateInterval::Day.into(),
        Ok(DateInterval::Hour) => wire::DateInterval::Hour.into(),
        Err(_) => UNKNOWN,
    })
}

fn search_mode(value: &Value) -> Option<i32> {
    Some(match value.as_str()?.parse() {
        Ok(SearchMode::Semantic) => wire::SearchMode::Semantic.into(),
        Ok(SearchMode::Keyword) => wire::SearchMode::Keyword.into(),
        Ok(SearchMode::Hybrid) => wire::SearchMode::Hybrid.into(),
        Err(_) => UNKNOWN,
    })
}

fn hybrid(value: &Value) -> Option<wire::HybridParams> {
    let mut fields = Fields::of(value)?;
    let fusion = fields.optional("fusion", |name| {
        Some(match name.as_str()?.parse() {
            Ok(FusionKind::Adaptive) => wire::Fusion::Adaptive.into(),
            Ok(FusionKind::Rrf) => wire::Fusion::Rrf.into(),
            Ok(FusionKind::Weighted) => wire::Fusion::Weighted.into(),
            Err(_) => UNKNOWN,
        })
    })?;
    let params = wire::HybridParams {
        fusion: fusion.unwrap_or_default(),
        k: fields.optional("k", number)?,
        weights: fields.optional("weights", part_weights)?,
        depth: fields.optional("depth", Value::as_u64)?,
    };
    fields.end()?;
    Some(params)
}

fn part_weights(value: &Value) -> Option<wire::PartWeights> {
    let [semantic, keyword] = of_each_part(value)?;
    Some(wire::PartWeights { semantic, keyword })
}

fn min_parts(value: &Value) -> Option<wire::MinParts> {
    let [semantic, keyword] = of_each_part(value)?;
    Some(wire::MinParts { semantic, keyword })
}

fn of_each_part(value: &Value) -> Option<[Option<f64>; 2]> {
    let mut fields = Fields::of(value)?;
    let parts = [fields.optional("semantic", number)?, fields.optional("keyword", number)?];
    fields.end()?;
    Some(parts)
}

fn search_params(value: &Value) -> Option<wire::SearchParams> {
    let mut fields = Fields::of(value)?;
    let params = wire::SearchParams {
        ef: fields.optional("ef", Value::as_u64)?,
        exact: fields.optional("exact", Value::as_bool)?,
        rescore: fields.optional("rescore", Value::as_bool)?,
    };
    fields.end()?;
    Some(params)
}

fn highlight(value: &Value) -> Option<wire::Highlight> {
    let mut fields = Fields::of(value)?;
    let highlight = wire::Highlight {
        ranges: fields.optional("ranges", Value::as_u64)?,
        snippet_sentences: fields.optional("snippet_sentences", Value::as_u64)?,
    };
    fields.end()?;
    Some(highlight)
}

fn search_rerank(value: &Value) -> Option<wire::SearchRerank> {
    let mut fields = Fields::of(value)?;
    let rerank = wire::SearchRerank {
        model: fields.optional("model", text)?,
        top: fields.optional("top", Value::as_u64)?,
    };
    fields.end()?;
    Some(rerank)
}

fn rerank(body: &mut Fields) -> Option<embedding_wire::RerankRequest> {
    // REST also takes objects that hold a text.
    let document = |value: &Value| {
        let Some(object) = value.as_object() else { return text(value) };
        object.get("text").filter(|_| object.len() == 1).and_then(text)
    };
    Some(embedding_wire::RerankRequest {
        model: body.optional("model", text)?,
        query: body.required("query", text)?,
        documents: body.required("documents", |value| each(value, document))?,
        top_n: body.optional("top_n", Value::as_u64)?,
        return_documents: body.optional("return_documents", Value::as_bool)?.unwrap_or_default(),
    })
}

fn embed(body: &mut Fields) -> Option<embedding_wire::EmbedRequest> {
    Some(embedding_wire::EmbedRequest {
        texts: body.required("texts", |value| each(value, text))?,
        model: body.optional("model", text)?,
        pooling: body
            .optional("pooling", |name| {
                Some(match name.as_str()?.to_ascii_lowercase().as_str() {
                    "mean" => embedding_wire::Pooling::Mean.into(),
                    "cls" => embedding_wire::Pooling::Cls.into(),
                    "max" => embedding_wire::Pooling::Max.into(),
                    "lasttoken" => embedding_wire::Pooling::LastToken.into(),
                    _ => UNKNOWN,
                })
            })?
            .unwrap_or_default(),
        normalize: body.optional("normalize", Value::as_bool)?,
        input_type: body
            .optional("input_type", |name| {
                Some(match name.as_str()?.to_ascii_lowercase().as_str() {
                    "query" => embedding_wire::InputType::Query.into(),
                    "document" => embedding_wire::InputType::Document.into(),
                    _ => UNKNOWN,
                })
            })?
            .unwrap_or_default(),
        dimensions: body.optional("dimensions", Value::as_u64)?,
        truncate: body
            .optional("truncate", |name| {
                Some(match name.as_str()?.to_ascii_lowercase().as_str() {
                    "none" => embedding_wire::Truncate::None.into(),
                    "end" => embedding_wire::Truncate::End.into(),
                    "start" => embedding_wire::Truncate::Start.into(),
                    _ => UNKNOWN,
                })
            })?
            .unwrap_or_default(),
    })
}
