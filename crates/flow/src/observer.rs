//! What comes out of the engine, and to whom.

use dogwatch_dissectors::ParseError;
use dogwatch_model::{CaptureTime, Direction, Event, Flow, Irregularity};

use crate::Profile;

/// Names one live flow. Slots are used again after the flow has ended: an observer may keep a `Vec` indexed by [`FlowId::slot`] and clear the
/// place in [`Observer::flow_ended`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl FlowId {
    /// The flow's place in the table, below [`crate::Limits::flows`].
    #[must_use]
    pub const fn slot(self) -> usize {
        self.slot as usize
    }

    /// How often the slot has been used before, wrapping.
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

/// Packets and bytes one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets (fragments count one each).
    pub packets: u64,
    /// Bytes on the wire, link-layer header included.
    pub bytes: u64,
}

/// What was seen of a TCP connection's life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpState {
    /// An opening SYN was seen.
    pub syn: bool,
    /// The other side's SYN was seen.
    pub syn_ack: bool,
    /// The handshake was completed or data flowed.
    pub established: bool,
    /// Both sides said they are done.
    pub closed: bool,
    /// Somebody reset it.
    pub reset: bool,
    /// Only one side was ever seen.
    pub one_sided: bool,
}

/// Why a flow ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// TCP: closed or reset, and quiet since.
    Closed,
    /// Quiet for too long.
    Idle,
    /// Another flow needed the room.
    Evicted,
    /// TCP: the same addresses and ports opened a new connection.
    Reused,
    /// The capture ended.
    Finished,
}

/// One flow, added up.
#[derive(Debug, Clone, Copy)]
pub struct FlowSummary {
    /// The addresses, seen from the initiator where it is known, else from the side that was seen first.
    pub flow: Flow,
    /// The protocol that was recognised.
    pub protocol: Option<&'static str>,
    /// From the side `flow` is seen from to the other.
    pub forward: Traffic,
    /// The other way.
    pub backward: Traffic,
    /// Time of the first packet.
    pub first: CaptureTime,
    /// Time of the packet taken in last; may lie before `first` when the capture clock went back.
    pub last: CaptureTime,
    /// Number of the first frame within its source.
    pub first_frame: u64,
    /// Number of the last frame within its source.
    pub last_frame: u64,
    /// What was seen of the connection; all false for anything but TCP.
    pub tcp: TcpState,
    /// Gaps declared in its streams.
    pub gaps: u32,
    /// Bytes missing in these.
    pub lost_bytes: u64,
    /// Sizes, cadence and randomness of its payloads while nobody recognises it; nothing for a flow that is read.
    pub profile: Profile,
    /// Why it ended; `None` while it lives.
    pub ending: Option<Ending>,
}

/// How payload came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// Whole, by itself.
    Datagram,
    /// In order behind what came before, of a stream that is followed.
    Stream,
    /// As a segment of a stream that nobody reads, with the number of its first byte: not put in order, and perhaps seen before.
    Segment(u32),
}

/// What somebody sent, below what its protocol makes of it.
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a> {
    /// When.
    pub at: CaptureTime,
    /// Frame number within its source.
    pub frame: u64,
    /// The addresses, seen from the sender.
    pub flow: &'a Flow,
    /// To whom; an assumption where the flow does not say who opened it.
    pub direction: Direction,
    /// Whether both sides have spoken, for TCP whether the connection is open.
    pub is_established: bool,
    /// How it came.
    pub carried: Carried,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// Takes what the engine finds. Called in capture order, on the thread that feeds the engine.
pub trait Observer {
    /// A dissector decoded a message.
    fn event(&mut self, id: FlowId, event: &Event<'_>);

    /// The first packet of a new flow of any kind; `flow` is seen from its sender.
    fn flow_started(&mut self, id: FlowId, at: CaptureTime, frame: u64, flow: &Flow) {
        let _ = (id, at, frame, flow);
    }

    /// The other side of a flow spoke for the first time; `flow` is seen from it. Until then nobody has proved to be there.
    fn flow_answered(&mut self, id: FlowId, at: CaptureTime, frame: u64, flow: &Flow) {
        let _ = (id, at, frame, flow);
    }

    /// A TCP handshake was completed or data was seen; `flow` is seen from the initiator where that is known.
    fn flow_established(&mut self, id: FlowId, at: CaptureTime, frame: u64, flow: &Flow) {
        let _ = (id, at, frame, flow);
    }

    /// The protocol was recognised, or `None` when probing ended without a match. Called once, and again only when the finding changes: an
    /// unclassified flow is recognised late, or a dissector gives up. Not called for a flow that ends before it was looked at long enough: its
    /// summary has no protocol. `flow` is seen from the initiator where that is known.
    fn recognised(&mut self, id: FlowId, at: CaptureTime, frame: u64, flow: &Flow, protocol: Option<&'static str>) {
        let _ = (id, at, frame, flow, protocol);
    }

    /// What the flow has moved so far: with a packet, at most once per [`crate::Limits::progress_every`].
    fn flow_progress(&mut self, id: FlowId, summary: &FlowSummary) {
        let _ = (id, summary);
    }

    /// The flow is over; its slot may be used again from now on.
    fn flow_ended(&mut self, id: FlowId, summary: &FlowSummary) {
        let _ = (id, summary);
    }

    /// A dissector could not read something and went on; `at` and `frame` are those of the packet that brought the last of it.
    /// `flow` is seen from its sender.
    fn parse_error(
        &mut self,
        id: FlowId,
        at: CaptureTime,
        frame: u64,
        flow: &Flow,
        protocol: &'static str,
        error: ParseError,
    ) {
        let _ = (id, at, frame, flow, protocol, error);
    }

    /// A packet is not as it should be; `flow` is seen from its sender. Fragments have no flow yet: their ports are 0 until the first one was seen.
    fn irregular(&mut self, id: Option<FlowId>, at: CaptureTime, frame: u64, flow: &Flow, what: Irregularity) {
        let _ = (id, at, frame, flow, what);
    }

    /// Whether [`Observer::payload`] is to be called: nobody else pays for it.
    fn wants_payload(&self) -> bool {
        false
    }

    /// Payload of any flow, after its dissector has read it.
    fn payload(&mut self, id: FlowId, payload: &Payload<'_>) {
        let _ = (id, payload);
    }

    /// Bytes are missing behind the payload shown last of this sender; `flow` is seen from it.
    fn payload_lost(&mut self, id: FlowId, flow: &Flow) {
        let _ = (id, flow);
    }
}
