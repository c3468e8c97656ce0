//! PROFINET RT: cyclic process data, alarms and clock frames, told by frame id and trailer only.
//!
//! Deliberately not read: process data (it has no layout of its own; the connection gives it one), alarm contents.
//!
//! Specification: IEC 61158-6-10 clause 4.7 (frame ids, APDU status).

use dogwatch_model::{Act, Object};

use super::dcp;
use crate::acts::{Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// The name under which RT frames are told.
pub(super) const NAME: &str = "profinet-rt";

/// PROFINET RT.
pub(crate) static PROFINET_RT: DatagramProtocol = DatagramProtocol {
    name: NAME,
    hints: &[Hint::EtherType(dcp::ETHER_TYPE)],
    carriers: &[Carrier::Ethernet],
    probe: |head| match head.first_chunk() {
        Some(id) if is_whole(u16::from_be_bytes(*id), head) => Probe::Yes,
        _ => Probe::No,
    },
    read: |chunk, emit| {
        if dcp::is_dcp(chunk.bytes) {
            return dcp::read(chunk, &mut emit.under(dcp::NAME));
        }
        read(chunk, emit)
    },
};

/// What a frame id says (table of FrameID ranges); `None` for ids that are reserved or DCP's.
const fn kind(frame_id: u16) -> Option<&'static str> {
    Some(match frame_id {
        0x0020 | 0x0021 | 0x0080 | 0x0081 | 0xff00 | 0xff01 | 0xff20..=0xff22 | 0xff40..=0xff43 => "clock",
        0x0100..=0x0fff => "cyclic-class-3",
        0x8000..=0xbfff => "cyclic-class-2",
        0xc000..=0xfbff => "cyclic-class-1",
        0xfc01 => "alarm-high",
        0xfe01 => "alarm-low",
        _ => return None,
    })
}

const fn is_cyclic(frame_id: u16) -> bool {
    matches!(frame_id, 0x0100..=0x0fff | 0x8000..=0xfbff)
}

/// Cycle counter, data status and transfer status at the end of a cyclic frame.
fn trailer(bytes: &[u8]) -> Option<(u16, u8, u8)> {
    let [c0, c1, data, transfer] = bytes.last_chunk::<4>()?;
    Some((u16::from_be_bytes([*c0, *c1]), *data, *transfer))
}

/// Whether a frame can only be one of ours: a known id, and for cyclic data the least length and a trailer without reserved bits.
fn is_whole(frame_id: u16, bytes: &[u8]) -> bool {
    match (kind(frame_id), is_cyclic(frame_id)) {
        (Some("alarm-high" | "alarm-low"), _) => {
            // Endpoints, PDU type and version 1, a window and sequence numbers (clause 4.8).
            matches!(bytes, [_, _, _, _, _, _, kind, ..] if bytes.len() >= 14 && kind >> 4 == 1 && matches!(kind & 15, 1..=4))
        }
        (Some("clock"), _) => bytes.len() >= 40,
        (Some(_), true) => {
            // Frames are filled up to 40 bytes of data; the transfer status is always 0, bits 1, 3 and 6 of the data status are reserved,
            // and data is either valid or the provider stopped.
            bytes.len() >= 46
                && trailer(bytes)
                    .is_some_and(|(_, data, transfer)| transfer == 0 && data & 0x4a == 0 && data & 0x20 != 0)
        }
        _ => false,
    }
}

/// Reads one frame.
pub(super) fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let frame_id = Reader::new("profinet frame id", chunk.bytes).be16()?;
    let Some(kind) = kind(frame_id) else {
        return Err(ParseError::Malformed { what: "profinet frame id", at: 0, why: "reserved" });
    };
    let trailer = trailer(chunk.bytes).filter(|_| is_cyclic(frame_id));
    let fields = Shown(|visit| {
        visit.number("frame_id", frame_id);
        if let Some((cycle, data, transfer)) = trailer {
            visit.number("cycle_counter", cycle);
            visit.number("data_status", data);
            visit.number("transfer_status", transfer);
            visit.flag("run", data & 0x10 != 0);
            visit.flag("problem", data & 0x20 == 0);
        }
    });
    emit.plain(kind, &[Act::Publishes { object: Object::Named(kind) }], &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, datagram, hex};
    use dogwatch_model::Direction::ToServer;

    fn cyclic(id: &str, status: &str) -> Vec<u8> {
        hex(&format!("{id} {} 1234 {status}", "80".repeat(40)))
    }

    #[test]
    fn frames_by_their_id() {
        for (name, bytes, want) in [
            ("class 1", cyclic("c000", "3500"), "publishes cyclic-class-1"),
            ("class 3", cyclic("0101", "3500"), "publishes cyclic-class-3"),
            ("alarm", hex("fe01 0001 0001 11 01 ffff fffe 0000 00000000"), "publishes alarm-low"),
        ] {
            assert_eq!(PROFINET_RT.probe(Carrier::Ethernet, ToServer, &bytes), Probe::Yes, "{name}");
            assert_eq!(datagram(&PROFINET_RT, Carrier::Ethernet, 0, &bytes).seen[0].acts, [want], "{name}");
        }
        for (name, bytes) in [
            ("transfer status", cyclic("c000", "3501")),
            ("reserved bit", cyclic("c000", "7500")),
            ("reserved id", cyclic("2000", "3500")),
            ("short", hex("c000 1234 3500")),
        ] {
            assert_eq!(PROFINET_RT.probe(Carrier::Ethernet, ToServer, &bytes), Probe::No, "{name}");
        }
    }

    #[test]
    fn discovery_between_cyclic_frames_keeps_its_name() {
        let mut conversation = Conversation::new(&PROFINET_RT, Carrier::Ethernet, 0);
        conversation.send(ToServer, &cyclic("c000", "3500"));
        conversation.send(ToServer, &hex("fefd 04 00 01000002 0000 000a 0202 0006 0001 706c6331"));
        let names: Vec<&str> = conversation.heard.seen.iter().map(|seen| seen.protocol).collect();
        assert_eq!(names, ["profinet-rt", "profinet-dcp"]);
    }
}
