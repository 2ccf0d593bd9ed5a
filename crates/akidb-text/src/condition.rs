//! What a document must have, or must not, besides words.

use crate::{analysis::field_of, cursor::Cursor, query::TextQuery};

/// Words that stand one behind the other, or a word, in any field or in one.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) excluded: bool,
    pub(crate) field: Option<u32>,
    /// How far a word is behind the first, and the lists of a query any of which stands for it.
    pub(crate) words: Vec<(u32, Vec<usize>)>,
}

/// A condition while slots are held against it, in ascending order.
pub(crate) struct Checker<'q> {
    pub(crate) condition: &'q Condition,
    /// Of each word.
    cursors: Vec<Vec<Cursor<'q>>>,
    /// Where the first word may stand.
    starts: Vec<u32>,
    positions: Vec<u32>,
}

impl<'q> Checker<'q> {
    pub(crate) fn new(condition: &'q Condition, query: &'q TextQuery) -> Self {
        let of_word = |(_, lists): &(u32, Vec<usize>)| {
            lists.iter().map(|&list| Cursor::new(&query.lists[list])).collect()
        };
        let cursors = condition.words.iter().map(of_word).collect();
        Self { condition, cursors, starts: Vec::new(), positions: Vec::new() }
    }

    /// Whether a document lets the query through as far as this condition goes.
    pub(crate) fn lets_through(&mut self, slot: u32) -> bool {
        self.holds(slot) != self.condition.excluded
    }

    fn holds(&mut self, slot: u32) -> bool {
        let Condition { field, words, .. } = self.condition;
        for cursors in &mut self.cursors {
            let mut is_there = false;
            for cursor in cursors {
                is_there |= cursor.has(slot);
            }
            if !is_there {
                return false;
            }
        }
        if field.is_none() && words.len() == 1 {
            return true;
        }
        for (at, &(offset, _)) in words.iter().enumerate() {
            self.read_positions(at, slot);
            let starts = self.positions.iter().map(|position| position.wrapping_sub(offset));
            if at == 0 {
                self.starts.clear();
                self.starts
                    .extend(starts.filter(|&it| field.is_none_or(|field| field_of(it) == field)));
            } else {
                let positions = &self.positions;
                self.starts
                    .retain(|start| positions.binary_search(&start.wrapping_add(offset)).is_ok());
            }
            if self.starts.is_empty() {
                return false;
            }
        }
        true
    }

    /// Where a document has a word, by any of its terms.
    fn read_positions(&mut self, word: usize, slot: u32) {
        self.positions.clear();
        let Self { cursors, positions, .. } = self;
        let several = cursors[word].len() > 1;
        for cursor in &mut cursors[word] {
            if cursor.has(slot) {
                cursor.positions(|position| positions.push(position));
            }
        }
        if several {
            positions.sort_unstable();
        }
    }
}
