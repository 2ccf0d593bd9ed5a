//! Sums by a plain loop, for processors without anything better.

use super::{PanelLine, Rows, Sums};

pub(super) fn multiply(rows: Rows<'_>, panel: &[PanelLine], sums: &mut Sums) {
    for (row, sums) in (0..rows.len()).zip(&mut sums.0) {
        sums.fill(0);
        let groups = rows.row(row).iter().flat_map(|line| &line.0);
        for (inputs, weights) in groups.zip(panel.iter().flat_map(|line| &line.0)) {
            let inputs = inputs.map(i32::from);
            for (sum, weights) in sums.iter_mut().zip(weights) {
                let products = inputs.iter().zip(weights).map(|(a, w)| a * i32::from(*w));
                *sum += products.sum::<i32>();
            }
        }
    }
}
