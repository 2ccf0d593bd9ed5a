//! Vector fields: the tables of each, and which of them a document has vectors in.
//!
//! The field without a name has the table `vectors` and the texts of `documents`; a named one has
//! tables after its number, alike in their columns. They are made when the field is added, and dropped
//! when it is: because it is told so, never because nobody knows them.
//!
//! A document says where it has vectors by places, and the texts of a place stay where they are. Which tables
//! the vectors of a place stand in changes when its texts are embedded with another model.

use std::{collections::BTreeMap, sync::Arc};

use akidb_core::FieldName;
use akidb_engine::{CollectionRecord, VectorField};
use sqlx::{AssertSqlSafe, Row, SqlSafeStr, SqlStr, SqliteConnection};

use super::{StoreOptions, VectorsPerDocument};
use crate::StoreError;

/// A vector field of a collection, or what stands beside one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredField {
    /// Its number, after which its tables are called. Those of 0 are there from the start.
    pub number: u32,
    /// Its name.
    pub name: FieldName,
    /// Whether its texts are cut. Fixed for the life of the field.
    pub vectors_per_document: VectorsPerDocument,
}

impl StoredField {
    /// A field as a collection has it.
    #[must_use]
    pub fn of(field: &VectorField) -> Self {
        Self {
            number: field.number,
            name: field.name.clone(),
            vectors_per_document: VectorsPerDocument::of(field),
        }
    }

    pub(super) fn placed_in(self, place: Place) -> PlacedField {
        let Self { number, name, vectors_per_document } = self;
        PlacedField { number, place, name, vectors_per_document }
    }
}

/// Whether the texts of the field with the number 0 are cut, and the other fields of a collection.
#[must_use]
pub fn stored_fields(record: &CollectionRecord) -> (VectorsPerDocument, Vec<StoredField>) {
    let first = record.fields.iter().find(|field| field.number == 0);
    let others = record.fields.iter().filter(|field| field.number > 0);
    (first.map(VectorsPerDocument::of).unwrap_or_default(), others.map(StoredField::of).collect())
}

/// A field, and the place whose vectors it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlacedField {
    pub(super) number: u32,
    /// What documents, and the tables of texts, call it.
    pub(super) place: Place,
    pub(super) name: FieldName,
    pub(super) vectors_per_document: VectorsPerDocument,
}

/// Where a document may have vectors. Fixed for the life of a field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(pub(super) u32);

impl Place {
    /// Of the field without a name.
    pub(super) const UNNAMED: Self = Self(0);
}

/// The fields of a collection.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    /// The table of the field without a name, be it there or not, and whether its texts are cut.
    pub(super) unnamed: (Table, VectorsPerDocument),
    /// By name.
    pub(super) named: Arc<[PlacedField]>,
    /// What stands beside them: written and removed with the documents, and not read with them.
    pub(super) shadows: Arc<[PlacedField]>,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            unnamed: (Table::UNNAMED, VectorsPerDocument::default()),
            named: Arc::default(),
            shadows: Arc::default(),
        }
    }
}

impl Fields {
    /// Those of an opened database, whose places are given where they are others than the numbers.
    pub(super) fn of(options: &StoreOptions, places: &Places) -> Self {
        let shadows = options.shadows.iter().map(|it| places.placed(it.clone())).collect();
        let others = options.fields.iter().cloned();
        Self { shadows, ..Self::shown_of(options.vectors_per_document, others, places) }
    }

    /// Those of a collection, without what stands beside them.
    pub(super) fn of_collection(record: &CollectionRecord, places: &Places) -> Self {
        let (unnamed, others) = stored_fields(record);
        Self::shown_of(unnamed, others.into_iter(), places)
    }

    fn shown_of(
        unnamed: VectorsPerDocument,
        others: impl Iterator<Item = StoredField>,
        places: &Places,
    ) -> Self {
        let mut fields = Self { unnamed: (Table::UNNAMED, unnamed), ..Self::default() };
        others.for_each(|field| fields.show(places.placed(field)));
        fields
    }

    /// The tables of all fields, shadows among them, and whether their texts are cut.
    pub(super) fn tables(&self) -> impl Iterator<Item = (Table, VectorsPerDocument)> + '_ {
        let others = self.named.iter().chain(self.shadows.iter());
        let others = others.map(|it| (Table(it.number), it.vectors_per_document));
        std::iter::once(self.unnamed).chain(others)
    }

    /// The place of a field or a shadow.
    pub(super) fn place(&self, Table(number): Table) -> Result<Place, StoreError> {
        if self.unnamed.0 == Table(number) {
            return Ok(Place::UNNAMED);
        }
        let mut others = self.named.iter().chain(self.shadows.iter());
        let field = others.find(|field| field.number == number);
        Ok(field.ok_or(StoreError::FieldDropped { number })?.place)
    }

    /// Whether the texts of a field, or a shadow, are cut.
    pub(super) fn per_document(&self, table: Table) -> Result<VectorsPerDocument, StoreError> {
        let found = self.tables().find(|(it, _)| *it == table);
        let Table(number) = table;
        Ok(found.ok_or(StoreError::FieldDropped { number })?.1)
    }

    /// The number of the field that is searched in a place.
    pub(super) fn shown(&self, place: Place) -> Option<Table> {
        match place {
            Place::UNNAMED => Some(self.unnamed.0),
            _ => self.named.iter().find(|it| it.place == place).map(|it| Table(it.number)),
        }
    }

    /// Whether there is one here that is not among those of later.
    pub(super) fn lack_some_of(&self, now: &Self) -> bool {
        self.tables().any(|(table, _)| now.place(table).is_err())
    }

    /// The name of a named field.
    pub(super) fn name(&self, number: u32) -> Option<&FieldName> {
        self.named.iter().find(|field| field.number == number).map(|field| &field.name)
    }

    fn show(&mut self, field: PlacedField) {
        if field.place == Place::UNNAMED {
            self.unnamed = (Table(field.number), field.vectors_per_document);
            return;
        }
        let mut named = self.named.to_vec();
        named.retain(|it| it.place != field.place);
        named.push(field);
        named.sort_by(|left, right| left.name.cmp(&right.name));
        self.named = named.into();
    }

    /// The same fields and another one.
    pub(super) fn with(&self, field: PlacedField) -> Self {
        let mut fields = self.clone();
        fields.show(field);
        fields
    }

    /// The same fields and one that stands beside another.
    pub(super) fn with_shadow(&self, field: PlacedField) -> Self {
        let mut shadows = self.shadows.to_vec();
        shadows.retain(|it| it.number != field.number);
        shadows.push(field);
        Self { shadows: shadows.into(), ..self.clone() }
    }

    /// The same fields, a shadow in the place of the field that it stands beside, and the other way round.
    pub(super) fn with_shown(&self, number: u32) -> Result<Self, StoreError> {
        let shadow = self.shadows.iter().find(|shadow| shadow.number == number);
        let shadow = shadow.cloned().ok_or(StoreError::FieldDropped { number })?;
        let (place, name) = (shadow.place, shadow.name.clone());
        let before = self.tables().find(|(table, _)| Some(*table) == self.shown(place));
        let (Table(before), vectors_per_document) =
            before.ok_or(StoreError::FieldDropped { number })?;
        let mut fields = self.with(shadow);
        fields.shadows = self.shadows.iter().filter(|it| it.number != number).cloned().collect();
        Ok(fields.with_shadow(PlacedField { number: before, place, name, vectors_per_document }))
    }

    /// The same fields without one.
    pub(super) fn without(&self, number: u32) -> Self {
        let others = |fields: &[PlacedField]| {
            fields.iter().filter(|field| field.number != number).cloned().collect()
        };
        Self { named: others(&self.named), shadows: others(&self.shadows), unnamed: self.unnamed }
    }

    /// Whether a place is in use.
    pub(super) fn has_place(&self, place: Place) -> bool {
        let mut others = self.named.iter().chain(self.shadows.iter());
        place == Place::UNNAMED || others.any(|field| field.place == place)
    }
}

/// The places of the fields whose places are not their numbers, by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(BTreeMap<u32, Place>);

impl Places {
    /// As a database has them. Damaged ones are no reason not to open it: what has no place is found to be of no
    /// document.
    pub(super) async fn read(connection: &mut SqliteConnection) -> Result<Self, StoreError> {
        Self::read_in(connection, "main").await
    }

    /// The same of a database that is attached under a name.
    pub(super) async fn read_in(
        connection: &mut SqliteConnection,
        database: &'static str,
    ) -> Result<Self, StoreError> {
        let sql = AssertSqlSafe(format!("SELECT number, place FROM {database}.vector_tables"));
        let rows = sqlx::query(sql).fetch_all(connection);
        let rows = match rows.await.map_err(StoreError::from) {
            Err(error) if error.is_damaged_page() => return Ok(Self::default()),
            rows => rows?,
        };
        let places = rows.iter().map(|row| Ok((row.try_get(0)?, Place(row.try_get(1)?))));
        Ok(Self(places.collect::<Result<_, StoreError>>()?))
    }

    pub(super) fn of(&self, Table(number): Table) -> Place {
        self.0.get(&number).copied().unwrap_or(Place(number))
    }

    fn placed(&self, field: StoredField) -> PlacedField {
        let place = self.of(Table(field.number));
        field.placed_in(place)
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

    /// Makes the tables of a named field where they are not there, for a place.
    pub(super) async fn create(
        self,
        Place(place): Place,
        connection: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        let Self(number) = self;
        let create = CREATE.replace("{N}", &number.to_string());
        let note = match number == place {
            true => String::new(),
            false => format!("INSERT OR REPLACE INTO vector_tables VALUES ({number}, {place});"),
        };
        let sql = format!("BEGIN IMMEDIATE;{create}{note}COMMIT;");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
        Ok(())
    }
}

/// As the migrations have made `vectors`.
const CREATE: &str = "
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
";

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_that_of_the_tables_of_its_field() {
        let sql = "DELETE FROM vectors WHERE vectors.seq IN (SELECT seq FROM texts WHERE seq = 1)";
        assert_eq!(Table::UNNAMED.sql(sql).as_str(), sql);
        let named = Table(7).sql(sql);
        assert!(named.as_str().starts_with("DELETE FROM vectors_7 WHERE"), "{}", named.as_str());
        assert!(named.as_str().contains("FROM texts_7 WHERE"), "{}", named.as_str());
    }
}
