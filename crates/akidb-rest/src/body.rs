//! Receives the bytes of a body within every limit: its own size, the time of the request, and the
//! memory that all bodies may take together.

use std::{fmt::Display, sync::Arc, time::Duration};

use akidb_core::{Error, ErrorCode};
use akidb_listener::{BodyBudget, BodyError, BodyShare, BoundedBody, Deadlines};
use axum::{body::Body, extract::Request};
use bytes::Bytes;
use http::header;
use http_body_util::BodyExt;
use hyper::body::Body as HttpBody;
use tokio::time::timeout;

use crate::{call::Call, state::RestState};

/// A body, which counts against the budget of all bodies until it is dropped.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    _share: Arc<BodyShare>,
}

/// Space that is reserved for an announced length before any of it has arrived. What is beyond is
/// reserved when as much has come, and is no memory before it is written to.
const RESERVED_BYTES_MAX: usize = 64 << 10;

/// How many times the limit, and how long, a body that is too large is still taken.
const DISCARD_FACTOR: usize = 3;
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// Receives the body of a request.
///
/// # Errors
/// `body_too_large`, `overloaded` where all bodies together are too large, `deadline_exceeded`
/// where the client is too slow, `malformed_request` where it breaks off.
pub(crate) async fn receive(request: Request, state: &RestState) -> Result<Received, Error> {
    let deadlines = request.extensions().get::<Call>().map(|call| call.deadlines);
    let deadlines =
        deadlines.unwrap_or_else(|| Deadlines::of_request(None, &state.options.listener));
    receive_within(request, state.service.limits().body_bytes, &state.body_budget, deadlines).await
}

async fn receive_within(
    request: Request,
    bytes_max: usize,
    budget: &BodyBudget,
    deadlines: Deadlines,
) -> Result<Received, Error> {
    let announced = announced_bytes(&request);
    let waits_for_leave = request.headers().contains_key(header::EXPECT);
    let mut body = request.into_body();
    if announced.is_some_and(|announced| announced > bytes_max as u64) {
        if !waits_for_leave {
            discard(&mut body, bytes_max).await;
        }
        return Err(too_large(announced, bytes_max));
    }
    let capacity = announced.map_or(0, |announced| announced as usize).min(RESERVED_BYTES_MAX);
    let mut bytes = Vec::with_capacity(capacity);
    let share = Arc::new(budget.share(bytes_max));
    let mut body = BoundedBody::new(body, deadlines, share.clone());
    while let Some(chunk) = next_chunk(&mut body).await.map_err(unreceived)? {
        if bytes.len() + chunk.len() > bytes_max {
            discard(&mut body.into_inner(), bytes_max).await;
            return Err(too_large(None, bytes_max));
        }
        if bytes.capacity() - bytes.len() < chunk.len() {
            // Once, where the length was announced: it grows by doubling otherwise, and is copied each time.
            let rest =
                announced.map_or(0, |announced| announced as usize).saturating_sub(bytes.len());
            bytes.reserve(rest.max(chunk.len()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Received { bytes, _share: share })
}

fn unreceived(error: BodyError<axum::Error>) -> Error {
    match error {
        BodyError::Refused(error) => error,
        BodyError::Broken(error) => broken_off(error),
    }
}

/// The error of a body that can not be read to its end.
pub(crate) fn broken_off(error: impl Display) -> Error {
    Error::new(ErrorCode::MalformedRequest, format!("the body broke off: {error}"))
}

fn announced_bytes(request: &Request) -> Option<u64> {
    let length = request.headers().get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

fn too_large(given_bytes: Option<u64>, bytes_max: usize) -> Error {
    let given = given_bytes.map_or_else(|| "more".to_owned(), |given| format!("{given} bytes"));
    let message =
        format!("the body has {given}, allowed are at most {bytes_max} bytes (body_bytes)");
    Error::new(ErrorCode::BodyTooLarge, message)
}

/// The next bytes of a body, or none at its end. Trailers are not read.
pub(crate) async fn next_chunk<B>(body: &mut B) -> Result<Option<Bytes>, B::Error>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    while let Some(frame) = body.frame().await {
        if let Ok(chunk) = frame?.into_data() {
            return Ok(Some(chunk));
        }
    }
    Ok(None)
}

/// Takes what a client still sends, within bounds, so that one which writes its whole body before
/// it reads finds the answer, and not a closed connection or stream.
pub(crate) async fn discard(body: &mut Body, bytes_max: usize) {
    let discarding = async {
        let mut discarded_bytes = 0;
        while let Ok(Some(chunk)) = next_chunk(body).await
            && discarded_bytes <= bytes_max.saturating_mul(DISCARD_FACTOR)
        {
            discarded_bytes += chunk.len();
        }
    };
    // Whether all of it came or not, the request is refused.
    let _ = timeout(DISCARD_TIME, discarding).await;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use akidb_listener::ListenerOptions;

    use super::*;

    async fn receive(request: Request, bytes_max: usize, budget: usize) -> Result<Received, Error> {
        let options = ListenerOptions { body_budget_bytes: budget, ..ListenerOptions::default() };
        let deadlines = Deadlines::of_request(Some(Duration::from_secs(600)), &options);
        receive_within(request, bytes_max, &BodyBudget::new(&options), deadlines).await
    }

    fn streamed(chunks: &'static [&'static str]) -> Request {
        let chunks = chunks.iter().map(|chunk| Ok::<_, std::io::Error>(Bytes::from(*chunk)));
        Request::new(Body::from_stream(futures::stream::iter(chunks.collect::<Vec<_>>())))
    }

    #[tokio::test]
    async fn bodies_are_bounded_by_what_arrives() {
        assert_eq!(receive(streamed(&["ab", "cd"]), 4, 100).await.unwrap().bytes, b"abcd");
        let error = receive(streamed(&["ab", "cde"]), 4, 100).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::BodyTooLarge);
        assert!(error.message.contains("at most 4 bytes"), "{error}");
    }

    #[tokio::test]
    async fn all_bodies_together_are_bounded() {
        let error = receive(streamed(&["ab", "cd"]), 4, 3).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Overloaded);
    }

    /// A client of HTTP/2 that was still writing got a closed stream, and no answer.
    #[tokio::test]
    async fn a_body_that_is_too_large_is_still_taken() {
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&taken);
        let chunks = (0..5).map(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from_static(b"ab"))
        });
        let mut request = Request::new(Body::from_stream(futures::stream::iter(chunks)));
        request.headers_mut().insert(header::CONTENT_LENGTH, 10.into());
        let error = receive(request, 4, 100).await.unwrap_err();
        assert_eq!((error.code, taken.load(Ordering::Relaxed)), (ErrorCode::BodyTooLarge, 5));
    }

    #[tokio::test]
    async fn an_announced_length_is_refused_before_it_arrives() {
        let mut request = Request::new(Body::from("x"));
        request.headers_mut().insert(header::CONTENT_LENGTH, 33_554_433.into());
        let error = receive(request, 33_554_432, 0).await.unwrap_err();
        let expect = "the body has 33554433 bytes, allowed are at most 33554432 bytes (body_bytes)";
        assert_eq!((error.code, error.message.as_str()), (ErrorCode::BodyTooLarge, expect));
    }
}
