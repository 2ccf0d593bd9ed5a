//! How a command reaches a node: a running one by its URL, or its own over a data directory.
//!
//! Both are spoken to by the same client through the same door, so that there is one path.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use akidb_client::{Client, Retries};
use akidb_service::Secret;
use clap::Args;
use tokio::net::TcpListener;

use crate::{
    failure::{Failure, Result},
    node::{Listeners, Node},
    settings::{ConfigurationArgs, Flag, Settings, Sources, resolve},
    telemetry,
    waiting::waiting,
};

/// Which running node a command speaks to.
#[derive(Args, Debug)]
pub(crate) struct RunningNodeArgs {
    /// The REST address of a running node
    #[arg(long, env = "AKIDB_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A file of the authorities in PEM whose certificates are taken behind https://, instead of those
    /// that the system trusts
    #[arg(long, env = "AKIDB_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A key of the node, where it requires one. Other users of this machine see the options of a
    /// command: the variable is the better place
    #[arg(long, env = "AKIDB_API_KEY", hide_env_values = true, value_name = "KEY")]
    key: Option<String>,
}

impl RunningNodeArgs {
    /// A client of the node.
    pub(crate) fn client(&self) -> Result<Client> {
        let client = match &self.ca {
            None => Client::new(&self.url)?,
            Some(path) => Client::with_authorities(&self.url, &authorities(path)?)?,
        };
        with_key(client, self.key.as_deref())
    }
}

/// Which node a command speaks to.
#[derive(Args, Debug)]
pub(crate) struct NodeArgs {
    #[command(flatten)]
    running: RunningNodeArgs,
    /// Open this data directory itself instead, while no node is running on it
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl NodeArgs {
    /// Whether the command opens a data directory itself.
    pub(crate) const fn opens_data(&self) -> bool {
        self.data_dir.is_some()
    }
}

/// What a command needs of a data directory that it opens itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    may_create: bool,
    needs_model: bool,
}

impl Opening {
    /// The directory must be there: a mistyped one would look like an empty database.
    pub(crate) const EXISTING: Self = Self { may_create: false, needs_model: false };
    /// The directory may be made.
    pub(crate) const NEW_DIRECTORY: Self = Self { may_create: true, needs_model: false };

    /// Texts will be embedded, so the model is loaded, which takes a moment.
    pub(crate) const fn with_model(self) -> Self {
        Self { needs_model: true, ..self }
    }
}

/// Runs `ask` against the node that `args` name.
pub(crate) async fn with_node<T>(
    args: &NodeArgs,
    configuration: &ConfigurationArgs,
    opening: Opening,
    ask: impl AsyncFnOnce(&Client) -> Result<T>,
) -> Result<T> {
    match &args.data_dir {
        None => ask(&args.running.client()?).await,
        Some(data_dir) => {
            // Whoever may read the directory needs no key, and nobody else is to use this node.
            let key = Secret::random()
                .map_err(|error| Failure::new(error.code.into(), error.to_string()))?;
            let opened = open(data_dir, configuration, opening, &key);
            let node = waiting("opening the data directory", opened).await?;
            let url = format!("http://{}", node.rest_addr());
            let client = Client::new(&url).map_err(Failure::from);
            let outcome = match client.and_then(|client| with_key(client, Some(key.expose()))) {
                Ok(client) => ask(&client).await,
                Err(failure) => Err(failure),
            };
            waiting("closing the data directory", node.stop()).await;
            outcome
        }
    }
}

fn authorities(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Failure::io(format!("--ca {}", path.display()), &error))
}

/// A client that tells the first error; a command that has patience says so.
fn with_key(client: Client, key: Option<&str>) -> Result<Client> {
    let client = client.with_retries(Retries::NONE);
    match key {
        None => Ok(client),
        Some(key) => client.with_key(key).map_err(|error| {
            Failure::usage(error.to_string())
                .hint("--key and AKIDB_API_KEY take what `akidb key create` shows")
        }),
    }
}

/// A node of our own, on a port that nobody else knows.
async fn open(
    data_dir: &Path,
    configuration: &ConfigurationArgs,
    opening: Opening,
    key: &Secret,
) -> Result<Node> {
    if !opening.may_create && !data_dir.is_dir() {
        return Err(Failure::usage(format!("there is no data directory {}", data_dir.display()))
            .hint("`akidb collection create NAME --data-dir DIR` makes one"));
    }
    let flag = Flag::given("--data-dir", "storage.data_dir", Some(data_dir.display()));
    let sources = Sources::read(configuration, flag.into_iter().collect())?;
    let mut settings: Settings = resolve(&sources)?.settings;
    settings.embedding.enabled &= opening.needs_model;
    telemetry::start_quiet();
    let rest = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(|error| Failure::io("cannot listen on 127.0.0.1", &error))?;
    let node = Node::start_for(&settings, Listeners::own(rest), Some(key)).await?;
    node.models_settled().await;
    match node.model_failure() {
        None => Ok(node),
        Some(failure) => {
            node.stop().await;
            Err(failure)
        }
    }
}
