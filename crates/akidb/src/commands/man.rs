//! `akidb man`

use std::{fs, path::PathBuf};

use clap::{Args, CommandFactory};

use crate::{
    cli::Cli,
    failure::{Failure, Result},
    printer::Printer,
};

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ akidb man ~/.local/share/man/man1

Afterwards `man akidb-search` shows one. The folder is made where it is not there.")]
pub(crate) struct ManArgs {
    /// Where the pages go, one for each command
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn run(args: &ManArgs, printer: Printer) -> Result {
    let folder = args.folder.display();
    let failure = |error| {
        Failure::io(format!("cannot write man pages to {folder}"), &error)
            .hint("name a folder that you may write to")
    };
    fs::create_dir_all(&args.folder).map_err(failure)?;
    clap_mangen::generate_to(Cli::command(), &args.folder).map_err(failure)?;
    printer.note(format_args!("wrote a page for each command to {folder}"));
    Ok(())
}
