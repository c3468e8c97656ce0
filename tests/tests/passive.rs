//! Nothing is ever sent on a capture interface: the real daemon on a virtual mirror port, over its whole life, by the kernel's count at both ends.
//!
//! Needs root and `ip`: the ports live in a network namespace of their own, with no address, no ARP and no multicast, so that the kernel itself
//! has nothing to say there.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops at what it did not expect")]

use std::path::Path;

use dogwatch_tests::http;
use dogwatch_tests::namespaces::{CAPTURE, Namespace, SWITCH, frames, what_is_missing};
use dogwatch_tests::programs::{Running, await_until, free_port};
use dogwatch_tests::scenario::{Plan, Scenario};

/// Looks (20 ms each) for something to happen: a guard against hanging, not a promise of speed.
const PATIENCE: u32 = 1_500;
/// Looks for the daemon to end after SIGTERM. It stops within a tenth of a second; five are a guard against hanging.
const STOP_PATIENCE: u32 = 250;

/// Writes settings for a daemon that listens on the capture end.
fn settings(folder: &Path, scenario: &Scenario, port: u16) -> String {
    let file = folder.join("dogwatch.toml");
    let text = format!(
        "[[source]]\ninterface = \"{CAPTURE}\"\n[policy]\nfile = \"{}\"\n[store]\ndirectory = \"{}\"\nballast_mib = 1\n\
         [console]\nlisten = \"127.0.0.1:{port}\"\n",
        scenario.policy.display(),
        folder.join("store").display()
    );
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Frames the daemon says it took.
fn taken(port: u16) -> Option<u64> {
    let health: serde_json::Value = http::get(port, "/api/health").ok()?;
    let source = health.get("sources")?.get(0)?;
    (source.get("name")? == CAPTURE).then(|| source.get("frames")?.as_u64())?
}

/// Starts the daemon and waits until it listens.
fn start(config: &str, port: u16, log: &Path) -> Running {
    let mut daemon = Running::start("dogwatch", &["run", "--config", config], log).unwrap();
    await_until("the daemon listens", PATIENCE, || {
        daemon.is_alive()?;
        Ok(taken(port))
    })
    .unwrap();
    daemon
}

/// Sends the frames of a capture out of the switch's end; how many.
fn inject(capture: &Path) -> u64 {
    let mut switch = pcap::Capture::from_device(SWITCH).unwrap().open().unwrap();
    let mut file = pcap::Capture::from_file(capture).unwrap();
    let mut sent = 0;
    while let Ok(frame) = file.next_packet() {
        // in bursts that the kernel's ring of the listener takes easily
        if frame.data.len() <= 1_514 {
            switch.sendpacket(frame.data).unwrap();
            sent += 1;
        }
    }
    sent
}

/// Runs `inside` on a thread within a namespace of its own, which goes away in any case.
fn in_namespace(purpose: &str, inside: impl FnOnce() + Send) {
    if let Some(missing) = what_is_missing() {
        println!("skipped: {missing}");
        return;
    }
    let namespace = Namespace::new(purpose).unwrap();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            namespace.enter().unwrap();
            inside();
        });
        // the namespace is let go while this panics on
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

#[test]
fn nothing_is_sent_on_a_capture_interface() {
    in_namespace("passive", || {
        let folder = tempfile::tempdir().unwrap();
        let scenario = Plan::new("crew-to-bridge", 7, 5, &folder.path().join("sim")).unwrap().play().unwrap();
        let port = free_port().unwrap();
        let config = settings(folder.path(), &scenario, port);
        let log = folder.path().join("log");
        assert_eq!(frames(CAPTURE).unwrap(), (0, 0), "the ports are new and silent");

        let mut daemon = start(&config, port, &log);
        let sent = inject(&scenario.captures[0]);
        let seen = await_until("the daemon has taken every frame", PATIENCE, || {
            daemon.is_alive()?;
            Ok(taken(port).filter(|seen| *seen >= sent))
        })
        .unwrap();
        let findings = await_until("the crossing is found", PATIENCE, || {
            let findings: Vec<dogwatch_model::Finding> = http::get(port, "/api/findings")?;
            Ok(findings.iter().any(|finding| finding.rule_id == "DW-2005").then_some(findings))
        })
        .unwrap();
        let status = daemon.stop(STOP_PATIENCE).unwrap();
        assert!(status.success(), "{status}: {}", daemon.said());

        let (received, transmitted) = frames(CAPTURE).unwrap();
        let (heard_by_switch, by_switch) = frames(SWITCH).unwrap();
        println!("{sent} frames sent in, {seen} taken, {} findings; sent by the box: {transmitted}", findings.len());
        assert_eq!((received, by_switch), (sent, sent), "the wire carried what was sent");
        assert_eq!(seen, sent, "the daemon took each frame once");
        assert_eq!((transmitted, heard_by_switch), (0, 0), "frames sent by the box, and heard by the switch");
    });
}

#[test]
fn a_silent_link_does_not_hold_up_a_stop() {
    in_namespace("silent", || {
        let folder = tempfile::tempdir().unwrap();
        let scenario = Plan::new("sea-day", 7, 1, &folder.path().join("sim")).unwrap().play().unwrap();
        let port = free_port().unwrap();
        let config = settings(folder.path(), &scenario, port);
        let mut daemon = start(&config, port, &folder.path().join("log"));
        let status = daemon.stop(STOP_PATIENCE).unwrap();
        assert!(status.success(), "{status}: {}", daemon.said());
        assert_eq!(frames(CAPTURE).unwrap(), (0, 0), "not one frame either way");
    });
}

/// Whether the daemon says its source is up.
fn is_up(port: u16) -> Option<bool> {
    let health: serde_json::Value = http::get(port, "/api/health").ok()?;
    health.get("sources")?.get(0)?.get("up")?.as_bool()
}

#[test]
fn a_pulled_cable_is_told_and_the_link_is_heard_again() {
    in_namespace("cable", || {
        let folder = tempfile::tempdir().unwrap();
        let scenario = Plan::new("sea-day", 7, 1, &folder.path().join("sim")).unwrap().play().unwrap();
        let port = free_port().unwrap();
        let config = settings(folder.path(), &scenario, port);
        let mut daemon = start(&config, port, &folder.path().join("log"));
        // the other end going down takes the carrier away, as a pulled cable does
        let set = |state: &str| {
            let status = std::process::Command::new("ip").args(["link", "set", SWITCH, state]).status().unwrap();
            assert!(status.success());
        };
        for (state, want) in [("down", false), ("up", true)] {
            set(state);
            await_until("the state of the link is told", PATIENCE, || {
                daemon.is_alive()?;
                Ok(is_up(port).filter(|up| *up == want))
            })
            .unwrap();
        }
        let sent = inject(&scenario.captures[0]);
        await_until("frames are taken again", PATIENCE, || Ok(taken(port).filter(|seen| *seen >= sent))).unwrap();
        assert!(daemon.stop(STOP_PATIENCE).unwrap().success());
    });
}
