//! Which places a document has vectors in, and which documents are elsewhere than most.

use std::{collections::BTreeMap, fmt::Write as _};

use akidb_core::Seq;
use akidb_engine::NewRow;
use futures::TryStreamExt;
use sqlx::{Row, SqlSafeStr, SqliteConnection, sqlite::SqliteRow};

use super::{
    field::{Fields, Place, Table},
    row::read_seq,
    walk::walk,
};
use crate::StoreError;

/// What stands in the column `fields` of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Placement(pub(super) Option<String>);

impl Placement {
    /// Where a row has vectors and texts.
    ///
    /// # Errors
    /// When it has them in a field that is not there, or in what stands beside one alone.
    pub(super) fn of(row: &NewRow, fields: &Fields) -> Result<Self, StoreError> {
        if row.fields.is_empty() && row.vectors.is_some() && fields.unnamed.0 == Table::UNNAMED {
            return Ok(Self(None));
        }
        let mut places: BTreeMap<Place, (bool, bool)> = BTreeMap::new();
        let unnamed = row.vectors.as_ref().map(|_| (Table::UNNAMED, false));
        let others = row.fields.iter().map(|it| (Table(it.field), it.text.is_some()));
        for (table, has_text) in unnamed.into_iter().chain(others) {
            let place = fields.place(table)?;
            let is_shown = fields.shown(place) == Some(table);
            let found = places.entry(place).or_default();
            *found = (found.0 || has_text, found.1 || is_shown);
        }
        if let Some((Place(number), _)) = places.iter().find(|(_, (_, is_shown))| !is_shown) {
            return Err(StoreError::FieldDropped { number: *number });
        }
        if places.len() == 1 && places.contains_key(&Place::UNNAMED) {
            return Ok(Self(None));
        }
        let mut text = String::new();
        for (Place(place), (has_text, _)) in places {
            let comma = if text.is_empty() { "" } else { "," };
            let mark = if has_text { "t" } else { "" };
            let _infallible = write!(text, "{comma}{place}{mark}");
        }
        Ok(Self(Some(text)))
    }

    /// Whether the document has vectors in a place, and whether it has a text of its own there.
    pub(super) fn has(&self, Place(number): Place) -> Option<HasText> {
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

    /// Those of all documents, which come and go ascending, that have vectors in a place.
    pub(super) fn in_place(&self, place: Place, all: Vec<Seq>) -> Vec<Seq> {
        match place {
            Place::UNNAMED => {
                let elsewhere = self.sorted(|placement| placement.has(place).is_none());
                without(all, &elsewhere)
            }
            _ => {
                let here = self.sorted(|placement| placement.has(place).is_some());
                within(here, &all)
            }
        }
    }

    /// Those of all documents, which come and go ascending, that have none in the field without a name.
    pub(super) fn not_in_unnamed(&self, all: &[Seq]) -> Vec<Seq> {
        within(self.sorted(|placement| placement.has(Place::UNNAMED).is_none()), all)
    }

    /// Those that have a text in a place, ascending.
    pub(super) fn with_text(&self, place: Place) -> Vec<Seq> {
        self.sorted(|placement| placement.has(place) == Some(HasText::Yes))
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
    use akidb_core::FieldName;
    use akidb_engine::{FieldRow, RowVectors};

    use super::*;
    use crate::documents::{VectorsPerDocument, field::PlacedField};

    #[test]
    fn a_document_says_where_it_has_vectors_and_texts() {
        let field = |field, text: Option<&str>| FieldRow {
            field,
            text: text.map(str::to_owned),
            vectors: RowVectors::Given(vec![1.0]),
        };
        let named = |number: u32, place: u32| PlacedField {
            number,
            place: Place(place),
            name: FieldName::new(&format!("f{place}")).unwrap(),
            vectors_per_document: VectorsPerDocument::One,
        };
        let there = Fields::default().with(named(3, 3)).with(named(12, 12));
        let placed = |there: &Fields, vectors: bool, fields: Vec<FieldRow>| {
            let row = NewRow {
                expiry: akidb_core::Expiry::Unsaid,
                id: 1.into(),
                text: None,
                metadata: akidb_core::Metadata::default(),
                vectors: vectors.then(|| RowVectors::Given(vec![1.0])),
                fields,
                if_seq: None,
            };
            Placement::of(&row, there)
        };
        let placement = |vectors, fields| placed(&there, vectors, fields).unwrap();
        assert_eq!(placement(true, vec![]), Placement(None));
        assert_eq!(placement(false, vec![]), Placement(Some(String::new())));
        let all = placement(true, vec![field(12, Some("a")), field(3, None)]);
        assert_eq!(all, Placement(Some("0,3,12t".to_owned())));
        let has = |place| all.has(Place(place));
        assert_eq!([0, 1, 2, 3].map(has), [Some(HasText::No), None, None, Some(HasText::No)]);
        assert_eq!(has(12), Some(HasText::Yes));
        assert_eq!(Placement(None).has(Place(0)), Some(HasText::No));
        assert_eq!(Placement(None).has(Place(1)), None);
        assert_eq!(placement(false, vec![]).has(Place(0)), None);
        assert!(placed(&there, true, vec![field(4, None)]).is_err());

        // While 20 and 21 are filled, documents are in both; then those alone will do.
        let filled = there.with_shadow(named(20, 0)).with_shadow(named(21, 12));
        let both = || vec![field(20, None), field(12, Some("a")), field(21, None)];
        assert_eq!(placed(&filled, true, both()).unwrap(), Placement(Some("0,12t".to_owned())));
        assert_eq!(placed(&filled, true, vec![field(20, None)]).unwrap(), Placement(None));
        assert!(placed(&filled, false, vec![field(20, None)]).is_err());
        let shown = filled.with_shown(20).unwrap().with_shown(21).unwrap();
        let alone = || vec![field(20, None), field(21, Some("a"))];
        assert_eq!(placed(&shown, false, alone()).unwrap(), Placement(Some("0,12t".to_owned())));
        assert_eq!(placed(&shown, false, vec![field(20, None)]).unwrap(), Placement(None));
        assert!(placed(&shown, true, vec![]).is_err());
        let kept: Vec<u32> = shown.shadows.iter().map(|shadow| shadow.number).collect();
        assert_eq!(kept, [0, 12]);
        assert!(placed(&shown.without(0), true, alone()).is_err());
    }
}
