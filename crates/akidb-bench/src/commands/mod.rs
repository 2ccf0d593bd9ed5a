//! The commands, one file each.

pub(crate) mod embed_load;
pub(crate) mod encode;
pub(crate) mod exact_search;
pub(crate) mod import;
pub(crate) mod insert;
pub(crate) mod search;
pub(crate) mod tenants;
