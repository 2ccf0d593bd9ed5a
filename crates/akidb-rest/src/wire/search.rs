//! Searches.

use std::collections::BTreeMap;

use akidb_core::{Error, FusionKind, SearchMode, Strategy};
use akidb_service::{
    Hit, HitGroup, HybridParams, Include, MinParts, PartWeights, ScoreParts, Search, SearchParams,
    SearchPlan, SearchReply, SearchRerank,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    Id, JsonValue, List, Object, Vector,
    document::{DamagedAnswer, PassageAnswer, damaged, expires_at, passages},
    field::FieldParts,
    id::StoredId,
    include::hit_include_from,
    milliseconds,
    order::{GroupBody, HitOrderBody},
    shown::{BestPassageAnswer, HighlightBody, HighlightsAnswer, HitPassageAnswer},
    user_schema::FilterSchema,
};

/// Asks for the best documents. Exactly one of `text`, `vector` and `id` is given; a search by words
/// takes `text`, a hybrid one `text` and, if wanted, the `vector` of its own beside it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SearchRequest, example = json!({
    "text": "sailing", "limit": 5, "filter": {"year": {"$gte": 1990}}
}))]
pub(crate) struct SearchBody {
    /// A text: embedded as a query, and the words that documents are to have, as `mode` says.
    /// Words are alternatives; `"a phrase"`, `-word` and `word*` are understood.
    #[schema(min_length = 1, pattern = "\\S")]
    text: Option<String>,
    /// As many numbers as the dimension of the field that is searched, or `base64:` and the base64 of
    /// them as little-endian 32-bit floats.
    #[schema(schema_with = super::schema::vector)]
    vector: Option<Vector>,
    /// A stored document: more like this, without itself.
    id: Option<Id>,
    /// What documents are found by: `semantic`, how near they are to a vector, where absent;
    /// `keyword`, the words that they have; `hybrid`, both.
    #[schema(schema_with = super::schema::search_mode)]
    mode: Option<String>,
    /// Hits wanted, 10 where absent. With `offset` at most `result_window` (10,000), of a hybrid
    /// search at most its `hybrid.depth`.
    #[schema(minimum = 1, maximum = 10_000)]
    limit: Option<u64>,
    /// Hits to skip, 0 where absent.
    #[schema(minimum = 0, maximum = 9_999)]
    offset: Option<u64>,
    /// A filter on the metadata.
    #[schema(value_type = Option<FilterSchema>)]
    filter: Option<JsonValue>,
    /// The lowest score of a hit: how near it is, or its BM25. A hybrid search takes `min_parts`.
    #[schema(minimum = -3.0e38, maximum = 3.0e38)]
    min_score: Option<f64>,
    #[schema(value_type = Option<LowestParts>)]
    min_parts: Option<Object<LowestParts>>,
    #[schema(value_type = Option<HybridParameters>)]
    hybrid: Option<Object<HybridParameters>>,
    /// Some of `text`, `metadata`, `vector` and `passages`. Where absent `["text", "metadata"]`, or
    /// `["passages", "metadata"]` where the search asks for passages by the fields below.
    #[schema(schema_with = super::schema::hit_include)]
    include: Option<List<String>>,
    /// How many of the best passages of each hit come as `best_passages`, 3 where absent and `passages` are among
    /// `include`. Giving it asks for them.
    #[schema(minimum = 1, maximum = 100)]
    passages_per_document: Option<u64>,
    /// How many neighbors on either side each of these passages comes with, as its `context`; 0 where absent. Giving it
    /// asks for passages.
    #[schema(minimum = 0, maximum = 10)]
    passage_context: Option<u64>,
    #[schema(value_type = Option<HighlightBody>)]
    highlight: Option<Object<HighlightBody>>,
    #[schema(value_type = Option<SearchParameters>)]
    params: Option<Object<SearchParameters>>,
    #[schema(value_type = Option<RerankParameters>)]
    rerank: Option<Object<RerankParameters>>,
    /// Whether the answer has a `plan`: how the hits were found.
    explain: Option<bool>,
    #[schema(value_type = Option<HitOrderBody>)]
    order_by: Option<Object<HitOrderBody>>,
    #[schema(value_type = Option<GroupBody>)]
    group_by: Option<Object<GroupBody>>,
    /// The vector field that is searched; the unnamed one where absent.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    field: Option<String>,
}

/// How a search is done. What is absent is left to the settings of the collection.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"ef": 200}))]
struct SearchParameters {
    /// Candidates that a walk of the graph keeps, 1 to `result_window`: more find more of the true
    /// neighbors and take longer. It says nothing where there is no walk.
    #[schema(minimum = 1, maximum = 10_000)]
    ef: Option<u64>,
    /// Compare every vector that the filter lets through, in full precision.
    exact: Option<bool>,
    /// Whether what was found over codes is scored again with full vectors, `true` where absent.
    /// Without it the scores are those of the codes.
    rescore: Option<bool>,
}

impl From<SearchParameters> for SearchParams {
    fn from(SearchParameters { ef, exact, rescore }: SearchParameters) -> Self {
        Self { ef, exact, rescore }
    }
}

/// The lowest scores of a hit of a hybrid search.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MinParts, example = json!({"semantic": 0.3}))]
struct LowestParts {
    /// How near it must be. A document without a vector is not near.
    #[schema(minimum = -3.0e38, maximum = 3.0e38)]
    semantic: Option<f64>,
    /// Its lowest BM25.
    #[schema(minimum = -3.0e38, maximum = 3.0e38)]
    keyword: Option<f64>,
}

impl From<LowestParts> for MinParts {
    fn from(LowestParts { semantic, keyword }: LowestParts) -> Self {
        Self { semantic, keyword }
    }
}

/// How a hybrid search is done.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"fusion": "rrf", "k": 60, "depth": 200}))]
struct HybridParameters {
    /// How one score is made of two. `adaptive`, where absent: by how sharply each score tells
    /// documents apart, and by what documents near to each have. `rrf`: by ranks (reciprocal rank
    /// fusion). `weighted`: by the scores, each brought to 0 to 1.
    #[schema(schema_with = super::schema::fusion)]
    fusion: Option<String>,
    /// Of `rrf` alone: how little the first ranks stand out, 60 where absent.
    #[schema(minimum = 0)]
    k: Option<f64>,
    #[schema(value_type = Option<Weights>)]
    weights: Option<Object<Weights>>,
    /// How many of the best by each score get both, 100 where absent, at most `result_window`
    /// (10,000). All pages are of these.
    #[schema(minimum = 1, maximum = 10_000)]
    depth: Option<u64>,
}

impl HybridParameters {
    fn into_params(self) -> Result<HybridParams, Error> {
        Ok(HybridParams {
            fusion: self.fusion.as_deref().map(str::parse::<FusionKind>).transpose()?,
            k: self.k,
            weights: self.weights.map(|weights| weights.0.into()),
            depth: self.depth,
        })
    }
}

/// Of `rrf` and `weighted`: what each score counts, 1 where absent. Not both are 0.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PartWeights, example = json!({"keyword": 2}))]
struct Weights {
    /// How near a document is.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    semantic: Option<f64>,
    /// How well it fits the words.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    keyword: Option<f64>,
}

impl From<Weights> for PartWeights {
    fn from(Weights { semantic, keyword }: Weights) -> Self {
        Self { semantic, keyword }
    }
}

/// The best hits in the order in which they answer the text of the search.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"model": "ms-marco-minilm-l6-v2", "top": 50}))]
struct RerankParameters {
    /// A re-ranker that is loaded. Needed.
    model: Option<String>,
    /// How many of the best hits it reads, 50 where absent, at most `rerank_documents` (1,000), of a
    /// hybrid search its `hybrid.depth`. All pages are of these.
    #[schema(minimum = 1, maximum = 1_000)]
    top: Option<u64>,
}

impl From<RerankParameters> for SearchRerank {
    fn from(RerankParameters { model, top }: RerankParameters) -> Self {
        Self { model, top }
    }
}

impl SearchBody {
    /// The service's request.
    ///
    /// # Errors
    /// `invalid_argument` for an unknown mode, fusion or part, `malformed_request` for a filter that is
    /// no sound JSON.
    pub(crate) fn into_request(self) -> Result<Search, Error> {
        let filter = self.filter.map(|filter| filter.at("filter"));
        let hybrid = self.hybrid.map(|hybrid| hybrid.0.into_params()).transpose()?;
        Ok(Search {
            mode: self.mode.as_deref().map(str::parse::<SearchMode>).transpose()?,
            hybrid: hybrid.unwrap_or_default(),
            min_parts: self.min_parts.map(|parts| parts.0.into()).unwrap_or_default(),
            include: hit_include_from(
                self.include.as_ref().map(|names| names.0.iter().map(String::as_str)),
                "include",
            )?,
            passages_per_document: self.passages_per_document,
            passage_context: self.passage_context,
            highlight: self.highlight.map(|highlight| highlight.0.into()),
            field: self.field,
            text: self.text,
            vector: self.vector.map(|vector| vector.0),
            id: self.id.map(|id| id.0),
            limit: self.limit,
            offset: self.offset,
            filter: filter.transpose()?,
            order_by: self.order_by.map(|order| order.0.into_order()).transpose()?,
            group_by: self.group_by.map(|group| group.0.into()),
            min_score: self.min_score,
            params: self.params.map(|params| params.0.into()).unwrap_or_default(),
            rerank: self.rerank.map(|rerank| rerank.0.into()),
            explain: self.explain,
        })
    }
}

/// Many searches of one collection.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SearchBatchRequest, example = json!({
    "searches": [
        {"text": "sailing"}, {"id": "film-1", "limit": 3}, {"text": "snow -train", "mode": "keyword"},
        {"text": "a boat in the \"snow\"", "mode": "hybrid", "min_parts": {"keyword": 0.1}}
    ]
}))]
pub(crate) struct SearchBatchBody {
    /// At least one, at most `batch_searches` (100).
    #[schema(value_type = Vec<SearchBody>, min_items = 1, max_items = 100)]
    searches: List<Object<SearchBody>>,
}

impl SearchBatchBody {
    /// The service's requests.
    ///
    /// # Errors
    /// As for one search, with places below `searches[i]`.
    pub(crate) fn into_requests(self) -> Result<Vec<Search>, Error> {
        let searches = self.searches.0.into_iter().enumerate();
        let searches = searches.map(|(index, search)| {
            search.0.into_request().map_err(|error| error.below(&format!("searches[{index}]")))
        });
        searches.collect()
    }
}

/// The best documents.
#[derive(Serialize, ToSchema)]
#[schema(as = SearchReply, example = json!({
    "hits": [{
        "id": "film-1", "score": 0.83, "text": "A boat on a lake", "metadata": {"year": 1999}
    }],
    "took_ms": 1.732
}))]
pub(crate) struct SearchAnswer {
    /// Best first, or as `order_by` says; empty where there are groups.
    hits: Vec<HitAnswer>,
    /// Where the request asks for groups, these, by their best hits.
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<HitGroupAnswer>>,
    /// From admission to reply.
    took_ms: f64,
    /// `true` where the graph that the collection's settings ask for was not there, because it is
    /// being built again; else absent. The hits are as good, they took longer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    degraded: bool,
    /// Documents that are near enough to be hits, and are damaged and therefore not served; absent
    /// where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    damaged: Vec<DamagedAnswer>,
    /// How many documents of the collection no search can find, or not by all of their passages, as
    /// a stored vector of theirs is damaged or missing; absent where it is none.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    unsearchable: u64,
    /// How they were found, where the request asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<SearchPlanAnswer>,
    /// Fields of the filter that no document has; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    unknown_fields: Vec<String>,
    /// Tokens of the query that stand for something the model does not know; absent where there is
    /// none or the query was no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_tokens: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// How a search found its hits. Where it had to search several times, because documents were
/// replaced meanwhile or few documents have all the best passages, the sum of all.
#[derive(Serialize, ToSchema)]
#[schema(as = SearchPlan)]
struct SearchPlanAnswer {
    /// `scan`: every vector that the filter lets through was compared. `graph`: the graph was
    /// walked, and what it does not hold yet was compared. `graph_then_scan`: a walk was given up
    /// for a scan when it had cost as much as one. Absent where no vectors were compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    strategy: Option<&'static str>,
    /// Candidates that the walk kept, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    ef: Option<u64>,
    /// Vectors of the documents that the filter lets through, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    matching: Option<u64>,
    /// Vectors of the collection.
    vectors: u64,
    /// Documents that got both scores, in a hybrid search.
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates: Option<u64>,
    /// Nodes of the graph whose neighbors were looked at.
    hops: u64,
    /// Vectors compared with the query, by their codes or in full.
    compared: u64,
    /// Of these, vectors compared a second time, in full.
    rescored: u64,
    /// Time to find what the filter lets through.
    filter_ms: f64,
    /// Time in the vector index.
    index_ms: f64,
    /// Time in the keyword index, and until scores of both were one; absent in a semantic search.
    #[serde(skip_serializing_if = "Option::is_none")]
    keyword_ms: Option<f64>,
    /// Time to fetch the documents.
    fetch_ms: f64,
    /// Passages that got a score, where some are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    passages: Option<u64>,
    /// Of `fetch_ms`, the time to find passages and words, where any are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    shown_ms: Option<f64>,
    /// Hits that the re-ranker read, where one is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    reranked: Option<u64>,
    /// Time of the re-ranker, where one is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    rerank_ms: Option<f64>,
}

impl From<SearchPlan> for SearchPlanAnswer {
    fn from(plan: SearchPlan) -> Self {
        Self {
            strategy: plan.strategy.map(Strategy::as_str),
            ef: plan.ef,
            matching: plan.matching,
            vectors: plan.vectors,
            candidates: plan.candidates,
            hops: plan.hops,
            compared: plan.compared,
            rescored: plan.rescored,
            filter_ms: milliseconds(plan.filter),
            index_ms: milliseconds(plan.index),
            keyword_ms: (!plan.keyword.is_zero()).then(|| milliseconds(plan.keyword)),
            fetch_ms: milliseconds(plan.fetch),
            passages: plan.passages,
            shown_ms: plan.shown.map(milliseconds),
            reranked: plan.reranked,
            rerank_ms: plan.reranked.map(|_| milliseconds(plan.rerank)),
        }
    }
}

/// One document that was found. Parts that were not asked for are absent.
#[derive(Serialize, ToSchema)]
#[schema(as = Hit)]
struct HitAnswer {
    id: StoredId,
    /// Higher is better. How near it is, whatever the metric; in a search by words its BM25; in a
    /// hybrid one what both give together, which says something beside the other hits alone.
    score: f32,
    /// What the score of a hybrid search was made of, and what a re-ranker gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<ScorePartsAnswer>,
    /// `null` where the document has no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    text: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    metadata: Option<Map<String, Value>>,
    /// From when on it is there no more, beside `metadata`; absent where it stays until it is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<f32>, required = false)]
    vector: Option<Vec<f32>>,
    /// In place of `vector` where the text was cut into passages: these, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    passages: Vec<PassageAnswer>,
    /// Texts that it has in named vector fields, by the field's name; absent where there are none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    texts: BTreeMap<String, String>,
    /// Vectors that it has in named vector fields, by the field's name; absent where there are none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    vectors: BTreeMap<String, Vec<f32>>,
    /// In place of one of `vectors` where the text in that field was cut into passages.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    field_passages: BTreeMap<String, Vec<PassageAnswer>>,
    /// The passage of the text that is nearest or has the words, where the collection cuts texts and
    /// embedded this one. Absent where the search asks for passages, of which it would be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    passage: Option<HitPassageAnswer>,
    /// Where the search asks for passages: the best ones of the text in the field that is searched, best first. A text
    /// that was not cut is its own only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<BestPassageAnswer>, required = false)]
    best_passages: Option<Vec<BestPassageAnswer>>,
    /// Where the search asks for it: where the document's `text` has words of the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    highlights: Option<HighlightsAnswer>,
}

/// Hits whose documents have the same value in a field.
#[derive(Serialize, ToSchema)]
#[schema(as = HitGroup)]
struct HitGroupAnswer {
    /// The value, as the best hit has it; of a list the least one. `null` for documents that have none.
    #[schema(schema_with = super::schema::group_value)]
    value: Value,
    /// Best first.
    hits: Vec<HitAnswer>,
}

/// What the score of a hybrid search was made of, both comparable between queries; and what a re-ranker
/// gave, by which the hits are ordered then.
#[derive(Serialize, ToSchema)]
#[schema(as = ScoreParts)]
pub(super) struct ScorePartsAnswer {
    /// How near the document is; absent where it has no vector in the field that is searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    semantic: Option<f32>,
    /// Its BM25, 0 where it has none of the words; absent where the search is not hybrid.
    #[serde(skip_serializing_if = "Option::is_none")]
    keyword: Option<f32>,
    /// How well it answers the query, as the re-ranker's own files say: the sigmoid of its logit, or the
    /// logit itself. Absent where none was asked for, or the document has no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    rerank: Option<f32>,
}

impl ScorePartsAnswer {
    pub(super) fn of(parts: Option<ScoreParts>, rerank: Option<f32>) -> Option<Self> {
        let semantic = parts.and_then(|parts| parts.semantic);
        let keyword = parts.map(|parts| parts.keyword);
        (parts.is_some() || rerank.is_some()).then_some(Self { semantic, keyword, rerank })
    }
}

impl HitAnswer {
    fn new(hit: Hit, include: Include) -> Self {
        let document = hit.document;
        let named = FieldParts::new(document.fields, include);
        Self {
            id: StoredId(document.id),
            score: hit.score,
            parts: ScorePartsAnswer::of(hit.score_parts, hit.rerank),
            text: include.text.then_some(document.text),
            metadata: include.metadata.then(|| document.metadata.into_object()),
            expires_at: expires_at(document.expires_at, include),
            vector: document.vector.filter(|_| include.vector),
            passages: passages(document.passages, include),
            texts: named.texts,
            vectors: named.vectors,
            field_passages: named.passages,
            passage: hit
                .passage
                .filter(|_| hit.best_passages.is_none())
                .map(HitPassageAnswer::from),
            best_passages: hit.best_passages.map(|all| all.into_iter().map(Into::into).collect()),
            highlights: hit.highlights.map(HighlightsAnswer::from),
        }
    }
}

impl HitAnswer {
    fn numbers(&self) -> usize {
        let passages = self.passages.iter().map(|passage| passage.vector.len()).sum::<usize>();
        let named = FieldParts::numbers(&self.vectors, &self.field_passages);
        self.vector.as_ref().map_or(0, Vec::len) + passages + named
    }
}

impl SearchAnswer {
    /// The hits with the parts that were asked for.
    pub(crate) fn new(reply: SearchReply) -> Self {
        let include = reply.include;
        let answers = |hits: Vec<Hit>| {
            hits.into_iter().map(|hit| HitAnswer::new(hit, include)).collect::<Vec<_>>()
        };
        let of_group = |HitGroup { value, hits }| HitGroupAnswer { value, hits: answers(hits) };
        Self {
            hits: answers(reply.hits),
            groups: reply.groups.map(|groups| groups.into_iter().map(of_group).collect()),
            took_ms: milliseconds(reply.took),
            degraded: reply.degraded,
            damaged: damaged(reply.damaged),
            unsearchable: reply.unsearchable,
            plan: reply.plan.map(SearchPlanAnswer::from),
            unknown_fields: reply.unknown_fields,
            unknown_tokens: reply.unknown_tokens.filter(|count| *count > 0),
        }
    }

    /// How many numbers the answer carries.
    pub(crate) fn numbers(&self) -> usize {
        let groups = self.groups.iter().flatten().flat_map(|group| &group.hits);
        self.hits.iter().chain(groups).map(HitAnswer::numbers).sum()
    }
}

/// One reply a search, in the order of the request.
#[derive(Serialize, ToSchema)]
#[schema(as = SearchBatchReply)]
pub(crate) struct SearchBatchAnswer {
    results: Vec<SearchAnswer>,
}

impl SearchBatchAnswer {
    /// The replies with the parts that each search asked for.
    pub(crate) fn new(replies: Vec<SearchReply>) -> Self {
        Self { results: replies.into_iter().map(SearchAnswer::new).collect() }
    }

    /// How many numbers the answer carries.
    pub(crate) fn numbers(&self) -> usize {
        self.results.iter().map(SearchAnswer::numbers).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn reply(degraded: bool, plan: Option<SearchPlan>) -> Value {
        let reply = SearchReply {
            include: Include::default(),
            hits: Vec::new(),
            groups: None,
            took: Duration::ZERO,
            degraded,
            damaged: Vec::new(),
            unsearchable: 0,
            plan,
            unknown_fields: Vec::new(),
            unknown_tokens: Some(0),
        };
        let answer = serde_json::to_string(&SearchAnswer::new(reply)).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    #[test]
    fn an_answer_says_only_what_is_to_be_said() {
        assert_eq!(reply(false, None), json!({"hits": [], "took_ms": 0.0}));
        assert_eq!(reply(true, None)["degraded"], true);
        let plan = SearchPlan {
            strategy: Some(Strategy::GraphThenScan),
            ef: Some(100),
            matching: Some(7),
            vectors: 9,
            candidates: None,
            hops: 3,
            compared: 50,
            rescored: 5,
            filter: Duration::from_micros(1),
            index: Duration::from_micros(20),
            keyword: Duration::ZERO,
            fetch: Duration::from_micros(300),
            ..SearchPlan::default()
        };
        let expected = json!({
            "strategy": "graph_then_scan", "ef": 100, "matching": 7, "vectors": 9, "hops": 3,
            "compared": 50, "rescored": 5, "filter_ms": 0.001, "index_ms": 0.02, "fetch_ms": 0.3
        });
        assert_eq!(reply(false, Some(plan))["plan"], expected);
        let keyword = Duration::from_micros(40);
        let words = SearchPlan { vectors: 9, keyword, ..SearchPlan::default() };
        let expected = json!({
            "vectors": 9, "hops": 0, "compared": 0, "rescored": 0, "filter_ms": 0.0, "index_ms": 0.0,
            "keyword_ms": 0.04, "fetch_ms": 0.0
        });
        assert_eq!(reply(false, Some(words))["plan"], expected);
        let both = SearchPlan { candidates: Some(3), ..plan };
        assert_eq!(reply(false, Some(both))["plan"]["candidates"], 3);
        let rerank = Duration::from_micros(70);
        let reranked = SearchPlan { reranked: Some(2), rerank, ..plan };
        let plan = &reply(false, Some(reranked))["plan"];
        assert_eq!((&plan["reranked"], &plan["rerank_ms"]), (&json!(2), &json!(0.07)));
    }

    #[test]
    fn a_hit_shows_what_its_score_was_made_of_where_that_is_more_than_one() {
        let parts = |parts: Option<ScoreParts>, rerank| {
            serde_json::to_value(ScorePartsAnswer::of(parts, rerank)).unwrap()
        };
        let both = ScoreParts { semantic: Some(0.5), keyword: 8.25 };
        assert_eq!(parts(Some(both), None), json!({"semantic": 0.5, "keyword": 8.25}));
        let words = ScoreParts { semantic: None, keyword: 8.25 };
        let all = json!({"keyword": 8.25, "rerank": 0.75});
        assert_eq!(parts(Some(words), Some(0.75)), all);
        assert_eq!(parts(None, Some(-3.5)), json!({"rerank": -3.5}));
        assert_eq!(parts(None, None), Value::Null);
    }
}
