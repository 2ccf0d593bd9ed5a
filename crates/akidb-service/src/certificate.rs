//! What the node says of its certificate, which whoever has opened the doors looks after.

use akidb_core::Timestamp;

use crate::{ComponentState, Service, keys::now_unix_ms};

/// The certificate that clients are shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct CertificateState {
    expires_unix_s: i64,
    /// Why what lies in the files now is not shown.
    refused: Option<String>,
}

impl Service {
    /// Notes which certificate clients are shown from now on, and that its files are sound.
    pub fn certificate_shown(&self, expires_unix_s: i64) {
        self.inner.metrics.doors.certificate_expires(expires_unix_s);
        let state = CertificateState { expires_unix_s, refused: None };
        *self.inner.certificate.lock() = Some(state);
    }

    /// Notes that the files of the certificate were changed, and why what is in them now is not shown.
    pub fn certificate_changed(&self, refused: Option<String>) {
        self.inner.metrics.doors.certificate_changed(refused.is_none());
        if let Some(state) = &mut *self.inner.certificate.lock() {
            state.refused = refused;
        }
    }

    /// The certificate as a part of the node; none where it speaks no TLS.
    pub(crate) fn certificate_component(&self) -> Option<ComponentState> {
        let state = self.inner.certificate.lock().clone()?;
        let is_expired = state.expires_unix_s < now_unix_ms() / 1_000;
        let until = Timestamp::from_unix_ms(state.expires_unix_s.saturating_mul(1_000));
        let shown = match is_expired {
            true => format!("the certificate has expired, it was valid until {until}"),
            false => format!("the certificate is valid until {until}"),
        };
        Some(ComponentState {
            name: "tls",
            ready: !is_expired && state.refused.is_none(),
            detail: match state.refused {
                None => shown,
                Some(why) => format!("{shown}; its files were changed to what is not shown: {why}"),
            },
        })
    }
}
