//! Sums of products of bytes, by the best instructions that the processor has.
//!
//! Every way gives the same sums to the bit: they are exact, and a sum of `65_000` products of a
//! `u8` and an `i8` fits 32 bits. Out of scope: what the bytes mean.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use super::{PANEL, blocks};

/// The inputs that one instruction multiplies and sums in each lane.
pub(super) const GROUP: usize = 4;

/// The groups of inputs in a line: 64 bytes of inputs, as long as a row of an AMX tile. What a row
/// is deep is rounded up to whole lines.
pub(super) const LINE: usize = 16;

/// A line of inputs.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct InputLine(pub(super) [[u8; GROUP]; LINE]);

/// The weights of a line of inputs in all columns of a panel, a group of inputs after the other.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct PanelLine(pub(super) [[[i8; GROUP]; PANEL]; LINE]);

/// The most rows that a way multiplies at once: two AMX tiles.
const MOST_ROWS: usize = 32;

/// What a block of rows comes to in a panel.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Sums(pub(super) [[i32; PANEL]; MOST_ROWS]);

/// Rows of the same depth, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a> {
    /// `[rows, depth]`, whole rows.
    lines: &'a [InputLine],
    /// The lines of a row, at least 1.
    depth: usize,
}

impl<'a> Rows<'a> {
    /// Rows of `depth` lines.
    ///
    /// # Panics
    ///
    /// When the last one is not whole.
    pub(super) fn new(lines: &'a [InputLine], depth: usize) -> Self {
        assert!(lines.len().is_multiple_of(depth), "rows are whole");
        Self { lines, depth }
    }

    fn len(&self) -> usize {
        self.lines.len() / self.depth
    }

    fn row(&self, row: usize) -> &'a [InputLine] {
        &self.lines[row * self.depth..][..self.depth]
    }
}

/// A way to make sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::native) enum Dot {
    /// `tdpbusd` on tiles.
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    Amx,
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
    pub(in crate::native) fn present() -> impl Iterator<Item = Self> {
        let all = [
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            (Self::Amx, amx::is_granted()),
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
    pub(in crate::native) fn best() -> Self {
        Self::present().next().unwrap_or(Self::Portable)
    }

    /// The instructions, as their makers call them; `portable` is what the compiler makes of a loop.
    pub(in crate::native) fn instructions(self) -> &'static str {
        match self {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Self::Amx => "AMX",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => "AVX-512 VNNI",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => "AVX-VNNI",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "AVX2",
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => "NEON with dot products",
            Self::Portable => "portable",
        }
    }

    /// Cuts `rows` rows into blocks that are best multiplied at once; gives the first row and the
    /// rows of each.
    pub(super) fn blocks(self, rows: usize) -> impl Iterator<Item = (usize, usize)> {
        let (most, granule) = match self {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Self::Amx => (MOST_ROWS, MOST_ROWS / 2),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => (super::BLOCK_ROWS, 1),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni | Self::Avx2 => (3, 1),
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => (3, 1),
            Self::Portable => (1, 1),
        };
        blocks(rows, most, granule)
    }

    /// Writes the sums of the rows, of which there are as many as in a block of [`Dot::blocks`] at
    /// the most.
    ///
    /// # Panics
    ///
    /// When the rows are not as deep as the panel, or too many.
    #[inline]
    pub(super) fn multiply(self, rows: Rows<'_>, panel: &[PanelLine], sums: &mut Sums) {
        assert_eq!(rows.depth, panel.len(), "rows are as deep as a panel");
        match self {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Self::Amx => amx::multiply(rows, panel, sums),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => x86_64::multiply_avx512_vnni(rows, panel, sums),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => x86_64::multiply_avx_vnni(rows, panel, sums),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => x86_64::multiply_avx2(rows, panel, sums),
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => aarch64::multiply_dot(rows, panel, sums),
            Self::Portable => portable::multiply(rows, panel, sums),
        }
    }
}

impl Default for InputLine {
    fn default() -> Self {
        Self([[0; GROUP]; LINE])
    }
}

impl Default for PanelLine {
    fn default() -> Self {
        Self([[[0; GROUP]; PANEL]; LINE])
    }
}

impl Default for Sums {
    fn default() -> Self {
        Self([[0; PANEL]; MOST_ROWS])
    }
}

#[cfg(test)]
mod tests {
    use std::array;

    use super::*;

    #[test]
    fn every_way_gives_the_same_sums_also_of_the_greatest_bytes() {
        let mixed = |i: usize| u8::try_from(i * 7919 % 251).unwrap();
        for depth in [1, 2, 7] {
            for greatest in [false, true] {
                let byte = |i: usize| if greatest { 255 } else { mixed(i) };
                let weight = |i: usize| if greatest { -128 } else { mixed(i + 17).cast_signed() };
                let lines: Vec<InputLine> = (0..MOST_ROWS * depth)
                    .map(|line| {
                        let group = |g: usize| array::from_fn(|i| byte(line * 31 + g * 4 + i));
                        InputLine(array::from_fn(group))
                    })
                    .collect();
                let panel: Vec<PanelLine> = (0..depth)
                    .map(|line| {
                        let group = |c: usize, g: usize| {
                            array::from_fn(|i| weight(line * 63 + c * 7 + g * 4 + i))
                        };
                        PanelLine(array::from_fn(|g| array::from_fn(|c| group(c, g))))
                    })
                    .collect();
                check(&lines, &panel);
            }
        }
    }

    fn check(lines: &[InputLine], panel: &[PanelLine]) {
        let all = Rows::new(lines, panel.len());
        let expected = |row: usize, column: usize| -> i32 {
            let inputs = all.row(row).iter().flat_map(|line| line.0.as_flattened());
            let groups = panel.iter().flat_map(|line| line.0.as_slice());
            let weights = groups.flat_map(|group| group[column]);
            inputs.zip(weights).map(|(a, w)| i32::from(*a) * i32::from(w)).sum()
        };
        for dot in Dot::present() {
            for (first, count) in (1..=MOST_ROWS).flat_map(|rows| dot.blocks(rows)) {
                let mut sums = Sums::default();
                let rows = &lines[first * panel.len()..][..count * panel.len()];
                dot.multiply(Rows::new(rows, panel.len()), panel, &mut sums);
                for (row, sums) in sums.0.iter().take(count).enumerate() {
                    for (column, sum) in sums.iter().enumerate() {
                        assert_eq!(*sum, expected(first + row, column), "{dot:?}, {count} rows");
                    }
                }
            }
        }
    }
}
