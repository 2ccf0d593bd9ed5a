//! Everything an exact index holds at one moment, as searches see it.

use std::{ops::Range, sync::Arc};

use memmap2::Mmap;

use super::{
    chunk::{Chunk, ChunkLayout},
    rows::Rows,
};
use crate::{SearchRequest, vector_line::VectorLine};

/// The content of an index at one moment. A clone shares all chunks.
///
/// Every chunk but the last is full, so the chunk and row of a slot follow from its number.
#[derive(Clone)]
pub(crate) struct State {
    layout: ChunkLayout,
    chunks: Vec<Arc<Chunk>>,
    slot_count: usize,
    live_count: usize,
}

impl State {
    /// How many slots a search can return at most.
    pub(crate) fn returnable_max(&self, request: &SearchRequest<'_>) -> usize {
        let live = self.live_count;
        request.allowed.map_or(live, |allowed| live.min(allowed.len() as usize))
    }

    pub(crate) fn empty(layout: ChunkLayout) -> Self {
        Self { layout, chunks: Vec::new(), slot_count: 0, live_count: 0 }
    }

    /// The rows of `slot_count` slots in a range of a mapped file, of which those are live that have
    /// their bit set. Rows that do not fill a chunk are copied, as they are added to.
    pub(crate) fn mapped(
        layout: ChunkLayout,
        file: &Arc<Mmap>,
        range: Range<usize>,
        slot_count: usize,
        live_words: &[u64],
    ) -> Self {
        let row_bytes = layout.row_lines * size_of::<VectorLine>();
        let chunk = |first: usize| {
            let end = slot_count.min(first + layout.chunk_rows);
            let bytes = range.start + first * row_bytes..range.start + end * row_bytes;
            let rows = if end - first == layout.chunk_rows {
                Rows::in_file(file, bytes)
            } else {
                let mut rows = Rows::with_capacity((end - first) * layout.row_lines);
                rows.extend_from_slice(bytemuck::cast_slice(&file[bytes]));
                rows
            };
            let is_live = |slot: usize| live_words[slot / 64] & (1 << (slot % 64)) != 0;
            Arc::new(Chunk::of_rows(layout, rows, |row| is_live(first + row)))
        };
        let live_count = live_words.iter().map(|word| word.count_ones() as usize).sum();
        let chunks = (0..slot_count).step_by(layout.chunk_rows).map(chunk).collect();
        Self { layout, chunks, slot_count, live_count }
    }

    /// A bit for each slot, set where it is live.
    pub(crate) fn live_words(&self) -> Vec<u64> {
        let mut words = vec![0; self.slot_count.div_ceil(64)];
        for slot in (0..self.slot_count).filter(|&slot| self.is_live(slot as u32)) {
            words[slot / 64] |= 1 << (slot % 64);
        }
        words
    }

    /// From now on, rows outlive their slots.
    pub(crate) fn keep_dead_rows(&mut self) {
        self.layout = self.layout.keeping_dead_rows();
    }

    /// As many zeros as a chunk has lines, if there is a chunk whose rows were freed.
    pub(crate) fn zero_chunk(&self) -> Vec<VectorLine> {
        let is_freed = |chunk: &Arc<Chunk>| chunk.row_count() > 0 && chunk.lines().is_empty();
        let lines = self.layout.chunk_rows * self.layout.row_lines;
        vec![VectorLine::ZERO; if self.chunks.iter().any(is_freed) { lines } else { 0 }]
    }

    /// The bytes of all rows in the order of slots. `zeros` stands for rows that were freed.
    pub(crate) fn row_slices<'a>(&'a self, zeros: &'a [VectorLine]) -> Vec<&'a [u8]> {
        let lines = |chunk: &'a Arc<Chunk>| match chunk.lines() {
            [] => zeros,
            lines => lines,
        };
        self.chunks.iter().map(|chunk| bytemuck::cast_slice(lines(chunk))).collect()
    }

    pub(crate) fn layout(&self) -> ChunkLayout {
        self.layout
    }

    pub(crate) fn chunks(&self) -> &[Arc<Chunk>] {
        &self.chunks
    }

    pub(crate) fn slot_count(&self) -> usize {
        self.slot_count
    }

    pub(crate) fn live_count(&self) -> usize {
        self.live_count
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(|chunk| chunk.memory_bytes()).sum();
        chunks + self.chunks.capacity() * size_of::<Arc<Chunk>>()
    }

    /// The row of a live slot.
    #[inline]
    pub(crate) fn row(&self, slot: u32) -> Option<&[VectorLine]> {
        let (chunk_at, row) = self.place(slot);
        let chunk = self.chunks.get(chunk_at)?;
        chunk.is_live(row).then(|| chunk.row(self.layout, row))
    }

    /// The row of a slot that was appended, live or not. Only for a layout that
    /// [keeps dead rows](ChunkLayout::keeping_dead_rows).
    #[inline]
    pub(crate) fn row_even_dead(&self, slot: u32) -> &[VectorLine] {
        let (chunk_at, row) = self.place(slot);
        self.chunks[chunk_at].row(self.layout, row)
    }

    /// Whether a slot holds a vector that a search can return.
    #[inline]
    pub(crate) fn is_live(&self, slot: u32) -> bool {
        let (chunk_at, row) = self.place(slot);
        self.chunks.get(chunk_at).is_some_and(|chunk| chunk.is_live(row))
    }

    /// The live slots of a chunk and their rows, ascending.
    #[inline]
    pub(crate) fn live_rows(&self, chunk_at: usize) -> impl Iterator<Item = (u32, &[VectorLine])> {
        let first_slot = self.first_slot(chunk_at);
        let rows = self.chunks[chunk_at].live_rows(self.layout);
        rows.map(move |(row, lines)| (first_slot + row as u32, lines))
    }

    /// The first slot of a chunk.
    pub(crate) fn first_slot(&self, chunk_at: usize) -> u32 {
        (chunk_at * self.layout.chunk_rows) as u32
    }

    /// The chunk of a slot, and its row there.
    #[inline]
    pub(crate) fn place(&self, slot: u32) -> (usize, usize) {
        let slot = slot as usize;
        (slot / self.layout.chunk_rows, slot % self.layout.chunk_rows)
    }

    /// How many rows can be added before a new chunk begins.
    fn last_chunk_space(&self) -> usize {
        self.chunks.last().map_or(0, |last| self.layout.chunk_rows - last.row_count())
    }

    /// Makes ready what [`append`](Self::append) takes: the costly part of an append, done while
    /// searches go on.
    pub(crate) fn prepare_append<'rows>(&self, rows: &'rows [VectorLine]) -> PreparedRows<'rows> {
        let space = self.last_chunk_space() * self.layout.row_lines;
        let (into_last, into_new) = rows.split_at(space.min(rows.len()));
        let chunk_lines = self.layout.chunk_rows * self.layout.row_lines;
        let new_chunks = into_new.chunks(chunk_lines).map(|rows| {
            let mut chunk = Chunk::empty();
            chunk.append(self.layout, rows);
            Arc::new(chunk)
        });
        PreparedRows {
            row_count: rows.len() / self.layout.row_lines,
            into_last,
            new_chunks: new_chunks.collect(),
        }
    }

    /// Adds live rows, prepared on this very state.
    pub(crate) fn append(&mut self, prepared: PreparedRows<'_>) {
        if let Some(last) = self.chunks.last_mut()
            && !prepared.into_last.is_empty()
        {
            Arc::make_mut(last).append(self.layout, prepared.into_last);
        }
        self.chunks.extend(prepared.new_chunks);
        self.slot_count += prepared.row_count;
        self.live_count += prepared.row_count;
        debug_assert_eq!(
            self.slot_count,
            self.chunks.iter().map(|chunk| chunk.row_count()).sum::<usize>()
        );
    }

    /// Takes slots out, which must have been appended.
    pub(crate) fn remove(&mut self, slots: &[u32]) {
        for &slot in slots {
            let (chunk_at, row) = self.place(slot);
            if self.chunks[chunk_at].is_live(row) {
                Arc::make_mut(&mut self.chunks[chunk_at]).remove(self.layout, row);
                self.live_count -= 1;
            }
        }
    }
}

/// Rows on their way into a [`State`].
pub(crate) struct PreparedRows<'rows> {
    row_count: usize,
    into_last: &'rows [VectorLine],
    new_chunks: Vec<Arc<Chunk>>,
}
