//! Bodies that can not be decoded, one line a case.

use akidb_core::{Error, ErrorCode};
use akidb_service::GivenId;
use serde::de::DeserializeOwned;

use super::decode;
use crate::wire::{
    CountBody, CreateCollectionBody, EmbedBody, List, PatchDocumentBody, SearchBatchBody,
    SearchBody, UpsertBody,
};

#[track_caller]
fn refused<T: DeserializeOwned>(body: impl AsRef<[u8]>) -> Error {
    match decode::<T>(body.as_ref()) {
        Ok(_) => panic!("the body was decoded"),
        Err(error) => error,
    }
}

#[track_caller]
fn check<T: DeserializeOwned>(body: impl AsRef<[u8]>, code: ErrorCode, expect: &str) {
    let error = refused::<T>(body);
    assert_eq!((error.code, error.message.as_str()), (code, expect));
    assert_eq!(error.violations.len(), 1);
}

#[track_caller]
fn malformed(body: impl AsRef<[u8]>, expect: &str) {
    check::<UpsertBody>(body, ErrorCode::MalformedRequest, expect);
}

#[test]
fn broken_json_is_refused_with_its_place() {
    malformed("", "body: is empty, a JSON object is expected");
    malformed(" \n", "body: is empty, a JSON object is expected");
    malformed("{", "body: EOF while parsing an object at line 1 column 1");
    malformed(
        "{\"documents\":[{\"text\":\"a\"},\n{\"text\":}]}",
        "documents[1].text: expected value at line 2 column 9",
    );
    malformed("{\"documents\":[]} x", "body: trailing characters at line 1 column 18");
    malformed(
        r#"{"documents":[{"text":"\ud800"}]}"#,
        "documents[0].text: unexpected end of hex escape at line 1 column 30",
    );
    malformed(
        r#"{"documents":[{"text":"\udc00x"}]}"#,
        "documents[0].text: lone leading surrogate in hex escape at line 1 column 29",
    );
    malformed(
        b"{\"documents\":[\n{\"text\":\"a\xff\"}]}",
        "body: is not UTF-8 at line 2 column 11",
    );
    let deep = format!(r#"{{"metadata":{{"a":{}{}}}}}"#, "[".repeat(200), "]".repeat(200));
    let error = decode::<PatchDocumentBody>(deep.as_bytes()).unwrap().into_request().unwrap_err();
    assert!(error.message.contains("recursion limit exceeded"), "{error}");
    assert!(error.message.len() < 400, "{error}");
}

#[test]
fn wrong_types_are_refused_with_their_place() {
    #[track_caller]
    fn wrong(body: &str, expect: &str) {
        let error = refused::<UpsertBody>(body);
        let place = error.message.rsplit_once(" at line 1 column ");
        assert_eq!((error.code, place.unwrap().0), (ErrorCode::MalformedRequest, expect));
    }
    wrong("[[]]", "body: invalid type: sequence, expected an object");
    wrong(r#"{"documents":[["a"]]}"#, "documents[0]: invalid type: sequence, expected an object");
    wrong("{}", "body: missing field `documents`");
    wrong(r#"{"documents":{}}"#, "documents: invalid type: map, expected a list");
    wrong(
        r#"{"documents":[{"id":1.5}]}"#,
        "documents[0].id: invalid type: floating point `1.5`, expected a string or a 64-bit signed \
         integer",
    );
    wrong(
        r#"{"documents":[{"id":9223372036854775808}]}"#,
        "documents[0].id: invalid value: integer `9223372036854775808`, expected a string or a \
         64-bit signed integer",
    );
    wrong(
        r#"{"documents":[{"vector":[1,2,"3"]}]}"#,
        "documents[0].vector[2]: invalid type: string, expected a number",
    );
    wrong(
        r#"{"documents":[{"vector":[1,null]}]}"#,
        "documents[0].vector[1]: invalid type: null, expected a number",
    );
    wrong(r#"{"documents":[{"vector":[1,NaN]}]}"#, "documents[0].vector[1]: expected value");
    wrong(r#"{"documents":[{"text":"a","text":"b"}]}"#, "documents[0]: duplicate field `text`");
    let error = refused::<SearchBody>(r#"{"limit":-1}"#);
    assert!(error.message.starts_with("limit: invalid value: integer `-1`, expected u64"));
    let long = format!(r#"{{"limit":"{}"}}"#, "x".repeat(10_000));
    assert!(refused::<SearchBody>(long).message.len() < 400);
}

#[test]
fn unknown_fields_are_named_with_the_nearest_known_one() {
    let unknown = ErrorCode::UnknownField;
    check::<UpsertBody>(
        r#"{"documents":[{"vectr":[1]}]}"#,
        unknown,
        "documents[0].vectr: is not a known field, did you mean \"vector\"? at line 1 column 22",
    );
    check::<SearchBody>(
        r#"{"colour":{}}"#,
        unknown,
        "colour: is not a known field, allowed are text, vector, id, mode, limit, offset, filter, \
         min_score, min_parts, hybrid, include, passages_per_document, passage_context, highlight, \
         params, rerank, explain, order_by, group_by, field at line 1 column 9",
    );
    check::<SearchBody>(
        r#"{"hybrid":{"alpha":0.5}}"#,
        unknown,
        "hybrid.alpha: is not a known field, did you mean \"weights\"? at line 1 column 18",
    );
    check::<SearchBatchBody>(
        r#"{"searches":[{},{"params":{"np":1}}]}"#,
        unknown,
        "searches[1].params.np: is not a known field, allowed are ef, exact, rescore at line 1 \
         column 31",
    );
    check::<CountBody>(
        "{\"`, expected `\":1}",
        unknown,
        "`, expected `: is not a known field, allowed are filter at line 1 column 16",
    );
    let error = refused::<CreateCollectionBody>(r#"{"name":"a","index":{"engin":"exact"}}"#);
    assert_eq!(error.violations[0].field, "index.engin");
    let error = refused::<EmbedBody>(format!(r#"{{"{}":1}}"#, "x".repeat(10_000)));
    assert_eq!(error.code, unknown);
    assert!(error.message.len() < 400);
}

/// Each was taken once, with the first of two values, or another number, gone without a word.
#[test]
fn json_that_would_lose_something_is_refused_at_its_place() {
    #[track_caller]
    fn lost(error: Error, expect: &str) {
        assert_eq!(error.code, ErrorCode::MalformedRequest);
        assert!(error.message.starts_with(expect), "{error}");
    }
    let filter = r#"{"filter":{"year":{"$gt":1},"year":{"$lt":9}}}"#;
    let twice = "stands twice, a key may stand once in an object";
    let error = decode::<CountBody>(filter.as_bytes()).unwrap().into_filter().unwrap_err();
    lost(error, &format!("filter.year: {twice}"));
    let searches = r#"{"searches":[{},{"filter":{"$or":[{"a":1,"a":2}]}}]}"#;
    let error = decode::<SearchBatchBody>(searches.as_bytes()).unwrap().into_requests();
    lost(error.unwrap_err(), &format!("searches[1].filter.$or[0].a: {twice}"));
    let upsert = |metadata: &str| {
        let body = format!(r#"{{"documents":[{{}},{{"metadata":{metadata}}}]}}"#);
        decode::<UpsertBody>(body.as_bytes()).unwrap().into_request(None).unwrap_err()
    };
    lost(upsert(r#"{"a":{"b":1,"b":1}}"#), &format!("documents[1].metadata.a.b: {twice}"));
    lost(upsert(r#"{"a":18446744073709551616}"#), "documents[1].metadata.a: is an integer beyond");
    lost(upsert(r#"{"a":1e999}"#), "documents[1].metadata.a: number out of range");
    lost(upsert("[1]"), "documents[1].metadata: must be an object, is a list");
    lost(refused::<SearchBody>(r#"{"limit":1,"limit":2}"#), "body: duplicate field `limit`");
}

#[test]
fn numbers_beyond_f32_are_left_to_the_service() {
    let body = r#"{"documents":[{"vector":[ 0.1 , -1e39,1e999,1E-400,-0]}]}"#;
    let upsert = decode::<UpsertBody>(body.as_bytes()).unwrap().into_request(None).unwrap();
    let vector = upsert.documents[0].vector.as_deref().unwrap();
    assert_eq!(vector, [0.1, f32::NEG_INFINITY, f32::INFINITY, 0.0, -0.0]);
    assert_eq!(upsert.documents[0].id, None);
}

#[test]
fn numbers_are_rounded_once() {
    // Just above the middle of two neighboring f32, and onto it when read as f64 first.
    let body = r#"{"vector":[1.00000005960464477539062500001]}"#;
    let search = decode::<SearchBody>(body.as_bytes()).unwrap().into_request().unwrap();
    assert_eq!(search.vector, Some(vec![1.000_000_1]));
}

#[test]
fn ids_keep_their_type_and_nulls_are_absent() {
    let body = r#"{"documents":[{"id":5},{"id":"5","text":null,"vector":null,"metadata":null}]}"#;
    let documents =
        decode::<UpsertBody>(body.as_bytes()).unwrap().into_request(None).unwrap().documents;
    assert_eq!(documents[0].id, Some(GivenId::Integer(5)));
    assert_eq!(documents[1].id, Some(GivenId::Text("5".to_owned())));
    assert_eq!((&documents[1].text, &documents[1].vector), (&None, &None));
}

#[test]
fn absurdly_long_lists_are_refused_before_they_fill_the_memory() {
    let items = vec!["{}"; List::<()>::ITEMS_MAX + 1].join(",");
    let error = refused::<UpsertBody>(format!(r#"{{"documents":[{items}]}}"#));
    assert_eq!(error.code, ErrorCode::LimitExceeded);
    assert_eq!(error.message, "documents: has more than 131072 items");
}

#[test]
fn unknown_modes_and_parts_are_refused_with_their_place() {
    let request = |body: &str| decode::<SearchBatchBody>(body.as_bytes()).unwrap().into_requests();
    for mode in ["semantic", "keyword", "Hybrid"] {
        let searches = format!(r#"{{"searches":[{{"mode":"{mode}","hybrid":null}}]}}"#);
        assert!(request(&searches).is_ok(), "{mode}");
    }
    let error = request(r#"{"searches":[{},{"mode":"full_text"}]}"#).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert_eq!(error.violations[0].field, "searches[1].mode");
    let message =
        "searches[1].mode: \"full_text\" is not a mode, allowed are semantic, keyword, hybrid";
    assert_eq!(error.message, message);
    let error = request(r#"{"searches":[{"hybrid":{"fusion":"dbsf"}}]}"#).unwrap_err();
    assert_eq!(error.violations[0].field, "searches[0].hybrid.fusion");
    let error = request(r#"{"searches":[{"include":["score"]}]}"#).unwrap_err();
    assert_eq!(error.violations[0].field, "searches[0].include[0]");
}
