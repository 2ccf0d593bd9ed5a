//! Documents gone, by id or by filter.

use akidb_core::{Filter, Result, Seq};
use akidb_engine::{Applied, Collection, OneDocument, Write};

use super::{
    read::not_found,
    selection::{Selected, check_one_id},
    steps::in_steps,
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
            let collection = self.open_for(context, collection)?;
            match self.delete(context, &*collection, Write::DeleteOne(document)).await? {
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
            let collection = self.open_for(context, collection)?;
            match selected {
                Selected::Ids(ids) => {
                    let deleted = self.delete(context, &*collection, Write::DeleteIds(ids)).await?;
                    Ok(DeleteReply { deleted, unknown_fields: Vec::new() })
                }
                Selected::Matching(filter) => {
                    self.delete_matching(context, &*collection, &filter).await
                }
            }
        })
        .await
    }

    /// Deletes the versions of documents that match now. Those that come meanwhile stay.
    async fn delete_matching(
        &self,
        context: &RequestContext,
        collection: &dyn Collection,
        filter: &Filter,
    ) -> Result<DeleteReply> {
        let matching = context.in_store(collection.matching(filter)).await?;
        let whole_max = self.limits().batch_documents;
        let delete = |versions| self.delete(context, collection, Write::DeleteVersions(versions));
        let deleted = in_steps(&matching.versions, whole_max, delete).await?;
        Ok(DeleteReply { deleted, unknown_fields: matching.unknown_fields })
    }

    async fn delete(
        &self,
        context: &RequestContext,
        collection: &dyn Collection,
        write: Write,
    ) -> Result<u64> {
        match self.write(collection, write, context).await? {
            Applied::Deleted(count) => Ok(count),
            other => Err(unexpected(&other)),
        }
    }
}
