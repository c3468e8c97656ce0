//! Which side of a conversation speaks: the one that opened it, else the one whose peer holds a well-known port, else the first one seen.

use dogwatch_model::{Direction, Initiator};

use crate::Chunk;

/// Whether the sender of these bytes is the client. `ports` are those servers of this protocol usually hold.
pub(crate) fn from_client(chunk: &Chunk<'_>, ports: &[u16]) -> bool {
    match chunk.flow.initiator {
        Initiator::Sender => return true,
        Initiator::Receiver => return false,
        Initiator::Unknown => {}
    }
    match (ports.contains(&chunk.flow.src_port), ports.contains(&chunk.flow.dst_port)) {
        (true, false) => false,
        (false, true) => true,
        _ => chunk.direction == Direction::ToServer,
    }
}
