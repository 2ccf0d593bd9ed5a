//! Sketches: codes of bits beside codes of bytes, by which most vectors are told to be too far
//! without reading more of them.
//!
//! A sketch is a line where a code of bytes is six (384 components). Its estimate of a distance has
//! a known error, Gao and Long 2024, theorem 3.2; whatever is farther than the bar by more than
//! some of these errors is left out, the rest is measured by its code. So what is found is what
//! codes of bytes would find, but for the few whose estimates are that far off.

use std::ops::Range;

use akidb_core::{Metric, Quantization};

use super::{
    binary::{BinaryCoder, bit_bytes},
    blocks::Blocks,
    int8::Int8Coder,
};
use crate::{
    code_kernel::{self, Bound, CodeRun, Terms},
    code_line::{CodeLine, LINE_BYTES},
    scoring::Scoring,
    vector_line::{VectorLine, lines_per_row},
};

/// Lines of a code of bytes from which on a sketch saves enough of them.
const CODE_LINES_MIN: usize = 4;

/// Rows compared in one call of a kernel.
const ROWS_AT_ONCE: usize = 32;

/// Errors that an estimate may be off by. Gao and Long take 1.9; of 2,000 nearest neighbors among
/// 107,000 sentence vectors none was left out with it, nor with 1.2.
const ERRORS: f32 = 1.9;

/// How sketches are made, and those there are.
#[derive(Clone, Copy)]
pub(super) struct Sketches<'a> {
    pub(super) coder: &'a BinaryCoder,
    pub(super) codes: &'a Blocks<CodeLine>,
}

/// A vector made ready to be compared with sketches; kept to be used again without allocating.
#[derive(Default)]
pub(super) struct PreparedSketch {
    planes: Vec<CodeLine>,
    components: Vec<f32>,
    /// Whether there is one.
    pub(super) is_set: bool,
    bound: Bound,
}

/// Whether there are sketches beside codes that are made so, of rows of `row_lines`.
pub(super) fn go_with(quantization: Quantization, row_lines: usize) -> bool {
    quantization == Quantization::Int8 && Int8Coder::code_lines(row_lines) >= CODE_LINES_MIN
}

/// Bytes of the code of a vector in a graph, its sketch included.
#[must_use]
pub fn code_bytes(dimension: usize, quantization: Quantization) -> usize {
    let row_lines = lines_per_row(dimension);
    let code_lines = match quantization {
        Quantization::None => 0,
        Quantization::Int8 => Int8Coder::code_lines(row_lines),
        Quantization::Binary => BinaryCoder::code_lines(row_lines),
    };
    let has_sketch = go_with(quantization, row_lines);
    let sketch_lines = if has_sketch { BinaryCoder::code_lines(row_lines) } else { 0 };
    (code_lines + sketch_lines) * LINE_BYTES
}

impl Sketches<'_> {
    /// Makes a padded and scaled row ready.
    pub(super) fn prepare(
        &self,
        row: &[VectorLine],
        scoring: Scoring,
        prepared: &mut PreparedSketch,
    ) {
        let PreparedSketch { planes, components, is_set, bound } = prepared;
        let metric = scoring.metric();
        *is_set = true;
        let query = self.coder.encode_query(row, metric == Metric::L2, planes, components);
        let mut center_product = [0.0];
        if metric != Metric::L2 {
            scoring.measure(row, &[self.coder.center()], &mut center_product);
        }
        let products = query.product_bound(ERRORS);
        *bound = match metric {
            Metric::Cosine => Bound { base: 1.0 - center_product[0], ..products },
            Metric::Dot => Bound { base: -center_product[0], ..products },
            Metric::L2 => products.of_squared_distance(query.squared_length()),
        };
    }

    /// Leaves out of `slots` those that are not nearer than `bar`, but for hardly any. A bound that
    /// is no number is no reason to.
    pub(super) fn retain_nearer(&self, prepared: &PreparedSketch, slots: &mut Vec<u32>, bar: f32) {
        let terms_at = bit_bytes(self.coder.center().len());
        let mut kept = 0;
        for begin in (0..slots.len()).step_by(ROWS_AT_ONCE) {
            let count = ROWS_AT_ONCE.min(slots.len() - begin);
            let mut rows: [&[CodeLine]; ROWS_AT_ONCE] = [&[]; ROWS_AT_ONCE];
            let mut measures = [0; ROWS_AT_ONCE];
            for (row, &slot) in rows.iter_mut().zip(&slots[begin..begin + count]) {
                *row = self.codes.row(slot);
            }
            let (rows, measures) = (&rows[..count], &mut measures[..count]);
            (code_kernel::fastest().bits)(&prepared.planes, rows, measures);
            for (at, (row, &mut measure)) in rows.iter().zip(measures).enumerate() {
                let is_farther = prepared.bound.of(Terms::of(row, terms_at), measure) >= bar;
                slots[kept] = slots[begin + at];
                kept += usize::from(!is_farther);
            }
        }
        slots.truncate(kept);
    }

    /// Puts the slots of a range that may be nearer than `bar` into `nearer`. The range lies in
    /// one block.
    pub(super) fn find_nearer(
        &self,
        prepared: &PreparedSketch,
        range: Range<u32>,
        bar: f32,
        nearer: &mut Vec<u32>,
    ) {
        let terms_at = bit_bytes(self.coder.center().len());
        let row_lines = self.codes.row_len();
        let kernels = code_kernel::fastest();
        nearer.clear();
        nearer.resize(range.len(), 0);
        let mut kept = 0;
        let (mut measures, mut bounds) = ([0; ROWS_AT_ONCE], [0.0; ROWS_AT_ONCE]);
        for begin in range.clone().step_by(ROWS_AT_ONCE) {
            let end = range.end.min(begin + ROWS_AT_ONCE as u32);
            let run = CodeRun { rows: self.codes.run(begin..end), row_lines, terms_at };
            let count = (end - begin) as usize;
            (kernels.bits_in_a_row)(&prepared.planes, run.rows, row_lines, &mut measures[..count]);
            (kernels.bounds)(&prepared.bound, run, &measures[..count], &mut bounds[..count]);
            for (slot, &bound) in (begin..end).zip(&bounds) {
                nearer[kept] = slot;
                // A bound that is no number is not below the bar, and no reason to leave one out.
                let is_farther = bound >= bar;
                kept += usize::from(!is_farther);
            }
        }
        nearer.truncate(kept);
    }
}

impl Bound {
    fn of_squared_distance(self, squared_length: f32) -> Self {
        Self {
            base: squared_length,
            of_squared_length: 1.0,
            of_ones: 2.0 * self.of_ones,
            of_measure: 2.0 * self.of_measure,
            constant: 2.0 * self.constant,
            of_error: 2.0 * self.of_error,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel;

    /// Vectors around a few centers, as real ones are.
    fn vectors(seed: u64, count: usize, dimension: usize) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2).wrapping_add(1);
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_889);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        let centers: Vec<f32> = (0..8 * dimension).map(|_| random()).collect();
        let component = |at: usize, random: &mut dyn FnMut() -> f32| {
            let (row, place) = (at / dimension, at % dimension);
            centers[row % 8 * dimension + place] + random()
        };
        (0..count * dimension).map(|at| component(at, &mut random)).collect()
    }

    fn exact_distance(
        metric: Metric,
        scoring: Scoring,
        query: &[VectorLine],
        row: &[VectorLine],
    ) -> f32 {
        let mut measure = [0.0];
        scoring.measure(query, &[row], &mut measure);
        match metric {
            Metric::Cosine => 1.0 - measure[0],
            Metric::Dot => -measure[0],
            Metric::L2 => measure[0],
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn hardly_any_vector_below_the_bar_is_left_out(
            seed in any::<u64>(),
            dimension in 200_usize..800,
            metric in prop::sample::select(vec![Metric::Cosine, Metric::Dot, Metric::L2]),
        ) {
            let scoring = Scoring::new(metric, &kernel::fastest());
            let (lines, count) = (lines_per_row(dimension), 512);
            let rows = scoring.rows(&vectors(seed, count + 1, dimension), dimension);
            let mut rows: Vec<&[VectorLine]> = rows.chunks(lines).collect();
            let query = rows.pop().unwrap_or_default();
            let coder = BinaryCoder::new(super::super::int8::medians(&rows));
            let mut codes = Blocks::new(BinaryCoder::code_lines(lines), 10);
            codes.grow(count);
            let mut code = vec![CodeLine::ZERO; codes.row_len()];
            for (slot, row) in (0..).zip(&rows) {
                coder.encode(row, &mut code, &mut Vec::new());
                #[expect(unsafe_code, reason = "nobody else has these blocks")]
                // SAFETY: the only thread there is.
                unsafe { codes.write(slot, &code) };
            }
            let sketches = Sketches { coder: &coder, codes: &codes };
            let mut prepared = PreparedSketch::default();
            sketches.prepare(query, scoring, &mut prepared);
            let distances: Vec<f32> =
                rows.iter().map(|row| exact_distance(metric, scoring, query, row)).collect();
            let mut sorted = distances.clone();
            sorted.sort_by(f32::total_cmp);
            let bar = sorted[count / 8];

            let mut listed: Vec<u32> = (0..count as u32).collect();
            sketches.retain_nearer(&prepared, &mut listed, bar);
            let mut found = Vec::new();
            let mut ranged = Vec::new();
            for begin in (0..count as u32).step_by(64) {
                sketches.find_nearer(&prepared, begin..begin + 64, bar, &mut ranged);
                found.append(&mut ranged);
            }
            prop_assert_eq!(&listed, &found);
            let below = |slot: &u32| distances[*slot as usize] < bar;
            let kept = found.iter().filter(|slot| below(slot)).count();
            prop_assert!(kept * 100 >= count / 8 * 95, "{} of {} stayed", kept, count / 8);
            prop_assert!(found.len() < count * 9 / 10, "{} of {} stayed", found.len(), count);
        }
    }
}
