//! Counts in one byte: exact to 31, then to a sixteenth, to half a million.

/// The code of a count. Greater counts have no smaller codes.
pub(crate) fn encode(count: u32) -> u8 {
    if count < 32 {
        return count as u8;
    }
    let exponent = count.ilog2() - 4;
    if exponent > 14 { u8::MAX } else { (16 * exponent + (count >> exponent)) as u8 }
}

/// The least count of a code.
pub(crate) fn decode(code: u8) -> u32 {
    if code < 32 {
        return code.into();
    }
    let code = u32::from(code);
    (16 + code % 16) << (code / 16 - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_kept_to_a_sixteenth() {
        for code in 0..=u8::MAX {
            assert_eq!(encode(decode(code)), code);
            assert!(code == 0 || decode(code) > decode(code - 1));
        }
        for count in (0..600_000).chain([u32::MAX]) {
            let kept = decode(encode(count));
            let last = decode(u8::MAX);
            assert!(
                kept <= count && (count - kept <= count / 16 || kept == last),
                "{count}: {kept}"
            );
        }
        assert!((0..32).all(|count| decode(encode(count)) == count));
        assert_eq!(decode(u8::MAX), 507_904);
    }
}
