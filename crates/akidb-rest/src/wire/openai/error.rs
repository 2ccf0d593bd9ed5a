//! OpenAI's shape of errors.

use akidb_core::Error;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::failure::status;

/// What went wrong, in OpenAI's shape.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenAiError, example = json!({
    "error": {
        "message": "input[1]: is empty or blank, or no token of it remains",
        "type": "invalid_request_error",
        "param": "input[1]",
        "code": "invalid_text"
    }
}))]
pub(crate) struct OpenAiErrorAnswer {
    error: OpenAiErrorDetail,
}

#[derive(Serialize, ToSchema)]
struct OpenAiErrorDetail {
    /// For people.
    message: String,
    /// `invalid_request_error`, `rate_limit_error` (429) or `server_error` (500 and above).
    #[serde(rename = "type")]
    kind: &'static str,
    /// The first wrong place of the request.
    param: Option<String>,
    /// The code of AkiDB's table of errors.
    code: &'static str,
}

impl OpenAiErrorAnswer {
    /// The status and the answer for an error.
    pub(crate) fn new(error: Error) -> (StatusCode, Self) {
        let status = Self::status(status(error.code));
        let kind = match status.as_u16() {
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        let place = error.violations.into_iter().map(|violation| violation.field).next();
        let param = place.filter(|field| field != "body");
        let code = error.code.as_str();
        (status, Self { error: OpenAiErrorDetail { message: error.message, kind, param, code } })
    }

    /// OpenAI does not tell what cannot be read (400) from what means nothing (422).
    pub(crate) fn status(status: StatusCode) -> StatusCode {
        if status == StatusCode::UNPROCESSABLE_ENTITY { StatusCode::BAD_REQUEST } else { status }
    }
}
