//! `[tracing]`

use serde::{Deserialize, Deserializer, Serialize, de::Error};

/// `[tracing]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TracingSettings {
    /// A collector that speaks OTLP over gRPC; absent is no traces.
    #[serde(deserialize_with = "endpoint")]
    pub(crate) otlp_endpoint: Option<String>,
    #[serde(deserialize_with = "ratio")]
    pub(crate) sample_ratio: f64,
    pub(crate) service_name: String,
}

impl TracingSettings {
    /// No traces; of all requests where they are asked for.
    pub(super) fn defaults() -> Self {
        Self { otlp_endpoint: None, sample_ratio: 1.0, service_name: "akidb".to_owned() }
    }
}

fn endpoint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let endpoint = Option::<String>::deserialize(deserializer)?;
    match endpoint {
        Some(text) if !is_endpoint(&text) => Err(Error::custom(
            "allowed is http:// with a host and a port, such as http://127.0.0.1:4317",
        )),
        endpoint => Ok(endpoint),
    }
}

/// Whether it is plain HTTP with a host and a port: a collector beside the node needs no TLS.
fn is_endpoint(text: &str) -> bool {
    let authority = text.strip_prefix("http://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    authority.and_then(|authority| authority.rsplit_once(':')).is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok()
    })
}

fn ratio<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let ratio = f64::deserialize(deserializer)?;
    if (0.0..=1.0).contains(&ratio) {
        return Ok(ratio);
    }
    Err(Error::custom("allowed is a number from 0 to 1"))
}
