//! Numbers in as few bytes as they need, seven bits a byte, the lowest first.

/// Writes a number.
pub(crate) fn push(number: u32, mut push: impl FnMut(u8)) {
    let mut rest = number;
    while rest >= 0x80 {
        push(rest as u8 | 0x80);
        rest >>= 7;
    }
    push(rest as u8);
}

/// Takes a number from the front; `None` where there is no whole one.
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0;
    for shift in (0..32).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Writes ascending positions: the first, then how far each is from the one before, each with a bit
/// that is set in the last.
pub(crate) fn push_positions(positions: &[u32], mut push_byte: impl FnMut(u8)) {
    let mut before = 0;
    for (at, &position) in positions.iter().enumerate() {
        let last = u64::from(at + 1 == positions.len());
        let mut rest = u64::from(position.wrapping_sub(before)) << 1 | last;
        while rest >= 0x80 {
            push_byte(rest as u8 | 0x80);
            rest >>= 7;
        }
        push_byte(rest as u8);
        before = position;
    }
}

/// Takes positions from the front, and gives each to `visit`; `None` where bytes end before them.
pub(crate) fn take_positions(bytes: &mut &[u8], mut visit: impl FnMut(u32)) -> Option<()> {
    let mut position = 0_u32;
    loop {
        let mut number = 0_u64;
        let mut shift = 0;
        loop {
            let (&byte, rest) = bytes.split_first()?;
            *bytes = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
            shift += 7;
            if shift > 35 {
                return None;
            }
        }
        position = position.wrapping_add((number >> 1) as u32);
        visit(position);
        if number & 1 == 1 {
            return Some(());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            number in prop_oneof![any::<u32>(), 0..300_u32],
            positions in prop::collection::btree_set(any::<u32>(), 1..20),
        ) {
            let mut bytes = Vec::new();
            push(number, |byte| bytes.push(byte));
            let positions: Vec<u32> = positions.into_iter().collect();
            push_positions(&positions, |byte| bytes.push(byte));
            let mut rest = &bytes[..];
            prop_assert_eq!(take(&mut rest), Some(number));
            let mut read = Vec::new();
            prop_assert_eq!(take_positions(&mut rest, |position| read.push(position)), Some(()));
            prop_assert_eq!(read, positions);
            prop_assert!(rest.is_empty());
            for length in 0..bytes.len() {
                let mut rest = &bytes[..length];
                let whole = take(&mut rest).is_some() && take_positions(&mut rest, |_| {}).is_some();
                prop_assert!(!whole);
            }
        }

        #[test]
        fn no_bytes_are_too_bad_to_read(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut rest = &bytes[..];
            while take(&mut rest).is_some() || take_positions(&mut rest, |_| {}).is_some() {}
        }
    }
}
