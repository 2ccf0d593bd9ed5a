//! A client of a running node, over REST and gRPC, with what the benchmarks need.
//!
//! Out of scope: retries. A benchmark that is refused has failed.

mod access;
mod grpc;
mod rest;

use std::ops::Range;

use akidb_client::Retries;
use akidb_core::Metric;
use anyhow::bail;
use clap::{Args, ValueEnum};

pub(crate) use self::access::Access;
use crate::dataset::Dataset;

/// Which node, and through which doors.
#[derive(Args, Debug)]
pub(crate) struct NodeArguments {
    /// Where REST of the node is, such as http://127.0.0.1:8080
    #[arg(long, value_name = "URL")]
    rest: Option<String>,
    /// Where gRPC of the node is, such as http://127.0.0.1:9090
    #[arg(long, value_name = "URL")]
    grpc: Option<String>,
    /// Which of them to measure; those that are given where this is absent
    #[arg(long, value_enum)]
    door: Option<DoorChoice>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DoorChoice {
    Rest,
    Grpc,
    Both,
}

impl NodeArguments {
    /// The endpoints to measure, at least one.
    pub(crate) fn endpoints(&self) -> anyhow::Result<Vec<Endpoint>> {
        let mut endpoints = Vec::new();
        for (door, choice, url) in
            [(Door::Grpc, DoorChoice::Grpc, &self.grpc), (Door::Rest, DoorChoice::Rest, &self.rest)]
        {
            let wanted = self.door.is_none_or(|door| door == choice || door == DoorChoice::Both);
            match url {
                Some(url) if wanted => endpoints.push(Endpoint::open(door, url.clone())),
                None if wanted && self.door.is_some() => {
                    bail!("--door asks for {}, give --{0} URL", door.as_str())
                }
                _ => {}
            }
        }
        if endpoints.is_empty() {
            bail!("no node to measure, give --rest URL or --grpc URL of a running one");
        }
        Ok(endpoints)
    }
}

/// What comes with the hits of a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum HitParts {
    /// Their ids.
    #[default]
    Ids,
    /// And their metadata, for which the documents are read.
    Metadata,
}

/// A way into a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Rest,
    Grpc,
}

impl Door {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Grpc => "grpc",
        }
    }
}

/// Where a door is.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) door: Door,
    pub(crate) url: String,
    pub(crate) access: Access,
}

impl Endpoint {
    /// Of a node that asks for nothing.
    pub(crate) fn open(door: Door, url: String) -> Self {
        Self { door, url, access: Access::default() }
    }

    /// A client with a connection of its own.
    pub(crate) async fn connect(&self) -> anyhow::Result<Client> {
        Ok(match self.door {
            Door::Rest => Client::Rest(rest::Client::new(self)?),
            Door::Grpc => Client::Grpc(Box::new(grpc::Client::connect(self).await?)),
        })
    }
}

/// A client of REST that tells the first error.
pub(crate) fn rest_client(url: &str) -> anyhow::Result<akidb_client::Client> {
    Ok(akidb_client::Client::new(url)?.with_retries(Retries::NONE))
}

/// The sum of a metric of a page of metrics over its labels.
pub(crate) fn metric(page: &str, name: &str) -> f64 {
    let values = page.lines().filter_map(|line| {
        let (labels, value) = line.strip_prefix(name)?.rsplit_once(' ')?;
        (labels.is_empty() || labels.starts_with('{')).then(|| value.parse::<f64>().ok())?
    });
    values.sum()
}

/// One connection to a node.
pub(crate) enum Client {
    Rest(rest::Client),
    Grpc(Box<grpc::Client>),
}

impl Client {
    /// Creates a collection of the user's own vectors.
    pub(crate) async fn create_collection(
        &mut self,
        name: &str,
        dimension: usize,
        metric: Metric,
    ) -> anyhow::Result<()> {
        match self {
            Self::Rest(client) => client.create_collection(name, dimension, metric).await,
            Self::Grpc(client) => client.create_collection(name, dimension, metric).await,
        }
    }

    /// Drops a collection.
    pub(crate) async fn delete_collection(&mut self, name: &str) -> anyhow::Result<()> {
        match self {
            Self::Rest(client) => client.delete_collection(name).await,
            Self::Grpc(client) => client.delete_collection(name).await,
        }
    }

    /// Whether the index of a collection is what its settings ask for, its graph with all vectors.
    pub(crate) async fn is_index_complete(&mut self, name: &str) -> anyhow::Result<bool> {
        match self {
            Self::Rest(client) => client.is_index_complete(name).await,
            Self::Grpc(client) => client.is_index_complete(name).await,
        }
    }

    /// The vectors of texts by the node's default model, in their order.
    pub(crate) async fn embed(&mut self, texts: &[String]) -> anyhow::Result<Vec<Vec<f32>>> {
        match self {
            Self::Rest(client) => client.embed(texts).await,
            Self::Grpc(client) => client.embed(texts).await,
        }
    }

    /// Inserts a batch and returns how many documents were new.
    pub(crate) async fn upsert(&mut self, name: &str, batch: Batch<'_>) -> anyhow::Result<usize> {
        match self {
            Self::Rest(client) => client.upsert(name, batch).await,
            Self::Grpc(client) => client.upsert(name, batch).await,
        }
    }

    /// How many documents a collection has.
    pub(crate) async fn count(&mut self, name: &str) -> anyhow::Result<u64> {
        match self {
            Self::Rest(client) => client.count(name).await,
            Self::Grpc(client) => client.count(name).await,
        }
    }

    /// The vector of a stored document.
    pub(crate) async fn vector(&mut self, name: &str, row: usize) -> anyhow::Result<Vec<f32>> {
        match self {
            Self::Rest(client) => client.vector(name, row).await,
            Self::Grpc(client) => client.vector(name, row).await,
        }
    }

    /// The rows of the nearest documents, best first.
    pub(crate) async fn search(
        &mut self,
        name: &str,
        vector: &[f32],
        limit: u64,
        parts: HitParts,
    ) -> anyhow::Result<Vec<u32>> {
        let ids = match self {
            Self::Rest(client) => client.search(name, vector, limit, parts).await,
            Self::Grpc(client) => client.search(name, vector, limit, parts).await,
        }?;
        ids.iter().map(|id| row_of(id)).collect()
    }
}

/// Some rows of a dataset, as documents.
#[derive(Clone)]
pub(crate) struct Batch<'a> {
    pub(crate) dataset: &'a Dataset,
    pub(crate) rows: Range<usize>,
    /// Added to a row to make the number of its document: the same vectors can be inserted again
    /// as other documents.
    pub(crate) id_offset: usize,
}

impl<'a> Batch<'a> {
    /// Id, metadata and vector of each document.
    fn documents(&self) -> impl Iterator<Item = (String, i64, &'a [f32])> + use<'a> {
        let Self { dataset, id_offset, .. } = *self;
        let id = move |row| id_of(row + id_offset);
        self.rows.clone().map(move |row| (id(row), group_of(row), dataset.vector(row)))
    }
}

/// The id of the document of a row.
fn id_of(row: usize) -> String {
    format!("doc-{row}")
}

fn row_of(id: &str) -> anyhow::Result<u32> {
    match id.strip_prefix("doc-").map(str::parse) {
        Some(Ok(row)) => Ok(row),
        _ => bail!("{id:?} is no id of this benchmark"),
    }
}

/// The name of the one metadata value of each document.
const GROUP: &str = "group";

/// The one metadata value of the document of a row.
fn group_of(row: usize) -> i64 {
    (row % 100) as i64
}
