//! Vector fields: what is asked for, and what they say of themselves.

use std::collections::BTreeMap;

use akidb_core::{Chunking, DocumentField};
use akidb_service::{FieldDescription, GivenField, IndexStatus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Object,
    collection::{ChunkingAnswer, ChunkingSettings, given_chunking},
    document::{PassageAnswer, passages},
    index::{IndexAnswer, IndexBody, IndexSettingsAnswer, given_index},
    model::ModelIdentityAnswer,
};

/// A vector field: vectors of one length, compared with each other.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewField, example = json!({"dimension": 128, "metric": "dot"}))]
pub(crate) struct FieldBody {
    /// The loaded model that embeds its texts. Where neither model nor dimension is given, the
    /// node's default model.
    model: Option<String>,
    /// The length of its vectors, where it has no model.
    #[schema(minimum = 1, maximum = 16_384)]
    dimension: Option<u64>,
    /// `cosine` (default), `dot` or `l2`.
    #[schema(schema_with = super::schema::metric)]
    metric: Option<String>,
    #[schema(value_type = Option<IndexBody>)]
    index: Option<Object<IndexBody>>,
    /// Cuts texts into passages, each with a vector of its own; where absent, texts are truncated
    /// to the model's window.
    #[schema(value_type = Option<ChunkingSettings>)]
    chunking: Option<Object<ChunkingSettings>>,
}

impl From<FieldBody> for GivenField {
    fn from(body: FieldBody) -> Self {
        Self {
            model: body.model,
            dimension: body.dimension,
            metric: body.metric,
            index: given_index(body.index),
            chunking: given_chunking(body.chunking),
        }
    }
}

/// Other settings for a named vector field; what is absent stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FieldChange, example = json!({"index": {"ef": 200}}))]
pub(crate) struct FieldChangeBody {
    /// Other settings for its index, which is built again where it has to be, while searches go on.
    #[schema(value_type = Option<IndexBody>)]
    pub(super) index: Option<Object<IndexBody>>,
}

/// A named vector field in a list of collections.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedField)]
pub(super) struct ListedFieldAnswer {
    #[serde(flatten)]
    properties: FieldPropertiesAnswer,
    index: IndexSettingsAnswer,
}

/// A named vector field, with the state of its index.
#[derive(Serialize, ToSchema)]
#[schema(as = Field)]
pub(super) struct FieldAnswer {
    #[serde(flatten)]
    properties: FieldPropertiesAnswer,
    index: IndexAnswer,
}

/// What a vector field is.
#[derive(Serialize, ToSchema)]
#[schema(as = FieldProperties)]
struct FieldPropertiesAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<ModelIdentityAnswer>,
    /// The length of its vectors.
    dimension: u64,
    /// `cosine`, `dot` or `l2`.
    metric: &'static str,
    /// Absent where texts are truncated.
    #[serde(skip_serializing_if = "Option::is_none")]
    chunking: Option<ChunkingAnswer>,
    /// What its texts are being embedded with, to take the place of `model`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reembedding: Option<ModelIdentityAnswer>,
    /// What embedded its texts before; its vectors are kept until they are dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<ModelIdentityAnswer>,
}

impl From<FieldDescription> for FieldPropertiesAnswer {
    fn from(field: FieldDescription) -> Self {
        let chunking = field.chunking;
        Self {
            model: field.model.map(ModelIdentityAnswer::from),
            dimension: field.dimension,
            metric: field.metric.as_str(),
            chunking: chunking
                .map(|Chunking { tokens, overlap }| ChunkingAnswer { tokens, overlap }),
            reembedding: field.reembedding.map(ModelIdentityAnswer::from),
            previous: field.previous.map(ModelIdentityAnswer::from),
        }
    }
}

pub(super) fn listed(fields: Vec<FieldDescription>) -> BTreeMap<String, ListedFieldAnswer> {
    let fields = fields.into_iter().map(|field| {
        let (name, index) = (field.name.clone(), field.index.into());
        (name, ListedFieldAnswer { index, properties: field.into() })
    });
    fields.collect()
}

/// `states` are those of the indexes, by the name of the field.
pub(super) fn described(
    fields: Vec<FieldDescription>,
    states: &BTreeMap<String, IndexStatus>,
) -> BTreeMap<String, FieldAnswer> {
    let fields = fields.into_iter().map(|field| {
        let state = states.get(&field.name).copied().unwrap_or_default();
        let (name, index) = (field.name.clone(), IndexAnswer::new(field.index, state));
        (name, FieldAnswer { index, properties: field.into() })
    });
    fields.collect()
}

/// What a document has in named vector fields, as parts of an answer.
#[derive(Default)]
pub(super) struct FieldParts {
    pub(super) texts: BTreeMap<String, String>,
    pub(super) vectors: BTreeMap<String, Vec<f32>>,
    pub(super) passages: BTreeMap<String, Vec<PassageAnswer>>,
}

impl FieldParts {
    /// The parts that were asked for.
    pub(super) fn new(fields: Vec<DocumentField>, include: akidb_service::Include) -> Self {
        let mut parts = Self::default();
        for DocumentField { name, text, vector, passages: cut } in fields {
            let name = name.as_str();
            let text = text.filter(|_| include.text);
            let vector = vector.filter(|_| include.vector);
            let cut = passages(cut, include);
            parts.texts.extend(text.map(|text| (name.to_owned(), text)));
            parts.vectors.extend(vector.map(|vector| (name.to_owned(), vector)));
            if !cut.is_empty() {
                parts.passages.insert(name.to_owned(), cut);
            }
        }
        parts
    }

    /// How many numbers they carry.
    pub(super) fn numbers(
        vectors: &BTreeMap<String, Vec<f32>>,
        passages: &BTreeMap<String, Vec<PassageAnswer>>,
    ) -> usize {
        let cut = passages.values().flatten().map(|passage| passage.vector.len());
        vectors.values().map(Vec::len).chain(cut).sum()
    }
}
