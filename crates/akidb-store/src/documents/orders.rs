//! What the writer of a collection does beside writes, one thing at a time between two commits: its
//! log emptied, tables of vector fields made and removed.

use sqlx::{AssertSqlSafe, SqliteConnection};
use tokio::sync::oneshot;

use super::{
    DocumentStore,
    field::{self, Place, Places, StoredField, Table},
    writer::Writer,
};
use crate::StoreError;

/// Rows of a dropped field that are removed at once, between two commits.
const REMOVED_ROWS: u32 = 1_000;

/// What is wanted of the writer.
pub(super) enum Order {
    EmptyLog(oneshot::Sender<()>),
    AddField(StoredField, Reply<()>),
    /// A shadow, and the number of the field that it stands beside.
    AddShadow(StoredField, u32, Reply<()>),
    Show(u32, Reply<()>),
    DropField(u32, Reply<Removal>),
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// How far the removal of a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removal {
    More,
    Done,
}

impl DocumentStore {
    /// Copies the write-ahead log into the database and gives its disk back, as far as nobody reads
    /// what is in it. The log is emptied by itself too, once no write has come for a moment; this is
    /// for a disk that is full now.
    pub async fn empty_log(&self) {
        let (done, emptied) = oneshot::channel();
        // A writer that has ended has emptied its log.
        if self.orders.send(Order::EmptyLog(done)).await.is_ok() {
            let _ = emptied.await;
        }
    }

    /// Takes vectors of a named field from now on. Its tables are made, empty, where they are not there.
    ///
    /// # Errors
    /// When they can not be made; then it is as if nothing had been asked.
    pub async fn add_field(&self, field: StoredField) -> Result<(), StoreError> {
        self.order(|reply| Order::AddField(field, reply)).await
    }

    /// Takes no vectors of a named field any more and removes those that there are.
    ///
    /// # Errors
    /// See [`Self::remove_some_of`].
    pub async fn drop_field(&self, number: u32) -> Result<(), StoreError> {
        while !self.remove_some_of(number).await? {}
        Ok(())
    }

    /// Takes no vectors of a named field any more, removes some of those that there are, between other
    /// writes, and says whether none is left. After an error it can be asked for again.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn remove_some_of(&self, number: u32) -> Result<bool, StoreError> {
        let step = self.order(|reply| Order::DropField(number, reply)).await?;
        Ok(step == Removal::Done)
    }

    pub(super) async fn order<T>(
        &self,
        order: impl FnOnce(Reply<T>) -> Order,
    ) -> Result<T, StoreError> {
        let (reply, done) = oneshot::channel();
        self.orders.send(order(reply)).await.map_err(|_| StoreError::Closed)?;
        done.await.unwrap_or(Err(StoreError::Closed))
    }

    /// The numbers of the fields that the database has tables of.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn field_numbers(&self) -> Result<Vec<u32>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        field::numbers(&mut connection).await
    }
}

impl Writer {
    /// Whoever asked may be gone.
    pub(super) async fn carry_out(&mut self, order: Order) {
        match order {
            Order::EmptyLog(done) => {
                self.empty_log().await;
                let _ = done.send(());
            }
            Order::AddField(field, reply) => {
                let _ = reply.send(self.add_field(field).await);
            }
            Order::AddShadow(shadow, of, reply) => {
                let _ = reply.send(self.add_shadow(shadow, of).await);
            }
            Order::Show(shadow, reply) => {
                let _ = reply.send(self.show(shadow).await);
            }
            Order::DropField(number, reply) => {
                let _ = reply.send(self.drop_field(number).await);
            }
        }
    }

    async fn add_field(&mut self, field: StoredField) -> Result<(), StoreError> {
        self.check_writable()?;
        let place = Place(field.number);
        self.create(field.number, place).await?;
        let fields = self.fields.read().with(field.placed_in(place));
        *self.fields.write() = fields;
        Ok(())
    }

    /// Makes the tables of a field where they are not there.
    pub(super) async fn create(&mut self, number: u32, place: Place) -> Result<(), StoreError> {
        let created = Table(number).create(place, &mut self.connection).await;
        if created.is_err() {
            self.roll_back_order().await;
        }
        created
    }

    /// Out of reach first, in one step; then rows go, then the tables.
    async fn drop_field(&mut self, number: u32) -> Result<Removal, StoreError> {
        self.check_writable()?;
        let fields = self.fields.read().without(number);
        // Those who read what is gone look here before they call it a failure.
        *self.fields.write() = fields;
        let removed = self.remove_some(number).await;
        if removed.is_err() {
            self.roll_back_order().await;
        }
        self.tidy.committed(true);
        removed
    }

    /// The texts of a place go with the last field there, and until then the tables that it is called after
    /// are emptied and stay.
    async fn remove_some(&mut self, number: u32) -> Result<Removal, StoreError> {
        let place = Places::read(&mut self.connection).await?.of(Table(number));
        let is_in_use = self.fields.read().has_place(place);
        match (is_in_use, place == Place(number)) {
            (true, true) => empty_some(&mut self.connection, number).await,
            (true, false) | (false, true) => remove_some(&mut self.connection, number).await,
            (false, false) => match remove_some(&mut self.connection, place.0).await? {
                Removal::More => Ok(Removal::More),
                Removal::Done => remove_some(&mut self.connection, number).await,
            },
        }
    }

    pub(super) fn check_writable(&self) -> Result<(), StoreError> {
        match &self.unwritable {
            Some(reason) => Err(StoreError::DamagedPage { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    async fn roll_back_order(&mut self) {
        if let Err(error) = sqlx::query("ROLLBACK").execute(&mut self.connection).await {
            tracing::debug!(%error, "there was nothing left to roll back");
        }
    }
}

/// Removes some of the vectors of a field whose tables stay.
async fn empty_some(connection: &mut SqliteConnection, number: u32) -> Result<Removal, StoreError> {
    let delete = "DELETE FROM vectors WHERE seq IN (SELECT seq FROM vectors LIMIT ?1)";
    let delete = sqlx::query(Table(number).sql(delete)).bind(REMOVED_ROWS);
    let removed = delete.execute(connection).await?.rows_affected();
    Ok(if removed < u64::from(REMOVED_ROWS) { Removal::Done } else { Removal::More })
}

/// Removes the tables of a field where they are small, or some of their rows.
async fn remove_some(
    connection: &mut SqliteConnection,
    number: u32,
) -> Result<Removal, StoreError> {
    let mut step = String::from("BEGIN IMMEDIATE;");
    let mut more = false;
    for table in [format!("vectors_{number}"), format!("texts_{number}")] {
        let dropped = format!("dropped_{table}");
        if field::is_there(connection, &table).await? {
            step.push_str(&format!("ALTER TABLE {table} RENAME TO {dropped};"));
            more = true;
        } else if field::is_there(connection, &dropped).await? {
            let rows = format!("SELECT seq FROM {dropped} LIMIT {REMOVED_ROWS}");
            let left = AssertSqlSafe(format!("SELECT count(*) FROM ({rows})"));
            let left: i64 = sqlx::query_scalar(left).fetch_one(&mut *connection).await?;
            step.push_str(&format!("DELETE FROM {dropped} WHERE seq IN ({rows});"));
            match left < i64::from(REMOVED_ROWS) {
                true => step.push_str(&format!("DROP TABLE {dropped};")),
                false => more = true,
            }
        }
    }
    if !more {
        step.push_str(&format!("DELETE FROM vector_tables WHERE number = {number};"));
    }
    step.push_str("COMMIT;");
    sqlx::raw_sql(AssertSqlSafe(step)).execute(connection).await?;
    Ok(if more { Removal::More } else { Removal::Done })
}
