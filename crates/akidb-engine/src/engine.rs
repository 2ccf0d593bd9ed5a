//! What the service asks of storage.

use std::{collections::HashMap, fmt::Debug, sync::Arc, time::Instant};

use akidb_core::{DocumentId, FieldName, Filter, Result};
use async_trait::async_trait;
use uuid::Uuid;

use crate::{
    Alias, AliasAction, Applied, BackupInfo, CollectionRecord, CollectionSettings,
    CollectionStatus, CopyWork, Count, EngineStatus, FacetQuery, Facets, Found, InShadow,
    KeyRecord, KnownText, Matching, Progress, Query, Rows, ScrollPage, ScrollRequest, ShadowChange,
    ShadowPage, TaskRecord, TextHash, VectorField, WorkEnd, Write,
};

/// The settings that a collection is to have, given what it is now, or why it can not.
pub type SettingsChange =
    Box<dyn FnOnce(&CollectionRecord) -> Result<CollectionSettings> + Send + 'static>;

/// Where collections are kept.
///
/// Errors say whether anything was changed (`outcome`). A change that has begun runs to its end,
/// whatever becomes of the future that waits for it; until its deadline it may be refused because
/// others are before it.
#[async_trait]
pub trait StorageEngine: Debug + Send + Sync {
    /// Every collection, by name.
    fn collections(&self) -> Vec<Arc<CollectionRecord>>;

    /// The collection of a name, which may be an alias here and wherever a collection is named.
    ///
    /// # Errors
    /// When there is none, or the name is none that a collection can have.
    fn open(&self, name: &str) -> Result<Arc<dyn Collection>>;

    /// Makes a collection.
    ///
    /// # Errors
    /// When the name is taken, there are `collections_max` already, or storage fails.
    async fn create(
        &self,
        record: CollectionRecord,
        collections_max: usize,
        deadline: Instant,
    ) -> Result<Arc<dyn Collection>>;

    /// Changes the settings of a collection, its name among them. What they need, such as another
    /// index, may be made after this has returned. Whoever holds the collection goes on under its
    /// new name.
    ///
    /// # Errors
    /// When there is none of the name, the change is refused, the new name is taken, or storage
    /// fails.
    async fn update(
        &self,
        name: &str,
        change: SettingsChange,
        deadline: Instant,
    ) -> Result<Arc<dyn Collection>>;

    /// Every alias, by name.
    fn aliases(&self) -> Vec<Alias>;

    /// Changes aliases in the order of `actions`, all or none; answers every alias that there is then.
    ///
    /// # Errors
    /// When an alias or a collection is not as an action requires it, whose place is named as
    /// `actions[i]`, there would be more than `aliases_max`, or storage fails.
    async fn change_aliases(
        &self,
        actions: Vec<AliasAction>,
        aliases_max: usize,
        deadline: Instant,
    ) -> Result<Vec<Alias>>;

    /// Adds a vector field, in which no document has a vector yet. Its number is the engine's to give.
    ///
    /// # Errors
    /// When there is no such collection, it has a field of that name, or storage fails.
    async fn add_field(
        &self,
        collection: &str,
        field: VectorField,
        deadline: Instant,
    ) -> Result<Arc<dyn Collection>>;

    /// Drops a vector field with all vectors and texts in it, in one step as far as anybody can see.
    /// Documents stay.
    ///
    /// # Errors
    /// When there is no such collection or field, or storage fails.
    async fn drop_field(
        &self,
        collection: &str,
        field: &FieldName,
        deadline: Instant,
    ) -> Result<Arc<dyn Collection>>;

    /// Changes what stands beside a field of a collection, in one step as far as anybody can see.
    ///
    /// # Errors
    /// When there is no such collection or field, what stands beside it is not what the change needs, or
    /// storage fails.
    async fn change_shadow(
        &self,
        collection: Uuid,
        field: &FieldName,
        change: ShadowChange,
        deadline: Instant,
    ) -> Result<Arc<dyn Collection>>;

    /// Drops a collection with everything in it.
    ///
    /// # Errors
    /// When there is none of the name, it is named by an alias or has one, or storage fails.
    async fn delete(&self, name: &str, deadline: Instant) -> Result<()>;

    /// Makes a collection of all that another one has, as of one moment, while writes go on. It is there
    /// when it is whole. Nothing is left of one that is stopped, fails, or that a node before has begun.
    ///
    /// # Errors
    /// When what is copied is not there any more, there is no room, the name is taken when it is
    /// whole, there are `collections_max` collections by then, or storage fails.
    async fn copy(
        &self,
        copy: CopyWork,
        collections_max: usize,
        progress: Progress,
    ) -> Result<WorkEnd>;

    /// Writes a backup of all collections as of one moment, while writes go on. It is there when it is whole;
    /// nothing is left of one that is stopped or fails. One of this id that is there is what was asked for.
    ///
    /// # Errors
    /// When a page can not be read, writes fill the logs faster than they are copied, there is no room, or
    /// storage fails.
    async fn back_up(&self, id: Uuid, progress: Progress) -> Result<WorkEnd>;

    /// Every backup that is whole, the oldest first.
    ///
    /// # Errors
    /// When the folder of backups can not be read.
    async fn backups(&self) -> Result<Vec<BackupInfo>>;

    /// Removes a backup.
    ///
    /// # Errors
    /// When there is none of the id, or storage fails.
    async fn delete_backup(&self, id: Uuid) -> Result<()>;

    /// Every task that is kept, in the order of their ids.
    fn tasks(&self) -> Vec<Arc<TaskRecord>>;

    /// Keeps a task as it is now, in place of the record of its id, and forgets others in the same step.
    ///
    /// # Errors
    /// When storage fails.
    async fn keep_task(&self, task: TaskRecord, forgotten: Vec<Uuid>) -> Result<()>;

    /// Every key that is kept, in the order of their ids.
    fn keys(&self) -> Vec<Arc<KeyRecord>>;

    /// The key of an id.
    fn key(&self, id: &str) -> Option<Arc<KeyRecord>>;

    /// Whether there is a key, or ever was one, be it that all of them are lost.
    fn has_had_keys(&self) -> bool;

    /// Keeps a key as it is now, in place of the record of its id, and forgets others in the same step.
    ///
    /// # Errors
    /// When storage fails.
    async fn keep_key(&self, key: KeyRecord, forgotten: Vec<String>) -> Result<()>;

    /// Whether writes that take room are taken now.
    ///
    /// # Errors
    /// `storage_full`, with the reason.
    fn check_space(&self) -> Result<()>;

    /// The state of everything.
    fn status(&self) -> EngineStatus;

    /// Brings those metrics up to date that are looked at, not counted.
    fn look_at_metrics(&self);

    /// Returns when the outcome of a change can not be known any more: the node should end then, so
    /// that a restart reads back what the disk really has.
    async fn failed(&self);

    /// Waits for what runs, and closes everything. Nothing can be asked after it.
    async fn close(&self);
}

/// One collection.
///
/// What is acknowledged is durable, and every read and search that begins later sees it.
#[async_trait]
pub trait Collection: Debug + Send + Sync {
    /// What it is now.
    fn record(&self) -> Arc<CollectionRecord>;

    /// Changes documents, whole or not at all.
    ///
    /// # Errors
    /// When documents are not as the write requires them, nothing can be written by the deadline,
    /// there is no room, or storage fails.
    async fn write(&self, write: Write, deadline: Instant) -> Result<Applied>;

    /// The documents of these ids, in no particular order; unknown ones are left out.
    ///
    /// # Errors
    /// When the read fails.
    async fn by_ids(&self, ids: &[DocumentId], with_vector: bool) -> Result<Rows>;

    /// A page of documents.
    ///
    /// # Errors
    /// When the read fails.
    async fn scroll(&self, request: ScrollRequest<'_>) -> Result<ScrollPage>;

    /// How many documents match, or there are.
    ///
    /// # Errors
    /// When a read fails.
    async fn count(&self, filter: Option<&Filter>) -> Result<Count>;

    /// How many documents have which values.
    ///
    /// # Errors
    /// When a read fails, or nobody waits for the answer any more.
    async fn facets(&self, query: FacetQuery) -> Result<Facets>;

    /// Which documents match.
    ///
    /// # Errors
    /// When a read fails.
    async fn matching(&self, filter: &Filter) -> Result<Matching>;

    /// The texts of these hashes that a field, by its number, has sound vectors of.
    ///
    /// # Errors
    /// When the read fails, or there is no such field.
    async fn known_texts(
        &self,
        field: u32,
        hashes: &[TextHash],
    ) -> Result<HashMap<TextHash, KnownText>>;

    /// Documents of a field of which a shadow of it, by its number, has vectors or lacks them.
    ///
    /// # Errors
    /// When the read fails, or there is no such shadow.
    async fn in_shadow(&self, shadow: u32, wanted: InShadow) -> Result<ShadowPage>;

    /// Makes a shadow that is filled searchable, by its number, and returns when most of its index is
    /// built. No vectors may be filled in after it; writes keep it in step.
    ///
    /// # Errors
    /// When a read fails, or there is no such shadow.
    async fn build_shadow(&self, shadow: u32, progress: &Progress) -> Result<()>;

    /// The documents that are nearest to a vector in a field.
    ///
    /// # Errors
    /// When a read fails, or there is no such field.
    async fn search(&self, query: Query) -> Result<Found>;

    /// Its state.
    ///
    /// # Errors
    /// When it can not be opened.
    async fn status(&self) -> Result<CollectionStatus>;

    /// Where counting, scrolling, getting, filtering and searching it exactly do not agree, and
    /// whether what is derived could be used. Meant for a collection that nobody writes to.
    ///
    /// # Errors
    /// When it can not be opened or read.
    async fn disagreements(&self) -> Result<Vec<String>>;
}
