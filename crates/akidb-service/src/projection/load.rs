//! What a collection searches when it opens: its latest snapshot and what the store has since, or
//! all of the store.

use akidb_core::{Error, ErrorCode, Metadata, Result, Seq};
use akidb_index::SnapshotFolder;
use akidb_store::{CommittedChange, Loader, StoreError, StoredVector};

use super::{
    Context, Projection,
    generation::Generation,
    maintenance::{Contained, Maintenance},
    snapshot,
};
use crate::{
    failure::from_store,
    index_memory::{MemoryShare, vector_bytes},
};

/// Vectors, or documents, handed to the indexes at once.
const LOAD_ROWS: usize = 1_024;

/// Builds what a collection searches.
pub(crate) async fn load(context: Context, loader: &mut Loader) -> Result<Projection> {
    let Restored { mut folder, latest, all_sound } = restored(context.clone()).await?;
    let fitting = match latest {
        Some((generation, contained)) => {
            let fits = catch_up(&generation, contained, loader).await?;
            if !fits {
                unusable(&context, &"it does not fit the store");
            }
            // Where one was damaged, another one is to be written whether or not anything is new.
            fits.then_some((generation, Some(contained).filter(|_| all_sound)))
        }
        None => None,
    };
    // Held until the indexes are there, which count themselves then.
    let mut reserved = None;
    let (generation, contained) = match fitting {
        Some(fitting) => fitting,
        None => {
            folder.begin_anew();
            reserved = Some(reserve(&context, loader)?);
            (from_store_alone(&context, loader).await?, None)
        }
    };
    let maintenance = Maintenance::new(folder, contained);
    let state = (loader.last_seq().0, loader.document_count());
    let projection = Projection::of(context, generation, maintenance, state);
    drop(reserved);
    Ok(projection)
}

/// Sees to it that what is read from the store fits the memory of indexes. What is mapped from files
/// needs little of it.
fn reserve(context: &Context, loader: &Loader) -> Result<MemoryShare> {
    let bytes = vector_bytes(context.dimension, &context.settings);
    context.indexing.memory.reserve(bytes.saturating_mul(loader.document_count()))
}

/// What the files give.
struct Restored {
    folder: SnapshotFolder,
    /// The latest snapshot that can be read.
    latest: Option<(Generation, Contained)>,
    /// Whether there was none after it that can not.
    all_sound: bool,
}

/// Reads snapshots, which takes a while, on a thread for that.
async fn restored(context: Context) -> Result<Restored> {
    let restore = move || {
        let mut folder = SnapshotFolder::new(context.folder.clone(), snapshot::identity(&context));
        let mut all_sound = true;
        let opened = folder.open_latest(|error| {
            all_sound = false;
            unusable(&context, &error);
        });
        let opened = match opened {
            Ok(Some(opened)) => snapshot::read(&context, &opened).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        let latest = opened.unwrap_or_else(|error| {
            unusable(&context, &error);
            None
        });
        Restored { folder, latest, all_sound }
    };
    let restored = tokio::task::spawn_blocking(restore).await;
    restored.map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))
}

fn unusable(context: &Context, reason: &dyn std::fmt::Display) {
    context.indexing.metrics.index_snapshots_unusable.inc();
    tracing::warn!(collection = %context.collection, %reason, "a snapshot of an index is not used");
}

/// Brings a snapshot's generation in step with the store. Says whether that could be done.
async fn catch_up(
    generation: &Generation,
    contained: Contained,
    loader: &mut Loader,
) -> Result<bool> {
    let covered = Seq(contained.applied_seq);
    if covered > loader.last_seq() {
        return Ok(false);
    }
    if covered == loader.last_seq() && contained.documents == loader.document_count() {
        return Ok(true);
    }
    let stored = loader.documents().await.map_err(from_store)?;
    let indexed = generation.live_documents();
    let missing =
        stored.iter().filter(|seq| **seq <= covered && indexed.binary_search(seq).is_err());
    // Documents whose vector is damaged are in no index.
    if missing.count() as u64 > contained.documents.saturating_sub(indexed.len() as u64) {
        return Ok(false);
    }
    let removed = indexed.into_iter().filter(|seq| stored.binary_search(seq).is_err());
    generation.remove_documents(&removed.collect::<Vec<_>>());
    fill(generation, covered, loader).await?;
    Ok(true)
}

/// A generation of all that the store has. Its graph, where it should have one, is still to be
/// built.
async fn from_store_alone(context: &Context, loader: &mut Loader) -> Result<Generation> {
    let mut generation = Generation::new(context.new_index(), context.settings);
    fill(&generation, Seq(0), loader).await?;
    generation.graph_due = generation.index.slot_count();
    Ok(generation)
}

/// Adds what the store has after a sequence number.
async fn fill(generation: &Generation, after: Seq, loader: &mut Loader) -> Result<()> {
    let first = generation.index.slot_count();
    let dimension = generation.index.dimension();
    let mut pending = CommittedChange::default();
    let mut wrong_dimension = None;
    let loaded = loader.vectors(after, |StoredVector { key, vector }| {
        if vector.len() != dimension {
            wrong_dimension = Some(key.seq());
            return;
        }
        pending.added.push(key);
        pending.added_vectors.extend_from_slice(&vector);
        if pending.added.len() == LOAD_ROWS {
            generation.apply(&std::mem::take(&mut pending));
        }
    });
    loaded.await.map_err(from_store)?;
    generation.apply(&pending);
    if let Some(seq) = wrong_dimension {
        let message = format!("the stored vector {seq} has another dimension than its collection");
        return Err(Error::new(ErrorCode::StorageFailed, message));
    }
    fill_metadata(generation, first, after, loader).await.map_err(from_store)
}

async fn fill_metadata(
    generation: &Generation,
    first: usize,
    after: Seq,
    loader: &mut Loader,
) -> std::result::Result<(), StoreError> {
    let mut from = first;
    let mut pending: Vec<(Seq, Metadata)> = Vec::with_capacity(LOAD_ROWS);
    let loaded = loader.metadata(after, |document, metadata| {
        pending.push((document, metadata));
        if pending.len() == LOAD_ROWS {
            from = generation.append_metadata(from, &pending);
            pending.clear();
        }
    });
    loaded.await?;
    generation.append_metadata(from, &pending);
    Ok(())
}
