//! What is sound of a document of which not all is, as a line that an import takes.

use std::{collections::HashMap, path::Path};

use akidb_core::{Document, Seq};
use akidb_engine::RowVectors;
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use super::{
    field::{Fields, Place, Places, Table},
    field_rows::there,
    placement::Placement,
    vectors::{VectorsPerDocument, vectors_of},
};
use crate::{StoreError, catalogue::description};

/// What a database's collection says of its documents.
pub(super) struct Salvage {
    fields: Fields,
    has_ttl: bool,
}

impl Salvage {
    /// From what the folder says of itself; one that says nothing has the field without a name alone.
    pub(super) async fn of(
        folder: &Path,
        connection: &mut SqliteConnection,
    ) -> Result<Self, StoreError> {
        let Ok(description) = description::read(folder) else {
            return Ok(Self { fields: Fields::default(), has_ttl: false });
        };
        let (record, places) = (description.stamped.row, Places::read(connection).await?);
        let fields = Fields::of_collection(&record, &places);
        Ok(Self { fields, has_ttl: record.ttl_seconds.is_some() })
    }

    /// The row, and of each field what is sound: the text, and a vector that the user gave. What the node embedded, it
    /// embeds again.
    pub(super) async fn line(
        &self,
        connection: &mut SqliteConnection,
        document: Document,
        placement: &Placement,
    ) -> Result<Value, StoreError> {
        let mut line = json!({"id": document.id, "metadata": document.metadata.into_object()});
        match document.expires_at {
            Some(moment) => line["expires_at"] = moment.to_string().into(),
            None if self.has_ttl => line["expires_at"] = "never".into(),
            None => {}
        }
        if let Some(text) = document.text {
            line["text"] = text.into();
        }
        if placement.has(Place::UNNAMED).is_some() {
            let given = given(connection, document.seq, self.fields.unnamed).await?;
            given.into_iter().for_each(|vector| line["vector"] = vector.into());
        }
        for field in self.fields.named.iter() {
            let versions = [(document.seq, placement.clone())];
            let read = there(connection, field.place, &versions).await;
            let (here, texts) = readable(read)?.unwrap_or_default();
            for text in texts.into_values() {
                line["texts"][field.name.as_str()] = text.into();
            }
            if !here.is_empty() {
                let of_field = (Table(field.number), field.vectors_per_document);
                let given = given(connection, document.seq, of_field).await?;
                given.into_iter().for_each(|vector| {
                    line["vectors"][field.name.as_str()] = vector.into();
                });
            }
        }
        Ok(line)
    }
}

/// The vector that the user gave, where it is sound.
async fn given(
    connection: &mut SqliteConnection,
    seq: Seq,
    (table, per_document): (Table, VectorsPerDocument),
) -> Result<Option<Vec<f32>>, StoreError> {
    let read = vectors_of(connection, &[seq], table, per_document).await;
    let mut vectors: HashMap<_, _> = readable(read)?.unwrap_or_default();
    Ok(match vectors.remove(&seq).flatten() {
        Some(RowVectors::Given(vector)) => Some(vector),
        Some(RowVectors::Embedded(_)) | None => None,
    })
}

/// What was read, where its pages can be.
fn readable<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Err(error) if error.is_damaged_page() => Ok(None),
        read => read.map(Some),
    }
}
