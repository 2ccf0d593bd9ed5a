//! The same requests through both doors: same answers, same error codes, same words.
//!
//! Two nodes over fresh data are asked the same things in the same order, one through REST and one
//! through gRPC. A request is written once, in REST's words (`request`); `to_wire` translates it to
//! messages and `from_wire` the answers back, so that `doors` compares what came out of each.
//! `cases` are data: a line adds one. Requests that only one wire can spell stand in `rest_only`
//! and `grpc_only`; `mutations` breaks the good requests in every place.
//!
//! Throughout, a fault of the client never is an HTTP status from 500 on, nor one of gRPC's
//! INTERNAL, UNKNOWN, DATA_LOSS and UNAVAILABLE; statuses agree with the table of error codes; and
//! a refused request changes nothing.

mod answer;
mod cases;
mod damaged;
mod doors;
mod embed_stream;
mod expiry_cases;
mod facet_cases;
mod from_wire;
mod group_cases;
pub(crate) mod grpc;
mod grpc_only;
mod index_cases;
mod mode_cases;
mod mutations;
mod order_cases;
pub(crate) mod request;
mod rerank_cases;
pub(crate) mod rest;
mod rest_only;
mod same_node;
mod shown_cases;
mod streams;
mod text_cases;
mod to_wire;
mod wrong_cases;

use self::doors::Doors;

#[tokio::test]
async fn what_both_doors_can_do_is_answered_alike() {
    let mut doors = Doors::start().await;
    let good = [
        cases::collections(),
        index_cases::settings(),
        cases::documents(),
        cases::searches(),
        index_cases::searches(),
        mode_cases::by_words(),
        mode_cases::by_both(),
        shown_cases::of_whole_texts(),
        text_cases::good(),
        facet_cases::good(),
        order_cases::good(),
        group_cases::good(),
        cases::passages(),
        expiry_cases::all(),
        cases::fields(),
    ];
    doors.run(good.into_iter().flatten()).await;
    doors.run(cases::embedding().into_iter().chain(cases::deletions())).await;
}

#[tokio::test]
async fn what_is_reranked_is_answered_alike() {
    let mut doors = Doors::start().await;
    doors.run(cases::collections().into_iter().chain(cases::documents())).await;
    doors.run(rerank_cases::documents().into_iter().chain(rerank_cases::searches())).await;
}

#[tokio::test]
async fn what_is_wrong_is_refused_alike_and_changes_nothing() {
    let mut doors = Doors::start().await;
    doors.run(cases::collections().into_iter().chain(cases::documents())).await;
    let wrong = [
        wrong_cases::collections(),
        wrong_cases::documents(),
        wrong_cases::vectors(),
        wrong_cases::selections(),
        wrong_cases::filters(),
        wrong_cases::searches(),
        shown_cases::wrong(),
        text_cases::wrong(),
        mode_cases::wrong(),
        facet_cases::wrong(),
        order_cases::wrong(),
        group_cases::wrong(),
        index_cases::wrong_settings(),
        index_cases::wrong_searches(),
        wrong_cases::embeddings(),
        rerank_cases::wrong_documents(),
        rerank_cases::wrong_searches(),
        wrong_cases::too_much(),
    ];
    doors.run(wrong.into_iter().flatten()).await;
}
