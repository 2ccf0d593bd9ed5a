//! Aliases.

use akidb_service::{Alias, GivenAlias, GivenAliasAction};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{List, Object};

/// Changes of aliases, made in their order and in one step: all of them or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeAliases, example = json!({"actions": [
    {"set": {"alias": "cinema", "collection": "films"}}, {"delete": {"alias": "cinema"}}
]}))]
pub(crate) struct ChangeAliasesBody {
    /// At most `batch_aliases` (100).
    #[schema(value_type = Vec<AliasActionBody>)]
    actions: List<Object<AliasActionBody>>,
}

/// A change of one alias. Exactly one is given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AliasAction)]
struct AliasActionBody {
    /// A new alias: `alias_exists` where there is one of the name.
    #[schema(value_type = Option<AliasBody>)]
    create: Option<Object<AliasBody>>,
    /// An alias that is new, or that names another collection from now on.
    #[schema(value_type = Option<AliasBody>)]
    set: Option<Object<AliasBody>>,
    /// An alias that goes.
    #[schema(value_type = Option<DeleteAliasBody>)]
    delete: Option<Object<DeleteAliasBody>>,
}

/// An alias, and the collection that it is to name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GivenAlias)]
struct AliasBody {
    /// 1 to 64 of `A-Z a-z 0-9 _ -`, and no collection's name.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    alias: String,
    /// The collection's own name, or an alias of it.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    collection: String,
}

/// An alias that goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeleteAlias)]
struct DeleteAliasBody {
    /// Its name.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    alias: String,
}

impl From<ChangeAliasesBody> for Vec<GivenAliasAction> {
    fn from(ChangeAliasesBody { actions: List(actions) }: ChangeAliasesBody) -> Self {
        let given = |Object(AliasBody { alias, collection })| GivenAlias { alias, collection };
        let action = |Object(AliasActionBody { create, set, delete })| GivenAliasAction {
            create: create.map(given),
            set: set.map(given),
            delete: delete.map(|Object(DeleteAliasBody { alias })| alias),
        };
        actions.into_iter().map(action).collect()
    }
}

/// An alias, and the collection that it names.
#[derive(Serialize, ToSchema)]
#[schema(as = Alias)]
struct AliasAnswer {
    alias: String,
    /// The collection's own name.
    collection: String,
}

/// Aliases by name.
#[derive(Serialize, ToSchema)]
#[schema(as = AliasList, example = json!({"aliases": [{"alias": "cinema", "collection": "films"}]}))]
pub(crate) struct AliasListAnswer {
    aliases: Vec<AliasAnswer>,
}

impl From<Vec<Alias>> for AliasListAnswer {
    fn from(aliases: Vec<Alias>) -> Self {
        let aliases = aliases.into_iter().map(|Alias { alias, collection }| AliasAnswer {
            alias: alias.as_str().to_owned(),
            collection: collection.as_str().to_owned(),
        });
        Self { aliases: aliases.collect() }
    }
}
