//! Copies of collections: the documents first, beside whatever goes on, and when they are whole, in one
//! change, the collection.

use std::sync::Arc;

use akidb_core::{Error, ErrorCode, Result};
use akidb_engine::{Clock, CollectionRecord, CopyWork, Progress, WorkEnd};
use akidb_store::CopyWatch;
use uuid::Uuid;

use super::{Collections, Entry};

/// What a copy looks at on its way: nobody wants it, or what is copied is there no more.
#[derive(Clone)]
struct Watch {
    progress: Progress,
    source: Arc<Entry>,
}

impl CopyWatch for Watch {
    fn is_stopped(&self) -> bool {
        self.progress.is_stopped() || self.source.is_dropped()
    }

    fn copied(&self, part: f32) {
        self.progress.set_part(part);
    }
}

impl Collections {
    /// Makes a collection of all that another one has, as of one moment. Nothing is left of one that
    /// fails or is stopped.
    pub(crate) async fn copy(
        self: &Arc<Self>,
        copy: CopyWork,
        collections_max: usize,
        progress: Progress,
    ) -> Result<WorkEnd> {
        let this = Arc::clone(self);
        let copying = async move { this.copy_whole(&copy, collections_max, progress).await };
        self.detached(copying).await
    }

    async fn copy_whole(
        self: &Arc<Self>,
        copy: &CopyWork,
        collections_max: usize,
        progress: Progress,
    ) -> Result<WorkEnd> {
        let source = self.with_uuid(copy.of).ok_or_else(|| dropped(copy))?;
        self.indexing.space.check_for(source.disk_bytes())?;
        // An opening brings the database up to date. It may be closed again meanwhile.
        drop(self.open_entry(&source).await?);
        let watch = Watch { progress, source: Arc::clone(&source) };
        loop {
            let before = source.record();
            let copied = self.catalogue.begin_copy(copy.uuid, copy.of, &watch).await;
            if !copied.map_err(|error| self.indexing.space.explain(error))? {
                source.check_not_dropped().map_err(|_| dropped(copy))?;
                return Ok(WorkEnd::Stopped);
            }
            let _changing = self.changing.lock().await;
            let record = source.record();
            if fields_of(&record) == fields_of(&before) {
                let shadows = record.shadows.iter().map(|shadow| shadow.field.number);
                let mut dropped_fields: Vec<u32> =
                    record.dropped_fields.iter().copied().chain(shadows).collect();
                dropped_fields.sort_unstable();
                let record = CollectionRecord {
                    // What stands beside fields is a matter of the source alone.
                    shadows: Vec::new(),
                    dropped_fields,
                    uuid: copy.uuid,
                    name: copy.name.clone(),
                    aliases: Vec::new(),
                    created_unix_ms: Clock::System.now().unix_ms(),
                    ..CollectionRecord::clone(&record)
                };
                return self.finish_copy(record, collections_max).await.map(|()| WorkEnd::Done);
            }
            // What was copied is not what is described now.
            self.catalogue.abandon(copy.uuid);
        }
    }

    async fn finish_copy(&self, record: CollectionRecord, collections_max: usize) -> Result<()> {
        let refused = self.check_new(&record.name, collections_max);
        if refused.is_err() {
            self.catalogue.abandon(record.uuid);
            return refused;
        }
        self.catalogue.finish_copy(&record).await.map_err(|error| self.not_written(error))?;
        let folder = self.catalogue.directory().collection(record.uuid);
        self.names.write().insert(Arc::new(Entry::new(record, folder)));
        self.count();
        Ok(())
    }

    pub(super) fn with_uuid(&self, uuid: Uuid) -> Option<Arc<Entry>> {
        self.names.read().all().find(|entry| entry.record().uuid == uuid).cloned()
    }
}

/// Which vectors the database of a collection has.
fn fields_of(record: &CollectionRecord) -> (Vec<u32>, &[u32]) {
    (record.fields_and_shadows().map(|field| field.number).collect(), &record.dropped_fields)
}

fn dropped(copy: &CopyWork) -> Error {
    let message = format!("the collection {:?} was dropped", copy.of_name.as_str());
    Error::new(ErrorCode::CollectionNotFound, message)
}
