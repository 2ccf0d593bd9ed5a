//! The settings of each part of a node, from those of the configuration.

use std::{path::PathBuf, thread, time::Duration};

use akidb_listener::{ListenerOptions, Tls};
use akidb_local::{BackupConfig, IndexConfig, LocalConfig, StorageConfig};
use akidb_rest::RestOptions;
use akidb_service::{
    AuditConfig, EmbeddingConfig, KeyConfig, KeysRequired, MlxSettings, QueueSettings, Secret,
    ServiceConfig,
};

use super::admin_keys;
use crate::{
    failure::Result,
    settings::{self, AuthSettings, Backend, EmbeddingSettings, ServerSettings, Settings},
};

/// Whether MLX is what runs models fastest: where it has Apple's GPU.
pub(crate) const HAS_METAL: bool = cfg!(all(target_os = "macos", target_arch = "aarch64"));

pub(super) fn local(settings: &Settings) -> LocalConfig {
    let storage = &settings.storage;
    LocalConfig {
        storage: StorageConfig {
            max_open_collections: storage.max_open_collections,
            idle_close_after: Duration::from_millis(storage.idle_close_after_ms),
            readers_per_collection: storage.readers_per_collection,
            min_free_bytes: storage.min_free,
            lock_wait: Duration::from_millis(storage.lock_wait_ms),
        },
        index: IndexConfig {
            memory_limit_bytes: Some(settings.index.memory_limit).filter(|&bytes| bytes > 0),
            ..IndexConfig::default()
        },
        backup: backup(settings),
        ..LocalConfig::new(storage.data_dir.clone())
    }
}

fn backup(settings: &Settings) -> BackupConfig {
    BackupConfig { dir: settings.backup.dir.clone(), log_bytes_max: settings.backup.log_max }
}

/// The folder that backups lie in.
pub(crate) fn backup_folder(settings: &Settings) -> PathBuf {
    backup(settings).folder(&settings.storage.data_dir)
}

/// `own_key` is that of the command which starts the node for itself.
pub(super) fn service(settings: &Settings, own_key: Option<&Secret>) -> Result<ServiceConfig> {
    Ok(ServiceConfig {
        limits: settings.limits.clone(),
        embedding: settings.embedding.enabled.then(|| embedding(&settings.embedding)),
        slow_request: Some(Duration::from_millis(settings.log.slow_request_ms))
            .filter(|time| !time.is_zero()),
        keys: keys(&settings.auth, own_key)?,
        audit: settings.audit.path.clone().map(|path| AuditConfig {
            path,
            file_bytes: settings.audit.file_bytes,
            kept_files: settings.audit.kept_files,
        }),
    })
}

fn keys(settings: &AuthSettings, own_key: Option<&Secret>) -> Result<KeyConfig> {
    let admin = settings.admin_key_file.as_deref().map(admin_keys::read).transpose()?;
    Ok(KeyConfig {
        required: match settings.keys {
            settings::RequiredKeys::Auto => KeysRequired::OnceThereIsOne,
            settings::RequiredKeys::Required => KeysRequired::Always,
            settings::RequiredKeys::Off => KeysRequired::Never,
        },
        admin: admin.unwrap_or_default(),
        own: own_key.map(Secret::hash),
    })
}

fn embedding(settings: &EmbeddingSettings) -> EmbeddingConfig {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    EmbeddingConfig {
        backend: match settings.backend {
            Backend::Auto if HAS_METAL => akidb_service::Backend::Auto,
            Backend::Auto | Backend::Native => akidb_service::Backend::Native,
            Backend::Mlx => akidb_service::Backend::Mlx,
            Backend::Hash => akidb_service::Backend::Hash,
        },
        model: settings.model.clone(),
        additional_models: settings.additional_models.clone(),
        loadable_models: settings.loadable_models.clone(),
        models_dir: settings.models_dir.clone(),
        model_path: settings.model_path.clone(),
        precision: settings.precision,
        accept_token_ids: settings.accept_token_ids,
        dimension: settings.dimension,
        threads: settings.threads.unwrap_or_else(cores),
        queue: QueueSettings {
            batch_size: settings.batch_size,
            max_batch_tokens: settings.batch_tokens,
            queue_tokens: settings.queue_tokens,
            query_wait: Duration::from_millis(settings.query_wait_ms),
            bulk_wait: Duration::from_millis(settings.bulk_wait_ms),
            query_cache_bytes: settings.query_cache_bytes,
            bulk_ageing: Duration::from_millis(settings.bulk_ageing_ms),
            batch_time: Duration::from_millis(settings.batch_time_ms),
            batch_time_with_queries: Duration::from_millis(settings.batch_time_with_queries_ms),
            recent_queries: Duration::from_millis(settings.recent_queries_ms),
            batch_timeout: Duration::from_millis(settings.batch_timeout_ms),
        },
        mlx: workers(&settings.mlx, settings.batch_tokens),
    }
}

/// What starts and bounds the workers of the MLX backend.
pub(crate) fn workers(settings: &settings::MlxSettings, batch_tokens: usize) -> MlxSettings {
    MlxSettings {
        python: settings.python.clone(),
        worker: settings.worker.clone(),
        module_path: settings.module_path.clone(),
        workers: settings.gil_concurrency,
        batch_deadline: Duration::from_millis(settings.batch_deadline_ms),
        start_deadline: Duration::from_millis(settings.start_deadline_ms),
        memory_limit_bytes: Some(settings.memory_limit).filter(|&bytes| bytes > 0),
        cache_limit_bytes: settings.cache_limit,
        compile: settings.compile,
        device: settings.device.as_str().to_owned(),
        max_batch_tokens: batch_tokens,
    }
}

pub(super) fn rest(server: &ServerSettings, tls: Option<Tls>) -> RestOptions {
    RestOptions {
        listener: listener(server, tls),
        import_idle_timeout: Duration::from_millis(server.import_idle_timeout_ms),
    }
}

fn listener(server: &ServerSettings, tls: Option<Tls>) -> ListenerOptions {
    ListenerOptions {
        tls,
        max_connections: server.max_connections,
        connections_per_ip: server.connections_per_ip,
        trusted_proxies: server.trusted_proxies.clone(),
        max_streams_per_connection: server.max_streams_per_connection,
        header_read_timeout: Duration::from_millis(server.header_read_timeout_ms),
        idle_timeout: Duration::from_millis(server.idle_timeout_ms),
        default_timeout: Duration::from_millis(server.request_timeout_ms),
        max_timeout: Duration::from_millis(server.max_request_timeout_ms),
        body_budget_bytes: server.body_budget_bytes,
        body_idle_timeout: Duration::from_millis(server.body_idle_timeout_ms),
        reply_idle_timeout: Duration::from_millis(server.reply_idle_timeout_ms),
        drain_timeout: Duration::from_millis(server.drain_timeout_ms),
        hosts: server.hosts.clone(),
        cors_origins: server.cors_origins.clone(),
        ..ListenerOptions::default()
    }
}

pub(super) fn grpc(server: &ServerSettings, tls: Option<Tls>) -> ListenerOptions {
    ListenerOptions {
        keepalive_interval: Duration::from_millis(server.grpc_keepalive_interval_ms),
        keepalive_timeout: Duration::from_millis(server.grpc_keepalive_timeout_ms),
        ..listener(server, tls)
    }
}
