//! Imports of what people have: CSV, lists, compressed files, fields of other names; and of what is
//! none of it.

use std::{fs, io::Write, path::Path};

use serde_json::{Value, json as value};

use crate::node::{Node, json, scratch, stderr};

const CSV: &str = "url;title;year;plot\n\
    a;\"One; \"\"two\"\"\";1997;\"A ship meets\nan iceberg\"\n\
    7;Gravity;;Two astronauts\n\
    b;too few\n\
    c;Jaws;1975;A shark\n";

fn node() -> (tempfile::TempDir, Node) {
    let (folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    json(&node.akidb(["collection", "create", "films", "--output", "json"]));
    (folder, node)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn import(node: &Node, file: &Path, args: &[&str]) -> std::process::Output {
    let file = file.to_str().unwrap();
    let import = ["import", "films", file, "--output", "json"];
    node.akidb(import.into_iter().chain(args.iter().copied()))
}

fn told(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(output)))
}

#[tokio::test]
async fn csv_with_columns_of_other_names_is_imported_and_what_failed_is_mended() {
    let (folder, node) = node();
    let file = folder.path().join("films.csv.gz");
    fs::write(&file, gzip(CSV.as_bytes())).unwrap();
    let errors = folder.path().join("failed.csv");
    let fields = ["--id-field", "url", "--text-field", "plot"];
    let keep = ["--errors", errors.to_str().unwrap()];
    let output = import(&node, &file, &[&fields[..], &keep[..]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!((&told(&output)["created"], &told(&output)["failed"]), (&value!(3), &value!(1)));
    assert!(stderr(&output).contains("mend the lines of"), "{}", stderr(&output));
    let reasons = fs::read_to_string(folder.path().join("failed.csv.reasons")).unwrap();
    assert!(reasons.contains("\"line\":5") && reasons.contains("has 2 cells"), "{reasons}");

    // The header stands above the row that failed, so that the file is imported as it is.
    let failed = fs::read_to_string(&errors).unwrap();
    assert_eq!(failed, "url;title;year;plot\nb;too few\n");
    fs::write(&errors, failed.replace("too few", "Up;2009;A house flies")).unwrap();
    let output = import(&node, &errors, &fields);
    assert_eq!(told(&output)["created"], 1, "{}", stderr(&output));

    let client = crate::rest_client::RestClient::new(&node);
    let found = client.post("/v1/collections/films/documents/get", value!({"ids": ["a", 7]})).await;
    let documents = found["documents"].as_array().unwrap();
    assert_eq!(documents[0]["text"], "A ship meets\nan iceberg");
    assert_eq!(documents[0]["metadata"], value!({"title": "One; \"two\"", "year": 1997}));
    assert_eq!(documents[1]["metadata"], value!({"title": "Gravity"}));
}

#[test]
fn lists_and_fields_of_other_names_come_from_a_file_or_stdin_compressed_or_not() {
    let (folder, node) = node();
    let list = "[\n {\"_id\": 1, \"body\": \"a boat\", \"year\": 1, \"rest\": 2},\n \
                {\"_id\": 2,\n  \"body\": \"a train\"}, {\"_id\": 3, \"body\": \" \"}]";
    let file = folder.path().join("films");
    fs::write(&file, zstd::encode_all(list.as_bytes(), 1).unwrap()).unwrap();
    let errors = folder.path().join("failed.jsonl");
    let fields = ["--id-field", "_id", "--text-field", "body", "--metadata", "year"];
    let keep = ["--errors", errors.to_str().unwrap()];
    let output = import(&node, &file, &[&fields[..], &keep[..]].concat());
    assert_eq!((&told(&output)["created"], &told(&output)["failed"]), (&value!(2), &value!(1)));
    let failed = fs::read_to_string(&errors).unwrap();
    assert_eq!(failed, "{\"_id\": 3, \"body\": \" \"}\n");
    let import = ["import", "films", "-", "--output", "json"].into_iter().chain(fields);
    let again = node.akidb_with_stdin(import, list);
    assert_eq!(told(&again)["updated"], 2, "{}", stderr(&again));
    let shown =
        json(&node.akidb(["search", "films", "a boat", "--limit", "1", "--output", "json"]));
    assert_eq!(shown["hits"][0]["metadata"], value!({"year": 1}), "{shown}");
    assert_eq!(shown["hits"][0]["id"], 1);
}

#[test]
fn a_file_of_another_kind_is_given_up_early_with_one_hint() {
    let (folder, node) = node();
    let file = folder.path().join("films.jsonl");
    for (content, says, hint) in [
        ("not json\n".repeat(5_000), "none of 100 lines", "jq -c"),
        ("{\"body\":\"a\"}\n".repeat(5_000), "unknown_field: body", "--text-field"),
        ("{\n \"id\": 1,\n \"text\": \"a\"\n}\n".to_owned(), "none of 4 lines", "jq -c"),
    ] {
        fs::write(&file, content).unwrap();
        let output = import(&node, &file, &[]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(says) && said.contains(hint), "{said}");
        assert!(said.lines().count() < 6, "{said}");
    }
    for (name, content, says) in [
        ("films.txt", "Once upon a time\n", "--format csv"),
        ("films.csv", "a,b\n1,2\n", "has neither a column \"text\" nor \"vector\", but a, b"),
        ("films.parquet", "PAR1", "duckdb"),
    ] {
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        let output = import(&node, &file, &[]);
        let said = stderr(&output);
        assert!(!output.status.success() && said.contains(says), "{name}: {said}");
        let output = import(&node, &file, &["--errors", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(64), "{}", stderr(&output));
        assert_eq!(fs::read_to_string(&file).unwrap(), content);
    }
}
