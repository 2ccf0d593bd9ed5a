//! `akidb import`: the lines of a file to upserts, several at a time.
//!
//! What does not live here: reading lines ([`batches`]), sending them ([`sender`]), the progress
//! bar ([`progress`]). What a document may hold is the node's to check; its answer is turned back
//! into line numbers.

mod batches;
mod progress;
mod sender;

use std::{num::NonZeroUsize, path::PathBuf, thread, time::Instant};

use clap::Args;
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinSet};

use self::{
    batches::{BadLine, Batch, Batches, Input},
    progress::Progress,
    sender::{Refusal, Sender, Sent},
};
use crate::{
    client::Client,
    commands::show,
    connection::{NodeArgs, Opening, with_node},
    failure::{ExitStatus, Failure, Result},
    printer::Printer,
    settings::ConfigurationArgs,
};

/// Batches that are read ahead of those in flight.
const BATCHES_READ_AHEAD: usize = 2;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb import films films.jsonl
  $ zcat films.jsonl.gz | akidb import films - --skip-bad-lines

Each line is an object {\"id\"?, \"text\"?, \"vector\"?, \"metadata\"?}. A batch is stored whole or
not at all. Batches in flight may pass each other: where an id stands twice in the file, give
--in-flight 1 to let the last line win. With ids an import can be run again without harm.")]
pub(crate) struct ImportArgs {
    /// The collection, which must exist
    #[arg(value_name = "COLLECTION")]
    collection: String,
    /// A file of JSON Lines, or - for stdin
    #[arg(value_name = "FILE")]
    input: PathBuf,
    #[command(flatten)]
    pace: Pace,
    /// Leave out bad lines and go on; without it nothing of a batch with a bad line is stored
    #[arg(long)]
    skip_bad_lines: bool,
    #[command(flatten)]
    node: NodeArgs,
}

/// How much is sent at once.
#[derive(Args, Clone, Copy, Debug)]
struct Pace {
    /// Documents in one request
    #[arg(long, value_name = "NUMBER", default_value = "64")]
    batch_size: NonZeroUsize,
    /// Requests under way at the same time
    #[arg(long, value_name = "NUMBER", default_value = "4")]
    in_flight: NonZeroUsize,
}

/// What is done with lines that cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnBadLine {
    Stop,
    Skip,
}

pub(crate) async fn run(
    args: ImportArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let input = Input::open(&args.input)?;
    let opening = Opening::EXISTING.with_model();
    let summary = with_node(&args.node, configuration, opening, async |client| {
        import(client, input, &args, printer).await
    })
    .await?;
    let summary = summary.as_json();
    printer.answer(&summary, || show::properties(&summary))
}

async fn import(
    client: &Client,
    input: Input,
    args: &ImportArgs,
    printer: Printer,
) -> Result<Summary> {
    // A node that is not there or a mistyped collection is said at once, not after the retries.
    client.get(&["v1", "collections", &args.collection]).await?;
    let on_bad_line = if args.skip_bad_lines { OnBadLine::Skip } else { OnBadLine::Stop };
    let mut import = Import {
        sender: Sender::new(client.clone(), args.collection.clone(), on_bad_line),
        on_bad_line,
        progress: Progress::new(input.bytes),
        printer,
        running: JoinSet::new(),
        summary: Summary::new(),
    };
    let outcome = import.store(read_ahead(input, args.pace)?, args.pace.in_flight.get()).await;
    import.progress.finish();
    match outcome {
        Ok(()) => Ok(import.summary),
        Err(failure) => {
            printer.note(format_args!("stored {} before it stopped", import.summary.documents()));
            Err(failure)
        }
    }
}

/// Reads on a thread of its own, which a silent stdin may block for as long as it likes.
fn read_ahead(input: Input, pace: Pace) -> Result<mpsc::Receiver<Result<Batch>>> {
    let (sender, receiver) = mpsc::channel(BATCHES_READ_AHEAD);
    let batches = Batches::new(input, pace.batch_size.get());
    let read = move || {
        for batch in batches {
            if sender.blocking_send(batch).is_err() {
                break;
            }
        }
    };
    thread::Builder::new()
        .name("import-reader".to_owned())
        .spawn(read)
        .map_err(|error| Failure::io("cannot start a thread", &error))?;
    Ok(receiver)
}

/// An import under way.
struct Import {
    sender: Sender,
    on_bad_line: OnBadLine,
    progress: Progress,
    printer: Printer,
    running: JoinSet<Result<Sent, Refusal>>,
    summary: Summary,
}

impl Import {
    /// Sends batches as they are read. After a fault nothing more is sent, and what is in flight
    /// is waited for, so that the summary is true.
    async fn store(
        &mut self,
        mut batches: mpsc::Receiver<Result<Batch>>,
        in_flight_max: usize,
    ) -> Result {
        let mut outcome = Ok(());
        while outcome.is_ok() {
            let Some(batch) = batches.recv().await else {
                break;
            };
            outcome = batch.and_then(|batch| self.start(batch));
            while outcome.is_ok() && self.running.len() >= in_flight_max {
                outcome = self.finish_one().await;
            }
        }
        while !self.running.is_empty() {
            outcome = outcome.and(self.finish_one().await);
        }
        outcome
    }

    fn start(&mut self, batch: Batch) -> Result {
        self.report(&batch.bad);
        match self.on_bad_line {
            OnBadLine::Stop if !batch.bad.is_empty() => {
                let count = batch.bad.len();
                return Err(Failure::new(ExitStatus::FAILURE, format!("{count} bad lines"))
                    .hint("correct them, or leave them out with --skip-bad-lines"));
            }
            _ => self.summary.skipped += batch.bad.len() as u64,
        }
        if batch.lines.is_empty() {
            self.progress.add(batch.bytes, self.summary.stored());
        } else {
            let sender = self.sender.clone();
            self.running.spawn(async move { sender.send(batch).await });
        }
        Ok(())
    }

    async fn finish_one(&mut self) -> Result {
        match self.running.join_next().await {
            None => Ok(()),
            Some(Ok(Ok(sent))) => {
                self.report(&sent.skipped);
                self.summary.add(&sent);
                self.progress.add(sent.bytes, self.summary.stored());
                Ok(())
            }
            Some(Ok(Err(refusal))) => {
                self.report(&refusal.bad);
                Err(refusal.failure)
            }
            Some(Err(error)) => {
                Err(Failure::new(ExitStatus::FAILURE, format!("a request was lost: {error}")))
            }
        }
    }

    fn report(&self, bad: &[BadLine]) {
        self.progress.suspend(|| {
            for line in bad {
                self.printer.warning(format_args!("line {}: {}", line.number, line.reason));
            }
        });
    }
}

/// What an import did.
struct Summary {
    started: Instant,
    created: u64,
    updated: u64,
    skipped: u64,
}

impl Summary {
    fn new() -> Self {
        Self { started: Instant::now(), created: 0, updated: 0, skipped: 0 }
    }

    fn add(&mut self, sent: &Sent) {
        self.created += sent.created;
        self.updated += sent.updated;
        self.skipped += sent.skipped.len() as u64;
    }

    const fn stored(&self) -> u64 {
        self.created + self.updated
    }

    fn documents(&self) -> String {
        format!("{} documents", self.stored())
    }

    fn as_json(&self) -> Value {
        json!({
            "created": self.created,
            "updated": self.updated,
            "skipped_lines": self.skipped,
            "took_ms": u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }
}
