//! The errors of this crate: of models, of one batch, of one request.
//!
//! Out of scope: HTTP, gRPC and exit codes; the service maps these to its own.

use std::{io, path::PathBuf, time::Duration};

use crate::{
    identity::ModelKind,
    store::{MANIFEST_FILE, MODEL_NAME_RULE},
};

/// A model cannot be found, read, imported or trusted.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The name cannot be a model's name.
    #[error("model name {name:?} is not allowed, {MODEL_NAME_RULE}")]
    InvalidName {
        /// The name that was given, cut to 80 characters.
        name: String,
    },
    /// No directory of that name is in any of the places that were looked at.
    #[error("model {name:?} was not found, looked at {}", list_paths(looked_at))]
    NotFound {
        /// The name that was asked for.
        name: String,
        /// The directories that were looked for, in order.
        looked_at: Vec<PathBuf>,
    },
    /// The operating system refused something.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or directory it was tried on.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file that every model needs is not there.
    #[error("{} is missing, a model needs config.json, tokenizer.json and *.safetensors", file.display())]
    MissingFile {
        /// The file that was looked for.
        file: PathBuf,
    },
    /// The weights are only there in a format that can run code when it is read.
    #[error(
        "{} holds weights only as {found}, allowed are *.safetensors; \
         hint: convert them with `safetensors.torch.save_file`",
        directory.display()
    )]
    OnlyPickledWeights {
        /// The model's directory.
        directory: PathBuf,
        /// The pickle that was found.
        found: String,
    },
    /// A link in the model's directory leads out of it.
    #[error(
        "{} is a link to {}, which is outside of the model's directory; \
         hint: put the file itself there",
        link.display(),
        target.display()
    )]
    LinkLeadsOut {
        /// The link.
        link: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// A file is not what its name promises.
    #[error("{} is damaged or not understood: {reason}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A file is sound but asks for something that this program does not do.
    #[error("{}: {key} is {found:?}, supported is {supported}", file.display())]
    Unsupported {
        /// The file.
        file: PathBuf,
        /// The setting in the file.
        key: String,
        /// Its value, cut to 80 characters.
        found: String,
        /// What is allowed.
        supported: String,
    },
    /// A tensor that the architecture needs is not in the weights.
    #[error("{} lacks the tensor {tensor}", file.display())]
    MissingTensor {
        /// The weights file, or the directory where there are several.
        file: PathBuf,
        /// The tensor's name.
        tensor: String,
    },
    /// A tensor's shape contradicts `config.json`.
    #[error(
        "{}: the tensor {tensor} has the shape {found:?}, config.json says {expected:?}",
        file.display()
    )]
    WrongShape {
        /// The weights file.
        file: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The shape that it has.
        found: Vec<usize>,
        /// The shape that it must have.
        expected: Vec<usize>,
    },
    /// The backend cannot do what the model or the configuration asks for.
    #[error(
        "{}: {what} is only of the {backend} backend; hint: {hint}",
        directory.display()
    )]
    WrongBackend {
        /// The model's directory.
        directory: PathBuf,
        /// What is asked for.
        what: &'static str,
        /// The backend that can do it.
        backend: &'static str,
        /// What to set.
        hint: &'static str,
    },
    /// A model that was not imported cannot be verified.
    #[error(
        "{} has no {MANIFEST_FILE}, so its files cannot be verified; hint: import the model",
        directory.display()
    )]
    NoManifest {
        /// The model's directory.
        directory: PathBuf,
    },
    /// An archive or folder holds no model, or more than one.
    #[error("{} holds {found} models, expected 1 folder with config.json, tokenizer.json and *.safetensors", source_path.display())]
    NotOneModel {
        /// The archive or folder.
        source_path: PathBuf,
        /// How many models were found.
        found: usize,
    },
    /// An archive is refused for something in it.
    #[error("archive {} is refused: {reason}", archive.display())]
    ArchiveRefused {
        /// The archive.
        archive: PathBuf,
        /// The entry or limit that is at fault.
        reason: String,
    },
    /// Another model of that name is already there.
    #[error(
        "a different model named {name:?} is already at {}; hint: import it under another name or ask to replace it",
        path.display()
    )]
    AlreadyExists {
        /// The name.
        name: String,
        /// Where the present model lies.
        path: PathBuf,
    },
}

/// A backend cannot encode a batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A text has no tokens.
    #[error("text {text} has no tokens")]
    NoTokens {
        /// The text's place in the batch.
        text: usize,
    },
    /// A text has more tokens than the model has positions.
    #[error("text {text} has {tokens} tokens, the limit is {limit}")]
    TooManyTokens {
        /// The text's place in the batch.
        text: usize,
        /// Its tokens.
        tokens: usize,
        /// The most tokens allowed.
        limit: usize,
    },
    /// A token is not in the model's vocabulary.
    #[error("text {text} holds the token {token}, the vocabulary ends at {vocabulary}")]
    UnknownToken {
        /// The text's place in the batch.
        text: usize,
        /// The token's number.
        token: u32,
        /// The number of tokens in the vocabulary.
        vocabulary: usize,
    },
    /// The backend failed on its own account.
    #[error("{reason}")]
    Backend {
        /// What went wrong.
        reason: String,
    },
    /// The backend does not run right now. The texts of the batch are not at fault, as far as is
    /// known, and trying them one by one is of no use.
    #[error("{reason}")]
    Unavailable {
        /// What is wrong with it, and what mends it.
        reason: String,
        /// When it may run again.
        retry_after: Duration,
    },
    /// The batch did not end in time and was given up.
    #[error("the batch did not end within {limit:?} and was given up")]
    OutOfTime {
        /// The time that it had.
        limit: Duration,
    },
}

/// What keeps a request out of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueLimit {
    /// The memory that texts which wait may take.
    #[error("allowed are {tokens} (queue_tokens)")]
    Tokens {
        /// The most tokens that may wait.
        tokens: usize,
    },
    /// The time that those before it take.
    #[error("those before it take {wait:.1?}, allowed are {limit:?} ({name})")]
    Wait {
        /// The time that they take at the measured speed.
        wait: Duration,
        /// The longest wait.
        limit: Duration,
        /// The setting.
        name: &'static str,
    },
    /// The request's own deadline, which it would not meet.
    #[error("it would be done after {wait:.1?}, its deadline is in {left:.1?}")]
    Deadline {
        /// When it would be done, at the measured speed.
        wait: Duration,
        /// The time that it has.
        left: Duration,
    },
}

/// A request for embeddings was not fulfilled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmbedError {
    /// Too much is waiting; the request was not queued at all.
    #[error(
        "the embedding queue is full: {waiting_tokens} tokens wait and the request has \
         {request_tokens}, {limit}"
    )]
    QueueFull {
        /// The tokens of the request.
        request_tokens: usize,
        /// The tokens that wait already.
        waiting_tokens: usize,
        /// What there is no room under.
        limit: QueueLimit,
        /// When there will be room for it, at the measured speed, if nobody else takes it.
        retry_after: Duration,
    },
    /// The request would not fit into an empty queue; it never will.
    #[error("the request has {request_tokens} tokens, the embedding queue holds {limit_tokens}")]
    RequestTooLarge {
        /// The tokens of the request.
        request_tokens: usize,
        /// The most tokens that may wait.
        limit_tokens: usize,
    },
    /// The deadline passed before the last text was embedded.
    #[error("the deadline passed before the texts were embedded")]
    DeadlineExceeded,
    /// The queue takes no more requests.
    #[error("the embedding queue is shutting down")]
    ShuttingDown,
    /// Texts are longer than the model's window, and the request forbids to cut them.
    #[error(
        "{} texts are longer than the {limit_tokens} tokens that the model reads, the first is text {}",
        texts.len(),
        texts.first().map_or(0, |(index, _)| *index)
    )]
    TextsTooLong {
        /// The place of each in the request, and its tokens, special ones and prompt included.
        texts: Vec<(usize, u32)>,
        /// The most tokens that the model reads.
        limit_tokens: usize,
    },
    /// Nothing remains of texts but special tokens and white space, or lists of tokens have none
    /// but these.
    #[error(
        "{} texts have no token that says something, the first is text {}",
        indexes.len(),
        indexes.first().copied().unwrap_or_default()
    )]
    NoTokens {
        /// The place of each in the request.
        indexes: Vec<usize>,
    },
    /// The query of pairs has no token that says something.
    #[error("the query has no token that says something")]
    QueryWithoutTokens,
    /// The model reads pairs of a query and a document, and is given texts, or the other way round.
    #[error("the model {name} {}", kind.describe())]
    WrongKind {
        /// The model.
        name: String,
        /// What it is.
        kind: ModelKind,
    },
    /// A given token is not in the model's vocabulary.
    #[error("text {index} has the token {token_id}, which is not in the model's vocabulary")]
    UnknownToken {
        /// The text's place in the request.
        index: usize,
        /// The token's place in the text.
        position: usize,
        /// The token's number.
        token_id: u32,
    },
    /// Vectors of this model cannot be cut to so many values.
    #[error("{given} dimensions are asked for, allowed are 1 to {limit}")]
    InvalidDimensions {
        /// The dimensions that are asked for.
        given: usize,
        /// The model's own dimension.
        limit: usize,
    },
    /// A text cannot be tokenized.
    #[error("text {index} cannot be tokenized: {reason}")]
    TokenizeFailed {
        /// The text's place in the request.
        index: usize,
        /// What the tokenizer said.
        reason: String,
    },
    /// A text cannot be encoded, or its vector is not finite or is zero.
    #[error("text {index} cannot be embedded: {reason}")]
    TextFailed {
        /// The text's place in the request.
        index: usize,
        /// What went wrong.
        reason: String,
    },
    /// The backend does not run right now.
    #[error("{reason}")]
    Unavailable {
        /// What is wrong with it, and what mends it.
        reason: String,
        /// When it may run again.
        retry_after: Duration,
    },
    /// The batch that the texts were in did not end in time and was given up.
    #[error("the batch did not end within {limit:?} and was given up")]
    BatchOutOfTime {
        /// The time that it had.
        limit: Duration,
    },
}

impl EmbedError {
    /// Every value of [`EmbedError::code`].
    pub const CODES: [&'static str; 8] = [
        "queue_full",
        "limit_exceeded",
        "deadline_exceeded",
        "shutting_down",
        "invalid_text",
        "invalid_argument",
        "model_not_ready",
        "embedding_failed",
    ];

    /// The code that the request which met it is answered with, as documented for all doors; the
    /// label `code` of `akidb_embedding_errors_total`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::QueueFull { .. } => "queue_full",
            Self::RequestTooLarge { .. } | Self::TextsTooLong { .. } => "limit_exceeded",
            Self::DeadlineExceeded | Self::BatchOutOfTime { .. } => "deadline_exceeded",
            Self::ShuttingDown => "shutting_down",
            Self::NoTokens { .. } | Self::QueryWithoutTokens => "invalid_text",
            Self::WrongKind { .. }
            | Self::UnknownToken { .. }
            | Self::InvalidDimensions { given: 0, .. } => "invalid_argument",
            Self::InvalidDimensions { .. } => "limit_exceeded",
            Self::Unavailable { .. } => "model_not_ready",
            Self::TokenizeFailed { .. } | Self::TextFailed { .. } => "embedding_failed",
        }
    }
}

fn list_paths(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "no directory, none is configured".to_owned();
    }
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
