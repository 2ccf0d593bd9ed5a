//! The generated gRPC types, clients and servers of `/proto`.
//!
//! Scope: what the protobuf compiler makes, and its descriptors; one message is written by hand,
//! see [`Struct`](collection::v1::Struct). Out of scope: any logic; `akidb-grpc` decodes and
//! encodes. The comments of the `.proto` files are the reference.

mod json_object;

/// Keys.
pub mod admin {
    /// The first version.
    pub mod v1 {
        #![expect(clippy::allow_attributes, reason = "generated")]
        tonic::include_proto!("akidb.admin.v1");
    }
}

/// Collections, documents and searches.
pub mod collection {
    /// The first version.
    pub mod v1 {
        #![expect(clippy::allow_attributes, missing_docs, reason = "generated")]
        tonic::include_proto!("akidb.collection.v1");

        pub use crate::json_object::{Struct, StructEntry};
    }
}

/// Texts to vectors.
pub mod embedding {
    /// The first version.
    pub mod v1 {
        #![expect(clippy::allow_attributes, reason = "generated")]
        tonic::include_proto!("akidb.embedding.v1");
    }
}

/// The descriptors of the packages, an encoded `google.protobuf.FileDescriptorSet`, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/akidb_descriptors.bin"));
