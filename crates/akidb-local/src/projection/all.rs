//! All that is searched of one collection: a projection of each vector field, and one of the documents
//! that have no vector in the unnamed field.
//!
//! Which documents match a filter is asked of the unnamed field and of those beside it: each document
//! is in one of the two. A search asks its own field alone. Where a collection has the unnamed field
//! only, as most, nothing stands beside it and a commit goes straight there.

use std::{
    mem,
    path::{Path, PathBuf},
    sync::Arc,
};

use akidb_core::{Error, ErrorCode, FieldName, Filter, Result};
use akidb_engine::{CollectionRecord, IndexStatus, VectorField};
use akidb_store::{AddedToField, CommittedChange, Loader, VectorKey};
use parking_lot::{Mutex, RwLock};

use super::{
    Context, Indexing, Kept, Matching, Over, Projection, generation::Generation, load::load,
    maintenance::Maintenance, snapshot,
};

/// Looks for two of the same commit; the next one holds commits up.
const UNDISTURBED_LOOKS_MAX: u32 = 4;

/// All projections of an open collection.
pub(crate) struct Projections {
    unnamed: Option<Projection>,
    beside: RwLock<Arc<Beside>>,
    /// Held by a commit while it is brought into more than one of them, and while one comes or goes.
    writing: Mutex<()>,
    folder: PathBuf,
    indexing: Indexing,
}

/// Those beside that of the unnamed field.
#[derive(Clone, Default)]
struct Beside {
    /// Documents without a vector in the unnamed field; absent where there can be none.
    rest: Option<Projection>,
    /// By number.
    named: Vec<(u32, Projection)>,
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
            unnamed: None,
            beside: RwLock::default(),
            writing: Mutex::default(),
            folder: folder.to_owned(),
            indexing: indexing.clone(),
        };
        let mut beside = Beside::default();
        for field in &record.fields {
            let context = Context {
                collection: record.uuid,
                folder: index_folder(folder, field.number),
                over: Over::Field(field.into()),
                dimension: field.dimension,
                metric: field.metric,
                settings: field.index,
                position: loader.position(),
                indexing: indexing.clone(),
            };
            let projection = load(context, loader).await?;
            match field.number {
                0 => projections.unnamed = Some(projection),
                number => beside.named.push((number, projection)),
            }
        }
        // As long as no other field was ever there, every document is in the unnamed one.
        if record.last_field > 0 {
            let context = projections.of_rest(record.uuid, loader.position());
            beside.rest = Some(load(context, loader).await?);
        }
        *projections.beside.get_mut() = Arc::new(beside);
        Ok(projections)
    }

    fn of_rest(&self, collection: uuid::Uuid, position: akidb_store::Position) -> Context {
        Context::of_documents(collection, &self.folder, position, self.indexing.clone())
    }

    fn beside(&self) -> Arc<Beside> {
        Arc::clone(&self.beside.read())
    }

    /// The projection of a field, by its number.
    ///
    /// # Errors
    /// `field_not_found` where it was dropped.
    pub(crate) fn of(&self, field: u32) -> Result<Projection> {
        let found = match field {
            0 => self.unnamed.clone(),
            _ => {
                let beside = self.beside();
                let mut named = beside.named.iter();
                named.find(|(number, _)| *number == field).map(|(_, found)| found.clone())
            }
        };
        let dropped = || Error::new(ErrorCode::FieldNotFound, "the vector field was dropped");
        found.ok_or_else(dropped)
    }

    /// That of each field, by number.
    pub(crate) fn fields(&self) -> Vec<(u32, Projection)> {
        let unnamed = self.unnamed.iter().map(|unnamed| (0, unnamed.clone()));
        unnamed.chain(self.beside().named.iter().cloned()).collect()
    }

    /// Those that have every document, each in one of them.
    fn of_documents(&self) -> (Option<Projection>, Option<Projection>) {
        (self.unnamed.clone(), self.beside().rest.clone())
    }

    fn all(&self) -> Vec<Projection> {
        let fields = self.fields().into_iter().map(|(_, projection)| projection);
        fields.chain(self.beside().rest.clone()).collect()
    }

    /// Brings all of them in step with a commit. Called by one writer at a time.
    pub(crate) fn apply(&self, mut change: CommittedChange) {
        let mut beside = self.beside();
        let mut writing = None;
        if beside.rest.is_some() {
            writing = Some(self.writing.lock());
            // One may have come or gone meanwhile.
            beside = self.beside();
        }
        let without_vector = mem::take(&mut change.added_without_vector);
        let mut to_fields = mem::take(&mut change.fields);
        if let Some(unnamed) = &self.unnamed {
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
        for (number, projection) in &beside.named {
            projection.apply(&part(to_fields.remove(number).unwrap_or_default()));
        }
        if let Some(rest) = &beside.rest {
            let keys = without_vector.iter().map(|(document, ..)| VectorKey::of(*document));
            let added: Vec<VectorKey> = keys.collect();
            let added_vectors = vec![super::STANDS_FOR_DOCUMENT; added.len()];
            rest.apply(&part(AddedToField {
                added,
                added_vectors,
                added_documents: without_vector,
            }));
        }
    }

    /// Makes an empty projection of a field that is about to be there.
    pub(crate) fn add(
        &self,
        record: &CollectionRecord,
        field: &VectorField,
        position: akidb_store::Position,
    ) {
        let context = Context {
            collection: record.uuid,
            folder: index_folder(&self.folder, field.number),
            over: Over::Field(field.into()),
            dimension: field.dimension,
            metric: field.metric,
            settings: field.index,
            position,
            indexing: self.indexing.clone(),
        };
        let of_rest = self.of_rest(record.uuid, position);
        let _writing = self.writing.lock();
        let mut beside = Beside::clone(&self.beside());
        beside.rest.get_or_insert_with(|| Projection::empty(of_rest));
        beside.named.push((field.number, Projection::empty(context)));
        beside.named.sort_by_key(|(number, _)| *number);
        *self.beside.write() = Arc::new(beside);
    }

    /// Takes a field out of reach, and gives what was searched, for the caller to close.
    pub(crate) fn remove(&self, field: u32) -> Option<Projection> {
        let _writing = self.writing.lock();
        let mut beside = Beside::clone(&self.beside());
        let at = beside.named.iter().position(|(number, _)| *number == field)?;
        let (_, projection) = beside.named.remove(at);
        *self.beside.write() = Arc::new(beside);
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
        match self.of_documents() {
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

    /// The fields of a filter that no document has.
    pub(crate) fn unknown_fields(&self, filter: Option<&Filter>) -> Vec<String> {
        let (unnamed, rest) = self.of_documents();
        let mut parts = unnamed.iter().chain(&rest).map(|part| part.unknown_fields(filter));
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
        let generation = Generation::new(context.new_index(), context.settings);
        let files =
            akidb_index::SnapshotFolder::new(context.folder.clone(), snapshot::identity(&context));
        Self::of(
            context,
            generation,
            Maintenance::new(files, None),
            std::collections::BTreeSet::new(),
        )
    }

    /// The field that it is of.
    pub(crate) fn field(&self) -> Option<&FieldIdentity> {
        match &self.shared.over {
            Over::Field(field) => Some(field),
            Over::Documents => None,
        }
    }
}
