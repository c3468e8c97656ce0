//! What a box meets at sea beside power cuts (`kills.rs`): a full disk, a link that stays away until the queue is at its bound, a clock that is
//! set. The real daemon and the real register, over TLS on 127.0.0.1. In the end the register holds what the console has shown, once.
//!
//! A full disk needs root and `mount` (a small tmpfs); without them the test says that it skipped. That a clock is set while the daemon runs
//! cannot be made here without setting this machine's: DW-9003 for that is tested beside the detection. Here each run begins at another time.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect, and says what it saw"
)]

use std::collections::BTreeMap;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use dogwatch_model::{Finding, Severity};
use dogwatch_tests::daemon::Ship;
use dogwatch_tests::programs::await_until;
use dogwatch_tests::scenario::Plan;
use dogwatch_tests::shore::Shore;
use dogwatch_tests::strangers::{self, BEGINS, Stranger};

/// Looks (20 ms each) for a daemon to answer or a queue to drain: guards against hanging.
const PATIENCE: u32 = 1_500;
/// A controller of the machinery zone, whom every stranger calls.
const CALLED: Ipv4Addr = Ipv4Addr::new(10, 20, 2, 21);
const DAY: u32 = 86_400;

/// A ship, her register, and what is needed to show her strangers.
struct Stage {
    folder: tempfile::TempDir,
    shore: Shore,
    ship: Ship,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scenario = Plan::new("sea-day", 7, 1, &folder.path().join("sim")).unwrap().play().unwrap();
        let mut shore = Shore::new(&folder.path().join("shore")).unwrap();
        let ship = Ship::new("ship", folder.path(), &scenario.policy, &shore).unwrap();
        shore.start().unwrap();
        Self { folder, shore, ship }
    }

    /// Starts the daemon on a capture of these strangers, which is over at once.
    fn sail(&mut self, begins: u32, strangers: std::ops::Range<u32>) {
        let strangers: Vec<Stranger> = strangers.map(|card| Stranger { ip: address(card), card }).collect();
        let capture = self.folder.path().join("strangers.pcap");
        strangers::write_from(&capture, begins, &strangers, CALLED, 502, 1.0).unwrap();
        self.ship.start(&capture, 1.0).unwrap();
    }

    /// Waits until the console shows that many findings; all that it shows.
    fn shown(&mut self, least: usize) -> Vec<Finding> {
        await_until(
            "the findings are shown",
            PATIENCE,
            // what the monitor says of itself does not count: the disk of the machine that runs this may be nearly full
            || {
                let is_of_ship = |finding: &&Finding| !finding.rule_id.starts_with("DW-9");
                Ok(Some(self.ship.shown()?).filter(|all| all.iter().filter(is_of_ship).count() >= least))
            },
        )
        .unwrap_or_else(|error| {
            let mut shown: BTreeMap<String, usize> = BTreeMap::new();
            self.ship.shown().unwrap().into_iter().for_each(|finding| *shown.entry(finding.rule_id).or_default() += 1);
            panic!("{error}: {shown:?}, {least} strangers, {:#}", self.health()["store"])
        })
    }

    /// Waits until the register holds what the console shows, once each, and all of what was shown before.
    fn arrives(&mut self, shown: &[Finding]) {
        let arrived = await_until("the queue drains", PATIENCE, || {
            let (aboard, ashore) = (self.ship.shown()?, self.shore.findings("ship")?);
            Ok(Some(ashore).filter(|ashore| !aboard.is_empty() && essence(ashore) == essence(&aboard)))
        });
        let ashore = arrived.unwrap_or_else(|error| {
            let (aboard, ashore) =
                (essence(&self.ship.shown().unwrap()), essence(&self.shore.findings("ship").unwrap()));
            let missing: Vec<_> = aboard.iter().filter(|(id, what)| ashore.get(*id) != Some(what)).collect();
            panic!("{error}: of {} are not ashore as aboard {missing:#?}", aboard.len())
        });
        let held = essence(&ashore);
        assert_eq!(held.len(), ashore.len(), "the register holds a finding twice");
        for finding in shown {
            let count = held.get(&finding.finding_id).map(|(count, _)| *count);
            assert!(count.is_some_and(|count| count >= finding.count), "shown and lost: {finding:#?}");
        }
    }

    fn health(&mut self) -> serde_json::Value {
        await_until("the daemon answers", PATIENCE, || self.ship.ask("/api/health")).unwrap()
    }
}

/// Address of a stranger: 190 on the bridge, as many in the engine room, and in the office.
fn address(card: u32) -> Ipv4Addr {
    let [.., host] = (60 + card % 190).to_be_bytes();
    Ipv4Addr::new(10, 20, [1, 2, 10][card as usize / 190 % 3], host)
}

/// What must be the same ashore as aboard.
fn essence(findings: &[Finding]) -> BTreeMap<String, (u64, String)> {
    findings.iter().map(|finding| (finding.finding_id.clone(), (finding.count, finding.fingerprint.clone()))).collect()
}

fn has_told(findings: &[Finding], id: &str, words: &str) -> bool {
    findings.iter().any(|finding| finding.rule_id == id && finding.summary.contains(words))
}

/// A small disk of its own; taken away with the value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Refused, with the reason, where this machine does not allow it.
    fn mount(at: &Path, mib: u32) -> Result<Self, String> {
        std::fs::create_dir_all(at).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"]).arg(at).output();
        match mounted {
            Ok(output) if output.status.success() => Ok(Self(at.to_owned())),
            refused => Err(format!("no disk of its own can be mounted here: {refused:?}")),
        }
    }

    /// Writes until nothing fits any more; the file that takes the room.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("somebody-elses.log");
        let mut file = std::fs::File::create(&path).unwrap();
        for size in [1 << 16, 1 << 10, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_full_disk_is_told_and_loses_nothing_that_was_shown() {
    let mut stage = Stage::new();
    let disk = match SmallDisk::mount(&stage.ship.store(), 12) {
        Ok(disk) => disk,
        Err(why) => {
            println!("skipped: {why}");
            return;
        }
    };
    stage.sail(BEGINS, 0..5);
    let before = stage.shown(5);
    stage.arrives(&before);

    // somebody's log takes all the room while the daemon runs, and it goes on
    let log = disk.fill();
    let told = await_until("the full disk is told", PATIENCE, || {
        Ok(Some(stage.ship.shown()?).filter(|all| has_told(all, "DW-9005", "disk of the monitor")))
    });
    let told = told.unwrap_or_else(|error| panic!("{error}: {:#?}", stage.health()["store"]));
    stage.ship.kill().unwrap();

    // it begins again on the full disk; what is urgent is still kept, out of the room held back for this day
    stage.sail(BEGINS + DAY, 100..105);
    let on_full_disk = stage.shown(10);
    assert!(told.iter().all(|old| on_full_disk.iter().any(|new| new.finding_id == old.finding_id)));
    stage.ship.kill().unwrap();

    std::fs::remove_file(log).unwrap();
    stage.sail(BEGINS + 2 * DAY, 200..201);
    let after = stage.shown(11);
    assert!(on_full_disk.iter().all(|old| after.iter().any(|new| new.finding_id == old.finding_id)));
    stage.arrives(&on_full_disk);
    println!("{} findings shown on a full disk, {} at the end, all ashore once", on_full_disk.len(), after.len());
    stage.ship.stop().unwrap();
}

/// Days without a link, a daemon's run each with strangers that were not there before; what the console shows at the end.
fn days_without_link(stage: &mut Stage, days: u32) -> Vec<Finding> {
    stage.ship.keep_at_most(1);
    stage.shore.kill().unwrap();
    let mut shown = Vec::new();
    for day in 0..days {
        stage.sail(BEGINS + day * DAY, day * 95..(day + 1) * 95);
        let least = 95 * (day as usize + 1);
        shown = stage.shown(least);
        stage.ship.stop().unwrap();
    }
    stage.shore.start().unwrap();
    stage.sail(BEGINS + 100 * DAY, 0..1);
    shown
}

#[test]
fn a_link_that_was_away_for_days_loses_nothing() {
    let mut stage = Stage::new();
    let shown = days_without_link(&mut stage, 4);
    stage.arrives(&shown);
    assert_eq!(stage.shore.dropped("ship").unwrap(), 0);
    println!("{} findings waited, all ashore once", shown.len());
    stage.ship.stop().unwrap();
}

/// Beyond the bound of the queue the least urgent records go, the register is told how many, and none of them is urgent.
#[test]
fn a_queue_at_its_bound_keeps_what_is_urgent_and_tells_the_rest() {
    let mut stage = Stage::new();
    days_without_link(&mut stage, 6);
    let urgent = |all: &[Finding]| -> Vec<Finding> {
        all.iter().filter(|finding| finding.severity >= Severity::High).cloned().collect()
    };
    let arrived = await_until("what is urgent arrives, and what went is told", PATIENCE, || {
        let (aboard, ashore) = (stage.ship.shown()?, stage.shore.findings("ship")?);
        let missing = aboard.len().saturating_sub(ashore.len());
        let is_told = missing > 0 && stage.shore.dropped("ship")? >= missing as u64;
        Ok(Some((aboard, ashore))
            .filter(|(aboard, ashore)| is_told && essence(&urgent(aboard)) == essence(&urgent(ashore))))
    });
    let (aboard, ashore) = arrived.unwrap_or_else(|error| {
        panic!("{error}: {:#}, dropped {:?}", stage.health()["uplink"], stage.shore.dropped("ship"))
    });
    assert!(has_told(&aboard, "DW-9005", "queue of records"), "a queue that is nearly full is told");
    let (held, kept) = (essence(&aboard), essence(&ashore));
    assert_eq!(kept.len(), ashore.len(), "the register holds a finding twice");
    assert!(kept.keys().all(|id| held.contains_key(id)));
    let (missing, dropped) = (held.len() - kept.len(), stage.shore.dropped("ship").unwrap());
    println!(
        "{} findings, {} urgent, {missing} not ashore, {dropped} records told as let go",
        held.len(),
        urgent(&aboard).len()
    );
    assert!(
        missing > 0 && missing as u64 <= dropped,
        "{missing} are not ashore, {dropped} records were told as let go"
    );
    stage.ship.stop().unwrap();
}

#[test]
fn a_clock_that_is_set_between_two_runs_loses_nothing_and_doubles_nothing() {
    let mut stage = Stage::new();
    let mut shown = Vec::new();
    // the same strangers stay: a month back, as a box without a battery begins; then a year ahead
    for (run, begins) in [BEGINS, BEGINS - 30 * DAY, BEGINS + 365 * DAY, BEGINS].into_iter().enumerate() {
        stage.sail(begins, 0..10 + run as u32);
        shown = stage.shown(10 + run);
        stage.ship.kill().unwrap();
    }
    stage.sail(BEGINS, 0..1);
    stage.arrives(&shown);
    let mut devices: BTreeMap<_, usize> = BTreeMap::new();
    for finding in stage.ship.shown().unwrap().iter().filter(|finding| finding.rule_id == "DW-1001") {
        *devices.entry(finding.source.mac).or_default() += 1;
    }
    assert_eq!(devices.len(), 13);
    assert!(devices.values().all(|count| *count == 1), "one stranger is one finding: {devices:?}");
    stage.ship.stop().unwrap();
}
