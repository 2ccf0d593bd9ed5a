//! How much a key and an address may ask, counted over both doors.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use akidb_client::{
    Client, IssuedKey, Metric, NewCollection, NewKey, NodeError, Request, RequestError, Retries,
    Role,
};
use akidb_proto::admin::v1::{ListLimitsRequest, admin_service_client::AdminServiceClient};
use serde_json::{Value, json};
use tonic::{Code, transport::Channel};
use tonic_types::StatusExt;

use super::with_key;
use crate::node::{Backend, Node, scratch};

/// A client that is told at once, and does not send again.
fn impatient(node: &Node) -> Client {
    Client::new(&node.url()).unwrap().with_retries(Retries::NONE)
}

/// A node with one limit.
fn limited(data_dir: &Path, limit: &str, value: u32) -> Node {
    let variable = format!("AKIDB_LIMITS__{}", limit.to_ascii_uppercase());
    Node::start_with(data_dir, Backend::Hash, |command| {
        command.env(variable, value.to_string());
    })
}

/// The first key, whose own rate leaves room for what a test does with it.
async fn administrator(node: &Node) -> Client {
    let open = impatient(node);
    let key = NewKey::new("operators", Role::Admin).requests_per_minute(1_000_000);
    let IssuedKey { secret, .. } = open.create_key(&key).await.unwrap();
    open.with_key(&secret).unwrap()
}

/// How many requests are answered before one is not, and how that is told.
async fn until_refused(client: &Client) -> (usize, NodeError) {
    for answered in 0.. {
        match client.send::<Value>(Request::get(&["version"])).await {
            Ok(_) => {}
            Err(RequestError::Node(error)) => return (answered, error),
            Err(other) => panic!("{other}"),
        }
    }
    unreachable!("the rate is far below what a node answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_keeps_to_its_rate_over_both_doors_and_is_told_of_health() {
    let (_folder, data_dir) = scratch();
    let node = limited(&data_dir, "rate_limit_per_ip", 1);
    let client = impatient(&node);
    let (_, refused) = until_refused(&client).await;
    assert_eq!(refused.code, "rate_limited");
    assert_eq!(
        refused.message,
        "127.0.0.1 sends more than 1 requests a minute (rate_limit_per_ip)"
    );
    let wait = refused.retry_after.unwrap();
    assert!((1..=60).contains(&wait.as_secs()) && refused.retryable, "{refused:?}");

    let endpoint = Channel::from_shared(format!("http://{}", node.grpc)).unwrap();
    let mut grpc = AdminServiceClient::new(endpoint.connect().await.unwrap());
    let status = loop {
        if let Err(status) = grpc.list_limits(ListLimitsRequest {}).await {
            break status;
        }
    };
    let details = status.get_error_details();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(details.error_info().unwrap().reason, "rate_limited");
    let wait = details.retry_info().unwrap().retry_delay.unwrap();
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(60), "{wait:?}");

    for _ in 0..20 {
        for health in ["livez", "readyz"] {
            client.send::<Value>(Request::get(&[health])).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_tries_keys_is_counted_too() {
    let (_folder, data_dir) = scratch();
    let node = limited(&data_dir, "rate_limit_per_ip", 30);
    let client = impatient(&node);
    client.create_key(&NewKey::new("operators", Role::Admin)).await.unwrap();
    let guessed = client.with_key("akidb_0123456789abcdef_0").unwrap();
    let mut unknown = 0;
    let refused = loop {
        let (answered, error) = until_refused(&guessed).await;
        assert_eq!(answered, 0);
        match error.code.as_str() {
            "unauthenticated" => unknown += 1,
            _ => break error,
        }
    };
    assert_eq!(refused.code, "rate_limited");
    assert!(unknown >= 29, "{unknown}");
}

#[tokio::test]
async fn each_key_keeps_to_its_own_rate_whether_the_node_has_one_or_not() {
    for rate_of_all in [0, 3] {
        let (_folder, data_dir) = scratch();
        let node = limited(&data_dir, "rate_limit_per_user", rate_of_all);
        let admin = administrator(&node).await;
        let mut made = Vec::new();
        for (name, own) in [("slow", Some(1)), ("fast", Some(6)), ("a", None), ("b", None)] {
            let key = NewKey::new(name, Role::Read);
            let key = own.map_or(key.clone(), |rate| key.requests_per_minute(rate));
            made.push((admin.create_key(&key).await.unwrap(), own));
        }
        for (issued, own) in made {
            assert_eq!(issued.key.requests_per_minute, own);
            let client = impatient(&node).with_key(&issued.secret).unwrap();
            let Some(rate) = own.or(Some(rate_of_all).filter(|rate| *rate > 0)) else {
                for _ in 0..20 {
                    client.send::<Value>(Request::get(&["version"])).await.unwrap();
                }
                continue;
            };
            let (answered, refused) = until_refused(&client).await;
            assert!(answered >= rate as usize, "{answered} of {rate}");
            assert_eq!(refused.code, "rate_limited");
            let of = if own.is_some() {
                "requests_per_minute of the key"
            } else {
                "rate_limit_per_user"
            };
            let id = issued.key.id;
            let message = format!("the key {id} sends more than {rate} requests a minute ({of})");
            assert_eq!(refused.message, message);
        }
        let listed = admin.keys().await.unwrap();
        let rates: Vec<_> = listed.iter().map(|key| key.requests_per_minute).collect();
        assert_eq!(rates, [Some(1_000_000), Some(1), Some(6), None, None]);
        let none = NewKey::new("none", Role::Read).requests_per_minute(0);
        let error = admin.create_key(&none).await.unwrap_err().to_string();
        assert!(error.contains("requests_per_minute: is 0, the least is 1"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_as_many_requests_as_it_may_have_waits_for_one_to_end() {
    let (_folder, data_dir) = scratch();
    let node = limited(&data_dir, "concurrent_requests_per_user", 1);
    let admin = administrator(&node).await;
    admin
        .create_collection(&NewCollection::with_vectors("films", 2, Metric::Cosine))
        .await
        .unwrap();
    let importer = admin.create_key(&NewKey::new("importer", Role::Write)).await.unwrap();
    let client = impatient(&node).with_key(&importer.secret).unwrap();

    let mut import = TcpStream::connect(node.rest).unwrap();
    let line = "{\"id\": 1, \"vector\": [1, 0]}\n";
    write!(
        import,
        "POST /v1/collections/films/import HTTP/1.1\r\nhost: localhost\r\napi-key: {}\r\n\
         content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{line}\r\n",
        importer.secret,
        line.len()
    )
    .unwrap();
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("created") {
        let mut part = [0; 1_024];
        let read = import.read(&mut part).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..read]);
    }
    let ask = async || client.send::<Value>(Request::get(&["v1", "collections", "films"])).await;
    let RequestError::Node(refused) = ask().await.unwrap_err() else { panic!() };
    assert_eq!(
        (refused.code.as_str(), refused.retry_after),
        ("rate_limited", Some(Duration::from_secs(1)))
    );
    assert!(
        refused.message.contains("has 1 requests running (concurrent_requests_per_user)"),
        "{refused}"
    );
    // Others go on, and so does this one when its import has ended.
    admin.keys().await.unwrap();
    write!(import, "0\r\n\r\n").unwrap();
    while ask().await.is_err() {}
}

#[tokio::test]
async fn both_doors_tell_the_limits_that_are_in_force() {
    let (_folder, data_dir) = scratch();
    let node = limited(&data_dir, "rate_limit_per_user", 60_000);
    let admin = administrator(&node).await;
    let rest: Value = admin.send(Request::get(&["v1", "admin", "limits"])).await.unwrap();
    let rate =
        rest["limits"].as_array().unwrap().iter().find(|it| it["name"] == "rate_limit_per_user");
    assert_eq!((&rate.unwrap()["value"], &rate.unwrap()["default"]), (&json!(60_000), &json!(0)));
    let endpoint = Channel::from_shared(format!("http://{}", node.grpc)).unwrap();
    let mut grpc = AdminServiceClient::new(endpoint.connect().await.unwrap());
    let key = admin.create_key(&NewKey::new("second", Role::Admin)).await.unwrap();
    let request = with_key(&key.secret, ListLimitsRequest {});
    let limits = grpc.list_limits(request).await.unwrap().into_inner().limits;
    let limits: Vec<_> = limits
        .into_iter()
        .map(|it| json!({"name": it.name, "value": it.value, "default": it.default_value, "meaning": it.meaning}))
        .collect();
    assert_eq!(rest["limits"], json!(limits));
}
