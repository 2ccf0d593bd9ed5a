//! What several of the tests need: the real model, a tiny model, and comparing vectors.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use akidb_embedding::{
    EmbeddingMetricFamilies, EmbeddingQueue, LaneLocks, LoadedModel, Precision, QueueSettings,
};
use prometheus::Registry;
use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The directory of all-MiniLM-L6-v2; fails the test when it is not there.
pub(crate) fn real_model_directory() -> PathBuf {
    let path = std::env::var_os("AKIDB_TEST_MODEL_DIR")
        .map_or_else(|| workspace().join("target/models/all-minilm-l6-v2"), PathBuf::from);
    assert!(
        path.join("config.json").is_file(),
        "there is no model at {}; run `cargo xtask test`, which puts it there, \
         or set AKIDB_TEST_MODEL_DIR",
        path.display()
    );
    path
}

pub(crate) fn real_model(threads: usize) -> LoadedModel {
    real_model_in(Precision::F32, threads)
}

pub(crate) fn real_model_in(precision: Precision, threads: usize) -> LoadedModel {
    LoadedModel::native(&real_model_directory(), "all-minilm-l6-v2", precision, threads).unwrap()
}

pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

pub(crate) fn queue(model: LoadedModel, settings: QueueSettings) -> EmbeddingQueue {
    queue_with_metrics(model, settings, &Registry::new())
}

pub(crate) fn queue_with_metrics(
    model: LoadedModel,
    settings: QueueSettings,
    registry: &Registry,
) -> EmbeddingQueue {
    let metrics = EmbeddingMetricFamilies::register(registry).unwrap();
    EmbeddingQueue::start(model, settings, metrics.of("test"), LaneLocks::default()).unwrap()
}

pub(crate) fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}

/// The shape of a tensor, and the type that it is written in.
type TinyTensor = (Vec<usize>, Dtype);

/// A BERT of 8 values, 1 layer and 2 heads that knows the letters `a` to `h`, as files.
pub(crate) struct TinyModel {
    pub(crate) config: Value,
    pub(crate) modules: Option<Value>,
    pub(crate) pooling: Value,
    pub(crate) sentence_bert: Value,
    pub(crate) prompts: Value,
    pub(crate) lowercase: bool,
    pub(crate) tensors: HashMap<String, TinyTensor>,
    /// Two different seeds give two different models.
    pub(crate) seed: u32,
    /// A tensor whose last value is not a number.
    pub(crate) nan_in: Option<String>,
}

impl TinyModel {
    pub(crate) fn new() -> Self {
        let matrices = [
            ("embeddings.word_embeddings.weight", [12, 8]),
            ("embeddings.position_embeddings.weight", [16, 8]),
            ("embeddings.token_type_embeddings.weight", [2, 8]),
            ("encoder.layer.0.attention.self.query.weight", [8, 8]),
            ("encoder.layer.0.attention.self.key.weight", [8, 8]),
            ("encoder.layer.0.attention.self.value.weight", [8, 8]),
            ("encoder.layer.0.attention.output.dense.weight", [8, 8]),
            ("encoder.layer.0.intermediate.dense.weight", [10, 8]),
            ("encoder.layer.0.output.dense.weight", [8, 10]),
        ];
        let mut tensors: HashMap<_, _> = matrices
            .iter()
            .map(|(name, shape)| ((*name).to_owned(), (shape.to_vec(), Dtype::F32)))
            .collect();
        for (name, shape) in &matrices[3..] {
            tensors.insert(name.replace("weight", "bias"), (vec![shape[0]], Dtype::F32));
        }
        for norm in ["embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output"] {
            for part in ["weight", "bias"] {
                tensors.insert(format!("{norm}.LayerNorm.{part}"), (vec![8], Dtype::F32));
            }
        }
        Self {
            config: json!({
                "model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1,
                "num_attention_heads": 2, "intermediate_size": 10, "vocab_size": 12,
                "type_vocab_size": 2, "max_position_embeddings": 16, "hidden_act": "gelu",
            }),
            modules: Some(json!([
                {"type": "sentence_transformers.models.Transformer", "path": ""},
                {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"},
                {"type": "sentence_transformers.models.Normalize", "path": "2_Normalize"},
            ])),
            pooling: json!({"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false}),
            sentence_bert: json!({"max_seq_length": 6}),
            prompts: json!({}),
            lowercase: false,
            tensors,
            seed: 1,
            nan_in: None,
        }
    }

    pub(crate) fn write(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        self.write_to(folder.path());
        folder
    }

    pub(crate) fn write_to(&self, folder: &Path) {
        fs::create_dir_all(folder.join("1_Pooling")).unwrap();
        let write = |name: &str, value: &Value| {
            fs::write(folder.join(name), value.to_string()).unwrap();
        };
        write("config.json", &self.config);
        write("1_Pooling/config.json", &self.pooling);
        write("sentence_bert_config.json", &self.sentence_bert);
        write("config_sentence_transformers.json", &self.prompts);
        write("tokenizer.json", &self.tokenizer());
        if let Some(modules) = &self.modules {
            write("modules.json", modules);
        }
        self.write_weights(&folder.join("model.safetensors"), |_| true);
    }

    /// Writes the tensors whose names are `wanted`.
    pub(crate) fn write_weights(&self, file: &Path, wanted: impl Fn(&str) -> bool) {
        let data: Vec<(&String, &TinyTensor, Vec<u8>)> = self
            .tensors
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|(name, tensor)| (name, tensor, self.values(name, tensor)))
            .collect();
        let views = data.iter().map(|(name, (shape, dtype), bytes)| {
            (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        safetensors::serialize_to_file(views, None, file).unwrap();
    }

    /// Small values with few bits, so that they are the same in every type.
    fn values(&self, name: &str, (shape, dtype): &TinyTensor) -> Vec<u8> {
        let start = self.seed + name.bytes().map(u32::from).sum::<u32>();
        let values = (0..shape.iter().product::<usize>()).map(|index| {
            let mixed = (start + u32::try_from(index).unwrap()).wrapping_mul(2_654_435_761) >> 29;
            f32::from(u8::try_from(mixed).unwrap()) * 0.25 - 0.75
        });
        let is_nan = self.nan_in.as_deref() == Some(name);
        let last = shape.iter().product::<usize>() - 1;
        let values = values.enumerate().map(|(at, value)| match is_nan && at == last {
            true => f32::NAN,
            false => value,
        });
        match dtype {
            Dtype::F16 => {
                values.flat_map(|v| rten_simd::f16::from_f32(v).to_bits().to_le_bytes()).collect()
            }
            Dtype::BF16 => values.flat_map(|v| v.to_bits().to_le_bytes()[2..].to_vec()).collect(),
            Dtype::I64 => values.flat_map(|v| (v as i64).to_le_bytes()).collect(),
            _ => values.flat_map(f32::to_le_bytes).collect(),
        }
    }

    fn tokenizer(&self) -> Value {
        let words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "c", "d", "e", "f", "g", "h"];
        let vocabulary: HashMap<&str, usize> =
            words.iter().enumerate().map(|(index, word)| (*word, index)).collect();
        let special = |id: usize| {
            json!({"id": id, "content": words[id], "single_word": false, "lstrip": false,
                   "rstrip": false, "normalized": false, "special": true})
        };
        let template = |id: usize| json!({"id": words[id], "ids": [id], "tokens": [words[id]]});
        let part = |name: &str, kind: u8| json!({"SpecialToken": {"id": name, "type_id": kind}});
        let text = |name: &str, kind: u8| json!({"Sequence": {"id": name, "type_id": kind}});
        let first = [part("[CLS]", 0), text("A", 0), part("[SEP]", 0)];
        json!({
            "version": "1.0",
            "truncation": {"max_length": 3, "strategy": "LongestFirst", "stride": 0},
            "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null,
                        "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
            "added_tokens": [special(0), special(1), special(2), special(3)],
            "normalizer": if self.lowercase { json!({"type": "Lowercase"}) } else { Value::Null },
            "pre_tokenizer": {"type": "Whitespace"},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": first.clone(),
                "pair": first.into_iter().chain([text("B", 1), part("[SEP]", 1)]).collect::<Vec<_>>(),
                "special_tokens": {"[CLS]": template(2), "[SEP]": template(3)},
            },
            "decoder": null,
            "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
        })
    }
}
