//! How a command ends when it does not succeed: one message, one hint, one exit code.
//!
//! Scope: the exit codes that are not in the error table of `akidb-core`. Out of scope: printing,
//! which is the printer's.

use std::{error::Error as StdError, fmt, io};

use akidb_core::{ErrorCode, chain};

/// The result of every command.
pub(crate) type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// What the process answers to its caller, after `sysexits.h` where that has a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExitStatus(pub(crate) u8);

impl ExitStatus {
    /// All went well.
    pub(crate) const OK: Self = Self(0);
    /// It failed for a reason without a number of its own.
    pub(crate) const FAILURE: Self = Self(1);
    /// Stored data is damaged.
    pub(crate) const DAMAGE: Self = Self(2);
    /// The command line asks for something that does not exist or contradicts itself.
    pub(crate) const USAGE: Self = Self(64);
    /// A file, a disk or a network connection failed.
    pub(crate) const IO: Self = Self(74);
    /// A signal of the terminal ended it, as shells count: 128 and the number of the signal.
    pub(crate) const INTERRUPTED: Self = Self(130);
    /// The configuration is wrong, or what it names is not installed.
    pub(crate) const CONFIGURATION: Self = Self(78);
}

impl From<ErrorCode> for ExitStatus {
    fn from(code: ErrorCode) -> Self {
        Self(code.exit_code())
    }
}

/// Why a command failed, for a person and for a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit code of the process.
    pub(crate) exit: ExitStatus,
    /// Lower case, names the thing and what was tried.
    pub(crate) message: String,
    /// What the reader can do about it.
    pub(crate) hint: Option<String>,
    /// The node's name for the request that failed, to be found in its log.
    pub(crate) request_id: Option<String>,
}

impl Failure {
    /// A failure with this exit code.
    ///
    /// A hint that a crate below has put at the end of its message becomes the hint.
    pub(crate) fn new(exit: ExitStatus, message: impl Into<String>) -> Self {
        let message: String = message.into();
        let (message, hint) = match message.split_once("; hint: ") {
            Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
            None => (message, None),
        };
        Self { exit, message, hint, request_id: None }
    }

    /// The command line is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::USAGE, message)
    }

    /// The configuration is wrong.
    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::CONFIGURATION, message)
    }

    /// `tried` failed because of `cause`, a file or a connection.
    pub(crate) fn io(tried: impl fmt::Display, cause: &(dyn StdError + 'static)) -> Self {
        let failure = Self::new(ExitStatus::IO, format!("{tried}: {}", chain(cause)));
        Self { hint: io_hint(cause).map(str::to_owned).or(failure.hint), ..failure }
    }

    /// The same failure, with what the reader can do about it.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same failure, with this hint where it has none.
    pub(crate) fn hint_if_none(self, hint: &str) -> Self {
        Self { hint: self.hint.or_else(|| Some(hint.to_owned())), ..self }
    }
}

/// What a person can do about what the operating system refused.
fn io_hint(cause: &(dyn StdError + 'static)) -> Option<&'static str> {
    let mut kind = None;
    let mut next = Some(cause);
    while let Some(cause) = next {
        kind = cause.downcast_ref::<io::Error>().map(io::Error::kind).or(kind);
        next = cause.source();
    }
    Some(match kind? {
        io::ErrorKind::NotFound => {
            "look at the path; one that does not start with / starts in the folder of the shell"
        }
        io::ErrorKind::PermissionDenied => {
            "run as the user who may, or give this user the right to it"
        }
        io::ErrorKind::IsADirectory => "name a file, that is a folder",
        io::ErrorKind::NotADirectory => "a part of the path is a file where a folder must be",
        io::ErrorKind::AlreadyExists => "name another file, or remove that one",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on the disk",
        io::ErrorKind::ReadOnlyFilesystem => "name a place on a disk that may be written",
        io::ErrorKind::InvalidData => "the file must be text in UTF-8",
        _ => return None,
    })
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        if let Some(request_id) = &self.request_id {
            write!(f, "\nrequest id: {request_id}")?;
        }
        Ok(())
    }
}

impl StdError for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_prints_its_hint_and_request() {
        let failure = Failure::usage("no collection is named").hint("give --collection");
        assert_eq!(failure.to_string(), "error: no collection is named\nhint: give --collection");
        let failure = Failure { request_id: Some("r-1".to_owned()), ..failure };
        assert!(failure.to_string().ends_with("\nrequest id: r-1"));
    }

    #[test]
    fn a_hint_comes_from_the_message_or_from_what_the_system_refused() {
        let failure = Failure::configuration("the model is cut short; hint: import it again");
        assert_eq!(failure.message, "the model is cut short");
        assert_eq!(failure.hint.as_deref(), Some("import it again"));
        for (kind, says) in [
            (io::ErrorKind::NotFound, "look at the path"),
            (io::ErrorKind::PermissionDenied, "the right to it"),
            (io::ErrorKind::StorageFull, "make room"),
        ] {
            let hint = Failure::io("cannot open a", &io::Error::from(kind)).hint.unwrap();
            assert!(hint.contains(says), "{hint}");
        }
    }

    #[test]
    fn the_exit_codes_of_the_error_table_have_names_here() {
        let named = [ExitStatus::FAILURE, ExitStatus::DAMAGE, ExitStatus::USAGE, ExitStatus::IO];
        for code in ErrorCode::ALL {
            assert!(named.contains(&ExitStatus::from(*code)), "{code}");
        }
    }
}
