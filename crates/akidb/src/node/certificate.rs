//! The certificate of a node: read at the start, and followed while it runs.

use std::time::Duration;

use akidb_listener::{Look, Tls, TlsError, TlsFiles};
use akidb_service::Service;
use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use crate::{
    failure::{Failure, Result},
    settings::TlsSettings,
};

/// The certificate that the settings name, where they name one.
///
/// # Errors
/// It can not be shown to clients.
pub(super) fn open(settings: &TlsSettings) -> Result<Option<Tls>> {
    let (certificate, key) = match (&settings.certificate, &settings.key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        (one, _) => {
            let missing = if one.is_some() { "server.tls.key" } else { "server.tls.certificate" };
            return Err(Failure::configuration(format!("{missing} is missing"))
                .hint("a certificate and its private key belong together, both in PEM"));
        }
    };
    Tls::open(TlsFiles { certificate, key }).map(Some).map_err(|error| explain(&error))
}

fn explain(error: &TlsError) -> Failure {
    Failure::configuration(format!("server.tls: {error}")).hint(match error {
        TlsError::KeyIsOpen { .. } => "chmod 600, or 640 for a group that the node belongs to",
        TlsError::Expired { .. } | TlsError::NotYetValid { .. } => {
            "renew it, or look at the clock of this machine"
        }
        _ => "server.tls.certificate names the node's certificate in PEM and those between it and its \
              root, server.tls.key its private key",
    })
}

/// Looks at the files for as long as it is polled. The certificate of the start is told before. What can not be shown leaves the certificate of
/// before where it is, and is told.
pub(super) async fn follow(tls: Tls, look_every: Duration, service: Service) {
    let mut looks = interval(look_every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let files = tls.clone();
        let Ok(found) = spawn_blocking(move || files.look()).await else { return };
        match found {
            Look::Same => {}
            Look::Replaced => {
                service.certificate_shown(tls.expires_unix_s());
                service.certificate_changed(None);
                tracing::info!(
                    expires_unix_s = tls.expires_unix_s(),
                    "new connections are shown the changed certificate"
                );
            }
            Look::Refused(error) => {
                tracing::error!(%error, "the changed certificate is not shown, that of before is");
                service.certificate_changed(Some(error.to_string()));
            }
        }
    }
}
