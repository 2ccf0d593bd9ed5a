//! One file per command: its arguments, what it asks, how it shows the answer.

pub(crate) mod alias;
pub(crate) mod backup;
pub(crate) mod collection;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod document;
pub(crate) mod embed;
pub(crate) mod facets;
mod file_kind;
pub(crate) mod import;
pub(crate) mod key;
pub(crate) mod man;
pub(crate) mod model;
mod nearest;
mod offline;
pub(crate) mod ready;
pub(crate) mod reference;
pub(crate) mod repair;
pub(crate) mod rerank;
pub(crate) mod search;
pub(crate) mod serve;
mod show;
pub(crate) mod task;
pub(crate) mod verify;

use crate::{
    cli::{Cli, Command},
    failure::Result,
    printer::Printer,
};

/// Runs the command that was asked for.
pub(crate) async fn run(cli: Cli, printer: Printer) -> Result {
    let configuration = &cli.global.configuration;
    match cli.command {
        Command::Serve(args) => serve::run(args, configuration, printer).await,
        Command::Collection(command) => collection::run(command, configuration, printer).await,
        Command::Alias(command) => alias::run(command, configuration, printer).await,
        Command::Backup(command) => backup::run(command, configuration, printer).await,
        Command::Task(command) => task::run(command, configuration, printer).await,
        Command::Document(command) => document::run(command, configuration, printer).await,
        Command::Import(args) => import::run(args, configuration, printer).await,
        Command::Search(args) => search::run(*args, configuration, printer).await,
        Command::Facets(args) => facets::run(args, configuration, printer).await,
        Command::Embed(args) => embed::run(args, configuration, printer).await,
        Command::Rerank(args) => rerank::run(args, configuration, printer).await,
        Command::Model(command) => model::run(command, configuration, printer).await,
        Command::Key(command) => key::run(command, configuration, printer).await,
        Command::Doctor(args) => doctor::run(args, configuration, printer).await,
        Command::Verify(args) => verify::run(args, configuration, printer).await,
        Command::Repair(args) => repair::run(args, configuration, printer).await,
        Command::Config(command) => config::run(command, configuration, printer),
        Command::Ready(args) => ready::run(args, printer).await,
        Command::Completions(args) => completions::run(&args, printer),
        Command::Man(args) => man::run(&args, printer),
        Command::Reference(args) => reference::run(&args, printer),
    }
}
