//! The values of a field in their order, over the blocks of one index or of several.
//!
//! Within a block the entries of a tag are sorted, so a walk merges what each block has of each tag. It
//! holds one value a block and tag, however many there are.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, binary_heap::PeekMut},
    ops::Range,
    sync::Arc,
};

use akidb_core::{Direction, value_key};
use roaring::RoaringBitmap;

use super::{
    LONG_STRING_START_BYTES,
    bits::Bits,
    block::{Block, RUN_SLOTS},
    entry::{Kind, tags},
    rows::FilterRows,
};

/// A block, and the slots of it that a walk is about.
pub(super) struct Part<'b> {
    pub(super) block: &'b Block,
    /// Which of the indexes it is of.
    pub(super) source: usize,
    pub(super) wanted: Bits,
    /// How many slots are wanted.
    pub(super) count: u64,
}

/// Room for the slots of a block that one count has met; empty before and after it.
pub(super) struct Seen(Bits);

impl Default for Seen {
    fn default() -> Self {
        Self(Bits::none(RUN_SLOTS as usize / 64))
    }
}

/// The parts of some indexes, without those of which no slot is wanted.
pub(super) fn parts<'b>(of: &'b [(Arc<FilterRows>, &RoaringBitmap)]) -> Vec<Part<'b>> {
    let blocks = of.iter().enumerate().flat_map(|(source, (state, slots))| {
        state.blocks().iter().map(move |block| (source, block, slots))
    });
    let parts = blocks.map(|(source, block, slots)| {
        let wanted = block.own_of(slots);
        let count = wanted.count_with(wanted.words());
        Part { block, source, wanted, count }
    });
    parts.filter(|part| part.count > 0).collect()
}

impl Part<'_> {
    /// How many of the wanted slots have one of some entries.
    pub(super) fn count_of(&self, entries: &[Range<usize>], seen: &mut Seen) -> u64 {
        let mut given = entries.iter().filter(|entries| !entries.is_empty());
        let (Some(first), second) = (given.next(), given.next()) else { return 0 };
        if second.is_none() && first.len() == 1 {
            return self.block.posting(first.start).count_in(&self.wanted);
        }
        let Seen(seen) = seen;
        entries.iter().for_each(|entries| self.block.post(entries.clone(), seen));
        let lists: Vec<(&[u16], bool)> = entries.iter().map(|it| self.block.listed(it)).collect();
        let listed: usize = lists.iter().map(|(listed, _)| listed.len()).sum();
        if listed > self.block.word_count() || lists.iter().any(|(_, has_bitmap)| *has_bitmap) {
            let count = seen.count_with(self.wanted.words());
            seen.clear();
            return count;
        }
        // A slot may have several of them, and counts once.
        let listed = lists.iter().flat_map(|(listed, _)| listed.iter());
        listed.map(|&slot| u64::from(seen.take(slot) & self.wanted.has(slot))).sum()
    }

    /// The entries of a path that are of a kind, as values and as elements.
    pub(super) fn entries(&self, path: &str, kind: Kind) -> [Range<usize>; 2] {
        let field = self.block.field(path.as_bytes());
        tags(kind).map(|tag| self.block.tagged(&field, tag))
    }
}

/// What one block has of one tag, from where the walk stands.
pub(super) struct Run {
    pub(super) part: usize,
    /// The kind that its values are taken as.
    pub(super) kind: Kind,
    pub(super) entries: Range<usize>,
    /// Whether its values are known by their start alone.
    pub(super) is_cut: bool,
    /// Whether some of its texts are dates, which are left out.
    pub(super) has_dates: bool,
}

/// The value that a run stands at.
struct Head<'b> {
    direction: Direction,
    kind: Kind,
    value: &'b [u8],
    run: usize,
    /// The entry.
    at: usize,
}

impl Ord for Head<'_> {
    /// The heap has the greatest on top.
    fn cmp(&self, other: &Self) -> Ordering {
        let order = (self.kind as u8, self.value).cmp(&(other.kind as u8, other.value));
        match self.direction {
            Direction::Ascending => order.reverse(),
            Direction::Descending => order,
        }
    }
}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head<'_> {}

/// A walk over values that some wanted slot has.
pub(super) struct Walk<'p, 'b> {
    parts: &'p [Part<'b>],
    direction: Direction,
    runs: Vec<Run>,
    heads: BinaryHeap<Head<'b>>,
    /// Where the value at hand stands: parts and entries.
    places: Vec<(usize, usize)>,
    seen: Seen,
}

impl<'p, 'b> Walk<'p, 'b> {
    /// Over nothing yet.
    pub(super) fn new(parts: &'p [Part<'b>], direction: Direction) -> Self {
        let (runs, heads, places) = (Vec::new(), BinaryHeap::new(), Vec::new());
        Self { parts, direction, runs, heads, places, seen: Seen::default() }
    }

    /// Over the values of some kinds, a kind after the other.
    pub(super) fn over(parts: &'p [Part<'b>], path: &str, kinds: &[Kind]) -> Self {
        let mut walk = Self::new(parts, Direction::Ascending);
        for (part, of) in parts.iter().enumerate() {
            for &kind in kinds {
                for entries in of.entries(path, kind) {
                    walk.add(Run { part, kind, entries, is_cut: false, has_dates: false });
                }
            }
        }
        walk
    }

    /// Takes a run into a walk that has not begun.
    pub(super) fn add(&mut self, run: Run) {
        let kind = run.kind;
        self.runs.push(run);
        let (run, direction) = (self.runs.len() - 1, self.direction);
        let first = self.advance(run);
        self.heads.extend(first.map(|(at, value)| Head { direction, kind, value, run, at }));
    }

    /// The next entry of a run that some wanted slot has, and its value.
    fn advance(&mut self, run: usize) -> Option<(usize, &'b [u8])> {
        let Run { part, entries, is_cut, has_dates, .. } = &mut self.runs[run];
        let Part { block, wanted, .. } = &self.parts[*part];
        loop {
            let at = match self.direction {
                Direction::Ascending => entries.next(),
                Direction::Descending => entries.next_back(),
            }?;
            if !block.posting(at).meets(wanted) {
                continue;
            }
            let value = block.entries.get(at).get(1..)?;
            if *has_dates && is_date(value) {
                continue;
            }
            let end = if *is_cut { LONG_STRING_START_BYTES.min(value.len()) } else { value.len() };
            return Some((at, &value[..end]));
        }
    }

    /// The next value, which is behind those before.
    pub(super) fn next(&mut self) -> Option<(Kind, &'b [u8])> {
        self.places.clear();
        let top = self.heads.peek()?;
        let (kind, value) = (top.kind, top.value);
        while let Some(head) = self.heads.peek()
            && (head.kind, head.value) == (kind, value)
        {
            let run = head.run;
            self.places.push((self.runs[run].part, head.at));
            let next = self.advance(run);
            let Some(mut head) = self.heads.peek_mut() else { break };
            match next {
                Some((at, value)) => (head.at, head.value) = (at, value),
                None => {
                    PeekMut::pop(head);
                }
            }
        }
        Some((kind, value))
    }

    /// Where the value at hand stands: parts and entries.
    pub(super) fn places(&self) -> &[(usize, usize)] {
        &self.places
    }

    /// How many wanted slots have the value at hand.
    pub(super) fn count(&mut self) -> u64 {
        if let [(part, at)] = self.places[..] {
            let only = at..at + 1;
            return self.parts[part].count_of(&[only], &mut self.seen);
        }
        self.places.sort_unstable();
        let of_parts = self.places.chunk_by(|(left, _), (right, _)| left == right);
        let counts = of_parts.map(|places| {
            let entries: Vec<Range<usize>> = places.iter().map(|(_, at)| *at..at + 1).collect();
            self.parts[places[0].0].count_of(&entries, &mut self.seen)
        });
        counts.sum()
    }
}

/// Whether a text is a date, by which it is posted too.
pub(super) fn is_date(text: &[u8]) -> bool {
    let text = str::from_utf8(text);
    text.is_ok_and(|text| value_key::instant(text, &mut Vec::new()))
}
