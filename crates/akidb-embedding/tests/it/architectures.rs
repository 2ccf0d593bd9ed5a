//! What each architecture reads from its files, and what is refused, by name.

use std::{
    fs,
    path::{Path, PathBuf},
};

use akidb_embedding::{
    EmbeddingMetricFamilies, EncoderInput, LoadedModel, ModelDirectory, Pooling, Precision,
    mlx::MlxSettings,
};
use prometheus::Registry;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{TinyModel, workspace};

/// A copy of one of the models in `tests/data/tiny`, to be changed.
pub(crate) struct Copied(TempDir);

impl Copied {
    pub(crate) fn of(name: &str) -> Self {
        let from = workspace().join("crates/akidb-embedding/tests/data/tiny").join(name);
        let copied = Self(tempfile::tempdir().unwrap());
        fs::create_dir(copied.path().join("1_Pooling")).unwrap();
        let pooling = PathBuf::from("1_Pooling/config.json");
        let files = fs::read_dir(&from).unwrap().map(|entry| entry.unwrap().file_name().into());
        for file in files.chain([pooling]).filter(|file| from.join(file).is_file()) {
            fs::copy(from.join(&file), copied.path().join(&file)).unwrap();
        }
        copied
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Sets values in one of its JSON files; null takes one away.
    pub(crate) fn set(&self, file: &str, changes: &Value) {
        let path = self.path().join(file);
        let mut settings: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for (key, value) in changes.as_object().unwrap() {
            settings[key] = value.clone();
        }
        fs::write(path, settings.to_string()).unwrap();
    }

    /// Writes one of its JSON files.
    pub(crate) fn write(&self, file: &str, settings: &Value) {
        fs::write(self.path().join(file), settings.to_string()).unwrap();
    }

    fn load(&self) -> LoadedModel {
        LoadedModel::native(self.path(), "copied", Precision::F32, 1).unwrap()
    }

    pub(crate) fn refuses(&self, parts: &[&str]) {
        let error =
            LoadedModel::native(self.path(), "copied", Precision::F32, 1).unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
    }
}

fn embed(model: &mut LoadedModel, text: &str) -> Vec<f32> {
    let text = model.tokenizer.tokenize(text).unwrap();
    let pooling = model.identity.pooling;
    let input =
        EncoderInput { token_ids: &text.token_ids, pooling, normalize: true, document_start: None };
    let mut vector = Vec::new();
    model.embedder.embed_batch(&[input], &mut vector).unwrap();
    vector
}

#[test]
fn positions_of_roberta_begin_after_its_padding_token() {
    let mut model = TinyModel::new();
    model.config["model_type"] = json!("roberta");
    model.config["pad_token_id"] = json!(1);
    model.sentence_bert = json!({});
    assert_eq!(ModelDirectory::open(model.write().path()).unwrap().max_tokens(), 14);
    for (key, value, part) in [
        ("pad_token_id", json!(15), "leaves no position"),
        ("pad_token_id", json!(u32::MAX), "leaves no position"),
        ("position_embedding_type", json!("relative_key_query"), "relative_key_query"),
    ] {
        let roberta = Copied::of("roberta");
        roberta.set("config.json", &json!({"max_position_embeddings": 16, key: value}));
        roberta.refuses(&["config.json", key, part]);
    }
}

#[test]
fn old_names_of_the_transformers_settings_are_read() {
    let roberta = Copied::of("roberta");
    fs::rename(
        roberta.path().join("sentence_bert_config.json"),
        roberta.path().join("sentence_xlm-roberta_config.json"),
    )
    .unwrap();
    roberta.set("sentence_xlm-roberta_config.json", &json!({"max_seq_length": 10}));
    assert_eq!(ModelDirectory::open(roberta.path()).unwrap().max_tokens(), 10);
}

#[test]
fn rotary_positions_are_read_in_both_spellings() {
    let newer = embed(&mut Copied::of("qwen3").load(), "the harbour and the sea");
    let qwen3 = Copied::of("qwen3");
    qwen3.set("config.json", &json!({"rope_parameters": null, "rope_theta": 1_000_000}));
    assert_eq!(embed(&mut qwen3.load(), "the harbour and the sea"), newer);
    qwen3.set("config.json", &json!({"rope_theta": 10_000}));
    assert_ne!(embed(&mut qwen3.load(), "the harbour and the sea"), newer);
}

#[test]
fn qwen3_ends_texts_itself_where_its_tokenizer_does_not() {
    let qwen3 = Copied::of("qwen3");
    let with_template = qwen3.load().tokenizer.tokenize(&"stone ".repeat(500)).unwrap();
    for steps in [
        Value::Null,
        json!({"type": "ByteLevel", "add_prefix_space": false,
        "trim_offsets": false, "use_regex": false}),
    ] {
        qwen3.set("tokenizer.json", &json!({"post_processor": steps}));
        let model = qwen3.load();
        assert_eq!(model.tokenizer.tokenize(&"stone ".repeat(500)), Ok(with_template.clone()));
        assert_eq!(model.tokenizer.tokenize("stone").unwrap().token_ids.last(), Some(&0));
    }
}

#[test]
fn a_qwen3_whose_texts_cannot_end_is_refused_where_it_needs_it() {
    let qwen3 = Copied::of("qwen3");
    let file = qwen3.path().join("tokenizer.json");
    let renamed = fs::read_to_string(&file).unwrap().replace("<|endoftext|>", "<|stop|>");
    fs::write(&file, renamed).unwrap();
    assert_eq!(qwen3.load().tokenizer.tokenize("stone").unwrap().token_ids.last(), Some(&0));
    qwen3.set("tokenizer.json", &json!({"post_processor": null}));
    qwen3.refuses(&["tokenizer.json", "<|endoftext|>"]);
    qwen3.set("1_Pooling/config.json", &json!({"pooling_mode": "mean"}));
    assert_ne!(qwen3.load().tokenizer.tokenize("stone").unwrap().token_ids.last(), Some(&0));
}

#[test]
fn a_language_model_without_modules_is_pooled_by_its_last_token() {
    for (architecture, pooling) in
        [("Qwen3ForCausalLM", Pooling::LastToken), ("Qwen3Model", Pooling::Mean)]
    {
        let qwen3 = Copied::of("qwen3");
        fs::remove_file(qwen3.path().join("modules.json")).unwrap();
        qwen3.set("config.json", &json!({"architectures": [architecture]}));
        assert_eq!(ModelDirectory::open(qwen3.path()).unwrap().pooling(), pooling);
    }
}

#[test]
fn what_a_qwen3_cannot_be_is_refused_with_finding_and_choice() {
    let cases = [
        (json!({"hidden_act": "gelu"}), ["hidden_act", "gelu", "silu"]),
        (json!({"attention_bias": true}), ["attention_bias", "true", "false"]),
        (json!({"use_sliding_window": true}), ["use_sliding_window", "true", "false"]),
        (json!({"is_causal": false}), ["is_causal", "false", "true"]),
        (json!({"layer_types": ["sliding_attention"]}), ["layer_types", "sliding", "full"]),
        (json!({"rope_scaling": {"type": "yarn"}}), ["rope_scaling", "yarn", "default"]),
        (
            json!({"rope_parameters": {"rope_type": "linear", "rope_theta": 1.0}}),
            ["rope_parameters", "linear", "default"],
        ),
        (
            json!({"rope_parameters": {"full_attention": {"rope_theta": 1.0}}}),
            ["rope_theta", "not a number", ""],
        ),
        (json!({"rope_parameters": {"rope_theta": 0}}), ["rope_theta", "is 0", ""]),
        (json!({"quantization_config": {"bits": 4}}), ["quantization_config", "bits", ""]),
        (json!({"head_dim": 15}), ["head_dim", "15", "even"]),
        (json!({"num_key_value_heads": 3}), ["num_key_value_heads 3", "num_attention_heads 4", ""]),
        (json!({"num_key_value_heads": 0}), ["num_key_value_heads 0", "", ""]),
        (json!({"rms_norm_eps": -1.0}), ["rms_norm_eps", "-1", ""]),
        (json!({"head_dim": 32}), ["self_attn.q_proj.weight", "[64, 48]", "[128, 48]"]),
        (json!({"vocab_size": 321}), ["embed_tokens.weight", "[320, 48]", "[321, 48]"]),
        (json!({"num_hidden_layers": 4}), ["lacks", "layers.3.self_attn.q_proj.weight", ""]),
        (json!({"model_type": "qwen3_moe"}), ["model_type", "qwen3_moe", "xlm-roberta"]),
    ];
    for (change, parts) in cases {
        let qwen3 = Copied::of("qwen3");
        qwen3.set("config.json", &change);
        qwen3.refuses(&parts);
    }
}

#[test]
fn weights_that_mlx_has_quantized_are_opened_and_refused_by_the_native_backend() {
    let qwen3 = Copied::of("qwen3");
    let quantization = json!({"group_size": 64, "bits": 4});
    qwen3.set(
        "config.json",
        &json!({"quantization": quantization, "quantization_config": quantization}),
    );
    let directory = ModelDirectory::open(qwen3.path()).unwrap();
    assert!(directory.is_quantized());
    let error = LoadedModel::native(qwen3.path(), "tiny", Precision::F32, 1).unwrap_err();
    let error = error.to_string();
    for part in ["quantization", "mlx backend", "hint: set embedding.backend = \"mlx\""] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn precisions_that_mlx_does_not_have_are_refused() {
    let qwen3 = Copied::of("qwen3");
    let metrics = EmbeddingMetricFamilies::register(&Registry::new()).unwrap().of("tiny");
    let settings = MlxSettings::default();
    let refused =
        LoadedModel::mlx(qwen3.path(), "tiny", Precision::Int8, &settings, &metrics).unwrap_err();
    assert!(refused.to_string().contains("native backend; hint: set embedding.precision"));
}

#[test]
fn absurd_sizes_are_refused_before_anything_is_allocated() {
    let keys = [
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "head_dim",
        "intermediate_size",
        "vocab_size",
        "type_vocab_size",
    ];
    for name in ["qwen3", "xlm-roberta"] {
        for size in [0, 1 << 30, u64::from(u32::MAX) - 1, 1 << 32] {
            for key in keys {
                let copied = Copied::of(name);
                copied.set("config.json", &json!({key: size}));
                let settings: Value =
                    serde_json::from_slice(&fs::read(copied.path().join("config.json")).unwrap())
                        .unwrap();
                let is_read = settings["model_type"] == name
                    && match key {
                        "type_vocab_size" => name == "xlm-roberta",
                        "head_dim" | "num_key_value_heads" => name == "qwen3",
                        _ => true,
                    };
                let opened = ModelDirectory::open(copied.path());
                assert_eq!(opened.is_err(), is_read, "{name}: {key} {size}");
            }
        }
        let everything: Value =
            keys.iter().map(|key| ((*key).to_owned(), json!(u32::MAX - 1))).collect();
        let copied = Copied::of(name);
        copied.set("config.json", &everything);
        assert!(ModelDirectory::open(copied.path()).is_err());
    }
}

#[test]
fn weights_that_are_not_finite_are_refused_by_name() {
    for (bytes, tensor) in [(f32::NAN, "output"), (f32::INFINITY, "output")] {
        let folder = TinyModel::new().write();
        let file = folder.path().join("model.safetensors");
        let mut content = fs::read(&file).unwrap();
        let end = content.len();
        content[end - 4..].copy_from_slice(&bytes.to_le_bytes());
        fs::write(&file, content).unwrap();
        let error =
            LoadedModel::native(folder.path(), "tiny", Precision::F32, 1).unwrap_err().to_string();
        assert!(error.contains("not finite") && error.contains(tensor), "{error}");
    }
}
