//! EtherCAT: datagrams between a master and its slaves, with registers, process data and the mailboxes inside.
//!
//! Reads every datagram with command, address and working counter; state changes, station addresses, clock; the identity of slaves as the master
//! reads it from their memory or their dictionary; CoE objects and FoE files in mailboxes. A frame comes by twice, on its way out and back: what
//! has been through a slave (its source address says so) is the answer. Deliberately not read: process values, EoE, SoE.
//!
//! Specification: IEC 61158-4-12 and -6-12 (ETG.1000.4, ETG.1000.6), register names of ETG.1000.4 clause 6.

mod mailbox;
mod register;
mod slaves;
#[cfg(test)]
mod tests;
mod vendor;

use dogwatch_model::{Act, FactValue, Object, Subject, Verb};

use self::mailbox::Uploaded;
use self::register::{Access, place};
use self::slaves::Slaves;
use crate::acts::{Acts, Emit, Shown, Visit};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Hex, Text, text};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// EtherCAT.
pub(crate) static ETHERCAT: FramedProtocol = FramedProtocol {
    name: "ethercat",
    hints: &[Hint::EtherType(0x88a4), Hint::Udp(34_980)],
    carriers: &[Carrier::Ethernet, Carrier::Udp],
    probe: |_, head| {
        if datagrams(head).is_ok_and(|list| list.clone().next().is_some() && is_whole(list)) {
            Probe::Yes
        } else {
            Probe::No
        }
    },
    frames: |limits| Box::new(Line { slaves: Slaves::new(limits.bus_devices) }),
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

    const fn is_write(&self) -> bool {
        matches!(self.command, 2 | 5 | 8)
    }

    /// The bytes of registers from `address` on, where the datagram holds all of them.
    fn registers<const N: usize>(&self, address: usize) -> Option<&'a [u8; N]> {
        self.data.get(address.checked_sub(usize::from(self.ado))?..)?.first_chunk()
    }

    fn le16(&self, address: usize) -> Option<u16> {
        self.registers(address).map(|bytes| u16::from_le_bytes(*bytes))
    }

    fn le32(&self, address: usize) -> Option<u32> {
        self.registers(address).map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// What is done to what. On the way back the place in the line is only known by the number of slaves.
    fn operation(&self, back: Option<&Slaves>) -> Option<(Verb, Text<80>)> {
        let access = access(self.command)?;
        if self.is_logical() {
            let verb = if access == Access::Read { Verb::Read } else { Verb::Write };
            let address = u32::from(self.ado) << 16 | u32::from(self.adp);
            return Some((verb, text!["process-data ", Hex(address, 8)]));
        }
        let (verb, mut name) = match mailbox::operation(self) {
            Some(mailbox) => mailbox,
            None => place(self.ado, access, self.data),
        };
        match self.command {
            // By position in the line, counted from the master down; by configured address; to all.
            1..=3 | 13 => match back.map_or_else(|| Some(self.adp.wrapping_neg()), |slaves| slaves.place(self.adp)) {
                Some(position) => {
                    name.put(" position ");
                    name.put(position);
                }
                None => name.put(" one"),
            },
            4..=6 | 14 => {
                name.put(" station ");
                name.put(self.adp);
            }
            _ => name.put(" all"),
        }
        Some((verb, name))
    }
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

/// One line of slaves, as frames in one direction show it.
struct Line {
    slaves: Slaves,
}

impl Frames for Line {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        // One frame; what stands behind its datagrams fills it up.
        Frame::whole(bytes.len().max(1))
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let list = datagrams(bytes)?;
        // A slave sets the second bit of the source address of a frame that comes through (ETG.1000.4 clause 4.2.2).
        let is_answer = chunk.flow.src_mac.0.first().is_some_and(|first| first & 2 != 0);
        if is_answer {
            list.clone().for_each(|datagram| self.slaves.came_back(&datagram));
        }
        let told = operations(&list, is_answer.then_some(&self.slaves));
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
        if !is_answer {
            emit.plain("frame", acts.as_slice(), &fields);
            return Ok(());
        }
        // One slave a frame: the others' turn comes with the next ones, of which there are hundreds a second.
        let news = self.slaves.news();
        if let Some(news) = &news {
            news.say(&mut acts);
        }
        if let Some((station, Uploaded::Text(attribute, text, method))) =
            list.clone().find_map(|datagram| texts(&datagram))
        {
            acts.says_about(Subject::Station(station), attribute, FactValue::Text(text), 90, method);
        }
        emit.message("answer", &mut acts, &fields);
        Ok(())
    }
}

/// A text of identity that a slave with a station address handed out.
fn texts<'a>(datagram: &Datagram<'a>) -> Option<(u16, Uploaded<'a>)> {
    if datagram.command != 4 || datagram.counter == 0 {
        return None;
    }
    let uploaded = mailbox::uploaded(datagram).filter(|uploaded| matches!(uploaded, Uploaded::Text(..)))?;
    Some((datagram.adp, uploaded))
}

/// What is done, to what, and whether nobody took it.
type Operation = (Verb, Text<80>, bool);

/// The operations of a frame, changes first: a full frame may hold more than is told.
fn operations<'a>(
    list: &(impl Iterator<Item = Datagram<'a>> + Clone),
    back: Option<&Slaves>,
) -> [Option<Operation>; MOST_TOLD] {
    let mut told = [const { None }; MOST_TOLD];
    let mut free = told.iter_mut();
    for wants_change in [true, false] {
        for datagram in list.clone() {
            let Some((verb, object)) = datagram.operation(back) else { continue };
            let is_change = !matches!(verb, Verb::Read | Verb::Diagnose | Verb::Discover);
            if is_change == wants_change
                && let Some(slot) = free.next()
            {
                *slot = Some((verb, object, datagram.counter == 0));
            }
        }
    }
    told
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
