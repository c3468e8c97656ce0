//! The uplink against a link and a shore that fail in every way they can, with restarts aboard: nothing lost, nothing twice.

use std::collections::BTreeSet;
use std::future::Future;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dogwatch::uplink::{
    Answer, Carrier, Deadlines, Delivery, LinkState, Queue, Settings, Uplink, UplinkHandle, UplinkStatus,
};
use dogwatch_bundle::{Frame, Gap, Outcome, PublicKey, Receipt, Record, SeqRanges};
use dogwatch_model::Severity;
use dogwatch_shore::ingest::{Refusal, Register};
use dogwatch_shore::repo::FindingQuery;
use tokio::sync::watch;

use crate::fleet::Dice;
use crate::ingest::register;
use crate::ship::{MemoryQueue, START_MS, carried, clock, key, record, some_finding};

/// Settings for tests: nothing waits, failures are retried at once.
pub(crate) fn settings() -> Settings {
    let now = Duration::ZERO;
    Settings {
        daily_bytes: NonZeroU64::new(1 << 40).unwrap(),
        deadlines: Deadlines { high: now, routine: now, bulk: now, full_records: 500 },
        retry_shortest: Duration::from_millis(1),
        retry_longest: Duration::from_millis(3),
        poll_every: Duration::from_millis(2),
        ..Settings::default()
    }
}

/// Waits until the figures are as `wanted`. The limit only ends a test that hangs.
pub(crate) async fn until(handle: &UplinkHandle, what: &str, wanted: impl FnMut(&UplinkStatus) -> bool) {
    let mut status = handle.status();
    let waited = tokio::time::timeout(Duration::from_secs(60), status.wait_for(wanted)).await;
    if waited.is_err() {
        panic!("{what} never came: {:?}", *handle.status().borrow());
    }
    drop(waited);
}

pub(crate) fn is_empty(status: &UplinkStatus) -> bool {
    // Before the first look at the queue everything is zero.
    status.bytes_allowed > 0 && status.state == LinkState::Idle && status.waiting == [0; 4]
}

/// An uplink that runs until it is dropped or stopped.
pub(crate) struct Running {
    pub(crate) handle: UplinkHandle,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    pub(crate) fn start<C: Carrier>(queue: &Arc<MemoryQueue>, carrier: C, settings: Settings) -> Self {
        Self::start_for(key(100).public(), queue, carrier, settings)
    }

    pub(crate) fn start_for<C: Carrier>(
        shore: PublicKey,
        queue: &Arc<MemoryQueue>,
        carrier: C,
        settings: Settings,
    ) -> Self {
        let queue: Arc<dyn Queue> = Arc::clone(queue) as Arc<dyn Queue>;
        let (uplink, handle) = Uplink::new(settings, key(1), shore, queue, carrier, clock()).unwrap();
        let (stop, stopped) = watch::channel(false);
        Self { handle, stop, task: tokio::spawn(uplink.run(stopped)) }
    }

    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        self.task.await.unwrap();
    }

    /// As a power cut: nothing is saved or closed.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// A link that loses, damages, repeats and reorders, by dice; the shore behind it is the real register.
struct Bad {
    register: Arc<Register>,
    dice: Arc<Mutex<Dice>>,
    /// Bundles sent before, to be sent again at the wrong time.
    old: Vec<Vec<u8>>,
    /// Attempts after which the link becomes good.
    bad_for: u32,
}

impl Bad {
    async fn answer(&mut self, bundle: &[u8]) -> Answer {
        let fault = if self.bad_for == 0 { 99 } else { self.dice.lock().unwrap().below(12) };
        self.bad_for = self.bad_for.saturating_sub(1);
        let late = self.dice.lock().unwrap().below(1 << 20) as usize;
        self.old.push(bundle.to_vec());
        match fault {
            // The request is lost, or damaged on its way.
            0 => return Answer::Later("request lost".into()),
            1 => {
                let mut bent = bundle.to_vec();
                let at = late % bent.len();
                bent[at] ^= 4;
                assert!(self.register.take(&bent, START_MS).await.is_err());
                return Answer::Later("request damaged".into());
            }
            // An older bundle arrives late, or this one twice.
            2 => {
                let again = self.old[late % self.old.len()].clone();
                let _ = self.register.take(&again, START_MS).await;
            }
            3 => {
                let _ = self.register.take(bundle, START_MS).await;
            }
            _ => {}
        }
        let receipt = match self.register.take(bundle, START_MS).await {
            Ok(receipt) => receipt,
            Err(Refusal::Tables) => return Answer::Tables,
            Err(error) => panic!("{error:?}"),
        };
        match fault {
            4 | 5 => Answer::Later("reply lost".into()),
            6 => Answer::Receipt(receipt[..late % receipt.len()].to_vec()),
            7 => {
                let mut bent = receipt;
                let at = late % bent.len();
                bent[at] ^= 1;
                Answer::Receipt(bent)
            }
            // A receipt for another bundle.
            8 => Answer::Receipt(match self.register.take(&self.old[late % self.old.len()].clone(), START_MS).await {
                Ok(other) => other,
                Err(_) => receipt,
            }),
            _ => Answer::Receipt(receipt),
        }
    }
}

impl Carrier for Bad {
    fn deliver<'a>(&'a mut self, bundle: &'a [u8]) -> Pin<Box<dyn Future<Output = Delivery> + Send + 'a>> {
        Box::pin(async move { Delivery { answer: self.answer(bundle).await, wire_bytes: bundle.len() as u64 } })
    }

    fn overhead_bytes(&self) -> u64 {
        0
    }

    fn close(&mut self) -> Pin<Box<dyn Future<Output = u64> + Send + '_>> {
        Box::pin(async { 0 })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_once_over_a_bad_link_with_power_cuts() {
    let dir = tempfile::tempdir().unwrap();
    let register = register(dir.path()).await;
    let queue = Arc::new(MemoryQueue::default());
    let dice = Arc::new(Mutex::new(Dice(77)));
    let mut sent = Vec::new();
    for life in 0..30_u32 {
        for _ in 0..10 {
            let severity = Severity::ALL[dice.lock().unwrap().below(5) as usize];
            let finding = some_finding(&mut dice.lock().unwrap(), severity);
            queue.push(&record(&finding), START_MS);
            sent.push(finding);
        }
        let bad_for = if life == 29 { 5 } else { 1000 };
        let bad = Bad { register: Arc::clone(&register), dice: Arc::clone(&dice), old: Vec::new(), bad_for };
        let small = Settings { max_records: 3, ..settings() };
        let ship = Running::start(&queue, bad, small);
        if life == 29 {
            until(&ship.handle, "the empty queue", is_empty).await;
            ship.stop().await;
        } else {
            // Somewhere in the middle: after a few bundles, the box loses power; now and then its state as well.
            until(&ship.handle, "some bundles", |status| status.bundles + status.retries >= u64::from(life % 7)).await;
            ship.kill().await;
            if life % 9 == 4 {
                queue.lose_state();
            }
        }
    }
    assert_eq!(queue.held(), Vec::<u64>::new());
    let query = FindingQuery { limit: 1000, ..FindingQuery::default() };
    let rows = register.repo.findings(&query).await.unwrap();
    assert_eq!(rows.len(), 300);
    for finding in &sent {
        let row = rows.iter().find(|row| row.finding.finding_id == finding.finding_id).unwrap();
        assert_eq!(row.finding, carried(finding));
    }
    let detail = register.repo.vessel("one").await.unwrap().unwrap();
    assert_eq!((detail.row.quarantined, detail.row.missing_records, detail.streams[0].mark), (0, 0, 301));
}

/// A shore in a few lines, for what needs no register: counts what it is given and answers as told.
#[derive(Default)]
struct Desk {
    held: SeqRanges,
    /// Numbers in the order in which they came.
    order: Vec<u64>,
    notes: Vec<Gap>,
    bytes: u64,
    /// What to answer instead of a receipt, first one first.
    instead: Vec<Answer>,
    tables: Option<dogwatch_bundle::Tables>,
}

#[derive(Clone, Default)]
struct ToDesk(Arc<Mutex<Desk>>);

const DESK_OVERHEAD: u64 = 500;

impl Carrier for ToDesk {
    fn deliver<'a>(&'a mut self, bundle: &'a [u8]) -> Pin<Box<dyn Future<Output = Delivery> + Send + 'a>> {
        Box::pin(async move {
            let mut desk = self.0.lock().unwrap();
            let wire_bytes = bundle.len() as u64 + DESK_OVERHEAD;
            desk.bytes += wire_bytes;
            if !desk.instead.is_empty() {
                return Delivery { answer: desk.instead.remove(0), wire_bytes };
            }
            let frame = Frame::parse(bundle).unwrap();
            frame.verify(&key(1).public()).unwrap();
            let generation = frame.header().generation;
            let mut tables = desk.tables.take().filter(|tables| tables.generation() == generation);
            let mut tables = tables.take().unwrap_or_else(|| dogwatch_bundle::Tables::new(generation));
            let decoded = frame.decode(&tables).unwrap();
            decoded.definitions.iter().for_each(|definition| tables.define(definition).unwrap());
            desk.tables = Some(tables);
            for (seq, record) in decoded.records {
                desk.held.insert(seq, seq);
                desk.order.push(seq);
                if let Record::Gap(gap) = record {
                    desk.notes.push(gap);
                }
            }
            let receipt = Receipt::of(&desk.held, 0xcafe, frame.hash(), Outcome::Taken, START_MS as u64);
            Delivery { answer: Answer::Receipt(receipt.sign(&key(100), &key(1).public())), wire_bytes }
        })
    }

    fn overhead_bytes(&self) -> u64 {
        DESK_OVERHEAD
    }

    fn close(&mut self) -> Pin<Box<dyn Future<Output = u64> + Send + '_>> {
        Box::pin(async { 0 })
    }
}

fn push(queue: &MemoryQueue, dice: &mut Dice, severity: Severity, count: u64) -> BTreeSet<u64> {
    (0..count).map(|_| queue.push(&record(&some_finding(dice, severity)), START_MS)).collect()
}

#[tokio::test]
async fn a_storm_stays_within_the_day_and_critical_still_gets_through() {
    const DAILY: u64 = 100_000;
    let queue = Arc::new(MemoryQueue::default());
    let mut dice = Dice(5);
    push(&queue, &mut dice, Severity::Medium, 8_000);
    let desk = ToDesk::default();
    let limits = Settings { daily_bytes: NonZeroU64::new(DAILY).unwrap(), ..settings() };
    let ship = Running::start(&queue, desk.clone(), limits.clone());
    until(&ship.handle, "the end of the budget", |status| status.state == LinkState::OutOfBudget).await;
    let spent = desk.0.lock().unwrap().bytes;
    assert!(spent <= DAILY * 9 / 10, "{spent} bytes: the reserve was touched");
    assert!(spent > DAILY * 8 / 10, "{spent} bytes: the budget was not used");
    let critical = push(&queue, &mut dice, Severity::Critical, 20);
    ship.handle.wake();
    until(&ship.handle, "no critical left", |status| {
        status.waiting[0] == 0 && status.state == LinkState::OutOfBudget && status.bytes_today > spent
    })
    .await;
    {
        let desk = desk.0.lock().unwrap();
        assert!(critical.iter().all(|&seq| desk.held.contains(seq)));
        assert!(desk.bytes <= DAILY, "{} bytes", desk.bytes);
    }
    // A restart does not refill the purse.
    ship.kill().await;
    let before = desk.0.lock().unwrap().bytes;
    let ship = Running::start(&queue, desk.clone(), limits);
    until(&ship.handle, "the end of the budget", |status| status.state == LinkState::OutOfBudget).await;
    assert_eq!(desk.0.lock().unwrap().bytes, before);
    assert!(!queue.held().is_empty(), "nothing is thrown away for lack of budget");
    ship.stop().await;
}

#[tokio::test]
async fn critical_overtakes_a_backlog() {
    let queue = Arc::new(MemoryQueue::default());
    let mut dice = Dice(6);
    push(&queue, &mut dice, Severity::Low, 300);
    let critical = push(&queue, &mut dice, Severity::Critical, 5);
    let desk = ToDesk::default();
    let ship = Running::start(&queue, desk.clone(), Settings { max_records: 10, ..settings() });
    until(&ship.handle, "the empty queue", is_empty).await;
    ship.stop().await;
    let desk = desk.0.lock().unwrap();
    assert!(desk.order[..10].iter().filter(|seq| critical.contains(seq)).count() == 5, "{:?}", &desk.order[..10]);
    assert_eq!((desk.held.first_missing(1), desk.order.len()), (306, 305), "each number once");
    assert_eq!((queue.held().len(), queue.released()), (0, 306));
}

#[tokio::test]
async fn a_refused_bundle_is_set_aside_and_the_rest_goes_on() {
    let queue = Arc::new(MemoryQueue::default());
    let mut dice = Dice(7);
    push(&queue, &mut dice, Severity::High, 30);
    let desk = ToDesk::default();
    desk.0.lock().unwrap().instead = vec![Answer::RefusedBundle("400: malformed".into())];
    let ship = Running::start(&queue, desk.clone(), Settings { max_records: 10, ..settings() });
    until(&ship.handle, "20 records", |status| status.records == 20).await;
    until(&ship.handle, "rest", |status| status.state == LinkState::Idle && status.waiting == [0, 10, 0, 0]).await;
    assert_eq!(ship.handle.status().borrow().state, LinkState::Idle);
    assert_eq!(queue.held().len(), 30, "nothing above the refused ones may be let go");
    ship.stop().await;
    // A restart tries them again.
    let ship = Running::start(&queue, desk, settings());
    until(&ship.handle, "the empty queue", is_empty).await;
    assert!(queue.held().is_empty());
    ship.stop().await;
}

#[tokio::test]
async fn a_refused_box_waits_and_loses_nothing() {
    let queue = Arc::new(MemoryQueue::default());
    push(&queue, &mut Dice(8), Severity::Critical, 3);
    let desk = ToDesk::default();
    desk.0.lock().unwrap().instead = vec![Answer::RefusedSender("403: key".into()); 2];
    let ship = Running::start(&queue, desk.clone(), settings());
    until(&ship.handle, "parking", |status| matches!(status.state, LinkState::Parked { .. })).await;
    assert_eq!(ship.handle.status().borrow().last_error.as_deref(), Some("403: key"));
    assert_eq!((queue.held().len(), desk.0.lock().unwrap().instead.len()), (3, 1), "one attempt, not many");
    ship.handle.send_now();
    until(&ship.handle, "second refusal", |status| status.retries == 2).await;
    ship.handle.send_now();
    until(&ship.handle, "the empty queue", is_empty).await;
    assert!(queue.held().is_empty());
    ship.stop().await;
}

#[tokio::test]
async fn records_that_cannot_be_sent_become_notes() {
    let queue = Arc::new(MemoryQueue::default());
    push(&queue, &mut Dice(9), Severity::High, 9);
    queue.damage(4);
    let huge = serde_json::json!({
        "asset_id": "ast_huge", "interfaces": [], "device_class": "plc", "attributes": {}, "protocols": [],
        "first_seen": "2026-11-22T00:00:00Z", "last_seen": "2026-11-22T00:00:00Z", "frames": 1, "bytes": 1,
        "state": "matched", "disposition": "approved", "purpose": "x".repeat(200_000)
    });
    let huge = queue.push(&Record::Asset(Box::new(serde_json::from_value(huge).unwrap())), START_MS);
    let desk = ToDesk::default();
    let ship = Running::start(&queue, desk.clone(), settings());
    until(&ship.handle, "the empty queue", is_empty).await;
    ship.stop().await;
    let desk = desk.0.lock().unwrap();
    assert_eq!(desk.held.first_missing(1), 11);
    let mut notes: Vec<_> = desk.notes.iter().map(|gap| (gap.ranges[0].0, gap.counts[0].0.as_str())).collect();
    notes.sort_unstable();
    assert_eq!(notes, [(4, "unreadable"), (huge, "unpackable")]);
}

#[tokio::test]
async fn a_shore_restored_from_an_old_copy_gets_again_what_is_still_aboard() {
    let queue = Arc::new(MemoryQueue::default());
    let mut dice = Dice(10);
    push(&queue, &mut dice, Severity::High, 10);
    let desk = ToDesk::default();
    desk.0.lock().unwrap().instead = vec![Answer::RefusedBundle("400".into())];
    let ship = Running::start(&queue, desk.clone(), Settings { max_records: 4, ..settings() });
    // 5 to 10 are receipted, 1 to 4 set aside: all ten are still aboard.
    until(&ship.handle, "six", |status| status.records == 6).await;
    ship.stop().await;
    assert_eq!(queue.held().len(), 10);
    let mut old = SeqRanges::new();
    old.insert(9, 9);
    desk.0.lock().unwrap().held = old;
    let ship = Running::start(&queue, desk.clone(), settings());
    until(&ship.handle, "the empty queue", is_empty).await;
    ship.stop().await;
    assert_eq!(desk.0.lock().unwrap().held.first_missing(1), 11);
}
