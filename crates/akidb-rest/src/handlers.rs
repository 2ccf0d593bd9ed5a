//! The handlers: decode, call one method of the service, encode.

pub(crate) mod aliases;
pub(crate) mod backups;
pub(crate) mod collections;
pub(crate) mod documents;
pub(crate) mod embed;
pub(crate) mod keys;
pub(crate) mod models;
pub(crate) mod node;
pub(crate) mod openai;
pub(crate) mod search;
pub(crate) mod tasks;

use crate::{failure::Failure, json::Reply};

/// What a handler answers.
pub(crate) type Answer<T> = Result<Reply<T>, Failure>;
