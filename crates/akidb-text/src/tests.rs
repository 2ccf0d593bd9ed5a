//! The index against a plain evaluation, and against bytes and texts of every kind.

mod damage;
mod found;
mod matches;
mod oracle;
mod queries;
mod sequences;
mod texts;

use std::num::NonZeroU8;

use crate::{LanguageSetting, TextField, TextIndex, TextSettings};

/// The fields `text`, of weight 1, and `title`, of weight 3.
fn settings(language: LanguageSetting) -> TextSettings {
    let field = |name: &str, weight| TextField {
        name: name.to_owned(),
        weight: NonZeroU8::new(weight).unwrap(),
    };
    TextSettings { language, fields: vec![field("text", 1), field("title", 3)] }
}

/// An index of texts in the slots from 0 on.
fn index_of(texts: &[&str]) -> TextIndex {
    let index = TextIndex::new(settings(LanguageSetting::Auto));
    for (slot, text) in (0..).zip(texts) {
        index.insert(slot, &[(0, text)]);
    }
    index
}

/// The slots that a query finds, best first.
fn found(index: &TextIndex, query: &str) -> Vec<u32> {
    index.query(query).search(100, None).iter().map(|hit| hit.slot).collect()
}
