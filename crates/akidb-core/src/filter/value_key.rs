//! Metadata values as bytes that compare as the values do, for an index of values.
//!
//! The order of keys is that of [`super::compare`], and keys are equal exactly where values are, so
//! that an index of keys answers what [`Filter::matches`](super::Filter::matches) would. Keys of
//! values of different types are not comparable: an index keeps the types apart.

use serde_json::{Number, Value};

use super::{compare::integer, instant::Instant};

/// Appends the key of a number: at most 10 bytes, ordered as the numbers are, integers that an f64
/// cannot hold included.
pub fn number(number: &Number, key: &mut Vec<u8>) {
    let (floor, residue) = match integer(number) {
        Some(integer) => floor_and_residue(integer),
        None => (number.as_f64().unwrap_or_default(), 0),
    };
    // Adding a positive zero turns the negative one into it.
    let bits = (floor + 0.0).to_bits();
    let ordered = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
    let mut whole = [0; 10];
    whole[..8].copy_from_slice(&ordered.to_be_bytes());
    whole[8..].copy_from_slice(&residue.to_be_bytes());
    key.extend_from_slice(without_trailing_zeros(&whole));
}

/// The integer that a key is of; `None` where it is not the key of a signed one of 64 bits.
#[must_use]
pub fn integer_of(key: &[u8]) -> Option<i64> {
    let (floor, residue) = parts_of(key)?;
    // Where it is none, it has no fraction of zero.
    if floor.fract() != 0.0 || floor.abs() > 2.0_f64.powi(63) {
        return None;
    }
    i64::try_from(floor as i128 + i128::from(residue)).ok()
}

/// The number that a key is of, an integer where it is one of 64 bits, whatever its sign.
#[must_use]
pub fn number_of(key: &[u8]) -> Option<Number> {
    let (floor, residue) = parts_of(key)?;
    if floor.fract() == 0.0 && floor.abs() <= 2.0_f64.powi(64) {
        let integer = floor as i128 + i128::from(residue);
        let signed = i64::try_from(integer).map(Number::from);
        let any = signed.or_else(|_| u64::try_from(integer).map(Number::from));
        if let Ok(integer) = any {
            return Some(integer);
        }
    }
    Number::from_f64(floor)
}

/// The largest f64 that is not above the number that a key is of, and how far it is below.
fn parts_of(key: &[u8]) -> Option<(f64, u16)> {
    let mut whole = [0; 10];
    whole.get_mut(..key.len())?.copy_from_slice(key);
    let [floor @ .., high, low] = whole;
    let ordered = u64::from_be_bytes(floor);
    let bits = if ordered >> 63 == 1 { ordered & !(1 << 63) } else { !ordered };
    Some((f64::from_bits(bits), u16::from_be_bytes([high, low])))
}

/// The second since the Unix epoch that the instant of a key is in.
#[must_use]
pub fn second_of(key: &[u8]) -> i64 {
    let mut seconds = [0; 8];
    let given = key.len().min(seconds.len());
    seconds[..given].copy_from_slice(&key[..given]);
    (u64::from_be_bytes(seconds) ^ 1 << 63).cast_signed()
}

/// Appends the key of a second since the Unix epoch.
pub fn second(second: i64, key: &mut Vec<u8>) {
    let seconds = (second.cast_unsigned() ^ 1 << 63).to_be_bytes();
    key.extend_from_slice(without_trailing_zeros(&seconds));
}

/// The longest string that may be a date, in bytes.
pub const DATE_BYTES_MAX: usize = super::instant::TEXT_BYTES_MAX;

/// Appends the key of the instant that a string is the date or date-time of, ordered in time: at most
/// 8 bytes, and one for each digit of the fraction. Answers false and appends nothing where it is
/// none.
pub fn instant(text: &str, key: &mut Vec<u8>) -> bool {
    let Some(Instant { seconds, fraction }) = Instant::read(text) else { return false };
    if fraction.is_empty() {
        second(seconds, key);
    } else {
        key.extend_from_slice(&(seconds.cast_unsigned() ^ 1 << 63).to_be_bytes());
        key.extend_from_slice(fraction.as_bytes());
    }
    true
}

/// Appends bytes that are the same for two values exactly where a filter holds them for equal.
/// They have no useful order and are about as long as the value is as JSON.
pub fn equality(value: &Value, key: &mut Vec<u8>) {
    match value {
        Value::Null => key.push(b'n'),
        Value::Bool(false) => key.push(b'f'),
        Value::Bool(true) => key.push(b't'),
        Value::Number(given) => scalar(b'0', key, |key| number(given, key)),
        Value::String(text) => {
            let mut instant_key = Vec::new();
            if instant(text, &mut instant_key) {
                scalar(b'd', key, |key| key.extend_from_slice(&instant_key));
            } else {
                scalar(b's', key, |key| key.extend_from_slice(text.as_bytes()));
            }
        }
        Value::Array(items) => {
            key.push(b'[');
            push_length(items.len(), key);
            items.iter().for_each(|item| equality(item, key));
        }
        Value::Object(object) => {
            key.push(b'{');
            push_length(object.len(), key);
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_unstable_by_key(|(name, _)| *name);
            for (name, item) in entries {
                scalar(b's', key, |key| key.extend_from_slice(name.as_bytes()));
                equality(item, key);
            }
        }
    }
}

/// Appends a tag, the length of what `append` appends, and that.
fn scalar(tag: u8, key: &mut Vec<u8>, append: impl FnOnce(&mut Vec<u8>)) {
    key.push(tag);
    let length_at = key.len();
    push_length(0, key);
    append(key);
    let length = (key.len() - length_at - size_of::<u64>()) as u64;
    key[length_at..length_at + size_of::<u64>()].copy_from_slice(&length.to_be_bytes());
}

fn push_length(length: usize, key: &mut Vec<u8>) {
    key.extend_from_slice(&(length as u64).to_be_bytes());
}

/// The largest f64 that is not above an integer of at most 65 bits, and how far it is below.
fn floor_and_residue(integer: i128) -> (f64, u16) {
    let nearest = integer as f64;
    let floor = if nearest as i128 > integer { nearest.next_down() } else { nearest };
    // Floats up to 2^64 are at most 2^11 apart.
    (floor, (integer - floor as i128) as u16)
}

/// Zeros at the end do not change the order among keys of one length.
fn without_trailing_zeros(whole: &[u8]) -> &[u8] {
    let length = whole.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &whole[..length]
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;
    use serde_json::json;

    use super::{super::compare::Operand, *};

    fn number_value() -> impl Strategy<Value = Value> {
        let near_powers = (0_u32..65, -3_i128..4, any::<bool>()).prop_map(|(power, offset, up)| {
            let integer = (1_i128 << power) * if up { 1 } else { -1 } + offset;
            if let Ok(integer) = u64::try_from(integer) {
                json!(integer)
            } else if let Ok(integer) = i64::try_from(integer) {
                json!(integer)
            } else {
                json!(integer as f64)
            }
        });
        prop_oneof![
            near_powers,
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>()
                .prop_filter("JSON has no NaN", |float| float.is_finite())
                .prop_map(Value::from),
            (-4_i32..4).prop_map(|halves| json!(f64::from(halves) / 2.0)),
            prop::sample::select(vec![
                json!(-0.0),
                json!(0),
                json!(1e300),
                json!(u64::MAX),
                json!(i64::MIN)
            ]),
        ]
    }

    fn string_value() -> impl Strategy<Value = Value> {
        prop::sample::select(vec![
            "1969-12-31T23:59:59.5Z",
            "1970-01-01",
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:00:00-01:00",
            "1970-01-01T00:00:00.000000001Z",
            "2020-01-01T01:00:00+02:00",
            "2019-12-31T23:00:00Z",
            "0001-01-01",
            "0000-01-01",
            "9999-12-31T23:59:59.999999999999Z",
            "1970-01-01 00:00:00",
            "1970-01-01T00:00:00.0000000001",
            "1970-01-01T00:00:00.00000000010",
            "1970-01-01T00:00:00.5",
            "9999-12-31",
            "2020-13-01",
            "a",
            "b",
            "",
            "ab",
        ])
        .prop_map(Value::from)
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            number_value(),
            string_value(),
        ];
        scalar.prop_recursive(3, 12, 3, |inner| {
            let key = prop::sample::select(vec!["a", "b", "ab"]).prop_map(str::to_owned);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::hash_map(key, inner, 0..3)
                    .prop_map(|object| Value::Object(object.into_iter().collect())),
            ]
        })
    }

    fn key_of(value: &Value) -> Vec<u8> {
        let mut key = Vec::new();
        match value {
            Value::Number(given) => number(given, &mut key),
            Value::String(text) => assert!(instant(text, &mut key)),
            other => panic!("{other} has no order"),
        }
        key
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn the_key_of_an_integer_leads_back_to_it(given: i64, power in 0_u32..63) {
            for integer in [given, 1 << power, (1 << power) - 1, -(1 << power), i64::MIN, i64::MAX] {
                let mut key = Vec::new();
                number(&Number::from(integer), &mut key);
                prop_assert_eq!(integer_of(&key), Some(integer));
            }
            let mut key = Vec::new();
            number(&Number::from_f64(f64::from(power) + 0.5).unwrap(), &mut key);
            prop_assert_eq!(integer_of(&key), None);
        }

        #[test]
        fn the_key_of_a_number_leads_back_to_an_equal_one(given in number_value()) {
            let number = number_of(&key_of(&given)).unwrap();
            prop_assert!(Operand::new(given.clone()).equals(&Value::Number(number)), "{}", given);
        }

        #[test]
        fn the_key_of_a_date_leads_back_to_its_second(given in string_value()) {
            if let Some(instant) = Instant::read(given.as_str().unwrap()) {
                prop_assert_eq!(second_of(&key_of(&given)), instant.seconds);
            }
        }

        #[test]
        fn keys_of_numbers_are_ordered_as_numbers(a in number_value(), b in number_value()) {
            let order = Operand::new(b.clone()).order_of(&a);
            prop_assert_eq!(order, Some(key_of(&a).cmp(&key_of(&b))), "{} {}", a, b);
        }

        #[test]
        fn keys_of_dates_are_ordered_in_time(a in string_value(), b in string_value()) {
            let order = Operand::new(b.clone()).order_of(&a);
            let is_date = |value: &Value| Instant::read(value.as_str().unwrap()).is_some();
            if is_date(&a) && is_date(&b) {
                prop_assert_eq!(order, Some(key_of(&a).cmp(&key_of(&b))));
            }
        }

        #[test]
        fn equality_keys_are_equal_where_values_are(a in any_value(), b in any_value()) {
            let [mut key_of_a, mut key_of_b] = [Vec::new(), Vec::new()];
            equality(&a, &mut key_of_a);
            equality(&b, &mut key_of_b);
            prop_assert_eq!(key_of_a == key_of_b, Operand::new(b.clone()).equals(&a), "{} {}", a, b);
        }
    }

    #[test]
    fn equal_values_that_look_different_have_one_key() {
        for (a, b) in [
            (
                json!({"a": [1, "2020-01-01"], "b": -0.0}),
                json!({"b": 0, "a": [1.0, "2020-01-01T01:00:00+01:00"]}),
            ),
            (json!(9_007_199_254_740_992_i64), json!(9_007_199_254_740_992.0)),
        ] {
            let [mut key_of_a, mut key_of_b] = [Vec::new(), Vec::new()];
            equality(&a, &mut key_of_a);
            equality(&b, &mut key_of_b);
            assert_eq!(key_of_a, key_of_b, "{a} {b}");
        }
        assert_eq!(key_of(&json!(u64::MAX)).cmp(&key_of(&json!(u64::MAX - 1))), Ordering::Greater);
    }
}
