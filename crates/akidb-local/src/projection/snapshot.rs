//! A generation as files, and back.
//!
//! Beside the sections of the index stand the keys (`seqs`, and `passages` where texts are cut) and
//! the filters.

use std::{collections::BTreeSet, sync::Arc};

use akidb_core::{
    IndexSettings, Seq,
    torture::{PlantedFault, has_fault},
};
use akidb_index::{
    FilterIndex, HnswIndex, IndexHeader, Section, Snapshot, SnapshotError, SnapshotFolder,
};
use akidb_store::Position;
use akidb_text::{Frozen, TextIndex};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use super::{
    Context, FieldIdentity, Over, Shared, generation::Generation, keys::Keys,
    maintenance::Contained, words::Words,
};

/// Sections that only grow within a generation.
const APPENDED: [&str; 3] = ["vectors", "seqs", "passages"];

/// What a snapshot says beside its sections.
#[derive(Serialize, Deserialize)]
struct Header {
    contained: Contained,
    /// Documents that the store has and the index has not, or not whole.
    unsearchable: BTreeSet<u64>,
    index: IndexHeader,
}

/// A generation as it was written.
pub(super) struct Written {
    pub(super) generation: Generation,
    pub(super) contained: Contained,
    /// Documents that the store had and the index had not, or not whole.
    pub(super) unsearchable: BTreeSet<Seq>,
}

/// What a snapshot must be of: this history of this database, for numbers alone may be those of
/// another one. Its settings may be others than those of the collection by now: it is
/// used until the index for them is built.
pub(super) fn identity(context: &Context) -> String {
    let Context { collection, over, dimension, metric, position, .. } = context;
    let Position { database, epoch, .. } = position;
    // Counts alone are compared then.
    let epoch = if has_fault(PlantedFault::TrustEqualCounts) { &0 } else { epoch };
    let field = match over {
        Over::Field(FieldIdentity { number: 0, .. }) => String::new(),
        Over::Field(FieldIdentity { number, .. }) => format!(", field {number}"),
        Over::Documents => ", documents".to_owned(),
    };
    format!(
        "collection {collection}, database {database}, epoch {epoch}, {dimension} dimensions, \
         {metric}{field}"
    )
}

/// Writes a generation, and says what of it. `None` where its engine has no files.
pub(super) fn write(
    folder: &mut SnapshotFolder,
    shared: &Shared,
    generation: &Generation,
) -> Result<Option<Contained>, SnapshotError> {
    // All parts are of one moment: commits wait until each has been taken hold of.
    let mut writing = Some(shared.writing.lock());
    let (filter, keys) = (generation.filter.clone(), generation.keys.read().clone());
    let words = generation.words.as_ref().map(|words| words.index.freeze());
    let unsearchable: BTreeSet<u64> = shared.unsearchable.read().iter().map(|seq| seq.0).collect();
    let mut contained = shared.contained(generation);
    let mut written = None;
    generation.index.visit_parts(&mut |index, sections| {
        drop(writing.take());
        contained.slots = index.slot_count as usize;
        contained.linked = index.graph.as_ref().map_or(0, |graph| graph.linked as usize);
        let (index, unsearchable) = (index.clone(), unsearchable.clone());
        let header = serde_json::json!(Header { contained, unsearchable, index });
        let ((seqs, passages), filter) = (keys.to_bytes(), filter.to_bytes());
        let section = |name: &str, bytes| Section { name: name.to_owned(), slices: vec![bytes] };
        let mut sections = sections.to_vec();
        sections.extend([
            section("seqs", &seqs[..]),
            section("passages", &passages[..]),
            section("filter", &filter[..]),
        ]);
        let words = words.as_ref().map(Frozen::to_bytes);
        sections.extend(words.iter().map(|words| section("words", &words[..])));
        written = Some(folder.write(contained.applied_seq, header, &sections, &APPENDED));
    });
    written.transpose().map(|written| written.map(|()| contained))
}

/// The generation that was written. It is sound in itself; whether it fits the store is not looked
/// at.
pub(super) fn read(context: &Context, snapshot: &Snapshot) -> Result<Written, SnapshotError> {
    let header: Header = Header::deserialize(&snapshot.header).map_err(damaged)?;
    let graph_min = context.indexing.thresholds.graph_vectors;
    let index = HnswIndex::from_parts(&header.index, &|name| snapshot.section(name), graph_min);
    let bytes = |name: &str| {
        let section = snapshot.section(name);
        section.ok_or_else(|| damaged(format_args!("the section {name:?} is missing")))
    };
    let (seqs, passages, filter) = (bytes("seqs")?, bytes("passages")?, bytes("filter")?);
    let keys = Keys::from_bytes(&seqs.file[seqs.range], &passages.file[passages.range]);
    let keys = keys.ok_or_else(|| damaged("its keys do not fit each other"))?;
    let filter = FilterIndex::from_bytes(&filter.file[filter.range]).map_err(damaged)?;
    let index = index.map_err(damaged)?;
    let slots = header.index.slot_count;
    if keys.len() != slots as usize || filter.slot_count() > slots {
        return Err(damaged("its keys or filters are of another index"));
    }
    if (header.index.dimension as usize, header.index.metric)
        != (context.dimension.get(), context.metric)
    {
        return Err(damaged("its vectors are of another collection"));
    }
    let contained = header.contained;
    if contained.applied_seq != snapshot.covered_seq || keys.last() > Seq(snapshot.covered_seq) {
        return Err(damaged("its keys are above the sequence number that it covers"));
    }
    let settings: IndexSettings = header.index.settings;
    let words = context.words.as_ref().and_then(|sources| {
        let section = snapshot.section("words")?;
        let bytes = &section.file[section.range];
        let index = TextIndex::from_bytes(bytes, sources.settings.clone());
        // Words cost a look at the texts, where a graph costs hours.
        let told =
            index.inspect_err(|error| tracing::info!(%error, "words are read from texts anew"));
        Some(Words { index: told.ok()?, sources: Arc::clone(sources) })
    });
    if words.as_ref().is_some_and(|words| words.index.slot_count() > slots) {
        return Err(damaged("its words are of another index"));
    }
    let new = Generation::new(Box::new(index), settings, words);
    let generation = Generation { keys: RwLock::new(keys), filter, ..new };
    let unsearchable = header.unsearchable.into_iter().map(Seq).collect();
    Ok(Written { generation, contained, unsearchable })
}

fn damaged(reason: impl ToString) -> SnapshotError {
    SnapshotError::Damaged { file: "the snapshot".to_owned(), reason: reason.to_string() }
}
