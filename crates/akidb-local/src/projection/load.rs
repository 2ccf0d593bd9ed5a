//! What a collection searches when it opens: its latest snapshot and what the store has since, or
//! all of the store.

use std::{collections::BTreeSet, sync::Arc};

use akidb_core::{
    Error, ErrorCode, Result, Seq,
    torture::{PlantedFault, has_fault},
};
use akidb_index::SnapshotFolder;
use akidb_store::{
    AddedDocument, CommittedChange, Loader, Placed, Snapshot, StoreError, StoredRows, StoredVector,
    VectorKey,
};

use super::{
    Context, Over, Projection, STANDS_FOR_DOCUMENT,
    generation::Generation,
    maintenance::{Contained, Maintenance},
    snapshot::{self, Written},
    words::Words,
};
use crate::index_memory::{MemoryShare, vector_bytes};

/// Vectors, or documents, handed to the indexes at once.
const LOAD_ROWS: usize = 1_024;

/// Builds what a collection searches.
pub(crate) async fn load(mut context: Context, loader: &mut Loader) -> Result<Projection> {
    let Restored { mut folder, latest, all_sound } =
        restored(context.clone(), loader.is_renewed()).await?;
    let had_any = latest.is_some();
    let fitting = match latest {
        Some(written) => match catch_up(written, &context.over, loader).await? {
            CaughtUp::Fits(generation, contained, unsearchable) => {
                // Where one was damaged or has no words, another one is to be written whether or
                // not anything is new.
                let had_words = generation.words.is_some() || context.words.is_none();
                let generation = with_words(*generation, &context, loader).await?;
                let contained = Some(contained).filter(|_| all_sound && had_words);
                Some((generation, contained, unsearchable))
            }
            CaughtUp::Ahead(covered) => {
                loader.witness(covered).await?;
                unusable(&context, &"it is ahead of the store");
                None
            }
            CaughtUp::Differs => {
                unusable(&context, &"it does not fit the store");
                None
            }
        },
        None => None,
    };
    // Held until the indexes are there, which count themselves then.
    let mut reserved = None;
    let (generation, contained, unsearchable) = match fitting {
        Some(fitting) => fitting,
        None => {
            if had_any {
                context.position = loader.position();
                folder = SnapshotFolder::new(context.folder.clone(), snapshot::identity(&context));
            }
            // They would be told of at each start, and a small index is never written in their place.
            if had_any || !all_sound {
                discard(&mut folder, &context);
            }
            folder.begin_anew();
            reserved = Some(counted(&context, loader));
            let (generation, unsearchable) = from_store_alone(&context, &mut loader.rows()).await?;
            (generation, None, unsearchable)
        }
    };
    let maintenance = Maintenance::new(folder, contained);
    let projection = Projection::of(context, generation, maintenance, unsearchable);
    drop(reserved);
    Ok(projection)
}

/// Builds what is searched of a field from the store alone, while writes go on. What the commits after the
/// snapshot have is the caller's to add.
pub(crate) async fn load_live(context: Context, snapshot: &mut Snapshot) -> Result<Projection> {
    let identity = snapshot::identity(&context);
    let mut folder = SnapshotFolder::new(context.folder.clone(), identity);
    // Of another time that it was searched. They must not be taken for what it is to be.
    folder.discard().map_err(|error| {
        let message = format!("files of an index can not be removed: {error}");
        Error::new(ErrorCode::StorageFailed, message)
    })?;
    folder.begin_anew();
    let (generation, unsearchable) = from_store_alone(&context, &mut snapshot.rows()).await?;
    Ok(Projection::of(context, generation, Maintenance::new(folder, None), unsearchable))
}

/// Counts what is read from the store as memory of indexes, also beyond the limit on it: documents
/// that are there must be found, and deleted where there are too many. What is mapped from files
/// needs little.
fn counted(context: &Context, loader: &Loader) -> MemoryShare {
    let bytes = vector_bytes(context.dimension, &context.settings);
    context.indexing.memory.count(bytes.saturating_mul(loader.document_count()))
}

/// What the files give.
struct Restored {
    folder: SnapshotFolder,
    /// The latest snapshot that can be read.
    latest: Option<Written>,
    /// Whether there was none after it that can not.
    all_sound: bool,
}

/// Reads snapshots, which takes a while, on a thread for that. Where the epoch of the store was
/// raised just now none can fit.
async fn restored(context: Context, is_renewed: bool) -> Result<Restored> {
    let restore = move || {
        let mut folder = SnapshotFolder::new(context.folder.clone(), snapshot::identity(&context));
        if is_renewed && !has_fault(PlantedFault::TrustEqualCounts) {
            discard(&mut folder, &context);
        }
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
    context.indexing.metrics.indexes.snapshots_unusable.inc();
    tracing::warn!(collection = %context.collection, %reason, "a snapshot of an index is not used");
}

fn discard(folder: &mut SnapshotFolder, context: &Context) {
    if let Err(error) = folder.discard() {
        // They are refused by the epoch that they name.
        tracing::warn!(collection = %context.collection, %error, "unusable snapshots stay");
    }
}

/// What became of a snapshot's generation.
enum CaughtUp {
    /// It is in step with the store.
    Fits(Box<Generation>, Contained, BTreeSet<Seq>),
    /// It has writes that the store has lost.
    Ahead(Seq),
    /// It lacks documents that the store has had all along.
    Differs,
}

/// Brings a snapshot's generation, which is of this database and epoch, in step with the store.
async fn catch_up(written: Written, over: &Over, loader: &mut Loader) -> Result<CaughtUp> {
    let Written { generation, contained, mut unsearchable } = written;
    let covered = Seq(contained.applied_seq);
    let trusts_counts = has_fault(PlantedFault::TrustEqualCounts);
    if trusts_counts && generation.live_documents().len() as u64 == loader.document_count() {
        return Ok(CaughtUp::Fits(Box::new(generation), contained, unsearchable));
    }
    if covered > loader.last_seq() {
        return Ok(CaughtUp::Ahead(covered));
    }
    if covered == loader.last_seq() {
        return Ok(CaughtUp::Fits(Box::new(generation), contained, unsearchable));
    }
    let stored = loader.rows().documents(placed(over)).await?;
    let indexed = generation.live_documents();
    let is_missing = |seq: &&Seq| **seq <= covered && indexed.binary_search(seq).is_err();
    if stored.iter().filter(is_missing).any(|seq| !unsearchable.contains(seq)) {
        return Ok(CaughtUp::Differs);
    }
    unsearchable.retain(|seq| stored.binary_search(seq).is_ok());
    let removed = indexed.into_iter().filter(|seq| stored.binary_search(seq).is_err());
    generation.remove_documents(&removed.collect::<Vec<_>>());
    unsearchable.extend(fill(&generation, covered, over, &mut loader.rows()).await?);
    Ok(CaughtUp::Fits(Box::new(generation), contained, unsearchable))
}

/// A generation of all that the store has. Its graph, where it should have one, is still to be
/// built.
async fn from_store_alone(
    context: &Context,
    rows: &mut StoredRows<'_>,
) -> Result<(Generation, BTreeSet<Seq>)> {
    let mut generation = context.new_generation();
    let unsearchable = fill(&generation, Seq(0), &context.over, rows).await?;
    generation.graph_due = generation.index.slot_count();
    Ok((generation, unsearchable.into_iter().collect()))
}

/// Adds what the store has after a sequence number, and returns the documents of which it has not
/// all vectors or no metadata.
async fn fill(
    generation: &Generation,
    after: Seq,
    over: &Over,
    rows: &mut StoredRows<'_>,
) -> Result<Vec<Seq>> {
    let first = generation.index.slot_count();
    let incomplete = match over {
        Over::Field(field) => fill_vectors(generation, after, field.number, rows).await?,
        Over::Documents => {
            let mut documents = rows.documents(Placed::NotInUnnamed).await?;
            documents.retain(|document| *document > after);
            for documents in documents.chunks(LOAD_ROWS) {
                generation.apply(&CommittedChange {
                    added: documents.iter().copied().map(VectorKey::of).collect(),
                    added_vectors: vec![STANDS_FOR_DOCUMENT; documents.len()],
                    ..CommittedChange::default()
                });
            }
            Vec::new()
        }
    };
    let unreadable = fill_documents(generation, first, after, over, rows).await?;
    Ok(incomplete.into_iter().chain(unreadable).collect())
}

const fn placed(over: &Over) -> Placed {
    match over {
        Over::Field(field) => Placed::In(field.number),
        Over::Documents => Placed::NotInUnnamed,
    }
}

async fn fill_vectors(
    generation: &Generation,
    after: Seq,
    field: u32,
    rows: &mut StoredRows<'_>,
) -> Result<Vec<Seq>> {
    let dimension = generation.index.dimension();
    let mut pending = CommittedChange::default();
    let mut wrong_dimension = None;
    let loaded = rows.vectors(field, after, |StoredVector { key, vector }| {
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
    let incomplete = loaded.await?;
    generation.apply(&pending);
    if let Some(seq) = wrong_dimension {
        let message = format!("the stored vector {seq} has another dimension than its collection");
        return Err(Error::new(ErrorCode::StorageFailed, message));
    }
    Ok(incomplete)
}

/// Adds what is asked of documents beside their vectors.
async fn fill_documents(
    generation: &Generation,
    first: usize,
    after: Seq,
    over: &Over,
    rows: &mut StoredRows<'_>,
) -> std::result::Result<Vec<Seq>, StoreError> {
    let mut from = first;
    let wanted = (placed(over), generation.words.is_some());
    let append = |documents: &[AddedDocument]| from = generation.append_documents(from, documents);
    contents_in_parts(wanted, after, rows, append).await
}

/// Gives what the store has of documents to `take`, some at once.
async fn contents_in_parts(
    wanted: (Placed, bool),
    after: Seq,
    rows: &mut StoredRows<'_>,
    mut take: impl FnMut(&[AddedDocument]) + Send,
) -> std::result::Result<Vec<Seq>, StoreError> {
    let mut pending: Vec<AddedDocument> = Vec::with_capacity(LOAD_ROWS);
    let loaded = rows.contents(wanted, after, |document| {
        pending.push(document);
        if pending.len() == LOAD_ROWS {
            take(&pending);
            pending.clear();
        }
    });
    let unreadable = loaded.await?;
    take(&pending);
    Ok(unreadable)
}

/// Gives a generation from files of before the words of all documents, where it has none and should.
async fn with_words(
    generation: Generation,
    context: &Context,
    loader: &mut Loader,
) -> Result<Generation> {
    let Some(sources) = context.words.as_ref().filter(|_| generation.words.is_none()) else {
        return Ok(generation);
    };
    let words = Words::new(Arc::clone(sources));
    let mut from = 0;
    let append = |documents: &[AddedDocument]| {
        let (slots, end) = generation.slots_of(from, documents);
        words.append(&slots, documents);
        from = end;
    };
    contents_in_parts((placed(&context.over), true), Seq(0), &mut loader.rows(), append).await?;
    Ok(Generation { words: Some(words), ..generation })
}
