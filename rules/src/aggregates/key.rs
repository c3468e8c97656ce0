//! What makes two observations the same aggregate: who, to whom, over what, doing what. Plain copyable values, since one is made for every event.

use std::fmt;

use dogwatch_model::{Mac, Sfi, Table, Transport, Verb};
use serde::{Deserialize, Serialize};

use crate::seen::Identity;

/// A short word kept in place: a protocol's name, a sentence. Longer ones are cut; none of ours is longer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct Word([u8; 24]);

impl Word {
    /// The word of these parts, one behind the other.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        let mut bytes = [0; 24];
        let whole = parts.iter().flat_map(|part| part.bytes());
        for (slot, byte) in bytes.iter_mut().zip(whole) {
            *slot = if byte.is_ascii_graphic() { byte } else { b'?' };
        }
        Self(bytes)
    }

    /// The word as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        self.0.get(..end).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

impl From<Word> for String {
    fn from(word: Word) -> Self {
        word.as_str().to_owned()
    }
}

impl From<String> for Word {
    fn from(text: String) -> Self {
        Self::of(&[&text])
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// What carries it, with the port of the side that is asked. The port is 0 where the protocol is known: the policy knows it by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// TCP.
    Tcp(u16),
    /// UDP.
    Udp(u16),
    /// Another IP protocol.
    Ip(u8),
    /// An Ethernet frame.
    Ethernet(u16),
    /// A CAN bus.
    Can,
    /// A serial line.
    Serial,
}

impl Carrier {
    /// The carrier of a flow.
    #[must_use]
    pub const fn of(transport: Transport, port: u16) -> Self {
        match transport {
            Transport::Tcp => Self::Tcp(port),
            Transport::Udp => Self::Udp(port),
            Transport::Ip(number) => Self::Ip(number),
            Transport::Ethernet(kind) => Self::Ethernet(kind),
            Transport::Can => Self::Can,
            Transport::Serial => Self::Serial,
        }
    }

    /// Transport and port, as the judge of the policy asks for them.
    #[must_use]
    pub const fn transport(self) -> (Transport, u16) {
        match self {
            Self::Tcp(port) => (Transport::Tcp, port),
            Self::Udp(port) => (Transport::Udp, port),
            Self::Ip(number) => (Transport::Ip(number), 0),
            Self::Ethernet(kind) => (Transport::Ethernet(kind), 0),
            Self::Can => (Transport::Can, 0),
            Self::Serial => (Transport::Serial, 0),
        }
    }
}

/// One end. Ashore and in zones that nobody trusts single hosts are not told apart: there are thousands, and the policy speaks of the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Host {
    /// Anybody of the zone.
    Any,
    /// One device.
    One(Identity),
}

impl Host {
    /// The device, when it is one.
    #[must_use]
    pub const fn identity(self) -> Option<Identity> {
        match self {
            Self::Any => None,
            Self::One(identity) => Some(identity),
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// The two talked.
    Talks,
    /// One asked something of the other.
    Asks {
        /// The operation.
        verb: Verb,
        /// Unit behind a gateway.
        unit: Option<u8>,
        /// Table of registers.
        table: Option<Table>,
    },
    /// It sent a sentence.
    Says {
        /// Function id of the TAG block.
        sfi: Option<Sfi>,
        /// Talker id.
        talker: Word,
        /// Formatter.
        formatter: Word,
    },
    /// It sent a parameter group.
    Sends {
        /// Its number.
        pgn: u32,
    },
}

/// What makes it one aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Who.
    pub from: Host,
    /// To whom; nobody in particular for what is published.
    pub to: Host,
    /// Zone of who asks, by its place in the list of zones that is kept beside; separate networks use the same addresses.
    pub from_zone: u16,
    /// Zone of who is asked.
    pub to_zone: u16,
    /// The protocol, empty when none was recognised.
    pub protocol: Word,
    /// What carries it.
    pub carrier: Carrier,
    /// What was done.
    pub what: What,
}

/// An end that published to whoever listens.
pub(super) const NOBODY: Host = Host::One(Identity::Mac(Mac::NONE));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_from_the_wire_are_cut_and_cleaned() {
        assert_eq!(Word::of(&["iec61162-450"]).as_str(), "iec61162-450");
        assert_eq!(Word::of(&["a\u{7}", "é"]).as_str(), "a???");
        assert_eq!(Word::of(&["123456789012345678901234567"]).as_str().len(), 24);
        let word = Word::of(&["GGA"]);
        assert_eq!(serde_json::from_str::<Word>(&serde_json::to_string(&word).unwrap()).unwrap(), word);
    }
}
