//! One answer in the words that both doors share: a JSON value as REST writes it, or a fault.

use akidb_core::ErrorCode;
use serde_json::{Value, json};

use super::request::made_version;

/// What a door answered.
pub(crate) type Answer = Result<Value, Fault>;

/// An error, without what differs from request to request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    pub(crate) retryable: bool,
    pub(crate) outcome: String,
    pub(crate) violations: Vec<Violation>,
}

/// A wrong place of the request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Violation {
    pub(crate) field: String,
    pub(crate) description: String,
}

/// The code of a name of `error.code` or `ErrorInfo.reason`.
#[track_caller]
pub(crate) fn code_named(name: &str) -> ErrorCode {
    let code = ErrorCode::ALL.iter().copied().find(|code| code.as_str() == name);
    code.unwrap_or_else(|| panic!("{name:?} is not in the table of error codes"))
}

/// An answer without what two equal nodes may answer differently: times, sizes, how far an index is,
/// ids that a node made, cursors. That they are there, and of the right kind, is kept.
pub(crate) fn settled(mut answer: Value) -> Value {
    settle(&mut answer);
    answer
}

fn settle(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(settle),
        Value::Object(members) => {
            // As good as absent: the wire of gRPC has no null for a text.
            if members.get("text").is_some_and(Value::is_null) {
                members.remove("text");
            }
            for (key, member) in members.iter_mut() {
                match key.as_str() {
                    // The user's own.
                    "metadata" => {}
                    "took_ms" | "duration_ms" | "filter_ms" | "index_ms" | "keyword_ms"
                    | "fetch_ms" | "shown_ms" | "rerank_ms" => {
                        *member = json!(member.as_f64().unwrap() >= 0.0);
                    }
                    "created_unix_ms" | "disk_bytes" => {
                        *member = json!(member.as_u64().is_some());
                    }
                    // Of a document that was re-ranked it is a number.
                    "index" if member.is_object() => settle_index(member),
                    "next_cursor" => *member = json!(!member.as_str().unwrap().is_empty()),
                    "id" => {
                        if let Some(version) = made_version(member) {
                            *member = json!(format!("a UUIDv{version}"));
                        }
                    }
                    _ => settle(member),
                }
            }
        }
        _ => {}
    }
}

/// An index without how far it is: it is built in the background.
fn settle_index(index: &mut Value) {
    for (key, member) in index.as_object_mut().unwrap() {
        match key.as_str() {
            "state" => {
                let known = ["ready", "building", "rebuilding"].contains(&member.as_str().unwrap());
                *member = json!(known);
            }
            "progress" => *member = json!((0.0..=1.0).contains(&member.as_f64().unwrap())),
            "linked_count" | "memory_bytes" | "hot_memory_bytes" | "disk_bytes" => {
                *member = json!(member.as_u64().is_some());
            }
            _ => {}
        }
    }
}

/// Whether the doors found the same fault. gRPC cuts what would not fit into headers.
pub(crate) fn is_same_fault(rest: &Fault, grpc: &Fault) -> bool {
    let said_bytes: usize =
        rest.violations.iter().map(|at| at.field.len() + at.description.len()).sum();
    let all_fit = said_bytes <= 1_024;
    let listed = rest.violations.iter().zip(&grpc.violations).all(|(rest, grpc)| {
        is_cut_of(&rest.field, &grpc.field) && is_cut_of(&rest.description, &grpc.description)
    });
    (rest.code, rest.retryable, &rest.outcome) == (grpc.code, grpc.retryable, &grpc.outcome)
        && is_cut_of(&rest.message, &grpc.message)
        && listed
        && grpc.violations.is_empty() == rest.violations.is_empty()
        && grpc.violations.len() <= rest.violations.len()
        && (grpc.violations.len() == rest.violations.len() || !all_fit)
}

fn is_cut_of(whole: &str, given: &str) -> bool {
    let cut = given.strip_suffix("...").filter(|cut| cut.len() > 200);
    whole == given || cut.is_some_and(|cut| whole.starts_with(cut))
}
