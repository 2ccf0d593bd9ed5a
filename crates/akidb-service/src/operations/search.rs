//! Searches: the request checked, the vector of its query, the best documents cut to the page.

use std::{mem, sync::Arc, time::Instant};

use akidb_core::{
    Direction, Document, DocumentId, Effort, Error, ErrorCode, FieldName, Filter, OrderBy, Passage,
    Result, SortKey, Test, check_vector,
};
use akidb_embedding::{EmbedOptions, InputType};
use akidb_engine::{
    Collection, CollectionRecord, Found, HitParts, Hybrid, Near, Query, Ranking, Shown, VectorField,
};

use super::{
    fields::field_name,
    groups::{Grouping, grouped},
    index_settings::candidates,
    ranking::{Both, By, Like, check_ranking, check_score},
    read::{check_limit, check_order, in_order_of, not_found, trim},
    rerank_hits::Reranking,
    selection::parse_filter,
    shown::{check_highlight, check_passages, included},
    text_vectors::missing_embedding,
};
use crate::{
    Hit, HitGroup, HitOrder, Include, Operation, RequestContext, Search, SearchReply, Service,
    failure::{above_limit, from_vector},
};

/// The best hits that are ordered by a field, where a search does not say how many.
const ORDERED_HITS_DEFAULT: usize = 100;

/// Hits of a search that names no limit.
pub const SEARCH_LIMIT_DEFAULT: u64 = 10;

/// What documents are compared with.
struct QueryVector {
    vector: Vec<f32>,
    /// The document that it is the vector of, which is not to be found.
    itself: Option<DocumentId>,
    /// Of a text, tokens that stand for something the model does not know.
    unknown_tokens: Option<u32>,
}

/// A checked [`Search`].
struct Wanted {
    field: FieldName,
    by: By,
    limit: usize,
    offset: usize,
    filter: Option<Filter>,
    shape: Shape,
    include: Include,
    shown: Shown,
    effort: Effort,
    reranking: Option<Reranking>,
    explain: bool,
}

/// How hits come.
enum Shape {
    /// By their scores.
    Best,
    /// In the order of a field, so many of the best.
    Ordered(OrderBy, usize),
    Grouped(Grouping),
}

impl Shape {
    /// How many hits are found for so many.
    fn window(&self, hits: usize) -> usize {
        match self {
            Self::Best => hits,
            Self::Ordered(_, candidates) => *candidates,
            Self::Grouped(grouping) => grouping.hits(),
        }
    }
}

impl Service {
    /// The nearest documents.
    ///
    /// # Errors
    /// When the request is not valid, the query can not be embedded now, or the store fails.
    pub async fn search(
        &self,
        context: &RequestContext,
        collection: &str,
        request: Search,
    ) -> Result<SearchReply> {
        self.run(context, Operation::Search.on(collection), async {
            let collection = self.open_for(context, collection)?;
            self.search_one(context, &*collection, request).await
        })
        .await
    }

    /// Several searches; the first error is the answer, its fields below `searches[i]`.
    ///
    /// # Errors
    /// As for one search, and when there are none or too many.
    pub async fn search_batch(
        &self,
        context: &RequestContext,
        collection: &str,
        requests: Vec<Search>,
    ) -> Result<Vec<SearchReply>> {
        self.run(context, Operation::SearchBatch.on(collection), async {
            let limit = self.limits().batch_searches;
            match requests.len() {
                0 => {
                    let fault = "must have at least one search";
                    return Err(Error::at(ErrorCode::InvalidArgument, "searches", fault));
                }
                count if count > limit => {
                    return Err(above_limit("searches", count, "batch_searches", limit));
                }
                _ => {}
            }
            let collection = self.open_for(context, collection)?;
            let mut replies = Vec::with_capacity(requests.len());
            for (i, request) in requests.into_iter().enumerate() {
                let reply = self.search_one(context, &*collection, request).await;
                replies.push(reply.map_err(|error| error.below(&format!("searches[{i}]")))?);
            }
            Ok(replies)
        })
        .await
    }

    async fn search_one(
        &self,
        context: &RequestContext,
        collection: &dyn Collection,
        request: Search,
    ) -> Result<SearchReply> {
        let started = Instant::now();
        let wanted = self.check_search(request)?;
        // Without it the search would be in vain.
        let reranker = wanted.reranking.as_ref().map(|it| self.reranker_of(it)).transpose()?;
        let (window, parts) = (wanted.window(), wanted.parts());
        let _knows_fields = self.inner.double_writes.begin();
        let record = collection.record();
        let (ranking, unknown_tokens) =
            self.ranking(context, collection, &record, &wanted.field, wanted.by).await?;
        let query = Query {
            ranking,
            filter: wanted.filter.filter(|filter| !filter.is_always_true()),
            window,
            parts,
            shown: wanted.shown,
            deadline: context.deadline,
            effort: wanted.effort,
        };
        let (groups, mut found) = match &wanted.shape {
            Shape::Best => (None, context.in_search(collection.search(query)).await?),
            Shape::Ordered(order, candidates) => {
                (None, in_order(context, collection, query, order, *candidates).await?)
            }
            Shape::Grouped(grouping) => {
                let (groups, found) = grouped(context, collection, query, grouping).await?;
                (Some(groups), found)
            }
        };
        if let Some((model, Reranking { query, .. })) = reranker.zip(wanted.reranking) {
            self.rerank_hits(context, &model, query, &wanted.field, &mut found).await?;
        }
        let trimmed = |hit: Hit| Hit { document: trim(hit.document, wanted.include), ..hit };
        let hits = found.hits.into_iter().skip(wanted.offset).take(wanted.limit);
        let of_group = |HitGroup { value, hits }| HitGroup {
            value,
            hits: hits.into_iter().map(trimmed).collect(),
        };
        Ok(SearchReply {
            include: wanted.include,
            hits: hits.map(trimmed).collect(),
            groups: groups.map(|groups| groups.into_iter().map(of_group).collect()),
            took: started.elapsed(),
            degraded: found.degraded,
            damaged: found.damaged,
            unsearchable: found.unsearchable,
            plan: wanted.explain.then_some(found.plan),
            unknown_fields: found.unknown_fields,
            unknown_tokens,
        })
    }

    fn check_search(&self, mut request: Search) -> Result<Wanted> {
        let limits = self.limits();
        let field = match request.field.as_deref() {
            Some(name) => field_name(name, "field")?,
            None => FieldName::UNNAMED,
        };
        // Of few candidates there are no more hits.
        let depth = request.hybrid.depth.unwrap_or(SEARCH_LIMIT_DEFAULT);
        let top = request.rerank.as_ref().and_then(|rerank| rerank.top);
        let top = top.unwrap_or(SEARCH_LIMIT_DEFAULT);
        let limit_default = SEARCH_LIMIT_DEFAULT.min(depth.max(1)).min(top.max(1));
        let limit = check_limit(request.limit.unwrap_or(limit_default), limits.result_window)?;
        let offset = usize::try_from(request.offset.unwrap_or(0)).unwrap_or(usize::MAX);
        let window = offset.saturating_add(limit);
        if window > limits.result_window {
            let place = "limit plus offset";
            return Err(above_limit(place, window, "result_window", limits.result_window));
        }
        let reranking = Reranking::of(&request, window, limits)?;
        let window = reranking.as_ref().map_or(window, |it| it.top);
        let highlight = check_highlight(&request)?;
        let by = check_ranking(&mut request, window, limits)?;
        if reranking.is_some() {
            refuse_beside_rerank(&request)?;
        }
        let shape = match (request.order_by.take(), request.group_by.take()) {
            (None, None) => Shape::Best,
            (Some(order), None) => check_hit_order(order, window, limits.result_window)?,
            (None, Some(group)) => Shape::Grouped(Grouping::check(group, limit, offset, limits)?),
            (Some(_), Some(_)) => {
                let fault =
                    "stands beside group_by, whose groups are in the order of their best hits";
                return Err(Error::at(ErrorCode::InvalidArgument, "order_by", fault));
            }
        };
        let is_ranked = matches!(shape, Shape::Best) && reranking.is_none();
        let (from, hits) = if is_ranked { (offset, limit) } else { (0, shape.window(window)) };
        let shown = Shown { passages: check_passages(&request, hits, limits)?, highlight, from };
        let include = included(&request);
        let filter = request.filter.map(|filter| parse_filter(&filter, limits)).transpose()?;
        let ef = candidates("params.ef", request.params.ef, limits.result_window, "result_window")?;
        // Of words it is theirs, and of both there are two.
        let is_of_vectors = matches!(by, By::Likeness(_));
        let min_score = request.min_score.filter(|_| is_of_vectors);
        let min_score = min_score.map(|score| check_score("min_score", score)).transpose()?;
        Ok(Wanted {
            field,
            by,
            limit,
            offset,
            filter,
            shape,
            include,
            shown,
            effort: Effort {
                ef: ef.map(|ef| ef as usize),
                exact: request.params.exact.unwrap_or(false),
                rescore: request.params.rescore.unwrap_or(true),
                min_score,
            },
            reranking,
            explain: request.explain.unwrap_or(false),
        })
    }

    /// What the engine ranks by, with the vector of the query.
    async fn ranking(
        &self,
        context: &RequestContext,
        collection: &dyn Collection,
        record: &CollectionRecord,
        field: &FieldName,
        by: By,
    ) -> Result<(Ranking, Option<u32>)> {
        let near = async |like| {
            let field = record.field(field)?;
            let query = self.query_vector(context, collection, field, like).await?;
            let QueryVector { vector, itself, unknown_tokens } = query;
            let near = Near { field: field.number, vector: Arc::new(vector), itself };
            Ok::<_, Error>((near, unknown_tokens))
        };
        match by {
            By::Words(words) => Ok((Ranking::Keyword(words), None)),
            By::Likeness(like) => {
                let (near, unknown_tokens) = near(like).await?;
                Ok((Ranking::Semantic(near), unknown_tokens))
            }
            By::Both { like, words, both } => {
                let (near, unknown_tokens) = near(like).await?;
                let Both { min_semantic, depth, fusion } = both;
                let hybrid = Hybrid { near, words, min_semantic, depth, fusion };
                Ok((Ranking::Hybrid(hybrid), unknown_tokens))
            }
        }
    }

    async fn query_vector(
        &self,
        context: &RequestContext,
        collection: &dyn Collection,
        field: &VectorField,
        like: Like,
    ) -> Result<QueryVector> {
        let of = |vector| QueryVector { vector, itself: None, unknown_tokens: None };
        match like {
            Like::Vector(vector) => {
                check_vector(&vector, field.dimension, field.metric)
                    .map_err(|fault| from_vector("vector".to_owned(), &fault))?;
                Ok(of(vector))
            }
            Like::Text(text) => {
                let options =
                    EmbedOptions { input_type: Some(InputType::Query), ..context.embed_options() };
                let model = self.model_of(field)?;
                let mut embeddings = model.embed(vec![text], &options, |_| "text".into()).await?;
                let embedding = embeddings.pop().ok_or_else(missing_embedding)?;
                let unknown_tokens = Some(embedding.unknown_tokens);
                Ok(QueryVector { unknown_tokens, ..of(embedding.values) })
            }
            Like::Document(ids) => {
                let rows = context.in_store(collection.by_ids(&ids, true)).await?;
                let mut documents = in_order_of(&ids, rows.sound()?).into_iter();
                let document = documents.next().ok_or_else(|| not_found(&ids))?;
                let itself = Some(document.id.clone());
                let vector = vector_in(field, document).ok_or_else(|| {
                    let fault = "is of a document without a vector in the field that is searched";
                    Error::at(ErrorCode::InvalidArgument, "id", fault)
                })?;
                Ok(QueryVector { itself, ..of(vector) })
            }
        }
    }
}

impl Wanted {
    /// Hits that are to be found: those of the page and before it, or all that are re-ranked.
    fn window(&self) -> usize {
        self.reranking.as_ref().map_or(self.offset + self.limit, |reranking| reranking.top)
    }

    /// What has to be known of a hit. A re-ranker needs its text, and what is shown of that, whether or not it is answered.
    fn parts(&self) -> HitParts {
        let answered = parts(self.include);
        let reads_texts = self.reranking.is_some() || self.shown.is_any();
        if reads_texts { answered.max(HitParts::Row) } else { answered }
    }
}

/// The best hits in the order of a field.
async fn in_order(
    context: &RequestContext,
    collection: &dyn Collection,
    query: Query,
    order: &OrderBy,
    candidates: usize,
) -> Result<Found> {
    let query = Query { window: candidates, parts: query.parts.max(HitParts::Row), ..query };
    let mut found = context.in_search(collection.search(query)).await?;
    let hits = mem::take(&mut found.hits).into_iter();
    let mut keyed: Vec<(Option<SortKey>, Hit)> =
        hits.map(|hit| (SortKey::of(&hit.document.metadata, order), hit)).collect();
    if !keyed.iter().any(|(key, _)| key.is_some()) {
        let field = order.field.as_str().to_owned();
        let exists = Filter::Field { path: field, test: Test::Exists(true) };
        let counted = context.in_store(collection.count(Some(&exists))).await?;
        let known = counted.unknown_fields.into_iter();
        let new = known.filter(|field| !found.unknown_fields.contains(field));
        let new: Vec<String> = new.collect();
        found.unknown_fields.extend(new);
    }
    // Those that are equal stay in the order of their scores.
    keyed.sort_by(|(left, _), (right, _)| match (left, right, order.direction) {
        (Some(left), Some(right), Direction::Ascending) => left.cmp(right),
        (Some(left), Some(right), Direction::Descending) => right.cmp(left),
        (left, right, _) => left.is_none().cmp(&right.is_none()),
    });
    found.hits = keyed.into_iter().map(|(_, hit)| hit).collect();
    Ok(found)
}

/// A re-ranker gives an order of its own, and reads hits that groups have not.
fn refuse_beside_rerank(request: &Search) -> Result<()> {
    let beside =
        [("order_by", request.order_by.is_some()), ("group_by", request.group_by.is_some())];
    let faults = beside.into_iter().filter(|(_, is_given)| *is_given).map(|(place, _)| {
        Error::at(
            ErrorCode::InvalidArgument,
            place,
            "stands beside rerank, which has its own order",
        )
    });
    Error::collect(faults.collect()).map_or(Ok(()), Err)
}

fn check_hit_order(given: HitOrder, window: usize, window_max: usize) -> Result<Shape> {
    let HitOrder { order, candidates: given } = given;
    let order = check_order(order)?;
    let count = candidates("order_by.candidates", given, window_max, "result_window")?;
    let count = count.map_or(ORDERED_HITS_DEFAULT.min(window_max), |count| count as usize);
    if window <= count {
        return Ok(Shape::Ordered(order, count));
    }
    let fault = format!(
        "is {window}, allowed are at most the {count} candidates of order_by.candidates, which may be up to {window_max}"
    );
    Err(Error::at(ErrorCode::InvalidArgument, "limit plus offset", fault))
}

/// What has to be known of a hit for the parts of it that are wanted.
const fn parts(include: Include) -> HitParts {
    match include {
        Include { vector: true, .. } => HitParts::Vectors,
        Include { text: false, metadata: false, .. } => HitParts::Id,
        Include { .. } => HitParts::Row,
    }
}

/// What stands for a document in a search for others like it.
fn vector_in(field: &VectorField, document: Document) -> Option<Vec<f32>> {
    if field.name.is_unnamed() {
        return one_vector(document.vector, document.passages);
    }
    let here = document.fields.into_iter().find(|here| here.name == field.name)?;
    one_vector(here.vector, here.passages)
}

/// A vector, or the mean of those of passages, so that no single one decides.
fn one_vector(vector: Option<Vec<f32>>, passages: Vec<Passage>) -> Option<Vec<f32>> {
    if vector.is_some() {
        return vector;
    }
    let mut passages = passages.into_iter().map(|passage| passage.vector);
    let first = passages.next()?;
    let mut sum = first.clone();
    let mut count = 1.0;
    for vector in passages {
        sum.iter_mut().zip(&vector).for_each(|(sum, value)| *sum += value);
        count += 1.0;
    }
    let mean: Vec<f32> = sum.into_iter().map(|sum| sum / count).collect();
    // Passages that cancel out have no direction in common.
    let usable =
        mean.iter().all(|value| value.is_finite()) && mean.iter().any(|&value| value != 0.0);
    Some(if usable { mean } else { first })
}
