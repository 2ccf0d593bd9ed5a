//! The page at `/docs`: what it offers to execute works.

use serde_json::Value;

use super::chromium::Chromium;
use crate::node::{Backend, Node, scratch};

/// Presses "Execute" on each operation that the page shows, in this order where one needs another:
/// what makes something first, what removes it last. Answers the status of each.
const EXECUTE_ALL: &str = r#"(async () => {
  const until = async (what, found) => {
    for (let round = 0; round < 6000; round++) {
      const value = found();
      if (value) return value;
      await new Promise(done => setTimeout(done, 50));
    }
    throw new Error("never came: " + what);
  };
  await until("the page", () => document.querySelector(".opblock"));
  const name = block => block.id.split("-").slice(2).join("-");
  const rank = block => {
    const first = ["create_collection", "upsert", "import"].indexOf(name(block));
    if (first >= 0) return first - 10;
    const last = ["delete_documents", "delete_document", "delete_collection", "unload_model", "load_model"];
    return last.indexOf(name(block)) + 1;
  };
  const blocks = [...document.querySelectorAll(".opblock")].sort((a, b) => rank(a) - rank(b));
  const results = {};
  for (const block of blocks) {
    if (!block.classList.contains("is-open")) block.querySelector(".opblock-summary-control").click();
    (await until(name(block), () => block.querySelector(".btn.execute"))).click();
    // What is not valid to the page itself is not sent, and marked in its form.
    const status = await until(name(block), () =>
      block.querySelector(".live-responses-table tr.response .response-col_status")?.textContent.trim()
        ?? (block.querySelector("input.invalid, textarea.invalid, .errors") ? "not sent" : null));
    const body = block.querySelector(".live-responses-table tr.response .response-col_description")?.textContent;
    results[name(block)] = [parseInt(status), body?.slice(0, 600)];
  }
  return results;
})()"#;

/// The page's own examples: 26 of them were refused for a `string` in place of a name.
#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_the_page_succeeds() {
    let Some(mut browser) = Chromium::start() else { return };
    let (_folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Native, |_| {});
    browser.go_to(&format!("{}/docs", node.url()));
    let results = browser.run(EXECUTE_ALL);
    let results = results.as_object().unwrap();
    let description = reqwest::get(format!("{}/openapi.json", node.url())).await.unwrap();
    let description: Value = description.json().await.unwrap();
    let operations: usize = description["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|it| it.as_object().unwrap().len())
        .sum();
    assert_eq!(results.len(), operations, "{results:?}");
    let failed: Vec<_> = results
        .iter()
        .filter(|(_, result)| !(200..300).contains(&result[0].as_i64().unwrap_or_default()))
        .map(|(name, result)| format!("{name}: {} {}", result[0], result[1]))
        .collect();
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}
