//! What a key may do, and to which collections.

use std::{fmt, str::FromStr};

use crate::{CollectionName, InvalidName};

/// What a key may do. Each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads and searches documents, embeds texts.
    Read,
    /// Changes documents.
    Write,
    /// Makes, changes and drops collections; without a limit to some, all that a node does.
    Admin,
}

/// A name that is no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a role, allowed are read, write and admin")]
pub struct UnknownRole {
    given: String,
}

impl Role {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(given: &str) -> Result<Self, UnknownRole> {
        let known = Self::ALL.into_iter().find(|role| role.as_str() == given);
        known.ok_or_else(|| UnknownRole { given: given.chars().take(80).collect() })
    }
}

/// Collections by name: one, or all whose names begin alike, written with a `*` behind the beginning.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NamePattern {
    /// The collection of this name.
    Name(CollectionName),
    /// Every collection whose name begins so, be it there or made later.
    Prefix(CollectionName),
}

/// The given text is not a [`NamePattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// All collections are meant by leaving the patterns out.
    #[error("\"*\" is every collection, which is what a key without `collections` may use")]
    Everything,
    /// It is no name, nor the beginning of one.
    #[error("{0}, with * at the end for all that begin so")]
    NotAName(#[from] InvalidName),
}

impl NamePattern {
    /// Whether a collection of this name is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => own.as_str() == name,
            Self::Prefix(prefix) => name.starts_with(prefix.as_str()),
        }
    }
}

impl FromStr for NamePattern {
    type Err = InvalidPattern;

    fn from_str(given: &str) -> Result<Self, InvalidPattern> {
        match given.strip_suffix('*') {
            Some("") => Err(InvalidPattern::Everything),
            Some(prefix) => Ok(Self::Prefix(CollectionName::new(prefix)?)),
            None => Ok(Self::Name(CollectionName::new(given)?)),
        }
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name.as_str()),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

/// The collections that a key reaches, by their own names: an alias is as good as what it leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CollectionScope {
    /// Every one.
    #[default]
    All,
    /// Those of which one of these is the name.
    Only(Vec<NamePattern>),
}

impl CollectionScope {
    /// Whether a collection of this name is reached.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(patterns) => patterns.iter().any(|pattern| pattern.matches(name)),
        }
    }

    /// Whether it is every collection, of now and of later.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// The patterns, none of which is there where it is every collection.
    #[must_use]
    pub fn patterns(&self) -> &[NamePattern] {
        match self {
            Self::All => &[],
            Self::Only(patterns) => patterns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_contain_those_before_them() {
        assert!(Role::Admin > Role::Write && Role::Write > Role::Read);
        assert_eq!("write".parse(), Ok(Role::Write));
        for bad in ["", "Write", "owner", "write "] {
            assert!(bad.parse::<Role>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_scope_is_of_whole_names_and_of_beginnings() {
        let pattern = |text: &str| text.parse::<NamePattern>().unwrap();
        let scope = CollectionScope::Only(vec![pattern("films"), pattern("tenant-a_*")]);
        for inside in ["films", "tenant-a_", "tenant-a_x", "tenant-a_films"] {
            assert!(scope.contains(inside), "{inside}");
        }
        for outside in ["film", "films2", "Films", "tenant-b_x", "tenant-a", "x_tenant-a_", "", "*"]
        {
            assert!(!scope.contains(outside), "{outside}");
        }
        assert!(CollectionScope::All.contains("films") && CollectionScope::All.is_all());
        assert!(!CollectionScope::Only(Vec::new()).contains("films"));
        for text in ["films", "a*", "tenant-a_*"] {
            assert_eq!(pattern(text).to_string(), text);
        }
        for bad in ["", "*", "a**", "a*b", "*a", "a/*", "a b", "../*"] {
            assert!(bad.parse::<NamePattern>().is_err(), "{bad}");
        }
    }
}
