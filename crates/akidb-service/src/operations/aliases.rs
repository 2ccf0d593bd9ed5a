//! Other names of collections: list, change.

use akidb_core::{CollectionName, Error, ErrorCode, Result};
use akidb_engine::{Alias, AliasAction};

use crate::{
    GivenAlias, GivenAliasAction, Operation, RequestContext, Service, failure::above_limit,
};

impl Service {
    /// Every alias, by name; those of one collection where it is given.
    ///
    /// # Errors
    /// When there is no such collection.
    pub async fn aliases(
        &self,
        context: &RequestContext,
        collection: Option<&str>,
    ) -> Result<Vec<Alias>> {
        let asked = Operation::ListAliases.on(collection.unwrap_or_default());
        self.run(context, asked, async {
            let only = collection.map(|name| self.inner.engine.open(name)).transpose()?;
            let only = only.map(|collection| collection.record().name.clone());
            let mut aliases = self.inner.engine.aliases();
            aliases.retain(|alias| only.as_ref().is_none_or(|only| alias.collection == *only));
            Ok(aliases)
        })
        .await
    }

    /// Changes aliases, in the order of the request and in one step: others see all of it or nothing.
    /// Answers every alias that there is then.
    ///
    /// # Errors
    /// When one of the changes can not be made; then none is. An alias is never of a name that a
    /// collection has.
    pub async fn change_aliases(
        &self,
        context: &RequestContext,
        actions: Vec<GivenAliasAction>,
    ) -> Result<Vec<Alias>> {
        self.run(context, Operation::ChangeAliases, async {
            let actions_max = self.limits().batch_aliases;
            if actions.len() > actions_max {
                return Err(above_limit("actions", actions.len(), "batch_aliases", actions_max));
            }
            let actions = actions.into_iter().enumerate();
            let actions: Vec<_> =
                actions.map(|(index, given)| action_of(index, given)).collect::<Result<_>>()?;
            self.check_space()?;
            let (engine, aliases_max) = (&self.inner.engine, self.limits().aliases);
            engine.change_aliases(actions, aliases_max, context.deadline).await
        })
        .await
    }
}

fn action_of(index: usize, given: GivenAliasAction) -> Result<AliasAction> {
    let place = |field: &str| format!("actions[{index}].{field}");
    let name = |kind: &str, name: &str| {
        let fault =
            |fault| Error::at(ErrorCode::InvalidName, place(&format!("{kind}.alias")), fault);
        CollectionName::new(name).map_err(fault)
    };
    let GivenAliasAction { create, set, delete } = given;
    Ok(match (create, set, delete) {
        (Some(GivenAlias { alias, collection }), None, None) => {
            AliasAction::Create { alias: name("create", &alias)?, collection }
        }
        (None, Some(GivenAlias { alias, collection }), None) => {
            AliasAction::Set { alias: name("set", &alias)?, collection }
        }
        (None, None, Some(alias)) => AliasAction::Delete { alias: name("delete", &alias)? },
        _ => {
            let fault = "exactly one of create, set and delete must be given";
            let place = format!("actions[{index}]");
            return Err(Error::at(ErrorCode::InvalidArgument, place, fault));
        }
    })
}
