//! Lists whose length is bounded while they are decoded.
//!
//! The limits that users set are the service's and are checked there. This bound only keeps a
//! body of 32 MiB that is all `{},{},{}` from becoming gigabytes of empty documents before that.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

/// How the message of a too long list begins.
pub(crate) const LIST_TOO_LONG: &str = "has more than ";

/// A list of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> List<T> {
    /// More than any sensible limit on a batch.
    pub(crate) const ITEMS_MAX: usize = 1 << 17;
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<List<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            if list.len() == List::<T>::ITEMS_MAX {
                let items_max = List::<T>::ITEMS_MAX;
                return Err(A::Error::custom(format_args!("{LIST_TOO_LONG}{items_max} items")));
            }
            list.push(item);
        }
        Ok(List(list))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}
