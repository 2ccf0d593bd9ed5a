//! Writes: room on the disk and memory for the index first, then the store.

use std::{collections::HashSet, time::Instant};

use akidb_core::{DocumentId, Error, ErrorCode, Expiry, Result};
use akidb_engine::{Applied, CollectionRecord, NewRow, RowVectors, Write};

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
    mut write: Write,
    deadline: Instant,
) -> Result<Applied> {
    check_placed(record, &write)?;
    set_expiries(open, record, &mut write);
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

/// Says of documents that say nothing of it when they expire.
fn set_expiries(open: &OpenCollection, record: &CollectionRecord, write: &mut Write) {
    let Write::Upsert(rows, _) = write else { return };
    let after_ttl = record.ttl_seconds.map(|ttl| open.expiries.now().after_seconds(ttl));
    for row in rows {
        row.expiry = row.expiry.or(|| after_ttl).map_or(Expiry::Never, Expiry::At);
    }
}

/// Refuses a document without a vector where every document has one in the only field that there ever
/// was: nothing would find it.
fn check_placed(record: &CollectionRecord, write: &Write) -> Result<()> {
    let Write::Upsert(rows, _) = write else { return Ok(()) };
    if record.last_field == 0 && rows.iter().any(|row| row.vectors.is_none()) {
        let message = "a document has no vector in the only field of the collection";
        return Err(Error::new(ErrorCode::InvalidArgument, message));
    }
    Ok(())
}

/// Memory for what a write adds to the indexes. One that adds nothing, or only replaces what is
/// there, always has it: it is how a collection at its limit gets below it again.
async fn reserve_memory(
    open: &OpenCollection,
    record: &CollectionRecord,
    indexing: &Indexing,
    write: &Write,
) -> Result<Option<MemoryShare>> {
    let memory = &indexing.memory;
    match write {
        Write::Upsert(rows, _) => {
            let all = bytes_of(record, rows.iter());
            let refusal = match memory.reserve(all) {
                Ok(share) => return Ok(Some(share)),
                Err(refusal) => refusal,
            };
            open.projections.do_what_waits();
            let present = present(open, rows).await?;
            let new = rows.iter().filter(|row| !present.contains(&row.id));
            match bytes_of(record, new) {
                0 => Ok(Some(memory.count(all))),
                new if new == all => Err(refusal),
                new => memory.reserve(new).map(Some),
            }
        }
        // The index takes in other versions before it takes out those of before.
        Write::PatchVersions(patch) => {
            let bytes = open.projections.fields().into_iter().map(|(number, projection)| {
                let vectors = projection.vectors_of(&patch.versions);
                vectors.saturating_mul(bytes_in(record, number))
            });
            Ok(Some(memory.count(bytes.fold(0, u64::saturating_add))))
        }
        // A shadow has no index yet.
        Write::Fill(_) => Ok(None),
        Write::Patch(_) | Write::DeleteIds(_) | Write::DeleteOne(_) | Write::DeleteVersions(_) => {
            Ok(None)
        }
    }
}

/// Bytes that one vector takes in the index of a field; none where the field is no more.
fn bytes_in(record: &CollectionRecord, field: u32) -> u64 {
    let field = record.fields.iter().find(|it| it.number == field);
    field.map_or(0, |field| vector_bytes(field.dimension, &field.index))
}

/// Bytes that the vectors of documents take in the indexes.
fn bytes_of<'r>(record: &CollectionRecord, rows: impl Iterator<Item = &'r NewRow>) -> u64 {
    let in_unnamed = bytes_in(record, 0);
    let of_row = |row: &NewRow| {
        let unnamed = row.vectors.as_ref().map_or(0, RowVectors::count) as u64;
        let named = row.fields.iter().map(|field| {
            (field.vectors.count() as u64).saturating_mul(bytes_in(record, field.field))
        });
        named.fold(unnamed.saturating_mul(in_unnamed), u64::saturating_add)
    };
    rows.map(of_row).fold(0, u64::saturating_add)
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
