//! Batches to rows: the texts of a batch go to the model together.

use akidb_core::{Error, ErrorCode, Result};
use akidb_engine::NewRow;

use super::{RunningImport, batch::Batch};
use crate::{
    double_writes::KnowsFields,
    operations::{
        backpressure::when_there_is_room,
        checked::{Checked, Tokens},
        upsert::{on_its_own, rows_of},
    },
};

/// A row to store, with what embedding said of its text.
pub(super) type EmbeddedRow = (NewRow, Tokens);

/// A batch whose texts are embedded.
#[derive(Debug, Default)]
pub(super) struct EmbeddedBatch {
    /// Each with its number, in the order of the input.
    pub(super) lines: Vec<(u64, Result<EmbeddedRow>)>,
    /// Why no line comes after these, where the input did not simply end.
    pub(super) stopped: Option<Error>,
    /// Held until the rows are stored.
    pub(super) knows_fields: Vec<KnowsFields>,
}

impl RunningImport<'_> {
    /// Embeds what is good in a batch. A text that the model can not take fails alone.
    pub(super) async fn embed(&self, batch: Batch) -> EmbeddedBatch {
        let Batch { lines, stopped, .. } = batch;
        let knows_fields = vec![self.service.inner.double_writes.begin()];
        let lines_count = lines.len();
        let mut embedded =
            EmbeddedBatch { lines: Vec::with_capacity(lines_count), stopped, knows_fields };
        let mut numbers = Vec::with_capacity(lines.len());
        let mut documents = Vec::with_capacity(lines.len());
        for (number, checked) in lines {
            match checked {
                Ok(document) => {
                    numbers.push(number);
                    documents.push(document);
                }
                Err(fault) => embedded.lines.push((number, Err(fault))),
            }
        }
        let results = self.embed_documents(documents, &mut embedded.stopped).await;
        embedded.lines.extend(numbers.into_iter().zip(results));
        embedded.lines.sort_by_key(|(number, _)| *number);
        embedded
    }

    /// One result a document. Where texts fail, halves are tried until the bad ones are alone.
    /// An error that is not about a text is that of all documents, and ends the import.
    async fn embed_documents(
        &self,
        documents: Vec<Checked>,
        stopped: &mut Option<Error>,
    ) -> Vec<Result<EmbeddedRow>> {
        let mut results = Vec::with_capacity(documents.len());
        let mut parts = vec![documents];
        while let Some(mut part) = parts.pop() {
            match self.embed_part(&mut part).await {
                Ok(rows) => results.extend(rows.into_iter().map(Ok)),
                Err(error) if is_about_a_text(&error) && part.len() > 1 => {
                    let second = part.split_off(part.len() / 2);
                    parts.extend([second, part]);
                }
                Err(error) if is_about_a_text(&error) => results.push(Err(on_its_own(error))),
                Err(error) => {
                    let error = self.explained(error);
                    results.extend(part.iter().map(|_| Err(error.clone())));
                    *stopped = Some(error);
                }
            }
        }
        results
    }

    /// The rows of documents, which are taken only when all went well.
    async fn embed_part(&self, documents: &mut Vec<Checked>) -> Result<Vec<EmbeddedRow>> {
        let Self { service, collection, context, .. } = self;
        let record = collection.record();
        let attempt = || service.embed_documents(&**collection, &record, &*documents, context);
        let embeddings = when_there_is_room(context.deadline, attempt).await?;
        let (rows, tokens) = rows_of(std::mem::take(documents), embeddings, &record)?;
        Ok(rows.into_iter().zip(tokens).collect())
    }
}

/// Whether an error is the fault of one of the texts, or of how many they are.
fn is_about_a_text(error: &Error) -> bool {
    !error.violations.is_empty()
        || matches!(error.code, ErrorCode::EmbeddingFailed | ErrorCode::LimitExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_a_batch_become_places_on_its_own() {
        let error = Error::at(ErrorCode::EmbeddingFailed, "documents[0].text", "is odd");
        let error = on_its_own(error);
        assert_eq!(error.message, "text: is odd");
        assert_eq!(error.violations[0].field, "text");
        assert!(is_about_a_text(&error));
        assert!(!is_about_a_text(&Error::new(ErrorCode::ShuttingDown, "soon")));
    }
}
