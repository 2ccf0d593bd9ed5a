//! An index as named sections of bytes, for a file, and back from a mapped one.
//!
//! Scope: which sections there are, and the check of every length, range and number when they come
//! back. Out of scope: files, checksums, names on disk. Numbers are little-endian.
//!
//! | section | what it holds |
//! |---|---|
//! | `vectors` | every slot's vector, padded to 64 bytes; removed ones may be zeros |
//! | `live` | a bit for each slot, in words of 64 |
//! | `codes` | every slot's code, padded to 64 bytes; absent where there are none |
//! | `terms` | scale and term of every slot's code, two numbers; absent unless codes are of bytes |
//! | `center` | what codes count from, as one vector; empty for the origin |
//! | `sketches` | every slot's sketch, padded to 64 bytes; absent where there are none |
//! | `sketch-center` | what sketches count from, as one vector |
//! | `twins` | two numbers for each linked slot, see `twins`; absent where no vector has an equal |
//! | `links` | the list of each linked slot in the lowest layer, `2 * m` numbers |
//! | `layer.N.members`, `layer.N.links` | slot and index below of each node of a layer, and its list |

use std::{ops::Range, sync::Arc};

use akidb_core::{IndexSettings, Metric};
use memmap2::Mmap;
use serde::{Deserialize, Serialize};

use super::{
    HnswIndex,
    distance_computer::Coder,
    graph::{Entry, Graph},
};
use crate::{Codes, VectorIndex, exact::State};

/// Counts and numbers of an index in parts; the sections depend on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexHeader {
    /// Components of a vector.
    pub dimension: u32,
    /// How closeness is measured.
    pub metric: Metric,
    /// What the index was made with.
    pub settings: IndexSettings,
    /// Slots ever appended.
    pub slot_count: u32,
    /// The graph, where there is one.
    pub graph: Option<GraphHeader>,
}

/// Counts and numbers of a graph in parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GraphHeader {
    /// Slots below this are linked.
    pub linked: u32,
    /// The layer and index of the node that walks begin at, where there is a node.
    pub entry: Option<(u32, u32)>,
    /// Nodes in each layer above the lowest.
    pub upper_counts: Vec<u32>,
    /// What it is walked over: what the settings ask for, or full vectors where that does not serve.
    pub codes: Codes,
    /// Whether codes of bytes are of rotated vectors.
    pub is_rotated: bool,
    /// Whether searches have found that codes do not serve.
    pub codes_have_failed: bool,
    /// Slots when it was last measured whether the codes serve.
    pub measured_at: u64,
    /// Steps by which searches keep more candidates than `ef`.
    #[serde(default)]
    pub widening: u32,
}

/// A section on its way into a file: its bytes are those of the slices, one after another.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    /// One of the names in the table of sections.
    pub name: String,
    /// In order; any number, none empty.
    pub slices: Vec<&'a [u8]>,
}

/// A section that lies in a mapped file, which has to stay as it is as long as it is mapped. It
/// begins at a multiple of 64 bytes.
#[derive(Clone, Debug)]
pub struct MappedSection {
    /// The file.
    pub file: Arc<Mmap>,
    /// The bytes of the section in it.
    pub range: Range<usize>,
}

/// Parts that are no index. What was damaged is for the caller to say, who has the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartsError {
    /// A section is absent, ends behind its file or begins at no multiple of 64.
    #[error("section {name:?} is absent or does not lie in its file as it should")]
    Misplaced {
        /// The section.
        name: String,
    },
    /// A section is longer or shorter than the header says.
    #[error("section {name:?} has {found} bytes instead of {expected}")]
    Length {
        /// The section.
        name: String,
        /// Its bytes.
        found: usize,
        /// What the header says.
        expected: usize,
    },
    /// A number points nowhere or is not possible.
    #[error("{what} is not possible")]
    Impossible {
        /// Which number.
        what: &'static str,
    },
}

impl Section<'_> {
    /// Its bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slices.iter().map(|slice| slice.len()).sum()
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slices.is_empty()
    }
}

impl HnswIndex {
    /// Calls `write` with one moment of the index in parts. Linking waits until it returns; appends,
    /// removals and searches go on, and what they change is not in the parts.
    #[expect(unsafe_code, reason = "lends memory that nobody writes as long as the linker is held")]
    pub fn with_parts<T>(&self, write: impl FnOnce(&IndexHeader, &[Section<'_>]) -> T) -> T {
        let graph = self.graph();
        let linker = graph.as_ref().map(|graph| graph.lock_linker());
        let state = self.core.snapshot();
        let live = state.live_words();
        let zeros = state.zero_chunk();
        let mut sections = vec![
            section("vectors", state.row_slices(&zeros)),
            section("live", vec![bytemuck::cast_slice(&live)]),
        ];
        let view = graph.as_ref().map(|graph| graph.view());
        let mut header = self.header(&state);
        if let (Some(graph), Some(view), Some(upper_counts)) = (&graph, &view, &linker) {
            let linked = graph.linked_end();
            header.graph = Some(graph.header(upper_counts));
            // SAFETY: the codes of published slots are never written again.
            sections.push(section("codes", unsafe { view.codes.bytes(state.slot_count()) }));
            if view.terms.row_len() > 0 {
                // SAFETY: as for the codes.
                sections.push(section("terms", unsafe { view.terms.bytes(state.slot_count()) }));
            }
            sections.push(section("centre", vec![bytemuck::cast_slice(graph.coder.center())]));
            if let Some(sketcher) = &graph.sketcher {
                // SAFETY: as for the codes.
                let sketches = unsafe { view.sketches.bytes(state.slot_count()) };
                sections.push(section("sketches", sketches));
                let center = bytemuck::cast_slice(sketcher.center());
                sections.push(section("sketch-centre", vec![center]));
            }
            if view.twins.exist() {
                // SAFETY: chains are written only by who holds the linker, which this thread does.
                let twins = unsafe { view.twins.rows().bytes(linked as usize) };
                sections.push(section("twins", twins));
            }
            // SAFETY: lists are written only by who holds the linker, which this thread does.
            let links = unsafe { view.layers[0].links().bytes(linked as usize) };
            sections.push(section("links", links));
            for (at, &count) in (1..).zip(upper_counts.iter()) {
                let layer = &view.layers[at];
                let members = layer.members().map_or_else(Vec::new, |members| {
                    // SAFETY: as for the links.
                    unsafe { members.bytes(count as usize) }
                });
                sections.push(section(&format!("layer.{at}.members"), members));
                // SAFETY: as for the links.
                let links = unsafe { layer.links().bytes(count as usize) };
                sections.push(section(&format!("layer.{at}.links"), links));
            }
        }
        write(&header, &sections)
    }

    fn header(&self, state: &State) -> IndexHeader {
        IndexHeader {
            dimension: self.core.dimension() as u32,
            metric: self.core.scoring().metric(),
            settings: self.settings,
            slot_count: state.slot_count() as u32,
            graph: None,
        }
    }
}

impl Graph {
    fn header(&self, upper_counts: &[u32]) -> GraphHeader {
        GraphHeader {
            linked: self.linked_end(),
            entry: self.entry().map(|Entry { layer, index }| (layer as u32, index)),
            upper_counts: upper_counts.to_vec(),
            codes: self.coder.codes(),
            is_rotated: matches!(&self.coder, Coder::Int8(coder) if coder.is_rotated()),
            codes_have_failed: self.order.has_failed(),
            measured_at: self.measured_at() as u64,
            widening: self.widening.step(),
        }
    }
}

fn section<'a>(name: &str, mut slices: Vec<&'a [u8]>) -> Section<'a> {
    slices.retain(|slice| !slice.is_empty());
    Section { name: name.to_owned(), slices }
}
