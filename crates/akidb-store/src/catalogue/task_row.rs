//! A task as a row of the catalogue.

use akidb_core::{CollectionName, ErrorCode, FieldName};
use akidb_engine::{CopyWork, ReembedWork, TaskError, TaskRecord, TaskState, TaskWork};
use serde::{Deserialize, Serialize};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

use super::{
    checked_rows::CheckedRows,
    row::{malformed, update_with_text, valid},
};
use crate::StoreError;

const COPY: &str = "copy";
const REEMBED: &str = "reembed";
const BACKUP: &str = "backup";

const SELECT: &str = "SELECT id, kind, work, state, error_code, error_message, created_unix_ms, \
    ended_unix_ms, checksum FROM tasks ORDER BY id";

const REPLACE: &str = "INSERT OR REPLACE INTO tasks (id, kind, work, state, error_code, \
    error_message, created_unix_ms, ended_unix_ms, checksum) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// Takes the id as the row says it, which may be no text.
pub(super) const DELETE_DAMAGED: &str = "DELETE FROM tasks WHERE CAST(id AS BLOB) = ?1";

/// The tasks that were read.
pub(super) type StoredTasks = CheckedRows<TaskRecord>;

/// The work of a copy, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Copy {
    of: Uuid,
    of_name: String,
    uuid: Uuid,
    name: String,
}

/// The work of embedding anew, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reembed {
    of: Uuid,
    of_name: String,
    field: String,
    model: String,
    model_name: String,
    was_kept: bool,
    overlap: Option<f32>,
}

/// The columns of a row, before the checksum.
struct Columns {
    id: String,
    kind: String,
    work: String,
    state: String,
    error_code: Option<String>,
    error_message: Option<String>,
    created_unix_ms: i64,
    ended_unix_ms: Option<i64>,
}

/// Adds a task, in place of the one of its id.
pub(super) async fn replace(
    connection: &mut SqliteConnection,
    task: &TaskRecord,
) -> Result<(), StoreError> {
    let columns = Columns::of(task)?;
    let sum = columns.checksum();
    sqlx::query(REPLACE)
        .bind(columns.id)
        .bind(columns.kind)
        .bind(columns.work)
        .bind(columns.state)
        .bind(columns.error_code)
        .bind(columns.error_message)
        .bind(columns.created_unix_ms)
        .bind(columns.ended_unix_ms)
        .bind(sum)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn delete(connection: &mut SqliteConnection, id: Uuid) -> Result<(), StoreError> {
    let delete = sqlx::query("DELETE FROM tasks WHERE id = ?1").bind(id.to_string());
    delete.execute(connection).await?;
    Ok(())
}

pub(super) async fn read_all(connection: &mut SqliteConnection) -> Result<StoredTasks, StoreError> {
    CheckedRows::read(connection, SELECT, read).await
}

fn read(row: &SqliteRow) -> Result<TaskRecord, StoreError> {
    let columns = Columns {
        id: row.try_get(0)?,
        kind: row.try_get(1)?,
        work: row.try_get(2)?,
        state: row.try_get(3)?,
        error_code: row.try_get(4)?,
        error_message: row.try_get(5)?,
        created_unix_ms: row.try_get(6)?,
        ended_unix_ms: row.try_get(7)?,
    };
    if columns.checksum() != row.try_get::<i64, _>(8)? {
        return Err(malformed("checksum", "it is not that of the row"));
    }
    columns.into_task()
}

impl Columns {
    fn of(task: &TaskRecord) -> Result<Self, StoreError> {
        let (kind, work) = match &task.work {
            TaskWork::Copy(CopyWork { of, of_name, uuid, name }) => {
                let work = Copy {
                    of: *of,
                    of_name: of_name.as_str().to_owned(),
                    uuid: *uuid,
                    name: name.as_str().to_owned(),
                };
                (COPY, serde_json::to_string(&work))
            }
            TaskWork::BackUp => (BACKUP, Ok("{}".to_owned())),
            TaskWork::Reembed(work) => {
                let ReembedWork { of, of_name, field, model, model_name, was_kept, overlap } =
                    work.clone();
                let work = Reembed {
                    of,
                    of_name: of_name.as_str().to_owned(),
                    field: field.as_str().to_owned(),
                    model,
                    model_name,
                    was_kept,
                    overlap,
                };
                (REEMBED, serde_json::to_string(&work))
            }
        };
        let error = task.error.as_ref();
        Ok(Self {
            id: task.id.to_string(),
            kind: kind.to_owned(),
            work: valid("work of a task", work)?,
            state: task.state.as_str().to_owned(),
            error_code: error.map(|error| error.code.as_str().to_owned()),
            error_message: error.map(|error| error.message.clone()),
            created_unix_ms: task.created_unix_ms,
            ended_unix_ms: task.ended_unix_ms,
        })
    }

    fn into_task(self) -> Result<TaskRecord, StoreError> {
        let work = match self.kind.as_str() {
            COPY => TaskWork::Copy(copy_of(&self.work)?),
            BACKUP => TaskWork::BackUp,
            REEMBED => TaskWork::Reembed(reembed_of(&self.work)?),
            kind => return Err(malformed("kind of a task", format!("{kind:?} is not known"))),
        };
        let state = TaskState::ALL.into_iter().find(|state| state.as_str() == self.state);
        let code = self.error_code.map(|code| {
            let known = ErrorCode::ALL.iter().copied().find(|known| known.as_str() == code);
            known.ok_or_else(|| malformed("error of a task", format!("{code:?} is not known")))
        });
        let error = code
            .transpose()?
            .map(|code| TaskError { code, message: self.error_message.unwrap_or_default() });
        Ok(TaskRecord {
            id: valid("id of a task", Uuid::try_parse(&self.id))?,
            work,
            state: state.ok_or_else(|| {
                malformed("state of a task", format!("{:?} is not known", self.state))
            })?,
            error,
            created_unix_ms: self.created_unix_ms,
            ended_unix_ms: self.ended_unix_ms,
        })
    }

    /// XXH3 with 64 bits over every column.
    fn checksum(&self) -> i64 {
        let mut hash = Xxh3::new();
        hash.update(b"task");
        for text in [&self.id, &self.kind, &self.work, &self.state] {
            update_with_text(&mut hash, Some(text));
        }
        for text in [&self.error_code, &self.error_message] {
            update_with_text(&mut hash, text.as_deref());
        }
        hash.update(&self.created_unix_ms.to_le_bytes());
        hash.update(&[u8::from(self.ended_unix_ms.is_some())]);
        hash.update(&self.ended_unix_ms.unwrap_or_default().to_le_bytes());
        hash.digest().cast_signed()
    }
}

fn name_of(name: &str) -> Result<CollectionName, StoreError> {
    valid("collection name", CollectionName::new(name))
}

fn copy_of(json: &str) -> Result<CopyWork, StoreError> {
    let Copy { of, of_name, uuid, name } = valid("work of a task", serde_json::from_str(json))?;
    Ok(CopyWork { of, of_name: name_of(&of_name)?, uuid, name: name_of(&name)? })
}

fn reembed_of(json: &str) -> Result<ReembedWork, StoreError> {
    let work: Reembed = valid("work of a task", serde_json::from_str(json))?;
    let Reembed { of, of_name, field, model, model_name, was_kept, overlap } = work;
    let field = valid("name of a field", FieldName::new(&field))?;
    let of_name = name_of(&of_name)?;
    Ok(ReembedWork { of, of_name, field, model, model_name, was_kept, overlap })
}
