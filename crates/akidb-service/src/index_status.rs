//! What an index says of itself: how far it is, and what it takes.

use akidb_index::Codes;

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
    pub(crate) const ALL: [Self; 3] = [Self::Ready, Self::Building, Self::Rebuilding];

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
