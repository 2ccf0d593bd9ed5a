//! The four shapes of OpenAI's `input`, told apart by the first item of a list.

use std::fmt;

use akidb_service::EmbedInputs;
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor, value::SeqAccessDeserializer},
};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};

use crate::wire::{LIST_TOO_LONG, List};

const EXPECTED: &str =
    "a text, a list of texts, a list of token ids, or a list of lists of token ids";

/// What is to be embedded.
#[derive(Debug, PartialEq)]
pub(super) enum OpenAiInput {
    Texts(Vec<String>),
    TokenIds(Vec<Vec<u32>>),
}

impl From<OpenAiInput> for EmbedInputs {
    fn from(input: OpenAiInput) -> Self {
        match input {
            OpenAiInput::Texts(texts) => Self::Texts(texts),
            OpenAiInput::TokenIds(texts) => Self::TokenIds(texts),
        }
    }
}

/// The first item of a list.
enum First {
    Text(String),
    TokenId(u32),
    TokenIds(Vec<u32>),
}

struct InputVisitor;

impl<'de> Visitor<'de> for InputVisitor {
    type Value = OpenAiInput;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<OpenAiInput, E> {
        Ok(OpenAiInput::Texts(vec![text.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OpenAiInput, A::Error> {
        Ok(match items.next_element()? {
            None => OpenAiInput::Texts(Vec::new()),
            Some(First::Text(first)) => OpenAiInput::Texts(with_rest(first, items)?),
            Some(First::TokenId(first)) => OpenAiInput::TokenIds(vec![with_rest(first, items)?]),
            Some(First::TokenIds(first)) => {
                let lists = with_rest(List(first), items)?;
                OpenAiInput::TokenIds(lists.into_iter().map(|list| list.0).collect())
            }
        })
    }
}

impl<'de> Deserialize<'de> for OpenAiInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InputVisitor)
    }
}

/// The first item and those behind it, which must be of its kind.
fn with_rest<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(
    first: T,
    mut items: A,
) -> Result<Vec<T>, A::Error> {
    let mut all = vec![first];
    while let Some(item) = items.next_element()? {
        if all.len() == List::<T>::ITEMS_MAX {
            let items_max = List::<T>::ITEMS_MAX;
            return Err(A::Error::custom(format_args!("{LIST_TOO_LONG}{items_max} items")));
        }
        all.push(item);
    }
    Ok(all)
}

struct FirstVisitor;

impl<'de> Visitor<'de> for FirstVisitor {
    type Value = First;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a token id, or a list of token ids")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<First, E> {
        Ok(First::Text(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<First, E> {
        let id = u32::try_from(number).map_err(|_| E::custom("a token id has at most 32 bits"))?;
        Ok(First::TokenId(id))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<First, A::Error> {
        let list = List::deserialize(SeqAccessDeserializer::new(items))?;
        Ok(First::TokenIds(list.0))
    }
}

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FirstVisitor)
    }
}

pub(super) fn schema() -> Schema {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let ids = || ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::Integer));
    OneOfBuilder::new()
        .item(text())
        .item(ArrayBuilder::new().items(text()))
        .item(ids())
        .item(ArrayBuilder::new().items(ids()))
        .build()
        .into()
}

pub(super) fn vector_schema() -> Schema {
    let numbers = ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::Number));
    OneOfBuilder::new()
        .item(numbers)
        .item(ObjectBuilder::new().schema_type(Type::String))
        .build()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: OpenAiInput) {
        assert_eq!(serde_json::from_str::<OpenAiInput>(json).unwrap(), expected);
    }

    #[test]
    fn all_four_shapes_are_read() {
        let texts =
            |texts: &[&str]| OpenAiInput::Texts(texts.iter().map(|t| (*t).into()).collect());
        check(r#""a""#, texts(&["a"]));
        check(r#"["a","\u00e9"]"#, texts(&["a", "é"]));
        check("[]", texts(&[]));
        check("[1,2]", OpenAiInput::TokenIds(vec![vec![1, 2]]));
        check("[[1,2],[]]", OpenAiInput::TokenIds(vec![vec![1, 2], vec![]]));
    }

    #[test]
    fn mixed_and_wrong_items_are_refused() {
        for json in [
            r#"["a",1]"#,
            r#"[1,"a"]"#,
            "[[1],2]",
            "[1,[2]]",
            "[-1]",
            "[1.5]",
            "[4294967296]",
            "null",
            "1",
            "{}",
            "[null]",
            r#"[["a"]]"#,
            "[[[1]]]",
            "[true]",
        ] {
            assert!(serde_json::from_str::<OpenAiInput>(json).is_err(), "{json}");
        }
    }
}
