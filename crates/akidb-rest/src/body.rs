//! Receiving the bytes of a body within every limit: its own size, the time of the request, and
//! the memory that all bodies may take together.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use akidb_core::{Error, ErrorCode};
use akidb_listener::Pace;
use axum::{body::Body, extract::Request};
use bytes::Bytes;
use http::header;
use http_body_util::BodyExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{timeout, timeout_at},
};

use crate::{call::Call, state::RestState};

/// A body, which counts against the budget of all bodies until it is dropped.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    permit: Option<OwnedSemaphorePermit>,
}

/// Space that is reserved for an announced length before any of it has arrived.
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
    let bytes_max = state.service.limits().body_bytes;
    let deadline = request.extensions().get::<Call>().map(|call| call.context.deadline);
    let deadline = deadline.unwrap_or_else(|| Instant::now() + state.options.default_timeout);
    let budget = state.body_budget.clone();
    let pace = Pace::starting_now(state.options.listener.body_idle_timeout);
    match timeout_at(deadline.into(), receive_within(request, bytes_max, budget, pace)).await {
        Ok(received) => received,
        Err(_) => Err(Error::new(
            ErrorCode::DeadlineExceeded,
            "the body did not arrive within the time of the request",
        )),
    }
}

async fn receive_within(
    request: Request,
    bytes_max: usize,
    budget: Arc<Semaphore>,
    mut pace: Pace,
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
    let mut received = Received { bytes: Vec::with_capacity(capacity), permit: None };
    loop {
        let chunk = timeout_at(pace.deadline().into(), next_chunk(&mut body)).await;
        let Some(chunk) = chunk.map_err(|_| too_slow())?? else { return Ok(received) };
        pace.received(chunk.len());
        if received.bytes.len() + chunk.len() > bytes_max {
            discard(&mut body, bytes_max).await;
            return Err(too_large(None, bytes_max));
        }
        received.push(&chunk, &budget)?;
    }
}

fn too_slow() -> Error {
    let message = format!(
        "the body brought less than {} bytes in the time that server.body_idle_timeout_ms allows",
        Pace::BYTES_MIN
    );
    Error::new(ErrorCode::DeadlineExceeded, message)
}

impl Received {
    fn push(&mut self, chunk: &Bytes, budget: &Arc<Semaphore>) -> Result<(), Error> {
        let overloaded = || {
            let message = "the bodies of the requests that run now take all memory for bodies";
            Error::new(ErrorCode::Overloaded, message)
        };
        let bytes = u32::try_from(chunk.len()).map_err(|_| overloaded())?;
        let permit = budget.clone().try_acquire_many_owned(bytes).map_err(|_| overloaded())?;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }
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

pub(crate) async fn next_chunk(body: &mut Body) -> Result<Option<Bytes>, Error> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            // Trailers are not read.
            Some(Ok(frame)) => {
                if let Ok(chunk) = frame.into_data() {
                    return Ok(Some(chunk));
                }
            }
            Some(Err(error)) => {
                let message = format!("the body broke off: {error}");
                return Err(Error::new(ErrorCode::MalformedRequest, message));
            }
        }
    }
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

    use super::*;

    fn pace() -> Pace {
        Pace::starting_now(Duration::from_secs(60))
    }

    async fn receive(body: Body, bytes_max: usize, budget: usize) -> Result<Vec<u8>, Error> {
        let budget = Arc::new(Semaphore::new(budget));
        let request = Request::new(body);
        let received = receive_within(request, bytes_max, budget.clone(), pace()).await?;
        assert_eq!(budget.available_permits() + received.bytes.len(), 100);
        Ok(received.bytes)
    }

    fn streamed(chunks: &'static [&'static str]) -> Body {
        let chunks = chunks.iter().map(|chunk| Ok::<_, std::io::Error>(Bytes::from(*chunk)));
        Body::from_stream(futures::stream::iter(chunks.collect::<Vec<_>>()))
    }

    #[tokio::test]
    async fn bodies_are_bounded_by_what_arrives() {
        assert_eq!(receive(streamed(&["ab", "cd"]), 4, 100).await.unwrap(), b"abcd");
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
        let budget = Arc::new(Semaphore::new(100));
        let error = receive_within(request, 4, budget, pace()).await.unwrap_err();
        assert_eq!((error.code, taken.load(Ordering::Relaxed)), (ErrorCode::BodyTooLarge, 5));
    }

    #[tokio::test]
    async fn an_announced_length_is_refused_before_it_arrives() {
        let mut request = Request::new(Body::from("x"));
        request.headers_mut().insert(header::CONTENT_LENGTH, 33_554_433.into());
        let budget = Arc::new(Semaphore::new(0));
        let error = receive_within(request, 33_554_432, budget, pace()).await.unwrap_err();
        let expect = "the body has 33554433 bytes, allowed are at most 33554432 bytes (body_bytes)";
        assert_eq!((error.code, error.message.as_str()), (ErrorCode::BodyTooLarge, expect));
    }
}
