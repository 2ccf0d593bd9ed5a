//! Vector fields: what one is made of, added to a collection, dropped from it.

use akidb_core::{Error, ErrorCode, FieldName, IndexSettings, Metric, Result};
use akidb_engine::{CollectionRecord, ShadowRole, VectorField};

use super::{collection::description_of, index_settings::changed, models::model_identity};
use crate::{FieldDescription, GivenField, Operation, PutFieldReply, RequestContext, Service};

impl Service {
    /// Adds a vector field to a collection, in which no document has a vector yet. One of the name that
    /// is there must be what the request would make; its index is compared where it is given.
    ///
    /// # Errors
    /// `field_exists`, which names what differs; when the name is not allowed, the model is not loaded,
    /// or a setting is not allowed.
    pub async fn put_field(
        &self,
        context: &RequestContext,
        collection: &str,
        name: &str,
        given: GivenField,
    ) -> Result<PutFieldReply> {
        self.run(context, Operation::PutField.on(collection), async {
            let name = field_name(name, "field")?;
            let asked = self.field_of(name, given.clone())?;
            let record = self.open_for(context, collection)?.record();
            if let Ok(found) = record.field(&asked.name) {
                check_same(found, &asked, &given)?;
                let collection = description_of(&*self.open_for(context, collection)?).await?;
                return Ok(PutFieldReply { collection, created: false });
            }
            check_count(record.fields.len() + 1, self.limits().collection_fields)?;
            self.check_space()?;
            // By its own name: an alias may lead elsewhere by now.
            let collection = record.name.as_str();
            let added = self.inner.engine.add_field(collection, asked, context.deadline);
            let collection = self.description_after_change(context, &*added.await?).await?;
            Ok(PutFieldReply { collection, created: true })
        })
        .await
    }

    /// Drops a vector field with all vectors and texts in it. Documents stay.
    ///
    /// # Errors
    /// When there is no such collection or field, it is the only one or the unnamed one, or a task embeds its
    /// texts.
    pub async fn drop_field(
        &self,
        context: &RequestContext,
        collection: &str,
        name: &str,
    ) -> Result<()> {
        self.run(context, Operation::DropField.on(collection), async {
            let name = field_name(name, "field")?;
            let record = self.open_for(context, collection)?.record();
            self.inner.tasks.check_reembedding(record.uuid, &name)?;
            let collection = record.name.as_str();
            self.inner.engine.drop_field(collection, &name, context.deadline).await?;
            Ok(())
        })
        .await
    }

    /// The fields of a new collection: those that the request names, and the unnamed one where it says
    /// anything of that, or names none.
    pub(super) fn fields_of(
        &self,
        unnamed: GivenField,
        named: Vec<(String, GivenField)>,
    ) -> Result<Vec<VectorField>> {
        let mut fields = Vec::with_capacity(named.len() + 1);
        if named.is_empty() || unnamed != GivenField::default() {
            fields.push(self.field_of(FieldName::UNNAMED, unnamed)?);
        }
        for (name, given) in named {
            let place = format!("fields.{name}");
            let name = field_name(&name, "fields")?;
            fields.push(self.field_of(name, given).map_err(|error| error.below(&place))?);
        }
        check_count(fields.len(), self.limits().collection_fields)?;
        fields.sort_by(|left, right| left.name.cmp(&right.name));
        if let Some([one, _]) = fields.array_windows().find(|[one, next]| one.name == next.name) {
            let fault = format!("has {} twice", one.name);
            return Err(Error::at(ErrorCode::InvalidArgument, "fields", fault));
        }
        let named = fields.iter_mut().filter(|field| !field.name.is_unnamed());
        for (number, field) in (1..).zip(named) {
            field.number = number;
        }
        Ok(fields)
    }

    /// A field as a request asks for it. Its number is not given yet.
    fn field_of(&self, name: FieldName, given: GivenField) -> Result<VectorField> {
        let metric = match given.metric.as_deref() {
            Some(metric) => metric
                .parse()
                .map_err(|fault| Error::at(ErrorCode::InvalidArgument, "metric", fault))?,
            None => Metric::default(),
        };
        let (dimension, model) = self.embedding_of(given.dimension, given.model.as_deref())?;
        let ef_max = self.limits().result_window;
        let index = changed(IndexSettings::default(), &given.index, dimension, ef_max)?;
        let chunking = given.chunking.map(|given| self.chunking_of(given, model.as_ref()));
        Ok(VectorField {
            number: 0,
            name,
            dimension,
            metric,
            index,
            chunking: chunking.transpose()?,
            model: model.map(|model| serde_json::json!(model).to_string()),
        })
    }
}

/// The name of a named field.
pub(super) fn field_name(given: &str, place: &str) -> Result<FieldName> {
    match FieldName::new(given) {
        Ok(name) if !name.is_unnamed() => Ok(name),
        Ok(_) => {
            let fault = "\"\" is no name: the unnamed field is asked for by naming none";
            Err(Error::at(ErrorCode::InvalidName, place, fault))
        }
        Err(fault) => Err(Error::at(ErrorCode::InvalidName, place, fault)),
    }
}

fn check_count(count: usize, limit: usize) -> Result<()> {
    match count > limit {
        true => Err(crate::failure::above_limit("fields", count, "collection_fields", limit)),
        false => Ok(()),
    }
}

fn check_same(found: &VectorField, asked: &VectorField, given: &GivenField) -> Result<()> {
    let (model, asked_model) = (model_identity(found)?, model_identity(asked)?);
    let differs = [
        ("model", model != asked_model),
        ("dimension", found.dimension != asked.dimension),
        ("metric", found.metric != asked.metric),
        ("chunking", found.chunking != asked.chunking),
        ("index", given.index != crate::GivenIndex::default() && found.index != asked.index),
    ];
    let differs: Vec<&str> =
        differs.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect();
    if differs.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the vector field {:?} exists already, with another {}",
        found.name.as_str(),
        differs.join(" and another ")
    );
    Err(Error::new(ErrorCode::FieldExists, message))
}

/// The named fields of a collection, in the order of their names.
pub(super) fn described_fields(record: &CollectionRecord) -> Result<Vec<FieldDescription>> {
    let named = record.fields.iter().filter(|field| !field.name.is_unnamed());
    named.map(|field| described(record, field)).collect()
}

pub(super) fn described(
    record: &CollectionRecord,
    field: &VectorField,
) -> Result<FieldDescription> {
    let beside = |role| match record.shadow(&field.name).filter(|shadow| shadow.role == role) {
        Some(shadow) => model_identity(&shadow.field),
        None => Ok(None),
    };
    Ok(FieldDescription {
        name: field.name.as_str().to_owned(),
        model: model_identity(field)?,
        dimension: field.dimension.get() as u64,
        metric: field.metric,
        index: field.index,
        chunking: field.chunking,
        reembedding: beside(ShadowRole::Filling)?,
        previous: beside(ShadowRole::Kept)?,
    })
}
