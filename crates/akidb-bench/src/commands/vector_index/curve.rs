//! How fast one engine searches at which recall, beside a model of what its reads cost.

use serde::Serialize;

use crate::graph_engines::Effort;

/// One setting of one engine.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Point {
    pub(super) ef: usize,
    pub(super) recall: f64,
    /// Processor time of a search.
    pub(super) us: f64,
    /// What its comparisons and hops take in the model, where the engine tells how many they are.
    pub(super) model_us: Option<f64>,
}

/// What is found between the points at one recall.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct AtRecall {
    pub(super) us: f64,
    pub(super) model_us: Option<f64>,
}

// The model of a walk: what one core needs, in nanoseconds, for codes that no cache holds. An engine
// whose codes are partly in the caches can be faster.

/// A cache line that is read from memory while others are on their way.
const LINE_NS: f64 = 8.0;
/// A comparison besides its lines.
const COMPARISON_NS: f64 = 15.0;
/// A node whose neighbors are looked at.
const HOP_NS: f64 = 60.0;

/// Microseconds that each of the searches behind an effort needs in the model.
pub(super) fn model_us(effort: &Effort, searches: usize) -> f64 {
    let comparison_ns = |lines: u64| LINE_NS * lines as f64 + COMPARISON_NS;
    let ns = effort.compared as f64 * comparison_ns(effort.code_lines)
        + effort.rescored as f64 * comparison_ns(effort.vector_lines)
        + effort.hops as f64 * HOP_NS;
    ns / 1e3 / searches.max(1) as f64
}

/// What a search takes at a recall: between the first point that reaches it and the one before, on a
/// straight line of logarithms. Nothing where no point reaches it.
pub(super) fn at_recall(points: &[Point], recall: f64) -> Option<AtRecall> {
    let first = points.iter().position(|point| point.recall >= recall)?;
    let high = points[first];
    let Some(low) = first.checked_sub(1).map(|before| points[before]) else {
        return Some(AtRecall { us: high.us, model_us: high.model_us });
    };
    let share = (recall - low.recall) / (high.recall - low.recall);
    let between = |low: f64, high: f64| (low.ln() + share * (high.ln() - low.ln())).exp();
    let model_us = low.model_us.zip(high.model_us).map(|(low, high)| between(low, high));
    Some(AtRecall { us: between(low.us, high.us), model_us })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(recall: f64, us: f64) -> Point {
        Point { ef: 0, recall, us, model_us: None }
    }

    #[test]
    fn times_are_interpolated_on_logarithms() {
        let points = [point(0.8, 10.0), point(0.9, 40.0), point(0.98, 100.0)];
        let us = |recall| at_recall(&points, recall).map(|at| at.us);
        assert!((us(0.85).unwrap() - 20.0).abs() < 1e-9);
        assert_eq!(us(0.5), Some(10.0));
        assert!((us(0.98).unwrap() - 100.0).abs() < 1e-9);
        assert_eq!(us(0.99), None);
    }

    #[test]
    fn the_model_counts_lines_comparisons_and_hops() {
        let effort =
            Effort { hops: 10, compared: 100, rescored: 5, code_lines: 6, vector_lines: 24 };
        let expected = (100.0 * 63.0 + 5.0 * 207.0 + 600.0) / 1e3 / 2.0;
        assert!((model_us(&effort, 2) - expected).abs() < 1e-9);
    }
}
