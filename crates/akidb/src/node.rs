//! A node: the service and the doors in front of it, from settings to running, and back.
//!
//! Out of scope: signals and what is printed, which are the commands'; what settings mean to each
//! part ([`parts`]); what a failed start means to a person ([`start_failure`]).

mod admin_keys;
mod certificate;
mod exposure;
mod parts;
mod start_failure;

use std::{net::SocketAddr, sync::Arc, time::Duration};

pub(crate) use self::{
    parts::{HAS_METAL, backup_folder, workers},
    start_failure::{explain, model_error},
};
use akidb_grpc::{GrpcServer, HealthHandle};
use akidb_listener::{ListenerOptions, Tls};
use akidb_local::LocalEngine;
use akidb_rest::RestOptions;
use akidb_service::{Secret, Service, ServiceConfig};
use prometheus::Registry;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use self::exposure::Exposure;
use crate::{
    failure::{ExitStatus, Failure, Result},
    settings::{ServerSettings, Settings},
};

/// Where a node accepts connections.
pub(crate) struct Listeners {
    /// For REST.
    pub(crate) rest: TcpListener,
    /// For gRPC; absent in a node that one command opened for itself.
    pub(crate) grpc: Option<TcpListener>,
    /// What both show to clients; absent where they speak without TLS.
    pub(crate) tls: Option<Tls>,
    /// Whether others may reach them without a key and TLS.
    pub(crate) insecure: bool,
}

impl Listeners {
    /// Of a node that one command opens for itself.
    pub(crate) const fn own(rest: TcpListener) -> Self {
        Self { rest, grpc: None, tls: None, insecure: false }
    }

    /// Binds both, before anything else is opened: a port in use is found at once.
    ///
    /// # Errors
    /// When an address can not be listened on or the certificate not be shown, or when others could read
    /// along where that is not allowed.
    pub(crate) async fn bind(server: &ServerSettings, insecure: bool) -> Result<Self> {
        if !insecure {
            let grpc = Some(server.grpc_addr);
            Exposure::of(server.rest_addr, grpc, &server.tls).refuse_without_tls()?;
        }
        Ok(Self {
            tls: certificate::open(&server.tls)?,
            insecure,
            rest: bind("server.rest_addr", "--rest-addr", server.rest_addr).await?,
            grpc: Some(bind("server.grpc_addr", "--grpc-addr", server.grpc_addr).await?),
        })
    }
}

async fn bind(key: &str, flag: &str, addr: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(addr).await.map_err(|error| {
        Failure::io(format!("cannot listen on {addr} ({key})"), &error)
            .hint(format!("is another node running? {flag} chooses another address"))
    })
}

fn local_addr(listener: &TcpListener) -> Result<SocketAddr> {
    listener
        .local_addr()
        .map_err(|error| Failure::io("cannot tell the address of a listener", &error))
}

/// Keeps what gRPC's health service says in step with the node.
async fn follow_readiness(service: Service, health: HealthHandle, stop: CancellationToken) {
    let follow = async {
        loop {
            // Asked for before the look at the state, so that no change is missed.
            let change = service.model_change();
            health.set_ready(service.readiness().ready);
            change.await;
        }
    };
    stop.run_until_cancelled(follow).await;
}

/// The service of a node without doors and models, for a command that looks at the data.
pub(crate) async fn service_without_models(settings: &Settings) -> Result<Service> {
    let config = ServiceConfig { embedding: None, audit: None, ..parts::service(settings, None)? };
    open(settings, config).await
}

/// The service over the data directory.
async fn open(settings: &Settings, config: ServiceConfig) -> Result<Service> {
    let registry = Registry::new();
    let engine = LocalEngine::open(parts::local(settings), &registry).await.map_err(explain)?;
    Service::open(config, Arc::new(engine), registry).map_err(start_failure::of_service)
}

/// A running node.
pub(crate) struct Node {
    service: Service,
    doors: JoinSet<&'static str>,
    stop: CancellationToken,
    rest_addr: SocketAddr,
    grpc_addr: Option<SocketAddr>,
    health: Option<HealthHandle>,
    drain_delay: Duration,
}

impl Node {
    /// Opens the data directory, begins to load the models and starts to answer.
    pub(crate) async fn start(settings: &Settings, listeners: Listeners) -> Result<Self> {
        Self::start_for(settings, listeners, None).await
    }

    /// The same for whoever has a key that nobody else knows.
    pub(crate) async fn start_for(
        settings: &Settings,
        listeners: Listeners,
        own_key: Option<&Secret>,
    ) -> Result<Self> {
        // This may take seconds, and so may the models: who waits should know for what.
        let data_dir = settings.storage.data_dir.display();
        tracing::info!(%data_dir, "opening the data directory");
        let service = open(settings, parts::service(settings, own_key)?).await?;
        let rest_addr = local_addr(&listeners.rest)?;
        let grpc_addr = listeners.grpc.as_ref().map(local_addr).transpose()?;
        let exposure = Exposure::of(rest_addr, grpc_addr, &settings.server.tls);
        if listeners.insecure {
            exposure.warn(service.requires_keys());
        } else if let Err(failure) = exposure.refuse_without_keys(service.requires_keys()) {
            service.shutdown().await;
            return Err(failure);
        }
        let mut node = Self {
            doors: JoinSet::new(),
            stop: CancellationToken::new(),
            rest_addr,
            grpc_addr,
            health: None,
            drain_delay: Duration::from_millis(settings.server.drain_delay_ms),
            service,
        };
        let tls = listeners.tls;
        if let Some(tls) = &tls {
            node.service.certificate_shown(tls.expires_unix_s());
        }
        node.open_rest(listeners.rest, parts::rest(&settings.server, tls.clone()));
        if let Some(listener) = listeners.grpc {
            node.open_grpc(listener, parts::grpc(&settings.server, tls.clone()))?;
        }
        if let Some(tls) = tls {
            let look_every = Duration::from_millis(settings.server.tls.reload_interval_ms);
            let follow = certificate::follow(tls, look_every, node.service.clone());
            tokio::spawn(node.stop.clone().run_until_cancelled_owned(follow));
        }
        Ok(node)
    }

    /// Returns when the models that are loaded at start are, or have failed.
    pub(crate) async fn models_settled(&self) {
        tracing::info!("waiting for the models that are loaded at start");
        self.service.models_settled().await;
    }

    /// Why the default model could not be loaded, where it could not.
    pub(crate) fn model_failure(&self) -> Option<Failure> {
        self.service.default_model_failure().map(|error| start_failure::model(&error))
    }

    fn open_rest(&mut self, listener: TcpListener, options: RestOptions) {
        let service = self.service.clone();
        let stop = self.stop.clone().cancelled_owned();
        self.doors.spawn(async move {
            akidb_rest::serve(listener, service, options, stop).await;
            "REST"
        });
    }

    fn open_grpc(&mut self, listener: TcpListener, options: ListenerOptions) -> Result {
        let server = GrpcServer::new(self.service.clone(), options)
            .map_err(|error| Failure::io("cannot start gRPC", &error))?;
        let health = server.health();
        self.health = Some(health.clone());
        tokio::spawn(follow_readiness(self.service.clone(), health, self.stop.clone()));
        let stop = self.stop.clone().cancelled_owned();
        self.doors.spawn(async move {
            server.serve(listener, stop).await;
            "gRPC"
        });
        Ok(())
    }

    /// Where REST listens.
    pub(crate) const fn rest_addr(&self) -> SocketAddr {
        self.rest_addr
    }

    /// Where gRPC listens.
    pub(crate) const fn grpc_addr(&self) -> Option<SocketAddr> {
        self.grpc_addr
    }

    /// What embeds texts, for people.
    pub(crate) fn embedding(&self) -> String {
        let components = self.service.readiness().components;
        let embedding = components.into_iter().find(|component| component.name == "embedding");
        embedding.map(|component| component.detail).unwrap_or_default()
    }

    /// Returns when the node cannot go on, with the reason.
    pub(crate) async fn failed(&mut self) -> Failure {
        tokio::select! {
            () = self.service.storage_failed() => Failure::new(
                ExitStatus::IO,
                "a commit failed and its outcome is not known, stopping to read the disk afresh",
            )
            .hint("check the disk, then start the node again"),
            ended = self.doors.join_next() => {
                let message = match ended {
                    Some(Ok(door)) => format!("{door} stopped by itself"),
                    Some(Err(error)) => format!("a listener failed: {error}"),
                    None => "no listener is left".to_owned(),
                };
                Failure::new(ExitStatus::FAILURE, message)
                    .hint("start the node again; its log above says what came before")
            }
        }
    }

    /// Is not ready at once and answers on for the drain delay, so that whoever asks for readiness
    /// sends nothing new any more before the listeners close.
    pub(crate) async fn leave(&self) {
        self.service.announce_stop();
        if let Some(health) = &self.health {
            health.set_ready(false);
        }
        tokio::time::sleep(self.drain_delay).await;
    }

    /// Takes nothing new, lets requests in flight finish up to the drain timeout, and closes the data.
    pub(crate) async fn stop(mut self) {
        self.service.start_draining();
        self.stop.cancel();
        while self.doors.join_next().await.is_some() {}
        self.service.shutdown().await;
    }
}
