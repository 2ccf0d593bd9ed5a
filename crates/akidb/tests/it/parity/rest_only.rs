//! Requests that only REST can spell: broken JSON, broken HTTP, fields that there are not.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use akidb_core::ErrorCode::{self, *};
use serde_json::Value;

use super::{
    answer::Fault,
    doors::small_node,
    rest::{RestDoor, fault},
};
use crate::{
    node::Node,
    parity::request::{Operation, Request},
};

const DOCUMENTS: &str = "POST /v1/collections/films/documents";
const SEARCH: &str = "POST /v1/collections/films/search";
const SEARCHES: &str = "POST /v1/collections/films/search/batch";
const GET: &str = "POST /v1/collections/films/documents/get";
const DELETE: &str = "POST /v1/collections/films/documents/delete";
const COUNT: &str = "POST /v1/collections/films/documents/count";
const SCROLL: &str = "POST /v1/collections/films/documents/scroll";
const ONE: &str = "/v1/collections/films/documents/1";

/// Sends any bytes as a request and reads the fault in the answer.
fn send(node: &Node, line: &str, headers: &str, body: &[u8]) -> Fault {
    let mut stream = TcpStream::connect(node.rest).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(600))).unwrap();
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The node may refuse before it has read all of it.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) =
        answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{line}: {answer:?}"));
    let status = head[9..12].parse().unwrap();
    let id = head.lines().find_map(|line| line.strip_prefix("x-request-id: "));
    let body: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{line}: {answer}"));
    fault(status, id.unwrap(), &body, &line)
}

/// What only REST is asked, and what is said of it.
struct Script {
    node: Node,
    complaints: Vec<String>,
}

impl Script {
    fn refused(&mut self, line: &str, body: impl AsRef<[u8]>, code: ErrorCode, says: &str) {
        self.refused_with(line, "content-type: application/json\r\n", body, code, says);
    }

    fn refused_with(
        &mut self,
        line: &str,
        headers: &str,
        body: impl AsRef<[u8]>,
        code: ErrorCode,
        says: &str,
    ) {
        let body = body.as_ref();
        let fault = send(&self.node, line, headers, body);
        if fault.code != code || !fault.message.contains(says) || fault.outcome != "not_applied" {
            let body: String = String::from_utf8_lossy(body).chars().take(200).collect();
            let complaint = format!("{line} {body}\n    not {code} {says:?}: {fault:?}");
            self.complaints.push(complaint);
        }
    }
}

async fn state(node: &Node) -> Value {
    let request = Request::new(Operation::DescribeCollection, "films", Value::Null);
    super::answer::settled(RestDoor::new(node).ask(&request).await.unwrap())
}

/// A filter or a value within `levels` lists.
fn nested(open: &str, close: &str, levels: usize) -> String {
    open.repeat(levels) + "1" + &close.repeat(levels)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_rest_can_spell_is_refused_and_changes_nothing() {
    let (_folder, node) = small_node();
    let door = RestDoor::new(&node);
    let create = serde_json::json!({"name": "films", "dimension": 3});
    door.ask(&Request::new(Operation::CreateCollection, "", create)).await.unwrap();
    let good = serde_json::json!({"documents": [{"id": 1, "vector": [1, 2, 3]}]});
    door.ask(&Request::new(Operation::Upsert, "films", good)).await.unwrap();
    let before = state(&node).await;
    let mut script = Script { node, complaints: Vec::new() };
    broken_json(&mut script);
    wrong_types_and_fields(&mut script);
    broken_http(&mut script);
    assert!(script.complaints.is_empty(), "\n{}", script.complaints.join("\n"));
    assert_eq!(state(&script.node).await, before);
}

#[rustfmt::skip] // A case is a line.
fn broken_json(script: &mut Script) {
    let document = |value: &str| format!(r#"{{"documents":[{{"vector":[1,2,3]}},{{"vector":[1,2,3],{value}}}]}}"#);
    script.refused(DOCUMENTS, "", MalformedRequest, "body: is empty, a JSON object is expected");
    script.refused(DOCUMENTS, "{", MalformedRequest, "line 1 column 1");
    script.refused(DOCUMENTS, "null", MalformedRequest, "body: ");
    script.refused(DOCUMENTS, "[]", MalformedRequest, "body: ");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[1,2,3]}]} x"#, MalformedRequest, "body: trailing characters");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[1,2,3]}]"#, MalformedRequest, "EOF");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[1,2,NaN]}]}"#, MalformedRequest, "documents[0].vector");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[1,2,-Infinity]}]}"#, MalformedRequest, "documents[0].vector");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[1,2,1e999]}]}"#, InvalidVector, "documents[0].vector[2]: is not a finite 32-bit float");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[1,-1e999,3]}]}"#, InvalidVector, "documents[0].vector[1]: ");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[1,2,"3"]}]}"#, MalformedRequest, "documents[0].vector[2]: ");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[1,2,null]}]}"#, MalformedRequest, "documents[0].vector[2]: ");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[1,2,[3]]}]}"#, MalformedRequest, "documents[0].vector[2]: ");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[01,2,3]}]}"#, MalformedRequest, "documents[0].vector");
    script.refused(DOCUMENTS, document(r#""metadata":{"a":1e999}"#), MalformedRequest, "documents[1].metadata");
    script.refused(DOCUMENTS, document(r#""text":"\ud800""#), MalformedRequest, "documents[1].text: ");
    script.refused(DOCUMENTS, document(r#""text":"\udc00\ud800""#), MalformedRequest, "documents[1].text: ");
    script.refused(DOCUMENTS, document(r#""id":"\ud83d""#), MalformedRequest, "documents[1].id: ");
    script.refused(DOCUMENTS, document(r#""metadata":{"\ud800":1}"#), MalformedRequest, "documents[1].metadata");
    script.refused(DOCUMENTS, document(r#""metadata":{"a":"\udfff"}"#), MalformedRequest, "documents[1].metadata");
    script.refused(DOCUMENTS, document("\"text\":\"a\nb\""), MalformedRequest, "documents[1].text: control character");
    script.refused(DOCUMENTS, [&b"{\"documents\":[{\"text\":\""[..], b"\xc3\x28\"}]}"].concat(), MalformedRequest, "body: is not UTF-8 at line 1 column 24");
    script.refused(DOCUMENTS, b"\xff\xfe{\0}\0", MalformedRequest, "body: is not UTF-8");
    script.refused(DOCUMENTS, b"\xed\xa0\x80", MalformedRequest, "body: is not UTF-8");
    script.refused(COUNT, format!(r#"{{"filter":{}}}"#, nested(r#"{"a":"#, "}", 200)), MalformedRequest, "recursion limit");
    script.refused(COUNT, format!(r#"{{"filter":{}}}"#, nested(r#"{"$not":"#, "}", 100)), InvalidFilter, "is nested deeper than 16 levels");
    script.refused(COUNT, format!(r#"{{"filter":{{"a":{}}}}}"#, nested("[", "]", 100_000)), MalformedRequest, "recursion limit");
    script.refused(DOCUMENTS, document(&format!(r#""metadata":{}"#, nested(r#"{"a":"#, "}", 200))), MalformedRequest, "recursion limit");
    script.refused(DOCUMENTS, document(&format!(r#""metadata":{}"#, nested(r#"{"a":"#, "}", 100))), InvalidMetadata, "documents[1].metadata: is nested deeper than 16 levels");
    script.refused(SEARCH, nested("[", "]", 1_000_000), MalformedRequest, "body: ");
    script.refused(SEARCH, "\u{feff}{}", MalformedRequest, "body: ");
}

#[rustfmt::skip] // A case is a line.
fn wrong_types_and_fields(script: &mut Script) {
    script.refused(DOCUMENTS, "{}", MalformedRequest, "missing field `documents`");
    script.refused(DOCUMENTS, r#"{"documents":null}"#, MalformedRequest, "documents: ");
    script.refused(DOCUMENTS, r#"{"documents":{}}"#, MalformedRequest, "documents: ");
    script.refused(DOCUMENTS, r#"{"documents":[null]}"#, MalformedRequest, "documents[0]: ");
    script.refused(DOCUMENTS, r#"{"documents":[[1]]}"#, MalformedRequest, "documents[0]: ");
    script.refused(DOCUMENTS, r#"{"documents":[{"text":5}]}"#, MalformedRequest, "documents[0].text: ");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":"1,2,3"}]}"#, MalformedRequest, "documents[0].vector: ");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[1,2,3],"metadata":[]}]}"#, MalformedRequest, "documents[0].metadata: ");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[1,2,3],"metadata":"{}"}]}"#, MalformedRequest, "documents[0].metadata: ");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[1,2,3],"id":1.5}]}"#, MalformedRequest, "documents[0].id: ");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[1,2,3],"id":true}]}"#, MalformedRequest, "documents[0].id: ");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[1,2,3],"id":9223372036854775808}]}"#, MalformedRequest, "documents[0].id: ");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[1,2,3],"id":-9223372036854775809}]}"#, MalformedRequest, "documents[0].id: ");
    script.refused(DOCUMENTS, r#"{"documents":[{"vectr":[1,2,3]}]}"#, UnknownField, r#"documents[0].vectr: is not a known field, did you mean "vector"?"#);
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[1,2,3]}],"wait":true}"#, UnknownField, "wait: is not a known field");
    script.refused(DOCUMENTS, r#"{"documents":[],"documents":[]}"#, MalformedRequest, "duplicate field");
    script.refused(DOCUMENTS, format!(r#"{{"documents":[{}{{}}]}}"#, "{},".repeat(1 << 17)), LimitExceeded, "documents: has more than 131072 items");
    script.refused(SEARCH, r#"{"vector":[1,2,3],"text":"a"}"#, InvalidArgument, "exactly one of text, vector and id must be given");
    script.refused(SEARCH, r#"{"id":1,"text":"a"}"#, InvalidArgument, "exactly one of text, vector and id");
    script.refused(SEARCH, r#"{"vector":[1,2,3],"id":1}"#, InvalidArgument, "exactly one of text, vector and id");
    script.refused(SEARCH, r#"{"vector":[1,2,3],"limit":-1}"#, MalformedRequest, "limit: ");
    script.refused(SEARCH, r#"{"vector":[1,2,3],"limit":1.5}"#, MalformedRequest, "limit: ");
    script.refused(SEARCH, r#"{"vector":[1,2,3],"limit":18446744073709551616}"#, MalformedRequest, "limit: ");
    script.refused(SEARCH, r#"{"vector":[1,2,3],"limit":"10"}"#, MalformedRequest, "limit: ");
    script.refused(SEARCH, r#"{"vector":[1,2,3],"offset":-5}"#, MalformedRequest, "offset: ");
    script.refused(SEARCH, r#"{"vector":[1,2,3],"min_score":1e999}"#, MalformedRequest, "min_score: ");
    script.refused(SEARCH, r#"{"vector":[1,2,3],"mode":"both"}"#, InvalidArgument, "mode: \"both\" is not a mode, allowed are semantic, keyword, hybrid");
    script.refused(SEARCH, r#"{"text":"a","mode":"hybrid","hybrid":{"fusion":"dbsf"}}"#, InvalidArgument, "hybrid.fusion: \"dbsf\" is not a fusion, allowed are adaptive, rrf, weighted");
    script.refused(SEARCH, r#"{"text":"a","mode":"hybrid","hybrid":{"alpha":0.5}}"#, UnknownField, "hybrid.alpha: is not a known field, did you mean \"weights\"?");
    script.refused(SEARCH, r#"{"text":"a","mode":"hybrid","hybrid":{"weights":[1,2]}}"#, MalformedRequest, "hybrid.weights: ");
    script.refused(SEARCH, r#"{"text":"a","mode":"hybrid","hybrid":{"depth":-1}}"#, MalformedRequest, "hybrid.depth: ");
    script.refused(SEARCH, r#"{"text":"a","mode":"hybrid","hybrid":{"k":1e999}}"#, MalformedRequest, "hybrid.k: ");
    script.refused(SEARCH, r#"{"text":"a","mode":"hybrid","min_parts":{"vector":0.5}}"#, UnknownField, "min_parts.vector: is not a known field, did you mean \"semantic\"?");
    script.refused(SEARCH, r#"{"text":"a","search_type":"hybrid"}"#, UnknownField, "search_type: is not a known field, did you mean \"mode\"?");
    script.refused(SEARCH, r#"{"vector":[1,2,3],"include":["score"]}"#, InvalidArgument, "include[0]: ");
    script.refused(SEARCH, r#"{"vector":[1,2,3],"include":"text"}"#, MalformedRequest, "include: ");
    script.refused(SEARCH, r#"{"vector":[1,2,3],"filter":[]}"#, InvalidFilter, "filter: must be an object of conditions, is a list");
    script.refused(SEARCH, r#"{"vector":[1,2,3],"filter":"year > 2000"}"#, InvalidFilter, "filter: must be an object");
    script.refused(SEARCH, r#"{"vector":[1,2,3],"params":{"nprobe":10}}"#, UnknownField, "params.nprobe: ");
    script.refused(SEARCH, r#"{"vector":[1,2,3],"limt":10}"#, UnknownField, r#"limt: is not a known field, did you mean "limit"?"#);
    script.refused(SEARCHES, r#"{"searches":[{"vector":[1,2,3]},{"vector":[1,2,3],"text":"a"}]}"#, InvalidArgument, "searches[1]: exactly one of");
    script.refused(SEARCHES, r#"{"searches":[{"vector":[1,2,3]},{"mode":"words"}]}"#, InvalidArgument, "searches[1].mode: ");
    script.refused(GET, r#"{"ids":[1],"filter":{}}"#, InvalidArgument, "exactly one of ids and filter must be given");
    script.refused(DELETE, r#"{"ids":[1],"filter":{"a":1}}"#, InvalidArgument, "exactly one of ids, filter and all must be given");
    script.refused(DELETE, r#"{"filter":{"year":{"$gt":5},"year":{"$lt":9}}}"#, MalformedRequest, "filter.year: stands twice");
    script.refused(COUNT, r#"{"filter":{"a":{"$in":[{"b":1,"b":1}]}}}"#, MalformedRequest, "filter.a.$in[0].b: stands twice");
    script.refused(SEARCH, r#"{"vector":[1,2,3],"filter":{"a":18446744073709551616}}"#, MalformedRequest, "filter.a: is an integer beyond 64 bits");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[1,2,3],"metadata":{"a":{"b":1,"b":2}}}]}"#, MalformedRequest, "documents[0].metadata.a.b: stands twice");
    script.refused(DOCUMENTS, r#"{"documents":[{"vector":[1,2,3],"metadata":{"a":-9223372036854775809}}]}"#, MalformedRequest, "documents[0].metadata.a: is an integer beyond 64 bits");
    script.refused(&format!("PATCH {ONE}"), r#"{"metadata":{"a":1,"a":null}}"#, MalformedRequest, "metadata.a: stands twice");
    script.refused("POST /embed", r#"{"texts":["a"],"texts":["b"]}"#, MalformedRequest, "duplicate field");
    script.refused(DELETE, r#"{"filter":true}"#, InvalidFilter, "filter: must be an object of conditions, is a boolean");
    script.refused(DELETE, r#"{"filters":{}}"#, UnknownField, r#"did you mean "filter"?"#);
    script.refused(DELETE, r#"{"ids":[1,{}]}"#, MalformedRequest, "ids[1]: ");
    script.refused(SCROLL, r#"{"limit":-1}"#, MalformedRequest, "limit: ");
    script.refused(SCROLL, r#"{"cursor":5}"#, MalformedRequest, "cursor: ");
    script.refused("POST /v1/collections", r#"{"dimension":3}"#, MalformedRequest, "missing field `name`");
    script.refused("POST /v1/collections", r#"{"name":"a","dimension":-3}"#, MalformedRequest, "dimension: ");
    script.refused("POST /v1/collections", r#"{"name":"a","dimension":3,"metric":5}"#, MalformedRequest, "metric: ");
    script.refused("POST /v1/collections", r#"{"name":"a","dimension":3,"metric":"manhattan"}"#, InvalidArgument, r#"metric: unknown metric "manhattan", allowed are cosine, dot and l2"#);
    script.refused("POST /v1/collections", r#"{"name":"a","dimension":3,"dim":3}"#, UnknownField, "dim: ");
    script.refused("PATCH /v1/collections/films", r#"{"metric":"dot"}"#, UnknownField, "metric: ");
    script.refused(&format!("PATCH {ONE}"), r#"{"metadata":[]}"#, MalformedRequest, "metadata: must be an object, is a list");
    script.refused(&format!("PATCH {ONE}"), r#"{"txt":"new"}"#, UnknownField, r#"did you mean "text"?"#);
    script.refused("POST /embed", r#"{"texts":"a"}"#, MalformedRequest, "texts: ");
    script.refused("POST /embed", r#"{"texts":["a",5]}"#, MalformedRequest, "texts[1]: ");
    script.refused("POST /embed", r#"{"texts":["a"],"pooling":"median"}"#, InvalidArgument, "pooling: ");
    script.refused("POST /embed", r#"{"texts":["a"],"input_type":"image"}"#, InvalidArgument, "allowed are query and document");
    script.refused("POST /embed", r#"{"texts":["a"],"dimensions":-1}"#, MalformedRequest, "dimensions: ");
    script.refused("POST /embed", r#"{"texts":["a"],"dimensions":1.5}"#, MalformedRequest, "dimensions: ");
    script.refused("POST /embed", r#"{"texts":["a"],"truncate":"middle"}"#, InvalidArgument, "allowed are none, end and start");
    script.refused("POST /embed", r#"{"texts":["\ud800"]}"#, MalformedRequest, "");
    script.refused("POST /embed", r#"{"input":["a"]}"#, UnknownField, "input: ");
}

#[rustfmt::skip] // A case is a line.
fn broken_http(script: &mut Script) {
    let body = r#"{"vector":[1,2,3]}"#;
    script.refused("GET /nothing", "", RouteNotFound, "no route \"/nothing\"");
    script.refused("GET /v2/collections", "", RouteNotFound, "no route");
    script.refused("GET /v1/collections/films/", "", RouteNotFound, "no route");
    script.refused("GET /v1/collections/../x", "", RouteNotFound, "no route");
    script.refused("GET /v1/collections/..%2Fx", "", InvalidName, "\"../x\" is not a collection name");
    script.refused("DELETE /v1/collections/..%2F..%2Fetc", "", InvalidName, "collection: ");
    script.refused("GET /v1/collections/..", "", InvalidName, "collection: ");
    script.refused("GET /v1/collections/%2e%2e", "", InvalidName, "\"..\" is not a collection name");
    script.refused("GET /v1/collections/films%00", "", InvalidName, "collection: ");
    script.refused("GET /v1/collections/%ff", "", MalformedRequest, "name: is not UTF-8 when decoded");
    script.refused("GET /v1/collections/%zz", "", MalformedRequest, "name: has a %");
    script.refused("GET /v1/collections/films/documents/%C0%80", "", MalformedRequest, "id: is not UTF-8");
    script.refused("GET /v1/collections/films/documents/a%00b", "", InvalidId, "id: has a NUL character at byte 1");
    script.refused("GET /v1/collections/films/documents/..%2F..%2Fx", "", DocumentNotFound, "../../x");
    script.refused("GET /v1/collections/films/documents/1.5?type=integer", "", InvalidId, "id: \"1.5\" is not a 64-bit signed integer");
    script.refused("GET /v1/collections/films/documents/9223372036854775808?type=integer", "", InvalidId, "is not a 64-bit signed integer");
    script.refused(&format!("GET {ONE}?type=string"), "", DocumentNotFound, "no document has the id 1");
    script.refused(&format!("GET {ONE}?type=float"), "", InvalidArgument, "type: ");
    script.refused(&format!("GET {ONE}?type=integer&type=string"), "", MalformedRequest, "type: is given twice");
    script.refused(&format!("GET {ONE}?type=integer&include=text,nope"), "", InvalidArgument, "include[1]: ");
    script.refused(&format!("GET {ONE}?type=integer&limit=5"), "", UnknownField, "limit: ");
    script.refused(&format!("GET {ONE}?include=%ff"), "", MalformedRequest, "include: ");
    script.refused(&format!("{SEARCH}?limit=1"), body, UnknownField, "limit: ");
    script.refused("PUT /v1/collections", "{}", MethodNotAllowed, "does not answer PUT");
    script.refused("POST /v1/aliases", r#"{"actions":[{"create":{"alias":"a","collection":"films"},"delete":{"alias":"a"}}]}"#, InvalidArgument, "actions[0]: exactly one of create, set and delete");
    script.refused("POST /v1/aliases", r#"{"actions":[{"create":["a","films"]}]}"#, MalformedRequest, "actions[0].create: ");
    script.refused("POST /v1/aliases", r#"{"actions":[{"set":{"alias":"a","colection":"films"}}]}"#, UnknownField, "actions[0].set.colection: ");
    script.refused("PUT /v1/collections/films", r#"{"name":"films"}"#, UnknownField, "name: ");
    script.refused("GET /v1/collections/films/search", "", MethodNotAllowed, "does not answer GET");
    script.refused("DELETE /v1/collections", "", MethodNotAllowed, "does not answer DELETE");
    script.refused("TRACE /v1/collections", "", MethodNotAllowed, "does not answer TRACE");
    script.refused("BREW /embed", "{}", MethodNotAllowed, "does not answer BREW");
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    script.refused_with(SEARCH, form, body, UnsupportedMediaType, "content-type: ");
    script.refused_with(DOCUMENTS, "content-type: text/plain\r\n", body, UnsupportedMediaType, "is not taken here, allowed is application/json");
    script.refused_with(DOCUMENTS, "content-type: application/json\r\nidempotency-key: a b\r\n", r#"{"documents": [{"text": "a"}]}"#, InvalidArgument, "idempotency_key: must be 1 to 255 visible ASCII");
    script.refused_with(SEARCH, "", body, UnsupportedMediaType, "content-type: is missing, allowed is application/json");
    script.refused_with(SEARCH, "content-type: application/json\r\ncontent-encoding: br\r\n", body, UnsupportedMediaType, "content-encoding: \"br\" is not taken, allowed are gzip and zstd");
    script.refused_with("POST /v1/admin/models/hash/load", "", "{}", UnsupportedMediaType, "content-type: is missing");
    script.refused_with(SEARCH, "content-type: application/json\r\norigin: http://evil.test\r\n", body, OriginNotAllowed, "server.cors_origins");
    script.refused_with(SEARCH, "content-type: application/json\r\nhost: localhost\r\n", body, MalformedRequest, "host: is given twice");
    script.refused_with(SEARCH, "content-type: application/json\r\nx-request-timeout-ms: 0\r\n", body, InvalidArgument, "x-request-timeout-ms: ");
    script.refused_with(SEARCH, "content-type: application/json\r\nx-request-timeout-ms: -1\r\n", body, InvalidArgument, "x-request-timeout-ms: ");
    let mut large = b"{\"documents\":[{\"text\":\"".to_vec();
    large.resize(33 << 20, b'x');
    script.refused(DOCUMENTS, large, BodyTooLarge, "the body has 34603008 bytes, allowed are at most 33554432 bytes");
}

/// What is no HTTP never reaches a route; all it gets is a status.
#[tokio::test]
async fn what_is_no_http_is_answered_as_the_clients_fault_or_not_at_all() {
    let (_folder, node) = small_node();
    let long = "x".repeat(100_000);
    let many = "a: b\r\n".repeat(1_000);
    let heads: [&[u8]; 9] = [
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"GET /\xff\x00 HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: a\r\nbad\x00name: b\r\n\r\n",
        b"POST /embed HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"POST /embed HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
        &[b"GET /", long.as_bytes(), b" HTTP/1.1\r\nhost: a\r\n\r\n"].concat(),
        &[b"GET /health HTTP/1.1\r\nhost: a\r\n", many.as_bytes(), b"\r\n"].concat(),
    ];
    for head in heads {
        let mut stream = TcpStream::connect(node.rest).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(600))).unwrap();
        let _ = stream.write_all(head);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        let shown = String::from_utf8_lossy(&head[..head.len().min(60)]);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{shown:?}: {answer}");
    }
    RestDoor::new(&node)
        .ask(&Request::new(Operation::ListCollections, "", Value::Null))
        .await
        .unwrap();
}
