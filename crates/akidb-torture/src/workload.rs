//! Seeded operations of one worker, sent to the node as requests, with the outcome as told by the
//! reply.

use std::{collections::BTreeSet, io};

use anyhow::{Result, bail};
use rand::{Rng, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    client::{Client, Reply},
    document::{FILTERS, Form, OWN, document, wire_id},
    oracle::{Answered, EF_DEFAULT, Operation, Oracle, State, is_aliased},
};

/// Ids that one worker has in a collection.
pub(crate) const IDS_PER_WORKER: u64 = 400;

/// The field that comes and goes.
const EXTRA: &str = "extra";

/// The type of lines of JSON.
const LINES_TYPE: &str = "application/x-ndjson";

/// How much a worker does to whole collections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mix {
    /// Of 100 operations, those on collections of the worker's own: create, drop, settings.
    pub(crate) catalogue: u32,
    /// Documents of one batch, at the most.
    pub(crate) batch: usize,
}

/// What chooses the operations of a worker. Its ids and its collections are its own, so what they
/// hold does not depend on others.
pub(crate) struct Worker {
    /// Its number; its ids follow from it.
    pub(crate) number: u64,
    pub(crate) random: StdRng,
    mix: Mix,
    next_version: u64,
}

impl Worker {
    /// Sends as many operations, each of which must be answered.
    pub(crate) fn work_answered(
        &mut self,
        oracle: &mut Oracle,
        client: &mut Client,
        operations: usize,
    ) -> Result<()> {
        for _ in 0..operations {
            let operation = self.next(oracle.state());
            let reply = Request::of(&operation, oracle.state()).send(client);
            if take(oracle, &operation, &reply)? == Answered::Unknown {
                bail!("{operation:?} was not answered: {reply:?}");
            }
        }
        Ok(())
    }

    /// A worker at its beginning.
    pub(crate) fn new(number: u64, random: StdRng, mix: Mix) -> Self {
        Self { number, random, mix, next_version: 1 }
    }

    /// A number that was not given yet.
    pub(crate) fn version(&mut self) -> u64 {
        self.next_version += 1;
        self.next_version
    }

    /// An operation that makes sense in a state.
    pub(crate) fn next(&mut self, state: &State) -> Operation {
        if self.random.random_ratio(self.mix.catalogue.min(100), 100) {
            return self.next_of_catalogue(state);
        }
        let names: Vec<_> = state.keys().collect();
        let Some(&collection) = names.get(self.random.random_range(0..names.len().max(1))) else {
            return self.create();
        };
        self.write_to(&collection.clone())
    }

    /// An operation on the documents of a collection.
    pub(crate) fn write_to(&mut self, collection: &str) -> Operation {
        let collection = collection.to_owned();
        match self.random.random_range(0..100) {
            0..58 => Operation::Upsert { documents: self.documents(), collection },
            58..72 => {
                let ids = self.ids().into_iter().collect();
                Operation::Delete { collection, ids }
            }
            72..75 if collection.starts_with(&self.own_prefix()) => {
                let filter = self.random.random_range(0..FILTERS.len());
                Operation::DeleteMatching { collection, filter }
            }
            72..88 => {
                let (id, patch) = (self.id(), self.version());
                Operation::Patch { collection, id, patch }
            }
            _ => Operation::Import { documents: self.documents(), collection },
        }
    }

    fn next_of_catalogue(&mut self, state: &State) -> Operation {
        let prefix = self.own_prefix();
        let own: Vec<_> = state.iter().filter(|(name, _)| name.starts_with(&prefix)).collect();
        let chosen = own.get(self.random.random_range(0..own.len().max(1)));
        let Some(&(name, chosen)) = chosen else { return self.create() };
        let collection = name.clone();
        if own.len() > 3 || self.random.random_ratio(1, 3) {
            return match chosen.aliases.first() {
                Some(alias) => Operation::Alias { alias: alias.clone(), collection: None },
                None => Operation::Drop { collection },
            };
        }
        match self.random.random_range(0..10) {
            0..3 => {
                let (description, ef) = (self.version(), self.random.random_range(10..200));
                Operation::Settings { collection, description, ef }
            }
            3 => Operation::Rename { collection, to: self.own_name() },
            4..6 => {
                let alias = format!("a{}-{}", self.number, self.random.random_range(0..2));
                Operation::Alias { alias, collection: Some(collection) }
            }
            6..8 => Operation::Extra { collection, is_added: !chosen.has_extra },
            _ => self.create(),
        }
    }

    /// A new collection of its own.
    pub(crate) fn create(&mut self) -> Operation {
        let collection = self.own_name();
        let form = Form::ALL[self.random.random_range(0..Form::ALL.len())];
        Operation::Create { collection, form, description: self.version() }
    }

    fn own_name(&mut self) -> String {
        format!("{}{}", self.own_prefix(), self.random.random_range(0..6))
    }

    /// How the names of its own collections begin.
    pub(crate) fn own_prefix(&self) -> String {
        format!("w{}-", self.number)
    }

    fn id(&mut self) -> u64 {
        self.number * IDS_PER_WORKER + self.random.random_range(0..IDS_PER_WORKER)
    }

    fn ids(&mut self) -> BTreeSet<u64> {
        (0..self.random.random_range(1..=self.mix.batch)).map(|_| self.id()).collect()
    }

    fn documents(&mut self) -> Vec<(u64, u64)> {
        self.ids().into_iter().map(|id| (id, self.version())).collect()
    }
}

/// Whether ids are of a worker.
pub(crate) fn belongs_to(id: u64, worker: u64) -> bool {
    id / IDS_PER_WORKER == worker
}

/// A request: method, path, body.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `POST` and the like.
    pub(crate) method: &'static str,
    /// From the root.
    pub(crate) path: String,
    /// What it carries.
    pub(crate) body: Body,
}

/// What a request carries.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Nothing.
    None,
    /// JSON.
    Json(Value),
    /// Lines of JSON.
    Lines(String),
}

impl Request {
    fn new(method: &'static str, path: String, body: Value) -> Self {
        Self { method, path, body: Body::Json(body) }
    }

    /// The request of an operation. `state` is where the operation starts.
    pub(crate) fn of(operation: &Operation, state: &State) -> Self {
        let base = format!("/v1/collections/{}", operation.collection());
        let form =
            state.get(operation.collection()).map_or(Form::Vectors, |collection| collection.form);
        let wire = |documents: &[(u64, u64)]| -> Vec<Value> {
            documents.iter().map(|&(id, number)| document(form, id, number)).collect()
        };
        match operation {
            Operation::Create { collection, form, description } => Self::new(
                "POST",
                "/v1/collections".to_owned(),
                form.creation(collection, *description),
            ),
            Operation::Drop { .. } => Self { method: "DELETE", path: base, body: Body::None },
            Operation::Settings { description, ef, .. } => {
                Self::new("PATCH", base, form.settings(*description, *ef))
            }
            Operation::Rename { to, .. } => Self::new("PATCH", base, json!({"name": to})),
            Operation::Alias { alias, collection } => {
                let action = match collection {
                    Some(name) => json!({"set": {"alias": alias, "collection": name}}),
                    None => json!({"delete": {"alias": alias}}),
                };
                Self::new("POST", "/v1/aliases".to_owned(), json!({"actions": [action]}))
            }
            Operation::Extra { is_added: true, .. } => {
                Self::new("PUT", base + "/fields/" + EXTRA, json!({"dimension": 2}))
            }
            Operation::Extra { is_added: false, .. } => {
                Self { method: "DELETE", path: base + "/fields/" + EXTRA, body: Body::None }
            }
            Operation::Upsert { documents, .. } => {
                Self::new("POST", base + "/documents", json!({"documents": wire(documents)}))
            }
            Operation::Delete { ids, .. } => {
                let ids: Vec<_> = ids.iter().map(|&id| wire_id(id)).collect();
                Self::new("POST", base + "/documents/delete", json!({"ids": ids}))
            }
            Operation::DeleteMatching { filter, .. } => {
                let filter: Value = serde_json::from_str(FILTERS[*filter].0).unwrap_or_default();
                Self::new("POST", base + "/documents/delete", json!({"filter": filter}))
            }
            Operation::Patch { id, patch, .. } => {
                let id = wire_id(*id);
                let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
                let body = json!({"metadata": {"patched": patch}});
                Self::new("PATCH", format!("{base}/documents/{id}"), body)
            }
            Operation::Import { documents, .. } => {
                let lines: Vec<_> = wire(documents).iter().map(Value::to_string).collect();
                let body = Body::Lines(lines.join("\n") + "\n");
                Self { method: "POST", path: base + "/import", body }
            }
        }
    }

    /// Sends it and waits for the reply.
    pub(crate) fn send(&self, client: &mut Client) -> io::Result<Reply> {
        match &self.body {
            Body::None => client.send(self.method, &self.path, None),
            Body::Json(body) => client.send(self.method, &self.path, Some(body)),
            Body::Lines(lines) => {
                client.send_text(self.method, &self.path, LINES_TYPE, Some(lines))
            }
        }
    }

    /// Sends it and goes away without the reply.
    pub(crate) fn send_and_leave(&self, client: &mut Client) -> io::Result<()> {
        match &self.body {
            Body::None => client.send_and_reset(self.method, &self.path, None),
            Body::Json(body) => client.send_and_reset(self.method, &self.path, Some(body)),
            Body::Lines(lines) => {
                client.send_text_and_reset(self.method, &self.path, LINES_TYPE, Some(lines))
            }
        }
    }
}

/// Has the oracle take up the reply to an operation, and returns what it says. An error where it
/// contradicts itself or all that is possible.
pub(crate) fn take(
    oracle: &mut Oracle,
    operation: &Operation,
    reply: &io::Result<Reply>,
) -> Result<Answered> {
    let outcome = oracle.fitting(|state| outcome(operation, state, reply));
    let outcome = outcome.map_err(anyhow::Error::msg)?;
    oracle.note(operation, &outcome);
    Ok(outcome)
}

/// What the reply to an operation says of it where the node was in a state; an error where it
/// contradicts itself or the state.
pub(crate) fn outcome(
    operation: &Operation,
    state: &State,
    reply: &io::Result<Reply>,
) -> Result<Answered, String> {
    let Ok(reply) = reply else { return Ok(Answered::Unknown) };
    if let Operation::Import { documents, .. } = operation
        && reply.status == 200
    {
        return Ok(outcome_of_import(documents.len(), reply));
    }
    if reply.is_success() {
        return Ok(Answered::Done);
    }
    let expected = match operation {
        Operation::Create { collection, .. } if state.contains_key(collection) => 409,
        Operation::Alias { alias, collection: None }
            if !state.values().any(|it| it.aliases.contains(alias)) =>
        {
            404
        }
        _ if !state.contains_key(operation.collection()) => 404,
        Operation::Drop { collection } if is_aliased(state, collection) => 409,
        Operation::Rename { collection, to } if to != collection && state.contains_key(to) => 409,
        Operation::Extra { collection, is_added: false }
            if state.get(collection).is_some_and(|it| !it.has_extra) =>
        {
            404
        }
        Operation::Patch { id, collection, .. }
            if state.get(collection).is_some_and(|c| !c.documents.contains_key(id)) =>
        {
            404
        }
        _ => 0,
    };
    match reply.outcome() {
        "unknown" => Ok(Answered::Unknown),
        "not_applied" if reply.status == expected || reply.status >= 500 => {
            Ok(Answered::NotApplied)
        }
        other => Err(format!(
            "{operation:?} was answered {} {:?} with outcome {other:?}",
            reply.status,
            crate::document::short(&reply.body)
        )),
    }
}

/// An import answers each line; what it does not answer may be there, in the order of the lines.
fn outcome_of_import(lines: usize, reply: &Reply) -> Answered {
    let (mut done, mut unknown): (Vec<_>, Vec<_>) = (Vec::new(), (0..lines).collect());
    for answer in reply.text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let Some(line) = answer["line"].as_u64().and_then(|line| usize::try_from(line).ok()) else {
            continue;
        };
        let index = line.saturating_sub(1);
        if matches!(answer["status"].as_str(), Some("created" | "updated")) {
            done.push(index);
        }
        if answer["error"]["outcome"] != "unknown" {
            unknown.retain(|unknown| *unknown != index);
        }
    }
    match done.len() == lines {
        true => Answered::Done,
        false => Answered::Lines { done, unknown },
    }
}

/// The settings of a collection as the node describes it.
pub(crate) fn ef_of(description: &Value) -> u64 {
    let indexes = [&description["index"], &description["fields"][OWN]["index"]];
    indexes.into_iter().find_map(|index| index["ef"].as_u64()).unwrap_or(EF_DEFAULT)
}

/// Whether a collection has the field that comes and goes, as the node describes it.
pub(crate) fn has_extra(description: &Value) -> bool {
    description["fields"][EXTRA].is_object()
}
