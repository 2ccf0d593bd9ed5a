//! What a search finds documents by, as far as it can be checked without the collection.

use std::ops::RangeInclusive;

use akidb_core::{
    DocumentId, Error, ErrorCode, FusionKind, Limits, Result, SearchMode, check_text,
};
use akidb_engine::{Fusion, Weights, Words};

use super::{index_settings::candidates, selection::check_one_id};
use crate::{HybridParams, MinParts, PartWeights, Search, SearchParams, failure::from_text};

/// Documents by each score that get both, where a search does not say.
pub(super) const DEPTH_DEFAULT: usize = 100;

/// How little the first ranks stand out, where a search does not say.
const RRF_K_DEFAULT: f64 = 60.0;

/// What weights and such may be.
const NUMBERS: RangeInclusive<f64> = 0.0..=1e9;

/// What is near to what.
pub(super) enum Like {
    Text(String),
    Vector(Vec<f32>),
    /// A document that has one of these ids, the first that is there.
    Document(Vec<DocumentId>),
}

/// What documents are found by.
pub(super) enum By {
    Likeness(Like),
    Words(Words),
    Both { like: Like, words: Words, both: Both },
}

/// How two scores become one.
pub(super) struct Both {
    pub(super) min_semantic: Option<f32>,
    pub(super) depth: usize,
    pub(super) fusion: Fusion,
}

/// Checks what documents are to be found by. `window` is what is wanted of them.
pub(super) fn check_ranking(request: &mut Search, window: usize, limits: &Limits) -> Result<By> {
    if let Some(text) = &request.text {
        check_text(text, limits.text_bytes)
            .map_err(|fault| from_text("text".to_owned(), &fault))?;
    }
    match request.mode.unwrap_or_default() {
        SearchMode::Semantic => by_likeness(request).map(By::Likeness),
        SearchMode::Keyword => by_words(request).map(By::Words),
        SearchMode::Hybrid => by_both(request, window, limits),
    }
}

fn by_likeness(request: &mut Search) -> Result<Like> {
    refuse_what_is_for_hybrid(request)?;
    match (request.text.take(), request.vector.take(), request.id.take()) {
        (Some(text), None, None) => Ok(Like::Text(text)),
        (None, Some(vector), None) => Ok(Like::Vector(vector)),
        (None, None, Some(id)) => check_one_id(id).map(Like::Document),
        (Some(_), Some(_), None) => {
            let message = "exactly one of text, vector and id must be given; a text with a vector \
                           beside it is for the mode hybrid";
            Err(Error::new(ErrorCode::InvalidArgument, message))
        }
        _ => {
            let message = "exactly one of text, vector and id must be given";
            Err(Error::new(ErrorCode::InvalidArgument, message))
        }
    }
}

fn by_words(request: &mut Search) -> Result<Words> {
    refuse_what_is_for_hybrid(request)?;
    let text = request.text.take();
    let fault = "is for searches that compare vectors, this one is by words alone";
    refuse([
        ("text", text.is_none(), "is missing, a search by words is by text"),
        ("vector", request.vector.is_some(), fault),
        ("id", request.id.is_some(), fault),
        ("field", request.field.is_some(), fault),
        ("params", request.params != SearchParams::default(), fault),
    ])?;
    let min_score = request.min_score.map(|score| check_score("min_score", score)).transpose()?;
    Ok(Words { text: text.unwrap_or_default(), min_score })
}

fn by_both(request: &mut Search, window: usize, limits: &Limits) -> Result<By> {
    let text = request.text.take();
    refuse([
        (
            "text",
            text.is_none(),
            "is missing, a hybrid search is by text, which may have a vector beside it",
        ),
        ("id", request.id.is_some(), "is for semantic searches, a hybrid one is by text"),
        (
            "min_score",
            request.min_score.is_some(),
            "says nothing in a hybrid search, whose score is relative to its query; min_parts has \
             the lowest scores of both",
        ),
    ])?;
    let text = text.unwrap_or_default();
    let score = |place, given: Option<f64>| given.map(|it| check_score(place, it)).transpose();
    let MinParts { semantic, keyword } = request.min_parts;
    let both = Both {
        min_semantic: score("min_parts.semantic", semantic)?,
        depth: check_depth(request.hybrid.depth, window, limits)?,
        fusion: check_fusion(request.hybrid)?,
    };
    let words = Words { text: text.clone(), min_score: score("min_parts.keyword", keyword)? };
    let like = request.vector.take().map_or(Like::Text(text), Like::Vector);
    Ok(By::Both { like, words, both })
}

fn refuse_what_is_for_hybrid(request: &Search) -> Result<()> {
    let mode = request.mode.unwrap_or_default().as_str();
    let fault = format!("is for searches of the mode hybrid, the mode of this one is {mode}");
    refuse([
        ("hybrid", request.hybrid != HybridParams::default(), &fault),
        ("min_parts", request.min_parts != MinParts::default(), &format!("{fault}; set min_score")),
    ])
}

/// One error for what is given and should not be.
fn refuse<const N: usize>(given: [(&str, bool, &str); N]) -> Result<()> {
    let faults = given.into_iter().filter(|(_, is_wrong, _)| *is_wrong);
    let faults =
        faults.map(|(place, _, fault)| Error::at(ErrorCode::InvalidArgument, place, fault));
    Error::collect(faults.collect()).map_or(Ok(()), Err)
}

/// All pages are of the same candidates, so none goes beyond them.
fn check_depth(given: Option<u64>, window: usize, limits: &Limits) -> Result<usize> {
    let depth = candidates("hybrid.depth", given, limits.result_window, "result_window")?;
    let depth = depth.map_or(DEPTH_DEFAULT, |depth| depth as usize);
    if window <= depth {
        return Ok(depth);
    }
    let fault = format!(
        "is {window}, allowed are at most the {depth} candidates of hybrid.depth, which may be up to {}",
        limits.result_window
    );
    Err(Error::at(ErrorCode::InvalidArgument, "limit plus offset", fault))
}

fn check_fusion(HybridParams { fusion, k, weights, .. }: HybridParams) -> Result<Fusion> {
    let kind = fusion.unwrap_or_default();
    let name = kind.as_str();
    if k.is_some() && kind != FusionKind::Rrf {
        let fault = format!("is for the fusion rrf, this one is {name}");
        return Err(Error::at(ErrorCode::InvalidArgument, "hybrid.k", fault));
    }
    if weights.is_some() && kind == FusionKind::Adaptive {
        let fault = "are for the fusions rrf and weighted, this one is adaptive and finds its own";
        return Err(Error::at(ErrorCode::InvalidArgument, "hybrid.weights", fault));
    }
    let k = k.unwrap_or(RRF_K_DEFAULT);
    if !NUMBERS.contains(&k) {
        return Err(not_among_numbers("hybrid.k"));
    }
    let weights = check_weights(weights.unwrap_or_default())?;
    Ok(match kind {
        FusionKind::Adaptive => Fusion::Adaptive,
        FusionKind::Rrf => Fusion::Rrf { k, weights },
        FusionKind::Weighted => Fusion::Weighted(weights),
    })
}

fn check_weights(PartWeights { semantic, keyword }: PartWeights) -> Result<Weights> {
    let (semantic, keyword) = (semantic.unwrap_or(1.0), keyword.unwrap_or(1.0));
    for (name, weight) in [("semantic", semantic), ("keyword", keyword)] {
        if !NUMBERS.contains(&weight) {
            return Err(not_among_numbers(&format!("hybrid.weights.{name}")));
        }
    }
    if semantic + keyword > 0.0 {
        return Ok(Weights { semantic, keyword });
    }
    let fault = "are both 0, nothing counts then";
    Err(Error::at(ErrorCode::InvalidArgument, "hybrid.weights", fault))
}

fn not_among_numbers(place: &str) -> Error {
    Error::at(ErrorCode::InvalidArgument, place, "must be a number from 0 to 1e9")
}

pub(super) fn check_score(place: &str, score: f64) -> Result<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be finite after the cast")]
    let single = score as f32;
    if single.is_finite() {
        return Ok(single);
    }
    Err(Error::at(ErrorCode::InvalidArgument, place, "is not a finite 32-bit float"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GivenId;

    fn of(mode: SearchMode) -> Search {
        Search { mode: Some(mode), text: Some("a ship".to_owned()), ..Search::default() }
    }

    fn hybrid(hybrid: HybridParams) -> Search {
        Search { hybrid, ..of(SearchMode::Hybrid) }
    }

    fn rrf(k: f64) -> Search {
        hybrid(HybridParams {
            fusion: Some(FusionKind::Rrf),
            k: Some(k),
            ..HybridParams::default()
        })
    }

    fn weighted(semantic: f64, keyword: f64) -> Search {
        let weights = Some(PartWeights { semantic: Some(semantic), keyword: Some(keyword) });
        let fusion = Some(FusionKind::Weighted);
        hybrid(HybridParams { fusion, weights, ..HybridParams::default() })
    }

    fn deep(depth: u64) -> Search {
        hybrid(HybridParams { depth: Some(depth), ..HybridParams::default() })
    }

    fn check(mut request: Search, window: usize) -> Result<By> {
        check_ranking(&mut request, window, &Limits::default())
    }

    #[track_caller]
    fn check_refused(request: Search, message: &str) {
        check_refused_window(request, 10, message);
    }

    #[track_caller]
    fn check_refused_window(request: Search, window: usize, message: &str) {
        let error = check(request, window).err().expect("it is refused");
        assert!(matches!(error.code, ErrorCode::InvalidArgument | ErrorCode::InvalidText));
        assert_eq!(error.message, message);
        let place = message.split_once(": ").map_or("", |(place, _)| place);
        assert_eq!(error.violations.first().map_or("", |it| &*it.field), place);
    }

    #[test]
    fn what_is_for_both_scores_is_refused_where_there_is_one() {
        let params = HybridParams { depth: Some(50), ..HybridParams::default() };
        let parts = MinParts { semantic: Some(0.5), ..MinParts::default() };
        for mode in [SearchMode::Semantic, SearchMode::Keyword] {
            let fault = format!(
                "is for searches of the mode hybrid, the mode of this one is {}",
                mode.as_str()
            );
            let given = Search { hybrid: params, ..of(mode) };
            check_refused(given, &format!("hybrid: {fault}"));
            let given = Search { min_parts: parts, ..of(mode) };
            check_refused(given, &format!("min_parts: {fault}; set min_score"));
        }
        let unsaid =
            Search { mode: None, hybrid: params, min_parts: parts, ..of(SearchMode::Semantic) };
        let error = check(unsaid, 10).err().unwrap();
        let places: Vec<_> = error.violations.iter().map(|it| &*it.field).collect();
        assert_eq!(places, ["hybrid", "min_parts"], "both are named");
        let nothing = HybridParams::default();
        assert!(check(Search { hybrid: nothing, ..of(SearchMode::Keyword) }, 10).is_ok());
    }

    #[test]
    fn a_semantic_search_is_by_one_of_three() {
        let semantic = of(SearchMode::Semantic);
        let (id, vector) = (Some(GivenId::Integer(1)), Some(vec![1.0]));
        let nothing = Search::default();
        check_refused(nothing, "exactly one of text, vector and id must be given");
        let two = Search { id: id.clone(), ..semantic.clone() };
        check_refused(two, "exactly one of text, vector and id must be given");
        let hint = "exactly one of text, vector and id must be given; a text with a vector beside it is \
                    for the mode hybrid";
        check_refused(Search { vector: vector.clone(), ..semantic }, hint);
        assert!(matches!(
            check(Search { id, ..Search::default() }, 10),
            Ok(By::Likeness(Like::Document(_)))
        ));
        assert!(matches!(
            check(Search { vector, ..Search::default() }, 10),
            Ok(By::Likeness(Like::Vector(_)))
        ));
    }

    #[test]
    fn a_search_by_words_is_by_text_and_compares_no_vectors() {
        let keyword = || of(SearchMode::Keyword);
        let fault = "is for searches that compare vectors, this one is by words alone";
        check_refused(Search { vector: Some(vec![1.0]), ..keyword() }, &format!("vector: {fault}"));
        check_refused(
            Search { id: Some(GivenId::Integer(1)), ..keyword() },
            &format!("id: {fault}"),
        );
        check_refused(
            Search { field: Some("title".into()), ..keyword() },
            &format!("field: {fault}"),
        );
        let params = SearchParams { exact: Some(true), ..SearchParams::default() };
        check_refused(Search { params, ..keyword() }, &format!("params: {fault}"));
        let without = Search { text: None, ..keyword() };
        check_refused(without, "text: is missing, a search by words is by text");
        check_refused(
            Search { text: None, vector: Some(vec![1.0]), ..keyword() },
            "text: is missing, a search by words is by text (and 1 more)",
        );
        check_refused(
            Search { text: Some(" ".into()), ..keyword() },
            "text: is empty or blank, or no token of it remains",
        );
        let bad_score = Search { min_score: Some(f64::NAN), ..keyword() };
        check_refused(bad_score, "min_score: is not a finite 32-bit float");
        let scored = Search { min_score: Some(2.5), ..keyword() };
        assert!(matches!(check(scored, 5_000), Ok(By::Words(Words { min_score: Some(2.5), .. }))));
    }

    #[test]
    fn a_hybrid_search_is_by_text_which_may_have_a_vector_beside_it() {
        let both = || of(SearchMode::Hybrid);
        let missing =
            "text: is missing, a hybrid search is by text, which may have a vector beside it";
        check_refused(Search { text: None, ..both() }, missing);
        check_refused(Search { text: None, vector: Some(vec![1.0]), ..both() }, missing);
        let by_id = Search { id: Some(GivenId::Integer(1)), ..both() };
        check_refused(by_id, "id: is for semantic searches, a hybrid one is by text");
        let scored = Search { min_score: Some(0.5), ..both() };
        check_refused(
            scored,
            "min_score: says nothing in a hybrid search, whose score is relative to its query; \
             min_parts has the lowest scores of both",
        );
        let bad_part = MinParts { keyword: Some(f64::INFINITY), ..MinParts::default() };
        let bad_part = Search { min_parts: bad_part, ..both() };
        check_refused(bad_part, "min_parts.keyword: is not a finite 32-bit float");
        let bad_part = MinParts { semantic: Some(1e39), ..MinParts::default() };
        let bad_part = Search { min_parts: bad_part, ..both() };
        check_refused(bad_part, "min_parts.semantic: is not a finite 32-bit float");
        let own = Search { vector: Some(vec![1.0]), ..both() };
        let Ok(By::Both { like: Like::Vector(vector), words, both }) = check(own, 100) else {
            panic!("it is by both");
        };
        assert_eq!((vector, &*words.text, both.depth), (vec![1.0], "a ship", 100));
        assert_eq!(both.fusion, Fusion::Adaptive);
    }

    #[test]
    fn no_page_goes_beyond_the_candidates() {
        let fault = "limit plus offset: is 101, allowed are at most the 100 candidates of hybrid.depth, \
                     which may be up to 10000";
        check_refused_window(of(SearchMode::Hybrid), 101, fault);
        assert!(check(deep(101), 101).is_ok());
        check_refused(deep(0), "hybrid.depth: must be at least 1");
        let error = check(deep(10_001), 10).err().unwrap();
        assert_eq!(
            (error.code, &*error.violations[0].field),
            (ErrorCode::LimitExceeded, "hybrid.depth")
        );
        assert!(check(deep(10_000), 10_000).is_ok());
    }

    #[test]
    fn what_a_fusion_does_not_take_is_refused() {
        let k = hybrid(HybridParams { k: Some(60.0), ..HybridParams::default() });
        check_refused(k, "hybrid.k: is for the fusion rrf, this one is adaptive");
        let fusion = Some(FusionKind::Weighted);
        let k = hybrid(HybridParams { fusion, k: Some(60.0), ..HybridParams::default() });
        check_refused(k, "hybrid.k: is for the fusion rrf, this one is weighted");
        let weights = Some(PartWeights { keyword: Some(2.0), ..PartWeights::default() });
        let for_another = hybrid(HybridParams { weights, ..HybridParams::default() });
        check_refused(
            for_another,
            "hybrid.weights: are for the fusions rrf and weighted, this one is adaptive and finds its own",
        );
        for k in [f64::NAN, -1.0, f64::INFINITY, 2e9] {
            check_refused(rrf(k), "hybrid.k: must be a number from 0 to 1e9");
        }
        for bad in [-0.1, f64::NAN, 2e9] {
            check_refused(
                weighted(1.0, bad),
                "hybrid.weights.keyword: must be a number from 0 to 1e9",
            );
            check_refused(
                weighted(bad, 1.0),
                "hybrid.weights.semantic: must be a number from 0 to 1e9",
            );
        }
        check_refused(weighted(0.0, 0.0), "hybrid.weights: are both 0, nothing counts then");
    }

    #[test]
    fn what_is_not_said_of_a_fusion_is_the_same_for_both_scores() {
        let fusion = |params: HybridParams| match check(hybrid(params), 10) {
            Ok(By::Both { both, .. }) => both.fusion,
            _ => panic!("it is by both"),
        };
        let rrf = HybridParams { fusion: Some(FusionKind::Rrf), ..HybridParams::default() };
        let same = Weights { semantic: 1.0, keyword: 1.0 };
        assert_eq!(fusion(rrf), Fusion::Rrf { k: 60.0, weights: same });
        let weights = Some(PartWeights { keyword: Some(2.0), ..PartWeights::default() });
        let weighted = HybridParams { fusion: Some(FusionKind::Weighted), weights, ..rrf };
        assert_eq!(fusion(weighted), Fusion::Weighted(Weights { semantic: 1.0, keyword: 2.0 }));
        assert_eq!(
            fusion(HybridParams { k: Some(0.0), ..rrf }),
            Fusion::Rrf { k: 0.0, weights: same }
        );
    }
}
