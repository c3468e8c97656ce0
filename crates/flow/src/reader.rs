//! What reads one flow: probing until a protocol is recognised, then its dissector.
//!
//! A stream that a dissector does not use up is copied into a rest and offered again with more behind it; as long as nothing is left over,
//! bytes go from the frame to the dissector without a copy.

use dogwatch_dissectors::{Carrier, Chunk, Dissector, Progress};
use dogwatch_model::{Direction, Flow, Initiator, Irregularity};

use crate::catalogue::{Index, Look, Verdict};
use crate::context::{Context, Out, reversed};
use crate::observer::{Carried, Payload};
use crate::rest::Rest;
use crate::side::{Pair, Side};
use crate::stream::Piece;
use crate::trail::{Step, Trail};
use crate::{Counters, Observer};

/// A rest up to here is kept even when all streams together hold too much, so that flows that hoard do not blind us to those that do not.
const SMALL_REST: usize = 1024;

/// Who reads a flow, and who is who in it.
pub(crate) struct Reader {
    /// The end that opened the flow, or was seen first.
    pub(crate) client: Side,
    /// Whether `client` is more than an assumption.
    pub(crate) is_client_known: bool,
    /// Gaps declared, and bytes missing in them.
    pub(crate) gaps: u32,
    pub(crate) lost_bytes: u64,
    state: State,
    gave_up: Option<Index>,
    /// A side that may be speaking a protocol known by several datagrams in a row.
    trail: Option<Box<Trail>>,
}

enum State {
    /// Nobody yet; packets looked at in each direction.
    Probing(Pair<u8>),
    /// A dissector.
    Reading(Index, Box<dyn Dissector>),
    /// Nobody; packets are looked at again now and then.
    Unclassified { packets: u32 },
    /// Nobody, for good: two dissectors gave up.
    Abandoned,
}

impl Reader {
    pub(crate) const fn new(client: Side) -> Self {
        Self {
            client,
            is_client_known: false,
            gaps: 0,
            lost_bytes: 0,
            state: State::Probing(Pair { a: 0, b: 0 }),
            gave_up: None,
            trail: None,
        }
    }

    pub(crate) const fn is_reading(&self) -> bool {
        matches!(self.state, State::Reading(..))
    }

    /// Whether bytes of a stream would be looked at at all.
    pub(crate) const fn wants_stream(&self) -> bool {
        matches!(self.state, State::Reading(..) | State::Probing(_))
    }

    pub(crate) const fn protocol(&self) -> Option<Index> {
        match self.state {
            State::Reading(protocol, _) => Some(protocol),
            _ => None,
        }
    }

    /// Puts what is known of the client into addresses seen from `side`.
    pub(crate) fn mark(&self, flow: &mut Flow, side: Side) {
        flow.initiator = match (self.is_client_known, self.client == side) {
            (false, _) => Initiator::Unknown,
            (true, true) => Initiator::Sender,
            (true, false) => Initiator::Receiver,
        };
    }

    fn direction(&self, side: Side) -> Direction {
        if side == self.client { Direction::ToServer } else { Direction::ToClient }
    }

    /// The addresses, seen from `side`.
    pub(crate) fn flow_from<O>(&self, side: Side, cx: &Context<'_, O>) -> Flow {
        let mut flow = if side == cx.sender { *cx.flow } else { reversed(cx.flow) };
        self.mark(&mut flow, side);
        flow
    }

    /// Shows payload to an observer that wants it.
    #[inline]
    pub(crate) fn show<O: Observer>(&self, side: Side, carried: Carried, bytes: &[u8], cx: &mut Context<'_, O>) {
        if !cx.observer.wants_payload() {
            return;
        }
        let flow = self.flow_from(side, cx);
        let direction = self.direction(side);
        let Context { id, at, frame, is_established, .. } = *cx;
        cx.observer.payload(id, &Payload { at, frame, flow: &flow, direction, is_established, carried, bytes });
    }

    /// Reads one datagram.
    pub(crate) fn datagram<O: Observer>(
        &mut self,
        side: Side,
        bytes: &[u8],
        counters: &mut Counters,
        cx: &mut Context<'_, O>,
    ) {
        self.read_datagram(side, bytes, counters, cx);
        self.show(side, Carried::Datagram, bytes, cx);
    }

    fn read_datagram<O: Observer>(
        &mut self,
        side: Side,
        bytes: &[u8],
        counters: &mut Counters,
        cx: &mut Context<'_, O>,
    ) {
        // At most: the dissector gives up, another one is found, and gives up as well.
        for _ in 0..3 {
            match &mut self.state {
                State::Reading(..) => match self.offer(side, bytes, cx) {
                    Progress::Used(_) => return,
                    Progress::GiveUp => self.give_up(counters, cx),
                },
                State::Probing(tries) => {
                    let tries = tries.of_mut(Side::A);
                    *tries = tries.saturating_add(1);
                    let is_last = *tries >= cx.limits.probe_packets;
                    if self.look(side, bytes, false, cx) == Found::Yes || self.follow(side, bytes, true, cx) {
                        self.open(counters, cx);
                    } else {
                        if is_last {
                            self.leave(counters, cx);
                        }
                        return;
                    }
                }
                State::Unclassified { .. } => {
                    if self.trail.is_some() && self.follow(side, bytes, false, cx) {
                        self.open(counters, cx);
                    } else if !self.look_again(side, bytes, counters, cx) {
                        return;
                    }
                }
                State::Abandoned => return,
            }
        }
    }

    /// Looks at a packet of an unclassified flow, if it is time: often at first, then every so many packets. A flow that was joined in the middle
    /// of a long message, or began with odd packets, is not lost for its whole life, which may be weeks.
    pub(crate) fn look_again<O: Observer>(
        &mut self,
        side: Side,
        bytes: &[u8],
        counters: &mut Counters,
        cx: &mut Context<'_, O>,
    ) -> bool {
        let State::Unclassified { packets } = &mut self.state else { return false };
        *packets = packets.wrapping_add(1);
        let every = cx.limits.probe_again_every;
        let is_time = every > 0 && (packets.is_power_of_two() || packets.checked_rem(every) == Some(0));
        let is_found = is_time
            && (self.look(side, bytes, false, cx) == Found::Yes
                || (cx.carrier == Carrier::Udp && self.trail.is_none() && self.follow(side, bytes, true, cx)));
        if is_found {
            self.open(counters, cx);
        }
        is_found
    }

    /// Reads the next piece of a stream.
    pub(crate) fn stream<O: Observer>(
        &mut self,
        rests: &mut Pair<Rest>,
        side: Side,
        piece: Piece<'_>,
        counters: &mut Counters,
        cx: &mut Context<'_, O>,
    ) {
        match piece {
            Piece::Gap(missing) => self.gap(rests.of_mut(side), side, missing, counters, cx),
            Piece::Waited(bytes, stamp) => {
                let now = (cx.at, cx.frame);
                (cx.at, cx.frame) = (stamp.at, stamp.frame);
                self.stream(rests, side, Piece::Bytes(bytes), counters, cx);
                (cx.at, cx.frame) = now;
            }
            Piece::Altered => {
                cx.observer.irregular(Some(cx.id), cx.at, cx.frame, cx.flow, Irregularity::Altered);
            }
            Piece::Bytes([]) => {}
            Piece::Bytes(bytes) => {
                if self.is_reading() {
                    self.read(rests, side, bytes, counters, cx);
                } else {
                    rests.of_mut(side).push(bytes, cx);
                    self.probe_stream(rests, side, counters, cx);
                }
                self.show(side, Carried::Stream, bytes, cx);
            }
        }
    }

    /// Offers stream bytes to the dissector and keeps what it leaves.
    fn read<O: Observer>(
        &mut self,
        rests: &mut Pair<Rest>,
        side: Side,
        bytes: &[u8],
        counters: &mut Counters,
        cx: &mut Context<'_, O>,
    ) {
        let rest = rests.of_mut(side);
        if rest.bytes.is_empty() {
            match self.offer(side, bytes, cx) {
                Progress::Used(used) if used >= bytes.len() => return,
                Progress::Used(used) => rest.push(bytes.get(used..).unwrap_or(&[]), cx),
                Progress::GiveUp => {
                    rest.push(bytes, cx);
                    self.give_up(counters, cx);
                    return self.probe_stream(rests, side, counters, cx);
                }
            }
        } else {
            rest.push(bytes, cx);
            match self.offer(side, &rest.bytes, cx) {
                Progress::Used(used) => rest.consume(used, cx),
                Progress::GiveUp => {
                    self.give_up(counters, cx);
                    return self.probe_stream(rests, side, counters, cx);
                }
            }
        }
        let left = rest.bytes.len();
        if left > cx.limits.stream_bytes || (left > SMALL_REST && *cx.held > cx.limits.all_stream_bytes) {
            counters.stream_buffer_overflows = counters.stream_buffer_overflows.wrapping_add(1);
            counters.stream_overflow_bytes = counters.stream_overflow_bytes.wrapping_add(left as u64);
            rest.clear(cx);
            let missing = u32::try_from(left).unwrap_or(u32::MAX);
            let direction = self.direction(side);
            if let State::Reading(_, dissector) = &mut self.state {
                dissector.gap(direction, missing);
            }
        }
    }

    /// Looks at what a stream has brought so far.
    fn probe_stream<O: Observer>(
        &mut self,
        rests: &mut Pair<Rest>,
        side: Side,
        counters: &mut Counters,
        cx: &mut Context<'_, O>,
    ) {
        let State::Probing(tries) = &mut self.state else { return rests.clear(cx) };
        let tries = tries.of_mut(side);
        *tries = tries.saturating_add(1);
        let rest = rests.of_mut(side);
        let is_last = *tries >= cx.limits.probe_packets
            || rest.bytes.len() >= cx.limits.probe_bytes
            || *cx.held > cx.limits.all_stream_bytes;
        let head = rest.bytes.get(rest.probe_from..).unwrap_or(&[]);
        match self.look(side, head, !is_last, cx) {
            Found::Yes => {
                rest.consume(rest.probe_from, cx);
                self.open(counters, cx);
                self.read_waiting(rests, side, counters, cx);
            }
            // A stream joined in its middle: its next segment may start with a message.
            Found::No if !is_last => rest.probe_from = rest.bytes.len(),
            Found::More if !is_last => {}
            _ => {
                // The other side may still say something that tells.
                rest.clear(cx);
                if let State::Probing(tries) = &mut self.state {
                    let all = cx.limits.probe_packets;
                    let own = (*tries.of(side)).max(all);
                    *tries.of_mut(side) = own;
                    let other = *tries.of(side.other());
                    if other == 0 || other >= all || own >= all.saturating_mul(2) {
                        self.leave(counters, cx);
                        rests.clear(cx);
                    }
                }
            }
        }
    }

    /// Hands a dissector just opened all that waited for it, the side first that spoke first.
    fn read_waiting<O: Observer>(
        &mut self,
        rests: &mut Pair<Rest>,
        side: Side,
        counters: &mut Counters,
        cx: &mut Context<'_, O>,
    ) {
        let is_other_first = rests.of(side.other()).since < rests.of(side).since;
        let order = if is_other_first { [side.other(), side] } else { [side, side.other()] };
        for side in order {
            let waiting = std::mem::take(&mut rests.of_mut(side).bytes);
            *cx.held = cx.held.saturating_sub(waiting.capacity());
            rests.of_mut(side).probe_from = 0;
            if self.is_reading() && !waiting.is_empty() {
                self.read(rests, side, &waiting, counters, cx);
            }
        }
    }

    fn gap<O: Observer>(
        &mut self,
        rest: &mut Rest,
        side: Side,
        missing: u32,
        counters: &mut Counters,
        cx: &mut Context<'_, O>,
    ) {
        counters.stream_gaps = counters.stream_gaps.wrapping_add(1);
        counters.stream_lost_bytes = counters.stream_lost_bytes.wrapping_add(u64::from(missing));
        self.gaps = self.gaps.saturating_add(1);
        self.lost_bytes = self.lost_bytes.saturating_add(u64::from(missing));
        rest.clear(cx);
        if cx.observer.wants_payload() {
            let flow = self.flow_from(side, cx);
            cx.observer.payload_lost(cx.id, &flow);
        }
        let direction = self.direction(side);
        if let State::Reading(_, dissector) = &mut self.state {
            dissector.gap(direction, missing);
        }
    }

    /// Gives bytes to the dissector.
    fn offer<O: Observer>(&mut self, side: Side, bytes: &[u8], cx: &mut Context<'_, O>) -> Progress {
        let flow = self.flow_from(side, cx);
        let direction = self.direction(side);
        let State::Reading(_, dissector) = &mut self.state else { return Progress::Used(bytes.len()) };
        let chunk = Chunk { at: cx.at, flow: &flow, direction, carrier: cx.carrier, bytes };
        let mut out = Out { observer: &mut *cx.observer, id: cx.id, at: cx.at, frame: cx.frame, flow: &flow };
        match dissector.data(&chunk, &mut out) {
            Progress::Used(used) => Progress::Used(used.min(bytes.len())),
            Progress::GiveUp => Progress::GiveUp,
        }
    }

    /// Asks the catalogue; on a match the state holds the dissector and the client is set.
    fn look<O: Observer>(&mut self, side: Side, head: &[u8], may_wait: bool, cx: &Context<'_, O>) -> Found {
        let flow = self.flow_from(side, cx);
        let verdict = cx.catalogue.recognise(&Look {
            carrier: cx.carrier,
            flow: &flow,
            direction: self.direction(side),
            is_direction_known: self.is_client_known,
            skip: self.gave_up,
            head,
            may_wait,
        });
        let (protocol, direction, by_hint) = match verdict {
            Verdict::Yes { protocol, direction, by_hint } => (protocol, direction, by_hint),
            Verdict::More => return Found::More,
            Verdict::No => return Found::No,
        };
        let Some(dissector) = cx.catalogue.protocol(protocol).map(|found| found.open(&cx.limits.dissector)) else {
            return Found::No;
        };
        self.client = if direction == Direction::ToServer { side } else { side.other() };
        self.is_client_known |= by_hint;
        self.state = State::Reading(protocol, dissector);
        Found::Yes
    }

    /// Follows one side's datagrams, for protocols known by several in a row; on a match the state holds the dissector.
    fn follow<O: Observer>(&mut self, side: Side, bytes: &[u8], may_begin: bool, cx: &Context<'_, O>) -> bool {
        if cx.carrier != Carrier::Udp {
            return false;
        }
        let step = match &mut self.trail {
            Some(trail) => trail.next(side, bytes),
            None if may_begin => {
                self.trail = Trail::begin(cx.catalogue, side, bytes, self.gave_up);
                return false;
            }
            None => return false,
        };
        if step != Step::On {
            self.trail = None;
        }
        let Step::Found(protocol) = step else { return false };
        let Some(found) = cx.catalogue.protocol(protocol) else { return false };
        self.state = State::Reading(protocol, found.open(&cx.limits.dissector));
        true
    }

    /// Tells of a match.
    fn open<O: Observer>(&mut self, counters: &mut Counters, cx: &mut Context<'_, O>) {
        counters.flows_recognised = counters.flows_recognised.wrapping_add(1);
        self.trail = None;
        let name = self.protocol().and_then(|index| cx.catalogue.name(index));
        let flow = self.flow_from(self.client, cx);
        cx.observer.recognised(cx.id, cx.at, cx.frame, &flow, name);
    }

    /// Tells that nobody knows the flow.
    fn leave<O: Observer>(&mut self, counters: &mut Counters, cx: &mut Context<'_, O>) {
        counters.flows_unclassified = counters.flows_unclassified.wrapping_add(1);
        if !matches!(self.state, State::Abandoned) {
            self.state = State::Unclassified { packets: 0 };
        }
        let flow = self.flow_from(self.client, cx);
        cx.observer.recognised(cx.id, cx.at, cx.frame, &flow, None);
    }

    /// The dissector found the flow not to be its own: look once more without it, then no more.
    fn give_up<O: Observer>(&mut self, counters: &mut Counters, cx: &mut Context<'_, O>) {
        counters.dissectors_gave_up = counters.dissectors_gave_up.wrapping_add(1);
        let first = self.gave_up.is_none();
        self.gave_up = self.gave_up.or(self.protocol());
        if first {
            self.state = State::Probing(Pair::default());
        } else {
            self.state = State::Abandoned;
            self.leave(counters, cx);
        }
    }
}

/// What looking came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Yes,
    More,
    No,
}
