//! The SQL of writes, inside one transaction of the writer.

use std::{collections::HashMap, mem, sync::LazyLock};

use akidb_core::{Conflict, DamagedDocument, Document, DocumentId, Seq, WriteMode};
use akidb_engine::{
    Applied, ConflictsStop, NewRow, OneDocument, Patch, PatchVersions, RowVectors, Rows,
    UpsertRules, Write, Written,
};
use sqlx::SqliteConnection;

use super::{
    CommittedChange, Position, VectorsPerDocument,
    read::{Keys, Reader, json_list},
    row::{StoredId, read_seq, seq_to_sql},
    vectors::{NewVector, VectorColumns, rows_of, vectors_of},
};
use crate::{StoreError, StoreMetrics, checksum};

/// Rows inserted by one statement: enough that its fixed cost does not count.
const ROWS_A_STATEMENT: usize = 64;

static INSERT_DOCUMENTS: LazyLock<String> =
    LazyLock::new(|| insert(INSERT_DOCUMENTS_HEAD, "(?, ?, ?, ?, ?, ?)"));
const INSERT_DOCUMENTS_HEAD: &str =
    "INSERT INTO documents (seq, id, text, metadata, checksum, first_seq) VALUES ";
const INSERT_DOCUMENT: &str = "INSERT INTO documents (seq, id, text, metadata, checksum, first_seq) \
     VALUES (?, ?, ?, ?, ?, ?)";
static INSERT_OWN_VECTORS: LazyLock<InsertVectors> =
    LazyLock::new(|| InsertVectors::new("seq, vector, checksum", "(?, ?, ?)"));
static INSERT_VECTORS: LazyLock<InsertVectors> = LazyLock::new(|| {
    InsertVectors::new(
        "seq, vector, checksum, text_hash, tokens, truncated, unknown_tokens",
        "(?, ?, ?, ?, ?, ?, ?)",
    )
});
static INSERT_PASSAGES: LazyLock<InsertVectors> = LazyLock::new(|| {
    InsertVectors::new(
        "seq, vector, checksum, text_hash, tokens, truncated, unknown_tokens, \
         document_seq, passages, start_byte, end_byte",
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
});

/// The statement for one row and for many.
struct InsertVectors {
    one: String,
    many: String,
}

impl InsertVectors {
    fn new(columns: &str, row: &str) -> Self {
        let head = format!("INSERT INTO vectors ({columns}) VALUES ");
        Self { one: format!("{head}{row}"), many: insert(&head, row) }
    }
}

fn insert(head: &str, row: &str) -> String {
    format!("{head}{}", [row; ROWS_A_STATEMENT].join(", "))
}

/// What of a stored document stays when it is replaced, and what goes.
#[derive(Clone, Copy, Debug)]
struct Existing {
    /// The row version.
    seq: Seq,
    /// The number that the document keeps.
    number: Seq,
}

/// Writes applied to an open transaction, and what they change in all.
pub(super) struct Transaction<'c> {
    pub(super) connection: &'c mut SqliteConnection,
    /// As it was before the transaction.
    pub(super) begun_at: Position,
    pub(super) last_seq: Seq,
    pub(super) change: CommittedChange,
    pub(super) vectors_per_document: VectorsPerDocument,
    pub(super) metrics: &'c StoreMetrics,
}

impl Transaction<'_> {
    /// Applies one write. After an error of SQLite the whole transaction is to be rolled back; all
    /// other errors leave it as it was.
    pub(super) async fn apply(&mut self, write: Write) -> Result<Applied, StoreError> {
        match write {
            Write::Upsert(rows, rules) => self.upsert(rows, rules).await.map(Applied::Upserted),
            Write::DeleteIds(ids) => self.delete_ids(&ids).await.map(Applied::Deleted),
            Write::DeleteVersions(versions) => {
                self.delete_versions(&versions).await.map(Applied::Deleted)
            }
            Write::DeleteOne(document) => self.delete_one(&document).await.map(Applied::Deleted),
            Write::Patch(patch) => self.patch(patch).await.map(Applied::Patched),
            Write::PatchVersions(patch) => self.patch_versions(&patch).await.map(Applied::Updated),
        }
    }

    /// Records the last sequence number, as the last statement before the commit.
    pub(super) async fn finish(&mut self) -> Result<(), StoreError> {
        self.change.last_seq = self.last_seq;
        if self.last_seq == self.begun_at.seq {
            return Ok(());
        }
        let position = Position { seq: self.last_seq, ..self.begun_at };
        let updated = sqlx::query("UPDATE sequence SET last_seq = ?1, checksum = ?2")
            .bind(seq_to_sql(position.seq))
            .bind(checksum::of_position(&position))
            .execute(&mut *self.connection)
            .await?;
        match updated.rows_affected() {
            1 => Ok(()),
            rows => Err(StoreError::Malformed {
                what: "sequence",
                reason: format!("it has {rows} rows"),
            }),
        }
    }

    /// Writes rows, those that are as the rules require it.
    async fn upsert(
        &mut self,
        mut rows: Vec<NewRow>,
        rules: UpsertRules,
    ) -> Result<Vec<Result<Written, Conflict>>, StoreError> {
        let ids: Vec<_> = rows.iter().map(|row| &row.id).collect();
        let existing = self.existing(&json_list(&ids)).await?;
        let mut next_seq = self.last_seq.0 + 1;
        let outcome = |row: &NewRow| {
            let stored = existing.get(&row.id).map(|existing| existing.seq);
            rules.mode.check(stored, row.if_seq)?;
            let seq = Seq(next_seq);
            next_seq += row.vectors.count() as u64;
            Ok(Written { created: stored.is_none(), seq })
        };
        let outcomes: Vec<Result<Written, Conflict>> = rows.iter().map(outcome).collect();
        let conflicts = outcomes.iter().enumerate();
        let conflicts: Vec<_> =
            conflicts.filter_map(|(position, row)| Some((position, row.err()?))).collect();
        if rules.conflicts == ConflictsStop::All && !conflicts.is_empty() {
            return Err(StoreError::Conflicts(conflicts));
        }
        let mut is_written = outcomes.iter().map(Result::is_ok);
        rows.retain(|_| is_written.next().unwrap_or(false));
        let replaced = rows.iter().filter_map(|row| Some(existing.get(&row.id)?.seq));
        self.remove_rows(&replaced.collect::<Vec<_>>()).await?;
        for chunk in rows.chunks_mut(ROWS_A_STATEMENT) {
            let first_seq = self.last_seq;
            self.insert_chunk(chunk, &existing).await?;
            self.announce(first_seq, chunk);
        }
        Ok(outcomes)
    }

    /// Moves what filters ask of rows, the first of which follows `last_seq`, into the change.
    fn announce(&mut self, mut last_seq: Seq, rows: &mut [NewRow]) {
        for row in rows {
            let seq = Seq(last_seq.0 + 1);
            let metadata = mem::take(&mut row.metadata);
            self.change.added_documents.push((seq, row.id.clone(), metadata));
            last_seq.0 += row.vectors.count() as u64;
        }
    }

    /// A full chunk takes the long statement, which stays prepared; a rest goes row by row.
    async fn insert_chunk(
        &mut self,
        rows: &[NewRow],
        existing: &HashMap<DocumentId, Existing>,
    ) -> Result<(), StoreError> {
        let mut vectors = Vec::with_capacity(rows.len());
        let full = rows.len() == ROWS_A_STATEMENT;
        for rows in rows.chunks(if full { ROWS_A_STATEMENT } else { 1 }) {
            let mut documents =
                sqlx::query(if full { INSERT_DOCUMENTS.as_str() } else { INSERT_DOCUMENT });
            for row in rows {
                let seq = Seq(self.last_seq.0 + 1);
                let metadata = row.metadata.to_json();
                let text = row.text.clone();
                let first_seq = existing.get(&row.id).map(|existing| seq_to_sql(existing.number));
                let text_bytes = text.as_deref().map(str::as_bytes);
                let sum =
                    checksum::of_document(seq, &row.id, text_bytes, metadata.as_bytes(), first_seq);
                documents = documents
                    .bind(seq_to_sql(seq))
                    .bind(StoredId(row.id.clone()))
                    .bind(text)
                    .bind(metadata)
                    .bind(sum)
                    .bind(first_seq);
                // The passages of a document take the numbers that follow.
                self.last_seq.0 += row.vectors.count() as u64;
                vectors.extend(rows_of(&row.vectors, seq));
            }
            documents.execute(&mut *self.connection).await?;
        }
        self.insert_vectors(&vectors).await
    }

    async fn insert_vectors(&mut self, vectors: &[NewVector<'_>]) -> Result<(), StoreError> {
        for chunk in vectors.chunks(ROWS_A_STATEMENT) {
            let columns = VectorColumns::of(chunk);
            let insert = match columns {
                VectorColumns::Own => &INSERT_OWN_VECTORS,
                VectorColumns::Embedded => &INSERT_VECTORS,
                VectorColumns::Passages => &INSERT_PASSAGES,
            };
            let full = chunk.len() == ROWS_A_STATEMENT;
            for rows in chunk.chunks(if full { ROWS_A_STATEMENT } else { 1 }) {
                let mut query = sqlx::query(if full { &*insert.many } else { &*insert.one });
                for row in rows {
                    query = row.bind_to(query, columns);
                    self.change.added.push(row.key);
                    self.change.added_vectors.extend_from_slice(row.vector);
                }
                query.execute(&mut *self.connection).await?;
            }
        }
        Ok(())
    }

    async fn existing(
        &mut self,
        ids_json: &str,
    ) -> Result<HashMap<DocumentId, Existing>, StoreError> {
        let rows = sqlx::query(
            "SELECT seq, id, first_seq FROM documents \
             WHERE id IN (SELECT value FROM json_each(?1))",
        )
        .bind(ids_json)
        .fetch_all(&mut *self.connection)
        .await?;
        rows.iter()
            .map(|row| {
                let StoredId(id) = sqlx::Row::try_get_unchecked(row, 1)?;
                let seq = read_seq(row, 0)?;
                let first_seq: Option<i64> = sqlx::Row::try_get_unchecked(row, 2)?;
                let first_seq = first_seq.map(|first_seq| Seq(first_seq.cast_unsigned()));
                // A damaged row must not keep its document from being replaced.
                let number = first_seq.filter(|first| (Seq(1)..seq).contains(first)).unwrap_or(seq);
                Ok((id, Existing { seq, number }))
            })
            .collect()
    }

    async fn delete_ids(&mut self, ids: &[DocumentId]) -> Result<u64, StoreError> {
        let existing = self.existing(&json_list(ids)).await?;
        let seqs: Vec<_> = existing.values().map(|existing| existing.seq).collect();
        self.delete_seqs(&seqs).await
    }

    async fn delete_versions(&mut self, versions: &[Seq]) -> Result<u64, StoreError> {
        let present = self.present(versions).await?;
        self.delete_seqs(&present).await
    }

    /// Those of some row versions that are still there, ascending. One on a page that can not be read
    /// can not be changed either, and keeps no other from being changed.
    async fn present(&mut self, versions: &[Seq]) -> Result<Vec<Seq>, StoreError> {
        match self.find_versions(versions).await {
            Err(error) if error.is_damaged_page() => {}
            present => return present,
        }
        let mut present = Vec::with_capacity(versions.len());
        for version in versions {
            match self.find_versions(&[*version]).await {
                Err(error) if error.is_damaged_page() => {}
                found => present.extend(found?),
            }
        }
        self.begin_again().await?;
        Ok(present)
    }

    async fn find_versions(&mut self, versions: &[Seq]) -> Result<Vec<Seq>, StoreError> {
        let seqs: Vec<u64> = versions.iter().map(|seq| seq.0).collect();
        let rows = sqlx::query(
            "SELECT seq FROM documents \
             WHERE seq IN (SELECT value FROM json_each(?1)) ORDER BY seq",
        )
        .bind(json_list(&seqs))
        .fetch_all(&mut *self.connection)
        .await?;
        rows.iter().map(|row| read_seq(row, 0)).collect()
    }

    /// Within a transaction in which SQLite has met a page that it can not read, every further change
    /// fails.
    async fn begin_again(&mut self) -> Result<(), StoreError> {
        if self.last_seq != self.begun_at.seq {
            let reason = "a page could not be read in the middle of several writes".to_owned();
            return Err(StoreError::DamagedPage { reason });
        }
        for sql in ["ROLLBACK", "BEGIN IMMEDIATE"] {
            sqlx::query(sql).execute(&mut *self.connection).await?;
        }
        Ok(())
    }

    /// Deletes row versions under a number of its own: a state with them and one without must not
    /// have the same last number.
    async fn delete_seqs(&mut self, seqs: &[Seq]) -> Result<u64, StoreError> {
        if !seqs.is_empty() {
            self.last_seq.0 += 1;
        }
        self.remove_rows(seqs).await?;
        Ok(seqs.len() as u64)
    }

    async fn remove_rows(&mut self, seqs: &[Seq]) -> Result<(), StoreError> {
        if seqs.is_empty() {
            return Ok(());
        }
        let seqs_json = json_list(&seqs.iter().map(|seq| seq.0).collect::<Vec<_>>());
        for sql in [
            "DELETE FROM vectors WHERE seq IN (SELECT value FROM json_each(?1))",
            "DELETE FROM vectors WHERE document_seq IN (SELECT value FROM json_each(?1))",
            "DELETE FROM documents WHERE seq IN (SELECT value FROM json_each(?1))",
        ] {
            let of_passages = sql.contains("document_seq");
            if !of_passages || self.vectors_per_document == VectorsPerDocument::Several {
                sqlx::query(sql).bind(&seqs_json).execute(&mut *self.connection).await?;
            }
        }
        self.change.removed.extend_from_slice(seqs);
        Ok(())
    }

    async fn delete_one(&mut self, document: &OneDocument) -> Result<u64, StoreError> {
        match self.find(document).await? {
            Some((_, seq)) => self.delete_seqs(&[seq]).await,
            None => Ok(0),
        }
    }

    /// The id and the version of a document; `None` where there is none.
    async fn find(
        &mut self,
        document: &OneDocument,
    ) -> Result<Option<(DocumentId, Seq)>, StoreError> {
        let existing = self.existing(&json_list(&document.ids)).await?;
        let found = document.ids.iter().find_map(|id| Some((id.clone(), existing.get(id)?.seq)));
        if let Some((_, seq)) = found {
            let checked = WriteMode::Upsert.check(Some(seq), document.if_seq);
            checked.map_err(StoreError::Conflict)?;
        }
        Ok(found)
    }

    /// Changes a document under a new sequence number, or leaves it as it is where nothing changes.
    async fn patch(&mut self, patch: Patch) -> Result<Option<Document>, StoreError> {
        let Some((_, seq)) = self.find(&patch.document).await? else { return Ok(None) };
        let (mut documents, damaged) = self.documents(&[seq]).await?;
        if !damaged.is_empty() {
            return Err(StoreError::Damaged { rows: damaged });
        }
        let Some((document, vectors)) = documents.pop() else { return Ok(None) };
        let metadata = document.metadata.patched(&patch.merge, &patch.limits)?;
        let text = patch.text.or_else(|| document.text.clone());
        let new_vectors = patch.vectors.unwrap_or_else(|| vectors.clone());
        if (&metadata, &text, &new_vectors) == (&document.metadata, &document.text, &vectors) {
            return Ok(Some(document));
        }
        let row = NewRow {
            id: document.id,
            text: text.clone(),
            metadata: metadata.clone(),
            vectors: new_vectors,
            if_seq: None,
        };
        let id = row.id.clone();
        let written = self.upsert(vec![row], UpsertRules::default()).await?;
        let seq = written.into_iter().flatten().next().map_or(self.last_seq, |row| row.seq);
        Ok(Some(Document { id, text, metadata, vector: None, passages: Vec::new(), seq }))
    }

    /// Changes the metadata of several documents, those aside that can not be read. All rows are read and
    /// checked before one is written.
    async fn patch_versions(&mut self, patch: &PatchVersions) -> Result<u64, StoreError> {
        let present = self.present(&patch.versions).await?;
        let mut rows = Vec::with_capacity(present.len());
        for seqs in present.chunks(ROWS_A_STATEMENT) {
            for (document, vectors) in self.documents(seqs).await?.0 {
                let metadata = document.metadata.patched(&patch.merge, &patch.limits)?;
                if metadata != document.metadata {
                    let Document { id, text, .. } = document;
                    rows.push(NewRow { id, text, metadata, vectors, if_seq: None });
                }
            }
        }
        let changed = rows.len() as u64;
        self.upsert(rows, UpsertRules::default()).await?;
        Ok(changed)
    }

    /// Documents and their vectors by sequence number, and those that are damaged.
    async fn documents(
        &mut self,
        seqs: &[Seq],
    ) -> Result<(Vec<(Document, RowVectors)>, Vec<DamagedDocument>), StoreError> {
        let Rows { documents, mut damaged } = self.reader().rows(Keys::Seqs(seqs), false).await?;
        let mut vectors = vectors_of(self.connection, seqs, self.vectors_per_document).await?;
        let mut sound = Vec::with_capacity(documents.len());
        for document in documents {
            let named = DamagedDocument { id: Some(document.id.clone()), seq: Some(document.seq) };
            match vectors.remove(&document.seq).flatten() {
                Some(vectors) => sound.push((document, vectors)),
                None => damaged.push(named),
            }
        }
        Ok((sound, damaged))
    }

    fn reader(&mut self) -> Reader<'_> {
        Reader {
            connection: &mut *self.connection,
            vectors_per_document: self.vectors_per_document,
            metrics: self.metrics,
        }
    }
}
