//! Searches: the versions that a filter lets through, the nearest of them, their documents.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use akidb_core::{Error, ErrorCode, Filter, Result, TRACE_TARGET};
use akidb_engine::{Found, Query, SearchPlan};
use akidb_index::{Parallelism, SearchRequest, Work};
use tracing::Instrument;

use crate::{
    collections::OpenCollection,
    hits::{Fetched, fetch},
    matching::settle,
    metrics::Metrics,
    projection::{FoundDocuments, Projection, View},
};

/// How often a search is repeated when documents that it found were replaced meanwhile.
const ATTEMPTS_MAX: u32 = 8;

/// Values compared below which a search is not worth another thread.
const INLINE_VALUES_MAX: usize = 200_000;

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

/// Searches and fetches, again where the store has replaced some of what was found. A row version
/// is never changed, so what is fetched is what was found, or is missing.
///
/// # Errors
/// When a read fails, or there is no such field.
pub(crate) async fn search(
    open: &OpenCollection,
    query: &Query,
    metrics: &Metrics,
) -> Result<Found> {
    let projection = open.projections.of(query.field)?;
    let mut searched = Searched::default();
    let mut attempt = 1;
    loop {
        let began = Instant::now();
        let in_index = async {
            let view = settled(open, &projection, query.filter.as_ref()).await?;
            let filtered = Instant::now();
            Ok::<_, Error>((find(view, query, metrics).await?, filtered))
        };
        let span = tracing::debug_span!(target: TRACE_TARGET, "index");
        let (found, filtered) = in_index.instrument(span).await?;
        let found_at = Instant::now();
        if found.has_work {
            projection.do_what_waits();
        }
        let span = tracing::debug_span!(target: TRACE_TARGET, "store");
        let fetched = fetch(open, &projection, &found.candidates, query).instrument(span);
        let Fetched { hits, damaged, missing } = fetched.await?;
        searched.add(&found, [began, filtered, found_at, Instant::now()]);
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
        tokio::time::sleep(Duration::from_micros(100) * attempt).await;
        attempt += 1;
    }
}

async fn find(view: View, query: &Query, metrics: &Metrics) -> Result<FoundDocuments> {
    let vector = Arc::clone(&query.vector);
    let values = view.vector_count() * vector.len();
    let request = SearchRequest {
        effort: query.effort,
        // One more, in case the document that is left out is among them.
        ..SearchRequest::nearest(query.window + usize::from(query.itself.is_some()))
    };
    let timer = metrics.indexes.search_seconds.start_timer();
    let found = if values <= INLINE_VALUES_MAX {
        view.search(&vector, request)
    } else {
        let scan = move || {
            let scanning = Scanning::begin();
            let parallelism = match scanning.is_alone {
                true => Parallelism::ThreadPool,
                false => Parallelism::CallingThread,
            };
            view.search(&vector, SearchRequest { parallelism, ..request })
        };
        let scanned = tokio::task::spawn_blocking(scan).await;
        scanned.map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))?
    };
    timer.observe_duration();
    metrics.count_search(&found);
    Ok(found)
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
