//! The models of the node: which there are, loading and unloading them, and which one is meant.

use std::sync::Arc;

use akidb_core::{Error, ErrorCode, Result};
use akidb_embedding::{ModelIdentity, ModelKind};
use akidb_engine::{StorageEngine, VectorField};

use crate::{
    InUse, ModelInfo, ModelState, Operation, RequestContext, Service,
    models::{Model, Models, no_model},
    operations::upsert::filling,
};

/// Collections that a refusal names.
const COLLECTIONS_NAMED: usize = 5;

impl Service {
    /// Every model of the configuration with its state, by name; none where embedding is disabled.
    ///
    /// # Errors
    /// When the node takes no requests.
    pub async fn models(&self, context: &RequestContext) -> Result<Vec<ModelInfo>> {
        self.run(context, Operation::Models, async {
            Ok(self.inner.models.as_ref().map(|models| models.all()).unwrap_or_default())
        })
        .await
    }

    /// One model with its state, the default one where no name is given.
    ///
    /// # Errors
    /// When the configuration does not list it.
    pub async fn model(&self, context: &RequestContext, name: Option<&str>) -> Result<ModelInfo> {
        self.run(context, Operation::Models, async { self.all_models()?.info(name) }).await
    }

    /// What the vectors of the models are that can be used now, under the names that requests give.
    ///
    /// # Errors
    /// When the node takes no requests.
    pub async fn ready_models(&self, context: &RequestContext) -> Result<Vec<ModelIdentity>> {
        let models = self.models(context).await?.into_iter();
        let embedders = models.filter(|model| model.kind == Some(ModelKind::Embedder));
        let ready = embedders.filter_map(|model| {
            let identity = model.identity?;
            Some(ModelIdentity { name: model.name, ..identity })
        });
        Ok(ready.collect())
    }

    /// What the vectors of a model are.
    ///
    /// # Errors
    /// When the configuration does not list it, or it can not be used now.
    pub async fn ready_model(&self, context: &RequestContext, name: &str) -> Result<ModelIdentity> {
        self.run(context, Operation::Models, async {
            let identity = self.model_named(Some(name))?.identity().clone();
            Ok(ModelIdentity { name: name.to_owned(), ..identity })
        })
        .await
    }

    /// Begins to load a model and answers at once; its state says how it goes on. One that is
    /// loaded stays as it is.
    ///
    /// # Errors
    /// When the configuration does not list it, or it is being unloaded.
    pub async fn load_model(&self, context: &RequestContext, name: &str) -> Result<ModelInfo> {
        self.run(context, Operation::LoadModel.about(name), async { self.all_models()?.load(name) })
            .await
    }

    /// Takes no more texts for a model, embeds those that wait, and gives its memory back.
    ///
    /// # Errors
    /// When the configuration does not list it, it is being loaded, or collections use it and
    /// `in_use` refuses that.
    pub async fn unload_model(
        &self,
        context: &RequestContext,
        name: &str,
        in_use: InUse,
    ) -> Result<ModelInfo> {
        self.run(context, Operation::UnloadModel.about(name), async {
            let models = self.all_models()?;
            models.info(Some(name))?;
            if in_use == InUse::Refuse {
                self.refuse_when_used(models, name)?;
            }
            models.unload(name).await
        })
        .await
    }

    /// The ready model of a name, or the default one, which makes vectors.
    pub(crate) fn model_named(&self, name: Option<&str>) -> Result<Arc<Model>> {
        let model = self.all_models()?.named(name)?;
        match model.kind() {
            ModelKind::Embedder => Ok(model),
            kind @ ModelKind::Reranker(_) => {
                let message = format!("the model {} {}", model.identity().name, kind.describe());
                Err(Error::new(ErrorCode::InvalidArgument, message))
            }
        }
    }

    /// The ready model of a name, whatever it does.
    pub(super) fn any_model_named(&self, name: &str) -> Result<Arc<Model>> {
        self.all_models()?.named(Some(name))
    }

    /// The model of a vector field, which must be the very one that made its vectors.
    pub(crate) fn model_of(&self, field: &VectorField) -> Result<Arc<Model>> {
        let Some(expected) = model_identity(field)? else {
            return Err(Error::new(ErrorCode::ModelMismatch, without_model(field)));
        };
        self.all_models()?.of_identity(&expected)
    }

    /// Begins to load a model that a task needs and that is not loaded: a node before may have had it.
    pub(super) fn load_for(&self, name: &str) {
        let Some(models) = &self.inner.models else { return };
        if models.info(Some(name)).is_ok_and(|model| model.state == ModelState::Unloaded) {
            // A request of before was allowed to name it.
            let _ = models.load(name);
        }
    }

    /// Whether clients are known to number tokens as the models do.
    pub(super) fn accepts_token_ids(&self) -> bool {
        self.inner.models.as_ref().is_some_and(|models| models.accepts_token_ids())
    }

    fn all_models(&self) -> Result<&Arc<Models>> {
        self.inner.models.as_ref().ok_or_else(no_model)
    }

    fn refuse_when_used(&self, models: &Models, name: &str) -> Result<()> {
        let mut names = Vec::new();
        let all = self.inner.engine.collections();
        for record in &all {
            // What is filled needs its model; what is kept does not.
            let filling = filling(record).map(|shadow| &shadow.field);
            for field in record.fields.iter().chain(filling) {
                if model_identity(field)?.is_some_and(|it| models.listed_name(&it) == name) {
                    names.push(record.name.as_str());
                    break;
                }
            }
        }
        if names.is_empty() {
            return Ok(());
        }
        let named = names.iter().take(COLLECTIONS_NAMED).copied().collect::<Vec<_>>().join(", ");
        let others = names.len().saturating_sub(COLLECTIONS_NAMED);
        let others = if others == 0 { String::new() } else { format!(" and {others} more") };
        let message = format!(
            "the model {name} is used by the collections {named}{others}; \
             hint: with force their texts are refused until it is loaded again"
        );
        Err(Error::new(ErrorCode::ModelInUse, message))
    }
}

/// The models of all collections. One that can not be read is an error of the requests that need it.
pub(crate) fn models_of_collections(engine: &dyn StorageEngine) -> Vec<ModelIdentity> {
    let records = engine.collections();
    let fields = records
        .iter()
        .flat_map(|record| record.fields.iter().chain(filling(record).map(|shadow| &shadow.field)));
    fields.filter_map(|field| model_identity(field).ok().flatten()).collect()
}

/// What is said of a text for a field that embeds none.
pub(super) fn without_model(field: &VectorField) -> String {
    match field.name.as_str() {
        "" => "the collection has no model to embed text with, give a vector".to_owned(),
        name => format!("the vector field {name} has no model to embed text with, give a vector"),
    }
}

/// The model of a field, absent for vectors only.
///
/// # Errors
/// When it is not what this service writes.
pub(super) fn model_identity(field: &VectorField) -> Result<Option<ModelIdentity>> {
    let model = field.model.as_deref().map(serde_json::from_str).transpose();
    model.map_err(|error| {
        let message = format!("the stored model of a vector field can not be read: {error}");
        Error::new(ErrorCode::StorageFailed, message)
    })
}
