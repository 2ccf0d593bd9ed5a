//! Which documents match a filter: the filter index says so, and of the few of which it does not
//! know, their metadata.

use akidb_core::{Error, Filter, Outcome, Result, Seq};
use akidb_store::DocumentStore;

use crate::{collections::OpenCollection, failure::from_store, projection::Matching};

/// Documents read at once to see whether they match a filter.
const UNSURE_ROWS: usize = 256;

/// How often a look is repeated when documents that had to be read were replaced meanwhile.
const ATTEMPTS_MAX: u32 = 8;

/// The documents that match as of one commit.
pub(super) struct MatchingVersions {
    /// Ascending.
    pub(super) versions: Vec<Seq>,
    /// Those that can not be read, so that nobody knows.
    pub(super) damaged: Vec<Seq>,
    /// The vectors of those that match for certain.
    pub(super) vectors: u64,
    /// The last sequence number of that commit.
    pub(super) as_of: Seq,
}

/// What became of documents that were read to see whether they match.
#[derive(Default)]
pub(super) struct Settled {
    pub(super) matching: Vec<Seq>,
    damaged: Vec<Seq>,
    /// Whether all of them are still there.
    is_whole: bool,
}

/// Reads documents to see which of them match. `matching` is in no particular order.
pub(super) async fn settle(
    store: &DocumentStore,
    filter: &Filter,
    unsure: &[Seq],
) -> Result<Settled> {
    let mut settled = Settled { is_whole: true, ..Settled::default() };
    for unsure in unsure.chunks(UNSURE_ROWS) {
        let rows = store.by_seqs(unsure, false).await.map_err(from_store)?;
        settled.is_whole &= rows.documents.len() + rows.damaged.len() == unsure.len();
        let matches = rows.documents.iter().filter(|row| filter.matches(&row.id, &row.metadata));
        settled.matching.extend(matches.map(|row| row.seq));
        settled.damaged.extend(rows.damaged.iter().filter_map(|row| row.seq));
    }
    Ok(settled)
}

/// The documents that match.
///
/// # Errors
/// When a read fails.
pub(super) async fn versions(open: &OpenCollection, filter: &Filter) -> Result<MatchingVersions> {
    let (found, settled) = look(open, filter).await?;
    let mut versions = found.certain();
    if !settled.matching.is_empty() {
        versions.extend(&settled.matching);
        versions.sort_unstable();
    }
    Ok(MatchingVersions {
        versions,
        damaged: settled.damaged,
        vectors: found.vector_count(),
        as_of: found.as_of,
    })
}

/// How many documents match.
///
/// # Errors
/// When a read fails.
pub(super) async fn count(open: &OpenCollection, filter: &Filter) -> Result<u64> {
    let (found, settled) = look(open, filter).await?;
    Ok(found.certain_count() + settled.matching.len() as u64)
}

/// What the filter index says, and what became of the documents that it is unsure of.
async fn look(open: &OpenCollection, filter: &Filter) -> Result<(Matching, Settled)> {
    let mut attempt = 1;
    loop {
        let found = open.projection.matching(filter);
        let settled = settle(&open.store, filter, &found.unsure).await?;
        if settled.is_whole || attempt == ATTEMPTS_MAX {
            return Ok((found, settled));
        }
        attempt += 1;
    }
}

/// Documents of one step, where a change is made in steps: others wait for one, so that with 1,000 the
/// slowest of a hundred upserts beside a deletion took 50 ms, with 400 it takes 37.
const STEP_DOCUMENTS: usize = 400;

/// Changes the documents that matched: up to `whole_max` in one write, more in steps between which others
/// write. Returns how many were changed.
///
/// # Errors
/// When a write fails; after a step that was made the outcome is unknown, and the message counts.
pub(super) async fn change<F: Future<Output = Result<u64>>>(
    versions: &[Seq],
    whole_max: usize,
    write: impl Fn(Vec<Seq>) -> F,
) -> Result<u64> {
    let step = if versions.len() <= whole_max { whole_max } else { STEP_DOCUMENTS };
    let mut changed = 0;
    for versions in versions.chunks(step) {
        changed += write(versions.to_vec()).await.map_err(|error| interrupted(error, changed))?;
    }
    Ok(changed)
}

fn interrupted(error: Error, changed: u64) -> Error {
    if changed == 0 {
        return error;
    }
    let message = format!("after {changed} of the documents were changed: {}", error.message);
    Error { message, ..error }.with_outcome(Outcome::Unknown)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use akidb_core::ErrorCode;

    use super::*;

    /// The sizes of the writes, and what came of them, where the one at `failing` fails.
    async fn check(
        count: u64,
        whole_max: usize,
        failing: Option<usize>,
    ) -> (Vec<usize>, Result<u64>) {
        let sizes = RefCell::new(Vec::new());
        let versions: Vec<Seq> = (1..=count).map(Seq).collect();
        let changed = change(&versions, whole_max, |versions| {
            sizes.borrow_mut().push(versions.len());
            std::future::ready(match failing == Some(sizes.borrow().len()) {
                true => Err(Error::new(ErrorCode::DeadlineExceeded, "too late")),
                false => Ok(versions.len() as u64),
            })
        });
        let changed = changed.await;
        (sizes.into_inner(), changed)
    }

    #[tokio::test]
    async fn few_are_changed_at_once_and_many_in_steps() {
        assert_eq!(check(0, 10_000, None).await, (vec![], Ok(0)));
        assert_eq!(check(10_000, 10_000, None).await, (vec![10_000], Ok(10_000)));
        let (sizes, changed) = check(10_001, 10_000, None).await;
        assert_eq!((sizes.len(), sizes[0], sizes[25], changed), (26, 400, 1, Ok(10_001)));
    }

    #[tokio::test]
    async fn what_is_interrupted_says_how_far_it_came() {
        let whole = check(10, 10_000, Some(1)).await.1.unwrap_err();
        assert_eq!((whole.outcome, whole.message.as_str()), (Outcome::NotApplied, "too late"));
        let (sizes, changed) = check(20_000, 10_000, Some(3)).await;
        let error = changed.unwrap_err();
        assert_eq!((sizes.len(), error.outcome), (3, Outcome::Unknown));
        assert_eq!(error.message, "after 800 of the documents were changed: too late");
    }
}
