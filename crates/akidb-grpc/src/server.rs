//! The server: services, health and reflection behind one door.

use std::io;

use akidb_listener::ListenerOptions;
use akidb_proto::{
    FILE_DESCRIPTOR_SET, admin::v1::admin_service_server::AdminServiceServer,
    collection::v1::collection_service_server::CollectionServiceServer,
    embedding::v1::embedding_service_server::EmbeddingServiceServer,
};
use akidb_service::{Door, Service};
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;
use tonic_reflection::{pb, server::Builder};

use crate::{
    HealthHandle, admin_service::AdminDoor, collection_service::CollectionDoor, door::GrpcDoor,
    embedding_service::EmbeddingDoor, health::HealthService,
};

/// The most bytes of a head, which in gRPC has neither queries nor ids in its path.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// The gRPC listener of a service.
pub struct GrpcServer {
    door: GrpcDoor,
    health: HealthHandle,
}

impl GrpcServer {
    /// A server that does not listen yet. Its health is not ready until [`HealthHandle::set_ready`].
    ///
    /// # Errors
    /// When the descriptors for reflection can not be read, which is a fault of the build.
    pub fn new(service: Service, mut options: ListenerOptions) -> io::Result<Self> {
        options.head_bytes_max = options.head_bytes_max.min(HEAD_BYTES_MAX);
        let health = HealthHandle::new();
        let routes = with_health_and_reflection(service_routes(&service), &health)?;
        Ok(Self { door: GrpcDoor::new(routes, service, options), health })
    }

    /// Sets what the health service answers.
    #[must_use]
    pub fn health(&self) -> HealthHandle {
        self.health.clone()
    }

    /// Serves until `shutdown` is there. Then health is not ready at once, nothing new is accepted,
    /// and calls in flight may finish within the drain timeout.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let options = ListenerOptions::clone(&self.door.options);
        let counted = (Door::Grpc, self.door.service.door_metrics());
        let health = self.health;
        let stop = async move {
            shutdown.await;
            // It ends watches too, which would otherwise hold up the stop.
            health.stop();
        };
        akidb_listener::serve(listener, self.door, options, counted, stop).await;
    }
}

fn service_routes(service: &Service) -> Routes {
    let message_bytes_max = service.limits().grpc_message_bytes;
    let collections = CollectionServiceServer::new(CollectionDoor::new(service.clone()));
    let embeddings = EmbeddingServiceServer::new(EmbeddingDoor::new(service.clone()));
    let admin = AdminServiceServer::new(AdminDoor::new(service.clone()));
    Routes::new(collections.max_decoding_message_size(message_bytes_max))
        .add_service(embeddings.max_decoding_message_size(message_bytes_max))
        .add_service(admin.max_decoding_message_size(message_bytes_max))
}

/// Adds what answers without the service, and so without its admission.
fn with_health_and_reflection(routes: Routes, health: &HealthHandle) -> io::Result<Routes> {
    let health_service = HealthService { handle: health.clone() };
    let v1 = reflection().build_v1().map_err(io::Error::other)?;
    let v1alpha = reflection().build_v1alpha().map_err(io::Error::other)?;
    let health_server = HealthServer::new(health_service);
    Ok(routes.add_service(health_server).add_service(v1).add_service(v1alpha))
}

fn reflection() -> Builder<'static> {
    Builder::configure()
        .include_reflection_service(false)
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(pb::v1::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(pb::v1alpha::FILE_DESCRIPTOR_SET)
}
