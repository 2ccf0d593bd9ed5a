//! Document ids on the wire: a JSON string or a JSON integer.

use std::{fmt, str::FromStr};

use akidb_core::{DocumentId, ErrorCode};
use akidb_service::GivenId;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, Visitor},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type},
    },
};

/// An id of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Id(pub(crate) GivenId);

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = Id;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a 64-bit signed integer")
    }

    fn visit_i64<E: Error>(self, id: i64) -> Result<Id, E> {
        Ok(Id(GivenId::Integer(id)))
    }

    fn visit_u64<E: Error>(self, id: u64) -> Result<Id, E> {
        let id = i64::try_from(id).map_err(|_| {
            let given = serde::de::Unexpected::Unsigned(id);
            E::invalid_value(given, &self)
        })?;
        Ok(Id(GivenId::Integer(id)))
    }

    fn visit_str<E: Error>(self, id: &str) -> Result<Id, E> {
        Ok(Id(GivenId::Text(id.to_owned())))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

/// The id of a reply, as it was given.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct StoredId(pub(crate) DocumentId);

/// How an id of a path is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdType {
    String,
    Integer,
}

impl FromStr for IdType {
    type Err = akidb_core::Error;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        match given {
            "string" => Ok(Self::String),
            "integer" => Ok(Self::Integer),
            _ => {
                let given: String = given.chars().take(80).collect();
                let description =
                    format!("{given:?} is not a type of ids, allowed are string and integer");
                Err(akidb_core::Error::at(ErrorCode::InvalidArgument, "type", description))
            }
        }
    }
}

fn id_schema() -> RefOr<Schema> {
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(DocumentId::TEXT_BYTES_MAX));
    let integer = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
    OneOfBuilder::new()
        .item(text)
        .item(integer)
        .description(Some(
            "A string of 1 to 512 bytes or an integer; `5` and `\"5\"` are different ids.",
        ))
        .into()
}

impl PartialSchema for Id {
    fn schema() -> RefOr<Schema> {
        id_schema()
    }
}

impl ToSchema for Id {
    fn name() -> std::borrow::Cow<'static, str> {
        "DocumentId".into()
    }
}

impl PartialSchema for StoredId {
    fn schema() -> RefOr<Schema> {
        id_schema()
    }
}

impl ToSchema for StoredId {
    fn name() -> std::borrow::Cow<'static, str> {
        "DocumentId".into()
    }
}
