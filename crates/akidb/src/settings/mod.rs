//! The configuration, resolved once into plain structs and passed down.
//!
//! Scope: every key with its default. Out of scope: where values come from ([`sources`]), how they
//! are merged and checked ([`resolve`]), what they do (the node).
//!
//! A key added here must be added to `config/akidb.toml` too; a test compares the two.

mod fault;
mod level;
mod resolve;
mod size;
mod sources;
mod tracing;
mod variables;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use akidb_core::Limits;
use akidb_embedding::Precision;
use akidb_listener::{HostName, Network, Origin};
use serde::{Deserialize, Deserializer, Serialize, de};

pub(crate) use self::{
    resolve::{Entry, resolve},
    sources::{ConfigurationArgs, Flag, SettingFlags, Sources},
    tracing::TracingSettings,
};

/// Everything that can be configured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The two listeners.
    pub(crate) server: ServerSettings,
    /// Where the data lies.
    pub(crate) storage: StorageSettings,
    /// What vector indexes may take.
    pub(crate) index: IndexSettings,
    /// Where backups go.
    pub(crate) backup: BackupSettings,
    /// What turns text into vectors.
    pub(crate) embedding: EmbeddingSettings,
    /// Who may ask.
    pub(crate) auth: AuthSettings,
    /// What is written down of who did what.
    pub(crate) audit: AuditSettings,
    /// What one request may ask.
    pub(crate) limits: Limits,
    /// What the node says about itself.
    pub(crate) log: LogSettings,
    /// What it tells of its requests.
    pub(crate) tracing: TracingSettings,
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerSettings {
    pub(crate) rest_addr: SocketAddr,
    pub(crate) grpc_addr: SocketAddr,
    #[serde(deserialize_with = "positive")]
    pub(crate) request_timeout_ms: u64,
    #[serde(deserialize_with = "positive")]
    pub(crate) max_request_timeout_ms: u64,
    #[serde(deserialize_with = "positive")]
    pub(crate) import_idle_timeout_ms: u64,
    pub(crate) drain_delay_ms: u64,
    pub(crate) drain_timeout_ms: u64,
    pub(crate) hosts: Vec<HostName>,
    pub(crate) cors_origins: Vec<Origin>,
    #[serde(deserialize_with = "positive")]
    pub(crate) max_connections: usize,
    #[serde(deserialize_with = "positive")]
    pub(crate) connections_per_ip: usize,
    pub(crate) trusted_proxies: Vec<Network>,
    #[serde(deserialize_with = "positive")]
    pub(crate) max_streams_per_connection: u32,
    #[serde(deserialize_with = "positive")]
    pub(crate) body_budget_bytes: usize,
    #[serde(deserialize_with = "positive")]
    pub(crate) header_read_timeout_ms: u64,
    #[serde(deserialize_with = "positive")]
    pub(crate) body_idle_timeout_ms: u64,
    #[serde(deserialize_with = "positive")]
    pub(crate) reply_idle_timeout_ms: u64,
    #[serde(deserialize_with = "positive")]
    pub(crate) idle_timeout_ms: u64,
    #[serde(deserialize_with = "positive")]
    pub(crate) grpc_keepalive_interval_ms: u64,
    #[serde(deserialize_with = "positive")]
    pub(crate) grpc_keepalive_timeout_ms: u64,
    /// What the listeners show to clients.
    pub(crate) tls: TlsSettings,
}

/// `[server.tls]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSettings {
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    #[serde(deserialize_with = "positive")]
    pub(crate) reload_interval_ms: u64,
    pub(crate) ends_at_proxy: bool,
}

/// `[auth]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthSettings {
    pub(crate) keys: RequiredKeys,
    pub(crate) admin_key_file: Option<PathBuf>,
}

/// Whether requests need a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RequiredKeys {
    /// From the first key on.
    Auto,
    /// Always.
    Required,
    /// Never.
    Off,
}

/// `[audit]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditSettings {
    pub(crate) path: Option<PathBuf>,
    /// Bytes.
    #[serde(deserialize_with = "size::bytes")]
    pub(crate) file_bytes: u64,
    pub(crate) kept_files: usize,
}

/// `[storage]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StorageSettings {
    pub(crate) data_dir: PathBuf,
    #[serde(deserialize_with = "positive")]
    pub(crate) max_open_collections: usize,
    #[serde(deserialize_with = "positive")]
    pub(crate) idle_close_after_ms: u64,
    #[serde(deserialize_with = "positive")]
    pub(crate) readers_per_collection: u32,
    /// Bytes; absent is the larger of 256 MiB and a hundredth of the disk, 0 is none.
    #[serde(deserialize_with = "size::bytes_if_given")]
    pub(crate) min_free: Option<u64>,
    pub(crate) lock_wait_ms: u64,
}

/// `[index]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IndexSettings {
    /// Bytes; 0 is no limit.
    #[serde(deserialize_with = "size::bytes")]
    pub(crate) memory_limit: u64,
}

/// `[backup]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackupSettings {
    /// Absent is `backups` in the data directory.
    pub(crate) dir: Option<PathBuf>,
    /// Bytes.
    #[serde(deserialize_with = "size::bytes")]
    pub(crate) log_max: u64,
}

/// `[embedding]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmbeddingSettings {
    pub(crate) enabled: bool,
    pub(crate) backend: Backend,
    pub(crate) model: String,
    pub(crate) additional_models: Vec<String>,
    pub(crate) loadable_models: Vec<String>,
    pub(crate) models_dir: PathBuf,
    pub(crate) model_path: Option<PathBuf>,
    pub(crate) precision: Option<Precision>,
    pub(crate) accept_token_ids: bool,
    #[serde(deserialize_with = "positive_if_given")]
    pub(crate) dimension: Option<u32>,
    #[serde(deserialize_with = "positive_if_given")]
    pub(crate) threads: Option<usize>,
    #[serde(deserialize_with = "positive")]
    pub(crate) batch_size: usize,
    #[serde(deserialize_with = "positive")]
    pub(crate) batch_tokens: usize,
    #[serde(deserialize_with = "positive")]
    pub(crate) queue_tokens: usize,
    #[serde(deserialize_with = "positive")]
    pub(crate) query_wait_ms: u64,
    #[serde(deserialize_with = "positive")]
    pub(crate) bulk_wait_ms: u64,
    pub(crate) query_cache_bytes: usize,
    pub(crate) bulk_ageing_ms: u64,
    #[serde(deserialize_with = "positive")]
    pub(crate) batch_time_ms: u64,
    #[serde(deserialize_with = "positive")]
    pub(crate) batch_time_with_queries_ms: u64,
    pub(crate) recent_queries_ms: u64,
    pub(crate) batch_timeout_ms: u64,
    /// What runs models with MLX.
    pub(crate) mlx: MlxSettings,
}

/// `[embedding.mlx]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MlxSettings {
    pub(crate) python: Option<PathBuf>,
    pub(crate) worker: Option<PathBuf>,
    pub(crate) module_path: Option<PathBuf>,
    #[serde(deserialize_with = "positive")]
    pub(crate) gil_concurrency: usize,
    #[serde(deserialize_with = "positive")]
    pub(crate) batch_deadline_ms: u64,
    #[serde(deserialize_with = "positive")]
    pub(crate) start_deadline_ms: u64,
    /// Bytes; 0 is no limit.
    #[serde(deserialize_with = "size::bytes")]
    pub(crate) memory_limit: u64,
    /// Bytes; absent is what MLX does by itself.
    #[serde(deserialize_with = "size::bytes_if_given")]
    pub(crate) cache_limit: Option<u64>,
    pub(crate) compile: bool,
    pub(crate) device: Device,
}

/// What MLX computes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Device {
    /// The GPU where there is one.
    Auto,
    /// The processors.
    Cpu,
    /// The GPU.
    Gpu,
}

impl Device {
    /// Its name in the configuration.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        }
    }
}

/// What runs the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Backend {
    /// The best one that this machine has.
    Auto,
    /// In this process, on the CPU.
    Native,
    /// In a process beside this one, by Python and MLX.
    Mlx,
    /// Vectors without meaning and without weights, for tests.
    Hash,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSettings {
    pub(crate) format: LogFormat,
    pub(crate) level: String,
    /// 0 is never.
    pub(crate) slow_request_ms: u64,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One object a line, for programs.
    Json,
}

impl Settings {
    /// The defaults, which depend on the environment only for the home directory and the Python
    /// environment that is active.
    pub(crate) fn defaults(environment: &BTreeMap<String, String>) -> Self {
        Self {
            server: ServerSettings {
                rest_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
                grpc_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)),
                request_timeout_ms: 30_000,
                max_request_timeout_ms: 600_000,
                import_idle_timeout_ms: 300_000,
                drain_delay_ms: 0,
                drain_timeout_ms: 30_000,
                hosts: Vec::new(),
                cors_origins: Vec::new(),
                max_connections: 1_024,
                connections_per_ip: 128,
                trusted_proxies: Vec::new(),
                max_streams_per_connection: 128,
                body_budget_bytes: 256 << 20,
                header_read_timeout_ms: 10_000,
                body_idle_timeout_ms: 10_000,
                reply_idle_timeout_ms: 30_000,
                idle_timeout_ms: 300_000,
                grpc_keepalive_interval_ms: 30_000,
                grpc_keepalive_timeout_ms: 20_000,
                tls: TlsSettings {
                    certificate: None,
                    key: None,
                    reload_interval_ms: 1_000,
                    ends_at_proxy: false,
                },
            },
            storage: StorageSettings {
                data_dir: home_path(environment, "XDG_DATA_HOME", ".local/share", "akidb"),
                max_open_collections: 256,
                idle_close_after_ms: 600_000,
                readers_per_collection: 4,
                min_free: None,
                lock_wait_ms: 5_000,
            },
            index: IndexSettings { memory_limit: 0 },
            backup: BackupSettings { dir: None, log_max: 4 << 30 },
            embedding: EmbeddingSettings {
                enabled: true,
                backend: Backend::Auto,
                model: "all-minilm-l6-v2".to_owned(),
                additional_models: Vec::new(),
                loadable_models: Vec::new(),
                models_dir: home_path(environment, "XDG_CACHE_HOME", ".cache", "akidb/models"),
                model_path: None,
                precision: None,
                accept_token_ids: false,
                dimension: None,
                threads: None,
                batch_size: 64,
                batch_tokens: 2_048,
                queue_tokens: 262_144,
                query_wait_ms: 5_000,
                bulk_wait_ms: 10_000,
                query_cache_bytes: 16 << 20,
                bulk_ageing_ms: 250,
                batch_time_ms: 100,
                batch_time_with_queries_ms: 10,
                recent_queries_ms: 1_000,
                batch_timeout_ms: 2,
                mlx: MlxSettings {
                    python: environment.get("VIRTUAL_ENV").map(PathBuf::from),
                    worker: None,
                    module_path: None,
                    gil_concurrency: 1,
                    batch_deadline_ms: 10_000,
                    start_deadline_ms: 60_000,
                    memory_limit: 0,
                    cache_limit: None,
                    compile: false,
                    device: Device::Auto,
                },
            },
            auth: AuthSettings { keys: RequiredKeys::Auto, admin_key_file: None },
            audit: AuditSettings { path: None, file_bytes: 64 << 20, kept_files: 8 },
            limits: Limits::default(),
            log: LogSettings {
                format: LogFormat::Text,
                level: "info".to_owned(),
                slow_request_ms: 1_000,
            },
            tracing: TracingSettings::defaults(),
        }
    }
}

/// `leaf` in the directory that `variable` names, or in `fallback` of the home directory.
///
/// Without either it is a path relative to the working directory, as a container without a home
/// starts it.
fn home_path(
    environment: &BTreeMap<String, String>,
    variable: &str,
    fallback: &str,
    leaf: &str,
) -> PathBuf {
    let base = environment.get(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || environment.get("HOME").map(|home| PathBuf::from(home).join(fallback));
    base.or_else(home).unwrap_or_default().join(leaf)
}

/// Reads a number that must not be 0.
fn positive<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default + PartialEq,
{
    let number = T::deserialize(deserializer)?;
    if number == T::default() {
        return Err(de::Error::custom("allowed is a whole number from 1"));
    }
    Ok(number)
}

/// Reads a number that may be absent, but not be 0.
fn positive_if_given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default + PartialEq,
{
    let number = Option::<T>::deserialize(deserializer)?;
    if number == Some(T::default()) {
        return Err(de::Error::custom("allowed is a whole number from 1"));
    }
    Ok(number)
}
