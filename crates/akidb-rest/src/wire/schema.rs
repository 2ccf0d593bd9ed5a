//! Schemas of the description that say which words there are.

use akidb_core::{
    DateInterval, Direction, Expiry, FusionKind, IndexEngine, Metric, Quantization, SearchMode,
    WriteMode,
};
use utoipa::openapi::{
    RefOr,
    schema::{
        Array, ArrayBuilder, KnownFormat, Object, ObjectBuilder, OneOfBuilder, Schema,
        SchemaFormat, SchemaType, Type,
    },
};

/// One of some words.
fn one_of<'w>(words: impl IntoIterator<Item = &'w str>) -> Object {
    let words: Vec<&str> = words.into_iter().collect();
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

/// One of some words, or nothing.
fn one_of_or_null<'w>(words: impl IntoIterator<Item = &'w str>) -> Object {
    let words = words.into_iter().map(serde_json::Value::from);
    let words: Vec<_> = words.chain([serde_json::Value::Null]).collect();
    let types = SchemaType::from_iter([Type::String, Type::Null]);
    ObjectBuilder::new().schema_type(types).enum_values(Some(words)).build()
}

/// The modes of a write.
pub(super) fn write_mode() -> Object {
    let modes = [WriteMode::Upsert, WriteMode::Create, WriteMode::Update];
    one_of_or_null(modes.map(WriteMode::as_str))
}

/// A moment in time.
pub(super) fn moment() -> ObjectBuilder {
    let date_time = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    ObjectBuilder::new().schema_type(Type::String).format(Some(date_time))
}

/// When a document expires.
pub(super) fn expires_at() -> Schema {
    let never = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([Expiry::NEVER]));
    let null = ObjectBuilder::new().schema_type(Type::Null);
    let description = "From when on the document is there no more: a date, or `never` as `null`. Where absent, a \
                       new one expires `ttl_seconds` of the collection after its write, and a changed one when it \
                       was to expire before. A moment that has passed is taken: it is gone at once.";
    let one_of = OneOfBuilder::new().item(moment()).item(never).item(null);
    Schema::OneOf(one_of.description(Some(description)).build())
}

/// What became of a document.
pub(super) fn upsert_status() -> Object {
    one_of(["created", "updated"])
}

/// The modes of a search.
pub(super) fn search_mode() -> Object {
    one_of_or_null(SearchMode::ALL.map(SearchMode::as_str))
}

/// How a hybrid search makes one score of two.
pub(super) fn fusion() -> Object {
    one_of_or_null(FusionKind::ALL.map(FusionKind::as_str))
}

/// Which dates count together.
pub(super) fn interval() -> Object {
    one_of_or_null(DateInterval::ALL.map(DateInterval::as_str))
}

/// From which end on documents come.
pub(super) fn direction() -> Object {
    one_of_or_null(Direction::ALL.map(Direction::as_str))
}

/// The borders between ranges.
pub(super) fn borders() -> Array {
    let types = SchemaType::from_iter([Type::Array, Type::Null]);
    let border = SchemaType::from_iter([Type::Number, Type::String]);
    ArrayBuilder::new()
        .schema_type(types)
        .items(ObjectBuilder::new().schema_type(border))
        .min_items(Some(1))
        .max_items(Some(10_000))
        .build()
}

/// A value of metadata that is counted.
pub(super) fn counted_value() -> Object {
    let types = SchemaType::from_iter([Type::String, Type::Number, Type::Boolean]);
    ObjectBuilder::new().schema_type(types).build()
}

/// The value of a group of hits.
pub(super) fn group_value() -> Object {
    let types = [Type::String, Type::Number, Type::Boolean, Type::Null];
    ObjectBuilder::new().schema_type(SchemaType::from_iter(types)).build()
}

/// An end of a range.
pub(super) fn range_end() -> Object {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Number, Type::String])).build()
}

/// Parts of documents.
pub(super) fn include() -> Array {
    let types = SchemaType::from_iter([Type::Array, Type::Null]);
    ArrayBuilder::new().schema_type(types).items(one_of(["text", "metadata", "vector"])).build()
}

/// Parts of hits.
pub(super) fn hit_include() -> Array {
    let parts = one_of(["text", "metadata", "vector", "passages"]);
    let types = SchemaType::from_iter([Type::Array, Type::Null]);
    ArrayBuilder::new().schema_type(types).items(parts).build()
}

/// A vector of a request.
pub(super) fn vector() -> Schema {
    let list = ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::Number));
    let text =
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^base64:[A-Za-z0-9+/]*=*$"));
    let one_of = OneOfBuilder::new()
        .item(list.min_items(Some(1)).max_items(Some(16_384)))
        .item(text)
        .item(ObjectBuilder::new().schema_type(Type::Null))
        .build();
    Schema::OneOf(one_of)
}

/// Vectors of a request by the names of fields.
pub(super) fn vectors() -> Object {
    let types = SchemaType::from_iter([Type::Object, Type::Null]);
    ObjectBuilder::new().schema_type(types).additional_properties(Some(RefOr::T(vector()))).build()
}

/// How vectors are compared.
pub(super) fn metric() -> Object {
    one_of_or_null([Metric::Cosine, Metric::Dot, Metric::L2].map(Metric::as_str))
}

/// What a collection is indexed with.
pub(super) fn engine() -> Object {
    let engines = [IndexEngine::Hnsw, IndexEngine::Exact, IndexEngine::HnswRs];
    one_of_or_null(engines.map(IndexEngine::as_str))
}

/// What a graph is walked over.
pub(super) fn quantization() -> Object {
    let all = [Quantization::Int8, Quantization::None, Quantization::Binary];
    one_of_or_null(all.map(Quantization::as_str))
}

/// What becomes of the vectors of tokens.
pub(super) fn pooling() -> Object {
    one_of_or_null(["mean", "cls", "max", "lasttoken"])
}

/// What a text is.
pub(super) fn input_type() -> Object {
    one_of_or_null(["query", "document"])
}

/// What is cut off a long text.
pub(super) fn truncate() -> Object {
    one_of_or_null(["end", "start", "none"])
}

/// How vectors are written.
pub(super) fn encoding_format() -> Object {
    one_of_or_null(["float", "base64"])
}
