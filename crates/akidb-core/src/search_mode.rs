//! What a search finds documents by.

use std::str::FromStr;

use crate::{Error, ErrorCode};

/// What a search finds documents by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SearchMode {
    /// How near they are to a vector, which a text becomes.
    #[default]
    Semantic,
    /// The words that they have.
    Keyword,
    /// Both.
    Hybrid,
}

impl SearchMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Semantic, Self::Keyword, Self::Hybrid];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Semantic => "semantic",
            Self::Keyword => "keyword",
            Self::Hybrid => "hybrid",
        }
    }
}

impl FromStr for SearchMode {
    type Err = Error;

    fn from_str(given: &str) -> Result<Self, Error> {
        one_of("mode", "mode", given, Self::ALL.map(|mode| (mode.as_str(), mode)))
    }
}

/// How a hybrid search makes one score of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FusionKind {
    /// By how sharply each score tells documents apart, and by what documents near to each have.
    #[default]
    Adaptive,
    /// By ranks: reciprocal rank fusion.
    Rrf,
    /// By the scores, each brought to 0 to 1.
    Weighted,
}

impl FusionKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Adaptive, Self::Rrf, Self::Weighted];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Adaptive => "adaptive",
            Self::Rrf => "rrf",
            Self::Weighted => "weighted",
        }
    }
}

impl FromStr for FusionKind {
    type Err = Error;

    fn from_str(given: &str) -> Result<Self, Error> {
        one_of("hybrid.fusion", "fusion", given, Self::ALL.map(|kind| (kind.as_str(), kind)))
    }
}

/// The one with a name, whatever its case.
pub(crate) fn one_of<T, const N: usize>(
    place: &str,
    what: &str,
    given: &str,
    named: [(&'static str, T); N],
) -> Result<T, Error> {
    let names = named.each_ref().map(|(name, _)| *name);
    let found = named.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(given));
    found.map(|(_, found)| found).ok_or_else(|| {
        let given: String = given.chars().take(64).collect();
        let fault = format!("{given:?} is not a {what}, allowed are {}", names.join(", "));
        Error::at(ErrorCode::InvalidArgument, place, fault)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_whatever_their_case_and_others_are_refused() {
        assert_eq!("HYBRID".parse::<SearchMode>().unwrap(), SearchMode::Hybrid);
        assert_eq!("Rrf".parse::<FusionKind>().unwrap(), FusionKind::Rrf);
        let refused = "full_text".parse::<SearchMode>().unwrap_err();
        assert_eq!(
            refused.message,
            "mode: \"full_text\" is not a mode, allowed are semantic, keyword, hybrid"
        );
    }
}
