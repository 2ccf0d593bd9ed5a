//! Other names of collections: list, change.

use akidb_core::{CollectionName, Error, ErrorCode, Result};
use akidb_engine::{Alias, AliasAction};

use super::collection::check_own_name;
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
            if let Some(name) = collection {
                self.check_reach(&context.caller.principal, name)?;
            }
            let only = collection.map(|name| self.open_for(context, name)).transpose()?;
            let only = only.map(|collection| collection.record().name.clone());
            let mut aliases = reached(context, self.inner.engine.aliases());
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
            let actions = self.reached_actions(context, actions)?;
            self.check_space()?;
            let (engine, aliases_max) = (&self.inner.engine, self.limits().aliases);
            let changed = engine.change_aliases(actions, aliases_max, context.deadline).await?;
            Ok(reached(context, changed))
        })
        .await
    }
}

impl Service {
    /// The changes, where a key reaches what each of them is about: the alias by its name, what it leads to
    /// and what it is to lead to, which is named by its own name from here on.
    ///
    /// # Errors
    /// `permission_denied`.
    fn reached_actions(
        &self,
        context: &RequestContext,
        mut actions: Vec<AliasAction>,
    ) -> Result<Vec<AliasAction>> {
        let principal = &context.caller.principal;
        if principal.reaches_all() {
            return Ok(actions);
        }
        for action in &mut actions {
            let alias = action.alias().as_str();
            check_own_name(context, alias)?;
            self.check_reach(principal, alias)?;
            if let AliasAction::Create { collection, .. } | AliasAction::Set { collection, .. } =
                action
            {
                self.check_reach(principal, collection)?;
                if let Ok(found) = self.open_for(context, collection) {
                    found.record().name.as_str().clone_into(collection);
                }
            }
        }
        Ok(actions)
    }
}

/// Those of collections that a key reaches.
fn reached(context: &RequestContext, mut aliases: Vec<Alias>) -> Vec<Alias> {
    let principal = &context.caller.principal;
    aliases.retain(|alias| principal.reaches(alias.collection.as_str()));
    aliases
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
