//! `akidb completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{cli::Cli, failure::Result, printer::Printer};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb completions bash > ~/.local/share/bash-completion/completions/akidb
  $ akidb completions zsh > ~/.zfunc/_akidb
  $ akidb completions fish > ~/.config/fish/completions/akidb.fish

The script goes to stdout. Zsh reads a folder that is in fpath before compinit runs.")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, printer: Printer) -> Result {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "akidb", &mut script);
    printer.line(String::from_utf8_lossy(&script).trim_end())
}
