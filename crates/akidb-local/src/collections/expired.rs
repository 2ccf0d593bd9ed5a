//! Deletes documents that have expired, and with them the disk that they take.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use akidb_core::{Result, Seq, Timestamp};
use akidb_engine::{Applied, Write};

use super::{Collections, Entry, OpenCollection};
use crate::write::write;

/// Documents that one transaction deletes; others write between any two.
const DELETED_AT_ONCE: usize = 400;

/// How long one of them may wait for writes before it.
const DELETE_WAITS_MAX: Duration = Duration::from_secs(60);

/// When a collection that could not be opened for it is tried again, in seconds.
const TRIED_AGAIN_AFTER_S: u64 = 60;

impl Collections {
    /// Deletes what has expired in any collection. What fails is tried again the next time.
    pub(crate) async fn delete_expired(self: &Arc<Self>) {
        let now = self.indexing.clock.now();
        for entry in self.all() {
            if entry.is_dropped() || entry.next_expiry().is_none_or(|next| next > now) {
                continue;
            }
            if let Err(error) = self.delete_expired_of(&entry, now).await {
                let collection = entry.record().name.clone();
                tracing::warn!(%collection, %error, "expired documents were not deleted");
                entry.put_off_closed_expiry(now.after_seconds(TRIED_AGAIN_AFTER_S));
            }
        }
    }

    async fn delete_expired_of(self: &Arc<Self>, entry: &Arc<Entry>, now: Timestamp) -> Result<()> {
        let open = self.open_entry(entry).await?;
        let added_before = open.expiries.added();
        for versions in open.store.expired(now).await?.chunks(DELETED_AT_ONCE) {
            let deleted = self.delete_sound(&open, entry, versions, now).await?;
            self.indexing.metrics.collections.expired.inc_by(deleted);
        }
        open.expiries.settle(added_before, open.store.next_expiry().await?);
        Ok(())
    }

    /// Deletes those of some row versions that have expired. A row whose checksum is wrong may not have: it
    /// stays, for `akidb repair`.
    async fn delete_sound(
        &self,
        open: &OpenCollection,
        entry: &Entry,
        versions: &[Seq],
        now: Timestamp,
    ) -> Result<u64> {
        let rows = open.store.by_seqs(versions, false).await?;
        let has_expired = |moment: Timestamp| moment <= now;
        let expired = rows.documents.iter().filter(|row| row.expires_at.is_some_and(has_expired));
        let expired: Vec<Seq> = expired.map(|row| row.seq).collect();
        if expired.is_empty() {
            return Ok(0);
        }
        let record = entry.record();
        let delete = || {
            let deadline = Instant::now() + DELETE_WAITS_MAX;
            write(open, &record, &self.indexing, Write::DeleteVersions(expired.clone()), deadline)
        };
        match self.making_room(delete).await? {
            Applied::Deleted(count) => Ok(count),
            _ => Ok(0),
        }
    }
}
