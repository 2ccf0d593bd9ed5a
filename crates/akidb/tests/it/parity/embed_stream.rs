//! Texts that stream are embedded and refused as single requests are, each in its place.

use akidb_proto::embedding::v1::{
    EmbedFailure, EmbedRequest, EmbedStreamRequest, EmbedStreamResponse,
    embed_stream_response::Outcome,
};
use futures::{StreamExt, stream};
use serde_json::json;
use tokio::sync::mpsc;
use tonic::{Code, Status, codegen::tokio_stream::wrappers::ReceiverStream};

use super::{
    answer::{Answer, Fault, Violation, code_named, is_same_fault, settled},
    cases,
    doors::small_node,
    from_wire,
    grpc::GrpcDoor,
    request::{Operation, Request},
    rest::RestDoor,
    to_wire, wrong_cases,
};

fn message(id: usize, request: Option<EmbedRequest>) -> EmbedStreamRequest {
    EmbedStreamRequest { id: format!("id {id}"), request }
}

fn texts(texts: &[&str]) -> Option<EmbedRequest> {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    Some(EmbedRequest { texts, ..Default::default() })
}

async fn replies(
    door: &mut GrpcDoor,
    messages: Vec<EmbedStreamRequest>,
) -> Vec<Result<EmbedStreamResponse, Status>> {
    let replies = door.embedding.embed_stream(stream::iter(messages)).await.unwrap();
    replies.into_inner().collect().await
}

#[tokio::test]
async fn messages_are_answered_as_single_requests_in_their_order() {
    let (_folder, node) = small_node();
    let (rest, mut grpc) = (RestDoor::new(&node), GrpcDoor::connect(&node).await);
    let all = cases::embedding().into_iter().chain(wrong_cases::embeddings());
    let (mut asked, mut messages) = (Vec::new(), Vec::new());
    for case in all {
        if let Some(to_wire::Message::Embed(request)) = to_wire::read(&case.request) {
            messages.push(message(messages.len(), Some(request)));
            asked.push(case);
        }
    }
    let found = replies(&mut grpc, messages).await;
    assert!(asked.len() > 25 && found.len() == asked.len(), "{} {}", found.len(), asked.len());
    let mut complaints = Vec::new();
    for (index, (case, reply)) in asked.iter().zip(found).enumerate() {
        let reply = reply.unwrap();
        assert_eq!((reply.index, reply.id), (index as u64, format!("id {index}")));
        let found = answer(reply.outcome.unwrap());
        let expected = rest.ask(&case.request).await.map(settled);
        if !is_same(&expected, &found, case.in_own_words) {
            let request = &case.request;
            complaints.push(format!("{request}\n    REST: {expected:?}\n    stream: {found:?}"));
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

fn is_same(rest: &Answer, stream: &Answer, in_own_words: bool) -> bool {
    match (rest, stream) {
        (Ok(rest), Ok(stream)) => rest == stream,
        (Err(rest), Err(stream)) if in_own_words => rest.code == stream.code,
        (Err(rest), Err(stream)) => is_same_fault(rest, stream),
        _ => false,
    }
}

fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Response(response) => Ok(settled(from_wire::embedded(response))),
        Outcome::Failure(failure) => Err(fault(failure)),
    }
}

fn fault(failure: EmbedFailure) -> Fault {
    let violations = failure.violations.into_iter();
    let violations =
        violations.map(|at| Violation { field: at.field, description: at.description });
    Fault {
        code: code_named(&failure.code),
        message: failure.message,
        retryable: failure.retryable,
        // Embedding changes nothing.
        outcome: "not_applied".to_owned(),
        violations: violations.collect(),
    }
}

#[tokio::test]
async fn a_message_that_says_nothing_fails_alone_and_one_that_is_too_large_ends_the_stream() {
    let (_folder, node) = small_node();
    let mut grpc = GrpcDoor::connect(&node).await;
    let large = "x".repeat(9 << 20);
    let messages = vec![
        message(0, texts(&["a"])),
        message(1, None),
        message(2, texts(&["b"])),
        message(3, texts(&[&large])),
        message(4, texts(&["c"])),
    ];
    let replies = replies(&mut grpc, messages).await;
    let codes: Vec<_> = replies.iter().map(|reply| described(reply.as_ref())).collect();
    let status = (Code::ResourceExhausted as i32).to_string();
    assert_eq!(codes, ["embedded", "malformed_request", "embedded", status.as_str()]);
}

fn described(reply: Result<&EmbedStreamResponse, &Status>) -> String {
    match reply.map(|reply| reply.outcome.as_ref().unwrap()) {
        Ok(Outcome::Response(_)) => "embedded".to_owned(),
        Ok(Outcome::Failure(failure)) => failure.code.clone(),
        Err(status) => (status.code() as i32).to_string(),
    }
}

/// Clients that neither take replies nor end hold up nobody, and leave nothing behind when they go.
#[tokio::test]
async fn streams_that_are_left_alone_do_not_keep_others_out() {
    let (_folder, node) = small_node();
    let (rest, mut grpc) = (RestDoor::new(&node), GrpcDoor::connect(&node).await);
    let mut idle = Vec::new();
    for _ in 0..20 {
        let texts = texts(&["one text"; 32]);
        let (sender, messages) = mpsc::channel(1);
        let endless = async move { while sender.send(message(0, texts.clone())).await.is_ok() {} };
        let sending = tokio::spawn(endless);
        let messages = ReceiverStream::new(messages);
        idle.push((sending, grpc.embedding.embed_stream(messages).await.unwrap()));
    }
    let request = Request::new(Operation::Embed, "", json!({"texts": ["a ship"]}));
    for _ in 0..20 {
        rest.ask(&request).await.unwrap();
    }
    for (sending, replies) in idle {
        sending.abort();
        drop(replies);
    }
    drop(grpc);
    // The clients go on meanwhile, or nothing would tell the node that they end their calls.
    let stopped = tokio::task::spawn_blocking(move || node.stop()).await.unwrap();
    assert_eq!(stopped.code(), Some(0));
}
