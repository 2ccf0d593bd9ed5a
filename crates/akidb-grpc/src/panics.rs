//! A panic in one request is that request's error and nobody else's.

use std::{any::Any, panic::AssertUnwindSafe};

use akidb_core::{Error, ErrorCode, Outcome};
use futures::FutureExt;

use crate::method::Method;

/// Runs `future`; a panic becomes an `internal` error, of unknown outcome where it may have written.
pub(crate) async fn caught<T>(
    method: &Method,
    future: impl Future<Output = T>,
) -> Result<T, Error> {
    AssertUnwindSafe(future).catch_unwind().await.map_err(|panic| {
        tracing::error!(
            operation = method.operation.as_str(),
            panic = text_of(panic.as_ref()),
            "a request panicked"
        );
        let error =
            Error::new(ErrorCode::Internal, "the request failed by a fault of akidb itself");
        error.with_outcome(if method.writes { Outcome::Unknown } else { Outcome::NotApplied })
    })
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, outcome: Outcome) {
        let panicking = async { [0][std::hint::black_box(1)] };
        let error = caught(&Method::of(path), panicking).now_or_never().unwrap().unwrap_err();
        assert_eq!((error.code, error.outcome), (ErrorCode::Internal, outcome));
    }

    #[test]
    fn a_panic_is_an_error_that_says_whether_something_may_be_written() {
        check("/akidb.collection.v1.CollectionService/UpsertDocuments", Outcome::Unknown);
        check("/akidb.collection.v1.CollectionService/Search", Outcome::NotApplied);
    }
}
