//! Imports: what a line of the answer says.

use std::str::FromStr;

use akidb_core::{Error, ErrorCode};
use akidb_service::{ImportEnd, ImportEvent, ImportSummary, LineOutcome};
use serde::Serialize;
use utoipa::ToSchema;

use super::{document::UpsertResultAnswer, error::ErrorDetail, milliseconds};

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

/// A line of the answer to an import: what became of a line of the body, in their order, and at
/// the end the summary. An answer without a summary broke off.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ImportAnswer, example = json!(
    {"line": 1, "id": "film-1", "status": "created", "tokens": 7, "truncated": false}
))]
pub(crate) enum ImportAnswer {
    /// The document is stored.
    Stored {
        /// The number of the line, from 1. Blank lines count, and have no answer.
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
    "took_ms": 31.5
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
        let ImportSummary { lines, created, updated, failed, tokens, truncated, took } = summary;
        Self { lines, created, updated, failed, tokens, truncated, took_ms: milliseconds(took) }
    }
}
