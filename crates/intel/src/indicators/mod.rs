//! Known-bad addresses, names, pages and fingerprints: read from files, kept sorted, asked by exact value or by parent domain.

mod list;
mod pattern;
mod stix;
mod value;

use std::net::IpAddr;
use std::time::Duration;

use dogwatch_model::CaptureTime;
use hashbrown::HashMap;

use crate::import::{FileReport, bounded};
pub(crate) use value::Prefix;

/// Indicators held; what comes after is left out, and said so. A feed of a national centre has some ten thousand.
const MOST: usize = 1_000_000;
/// Longest name a domain can have (RFC 1035, clause 2.3.4).
const LONGEST_NAME: usize = 253;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IndicatorKind {
    /// An IP address or a network.
    Address,
    /// A domain name, with all below it.
    Domain,
    /// A page on the web.
    Url,
    /// MD5 of a file. In a plain list it may as well be a JA3, which looks the same.
    Md5,
    /// SHA-1 of a file.
    Sha1,
    /// SHA-256 of a file.
    Sha256,
    /// SHA-256 of a certificate.
    Certificate,
    /// Fingerprint of how a TLS session is opened, or answered (JA3, JA3S).
    Ja3,
    /// The same, newer (JA4).
    Ja4,
}

impl IndicatorKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Address,
        Self::Domain,
        Self::Url,
        Self::Md5,
        Self::Sha1,
        Self::Sha256,
        Self::Certificate,
        Self::Ja3,
        Self::Ja4,
    ];

    /// The word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Domain => "name",
            Self::Url => "web page",
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Certificate => "certificate",
            Self::Ja3 => "JA3 fingerprint",
            Self::Ja4 => "JA4 fingerprint",
        }
    }

    /// Whether no dissector tells it: nothing aboard puts files together from the wire.
    const fn is_of_files(self) -> bool {
        matches!(self, Self::Md5 | Self::Sha1 | Self::Sha256)
    }
}

/// What is known of one listed value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Listed {
    /// Position in the names.
    name: u32,
    /// 0..=100, where the list says.
    confidence: Option<u8>,
    /// Since when it is listed.
    from: Option<CaptureTime>,
    /// Until when it is valid.
    until: Option<CaptureTime>,
}

/// What is said of a value where it is read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub(crate) name: &'a str,
    pub(crate) confidence: Option<u8>,
    pub(crate) from: Option<CaptureTime>,
    pub(crate) until: Option<CaptureTime>,
}

/// Values read so far.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    prefixes: Vec<(Prefix, Listed)>,
    texts: Vec<(IndicatorKind, Box<str>, Listed)>,
    names: Vec<Box<str>>,
    by_name: HashMap<Box<str>, u32>,
}

impl Collected {
    /// Reads a file of indicators: a STIX bundle or a plain list.
    pub(crate) fn read(&mut self, text: &str, report: &mut FileReport) {
        let of_files = self.of_files();
        let head = text.trim_start();
        if head.starts_with('{') || head.starts_with('[') {
            stix::read(text, self, report);
        } else {
            list::read(text, self, report);
        }
        let files = self.of_files().saturating_sub(of_files);
        if files > 0 {
            report.notes.push(format!(
                "{files} of the values are hashes of files: they are kept, but no file is put together from the wire, so only a JA3 among them \
                 can match"
            ));
        }
    }

    fn of_files(&self) -> usize {
        self.texts.iter().filter(|(kind, ..)| kind.is_of_files()).count()
    }

    fn len(&self) -> usize {
        self.texts.len().saturating_add(self.prefixes.len())
    }

    /// Takes a value in, or says why not.
    pub(crate) fn add(&mut self, kind: IndicatorKind, value: &str, about: About<'_>) -> Result<(), &'static str> {
        if self.len() >= MOST {
            return Err("too many indicators: a million are held");
        }
        if kind == IndicatorKind::Address {
            let prefix = value::prefix(value)?;
            let listed = self.listed(about);
            self.prefixes.push((prefix, listed));
        } else {
            let value = value::normalised(kind, value)?;
            let listed = self.listed(about);
            self.texts.push((kind, value.into_boxed_str(), listed));
        }
        Ok(())
    }

    fn listed(&mut self, about: About<'_>) -> Listed {
        let shown = bounded(about.name.trim(), 80);
        let name = match self.by_name.get(shown.as_str()) {
            Some(name) => *name,
            None => {
                let name = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
                self.names.push(shown.clone().into_boxed_str());
                self.by_name.insert(shown.into_boxed_str(), name);
                name
            }
        };
        Listed { name, confidence: about.confidence, from: about.from, until: about.until }
    }
}

/// A value that is listed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IndicatorHit<'a> {
    /// What was compared.
    pub kind: IndicatorKind,
    /// What the list calls it; may be empty.
    pub name: &'a str,
    /// 0..=100, where the list says.
    pub confidence: Option<u8>,
    /// Since when it is listed.
    pub from: Option<CaptureTime>,
    /// Until when it is valid.
    pub until: Option<CaptureTime>,
    /// Whether the value itself is listed, not a domain or a network it is in.
    pub is_exact: bool,
}

/// Every indicator, sorted.
#[derive(Debug, Default)]
pub struct Indicators {
    /// By length of the prefix, the longest first; each sorted.
    prefixes: Vec<(u8, Vec<(u128, Listed)>)>,
    /// Sorted by kind and value.
    texts: Vec<(IndicatorKind, Box<str>, Listed)>,
    /// Bit `kind as u16` is set where there are any.
    has: u16,
    names: Vec<Box<str>>,
}

impl Indicators {
    pub(crate) fn new(collected: Collected) -> Self {
        let Collected { prefixes: mut flat, mut texts, names, .. } = collected;
        flat.sort_by_key(|(prefix, listed)| (std::cmp::Reverse(prefix.length), prefix.network, key_of(listed)));
        flat.dedup();
        let mut prefixes: Vec<(u8, Vec<(u128, Listed)>)> = Vec::new();
        for (prefix, listed) in flat {
            match prefixes.last_mut() {
                Some((length, list)) if *length == prefix.length => list.push((prefix.network, listed)),
                _ => prefixes.push((prefix.length, vec![(prefix.network, listed)])),
            }
        }
        texts.sort_by(|(kind_a, a, l_a), (kind_b, b, l_b)| (kind_a, a, key_of(l_a)).cmp(&(kind_b, b, key_of(l_b))));
        texts.dedup();
        let has = texts.iter().fold(0, |has, (kind, ..)| has | 1 << *kind as u16);
        Self { has: has | u16::from(!prefixes.is_empty()), prefixes, texts, names }
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len().saturating_add(self.prefixes.iter().map(|(_, list)| list.len()).sum())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.has == 0
    }

    /// How many of one kind.
    #[must_use]
    pub fn count(&self, kind: IndicatorKind) -> usize {
        match kind {
            IndicatorKind::Address => self.prefixes.iter().map(|(_, list)| list.len()).sum(),
            _ => self.texts.iter().filter(|(of, ..)| *of == kind).count(),
        }
    }

    /// Whether there are any of one kind: what is not listed at all need not be looked up.
    #[must_use]
    pub const fn has(&self, kind: IndicatorKind) -> bool {
        self.has & 1 << kind as u16 != 0
    }

    /// An address, as valid at `at`; without an end of its own an indicator is believed for `max_age`.
    #[must_use]
    pub fn address(&self, ip: IpAddr, at: CaptureTime, max_age: Duration) -> Option<IndicatorHit<'_>> {
        let whole = value::bits(ip);
        self.prefixes.iter().find_map(|(length, list)| {
            let network = whole & value::mask(*length);
            let start = list.partition_point(|(listed, _)| *listed < network);
            let same = list.get(start..)?.iter().take_while(|(listed, _)| *listed == network).map(|(_, listed)| listed);
            self.best(IndicatorKind::Address, same, *length == 128, at, max_age)
        })
    }

    /// A host name: itself, or the nearest domain above it that is listed.
    #[must_use]
    pub fn domain(&self, name: &str, at: CaptureTime, max_age: Duration) -> Option<IndicatorHit<'_>> {
        if !self.has(IndicatorKind::Domain) {
            return None;
        }
        let mut room = [0_u8; LONGEST_NAME];
        let whole = lower(name.trim_end_matches('.'), &mut room)?;
        let mut rest = whole;
        loop {
            let hit = self.text(IndicatorKind::Domain, rest, rest.len() == whole.len(), at, max_age);
            if hit.is_some() {
                return hit;
            }
            rest = rest.split_once('.')?.1;
        }
    }

    /// A page: scheme, host and path as they were asked for.
    #[must_use]
    pub fn url(&self, url: &str, at: CaptureTime, max_age: Duration) -> Option<IndicatorHit<'_>> {
        if !self.has(IndicatorKind::Url) {
            return None;
        }
        let url = value::normalised(IndicatorKind::Url, url).ok()?;
        self.text(IndicatorKind::Url, &url, true, at, max_age)
    }

    /// A fingerprint or hash, in hexadecimal as it is usually written.
    #[must_use]
    pub fn fingerprint(
        &self,
        kind: IndicatorKind,
        value: &str,
        at: CaptureTime,
        max_age: Duration,
    ) -> Option<IndicatorHit<'_>> {
        let mut room = [0_u8; LONGEST_NAME];
        let value = lower(value, &mut room)?;
        let hit = self.text(kind, value, true, at, max_age);
        // a plain list does not say which of the two it holds
        let as_md5 = || self.text(IndicatorKind::Md5, value, true, at, max_age).filter(|_| kind == IndicatorKind::Ja3);
        // told by what matched, not by what the line looked like
        hit.or_else(as_md5).map(|hit| IndicatorHit { kind, ..hit })
    }

    fn text(
        &self,
        kind: IndicatorKind,
        value: &str,
        is_exact: bool,
        at: CaptureTime,
        max_age: Duration,
    ) -> Option<IndicatorHit<'_>> {
        if !self.has(kind) {
            return None;
        }
        let start = self.texts.partition_point(|(of, text, _)| (*of, &**text) < (kind, value));
        let same = self.texts.get(start..)?.iter().take_while(|(of, text, _)| *of == kind && &**text == value);
        self.best(kind, same.map(|(.., listed)| listed), is_exact, at, max_age)
    }

    /// The most trusted of those that are still valid.
    fn best<'a>(
        &'a self,
        kind: IndicatorKind,
        same: impl Iterator<Item = &'a Listed>,
        is_exact: bool,
        at: CaptureTime,
        max_age: Duration,
    ) -> Option<IndicatorHit<'a>> {
        let valid = same.filter(|listed| match (listed.until, listed.from) {
            (Some(until), _) => at < until,
            (None, Some(from)) => at.since(from) <= max_age,
            (None, None) => true,
        });
        let best = valid.max_by_key(|listed| listed.confidence.map_or(101, u16::from))?;
        let name = self.names.get(best.name as usize).map_or("", |name| &**name);
        Some(IndicatorHit { kind, name, confidence: best.confidence, from: best.from, until: best.until, is_exact })
    }
}

fn key_of(listed: &Listed) -> (u32, Option<u8>, Option<CaptureTime>, Option<CaptureTime>) {
    (listed.name, listed.confidence, listed.from, listed.until)
}

/// The text in small letters, without allocating; `None` when it is longer than any name.
fn lower<'r>(text: &str, room: &'r mut [u8; LONGEST_NAME]) -> Option<&'r str> {
    let room = room.get_mut(..text.len())?;
    room.copy_from_slice(text.as_bytes());
    room.make_ascii_lowercase();
    std::str::from_utf8(room).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Import;

    const AGE: Duration = Duration::from_secs(90 * 86_400);

    fn indicators(text: &str) -> Indicators {
        let mut import = Import::default();
        import.read("test", text.as_bytes());
        let intel = import.finish();
        assert_eq!(intel.files[0].skipped, [], "{text}");
        intel.indicators
    }

    fn at(text: &str) -> CaptureTime {
        CaptureTime::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn names_hit_by_themselves_and_by_their_parents() {
        let list = indicators("evil.example\nwww.bad.test\n");
        let now = at("2026-11-01T00:00:00Z");
        for (name, want) in [
            ("evil.example", Some(true)),
            ("EVIL.example.", Some(true)),
            ("a.b.evil.example", Some(false)),
            ("notevil.example", None),
            ("example", None),
            ("bad.test", None),
            ("www.bad.test", Some(true)),
            ("", None),
            (&"a".repeat(300), None),
        ] {
            assert_eq!(list.domain(name, now, AGE).map(|hit| hit.is_exact), want, "{name}");
        }
    }

    #[test]
    fn addresses_and_networks_of_both_families() {
        let list = indicators("198.51.100.7\n203.0.113.0/24\n2001:db8:66::/48\n");
        let now = at("2026-11-01T00:00:00Z");
        for (ip, want) in [
            ("198.51.100.7", Some(true)),
            ("198.51.100.8", None),
            ("203.0.113.200", Some(false)),
            ("203.0.114.0", None),
            ("2001:db8:66:1::9", Some(false)),
            ("2001:db8:67::1", None),
            // the same thirty-two bits at another place
            ("::198.51.100.7", None),
        ] {
            assert_eq!(list.address(ip.parse().unwrap(), now, AGE).map(|hit| hit.is_exact), want, "{ip}");
        }
    }

    #[test]
    fn what_is_over_is_not_found_and_the_more_trusted_wins() {
        let object = |n: u8, extra: &str| {
            format!(
                r#"{{"type":"indicator","id":"indicator--{n}","pattern_type":"stix","name":"n{n}",
                "pattern":"[domain-name:value = 'evil.example']","valid_from":"2026-01-01T00:00:00Z"{extra}}}"#
            )
        };
        let bundle = |objects: &[String]| format!(r#"{{"type":"bundle","objects":[{}]}}"#, objects.join(","));
        let found = |list: &Indicators, when: &str| {
            list.domain("evil.example", at(when), AGE).map(|hit| (hit.name.to_owned(), hit.confidence))
        };
        let until = r#","valid_until":"2026-06-01T00:00:00Z","confidence":40"#;
        let list = indicators(&bundle(&[object(1, until)]));
        assert_eq!(found(&list, "2026-05-31T23:59:59Z"), Some(("n1".to_owned(), Some(40))));
        assert_eq!(found(&list, "2026-06-01T00:00:00Z"), None, "the end itself is no longer valid");
        let list = indicators(&bundle(&[object(1, until), object(2, r#","confidence":85"#)]));
        assert_eq!(found(&list, "2026-02-01T00:00:00Z"), Some(("n2".to_owned(), Some(85))));
        assert_eq!(found(&list, "2026-05-01T00:00:00Z"), Some(("n1".to_owned(), Some(40))), "older than its age");
        assert_eq!(found(&list, "2025-12-01T00:00:00Z").map(|(name, _)| name), Some("n2".to_owned()), "seen earlier");
    }

    #[test]
    fn fingerprints() {
        let list = indicators(
            "e7d705a3286e19ea42f587b344ee6865\nt13d1516h2_8daaf6152771_e5627efa2ab1\nja3:6734F37431670B3AB4292B8F60F29984\n",
        );
        let now = at("2026-11-01T00:00:00Z");
        let is = |kind, value| list.fingerprint(kind, value, now, AGE).is_some_and(|hit| hit.kind == kind);
        assert!(is(IndicatorKind::Ja3, "e7d705a3286e19ea42f587b344ee6865"));
        assert!(is(IndicatorKind::Ja3, "6734f37431670b3ab4292b8f60f29984"));
        assert!(is(IndicatorKind::Ja4, "t13d1516h2_8daaf6152771_e5627efa2ab1"));
        assert!(!is(IndicatorKind::Ja4, "t13d1516h2_8daaf6152771_e5627efa2ab2"));
    }

    #[test]
    fn pages_are_compared_whole() {
        let list = indicators("http://evil.example/a/b.php?x=1\nhttps://Bad.test:443/\n");
        let now = at("2026-11-01T00:00:00Z");
        assert!(list.url("http://EVIL.example:80/a/b.php?x=1", now, AGE).is_some());
        assert!(list.url("http://evil.example/a/B.php?x=1", now, AGE).is_none(), "paths have capitals");
        assert!(list.url("http://evil.example/a/b.php", now, AGE).is_none());
        assert!(list.url("https://bad.test", now, AGE).is_some());
    }
}
