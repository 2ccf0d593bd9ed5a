//! Writes: room on the disk and memory for the index first, then the store.

use std::{collections::HashSet, time::Instant};

use akidb_core::{DocumentId, ErrorCode, Result};
use akidb_engine::{Applied, CollectionRecord, NewRow, Write};

use crate::{
    collections::OpenCollection,
    index_memory::{MemoryShare, vector_bytes},
    projection::Indexing,
};

/// Documents read at once to see whether they are there already.
const PRESENT_ROWS: usize = 256;

/// Writes once. A disk that is full is noted where a write met it that does not make room itself.
///
/// # Errors
/// When there is no room, or the store refuses or fails.
pub(crate) async fn write(
    open: &OpenCollection,
    record: &CollectionRecord,
    indexing: &Indexing,
    write: Write,
    deadline: Instant,
) -> Result<Applied> {
    let frees_space = write.frees_space();
    if !frees_space {
        indexing.space.check()?;
    }
    // Held until the index has what is written, which it counts itself then.
    let _reserved = reserve_memory(open, record, indexing, &write).await?;
    let written = open.store.write(write, deadline.into()).await;
    let written = written.map_err(|error| indexing.space.explain(error).into());
    let met_full = |error: &akidb_core::Error| error.code == ErrorCode::StorageFull && !frees_space;
    if written.as_ref().is_err_and(met_full) {
        indexing.space.note_full();
    }
    written
}

/// Memory for what a write adds to the index. One that adds nothing, or only replaces what is
/// there, always has it: it is how a collection at its limit gets below it again.
async fn reserve_memory(
    open: &OpenCollection,
    record: &CollectionRecord,
    indexing: &Indexing,
    write: &Write,
) -> Result<Option<MemoryShare>> {
    let memory = &indexing.memory;
    let field = record.unnamed_field()?;
    let bytes = |vectors: u64| vector_bytes(field.dimension, &field.index).saturating_mul(vectors);
    match write {
        Write::Upsert(rows, _) => {
            let all = bytes(vectors_of(rows.iter()));
            let refusal = match memory.reserve(all) {
                Ok(share) => return Ok(Some(share)),
                Err(refusal) => refusal,
            };
            open.projection.do_what_waits();
            let present = present(open, rows).await?;
            let new = rows.iter().filter(|row| !present.contains(&row.id));
            match bytes(vectors_of(new)) {
                0 => Ok(Some(memory.count(all))),
                new if new == all => Err(refusal),
                new => memory.reserve(new).map(Some),
            }
        }
        // The index takes in other versions before it takes out those of before.
        Write::PatchVersions(patch) => {
            let vectors = open.projection.vectors_of(&patch.versions);
            Ok(Some(memory.count(bytes(vectors))))
        }
        Write::Patch(_) | Write::DeleteIds(_) | Write::DeleteOne(_) | Write::DeleteVersions(_) => {
            Ok(None)
        }
    }
}

fn vectors_of<'r>(rows: impl Iterator<Item = &'r NewRow>) -> u64 {
    rows.map(|row| row.vectors.count() as u64).sum()
}

/// Which of the documents are there already.
async fn present(open: &OpenCollection, rows: &[NewRow]) -> Result<HashSet<DocumentId>> {
    let ids: Vec<DocumentId> = rows.iter().map(|row| row.id.clone()).collect();
    let mut present = HashSet::new();
    for ids in ids.chunks(PRESENT_ROWS) {
        let found = open.store.by_ids(ids, false).await?;
        present.extend(found.documents.into_iter().map(|document| document.id));
        present.extend(found.damaged.into_iter().filter_map(|damaged| damaged.id));
    }
    Ok(present)
}
