//! Origins of pages (RFC 6454).

use std::{fmt, str::FromStr};

use http::{Uri, uri::Authority};

/// Where a page comes from: `https://app.example.com`, `http://localhost:3000`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin {
    is_https: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// Whether a page of this origin was served under this name and port.
    ///
    /// The scheme cannot be compared: behind a proxy that speaks TLS the node does not know it.
    pub(super) fn is_of(&self, host: &Authority) -> bool {
        let port = host.port_u16().unwrap_or(default_port(self.is_https));
        host.host().eq_ignore_ascii_case(&self.host) && port == self.port
    }
}

const fn default_port(is_https: bool) -> u16 {
    if is_https { 443 } else { 80 }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no origin of pages such as https://app.example.com or http://localhost:3000"
            )
        };
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.filter(|it| !it.host().is_empty()).ok_or_else(wrong)?;
        // Nothing but a scheme, a name and a port.
        if uri.path() != "/" || uri.query().is_some() || text.ends_with('/') {
            return Err(wrong());
        }
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => default_port(is_https),
            _ => authority.port_u16().ok_or_else(wrong)?,
        };
        Ok(Self { is_https, host: authority.host().to_ascii_lowercase(), port })
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        match self.port == default_port(self.is_https) {
            true => Ok(()),
            false => write!(f, ":{}", self.port),
        }
    }
}
