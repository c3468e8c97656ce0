//! The transport protocol of ISO 11783-3 / SAE J1939-21: up to 1,785 bytes, announced (BAM) or after a request to send (RTS/CTS).
//!
//! A passive ear hears both sides and needs only the announcements and the data; it does not wait for the receiver's part.

use std::time::Duration;

use dogwatch_model::CaptureTime;

use super::can::Header;

/// Connection management.
pub(super) const PGN_MANAGEMENT: u32 = 0xec00;
/// Data transfer.
pub(super) const PGN_DATA: u32 = 0xeb00;
/// The longest pause within a transfer: T3 of J1939-21 (1,250 ms), the receiver's time to answer.
const GIVE_UP: Duration = Duration::from_millis(1_250);
/// A longer step is not a pause on the bus but of the clock.
const CLOCK_STEP: Duration = Duration::from_secs(86_400);
/// 255 packets of 7 bytes.
const LARGEST: usize = 1_785;

const RTS: u8 = 16;
const CTS: u8 = 17;
const END: u8 = 19;
const BAM: u8 = 32;
const ABORT: u8 = 255;

#[derive(Debug, Clone)]
struct Transfer {
    source: u8,
    destination: u8,
    priority: u8,
    pgn: u32,
    heard: CaptureTime,
    size: usize,
    packets: u8,
    /// Bit n-1: packet n is here.
    have: [u64; 4],
    missing: u8,
    data: Box<[u8; LARGEST]>,
}

/// Transfers under way on one bus.
#[derive(Debug)]
pub(super) struct Transport {
    transfers: Vec<Transfer>,
    /// The first this many of `transfers` are in use.
    open: usize,
    limit: usize,
}

/// What a transport frame led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome<'a> {
    /// Nothing to tell yet.
    Waiting,
    /// A transfer is complete.
    Whole(Header, &'a [u8]),
    /// One side gave the transfer of this group up.
    Aborted(u32),
    /// A transfer began while another between the same two was not finished, or went silent.
    Broken,
    /// The announcement breaks the rules.
    Malformed(&'static str),
    /// Data nobody announced (the capture may have begun within a transfer).
    Stray,
    /// All places are taken.
    Full,
}

impl Transport {
    pub(super) fn new(limit: usize) -> Self {
        Self { transfers: Vec::new(), open: 0, limit: limit.max(1) }
    }

    /// Forgets everything half read.
    pub(super) fn clear(&mut self) {
        self.open = 0;
    }

    fn find(&self, source: u8, destination: u8) -> Option<usize> {
        let open = self.transfers.get(..self.open)?;
        open.iter().position(|transfer| transfer.source == source && transfer.destination == destination)
    }

    fn close(&mut self, place: usize) {
        self.open = self.open.saturating_sub(1);
        self.transfers.swap(place, self.open);
    }

    /// Takes a connection management frame.
    pub(super) fn management(&mut self, at: CaptureTime, header: Header, frame: &[u8]) -> Outcome<'static> {
        let &[control, low, high, packets, _, p0, p1, p2, ..] = frame else {
            return Outcome::Malformed("fewer than 8 bytes");
        };
        let pgn = u32::from_le_bytes([p0, p1, p2, 0]);
        match control {
            RTS | BAM => {
                let size = usize::from(u16::from_le_bytes([low, high]));
                self.begin(at, header, control, size, packets, pgn)
            }
            ABORT => {
                for (source, destination) in [(header.source, header.destination), (header.destination, header.source)]
                {
                    if let Some(place) = self.find(source, destination) {
                        self.close(place);
                    }
                }
                Outcome::Aborted(pgn)
            }
            CTS | END => Outcome::Waiting,
            _ => Outcome::Malformed("unknown control byte"),
        }
    }

    fn begin(
        &mut self,
        at: CaptureTime,
        header: Header,
        control: u8,
        size: usize,
        packets: u8,
        pgn: u32,
    ) -> Outcome<'static> {
        if control == RTS && header.destination == 255 {
            return Outcome::Malformed("request to send to all");
        }
        if size == 0 || size > LARGEST || size.div_ceil(7) != usize::from(packets) {
            return Outcome::Malformed("size and number of packets do not fit");
        }
        let mut broken = false;
        if let Some(place) = self.find(header.source, header.destination) {
            self.close(place);
            broken = true;
        }
        if self.open >= self.limit {
            let open = self.transfers.get(..self.open).unwrap_or_default();
            let Some(silent) = open.iter().position(|transfer| silent(transfer.heard, at)) else {
                return Outcome::Full;
            };
            self.close(silent);
            broken = true;
        }
        if self.transfers.len() <= self.open {
            self.transfers.push(Transfer {
                source: 0,
                destination: 0,
                priority: 0,
                pgn: 0,
                heard: at,
                size: 0,
                packets: 0,
                have: [0; 4],
                missing: 0,
                data: Box::new([0xff; LARGEST]),
            });
        }
        let Some(transfer) = self.transfers.get_mut(self.open) else { return Outcome::Full };
        self.open = self.open.saturating_add(1);
        transfer.source = header.source;
        transfer.destination = header.destination;
        transfer.priority = header.priority;
        transfer.pgn = pgn;
        transfer.heard = at;
        transfer.size = size;
        transfer.packets = packets;
        transfer.missing = packets;
        transfer.have = [0; 4];
        transfer.data.fill(0xff);
        if broken { Outcome::Broken } else { Outcome::Waiting }
    }

    /// Takes a data frame.
    pub(super) fn data(&mut self, at: CaptureTime, header: Header, frame: &[u8]) -> Outcome<'_> {
        let Some((number, body)) = frame.split_first() else { return Outcome::Malformed("empty data frame") };
        let Some(place) = self.find(header.source, header.destination) else { return Outcome::Stray };
        let Some(transfer) = self.transfers.get_mut(place) else { return Outcome::Stray };
        if silent(transfer.heard, at) {
            self.close(place);
            return Outcome::Broken;
        }
        transfer.heard = at;
        if *number == 0 || *number > transfer.packets {
            return Outcome::Malformed("packet number outside the transfer");
        }
        let index = usize::from(number.saturating_sub(1));
        let start = index.saturating_mul(7);
        let end = start.saturating_add(7).min(transfer.size);
        if let Some(to) = transfer.data.get_mut(start..end) {
            for (to, from) in to.iter_mut().zip(body) {
                *to = *from;
            }
        }
        let bit = 1_u64 << (index & 63);
        if let Some(word) = transfer.have.get_mut(index >> 6).filter(|word| **word & bit == 0) {
            *word |= bit;
            transfer.missing = transfer.missing.saturating_sub(1);
        }
        if transfer.missing > 0 {
            return Outcome::Waiting;
        }
        let header = Header {
            priority: transfer.priority,
            pgn: transfer.pgn,
            source: transfer.source,
            destination: transfer.destination,
        };
        self.close(place);
        let finished = self.transfers.get(self.open).and_then(|transfer| transfer.data.get(..transfer.size));
        finished.map_or(Outcome::Stray, |data| Outcome::Whole(header, data))
    }
}

fn silent(heard: CaptureTime, at: CaptureTime) -> bool {
    let since = at.since(heard);
    since > GIVE_UP && since < CLOCK_STEP
}
