//! Embedding in both directions at once: each message is a request of its own.

use akidb_core::{Error, ErrorCode, Result};
use akidb_listener::caught;
use akidb_proto::embedding::v1::{
    EmbedFailure, EmbedResponse, EmbedStreamRequest, EmbedStreamResponse, FieldViolation,
    embed_stream_response::Outcome,
};
use akidb_service::{Embed, Lane, RequestContext, Service};
use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, ready},
    stream,
    stream::BoxStream,
};
use prost::Message;
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use crate::{
    call::Call,
    decode, encode,
    ordered_replies::{self, CutShort, Reply, UnderWay},
    status::status_of,
};

/// Messages of one stream that are embedded, or wait for the client to take their replies.
const MESSAGES_MAX: usize = 8;

/// The replies to `messages`, which are read as the client takes them.
pub(crate) fn run(
    service: Service,
    call: Call,
    messages: Streaming<EmbedStreamRequest>,
) -> BoxStream<'static, Reply<EmbedStreamResponse>> {
    let limits = UnderWay { messages_max: MESSAGES_MAX, bytes_max: call.message_bytes_max };
    let (sender, receiver) = mpsc::channel(1);
    let (deadlines, id, stopping) = (call.deadlines, call.id.clone(), service.draining());
    let span = call.span.clone();
    let mut index = 0;
    let answer = move |message| {
        let reply = answer(service.clone(), call.clone(), index, message);
        index += 1;
        reply
    };
    // On a task of its own, so that a client which does not take replies holds up no work that
    // others wait behind.
    let take_by = move || deadlines.message();
    let replies = ordered_replies::run(messages, answer, limits, take_by, stopping, sender);
    let running = tokio::spawn(async move { span.around(replies).await });
    let replies = async |mut receiver: mpsc::Receiver<_>| Some((receiver.recv().await?, receiver));
    let end = async move {
        let error = match running.await {
            Ok(cut_short) => reason(cut_short?),
            Err(failure) => Error::new(ErrorCode::Internal, failure.to_string()),
        };
        Some(Err(status_of(&error, &id)))
    };
    stream::unfold(receiver, replies).chain(stream::once(end).filter_map(ready)).boxed()
}

fn reason(cut_short: CutShort) -> Error {
    match cut_short {
        CutShort::Stopping => Error::new(ErrorCode::ShuttingDown, "the node is shutting down"),
        CutShort::NotTaken => {
            let message = "the deadline passed before the client took the replies";
            Error::new(ErrorCode::DeadlineExceeded, message)
        }
    }
}

fn answer(
    service: Service,
    call: Call,
    index: u64,
    message: Result<EmbedStreamRequest, Status>,
) -> BoxFuture<'static, Reply<EmbedStreamResponse>> {
    let (context, outcome) = (call.context(), call.method.outcome_unless_told());
    async move {
        let EmbedStreamRequest { id, request } =
            message.map_err(|status| call.status(&call.error_of(&status)))?;
        let asked = request.ok_or_else(|| missing("request")).and_then(decode::embed);
        let asked = asked.inspect_err(|error| call.count(error));
        let embedded = caught(outcome, embed(&service, &context, asked)).await;
        let outcome = match embedded.and_then(|embedded| embedded) {
            Ok(response) => sized(&call, response),
            // No message behind this one would fare better.
            Err(error) if error.code == ErrorCode::ShuttingDown => return Err(call.status(&error)),
            Err(error) => Outcome::Failure(failure(error)),
        };
        Ok(EmbedStreamResponse { index, id, outcome: Some(outcome) })
    }
    .boxed()
}

async fn embed(
    service: &Service,
    context: &RequestContext,
    asked: Result<Embed>,
) -> Result<EmbedResponse> {
    let asked = Embed { lane: Lane::Bulk, ..asked? };
    service.embed_when_there_is_room(context, asked).await.map(encode::embed_reply)
}

fn sized(call: &Call, response: EmbedResponse) -> Outcome {
    match response.encoded_len() {
        bytes if bytes > call.message_bytes_max => Outcome::Failure(failure(call.too_large(bytes))),
        _ => Outcome::Response(response),
    }
}

fn missing(field: &str) -> Error {
    Error::at(ErrorCode::MalformedRequest, field, "is missing")
}

fn failure(error: Error) -> EmbedFailure {
    let violations = error.violations.into_iter();
    let retry_after_ms =
        error.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    EmbedFailure {
        code: error.code.as_str().to_owned(),
        message: error.message,
        retryable: error.code.retryable(),
        violations: violations
            .map(|at| FieldViolation { field: at.field, description: at.description })
            .collect(),
        retry_after_ms,
    }
}
