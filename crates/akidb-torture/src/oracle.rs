//! What the node must hold, told from outside: from what was sent and from what was answered.
//!
//! The oracle keeps every state that the node may be in. An answered operation leads from each to
//! one other; one without a known outcome leads to both; what is read after a fault leaves those
//! that are as was read. None left: something was lost, or something appeared.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{FILTERS, Form, Version, is_gone};

/// States beyond which an oracle would say nothing any more.
const STATES_MAX: usize = 512;

/// A collection as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Collection {
    /// What its documents are.
    pub(crate) form: Form,
    /// The number in its description.
    pub(crate) description: u64,
    /// Candidates of its searches.
    pub(crate) ef: u64,
    /// Its other names.
    pub(crate) aliases: BTreeSet<String>,
    /// Whether it has the field that comes and goes.
    pub(crate) has_extra: bool,
    /// Its documents by id.
    pub(crate) documents: BTreeMap<u64, Version>,
}

/// All collections by name.
pub(crate) type State = BTreeMap<String, Collection>;

/// Whether a collection has an alias, so that it can not be dropped.
pub(crate) fn is_aliased(state: &State, collection: &str) -> bool {
    state.get(collection).is_some_and(|it| !it.aliases.is_empty())
}

/// `ef` of a new collection.
pub(crate) const EF_DEFAULT: u64 = 100;

/// Something that changes the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Creates a collection.
    Create { collection: String, form: Form, description: u64 },
    /// Drops a collection.
    Drop { collection: String },
    /// Changes settings that are kept as they are given.
    Settings { collection: String, description: u64, ef: u64 },
    /// Gives a collection another name.
    Rename { collection: String, to: String },
    /// Has an alias name a collection, or none.
    Alias { alias: String, collection: Option<String> },
    /// Adds or drops the field that comes and goes.
    Extra { collection: String, is_added: bool },
    /// Writes documents, all or none.
    Upsert { collection: String, documents: Vec<(u64, u64)> },
    /// Deletes by id.
    Delete { collection: String, ids: Vec<u64> },
    /// Deletes by one of the filters, within ids of one owner.
    DeleteMatching { collection: String, filter: usize },
    /// Changes the metadata of one document.
    Patch { collection: String, id: u64, patch: u64 },
    /// Imports documents: each line or not, in their order.
    Import { collection: String, documents: Vec<(u64, u64)> },
}

impl Operation {
    /// The collection that it is about.
    pub(crate) fn collection(&self) -> &str {
        match self {
            Self::Create { collection, .. }
            | Self::Drop { collection }
            | Self::Settings { collection, .. }
            | Self::Rename { collection, .. }
            | Self::Extra { collection, .. }
            | Self::Upsert { collection, .. }
            | Self::Delete { collection, .. }
            | Self::DeleteMatching { collection, .. }
            | Self::Patch { collection, .. }
            | Self::Import { collection, .. } => collection,
            Self::Alias { collection, .. } => collection.as_deref().unwrap_or_default(),
        }
    }

    /// The documents that it writes or deletes by id.
    pub(crate) fn document_count(&self) -> u64 {
        match self {
            Self::Upsert { documents, .. } | Self::Import { documents, .. } => {
                documents.len() as u64
            }
            Self::Delete { ids, .. } => ids.len() as u64,
            _ => 1,
        }
    }

    /// Leads a state to the one after it. Does nothing where the collection is not there.
    pub(crate) fn apply(&self, state: &mut State) {
        match self {
            Self::Create { collection, form, description } => {
                state.entry(collection.clone()).or_insert(Collection {
                    form: *form,
                    description: *description,
                    ef: EF_DEFAULT,
                    aliases: BTreeSet::new(),
                    has_extra: false,
                    documents: BTreeMap::new(),
                });
            }
            Self::Drop { collection } if !is_aliased(state, collection) => {
                state.remove(collection);
            }
            Self::Rename { collection, to } if !state.contains_key(to) => {
                if let Some(renamed) = state.remove(collection) {
                    state.insert(to.clone(), renamed);
                }
            }
            Self::Alias { alias, collection } => {
                if collection.as_ref().is_some_and(|name| !state.contains_key(name)) {
                    return;
                }
                state.values_mut().for_each(|it| _ = it.aliases.remove(alias));
                let named = collection.as_ref().and_then(|name| state.get_mut(name));
                if let Some(named) = named {
                    named.aliases.insert(alias.clone());
                }
            }
            _ => {
                if let Some(changed) = state.get_mut(self.collection()) {
                    self.apply_to(changed);
                }
            }
        }
    }

    fn apply_to(&self, changed: &mut Collection) {
        let stored = &mut changed.documents;
        match self {
            Self::Upsert { documents, .. } | Self::Import { documents, .. } => {
                let versions =
                    documents.iter().map(|&(id, number)| (id, Version { number, patch: 0 }));
                stored.extend(versions);
                stored.retain(|_, version| !is_gone(version.number));
            }
            Self::Delete { ids, .. } => ids.iter().for_each(|id| {
                stored.remove(id);
            }),
            Self::DeleteMatching { filter, .. } => {
                let (_, matches) = FILTERS[*filter];
                stored.retain(|id, version| !matches(*id, *version));
            }
            Self::Patch { id, patch, .. } => {
                if let Some(version) = stored.get_mut(id) {
                    version.patch = *patch;
                }
            }
            Self::Settings { description, ef, .. } => {
                (changed.description, changed.ef) = (*description, *ef);
            }
            Self::Extra { is_added, .. } => changed.has_extra = *is_added,
            Self::Create { .. } | Self::Drop { .. } | Self::Rename { .. } | Self::Alias { .. } => {}
        }
    }

    /// The lines of an import with these indices, or all of any other operation.
    fn lines(&self, lines: &[usize]) -> Self {
        let Self::Import { collection, documents } = self else { return self.clone() };
        let documents = lines.iter().filter_map(|&line| documents.get(line).copied()).collect();
        Self::Import { collection: collection.clone(), documents }
    }

    /// Every state that this may lead to without an answer, the one before among them.
    fn outcomes(&self, before: &State) -> Vec<State> {
        let parts = match self {
            Self::Import { documents, .. } => {
                let lines: Vec<_> = (0..documents.len()).collect();
                (0..=lines.len()).map(|count| self.lines(&lines[..count])).collect()
            }
            _ => vec![self.clone()],
        };
        let after = parts.iter().map(|part| {
            let mut state = before.clone();
            part.apply(&mut state);
            state
        });
        std::iter::once(before.clone()).chain(after).collect()
    }
}

/// How an operation ended, as far as its client knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// Answered with success.
    Done,
    /// Answered `not_applied`.
    NotApplied,
    /// Not answered, or answered `unknown`.
    Unknown,
    /// Of an import: the lines that were answered with success, and those without a known outcome,
    /// of which the first ones may be there.
    Lines { done: Vec<usize>, unknown: Vec<usize> },
}

/// The states that the node may be in.
#[derive(Clone, Debug)]
pub(crate) struct Oracle {
    states: Vec<State>,
    /// Why it says nothing any more.
    lost_track: bool,
}

impl Oracle {
    /// An oracle of a node in one known state.
    pub(crate) fn new(state: State) -> Self {
        Self { states: vec![state], lost_track: false }
    }

    /// One of the states, to choose operations by.
    pub(crate) fn state(&self) -> &State {
        &self.states[0]
    }

    /// What a reply says where the node is in one of the states, the first of which it fits. An error
    /// where it fits none of them.
    pub(crate) fn fitting<T>(
        &self,
        says: impl Fn(&State) -> Result<T, String>,
    ) -> Result<T, String> {
        let mut said = self.states.iter().map(says);
        let first = said.next().unwrap_or_else(|| Err("there is no possible state".to_owned()));
        first.or_else(|misfit| said.find_map(Result::ok).ok_or(misfit))
    }

    /// Takes what became of an operation.
    pub(crate) fn note(&mut self, operation: &Operation, outcome: &Answered) {
        match outcome {
            Answered::NotApplied => {}
            Answered::Done => self.states.iter_mut().for_each(|state| operation.apply(state)),
            Answered::Lines { done, unknown } => {
                let done = operation.lines(done);
                self.states.iter_mut().for_each(|state| done.apply(state));
                self.branch(&operation.lines(unknown));
            }
            Answered::Unknown => self.branch(operation),
        }
    }

    fn branch(&mut self, operation: &Operation) {
        let mut states: Vec<State> = Vec::new();
        for state in self.states.iter().flat_map(|state| operation.outcomes(state)) {
            if !states.contains(&state) {
                states.push(state);
            }
        }
        self.lost_track |= states.len() > STATES_MAX;
        self.states = states;
        self.states.truncate(STATES_MAX);
    }

    /// Whether the node may be in this state.
    pub(crate) fn allows(&self, seen: &State) -> Result<(), String> {
        if self.states.contains(seen) {
            return Ok(());
        }
        if self.lost_track {
            return Err("the oracle lost track: too many operations without an outcome".to_owned());
        }
        let expected = self.states.iter().min_by_key(|state| difference(state, seen).len());
        let told = expected.map(|state| difference(state, seen)).unwrap_or_default();
        let told: Vec<_> = told.into_iter().take(6).collect();
        Err(format!("none of {} possible states; nearest: {}", self.states.len(), told.join("; ")))
    }

    /// Takes what was read as the state of the node, which must be one of the possible ones.
    pub(crate) fn settle(&mut self, seen: State) -> Result<(), String> {
        self.allows(&seen)?;
        *self = Self::new(seen);
        Ok(())
    }
}

/// What of `seen` is not as in `expected`, for people.
pub(crate) fn difference(expected: &State, seen: &State) -> Vec<String> {
    let mut told = Vec::new();
    for name in expected.keys().filter(|name| !seen.contains_key(*name)) {
        told.push(format!("collection {name} is gone"));
    }
    for (name, found) in seen {
        let Some(wanted) = expected.get(name) else {
            told.push(format!("collection {name} appeared"));
            continue;
        };
        if (wanted.description, wanted.ef, wanted.form) != (found.description, found.ef, found.form)
        {
            told.push(format!(
                "{name} has description {} and ef {}, not {} and {}",
                found.description, found.ef, wanted.description, wanted.ef
            ));
        }
        if (&wanted.aliases, wanted.has_extra) != (&found.aliases, found.has_extra) {
            told.push(format!(
                "{name} has aliases {:?} and extra field {}, not {:?} and {}",
                found.aliases, found.has_extra, wanted.aliases, wanted.has_extra
            ));
        }
        for (id, version) in &wanted.documents {
            match found.documents.get(id) {
                None => told.push(format!("{name}/{id} {version:?} is gone")),
                Some(other) if other != version => {
                    told.push(format!("{name}/{id} is {other:?}, not {version:?}"));
                }
                Some(_) => {}
            }
        }
        for (id, version) in &found.documents {
            if !wanted.documents.contains_key(id) {
                told.push(format!("{name}/{id} {version:?} appeared"));
            }
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upsert(id: u64, number: u64) -> Operation {
        Operation::Upsert { collection: "c".to_owned(), documents: vec![(id, number)] }
    }

    fn started() -> Oracle {
        let mut oracle = Oracle::new(State::new());
        let create =
            Operation::Create { collection: "c".to_owned(), form: Form::Vectors, description: 1 };
        oracle.note(&create, &Answered::Done);
        oracle
    }

    #[test]
    fn an_unknown_write_may_be_there_and_one_that_was_not_applied_may_not() {
        let mut oracle = started();
        let before = oracle.state().clone();
        oracle.note(&upsert(1, 1), &Answered::Unknown);
        let mut after = before.clone();
        upsert(1, 1).apply(&mut after);
        assert!(oracle.allows(&before).is_ok() && oracle.allows(&after).is_ok());

        let mut oracle = started();
        oracle.note(&upsert(1, 1), &Answered::NotApplied);
        let told = oracle.allows(&after).unwrap_err();
        assert!(told.contains("c/1 Version { number: 1, patch: 0 } appeared"), "{told}");
    }

    #[test]
    fn a_reply_may_fit_any_of_the_possible_states() {
        let mut oracle = started();
        let is_there = |state: &State| match state.contains_key("c") {
            true => Ok(()),
            false => Err("c is not there".to_owned()),
        };
        let is_gone = |state: &State| match is_there(state) {
            Ok(()) => Err("c is there".to_owned()),
            Err(_) => Ok(()),
        };
        assert_eq!(oracle.fitting(is_gone).unwrap_err(), "c is there");
        oracle.note(&Operation::Drop { collection: "c".to_owned() }, &Answered::Unknown);
        assert!(oracle.fitting(is_there).is_ok() && oracle.fitting(is_gone).is_ok());
        oracle.note(&Operation::Drop { collection: "c".to_owned() }, &Answered::Done);
        assert_eq!(oracle.fitting(is_there).unwrap_err(), "c is not there");
    }

    #[test]
    fn a_name_goes_from_one_to_another_in_one_step() {
        let mut oracle = started();
        let alias = |to: Option<&str>| Operation::Alias {
            alias: "a".to_owned(),
            collection: to.map(str::to_owned),
        };
        oracle.note(&alias(Some("c")), &Answered::Done);
        oracle.note(&Operation::Drop { collection: "c".to_owned() }, &Answered::Done);
        assert!(oracle.state().contains_key("c"), "it has an alias");
        let rename = Operation::Rename { collection: "c".to_owned(), to: "d".to_owned() };
        oracle.note(&rename, &Answered::Done);
        assert!(is_aliased(oracle.state(), "d") && !oracle.state().contains_key("c"));
        oracle.note(&alias(Some("c")), &Answered::Done);
        assert!(is_aliased(oracle.state(), "d"), "what is not there gets no alias");
        oracle.note(&alias(None), &Answered::Unknown);
        let (with, without): (Vec<_>, Vec<_>) =
            oracle.states.iter().partition(|state| is_aliased(state, "d"));
        assert_eq!((with.len(), without.len()), (1, 1));
    }

    #[test]
    fn an_import_may_end_after_any_line() {
        let mut oracle = started();
        let documents = vec![(1, 1), (2, 2), (3, 3)];
        oracle
            .note(&Operation::Import { collection: "c".to_owned(), documents }, &Answered::Unknown);
        assert_eq!(oracle.states.len(), 4);
        let mut seen = started().state().clone();
        upsert(2, 2).apply(&mut seen);
        let told = oracle.allows(&seen).unwrap_err();
        assert!(told.contains("c/2 Version { number: 2, patch: 0 } appeared"), "{told}");
    }
}
