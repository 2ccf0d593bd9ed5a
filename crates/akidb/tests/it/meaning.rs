//! Search by meaning, with the real model over real texts.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    node::{Backend, Node, scratch},
    rest_client::RestClient,
};

const GLOSSES: usize = 10_000;
const BATCH: usize = 250;

/// Real data beside the project, which its users do not need.
fn shared_data() -> Option<PathBuf> {
    let folder = match std::env::var_os("AKIDB_SHARED_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    };
    let data = folder.join("data");
    data.is_dir().then_some(data)
}

/// The last `GLOSSES` glosses of things made and things found, as documents.
fn glosses(data: &Path) -> Vec<Value> {
    let file = std::fs::File::open(data.join("wordnet-glosses/texts.jsonl.gz")).unwrap();
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    let mut documents: Vec<Value> = lines
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
        .filter(|gloss| {
            matches!(gloss["metadata"]["lexfile"].as_str(), Some("noun.artifact" | "noun.object"))
        })
        .map(|gloss| {
            json!({
                "id": gloss["id"], "text": gloss["text"],
                "metadata": {"lemmas": gloss["title"], "lexfile": gloss["metadata"]["lexfile"]},
            })
        })
        .collect();
    documents.split_off(documents.len() - GLOSSES)
}

#[tokio::test(flavor = "multi_thread")]
async fn glosses_inserted_as_text_are_found_by_their_meaning() {
    let Some(data) = shared_data() else {
        eprintln!("SKIPPED: needs ../shared/data/wordnet-glosses, which is not here");
        return;
    };
    let (_folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Native, |_| {});
    let client = RestClient::new(&node);
    client.post("/v1/collections", json!({"name": "glosses"})).await;
    for batch in glosses(&data).chunks(BATCH) {
        client.post("/v1/collections/glosses/documents", json!({"documents": batch})).await;
    }
    let count = client.post("/v1/collections/glosses/documents/count", json!({})).await;
    assert_eq!(count["count"], GLOSSES);
    for (question, wanted) in [
        ("a large body of salt water", &["sea", "ocean"]),
        ("instrument for measuring time", &["clock", "timer"]),
    ] {
        let search = json!({"text": question, "limit": 5});
        let reply = client.post("/v1/collections/glosses/search", search).await;
        let lemmas: Vec<&str> = reply["hits"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hit| hit["metadata"]["lemmas"].as_str().unwrap())
            .collect();
        eprintln!("{question}: {lemmas:?}");
        let words: Vec<&str> = lemmas.iter().flat_map(|lemmas| lemmas.split(", ")).collect();
        assert!(wanted.iter().any(|wanted| words.contains(wanted)), "{question}: {words:?}");
    }
}
