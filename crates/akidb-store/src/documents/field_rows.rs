//! What documents have in named vector fields.

use std::collections::HashMap;

use akidb_core::{DocumentField, Seq};
use akidb_engine::FieldRow;

use super::{
    field::{Fields, Place, Table},
    placement::{HasText, Placement},
    row::{read_seq, seq_to_sql},
    source::{AtHand, ByKeys, Columns, Keys, Source, by_keys, bytes, integer, rows_by_keys},
    vectors::{as_given, vectors_of},
};
use crate::{StoreError, checksum};

const INSERT_TEXT: &str = "INSERT INTO texts (seq, text, checksum) VALUES (?1, ?2, ?3)";
const SELECT_TEXTS: ByKeys = by_keys!("seq", "SELECT seq, text, checksum FROM texts");

/// All texts of a field.
pub(super) const ALL_TEXTS: &str =
    "SELECT seq, text, checksum FROM texts WHERE seq >= ?1 ORDER BY seq";

/// What of each row version was found, `None` where a row of it is damaged or missing.
type Found<T> = HashMap<Seq, Option<Vec<T>>>;

/// Adds the text that a document has in a place.
pub(super) fn insert_text(
    connection: &AtHand,
    Place(place): Place,
    seq: Seq,
    text: &str,
) -> Result<(), StoreError> {
    let mut insert = connection.0.prepare_cached(Table(place).sql(INSERT_TEXT).as_str())?;
    insert.execute((seq_to_sql(seq), text, checksum::of_text(seq, text.as_bytes())))?;
    Ok(())
}

/// All that row versions have in the named fields that there are.
pub(super) async fn rows_in_fields<S: Source>(
    connection: &mut S,
    fields: &Fields,
    versions: &[(Seq, Placement)],
) -> Result<Found<FieldRow>, StoreError> {
    let mut found: Found<FieldRow> = HashMap::new();
    for field in fields.named.iter() {
        let (here, texts) = there(connection, field.place, versions).await?;
        let seqs: Vec<Seq> = here.iter().map(|(seq, _)| *seq).collect();
        let (table, per_document) = (Table(field.number), field.vectors_per_document);
        let mut vectors = vectors_of(connection, &seqs, table, per_document).await?;
        for (seq, has_text) in here {
            let text = text_of(&texts, seq, has_text);
            let row = vectors.remove(&seq).flatten().zip(text);
            let row = row.map(|(vectors, text)| FieldRow { field: field.number, text, vectors });
            add(&mut found, seq, row);
        }
    }
    Ok(found)
}

/// What row versions have beside their fields, by version. What is not sound there is as if it was not
/// there: it is filled again.
pub(super) async fn rows_in_shadows<S: Source>(
    connection: &mut S,
    fields: &Fields,
    seqs: &[Seq],
) -> Result<HashMap<Seq, Vec<FieldRow>>, StoreError> {
    let mut found: HashMap<Seq, Vec<FieldRow>> = HashMap::new();
    for shadow in fields.shadows.iter() {
        let (table, per_document) = (Table(shadow.number), shadow.vectors_per_document);
        for (seq, vectors) in vectors_of(connection, seqs, table, per_document).await? {
            let row = vectors.map(|vectors| FieldRow { field: shadow.number, text: None, vectors });
            found.entry(seq).or_default().extend(row);
        }
    }
    Ok(found)
}

/// The same as parts of a document, with their vectors.
pub(super) async fn with_vectors<S: Source>(
    connection: &mut S,
    fields: &Fields,
    versions: &[(Seq, Placement)],
) -> Result<Found<DocumentField>, StoreError> {
    let rows = rows_in_fields(connection, fields, versions).await?;
    let part = |FieldRow { field, text, vectors }| {
        let (vector, passages) = as_given(vectors, text.as_deref())?;
        let name = fields.name(field)?.clone();
        Some(DocumentField { name, text, vector, passages })
    };
    let parts = rows.into_iter().map(|(seq, rows)| {
        let parts = rows.and_then(|rows| rows.into_iter().map(part).collect());
        (seq, parts)
    });
    Ok(parts.collect())
}

/// The texts that row versions have in the named fields that there are, as parts of a document.
pub(super) async fn texts_alone<S: Source>(
    connection: &mut S,
    fields: &Fields,
    versions: &[(Seq, Placement)],
) -> Result<Found<DocumentField>, StoreError> {
    let mut found: Found<DocumentField> = HashMap::new();
    for field in fields.named.iter() {
        let (here, texts) = there(connection, field.place, versions).await?;
        for (seq, has_text) in here.into_iter().filter(|(_, has_text)| *has_text == HasText::Yes) {
            let part = text_of(&texts, seq, has_text).map(|text| {
                let (name, vector, passages) = (field.name.clone(), None, Vec::new());
                DocumentField { name, text, vector, passages }
            });
            add(&mut found, seq, part);
        }
    }
    Ok(found)
}

/// Which versions are in a place, and the sound texts of those that have one.
pub(super) async fn there<S: Source>(
    connection: &mut S,
    place: Place,
    versions: &[(Seq, Placement)],
) -> Result<(Vec<(Seq, HasText)>, HashMap<Seq, String>), StoreError> {
    let here = versions.iter().filter_map(|(seq, at)| Some((*seq, at.has(place)?)));
    let here: Vec<(Seq, HasText)> = here.collect();
    let texts = here.iter().filter(|(_, has_text)| *has_text == HasText::Yes);
    let texts: Vec<Seq> = texts.map(|(seq, _)| *seq).collect();
    let mut sound = HashMap::with_capacity(texts.len());
    if texts.is_empty() {
        return Ok((here, sound));
    }
    let visit = &mut |row: &dyn Columns| {
        sound.extend(read_text(row).map(|text| (read_seq(row, 0), text)));
        Ok(())
    };
    let of_place = (&SELECT_TEXTS, Table(place.0));
    rows_by_keys(connection, of_place, Keys::Seqs(&texts), visit).await?;
    Ok((here, sound))
}

/// The text of a row; `None` where its checksum is wrong.
pub(super) fn read_text(row: &dyn Columns) -> Option<String> {
    let text = bytes(row, 1).ok().flatten()?;
    let stored = integer(row, 2).ok().flatten()?;
    let is_sound = stored == checksum::of_text(read_seq(row, 0), text);
    is_sound.then(|| String::from_utf8(text.to_vec()).ok()).flatten()
}

/// The text of a version in a field, which may have none; `None` where it is damaged or missing.
#[expect(clippy::option_option, reason = "the outer one is damage")]
fn text_of(texts: &HashMap<Seq, String>, seq: Seq, has_text: HasText) -> Option<Option<String>> {
    match has_text {
        HasText::No => Some(None),
        HasText::Yes => texts.get(&seq).cloned().map(Some),
    }
}

fn add<T>(found: &mut Found<T>, seq: Seq, part: Option<T>) {
    let parts = found.entry(seq).or_insert_with(|| Some(Vec::new()));
    match (parts.as_mut(), part) {
        (Some(parts), Some(part)) => parts.push(part),
        _ => *parts = None,
    }
}
