//! Who may ask for what: keys, their roles, and the collections that they reach.

use std::path::Path;

use akidb_core::{ErrorCode, Role};
use akidb_service::{
    Caller, CreateCollection, GivenAlias, GivenAliasAction, IssuedKey, KeyConfig, KeyState,
    KeysRequired, NewKey, Operation, Principal, Secret, SecretHash, UpdateCollection,
};

use super::*;

/// A node with a key of the role admin.
async fn with_admin(data_dir: &Path) -> (Service, IssuedKey) {
    let service = open(data_dir).await;
    let admin = service.create_key(&context(), new_key(Role::Admin, None)).await.unwrap();
    (service, admin)
}

fn new_key(role: Role, collections: Option<&[&str]>) -> NewKey {
    NewKey {
        name: format!("of the tests, {role}"),
        role,
        collections: collections.map(|names| names.iter().map(|&name| name.to_owned()).collect()),
        ttl_seconds: None,
        requests_per_minute: None,
    }
}

/// A request with a key.
fn with(service: &Service, secret: &Secret) -> RequestContext {
    let principal = service.principal(Some(secret.expose())).unwrap();
    context().of(Caller { principal, ..Caller::default() })
}

async fn scoped(
    service: &Service,
    admin: &RequestContext,
    role: Role,
    collections: &[&str],
) -> RequestContext {
    let made = service.create_key(admin, new_key(role, Some(collections))).await.unwrap();
    with(service, &made.secret)
}

fn vectors(name: &str) -> CreateCollection {
    CreateCollection { name: name.into(), dimension: Some(2), ..CreateCollection::default() }
}

/// What a caller is told.
#[track_caller]
fn told<T: std::fmt::Debug>(result: Result<T>) -> ErrorCode {
    result.unwrap_err().code
}

const DENIED: ErrorCode = ErrorCode::PermissionDenied;

#[tokio::test]
async fn the_first_key_closes_the_node_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let service = open(folder.path()).await;
    assert!(!service.requires_keys());
    assert!(service.principal(Some("of another service")).is_ok());
    for new in [new_key(Role::Write, None), new_key(Role::Admin, Some(&["films"]))] {
        assert_eq!(told(service.create_key(&context(), new).await), ErrorCode::KeyConflict);
    }
    assert!(!service.requires_keys());
    let made = service.create_key(&context(), new_key(Role::Admin, None)).await.unwrap();
    assert!(service.requires_keys());
    assert_eq!(told(service.keys(&context()).await), ErrorCode::Unauthenticated);
    for bad in [None, Some(""), Some("nope"), Some(&made.secret.expose()[..86])] {
        assert_eq!(told(service.principal(bad)), ErrorCode::Unauthenticated, "{bad:?}");
    }
    let admin = with(&service, &made.secret);
    assert_eq!(service.keys(&admin).await.unwrap(), std::slice::from_ref(&made.key));
    let refusal = service.revoke_key(&admin, &made.key.id).await;
    assert_eq!(told(refusal), ErrorCode::KeyConflict);
    service.shutdown().await;
    drop(service);

    let service = open(folder.path()).await;
    let admin = with(&service, &made.secret);
    assert_eq!(service.keys(&admin).await.unwrap(), [made.key]);
    service.shutdown().await;
    drop(service);

    // A catalogue that is lost takes its keys away, and lets nobody in.
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("akidb.db") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let service = open(folder.path()).await;
    assert!(service.requires_keys());
    assert_eq!(told(service.keys(&context()).await), ErrorCode::Unauthenticated);
    service.shutdown().await;
}

#[tokio::test]
async fn keys_end_and_their_secrets_are_exchanged() {
    let folder = tempfile::tempdir().unwrap();
    let (service, first) = with_admin(folder.path()).await;
    let admin = with(&service, &first.secret);
    let reader = service.create_key(&admin, new_key(Role::Read, None)).await.unwrap();
    let id = reader.key.id.as_str();

    let second = service.rotate_key(&admin, id, 3_600).await.unwrap();
    assert!(second.key.previous_until_unix_ms.is_some());
    let _both = [with(&service, &reader.secret), with(&service, &second.secret)];
    let third = service.rotate_key(&admin, id, 0).await.unwrap();
    for before in [&reader.secret, &second.secret] {
        assert_eq!(told(service.principal(Some(before.expose()))), ErrorCode::Unauthenticated);
    }

    let streaming = with(&service, &third.secret);
    assert!(service.list_collections(&streaming).await.is_ok());
    assert_eq!(service.revoke_key(&admin, id).await.unwrap().state, KeyState::Revoked);
    let message = service.principal(Some(third.secret.expose())).unwrap_err().message;
    assert_eq!(message, format!("the key {id} was revoked"));
    // What goes on with it is refused its next part.
    assert_eq!(told(service.list_collections(&streaming).await), ErrorCode::Unauthenticated);
    assert_eq!(told(service.revoke_key(&admin, id).await), ErrorCode::KeyConflict);
    assert_eq!(told(service.rotate_key(&admin, id, 0).await), ErrorCode::KeyConflict);
    assert_eq!(told(service.revoke_key(&admin, "nope").await), ErrorCode::KeyNotFound);

    let short = NewKey { ttl_seconds: Some(1), ..new_key(Role::Read, None) };
    let short = service.create_key(&admin, short).await.unwrap();
    let expired = format!("the key {} has expired", short.key.id);
    while !service.principal(Some(short.secret.expose())).is_err_and(|it| it.message == expired) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(told(service.rotate_key(&admin, &short.key.id, 0).await), ErrorCode::KeyConflict);
    let states: Vec<_> =
        service.keys(&admin).await.unwrap().into_iter().map(|key| key.state).collect();
    assert_eq!(states, [KeyState::Active, KeyState::Revoked, KeyState::Expired]);
    service.shutdown().await;
}

#[tokio::test]
async fn what_is_asked_of_a_key_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let (service, first) = with_admin(folder.path()).await;
    let admin = with(&service, &first.secret);
    let with_name = |name: String| NewKey { name, ..new_key(Role::Read, None) };
    let with_ttl = |seconds| NewKey { ttl_seconds: Some(seconds), ..new_key(Role::Read, None) };
    for (new, code, field) in [
        (with_name(String::new()), ErrorCode::InvalidArgument, "name"),
        (with_name("x".repeat(129)), ErrorCode::InvalidArgument, "name"),
        (with_name("a\nb".into()), ErrorCode::InvalidArgument, "name"),
        (with_ttl(0), ErrorCode::InvalidArgument, "ttl_seconds"),
        (with_ttl(u64::MAX), ErrorCode::LimitExceeded, "ttl_seconds"),
        (new_key(Role::Read, Some(&[])), ErrorCode::InvalidArgument, "collections"),
        (new_key(Role::Read, Some(&["a", "*"])), ErrorCode::InvalidName, "collections[1]"),
        (new_key(Role::Read, Some(&["a b"])), ErrorCode::InvalidName, "collections[0]"),
        (new_key(Role::Read, Some(&["a"; 101])), ErrorCode::LimitExceeded, "collections"),
    ] {
        refused(service.create_key(&admin, new).await, code, field);
    }
    let grace = service.rotate_key(&admin, &first.key.id, 31 * 24 * 3_600).await;
    refused(grace, ErrorCode::LimitExceeded, "grace_seconds");
    assert_eq!(service.keys(&admin).await.unwrap().len(), 1);
    service.shutdown().await;
    drop(service);

    let mut config = config(folder.path());
    (config.limits.keys, config.limits.revoked_keys) = (2, 1);
    let service = config.open().await;
    let admin = with(&service, &first.secret);
    for _ in 0..3 {
        let made = service.create_key(&admin, new_key(Role::Read, None)).await.unwrap();
        let more = service.create_key(&admin, new_key(Role::Read, None)).await;
        assert_eq!(told(more), ErrorCode::LimitExceeded);
        service.revoke_key(&admin, &made.key.id).await.unwrap();
        assert_eq!(service.keys(&admin).await.unwrap().len(), 2, "one that is revoked is told of");
    }
    service.shutdown().await;
}

#[tokio::test]
async fn the_configuration_decides_whether_keys_are_required() {
    let folder = tempfile::tempdir().unwrap();
    let secret = "0123456789abcdef0123456789abcdef";
    let configured = KeyConfig { admin: vec![SecretHash::of(secret)], ..KeyConfig::default() };
    let service = config(folder.path()).open_with(configured).await;
    assert!(service.requires_keys());
    assert!(service.principal(None).is_err());
    let principal = service.principal(Some(secret)).unwrap();
    assert_eq!(principal.key(), Some("configured"));
    let admin = context().of(Caller { principal, ..Caller::default() });
    // There is somebody who can make others.
    service.create_key(&admin, new_key(Role::Read, None)).await.unwrap();
    service.shutdown().await;
    drop(service);

    let never = KeyConfig { required: KeysRequired::Never, ..KeyConfig::default() };
    let service = config(folder.path()).open_with(never).await;
    assert!(!service.requires_keys() && service.keys(&context()).await.is_ok());
    service.shutdown().await;
    drop(service);

    let other = tempfile::tempdir().unwrap();
    let always = KeyConfig { required: KeysRequired::Always, ..KeyConfig::default() };
    let service = config(other.path()).open_with(always).await;
    assert_eq!(told(service.keys(&context()).await), ErrorCode::Unauthenticated);
    service.shutdown().await;
}

#[tokio::test]
async fn a_scope_holds_for_names_aliases_and_listings() {
    let folder = tempfile::tempdir().unwrap();
    let (service, first) = with_admin(folder.path()).await;
    let admin = with(&service, &first.secret);
    for name in ["a_films", "b_films"] {
        service.create_collection(&admin, vectors(name)).await.unwrap();
    }
    let alias = |alias: &str, collection: &str| GivenAliasAction {
        set: Some(GivenAlias { alias: alias.into(), collection: collection.into() }),
        ..GivenAliasAction::default()
    };
    let aliases = vec![alias("cinema", "a_films"), alias("a_secret", "b_films")];
    service.change_aliases(&admin, aliases).await.unwrap();
    let of_a = scoped(&service, &admin, Role::Admin, &["a_*"]).await;

    // An alias is as good as what it leads to.
    assert!(service.describe_collection(&of_a, "cinema").await.is_ok());
    for outside in ["b_films", "a_secret", "nothing"] {
        assert_eq!(told(service.describe_collection(&of_a, outside).await), DENIED, "{outside}");
        assert_eq!(told(service.count_documents(&of_a, outside, None).await), DENIED);
        let search = service.search(&of_a, outside, near(&[1.0, 0.0])).await;
        assert_eq!(told(search), DENIED);
        let documents = upsert(vec![vector(1, &[1.0, 0.0])]);
        assert_eq!(told(service.upsert(&of_a, outside, documents).await), DENIED);
        assert_eq!(told(service.delete_collection(&of_a, outside).await), DENIED);
        assert_eq!(told(service.aliases(&of_a, Some(outside)).await), DENIED);
        let update = service.update_collection(&of_a, outside, UpdateCollection::default());
        assert_eq!(told(update.await), DENIED);
    }
    let missing = service.describe_collection(&of_a, "a_nothing").await;
    assert_eq!(told(missing), ErrorCode::CollectionNotFound);

    let names: Vec<_> = service.list_collections(&of_a).await.unwrap();
    assert_eq!(names.iter().map(|it| &*it.name).collect::<Vec<_>>(), ["a_films"]);
    let aliases = service.aliases(&of_a, None).await.unwrap();
    assert_eq!(aliases.iter().map(|it| it.alias.as_str()).collect::<Vec<_>>(), ["cinema"]);

    // What is made keeps within the scope, under whatever operation.
    assert!(service.create_collection(&of_a, vectors("a_more")).await.is_ok());
    assert_eq!(told(service.create_collection(&of_a, vectors("c")).await), DENIED);
    assert_eq!(told(service.put_collection(&of_a, vectors("b_films")).await), DENIED);
    let rename = UpdateCollection { name: Some("c".into()), ..UpdateCollection::default() };
    assert_eq!(told(service.update_collection(&of_a, "a_more", rename).await), DENIED);
    assert_eq!(told(service.copy_collection(&of_a, "a_more", "c").await), DENIED);
    assert_eq!(told(service.copy_collection(&of_a, "b_films", "a_copy").await), DENIED);
    let delete = |alias: &str| GivenAliasAction {
        delete: Some(alias.into()),
        ..GivenAliasAction::default()
    };
    for action in [
        alias("a_x", "b_films"),
        alias("a_x", "a_secret"),
        alias("x", "a_films"),
        alias("a_secret", "a_films"),
        delete("a_secret"),
        delete("cinema"),
    ] {
        let change = service.change_aliases(&of_a, vec![action.clone()]).await;
        assert_eq!(told(change), DENIED, "{action:?}");
    }
    let changed = service.change_aliases(&of_a, vec![alias("a_x", "cinema")]).await.unwrap();
    assert_eq!(changed.iter().map(|it| it.alias.as_str()).collect::<Vec<_>>(), ["a_x", "cinema"]);

    // What is about the node is not a tenant's.
    assert_eq!(told(service.keys(&of_a).await), DENIED);
    let more = service.create_key(&of_a, new_key(Role::Read, Some(&["a_*"]))).await;
    assert_eq!(told(more), DENIED);
    service.shutdown().await;
}

#[tokio::test]
async fn tasks_are_those_of_whoever_asks() {
    let folder = tempfile::tempdir().unwrap();
    let (service, first) = with_admin(folder.path()).await;
    let admin = with(&service, &first.secret);
    service.create_collection(&admin, vectors("a_films")).await.unwrap();
    let task = service.copy_collection(&admin, "a_films", "a_copy").await.unwrap();
    let out = service.copy_collection(&admin, "a_films", "b_copy").await.unwrap();
    let of_a = scoped(&service, &admin, Role::Admin, &["a_*"]).await;
    let of_b = scoped(&service, &admin, Role::Admin, &["b_*"]).await;
    assert_eq!(service.tasks(&admin).await.unwrap().len(), 2);
    let seen = service.tasks(&of_a).await.unwrap();
    assert_eq!(seen.iter().map(|it| &it.id).collect::<Vec<_>>(), [&task.id]);
    assert!(service.tasks(&of_b).await.unwrap().is_empty());
    for id in [&task.id, &out.id] {
        assert_eq!(told(service.task(&of_b, id).await), ErrorCode::TaskNotFound);
        assert_eq!(told(service.cancel_task(&of_b, id).await), ErrorCode::TaskNotFound);
    }
    service.shutdown().await;
}

#[tokio::test]
async fn roles_do_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let (service, first) = with_admin(folder.path()).await;
    let admin = with(&service, &first.secret);
    service.create_collection(&admin, vectors("films")).await.unwrap();
    let reader = scoped(&service, &admin, Role::Read, &["films"]).await;
    let writer = scoped(&service, &admin, Role::Write, &["films"]).await;
    let documents = || upsert(vec![vector(1, &[1.0, 0.0])]);
    assert_eq!(told(service.upsert(&reader, "films", documents()).await), DENIED);
    service.upsert(&writer, "films", documents()).await.unwrap();
    assert_eq!(service.count_documents(&reader, "films", None).await.unwrap().count, 1);
    assert_eq!(told(service.delete_collection(&writer, "films").await), DENIED);
    // An operation that a door does not look at is held against the table all the same.
    for operation in [Operation::Search, Operation::CreateKey, Operation::Unknown] {
        let nobody = service.authorize(Door::Rest, &Caller::default(), operation, None);
        assert_eq!(told(nobody), ErrorCode::Unauthenticated);
    }
    assert!(service.authorize(Door::Grpc, &Caller::default(), Operation::Health, None).is_ok());
    service.shutdown().await;
}

#[tokio::test]
async fn an_idempotency_key_is_its_owners() {
    let folder = tempfile::tempdir().unwrap();
    let (service, first) = with_admin(folder.path()).await;
    let admin = with(&service, &first.secret);
    service.create_collection(&admin, vectors("films")).await.unwrap();
    let [a, b] = [
        scoped(&service, &admin, Role::Write, &["films"]).await,
        scoped(&service, &admin, Role::Write, &["films"]).await,
    ];
    let mut ids = Vec::new();
    for context in [&a, &b, &a] {
        let document = NewDocument { vector: Some(vec![1.0, 0.0]), ..NewDocument::default() };
        let key = Some("the-same".to_owned());
        let request = Upsert { idempotency_key: key, ..upsert(vec![document]) };
        let reply = service.upsert(context, "films", request).await.unwrap();
        ids.push(reply.results[0].id.to_string());
    }
    assert_eq!(ids[0], ids[2]);
    assert_ne!(ids[0], ids[1]);
    assert_eq!(service.count_documents(&admin, "films", None).await.unwrap().count, 2);
    service.shutdown().await;
}

#[tokio::test]
async fn readiness_tells_strangers_no_names() {
    let folder = tempfile::tempdir().unwrap();
    let (service, first) = with_admin(folder.path()).await;
    let admin = with(&service, &first.secret);
    let of_a = scoped(&service, &admin, Role::Admin, &["a_*"]).await;
    let whole = service.readiness_for(&admin.caller.principal);
    assert_eq!(whole.models.len(), 2);
    for principal in [Principal::default(), of_a.caller.principal] {
        let seen = service.readiness_for(&principal);
        assert_eq!(seen.ready, whole.ready);
        assert!(seen.models.is_empty() && seen.components.iter().all(|it| it.detail.is_empty()));
    }
    assert!(!format!("{first:?} {whole:?}").contains(first.secret.expose()));
    service.shutdown().await;
}
