//! Distances of one graph: from a query, prepared once, to any slots.
//!
//! A distance is lower for closer vectors: one less the cosine, the negative inner product, or the
//! squared Euclidean distance, from codes or from full vectors.

use std::ops::Range;

use akidb_core::Metric;

use super::{
    binary::{BinaryCoder, BinaryQuery},
    blocks::{Blocks, ROWS_AT_ONCE, prefetch},
    int8::{Int8Coder, PreparedInt8, RowTerms},
    sketch::{PreparedSketch, Sketches},
};
use crate::{
    Codes, code_kernel, code_line::CodeLine, exact::State, scoring::Scoring,
    vector_line::VectorLine,
};

/// Slots measured in one call of a kernel.
const BATCH_ROWS: usize = ROWS_AT_ONCE;

/// How the vectors of a graph are coded.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Coder {
    /// Not at all.
    Full,
    Int8(Int8Coder),
    Binary(BinaryCoder),
}

impl Coder {
    /// Lines of a code of a row of `row_lines`.
    pub(super) fn code_lines(&self, row_lines: usize) -> usize {
        match self {
            Self::Full => 0,
            Self::Int8(_) => Int8Coder::code_lines(row_lines),
            Self::Binary(_) => BinaryCoder::code_lines(row_lines),
        }
    }

    /// What codes count from, padded to lines; empty for the origin.
    pub(super) fn center(&self) -> &[VectorLine] {
        match self {
            Self::Full => &[],
            Self::Int8(coder) => coder.center(),
            Self::Binary(coder) => coder.center(),
        }
    }

    /// What its codes are.
    pub(super) fn codes(&self) -> Codes {
        match self {
            Self::Full => Codes::F32,
            Self::Int8(_) => Codes::Int8,
            Self::Binary(_) => Codes::Binary,
        }
    }

    /// Writes the code of a row, and says what stands beside it. `components` is memory to work in.
    pub(super) fn encode(
        &self,
        row: &[VectorLine],
        code: &mut [CodeLine],
        components: &mut Vec<f32>,
    ) -> RowTerms {
        match self {
            Self::Full => RowTerms::default(),
            Self::Int8(coder) => coder.encode(row, code, components),
            Self::Binary(coder) => {
                coder.encode(row, code, components);
                RowTerms::default()
            }
        }
    }
}

/// The codes and vectors of a graph at one moment.
#[derive(Clone, Copy)]
pub(super) struct DistanceComputer<'a> {
    pub(super) coder: &'a Coder,
    pub(super) codes: &'a Blocks<CodeLine>,
    /// What stands beside codes of bytes; without rows where there are others.
    pub(super) terms: &'a Blocks<RowTerms>,
    pub(super) sketches: Option<Sketches<'a>>,
    pub(super) state: &'a State,
    pub(super) scoring: Scoring,
}

/// A vector made ready to be measured against others; kept to be used again without allocating.
#[derive(Default)]
pub(super) struct PreparedQuery {
    code: Vec<CodeLine>,
    row: Vec<VectorLine>,
    /// Over bytes.
    int8: PreparedInt8,
    /// Over bits.
    binary: BinaryQuery,
    /// The inner product with the center, which codes of bits leave out.
    center_product: f32,
    components: Vec<f32>,
    sketch: PreparedSketch,
}

impl DistanceComputer<'_> {
    /// Makes a row that is ready to be measured ready for sketches too, where there are any.
    pub(super) fn prepare_sketch(&self, row: &[VectorLine], prepared: &mut PreparedQuery) {
        if let Some(sketches) = self.sketches {
            sketches.prepare(row, self.scoring, &mut prepared.sketch);
        }
    }

    /// Leaves out of `slots` those that by their sketches are no nearer than `bar`, for a query that
    /// is ready for sketches. Asks for the codes of the others.
    #[inline(always)]
    pub(super) fn retain_nearer(&self, prepared: &PreparedQuery, slots: &mut Vec<u32>, bar: f32) {
        if let Some(sketches) = self.sketches
            && prepared.sketch.is_set
            && bar < f32::INFINITY
        {
            sketches.retain_nearer(&prepared.sketch, slots, bar);
            self.prefetch(slots);
        }
    }

    /// Puts the slots of a range that by their sketches may be nearer than `bar` into `nearer`, and
    /// asks for their codes. The range lies between multiples of 64 that follow each other.
    #[inline(always)]
    pub(super) fn find_nearer(
        &self,
        prepared: &PreparedQuery,
        range: Range<u32>,
        bar: f32,
        nearer: &mut Vec<u32>,
    ) {
        if let Some(sketches) = self.sketches {
            sketches.find_nearer(&prepared.sketch, range, bar, nearer);
            self.prefetch(nearer);
        }
    }

    /// Whether a query is ready for sketches.
    pub(super) fn is_sketched(&self, prepared: &PreparedQuery) -> bool {
        self.sketches.is_some() && prepared.sketch.is_set
    }

    /// Makes a padded and scaled row ready.
    pub(super) fn prepare(&self, row: &[VectorLine], prepared: &mut PreparedQuery) {
        prepared.sketch.is_set = false;
        match self.coder {
            Coder::Full => {
                prepared.row.clear();
                prepared.row.extend_from_slice(row);
            }
            Coder::Int8(coder) => {
                prepared.code.clear();
                prepared.code.resize(self.codes.row_len(), CodeLine::ZERO);
                let PreparedQuery { code, components, .. } = &mut *prepared;
                prepared.int8 = coder.encode_query(row, code, components);
            }
            Coder::Binary(coder) => {
                let is_centered = self.scoring.metric() == Metric::L2;
                let PreparedQuery { code, components, .. } = &mut *prepared;
                prepared.binary = coder.encode_query(row, is_centered, code, components);
                let mut product = [0.0];
                if !is_centered {
                    self.scoring.measure(row, &[coder.center()], &mut product);
                }
                prepared.center_product = product[0];
            }
        }
    }

    /// Makes a stored vector ready, from its code where there are codes.
    pub(super) fn prepare_slot(&self, slot: u32, prepared: &mut PreparedQuery) {
        prepared.sketch.is_set = false;
        match self.coder {
            Coder::Full => {
                prepared.row.clear();
                prepared.row.extend_from_slice(self.state.row_even_dead(slot));
            }
            Coder::Int8(coder) => {
                prepared.code.clear();
                prepared.code.extend_from_slice(self.codes.row(slot));
                prepared.int8 = coder.prepared_of_code(&mut prepared.code, self.terms.row(slot)[0]);
            }
            Coder::Binary(_) => match self.state.row(slot) {
                Some(row) => self.prepare(row, prepared),
                None => self.prepare_bits(slot, prepared),
            },
        }
    }

    /// Makes a stored vector ready to be compared with others of the graph: as
    /// [`prepare_slot`](Self::prepare_slot), but from bits alone where there are bits.
    pub(super) fn prepare_roughly(&self, slot: u32, prepared: &mut PreparedQuery) {
        match self.coder {
            Coder::Full | Coder::Int8(_) => self.prepare_slot(slot, prepared),
            Coder::Binary(_) => self.prepare_bits(slot, prepared),
        }
    }

    fn prepare_bits(&self, slot: u32, prepared: &mut PreparedQuery) {
        let row_lines = self.state.layout().row_lines;
        let code = self.codes.row(slot);
        prepared.binary = BinaryCoder::query_of_code(code, row_lines, &mut prepared.code);
        prepared.center_product = 0.0;
    }

    /// Puts the distance to each of `slots` in the same place of `distances`.
    #[inline]
    pub(super) fn distances(
        &self,
        prepared: &PreparedQuery,
        slots: &[u32],
        distances: &mut Vec<f32>,
    ) {
        // What is left of the call before is overwritten.
        distances.resize(slots.len(), 0.0);
        for (slots, distances) in slots.chunks(BATCH_ROWS).zip(distances.chunks_mut(BATCH_ROWS)) {
            match self.coder {
                Coder::Full => self.full_distances(prepared, slots, distances),
                Coder::Int8(_) => self.code_distances(prepared, slots, distances),
                Coder::Binary(_) => self.bit_distances(prepared, slots, distances),
            }
        }
    }

    #[inline(always)]
    fn code_distances(&self, prepared: &PreparedQuery, slots: &[u32], distances: &mut [f32]) {
        let mut products = [0; BATCH_ROWS];
        let products = &mut products[..slots.len()];
        let measure = code_kernel::fastest().dot;
        self.codes.rows().with(slots, |rows| measure(&prepared.code, rows, products));
        let terms = self.terms.rows();
        let terms_of = |slot| terms.row(slot)[0];
        let (fours, rest) = slots.as_chunks::<4>();
        let (products, products_of_rest) = products.as_chunks::<4>();
        let (distances, distances_of_rest) = distances.as_chunks_mut::<4>();
        for ((distances, &products), &slots) in distances.iter_mut().zip(products).zip(fours) {
            *distances = prepared.int8.distances(products, slots.map(terms_of));
        }
        for ((distance, &product), &slot) in
            distances_of_rest.iter_mut().zip(products_of_rest).zip(rest)
        {
            [*distance] = prepared.int8.distances([product], [terms_of(slot)]);
        }
    }

    fn bit_distances(&self, prepared: &PreparedQuery, slots: &[u32], distances: &mut [f32]) {
        let mut rows: [&[CodeLine]; BATCH_ROWS] = [&[]; BATCH_ROWS];
        let mut measures = [0; BATCH_ROWS];
        for (row, &slot) in rows.iter_mut().zip(slots) {
            *row = self.codes.row(slot);
        }
        let (rows, measures) = (&rows[..slots.len()], &mut measures[..slots.len()]);
        let row_lines = self.state.layout().row_lines;
        let metric = self.scoring.metric();
        prepared.binary.estimate(
            &prepared.code,
            rows,
            row_lines,
            measures,
            |at, product, squared| {
                let product = product + prepared.center_product;
                distances[at] = match metric {
                    Metric::Cosine => 1.0 - product,
                    Metric::Dot => -product,
                    Metric::L2 => squared,
                };
            },
        );
    }

    fn full_distances(&self, prepared: &PreparedQuery, slots: &[u32], distances: &mut [f32]) {
        let mut rows: [&[VectorLine]; BATCH_ROWS] = [&[]; BATCH_ROWS];
        for (row, &slot) in rows.iter_mut().zip(slots) {
            *row = self.state.row_even_dead(slot);
        }
        self.scoring.distances(&prepared.row, &rows[..slots.len()], distances);
    }

    /// Asks for what [`retain_nearer`](Self::retain_nearer) reads of a slot, or else its code.
    #[inline(always)]
    pub(super) fn prefetch_first(&self, prepared: &PreparedQuery, slot: u32) {
        match self.sketches {
            Some(sketches) if prepared.sketch.is_set => prefetch(sketches.codes.row(slot)),
            _ => self.prefetch(&[slot]),
        }
    }

    /// Asks for what measuring some slots reads first.
    #[inline(always)]
    pub(super) fn prefetch(&self, slots: &[u32]) {
        let (codes, terms) = (self.codes.rows(), self.terms.rows());
        match self.coder {
            Coder::Full => {}
            Coder::Int8(_) => {
                // Terms first: most are near, and would wait behind codes that are far.
                for &slot in slots {
                    prefetch(&terms.row(slot)[..1]);
                }
                for &slot in slots {
                    prefetch(codes.row(slot));
                }
            }
            Coder::Binary(_) => {
                for &slot in slots {
                    prefetch(codes.row(slot));
                }
            }
        }
    }

    /// How far the distance to a slot may be off, up to a factor that is the same for all slots.
    pub(super) fn error_weight(&self, prepared: &PreparedQuery, slot: u32) -> f32 {
        match self.coder {
            Coder::Int8(coder) => coder.error_weight(&prepared.int8, self.terms.row(slot)[0]),
            Coder::Full | Coder::Binary(_) => 1.0,
        }
    }

    /// Whether equal slots are at a distance of 0, and so nearer than all others.
    pub(super) fn puts_equal_first(&self) -> bool {
        self.scoring.metric() != Metric::Dot && !matches!(self.coder, Coder::Binary(_))
    }

    /// Whether two slots are one and the same to all distances here.
    pub(super) fn are_equal(&self, a: u32, b: u32) -> bool {
        match self.coder {
            Coder::Full => self.state.row_even_dead(a) == self.state.row_even_dead(b),
            Coder::Int8(_) => {
                self.terms.row(a) == self.terms.row(b) && self.codes.row(a) == self.codes.row(b)
            }
            Coder::Binary(_) => self.codes.row(a) == self.codes.row(b),
        }
    }

    /// The score that a distance stands for.
    pub(super) fn score_of(&self, distance: f32) -> f32 {
        // Adding to the positive zero turns a negative zero into a positive one.
        match self.scoring.metric() {
            Metric::Cosine => 0.0 + (1.0 - distance).clamp(-1.0, 1.0),
            Metric::Dot => 0.0 - distance,
            Metric::L2 => 0.0 - distance.max(0.0).sqrt(),
        }
    }
}
