//! What every protocol must stand, whichever it is: any bytes, any split, a gap anywhere, and bounded memory.
//!
//! Runs over `PROTOCOLS`; conversations to cut up come from `samples`. A protocol without a sample is still given random bytes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    reason = "a test stops at what it did not expect, and shows what it compared"
)]

mod samples;
#[expect(dead_code, reason = "shared between several test programs, each of which uses parts of it")]
mod support;

use std::collections::BTreeSet;

use dogwatch_dissectors::{Carrier, Limits, PROTOCOLS, Probe, Protocol};
use dogwatch_model::Direction::{self, ToClient, ToServer};
use proptest::prelude::*;
use samples::{Sample, samples};
use support::{Conversation, Seen};

fn protocol(name: &str) -> &'static dyn Protocol {
    *PROTOCOLS.iter().find(|protocol| protocol.name() == name).unwrap_or_else(|| panic!("no protocol {name}"))
}

fn run(sample: &Sample, parts: &[(Direction, Vec<u8>)]) -> Conversation {
    let mut conversation = Conversation::new(protocol(sample.protocol), sample.carrier, sample.port);
    for (direction, bytes) in parts {
        conversation.send(*direction, bytes);
    }
    conversation
}

fn whole(sample: &Sample) -> Vec<Seen> {
    run(sample, &sample.parts).heard.seen
}

#[test]
fn names_are_unique_lower_case_and_hints_fit_carriers() {
    let mut names = BTreeSet::new();
    for protocol in PROTOCOLS {
        let name = protocol.name();
        assert!(names.insert(name), "{name} twice");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{name}");
        // One that rides inside another's messages has no carrier of its own, and nowhere to be looked for.
        assert!(!protocol.carriers().is_empty() || protocol.hints().is_empty(), "{name}");
    }
}

#[test]
fn samples_are_recognised_and_read() {
    for sample in samples() {
        let (direction, first) = &sample.parts[0];
        let probe = protocol(sample.protocol).probe(sample.carrier, *direction, first);
        assert_eq!(probe, Probe::Yes, "{} over {:?}", sample.protocol, sample.carrier);
        let conversation = run(&sample, &sample.parts);
        assert!(!conversation.gave_up, "{}", sample.protocol);
        assert!(!conversation.heard.seen.is_empty(), "{}", sample.protocol);
        assert_eq!(conversation.heard.errors, [], "{}", sample.protocol);
    }
}

#[test]
fn no_sample_is_taken_for_another_protocol() {
    for sample in samples() {
        for other in PROTOCOLS.iter().filter(|other| other.name() != sample.protocol) {
            let (direction, first) = &sample.parts[0];
            // One message format, told apart by port and by who asks: a name may fit several.
            let family = ["dns", "mdns", "llmnr"];
            if family.contains(&sample.protocol) && family.contains(&other.name()) {
                continue;
            }
            // What is TLS or HTTP under another name is asked before them.
            if [("anydesk", "tls"), ("winrm", "http")].contains(&(sample.protocol, other.name())) {
                continue;
            }
            let probe = other.probe(sample.carrier, *direction, first);
            assert_ne!(probe, Probe::Yes, "{} taken for {}", sample.protocol, other.name());
        }
    }
}

#[test]
fn a_split_anywhere_gives_the_same_messages() {
    for sample in samples().iter().filter(|sample| sample.carrier.is_stream()) {
        let want = whole(sample);
        for (part, (direction, bytes)) in sample.parts.iter().enumerate() {
            for cut in 0..=bytes.len() {
                let mut parts = sample.parts.clone();
                parts[part].1.truncate(cut);
                parts.insert(part + 1, (*direction, bytes[cut..].to_vec()));
                assert_eq!(run(sample, &parts).heard.seen, want, "{} part {part} cut at {cut}", sample.protocol);
            }
        }
        let single: Vec<(Direction, Vec<u8>)> = sample
            .parts
            .iter()
            .flat_map(|(direction, bytes)| bytes.iter().map(|byte| (*direction, vec![*byte])))
            .collect();
        assert_eq!(run(sample, &single).heard.seen, want, "{} byte by byte", sample.protocol);
    }
}

#[test]
fn after_a_gap_the_next_messages_are_found() {
    for sample in samples().iter().filter(|sample| sample.carrier.is_stream()) {
        for (part, (direction, bytes)) in sample.parts.iter().enumerate() {
            for cut in 0..bytes.len() {
                let mut conversation = Conversation::new(protocol(sample.protocol), sample.carrier, sample.port);
                for (at, (toward, bytes)) in sample.parts.iter().enumerate() {
                    if at == part {
                        conversation.send(*toward, &bytes[..cut]);
                        conversation.lose(*direction, u32::try_from(bytes.len() - cut).unwrap());
                    } else {
                        conversation.send(*toward, bytes);
                    }
                }
                assert!(!conversation.gave_up, "{} lost from {cut} of part {part}", sample.protocol);
                let all = whole(sample).len();
                assert!(conversation.heard.seen.len() <= all, "{} made messages up", sample.protocol);
            }
        }
    }
}

#[test]
fn a_stream_that_never_ends_keeps_little() {
    let limit = Limits::default().buffered_bytes + 4_096;
    for protocol in PROTOCOLS {
        for carrier in protocol.carriers().iter().filter(|carrier| carrier.is_stream()) {
            for fill in [0_u8, 0xff, b'A', 0x30, 0x16] {
                let mut conversation = Conversation::new(*protocol, *carrier, 1);
                for _ in 0..256 {
                    let left = conversation.send(ToServer, &[fill; 1_024]);
                    assert!(left <= limit, "{} keeps {left} bytes of {fill:#x}", protocol.name());
                }
            }
        }
    }
}

const CARRIERS: [Carrier; 7] =
    [Carrier::Tcp, Carrier::Udp, Carrier::Ethernet, Carrier::Llc, Carrier::Ip, Carrier::Can, Carrier::Serial];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_safe(
        bytes in prop::collection::vec(any::<u8>(), 0..700),
        second in prop::collection::vec(any::<u8>(), 0..200),
        missing in any::<u32>(),
    ) {
        for protocol in PROTOCOLS {
            for carrier in CARRIERS {
                let _ = protocol.probe(carrier, ToServer, &bytes);
            }
            for carrier in protocol.carriers() {
                let mut conversation = Conversation::new(*protocol, *carrier, 502);
                conversation.send(ToServer, &bytes);
                conversation.send(ToClient, &second);
                conversation.lose(ToServer, missing);
                conversation.send(ToServer, &bytes);
            }
        }
    }

    #[test]
    fn damaged_conversations_are_safe_and_split_alike(
        pick in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let samples = samples();
        let sample = &samples[pick.index(samples.len())];
        let mut parts = sample.parts.clone();
        for (at, value) in damage {
            let total: usize = parts.iter().map(|(_, bytes)| bytes.len()).sum();
            let mut at = at.index(total);
            for (_, bytes) in &mut parts {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                    break;
                }
                at -= bytes.len();
            }
        }
        let once = run(sample, &parts);
        if sample.carrier.is_stream() {
            let mut split = Vec::new();
            for (direction, bytes) in &parts {
                let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
                places.extend([0, bytes.len()]);
                places.sort_unstable();
                split.extend(places.windows(2).map(|pair| (*direction, bytes[pair[0]..pair[1]].to_vec())));
            }
            let pieces = run(sample, &split);
            prop_assert_eq!(once.heard.seen, pieces.heard.seen);
        }
    }
}
