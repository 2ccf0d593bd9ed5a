//! Documents gone, by id or by filter.

use std::sync::Arc;

use akidb_core::{Filter, Result, Seq};
use akidb_store::{Applied, OneDocument, Write};

use super::{
    matching,
    read::not_found,
    selection::{Selected, check_one_id},
    upsert::unexpected,
};
use crate::{
    DeleteDocuments, DeleteReply, GivenId, Operation, RequestContext, Service, collections::Entry,
};

impl Service {
    /// Deletes one document, where `if_seq` is given only that version of it.
    ///
    /// # Errors
    /// When there is none of the id, or it is of another version.
    pub async fn delete_document(
        &self,
        context: &RequestContext,
        collection: &str,
        id: GivenId,
        if_seq: Option<u64>,
    ) -> Result<()> {
        self.run(context, Operation::Delete.on(collection), async {
            let ids = check_one_id(id)?;
            let document = OneDocument { ids: ids.clone(), if_seq: if_seq.map(Seq) };
            let entry = self.inner.collections.find(collection)?;
            match self.delete(context, &entry, Write::DeleteOne(document)).await? {
                0 => Err(not_found(&ids)),
                _ => Ok(()),
            }
        })
        .await
    }

    /// Deletes documents. Unknown ids are nothing to do, so that a retry succeeds.
    ///
    /// # Errors
    /// When the selection is not valid or the store fails.
    pub async fn delete_documents(
        &self,
        context: &RequestContext,
        collection: &str,
        request: DeleteDocuments,
    ) -> Result<DeleteReply> {
        self.run(context, Operation::Delete.on(collection), async {
            let DeleteDocuments { ids, filter, all } = request;
            let selected = Selected::to_change(ids, filter, all, self.limits())?;
            let entry = self.inner.collections.find(collection)?;
            match selected {
                Selected::Ids(ids) => {
                    let deleted = self.delete(context, &entry, Write::DeleteIds(ids)).await?;
                    Ok(DeleteReply { deleted, unknown_fields: Vec::new() })
                }
                Selected::Matching(filter) => self.delete_matching(context, &entry, &filter).await,
            }
        })
        .await
    }

    /// Deletes the versions of documents that match now. Those that come meanwhile stay.
    async fn delete_matching(
        &self,
        context: &RequestContext,
        entry: &Arc<Entry>,
        filter: &Filter,
    ) -> Result<DeleteReply> {
        let (found, unknown_fields) = context
            .in_store(async {
                let open = self.inner.collections.open_entry(entry).await?;
                // Asked before: what is deleted had its fields.
                let unknown_fields = open.projection.unknown_fields(Some(filter));
                Ok((matching::versions(&open, filter).await?, unknown_fields))
            })
            .await?;
        let whole_max = self.limits().batch_documents;
        let delete = |versions| self.delete(context, entry, Write::DeleteVersions(versions));
        let deleted = matching::change(&found.versions, whole_max, delete).await?;
        Ok(DeleteReply { deleted, unknown_fields })
    }

    async fn delete(
        &self,
        context: &RequestContext,
        entry: &Arc<Entry>,
        write: Write,
    ) -> Result<u64> {
        let write = || self.write(entry, write.clone(), context);
        match self.inner.collections.making_room(write).await? {
            Applied::Deleted(count) => Ok(count),
            other => Err(unexpected(&other)),
        }
    }
}
