//! Byte strings, each kept once.

use hashbrown::{HashTable, hash_table::Entry};
use xxhash_rust::xxh3::xxh3_64;

use super::strings::Strings;

/// Byte strings numbered as they are first seen.
#[derive(Default)]
pub(super) struct Interned {
    strings: Strings,
    numbers: HashTable<u32>,
}

impl Interned {
    /// The number of a string, new or known.
    pub(super) fn number(&mut self, string: &[u8]) -> u32 {
        let Self { strings, numbers } = self;
        let place = numbers.entry(
            xxh3_64(string),
            |&number| strings.get(number as usize) == string,
            |&number| xxh3_64(strings.get(number as usize)),
        );
        match place {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(free) => {
                let number = strings.len() as u32;
                free.insert(number);
                strings.push(string);
                number
            }
        }
    }

    /// The strings by their numbers.
    pub(super) fn strings(&self) -> &Strings {
        &self.strings
    }
}
