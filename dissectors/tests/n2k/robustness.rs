//! Nothing from the wire may stop the decoder: cut, flipped and random bytes, and the bounds of what it keeps.

use dogwatch_dissectors::maritime::n2k::{Bus, LineBuffer, Table, next_bst_unit, parse_line, wrapped};
use dogwatch_dissectors::{Carrier, Limits};
use dogwatch_model::CaptureTime;
use proptest::prelude::*;

use super::collect::{Keep, can_frame, feed, feed_frames};
use super::corpus;

#[test]
fn cut_and_flipped_messages() {
    let Some(()) = corpus::here() else { return };
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed as usize
    };
    let mut tried = 0_u64;
    let mut bus = Bus::new(&Limits::default());
    for folder in ["maritime/n2k/messages", "maritime/n2k/pcap"] {
        for file in corpus::files(folder, ".jsonl") {
            for case in file.cases() {
                let Some(input) = case.input_text() else { continue };
                let mut buffer = LineBuffer::default();
                let Some(line) = parse_line(input.as_bytes(), &mut buffer) else { continue };
                let mut keep = Keep::default();
                let cut = next() % (line.data.len() + 1);
                bus.message(CaptureTime(0), line.header, &line.data[..cut], &mut keep);
                let mut flipped = line.data.to_vec();
                for _ in 0..3 {
                    if !flipped.is_empty() {
                        let at = next() % flipped.len();
                        flipped[at] ^= 1 << (next() % 8);
                        bus.message(CaptureTime(0), line.header, &flipped, &mut keep);
                    }
                }
                tried += 4;
            }
        }
    }
    println!("{tried} damaged messages");
}

#[test]
fn damaged_streams() {
    let Some(()) = corpus::here() else { return };
    for folder in ["maritime/n2k/formats", "maritime/n2k/streams"] {
        for ending in [".ebl", ".txt", ".raw", ".log"] {
            for file in corpus::files(folder, ending) {
                let mut bytes = std::fs::read(&file.path).unwrap();
                for at in (11..bytes.len()).step_by(97) {
                    bytes[at] ^= 0x41;
                }
                feed(Carrier::Serial, &bytes, 1_000);
            }
        }
    }
}

#[test]
fn pieces_of_any_size_give_the_same() {
    let Some(()) = corpus::here() else { return };
    for (folder, name) in
        [("formats", "actisense1.ebl"), ("streams", "sample-YDWG02.txt"), ("formats", "actisense-w2k-n2k-ascii.raw")]
    {
        let Ok(bytes) = std::fs::read(corpus::root().join("maritime/n2k").join(folder).join(name)) else { continue };
        let whole = format!("{:?}", feed(Carrier::Serial, &bytes, bytes.len()).messages);
        for step in [1, 2, 3, 5, 17, 100] {
            assert_eq!(
                format!("{:?}", feed(Carrier::Serial, &bytes, step).messages),
                whole,
                "{name} in pieces of {step}"
            );
        }
    }
}

#[test]
fn every_definition_takes_any_length() {
    for definition in Table::shared().definitions() {
        let header = dogwatch_dissectors::maritime::n2k::Header {
            priority: 6,
            pgn: definition.pgn(),
            source: 1,
            destination: 255,
        };
        for filler in [0x00, 0x01, 0x7f, 0xff] {
            for len in [0, 1, 2, 3, 7, 8, 9, 20, 64, 223, 1_785] {
                let data = vec![filler; len];
                Bus::new(&Limits { bus_devices: 1, partial_messages: 1, ..Limits::default() }).message(
                    CaptureTime(0),
                    header,
                    &data,
                    &mut Keep::default(),
                );
            }
        }
    }
}

#[test]
fn more_messages_than_places() {
    // 100 senders begin a message each; 64 places; nobody finishes.
    let frames: Vec<_> = (0..100).map(|sender| can_frame(0x0df8_0500 | sender, &[0, 43, 1, 2, 3, 4, 5, 6])).collect();
    let got = feed_frames(&frames);
    assert_eq!(got.messages.len(), 0);
    assert_eq!(got.errors.len(), 100 - Limits::default().partial_messages);
    let frames: Vec<_> =
        (0..100).map(|sender| can_frame(0x18ec_ff00 | sender, &[32, 20, 0, 3, 255, 0x14, 0xf0, 1])).collect();
    let got = feed_frames(&frames);
    assert_eq!(got.errors.len(), 100 - Limits::default().partial_messages);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_frames(frames in proptest::collection::vec((any::<u32>(), proptest::collection::vec(any::<u8>(), 0..=8)), 0..200)) {
        let frames: Vec<_> = frames.iter().map(|(id, data)| can_frame(id & 0x1fff_ffff, data)).collect();
        feed_frames(&frames);
    }

    #[test]
    fn any_group_function(data in proptest::collection::vec(any::<u8>(), 0..223), pgn in prop::sample::select(vec![126_208_u32, 126_464, 130_845, 130_822, 130_824, 65_240, 129_540, 126_998, 130_820])) {
        let header = dogwatch_dissectors::maritime::n2k::Header { priority: 6, pgn, source: 1, destination: 255 };
        Bus::new(&Limits::default()).message(CaptureTime(0), header, &data, &mut Keep::default());
    }

    #[test]
    fn any_bytes_of_a_gateway(bytes in proptest::collection::vec(any::<u8>(), 0..400), carrier in prop::sample::select(vec![Carrier::Tcp, Carrier::Udp, Carrier::Serial])) {
        feed(carrier, &bytes, 50);
        let mut escaped = vec![0x10, 2];
        escaped.extend_from_slice(&bytes);
        feed(carrier, &escaped, 13);
        let mut buffer = [0; 64];
        let _ = next_bst_unit(&bytes, true, &mut buffer);
    }

    #[test]
    fn any_line(line in "\\PC{0,120}", start in prop::sample::select(vec!["", "!PDGY,", "$PCDIN,", "$MXPGN,", "A000.0 ", "(1.0) can0 ", "{\"payload\":[", "< frame "])) {
        let mut buffer = LineBuffer::default();
        let text = format!("{start}{line}");
        let _ = parse_line(text.as_bytes(), &mut buffer);
        let _ = wrapped(&text, &mut buffer);
    }
}
