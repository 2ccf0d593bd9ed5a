//! An index as bytes, and back from bytes that nobody vouches for.
//!
//! All numbers are little-endian. The magic, the version, the settings, the code of the length of each document, the
//! terms of each, and then each term with its postings; behind all of it the BLAKE3 of what is before.

use std::{
    io::{self, Write},
    sync::Arc,
};

use smallvec::SmallVec;

use crate::{
    Frozen, TextIndex, TextSettings,
    block::{Block, BlockParts, PAIRS},
    dictionary::{CHUNK_TERMS, Dictionary, TermChunk},
    forward::{Forward, ForwardChunk},
    index::{Rows, Statistics},
    lengths::{CHUNK_SLOTS, Lengths},
    list::List,
};

const MAGIC: &[u8; 8] = b"AKIDBTXT";

/// Goes up with the layout, and with the analysis: other terms of the same text are another index.
const VERSION: u32 = 1;

const HASH_BYTES: usize = blake3::OUT_LEN;

/// No keyword index can be made of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DamagedTextIndex {
    /// They do not begin as a keyword index does.
    #[error("the bytes are not those of a keyword index")]
    Foreign,
    /// They are of a version that is not known here.
    #[error("the keyword index has version {found}, known is {VERSION}")]
    Version {
        /// The version they say.
        found: u32,
    },
    /// They are not the bytes that were written.
    #[error("the hash of the keyword index is wrong")]
    Hash,
    /// It was made with other settings, so its terms are others.
    #[error("the keyword index was made with {found}, wanted is {wanted}")]
    Settings {
        /// What it was made with.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// Two of their parts do not fit each other.
    #[error("the keyword index contradicts itself in its {part}")]
    Contradiction {
        /// Which part.
        part: &'static str,
    },
}

impl TextIndex {
    /// Reads an index back.
    ///
    /// Whatever the bytes are, this neither panics nor takes much more memory than they have.
    ///
    /// # Errors
    ///
    /// When a byte is another than was written, and when they are of another version or of other settings.
    pub fn from_bytes(bytes: &[u8], settings: TextSettings) -> Result<Self, DamagedTextIndex> {
        read(bytes, settings)
    }
}

/// Hashes what it passes on.
struct Hashed<'w, W> {
    output: &'w mut W,
    hasher: blake3::Hasher,
}

impl<W: Write> Hashed<'_, W> {
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.output.write_all(bytes)
    }
}

/// What is collected before it is hashed and passed on, so that neither is done for a few bytes each.
const BYTES_AT_ONCE: usize = 1 << 20;

pub(crate) fn write(frozen: &Frozen, output: &mut impl Write) -> io::Result<()> {
    let mut output = Hashed { output, hasher: blake3::Hasher::new() };
    let mut buffer = Vec::new();
    buffer.extend_from_slice(MAGIC);
    push(&mut buffer, VERSION);
    let fingerprint = frozen.settings.fingerprint();
    push_bytes(&mut buffer, fingerprint.as_bytes());
    push_bytes(&mut buffer, &frozen.lengths);
    for chunk in &frozen.forward.chunks {
        chunk.ends.iter().for_each(|&end| push(&mut buffer, end));
        push_bytes(&mut buffer, &chunk.bytes);
        flush(&mut buffer, BYTES_AT_ONCE, &mut output)?;
    }
    let terms: usize = frozen.chunks.iter().map(|chunk| chunk.lists.len()).sum();
    push(&mut buffer, terms as u32);
    for chunk in &frozen.chunks {
        chunk.ends.iter().for_each(|&end| push(&mut buffer, end));
        push_bytes(&mut buffer, chunk.text.as_bytes());
        for list in &chunk.lists {
            push_list(&mut buffer, list);
            flush(&mut buffer, BYTES_AT_ONCE, &mut output)?;
        }
    }
    flush(&mut buffer, 0, &mut output)?;
    let hash = output.hasher.finalize();
    output.output.write_all(hash.as_bytes())
}

/// Passes on what was collected, where it is more than a number of bytes.
fn flush(
    buffer: &mut Vec<u8>,
    more_than: usize,
    output: &mut Hashed<'_, impl Write>,
) -> io::Result<()> {
    if buffer.len() > more_than {
        output.bytes(buffer)?;
        buffer.clear();
    }
    Ok(())
}

fn push(buffer: &mut Vec<u8>, number: u32) {
    buffer.extend_from_slice(&number.to_le_bytes());
}

fn push_bytes(buffer: &mut Vec<u8>, bytes: &[u8]) {
    push(buffer, bytes.len() as u32);
    buffer.extend_from_slice(bytes);
}

fn push_list(buffer: &mut Vec<u8>, list: &List) {
    push(buffer, list.live);
    push(buffer, list.last);
    buffer.push(list.tail_length);
    push_bytes(buffer, &list.tail);
    push(buffer, list.blocks.len() as u32);
    for block in &list.blocks {
        let BlockParts { slots, length, wide, pairs, data } = block.to_parts();
        slots.iter().for_each(|&slot| push(buffer, slot));
        buffer.extend([length, u8::from(wide)]);
        buffer.extend(pairs.iter().flat_map(|&(count, length)| [count, length]));
        push_bytes(buffer, data);
    }
}

type Result<T, E = DamagedTextIndex> = std::result::Result<T, E>;

fn read(bytes: &[u8], settings: TextSettings) -> Result<TextIndex> {
    if !bytes.starts_with(MAGIC) {
        return Err(DamagedTextIndex::Foreign);
    }
    let (hashed, hash) = bytes.split_last_chunk::<HASH_BYTES>().ok_or(DamagedTextIndex::Hash)?;
    if blake3::hash(hashed) != *hash {
        return Err(DamagedTextIndex::Hash);
    }
    let mut input = Input { rest: hashed.get(MAGIC.len()..).ok_or(DamagedTextIndex::Hash)? };
    let found = input.u32()?;
    if found != VERSION {
        return Err(DamagedTextIndex::Version { found });
    }
    let (found, wanted) = (input.bytes()?, settings.fingerprint());
    if found != wanted.as_bytes() {
        let found = String::from_utf8_lossy(found).into_owned();
        return Err(DamagedTextIndex::Settings { found, wanted });
    }
    let lengths = input.bytes()?;
    let slot_count = u32::try_from(lengths.len()).map_err(|_| contradiction("slots"))?;
    let forward = read_forward(&mut input, slot_count)?;
    let dictionary = read_dictionary(&mut input, slot_count)?;
    check(input.rest.is_empty(), "end")?;
    let statistics = statistics(lengths, &forward, dictionary.len())?;
    let lengths = Lengths::from_bytes(lengths);
    let rows = Rows { dictionary, lengths, visible: slot_count, statistics };
    Ok(TextIndex::of(Arc::new(settings), forward, rows))
}

fn read_forward(input: &mut Input<'_>, slot_count: u32) -> Result<Forward> {
    let mut chunks = Vec::new();
    let mut slots = slot_count;
    while slots > 0 {
        let count = slots.min(CHUNK_SLOTS);
        let ends = input.u32s(count)?;
        let bytes = input.bytes()?.to_vec();
        let fit = ends.is_sorted() && ends.last() == Some(&(bytes.len() as u32));
        check(fit, "terms of documents")?;
        chunks.push(Arc::new(ForwardChunk { bytes, ends }));
        slots -= count;
    }
    Ok(Forward { chunks, slot_count })
}

/// Of the documents that are there, which must have terms that are there.
fn statistics(lengths: &[u8], forward: &Forward, term_count: usize) -> Result<Statistics> {
    let mut statistics = Statistics::default();
    for (slot, &length) in (0..).zip(lengths) {
        let document = forward.terms(slot);
        let terms_are_there = document
            .as_ref()
            .is_none_or(|(_, terms)| terms.iter().all(|&term| (term as usize) < term_count));
        check(terms_are_there, "terms of documents")?;
        if length != 0 {
            let (manner, _) = document.ok_or(contradiction("lengths"))?;
            statistics.add(manner, length);
        }
    }
    Ok(statistics)
}

fn read_dictionary(input: &mut Input<'_>, slot_count: u32) -> Result<Dictionary> {
    let mut terms = input.u32()?;
    let mut chunks = Vec::new();
    while terms > 0 {
        let count = terms.min(CHUNK_TERMS as u32);
        let ends = input.u32s(count)?;
        let text =
            String::from_utf8(input.bytes()?.to_vec()).map_err(|_| contradiction("terms"))?;
        let at_characters = ends.iter().all(|&end| text.is_char_boundary(end as usize));
        check(ends.is_sorted() && at_characters, "terms")?;
        let lists = (0..count).map(|_| read_list(input, slot_count)).collect::<Result<_>>()?;
        chunks.push(Arc::new(TermChunk { text, ends, lists }));
        terms -= count;
    }
    Dictionary::of(chunks).ok_or(contradiction("terms"))
}

fn read_list(input: &mut Input<'_>, slot_count: u32) -> Result<List> {
    let (live, last) = (input.u32()?, input.u32()?);
    let tail_length = input.u8()?;
    let tail = SmallVec::from_slice(input.bytes()?);
    let count = input.u32()?;
    let mut blocks = Vec::new();
    for _ in 0..count {
        let slots = [input.u32()?, input.u32()?];
        let (length, wide) = (input.u8()?, input.u8()? != 0);
        let mut pairs = [(0, 0); PAIRS];
        for pair in &mut pairs {
            *pair = (input.u8()?, input.u8()?);
        }
        let parts = BlockParts { slots, length, wide, pairs, data: input.bytes()? };
        let block = Block::from_parts(&parts, slot_count);
        blocks.push(Arc::new(block.ok_or(contradiction("postings"))?));
    }
    let list = List { blocks, tail, tail_length, last, live };
    check(list.is_sound(slot_count), "postings")?;
    Ok(list)
}

fn contradiction(part: &'static str) -> DamagedTextIndex {
    DamagedTextIndex::Contradiction { part }
}

fn check(holds: bool, part: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(contradiction(part)) }
}

/// What is still to be read.
struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    /// Takes bytes that must be there, before anything is allocated for them.
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(contradiction("length"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn u32(&mut self) -> Result<u32> {
        let bytes = self.take(4)?.first_chunk().ok_or(contradiction("length"))?;
        Ok(u32::from_le_bytes(*bytes))
    }

    fn u32s(&mut self, count: u32) -> Result<Vec<u32>> {
        let bytes = self.take(count as usize * 4)?;
        Ok(bytes.as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect())
    }

    /// Bytes behind their number.
    fn bytes(&mut self) -> Result<&'a [u8]> {
        let count = self.u32()?;
        self.take(count as usize)
    }
}
