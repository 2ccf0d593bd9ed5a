//! Searches among some of the vectors: the planner of our graph beside a scan of the same set and a
//! walk for it, and beside a search among all.

use akidb_core::Quantization;
use akidb_index::{Approach, Found, HnswIndex, Neighbor, SearchRequest, Strategy, VectorIndex};
use rand::{Rng, SeedableRng, rngs::StdRng};
use roaring::RoaringBitmap;
use serde::Serialize;

use super::Subject;
use crate::{
    dataset::Dataset,
    graph_engines::{linked, settings},
    report::{progress, table},
    timing::Stopwatch,
};

/// Which share of the vectors is allowed.
const SHARES: [f64; 4] = [0.5, 0.1, 0.01, 0.001];

/// Queries of each set; a set near a query is made for each, which takes longer than searching it.
const QUERIES_MAX: usize = 100;

/// The least recall of searches among some.
const RECALL_MIN: f64 = 0.95;

/// The most times that the planner may take as long as the best it could have chosen.
const TIMES_BEST_MAX: f64 = 2.0;

/// Two scores closer than this are a tie.
const TIE: f32 = 1e-6;

/// How the allowed vectors are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Choice {
    /// Each by chance.
    Random,
    /// Those nearest to the query.
    NearQuery,
    /// Those nearest to a vector that has nothing to do with the query.
    Elsewhere,
}

const CHOICES: [Choice; 3] = [Choice::Random, Choice::NearQuery, Choice::Elsewhere];

/// What every set took.
#[derive(Serialize)]
pub(super) struct Filtered {
    /// Processor time of a search among all.
    unfiltered_us: f64,
    sets: Vec<SetOutcome>,
}

/// What searches among one kind of set took, in processor time a search.
#[derive(Serialize)]
pub(super) struct SetOutcome {
    choice: Choice,
    share: f64,
    allowed: u64,
    recall: f64,
    /// Searches that found fewer than there were.
    too_few: usize,
    us: f64,
    /// A scan of the codes of the set, always.
    scan_us: f64,
    /// A walk of the graph, always and without a bound.
    walk_us: f64,
    /// An exact scan of the full vectors of the set.
    exact_us: f64,
    /// How many searches went about it in which way.
    walked: usize,
    scanned: usize,
    gave_up: usize,
}

pub(super) fn measure(subject: &Subject, quantization: Quantization) -> anyhow::Result<Filtered> {
    progress("building an index to search with filters");
    let task = &subject.task;
    let index = linked(&task.vectors, task.metric, settings(quantization))?;
    let queries: Vec<&[f32]> =
        (0..task.queries.len().min(QUERIES_MAX)).map(|at| task.queries.vector(at)).collect();
    let request = SearchRequest::nearest(task.limit);
    let (_, unfiltered_us) = searches(&index, Approach::Planned, &queries, |_| request);
    let mut sets = Vec::new();
    for choice in CHOICES {
        for share in SHARES {
            progress(format_args!("searching among {share} of the vectors, chosen {choice:?}"));
            sets.push(measure_set(&index, &task.vectors, &queries, task.limit, choice, share));
        }
    }
    Ok(Filtered { unfiltered_us, sets })
}

fn measure_set(
    index: &HnswIndex,
    vectors: &Dataset,
    queries: &[&[f32]],
    limit: usize,
    choice: Choice,
    share: f64,
) -> SetOutcome {
    let allowed = allowed(index, vectors, queries, choice, share);
    let of_query = |query: usize| Some(&allowed[query % allowed.len()]);
    let request =
        |query| SearchRequest { allowed: of_query(query), ..SearchRequest::nearest(limit) };
    let exactly = |query| request(query).exactly();
    let (exact, exact_us) = searches(index, Approach::Planned, queries, exactly);
    let (found, us) = searches(index, Approach::Planned, queries, request);
    let (_, scan_us) = searches(index, Approach::Scan, queries, request);
    let (_, walk_us) = searches(index, Approach::Walk, queries, request);
    let wanted: usize = exact.iter().map(|exact| exact.neighbors.len()).sum();
    let pairs = found.iter().zip(&exact);
    let hits: usize =
        pairs.clone().map(|(found, exact)| hits(&found.neighbors, &exact.neighbors)).sum();
    let by = |strategy| found.iter().filter(|found| found.work.strategy == strategy).count();
    SetOutcome {
        choice,
        share,
        allowed: allowed[0].len(),
        recall: hits as f64 / wanted.max(1) as f64,
        too_few: pairs
            .filter(|(found, exact)| found.neighbors.len() < exact.neighbors.len())
            .count(),
        us,
        scan_us,
        walk_us,
        exact_us,
        walked: by(Strategy::Graph),
        scanned: by(Strategy::Scan),
        gave_up: by(Strategy::GraphThenScan),
    }
}

/// One set for all queries, or one for each.
fn allowed(
    index: &HnswIndex,
    vectors: &Dataset,
    queries: &[&[f32]],
    choice: Choice,
    share: f64,
) -> Vec<RoaringBitmap> {
    let count = ((vectors.len() as f64 * share) as usize).max(1);
    let nearest = |to: &[f32]| {
        let request = SearchRequest::nearest(count).exactly();
        index.search(to, &request).neighbors.into_iter().map(|found| found.slot).collect()
    };
    let mut random = StdRng::seed_from_u64(count as u64);
    match choice {
        Choice::Random => {
            let some = rand::seq::index::sample(&mut random, vectors.len(), count);
            vec![some.into_iter().map(|slot| slot as u32).collect()]
        }
        Choice::NearQuery => queries.iter().map(|query| nearest(query)).collect(),
        Choice::Elsewhere => queries
            .iter()
            .map(|_| nearest(vectors.vector(random.random_range(0..vectors.len()))))
            .collect(),
    }
}

/// What each query found, and the processor time of a search.
fn searches<'r>(
    index: &HnswIndex,
    approach: Approach,
    queries: &[&[f32]],
    request: impl Fn(usize) -> SearchRequest<'r>,
) -> (Vec<Found>, f64) {
    let watch = Stopwatch::start();
    let found: Vec<Found> = (0..)
        .zip(queries)
        .map(|(at, query)| index.search_by(approach, query, &request(at)))
        .collect();
    let us = watch.stop().cpu.as_secs_f64() * 1e6 / queries.len().max(1) as f64;
    (found, us)
}

/// How many of what was found are as near as the last exact neighbor.
fn hits(found: &[Neighbor], exact: &[Neighbor]) -> usize {
    let Some(last) = exact.last() else { return 0 };
    found.iter().filter(|found| found.score >= last.score - TIE).count().min(exact.len())
}

impl Filtered {
    /// Whether every search found as many as there were, nearly all of them the nearest, and no
    /// kind of set took more than twice as long as the better of scan and walk.
    pub(super) fn is_right(&self) -> bool {
        let is_right = |set: &SetOutcome| {
            set.too_few == 0 && set.recall >= RECALL_MIN && set.times_best() <= TIMES_BEST_MAX
        };
        self.sets.iter().all(is_right)
    }

    /// For each choice its name and the microseconds by share.
    pub(super) fn lines(&self) -> Vec<(String, Vec<(f64, f64)>)> {
        let line = |name: String, choice, us: fn(&SetOutcome) -> f64| {
            let sets = self.sets.iter().filter(|set| set.choice == choice);
            (name, sets.map(|set| (set.share, us(set))).collect())
        };
        let mut lines: Vec<_> =
            CHOICES.map(|choice| line(choice.name().to_owned(), choice, |set| set.us)).into();
        lines.push(line("exact scan, at random".to_owned(), Choice::Random, |set| set.exact_us));
        lines
    }

    pub(super) fn parts(&self) -> Vec<String> {
        let heads = [
            "allowed vectors",
            "share",
            "count",
            "recall",
            "us",
            "scan us",
            "walk us",
            "x best",
            "exact scan us",
            "walked",
            "scanned",
            "gave up",
            "too few",
        ];
        let rows = self.sets.iter().map(|set| {
            [
                set.choice.name().to_owned(),
                set.share.to_string(),
                set.allowed.to_string(),
                format!("{:.4}", set.recall),
                format!("{:.1}", set.us),
                format!("{:.1}", set.scan_us),
                format!("{:.1}", set.walk_us),
                format!("{:.2}", set.times_best()),
                format!("{:.1}", set.exact_us),
                set.walked.to_string(),
                set.scanned.to_string(),
                set.gave_up.to_string(),
                set.too_few.to_string(),
            ]
        });
        vec![
            format!("\nfiltered; a search among all takes {:.1} us", self.unfiltered_us),
            table(heads, rows),
        ]
    }
}

impl SetOutcome {
    /// How many times as long as the better of an exact scan, a scan of codes and a walk it took.
    fn times_best(&self) -> f64 {
        self.us / self.scan_us.min(self.walk_us).min(self.exact_us)
    }
}

impl Choice {
    fn name(self) -> &'static str {
        match self {
            Self::Random => "at random",
            Self::NearQuery => "near the query",
            Self::Elsewhere => "near one another, elsewhere",
        }
    }
}
