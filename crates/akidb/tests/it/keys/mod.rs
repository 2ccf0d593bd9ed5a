//! Keys, from the outside: who is let in where, and what of it is seen.

mod audit;
mod before_the_body;
mod commands;
mod grpc;
mod matrix;
mod rates;
mod same_answers;

use akidb_client::{Client, IssuedKey, NewKey, Role};
use tonic::metadata::MetadataValue;

use crate::node::Node;

/// The keys of a node, each of a kind.
struct Keys {
    admin: IssuedKey,
    all: Vec<Shown>,
}

/// What a request shows, and what it may do.
struct Shown {
    what: &'static str,
    secret: Option<String>,
    /// Absent where it is no valid key.
    role: Option<Role>,
    /// Whether it is limited to collections whose names begin with `mine`.
    is_limited: bool,
}

/// A message of gRPC with a key.
fn with_key<T>(secret: &str, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    let value: MetadataValue<_> = format!("Bearer {secret}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// Closes a node by its first key, and makes one of each kind.
async fn keys_of(node: &Node) -> Keys {
    let open = Client::new(&node.url()).unwrap();
    let admin = open.create_key(&NewKey::new("operators", Role::Admin)).await.unwrap();
    let client = open.with_key(&admin.secret).unwrap();
    let mut all = Vec::new();
    let mut shown = |what, secret: Option<String>, role, is_limited| {
        all.push(Shown { what, secret, role, is_limited });
    };
    shown("none", None, None, false);
    shown("of another service", Some("sk-0123456789".to_owned()), None, false);
    let mut wrong = admin.secret.clone();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    shown("a wrong secret", Some(wrong), None, false);
    let revoked = client.create_key(&NewKey::new("revoked", Role::Admin)).await.unwrap();
    client.revoke_key(&revoked.key.id).await.unwrap();
    shown("revoked", Some(revoked.secret), None, false);
    let short = NewKey::new("expired", Role::Admin).ttl_seconds(1);
    let expired = client.create_key(&short).await.unwrap();
    let until_expired = client.clone().with_key(&expired.secret).unwrap();
    while until_expired.tasks().await.is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    shown("expired", Some(expired.secret), None, false);
    for (what, role, is_limited) in [
        ("read", Role::Read, false),
        ("write", Role::Write, false),
        ("admin", Role::Admin, false),
        ("read of some", Role::Read, true),
        ("write of some", Role::Write, true),
        ("admin of some", Role::Admin, true),
    ] {
        let new = NewKey::new(what, role);
        let new = if is_limited { new.collections(["mine*"]) } else { new };
        let made = client.create_key(&new).await.unwrap();
        shown(what, Some(made.secret), Some(role), is_limited);
    }
    Keys { admin, all }
}

/// What is to come of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// A door or the service goes on with it, whatever it then says.
    LetIn,
    /// 401, UNAUTHENTICATED.
    Unauthenticated,
    /// 403, PERMISSION_DENIED.
    Denied,
}

impl Shown {
    /// As the table of operations declares it. `outside` says whether the request names a collection that
    /// limited keys do not reach.
    fn expected(&self, operation: akidb_service::Operation, outside: bool) -> Outcome {
        use akidb_service::{Access, Reach};
        let Access::Key(role, reach) = operation.access() else { return Outcome::LetIn };
        let needed = match role {
            akidb_service::Role::Read => 0,
            akidb_service::Role::Write => 1,
            akidb_service::Role::Admin => 2,
        };
        let has = match self.role {
            None => return Outcome::Unauthenticated,
            Some(Role::Write) => 1,
            Some(Role::Admin) => 2,
            Some(_) => 0,
        };
        let is_outside = match reach {
            Reach::Anything => false,
            Reach::Node => true,
            Reach::Collection | Reach::Own => outside,
        };
        if has < needed || (self.is_limited && is_outside) {
            return Outcome::Denied;
        }
        Outcome::LetIn
    }
}
