//! What a write may require of the documents that it meets.

use std::fmt;

use crate::{Error, ErrorCode, Seq};

/// Whether a write may make documents, replace them, or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteMode {
    /// Makes those that are not there and replaces the others.
    #[default]
    Upsert,
    /// Makes documents; one that is there already is a conflict.
    Create,
    /// Replaces documents; one that is not there is a conflict.
    Update,
}

/// Why a document was not written: it is not as the write requires it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// It was to be made and is there.
    Exists {
        /// Its version.
        seq: Seq,
    },
    /// It was to be replaced and is not there.
    Absent,
    /// It was to be of one version and is of another, or not there.
    OtherVersion {
        /// The version that the write requires.
        expected: Seq,
        /// The version that there is.
        found: Option<Seq>,
    },
}

impl WriteMode {
    /// Holds a document's version, absent where there is none, against the mode and the version that
    /// the write requires.
    ///
    /// # Errors
    /// Why the write must not happen.
    pub fn check(self, stored: Option<Seq>, if_seq: Option<Seq>) -> Result<(), Conflict> {
        match (self, stored, if_seq) {
            (Self::Create, Some(seq), _) => Err(Conflict::Exists { seq }),
            (_, found, Some(expected)) if found != Some(expected) => {
                Err(Conflict::OtherVersion { expected, found })
            }
            (Self::Update, None, _) => Err(Conflict::Absent),
            _ => Ok(()),
        }
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upsert => "upsert",
            Self::Create => "create",
            Self::Update => "update",
        }
    }
}

impl std::str::FromStr for WriteMode {
    type Err = Error;

    fn from_str(given: &str) -> Result<Self, Error> {
        let modes = [Self::Upsert, Self::Create, Self::Update];
        let mode = modes.into_iter().find(|mode| mode.as_str().eq_ignore_ascii_case(given));
        mode.ok_or_else(|| {
            let given: String = given.chars().take(64).collect();
            let fault = format!("{given:?} is not a mode, allowed are create, update and upsert");
            Error::at(ErrorCode::InvalidArgument, "mode", fault)
        })
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists { seq } => write!(f, "is the id of a document already, of seq {seq}"),
            Self::Absent => f.write_str("is the id of no document"),
            Self::OtherVersion { expected, found: Some(found) } => {
                write!(f, "is {expected}, the document has the seq {found} by now")
            }
            Self::OtherVersion { expected, found: None } => {
                write!(f, "is {expected}, there is no document of this id")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_meets_only_what_it_requires() {
        use WriteMode::{Create, Update, Upsert};
        let (three, other) = (Some(Seq(3)), Some(Seq(4)));
        for (mode, stored, if_seq, is_ok) in [
            (Upsert, None, None, true),
            (Upsert, three, None, true),
            (Upsert, three, three, true),
            (Upsert, three, other, false),
            (Upsert, None, three, false),
            (Create, None, None, true),
            (Create, three, None, false),
            (Update, None, None, false),
            (Update, three, None, true),
            (Update, three, three, true),
            (Update, three, other, false),
        ] {
            let checked = mode.check(stored, if_seq);
            assert_eq!(checked.is_ok(), is_ok, "{mode:?} {stored:?} {if_seq:?}");
        }
        assert_eq!("Create".parse(), Ok(Create));
        assert!("insert".parse::<WriteMode>().is_err());
    }
}
