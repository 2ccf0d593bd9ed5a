//! Which documents match a filter: the filter index says so, and of the few of which it does not
//! know, their metadata.

use akidb_core::{Filter, Result, Seq};
use akidb_store::DocumentStore;
use roaring::RoaringTreemap;

use crate::{collections::OpenCollection, projection::Matching, search::COMMIT_TAKES_MAX};

/// Documents read at once to see whether they match a filter.
const UNSURE_ROWS: usize = 256;

/// How often a look is repeated when documents that had to be read were replaced meanwhile.
const ATTEMPTS_MAX: u32 = 8;

/// The documents that match as of one commit.
pub(crate) struct MatchingVersions {
    /// Ascending.
    pub(crate) versions: Vec<Seq>,
    /// Those that can not be read, so that nobody knows.
    pub(crate) damaged: Vec<Seq>,
    /// The last sequence number of that commit.
    pub(crate) as_of: Seq,
}

/// What became of documents that were read to see whether they match.
#[derive(Default)]
pub(crate) struct Settled {
    pub(crate) matching: Vec<Seq>,
    pub(crate) damaged: Vec<Seq>,
    /// Whether all of them are still there.
    pub(crate) is_whole: bool,
    /// Whether any was read.
    pub(crate) has_read: bool,
}

/// Row versions that were held against a filter. They never change, so that a further look has to read none of them
/// again.
#[derive(Default)]
pub(crate) struct Verdicts {
    matching: RoaringTreemap,
    others: RoaringTreemap,
}

impl Verdicts {
    fn knows(&self, version: Seq) -> bool {
        self.matching.contains(version.0) || self.others.contains(version.0)
    }
}

/// Reads documents to see which of them match. `matching` is in no particular order.
pub(crate) async fn settle(
    store: &DocumentStore,
    filter: &Filter,
    unsure: &[Seq],
    verdicts: &mut Verdicts,
) -> Result<Settled> {
    let mut settled = Settled { is_whole: true, ..Settled::default() };
    let unread = unsure.iter().copied().filter(|version| !verdicts.knows(*version));
    let unread: Vec<Seq> = unread.collect();
    settled.has_read = !unread.is_empty();
    for unread in unread.chunks(UNSURE_ROWS) {
        let rows = store.by_seqs(unread, false).await?;
        settled.is_whole &= rows.documents.len() + rows.damaged.len() == unread.len();
        for row in &rows.documents {
            match filter.matches(row) {
                true => verdicts.matching.insert(row.seq.0),
                false => verdicts.others.insert(row.seq.0),
            };
        }
        settled.damaged.extend(rows.damaged.iter().filter_map(|row| row.seq));
    }
    let matches = unsure.iter().copied().filter(|version| verdicts.matching.contains(version.0));
    settled.matching = matches.collect();
    Ok(settled)
}

/// The documents that match.
///
/// # Errors
/// When a read fails.
pub(crate) async fn versions(open: &OpenCollection, filter: &Filter) -> Result<MatchingVersions> {
    let (found, settled) = look(open, filter).await?;
    let mut parts = found.iter().map(Matching::certain);
    let mut versions = parts.next().unwrap_or_default();
    let (in_first, others) = (versions.len(), parts.flatten().chain(settled.matching));
    versions.extend(others);
    if versions.len() > in_first {
        versions.sort_unstable();
    }
    let as_of = found.iter().map(|part| part.as_of).min().unwrap_or_default();
    Ok(MatchingVersions { versions, damaged: settled.damaged, as_of })
}

/// How many documents match.
///
/// # Errors
/// When a read fails.
pub(crate) async fn count(open: &OpenCollection, filter: &Filter) -> Result<u64> {
    let (found, settled) = look(open, filter).await?;
    let certain: u64 = found.iter().map(Matching::certain_count).sum();
    Ok(certain + settled.matching.len() as u64)
}

/// What the filter indexes say, and what became of the documents that they are unsure of.
pub(crate) async fn look(
    open: &OpenCollection,
    filter: &Filter,
) -> Result<(Vec<Matching>, Settled)> {
    let mut attempt = 1;
    let mut verdicts = Verdicts::default();
    loop {
        let indexed = open.store.indexed_seq();
        let found = open.projections.matching(filter);
        let unsure: Vec<Seq> = found.iter().flat_map(|part| part.unsure.iter().copied()).collect();
        let settled = settle(&open.store, filter, &unsure, &mut verdicts).await?;
        if settled.is_whole || attempt == ATTEMPTS_MAX {
            return Ok((found, settled));
        }
        // The store has replaced what the indexes are about to.
        let next_commit = open.store.indexed_after(indexed);
        let _ = tokio::time::timeout(COMMIT_TAKES_MAX, next_commit).await;
        attempt += 1;
    }
}
