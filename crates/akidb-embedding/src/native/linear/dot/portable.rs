//! Sums by a plain loop, for processors without anything better.

use super::{PanelGroup, Rows, Sums};

pub(super) fn multiply(rows: &Rows<'_>, count: usize, panel: &[PanelGroup], sums: &mut Sums) {
    for (row, sums) in rows.iter().zip(&mut sums.0).take(count) {
        sums.fill(0);
        for (inputs, weights) in row.iter().zip(panel) {
            let inputs = inputs.map(i32::from);
            for (sum, weights) in sums.iter_mut().zip(&weights.0) {
                let products = inputs.iter().zip(weights).map(|(a, w)| a * i32::from(*w));
                *sum += products.sum::<i32>();
            }
        }
    }
}
