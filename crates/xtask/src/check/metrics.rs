//! Holds `/metrics` of a real node, after some traffic, and what scrapes it against promtool's rules.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::json;
use tokio::runtime;

use super::Verdict;
use crate::{build, model, node::Node, packages, process, rest::Rest, workspace};

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
        let metrics = after_traffic(&Rest::new(addresses.rest)?).await?;
        node.stop().await?;
        anyhow::Ok(metrics)
    })?;
    lint(Command::new(promtool), &metrics)?;
    Ok(Verdict::Passed)
}

/// Metrics with a label appear when first used, so each kind of request is made once.
async fn after_traffic(rest: &Rest) -> Result<String> {
    rest.post("/v1/collections", &json!({"name": "check"})).await?;
    let documents =
        json!({"documents": [{"id": 1, "text": "a text to find", "metadata": {"n": 1}}]});
    rest.post("/v1/collections/check/documents", &documents).await?;
    let search = json!({"text": "finding texts", "filter": {"n": {"$gte": 1}}});
    rest.post("/v1/collections/check/search", &search).await?;
    rest.post("/embed", &json!({"texts": ["one", "two"]})).await?;
    let refused = rest.post("/v1/collections/none/search", &search).await;
    if refused.is_ok() {
        bail!("a search of a collection that does not exist succeeded");
    }
    rest.get("/metrics").await
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
