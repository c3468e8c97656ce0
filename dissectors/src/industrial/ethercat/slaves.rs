//! What a line's slaves tell of themselves when the master asks: their memory of identity and the objects that repeat it.
//!
//! A slave is known by the station address the master gave it. Before that it is known by its place in the line alone, so what was read by place
//! waits until the address is set. Deliberately not kept: names out of the memory's string table, which would have to be put together from many
//! reads; the state of slaves, which is no property of theirs.
//!
//! Specification: ETG.1000.4 clause 6.4 (access to the memory, registers 0x0500 to 0x050f); ETG.1000.6 table 16 (words 8 to 15 of the memory) and
//! clause 5.6.7.4 (objects 0x1008 to 0x100a and 0x1018).

use dogwatch_model::{Attribute, FactValue, Subject};

use super::Datagram;
use super::mailbox::{self, Uploaded};
use super::vendor::maker;
use crate::acts::Acts;
use crate::text::Text;

/// First register of a slave's access to its memory of identity: control and status.
const CONTROL: usize = 0x0502;
/// The word address in it.
const ADDRESS: usize = 0x0504;
/// What was read.
const DATA: usize = 0x0508;
/// First word of the identity, two words for each of its numbers.
const IDENTITY: u32 = 8;

/// Of whom a datagram is, as far as an address tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// What the place in the line has become on the way back: the same number for the same slave as long as the line is the same.
    Place(u16),
    Station(u16),
}

/// The four numbers of an identity, in the order of the memory and of object 0x1018.
type Identity = [Option<u32>; 4];

/// One slave.
#[derive(Debug, Clone, Copy, Default)]
struct Slave {
    place: Option<u16>,
    station: Option<u16>,
    /// The word of memory the master asked for last, and whether eight bytes come at once.
    asked: Option<u32>,
    is_wide: bool,
    known: Identity,
    /// Whether something is known that was not told.
    is_news: bool,
}

/// The slaves of a line as frames on their way back show them. Addresses come from the wire, so there is a limit; the oldest goes first.
pub(super) struct Slaves {
    list: Vec<Slave>,
    limit: usize,
    /// How many slaves a frame to all went through.
    count: Option<u16>,
    /// Whether there may be something to tell: most frames of a line only move process data.
    is_news: bool,
}

impl Slaves {
    pub(super) const fn new(limit: usize) -> Self {
        Self { list: Vec::new(), limit, count: None, is_news: false }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The place in the line, counted from 0, by what the address has become on its way: every slave adds one.
    pub(super) fn place(&self, address: u16) -> Option<u16> {
        self.count.and_then(|count| count.checked_sub(address))
    }

    /// Takes note of a datagram that came back.
    pub(super) fn came_back(&mut self, datagram: &Datagram<'_>) {
        if matches!(datagram.command, 7..=9) {
            // Another number of slaves makes other numbers of the same places.
            if self.count != Some(datagram.adp) {
                self.count = Some(datagram.adp);
                self.list.iter_mut().for_each(|slave| slave.place = None);
                self.list.retain(|slave| slave.station.is_some());
            }
            return;
        }
        let key = match datagram.command {
            1..=3 => Key::Place(datagram.adp),
            4..=6 => Key::Station(datagram.adp),
            _ => return,
        };
        // A slave counts what it read and what it wrote; a counter that stayed at zero means that nobody did.
        if datagram.counter == 0 {
            return;
        }
        let first = usize::from(datagram.ado);
        let behind = first.saturating_add(datagram.data.len());
        if first <= 0x0010 && behind >= 0x0012 {
            if let (Key::Place(place), Some(station)) = (key, datagram.le16(0x0010)) {
                self.addressed(place, station);
            }
        } else if first < 0x0510 && behind > CONTROL {
            self.memory(key, datagram);
        } else if let Some(Uploaded::Identity(first, values)) = mailbox::uploaded(datagram) {
            let slave = self.slave(key);
            values.into_iter().enumerate().for_each(|(at, value)| slave.learn(first.saturating_add(at), value));
        }
    }

    /// The slave at this place answers to this station address from now on, and nobody else does.
    fn addressed(&mut self, place: u16, station: u16) {
        if station == 0 {
            return;
        }
        self.list.retain(|slave| slave.station != Some(station) || slave.place.is_none_or(|known| known == place));
        if let Some(at) = self.list.iter().position(|slave| slave.place.is_none() && slave.station == Some(station)) {
            // Known by its address already; what was read by place joins it.
            let earlier = self.list.remove(at);
            let slave = self.slave(Key::Place(place));
            for (own, known) in slave.known.iter_mut().zip(earlier.known) {
                *own = own.or(known);
            }
        }
        let slave = self.slave(Key::Place(place));
        slave.is_news |= slave.station != Some(station);
        slave.station = Some(station);
    }

    /// A read or write of the access to memory. The master writes which word it wants, and fetches it when the slave is no longer busy.
    fn memory(&mut self, key: Key, datagram: &Datagram<'_>) {
        let slave = self.slave(key);
        let control = datagram.le16(CONTROL);
        if datagram.is_write() {
            let address = datagram.le32(ADDRESS).or_else(|| datagram.le16(ADDRESS).map(u32::from));
            if let Some(address) = address {
                slave.asked = Some(address);
            }
            // Only the read command brings words (bits 8 to 10: 1 reads, 2 writes, 4 loads again).
            if control.is_some_and(|control| control & 0x0700 != 0x0100) {
                slave.asked = None;
            }
            return;
        }
        if let Some(status) = control {
            slave.is_wide = status & 0x0040 != 0;
            // Busy, or the command was not acknowledged: there is nothing to fetch yet, or nothing at all.
            if status & 0xa000 != 0 {
                return;
            }
        }
        let address = datagram.le32(ADDRESS).or(slave.asked);
        let Some(address) = address else { return };
        for (at, words) in [(DATA, 0), (DATA.saturating_add(4), 2)] {
            if at > DATA && !slave.is_wide {
                break;
            }
            let Some(value) = datagram.le32(at) else { break };
            let word = address.saturating_add(words);
            // A read that begins in the middle of a number would need two to make one; masters read whole numbers.
            if let Some(index) = word.checked_sub(IDENTITY).filter(|offset| offset % 2 == 0) {
                slave.learn(usize::try_from(index / 2).unwrap_or(usize::MAX), value);
            }
        }
    }

    /// The slave behind a key, a new one where it was not known.
    fn slave(&mut self, key: Key) -> &mut Slave {
        self.is_news = true;
        let found = self.list.iter().position(|slave| match key {
            Key::Place(place) => slave.place == Some(place),
            Key::Station(station) => slave.station == Some(station),
        });
        let at = found.unwrap_or_else(|| {
            if self.list.len() >= self.limit.max(1) {
                self.list.remove(0);
            }
            self.list.push(match key {
                Key::Place(place) => Slave { place: Some(place), ..Slave::default() },
                Key::Station(station) => Slave { station: Some(station), is_news: true, ..Slave::default() },
            });
            self.list.len().saturating_sub(1)
        });
        #[expect(clippy::indexing_slicing, reason = "found in the list, or put at its end just now")]
        &mut self.list[at]
    }

    /// The next slave of whom something is to be told.
    pub(super) fn news(&mut self) -> Option<Told> {
        if !self.is_news {
            return None;
        }
        let slave = self.list.iter_mut().find(|slave| slave.is_news && slave.station.is_some());
        self.is_news = slave.is_some();
        let slave = slave?;
        slave.is_news = false;
        Told::of(slave)
    }
}

impl Slave {
    /// One of the four numbers. Nothing and all ones stand for "not set".
    fn learn(&mut self, index: usize, value: u32) {
        if let Some(known) = self.known.get_mut(index)
            && !matches!(value, 0 | u32::MAX)
            && *known != Some(value)
        {
            *known = Some(value);
            self.is_news = true;
        }
    }
}

/// What is told of a slave, with its texts.
pub(super) struct Told {
    station: u16,
    address: Text<8>,
    maker: Option<&'static str>,
    numbers: [Option<Text<12>>; 4],
}

impl Told {
    fn of(slave: &Slave) -> Option<Self> {
        let station = slave.station?;
        Some(Self {
            station,
            address: Text::of(format_args!("{station}")),
            maker: slave.known.first().copied().flatten().and_then(maker),
            numbers: slave.known.map(|number| number.map(|number| Text::of(format_args!("{number:#010x}")))),
        })
    }

    /// Puts it among the acts of a message.
    pub(super) fn say<'a>(&'a self, acts: &mut Acts<'a>) {
        const METHOD: &str = "ethercat.identity";
        let about = Subject::Station(self.station);
        let mut say = |attribute, text| acts.says_about(about, attribute, FactValue::Text(text), 90, METHOD);
        say(Attribute::StationAddress, self.address.as_str());
        if let Some(maker) = self.maker {
            say(Attribute::Manufacturer, maker);
        }
        let attributes = [Attribute::VendorId, Attribute::ProductCode, Attribute::HwRevision, Attribute::SerialNumber];
        for (attribute, number) in attributes.into_iter().zip(&self.numbers) {
            if let Some(number) = number {
                say(attribute, number.as_str());
            }
        }
    }
}
