//! One score of two: how near a document is, and how well it fits the words of a query.
//!
//! The candidates are the best by each score, and have both. What is made of them says something beside
//! the other candidates of the same query alone.

/// How one score is made of two.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Fusion {
    /// By how sharply each score tells the candidates apart, and by what candidates near to each have.
    #[default]
    Adaptive,
    /// By the ranks that a candidate has by each score, each rank `r` from 1 on as `weight / (k + r)`.
    Rrf {
        /// How little the first ranks stand out.
        k: f64,
        /// What each rank counts.
        weights: Weights,
    },
    /// By the scores, each brought to 0 to 1.
    Weighted(Weights),
}

impl Fusion {
    /// Whether it looks at the vectors of candidates.
    #[must_use]
    pub const fn compares_vectors(self) -> bool {
        matches!(self, Self::Adaptive)
    }
}

/// What each score counts. Their sum is above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// How near a document is.
    pub semantic: f64,
    /// How well it fits the words.
    pub keyword: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { semantic: 0.5, keyword: 0.5 }
    }
}

/// What a score is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ScoreParts {
    /// How near the document is; absent where it has no vector in the field that is searched.
    pub semantic: Option<f32>,
    /// Its BM25, 0 where it has none of the words.
    pub keyword: f32,
}

/// A document that is among the best by one of the scores at least.
#[derive(Clone, Debug, Default)]
pub struct FusionCandidate {
    /// Both of its scores.
    pub parts: ScoreParts,
    /// Its place among the nearest, from 0 on, where it is one of them.
    pub semantic_rank: Option<usize>,
    /// Its place among those with the words, from 0 on, where it is one of them.
    pub keyword_rank: Option<usize>,
    /// Its vector, of length 1, where it has one; looked at where the fusion
    /// [compares them](Fusion::compares_vectors).
    pub vector: Option<Vec<f32>>,
}

/// Neighbors of a candidate that its score is smoothed by.
const NEIGHBORS: usize = 10;

/// The candidate by which it is told how sharply a score tells.
const SHARPNESS_RANK: usize = 10;

/// What nearness counts where neither score tells sharply, and how much of what each tells beyond the
/// usual is added or taken away.
const SEMANTIC_WEIGHT: f64 = 0.6;
const WEIGHT_OF_SHARPNESS: f64 = 0.6;
const USUAL_SHARPNESS: f64 = 0.3;

/// The power of what a document has of the words: one with half of what the best one has is less than half
/// as likely to be meant.
const KEYWORD_POWER: f64 = 1.5;

/// What the neighbors count where the words do not tell at all.
const SMOOTHING: f64 = 0.6;

/// A score for each candidate.
#[must_use]
pub fn fuse(fusion: Fusion, candidates: &[FusionCandidate]) -> Vec<f64> {
    match fusion {
        Fusion::Adaptive => adaptive(candidates),
        Fusion::Rrf { k, weights } => {
            let of = |rank: Option<usize>, weight: f64| {
                rank.map_or(0.0, |rank| weight / (k + 1.0 + as_number(rank)))
            };
            let score = |it: &FusionCandidate| {
                of(it.semantic_rank, weights.semantic) + of(it.keyword_rank, weights.keyword)
            };
            candidates.iter().map(score).collect()
        }
        Fusion::Weighted(weights) => {
            let all = weights.semantic + weights.keyword;
            mixed(&nearness(candidates), &fitness(candidates), weights.semantic / all)
        }
    }
}

/// A score counts the more, the more sharply it falls off; where the words do not, what is near to other
/// good candidates is better.
fn adaptive(candidates: &[FusionCandidate]) -> Vec<f64> {
    let (near, words) = (nearness(candidates), fitness(candidates));
    if words.iter().all(|&fitness| fitness <= 0.0) {
        return near;
    }
    let sharpness = sharpness(&words, SHARPNESS_RANK);
    let semantic_weight = semantic_weight(&near, sharpness);
    let words: Vec<f64> = words.into_iter().map(|fitness| fitness.powf(KEYWORD_POWER)).collect();
    let scores = mixed(&near, &words, semantic_weight);
    smoothed(candidates, &scores, SMOOTHING * (1.0 - sharpness))
}

/// What nearness counts beside words of this sharpness. Of few candidates some are always far, so theirs
/// falls off by a tenth of them.
fn semantic_weight(near: &[f64], sharpness_of_words: f64) -> f64 {
    let rank = near.len().div_ceil(10).min(SHARPNESS_RANK);
    let beyond = |sharpness: f64| (sharpness - USUAL_SHARPNESS).max(0.0);
    let more = beyond(sharpness(near, rank)) - beyond(sharpness_of_words);
    (SEMANTIC_WEIGHT + WEIGHT_OF_SHARPNESS * more).clamp(0.2, 0.9)
}

/// How far the best of some scores from 0 to 1 is above the one at a rank, the last where there are fewer.
fn sharpness(scores: &[f64], rank: usize) -> f64 {
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(|left, right| right.total_cmp(left));
    let at_rank = sorted.get(sorted.len().min(rank).saturating_sub(1));
    sorted.first().zip(at_rank).map_or(0.0, |(best, at_rank)| best - at_rank)
}

fn mixed(near: &[f64], words: &[f64], semantic_weight: f64) -> Vec<f64> {
    let mix = |(near, words)| semantic_weight * near + (1.0 - semantic_weight) * words;
    near.iter().zip(words).map(mix).collect()
}

/// How well each fits the words, from 0 for none of them to 1 for the one that fits best.
fn fitness(candidates: &[FusionCandidate]) -> Vec<f64> {
    let keyword = candidates.iter().map(|it| f64::from(it.parts.keyword));
    let best = keyword.clone().fold(0.0, f64::max);
    keyword.map(|score| if best > 0.0 { score / best } else { 0.0 }).collect()
}

/// How near each is, from 0 for the farthest to 1 for the nearest.
fn nearness(candidates: &[FusionCandidate]) -> Vec<f64> {
    let known = candidates.iter().filter_map(|it| it.parts.semantic).map(f64::from);
    let (low, high) = known.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), score| {
        (low.min(score), high.max(score))
    });
    let scaled = |it: &FusionCandidate| match it.parts.semantic.map(f64::from) {
        None => 0.0,
        Some(_) if high <= low => 1.0,
        Some(score) => (score - low) / (high - low),
    };
    candidates.iter().map(scaled).collect()
}

/// Candidates that are smoothed at most: those with the best scores. Each is compared with each, and the others
/// are on pages that hardly anybody turns to.
const SMOOTHED_MAX: usize = 512;

/// Scores of which each has a share of the mean score of the candidates that are nearest to its own. The others,
/// behind the best, keep their order there.
fn smoothed(candidates: &[FusionCandidate], scores: &[f64], share: f64) -> Vec<f64> {
    let mut best: Vec<usize> = (0..scores.len()).collect();
    best.sort_by(|&left, &right| scores[right].total_cmp(&scores[left]));
    let behind = best.split_off(best.len().min(SMOOTHED_MAX));
    let means = means_of_nearest(candidates, scores, &best);
    let mut smoothed = vec![0.0; scores.len()];
    for (&at, mean) in best.iter().zip(means) {
        smoothed[at] = (1.0 - share) * scores[at] + share * mean;
    }
    let lowest = best.iter().map(|&at| smoothed[at]).fold(f64::INFINITY, f64::min);
    let last = best.last().map_or(0.0, |&at| scores[at]);
    for at in behind {
        smoothed[at] = if last > 0.0 { lowest * (scores[at] / last) } else { 0.0 };
    }
    smoothed
}

/// Of some candidates the mean score of those of them that are nearest to each, its own where it has no vector or there
/// is no other.
fn means_of_nearest(candidates: &[FusionCandidate], scores: &[f64], among: &[usize]) -> Vec<f64> {
    let count = among.len();
    let mut cosines = vec![f32::NEG_INFINITY; count * count];
    let vector = |at: usize| candidates[among[at]].vector.as_deref();
    for left in 0..count {
        for right in left + 1..count {
            let Some((of_left, of_right)) = vector(left).zip(vector(right)) else { continue };
            let cosine = product(of_left, of_right);
            cosines[left * count + right] = cosine;
            cosines[right * count + left] = cosine;
        }
    }
    let mean = |at: usize| {
        let row = &cosines[at * count..][..count];
        let mut others: Vec<usize> =
            (0..count).filter(|&other| row[other] > f32::NEG_INFINITY).collect();
        let nearer = |left: &usize, right: &usize| row[*right].total_cmp(&row[*left]);
        if others.len() > NEIGHBORS {
            others.select_nth_unstable_by(NEIGHBORS - 1, nearer);
            others.truncate(NEIGHBORS);
        }
        if others.is_empty() {
            return scores[among[at]];
        }
        others.iter().map(|&other| scores[among[other]]).sum::<f64>() / as_number(others.len())
    };
    (0..count).map(mean).collect()
}

/// Sums of their own for each of some lanes, which a compiler turns into instructions for many numbers.
fn product(left: &[f32], right: &[f32]) -> f32 {
    const LANES: usize = 16;
    let (left, left_rest) = left.as_chunks::<LANES>();
    let (right, right_rest) = right.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (left, right) in left.iter().zip(right) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += left[lane] * right[lane];
        }
    }
    let rest: f32 = left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum();
    sums.iter().sum::<f32>() + rest
}

#[expect(clippy::cast_precision_loss, reason = "far fewer candidates than a float tells apart")]
const fn as_number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(semantic: impl Into<Option<f32>>, keyword: f32) -> FusionCandidate {
        let parts = ScoreParts { semantic: semantic.into(), keyword };
        FusionCandidate { parts, ..FusionCandidate::default() }
    }

    fn order(scores: &[f64]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&left, &right| scores[right].total_cmp(&scores[left]));
        order
    }

    #[test]
    fn without_a_word_the_nearest_are_the_best() {
        let candidates = [candidate(0.2, 0.0), candidate(0.9, 0.0), candidate(None, 0.0)];
        assert_eq!(fuse(Fusion::Adaptive, &candidates), [0.0, 1.0, 0.0]);
        assert_eq!(fuse(Fusion::Adaptive, &[candidate(0.2, 0.0)]), [1.0]);
        assert_eq!(fuse(Fusion::Adaptive, &[]), [0.0; 0]);
    }

    #[test]
    fn a_word_that_one_document_has_decides_and_one_that_all_have_does_not() {
        let sharp: Vec<_> = (0..20_u8)
            .map(|i| candidate(1.0 - f32::from(i) / 20.0, if i == 15 { 9.0 } else { 0.0 }))
            .collect();
        assert_eq!(order(&fuse(Fusion::Adaptive, &sharp))[0], 15);
        let dull: Vec<_> = (0..20_u8).map(|i| candidate(1.0 - f32::from(i) / 20.0, 2.0)).collect();
        assert_eq!(order(&fuse(Fusion::Adaptive, &dull))[..3], [0, 1, 2]);
    }

    /// By hand: the words of the last of three are half of those of the best, so their sharpness is .5, the
    /// weight .6 - .6 * .2 = .48, and neighbors count .3. Half and three quarters become .3536 and .6495.
    #[test]
    fn the_adaptive_score_is_that_of_its_formula() {
        let unit = |x: f32, y: f32| Some(vec![x, y]);
        let candidates = [
            FusionCandidate { vector: unit(1.0, 0.0), ..candidate(0.8, 2.0) },
            FusionCandidate { vector: unit(0.0, 1.0), ..candidate(0.6, 4.0) },
            FusionCandidate { vector: unit(0.6, 0.8), ..candidate(0.4, 3.0) },
        ];
        let (half, most) = (0.353_553_390_6, 0.649_519_052_8);
        let x: [f64; 3] = [0.48 + 0.52 * half, 0.48 * 0.5 + 0.52, 0.52 * most];
        let mean = |left: usize, right: usize| f64::midpoint(x[left], x[right]);
        let expected = [
            0.7 * x[0] + 0.3 * mean(1, 2),
            0.7 * x[1] + 0.3 * mean(0, 2),
            0.7 * x[2] + 0.3 * mean(0, 1),
        ];
        for (score, expected) in fuse(Fusion::Adaptive, &candidates).iter().zip(expected) {
            assert!((score - expected).abs() < 1e-6, "{score} for {expected}");
        }
    }

    #[test]
    fn what_tells_more_sharply_counts_more() {
        let first_is = |first: f64, rest: f64| {
            let mut scores = vec![rest; 20];
            scores[0] = first;
            scores
        };
        let weight = |near: &[f64], words| (semantic_weight(near, words) * 1e6).round() / 1e6;
        let (flat, sharp) = (first_is(1.0, 0.9), first_is(1.0, 0.1));
        assert_eq!(weight(&flat, 0.3), 0.6, "what is usual changes nothing");
        assert_eq!(weight(&flat, 0.8), 0.3);
        assert_eq!(weight(&sharp, 0.8), 0.66);
        assert_eq!(weight(&flat, 1.0), 0.2);
        assert_eq!(weight(&sharp, 0.0), 0.9);
        assert_eq!(weight(&sharp[..10], 0.8), 0.3, "of few candidates some are always far");
        let falling: Vec<f64> = (0..200_u8).map(|i| 1.0 - f64::from(i) / 20.0).collect();
        assert_eq!(weight(&falling, 0.3), 0.69, "the tenth of many tells: .45 beyond .3");
        assert_eq!(sharpness(&[0.25, 1.0, 0.5], SHARPNESS_RANK), 0.75);
        assert_eq!(sharpness(&[], SHARPNESS_RANK), 0.0);
    }

    #[test]
    fn only_the_nearest_ten_smooth() {
        let mut candidates: Vec<_> = (0..12_u8)
            .map(|i| {
                let angle = f32::from(i) * 0.1;
                FusionCandidate {
                    vector: Some(vec![angle.cos(), angle.sin()]),
                    ..candidate(0.5, 1.0)
                }
            })
            .collect();
        candidates.push(candidate(0.5, 1.0));
        let mut scores = vec![1.0; 13];
        scores[11] = 100.0;
        let smooth = smoothed(&candidates, &scores, 1.0);
        assert!((smooth[0] - 1.0).abs() < 1e-9, "the farthest of eleven counts for nothing");
        assert!((smooth[6] - 10.9).abs() < 1e-9, "{}", smooth[6]);
        assert!((smooth[12] - 1.0).abs() < 1e-9, "one without a vector keeps its own");
    }

    #[test]
    fn those_far_behind_are_not_compared_with_each_other_and_keep_their_order() {
        let count = SMOOTHED_MAX + 100;
        let candidates: Vec<_> = (0..count)
            .map(|i| FusionCandidate {
                vector: Some(vec![1.0, 0.0]),
                ..candidate(1.0 - i as f32 / count as f32, 5.0)
            })
            .collect();
        let scores = fuse(Fusion::Adaptive, &candidates);
        assert_eq!(order(&scores)[SMOOTHED_MAX..], (SMOOTHED_MAX..count).collect::<Vec<_>>());
        assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
    }

    #[test]
    fn ranks_and_weights_are_those_that_were_asked_for() {
        let ranked = |semantic, keyword| FusionCandidate {
            semantic_rank: semantic,
            keyword_rank: keyword,
            ..FusionCandidate::default()
        };
        let weights = Weights { semantic: 1.0, keyword: 2.0 };
        let ranks = [ranked(Some(0), None), ranked(Some(1), Some(0)), ranked(None, Some(1))];
        let scores = fuse(Fusion::Rrf { k: 60.0, weights }, &ranks);
        assert_eq!(scores, [1.0 / 61.0, 1.0 / 62.0 + 2.0 / 61.0, 2.0 / 62.0]);
        let candidates = [candidate(0.8, 2.0), candidate(0.6, 4.0), candidate(0.4, 3.0)];
        let scores = fuse(Fusion::Weighted(weights), &candidates);
        for (score, expected) in scores.iter().zip([2.0 / 3.0, 0.5 / 3.0 + 2.0 / 3.0, 0.5]) {
            assert!((score - expected).abs() < 1e-6, "{score} for {expected}");
        }
    }
}
