//! Changes of aliases, as a door decoded them; the service checks them.

/// A change of one alias. Exactly one is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenAliasAction {
    /// A new alias.
    pub create: Option<GivenAlias>,
    /// An alias that is new, or names another collection from now on.
    pub set: Option<GivenAlias>,
    /// The name of an alias that goes.
    pub delete: Option<String>,
}

/// An alias, and the collection that it is to name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenAlias {
    /// The other name.
    pub alias: String,
    /// The collection, by its own name or an alias.
    pub collection: String,
}
