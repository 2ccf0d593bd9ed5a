//! Documents gone, by id or by filter.

use akidb_core::{Result, Seq};
use akidb_store::{Applied, OneDocument, Write};

use super::{
    read::not_found,
    selection::{Selected, check_one_id},
    upsert::unexpected,
};
use crate::{DeleteDocuments, DeleteReply, GivenId, Operation, RequestContext, Service};

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
            match self.delete(context, collection, Write::DeleteOne(document)).await? {
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
            let (write, unknown_fields) =
                match Selected::to_change(ids, filter, all, self.limits())? {
                    Selected::Ids(ids) => (Write::DeleteIds(ids), Vec::new()),
                    Selected::Matching(filter) => {
                        // Asked before: what is deleted had its fields.
                        let open = self.inner.collections.open_by_name(collection).await?;
                        let unknown = open.projection.unknown_fields(Some(&filter));
                        (Write::DeleteMatching(filter), unknown)
                    }
                };
            let deleted = self.delete(context, collection, write).await?;
            Ok(DeleteReply { deleted, unknown_fields })
        })
        .await
    }

    async fn delete(
        &self,
        context: &RequestContext,
        collection: &str,
        write: Write,
    ) -> Result<u64> {
        let entry = self.inner.collections.find(collection)?;
        let write = || self.write(&entry, write.clone(), context);
        match self.inner.collections.making_room(write).await? {
            Applied::Deleted(count) => Ok(count),
            other => Err(unexpected(&other)),
        }
    }
}
