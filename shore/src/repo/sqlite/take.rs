//! Taking a delivery: one transaction, each record at most once.

use dogwatch_bundle::{FindingUpdate, Gap, Health, Record, SeqRanges, sha256};
use dogwatch_model::{Asset, AssetChange, Finding, FindingStatus};
use sqlx::{Row as _, SqliteConnection};

use super::{SqliteRepo, seq_number};
use crate::repo::{Delivery, RepoError, Taken};

/// Most runs of sequence numbers kept for one stream.
const MAX_RUNS: usize = 100_000;
/// Most bundles kept aside for one vessel.
const MAX_QUARANTINED: i64 = 1_000;

/// The number of a status in the database.
pub(super) const fn status_number(status: FindingStatus) -> i64 {
    match status {
        FindingStatus::New => 0,
        FindingStatus::Acknowledged => 1,
        FindingStatus::Suppressed => 2,
        FindingStatus::Resolved => 3,
    }
}

impl SqliteRepo {
    pub(super) async fn take_delivery(&self, delivery: Delivery<'_>) -> Result<Taken, RepoError> {
        let _turn = self.writer.lock().await;
        let mut tx = self.pool.begin_with("begin immediate").await?;
        let db = &mut *tx;
        define(db, &delivery).await?;
        let before = held(db, delivery.vessel_id, delivery.epoch).await?;
        let mut held = before.clone();
        let (mut fresh, mut conflicts) = (0, Vec::new());
        for (seq, record) in delivery.records {
            let number = seq_number(*seq)?;
            match compare(db, &delivery, number, record).await? {
                Compared::Same => {}
                Compared::Other => conflicts.push(*seq),
                Compared::New => {
                    fresh += 1;
                    apply(db, &delivery, number, record).await?;
                    if let Record::Gap(gap) = record {
                        account_for(gap, &mut held);
                    }
                }
            }
            held.insert(*seq, *seq);
        }
        if held.run_count() > MAX_RUNS {
            return Err(RepoError::TooScattered);
        }
        store_held(db, &delivery, &before, &held).await?;
        if !conflicts.is_empty() {
            quarantine(db, &delivery, &conflicts).await?;
        }
        note_bundle(db, &delivery).await?;
        tx.commit().await?;
        Ok(Taken { held, fresh, conflicts })
    }
}

/// What a record is to what is held under its number.
enum Compared {
    New,
    Same,
    Other,
}

async fn compare(
    db: &mut SqliteConnection,
    delivery: &Delivery<'_>,
    seq: i64,
    record: &Record,
) -> Result<Compared, RepoError> {
    let bytes = record.to_bytes().map_err(|_| RepoError::Stored { what: "record" })?;
    let hash = sha256(&bytes);
    let hash = hash.get(..16).unwrap_or(&hash);
    let known: Option<Vec<u8>> =
        sqlx::query_scalar("select hash from record where vessel_id = ?1 and epoch = ?2 and seq = ?3")
            .bind(delivery.vessel_id)
            .bind(i64::from(delivery.epoch))
            .bind(seq)
            .fetch_optional(&mut *db)
            .await?;
    if let Some(known) = known {
        return Ok(if known == hash { Compared::Same } else { Compared::Other });
    }
    sqlx::query("insert into record (vessel_id, epoch, seq, hash) values (?1, ?2, ?3, ?4)")
        .bind(delivery.vessel_id)
        .bind(i64::from(delivery.epoch))
        .bind(seq)
        .bind(hash)
        .execute(db)
        .await?;
    Ok(Compared::New)
}

/// Numbers that the ship says it dropped count as held: nothing will ever fill them.
fn account_for(gap: &Gap, held: &mut SeqRanges) {
    let last = u64::try_from(i64::MAX).unwrap_or(u64::MAX) - 1;
    for &(from, to) in &gap.ranges {
        held.insert(from, to.min(last));
    }
}

async fn define(db: &mut SqliteConnection, delivery: &Delivery<'_>) -> Result<(), RepoError> {
    use dogwatch_bundle::EntryRef;
    for definition in delivery.definitions {
        let (kind, number) = match definition.entry() {
            EntryRef::Text(at) => (0_i64, at),
            EntryRef::End(at) => (1, at),
            EntryRef::Rule(at) => (2, at),
        };
        let content = definition.to_bytes();
        sqlx::query(
            "insert into definition (vessel_id, epoch, generation, kind, number, content) values (?1, ?2, ?3, ?4, ?5, ?6)
             on conflict do nothing",
        )
        .bind(delivery.vessel_id)
        .bind(i64::from(delivery.epoch))
        .bind(i64::from(delivery.generation))
        .bind(kind)
        .bind(i64::from(number))
        .bind(&content)
        .execute(&mut *db)
        .await?;
        let kept: Vec<u8> = sqlx::query_scalar(
            "select content from definition where vessel_id = ?1 and epoch = ?2 and generation = ?3 and kind = ?4 and number = ?5",
        )
        .bind(delivery.vessel_id)
        .bind(i64::from(delivery.epoch))
        .bind(i64::from(delivery.generation))
        .bind(kind)
        .bind(i64::from(number))
        .fetch_one(&mut *db)
        .await?;
        if kept != content {
            return Err(RepoError::ConflictingEntry);
        }
    }
    Ok(())
}

pub(super) async fn held(db: &mut SqliteConnection, vessel: &str, epoch: u32) -> Result<SeqRanges, RepoError> {
    let rows = sqlx::query("select from_seq, to_seq from held where vessel_id = ?1 and epoch = ?2")
        .bind(vessel)
        .bind(i64::from(epoch))
        .fetch_all(db)
        .await?;
    let mut ranges = SeqRanges::new();
    for row in rows {
        ranges.insert(super::unsigned(row.try_get(0)?), super::unsigned(row.try_get(1)?));
    }
    Ok(ranges)
}

/// Writes what differs between two states of a stream.
async fn store_held(
    db: &mut SqliteConnection,
    delivery: &Delivery<'_>,
    before: &SeqRanges,
    after: &SeqRanges,
) -> Result<(), RepoError> {
    let old: std::collections::BTreeMap<u64, u64> = before.runs().collect();
    let new: std::collections::BTreeMap<u64, u64> = after.runs().collect();
    for (from, _) in old.iter().filter(|(from, _)| !new.contains_key(from)) {
        sqlx::query("delete from held where vessel_id = ?1 and epoch = ?2 and from_seq = ?3")
            .bind(delivery.vessel_id)
            .bind(i64::from(delivery.epoch))
            .bind(seq_number(*from)?)
            .execute(&mut *db)
            .await?;
    }
    for (from, to) in new.iter().filter(|(from, to)| old.get(from) != Some(to)) {
        sqlx::query(
            "insert into held (vessel_id, epoch, from_seq, to_seq) values (?1, ?2, ?3, ?4)
             on conflict (vessel_id, epoch, from_seq) do update set to_seq = excluded.to_seq",
        )
        .bind(delivery.vessel_id)
        .bind(i64::from(delivery.epoch))
        .bind(seq_number(*from)?)
        .bind(seq_number(*to)?)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

async fn quarantine(db: &mut SqliteConnection, delivery: &Delivery<'_>, seqs: &[u64]) -> Result<(), RepoError> {
    let kept: i64 = sqlx::query_scalar("select count(*) from quarantine where vessel_id = ?1 and hash <> ?2")
        .bind(delivery.vessel_id)
        .bind(delivery.hash.as_slice())
        .fetch_one(&mut *db)
        .await?;
    if kept >= MAX_QUARANTINED {
        return Err(RepoError::QuarantineFull);
    }
    let seqs = serde_json::to_string(seqs).map_err(|_| RepoError::Stored { what: "numbers" })?;
    sqlx::query(
        "insert into quarantine (hash, vessel_id, received_ms, seqs, bytes) values (?1, ?2, ?3, ?4, ?5) on conflict do nothing",
    )
    .bind(delivery.hash.as_slice())
    .bind(delivery.vessel_id)
    .bind(delivery.received_ms)
    .bind(seqs)
    .bind(delivery.bytes)
    .execute(db)
    .await?;
    Ok(())
}

async fn note_bundle(db: &mut SqliteConnection, delivery: &Delivery<'_>) -> Result<(), RepoError> {
    let start = delivery.previous.iter().all(|&byte| byte == 0);
    let known: Option<i64> =
        sqlx::query_scalar("select 1 from bundle where substr(hash, 1, 8) = ?1 and vessel_id = ?2 limit 1")
            .bind(delivery.previous.as_slice())
            .bind(delivery.vessel_id)
            .fetch_optional(&mut *db)
            .await?;
    let first = delivery.records.first().map_or(0, |(seq, _)| *seq);
    sqlx::query(
        "insert into bundle (hash, vessel_id, epoch, first_seq, records, bytes, created_ms, received_ms, linked, times)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1) on conflict (hash) do update set times = times + 1",
    )
    .bind(delivery.hash.as_slice())
    .bind(delivery.vessel_id)
    .bind(i64::from(delivery.epoch))
    .bind(seq_number(first)?)
    .bind(i64::try_from(delivery.records.len()).unwrap_or(i64::MAX))
    .bind(i64::try_from(delivery.bytes.len()).unwrap_or(i64::MAX))
    .bind(delivery.created_ms)
    .bind(delivery.received_ms)
    .bind(i64::from(start || known.is_some()))
    .execute(db)
    .await?;
    Ok(())
}

async fn apply(db: &mut SqliteConnection, delivery: &Delivery<'_>, seq: i64, record: &Record) -> Result<(), RepoError> {
    match record {
        Record::Finding(finding) => put_finding(db, delivery, seq, finding).await,
        Record::FindingUpdate(update) => put_update(db, delivery, seq, update).await,
        Record::Asset(asset) => put_asset(db, delivery, seq, asset).await,
        Record::AssetChange(change) => put_change(db, delivery, seq, change).await,
        Record::Gap(gap) => put_gap(db, delivery, seq, gap).await,
        Record::Health(health) => put_health(db, delivery, seq, health).await,
    }
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, RepoError> {
    serde_json::to_string(value).map_err(|_| RepoError::Stored { what: "record" })
}

/// A count as SQLite keeps it.
fn count_number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

// "Newer" below: of another stream, or later in the same one. What comes in any order within a stream ends in the same state.
async fn put_finding(
    db: &mut SqliteConnection,
    delivery: &Delivery<'_>,
    seq: i64,
    finding: &Finding,
) -> Result<(), RepoError> {
    sqlx::query(
        "insert into finding (vessel_id, finding_id, epoch, seq, state_epoch, state_seq, severity, status, last_ms, count, received_ms, body)
         values (?1, ?2, ?3, ?4, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         on conflict (vessel_id, finding_id) do update set
             epoch = excluded.epoch, seq = excluded.seq, state_epoch = excluded.state_epoch, state_seq = excluded.state_seq,
             severity = excluded.severity, status = excluded.status, last_ms = excluded.last_ms, count = excluded.count, body = excluded.body
         where finding.epoch <> excluded.epoch or finding.seq < excluded.seq",
    )
    .bind(delivery.vessel_id)
    .bind(&finding.finding_id)
    .bind(i64::from(delivery.epoch))
    .bind(seq)
    .bind(i64::from(finding.severity.number()))
    .bind(status_number(finding.status))
    .bind(finding.last_seen.millis())
    .bind(count_number(finding.count))
    .bind(delivery.received_ms)
    .bind(json(finding)?)
    .execute(&mut *db)
    .await?;
    merge_update(db, delivery, &finding.finding_id).await
}

async fn put_update(
    db: &mut SqliteConnection,
    delivery: &Delivery<'_>,
    seq: i64,
    update: &FindingUpdate,
) -> Result<(), RepoError> {
    sqlx::query(
        "insert into finding_update (vessel_id, finding_id, epoch, seq, severity, status, last_ms, count)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         on conflict (vessel_id, finding_id) do update set
             epoch = excluded.epoch, seq = excluded.seq, severity = excluded.severity, status = excluded.status,
             last_ms = excluded.last_ms, count = excluded.count
         where finding_update.epoch <> excluded.epoch or finding_update.seq < excluded.seq",
    )
    .bind(delivery.vessel_id)
    .bind(&update.finding_id)
    .bind(i64::from(delivery.epoch))
    .bind(seq)
    .bind(i64::from(update.severity.number()))
    .bind(status_number(update.status))
    .bind(update.last_seen.millis())
    .bind(count_number(update.count))
    .execute(&mut *db)
    .await?;
    if let Some(step) = &update.change {
        sqlx::query(
            "insert into finding_step (vessel_id, finding_id, epoch, seq, at_ms, body) values (?1, ?2, ?3, ?4, ?5, ?6)
             on conflict do nothing",
        )
        .bind(delivery.vessel_id)
        .bind(&update.finding_id)
        .bind(i64::from(delivery.epoch))
        .bind(seq)
        .bind(step.at.millis())
        .bind(json(step)?)
        .execute(&mut *db)
        .await?;
    }
    merge_update(db, delivery, &update.finding_id).await
}

/// Brings a finding to the state of its latest update, whichever of the two came first.
async fn merge_update(db: &mut SqliteConnection, delivery: &Delivery<'_>, finding: &str) -> Result<(), RepoError> {
    sqlx::query(
        "update finding set state_epoch = u.epoch, state_seq = u.seq, severity = u.severity, status = u.status, last_ms = u.last_ms,
             count = u.count
         from finding_update u
         where finding.vessel_id = ?1 and finding.finding_id = ?2 and u.vessel_id = ?1 and u.finding_id = ?2
             and u.epoch = ?3 and (finding.state_epoch <> u.epoch or finding.state_seq < u.seq)",
    )
    .bind(delivery.vessel_id)
    .bind(finding)
    .bind(i64::from(delivery.epoch))
    .execute(db)
    .await?;
    Ok(())
}

async fn put_asset(
    db: &mut SqliteConnection,
    delivery: &Delivery<'_>,
    seq: i64,
    asset: &Asset,
) -> Result<(), RepoError> {
    sqlx::query(
        "insert into asset (vessel_id, asset_id, epoch, seq, name, body) values (?1, ?2, ?3, ?4, ?5, ?6)
         on conflict (vessel_id, asset_id) do update set
             epoch = excluded.epoch, seq = excluded.seq, name = excluded.name, body = excluded.body
         where asset.epoch <> excluded.epoch or asset.seq < excluded.seq",
    )
    .bind(delivery.vessel_id)
    .bind(&asset.asset_id)
    .bind(i64::from(delivery.epoch))
    .bind(seq)
    .bind(asset.display_name())
    .bind(json(asset)?)
    .execute(db)
    .await?;
    Ok(())
}

async fn put_change(
    db: &mut SqliteConnection,
    delivery: &Delivery<'_>,
    seq: i64,
    change: &AssetChange,
) -> Result<(), RepoError> {
    let (AssetChange::Appeared { asset_id, at }
    | AssetChange::Attribute { asset_id, at, .. }
    | AssetChange::Merged { asset_id, at, .. }) = change;
    sqlx::query(
        "insert into asset_change (vessel_id, epoch, seq, asset_id, at_ms, body) values (?1, ?2, ?3, ?4, ?5, ?6)
         on conflict do nothing",
    )
    .bind(delivery.vessel_id)
    .bind(i64::from(delivery.epoch))
    .bind(seq)
    .bind(asset_id)
    .bind(at.millis())
    .bind(json(change)?)
    .execute(&mut *db)
    .await?;
    if let AssetChange::Merged { from, .. } = change {
        sqlx::query(
            "insert into asset_merge (vessel_id, from_id, asset_id) values (?1, ?2, ?3)
             on conflict (vessel_id, from_id) do update set asset_id = excluded.asset_id",
        )
        .bind(delivery.vessel_id)
        .bind(from)
        .bind(asset_id)
        .execute(db)
        .await?;
    }
    Ok(())
}

async fn put_gap(db: &mut SqliteConnection, delivery: &Delivery<'_>, seq: i64, gap: &Gap) -> Result<(), RepoError> {
    let sizes = gap.ranges.iter().map(|&(from, to)| to.saturating_sub(from).saturating_add(u64::from(to >= from)));
    let dropped = sizes.fold(0_u64, u64::saturating_add);
    sqlx::query(
        "insert into gap (vessel_id, epoch, seq, dropped, body) values (?1, ?2, ?3, ?4, ?5) on conflict do nothing",
    )
    .bind(delivery.vessel_id)
    .bind(i64::from(delivery.epoch))
    .bind(seq)
    // A hostile count must not overflow the sum of a list.
    .bind(count_number(dropped).min(1 << 40))
    .bind(json(gap)?)
    .execute(db)
    .await?;
    Ok(())
}

async fn put_health(
    db: &mut SqliteConnection,
    delivery: &Delivery<'_>,
    seq: i64,
    health: &Health,
) -> Result<(), RepoError> {
    sqlx::query(
        "insert into health (vessel_id, epoch, seq, at_ms, body) values (?1, ?2, ?3, ?4, ?5)
         on conflict (vessel_id) do update set
             epoch = excluded.epoch, seq = excluded.seq, at_ms = excluded.at_ms, body = excluded.body
         where health.epoch <> excluded.epoch or health.seq < excluded.seq",
    )
    .bind(delivery.vessel_id)
    .bind(i64::from(delivery.epoch))
    .bind(seq)
    .bind(health.at.millis())
    .bind(json(health)?)
    .execute(db)
    .await?;
    Ok(())
}
