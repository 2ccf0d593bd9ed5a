//! What a request says outside of its body: path, query, headers, and how long it may take.

mod percent;
mod target;

use std::time::Duration;

use akidb_core::{Error, ErrorCode, WriteMode};
use akidb_listener::Deadlines;
use akidb_service::{Caller, Door, GivenId, InUse, Include, RequestContext, RequestSpan, Upsert};
use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, request::Parts};

use self::target::{path_values, query_values};
use crate::{
    encoding,
    failure::Failure,
    media,
    route::{Route, Verb},
    state::RestState,
    wire::{IdType, ImportFields, ToldLines, include_from},
};

/// Says how long a request may take.
pub(crate) const REQUEST_TIMEOUT: &str = "x-request-timeout-ms";
/// Makes the ids that an upsert chooses the same for every retry.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The version that a document must be of.
pub(crate) const IF_MATCH: &str = "if-match";

/// A request without its body, checked against the description of its route.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// What the service wants to know of every request.
    pub(crate) context: RequestContext,
    /// Until when its body must come.
    pub(crate) deadlines: Deadlines,
    /// The collection of the path, empty where the route has none.
    pub(crate) collection: String,
    /// The model of the path, empty where the route has none.
    pub(crate) model: String,
    /// The vector field of the path, empty where the route has none.
    pub(crate) field: String,
    /// The document's id of the path, empty where the route has none.
    id: String,
    query: Vec<(&'static str, String)>,
    idempotency_key: Option<String>,
    if_match: Option<IfMatch>,
}

/// The middleware of each route: decodes the call for its handler, and counts what the door
/// itself refuses.
pub(crate) async fn admit(
    State((state, route)): State<(RestState, &'static Route)>,
    mut request: Request,
    next: Next,
) -> Response {
    let call = Call::decode(&request, route, &state);
    let call = call.and_then(|call| call.reached(route, &state));
    let call = call.and_then(|call| encoding::decoded(&mut request).map(|()| call));
    let response = match call {
        Ok(call) => {
            request.extensions_mut().insert(call);
            next.run(request).await
        }
        Err(error) => Failure::refused(error).into_response(),
    };
    if let Some(failure) = response.extensions().get::<Failure>().filter(|f| f.refused) {
        state.service.count_refused(Door::Rest, route.operation, &failure.error);
    }
    response
}

impl Call {
    fn decode(request: &Request, route: &Route, state: &RestState) -> Result<Self, Error> {
        let options = &state.options.listener;
        let timeout = timeout(request.headers(), options.max_timeout)?;
        let deadlines = route.deadlines(timeout, options);
        let span = request.extensions().get().cloned().unwrap_or(RequestSpan::none());
        let caller = request.extensions().get::<Caller>().cloned().unwrap_or_default();
        media::check(request, route.takes)?;
        let mut path = path_values(route.path, request.uri().path())?;
        let query = query_values(route.query, request.uri().query().unwrap_or_default())?;
        let mut part = |name| path.remove(name).unwrap_or_default();
        Ok(Self {
            context: RequestContext::new(Door::Rest, deadlines.request()).within(span).of(caller),
            deadlines,
            collection: part("name"),
            model: part("model"),
            field: part("field"),
            id: part("id"),
            query,
            idempotency_key: idempotency_key(route, request.headers()),
            if_match: if_match(route, request.headers())?,
        })
    }

    /// The call, where the key of its caller reaches the collection of the path.
    fn reached(self, route: &Route, state: &RestState) -> Result<Self, Error> {
        let collection = Some(self.collection.as_str()).filter(|name| !name.is_empty());
        state.service.authorize(Door::Rest, &self.context.caller, route.operation, collection)?;
        Ok(self)
    }

    /// The id of the path as it stands there.
    pub(crate) fn path_id(&self) -> &str {
        &self.id
    }

    /// The id of the path, or of the query where the path has none. Which of a string and an integer
    /// is meant the query may say by `type`; else it is the string, where a document has it, and then
    /// the integer.
    ///
    /// # Errors
    /// `malformed_request` where there is none, `invalid_argument` for another type, `invalid_id` for
    /// an integer that is none.
    pub(crate) fn document_id(&self) -> Result<GivenId, Failure> {
        let id = match (self.id.as_str(), self.query("id")) {
            ("", Some(id)) => id,
            ("", None) => {
                let fault = "is missing: the id of the document, percent-encoded";
                let error = Error::at(ErrorCode::MalformedRequest, "id", fault);
                return Err(Failure::refused(error));
            }
            (id, _) => id,
        };
        match self.query("type").map(str::parse).transpose().map_err(Failure::refused)? {
            None => Ok(GivenId::Either(id.to_owned())),
            Some(IdType::String) => Ok(GivenId::Text(id.to_owned())),
            Some(IdType::Integer) => {
                let id = id.parse().map_err(|_| {
                    let given: String = id.chars().take(80).collect();
                    let description = format!("{given:?} is not a 64-bit signed integer");
                    Failure::refused(Error::at(ErrorCode::InvalidId, "id", description))
                })?;
                Ok(GivenId::Integer(id))
            }
        }
    }

    /// The parts of documents that the query asks for, as `include=text,vector`.
    ///
    /// # Errors
    /// `invalid_argument` for an unknown part.
    pub(crate) fn include(&self) -> Result<Include, Failure> {
        let names = self.query("include");
        let names = names.map(|names| names.split(',').filter(|name| !name.is_empty()));
        include_from(names, "include").map_err(Failure::refused)
    }

    /// Which lines the answer to an import tells of.
    ///
    /// # Errors
    /// `invalid_argument` for another word.
    pub(crate) fn told_lines(&self) -> Result<ToldLines, Failure> {
        let told = self.query("status").map(str::parse).transpose();
        told.map(Option::unwrap_or_default).map_err(Failure::refused)
    }

    /// What the query says about which fields of an import are what.
    pub(crate) fn import_fields(&self) -> ImportFields {
        let named = |name| self.query(name).filter(|field| !field.is_empty()).map(str::to_owned);
        let metadata = self.query("metadata").map(|names| names.split(',').map(str::to_owned));
        ImportFields {
            id: named("id_field"),
            text: named("text_field"),
            metadata: metadata.map(Iterator::collect),
        }
    }

    /// What the query says about the collections of a model to be unloaded.
    ///
    /// # Errors
    /// `invalid_argument` where `force` is neither true nor false.
    pub(crate) fn in_use(&self) -> Result<InUse, Failure> {
        match self.query("force") {
            None | Some("false") => Ok(InUse::Refuse),
            Some("true") => Ok(InUse::Unload),
            Some(_) => {
                let fault = "must be true or false";
                Err(Failure::refused(Error::at(ErrorCode::InvalidArgument, "force", fault)))
            }
        }
    }

    /// What an import may write.
    ///
    /// # Errors
    /// `invalid_argument` for another word.
    pub(crate) fn mode(&self) -> Result<WriteMode, Failure> {
        let mode = self.query("mode").map(str::parse).transpose();
        mode.map(Option::unwrap_or_default).map_err(Failure::refused)
    }

    /// The version that the one document of the request must be of, as the header and the body say.
    ///
    /// # Errors
    /// `invalid_argument` where they contradict each other.
    pub(crate) fn if_seq(&self, in_body: Option<u64>) -> Result<Option<u64>, Failure> {
        match (&self.if_match, in_body) {
            (Some(IfMatch::Seq(header)), Some(body)) if *header != body => {
                let fault = format!("contradicts if_seq, which is {body}");
                Err(Failure::refused(Error::at(ErrorCode::InvalidArgument, IF_MATCH, fault)))
            }
            (Some(IfMatch::Seq(header)), _) => Ok(Some(*header)),
            (Some(IfMatch::Any) | None, in_body) => Ok(in_body),
        }
    }

    /// Holds the documents of an upsert against the header `If-Match`, which is of one.
    ///
    /// # Errors
    /// `invalid_argument` where it is of several, or contradicts the body.
    pub(crate) fn with_if_match(&self, mut upsert: Upsert) -> Result<Upsert, Failure> {
        let Some(if_match) = &self.if_match else { return Ok(upsert) };
        let [document] = &mut upsert.documents[..] else {
            let fault = "is of one document, of several each may have an if_seq in the body";
            return Err(Failure::refused(Error::at(ErrorCode::InvalidArgument, IF_MATCH, fault)));
        };
        document.if_seq = self.if_seq(document.if_seq)?;
        if matches!(if_match, IfMatch::Any) && upsert.mode == WriteMode::Upsert {
            upsert.mode = WriteMode::Update;
        }
        Ok(upsert)
    }

    /// The key under which a retry makes the same ids.
    pub(crate) fn idempotency_key(&self) -> Option<String> {
        self.idempotency_key.clone()
    }

    fn query(&self, wanted: &str) -> Option<&str> {
        let value = self.query.iter().find(|(name, _)| *name == wanted);
        value.map(|(_, value)| value.as_str())
    }
}

impl<S: Sync> FromRequestParts<S> for Call {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        let call = parts.extensions.get::<Self>().cloned();
        call.ok_or_else(|| Error::new(ErrorCode::Internal, "the route was not admitted").into())
    }
}

fn timeout(headers: &HeaderMap, max_timeout: Duration) -> Result<Option<Duration>, Error> {
    let Some(given) = headers.get(REQUEST_TIMEOUT) else {
        return Ok(None);
    };
    let milliseconds = given.to_str().ok().and_then(|text| text.parse().ok());
    let timeout = milliseconds.map(Duration::from_millis);
    match timeout.filter(|timeout| !timeout.is_zero() && *timeout <= max_timeout) {
        Some(timeout) => Ok(Some(timeout)),
        None => {
            let max_ms = max_timeout.as_millis();
            let description = format!("must be a whole number of milliseconds from 1 to {max_ms}");
            Err(Error::at(ErrorCode::InvalidArgument, REQUEST_TIMEOUT, description))
        }
    }
}

/// What a request requires of the document that it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IfMatch {
    /// `*`: that it is there.
    Any,
    /// That it is of this version.
    Seq(u64),
}

/// The header `If-Match`. A condition that the route does not know is refused: to write all the same
/// would be what the client wanted to rule out.
fn if_match(route: &Route, headers: &HeaderMap) -> Result<Option<IfMatch>, Error> {
    let invalid =
        |header: &str, fault: &str| Err(Error::at(ErrorCode::InvalidArgument, header, fault));
    if route.verb == Verb::Get {
        return Ok(None);
    }
    for other in ["if-none-match", "if-unmodified-since"] {
        if headers.contains_key(other) {
            let fault = "is no condition that is known here; if-match and if_seq require a version, \
                         \"mode\": \"create\" that there is none";
            return invalid(other, fault);
        }
    }
    let mut given = headers.get_all(IF_MATCH).iter();
    let Some(value) = given.next() else { return Ok(None) };
    if !route.headers.iter().any(|header| header.name == IF_MATCH) {
        return invalid(IF_MATCH, "is no condition of this route");
    }
    if given.next().is_some() {
        return invalid(IF_MATCH, "is given twice");
    }
    let value = value.to_str().unwrap_or_default().trim();
    let seq = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    match seq.and_then(|seq| seq.parse().ok()) {
        Some(seq) => Ok(Some(IfMatch::Seq(seq))),
        None if value == "*" => Ok(Some(IfMatch::Any)),
        None => invalid(IF_MATCH, "must be the seq of a document in quotes, such as \"5\", or *"),
    }
}

/// The key, where the route reads it; clients may send one with every request. What is no text
/// becomes a text that the service refuses.
fn idempotency_key(route: &Route, headers: &HeaderMap) -> Option<String> {
    let is_read = route.headers.iter().any(|header| header.name == IDEMPOTENCY_KEY);
    let given = headers.get(IDEMPOTENCY_KEY).filter(|_| is_read)?;
    Some(String::from_utf8_lossy(given.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::RequestHeader;

    #[test]
    fn a_request_may_say_how_long_it_may_take() {
        let timeout = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_TIMEOUT, value.parse().unwrap());
            timeout(&headers, Duration::from_secs(60)).map_err(|error| error.code)
        };
        assert_eq!(super::timeout(&HeaderMap::new(), Duration::ZERO), Ok(None));
        assert_eq!(timeout("1"), Ok(Some(Duration::from_millis(1))));
        assert_eq!(timeout("60000"), Ok(Some(Duration::from_secs(60))));
        for bad in ["", "0", "60001", "-1", "1.5", "1s", "99999999999999999999"] {
            assert_eq!(timeout(bad), Err(ErrorCode::InvalidArgument), "{bad}");
        }
    }

    #[test]
    fn a_condition_is_a_version_in_quotes() {
        const READS_IT: Route = Route::new(Verb::Patch, "/", "patch", "", || unreachable!())
            .headers(&[RequestHeader { name: IF_MATCH, description: "", pattern: "" }]);
        const DOES_NOT: Route = Route::new(Verb::Post, "/", "post", "", || unreachable!());
        let given = |route, name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            if_match(route, &headers).map_err(|error| error.violations[0].field.clone())
        };
        assert_eq!(given(&READS_IT, IF_MATCH, "\"5\""), Ok(Some(IfMatch::Seq(5))));
        assert_eq!(given(&READS_IT, IF_MATCH, "*"), Ok(Some(IfMatch::Any)));
        for bad in ["5", "W/\"5\"", "\"5\", \"6\"", "\"-1\"", "\"x\"", ""] {
            assert_eq!(given(&READS_IT, IF_MATCH, bad), Err(IF_MATCH.to_owned()), "{bad}");
        }
        assert_eq!(given(&DOES_NOT, IF_MATCH, "\"5\""), Err(IF_MATCH.to_owned()));
        assert_eq!(given(&READS_IT, "if-none-match", "*"), Err("if-none-match".to_owned()));
        assert_eq!(if_match(&READS_IT, &HeaderMap::new()), Ok(None));
    }
}
