//! What stands beside a vector field: filled while documents are written, then shown in its place.

use std::time::Instant;

use akidb_core::Seq;
use akidb_engine::{FieldRow, Fill, InShadow, NewRow, RowVectors, ShadowPage, UpsertRules};
use sqlx::{Sqlite, Transaction as Sqlx};

use super::{
    CommittedChange, DocumentStore, StoredField, StoredRows, VectorsPerDocument,
    field::{Fields, Place, Table},
    lookups::at_once,
    orders::Order,
    publisher::Publication,
    read::{Parts, Reader},
    row::read_seq,
    source::{ByKeys, Columns, Keys, by_keys, integer, rows_by_keys},
    transaction::{Stored, Transaction},
    vectors::{NewVector, rows_of},
    writer::Writer,
};
use crate::{StoreError, StoreMetrics};

/// Documents that are looked at to see whether a shadow lacks any that can be read.
const LACKING_ROWS: usize = 256;

/// Documents of a place, after a version, that have a row in a table or have none.
const DOCUMENTS: &str = "SELECT d.seq FROM documents d LEFT JOIN vectors v ON v.seq = d.seq \
    WHERE d.seq > ?1 AND (v.seq IS NOT NULL) = ?2 AND \
    ((d.fields IS NULL AND ?3 = 0) OR instr(',' || d.fields || ',', ',' || ?3 || ',') > 0 \
    OR instr(',' || d.fields || ',', ',' || ?3 || 't,') > 0) \
    ORDER BY d.seq LIMIT ?4";

const FILLED: ByKeys = by_keys!("seq", "SELECT seq FROM vectors");
const PASSAGES: ByKeys = by_keys!("seq", "SELECT passages FROM vectors");

impl DocumentStore {
    /// Writes vectors of a shadow from now on, in a place that has a field. Its tables are made where they are
    /// not there.
    ///
    /// # Errors
    /// When they can not be made; then it is as if nothing had been asked.
    pub async fn add_shadow(&self, shadow: StoredField, of: u32) -> Result<(), StoreError> {
        self.order(|reply| Order::AddShadow(shadow, of, reply)).await
    }

    /// Puts a shadow in the place of the field that it stands beside, between two commits.
    ///
    /// # Errors
    /// When it was dropped.
    pub async fn show(&self, shadow: u32) -> Result<(), StoreError> {
        self.order(|reply| Order::Show(shadow, reply)).await
    }

    /// Whether a shadow has vectors of every document of its field that can be read.
    ///
    /// # Errors
    /// When the read fails, or it was dropped.
    pub async fn is_filled(&self, shadow: u32) -> Result<bool, StoreError> {
        let (limit, mut after) = (LACKING_ROWS, Seq(0));
        loop {
            let wanted = InShadow { has_vectors: false, after, limit };
            let lacking = self.in_shadow(shadow, wanted).await?;
            match lacking.last {
                _ if !lacking.documents.is_empty() => return Ok(false),
                Some(last) => after = last,
                None => return Ok(true),
            }
        }
    }

    /// Documents of a field of which a shadow of it has vectors, or lacks them.
    ///
    /// # Errors
    /// When the read fails, or it was dropped.
    pub async fn in_shadow(&self, shadow: u32, wanted: InShadow) -> Result<ShadowPage, StoreError> {
        let fields = self.fields();
        let Place(place) = fields.place(Table(shadow))?;
        let mut snapshot = self.readers.begin().await?;
        let rows = sqlx::query(Table(shadow).sql(DOCUMENTS))
            .bind(wanted.after.0.cast_signed())
            .bind(wanted.has_vectors)
            .bind(place)
            .bind(i64::try_from(wanted.limit).unwrap_or(i64::MAX))
            .fetch_all(&mut *snapshot)
            .await?;
        let seqs: Vec<Seq> = rows.iter().map(|row| read_seq(row, 0)).collect();
        let metrics = &self.metrics;
        let mut reader = Reader { connection: &mut *snapshot, fields: &fields, metrics };
        let rows = reader.rows(Keys::Seqs(&seqs), Parts::Texts).await?.rows;
        let (mut documents, damaged) = (rows.documents, rows.damaged.len());
        documents.sort_unstable_by_key(|document| document.seq);
        Ok(ShadowPage { documents, damaged, last: seqs.last().copied() })
    }

    /// The rows of the database as of now, while writes go on.
    ///
    /// # Errors
    /// When the read can not begin.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let mut connection = self.readers.begin().await?;
        let last = sqlx::query("SELECT last_seq FROM sequence").fetch_one(&mut *connection).await?;
        Ok(Snapshot {
            last_seq: read_seq(&last, 0),
            connection,
            fields: self.fields(),
            metrics: self.metrics.clone(),
            path: self.path.clone(),
            has_damage: false,
        })
    }
}

/// The rows of a database as of one moment.
pub struct Snapshot {
    connection: Sqlx<'static, Sqlite>,
    last_seq: Seq,
    fields: Fields,
    metrics: StoreMetrics,
    path: std::path::PathBuf,
    has_damage: bool,
}

impl Snapshot {
    /// To be read.
    pub fn rows(&mut self) -> StoredRows<'_> {
        StoredRows {
            connection: &mut self.connection,
            last_seq: self.last_seq,
            fields: &self.fields,
            has_damage: &mut self.has_damage,
            metrics: &self.metrics,
            path: &self.path,
        }
    }
}

impl Writer {
    pub(super) async fn add_shadow(
        &mut self,
        shadow: StoredField,
        of: u32,
    ) -> Result<(), StoreError> {
        self.check_writable()?;
        let place = self.fields.read().place(Table(of))?;
        self.create(shadow.number, place).await?;
        let fields = self.fields.read().with_shadow(shadow.placed_in(place));
        *self.fields.write() = fields;
        Ok(())
    }

    /// Whoever follows commits learns of it as of one, after all of before.
    pub(super) async fn show(&mut self, shadow: u32) -> Result<(), StoreError> {
        let fields = self.fields.read().with_shown(shadow)?;
        *self.fields.write() = fields;
        let last_seq = self.last_seq();
        let change =
            CommittedChange { shown: Some(shadow), last_seq, ..CommittedChange::default() };
        let (began, answers) = (Instant::now(), Vec::new());
        let shown = self.publishing.publish(Publication { change, began, answers }).await;
        shown.map_err(|_| StoreError::Closed)?;
        self.publishing.settled().await;
        Ok(())
    }
}

impl Transaction<'_> {
    /// Adds vectors of a shadow to row versions, under a number of the commit's own: a state with them and one
    /// without must not have the same last number.
    ///
    /// Passages have the numbers that follow that of their document. Where they are more than that one
    /// has taken, the document is written anew.
    pub(super) fn fill(&mut self, fill: Fill) -> Result<u64, StoreError> {
        let table = Table(fill.shadow);
        if self.fields.place(table)? == Place::UNNAMED && self.fields.unnamed.0 == table {
            return Err(StoreError::FieldDropped { number: fill.shadow });
        }
        let versions: Vec<Seq> = fill.rows.iter().map(|(seq, _)| *seq).collect();
        let present = self.present(&versions)?;
        let filled = self.filled(table, &present)?;
        let (mut vectors, mut longer, mut count) = (Vec::<NewVector<'_>>::new(), Vec::new(), 0);
        let rows: Vec<(Seq, RowVectors)> =
            fill.rows.into_iter().map(|(seq, text)| (seq, RowVectors::Embedded(text))).collect();
        for (seq, row) in &rows {
            if present.binary_search(seq).is_err() || filled.contains(seq) {
                continue;
            }
            count += 1;
            match row.count() as u64 <= self.numbers_of(*seq, row.count())? {
                true => vectors.extend(rows_of(row, *seq)),
                false => longer.push((*seq, row)),
            }
        }
        if !vectors.is_empty() {
            self.last_seq.0 += 1;
            self.insert_vectors(table, &vectors)?;
        }
        for (seq, row) in longer {
            let (stored, _) = self.stored(&[seq])?;
            let Some(Stored { row: before, .. }) = stored.into_iter().next() else { continue };
            let row = FieldRow { field: fill.shadow, text: None, vectors: row.clone() };
            let row = match table {
                Table::UNNAMED => NewRow { vectors: Some(row.vectors), ..before },
                _ => {
                    let mut fields = before.fields.clone();
                    fields.push(row);
                    NewRow { fields, ..before }
                }
            };
            self.upsert(vec![row], UpsertRules::default())?;
        }
        Ok(count)
    }

    /// Those of some row versions that have vectors in a table.
    fn filled(&mut self, table: Table, versions: &[Seq]) -> Result<Vec<Seq>, StoreError> {
        let mut filled = Vec::new();
        let visit = &mut |row: &dyn Columns| {
            filled.push(read_seq(row, 0));
            Ok(())
        };
        let filled_of =
            rows_by_keys(self.connection, (&FILLED, table), Keys::Seqs(versions), visit);
        at_once(filled_of)?;
        Ok(filled)
    }

    /// How many numbers a row version is known to have taken, of those that are needed.
    fn numbers_of(&mut self, seq: Seq, needed: usize) -> Result<u64, StoreError> {
        let mut known = 1;
        if needed == 1 {
            return Ok(known);
        }
        for (table, per_document) in self.fields.tables() {
            if per_document == VectorsPerDocument::One {
                continue;
            }
            let visit = &mut |row: &dyn Columns| {
                let passages = integer(row, 0).ok().flatten().unwrap_or(1);
                known = known.max(passages.cast_unsigned());
                Ok(())
            };
            at_once(rows_by_keys(self.connection, (&PASSAGES, table), Keys::Seqs(&[seq]), visit))?;
        }
        Ok(known)
    }
}
