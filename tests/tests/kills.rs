//! Eight ships whose daemons are killed (SIGKILL) at random moments while they find things and send them ashore, and a register that is killed
//! now and then, too. In the end the register holds every finding that a console has ever shown, once, as it stands aboard.
//!
//! Everything is the real thing, over TLS on 127.0.0.1. `DOGWATCH_KILLS` sets the number of kills (200). What the store promises by itself is
//! tested beside the store; this is about the whole way.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect, and says what it measured"
)]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use dogwatch_model::Finding;
use dogwatch_store::{DurableStore, Options, Store};
use dogwatch_tests::daemon::Ship;
use dogwatch_tests::programs::{LOOK_EVERY, await_until};
use dogwatch_tests::scenario::Plan;
use dogwatch_tests::shore::Shore;
use dogwatch_tests::strangers::{self, Stranger};

const SHIPS: u64 = 8;
/// Strangers that appear in each run of a daemon.
const NEW_STRANGERS: u64 = 6;
/// Looks (20 ms each) for a daemon to answer or a queue to drain: guards against hanging.
const PATIENCE: u32 = 1_500;
/// Kills of the register, spread over the ships' kills.
const SHORE_KILLS: u64 = 5;

/// Random numbers that are the same in every run (xorshift64, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// The strangers of one run: those of the run before once more, and new ones.
fn strangers_of(run: u64) -> Vec<Stranger> {
    let first = run.saturating_sub(1) * NEW_STRANGERS;
    (first..(run + 1) * NEW_STRANGERS)
        .map(|number| Stranger {
            ip: Ipv4Addr::new(10, 20, 1, u8::try_from(60 + number % 190).unwrap()),
            card: u32::try_from(number).unwrap(),
        })
        .collect()
}

/// What one ship's console has shown: id and the highest count.
type Shown = BTreeMap<String, u64>;

/// Starts and kills a ship's daemon again and again; what it has shown.
fn sail(ship: &mut Ship, folder: &Path, kills: u64, seed: u64, done: &AtomicU64) -> Shown {
    let mut dice = Dice(seed);
    let mut shown = Shown::new();
    let capture = folder.join(format!("{}.pcap", ship.name));
    for run in 0..kills {
        // 500 ms of traffic at the recorded speed: findings are on their way whenever the kill comes
        strangers::write(&capture, &strangers_of(run), Ipv4Addr::new(10, 20, 2, 21), 502, 0.5).unwrap();
        ship.start(&capture, 1.0).unwrap();
        for look in 0..10 + dice.below(100) {
            std::thread::sleep(LOOK_EVERY);
            if look % 4 == 0 {
                for finding in ship.shown().unwrap() {
                    let count = shown.entry(finding.finding_id).or_default();
                    *count = finding.count.max(*count);
                }
            }
        }
        ship.kill().unwrap();
        done.fetch_add(1, Ordering::Relaxed);
    }
    shown
}

/// What must be the same ashore as aboard; times go ashore in milliseconds.
fn essence(findings: &[Finding]) -> BTreeMap<String, (u64, i64, String, &'static str)> {
    let of = |finding: &Finding| {
        (finding.count, finding.last_seen.millis(), finding.fingerprint.clone(), finding.severity.as_str())
    };
    findings.iter().map(|finding| (finding.finding_id.clone(), of(finding))).collect()
}

/// Lets a ship send what is left, and compares console, store and register; how many findings there are.
fn check(ship: &mut Ship, shore: &Shore, empty: &Path, shown: &Shown) -> usize {
    let name = ship.name.clone();
    ship.start(empty, 1.0).unwrap();
    let aboard: Vec<Finding> = await_until("the daemon answers", PATIENCE, || ship.ask("/api/findings")).unwrap();
    let aboard_now = essence(&aboard);
    let ashore = await_until("the queue drains", PATIENCE, || {
        ship.shown()?;
        let ashore = shore.findings(&name)?;
        Ok((essence(&ashore) == aboard_now).then_some(ashore))
    });
    let Ok(ashore) = ashore else {
        let ashore = essence(&shore.findings(&name).unwrap());
        let missing: Vec<_> = aboard_now
            .iter()
            .filter(|(id, what)| ashore.get(*id) != Some(what))
            .map(|(id, what)| (id, what, ashore.get(id)))
            .collect();
        let alien: Vec<_> = ashore.iter().filter(|(id, _)| !aboard_now.contains_key(*id)).collect();
        let health: Option<serde_json::Value> = ship.ask("/api/health").unwrap();
        panic!(
            "{name}: not ashore as aboard {missing:#?}; ashore only {alien:#?}; {:#?}",
            health.map(|h| h["uplink"].clone())
        );
    };
    assert_eq!(ashore.len(), aboard.len(), "{name}: the register holds a finding twice");
    let prints: std::collections::BTreeSet<&str> = ashore.iter().map(|finding| finding.fingerprint.as_str()).collect();
    assert_eq!(prints.len(), ashore.len(), "{name}: two findings of one cause");
    // a device that was there before the kill is no news after it
    let mut causes: BTreeMap<(&str, Option<dogwatch_model::Mac>, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in &ashore {
        causes.entry((&finding.rule_id, finding.source.mac, &finding.service)).or_default().push(finding);
    }
    let twice: Vec<_> = causes
        .iter()
        .filter(|((_, mac, _), findings)| mac.is_some() && findings.len() > 1)
        .map(|(cause, findings)| (cause, findings.iter().map(|f| (&f.summary, f.first_seen)).collect::<Vec<_>>()))
        .collect();
    assert!(twice.is_empty(), "{name}: one cause told twice: {} {twice:#?}", twice.len());
    for (id, count) in shown {
        let held = aboard_now.get(id).map(|(count, ..)| *count);
        assert!(held.is_some_and(|held| held >= *count), "{name}: shown {id} with count {count}, held {held:?}");
    }
    ship.stop().unwrap();
    let (store, report) = DurableStore::open(&ship.store(), Options::new(1)).unwrap();
    assert!(!report.has_losses(), "{name}: {report:?}");
    assert_eq!(store.findings().unwrap().len(), ashore.len(), "{name}: store and register");
    ashore.len()
}

#[test]
fn what_a_console_has_shown_reaches_the_shore_once() {
    let kills: u64 = std::env::var("DOGWATCH_KILLS").map_or(200, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let scenario = Plan::new("sea-day", 7, 1, &folder.path().join("sim")).unwrap().play().unwrap();
    let mut shore = Shore::new(&folder.path().join("shore")).unwrap();
    let mut ships: Vec<Ship> = (0..SHIPS)
        .map(|number| Ship::new(&format!("ship-{number}"), folder.path(), &scenario.policy, &shore).unwrap())
        .collect();
    shore.start().unwrap();

    let done = AtomicU64::new(0);
    let of_each = kills.div_ceil(SHIPS);
    let all = of_each * SHIPS;
    let shown: Vec<Shown> = std::thread::scope(|scope| {
        let sailing: Vec<_> = ships
            .iter_mut()
            .zip(1..)
            .map(|(ship, seed)| {
                let (folder, done) = (folder.path(), &done);
                scope.spawn(move || sail(ship, folder, of_each, seed * 0x9e37_79b9, done))
            })
            .collect();
        for kill in 1..=SHORE_KILLS {
            while done.load(Ordering::Relaxed) * (SHORE_KILLS + 1) < kill * all {
                assert!(!sailing.iter().any(|thread| thread.is_finished()) || done.load(Ordering::Relaxed) >= of_each);
                std::thread::sleep(LOOK_EVERY);
            }
            shore.kill().unwrap();
            shore.start().unwrap();
        }
        sailing
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    assert_eq!(done.load(Ordering::Relaxed), all);

    let empty = folder.path().join("empty.pcap");
    strangers::write(&empty, &[], Ipv4Addr::LOCALHOST, 0, 1.0).unwrap();
    let acknowledged: usize = shown.iter().map(BTreeMap::len).sum();
    let mut held = 0;
    for (ship, shown) in ships.iter_mut().zip(&shown) {
        held += check(ship, &shore, &empty, shown);
    }
    println!(
        "{all} kills of {SHIPS} daemons, {SHORE_KILLS} of the register: {acknowledged} findings shown, {held} aboard and ashore, 0 lost, 0 double"
    );
    assert!(acknowledged as u64 > all, "too few findings were shown for this to mean anything: {acknowledged}");
}
