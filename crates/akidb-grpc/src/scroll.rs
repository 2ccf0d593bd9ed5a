//! A scroll as a stream: pages are fetched as the client takes them, and cut to fit messages.

use std::sync::Arc;

use akidb_core::{Error, Result};
use akidb_listener::caught;
use akidb_proto::collection::v1::{DamagedDocument, Document, ScrollDocumentsResponse};
use akidb_service::{Scroll, Service};
use futures::{Stream, TryStreamExt, stream};
use prost::{Message, length_delimiter_len};
use tonic::Status;
use tracing::Instrument;

use crate::{call::Call, encode};

/// The documents from one page on.
pub(crate) struct Pages {
    pub(crate) service: Service,
    pub(crate) call: Call,
    pub(crate) collection: String,
}

impl Pages {
    /// Every part of every page, in order.
    pub(crate) fn from(
        self,
        first: Scroll,
    ) -> impl Stream<Item = Result<ScrollDocumentsResponse, Status>> + Send {
        let pages = Arc::new(self);
        let span = tracing::Span::current();
        stream::try_unfold(Some(first), move |next| {
            let pages = pages.clone();
            let step = async move { pages.step(next).await };
            step.instrument(span.clone())
        })
        .map_ok(|parts| stream::iter(parts.into_iter().map(Ok)))
        .try_flatten()
    }

    async fn step(
        &self,
        page: Option<Scroll>,
    ) -> Result<Option<(Vec<ScrollDocumentsResponse>, Option<Scroll>)>, Status> {
        let Some(page) = page else { return Ok(None) };
        let step = caught(self.call.method.outcome_unless_told(), self.parts(page)).await;
        step.and_then(|step| step).map(Some).map_err(|error| self.call.status(&error))
    }

    /// The parts of one page, and what to ask for the next one.
    async fn parts(&self, page: Scroll) -> Result<(Vec<ScrollDocumentsResponse>, Option<Scroll>)> {
        let context = self.call.context();
        let reply = self.service.scroll(&context, &self.collection, page.clone()).await?;
        let documents = encode::documents(reply.documents, page.include);
        let damaged = encode::damaged(reply.damaged);
        let last = ScrollDocumentsResponse {
            next_cursor: reply.next_cursor.clone(),
            unknown_fields: reply.unknown_fields,
            ..ScrollDocumentsResponse::default()
        };
        let parts = parts(documents, damaged, last, self.call.page_bytes_max())
            .map_err(|bytes| self.too_large(bytes))?;
        let next = reply.next_cursor.map(|cursor| Scroll { cursor: Some(cursor), ..page });
        Ok((parts, next))
    }

    fn too_large(&self, bytes: usize) -> Error {
        self.call.too_large(bytes)
    }
}

/// Cuts a page into messages of at most `bytes_max` bytes; at least one, the last with what `last`
/// says of the page. Damaged documents come behind the others.
///
/// # Errors
/// The bytes of a message that holds one document and is still too large.
fn parts(
    documents: Vec<Document>,
    damaged: Vec<DamagedDocument>,
    last: ScrollDocumentsResponse,
    bytes_max: usize,
) -> Result<Vec<ScrollDocumentsResponse>, usize> {
    let bytes_of_last = last.encoded_len();
    let mut parts = vec![ScrollDocumentsResponse::default()];
    let mut bytes = bytes_of_last;
    let documents = documents.into_iter().map(Item::Sound);
    for item in documents.chain(damaged.into_iter().map(Item::Damaged)) {
        let document_bytes = item.framed_bytes();
        if bytes_of_last + document_bytes > bytes_max {
            return Err(bytes_of_last + document_bytes);
        }
        if bytes + document_bytes > bytes_max {
            parts.push(ScrollDocumentsResponse::default());
            bytes = bytes_of_last;
        }
        bytes += document_bytes;
        if let Some(part) = parts.last_mut() {
            match item {
                Item::Sound(document) => part.documents.push(document),
                Item::Damaged(damaged) => part.damaged.push(damaged),
            }
        }
    }
    if let Some(part) = parts.last_mut() {
        part.next_cursor = last.next_cursor;
        part.unknown_fields = last.unknown_fields;
    }
    Ok(parts)
}

/// What a page consists of.
enum Item {
    Sound(Document),
    Damaged(DamagedDocument),
}

impl Item {
    /// Its bytes inside a message: one byte of key, its length, itself.
    fn framed_bytes(&self) -> usize {
        let bytes = match self {
            Self::Sound(document) => document.encoded_len(),
            Self::Damaged(damaged) => damaged.encoded_len(),
        };
        1 + length_delimiter_len(bytes) + bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn document(text_bytes: usize) -> Document {
        Document { text: Some("x".repeat(text_bytes)), ..Document::default() }
    }

    proptest! {
        #[test]
        fn parts_fit_and_keep_every_document_in_order(
            sizes in vec(0_usize..300, 0..40), damaged in 0_u64..200
        ) {
            let documents: Vec<_> = sizes.into_iter().map(document).collect();
            let damaged: Vec<_> = (0..damaged)
                .map(|seq| DamagedDocument { id: None, seq: Some(seq) })
                .collect();
            let cursor = Some("cursor".to_owned());
            let end = ScrollDocumentsResponse {
                next_cursor: cursor.clone(),
                unknown_fields: vec!["yaer".to_owned()],
                ..Default::default()
            };
            let parts = parts(documents.clone(), damaged.clone(), end, 400).unwrap();
            let named: Vec<_> = parts.iter().flat_map(|part| part.damaged.clone()).collect();
            prop_assert_eq!(named, damaged);
            prop_assert!(parts.iter().all(|part| part.encoded_len() <= 400));
            let (last, others) = parts.split_last().unwrap();
            prop_assert_eq!(&last.next_cursor, &cursor);
            prop_assert_eq!(&last.unknown_fields, &["yaer"]);
            prop_assert!(others.iter().all(|part| part.next_cursor.is_none()));
            let received: Vec<_> = parts.into_iter().flat_map(|part| part.documents).collect();
            prop_assert_eq!(received, documents);
        }
    }

    #[test]
    fn a_document_that_fits_no_message_is_named_by_its_bytes() {
        let last = ScrollDocumentsResponse::default();
        let large = vec![document(10), document(500)];
        assert_eq!(parts(large, Vec::new(), last.clone(), 400), Err(506));
        assert_eq!(parts(Vec::new(), Vec::new(), last, 400).unwrap().len(), 1);
    }
}
