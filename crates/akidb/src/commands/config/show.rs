//! `akidb config show`

use clap::Args;
use serde_json::{Map, Value, json};

use crate::{
    commands::show,
    failure::Result,
    printer::{self, Printer},
    settings::{ConfigurationArgs, Entry, SettingFlags, Sources, resolve},
};

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ akidb config show --config akidb.toml

Flags of `akidb serve` win over AKIDB_SECTION__KEY variables, these over the file, and the file
over the defaults.")]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    flags: SettingFlags,
}

pub(super) fn run(args: ShowArgs, configuration: &ConfigurationArgs, printer: Printer) -> Result {
    let entries = resolve(&Sources::read(configuration, args.flags.given())?)?.entries();
    printer.answer(&as_json(&entries), || as_table(&entries))
}

fn as_json(entries: &[Entry]) -> Value {
    let describe = |entry: &Entry| json!({"value": entry.value, "origin": entry.origin});
    entries.iter().map(|entry| (entry.key.clone(), describe(entry))).collect::<Map<_, _>>().into()
}

fn as_table(entries: &[Entry]) -> comfy_table::Table {
    let mut table = printer::table(["key", "value", "origin"]);
    table.add_rows(
        entries
            .iter()
            .map(|entry| [entry.key.clone(), show::cell(&entry.value), entry.origin.clone()]),
    );
    table
}
