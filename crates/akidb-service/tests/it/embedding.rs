//! Embedding through the service, beside others that do the same.

use std::time::Instant;

use akidb_core::{ErrorCode, Limits};
use akidb_service::{Embed, EmbedRules, RequestContext, Truncate};
use futures::{FutureExt, future::join_all};

use crate::{Config, config, context, open};

fn texts(count: usize) -> Embed {
    let texts = (0..count).map(|i| format!("text {i}")).collect::<Vec<_>>();
    Embed { inputs: texts.into(), ..Embed::default() }
}

/// A request of so many parts that others come while it runs, however threads are scheduled.
fn long() -> Embed {
    Embed { rules: EmbedRules::OpenAi, ..texts(2_048) }
}

#[tokio::test]
async fn a_stream_waits_for_room_where_a_request_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let limits = Limits { concurrent_requests: 1, ..Limits::default() };
    let service = Config { limits, ..config(data.path()) }.open().await;
    service.models_settled().await;
    let context = context();
    let refused = join_all((0..2).map(|_| service.embed(&context, long()))).await;
    let refused: Vec<_> = refused.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.iter().map(|error| error.code).collect::<Vec<_>>(), [ErrorCode::Overloaded]);
    let waiting = (0..2).map(|_| service.embed_when_there_is_room(&context, texts(32)));
    assert!(join_all(waiting).await.iter().all(Result::is_ok));
    // One that can not wait is told what keeps it out, and not that it was late.
    let hasty = async {
        let hasty = RequestContext { deadline: Instant::now(), ..context.clone() };
        service.embed_when_there_is_room(&hasty, texts(1)).await
    };
    let both = join_all([service.embed(&context, long()).boxed(), hasty.boxed()]);
    let codes: Vec<_> = both.await.into_iter().map(|it| it.err().map(|error| error.code)).collect();
    assert_eq!(codes, [None, Some(ErrorCode::Overloaded)]);
    service.shutdown().await;
}

#[tokio::test]
async fn many_identical_inputs_are_embedded_in_parts_and_counted_truly() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    let inputs = vec!["two words".to_owned(); 2_048].into();
    let asked = Embed { inputs, rules: EmbedRules::OpenAi, ..Embed::default() };
    let reply = service.embed(&context(), asked).await.unwrap();
    assert_eq!((reply.embeddings.len(), reply.total_tokens), (2_048, 4_096));
    assert!(reply.embeddings.iter().all(|vector| *vector == reply.embeddings[0]));

    let long = "word ".repeat(600);
    let texts = vec!["a".to_owned(), long.clone(), "b".to_owned(), long];
    let cut = Embed { inputs: texts.into(), truncate: Some(Truncate::Start), ..Embed::default() };
    let reply = service.embed(&context(), Embed { dimensions: Some(3), ..cut }).await.unwrap();
    assert_eq!((reply.truncated, reply.total_tokens, reply.dimension), (vec![1, 3], 1_026, 3));
}

#[tokio::test]
async fn a_request_of_several_parts_is_refused_before_the_first_or_not_at_all() {
    let data = tempfile::tempdir().unwrap();
    let mut config = config(data.path());
    // Less than two parts, so that those of different requests are in each other's way.
    config.embedding.as_mut().unwrap().queue.queue_tokens = 1_000;
    let service = config.open().await;
    service.models_settled().await;
    let context = context();
    let of = |request: usize| {
        let texts = (0..2_048).map(|i| format!("text {request} {i}")).collect::<Vec<_>>();
        Embed { inputs: texts.into(), rules: EmbedRules::OpenAi, ..Embed::default() }
    };
    let asked = join_all((0..6).map(|request| service.embed(&context, of(request)))).await;
    let embedded = asked.iter().filter_map(|reply| Some(reply.as_ref().ok()?.total_tokens));
    let embedded: u64 = embedded.sum();
    for refused in asked.iter().filter_map(|reply| reply.as_ref().err()) {
        assert_eq!(refused.code, ErrorCode::QueueFull, "{refused}");
    }
    let metrics = service.metrics_text();
    let counted = format!("akidb_embedding_tokens_total{{model=\"hash\"}} {embedded}");
    assert!(embedded > 0 && metrics.contains(&counted), "{counted} is not in {metrics}");
    service.shutdown().await;
}
