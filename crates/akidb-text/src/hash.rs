//! The hash of terms, with a secret of the process, so that nobody can write texts whose terms collide.

use std::{
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
};

use xxhash_rust::xxh3::xxh3_64_with_seed;

pub(crate) fn hash(term: &str) -> u64 {
    static SECRET: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
    xxh3_64_with_seed(term.as_bytes(), *SECRET)
}
