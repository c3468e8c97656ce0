//! Bundles at the register's door: who may, what is refused, what a receipt says.

use std::sync::Arc;

use dogwatch_bundle::{Frame, Meta, Outcome, Receipt, Record, SigningKey, Tables, encode};
use dogwatch_model::{Severity, TimeSource};
use dogwatch_shore::ingest::{Refusal, Register};
use dogwatch_shore::repo::{Enrolment, Repo as _, SqliteRepo};
use proptest::prelude::*;

use crate::fleet::Dice;
use crate::ship::{START_MS, key, record, some_finding};

/// A register with one enrolled ship (key 1).
pub(crate) async fn register(dir: &std::path::Path) -> Arc<Register> {
    let repo = SqliteRepo::open(&dir.join("register.db")).await.unwrap();
    let enrolment =
        Enrolment { vessel_id: "one".into(), imo: "9074729".into(), name: "MV One".into(), key: key(1).public() };
    repo.enrol(&enrolment, START_MS).await.unwrap();
    Arc::new(Register::new(Arc::new(repo), key(100)))
}

fn records(seed: u64, first: u64, count: u64) -> Vec<(u64, Record)> {
    let mut dice = Dice(seed);
    (first..first + count).map(|seq| (seq, record(&some_finding(&mut dice, Severity::High)))).collect()
}

fn bundle(records: &[(u64, Record)], tables: &mut Tables, key: &SigningKey) -> Vec<u8> {
    let meta = Meta { epoch: 5, created_ms: START_MS as u64, clock: TimeSource::Ntp, previous: [0; 8] };
    encode(records, &meta, tables, key).unwrap().bytes
}

fn read(receipt: &[u8]) -> Receipt {
    Receipt::verify(receipt, &key(100).public(), &key(1).public()).unwrap()
}

#[tokio::test]
async fn a_receipt_names_the_bundle_and_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let register = register(dir.path()).await;
    let bytes = bundle(&records(1, 4, 3), &mut Tables::new(1), &key(1));
    let receipt = read(&register.take(&bytes, START_MS + 7).await.unwrap());
    assert!(Frame::parse(&bytes).unwrap().hash().starts_with(&receipt.bundle));
    assert_eq!((receipt.epoch, receipt.outcome, receipt.shore_ms), (5, Outcome::Taken, START_MS as u64 + 7));
    assert_eq!((receipt.mark, receipt.missing.as_slice(), receipt.highest), (1, &[(1, 3)][..], 6));
}

#[tokio::test]
async fn strangers_and_damage_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let register = register(dir.path()).await;
    let sent = records(1, 1, 3);
    let good = bundle(&sent, &mut Tables::new(1), &key(1));
    // A key nobody enrolled, and a bundle that names the enrolled key but was signed by another.
    let stranger = bundle(&sent, &mut Tables::new(1), &key(2));
    let mut forged = stranger.clone();
    forged[5..7].copy_from_slice(&good[5..7]);
    for bytes in [&stranger, &forged] {
        assert!(matches!(register.take(bytes, START_MS).await, Err(Refusal::UnknownKey)));
    }
    for at in 0..good.len() {
        let mut bent = good.clone();
        bent[at] ^= 0x10;
        let refused = register.take(&bent, START_MS).await;
        assert!(matches!(refused, Err(Refusal::Malformed(_) | Refusal::UnknownKey)), "byte {at}: {refused:?}");
    }
    for cut in 0..good.len() {
        assert!(matches!(register.take(&good[..cut], START_MS).await, Err(Refusal::Malformed(_))), "cut at {cut}");
    }
    let row = &register.repo.vessels().await.unwrap()[0];
    assert_eq!((row.last_heard_ms, row.open.high), (None, 0));
    assert!(register.take(&good, START_MS).await.is_ok());
}

#[tokio::test]
async fn old_bundles_may_come_again_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let register = register(dir.path()).await;
    let mut tables = Tables::new(1);
    let bundles: Vec<_> = (0..5).map(|at| bundle(&records(at + 1, 1 + at * 4, 4), &mut tables, &key(1))).collect();
    for bytes in &bundles {
        register.take(bytes, START_MS).await.unwrap();
    }
    let before = register.repo.vessel("one").await.unwrap().unwrap();
    for at in [0, 4, 0, 2, 2, 1, 3] {
        let receipt = read(&register.take(&bundles[at], START_MS).await.unwrap());
        assert_eq!((receipt.mark, receipt.outcome), (21, Outcome::Taken));
    }
    assert_eq!(register.repo.vessel("one").await.unwrap().unwrap(), before);
}

#[tokio::test]
async fn a_cloned_box_is_noticed_and_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let register = register(dir.path()).await;
    let original = bundle(&records(1, 1, 3), &mut Tables::new(1), &key(1));
    let clone = bundle(&records(2, 2, 3), &mut Tables::new(2), &key(1));
    register.take(&original, START_MS).await.unwrap();
    let receipt = read(&register.take(&clone, START_MS).await.unwrap());
    assert_eq!((receipt.outcome, receipt.mark), (Outcome::Quarantined, 5));
    let row = &register.repo.vessels().await.unwrap()[0];
    assert_eq!((row.quarantined, row.open.high), (1, 4), "three of the first, and number 4 of the second");
}

#[tokio::test]
async fn tables_out_of_step_are_asked_for_anew() {
    let dir = tempfile::tempdir().unwrap();
    let register = register(dir.path()).await;
    let mut tables = Tables::new(1);
    let first = encode(
        &records(1, 1, 4),
        &Meta { epoch: 5, created_ms: 0, clock: TimeSource::Ntp, previous: [0; 8] },
        &mut tables,
        &key(1),
    )
    .unwrap();
    // The ship believes the shore has these entries; the shore never saw them.
    tables.confirm(&first.defined);
    let orphan = bundle(&records(1, 1, 4), &mut tables, &key(1));
    assert!(matches!(register.take(&orphan, START_MS).await, Err(Refusal::Tables)));
    // Numbers used for something else: also refused, also without effect.
    register.take(&first.bytes, START_MS).await.unwrap();
    let clash = bundle(&records(77, 9, 4), &mut Tables::new(1), &key(1));
    assert!(matches!(register.take(&clash, START_MS).await, Err(Refusal::Tables)));
    assert_eq!(register.repo.vessels().await.unwrap()[0].open.high, 4);
    // The first bundle's entries are known now, also to a register that has just started.
    assert!(register.take(&orphan, START_MS).await.is_ok());
    let repo = SqliteRepo::open(&dir.path().join("register.db")).await.unwrap();
    let restarted = Register::new(Arc::new(repo), key(100));
    assert!(restarted.take(&orphan, START_MS).await.is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Any mix of bundles over the same records, in any order, any number of times: the register ends the same.
    #[test]
    fn register_does_not_depend_on_the_carrier(order in proptest::collection::vec(0_usize..12, 12..40)) {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(async {
            let all = records(9, 1, 24);
            let mut tables = Tables::new(1);
            // Twelve bundles that overlap: every record is in two of them.
            let bundles: Vec<_> = (0..12).map(|at| {
                let part: Vec<_> = all.iter().filter(|(seq, _)| (seq / 2) % 12 == at || (seq / 2 + 5) % 12 == at).cloned().collect();
                bundle(&part, &mut tables, &key(1))
            }).collect();
            let dir = tempfile::tempdir().unwrap();
            let register = register(dir.path()).await;
            for at in order.iter().copied().chain(0..12) {
                let receipt = read(&register.take(&bundles[at], START_MS).await.unwrap());
                assert_eq!(receipt.outcome, Outcome::Taken);
            }
            let detail = register.repo.vessel("one").await.unwrap().unwrap();
            assert_eq!((detail.streams[0].mark, detail.row.missing_records, detail.row.open.high), (25, 0, 24));
        });
    }
}
