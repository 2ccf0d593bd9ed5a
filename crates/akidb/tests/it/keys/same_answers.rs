//! Keys through both doors of one node: what one makes the other tells, and refusals have the same words.

use akidb_client::{Client, NewKey, Request, RequestError, Role};
use akidb_proto::admin::v1::{
    self as wire, CollectionPatterns, CreateKeyRequest, ListKeysRequest, RevokeKeyRequest,
    RotateKeyRequest, admin_service_client::AdminServiceClient,
};
use serde_json::{Value, json};
use tonic::{Status, transport::Channel};
use tonic_types::StatusExt;

use super::with_key;
use crate::node::{Node, scratch};

type Admin = AdminServiceClient<Channel>;

/// A key of gRPC in the words of REST.
fn in_rest(key: wire::Key) -> Value {
    let role = wire::Role::try_from(key.role).unwrap().as_str_name();
    let state = wire::KeyState::try_from(key.state).unwrap().as_str_name();
    let mut json = json!({
        "id": key.id,
        "name": key.name,
        "role": role.trim_start_matches("ROLE_").to_lowercase(),
        "state": state.trim_start_matches("KEY_STATE_").to_lowercase(),
        "created_unix_ms": key.created_unix_ms,
    });
    let optional = [
        ("collections", key.collections.map(|it| json!(it.patterns))),
        ("requests_per_minute", key.requests_per_minute.map(|it| json!(it))),
        ("expires_unix_ms", key.expires_unix_ms.map(|it| json!(it))),
        ("revoked_unix_ms", key.revoked_unix_ms.map(|it| json!(it))),
        ("previous_until_unix_ms", key.previous_until_unix_ms.map(|it| json!(it))),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            json[name] = value;
        }
    }
    json
}

fn same(rest: RequestError, grpc: &Status) {
    let RequestError::Node(rest) = rest else { panic!("{rest}") };
    let reason = grpc.get_error_details().error_info().unwrap().reason.clone();
    assert_eq!((rest.code, rest.message), (reason, grpc.message().to_owned()));
}

#[tokio::test]
async fn both_doors_make_list_exchange_and_revoke_keys() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let endpoint = Channel::from_shared(format!("http://{}", node.grpc)).unwrap();
    let mut grpc: Admin = AdminServiceClient::new(endpoint.connect().await.unwrap());
    let open = Client::new(&node.url()).unwrap();

    // The first one.
    let reader = CreateKeyRequest {
        name: "reader".into(),
        role: wire::Role::Read.into(),
        ..CreateKeyRequest::default()
    };
    let refused = grpc.create_key(reader.clone()).await.unwrap_err();
    let alike = open.create_key(&NewKey::new("reader", Role::Read)).await.unwrap_err();
    same(alike, &refused);
    let admin = CreateKeyRequest { role: wire::Role::Admin.into(), ..reader.clone() };
    let admin = grpc.create_key(admin).await.unwrap().into_inner();
    let refused = grpc.list_keys(ListKeysRequest {}).await.unwrap_err();
    same(open.keys().await.unwrap_err(), &refused);
    let rest = open.with_key(&admin.secret).unwrap();
    let secret = admin.secret.as_str();

    // What each makes, the other tells.
    let limited = CreateKeyRequest {
        collections: Some(CollectionPatterns { patterns: vec!["films".into(), "mine*".into()] }),
        ttl_seconds: Some(60),
        requests_per_minute: Some(600),
        ..reader.clone()
    };
    let limited = grpc.create_key(with_key(secret, limited)).await.unwrap().into_inner();
    let by_rest = rest.create_key(&NewKey::new("by rest", Role::Write)).await.unwrap();
    let rotate = RotateKeyRequest { id: by_rest.key.id.clone(), grace_seconds: 60 };
    grpc.rotate_key(with_key(secret, rotate)).await.unwrap();
    let limited_id = limited.key.as_ref().unwrap().id.clone();
    rest.rotate_key(&limited_id, 0).await.unwrap();
    let revoke = RevokeKeyRequest { id: limited_id.clone() };
    let revoked = grpc.revoke_key(with_key(secret, revoke.clone())).await.unwrap().into_inner();
    assert_eq!(revoked.key.unwrap().state(), wire::KeyState::Revoked);
    let listed: Value = rest.send(Request::get(&["v1", "admin", "keys"])).await.unwrap();
    let keys =
        grpc.list_keys(with_key(secret, ListKeysRequest {})).await.unwrap().into_inner().keys;
    let keys: Vec<_> = keys.into_iter().map(in_rest).collect();
    assert_eq!((listed["keys"].clone(), keys.len()), (json!(keys), 3));

    // What is wrong.
    let again = grpc.revoke_key(with_key(secret, revoke)).await.unwrap_err();
    same(rest.revoke_key(&limited_id).await.unwrap_err(), &again);
    let nothing = RotateKeyRequest { id: "nothing".into(), grace_seconds: 0 };
    let nothing = grpc.rotate_key(with_key(secret, nothing)).await.unwrap_err();
    same(rest.rotate_key("nothing", 0).await.unwrap_err(), &nothing);
    let new = |change: fn(&mut CreateKeyRequest)| {
        let mut new = reader.clone();
        change(&mut new);
        with_key(secret, new)
    };
    let rest_new = || NewKey::new("reader", Role::Read);
    let patterns = |patterns: &[&str]| {
        let patterns = patterns.iter().map(|&it| it.to_owned()).collect();
        Some(CollectionPatterns { patterns })
    };
    let mut none = new(|_| {});
    none.get_mut().collections = patterns(&[]);
    let mut all = new(|_| {});
    all.get_mut().collections = patterns(&["*"]);
    for (grpc_new, rest_new) in [
        (new(|new| new.name.clear()), NewKey::new("", Role::Read)),
        (new(|new| new.ttl_seconds = Some(0)), rest_new().ttl_seconds(0)),
        (new(|new| new.requests_per_minute = Some(0)), rest_new().requests_per_minute(0)),
        (none, rest_new().collections::<String>([])),
        (all, rest_new().collections(["*"])),
    ] {
        let refused = grpc.create_key(grpc_new).await.unwrap_err();
        same(rest.create_key(&rest_new).await.unwrap_err(), &refused);
    }
    let unset = grpc.create_key(new(|new| new.role = 0)).await.unwrap_err();
    assert!(unset.message().starts_with("role: is missing"), "{}", unset.message());
    let other = json!({"name": "x", "role": "owner"});
    let other = rest.send::<Value>(Request::post(&["v1", "admin", "keys"]).json(&other)).await;
    assert!(other.unwrap_err().to_string().contains("role: \"owner\" is not a role"));
}
