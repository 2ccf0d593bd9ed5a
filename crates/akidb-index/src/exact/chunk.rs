//! A run of consecutive slots: their rows, and which of them are live.

use std::sync::Arc;

use super::rows::{HUGE_PAGE_BYTES, Rows};
use crate::vector_line::VectorLine;

/// Bits in a word of live flags.
const WORD_BITS: usize = u64::BITS as usize;

/// How rows lie in chunks; the same for every chunk of an index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ChunkLayout {
    /// Lines in a row.
    pub(crate) row_lines: usize,
    /// Rows in a full chunk.
    pub(crate) chunk_rows: usize,
    /// Whether rows outlive their slots, for a graph that still leads over them.
    pub(crate) keeps_dead_rows: bool,
}

impl ChunkLayout {
    /// Chunks of about 2 MiB: as many rows as a huge page holds, and short enough to copy within a
    /// write.
    pub(crate) fn new(row_lines: usize) -> Self {
        let chunk_rows = (HUGE_PAGE_BYTES / (row_lines * size_of::<VectorLine>())).max(1);
        Self { row_lines, chunk_rows, keeps_dead_rows: false }
    }

    /// The same, but a row is kept when its slot is removed.
    pub(crate) fn keeping_dead_rows(self) -> Self {
        Self { keeps_dead_rows: true, ..self }
    }
}

/// A run of consecutive slots. A clone shares the rows and copies the live flags, so removing is
/// cheap while a search still reads the old flags.
#[derive(Clone)]
pub(crate) struct Chunk {
    /// Empty once the chunk is full and nothing in it lives.
    rows: Arc<Rows>,
    row_count: usize,
    live_words: Vec<u64>,
    live_count: usize,
}

impl Chunk {
    /// A chunk with no slot yet.
    pub(crate) fn empty() -> Self {
        Self { rows: Arc::default(), row_count: 0, live_words: Vec::new(), live_count: 0 }
    }

    /// A chunk whose rows, and which of them are live, are known.
    pub(crate) fn of_rows(
        layout: ChunkLayout,
        rows: Rows,
        is_live: impl Fn(usize) -> bool,
    ) -> Self {
        let row_count = rows.lines().len() / layout.row_lines;
        let mut live_words = vec![0; row_count.div_ceil(WORD_BITS)];
        for row in (0..row_count).filter(|&row| is_live(row)) {
            live_words[row / WORD_BITS] |= 1 << (row % WORD_BITS);
        }
        let live_count = live_words.iter().map(|word: &u64| word.count_ones() as usize).sum();
        Self { rows: Arc::new(rows), row_count, live_words, live_count }
    }

    /// All lines of the rows; none where they were freed.
    pub(crate) fn lines(&self) -> &[VectorLine] {
        self.rows.lines()
    }

    pub(crate) fn row_count(&self) -> usize {
        self.row_count
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.rows.memory_bytes() + self.live_words.capacity() * size_of::<u64>()
    }

    pub(crate) fn is_live(&self, row: usize) -> bool {
        let word = self.live_words.get(row / WORD_BITS).copied().unwrap_or(0);
        word & (1 << (row % WORD_BITS)) != 0
    }

    /// The lines of a row that is live, or kept.
    #[inline]
    pub(crate) fn row(&self, layout: ChunkLayout, row: usize) -> &[VectorLine] {
        &self.rows.lines()[row * layout.row_lines..][..layout.row_lines]
    }

    /// The numbers of the live rows, ascending, and their lines.
    #[inline]
    pub(crate) fn live_rows(
        &self,
        layout: ChunkLayout,
    ) -> impl Iterator<Item = (usize, &[VectorLine])> {
        let lines = self.rows.lines();
        self.live_words.iter().enumerate().flat_map(move |(at, &word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                let row = at * WORD_BITS + bit;
                Some((row, &lines[row * layout.row_lines..][..layout.row_lines]))
            })
        })
    }

    /// Adds live rows, which must fit. Rows that a search still reads are copied, not moved.
    pub(crate) fn append(&mut self, layout: ChunkLayout, rows: &[VectorLine]) {
        let added = rows.len() / layout.row_lines;
        assert!(self.row_count + added <= layout.chunk_rows, "rows fit in the chunk");
        debug_assert_eq!(self.rows.lines().len(), self.row_count * layout.row_lines);

        self.exclusive_rows(layout, rows.len()).extend_from_slice(rows);
        self.live_words.resize((self.row_count + added).div_ceil(WORD_BITS), 0);
        for row in self.row_count..self.row_count + added {
            self.live_words[row / WORD_BITS] |= 1 << (row % WORD_BITS);
        }
        self.row_count += added;
        self.live_count += added;
    }

    /// Takes a row out; says whether it was live. The last one of a full chunk frees its rows.
    pub(crate) fn remove(&mut self, layout: ChunkLayout, row: usize) -> bool {
        let was_live = self.is_live(row);
        if was_live {
            self.live_words[row / WORD_BITS] &= !(1 << (row % WORD_BITS));
            self.live_count -= 1;
        }
        let is_empty = self.live_count == 0 && self.row_count == layout.chunk_rows;
        if is_empty && !layout.keeps_dead_rows {
            self.rows = Arc::default();
        }
        was_live
    }

    /// The rows, not shared with any search, with space for `added` lines more. Space grows by
    /// doubling up to a full chunk, so that a small index stays small.
    fn exclusive_rows(&mut self, layout: ChunkLayout, added: usize) -> &mut Rows {
        let held = self.rows.lines().len();
        let needed = held + added;
        if Arc::get_mut(&mut self.rows).is_none_or(|rows| rows.capacity() < needed) {
            let full = layout.chunk_rows * layout.row_lines;
            let mut grown = Rows::with_capacity(needed.max(held * 2).min(full));
            grown.extend_from_slice(self.rows.lines());
            self.rows = Arc::new(grown);
        }
        Arc::get_mut(&mut self.rows).unwrap_or_else(|| unreachable!("just made exclusive"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: ChunkLayout =
        ChunkLayout { row_lines: 2, chunk_rows: 130, keeps_dead_rows: false };

    fn rows(first: usize, count: usize) -> Vec<VectorLine> {
        (first..first + count).flat_map(|row| [VectorLine([row as f32; 16]); 2]).collect()
    }

    fn live_rows(chunk: &Chunk) -> impl Iterator<Item = usize> {
        chunk.live_rows(LAYOUT).map(|(row, lines)| {
            assert_eq!(lines, chunk.row(LAYOUT, row));
            row
        })
    }

    #[test]
    fn a_full_chunk_fills_a_huge_page_at_every_dimension() {
        for row_lines in [1, 8, 24, 48, 64, 1_024] {
            let layout = ChunkLayout::new(row_lines);
            let bytes = layout.chunk_rows * row_lines * size_of::<VectorLine>();
            assert!(
                (1_900 * 1024..=2_048 * 1024).contains(&bytes),
                "{row_lines} lines: {bytes} bytes"
            );
        }
    }

    #[test]
    fn live_rows_follow_appends_and_removals() {
        let mut chunk = Chunk::empty();
        chunk.append(LAYOUT, &rows(0, 70));
        chunk.append(LAYOUT, &rows(70, 60));
        assert!(live_rows(&chunk).eq(0..130));
        assert_eq!(chunk.row(LAYOUT, 129), [VectorLine([129.0; 16]); 2]);

        assert!((0..130).step_by(2).all(|row| chunk.remove(LAYOUT, row)));
        assert!(!chunk.remove(LAYOUT, 64), "already removed");
        assert!(live_rows(&chunk).eq((1..130).step_by(2)));
        assert_eq!(chunk.live_count, 65);
    }

    #[test]
    fn the_last_removal_frees_the_rows_of_a_full_chunk() {
        let mut chunk = Chunk::empty();
        chunk.append(LAYOUT, &rows(0, 129));
        (0..129).for_each(|row| assert!(chunk.remove(LAYOUT, row)));
        assert!(chunk.memory_bytes() > 129 * 128, "not full yet, so it can still grow");

        chunk.append(LAYOUT, &rows(129, 1));
        assert_eq!(chunk.row(LAYOUT, 129), [VectorLine([129.0; 16]); 2]);
        assert!(chunk.remove(LAYOUT, 129));
        assert!(chunk.memory_bytes() < 512);
        assert_eq!(chunk.row_count(), 130);
    }

    #[test]
    fn a_clone_shares_rows_until_either_grows() {
        let mut chunk = Chunk::empty();
        chunk.append(LAYOUT, &rows(0, 2));
        let seen_by_a_search = chunk.clone();
        chunk.remove(LAYOUT, 0);
        assert!(Arc::ptr_eq(&chunk.rows, &seen_by_a_search.rows));
        assert!(seen_by_a_search.is_live(0) && !chunk.is_live(0));

        chunk.append(LAYOUT, &rows(2, 1));
        assert!(!Arc::ptr_eq(&chunk.rows, &seen_by_a_search.rows));
        assert_eq!(seen_by_a_search.row_count(), 2);
        assert!(live_rows(&chunk).eq([1, 2]));
    }

    #[test]
    fn space_never_passes_a_full_chunk() {
        let mut chunk = Chunk::empty();
        for row in 0..LAYOUT.chunk_rows {
            chunk.append(LAYOUT, &rows(row, 1));
            assert!(chunk.rows.capacity() <= LAYOUT.chunk_rows * LAYOUT.row_lines);
        }
    }
}
