//! `akidb model list`

use clap::Args;
use indicatif::HumanBytes;
use serde_json::{Value, json};

use super::{ModelsArgs, failure};
use crate::{
    failure::Result,
    printer::{self, Printer},
    settings::ConfigurationArgs,
};

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ akidb model list")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    models: ModelsArgs,
}

pub(super) fn run(args: ListArgs, configuration: &ConfigurationArgs, printer: Printer) -> Result {
    let models = args.models.store(configuration)?.list().map_err(failure)?;
    let list: Vec<Value> = models.iter().map(as_json).collect();
    printer.answer(&json!({ "models": list }), || {
        let mut table = printer::table([
            "name",
            "architecture",
            "kind",
            "dimension",
            "max tokens",
            "size",
            "path",
        ]);
        for model in &models {
            table.add_row([
                model.name.clone(),
                model.architecture.clone(),
                model.kind.as_str().to_owned(),
                model.dimension.to_string(),
                model.max_tokens.to_string(),
                HumanBytes(model.size_bytes).to_string(),
                model.path.display().to_string(),
            ]);
        }
        table
    })
}

/// A model for programs, also in the answer of `akidb model import`.
pub(super) fn as_json(model: &akidb_embedding::InstalledModel) -> Value {
    json!({
        "name": model.name,
        "architecture": model.architecture,
        "kind": model.kind.as_str(),
        "path": model.path.display().to_string(),
        "dimension": model.dimension,
        "max_tokens": model.max_tokens,
        "size_bytes": model.size_bytes,
    })
}
