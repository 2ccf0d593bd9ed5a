//! Cursors of scrolls: opaque to clients, and of one collection and one order.

use std::fmt::Write;

use akidb_core::{Direction, Error, ErrorCode, OrderBy, Result, Seq, SortKey};
use akidb_engine::ScrollPosition;
use uuid::Uuid;

/// What stands for the value of documents that have none.
const NO_VALUE: &str = "-";

/// A cursor: the collection and where its scroll stands; in the order of a field, that and the value too.
pub(super) fn write_cursor(
    ScrollPosition { value, after, through }: ScrollPosition,
    collection: Uuid,
    order: Option<&OrderBy>,
) -> String {
    let cursor = format!("{:016x}{:016x}{:016x}", collection.as_u64_pair().1, after.0, through.0);
    let Some(order) = order else { return cursor };
    let value = value.map_or(NO_VALUE.to_owned(), |value| hex(value.as_bytes()));
    format!("{cursor}.{}.{value}", written(order))
}

/// Where the scroll stands that a cursor is of.
///
/// # Errors
/// `invalid_cursor` where it is not of this collection and this order.
pub(super) fn read_cursor(
    cursor: &str,
    collection: Uuid,
    order: Option<&OrderBy>,
) -> Result<ScrollPosition> {
    position(cursor, collection, order).ok_or_else(|| {
        let fault = "is not a cursor that a scroll of this collection returned, in this order";
        Error::at(ErrorCode::InvalidCursor, "cursor", fault)
    })
}

fn position(cursor: &str, collection: Uuid, order: Option<&OrderBy>) -> Option<ScrollPosition> {
    let (numbers, value) = match order {
        None => (cursor, None),
        Some(order) => {
            let (numbers, rest) = cursor.split_once('.')?;
            let (of, value) = rest.split_once('.')?;
            if of != written(order) {
                return None;
            }
            let value = (value != NO_VALUE).then(|| SortKey::from_bytes(bytes(value)?));
            (numbers, value.map_or(Some(None), |value| value.map(Some))?)
        }
    };
    let parse = |part: Option<&str>| {
        let part = part.filter(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u64::from_str_radix(part, 16).ok()
    };
    let owner = parse(numbers.get(..16))?;
    let after = parse(numbers.get(16..32))?;
    // One of before, which knew no end, has none either.
    let through = parse(numbers.get(32..).filter(|part| part.len() == 16))?;
    let is_sound = owner == collection.as_u64_pair().1 && after <= through;
    is_sound.then_some(ScrollPosition { value, after: Seq(after), through: Seq(through) })
}

fn written(order: &OrderBy) -> String {
    let direction = match order.direction {
        Direction::Ascending => 'a',
        Direction::Descending => 'd',
    };
    format!("{direction}{}", hex(order.field.as_str().as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        // Writing into memory does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()
    };
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use akidb_core::{FieldPath, SortKind};

    use super::*;

    fn order(field: &str, direction: Direction) -> OrderBy {
        OrderBy { field: FieldPath::new(field).unwrap(), direction }
    }

    #[test]
    fn a_cursor_is_read_back_by_its_own_scroll_alone() {
        let (own, other) = (Uuid::from_u128(7), Uuid::from_u128(8));
        let by_year = order("year", Direction::Descending);
        let value = Some(SortKey::new(SortKind::Text, "é.-".as_bytes()));
        let [with_value, without_value] =
            [value, None].map(|value| ScrollPosition { value, after: Seq(5), through: Seq(9) });
        for position in [with_value, without_value.clone()] {
            let cursor = write_cursor(position.clone(), own, Some(&by_year));
            assert_eq!(read_cursor(&cursor, own, Some(&by_year)), Ok(position));
            assert!(read_cursor(&cursor, other, Some(&by_year)).is_err());
            assert!(read_cursor(&cursor, own, None).is_err());
            for order in [order("year", Direction::Ascending), order("yea", Direction::Descending)]
            {
                assert!(read_cursor(&cursor, own, Some(&order)).is_err());
            }
            for end in 0..cursor.len() {
                let cut = read_cursor(&cursor[..end], own, Some(&by_year));
                // What is cut off a text leaves another text.
                assert!(cut.is_err() || cursor.len() - end > 1, "{}", &cursor[..end]);
            }
        }
        let cursor = write_cursor(without_value.clone(), own, None);
        assert_eq!(read_cursor(&cursor, own, None), Ok(without_value));
        assert!(read_cursor(&cursor, own, Some(&by_year)).is_err());
    }
}
