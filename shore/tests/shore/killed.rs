//! The real program, killed with SIGKILL at every phase of a delivery: while the request comes in, after the commit, while the receipt goes
//! out. What it acknowledged is there when it comes back; what it did not is sent again and taken once.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use dogwatch::uplink::Https;
use dogwatch_bundle::PublicKey;
use dogwatch_model::Severity;
use dogwatch_shore::home::{Home, database};
use dogwatch_shore::repo::{FindingQuery, Repo as _, SqliteRepo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::faults::{Running, is_empty, settings, until};
use crate::fleet::Dice;
use crate::ship::{MemoryQueue, START_MS, carried, key, record, some_finding};

const BINARY: &str = env!("CARGO_BIN_EXE_dogwatch-shore");
/// Cuts in each direction.
const CUTS: usize = 14;

fn run(args: &[&str]) -> String {
    let output = Command::new(BINARY).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Starts the shore; returns it and the address it listens on.
fn start(dir: &Path) -> (Child, SocketAddr) {
    let mut child = Command::new(BINARY)
        .args(["run", "--listen", "127.0.0.1:0", "--dir"])
        .arg(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening ").unwrap_or_else(|| panic!("{line:?}")).parse().unwrap();
    (child, address)
}

/// What the link does to the bytes that pass.
#[derive(Default)]
struct Link {
    shore: Option<(Child, SocketAddr)>,
    /// Kill the shore when so many more bytes went up (true) or down.
    cut: Option<(bool, usize)>,
    /// Bytes of the last connection, up and down.
    passed: [usize; 2],
}

/// A test that fails must not leave a program running.
impl Drop for Link {
    fn drop(&mut self) {
        if let Some((mut child, _)) = self.shore.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Link {
    /// How many of these bytes may pass. At the cut the shore dies.
    fn admit(&mut self, up: bool, count: usize) -> usize {
        let mut admitted = count;
        if let Some((cut_up, left)) = &mut self.cut
            && *cut_up == up
        {
            if count >= *left {
                admitted = *left;
                self.cut = None;
                if let Some((mut child, _)) = self.shore.take() {
                    child.kill().unwrap();
                    child.wait().unwrap();
                }
            } else {
                *left -= count;
            }
        }
        self.passed[usize::from(!up)] += admitted;
        admitted
    }
}

async fn pump(
    up: bool,
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    link: Arc<Mutex<Link>>,
    died: Arc<Notify>,
) {
    let mut buffer = [0; 512];
    loop {
        let Ok(count) = from.read(&mut buffer).await else { return };
        if count == 0 {
            let _ = to.shutdown().await;
            return;
        }
        let (admitted, dead) = {
            let mut link = link.lock().unwrap();
            (link.admit(up, count), link.shore.is_none())
        };
        let written = to.write_all(&buffer[..admitted]).await;
        if dead {
            died.notify_one();
        }
        if dead || written.is_err() {
            return;
        }
    }
}

/// The link: one fixed address for the ship, whatever port the shore gets.
async fn relay(listener: TcpListener, link: Arc<Mutex<Link>>, died: Arc<Notify>) {
    loop {
        let (ship, _) = listener.accept().await.unwrap();
        let shore = link.lock().unwrap().shore.as_ref().map(|(_, address)| *address);
        let Some(shore) = shore else { continue };
        let Ok(shore) = TcpStream::connect(shore).await else { continue };
        link.lock().unwrap().passed = [0, 0];
        let ((ship_read, ship_write), (shore_read, shore_write)) = (ship.into_split(), shore.into_split());
        let (link, died) = (Arc::clone(&link), Arc::clone(&died));
        tokio::spawn(async move {
            // When one direction is cut, the other ends as well: the connection is gone.
            tokio::select! {
                () = pump(true, ship_read, shore_write, Arc::clone(&link), Arc::clone(&died)) => {}
                () = pump(false, shore_read, ship_write, link, died) => {}
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_phase_of_a_delivery() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("register");
    let path = dir.to_str().unwrap();
    let told = run(&["init", "--dir", path]);
    let shore_key: PublicKey = told.split_whitespace().last().unwrap().parse().unwrap();
    let home = Home::load(&dir).unwrap();
    assert_eq!(home.public(), shore_key);
    let ship_key = key(1).public().to_string();
    run(&["enrol", "--dir", path, "--vessel", "one", "--imo", "9074729", "--name", "MV One", "--key", &ship_key]);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (link, died) = (Arc::new(Mutex::new(Link::default())), Arc::new(Notify::new()));
    link.lock().unwrap().shore = Some(start(&dir));
    tokio::spawn(relay(listener, Arc::clone(&link), Arc::clone(&died)));

    let queue = Arc::new(MemoryQueue::default());
    let carrier = Https::new(&address.to_string(), home.pin).unwrap();
    let ship = Running::start_for(shore_key, &queue, carrier, settings());
    let mut dice = Dice(31);
    let mut sent = Vec::new();
    let mut kills = 0;
    // One clean burst shows how long a delivery is, then cuts walk through it.
    for cycle in 0..=2 * CUTS {
        let (up, part) = (cycle % 2 == 0, cycle / 2);
        if cycle > 0 {
            let mut link = link.lock().unwrap();
            let length = link.passed[usize::from(!up)];
            link.cut = Some((up, (length * part / CUTS).max(1)));
        }
        for _ in 0..5 {
            let finding = some_finding(&mut dice, Severity::High);
            queue.push(&record(&finding), START_MS);
            sent.push(finding);
        }
        ship.handle.wake();
        let wanted = sent.len() as u64;
        tokio::select! {
            () = died.notified() => {}
            () = until(&ship.handle, "the receipts", |status| is_empty(status) && status.records >= wanted) => {}
        }
        let mut link = link.lock().unwrap();
        link.cut = None;
        if link.shore.is_none() {
            kills += 1;
            link.shore = Some(start(&dir));
        }
    }
    let wanted = sent.len() as u64;
    until(&ship.handle, "the empty queue", |status| is_empty(status) && status.records >= wanted).await;
    ship.stop().await;
    println!("{kills} kills in {} deliveries", 2 * CUTS);
    assert!(kills >= CUTS, "{kills} kills: the cuts missed the deliveries");
    let (mut child, _) = link.lock().unwrap().shore.take().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();

    assert!(queue.held().is_empty());
    let repo = SqliteRepo::open(&database(&dir)).await.unwrap();
    let rows = repo.findings(&FindingQuery { limit: 1000, ..FindingQuery::default() }).await.unwrap();
    assert_eq!(rows.len(), sent.len());
    for finding in &sent {
        let row = rows.iter().find(|row| row.finding.finding_id == finding.finding_id).unwrap();
        assert_eq!(row.finding, carried(finding));
    }
    let detail = repo.vessel("one").await.unwrap().unwrap();
    assert_eq!((detail.row.quarantined, detail.streams[0].mark), (0, wanted + 1));
}

#[test]
fn the_command_line_says_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("none");
    for (args, why) in [
        (vec!["run"], "run `dogwatch-shore init` first"),
        (
            vec!["enrol", "--vessel", "x", "--imo", "1234568", "--name", "X", "--key", &"0".repeat(64)],
            "an IMO number has seven digits",
        ),
        (vec!["enrol", "--vessel", "x", "--imo", "9074729", "--name", "X", "--key", "zz"], "not an Ed25519 key"),
    ] {
        let output = Command::new(BINARY).args(&args).arg("--dir").arg(&path).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(why), "{said}");
    }
    run(&["init", "--dir", path.to_str().unwrap()]);
    let output = Command::new(BINARY)
        .args(["run", "--pages", "0.0.0.0:0", "--listen", "127.0.0.1:0", "--dir"])
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("loopback address only"));
}
