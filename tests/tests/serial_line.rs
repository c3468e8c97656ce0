//! A serial line as a source of the daemon: sentences split anywhere become a device with its facts, noise is told from silence, and an adapter that
//! was unplugged is listened to again.
//!
//! A pair of pseudo-terminals stands in for the line, a link that is set anew for the adapter's name below /dev/serial/by-id.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::os::fd::OwnedFd;
use std::path::Path;

use dogwatch_tests::http;
use dogwatch_tests::programs::{Running, await_until, free_port};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

/// Looks of 20 ms until something has to have happened; opening again takes a second or two.
const PATIENCE: u32 = 750;

/// Plugs a line in under `name`; what is written to the answer arrives there.
fn plug_in(name: &Path) -> OwnedFd {
    let talker = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&talker).unwrap();
    unlockpt(&talker).unwrap();
    let device = ptsname(&talker, Vec::new()).unwrap();
    let _ = std::fs::remove_file(name);
    std::os::unix::fs::symlink(device.to_str().unwrap(), name).unwrap();
    talker
}

/// A sentence with its checksum (IEC 61162-1:2016, 7.2.3.4: exclusive or of all between `$` and `*`).
fn sentence(body: &str) -> String {
    let sum = body.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("${body}*{sum:02X}\r\n")
}

/// Writes in pieces of every length from one byte on, as a slow line brings them.
fn say(talker: &OwnedFd, text: &str) {
    let (mut rest, mut length) = (text.as_bytes(), 1);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(length.min(rest.len()));
        assert_eq!(rustix::io::write(talker, piece).unwrap(), piece.len());
        (rest, length) = (after, length % 23 + 1);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

fn source(port: u16) -> Option<Value> {
    let health: Value = http::get(port, "/api/health").ok()?;
    health.get("sources")?.as_array()?.first().cloned()
}

#[test]
fn a_serial_line_is_watched_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let line = folder.path().join("gyro-line");
    let port = free_port().unwrap();
    let file = folder.path().join("dogwatch.toml");
    let settings = format!(
        "[[source]]\nserial = \"{}\"\nbaud = 38400\nname = \"gyro\"\n[store]\ndirectory = \"{}\"\nballast_mib = 1\n\
         [console]\nlisten = \"127.0.0.1:{port}\"\n",
        line.display(),
        folder.path().join("store").display(),
    );
    std::fs::write(&file, settings).unwrap();
    // the adapter is not plugged in yet: that keeps nobody from starting
    let config = file.to_str().unwrap();
    let mut daemon = Running::start("dogwatch", &["run", "--config", config], &folder.path().join("log")).unwrap();
    let seen = |what: &str, is: &dyn Fn(&Value) -> bool| {
        await_until(what, PATIENCE, || Ok(source(port).filter(|source| is(source)))).unwrap()
    };
    seen("the line that is not there is told", &|source| source["verdict"] == "line-down");

    let talker = plug_in(&line);
    let opened = seen("the line is opened when it appears", &|source| source["up"] == true);
    assert_eq!(opened["failures"], 0);
    let sea = [sentence("HEHDT,274.07,T"), sentence("TIROT,-3.5,A"), "$HEHDT,274.07,T*00\r\n".to_owned()].concat();
    say(&talker, &sea.repeat(20));
    seen("the line is readable", &|source| source["verdict"] == "line-good" && source["frames"].as_u64() >= Some(60));
    let assets: Value = await_until("a device", PATIENCE, || {
        Ok(http::get::<Value>(port, "/api/assets").ok().filter(|assets| assets[0]["frames"].as_u64().is_some()))
    })
    .unwrap();
    let [gyro] = &assets.as_array().unwrap()[..] else { panic!("one line is one device: {assets}") };
    assert_eq!(gyro["interfaces"][0]["capture_source"], "gyro");
    let protocols: Vec<_> = gyro["protocols"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(protocols, ["nmea0183"]);
    let health: Value = http::get(port, "/api/health").unwrap();
    let messages = health["protocols"]["nmea0183"].as_u64().unwrap();
    assert!(messages >= 60, "each sentence came through, also the one with a wrong checksum: {health}");

    // unplugged, and plugged in again
    drop(talker);
    seen("the loss is told and counted", &|source| source["verdict"] == "line-down" && source["failures"] == 1);
    let talker = plug_in(&line);
    seen("the line is opened again", &|source| source["up"] == true);
    say(&talker, &sea.repeat(20));
    seen("it is read again", &|source| source["verdict"] == "line-good" && source["frames"].as_u64() >= Some(120));
    let assets: Value = http::get(port, "/api/assets").unwrap();
    assert_eq!(assets.as_array().unwrap().len(), 1, "the same line is the same device");
    daemon.is_alive().unwrap();
    assert!(daemon.stop(200).unwrap().success());
}
