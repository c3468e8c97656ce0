//! Reading the register.

use dogwatch_bundle::{Gap, Health};
use dogwatch_model::{Asset, CaptureTime, Finding, FindingStatus, Severity, StatusChange};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::take::{held, status_number};
use super::{SqliteRepo, unsigned};
use crate::repo::{FindingQuery, FindingRow, OpenCounts, RepoError, StreamRow, VesselDetail, VesselRow};

/// Most holes of a stream that are listed.
const LISTED_HOLES: usize = 100;
/// Most gap records that are listed.
const LISTED_GAPS: i64 = 20;

const FINDING_COLUMNS: &str = "f.vessel_id, v.name, f.received_ms, f.body, f.severity, f.status, f.last_ms, f.count";

impl SqliteRepo {
    pub(super) async fn vessel_rows(&self, only: Option<&str>) -> Result<Vec<VesselRow>, RepoError> {
        let rows = sqlx::query(
            "select v.vessel_id, v.imo, v.name,
                 (select max(received_ms) from bundle b where b.vessel_id = v.vessel_id),
                 (select coalesce(sum(dropped), 0) from gap g where g.vessel_id = v.vessel_id),
                 (select count(*) from quarantine q where q.vessel_id = v.vessel_id),
                 (select count(*) from asset a where a.vessel_id = v.vessel_id
                      and not exists (select 1 from asset_merge m where m.vessel_id = a.vessel_id and m.from_id = a.asset_id))
             from vessel v where ?1 is null or v.vessel_id = ?1 order by v.name, v.vessel_id",
        )
        .bind(only)
        .fetch_all(&self.pool)
        .await?;
        let mut vessels = Vec::with_capacity(rows.len());
        for row in rows {
            let vessel_id: String = row.try_get(0)?;
            vessels.push(VesselRow {
                open: self.open_counts(&vessel_id).await?,
                missing_records: self.missing_records(&vessel_id).await?,
                imo: row.try_get(1)?,
                name: row.try_get(2)?,
                last_heard_ms: row.try_get(3)?,
                dropped_records: unsigned(row.try_get(4)?),
                quarantined: unsigned(row.try_get(5)?),
                assets: unsigned(row.try_get(6)?),
                vessel_id,
            });
        }
        Ok(vessels)
    }

    async fn open_counts(&self, vessel: &str) -> Result<OpenCounts, RepoError> {
        let rows = sqlx::query(
            "select severity, count(*) from finding where vessel_id = ?1 and status in (0, 1) group by severity",
        )
        .bind(vessel)
        .fetch_all(&self.pool)
        .await?;
        let mut open = OpenCounts::default();
        for row in rows {
            let count = unsigned(row.try_get(1)?);
            match severity(row.try_get(0)?)? {
                Severity::Critical => open.critical = count,
                Severity::High => open.high = count,
                Severity::Medium => open.medium = count,
                Severity::Low => open.low = count,
                Severity::Info => open.info = count,
            }
        }
        Ok(open)
    }

    /// Numbers below the highest of each stream, from 1, that are not held.
    async fn missing_records(&self, vessel: &str) -> Result<u64, RepoError> {
        let streams: Vec<i64> = sqlx::query_scalar(
            "select max(to_seq) - sum(to_seq - max(from_seq, 1) + 1) from held where vessel_id = ?1 group by epoch",
        )
        .bind(vessel)
        .fetch_all(&self.pool)
        .await?;
        Ok(streams.into_iter().map(unsigned).fold(0, u64::saturating_add))
    }

    pub(super) async fn vessel_detail(&self, vessel: &str) -> Result<Option<VesselDetail>, RepoError> {
        let Some(row) = self.vessel_rows(Some(vessel)).await?.pop() else { return Ok(None) };
        let health: Option<String> = sqlx::query_scalar("select body from health where vessel_id = ?1")
            .bind(vessel)
            .fetch_optional(&self.pool)
            .await?;
        let gaps: Vec<String> =
            sqlx::query_scalar("select body from gap where vessel_id = ?1 order by epoch, seq desc limit ?2")
                .bind(vessel)
                .bind(LISTED_GAPS)
                .fetch_all(&self.pool)
                .await?;
        Ok(Some(VesselDetail {
            row,
            streams: self.streams(vessel).await?,
            health: health.map(|body| stored::<Health>(&body, "health")).transpose()?,
            gaps: gaps.iter().map(|body| stored::<Gap>(body, "gap record")).collect::<Result<_, _>>()?,
        }))
    }

    async fn streams(&self, vessel: &str) -> Result<Vec<StreamRow>, RepoError> {
        // With max(), SQLite takes the other columns from the row that holds the maximum.
        let rows = sqlx::query(
            "select epoch, count(*), sum(bytes), sum(1 - linked), max(received_ms), created_ms from bundle
             where vessel_id = ?1 group by epoch order by max(received_ms) desc limit 20",
        )
        .bind(vessel)
        .fetch_all(&self.pool)
        .await?;
        let mut streams = Vec::with_capacity(rows.len());
        for row in rows {
            let epoch: i64 = row.try_get(0)?;
            let epoch = u32::try_from(epoch).map_err(|_| RepoError::Stored { what: "epoch" })?;
            let mut connection = self.pool.acquire().await?;
            let held = held(&mut connection, vessel, epoch).await?;
            let (received, created): (i64, i64) = (row.try_get(4)?, row.try_get(5)?);
            streams.push(StreamRow {
                epoch,
                mark: held.first_missing(1),
                highest: held.highest().unwrap_or(0),
                missing: held.missing(1, LISTED_HOLES),
                bundles: unsigned(row.try_get(1)?),
                bytes: unsigned(row.try_get(2)?),
                unlinked: unsigned(row.try_get(3)?),
                last_received_ms: received,
                clock_lag_ms: received.saturating_sub(created),
            });
        }
        Ok(streams)
    }

    pub(super) async fn finding_rows(&self, query: &FindingQuery) -> Result<Vec<FindingRow>, RepoError> {
        // Two fixed texts, so that each can use its own index.
        const OF_ONE: &str = "f.vessel_id = ?6 and";
        const OF_ALL: &str = "?6 is null and";
        let whose = if query.vessel_id.is_some() { OF_ONE } else { OF_ALL };
        let sql = format!(
            "select {FINDING_COLUMNS} from finding f join vessel v on v.vessel_id = f.vessel_id
             where {whose} (f.last_ms, f.finding_id, f.vessel_id) < (?1, ?2, ?3)
                 and (?4 = 0 or f.severity = ?4) and (?5 >> f.status) & 1
             order by f.last_ms desc, f.finding_id desc, f.vessel_id desc limit ?7"
        );
        let statuses = query.statuses.iter().fold(0_i64, |bits, &status| bits | 1 << status_number(status));
        let (last_ms, finding, vessel) = match &query.after {
            Some(key) => (key.last_ms, key.finding_id.as_str(), key.vessel_id.as_str()),
            None => (i64::MAX, "", ""),
        };
        // Only constants of this file are put together above; everything from outside is bound.
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(last_ms)
            .bind(finding)
            .bind(vessel)
            .bind(query.severity.map_or(0, |severity| i64::from(severity.number())))
            .bind(if statuses == 0 { 0b1111 } else { statuses })
            .bind(query.vessel_id.as_deref())
            .bind(i64::from(query.limit))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(finding_row).collect()
    }

    pub(super) async fn one_finding(&self, vessel: &str, finding: &str) -> Result<Option<FindingRow>, RepoError> {
        let sql = format!(
            "select {FINDING_COLUMNS} from finding f join vessel v on v.vessel_id = f.vessel_id
             where f.vessel_id = ?1 and f.finding_id = ?2"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(vessel).bind(finding).fetch_optional(&self.pool).await?;
        let Some(row) = row else { return Ok(None) };
        let mut row = finding_row(&row)?;
        let steps: Vec<String> = sqlx::query_scalar(
            "select body from finding_step where vessel_id = ?1 and finding_id = ?2 order by at_ms, epoch, seq limit 200",
        )
        .bind(vessel)
        .bind(finding)
        .fetch_all(&self.pool)
        .await?;
        for step in &steps {
            let step = stored::<StatusChange>(step, "step of a finding")?;
            if !row.finding.status_history.contains(&step) {
                row.finding.status_history.push(step);
            }
        }
        Ok(Some(row))
    }

    pub(super) async fn asset_rows(
        &self,
        vessel: &str,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<Asset>, RepoError> {
        let (name, id) = after.unwrap_or(("", ""));
        let bodies: Vec<String> = sqlx::query_scalar(
            "select a.body from asset a
             where a.vessel_id = ?1 and (a.name, a.asset_id) > (?2, ?3)
                 and not exists (select 1 from asset_merge m where m.vessel_id = a.vessel_id and m.from_id = a.asset_id)
             order by a.name, a.asset_id limit ?4",
        )
        .bind(vessel)
        .bind(name)
        .bind(id)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        bodies.iter().map(|body| stored(body, "asset")).collect()
    }
}

fn stored<T: serde::de::DeserializeOwned>(body: &str, what: &'static str) -> Result<T, RepoError> {
    serde_json::from_str(body).map_err(|_| RepoError::Stored { what })
}

fn severity(number: i64) -> Result<Severity, RepoError> {
    let found = Severity::ALL.into_iter().find(|severity| i64::from(severity.number()) == number);
    found.ok_or(RepoError::Stored { what: "severity" })
}

fn status(number: i64) -> Result<FindingStatus, RepoError> {
    use FindingStatus::{Acknowledged, New, Resolved, Suppressed};
    let found = [New, Acknowledged, Suppressed, Resolved].into_iter().find(|&word| status_number(word) == number);
    found.ok_or(RepoError::Stored { what: "status" })
}

/// The finding with the state that columns hold: later than its body when updates came.
fn finding_row(row: &SqliteRow) -> Result<FindingRow, RepoError> {
    let body: String = row.try_get(3)?;
    let mut finding: Finding = stored(&body, "finding")?;
    finding.severity = severity(row.try_get(4)?)?;
    finding.status = status(row.try_get(5)?)?;
    finding.last_seen = CaptureTime::from_millis(row.try_get(6)?);
    finding.count = unsigned(row.try_get(7)?);
    Ok(FindingRow { vessel_id: row.try_get(0)?, vessel_name: row.try_get(1)?, received_ms: row.try_get(2)?, finding })
}
