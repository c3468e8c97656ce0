//! Link-layer addresses and the system function id of IEC 61162-450.

use std::fmt;
use std::str::FromStr;

/// An Ethernet (MAC) address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The all-zero address: "no link layer" in captures without one.
    pub const NONE: Self = Self([0; 6]);

    /// Whether it is the "no link layer" address.
    #[must_use]
    pub const fn is_none(self) -> bool {
        matches!(self.0, [0, 0, 0, 0, 0, 0])
    }

    /// Whether the group bit is set: broadcast or multicast, never one device.
    #[must_use]
    pub const fn is_group(self) -> bool {
        let [first, ..] = self.0;
        first & 1 == 1
    }

    /// Whether the locally-administered bit is set: made up by software, no vendor behind it.
    #[must_use]
    pub const fn is_local(self) -> bool {
        let [first, ..] = self.0;
        first & 2 == 2
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The text is not six hexadecimal pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a MAC address is six pairs of hexadecimal digits, such as 00:30:de:44:01:01")]
pub struct MacParseError;

impl FromStr for Mac {
    type Err = MacParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut octets = [0_u8; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut octets {
            let part = parts.next().filter(|part| part.len() == 2).ok_or(MacParseError)?;
            *octet = u8::from_str_radix(part, 16).map_err(|_| MacParseError)?;
        }
        if parts.next().is_some() { Err(MacParseError) } else { Ok(Self(octets)) }
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> Self {
        mac.to_string()
    }
}

impl TryFrom<String> for Mac {
    type Error = MacParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// System function id of IEC 61162-450: two talker letters and four digits, e.g. `GP0001`. Kept as the six bytes seen on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Sfi(pub [u8; 6]);

impl Sfi {
    /// Takes six bytes of printable ASCII; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let six: [u8; 6] = bytes.try_into().ok()?;
        six.iter().all(u8::is_ascii_graphic).then_some(Self(six))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??????")
    }
}

impl fmt::Display for Sfi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Sfi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sfi({})", self.as_str())
    }
}

impl From<Sfi> for String {
    fn from(sfi: Sfi) -> Self {
        sfi.as_str().to_owned()
    }
}

impl TryFrom<String> for Sfi {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::from_bytes(text.as_bytes()).ok_or_else(|| format!("`{text}` is not a system function id such as GP0001"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mac_text() {
        let mac: Mac = "00-30-DE-44-01-01".parse().unwrap();
        assert_eq!(mac.to_string(), "00:30:de:44:01:01");
        for bad in ["", "00:30:de:44:01", "00:30:de:44:01:01:02", "0:30:de:44:01:01", "gg:30:de:44:01:01"] {
            assert_eq!(bad.parse::<Mac>(), Err(MacParseError), "{bad}");
        }
    }

    #[test]
    fn sfi_is_six_printable_bytes() {
        assert_eq!(Sfi::from_bytes(b"GP0001").unwrap().as_str(), "GP0001");
        assert_eq!(Sfi::from_bytes(b"GP001"), None);
        assert_eq!(Sfi::from_bytes(b"GP00\x001"), None);
    }
}
