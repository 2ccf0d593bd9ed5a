//! Which fields of a line, or columns of a row, are what of a document.

use std::fmt;

use akidb_core::{Error, ErrorCode, Result};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, json, value::RawValue};

use super::csv;
use crate::{decode::decode, wire::ImportFields};

/// Reads documents that name their fields as their own program does.
pub(super) struct Fields {
    given: ImportFields,
    /// The columns of the header, and what divides them.
    header: Option<(Vec<String>, u8)>,
}

impl Fields {
    pub(super) const fn new(given: ImportFields) -> Self {
        Self { given, header: None }
    }

    /// The document of a JSON object, in our own form.
    pub(super) fn of_object<'a>(&self, object: &'a [u8], own: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        if self.given.is_default() {
            return Ok(object);
        }
        let Entries(entries) = decode::<Entries<Box<RawValue>>>(object)?;
        let entries = entries.iter().map(|(name, value)| (&**name, value.get()));
        *own = self.document(entries.collect())?;
        Ok(own)
    }

    /// Whether the header is still to come.
    pub(super) const fn awaits_header(&self) -> bool {
        self.header.is_none()
    }

    /// Takes the first row.
    ///
    /// # Errors
    /// When no column is what a document is made of.
    pub(super) fn take_header(&mut self, row: &[u8]) -> Result<()> {
        let row = text(row)?;
        let delimiter = csv::delimiter(row.as_bytes());
        let columns = csv::cells(row, delimiter);
        let columns: Vec<_> = columns.iter().map(|column| column.trim().to_owned()).collect();
        let has = |name: &str| columns.iter().any(|column| column == name);
        let fault =
            |description: String| Err(Error::at(ErrorCode::InvalidArgument, "header", description));
        if let Some(missing) = self.given.named().find(|name| !has(name)) {
            return fault(format!("has no column {missing:?}, but {}", columns.join(", ")));
        }
        let twice = columns.iter().enumerate().find(|(at, it)| columns[..*at].contains(it));
        if let Some((_, column)) = twice {
            return fault(format!("has the column {column:?} twice"));
        }
        if !has(self.given.text_name()) && !has(VECTOR) {
            let text = self.given.text_name();
            return fault(format!(
                "has neither a column {text:?} nor \"vector\", but {}; text_field names it",
                columns.join(", ")
            ));
        }
        self.header = Some((columns, delimiter));
        Ok(())
    }

    /// The document of a row, in our own form.
    pub(super) fn of_row(&self, row: &[u8]) -> Result<Vec<u8>> {
        let (columns, delimiter) = self.header.as_ref().ok_or_else(|| {
            Error::new(ErrorCode::Internal, "a row came before the header was read")
        })?;
        let cells = csv::cells(text(row)?, *delimiter);
        if cells.len() != columns.len() {
            let description =
                format!("has {} cells, the header has {}", cells.len(), columns.len());
            return Err(Error::at(ErrorCode::MalformedRequest, "document", description));
        }
        let values: Vec<_> = columns
            .iter()
            .zip(&cells)
            .filter_map(|(column, cell)| Some((&**column, self.value(column, cell)?)))
            .collect();
        self.document(values.iter().map(|(name, value)| (*name, &**value)).collect())
    }

    /// A cell as JSON text, by what its column is.
    fn value(&self, column: &str, cell: &str) -> Option<String> {
        if cell.is_empty() {
            return None;
        }
        Some(match column {
            // A list of numbers, which is JSON already.
            VECTOR => cell.to_owned(),
            _ if column == self.given.id_name() => csv::id(cell)?.to_string(),
            _ if column == self.given.text_name() => Value::from(cell).to_string(),
            _ => csv::value(cell)?.to_string(),
        })
    }

    /// A document of fields, whose values are JSON texts: what is neither id, text nor vector is
    /// metadata, or of it what was asked for. An object `metadata` is taken as the metadata.
    fn document(&self, fields: Vec<(&str, &str)>) -> Result<Vec<u8>> {
        let mut document = Vec::new();
        let mut metadata = Vec::new();
        for (name, value) in fields {
            let own_name = match name {
                VECTOR => Some(VECTOR),
                _ if name == self.given.id_name() => Some("id"),
                _ if name == self.given.text_name() => Some("text"),
                _ => None,
            };
            match own_name {
                Some(own_name) => document.push((own_name.to_owned(), value)),
                None if !self.given.is_metadata(name) => {}
                None if name == METADATA && value.starts_with('{') => {
                    let Entries(entries) = decode_borrowed(value)?;
                    metadata.extend(entries.into_iter().map(|(name, value)| (name, value.get())));
                }
                None => metadata.push((name.to_owned(), value)),
            }
        }
        let metadata = object(&metadata);
        document.push((METADATA.to_owned(), &metadata));
        Ok(object(&document).into_bytes())
    }
}

const VECTOR: &str = "vector";
const METADATA: &str = "metadata";

fn object(fields: &[(String, &str)]) -> String {
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", fields.join(","))
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let description = format!("is not UTF-8 from byte {}", error.valid_up_to() + 1);
        Error::at(ErrorCode::MalformedRequest, "document", description)
    })
}

fn decode_borrowed(value: &str) -> Result<Entries<&RawValue>> {
    serde_json::from_str(value)
        .map_err(|error| Error::at(ErrorCode::MalformedRequest, METADATA, error.to_string()))
}

/// The fields of an object as they are written, none left out: one that stands twice is told by who
/// reads the document.
struct Entries<V>(Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Entries<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Fields<V>(std::marker::PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Fields<V> {
            type Value = Entries<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Fields(std::marker::PhantomData))
    }
}
