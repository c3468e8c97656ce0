//! The one form in which each kind of value is kept and asked for, and what is too general to be taken.

use std::net::IpAddr;

use super::IndicatorKind;

/// A network of either family: IPv4 stands at `::ffff:0:0/96`, as it does in IPv6 (RFC 4291, clause 2.5.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Prefix {
    pub(crate) network: u128,
    pub(crate) length: u8,
}

/// An address as bits.
pub(crate) const fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// The bits a prefix of this length keeps.
pub(crate) const fn mask(length: u8) -> u128 {
    match length {
        0 => 0,
        1..128 => u128::MAX << (128 - length as u32),
        _ => u128::MAX,
    }
}

impl Prefix {
    /// An address or `address/length`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let ip: IpAddr = address.parse().ok()?;
        let (most, before) = if ip.is_ipv4() { (32, 96) } else { (128, 0) };
        let length = match length {
            None => most,
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
            // a netmask, as some lists write it
            Some(text) => {
                let IpAddr::V4(mask) = text.parse().ok()? else { return None };
                let length = mask.to_bits().leading_ones();
                (mask.to_bits().count_ones() == length).then(|| u8::try_from(length).unwrap_or(32))?
            }
        };
        if length > most {
            return None;
        }
        let length = length.saturating_add(before);
        Some(Self { network: bits(ip) & mask(length), length })
    }
}

/// A network of an indicator.
pub(super) fn prefix(text: &str) -> Result<Prefix, &'static str> {
    let text = undone(text);
    let prefix = Prefix::parse(text.trim()).ok_or("not an IP address or network")?;
    let address: IpAddr = text.split('/').next().unwrap_or_default().parse().map_err(|_| "not an IP address")?;
    if address.is_unspecified() || address.is_loopback() || address.is_multicast() {
        return Err("no address of one device: unspecified, loopback or multicast");
    }
    let widest = if address.is_ipv4() { 96 + 8 } else { 16 };
    if prefix.length < widest {
        return Err("a network so wide would match half the world");
    }
    Ok(prefix)
}

/// Any other value in the form it is kept in.
pub(super) fn normalised(kind: IndicatorKind, text: &str) -> Result<String, &'static str> {
    let text = undone(text.trim());
    match kind {
        IndicatorKind::Domain => domain(&text),
        IndicatorKind::Url => url(&text),
        IndicatorKind::Md5 | IndicatorKind::Ja3 => hexadecimal(&text, 32),
        IndicatorKind::Sha1 => hexadecimal(&text, 40),
        IndicatorKind::Sha256 | IndicatorKind::Certificate => hexadecimal(&text, 64),
        IndicatorKind::Ja4 if is_ja4(&text) => Ok(text.to_ascii_lowercase()),
        IndicatorKind::Ja4 => Err("not a JA4 fingerprint"),
        IndicatorKind::Address => Err("an address"),
    }
}

/// Undoes what people do to bad values so that nobody clicks on them: `hxxp`, `[.]`, `(.)`, `[:]`.
fn undone(text: &str) -> String {
    let mut text = text.replace("[.]", ".").replace("(.)", ".").replace("[dot]", ".").replace("[:]", ":");
    if text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("hxxp")) {
        text.replace_range(1..3, "tt");
    }
    text
}

fn domain(text: &str) -> Result<String, &'static str> {
    let name = text.trim_end_matches('.').trim_start_matches("*.").trim_start_matches('.').to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || byte >= 0x80)
    };
    if name.len() > super::LONGEST_NAME || !name.split('.').all(is_label) {
        return Err("not a domain name");
    }
    if !name.contains('.') {
        return Err("a name without a dot would match everything below it");
    }
    if name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err("not a domain name");
    }
    Ok(name)
}

/// Scheme and host in small letters, no usual port, no fragment, `/` where there is no path (RFC 3986, clause 6.2.2 and 6.2.3).
fn url(text: &str) -> Result<String, &'static str> {
    const WHAT: &str = "not a web address (http:// or https://)";
    let (scheme, rest) = text.split_once("://").ok_or(WHAT)?;
    let scheme = scheme.to_ascii_lowercase();
    let schemes = [("http://", ":80"), ("https://", ":443")];
    let known = schemes.iter().find(|(known, _)| known.strip_suffix("://") == Some(scheme.as_str()));
    let usual = known.ok_or(WHAT)?.1;
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at_checked(end).ok_or(WHAT)?;
    let host = host.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    let host = host.strip_suffix(usual).unwrap_or(&host);
    if host.is_empty() || text.len() > 2_048 || text.contains(char::is_whitespace) {
        return Err(WHAT);
    }
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok(format!("{scheme}://{host}{slash}{path}"))
}

fn hexadecimal(text: &str, digits: usize) -> Result<String, &'static str> {
    let text: String = text.chars().filter(|letter| *letter != ':').collect();
    if text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("not a hash of that kind")
    }
}

/// Whether a text has the shape of a JA4: `t13d1516h2_8daaf6152771_e5627efa2ab1`.
pub(super) fn is_ja4(text: &str) -> bool {
    let mut parts = text.split('_');
    let (Some(a), Some(b), Some(c), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let is_hash = |part: &str| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    a.len() == 10 && a.bytes().all(|byte| byte.is_ascii_alphanumeric()) && is_hash(b) && is_hash(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_general_or_no_value() {
        for (kind, text) in [
            (IndicatorKind::Domain, "com"),
            (IndicatorKind::Domain, "a b.example"),
            (IndicatorKind::Domain, "1.2.3"),
            (IndicatorKind::Domain, "a..example"),
            (IndicatorKind::Url, "ftp://a.example/x"),
            (IndicatorKind::Url, "http:///x"),
            (IndicatorKind::Sha1, "e7d705a3286e19ea42f587b344ee6865"),
            (IndicatorKind::Ja4, "t13d1516h2_8daaf6152771"),
        ] {
            assert!(normalised(kind, text).is_err(), "{text}");
        }
        for text in ["0.0.0.0/0", "127.0.0.1", "239.1.2.3", "10.0.0.0/7", "1.2.3.4/33", "::", "2001:db8::/15", "x"] {
            assert!(prefix(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_form_for_each_way_of_writing() {
        assert_eq!(normalised(IndicatorKind::Domain, "*.Evil[.]example."), Ok("evil.example".to_owned()));
        assert_eq!(
            normalised(IndicatorKind::Url, "hxxps://Evil[.]example?a#b"),
            Ok("https://evil.example/?a".to_owned())
        );
        assert_eq!(prefix("198.51.100.0/255.255.255.0"), prefix("198.51.100.77/24"));
        assert_eq!(prefix("198[.]51[.]100[.]7"), prefix("198.51.100.7/32"));
    }
}
