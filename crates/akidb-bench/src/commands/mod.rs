//! The commands, one file each.

pub(crate) mod by_filter;
pub(crate) mod embed;
pub(crate) mod embed_load;
pub(crate) mod encode;
pub(crate) mod exact_search;
pub(crate) mod filter_index;
pub(crate) mod hard_vectors;
pub(crate) mod import;
pub(crate) mod insert;
pub(crate) mod keyword;
pub(crate) mod keyword_quality;
pub(crate) mod mlx_worker;
pub(crate) mod restart;
pub(crate) mod retrieval;
pub(crate) mod search;
pub(crate) mod search_pages;
pub(crate) mod search_while_writing;
pub(crate) mod tenants;
pub(crate) mod tls;
pub(crate) mod vector_index;
pub(crate) mod vectors;
