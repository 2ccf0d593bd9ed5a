//! Who may speak to a node by way of a browser.
//!
//! A page of any site can make a browser send requests to a machine that the site cannot reach
//! itself. Two rules stand against that. A request that another site's page began is refused unless
//! CORS allows its origin: browsers say so (`sec-fetch-site`, `origin`), and pages cannot change what
//! they say. And the name in `host` must be one of this node's: a page whose own name resolves to
//! this machine (DNS rebinding) is of the same origin to the browser, but needs a name to be.

mod host;
mod origin;
#[cfg(test)]
mod tests;

use akidb_core::{Error, ErrorCode};
use http::{
    HeaderMap, HeaderValue, Method, Version,
    header::{HOST, ORIGIN},
    request::Parts,
    uri::Authority,
};

pub use self::{host::HostName, origin::Origin};

const SITE: &str = "sec-fetch-site";
const MODE: &str = "sec-fetch-mode";
const DESTINATION: &str = "sec-fetch-dest";

const SHOWN_CHARS: usize = 80;

/// The rules of one listener.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    hosts: Vec<HostName>,
    origins: Vec<Origin>,
}

/// What the guard says of a request.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) malformed: Option<Error>,
    pub(crate) refused: Option<Error>,
    pub(crate) allowed_origin: Option<HeaderValue>,
}

impl Guard {
    pub(crate) fn new(hosts: Vec<HostName>, origins: Vec<Origin>) -> Self {
        Self { hosts, origins }
    }

    /// Looks at the head of a request.
    pub(crate) fn look_at(&self, parts: &Parts) -> Findings {
        let host = match named_host(parts) {
            Ok(host) => host,
            Err(error) => return Findings { malformed: Some(error), ..Findings::default() },
        };
        let allowed_origin = self.listed_origin(&parts.headers);
        let refused = host.as_ref().and_then(|host| self.host_fault(host));
        let refused = refused.or_else(|| match allowed_origin {
            Some(_) => None,
            None => self.page_fault(parts, host.as_ref()),
        });
        Findings { malformed: None, refused, allowed_origin }
    }

    fn host_fault(&self, host: &Authority) -> Option<Error> {
        if host::is_address_or_localhost(host.host())
            || self.hosts.iter().any(|name| name.matches(host.host()))
        {
            return None;
        }
        let given = shown(host.host());
        let description = format!(
            "{given:?} is not known as a name of this node, allowed are IP addresses, localhost and the names in server.hosts"
        );
        Some(Error::at(ErrorCode::HostNotAllowed, "host", description))
    }

    /// The origin of the page, where it is in the list.
    fn listed_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let given = headers.get(ORIGIN)?;
        let origin: Origin = given.to_str().ok()?.parse().ok()?;
        self.origins.contains(&origin).then(|| given.clone())
    }

    /// Refuses what a page of another origin began.
    fn page_fault(&self, parts: &Parts, host: Option<&Authority>) -> Option<Error> {
        let text = |name: &str| parts.headers.get(name).map(HeaderValue::as_bytes);
        match text(SITE) {
            // Typed in, or of this node's own pages.
            Some(b"none" | b"same-origin") => return None,
            // A link to be looked at: what comes back is shown to the person and not to the page.
            Some(_)
                if parts.method == Method::GET
                    && text(MODE) == Some(b"navigate")
                    && text(DESTINATION) == Some(b"document") =>
            {
                return None;
            }
            Some(_) => {}
            // No browser, or an old one, which says the origin of all requests that change something.
            None => {
                let given = parts.headers.get(ORIGIN)?;
                let origin = given.to_str().ok().and_then(|text| text.parse::<Origin>().ok());
                if origin.is_some_and(|origin| host.is_some_and(|host| origin.is_of(host))) {
                    return None;
                }
            }
        }
        let given = text("origin").map(|given| String::from_utf8_lossy(given).into_owned());
        let given =
            given.map_or_else(|| "another site".to_owned(), |it| format!("{:?}", shown(&it)));
        let description = format!(
            "a page of {given} may not use this node, allowed are the origins in server.cors_origins"
        );
        Some(Error::at(ErrorCode::OriginNotAllowed, "origin", description))
    }
}

/// The one name that a request is sent to; none in HTTP/1.0, which need not say it.
///
/// # Errors
/// `malformed_request` where there are two or none (RFC 9112, section 3.2), or what is said is no name.
fn named_host(parts: &Parts) -> Result<Option<Authority>, Error> {
    let wrong = |description: &str| Error::at(ErrorCode::MalformedRequest, "host", description);
    let mut given = parts.headers.get_all(HOST).iter();
    let header = match (given.next(), given.next()) {
        (_, Some(_)) => return Err(wrong("is given twice")),
        (Some(given), None) => {
            let host = Authority::try_from(given.as_bytes()).ok();
            let host = host.filter(is_name_with_port);
            Some(host.ok_or_else(|| wrong("is no name or address with a port or without"))?)
        }
        (None, None) => None,
    };
    match (parts.uri.authority(), header) {
        (Some(target), Some(host)) if !target.as_str().eq_ignore_ascii_case(host.as_str()) => {
            Err(wrong("is another one than that of the target"))
        }
        // In HTTP/2 it stands in :authority (RFC 9113, section 8.3.1).
        (Some(target), header) if header.is_some() || parts.version >= Version::HTTP_2 => {
            Ok(Some(target.clone()))
        }
        (None, Some(host)) => Ok(Some(host)),
        _ if parts.version == Version::HTTP_10 => Ok(None),
        _ => Err(wrong("is missing")),
    }
}

/// Nothing but a name or an address, and a port or none.
fn is_name_with_port(host: &Authority) -> bool {
    let port = host.as_str().strip_prefix(host.host());
    !host.host().is_empty() && (port == Some("") || host.port_u16().is_some())
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}
