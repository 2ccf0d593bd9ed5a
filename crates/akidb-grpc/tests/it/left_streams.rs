//! Streams of texts whose client goes away, or only seems to be there: nothing of them goes on.
//!
//! A client that drops the replies and still sends messages does not end the call: its HTTP/2
//! library says nothing to the node, which can only find that nobody takes the replies.

use std::time::Duration;

use akidb_core::Limits;
use akidb_listener::ListenerOptions;
use akidb_proto::embedding::v1::{
    EmbedRequest, EmbedStreamRequest, EmbedStreamResponse,
    embedding_service_client::EmbeddingServiceClient,
};
use futures::{Stream, StreamExt, stream};
use tokio::{
    runtime::Runtime,
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Status, Streaming,
    transport::{Channel, Endpoint},
};

use crate::node::{Node, error_of, within_a_time_that_is_enough};

/// Far away, and below the drain timeout, which would end everything.
const WITHIN: Duration = Duration::from_secs(600);
/// The time of a message where it must not be what ends a stream.
const LONG: Duration = Duration::from_secs(3_600);
const MESSAGE_BYTES_MAX: usize = 10_000;

type Client = EmbeddingServiceClient<Channel>;

fn request() -> EmbedRequest {
    let texts = vec!["word ".repeat(25); 20];
    EmbedRequest { texts, ..EmbedRequest::default() }
}

fn message() -> EmbedStreamRequest {
    EmbedStreamRequest { id: String::new(), request: Some(request()) }
}

/// A node whose requests may hold the memory of one stream of texts.
async fn node(default_timeout: Duration) -> Node {
    let limits = Limits { grpc_message_bytes: MESSAGE_BYTES_MAX, ..Limits::default() };
    let options = ListenerOptions {
        body_budget_bytes: 2 * MESSAGE_BYTES_MAX,
        default_timeout,
        drain_timeout: LONG,
        ..ListenerOptions::default()
    };
    Node::start_with(limits, options).await
}

/// A stream that the node works for, and that holds all of the memory for requests.
async fn busy_stream(
    client: &mut Client,
    messages: impl Stream<Item = EmbedStreamRequest> + Send + 'static,
) -> Streaming<EmbedStreamResponse> {
    try_busy_stream(client, messages).await.unwrap()
}

async fn try_busy_stream(
    client: &mut Client,
    messages: impl Stream<Item = EmbedStreamRequest> + Send + 'static,
) -> Result<Streaming<EmbedStreamResponse>, Status> {
    let mut replies = client.embed_stream(messages).await?.into_inner();
    for _ in 0..10 {
        replies.next().await.unwrap()?;
    }
    Ok(replies)
}

/// The same of a node that gives up who takes no reply, in a time that is enough for those before.
async fn busy_stream_of_an_impatient_node() -> (Node, Client, Streaming<EmbedStreamResponse>) {
    within_a_time_that_is_enough(async |time| {
        let node = node(time).await;
        let mut client = node.embeddings().await;
        let replies = try_busy_stream(&mut client, endless()).await?;
        Ok((node, client, replies))
    })
    .await
}

fn endless() -> impl Stream<Item = EmbedStreamRequest> + Send + 'static {
    stream::repeat_with(message)
}

/// Fails unless the memory of the stream is there again, and the node stops without waiting for it.
async fn assert_nothing_is_left(node: Node) {
    assert_no_memory_is_held(&node).await;
    assert_it_stops(node).await;
}

async fn assert_no_memory_is_held(node: &Node) {
    let mut other = node.embeddings().await;
    let waiting = async {
        while let Err(refused) = other.embed(request()).await {
            assert_eq!(error_of(&refused), (Code::Unavailable, "overloaded".to_owned()));
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(WITHIN, waiting).await.expect("the stream still holds memory");
}

async fn assert_it_stops(mut node: Node) {
    node.service.start_draining();
    node.begin_stop();
    let stopping = timeout(WITHIN, node.stopped());
    stopping.await.expect("the node waits for a stream that nobody has");
}

#[tokio::test]
async fn a_stream_holds_memory_while_it_is_wanted() {
    let node = node(LONG).await;
    let mut client = node.embeddings().await;
    let mut replies = busy_stream(&mut client, endless()).await;
    let refused = node.embeddings().await.embed(request()).await.unwrap_err();
    assert_eq!(error_of(&refused), (Code::Unavailable, "overloaded".to_owned()));
    replies.next().await.unwrap().unwrap();
}

#[tokio::test]
async fn a_call_that_is_ended_is_noticed() {
    let node = node(LONG).await;
    let mut client = node.embeddings().await;
    let (sender, messages) = mpsc::channel(1);
    let sending = tokio::spawn(async move { while sender.send(message()).await.is_ok() {} });
    let replies = busy_stream(&mut client, ReceiverStream::new(messages)).await;
    drop(replies);
    sending.abort();
    assert_nothing_is_left(node).await;
}

#[tokio::test]
async fn a_connection_that_breaks_is_noticed() {
    let node = node(LONG).await;
    let addr = node.addr;
    let (is_busy, busy) = oneshot::channel();
    // Its runtime, and with it the socket, ends while the call goes on.
    std::thread::spawn(move || {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async move {
            let endpoint = Endpoint::try_from(format!("http://{addr}")).unwrap();
            let mut client = Client::new(endpoint.connect().await.unwrap());
            std::mem::forget(busy_stream(&mut client, endless()).await);
            is_busy.send(()).unwrap();
        });
    });
    busy.await.unwrap();
    assert_nothing_is_left(node).await;
}

#[tokio::test]
async fn a_client_that_drops_the_replies_and_sends_on_is_given_up() {
    let (node, _client, replies) = busy_stream_of_an_impatient_node().await;
    drop(replies);
    assert_no_memory_is_held(&node).await;
}

#[tokio::test]
async fn a_client_that_takes_no_replies_in_time_is_told_so() {
    let (node, _client, mut replies) = busy_stream_of_an_impatient_node().await;
    // The window of the connection fills up, and the node gives the stream up.
    assert_no_memory_is_held(&node).await;
    let end = loop {
        match replies.next().await.unwrap() {
            Ok(_) => {}
            Err(status) => break status,
        }
    };
    assert_eq!(error_of(&end), (Code::DeadlineExceeded, "deadline_exceeded".to_owned()));
    assert_nothing_is_left(node).await;
}

#[tokio::test]
async fn a_node_that_stops_ends_a_stream_that_is_silent() {
    let node = node(LONG).await;
    let mut client = node.embeddings().await;
    let (sender, messages) = mpsc::channel(1);
    sender.send(message()).await.unwrap();
    let replies = client.embed_stream(ReceiverStream::new(messages)).await.unwrap();
    let mut replies = replies.into_inner();
    replies.next().await.unwrap().unwrap();
    node.service.start_draining();
    let end = replies.next().await.unwrap().unwrap_err();
    assert_eq!(error_of(&end), (Code::Unavailable, "shutting_down".to_owned()));
    assert_it_stops(node).await;
    drop(sender);
}
