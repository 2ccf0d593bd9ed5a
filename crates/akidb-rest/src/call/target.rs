//! The path and the query of a request, held against what its route declares.

use std::collections::HashMap;

use akidb_core::{Error, ErrorCode};

use super::percent::{InvalidEncoding, decode_path, decode_query};
use crate::{decode::suggest, route::QueryParameter};

/// The values of the placeholders of `pattern`, which matches `path`.
///
/// The router has them too, but it reads a broken `%zz` as text, and it does not see the
/// placeholder `{id}` where an id is also the name of a route (`documents/count`).
pub(super) fn path_values(
    pattern: &'static str,
    path: &str,
) -> Result<HashMap<&'static str, String>, Error> {
    let segments = pattern.split('/').zip(path.split('/'));
    let placeholders = segments.filter_map(|(pattern, segment)| {
        let name = pattern.strip_prefix('{')?.strip_suffix('}')?;
        Some((name, segment))
    });
    placeholders
        .map(|(name, segment)| Ok((name, decode_path(segment).map_err(|e| malformed(name, e))?)))
        .collect()
}

/// The parameters of a query, each at most once and each one that the route declares.
pub(super) fn query_values(
    declared: &'static [QueryParameter],
    query: &str,
) -> Result<Vec<(&'static str, String)>, Error> {
    let mut values: Vec<(&'static str, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode_query(name).map_err(|error| malformed("query", error))?;
        let name = declared_name(declared, &name)?;
        if values.iter().any(|(earlier, _)| *earlier == name) {
            return Err(Error::at(ErrorCode::MalformedRequest, name, "is given twice"));
        }
        values.push((name, decode_query(value).map_err(|error| malformed(name, error))?));
    }
    Ok(values)
}

fn declared_name(declared: &'static [QueryParameter], name: &str) -> Result<&'static str, Error> {
    let known: Vec<&'static str> = declared.iter().map(|parameter| parameter.name).collect();
    known.iter().copied().find(|known| *known == name).ok_or_else(|| {
        let field: String = name.chars().take(80).collect();
        Error::at(ErrorCode::UnknownField, field, suggest(name, &known))
    })
}

fn malformed(field: &str, error: InvalidEncoding) -> Error {
    Error::at(ErrorCode::MalformedRequest, field, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Takes;

    const DECLARED: &[QueryParameter] = &[
        QueryParameter { name: "include", description: "", takes: Takes::Pattern("") },
        QueryParameter { name: "type", description: "", takes: Takes::Words(&[]) },
    ];

    #[track_caller]
    fn refused(query: &str, code: ErrorCode, expect: &str) {
        let error = query_values(DECLARED, query).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (code, expect));
    }

    #[test]
    fn placeholders_are_decoded_strictly() {
        let pattern = "/v1/collections/{name}/documents/{id}";
        let values = path_values(pattern, "/v1/collections/films/documents/a%2Fb").unwrap();
        assert_eq!((values["name"].as_str(), values["id"].as_str()), ("films", "a/b"));
        for bad in ["%zz", "%ff", "%"] {
            let path = format!("/v1/collections/films/documents/{bad}");
            let error = path_values(pattern, &path).unwrap_err();
            assert_eq!(
                (error.code, error.violations[0].field.as_str()),
                (ErrorCode::MalformedRequest, "id")
            );
        }
    }

    #[test]
    fn only_declared_parameters_are_taken() {
        let values = query_values(DECLARED, "type=integer&&include=text%2Cvector").unwrap();
        let expect = [("type", "integer".to_owned()), ("include", "text,vector".to_owned())];
        assert_eq!(values, expect);
        refused(
            "includes=text",
            ErrorCode::UnknownField,
            "includes: is not a known field, did you mean \"include\"?",
        );
        refused(
            "limit=1",
            ErrorCode::UnknownField,
            "limit: is not a known field, allowed are include, type",
        );
        refused("type=a&type=b", ErrorCode::MalformedRequest, "type: is given twice");
        let error = query_values(&[], "a=1").unwrap_err();
        assert_eq!(error.message, "a: is not a known field, none is allowed here");
    }
}
