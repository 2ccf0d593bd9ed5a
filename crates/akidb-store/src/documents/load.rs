//! Opening a collection: the schema, the lost writes, and every vector for the index.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use akidb_core::{DocumentId, Metadata, Seq, Timestamp};
use parking_lot::RwLock;
use sqlx::{Row, SqlSafeStr, SqliteConnection, sqlite::SqliteRow};
use tokio::sync::{mpsc, watch};

use super::{
    AddedDocument, CommittedChange, DocumentStore, LostRange, Position, QUEUE_WRITES_MAX,
    StoreOptions, StoredVector, Totals,
    field::{self, Fields, Place, Places, Table},
    history::{self, History},
    identity,
    log_debt::LogDebt,
    lookups::Lookups,
    placement::{Placement, Placements},
    publisher::Publisher,
    read::ids_of,
    row::{document_columns, passage_columns, read_document, read_id, read_vector, vector_columns},
    row_writer::RowWriter,
    tidy::Tidy,
    vectors::{VectorKey, VectorsPerDocument},
    walk::{row_versions, walk},
    writer::Writer,
};
use crate::{StoreError, StoreMetrics, connection, migrations};

/// The database of a collection, in its folder.
pub(crate) const FILE_NAME: &str = "documents.db";

const SELECT_ONE: &str = concat!(
    "SELECT v.seq, ",
    vector_columns!(),
    " FROM vectors v WHERE v.seq >= ?1 ORDER BY v.seq"
);

/// All that a row of `vectors` can have.
pub(super) const SELECT_VECTORS: &str = concat!(
    "SELECT v.seq, ",
    vector_columns!(),
    ", ",
    passage_columns!(),
    " FROM vectors v WHERE v.seq >= ?1 ORDER BY v.seq"
);

/// A collection that is open but takes no writes yet, so that its indexes can be built.
pub struct Loader {
    path: PathBuf,
    connection: SqliteConnection,
    /// For rows that are to be written.
    rows: RowWriter,
    history: History,
    totals: Totals,
    has_damage: bool,
    options: StoreOptions,
    fields: Fields,
}

/// What is searched for of documents, whose columns are those of [`read_document`]. A text is there where it is
/// wanted, or the checksum needs it.
const CONTENTS_WITH_TEXTS: &str =
    concat!("SELECT ", document_columns!(), " FROM documents d WHERE d.seq >= ?1 ORDER BY d.seq");
const CONTENTS: &str = "SELECT d.seq, d.id, iif(d.expires_at IS NULL, NULL, d.text), d.metadata, \
     d.checksum, d.first_seq, d.fields, d.expires_at \
     FROM documents d WHERE d.seq >= ?1 ORDER BY d.seq";

/// Documents, by where they have vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// In a field, or to be in a shadow, by its number.
    In(u32),
    /// Not in the field without a name.
    NotInUnnamed,
}

impl Placed {
    /// Those of all documents, which come and go ascending, that are placed so.
    pub(super) fn among(
        self,
        fields: &Fields,
        placements: &Placements,
        all: Vec<Seq>,
    ) -> Result<Vec<Seq>, StoreError> {
        match self {
            Self::In(number) => Ok(placements.in_place(fields.place(Table(number))?, all)),
            Self::NotInUnnamed => Ok(placements.not_in_unnamed(&all)),
        }
    }

    /// Whether a document is placed so.
    fn test(self, fields: &Fields) -> Result<impl Fn(&Placement) -> bool + use<>, StoreError> {
        let (place, is_there) = match self {
            Self::In(number) => (fields.place(Table(number))?, true),
            Self::NotInUnnamed => (Place::UNNAMED, false),
        };
        Ok(move |placement: &Placement| placement.has(place).is_some() == is_there)
    }
}

impl DocumentStore {
    /// Opens, or makes, the database in a collection's folder.
    ///
    /// # Errors
    /// When the file can not be opened, is another database than the one of before, or its schema
    /// is newer than this program.
    pub async fn open(folder: &Path, options: StoreOptions) -> Result<Loader, StoreError> {
        let path = folder.join(FILE_NAME);
        identity::check(&path).await?;
        let mut connection = connection::open_writer(&path, &migrations::collection()).await?;
        crate::directory::sync_directory(folder)?;
        let history = history::settle(&mut connection, folder, &path).await?;
        report(&history, &path, &options);
        let last_seq = history.position.seq;
        let totals = Totals { documents: 0.into(), last_seq: last_seq.0.into() };
        let has_damage = history.renewed || !history.faults.is_empty();
        let fields = Fields::of(&options, &Places::read(&mut connection).await?);
        if history.unwritable.is_none() {
            let numbers = field::numbers(&mut connection).await?;
            let tables = fields.tables().map(|(table, _)| table);
            for table in tables.filter(|Table(number)| *number > 0 && !numbers.contains(number)) {
                table.create(fields.place(table)?, &mut connection).await?;
            }
        }
        let rows = RowWriter::open(&path, options.commits.clone())?;
        let mut loader =
            Loader { path, connection, rows, history, totals, has_damage, options, fields };
        let documents = loader.count().await?;
        loader.totals.documents.store(documents, Ordering::Relaxed);
        Ok(loader)
    }
}

fn report(history: &History, path: &Path, options: &StoreOptions) {
    for fault in &history.faults {
        options.metrics.damaged_rows.inc();
        tracing::error!(database = %path.display(), fault, "a database is not as it was left");
    }
    if history.lost_now > 0 {
        options.metrics.lost_writes.inc_by(history.lost_now);
        let lost = history.lost.last();
        let first = lost.map(|lost| lost.first.0);
        let last = lost.map(|lost| lost.last.0);
        tracing::error!(database = %path.display(), first, last, "acknowledged writes are missing");
    }
    if let Some(reason) = &history.unwritable {
        tracing::error!(database = %path.display(), reason, "a database can be read and not written");
    }
}

impl Loader {
    /// Which database it is, in which epoch, and the number of the last commit.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.history.position
    }

    /// Whether this opening raised the epoch: nothing that was derived before is to be used.
    #[must_use]
    pub const fn is_renewed(&self) -> bool {
        self.history.renewed
    }

    /// Whether this opening found damage or a loss.
    #[must_use]
    pub const fn has_damage(&self) -> bool {
        self.has_damage
    }

    /// Takes the word of something derived from this database that it once went further: the
    /// numbers behind its last are lost, which is recorded, and the epoch is raised.
    ///
    /// # Errors
    /// When that can not be stored.
    pub async fn witness(&mut self, seq: Seq) -> Result<(), StoreError> {
        let stored = self.history.position.seq;
        if seq <= stored {
            return Ok(());
        }
        let lost = LostRange { first: Seq(stored.0 + 1), last: seq };
        let epoch = self.history.position.epoch + 1;
        let position = Position { epoch, seq, ..self.history.position };
        history::store(&mut self.connection, position, Some(lost)).await?;
        self.history.high_water.write(position)?;
        self.history.position = position;
        self.history.renewed = true;
        self.history.lost.push(lost);
        self.history.lost_now = seq.0 - stored.0;
        self.has_damage = true;
        self.totals.last_seq.store(seq.0, Ordering::Relaxed);
        report(&self.history, &self.path, &self.options);
        Ok(())
    }

    /// The sequence number of the last commit, 0 before the first.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        self.history.position.seq
    }

    /// Documents stored, damaged ones included.
    #[must_use]
    pub fn document_count(&self) -> u64 {
        self.totals.documents.load(Ordering::Relaxed)
    }

    async fn count(&mut self) -> Result<u64, StoreError> {
        let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM documents");
        match count.fetch_one(&mut self.connection).await.map_err(StoreError::from) {
            Err(error) if error.is_damaged_page() => Ok(self.rows().versions().await?.len() as u64),
            count => Ok(count?.cast_unsigned()),
        }
    }

    pub(super) const fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// What it has, to be read.
    pub fn rows(&mut self) -> StoredRows<'_> {
        StoredRows {
            connection: &mut self.connection,
            last_seq: self.history.position.seq,
            fields: &self.fields,
            has_damage: &mut self.has_damage,
            metrics: &self.options.metrics,
            path: &self.path,
        }
    }

    /// Starts the writer. `committed` is called after each commit and before its writes are
    /// acknowledged, so that whoever sees an acknowledgement sees the write in the indexes.
    #[must_use]
    pub fn start(self, committed: impl FnMut(CommittedChange) + Send + 'static) -> DocumentStore {
        let (queue, jobs) = mpsc::channel(QUEUE_WRITES_MAX);
        let (orders, ordered) = mpsc::channel(1);
        let fields = Arc::new(RwLock::new(self.fields));
        let totals = Arc::new(self.totals);
        let opened_at = self.history.position;
        let (publish, published) = watch::channel(opened_at.seq);
        let publisher = Publisher {
            totals: Arc::clone(&totals),
            published: publish.clone(),
            metrics: self.options.metrics.clone(),
            fail_stop: self.options.fail_stop.clone(),
            committed: Some(Box::new(committed)),
        };
        let writer = Writer {
            connection: self.connection,
            rows: Some(self.rows),
            log_debt: LogDebt::none(self.options.metrics.log_bytes.clone()),
            high_water: self.history.high_water,
            totals: Arc::clone(&totals),
            published: publish,
            opened_at,
            fields: Arc::clone(&fields),
            metrics: self.options.metrics.clone(),
            has_damage: self.has_damage,
            tidy: Tidy::new(self.has_damage),
            orders: ordered,
            unwritable: self.history.unwritable,
            fail_stop: self.options.fail_stop,
            clock: self.options.clock,
            publishing: publisher.start(),
        };
        let metrics = self.options.metrics;
        let readers_max = self.options.readers_max;
        let readers = connection::open_readers(&self.path, readers_max.div_ceil(2));
        let (of_lookups, path) = (Arc::clone(&fields), self.path.clone());
        let lookups = Lookups::new(path, readers_max, of_lookups, metrics.clone());
        DocumentStore {
            readers,
            lookups: Arc::new(lookups),
            queue,
            orders,
            writer: tokio::spawn(writer.run(jobs)),
            totals,
            published,
            opened_at,
            lost: self.history.lost,
            path: self.path,
            fields,
            metrics,
        }
    }
}

/// The rows of a database as of one moment, to make indexes of.
pub struct StoredRows<'r> {
    pub(super) connection: &'r mut SqliteConnection,
    pub(super) last_seq: Seq,
    pub(super) fields: &'r Fields,
    pub(super) has_damage: &'r mut bool,
    pub(super) metrics: &'r StoreMetrics,
    pub(super) path: &'r Path,
}

impl StoredRows<'_> {
    /// The sequence number of the last commit, 0 before the first.
    #[must_use]
    pub const fn last_seq(&self) -> Seq {
        self.last_seq
    }

    /// The row versions that are placed so, ascending. They are read from indexes, which are a small
    /// part of the database.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn documents(&mut self, placed: Placed) -> Result<Vec<Seq>, StoreError> {
        let all = self.versions().await?;
        let placements = Placements::read(self.connection, self.last_seq).await?;
        placed.among(self.fields, &placements, all)
    }

    async fn versions(&mut self) -> Result<Vec<Seq>, StoreError> {
        row_versions(self.connection, self.last_seq).await
    }

    /// Gives what searches ask of the row versions after `after` that are placed so to `visit`, ascending, their texts
    /// where they are wanted. Checksums are not compared: a row that is damaged is found and not served.
    /// Metadata that are no JSON are empty. Returns the row versions of which nothing can be read.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn contents(
        &mut self,
        (placed, with_texts): (Placed, bool),
        after: Seq,
        mut visit: impl FnMut(AddedDocument) + Send,
    ) -> Result<Vec<Seq>, StoreError> {
        let sql = if with_texts { CONTENTS_WITH_TEXTS } else { CONTENTS };
        let (mut unusable, mut damaged) = (Vec::new(), 0);
        let is_placed = placed.test(self.fields)?;
        let read = |row: &SqliteRow, seq: Seq| {
            let fields: Option<&[u8]> = row.try_get_unchecked(6)?;
            let fields = fields.map(|fields| String::from_utf8_lossy(fields).into_owned());
            if !is_placed(&Placement(fields)) {
                return Ok(true);
            }
            // One that can not be read is the id of no document: the empty text.
            let id = read_id(row, 1).unwrap_or_else(|| DocumentId::Text(String::new()));
            let metadata: Option<&[u8]> = row.try_get_unchecked(3)?;
            let metadata = serde_json::from_slice(metadata.unwrap_or_default());
            let metadata = metadata.unwrap_or_else(|error| {
                unusable.push((seq, error));
                Metadata::default()
            });
            // A text that is damaged is found by no word that it has not, and is not served.
            let text: Option<&[u8]> = row.try_get_unchecked(2)?;
            let text = text.filter(|_| with_texts);
            let text = text.map(|text| String::from_utf8_lossy(text).into_owned());
            let expires_at: Option<i64> = row.try_get_unchecked(7)?;
            let mut expires_at = expires_at.map(Timestamp::from_unix_ms);
            // A damaged moment must not take a document out of sight: it is read, and told of.
            if expires_at.is_some() && read_document(row).is_err() {
                (damaged, expires_at) = (damaged + 1, None);
            }
            visit(AddedDocument { seq, id, metadata, text, expires_at });
            Ok(true)
        };
        let last = self.last_seq;
        let unreadable = walk(self.connection, sql.into_sql_str(), after, last, read).await?;
        for (seq, error) in &unusable {
            self.metrics.damaged_rows.inc();
            tracing::error!(%seq, %error, "stored metadata can not be read or filtered by");
        }
        self.metrics.damaged_rows.inc_by(damaged);
        *self.has_damage |= !unreadable.is_empty() || !unusable.is_empty() || damaged > 0;
        if unreadable.is_empty() {
            return Ok(Vec::new());
        }
        let mut documents = self.documents(placed).await?;
        documents.retain(|seq| unreadable.iter().any(|range| range.contains(&seq.0)));
        Ok(documents)
    }

    /// Gives every vector of a field, by its number, after `after` to `visit`, by ascending sequence
    /// number, and returns the documents after it of which a vector there is damaged or missing and
    /// was left out. Vectors without a document are left out as well.
    ///
    /// # Errors
    /// When the read fails, or there is no such field.
    pub async fn vectors(
        &mut self,
        field: u32,
        after: Seq,
        mut visit: impl FnMut(StoredVector) + Send,
    ) -> Result<Vec<Seq>, StoreError> {
        let table = Table(field);
        let mut documents = self.documents(Placed::In(field)).await?;
        documents.retain(|document| *document > after);
        let per_document = self.fields.per_document(table)?;
        let sql = match per_document {
            VectorsPerDocument::One => SELECT_ONE,
            VectorsPerDocument::Several => SELECT_VECTORS,
        };
        let mut expected = Expected::new(&documents);
        let mut damaged = 0_u64;
        let read = |row: &SqliteRow, seq: Seq| {
            let Some(row) = read_vector(row, seq, 1, per_document) else {
                damaged += 1;
                return Ok(false);
            };
            let passage = row.passage.as_ref();
            let document = passage.and_then(|passage| passage.document).unwrap_or(seq);
            let count = passage.and_then(|passage| passage.count).unwrap_or(1);
            if expected.takes(document, seq, count) {
                let passage = u32::try_from(seq.0.saturating_sub(document.0)).unwrap_or(u32::MAX);
                visit(StoredVector { key: VectorKey { document, passage }, vector: row.vector });
            } else {
                damaged += 1;
            }
            Ok(true)
        };
        let last = self.last_seq;
        let unreadable = walk(self.connection, table.sql(sql), after, last, read).await?;
        let incomplete = expected.incomplete();
        *self.has_damage |= damaged > 0 || !incomplete.is_empty() || !unreadable.is_empty();
        self.metrics.damaged_rows.inc_by(damaged.max(incomplete.len() as u64));
        self.report_incomplete(&incomplete).await?;
        // Loading has filled the page cache with vectors that the writer will not read again.
        sqlx::query("PRAGMA shrink_memory").execute(&mut *self.connection).await?;
        Ok(incomplete)
    }

    /// Names the first documents of which a vector is damaged or missing.
    async fn report_incomplete(&mut self, incomplete: &[Seq]) -> Result<(), StoreError> {
        const NAMED_MAX: usize = 100;
        if incomplete.is_empty() {
            return Ok(());
        }
        let named: Vec<u64> = incomplete.iter().take(NAMED_MAX).map(|seq| seq.0).collect();
        let ids = ids_of(self.connection, &named).await?;
        for seq in named {
            let id = ids.get(&Seq(seq)).map(ToString::to_string);
            tracing::error!(
                database = %self.path.display(), seq, id,
                "a vector of a stored document is damaged or missing and is not searched"
            );
        }
        let documents = incomplete.len();
        tracing::error!(database = %self.path.display(), documents, "documents are not searched");
        Ok(())
    }
}

/// Which vectors the documents of a database should have, compared with those that come.
pub(super) struct Expected<'d> {
    /// Ascending.
    documents: &'d [Seq],
    /// The first document whose vectors have not all come.
    next: usize,
    /// How many vectors of it have come, and how many there are.
    came: u32,
    of: u32,
    incomplete: Vec<Seq>,
}

impl<'d> Expected<'d> {
    pub(super) const fn new(documents: &'d [Seq]) -> Self {
        Self { documents, next: 0, came: 0, of: 0, incomplete: Vec::new() }
    }

    /// Whether a vector, which comes by ascending number, is of a document. `count` is how many
    /// the first vector of a document says there are.
    pub(super) fn takes(&mut self, document: Seq, seq: Seq, count: u32) -> bool {
        while self.documents.get(self.next).is_some_and(|next| *next < document) {
            self.finish();
        }
        if self.documents.get(self.next) != Some(&document) {
            return false;
        }
        self.came += 1;
        if seq == document {
            self.of = count;
        }
        true
    }

    fn finish(&mut self) {
        if self.of == 0 || self.came < self.of {
            self.incomplete.push(self.documents[self.next]);
        }
        (self.came, self.of) = (0, 0);
        self.next += 1;
    }

    pub(super) fn incomplete(mut self) -> Vec<Seq> {
        while self.next < self.documents.len() {
            self.finish();
        }
        self.incomplete
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use akidb_engine::{Applied, NewRow, RowVectors, UpsertRules, Write};
    use tokio::time::Instant;

    use super::*;
    use crate::StoreMetrics;

    async fn upsert(store: &DocumentStore, id: i64, values: usize) -> Result<Applied, StoreError> {
        let row = NewRow {
            expiry: akidb_core::Expiry::Unsaid,
            id: DocumentId::Integer(id),
            text: None,
            metadata: Metadata::default(),
            vectors: Some(RowVectors::Given(vec![1.0; values])),
            fields: Vec::new(),
            if_seq: None,
        };
        let deadline = Instant::now() + Duration::from_secs(600);
        store.write(Write::Upsert(vec![row], UpsertRules::default()), deadline).await
    }

    /// SQLite rolls back by itself when it is full, behind the back of whoever began.
    #[tokio::test]
    async fn a_full_disk_refuses_a_write_and_the_next_that_fits_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let metrics = StoreMetrics::register(&prometheus::Registry::new()).unwrap();
        let options = StoreOptions::plain(metrics);
        let loader = DocumentStore::open(folder.path(), options).await.unwrap();
        let few_pages = "PRAGMA max_page_count = 24";
        loader.rows.connection().0.query_row(few_pages, [], |_| Ok(())).unwrap();
        let store = loader.start(|_| {});
        upsert(&store, 1, 1_000).await.unwrap();
        for id in 2..5 {
            let refused = upsert(&store, id, 200_000).await;
            assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
        }
        upsert(&store, 5, 1_000).await.unwrap();
        assert_eq!((store.document_count(), store.last_seq()), (2, Seq(2)));
        store.close().await;
    }
}
