//! EtherCAT: datagrams between a master and its slaves, with registers, process data and the mailboxes inside.
//!
//! Reads every datagram with command, address and working counter; state changes, station addresses, memory of identity, clock; CoE objects and
//! FoE files in mailboxes. A frame comes by twice, on its way out and back: what has been through a slave (its source address says so) is the
//! answer. Deliberately not read: process values, EoE, SoE, and whom an identity object belongs to (slaves have no address outside the line).
//!
//! Specification: IEC 61158-4-12 and -6-12 (ETG.1000.4, ETG.1000.6), register names of ETG.1000.4 clause 6.

mod register;

use dogwatch_model::{Act, Object, Verb};

use self::register::{Access, place};
use crate::acts::{Acts, Emit, Shown, Visit};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::{Hex, Text, printable, text};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// EtherCAT.
pub(crate) static ETHERCAT: DatagramProtocol = DatagramProtocol {
    name: "ethercat",
    hints: &[Hint::EtherType(0x88a4), Hint::Udp(34_980)],
    carriers: &[Carrier::Ethernet, Carrier::Udp],
    probe: |head| {
        if datagrams(head).is_ok_and(|list| list.clone().next().is_some() && is_whole(list)) {
            Probe::Yes
        } else {
            Probe::No
        }
    },
    read,
};

/// Datagrams of one frame; 1,500 bytes hold 125 of the shortest.
const MOST: usize = 125;
/// Operations of one frame that are told.
const MOST_TOLD: usize = 16;

/// Commands (ETG.1000.4 table 11).
const fn command_name(command: u8) -> Option<&'static str> {
    Some(match command {
        0 => "nop",
        1 => "aprd",
        2 => "apwr",
        3 => "aprw",
        4 => "fprd",
        5 => "fpwr",
        6 => "fprw",
        7 => "brd",
        8 => "bwr",
        9 => "brw",
        10 => "lrd",
        11 => "lwr",
        12 => "lrw",
        13 => "armw",
        14 => "frmw",
        _ => return None,
    })
}

/// What a command does to memory.
const fn access(command: u8) -> Option<Access> {
    Some(match command {
        1 | 4 | 7 | 10 | 13 | 14 => Access::Read,
        2 | 5 | 8 | 11 => Access::Write,
        3 | 6 | 9 | 12 => Access::Both,
        _ => return None,
    })
}

/// One datagram.
#[derive(Debug, Clone, Copy)]
struct Datagram<'a> {
    command: u8,
    index: u8,
    adp: u16,
    ado: u16,
    data: &'a [u8],
    counter: u16,
    more: bool,
}

impl<'a> Datagram<'a> {
    fn take(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let [command, index] = reader.array()?;
        let (adp, ado, length) = (reader.le16()?, reader.le16()?, reader.le16()?);
        let _interrupt = reader.le16()?;
        let data = reader.take(usize::from(length & 0x07ff))?;
        Ok(Self { command, index, adp, ado, data, counter: reader.le16()?, more: length & 0x8000 != 0 })
    }

    const fn is_logical(&self) -> bool {
        matches!(self.command, 10..=12)
    }

    /// What is done to what.
    fn operation(&self) -> Option<(Verb, Text<80>)> {
        let access = access(self.command)?;
        if self.is_logical() {
            let verb = if access == Access::Read { Verb::Read } else { Verb::Write };
            let address = u32::from(self.ado) << 16 | u32::from(self.adp);
            return Some((verb, text!["process-data ", Hex(address, 8)]));
        }
        if let Some(mailbox) = self.mailbox() {
            return Some(mailbox);
        }
        let (verb, name) = place(self.ado, access, self.data);
        Some((
            verb,
            match self.command {
                // By position in the line, counted from the master down; by configured address; to all.
                1..=3 | 13 => text![name.as_str(), " position ", self.adp.wrapping_neg()],
                4..=6 | 14 => text![name.as_str(), " station ", self.adp],
                _ => text![name.as_str(), " all"],
            },
        ))
    }

    /// A mailbox message in memory above the registers (ETG.1000.6 clause 5.6): length, address, priority, type and count.
    fn mailbox(&self) -> Option<(Verb, Text<80>)> {
        if self.ado < 0x1000 || !matches!(self.command, 1 | 2 | 4 | 5) {
            return None;
        }
        let mut reader = Reader::new("ethercat mailbox", self.data);
        let length = usize::from(reader.le16().ok()?);
        let _address_and_priority = reader.take(3).ok()?;
        let kind = reader.u8().ok()?;
        let mut body = Reader::new("ethercat mailbox", reader.take(length).ok()?);
        if length < 2 || kind & 0x80 != 0 {
            return None;
        }
        match kind & 15 {
            3 => coe(&mut body, self.adp),
            4 => foe(&mut body, self.adp),
            _ => None,
        }
    }
}

/// CANopen over EtherCAT: an object of the dictionary is read or written (clause 5.6.2).
fn coe(body: &mut Reader<'_>, station: u16) -> Option<(Verb, Text<80>)> {
    let service = body.le16().ok()? >> 12;
    let [specifier] = body.array().ok()?;
    let verb = match (service, specifier >> 5) {
        // Requests, then the answers to them.
        (2, 1) | (3, 3) => Verb::Write,
        (2 | 3, 2) => Verb::Read,
        (8, _) => return Some((Verb::Discover, text!["sdo-information station ", station])),
        _ => return None,
    };
    let (index, sub) = (body.le16().ok()?, body.u8().ok()?);
    Some((verb, text!["sdo ", Hex(index, 4), ":", sub, " station ", station]))
}

/// File access over EtherCAT, which is how firmware comes in (clause 5.6.5).
fn foe(body: &mut Reader<'_>, station: u16) -> Option<(Verb, Text<80>)> {
    let operation = body.le16().ok()?;
    let _password = body.le32().ok()?;
    let verb = match operation {
        1 => Verb::Transfer,
        2 => Verb::Program,
        _ => return None,
    };
    let name = printable(body.rest()).unwrap_or("(unnamed)");
    Some((verb, text!["foe ", name, " station ", station]))
}

/// The datagrams of a frame, up to the first that is cut.
fn datagrams(bytes: &[u8]) -> Result<impl Iterator<Item = Datagram<'_>> + Clone, ParseError> {
    const BAD: ParseError =
        ParseError::Malformed { what: "ethercat header", at: 0, why: "type must be 1 and the length fit" };
    let mut reader = Reader::new("ethercat", bytes);
    let header = reader.le16()?;
    let length = usize::from(header & 0x07ff);
    if header >> 12 != 1 || header & 0x0800 != 0 || length < 12 {
        return Err(BAD);
    }
    let mut list = Reader::new("ethercat datagrams", reader.rest().get(..length).ok_or(BAD)?);
    let mut goes_on = true;
    Ok((0..MOST).map_while(move |_| {
        if !goes_on {
            return None;
        }
        let datagram = Datagram::take(&mut list).ok().filter(|datagram| command_name(datagram.command).is_some())?;
        goes_on = datagram.more;
        Some(datagram)
    }))
}

/// Whether the last datagram says that it is the last.
fn is_whole<'a>(list: impl Iterator<Item = Datagram<'a>>) -> bool {
    list.last().is_some_and(|last| !last.more)
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let list = datagrams(chunk.bytes)?;
    // A slave sets the second bit of the source address of a frame that comes through (ETG.1000.4 clause 4.2.2).
    let is_answer = chunk.flow.src_mac.0.first().is_some_and(|first| first & 2 != 0);
    let mut told = [const { None::<(Verb, Text<80>, bool)> }; MOST_TOLD];
    let mut free = told.iter_mut();
    // Changes first: a full frame may hold more than is told.
    for wants_change in [true, false] {
        for datagram in list.clone() {
            let Some((verb, object)) = datagram.operation() else { continue };
            let is_change = !matches!(verb, Verb::Read | Verb::Diagnose | Verb::Discover);
            if is_change == wants_change
                && let Some(slot) = free.next()
            {
                *slot = Some((verb, object, datagram.counter == 0));
            }
        }
    }
    let mut acts = Acts::new();
    for (verb, object, nobody) in told.iter().flatten() {
        let object = Object::Named(object.as_str());
        acts.push(if is_answer {
            // A counter that stayed at zero: no slave took it.
            Act::Reply { verb: *verb, object, refused: *nobody }
        } else {
            Act::Request { verb: *verb, object }
        });
    }
    let fields = Shown(|visit| show(visit, list.clone()));
    emit.plain(if is_answer { "answer" } else { "frame" }, acts.as_slice(), &fields);
    Ok(())
}

fn show<'a>(visit: &mut Visit<'_>, list: impl Iterator<Item = Datagram<'a>>) {
    visit.0.open_list("datagrams");
    for datagram in list {
        visit.0.open_group("");
        visit.coded("cmd", datagram.command, command_name(datagram.command));
        visit.number("idx", datagram.index);
        visit.number("adp", datagram.adp);
        visit.number("ado", datagram.ado);
        visit.number("length", datagram.data.len() as u64);
        visit.number("cnt", datagram.counter);
        visit.0.close();
    }
    visit.0.close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction::ToServer;

    fn frame(datagrams: &str) -> Vec<u8> {
        let body = hex(datagrams);
        let mut bytes = (u16::try_from(body.len()).unwrap() | 0x1000).to_le_bytes().to_vec();
        bytes.extend(body);
        bytes
    }

    #[test]
    fn operations() {
        for (name, datagrams, want) in [
            ("to init", "08 01 0000 2001 0200 0000 0100 0000", "request control al-control init all"),
            ("to boot", "05 01 e903 2001 0200 0000 0300 0000", "request control al-control boot station 1001"),
            ("state", "07 01 0000 3001 0200 0000 0000 0000", "request diagnose al-status all"),
            ("who is third", "01 01 feff 0000 0200 0000 0000 0000", "request discover information position 2"),
            ("address", "02 01 feff 1000 0200 0000 e903 0000", "request program station-address position 2"),
            ("outputs", "0b 01 0000 0001 0200 0000 0000 0000", "request write process-data 0x01000000"),
            ("inputs", "0a 01 0008 0001 0200 0000 0000 0000", "request read process-data 0x01000800"),
            (
                "object written",
                "05 01 e903 0010 1000 0000 0a00 0000 00 13 0020 23 0080 01 05000000 0000",
                "request write sdo 0x8000:1 station 1001",
            ),
            (
                "firmware",
                "05 01 e903 0010 1200 0000 0c00 0000 00 14 0200 00000000 66772e65 6677 0000",
                "request program foe fw.efw station 1001",
            ),
        ] {
            let bytes = frame(datagrams);
            assert_eq!(ETHERCAT.probe(Carrier::Ethernet, ToServer, &bytes), Probe::Yes, "{name}");
            let heard = datagram(&ETHERCAT, Carrier::Udp, 34_980, &bytes);
            assert_eq!(heard.errors, [], "{name}");
            // The test's addresses are local ones, as those of frames that went through a slave are.
            let told = heard.seen[0].acts[0].replace("reply", "request").replace("refusal", "request");
            assert_eq!(told, want, "{name}");
        }
    }

    #[test]
    fn several_datagrams_and_frames_cut_short() {
        let bytes = frame("07 01 0000 3001 0280 0000 0000 0300 0a 00 0000 0001 0400 0000 00000000 0100");
        let heard = datagram(&ETHERCAT, Carrier::Udp, 34_980, &bytes);
        assert_eq!(heard.seen[0].acts, ["reply diagnose al-status all", "reply read process-data 0x01000000"]);
        for end in 0..bytes.len() {
            assert_eq!(ETHERCAT.probe(Carrier::Ethernet, ToServer, &bytes[..end]), Probe::No, "cut at {end}");
        }
    }
}
