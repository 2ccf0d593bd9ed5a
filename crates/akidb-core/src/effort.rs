//! How a search goes about finding what is near.

/// What a search does to find the right documents, and which are near enough. One value from the
/// request to the index, so that nothing in between restates it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Candidates that a walk of a graph keeps, those of the settings where absent. At least as many
    /// as are to be found are kept in any case.
    pub ef: Option<usize>,
    /// Whether every vector that is allowed is compared in full precision, whatever it costs.
    pub exact: bool,
    /// Whether what codes found is scored again by full vectors. Without it the scores are those of
    /// the codes.
    pub rescore: bool,
    /// Only scores of at least this count. The comparison is made on the `f32` score, so leave room
    /// for rounding where the bound is meant to include equal vectors.
    pub min_score: Option<f32>,
}

impl Default for Effort {
    fn default() -> Self {
        Self { ef: None, exact: false, rescore: true, min_score: None }
    }
}
