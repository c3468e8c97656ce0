//! GoFree announcements of a real plotter network (corpus `maritime/radar`), against a general JSON reader.

use dogwatch_dissectors::maritime::gofree::GoFree;
use dogwatch_dissectors::{Carrier, Chunk, Limits, Probe, Protocol};
use dogwatch_model::{CaptureTime, Direction, Transport};
use serde_json::Value;

use super::collect::{Keep, flow};
use super::corpus;

/// The payloads of datagrams to UDP port 2052 in an Ethernet capture.
fn announcements(bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut at = 24;
    while let Some(len) = bytes.get(at + 8..at + 12) {
        let len = u32::from_le_bytes(len.try_into().unwrap()) as usize;
        let Some(frame) = bytes.get(at + 16..at + 16 + len) else { break };
        at += 16 + len;
        if frame.get(12..14) == Some(&[8, 0]) && frame.get(23) == Some(&17) {
            let udp = &frame[14 + usize::from(frame[14] & 15) * 4..];
            if udp.get(2..4) == Some(&2052_u16.to_be_bytes()) {
                let end = usize::from(u16::from_be_bytes([udp[4], udp[5]]));
                found.extend(udp.get(8..end));
            }
        }
    }
    found
}

#[test]
fn announcements_of_a_plotter_network() {
    let Some(()) = corpus::here() else { return };
    let Ok(bytes) = std::fs::read(corpus::root().join("maritime/radar/mayara/halo_and_0183.pcap")) else { return };
    let all = announcements(&bytes);
    assert!(!all.is_empty());
    let mut models = std::collections::BTreeSet::new();
    for payload in all {
        let want: Value = serde_json::from_slice(payload).unwrap();
        assert_eq!(GoFree.probe(Carrier::Udp, Direction::ToServer, payload), Probe::Yes);
        let mut keep = Keep::default();
        let mut dissector = GoFree.open(&Limits::default());
        let flow = flow(Transport::Udp);
        let chunk = Chunk {
            at: CaptureTime(0),
            flow: &flow,
            direction: Direction::ToServer,
            carrier: Carrier::Udp,
            bytes: payload,
        };
        dissector.data(&chunk, &mut keep);
        dissector.data(&chunk, &mut keep);
        let [first, second] = &keep.messages[..] else { panic!("{} messages", keep.messages.len()) };
        assert_eq!(Value::Object(first.fields.clone()), want);
        let acts = first.acts.join("\n");
        for key in ["Model", "Name", "IP"] {
            assert!(acts.contains(want[key].as_str().unwrap()), "{key} in {acts}");
        }
        assert_eq!(acts.matches("Service,").count(), want["Services"].as_array().unwrap().len().min(8), "{acts}");
        assert_eq!(second.acts.len(), 1, "facts are told once");
        models.insert(want["Model"].to_string());
    }
    println!("GoFree: {models:?}");
}
