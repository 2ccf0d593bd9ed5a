//! Whether the Prometheus and the Grafana of Compose find what they are given: files, targets, the
//! source of the dashboard's data.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::linters::Linters;
use crate::{
    packages,
    process::{self, program},
    workspace,
};

const COMPOSE: &str = "docker/compose.yaml";
const SCRAPES: &str = "docker/prometheus.yml";
const SOURCES: &str = "docker/grafana/provisioning/datasources/prometheus.yaml";
const PROVIDERS: &str = "docker/grafana/provisioning/dashboards/akidb.yaml";
const DASHBOARD: &str = "config/grafana-dashboard.json";

pub(super) fn check(linters: &Linters) -> Result<()> {
    let document = |file: &str| -> Result<Value> {
        let mut documents = linters.documents(file)?;
        documents.pop().with_context(|| format!("{file} is empty"))
    };
    let services = document(COMPOSE)?["services"].clone();
    scrapes(&document(SCRAPES)?, &services)?;
    if let Some(promtool) = packages::prometheus("promtool")? {
        // The rules have another path in the container, and their own check.
        process::run(program(promtool).args(["check", "config", "--syntax-only", SCRAPES]))?;
    }
    let dashboard = fs::read_to_string(workspace::root().join(DASHBOARD));
    let dashboard = serde_json::from_str(&dashboard.with_context(|| format!("no {DASHBOARD}"))?)?;
    provisioned(&document(SOURCES)?, &document(PROVIDERS)?, &dashboard, &services)
}

/// Rules are where they are mounted, and what is scraped is a service and its port.
fn scrapes(config: &Value, services: &Value) -> Result<()> {
    let mounted = mounted(&services["prometheus"]);
    for rules in texts(&config["rule_files"]) {
        ensure!(mounted.contains(&rules), "{SCRAPES} reads {rules}, which is not mounted");
    }
    for job in config["scrape_configs"].as_array().into_iter().flatten() {
        for group in job["static_configs"].as_array().into_iter().flatten() {
            for target in texts(&group["targets"]) {
                let (host, _) = target.split_once(':').unwrap_or((&target, ""));
                ensure!(services.get(host).is_some(), "{SCRAPES} scrapes {target}, no service");
            }
        }
    }
    Ok(())
}

/// The dashboard lies where Grafana looks, and asks a source that Grafana has.
fn provisioned(
    sources: &Value,
    providers: &Value,
    dashboard: &Value,
    services: &Value,
) -> Result<()> {
    let folder = providers["providers"][0]["options"]["path"].as_str().unwrap_or_default();
    let is_there = mounted(&services["grafana"]).iter().any(|path| path.starts_with(folder));
    ensure!(!folder.is_empty() && is_there, "no dashboard is mounted below {folder}");
    let source = &sources["datasources"][0];
    let asked = source["url"].as_str().and_then(|url| url.strip_prefix("http://"));
    let host = asked.and_then(|address| address.split(':').next()).unwrap_or_default();
    ensure!(services.get(host).is_some(), "{SOURCES} asks {host}, no service");
    let uid = source["uid"].as_str().unwrap_or_default();
    for named in sources_of(dashboard) {
        // A variable is chosen among what Grafana has, and a name in dashes is Grafana itself.
        let is_known = named == uid || named.starts_with('$') || named.starts_with('-');
        ensure!(is_known, "the dashboard asks the source {named:?}, there is {uid:?}");
    }
    Ok(())
}

/// Every `datasource.uid`, at whatever depth.
fn sources_of(value: &Value) -> Vec<String> {
    let mut named = Vec::new();
    let mut next = vec![value];
    while let Some(value) = next.pop() {
        named.extend(value["datasource"]["uid"].as_str().map(str::to_owned));
        match value {
            Value::Array(values) => next.extend(values),
            Value::Object(fields) => next.extend(fields.values()),
            _ => {}
        }
    }
    named
}

/// The paths in the container.
fn mounted(service: &Value) -> Vec<String> {
    let paths = texts(&service["volumes"]);
    paths.iter().filter_map(|mount| Some(mount.split(':').nth(1)?.to_owned())).collect()
}

fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_target_or_a_file_that_is_not_there_is_found() {
        let services = json!({"akidb": {}, "prometheus": {"volumes": ["./a.yml:/rules.yml:ro"]}});
        let config = |rules: &str, target: &str| {
            json!({"rule_files": [rules],
                "scrape_configs": [{"static_configs": [{"targets": [target]}]}]})
        };
        assert!(scrapes(&config("/rules.yml", "akidb:8080"), &services).is_ok());
        assert!(scrapes(&config("/other.yml", "akidb:8080"), &services).is_err());
        assert!(scrapes(&config("/rules.yml", "node:8080"), &services).is_err());
    }

    #[test]
    fn a_dashboard_asks_a_source_that_is_there() {
        let services =
            json!({"prometheus": {}, "grafana": {"volumes": ["./d.json:/boards/d.json"]}});
        let sources = json!({"datasources": [{"uid": "one", "url": "http://prometheus:9090"}]});
        let providers = json!({"providers": [{"options": {"path": "/boards"}}]});
        for (uid, is_right) in [("one", true), ("${source}", true), ("two", false)] {
            let dashboard = json!({"panels": [{"targets": [{"datasource": {"uid": uid}}]}]});
            let checked = provisioned(&sources, &providers, &dashboard, &services);
            assert_eq!(checked.is_ok(), is_right, "{uid}");
        }
    }
}
