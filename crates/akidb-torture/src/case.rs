//! A case: one part of the torture set with one number. Everything in it follows from the seed.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
};

use anyhow::Result;
use rand::{SeedableRng, rngs::StdRng};

use crate::node::Launch;

/// What a case has at hand.
pub(crate) struct Context {
    /// The node.
    pub(crate) launch: Launch,
    /// A folder of its own, empty at first.
    pub(crate) folder: PathBuf,
    /// Where cases of one process share what they all start from.
    pub(crate) shared: PathBuf,
    /// The seed of the run.
    pub(crate) seed: u64,
    /// The number of the case.
    pub(crate) number: u64,
}

impl Context {
    /// Randomness that depends on the seed, on the part and on the number of the case alone.
    pub(crate) fn random(&self, part: &str) -> StdRng {
        let mut hash = DefaultHasher::new();
        (self.seed, part, self.number).hash(&mut hash);
        StdRng::seed_from_u64(hash.finish())
    }
}

/// What a case did, by name.
pub(crate) type Tally = BTreeMap<String, u64>;

/// Adds to a tally.
pub(crate) fn count(tally: &mut Tally, name: &str, number: u64) {
    *tally.entry(name.to_owned()).or_default() += number;
}

/// A part of the torture set.
pub(crate) struct Part {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What it does, for people.
    pub(crate) about: &'static str,
    /// Cases in the quick set, which runs with the tests.
    pub(crate) quick: u64,
    /// Cases in the full set.
    pub(crate) full: u64,
    /// Runs one case; an error is a finding.
    pub(crate) run: fn(&Context) -> Result<Tally>,
}
