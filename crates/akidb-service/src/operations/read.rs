//! Documents out: by id, by filter, page by page, and how many.

use std::collections::HashMap;

use akidb_core::{Document, DocumentId, Error, ErrorCode, Filter, Result, Seq};
use akidb_store::{Matching, PageRequest, Rows};
use serde_json::Value;
use uuid::Uuid;

use super::{
    matching::{self, MatchingVersions},
    selection::{Selected, check_one_id, parse_filter},
};
use crate::{
    CountReply, GetDocuments, GivenId, Include, Operation, RequestContext, Scroll, ScrollReply,
    Service,
    collections::OpenCollection,
    failure::{above_limit, from_store},
};

/// Documents a page of a scroll that names no limit.
const SCROLL_LIMIT_DEFAULT: u64 = 100;

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
            let rows = context.in_store(async {
                let open = self.inner.collections.open_by_name(collection).await?;
                open.store.by_ids(&ids, include.vector).await.map_err(from_store)
            });
            let rows = rows.await;
            let mut documents = in_order_of(&ids, sound(rows?)?).into_iter();
            documents.next().map(|document| trim(document, include)).ok_or_else(|| not_found(&ids))
        })
        .await
    }

    /// Documents: by ids in the order of the ids, unknown ones left out; by filter a page, in the order
    /// of their creation. Damaged ones are named beside them.
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
            let GetDocuments { ids, filter, limit, cursor, include } = request;
            let limits = self.limits();
            let selected = Selected::to_read(ids, filter, limits)?;
            let limit = limit.map(|limit| check_limit(limit, limits.result_window)).transpose()?;
            let open = context.in_store(self.inner.collections.open_by_name(collection)).await?;
            match selected {
                Selected::Ids(ids) => {
                    let paged = [("limit", limit.is_some()), ("cursor", cursor.is_some())];
                    if let Some((field, _)) = paged.iter().find(|(_, is_given)| *is_given) {
                        let fault = "is of pages by a filter, ids are answered in one";
                        return Err(Error::at(ErrorCode::InvalidArgument, *field, fault));
                    }
                    let rows = open.store.by_ids(&ids, include.vector);
                    let rows = context.in_store(rows).await.map_err(from_store)?;
                    let documents = in_order_of(&ids, rows.documents).into_iter();
                    let documents = documents.map(|document| trim(document, include)).collect();
                    Ok(ScrollReply { documents, damaged: rows.damaged, ..ScrollReply::default() })
                }
                Selected::Matching(filter) => {
                    let limit = limit.unwrap_or(limits.result_window);
                    page(context, &open, (cursor, limit), Some(&filter), include).await
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
            let counted = context.in_store(async {
                let open = self.inner.collections.open_by_name(collection).await?;
                match filter.filter(|filter| !filter.is_always_true()) {
                    None => {
                        let count = open.store.document_count();
                        Ok(CountReply { count, unknown_fields: Vec::new() })
                    }
                    Some(filter) => {
                        let count = matching::count(&open, &filter).await?;
                        let unknown_fields = open.projection.unknown_fields(Some(&filter));
                        Ok(CountReply { count, unknown_fields })
                    }
                }
            });
            counted.await
        })
        .await
    }

    /// One page of the documents of a collection, in the order of their creation. Whatever is
    /// written while a scroll goes on, each document that is there throughout comes once, in the
    /// version of the moment of its page, and none comes that is made after the first page.
    /// Damaged documents are named beside the others.
    ///
    /// # Errors
    /// When the filter, limit or cursor is not valid.
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
            let open = context.in_store(self.inner.collections.open_by_name(collection)).await?;
            page(context, &open, (request.cursor, limit), filter.as_ref(), request.include).await
        })
        .await
    }
}

/// At most `limit` documents behind a cursor, and where the next ones start.
async fn page(
    context: &RequestContext,
    open: &OpenCollection,
    (cursor, limit): (Option<String>, usize),
    filter: Option<&Filter>,
    include: Include,
) -> Result<ScrollReply> {
    let uuid = open.row.uuid;
    let Cursor { after, through } = match cursor {
        Some(cursor) => Cursor::read(&cursor, uuid)?,
        None => Cursor { after: Seq(0), through: open.store.last_seq() },
    };
    let with_vector = include.vector;
    let page = context.in_store(async {
        let filter = filter.filter(|filter| !filter.is_always_true());
        let found = match filter {
            Some(filter) => Some(matching::versions(open, filter).await?),
            None => None,
        };
        let found = found.map(|MatchingVersions { mut versions, damaged, as_of, .. }| {
            // Whoever reads is told of them.
            versions.extend(damaged);
            versions.sort_unstable();
            (versions, as_of)
        });
        let matching = filter.zip(found.as_ref()).map(|(filter, (versions, as_of))| Matching {
            filter,
            versions,
            as_of: *as_of,
        });
        let request = PageRequest { after, through, limit, matching, with_vector };
        open.store.page(request).await.map_err(from_store)
    });
    let page = page.await?;
    let next_cursor = page.next.map(|after| Cursor { after, through }.write(uuid));
    let documents = page.rows.documents.into_iter();
    let documents = documents.map(|document| trim(document, include)).collect();
    let unknown_fields = open.projection.unknown_fields(filter);
    Ok(ScrollReply { documents, damaged: page.rows.damaged, next_cursor, unknown_fields })
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

/// The documents of a read that met no damaged row.
fn sound(rows: Rows) -> Result<Vec<Document>> {
    if rows.damaged.is_empty() {
        return Ok(rows.documents);
    }
    Err(from_store(akidb_store::StoreError::Damaged { rows: rows.damaged }))
}

/// Drops the parts that were not asked for.
pub(super) fn trim(document: Document, include: Include) -> Document {
    Document {
        text: document.text.filter(|_| include.text),
        metadata: if include.metadata { document.metadata } else { Default::default() },
        vector: document.vector.filter(|_| include.vector),
        passages: if include.vector { document.passages } else { Vec::new() },
        ..document
    }
}

pub(super) fn in_order_of(ids: &[DocumentId], documents: Vec<Document>) -> Vec<Document> {
    let mut by_id: HashMap<_, _> =
        documents.into_iter().map(|document| (document.id.clone(), document)).collect();
    ids.iter().filter_map(|id| by_id.remove(id)).collect()
}

/// Where a scroll goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    /// The number of the last document that was seen.
    after: Seq,
    /// The highest number that there was when the scroll began.
    through: Seq,
}

impl Cursor {
    /// Opaque to clients: the collection and both numbers.
    fn write(self, collection: Uuid) -> String {
        format!("{:016x}{:016x}{:016x}", collection.as_u64_pair().1, self.after.0, self.through.0)
    }

    fn read(cursor: &str, collection: Uuid) -> Result<Self> {
        let parse = |part: Option<&str>| {
            let part = part.filter(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            u64::from_str_radix(part, 16).ok()
        };
        let parts = (
            parse(cursor.get(..16)),
            parse(cursor.get(16..32)),
            // One of before, which knew no end, has none either.
            parse(cursor.get(32..).filter(|part| part.len() == 16)),
        );
        match parts {
            (Some(owner), Some(after), Some(through))
                if owner == collection.as_u64_pair().1 && after <= through =>
            {
                Ok(Self { after: Seq(after), through: Seq(through) })
            }
            _ => {
                let fault = "is not a cursor that a scroll of this collection returned";
                Err(Error::at(ErrorCode::InvalidCursor, "cursor", fault))
            }
        }
    }
}
