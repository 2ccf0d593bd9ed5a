//! Tiny re-rankers of each architecture against `transformers`, see
//! `tests/data/make_tiny_rerankers.py`.

use std::{fs, path::PathBuf};

use akidb_embedding::{
    EmbedError, EmbedInputs, EmbedOptions, EncoderInput, LoadedModel, ModelDirectory, ModelKind,
    Pooling, Precision, QueueSettings, ScoreFunction, TokenizedText,
};
use proptest::{prelude::*, test_runner::Config};
use serde_json::json;

use crate::{
    architectures::Copied,
    support::{TinyModel, cosine, queue, workspace},
};

const NAMES: [&str; 3] = ["bert-reranker", "roberta-reranker", "xlm-roberta-reranker"];
const MAX_TOKENS: u32 = 64;

fn folder() -> PathBuf {
    workspace().join("crates/akidb-embedding/tests/data/tiny")
}

/// Queries and documents.
fn pairs() -> Vec<(String, String)> {
    let read = |name| fs::read(folder().join(name)).unwrap();
    let texts: Vec<String> = serde_json::from_slice(&read("texts.json")).unwrap();
    let pairs: Vec<[usize; 2]> = serde_json::from_slice(&read("pairs.json")).unwrap();
    pairs
        .iter()
        .map(|[query, document]| (texts[*query].clone(), texts[*document].clone()))
        .collect()
}

fn expected(name: &str) -> Vec<f32> {
    let bytes = fs::read(folder().join(name).join("logits.f32")).unwrap();
    bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

fn load(name: &str, precision: Precision, threads: usize) -> LoadedModel {
    LoadedModel::native(&folder().join(name), name, precision, threads).unwrap()
}

fn tokenize(model: &LoadedModel) -> Vec<TokenizedText> {
    let pairs = pairs();
    let tokenize =
        |(query, document): &(String, String)| model.tokenizer.tokenize_pair(query, document);
    pairs.iter().map(|pair| tokenize(pair).unwrap()).collect()
}

fn logits(model: &mut LoadedModel, pairs: &[TokenizedText]) -> Vec<f32> {
    let inputs: Vec<EncoderInput<'_>> = pairs
        .iter()
        .map(|pair| EncoderInput {
            token_ids: &pair.token_ids,
            pooling: Pooling::Mean,
            normalize: true,
            document_start: pair.document_start,
        })
        .collect();
    let mut logits = Vec::new();
    model.embedder.embed_batch(&inputs, &mut logits).unwrap();
    logits
}

fn largest_difference(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
}

/// What is left of a pattern once its mean is taken from it, so that a cosine tells of the order.
fn centered(values: &[f32]) -> Vec<f32> {
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    values.iter().map(|value| value - mean).collect()
}

#[test]
fn logits_are_those_of_transformers() {
    for name in NAMES {
        let mut model = load(name, Precision::F32, 2);
        let pairs = tokenize(&model);
        let cut = pairs.iter().filter(|pair| pair.is_truncated()).count();
        assert!((50..150).contains(&cut), "{cut} pairs are longer than {name} reads");
        assert!(pairs.iter().all(|pair| pair.token_count() <= MAX_TOKENS));
        let (found, expected) = (logits(&mut model, &pairs), expected(name));
        let difference = largest_difference(&found, &expected);
        assert!(difference < 2e-4, "{name}: {difference}");
        let cosine = cosine(&centered(&found), &centered(&expected));
        assert!(cosine >= 0.999_999, "{name}: {cosine}");
    }
}

#[test]
fn smaller_weights_make_nearly_the_same_order() {
    for name in NAMES {
        for (precision, least) in [(Precision::Bf16, 0.999_999), (Precision::Int8, 0.99)] {
            let mut model = load(name, precision, 2);
            let pairs = tokenize(&model);
            let found = centered(&logits(&mut model, &pairs));
            let cosine = cosine(&found, &centered(&expected(name)));
            assert!(cosine >= least, "{name} in {precision}: {cosine}");
        }
    }
}

#[test]
fn a_pair_alone_and_in_any_batch_has_the_same_logit() {
    for name in NAMES {
        for precision in [Precision::F32, Precision::Int8] {
            let mut model = load(name, precision, 1);
            let pairs = tokenize(&model);
            let alone: Vec<f32> = pairs
                .iter()
                .flat_map(|pair| logits(&mut model, std::slice::from_ref(pair)))
                .collect();
            let mut on_three_threads = load(name, precision, 3);
            for size in [2, 7, 64, 200] {
                for model in [&mut model, &mut on_three_threads] {
                    let together: Vec<f32> =
                        pairs.chunks(size).flat_map(|pairs| logits(model, pairs)).collect();
                    let difference = largest_difference(&together, &alone);
                    assert!(difference < 1e-4, "{name} in {precision} by {size}: {difference}");
                }
            }
        }
    }
}

#[test]
fn the_types_of_tokens_tell_a_query_from_a_document_where_the_network_has_two() {
    for (name, has_types) in [("bert-reranker", true), ("xlm-roberta-reranker", false)] {
        let mut model = load(name, Precision::F32, 1);
        let whole = model.tokenizer.tokenize_pair("the stone bridge", "an old river").unwrap();
        let moved = TokenizedText {
            document_start: whole.document_start.map(|at| at + 1),
            ..whole.clone()
        };
        let (one, other) = (logits(&mut model, &[whole]), logits(&mut model, &[moved]));
        assert_eq!(one != other, has_types, "{name}: {one:?}, {other:?}");
    }
}

#[test]
fn scores_are_made_as_the_files_say() {
    let of = |path: &std::path::Path| ModelDirectory::open(path).unwrap().kind();
    let sigmoid = ModelKind::Reranker(ScoreFunction::Sigmoid);
    let identity = ModelKind::Reranker(ScoreFunction::Identity);
    assert_eq!(of(&folder().join("bert-reranker")), identity);
    assert_eq!(of(&folder().join("roberta-reranker")), sigmoid, "its legacy key");
    assert_eq!(of(&folder().join("xlm-roberta-reranker")), sigmoid, "no key");
    assert_eq!(of(&folder().join("xlm-roberta")), ModelKind::Embedder);
    let of_today = Copied::of("xlm-roberta-reranker");
    of_today.write(
        "config_sentence_transformers.json",
        &json!({"activation_fn": "torch.nn.modules.linear.Identity", "model_type": "CrossEncoder",
                "prompts": {}, "default_prompt_name": null}),
    );
    of_today.write(
        "modules.json",
        &json!([{"idx": 0, "name": "0", "path": "",
                 "type": "sentence_transformers.base.modules.transformer.Transformer"}]),
    );
    assert_eq!(of(of_today.path()), identity);
    assert_eq!(ScoreFunction::Sigmoid.score(0.0), 0.5);
    assert!((ScoreFunction::Sigmoid.score(-80.0)).is_finite());
    assert_eq!(ScoreFunction::Identity.score(-3.5), -3.5);
}

#[test]
fn what_a_reranker_cannot_be_is_refused_with_finding_and_choice() {
    let cases = [
        ("bert-reranker", json!({"id2label": {"0": "no", "1": "yes"}}), ["num_labels", "2", "1"]),
        ("bert-reranker", json!({"id2label": null}), ["num_labels", "2", "1"]),
        ("bert-reranker", json!({"id2label": null, "num_labels": 3}), ["num_labels", "3", "1"]),
        ("bert-reranker", json!({"type_vocab_size": 1}), ["type_vocab_size", "1", "2 types"]),
        (
            "bert-reranker",
            json!({"architectures": ["RobertaForSequenceClassification"]}),
            ["architectures", "Roberta", "model_type"],
        ),
        (
            "bert-reranker",
            json!({"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Tanh"}}),
            ["sentence_transformers.activation_fn", "Tanh", "Sigmoid"],
        ),
        (
            "roberta-reranker",
            json!({"sbert_ce_default_activation_function": "mine.Sigmoid"}),
            ["sbert_ce_default_activation_function", "mine.Sigmoid", "Identity"],
        ),
        (
            "xlm-roberta-reranker",
            json!({"hidden_size": 96, "num_attention_heads": 4}),
            ["word_embeddings", "48]", "96]"],
        ),
        (
            "qwen3",
            json!({"architectures": ["Qwen3ForSequenceClassification"]}),
            ["architectures", "Qwen3", "XLMRoberta"],
        ),
    ];
    for (name, change, parts) in cases {
        let copied = Copied::of(name);
        copied.set("config.json", &change);
        if name == "qwen3" {
            fs::remove_file(copied.path().join("modules.json")).unwrap();
        }
        copied.refuses(&parts);
    }
    let prompted = Copied::of("bert-reranker");
    prompted.write(
        "config_sentence_transformers.json",
        &json!({"prompts": {"query": "Which?"}, "default_prompt_name": "query"}),
    );
    prompted.refuses(&["default_prompt_name", "Which?", "no prompt"]);
    let short = Copied::of("xlm-roberta-reranker");
    short.set("tokenizer_config.json", &json!({"model_max_length": 5}));
    short.refuses(&["tokenizer.json", "limit of 5 tokens", "4 special tokens"]);
    let untyped = Copied::of("bert-reranker");
    untyped.set(
        "tokenizer.json",
        &json!({"post_processor": {
        "type": "RobertaProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2],
        "trim_offsets": true, "add_prefix_space": false}}),
    );
    untyped.refuses(&["tokenizer.json", "types [0, 0, 0, 0, 0, 0]", "1 from there on"]);
}

/// A BERT of eight values with a head.
fn tiny_reranker() -> TinyModel {
    let mut model = TinyModel::new();
    model.config["architectures"] = json!(["BertForSequenceClassification"]);
    model.config["id2label"] = json!({"0": "score"});
    model.modules = None;
    for (name, shape) in [("pooler.dense", vec![8, 8]), ("classifier", vec![1, 8])] {
        let bias = vec![shape[0]];
        model.tensors.insert(format!("{name}.weight"), (shape, safetensors::Dtype::F32));
        model.tensors.insert(format!("{name}.bias"), (bias, safetensors::Dtype::F32));
    }
    model
}

#[test]
fn a_head_that_is_not_whole_or_not_finite_is_refused_by_name() {
    assert!(load_tiny(&tiny_reranker()).is_ok());
    for tensor in
        ["pooler.dense.weight", "pooler.dense.bias", "classifier.weight", "classifier.bias"]
    {
        let mut model = tiny_reranker();
        model.tensors.remove(tensor);
        let error = load_tiny(&model).unwrap_err();
        assert!(error.contains("lacks") && error.contains(tensor), "{error}");
        let mut model = tiny_reranker();
        model.tensors.get_mut(tensor).unwrap().0[0] = 3;
        let error = load_tiny(&model).unwrap_err();
        assert!(error.contains("has the shape [3") && error.contains(tensor), "{error}");
        let mut model = tiny_reranker();
        model.nan_in = Some(tensor.to_owned());
        let error = load_tiny(&model).unwrap_err();
        assert!(error.contains("not finite") && error.contains(tensor), "{error}");
    }
}

fn load_tiny(model: &TinyModel) -> Result<(), String> {
    let folder = model.write();
    let loaded = LoadedModel::native(folder.path(), "tiny", Precision::F32, 1);
    loaded.map(drop).map_err(|error| error.to_string())
}

fn pairs_of(query: &str, documents: &[&str]) -> EmbedInputs {
    let documents = documents.iter().map(|it| (*it).to_owned()).collect();
    EmbedInputs::Pairs { query: query.into(), documents }
}

#[tokio::test]
async fn pairs_go_through_the_queue_and_say_what_was_cut() {
    let model = load("bert-reranker", Precision::F32, 2);
    let queue = queue(model, QueueSettings { batch_size: 3, ..QueueSettings::default() });
    let long = "stone ".repeat(20_000);
    let documents = ["an old river", &long, "a letter", "a letter", "?"];
    let found = queue
        .embed_inputs(pairs_of("the stone bridge", &documents), EmbedOptions::default())
        .await
        .unwrap();
    let cut: Vec<bool> = found.iter().map(|pair| pair.truncated).collect();
    assert_eq!(cut, [false, true, false, false, false]);
    assert_eq!(found[1].tokens, MAX_TOKENS);
    assert_eq!(found[2], found[3]);
    assert!(found.iter().all(|pair| pair.values.len() == 1));
    let mut alone = load("bert-reranker", Precision::F32, 1);
    let pair = alone.tokenizer.tokenize_pair("the stone bridge", "an old river").unwrap();
    let expected = logits(&mut alone, &[pair]);
    assert!(largest_difference(&found[0].values, &expected) < 1e-4);
}

#[tokio::test]
async fn what_is_no_pair_is_refused() {
    let embedder = queue(LoadedModel::hash(4), QueueSettings::default());
    let queue = queue(load("bert-reranker", Precision::F32, 1), QueueSettings::default());
    let ask = async |inputs| queue.embed_inputs(inputs, EmbedOptions::default()).await;
    assert_eq!(ask(pairs_of("the stone", &[])).await, Ok(Vec::new()));
    for query in ["", " ", "\u{0}\u{200b}"] {
        let refused = ask(pairs_of(query, &["an old river"])).await;
        assert_eq!(refused, Err(EmbedError::QueryWithoutTokens), "{query:?}");
    }
    let without_tokens = ask(pairs_of("the stone", &["an old river", "\t", ""])).await.unwrap();
    assert_eq!(without_tokens[1], without_tokens[2]);
    let refused = ask(EmbedInputs::Texts(vec!["a text".into()])).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the model bert-reranker re-ranks documents and makes no vectors"
    );
    let refused = embedder.embed_inputs(pairs_of("a", &["b"]), EmbedOptions::default()).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "the model hash makes vectors of texts and re-ranks nothing"
    );
}

proptest! {
    #![proptest_config(Config { cases: 64, ..Config::default() })]

    #[test]
    fn no_pair_is_longer_than_the_model_reads(query in ".{0,200}", document in ".{0,200}") {
        for name in NAMES {
            let tokenizer = ModelDirectory::open(&folder().join(name)).unwrap().tokenizer().unwrap();
            let pair = tokenizer.tokenize_pair(&query, &document).unwrap();
            prop_assert!(pair.token_count() <= MAX_TOKENS);
            prop_assert_eq!(pair.is_truncated(), pair.whole_text_tokens > MAX_TOKENS);
            prop_assert!(pair.document_start.unwrap() < pair.token_ids.len());
        }
    }
}
