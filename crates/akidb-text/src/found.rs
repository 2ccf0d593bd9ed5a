//! Which documents have the words of a query at all, whatever their score.

use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::{
    TextIndex, TextQuery, TextSettings,
    analysis::Words,
    cursor::Cursor,
    language::Manner,
    parsed::{Parsed, parse},
    query, search,
    tokens::{Kind, tokenize},
};

impl TextQuery {
    /// The documents that [`search`](Self::search) finds where it is given no limit.
    #[must_use]
    pub fn matching(&self) -> RoaringBitmap {
        search::all(self)
    }

    /// Slots from this one on were not there yet.
    #[must_use]
    pub const fn slot_count(&self) -> u32 {
        self.visible
    }
}

/// Documents that may have something, as far as their words tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PossibleDocuments {
    /// Absent where words do not tell, so that any document may.
    pub slots: Option<RoaringBitmap>,
    /// Slots from this one on were not there yet.
    pub slot_count: u32,
}

impl TextIndex {
    /// The documents whose text may have another one in it, byte for byte: those that have each word which stands there
    /// between white space, and so is a word of theirs as well.
    #[must_use]
    pub fn may_contain(&self, part: &str) -> PossibleDocuments {
        let manners = Self::manners_of(&[self]);
        let words = whole_words(part, &manners);
        let (lists, slot_count) = {
            let rows = self.read();
            let held = |term: &String| {
                let number = rows.dictionary.find(term)?;
                Some(rows.dictionary.list(number).snapshot(rows.visible))
            };
            let lists = words.iter().map(|terms| terms.iter().filter_map(held).collect::<Vec<_>>());
            (lists.collect::<Vec<_>>(), rows.visible)
        };
        let mut slots: Option<RoaringBitmap> = None;
        for of_word in lists {
            let mut having = RoaringBitmap::new();
            for blocks in of_word {
                let mut posted = Vec::new();
                Cursor::new(&blocks).visit(0, slot_count, |slot, _| posted.push(slot));
                having |= posted.into_iter().collect::<RoaringBitmap>();
            }
            slots = Some(match slots {
                Some(slots) => slots & having,
                None => having,
            });
        }
        PossibleDocuments { slots, slot_count }
    }
}

/// The words of a text that stand between white space, by their terms; those aside that some language leaves out.
fn whole_words(text: &str, manners: &[Manner]) -> Vec<Vec<String>> {
    let is_space = |character: char| character.is_ascii_whitespace();
    let Some((first, last)) = text.find(is_space).zip(text.rfind(is_space)) else {
        return Vec::new();
    };
    let mut analyzers: Vec<Words> = manners.iter().map(|&manner| Words::new(manner)).collect();
    let mut words = Vec::new();
    tokenize(text, &mut |token| {
        let is_whole = first < token.range.start && token.range.end <= last;
        // What ends a run without spaces is a term where the run ends there.
        if !is_whole || token.kind == Kind::Last || words.len() == crate::parsed::WORDS_MAX {
            return;
        }
        let terms = analyzers
            .iter_mut()
            .map(|words| words.term(&text[token.range.clone()], token.kind).map(str::to_owned));
        let terms: Option<Vec<String>> = terms.collect();
        words.extend(terms.filter(|terms| !terms.is_empty()));
    });
    words
}

/// Says of a document whether a query would find it, were it in an index.
pub struct DocumentJudge {
    settings: Arc<TextSettings>,
    parsed: Parsed,
}

impl DocumentJudge {
    /// Of a query in the languages of the documents of some indexes, which have the same settings; `None` where there is
    /// no index.
    #[must_use]
    pub fn of(indexes: &[&TextIndex], query: &str) -> Option<Self> {
        let settings = indexes.first()?.shared_settings();
        let manners = TextIndex::manners_of(indexes);
        let parsed = parse(query, &settings, &manners);
        Some(Self { settings, parsed })
    }

    /// Whether it finds a document of these texts, by the number of their fields.
    #[must_use]
    pub fn finds(&self, texts: &[(usize, &str)]) -> bool {
        let index = TextIndex::new(TextSettings::clone(&self.settings));
        index.insert(0, texts);
        let rows = index.read();
        !query::prepare(&self.parsed, &rows).matching().is_empty()
    }
}
