//! The import route: lines in, answers out, both at once and without end.
//!
//! `lines` reads the body, `answers` keeps what the client does not read yet. What does not live
//! here: what is done with the documents, which the service does.

mod answers;
mod lines;

use akidb_core::{Error, ErrorCode};
use akidb_service::Import;
use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, header};

use self::{answers::Answers, lines::Lines};
use crate::{call::Call, failure::Failure, state::RestState};

/// The content type of lines of JSON, in both directions.
pub(crate) const JSON_LINES: &str = "application/x-ndjson";

/// Other names of the same.
const ALSO_JSON_LINES: [&str; 5] = [
    "application/ndjson",
    "application/jsonl",
    "application/jsonlines",
    "application/x-jsonlines",
    "application/json",
];

/// Stores the documents of the body while it comes, and answers while it does.
pub(crate) async fn import(
    State(state): State<RestState>,
    call: Call,
    request: Request,
) -> Result<Response, Failure> {
    check_content_type(request.headers()).map_err(Failure::refused)?;
    let told = call.told_lines()?;
    let idle_timeout = state.options.import_idle_timeout;
    let limits = state.service.limits();
    let lines = Lines::new(request, limits.import_line_bytes, idle_timeout);
    let import = Import { idempotency_key: call.idempotency_key() };
    let events = state.service.import(&call.context, &call.collection, import, lines.into_stream());
    let answers = Answers::new(events.await?, told, limits.import_answer_bytes, idle_timeout);
    let body = Body::from_stream(answers.into_stream());
    let content_type = HeaderValue::from_static(JSON_LINES);
    Ok(([(header::CONTENT_TYPE, content_type)], body).into_response())
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Error> {
    let Some(given) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let given = String::from_utf8_lossy(given.as_bytes());
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == JSON_LINES || ALSO_JSON_LINES.contains(&essence.as_str()) {
        return Ok(());
    }
    let given: String = given.chars().take(80).collect();
    let description = format!("{given:?} is not JSON Lines, allowed is {JSON_LINES}");
    Err(Error::at(ErrorCode::UnsupportedMediaType, "content-type", description))
}
