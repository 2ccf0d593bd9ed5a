//! JSON bodies: the extractor that decodes them and the reply that encodes them.

use akidb_core::{Error, ErrorCode};
use axum::{
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::{body::receive, decode::decode, failure::Failure, state::RestState};

/// The content type of every answer.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// From here on decoding a body takes about a millisecond.
const DECODE_ASIDE_BYTES: usize = 256 << 10;

/// From here on encoding an answer takes about a millisecond.
const ENCODE_ASIDE_NUMBERS: usize = 32 << 10;

/// A decoded body.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<RestState> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &RestState) -> Result<Self, Failure> {
        let body = receive(request, state).await.map_err(Failure::refused)?;
        let aside = body.bytes.len() >= DECODE_ASIDE_BYTES;
        let decoded = compute(aside, || decode(&body.bytes));
        decoded.map(Self).map_err(Failure::refused)
    }
}

/// An answer of JSON.
pub(crate) struct Reply<T> {
    status: StatusCode,
    body: T,
    numbers: usize,
    /// The version of the document that it shows.
    seq: Option<u64>,
}

impl<T: Serialize> Reply<T> {
    /// A small answer.
    pub(crate) fn new(body: T) -> Self {
        Self { status: StatusCode::OK, body, numbers: 0, seq: None }
    }

    /// An answer that may carry vectors, of so many numbers in all.
    pub(crate) fn with_numbers(body: T, numbers: usize) -> Self {
        Self { numbers, ..Self::new(body) }
    }

    /// An answer that shows a version of a document, which `If-Match` may name.
    pub(crate) fn of_version(body: T, seq: u64) -> Self {
        Self { seq: Some(seq), ..Self::new(body) }
    }

    /// The same answer with another status.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        let aside = self.numbers >= ENCODE_ASIDE_NUMBERS;
        match compute(aside, || serde_json::to_vec(&self.body)) {
            Ok(bytes) => {
                let mut response =
                    (self.status, [(header::CONTENT_TYPE, JSON)], bytes).into_response();
                let etag = self.seq.map(|seq| HeaderValue::from_str(&format!("\"{seq}\"")));
                if let Some(Ok(etag)) = etag {
                    response.headers_mut().insert(header::ETAG, etag);
                }
                response
            }
            Err(error) => {
                let message = format!("the answer has no JSON form: {error}");
                Failure::from(Error::new(ErrorCode::Internal, message)).into_response()
            }
        }
    }
}

/// Runs `work`; where it is long, lets the other requests of this thread go on elsewhere.
fn compute<R>(aside: bool, work: impl FnOnce() -> R) -> R {
    let may_block = || Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
    if aside && may_block() { tokio::task::block_in_place(work) } else { work() }
}
