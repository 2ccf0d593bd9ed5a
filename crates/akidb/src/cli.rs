//! The tree of commands. Each command's own arguments stand in its own file.

use clap::{Args, Parser, Subcommand};

use crate::{
    commands::{
        alias, backup, collection, completions, config, doctor, document, embed, facets, import,
        key, man, model, ready, reference, repair, rerank, search, serve, task, verify,
    },
    printer::OutputFormat,
    settings::ConfigurationArgs,
};

/// A vector database that embeds for itself
#[derive(Debug, Parser)]
#[command(name = "akidb", version, max_term_width = 100)]
#[command(after_help = "Examples:
  $ akidb serve --data-dir ./films
  $ akidb collection create films
  $ akidb import films films.jsonl
  $ akidb search films 'a ship meets an iceberg'

Exit codes: 0 ok, 1 failure, 2 damage found, 64 usage, 74 IO, 78 configuration")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// How data is written to stdout: tables for people, json for programs
    #[arg(long, value_enum, default_value_t, global = true, value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
    #[command(flatten)]
    pub(crate) configuration: ConfigurationArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a node: REST and gRPC over one data directory
    Serve(serve::ServeArgs),
    /// Create, list, show, change, rename, copy and delete collections
    #[command(
        subcommand,
        after_help = "Examples:
  $ akidb collection create films
  $ akidb collection list"
    )]
    Collection(collection::CollectionCommand),
    /// List and change the aliases of collections
    #[command(
        subcommand,
        after_help = "Example:
  $ akidb alias change --set cinema=films-2024"
    )]
    Alias(alias::AliasCommand),
    /// List, show and cancel what goes on for longer than a request
    #[command(
        subcommand,
        after_help = "Example:
  $ akidb task list"
    )]
    Task(task::TaskCommand),
    /// Write, list, verify, restore and delete backups
    #[command(
        subcommand,
        after_help = "Examples:
  $ akidb backup create
  $ akidb backup restore latest --replace"
    )]
    Backup(backup::BackupCommand),
    /// Show, change, delete and count documents
    #[command(
        subcommand,
        after_help = "Examples:
  $ akidb document get films 42
  $ akidb document count films"
    )]
    Document(document::DocumentCommand),
    /// Store the documents of a file: JSON Lines, a JSON list or CSV
    Import(import::ImportArgs),
    /// Find documents by meaning, by words, by both, or like another one
    Search(Box<search::SearchArgs>),
    /// Count documents by the values that they have
    Facets(facets::FacetsArgs),
    /// Turn texts into vectors
    Embed(embed::EmbedArgs),
    /// Order documents by how well they answer a query
    Rerank(rerank::RerankArgs),
    /// List, import and verify models, load them into a node and unload them
    #[command(
        subcommand,
        after_help = "Examples:
  $ akidb model list
  $ akidb model status"
    )]
    Model(model::ModelCommand),
    /// Make, list, revoke and exchange the keys by which requests are told apart
    #[command(
        subcommand,
        after_help = "Examples:
  $ akidb key create operators --role admin
  $ akidb key create 'web shop' --role read --collection 'films*'
  $ akidb key list

From the first key on every request needs one: --key or AKIDB_API_KEY. The first one must be of the role
admin. With --data-dir, and no node running on the directory, none is needed."
    )]
    Key(key::KeyCommand),
    /// Look at what a node needs, and say what mends what is missing
    Doctor(doctor::DoctorArgs),
    /// Look at every row, page and index of a data directory over which no node runs
    Verify(verify::VerifyArgs),
    /// Save what can be read of damaged databases into new ones, or give disk back
    Repair(repair::RepairArgs),
    /// Look at the configuration
    #[command(
        subcommand,
        after_help = "Example:
  $ akidb config show"
    )]
    Config(config::ConfigCommand),
    /// Ask a running node whether it can serve
    Ready(ready::ReadyArgs),
    /// Print what a shell needs to complete commands and options
    Completions(completions::CompletionsArgs),
    /// Write man pages
    Man(man::ManArgs),
    /// Print the reference of all commands as Markdown
    #[command(hide = true)]
    Reference(reference::ReferenceArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Every command with its path, groups of commands included.
    fn all(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
        let subcommands = command.get_subcommands().filter(|command| command.get_name() != "help");
        let below =
            subcommands.flat_map(|command| all(command, &format!("{path} {}", command.get_name())));
        std::iter::once((path.to_owned(), command.clone())).chain(below).collect()
    }

    #[test]
    fn the_tree_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example_that_parses() {
        for (path, command) in all(&Cli::command(), "akidb") {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<_> =
                help.lines().filter_map(|line| line.trim().strip_prefix("$ ")).collect();
            assert!(!examples.is_empty(), "{path} has no example");
            for example in examples {
                let words = words_of(example);
                assert!(example.contains(&path), "{example} is not an example of {path}");
                assert!(Cli::try_parse_from(&words).is_ok(), "{example} does not parse: {words:?}");
            }
        }
    }

    /// Splits like a shell that only knows blanks, single quotes, pipes, `&&` and `>`.
    fn words_of(example: &str) -> Vec<String> {
        let command = example.rsplit(" | ").next().unwrap_or(example);
        let command = command.split(" && ").next().unwrap_or(command);
        let command = command.split(" > ").next().unwrap_or(command);
        let mut words = Vec::new();
        for (i, part) in command.split('\'').enumerate() {
            if i % 2 == 1 {
                words.push(part.to_owned());
            } else {
                words.extend(part.split_whitespace().map(str::to_owned));
            }
        }
        words
    }
}
