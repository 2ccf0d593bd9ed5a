//! The catalogue of collections, and the folders that it names.

use std::path::Path;

use akidb_embedding::mlx::Finding;
use akidb_local::offline::{Catalogue, set_aside_folders};

const SUBJECT: &str = "catalogue";

/// What a start would find. Nothing where there are no data yet.
pub(super) async fn look(data_dir: &Path) -> Vec<Finding> {
    if !data_dir.join("collections").is_dir() {
        return Vec::new();
    }
    let mut findings = match Catalogue::inspect(data_dir).await {
        Ok(found) => found.iter().map(|it| told(&it.detail)).collect(),
        Err(error) => vec![Finding::bad(
            SUBJECT,
            &format!("cannot be read: {error}; hint: start a node, its log says what it can do"),
        )],
    };
    for (place, entries) in set_aside_folders(data_dir) {
        let message = format!(
            "{} has {entries} entries that nobody knew; hint: look at them, and move them away",
            place.display()
        );
        findings.push(Finding::bad(SUBJECT, &message));
    }
    if findings.is_empty() {
        let message = "names every collection that is there".to_owned();
        findings.push(Finding::good(SUBJECT, message));
    }
    findings
}

fn told(detail: &str) -> Finding {
    let hint = "the next start puts it right, and removes nothing";
    Finding::bad(SUBJECT, &format!("{detail}; hint: {hint}"))
}
