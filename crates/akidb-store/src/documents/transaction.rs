//! The SQL of writes, inside one transaction of the writer.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
};

use akidb_core::{
    Conflict, DamagedDocument, Document, DocumentField, DocumentId, Expiry, Seq, Timestamp,
    WriteMode,
};
use akidb_engine::{
    Applied, ConflictsStop, FieldPatch, FieldRow, NewRow, OneDocument, Patch, PatchVersions,
    RowVectors, Rows, UpsertRules, Write, Written,
};
use sqlx::SqlSafeStr;

use super::{
    AddedDocument, CommittedChange, Position, VectorsPerDocument,
    field::{Fields, Place, Table},
    field_rows::{insert_text, rows_in_fields, rows_in_shadows},
    lookups::at_once,
    placement::Placement,
    read::{FoundRows, Parts, Reader, damaged_part},
    row::{read_id, read_seq, seq_to_sql},
    source::{AtHand, Bound, Columns, Keys, integer, json_list},
    vectors::{NewVector, rows_of, vectors_of},
    write_times::WriteTimes,
};
use crate::{StoreError, StoreMetrics, checksum};

/// Rows read and checked together.
const ROWS_AT_ONCE: usize = 64;

const INSERT_DOCUMENT: &str = "INSERT INTO documents (seq, id, text, metadata, checksum, first_seq) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
/// Of documents that are elsewhere than in the field without a name alone, or that expire.
const INSERT_FULL_DOCUMENT: &str = "INSERT INTO documents \
     (seq, id, text, metadata, checksum, first_seq, fields, expires_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

/// What of row versions goes in each field.
const DELETE_VECTORS: [&str; 2] = [
    "DELETE FROM vectors WHERE seq IN (SELECT value FROM json_each(?1))",
    "DELETE FROM vectors WHERE document_seq IN (SELECT value FROM json_each(?1))",
];

/// And in each named one.
const DELETE_TEXTS: &str = "DELETE FROM texts WHERE seq IN (SELECT value FROM json_each(?1))";

/// What of a stored document stays when it is replaced, and what goes.
#[derive(Clone, Copy, Debug)]
struct Existing {
    /// The row version.
    seq: Seq,
    /// The number that the document keeps.
    number: Seq,
    /// Whether it is there for nobody any more.
    has_expired: bool,
}

impl Existing {
    /// What of it whoever writes finds.
    fn if_alive(&self) -> Option<&Self> {
        (!self.has_expired).then_some(self)
    }
}

/// Writes applied to an open transaction, and what they change in all.
pub(super) struct Transaction<'c> {
    pub(super) connection: &'c mut AtHand,
    /// As it was before the transaction.
    pub(super) begun_at: Position,
    pub(super) last_seq: Seq,
    pub(super) change: CommittedChange,
    pub(super) fields: &'c Fields,
    /// Documents that have expired by then are not there any more.
    pub(super) now: Timestamp,
    pub(super) metrics: &'c StoreMetrics,
    pub(super) times: WriteTimes,
}

impl Transaction<'_> {
    /// Applies one write. After an error of SQLite the whole transaction is to be rolled back; all
    /// other errors leave it as it was.
    pub(super) fn apply(&mut self, write: Write) -> Result<Applied, StoreError> {
        match write {
            Write::Upsert(rows, rules) => self.upsert(rows, rules).map(Applied::Upserted),
            Write::DeleteIds(ids) => self.delete_ids(&ids).map(Applied::Deleted),
            Write::DeleteVersions(versions) => {
                self.delete_versions(&versions).map(Applied::Deleted)
            }
            Write::DeleteOne(document) => self.delete_one(&document).map(Applied::Deleted),
            Write::Patch(patch) => self.patch(patch).map(Applied::Patched),
            Write::PatchVersions(patch) => self.patch_versions(&patch).map(Applied::Updated),
            Write::Fill(fill) => self.fill(fill).map(Applied::Filled),
        }
    }

    /// Records the last sequence number, as the last statement before the commit.
    pub(super) fn finish(&mut self) -> Result<(), StoreError> {
        self.change.last_seq = self.last_seq;
        if self.last_seq == self.begun_at.seq {
            return Ok(());
        }
        let position = Position { seq: self.last_seq, ..self.begun_at };
        let update = "UPDATE sequence SET last_seq = ?1, checksum = ?2";
        let mut update = self.connection.0.prepare_cached(update)?;
        match update.execute((seq_to_sql(position.seq), checksum::of_position(&position)))? {
            1 => Ok(()),
            rows => Err(StoreError::Malformed {
                what: "sequence",
                reason: format!("it has {rows} rows"),
            }),
        }
    }

    /// Writes rows, those that are as the rules require it.
    pub(super) fn upsert(
        &mut self,
        mut rows: Vec<NewRow>,
        rules: UpsertRules,
    ) -> Result<Vec<Result<Written, Conflict>>, StoreError> {
        for row in &rows {
            Placement::of(row, self.fields)?;
        }
        let ids: Vec<_> = rows.iter().map(|row| &row.id).collect();
        let existing = self.existing(&json_list(&ids))?;
        let mut next_seq = self.last_seq.0 + 1;
        let outcome = |row: &NewRow| {
            let stored = existing.get(&row.id).and_then(Existing::if_alive);
            let stored = stored.map(|existing| existing.seq);
            rules.mode.check(stored, row.if_seq)?;
            let seq = Seq(next_seq);
            next_seq += row.numbers();
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
        self.remove_rows(&replaced.collect::<Vec<_>>())?;
        for chunk in rows.chunks_mut(ROWS_AT_ONCE) {
            let first_seq = self.last_seq;
            self.insert_chunk(chunk, &existing)?;
            self.announce(first_seq, chunk);
        }
        Ok(outcomes)
    }

    /// Moves what searches ask of rows, the first of which follows `last_seq`, into the change.
    fn announce(&mut self, mut last_seq: Seq, rows: &mut [NewRow]) {
        for row in rows {
            let seq = Seq(last_seq.0 + 1);
            last_seq.0 += row.numbers();
            let (metadata, text) = (mem::take(&mut row.metadata), mem::take(&mut row.text));
            let expires_at = row.expiry.moment();
            let document = AddedDocument { seq, id: row.id.clone(), metadata, text, expires_at };
            let unnamed = row.vectors.is_some().then_some(Table::UNNAMED);
            let tables = unnamed.into_iter().chain(row.fields.iter().map(|it| Table(it.field)));
            let mut is_in_unnamed = false;
            for table in tables {
                if table == self.fields.unnamed.0 {
                    is_in_unnamed = true;
                    continue;
                }
                self.change.of_field(table.0).added_documents.push(document.clone());
            }
            let documents = match is_in_unnamed {
                true => &mut self.change.added_documents,
                false => &mut self.change.added_without_vector,
            };
            documents.push(document);
        }
    }

    fn insert_chunk(
        &mut self,
        rows: &[NewRow],
        existing: &HashMap<DocumentId, Existing>,
    ) -> Result<(), StoreError> {
        let first = Seq(self.last_seq.0 + 1);
        for row in rows {
            let seq = Seq(self.last_seq.0 + 1);
            let number = existing.get(&row.id).and_then(Existing::if_alive);
            let number = number.map(|existing| existing.number);
            self.insert_document(seq, row, number)?;
            // The passages of a document take the numbers that follow.
            self.last_seq.0 += row.numbers();
        }
        // One table after the other, as each is a tree of its own.
        let mut in_fields: BTreeMap<Table, Vec<NewVector<'_>>> = BTreeMap::new();
        let mut seq = first;
        for row in rows {
            let unnamed = row.vectors.iter().map(|vectors| (Table::UNNAMED, vectors));
            let named = row.fields.iter().map(|field| (Table(field.field), &field.vectors));
            for (table, vectors) in unnamed.chain(named) {
                in_fields.entry(table).or_default().extend(rows_of(vectors, seq));
            }
            seq.0 += row.numbers();
        }
        for (table, vectors) in in_fields {
            self.insert_vectors(table, &vectors)?;
        }
        self.insert_texts(first, rows)
    }

    fn insert_document(
        &mut self,
        seq: Seq,
        row: &NewRow,
        number: Option<Seq>,
    ) -> Result<(), StoreError> {
        let mut clock = self.times.clock();
        let Placement(fields) = Placement::of(row, self.fields)?;
        let metadata = row.metadata.to_json();
        let (text, number) = (row.text.as_deref(), number.map(seq_to_sql));
        let fields = fields.as_deref();
        let expires_at = row.expiry.moment().map(Timestamp::unix_ms);
        let sum = checksum::of_document(
            seq,
            &row.id,
            text.map(str::as_bytes),
            metadata.as_bytes(),
            number,
            fields,
            expires_at,
        );
        clock.lap(|times| &mut times.checksum);
        let seq = seq_to_sql(seq);
        let is_full = fields.is_some() || expires_at.is_some();
        let insert = if is_full { INSERT_FULL_DOCUMENT } else { INSERT_DOCUMENT };
        let mut insert = self.connection.0.prepare_cached(insert)?;
        insert.raw_bind_parameter(1, seq)?;
        match &row.id {
            DocumentId::Integer(id) => insert.raw_bind_parameter(2, id)?,
            DocumentId::Text(id) => insert.raw_bind_parameter(2, id.as_str())?,
        }
        insert.raw_bind_parameter(3, text)?;
        insert.raw_bind_parameter(4, metadata.as_str())?;
        insert.raw_bind_parameter(5, sum)?;
        insert.raw_bind_parameter(6, number)?;
        if is_full {
            insert.raw_bind_parameter(7, fields)?;
            insert.raw_bind_parameter(8, expires_at)?;
        }
        clock.lap(|times| &mut times.bind);
        insert.raw_execute()?;
        clock.lap(|times| &mut times.step);
        Ok(())
    }

    /// The texts of named fields of rows that begin at a number.
    fn insert_texts(&mut self, first: Seq, rows: &[NewRow]) -> Result<(), StoreError> {
        let mut seq = first;
        for row in rows {
            for field in &row.fields {
                if let Some(text) = &field.text {
                    let place = self.fields.place(Table(field.field))?;
                    insert_text(self.connection, place, seq, text)?;
                }
            }
            seq.0 += row.numbers();
        }
        Ok(())
    }

    pub(super) fn insert_vectors(
        &mut self,
        table: Table,
        vectors: &[NewVector<'_>],
    ) -> Result<(), StoreError> {
        let (added, values) = match table == self.fields.unnamed.0 {
            true => (&mut self.change.added, &mut self.change.added_vectors),
            false => {
                let change = self.change.of_field(table.0);
                (&mut change.added, &mut change.added_vectors)
            }
        };
        for row in vectors {
            row.insert_into(self.connection, table, &mut self.times)?;
            added.push(row.key);
            values.extend_from_slice(row.vector);
        }
        Ok(())
    }

    fn existing(&mut self, ids_json: &str) -> Result<HashMap<DocumentId, Existing>, StoreError> {
        let sql = "SELECT seq, id, first_seq, expires_at FROM documents \
             WHERE id IN (SELECT value FROM json_each(?1))";
        let (mut found, now) = (HashMap::new(), self.now);
        let visit = &mut |row: &dyn Columns| {
            let Some(id) = read_id(row, 1) else { return Ok(()) };
            let seq = read_seq(row, 0);
            let first_seq = integer(row, 2).ok().flatten();
            let first_seq = first_seq.map(|first_seq| Seq(first_seq.cast_unsigned()));
            // A damaged row must not keep its document from being replaced.
            let number = first_seq.filter(|first| (Seq(1)..seq).contains(first)).unwrap_or(seq);
            let expires_at = integer(row, 3).ok().flatten().map(Timestamp::from_unix_ms);
            let has_expired = expires_at.is_some_and(|moment| moment <= now);
            found.insert(id, Existing { seq, number, has_expired });
            Ok(())
        };
        self.connection.run(&sql.into_sql_str(), Bound::Text(ids_json), visit)?;
        Ok(found)
    }

    fn delete_ids(&mut self, ids: &[DocumentId]) -> Result<u64, StoreError> {
        let existing = self.existing(&json_list(ids))?;
        let alive = existing.values().filter_map(Existing::if_alive);
        let seqs: Vec<_> = alive.map(|existing| existing.seq).collect();
        self.delete_seqs(&seqs)
    }

    fn delete_versions(&mut self, versions: &[Seq]) -> Result<u64, StoreError> {
        let present = self.present(versions)?;
        self.delete_seqs(&present)
    }

    /// Those of some row versions that are still there, ascending. One on a page that can not be read
    /// can not be changed either, and keeps no other from being changed.
    pub(super) fn present(&mut self, versions: &[Seq]) -> Result<Vec<Seq>, StoreError> {
        match self.find_versions(versions) {
            Err(error) if error.is_damaged_page() => {}
            present => return present,
        }
        let mut present = Vec::with_capacity(versions.len());
        for version in versions {
            match self.find_versions(&[*version]) {
                Err(error) if error.is_damaged_page() => {}
                found => present.extend(found?),
            }
        }
        self.begin_again()?;
        Ok(present)
    }

    fn find_versions(&mut self, versions: &[Seq]) -> Result<Vec<Seq>, StoreError> {
        let seqs: Vec<u64> = versions.iter().map(|seq| seq.0).collect();
        let sql = "SELECT seq FROM documents \
             WHERE seq IN (SELECT value FROM json_each(?1)) ORDER BY seq";
        let mut found = Vec::new();
        let visit = &mut |row: &dyn Columns| {
            found.push(read_seq(row, 0));
            Ok(())
        };
        self.connection.run(&sql.into_sql_str(), Bound::Text(&json_list(&seqs)), visit)?;
        Ok(found)
    }

    /// Within a transaction in which SQLite has met a page that it can not read, every further change
    /// fails.
    fn begin_again(&mut self) -> Result<(), StoreError> {
        if self.last_seq != self.begun_at.seq {
            let reason = "a page could not be read in the middle of several writes".to_owned();
            return Err(StoreError::DamagedPage { reason });
        }
        for sql in ["ROLLBACK", "BEGIN IMMEDIATE"] {
            self.connection.execute(sql)?;
        }
        Ok(())
    }

    /// Deletes row versions under a number of its own: a state with them and one without must not
    /// have the same last number.
    fn delete_seqs(&mut self, seqs: &[Seq]) -> Result<u64, StoreError> {
        if !seqs.is_empty() {
            self.last_seq.0 += 1;
        }
        self.remove_rows(seqs)?;
        Ok(seqs.len() as u64)
    }

    fn remove_rows(&mut self, seqs: &[Seq]) -> Result<(), StoreError> {
        if seqs.is_empty() {
            return Ok(());
        }
        let seqs_json = json_list(&seqs.iter().map(|seq| seq.0).collect::<Vec<_>>());
        for (table, per_document) in self.fields.tables() {
            for sql in DELETE_VECTORS {
                let of_passages = sql.contains("document_seq");
                if of_passages && per_document == VectorsPerDocument::One {
                    continue;
                }
                self.connection.0.prepare_cached(table.sql(sql).as_str())?.execute([&seqs_json])?;
            }
        }
        for Place(place) in self.fields.named.iter().map(|field| field.place) {
            let delete = Table(place).sql(DELETE_TEXTS);
            self.connection.0.prepare_cached(delete.as_str())?.execute([&seqs_json])?;
        }
        let delete = "DELETE FROM documents WHERE seq IN (SELECT value FROM json_each(?1))";
        self.connection.0.prepare_cached(delete)?.execute([&seqs_json])?;
        self.change.removed.extend_from_slice(seqs);
        Ok(())
    }

    fn delete_one(&mut self, document: &OneDocument) -> Result<u64, StoreError> {
        match self.find(document)? {
            Some((_, seq)) => self.delete_seqs(&[seq]),
            None => Ok(0),
        }
    }

    /// The id and the version of a document; `None` where there is none.
    fn find(&mut self, document: &OneDocument) -> Result<Option<(DocumentId, Seq)>, StoreError> {
        let existing = self.existing(&json_list(&document.ids))?;
        let alive = |id| existing.get(id).and_then(Existing::if_alive);
        let found = document.ids.iter().find_map(|id| Some((id.clone(), alive(id)?.seq)));
        if let Some((_, seq)) = found {
            let checked = WriteMode::Upsert.check(Some(seq), document.if_seq);
            checked.map_err(StoreError::Conflict)?;
        }
        Ok(found)
    }

    /// Changes a document under a new sequence number, or leaves it as it is where nothing changes.
    fn patch(&mut self, patch: Patch) -> Result<Option<Document>, StoreError> {
        for (number, _) in &patch.fields {
            self.fields.place(Table(*number))?;
        }
        let Some((_, seq)) = self.find(&patch.document)? else { return Ok(None) };
        let (mut stored, damaged) = self.stored(&[seq])?;
        if !damaged.is_empty() {
            return Err(StoreError::Damaged { rows: damaged });
        }
        let Some(Stored { document, row }) = stored.pop() else { return Ok(None) };
        let mut patches = patch.fields;
        let is_emptied = patches.extract_if(.., |(number, _)| *number == 0).count() > 0;
        let before = row.vectors.clone().filter(|_| !is_emptied);
        let changed = NewRow {
            metadata: row.metadata.patched(&patch.merge, &patch.limits)?,
            text: patch.text.or_else(|| row.text.clone()),
            vectors: patch.vectors.or(before),
            fields: patched_fields(row.fields.clone(), patches),
            expiry: if patch.expiry == Expiry::Unsaid { row.expiry } else { patch.expiry },
            ..row.clone()
        };
        if changed == row {
            let fields = self.texts_of(&row);
            return Ok(Some(Document { fields, ..document }));
        }
        let (text, metadata) = (changed.text.clone(), changed.metadata.clone());
        let expires_at = changed.expiry.moment();
        let fields = self.texts_of(&changed);
        let written = self.upsert(vec![changed], UpsertRules::default())?;
        let seq = written.into_iter().flatten().next().map_or(self.last_seq, |row| row.seq);
        let (vector, passages) = (None, Vec::new());
        Ok(Some(Document { text, metadata, expires_at, vector, passages, fields, seq, ..document }))
    }

    /// The texts that a row has in named fields, as a read without vectors gives them.
    fn texts_of(&self, row: &NewRow) -> Vec<DocumentField> {
        let named = self.fields.named.iter().filter_map(|field| {
            let text = row.fields.iter().find(|it| it.field == field.number)?.text.clone();
            let (name, vector, passages) = (field.name.clone(), None, Vec::new());
            text.is_some().then_some(DocumentField { name, text, vector, passages })
        });
        named.collect()
    }

    /// Changes the metadata of several documents, those aside that can not be read. All rows are read and
    /// checked before one is written.
    fn patch_versions(&mut self, patch: &PatchVersions) -> Result<u64, StoreError> {
        let present = self.present(&patch.versions)?;
        let mut rows = Vec::with_capacity(present.len());
        for seqs in present.chunks(ROWS_AT_ONCE) {
            for Stored { row, .. } in self.stored(seqs)?.0 {
                let metadata = row.metadata.patched(&patch.merge, &patch.limits)?;
                if metadata != row.metadata {
                    rows.push(NewRow { metadata, ..row });
                }
            }
        }
        let changed = rows.len() as u64;
        self.upsert(rows, UpsertRules::default())?;
        Ok(changed)
    }

    /// Row versions with all that they have, and those that are damaged.
    pub(super) fn stored(
        &mut self,
        seqs: &[Seq],
    ) -> Result<(Vec<Stored>, Vec<DamagedDocument>), StoreError> {
        let fields = self.fields;
        let (connection, metrics) = (&mut *self.connection, self.metrics);
        let mut reader = Reader { connection, fields, metrics };
        let found = at_once(reader.rows(Keys::Seqs(seqs), Parts::Row))?;
        let versions = found.versions();
        let FoundRows { rows: Rows { documents, mut damaged }, placements } = found;
        let connection = &mut *self.connection;
        let (unnamed, per_document) = fields.unnamed;
        let mut vectors = at_once(vectors_of(connection, seqs, unnamed, per_document))?;
        let mut beside = at_once(rows_in_shadows(connection, fields, seqs))?;
        let mut named = match fields.named.is_empty() {
            true => HashMap::new(),
            false => at_once(rows_in_fields(connection, fields, &versions))?,
        };
        let mut sound = Vec::with_capacity(documents.len());
        for (document, placement) in documents.into_iter().zip(placements) {
            let vectors = vectors.remove(&document.seq).flatten();
            let is_whole = vectors.is_some() || placement.has(Place::UNNAMED).is_none();
            match named.remove(&document.seq).unwrap_or_else(|| Some(Vec::new())) {
                Some(mut fields) if is_whole => {
                    let vectors = vectors.map(|vectors| in_field(unnamed, vectors));
                    fields.extend(beside.remove(&document.seq).unwrap_or_default());
                    fields.extend(vectors);
                    let first = fields.iter().position(|it| Table(it.field) == Table::UNNAMED);
                    let vectors = first.map(|at| fields.remove(at).vectors);
                    let row = NewRow {
                        id: document.id.clone(),
                        text: document.text.clone(),
                        metadata: document.metadata.clone(),
                        vectors,
                        fields,
                        if_seq: None,
                        expiry: document.expires_at.map_or(Expiry::Never, Expiry::At),
                    };
                    sound.push(Stored { document, row });
                }
                _ => damaged.push(damaged_part(&document)),
            }
        }
        Ok((sound, damaged))
    }
}

/// A row version, and the row that would write the same.
pub(super) struct Stored {
    pub(super) document: Document,
    pub(super) row: NewRow,
}

fn in_field(Table(field): Table, vectors: RowVectors) -> FieldRow {
    FieldRow { field, text: None, vectors }
}

/// What a document has in named fields after a change.
fn patched_fields(mut rows: Vec<FieldRow>, patches: Vec<(u32, FieldPatch)>) -> Vec<FieldRow> {
    for (field, patch) in patches {
        let at = rows.iter().position(|row| row.field == field);
        let before = at.map(|at| rows.remove(at));
        if let FieldPatch::Change { text, vectors } = patch {
            let text = text.or_else(|| before.and_then(|row| row.text));
            rows.insert(at.unwrap_or(rows.len()), FieldRow { field, text, vectors });
        }
    }
    rows
}
