//! How many documents have which values: the filter index says so, and of the few documents that it does not
//! know, an index that is made of their metadata.

use std::{borrow::Cow, time::Instant};

use akidb_core::{Error, ErrorCode, FieldPath, Filter, Result, Seq, Test};
use akidb_engine::{FacetQuery, Facets};
use akidb_index::FilterIndex;
use akidb_store::DocumentStore;
use roaring::RoaringBitmap;

use crate::{collections::OpenCollection, matching::look, projection::Matching};

/// Documents read at once for their metadata.
const READ_ROWS: usize = 256;

/// How often a look is repeated when documents that had to be read were replaced meanwhile.
const ATTEMPTS_MAX: u32 = 8;

/// Counts all facets of a query over the documents of one moment.
///
/// # Errors
/// When a read fails, or nobody waits for the answer any more.
pub(crate) async fn facets(open: &OpenCollection, query: FacetQuery) -> Result<Facets> {
    let everything = Filter::And(Vec::new());
    let alive = open.asked(query.filter.as_ref()).map(Cow::into_owned);
    let counted = query.facets.iter().map(|facet| &facet.field);
    let unknown_fields = open
        .projections
        .unknown_fields(Some(&with_fields(query.filter.as_ref().unwrap_or(&everything), counted)));
    let mut attempt = 1;
    let (found, read) = loop {
        let (found, settled) = look(open, alive.as_ref().unwrap_or(&everything)).await?;
        let read = values_of(&open.store, &settled.matching).await?;
        if read.is_whole || attempt == ATTEMPTS_MAX {
            break (found, read);
        }
        attempt += 1;
    };
    // A field of many values takes longer than others should wait.
    let counting = tokio::task::spawn_blocking(move || count(&found, &read.index, &query));
    let counted =
        counting.await.map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))?;
    Ok(Facets { unknown_fields, ..counted? })
}

/// A filter that asks for the fields of another one and for further ones.
pub(crate) fn with_fields<'f>(
    filter: &Filter,
    fields: impl IntoIterator<Item = &'f FieldPath>,
) -> Filter {
    let further = fields
        .into_iter()
        .map(|field| Filter::Field { path: field.as_str().to_owned(), test: Test::Exists(true) });
    Filter::And(std::iter::once(filter.clone()).chain(further).collect())
}

/// The values of documents that were read.
pub(crate) struct ReadValues {
    /// Each under a slot of its own.
    pub(crate) index: FilterIndex,
    /// The document in each slot.
    pub(crate) documents: Vec<Seq>,
    /// Whether all of them are still there.
    pub(crate) is_whole: bool,
}

/// Reads documents for their values.
///
/// # Errors
/// When a read fails.
pub(crate) async fn values_of(store: &DocumentStore, documents: &[Seq]) -> Result<ReadValues> {
    let mut read = ReadValues { index: FilterIndex::new(), documents: Vec::new(), is_whole: true };
    for documents in documents.chunks(READ_ROWS) {
        let rows = store.by_seqs(documents, false).await?;
        read.is_whole &= rows.documents.len() + rows.damaged.len() == documents.len();
        let slots = read.index.slot_count()..;
        let slotted = slots.zip(&rows.documents);
        read.index.insert_batch(slotted.map(|(slot, row)| (slot..slot + 1, row)));
        read.documents.extend(rows.documents.iter().map(|row| row.seq));
    }
    Ok(read)
}

fn count(found: &[Matching], read: &FilterIndex, query: &FacetQuery) -> Result<Facets> {
    let mut of: Vec<(&FilterIndex, RoaringBitmap)> =
        found.iter().map(Matching::with_values).collect();
    of.push((read, (0..read.slot_count()).collect()));
    let count = of.iter().map(|(_, slots)| slots.len()).sum();
    let of: Vec<(&FilterIndex, &RoaringBitmap)> =
        of.iter().map(|(index, slots)| (*index, slots)).collect();
    let is_late = || Instant::now() >= query.deadline;
    let counted = query.facets.iter().map(|facet| FilterIndex::facet(&of, facet, &is_late));
    let facets: Option<Vec<_>> = counted.collect();
    let facets = facets.ok_or_else(Error::too_late)?;
    Ok(Facets { count, facets, unknown_fields: Vec::new() })
}
