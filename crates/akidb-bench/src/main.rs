//! Benchmarks of AkiDB: its engine beside others in one run, correctness beside speed.
//!
//! Scope: the measurements that the project's claims of speed rest on, one command each, which
//! anyone can run. Out of scope: tests, and anything that the node needs.
//!
//! | module | what it is |
//! |---|---|
//! | `commands` | one file a command: what is measured, in which order, what is reported |
//! | `contenders` | exact searches by our index and by others, in this process and in Python |
//! | `graph_engines` | approximate searches by our graph and by others, in Python |
//! | `encoders` | our encoder and others, and the matrix products that are their limit |
//! | `node` | a client of a running node, over REST and gRPC |
//! | `node_process` | its process, where that is on this machine: processor time, and when it is at rest |
//! | `started_node` | a node that a command starts itself, for its start and its memory |
//! | `load` | many requests at once against a node, and their latencies |
//! | `other_engines` | inserts into other engines, in Python |
//! | `dataset` | vectors, seeded or of files |
//! | `judged_set` | judged sets in the layout of BEIR, and how good a ranking is by them |
//! | `workload` | batches of texts to encode |
//! | `truth` | exact neighbors in double precision, and recall against them |
//! | `disk`, `memory` | what the hardware allows, and what a process takes |
//! | `machine`, `timing`, `python`, `report` | where it ran, how long it took, how it is told |

mod commands;
mod contenders;
mod dataset;
mod disk;
mod encoders;
mod graph_engines;
mod judged_set;
mod load;
mod machine;
mod memory;
mod node;
mod node_process;
mod other_engines;
mod python;
mod report;
mod started_node;
mod timing;
mod truth;
mod workload;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::{
    commands::{
        by_filter, embed, embed_load, encode, exact_search, filter_index, hard_vectors, import,
        insert, keyword, keyword_quality, mlx_worker, restart, retrieval, search, search_pages,
        search_while_writing, tenants, tls, vector_index, vectors,
    },
    report::{OutputFormat, Verdict},
};

/// Measure AkiDB beside other engines, correctness with speed.
#[derive(Debug, Parser)]
#[command(name = "akidb-bench", version)]
struct Cli {
    /// How the report is written to stdout; progress goes to stderr
    #[arg(long, value_enum, default_value_t, global = true)]
    output: OutputFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a node and count, read and delete the documents of filters, a few of very many
    ByFilter(by_filter::Arguments),
    /// Embed texts with a running node, as fast as it answers
    Embed(embed::Arguments),
    /// Start a node and embed short texts at a given rate, with and without an import beside it
    EmbedLoad(embed_load::Arguments),
    /// Turn tokens into vectors, in this process, beside ONNX Runtime and bare matrix products
    Encode(encode::Arguments),
    /// Search every vector of a set, in this process, beside plain loops and other libraries
    ExactSearch(exact_search::Arguments),
    /// Find the documents that match filters, in this process, beside trying each document
    FilterIndex(filter_index::Arguments),
    /// Search vectors that codes tell apart with difficulty, in this process
    HardVectors(hard_vectors::Arguments),
    /// Import texts into a running node, again, and in batches one after the other
    Import(import::Arguments),
    /// Insert vectors into a running node, beside what its disk allows and other engines
    Insert(insert::Arguments),
    /// Search many texts by keyword, in this process, beside tantivy where it is built in
    Keyword(keyword::Arguments),
    /// Rank judged sets by keyword, in this process
    KeywordQuality(keyword_quality::Arguments),
    /// Embed single queries through the process that hosts MLX, beside the same in one process
    MlxWorker(mlx_worker::Arguments),
    /// Start a node over many vectors after a clean stop, after a crash, and without index files
    Restart(restart::Arguments),
    /// Start a node and rank judged sets by meaning, by words, and by both
    Retrieval(retrieval::Arguments),
    /// Search a running node by vector
    Search(search::Arguments),
    /// Start a node and ask for what stands on a page of a search: facets, an order, groups
    SearchPages(search_pages::Arguments),
    /// Search a running node by vector, alone and beside writers that run flat out
    SearchWhileWriting(search_while_writing::Arguments),
    /// Start a node with many small collections: time, memory, and disk given back
    Tenants(tenants::Arguments),
    /// Start nodes with and without keys and TLS, and search them in turn
    Tls(tls::Arguments),
    /// Search our graph of vectors, in this process, beside the graphs of others
    VectorIndex(vector_index::Arguments),
    /// Turn texts into a file of vectors, for vector-index
    Vectors(vectors::Arguments),
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let verdict = match &cli.command {
        Command::ByFilter(arguments) => report::publish(&by_filter::run(arguments)?, cli.output)?,
        Command::Embed(arguments) => report::publish(&embed::run(arguments)?, cli.output)?,
        Command::EmbedLoad(arguments) => report::publish(&embed_load::run(arguments)?, cli.output)?,
        Command::Encode(arguments) => report::publish(&encode::run(arguments)?, cli.output)?,
        Command::ExactSearch(arguments) => {
            report::publish(&exact_search::run(arguments)?, cli.output)?
        }
        Command::FilterIndex(arguments) => {
            report::publish(&filter_index::run(arguments)?, cli.output)?
        }
        Command::HardVectors(arguments) => {
            report::publish(&hard_vectors::run(arguments)?, cli.output)?
        }
        Command::Import(arguments) => report::publish(&import::run(arguments)?, cli.output)?,
        Command::Insert(arguments) => report::publish(&insert::run(arguments)?, cli.output)?,
        Command::Keyword(arguments) => report::publish(&keyword::run(arguments)?, cli.output)?,
        Command::KeywordQuality(arguments) => {
            report::publish(&keyword_quality::run(arguments)?, cli.output)?
        }
        Command::MlxWorker(arguments) => report::publish(&mlx_worker::run(arguments)?, cli.output)?,
        Command::Restart(arguments) => report::publish(&restart::run(arguments)?, cli.output)?,
        Command::Retrieval(arguments) => report::publish(&retrieval::run(arguments)?, cli.output)?,
        Command::SearchWhileWriting(arguments) => {
            report::publish(&search_while_writing::run(arguments)?, cli.output)?
        }
        Command::SearchPages(arguments) => {
            report::publish(&search_pages::run(arguments)?, cli.output)?
        }
        Command::Search(arguments) => report::publish(&search::run(arguments)?, cli.output)?,
        Command::Tenants(arguments) => report::publish(&tenants::run(arguments)?, cli.output)?,
        Command::Tls(arguments) => report::publish(&tls::run(arguments)?, cli.output)?,
        Command::VectorIndex(arguments) => {
            report::publish(&vector_index::run(arguments)?, cli.output)?
        }
        Command::Vectors(arguments) => report::publish(&vectors::run(arguments)?, cli.output)?,
    };
    Ok(match verdict {
        Verdict::Passed => ExitCode::SUCCESS,
        Verdict::Failed => ExitCode::FAILURE,
    })
}
