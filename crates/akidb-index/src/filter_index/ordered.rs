//! Slots in the order of a value that their documents have.

use std::{ops::Range, sync::Arc};

use akidb_core::{Direction, OrderBy, SortKey, SortKind};
use roaring::RoaringBitmap;

use super::{
    LONG_STRING_START_BYTES,
    bits::Bits,
    block::Posting,
    entry::{Kind, SEVERAL, tags},
    rows::{FilterRows, add},
    walk::{Part, Run, Walk, is_date, parts},
};

/// Values looked at between two looks at the clock.
const VALUES_A_LOOK: usize = 4_096;

/// Longer than what follows the start of a long string, and above it.
const ABOVE_ALL_ENDS: [u8; 16] = [0xFF; 16];

/// From where on slots are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStart<'k> {
    /// All of them.
    First,
    /// Those of a value, and those behind it.
    At(&'k SortKey),
    /// Those without a value, which are the last.
    WithoutValue,
}

/// Slots of documents that are ordered by the same value.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderedGroup {
    /// The value; absent where they have none.
    pub key: Option<SortKey>,
    /// The slots in each index, never all without one.
    pub slots: Vec<RoaringBitmap>,
}

impl OrderedGroup {
    /// How many slots there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.slots.iter().map(RoaringBitmap::len).sum()
    }

    /// Whether there is none, which never is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The groups from `start` on, as many as have `wanted` slots behind the group that the start names; `None`
/// where nobody waits for them any more.
pub(super) fn groups(
    of: &[(Arc<FilterRows>, &RoaringBitmap)],
    order: &OrderBy,
    start: OrderStart<'_>,
    wanted: usize,
    is_late: &dyn Fn() -> bool,
) -> Option<Vec<OrderedGroup>> {
    let parts = parts(of);
    let fields: Vec<Field<'_>> = parts.iter().map(|part| Field::of(part, order)).collect();
    let mut groups: Vec<OrderedGroup> = Vec::new();
    if start != OrderStart::WithoutValue {
        let mut left: Vec<Bits> = fields.iter().map(|field| field.left(start)).collect();
        let mut walk = Walk::new(&parts, order.direction);
        for (part, field) in fields.iter().enumerate() {
            field.runs(part, start).into_iter().for_each(|run| walk.add(run));
        }
        let (mut looked_at, mut behind) = (0_usize, 0);
        while let Some((kind, value)) = walk.next() {
            looked_at += 1;
            if looked_at.is_multiple_of(VALUES_A_LOOK) && is_late() {
                return None;
            }
            let mut slots = vec![RoaringBitmap::new(); of.len()];
            for &(part, entry) in walk.places() {
                fields[part].take(entry, &mut left[part], &mut slots[parts[part].source]);
            }
            if slots.iter().all(RoaringBitmap::is_empty) {
                continue;
            }
            let key = SortKey::new(sort_kind(kind), value);
            let group = OrderedGroup { key: Some(key), slots };
            if !matches!(start, OrderStart::At(key) if group.key.as_ref() == Some(key)) {
                behind += group.len();
            }
            groups.push(group);
            if behind >= wanted as u64 {
                return Some(groups);
            }
        }
    }
    if is_late() {
        return None;
    }
    let mut slots = vec![RoaringBitmap::new(); of.len()];
    for field in &fields {
        add(&mut slots[field.part.source], field.part.block, &field.without_value());
    }
    let last = OrderedGroup { key: None, slots };
    groups.extend((!last.is_empty()).then_some(last));
    Some(groups)
}

/// The kinds by which documents are ordered, in their order: as they are posted, as which they count.
const KINDS: [(Kind, Kind); 6] = [
    (Kind::False, Kind::False),
    (Kind::True, Kind::True),
    (Kind::Number, Kind::Number),
    (Kind::Instant, Kind::Instant),
    (Kind::LongString, Kind::String),
    (Kind::String, Kind::String),
];

fn sort_kind(kind: Kind) -> SortKind {
    match kind {
        Kind::False => SortKind::False,
        Kind::True => SortKind::True,
        Kind::Number => SortKind::Number,
        Kind::Instant => SortKind::Date,
        _ => SortKind::Text,
    }
}

/// The entries of the field that one block has of one tag.
struct Tagged {
    kind: Kind,
    tag: u8,
    entries: Range<usize>,
    is_cut: bool,
    has_dates: bool,
}

/// The field in one block.
struct Field<'p> {
    part: &'p Part<'p>,
    direction: Direction,
    tagged: Vec<Tagged>,
    /// Whether a slot may have several values.
    has_several: bool,
}

impl<'p> Field<'p> {
    fn of(part: &'p Part<'p>, order: &OrderBy) -> Self {
        let block = part.block;
        let field = block.field(order.field.as_str().as_bytes());
        let mut tagged = Vec::new();
        let mut has_several = !block.slots_of(&field, SEVERAL).is_empty();
        for place in 0..2 {
            let entries_of = |kind: Kind| block.tagged(&field, tags(kind)[place]);
            let dates = block.posted(&entries_of(Kind::Instant));
            for (kind, counts_as) in KINDS {
                let entries = entries_of(kind);
                // A date is posted as a text too. Where both are as many, all texts are dates.
                let is_text = kind == Kind::String && dates > 0;
                if entries.is_empty() || (is_text && block.posted(&entries) == dates) {
                    continue;
                }
                has_several |= place == 1;
                tagged.push(Tagged {
                    kind: counts_as,
                    tag: tags(kind)[place],
                    entries,
                    is_cut: kind == Kind::LongString,
                    has_dates: is_text,
                });
            }
        }
        Self { part, direction: order.direction, tagged, has_several }
    }

    /// Wanted slots that come at `start` or behind it, and some that have no value.
    fn left(&self, start: OrderStart<'_>) -> Bits {
        let mut left = self.part.wanted.clone();
        if !self.has_several {
            return left;
        }
        let block = self.part.block;
        let mut before = Bits::none(block.word_count());
        for tagged in &self.tagged {
            let rest = self.from(start, tagged);
            let passed = match self.direction {
                Direction::Ascending => tagged.entries.start..rest.start,
                Direction::Descending => rest.end..tagged.entries.end,
            };
            if tagged.has_dates {
                let value = |at: &usize| block.entries.get(*at).get(1..).unwrap_or_default();
                let texts = passed.filter(|at| !is_date(value(at)));
                texts.for_each(|at| block.post(at..at + 1, &mut before));
            } else {
                block.post(passed, &mut before);
            }
        }
        left.take_out(&before);
        left
    }

    /// What the walk goes over.
    fn runs(&self, part: usize, start: OrderStart<'_>) -> Vec<Run> {
        let runs = self.tagged.iter().map(|tagged| Run {
            part,
            kind: tagged.kind,
            entries: self.from(start, tagged),
            is_cut: tagged.is_cut,
            has_dates: tagged.has_dates,
        });
        runs.collect()
    }

    /// The entries of a tag at `start` and behind it.
    fn from(&self, start: OrderStart<'_>, tagged: &Tagged) -> Range<usize> {
        let all = tagged.entries.clone();
        let OrderStart::At(key) = start else { return all };
        let Some((kind, value)) = key.parts() else { return all };
        let is_before = match self.direction {
            Direction::Ascending => sort_kind(tagged.kind) < kind,
            Direction::Descending => sort_kind(tagged.kind) > kind,
        };
        match self.direction {
            Direction::Ascending if is_before => all.end..all.end,
            Direction::Descending if is_before => all.start..all.start,
            _ if sort_kind(tagged.kind) != kind => all,
            Direction::Ascending => {
                let below = self.below(tagged, value, &[]);
                below..all.end
            }
            Direction::Descending => all.start..self.below(tagged, value, &[0]),
        }
    }

    /// The first entry of a tag that is not below a value; with a further byte, that is above it.
    fn below(&self, tagged: &Tagged, value: &[u8], further: &[u8]) -> usize {
        let starts_alike = |value: &[u8]| [&[tagged.tag], value, &ABOVE_ALL_ENDS[..]].concat();
        let key = match value.get(..LONG_STRING_START_BYTES) {
            _ if !tagged.is_cut => [&[tagged.tag], value, further].concat(),
            // Entries are known by as many bytes, which come before a text that goes on behind them.
            Some(start) if value.len() > start.len() || !further.is_empty() => starts_alike(start),
            _ => [&[tagged.tag], value].concat(),
        };
        self.part.block.entries.lower_bound(tagged.entries.clone(), &key)
    }

    /// Takes the slots of an entry that are left. A slot that has several values comes by the first one alone.
    fn take(&self, entry: usize, left: &mut Bits, slots: &mut RoaringBitmap) {
        let block = self.part.block;
        let base = block.base();
        let taken = match block.posting(entry) {
            Posting::List(listed) => {
                let own = listed.iter().copied().filter(|&slot| left.has(slot));
                let own: Vec<u16> = own.collect();
                slots.extend(own.iter().map(|&slot| base + u32::from(slot)));
                let mut taken = Bits::none(if self.has_several { block.word_count() } else { 0 });
                if self.has_several {
                    own.iter().for_each(|&slot| taken.set(slot));
                }
                taken
            }
            Posting::Dense(words) => {
                let mut taken = Bits::none(block.word_count());
                taken.add(words);
                taken.keep(left);
                add(slots, block, &taken);
                taken
            }
        };
        if self.has_several {
            left.take_out(&taken);
        }
    }

    /// Wanted slots that have no value.
    fn without_value(&self) -> Bits {
        let mut with_value = Bits::none(self.part.block.word_count());
        for tagged in &self.tagged {
            self.part.block.post(tagged.entries.clone(), &mut with_value);
        }
        let mut without = self.part.wanted.clone();
        without.take_out(&with_value);
        without
    }
}
