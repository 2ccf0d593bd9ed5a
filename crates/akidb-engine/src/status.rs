//! What storage says of itself: of one collection, of its index, of all of it.

use std::collections::BTreeMap;

use akidb_core::{Codes, CollectionName, FieldName, Seq};

/// The state of a collection now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CollectionStatus {
    /// Documents stored.
    pub document_count: u64,
    /// The sequence number of the last commit, 0 before the first.
    pub last_seq: Seq,
    /// Bytes of everything that it has on the disk.
    pub disk_bytes: u64,
    /// The vector index of each of its fields, by the field's number.
    pub indexes: BTreeMap<u32, IndexStatus>,
    /// Acknowledged writes that are missing.
    pub lost_writes: Vec<LostWrites>,
}

/// Writes that were acknowledged and then lost by the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostWrites {
    /// The first lost sequence number.
    pub first_seq: u64,
    /// The last one.
    pub last_seq: u64,
}

/// The state of all storage now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EngineStatus {
    /// Collections that there are.
    pub collections: usize,
    /// Why writes are refused, where they are.
    pub read_only: Option<String>,
    /// What was not as it was left, when the node started.
    pub findings: Vec<StorageFinding>,
    /// Files and folders that nobody knew, which were set aside and are still there.
    pub set_aside: u64,
    /// Collections that could not be opened when they were last tried, by name.
    pub unopened: Vec<UnopenedCollection>,
    /// The indexes that are not what their settings ask for yet, by name of their collection.
    pub indexes: Vec<IndexProgress>,
}

/// A collection that could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnopenedCollection {
    /// Its name.
    pub name: CollectionName,
    /// Why.
    pub reason: String,
}

/// Something that was not as it was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageFinding {
    /// What kind of thing, a word.
    pub kind: &'static str,
    /// What exactly, and what was done, for people.
    pub detail: String,
}

/// An index that is being built.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexProgress {
    /// The collection's name.
    pub collection: String,
    /// The field's name.
    pub field: FieldName,
    /// What is being done.
    pub state: IndexState,
    /// How much of it is done, 0 to 1.
    pub progress: f32,
}

/// The state of one collection's index now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct IndexStatus {
    /// Vectors that a search sees; of a text in passages, one for each.
    pub vector_count: u64,
    /// Of these, vectors that the graph holds. None where there is no graph: with the engine
    /// `exact`, and while a collection is too small for one to pay.
    pub linked_count: u64,
    /// What the graph is walked over: what the settings ask for, or full vectors where no codes of
    /// that kind serve the vectors there are. None where there is no graph.
    pub codes: Option<Codes>,
    /// Vectors that wait to be linked. Searches compare them one by one until then.
    pub pending_count: u64,
    /// Whether it is what its settings ask for.
    pub state: IndexState,
    /// How much of the building is done, 0 to 1; 1 where nothing is being built.
    pub progress: f32,
    /// Bytes of memory that it holds.
    pub memory_bytes: u64,
    /// Of these, bytes that walks of the graph read: its links and the codes of its vectors.
    pub hot_memory_bytes: u64,
    /// Bytes of its files; 0 except in a description of the collection.
    pub disk_bytes: u64,
}

/// Whether an index is what its settings ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndexState {
    /// It is.
    #[default]
    Ready,
    /// Its graph does not hold all vectors yet; searches compare the others one by one.
    Building,
    /// Another one is built beside it, for other settings or because its files were damaged; until
    /// then searches use what there is.
    Rebuilding,
}

impl IndexState {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Ready, Self::Building, Self::Rebuilding];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Building => "building",
            Self::Rebuilding => "rebuilding",
        }
    }
}
