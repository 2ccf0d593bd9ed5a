//! Names of a node.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

const LOCALHOST: &str = "localhost";

/// A name under which a node is reached, `akidb`; with a dot before it, all names below,
/// `.akidb.svc.cluster.local`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

impl HostName {
    /// Whether this is the name, or one of the names, that a request was sent to.
    pub(super) fn matches(&self, host: &str) -> bool {
        let host = normal(host);
        match self.0.starts_with('.') {
            true => host.len() > self.0.len() && host.ends_with(&self.0),
            false => host == self.0,
        }
    }
}

/// What no page of another site can be named.
pub(super) fn is_address_or_localhost(host: &str) -> bool {
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    v6.is_some_and(|host| Ipv6Addr::from_str(host).is_ok())
        || Ipv4Addr::from_str(host).is_ok()
        || normal(host) == LOCALHOST
}

/// Small letters, and no dot for the root.
fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let labels = text.strip_prefix('.').unwrap_or(text);
        if labels.len() > 253 || !labels.split('.').all(is_label) {
            return Err(format!(
                "{text:?} is no name of a host such as akidb.example.com, or .example.com for all names below"
            ));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl TryFrom<String> for HostName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
