//! Which NAME holds which address of one bus, and what each device already told (ISO 11783-5 clause 4, NMEA 2000 appendix D).
//!
//! Of two NAMEs that want one address the lower wins; the loser moves or sends from 254. Until the holder has had [`ANSWER`] to claim again, a
//! higher NAME does not replace it.

use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use dogwatch_model::CaptureTime;
use foldhash::fast::FixedState;

use super::bits;

/// Sent from by a device that found no address.
pub(super) const NULL_ADDRESS: u8 = 254;
/// How long a holder may take to defend its address (ISO 11783-5: 250 ms).
const ANSWER: Duration = Duration::from_millis(250);
/// A holder silent for this long may have been switched off: two heartbeats (PGN 126993, 60 s).
pub(super) const HELD_FOR: Duration = Duration::from_secs(120);

/// How many [`Topic`]s there are.
const TOPICS: usize = 5;

/// What a device tells about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Product,
    Configuration,
    Ais,
    Component,
    Software,
}

#[derive(Debug, Clone, Copy)]
struct Device {
    name: u64,
    heard: CaptureTime,
    /// A higher NAME that claimed the address, and when.
    contender: Option<(u64, CaptureTime)>,
    /// Hash of what it last told, by [`Topic`].
    told: [u64; TOPICS],
}

/// The devices of one bus, by address.
#[derive(Debug)]
pub(super) struct Devices {
    by_address: Box<[Option<Device>; 254]>,
    known: usize,
    limit: usize,
}

/// What a claim changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Claimed {
    /// The NAME is new at this address.
    pub(super) is_news: bool,
    /// Another NAME that held the address and was heard lately.
    pub(super) previous_name: Option<u64>,
    /// Another address this NAME held.
    pub(super) previous_address: Option<u8>,
    /// The sender has no address.
    pub(super) without_address: bool,
    /// No room to remember it.
    pub(super) full: bool,
}

impl Devices {
    pub(super) fn new(limit: usize) -> Self {
        Self { by_address: Box::new([None; 254]), known: 0, limit: limit.max(1) }
    }

    fn at(&mut self, address: u8) -> Option<&mut Device> {
        self.by_address.get_mut(usize::from(address))?.as_mut()
    }

    /// The NAME that holds an address now. Hearing from it keeps it there.
    #[inline]
    pub(super) fn speaks(&mut self, at: CaptureTime, address: u8) -> Option<u64> {
        let device = self.at(address)?;
        if let Some((name, since)) = device.contender.filter(|(_, since)| at.since(*since) > ANSWER) {
            *device = Device { name, heard: since, contender: None, told: [0; TOPICS] };
        }
        device.heard = at;
        Some(device.name)
    }

    /// Takes an address claim.
    pub(super) fn claim(&mut self, at: CaptureTime, address: u8, name: u64) -> Claimed {
        let mut claimed = Claimed::default();
        let old = self.by_address.iter().position(|device| device.is_some_and(|device| device.name == name));
        claimed.previous_address = old.and_then(|old| u8::try_from(old).ok()).filter(|old| *old != address);
        if address >= NULL_ADDRESS {
            claimed.without_address = true;
            self.vacate(claimed.previous_address);
            return claimed;
        }
        let full = self.known >= self.limit;
        match self.at(address) {
            Some(device) if device.name == name => {
                device.heard = at;
                device.contender = None;
            }
            Some(device) => {
                let held = at.since(device.heard) <= HELD_FOR;
                claimed.previous_name = held.then_some(device.name);
                claimed.is_news = device.contender.is_none_or(|(contender, _)| contender != name);
                if held && name > device.name {
                    device.contender = Some((name, at));
                } else {
                    *device = Device { name, heard: at, contender: None, told: [0; TOPICS] };
                }
            }
            None if full => claimed.full = true,
            None => {
                claimed.is_news = true;
                self.known = self.known.saturating_add(1);
                if let Some(slot) = self.by_address.get_mut(usize::from(address)) {
                    *slot = Some(Device { name, heard: at, contender: None, told: [0; TOPICS] });
                }
            }
        }
        self.vacate(claimed.previous_address);
        claimed
    }

    fn vacate(&mut self, address: Option<u8>) {
        let slot = address.and_then(|address| self.by_address.get_mut(usize::from(address)));
        if let Some(slot) = slot.filter(|slot| slot.is_some()) {
            *slot = None;
            self.known = self.known.saturating_sub(1);
        }
    }

    /// Whether the device at an address tells this for the first time or tells something else than before. A device whose NAME is not
    /// known is always worth hearing.
    pub(super) fn is_news(&mut self, address: u8, topic: Topic, data: &[u8]) -> bool {
        let Some(device) = self.at(address) else { return true };
        let mut hasher = FixedState::default().build_hasher();
        hasher.write(data);
        let hash = hasher.finish() | 1;
        let Some(told) = device.told.get_mut(topic as usize) else { return true };
        let news = *told != hash;
        *told = hash;
        news
    }
}

/// The parts of an ISO 11783-5 NAME.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name(pub u64);

impl Name {
    const fn part(self, shift: u32, bits: usize) -> u64 {
        self.0 >> shift & bits::all_ones(bits)
    }

    /// Identity number, unique among the devices of one manufacturer.
    #[must_use]
    pub const fn unique_number(self) -> u32 {
        let [a, b, c, ..] = self.part(0, 21).to_le_bytes();
        u32::from_le_bytes([a, b, c, 0])
    }

    /// Manufacturer code.
    #[must_use]
    pub const fn manufacturer(self) -> u16 {
        let [low, high, ..] = self.part(21, 11).to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    /// Function code within the device class.
    #[must_use]
    pub const fn function(self) -> u8 {
        self.part(40, 8).to_le_bytes()[0]
    }

    /// Device class.
    #[must_use]
    pub const fn class(self) -> u8 {
        self.part(49, 7).to_le_bytes()[0]
    }

    /// Industry group; 4 is marine.
    #[must_use]
    pub const fn industry(self) -> u8 {
        self.part(60, 3).to_le_bytes()[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: u64 = 100;
    const HIGH: u64 = 200;

    fn at(millis: i64) -> CaptureTime {
        CaptureTime::from_millis(millis)
    }

    #[test]
    fn a_lower_name_takes_an_address_at_once() {
        let mut devices = Devices::new(10);
        assert!(devices.claim(at(0), 7, HIGH).is_news);
        assert_eq!(devices.speaks(at(1), 7), Some(HIGH));
        let claimed = devices.claim(at(2), 7, LOW);
        assert_eq!((claimed.is_news, claimed.previous_name), (true, Some(HIGH)));
        assert_eq!(devices.speaks(at(3), 7), Some(LOW));
    }

    #[test]
    fn a_higher_name_has_to_wait_for_the_holder_to_answer() {
        let mut devices = Devices::new(10);
        devices.claim(at(0), 7, LOW);
        assert_eq!(devices.claim(at(10), 7, HIGH).previous_name, Some(LOW));
        devices.claim(at(50), 7, LOW);
        assert_eq!(devices.speaks(at(1_000), 7), Some(LOW), "it claimed again");
        devices.claim(at(2_000), 7, HIGH);
        assert_eq!(devices.speaks(at(2_100), 7), Some(LOW));
        assert_eq!(devices.speaks(at(2_300), 7), Some(HIGH), "it did not answer");
    }

    #[test]
    fn a_name_holds_one_address() {
        let mut devices = Devices::new(10);
        devices.claim(at(0), 7, LOW);
        assert_eq!(devices.claim(at(1), 9, LOW).previous_address, Some(7));
        assert_eq!((devices.speaks(at(2), 7), devices.speaks(at(2), 9)), (None, Some(LOW)));
        let lost = devices.claim(at(3), NULL_ADDRESS, LOW);
        assert_eq!((lost.without_address, lost.previous_address), (true, Some(9)));
        assert_eq!(devices.speaks(at(4), 9), None);
    }

    #[test]
    fn a_holder_switched_off_long_ago_is_not_robbed() {
        let mut devices = Devices::new(10);
        devices.claim(at(0), 7, LOW);
        assert_eq!(devices.claim(at(200_000), 7, HIGH).previous_name, None);
        assert_eq!(devices.speaks(at(200_001), 7), Some(HIGH));
    }

    #[test]
    fn no_more_devices_than_the_limit() {
        let mut devices = Devices::new(2);
        devices.claim(at(0), 1, 1);
        devices.claim(at(0), 2, 2);
        assert!(devices.claim(at(0), 3, 3).full);
        devices.claim(at(0), NULL_ADDRESS, 1);
        assert!(devices.claim(at(0), 3, 3).is_news, "a place became free");
    }

    #[test]
    fn facts_are_news_once() {
        let mut devices = Devices::new(2);
        devices.claim(at(0), 1, 1);
        assert!(devices.is_news(1, Topic::Product, b"a"));
        assert!(!devices.is_news(1, Topic::Product, b"a"));
        assert!(devices.is_news(1, Topic::Product, b"b"));
        devices.claim(at(1), 1, 0);
        assert!(devices.is_news(1, Topic::Product, b"b"), "another device");
    }

    #[test]
    fn parts_of_a_name() {
        let name = Name(u64::from_le_bytes([0x05, 0xa0, 0xbe, 0x1c, 0x00, 0xa0, 0xa0, 0xc0]));
        assert_eq!((name.unique_number(), name.manufacturer()), (2_007_045, 229));
        assert_eq!((name.class(), name.function(), name.industry()), (80, 160, 4));
    }
}
