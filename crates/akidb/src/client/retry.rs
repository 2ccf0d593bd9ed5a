//! Sending again what may succeed later: bounded, with growing waits, as the node asks.

use std::time::Duration;

use super::RequestError;

/// How often a request is sent before its error counts.
const ATTEMPTS_MAX: u32 = 10;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Sends until it succeeds, until the error is not retryable, or [`ATTEMPTS_MAX`] times.
///
/// Only for requests that do no harm when they arrive twice. `attempt` numbers from 0; spreading
/// the waits of several senders is left to how long their requests take.
pub(crate) async fn retrying<T, F>(mut send: impl FnMut() -> F) -> Result<T, RequestError>
where
    F: Future<Output = Result<T, RequestError>>,
{
    let mut attempt = 0;
    loop {
        match send().await {
            Err(error) if error.retryable() && attempt + 1 < ATTEMPTS_MAX => {
                tokio::time::sleep(wait(attempt, &error)).await;
                attempt += 1;
            }
            outcome => return outcome,
        }
    }
}

/// The node's own `Retry-After` where it is longer than the growing wait.
fn wait(attempt: u32, error: &RequestError) -> Duration {
    let growing = FIRST_WAIT.saturating_mul(1 << attempt.min(16)).min(WAIT_MAX);
    match error {
        RequestError::Node(error) => error.retry_after.unwrap_or_default().clamp(growing, WAIT_MAX),
        _ => growing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::NodeError;

    fn busy(retry_after: Option<u64>) -> RequestError {
        let retry_after = retry_after.map(Duration::from_secs);
        RequestError::Node(NodeError { retryable: true, retry_after, ..NodeError::default() })
    }

    #[test]
    fn waits_grow_to_a_limit_and_honor_the_node() {
        assert_eq!(wait(0, &busy(None)), FIRST_WAIT);
        assert_eq!(wait(3, &busy(None)), FIRST_WAIT * 8);
        assert_eq!(wait(9, &busy(None)), WAIT_MAX);
        assert_eq!(wait(0, &busy(Some(2))), Duration::from_secs(2));
        assert_eq!(wait(0, &busy(Some(3_600))), WAIT_MAX);
    }

    #[tokio::test]
    async fn only_retryable_errors_are_sent_again() {
        let mut sent = 0;
        let outcome = retrying(|| {
            sent += 1;
            std::future::ready(if sent < 3 { Err(busy(None)) } else { Ok(sent) })
        })
        .await;
        assert_eq!(outcome, Ok(3));

        let mut sent = 0;
        let refused = RequestError::Node(NodeError::default());
        let outcome: Result<(), _> = retrying(|| {
            sent += 1;
            std::future::ready(Err(refused.clone()))
        })
        .await;
        assert_eq!((sent, outcome), (1, Err(refused)));
    }
}
