//! What a route is: one entry of the table (`routes`) from which the router and the description are
//! made.

use std::time::Duration;

use akidb_listener::{Deadlines, ListenerOptions};
use akidb_service::Operation;
use axum::routing::{MethodFilter, MethodRouter};
use http::{Method, StatusCode};
use utoipa::{
    ToSchema,
    openapi::{Ref, RefOr, Schema},
};

use crate::{
    media::{CSV, JSON, JSON_LINES, MediaType},
    state::RestState,
};

/// The methods that AkiDB answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    /// Whether it is the method of a request.
    pub(crate) fn is(self, method: &Method) -> bool {
        MethodFilter::try_from(method.clone()).is_ok_and(|method| method == self.filter())
    }

    /// The method.
    pub(crate) const fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Patch => Method::PATCH,
            Self::Delete => Method::DELETE,
        }
    }

    /// What the router knows it by.
    pub(crate) const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// A parameter of the query.
#[derive(Debug)]
pub(crate) struct QueryParameter {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) takes: Takes,
}

/// A header of the request, always optional.
#[derive(Debug)]
pub(crate) struct RequestHeader {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    /// The regular expression of what it takes.
    pub(crate) pattern: &'static str,
}

/// The values that a parameter takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Takes {
    /// One of some words.
    Words(&'static [&'static str]),
    /// What a regular expression describes.
    Pattern(&'static str),
    /// The same, and the request can not do without.
    Needed(&'static str),
}

/// A wire type of the description.
#[derive(Clone, Copy)]
pub(crate) struct Described {
    pub(crate) reference: fn() -> Ref,
    /// The schema itself and those that it refers to, by name.
    pub(crate) schemas: fn(&mut Vec<(String, RefOr<Schema>)>),
}

/// What a route answers when all is well.
#[derive(Clone, Copy)]
pub(crate) enum Answers {
    /// JSON of this shape.
    Json(StatusCode, Described),
    /// JSON of this shape about what was there with 200, and about what is new with 201.
    Put(Described),
    /// JSON of this shape with 200, and the same shape with 503.
    Readiness(Described),
    /// Plain text.
    Text,
    /// A page for browsers.
    Page,
    /// Lines, each JSON of this shape.
    JsonLines(Described),
    /// JSON of a shape that is described elsewhere.
    AnyJson,
}

/// A route.
pub(crate) struct Route {
    pub(crate) verb: Verb,
    pub(crate) path: &'static str,
    /// Its name in the description.
    pub(crate) name: &'static str,
    /// What it asks of the service, which says who may, and what metrics count it as.
    pub(crate) operation: Operation,
    /// One sentence.
    pub(crate) summary: &'static str,
    pub(crate) handler: fn() -> MethodRouter<RestState>,
    /// Whether it answers probes and scrapers, whatever else they send.
    pub(crate) exempt: bool,
    /// The parameters of the query that it knows.
    pub(crate) query: &'static [QueryParameter],
    pub(crate) headers: &'static [RequestHeader],
    pub(crate) body: Option<Described>,
    /// The types that a body may have, the usual one first; a body that is not read has them too.
    pub(crate) takes: &'static [MediaType],
    /// Whether the body is lines, each of the body's shape, and without end.
    pub(crate) body_is_lines: bool,
    pub(crate) answers: Answers,
    pub(crate) errors: ErrorShape,
    /// Whether documents that are not as it requires them stop it.
    pub(crate) conditional: bool,
}

/// How a route writes its errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorShape {
    /// AkiDB's own.
    Own,
    /// OpenAI's, which its clients expect.
    OpenAi,
}

impl Route {
    pub(crate) const fn new(
        verb: Verb,
        path: &'static str,
        name: &'static str,
        summary: &'static str,
        handler: fn() -> MethodRouter<RestState>,
    ) -> Self {
        Self {
            verb,
            path,
            name,
            operation: Operation::Unknown,
            summary,
            handler,
            exempt: false,
            query: &[],
            headers: &[],
            body: None,
            takes: &[JSON],
            body_is_lines: false,
            answers: Answers::AnyJson,
            errors: ErrorShape::Own,
            conditional: false,
        }
    }

    /// May require something of the documents that it meets.
    pub(crate) const fn conditional(self) -> Self {
        Self { conditional: true, ..self }
    }

    /// Writes its errors as OpenAI does.
    pub(crate) const fn openai(self) -> Self {
        Self { errors: ErrorShape::OpenAi, ..self }
    }

    /// Is one of the service's operations.
    pub(crate) const fn operation(self, operation: Operation) -> Self {
        Self { operation, ..self }
    }

    /// Reads parameters of the query.
    pub(crate) const fn query(self, query: &'static [QueryParameter]) -> Self {
        Self { query, ..self }
    }

    /// Answers probes and scrapers: no limits, and nothing of the request is looked at.
    pub(crate) const fn exempt(self) -> Self {
        Self { exempt: true, ..self }
    }

    /// Says whether the node is well.
    pub(crate) const fn health(self) -> Self {
        self.exempt().operation(Operation::Health)
    }

    /// Reads a header.
    pub(crate) const fn headers(self, headers: &'static [RequestHeader]) -> Self {
        Self { headers, ..self }
    }

    /// Reads a JSON body.
    pub(crate) const fn body<T: ToSchema>(self) -> Self {
        Self { body: Some(described::<T>()), ..self }
    }

    /// Reads lines of JSON, a list or rows, and answers each with a line. May go on for as long as both ends like.
    pub(crate) const fn lines<T: ToSchema, A: ToSchema>(self) -> Self {
        let answers = Answers::JsonLines(described::<A>());
        let takes = &[JSON_LINES, JSON, CSV];
        Self { body: Some(described::<T>()), body_is_lines: true, takes, answers, ..self }
    }

    /// The time bounds of a request that gives itself so long.
    pub(crate) fn deadlines(
        &self,
        given: Option<Duration>,
        options: &ListenerOptions,
    ) -> Deadlines {
        let of = if self.body_is_lines { Deadlines::of_stream } else { Deadlines::of_request };
        of(given, options)
    }

    /// Answers JSON.
    pub(crate) const fn answers<T: ToSchema>(self) -> Self {
        Self { answers: Answers::Json(StatusCode::OK, described::<T>()), ..self }
    }

    /// Answers JSON about something new.
    pub(crate) const fn creates<T: ToSchema>(self) -> Self {
        Self { answers: Answers::Json(StatusCode::CREATED, described::<T>()), ..self }
    }

    /// Answers JSON about something that is there or is new.
    pub(crate) const fn puts<T: ToSchema>(self) -> Self {
        Self { answers: Answers::Put(described::<T>()), ..self }
    }

    /// Answers JSON about something that has begun and goes on.
    pub(crate) const fn begins<T: ToSchema>(self) -> Self {
        Self { answers: Answers::Json(StatusCode::ACCEPTED, described::<T>()), ..self }
    }

    /// Answers JSON with 200 or 503.
    pub(crate) const fn answers_readiness<T: ToSchema>(self) -> Self {
        Self { answers: Answers::Readiness(described::<T>()), ..self }
    }

    /// Answers a page for browsers.
    pub(crate) const fn answers_page(self) -> Self {
        Self { answers: Answers::Page, ..self }
    }

    /// Answers plain text.
    pub(crate) const fn answers_text(self) -> Self {
        Self { answers: Answers::Text, ..self }
    }
}

/// The description of a wire type.
pub(crate) const fn described<T: ToSchema>() -> Described {
    Described { reference: reference::<T>, schemas: schemas::<T> }
}

fn reference<T: ToSchema>() -> Ref {
    Ref::from_schema_name(T::name())
}

fn schemas<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    T::schemas(schemas);
    schemas.push((T::name().into_owned(), T::schema()));
}
