//! Searches by words, and by words and meaning together, from end to end.

use std::collections::BTreeMap;

use akidb_client::{Client, Fusion, HybridParams, MinParts, Search as ClientSearch};
use rustix::process::Signal;
use serde_json::{Value, json as value};

use crate::{
    node::{Backend, Node, assert_failed, json, scratch, stderr},
    rest_client::RestClient,
};

const ALMANAC: &str = include_str!("../../../xtask/demo/documents.jsonl");
const SEARCH: &str = "/v1/collections/almanac/search";

/// The ids of the hits, best first.
fn ids(found: &Value) -> Vec<String> {
    let hits = found["hits"].as_array().unwrap().iter();
    hits.map(|hit| hit["id"].as_str().map_or_else(|| hit["id"].to_string(), str::to_owned))
        .collect()
}

/// A name tells a model nothing. That the gamelan is an orchestra, no word says.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_found_by_its_word_and_a_question_with_it_by_both() {
    let (_folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Native, |_| {});
    let rest = RestClient::new(&node);
    rest.post("/v1/collections", value!({"name": "almanac"})).await;
    let documents: Vec<Value> = ALMANAC
        .lines()
        .filter(|line| {
            line.contains("\"topic\": \"instruments\"") || line.contains("\"topic\": \"body\"")
        })
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(documents.len() > 40);
    rest.post("/v1/collections/almanac/documents", value!({"documents": documents})).await;

    let gamelan = "instruments-gamelan";
    let near = rest.post(SEARCH, value!({"text": "Debussy", "limit": 5})).await;
    assert!(!ids(&near).iter().any(|id| id == gamelan), "{:?}", ids(&near));
    let exact = rest.post(SEARCH, value!({"text": "debussy", "mode": "keyword"})).await;
    assert_eq!(ids(&exact), [gamelan]);
    assert_eq!(exact["hits"][0].get("parts"), None);

    let question = "the orchestra that impressed Debussy";
    let both = rest.post(SEARCH, value!({"text": question, "mode": "hybrid", "limit": 44})).await;
    assert_eq!(ids(&both)[0], gamelan);
    let scores = |found: &Value| -> BTreeMap<String, f64> {
        let scores =
            found["hits"].as_array().unwrap().iter().map(|hit| hit["score"].as_f64().unwrap());
        ids(found).into_iter().zip(scores).collect()
    };
    let near = scores(&rest.post(SEARCH, value!({"text": question, "limit": 44})).await);
    let words = scores(&rest.post(SEARCH, value!({"text": question, "mode": "keyword"})).await);
    for (id, hit) in ids(&both).iter().zip(both["hits"].as_array().unwrap()) {
        let part = |name: &str| hit["parts"][name].as_f64().unwrap();
        let expected = [near[id], words.get(id).copied().unwrap_or(0.0)];
        let found = [part("semantic"), part("keyword")];
        let is_same =
            expected.iter().zip(found).all(|(expected, found)| (expected - found).abs() < 1e-4);
        assert!(is_same, "{id}: {found:?}, alone {expected:?}");
    }

    let client = Client::new(&node.url()).unwrap();
    let hybrid =
        HybridParams { fusion: Some(Fusion::Rrf), k: Some(10.0), ..HybridParams::default() };
    let least = MinParts { keyword: Some(1.0), ..MinParts::default() };
    let search = ClientSearch {
        hybrid: Some(hybrid),
        min_parts: Some(least),
        explain: Some(true),
        ..ClientSearch::hybrid(question)
    };
    let found = client.collection("almanac").search(&search).await.unwrap();
    assert_eq!((found.hits.len(), found.hits[0].id.to_string()), (1, gamelan.to_owned()));
    assert!(found.hits[0].parts.unwrap().keyword > Some(1.0));
    let plan = found.plan.unwrap();
    assert!(plan.candidates.unwrap() >= 40 && plan.keyword_ms.is_some());
    let words = client.collection("almanac").search(&ClientSearch::words("debussy")).await.unwrap();
    assert_eq!(words.hits[0].parts, None);

    let shown = |arguments: &[&str]| {
        let output = node.akidb(["search", "almanac"].iter().chain(arguments).copied());
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let table = shown(&[question, "--mode", "hybrid", "--include", "metadata", "--limit", "2"]);
    assert!(
        ["score", "semantic", "keyword", gamelan].iter().all(|it| table.contains(it)),
        "{table}"
    );
    let table = shown(&["Debussy", "--mode", "KEYWORD", "--include", "metadata"]);
    assert!(table.contains(gamelan) && !table.contains("semantic"), "{table}");
}

/// The words of documents, by their ids.
type Model = BTreeMap<i64, String>;

/// A node without a model in the way, and what should be in it.
struct Books {
    rest: RestClient,
    model: Model,
}

impl Books {
    async fn start(node: &Node) -> Self {
        let books = Self { rest: RestClient::new(node), model: Model::new() };
        books.rest.post("/v1/collections", value!({"name": "books"})).await;
        books
    }

    async fn put(&mut self, id: i64, text: &str) {
        let document = value!({"id": id, "text": text, "metadata": {"shelf": id % 3}});
        self.rest.post("/v1/collections/books/documents", value!({"documents": [document]})).await;
        self.model.insert(id, text.to_owned());
    }

    async fn delete(&mut self, id: i64) {
        self.rest.post("/v1/collections/books/documents/delete", value!({"ids": [id]})).await;
        self.model.remove(&id);
    }

    async fn search(&self, search: Value) -> Vec<String> {
        ids(&self.rest.post("/v1/collections/books/search", search).await)
    }

    /// Whether those and no others that have a word are found by it, in both modes.
    async fn check(&self, word: &str) {
        let expected = self.model.iter().filter(|(_, text)| text.split(' ').any(|it| it == word));
        let expected: Vec<String> = expected.map(|(id, _)| id.to_string()).collect();
        let sorted = |mut found: Vec<String>| {
            found.sort_by_key(|id| id.parse::<i64>().unwrap());
            found
        };
        let found = self.search(value!({"text": word, "mode": "keyword", "limit": 100})).await;
        assert_eq!(sorted(found), expected, "{word}");
        let least = value!({"keyword": 0.000_1});
        let both = value!({"text": word, "mode": "hybrid", "limit": 100, "min_parts": least});
        assert_eq!(sorted(self.search(both).await), expected, "{word}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_found_by_its_words_from_the_reply_on_and_after_a_kill() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let mut books = Books::start(&node).await;
    for id in 0..30 {
        books
            .put(
                id,
                &format!(
                    "volume {} of the harbor chronicle",
                    ["amber", "cedar", "flint"][id as usize % 3]
                ),
            )
            .await;
    }
    books.check("amber").await;
    books.put(3, "a garden in winter").await;
    books.check("amber").await;
    books.check("garden").await;
    books.delete(0).await;
    books.check("amber").await;
    books.put(40, "a garden of flint").await;
    books.check("flint").await;
    let patch = value!({"text": "cedar lantern", "metadata": {"shelf": 7}});
    books.rest.try_patch("/v1/collections/books/documents/5", &patch).await.unwrap();
    books.model.insert(5, "cedar lantern".to_owned());
    for word in ["cedar", "flint", "lantern"] {
        books.check(word).await;
    }
    node.signal(Signal::KILL);
    drop(node);
    let node = Node::start(&data_dir);
    books.rest = RestClient::new(&node);
    for word in ["amber", "cedar", "flint", "garden", "harbor", "lantern", "nothing"] {
        books.check(word).await;
    }
    books.put(41, "a harbor of amber").await;
    assert!(node.stop().success());
    let node = Node::start(&data_dir);
    books.rest = RestClient::new(&node);
    for word in ["amber", "harbor", "lantern"] {
        books.check(word).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn phrases_exclusions_filters_and_pages_hold_in_both_modes() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let mut books = Books::start(&node).await;
    for id in 0..60 {
        let rest = ["the old harbor", "harbor of old ships", "old ships", "ships in a storm"]
            [id as usize % 4];
        books.put(id, &format!("{rest} {}", "and more ".repeat(id as usize % 7))).await;
    }
    let by = |mode: &str, text: &str, filter: Value| {
        let least = if mode == "hybrid" { value!({"keyword": 0.000_1}) } else { Value::Null };
        value!({"text": text, "mode": mode, "limit": 60, "filter": filter, "min_parts": least})
    };
    for mode in ["keyword", "hybrid"] {
        for (text, count) in [
            ("\"old harbor\"", 15),
            ("\"harbor old\"", 0),
            ("harbor -ships", 15),
            ("\"old ships\" -harbor", 15),
            ("harb*", 30),
            ("harbor storm", 45),
        ] {
            assert_eq!(
                books.search(by(mode, text, Value::Null)).await.len(),
                count,
                "{mode} {text}"
            );
        }
        let filtered = books.search(by(mode, "harbor", value!({"shelf": 1}))).await;
        assert_eq!(filtered.len(), 10, "{mode}: {filtered:?}");
        assert!(filtered.iter().all(|id| id.parse::<u64>().unwrap() % 3 == 1), "{filtered:?}");
    }
    for (mode, hybrid) in [
        ("keyword", Value::Null),
        ("hybrid", Value::Null),
        ("hybrid", value!({"fusion": "rrf", "weights": {"keyword": 2}, "depth": 50})),
        ("hybrid", value!({"fusion": "weighted", "depth": 21})),
    ] {
        let page = |offset: u64, limit: u64| value!({"text": "old harbor", "mode": mode, "hybrid": hybrid, "offset": offset, "limit": limit});
        let whole = books.search(page(0, 21)).await;
        let mut pages = Vec::new();
        for offset in [0, 7, 14] {
            pages.extend(books.search(page(offset, 7)).await);
        }
        assert_eq!((whole.len(), &whole), (21, &pages), "{mode} {hybrid}");
    }
}

#[test]
fn the_commands_say_all_that_a_search_of_a_mode_takes() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    assert!(node.akidb(["collection", "create", "films", "--language", "en"]).status.success());
    let lines = "{\"id\": 1, \"text\": \"a ship meets an iceberg\"}\n{\"id\": 2, \"text\": \"two robots\"}\n";
    assert!(node.akidb_with_stdin(["import", "films", "-"], lines).status.success());
    let found = |arguments: &[&str]| {
        let all = ["search", "films"].iter().chain(arguments).chain(&["--output", "json"]);
        json(&node.akidb(all.copied()))
    };
    assert_eq!(ids(&found(&["iceberg -robot", "--mode", "keyword", "--min-score", "0.01"])), ["1"]);
    let options = ["--fusion", "rrf", "--k", "0", "--weights", "0,1", "--depth", "50"];
    let hybrid = [&["iceberg", "--mode", "hybrid"], &options[..]].concat();
    let ranked = found(&hybrid);
    assert_eq!((&ranked["hits"][0]["score"], ids(&ranked).len()), (&value!(1.0), 2));
    assert_eq!(ranked["hits"][1]["parts"]["keyword"], 0.0);
    let least = ["--min-semantic", "-1", "--min-keyword", "0.01"];
    assert_eq!(ids(&found(&[&hybrid, &least[..]].concat())), ["1"]);
    let shown = json(&node.akidb(["collection", "show", "films", "--output", "json"]));
    let dimension = usize::try_from(shown["dimension"].as_u64().unwrap()).unwrap();
    let vector = value!(vec![1.0; dimension]).to_string();
    let own = [&hybrid, &["--vector", &*vector][..]].concat();
    assert_eq!(ids(&found(&own)).len(), 2);
    let refused =
        |arguments: &[&str]| node.akidb(["search", "films"].iter().chain(arguments).copied());
    let message = "hybrid: is for searches of the mode hybrid, the mode of this one is keyword";
    assert_failed(&refused(&["a", "--mode", "keyword", "--depth", "5"]), 64, &[message]);
    assert_failed(&refused(&["a", "--weights", "1"]), 64, &["such as 1,2"]);
    assert_failed(&refused(&["a", "--id", "1"]), 64, &["cannot be used with"]);
    assert_failed(&refused(&["a", "--vector", &vector]), 64, &["is for the mode hybrid"]);
    drop(node);
    let mut command =
        crate::node::akidb(["search", "films", "iceberg", "--mode", "keyword", "--output", "json"]);
    command.arg("--data-dir").arg(&data_dir).env("AKIDB_EMBEDDING__MODELS_DIR", "/nowhere");
    assert_eq!(ids(&json(&command.output().unwrap())), ["1"], "no model is needed for words");
}
