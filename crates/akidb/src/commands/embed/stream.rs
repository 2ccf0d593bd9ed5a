//! Batches of lines to vectors, written in the order of the lines as they come.

use std::thread;

use akidb_client::{Client, NodeError, RequestError};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{
    EmbedArgs, EmbedRequest, check_node,
    lines::{Batch, Lines},
    progress::Progress,
    send,
    vectors::{Told, VectorWriter},
};
use crate::{
    failure::{Failure, Result},
    printer::{Printer, Reader},
};

/// Batches that are read ahead of those in flight.
const BATCHES_READ_AHEAD: usize = 2;
/// Requests under way at once, so that the model always has the next texts.
const IN_FLIGHT: usize = 2;

/// Embeds all lines, until nobody reads the vectors any more.
pub(super) async fn embed(
    client: &Client,
    lines: Lines,
    args: &EmbedArgs,
    printer: Printer,
) -> Result {
    let progress = Progress::new(lines.bytes);
    let outcome = embed_all(client, lines, args, printer, &progress).await;
    progress.finish();
    let Told { truncated, tokens, unknown_tokens } = outcome?;
    if truncated > 0 {
        let what = "texts were longer than the model's window and were cut";
        printer.warning(format_args!("{truncated} {what}"));
    }
    if unknown_tokens > 0 {
        let what = "tokens stand for something that the model does not know";
        printer.warning(format_args!("{unknown_tokens} of {tokens} {what}"));
    }
    Ok(())
}

async fn embed_all(
    client: &Client,
    lines: Lines,
    args: &EmbedArgs,
    printer: Printer,
    progress: &Progress,
) -> Result<Told> {
    check_node(client).await?;
    let mut writer = VectorWriter::new(printer);
    let batches = read_ahead(lines, args.batch_size.get())?;
    let batches =
        stream::unfold(batches, async |mut batches| Some((batches.recv().await?, batches)));
    let replies = batches
        .map(|batch| async move { answered(client, batch?, args, printer).await })
        .buffered(IN_FLIGHT);
    let mut replies = std::pin::pin!(replies);
    while let Some((batch, reply)) = replies.try_next().await? {
        let texts = batch.texts.len() as u64;
        let reader = progress.suspend(|| writer.write(&batch, &reply))?;
        if reader == Reader::Gone {
            break;
        }
        progress.add(batch.bytes, texts);
    }
    Ok(writer.told)
}

/// Reads on a thread of its own, which a silent stdin may block for as long as it likes.
fn read_ahead(mut lines: Lines, batch_size: usize) -> Result<mpsc::Receiver<Result<Batch>>> {
    let (sender, receiver) = mpsc::channel(BATCHES_READ_AHEAD);
    let read = move || {
        while let Some(batch) = lines.next_batch(batch_size).transpose() {
            let has_failed = batch.is_err();
            if sender.blocking_send(batch).is_err() || has_failed {
                break;
            }
        }
    };
    thread::Builder::new()
        .name("embed-reader".to_owned())
        .spawn(read)
        .map_err(|error| Failure::io("cannot start a thread", &error))?;
    Ok(receiver)
}

async fn answered(
    client: &Client,
    batch: Batch,
    args: &EmbedArgs,
    printer: Printer,
) -> Result<(Batch, Value)> {
    if batch.texts.is_empty() {
        return Ok((batch, Value::Null));
    }
    let request = EmbedRequest { texts: &batch.texts, options: &args.options };
    match send(client, &request).await {
        Ok(reply) => Ok((batch, reply)),
        Err(RequestError::Node(error)) => Err(at_lines(error, &batch, printer)),
        Err(error) => Err(error.into()),
    }
}

/// Tells which lines a node refused, which knows them as `texts[3]`.
fn at_lines(error: NodeError, batch: &Batch, printer: Printer) -> Failure {
    for violation in &error.violations {
        let index = violation.field.strip_prefix("texts[").and_then(|rest| rest.strip_suffix(']'));
        let origin = index.and_then(|index| batch.origins.get(index.parse::<usize>().ok()?));
        if let Some(origin) = origin {
            printer.warning(format_args!("line {}: {}", origin.line, violation.description));
        }
    }
    let is_batch_size = error.violations.first().is_some_and(|first| first.field == "texts");
    let failure = Failure::from(error);
    if is_batch_size { failure.hint("give a smaller --batch-size") } else { failure }
}
