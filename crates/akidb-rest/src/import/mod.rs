//! The import route: lines in, answers out, both at once and without end.
//!
//! `lines` reads the body, `answers` keeps what the client does not read yet. What does not live
//! here: what is done with the documents, which the service does.

mod answers;
mod lines;

use akidb_listener::ReplyPatience;
use akidb_service::Import;
use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};

use self::{answers::Answers, lines::Lines};
use crate::{call::Call, failure::Failure, media::JSON_LINES, state::RestState};

/// Stores the documents of the body while it comes, and answers while it does.
pub(crate) async fn import(
    State(state): State<RestState>,
    call: Call,
    request: Request,
) -> Result<Response, Failure> {
    let told = call.told_lines()?;
    let idle_timeout = state.options.import_idle_timeout;
    let limits = state.service.limits();
    let lines = Lines::new(request, limits.import_line_bytes, idle_timeout);
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
