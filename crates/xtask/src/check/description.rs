//! Holds a node against its own openapi.json: generated requests of every operation must be answered
//! as the description says, and none by a failure of the node.

use std::ffi::OsString;

use akidb_client::{Client, NewCollection, NewDocument};
use anyhow::Result;
use serde_json::json;
use tokio::runtime;

use super::Verdict;
use crate::{
    build,
    node::Node,
    process::{self, program},
    python, workspace,
};

const REQUIREMENTS: &str = "crates/xtask/schemathesis.requirements.txt";

/// Examples of each operation, besides those that the description gives and those at the edges of
/// what it allows.
const EXAMPLES: &str = "8";

/// What is asked of each answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance";

/// A seed, so that a failure comes again.
const SEED: &str = "1";

pub(super) fn check() -> Result<Verdict> {
    let python = python::with_requirements("schemathesis", REQUIREMENTS, &["--no-deps"])?;
    let akidb = build::tests_and_node()?;
    let folder = workspace::target_dir()?.join("check-description");
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let settings = [
            ("AKIDB_EMBEDDING__BACKEND", OsString::from("hash")),
            ("AKIDB_EMBEDDING__DIMENSION", OsString::from("8")),
            ("AKIDB_LOG__LEVEL", OsString::from("warn")),
        ];
        let mut node = Node::start_with(&akidb, &workspace::models_dir()?, &folder, settings)?;
        let addresses = node.ready().await?;
        let client = Client::new(&addresses.rest_url())?;
        // What the examples of the description name.
        client.create_collection(&NewCollection::with_default_model("films")).await?;
        let document = NewDocument::text("film-1", "A boat on a lake").metadata(json!({}));
        client.collection("films").upsert(&[document]).await?;
        let description = format!("{}/openapi.json", addresses.rest_url());
        process::run(
            program(python.with_file_name("schemathesis"))
                .current_dir(&folder)
                .args(["run", &description, "--seed", SEED, "--max-examples", EXAMPLES])
                .args(["--phases", "examples,coverage,fuzzing", "--checks", CHECKS])
                // A deadline of a millisecond ends as a 504, as it should.
                .args(["--header", "x-request-timeout-ms: 60000"])
                // Lines of JSON are no body that it can generate, and texts need the model loaded.
                .args(["--exclude-path-regex", "/(import|unload)$", "--warnings", "off"]),
        )?;
        node.stop()
    })?;
    Ok(Verdict::Passed)
}
