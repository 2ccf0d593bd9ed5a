//! Documents of a request once they are checked, and what embedding said of their texts.

use akidb_core::{DocumentId, Expiry, FieldName, Metadata, Seq};
use akidb_engine::KnownText;

use crate::{UpsertResult, UpsertStatus};

/// A checked document, before its text is embedded.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) id: DocumentId,
    pub(super) text: Option<String>,
    pub(super) vector: Option<Vec<f32>>,
    /// What it has in named fields, each once.
    pub(super) fields: Vec<CheckedField>,
    pub(super) metadata: Metadata,
    pub(super) if_seq: Option<Seq>,
    pub(super) expiry: Expiry,
}

/// What of a document is for one named field. One of both is there.
#[derive(Debug)]
pub(super) struct CheckedField {
    pub(super) name: FieldName,
    pub(super) text: Option<String>,
    pub(super) vector: Option<Vec<f32>>,
}

impl CheckedField {
    pub(super) fn is_of(&self, name: &FieldName) -> bool {
        self.name == *name
    }

    pub(super) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The name of the field, the text, the vector.
    pub(super) fn into_parts(self) -> (FieldName, Option<String>, Option<Vec<f32>>) {
        (self.name, self.text, self.vector)
    }

    pub(super) fn text_to_embed(&self) -> Option<&str> {
        self.text.as_deref().filter(|_| self.vector.is_none())
    }
}

impl Checked {
    /// The text that stands for its vector in the unnamed field.
    pub(super) fn text_to_embed(&self) -> Option<&str> {
        self.text.as_deref().filter(|_| self.vector.is_none())
    }

    /// Its text in a field.
    pub(super) fn text_in(&self, field: &FieldName) -> Option<&str> {
        match field.is_unnamed() {
            true => self.text.as_deref(),
            false => self.fields.iter().find(|part| part.is_of(field))?.text.as_deref(),
        }
    }

    /// The text that stands for its vector in a field.
    pub(super) fn text_to_embed_in(&self, field: &FieldName) -> Option<&str> {
        match field.is_unnamed() {
            true => self.text_to_embed(),
            false => self.fields.iter().find(|part| part.is_of(field))?.text_to_embed(),
        }
    }

    /// The texts that stand for its vectors in all fields.
    pub(super) fn texts_to_embed(&self) -> impl Iterator<Item = &str> {
        let named = self.fields.iter().filter_map(CheckedField::text_to_embed);
        self.text_to_embed().into_iter().chain(named)
    }
}

/// Where a document stands in its request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// In the list of documents of an upsert.
    Position(usize),
    /// On a line of its own, whose number the caller knows.
    Line,
}

impl Place {
    pub(super) fn document(self) -> String {
        match self {
            Self::Position(position) => format!("documents[{position}]"),
            Self::Line => "document".to_owned(),
        }
    }

    pub(super) fn field(self, name: &str) -> String {
        match self {
            Self::Position(position) => format!("documents[{position}].{name}"),
            Self::Line => name.to_owned(),
        }
    }
}

/// What embedding said of a text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tokens {
    count: Option<u32>,
    truncated: Option<bool>,
    unknown: Option<u32>,
    passages: Option<u32>,
}

impl Tokens {
    pub(super) fn of(text: &KnownText) -> Self {
        let is_cut = text.passages.first().is_some_and(|passage| passage.bytes.is_some());
        let passages = u32::try_from(text.passages.len()).unwrap_or(u32::MAX);
        Self {
            count: Some(text.embedded.tokens),
            truncated: Some(text.embedded.truncated),
            unknown: text.embedded.unknown_tokens,
            passages: is_cut.then_some(passages),
        }
    }

    /// Of this and another text of a document.
    pub(super) fn and(self, other: Self) -> Self {
        let sum = |one: Option<u32>, other: Option<u32>| match (one, other) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
        let any = self.truncated.unwrap_or(false) || other.truncated.unwrap_or(false);
        Self {
            count: sum(self.count, other.count),
            truncated: self.truncated.or(other.truncated).map(|_| any),
            unknown: sum(self.unknown, other.unknown),
            passages: sum(self.passages, other.passages),
        }
    }

    pub(super) const fn result(
        self,
        id: DocumentId,
        status: UpsertStatus,
        seq: Seq,
    ) -> UpsertResult {
        UpsertResult {
            id,
            status,
            seq,
            tokens: self.count,
            truncated: self.truncated,
            unknown_tokens: self.unknown,
            passages: self.passages,
        }
    }
}
