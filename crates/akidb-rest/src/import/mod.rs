//! The import route: lines in, answers out, both at once and without end.
//!
//! `frame` divides the body into documents, `fields` and `csv` say what of one is what, `lines` reads
//! all of it, `answers` keeps what the client does not read yet.

mod answers;
mod csv;
mod fields;
mod frame;
mod lines;

use akidb_listener::ReplyPatience;
use akidb_service::Import;
use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, header};

pub use self::frame::{FrameFault, Framed, Framer, ImportFormat};
use self::{answers::Answers, lines::Lines};
use crate::{
    call::Call,
    failure::Failure,
    media::{CSV, JSON, JSON_LINES},
    state::RestState,
};

/// Stores the documents of the body while it comes, and answers while it does.
pub(crate) async fn import(
    State(state): State<RestState>,
    call: Call,
    request: Request,
) -> Result<Response, Failure> {
    let format = format_of(request.headers());
    let told = call.told_lines()?;
    let idle_timeout = state.options.import_idle_timeout;
    let limits = state.service.limits();
    let fields = call.import_fields();
    let lines = Lines::new(request, format, fields, limits.import_line_bytes, idle_timeout);
    let import = Import { idempotency_key: call.idempotency_key(), mode: call.mode()? };
    let events = state.service.import(&call.context, &call.collection, import, lines.into_stream());
    let answers = Answers::new(events.await?, told, limits.import_answer_bytes, idle_timeout);
    let body = Body::from_stream(answers.into_stream());
    let content_type = HeaderValue::from_static(JSON_LINES.name);
    let mut response = ([(header::CONTENT_TYPE, content_type)], body).into_response();
    // The answers have a timer of their own, which knows when the import waits for its client.
    response.extensions_mut().insert(ReplyPatience(idle_timeout));
    Ok(response)
}

/// By the media type of the body, which was checked. None is JSON, which may be lines or a list.
fn format_of(headers: &HeaderMap) -> Option<ImportFormat> {
    let given = headers.get(header::CONTENT_TYPE);
    let given = given.map(|given| String::from_utf8_lossy(given.as_bytes())).unwrap_or_default();
    if CSV.is(&given) {
        return Some(ImportFormat::Csv);
    }
    (!JSON.is(&given)).then_some(ImportFormat::Lines)
}
