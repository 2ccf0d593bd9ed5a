//! Which codes serve the vectors there are: measured on them, not assumed.
//!
//! A sample of vectors is asked for what is nearest among the others, by codes and in full. Codes
//! serve where scoring the best of them again finds what full vectors find. They are tried in the
//! order of what they cost; where none serves, as where all vectors are nearly the same beside a few
//! large components, the graph is built over full vectors.

use akidb_core::Quantization;

use super::{
    binary::BinaryCoder,
    distance_computer::{Coder, PreparedQuery},
    graph::{Graph, Shape},
    int8::{Int8Coder, medians},
    rotation::Rotation,
    sketch,
};
use crate::{
    exact::State,
    scoring::Scoring,
    vector_line::{LINE_WIDTH, VectorLine},
};

/// Components of the vectors that centers are measured on.
const CENTER_COMPONENTS: usize = 2_000_000;

/// Components of the vectors that are compared, and the most of these: enough for what is nearest to
/// be as near as it is among all, in a small part of the time that linking them takes.
const COMPARED_COMPONENTS: usize = 1 << 23;
const COMPARED_ROWS: usize = 1 << 15;

/// Vectors that are asked for.
const PROBES: usize = 48;

/// Neighbors of each of them.
const NEIGHBORS: usize = 10;

/// Candidates that are scored again: as many as a search of the default looks at, half of what it
/// keeps.
const RESCORED: usize = 50;

/// The share that has to be found for codes not to be worth improving.
const GOOD: f64 = 0.995;

/// The share that has to be found for codes to serve: of bytes, and of bits, which find less of plain
/// vectors too.
const INT8_MIN: f64 = 0.98;
const BINARY_MIN: f64 = 0.7;

/// What makes the codes of a graph, and the sketches beside them.
pub(super) struct Coding {
    pub(super) coder: Coder,
    pub(super) sketcher: Option<BinaryCoder>,
}

impl Coding {
    /// No codes: full vectors.
    pub(super) const FULL: Self = Self { coder: Coder::Full, sketcher: None };
}

/// The vectors of one moment, a sample of them, and what is nearest to some.
pub(super) struct Calibration<'a> {
    state: &'a State,
    scoring: Scoring,
    shape: Shape,
    rows: Vec<&'a [VectorLine]>,
    probes: Vec<Probe>,
}

/// A vector of the sample, and how far its nearest neighbors are.
struct Probe {
    at: u32,
    farthest: f32,
    wanted: usize,
}

impl<'a> Calibration<'a> {
    /// Finds the nearest neighbors of some vectors in a sample.
    pub(super) fn new(state: &'a State, scoring: Scoring, shape: Shape) -> Self {
        let components = state.layout().row_lines * LINE_WIDTH;
        let rows_max = (COMPARED_COMPONENTS / components).clamp(1_024, COMPARED_ROWS);
        let rows = sample(state, rows_max);
        let mut calibration = Self { state, scoring, shape, rows, probes: Vec::new() };
        let step = (calibration.rows.len() / PROBES).max(1);
        let places = (step / 2..calibration.rows.len()).step_by(step);
        calibration.probes = places.filter_map(|at| calibration.probe(at)).collect();
        calibration
    }

    /// The codes that serve, of the kind that the settings ask for where it does.
    pub(super) fn choose(&self, quantization: Quantization) -> Coding {
        let candidates: Vec<Coder> = match quantization {
            Quantization::None => return Coding::FULL,
            Quantization::Int8 => self.int8_coders(),
            Quantization::Binary => vec![Coder::Binary(BinaryCoder::new(self.center()))],
        };
        let mut best = (0.0, Coder::Full);
        for coder in candidates {
            let found = self.share_found(&coder);
            if found > best.0 {
                best = (found, coder);
            }
            if best.0 >= GOOD {
                break;
            }
        }
        if best.0 < least(&best.1) {
            return Coding::FULL;
        }
        let has_sketches = sketch::go_with(quantization, self.state.layout().row_lines);
        let sketcher = has_sketches.then(|| BinaryCoder::new(self.center()));
        Coding { coder: best.1, sketcher }
    }

    /// Whether codes made so serve the vectors there are by now.
    pub(super) fn serves(&self, coder: &Coder) -> bool {
        matches!(coder, Coder::Full) || self.share_found(coder) >= least(coder)
    }

    /// Codes of bytes, those that cost least and serve most first: a center costs nothing, but where
    /// lengths are very unequal it is far from the many short vectors, next to what they are apart.
    fn int8_coders(&self) -> Vec<Coder> {
        let metric = self.scoring.metric();
        let center = self.center();
        let rotation = Rotation::new(center.len() * LINE_WIDTH);
        let coders = [
            Int8Coder::new(metric, center.clone(), None),
            Int8Coder::new(metric, Vec::new(), None),
            Int8Coder::new(metric, center, Some(rotation.clone())),
            Int8Coder::new(metric, Vec::new(), Some(rotation)),
        ];
        coders.map(Coder::Int8).to_vec()
    }

    fn center(&self) -> Vec<VectorLine> {
        let components = self.state.layout().row_lines * LINE_WIDTH;
        let rows_max = (CENTER_COMPONENTS / components).clamp(256, 4_096);
        let step = (self.rows.len() / rows_max).max(1);
        let rows: Vec<&[VectorLine]> = self.rows.iter().copied().step_by(step).collect();
        medians(&rows)
    }

    /// The share of the nearest neighbors of all probes that are among the best by codes.
    fn share_found(&self, coder: &Coder) -> f64 {
        let row_lines = self.state.layout().row_lines;
        let graph = Graph::new(self.shape, coder.clone(), None, row_lines, 0);
        graph.write_codes(0, self.rows.iter().copied());
        let view = graph.view();
        let computer = view.computer(&graph, self.state, self.scoring);
        let slots: Vec<u32> = (0..self.rows.len() as u32).collect();
        let (mut prepared, mut distances) = (PreparedQuery::default(), Vec::new());
        let (mut found, mut wanted) = (0, 0);
        for probe in &self.probes {
            computer.prepare(self.rows[probe.at as usize], &mut prepared);
            computer.distances(&prepared, &slots, &mut distances);
            let mut order: Vec<(f32, u32)> =
                distances.iter().copied().zip(slots.iter().copied()).collect();
            order.swap_remove(probe.at as usize);
            let kept = RESCORED.min(order.len());
            if kept < order.len() {
                order.select_nth_unstable_by(kept, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            }
            let near = order[..kept]
                .iter()
                .filter(|near| self.distance(probe.at as usize, near.1 as usize) <= probe.farthest);
            found += near.count().min(probe.wanted);
            wanted += probe.wanted;
        }
        if wanted == 0 { 1.0 } else { found as f64 / wanted as f64 }
    }

    /// A vector with the distance of its last neighbor, unless none is at one that is a number.
    fn probe(&self, at: usize) -> Option<Probe> {
        let mut distances: Vec<f32> = (0..self.rows.len())
            .filter(|&other| other != at)
            .map(|other| self.distance(at, other))
            .filter(|distance| distance.is_finite())
            .collect();
        let wanted = NEIGHBORS.min(distances.len());
        let rank = wanted.checked_sub(1)?;
        let farthest = *distances.select_nth_unstable_by(rank, f32::total_cmp).1;
        Some(Probe { at: at as u32, farthest, wanted })
    }

    fn distance(&self, a: usize, b: usize) -> f32 {
        let mut distance = [0.0];
        self.scoring.distances(self.rows[a], &[self.rows[b]], &mut distance);
        distance[0]
    }
}

fn least(coder: &Coder) -> f64 {
    match coder {
        Coder::Full => 0.0,
        Coder::Int8(_) => INT8_MIN,
        Coder::Binary(_) => BINARY_MIN,
    }
}

/// Up to `rows_max` of the live rows, spread evenly.
fn sample(state: &State, rows_max: usize) -> Vec<&[VectorLine]> {
    let step = state.live_count().div_ceil(rows_max).max(1);
    let live = (0..state.chunks().len()).flat_map(|chunk_at| state.live_rows(chunk_at));
    live.step_by(step).map(|(_, row)| row).collect()
}
