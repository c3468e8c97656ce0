//! What surrounds one packet while it is read, and the way of a dissector's messages to the observer.

use dogwatch_dissectors::{Carrier, ParseError, Sink};
use dogwatch_model::{CaptureTime, Event, Flow, Initiator, Message};

use crate::catalogue::Catalogue;
use crate::side::Side;
use crate::{FlowId, Limits, Observer};

/// Everything around one packet (or one tick of time) that reading a flow needs.
pub(crate) struct Context<'a, O> {
    pub(crate) observer: &'a mut O,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) limits: &'a Limits,
    /// Bytes held for all streams.
    pub(crate) held: &'a mut usize,
    pub(crate) id: FlowId,
    pub(crate) at: CaptureTime,
    pub(crate) frame: u64,
    pub(crate) carrier: Carrier,
    /// The addresses, seen from `sender`.
    pub(crate) flow: &'a Flow,
    pub(crate) sender: Side,
    /// Whether both sides have spoken, for TCP whether the connection is open.
    pub(crate) is_established: bool,
}

/// Hands a dissector's messages on with what they were found in.
pub(crate) struct Out<'a, O> {
    pub(crate) observer: &'a mut O,
    pub(crate) id: FlowId,
    pub(crate) at: CaptureTime,
    pub(crate) frame: u64,
    pub(crate) flow: &'a Flow,
}

impl<O: Observer> Sink for Out<'_, O> {
    fn message(&mut self, message: &Message<'_>) {
        self.observer.event(self.id, &Event { at: self.at, frame: self.frame, flow: self.flow, message });
    }

    fn error(&mut self, protocol: &'static str, error: ParseError) {
        self.observer.parse_error(self.id, self.at, self.frame, self.flow, protocol, error);
    }
}

/// The same addresses, seen from the other end, whose time to live is not known.
pub(crate) const fn reversed(flow: &Flow) -> Flow {
    Flow {
        src_mac: flow.dst_mac,
        dst_mac: flow.src_mac,
        src: flow.dst,
        dst: flow.src,
        src_port: flow.dst_port,
        dst_port: flow.src_port,
        ttl: 0,
        initiator: match flow.initiator {
            Initiator::Sender => Initiator::Receiver,
            Initiator::Receiver => Initiator::Sender,
            Initiator::Unknown => Initiator::Unknown,
        },
        ..*flow
    }
}
