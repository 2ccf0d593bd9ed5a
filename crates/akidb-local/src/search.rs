//! Searches: the versions that a filter lets through, the nearest of them, their documents.
//!
//! The nearest are found and their documents read on one thread: the one that asks, unless what it is
//! expected to take is worth another.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use akidb_core::{Error, ErrorCode, Filter, Result, TRACE_TARGET};
use akidb_engine::{Found, HitParts, Query, SearchPlan};
use akidb_index::{Parallelism, SearchRequest, Work};
use tracing::{Instrument, Span};

use crate::{
    collections::OpenCollection,
    hits::{Fetched, fetch},
    matching::settle,
    metrics::Metrics,
    projection::{FoundDocuments, Projection, View},
};

/// How often a search is repeated when documents that it found were replaced meanwhile.
const ATTEMPTS_MAX: u32 = 8;

/// How long the commit that replaced them is waited for before each. It is on its way into the indexes, on
/// a machine that may have other work.
const COMMIT_TAKES_MAX: Duration = Duration::from_millis(250);

/// What a search in an index may be expected to take on the thread that asks. Another thread takes a
/// tenth of it to wake and to answer, and other requests wait for no longer.
const HERE_MAX: Duration = Duration::from_micros(500);

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
    fn add(&mut self, looked: &Looked, filter: Duration) {
        let found = &looked.found;
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
            filter: self.plan.filter + filter,
            index: self.plan.index + looked.index,
            fetch: self.plan.fetch + looked.fetch,
        };
    }
}

/// A search with all that it needs, on whichever thread.
#[derive(Clone)]
struct Search {
    open: Arc<OpenCollection>,
    projection: Projection,
    query: Arc<Query>,
    metrics: Arc<Metrics>,
}

/// What one look at an index and at the documents gave.
struct Looked {
    found: FoundDocuments,
    fetched: Fetched,
    index: Duration,
    fetch: Duration,
}

/// Searches and fetches, again where the store has replaced some of what was found. A row version
/// is never changed, so what is fetched is what was found, or is missing.
///
/// # Errors
/// When a read fails, there is no such field, or nobody waits for the answer any more.
pub(crate) async fn search(
    open: Arc<OpenCollection>,
    query: Query,
    metrics: &Arc<Metrics>,
) -> Result<Found> {
    let projection = open.projections.of(query.field)?;
    let search = Search { open, projection, query: Arc::new(query), metrics: Arc::clone(metrics) };
    let Search { open, projection, query, .. } = &search;
    let mut searched = Searched::default();
    let mut attempt = 1;
    loop {
        let began = Instant::now();
        let indexed = open.store.indexed_seq();
        let span = tracing::debug_span!(target: TRACE_TARGET, "index");
        let settled = settled(open, projection, query.filter.as_ref());
        let view = settled.instrument(span.clone()).await?;
        let filter = began.elapsed();
        let looked = search.look(view, span).await?;
        if looked.found.has_work {
            projection.do_what_waits();
        }
        searched.add(&looked, filter);
        let Fetched { hits, damaged, missing } = looked.fetched;
        if missing == 0 || attempt == ATTEMPTS_MAX {
            return Ok(Found {
                hits,
                damaged,
                degraded: searched.degraded,
                unsearchable: projection.unsearchable_count(),
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
        let Query { window, itself, deadline, effort, .. } = &*self.query;
        SearchRequest {
            effort: *effort,
            deadline: Some(*deadline),
            // One more, in case the document that is left out is among them.
            ..SearchRequest::nearest(window + usize::from(itself.is_some()))
        }
    }

    /// Looks at the index and the documents, on the thread where that belongs.
    async fn look(&self, view: View, span: Span) -> Result<Looked> {
        let request = self.request();
        let reads_quickly = match self.query.parts {
            HitParts::Id => true,
            HitParts::Row | HitParts::Vectors => self.open.store.lookups_are_quick(request.limit),
        };
        if reads_quickly && view.expected_time(&request) <= HERE_MAX {
            return self.look_here(&view, request, span);
        }
        let search = self.clone();
        // Spans of the other thread are below that of the request.
        let request_span = Span::current();
        let looking = move || {
            let _within = request_span.enter();
            let scanning = Scanning::begin();
            let parallelism = match scanning.is_alone {
                true => Parallelism::ThreadPool,
                false => Parallelism::CallingThread,
            };
            search.look_here(&view, SearchRequest { parallelism, ..request }, span)
        };
        let looked = tokio::task::spawn_blocking(looking).await;
        looked.map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))?
    }

    fn look_here(&self, view: &View, request: SearchRequest<'_>, span: Span) -> Result<Looked> {
        let began = Instant::now();
        let within = span.enter();
        let timer = self.metrics.indexes.search_seconds.start_timer();
        let found = view.search(&self.query.vector, request);
        timer.observe_duration();
        drop(within);
        drop(span);
        self.metrics.count_search(&found);
        let found_at = Instant::now();
        if found_at >= self.query.deadline {
            return Err(Error::too_late());
        }
        let span = tracing::debug_span!(target: TRACE_TARGET, "store");
        let fetched = span.in_scope(|| {
            fetch(&self.open.store, (&self.projection, view), &found.candidates, &self.query)
        })?;
        Ok(Looked { found, fetched, index: found_at - began, fetch: found_at.elapsed() })
    }
}

/// What a search can find, with the documents looked at of which nothing else tells whether they
/// match.
async fn settled(
    open: &OpenCollection,
    projection: &Projection,
    filter: Option<&Filter>,
) -> Result<View> {
    let mut view = projection.view(filter);
    let unsure = view.unsure();
    if let Some(filter) = filter.filter(|_| !unsure.is_empty()) {
        let settled = settle(&open.store, filter, &unsure).await?;
        view.settle(&settled.matching.into_iter().collect());
    }
    Ok(view)
}
