//! The whole path: queue, uplink, TLS over loopback, shore, pages' data.

use std::net::SocketAddr;
use std::sync::Arc;

use dogwatch::uplink::{Https, LinkState};
use dogwatch_model::Severity;
use dogwatch_shore::home::Home;
use dogwatch_shore::ingest::Register;
use dogwatch_shore::repo::{Enrolment, FindingQuery, SqliteRepo};
use dogwatch_shore::server;
use tokio::sync::watch;

use crate::faults::{Running, is_empty, settings, until};
use crate::fleet::Dice;
use crate::ship::{MemoryQueue, START_MS, carried, key, record, some_finding};

/// A register on a loopback port, in this process.
struct Shore {
    address: SocketAddr,
    home: Home,
    register: Arc<Register>,
    stop: watch::Sender<bool>,
}

async fn shore(dir: &std::path::Path) -> Shore {
    let home = Home::init(&dir.join("shore")).unwrap();
    let repo = SqliteRepo::open(&dir.join("register.db")).await.unwrap();
    // Receipts are signed with the key the test ship knows; TLS with the one just made.
    let register = Arc::new(Register::new(Arc::new(repo), key(100)));
    let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let (served, serving) = (Arc::clone(&register), Home::load(&dir.join("shore")).unwrap());
    tokio::spawn(async move { server::serve_tls(listener, &serving, served, stopped).await.unwrap() });
    Shore { address, home, register, stop }
}

async fn enrol(shore: &Shore) {
    let enrolment =
        Enrolment { vessel_id: "one".into(), imo: "9074729".into(), name: "MV One".into(), key: key(1).public() };
    shore.register.repo.enrol(&enrolment, START_MS).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn findings_arrive_whole_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    let shore = shore(dir.path()).await;
    enrol(&shore).await;
    let queue = Arc::new(MemoryQueue::default());
    let mut dice = Dice(42);
    let mut sent = Vec::new();
    let carrier = Https::new(&shore.address.to_string(), shore.home.pin).unwrap();
    let ship = Running::start(&queue, carrier, settings());
    let mut bytes = Vec::new();
    for round in 0..3 {
        for at in 0..100 {
            let finding = some_finding(&mut dice, Severity::ALL[at % 5]);
            queue.push(&record(&finding), START_MS);
            sent.push(finding);
        }
        ship.handle.wake();
        let wanted = 100 * (round + 1);
        until(&ship.handle, "the receipts", |status| is_empty(status) && status.records >= wanted).await;
        bytes.push(ship.handle.status().borrow().bytes_total);
    }
    println!("IP bytes, both ways, of three bursts of 100 findings (full handshake, then resumed): {bytes:?}");
    ship.stop().await;
    assert!(queue.held().is_empty());
    let rows = shore.register.repo.findings(&FindingQuery { limit: 1000, ..FindingQuery::default() }).await.unwrap();
    assert_eq!(rows.len(), 300);
    for finding in &sent {
        let row = rows.iter().find(|row| row.finding.finding_id == finding.finding_id).unwrap();
        assert_eq!(row.finding, carried(finding));
    }
    let _ = shore.stop.send(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resumed_session_is_cheaper_than_a_full_one() {
    let dir = tempfile::tempdir().unwrap();
    let shore = shore(dir.path()).await;
    enrol(&shore).await;
    let queue = Arc::new(MemoryQueue::default());
    let carrier = Https::new(&shore.address.to_string(), shore.home.pin).unwrap();
    let ship = Running::start(&queue, carrier, settings());
    let finding = some_finding(&mut Dice(8), Severity::Critical);
    let mut costs = Vec::new();
    for round in 1..=3 {
        // The same detection between the same devices: the tables know it after the first time.
        let before = ship.handle.status().borrow().bytes_total;
        queue.push(&record(&finding), START_MS);
        ship.handle.wake();
        until(&ship.handle, "the receipt", |status| is_empty(status) && status.records == round).await;
        costs.push(ship.handle.status().borrow().bytes_total - before);
    }
    println!("IP bytes, both ways, of one critical finding: first contact, then resumed: {costs:?}");
    assert!(costs[1] < costs[0] && costs[2] < costs[0], "{costs:?}");
    ship.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shore_with_another_key_gets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let shore = shore(dir.path()).await;
    enrol(&shore).await;
    let queue = Arc::new(MemoryQueue::default());
    queue.push(&record(&some_finding(&mut Dice(1), Severity::Critical)), START_MS);
    let mut pin = shore.home.pin;
    pin[31] ^= 1;
    let ship = Running::start(&queue, Https::new(&shore.address.to_string(), pin).unwrap(), settings());
    until(&ship.handle, "two failures", |status| status.retries >= 2).await;
    ship.stop().await;
    assert_eq!(queue.held().len(), 1);
    assert_eq!(shore.register.repo.vessels().await.unwrap()[0].last_heard_ms, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_ship_waits_until_it_is_enrolled() {
    let dir = tempfile::tempdir().unwrap();
    let shore = shore(dir.path()).await;
    let queue = Arc::new(MemoryQueue::default());
    queue.push(&record(&some_finding(&mut Dice(1), Severity::Critical)), START_MS);
    let carrier = Https::new(&shore.address.to_string(), shore.home.pin).unwrap();
    let ship = Running::start(&queue, carrier, settings());
    until(&ship.handle, "parking", |status| matches!(status.state, LinkState::Parked { .. })).await;
    assert_eq!(ship.handle.status().borrow().last_error.as_deref(), Some("403 Forbidden: key"));
    enrol(&shore).await;
    ship.handle.send_now();
    until(&ship.handle, "the receipt", |status| is_empty(status) && status.records == 1).await;
    ship.stop().await;
}
