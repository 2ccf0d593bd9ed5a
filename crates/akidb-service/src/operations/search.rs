//! Searches: the query's vector, the allowed row versions, the nearest of them, their documents.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use akidb_core::{
    DamagedDocument, Document, DocumentId, Error, ErrorCode, Filter, Result, check_text,
    check_vector,
};
use akidb_embedding::{EmbedOptions, InputType};
use akidb_index::{Parallelism, SearchRequest, Work};

use super::{
    hits::{Fetched, Nearest, fetch},
    index_settings::candidates,
    matching::settle,
    read::{check_limit, in_order_of, not_found, trim},
    selection::{check_one_id, parse_filter},
    text_vectors::missing_embedding,
};
use crate::{
    Hit, Include, Operation, RequestContext, Search, SearchPlan, SearchReply, Service,
    collections::{Entry, OpenCollection},
    failure::{above_limit, from_store, from_text, from_vector},
    projection::{FoundDocuments, View},
    service::at_end,
};

/// Hits of a search that names no limit.
const LIMIT_DEFAULT: u64 = 10;

/// How often a search is repeated when documents that it found were replaced meanwhile.
const ATTEMPTS_MAX: u32 = 8;

/// Values compared below which a search is not worth another thread.
const INLINE_VALUES_MAX: usize = 200_000;

/// Searches that scan an index now. One alone may use every core.
static SCANNING: AtomicUsize = AtomicUsize::new(0);

/// What is near to what.
enum Query {
    Text(String),
    Vector(Vec<f32>),
    /// A document that has one of these ids, the first that is there.
    Like(Vec<DocumentId>),
}

/// What documents are compared with.
struct QueryVector {
    vector: Vec<f32>,
    /// The document that it is the vector of, which is not to be found.
    itself: Option<DocumentId>,
    /// Of a text, tokens that stand for something the model does not know.
    unknown_tokens: Option<u32>,
}

/// A checked [`Search`].
struct Plan {
    query: Query,
    limit: usize,
    offset: usize,
    filter: Option<Filter>,
    min_score: Option<f32>,
    include: Include,
    ef: Option<usize>,
    exact: bool,
    rescore: bool,
    explain: bool,
}

/// Hits, and how they were found.
#[derive(Default)]
struct Outcome {
    hits: Vec<Hit>,
    /// Found, and not served.
    damaged: Vec<DamagedDocument>,
    work: Work,
    plan: SearchPlan,
    degraded: bool,
}

impl Outcome {
    /// Adds one search of the index, and the time from the filter to the documents.
    fn add(&mut self, found: &FoundDocuments, [began, filtered, found_at, fetched]: [Instant; 4]) {
        self.work = self.work.and(found.work);
        self.degraded |= found.degraded;
        let Work { strategy, ef, hops, compared, rescored } = self.work;
        self.plan = SearchPlan {
            strategy,
            ef: (ef > 0).then_some(ef as u64),
            matching: found.matching,
            vectors: found.vectors,
            hops,
            compared,
            rescored,
            filter: self.plan.filter + (filtered - began),
            index: self.plan.index + (found_at - filtered),
            fetch: self.plan.fetch + (fetched - found_at),
        };
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
            let entry = self.inner.collections.find(collection)?;
            self.search_one(context, &entry, request).await
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
            let entry = self.inner.collections.find(collection)?;
            let mut replies = Vec::with_capacity(requests.len());
            for (i, request) in requests.into_iter().enumerate() {
                let reply = self.search_one(context, &entry, request).await;
                replies.push(reply.map_err(|error| below(&format!("searches[{i}]"), error))?);
            }
            Ok(replies)
        })
        .await
    }

    async fn search_one(
        &self,
        context: &RequestContext,
        entry: &Arc<Entry>,
        request: Search,
    ) -> Result<SearchReply> {
        let started = Instant::now();
        let plan = self.check_search(request)?;
        let open = self.inner.collections.open_entry(entry);
        let open = context.in_store(open).await?;
        let QueryVector { vector, itself, unknown_tokens } =
            self.query_vector(context, entry, &open, plan.query).await?;
        let search = Nearest {
            vector: Arc::new(vector),
            itself,
            filter: plan.filter.filter(|filter| !filter.is_always_true()),
            window: plan.offset + plan.limit,
            min_score: plan.min_score,
            with_vector: plan.include.vector,
            ef: plan.ef,
            exact: plan.exact,
            rescore: plan.rescore,
        };
        let found = self.nearest(context, &open, &search).await?;
        let Outcome { hits, damaged, degraded, plan: how, .. } = found;
        let hits = hits.into_iter().skip(plan.offset).take(plan.limit);
        let hits = hits.map(|hit| Hit { document: trim(hit.document, plan.include), ..hit });
        Ok(SearchReply {
            hits: hits.collect(),
            took: started.elapsed(),
            degraded,
            damaged,
            unsearchable: open.projection.unsearchable_count(),
            plan: plan.explain.then_some(how),
            unknown_fields: open.projection.unknown_fields(search.filter.as_ref()),
            unknown_tokens,
        })
    }

    fn check_search(&self, request: Search) -> Result<Plan> {
        let limits = self.limits();
        let query = match (request.text, request.vector, request.id) {
            (Some(text), None, None) => {
                check_text(&text, limits.text_bytes)
                    .map_err(|fault| from_text("text".to_owned(), &fault))?;
                Query::Text(text)
            }
            (None, Some(vector), None) => Query::Vector(vector),
            (None, None, Some(id)) => Query::Like(check_one_id(id)?),
            _ => {
                let message = "exactly one of text, vector and id must be given";
                return Err(Error::new(ErrorCode::InvalidArgument, message));
            }
        };
        let limit = check_limit(request.limit.unwrap_or(LIMIT_DEFAULT), limits.result_window)?;
        let offset = usize::try_from(request.offset.unwrap_or(0)).unwrap_or(usize::MAX);
        let window = offset.saturating_add(limit);
        if window > limits.result_window {
            let place = "limit plus offset";
            return Err(above_limit(place, window, "result_window", limits.result_window));
        }
        let filter = request.filter.map(|filter| parse_filter(&filter, limits)).transpose()?;
        let min_score = request.min_score.map(check_score).transpose()?;
        let ef = candidates("params.ef", request.params.ef, limits.result_window)?;
        Ok(Plan {
            query,
            limit,
            offset,
            filter,
            min_score,
            include: request.include,
            ef: ef.map(|ef| ef as usize),
            exact: request.params.exact.unwrap_or(false),
            rescore: request.params.rescore.unwrap_or(true),
            explain: request.explain.unwrap_or(false),
        })
    }

    async fn query_vector(
        &self,
        context: &RequestContext,
        entry: &Entry,
        open: &OpenCollection,
        query: Query,
    ) -> Result<QueryVector> {
        let of = |vector| QueryVector { vector, itself: None, unknown_tokens: None };
        match query {
            Query::Vector(vector) => {
                check_vector(&vector, entry.row.dimension, entry.row.metric)
                    .map_err(|fault| from_vector("vector".to_owned(), &fault))?;
                Ok(of(vector))
            }
            Query::Text(text) => {
                let options = EmbedOptions {
                    deadline: Some(context.deadline),
                    input_type: Some(InputType::Query),
                    times: context.times.embedding(),
                    ..EmbedOptions::default()
                };
                let model = self.model_of(entry)?;
                let mut embeddings = model.embed(vec![text], &options, |_| "text".into()).await?;
                let embedding = embeddings.pop().ok_or_else(missing_embedding)?;
                let unknown_tokens = Some(embedding.unknown_tokens);
                Ok(QueryVector { unknown_tokens, ..of(embedding.values) })
            }
            Query::Like(ids) => {
                let rows = open.store.by_ids(&ids, true);
                let rows = context.in_store(rows).await.map_err(from_store)?;
                if !rows.damaged.is_empty() {
                    let damaged = akidb_store::StoreError::Damaged { rows: rows.damaged };
                    return Err(from_store(damaged));
                }
                let mut documents = in_order_of(&ids, rows.documents).into_iter();
                let document = documents.next().ok_or_else(|| not_found(&ids))?;
                let itself = Some(document.id.clone());
                let vector = vector_of(document).ok_or_else(|| not_found(&ids))?;
                Ok(QueryVector { itself, ..of(vector) })
            }
        }
    }

    /// Searches and fetches, again where the store has replaced some of what was found. A row
    /// version is never changed, so what is fetched is what was found, or is missing.
    async fn nearest(
        &self,
        context: &RequestContext,
        open: &Arc<OpenCollection>,
        search: &Nearest,
    ) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        for attempt in 1.. {
            let began = Instant::now();
            let in_index = context.in_index(async {
                let view = settled(open, search.filter.as_ref()).await?;
                let filtered = Instant::now();
                Ok((self.find(view, search).await?, filtered))
            });
            let (found, filtered) = in_index.await?;
            let found_at = Instant::now();
            if found.has_work {
                open.projection.do_what_waits();
            }
            let fetched = context.in_store(fetch(open, &found.candidates, search));
            let Fetched { hits, damaged, missing } = fetched.await?;
            outcome.add(&found, [began, filtered, found_at, Instant::now()]);
            if missing == 0 || attempt == ATTEMPTS_MAX {
                (outcome.hits, outcome.damaged) = (hits, damaged);
                break;
            }
            tokio::time::sleep(Duration::from_micros(100) * attempt).await;
        }
        Ok(outcome)
    }

    async fn find(&self, view: View, search: &Nearest) -> Result<FoundDocuments> {
        let query = Arc::clone(&search.vector);
        let values = view.vector_count() * query.len();
        let request = SearchRequest {
            min_score: search.min_score,
            ef: search.ef,
            exact: search.exact,
            rescore: search.rescore,
            // One more, in case the document that is searched like is among them.
            ..SearchRequest::nearest(search.window + usize::from(search.itself.is_some()))
        };
        let timer = self.inner.metrics.indexes.search_seconds.start_timer();
        let found = if values <= INLINE_VALUES_MAX {
            view.search(&query, request)
        } else {
            let scan = move || {
                let alone = SCANNING.fetch_add(1, Ordering::Relaxed) == 0;
                let _scanning = at_end(|| {
                    SCANNING.fetch_sub(1, Ordering::Relaxed);
                });
                let parallelism =
                    if alone { Parallelism::ThreadPool } else { Parallelism::CallingThread };
                view.search(&query, SearchRequest { parallelism, ..request })
            };
            let scanned = tokio::task::spawn_blocking(scan).await;
            scanned.map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))?
        };
        timer.observe_duration();
        self.inner.metrics.count_search(&found);
        Ok(found)
    }
}

/// What a search can find, with the documents looked at of which nothing else tells whether they
/// match.
async fn settled(open: &OpenCollection, filter: Option<&Filter>) -> Result<View> {
    let mut view = open.projection.view(filter);
    let unsure = view.unsure();
    if let Some(filter) = filter.filter(|_| !unsure.is_empty()) {
        let settled = settle(&open.store, filter, &unsure).await?;
        view.settle(&settled.matching.into_iter().collect());
    }
    Ok(view)
}

/// What stands for a document in a search for others like it: its vector, or the mean of those of
/// its passages, so that no single one decides.
fn vector_of(document: Document) -> Option<Vec<f32>> {
    if document.vector.is_some() {
        return document.vector;
    }
    let mut passages = document.passages.into_iter().map(|passage| passage.vector);
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

fn check_score(score: f64) -> Result<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be finite after the cast")]
    let single = score as f32;
    if single.is_finite() {
        return Ok(single);
    }
    Err(Error::at(ErrorCode::InvalidArgument, "min_score", "is not a finite 32-bit float"))
}

/// The same error, with its places below another one.
fn below(place: &str, mut error: Error) -> Error {
    for violation in &mut error.violations {
        violation.field = format!("{place}.{}", violation.field);
    }
    // A message about a place begins with it.
    let joint = if error.violations.is_empty() { ": " } else { "." };
    error.message = format!("{place}{joint}{}", error.message);
    error
}
