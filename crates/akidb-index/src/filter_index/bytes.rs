//! A filter index as bytes, and back from bytes that nobody vouches for.
//!
//! All numbers are little-endian. The header is the magic, the version, the number of slots, the
//! length of the removed slots in roaring's portable format, those, and the number of blocks. Each
//! block has its first slot, the end of its slots and six counts, see [`Counts`], and then its
//! arrays in the order of [`Block`].

use std::{
    io::{self, Write},
    sync::Arc,
};

use roaring::RoaringBitmap;

use super::{
    block::{Block, RUN_SLOTS},
    rows::FilterRows,
    strings::Strings,
};

const MAGIC: &[u8; 8] = b"AKIDBFLT";
/// Since 2 it has the ids, and more forms of dates.
const VERSION: u32 = 2;

/// No filter index can be made of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DamagedFilterIndex {
    /// They do not begin as a filter index does.
    #[error("the bytes are not those of a filter index")]
    Foreign,
    /// They are of a version that is not known here.
    #[error("the filter index has version {found}, known is {VERSION}")]
    Version {
        /// The version they say.
        found: u32,
    },
    /// They end early, or go on after the end.
    #[error("the filter index has another length than it says")]
    Length,
    /// Two of their parts do not fit each other.
    #[error("the filter index contradicts itself in its {part}")]
    Contradiction {
        /// Which part.
        part: &'static str,
    },
}

pub(super) fn write(state: &FilterRows, output: &mut impl Write) -> io::Result<()> {
    output.write_all(MAGIC)?;
    let dead = state.dead();
    write_u32s(output, &[VERSION, state.slot_count(), dead.serialized_size() as u32])?;
    dead.serialize_into(&mut *output)?;
    write_u32s(output, &[state.blocks().len() as u32])?;
    state.blocks().iter().try_for_each(|block| write_block(block, output))
}

fn write_block(block: &Block, output: &mut impl Write) -> io::Result<()> {
    let counts = [
        block.paths.bytes().len(),
        block.paths.len(),
        block.entries.bytes().len(),
        block.entries.len(),
        block.slots.len(),
        block.dense_entries.len(),
    ];
    write_u32s(output, &[block.first, block.end])?;
    write_u32s(output, &counts.map(|count| count as u32))?;
    output.write_all(block.paths.bytes())?;
    write_u32s(output, block.paths.ends())?;
    write_u32s(output, &block.path_ends)?;
    output.write_all(block.entries.bytes())?;
    write_u32s(output, block.entries.ends())?;
    write_u32s(output, &block.slot_ends)?;
    write_all(output, &block.slots, u16::to_le_bytes)?;
    write_u32s(output, &block.dense_entries)?;
    write_all(output, &block.dense_words, u64::to_le_bytes)
}

fn write_u32s(output: &mut impl Write, numbers: &[u32]) -> io::Result<()> {
    write_all(output, numbers, u32::to_le_bytes)
}

fn write_all<T: Copy, const BYTES: usize>(
    output: &mut impl Write,
    numbers: &[T],
    to_bytes: impl Fn(T) -> [u8; BYTES],
) -> io::Result<()> {
    const NUMBERS_AT_ONCE: usize = 4_096;
    let mut bytes = Vec::with_capacity(NUMBERS_AT_ONCE.min(numbers.len()) * BYTES);
    for numbers in numbers.chunks(NUMBERS_AT_ONCE) {
        bytes.clear();
        numbers.iter().for_each(|&number| bytes.extend_from_slice(&to_bytes(number)));
        output.write_all(&bytes)?;
    }
    Ok(())
}

type Result<T> = std::result::Result<T, DamagedFilterIndex>;

pub(super) fn read(bytes: &[u8]) -> Result<FilterRows> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(DamagedFilterIndex::Foreign)?;
    let mut input = Input { rest };
    let found = input.u32()?;
    if found != VERSION {
        return Err(DamagedFilterIndex::Version { found });
    }
    let slot_count = input.u32()?;
    let dead_bytes = input.u32()?;
    let dead = read_dead(input.take(u64::from(dead_bytes))?, slot_count)?;
    let mut blocks: Vec<Arc<Block>> = Vec::new();
    for _ in 0..input.u32()? {
        let block = read_block(&mut input)?;
        let from = blocks.last().map_or(0, |before| before.end);
        check(block.first >= from && block.end <= slot_count, "order of blocks")?;
        blocks.push(Arc::new(block));
    }
    if input.rest.is_empty() {
        Ok(FilterRows::new(blocks, dead, slot_count))
    } else {
        Err(DamagedFilterIndex::Length)
    }
}

fn read_dead(bytes: &[u8], slot_count: u32) -> Result<RoaringBitmap> {
    let dead = RoaringBitmap::deserialize_from(bytes).ok();
    let dead = dead.filter(|dead| dead.max().is_none_or(|last| last < slot_count));
    dead.ok_or(DamagedFilterIndex::Contradiction { part: "removed slots" })
}

/// How long the arrays of a block are.
struct Counts {
    path_bytes: u32,
    paths: u32,
    entry_bytes: u32,
    entries: u32,
    slots: u32,
    dense_entries: u32,
}

fn read_block(input: &mut Input<'_>) -> Result<Block> {
    let (first, end) = (input.u32()?, input.u32()?);
    check(first < end && first / RUN_SLOTS == (end - 1) / RUN_SLOTS, "slots of a block")?;
    let counts = Counts {
        path_bytes: input.u32()?,
        paths: input.u32()?,
        entry_bytes: input.u32()?,
        entries: input.u32()?,
        slots: input.u32()?,
        dense_entries: input.u32()?,
    };
    let mut block = Block { first, end, ..Block::default() };
    block.paths = input.strings(counts.path_bytes, counts.paths)?;
    block.path_ends = input.numbers(counts.paths.into(), u32::from_le_bytes)?;
    block.entries = input.strings(counts.entry_bytes, counts.entries)?;
    block.slot_ends = input.numbers(counts.entries.into(), u32::from_le_bytes)?;
    block.slots = input.numbers(counts.slots.into(), u16::from_le_bytes)?;
    block.dense_entries = input.numbers(counts.dense_entries.into(), u32::from_le_bytes)?;
    let dense_words = u64::from(counts.dense_entries) * block.word_count() as u64;
    block.dense_words = input.numbers(dense_words, u64::from_le_bytes)?;
    check_block(&block)?;
    Ok(block)
}

/// What the methods of a block rely on. That entries are sorted is not among it: searching among
/// others finds something else and nothing worse.
fn check_block(block: &Block) -> Result<()> {
    let ends_at = |ends: &[u32], last: usize| {
        ends.is_sorted() && ends.last().map_or(0, |&end| end as usize) == last
    };
    check(ends_at(&block.path_ends, block.entries.len()), "paths")?;
    check(ends_at(&block.slot_ends, block.slots.len()), "entries")?;
    let own = block.first - block.base()..block.end - block.base();
    check(block.slots.iter().all(|&slot| own.contains(&slot.into())), "slots of an entry")?;
    let ascending = block.dense_entries.is_sorted_by(|a, b| a < b);
    let last = block.dense_entries.last().map_or(0, |&last| last as usize + 1);
    check(ascending && last <= block.entries.len(), "entries with a bitmap")?;
    let universe = block.universe();
    let mut bitmaps = block.dense_words.chunks_exact(block.word_count());
    let within = bitmaps
        .all(|bitmap| bitmap.iter().zip(universe.words()).all(|(word, own)| word & !own == 0));
    check(within, "bitmaps")
}

fn check(holds: bool, part: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(DamagedFilterIndex::Contradiction { part }) }
}

/// What is still to be read.
struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    /// Takes bytes that must be there, before anything is allocated for them.
    fn take(&mut self, count: u64) -> Result<&'a [u8]> {
        let count = usize::try_from(count).map_err(|_| DamagedFilterIndex::Length)?;
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(DamagedFilterIndex::Length)?;
        self.rest = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32> {
        let bytes = self.take(4)?.first_chunk().ok_or(DamagedFilterIndex::Length)?;
        Ok(u32::from_le_bytes(*bytes))
    }

    fn numbers<T, const BYTES: usize>(
        &mut self,
        count: u64,
        from_bytes: impl Fn([u8; BYTES]) -> T,
    ) -> Result<Vec<T>> {
        let bytes = self.take(count * BYTES as u64)?;
        Ok(bytes.as_chunks().0.iter().map(|&bytes| from_bytes(bytes)).collect())
    }

    fn strings(&mut self, byte_count: u32, count: u32) -> Result<Strings> {
        let bytes = self.take(byte_count.into())?.to_vec();
        let ends = self.numbers(count.into(), u32::from_le_bytes)?;
        let strings = Strings::checked(bytes, ends);
        strings.ok_or(DamagedFilterIndex::Contradiction { part: "strings" })
    }
}
