//! Cases of documents in the order of a field.

use akidb_core::ErrorCode::{InvalidArgument, InvalidCursor};
use serde_json::{Value, json};

use super::{
    cases::{Case, FILMS, refused, works},
    request::{
        CURSOR,
        Operation::{GetDocuments, Scroll},
    },
};

#[rustfmt::skip] // A case is a line.
pub(crate) fn good() -> Vec<Case> {
    let up = json!({"field": "year"});
    let down = json!({"field": "year", "direction": "desc"});
    vec![
        works(Scroll, FILMS, json!({"order_by": up, "limit": 3})).with("/documents/0/id", json!("солярис")).with("/documents/2/id", json!("2")).with("/next_cursor", json!(true)).with("/unknown_fields", Value::Null),
        works(Scroll, FILMS, json!({"order_by": up, "limit": 3, "cursor": CURSOR})).with("/documents/0/id", json!(2)).with("/next_cursor", json!(true)),
        works(Scroll, FILMS, json!({"order_by": up, "limit": 100, "cursor": CURSOR})).with("/documents/5/id", json!("a UUIDv8")).with("/documents/6", Value::Null).with("/next_cursor", Value::Null),
        works(Scroll, FILMS, json!({"order_by": down, "limit": 1})).with("/documents/0/id", json!("2")).with("/next_cursor", json!(true)),
        works(Scroll, FILMS, json!({"order_by": down, "limit": 2, "cursor": CURSOR, "include": []})).with("/documents/1/id", json!("солярис")),
        works(Scroll, FILMS, json!({"order_by": null, "limit": 1})).with("/documents/0/id", json!("titanic")),
        works(Scroll, FILMS, json!({"order_by": {"field": "genres", "direction": "ASC"}, "limit": 1})).with("/documents/0/id", json!("titanic")),
        works(Scroll, FILMS, json!({"order_by": {"field": "yaer", "direction": null}, "limit": 1})).with("/documents/0/id", json!("titanic")).with("/unknown_fields", json!(["yaer"])),
        works(GetDocuments, FILMS, json!({"filter": {"lang": {"$in": ["en", "ru"]}}, "order_by": down})).with("/documents/0/id", json!("titanic")).with("/documents/1/id", json!("солярис")).with("/documents/2", Value::Null),
        works(GetDocuments, FILMS, json!({"filter": {"lang": "xx"}, "order_by": up})).with("/documents", json!([])).with("/next_cursor", Value::Null),
    ]
}

#[rustfmt::skip] // A case is a line.
pub(crate) fn wrong() -> Vec<Case> {
    let up = json!({"field": "year", "direction": "asc"});
    let mut cases = Vec::new();
    for operation in [Scroll, GetDocuments] {
        for (field, says) in [("", "is empty"), ("$id", "begins with a dollar"), (&*"x".repeat(257), "has 257 bytes")] {
            let body = json!({"filter": {}, "order_by": {"field": field}});
            cases.push(refused(operation, FILMS, body, InvalidArgument, says));
        }
        let body = json!({"filter": {}, "order_by": {"field": "year", "direction": "up"}});
        cases.push(refused(operation, FILMS, body, InvalidArgument, "order_by.direction: ").in_own_words());
        cases.push(works(operation, FILMS, json!({"filter": {}, "order_by": up, "limit": 1})).with("/next_cursor", json!(true)));
        for other in [Value::Null, json!({"field": "year", "direction": "desc"}), json!({"field": "yea"})] {
            let body = json!({"filter": {}, "order_by": other, "cursor": CURSOR});
            cases.push(refused(operation, FILMS, body, InvalidCursor, "cursor: is not a cursor that a scroll of this collection returned"));
        }
        cases.push(works(operation, FILMS, json!({"filter": {}, "limit": 1})).with("/next_cursor", json!(true)));
        cases.push(refused(operation, FILMS, json!({"filter": {}, "order_by": up, "cursor": CURSOR}), InvalidCursor, "in this order"));
        for cursor in ["", ".", "..", ".a.-", &*format!("{}.a79656172.zz", "f".repeat(48)), &*"é".repeat(80)] {
            cases.push(refused(operation, FILMS, json!({"filter": {}, "order_by": up, "cursor": cursor}), InvalidCursor, "cursor: "));
        }
    }
    cases.push(refused(GetDocuments, FILMS, json!({"ids": [1], "order_by": up}), InvalidArgument, "order_by: is of pages by a filter"));
    cases
}
