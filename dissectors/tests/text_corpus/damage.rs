//! Nothing from the wire can stop it: corpus inputs with bits turned and ends cut, and streams split anywhere.

use crate::corpus::{files, maritime};
use crate::replay::{Replay, Seen, plain_flow};

/// A small generator of our own: the same numbers every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below.max(1) as u64).unwrap()
    }
}

/// Every input line and datagram of the corpus.
fn inputs() -> Option<Vec<Vec<u8>>> {
    let folder = maritime()?;
    let mut inputs = Vec::new();
    for family in ["nmea0183", "ais", "iec61162-450"] {
        for path in files(&folder.join(family), ".jsonl") {
            for line in std::fs::read_to_string(path).unwrap().lines() {
                let case: serde_json::Value = serde_json::from_str(line).unwrap();
                match &case["input"] {
                    serde_json::Value::String(text) => inputs.push(text.as_bytes().to_vec()),
                    serde_json::Value::Array(list) => {
                        inputs
                            .extend(list.iter().filter_map(|text| text.as_str()).map(|text| text.as_bytes().to_vec()));
                    }
                    other => {
                        let hex = other["payload_hex"].as_str().unwrap_or_default();
                        let byte = |at: usize| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap();
                        inputs.push((0..hex.len() / 2).map(byte).collect());
                    }
                }
            }
        }
    }
    Some(inputs)
}

#[test]
fn damaged_inputs_are_survived() {
    let Some(inputs) = inputs() else { return };
    let mut numbers = Numbers(0x5EED);
    let flow = plain_flow();
    let mut runs = 0;
    for protocol in ["nmea0183", "iec61162-450"] {
        // One long-lived dissector: what it remembers is attacked as well.
        let mut replay = Replay::of(protocol);
        for input in &inputs {
            for round in 0..4 {
                let mut bytes = input.clone();
                match round {
                    0 => {}
                    1 => bytes.truncate(numbers.next(bytes.len())),
                    _ => {
                        for _ in 0..=round {
                            let at = numbers.next(bytes.len());
                            if let Some(byte) = bytes.get_mut(at) {
                                *byte ^= 1 << numbers.next(8);
                            }
                        }
                    }
                }
                replay.datagram(&flow, &bytes);
                replay.keep.messages.clear();
                replay.keep.errors.clear();
                replay.at = replay.at.plus(std::time::Duration::from_millis(10));
                runs += 1;
            }
        }
    }
    println!("{runs} datagrams, intact and damaged");
    assert!(runs > 0);
}

/// What a stream gives in one piece.
fn whole(bytes: &[u8]) -> (Vec<Seen>, usize) {
    let mut replay = Replay::of("nmea0183");
    replay.stream([bytes]);
    (replay.keep.messages, replay.keep.errors.len())
}

#[test]
fn streams_split_anywhere_give_the_same() {
    let Some(folder) = maritime() else { return };
    let mut numbers = Numbers(77);
    let mut compared = 0;
    for path in files(&folder.join("nmea0183"), ".log") {
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(20_000);
        // A little damage, so that lost ends and glued sentences are among it.
        for _ in 0..20 {
            let at = numbers.next(bytes.len());
            if let Some(byte) = bytes.get_mut(at) {
                *byte = b"\r\n,*$!\\A"[numbers.next(8)];
            }
        }
        let want = whole(&bytes);
        let mut replay = Replay::of("nmea0183");
        let mut pieces = Vec::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((1 + numbers.next(200)).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        replay.stream(pieces);
        assert_eq!((replay.keep.messages, replay.keep.errors.len()), want, "{}", path.display());
        compared += 1;
    }
    println!("{compared} logs split");
}
