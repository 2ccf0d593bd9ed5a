//! Documents in, one by one and without end: read, checked, embedded and stored at the same time.
//!
//! `batch` gathers lines, `embedding` gives them vectors, `commit` stores them. What does not live
//! here: how lines are framed and written, which the door decides, and the stages of one document,
//! which are those of an upsert.
//!
//! Several batches are with the model at once, so that it finds the next texts when it has done
//! the last ones. They leave it, and are stored, in the order of the input: the last of two lines
//! with one id wins. Every stage waits for the one behind it; that reaches back to the client.

mod batch;
mod commit;
mod embedding;

use std::{sync::Arc, time::Instant};

use akidb_core::{Error, ErrorCode, Result};
use akidb_engine::Collection;
use futures::{Stream, StreamExt};
use tokio::sync::{SemaphorePermit, mpsc, oneshot};

use self::{batch::Batches, commit::Commits, embedding::EmbeddedBatch};
use super::{
    models::model_identity,
    upsert::{Rules, check_key},
};
use crate::{
    Import, ImportEnd, ImportEvent, ImportEvents, ImportLine, ImportSummary, Operation,
    RequestContext, Service,
};

/// Batches that are with the model at once: one runs, one is next, one is being tokenized, and one
/// more for a model that is faster than its texts are read.
const BATCHES_EMBEDDING: usize = 4;
/// Embedded batches that wait for the store.
const BATCHES_EMBEDDED: usize = 4;
/// Events that wait for the door.
const EVENTS_WAITING: usize = 4;

impl Service {
    /// Inserts or replaces the documents of `lines`, each for itself: a bad one fails alone. What
    /// its event calls stored is on disk, and every read and search that starts later sees it.
    ///
    /// The import goes on until `lines` end or fail, the deadline passes, the node shuts down, or
    /// the events are dropped. A full embedding queue is waited for.
    ///
    /// # Errors
    /// When it can not begin. What happens later is an event.
    pub async fn import(
        &self,
        context: &RequestContext,
        collection: &str,
        request: Import,
        lines: impl Stream<Item = Result<ImportLine>> + Send + 'static,
    ) -> Result<ImportEvents> {
        let (events, receiver) = mpsc::channel(EVENTS_WAITING);
        let (begun, has_begun) = oneshot::channel();
        let (service, context) = (self.clone(), context.clone());
        let collection = collection.to_owned();
        let import = async move {
            let import = service.run_import(&context, &collection, &request, lines, events, begun);
            context.span.around(import).await;
        };
        tokio::spawn(import);
        let lost = || Err(Error::new(ErrorCode::Internal, "the import did not begin"));
        has_begun.await.unwrap_or_else(|_| lost())?;
        Ok(ImportEvents::new(receiver))
    }

    async fn run_import(
        &self,
        context: &RequestContext,
        collection: &str,
        request: &Import,
        lines: impl Stream<Item = Result<ImportLine>> + Send,
        events: mpsc::Sender<ImportEvent>,
        begun: oneshot::Sender<Result<()>>,
    ) {
        let started = Instant::now();
        let mut begun = Some(begun);
        let mut summary = ImportSummary::default();
        let result = self.run(context, Operation::Import.on(collection), async {
            let running = self.begin_import(context, collection, request)?;
            if let Some(begun) = begun.take() {
                // Whoever asked may be gone already; the events say so too.
                let _ = begun.send(Ok(()));
            }
            running.drive(lines, &events, &mut summary).await
        });
        let result = result.await;
        match begun {
            Some(begun) => drop(begun.send(result)),
            None => {
                summary.took = started.elapsed();
                let end = ImportEnd { summary, stopped: result.err() };
                // A client that is gone needs no end.
                let _ = events.send(ImportEvent::Ended(end)).await;
            }
        }
    }

    fn begin_import<'a>(
        &'a self,
        context: &'a RequestContext,
        collection: &str,
        request: &'a Import,
    ) -> Result<RunningImport<'a>> {
        let collection = self.open_for(context, collection)?;
        self.check_space()?;
        let key = request.idempotency_key.as_deref().map(check_key).transpose()?;
        let owner = context.caller.principal.key();
        let rules = Rules { key, owner, mode: request.mode };
        let place = self.inner.imports.try_acquire().map_err(|_| {
            let limit = self.limits().concurrent_imports;
            let message = format!("{limit} imports run already (concurrent_imports)");
            Error::new(ErrorCode::Overloaded, message)
        })?;
        let record = collection.record();
        let mut window = 0;
        for field in &record.fields {
            window = window.max(match (field.chunking, model_identity(field)?) {
                (None, Some(model)) => model.max_tokens as usize,
                // Cut into passages, all of it is read.
                _ => usize::MAX,
            });
        }
        self.inner.metrics.requests.imports_in_flight.inc();
        Ok(RunningImport { service: self, context, collection, window, rules, _place: place })
    }
}

/// An import under way.
struct RunningImport<'a> {
    service: &'a Service,
    context: &'a RequestContext,
    collection: Arc<dyn Collection>,
    /// Tokens of a text that are read at the most.
    window: usize,
    rules: Rules<'a>,
    _place: SemaphorePermit<'a>,
}

impl Drop for RunningImport<'_> {
    fn drop(&mut self) {
        self.service.inner.metrics.requests.imports_in_flight.dec();
    }
}

impl RunningImport<'_> {
    /// Runs all stages until the input ends or something ends it, or nobody wants to know.
    async fn drive(
        &self,
        lines: impl Stream<Item = Result<ImportLine>> + Send,
        events: &mpsc::Sender<ImportEvent>,
        summary: &mut ImportSummary,
    ) -> Result<()> {
        let (embedded, embedded_batches) = mpsc::channel(BATCHES_EMBEDDED);
        let commits = Commits { import: self, events, summary };
        let reading = async {
            self.embed_all(lines, embedded).await;
            // What was read is still to be stored.
            std::future::pending().await
        };
        tokio::select! {
            result = commits.run(embedded_batches) => result,
            never = reading => never,
            // Dropping the stages takes their texts out of the embedding queue. A commit that the
            // store has begun is finished by the store.
            () = events.closed() => Ok(()),
        }
    }

    /// The reason of a failure: that of a store may be that the collection was dropped.
    fn explained(&self, error: Error) -> Error {
        let record = self.collection.record();
        let there = self.service.inner.engine.open(record.name.as_str());
        if there.is_ok_and(|there| there.record().uuid == record.uuid) {
            return error;
        }
        let message = format!("the collection {:?} was dropped", record.name.as_str());
        Error::new(ErrorCode::CollectionNotFound, message).with_outcome(error.outcome)
    }

    async fn embed_all(
        &self,
        lines: impl Stream<Item = Result<ImportLine>> + Send,
        embedded: mpsc::Sender<EmbeddedBatch>,
    ) {
        let batches = Batches::new(self, lines).into_stream();
        let batches = batches.map(|batch| self.embed(batch)).buffered(BATCHES_EMBEDDING);
        let mut batches = std::pin::pin!(batches);
        while let Some(batch) = batches.next().await {
            let is_last = batch.stopped.is_some();
            if embedded.send(batch).await.is_err() || is_last {
                return;
            }
        }
    }
}
