//! What must stand between strangers and a node that they can reach: a key and TLS.

use std::net::SocketAddr;

use crate::{
    failure::{Failure, Result},
    settings::TlsSettings,
};

const INSECURE: &str = "--insecure allows it where the network itself is trusted";
const REST: &str = "server.rest_addr";
const GRPC: &str = "server.grpc_addr";

/// The addresses of a node that others can reach.
pub(super) struct Exposure {
    wide: Vec<(&'static str, SocketAddr)>,
    has_tls: bool,
}

impl Exposure {
    pub(super) fn of(rest: SocketAddr, grpc: Option<SocketAddr>, tls: &TlsSettings) -> Self {
        let addresses = [(REST, Some(rest)), (GRPC, grpc)].into_iter();
        let addresses = addresses.filter_map(|(key, addr)| Some((key, addr?)));
        let wide = addresses.filter(|(_, addr)| !addr.ip().is_loopback()).collect();
        Self { wide, has_tls: tls.certificate.is_some() || tls.ends_at_proxy }
    }

    /// Refuses them where what is sent could be read on its way.
    pub(super) fn refuse_without_tls(&self) -> Result {
        match self.has_tls {
            true => Ok(()),
            false => self.refuse(
                "without TLS",
                "name a certificate and its key in server.tls, or say server.tls.ends_at_proxy = true \
                 where a proxy has them",
            ),
        }
    }

    /// Refuses them where nobody needs a key.
    pub(super) fn refuse_without_keys(&self, requires_keys: bool) -> Result {
        match requires_keys {
            true => Ok(()),
            false => self.refuse(
                "without a key",
                "make one with `akidb key create NAME --role admin --data-dir DIR`, or name a file with \
                 one in auth.admin_key_file",
            ),
        }
    }

    /// What --insecure allows is said at each start: it is easily left in a file that is copied.
    pub(super) fn warn(&self, requires_keys: bool) {
        for (key, addr) in &self.wide {
            if !requires_keys {
                tracing::warn!(
                    key,
                    %addr,
                    "--insecure: whoever reaches this address may read and delete everything, without a key"
                );
            }
            if !self.has_tls {
                tracing::warn!(
                    key,
                    %addr,
                    "--insecure: whoever is on the way to this address reads documents and keys, without TLS"
                );
            }
        }
    }

    fn refuse(&self, without: &str, remedy: &str) -> Result {
        match self.wide.first() {
            None => Ok(()),
            Some((key, addr)) => Err(Failure::configuration(format!(
                "{key} is {addr}, which others can reach {without}"
            ))
            .hint(format!("{remedy}; {INSECURE}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{failure::ExitStatus, settings::Settings};

    fn of(grpc: &str, ends_at_proxy: bool) -> Exposure {
        let loopback = "127.0.0.1:8080".parse().unwrap();
        let tls = Settings::defaults(&BTreeMap::new()).server.tls;
        let tls = TlsSettings { ends_at_proxy, ..tls };
        Exposure::of(loopback, Some(grpc.parse().unwrap()), &tls)
    }

    #[test]
    fn only_loopback_is_listened_on_without_keys_and_tls() {
        let narrow = of("[::1]:9090", false);
        assert!(narrow.refuse_without_tls().is_ok() && narrow.refuse_without_keys(false).is_ok());
        let wide = of("0.0.0.0:9090", false);
        let failure = wide.refuse_without_tls().unwrap_err();
        assert_eq!(failure.exit, ExitStatus::CONFIGURATION);
        assert!(failure.message.starts_with("server.grpc_addr is 0.0.0.0:9090"));
        assert!(wide.refuse_without_keys(true).is_ok());
        let failure = wide.refuse_without_keys(false).unwrap_err();
        assert!(failure.message.ends_with("without a key"), "{failure}");
        assert!(of("0.0.0.0:9090", true).refuse_without_tls().is_ok());
    }
}
