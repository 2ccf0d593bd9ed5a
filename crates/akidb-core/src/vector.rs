//! What a vector must be to be stored and compared.

use std::fmt;

use crate::Metric;

/// The number of values of a collection's vectors, 1 to 16,384.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dimension(u16);

/// The given number is not a [`Dimension`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given} is not a dimension, allowed are 1 to {}", Dimension::MAX)]
pub struct InvalidDimension {
    given: u64,
}

impl Dimension {
    /// The smallest dimension.
    pub const ONE: Self = Self(1);

    /// The largest dimension.
    pub const MAX: u16 = 16_384;

    /// Checks a dimension.
    ///
    /// # Errors
    /// When it is 0 or above [`Dimension::MAX`].
    pub fn new(given: u64) -> Result<Self, InvalidDimension> {
        match u16::try_from(given) {
            Ok(dimension @ 1..=Self::MAX) => Ok(Self(dimension)),
            _ => Err(InvalidDimension { given }),
        }
    }

    /// The number of values.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The given vector can not be stored in, or searched in, the collection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVector {
    /// Too few or too many values.
    #[error("has {given} values, the collection's dimension is {expected}")]
    WrongDimension {
        /// Values of the given vector.
        given: usize,
        /// Values of the collection's vectors.
        expected: usize,
    },
    /// A NaN, an infinity, or a number beyond the range of f32.
    #[error("is not a finite 32-bit float")]
    NotFinite {
        /// Index of the first such value.
        position: usize,
    },
    /// All zeros, which have no direction.
    #[error("is all zeros, which has no direction and so no cosine")]
    Zero,
    /// So long that distances leave the range of f32.
    #[error("is too long: its squared length is above {}", squared_length_max())]
    TooLong,
}

/// Squared lengths up to this keep every dot product and squared distance within f32.
const fn squared_length_max() -> f32 {
    f32::MAX / 4.0
}

/// Checks that a vector has the dimension, only finite values, and a comparable length.
///
/// # Errors
/// The first fault found, in the order of [`InvalidVector`]'s variants.
pub fn check_vector(
    values: &[f32],
    dimension: Dimension,
    metric: Metric,
) -> Result<(), InvalidVector> {
    if values.len() != dimension.get() {
        return Err(InvalidVector::WrongDimension {
            given: values.len(),
            expected: dimension.get(),
        });
    }
    if let Some(position) = values.iter().position(|value| !value.is_finite()) {
        return Err(InvalidVector::NotFinite { position });
    }
    match metric {
        Metric::Cosine if values.iter().all(|&value| value == 0.0) => Err(InvalidVector::Zero),
        Metric::Cosine => Ok(()),
        Metric::Dot | Metric::L2 => {
            let squared_length: f64 = values.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
            if squared_length > f64::from(squared_length_max()) {
                return Err(InvalidVector::TooLong);
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f32], metric: Metric) -> Result<(), InvalidVector> {
        check_vector(values, Dimension::new(2).unwrap(), metric)
    }

    #[test]
    fn dimensions_have_bounds() {
        assert!(Dimension::new(0).is_err());
        assert_eq!(Dimension::new(16_384).unwrap().get(), 16_384);
        assert!(Dimension::new(16_385).is_err());
        assert!(Dimension::new(u64::MAX).is_err());
    }

    #[test]
    fn every_fault_is_named() {
        assert_eq!(check(&[0.5, 1.0], Metric::Cosine), Ok(()));
        assert_eq!(
            check(&[0.5], Metric::Cosine),
            Err(InvalidVector::WrongDimension { given: 1, expected: 2 })
        );
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let fault = check(&[0.0, bad], Metric::Dot);
            assert_eq!(fault, Err(InvalidVector::NotFinite { position: 1 }));
        }
        assert_eq!(check(&[0.0, -0.0], Metric::Cosine), Err(InvalidVector::Zero));
        assert_eq!(check(&[0.0, 0.0], Metric::L2), Ok(()));
        assert_eq!(check(&[3e38, 0.0], Metric::L2), Err(InvalidVector::TooLong));
        assert_eq!(check(&[3e38, 0.0], Metric::Cosine), Ok(()));
    }
}
