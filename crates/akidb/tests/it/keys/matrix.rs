//! Every route of REST, with every kind of key: what comes of it is what the table declares.

use akidb_client::process::plain_http;
use reqwest::{Method, StatusCode};

use super::{Outcome, keys_of};
use crate::node::{Node, scratch};

/// A request of a route whose own parts are nothing that is there.
fn path_of(route: &str) -> String {
    let parts =
        [("{name}", "elsewhere"), ("{id}", "0000"), ("{field}", "title"), ("{model}", "nothing")];
    let path = parts.iter().fold(route.to_owned(), |path, (part, value)| path.replace(part, value));
    assert!(!path.contains('{'), "{path} has a part that this test does not know");
    path
}

fn outcome(status: StatusCode) -> Outcome {
    match status {
        StatusCode::UNAUTHORIZED => Outcome::Unauthenticated,
        StatusCode::FORBIDDEN => Outcome::Denied,
        _ => Outcome::LetIn,
    }
}

#[tokio::test]
async fn every_route_lets_in_whom_the_table_says() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let keys = keys_of(&node).await;
    let http = plain_http();
    let mut complaints = String::new();
    let mut asked = 0;
    let routes: Vec<_> = akidb_rest::operations().collect();
    let heads = routes.iter().filter(|(method, ..)| method == Method::GET);
    let heads = heads.map(|(_, path, operation)| (Method::HEAD, *path, *operation));
    let unknown = akidb_service::Operation::Unknown;
    let others = [
        (Method::GET, "/nothing", unknown),
        (Method::POST, "/metrics", unknown),
        (Method::DELETE, "/v1/collections", unknown),
        // Its own document, not the count: the id is a word.
        (Method::GET, "/v1/collections/{name}/documents/count", akidb_service::Operation::Get),
        (Method::DELETE, "/v1/collections/{name}/documents/get", akidb_service::Operation::Delete),
    ];
    for (method, route, operation) in routes.iter().cloned().chain(heads).chain(others) {
        for shown in &keys.all {
            let url = format!("{}{}", node.url(), path_of(route));
            let mut request = http.request(method.clone(), url);
            if let Some(secret) = &shown.secret {
                request = match asked % 2 {
                    0 => request.bearer_auth(secret),
                    _ => request.header("api-key", secret),
                };
            }
            if [Method::POST, Method::PUT, Method::PATCH].contains(&method) {
                // Nobody is to learn that it is not JSON who is not let in.
                request = request.header("content-type", "application/json").body("{");
            }
            let response = request.send().await.unwrap();
            let is_asked_for = response.headers().contains_key("www-authenticate");
            let status = response.status();
            let expected = shown.expected(operation, route.contains("{name}"));
            asked += 1;
            if outcome(status) != expected || is_asked_for != (status == StatusCode::UNAUTHORIZED) {
                complaints +=
                    &format!("{method} {route}, {}: {status}, not {expected:?}\n", shown.what);
            }
        }
    }
    assert!(complaints.is_empty(), "\n{complaints}");
    assert!(asked > 600, "{asked}");
}
