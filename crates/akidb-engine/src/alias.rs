//! Other names of collections.

use akidb_core::CollectionName;

/// A change of one alias. Those of one request are applied in their order, all of them or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AliasAction {
    /// Makes an alias, which must be new.
    Create {
        /// The new name.
        alias: CollectionName,
        /// A collection, by its own name or an alias.
        collection: String,
    },
    /// Lets an alias name a collection, whether or not it named another one.
    Set {
        /// The name.
        alias: CollectionName,
        /// A collection, by its own name or an alias.
        collection: String,
    },
    /// Removes an alias, which must be there.
    Delete {
        /// The name.
        alias: CollectionName,
    },
}

impl AliasAction {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Set { .. } => "set",
            Self::Delete { .. } => "delete",
        }
    }

    /// The alias that it is about.
    #[must_use]
    pub const fn alias(&self) -> &CollectionName {
        match self {
            Self::Create { alias, .. } | Self::Set { alias, .. } | Self::Delete { alias } => alias,
        }
    }
}

/// An alias, and the collection that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The other name.
    pub alias: CollectionName,
    /// The collection's own name.
    pub collection: CollectionName,
}
