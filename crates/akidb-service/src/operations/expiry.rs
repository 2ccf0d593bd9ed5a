//! What requests say of how long documents live.

use akidb_core::{Error, ErrorCode, Expiry, Result};

/// The longest time that the documents of a collection may live: a hundred years.
const TTL_SECONDS_MAX: u64 = 100 * 36_525 * 864;

/// Checks how long the documents of a collection are to live.
pub(super) fn check_ttl(seconds: Option<u64>) -> Result<Option<u64>> {
    match seconds {
        Some(seconds) if !(1..=TTL_SECONDS_MAX).contains(&seconds) => {
            let fault = format_args!(
                "must be 1 to {TTL_SECONDS_MAX} seconds, is {seconds}; documents for which nothing is said \
                 stay until they are deleted"
            );
            Err(Error::at(ErrorCode::InvalidArgument, "ttl_seconds", fault))
        }
        seconds => Ok(seconds),
    }
}

/// Reads when a document is to expire.
pub(super) fn check_expiry(given: Option<&str>, place: impl FnOnce() -> String) -> Result<Expiry> {
    let Some(given) = given else { return Ok(Expiry::Unsaid) };
    given.parse().map_err(|fault| {
        Error::at(ErrorCode::InvalidArgument, place(), format_args!("{fault}, or \"never\""))
    })
}
