//! The engine: flows found or begun, packets counted and read, time let pass.

use dogwatch_dissectors::{Carrier, Protocol};
use dogwatch_model::{CaptureTime, Flow, Initiator, SourceId, Transport};

use crate::catalogue::Catalogue;
use crate::context::Context;
use crate::entry::Entry;
use crate::fragment::Fragments;
use crate::frame::Frame;
use crate::key::Key;
use crate::link::{self, Link, LinkError};
use crate::observer::{Ending, FlowSummary, Observer, Traffic};
use crate::packet::{Origin, Unit};
use crate::side::Side;
use crate::table::{Due, Table};
use crate::{Counters, Limits};

/// Time between two looks for flows that ended quietly.
const TICK: std::time::Duration = std::time::Duration::from_secs(1);
/// One such look takes in this part of the table.
const SWEEP_PART: usize = 64;
/// A clock that goes back less than this is merged capture queues, not a jump.
const JUMP: std::time::Duration = std::time::Duration::from_secs(60);

/// Turns frames into flows and offers their bytes to dissectors.
pub struct Engine {
    pub(crate) limits: Limits,
    catalogue: Catalogue,
    table: Table,
    pub(crate) fragments: Fragments,
    pub(crate) counters: Counters,
    /// Bytes held for all streams.
    held: usize,
    /// One clock per source: time of its last frame, and of its last look for quiet flows.
    clocks: Vec<Clock>,
    /// Where the next look for quiet flows begins.
    sweep_from: u32,
}

#[derive(Clone, Copy)]
struct Clock {
    now: CaptureTime,
    ticked: CaptureTime,
    segments: Segments,
}

/// TCP segments with data of one source, in streams that are followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Segments {
    /// Those that were seen.
    pub seen: u64,
    /// Those that were acknowledged but never seen.
    pub unseen: u64,
}

impl Engine {
    /// Makes an engine that recognises `protocols`, usually [`dogwatch_dissectors::PROTOCOLS`].
    #[must_use]
    pub fn new(limits: Limits, protocols: &'static [&'static dyn Protocol]) -> Self {
        Self {
            catalogue: Catalogue::new(protocols),
            table: Table::new(limits.flows),
            fragments: Fragments::default(),
            counters: Counters::default(),
            held: 0,
            clocks: Vec::new(),
            sweep_from: 0,
            limits,
        }
    }

    /// What was seen and let go so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// TCP segments of a source.
    #[must_use]
    pub fn segments(&self, source: SourceId) -> Segments {
        self.clocks.get(usize::from(source.0)).map_or_else(Segments::default, |clock| clock.segments)
    }

    /// Every live flow, added up, by slot.
    pub fn flows(&self) -> impl Iterator<Item = (crate::FlowId, FlowSummary)> + '_ {
        self.table.iter().map(|entry| (entry.id, entry.summary(&self.catalogue, None)))
    }

    /// Takes one frame in.
    pub fn frame<O: Observer>(&mut self, frame: &Frame<'_>, observer: &mut O) {
        let wire = u64::from(frame.original_length).max(frame.bytes.len() as u64);
        self.counters.frames = self.counters.frames.wrapping_add(1);
        self.counters.bytes = self.counters.bytes.wrapping_add(wire);
        if wire > frame.bytes.len() as u64 {
            self.counters.truncated = self.counters.truncated.wrapping_add(1);
        }
        self.clock(frame.source, frame.at, observer);
        match link::decode(frame.link, frame.bytes) {
            Ok((link, carried)) => {
                let origin = Origin {
                    at: frame.at,
                    source: frame.source,
                    frame: frame.number,
                    traffic: Traffic { packets: 1, bytes: wire },
                    link,
                    depth: 0,
                };
                self.carried(&origin, carried, observer);
            }
            Err(LinkError::Unsupported) => {
                self.counters.unsupported_link = self.counters.unsupported_link.wrapping_add(1);
            }
            Err(LinkError::Bad) => self.counters.bad_link_header = self.counters.bad_link_header.wrapping_add(1),
            Err(LinkError::Housekeeping) => {
                self.counters.link_housekeeping = self.counters.link_housekeeping.wrapping_add(1);
            }
        }
    }

    /// Takes in bytes of a serial line, or of a log of one, as a stream.
    pub fn serial<O: Observer>(
        &mut self,
        at: CaptureTime,
        source: SourceId,
        number: u64,
        bytes: &[u8],
        observer: &mut O,
    ) {
        self.counters.frames = self.counters.frames.wrapping_add(1);
        self.counters.bytes = self.counters.bytes.wrapping_add(bytes.len() as u64);
        self.clock(source, at, observer);
        let traffic = Traffic { packets: 1, bytes: bytes.len() as u64 };
        let origin = Origin { at, source, frame: number, traffic, link: Link::default(), depth: 0 };
        let flow = origin.flow(Transport::Serial);
        self.unit(&Unit { at, frame: number, flow, carrier: Carrier::Serial, traffic, bytes, segment: None }, observer);
    }

    /// Ends what a serial line carried: it was unplugged, and another device may speak on it next.
    pub fn serial_ended<O: Observer>(&mut self, at: CaptureTime, source: SourceId, observer: &mut O) {
        self.clock(source, at, observer);
        let origin = Origin { at, source, frame: 0, traffic: Traffic::default(), link: Link::default(), depth: 0 };
        let (key, _) = Key::of(&origin.flow(Transport::Serial));
        if let Some(slot) = self.table.find(&key) {
            self.end(slot, Ending::Closed, observer);
        }
    }

    /// Ends every flow: the capture is over.
    pub fn finish<O: Observer>(&mut self, observer: &mut O) {
        for slot in 0..self.table.slots() {
            if let Ok(slot) = u32::try_from(slot) {
                self.end(slot, Ending::Finished, observer);
            }
        }
    }

    /// Finds or begins the flow of a packet and has it read.
    pub(crate) fn unit<O: Observer>(&mut self, unit: &Unit<'_>, observer: &mut O) {
        let (key, side) = Key::of(&unit.flow);
        let mut found = self.table.find(&key);
        if let (Some(slot), Some(segment)) = (found, &unit.segment)
            && self.table.get(slot).is_some_and(|entry| entry.connection.is_reopened_by(side, segment))
        {
            self.end(slot, Ending::Reused, observer);
            found = None;
        }
        let slot = match found {
            Some(slot) => slot,
            None => match self.begin(key, side, unit, observer) {
                Some(slot) => slot,
                None => return,
            },
        };
        let before = (self.counters.tcp_data_segments, self.counters.tcp_unseen_segments);
        self.read(slot, side, unit, observer);
        if unit.segment.is_some()
            && let Some(clock) = self.clocks.get_mut(usize::from(unit.flow.source.0))
        {
            let segments = &mut clock.segments;
            let (seen, unseen) = (self.counters.tcp_data_segments, self.counters.tcp_unseen_segments);
            segments.seen = segments.seen.wrapping_add(seen.wrapping_sub(before.0));
            segments.unseen = segments.unseen.wrapping_add(unseen.wrapping_sub(before.1));
        }
        // sooner than the flow could have been quiet for too long: a hole to be closed, or the end of a connection
        if let Some(segment) = &unit.segment
            && (segment.fin || segment.rst || self.table.get(slot).is_some_and(Entry::waits))
        {
            self.table.wake(slot);
        }
        self.table.touch(slot);
        let (dissected, quiet_longest) = self.table.dissected();
        if dissected > self.limits.dissectors {
            self.counters.dissectors_evicted = self.counters.dissectors_evicted.wrapping_add(1);
            self.end(quiet_longest, Ending::Evicted, observer);
        }
    }

    fn begin<O: Observer>(&mut self, key: Key, side: Side, unit: &Unit<'_>, observer: &mut O) -> Option<u32> {
        if self.table.is_full() {
            self.counters.flows_evicted = self.counters.flows_evicted.wrapping_add(1);
            let victim = self.table.victim()?;
            self.end(victim, Ending::Evicted, observer);
        }
        let slot =
            self.table.insert(key, |id| Entry::new(key, id, unit.flow, side, unit.carrier, unit.at, unit.frame))?;
        self.counters.flows_started = self.counters.flows_started.wrapping_add(1);
        let entry = self.table.get(slot)?;
        // a SYN without ACK says who opens the connection, before anybody answers (RFC 9293, 3.5)
        let is_opening = unit.segment.as_ref().is_some_and(|segment| segment.syn && segment.ack.is_none());
        let initiator = if is_opening { Initiator::Sender } else { unit.flow.initiator };
        observer.flow_started(entry.id, unit.at, unit.frame, &Flow { initiator, ..unit.flow });
        Some(slot)
    }

    fn read<O: Observer>(&mut self, slot: u32, side: Side, unit: &Unit<'_>, observer: &mut O) {
        let Self { table, catalogue, limits, counters, held, .. } = self;
        let Some(entry) = table.get_mut(slot) else { return };
        let is_first_answer = side != entry.first_side() && entry.traffic.of(side).packets == 0;
        entry.count(side, unit.traffic, unit.at, unit.frame);
        let id = entry.id;
        if is_first_answer {
            observer.flow_answered(id, unit.at, unit.frame, &unit.flow);
        }
        let mut cx = Context {
            is_established: entry.is_established(),
            observer,
            catalogue,
            limits,
            held,
            id,
            at: unit.at,
            frame: unit.frame,
            carrier: unit.carrier,
            flow: &unit.flow,
            sender: side,
        };
        match &unit.segment {
            Some(segment) => {
                let (client, is_established) = entry.connection.note(side, segment);
                if let Some(client) = client
                    && !entry.reader.is_client_known
                {
                    entry.reader.client = client;
                    entry.reader.is_client_known = true;
                }
                if is_established {
                    cx.is_established = true;
                    let flow = entry.reader.flow_from(entry.reader.client, &cx);
                    cx.observer.flow_established(id, unit.at, unit.frame, &flow);
                }
                entry.segment(side, segment, counters, &mut cx);
                entry.profile(unit.at, segment.payload);
            }
            None if unit.bytes.is_empty() => {}
            None if unit.carrier == Carrier::Serial => entry.serial(side, unit.bytes, counters, &mut cx),
            None => {
                entry.reader.datagram(side, unit.bytes, counters, &mut cx);
                entry.profile(unit.at, unit.bytes);
            }
        }
        let quiet = unit.at.since(entry.told).max(entry.told.since(unit.at));
        if quiet >= limits.progress_every {
            entry.told = unit.at;
            observer.flow_progress(id, &entry.summary(catalogue, None));
        }
    }

    /// Ends a flow, if the slot holds one.
    fn end<O: Observer>(&mut self, slot: u32, ending: Ending, observer: &mut O) {
        self.settle(slot, observer, Entry::flush);
        let Some(mut entry) = self.table.remove(slot) else { return };
        entry.drop_stream(&mut self.held);
        self.counters.flows_ended = self.counters.flows_ended.wrapping_add(1);
        observer.flow_ended(entry.id, &entry.summary(&self.catalogue, Some(ending)));
    }

    /// Has a flow's streams settled without a packet of its own: the time is that of its source.
    fn settle<O: Observer>(
        &mut self,
        slot: u32,
        observer: &mut O,
        how: impl FnOnce(&mut Entry, &mut Counters, &mut Context<'_, O>),
    ) {
        let Self { table, catalogue, limits, counters, held, clocks, .. } = self;
        let Some(entry) = table.get_mut(slot).filter(|entry| entry.waits()) else { return };
        let sender = entry.first_side();
        let flow = entry.flow_from(sender);
        let at = clocks.get(usize::from(flow.source.0)).map_or(entry.last, |clock| clock.now);
        let (id, frame, carrier, is_established) = (entry.id, entry.last_frame, entry.carrier, entry.is_established());
        let flow = &flow;
        let mut cx =
            Context { observer, catalogue, limits, held, id, at, frame, carrier, flow, sender, is_established };
        how(entry, counters, &mut cx);
    }

    /// Sets the clock of a source and lets time pass for the flows.
    #[inline]
    fn clock<O: Observer>(&mut self, source: SourceId, at: CaptureTime, observer: &mut O) {
        let index = usize::from(source.0);
        if self.clocks.len() <= index {
            let unused = Clock { now: at, ticked: at, segments: Segments::default() };
            self.clocks.resize(index.saturating_add(1), unused);
        }
        let Some(clock) = self.clocks.get_mut(index) else { return };
        if clock.now.since(at) > JUMP {
            self.counters.clock_backwards = self.counters.clock_backwards.wrapping_add(1);
        }
        clock.now = at;
        if at.since(clock.ticked).max(clock.ticked.since(at)) >= TICK {
            clock.ticked = at;
            self.sweep(observer);
        }
    }

    /// Looks at the next part of the table for flows that ended quietly and holes that waited too long.
    fn sweep<O: Observer>(&mut self, observer: &mut O) {
        let slots = self.table.slots();
        let part = slots.div_ceil(SWEEP_PART);
        for _ in 0..part {
            let slot = self.sweep_from;
            self.sweep_from = slot.wrapping_add(1);
            if self.sweep_from as usize >= slots {
                self.sweep_from = 0;
            }
            if !self.is_due(slot) {
                continue;
            }
            match self.quiet(slot) {
                Some(ending) => self.end(slot, ending, observer),
                None => {
                    self.settle(slot, observer, Entry::tick);
                    self.sleep(slot);
                }
            }
        }
    }

    /// Whether a slot is worth a look by the clock of its source. A time further off than any flow may be quiet is from before the clock went back.
    fn is_due(&self, slot: u32) -> bool {
        let due = self.table.due(slot);
        let Some(clock) = self.clocks.get(usize::from(due.source.0)) else { return true };
        let longest = self.limits.tcp_idle.max(self.limits.tcp_linger).max(self.limits.other_idle);
        let furthest = longest.saturating_add(JUMP);
        let wait = due.second.saturating_sub(clock.now.seconds());
        due.second != i64::MAX && (wait <= 0 || wait.unsigned_abs() > furthest.as_secs())
    }

    /// Lets a slot rest until its flow could have been quiet for too long. What may come sooner, a hole to be closed or the end of a connection,
    /// wakes it.
    fn sleep(&mut self, slot: u32) {
        let Some(entry) = self.table.get(slot) else { return };
        let due = if entry.waits() {
            Due::NOW
        } else if entry.is_wire() {
            Due::NEVER
        } else {
            Due { second: entry.quiet_since.plus(self.patience(entry)).seconds(), source: entry.source() }
        };
        self.table.sleep(slot, due);
    }

    /// How long a flow may be quiet.
    const fn patience(&self, entry: &Entry) -> std::time::Duration {
        match (entry.is_tcp(), entry.connection.is_established && !entry.connection.is_over()) {
            (false, _) => self.limits.other_idle,
            (true, true) => self.limits.tcp_idle,
            (true, false) => self.limits.tcp_linger,
        }
    }

    /// Whether a flow has been quiet for too long, by the clock of its source.
    fn quiet(&mut self, slot: u32) -> Option<Ending> {
        let entry = self.table.get_mut(slot)?;
        let now = self.clocks.get(usize::from(entry.source().0))?.now;
        if entry.quiet_since.since(now) > JUMP {
            // The clock went back: wait anew instead of for days.
            entry.quiet_since = now;
        }
        if entry.is_wire() {
            // A bus or a serial line is not a conversation: after a night at the quay the same devices speak on it.
            return None;
        }
        let ending = if entry.is_tcp() && entry.connection.is_over() { Ending::Closed } else { Ending::Idle };
        let quiet = now.since(entry.quiet_since);
        (quiet >= self.patience(self.table.get(slot)?)).then_some(ending)
    }
}
