//! Sizes of memory, as numbers of bytes or as people write them.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};

/// The units and their bytes. Only those of powers of two, which nobody can take for others.
const UNITS: [(&str, u64); 5] =
    [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("B", 1)];

/// Reads a whole number of bytes, or a text such as `"8GiB"`.
pub(super) fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_any(Size)
}

/// Reads the same, where it is given.
pub(super) fn bytes_if_given<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    struct Given(u64);
    impl<'de> Deserialize<'de> for Given {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            bytes(deserializer).map(Self)
        }
    }
    Ok(Option::<Given>::deserialize(deserializer)?.map(|Given(bytes)| bytes))
}

struct Size;

impl Visitor<'_> for Size {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of bytes, or a size such as \"512MiB\" or \"8GiB\"")
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<u64, E> {
        Ok(bytes)
    }

    fn visit_i64<E: Error>(self, bytes: i64) -> Result<u64, E> {
        bytes.try_into().map_err(|_| E::invalid_type(Unexpected::Signed(bytes), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

fn parse(text: &str) -> Option<u64> {
    let (number, bytes) = UNITS
        .iter()
        .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)))
        .unwrap_or((text, 1));
    number.trim().parse::<u64>().ok()?.checked_mul(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(parse("0"), Some(0));
        assert_eq!(parse("1048576"), Some(1 << 20));
        assert_eq!(parse("7B"), Some(7));
        assert_eq!(parse("64KiB"), Some(64 << 10));
        assert_eq!(parse("512 MiB"), Some(512 << 20));
        assert_eq!(parse("8GiB"), Some(8 << 30));
        assert_eq!(parse("1TiB"), Some(1 << 40));
        for wrong in ["", "GiB", "8GB", "8G", "8gib", "-1", "1.5GiB", "99999999TiB"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
