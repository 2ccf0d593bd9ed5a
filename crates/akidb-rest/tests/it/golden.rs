//! Requests of before, with what was answered to them: they are answered so ever after.
//!
//! `golden/requests.jsonl` was recorded from a node before storage was put behind a contract, one request
//! a line, in an order in which each finds what it needs. An answer may have more fields than it had;
//! `"*"` stands for what differs from run to run, and for what is said in words.

use serde_json::Value;

use crate::Node;

const REQUESTS: &str = include_str!("../golden/requests.jsonl");

/// How far the last place of a number may be off: processors add in different orders.
const ROUNDING: f64 = 1e-5;

#[tokio::test]
async fn requests_of_before_are_answered_as_they_were() {
    let node = Node::start().await;
    for line in REQUESTS.lines() {
        let golden: Value = serde_json::from_str(line).unwrap();
        let request = golden["request"].as_str().unwrap();
        let body = match &golden["body"] {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let answer = node.send(request, &body).await;
        let reply: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer.status.as_u16(), golden["status"], "{request}: {reply}");
        check(&golden["reply"], &reply, request);
    }
}

/// Whether all of `expected` is in `found`.
fn check(expected: &Value, found: &Value, place: &str) {
    match (expected, found) {
        (Value::String(any), _) if any == "*" => assert!(!found.is_null(), "{place}: nothing"),
        (Value::Object(expected), _) => {
            for (name, expected) in expected {
                let place = format!("{place} {name}");
                let found = found.get(name);
                check(expected, found.unwrap_or_else(|| panic!("{place}: missing")), &place);
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            assert_eq!(expected.len(), found.len(), "{place}: {found:?}");
            for (at, (expected, found)) in expected.iter().zip(found).enumerate() {
                check(expected, found, &format!("{place}[{at}]"));
            }
        }
        (Value::Number(number), _) if number.is_f64() => {
            let (expected, found) = (number.as_f64().unwrap(), found.as_f64().unwrap());
            assert!((expected - found).abs() < ROUNDING, "{place}: {found}, not {expected}");
        }
        _ => assert_eq!(expected, found, "{place}"),
    }
}
