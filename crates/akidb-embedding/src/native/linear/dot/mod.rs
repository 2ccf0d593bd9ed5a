//! Sums of products of bytes, by the best instructions that the processor has.
//!
//! Every way gives the same sums to the bit: they are exact, and a sum of `65_000` products of a
//! `u8` and an `i8` fits 32 bits. Out of scope: what the bytes mean.

#[cfg(target_arch = "aarch64")]
mod aarch64;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use super::{BLOCK_ROWS, PANEL};

/// The inputs that one instruction multiplies and sums in each lane.
pub(super) const GROUP: usize = 4;

/// The weights of a group of inputs in all columns of a panel.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct PanelGroup(pub(super) [[i8; GROUP]; PANEL]);

/// What a block of rows comes to in a panel.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Sums(pub(super) [[i32; PANEL]; BLOCK_ROWS]);

/// The rows of a block, of which the first ones count.
pub(super) type Rows<'a> = [&'a [[u8; GROUP]]; BLOCK_ROWS];

/// A way to make sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dot {
    /// `vpdpbusd` on 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// `vpdpbusd` on 256 bits.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// `vpmaddwd` over bytes widened to 16 bits; `vpmaddubsw` would saturate.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// `sdot`.
    #[cfg(target_arch = "aarch64")]
    NeonDot,
    /// Whatever the compiler makes of a loop.
    Portable,
}

impl Dot {
    /// Those that this processor has, the best one first.
    pub(super) fn present() -> impl Iterator<Item = Self> {
        let all = [
            #[cfg(target_arch = "x86_64")]
            (Self::Avx512Vnni, x86_64::has_avx512_vnni()),
            #[cfg(target_arch = "x86_64")]
            (Self::AvxVnni, x86_64::has_avx_vnni()),
            #[cfg(target_arch = "x86_64")]
            (Self::Avx2, x86_64::has_avx2()),
            #[cfg(target_arch = "aarch64")]
            (Self::NeonDot, aarch64::has_dot()),
            (Self::Portable, true),
        ];
        all.into_iter().filter(|(_, present)| *present).map(|(dot, _)| dot)
    }

    /// The best one of this processor.
    pub(super) fn best() -> Self {
        Self::present().next().unwrap_or(Self::Portable)
    }

    /// The rows that are best multiplied at once.
    pub(super) fn rows(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => BLOCK_ROWS,
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni | Self::Avx2 => 3,
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => 3,
            Self::Portable => 1,
        }
    }

    /// Writes the sums of the first `count` rows, 1 to [`Dot::rows`], each as many groups as the
    /// panel is deep.
    #[inline]
    pub(super) fn multiply(
        self,
        rows: &Rows<'_>,
        count: usize,
        panel: &[PanelGroup],
        sums: &mut Sums,
    ) {
        assert!(rows.iter().all(|row| row.len() == panel.len()), "rows are as long as a panel");
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => x86_64::multiply_avx512_vnni(rows, count, panel, sums),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => x86_64::multiply_avx_vnni(rows, count, panel, sums),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => x86_64::multiply_avx2(rows, count, panel, sums),
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => aarch64::multiply_dot(rows, count, panel, sums),
            Self::Portable => portable::multiply(rows, count, panel, sums),
        }
    }
}

impl Default for PanelGroup {
    fn default() -> Self {
        Self([[0; GROUP]; PANEL])
    }
}

impl Default for Sums {
    fn default() -> Self {
        Self([[0; PANEL]; BLOCK_ROWS])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_gives_the_same_sums_also_of_the_greatest_bytes() {
        let mixed = |i: usize| u8::try_from(i * 7919 % 251).unwrap();
        for depth in [1, 2, 3, 96, 97] {
            for greatest in [false, true] {
                let byte = |i: usize| if greatest { 255 } else { mixed(i) };
                let weight = |i: usize| if greatest { -128 } else { mixed(i + 17).cast_signed() };
                let rows: Vec<Vec<[u8; GROUP]>> = (0..BLOCK_ROWS)
                    .map(|row| {
                        let group = |g: usize| std::array::from_fn(|i| byte(row * 31 + g * 4 + i));
                        (0..depth).map(group).collect()
                    })
                    .collect();
                let panel: Vec<PanelGroup> = (0..depth)
                    .map(|g| {
                        let column = |c: usize| std::array::from_fn(|i| weight(c * 7 + g * 4 + i));
                        PanelGroup(std::array::from_fn(column))
                    })
                    .collect();
                check(&rows, &panel);
            }
        }
    }

    fn check(rows: &[Vec<[u8; GROUP]>], panel: &[PanelGroup]) {
        let expected = |row: usize, column: usize| -> i32 {
            let groups = rows[row].iter().zip(panel);
            let products = groups.flat_map(|(inputs, weights)| {
                inputs.iter().zip(weights.0[column]).map(|(a, w)| i32::from(*a) * i32::from(w))
            });
            products.sum()
        };
        let all: Rows<'_> = std::array::from_fn(|row| rows[row].as_slice());
        for dot in Dot::present() {
            for count in 1..=dot.rows() {
                let mut sums = Sums::default();
                dot.multiply(&all, count, panel, &mut sums);
                for row in 0..count {
                    for column in 0..PANEL {
                        assert_eq!(sums.0[row][column], expected(row, column), "{dot:?}");
                    }
                }
            }
        }
    }
}
