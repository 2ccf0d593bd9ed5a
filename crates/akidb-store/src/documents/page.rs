//! Documents page by page, in the order of their creation.
//!
//! A page is found in the index of the numbers that documents keep over their versions, and its rows
//! are read by sequence number. So a document comes once whatever is done to it meanwhile, and one
//! that can not be read has its place all the same.
//!
//! Where only some documents are wanted, the caller knows which row versions those were a moment ago. A
//! few are looked up; of many, the index of numbers is walked. Only rows that are newer are read to see
//! whether they are wanted.

use std::collections::{BTreeMap, HashMap};

use akidb_core::{DamagedDocument, Document, Filter, OrderBy, Seq, SortKey};
use akidb_engine::Rows;
use sqlx::{SqlSafeStr, SqliteConnection, sqlite::SqliteRow};

use super::{
    DocumentStore,
    field::Fields,
    read::{Parts, Reader},
    row::{read_seq, seq_to_sql},
    source::{Keys, json_list},
    walk::{row_versions, walk},
};
use crate::StoreError;

/// Row versions looked up in one go.
const LOOKED_UP_ROWS: usize = 1_000;

/// Numbers looked at in one go on a walk over all.
const WALKED_ROWS: usize = 1_024;

const NUMBERS: &str = "SELECT ifnull(first_seq, seq), seq FROM documents \
     INDEXED BY documents_by_number \
     WHERE ifnull(first_seq, seq) > ?1 AND ifnull(first_seq, seq) <= ?2 \
     ORDER BY ifnull(first_seq, seq) LIMIT ?3";

/// The same from the table, for when the index can not be read.
const NUMBERS_IN_TABLE: &str = "SELECT seq, ifnull(first_seq, seq) FROM documents NOT INDEXED \
     WHERE seq >= ?1 ORDER BY seq";

const NUMBERS_OF: &str = "SELECT ifnull(first_seq, seq), seq FROM documents \
     WHERE seq IN (SELECT value FROM json_each(?1))";

/// The documents that a filter lets through, as they were a moment ago.
#[derive(Clone, Copy, Debug)]
pub struct Matching<'f> {
    /// What it was that they matched.
    pub filter: &'f Filter,
    /// The value that they have besides.
    pub value: Option<OfValue<'f>>,
    /// Their row versions, ascending; of which it is not known because they are damaged, too.
    pub versions: &'f [Seq],
    /// The last sequence number of that moment.
    pub as_of: Seq,
}

/// Documents that are ordered by one value.
#[derive(Clone, Copy, Debug)]
pub struct OfValue<'f> {
    /// How they are ordered.
    pub order: &'f OrderBy,
    /// The value; absent for those without one.
    pub key: Option<&'f SortKey>,
}

impl Matching<'_> {
    fn matches(&self, document: &Document) -> bool {
        let has_value =
            |it: OfValue<'_>| SortKey::of(&document.metadata, it.order).as_ref() == it.key;
        self.filter.matches(document) && self.value.is_none_or(has_value)
    }
}

/// Asks for a page.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest<'f> {
    /// The number of the document that the page follows, 0 for the first page.
    pub after: Seq,
    /// The highest number of the documents of all pages.
    pub through: Seq,
    /// How many documents, damaged ones included.
    pub limit: usize,
    /// Which ones, all where absent.
    pub matching: Option<Matching<'f>>,
    /// Whether they come with their vectors.
    pub with_vector: bool,
}

/// A page of documents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// By ascending number.
    pub rows: Rows,
    /// The `after` of the next page; absent after the last one.
    pub next: Option<Seq>,
}

type Found = Result<Document, DamagedDocument>;

impl DocumentStore {
    /// A page of documents, in the order of their creation.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn page(&self, request: PageRequest<'_>) -> Result<Page, StoreError> {
        let page = loop {
            let fields = self.fields();
            match self.read_page(request, &fields).await {
                // It has met tables that are gone.
                Err(StoreError::Sqlite(_)) if self.lacks_some_of(&fields) => {}
                page => break page?,
            }
        };
        self.shown(page.rows.documents.iter().map(|document| document.seq).max()).await;
        Ok(page)
    }

    /// The numbers that the documents of some row versions keep, and these versions, in no particular
    /// order; those that are gone are absent. `None` where the table can not be read.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn numbers_of(
        &self,
        versions: &[Seq],
    ) -> Result<Option<Vec<(Seq, Seq)>>, StoreError> {
        look_up_numbers(&mut *self.readers.begin().await?, versions).await
    }

    async fn read_page(
        &self,
        request: PageRequest<'_>,
        fields: &Fields,
    ) -> Result<Page, StoreError> {
        let mut snapshot = self.readers.begin().await?;
        let looked_up = match request.matching {
            Some(matching) if self.are_few(matching.versions, request.limit) => {
                self.look_up((&mut snapshot, fields), &request, matching.versions).await?
            }
            _ => None,
        };
        let mut found = match looked_up {
            Some(found) => found,
            None => self.walk_over((&mut snapshot, fields), &request).await?,
        };
        let more = found.len() > request.limit;
        found.truncate(request.limit);
        let mut page = Page {
            next: found.last().filter(|_| more).map(|(number, _)| *number),
            ..Page::default()
        };
        for (_, found) in found {
            match found {
                Ok(document) => page.rows.documents.push(document),
                Err(damaged) => page.rows.damaged.push(damaged),
            }
        }
        Ok(page)
    }

    /// Whether looking up all versions is less work than walking until a page is full. A walk passes
    /// as many documents for each that it finds as there are for each that matches.
    fn are_few(&self, versions: &[Seq], limit: usize) -> bool {
        let (versions, wanted) = (versions.len() as u64, limit as u64 + 1);
        versions.saturating_mul(versions) <= self.document_count().saturating_mul(wanted)
    }

    /// The page and one document more, which tells whether there is another page; `None` where a
    /// version is gone, and another one of its document may have come, or the table can not be read.
    async fn look_up(
        &self,
        (snapshot, fields): (&mut SqliteConnection, &Fields),
        request: &PageRequest<'_>,
        versions: &[Seq],
    ) -> Result<Option<Vec<(Seq, Found)>>, StoreError> {
        let numbers = look_up_numbers(snapshot, versions).await?;
        let Some(mut numbers) = numbers.filter(|numbers| numbers.len() == versions.len()) else {
            return Ok(None);
        };
        numbers.retain(|(number, _)| *number > request.after && *number <= request.through);
        numbers.sort_unstable();
        numbers.truncate(request.limit.saturating_add(1));
        self.rows_of((snapshot, fields), &numbers, request).await.map(Some)
    }

    /// The same, found among all documents.
    async fn walk_over(
        &self,
        (snapshot, fields): (&mut SqliteConnection, &Fields),
        request: &PageRequest<'_>,
    ) -> Result<Vec<(Seq, Found)>, StoreError> {
        let mut found: Vec<(Seq, Found)> = Vec::new();
        let mut after = request.after;
        while found.len() <= request.limit {
            let wanted = request.limit.saturating_add(1) - found.len();
            let rows = request.matching.map_or(wanted, |_| wanted.max(WALKED_ROWS));
            let mut numbers = self.numbers(snapshot, after, request.through, rows).await?;
            let Some(&(last, _)) = numbers.last() else { break };
            after = last;
            let is_last = numbers.len() < rows;
            if let Some(Matching { versions, as_of, .. }) = request.matching {
                numbers.retain(|(_, seq)| *seq > as_of || versions.binary_search(seq).is_ok());
            }
            for numbers in numbers.chunks(wanted) {
                let rows = self.rows_of((&mut *snapshot, fields), numbers, request);
                found.extend(rows.await?);
                if found.len() > request.limit {
                    break;
                }
            }
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    /// The rows of numbers that are wanted, in their order.
    async fn rows_of(
        &self,
        (connection, fields): (&mut SqliteConnection, &Fields),
        numbers: &[(Seq, Seq)],
        request: &PageRequest<'_>,
    ) -> Result<Vec<(Seq, Found)>, StoreError> {
        let seqs: Vec<Seq> = numbers.iter().map(|(_, seq)| *seq).collect();
        let keys = Keys::Seqs(&seqs);
        let mut reader = Reader { connection, fields, metrics: &self.metrics };
        let rows = reader.rows(keys, Parts::of(request.with_vector)).await?.rows;
        let sound = rows.documents.into_iter().map(|document| (document.seq, Ok(document)));
        let mut by_seq: HashMap<Seq, Found> = sound.collect();
        by_seq.extend(rows.damaged.into_iter().filter_map(|row| Some((row.seq?, Err(row)))));
        let found = numbers.iter().map(|&(number, seq)| {
            // An index that names a row that is not there is damaged itself.
            let absent = || Err(DamagedDocument { id: None, seq: Some(seq) });
            (number, by_seq.remove(&seq).unwrap_or_else(absent))
        });
        let wanted = |found: &Found| match (found, request.matching) {
            (Ok(document), Some(matching)) => {
                document.seq <= matching.as_of || matching.matches(document)
            }
            _ => true,
        };
        Ok(found.filter(|(_, found)| wanted(found)).collect())
    }

    /// The next documents by number: that number, and the sequence number of the row.
    async fn numbers(
        &self,
        connection: &mut SqliteConnection,
        after: Seq,
        through: Seq,
        limit: usize,
    ) -> Result<Vec<(Seq, Seq)>, StoreError> {
        let limit_sql = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = sqlx::query(NUMBERS)
            .bind(seq_to_sql(after))
            .bind(seq_to_sql(through))
            .bind(limit_sql)
            .fetch_all(&mut *connection)
            .await
            .map_err(StoreError::from);
        match rows {
            Err(error) if error.is_damaged_page() => {}
            rows => {
                let rows = rows?;
                let numbers = rows.iter().map(|row| (read_seq(row, 0), read_seq(row, 1)));
                let numbers: Vec<(Seq, Seq)> = numbers.collect();
                // Numbers out of their order would lead a scroll in a circle.
                let ascend = numbers.is_sorted_by(|(left, _), (right, _)| left < right);
                let within = |(number, _): &(Seq, Seq)| *number > after && *number <= through;
                if ascend && numbers.iter().all(within) {
                    return Ok(numbers);
                }
            }
        }
        // Slower, as it sorts what the index has in order.
        let mut numbers: BTreeMap<Seq, Seq> = BTreeMap::new();
        let visit = |row: &SqliteRow, seq| {
            numbers.insert(seq, read_seq(row, 1));
            Ok(true)
        };
        let last = self.last_seq();
        if !walk(connection, NUMBERS_IN_TABLE.into_sql_str(), Seq(0), last, visit).await?.is_empty()
        {
            // Of those that can not be read, the number is their sequence number as far as is known.
            for seq in row_versions(connection, last).await? {
                numbers.entry(seq).or_insert(seq);
            }
        }
        let mut numbers: Vec<(Seq, Seq)> =
            numbers.into_iter().map(|(seq, number)| (number, seq)).collect();
        numbers.retain(|(number, _)| *number > after && *number <= through);
        numbers.sort_unstable();
        numbers.truncate(limit);
        Ok(numbers)
    }
}

async fn look_up_numbers(
    snapshot: &mut SqliteConnection,
    versions: &[Seq],
) -> Result<Option<Vec<(Seq, Seq)>>, StoreError> {
    let mut numbers = Vec::with_capacity(versions.len());
    for versions in versions.chunks(LOOKED_UP_ROWS) {
        let seqs: Vec<u64> = versions.iter().map(|seq| seq.0).collect();
        let rows = sqlx::query(NUMBERS_OF).bind(json_list(&seqs)).fetch_all(&mut *snapshot);
        let rows = match rows.await.map_err(StoreError::from) {
            Err(error) if error.is_damaged_page() => return Ok(None),
            rows => rows?,
        };
        numbers.extend(rows.iter().map(|row| (read_seq(row, 0), read_seq(row, 1))));
    }
    Ok(Some(numbers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{StoreMetrics, StoreOptions};

    /// Otherwise a page would read the rows of all documents before it, or each row twice.
    #[tokio::test]
    async fn a_page_is_found_in_the_index_alone() {
        let folder = tempfile::tempdir().unwrap();
        let metrics = StoreMetrics::register(&prometheus::Registry::new()).unwrap();
        let options = StoreOptions::plain(metrics);
        let store = DocumentStore::open(folder.path(), options).await.unwrap().start(|_| {});
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {NUMBERS}"));
        let plan = sqlx::query(explain).bind(0).bind(9).bind(9).fetch_all(&store.readers);
        let plan: Vec<String> =
            plan.await.unwrap().iter().map(|row| sqlx::Row::get(row, 3)).collect();
        let plan = plan.join("; ");
        assert!(
            plan.contains("SEARCH documents USING COVERING INDEX documents_by_number"),
            "{plan}"
        );
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
