//! Bodies of REST.

use serde_json::Value;

use crate::node::node;

/// The routes that read a body. None of them drops what the next input needs.
const ROUTES: [(&str, &str); 14] = [
    ("POST", "/v1/collections"),
    ("PATCH", "/v1/collections/vectors"),
    ("POST", "/v1/collections/vectors/documents"),
    ("POST", "/v1/collections/texts/documents"),
    ("POST", "/v1/collections/vectors/documents/get"),
    ("POST", "/v1/collections/vectors/documents/delete"),
    ("POST", "/v1/collections/vectors/documents/scroll"),
    ("POST", "/v1/collections/vectors/documents/count"),
    ("PATCH", "/v1/collections/vectors/documents/a"),
    ("POST", "/v1/collections/vectors/import"),
    ("POST", "/v1/collections/vectors/search"),
    ("POST", "/v1/collections/vectors/search/batch"),
    ("POST", "/embed"),
    ("POST", "/v1/embeddings"),
];

/// The first byte chooses the route, the rest is the body.
///
/// # Panics
/// When the node blames itself, or refuses without an error that says why.
pub fn bodies(input: &[u8]) {
    let Some((&route, body)) = input.split_first() else { return };
    let (method, path) = ROUTES[usize::from(route) % ROUTES.len()];
    let (status, answer) = node().send(method, path, body);
    assert!(status < 500, "{method} {path}: {status} {}", String::from_utf8_lossy(&answer));
    if status >= 400 {
        let answer: Value = serde_json::from_slice(&answer).expect("an error in JSON");
        let says_why = answer["error"]["message"].as_str().is_some_and(|text| !text.is_empty());
        assert!(says_why, "{method} {path}: {status} {answer}");
    }
}
