//! The texts of a field embedded with another model, which then takes the place of the one before.
//!
//! 1. Vectors of the new model are filled in beside the field, from the stored texts. Writes go there too
//!    where they can, and where they can not the text is filled in later.
//! 2. Writes must go to both, or fail, once those that did not know of it have ended. What is lacking is filled in,
//!    which is the last of it; an index is built, and compared with the one that is searched.
//! 3. One commit exchanges the two.
//!
//! Each step looks at what is there, so that a node that was killed goes on with what it finds.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use akidb_core::{
    Dimension, Document, DocumentId, Effort, Error, ErrorCode, FieldName, Result, Seq,
};
use akidb_embedding::ModelIdentity;
use akidb_engine::{
    Collection, CollectionRecord, Fill, HitParts, InShadow, Near, Query, Ranking, ReembedWork,
    ScrollRequest, ShadowChange, ShadowRole, Shown, TaskRecord, TaskWork, TextHash, VectorField,
    WorkEnd, Write,
};

use super::{
    fields::field_name, index_settings::changed, models::model_identity, text_vectors::PlacedText,
};
use crate::{
    Door, GivenChunking, GivenIndex, Operation, ReembedCollection, RequestContext, Service,
    TaskInfo, tasks::Control,
};

/// Documents whose texts are embedded and stored at once.
const FILL_ROWS: usize = 64;

/// How long a step may take: the embedding of some texts, a write, a change of the catalogue.
const STEP_MAX: Duration = Duration::from_secs(120);

/// The wait after something that will pass.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Documents for which it is compared what is near to them.
const SAMPLE: u64 = 100;

/// How many are compared.
const NEAREST: usize = 10;

/// Documents that are looked at to see whether any has a text.
const LOOKED_AT: usize = 100;

/// Documents that a refusal names.
const NAMED: usize = 3;

/// What of the progress the filling takes.
const FILLED: f32 = 0.9;

impl Service {
    /// Begins to embed the texts of a field with another model, while the collection is written and
    /// searched. When all are there, they take the place of the vectors of before in one step; those are
    /// kept until they are dropped.
    ///
    /// # Errors
    /// When there is no such collection or field, the field has no model, or has this one; the model can not
    /// be used now; documents have no texts; vectors of yet another model are kept; or a task is at it.
    pub async fn reembed_collection(
        &self,
        context: &RequestContext,
        collection: &str,
        request: ReembedCollection,
    ) -> Result<TaskInfo> {
        self.run(context, Operation::ReembedCollection.on(collection), async {
            let ReembedCollection { model: model_name, field } = request;
            let name = field_of(field.as_deref())?;
            let collection = self.open_for(context, collection)?;
            let record = collection.record();
            let field = record.field(&name)?;
            let Some(before) = model_identity(field)? else {
                let message = "the vector field has no model, and so no texts that were embedded";
                return Err(Error::new(ErrorCode::ModelMismatch, message));
            };
            let identity = self.model_named(Some(&model_name))?.identity().clone();
            if identity == before {
                let fault = "is the model that the field has";
                return Err(Error::at(ErrorCode::InvalidArgument, "model", fault));
            }
            let mut wanted = self.shadow_for(field, &identity)?;
            let shadow = record.shadow(&name);
            if let Some(shadow) = shadow {
                let kept = model_identity(&shadow.field)?;
                if kept.as_ref() != Some(&identity) {
                    let kept = kept.map(|kept| format!("{} in {}", kept.name, kept.precision));
                    let message = format!(
                        "vectors of the model {} are kept beside the field, drop them first",
                        kept.unwrap_or_default()
                    );
                    return Err(Error::new(ErrorCode::VectorsKept, message));
                }
                wanted.model.clone_from(&shadow.field.model);
            }
            self.check_space()?;
            check_texts(&*collection, &name).await?;
            let was_kept = shadow.is_some_and(|shadow| shadow.role == ShadowRole::Kept);
            let work = ReembedWork {
                of: record.uuid,
                of_name: record.name.clone(),
                field: name,
                model: wanted.model.unwrap_or_default(),
                model_name,
                was_kept,
                overlap: None,
            };
            let work = TaskWork::Reembed(work);
            let task = self.inner.tasks.begin(self, work, context.deadline).await?;
            Ok(self.kept_task(&task))
        })
        .await
    }

    /// Drops the vectors that a field had before another model took over.
    ///
    /// # Errors
    /// When there is no such collection or field, none are kept, or a task embeds the texts of the field.
    pub async fn drop_previous(
        &self,
        context: &RequestContext,
        collection: &str,
        field: Option<&str>,
    ) -> Result<()> {
        self.run(context, Operation::DropPrevious.on(collection), async {
            let name = field_of(field)?;
            let record = self.open_for(context, collection)?.record();
            record.field(&name)?;
            self.inner.tasks.check_reembedding(record.uuid, &name)?;
            // Writes of before may still bring vectors there.
            let settled = self.inner.double_writes.settled();
            let settled = tokio::time::timeout_at(context.deadline.into(), settled).await;
            settled.map_err(|_| Error::too_late())?;
            let (engine, drop) = (&self.inner.engine, ShadowChange::Drop);
            engine.change_shadow(record.uuid, &name, drop, context.deadline).await?;
            Ok(())
        })
        .await
    }

    /// What is to stand beside a field for a model. Its number is not given yet.
    fn shadow_for(&self, field: &VectorField, model: &ModelIdentity) -> Result<VectorField> {
        let dimension = Dimension::new(u64::from(model.dimension))
            .map_err(|fault| Error::new(ErrorCode::Internal, fault.to_string()))?;
        let ef_max = self.limits().result_window;
        let index = changed(field.index, &GivenIndex::default(), dimension, ef_max)?;
        if let Some(chunking) = field.chunking {
            let tokens = Some(u64::from(chunking.tokens));
            let overlap = Some(u64::from(chunking.overlap));
            self.chunking_of(GivenChunking { tokens, overlap }, Some(model))?;
        }
        let model = Some(serde_json::json!(model).to_string());
        Ok(VectorField { number: 0, dimension, index, model, ..field.clone() })
    }
}

/// The name of a field that a request gives, or leaves out.
fn field_of(given: Option<&str>) -> Result<FieldName> {
    given.map_or(Ok(FieldName::UNNAMED), |name| field_name(name, "field"))
}

/// Refuses a collection in whose first documents no text is.
async fn check_texts(collection: &dyn Collection, field: &FieldName) -> Result<()> {
    let request = ScrollRequest {
        position: None,
        limit: LOOKED_AT,
        filter: None,
        order: None,
        with_vector: true,
    };
    let page = collection.scroll(request).await?;
    let there = page.rows.documents.iter().filter(|document| has_vectors(document, field));
    let there: Vec<&Document> = there.collect();
    if there.is_empty() || there.iter().any(|document| text_in(document, field).is_some()) {
        return Ok(());
    }
    Err(without_text(there.into_iter().map(|document| document.id.clone()).collect()))
}

fn has_vectors(document: &Document, field: &FieldName) -> bool {
    match field.is_unnamed() {
        true => document.vector.is_some() || !document.passages.is_empty(),
        false => document.fields.iter().any(|it| it.name == *field),
    }
}

fn text_in<'d>(document: &'d Document, field: &FieldName) -> Option<&'d str> {
    match field.is_unnamed() {
        true => document.text.as_deref(),
        false => document.fields.iter().find(|it| it.name == *field)?.text.as_deref(),
    }
}

fn without_text(ids: Vec<DocumentId>) -> Error {
    let named: Vec<String> = ids.iter().take(NAMED).map(ToString::to_string).collect();
    let message = format!(
        "documents have a vector and no text in the field, such as {}: give them a text, or delete them",
        named.join(", ")
    );
    Error::new(ErrorCode::TextsMissing, message)
}

/// Does what a task is to do, as far as that is not done. What stood beside the field is there or gone, as
/// before, where it is not to come to its end.
pub(crate) async fn reembed(
    service: &Service,
    task: &mut TaskRecord,
    control: &Control,
) -> Result<WorkEnd> {
    let TaskWork::Reembed(work) = task.work.clone() else {
        return Err(Error::new(ErrorCode::Internal, "the task does not embed anew"));
    };
    let mut running = Reembedding { service, work, task, control };
    let result = running.go_on().await;
    let is_off = match &result {
        Ok(WorkEnd::Done) => false,
        Ok(WorkEnd::Stopped) => control.is_cancelled(),
        Err(_) => true,
    };
    if is_off {
        running.take_back().await;
    }
    result
}

/// A task under way.
struct Reembedding<'r> {
    service: &'r Service,
    work: ReembedWork,
    task: &'r mut TaskRecord,
    control: &'r Control,
}

/// The collection and what is filled in it.
struct Target {
    collection: Arc<dyn Collection>,
    shadow: VectorField,
}

impl Reembedding<'_> {
    /// What is only so for a while is waited for: the model is being loaded, or there is much to do.
    async fn go_on(&mut self) -> Result<WorkEnd> {
        let mut told = None;
        loop {
            if self.is_stopped() {
                return Ok(WorkEnd::Stopped);
            }
            let error = match self.attempt().await {
                Err(error) if is_passing(error.code) => error,
                ended => return ended,
            };
            // Once for each cause: it may last, as that of a model that can not be loaded.
            if told.replace(error.code) != Some(error.code) {
                tracing::warn!(task = %self.task.id, %error, "embedding anew waits, and goes on by itself");
            }
            tokio::select! {
                () = tokio::time::sleep(error.retry_after.unwrap_or(AGAIN_AFTER)) => {}
                () = self.control.stopped() => {}
            }
        }
    }

    async fn attempt(&mut self) -> Result<WorkEnd> {
        let ReembedWork { of, field: name, model, .. } = self.work.clone();
        let record = self.record()?;
        let field = record.field(&name)?;
        if field.model.as_ref() == Some(&model) {
            return Ok(self.finish().await);
        }
        self.service.load_for(&self.work.model_name);
        let writes = &self.service.inner.double_writes;
        let identity = serde_json::from_str(&model)
            .map_err(|error| Error::new(ErrorCode::StorageFailed, error.to_string()))?;
        let wanted =
            VectorField { model: Some(model), ..self.service.shadow_for(field, &identity)? };
        let collection = self.change(ShadowChange::Fill(wanted)).await?;
        let record = collection.record();
        let shadow = record.shadow(&name).map(|shadow| shadow.field.clone());
        let shadow = shadow.ok_or_else(|| dropped(&name))?;
        let target = Target { collection, shadow };
        if !self.fill(&target).await? {
            return Ok(WorkEnd::Stopped);
        }
        // Held until the two are exchanged: then every write goes to the new one anyway.
        let _required = writes.require(of, target.shadow.number);
        if !self.settled().await || !self.fill(&target).await? {
            return Ok(WorkEnd::Stopped);
        }
        let progress = &self.control.progress;
        target.collection.build_shadow(target.shadow.number, progress).await?;
        let overlap = self.overlap(&target).await?;
        if self.is_stopped() {
            return Ok(WorkEnd::Stopped);
        }
        self.work.overlap = overlap;
        self.task.work = TaskWork::Reembed(self.work.clone());
        self.service.inner.engine.keep_task(self.task.clone(), Vec::new()).await?;
        self.change(ShadowChange::Show).await?;
        Ok(self.finish().await)
    }

    /// Lets go of what was searched before, once nobody searches it any more.
    async fn finish(&self) -> WorkEnd {
        if self.settled().await
            && let Err(error) = self.change(ShadowChange::Keep).await
        {
            // It goes when what is kept is dropped, or all of the collection.
            tracing::info!(task = %self.task.id, %error, "an index of before is still there");
        }
        WorkEnd::Done
    }

    /// Fills in what is lacking, until nothing is. Says whether it came to that.
    async fn fill(&self, target: &Target) -> Result<bool> {
        let last_seq = target.collection.status().await?.last_seq.0.max(1);
        loop {
            let (mut after, mut lacked) = (Seq(0), false);
            loop {
                if self.is_stopped() {
                    return Ok(false);
                }
                let wanted = InShadow { has_vectors: false, after, limit: FILL_ROWS };
                let page = target.collection.in_shadow(target.shadow.number, wanted).await?;
                let Some(last) = page.last else { break };
                lacked |= !page.documents.is_empty();
                self.fill_in(target, &page.documents).await?;
                after = last;
                self.control.progress.set_part(FILLED * part(after.0, last_seq));
            }
            if !lacked {
                return Ok(true);
            }
        }
    }

    async fn fill_in(&self, target: &Target, documents: &[Document]) -> Result<()> {
        let Target { collection, shadow } = target;
        let mut texts = Vec::with_capacity(documents.len());
        let mut without = Vec::new();
        for (position, document) in documents.iter().enumerate() {
            match text_in(document, &shadow.name) {
                Some(text) => texts.push(PlacedText { position, text }),
                None => without.push(document.id.clone()),
            }
        }
        if !without.is_empty() {
            return Err(without_text(without));
        }
        if texts.is_empty() {
            return Ok(());
        }
        let context = step();
        let known = self.service.text_vectors(&**collection, shadow, &texts, &context);
        let known = known.await.map_err(|error| of_documents(error, documents))?;
        let rows = documents.iter().map(|document| document.seq).zip(known).collect();
        let write = Write::Fill(Fill { shadow: shadow.number, rows });
        collection.write(write, context.deadline).await?;
        Ok(())
    }

    /// How many of the nearest are the same in both, for some documents over all of the collection.
    async fn overlap(&self, target: &Target) -> Result<Option<f32>> {
        let Target { collection, shadow } = target;
        let record = collection.record();
        let field = record.field(&shadow.name)?;
        let last_seq = collection.status().await?.last_seq.0;
        let (mut same, mut all, mut looked_at) = (0, 0, Seq(0));
        for sample in 0..SAMPLE {
            let after = Seq(last_seq * sample / SAMPLE).max(looked_at);
            let wanted = InShadow { has_vectors: true, after, limit: 1 };
            let page = collection.in_shadow(shadow.number, wanted).await?;
            let Some(last) = page.last else { break };
            looked_at = last;
            let Some(document) = page.documents.first() else { continue };
            let Some(text) = text_in(document, &shadow.name) else { continue };
            let near = nearest(&**collection, field, document, text).await?;
            let others = nearest(&**collection, shadow, document, text).await?;
            if let Some((near, others)) = near.zip(others) {
                same += near.intersection(&others).count() as u64;
                all += near.len().max(others.len()) as u64;
            }
            if self.is_stopped() {
                break;
            }
        }
        Ok((all > 0).then(|| part(same, all)))
    }

    /// As it was before the task began.
    async fn take_back(&self) {
        loop {
            let is_there = self.record().ok().and_then(|record| {
                let shadow = record.shadow(&self.work.field)?.clone();
                let is_ours = shadow.field.model.as_ref() == Some(&self.work.model);
                (is_ours && shadow.role == ShadowRole::Filling).then_some(())
            });
            if is_there.is_none() {
                return;
            }
            let taken_back = async {
                self.change(ShadowChange::Keep).await?;
                if !self.work.was_kept {
                    // Writes that know of it must find it.
                    self.service.inner.double_writes.settled().await;
                    self.change(ShadowChange::Drop).await?;
                }
                Ok::<_, Error>(())
            };
            let Err(error) = taken_back.await else { return };
            tracing::warn!(task = %self.task.id, %error, "what a task has made is still there");
            if self.service.inner.tasks.is_closed() {
                return;
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// Waits for the requests that began before this; says whether the task is still to go on.
    async fn settled(&self) -> bool {
        tokio::select! {
            () = self.service.inner.double_writes.settled() => !self.is_stopped(),
            () = self.control.stopped() => false,
        }
    }

    async fn change(&self, change: ShadowChange) -> Result<Arc<dyn Collection>> {
        let ReembedWork { of, field, .. } = &self.work;
        let deadline = Instant::now() + STEP_MAX;
        self.service.inner.engine.change_shadow(*of, field, change, deadline).await
    }

    fn record(&self) -> Result<Arc<CollectionRecord>> {
        let all = self.service.inner.engine.collections();
        let found = all.into_iter().find(|record| record.uuid == self.work.of);
        found.ok_or_else(|| {
            let message = format!("the collection {:?} was dropped", self.work.of_name.as_str());
            Error::new(ErrorCode::CollectionNotFound, message)
        })
    }

    fn is_stopped(&self) -> bool {
        self.control.progress.is_stopped()
    }
}

/// What is near to a document in a field, without itself; `None` where its text has no vector there.
async fn nearest(
    collection: &dyn Collection,
    field: &VectorField,
    document: &Document,
    text: &str,
) -> Result<Option<HashSet<DocumentId>>> {
    let hash = TextHash::of(text);
    let known = collection.known_texts(field.number, &[hash]).await?;
    let passages = known.get(&hash).map(|text| &text.passages);
    let Some(first) = passages.and_then(|passages| passages.first()) else { return Ok(None) };
    let query = Query {
        ranking: Ranking::Semantic(Near {
            field: field.number,
            vector: Arc::new(first.vector.clone()),
            itself: Some(document.id.clone()),
        }),
        filter: None,
        window: NEAREST,
        parts: HitParts::Id,
        shown: Shown::default(),
        deadline: Instant::now() + STEP_MAX,
        effort: Effort { exact: true, ..Effort::default() },
    };
    let found = collection.search(query).await?;
    Ok(Some(found.hits.into_iter().map(|hit| hit.document.id).collect()))
}

fn step() -> RequestContext {
    RequestContext::new(Door::Rest, Instant::now() + STEP_MAX).of_node()
}

/// Whether the same may go well in a moment.
const fn is_passing(code: ErrorCode) -> bool {
    match code {
        ErrorCode::StorageFull | ErrorCode::IndexMemoryFull => false,
        // The two could not be exchanged yet.
        ErrorCode::TaskRunning => true,
        code => code.retryable(),
    }
}

/// An error that names a text by its place among those that were embedded together.
fn of_documents(error: Error, documents: &[Document]) -> Error {
    let (Some(first), Some(last), false) =
        (documents.first(), documents.last(), error.violations.is_empty())
    else {
        return error;
    };
    let message = format!("of the documents {} to {}: {}", first.id, last.id, error.message);
    Error { message, ..error }
}

fn dropped(name: &FieldName) -> Error {
    let message = format!("the vector field {:?} was dropped", name.as_str());
    Error::new(ErrorCode::FieldNotFound, message)
}

#[expect(clippy::cast_precision_loss, reason = "a share, to be looked at")]
fn part(done: u64, all: u64) -> f32 {
    (done as f32 / all as f32).min(1.0)
}
