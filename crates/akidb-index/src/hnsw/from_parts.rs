//! An index back from its parts, none of which is trusted.
//!
//! Vectors and codes stay in the file and are read from there; the last, partial block of each and
//! all links are copied, as they go on changing. No number is used as an index before it was compared
//! with what it points into.

use std::sync::{Arc, atomic::Ordering};

use akidb_core::Quantization;
use bytemuck::Pod;

use super::{
    HnswIndex,
    binary::BinaryCoder,
    blocks::{Blocks, Plain},
    distance_computer::Coder,
    graph::{Entry, Graph, View},
    int8::Int8Coder,
    layer::{INDEX_END, Layer},
    parts::{GraphHeader, IndexHeader, MappedSection, PartsError},
    rotation::Rotation,
    sketch,
    twins::Twins,
    widening::Widening,
};
use crate::{
    Codes,
    code_line::CodeLine,
    exact::State,
    vector_line::{LINE_WIDTH, VectorLine, lines_per_row},
};

/// More than any vector that a collection takes.
const DIMENSION_MAX: u32 = 1 << 16;

/// More neighbors than any setting allows.
const M_MAX: u32 = 1 << 10;

type Sections<'a> = &'a dyn Fn(&str) -> Option<MappedSection>;

impl HnswIndex {
    /// The index that [`with_parts`](Self::with_parts) took apart, or an error where the parts do
    /// not fit together. `graph_min` is that of [`with_graph_min`](Self::with_graph_min).
    ///
    /// The bytes of the vectors and codes are not looked at: that they are what was written is for
    /// checksums to say. Whatever they are, a search reads nothing but the index.
    ///
    /// # Errors
    ///
    /// If a section is absent or has another length than the header says, or a number points nowhere.
    pub fn from_parts(
        header: &IndexHeader,
        sections: Sections<'_>,
        graph_min: usize,
    ) -> Result<Self, PartsError> {
        possible(cfg!(target_endian = "little"), "a machine with big-endian numbers")?;
        possible((1..=DIMENSION_MAX).contains(&header.dimension), "the dimension")?;
        possible(header.settings.m <= M_MAX, "the number of neighbors")?;
        let dimension = header.dimension as usize;
        let index = Self::with_graph_min(dimension, header.metric, header.settings, graph_min);
        let slot_count = header.slot_count as usize;
        let row_bytes = lines_per_row(dimension) * size_of::<VectorLine>();
        let vectors = find(sections, "vectors", slot_count.checked_mul(row_bytes))?;
        let live = find(sections, "live", Some(slot_count.div_ceil(64) * size_of::<u64>()))?;
        let live_words: Vec<u64> = numbers(&live, u64::from_le_bytes);
        let spare = live_words.len() * 64 - slot_count;
        let last = live_words.last().copied().unwrap_or(0);
        possible(spare == 0 || last >> (64 - spare) == 0, "a live slot that was never appended")?;
        if header.graph.as_ref().is_some_and(|graph| graph.codes == Codes::F32) {
            index.core.keep_dead_rows();
        }
        let state = State::mapped(
            index.core.snapshot().layout(),
            &vectors.file,
            vectors.range,
            slot_count,
            &live_words,
        );
        if let Some(graph) = &header.graph {
            let graph = index.graph_from_parts(header, graph, &state, sections)?;
            *index.graph.write() = Some(Arc::new(graph));
        }
        index.core.replace_state(state);
        Ok(index)
    }

    fn graph_from_parts(
        &self,
        header: &IndexHeader,
        graph_header: &GraphHeader,
        state: &State,
        sections: Sections<'_>,
    ) -> Result<Graph, PartsError> {
        let linked = graph_header.linked;
        possible(linked <= header.slot_count && linked < INDEX_END, "the number of linked slots")?;
        let row_lines = state.layout().row_lines;
        let coder = self.coder_from_parts(graph_header, row_lines, sections)?;
        let sketcher = self.sketcher_from_parts(graph_header, row_lines, sections)?;
        let measured_at = usize::try_from(graph_header.measured_at).unwrap_or(usize::MAX);
        let mut graph = Graph::new(self.shape(), coder, sketcher, row_lines, measured_at);
        graph.widening = Widening::at(graph_header.widening, linked);
        graph.order.set_failed(graph_header.codes_have_failed);
        let slot_count = state.slot_count();
        let codes = codes_from_parts(&graph.view().codes, slot_count, "codes", sections)?;
        let terms = codes_from_parts(&graph.view().terms, slot_count, "terms", sections)?;
        let sketches = codes_from_parts(&graph.view().sketches, slot_count, "sketches", sections)?;
        let twins = twins_from_parts(slot_count, linked, sections)?;
        let mut layers = vec![Layer::base(self.shape().m * 2)];
        layers[0].grow(slot_count);
        fill_links(&layers[0], linked, find(sections, "links", list_bytes(&layers[0], linked))?)?;
        let mut below_count = linked;
        for (at, &count) in (1..).zip(&graph_header.upper_counts) {
            possible(count > 0 && count <= below_count, "the number of nodes in a layer")?;
            let mut layer = Layer::upper(self.shape().m);
            layer.grow(count as usize);
            let members = find(sections, &format!("layer.{at}.members"), Some(count as usize * 8))?;
            fill_members(&layer, &layers[at - 1], (count, below_count), &members)?;
            let name = format!("layer.{at}.links");
            fill_links(&layer, count, find(sections, &name, list_bytes(&layer, count))?)?;
            layers.push(layer);
            below_count = count;
        }
        if let Some((layer, index)) = graph_header.entry {
            let count = match layer.checked_sub(1) {
                None => Some(&linked),
                Some(upper) => graph_header.upper_counts.get(upper as usize),
            };
            possible(count.is_some_and(|&count| index < count), "the entry")?;
            graph.raise_entry(Entry { layer: layer as usize, index });
        }
        graph.grow(|view| *view = View { codes, terms, sketches, twins, layers });
        graph.lock_linker().clone_from(&graph_header.upper_counts);
        graph.longest.look_at(state, self.core.scoring(), 0..linked);
        graph.set_linked_end(linked);
        Ok(graph)
    }

    fn coder_from_parts(
        &self,
        header: &GraphHeader,
        row_lines: usize,
        sections: Sections<'_>,
    ) -> Result<Coder, PartsError> {
        let asked_for = match self.settings.quantization {
            Quantization::None => Codes::F32,
            Quantization::Int8 => Codes::Int8,
            Quantization::Binary => Codes::Binary,
        };
        possible([asked_for, Codes::F32].contains(&header.codes), "the kind of the codes")?;
        Ok(match header.codes {
            Codes::F32 => Coder::Full,
            Codes::Binary => {
                Coder::Binary(BinaryCoder::new(center_from_parts("centre", row_lines, sections)?))
            }
            Codes::Int8 => {
                let has_center = sections("centre").is_some_and(|center| !center.range.is_empty());
                let center = has_center.then(|| center_from_parts("centre", row_lines, sections));
                let center = center.transpose()?.unwrap_or_default();
                let rotation = header.is_rotated.then(|| Rotation::new(row_lines * LINE_WIDTH));
                Coder::Int8(Int8Coder::new(self.core.scoring().metric(), center, rotation))
            }
        })
    }

    fn sketcher_from_parts(
        &self,
        header: &GraphHeader,
        row_lines: usize,
        sections: Sections<'_>,
    ) -> Result<Option<BinaryCoder>, PartsError> {
        if header.codes != Codes::Int8 || !sketch::go_with(self.settings.quantization, row_lines) {
            return Ok(None);
        }
        let center = center_from_parts("sketch-centre", row_lines, sections)?;
        Ok(Some(BinaryCoder::new(center)))
    }
}

/// What codes count from, as one vector.
fn center_from_parts(
    name: &str,
    row_lines: usize,
    sections: Sections<'_>,
) -> Result<Vec<VectorLine>, PartsError> {
    let bytes = Some(row_lines * size_of::<VectorLine>());
    let center = numbers(&find(sections, name, bytes)?, f32::from_le_bytes);
    possible(center.iter().all(|at| at.is_finite()), "the center of the codes")?;
    let (lines, _) = center.as_chunks();
    Ok(lines.iter().map(|&line| VectorLine(line)).collect())
}

/// The chains of equal vectors; none where there is no such section.
fn twins_from_parts(
    slot_count: usize,
    linked: u32,
    sections: Sections<'_>,
) -> Result<Twins, PartsError> {
    let mut twins = Twins::default();
    twins.grow(slot_count);
    if sections("twins").is_some_and(|section| !section.range.is_empty()) {
        let section = find(sections, "twins", (linked as usize).checked_mul(8))?;
        let numbers = numbers(&section, u32::from_le_bytes);
        possible(twins.read(0..linked, &numbers), "a chain of equal vectors")?;
    }
    Ok(twins)
}

/// Codes, or what stands beside them: whole blocks as they lie in the file, the rest copied.
#[expect(unsafe_code, reason = "writes memory that no other thread has")]
fn codes_from_parts<T: Plain + Pod>(
    codes: &Blocks<T>,
    slot_count: usize,
    name: &str,
    sections: Sections<'_>,
) -> Result<Blocks<T>, PartsError> {
    let row_bytes = codes.row_len() * size_of::<T>();
    if row_bytes == 0 {
        return Ok(codes.clone());
    }
    let section = find(sections, name, slot_count.checked_mul(row_bytes))?;
    let bytes = &section.file[section.range.clone()];
    let mut codes = codes.clone().mapped(&section.file, section.range.clone());
    let mapped = codes.capacity();
    codes.grow(slot_count);
    let mut row = vec![T::zeroed(); codes.row_len()];
    for slot in mapped..slot_count {
        let begin = slot * row_bytes;
        bytemuck::cast_slice_mut(&mut row).copy_from_slice(&bytes[begin..begin + row_bytes]);
        // SAFETY: the blocks are not shared yet, and the row is behind those of the file.
        unsafe { codes.write(slot as u32, &row) };
    }
    Ok(codes)
}

fn list_bytes(layer: &Layer, count: u32) -> Option<usize> {
    (count as usize).checked_mul(layer.degree() * size_of::<u32>())
}

/// Copies lists of neighbors, which must be nodes of the layer.
fn fill_links(layer: &Layer, count: u32, section: MappedSection) -> Result<(), PartsError> {
    let lists = numbers(&section, u32::from_le_bytes);
    for (index, list) in (0..count).zip(lists.chunks_exact(layer.degree())) {
        for (place, &raw) in layer.links().row(index).iter().zip(list) {
            place.store(raw, Ordering::Relaxed);
        }
        let mut links = layer.neighbors(index);
        possible(links.all(|link| link.index < count && link.index != index), "a neighbor")?;
    }
    Ok(())
}

/// Copies what the nodes of an upper layer stand for.
fn fill_members(
    layer: &Layer,
    below: &Layer,
    (count, below_count): (u32, u32),
    section: &MappedSection,
) -> Result<(), PartsError> {
    let members = numbers(section, u32::from_le_bytes);
    for (index, member) in (0..count).zip(members.chunks_exact(2)) {
        let is_same = member[1] < below_count && below.slot(member[1]) == member[0];
        possible(is_same, "a node of an upper layer")?;
        layer.set_member(index, member[0], member[1]);
    }
    Ok(())
}

/// A section of just so many bytes that lies within its file.
fn find(
    sections: Sections<'_>,
    name: &str,
    expected: Option<usize>,
) -> Result<MappedSection, PartsError> {
    let misplaced = || PartsError::Misplaced { name: name.to_owned() };
    let section = sections(name).ok_or_else(misplaced)?;
    let bytes = section.file.get(section.range.clone()).ok_or_else(misplaced)?;
    let expected = expected.ok_or_else(misplaced)?;
    if bytes.len() != expected {
        return Err(PartsError::Length { name: name.to_owned(), found: bytes.len(), expected });
    }
    if expected > 0 && !bytes.as_ptr().cast::<CodeLine>().is_aligned() {
        return Err(misplaced());
    }
    Ok(section)
}

fn numbers<T, const BYTES: usize>(section: &MappedSection, read: fn([u8; BYTES]) -> T) -> Vec<T> {
    let (numbers, _) = section.file[section.range.clone()].as_chunks::<BYTES>();
    numbers.iter().map(|&bytes| read(bytes)).collect()
}

fn possible(is_possible: bool, what: &'static str) -> Result<(), PartsError> {
    if is_possible { Ok(()) } else { Err(PartsError::Impossible { what }) }
}
