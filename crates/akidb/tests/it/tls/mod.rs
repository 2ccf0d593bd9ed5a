//! A node that speaks TLS: what it shows, to whom, and what it does with those who speak something else.

mod clients;
mod exposure;
mod handshakes;
mod reload;
mod start;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

use akidb_client::{
    Client, Retries,
    certificates::{Authority, Issued},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tempfile::TempDir;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Certificate, Channel, ClientTlsConfig};

use crate::node::{Backend, Node, akidb};

/// Far away: what is waited for comes long before.
const LONG: Duration = Duration::from_secs(600);
/// How often something is asked again that comes by itself.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// A node with a certificate of an authority of its own.
struct TlsNode {
    node: Node,
    authority: Authority,
    folder: TempDir,
}

impl TlsNode {
    fn start() -> Self {
        Self::start_with(|_| {})
    }

    fn start_with(adjust: impl FnOnce(&mut Command)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new().unwrap();
        let files = authority.issue_for_loopback().unwrap().write(folder.path()).unwrap();
        fs::write(folder.path().join("ca.crt"), authority.pem()).unwrap();
        let node = Node::start_with(&folder.path().join("data"), Backend::Hash, |command| {
            name_files(command, &files);
            adjust(command);
        });
        Self { node, authority, folder }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.node.rest.port())
    }

    /// Asks over connections of its own, and tells the first error.
    fn client(&self) -> Client {
        let client = Client::with_authorities(&self.url(), self.authority.pem().as_bytes());
        client.unwrap().with_retries(Retries::NONE)
    }

    async fn grpc(&self) -> Channel {
        let authority = Certificate::from_pem(self.authority.pem());
        let tls = ClientTlsConfig::new().ca_certificate(authority).domain_name("localhost");
        let endpoint = Channel::from_shared(format!("https://{}", self.node.grpc)).unwrap();
        endpoint.tls_config(tls).unwrap().connect().await.unwrap()
    }

    /// A handshake with the door of REST, and what was agreed on.
    async fn connect(&self, protocols: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
        connect(self.node.rest.port(), &self.authority, protocols).await
    }

    /// A metric, by the beginning of its line.
    async fn metric(&self, series: &str) -> f64 {
        let text = self.client().metrics().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("there is no {series}")).parse().unwrap()
    }

    /// Asks for a metric until it has this value.
    async fn until_metric(&self, series: &str, value: f64) {
        timeout(LONG, async {
            while self.metric(series).await != value {
                tokio::time::sleep(ASK_EVERY).await;
            }
        })
        .await
        .unwrap();
    }

    /// What the component `tls` says.
    async fn component(&self) -> (bool, String) {
        let ready: akidb_client::Readiness = self.client().readiness().await.unwrap();
        assert!(ready.ready);
        let tls = ready.components.into_iter().find(|it| it.name == "tls").unwrap();
        (tls.ready, tls.detail)
    }

    /// Puts another pair in place of the files, one after the other.
    fn replace(&self, issued: &Issued) {
        issued.write(self.folder.path()).unwrap();
    }

    fn akidb<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Output {
        let mut command = akidb(args);
        command.env("AKIDB_URL", self.url()).env("AKIDB_CA", self.folder.path().join("ca.crt"));
        command.output().unwrap()
    }
}

fn name_files(command: &mut Command, [certificate, key]: &[PathBuf; 2]) {
    command.env("AKIDB_SERVER__TLS__CERTIFICATE", certificate);
    command.env("AKIDB_SERVER__TLS__KEY", key);
    command.env("AKIDB_SERVER__TLS__RELOAD_INTERVAL_MS", "20");
}

async fn connect(
    port: u16,
    authority: &Authority,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// The log of a node over this data directory.
fn log(data_dir: &Path) -> String {
    fs::read_to_string(data_dir.with_extension("log")).unwrap()
}
