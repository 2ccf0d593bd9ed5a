//! Imports: what a line of the answer says.

use std::str::FromStr;

use akidb_core::{Error, ErrorCode};
use akidb_service::{ImportEnd, ImportEvent, ImportSummary, LineOutcome};
use serde::Serialize;
use utoipa::ToSchema;

use super::{document_write::UpsertResultAnswer, error::ErrorDetail, milliseconds};

/// Which lines the answer tells of, besides the summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ToldLines {
    #[default]
    All,
    Errors,
    None,
}

impl FromStr for ToldLines {
    type Err = Error;

    fn from_str(given: &str) -> Result<Self, Error> {
        match given {
            "all" => Ok(Self::All),
            "errors" => Ok(Self::Errors),
            "none" => Ok(Self::None),
            _ => {
                let given: String = given.chars().take(80).collect();
                let description = format!("{given:?} is not one of all, errors and none");
                Err(Error::at(ErrorCode::InvalidArgument, "status", description))
            }
        }
    }
}

/// Which fields of an object, or columns of a row, are what of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ImportFields {
    /// Holds the id; `id` where absent.
    pub(crate) id: Option<String>,
    /// Holds the text; `text` where absent.
    pub(crate) text: Option<String>,
    /// Those that are metadata; all others where absent, or where `*` is one of them.
    pub(crate) metadata: Option<Vec<String>>,
}

impl ImportFields {
    /// Whether nothing is named, so that documents are in our own form.
    pub(crate) const fn is_default(&self) -> bool {
        self.id.is_none() && self.text.is_none() && self.metadata.is_none()
    }

    pub(crate) fn id_name(&self) -> &str {
        self.id.as_deref().unwrap_or("id")
    }

    pub(crate) fn text_name(&self) -> &str {
        self.text.as_deref().unwrap_or("text")
    }

    /// Every field that was named.
    pub(crate) fn named(&self) -> impl Iterator<Item = &str> {
        let metadata = self.metadata.iter().flatten().filter(|name| *name != "*");
        self.id.iter().chain(&self.text).chain(metadata).map(String::as_str)
    }

    /// Whether a field that is neither id, text nor vector is metadata.
    pub(crate) fn is_metadata(&self, name: &str) -> bool {
        let is_it = |named: &String| named == "*" || named == name;
        self.metadata.as_ref().is_none_or(|names| names.iter().any(is_it))
    }
}

/// A line of the answer to an import: what became of a line of the body, in their order, and at
/// the end the summary. An answer without a summary broke off.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ImportAnswer, example = json!(
    {"line": 1, "id": "film-1", "status": "created", "tokens": 7, "truncated": false,
     "unknown_tokens": 0}
))]
pub(crate) enum ImportAnswer {
    /// The document is stored.
    Stored {
        /// The number of the line on which the document begins, from 1; blank lines count, and have no
        /// answer. Of a JSON list the place in it, from 1.
        line: u64,
        #[serde(flatten)]
        result: UpsertResultAnswer,
    },
    /// Nothing of the line is stored.
    Failed {
        /// The number of the line.
        line: u64,
        error: ErrorDetail,
    },
    /// The last line.
    Ended {
        summary: ImportSummaryAnswer,
        /// Why the import ended before its body did; absent where all of it was read.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<ErrorDetail>,
    },
}

/// What an import did.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportSummary, example = json!({
    "lines": 3, "created": 1, "updated": 1, "failed": 1, "tokens": 14, "truncated": 0,
    "unknown_tokens": 0, "took_ms": 31.5
}))]
pub(crate) struct ImportSummaryAnswer {
    /// Lines of documents, good and bad.
    lines: u64,
    /// Lines whose document is new.
    created: u64,
    /// Lines whose document replaced one.
    updated: u64,
    /// Lines of which nothing was stored.
    failed: u64,
    /// Tokens of the texts of the stored documents, those included whose vector was known.
    tokens: u64,
    /// Texts that were longer than the model's window.
    truncated: u64,
    /// Tokens among `tokens` that stand for something the model does not know.
    unknown_tokens: u64,
    took_ms: f64,
}

impl ImportAnswer {
    /// The lines that tell of an event.
    pub(crate) fn of(event: ImportEvent, told: ToldLines) -> Vec<Self> {
        match event {
            ImportEvent::Lines(lines) => {
                let lines = lines.into_iter().filter(|line| match told {
                    ToldLines::All => true,
                    ToldLines::Errors => line.result.is_err(),
                    ToldLines::None => false,
                });
                lines.map(Self::from).collect()
            }
            ImportEvent::Ended(ImportEnd { summary, stopped }) => {
                let error = stopped.map(ErrorDetail::new);
                vec![Self::Ended { summary: summary.into(), error }]
            }
        }
    }
}

impl From<LineOutcome> for ImportAnswer {
    fn from(LineOutcome { number: line, result }: LineOutcome) -> Self {
        match result {
            Ok(result) => Self::Stored { line, result: result.into() },
            Err(error) => Self::Failed { line, error: ErrorDetail::new(error) },
        }
    }
}

impl From<ImportSummary> for ImportSummaryAnswer {
    fn from(summary: ImportSummary) -> Self {
        let ImportSummary {
            lines,
            created,
            updated,
            failed,
            tokens,
            truncated,
            unknown_tokens,
            took,
        } = summary;
        let took_ms = milliseconds(took);
        Self { lines, created, updated, failed, tokens, truncated, unknown_tokens, took_ms }
    }
}
