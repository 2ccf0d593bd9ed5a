//! Sending again what may succeed later: bounded, with growing waits, as the node asks.

use std::time::Duration;

use crate::RequestError;

/// When a request is sent again, and how long that is waited for.
///
/// A request that the node refused as retryable, or that found no node, has changed nothing and is
/// sent again. One of which it is not known what became of it is sent again only where it is
/// repeatable: reads, searches, embeddings and counts are, and writes that do the same twice.
///
/// The waits double from the first to the longest. The node's own `Retry-After` counts where it is
/// longer, up to the longest. Spreading the waits of several senders is left to how long their
/// requests take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// How often a request is sent before its error counts, at least once.
    pub attempts_max: u32,
    /// The wait after the first attempt.
    pub first_wait: Duration,
    /// The longest wait.
    pub wait_max: Duration,
}

impl Default for Retries {
    /// Four attempts within a second, where the node does not ask for longer waits.
    fn default() -> Self {
        Self { attempts_max: 4, ..Self::PATIENT }
    }
}

impl Retries {
    /// The first error counts.
    pub const NONE: Self = Self { attempts_max: 1, ..Self::PATIENT };
    /// Half a minute of patience with a busy node, for work that is worth it.
    pub const PATIENT: Self = Self {
        attempts_max: 10,
        first_wait: Duration::from_millis(100),
        wait_max: Duration::from_secs(10),
    };

    /// How long to wait after attempt number `attempt`, from 0; `None` where the error counts.
    pub(crate) fn wait(
        &self,
        attempt: u32,
        error: &RequestError,
        repeatable: bool,
    ) -> Option<Duration> {
        let may = error.retryable() && (repeatable || error.changed_nothing());
        if !may || attempt + 1 >= self.attempts_max {
            return None;
        }
        let growing = self.first_wait.saturating_mul(1 << attempt.min(16)).min(self.wait_max);
        let asked = match error {
            RequestError::Node(error) => error.retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        Some(asked.clamp(growing, self.wait_max))
    }
}

#[cfg(test)]
mod tests {
    use akidb_core::Outcome;

    use super::*;
    use crate::NodeError;

    fn busy(outcome: Outcome, retry_after: Option<u64>) -> RequestError {
        let retry_after = retry_after.map(Duration::from_secs);
        let outcome = Some(outcome);
        NodeError { retryable: true, outcome, retry_after, ..NodeError::default() }.into()
    }

    #[test]
    fn waits_grow_to_a_limit_and_honor_the_node() {
        let retries = Retries { attempts_max: 20, ..Retries::PATIENT };
        let wait = |attempt, retry_after| {
            retries.wait(attempt, &busy(Outcome::NotApplied, retry_after), false).unwrap()
        };
        assert_eq!(wait(0, None), retries.first_wait);
        assert_eq!(wait(3, None), retries.first_wait * 8);
        assert_eq!(wait(9, None), retries.wait_max);
        assert_eq!(wait(0, Some(2)), Duration::from_secs(2));
        assert_eq!(wait(0, Some(3_600)), retries.wait_max);
    }

    #[test]
    fn only_what_does_no_harm_is_sent_again() {
        let lost = |refused| RequestError::Unreachable { message: String::new(), refused };
        let refused_for_good = RequestError::Node(NodeError::default());
        for (error, again, again_if_repeatable) in [
            (busy(Outcome::NotApplied, None), true, true),
            (busy(Outcome::Unknown, None), false, true),
            (lost(true), true, true),
            (lost(false), false, true),
            (refused_for_good, false, false),
        ] {
            let wait = |repeatable| Retries::PATIENT.wait(0, &error, repeatable).is_some();
            assert_eq!((wait(false), wait(true)), (again, again_if_repeatable), "{error:?}");
            assert_eq!(Retries::NONE.wait(0, &error, true), None);
        }
    }
}
