//! A collection that is there, or is made: for those who do not know which, such as a program at its
//! start.

use std::fmt::Display;

use akidb_core::{Error, ErrorCode, Expiry, Result};
use akidb_embedding::ModelIdentity;
use akidb_engine::{CollectionRecord, VectorField};

use super::{
    collection::{check_own_name, description_of},
    models::model_identity,
};
use crate::{CreateCollection, GivenIndex, Operation, PutReply, RequestContext, Service};

/// How often a collection is looked for that others make and drop meanwhile.
const ATTEMPTS_MAX: u32 = 3;

impl Service {
    /// The collection of a name, which is made where there is none. One that is there must be what
    /// the request would make. What can be changed, its description and its index, is compared where
    /// it is given.
    ///
    /// # Errors
    /// `collection_differs`, which names what differs, and those of
    /// [`create_collection`](Self::create_collection).
    pub async fn put_collection(
        &self,
        context: &RequestContext,
        request: CreateCollection,
    ) -> Result<PutReply> {
        let name = request.name.clone();
        let put = self.found_or_created(context, request);
        self.run(context, Operation::PutCollection.on(&name), put).await
    }

    async fn found_or_created(
        &self,
        context: &RequestContext,
        request: CreateCollection,
    ) -> Result<PutReply> {
        check_own_name(context, &request.name)?;
        let record = self.record_of(request.clone())?;
        let mut attempt = 1;
        loop {
            match self.open_for(context, record.name.as_str()) {
                Ok(collection) => {
                    check_same(&collection.record(), &record, &request)?;
                    let collection = description_of(&*collection).await?;
                    return Ok(PutReply { collection, created: false });
                }
                Err(error) if error.code == ErrorCode::CollectionNotFound => {}
                Err(error) => return Err(error),
            }
            self.check_space()?;
            let (max, deadline) = (self.limits().collections, context.deadline);
            match self.inner.engine.create(record.clone(), max, deadline).await {
                Ok(collection) => {
                    let collection = self.description_after_change(context, &*collection).await?;
                    return Ok(PutReply { collection, created: true });
                }
                // Somebody made it meanwhile.
                Err(error)
                    if matches!(
                        error.code,
                        ErrorCode::CollectionExists | ErrorCode::AliasExists
                    ) =>
                {
                    if attempt == ATTEMPTS_MAX {
                        return Err(error);
                    }
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Compares a collection with the one that the request would make.
fn check_same(
    found: &CollectionRecord,
    asked: &CollectionRecord,
    request: &CreateCollection,
) -> Result<()> {
    let mut faults = Vec::new();
    let mut differs = |field: &str, found: &dyn Display, asked: &dyn Display| {
        let fault = format!("is {asked}, the collection has {found}");
        faults.push(Error::at(ErrorCode::CollectionDiffers, field, fault));
    };
    if shown_fields(found) != shown_fields(asked) {
        differs("fields", &shown_fields(found), &shown_fields(asked));
        return Error::collect(faults).map_or(Ok(()), Err);
    }
    for (found, asked) in found.fields.iter().zip(&asked.fields) {
        let named = request.fields.iter().find(|(name, _)| name == asked.name.as_str());
        let given = named.map_or(&request.index, |(_, given)| &given.index);
        let of_field = |name: &str| match asked.name.as_str() {
            "" => name.to_owned(),
            field => format!("fields.{field}.{name}"),
        };
        let mut differs_there = |name: &str, found: &dyn Display, asked: &dyn Display| {
            differs(&of_field(name), found, asked);
        };
        compare_fields(found, asked, given, &mut differs_there)?;
    }
    if request.language.is_some() && found.keyword.language() != asked.keyword.language() {
        differs("language", &found.keyword.language(), &asked.keyword.language());
    }
    if !request.keyword_weights.is_empty() && found.keyword.weights() != asked.keyword.weights() {
        let shown = |record: &CollectionRecord| serde_json::json!(record.keyword.weights());
        differs("keyword.weights", &shown(found), &shown(asked));
    }
    if request.ttl_seconds.is_some() && found.ttl_seconds != asked.ttl_seconds {
        let shown = |record: &CollectionRecord| match record.ttl_seconds {
            Some(seconds) => seconds.to_string(),
            None => Expiry::NEVER.to_owned(),
        };
        differs("ttl_seconds", &shown(found), &shown(asked));
    }
    if request.description.is_some() && found.description != asked.description {
        let shown = |record: &CollectionRecord| {
            format!("{:?}", record.description.as_deref().unwrap_or(""))
        };
        differs("description", &shown(found), &shown(asked));
    }
    Error::collect(faults).map_or(Ok(()), Err)
}

fn compare_fields(
    found: &VectorField,
    asked: &VectorField,
    given: &GivenIndex,
    differs: &mut impl FnMut(&str, &dyn Display, &dyn Display),
) -> Result<()> {
    let (model, asked_model) = (model_identity(found)?, model_identity(asked)?);
    if model != asked_model {
        differs("model", &shown_model(model.as_ref()), &shown_model(asked_model.as_ref()));
    }
    if found.dimension != asked.dimension {
        differs("dimension", &found.dimension, &asked.dimension);
    }
    if found.metric != asked.metric {
        differs("metric", &found.metric, &asked.metric);
    }
    if found.chunking != asked.chunking {
        differs("chunking", &shown_chunking(found), &shown_chunking(asked));
    }
    let GivenIndex { engine, m, ef_construction, ef, quantization } = given;
    let of_graph = [m.is_some(), ef_construction.is_some(), ef.is_some(), quantization.is_some()];
    // Settings of a graph mean an engine that has one.
    let has_engine = engine.is_some() || of_graph.contains(&true);
    let (have, want) = (found.index, asked.index);
    if has_engine && have.engine != want.engine {
        differs("index.engine", &have.engine, &want.engine);
    }
    for (field, is_given, have, want) in [
        ("index.m", of_graph[0], have.m, want.m),
        ("index.ef_construction", of_graph[1], have.ef_construction, want.ef_construction),
        ("index.ef", of_graph[2], have.ef, want.ef),
    ] {
        if is_given && have != want {
            differs(field, &have, &want);
        }
    }
    if of_graph[3] && have.quantization != want.quantization {
        differs("index.quantization", &have.quantization, &want.quantization);
    }
    Ok(())
}

/// The vector fields of a collection, by their names alone.
fn shown_fields(record: &CollectionRecord) -> String {
    let names = record.fields.iter().map(|field| match field.name.as_str() {
        "" => "the unnamed one",
        name => name,
    });
    names.collect::<Vec<_>>().join(", ")
}

fn shown_chunking(field: &VectorField) -> String {
    field.chunking.map_or_else(
        || "none".to_owned(),
        |it| format!("passages of {} tokens, {} of them shared", it.tokens, it.overlap),
    )
}

/// What tells one model from another for people: two of one name have other weights or prompts.
fn shown_model(model: Option<&ModelIdentity>) -> String {
    model.map_or_else(
        || "none".to_owned(),
        |it| {
            let weights: String = it.weights_sha256.chars().take(12).collect();
            format!("{} ({}, weights {weights})", it.name, it.precision)
        },
    )
}
