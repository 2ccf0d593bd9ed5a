//! Pages of other sites, of the node's own, and of origins that are allowed.

use akidb_client::process::plain_http;
use serde_json::{Value, json};

use super::{Site, chromium::Chromium};
use crate::{
    node::{Backend, Node, scratch},
    rest_client::RestClient,
};

const DELETE_ALL: &str = r#"{"filter":{"n":{"$gte":0}},"all":true}"#;
const DELETE_OLD: &str = r#"{"filter":{"n":{"$gte":0}}}"#;

/// A collection of three documents.
async fn with_documents(node: &Node) {
    let rest = RestClient::new(node);
    rest.post("/v1/collections", json!({"name": "films", "dimension": 2})).await;
    let document = |n| json!({"id": n, "vector": [1, n], "metadata": {"n": n}});
    let documents: Vec<_> = (0..3).map(document).collect();
    rest.post("/v1/collections/films/documents", json!({"documents": documents})).await;
}

async fn count(node: &Node) -> Value {
    RestClient::new(node).post("/v1/collections/films/documents/count", json!({})).await["count"]
        .clone()
}

/// Everything by which a page can send something to another site without asking it.
fn attack(node: &str) -> String {
    format!(
        r#"(async () => {{
  const node = "{node}", films = node + "/v1/collections/films", path = films + "/documents/delete";
  const bodies = ['{DELETE_OLD}', '{DELETE_ALL}'], results = {{}};
  const note = async (name, request) => {{
    try {{ const reply = await request(); results[name] = reply.type ?? String(reply); }}
    catch (error) {{ results[name] = "failed"; }}
  }};
  for (const body of bodies) {{
    await note("text", () => fetch(path, {{method: "POST", mode: "no-cors", body}}));
    await note("no type", () => fetch(path, {{method: "POST", mode: "no-cors", body: new Blob([body])}}));
    await note("cors", () => fetch(path, {{method: "POST", headers: {{"content-type": "application/json"}}, body}}));
    await note("beacon", () => navigator.sendBeacon(path, body));
    for (const type of ["text/plain", "application/x-www-form-urlencoded"]) {{
      const frame = document.createElement("iframe");
      frame.name = "target";
      const form = document.createElement("form");
      Object.assign(form, {{method: "POST", action: path, enctype: type, target: "target"}});
      const field = document.createElement("input");
      field.name = body.slice(0, -1) + ',"x":"';
      field.value = '"}}';
      form.append(field);
      document.body.append(frame, form);
      await new Promise(done => {{ frame.onload = done; form.submit(); }});
      frame.remove();
    }}
  }}
  await note("unload", () => fetch(node + "/v1/admin/models/hash/unload?force=true", {{method: "POST", mode: "no-cors"}}));
  await note("drop", () => fetch(films, {{method: "DELETE"}}));
  await note("read", async () => (await fetch(films)).text());
  await note("read without asking", () => fetch(films, {{mode: "no-cors"}}));
  return results;
}})()"#
    )
}

/// The status of a request of a page to its own origin.
fn status(method: &str, path: &str) -> String {
    format!("fetch('{path}', {{method: '{method}'}}).then(reply => reply.status)")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_changes_and_reads_nothing() {
    let Some(mut browser) = Chromium::start() else { return };
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    with_documents(&node).await;
    let site = Site::start();
    browser.go_to(&site.origin("evil.test"));
    for node in [node.url(), node.url().replace("127.0.0.1", "localhost")] {
        let results = browser.run(&attack(&node));
        for name in ["cors", "drop", "read"] {
            assert_eq!(results[name], "failed", "{name}: {results}");
        }
    }
    assert_eq!(count(&node).await, 3);
    let models =
        plain_http().get(format!("{}/v1/admin/models/hash", node.url())).send().await.unwrap();
    assert_eq!(models.json::<Value>().await.unwrap()["state"], "ready");
}

/// A name of the attacker that leads to the node: to the browser the node is the page's own site.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_made_to_lead_to_the_node_does_not_open_it() {
    let Some(mut browser) = Chromium::start() else { return };
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    with_documents(&node).await;
    browser.go_to(&format!("http://rebound.test:{}/health", node.rest.port()));
    let films = "/v1/collections/films";
    for (method, path) in
        [("GET", "/v1/collections"), ("DELETE", films), ("GET", "/metrics"), ("GET", "/docs")]
    {
        assert_eq!(browser.run(&status(method, path)), 403, "{method} {path}");
    }
    assert_eq!(browser.run(&status("GET", "/livez")), 200);
    browser.go_to(&format!("{}/docs", node.url()));
    assert_eq!(browser.run(&status("GET", "/v1/collections")), 200);
    assert_eq!(count(&node).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_listed_origin_may_use_the_node() {
    let Some(mut browser) = Chromium::start() else { return };
    let (_folder, data_dir) = scratch();
    let site = Site::start();
    let node = Node::start_with(&data_dir, Backend::Hash, |command| {
        command.env("AKIDB_SERVER__CORS_ORIGINS", format!("[\"{}\"]", site.origin("app.test")));
    });
    with_documents(&node).await;
    let use_it = format!(
        r#"(async () => {{
  const films = "{}/v1/collections/films", headers = {{"content-type": "application/json", "x-request-id": "mine"}};
  const counted = await fetch(films + "/documents/count", {{method: "POST", headers, body: "{{}}"}});
  const missing = await fetch(films + "/documents/nope");
  const dropped = await fetch(films, {{method: "DELETE"}});
  return [await counted.json(), counted.headers.get("x-request-id"), missing.status, dropped.status];
}})()"#,
        node.url()
    );
    browser.go_to(&site.origin("other.test"));
    assert_eq!(browser.run(&format!("{use_it}.catch(() => 'failed')")), "failed");
    browser.go_to(&site.origin("app.test"));
    assert_eq!(browser.run(&use_it), json!([{"count": 3}, "mine", 404, 200]));
}
