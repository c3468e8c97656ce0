//! IP prefixes in CIDR form, as the policy writes them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 or IPv6 prefix; host bits are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

impl Prefix {
    /// Makes a prefix, clearing host bits; `None` when `length` is more than the address has bits.
    #[must_use]
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        let address = match address {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask4(length)?)),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask6(length)?)),
        };
        Some(Self { address, length })
    }

    /// Reads `10.1.0.0/16` or `fd00::/8`; a bare address is a prefix of full length. The flag tells whether host bits had to be cleared.
    #[must_use]
    pub fn parse(text: &str) -> Option<(Self, bool)> {
        let Some((address, length)) = text.split_once('/') else {
            let address: IpAddr = text.parse().ok()?;
            return Some((Self { address, length: if address.is_ipv4() { 32 } else { 128 } }, false));
        };
        if length.is_empty() || length.len() > 3 || !length.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let address: IpAddr = address.parse().ok()?;
        let prefix = Self::new(address, length.parse().ok()?)?;
        Some((prefix, prefix.address != address))
    }

    /// The first address.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// How many leading bits are fixed.
    #[must_use]
    pub const fn length(self) -> u8 {
        self.length
    }

    /// Whether `ip` lies inside.
    #[must_use]
    pub fn contains(self, ip: IpAddr) -> bool {
        match (self.address, ip) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                mask4(self.length).is_some_and(|mask| ip.to_bits() & mask == net.to_bits())
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                mask6(self.length).is_some_and(|mask| ip.to_bits() & mask == net.to_bits())
            }
            _ => false,
        }
    }

    /// Whether the two share an address.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.address) || other.contains(self.address)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// The IPv4 mask of a length; `None` above 32.
pub(super) const fn mask4(length: u8) -> Option<u32> {
    match length {
        0 => Some(0),
        1..=32 => Some(u32::MAX << (32 - length as u32)),
        _ => None,
    }
}

/// The IPv6 mask of a length; `None` above 128.
pub(super) const fn mask6(length: u8) -> Option<u128> {
    match length {
        0 => Some(0),
        1..=128 => Some(u128::MAX << (128 - length as u32)),
        _ => None,
    }
}

/// Whether the address tells nothing about the network it is in: unspecified, link-local, loopback.
pub(super) const fn is_placeless(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_unspecified() || v4.is_link_local() || v4.is_loopback(),
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_unicast_link_local() || v6.is_loopback(),
    }
}

/// Whether the address is one of the public internet (RFC 1918, RFC 6598, RFC 4193 and link-local ranges are not).
#[must_use]
pub const fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && b & 0xc0 == 64;
            !(v4.is_private() || shared || is_placeless(ip) || v4.is_multicast() || v4.is_broadcast())
        }
        IpAddr::V6(v6) => {
            let [first, ..] = v6.segments();
            first & 0xe000 == 0x2000
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_prefixes() {
        for (text, want, cleared) in [
            ("10.10.31.0/24", "10.10.31.0/24", false),
            ("10.10.31.7/24", "10.10.31.0/24", true),
            ("0.0.0.0/0", "0.0.0.0/0", false),
            ("10.1.2.3", "10.1.2.3/32", false),
            ("fd10:31::/64", "fd10:31::/64", false),
            ("::/0", "::/0", false),
        ] {
            let (prefix, had_host_bits) = Prefix::parse(text).unwrap();
            assert_eq!((prefix.to_string().as_str(), had_host_bits), (want, cleared), "{text}");
        }
        for bad in ["", "10.1.2", "10.1.2.3/33", "fd00::/129", "10.1.2.3/", "10.1.2.3/+8", "x/8", "10.1.2.3/256"] {
            assert_eq!(Prefix::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn contains_and_overlaps() {
        let prefix = |text: &str| Prefix::parse(text).unwrap().0;
        assert!(prefix("10.10.32.128/25").contains("10.10.32.255".parse().unwrap()));
        assert!(!prefix("10.10.32.128/25").contains("10.10.32.127".parse().unwrap()));
        assert!(!prefix("10.0.0.0/8").contains("fd00::1".parse().unwrap()));
        assert!(prefix("10.10.31.0/24").overlaps(prefix("10.10.31.128/25")));
        assert!(!prefix("10.10.30.0/24").overlaps(prefix("10.10.31.0/24")));
    }

    #[test]
    fn public_addresses() {
        for (ip, want) in [
            ("8.8.8.8", true),
            ("10.1.1.1", false),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("169.254.1.1", false),
            ("2001:db8::1", true),
            ("fd00::1", false),
            ("fe80::1", false),
        ] {
            assert_eq!(is_public(ip.parse().unwrap()), want, "{ip}");
        }
    }
}
