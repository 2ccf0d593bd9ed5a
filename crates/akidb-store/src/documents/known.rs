//! Texts that the collection holds a vector of, by their hash.

use std::{collections::HashMap, fmt::Write as _};

use super::{
    DocumentStore,
    read::json_list,
    row::{read_seq, read_vector, vector_columns},
};
use crate::{EmbeddedText, StoreError, TextHash};

/// A text that was embedded before.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownText {
    /// Its vector, bit for bit as the model gave it.
    pub vector: Vec<f32>,
    /// What embedding said of it.
    pub embedded: EmbeddedText,
}

/// The newest row of each hash. One of many equal texts is enough, and where an older row is
/// damaged the text has been embedded again since.
const SELECT_KNOWN: &str = concat!(
    "SELECT v.seq, ",
    vector_columns!(),
    " FROM json_each(?1) AS wanted JOIN vectors v ON v.seq = (SELECT k.seq FROM vectors k \
     WHERE k.text_hash = unhex(wanted.value) ORDER BY k.seq DESC LIMIT 1)"
);

impl DocumentStore {
    /// The texts of these hashes that the collection has a sound vector of.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn known_texts(
        &self,
        hashes: &[TextHash],
    ) -> Result<HashMap<TextHash, KnownText>, StoreError> {
        let hashes: Vec<String> = hashes.iter().map(hexadecimal).collect();
        let rows = sqlx::query(SELECT_KNOWN);
        let rows = rows.bind(json_list(&hashes)).fetch_all(&self.readers).await?;
        let mut known = HashMap::with_capacity(rows.len());
        for row in &rows {
            let seq = read_seq(row, 0)?;
            match read_vector(row, seq, 1)? {
                Some(found) => {
                    if let Some(embedded) = found.embedded {
                        known.insert(embedded.hash, KnownText { vector: found.vector, embedded });
                    }
                }
                None => {
                    self.metrics.damaged_rows.inc();
                    tracing::error!(%seq, "a stored vector fails its checksum and is not used again");
                }
            }
        }
        Ok(known)
    }
}

fn hexadecimal(hash: &TextHash) -> String {
    hash.as_bytes().iter().fold(String::with_capacity(32), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{StoreMetrics, StoreOptions};

    /// Without the index each text of a batch would read every vector.
    #[tokio::test]
    async fn the_look_up_goes_by_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let metrics = StoreMetrics::register(&prometheus::Registry::new()).unwrap();
        let options = StoreOptions { readers_max: 1, metrics };
        let store = DocumentStore::open(folder.path(), options).await.unwrap().start(|_| {});
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {SELECT_KNOWN}"));
        let plan = sqlx::query(explain).bind("[]").fetch_all(&store.readers).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| sqlx::Row::get(row, 3)).collect();
        let plan = plan.join("; ");
        assert!(plan.contains("USING COVERING INDEX vectors_by_text_hash"), "{plan}");
        assert!(plan.contains("SEARCH v USING INTEGER PRIMARY KEY"), "{plan}");
    }
}
