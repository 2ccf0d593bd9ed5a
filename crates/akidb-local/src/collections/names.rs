//! What the collections are called: their own names, and aliases.

use std::{collections::BTreeMap, sync::Arc};

use akidb_core::{CollectionName, Error, ErrorCode, Result};
use akidb_engine::{Alias, AliasAction};
use uuid::Uuid;

use super::Entry;

type Named = BTreeMap<CollectionName, Arc<Entry>>;

/// Names and aliases. No two are equal, and each leads to a collection, never to another name: there
/// is no chain and no loop.
#[derive(Default)]
pub(super) struct Names {
    collections: Named,
    aliases: Named,
}

/// Aliases as they are to be, and the collections that get or lose one, with all that they have then.
pub(super) struct ChangedAliases {
    aliases: Named,
    /// Those that get one come first: killed after any of them is described, no alias is lost.
    pub(super) touched: Vec<(Arc<Entry>, Vec<CollectionName>)>,
}

impl Names {
    /// Those of the collections that there are.
    pub(super) fn of(entries: impl IntoIterator<Item = Arc<Entry>>) -> Self {
        let mut names = Self::default();
        for entry in entries {
            for alias in &entry.record().aliases {
                names.aliases.insert(alias.clone(), Arc::clone(&entry));
            }
            names.insert(entry);
        }
        names
    }

    /// The collection of a name, be it its own or an alias.
    pub(super) fn find(&self, name: &str) -> Result<&Arc<Entry>> {
        find(&self.collections, &self.aliases, "collection", name)
    }

    /// The collection that may be dropped under this name. An alias is for those who do not know what
    /// is behind it, and a collection that has one is in use.
    pub(super) fn find_to_drop(&self, name: &str) -> Result<&Arc<Entry>> {
        let entry = self.find(name)?;
        let record = entry.record();
        let own_name = record.name.as_str();
        let message = match record.aliases.as_slice() {
            _ if own_name != name => {
                format!(
                    "{name:?} is an alias of the collection {own_name:?}, which has to be named"
                )
            }
            [] => return Ok(entry),
            [alias, others @ ..] => {
                let alias = alias.as_str();
                let others = match others.len() {
                    0 => String::new(),
                    others => format!(" and {others} more"),
                };
                format!(
                    "the collection {name:?} has the alias {alias:?}{others}, which has to be \
                     deleted, or set to another collection, first"
                )
            }
        };
        Err(Error::new(ErrorCode::CollectionAliased, message))
    }

    /// Refuses a name that is taken.
    pub(super) fn check_free(&self, name: &CollectionName) -> Result<()> {
        check_no_collection(&self.collections, name)?;
        check_no_alias(&self.aliases, name)
    }

    pub(super) fn count(&self) -> usize {
        self.collections.len()
    }

    /// The collections by their own names.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.collections.values()
    }

    pub(super) fn aliases(&self) -> impl Iterator<Item = Alias> + '_ {
        self.aliases.iter().map(|(alias, entry)| Alias {
            alias: alias.clone(),
            collection: entry.record().name.clone(),
        })
    }

    pub(super) fn insert(&mut self, entry: Arc<Entry>) {
        self.collections.insert(entry.record().name.clone(), entry);
    }

    pub(super) fn remove(&mut self, name: &CollectionName) {
        self.collections.remove(name);
    }

    /// The aliases after changes that are made in their order, where all of them can be.
    pub(super) fn with_actions(
        &self,
        actions: &[AliasAction],
        aliases_max: usize,
    ) -> Result<ChangedAliases> {
        let mut aliases = self.aliases.clone();
        for (index, action) in actions.iter().enumerate() {
            let place = |field| format!("actions[{index}].{}.{field}", action.as_str());
            let at_alias = |error: Error| Error::at(error.code, place("alias"), error.message);
            match action {
                AliasAction::Create { alias, collection }
                | AliasAction::Set { alias, collection } => {
                    check_no_collection(&self.collections, alias).map_err(at_alias)?;
                    if matches!(action, AliasAction::Create { .. }) {
                        check_no_alias(&aliases, alias).map_err(at_alias)?;
                    }
                    let place = place("collection");
                    let entry = find(&self.collections, &aliases, &place, collection)?;
                    let entry = Arc::clone(entry);
                    aliases.insert(alias.clone(), entry);
                }
                AliasAction::Delete { alias } => {
                    let none = || {
                        let fault = format!("no alias is named {:?}", alias.as_str());
                        at_alias(Error::new(ErrorCode::AliasNotFound, fault))
                    };
                    aliases.remove(alias).ok_or_else(none)?;
                }
            }
        }
        if aliases.len() > aliases_max && aliases.len() > self.aliases.len() {
            let message = format!(
                "the node would have {} aliases, allowed are at most {aliases_max} (aliases)",
                aliases.len()
            );
            return Err(Error::new(ErrorCode::LimitExceeded, message));
        }
        Ok(ChangedAliases { touched: touched(&self.aliases, &aliases), aliases })
    }

    /// Takes changed aliases, where nothing else has changed meanwhile.
    pub(super) fn set_aliases(&mut self, changed: ChangedAliases) {
        self.aliases = changed.aliases;
    }
}

fn find<'n>(
    collections: &'n Named,
    aliases: &'n Named,
    place: &str,
    name: &str,
) -> Result<&'n Arc<Entry>> {
    CollectionName::new(name).map_err(|fault| Error::at(ErrorCode::InvalidName, place, fault))?;
    collections.get(name).or_else(|| aliases.get(name)).ok_or_else(|| {
        let message = format!("no collection is named {name:?}");
        match place {
            "collection" => Error::new(ErrorCode::CollectionNotFound, message),
            place => Error::at(ErrorCode::CollectionNotFound, place, message),
        }
    })
}

fn check_no_collection(collections: &Named, name: &CollectionName) -> Result<()> {
    if collections.contains_key(name) {
        let message = format!("a collection named {:?} exists already", name.as_str());
        return Err(Error::new(ErrorCode::CollectionExists, message));
    }
    Ok(())
}

fn check_no_alias(aliases: &Named, name: &CollectionName) -> Result<()> {
    let Some(entry) = aliases.get(name) else { return Ok(()) };
    let (name, record) = (name.as_str(), entry.record());
    let message = format!("{name:?} is an alias already, of {:?}", record.name.as_str());
    Err(Error::new(ErrorCode::AliasExists, message))
}

fn touched(before: &Named, after: &Named) -> Vec<(Arc<Entry>, Vec<CollectionName>)> {
    let mut by_uuid: BTreeMap<Uuid, (Arc<Entry>, Vec<CollectionName>)> = BTreeMap::new();
    for entry in before.values() {
        by_uuid.entry(entry.record().uuid).or_insert_with(|| (Arc::clone(entry), Vec::new()));
    }
    for (alias, entry) in after {
        let named = by_uuid.entry(entry.record().uuid);
        named.or_insert_with(|| (Arc::clone(entry), Vec::new())).1.push(alias.clone());
    }
    let mut touched: Vec<_> = by_uuid.into_values().collect();
    touched.retain(|(entry, aliases)| entry.record().aliases != *aliases);
    let gains = |(entry, aliases): &(Arc<Entry>, Vec<CollectionName>)| {
        aliases.iter().any(|alias| !entry.record().aliases.contains(alias))
    };
    touched.sort_by_key(|touched| !gains(touched));
    touched
}
