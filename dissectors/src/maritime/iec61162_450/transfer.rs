//! The ledger of files sent by binary transfer: who sent which file (type, size, SHA-256) to whom, and what of it never came.
//!
//! A file is hashed while it comes; only datagrams ahead of a missing one are kept, within a bound. When the bound is hit the hash is given up,
//! not the entry. The file itself is never kept.

use std::time::Duration;

use dogwatch_model::{CaptureTime, FieldValue, FieldVisitor, Fields};
use sha2::{Digest, Sha256};

use super::binary::{Descriptor, Header};
use crate::Limits;

/// A file no datagram of which came for this long is over.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most datagrams a file may announce: two gigabytes of 1,400 bytes each.
const MOST_DATAGRAMS: u32 = 1_600_000;
/// Bytes of texts of a descriptor kept.
const TEXT: usize = 256;

/// How far a file came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Every datagram was seen.
    Complete,
    /// It ended without some.
    Incomplete,
}

/// One file being sent or just ended.
#[derive(Debug)]
pub(crate) struct File {
    source: [u8; 6],
    destination: [u8; 6],
    block: u32,
    last: u32,
    at: CaptureTime,
    data_type: String,
    info: String,
    announced: Option<u32>,
    device_channel: Option<(u8, u8)>,
    /// Bytes of data in order so far.
    size: u64,
    /// The datagram wanted next.
    next: u32,
    /// Datagrams ahead of a missing one.
    ahead: Vec<(u32, Vec<u8>)>,
    ahead_bytes: usize,
    /// Datagrams seen, without repetitions.
    seen: u32,
    /// Taken off when the bytes can no longer be put in order.
    hash: Option<Sha256>,
    state: State,
    digest: Option<[u8; 32]>,
}

/// The files one flow has begun.
#[derive(Debug)]
pub(crate) struct Ledger {
    open: Vec<File>,
    most: usize,
    bytes: usize,
}

fn six(text: &str) -> [u8; 6] {
    let mut six = [0; 6];
    for (slot, byte) in six.iter_mut().zip(text.bytes()) {
        *slot = byte;
    }
    six
}

fn shorten(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

impl Ledger {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { open: Vec::new(), most: limits.partial_messages.clamp(1, 16), bytes: limits.buffered_bytes }
    }

    /// Takes one data datagram; hands out every file that ended: this one, and those that were waited for too long.
    pub(crate) fn data(
        &mut self,
        at: CaptureTime,
        header: &Header<'_>,
        descriptor: Option<&Descriptor<'_>>,
        data: &[u8],
        mut ended: impl FnMut(&File),
    ) {
        if header.sequence == 0 || header.sequence > header.last || header.last > MOST_DATAGRAMS {
            return;
        }
        let (source, destination) = (six(header.source), six(header.destination));
        // A sender that begins another file to the same receiver on the same channel is done with the one before.
        let mut index = 0;
        while let Some(file) = self.open.get_mut(index) {
            let same = file.source == source && file.destination == destination && file.block == header.block;
            if !same && at.since(file.at) > PATIENCE {
                file.give_up();
                ended(file);
                self.open.swap_remove(index);
            } else {
                index = index.saturating_add(1);
            }
        }
        let found = self.open.iter().position(|file| {
            file.source == source
                && file.destination == destination
                && file.block == header.block
                && file.last == header.last
        });
        let index = match found {
            Some(index) => index,
            None => {
                if self.open.len() >= self.most {
                    let oldest = self.open.iter().enumerate().min_by_key(|(_, file)| file.at).map(|(index, _)| index);
                    if let Some(mut file) = oldest.map(|oldest| self.open.swap_remove(oldest)) {
                        file.give_up();
                        ended(&file);
                    }
                }
                self.open.push(File::begin(source, destination, header, at));
                self.open.len().saturating_sub(1)
            }
        };
        let Some(file) = self.open.get_mut(index) else { return };
        file.at = at;
        if let Some(descriptor) = descriptor {
            file.describe(descriptor);
        }
        file.take(header.sequence, data, self.bytes);
        if file.seen >= file.last {
            file.finish();
            ended(file);
            self.open.swap_remove(index);
        }
    }
}

impl File {
    fn begin(source: [u8; 6], destination: [u8; 6], header: &Header<'_>, at: CaptureTime) -> Self {
        Self {
            source,
            destination,
            block: header.block,
            last: header.last,
            at,
            data_type: String::new(),
            info: String::new(),
            announced: None,
            device_channel: header.device_channel,
            size: 0,
            next: 1,
            ahead: Vec::new(),
            ahead_bytes: 0,
            seen: 0,
            hash: Some(Sha256::new()),
            state: State::Incomplete,
            digest: None,
        }
    }

    fn describe(&mut self, descriptor: &Descriptor<'_>) {
        self.data_type = shorten(descriptor.data_type);
        self.info = shorten(descriptor.info);
        self.announced = Some(descriptor.file_length);
        self.device_channel = descriptor.device_channel.or(self.device_channel);
    }

    fn take(&mut self, sequence: u32, data: &[u8], most: usize) {
        let is_ahead = |kept: &(u32, Vec<u8>)| kept.0 == sequence;
        if sequence < self.next || self.ahead.iter().any(is_ahead) {
            return;
        }
        if sequence > self.next {
            let after = self.ahead_bytes.saturating_add(data.len());
            if after > most {
                // Too much is missing to wait for: go on counting without a hash.
                self.hash = None;
                self.ahead = Vec::new();
                self.ahead_bytes = 0;
                self.next = sequence.saturating_add(1);
            } else {
                self.ahead.push((sequence, data.to_vec()));
                self.ahead_bytes = after;
            }
            self.seen = self.seen.saturating_add(1);
            self.size = self.size.saturating_add(data.len() as u64);
            return;
        }
        self.seen = self.seen.saturating_add(1);
        self.size = self.size.saturating_add(data.len() as u64);
        self.append(data);
        while let Some(index) = self.ahead.iter().position(|kept| kept.0 == self.next) {
            let (_, kept) = self.ahead.swap_remove(index);
            self.ahead_bytes = self.ahead_bytes.saturating_sub(kept.len());
            self.append(&kept);
        }
    }

    fn append(&mut self, data: &[u8]) {
        if let Some(hash) = &mut self.hash {
            hash.update(data);
        }
        self.next = self.next.saturating_add(1);
    }

    fn finish(&mut self) {
        self.state = State::Complete;
        self.digest = self.hash.take().map(|hash| hash.finalize().into());
    }

    fn give_up(&mut self) {
        self.state = State::Incomplete;
        self.hash = None;
    }

    /// The kind of the message that reports it.
    pub(crate) const fn kind(&self) -> &'static str {
        match self.state {
            State::Complete => "file",
            State::Incomplete => "file-incomplete",
        }
    }

    /// Who sent it.
    pub(crate) fn source(&self) -> &str {
        trimmed(&self.source)
    }

    /// What it is called in findings: what the sender says about it, or its type.
    pub(crate) fn name(&self) -> &str {
        match (self.info.as_str(), self.data_type.as_str()) {
            ("", "") => "file",
            ("", data_type) => data_type,
            (info, _) => info,
        }
    }

    /// Whether its size is not the one announced.
    pub(crate) fn has_wrong_size(&self) -> bool {
        self.state == State::Complete && self.announced.is_some_and(|announced| u64::from(announced) != self.size)
    }
}

fn trimmed(six: &[u8; 6]) -> &str {
    let end = six.iter().position(|byte| *byte == 0).unwrap_or(six.len());
    six.get(..end).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
}

impl Fields for File {
    fn visit(&self, visitor: &mut dyn FieldVisitor) {
        visitor.field("source", FieldValue::Text(trimmed(&self.source)));
        visitor.field("destination", FieldValue::Text(trimmed(&self.destination)));
        visitor.field("block", FieldValue::Unsigned(u64::from(self.block)));
        visitor.field("datagrams", FieldValue::Unsigned(u64::from(self.last)));
        visitor.field("missing", FieldValue::Unsigned(u64::from(self.last.saturating_sub(self.seen))));
        for (name, text) in [("data_type", &self.data_type), ("info", &self.info)] {
            if !text.is_empty() {
                visitor.field(name, FieldValue::Text(text));
            }
        }
        if let Some((device, channel)) = self.device_channel {
            visitor.field("device", FieldValue::Unsigned(u64::from(device)));
            visitor.field("channel", FieldValue::Unsigned(u64::from(channel)));
        }
        if let Some(announced) = self.announced {
            visitor.field("announced_size", FieldValue::Unsigned(u64::from(announced)));
        }
        visitor.field("size", FieldValue::Unsigned(self.size));
        if let Some(digest) = &self.digest {
            visitor.field("sha256", FieldValue::Bytes(digest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::binary::MessageType;
    use super::*;

    fn header(block: u32, sequence: u32, last: u32) -> Header<'static> {
        Header {
            token: "RrUdP",
            version: 1,
            length: None,
            source: "EI0001",
            destination: "VR0001",
            kind: MessageType::DATA,
            block,
            sequence,
            last,
            device_channel: None,
        }
    }

    fn run(limits: Limits, datagrams: &[(i64, u32, u32, &[u8])]) -> Vec<(State, u64, u32, Option<[u8; 32]>)> {
        let mut ledger = Ledger::new(&limits);
        let mut ended = Vec::new();
        for &(seconds, block, sequence, data) in datagrams {
            let at = CaptureTime::from_parts(seconds, 0);
            ledger.data(at, &header(block, sequence, 3), None, data, |file| {
                ended.push((file.state, file.size, file.seen, file.digest));
            });
        }
        ended
    }

    /// SHA-256 of "abc" from FIPS 180-4, example B.1.
    const ABC: [u8; 32] = [
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03,
        0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
    ];

    #[test]
    fn hashed_in_any_order_with_repetitions() {
        let complete = (State::Complete, 3, 3, Some(ABC));
        let limits = Limits::default();
        assert_eq!(run(limits, &[(0, 1, 1, b"a"), (0, 1, 2, b"b"), (0, 1, 3, b"c")]), [complete]);
        let shuffled: &[(i64, u32, u32, &[u8])] = &[(0, 1, 3, b"c"), (0, 1, 3, b"c"), (0, 1, 1, b"a"), (0, 1, 2, b"b")];
        assert_eq!(run(limits, shuffled), [complete]);
    }

    #[test]
    fn incomplete_files_end_by_time_and_by_room() {
        let ended = run(Limits::default(), &[(0, 1, 1, b"a"), (0, 1, 3, b"c"), (40, 2, 1, b"x")]);
        assert_eq!(ended, [(State::Incomplete, 2, 2, None)]);
        let limits = Limits { partial_messages: 2, ..Limits::default() };
        let ended = run(limits, &[(0, 1, 1, b"a"), (1, 2, 1, b"a"), (2, 3, 1, b"a")]);
        assert_eq!(ended, [(State::Incomplete, 1, 1, None)]);
    }

    #[test]
    fn the_bound_costs_the_hash_only() {
        let limits = Limits { buffered_bytes: 4, ..Limits::default() };
        let ended = run(limits, &[(0, 1, 2, b"too long"), (0, 1, 3, b"c"), (0, 1, 1, b"a")]);
        assert_eq!(ended, [], "the first one can no longer be put in front");
        let ended = run(limits, &[(0, 1, 1, b"a"), (0, 1, 3, b"too long"), (0, 1, 2, b"b"), (99, 2, 1, b"")]);
        assert_eq!(ended, [(State::Incomplete, 9, 2, None)]);
    }
}
