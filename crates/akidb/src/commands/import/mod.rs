//! `akidb import`: a file to the import route of a node, as fast as the node takes it.
//!
//! What does not live here: reading the file ([`input`]), the list of failed lines ([`failed`]),
//! the progress bar ([`progress`]). What a line may hold is the node's to say.

mod failed;
mod input;
mod progress;

use std::{path::PathBuf, time::Instant};

use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::{Value, json};

use self::{failed::FailedLines, input::Input, progress::Progress};
use crate::{
    client::{AnswerLines, Client, NodeError, RequestError, retrying},
    commands::{file_kind, nearest, show},
    connection::{NodeArgs, Opening, with_node},
    failure::{ExitStatus, Failure, Result},
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::waiting,
};

/// Under this key a line without an id gets the same one in every run.
const KEY: &str = "akidb-import";

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb import films films.jsonl
  $ zcat films.jsonl.gz | akidb import films - --errors failed.jsonl

Each line is an object {\"id\"?, \"text\"?, \"vector\"?, \"metadata\"?, \"if_seq\"?}. A line that is not good is
left out and listed at the end, and the exit code is 1 then. Of two lines with one id the last one
wins. Ctrl-C ends an import at once; what was stored stays, and the same import run again does not
embed it a second time.")]
pub(crate) struct ImportArgs {
    /// The collection, which must exist
    #[arg(value_name = "COLLECTION")]
    collection: String,
    /// A file of JSON Lines, or - for stdin
    #[arg(value_name = "FILE")]
    input: PathBuf,
    /// Write failed lines to this file, as JSON Lines with number and reason
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
    /// Give lines without an id a new one in each run; without this the same text, vector and
    /// metadata make the same id, so that another run stores nothing twice
    #[arg(long)]
    new_ids: bool,
    /// What a line may do: make documents and replace them, only make them, or only replace them. One
    /// that is not so is left out, as a bad one is
    #[arg(long, value_enum, default_value_t, value_name = "MODE")]
    mode: Mode,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Mode {
    #[default]
    Upsert,
    Create,
    Update,
}

impl Mode {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Upsert => "upsert",
            Self::Create => "create",
            Self::Update => "update",
        }
    }
}

pub(crate) async fn run(
    args: ImportArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let again = format!("akidb import {} -", args.collection);
    file_kind::refuse_other_kinds(&args.input, &again)?;
    let input = Input::open(&args.input)?;
    let failed = FailedLines::new(args.errors.as_deref())?;
    let opening = opening(&args, configuration).await?;
    with_node(&args.node, configuration, opening, async |client| {
        wait_for_collection(client, &args.collection).await?;
        let body = input.start()?;
        let key = (!args.new_ids).then_some(KEY);
        let path = ["v1", "collections", &args.collection, "import"];
        let progress = Progress::new(body.bytes);
        let answers = client.upload(&path, body.stream, (key, args.mode.as_str()));
        let mut import = Import { progress, failed, counts: Counts::new() };
        let end = tokio::select! {
            end = import.follow(answers, &body.position) => end,
            _ = tokio::signal::ctrl_c() => Ok(End::Interrupted),
        };
        import.progress.finish();
        // An input that fails takes the connection with it.
        match (end, body.position.failure()) {
            (Ok(End::BrokeOff(_)), Some(failure)) => import.report(End::BrokeOff(failure), printer),
            (Ok(end), _) => import.report(end, printer),
            (Err(_), Some(failure)) | (Err(failure), None) => Err(failure),
        }
    })
    .await
}

/// A model is loaded only for a collection that has one: vectors are imported where none is installed.
async fn opening(args: &ImportArgs, configuration: &ConfigurationArgs) -> Result<Opening> {
    if !args.node.opens_data() {
        return Ok(Opening::EXISTING);
    }
    let path = ["v1", "collections", &args.collection];
    let collection = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        nearest::explain(client, &args.collection, client.get(&path).await).await
    })
    .await?;
    let has_model = !collection["model"].is_null();
    Ok(if has_model { Opening::EXISTING.with_model() } else { Opening::EXISTING })
}

/// A node that is not there and a mistyped collection are told at once, a busy node is waited for.
async fn wait_for_collection(client: &Client, collection: &str) -> Result {
    let path = ["v1", "collections", collection];
    match client.get(&path).await {
        Err(RequestError::Node(error)) if error.retryable => {
            waiting("waiting for a busy node", retrying(|| client.get(&path))).await?;
        }
        outcome => drop(nearest::explain(client, collection, outcome).await?),
    }
    Ok(())
}

/// An import under way.
struct Import {
    progress: Progress,
    failed: FailedLines,
    counts: Counts,
}

/// How an import ended, once the node had begun it.
enum End {
    Whole,
    /// The node gave a reason.
    Stopped(NodeError),
    /// The answer is not whole.
    BrokeOff(Failure),
    Interrupted,
}

/// A line of the answer.
#[derive(Deserialize)]
struct Answer {
    line: Option<u64>,
    status: Option<String>,
    tokens: Option<u64>,
    error: Option<NodeError>,
    summary: Option<Value>,
}

impl Import {
    /// Reads answers until the summary. An error is one before the import has begun.
    async fn follow(
        &mut self,
        answers: impl Future<Output = Result<AnswerLines, RequestError>>,
        position: &input::Position,
    ) -> Result<End> {
        let mut answers = answers.await?;
        loop {
            let line = match answers.next().await {
                Ok(Some(line)) => line,
                Ok(None) => return Ok(End::BrokeOff(broke_off())),
                Err(error) => return Ok(End::BrokeOff(error.into())),
            };
            let answer: Answer = serde_json::from_slice(&line).map_err(|error| {
                Failure::new(ExitStatus::FAILURE, format!("the answer is not JSON: {error}"))
                    .hint("does --url name the REST address of an AkiDB node?")
            })?;
            if answer.summary.is_some() {
                return Ok(answer.error.map_or(End::Whole, End::Stopped));
            }
            let number = answer.line.unwrap_or_default();
            self.counts.add(&answer);
            if let Some(error) = answer.error {
                self.failed.add(number, &error, &line)?;
            }
            self.progress.show(position.bytes_at(number), &self.counts);
        }
    }

    /// Tells what was done, and fails where that is not all.
    fn report(mut self, end: End, printer: Printer) -> Result {
        self.failed.report(printer)?;
        let answer = self.counts.as_json(matches!(end, End::Whole));
        printer.answer(&answer, || show::properties(&answer))?;
        let again = "run it again; what is stored is not embedded a second time";
        match end {
            End::Whole if self.counts.failed == 0 => Ok(()),
            End::Whole => {
                let Counts { failed, lines, .. } = self.counts;
                let message = format!("{failed} of {lines} lines failed");
                Err(Failure::new(ExitStatus::FAILURE, message)
                    .hint("mend these lines and import the file again; --errors FILE keeps them"))
            }
            End::Stopped(error) => Err(error.into()),
            End::BrokeOff(failure) => Err(failure.hint(again)),
            End::Interrupted => {
                Err(Failure::new(ExitStatus::INTERRUPTED, "interrupted").hint(again))
            }
        }
    }
}

/// What the node has acknowledged.
struct Counts {
    started: Instant,
    lines: u64,
    created: u64,
    updated: u64,
    failed: u64,
    tokens: u64,
}

impl Counts {
    fn new() -> Self {
        Self { started: Instant::now(), lines: 0, created: 0, updated: 0, failed: 0, tokens: 0 }
    }

    fn add(&mut self, answer: &Answer) {
        self.lines += 1;
        self.tokens += answer.tokens.unwrap_or_default();
        match answer.status.as_deref() {
            Some("created") => self.created += 1,
            Some(_) => self.updated += 1,
            None => self.failed += 1,
        }
    }

    const fn stored(&self) -> u64 {
        self.created + self.updated
    }

    fn as_json(&self, complete: bool) -> Value {
        let seconds = self.started.elapsed().as_secs_f64();
        json!({
            "lines": self.lines,
            "created": self.created,
            "updated": self.updated,
            "failed": self.failed,
            "tokens": self.tokens,
            "documents_per_second": (self.stored() as f64 / seconds.max(1e-3)).round(),
            "took_ms": (seconds * 1e3).round(),
            "complete": complete,
        })
    }
}

fn broke_off() -> Failure {
    Failure::new(ExitStatus::IO, "the answer of the node broke off")
}
