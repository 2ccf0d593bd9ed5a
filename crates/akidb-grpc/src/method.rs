//! Which method a path names, and what the door needs to know about it.

use akidb_core::Outcome;
use akidb_service::Operation;

/// One gRPC method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Method {
    /// The operation of the service, a label of the metrics.
    pub(crate) operation: Operation,
    /// Whether it changes anything, so that a failure after the call has an unknown outcome.
    pub(crate) writes: bool,
    /// Whether one of its sides sends many messages.
    pub(crate) streams: bool,
    /// How many messages of the largest size its request may hold at once.
    pub(crate) messages_held: usize,
    /// Whether this server has it.
    pub(crate) is_served: bool,
}

const NOT_SERVED: Method = Method { is_served: false, ..read(Operation::Unknown) };

/// What a path, `/package.Service/Method`, asks of the service, which says who may; `None` where no service
/// has it.
#[must_use]
pub fn operation_of(path: &str) -> Option<Operation> {
    let method = Method::of(path);
    method.is_served.then_some(method.operation)
}

impl Method {
    /// The method of a request path, or one that is not served.
    pub(crate) fn of(path: &str) -> Self {
        let known = match path.strip_prefix("/akidb.collection.v1.CollectionService/") {
            Some(method) => collection(method),
            None => match path.strip_prefix("/akidb.embedding.v1.EmbeddingService/") {
                Some(method) => embedding(method),
                None => match path.strip_prefix("/akidb.admin.v1.AdminService/") {
                    Some(method) => admin(method),
                    None => other(path),
                },
            },
        };
        known.unwrap_or(NOT_SERVED)
    }

    /// Whether anything was changed, when a call fails and the service has not said it.
    pub(crate) const fn outcome_unless_told(&self) -> Outcome {
        if self.writes { Outcome::Unknown } else { Outcome::NotApplied }
    }

    fn streaming(self) -> Self {
        Self { streams: true, ..self }
    }

    fn holding(self, messages_held: usize) -> Self {
        Self { messages_held, ..self }
    }
}

fn collection(method: &str) -> Option<Method> {
    Some(match method {
        "CreateCollection" => write(Operation::CreateCollection),
        "PutCollection" => write(Operation::PutCollection),
        "PutField" => write(Operation::PutField),
        "DropField" => write(Operation::DropField),
        "ListCollections" => read(Operation::ListCollections),
        "GetCollection" => read(Operation::DescribeCollection),
        "UpdateCollection" => write(Operation::UpdateCollection),
        "ListAliases" => read(Operation::ListAliases),
        "ChangeAliases" => write(Operation::ChangeAliases),
        "CopyCollection" => write(Operation::CopyCollection),
        "ReembedCollection" => write(Operation::ReembedCollection),
        "DropPrevious" => write(Operation::DropPrevious),
        "ListTasks" => read(Operation::Tasks),
        "GetTask" => read(Operation::Tasks),
        "CancelTask" => write(Operation::CancelTask),
        "DeleteCollection" => write(Operation::DeleteCollection),
        "UpsertDocuments" => write(Operation::Upsert),
        "StreamUpsertDocuments" => write(Operation::Upsert).streaming(),
        "GetDocument" => read(Operation::Get),
        "GetDocuments" => read(Operation::Get),
        "PatchMetadata" => write(Operation::PatchMetadata),
        "UpdateDocuments" => write(Operation::PatchMetadata),
        "DeleteDocument" => write(Operation::Delete),
        "DeleteDocuments" => write(Operation::Delete),
        "CountDocuments" => read(Operation::Count),
        "Facets" => read(Operation::Facets),
        "ScrollDocuments" => read(Operation::Scroll).streaming(),
        "Search" => read(Operation::Search),
        "SearchBatch" => read(Operation::SearchBatch),
        _ => return None,
    })
}

fn embedding(method: &str) -> Option<Method> {
    Some(match method {
        "Embed" => read(Operation::Embed),
        // Those under way, and the one that is being read.
        "EmbedStream" => read(Operation::Embed).streaming().holding(2),
        "Rerank" => read(Operation::Rerank),
        "GetModelInfo" => read(Operation::Models),
        "ListModels" => read(Operation::Models),
        "LoadModel" => read(Operation::LoadModel),
        "UnloadModel" => read(Operation::UnloadModel),
        _ => return None,
    })
}

fn admin(method: &str) -> Option<Method> {
    Some(match method {
        "CreateKey" => write(Operation::CreateKey),
        "ListKeys" => read(Operation::Keys),
        "RevokeKey" => write(Operation::RevokeKey),
        "RotateKey" => write(Operation::RotateKey),
        "CreateBackup" => write(Operation::BackUp),
        "ListBackups" => read(Operation::Backups),
        "GetBackup" => read(Operation::Backups),
        "ListLimits" => read(Operation::Limits),
        "DeleteBackup" => write(Operation::DeleteBackup),
        _ => return None,
    })
}

fn other(path: &str) -> Option<Method> {
    Some(match path {
        "/grpc.health.v1.Health/Check" => read(Operation::Health),
        "/grpc.health.v1.Health/Watch" => read(Operation::Health).streaming(),
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
        | "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo" => {
            read(Operation::Reflection).streaming()
        }
        _ => return None,
    })
}

const fn read(operation: Operation) -> Method {
    Method { operation, writes: false, streams: false, messages_held: 1, is_served: true }
}

const fn write(operation: Operation) -> Method {
    Method { writes: true, ..read(operation) }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn every_method_of_the_protocol_is_known() {
        let sets = [
            akidb_proto::FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ];
        let files = sets.iter().flat_map(|set| FileDescriptorSet::decode(*set).unwrap().file);
        let mut methods = 0;
        for file in files {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    let known = Method::of(&path);
                    assert!(known.is_served, "{path}");
                    let streams = method.client_streaming() || method.server_streaming();
                    assert_eq!(known.streams, streams, "{path}");
                    methods += 1;
                }
            }
        }
        assert_eq!(methods, 29 + 7 + 9 + 2 + 2);
        assert!(!Method::of("/akidb.collection.v1.CollectionService/Nope").is_served);
        assert!(!Method::of("/").is_served);
    }

    #[test]
    fn a_write_that_fails_untold_may_be_applied() {
        let outcome = |method: &str| {
            Method::of(&format!("/akidb.collection.v1.CollectionService/{method}"))
                .outcome_unless_told()
        };
        assert_eq!(outcome("UpsertDocuments"), Outcome::Unknown);
        assert_eq!(outcome("Search"), Outcome::NotApplied);
    }
}
