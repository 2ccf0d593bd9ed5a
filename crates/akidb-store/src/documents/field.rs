//! Vector fields: the tables of each, and which of them a document has vectors in.
//!
//! The field without a name has the table `vectors` and the texts of `documents`; a named one has
//! tables after its number, alike in their columns. They are made when the field is added, and dropped
//! when it is: because it is told so, never because nobody knows them.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use akidb_core::{FieldName, Seq};
use akidb_engine::NewRow;
use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, Row, SqlSafeStr, SqlStr, SqliteConnection, sqlite::SqliteRow};

use super::{Placed, VectorsPerDocument, row::read_seq, walk::walk};
use crate::StoreError;

/// A named vector field of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredField {
    /// Its number, from 1, after which its tables are called.
    pub number: u32,
    /// Its name.
    pub name: FieldName,
    /// Whether its texts are cut. Fixed for the life of the field.
    pub vectors_per_document: VectorsPerDocument,
}

/// The fields of a collection.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    /// Of the field without a name.
    pub(super) unnamed: VectorsPerDocument,
    /// By name.
    pub(super) named: Arc<[StoredField]>,
}

impl Fields {
    /// The tables of all fields, and whether their texts are cut.
    pub(super) fn tables(&self) -> impl Iterator<Item = (Table, VectorsPerDocument)> + '_ {
        let named = self.named.iter().map(|it| (Table(it.number), it.vectors_per_document));
        std::iter::once((Table::UNNAMED, self.unnamed)).chain(named)
    }

    /// A named field.
    pub(super) fn named(&self, number: u32) -> Result<&StoredField, StoreError> {
        let field = self.named.iter().find(|field| field.number == number);
        field.ok_or(StoreError::FieldDropped { number })
    }

    /// Whether the texts of a field are cut.
    pub(super) fn per_document(&self, table: Table) -> Result<VectorsPerDocument, StoreError> {
        match table {
            Table::UNNAMED => Ok(self.unnamed),
            Table(number) => Ok(self.named(number)?.vectors_per_document),
        }
    }

    /// Whether there is one here that is not among those of later.
    pub(super) fn lack_some_of(&self, now: &Self) -> bool {
        self.named.iter().any(|field| now.named(field.number).is_err())
    }

    /// The same fields and another one.
    pub(super) fn with(&self, field: StoredField) -> Self {
        let mut named: Vec<StoredField> = self.named.to_vec();
        named.retain(|it| it.number != field.number);
        named.push(field);
        named.sort_by(|left, right| left.name.cmp(&right.name));
        Self { named: named.into(), ..*self }
    }

    /// The same fields without one.
    pub(super) fn without(&self, number: u32) -> Self {
        let named = self.named.iter().filter(|field| field.number != number).cloned();
        Self { named: named.collect(), ..*self }
    }
}

/// The table of the vectors of a field, by the field's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Table(pub(super) u32);

impl Table {
    /// Of the field without a name.
    pub(super) const UNNAMED: Self = Self(0);

    /// A statement over `vectors`, and `texts`, for this field.
    pub(super) fn sql(self, of_unnamed: &'static str) -> SqlStr {
        if self == Self::UNNAMED {
            return of_unnamed.into_sql_str();
        }
        let Self(number) = self;
        let sql = of_unnamed.replace(" vectors ", &format!(" vectors_{number} "));
        AssertSqlSafe(sql.replace(" texts ", &format!(" texts_{number} "))).into_sql_str()
    }

    /// Makes the tables of a named field where they are not there.
    pub(super) async fn create(self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let Self(number) = self;
        let sql = CREATE.replace("{N}", &number.to_string());
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
        Ok(())
    }
}

/// As the migrations have made `vectors`.
const CREATE: &str = "
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS vectors_{N} (
    seq            INTEGER PRIMARY KEY,
    vector         BLOB    NOT NULL,
    checksum       INTEGER NOT NULL,
    text_hash      BLOB    CHECK (length(text_hash) = 16),
    tokens         INTEGER,
    truncated      INTEGER CHECK (truncated IN (0, 1)),
    document_seq   INTEGER CHECK (document_seq < seq),
    passages       INTEGER CHECK (passages > 0),
    start_byte     INTEGER,
    end_byte       INTEGER CHECK (end_byte >= start_byte),
    unknown_tokens INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS vectors_{N}_by_text_hash ON vectors_{N} (text_hash)
    WHERE text_hash IS NOT NULL;
CREATE INDEX IF NOT EXISTS vectors_{N}_by_document ON vectors_{N} (document_seq)
    WHERE document_seq IS NOT NULL;
CREATE TABLE IF NOT EXISTS texts_{N} (
    seq      INTEGER PRIMARY KEY,
    text     TEXT    NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
COMMIT;";

/// The numbers of the fields that a database has tables of, ascending, whether or not anybody knows
/// them.
pub(super) async fn numbers(connection: &mut SqliteConnection) -> Result<Vec<u32>, StoreError> {
    numbers_in(connection, "main").await
}

/// The same of a database that is attached under a name.
pub(super) async fn numbers_in(
    connection: &mut SqliteConnection,
    database: &'static str,
) -> Result<Vec<u32>, StoreError> {
    let sql = AssertSqlSafe(format!(
        "SELECT substr(name, 9) FROM {database}.sqlite_schema \
         WHERE type = 'table' AND name GLOB 'vectors_[0-9]*'"
    ));
    let names: Vec<String> = sqlx::query_scalar(sql).fetch_all(connection).await?;
    let mut numbers: Vec<u32> = names.iter().filter_map(|name| name.parse().ok()).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Whether a table is there.
pub(super) async fn is_there(
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<bool, StoreError> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    let tables: i64 = sqlx::query_scalar(sql).bind(name).fetch_one(connection).await?;
    Ok(tables > 0)
}

/// What stands in the column `fields` of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Placement(pub(super) Option<String>);

impl Placement {
    /// Where a row has vectors and texts.
    pub(super) fn of(row: &NewRow) -> Self {
        if row.fields.is_empty() && row.vectors.is_some() {
            return Self(None);
        }
        let mut fields: Vec<(u32, bool)> =
            row.fields.iter().map(|field| (field.field, field.text.is_some())).collect();
        fields.extend(row.vectors.as_ref().map(|_| (0, false)));
        fields.sort_unstable();
        let mut text = String::new();
        for (number, has_text) in fields {
            let comma = if text.is_empty() { "" } else { "," };
            let mark = if has_text { "t" } else { "" };
            let _infallible = write!(text, "{comma}{number}{mark}");
        }
        Self(Some(text))
    }

    /// Whether the document has vectors in a field, and whether it has a text of its own there.
    pub(super) fn has(&self, Table(number): Table) -> Option<HasText> {
        let Some(text) = &self.0 else { return (number == 0).then_some(HasText::No) };
        text.split(',').find_map(|field| {
            let (digits, has_text) = match field.strip_suffix('t') {
                Some(digits) => (digits, HasText::Yes),
                None => (field, HasText::No),
            };
            (digits.parse() == Ok(number)).then_some(has_text)
        })
    }
}

/// Whether a document has a text of its own in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HasText {
    Yes,
    No,
}

/// Which documents are elsewhere than in the field without a name alone.
#[derive(Debug, Default)]
pub(super) struct Placements(BTreeMap<Placement, Vec<Seq>>);

impl Placements {
    /// Reads the index of them, or where that can not be read the table.
    pub(super) async fn read(
        connection: &mut SqliteConnection,
        last: Seq,
    ) -> Result<Self, StoreError> {
        let mut placements = Self::default();
        {
            let mut rows = sqlx::query(PLACED).fetch(&mut *connection);
            loop {
                match rows.try_next().await.map_err(StoreError::from) {
                    Ok(Some(row)) => placements.add_row(&row)?,
                    Ok(None) => return Ok(placements),
                    Err(error) if error.is_damaged_page() => break,
                    Err(error) => return Err(error),
                }
            }
        }
        let mut placements = Self::default();
        let visit = |row: &SqliteRow, _| placements.add_row(row).map(|()| true);
        walk(connection, PLACED_IN_TABLE.into_sql_str(), Seq(0), last, visit).await?;
        Ok(placements)
    }

    fn add_row(&mut self, row: &SqliteRow) -> Result<(), StoreError> {
        let fields: Option<&[u8]> = row.try_get_unchecked(1)?;
        let fields = fields.map(|fields| String::from_utf8_lossy(fields).into_owned());
        self.add(read_seq(row, 0), Placement(fields));
        Ok(())
    }

    /// Takes up where a document has vectors.
    pub(super) fn add(&mut self, seq: Seq, placement: Placement) {
        if placement.0.is_some() {
            self.0.entry(placement).or_default().push(seq);
        }
    }

    /// Those of all documents, which come and go ascending, that have vectors in a field.
    pub(super) fn in_field(&self, table: Table, all: Vec<Seq>) -> Vec<Seq> {
        match table {
            Table::UNNAMED => {
                let elsewhere = self.sorted(|placement| placement.has(table).is_none());
                without(all, &elsewhere)
            }
            _ => {
                let here = self.sorted(|placement| placement.has(table).is_some());
                within(here, &all)
            }
        }
    }

    /// Those of all documents, which come and go ascending, that are placed so.
    pub(super) fn placed(&self, placed: Placed, all: Vec<Seq>) -> Vec<Seq> {
        match placed {
            Placed::In(number) => self.in_field(Table(number), all),
            Placed::NotInUnnamed => {
                within(self.sorted(|placement| placement.has(Table::UNNAMED).is_none()), &all)
            }
        }
    }

    /// Those that have a text in a field, ascending.
    pub(super) fn with_text(&self, table: Table) -> Vec<Seq> {
        self.sorted(|placement| placement.has(table) == Some(HasText::Yes))
    }

    fn sorted(&self, wanted: impl Fn(&Placement) -> bool) -> Vec<Seq> {
        let groups = self.0.iter().filter(|(placement, _)| wanted(placement));
        let mut seqs: Vec<Seq> = groups.flat_map(|(_, seqs)| seqs.iter().copied()).collect();
        seqs.sort_unstable();
        seqs
    }
}

fn without(mut all: Vec<Seq>, some: &[Seq]) -> Vec<Seq> {
    if !some.is_empty() {
        all.retain(|seq| some.binary_search(seq).is_err());
    }
    all
}

fn within(mut some: Vec<Seq>, all: &[Seq]) -> Vec<Seq> {
    some.retain(|seq| all.binary_search(seq).is_ok());
    some
}

const PLACED: &str = "SELECT seq, fields FROM documents INDEXED BY documents_by_fields \
     WHERE fields IS NOT NULL";
const PLACED_IN_TABLE: &str =
    "SELECT seq, fields FROM documents NOT INDEXED WHERE seq >= ?1 ORDER BY seq";

#[cfg(test)]
mod tests {
    use akidb_engine::{FieldRow, RowVectors};

    use super::*;

    #[test]
    fn a_document_says_where_it_has_vectors_and_texts() {
        let field = |field, text: Option<&str>| FieldRow {
            field,
            text: text.map(str::to_owned),
            vectors: RowVectors::Given(vec![1.0]),
        };
        let placement = |vectors: bool, fields: Vec<FieldRow>| {
            Placement::of(&NewRow {
                id: 1.into(),
                text: None,
                metadata: akidb_core::Metadata::default(),
                vectors: vectors.then(|| RowVectors::Given(vec![1.0])),
                fields,
                if_seq: None,
            })
        };
        assert_eq!(placement(true, vec![]), Placement(None));
        assert_eq!(placement(false, vec![]), Placement(Some(String::new())));
        let all = placement(true, vec![field(12, Some("a")), field(3, None)]);
        assert_eq!(all, Placement(Some("0,3,12t".to_owned())));
        let has = |number| all.has(Table(number));
        assert_eq!([0, 1, 2, 3].map(has), [Some(HasText::No), None, None, Some(HasText::No)]);
        assert_eq!(has(12), Some(HasText::Yes));
        assert_eq!(Placement(None).has(Table(0)), Some(HasText::No));
        assert_eq!(Placement(None).has(Table(1)), None);
        assert_eq!(placement(false, vec![]).has(Table(0)), None);
    }

    #[test]
    fn a_statement_is_that_of_the_tables_of_its_field() {
        let sql = "DELETE FROM vectors WHERE vectors.seq IN (SELECT seq FROM texts WHERE seq = 1)";
        assert_eq!(Table::UNNAMED.sql(sql).as_str(), sql);
        let named = Table(7).sql(sql);
        assert!(named.as_str().starts_with("DELETE FROM vectors_7 WHERE"), "{}", named.as_str());
        assert!(named.as_str().contains("FROM texts_7 WHERE"), "{}", named.as_str());
    }
}
