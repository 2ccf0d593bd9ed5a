//! Documents out: by id, by filter, page by page, and how many.

use std::collections::HashMap;

use akidb_core::{
    Document, DocumentField, DocumentId, Error, ErrorCode, FieldPath, Filter, OrderBy, Result,
};
use akidb_engine::{Collection, ScrollPage, ScrollRequest};
use serde_json::Value;

use super::{
    cursor::{read_cursor, write_cursor},
    selection::{Selected, check_one_id, parse_filter},
};
use crate::{
    CountReply, GetDocuments, GivenId, GivenOrder, Include, Operation, RequestContext, Scroll,
    ScrollReply, Service, failure::above_limit,
};

/// Documents a page of a scroll that names no limit.
pub const SCROLL_LIMIT_DEFAULT: u64 = 100;

impl Service {
    /// One document.
    ///
    /// # Errors
    /// When there is none of the id, or its row is damaged.
    pub async fn get_document(
        &self,
        context: &RequestContext,
        collection: &str,
        id: GivenId,
        include: Include,
    ) -> Result<Document> {
        self.run(context, Operation::Get.on(collection), async {
            let ids = check_one_id(id)?;
            let collection = self.open_for(context, collection)?;
            let rows = context.in_store(collection.by_ids(&ids, include.vector)).await?;
            let mut documents = in_order_of(&ids, rows.sound()?).into_iter();
            documents.next().map(|document| trim(document, include)).ok_or_else(|| not_found(&ids))
        })
        .await
    }

    /// Documents: by ids in the order of the ids, unknown ones left out; by filter a page, see
    /// [`scroll`](Self::scroll). Damaged ones are named beside them.
    ///
    /// # Errors
    /// When the selection, the limit or the cursor is not valid.
    pub async fn get_documents(
        &self,
        context: &RequestContext,
        collection: &str,
        request: GetDocuments,
    ) -> Result<ScrollReply> {
        self.run(context, Operation::Get.on(collection), async {
            let GetDocuments { ids, filter, limit, cursor, order_by, include } = request;
            let limits = self.limits();
            let selected = Selected::to_read(ids, filter, limits)?;
            let limit = limit.map(|limit| check_limit(limit, limits.result_window)).transpose()?;
            let order = order_by.clone().map(check_order).transpose()?;
            let collection = self.open_for(context, collection)?;
            match selected {
                Selected::Ids(ids) => {
                    let paged = [
                        ("limit", limit.is_some()),
                        ("cursor", cursor.is_some()),
                        ("order_by", order_by.is_some()),
                    ];
                    if let Some((field, _)) = paged.iter().find(|(_, is_given)| *is_given) {
                        let fault = "is of pages by a filter, ids are answered in one";
                        return Err(Error::at(ErrorCode::InvalidArgument, *field, fault));
                    }
                    let rows = context.in_store(collection.by_ids(&ids, include.vector)).await?;
                    let documents = in_order_of(&ids, rows.documents).into_iter();
                    let documents = documents.map(|document| trim(document, include)).collect();
                    Ok(ScrollReply { documents, damaged: rows.damaged, ..ScrollReply::default() })
                }
                Selected::Matching(filter) => {
                    let limit = limit.unwrap_or(limits.result_window);
                    let ordered = (Some(&filter), order.as_ref());
                    page(context, &*collection, (cursor, limit), ordered, include).await
                }
            }
        })
        .await
    }

    /// How many documents match, or there are.
    ///
    /// # Errors
    /// When the filter is not valid.
    pub async fn count_documents(
        &self,
        context: &RequestContext,
        collection: &str,
        filter: Option<Value>,
    ) -> Result<CountReply> {
        self.run(context, Operation::Count.on(collection), async {
            let filter = filter.map(|filter| parse_filter(&filter, self.limits())).transpose()?;
            let collection = self.open_for(context, collection)?;
            let counted = context.in_store(collection.count(filter.as_ref())).await?;
            Ok(CountReply { count: counted.count, unknown_fields: counted.unknown_fields })
        })
        .await
    }

    /// One page of the documents of a collection, in the order of their creation or of a field. Whatever
    /// is written while a scroll goes on, each document that is there throughout, and has the same value
    /// in that field, comes once, in the version of the moment of its page, and none comes that is made
    /// after the first page. Damaged documents are named beside the others.
    ///
    /// # Errors
    /// When the filter, limit, order or cursor is not valid.
    pub async fn scroll(
        &self,
        context: &RequestContext,
        collection: &str,
        request: Scroll,
    ) -> Result<ScrollReply> {
        self.run(context, Operation::Scroll.on(collection), async {
            let limits = self.limits();
            let limit = request.limit.unwrap_or(SCROLL_LIMIT_DEFAULT);
            let limit = check_limit(limit, limits.result_window)?;
            let filter = request.filter.map(|filter| parse_filter(&filter, limits)).transpose()?;
            let collection = self.open_for(context, collection)?;
            let Scroll { cursor, include, order_by, .. } = request;
            let order = order_by.map(check_order).transpose()?;
            let ordered = (filter.as_ref(), order.as_ref());
            page(context, &*collection, (cursor, limit), ordered, include).await
        })
        .await
    }
}

/// At most `limit` documents behind a cursor, and where the next ones start.
async fn page(
    context: &RequestContext,
    collection: &dyn Collection,
    (cursor, limit): (Option<String>, usize),
    (filter, order): (Option<&Filter>, Option<&OrderBy>),
    include: Include,
) -> Result<ScrollReply> {
    let uuid = collection.record().uuid;
    let position = cursor.map(|cursor| read_cursor(&cursor, uuid, order)).transpose()?;
    let request = ScrollRequest { position, limit, filter, order, with_vector: include.vector };
    let ScrollPage { rows, next, unknown_fields } =
        context.in_store(collection.scroll(request)).await?;
    Ok(ScrollReply {
        documents: rows.documents.into_iter().map(|document| trim(document, include)).collect(),
        damaged: rows.damaged,
        next_cursor: next.map(|next| write_cursor(next, uuid, order)),
        unknown_fields,
    })
}

/// A number of results wanted, at least one and within the window.
pub(super) fn check_limit(limit: u64, window: usize) -> Result<usize> {
    match usize::try_from(limit) {
        Ok(0) => Err(Error::at(ErrorCode::InvalidArgument, "limit", "must be at least 1")),
        Ok(limit) if limit <= window => Ok(limit),
        limit => {
            let given = limit.unwrap_or(usize::MAX);
            Err(above_limit("limit", given, "result_window", window))
        }
    }
}

/// None of the ids that a document may have is there.
pub(super) fn not_found(ids: &[DocumentId]) -> Error {
    let id = ids.first().map(ToString::to_string).unwrap_or_default();
    Error::new(ErrorCode::DocumentNotFound, format!("no document has the id {id}"))
}

/// Drops the parts that were not asked for.
pub(super) fn trim(document: Document, include: Include) -> Document {
    Document {
        text: document.text.filter(|_| include.text),
        metadata: if include.metadata { document.metadata } else { Default::default() },
        expires_at: document.expires_at.filter(|_| include.metadata),
        vector: document.vector.filter(|_| include.vector),
        passages: if include.vector { document.passages } else { Vec::new() },
        fields: trimmed_fields(document.fields, include),
        ..document
    }
}

fn trimmed_fields(fields: Vec<DocumentField>, include: Include) -> Vec<DocumentField> {
    let trimmed = fields.into_iter().map(|field| DocumentField {
        text: field.text.filter(|_| include.text),
        vector: field.vector.filter(|_| include.vector),
        passages: if include.vector { field.passages } else { Vec::new() },
        ..field
    });
    let is_empty = |field: &DocumentField| {
        field.text.is_none() && field.vector.is_none() && field.passages.is_empty()
    };
    trimmed.filter(|field| !is_empty(field)).collect()
}

pub(super) fn in_order_of(ids: &[DocumentId], documents: Vec<Document>) -> Vec<Document> {
    let mut by_id: HashMap<_, _> =
        documents.into_iter().map(|document| (document.id.clone(), document)).collect();
    ids.iter().filter_map(|id| by_id.remove(id)).collect()
}

/// An order by the values of a field, checked.
pub(super) fn check_order(GivenOrder { field, direction }: GivenOrder) -> Result<OrderBy> {
    let field = FieldPath::new(&field)
        .map_err(|fault| Error::at(ErrorCode::InvalidArgument, "order_by.field", fault))?;
    Ok(OrderBy { field, direction: direction.unwrap_or_default() })
}
