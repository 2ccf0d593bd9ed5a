//! `akidb rerank`: documents in the order in which they answer a query.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use akidb_client::{Client, Request, RequestError};
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::{
    embed::lines::{Format, Lines},
    show,
};
use crate::{
    connection::{NodeArgs, Opening, with_node},
    failure::{Failure, Result},
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::waiting,
};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb rerank --model ms-marco-minilm-l6-v2 'fast boats' 'A boat on a lake' 'A hydrofoil flies'
  $ cat answers.txt | akidb rerank --model ms-marco-minilm-l6-v2 'fast boats' --top-n 5
  $ akidb rerank --model ms-marco-minilm-l6-v2 'fast boats' --file answers.jsonl --output json")]
pub(crate) struct RerankArgs {
    /// What the documents are to answer
    query: String,
    /// The documents; without any, the texts of --file or of stdin
    #[arg(conflicts_with_all = ["file", "format"])]
    documents: Vec<String>,
    /// A re-ranker that is loaded
    #[arg(long, value_name = "NAME")]
    model: String,
    /// How many of the best to show; all if not given
    #[arg(long, value_name = "NUMBER")]
    top_n: Option<u64>,
    /// A file of documents, or - for stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// What a line is: lines is a text, jsonl a JSON string or an object {"text", "id"?}; jsonl if
    /// not given and the file's name ends with .jsonl or .ndjson
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    #[command(flatten)]
    node: NodeArgs,
}

/// The body of the request.
#[derive(Serialize)]
struct RerankRequest {
    model: String,
    query: String,
    documents: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_n: Option<u64>,
    return_documents: bool,
}

pub(crate) async fn run(
    args: RerankArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let RerankArgs { query, documents, model, top_n, file, format, node } = args;
    let documents = match documents.is_empty() {
        true => read(file.as_deref(), format)?,
        false => documents,
    };
    let request = RerankRequest { model, query, documents, top_n, return_documents: true };
    let opening = Opening::EXISTING.with_model();
    let reply = with_node(&node, configuration, opening, async |client| {
        waiting("reading the documents", send(client, &request)).await.map_err(Failure::from)
    })
    .await?;
    let fields = ["relevance_score", "logit", "index", "document.text"];
    printer.answer(&reply, || show::rows(&reply["results"], &fields))
}

async fn send(client: &Client, request: &RerankRequest) -> Result<Value, RequestError> {
    client.send(Request::post(&["v1", "rerank"]).json(request).repeatable()).await
}

/// The texts of a file or of stdin, one a line.
fn read(file: Option<&Path>, format: Option<Format>) -> Result<Vec<String>> {
    if file.is_none() && io::stdin().is_terminal() {
        return Err(Failure::usage("no documents are given")
            .hint("give them as arguments, with --file, or one a line on stdin"));
    }
    let path = file.unwrap_or(Path::new("-"));
    let mut lines = Lines::open(path, format.unwrap_or_else(|| Format::of(path)))?;
    let mut documents = Vec::new();
    while let Some(batch) = lines.next_batch(usize::MAX)? {
        documents.extend(batch.texts);
    }
    Ok(documents)
}
