//! Schemas of what is the user's own: filters and metadata.
//!
//! They say no more than what is accepted: where a rule has no form in JSON Schema, such as bytes of a
//! string, the schema says less.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr,
        schema::{
            AdditionalProperties, ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Schema,
            SchemaType, Type,
        },
    },
};

use super::schema::moment;

/// A filter.
pub(crate) struct FilterSchema;

/// What must hold for one field.
struct ConditionSchema;

/// What must hold for the text of a document.
struct TextConditionSchema;

/// Metadata.
pub(crate) struct MetadataSchema;

/// A value of metadata.
struct MetadataValueSchema;

/// Text without a NUL.
const TEXT: &str = "^[^\\u0000]*$";
/// Keys that filters can name.
const KEY: &str = "^[^$\\u0000][^\\u0000]*$";

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(TEXT))
}

/// Numbers that are kept: an integer of this range has 64 bits, and a float is one as well.
fn number() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Number).minimum(Some(-9.0e18)).maximum(Some(1.8e19))
}

fn of(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind)
}

fn list_of(items: impl Into<RefOr<Schema>>) -> ArrayBuilder {
    ArrayBuilder::new().items(items.into())
}

fn scalar() -> OneOfBuilder {
    OneOfBuilder::new().item(of(Type::Null)).item(of(Type::Boolean)).item(number()).item(text())
}

fn reference<T: ToSchema>() -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(T::name()))
}

fn closed(object: ObjectBuilder) -> Object {
    object
        .schema_type(SchemaType::from(Type::Object))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .build()
}

impl PartialSchema for FilterSchema {
    fn schema() -> RefOr<Schema> {
        let filters = || list_of(reference::<Self>()).min_items(Some(1));
        let field = OneOfBuilder::new()
            .item(of(Type::Null))
            .item(of(Type::Boolean))
            .item(number())
            .item(text())
            .item(reference::<ConditionSchema>());
        let id = OneOfBuilder::new()
            .item(text())
            .item(of(Type::Integer).minimum(Some(-9.0e18)).maximum(Some(9.0e18)));
        let filter = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("$and", filters())
            .property("$or", filters())
            .property("$not", reference::<Self>())
            .property("$id", id)
            .property(
                "$expires_at",
                OneOfBuilder::new().item(moment()).item(of(Type::Null)),
            )
            .property("$text", reference::<TextConditionSchema>())
            .property_names(Some(of(Type::String).pattern(Some(
                "^(\\$(and|or|not|id|expires_at|text)|[^$\\u0000][^\\u0000]*)$",
            ))))
            .additional_properties(Some(AdditionalProperties::RefOr(field.into())))
            .description(Some(
                "A condition on the metadata, the text or the id, see the guide on filters. At most `filter_depth` (16) \
                 levels and `filter_nodes` (1,024) nodes.",
            ))
            .examples([serde_json::json!({"year": {"$gte": 1990}, "lang": "en"})]);
        filter.into()
    }
}

impl ToSchema for FilterSchema {
    fn name() -> Cow<'static, str> {
        "Filter".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        for (name, schema) in [
            (ConditionSchema::name(), ConditionSchema::schema()),
            (TextConditionSchema::name(), TextConditionSchema::schema()),
            (Self::name(), Self::schema()),
        ] {
            if !schemas.iter().any(|(known, _)| *known == name) {
                schemas.push((name.into_owned(), schema));
            }
        }
    }
}

impl PartialSchema for TextConditionSchema {
    fn schema() -> RefOr<Schema> {
        let part = || text().min_length(Some(1));
        let operators = ObjectBuilder::new()
            .property("$contains", part())
            .property("$match", part())
            .property("$not", reference::<Self>())
            .min_properties(Some(1))
            .description(Some(
                "Operators that must all hold for a document: `$contains`, its text has this one in it; `$match`, a \
                 search of the mode `keyword` for these words finds it.",
            ))
            .examples([serde_json::json!({"$match": "\"white whale\" -storm"})]);
        closed(operators).into()
    }
}

impl ToSchema for TextConditionSchema {
    fn name() -> Cow<'static, str> {
        "FilterTextCondition".into()
    }
}

impl PartialSchema for ConditionSchema {
    fn schema() -> RefOr<Schema> {
        let ordered = || OneOfBuilder::new().item(number()).item(text());
        let operators = ObjectBuilder::new()
            .property("$eq", scalar())
            .property("$ne", scalar())
            .property("$gt", ordered())
            .property("$gte", ordered())
            .property("$lt", ordered())
            .property("$lte", ordered())
            .property("$in", list_of(scalar()))
            .property("$nin", list_of(scalar()))
            .property("$exists", of(Type::Boolean))
            .property("$contains", scalar())
            .property("$prefix", text())
            .property("$icontains", text())
            .property("$not", reference::<Self>())
            .min_properties(Some(1))
            .description(Some("Operators that must all hold for a field; `$eq` takes any value."));
        closed(operators).into()
    }
}

impl ToSchema for ConditionSchema {
    fn name() -> Cow<'static, str> {
        "Condition".into()
    }
}

fn metadata_object() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property_names(Some(of(Type::String).pattern(Some(KEY))))
        .additional_properties(Some(
            AdditionalProperties::RefOr(reference::<MetadataValueSchema>()),
        ))
}

impl PartialSchema for MetadataSchema {
    fn schema() -> RefOr<Schema> {
        metadata_object()
            .description(Some(
                "Any JSON object of at most `metadata_bytes` (64 KiB) and `metadata_depth` (16) levels. \
                 Keys are not empty and do not start with a dollar.",
            ))
            .into()
    }
}

impl ToSchema for MetadataSchema {
    fn name() -> Cow<'static, str> {
        "Metadata".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        for (name, schema) in [
            (MetadataValueSchema::name(), MetadataValueSchema::schema()),
            (Self::name(), Self::schema()),
        ] {
            if !schemas.iter().any(|(known, _)| *known == name) {
                schemas.push((name.into_owned(), schema));
            }
        }
    }
}

impl PartialSchema for MetadataValueSchema {
    fn schema() -> RefOr<Schema> {
        scalar().item(list_of(scalar())).item(metadata_object()).into()
    }
}

impl ToSchema for MetadataValueSchema {
    fn name() -> Cow<'static, str> {
        "MetadataValue".into()
    }
}
