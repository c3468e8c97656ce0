//! What every store under the register must do. SQLite today; another implementation adds one function at the end.

use dogwatch_bundle::{FindingUpdate, Gap, Record, SeqRanges};
use dogwatch_model::{AssetChange, CaptureTime, FindingStatus, Severity, StatusChange};
use dogwatch_shore::repo::{
    Delivery, Enrolment, FindingKey, FindingQuery, FindingRow, Repo, RepoError, SqliteRepo, Taken,
};

use crate::fleet::Dice;
use crate::ship::{START_MS, carried, key, record, some_finding};

fn enrolment(vessel: &str, seed: u8) -> Enrolment {
    Enrolment { vessel_id: vessel.into(), imo: "9074729".into(), name: format!("MV {vessel}"), key: key(seed).public() }
}

async fn take(repo: &dyn Repo, vessel: &str, tag: u8, records: &[(u64, Record)]) -> Result<Taken, RepoError> {
    repo.take(Delivery {
        vessel_id: vessel,
        epoch: 7,
        generation: 1,
        hash: &[tag; 32],
        previous: &[0; 8],
        bytes: b"bundle",
        created_ms: START_MS,
        received_ms: START_MS + 5,
        records,
        definitions: &[],
    })
    .await
}

async fn all(repo: &dyn Repo, vessel: &str) -> Vec<FindingRow> {
    repo.findings(&FindingQuery { vessel_id: Some(vessel.into()), limit: 1000, ..FindingQuery::default() })
        .await
        .unwrap()
}

fn update(finding: &dogwatch_model::Finding, count: u64, status: FindingStatus, why: &str) -> Record {
    Record::FindingUpdate(FindingUpdate {
        finding_id: finding.finding_id.clone(),
        last_seen: CaptureTime::from_millis(finding.last_seen.millis() + count as i64),
        count,
        severity: Severity::High,
        raised: false,
        status,
        change: Some(StatusChange {
            at: CaptureTime::from_millis(START_MS + count as i64),
            by: "master".into(),
            from: FindingStatus::New,
            to: status,
            reason: why.into(),
            expires_at: None,
        }),
    })
}

/// The suite. `fresh` opens a new, empty store.
async fn conformance<R: Repo, F: AsyncFn() -> R>(fresh: F) {
    keys(&fresh().await).await;
    exactly_once(&fresh().await).await;
    conflicts(&fresh().await).await;
    any_order_gives_the_same(&fresh().await, &fresh().await).await;
    gaps_and_holes(&fresh().await).await;
    filters_and_pages(&fresh().await).await;
    merged_assets_disappear(&fresh().await).await;
    vessels_are_apart(&fresh().await).await;
}

async fn keys(repo: &dyn Repo) {
    let one = enrolment("one", 1);
    repo.enrol(&one, START_MS).await.unwrap();
    repo.enrol(&Enrolment { name: "MV Renamed".into(), ..one.clone() }, START_MS).await.unwrap();
    repo.enrol(&Enrolment { key: key(2).public(), ..one.clone() }, START_MS).await.unwrap();
    assert_eq!(repo.keys(key(1).public().key_id()).await.unwrap(), [("one".to_owned(), key(1).public())]);
    assert_eq!(repo.keys(key(2).public().key_id()).await.unwrap().len(), 1);
    assert!(repo.keys(key(3).public().key_id()).await.unwrap().is_empty());
    let stolen = repo.enrol(&Enrolment { vessel_id: "two".into(), ..one }, START_MS).await;
    assert!(matches!(stolen, Err(RepoError::KeyTaken(owner)) if owner == "one"));
    assert_eq!(repo.vessels().await.unwrap().len(), 1, "a refused enrolment leaves no vessel behind");
}

async fn exactly_once(repo: &dyn Repo) {
    repo.enrol(&enrolment("one", 1), START_MS).await.unwrap();
    let finding = some_finding(&mut Dice(1), Severity::Critical);
    let records = [(1, record(&finding).as_carried()), (2, update(&finding, 9, FindingStatus::Acknowledged, "seen"))];
    for round in 0..3 {
        let taken = take(repo, "one", 1, &records).await.unwrap();
        assert_eq!((taken.fresh, taken.conflicts.len()), (if round == 0 { 2 } else { 0 }, 0));
        assert_eq!(taken.held.first_missing(1), 3);
    }
    // The same record in another bundle is still the same record.
    assert_eq!(take(repo, "one", 2, &records[1..]).await.unwrap().fresh, 0);
    let rows = all(repo, "one").await;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].finding.count, rows[0].finding.status), (9, FindingStatus::Acknowledged));
    let card = repo.finding("one", &finding.finding_id).await.unwrap().unwrap();
    assert_eq!(card.finding.status_history.len(), 1);
    assert_eq!(card.finding.summary, finding.summary);
    let row = &repo.vessels().await.unwrap()[0];
    assert_eq!((row.open.high, row.open.critical), (1, 0), "the update lowered it");
    assert_eq!(row.last_heard_ms, Some(START_MS + 5));
}

async fn conflicts(repo: &dyn Repo) {
    repo.enrol(&enrolment("one", 1), START_MS).await.unwrap();
    let mut dice = Dice(2);
    let (first, other, third) = (
        some_finding(&mut dice, Severity::High),
        some_finding(&mut dice, Severity::High),
        some_finding(&mut dice, Severity::High),
    );
    take(repo, "one", 1, &[(1, record(&first).as_carried())]).await.unwrap();
    let forked = [(1, record(&other).as_carried()), (2, record(&third).as_carried())];
    for _ in 0..2 {
        let taken = take(repo, "one", 2, &forked).await.unwrap();
        assert_eq!(taken.conflicts, [1]);
        assert_eq!(taken.held.first_missing(1), 3, "the record without conflict is taken");
    }
    let detail = repo.vessel("one").await.unwrap().unwrap();
    assert_eq!(detail.row.quarantined, 1, "kept aside once");
    assert_eq!(repo.finding("one", &first.finding_id).await.unwrap().unwrap().finding, carried(&first));
    assert!(repo.finding("one", &other.finding_id).await.unwrap().is_none(), "nothing was overwritten");
}

async fn any_order_gives_the_same(clean: &dyn Repo, shuffled: &dyn Repo) {
    let mut dice = Dice(3);
    let mut records = Vec::new();
    let mut seq = 0;
    for _ in 0..40 {
        let finding = some_finding(&mut dice, Severity::Medium);
        let statuses = [FindingStatus::New, FindingStatus::Acknowledged, FindingStatus::Resolved];
        for step in 0..=dice.below(3) {
            seq += 1;
            let status = statuses[step as usize % 3];
            let why = format!("step {step}");
            records.push((
                seq,
                if step == 0 { record(&finding).as_carried() } else { update(&finding, 10 + step, status, &why) },
            ));
        }
    }
    for repo in [clean, shuffled] {
        repo.enrol(&enrolment("one", 1), START_MS).await.unwrap();
    }
    for (tag, part) in records.chunks(7).enumerate() {
        take(clean, "one", tag as u8, part).await.unwrap();
    }
    // One record a bundle, in any order, some of them several times.
    let mut order: Vec<usize> = (0..records.len()).chain((0..records.len()).filter(|at| at % 3 == 0)).collect();
    for at in (1..order.len()).rev() {
        order.swap(at, dice.below(at as u64 + 1) as usize);
    }
    let mut held = SeqRanges::new();
    for at in order {
        held = take(shuffled, "one", at as u8, &records[at..=at]).await.unwrap().held;
    }
    assert_eq!(held.first_missing(1), seq + 1);
    let (want, got) = (all(clean, "one").await, all(shuffled, "one").await);
    assert_eq!(want.len(), 40);
    assert_eq!(got, want);
    for row in want {
        let id = &row.finding.finding_id;
        assert_eq!(shuffled.finding("one", id).await.unwrap(), clean.finding("one", id).await.unwrap());
    }
}

async fn gaps_and_holes(repo: &dyn Repo) {
    repo.enrol(&enrolment("one", 1), START_MS).await.unwrap();
    let mut dice = Dice(4);
    let finding = |dice: &mut Dice| record(&some_finding(dice, Severity::Low)).as_carried();
    let taken = take(repo, "one", 1, &[(1, finding(&mut dice)), (10, finding(&mut dice))]).await.unwrap();
    assert_eq!(taken.held.missing(1, 9), [(2, 9)]);
    let gap = Gap { ranges: vec![(2, 4), (6, 8)], counts: vec![("DW-1001".into(), 6)] };
    let taken = take(repo, "one", 2, &[(11, Record::Gap(gap.clone()))]).await.unwrap();
    assert_eq!(taken.held.missing(1, 9), [(5, 5), (9, 9)]);
    let detail = repo.vessel("one").await.unwrap().unwrap();
    assert_eq!((detail.row.missing_records, detail.row.dropped_records), (2, 6));
    assert_eq!(detail.streams[0].missing, [(5, 5), (9, 9)]);
    assert_eq!(detail.gaps, [gap]);
    // What was given up comes after all: taken.
    assert_eq!(take(repo, "one", 3, &[(3, finding(&mut dice))]).await.unwrap().fresh, 1);
    // Hostile numbers.
    let hostile = Gap { ranges: vec![(0, u64::MAX), (9, 3)], counts: vec![] };
    take(repo, "one", 4, &[(12, Record::Gap(hostile))]).await.unwrap();
    let beyond = take(repo, "one", 5, &[(u64::MAX - 1, finding(&mut dice))]).await;
    assert!(matches!(beyond, Err(RepoError::SeqRange)));
    assert_eq!(repo.vessel("one").await.unwrap().unwrap().row.missing_records, 0);
}

async fn filters_and_pages(repo: &dyn Repo) {
    repo.enrol(&enrolment("one", 1), START_MS).await.unwrap();
    let mut dice = Dice(5);
    let mut records: Vec<(u64, Record)> = Vec::new();
    for seq in 1..=60 {
        let mut finding = some_finding(&mut dice, Severity::ALL[seq as usize % 5]);
        // Many with the same time: the order must still be one.
        finding.last_seen = CaptureTime::from_millis(START_MS + (seq % 4) as i64);
        finding.status = if seq % 3 == 0 { FindingStatus::Resolved } else { FindingStatus::New };
        records.push((seq, record(&finding).as_carried()));
    }
    take(repo, "one", 1, &records).await.unwrap();
    let whole = all(repo, "one").await;
    assert_eq!(whole.len(), 60);
    for (severity, statuses, want) in [
        (Some(Severity::High), vec![], 12),
        (None, vec![FindingStatus::Resolved], 20),
        (Some(Severity::High), vec![FindingStatus::New, FindingStatus::Acknowledged], 8),
        (None, vec![FindingStatus::Suppressed], 0),
    ] {
        let query = FindingQuery { vessel_id: None, severity, statuses, after: None, limit: 100 };
        assert_eq!(repo.findings(&query).await.unwrap().len(), want, "{query:?}");
    }
    for vessel_id in [None, Some("one".to_owned())] {
        let (mut paged, mut after) = (Vec::new(), None);
        for _ in 0..20 {
            let query = FindingQuery { vessel_id: vessel_id.clone(), after, limit: 7, ..FindingQuery::default() };
            let page = repo.findings(&query).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(FindingKey {
                last_ms: last.finding.last_seen.millis(),
                finding_id: last.finding.finding_id.clone(),
                vessel_id: last.vessel_id.clone(),
            });
            paged.extend(page);
            if paged.len() == 60 {
                break;
            }
        }
        assert_eq!(paged, whole);
    }
}

async fn merged_assets_disappear(repo: &dyn Repo) {
    repo.enrol(&enrolment("one", 1), START_MS).await.unwrap();
    let asset = |id: &str, name: &str| {
        let json = serde_json::json!({
            "asset_id": id, "policy_id": name, "interfaces": [], "device_class": "plc", "attributes": {}, "protocols": [],
            "first_seen": "2026-11-22T00:00:00Z", "last_seen": "2026-11-22T00:00:00Z", "frames": 1, "bytes": 1,
            "state": "matched", "disposition": "approved"
        });
        Record::Asset(Box::new(serde_json::from_value(json).unwrap()))
    };
    let merged = AssetChange::Merged { asset_id: "ast_b".into(), from: "ast_a".into(), at: CaptureTime(0) };
    take(repo, "one", 1, &[(3, Record::AssetChange(merged)), (4, asset("ast_b", "second"))]).await.unwrap();
    // The row that went into another arrives after the news of it.
    take(repo, "one", 2, &[(1, asset("ast_a", "first")), (2, asset("ast_b", "old name"))]).await.unwrap();
    let rows = repo.assets("one", None, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.display_name()).collect::<Vec<_>>(), ["second"]);
    assert!(repo.assets("one", Some(("second", "ast_b")), 10).await.unwrap().is_empty());
    assert_eq!(repo.vessels().await.unwrap()[0].assets, 1);
}

async fn vessels_are_apart(repo: &dyn Repo) {
    let mut dice = Dice(6);
    for (vessel, seed) in [("one", 1), ("two", 2)] {
        repo.enrol(&enrolment(vessel, seed), START_MS).await.unwrap();
    }
    let finding = some_finding(&mut dice, Severity::High);
    let taken = take(repo, "one", 1, &[(1, record(&finding).as_carried())]).await.unwrap();
    assert_eq!(taken.fresh, 1);
    // The same epoch and number of another ship is another record.
    let other =
        take(repo, "two", 2, &[(1, record(&some_finding(&mut dice, Severity::Low)).as_carried())]).await.unwrap();
    assert_eq!((other.fresh, other.conflicts.len()), (1, 0));
    assert!(repo.finding("two", &finding.finding_id).await.unwrap().is_none());
    assert_eq!((all(repo, "one").await.len(), all(repo, "two").await.len()), (1, 1));
    assert!(repo.vessel("three").await.unwrap().is_none());
}

#[tokio::test]
async fn sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let next = std::sync::atomic::AtomicU32::new(0);
    conformance(async || {
        let at = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        SqliteRepo::open(&dir.path().join(format!("{at}.db"))).await.unwrap()
    })
    .await;
}

#[tokio::test]
async fn a_newer_layout_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("register.db");
    drop(SqliteRepo::open(&path).await.unwrap());
    drop(SqliteRepo::open(&path).await.unwrap());
    let pool = sqlx::sqlite::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::query("pragma user_version = 2").execute(&pool).await.unwrap();
    pool.close().await;
    assert!(matches!(SqliteRepo::open(&path).await, Err(RepoError::Layout { found: 2, known: 1 })));
}
