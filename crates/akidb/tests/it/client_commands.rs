//! The commands that speak to a node, and those that open a data directory themselves.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    process::{Output, Stdio},
};

use serde_json::{Value, json as value};

use crate::node::{Backend, Node, akidb, assert_failed, json, output_with_stdin, scratch, stderr};

const FILMS: &str = r#"{"id": 1, "text": "a ship meets an iceberg", "metadata": {"year": 1997}}
{"id": "two", "text": "a shark meets a small town", "metadata": {"year": 1975}}
{"text": "two robots clean a planet", "metadata": {"year": 2008}}
"#;

/// The lines of JSON on stdout of a command that must have succeeded.
fn json_lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}: {}", output.status, stderr(output));
    let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn documents_are_imported_and_found() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    round_trip(&|args, stdin| node.akidb_with_stdin(args.iter().copied(), stdin));
}

#[test]
fn the_same_commands_open_a_data_directory_themselves() {
    let (_folder, data_dir) = scratch();
    round_trip(&|args, stdin| {
        let mut command = akidb(args.iter().copied());
        command.arg("--data-dir").arg(&data_dir).env("AKIDB_EMBEDDING__BACKEND", "hash");
        output_with_stdin(&mut command, stdin)
    });
}

/// Creates, imports, searches, shows and deletes, by whatever way `run` reaches the data.
fn round_trip(run: &dyn Fn(&[&str], &str) -> Output) {
    let run_json = |args: &[&str], stdin: &str| {
        let args: Vec<_> = args.iter().copied().chain(["--output", "json"]).collect();
        json(&run(&args, stdin))
    };
    let created = run_json(&["collection", "create", "films"], "");
    assert_eq!(created["model"]["name"], "hash");

    let imported = run_json(&["import", "films", "-"], FILMS);
    assert_eq!((&imported["created"], &imported["complete"]), (&value!(3), &value!(true)));
    let again = run_json(&["import", "films", "-"], FILMS);
    assert_eq!((&again["created"], &again["updated"]), (&value!(0), &value!(3)));
    let again = run_json(&["import", "films", "-", "--new-ids"], FILMS);
    assert_eq!((&again["created"], &again["updated"]), (&value!(1), &value!(2)));

    let found = run_json(&["search", "films", "ship iceberg", "--limit", "1"], "");
    assert_eq!(found["hits"][0]["id"], 1);
    assert_eq!(found["hits"][0]["metadata"], value!({"year": 1997}));
    let filter = r#"{"year":{"$lt":1980}}"#;
    let found = run_json(&["search", "films", "ship iceberg", "--filter", filter], "");
    assert_eq!(found["hits"][0]["id"], "two");
    let found = run_json(&["search", "films", "iceberg", "--mode", "keyword", "--limit", "1"], "");
    assert_eq!((&found["hits"][0]["id"], &found["hits"][0]["parts"]), (&value!(1), &Value::Null));
    let hybrid = ["search", "films", "shark -ship", "--mode", "hybrid", "--min-keyword", "0.1"];
    let found = run_json(&hybrid, "");
    assert_eq!(found["hits"][0]["id"], "two");
    assert!(found["hits"][0]["parts"]["semantic"].is_number() && found["hits"][1].is_null());
    let found = run_json(&["search", "films", "--id", "two", "--limit", "1"], "");
    assert_eq!(found["hits"][0]["id"], 1);
    let found =
        run_json(&["search", "films", "ship", "--include", "metadata", "--offset", "1"], "");
    assert!(found["hits"][0].get("text").is_none());

    let by_year = ["search", "films", "meets", "--mode", "keyword", "--order-by", "year:desc"];
    let found = run_json(&by_year, "");
    assert_eq!((&found["hits"][0]["id"], &found["hits"][1]["id"]), (&value!(1), &value!("two")));
    let grouped = ["search", "films", "meets", "--group-by", "year", "--group-size", "1"];
    let found = run_json(&[&grouped[..], &["--limit", "2"]].concat(), "");
    assert_eq!(found["groups"][1]["hits"].as_array().unwrap().len(), 1);
    assert_eq!((&found["groups"][2], &found["hits"]), (&Value::Null, &value!([])));
    let ordered = ["document", "get", "films", "--filter", "{}", "--order-by", "year", "--limit"];
    let page = run_json(&[&ordered[..], &["1"]].concat(), "");
    assert_eq!(page["documents"][0]["id"], "two");
    let counted = run_json(&["facets", "films", "year", "yaer", "--borders", "1980,2000"], "");
    assert_eq!(counted["facets"][0]["ranges"][0], value!({"to": 1980, "count": 1}));
    assert_eq!(counted["unknown_fields"], value!(["yaer"]));
    let counted = run_json(&["facets", "films", "year", "--limit", "1", "--filter", filter], "");
    assert_eq!(counted["facets"][0]["values"], value!([{"value": 1975, "count": 1}]));

    let shown = run_json(&["document", "get", "films", "1"], "");
    assert_eq!((&shown["id"], &shown["metadata"]["year"]), (&value!(1), &value!(1997)));
    let seq = shown["seq"].to_string();
    let update = ["document", "update", "films", "1", "--if-seq", &seq, "--metadata"];
    let seen = [&update[..], &[r#"{"seen":true}"#]].concat();
    assert_eq!(run_json(&seen, "")["metadata"]["seen"], true);
    assert_failed(&run(&seen, ""), 1, &["condition_failed", "document get"]);
    let many = run_json(&["document", "get", "films", "--filter", r#"{"seen":true}"#], "");
    assert_eq!(many["documents"].as_array().unwrap().len(), 1);
    let twice = run(&["document", "count", "films", "--filter", r#"{"a":1,"a":2}"#], "");
    assert_failed(&twice, 64, &["stands twice"]);
    let create = run(&["import", "films", "-", "--mode", "create"], r#"{"id":1,"text":"a"}"#);
    assert_eq!(create.status.code(), Some(1));
    assert!(stderr(&create).contains("document_exists"), "{}", stderr(&create));
    let counted = run_json(&["document", "count", "films"], "");
    assert_eq!(counted["count"], 4);

    assert_eq!(
        run_json(&["collection", "create", "films", "--if-absent"], "")["document_count"],
        4
    );
    let other = run(&["collection", "create", "films", "--if-absent", "--dimension", "3"], "");
    assert_failed(&other, 1, &["collection_differs", "model: is none"]);
    let aliases = run_json(&["alias", "change", "--create", "cinema=films"], "");
    assert_eq!(aliases["aliases"], value!([{"alias": "cinema", "collection": "films"}]));
    assert_eq!(run_json(&["document", "count", "cinema"], "")["count"], 4);
    assert_eq!(run_json(&["alias", "list", "films"], "")["aliases"][0]["alias"], "cinema");
    assert_failed(&run(&["alias", "list", "flims"], ""), 1, &["did you mean films?"]);
    assert_failed(&run(&["alias", "change", "--set", "cinema"], ""), 64, &["ALIAS=COLLECTION"]);
    assert_failed(&run(&["collection", "delete", "films"], ""), 1, &["collection_aliased"]);
    let change = ["alias", "change", "--delete", "cinema", "--set", "kino=films"];
    assert_eq!(run_json(&change, "")["aliases"][0]["alias"], "kino");
    assert!(run(&["alias", "change", "--delete", "kino"], "").status.success());
    let copied = run_json(&["collection", "copy", "films", "films-2"], "");
    assert_eq!((&copied["state"], &copied["kind"]), (&value!("succeeded"), &value!("copy")));
    assert_eq!(run_json(&["document", "count", "films-2"], "")["count"], 4);
    let again = run(&["collection", "copy", "films", "films-2"], "");
    assert_failed(&again, 1, &["collection_exists"]);
    assert_eq!(run_json(&["task", "list"], "")["tasks"][0]["id"], copied["id"]);
    let id = copied["id"].as_str().unwrap();
    assert_eq!(run_json(&["task", "show", id], "")["to"], "films-2");
    assert_failed(&run(&["task", "cancel", id], ""), 1, &["task_ended"]);
    assert!(run(&["collection", "delete", "films-2"], "").status.success());
    let renamed = run_json(&["collection", "rename", "films", "movies"], "");
    assert_eq!((&renamed["name"], &renamed["document_count"]), (&value!("movies"), &value!(4)));
    assert_failed(&run(&["collection", "show", "films"], ""), 1, &["collection_not_found"]);
    assert!(run(&["collection", "rename", "movies", "films"], "").status.success());

    assert_eq!(run_json(&["collection", "show", "films"], "")["document_count"], 4);
    let table = String::from_utf8(run(&["collection", "list"], "").stdout).unwrap();
    assert!(table.contains("films") && table.contains("cosine"), "{table}");
    assert!(run(&["collection", "delete", "films"], "").status.success());
    assert_eq!(run_json(&["collection", "list"], "")["collections"], value!([]));
}

#[test]
fn vectors_are_imported_and_found_where_no_model_is_installed() {
    let (_folder, data_dir) = scratch();
    let run = |args: &[&str], stdin: &str| {
        let mut command = akidb(args.iter().copied());
        command.args(["--output", "json", "--data-dir"]).arg(&data_dir);
        output_with_stdin(command.env("AKIDB_MODELS_DIR", "/none"), stdin)
    };
    json(&run(&["collection", "create", "points", "--dimension", "3"], ""));
    let imported = json(&run(&["import", "points", "-"], r#"{"id":1,"vector":[1,2,3]}"#));
    assert_eq!(imported["created"], 1);
    let found = json(&run(&["search", "points", "--vector", "[1,2,3]"], ""));
    assert_eq!(found["hits"][0]["id"], 1);
    let refused = run(&["collection", "create", "films"], "");
    assert_failed(&refused, 78, &["was not found", "akidb model import"]);
    assert_failed(&run(&["import", "point", "-"], ""), 1, &["did you mean points?"]);
}

#[test]
fn an_index_is_set_changed_and_explained() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let run = |args: &[&str]| node.akidb(args.iter().copied());
    let run_json = |args: &[&str]| json(&run(&[args, &["--output", "json"]].concat()));
    let create = ["collection", "create", "points", "--dimension", "3", "--m", "8", "--ef", "40"];
    let created = run_json(&create)["index"].clone();
    assert_eq!((&created["engine"], &created["m"]), (&value!("hnsw"), &value!(8)));
    let update = ["collection", "update", "points", "--ef", "50", "--quantization", "none"];
    let updated = run_json(&update)["index"].clone();
    assert_eq!((&updated["m"], &updated["ef"]), (&value!(8), &value!(50)));
    let refused = run(&["collection", "update", "points", "--engine", "exact", "--m", "8"]);
    assert_failed(&refused, 64, &["index.m: the engine exact has no graph"]);
    assert_failed(&run(&["collection", "update", "points"]), 64, &["required"]);
    let shown = String::from_utf8(run(&["collection", "show", "points"]).stdout).unwrap();
    for field in ["index.quantization", "index.state", "index.progress", "index.hot_memory_bytes"] {
        assert!(shown.contains(field), "{shown}");
    }

    let line = r#"{"id":1,"vector":[1,2,3]}"#;
    json(&node.akidb_with_stdin(["import", "points", "-", "--output", "json"], line));
    let search = ["search", "points", "--vector", "[1,2,3]"];
    let options = ["--ef", "200", "--exact", "--explain"];
    let found = run_json(&[&search[..], &options].concat());
    assert_eq!(
        (&found["plan"]["strategy"], &found["plan"]["compared"]),
        (&value!("scan"), &value!(1))
    );
    assert_eq!(run_json(&search).get("plan"), None);
    let tables = String::from_utf8(run(&[&search[..], &options].concat()).stdout).unwrap();
    assert!(tables.contains("score") && tables.contains("strategy"), "{tables}");
    let refused = run(&[&search[..], &["--ef", "10001"]].concat());
    assert_failed(&refused, 64, &["params.ef: is 10001"]);
}

#[test]
fn texts_are_embedded_from_arguments_and_lines() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let one = json(&node.akidb(["embed", "text 0", "--output", "json"]));
    let lines: String = (0..70).map(|i| format!("text {i}\n")).collect();
    let many = json_lines(&node.akidb_with_stdin(["embed", "--output", "json"], &lines));
    assert_eq!(many.len(), 70);
    assert_eq!(many[0]["values"], one["embeddings"][0]["values"]);
    assert_eq!((&many[69]["line"], &many[69]["truncated"]), (&value!(70), &value!(false)));
    let table = String::from_utf8(node.akidb(["embed", "text 0"]).stdout).unwrap();
    assert!(table.contains("text 0") && table.contains("384"), "{table}");
}

#[test]
fn files_are_embedded_line_by_line_with_every_option() {
    let (folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let file = folder.path().join("texts.jsonl");
    let long = "word ".repeat(600);
    let lines = [value!({"id": 7, "text": "one"}), value!("two\nlines"), value!({"text": long})];
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    std::fs::write(&file, lines.join("\n\n")).unwrap();
    let file = file.to_str().unwrap();
    let options = ["--model", "hash", "--input-type", "query", "--dimensions", "5"];
    let options = options.into_iter().chain(["--pooling", "max", "--output", "json"]);
    let embed = ["embed", "--file", file, "--batch-size", "2"].into_iter().chain(options);
    let cut = node.akidb(embed.clone().chain(["--truncate", "start"]));
    let vectors = json_lines(&cut);
    let told: Vec<_> =
        vectors.iter().map(|it| (&it["line"], &it["id"], &it["truncated"])).collect();
    let null = &Value::Null;
    let expected = [
        (&value!(1), &value!(7), &value!(false)),
        (&value!(3), null, &value!(false)),
        (&value!(5), null, &value!(true)),
    ];
    assert_eq!(told, expected);
    assert!(vectors.iter().all(|it| it["values"].as_array().unwrap().len() == 5));
    assert!(stderr(&cut).contains("1 texts were longer"), "{}", stderr(&cut));

    let refused = node.akidb(embed.chain(["--truncate", "none"]));
    assert_eq!(refused.status.code(), Some(64));
    let said = stderr(&refused);
    assert!(said.contains("line 5: has 600 tokens") && said.contains("limit_exceeded"), "{said}");
    // What came before it is written.
    assert_eq!(refused.stdout.iter().filter(|byte| **byte == b'\n').count(), 2);

    let table = node.akidb(["embed", "--file", file, "--batch-size", "1"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert_eq!(table.matches("dimension").count(), 1, "{table}");
    assert_eq!(table.matches("384").count(), 3, "{table}");
}

/// `akidb embed ... | head -1`: what nobody will read is not embedded.
#[test]
fn embedding_stops_when_nobody_reads_its_vectors() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let mut command = akidb(["embed", "--output", "json", "--file", "/dev/zero"]);
    // A text without an end, in lines that never end either, is refused and not read for ever.
    let endless = command.env("AKIDB_URL", node.url()).output().unwrap();
    assert_failed(&endless, 64, &["/dev/zero: line 1 is longer than"]);

    let mut command = akidb(["embed", "--output", "json"]);
    command.env("AKIDB_URL", node.url()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    drop(child.stdout.take());
    // Ends with a broken pipe when the command does, which is the only end it has.
    while stdin.write_all(b"one more text\n").is_ok() {}
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn errors_of_a_node_end_with_their_exit_code_and_request() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let output = node.akidb(["collection", "show", "nothing"]);
    assert_failed(&output, 1, &["error: collection_not_found: ", "hint: ", "request id: "]);
    json(&node.akidb(["collection", "create", "films", "--output", "json"]));
    let near = [
        &["collection", "show", "flims"][..],
        &["collection", "delete", "flims"],
        &["collection", "update", "Films", "--ef", "50"],
        &["search", "flims", "a ship"],
        &["import", "flims", "/dev/null"],
    ];
    for command in near {
        let output = node.akidb(command.iter().copied());
        assert_failed(&output, 1, &["collection_not_found", "hint: did you mean films?"]);
    }
    let output = node.akidb(["collection", "create", "a/b"]);
    assert_failed(&output, 64, &["error: invalid_name: "]);
    let output = node.akidb(["search", "nothing", "a", "--filter", "[]"]);
    assert_failed(&output, 64, &["expected a JSON object"]);
    let output = node.akidb(["search", "nothing"]);
    assert_failed(&output, 64, &["--vector"]);
}

#[test]
fn without_a_node_the_way_out_is_shown() {
    let output = akidb(["collection", "list", "--url", "http://127.0.0.1:1"]).output().unwrap();
    assert_failed(&output, 74, &["no answer from http://127.0.0.1:1/", "hint: ", "akidb serve"]);
    let output = akidb(["collection", "list", "--url", "localhost:1"]).output().unwrap();
    assert_failed(&output, 64, &["starts neither with http:// nor with https://"]);
    let output = akidb(["collection", "list", "--data-dir", "/nowhere"]).output().unwrap();
    assert_failed(&output, 64, &["there is no data directory /nowhere"]);
}

#[test]
fn what_a_person_can_mend_comes_with_a_hint() {
    let (folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    json(&node.akidb(["collection", "create", "films", "--output", "json"]));
    let data_dir = data_dir.to_str().unwrap();
    let folder = folder.path().to_str().unwrap();
    let config = format!("{folder}/akidb.toml");
    let zipped = format!("{folder}/films.zip");
    std::fs::write(&zipped, b"PK\x03\x04").unwrap();
    std::fs::write(&config, "[server\n").unwrap();
    let cases: &[(&[&str], i32, &str, &str)] = &[
        (&["import", "films", "/none.jsonl"], 74, "cannot open /none.jsonl", "look at the path"),
        (&["import", "films", folder], 64, "is a folder", "name a file"),
        (&["import", "films", &zipped], 64, "a zip archive", "unzip -p"),
        (&["embed", "--file", "/none.txt"], 74, "cannot open /none.txt", "look at the path"),
        (&["collection", "create", "a b"], 64, "invalid_name", "choose 1 to 64"),
        (&["search", "films", "a", "--filter", "{\"a\":{\"$x\":1}}"], 64, "invalid_filter", "$gte"),
        (&["search", "films", "--vector", "[1]"], 64, "dimension_mismatch", "collection show"),
        (&["collection", "list", "--data-dir", data_dir], 74, "in use by another", "--url"),
        (&["config", "show", "--config", "/none.toml"], 78, "cannot read", "--config"),
        (&["config", "show", "--config", &config], 78, "is not TOML", "akidb.toml"),
        (&["model", "import", "/none.whl"], 74, "/none.whl", "look at the path"),
        (&["model", "import", folder, "--name", "none"], 1, "holds 0 models", "one model"),
        (&["model", "verify", "none"], 1, "was not found", "model list"),
        (&["collection", "list", "--url", "http://[::"], 64, "is not a URL", "http://127.0.0.1"),
    ];
    for (command, exit, message, hint) in cases {
        let output = node.akidb(command.iter().copied());
        let said = stderr(&output);
        assert_failed(&output, *exit, &[message]);
        let hinted = said.split_once("\nhint: ").map(|(_, hint)| hint.to_owned());
        assert!(hinted.is_some_and(|said| said.contains(hint)), "{command:?}: {said}");
    }
}

#[test]
fn a_node_says_whether_it_is_ready() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let ready = json(&node.akidb(["ready", "--output", "json"]));
    assert_eq!(ready["ready"], true);
    let table = String::from_utf8(node.akidb(["ready", "--wait", "5"]).stdout).unwrap();
    assert!(table.contains("storage") && table.contains("true"), "{table}");
    let gone = akidb(["ready", "--url", "http://127.0.0.1:1"]).output().unwrap();
    assert_failed(&gone, 74, &["no answer from", "akidb serve"]);

    let output = akidb(["ready", "--url", &format!("http://{}", loading_node())]).output().unwrap();
    // The parts are told all the same.
    let (parts, said) = (String::from_utf8_lossy(&output.stdout), stderr(&output));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(parts.contains("minilm is loading"), "{parts}");
    assert!(said.contains("the node is not ready: embedding") && said.contains("hint: "), "{said}");
}

/// What a node answers while it loads its model, once.
fn loading_node() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let body = value!({"ready": false, "components": [
        {"name": "storage", "ready": true, "detail": "open"},
        {"name": "embedding", "ready": false, "detail": "minilm is loading"},
    ]});
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: {}\r\n\r\n{body}",
        body.to_string().len()
    );
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
    });
    address
}

#[test]
fn the_effective_configuration_says_where_values_come_from() {
    let output = akidb(["config", "show", "--output", "json", "--rest-addr", "127.0.0.1:1"])
        .env("AKIDB_LIMITS__EMBED_TEXTS", "7")
        .output()
        .unwrap();
    let shown = json(&output);
    assert_eq!(shown["limits.embed_texts"]["value"], 7);
    assert_eq!(
        shown["limits.embed_texts"]["origin"],
        "environment variable AKIDB_LIMITS__EMBED_TEXTS"
    );
    assert_eq!(shown["server.rest_addr"]["origin"], "flag --rest-addr");
    assert_eq!(shown["server.grpc_addr"]["origin"], "default");
}

#[test]
fn models_that_are_not_there_are_refused() {
    let (folder, _) = scratch();
    let models_dir = folder.path().to_str().unwrap();
    let list = ["model", "list", "--models-dir", models_dir, "--output", "json"];
    assert_eq!(json(&akidb(list).output().unwrap())["models"], value!([]));
    let output =
        akidb(["model", "verify", "nothing", "--models-dir", models_dir]).output().unwrap();
    assert_failed(&output, 1, &["model \"nothing\" was not found", models_dir]);
}

#[test]
fn models_are_loaded_and_unloaded_while_the_node_runs() {
    let (_folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Hash, |command| {
        command
            .env("AKIDB_EMBEDDING__ADDITIONAL_MODELS", "[second]")
            .env("AKIDB_EMBEDDING__LOADABLE_MODELS", "[third]");
    });
    let states = || {
        let status = json(&node.akidb(["model", "status", "--output", "json"]));
        let models = status["models"].as_array().unwrap().iter();
        models.map(|model| format!("{}={}", model["name"], model["state"])).collect::<Vec<_>>()
    };
    assert_eq!(states(), ["\"hash\"=\"ready\"", "\"second\"=\"ready\"", "\"third\"=\"unloaded\""]);
    json(&node.akidb(["collection", "create", "notes", "--model", "second", "--output", "json"]));
    let refused = node.akidb(["embed", "--model", "third", "a text"]);
    assert_failed(&refused, 1, &["model_not_ready", "third is unloaded"]);
    let loaded = json(&node.akidb(["model", "load", "third", "--output", "json"]));
    assert_eq!(
        (&loaded["state"], &loaded["identity"]["name"]),
        (&value!("ready"), &value!("third"))
    );
    let embedded = json(&node.akidb(["embed", "--model", "third", "a text", "--output", "json"]));
    assert_eq!(embedded["model"], "third");

    let in_use = node.akidb(["model", "unload", "second"]);
    assert_failed(&in_use, 1, &["model_in_use", "notes", "force"]);
    let forced = json(&node.akidb(["model", "unload", "second", "--force", "--output", "json"]));
    assert_eq!(forced["state"], "unloaded");
    let search = node.akidb(["search", "notes", "a text"]);
    assert_failed(&search, 1, &["model_not_ready", "second is unloaded"]);
    json(&node.akidb(["model", "load", "second", "--output", "json"]));
    json(&node.akidb(["search", "notes", "a text", "--output", "json"]));
    assert_failed(&node.akidb(["model", "load", "fourth"]), 1, &["model_not_found", "fourth"]);
}
