//! The OpenAPI description, made from the table of routes, the wire types and the error table.

mod alternatives;
mod examples;

use std::collections::BTreeMap;

use akidb_core::ErrorCode;
use akidb_service::{Access, Reach};
use utoipa::openapi::{
    Components, ComponentsBuilder, Content, Header, HttpMethod, InfoBuilder, LicenseBuilder,
    OpenApi, OpenApiBuilder, Paths, PathsBuilder, Ref, RefOr, Required, Response, ResponseBuilder,
    path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem},
    request_body::RequestBodyBuilder,
    schema::{ObjectBuilder, Schema, Type},
    security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    tag::TagBuilder,
};

use crate::{
    call::REQUEST_TIMEOUT,
    failure::status,
    media::JSON_LINES,
    route::{Answers, Described, ErrorShape, Route, Takes, Verb, described},
    routes::ROUTES,
    wire::{ErrorAnswer, OpenAiErrorAnswer},
};

const JSON: &str = "application/json";

/// Names of collections.
const NAME: &str = "^[A-Za-z0-9_-]{1,64}$";

/// The names of the two ways to show a key.
const BEARER: &str = "bearer";
const API_KEY: &str = "api-key";

/// The longest time that a request may ask for, by default.
const TIMEOUT_MS_MAX: f64 = 600_000.0;

const DESCRIPTION: &str = "\
A vector database node that embeds for itself: collections of documents with texts, vectors and \
metadata, searched by meaning.

A success means that a write is on disk and that every later read sees it. Unknown fields are \
refused. Every answer has the header `x-request-id`, and every error a stable `code`, whether a retry \
may help (`retryable`), and whether anything was applied (`outcome`).";

/// The areas of the API in the order of the page, where each example succeeds that is sent after
/// those above it: what deletes stands below what reads, and what unloads a model below what embeds.
const TAGS: [(&str, &str); 10] = [
    ("collections", "Sets of documents with one model or one length of vectors."),
    ("documents", "Texts, vectors and metadata."),
    ("search", "By a text, by a vector, or by a document that is stored."),
    ("deletion", "Of documents, and of whole collections."),
    ("embedding", "Texts to vectors, and documents in the order in which they answer a query."),
    ("openai", "Texts to vectors for the clients of OpenAI, with their shapes and errors."),
    ("node", "Health, metrics and this description."),
    (
        "tasks",
        "What goes on for longer than a request: copies, indexes that are built, models that are loaded.",
    ),
    ("models", "What embeds: the models of the configuration, into memory and out of it."),
    ("keys", "Who may ask for what."),
];

/// The description of every route of the REST door.
#[must_use]
pub fn openapi() -> OpenApi {
    let info = InfoBuilder::new()
        .title("AkiDB")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(
            LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build(),
        ))
        .build();
    let tags =
        TAGS.map(|(name, text)| TagBuilder::new().name(name).description(Some(text)).build());
    OpenApiBuilder::new()
        .info(info)
        .tags(Some(tags))
        .paths(paths())
        .security(Some(security()))
        .components(Some(components()))
        .build()
}

/// One of the two headers, or none where no key is required.
fn security() -> Vec<SecurityRequirement> {
    let named = |name: &str| SecurityRequirement::new(name, Vec::<String>::new());
    vec![named(BEARER), named(API_KEY), SecurityRequirement::default()]
}

/// Who may ask, where keys are required.
fn needed_key(access: Access) -> Option<String> {
    let Access::Key(role, reach) = access else { return None };
    let of_what = match reach {
        Reach::Anything => "",
        Reach::Collection => " that reaches the collection",
        Reach::Own => ", and is about what the key reaches",
        Reach::Node => " that reaches every collection",
    };
    Some(format!("Where keys are required, this needs one of the role `{role}`{of_what}."))
}

fn paths() -> Paths {
    let mut paths = PathsBuilder::new();
    for route in ROUTES {
        paths = paths.path(route.path, PathItem::new(method(route.verb), operation(route)));
    }
    paths.build()
}

fn method(verb: Verb) -> HttpMethod {
    match verb {
        Verb::Get => HttpMethod::Get,
        Verb::Post => HttpMethod::Post,
        Verb::Put => HttpMethod::Put,
        Verb::Patch => HttpMethod::Patch,
        Verb::Delete => HttpMethod::Delete,
    }
}

fn operation(route: &Route) -> Operation {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(route.name))
        .summary(Some(route.summary))
        .description(needed_key(route.operation.access()))
        .securities((route.operation.access() == Access::Public).then(Vec::new))
        .tag(tag(route))
        .parameters(Some(parameters(route)));
    if let Some(body) = route.body {
        let mut described = RequestBodyBuilder::new().required(Some(Required::True));
        for media in route.takes {
            described = described.content(media.name, examples::content(route, body, media));
        }
        operation = operation.request_body(Some(described.build()));
    }
    for (status, response) in answers(route.answers) {
        operation = operation.response(status, response);
    }
    for status in error_statuses(route.errors).into_keys() {
        if may_fail_with(route, status) {
            let response = Ref::from_response_name(name(route.errors, status));
            operation = operation.response(status.to_string(), response);
        }
    }
    operation.build()
}

/// The area of a route.
fn tag(route: &Route) -> &'static str {
    use akidb_service::Operation::{Delete, DeleteCollection};
    match route.path {
        _ if matches!(route.operation, Delete | DeleteCollection) => "deletion",
        path if path.contains("/document") || path.ends_with("/import") => "documents",
        path if path.contains("/search") => "search",
        path if path.contains("/collections") || path.contains("/aliases") => "collections",
        "/embed" | "/v1/rerank" => "embedding",
        "/v1/embeddings" | "/v1/models" | "/v1/models/{id}" => "openai",
        path if path.contains("/models") => "models",
        path if path.contains("/tasks") => "tasks",
        path if path.contains("/keys") => "keys",
        _ => "node",
    }
}

fn parameters(route: &Route) -> Vec<Parameter> {
    let of_path = placeholders(route.path).map(|name| {
        let description = path_parameter(route.path, name);
        let parameter = parameter(name, ParameterIn::Path, description);
        let parameter = parameter.example(Some(examples::of_path(route.path, name).into()));
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
        let text = if name == "name" { text.pattern(Some(NAME)) } else { text };
        parameter.required(Required::True).schema(Some(text)).build()
    });
    let of_query = route.query.iter().map(|query| {
        let parameter = parameter(query.name, ParameterIn::Query, query.description);
        let text = ObjectBuilder::new().schema_type(Type::String);
        match query.takes {
            Takes::Words(words) => {
                parameter.schema(Some(text.enum_values(Some(words.iter().copied())))).build()
            }
            Takes::Pattern(pattern) => parameter.schema(Some(text.pattern(Some(pattern)))).build(),
            Takes::Needed(pattern) => parameter
                .required(Required::True)
                .example(examples::of_query(query.name).map(Into::into))
                .schema(Some(text.min_length(Some(1)).pattern(Some(pattern))))
                .build(),
        }
    });
    let of_header = route.headers.iter().map(|header| {
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(header.pattern));
        let parameter = parameter(header.name, ParameterIn::Header, header.description);
        parameter.schema(Some(text)).build()
    });
    let timeout = "How long the request may take, in whole milliseconds.";
    let milliseconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1.0));
    let milliseconds = milliseconds.maximum(Some(TIMEOUT_MS_MAX));
    let timeout = parameter(REQUEST_TIMEOUT, ParameterIn::Header, timeout);
    let timeout = (!route.exempt).then(|| timeout.schema(Some(milliseconds)).build());
    of_path.chain(of_query).chain(of_header).chain(timeout).collect()
}

fn path_parameter(path: &str, name: &str) -> &'static str {
    match name {
        "name" => "The collection's name.",
        "model" => "A model of the node's configuration, percent-encoded.",
        _ if path.starts_with("/v1/models/") => "The name of a loaded model, percent-encoded.",
        _ if path.starts_with("/v1/admin/keys/") => "The key's id.",
        _ => "The id, percent-encoded.",
    }
}

fn placeholders(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn parameter(name: &str, place: ParameterIn, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
}

fn answers(answers: Answers) -> Vec<(String, Response)> {
    let json = |description: &str, described: Described| {
        let content = Content::new(Some((described.reference)()));
        ResponseBuilder::new().description(description).content(JSON, content).build()
    };
    let plain = |content_type: &str, schema: Type| {
        let content = Content::new(Some(ObjectBuilder::new().schema_type(schema)));
        ResponseBuilder::new().description("The answer.").content(content_type, content).build()
    };
    match answers {
        Answers::Json(status, described) => {
            vec![(status.as_str().to_owned(), json("The answer.", described))]
        }
        Answers::Put(described) => vec![
            ("200".to_owned(), json("It was there.", described)),
            ("201".to_owned(), json("It is new.", described)),
        ],
        Answers::Readiness(described) => vec![
            ("200".to_owned(), json("All components are ready.", described)),
            ("503".to_owned(), json("A component is not ready.", described)),
        ],
        Answers::JsonLines(described) => {
            let content = Content::new(Some((described.reference)()));
            let description = "One line of this shape for each line of the body, while it comes.";
            let response = ResponseBuilder::new().description(description);
            vec![("200".to_owned(), response.content(JSON_LINES.name, content).build())]
        }
        Answers::Page => vec![("200".to_owned(), plain("text/html", Type::String))],
        Answers::Text => vec![("200".to_owned(), plain("text/plain", Type::String))],
        Answers::AnyJson => vec![("200".to_owned(), plain(JSON, Type::Object))],
    }
}

/// Routes without a body can not fail because of one, and exempt ones hardly at all.
fn may_fail_with(route: &Route, status: u16) -> bool {
    match status {
        500 => true,
        401 | 429 => route.operation.access() != Access::Public,
        403 if route.exempt => route.operation.access() != Access::Public,
        _ if route.exempt => false,
        405 => false,
        409 => {
            // A name or an id that is taken, other settings than those that were asked for, a model
            // that is in use.
            use akidb_service::Operation::{
                BackUp, CancelTask, ChangeAliases, CopyCollection, CreateCollection, CreateKey,
                DeleteCollection, DropField, DropPrevious, PutCollection, PutField,
                ReembedCollection, RevokeKey, RotateKey, UnloadModel, UpdateCollection,
            };
            route.conditional
                || matches!(
                    route.operation,
                    BackUp
                        | CancelTask
                        | ChangeAliases
                        | CopyCollection
                        | CreateCollection
                        | CreateKey
                        | DeleteCollection
                        | DropField
                        | DropPrevious
                        | PutCollection
                        | PutField
                        | ReembedCollection
                        | RevokeKey
                        | RotateKey
                        | UnloadModel
                        | UpdateCollection
                )
        }
        412 => route.conditional,
        413 | 415 => route.body.is_some(),
        _ => true,
    }
}

fn components() -> Components {
    let mut schemas: Vec<(String, RefOr<Schema>)> = Vec::new();
    let of_errors = [described::<ErrorAnswer>(), described::<OpenAiErrorAnswer>()];
    for described in ROUTES.iter().flat_map(wire_types).chain(of_errors) {
        (described.schemas)(&mut schemas);
    }
    alternatives::put_into(&mut schemas);
    let responses = [ErrorShape::Own, ErrorShape::OpenAi].into_iter().flat_map(|shape| {
        let statuses = error_statuses(shape).into_iter();
        statuses.map(move |(status, codes)| (name(shape, status), failure(shape, &codes)))
    });
    ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .responses_from_iter(responses)
        .security_scheme(BEARER, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .security_scheme(
            API_KEY,
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("api-key"))),
        )
        .build()
}

fn wire_types(route: &Route) -> impl Iterator<Item = Described> + use<> {
    let answer = match route.answers {
        Answers::Json(_, described)
        | Answers::Put(described)
        | Answers::JsonLines(described)
        | Answers::Readiness(described) => Some(described),
        Answers::Text | Answers::Page | Answers::AnyJson => None,
    };
    route.body.into_iter().chain(answer)
}

/// The codes of the error table by their status.
fn error_statuses(shape: ErrorShape) -> BTreeMap<u16, Vec<ErrorCode>> {
    let mut statuses: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in ErrorCode::ALL {
        let status = match shape {
            ErrorShape::Own => status(*code),
            ErrorShape::OpenAi => OpenAiErrorAnswer::status(status(*code)),
        };
        statuses.entry(status.as_u16()).or_default().push(*code);
    }
    statuses
}

fn name(shape: ErrorShape, status: u16) -> String {
    match shape {
        ErrorShape::Own => format!("Error{status}"),
        ErrorShape::OpenAi => format!("OpenAiError{status}"),
    }
}

fn failure(shape: ErrorShape, codes: &[ErrorCode]) -> Response {
    let lines = codes.iter().map(|code| format!("- `{code}`: {}", code.meaning().trim()));
    let lines: Vec<String> = lines.collect();
    let described = match shape {
        ErrorShape::Own => described::<ErrorAnswer>(),
        ErrorShape::OpenAi => described::<OpenAiErrorAnswer>(),
    };
    let reference = (described.reference)();
    let content = Content::new(Some(reference));
    let response = ResponseBuilder::new().description(lines.join("\n")).content(JSON, content);
    if codes.iter().any(|code| code.retryable()) {
        let seconds = Header::new(ObjectBuilder::new().schema_type(Type::Integer));
        return response.header("retry-after", seconds).build();
    }
    response.build()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// Compared with the page; where the variable is set, it is written instead.
    #[test]
    fn the_reference_has_this_description() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/openapi.json");
        let made = format!("{:#}\n", description());
        if std::env::var_os("AKIDB_WRITE_REFERENCE").is_some() {
            std::fs::write(path, &made).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(page == made, "docs/reference/openapi.json is stale: run `cargo xtask generate`");
    }

    fn description() -> Value {
        serde_json::from_str(&openapi().to_json().unwrap()).unwrap()
    }

    /// Collects every `$ref`.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(reference)) = object.get("$ref") {
                    found.insert(reference.clone());
                }
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn routes_and_operations_are_the_same() {
        let description = description();
        assert_eq!(description["openapi"], "3.1.0");
        let paths = description["paths"].as_object().unwrap();
        let operations = paths.iter().flat_map(|(path, item)| {
            let verbs = item.as_object().unwrap().iter();
            verbs.map(move |(verb, operation)| {
                format!("{verb} {path} {}", operation["operationId"].as_str().unwrap())
            })
        });
        let verb = |route: &Route| format!("{:?}", route.verb).to_lowercase();
        let routes =
            ROUTES.iter().map(|route| format!("{} {} {}", verb(route), route.path, route.name));
        assert_eq!(operations.collect::<BTreeSet<_>>(), routes.collect::<BTreeSet<_>>());
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let description = description();
        let mut found = BTreeSet::new();
        references(&description, &mut found);
        assert!(found.len() > 20);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(description.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_error_code_is_described() {
        let description = description();
        let responses = description["components"]["responses"].as_object().unwrap();
        let codes = &description["components"]["schemas"]["ErrorDetail"]["properties"]["code"];
        for code in ErrorCode::ALL {
            let response = &responses[&name(ErrorShape::Own, code.http_status())];
            let text = response["description"].as_str().unwrap();
            assert!(text.contains(&format!("`{code}`")), "{code}");
            let names = codes["enum"].as_array().unwrap();
            assert!(names.contains(&Value::from(code.as_str())), "{code}");
        }
    }

    #[test]
    fn bodies_and_answers_have_examples() {
        let description = description();
        let schemas = description["components"]["schemas"].as_object().unwrap();
        for name in ["CreateCollection", "Collection", "UpsertRequest", "SearchRequest", "Error"] {
            assert!(schemas[name].get("example").is_some(), "{name}");
        }
    }
}
