//! Everything an exact index holds at one moment, as searches see it.

use std::sync::Arc;

use super::chunk::{Chunk, ChunkLayout};
use crate::lane::Lane;

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
    pub(crate) fn empty(layout: ChunkLayout) -> Self {
        Self { layout, chunks: Vec::new(), slot_count: 0, live_count: 0 }
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
    pub(crate) fn row(&self, slot: u32) -> Option<&[Lane]> {
        let (chunk_at, row) = self.place(slot);
        let chunk = self.chunks.get(chunk_at)?;
        chunk.is_live(row).then(|| chunk.row(self.layout, row))
    }

    /// The row of a slot that was appended, live or not. Only for a layout that
    /// [keeps dead rows](ChunkLayout::keeping_dead_rows).
    #[inline]
    pub(crate) fn row_even_dead(&self, slot: u32) -> &[Lane] {
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
    pub(crate) fn live_rows(&self, chunk_at: usize) -> impl Iterator<Item = (u32, &[Lane])> {
        let first_slot = self.first_slot(chunk_at);
        let rows = self.chunks[chunk_at].live_rows(self.layout);
        rows.map(move |(row, lanes)| (first_slot + row as u32, lanes))
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
    pub(crate) fn prepare_append<'rows>(&self, rows: &'rows [Lane]) -> PreparedRows<'rows> {
        let space = self.last_chunk_space() * self.layout.row_lanes;
        let (into_last, into_new) = rows.split_at(space.min(rows.len()));
        let chunk_lanes = self.layout.chunk_rows * self.layout.row_lanes;
        let new_chunks = into_new.chunks(chunk_lanes).map(|rows| {
            let mut chunk = Chunk::empty();
            chunk.append(self.layout, rows);
            Arc::new(chunk)
        });
        PreparedRows {
            row_count: rows.len() / self.layout.row_lanes,
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
    into_last: &'rows [Lane],
    new_chunks: Vec<Arc<Chunk>>,
}
