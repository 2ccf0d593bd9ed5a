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

/// The longest film texts, joined, with the one about monsters at a university last; and all
/// others of the years from 2010 on.
fn films(data: &Path) -> (String, Vec<Value>) {
    let file = std::fs::File::open(data.join("wikipedia-movies/texts.jsonl.gz")).unwrap();
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    let films = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let text_of = |film: &Value| film["text"].as_str().unwrap().to_owned();
    let (long, short): (Vec<_>, Vec<_>) = films
        .filter(|film| film["metadata"]["year"].as_u64() >= Some(2010))
        .filter(|film| !text_of(film).trim().is_empty())
        .partition(|film| text_of(film).len() > 1_000);
    let (last, first): (Vec<_>, Vec<_>) =
        long.iter().partition(|film| film["title"] == "Monsters University");
    let joined: Vec<String> = first.into_iter().chain(last).map(text_of).collect();
    let short = short.iter().take(300).map(|film| json!({"id": film["id"], "text": film["text"]}));
    (joined.join("\n\n"), short.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_far_behind_the_models_window_is_found_where_texts_are_cut() {
    let Some(data) = shared_data() else {
        eprintln!("SKIPPED: needs ../shared/data/wikipedia-movies, which is not here");
        return;
    };
    let (_folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Native, |_| {});
    let client = RestClient::new(&node);
    let (long, mut documents) = films(&data);
    documents.push(json!({"id": "long", "text": long}));
    let question = "monsters meet at college as rivals and become best friends";
    let mut best = Vec::new();
    for (name, chunking) in [("whole", Value::Null), ("cut", json!({"overlap": 32}))] {
        client.post("/v1/collections", json!({"name": name, "chunking": chunking})).await;
        let path = format!("/v1/collections/{name}/documents");
        let reply = client.post(&path, json!({"documents": documents})).await;
        let result = reply["results"].as_array().unwrap().last().unwrap();
        assert_eq!(result["truncated"], chunking.is_null(), "{result}");
        let search = json!({"text": question, "limit": 3});
        let reply = client.post(&format!("/v1/collections/{name}/search"), search).await;
        best.push(reply["hits"][0].clone());
    }
    assert_ne!(best[0]["id"], "long", "{}", best[0]);
    assert_eq!(best[1]["id"], "long", "{}", best[1]);
    let passage = &best[1]["passage"];
    assert!(passage["text"].as_str().unwrap().contains("Mike Wazowski"), "{passage}");
    let place = |end: &str| passage[end].as_u64().unwrap() as usize;
    let characters: Vec<char> = long.chars().collect();
    let there: String = characters[place("start")..place("end")].iter().collect();
    assert_eq!(passage["text"], there);
    assert!(place("start") > characters.len() / 2);
}
