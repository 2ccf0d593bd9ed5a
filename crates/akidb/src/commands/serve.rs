//! `akidb serve`

use std::net::SocketAddr;

use clap::Args;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    failure::{ExitStatus, Failure, Result},
    node::{Listeners, Node},
    printer::Printer,
    settings::{ConfigurationArgs, SettingFlags, Settings, Sources, resolve},
    telemetry::Telemetry,
};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb serve --data-dir ./films
  $ akidb serve --config akidb.toml --rest-addr 127.0.0.1:0

When both listeners accept, one line on stdout says where:
  akidb: ready rest=127.0.0.1:8080 grpc=127.0.0.1:9090
The log goes to stderr. SIGTERM and SIGINT stop the node: it is not ready at once, answers on
for server.drain_delay_ms, and then finishes the requests in flight, up to
server.drain_timeout_ms; a second signal stops it at once.")]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    flags: SettingFlags,
    /// Listen on other addresses than loopback although they have no key or no TLS
    #[arg(long)]
    insecure: bool,
}

pub(crate) async fn run(
    args: ServeArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let settings = resolve(&Sources::read(configuration, args.flags.given())?)?.settings;
    let listeners = Listeners::bind(&settings.server, args.insecure).await?;
    let telemetry = Telemetry::start(&settings.log, &settings.tracing)?;
    allow_open_files();
    let outcome = serve(&settings, listeners, printer).await;
    telemetry.finish().await;
    outcome
}

async fn serve(settings: &Settings, listeners: Listeners, printer: Printer) -> Result {
    let node = Node::start(settings, listeners).await?;
    let mut signals = StopSignals::listen()?;
    tokio::select! {
        () = node.models_settled() => {}
        name = signals.next() => {
            tracing::info!(signal = name, "stopping while models are loaded");
            node.stop().await;
            return Ok(());
        }
    }
    if let Some(failure) = node.model_failure() {
        let hint = failure.hint.unwrap_or_default();
        tracing::error!(hint, "texts are refused: {}", failure.message);
    }
    announce(&node, settings, printer)?;
    run_until_stopped(node, &mut signals).await
}

/// Takes as many open files as the system allows: the usual limit of 1,024 is used up by the
/// connections that `server.max_connections` allows, and then nothing can be accepted or opened.
fn allow_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "could not raise the limit of open files");
    }
}

/// Says where the node listens: to people in the log, to programs in one line on stdout.
fn announce(node: &Node, settings: &Settings, printer: Printer) -> Result {
    let rest = node.rest_addr();
    let grpc = node.grpc_addr().map(|addr| addr.to_string()).unwrap_or_default();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        %rest,
        grpc,
        model = node.embedding(),
        data_dir = %settings.storage.data_dir.display(),
        "serving"
    );
    printer.line(ready_line(rest, &grpc))
}

fn ready_line(rest: SocketAddr, grpc: &str) -> String {
    format!("akidb: ready rest={rest} grpc={grpc}")
}

async fn run_until_stopped(mut node: Node, signals: &mut StopSignals) -> Result {
    let failed = tokio::select! {
        name = signals.next() => {
            tracing::info!(signal = name, "stopping, a second signal stops at once");
            None
        }
        failure = node.failed() => Some(failure),
    };
    let stop = async {
        if failed.is_none() {
            node.leave().await;
        }
        node.stop().await;
    };
    tokio::select! {
        () = stop => failed.map_or(Ok(()), Err),
        name = signals.next() => {
            let message = format!("stopped at once by a second signal ({name})");
            Err(Failure::new(ExitStatus::FAILURE, message))
        }
    }
}

/// The signals that ask the node to stop.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn listen() -> Result<Self> {
        let listen =
            |kind| signal(kind).map_err(|error| Failure::io("cannot listen for signals", &error));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
