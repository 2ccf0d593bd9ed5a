//! Texts that the collection holds a vector of, by their hash.

use std::{collections::HashMap, fmt::Write as _};

use akidb_core::Seq;
use akidb_engine::{KnownText, RowVectors, TextHash};

use super::{DocumentStore, field::Table, row::read_seq, source::json_list, vectors::vectors_of};
use crate::StoreError;

/// The newest document of each hash. One of many equal texts is enough, and where an older one is
/// damaged the text has been embedded again since.
const SELECT_KNOWN: &str = "SELECT k.seq FROM json_each(?1) AS wanted JOIN vectors k ON k.seq = \
     (SELECT newest.seq FROM vectors newest WHERE newest.text_hash = unhex(wanted.value) \
     ORDER BY newest.seq DESC LIMIT 1)";

impl DocumentStore {
    /// The texts of these hashes that a field, by its number, has sound vectors of.
    ///
    /// # Errors
    /// When the read fails, or the field was dropped.
    pub async fn known_texts(
        &self,
        field: u32,
        hashes: &[TextHash],
    ) -> Result<HashMap<TextHash, KnownText>, StoreError> {
        let table = Table(field);
        let per_document = self.fields().per_document(table)?;
        let hashes: Vec<String> = hashes.iter().map(hexadecimal).collect();
        // One moment, so that no document goes between its number and its vectors.
        let mut snapshot = self.readers.begin().await?;
        let documents = sqlx::query(table.sql(SELECT_KNOWN)).bind(json_list(&hashes));
        let documents = documents.fetch_all(&mut *snapshot).await?;
        let documents: Vec<Seq> = documents.iter().map(|row| read_seq(row, 0)).collect();
        if documents.is_empty() {
            return Ok(HashMap::new());
        }
        let vectors = vectors_of(&mut *snapshot, &documents, table, per_document).await?;
        let mut known = HashMap::with_capacity(vectors.len());
        for (seq, vectors) in vectors {
            match vectors {
                Some(RowVectors::Embedded(text)) => {
                    known.insert(text.embedded.hash, text);
                }
                Some(RowVectors::Given(_)) => {}
                None => {
                    self.metrics.damaged_rows.inc();
                    tracing::error!(%seq, "stored vectors are damaged and are not used again");
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
        let options = StoreOptions::plain(metrics);
        let store = DocumentStore::open(folder.path(), options).await.unwrap().start(|_| {});
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {SELECT_KNOWN}"));
        let plan = sqlx::query(explain).bind("[]").fetch_all(&store.readers).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| sqlx::Row::get(row, 3)).collect();
        let plan = plan.join("; ");
        assert!(plan.contains("USING COVERING INDEX vectors_by_text_hash"), "{plan}");
        assert!(plan.contains("SEARCH k USING INTEGER PRIMARY KEY"), "{plan}");
    }
}
