//! A request as it goes over the wire.

use bytes::Bytes;
use reqwest::{
    Method,
    header::{HeaderName, HeaderValue},
};
use serde::Serialize;

use crate::RequestError;

/// A request: a path, and what of a query, headers and a JSON body it needs.
///
/// Paths are given in parts, which are encoded: a name with a slash stays one part.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Option<Bytes>,
    pub(crate) repeatable: bool,
    pub(crate) fault: Option<String>,
}

impl Request {
    /// Reads something.
    #[must_use]
    pub fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, path)
    }

    /// Asks for something.
    #[must_use]
    pub fn post(path: &[&str]) -> Self {
        Self::new(Method::POST, path)
    }

    /// Makes something be there.
    #[must_use]
    pub fn put(path: &[&str]) -> Self {
        Self::new(Method::PUT, path)
    }

    /// Changes something.
    #[must_use]
    pub fn patch(path: &[&str]) -> Self {
        Self::new(Method::PATCH, path)
    }

    /// Removes something.
    #[must_use]
    pub fn delete(path: &[&str]) -> Self {
        Self::new(Method::DELETE, path)
    }

    pub(crate) fn new(method: Method, path: &[&str]) -> Self {
        Self {
            repeatable: method == Method::GET || method == Method::PUT,
            method,
            path: path.iter().map(|&part| part.to_owned()).collect(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            fault: None,
        }
    }

    /// The same with a JSON body.
    #[must_use]
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => self.body = Some(body.into()),
            Err(error) => self.fault = Some(format!("the body: {error}")),
        }
        self
    }

    /// The same with a parameter of the query.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a header, whose name is given in lower case.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => self.headers.push((HeaderName::from_static(name), value)),
            Err(_) => self.fault = Some(format!("the header {name} can not be {value:?}")),
        }
        self
    }

    /// The same, where the document has this `seq`: another one is `condition_failed`.
    #[must_use]
    pub fn if_seq(self, seq: u64) -> Self {
        self.header("if-match", &format!("\"{seq}\""))
    }

    /// The same, as one that does no harm where it arrives twice, which [`Retries`](crate::Retries)
    /// may then send again also when it is not known what became of it.
    #[must_use]
    pub fn repeatable(self) -> Self {
        Self { repeatable: true, ..self }
    }

    /// The request, where all of it could be written.
    pub(crate) fn checked(&self) -> Result<&Self, RequestError> {
        match &self.fault {
            Some(fault) => Err(RequestError::Invalid { message: fault.clone() }),
            None => Ok(self),
        }
    }
}
