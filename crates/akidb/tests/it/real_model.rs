//! The default model from end to end: texts that share no word are found by what they mean.

use crate::node::{Backend, Node, akidb, json, models_dir, scratch};

#[test]
fn texts_are_found_by_meaning() {
    let (_folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Native, |_| {});
    json(&node.akidb(["collection", "create", "notes", "--output", "json"]));
    let notes = "{\"id\":1,\"text\":\"the kitten sleeps on the sofa\"}\n\
                 {\"id\":2,\"text\":\"shares fell sharply after the announcement\"}\n\
                 {\"id\":3,\"text\":\"bake the loaf for forty minutes\"}\n";
    let import = ["import", "notes", "-", "--output", "json"];
    assert_eq!(json(&node.akidb_with_stdin(import, notes))["created"], 3);
    for (query, id) in [("a young cat naps", 1), ("stock market losses", 2), ("making bread", 3)] {
        let found = json(&node.akidb(["search", "notes", query, "--output", "json"]));
        assert_eq!(found["hits"][0]["id"], id, "{query}: {found}");
    }
}

#[test]
fn the_installed_model_is_listed_and_intact() {
    let models_dir = models_dir();
    let run = |command: &str| {
        let mut command = akidb(["model", command, "--output", "json", "--models-dir"]);
        json(&command.arg(&models_dir).output().unwrap())
    };
    let list = run("list");
    let models = list["models"].as_array().unwrap();
    let model = models.iter().find(|model| model["name"] == "all-minilm-l6-v2").unwrap();
    assert_eq!((model["dimension"].as_u64(), model["max_tokens"].as_u64()), (Some(384), Some(256)));
    for model in run("verify")["models"].as_array().unwrap() {
        assert!(model["damaged"].as_array().unwrap().is_empty(), "{model}");
    }
}
