//! Payload on its way to the imported signatures: what is remembered of each conversation between two packets, and how much of it is looked at.
//!
//! Exists only while signatures that look at payload are loaded. A transfer of many megabytes is looked at in its beginning and then in samples, so
//! that one download does not cost a core; machinery that says little at a time is looked at in full, for as long as it speaks.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use dogwatch_flow::{Carried, FlowId, Payload};
use dogwatch_intel::{Between, Intel, Scratch, Window};
use dogwatch_model::{CaptureTime, Direction, Flow, Initiator, Transport};

/// Conversations remembered at the same time; two that fall on one place take turns. At 4 KiB each way this is 32 MiB when all are full.
const PLACES: usize = 4_096;
/// Bytes of one sender that are looked at at once, and gained anew with every second of capture time.
const BURST: u32 = 64 << 10;
const EVERY_SECOND: u32 = 16 << 10;
/// Segments that begin this far behind are repeats.
const BEHIND: u32 = 1 << 20;

/// See the file's head.
pub(super) struct Scan {
    intel: Arc<Intel>,
    places: Vec<Option<Box<Talk>>>,
    scratch: Scratch,
    hits: Vec<u32>,
    counters: ScanCounters,
}

/// What was not looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScanCounters {
    /// Conversations forgotten because another one took their place.
    pub forgotten: u64,
    /// Bytes passed by because their sender had sent much.
    pub passed_bytes: u64,
}

/// One conversation.
struct Talk {
    id: FlowId,
    sides: [Side; 2],
}

/// One sender of it.
#[derive(Default)]
struct Side {
    window: Window,
    /// Number of the next byte, where segments are not put in order for us.
    next: Option<u32>,
    used: u32,
    since: CaptureTime,
}

impl Scan {
    /// Looks at payload from now on, if anything in the import does.
    pub(super) fn new(intel: &Arc<Intel>) -> Option<Box<Self>> {
        intel.signatures.has_payload().then(|| {
            Box::new(Self {
                intel: Arc::clone(intel),
                places: Vec::new(),
                scratch: Scratch::default(),
                hits: Vec::new(),
                counters: ScanCounters::default(),
            })
        })
    }

    pub(super) const fn counters(&self) -> ScanCounters {
        self.counters
    }

    /// The signatures that match.
    pub(super) fn look(&mut self, id: FlowId, payload: &Payload<'_>, protocol: Option<&'static str>) -> &[u32] {
        self.hits.clear();
        let between = between(payload, protocol);
        let signatures = &self.intel.signatures;
        if !signatures.reaches(&between) {
            return &self.hits;
        }
        let Some(side) = side(&mut self.places, id, payload.flow, &mut self.counters) else { return &self.hits };
        let is_repeat = side.follow(payload.carried, payload.bytes);
        if is_repeat {
            return &self.hits;
        }
        if !side.affords(payload.bytes, payload.at) {
            self.counters.passed_bytes = self.counters.passed_bytes.saturating_add(payload.bytes.len() as u64);
            side.window.clear();
            return &self.hits;
        }
        let window = (payload.carried != Carried::Datagram).then_some(&mut side.window);
        let hits = &mut self.hits;
        signatures.payload(&between, payload.bytes, window, &mut self.scratch, &mut |rule| hits.push(rule));
        &self.hits
    }

    /// Bytes are missing: nothing is put together over the hole.
    pub(super) fn lost(&mut self, id: FlowId, flow: &Flow) {
        let place = self.places.get_mut(id.slot() % PLACES).and_then(Option::as_mut);
        if let Some(talk) = place.filter(|talk| talk.id == id)
            && let Some(side) = talk.sides.get_mut(is_second(flow))
        {
            side.window.clear();
        }
    }
}

/// What is remembered of the sender of `flow`.
fn side<'a>(
    places: &'a mut Vec<Option<Box<Talk>>>,
    id: FlowId,
    flow: &Flow,
    counters: &mut ScanCounters,
) -> Option<&'a mut Side> {
    let at = id.slot() % PLACES;
    if places.len() <= at {
        places.resize_with(at + 1, || None);
    }
    let place = places.get_mut(at)?;
    match place {
        Some(talk) if talk.id == id => {}
        Some(talk) => {
            // the same place again after its flow has ended is no loss
            if talk.id.slot() != id.slot() {
                counters.forgotten = counters.forgotten.saturating_add(1);
            }
            **talk = Talk { id, sides: Default::default() };
        }
        None => *place = Some(Box::new(Talk { id, sides: Default::default() })),
    }
    place.as_mut()?.sides.get_mut(is_second(flow))
}

/// Which of the two ends sends, in an order of their own.
fn is_second(flow: &Flow) -> usize {
    usize::from((flow.src, flow.src_port) > (flow.dst, flow.dst_port))
}

impl Side {
    /// Follows the numbers of segments that nobody put in order; whether this one was seen before.
    fn follow(&mut self, carried: Carried, bytes: &[u8]) -> bool {
        let Carried::Segment(first) = carried else {
            self.next = None;
            return false;
        };
        let next = self.next.unwrap_or(first);
        let behind = next.wrapping_sub(first);
        if behind != 0 && behind < BEHIND {
            return true;
        }
        if behind != 0 {
            self.window.clear();
        }
        self.next = Some(first.wrapping_add(u32::try_from(bytes.len()).unwrap_or(0)));
        false
    }

    /// Whether there is something left for these bytes.
    fn affords(&mut self, bytes: &[u8], at: CaptureTime) -> bool {
        let seconds = u32::try_from(at.since(self.since).as_secs()).unwrap_or(u32::MAX);
        if seconds > 0 || at < self.since {
            self.used = self.used.saturating_sub(seconds.saturating_mul(EVERY_SECOND));
            self.since = if self.used == 0 || at < self.since {
                at
            } else {
                self.since.plus(Duration::from_secs(seconds.into()))
            };
        }
        let used = self.used.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        let is_enough = used <= BURST;
        if is_enough {
            self.used = used;
        }
        is_enough
    }
}

fn between(payload: &Payload<'_>, protocol: Option<&'static str>) -> Between<'static> {
    let flow = payload.flow;
    let ips: Option<(IpAddr, IpAddr)> = flow.src.zip(flow.dst);
    // where nobody was seen opening a connection that nobody reads, services have the lower port
    let is_guess = flow.transport == Transport::Tcp && flow.initiator == Initiator::Unknown && protocol.is_none();
    let is_to_server = if is_guess { flow.dst_port <= flow.src_port } else { payload.direction == Direction::ToServer };
    Between {
        transport: flow.transport,
        ips,
        ports: (flow.src_port, flow.dst_port),
        is_to_server,
        is_established: payload.is_established,
        protocol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_is_looked_at_in_samples_and_little_always() {
        let at = |second: i64| CaptureTime::from_parts(second, 0);
        let looked = |size: usize, per_second: usize, seconds: i64| {
            let (mut side, bytes) = (Side::default(), vec![0; size]);
            let packets = (0..seconds).flat_map(|second| std::iter::repeat_n(second, per_second));
            packets.filter(|second| side.affords(&bytes, at(1_000 + second))).count()
        };
        assert_eq!(looked(260, 60, 10_000), 600_000, "15.6 kB a second for hours");
        assert_eq!(looked(1_024, 1_000, 1), 64, "a burst");
        assert_eq!(looked(1_024, 1_000, 100), 64 + 99 * 16, "a long transfer");
    }

    #[test]
    fn segments_out_of_order_are_not_put_together() {
        let mut side = Side::default();
        assert!(!side.follow(Carried::Segment(u32::MAX - 1), b"abcd"));
        assert_eq!(side.next, Some(2));
        assert!(side.follow(Carried::Segment(u32::MAX - 1), b"abcd"), "a repeat");
        assert!(!side.follow(Carried::Segment(2), b"ef"));
        assert!(!side.follow(Carried::Segment(90), b"gh"), "bytes are missing, it is looked at by itself");
        assert_eq!(side.next, Some(92));
    }
}
