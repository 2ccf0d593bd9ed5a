//! What the doors ask and what the service answers, before any wire format.

mod alias;
mod collection;
mod context;
mod document;
mod embed;
mod facet;
mod id;
mod key;
mod model;
mod node;
mod rerank;
mod search;
mod task;

pub use alias::{GivenAlias, GivenAliasAction};
pub use collection::{
    CollectionDescription, CollectionSummary, CreateCollection, FieldDescription, GivenChunking,
    GivenField, GivenIndex, PutFieldReply, PutReply, UpdateCollection,
};
pub use context::{Door, RequestContext};
pub use document::{
    CountReply, DeleteDocuments, DeleteReply, GetDocuments, GivenOrder, Include, NewDocument,
    PatchDocument, Scroll, ScrollReply, UpdateDocuments, UpdateReply, Upsert, UpsertReply,
    UpsertResult, UpsertStatus,
};
pub use embed::{Embed, EmbedReply, EmbedRules};
pub use facet::{CountFacets, FacetReply, FacetsReply, GivenFacet};
pub use id::GivenId;
pub use key::{IssuedKey, KeyInfo, KeyState, NewKey, Secret};
pub use model::{InUse, ModelInfo, ModelState};
pub use node::{ComponentState, LimitInfo, Readiness};
pub use rerank::{Rerank, RerankReply, Reranked, SearchRerank};
pub use search::{
    GivenGroup, GivenHighlight, HitGroup, HitInclude, HitOrder, HybridParams, MinParts,
    PartWeights, Search, SearchParams, SearchReply,
};
pub use task::{ReembedCollection, TaskInfo, TaskKind, TaskProgressState};
