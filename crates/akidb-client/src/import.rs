//! Imports: documents of any number, each answered for itself.

use std::io;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use serde::Deserialize;

use crate::{AnswerLines, NewDocument, NodeError, RequestError, UpsertResult, reply::parse};

/// How an import is read.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// A line without an id gets one that is made of this key and the document, so that the same
    /// import run again stores nothing twice. Without it each gets a new id.
    pub key: Option<String>,
    /// `upsert` (default), `create` or `update`.
    pub mode: Option<String>,
    /// The field or column that holds the id, in place of `id`.
    pub id_field: Option<String>,
    /// The field or column that holds the text, in place of `text`.
    pub text_field: Option<String>,
    /// The fields or columns that are metadata, with commas between them.
    pub metadata: Option<String>,
}

/// The answers of an import, as they come.
pub struct ImportAnswers {
    lines: AnswerLines,
}

/// A line of the answer to an import.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ImportAnswer {
    /// The last one. An answer without it broke off.
    Ended {
        /// What the import did.
        summary: ImportSummary,
        /// Why it ended before its body did.
        error: Option<NodeError>,
    },
    /// Nothing of the line is stored.
    Failed {
        /// The number of the line, from 1; blank lines count.
        line: u64,
        /// Why.
        error: NodeError,
    },
    /// The document is stored.
    Stored {
        /// The number of the line, from 1; blank lines count.
        line: u64,
        /// What became of it.
        #[serde(flatten)]
        result: UpsertResult,
    },
}

/// What an import did.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct ImportSummary {
    /// Lines of documents, good and bad.
    pub lines: u64,
    /// Lines whose document is new.
    pub created: u64,
    /// Lines whose document replaced one.
    pub updated: u64,
    /// Lines of which nothing was stored.
    pub failed: u64,
    /// Tokens of the texts of the stored documents.
    pub tokens: u64,
    /// Texts that were longer than the model's window.
    pub truncated: u64,
    /// Tokens among `tokens` that stand for something the model does not know.
    pub unknown_tokens: u64,
    /// From admission to reply.
    pub took_ms: f64,
}

impl ImportAnswers {
    pub(crate) const fn new(lines: AnswerLines) -> Self {
        Self { lines }
    }

    /// The next answer; `None` after the last one.
    ///
    /// # Errors
    /// The answer broke off, or is not one of a node.
    pub async fn next(&mut self) -> Result<Option<ImportAnswer>, RequestError> {
        self.lines.next().await?.map(|line| parse(&line)).transpose()
    }

    /// Reads all answers, and returns the summary with the lines that failed.
    ///
    /// # Errors
    /// The answer broke off, or the import ended before its body did.
    pub async fn finish(mut self) -> Result<(ImportSummary, Vec<(u64, NodeError)>), RequestError> {
        let mut failed = Vec::new();
        while let Some(answer) = self.next().await? {
            match answer {
                ImportAnswer::Ended { error: Some(error), .. } => return Err(error.into()),
                ImportAnswer::Ended { summary, error: None } => return Ok((summary, failed)),
                ImportAnswer::Failed { line, error } => failed.push((line, error)),
                ImportAnswer::Stored { .. } => {}
            }
        }
        Err(RequestError::Unreachable {
            message: "the answer of the node broke off".to_owned(),
            refused: false,
        })
    }
}

impl Import {
    /// What of it stands in the query.
    pub(crate) fn query(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let given = [
            ("mode", &self.mode),
            ("id_field", &self.id_field),
            ("text_field", &self.text_field),
            ("metadata", &self.metadata),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

/// Documents that are sent together where so many are there.
const DOCUMENTS_TOGETHER: usize = 64;

/// Documents as lines of JSON.
pub(crate) fn lines(
    documents: impl Stream<Item = NewDocument> + Send + Sync + 'static,
) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static {
    documents.ready_chunks(DOCUMENTS_TOGETHER).map(|documents| {
        let mut lines = Vec::new();
        for document in documents {
            serde_json::to_writer(&mut lines, &document).map_err(io::Error::other)?;
            lines.push(b'\n');
        }
        Ok(lines.into())
    })
}
