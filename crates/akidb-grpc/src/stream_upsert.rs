//! A streaming upsert: one durable batch a message, one message in memory at a time.

use akidb_core::{Error, ErrorCode, Result};
use akidb_proto::collection::v1::{StreamUpsertDocumentsRequest, StreamUpsertDocumentsResponse};
use akidb_service::{Service, UpsertReply, UpsertStatus};
use tonic::{Response, Status, Streaming};

use crate::{call::Call, decode, encode};

/// Applies the messages in order. The next one is read when the last is on disk, which holds back
/// the client.
pub(crate) async fn run(
    service: &Service,
    call: &Call,
    mut messages: Streaming<StreamUpsertDocumentsRequest>,
) -> Result<Response<StreamUpsertDocumentsResponse>, Status> {
    let mut applied = StreamUpsertDocumentsResponse::default();
    match apply_all(service, call, &mut messages, &mut applied).await {
        Ok(()) => call.reply(Ok(applied)),
        Err(error) => Err(stopped(call, error, &applied)),
    }
}

async fn apply_all(
    service: &Service,
    call: &Call,
    messages: &mut Streaming<StreamUpsertDocumentsRequest>,
    applied: &mut StreamUpsertDocumentsResponse,
) -> Result<()> {
    let mut collection = String::new();
    while let Some(message) = messages.message().await.map_err(|status| call.error_of(&status))? {
        let batch = check_collection(&mut collection, message.collection)
            .and_then(|()| decode::upsert(message.documents, message.idempotency_key, message.mode))
            .inspect_err(|error| call.count(error))?;
        let reply = service.upsert(&call.context(), &collection, batch).await?;
        add(applied, &reply);
    }
    Ok(())
}

/// The first message names the collection; the others repeat it or leave it empty.
fn check_collection(collection: &mut String, given: String) -> Result<()> {
    if collection.is_empty() {
        *collection = given;
        return Ok(());
    }
    if given.is_empty() || given == *collection {
        return Ok(());
    }
    let description = format!("must be empty or {collection:?}, as in the first message");
    Err(Error::at(ErrorCode::InvalidArgument, "collection", description))
}

fn add(applied: &mut StreamUpsertDocumentsResponse, reply: &UpsertReply) {
    applied.messages += 1;
    applied.took_ms += encode::milliseconds(reply.took);
    for result in &reply.results {
        applied.documents += 1;
        match result.status {
            UpsertStatus::Created => applied.created += 1,
            UpsertStatus::Updated => applied.updated += 1,
        }
        applied.tokens += u64::from(result.tokens.unwrap_or_default());
        applied.truncated += u64::from(result.truncated.unwrap_or_default());
        applied.unknown_tokens += u64::from(result.unknown_tokens.unwrap_or_default());
    }
}

/// The status of a stream that ends early: what failed, and what stays applied.
fn stopped(call: &Call, mut error: Error, applied: &StreamUpsertDocumentsResponse) -> Status {
    let (messages, documents) = (applied.messages, applied.documents);
    for violation in &mut error.violations {
        violation.field = format!("messages[{messages}].{}", violation.field);
    }
    let failure = error.message;
    // A message about a place begins with it.
    let joint = if error.violations.is_empty() { ": " } else { "." };
    error.message = format!(
        "messages[{messages}]{joint}{failure} (applied before it: {messages} messages, {documents} documents)"
    );
    let counts =
        [("applied_messages", messages.to_string()), ("applied_documents", documents.to_string())];
    call.status_with(&error, counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stream_writes_to_one_collection() {
        let mut collection = String::new();
        for given in ["a", "", "a"] {
            assert_eq!(check_collection(&mut collection, given.to_owned()), Ok(()), "{given:?}");
        }
        assert!(check_collection(&mut collection, "b".to_owned()).is_err());
        assert_eq!(collection, "a");
    }
}
