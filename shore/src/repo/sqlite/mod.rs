//! The register in one SQLite file: nothing to install, one company per file.
//!
//! WAL with `synchronous=FULL`: a transaction that has been committed is on disk, so a receipt may follow it. Writers take turns behind a lock of
//! ours instead of meeting SQLite's busy error; readers never wait for them.

mod read;
mod take;

use std::path::Path;
use std::time::Duration;

use dogwatch_bundle::{Definition, PublicKey};
use dogwatch_model::Asset;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::{Answer, Delivery, Enrolment, FindingQuery, FindingRow, Repo, RepoError, Taken, VesselDetail, VesselRow};

/// Layout of `schema.sql`, kept in the file's `user_version`.
const LAYOUT: i64 = 1;

/// A register in an SQLite file.
#[derive(Debug)]
pub struct SqliteRepo {
    pool: SqlitePool,
    /// Held by whoever writes.
    writer: tokio::sync::Mutex<()>,
}

impl SqliteRepo {
    /// Opens the file; makes it, and its tables, when it is not there.
    ///
    /// # Errors
    /// When it cannot be opened, or a newer version wrote it.
    pub async fn open(path: &Path) -> Result<Self, RepoError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new().max_connections(8).connect_with(options).await?;
        let repo = Self { pool, writer: tokio::sync::Mutex::new(()) };
        repo.lay_out().await?;
        Ok(repo)
    }

    async fn lay_out(&self) -> Result<(), RepoError> {
        let _turn = self.writer.lock().await;
        let mut tx = self.pool.begin_with("begin immediate").await?;
        let found: i64 = sqlx::query_scalar("pragma user_version").fetch_one(&mut *tx).await?;
        match found {
            LAYOUT => return Ok(()),
            0 => {}
            _ => return Err(RepoError::Layout { found, known: LAYOUT }),
        }
        sqlx::raw_sql(include_str!("schema.sql")).execute(&mut *tx).await?;
        sqlx::raw_sql("pragma user_version = 1").execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn enrol_vessel(&self, enrolment: &Enrolment, now_ms: i64) -> Result<(), RepoError> {
        let _turn = self.writer.lock().await;
        let mut tx = self.pool.begin_with("begin immediate").await?;
        let public = enrolment.key.to_string();
        let owner: Option<String> = sqlx::query_scalar("select vessel_id from vessel_key where public = ?1")
            .bind(&public)
            .fetch_optional(&mut *tx)
            .await?;
        if let Some(owner) = owner.filter(|owner| *owner != enrolment.vessel_id) {
            return Err(RepoError::KeyTaken(owner));
        }
        sqlx::query(
            "insert into vessel (vessel_id, imo, name, enrolled_ms) values (?1, ?2, ?3, ?4)
             on conflict (vessel_id) do update set imo = excluded.imo, name = excluded.name",
        )
        .bind(&enrolment.vessel_id)
        .bind(&enrolment.imo)
        .bind(&enrolment.name)
        .bind(now_ms)
        .execute(&mut *tx)
        .await?;
        sqlx::query("insert into vessel_key (public, key_id, vessel_id, enrolled_ms) values (?1, ?2, ?3, ?4) on conflict do nothing")
            .bind(&public)
            .bind(i64::from(enrolment.key.key_id()))
            .bind(&enrolment.vessel_id)
            .bind(now_ms)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn keys_of(&self, key_id: u16) -> Result<Vec<(String, PublicKey)>, RepoError> {
        let rows = sqlx::query("select vessel_id, public from vessel_key where key_id = ?1")
            .bind(i64::from(key_id))
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let public: String = row.try_get(1)?;
                let public = public.parse().map_err(|_| RepoError::Stored { what: "key" })?;
                Ok((row.try_get(0)?, public))
            })
            .collect()
    }

    async fn definitions_of(&self, vessel: &str, epoch: u32, generation: u16) -> Result<Vec<Definition>, RepoError> {
        let rows: Vec<Vec<u8>> = sqlx::query_scalar(
            "select content from definition where vessel_id = ?1 and epoch = ?2 and generation = ?3",
        )
        .bind(vessel)
        .bind(i64::from(epoch))
        .bind(i64::from(generation))
        .fetch_all(&self.pool)
        .await?;
        let read =
            |bytes: &Vec<u8>| Definition::from_bytes(bytes).map_err(|_| RepoError::Stored { what: "definition" });
        rows.iter().map(read).collect()
    }
}

impl Repo for SqliteRepo {
    fn enrol<'a>(&'a self, enrolment: &'a Enrolment, now_ms: i64) -> Answer<'a, ()> {
        Box::pin(self.enrol_vessel(enrolment, now_ms))
    }

    fn keys(&self, key_id: u16) -> Answer<'_, Vec<(String, PublicKey)>> {
        Box::pin(self.keys_of(key_id))
    }

    fn definitions<'a>(&'a self, vessel_id: &'a str, epoch: u32, generation: u16) -> Answer<'a, Vec<Definition>> {
        Box::pin(self.definitions_of(vessel_id, epoch, generation))
    }

    fn take<'a>(&'a self, delivery: Delivery<'a>) -> Answer<'a, Taken> {
        Box::pin(self.take_delivery(delivery))
    }

    fn vessels(&self) -> Answer<'_, Vec<VesselRow>> {
        Box::pin(self.vessel_rows(None))
    }

    fn vessel<'a>(&'a self, vessel_id: &'a str) -> Answer<'a, Option<VesselDetail>> {
        Box::pin(self.vessel_detail(vessel_id))
    }

    fn findings<'a>(&'a self, query: &'a FindingQuery) -> Answer<'a, Vec<FindingRow>> {
        Box::pin(self.finding_rows(query))
    }

    fn finding<'a>(&'a self, vessel_id: &'a str, finding_id: &'a str) -> Answer<'a, Option<FindingRow>> {
        Box::pin(self.one_finding(vessel_id, finding_id))
    }

    fn assets<'a>(
        &'a self,
        vessel_id: &'a str,
        after: Option<(&'a str, &'a str)>,
        limit: u32,
    ) -> Answer<'a, Vec<Asset>> {
        Box::pin(self.asset_rows(vessel_id, after, limit))
    }

    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            sqlx::query("select 1").execute(&self.pool).await?;
            Ok(())
        })
    }
}

/// A sequence number as SQLite keeps it.
fn seq_number(seq: u64) -> Result<i64, RepoError> {
    i64::try_from(seq).map_err(|_| RepoError::SeqRange)
}

/// A number from the database that is never negative.
fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
