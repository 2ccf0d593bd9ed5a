//! A planned filter held against one block.

use std::ops::Range;

use akidb_core::Caseless;

use super::{
    LONG_STRING_START_BYTES, Matching,
    bits::{Bits, Interval},
    block::Block,
    builder::LONG_PATHS,
    compiled::{CompiledFilter, Condition, Keys, Part, Spans},
    entry::{Kind, PRESENT, SEVERAL, ValuePlace, tag},
};

/// A block and what several conditions need of it.
pub(super) struct Evaluation<'b> {
    block: &'b Block,
    universe: Bits,
}

impl<'b> Evaluation<'b> {
    pub(super) fn of(block: &'b Block) -> Self {
        Self { block, universe: block.universe() }
    }

    /// Which slots of the block match.
    pub(super) fn run(&self, filter: &CompiledFilter<'_>) -> Interval {
        match filter {
            CompiledFilter::All(parts) => {
                let mut all = Interval::exactly(self.universe.clone());
                for filter in parts {
                    if all.maybe().is_empty() {
                        break;
                    }
                    all.and(&self.run(filter));
                }
                all
            }
            CompiledFilter::Any(parts) => {
                let mut any = Interval::exactly(self.none());
                parts.iter().for_each(|filter| any.or(&self.run(filter)));
                any
            }
            CompiledFilter::Not(filter) => self.run(filter).complement(&self.universe),
            CompiledFilter::Field { path, condition } => {
                self.condition(&self.block.field(path), condition)
            }
            CompiledFilter::Texts(Matching { certain, unsure }) => {
                Interval::with_unsure(self.block.own_of(certain), self.block.own_of(unsure))
            }
            CompiledFilter::LongPath { holds_if_absent } => self.long_path(*holds_if_absent),
        }
    }

    fn none(&self) -> Bits {
        Bits::none(self.block.word_count())
    }

    fn long_path(&self, holds_if_absent: bool) -> Interval {
        let unsure = self.block.slots_of(&self.block.field(LONG_PATHS), PRESENT);
        let mut sure = self.none();
        if holds_if_absent {
            sure = unsure.clone().complement(&self.universe);
        }
        Interval::with_unsure(sure, unsure)
    }

    fn condition(&self, field: &Range<usize>, condition: &Condition<'_>) -> Interval {
        match condition {
            Condition::AnyOf { keys, or_absent } => {
                let mut any = self.keys(field, keys);
                if *or_absent {
                    any.or(&Interval::exactly(self.present(field).complement(&self.universe)));
                }
                any
            }
            Condition::Within(spans) => self.spans(field, spans),
            Condition::Exists(true) => Interval::exactly(self.present(field)),
            Condition::Exists(false) => {
                Interval::exactly(self.present(field).complement(&self.universe))
            }
            Condition::Contains(parts) => self.contains(field, parts),
            Condition::ContainsCaseless(part) => self.caseless(field, part),
        }
    }

    fn present(&self, field: &Range<usize>) -> Bits {
        self.block.slots_of(field, PRESENT)
    }

    fn keys(&self, field: &Range<usize>, keys: &Keys) -> Interval {
        Interval::with_unsure(self.listed(field, &keys.sure), self.listed(field, &keys.unsure))
    }

    /// The slots of the entries in an ascending list.
    fn listed(&self, field: &Range<usize>, keys: &[Vec<u8>]) -> Bits {
        let mut bits = self.none();
        let mut rest = field.clone();
        for key in keys {
            rest.start = self.block.entries.lower_bound(rest.clone(), key);
            if rest.is_empty() {
                break;
            }
            if self.block.entries.get(rest.start) == key {
                self.block.post(rest.start..rest.start + 1, &mut bits);
            }
        }
        bits
    }

    fn spans(&self, field: &Range<usize>, spans: &Spans) -> Interval {
        let slots = |spans: &[(Vec<u8>, Vec<u8>)]| {
            let mut bits = self.none();
            for (from, below) in spans {
                self.block.post(self.block.between(field, from, below), &mut bits);
            }
            bits
        };
        Interval::with_unsure(slots(&spans.sure), slots(&spans.unsure))
    }

    /// All parts have to be in the same value, which entries do not tell where a slot has several.
    fn contains(&self, field: &Range<usize>, parts: &[Part<'_>]) -> Interval {
        let mut all = Interval::exactly(self.present(field));
        for part in parts {
            let mut has_part = self.keys(field, &part.elements);
            if let Some(text) = &part.text {
                has_part.or(&self.text(field, text));
            }
            all.and(&has_part);
        }
        if parts.len() > 1 {
            let several = self.block.slots_of(field, SEVERAL);
            if !several.is_empty() {
                all.maybe.get_or_insert_with(|| all.sure.clone());
                all.sure.take_out(&several);
            }
        }
        all
    }

    /// The slots of strings that have a text in them.
    fn text(&self, field: &Range<usize>, text: &memchr::memmem::Finder<'_>) -> Interval {
        let mut sure = self.none();
        let mut unsure = self.none();
        let short = self.block.tagged(field, tag(ValuePlace::Value, Kind::String));
        self.text_in_entries(short, text, &mut sure);
        for long in self.block.tagged(field, tag(ValuePlace::Value, Kind::LongString)) {
            let entry = self.block.entries.get(long);
            let start = entry.get(1..=LONG_STRING_START_BYTES).unwrap_or_default();
            let bits = if text.find(start).is_some() { &mut sure } else { &mut unsure };
            self.block.post(long..long + 1, bits);
        }
        Interval::with_unsure(sure, unsure)
    }

    /// The slots of strings, as values and as elements, that have a text in them in whatever case.
    fn caseless(&self, field: &Range<usize>, part: &Caseless) -> Interval {
        let mut sure = self.none();
        let mut unsure = self.none();
        for place in [ValuePlace::Value, ValuePlace::Element] {
            for short in self.block.tagged(field, tag(place, Kind::String)) {
                let text = self.block.entries.get(short).get(1..).unwrap_or_default();
                if part.is_in(&String::from_utf8_lossy(text)) {
                    self.block.post(short..short + 1, &mut sure);
                }
            }
            for long in self.block.tagged(field, tag(place, Kind::LongString)) {
                let entry = self.block.entries.get(long);
                let start = entry.get(1..=LONG_STRING_START_BYTES).unwrap_or_default();
                let bits = if part.is_in(whole_letters(start)) { &mut sure } else { &mut unsure };
                self.block.post(long..long + 1, bits);
            }
        }
        Interval::with_unsure(sure, unsure)
    }

    /// Looks through all entries in one go: tags between them keep finds from crossing.
    fn text_in_entries(
        &self,
        entries: Range<usize>,
        text: &memchr::memmem::Finder<'_>,
        bits: &mut Bits,
    ) {
        if text.needle().is_empty() {
            self.block.post(entries, bits);
            return;
        }
        let strings = &self.block.entries;
        let end = strings.start(entries.end);
        let mut at = entries.start;
        while at < entries.end {
            let from = strings.start(at);
            let Some(found) = text.find(&strings.bytes()[from..end]) else { break };
            let found_at = from + found;
            while at + 1 < entries.end && strings.start(at + 1) <= found_at {
                at += 1;
            }
            self.block.post(at..at + 1, bits);
            at += 1;
        }
    }
}

/// The start of a text without the letter that it was cut in.
fn whole_letters(start: &[u8]) -> &str {
    match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default(),
    }
}
