//! The part of BM25 that depends on a document: how much more each further occurrence counts.

use crate::count_code;

/// How soon further occurrences count less.
const K1: f64 = 1.2;

/// How much the length of a document counts.
const B: f64 = 0.75;

/// Codes of counts that are looked up.
const COUNTS: usize = 8;

/// What a term of weight 1 adds to the score of a document, `count (K1 + 1) / (count + K1 (1 - B + B length / average))`.
pub(crate) struct Saturation {
    /// By the code of the length.
    norms: [f32; 256],
    /// By the codes of the count and of the length.
    table: Box<[[f32; 256]; COUNTS]>,
}

impl Saturation {
    /// Of documents of a length on average, in words.
    pub(crate) fn new(average: f64) -> Self {
        let mut norms = [0.0; 256];
        for (code, norm) in (0..=u8::MAX).zip(&mut norms) {
            let length = f64::from(count_code::decode(code));
            *norm = (K1 * (1.0 - B + B * length / average.max(1.0))) as f32;
        }
        let mut table = Box::new([[0.0; 256]; COUNTS]);
        for (count, row) in (0..).zip(&mut *table).skip(1) {
            for (norm, entry) in norms.iter().zip(row) {
                *entry = saturated(count, *norm);
            }
        }
        Self { norms, table }
    }

    /// By the codes of the count and of the length. More of a count, or less of a length, is never less.
    #[inline]
    pub(crate) fn of(&self, count: u8, length: u8) -> f32 {
        match self.table.get(usize::from(count)) {
            Some(row) => row[usize::from(length)],
            None => saturated(count, self.norms[usize::from(length)]),
        }
    }
}

/// In an order of rounding that keeps it monotone.
fn saturated(count: u8, norm: f32) -> f32 {
    (K1 + 1.0) as f32 / (1.0 + norm / count_code::decode(count) as f32)
}

/// How much a term tells, by the documents that have it: Lucene's form, which is above 0.
pub(crate) fn idf(documents: u64, having: u64) -> f64 {
    let (documents, having) = (documents.max(having) as f64, having as f64);
    (1.0 + (documents - having + 0.5) / (having + 0.5)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_monotone_and_those_of_bm25() {
        let saturation = Saturation::new(100.0);
        for length in 1..=u8::MAX {
            for count in 1..=u8::MAX {
                let score = saturation.of(count, length);
                assert!(count == 1 || score >= saturation.of(count - 1, length));
                assert!(length == 1 || score <= saturation.of(count, length - 1));
            }
        }
        let (count, length) = (count_code::encode(3), count_code::encode(40));
        let expected = 3.0 * 2.2 / (3.0 + 1.2 * (0.25 + 0.75 * 40.0 / 100.0));
        assert!((f64::from(saturation.of(count, length)) - expected).abs() < 1e-6);
        assert!((idf(10, 2) - (8.5_f64 / 2.5 + 1.0).ln()).abs() < 1e-12);
        assert!(idf(10, 10) > 0.0 && idf(0, 3) > 0.0);
    }
}
