//! Model directories: what is read from them, and what is said about damaged ones.

use std::{
    fs::{self, OpenOptions},
    path::Path,
};

use akidb_embedding::{
    EncoderInput, InputType, LoadedModel, ModelDirectory, ModelError, Pooling, Precision,
};
use safetensors::Dtype;
use serde_json::json;

use crate::support::{TinyModel, cosine};

/// Opens and loads a model and embeds `text` with its own pooling.
fn embed(directory: &Path, text: &str) -> Vec<f32> {
    let mut model = LoadedModel::native(directory, "tiny", Precision::F32, 1).unwrap();
    let text = model.tokenizer.tokenize(text).unwrap();
    let input = EncoderInput {
        token_ids: &text.token_ids,
        pooling: model.identity.pooling,
        normalize: model.identity.normalize,
        document_start: None,
    };
    let mut vector = Vec::new();
    model.embedder.embed_batch(&[input], &mut vector).unwrap();
    vector
}

/// Opens a tiny model after `change` and expects an error that says all of `parts`.
fn refuses(change: impl FnOnce(&mut TinyModel), parts: &[&str]) {
    let mut model = TinyModel::new();
    change(&mut model);
    refuses_files(&model, |_| {}, parts);
}

/// Opens a tiny model after its files were damaged and expects an error that says all of `parts`.
fn refuses_files(model: &TinyModel, damage: impl FnOnce(&Path), parts: &[&str]) {
    let folder = model.write();
    damage(folder.path());
    let error =
        LoadedModel::native(folder.path(), "tiny", Precision::F32, 1).unwrap_err().to_string();
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
}

#[test]
fn settings_are_read_as_sentence_transformers_reads_them() {
    let mut model = TinyModel::new();
    model.prompts = json!({"prompts": {"query": "a ", "passage": "b "}});
    let folder = model.write();
    let identity =
        ModelDirectory::open(folder.path()).unwrap().identity("tiny", Precision::F32).unwrap();
    assert_eq!((identity.name.as_str(), identity.dimension, identity.max_tokens), ("tiny", 8, 6));
    assert_eq!((identity.pooling, identity.normalize), (Pooling::Mean, true));
    assert_eq!(identity.prompts.text_for(Some(InputType::Document)), "b ");
    assert_eq!(identity.weights_sha256.len(), 64);
    let stored = serde_json::to_string(&identity).unwrap();
    assert_eq!(serde_json::from_str::<akidb_embedding::ModelIdentity>(&stored).unwrap(), identity);
    let bytes =
        ModelDirectory::open(folder.path()).unwrap().identity("tiny", Precision::Int8).unwrap();
    assert_ne!(bytes, identity, "vectors of two precisions are never mixed");
}

#[test]
fn without_its_files_a_model_is_mean_pooled_and_not_normalized() {
    let mut model = TinyModel::new();
    model.modules = None;
    model.sentence_bert = json!({});
    let folder = model.write();
    let directory = ModelDirectory::open(folder.path()).unwrap();
    assert_eq!((directory.pooling(), directory.normalize()), (Pooling::Mean, false));
    assert_eq!(directory.max_tokens(), 16, "the positions are the limit");
    fs::write(folder.path().join("tokenizer_config.json"), r#"{"model_max_length": 12}"#).unwrap();
    assert_eq!(ModelDirectory::open(folder.path()).unwrap().max_tokens(), 12);
    fs::write(folder.path().join("tokenizer_config.json"), r#"{"model_max_length": 1e30}"#)
        .unwrap();
    assert_eq!(ModelDirectory::open(folder.path()).unwrap().max_tokens(), 16);
}

#[test]
fn every_way_to_write_a_pooling_is_understood() {
    let cases = [
        (json!({"pooling_mode": "cls"}), Pooling::Cls),
        (json!({"pooling_mode": ["max"]}), Pooling::Max),
        (json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}), Pooling::Cls),
        (json!({"pooling_mode_max_tokens": true}), Pooling::Max),
        (json!({"pooling_mode_lasttoken": true}), Pooling::LastToken),
        (json!({"word_embedding_dimension": 8}), Pooling::Mean),
    ];
    for (pooling, expected) in cases {
        let mut model = TinyModel::new();
        model.pooling = pooling;
        assert_eq!(ModelDirectory::open(model.write().path()).unwrap().pooling(), expected);
    }
}

#[test]
fn prefixes_old_names_shards_and_half_types_make_no_difference() {
    let expected = embed(TinyModel::new().write().path(), "a b c");
    for prefix in ["bert.", "0.auto_model.", "model."] {
        let model = with_names(&|name| format!("{prefix}{name}"));
        assert_eq!(embed(model.write().path(), "a b c").len(), expected.len());
    }
    for dtype in [Dtype::F16, Dtype::BF16] {
        let mut model = TinyModel::new();
        model.tensors.values_mut().for_each(|tensor| tensor.1 = dtype);
        let cosine = cosine(&embed(model.write().path(), "a b c"), &expected);
        assert!(cosine > 0.999_999, "{dtype:?}: {cosine}");
    }
    let model = TinyModel::new();
    let folder = model.write();
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    let is_first = |name: &str| name.starts_with("embeddings");
    let shard =
        |number: usize| folder.path().join(format!("model-0000{number}-of-00002.safetensors"));
    model.write_weights(&shard(1), is_first);
    model.write_weights(&shard(2), |name| !is_first(name));
    assert_eq!(embed(folder.path(), "a b c"), expected);
    fs::remove_file(shard(2)).unwrap();
    let error = ModelDirectory::open(folder.path()).unwrap_err();
    assert!(matches!(error, ModelError::MissingTensor { .. }), "{error}");
}

fn with_names(rename: &dyn Fn(&str) -> String) -> TinyModel {
    let mut model = TinyModel::new();
    model.tensors =
        model.tensors.into_iter().map(|(name, tensor)| (rename(&name), tensor)).collect();
    model
}

#[test]
fn layer_norms_may_be_called_gamma_and_beta() {
    let model = with_names(&|name| {
        name.replace("LayerNorm.weight", "LayerNorm.gamma")
            .replace("LayerNorm.bias", "LayerNorm.beta")
    });
    assert_eq!(embed(model.write().path(), "a").len(), 8);
}

#[test]
fn do_lower_case_lower_cases_before_the_tokenizer() {
    let mut model = TinyModel::new();
    let as_it_is = model.write();
    assert_ne!(embed(as_it_is.path(), "A B"), embed(as_it_is.path(), "a b"));
    model.sentence_bert = json!({"max_seq_length": 6, "do_lower_case": true});
    let lower_cased = model.write();
    assert_eq!(embed(lower_cased.path(), "A B"), embed(as_it_is.path(), "a b"));
}

#[test]
fn truncation_and_padding_of_the_tokenizer_file_are_overruled() {
    let folder = TinyModel::new().write();
    let tokenizer = ModelDirectory::open(folder.path()).unwrap().tokenizer().unwrap();
    let text = tokenizer.tokenize("a b c d e f g").unwrap();
    assert_eq!(text.token_ids, [2, 4, 5, 6, 7, 3]);
    assert_eq!(text.whole_text_tokens, 9);
    let special = tokenizer.tokenize("a [SEP] b").unwrap();
    assert_eq!(special.token_ids, [2, 4, 3, 5, 3]);
}

#[test]
fn what_cannot_be_run_is_refused_with_file_finding_and_choice() {
    let activation = |model: &mut TinyModel| model.config["hidden_act"] = json!("silu");
    refuses(activation, &["config.json", "hidden_act", "silu", "gelu"]);
    refuses(
        |model| model.config["model_type"] = json!("llama"),
        &["config.json", "model_type", "llama", "bert"],
    );
    refuses(
        |model| model.config["position_embedding_type"] = json!("relative_key"),
        &["config.json", "relative_key", "absolute"],
    );
    refuses(
        |model| model.config["num_attention_heads"] = json!(3),
        &["config.json", "hidden_size 8", "num_attention_heads 3"],
    );
    refuses(|model| model.config["vocab_size"] = json!(0), &["config.json", "vocab_size is 0"]);
    refuses(|model| model.config["hidden_size"] = json!("8"), &["config.json", "damaged"]);
    refuses(
        |model| model.pooling = json!({"pooling_mode_weightedmean_tokens": true}),
        &["1_Pooling/config.json", "weightedmean", "mean, cls, max and lasttoken"],
    );
    refuses(
        |model| model.pooling = json!({"pooling_mode": ["mean", "max"]}),
        &["1_Pooling/config.json", "mean and max", "one of"],
    );
    refuses(
        |model| model.pooling = json!({"pooling_mode": "mean", "include_prompt": false}),
        &["1_Pooling/config.json", "include_prompt"],
    );
    refuses(
        |model| model.modules.as_mut().unwrap()[2]["type"] = json!("x.models.Dense"),
        &["modules.json", "Dense", "Normalize"],
    );
    refuses(
        |model| model.modules.as_mut().unwrap()[1]["path"] = json!("../1_Pooling"),
        &["modules.json", "../1_Pooling", "inside"],
    );
    refuses(
        |model| model.prompts = json!({"prompts": {}, "default_prompt_name": "sts"}),
        &["config_sentence_transformers.json", "sts"],
    );
    refuses(
        |model| model.sentence_bert = json!({"max_seq_length": 2}),
        &["tokenizer.json", "2 tokens", "2 special tokens"],
    );
}

#[test]
fn tensors_that_do_not_fit_are_refused_by_name() {
    let key = "encoder.layer.0.attention.self.key.weight";
    refuses(
        |model| model.tensors.get_mut(key).unwrap().0 = vec![8, 4],
        &["model.safetensors", key, "[8, 4]", "[8, 8]"],
    );
    refuses(
        |model| model.tensors.get_mut(key).unwrap().1 = Dtype::I64,
        &["model.safetensors", key, "I64", "F32, F16 and BF16"],
    );
    refuses(|model| drop(model.tensors.remove(key)), &["model.safetensors", key, "lacks"]);
    refuses(
        |model| model.config["num_hidden_layers"] = json!(2),
        &["model.safetensors", "encoder.layer.1.attention.self.query.weight"],
    );
}

#[test]
fn missing_and_damaged_files_are_refused_by_name() {
    let model = TinyModel::new();
    for name in ["config.json", "tokenizer.json", "model.safetensors", "1_Pooling/config.json"] {
        let remove = |folder: &Path| fs::remove_file(folder.join(name)).unwrap();
        refuses_files(&model, remove, &[name, "is missing"]);
    }
    for name in ["config.json", "tokenizer.json", "modules.json", "sentence_bert_config.json"] {
        let cut = |folder: &Path| fs::write(folder.join(name), "{\"a\": ").unwrap();
        refuses_files(&model, cut, &[name, "damaged"]);
    }
    refuses_files(&model, |folder| resize(folder, 3), &["model.safetensors", "only 3 bytes"]);
    refuses_files(
        &model,
        |folder| resize(folder, 900),
        &["model.safetensors", "its header claims"],
    );
    refuses_files(&model, |folder| resize(folder, 4000), &["model.safetensors", "4000 bytes"]);
    refuses_files(
        &model,
        |folder| fs::write(folder.join("model.safetensors"), [0xff; 64]).unwrap(),
        &["model.safetensors", "its header claims 18446744073709551615 bytes"],
    );
    refuses_files(
        &model,
        |folder| {
            let (from, to) = (folder.join("model.safetensors"), folder.join("pytorch_model.bin"));
            fs::rename(from, to).unwrap();
        },
        &["pytorch_model.bin", "*.safetensors", "hint"],
    );
    refuses_files(
        &model,
        |folder| {
            fs::remove_file(folder.join("model.safetensors")).unwrap();
            let index = json!({"weight_map": {"x": "model-1.safetensors"}});
            fs::write(folder.join("model.safetensors.index.json"), index.to_string()).unwrap();
        },
        &["model-1.safetensors", "is missing"],
    );
}

fn resize(folder: &Path, bytes: u64) {
    let file = OpenOptions::new().write(true).open(folder.join("model.safetensors")).unwrap();
    file.set_len(bytes).unwrap();
}

#[test]
fn tokens_that_a_model_does_not_have_are_errors() {
    let folder = TinyModel::new().write();
    let mut model = LoadedModel::native(folder.path(), "tiny", Precision::F32, 1).unwrap();
    let mut vectors = Vec::new();
    let cases: [(&[u32], &str); 3] = [
        (&[], "has no tokens"),
        (&[2, 12, 3], "token 12"),
        (&[4; 17], "17 tokens, the limit is 16"),
    ];
    for (token_ids, expected) in cases {
        let good = EncoderInput {
            token_ids: &[2, 4, 3],
            pooling: Pooling::Mean,
            normalize: true,
            document_start: None,
        };
        let bad = EncoderInput { token_ids, ..good };
        let error = model.embedder.embed_batch(&[good, bad], &mut vectors).unwrap_err().to_string();
        assert!(error.contains("text 1") && error.contains(expected), "{error}");
    }
}

#[test]
fn a_tokenizer_with_ids_that_the_network_has_no_embedding_of_is_refused_at_import() {
    let mut model = TinyModel::new();
    model.config["vocab_size"] = json!(11);
    model.tensors.get_mut("embeddings.word_embeddings.weight").unwrap().0 = vec![11, 8];
    refuses_files(&model, |_| {}, &["tokenizer.json", "\"h\" has the id 11", "11 embeddings"]);
    // Of added tokens, and of those around each text.
    let model = TinyModel::new();
    let change = |pointer: &'static str, value: serde_json::Value| {
        move |folder: &Path| {
            let file = folder.join("tokenizer.json");
            let mut tokenizer: serde_json::Value =
                serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
            *tokenizer.pointer_mut(pointer).unwrap() = value;
            fs::write(file, tokenizer.to_string()).unwrap();
        }
    };
    let added = json!({"id": 12, "content": "[MORE]", "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false, "special": true});
    refuses_files(&model, change("/added_tokens/3", added), &["[MORE]", "the id 12"]);
    let ids = json!([99]);
    let around = change("/post_processor/special_tokens/[SEP]/ids", ids);
    refuses_files(&model, around, &["the id 99", "0 to 11"]);
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_not_read() {
    refuses_files(
        &TinyModel::new(),
        |folder| {
            let file = folder.join("config_sentence_transformers.json");
            fs::remove_file(&file).unwrap();
            fs::create_dir(&file).unwrap();
        },
        &["config_sentence_transformers.json", "no regular file"],
    );
}
