//! Vectors that codes of one scale could not tell apart: the recall of the default is that of plain
//! vectors all the same.

use akidb_core::{IndexSettings, Metric};
use akidb_index::{HnswIndex, Neighbor, SearchRequest, VectorIndex};

use crate::{parts::Parts, vectors::Numbers};

const DIMENSION: usize = 32;
const COUNT: usize = 4_000;
const QUERIES: usize = 100;
const GRAPH_MIN: usize = 1_000;
const LIMIT: usize = 10;

/// What recall may fall short of that of plain vectors.
const LOSS_MAX: f64 = 0.02;

/// A collection and what is asked of it, row-major.
struct Case {
    name: &'static str,
    vectors: Vec<f32>,
    queries: Vec<f32>,
    /// Removed once all is linked.
    removed: Vec<u32>,
}

/// Rows of independent normal components, each row passed through `change`.
fn rows(seed: u64, count: usize, change: impl Fn(&mut Numbers, &mut [f32])) -> Vec<f32> {
    let mut numbers = Numbers::new(seed);
    let mut all = Vec::with_capacity(count * DIMENSION);
    for _ in 0..count {
        let mut row: Vec<f32> = (0..DIMENSION).map(|_| numbers.normal()).collect();
        change(&mut numbers, &mut row);
        all.append(&mut row);
    }
    all
}

/// Gives a row a lognormal length.
fn lengthen(deviation: f32, numbers: &mut Numbers, row: &mut [f32]) {
    let length = (deviation * numbers.normal()).exp();
    row.iter_mut().for_each(|at| *at *= length);
}

/// A case whose queries are made as its vectors are.
fn case(name: &'static str, change: impl Fn(&mut Numbers, &mut [f32])) -> Case {
    let (vectors, queries) = (rows(1, COUNT, &change), rows(2, QUERIES, &change));
    Case { name, vectors, queries, removed: Vec::new() }
}

fn plain(name: &'static str) -> Case {
    case(name, |_, _| ())
}

/// Gives every component of some rows one size and signs at random.
fn outliers(mut case: Case, at: &[usize], size: f32) -> Case {
    let mut numbers = Numbers::new(3);
    for &row in at {
        let components = &mut case.vectors[row * DIMENSION..][..DIMENSION];
        components.fill_with(|| if numbers.below(2) == 0 { size } else { -size });
    }
    case
}

/// Makes the rows for which `is_equal` says so one and the same, and asks for what is near it too.
fn duplicates(name: &'static str, is_equal: impl Fn(usize) -> bool) -> Case {
    let mut case = plain(name);
    let equal = rows(4, 1, |_, _| ());
    for row in (0..COUNT).filter(|&row| is_equal(row)) {
        case.vectors[row * DIMENSION..][..DIMENSION].copy_from_slice(&equal);
    }
    let mut numbers = Numbers::new(5);
    for query in case.queries.chunks_mut(DIMENSION).step_by(2) {
        query.iter_mut().zip(&equal).for_each(|(at, equal)| *at = equal + 0.8 * numbers.normal());
    }
    case
}

fn cases() -> Vec<Case> {
    let middle = COUNT / 2;
    let removed = Case {
        removed: vec![0, 1],
        ..outliers(plain("outliers first, removed since"), &[0, 1], 1_000.0)
    };
    let far = |_: &mut Numbers, row: &mut [f32]| {
        row.iter_mut().for_each(|at| *at = 5.0 + 0.01 * *at);
    };
    vec![
        plain("plain"),
        outliers(plain("an outlier first"), &[0], 1_000.0),
        outliers(plain("an outlier in the middle"), &[middle], 1_000.0),
        outliers(plain("an outlier last"), &[COUNT - 1], 1_000.0),
        outliers(plain("outliers of 1e6 all over"), &[0, 77, middle, COUNT - 1], 1e6),
        removed,
        case("lognormal lengths", |numbers, row| lengthen(1.0, numbers, row)),
        case("mean 5, deviation 0.01", far),
        outliers(case("mean 5, deviation 0.01, two outliers", far), &[0, middle], 1_000.0),
        case("one column in other units", |_, row| row[7] *= 1_000.0),
        case("one column in units of 1e6", |_, row| row[7] *= 1e6),
        duplicates("equal vectors first", |row| row < COUNT / 2),
        duplicates("equal vectors last", |row| row >= COUNT / 2),
        duplicates("equal vectors in between", |row| row % 2 == 0),
        case("each vector many times", |numbers, row| {
            let mut same = Numbers::new(100 + numbers.below(COUNT / 40) as u64);
            row.fill_with(|| same.normal());
        }),
    ]
}

/// An index of the default settings, filled and linked a quarter at a time.
fn built(case: &Case, metric: Metric) -> HnswIndex {
    let index = HnswIndex::with_graph_min(DIMENSION, metric, IndexSettings::default(), GRAPH_MIN);
    for quarter in case.vectors.chunks(COUNT / 4 * DIMENSION) {
        index.append(index.slot_count() as u32, quarter);
        while index.link(1_000) > 0 {}
    }
    index.remove(&case.removed);
    index
}

/// The mean share of the nearest that was found. Of equally near ones any counts.
fn recall(index: &HnswIndex, queries: &[f32]) -> f64 {
    let mut sum = 0.0;
    for query in queries.chunks(DIMENSION) {
        let request = SearchRequest::nearest(LIMIT);
        let exact = index.search(query, &request.exactly()).neighbors;
        let worst = exact[LIMIT - 1].score;
        let found = index.search(query, &request).neighbors;
        let is_near = |found: &&Neighbor| found.score >= worst - worst.abs() * 1e-6;
        sum += found.iter().filter(is_near).count() as f64 / LIMIT as f64;
    }
    sum / (queries.len() / DIMENSION) as f64
}

#[test]
fn recall_is_that_of_plain_vectors_whatever_the_vectors_are() {
    let mut missed = Vec::new();
    for metric in Metric::ALL {
        let mut plain = 0.0;
        for case in cases() {
            let index = built(&case, metric);
            let first = recall(&index, &case.queries);
            // Queries make it choose again, which takes the linker.
            while index.link(1_000) > 0 {}
            let searched = recall(&index, &case.queries);
            let restarted = recall(
                &Parts::of(&index).put_together(GRAPH_MIN).expect("sound parts"),
                &case.queries,
            );
            let compacted = index.compacted().0;
            while compacted.link(1_000) > 0 {}
            let compacted = recall(&compacted, &case.queries);
            if case.name == "plain" {
                plain = first;
            }
            let line = format!(
                "{metric} {}: {first:.3}, searched {searched:.3}, restarted {restarted:.3}, compacted {compacted:.3}",
                case.name
            );
            println!("{line}");
            let least = [first, searched, restarted, compacted].into_iter().fold(1.0, f64::min);
            if least < plain - LOSS_MAX {
                missed.push(line);
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn searches_keep_more_candidates_where_the_graph_finds_less_with_those_of_the_default() {
    const COUNT: usize = 16_000;
    let found_at = |deviation: f32| {
        let change = |numbers: &mut Numbers, row: &mut [f32]| lengthen(deviation, numbers, row);
        let (vectors, queries) = (rows(1, COUNT, change), rows(2, QUERIES, change));
        let index =
            HnswIndex::with_graph_min(DIMENSION, Metric::L2, IndexSettings::default(), GRAPH_MIN);
        index.append(0, &vectors);
        while index.link(1_000) > 0 {}
        let found = recall(&index, &queries);
        let restarted = Parts::of(&index).put_together(GRAPH_MIN).expect("sound parts");
        let ef = |index: &HnswIndex| {
            index.search(&queries[..DIMENSION], &SearchRequest::nearest(LIMIT)).work.ef
        };
        assert_eq!(ef(&index), ef(&restarted));
        println!(
            "lognormal lengths, deviation {deviation}: {found:.3} with {} candidates",
            ef(&index)
        );
        (found, ef(&index))
    };
    let (plain, _) = found_at(0.0);
    for deviation in [1.0, 2.0] {
        let (found, ef) = found_at(deviation);
        assert!(found >= plain - LOSS_MAX, "{found} of {plain} with {ef} candidates");
    }
}

#[test]
fn a_vector_much_longer_than_all_others_is_found_though_it_was_linked_last() {
    const COUNT: usize = 16_000;
    let (mut vectors, queries) = (rows(1, COUNT, |_, _| ()), rows(2, QUERIES, |_, _| ()));
    let last = &mut vectors[(COUNT - 1) * DIMENSION..];
    last.iter_mut().for_each(|at| *at = 1_000.0_f32.copysign(*at));
    let index =
        HnswIndex::with_graph_min(DIMENSION, Metric::Dot, IndexSettings::default(), GRAPH_MIN);
    index.append(0, &vectors);
    while index.link(1_000) > 0 {}
    let restarted = Parts::of(&index).put_together(GRAPH_MIN).expect("sound parts");
    index.remove(&[0]);
    let compacted = index.compacted().0;
    for (name, index) in [("built", &index), ("restarted", &restarted), ("compacted", &compacted)] {
        let missed = queries.chunks(DIMENSION).filter(|query| {
            let request = SearchRequest::nearest(1);
            let exact = index.search(query, &request.exactly()).neighbors;
            index.search(query, &request).neighbors[0].slot != exact[0].slot
        });
        assert_eq!(missed.count(), 0, "{name}");
    }
}
