//! bfloat16: the upper half of a float, 8 bits of exponent and 7 of fraction.
//!
//! Out of scope: reading files, and arithmetic, which is done in `f32`.

/// The nearest bfloat16, of two equally near ones the even one.
///
/// A number is one after it too, unless it is beyond 3.39e38; then it becomes infinite.
pub(crate) fn narrow(value: f32) -> u16 {
    let bits = value.to_bits();
    let is_odd = bits >> 16 & 1;
    // A carry out of the fraction goes into the exponent, as it should.
    (bits.wrapping_add(0x7fff + is_odd) >> 16) as u16
}

/// The same number as `f32`.
pub(crate) fn widen(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_taken_and_the_even_one_of_two() {
        let step = 1.0 / 128.0;
        let cases = [
            (1.0 + step * 0.49, 1.0),
            (1.0 + step * 0.5, 1.0),
            (1.0 + step * 1.5, 1.0 + step * 2.0),
            (2.0 - step * 0.25, 2.0),
            (-3.0, -3.0),
            (0.0, 0.0),
            (f32::MAX, f32::INFINITY),
        ];
        for (value, expected) in cases {
            assert_eq!(widen(narrow(value)), expected, "{value}");
        }
        assert!((0..0x7f80).all(|half| narrow(widen(half)) == half));
    }
}
