//! `akidb model`: the models on this machine, and those that a node has loaded.

mod import;
mod list;
mod load;
mod status;
mod unload;
mod verify;

use akidb_core::chain;
use akidb_embedding::{ModelError, ModelStore};
use clap::{Args, Subcommand};

use crate::{
    failure::{ExitStatus, Failure, Result},
    printer::Printer,
    settings::{ConfigurationArgs, Flag, Sources, resolve},
    waiting::waiting,
};

/// Where a node's models are.
const MODELS: [&str; 3] = ["v1", "admin", "models"];

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// List the installed models
    List(list::ListArgs),
    /// Install a model from a folder or an archive
    Import(import::ImportArgs),
    /// Compare the files of models with the hashes taken when they were imported
    Verify(verify::VerifyArgs),
    /// Show which models a running node has loaded
    Status(status::StatusArgs),
    /// Load a model into a running node
    Load(load::LoadArgs),
    /// Take a model out of a running node's memory
    Unload(unload::UnloadArgs),
}

/// Where the models lie.
#[derive(Args, Debug)]
struct ModelsArgs {
    /// The directory of models, embedding.models_dir
    #[arg(long, value_name = "DIR")]
    models_dir: Option<std::path::PathBuf>,
}

impl ModelsArgs {
    fn store(&self, configuration: &ConfigurationArgs) -> Result<ModelStore> {
        let given = self.models_dir.as_ref().map(|path| path.display());
        let flags = Flag::given("--models-dir", "embedding.models_dir", given);
        let sources = Sources::read(configuration, flags.into_iter().collect())?;
        let settings = resolve(&sources)?.settings;
        Ok(ModelStore::new(settings.embedding.models_dir, ModelStore::bundled_dir_of_executable()))
    }
}

pub(crate) async fn run(
    command: ModelCommand,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    match command {
        ModelCommand::List(args) => list::run(args, configuration, printer),
        ModelCommand::Import(args) => import::run(args, configuration, printer).await,
        ModelCommand::Verify(args) => verify::run(args, configuration, printer).await,
        ModelCommand::Status(args) => status::run(args, printer).await,
        ModelCommand::Load(args) => load::run(args, printer).await,
        ModelCommand::Unload(args) => unload::run(args, printer).await,
    }
}

/// Reads many megabytes on a thread of its own, and says so after a moment.
async fn reading<T: Send + 'static>(
    what: &str,
    read: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    waiting(what, tokio::task::spawn_blocking(read)).await.unwrap_or_else(|error| {
        Err(Failure::new(ExitStatus::FAILURE, format!("{what} was cut short: {error}")))
    })
}

fn failure(error: ModelError) -> Failure {
    let exit = match &error {
        ModelError::Io { .. } => ExitStatus::IO,
        ModelError::InvalidName { .. } => ExitStatus::USAGE,
        ModelError::Damaged { .. } => ExitStatus::DAMAGE,
        _ => ExitStatus::FAILURE,
    };
    let failure = Failure::new(exit, chain(&error));
    match error {
        ModelError::Io { source, .. } => {
            let hint = Failure::io("", &source).hint;
            Failure { hint: failure.hint.or(hint), ..failure }
        }
        ModelError::InvalidName { .. } => failure.hint("--name gives it another name"),
        ModelError::Damaged { .. } => {
            failure.hint_if_none("fetch it again, then `akidb model import PATH --replace`")
        }
        ModelError::NotFound { .. } => {
            failure.hint("`akidb model list` shows the installed models")
        }
        ModelError::NotOneModel { .. } => {
            failure.hint("name the folder or archive of one model, as Hugging Face lays it out")
        }
        ModelError::MissingFile { .. }
        | ModelError::MissingTensor { .. }
        | ModelError::WrongShape { .. } => failure.hint("fetch the model again, it is not whole"),
        ModelError::Unsupported { .. } => {
            failure.hint("the guide to models lists the architectures that run")
        }
        _ => failure,
    }
}
