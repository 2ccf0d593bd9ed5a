//! Requests that only gRPC can spell: NaN as such, values without a kind, bytes that are no text.

use std::fmt::{self, Display};

use akidb_core::ErrorCode::{self, *};
use akidb_proto::{collection::v1 as wire, embedding::v1 as embedding_wire};
use bytes::{Buf, BufMut};
use prost::Message;
use serde_json::json;
use tonic::{
    Request as TonicRequest, Response, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
};

use super::{
    answer::{Fault, settled},
    doors::small_node,
    grpc::{GrpcDoor, fault},
    request::{Operation, Request},
    to_wire,
};

const SERVICE: &str = "/akidb.collection.v1.CollectionService";

/// Messages as bytes that nobody has checked.
#[derive(Clone, Copy, Debug, Default)]
struct RawBytes;

impl Codec for RawBytes {
    type Encode = Vec<u8>;
    type Decode = usize;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for RawBytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&message);
        Ok(())
    }
}

impl Decoder for RawBytes {
    type Item = usize;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<usize>, Status> {
        let bytes = buffer.remaining();
        buffer.advance(bytes);
        Ok(Some(bytes))
    }
}

/// A method and its message.
struct Raw {
    path: String,
    message: Vec<u8>,
}

impl Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.path, self.message.get(..60).unwrap_or(&self.message))
    }
}

async fn send(door: &GrpcDoor, raw: Raw) -> Result<usize, Fault> {
    let mut client = Grpc::new(door.channel.clone());
    client.ready().await.unwrap();
    let path: PathAndQuery = raw.path.parse().unwrap();
    let answer = client.unary(TonicRequest::new(raw.message.clone()), path, RawBytes).await;
    answer.map(Response::into_inner).map_err(|status| fault(&status, &raw))
}

/// Bytes of a field that holds bytes, a text or a message.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    prost::encode_length_delimiter(content.len(), &mut field).unwrap();
    field.extend_from_slice(content);
    field
}

/// A `Struct` with one member.
fn member(key: &[u8], value: &[u8]) -> Vec<u8> {
    field(1, &[field(1, key), field(2, value)].concat())
}

fn upsert(document: &[u8]) -> Vec<u8> {
    let good = wire::NewDocument {
        vector: Some(wire::Vector { values: vec![1.0, 2.0, 3.0], ..Default::default() }),
        ..Default::default()
    };
    [field(1, b"films"), field(2, &good.encode_to_vec()), field(2, document)].concat()
}

fn vector(values: [f32; 3]) -> Vec<u8> {
    field(3, &wire::Vector { values: values.to_vec(), ..Default::default() }.encode_to_vec())
}

fn search(search: &[u8]) -> Vec<u8> {
    [field(1, b"films"), field(2, search)].concat()
}

/// A `Vector` of the bytes of its values.
fn bytes(values_le: Vec<u8>) -> Vec<u8> {
    wire::Vector { values: Vec::new(), values_le }.encode_to_vec()
}

fn double(value: f64) -> Vec<u8> {
    wire::Value { kind: Some(wire::value::Kind::DoubleValue(value)) }.encode_to_vec()
}

/// A `Value` within `levels` objects.
fn nested(levels: usize) -> Vec<u8> {
    (0..levels).fold(double(1.0), |value, _| field(8, &member(b"a", &value)))
}

#[rustfmt::skip] // A case is a line.
fn cases() -> Vec<(&'static str, Vec<u8>, ErrorCode, &'static str)> {
    let (good, nan) = (vector([1.0, 2.0, 3.0]), f32::NAN);
    let with = |part: Vec<u8>| upsert(&[good.clone(), part].concat());
    let no_id = wire::DocumentId { kind: None }.encode_to_vec();
    vec![
        ("UpsertDocuments", upsert(&vector([1.0, nan, 3.0])), InvalidVector, "documents[1].vector[1]: is not a finite 32-bit float"),
        ("UpsertDocuments", upsert(&vector([-nan, 2.0, 3.0])), InvalidVector, "documents[1].vector[0]: "),
        ("UpsertDocuments", upsert(&vector([1.0, 2.0, f32::INFINITY])), InvalidVector, "documents[1].vector[2]: "),
        ("UpsertDocuments", upsert(&vector([f32::NEG_INFINITY, 2.0, 3.0])), InvalidVector, "documents[1].vector[0]: "),
        ("UpsertDocuments", with(field(4, &member(b"a", &double(f64::NAN)))), InvalidMetadata, "documents[1].metadata.a: must be a finite number"),
        ("UpsertDocuments", with(field(4, &member(b"a", &double(f64::NEG_INFINITY)))), InvalidMetadata, "documents[1].metadata.a: must be a finite number"),
        ("UpsertDocuments", with(field(4, &member(b"a", &[]))), InvalidMetadata, "documents[1].metadata.a: has no kind set"),
        ("UpsertDocuments", with(field(4, &member(b"a", &nested(16)))), InvalidMetadata, "documents[1].metadata: is nested deeper than 16 levels"),
        ("UpsertDocuments", with(field(4, &member(b"a", &nested(200)))), MalformedRequest, "recursion limit"),
        ("UpsertDocuments", with(field(4, &member(b"a", &nested(5_000)))), MalformedRequest, "recursion limit"),
        ("UpsertDocuments", with(field(1, &no_id)), InvalidId, "documents[1].id: has no kind set"),
        ("UpsertDocuments", with(field(2, b"\xc3\x28")), MalformedRequest, "invalid string value"),
        ("UpsertDocuments", with(field(2, b"\xed\xa0\x80")), MalformedRequest, "invalid string value"),
        ("UpsertDocuments", with(field(1, &field(1, b"\xff"))), MalformedRequest, "invalid string value"),
        ("UpsertDocuments", with(field(4, &member(b"\xff", &double(1.0)))), MalformedRequest, "invalid string value"),
        ("UpsertDocuments", with(field(4, &member(b"a", &field(6, b"\xf0\x9f")))), MalformedRequest, "invalid string value"),
        ("UpsertDocuments", [field(1, b"fi\xfflms"), field(2, &good)].concat(), MalformedRequest, "invalid string value"),
        ("UpsertDocuments", [field(1, b"films"), field(2, &good), field(3, b"a\0")].concat(), InvalidArgument, "idempotency_key: must be 1 to 255 visible ASCII"),
        ("UpsertDocuments", b"\x0a\xff\x01".to_vec(), MalformedRequest, ""),
        ("UpsertDocuments", b"\x0f".to_vec(), MalformedRequest, ""),
        ("UpsertDocuments", vec![b'x'; (8 << 20) + 1], BodyTooLarge, "grpc_message_bytes = 8388608"),
        ("UpsertDocuments", Vec::new(), InvalidName, "collection: \"\" is not a collection name"),
        ("CreateCollection", Vec::new(), InvalidName, "name: \"\" is not a collection name"),
        ("CreateCollection", wire::CreateCollectionRequest { name: "a".into(), metric: 99, ..Default::default() }.encode_to_vec(), InvalidArgument, "metric: is not a number of this enumeration"),
        ("GetCollection", field(1, b"../x"), InvalidName, "\"../x\" is not a collection name"),
        ("GetCollection", field(1, b"\xff"), MalformedRequest, "invalid string value"),
        ("GetDocument", field(1, b"films"), InvalidId, "id: is missing"),
        ("GetDocument", [field(1, b"films"), field(2, &no_id)].concat(), InvalidId, "id: has no kind set"),
        ("DeleteDocument", [field(1, b"films"), field(2, &field(1, b""))].concat(), InvalidId, "id: is empty"),
        ("GetDocuments", [field(1, b"films"), field(2, &field(1, &no_id))].concat(), InvalidId, "ids[0]: has no kind set"),
        ("DeleteDocuments", field(1, b"films"), InvalidArgument, "exactly one of ids, filter and all must be given"),
        ("CountDocuments", [field(1, b"films"), field(2, &[member(b"a", &double(1.0)), member(b"a", &double(2.0))].concat())].concat(), MalformedRequest, "filter.a: stands twice"),
        ("DeleteDocuments", [field(1, b"films"), field(3, &member(b"a", &[]))].concat(), InvalidFilter, "filter.a: has no kind set"),
        ("CountDocuments", [field(1, b"films"), field(2, &member(b"a", &double(f64::INFINITY)))].concat(), InvalidFilter, "filter.a: must be a finite number"),
        ("CountDocuments", [field(1, b"films"), field(2, &member(b"a", &nested(200)))].concat(), MalformedRequest, "recursion limit"),
        ("Search", field(1, b"films"), InvalidArgument, "exactly one of text, vector and id must be given"),
        ("Search", search(&field(2, &wire::Vector { values: vec![nan; 3], ..Default::default() }.encode_to_vec())), InvalidVector, "vector[0]: is not a finite"),
        ("Search", search(&field(2, &bytes(vec![0; 13]))), InvalidVector, "vector: has 13 bytes in `values_le`, a value has 4"),
        ("Search", search(&field(2, &bytes(vec![0; 8]))), DimensionMismatch, "vector: has 2 values"),
        ("Search", search(&field(2, &bytes([0xff; 12].to_vec()))), InvalidVector, "vector[0]: is not a finite"),
        ("Search", search(&field(2, &wire::Vector { values: vec![1.0; 3], values_le: vec![0; 12] }.encode_to_vec())), InvalidVector, "vector: has both `values` and `values_le`"),
        ("UpsertDocuments", upsert(&field(3, &bytes(vec![0; 3]))), InvalidVector, "documents[1].vector: has 3 bytes in `values_le`"),
        ("Search", search(&field(1, b"\xff")), MalformedRequest, "invalid string value"),
        ("Search", search(&wire::Search { min_score: Some(f64::NAN), query: Some(wire::search::Query::Text("a".into())), ..Default::default() }.encode_to_vec()), InvalidArgument, "min_score: is not a finite 32-bit float"),
        ("Search", search(&wire::Search { mode: 99, ..Default::default() }.encode_to_vec()), InvalidArgument, "mode: is not a number of this enumeration"),
        ("Search", search(&wire::Search { hybrid: Some(wire::HybridParams { fusion: -1, ..Default::default() }), ..Default::default() }.encode_to_vec()), InvalidArgument, "hybrid.fusion: is not a number of this enumeration"),
        ("Search", search(&field(15, &bytes(vec![0; 12]))), InvalidArgument, "text_vector: stands beside a text, and there is none"),
        ("Search", search(&field(15, &bytes(vec![0; 13]))), InvalidVector, "text_vector: has 13 bytes in `values_le`"),
        ("Nothing", Vec::new(), RouteNotFound, "is not a method of this server"),
    ]
}

#[tokio::test]
async fn what_only_grpc_can_spell_is_refused_and_changes_nothing() {
    let (_folder, node) = small_node();
    let mut door = GrpcDoor::connect(&node).await;
    let create = json!({"name": "films", "dimension": 3});
    ask(&mut door, Operation::CreateCollection, create).await;
    ask(&mut door, Operation::Upsert, json!({"documents": [{"id": 1, "vector": [1, 2, 3]}]})).await;
    let before = ask(&mut door, Operation::DescribeCollection, json!({})).await;
    let mut complaints = Vec::new();
    for (method, message, code, says) in cases() {
        let raw = Raw { path: format!("{SERVICE}/{method}"), message };
        let asked = raw.to_string();
        match send(&door, raw).await {
            Err(fault)
                if fault.code == code
                    && fault.message.contains(says)
                    && fault.outcome == "not_applied" => {}
            other => complaints.push(format!("{asked}\n    not {code} {says:?}: {other:?}")),
        }
    }
    let embed = embedding_wire::EmbedRequest {
        texts: vec!["a".to_owned()],
        pooling: -1,
        ..Default::default()
    };
    let status = door.embedding.embed(embed).await.unwrap_err();
    assert_eq!(fault(&status, &"pooling -1").code, InvalidArgument);
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    assert_eq!(ask(&mut door, Operation::DescribeCollection, json!({})).await, before);
}

async fn ask(
    door: &mut GrpcDoor,
    operation: Operation,
    body: serde_json::Value,
) -> serde_json::Value {
    let collection = if operation == Operation::CreateCollection { "" } else { "films" };
    let answer = door.ask(&Request::new(operation, collection, body)).await;
    settled(answer.unwrap().unwrap())
}

#[test]
fn the_bytes_of_a_case_are_those_of_the_messages() {
    let object = to_wire::object(&json!({"a": {"a": 1.0}})).unwrap();
    assert_eq!(member(b"a", &nested(1)), object.encode_to_vec());
}
