//! Rows of one length by dense index, at addresses that never move.
//!
//! Rows lie in blocks of a power of two of them. A block is anonymous memory in huge pages, which
//! the system hands out as it is touched, or a range of a mapped file. Growing adds a block and
//! leaves the others where they are, so that a search that holds the old list of blocks goes on
//! reading without a lock while rows behind it are written.
#![expect(unsafe_code, reason = "views of mapped memory that one thread writes and others read")]

use std::{
    alloc::{Layout, handle_alloc_error},
    marker::PhantomData,
    mem::MaybeUninit,
    ops::Range,
    ptr::NonNull,
    sync::{Arc, atomic::AtomicU32},
};

use memmap2::{Mmap, MmapMut, MmapRaw};

use super::int8::RowTerms;
use crate::code_line::CodeLine;

/// Bytes of a huge page on x86-64, and on AArch64 with its usual pages of 4 KiB.
const HUGE_PAGE_BYTES: usize = 2 * 1024 * 1024;

/// Rows that a kernel is given in one call.
pub(super) const ROWS_AT_ONCE: usize = 32;

/// What rows are made of.
///
/// # Safety
///
/// Every sequence of bytes is a valid value, and the alignment is at most 64.
pub(super) unsafe trait Plain {}

// SAFETY: bytes, aligned to 64.
unsafe impl Plain for CodeLine {}
// SAFETY: two numbers, aligned to 4.
unsafe impl Plain for RowTerms {}
// SAFETY: a number, aligned to 4.
unsafe impl Plain for AtomicU32 {}

/// Rows by dense index. A clone shares the blocks there are, not those added later.
pub(super) struct Blocks<T> {
    row_len: usize,
    rows_log2: u32,
    blocks: Vec<Block>,
    kind: PhantomData<T>,
}

/// Where the rows of blocks lie, in values that a loop over rows keeps in registers: through a
/// reference, they are loaded and computed anew for every row.
pub(super) struct Rows<'a, T> {
    row_len: usize,
    row_bytes: usize,
    rows_log2: u32,
    /// Of an index, the place of the row in its block.
    within_mask: u32,
    blocks: &'a [Block],
    kind: PhantomData<T>,
}

/// The memory of some rows.
#[derive(Clone)]
struct Block {
    begin: NonNull<u8>,
    memory: Arc<Memory>,
}

/// What keeps the memory of a block alive.
enum Memory {
    Owned {
        #[expect(dead_code, reason = "held for its memory")]
        mapping: MmapRaw,
    },
    File {
        #[expect(dead_code, reason = "held for its memory")]
        mapping: Arc<Mmap>,
    },
}

// SAFETY: `begin` points into `memory`, which is never moved and is freed with the last block. What
// is written there is atomic, or by the rule of `Blocks::write` read by nobody meanwhile.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl<T> Clone for Blocks<T> {
    fn clone(&self) -> Self {
        Self { blocks: self.blocks.clone(), ..*self }
    }
}

impl<T> Clone for Rows<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Rows<'_, T> {}

impl<T: Plain> Blocks<T> {
    /// No rows, of `row_len` values each, in blocks of `1 << rows_log2` rows.
    pub(super) fn new(row_len: usize, rows_log2: u32) -> Self {
        Self { row_len, rows_log2, blocks: Vec::new(), kind: PhantomData }
    }

    /// The rows that are whole blocks of a range of a mapped file, as views of it. The range must be
    /// within the file and begin at a multiple of the alignment of the values.
    pub(super) fn mapped(mut self, file: &Arc<Mmap>, range: Range<usize>) -> Self {
        let bytes = &file[range];
        assert!(bytes.as_ptr().cast::<T>().is_aligned(), "the range begins where a value can");
        let blocks = bytes.chunks_exact(self.block_bytes().max(1)).map(|block| Block {
            begin: NonNull::from(block).cast(),
            memory: Arc::new(Memory::File { mapping: Arc::clone(file) }),
        });
        self.blocks = blocks.collect();
        self
    }

    /// How many rows there is memory for.
    pub(super) fn capacity(&self) -> usize {
        self.blocks.len() << self.rows_log2
    }

    /// Values in a row.
    pub(super) fn row_len(&self) -> usize {
        self.row_len
    }

    fn row_bytes(&self) -> usize {
        self.row_len * size_of::<T>()
    }

    fn block_bytes(&self) -> usize {
        self.row_bytes() << self.rows_log2
    }

    /// Adds blocks, all zeros, until there is memory for `rows`. Where the system has no more, it
    /// ends the process as every allocation does.
    pub(super) fn grow(&mut self, rows: usize) {
        while self.capacity() < rows && self.row_len > 0 {
            self.blocks.push(Block::zeroed(self.block_bytes()));
        }
    }

    /// A row, which must be within the capacity. A row never written is zeros.
    #[inline(always)]
    pub(super) fn row(&self, index: u32) -> &[T] {
        self.rows().row(index)
    }

    /// All rows, for a loop over some of them.
    #[inline(always)]
    pub(super) fn rows(&self) -> Rows<'_, T> {
        Rows {
            row_len: self.row_len,
            row_bytes: self.row_bytes(),
            rows_log2: self.rows_log2,
            within_mask: (1 << self.rows_log2) - 1,
            blocks: &self.blocks,
            kind: PhantomData,
        }
    }

    /// The values of rows that lie one behind the other in one block, which must be within the
    /// capacity.
    #[inline]
    pub(super) fn run(&self, rows: Range<u32>) -> &[T] {
        let first = self.row(rows.start);
        let within = rows.start as usize & ((1 << self.rows_log2) - 1);
        assert!(within + rows.len() <= 1 << self.rows_log2, "rows of one block");
        // SAFETY: as for one row; those behind it in the block lie behind it in memory.
        unsafe { std::slice::from_raw_parts(first.as_ptr(), rows.len() * self.row_len) }
    }

    /// Writes a row, which must be within the capacity and in memory that is no file's.
    ///
    /// # Safety
    ///
    /// No thread reads or writes the row meanwhile, so the index must not be published yet.
    pub(super) unsafe fn write(&self, index: u32, values: &[T])
    where
        T: Copy,
    {
        assert_eq!(values.len(), self.row_len, "a whole row");
        let within = index as usize & ((1 << self.rows_log2) - 1);
        let block = &self.blocks[(index >> self.rows_log2) as usize];
        assert!(matches!(*block.memory, Memory::Owned { .. }), "rows of a file stay as they are");
        // SAFETY: the row is within the block, aligned for `T`, and nobody else uses it.
        unsafe {
            let begin = block.begin.add(within * self.row_bytes()).cast::<T>();
            begin.copy_from_nonoverlapping(NonNull::from(values).cast(), values.len());
        }
    }

    /// The bytes of the first `rows` rows, block by block.
    ///
    /// # Safety
    ///
    /// No thread writes these rows as long as the slices live.
    pub(super) unsafe fn bytes(&self, rows: usize) -> Vec<&[u8]> {
        let mut left = rows.min(self.capacity()) * self.row_bytes();
        let mut slices = Vec::new();
        for block in &self.blocks {
            let taken = left.min(self.block_bytes());
            left -= taken;
            // SAFETY: initialized memory of the block, which by the caller's word nobody writes.
            slices.push(unsafe { std::slice::from_raw_parts(block.begin.as_ptr(), taken) });
        }
        slices.retain(|slice| !slice.is_empty());
        slices
    }

    /// The heap memory that the first `used` rows take, in whole pages, without what is a file's.
    pub(super) fn memory_bytes(&self, used: usize) -> usize {
        let mut left = used * self.row_bytes();
        let mut bytes = self.blocks.capacity() * size_of::<Block>();
        for block in &self.blocks {
            let taken = left.min(self.block_bytes());
            left -= taken;
            if matches!(*block.memory, Memory::Owned { .. }) {
                bytes += taken.next_multiple_of(HUGE_PAGE_BYTES).min(self.block_bytes());
            }
        }
        bytes
    }
}

impl<'a, T: Plain + 'a> Rows<'a, T> {
    /// A row, as [`Blocks::row`].
    #[inline(always)]
    pub(super) fn row(self, index: u32) -> &'a [T] {
        let within = (index & self.within_mask) as usize;
        let block = &self.blocks[(index >> self.rows_log2) as usize];
        // SAFETY: a block has memory for `1 << rows_log2` rows, aligned for `T`, initialized as
        // zeros or by a file, and any bytes are a `T`. Whoever writes keeps to `write`.
        unsafe {
            let begin = block.begin.add(within * self.row_bytes).cast::<T>();
            std::slice::from_raw_parts(begin.as_ptr(), self.row_len)
        }
    }

    /// The rows of up to [`ROWS_AT_ONCE`] indexes, in their order; of more, of the first.
    #[inline(always)]
    pub(super) fn with<R>(self, indexes: &[u32], work: impl FnOnce(&[&'a [T]]) -> R) -> R {
        // Filling all places first takes as long as comparing two codes.
        let mut rows = [const { MaybeUninit::<&[T]>::uninit() }; ROWS_AT_ONCE];
        let count = indexes.len().min(ROWS_AT_ONCE);
        for (row, &index) in rows.iter_mut().zip(indexes) {
            row.write(self.row(index));
        }
        // SAFETY: the first `count` places were written just now.
        work(unsafe { rows[..count].assume_init_ref() })
    }
}

impl Block {
    /// Memory of zeros, which takes room as it is touched.
    fn zeroed(bytes: usize) -> Self {
        // Longer by one huge page, to begin at the address of one; what is before is never touched.
        let length = bytes + HUGE_PAGE_BYTES;
        let Ok(mapping) = MmapMut::map_anon(length) else {
            handle_alloc_error(Layout::array::<u8>(length).unwrap_or(Layout::new::<u8>()))
        };
        let skipped = mapping.as_ptr().align_offset(HUGE_PAGE_BYTES);
        // A system that knows of no huge pages gives small ones, which are as good but slower.
        #[cfg(target_os = "linux")]
        let _ = mapping.advise_range(
            memmap2::Advice::HugePage,
            skipped,
            bytes / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES,
        );
        let mapping = MmapRaw::from(mapping);
        // SAFETY: within a mapping, which never begins at address 0.
        let begin = unsafe { NonNull::new_unchecked(mapping.as_mut_ptr().add(skipped)) };
        Self { begin, memory: Arc::new(Memory::Owned { mapping }) }
    }
}

/// Asks for the memory of a row that is read soon.
#[inline(always)]
pub(super) fn prefetch<T>(row: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for at in (0..size_of_val(row)).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch of an address that is valid to read has no effect but speed.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(row.as_ptr().cast::<i8>().wrapping_add(at)) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn rows_stay_where_they_are_as_blocks_are_added() {
        let mut blocks: Blocks<AtomicU32> = Blocks::new(3, 2);
        blocks.grow(4);
        blocks.row(3)[2].store(7, Ordering::Relaxed);
        let (before, shared) = (blocks.row(3).as_ptr(), blocks.clone());
        blocks.grow(100);
        assert_eq!((blocks.capacity(), shared.capacity()), (100, 4));
        assert_eq!(blocks.row(3).as_ptr(), before);
        blocks.row(3)[1].store(5, Ordering::Relaxed);
        let run: Vec<u32> = blocks.run(2..4).iter().map(|at| at.load(Ordering::Relaxed)).collect();
        assert_eq!(run, [0, 0, 0, 0, 5, 7]);
        let seen: Vec<u32> = shared.row(3).iter().map(|at| at.load(Ordering::Relaxed)).collect();
        assert_eq!(seen, [0, 5, 7]);
        assert!(blocks.row(99).iter().all(|at| at.load(Ordering::Relaxed) == 0));
    }

    #[test]
    fn memory_counts_what_was_touched() {
        let mut blocks: Blocks<CodeLine> = Blocks::new(6, 14);
        blocks.grow(16_385);
        assert!(blocks.memory_bytes(100) < HUGE_PAGE_BYTES + 1_024);
        let full = blocks.memory_bytes(16_385);
        assert!((6 * 1024 * 1024..9 * 1024 * 1024).contains(&full), "{full} bytes");
    }

    #[test]
    #[should_panic(expected = "index out of bounds")]
    fn a_row_behind_the_capacity_is_refused() {
        let mut blocks: Blocks<CodeLine> = Blocks::new(1, 4);
        blocks.grow(16);
        blocks.row(16);
    }

    #[test]
    fn bytes_are_those_of_the_rows() {
        let mut blocks: Blocks<CodeLine> = Blocks::new(1, 1);
        blocks.grow(4);
        for row in 0..3 {
            // SAFETY: nobody else has the blocks.
            unsafe { blocks.write(row, &[CodeLine([row as u8 + 1; 64])]) };
        }
        // SAFETY: nobody else has the blocks.
        let bytes = unsafe { blocks.bytes(3) }.concat();
        assert_eq!(bytes, [[1_u8; 64], [2; 64], [3; 64]].concat());
    }
}
