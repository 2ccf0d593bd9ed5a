//! Holds `/metrics` of a real node, after some traffic, and what scrapes it against promtool's rules.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use akidb_client::{Client, Embed, NewCollection, NewDocument, Search};
use anyhow::{Context, Result, bail};
use serde_json::json;
use tokio::runtime;

use super::Verdict;
use crate::{build, model, node::Node, packages, process, workspace};

const NO_PROMTOOL: Verdict =
    Verdict::Skipped("promtool is not installed; it comes with Prometheus");

/// The configuration, the alerts, and when each of them fires.
pub(super) fn check_alerts() -> Result<Verdict> {
    let Some(promtool) = packages::prometheus("promtool")? else { return Ok(NO_PROMTOOL) };
    let config = workspace::root().join("config");
    for [verb, what, file] in [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "prometheus-alerts.yml"],
        ["test", "rules", "prometheus-alerts.test.yml"],
    ] {
        process::run(process::program(&promtool).args([verb, what]).arg(config.join(file)))?;
    }
    Ok(Verdict::Passed)
}

pub(super) fn check() -> Result<Verdict> {
    let Some(promtool) = packages::prometheus("promtool")? else { return Ok(NO_PROMTOOL) };
    let akidb = build::tests_and_node()?;
    let models_dir = model::install(&akidb)?;
    let folder = workspace::target_dir()?.join("check");
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let metrics = runtime.block_on(async {
        let mut node = Node::start(&akidb, &models_dir, &folder)?;
        let addresses = node.ready().await?;
        let metrics = after_traffic(&Client::new(&addresses.rest_url())?).await?;
        node.stop()?;
        anyhow::Ok(metrics)
    })?;
    lint(Command::new(promtool), &metrics)?;
    Ok(Verdict::Passed)
}

/// Metrics with a label appear when first used, so each kind of request is made once.
async fn after_traffic(client: &Client) -> Result<String> {
    client.create_collection(&NewCollection::with_default_model("check")).await?;
    let document = NewDocument::text(1, "a text to find").metadata(json!({"n": 1}));
    client.collection("check").upsert(&[document]).await?;
    let search = Search::text("finding texts").filter(json!({"n": {"$gte": 1}}));
    client.collection("check").search(&search).await?;
    client.embed(&Embed::texts(["one", "two"])).await?;
    if client.collection("none").search(&search).await.is_ok() {
        bail!("a search of a collection that does not exist succeeded");
    }
    Ok(client.metrics().await?)
}

fn lint(mut promtool: Command, metrics: &str) -> Result<()> {
    let mut child = promtool
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot start promtool")?;
    let mut stdin = child.stdin.take().context("promtool has no stdin")?;
    stdin.write_all(metrics.as_bytes())?;
    drop(stdin);
    let status = child.wait()?;
    if !status.success() {
        bail!("promtool found faults: {status}");
    }
    Ok(())
}
