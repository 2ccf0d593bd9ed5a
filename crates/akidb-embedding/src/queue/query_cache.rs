//! The vectors of queries of late, so that one that comes again is not encoded again.
//!
//! Each running model has one of its own and alone fills it, so that a vector never reaches another
//! model, and goes when its model does. What is found here is what the queue would have encoded:
//! the same tokens, which prompt and truncation have shaped already, pooled and scaled in the same
//! way. Out of scope: which requests ask it, and shortening vectors, which comes after.

use std::{mem::size_of_val, sync::Arc};

use lru::LruCache;

use super::tasks::Encoding;

/// Bytes that an entry takes besides its tokens and values: two counted boxes, the node of the list
/// and its place in the table, with what allocators round up.
const ENTRY_BYTES: usize = 224;

/// Vectors by what they were made of; beyond its bytes the one unused for longest goes.
#[derive(Debug)]
pub(super) struct QueryCache {
    vectors: LruCache<Arc<Encoding>, Arc<[f32]>>,
    bytes: usize,
    bytes_max: usize,
}

impl QueryCache {
    /// A cache of at most `bytes_max` bytes; of none, it keeps nothing.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { vectors: LruCache::unbounded(), bytes: 0, bytes_max }
    }

    /// The vector of a query, where it is there.
    pub(super) fn get(&mut self, encoding: &Encoding) -> Option<Arc<[f32]>> {
        self.vectors.get(encoding).cloned()
    }

    /// Keeps a vector that may be answered with: finite and not zero.
    pub(super) fn insert(&mut self, encoding: Arc<Encoding>, vector: &[f32]) {
        let bytes = bytes_of(&encoding, vector);
        if bytes > self.bytes_max {
            return;
        }
        self.bytes += bytes;
        let vector = Arc::from(vector);
        if let Some((encoding, replaced)) = self.vectors.push(encoding, vector) {
            self.bytes -= bytes_of(&encoding, &replaced);
        }
        while self.bytes > self.bytes_max
            && let Some((encoding, vector)) = self.vectors.pop_lru()
        {
            self.bytes -= bytes_of(&encoding, &vector);
        }
    }
}

fn bytes_of(encoding: &Encoding, vector: &[f32]) -> usize {
    ENTRY_BYTES + size_of_val(&encoding.token_ids[..]) + size_of_val(vector)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::Pooling;

    fn encoding(text: u32, normalize: bool) -> Encoding {
        // Longer texts for higher numbers, so that entries differ in size.
        let token_ids = vec![text; 1 + text as usize * 3];
        Encoding { token_ids, pooling: Pooling::Mean, normalize, document_start: None }
    }

    /// What was used last stands last.
    #[derive(Default)]
    struct Model(Vec<(u32, bool)>);

    impl Model {
        fn bytes(&self) -> usize {
            let bytes = |&(text, normalize)| bytes_of(&encoding(text, normalize), &[0.0; 4]);
            self.0.iter().map(bytes).sum()
        }

        fn touch(&mut self, key: (u32, bool)) -> bool {
            let found = self.0.iter().position(|known| *known == key);
            found.map(|at| self.0.remove(at)).inspect(|_| self.0.push(key)).is_some()
        }

        fn insert(&mut self, key: (u32, bool), bytes_max: usize) {
            if bytes_of(&encoding(key.0, key.1), &[0.0; 4]) > bytes_max {
                return;
            }
            if !self.touch(key) {
                self.0.push(key);
            }
            while self.bytes() > bytes_max {
                self.0.remove(0);
            }
        }
    }

    proptest! {
        #[test]
        fn it_keeps_what_was_used_last_and_no_more_bytes_than_it_may(
            bytes_max in 0_usize..4_000,
            steps in prop::collection::vec((any::<bool>(), 0_u32..40, any::<bool>()), 1..200),
        ) {
            let (mut cache, mut model) = (QueryCache::new(bytes_max), Model::default());
            for (inserts, text, normalize) in steps {
                let vector = [text as f32, f32::from(u8::from(normalize)), 0.5, 1.0];
                if inserts {
                    cache.insert(Arc::new(encoding(text, normalize)), &vector);
                    model.insert((text, normalize), bytes_max);
                } else {
                    let found = cache.get(&encoding(text, normalize));
                    prop_assert_eq!(found.is_some(), model.touch((text, normalize)));
                    prop_assert!(found.is_none_or(|found| found[..] == vector));
                }
                prop_assert_eq!(cache.bytes, model.bytes());
                prop_assert_eq!(cache.vectors.len(), model.0.len());
                prop_assert!(cache.bytes <= bytes_max);
            }
        }
    }
}
