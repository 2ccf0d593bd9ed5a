//! Sequences of operations on a graph index, against an exact one that gets the same.
//!
//! With an `ef` of more than there are vectors a walk sees all that can be reached, so whatever is
//! missing was cut off from the graph; and scores are compared to the bit.

use akidb_core::{IndexSettings, Metric, Quantization};
use akidb_index::{ExactIndex, HnswIndex, Parallelism, SearchRequest, VectorIndex};
use proptest::{prelude::*, sample::Index};
use roaring::RoaringBitmap;

use crate::vectors::Numbers;

#[derive(Clone, Debug)]
enum Step {
    Append { seed: u64, count: usize, repeated: bool },
    Remove(Vec<Index>),
    Link(usize),
    Search { seed: u64, limit: usize, allowed: Option<(u32, u32)>, parallel: bool },
    Compact,
}

fn step() -> impl Strategy<Value = Step> {
    let allowed = prop::option::of((1_u32..9, 0_u32..400));
    prop_oneof![
        3 => (any::<u64>(), 0_usize..80, any::<bool>())
            .prop_map(|(seed, count, repeated)| Step::Append { seed, count, repeated }),
        2 => prop::collection::vec(any::<Index>(), 0..40).prop_map(Step::Remove),
        3 => (0_usize..60).prop_map(Step::Link),
        4 => (any::<u64>(), 0_usize..30, allowed, any::<bool>()).prop_map(
            |(seed, limit, allowed, parallel)| Step::Search { seed, limit, allowed, parallel }
        ),
        1 => Just(Step::Compact),
    ]
}

fn settings() -> impl Strategy<Value = (Metric, usize, IndexSettings)> {
    let quantization = prop::sample::select(vec![Quantization::Int8, Quantization::None]);
    let dimension = prop::sample::select(vec![1_usize, 2, 3, 17, 64, 100]);
    (prop::sample::select(Metric::ALL.to_vec()), dimension, quantization, 2_u32..20).prop_map(
        |(metric, dimension, quantization, m)| {
            let settings = IndexSettings { m, quantization, ..IndexSettings::default() };
            (metric, dimension, settings)
        },
    )
}

fn vectors(seed: u64, count: usize, dimension: usize, repeated: bool) -> Vec<f32> {
    let mut numbers = Numbers::new(seed);
    let mut vector: Vec<f32> = Vec::new();
    let mut all = Vec::new();
    for _ in 0..count {
        if vector.is_empty() || !repeated {
            vector = (0..dimension).map(|_| numbers.normal() + 0.1).collect();
        }
        all.extend_from_slice(&vector);
    }
    all
}

struct Pair {
    graph: HnswIndex,
    exact: ExactIndex,
}

impl Pair {
    fn apply(&mut self, step: Step) -> Result<(), TestCaseError> {
        let slots = self.graph.slot_count();
        match step {
            Step::Append { seed, count, repeated } => {
                let added = vectors(seed, count, self.graph.dimension(), repeated);
                self.graph.append(slots as u32, &added);
                self.exact.append(slots as u32, &added);
            }
            Step::Remove(_) if slots == 0 => {}
            Step::Remove(gone) => {
                let gone: Vec<u32> = gone.iter().map(|at| at.index(slots) as u32).collect();
                self.graph.remove(&gone);
                self.exact.remove(&gone);
            }
            Step::Link(most) => {
                let before = self.graph.pending_count();
                self.graph.link(most);
                prop_assert!(before.saturating_sub(self.graph.pending_count()) <= most);
            }
            Step::Search { seed, limit, allowed, parallel } => {
                self.search(seed, limit, allowed, parallel)?;
            }
            Step::Compact => {
                let (graph, graph_slots) = self.graph.compacted();
                let (exact, exact_slots) = self.exact.compacted();
                prop_assert_eq!(graph_slots, exact_slots);
                (self.graph, self.exact) = (graph, exact);
            }
        }
        Ok(())
    }

    fn search(
        &self,
        seed: u64,
        limit: usize,
        allowed: Option<(u32, u32)>,
        parallel: bool,
    ) -> Result<(), TestCaseError> {
        let query = vectors(seed, 1, self.graph.dimension(), false);
        let allowed: Option<RoaringBitmap> =
            allowed.map(|(one_in, end)| (0..end).filter(|slot| slot % one_in == 0).collect());
        let request = SearchRequest {
            allowed: allowed.as_ref(),
            parallelism: if parallel {
                Parallelism::ThreadPool
            } else {
                Parallelism::CallingThread
            },
            ..SearchRequest::nearest(limit).with_ef(5_000)
        };
        let found = self.graph.search(&query, &request).neighbors;
        let exact = self.exact.search(&query, &request).neighbors;
        prop_assert_eq!(found, exact);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn every_sequence_of_operations_matches_the_exact_index(
        (metric, dimension, settings) in settings(),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut pair = Pair {
            graph: HnswIndex::with_graph_min(dimension, metric, settings, 30),
            exact: ExactIndex::new(dimension, metric),
        };
        for step in steps {
            pair.apply(step)?;
        }
        while pair.graph.link(7) > 0 {}
        pair.search(1, 20, None, false)?;
        prop_assert_eq!(pair.graph.live_count(), pair.exact.live_count());
        prop_assert_eq!(pair.graph.slot_count(), pair.exact.slot_count());
    }
}
