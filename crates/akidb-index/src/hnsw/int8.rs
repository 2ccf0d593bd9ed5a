//! Codes of one byte a component.
//!
//! A component `x` becomes `round((x - centre) / scale)`, cut off at 127, and is stored plus 128. The
//! scale is one for all components, so that sums of products of codes are exact whole numbers. It is
//! measured on vectors that are there when the graph begins, so that about one component in 10,000 is
//! cut off: the few outliers would cost every other component its precision. For the Euclidean
//! distance, where the origin does not matter, each component counts from its median.

use akidb_core::Metric;

use crate::{
    code_line::{CodeLine, LINE_BYTES, lines_of},
    lane::{LANE_WIDTH, Lane},
};

/// What a stored byte means 0.
pub(super) const ZERO_CODE: u8 = 128;

/// The largest size of a component in steps of the scale.
const STEPS_MAX: f32 = 127.0;

/// Lines whose bytes are added up in numbers of 16 bits.
const LINES_SUMMED: usize = 128;

/// The share of components that may be cut off, by which the scale is chosen.
const CLIPPED_SHARE: f64 = 0.000_1;

/// How many may be cut off in any case, of a sample that is large enough for it.
const CLIPPED_MIN: usize = 4;

/// Components that the scale is measured on.
pub(super) const CALIBRATION_COMPONENTS: usize = 2_000_000;

/// How vectors of one graph become codes and back.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Int8Coder {
    /// What one step of a code is worth; positive and finite.
    scale: f32,
    /// Subtracted from each component, padded to lanes; empty where it is 0 everywhere.
    centre: Vec<Lane>,
}

impl Int8Coder {
    pub(super) fn new(scale: f32, centre: Vec<Lane>) -> Self {
        Self { scale, centre }
    }

    /// Measures the scale on some rows of the index.
    pub(super) fn calibrated(metric: Metric, rows: &[&[Lane]]) -> Self {
        let centre = match metric {
            Metric::Cosine | Metric::Dot => Vec::new(),
            Metric::L2 => medians(rows),
        };
        let mut coder = Self { scale: 1.0, centre };
        let mut sizes: Vec<f32> = Vec::new();
        for row in rows {
            for (at, lane) in row.iter().enumerate() {
                sizes.extend(coder.centred(at, lane).map(f32::abs));
            }
        }
        sizes.retain(|size| size.is_finite() && *size > 0.0);
        let clipped = (sizes.len() as f64 * CLIPPED_SHARE) as usize + CLIPPED_MIN;
        let clipped = clipped.min(sizes.len() / 8);
        if let Some(rank) = sizes.len().checked_sub(clipped + 1) {
            let (_, largest, _) = sizes.select_nth_unstable_by(rank, f32::total_cmp);
            coder.scale = bounded(*largest / STEPS_MAX);
        }
        coder
    }

    pub(super) fn scale(&self) -> f32 {
        self.scale
    }

    pub(super) fn centre(&self) -> &[Lane] {
        &self.centre
    }

    /// Lines of the code of a row of `row_lanes`.
    pub(super) fn code_lines(row_lanes: usize) -> usize {
        lines_of(row_lanes * LANE_WIDTH)
    }

    #[inline(always)]
    fn centred(&self, at: usize, lane: &Lane) -> [f32; LANE_WIDTH] {
        match self.centre.get(at) {
            None => lane.0,
            Some(centre) => std::array::from_fn(|place| lane.0[place] - centre.0[place]),
        }
    }

    /// Writes the code of a row; says how many components were cut off.
    pub(super) fn encode(&self, row: &[Lane], code: &mut [CodeLine]) -> usize {
        let inverse = self.scale.recip();
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(code);
        let (codes, padding) = bytes.split_at_mut(row.len() * LANE_WIDTH);
        padding.fill(ZERO_CODE);
        let (codes, _) = codes.as_chunks_mut::<LANE_WIDTH>();
        let mut clipped = 0;
        for (at, (lane, codes)) in row.iter().zip(codes).enumerate() {
            let steps = self.centred(at, lane).map(|component| component * inverse);
            clipped +=
                steps.iter().map(|step| u32::from(step.abs() > STEPS_MAX + 0.5)).sum::<u32>();
            *codes = steps.map(to_code);
        }
        clipped as usize
    }
}

/// Writes a query as signed bytes with a scale of its own, which is returned: unlike a stored
/// vector it may be of any size.
pub(super) fn encode_query(row: &[Lane], code: &mut [CodeLine]) -> f32 {
    let mut sizes = [0.0_f32; LANE_WIDTH];
    for lane in row {
        for (largest, size) in sizes.iter_mut().zip(lane.0.map(f32::abs)) {
            let is_larger = size > *largest && size < f32::INFINITY;
            *largest = if is_larger { size } else { *largest };
        }
    }
    let largest = sizes.into_iter().fold(0.0, f32::max);
    let scale = if largest > 0.0 { bounded(largest / STEPS_MAX) } else { 1.0 };
    Int8Coder::new(scale, Vec::new()).encode(row, code);
    to_signed(code);
    scale
}

/// A scale near the given one that no sum of products overflows or vanishes with.
fn bounded(scale: f32) -> f32 {
    scale.clamp(1e-18, 1e14)
}

/// Turns stored bytes into signed ones.
pub(super) fn to_signed(code: &mut [CodeLine]) {
    for line in code {
        line.0.iter_mut().for_each(|byte| *byte ^= ZERO_CODE);
    }
}

/// The sum of signed bytes.
pub(super) fn signed_sum(code: &[CodeLine]) -> i32 {
    // So many bytes of -128 add up to less than a sum has room for.
    code.chunks(LINES_SUMMED)
        .map(|lines| {
            let mut sums = [0_i16; LINE_BYTES];
            for line in lines {
                let bytes = line.0.map(|byte| i16::from(byte.cast_signed()));
                sums.iter_mut().zip(bytes).for_each(|(sum, byte)| *sum += byte);
            }
            sums.into_iter().map(i32::from).sum::<i32>()
        })
        .sum()
}

/// The nearest step, plus 128. A component that is not a number becomes the lowest.
#[inline(always)]
fn to_code(steps: f32) -> u8 {
    // Where one step is the last place of a number, adding rounds, and the lowest byte is the code.
    const ROUNDING: f32 = (1 << 23) as f32;
    (steps.clamp(-STEPS_MAX, STEPS_MAX) + (ROUNDING + f32::from(ZERO_CODE))).to_bits() as u8
}

/// The median of each component, which a few extreme vectors do not move.
pub(super) fn medians(rows: &[&[Lane]]) -> Vec<Lane> {
    let mut column = Vec::with_capacity(rows.len());
    let mut median = |at: usize, place: usize| {
        column.clear();
        column.extend(rows.iter().map(|row| row[at].0[place]).filter(|value| value.is_finite()));
        let middle = column.len() / 2;
        if column.is_empty() {
            return 0.0;
        }
        *column.select_nth_unstable_by(middle, f32::total_cmp).1
    };
    let row_lanes = rows.first().map_or(0, |row| row.len());
    (0..row_lanes).map(|at| Lane(std::array::from_fn(|place| median(at, place)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(components: impl IntoIterator<Item = f32>) -> Vec<Lane> {
        let mut rows = Vec::new();
        let components: Vec<f32> = components.into_iter().collect();
        crate::lane::push_row(&mut rows, &components, 1.0);
        rows
    }

    #[test]
    fn codes_are_the_nearest_steps_and_outliers_are_cut_off() {
        let coder = Int8Coder::new(0.5, Vec::new());
        let mut code = [CodeLine::ZERO];
        let row = row([0.0, 0.5, -0.5, 0.24, 0.26, 63.5, 70.0, -70.0, f32::INFINITY]);
        assert_eq!(coder.encode(&row, &mut code), 3);
        assert_eq!(code[0].0[..9], [128, 129, 127, 128, 129, 255, 255, 1, 255]);
        assert!(code[0].0[9..].iter().all(|&padding| padding == ZERO_CODE));
    }

    #[test]
    fn the_scale_follows_the_bulk_of_the_components() {
        let mut rows: Vec<Vec<Lane>> = (0..1_000)
            .map(|seed| row((0..16).map(|at| ((seed * 16 + at) % 255) as f32 - 127.0)))
            .collect();
        rows[7] = row([1e30; 1]);
        let rows: Vec<&[Lane]> = rows.iter().map(Vec::as_slice).collect();
        let scale = Int8Coder::calibrated(Metric::Cosine, &rows).scale();
        assert!((0.9..1.1).contains(&scale), "{scale}");
    }

    #[test]
    fn under_l2_a_common_offset_costs_no_precision() {
        let rows: Vec<Vec<Lane>> =
            (0..200).map(|seed| row((0..20).map(|at| 1e4 + ((seed + at) % 10) as f32))).collect();
        let rows: Vec<&[Lane]> = rows.iter().map(Vec::as_slice).collect();
        let coder = Int8Coder::calibrated(Metric::L2, &rows);
        assert!(coder.scale() < 0.1, "{}", coder.scale());
        assert!(coder.centre()[1].0[4..].iter().all(|&padding| padding == 0.0));
    }

    #[test]
    fn rows_of_zeros_and_no_rows_have_a_scale() {
        for rows in [vec![], vec![row([0.0; 5])]] {
            let rows: Vec<&[Lane]> = rows.iter().map(Vec::as_slice).collect();
            assert_eq!(Int8Coder::calibrated(Metric::Dot, &rows).scale(), 1.0);
        }
        let mut code = [CodeLine::ZERO];
        assert_eq!(encode_query(&row([0.0; 5]), &mut code), 1.0);
        assert_eq!(signed_sum(&code), 0);
    }
}
