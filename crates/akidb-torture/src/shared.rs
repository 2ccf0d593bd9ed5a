//! Collections that all workers write to, each its own ids.

use anyhow::{Result, bail};

use crate::{
    client::Client,
    document::Form,
    oracle::{Answered, Operation, Oracle, State},
    workload::{Request, belongs_to},
};

/// How the names of shared collections begin.
const PREFIX: &str = "s-";

/// The shared collections by name.
pub(crate) const SHARED: [(&str, Form); 5] = [
    ("s-vectors", Form::Vectors),
    ("s-others", Form::Vectors),
    ("s-texts", Form::Texts),
    ("s-passages", Form::Passages),
    ("s-fields", Form::Fields),
];

/// Creates the shared collections and returns the state with them.
pub(crate) fn create_shared(client: &mut Client) -> Result<State> {
    let mut oracle = Oracle::new(State::new());
    for (name, form) in SHARED {
        let collection = name.to_owned();
        must_do(client, &mut oracle, &Operation::Create { collection, form, description: 1 })?;
    }
    Ok(oracle.state().clone())
}

/// Does an operation that must succeed.
pub(crate) fn must_do(
    client: &mut Client,
    oracle: &mut Oracle,
    operation: &Operation,
) -> Result<()> {
    let reply = Request::of(operation, oracle.state()).send(client)?;
    let is_done = match operation {
        Operation::Import { .. } => !reply.text.contains("\"error\""),
        _ => true,
    };
    if !reply.is_success() || !is_done {
        bail!("{operation:?} was answered {}: {}", reply.status, reply.text);
    }
    oracle.note(operation, &Answered::Done);
    Ok(())
}

/// What of a state is a worker's: its own collections, and its documents of the shared ones.
pub(crate) fn part_of(state: &State, worker: u64) -> State {
    let own = format!("w{worker}-");
    let mut part = state.clone();
    part.retain(|name, _| name.starts_with(PREFIX) || name.starts_with(&own));
    for (_, collection) in part.iter_mut().filter(|(name, _)| name.starts_with(PREFIX)) {
        collection.documents.retain(|id, _| belongs_to(*id, worker));
    }
    part
}
