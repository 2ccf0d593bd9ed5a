//! What changes which vector fields a collection has, while it is open.
//!
//! A field is added to the store first, where nobody can reach it, and is there with the catalogue's
//! commit. It is gone with the catalogue's commit too, which says by its number that it was dropped;
//! then its vectors and files go, and last that number. Cut short anywhere, what is left is done when
//! the collection is next opened.

use std::{io, sync::Arc, time::Duration};

use akidb_core::{Error, ErrorCode, FieldName, Result};
use akidb_engine::{CollectionRecord, VectorField};
use akidb_store::{DocumentStore, StoredField};
use tokio::time::Instant;

use super::{Collections, Entry};
use crate::projection::{Kept, Projections};

/// How long the end of a drop waits for its turn to change the catalogue.
const LAST_CHANGE_WAIT: Duration = Duration::from_secs(60);

impl Collections {
    /// Adds a field whose name must be free, under a number that no field of the collection ever had.
    pub(crate) async fn add_field(
        self: &Arc<Self>,
        name: &str,
        field: VectorField,
        deadline: Instant,
    ) -> Result<Arc<Entry>> {
        let (this, name) = (Arc::clone(self), name.to_owned());
        self.detached(async move { this.add_field_whole(&name, field, deadline).await }).await
    }

    /// Drops a field; its disk is free when this returns, unless something can not be removed now.
    pub(crate) async fn drop_field(
        self: &Arc<Self>,
        name: &str,
        field: &FieldName,
        deadline: Instant,
    ) -> Result<Arc<Entry>> {
        let (this, name, field) = (Arc::clone(self), name.to_owned(), field.clone());
        self.detached(async move { this.drop_field_whole(&name, &field, deadline).await }).await
    }

    async fn add_field_whole(
        self: &Arc<Self>,
        name: &str,
        mut field: VectorField,
        deadline: Instant,
    ) -> Result<Arc<Entry>> {
        let _changing = self.begin_change(deadline).await?;
        let entry = self.find(name)?;
        let record = entry.record();
        if record.field(&field.name).is_ok() {
            let message = format!("a vector field named {:?} exists already", field.name.as_str());
            return Err(Error::new(ErrorCode::FieldExists, message));
        }
        let open = Arc::clone(self).opening(Arc::clone(&entry)).await?;
        field.number = free_number(&record, &open.store).await?;
        let number = field.number;
        open.projections.add(&record, &field, open.store.position());
        let (stored, after) = (StoredField::of(&field), with_field(&record, field));
        let added = match open.store.add_field(stored).await {
            Ok(()) => self.catalogue.change(&after).await,
            Err(error) => Err(error),
        };
        if let Err(error) = added {
            open.projections.remove(number);
            take_back_tables(&open.store, number).await;
            return Err(self.not_written(error));
        }
        entry.set(after).await;
        Ok(entry)
    }

    async fn drop_field_whole(
        self: &Arc<Self>,
        name: &str,
        field: &FieldName,
        deadline: Instant,
    ) -> Result<Arc<Entry>> {
        let entry = {
            let _changing = self.begin_change(deadline).await?;
            let entry = self.find(name)?;
            let record = entry.record();
            if field.is_unnamed() || record.fields.len() == 1 {
                record.field(field)?;
                let message = match field.is_unnamed() {
                    true => "the unnamed vector field can not be dropped, delete the collection",
                    false => "the only vector field can not be dropped, delete the collection",
                };
                return Err(Error::new(ErrorCode::InvalidArgument, message));
            }
            let number = record.field(field)?.number;
            let mut after = CollectionRecord::clone(&record);
            after.fields.retain(|it| it.number != number);
            after.shadows.retain(|shadow| shadow.field.name != *field);
            let beside = record.shadow(field).map(|shadow| shadow.field.number);
            after.dropped_fields.extend(beside.into_iter().chain([number]));
            after.dropped_fields.sort_unstable();
            let dropped = self.catalogue.change(&after).await;
            // A drop makes room: whoever asked takes up that the disk is full, and tries again.
            dropped.map_err(|error| self.indexing.space.explain(error))?;
            entry.set(after).await;
            entry
        };
        // It is dropped whether or not the collection can be opened.
        if let Ok(_open) = Arc::clone(self).opening(Arc::clone(&entry)).await {
            Arc::clone(self).finish_drops(Arc::clone(&entry)).await;
        }
        Ok(entry)
    }

    /// Removes what is left of dropped fields, as long as the collection is open. What can not be
    /// removed now is when it is next opened.
    pub(super) async fn finish_drops(self: Arc<Self>, entry: Arc<Entry>) {
        for number in entry.record().dropped_fields.clone() {
            if let Err(error) = self.finish_drop(&entry, number).await {
                let collection = entry.record().name.clone();
                tracing::warn!(%collection, %error, "the rest of a dropped vector field stays");
            }
        }
    }

    async fn finish_drop(&self, entry: &Arc<Entry>, number: u32) -> Result<()> {
        loop {
            // Taken for a step each, so that the collection can be closed in between.
            let Some(open) = entry.peek() else { return Ok(()) };
            close_projection(&open.projections, number).await;
            let step = open.store.remove_some_of(number).await;
            if step.map_err(|error| self.indexing.space.explain(error))? {
                break;
            }
        }
        remove_index_files(entry, number)?;
        let _changing = self.begin_change(Instant::now() + LAST_CHANGE_WAIT).await?;
        entry.check_not_dropped()?;
        let mut after = CollectionRecord::clone(&entry.record());
        if !after.dropped_fields.contains(&number) {
            return Ok(());
        }
        after.dropped_fields.retain(|it| *it != number);
        self.catalogue.change(&after).await.map_err(|error| self.not_written(error))?;
        entry.set(after).await;
        Ok(())
    }
}

/// Ends what was searched of a field.
pub(super) async fn close_projection(projections: &Projections, number: u32) {
    if let Some(projection) = projections.remove(number) {
        projection.abandon();
        let closing = tokio::task::spawn_blocking(move || projection.close(Kept::No));
        // One that did not close in order writes nothing any more either.
        let _ = closing.await;
    }
}

pub(super) fn remove_index_files(entry: &Entry, number: u32) -> Result<()> {
    let folder = entry.index_folder(number);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let message = format!("removing {} failed: {error}", folder.display());
            Err(Error::new(ErrorCode::StorageFailed, message))
        }
        _ => Ok(()),
    }
}

/// A number that no field of the collection ever had. Tables that nobody knows stay, and are not taken for
/// those of a new field.
pub(super) async fn free_number(record: &CollectionRecord, store: &DocumentStore) -> Result<u32> {
    let taken = store.field_numbers().await?.last().copied().unwrap_or(0);
    Ok(record.last_field.max(taken) + 1)
}

/// Removes the tables of a field that was not added. They are empty, and their number was given to nobody.
pub(super) async fn take_back_tables(store: &DocumentStore, number: u32) {
    if let Err(error) = store.drop_field(number).await {
        tracing::warn!(%error, "tables of a field that was not added stay");
    }
}

/// The same collection with another field.
fn with_field(record: &CollectionRecord, field: VectorField) -> CollectionRecord {
    let mut after = record.clone();
    after.last_field = field.number;
    after.fields.push(field);
    after.fields.sort_by(|left, right| left.name.cmp(&right.name));
    after
}
