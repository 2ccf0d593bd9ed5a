//! The models, and what runs them.

use std::path::Path;

use akidb_embedding::{
    ModelDirectory, ModelError, ModelKind, ModelStore, Precision,
    mlx::{self, Finding},
};

use super::from_failure;
use crate::{
    node,
    settings::{Backend, EmbeddingSettings},
};

pub(super) fn look(settings: &EmbeddingSettings) -> Vec<Finding> {
    if !settings.enabled {
        return vec![Finding::skipped("model", "embedding.enabled is false".to_owned())];
    }
    if settings.backend == Backend::Hash {
        return vec![Finding::skipped("model", "the hash backend needs none".to_owned())];
    }
    let store =
        ModelStore::new(settings.models_dir.clone(), ModelStore::bundled_dir_of_executable());
    let default = open(&store, &settings.model, settings.model_path.as_deref());
    let mut findings = vec![model(&store, &settings.model, &default, settings)];
    for name in settings.additional_models.iter().chain(&settings.loadable_models) {
        findings.push(model(&store, name, &open(&store, name, None), settings));
    }
    let is_mlx =
        settings.backend == Backend::Mlx || (settings.backend == Backend::Auto && node::HAS_METAL);
    if !is_mlx {
        let reason = "embedding.backend is not mlx, the native backend needs no Python";
        findings.push(Finding::skipped("mlx", reason.to_owned()));
        return findings;
    }
    let workers = node::workers(&settings.mlx, settings.batch_tokens);
    let opened = default.as_ref().ok().map(|directory| (directory, settings.model.as_str()));
    findings.extend(mlx::examine(
        &workers,
        opened,
        settings.precision.unwrap_or(Precision::MLX_DEFAULT),
    ));
    findings
}

fn open(
    store: &ModelStore,
    name: &str,
    own_path: Option<&Path>,
) -> Result<ModelDirectory, ModelError> {
    ModelDirectory::open(&store.locate(name, own_path)?)
}

fn model(
    store: &ModelStore,
    name: &str,
    opened: &Result<ModelDirectory, ModelError>,
    settings: &EmbeddingSettings,
) -> Finding {
    const SUBJECT: &str = "model";
    let directory = match opened {
        Ok(directory) => directory,
        Err(error) => return from_failure(SUBJECT, node::model_error(error)),
    };
    let place = directory.path().display();
    if directory.is_quantized() && settings.backend == Backend::Native {
        let message = format!(
            "{name} at {place} has weights that MLX has quantized, which the native backend does \
             not run; hint: set embedding.backend = \"mlx\""
        );
        return Finding::bad(SUBJECT, &message);
    }
    if name == settings.model && directory.kind() != ModelKind::Embedder {
        let message = format!(
            "{name} at {place} re-ranks documents and can not be the default model; hint: list it in \
             embedding.additional_models"
        );
        return Finding::bad(SUBJECT, &message);
    }
    match store.verify(name) {
        Ok(report) if !report.is_intact() => Finding::bad(
            SUBJECT,
            &format!(
                "{name} at {place} is damaged: {}; hint: `akidb model import PATH --replace`",
                [report.damaged, report.missing].concat().join(", ")
            ),
        ),
        verified => Finding::good(
            SUBJECT,
            format!(
                "{name} at {place}, {}{}",
                described(directory),
                if verified.is_ok() { ", its files are intact" } else { "" },
            ),
        ),
    }
}

fn described(directory: &ModelDirectory) -> String {
    let architecture = directory.architecture_name();
    match directory.kind() {
        ModelKind::Embedder => format!("{architecture} of {} dimensions", directory.dimension()),
        ModelKind::Reranker(_) => format!("{architecture}, a re-ranker"),
    }
}
