//! Collections: create, list, describe, change, delete.

use std::time::{SystemTime, UNIX_EPOCH};

use akidb_core::{
    Chunking, CollectionName, Dimension, Error, ErrorCode, FieldName, KeywordSettings, Outcome,
    Result,
};
use akidb_embedding::ModelIdentity;
use akidb_engine::{Collection, CollectionRecord, CollectionSettings, CollectionStatus};
use uuid::Uuid;

use super::{
    expiry::check_ttl,
    fields::{described, described_fields, field_name},
    index_settings::changed,
};
use crate::{
    CollectionDescription, CollectionSummary, CreateCollection, GivenChunking, GivenIndex,
    Operation, RequestContext, Service, UpdateCollection, keys::outside,
};

/// Tokens of the text itself that a passage must have room for.
const PASSAGE_ROOM_MIN: u32 = 8;

/// Bytes of a description.
const DESCRIPTION_BYTES_MAX: usize = 1_024;

impl Service {
    /// Makes a collection.
    ///
    /// # Errors
    /// When the name is taken or not allowed, the model is not loaded, the dimension is not the
    /// model's, the metric is unknown, or it can not be indexed or texts not be cut as asked.
    pub async fn create_collection(
        &self,
        context: &RequestContext,
        request: CreateCollection,
    ) -> Result<CollectionDescription> {
        let name = request.name.clone();
        self.run(context, Operation::CreateCollection.on(&name), async {
            check_own_name(context, &request.name)?;
            let record = self.record_of(request)?;
            self.check_space()?;
            let created =
                self.inner.engine.create(record, self.limits().collections, context.deadline);
            let collection = created.await?;
            self.description_after_change(context, &*collection).await
        })
        .await
    }

    /// Every collection, by name.
    ///
    /// # Errors
    /// When the node takes no requests.
    pub async fn list_collections(
        &self,
        context: &RequestContext,
    ) -> Result<Vec<CollectionSummary>> {
        self.run(context, Operation::ListCollections, async {
            let principal = &context.caller.principal;
            let all = self.inner.engine.collections();
            let reached = all.iter().filter(|record| principal.reaches(record.name.as_str()));
            reached.map(|record| summary_of(record)).collect()
        })
        .await
    }

    /// A collection and its state.
    ///
    /// # Errors
    /// When there is none of the name.
    pub async fn describe_collection(
        &self,
        context: &RequestContext,
        name: &str,
    ) -> Result<CollectionDescription> {
        self.run(context, Operation::DescribeCollection.on(name), async {
            description_of(&*self.open_for(context, name)?).await
        })
        .await
    }

    /// Changes settings of a collection, its name among them, all that are given or none. Where the index has to be built
    /// again, this goes on when it returns.
    ///
    /// # Errors
    /// When there is none of the name, the new name is taken, or a value is not allowed.
    pub async fn update_collection(
        &self,
        context: &RequestContext,
        name: &str,
        request: UpdateCollection,
    ) -> Result<CollectionDescription> {
        self.run(context, Operation::UpdateCollection.on(name), async {
            // By its own name: an alias may lead elsewhere by now.
            let own_name = self.open_for(context, name)?.record().name.clone();
            self.check_space()?;
            let ef_max = self.limits().result_window;
            let renamed = request.name.as_deref().map(name_of).transpose()?;
            if let Some(renamed) = &renamed {
                check_own_name(context, renamed.as_str())?;
            }
            let change = move |record: &CollectionRecord| {
                let before = record.settings();
                let name = renamed.unwrap_or(before.name);
                let description = match request.description {
                    Some(description) => check_description(Some(description))?,
                    None => before.description,
                };
                let mut indexes = before.indexes;
                if request.index != GivenIndex::default() {
                    let field = record.unnamed_field()?;
                    let index = changed(field.index, &request.index, field.dimension, ef_max)?;
                    indexes.insert(FieldName::UNNAMED, index);
                }
                for (name, given) in request.fields {
                    let place = format!("fields.{name}");
                    let field = record.field(&field_name(&name, "fields")?)?;
                    let index = changed(field.index, &given, field.dimension, ef_max);
                    let index = index.map_err(|error| error.below(&place))?;
                    indexes.insert(field.name.clone(), index);
                }
                let ttl_seconds = match request.ttl_seconds {
                    Some(0) => None,
                    given => check_ttl(given)?.or(before.ttl_seconds),
                };
                Ok(CollectionSettings { name, description, indexes, ttl_seconds })
            };
            let change = Box::new(change);
            let updated = self.inner.engine.update(own_name.as_str(), change, context.deadline);
            self.description_after_change(context, &*updated.await?).await
        })
        .await
    }

    /// Drops a collection; its disk is free when this returns.
    ///
    /// # Errors
    /// When there is none of the name, it is named by an alias, or has one.
    pub async fn delete_collection(&self, context: &RequestContext, name: &str) -> Result<()> {
        self.run(context, Operation::DeleteCollection.on(name), async {
            check_own_name(context, name)?;
            self.inner.engine.delete(name, context.deadline).await
        })
        .await
    }

    pub(super) fn record_of(&self, request: CreateCollection) -> Result<CollectionRecord> {
        let name = name_of(&request.name)?;
        let keyword = KeywordSettings::new(request.language.as_deref(), &request.keyword_weights)?;
        let fields = self.fields_of(request.unnamed(), request.fields)?;
        let last_field = fields.iter().map(|field| field.number).max().unwrap_or(0);
        Ok(CollectionRecord {
            uuid: Uuid::now_v7(),
            name,
            aliases: Vec::new(),
            description: check_description(request.description)?,
            fields,
            shadows: Vec::new(),
            dropped_fields: Vec::new(),
            last_field,
            keyword,
            ttl_seconds: check_ttl(request.ttl_seconds)?,
            created_unix_ms: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX)),
        })
    }

    /// A dimension alone is a collection of the user's own vectors; else there is a model.
    pub(super) fn embedding_of(
        &self,
        dimension: Option<u64>,
        model: Option<&str>,
    ) -> Result<(Dimension, Option<ModelIdentity>)> {
        let given = dimension
            .map(Dimension::new)
            .transpose()
            .map_err(|fault| Error::at(ErrorCode::InvalidArgument, "dimension", fault))?;
        if let (Some(dimension), None) = (given, model) {
            return Ok((dimension, None));
        }
        let model = self.model_named(model)?.identity().clone();
        let dimension = Dimension::new(u64::from(model.dimension))
            .map_err(|fault| Error::new(ErrorCode::Internal, fault.to_string()))?;
        match given {
            Some(given) if given != dimension => Err(Error::at(
                ErrorCode::DimensionMismatch,
                "dimension",
                format_args!("is {given}, the model {} has {dimension}", model.name),
            )),
            _ => Ok((dimension, Some(model))),
        }
    }

    pub(super) fn chunking_of(
        &self,
        given: GivenChunking,
        model: Option<&ModelIdentity>,
    ) -> Result<Chunking> {
        let Some(model) = model else {
            let fault = "the collection has no model whose texts could be cut";
            return Err(Error::at(ErrorCode::InvalidArgument, "chunking", fault));
        };
        let overhead = self.model_named(Some(&model.name))?.passage_overhead()?;
        let (least, most) = (overhead + PASSAGE_ROOM_MIN, model.max_tokens);
        let tokens = given.tokens.unwrap_or(u64::from(most));
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
        if !(least..=most).contains(&tokens) {
            let fault = format_args!("must be {least} to {most}, the model's `max_tokens`");
            return Err(Error::at(ErrorCode::InvalidArgument, "chunking.tokens", fault));
        }
        let overlap_max = (tokens - overhead) / 2;
        match given.overlap.unwrap_or(0).try_into() {
            Ok(overlap) if overlap <= overlap_max => Ok(Chunking { tokens, overlap }),
            _ => {
                let fault = format_args!(
                    "must be at most {overlap_max}, half of what `tokens` leaves beside {overhead} \
                     special ones and those of the prompt"
                );
                Err(Error::at(ErrorCode::InvalidArgument, "chunking.overlap", fault))
            }
        }
    }

    /// What became of a collection by a change that is done, whether or not that can be told in time.
    pub(super) async fn description_after_change(
        &self,
        context: &RequestContext,
        collection: &dyn Collection,
    ) -> Result<CollectionDescription> {
        let described = description_of(collection);
        let described = tokio::time::timeout_at(context.deadline.into(), described).await;
        let described = described.unwrap_or_else(|_| Err(Error::too_late()));
        described.map_err(|error| error.with_outcome(Outcome::Unknown))
    }
}

/// Whether a key reaches what has, or gets, this name as its own: an alias of it does not count.
///
/// # Errors
/// `permission_denied`.
pub(super) fn check_own_name(context: &RequestContext, name: &str) -> Result<()> {
    let principal = &context.caller.principal;
    if principal.reaches(name) { Ok(()) } else { Err(outside(principal, name)) }
}

/// A name that is given to a collection.
fn name_of(given: &str) -> Result<CollectionName> {
    CollectionName::new(given).map_err(|fault| Error::at(ErrorCode::InvalidName, "name", fault))
}

pub(super) async fn description_of(collection: &dyn Collection) -> Result<CollectionDescription> {
    let CollectionStatus { document_count, last_seq, disk_bytes, indexes, lost_writes } =
        collection.status().await?;
    let record = collection.record();
    let fields = record.fields.iter();
    let indexes = fields
        .filter_map(|field| Some((field.name.as_str().to_owned(), *indexes.get(&field.number)?)));
    Ok(CollectionDescription {
        summary: summary_of(&record)?,
        document_count,
        last_seq: last_seq.0,
        disk_bytes,
        indexes: indexes.collect(),
        lost_writes,
    })
}

fn summary_of(record: &CollectionRecord) -> Result<CollectionSummary> {
    Ok(CollectionSummary {
        name: record.name.as_str().to_owned(),
        aliases: record.aliases.iter().map(|alias| alias.as_str().to_owned()).collect(),
        description: record.description.clone(),
        unnamed: record.unnamed_field().ok().map(|it| described(record, it)).transpose()?,
        fields: described_fields(record)?,
        keyword: record.keyword.clone(),
        ttl_seconds: record.ttl_seconds,
        created_unix_ms: record.created_unix_ms,
    })
}

/// The empty description is none.
fn check_description(description: Option<String>) -> Result<Option<String>> {
    let Some(description) = description.filter(|description| !description.is_empty()) else {
        return Ok(None);
    };
    if description.len() > DESCRIPTION_BYTES_MAX || description.contains('\0') {
        let fault = format_args!(
            "must be at most {DESCRIPTION_BYTES_MAX} bytes without NUL, has {} bytes",
            description.len()
        );
        return Err(Error::at(ErrorCode::InvalidArgument, "description", fault));
    }
    Ok(Some(description))
}
