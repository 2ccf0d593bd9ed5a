//! Searches: the versions that a filter lets through, the best of them, their documents.
//!
//! The best are found and their documents read on one thread: the one that asks, unless what it is
//! expected to take is worth another.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use akidb_core::{Error, ErrorCode, Result, TRACE_TARGET};
use akidb_engine::{Found, HitParts, Query, Ranking, SearchPlan};
use akidb_index::{Parallelism, SearchRequest, Work};
use tracing::{Instrument, Span};

use crate::{
    collections::OpenCollection,
    hits::{Fetched, fetch},
    matching::Verdicts,
    metrics::Metrics,
    projection::{FoundDocuments, Projection},
    views::{Parts, Views},
    words::{by_both, by_words},
};

/// How often a search is repeated when documents that it found were replaced meanwhile.
const ATTEMPTS_MAX: u32 = 8;

/// Of these, looks at several parts of a collection that no commit may come between, and at what a filter lets through
/// with none of it removed meanwhile. Under steady writes one always comes, and hardly ever with a document that goes from one part
/// to another.
const UNDISTURBED_LOOKS_MAX: u32 = 3;

/// How long the commit that replaced them is waited for before each. It is on its way into the indexes, on
/// a machine that may have other work.
pub(crate) const COMMIT_TAKES_MAX: Duration = Duration::from_millis(250);

/// What a search in an index may be expected to take on the thread that asks. Another thread takes a
/// tenth of it to wake and to answer, and other requests wait for no longer.
const HERE_MAX: Duration = Duration::from_micros(500);

/// What a search by words takes for each document of the collection, at the most but for a few.
const WORDS_OF_A_DOCUMENT: Duration = Duration::from_nanos(1);

/// Searches that scan an index now. One alone may use every core.
static SCANNING: AtomicUsize = AtomicUsize::new(0);

/// A search among those that scan, until it is dropped.
struct Scanning {
    /// Whether no other one scanned when it began.
    is_alone: bool,
}

impl Scanning {
    fn begin() -> Self {
        Self { is_alone: SCANNING.fetch_add(1, Ordering::Relaxed) == 0 }
    }
}

impl Drop for Scanning {
    fn drop(&mut self) {
        SCANNING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the searches for one answer did, and when they came from one part to the next.
#[derive(Default)]
struct Searched {
    work: Work,
    plan: SearchPlan,
    degraded: bool,
}

impl Searched {
    /// Adds one search of the index, and the time that its parts took.
    fn add(&mut self, looked: &Looked, filter: Duration, query: &Query) {
        let Looked { found, fetched, .. } = looked;
        let compares_vectors = query.ranking.near().is_some();
        let plan = self.plan;
        let shows = &query.shown;
        self.work = self.work.and(found.work);
        self.degraded |= found.degraded;
        let Work { strategy, ef, hops, compared, rescored } = self.work;
        self.plan = SearchPlan {
            strategy: compares_vectors.then_some(strategy),
            ef: (ef > 0).then_some(ef as u64),
            matching: found.matching,
            vectors: found.vectors,
            candidates: looked.candidates,
            keyword: self.plan.keyword + looked.keyword,
            hops,
            compared,
            rescored,
            filter: self.plan.filter + filter,
            index: self.plan.index + looked.index,
            fetch: self.plan.fetch + looked.fetch,
            passages: shows.passages.map(|_| plan.passages.unwrap_or(0) + fetched.passages),
            shown: shows.is_any().then(|| plan.shown.unwrap_or_default() + fetched.shown),
            ..self.plan
        };
    }
}

/// A search with all that it needs, on whichever thread.
#[derive(Clone)]
struct Search {
    open: Arc<OpenCollection>,
    query: Arc<Query>,
    metrics: Arc<Metrics>,
}

/// What one look at an index and at the documents gave.
struct Looked {
    found: FoundDocuments,
    /// Documents that got both scores.
    candidates: Option<u64>,
    fetched: Fetched,
    index: Duration,
    keyword: Duration,
    fetch: Duration,
}

/// Searches and fetches, again where the store has replaced some of what was found. A row version
/// is never changed, so what is fetched is what was found, or is missing.
///
/// # Errors
/// When a read fails, there is no such field, or nobody waits for the answer any more.
pub(crate) async fn search(
    open: Arc<OpenCollection>,
    mut query: Query,
    metrics: &Arc<Metrics>,
) -> Result<Found> {
    if let Some(Cow::Owned(asked)) = open.asked(query.filter.as_ref()) {
        query.filter = Some(asked);
    }
    let parts = Parts::of(&open.projections, &query.ranking, query.filter.as_ref())?;
    let parts = Arc::new(parts);
    let search = Search { open, query: Arc::new(query), metrics: Arc::clone(metrics) };
    let Search { open, query, .. } = &search;
    let mut searched = Searched::default();
    let mut verdicts = Verdicts::default();
    let mut attempt = 1;
    loop {
        let began = Instant::now();
        let indexed = open.store.indexed_seq();
        let span = tracing::debug_span!(target: TRACE_TARGET, "index");
        let settled = parts.settled(open, query.filter.as_ref(), &mut verdicts);
        let views = Arc::new(settled.instrument(span.clone()).await?);
        let filter = began.elapsed();
        let looked = search.look(&views, span).await?;
        if looked.found.has_work {
            parts.all().iter().for_each(Projection::do_what_waits);
        }
        searched.add(&looked, filter, query);
        let Fetched { hits, damaged, missing, .. } = looked.fetched;
        let was_disturbed = views.were_disturbed() || views.lost_some();
        let is_disturbed = attempt <= UNDISTURBED_LOOKS_MAX && was_disturbed;
        let is_whole = missing == 0 && views.is_whole && !is_disturbed;
        if is_whole || attempt == ATTEMPTS_MAX {
            return Ok(Found {
                hits,
                damaged,
                degraded: searched.degraded,
                unsearchable: parts.all().iter().map(Projection::unsearchable_count).sum(),
                unknown_fields: open.projections.unknown_fields(query.filter.as_ref()),
                plan: searched.plan,
            });
        }
        let next_commit = open.store.indexed_after(indexed);
        // Without one it is tried again all the same.
        let _ = tokio::time::timeout(COMMIT_TAKES_MAX, next_commit).await;
        attempt += 1;
    }
}

impl Search {
    /// What is asked of the index.
    fn request(&self) -> SearchRequest<'static> {
        let Query { window, ranking, deadline, effort, .. } = &*self.query;
        let itself = ranking.near().and_then(|near| near.itself.as_ref());
        SearchRequest {
            effort: *effort,
            deadline: Some(*deadline),
            // One more, in case the document that is left out is among them.
            ..SearchRequest::nearest(window + usize::from(itself.is_some()))
        }
    }

    /// Looks at the index and the documents, on the thread where that belongs.
    async fn look(&self, views: &Arc<Views>, span: Span) -> Result<Looked> {
        let request = self.request();
        let reads_quickly = match self.query.parts {
            // Long texts take longer to go through than to read.
            _ if self.query.shown.is_any() => false,
            HitParts::Id => true,
            HitParts::Row | HitParts::Vectors => self.open.store.lookups_are_quick(request.limit),
        };
        if reads_quickly && self.expected_time(views, &request) <= HERE_MAX {
            return self.look_here(views, request, span);
        }
        let (search, views) = (self.clone(), Arc::clone(views));
        // Spans of the other thread are below that of the request.
        let request_span = Span::current();
        let looking = move || {
            let _within = request_span.enter();
            let scanning = Scanning::begin();
            let parallelism = match scanning.is_alone {
                true => Parallelism::ThreadPool,
                false => Parallelism::CallingThread,
            };
            search.look_here(&views, SearchRequest { parallelism, ..request }, span)
        };
        let looked = tokio::task::spawn_blocking(looking).await;
        looked.map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))?
    }

    /// About how long the indexes take.
    fn expected_time(&self, views: &Views, request: &SearchRequest<'_>) -> Duration {
        match &self.query.ranking {
            Ranking::Semantic(_) => {
                views.near().map_or(Duration::ZERO, |(_, view)| view.expected_time(request))
            }
            Ranking::Keyword(_) => {
                let documents = views.words().map(|(_, view)| view.vectors()).sum::<u64>();
                WORDS_OF_A_DOCUMENT.saturating_mul(u32::try_from(documents).unwrap_or(u32::MAX))
            }
            Ranking::Hybrid(_) => Duration::MAX,
        }
    }

    fn look_here(&self, views: &Views, request: SearchRequest<'_>, span: Span) -> Result<Looked> {
        let began = Instant::now();
        let within = span.enter();
        let (mut candidates, mut keyword) = (None, Duration::ZERO);
        let found = match (&self.query.ranking, views.near()) {
            (Ranking::Semantic(near), Some((_, view))) => view.search(&near.vector, request),
            (Ranking::Hybrid(hybrid), Some(_)) => {
                let fused = by_both(views, hybrid, request);
                (candidates, keyword) = (Some(fused.count as u64), fused.words);
                fused.found
            }
            (Ranking::Keyword(words), _) => {
                let found = by_words(views, words, request.limit);
                keyword = began.elapsed();
                found
            }
            // What is compared with a vector has a field.
            (_, None) => FoundDocuments::default(),
        };
        let found_at = Instant::now();
        let index = (found_at - began).saturating_sub(keyword);
        drop(within);
        drop(span);
        self.metrics.count_search(&self.query.ranking, &found, index, keyword);
        if found_at >= self.query.deadline {
            return Err(Error::too_late());
        }
        let span = tracing::debug_span!(target: TRACE_TARGET, "store");
        let fetched =
            span.in_scope(|| fetch(&self.open, views, &found.candidates, &self.query, request))?;
        Ok(Looked { found, candidates, fetched, index, keyword, fetch: found_at.elapsed() })
    }
}
