//! Layers, origins and faults; and `config/akidb.toml` against the defaults.

use std::path::PathBuf;

use super::*;
use crate::{failure::ExitStatus, settings::Flag};

fn sources(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Sources {
    let text = |text: &str| text.to_owned();
    Sources {
        file: Some((PathBuf::from("akidb.toml"), text(file))),
        environment: environment.iter().map(|(name, value)| (text(name), text(value))).collect(),
        flags: flags
            .iter()
            .map(|(key, value)| Flag { name: "--flag", key, value: text(value) })
            .collect(),
    }
}

/// The message and hint of the failure that a file and an environment lead to.
fn fault(file: &str, environment: &[(&str, &str)]) -> String {
    let failure = resolve(&sources(file, environment, &[])).unwrap_err();
    assert_eq!(failure.exit, ExitStatus::CONFIGURATION);
    failure.to_string()
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let file =
        "[server]\nrest_addr = '127.0.0.1:1'\ngrpc_addr = '127.0.0.1:1'\ndrain_timeout_ms = 1";
    let environment =
        [("AKIDB_SERVER__REST_ADDR", "127.0.0.1:2"), ("AKIDB_SERVER__GRPC_ADDR", "127.0.0.1:2")];
    let resolved =
        resolve(&sources(file, &environment, &[("server.rest_addr", "127.0.0.1:3")])).unwrap();
    let server = &resolved.settings.server;
    assert_eq!(server.rest_addr.port(), 3);
    assert_eq!(server.grpc_addr.port(), 2);
    assert_eq!(server.drain_timeout_ms, 1);
    assert_eq!(server.request_timeout_ms, 30_000);

    let origin =
        |key: &str| resolved.entries().into_iter().find(|entry| entry.key == key).unwrap().origin;
    assert_eq!(origin("server.rest_addr"), "flag --flag");
    assert_eq!(origin("server.grpc_addr"), "environment variable AKIDB_SERVER__GRPC_ADDR");
    assert_eq!(origin("server.drain_timeout_ms"), "file akidb.toml");
    assert_eq!(origin("server.request_timeout_ms"), "default");
}

#[test]
fn variables_are_read_as_what_their_key_holds() {
    let settings =
        |environment: &[(&str, &str)]| resolve(&sources("", environment, &[])).unwrap().settings;
    let environment = [
        ("AKIDB_STORAGE__DATA_DIR", "123"),
        ("AKIDB_EMBEDDING__ENABLED", "false"),
        ("AKIDB_EMBEDDING__DIMENSION", "384"),
        ("AKIDB_EMBEDDING__MODEL_PATH", "/models/1"),
        ("AKIDB_LIMITS__EMBED_TEXTS", "64"),
        ("AKIDB_INDEX__MEMORY_LIMIT", "8GiB"),
        ("AKIDB_EMBEDDING__MLX__PYTHON", "/venv"),
        ("AKIDB_EMBEDDING__MLX__CACHE_LIMIT", "1GiB"),
        ("AKIDB_EMBEDDING__MLX__COMPILE", "true"),
        ("VIRTUAL_ENV", "/other"),
        ("AKIDB_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
    ];
    let settings_of_types = settings(&environment);
    assert_eq!(settings_of_types.storage.data_dir, PathBuf::from("123"));
    assert!(!settings_of_types.embedding.enabled);
    assert_eq!(settings_of_types.embedding.dimension, Some(384));
    assert_eq!(settings_of_types.embedding.model_path, Some(PathBuf::from("/models/1")));
    assert_eq!(settings_of_types.limits.embed_texts, 64);
    assert_eq!(settings_of_types.index.memory_limit, 8 << 30);

    let mlx = &settings_of_types.embedding.mlx;
    assert_eq!(mlx.python, Some(PathBuf::from("/venv")));
    assert_eq!((mlx.cache_limit, mlx.compile), (Some(1 << 30), true));
    let active = settings(&[("VIRTUAL_ENV", "/other")]).embedding.mlx.python;
    assert_eq!(active, Some(PathBuf::from("/other")));

    let alias = ("AKIDB_MODELS_DIR", "/a");
    assert_eq!(settings(&[alias]).embedding.models_dir, PathBuf::from("/a"));
    let both = [alias, ("AKIDB_EMBEDDING__MODELS_DIR", "/b")];
    assert_eq!(settings(&both).embedding.models_dir, PathBuf::from("/b"));
}

#[test]
fn data_and_models_lie_in_the_home_directory() {
    let settings = resolve(&sources("", &[("HOME", "/home/ada")], &[])).unwrap().settings;
    assert_eq!(settings.storage.data_dir, PathBuf::from("/home/ada/.local/share/akidb"));
    assert_eq!(settings.embedding.models_dir, PathBuf::from("/home/ada/.cache/akidb/models"));
    let xdg = [("HOME", "/home/ada"), ("XDG_DATA_HOME", "/srv")];
    let settings = resolve(&sources("", &xdg, &[])).unwrap().settings;
    assert_eq!(settings.storage.data_dir, PathBuf::from("/srv/akidb"));
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_known_one() {
    let cases = [
        (
            "[server]\nrest_adr = ''",
            None,
            "server.rest_adr in file akidb.toml",
            "server.rest_addr?",
        ),
        ("rest_addr = ''", None, "unknown key rest_addr", "server.rest_addr?"),
        ("[embeding]\nmodel = ''", None, "unknown key embeding.model", "embedding.model?"),
        ("[limits]\nfrobnicate = 1", None, "unknown key limits.frobnicate", "akidb config show"),
        ("server = 8080", None, "server is", "write [server]"),
        (
            "",
            Some("AKIDB_SERVER__GRPC_ADRR"),
            "environment variable AKIDB_SERVER__GRPC_ADRR",
            "AKIDB_SERVER__GRPC_ADDR?",
        ),
    ];
    for (file, variable, message, hint) in cases {
        let environment: Vec<_> = variable.into_iter().map(|name| (name, "x")).collect();
        let fault = fault(file, &environment);
        let (said, hinted) = fault.split_once("\nhint: ").unwrap();
        assert!(said.contains(message) && hinted.contains(hint), "{file} {environment:?}: {fault}");
    }
}

#[test]
fn bad_values_are_refused_with_key_value_place_and_what_is_allowed() {
    let cases = [
        (
            "[server]\nrest_addr = 'here'",
            "server.rest_addr is \"here\" in file akidb.toml, allowed is an address",
        ),
        (
            "[server]\nrequest_timeout_ms = 0",
            "is 0 in file akidb.toml, allowed is a whole number from 1",
        ),
        (
            "[server]\nrequest_timeout_ms = 'x'",
            "is \"x\" in file akidb.toml, allowed is a whole number",
        ),
        ("[server]\ndrain_timeout_ms = -1", "is -1 in file akidb.toml, allowed is a whole number"),
        ("[embedding]\ndimension = 0", "embedding.dimension is 0 in file"),
        (
            "[embedding]\nbackend = 'onnx'",
            "is \"onnx\" in file akidb.toml, allowed are auto, native, mlx, hash",
        ),
        (
            "[embedding.mlx]\ndevice = 'metal'",
            "embedding.mlx.device is \"metal\" in file akidb.toml, allowed are auto, cpu, gpu",
        ),
        (
            "[embedding.mlx]\ncache_limit = '1GB'",
            "embedding.mlx.cache_limit is \"1GB\" in file akidb.toml, allowed is a whole number of",
        ),
        (
            "[index]\nmemory_limit = '8GB'",
            "index.memory_limit is \"8GB\" in file akidb.toml, allowed is a whole number of bytes, or",
        ),
        (
            "[index]\nmemory_limit = -1",
            "is -1 in file akidb.toml, allowed is a whole number of bytes",
        ),
        ("[index]\nmemory_limit = 1.5", "is 1.5 in file akidb.toml, allowed is a whole number"),
        ("[embedding]\nenabled = 1", "is 1 in file akidb.toml, allowed is true or false"),
        ("[limits]\nembed_texts = 0", "limits.embed_texts is 0"),
        ("[log]\nlevel = 'loud=x'", "log.level is \"loud=x\""),
        ("[log]\nlevel = 'verbose'", "log.level is \"verbose\": \"verbose\" is neither a level"),
        (
            "[embedding]\nprecision = 'f16'",
            "embedding.precision is \"f16\" in file akidb.toml, allowed",
        ),
        ("[embedding]\nenabled = 'yes'", "is \"yes\" in file akidb.toml, allowed is true or false"),
        (
            "[embedding.mlx]\ncompile = 'on'",
            "is \"on\" in file akidb.toml, allowed is true or false",
        ),
        ("[storage]\nmin_free = '1 percent'", "storage.min_free is \"1 percent\" in file"),
        ("[storage]\ndata_dir = ''", "storage.data_dir is empty in file akidb.toml"),
        ("[embedding]\nmodel = ''", "embedding.model is empty in file akidb.toml"),
        (
            "[tracing]\notlp_endpoint = 'https://collector:4317'",
            "in file akidb.toml, allowed is http:// with a host and a port",
        ),
        ("[tracing]\nsample_ratio = 1.5", "is 1.5 in file akidb.toml, allowed is a number from 0"),
        ("[server\n", "is not TOML"),
    ];
    for (file, message) in cases {
        let fault = fault(file, &[]);
        assert!(fault.contains(message), "{file}: {fault}");
    }
    let empty = fault("", &[("AKIDB_STORAGE__DATA_DIR", "")]);
    assert!(empty.contains("is empty in environment variable AKIDB_STORAGE__DATA_DIR"), "{empty}");
    let near = fault("", &[("AKIDB_DATA_DIR", "/data")]);
    assert!(near.contains("AKIDB_DATA_DIR sets nothing"), "{near}");
    assert!(near.contains("did you mean AKIDB_STORAGE__DATA_DIR?"), "{near}");
    let fault = fault("", &[("AKIDB_LOG__FORMAT", "xml")]);
    assert!(
        fault.contains("is \"xml\" in environment variable AKIDB_LOG__FORMAT, allowed are"),
        "{fault}"
    );
}

const DOCUMENTED: &str = include_str!("../../../../../config/akidb.toml");

#[test]
fn the_documented_configuration_holds_the_defaults() {
    let documented = resolve(&sources(DOCUMENTED, &[], &[])).unwrap();
    let defaults = resolve(&Sources::default()).unwrap();
    assert_eq!(documented.settings, defaults.settings);
}

/// Every key stands in its section, set to its default, or as a comment where the default is made
/// of the machine; and a comment stands above it.
#[test]
fn the_documented_configuration_lists_every_key() {
    let mut section = "";
    let mut explained = false;
    let mut listed = Vec::new();
    for line in DOCUMENTED.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
        } else if let Some((key, _)) = line.trim_start_matches("# ").split_once(" = ") {
            assert!(explained, "{section}.{key} has no comment");
            listed.push(format!("{section}.{key}"));
        }
        explained = line.starts_with("# ");
    }
    listed.sort();
    let keys: Vec<String> = resolve(&Sources::default())
        .unwrap()
        .entries()
        .into_iter()
        .map(|entry| entry.key)
        .collect();
    assert_eq!(listed, keys);
}
