//! `akidb model`: the models on this machine. No node is asked.

mod import;
mod list;
mod verify;

use akidb_embedding::{ModelError, ModelStore};
use clap::{Args, Subcommand};

use crate::{
    failure::{ExitStatus, Failure, Result, chain},
    printer::Printer,
    settings::{ConfigurationArgs, Flag, Sources, resolve},
};

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// List the installed models
    List(list::ListArgs),
    /// Install a model from a folder or an archive
    Import(import::ImportArgs),
    /// Compare the files of models with the hashes taken when they were imported
    Verify(verify::VerifyArgs),
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

pub(crate) fn run(
    command: ModelCommand,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    match command {
        ModelCommand::List(args) => list::run(args, configuration, printer),
        ModelCommand::Import(args) => import::run(args, configuration, printer),
        ModelCommand::Verify(args) => verify::run(args, configuration, printer),
    }
}

fn failure(error: ModelError) -> Failure {
    let exit = match &error {
        ModelError::Io { .. } => ExitStatus::IO,
        ModelError::InvalidName { .. } => ExitStatus::USAGE,
        ModelError::Damaged { .. } => ExitStatus::DAMAGE,
        _ => ExitStatus::FAILURE,
    };
    Failure::new(exit, chain(&error))
}
