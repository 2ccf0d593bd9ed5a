//! What the page at `/docs` fills its forms with, besides the bodies whose types have examples.
//!
//! All examples, those of the types too, are about one collection of films: sent from the top of the
//! page to its end, each finds what it names.

use serde_json::{Value, json};
use utoipa::openapi::{
    Content, ContentBuilder,
    schema::{ArrayBuilder, ObjectBuilder, Type},
};

use crate::{
    media::{CSV, JSON, MediaType},
    route::{Described, Route},
};

const MODEL: &str = "all-minilm-l6-v2";

/// The form of an id alone: which tasks there are only the node knows.
const TASK: &str = "01a22a8c-0c33-7335-b376-17d5be95297f";

/// The same of a key.
const KEY: &str = "3f1c2b7a90d4e855";

/// A list, lines and rows of the same two documents.
fn list() -> Value {
    json!([
        {"id": "film-3", "text": "A train in the snow", "metadata": {"year": 1974}},
        {"id": "film-4", "text": "A letter, never sent", "metadata": {"year": 1960}}
    ])
}

const LINES: &str = r#"{"id": "film-3", "text": "A train in the snow", "metadata": {"year": 1974}}
{"id": "film-4", "text": "A letter, never sent", "metadata": {"year": 1960}}
"#;

const ROWS: &str = "\
id,text,year
film-3,A train in the snow,1974
film-4,\"A letter, never sent\",1960
";

/// A part of a path.
pub(super) fn of_path(path: &str, name: &str) -> &'static str {
    match name {
        "name" => "films",
        "model" => MODEL,
        _ if path.starts_with("/v1/models/") => MODEL,
        _ if path.starts_with("/v1/tasks/") => TASK,
        _ if path.starts_with("/v1/admin/keys/") => KEY,
        _ => "film-1",
    }
}

/// A parameter of the query that a request can not do without. The document is another than that of
/// paths, because both are deleted.
pub(super) fn of_query(name: &str) -> Option<&'static str> {
    (name == "id").then_some("2")
}

/// A body of one of the types that the route takes.
pub(super) fn content(route: &Route, body: Described, media: &MediaType) -> Content {
    let described = (body.reference)();
    let content = ContentBuilder::new();
    let content = match media {
        _ if !route.body_is_lines => content.schema(Some(described)),
        media if *media == JSON => {
            content.schema(Some(ArrayBuilder::new().items(described))).example(Some(list()))
        }
        media if *media == CSV => {
            let rows = ObjectBuilder::new().schema_type(Type::String);
            content.schema(Some(rows)).example(Some(ROWS.into()))
        }
        _ => content.schema(Some(described)).example(Some(LINES.into())),
    };
    content.build()
}
