//! All that is searched of one collection: a projection of each vector field, and one of the documents
//! that have no vector in the unnamed field.
//!
//! Which documents match a filter is asked of the unnamed field and of those beside it: each document
//! is in one of the two. A search asks its own field alone. Where a collection has the unnamed field
//! only, as most, nothing stands beside it and a commit goes straight there.

use std::{
    mem,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use akidb_core::{Error, ErrorCode, FieldName, Filter, Result, Seq};
use akidb_engine::{CollectionRecord, IndexStatus, VectorField};
use akidb_store::{AddedToField, CommittedChange, DocumentStore, Loader, VectorKey};
use parking_lot::{Mutex, RwLock};

use super::{
    Context, Indexing, Kept, Matching, Over, Projection,
    load::{load, load_live},
    maintenance::Maintenance,
    snapshot,
    words::WordSources,
};
use crate::index_memory::vector_bytes;

/// Looks for two of the same commit; the next one holds commits up.
const UNDISTURBED_LOOKS_MAX: u32 = 4;

/// All projections of an open collection.
pub(crate) struct Projections {
    there: RwLock<Arc<There>>,
    /// Held by a commit while it is brought into more than one of them, and while one comes or goes.
    writing: Mutex<()>,
    /// What commits bring to a field whose projection is being made.
    waiting: Mutex<Option<Waiting>>,
    folder: PathBuf,
    indexing: Indexing,
}

/// Those that there are.
#[derive(Clone, Default)]
struct There {
    unnamed: Option<Projection>,
    /// Documents without a vector in the unnamed field; absent where there can be none.
    rest: Option<Projection>,
    /// Those of other fields, and of what stands beside any, by number.
    others: Vec<(u32, Projection)>,
}

/// Commits that are to be brought into a projection once it is there.
struct Waiting {
    field: u32,
    changes: Vec<CommittedChange>,
}

/// The folder of the files of a field's index, in that of its collection.
pub(crate) fn index_folder(collection: &Path, field: u32) -> PathBuf {
    match field {
        0 => collection.join("vectors"),
        number => collection.join(format!("vectors_{number}")),
    }
}

impl Projections {
    /// Brings every projection of a collection in step with its store.
    pub(crate) async fn open(
        record: &CollectionRecord,
        folder: &Path,
        loader: &mut Loader,
        indexing: &Indexing,
    ) -> Result<Self> {
        loop {
            let epoch = loader.position().epoch;
            let opened = Self::open_once(record, folder, loader, indexing).await?;
            // An index that has more than the database raises its epoch: what was read before that
            // is of no use any more.
            if loader.position().epoch == epoch {
                return Ok(opened);
            }
        }
    }

    async fn open_once(
        record: &CollectionRecord,
        folder: &Path,
        loader: &mut Loader,
        indexing: &Indexing,
    ) -> Result<Self> {
        let mut projections = Self {
            there: RwLock::default(),
            waiting: Mutex::default(),
            writing: Mutex::default(),
            folder: folder.to_owned(),
            indexing: indexing.clone(),
        };
        let mut there = There::default();
        for field in &record.fields {
            let context = projections.of_field(record, field, loader.position());
            let projection = load(context, loader).await?;
            match field.name.is_unnamed() {
                true => there.unnamed = Some(projection),
                false => there.others.push((field.number, projection)),
            }
        }
        // As long as no other field was ever there, every document is in the unnamed one.
        if record.last_field > 0 {
            let context = projections.of_rest(record, loader.position());
            there.rest = Some(load(context, loader).await?);
        }
        *projections.there.get_mut() = Arc::new(there);
        Ok(projections)
    }

    fn of_field(
        &self,
        record: &CollectionRecord,
        field: &VectorField,
        position: akidb_store::Position,
    ) -> Context {
        let words = || Arc::new(WordSources::of(&record.keyword));
        Context {
            collection: record.uuid,
            folder: index_folder(&self.folder, field.number),
            over: Over::Field(field.into()),
            dimension: field.dimension,
            metric: field.metric,
            settings: field.index,
            words: field.name.is_unnamed().then(words),
            position,
            indexing: self.indexing.clone(),
        }
    }

    fn of_rest(&self, record: &CollectionRecord, position: akidb_store::Position) -> Context {
        Context::of_documents(record, &self.folder, position, self.indexing.clone())
    }

    fn there(&self) -> Arc<There> {
        Arc::clone(&self.there.read())
    }

    /// The projection of a field, by its number.
    ///
    /// # Errors
    /// `field_not_found` where it was dropped.
    pub(crate) fn of(&self, field: u32) -> Result<Projection> {
        let there = self.there();
        if let Some(unnamed) = there.unnamed.as_ref().filter(|it| it.number() == field) {
            return Ok(unnamed.clone());
        }
        let found = there.others.iter().find(|(number, _)| *number == field);
        let dropped = || Error::new(ErrorCode::FieldNotFound, "the vector field was dropped");
        found.map(|(_, found)| found.clone()).ok_or_else(dropped)
    }

    /// That of each field, by number, and of what stands beside one where that is searchable.
    pub(crate) fn fields(&self) -> Vec<(u32, Projection)> {
        let there = self.there();
        let unnamed = there.unnamed.iter().map(|unnamed| (unnamed.number(), unnamed.clone()));
        unnamed.chain(there.others.iter().cloned()).collect()
    }

    /// Those whose documents are found by their words: each document is in one of them.
    pub(crate) fn with_words(&self) -> Vec<Projection> {
        let there = self.there();
        there.unnamed.iter().chain(&there.rest).cloned().collect()
    }

    fn all(&self) -> Vec<Projection> {
        let fields = self.fields().into_iter().map(|(_, projection)| projection);
        fields.chain(self.there().rest.clone()).collect()
    }

    /// Brings all of them in step with a commit. Called by one writer at a time.
    pub(crate) fn apply(&self, mut change: CommittedChange) {
        let mut there = self.there();
        let mut writing = None;
        if there.rest.is_some() {
            writing = Some(self.writing.lock());
            // One may have come or gone meanwhile.
            there = self.there();
        }
        if let Some(shown) = change.shown {
            self.show(shown);
            return;
        }
        let without_vector = mem::take(&mut change.added_without_vector);
        let mut to_fields = mem::take(&mut change.fields);
        if let Some(unnamed) = &there.unnamed {
            unnamed.apply(&change);
        }
        if writing.is_none() {
            return;
        }
        let CommittedChange { removed, last_seq, .. } = change;
        let part = |added: AddedToField| {
            let AddedToField { added, added_vectors, added_documents } = added;
            let removed = removed.clone();
            CommittedChange {
                added,
                added_vectors,
                added_documents,
                removed,
                last_seq,
                ..CommittedChange::default()
            }
        };
        for (number, projection) in &there.others {
            let part = part(to_fields.remove(number).unwrap_or_default());
            // One that was just made from the store may have this commit.
            if last_seq > projection.applied() {
                projection.apply(&part);
            }
        }
        if let Some(Waiting { field, changes }) = &mut *self.waiting.lock() {
            changes.push(part(to_fields.remove(field).unwrap_or_default()));
        }
        if let Some(rest) = &there.rest {
            let keys = without_vector.iter().map(|document| VectorKey::of(document.seq));
            let added: Vec<VectorKey> = keys.collect();
            let added_vectors = vec![super::STANDS_FOR_DOCUMENT; added.len()];
            rest.apply(&part(AddedToField {
                added,
                added_vectors,
                added_documents: without_vector,
            }));
        }
    }

    /// Puts the projection of what stood beside the unnamed field in its place. Both have the same
    /// documents. Those of others are asked for by number.
    fn show(&self, number: u32) {
        let mut there = There::clone(&self.there());
        let at = there.others.iter().position(|(it, _)| *it == number);
        let is_unnamed =
            |at: &usize| there.others[*at].1.field().is_some_and(|field| field.name.is_unnamed());
        let Some(at) = at.filter(is_unnamed) else { return };
        let (_, shown) = there.others.remove(at);
        if let Some(before) = there.unnamed.replace(shown) {
            there.others.push((before.number(), before));
            there.others.sort_by_key(|(number, _)| *number);
        }
        *self.there.write() = Arc::new(there);
    }

    /// Makes a field that stands beside another searchable, from the store, while writes go on. It must
    /// have all that it is to have, but for those writes.
    pub(crate) async fn build(
        &self,
        record: &CollectionRecord,
        field: &VectorField,
        store: &DocumentStore,
    ) -> Result<Projection> {
        if let Ok(there) = self.of(field.number) {
            return Ok(there);
        }
        let bytes = vector_bytes(field.dimension, &field.index);
        let reserved =
            self.indexing.memory.reserve(bytes.saturating_mul(store.document_count()))?;
        *self.waiting.lock() = Some(Waiting { field: field.number, changes: Vec::new() });
        let built = self.build_from(record, field, store).await;
        let _writing = self.writing.lock();
        let waiting = self.waiting.lock().take();
        let (projection, loaded) = built?;
        let changes = waiting.map(|waiting| waiting.changes).unwrap_or_default();
        for change in changes.iter().filter(|change| change.last_seq > loaded) {
            projection.apply(change);
        }
        let mut there = There::clone(&self.there());
        there.others.push((field.number, projection.clone()));
        there.others.sort_by_key(|(number, _)| *number);
        *self.there.write() = Arc::new(there);
        drop(reserved);
        Ok(projection)
    }

    async fn build_from(
        &self,
        record: &CollectionRecord,
        field: &VectorField,
        store: &DocumentStore,
    ) -> Result<(Projection, Seq)> {
        let mut snapshot = store.snapshot().await?;
        let loaded = snapshot.rows().last_seq();
        let position = akidb_store::Position { seq: loaded, ..store.position() };
        let context = self.of_field(record, field, position);
        Ok((load_live(context, &mut snapshot).await?, loaded))
    }

    /// Makes an empty projection of a field that is about to be there.
    pub(crate) fn add(
        &self,
        record: &CollectionRecord,
        field: &VectorField,
        position: akidb_store::Position,
    ) {
        let context = self.of_field(record, field, position);
        self.add_rest(record, position);
        let _writing = self.writing.lock();
        let mut there = There::clone(&self.there());
        there.others.push((field.number, Projection::empty(context)));
        there.others.sort_by_key(|(number, _)| *number);
        *self.there.write() = Arc::new(there);
    }

    /// Looks after documents without a vector in the unnamed field from now on.
    pub(crate) fn add_rest(&self, record: &CollectionRecord, position: akidb_store::Position) {
        let of_rest = self.of_rest(record, position);
        let _writing = self.writing.lock();
        let mut there = There::clone(&self.there());
        there.rest.get_or_insert_with(|| Projection::empty(of_rest));
        *self.there.write() = Arc::new(there);
    }

    /// Takes a field out of reach, and gives what was searched, for the caller to close.
    pub(crate) fn remove(&self, field: u32) -> Option<Projection> {
        let _writing = self.writing.lock();
        let mut there = There::clone(&self.there());
        let at = there.others.iter().position(|(number, _)| *number == field)?;
        let (_, projection) = there.others.remove(at);
        *self.there.write() = Arc::new(there);
        Some(projection)
    }

    /// Takes up other settings of fields.
    pub(crate) fn set_settings(&self, fields: &[VectorField]) {
        for (number, projection) in self.fields() {
            if let Some(field) = fields.iter().find(|field| field.number == number) {
                projection.set_settings(field.index);
            }
        }
    }

    /// The documents that a filter lets through as of one commit, and those of which it is not known
    /// yet. Each is in one of what is returned.
    pub(crate) fn matching(&self, filter: &Filter) -> Vec<Matching> {
        let there = self.there();
        match (&there.unnamed, &there.rest) {
            (Some(unnamed), None) => vec![unnamed.matching(filter)],
            (None, Some(rest)) => vec![rest.matching(filter)],
            (None, None) => Vec::new(),
            (Some(unnamed), Some(rest)) => {
                let look = || vec![unnamed.matching(filter), rest.matching(filter)];
                for _ in 0..UNDISTURBED_LOOKS_MAX {
                    let found = look();
                    if found.iter().all(|part| part.as_of == found[0].as_of) {
                        return found;
                    }
                }
                let _writing = self.writing.lock();
                look()
            }
        }
    }

    /// What several projections say together as of one commit. The last look holds commits up.
    pub(crate) fn as_of_one_commit<'p, T>(
        &self,
        of: impl Iterator<Item = &'p Projection> + Clone,
        look: impl Fn() -> T,
    ) -> T {
        let state = || of.clone().map(Projection::state).collect::<Vec<_>>();
        for _ in 0..UNDISTURBED_LOOKS_MAX {
            let before = state();
            let found = look();
            let last = before.first().map(|(_, seq)| *seq);
            let is_quiet =
                |&(begun, seq): &(u64, Seq)| begun.is_multiple_of(2) && Some(seq) == last;
            if before.iter().all(is_quiet) && state() == before {
                return found;
            }
        }
        let _writing = self.writing.lock();
        look()
    }

    /// The fields of a filter that no document has.
    pub(crate) fn unknown_fields(&self, filter: Option<&Filter>) -> Vec<String> {
        let there = self.there();
        let mut parts =
            there.unnamed.iter().chain(&there.rest).map(|part| part.unknown_fields(filter));
        let mut unknown = parts.next().unwrap_or_default();
        for others in parts {
            unknown.retain(|field| others.contains(field));
        }
        unknown
    }

    /// The state of each field's index, by number.
    pub(crate) fn statuses(&self) -> Vec<(u32, IndexStatus)> {
        let fields = self.fields().into_iter();
        fields.map(|(number, projection)| (number, projection.status())).collect()
    }

    /// Has the maintainer look at all of them.
    pub(crate) fn do_what_waits(&self) {
        self.all().iter().for_each(Projection::do_what_waits);
    }

    /// See [`Projection::abandon`].
    pub(crate) fn abandon(&self) {
        self.all().iter().for_each(Projection::abandon);
    }

    /// See [`Projection::close`].
    pub(crate) fn close(&self, kept: Kept) {
        self.all().iter().for_each(|projection| projection.close(kept));
    }
}

/// What a projection is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldIdentity {
    pub(crate) number: u32,
    pub(crate) name: FieldName,
    /// Whether its texts are cut into passages.
    pub(crate) cuts_texts: bool,
}

impl From<&VectorField> for FieldIdentity {
    fn from(field: &VectorField) -> Self {
        let (number, name) = (field.number, field.name.clone());
        Self { number, name, cuts_texts: field.chunking.is_some() }
    }
}

impl Projection {
    /// One of a store that has nothing for it.
    fn empty(context: Context) -> Self {
        let generation = context.new_generation();
        let files =
            akidb_index::SnapshotFolder::new(context.folder.clone(), snapshot::identity(&context));
        Self::of(
            context,
            generation,
            Maintenance::new(files, None),
            std::collections::BTreeSet::new(),
        )
    }

    /// Whether both are the same.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Twice the commits that it was brought in step with, one more while it is, and the last of them.
    pub(crate) fn state(&self) -> (u64, Seq) {
        (self.shared.commits.load(Ordering::Acquire), self.applied())
    }

    /// Whether its documents are found by their words.
    pub(crate) fn has_words(&self) -> bool {
        self.shared.generation().words.is_some()
    }

    /// The last commit that it has.
    pub(crate) fn applied(&self) -> Seq {
        Seq(self.shared.applied_seq.load(Ordering::Acquire))
    }

    /// The number of the field that it is of.
    fn number(&self) -> u32 {
        self.field().map_or(0, |field| field.number)
    }

    /// The field that it is of.
    pub(crate) fn field(&self) -> Option<&FieldIdentity> {
        match &self.shared.over {
            Over::Field(field) => Some(field),
            Over::Documents => None,
        }
    }
}
