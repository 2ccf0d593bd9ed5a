//! `akidb import`: a file to the import route of a node, as fast as the node takes it.
//!
//! Out of scope: what the file is ([`format`](mod@format)), reading it ([`input`]), what is on its
//! way ([`sent`]), the failed lines ([`failed`]), the progress bar ([`progress`]). What a line may
//! hold is the node's to say.

mod failed;
mod format;
mod input;
mod progress;
mod sent;

use std::{path::PathBuf, time::Instant};

use akidb_client::{AnswerLines, Client, NodeError, Request, RequestError, Retries};
use akidb_rest::ImportFormat;
use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::{Value, json};

use self::{
    failed::FailedLines,
    input::{Input, Known},
    progress::Progress,
    sent::Sent,
};
use crate::{
    commands::{nearest, show},
    connection::{NodeArgs, Opening, with_node},
    failure::{ExitStatus, Failure, Result},
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::waiting,
};

/// Under this key a line without an id gets the same one in every run.
const KEY: &str = "akidb-import";

/// Lines after which a file of which none is a document is of another kind.
const JUDGED_LINES: u64 = 100;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb import films films.jsonl.gz
  $ akidb import films films.csv --id-field imdb --text-field plot --metadata year,genre
  $ curl -s https://example.org/films.json | akidb import films - --errors failed.jsonl
  $ akidb import films failed.jsonl

JSON Lines, one JSON list, or CSV with a header; gzip and zstd are decompressed. What a file is, is
seen by its name and beginning. Each document is an object {\"id\"?, \"text\"?, \"vector\"?, \"metadata\"?, \"if_seq\"?, \"expires_at\"?},
unless --id-field, --text-field and --metadata say which fields are what; the columns of CSV that are
neither id, text nor vector are metadata.

A line that is not good is left out and listed at the end, and the exit code is 1 then. A file of
which nothing is good is given up early. Of two lines with one id the last one wins. Ctrl-C ends an
import at once; what was stored stays, and the same import run again does not embed it a second time.")]
pub(crate) struct ImportArgs {
    /// The collection, which must exist
    #[arg(value_name = "COLLECTION")]
    collection: String,
    /// A file, or - for stdin
    #[arg(value_name = "FILE")]
    input: PathBuf,
    /// What the file is: jsonl, json (one list) or csv. By default what it looks like
    #[arg(long, value_name = "FORMAT")]
    format: Option<ImportFormat>,
    /// The field or column that holds the id [default: id]
    #[arg(long, value_name = "FIELD")]
    id_field: Option<String>,
    /// The field or column that holds the text [default: text]
    #[arg(long, value_name = "FIELD")]
    text_field: Option<String>,
    /// The fields or columns that are metadata, with commas between them. Where another field is
    /// named, and of CSV, all others are by default
    #[arg(long, value_name = "FIELDS")]
    metadata: Option<String>,
    /// Write failed lines to this file, as they are, to be mended and imported, and why each failed to
    /// FILE.reasons
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
    let input = Input::open(&args.input)?;
    let failed = FailedLines::new(args.errors.as_deref(), &args.input)?;
    let opening = opening(&args, configuration).await?;
    with_node(&args.node, configuration, opening, async |client| {
        wait_for_collection(client, &args.collection).await?;
        let known = look(input, &args).await?;
        let format = known.format;
        let body = known.start(failed.wants_documents())?;
        let progress = Progress::new(body.bytes);
        let answers = client.upload(args.request(), format.media_type(), body.stream);
        let first = None;
        let mut import = Import { format, progress, failed, counts: Counts::new(), first };
        let end = tokio::select! {
            end = import.follow(answers, &body.sent) => end,
            _ = tokio::signal::ctrl_c() => Ok(End::Interrupted),
        };
        import.progress.finish();
        // An input that fails takes the connection with it.
        match (end, body.sent.failure()) {
            (Ok(End::BrokeOff(_)), Some(failure)) => import.report(End::BrokeOff(failure), printer),
            (Ok(end), _) => import.report(end, printer),
            (Err(_), Some(failure)) | (Err(failure), None) => Err(failure),
        }
    })
    .await
}

impl ImportArgs {
    /// What the node is told besides the documents.
    fn request(&self) -> Request {
        let request = Request::post(&["v1", "collections", &self.collection, "import"]);
        let request = if self.new_ids { request } else { request.header("idempotency-key", KEY) };
        let given = [
            ("id_field", &self.id_field),
            ("text_field", &self.text_field),
            ("metadata", &self.metadata),
        ];
        let given = given.into_iter().filter_map(|(name, field)| Some((name, field.as_deref()?)));
        let given = given.chain([("mode", self.mode.as_str())]);
        given.fold(request, |request, (name, value)| request.query(name, value))
    }
}

/// Waits for the beginning of the input, on a thread that may wait.
async fn look(input: Input, args: &ImportArgs) -> Result<Known> {
    let (asked, text) = (args.format, args.text_field.clone());
    let is_column =
        move |column: &str| column == text.as_deref().unwrap_or("text") || column == "vector";
    let looked = tokio::task::spawn_blocking(move || input.look(asked, is_column)).await;
    looked.unwrap_or_else(|error| {
        Err(Failure::new(ExitStatus::FAILURE, format!("reading was cut short: {error}")))
    })
}

/// A model is loaded only for a collection that has one: vectors are imported where none is installed.
async fn opening(args: &ImportArgs, configuration: &ConfigurationArgs) -> Result<Opening> {
    if !args.node.opens_data() {
        return Ok(Opening::EXISTING);
    }
    let path = ["v1", "collections", &args.collection];
    let collection = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        nearest::explain(client, &args.collection, client.send(Request::get(&path)).await).await
    })
    .await?;
    let has_model = !collection["model"].is_null();
    Ok(if has_model { Opening::EXISTING.with_model() } else { Opening::EXISTING })
}

/// A node that is not there and a mistyped collection are told at once, a busy node is waited for.
async fn wait_for_collection(client: &Client, collection: &str) -> Result {
    let path = ["v1", "collections", collection];
    match client.send(Request::get(&path)).await {
        Err(RequestError::Node(error)) if error.retryable => {
            let client = client.clone().with_retries(Retries::PATIENT);
            let asked = client.send::<Value>(Request::get(&path));
            waiting("waiting for a busy node", asked).await?;
        }
        outcome => drop(nearest::explain(client, collection, outcome).await?),
    }
    Ok(())
}

/// An import under way.
struct Import {
    format: ImportFormat,
    progress: Progress,
    failed: FailedLines,
    counts: Counts,
    /// The first line that failed, as long as all others have failed in the same way.
    first: Option<(u64, NodeError)>,
}

/// How an import ended, once the node had begun it.
enum End {
    Whole,
    /// No line was a document, so the others are not sent.
    OfAnotherKind,
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
    unknown_tokens: Option<u64>,
    error: Option<NodeError>,
    summary: Option<Value>,
}

impl Import {
    /// Reads answers until the summary. An error is one before the import has begun.
    async fn follow(
        &mut self,
        answers: impl Future<Output = Result<AnswerLines, RequestError>>,
        sent: &Sent,
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
            let document = sent.acknowledge(number);
            if let Some(error) = answer.error {
                let input = (self.format, sent);
                self.failed.add(number, &error, &line, document.as_deref(), input)?;
                self.note(number, error);
                if self.counts.failed >= JUDGED_LINES && self.is_of_another_kind() {
                    return Ok(End::OfAnotherKind);
                }
            }
            self.progress.show(sent.acknowledged_bytes(), &self.counts);
        }
    }

    /// Keeps the first failure as long as others are like it.
    fn note(&mut self, number: u64, error: NodeError) {
        match &self.first {
            None if self.counts.failed == 1 => self.first = Some((number, error)),
            Some((_, first)) if first.code != error.code => self.first = None,
            _ => {}
        }
    }

    /// Whether every line has failed in the same way, and in one that is of the file as a whole.
    fn is_of_another_kind(&self) -> bool {
        const OF_THE_WHOLE: [&str; 3] =
            ["malformed_request", "unknown_field", "dimension_mismatch"];
        let is_it = |(_, error): &(u64, NodeError)| OF_THE_WHOLE.contains(&&*error.code);
        self.counts.stored() == 0 && self.first.as_ref().is_some_and(is_it)
    }

    /// One failure for all lines.
    fn other_kind(&self) -> Failure {
        let failed = self.counts.failed;
        let (number, error) = self.first.clone().unwrap_or_default();
        let message = format!(
            "none of {failed} lines is a document; line {number}: {}: {}",
            error.code, error.message
        );
        Failure::new(ExitStatus::FAILURE, message).hint(match &*error.code {
            "unknown_field" => {
                "--id-field, --text-field and --metadata say which fields of the file are what"
            }
            "dimension_mismatch" => "`akidb collection show NAME` shows the dimension",
            _ => {
                "each line must be a JSON object; `jq -c . FILE | akidb import COLLECTION -` makes \
                 lines of indented JSON, --format says what else a file is"
            }
        })
    }

    /// Tells what was done, and fails where that is not all.
    fn report(mut self, end: End, printer: Printer) -> Result {
        // One failure is told in place of a list of the same.
        let is_of_another_kind = self.is_of_another_kind() && self.counts.failed > 1;
        if !is_of_another_kind || self.failed.wants_documents() {
            self.failed.report(printer)?;
        }
        let answer = self.counts.as_json(matches!(end, End::Whole));
        printer.answer(&answer, || show::properties(&answer))?;
        let again = "run it again; what is stored is not embedded a second time";
        match end {
            End::Whole if self.counts.failed == 0 => Ok(()),
            End::OfAnotherKind => Err(self.other_kind()),
            End::Whole if is_of_another_kind => Err(self.other_kind()),
            End::Whole => {
                let Counts { failed, lines, .. } = self.counts;
                let message = format!("{failed} of {lines} lines failed");
                Err(Failure::new(ExitStatus::FAILURE, message).hint(self.failed.hint()))
            }
            End::Stopped(error) if error.message.starts_with("header: ") => {
                Err(Failure::from(error)
                    .hint("--id-field, --text-field and --metadata say which columns are what"))
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
    unknown_tokens: u64,
}

impl Counts {
    fn new() -> Self {
        let (lines, created, updated, failed, tokens, unknown_tokens) = (0, 0, 0, 0, 0, 0);
        let started = Instant::now();
        Self { started, lines, created, updated, failed, tokens, unknown_tokens }
    }

    fn add(&mut self, answer: &Answer) {
        self.lines += 1;
        self.tokens += answer.tokens.unwrap_or_default();
        self.unknown_tokens += answer.unknown_tokens.unwrap_or_default();
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
            "unknown_tokens": self.unknown_tokens,
            "documents_per_second": (self.stored() as f64 / seconds.max(1e-3)).round(),
            "took_ms": (seconds * 1e3).round(),
            "complete": complete,
        })
    }
}

fn broke_off() -> Failure {
    Failure::new(ExitStatus::IO, "the answer of the node broke off")
}
