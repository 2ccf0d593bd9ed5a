//! `akidb embed`

use std::io::{self, BufRead, IsTerminal};

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    client::Client,
    connection::{NodeArgs, Opening, with_node},
    failure::{Failure, Result},
    printer::{self, Printer},
    settings::ConfigurationArgs,
};

/// Texts in one request: `limits.embed_texts` as it is by default.
const TEXTS_PER_REQUEST: usize = 32;
/// Values shown of each vector in a table.
const VALUES_SHOWN: usize = 4;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb embed 'a ship meets an iceberg' --output json
  $ cat questions.txt | akidb embed --input-type query --output json")]
pub(crate) struct EmbedArgs {
    /// The texts; without any, every line of stdin is one
    texts: Vec<String>,
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
    let texts = if args.texts.is_empty() { lines_of_stdin()? } else { args.texts };
    let opening = Opening::EXISTING.with_model();
    let reply = with_node(&args.node, configuration, opening, async |client| {
        embed(client, &texts, &args.options).await
    })
    .await?;
    printer.answer(&reply, || vectors_table(&texts, &reply["embeddings"]))
}

fn lines_of_stdin() -> Result<Vec<String>> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::usage("no texts are given")
            .hint("give them as arguments, or one a line on stdin"));
    }
    let lines: io::Result<Vec<_>> = stdin.lock().lines().collect();
    let lines = lines.map_err(|error| Failure::io("cannot read stdin", &error))?;
    if lines.is_empty() {
        return Err(Failure::usage("stdin is empty, expected one text a line"));
    }
    Ok(lines)
}

/// Embeds all texts and answers as if it had been one request.
async fn embed(client: &Client, texts: &[String], options: &EmbedOptions) -> Result<Value> {
    let mut whole = Value::Null;
    for (chunk, texts) in texts.chunks(TEXTS_PER_REQUEST).enumerate() {
        let reply = client.post(&["embed"], &EmbedRequest { texts, options }).await?;
        append(&mut whole, reply, chunk * TEXTS_PER_REQUEST);
    }
    Ok(whole)
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
    for sum in ["total_tokens", "duration_ms"] {
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

fn vectors_table(texts: &[String], embeddings: &Value) -> comfy_table::Table {
    let mut table = printer::table(["text", "dimension", "values"]);
    for (text, embedding) in texts.iter().zip(embeddings.as_array().into_iter().flatten()) {
        let values = embedding["values"].as_array().map(Vec::as_slice).unwrap_or_default();
        let shown: Vec<String> = values
            .iter()
            .take(VALUES_SHOWN)
            .map(|value| format!("{:.4}", value.as_f64().unwrap_or_default()))
            .collect();
        let more = if values.len() > VALUES_SHOWN { " …" } else { "" };
        let text = super::show::cell(&Value::String(text.clone()));
        table.add_row([text, values.len().to_string(), format!("{}{more}", shown.join(" "))]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_join_to_one() {
        let reply = |value: f32, tokens: u64| {
            json!({"embeddings": [{"values": [value]}], "model": "m", "dimension": 1,
                "usage": {"total_tokens": tokens, "duration_ms": 1.5}, "truncated": [0]})
        };
        let mut whole = Value::Null;
        append(&mut whole, reply(0.5, 3), 0);
        append(&mut whole, reply(0.25, 4), 32);
        assert_eq!(whole["embeddings"], json!([{"values": [0.5]}, {"values": [0.25]}]));
        assert_eq!(whole["usage"], json!({"total_tokens": 7, "duration_ms": 3.0}));
        assert_eq!(whole["truncated"], json!([0, 32]));
    }
}
