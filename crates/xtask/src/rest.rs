//! The few REST calls of the demo and the checks.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A client of one node.
pub(crate) struct Rest {
    base: String,
    client: reqwest::Client,
}

impl Rest {
    /// A client of the node that listens there. Proxies of the environment are ignored.
    pub(crate) fn new(address: SocketAddr) -> Result<Self> {
        Self::at(&format!("http://{address}"))
    }

    /// The same of the node at a URL.
    pub(crate) fn at(url: &str) -> Result<Self> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { base: url.trim_end_matches('/').to_owned(), client })
    }

    /// Posts JSON and answers the reply's JSON; a reply that is no success is an error.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.client.post(self.url(path)).json(body);
        let reply: Value = serde_json::from_str(&text(request, path).await?)
            .with_context(|| format!("the reply of {path} is not JSON"))?;
        Ok(reply)
    }

    /// The text of a page.
    pub(crate) async fn get(&self, path: &str) -> Result<String> {
        text(self.client.get(self.url(path)), path).await
    }

    /// Removes something.
    pub(crate) async fn delete(&self, path: &str) -> Result<String> {
        text(self.client.delete(self.url(path)), path).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

async fn text(request: reqwest::RequestBuilder, path: &str) -> Result<String> {
    let response = request.send().await.with_context(|| format!("cannot reach {path}"))?;
    let status = response.status();
    let text = response.text().await?;
    if !status.is_success() {
        bail!("{path} answered {status}: {text}");
    }
    Ok(text)
}
