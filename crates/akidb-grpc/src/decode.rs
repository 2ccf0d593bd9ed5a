//! From the messages of the wire to the requests of the service.
//!
//! Only what the wire can say and the service can not hear is refused here; rules are the service's.

use std::collections::BTreeMap;

use akidb_core::{Error, ErrorCode, Result, WriteMode};
use akidb_proto::{
    collection::v1::{self as wire, document_id, search::Query},
    embedding::v1 as embedding_wire,
};
use akidb_service::{
    CreateCollection, DeleteDocuments, Direction, Embed, FusionKind, GetDocuments, GivenAlias,
    GivenAliasAction, GivenChunking, GivenField, GivenGroup, GivenHighlight, GivenId, GivenIndex,
    GivenOrder, HitInclude, HitOrder, HybridParams, Include, InputType, MinParts, NewDocument,
    PartWeights, PatchDocument, Pooling, Rerank, Scroll, Search, SearchMode, SearchParams,
    SearchRerank, Truncate, UpdateCollection, UpdateDocuments, Upsert,
};
use serde_json::{Map, Value};

use crate::value;

pub(crate) fn create_collection(given: wire::CreateCollectionRequest) -> Result<CreateCollection> {
    let fields = given.fields.into_iter().map(|(name, settings)| {
        let place = format!("fields.{name}.metric");
        Ok((name, field_settings(&place, settings)?))
    });
    Ok(CreateCollection {
        name: given.name,
        model: given.model,
        dimension: given.dimension,
        metric: metric("metric", given.metric)?,
        index: index(given.index),
        chunking: given.chunking.map(chunking),
        description: given.description,
        language: given.language,
        keyword_weights: given.keyword.unwrap_or_default().weights.into_iter().collect(),
        ttl_seconds: given.ttl_seconds,
        fields: fields.collect::<Result<_>>()?,
    })
}

/// A vector field; `place` is that of its metric.
pub(crate) fn field_settings(place: &str, given: wire::FieldSettings) -> Result<GivenField> {
    Ok(GivenField {
        model: given.model,
        dimension: given.dimension,
        metric: metric(place, given.metric)?,
        index: index(given.index),
        chunking: given.chunking.map(chunking),
    })
}

fn chunking(wire::Chunking { tokens, overlap }: wire::Chunking) -> GivenChunking {
    GivenChunking { tokens, overlap }
}

fn metric(place: &str, given: i32) -> Result<Option<String>> {
    let metric = match wire::Metric::try_from(given) {
        Ok(wire::Metric::Unspecified) => None,
        Ok(wire::Metric::Cosine) => Some("cosine"),
        Ok(wire::Metric::Dot) => Some("dot"),
        Ok(wire::Metric::L2) => Some("l2"),
        Err(_) => return Err(unknown_number(place)),
    };
    Ok(metric.map(str::to_owned))
}

/// The collection, and what becomes of it.
pub(crate) fn update_collection(
    given: wire::UpdateCollectionRequest,
) -> (String, UpdateCollection) {
    let wire::UpdateCollectionRequest {
        name,
        description,
        index: settings,
        new_name,
        fields,
        ttl_seconds,
    } = given;
    let fields = fields.into_iter().map(|(field, change)| (field, index(change.index))).collect();
    let index = index(settings);
    (name, UpdateCollection { name: new_name, description, index, fields, ttl_seconds })
}

/// A change of an alias. An absent one is empty, which the service refuses.
pub(crate) fn alias_action(given: wire::AliasAction) -> GivenAliasAction {
    use wire::alias_action::Action;
    let named = |wire::Alias { alias, collection }| Some(GivenAlias { alias, collection });
    let mut action = GivenAliasAction::default();
    match given.action {
        Some(Action::Create(given)) => action.create = named(given),
        Some(Action::Set(given)) => action.set = named(given),
        Some(Action::Delete(given)) => action.delete = Some(given.alias),
        None => {}
    }
    action
}

fn index(given: Option<wire::IndexSettings>) -> GivenIndex {
    let wire::IndexSettings { engine, m, ef_construction, ef, quantization } =
        given.unwrap_or_default();
    GivenIndex { engine, m, ef_construction, ef, quantization }
}

pub(crate) fn upsert(
    documents: Vec<wire::NewDocument>,
    idempotency_key: Option<String>,
    mode: i32,
) -> Result<Upsert> {
    let mode = match wire::WriteMode::try_from(mode) {
        Ok(wire::WriteMode::Unspecified | wire::WriteMode::Upsert) => WriteMode::Upsert,
        Ok(wire::WriteMode::Create) => WriteMode::Create,
        Ok(wire::WriteMode::Update) => WriteMode::Update,
        Err(_) => return Err(unknown_number("mode")),
    };
    let mut faults = Vec::new();
    let documents = documents.into_iter().enumerate().filter_map(|(index, given)| {
        document(index, given).map_err(|fault| faults.push(fault)).ok()
    });
    let documents = documents.collect();
    match Error::collect(faults) {
        Some(error) => Err(error),
        None => Ok(Upsert { documents, idempotency_key, mode }),
    }
}

fn document(index: usize, given: wire::NewDocument) -> Result<NewDocument> {
    let given_id = given.id.map(|id| present_id(|| format!("documents[{index}].id"), id));
    let metadata = given.metadata.map(|given| {
        let field = format!("documents[{index}].metadata");
        value::object(ErrorCode::InvalidMetadata, &field, given)
    });
    Ok(NewDocument {
        id: given_id.transpose()?,
        text: given.text,
        vector: vector(|| format!("documents[{index}].vector"), given.vector)?,
        texts: given.texts.into_iter().collect(),
        vectors: vectors(&format!("documents[{index}].vectors"), given.vectors)?,
        metadata: metadata.transpose()?,
        if_seq: given.if_seq,
        expires_at: given.expires_at,
    })
}

fn vectors(place: &str, given: BTreeMap<String, wire::Vector>) -> Result<Vec<(String, Vec<f32>)>> {
    let named = given.into_iter().map(|(name, given)| {
        let values = values(|| format!("{place}.{name}"), given)?;
        Ok((name, values))
    });
    named.collect()
}

fn vector(place: impl Fn() -> String, given: Option<wire::Vector>) -> Result<Option<Vec<f32>>> {
    given.map(|given| values(place, given)).transpose()
}

/// The values of a vector, from either of its fields.
fn values(place: impl Fn() -> String, given: wire::Vector) -> Result<Vec<f32>> {
    let wire::Vector { values, values_le } = given;
    if values_le.is_empty() {
        return Ok(values);
    }
    if !values.is_empty() {
        let fault = "has both `values` and `values_le`";
        return Err(Error::at(ErrorCode::InvalidVector, place(), fault));
    }
    let (values, rest) = values_le.as_chunks::<4>();
    if !rest.is_empty() {
        let fault = format!("has {} bytes in `values_le`, a value has 4", values_le.len());
        return Err(Error::at(ErrorCode::InvalidVector, place(), fault));
    }
    Ok(values.iter().map(|value| f32::from_le_bytes(*value)).collect())
}

/// The id of a request that is about one document.
pub(crate) fn id(given: Option<wire::DocumentId>) -> Result<GivenId> {
    let given = given.ok_or_else(|| Error::at(ErrorCode::InvalidId, "id", "is missing"))?;
    present_id(|| "id".to_owned(), given)
}

fn present_id(field: impl FnOnce() -> String, given: wire::DocumentId) -> Result<GivenId> {
    match given.kind {
        Some(document_id::Kind::Text(id)) => Ok(GivenId::Text(id)),
        Some(document_id::Kind::Integer(id)) => Ok(GivenId::Integer(id)),
        Some(document_id::Kind::Either(id)) => Ok(GivenId::Either(id)),
        None => Err(Error::at(ErrorCode::InvalidId, field(), "has no kind set")),
    }
}

pub(crate) fn patch(given: wire::PatchMetadataRequest) -> Result<PatchDocument> {
    Ok(PatchDocument {
        text: given.text,
        vector: vector(|| "vector".to_owned(), given.vector)?,
        texts: given.texts.into_iter().collect(),
        vectors: vectors("vectors", given.vectors)?,
        emptied_fields: given.emptied_fields,
        metadata: given.metadata.map(metadata).transpose()?,
        if_seq: given.if_seq,
        expires_at: given.expires_at,
    })
}

pub(crate) fn update_documents(given: wire::UpdateDocumentsRequest) -> Result<UpdateDocuments> {
    Ok(UpdateDocuments {
        filter: filter("filter", given.filter)?,
        all: given.all,
        metadata: metadata(given.metadata.unwrap_or_default())?,
    })
}

fn metadata(given: wire::Struct) -> Result<Map<String, Value>> {
    value::object(ErrorCode::InvalidMetadata, "metadata", given)
}

/// The filter at `field`, an object where it is given.
pub(crate) fn filter(field: &str, given: Option<wire::Struct>) -> Result<Option<Value>> {
    let object = given.map(|given| value::object(ErrorCode::InvalidFilter, field, given));
    Ok(object.transpose()?.map(Value::Object))
}

fn ids(given: wire::DocumentIds) -> Result<Vec<GivenId>> {
    let ids = given.ids.into_iter().enumerate();
    ids.map(|(index, id)| present_id(|| format!("ids[{index}]"), id)).collect()
}

pub(crate) fn get_documents(given: wire::GetDocumentsRequest) -> Result<GetDocuments> {
    use wire::get_documents_request::Selection as Given;
    let (mut by_ids, mut by_filter) = (None, None);
    match given.selection {
        Some(Given::Ids(given)) => by_ids = Some(ids(given)?),
        Some(Given::Filter(given)) => by_filter = filter("filter", Some(given))?,
        None => {}
    }
    Ok(GetDocuments {
        ids: by_ids,
        filter: by_filter,
        limit: given.limit,
        cursor: given.cursor,
        order_by: order_by(given.order_by)?,
        include: include(given.include)?,
    })
}

/// The order at `order_by`.
pub(crate) fn order_by(given: Option<wire::OrderBy>) -> Result<Option<GivenOrder>> {
    let Some(wire::OrderBy { field, direction }) = given else { return Ok(None) };
    let direction = match wire::Direction::try_from(direction) {
        Ok(wire::Direction::Unspecified) => None,
        Ok(wire::Direction::Asc) => Some(Direction::Ascending),
        Ok(wire::Direction::Desc) => Some(Direction::Descending),
        Err(_) => return Err(unknown_number("order_by.direction")),
    };
    Ok(Some(GivenOrder { field, direction }))
}

pub(crate) fn delete_documents(given: wire::DeleteDocumentsRequest) -> Result<DeleteDocuments> {
    use wire::delete_documents_request::Selection as Given;
    let mut request = DeleteDocuments { all: given.all, ..DeleteDocuments::default() };
    match given.selection {
        Some(Given::Ids(given)) => request.ids = Some(ids(given)?),
        Some(Given::Filter(given)) => request.filter = filter("filter", Some(given))?,
        None => {}
    }
    Ok(request)
}

/// Parts of documents.
///
/// # Errors
/// `invalid_argument` for passages, which hits have.
pub(crate) fn include(given: Option<wire::Include>) -> Result<Include> {
    let default = Include::default();
    let given = given.unwrap_or_default();
    if given.passages.is_some() {
        let fault = "is for searches, whose hits have passages";
        return Err(Error::at(ErrorCode::InvalidArgument, "include.passages", fault));
    }
    Ok(Include {
        text: given.text.unwrap_or(default.text),
        metadata: given.metadata.unwrap_or(default.metadata),
        vector: given.vector.unwrap_or(default.vector),
    })
}

fn hit_include(given: Option<wire::Include>) -> HitInclude {
    let wire::Include { text, metadata, vector, passages } = given.unwrap_or_default();
    HitInclude { text, metadata, vector, passages }
}

fn highlight(given: wire::Highlight) -> GivenHighlight {
    let wire::Highlight { ranges, snippet_sentences } = given;
    GivenHighlight { ranges, snippet_sentences }
}

pub(crate) fn scroll(given: wire::ScrollDocumentsRequest) -> Result<Scroll> {
    Ok(Scroll {
        filter: filter("filter", given.filter)?,
        limit: given.limit,
        cursor: given.cursor,
        order_by: order_by(given.order_by)?,
        include: include(given.include)?,
    })
}

/// The search of a single request. An absent one is empty, which the service refuses.
pub(crate) fn search(given: Option<wire::Search>) -> Result<Search> {
    one_search(given.unwrap_or_default())
}

pub(crate) fn searches(given: Vec<wire::Search>) -> Result<Vec<Search>> {
    let given = given.into_iter().enumerate();
    let searches = given.map(|(index, given)| {
        one_search(given).map_err(|error| error.below(&format!("searches[{index}]")))
    });
    searches.collect()
}

fn one_search(given: wire::Search) -> Result<Search> {
    let mut search = Search {
        mode: search_mode(given.mode)?,
        hybrid: hybrid(given.hybrid)?,
        min_parts: min_parts(given.min_parts),
        field: given.field,
        limit: given.limit,
        offset: given.offset,
        filter: filter("filter", given.filter)?,
        order_by: hit_order(given.order_by)?,
        group_by: given.group_by.map(|wire::GroupBy { field, size }| GivenGroup { field, size }),
        min_score: given.min_score,
        include: hit_include(given.include),
        passages_per_document: given.passages_per_document,
        passage_context: given.passage_context,
        highlight: given.highlight.map(highlight),
        params: params(given.params),
        rerank: given.rerank.map(|wire::SearchRerank { model, top }| SearchRerank { model, top }),
        explain: given.explain,
        ..Search::default()
    };
    let text_vector = vector(|| "text_vector".to_owned(), given.text_vector)?;
    match (given.query, text_vector) {
        (Some(Query::Text(text)), vector) => (search.text, search.vector) = (Some(text), vector),
        (_, Some(_)) => {
            let fault = "stands beside a text, and there is none";
            return Err(Error::at(ErrorCode::InvalidArgument, "text_vector", fault));
        }
        (Some(Query::Vector(given)), None) => {
            search.vector = Some(values(|| "vector".to_owned(), given)?);
        }
        (Some(Query::Id(id)), None) => search.id = Some(present_id(|| "id".to_owned(), id)?),
        (None, None) => {}
    }
    Ok(search)
}

fn hit_order(given: Option<wire::HitOrder>) -> Result<Option<HitOrder>> {
    let Some(wire::HitOrder { order, candidates }) = given else { return Ok(None) };
    let order = order_by(order)?.unwrap_or_default();
    Ok(Some(HitOrder { order, candidates }))
}

fn search_mode(given: i32) -> Result<Option<SearchMode>> {
    match wire::SearchMode::try_from(given) {
        Ok(wire::SearchMode::Unspecified) => Ok(None),
        Ok(wire::SearchMode::Semantic) => Ok(Some(SearchMode::Semantic)),
        Ok(wire::SearchMode::Keyword) => Ok(Some(SearchMode::Keyword)),
        Ok(wire::SearchMode::Hybrid) => Ok(Some(SearchMode::Hybrid)),
        Err(_) => Err(unknown_number("mode")),
    }
}

fn hybrid(given: Option<wire::HybridParams>) -> Result<HybridParams> {
    let wire::HybridParams { fusion, k, weights, depth } = given.unwrap_or_default();
    let fusion = match wire::Fusion::try_from(fusion) {
        Ok(wire::Fusion::Unspecified) => None,
        Ok(wire::Fusion::Adaptive) => Some(FusionKind::Adaptive),
        Ok(wire::Fusion::Rrf) => Some(FusionKind::Rrf),
        Ok(wire::Fusion::Weighted) => Some(FusionKind::Weighted),
        Err(_) => return Err(unknown_number("hybrid.fusion")),
    };
    let weights =
        weights.map(|wire::PartWeights { semantic, keyword }| PartWeights { semantic, keyword });
    Ok(HybridParams { fusion, k, weights, depth })
}

fn min_parts(given: Option<wire::MinParts>) -> MinParts {
    let wire::MinParts { semantic, keyword } = given.unwrap_or_default();
    MinParts { semantic, keyword }
}

fn params(given: Option<wire::SearchParams>) -> SearchParams {
    let wire::SearchParams { exact, ef, rescore } = given.unwrap_or_default();
    SearchParams { exact, ef, rescore }
}

pub(crate) fn rerank(given: embedding_wire::RerankRequest) -> Rerank {
    let embedding_wire::RerankRequest { model, query, documents, top_n, return_documents } = given;
    Rerank { model, query, documents, top_n, return_documents }
}

pub(crate) fn embed(given: embedding_wire::EmbedRequest) -> Result<Embed> {
    let pooling = match embedding_wire::Pooling::try_from(given.pooling) {
        Ok(embedding_wire::Pooling::Unspecified) => None,
        Ok(embedding_wire::Pooling::Mean) => Some(Pooling::Mean),
        Ok(embedding_wire::Pooling::Cls) => Some(Pooling::Cls),
        Ok(embedding_wire::Pooling::Max) => Some(Pooling::Max),
        Ok(embedding_wire::Pooling::LastToken) => Some(Pooling::LastToken),
        Err(_) => return Err(unknown_number("pooling")),
    };
    let input_type = match embedding_wire::InputType::try_from(given.input_type) {
        Ok(embedding_wire::InputType::Unspecified) => None,
        Ok(embedding_wire::InputType::Query) => Some(InputType::Query),
        Ok(embedding_wire::InputType::Document) => Some(InputType::Document),
        Err(_) => return Err(unknown_number("input_type")),
    };
    let truncate = match embedding_wire::Truncate::try_from(given.truncate) {
        Ok(embedding_wire::Truncate::Unspecified) => None,
        Ok(embedding_wire::Truncate::None) => Some(Truncate::None),
        Ok(embedding_wire::Truncate::End) => Some(Truncate::End),
        Ok(embedding_wire::Truncate::Start) => Some(Truncate::Start),
        Err(_) => return Err(unknown_number("truncate")),
    };
    Ok(Embed {
        inputs: given.texts.into(),
        model: given.model,
        pooling,
        normalize: given.normalize,
        input_type,
        dimensions: given.dimensions,
        truncate,
        ..Embed::default()
    })
}

/// What stands in a field of an enumeration is none of its numbers.
pub(crate) fn unknown_number(field: &str) -> Error {
    Error::at(ErrorCode::InvalidArgument, field, "is not a number of this enumeration")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_include_is_the_default_of_the_service() {
        let include = |given| include(given).unwrap();
        assert_eq!(include(None), Include::default());
        let given = wire::Include { text: Some(false), vector: Some(true), ..Default::default() };
        assert_eq!(include(Some(given)), Include { text: false, metadata: true, vector: true });
        let passages = wire::Include { passages: Some(false), ..Default::default() };
        check_refused(
            super::include(Some(passages)),
            ErrorCode::InvalidArgument,
            "include.passages",
        );
    }

    #[test]
    fn every_wrong_document_of_a_batch_is_named() {
        let bad_id = wire::NewDocument { id: Some(Default::default()), ..Default::default() };
        let no_kind = wire::Struct::from([("a".to_owned(), Default::default())]);
        let bad_metadata = wire::NewDocument { metadata: Some(no_kind), ..Default::default() };
        let error = upsert(vec![Default::default(), bad_id, bad_metadata], None, 0).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidId);
        assert_eq!(error.message, "documents[1].id: has no kind set (and 1 more)");
        assert_eq!(error.violations[1].field, "documents[2].metadata.a");
    }

    #[track_caller]
    fn check_refused<T: std::fmt::Debug>(decoded: Result<T>, code: ErrorCode, field: &str) {
        let error = decoded.unwrap_err();
        assert_eq!((error.code, error.violations[0].field.as_str()), (code, field));
    }

    #[test]
    fn what_only_the_wire_can_say_is_refused() {
        let number = 77;
        let create = wire::CreateCollectionRequest { metric: number, ..Default::default() };
        check_refused(create_collection(create), ErrorCode::InvalidArgument, "metric");
        check_refused(upsert(vec![], None, number), ErrorCode::InvalidArgument, "mode");
        let asked = embedding_wire::EmbedRequest { pooling: number, ..Default::default() };
        check_refused(embed(asked), ErrorCode::InvalidArgument, "pooling");
        let asked = embedding_wire::EmbedRequest { input_type: -1, ..Default::default() };
        check_refused(embed(asked), ErrorCode::InvalidArgument, "input_type");
        let asked = embedding_wire::EmbedRequest { truncate: 4, ..Default::default() };
        check_refused(embed(asked), ErrorCode::InvalidArgument, "truncate");
        let no_kind =
            wire::Search { query: Some(Query::Id(Default::default())), ..Default::default() };
        let asked = vec![wire::Search::default(), no_kind];
        check_refused(searches(asked), ErrorCode::InvalidId, "searches[1].id");
        let mode = wire::Search { mode: number, ..Default::default() };
        check_refused(search(Some(mode)), ErrorCode::InvalidArgument, "mode");
        let fusion = wire::HybridParams { fusion: -1, ..Default::default() };
        let fusion = wire::Search { hybrid: Some(fusion), ..Default::default() };
        check_refused(
            searches(vec![fusion]),
            ErrorCode::InvalidArgument,
            "searches[0].hybrid.fusion",
        );
        let vector = wire::Vector { values: vec![1.0], ..Default::default() };
        let alone = wire::Search { text_vector: Some(vector), ..Default::default() };
        check_refused(search(Some(alone)), ErrorCode::InvalidArgument, "text_vector");
        check_refused(id(None), ErrorCode::InvalidId, "id");
        let given = wire::DocumentIds { ids: vec![wire::DocumentId::default()] };
        check_refused(ids(given), ErrorCode::InvalidId, "ids[0]");
    }
}
