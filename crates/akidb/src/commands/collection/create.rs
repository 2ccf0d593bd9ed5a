//! `akidb collection create`

use akidb_client::Request;
use akidb_core::read_json;
use clap::Args;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{COLLECTIONS, index::IndexSettings};
use crate::{
    commands::show,
    connection::{NodeArgs, Opening, with_node},
    failure::Result,
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::waiting,
};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb collection create films
  $ akidb collection create books --chunk-tokens 128 --chunk-overlap 16
  $ akidb collection create faces --dimension 512 --metric l2
  $ akidb collection create words --m 32 --ef 200
  $ akidb collection create books --field 'title={}' --field 'own={\"dimension\":128}'
  $ akidb collection create filme --language de --keyword-weight title=3
  $ akidb collection create films --if-absent

Without --model and --dimension the node's own model embeds the texts of the collection.")]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    settings: CollectionSettings,
    /// Take a collection of this name that is there, where it has these settings
    #[arg(long)]
    if_absent: bool,
    #[command(flatten)]
    node: NodeArgs,
}

/// The body of the request.
#[derive(Args, Debug, Serialize)]
struct CollectionSettings {
    /// 1 to 64 of A-Z a-z 0-9 _ -
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    /// The model that embeds its texts
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// The length of its vectors, for a collection that you give vectors to
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    dimension: Option<u64>,
    /// How vectors are compared: cosine, dot or l2; cosine if not given
    #[arg(long, value_name = "METRIC")]
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<String>,
    #[command(flatten)]
    #[serde(skip_serializing_if = "Chunking::is_absent")]
    chunking: Chunking,
    #[command(flatten)]
    #[serde(skip_serializing_if = "IndexSettings::is_absent")]
    index: IndexSettings,
    /// A line for people
    #[arg(long, value_name = "TEXT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// The language of its words: auto, none or a code such as de; auto if not given
    #[arg(long, value_name = "LANGUAGE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    #[command(flatten)]
    #[serde(skip_serializing_if = "Keyword::is_absent")]
    keyword: Keyword,
    /// Seconds after its write until a document expires that does not say when; it stays if not given
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_seconds: Option<u64>,
    /// A named vector field and its settings; may be given several times. The collection has the
    /// unnamed field as well if one of the options above says something of it
    #[arg(long = "field", value_name = "NAME=JSON", value_parser = named_field)]
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_object")]
    fields: Vec<(String, Value)>,
}

/// `title={"model": "minilm"}`.
fn named_field(given: &str) -> Result<(String, Value), String> {
    let (name, settings) = given.split_once('=').ok_or("expected NAME=JSON")?;
    let settings = read_json(settings).map_err(|error| error.to_string())?;
    Ok((name.to_owned(), settings))
}

fn as_object<S: Serializer>(
    named: &[(String, impl Serialize)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    // One that is given twice is there twice, for the node to refuse.
    serializer.collect_map(named.iter().map(|(name, value)| (name, value)))
}

/// What words count.
#[derive(Args, Debug, Serialize)]
struct Keyword {
    /// What a word counts where it stands in a metadata field, or in `text`; may be given several times
    #[arg(long = "keyword-weight", value_name = "NAME=NUMBER", value_parser = weight)]
    #[serde(serialize_with = "as_object")]
    weights: Vec<(String, u64)>,
}

impl Keyword {
    fn is_absent(&self) -> bool {
        self.weights.is_empty()
    }
}

/// `title=3`
fn weight(given: &str) -> Result<(String, u64), String> {
    let (name, weight) = given.rsplit_once('=').ok_or("expected NAME=NUMBER")?;
    let weight = weight.parse().map_err(|error| format!("{weight:?}: {error}"))?;
    Ok((name.to_owned(), weight))
}

/// Either option alone cuts texts too.
#[derive(Args, Debug, Serialize)]
pub(super) struct Chunking {
    /// Cut texts into passages of at most so many tokens; texts are truncated if not given
    #[arg(long = "chunk-tokens", value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<u64>,
    /// Tokens that a passage may share with the one before; 0 if not given
    #[arg(long = "chunk-overlap", value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    overlap: Option<u64>,
}

impl Chunking {
    pub(super) fn is_absent(&self) -> bool {
        self.tokens.is_none() && self.overlap.is_none()
    }
}

pub(super) async fn run(
    mut args: CreateArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    // A collection of vectors alone can be made where no model is installed.
    let opening = if args.settings.dimension.is_some() && args.settings.model.is_none() {
        Opening::NEW_DIRECTORY
    } else {
        Opening::NEW_DIRECTORY.with_model()
    };
    let request = if args.if_absent {
        // The name stands in the path.
        let name = std::mem::take(&mut args.settings.name);
        let [version, collections] = COLLECTIONS;
        Request::put(&[version, collections, &name])
    } else {
        Request::post(&COLLECTIONS)
    };
    let request = request.json(&args.settings);
    let collection: Value = with_node(&args.node, configuration, opening, async |client| {
        Ok(waiting("creating the collection", client.send(request.clone())).await?)
    })
    .await?;
    printer.answer(&collection, || show::properties(&collection))
}
