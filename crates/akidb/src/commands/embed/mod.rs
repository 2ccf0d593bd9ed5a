//! `akidb embed`: texts to vectors, from arguments, a file or stdin.
//!
//! Out of scope: reading lines ([`lines`]), what is written of them ([`vectors`]), the progress bar
//! ([`progress`]). What a text may be is the node's to check.

pub(super) mod lines;
mod progress;
mod stream;
mod vectors;

use std::{
    io::{self, IsTerminal},
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use akidb_client::{Client, Request, RequestError, Retries};
use akidb_service::{Pooling, Truncate};
use clap::{Args, ValueEnum, builder::PossibleValuesParser};
use serde::Serialize;
use serde_json::{Value, json};

use self::lines::{Format, Lines};
use crate::{
    commands::file_kind,
    connection::{NodeArgs, Opening, with_node},
    failure::{Failure, Result},
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::waiting,
};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb embed 'a ship meets an iceberg' --output json
  $ cat questions.txt | akidb embed --input-type query --output json
  $ akidb embed --file films.jsonl --dimensions 128 --output json

With --output json, texts of the command line are answered with one object, as POST /embed answers;
each text of a file or of stdin with a line {\"line\", \"id\"?, \"values\", \"truncated\"}, in order.")]
pub(crate) struct EmbedArgs {
    /// The texts; without any, those of --file or of stdin
    #[arg(conflicts_with_all = ["file", "format"])]
    texts: Vec<String>,
    /// A file of texts, or - for stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// What a line is: lines is a text, jsonl a JSON string or an object {"text", "id"?}; jsonl if
    /// not given and the file's name ends with .jsonl or .ndjson
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// Texts in one request, which the node limits with limits.embed_texts
    #[arg(long, value_name = "NUMBER", default_value = "32")]
    batch_size: NonZeroUsize,
    #[command(flatten)]
    options: EmbedOptions,
    #[command(flatten)]
    node: NodeArgs,
}

/// The body of the request, but for the texts.
#[derive(Args, Clone, Debug, Serialize)]
struct EmbedOptions {
    /// A model; the node's own if not given
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// What the texts are for; chooses the prompt of models that have some
    #[arg(long, value_enum, value_name = "TYPE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    input_type: Option<InputType>,
    /// How many of the first values of each vector to keep; all if not given
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u64>,
    /// What to do with texts that are longer than the model's window: refuse them, or cut off
    /// their end or start; end if not given
    #[arg(long, value_name = "SIDE", value_parser = PossibleValuesParser::new(Truncate::ALL.map(Truncate::as_str)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    truncate: Option<String>,
    /// How tokens become one vector; the model's own way if not given
    #[arg(long, value_name = "WAY", value_parser = PossibleValuesParser::new(Pooling::ALL.map(Pooling::as_str)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pooling: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum InputType {
    Query,
    Document,
}

/// The body of the request.
#[derive(Serialize)]
struct EmbedRequest<'a> {
    texts: &'a [String],
    #[serde(flatten)]
    options: &'a EmbedOptions,
}

pub(crate) async fn run(
    args: EmbedArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let opening = Opening::EXISTING.with_model();
    if !args.texts.is_empty() {
        let reply = with_node(&args.node, configuration, opening, async |client| {
            waiting("embedding the texts", embed(client, &args)).await
        })
        .await?;
        return printer.answer(&reply, || vectors::table(&args.texts, &reply["embeddings"]));
    }
    let lines = open(&args)?;
    with_node(&args.node, configuration, opening, async |client| {
        stream::embed(client, lines, &args, printer).await
    })
    .await
}

fn open(args: &EmbedArgs) -> Result<Lines> {
    let stdin = Path::new("-");
    let path = args.file.as_deref().unwrap_or(stdin);
    if args.file.is_none() && io::stdin().is_terminal() {
        return Err(Failure::usage("no texts are given")
            .hint("give them as arguments, with --file, or one a line on stdin"));
    }
    let format = args.format.unwrap_or_else(|| Format::of(path));
    // A line of text may begin with a bracket, one of JSON Lines never does.
    if format == Format::Jsonl {
        file_kind::refuse_other_kinds(path, "akidb embed --format jsonl")?;
    }
    Lines::open(path, format)
}

/// A node that is not there is said at once, not after the retries.
async fn check_node(client: &Client) -> Result {
    client.send::<Value>(Request::get(&["health"])).await?;
    Ok(())
}

/// Embeds the texts of the command line and answers as if it had been one request.
async fn embed(client: &Client, args: &EmbedArgs) -> Result<Value> {
    check_node(client).await?;
    let mut whole = Value::Null;
    for (chunk, texts) in args.texts.chunks(args.batch_size.get()).enumerate() {
        let request = EmbedRequest { texts, options: &args.options };
        let reply = send(client, &request).await?;
        append(&mut whole, reply, chunk * args.batch_size.get());
    }
    Ok(whole)
}

/// Sends texts to a node that may be busy.
async fn send(client: &Client, request: &EmbedRequest<'_>) -> Result<Value, RequestError> {
    let client = client.clone().with_retries(Retries::PATIENT);
    client.send(Request::post(&["embed"]).json(request).repeatable()).await
}

/// Adds the reply for texts `offset` and following to `whole`.
fn append(whole: &mut Value, mut reply: Value, offset: usize) {
    if let Some(indices) = reply["truncated"].as_array_mut() {
        for index in indices {
            *index = json!(index.as_u64().unwrap_or_default() + offset as u64);
        }
    }
    if whole.is_null() {
        *whole = reply;
        return;
    }
    for list in ["embeddings", "truncated"] {
        if let (Some(all), Some(more)) = (whole[list].as_array_mut(), reply[list].as_array_mut()) {
            all.append(more);
        }
    }
    for sum in ["total_tokens", "unknown_tokens", "duration_ms"] {
        let number = |reply: &Value| reply["usage"][sum].as_number().cloned();
        if let (Some(all), Some(more)) = (number(whole), number(&reply)) {
            whole["usage"][sum] = added(&all, &more);
        }
    }
}

fn added(a: &serde_json::Number, b: &serde_json::Number) -> Value {
    match (a.as_u64(), b.as_u64()) {
        (Some(a), Some(b)) => json!(a + b),
        _ => json!(a.as_f64().unwrap_or_default() + b.as_f64().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_join_to_one() {
        let reply = |value: f32, tokens: u64| {
            json!({"embeddings": [{"values": [value]}], "model": "m", "dimension": 1,
                "usage": {"total_tokens": tokens, "unknown_tokens": 1, "duration_ms": 1.5},
                "truncated": [0]})
        };
        let mut whole = Value::Null;
        append(&mut whole, reply(0.5, 3), 0);
        append(&mut whole, reply(0.25, 4), 32);
        assert_eq!(whole["embeddings"], json!([{"values": [0.5]}, {"values": [0.25]}]));
        let usage = json!({"total_tokens": 7, "unknown_tokens": 2, "duration_ms": 3.0});
        assert_eq!(whole["usage"], usage);
        assert_eq!(whole["truncated"], json!([0, 32]));
    }
}
