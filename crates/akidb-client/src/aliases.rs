//! Other names of collections.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Client, Collection, Request, RequestError};

/// An alias, and the collection that it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// The other name.
    pub alias: String,
    /// The collection's own name; of a change also an alias of it.
    pub collection: String,
}

/// A change of one alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AliasAction {
    /// Makes a new alias.
    Create(Alias),
    /// Lets an alias name a collection, whether or not it named another one.
    Set(Alias),
    /// Removes an alias.
    Delete {
        /// Its name.
        alias: String,
    },
}

impl AliasAction {
    /// Lets an alias name a collection, whether or not it named another one.
    #[must_use]
    pub fn set(alias: &str, collection: &str) -> Self {
        Self::Set(Alias { alias: alias.to_owned(), collection: collection.to_owned() })
    }
}

#[derive(Deserialize)]
pub(crate) struct AliasList {
    pub(crate) aliases: Vec<Alias>,
}

impl Client {
    /// All aliases, by name.
    ///
    /// # Errors
    /// The node's own, or no answer.
    pub async fn aliases(&self) -> Result<Vec<Alias>, RequestError> {
        Ok(self.send::<AliasList>(Request::get(&["v1", "aliases"])).await?.aliases)
    }

    /// Changes aliases in their order and in one step, all or none; answers those that there are then.
    ///
    /// # Errors
    /// The node's own, such as `alias_exists`, or no answer.
    pub async fn change_aliases(
        &self,
        actions: &[AliasAction],
    ) -> Result<Vec<Alias>, RequestError> {
        let request = Request::post(&["v1", "aliases"]).json(&json!({"actions": actions}));
        Ok(self.send::<AliasList>(request).await?.aliases)
    }
}

impl Collection<'_> {
    /// Its aliases.
    pub async fn aliases(&self) -> Result<Vec<Alias>, RequestError> {
        let request = Request::get(&["v1", "collections", self.name(), "aliases"]);
        Ok(self.client().send::<AliasList>(request).await?.aliases)
    }
}
