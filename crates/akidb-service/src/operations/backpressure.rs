//! Waiting for room, for those who send much and had better be held back than refused.
//!
//! Out of scope: what there is no room in; the queue of a model and the admission of requests say
//! so, and how long to wait.

use std::time::{Duration, Instant};

use akidb_core::{ErrorCode, Result};

/// The wait where nobody knows when there will be room.
const WAIT: Duration = Duration::from_millis(100);
/// The shortest and the longest wait: room may come sooner than was foreseen.
const WAIT_BOUNDS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));

/// Tries until there is room.
///
/// # Errors
/// Those of an attempt, and that there is no room when none can come before `deadline`.
pub(crate) async fn when_there_is_room<T, A: Future<Output = Result<T>>>(
    deadline: Instant,
    attempt: impl Fn() -> A,
) -> Result<T> {
    loop {
        let error = match attempt().await {
            Err(error) if is_full(error.code) => error,
            outcome => return outcome,
        };
        let (least, most) = WAIT_BOUNDS;
        let wait = error.retry_after.unwrap_or(WAIT).clamp(least, most);
        if Instant::now() + wait >= deadline {
            return Err(error);
        }
        tokio::time::sleep(wait).await;
    }
}

/// Whether there will be room for the same when others are done.
const fn is_full(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::QueueFull | ErrorCode::Overloaded)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::ready};

    use akidb_core::Error;

    use super::*;

    /// Far away.
    const HOUR: Duration = Duration::from_secs(3_600);

    /// What comes of a thing that has room at the attempt after `refusals`, for who has so much time,
    /// and how many attempts were made.
    async fn check(
        code: ErrorCode,
        refusals: u32,
        retry_after: Duration,
        time: Duration,
    ) -> (Result<u32>, u32) {
        let attempts = Cell::new(0);
        let attempt = || {
            attempts.set(attempts.get() + 1);
            let refused = Error::new(code, "full").with_retry_after(retry_after);
            ready(if attempts.get() > refusals { Ok(attempts.get()) } else { Err(refused) })
        };
        let deadline = Instant::now() + time;
        let outcome = when_there_is_room(deadline, attempt).await;
        (outcome, attempts.get())
    }

    #[tokio::test]
    async fn what_is_full_is_tried_again_and_what_is_wrong_is_not() {
        let soon = Duration::from_millis(1);
        assert_eq!(check(ErrorCode::QueueFull, 3, soon, HOUR).await, (Ok(4), 4));
        assert_eq!(check(ErrorCode::Overloaded, 1, soon, HOUR).await, (Ok(2), 2));
        let (outcome, attempts) = check(ErrorCode::EmbeddingFailed, 1, soon, HOUR).await;
        assert_eq!((outcome.unwrap_err().code, attempts), (ErrorCode::EmbeddingFailed, 1));
    }

    #[tokio::test]
    async fn who_can_not_wait_so_long_is_told_at_once() {
        let second = Duration::from_secs(1);
        let (outcome, attempts) = check(ErrorCode::QueueFull, 9, HOUR, second).await;
        assert_eq!((outcome.unwrap_err().code, attempts), (ErrorCode::QueueFull, 1));
    }
}
