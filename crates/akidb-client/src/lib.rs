//! Rust client of a node's REST door.
//!
//! ```no_run
//! use akidb_client::{Client, NewCollection, NewDocument, Search};
//! use serde_json::json;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new("http://127.0.0.1:8080")?;
//! client.create_collection(&NewCollection::with_default_model("films")).await?;
//!
//! let films = client.collection("films");
//! let liner = NewDocument::text("film-1", "An ocean liner strikes ice and sinks.");
//! films.upsert(&[liner.metadata(json!({"year": 1997}))]).await?;
//!
//! let recent = json!({"year": {"$gte": 1990}});
//! let found = films.search(&Search::text("shipwreck").filter(recent).limit(3)).await?;
//! for hit in found.hits {
//!     println!("{:.3} {}", hit.score, hit.id);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! An error says what the node said, see [`RequestError`]. A request is sent again only where that
//! does no harm, see [`Retries`]; [`Client::with_timeout`] bounds it with all of its attempts.
//! Answers are read with a limit, and fields of a newer node are ignored.
//!
//! Each request has a typed method; [`Client::send`] sends any other, and answers JSON as it came to
//! whom the types would lose something.
//!
//! The feature `process` starts a node as a process of its own, and makes certificates for it, for tests
//! and measurements.

mod aliases;
mod backups;
#[cfg(feature = "process")]
pub mod certificates;
mod client;
mod collection;
mod collections;
mod documents;
mod embed;
mod error;
mod facets;
mod id;
mod import;
mod keys;
mod lines;
mod models;
mod node_state;
#[cfg(feature = "process")]
pub mod process;
mod reply;
mod request;
mod rerank;
mod retries;
mod search;
mod tasks;
mod tls;

pub use akidb_core::{ErrorCode, Metric, Outcome, Violation};

pub use self::{
    aliases::{Alias, AliasAction},
    backups::{BackedUpCollection, Backup},
    client::{Client, InvalidKey, InvalidUrl},
    collection::Collection,
    collections::{
        Chunking, CollectionDescription, CollectionUpdate, Field, FieldChange, IndexDescription,
        IndexSettings, IndexState, KeywordSettings, ListedCollection, ListedField, LostWrites,
        NewCollection, NewField,
    },
    documents::{
        Damaged, Deleted, Direction, Document, Documents, GetDocuments, NewDocument, OrderBy, Part,
        Passage, Patch, Status, Updated, UpsertResult, Upserted,
    },
    embed::{Embed, Embedding, Embeddings, Usage},
    error::{NodeError, RequestError},
    facets::{DateInterval, Facet, FacetCounts, Facets, RangeCount, ValueCount},
    id::Id,
    import::{Import, ImportAnswer, ImportAnswers, ImportSummary},
    keys::{IssuedKey, Key, NewKey, Role},
    lines::AnswerLines,
    models::{Model, ModelIdentity, ModelKind, ModelState},
    node_state::{Component, Finding, IndexProgress, LoadState, Readiness, Version},
    request::Request,
    rerank::{Rerank, Reranked, RerankedDocument, Reranking},
    retries::Retries,
    search::{
        BestPassage, CharacterRange, Fusion, GroupBy, Highlight, Highlights, Hit, HitGroup,
        HitOrder, HitPassage, Hits, HybridParams, MinParts, PartWeights, ScoreParts, Search,
        SearchMode, SearchParams, SearchPlan, SearchRerank,
    },
    tasks::{Task, TaskError, TaskState},
};

/// The example of the guide, which the tests compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/quick-start.md")]
struct QuickStart;
