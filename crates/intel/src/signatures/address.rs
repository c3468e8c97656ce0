//! Addresses of a rule's header: `any`, one address, a network, `[a,b]`, `!a`.

use std::net::IpAddr;

/// A set of addresses, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Addresses {
    /// Every address.
    Any,
    /// A network: IPv4 mapped into IPv6, with the bits of its mask.
    Net(u128, u128),
    /// All but these.
    Not(Box<Addresses>),
    /// Any of these, but none of those that are negated in the list.
    List(Vec<Addresses>),
}

impl Addresses {
    /// Whether an address is in the set.
    pub(super) fn has(&self, ip: IpAddr) -> bool {
        self.has_bits(bits(ip))
    }

    fn has_bits(&self, ip: u128) -> bool {
        match self {
            Self::Any => true,
            Self::Net(net, mask) => ip & mask == *net,
            Self::Not(inner) => !inner.has_bits(ip),
            Self::List(list) => {
                let is_negated = |item: &&Self| matches!(item, Self::Not(_));
                let mut wanted = list.iter().filter(|item| !is_negated(item)).peekable();
                (wanted.peek().is_none() || wanted.any(|item| item.has_bits(ip)))
                    && list.iter().filter(is_negated).all(|item| item.has_bits(ip))
            }
        }
    }

    /// Reads one address or network.
    pub(super) fn one(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let ip: IpAddr = address.parse().ok()?;
        let (whole, shift) = if ip.is_ipv4() { (32, 96) } else { (128, 0) };
        let prefix = match prefix {
            None => whole,
            Some(prefix) => prefix.parse::<u32>().ok().filter(|prefix| *prefix <= whole)?,
        };
        let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix.saturating_add(shift))).unwrap_or(0);
        Some(Self::Net(bits(ip) & mask, mask))
    }
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}
