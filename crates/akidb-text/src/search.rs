//! From a query to the best documents.
//!
//! Slots are gone through in windows that scores fit the first cache of. In each, the lists that together cannot
//! bring a document among the best are left out (MaxScore, Turtle and Flood 1995), by what their blocks
//! have at most there (block-max, Ding and Suel 2011); the others are added up list by list, and only
//! documents that may still get among the best are looked up in the ones left out.
//!
//! Scores are whole numbers, so that what is added in another order is the same.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::atomic::{AtomicU8, Ordering},
};

use roaring::RoaringBitmap;

use crate::{
    condition::Checker, cursor::Cursor, lengths::CHUNK_SLOTS, query::TextQuery,
    saturation::Saturation,
};

/// Where so few slots are allowed that going through their postings costs less than this many times as many
/// postings do in windows, each allowed slot is looked up.
const LOOKUP_COST: u64 = 8;

/// The best documents with their scores, best first.
pub(crate) fn best(
    query: &TextQuery,
    limit: usize,
    allowed: Option<&RoaringBitmap>,
) -> Vec<(u32, u32)> {
    let mut best = Best::new(limit);
    if limit == 0 || query.is_empty() {
        return Vec::new();
    }
    if let Some(slots) = required_slots(query) {
        let slots = slots.into_iter().filter(|&slot| allowed.is_none_or(|it| it.contains(slot)));
        one_by_one(query, slots, &mut best);
    } else if let Some(allowed) = allowed
        && allowed.len() * query.scored.len() as u64 * LOOKUP_COST < posting_count(query)
    {
        one_by_one(query, allowed.iter(), &mut best);
    } else {
        Windows::new(query, allowed).walk(&mut best);
    }
    best.into_sorted()
}

/// All documents that have a word, of those that the query lets through.
pub(crate) fn all(query: &TextQuery) -> RoaringBitmap {
    if query.is_empty() {
        return RoaringBitmap::new();
    }
    let mut lookup = Lookup::new(query);
    if let Some(slots) = required_slots(query) {
        let slots = slots.into_iter().take_while(|&slot| slot < query.visible);
        return slots.filter(|&slot| lookup.score(slot) > 0 && lookup.lets_through(slot)).collect();
    }
    let mut having = RoaringBitmap::new();
    for &(list, _) in &query.scored {
        let mut slots = Vec::new();
        Cursor::new(&query.lists[list]).visit(0, query.visible, |slot, _| slots.push(slot));
        having |= slots.into_iter().collect::<RoaringBitmap>();
    }
    let is_found = |slot: &u32| query.lengths.get(*slot) != 0 && lookup.lets_through(*slot);
    having.iter().filter(is_found).collect()
}

/// The score of each slot, in any order; `None` where the query does not let it through.
pub(crate) fn scores(query: &TextQuery, slots: &[u32]) -> Vec<Option<u32>> {
    let mut order: Vec<usize> = (0..slots.len()).collect();
    order.sort_unstable_by_key(|&at| slots[at]);
    let mut scores = vec![None; slots.len()];
    if query.is_void {
        return scores;
    }
    // What has no words has nothing that is excluded, and lacks whatever has to be there.
    let without_words = query.conditions.iter().all(|it| it.excluded).then_some(0);
    let mut lookup = Lookup::new(query);
    for at in order {
        let slot = slots[at];
        let has_words = slot < query.visible && query.lengths.get(slot) != 0;
        scores[at] = match has_words {
            true => lookup.lets_through(slot).then(|| lookup.score(slot)),
            false => without_words,
        };
    }
    scores
}

/// The best so far.
struct Best {
    limit: usize,
    /// The worst on top: the lowest score, of equal ones the highest slot.
    heap: BinaryHeap<Reverse<(u32, Reverse<u32>)>>,
}

impl Best {
    fn new(limit: usize) -> Self {
        Self { limit, heap: BinaryHeap::new() }
    }

    /// What a score has to be above, for slots in ascending order.
    fn threshold(&self) -> u32 {
        match self.heap.peek() {
            Some(&Reverse((score, _))) if self.heap.len() == self.limit => score,
            _ => 0,
        }
    }

    fn push(&mut self, slot: u32, score: u32) {
        if self.heap.len() == self.limit {
            self.heap.pop();
        }
        self.heap.push(Reverse((score, Reverse(slot))));
    }

    fn into_sorted(self) -> Vec<(u32, u32)> {
        let sorted = self.heap.into_sorted_vec();
        sorted.into_iter().map(|Reverse((score, Reverse(slot)))| (slot, score)).collect()
    }
}

/// What a document gets for a term, at least 1.
#[inline]
fn impact(weight: f32, saturation: f32) -> u32 {
    1 + (weight * saturation) as u32
}

fn posting_count(query: &TextQuery) -> u64 {
    let count = |&(list, _): &(usize, f32)| -> u64 {
        query.lists[list].iter().map(|block| block.len() as u64).sum()
    };
    query.scored.iter().map(count).sum()
}

/// The slots that have the rarest word of those that have to be there, ascending; `None` where none has to.
fn required_slots(query: &TextQuery) -> Option<Vec<u32>> {
    let count = |lists: &[usize]| -> usize {
        let blocks = lists.iter().flat_map(|&list| &query.lists[list]);
        blocks.map(|block| block.len()).sum()
    };
    let required = query.conditions.iter().filter(|condition| !condition.excluded);
    let words = required.flat_map(|condition| &condition.words);
    let (_, rarest) = words.min_by_key(|(_, lists)| count(lists))?;
    let mut slots = Vec::with_capacity(count(rarest));
    for &list in rarest {
        Cursor::new(&query.lists[list]).visit(0, query.visible, |slot, _| slots.push(slot));
    }
    if rarest.len() > 1 {
        slots.sort_unstable();
        slots.dedup();
    }
    Some(slots)
}

fn one_by_one(query: &TextQuery, slots: impl Iterator<Item = u32>, best: &mut Best) {
    let mut lookup = Lookup::new(query);
    for slot in slots.take_while(|&slot| slot < query.visible) {
        let score = lookup.score(slot);
        if score > best.threshold() && lookup.lets_through(slot) {
            best.push(slot, score);
        }
    }
}

/// Looks documents up, in ascending order.
struct Lookup<'q> {
    query: &'q TextQuery,
    cursors: Vec<Cursor<'q>>,
    checkers: Vec<Checker<'q>>,
}

impl<'q> Lookup<'q> {
    fn new(query: &'q TextQuery) -> Self {
        let scored = query.scored.iter();
        Self {
            query,
            cursors: scored.map(|&(list, _)| Cursor::new(&query.lists[list])).collect(),
            checkers: query.conditions.iter().map(|it| Checker::new(it, query)).collect(),
        }
    }

    /// 0 where a document has no word, or is not there.
    fn score(&mut self, slot: u32) -> u32 {
        let length = self.query.lengths.get(slot);
        if length == 0 {
            return 0;
        }
        let mut score = 0;
        for (cursor, &(_, weight)) in self.cursors.iter_mut().zip(&self.query.scored) {
            if cursor.has(slot) {
                score += impact(weight, self.query.saturation.of(cursor.count(), length));
            }
        }
        score
    }

    fn lets_through(&mut self, slot: u32) -> bool {
        self.checkers.iter_mut().all(|checker| checker.lets_through(slot))
    }
}

/// A list while windows are gone through.
struct Walked<'q> {
    cursor: Cursor<'q>,
    weight: f32,
    /// What a document of the window gets from it at most; 0 where it has none there.
    bound: u32,
    /// The block that was last asked for its bound, and that.
    asked: (usize, u32),
}

impl Walked<'_> {
    /// Goes on to a window.
    fn enter(&mut self, from: u32, end: u32, saturation: &Saturation) {
        self.bound = 0;
        self.cursor.seek_block(from);
        let blocks = self.cursor.blocks().iter().take_while(|block| block.first < end);
        for (number, block) in (self.cursor.block..).zip(blocks) {
            if self.asked.0 != number {
                self.asked = (number, impact(self.weight, block.bound(saturation)));
            }
            self.bound = self.bound.max(self.asked.1);
        }
    }
}

struct Windows<'q> {
    query: &'q TextQuery,
    allowed: Option<&'q RoaringBitmap>,
    /// In each window those with the least bound first.
    lists: Vec<Walked<'q>>,
    checkers: Vec<Checker<'q>>,
    /// What documents of the window have so far.
    scores: Box<[u32; CHUNK_SLOTS as usize]>,
    /// Which of them have something.
    touched: [u64; CHUNK_SLOTS as usize / 64],
    /// What the lists up to each can bring together, the first of which is none.
    together: Vec<u32>,
}

impl<'q> Windows<'q> {
    fn new(query: &'q TextQuery, allowed: Option<&'q RoaringBitmap>) -> Self {
        let walked = |&(list, weight): &(usize, f32)| Walked {
            cursor: Cursor::new(&query.lists[list]),
            weight,
            bound: 0,
            asked: (usize::MAX, 0),
        };
        Self {
            query,
            allowed,
            lists: query.scored.iter().map(walked).collect(),
            checkers: query.conditions.iter().map(|it| Checker::new(it, query)).collect(),
            scores: Box::new([0; CHUNK_SLOTS as usize]),
            touched: [0; CHUNK_SLOTS as usize / 64],
            together: Vec::new(),
        }
    }

    fn walk(mut self, best: &mut Best) {
        let mut from = 0;
        while let Some(chunk) = self.next_chunk(from) {
            let first = chunk * CHUNK_SLOTS;
            let end = first.saturating_add(CHUNK_SLOTS).min(self.query.visible);
            self.window(chunk, first..end, best);
            from = end;
        }
    }

    /// The next window in which something may be found, from a slot on.
    fn next_chunk(&mut self, mut from: u32) -> Option<u32> {
        loop {
            let firsts = self.lists.iter_mut().filter_map(|list| list.cursor.seek_block(from));
            let first = firsts.map(|block| block.first.max(from)).min()?;
            let Some(allowed) = self.allowed else {
                return (first < self.query.visible).then_some(first / CHUNK_SLOTS);
            };
            let next = allowed.range(first..).next().filter(|&next| next < self.query.visible)?;
            if next / CHUNK_SLOTS == first / CHUNK_SLOTS {
                return Some(first / CHUNK_SLOTS);
            }
            from = next - next % CHUNK_SLOTS;
        }
    }

    fn window(&mut self, chunk: u32, slots: std::ops::Range<u32>, best: &mut Best) {
        let query = self.query;
        for list in &mut self.lists {
            list.enter(slots.start, slots.end, &query.saturation);
        }
        self.lists.sort_unstable_by_key(|list| list.bound);
        self.together.clear();
        self.together.push(0);
        for list in &self.lists {
            let before = self.together[self.together.len() - 1];
            self.together.push(before + list.bound);
        }
        // So many lists bring no document among the best by themselves.
        let threshold = best.threshold();
        let left_out = self.together.iter().skip(1).filter(|&&sum| sum <= threshold).count();
        if left_out == self.lists.len() {
            return;
        }
        let lengths = query.lengths.chunk(chunk);
        for list in &mut self.lists[left_out..] {
            let (scores, touched) = (&mut self.scores, &mut self.touched);
            add(list, slots.clone(), lengths, &query.saturation, scores, touched);
        }
        self.collect(left_out, slots.start, lengths, best);
    }

    /// Takes the documents that have something out of the window.
    fn collect(&mut self, left_out: usize, first: u32, lengths: &[AtomicU8], best: &mut Best) {
        for word in 0..self.touched.len() {
            let mut rest = std::mem::take(&mut self.touched[word]);
            while rest != 0 {
                let at = word * 64 + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                let score = std::mem::take(&mut self.scores[at]);
                let slot = first + at as u32;
                if score + self.together[left_out] > best.threshold() {
                    let length = lengths[at].load(Ordering::Relaxed);
                    self.finish(left_out, (slot, length), score, best);
                }
            }
        }
    }

    /// Adds what the lists that were left out have, as long as that may bring a document among the best.
    fn finish(&mut self, left_out: usize, document: (u32, u8), mut score: u32, best: &mut Best) {
        let (slot, length) = document;
        let threshold = best.threshold();
        if length == 0 || self.allowed.is_some_and(|allowed| !allowed.contains(slot)) {
            return;
        }
        for at in (0..left_out).rev() {
            if score + self.together[at + 1] <= threshold {
                return;
            }
            let Walked { cursor, weight, .. } = &mut self.lists[at];
            if cursor.has(slot) {
                score += impact(*weight, self.query.saturation.of(cursor.count(), length));
            }
        }
        if score > threshold && self.checkers.iter_mut().all(|checker| checker.lets_through(slot)) {
            best.push(slot, score);
        }
    }
}

/// Adds what documents of a window get from a list.
fn add(
    list: &mut Walked<'_>,
    slots: std::ops::Range<u32>,
    lengths: &[AtomicU8],
    saturation: &Saturation,
    scores: &mut [u32; CHUNK_SLOTS as usize],
    touched: &mut [u64; CHUNK_SLOTS as usize / 64],
) {
    let first = slots.start - slots.start % CHUNK_SLOTS;
    let weight = list.weight;
    list.cursor.visit(slots.start, slots.end, |slot, count| {
        let at = (slot - first) as usize % CHUNK_SLOTS as usize;
        let length = lengths.get(at).map_or(0, |length| length.load(Ordering::Relaxed));
        // What is removed is passed over.
        if length != 0 {
            scores[at] += impact(weight, saturation.of(count, length));
            touched[at / 64] |= 1 << (at % 64);
        }
    });
}
