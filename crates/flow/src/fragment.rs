//! Puts fragmented IP datagrams together (RFC 791 section 3.2, RFC 8200 section 4.5).
//!
//! Where fragments overlap, the bytes that came first stay: RFC 5722 wants such IPv6 datagrams dropped, but a monitor that drops what the
//! receiver may accept is blind, so they are kept and counted.

use std::net::IpAddr;

use dogwatch_model::{CaptureTime, Irregularity, SourceId, Vlans};

use crate::network::Part;
use crate::observer::Traffic;
use crate::{Counters, Limits};

/// An IP datagram cannot be longer than this.
const MAX_DATAGRAM: u32 = 65_535;
/// Fragments but the last one smaller than this have no good reason: every link carries 576 bytes (RFC 791), serial ones of old 296.
const TINY: usize = 256;
/// A TCP header without options.
const TCP_HEADER: usize = 20;

/// What the fragments of one datagram share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FragmentKey {
    pub(crate) source: SourceId,
    pub(crate) vlans: Vlans,
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) id: u32,
    /// Protocol for IPv4; 0 for IPv6, where it is not part of the identity.
    pub(crate) protocol: u8,
}

/// A datagram that is complete.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) protocol: u8,
    pub(crate) bytes: Vec<u8>,
    pub(crate) traffic: Traffic,
}

#[derive(Debug)]
struct Datagram {
    key: FragmentKey,
    started: CaptureTime,
    protocol: u8,
    bytes: Vec<u8>,
    /// Which bytes are there: sorted, apart from each other.
    ranges: Vec<(u32, u32)>,
    total: Option<u32>,
    traffic: Traffic,
}

/// What a fragment came to.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// The datagram, when this was the last fragment missing.
    pub(crate) whole: Option<Whole>,
    /// What is wrong with the fragment.
    pub(crate) irregular: Option<Irregularity>,
    /// The first bytes of the datagram, as far as they are there: the ports.
    pub(crate) head: Option<[u8; 4]>,
}

/// All datagrams waiting for fragments, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    waiting: Vec<Datagram>,
    bytes: usize,
    spare: Vec<u8>,
}

impl Fragments {
    /// Takes one fragment in; gives the datagram when this was the last one missing.
    #[expect(clippy::too_many_arguments, reason = "one fragment with all that is known of it, called from one place")]
    pub(crate) fn take(
        &mut self,
        key: FragmentKey,
        protocol: u8,
        part: Part,
        payload: &[u8],
        at: CaptureTime,
        wire_bytes: u64,
        limits: &Limits,
        counters: &mut Counters,
    ) -> Taken {
        counters.fragments = counters.fragments.wrapping_add(1);
        self.expire(key.source, at, limits, counters);
        let index = self.find_or_start(key, protocol, at, limits, counters);
        let Some(datagram) = self.waiting.get_mut(index) else { return Taken::default() };
        datagram.traffic.packets = datagram.traffic.packets.saturating_add(1);
        datagram.traffic.bytes = datagram.traffic.bytes.saturating_add(wire_bytes);
        if part.offset == 0 && datagram.ranges.first().is_none_or(|range| range.0 > 0) {
            // Only the first fragment of an IPv6 datagram names what it carries.
            datagram.protocol = protocol;
        }
        let before = datagram.bytes.capacity();
        let irregular = datagram.irregular(part, payload);
        if datagram.add(part, payload, limits, counters).is_err() {
            counters.fragments_bad = counters.fragments_bad.wrapping_add(1);
        }
        self.bytes = self.bytes.saturating_sub(before).saturating_add(datagram.bytes.capacity());
        let head = datagram.head();
        if datagram.is_whole() {
            let whole = self.remove(index).map(|done| {
                counters.fragments_reassembled = counters.fragments_reassembled.wrapping_add(1);
                Whole { protocol: done.protocol, bytes: done.bytes, traffic: done.traffic }
            });
            return Taken { whole, irregular, head };
        }
        while self.bytes > limits.fragment_bytes && !self.waiting.is_empty() {
            self.drop_oldest(counters);
        }
        Taken { whole: None, irregular, head }
    }

    /// Takes the buffer of a datagram that was read, to be used for the next.
    pub(crate) fn give_back(&mut self, bytes: Vec<u8>) {
        self.spare = bytes;
        self.spare.clear();
    }

    fn find_or_start(
        &mut self,
        key: FragmentKey,
        protocol: u8,
        at: CaptureTime,
        limits: &Limits,
        counters: &mut Counters,
    ) -> usize {
        if let Some(index) = self.waiting.iter().position(|datagram| datagram.key == key) {
            return index;
        }
        while self.waiting.len() >= limits.fragmented_datagrams.max(1) {
            self.drop_oldest(counters);
        }
        let bytes = std::mem::take(&mut self.spare);
        self.bytes = self.bytes.saturating_add(bytes.capacity());
        let traffic = Traffic::default();
        self.waiting.push(Datagram { key, started: at, protocol, bytes, ranges: Vec::new(), total: None, traffic });
        self.waiting.len().saturating_sub(1)
    }

    fn expire(&mut self, source: SourceId, at: CaptureTime, limits: &Limits, counters: &mut Counters) {
        let mut index = 0;
        while let Some(datagram) = self.waiting.get(index) {
            // A clock that went far back must not keep half a datagram for days.
            let age = at.since(datagram.started).max(datagram.started.since(at));
            if datagram.key.source == source && age > limits.fragment_timeout {
                counters.fragments_expired = counters.fragments_expired.wrapping_add(1);
                self.remove(index);
            } else {
                index = index.wrapping_add(1);
            }
        }
    }

    fn drop_oldest(&mut self, counters: &mut Counters) {
        counters.fragments_dropped = counters.fragments_dropped.wrapping_add(1);
        self.remove(0);
    }

    fn remove(&mut self, index: usize) -> Option<Datagram> {
        if index >= self.waiting.len() {
            return None;
        }
        let datagram = self.waiting.remove(index);
        self.bytes = self.bytes.saturating_sub(datagram.bytes.capacity());
        Some(datagram)
    }
}

/// The fragment cannot belong to the datagram.
struct Misfit;

impl Datagram {
    fn is_whole(&self) -> bool {
        self.total.is_some_and(|total| self.ranges == [(0, total)])
    }

    /// What is wrong with a fragment, before it is added. A copy of one that is there, as a mirror of two ports shows it, is not.
    fn irregular(&self, part: Part, payload: &[u8]) -> Option<Irregularity> {
        let end = part.offset.saturating_add(u32::try_from(payload.len()).unwrap_or(u32::MAX));
        let mut touched = self.ranges.iter().filter(|(from, to)| *from < end && part.offset < *to);
        if let Some((from, to)) = touched.next() {
            let there = self.bytes.get(part.offset as usize..end as usize);
            let is_copy = *from <= part.offset && end <= *to && there == Some(payload);
            return if is_copy { None } else { Some(Irregularity::OverlappingFragment) };
        }
        // what a short snap length has left of a fragment is no size of anybody's making
        if !part.more || part.missing > 0 {
            return None;
        }
        let is_tcp = self.protocol == 6;
        let header = payload.get(12).map_or(TCP_HEADER, |word| usize::from(word >> 4).saturating_mul(4));
        if is_tcp && part.offset == 0 && payload.len() < header.max(TCP_HEADER) {
            return Some(Irregularity::HeaderInPieces);
        }
        (payload.len() < TINY).then_some(Irregularity::TinyFragment)
    }

    /// Its first four bytes, once they are there.
    fn head(&self) -> Option<[u8; 4]> {
        let is_there = self.ranges.first().is_some_and(|(from, to)| *from == 0 && *to >= 4);
        self.bytes.first_chunk().filter(|_| is_there).copied()
    }

    fn add(&mut self, part: Part, payload: &[u8], limits: &Limits, counters: &mut Counters) -> Result<(), Misfit> {
        let length = u32::try_from(payload.len()).map_err(|_| Misfit)?;
        let end = part.offset.checked_add(length).filter(|end| *end <= MAX_DATAGRAM).ok_or(Misfit)?;
        if self.total.is_some_and(|total| end > total) {
            return Err(Misfit);
        }
        if !part.more {
            let reached = self.ranges.last().map_or(0, |range| range.1);
            if self.total.is_some_and(|total| total != end) || reached > end {
                return Err(Misfit);
            }
            self.total = Some(end);
        }
        if length == 0 {
            return if part.more { Err(Misfit) } else { Ok(()) };
        }
        if self.ranges.len() >= limits.fragment_ranges {
            return Err(Misfit);
        }
        if self.bytes.len() < end as usize {
            self.bytes.resize(end as usize, 0);
        }
        self.copy_new(part.offset, end, payload, counters);
        Ok(())
    }

    /// Copies the bytes not there yet, then joins the ranges.
    fn copy_new(&mut self, start: u32, end: u32, payload: &[u8], counters: &mut Counters) {
        let mut at = start;
        let mut overlaps = false;
        for &(from, to) in &self.ranges {
            if to <= at {
                continue;
            }
            if from >= end {
                break;
            }
            overlaps = true;
            copy(&mut self.bytes, payload, start, at, from);
            at = to;
        }
        copy(&mut self.bytes, payload, start, at, end);
        if overlaps {
            counters.fragments_overlapping = counters.fragments_overlapping.wrapping_add(1);
        }
        self.ranges.push((start, end));
        self.ranges.sort_unstable();
        self.ranges.dedup_by(|next, kept| {
            let touches = next.0 <= kept.1;
            if touches {
                kept.1 = kept.1.max(next.1);
            }
            touches
        });
    }
}

/// Copies the part `from..to` of a datagram out of a fragment whose first byte is number `start`.
fn copy(into: &mut [u8], payload: &[u8], start: u32, from: u32, to: u32) {
    if from >= to {
        return;
    }
    let source = payload.get(from.wrapping_sub(start) as usize..to.wrapping_sub(start) as usize);
    if let (Some(target), Some(source)) = (into.get_mut(from as usize..to as usize), source) {
        target.copy_from_slice(source);
    }
}
