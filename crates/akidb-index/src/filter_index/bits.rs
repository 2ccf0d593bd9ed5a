//! Sets of the slots of one block, and of those that are known to match and those that may.

/// A set of numbers below a fixed multiple of 64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn none(words: usize) -> Self {
        Self(vec![0; words])
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.0
    }

    #[inline]
    pub(super) fn set(&mut self, at: u16) {
        self.0[usize::from(at / 64)] |= 1 << (at % 64);
    }

    /// Takes one out, and says whether it was there.
    #[inline]
    pub(super) fn take(&mut self, at: u16) -> bool {
        let was = self.has(at);
        self.0[usize::from(at / 64)] &= !(1 << (at % 64));
        was
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }

    pub(super) fn set_range(&mut self, from: usize, to: usize) {
        for word_at in from / 64..to.div_ceil(64) {
            let low = from.saturating_sub(word_at * 64).min(63);
            let high = (to - word_at * 64).min(64);
            self.0[word_at] |= (u64::MAX << low) & (u64::MAX >> (64 - high));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    #[inline]
    pub(super) fn has(&self, at: u16) -> bool {
        self.0[usize::from(at / 64)] >> (at % 64) & 1 == 1
    }

    /// How many of them are also in `other`.
    pub(super) fn count_with(&self, other: &[u64]) -> u64 {
        let common = self.0.iter().zip(other).map(|(word, other)| word & other);
        common.map(|word| u64::from(word.count_ones())).sum()
    }

    pub(super) fn add(&mut self, other: &[u64]) {
        self.0.iter_mut().zip(other).for_each(|(word, other)| *word |= other);
    }

    pub(super) fn keep(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
    }

    pub(super) fn take_out(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= !other);
    }

    /// All of `universe` that is not in here.
    pub(super) fn complement(mut self, universe: &Self) -> Self {
        self.0.iter_mut().zip(&universe.0).for_each(|(word, all)| *word = all & !*word);
        self
    }

    pub(super) fn to_le_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}

/// What is known about the slots that match: `sure` do, and no others than those of `maybe` do.
pub(super) struct Interval {
    pub(super) sure: Bits,
    /// All of `sure` and what only the document itself could tell; the same as `sure` if absent.
    pub(super) maybe: Option<Bits>,
}

impl Interval {
    pub(super) fn exactly(sure: Bits) -> Self {
        Self { sure, maybe: None }
    }

    /// `sure` match, of `unsure` nothing is known.
    pub(super) fn with_unsure(sure: Bits, mut unsure: Bits) -> Self {
        if unsure.is_empty() {
            return Self::exactly(sure);
        }
        unsure.add(sure.words());
        Self { sure, maybe: Some(unsure) }
    }

    pub(super) fn maybe(&self) -> &Bits {
        self.maybe.as_ref().unwrap_or(&self.sure)
    }

    pub(super) fn and(&mut self, other: &Self) {
        if self.maybe.is_some() || other.maybe.is_some() {
            let mut maybe = self.maybe.take().unwrap_or_else(|| self.sure.clone());
            maybe.keep(other.maybe());
            self.maybe = Some(maybe);
        }
        self.sure.keep(&other.sure);
    }

    pub(super) fn or(&mut self, other: &Self) {
        if self.maybe.is_some() || other.maybe.is_some() {
            let mut maybe = self.maybe.take().unwrap_or_else(|| self.sure.clone());
            maybe.add(other.maybe().words());
            self.maybe = Some(maybe);
        }
        self.sure.add(other.sure.words());
    }

    pub(super) fn complement(self, universe: &Bits) -> Self {
        match self.maybe {
            None => Self::exactly(self.sure.complement(universe)),
            Some(maybe) => Self {
                sure: maybe.complement(universe),
                maybe: Some(self.sure.complement(universe)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_set_at_every_border() {
        for from in 0..130 {
            for to in from..=192 {
                let mut bits = Bits::none(3);
                bits.set_range(from, to);
                let mut expected = Bits::none(3);
                (from..to).for_each(|at| expected.set(at as u16));
                assert_eq!(bits, expected, "{from}..{to}");
            }
        }
    }
}
