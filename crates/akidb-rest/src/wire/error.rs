//! The one shape of every error.

use akidb_core::{Error, ErrorCode};
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};

/// What went wrong, the same on every route.
#[derive(Serialize, ToSchema)]
#[schema(as = Error, example = json!({
    "error": {
        "code": "dimension_mismatch",
        "message": "documents[3].vector: has 3 values, the collection's dimension is 384",
        "retryable": false,
        "outcome": "not_applied",
        "violations": [{
            "field": "documents[3].vector",
            "description": "has 3 values, the collection's dimension is 384"
        }]
    },
    "request_id": "0198c0de-0000-7000-8000-000000000000"
}))]
pub(crate) struct ErrorAnswer {
    error: ErrorDetail,
    /// The id of the failed request, also in the header `x-request-id`.
    request_id: String,
}

/// The code, a message for people, and the places that are wrong.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorDetail {
    /// The stable name of what went wrong.
    #[schema(schema_with = code_schema)]
    code: &'static str,
    /// For people.
    message: String,
    /// Whether the same request may succeed later, unchanged.
    retryable: bool,
    /// `not_applied`: nothing was changed. `unknown`: the change may or may not be there.
    #[schema(schema_with = outcome_schema)]
    outcome: &'static str,
    /// The first wrong places of the request; absent where the error is not about one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    violations: Vec<ViolationDetail>,
}

/// One wrong place of the request.
#[derive(Serialize, ToSchema)]
struct ViolationDetail {
    /// Where, as a path into the request.
    field: String,
    /// What is wrong there and what is allowed.
    description: String,
}

impl ErrorAnswer {
    /// The answer for an error of the request with this id.
    pub(crate) fn new(error: Error, request_id: &str) -> Self {
        Self { error: ErrorDetail::new(error), request_id: request_id.to_owned() }
    }
}

impl ErrorDetail {
    /// The answer for an error, without the request.
    pub(crate) fn new(error: Error) -> Self {
        let violations = error.violations.into_iter();
        let violations = violations
            .map(|violation| ViolationDetail {
                field: violation.field,
                description: violation.description,
            })
            .collect();
        Self {
            code: error.code.as_str(),
            message: error.message,
            retryable: error.code.retryable(),
            outcome: error.outcome.as_str(),
            violations,
        }
    }
}

fn code_schema() -> Object {
    names_schema(ErrorCode::ALL.iter().map(|code| code.as_str()))
}

fn outcome_schema() -> Object {
    names_schema(["not_applied", "unknown"])
}

fn names_schema<'a>(names: impl IntoIterator<Item = &'a str>) -> Object {
    let names: Vec<&str> = names.into_iter().collect();
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}
