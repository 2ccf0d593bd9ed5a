//! What changes what stands beside a vector field: vectors of another model, which are filled, take the
//! place of the field, are kept, and go.
//!
//! Who has the place is what the catalogue says, so that one commit exchanges the two, and a node that is killed
//! opens with one or the other. What is in memory follows between two commits of documents: until then every
//! write goes to both.

use std::sync::Arc;

use akidb_core::{Error, ErrorCode, FieldName, Result};
use akidb_engine::{CollectionRecord, ShadowChange, ShadowField, ShadowRole, VectorField};
use akidb_store::StoredField;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Collections, Entry,
    fields::{close_projection, free_number, remove_index_files, take_back_tables},
};

impl Collections {
    /// Changes what stands beside a field.
    pub(crate) async fn change_shadow(
        self: &Arc<Self>,
        collection: Uuid,
        field: &FieldName,
        change: ShadowChange,
        deadline: Instant,
    ) -> Result<Arc<Entry>> {
        let (this, field) = (Arc::clone(self), field.clone());
        let change = async move {
            let gone = || Error::new(ErrorCode::CollectionNotFound, "the collection was dropped");
            let entry = this.with_uuid(collection).ok_or_else(gone)?;
            match change {
                ShadowChange::Fill(shadow) => this.fill_shadow(&entry, shadow, deadline).await?,
                ShadowChange::Show => this.show_shadow(&entry, &field, deadline).await?,
                ShadowChange::Keep => this.keep_shadow(&entry, &field, deadline).await?,
                ShadowChange::Drop => this.drop_shadow(&entry, &field, deadline).await?,
            }
            Ok(entry)
        };
        self.detached(change).await
    }

    async fn fill_shadow(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        mut shadow: VectorField,
        deadline: Instant,
    ) -> Result<()> {
        let _changing = self.begin_change(deadline).await?;
        entry.check_not_dropped()?;
        let record = entry.record();
        let of = record.field(&shadow.name)?.number;
        if let Some(there) = record.shadow(&shadow.name) {
            if there.field.model != shadow.model {
                let message = "vectors of another model are kept beside the field, drop them first";
                return Err(Error::new(ErrorCode::VectorsKept, message));
            }
            let number = there.field.number;
            self.set_role(entry, &shadow.name, ShadowRole::Filling).await?;
            if let Some(open) = entry.peek() {
                // An index takes versions in ascending order, and those of before may be filled in now.
                close_projection(&open.projections, number).await;
            }
            return Ok(());
        }
        let open = Arc::clone(self).opening(Arc::clone(entry)).await?;
        shadow.number = free_number(&record, &open.store).await?;
        let number = shadow.number;
        open.projections.add_rest(&record, open.store.position());
        let mut after = CollectionRecord::clone(&record);
        after.last_field = number;
        let stored = StoredField::of(&shadow);
        after.shadows.push(ShadowField { role: ShadowRole::Filling, field: shadow });
        after.shadows.sort_by(|left, right| left.field.name.cmp(&right.field.name));
        let added = match open.store.add_shadow(stored, of).await {
            Ok(()) => self.catalogue.change(&after).await,
            Err(error) => Err(error),
        };
        if let Err(error) = added {
            take_back_tables(&open.store, number).await;
            return Err(self.not_written(error));
        }
        entry.set(after).await;
        Ok(())
    }

    async fn show_shadow(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        name: &FieldName,
        deadline: Instant,
    ) -> Result<()> {
        let _changing = self.begin_change(deadline).await?;
        let open = Arc::clone(self).opening(Arc::clone(entry)).await?;
        let record = entry.record();
        let shadow = shadow_of(&record, name)?;
        let number = shadow.field.number;
        let is_built = open.projections.of(number).is_ok();
        if shadow.role != ShadowRole::Filling || !is_built || !open.store.is_filled(number).await? {
            let message = "the new vectors are not those of all documents yet";
            return Err(Error::new(ErrorCode::TaskRunning, message));
        }
        let mut after = CollectionRecord::clone(&record);
        let place = after.fields.iter_mut().find(|field| field.name == *name);
        let place = place.ok_or_else(|| no_shadow(name))?;
        let before = std::mem::replace(place, shadow.field.clone());
        after.shadows.retain(|shadow| shadow.field.name != *name);
        after.shadows.push(ShadowField { role: ShadowRole::Kept, field: before });
        after.shadows.sort_by(|left, right| left.field.name.cmp(&right.field.name));
        self.catalogue.change(&after).await.map_err(|error| self.not_written(error))?;
        if let Err(error) = open.store.show(number).await {
            // Documents would be read and written as the catalogue does not say it any more.
            self.indexing.fail_stop.stop(&format!("vectors that took over are not there: {error}"));
            return Err(Error::new(ErrorCode::StorageFailed, error.to_string()));
        }
        entry.set(after).await;
        Ok(())
    }

    /// Nobody searches what is kept, so no index of it stays.
    async fn keep_shadow(
        &self,
        entry: &Arc<Entry>,
        name: &FieldName,
        deadline: Instant,
    ) -> Result<()> {
        let _changing = self.begin_change(deadline).await?;
        entry.check_not_dropped()?;
        self.set_role(entry, name, ShadowRole::Kept).await?;
        let number = shadow_of(&entry.record(), name)?.field.number;
        if let Some(open) = entry.peek() {
            close_projection(&open.projections, number).await;
        }
        remove_index_files(entry, number)
    }

    async fn drop_shadow(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        name: &FieldName,
        deadline: Instant,
    ) -> Result<()> {
        {
            let _changing = self.begin_change(deadline).await?;
            entry.check_not_dropped()?;
            let record = entry.record();
            let number = shadow_of(&record, name)?.field.number;
            let mut after = CollectionRecord::clone(&record);
            after.shadows.retain(|shadow| shadow.field.number != number);
            after.dropped_fields.push(number);
            after.dropped_fields.sort_unstable();
            let dropped = self.catalogue.change(&after).await;
            dropped.map_err(|error| self.indexing.space.explain(error))?;
            entry.set(after).await;
        }
        // It is dropped whether or not the collection can be opened.
        if let Ok(_open) = Arc::clone(self).opening(Arc::clone(entry)).await {
            Arc::clone(self).finish_drops(Arc::clone(entry)).await;
        }
        Ok(())
    }

    async fn set_role(&self, entry: &Arc<Entry>, name: &FieldName, role: ShadowRole) -> Result<()> {
        let record = entry.record();
        if shadow_of(&record, name)?.role == role {
            return Ok(());
        }
        let mut after = CollectionRecord::clone(&record);
        for shadow in after.shadows.iter_mut().filter(|shadow| shadow.field.name == *name) {
            shadow.role = role;
        }
        self.catalogue.change(&after).await.map_err(|error| self.not_written(error))?;
        entry.set(after).await;
        Ok(())
    }
}

fn shadow_of<'r>(record: &'r CollectionRecord, name: &FieldName) -> Result<&'r ShadowField> {
    record.field(name)?;
    record.shadow(name).ok_or_else(|| no_shadow(name))
}

fn no_shadow(name: &FieldName) -> Error {
    let message = match name.as_str() {
        "" => "no other vectors are kept beside the unnamed vector field".to_owned(),
        name => format!("no other vectors are kept beside the vector field {name:?}"),
    };
    Error::new(ErrorCode::FieldNotFound, message)
}
