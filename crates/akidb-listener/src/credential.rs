//! The key that a request shows.

use akidb_core::{Error, ErrorCode};
use http::{HeaderMap, HeaderName, header::AUTHORIZATION};

const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// The key in `authorization`, behind the word `Bearer`, or in `api-key`; in gRPC the metadata of the same
/// names. Both may be there where they say the same.
///
/// # Errors
/// `unauthenticated` where there are several, or one can not be read. The message has nothing of it.
pub(crate) fn shown_key(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let bearer = only(headers, &AUTHORIZATION)?.map(bearer).transpose()?;
    let api_key = only(headers, &API_KEY)?;
    match (bearer, api_key) {
        (Some(bearer), Some(api_key)) if bearer != api_key => {
            Err(unreadable("authorization and api-key are different keys"))
        }
        (bearer, api_key) => Ok(bearer.or(api_key)),
    }
}

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Error> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(unreadable(format!("{name} is given twice")));
    }
    match value.to_str() {
        Ok(text) => Ok(Some(text.trim())),
        Err(_) => Err(unreadable(format!("{name} is not visible ASCII"))),
    }
}

fn bearer(value: &str) -> Result<&str, Error> {
    let (scheme, key) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(unreadable("authorization must be `Bearer KEY`"));
    }
    Ok(key.trim())
}

fn unreadable(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::Unauthenticated, message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(headers: &[(&'static str, &str)]) -> Result<Option<String>, String> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        shown_key(&map).map(|key| key.map(str::to_owned)).map_err(|error| error.message)
    }

    #[test]
    fn a_key_stands_in_either_header() {
        assert_eq!(shown(&[]), Ok(None));
        for given in [
            &[("authorization", "Bearer k")][..],
            &[("authorization", "bearer   k ")],
            &[("api-key", "k")],
            &[("api-key", " k"), ("authorization", "BEARER k")],
        ] {
            assert_eq!(shown(given), Ok(Some("k".to_owned())), "{given:?}");
        }
        assert_eq!(shown(&[("authorization", "Bearer")]), Ok(Some(String::new())));
    }

    #[test]
    fn what_is_not_one_key_is_refused_without_being_told() {
        for given in [
            &[("authorization", "Basic secret")][..],
            &[("authorization", "secret")],
            &[("authorization", "Bearer secret"), ("api-key", "secret2")],
            &[("authorization", "Bearer secret"), ("authorization", "Bearer secret")],
            &[("api-key", "secret"), ("api-key", "secret")],
            &[("api-key", "secr\u{e9}t")],
        ] {
            let message = shown(given).unwrap_err();
            assert!(!message.contains("secr"), "{message}");
        }
    }
}
