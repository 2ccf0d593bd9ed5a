//! Files of a model: configuration, tokenizer, weights.

use std::fs;

use akidb_embedding::ModelDirectory;

/// The files, in the order in which the input has them, separated by NUL.
const FILES: [&str; 6] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "model.safetensors",
];

/// Opens a folder with the files of the input, the last of which may hold NUL.
pub fn models(input: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in FILES.iter().zip(input.splitn(FILES.len(), |byte| *byte == 0)) {
        if !content.is_empty() {
            fs::write(folder.path().join(name), content).expect("a file");
        }
    }
    if let Ok(model) = ModelDirectory::open(folder.path()) {
        let _ = model.tokenizer();
    }
}
