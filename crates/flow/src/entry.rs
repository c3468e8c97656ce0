//! One flow: addresses, totals, and what reads it.

use dogwatch_dissectors::Carrier;
use dogwatch_model::{CaptureTime, Flow, SourceId, Transport};

use crate::catalogue::Catalogue;
use crate::context::{Context, reversed};
use crate::key::Key;
use crate::observer::{Carried, Ending, FlowSummary, TcpState, Traffic};
use crate::profile::{Growing, Profile};
use crate::reader::Reader;
use crate::rest::Rest;
use crate::side::{Pair, Side};
use crate::stream::{Data, Half, Piece, Stamp};
use crate::tcp::{Connection, Segment};
use crate::{Counters, FlowId, Observer};

/// Packets after which even a one-way flow counts as more than noise.
const PROVEN_PACKETS: u64 = 16;

/// A flow in the table. The order is that of use: what every packet touches stands together in the first lines of the cache.
#[repr(C)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) id: FlowId,
    first_side: Side,
    pub(crate) carrier: Carrier,
    pub(crate) traffic: Pair<Traffic>,
    pub(crate) last: CaptureTime,
    /// From when its quiet time counts; differs from `last` after the clock went back.
    pub(crate) quiet_since: CaptureTime,
    pub(crate) last_frame: u64,
    /// When progress was told last.
    pub(crate) told: CaptureTime,
    pub(crate) stream: Option<Box<Stream>>,
    pub(crate) reader: Reader,
    pub(crate) connection: Connection,
    /// Only flows with payload that nobody has recognised have one.
    profile: Option<Box<Growing>>,
    /// The addresses, seen from `first_side`.
    flow: Flow,
    pub(crate) first: CaptureTime,
    pub(crate) first_frame: u64,
}

/// What a stream holds: only flows whose bytes are looked at have one.
#[derive(Default)]
pub(crate) struct Stream {
    halves: Pair<Half>,
    rests: Pair<Rest>,
}

impl Stream {
    fn capacity(&self) -> usize {
        self.rests.a.capacity().saturating_add(self.rests.b.capacity())
    }

    fn cost(&self) -> usize {
        self.halves.a.cost().saturating_add(self.halves.b.cost())
    }
}

/// How likely a flow is missed when it is let go: the first kind goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worth {
    /// A few packets one way.
    Unproven,
    /// Traffic both ways, or much of it.
    Proven,
    /// A dissector reads it.
    Read,
}

impl Entry {
    pub(crate) fn new(
        key: Key,
        id: FlowId,
        flow: Flow,
        side: Side,
        carrier: Carrier,
        at: CaptureTime,
        frame: u64,
    ) -> Self {
        Self {
            key,
            id,
            flow,
            first_side: side,
            carrier,
            traffic: Pair::default(),
            first: at,
            last: at,
            quiet_since: at,
            told: at,
            first_frame: frame,
            last_frame: frame,
            connection: Connection::default(),
            reader: Reader::new(side),
            stream: None,
            profile: None,
        }
    }

    /// Takes a payload into the profile, unless a dissector reads the flow.
    pub(crate) fn profile(&mut self, at: CaptureTime, payload: &[u8]) {
        if !payload.is_empty() && !self.reader.is_reading() {
            self.profile.get_or_insert_default().note(at, payload);
        }
    }

    /// The addresses, seen from `side`.
    pub(crate) fn flow_from(&self, side: Side) -> Flow {
        let mut flow = if side == self.first_side { self.flow } else { reversed(&self.flow) };
        self.reader.mark(&mut flow, side);
        flow
    }

    pub(crate) const fn source(&self) -> SourceId {
        self.flow.source
    }

    pub(crate) const fn first_side(&self) -> Side {
        self.first_side
    }

    pub(crate) const fn is_tcp(&self) -> bool {
        matches!(self.flow.transport, Transport::Tcp)
    }

    /// Whether the flow is all that one CAN bus or serial line carries.
    pub(crate) const fn is_wire(&self) -> bool {
        matches!(self.flow.transport, Transport::Can | Transport::Serial)
    }

    /// Counts a packet in.
    pub(crate) const fn count(&mut self, side: Side, traffic: Traffic, at: CaptureTime, frame: u64) {
        let total = self.traffic.of_mut(side);
        total.packets = total.packets.saturating_add(traffic.packets);
        total.bytes = total.bytes.saturating_add(traffic.bytes);
        self.last = at;
        self.quiet_since = at;
        self.last_frame = frame;
    }

    /// Whether both sides have spoken, for TCP whether the connection is open.
    pub(crate) const fn is_established(&self) -> bool {
        if self.is_tcp() {
            self.connection.is_established
        } else {
            self.traffic.a.packets > 0 && self.traffic.b.packets > 0
        }
    }

    pub(crate) const fn worth(&self) -> Worth {
        if self.reader.is_reading() {
            return Worth::Read;
        }
        let (a, b) = (self.traffic.a.packets, self.traffic.b.packets);
        if (a > 0 && b > 0) || a >= PROVEN_PACKETS || b >= PROVEN_PACKETS { Worth::Proven } else { Worth::Unproven }
    }

    /// The flow, added up.
    pub(crate) fn summary(&self, catalogue: &Catalogue, ending: Option<Ending>) -> FlowSummary {
        let client = self.reader.client;
        let is_one_sided = self.traffic.a.packets == 0 || self.traffic.b.packets == 0;
        let tcp = TcpState {
            syn: self.connection.has_syn,
            syn_ack: self.connection.has_syn_ack,
            established: self.connection.is_established,
            closed: self.connection.is_closed(),
            reset: self.connection.is_reset,
            one_sided: is_one_sided && self.is_tcp(),
        };
        FlowSummary {
            flow: self.flow_from(client),
            protocol: self.reader.protocol().and_then(|index| catalogue.name(index)),
            forward: *self.traffic.of(client),
            backward: *self.traffic.of(client.other()),
            first: self.first,
            last: self.last,
            first_frame: self.first_frame,
            last_frame: self.last_frame,
            tcp,
            gaps: self.reader.gaps,
            lost_bytes: self.reader.lost_bytes,
            profile: match &self.profile {
                Some(growing) if !self.reader.is_reading() => growing.sums,
                _ => Profile::default(),
            },
            ending,
        }
    }

    /// Takes in the data of a TCP segment and what it acknowledges.
    pub(crate) fn segment<O: Observer>(
        &mut self,
        side: Side,
        segment: &Segment<'_>,
        counters: &mut Counters,
        cx: &mut Context<'_, O>,
    ) {
        if !self.reader.wants_stream() {
            self.drop_stream(cx.held);
            if segment.payload.is_empty() {
                return;
            }
            if !self.reader.look_again(side, segment.payload, counters, cx) {
                self.reader.show(side, Carried::Segment(segment.first_byte()), segment.payload, cx);
                return;
            }
            // The stream is joined here, whatever its first bytes were.
            self.stream = Some(Box::default());
        }
        if segment.has_data() {
            let connection = &self.connection;
            self.stream.get_or_insert_with(|| Box::new(started(connection)));
        }
        let Some(stream) = self.stream.as_deref_mut() else { return };
        let Stream { halves, rests } = stream;
        let reader = &mut self.reader;
        // First what the other side is now known to have sent: a reply would else come out before the request it acknowledges.
        if let Some(ack) = segment.ack {
            let half = halves.of_mut(side.other());
            let before = half.cost();
            half.acknowledged(ack, cx.at, counters, |piece, counters| {
                reader.stream(rests, side.other(), piece, counters, cx);
            });
            *cx.held = cx.held.saturating_sub(before).saturating_add(half.cost());
        }
        if segment.has_data() {
            let stamp = Stamp { at: cx.at, frame: cx.frame };
            let data = Data { stamp, seq: segment.first_byte(), bytes: segment.payload, missing: segment.missing };
            let half = halves.of_mut(side);
            let before = half.cost();
            let room = cx.limits.all_stream_bytes.saturating_sub(cx.held.saturating_sub(before));
            half.segment(data, cx.at, room, cx.limits, counters, |piece, counters| {
                reader.stream(rests, side, piece, counters, cx);
            });
            *cx.held = cx.held.saturating_sub(before).saturating_add(half.cost());
        }
        if segment.rst || self.connection.is_closed() {
            self.flush(counters, cx);
        }
        if !self.reader.wants_stream() {
            self.drop_stream(cx.held);
        }
    }

    /// Takes in bytes of a serial line.
    pub(crate) fn serial<O: Observer>(
        &mut self,
        side: Side,
        bytes: &[u8],
        counters: &mut Counters,
        cx: &mut Context<'_, O>,
    ) {
        // a line that began with noise, or spoke at another speed, is not lost for its whole life
        if self.reader.wants_stream() || self.reader.look_again(side, bytes, counters, cx) {
            let stream = self.stream.get_or_insert_default();
            self.reader.stream(&mut stream.rests, side, Piece::Bytes(bytes), counters, cx);
        }
        if !self.reader.wants_stream() {
            self.drop_stream(cx.held);
        }
    }

    /// Whether a stream holds bytes that wait for others: time and endings mean nothing to any other.
    #[inline]
    pub(crate) fn waits(&self) -> bool {
        self.stream.as_deref().is_some_and(|stream| stream.cost() > 0)
    }

    /// Lets time pass in its streams.
    pub(crate) fn tick<O: Observer>(&mut self, counters: &mut Counters, cx: &mut Context<'_, O>) {
        self.each_half(cx, |half, at, limits, out| half.tick(at, limits, counters, out));
    }

    /// Nothing missing will come any more.
    pub(crate) fn flush<O: Observer>(&mut self, counters: &mut Counters, cx: &mut Context<'_, O>) {
        self.each_half(cx, |half, _, _, out| half.flush(counters, out));
    }

    fn each_half<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        mut what: impl FnMut(&mut Half, CaptureTime, &crate::Limits, &mut dyn FnMut(Piece<'_>, &mut Counters)),
    ) {
        let Some(Stream { halves, rests }) = self.stream.as_deref_mut() else { return };
        let (at, limits) = (cx.at, cx.limits);
        for side in [Side::A, Side::B] {
            let half = halves.of_mut(side);
            let before = half.cost();
            if before == 0 {
                continue;
            }
            what(half, at, limits, &mut |piece, counters| self.reader.stream(rests, side, piece, counters, cx));
            *cx.held = cx.held.saturating_sub(before).saturating_add(half.cost());
        }
    }

    /// Frees what its streams hold.
    pub(crate) fn drop_stream(&mut self, held: &mut usize) {
        if let Some(stream) = self.stream.take() {
            *held = held.saturating_sub(stream.capacity()).saturating_sub(stream.cost());
        }
    }
}

fn started(connection: &Connection) -> Stream {
    let mut stream = Stream::default();
    for side in [Side::A, Side::B] {
        if let Some(first) = connection.first_byte(side) {
            stream.halves.of_mut(side).start(first);
        }
    }
    stream
}
