//! One direction of a TCP connection, put in order.
//!
//! Bytes come out once, in order, the first copy winning; what never came is declared a gap when somebody's acknowledgement shows that the
//! receiver had it, when too much waits behind the hole, or when it has been missing for too long. Sequence numbers wrap (RFC 9293, 3.4).

use std::collections::VecDeque;
use std::time::Duration;

use dogwatch_model::CaptureTime;

use crate::sight::Sights;
use crate::{Counters, Limits};

/// Segments further away than this are noise, unless a second one continues the first. Windows beyond a few MiB make no sense on ship's networks.
const FAR: u32 = 4 * 1024 * 1024;
/// Data of a full segment on Ethernet.
const FULL_SEGMENT: u32 = 1_460;
/// An acknowledgement may come before what it acknowledges where two mirror ports are merged; not by more than this.
const REORDERED: Duration = Duration::from_millis(50);
/// What keeping a segment costs beyond its bytes.
const SEGMENT_COST: usize = 64;

/// What comes out of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// The next bytes.
    Bytes(&'a [u8]),
    /// The next bytes, which waited behind a hole that turned out to be a gap: they came with an earlier frame.
    Waited(&'a [u8], Stamp),
    /// This many bytes are lost.
    Gap(u32),
    /// A segment seen before came again with other bytes; the first copy stays.
    Altered,
}

/// Which frame brought bytes, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stamp {
    pub(crate) at: CaptureTime,
    pub(crate) frame: u64,
}

/// The data of one TCP segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Data<'a> {
    pub(crate) stamp: Stamp,
    pub(crate) seq: u32,
    pub(crate) bytes: &'a [u8],
    /// Bytes the capture cut off the end.
    pub(crate) missing: u32,
}

#[derive(Debug)]
struct Held {
    stamp: Stamp,
    seq: u32,
    bytes: Vec<u8>,
}

impl Held {
    fn end(&self) -> u32 {
        self.seq.wrapping_add(length(&self.bytes))
    }
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Half {
    started: bool,
    /// Sequence number of the next byte to come out.
    next: u32,
    /// Up to where the receiver acknowledged.
    acked: Option<u32>,
    /// An acknowledgement of what nothing was seen of, and when it came.
    early: Option<(u32, CaptureTime)>,
    /// Segments behind the hole at `next`: sorted, apart from each other or just touching.
    held: VecDeque<Held>,
    held_cost: usize,
    hole_since: CaptureTime,
    /// Where a segment far outside the window ended: one that continues there shows that the stream really is there now.
    stray_end: Option<u32>,
    /// What the latest segments held.
    sights: Sights,
}

impl Half {
    /// Sets the number of the first byte, from a SYN; later ones do not move a stream that runs.
    pub(crate) const fn start(&mut self, first: u32) {
        if !self.started {
            self.started = true;
            self.next = first;
        }
    }

    /// Bytes held, with what holding them costs.
    pub(crate) const fn cost(&self) -> usize {
        self.held_cost
    }

    /// Takes a segment in. `room` is what all streams together may still hold.
    pub(crate) fn segment(
        &mut self,
        data: Data<'_>,
        at: CaptureTime,
        room: usize,
        limits: &Limits,
        counters: &mut Counters,
        mut out: impl FnMut(Piece<'_>, &mut Counters),
    ) {
        if !self.started && data.bytes == [0] && data.missing == 0 {
            // The first thing of a connection that was open before the capture: a keep-alive repeats the byte before the next with a NUL in
            // its place (RFC 9293, 3.8.4), and no protocol must find that byte at its front.
            self.start(data.seq.wrapping_add(1));
            return;
        }
        self.start(data.seq);
        counters.tcp_data_segments = counters.tcp_data_segments.wrapping_add(1);
        if data.missing == 0 && self.sights.note(data.seq, data.bytes) {
            counters.tcp_altered = counters.tcp_altered.wrapping_add(1);
            out(Piece::Altered, counters);
        }
        if self.held.is_empty() && data.seq == self.next {
            self.next = self.next.wrapping_add(length(data.bytes));
            self.stray_end = None;
            out(Piece::Bytes(data.bytes), counters);
        } else if is_far(data.seq.wrapping_sub(self.next)) {
            if !self.jump(data, counters, &mut out) {
                return;
            }
        } else {
            self.stray_end = None;
            let (before, was_whole) = (self.next, self.held.is_empty());
            self.place(data, counters, &mut out);
            if was_whole || self.next != before {
                self.hole_since = at;
            }
            self.close_holes(at, room, limits, counters, &mut out);
        }
        if data.missing > 0 && self.held.is_empty() && self.next == data.seq.wrapping_add(length(data.bytes)) {
            self.next = self.next.wrapping_add(data.missing);
            out(Piece::Gap(data.missing), counters);
        }
    }

    /// The receiver acknowledged everything before `ack`: holes below it were lost by the capture, not by the network.
    pub(crate) fn acknowledged(
        &mut self,
        ack: u32,
        at: CaptureTime,
        counters: &mut Counters,
        mut out: impl FnMut(Piece<'_>, &mut Counters),
    ) {
        if !self.started || is_far(ack.wrapping_sub(self.next)) {
            return;
        }
        self.acked = Some(ack);
        while self.is_hole_acked() {
            self.count_unseen(counters);
            self.skip_hole(counters, &mut out);
        }
        if self.held.is_empty()
            && let Some(missing) = self.never_came(ack, at)
        {
            counters.tcp_unseen_segments =
                counters.tcp_unseen_segments.wrapping_add(u64::from(missing.div_ceil(FULL_SEGMENT)));
            out(Piece::Gap(missing), counters);
        }
    }

    /// The bytes that the receiver had a while ago, of which nothing was seen since although it has still more now: the capture does not show this
    /// direction any more. A FIN that was not seen takes one number, too, and is no byte.
    fn never_came(&mut self, ack: u32, at: CaptureTime) -> Option<u32> {
        let next = self.next;
        let ahead = |number: u32| Some(number.wrapping_sub(next)).filter(|ahead| *ahead > 1 && !is_behind(*ahead));
        if ahead(ack).is_none() {
            self.early = None;
            return None;
        }
        let missing = match self.early {
            Some((early, _)) if ahead(early).is_none() => None,
            Some((early, since)) if early != ack && at.since(since) >= REORDERED => ahead(early),
            Some(_) => return None,
            None => None,
        };
        self.early = Some((ack, at));
        self.next = next.wrapping_add(missing.unwrap_or_default());
        missing
    }

    /// Lets time pass.
    pub(crate) fn tick(
        &mut self,
        at: CaptureTime,
        limits: &Limits,
        counters: &mut Counters,
        mut out: impl FnMut(Piece<'_>, &mut Counters),
    ) {
        self.close_holes(at, usize::MAX, limits, counters, &mut out);
    }

    /// The connection is over: nothing missing will come any more.
    pub(crate) fn flush(&mut self, counters: &mut Counters, mut out: impl FnMut(Piece<'_>, &mut Counters)) {
        while !self.held.is_empty() {
            self.skip_hole(counters, &mut out);
        }
    }

    /// Puts a segment where it belongs: out, behind the hole, or nowhere.
    fn place(&mut self, data: Data<'_>, counters: &mut Counters, out: &mut impl FnMut(Piece<'_>, &mut Counters)) {
        let Data { stamp, mut seq, mut bytes, .. } = data;
        let mut is_new = false;
        while !bytes.is_empty() {
            let ahead = seq.wrapping_sub(self.next);
            if is_behind(ahead) {
                // Bytes that came out already; a keep-alive repeats the last one.
                let old = ahead.wrapping_neg().min(length(bytes));
                bytes = bytes.get(old as usize..).unwrap_or(&[]);
                seq = seq.wrapping_add(old);
                if is_new || !bytes.is_empty() {
                    counters.tcp_overlapping_bytes = counters.tcp_overlapping_bytes.wrapping_add(u64::from(old));
                }
            } else if ahead > 0 {
                if self.hold(stamp, seq, bytes, counters) {
                    counters.tcp_out_of_order = counters.tcp_out_of_order.wrapping_add(1);
                    is_new = true;
                }
                break;
            } else {
                // Up to the first byte that is held already: that copy came first.
                let room = self.held.front().map_or(u32::MAX, |held| held.seq.wrapping_sub(self.next));
                let (now, later) = bytes.split_at_checked(room as usize).unwrap_or((bytes, &[]));
                self.next = self.next.wrapping_add(length(now));
                out(Piece::Bytes(now), counters);
                is_new = true;
                seq = self.next;
                bytes = later;
                self.release(false, counters, out);
            }
        }
        if !is_new {
            counters.tcp_retransmissions = counters.tcp_retransmissions.wrapping_add(1);
        }
    }

    /// Keeps the bytes that are not held yet; says whether there were any.
    fn hold(&mut self, stamp: Stamp, mut seq: u32, mut bytes: &[u8], counters: &mut Counters) -> bool {
        let next = self.next;
        let from_next = |number: u32| number.wrapping_sub(next);
        let mut is_new = false;
        let mut index = self.held.partition_point(|held| from_next(held.end()) <= from_next(seq));
        while !bytes.is_empty() {
            let take = match self.held.get(index) {
                Some(held) if from_next(held.seq) <= from_next(seq) => {
                    let known = from_next(held.end()).saturating_sub(from_next(seq)).min(length(bytes));
                    counters.tcp_overlapping_bytes = counters.tcp_overlapping_bytes.wrapping_add(u64::from(known));
                    bytes = bytes.get(known as usize..).unwrap_or(&[]);
                    seq = seq.wrapping_add(known);
                    index = index.wrapping_add(1);
                    continue;
                }
                Some(held) => from_next(held.seq).saturating_sub(from_next(seq)),
                None => u32::MAX,
            };
            let (piece, rest) = bytes.split_at_checked(take as usize).unwrap_or((bytes, &[]));
            self.held_cost = self.held_cost.saturating_add(piece.len()).saturating_add(SEGMENT_COST);
            self.held.insert(index, Held { stamp, seq, bytes: piece.to_vec() });
            is_new = true;
            seq = seq.wrapping_add(length(piece));
            bytes = rest;
            index = index.wrapping_add(1);
        }
        is_new
    }

    /// Lets out what is in order now. What followed a gap was complete when it came; what waited for bytes that did come is complete only now.
    fn release(&mut self, after_gap: bool, counters: &mut Counters, out: &mut impl FnMut(Piece<'_>, &mut Counters)) {
        while self.held.front().is_some_and(|held| held.seq == self.next) {
            let Some(held) = self.held.pop_front() else { break };
            self.held_cost = self.held_cost.saturating_sub(held.bytes.len()).saturating_sub(SEGMENT_COST);
            self.next = held.end();
            let piece = if after_gap { Piece::Waited(&held.bytes, held.stamp) } else { Piece::Bytes(&held.bytes) };
            out(piece, counters);
        }
    }

    /// Declares holes gaps that will not be filled.
    fn close_holes(
        &mut self,
        at: CaptureTime,
        room: usize,
        limits: &Limits,
        counters: &mut Counters,
        out: &mut impl FnMut(Piece<'_>, &mut Counters),
    ) {
        while !self.held.is_empty() {
            let is_full = self.held_cost > limits.stream_bytes.min(room) || self.held.len() > limits.stream_segments;
            if is_full {
                counters.stream_buffer_overflows = counters.stream_buffer_overflows.wrapping_add(1);
            }
            // A clock that went back starts the wait anew.
            if at < self.hole_since {
                self.hole_since = at;
            }
            let is_acked = self.is_hole_acked();
            if !is_full && !is_acked && at.since(self.hole_since) < limits.hole_timeout {
                break;
            }
            if is_acked {
                self.count_unseen(counters);
            }
            self.skip_hole(counters, out);
        }
    }

    fn is_hole_acked(&self) -> bool {
        match (self.acked, self.held.front()) {
            (Some(acked), Some(first)) => !is_behind(acked.wrapping_sub(first.seq)),
            _ => false,
        }
    }

    /// The receiver had what fills the hole: the capture lost it. A large hole counts for as many segments as it takes.
    fn count_unseen(&self, counters: &mut Counters) {
        let missing = self.held.front().map_or(0, |first| first.seq.wrapping_sub(self.next));
        let segments = u64::from(missing.div_ceil(FULL_SEGMENT));
        counters.tcp_unseen_segments = counters.tcp_unseen_segments.wrapping_add(segments);
    }

    fn skip_hole(&mut self, counters: &mut Counters, out: &mut impl FnMut(Piece<'_>, &mut Counters)) {
        let Some(first) = self.held.front() else { return };
        let missing = first.seq.wrapping_sub(self.next);
        self.next = first.seq;
        if missing > 0 {
            out(Piece::Gap(missing), counters);
        }
        self.release(true, counters, out);
    }

    /// A segment far outside the window: noise the first time, the new truth when a second one continues it.
    fn jump(
        &mut self,
        data: Data<'_>,
        counters: &mut Counters,
        out: &mut impl FnMut(Piece<'_>, &mut Counters),
    ) -> bool {
        let end = data.seq.wrapping_add(length(data.bytes)).wrapping_add(data.missing);
        if self.stray_end != Some(data.seq) || data.bytes.is_empty() {
            self.stray_end = Some(end);
            counters.tcp_strays = counters.tcp_strays.wrapping_add(1);
            return false;
        }
        self.flush(counters, &mut *out);
        let ahead = data.seq.wrapping_sub(self.next);
        self.stray_end = None;
        self.acked = None;
        // Where the stream went back, how much is lost cannot be known.
        out(Piece::Gap(if is_behind(ahead) { 0 } else { ahead }), counters);
        self.next = data.seq.wrapping_add(length(data.bytes));
        out(Piece::Bytes(data.bytes), counters);
        true
    }
}

/// Whether a difference of sequence numbers points backwards.
const fn is_behind(difference: u32) -> bool {
    difference > u32::MAX / 2
}

const fn is_far(difference: u32) -> bool {
    let distance = if is_behind(difference) { difference.wrapping_neg() } else { difference };
    distance > FAR
}

/// A segment comes out of an IP packet: far below 4 GiB.
#[expect(clippy::cast_possible_truncation, reason = "at most 65,535 bytes come in one segment")]
const fn length(bytes: &[u8]) -> u32 {
    bytes.len() as u32
}
