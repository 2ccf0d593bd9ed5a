//! What a client shows a node, and whom it takes for one.

use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::Interceptor,
};

/// What a node asks for, beyond where it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    /// The authority of its certificate, in PEM; absent where it speaks no TLS.
    pub(crate) authority: Option<String>,
    /// A key, where it requires one.
    pub(crate) key: Option<String>,
}

/// Shows the key with each call of gRPC.
#[derive(Clone)]
pub(super) struct ShownKey(Option<MetadataValue<Ascii>>);

impl ShownKey {
    pub(super) fn of(access: &Access) -> anyhow::Result<Self> {
        let shown = access.key.as_ref().map(|key| format!("Bearer {key}").parse());
        Ok(Self(shown.transpose()?))
    }
}

impl Interceptor for ShownKey {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(key) = &self.0 {
            request.metadata_mut().insert("authorization", key.clone());
        }
        Ok(request)
    }
}
