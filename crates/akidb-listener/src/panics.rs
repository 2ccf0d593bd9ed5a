//! A panic in one request is that request's error and nobody else's.

use std::{any::Any, panic::AssertUnwindSafe};

use akidb_core::{Error, ErrorCode, Outcome};
use futures::FutureExt;

/// Runs a part of a request.
///
/// # Errors
/// `internal`, with this outcome, where it panics.
pub async fn caught<T>(outcome: Outcome, future: impl Future<Output = T>) -> Result<T, Error> {
    AssertUnwindSafe(future).catch_unwind().await.map_err(|panic| {
        tracing::error!(panic = text_of(panic.as_ref()), "a request panicked");
        let message = "a fault of the node, its log has the detail";
        Error::new(ErrorCode::Internal, message).with_outcome(outcome)
    })
}

/// What a panic says.
pub(crate) fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_of_the_given_outcome() {
        for outcome in [Outcome::Unknown, Outcome::NotApplied] {
            let panicking = async { [0][std::hint::black_box(1)] };
            let error = caught(outcome, panicking).now_or_never().unwrap().unwrap_err();
            assert_eq!((error.code, error.outcome), (ErrorCode::Internal, outcome));
        }
    }
}
