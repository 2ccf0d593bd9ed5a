"""Sending again what may succeed later: bounded, with growing waits, as the node asks."""

from dataclasses import dataclass

from akidb_client.errors import AkiDBError, InvalidValueError


@dataclass(frozen=True, kw_only=True, slots=True)
class Retries:
    """When a request is sent again, and how long that is waited for.

    A request that the node refused as retryable, or that found no node, has changed nothing and is
    sent again. One of which it is not known what became of it is sent again only where it is
    repeatable: reads, searches, embeddings and counts are, and writes that do the same twice.

    The waits double from the first to the longest. The node's own `Retry-After` counts where it is
    longer, up to the longest.

    Attributes:
        attempts_max: How often a request is sent before its error counts, at least once.
        first_wait_s: The wait after the first attempt, in seconds.
        wait_max_s: The longest wait, in seconds.
    """

    attempts_max: int = 4
    first_wait_s: float = 0.1
    wait_max_s: float = 10.0

    def __post_init__(self) -> None:
        """Refuses what would never send, or never wait.

        Raises:
            InvalidValueError: A number is too small.
        """
        for name, least in (("attempts_max", 1), ("first_wait_s", 0), ("wait_max_s", 0)):
            if not getattr(self, name) >= least:
                raise InvalidValueError(name, f"{getattr(self, name)} is less than {least}")

    def wait_s(self, attempt: int, error: AkiDBError, *, repeatable: bool) -> float | None:
        """The seconds to wait after attempt number `attempt`, from 0; `None`: the error counts."""
        may = error.retryable and (repeatable or error.outcome == "not_applied")
        if not may or attempt + 1 >= self.attempts_max:
            return None
        growing = min(self.first_wait_s * 2.0 ** min(attempt, 16), self.wait_max_s)
        return min(max(error.retry_after or 0.0, growing), self.wait_max_s)


NO_RETRIES = Retries(attempts_max=1)
"""The first error counts."""

PATIENT = Retries(attempts_max=10)
"""Half a minute of patience with a busy node, for work that is worth it."""
