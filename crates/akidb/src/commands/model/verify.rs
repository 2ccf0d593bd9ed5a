//! `akidb model verify`

use akidb_embedding::VerifyReport;
use clap::Args;
use serde_json::{Value, json};

use super::{ModelsArgs, failure, reading};
use crate::{
    failure::{ExitStatus, Failure, Result},
    printer::{self, Printer},
    settings::ConfigurationArgs,
};

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ akidb model verify all-minilm-l6-v2

Ends with exit code 2 when a file is damaged or missing.")]
pub(crate) struct VerifyArgs {
    /// The models; all that are installed if none is named
    names: Vec<String>,
    #[command(flatten)]
    models: ModelsArgs,
}

pub(super) async fn run(
    args: VerifyArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let store = args.models.store(configuration)?;
    let names = match args.names.is_empty() {
        true => store.list().map_err(failure)?.into_iter().map(|model| model.name).collect(),
        false => args.names,
    };
    let verify = move |name: String| Ok((store.verify(&name).map_err(failure)?, name));
    let reports: Vec<(VerifyReport, String)> =
        reading("comparing the files of models", move || names.into_iter().map(verify).collect())
            .await?;
    let list: Vec<Value> = reports.iter().map(|(report, name)| as_json(name, report)).collect();
    printer.answer(&json!({ "models": list }), || as_table(&reports))?;
    match reports.iter().filter(|(report, _)| !report.is_intact()).count() {
        0 => Ok(()),
        damaged => {
            let message = format!("{damaged} of {} models are damaged", reports.len());
            Err(Failure::new(ExitStatus::DAMAGE, message)
                .hint("import them again with `akidb model import PATH --replace`"))
        }
    }
}

fn as_json(name: &str, report: &VerifyReport) -> Value {
    json!({
        "name": name,
        "intact": report.intact,
        "damaged": report.damaged,
        "missing": report.missing,
    })
}

fn as_table(reports: &[(VerifyReport, String)]) -> comfy_table::Table {
    let mut table = printer::table(["model", "file", "state"]);
    for (report, name) in reports {
        let states = [
            ("intact", &report.intact),
            ("damaged", &report.damaged),
            ("missing", &report.missing),
        ];
        for (state, files) in states {
            table.add_rows(files.iter().map(|file| [name.as_str(), file.as_str(), state]));
        }
    }
    table
}
