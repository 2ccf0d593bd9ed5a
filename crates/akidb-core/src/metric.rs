//! How the closeness of two vectors is measured.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The similarity of a collection, fixed when it is created.
///
/// Every metric is turned into a *score* that is higher for closer vectors, so that ranking,
/// `min_score` and fusion need not know which one is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Cosine similarity, in `[-1, 1]`. Zero vectors have no direction and are refused.
    #[default]
    Cosine,
    /// The inner product, unbounded.
    Dot,
    /// The Euclidean distance, as the score `-distance`, in `(-inf, 0]`.
    L2,
}

/// The name given for a [`Metric`] is not one of the known ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown metric {given:?}, allowed are cosine, dot and l2")]
pub struct UnknownMetric {
    given: String,
}

impl Metric {
    /// Every metric, in the order in which documentation lists them.
    pub const ALL: [Self; 3] = [Self::Cosine, Self::Dot, Self::L2];

    /// The canonical name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Dot => "dot",
            Self::L2 => "l2",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Metric {
    type Err = UnknownMetric;

    /// Accepts the canonical names and the usual aliases, without regard to case.
    fn from_str(given: &str) -> Result<Self, UnknownMetric> {
        match given.to_ascii_lowercase().as_str() {
            "cosine" | "cos" | "angular" => Ok(Self::Cosine),
            "dot" | "dotproduct" | "dot_product" | "ip" | "inner_product" => Ok(Self::Dot),
            "l2" | "euclid" | "euclidean" => Ok(Self::L2),
            _ => Err(UnknownMetric { given: given.chars().take(64).collect() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_names_and_aliases_are_read_without_regard_to_case() {
        for metric in Metric::ALL {
            assert_eq!(metric.as_str().parse(), Ok(metric));
        }
        assert_eq!("Euclidean".parse(), Ok(Metric::L2));
        assert_eq!("DOT_PRODUCT".parse(), Ok(Metric::Dot));
        assert!("manhattan".parse::<Metric>().is_err());
    }
}
