//! Sequences of operations on an exact index, against a list that is scored and sorted in full.
//!
//! The vectors are chosen so that every score has one exact `f32` value: small whole numbers for
//! the dot product and the distance, and for cosine components of one size in a number that is a
//! power of four, whose length is a power of two. So the results must be equal, ties included.

use std::sync::LazyLock;

use akidb_core::Metric;
use akidb_index::{ExactIndex, Neighbor, Parallelism, SearchRequest, VectorIndex};
use proptest::{prelude::*, sample::Index};
use rayon::{ThreadPool, ThreadPoolBuilder};
use roaring::RoaringBitmap;

/// More threads than pieces in most cases, and not the number of any usual machine.
#[expect(clippy::expect_used, reason = "a test that cannot have its threads has failed")]
static POOL: LazyLock<ThreadPool> =
    LazyLock::new(|| ThreadPoolBuilder::new().num_threads(3).build().expect("threads"));

#[derive(Clone, Debug)]
enum Step {
    /// Appends a vector for each seed. Few seeds, so that vectors repeat and scores tie.
    Append(Vec<u8>),
    Remove(Vec<Index>),
    Search {
        seed: u8,
        limit: usize,
        /// Members of the allow-set, some of them removed or past the last slot.
        allowed: Option<Vec<Index>>,
        /// The slot whose score is the least accepted.
        min_score_of: Option<Index>,
    },
    Compact,
}

fn step() -> impl Strategy<Value = Step> {
    let slots = || prop::collection::vec(any::<Index>(), 0..30);
    let limit = prop_oneof![0_usize..12, Just(10_000), Just(usize::MAX)];
    prop_oneof![
        3 => prop::collection::vec(0_u8..40, 0..30).prop_map(Step::Append),
        2 => slots().prop_map(Step::Remove),
        4 => (0_u8..40, limit, prop::option::of(slots()), prop::option::of(any::<Index>())).prop_map(
            |(seed, limit, allowed, min_score_of)| {
                Step::Search { seed, limit, allowed, min_score_of }
            }
        ),
        1 => Just(Step::Compact),
    ]
}

/// Dimensions from one line to chunks of 8 rows, so that short sequences cross chunks.
fn space() -> impl Strategy<Value = (Metric, usize)> {
    prop_oneof![
        (Just(Metric::Cosine), prop::sample::select(vec![1, 4, 16, 64, 16_384])),
        (Just(Metric::Dot), prop::sample::select(vec![1, 3, 17, 100, 9_001, 16_384])),
        (Just(Metric::L2), prop::sample::select(vec![1, 3, 17, 100, 9_001, 16_384])),
    ]
}

fn vector(metric: Metric, dimension: usize, seed: u8) -> Vec<f32> {
    let mut state = u64::from(seed);
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        let digit = (state >> 33) as i32;
        match metric {
            Metric::Cosine => (digit % 2 * 2 - 1) as f32 * f32::from(1_u16 << (seed % 5)),
            Metric::Dot | Metric::L2 => (digit % 7 - 3) as f32,
        }
    })
    .take(dimension)
    .collect()
}

fn model_score(metric: Metric, query: &[f32], vector: &[f32]) -> f32 {
    let sum = |term: fn(f64, f64) -> f64| -> f64 {
        query.iter().zip(vector).map(|(&a, &b)| term(f64::from(a), f64::from(b))).sum()
    };
    match metric {
        Metric::Cosine => {
            let length = |vector: &[f32]| f64::from(vector[0].abs()) * (vector.len() as f64).sqrt();
            (sum(|a, b| a * b) / length(query) / length(vector)) as f32 + 0.0
        }
        // An empty or cancelled sum may be a negative zero, which no score ever is.
        Metric::Dot => sum(|a, b| a * b) as f32 + 0.0,
        Metric::L2 => 0.0 - (sum(|a, b| (a - b) * (a - b)) as f32).sqrt(),
    }
}

/// The index under test beside the seed of each live slot.
struct Pair {
    metric: Metric,
    index: ExactIndex,
    seeds: Vec<Option<u8>>,
}

impl Pair {
    fn vector(&self, seed: u8) -> Vec<f32> {
        vector(self.metric, self.index.dimension(), seed)
    }

    fn model_search(&self, query: &[f32], request: &SearchRequest<'_>) -> Vec<Neighbor> {
        let mut found: Vec<Neighbor> = (0..)
            .zip(&self.seeds)
            .filter(|(slot, _)| request.allowed.is_none_or(|allowed| allowed.contains(*slot)))
            .filter_map(|(slot, seed)| Some((slot, self.vector((*seed)?))))
            .map(|(slot, vector)| Neighbor {
                slot,
                score: model_score(self.metric, query, &vector),
            })
            .filter(|found| {
                request.effort.min_score.is_none_or(|min_score| found.score >= min_score)
            })
            .collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.slot.cmp(&b.slot)));
        found.truncate(request.limit);
        found
    }

    fn apply(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Append(seeds) => {
                let vectors: Vec<f32> = seeds.iter().flat_map(|&seed| self.vector(seed)).collect();
                self.index.append(self.seeds.len() as u32, &vectors);
                self.seeds.extend(seeds.into_iter().map(Some));
            }
            Step::Remove(_) if self.seeds.is_empty() => self.index.remove(&[]),
            Step::Remove(slots) => {
                let slots: Vec<u32> =
                    slots.iter().map(|slot| slot.index(self.seeds.len()) as u32).collect();
                self.index.remove(&slots);
                slots.iter().for_each(|&slot| self.seeds[slot as usize] = None);
            }
            Step::Search { seed, limit, allowed, min_score_of } => {
                let allowed: Option<RoaringBitmap> = allowed.map(|slots| {
                    slots.iter().map(|slot| slot.index(self.seeds.len() + 5) as u32).collect()
                });
                let query = self.vector(seed);
                let min_score = min_score_of
                    .filter(|_| !self.seeds.is_empty())
                    .and_then(|slot| *slot.get(&self.seeds))
                    .map(|seed| model_score(self.metric, &query, &self.vector(seed)));
                let nearest = SearchRequest::nearest(limit).with_min_score(min_score);
                let mut request = SearchRequest { allowed: allowed.as_ref(), ..nearest };
                let expected = self.model_search(&query, &request);
                prop_assert_eq!(&self.index.search(&query, &request).neighbors, &expected);
                request.parallelism = Parallelism::ThreadPool;
                let found = POOL.install(|| self.index.search(&query, &request).neighbors);
                prop_assert_eq!(&found, &expected);
            }
            Step::Compact => {
                let (compacted, old_slots) = self.index.compacted();
                let live = (0..).zip(&self.seeds).filter(|(_, seed)| seed.is_some());
                prop_assert!(live.map(|(slot, _)| slot).eq(old_slots));
                self.index = compacted;
                self.seeds.retain(Option::is_some);
            }
        }
        Ok(())
    }

    fn check_content(&self) -> Result<(), TestCaseError> {
        let mut seen = Vec::new();
        self.index.for_each_live(&mut |slot, vector| seen.push((slot, vector.to_vec())));
        let kept = |seed| match self.metric {
            Metric::Cosine => {
                let unit = (self.index.dimension() as f32).sqrt().recip();
                self.vector(seed).iter().map(|component| component.signum() * unit).collect()
            }
            Metric::Dot | Metric::L2 => self.vector(seed),
        };
        let live = (0..).zip(&self.seeds).filter_map(|(slot, seed)| Some((slot, kept((*seed)?))));
        prop_assert!(live.eq(seen.iter().cloned()));

        for slot in 0..self.seeds.len() as u32 + 2 {
            let listed = seen.iter().find(|(live, _)| *live == slot).map(|(_, vector)| vector);
            prop_assert_eq!(self.index.vector(slot), listed.cloned());
        }
        prop_assert_eq!(self.index.live_count(), seen.len());
        prop_assert_eq!(self.index.slot_count(), self.seeds.len());
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_sequence_of_operations_matches_the_model(
        (metric, dimension) in space(),
        steps in prop::collection::vec(step(), 1..25),
    ) {
        let index = ExactIndex::new(dimension, metric);
        let mut pair = Pair { metric, index, seeds: Vec::new() };
        for step in steps {
            pair.apply(step)?;
        }
        pair.check_content()?;
    }
}
