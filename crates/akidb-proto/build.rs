//! Generates the types of `/proto`, with a protobuf compiler that needs no installation.

use std::{env, error::Error, fs, path::PathBuf};

use protox::prost::Message;

const PROTO_ROOT: &str = "../../proto";
const SERVICES: [&str; 3] = [
    "akidb/admin/v1/admin_service.proto",
    "akidb/collection/v1/collection_service.proto",
    "akidb/embedding/v1/embedding_service.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO_ROOT}");
    let descriptors = protox::compile(SERVICES, [PROTO_ROOT])?;
    let descriptors_path = PathBuf::from(env::var("OUT_DIR")?).join("akidb_descriptors.bin");
    fs::write(descriptors_path, descriptors.encode_to_vec())?;
    // Maps are ordered so that equal messages have equal bytes. A map of JSON would drop the first of
    // two members with one key without a word, so that message is written by hand.
    tonic_prost_build::configure()
        .btree_map(".")
        .extern_path(".akidb.collection.v1.Struct", "crate::collection::v1::Struct")
        .compile_fds(descriptors)?;
    Ok(())
}
