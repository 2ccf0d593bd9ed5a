//! The JSON shapes of requests and replies, and their conversions from and to the service's types.
//!
//! A wire type only says which names and JSON types there are; the service says which values are
//! allowed.

mod alias;
mod backup;
mod collection;
mod document;
mod document_write;
mod embed;
mod error;
mod facet;
mod field;
mod id;
mod import;
mod include;
mod index;
mod json_value;
mod key;
mod list;
mod model;
mod named;
mod node;
mod number;
mod object;
mod openai;
mod order;
mod rerank;
mod schema;
mod search;
mod shown;
mod task;
mod user_schema;

pub(crate) use alias::{AliasListAnswer, ChangeAliasesBody};
pub(crate) use backup::{BackupAnswer, BackupListAnswer};
pub(crate) use collection::{
    CollectionAnswer, CollectionDeletedAnswer, CollectionListAnswer, CreateCollectionBody,
    PutCollectionBody, UpdateCollectionBody,
};
pub(crate) use document::{
    CountAnswer, CountBody, DeleteAnswer, DeleteBody, DocumentAnswer, DocumentListAnswer, GetBody,
    ScrollAnswer, ScrollBody,
};
pub(crate) use document_write::{
    NewDocumentBody, PatchDocumentBody, UpdateAnswer, UpdateBody, UpsertAnswer, UpsertBody,
};
pub(crate) use embed::{EmbedAnswer, EmbedBody};
pub(crate) use error::ErrorAnswer;
pub(crate) use facet::{FacetsAnswer, FacetsBody};
pub(crate) use field::FieldBody;
pub(crate) use id::{Id, IdType};
pub(crate) use import::{ImportAnswer, ImportFields, ToldLines};
pub(crate) use include::include_from;
pub(crate) use json_value::JsonValue;
pub(crate) use key::{IssuedKeyAnswer, KeyAnswer, KeyListAnswer, NewKeyBody, RotateKeyBody};
pub(crate) use list::{LIST_TOO_LONG, List};
pub(crate) use model::{ModelAnswer, ModelListAnswer};
pub(crate) use named::Named;
pub(crate) use node::{AliveAnswer, LimitListAnswer, ReadyAnswer, VersionAnswer};
pub(crate) use number::Vector;
pub(crate) use object::Object;
pub(crate) use openai::{
    OpenAiEmbeddingsAnswer, OpenAiEmbeddingsBody, OpenAiErrorAnswer, OpenAiModelAnswer,
    OpenAiModelListAnswer,
};
pub(crate) use rerank::{RerankAnswer, RerankBody};
pub(crate) use search::{SearchAnswer, SearchBatchAnswer, SearchBatchBody, SearchBody};
pub(crate) use task::{
    CopyCollectionBody, DropPreviousBody, ReembedCollectionBody, TaskAnswer, TaskListAnswer,
};

use std::time::Duration;

/// Milliseconds with three decimals.
pub(crate) fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

/// Reads a field that may be `null` on purpose: absent is `None`, `null` is `Some(None)`.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    serde::Deserialize::deserialize(deserializer).map(Some)
}
