//! A real Prometheus over loaded nodes: every expression of the dashboard and of the alerts finds
//! data, and alerts fire when their condition is made. When alerts that take hours or a broken disk
//! fire is proved by `promtool test rules` instead.

use std::{
    env,
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use akidb_client::process::plain_http;
use akidb_proto::collection::v1::{self as wire, search::Query};
use serde_json::{Value, json};

use super::grpc;
use crate::{
    node::{Backend, Node, scratch},
    rest_client::RestClient,
};

/// Far away: what is waited for comes after some scrapes, whenever the machine gets to them.
const WITHIN: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread")]
async fn a_prometheus_finds_what_the_dashboard_and_the_alerts_ask_for() {
    let Some(program) = prometheus() else {
        eprintln!("SKIPPED: there is no prometheus, which `cargo xtask test` fetches on Debian");
        return;
    };
    let (folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let broken_dir = folder.path().join("broken");
    let broken = node_with_a_broken_model(folder.path(), &broken_dir);
    let prometheus = Prometheus::start(&program, folder.path(), &[&node, &broken]);
    RestClient::new(&node).post("/v1/collections", json!({"name": "films"})).await;
    let alerts = prometheus.alert_expressions().await.into_iter();
    let alerts = alerts.map(|(alert, expression)| (alert, without_comparisons(&expression)));
    let mut missing: Vec<_> = dashboard().into_iter().chain(alerts).collect();
    let asked = Instant::now();
    let mut round = 0;
    // Rates need some scrapes of nodes under load.
    while !missing.is_empty() {
        assert!(asked.elapsed() < WITHIN, "no data for {missing:#?}");
        load(&node, round).await;
        fail(&broken).await;
        round += 1;
        let mut still_missing = Vec::new();
        for (title, expression) in missing {
            if !prometheus.has_data(&expression).await {
                still_missing.push((title, expression));
            }
        }
        missing = still_missing;
    }

    for alert in ["AkidbErrors", "AkidbModelDown", "AkidbNodeDown"] {
        prometheus.wait_until_fires(alert).await;
    }
    assert!(!prometheus.firing().await.contains(&"AkidbDataDamaged".to_owned()));
}

/// Every kind of request that a panel shows, once or twice.
async fn load(node: &Node, round: usize) {
    let rest = RestClient::new(node);
    let documents: Vec<_> = (0..20)
        .map(|id| json!({"id": id, "text": format!("film {id} of {round}"), "metadata": {"n": id}}))
        .collect();
    rest.post("/v1/collections/films/documents", json!({"documents": documents})).await;
    rest.post("/embed", json!({"texts": [format!("one {round}"), "two"]})).await;
    let search = json!({"text": format!("film {round}"), "filter": {"n": {"$gte": 1}}});
    rest.post("/v1/collections/films/search", search).await;
    let line = json!({"id": 100 + round % 10, "text": format!("imported {round}")}).to_string();
    let import = plain_http().post(format!("{}/v1/collections/films/import", node.url()));
    let import = import.header("content-type", "application/x-ndjson").body(line);
    assert!(import.send().await.unwrap().status().is_success());
    let request = wire::SearchRequest {
        collection: "films".to_owned(),
        search: Some(wire::Search {
            query: Some(Query::Text(format!("films {round}"))),
            ..wire::Search::default()
        }),
    };
    grpc(node).await.search(request).await.unwrap();
}

/// Asks for vectors of a model that could not be loaded.
async fn fail(node: &Node) {
    let request = plain_http().post(format!("{}/embed", node.url())).json(&json!({"texts": ["a"]}));
    let response = request.send().await.unwrap();
    assert_eq!(response.status().as_u16(), 503, "{}", response.text().await.unwrap());
}

/// A node whose model is there and can not be read.
fn node_with_a_broken_model(folder: &Path, data_dir: &Path) -> Node {
    let model = folder.join("model");
    fs::create_dir(&model).unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::write(model.join(file), "{}").unwrap();
    }
    Node::start_with(data_dir, Backend::Hash, |command| {
        command.env("AKIDB_EMBEDDING__BACKEND", "native");
        command.env("AKIDB_EMBEDDING__MODEL_PATH", &model);
    })
}

/// Each query of the dashboard with the title of its panel.
fn dashboard() -> Vec<(String, String)> {
    let path = repository().join("config/grafana-dashboard.json");
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let mut queries = Vec::new();
    for panel in panels.filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().unwrap();
        assert!(!panel["description"].as_str().unwrap().is_empty(), "{title}");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title}");
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            let expression =
                expression.replace("$__rate_interval", "30s").replace("$instance", ".*");
            assert!(!expression.contains('$'), "{title}: {expression}");
            queries.push((title.to_owned(), expression));
        }
    }
    assert!(queries.len() > 30, "{queries:?}");
    queries
}

/// What an alert looks at, whatever it holds it against.
fn without_comparisons(expression: &str) -> String {
    let mut words = expression.split_whitespace();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "==" | ">" | "<" => drop(words.next()),
            word => kept.push(word),
        }
    }
    kept.join(" ")
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn prometheus() -> Option<PathBuf> {
    if let Some(given) = env::var_os("AKIDB_TEST_PROMETHEUS") {
        return Some(given.into());
    }
    let own = repository().join("target/tools/bin");
    let search_path = env::var_os("PATH").unwrap_or_default();
    let folders = [own].into_iter().chain(env::split_paths(&search_path));
    folders.map(|folder| folder.join("prometheus")).find(|path| path.is_file())
}

/// A running server, killed when it is dropped.
struct Prometheus {
    child: Child,
    address: SocketAddr,
}

impl Prometheus {
    /// Starts with the project's own configuration, but for its targets and its haste.
    fn start(program: &Path, folder: &Path, nodes: &[&Node]) -> Self {
        let config = fs::read_to_string(repository().join("config/prometheus.yml")).unwrap();
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let list = |addresses: Vec<SocketAddr>| {
            let quoted: Vec<_> = addresses.iter().map(|addr| format!("\"{addr}\"")).collect();
            quoted.join(", ")
        };
        let rest = list(nodes.iter().map(|node| node.rest).collect());
        let grpc = list(nodes.iter().map(|node| node.grpc).chain([nobody]).collect());
        let config = config
            .replace("15s", "1s")
            .replace("\"127.0.0.1:8080\"", &rest)
            .replace("\"127.0.0.1:9090\"", &grpc);
        fs::write(folder.join("prometheus.yml"), config).unwrap();
        let alerts = fs::read_to_string(repository().join("config/prometheus-alerts.yml")).unwrap();
        let at_once = alerts.lines().filter(|line| !line.trim_start().starts_with("for: "));
        let at_once: Vec<_> = at_once.collect();
        fs::write(folder.join("prometheus-alerts.yml"), at_once.join("\n")).unwrap();
        let log = folder.join("prometheus.log");
        let child = Command::new(program)
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let address = listening(&log);
        Self { child, address }
    }

    /// Whether an expression has a value that is a number.
    async fn has_data(&self, expression: &str) -> bool {
        let answer = self.get("query", &[("query", expression)]).await;
        let series = answer["data"]["result"].as_array().unwrap();
        let values = series.iter().filter_map(|series| series["value"][1].as_str()?.parse().ok());
        values.into_iter().any(|value: f64| value.is_finite())
    }

    async fn alert_expressions(&self) -> Vec<(String, String)> {
        let answer = self.get("rules", &[]).await;
        let rules = answer["data"]["groups"][0]["rules"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let rules: Vec<_> = rules.map(|rule| (text(&rule["name"]), text(&rule["query"]))).collect();
        assert!(rules.len() >= 12, "{rules:?}");
        rules
    }

    async fn firing(&self) -> Vec<String> {
        let answer = self.get("alerts", &[]).await;
        let alerts = answer["data"]["alerts"].as_array().unwrap().iter();
        let firing = alerts.filter(|alert| alert["state"] == "firing");
        firing.map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned()).collect()
    }

    async fn wait_until_fires(&self, alert: &str) {
        let asked = Instant::now();
        while !self.firing().await.iter().any(|firing| firing == alert) {
            assert!(asked.elapsed() < WITHIN, "{alert} does not fire");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let url = format!("http://{}/api/v1/{path}", self.address);
        let response = plain_http().get(url).query(query).send().await.unwrap();
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["status"], "success", "{query:?}: {answer}");
        answer
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where it listens, by its log.
fn listening(log: &Path) -> SocketAddr {
    let asked = Instant::now();
    while asked.elapsed() < WITHIN {
        let text = fs::read_to_string(log).unwrap();
        let lines = text.lines().filter(|line| line.contains("msg=\"Listening on\""));
        let mut addresses = lines.filter_map(|line| line.split("address=").nth(1)?.parse().ok());
        if let Some(address) = addresses.next() {
            return address;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("prometheus does not listen: {}", fs::read_to_string(log).unwrap());
}
