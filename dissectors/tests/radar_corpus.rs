//! Compares what the radar and ASTERIX dissectors say with third-party captures and independent decoders.
//!
//! The corpus is not part of the project: without it every test prints that it was skipped. A fragmented datagram is given by its first
//! fragment, as a capture with a short snap length does: recognition must not need more.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    reason = "a test stops at what it did not expect, and shows what it compared"
)]

#[expect(dead_code, reason = "shared between several test programs, each of which uses parts of it")]
mod support;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use dogwatch_dissectors::{Carrier, Chunk, Dissector, Limits, PROTOCOLS, Probe, Progress, Protocol};
use dogwatch_model::{CaptureTime, Direction, Flow, Initiator, Mac, SourceId, Transport, Vlans};
use support::{Recorder, Seen, capture, hex};

/// A datagram of a capture, by frame number.
struct Datagram {
    frame: usize,
    flow: Flow,
    bytes: Vec<u8>,
}

fn datagrams(path: &Path) -> Vec<Datagram> {
    let mut all = Vec::new();
    for (number, (link, frame)) in capture::frames(path).into_iter().enumerate() {
        let Some(packet) = (link == 1 && frame.get(12..14) == Some(&[8, 0])).then(|| &frame[14..]) else { continue };
        let header = usize::from(packet[0] & 15) * 4;
        let total = usize::from(u16::from_be_bytes([packet[2], packet[3]])).min(packet.len());
        let offset = u16::from_be_bytes([packet[6], packet[7]]) & 0x1fff;
        if packet[9] != 17 || offset != 0 || total < header + 8 {
            continue;
        }
        let udp = &packet[header..total];
        let address =
            |at: usize| IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(&packet[at..at + 4]).expect("four bytes")));
        let flow = Flow {
            source: SourceId(0),
            vlans: Vlans::default(),
            src_mac: Mac::NONE,
            dst_mac: Mac::NONE,
            src: Some(address(12)),
            dst: Some(address(16)),
            transport: Transport::Udp,
            src_port: u16::from_be_bytes([udp[0], udp[1]]),
            dst_port: u16::from_be_bytes([udp[2], udp[3]]),
            ttl: packet[8],
            initiator: Initiator::Unknown,
        };
        all.push(Datagram { frame: number + 1, flow, bytes: udp[8..].to_vec() });
    }
    all
}

/// What was made of a capture: messages by frame, and datagrams by protocol (`-` for none).
#[derive(Default)]
struct Heard {
    said: Vec<(usize, IpAddr, Seen)>,
    datagrams: BTreeMap<&'static str, usize>,
    errors: usize,
}

fn listen(path: &Path) -> Heard {
    let mut heard = Heard::default();
    let mut flows: HashMap<_, Option<(&'static str, Box<dyn Dissector>)>> = HashMap::new();
    for Datagram { frame, flow, bytes } in datagrams(path) {
        let key = (flow.src, flow.dst, flow.src_port, flow.dst_port);
        let open = |protocol: &&'static dyn Protocol| (protocol.name(), protocol.open(&Limits::default()));
        let known =
            |protocol: &&&'static dyn Protocol| protocol.probe(Carrier::Udp, Direction::ToServer, &bytes) == Probe::Yes;
        let slot = flows.entry(key).or_insert_with(|| PROTOCOLS.iter().find(known).map(open));
        let Some((name, dissector)) = slot else {
            *heard.datagrams.entry("-").or_default() += 1;
            continue;
        };
        *heard.datagrams.entry(name).or_default() += 1;
        let mut recorder = Recorder::default();
        let at = CaptureTime(0);
        let chunk = Chunk { at, flow: &flow, direction: Direction::ToServer, carrier: Carrier::Udp, bytes: &bytes };
        if dissector.data(&chunk, &mut recorder) == Progress::GiveUp {
            *slot = None;
        }
        heard.errors += recorder.errors.len();
        heard.said.extend(recorder.seen.into_iter().map(|seen| (frame, flow.src.expect("IPv4"), seen)));
    }
    heard
}

impl Heard {
    fn facts(&self) -> BTreeSet<(String, String)> {
        let mut facts = BTreeSet::new();
        for (_, src, seen) in &self.said {
            for act in seen.acts.iter().filter_map(|act| act.strip_prefix("says ")) {
                facts.insert((src.to_string(), act.to_owned()));
            }
        }
        facts
    }

    fn print(&self, path: &Path) {
        println!(
            "{}: {:?}, errors {}",
            path.file_name().expect("a file").to_string_lossy(),
            self.datagrams,
            self.errors
        );
        for (src, fact) in self.facts() {
            if fact.contains("radar-") || fact.contains("asterix") {
                println!("    {src} {fact}");
            }
        }
    }
}

/// Which devices of the captures are radars, by the readme of the project each comes from and by tshark's list of who sends to which group:
/// the radar sends pictures and reports, displays send to the group for orders.
#[test]
fn radars_are_found_in_captures() {
    let Some(folder) = capture::corpus("") else { return };
    for (file, protocol, radars) in [
        ("maritime/radar/fkie/br24-img-data.pcap", "radar-navico", &["169.254.190.221"][..]),
        ("maritime/radar/fkie/br24-rep-data.pcap", "radar-navico", &["169.254.190.221"]),
        ("maritime/radar/fkie/furuno-radar-img.pcap", "radar-furuno", &["192.168.31.101"]),
        ("maritime/radar/mayara/halo_and_0183.pcap", "radar-navico", &["10.56.0.24"]),
        ("maritime/radar/radar_pi/3G_net_connect.pcapng", "radar-navico", &["169.254.57.197"]),
        ("maritime/radar/radar_pi/4g-withhalo-23hrs.pcap", "radar-navico", &["10.0.67.217"]),
        ("maritime/radar/radar_pi/halo_doppler_off_on.pcap", "radar-navico", &["10.0.67.122", "169.254.17.13"]),
        ("captures/radar-br24/ipal_transcriber__BR24.pcap", "radar-navico", &["169.254.190.221"]),
    ] {
        let path = folder.join(file);
        let heard = listen(&path);
        heard.print(&path);
        let class = format!("device_class=radar ({protocol})");
        let found: Vec<_> = heard.facts().into_iter().filter(|(_, fact)| *fact == class).map(|(src, _)| src).collect();
        assert_eq!(found, radars, "{file}");
        assert!(heard.datagrams[protocol] > 0, "{file}");
        // Pictures are muted: far fewer messages than datagrams, and never one a spoke.
        let pictures = heard.said.iter().filter(|(_, _, seen)| seen.kind == "spokes").count();
        assert!(pictures <= radars.len() * 3, "{pictures} messages of pictures in {file}");
    }
}

/// A capture in which nobody sends a radar protocol.
#[test]
fn nothing_is_taken_for_a_radar_elsewhere() {
    let Some(folder) = capture::corpus("captures") else { return };
    let mut files = 0;
    let mut taken = Vec::new();
    for category in std::fs::read_dir(&folder).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        let name = category.file_name().into_string().unwrap();
        if name.starts_with("radar") || name == "asterix" || name == "malformed" {
            continue;
        }
        for file in std::fs::read_dir(category.path()).unwrap().flatten() {
            let path = file.path();
            if !path.extension().is_some_and(|end| end == "pcap" || end == "pcapng") {
                continue;
            }
            files += 1;
            for datagram in datagrams_or_none(&path) {
                for protocol in PROTOCOLS.iter().filter(|protocol| is_ours(protocol.name())) {
                    if protocol.probe(Carrier::Udp, Direction::ToServer, &datagram.bytes) == Probe::Yes {
                        taken.push((path.display().to_string(), datagram.frame, protocol.name()));
                    }
                }
            }
        }
    }
    println!("{files} captures, {} datagrams taken for a radar's: {taken:?}", taken.len());
    assert!(taken.is_empty(), "{taken:?}");
}

fn is_ours(name: &str) -> bool {
    name.starts_with("radar-") || matches!(name, "asterix" | "signalk")
}

/// Captures of other link types and cut frames are left out.
fn datagrams_or_none(path: &Path) -> Vec<Datagram> {
    std::panic::catch_unwind(|| datagrams(path)).unwrap_or_default()
}

/// Values of the FKIE dissector on reports of a BR24 and on pictures of a Furuno.
#[test]
fn fields_agree_with_fkie() {
    let Some(folder) = capture::corpus("maritime/radar/fkie") else { return };
    let mut equal = 0;
    for (file, layer, names) in [
        (
            "br24-rep-data.pcap",
            "navicobr24-rep",
            &[
                ("br24-report.st", "status"),
                ("br24-report.range", "range_decimetres"),
                ("br24-report.gain", "gain"),
                ("br24-report.sea_state", "sea"),
                ("br24-report.rain", "rain"),
                ("br24-report.if_rej", "interference_rejection"),
                ("br24-report.target_exp", "target_expansion"),
                ("br24-report.radar_type", "model"),
            ][..],
        ),
        (
            "furuno-radar-img.pcap",
            "furuno-img",
            &[
                ("furuno-img.spoke_cnt", "spokes"),
                ("furuno-img.cell_cnt", "cells"),
                ("furuno-img.compr_lvl", "compression"),
                ("furuno-img.range", "range"),
            ],
        ),
    ] {
        let path = folder.join(file);
        let datagrams = datagrams(&path);
        for row in capture::rows(&folder.join(format!("{file}.jsonl"))) {
            let frame = usize::try_from(row["input"]["frame"].as_u64().unwrap()).unwrap();
            let Some(datagram) = datagrams.iter().find(|datagram| datagram.frame == frame) else { continue };
            let protocol = PROTOCOLS.iter().find(|protocol| {
                is_ours(protocol.name())
                    && protocol.probe(Carrier::Udp, Direction::ToServer, &datagram.bytes) == Probe::Yes
            });
            let heard = support::datagram(*protocol.unwrap(), Carrier::Udp, 1, &datagram.bytes);
            for (theirs, ours) in names {
                let Some(text) = row["expect"][layer][*theirs].as_str() else { continue };
                // Bytes are shown as two hexadecimal digits, longer numbers in decimal.
                let numbers = [text.parse().ok(), u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 2)];
                let got = heard.seen[0].field(ours);
                assert!(
                    numbers.iter().flatten().any(|number| number.to_string() == got),
                    "{file} {frame} {theirs}: {text} against {got}"
                );
                equal += 1;
            }
        }
    }
    println!("{equal} values equal");
    assert!(equal >= 35, "{equal}");
}

/// Blocks of the Croatia Control samples and of synthetic video against `asterix_decoder`: category, source, and the field specification, which
/// is what each record begins with.
#[test]
fn asterix_agrees_with_an_independent_decoder() {
    let Some(folder) = capture::corpus("maritime/asterix") else { return };
    let asterix = *PROTOCOLS.iter().find(|protocol| protocol.name() == "asterix").unwrap();
    let (mut compared, mut foreign) = (0, 0);
    for file in std::fs::read_dir(&folder).unwrap().flatten() {
        if file.path().extension().is_none_or(|end| end != "jsonl") {
            continue;
        }
        let (mut here, mut left) = (0, 0);
        for row in capture::rows(&file.path()) {
            let bytes = hex(row["input_hex"].as_str().unwrap());
            let first = &row["expect"][0];
            // The decoder names category 0 or reads on past a datagram that is none of ASTERIX.
            if first["category"].as_u64() == Some(0)
                || asterix.probe(Carrier::Udp, Direction::ToServer, &bytes) != Probe::Yes
            {
                left += 1;
                continue;
            }
            let heard = support::datagram(asterix, Carrier::Udp, 8_600, &bytes);
            let message = &heard.seen[0];
            assert_eq!(message.field("category"), first["category"].to_string(), "{bytes:02x?}");
            if let Some(source) = first.get("I010") {
                assert_eq!(message.field("sac"), source["SAC"]["val"].to_string(), "{bytes:02x?}");
                assert_eq!(message.field("sic"), source["SIC"]["val"].to_string(), "{bytes:02x?}");
            }
            if let Some(record) = first["hexdata"].as_str() {
                assert!(
                    record.to_lowercase().starts_with(&message.field("fspec")),
                    "{record} {}",
                    message.field("fspec")
                );
            }
            assert_eq!(heard.errors, [], "{bytes:02x?}");
            here += 1;
        }
        println!("{}: {here} equal, {left} not of ASTERIX", file.file_name().to_string_lossy());
        compared += here;
        foreign += left;
    }
    println!("{compared} datagrams compared, {foreign} left");
    assert!(compared >= 100, "{compared}");
}

/// Frames that tshark reads as ASTERIX.
#[test]
fn asterix_agrees_with_tshark() {
    let Some(folder) = capture::corpus("captures/asterix") else { return };
    let (mut equal, mut other) = (0, Vec::new());
    for file in std::fs::read_dir(&folder).unwrap().flatten() {
        let name = file.file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".asterix.jsonl") else { continue };
        let heard = listen(&folder.join(format!("{stem}.pcap")));
        heard.print(&folder.join(format!("{stem}.pcap")));
        for row in capture::rows(&file.path()) {
            let frame = usize::try_from(row["frame"].as_u64().unwrap()).unwrap();
            let list = |name: &str| match &row[name] {
                serde_json::Value::Array(list) => list.iter().map(|value| value.as_str().unwrap().to_owned()).collect(),
                value => vec![value.as_str().unwrap().to_owned()],
            };
            let want: Vec<_> = list("asterix.category").into_iter().zip(list("asterix.length")).collect();
            let said = heard.said.iter().filter(|(at, _, _)| *at == frame);
            let got: Vec<_> = said.map(|(_, _, seen)| (seen.field("category"), seen.field("length"))).collect();
            if want == got { equal += 1 } else { other.push((stem.to_owned(), frame, want, got)) }
        }
    }
    println!("{equal} frames equal, {} not: {:?}", other.len(), other.iter().take(8).collect::<Vec<_>>());
    assert!(other.is_empty());
    assert!(equal >= 150, "{equal}");
}
