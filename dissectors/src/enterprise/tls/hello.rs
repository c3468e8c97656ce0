//! The hellos that open TLS, over TCP or in QUIC, and the fingerprints made of them.
//!
//! JA4 is the method of FoxIO for clients only (licensed BSD-3, without patent claims; the others of its family are not and are not here). JA3
//! and JA3S are methods of Salesforce (BSD-3). All written from their descriptions.
//!
//! Specification: RFC 8446 clause 4.1, RFC 6066 clause 3 (server name), RFC 7301 (ALPN), RFC 8701 (values that mean nothing);
//! <https://github.com/FoxIO-LLC/ja4>, <https://github.com/salesforce/ja3>.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::ParseError;
use crate::md5::Md5;
use crate::reader::Reader;
use crate::text::{Text, printable};

/// Most ciphers or extensions a fingerprint is made of; a client that offers more is not told by one.
const MOST: usize = 256;

pub(crate) const CLIENT_HELLO: u8 = 1;
pub(crate) const SERVER_HELLO: u8 = 2;

/// What a hello tells.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hello<'a> {
    pub(crate) version: u16,
    /// Of a server: the one it chose. Of a client: all it offers, two bytes each.
    ciphers: &'a [u8],
    extensions: &'a [u8],
    pub(crate) server_name: Option<&'a str>,
    protocols: &'a [u8],
    /// The versions really offered, or the one agreed on, from the extension that newer versions use.
    versions: &'a [u8],
    groups: &'a [u8],
    formats: &'a [u8],
    signatures: &'a [u8],
}

/// Values of RFC 8701, which only keep servers tolerant.
const fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

/// Pairs of bytes as numbers.
fn numbers(bytes: &[u8]) -> impl Iterator<Item = u16> + Clone {
    bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair))
}

impl<'a> Hello<'a> {
    /// Reads the body of a hello.
    pub(crate) fn parse(kind: u8, body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("tls hello", body);
        let version = reader.be16()?;
        let _random = reader.take(32)?;
        let session = reader.u8()?;
        let _session = reader.take(session.into())?;
        let mut hello = Self { version, ..Self::default() };
        if kind == CLIENT_HELLO {
            let ciphers = reader.be16()?;
            hello.ciphers = reader.take(ciphers.into())?;
            let compressions = reader.u8()?;
            let _compressions = reader.take(compressions.into())?;
        } else {
            hello.ciphers = reader.take(2)?;
            let _compression = reader.u8()?;
        }
        let Ok(length) = reader.be16() else { return Ok(hello) };
        let extensions = reader.part("tls extensions", length.into())?;
        hello.extensions = extensions.rest();
        for (kind, data) in hello.extensions() {
            hello.extension(kind, data);
        }
        Ok(hello)
    }

    fn extension(&mut self, kind: u16, data: &'a [u8]) {
        match (kind, data) {
            (0, [_, _, 0, n0, n1, name @ ..]) => {
                let length = usize::from(u16::from_be_bytes([*n0, *n1]));
                self.server_name = name.get(..length).and_then(printable);
            }
            (10, [_, _, groups @ ..]) => self.groups = groups,
            (11, [_, formats @ ..]) => self.formats = formats,
            (13, [_, _, signatures @ ..]) => self.signatures = signatures,
            (16, [_, _, protocols @ ..]) => self.protocols = protocols,
            // A server names one version, a client lists its own behind a length.
            (43, [_, _]) => self.versions = data,
            (43, [_, versions @ ..]) => self.versions = versions,
            _ => {}
        }
    }

    fn extensions(&self) -> impl Iterator<Item = (u16, &'a [u8])> + Clone + use<'a> {
        let mut reader = Reader::new("tls extension", self.extensions);
        std::iter::from_fn(move || {
            let kind = reader.be16().ok()?;
            let length = reader.be16().ok()?;
            Some((kind, reader.take(length.into()).ok()?))
        })
    }

    /// Ciphers offered or chosen.
    pub(crate) fn ciphers(&self) -> impl Iterator<Item = u16> + Clone + use<'a> {
        numbers(self.ciphers)
    }

    /// The newest version offered, or the one chosen.
    pub(crate) fn newest(&self) -> u16 {
        numbers(self.versions).filter(|version| !is_grease(*version)).max().unwrap_or(self.version)
    }

    /// Whether the extension for newer versions is there.
    pub(crate) fn has_versions(&self) -> bool {
        !self.versions.is_empty()
    }

    /// Whether it offers values that mean nothing: such clients shuffle their extensions as well.
    pub(crate) fn has_grease(&self) -> bool {
        self.ciphers().any(is_grease)
    }

    fn raw_protocols(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut reader = Reader::new("tls alpn", self.protocols);
        std::iter::from_fn(move || {
            let length = reader.u8().ok()?;
            reader.take(length.into()).ok()
        })
    }

    /// Application protocols offered or chosen, with commas between.
    pub(crate) fn protocols(&self) -> Text<96> {
        let mut joined = Text::new();
        for protocol in self.raw_protocols() {
            let comma = if joined.is_empty() { "" } else { "," };
            let _ = write!(joined, "{comma}{}", printable(protocol).unwrap_or_default());
        }
        joined
    }

    /// JA4 of a client; `transport` is `t` for TCP, `q` for QUIC.
    pub(crate) fn ja4(&self, transport: char) -> Option<Text<40>> {
        let mut ciphers = Sorted::new();
        self.ciphers().filter(|cipher| !is_grease(*cipher)).try_for_each(|cipher| ciphers.add(cipher))?;
        let mut extensions = Sorted::new();
        let mut count = 0_u16;
        for (kind, _) in self.extensions().filter(|(kind, _)| !is_grease(*kind)) {
            count = count.saturating_add(1);
            // The name and the application protocols are told in front and vary with the destination.
            if !matches!(kind, 0 | 16) {
                extensions.add(kind)?;
            }
        }
        let version = match self.newest() {
            0x0304 => "13",
            0x0303 => "12",
            0x0302 => "11",
            0x0301 => "10",
            0x0300 => "s3",
            0x0002 => "s2",
            _ => "00",
        };
        let called = if self.extensions().any(|(kind, _)| kind == 0) { 'd' } else { 'i' };
        let [first, last] = self.alpn_ends();
        let mut text = Text::new();
        let _ = write!(
            text,
            "{transport}{version}{called}{:02}{:02}{first}{last}_{}_{}",
            ciphers.len.min(99),
            count.min(99),
            short_hash(ciphers.is_empty(), |hash| ciphers.write(hash)).as_str(),
            short_hash(extensions.is_empty(), |hash| {
                extensions.write(hash);
                let signatures = numbers(self.signatures).filter(|value| !is_grease(*value));
                for (at, value) in signatures.enumerate() {
                    let _ = write!(hash, "{}{value:04x}", if at == 0 { '_' } else { ',' });
                }
            })
            .as_str(),
        );
        Some(text)
    }

    /// First and last letter of the first application protocol; of its hexadecimal form where they are neither letters nor digits.
    fn alpn_ends(&self) -> [char; 2] {
        let Some(&[first, .., last] | &[first @ last]) = self.raw_protocols().next() else { return ['0', '0'] };
        if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
            return [first.into(), last.into()];
        }
        let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
        [digit(first >> 4), digit(last & 15)]
    }

    /// JA3 of a client: version, ciphers, extensions, groups and point formats in the order of the message.
    pub(crate) fn ja3(&self) -> Text<32> {
        let mut digest = Md5::new();
        let _ = write!(digest, "{},", self.version);
        dashed(&mut digest, self.ciphers());
        digest.add(b",");
        dashed(&mut digest, self.extensions().map(|(kind, _)| kind));
        digest.add(b",");
        dashed(&mut digest, numbers(self.groups));
        digest.add(b",");
        dashed(&mut digest, self.formats.iter().map(|format| u16::from(*format)));
        digest.finish()
    }

    /// JA3S of a server: version, cipher, extensions.
    pub(crate) fn ja3s(&self) -> Text<32> {
        let mut digest = Md5::new();
        let _ = write!(digest, "{},", self.version);
        dashed(&mut digest, self.ciphers());
        digest.add(b",");
        dashed(&mut digest, self.extensions().map(|(kind, _)| kind));
        digest.finish()
    }
}

/// Numbers in decimal with dashes between, without those that mean nothing.
fn dashed(digest: &mut Md5, values: impl Iterator<Item = u16>) {
    for (at, value) in values.filter(|value| !is_grease(*value)).enumerate() {
        let _ = write!(digest, "{}{value}", if at == 0 { "" } else { "-" });
    }
}

/// Numbers in ascending order.
struct Sorted {
    values: [u16; MOST],
    len: usize,
}

impl Sorted {
    const fn new() -> Self {
        Self { values: [0; MOST], len: 0 }
    }

    const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds one; `None` when there is no room.
    fn add(&mut self, value: u16) -> Option<()> {
        *self.values.get_mut(self.len)? = value;
        self.len = self.len.saturating_add(1);
        Some(())
    }

    /// Writes them in hexadecimal with commas between.
    fn write(&self, hash: &mut Hash) {
        let mut values = self.values;
        let Some(values) = values.get_mut(..self.len) else { return };
        values.sort_unstable();
        for (at, value) in values.iter().enumerate() {
            let _ = write!(hash, "{}{value:04x}", if at == 0 { "" } else { "," });
        }
    }
}

/// SHA-256 of text written to it.
struct Hash(Sha256);

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// The first twelve digits of a hash; zeros for nothing.
fn short_hash(is_empty: bool, write: impl FnOnce(&mut Hash)) -> Text<12> {
    if is_empty {
        return Text::of(format_args!("000000000000"));
    }
    let mut hash = Hash(Sha256::new());
    write(&mut hash);
    let mut text = Text::new();
    for byte in hash.0.finalize().iter().take(6) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::support::hex;

    fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &u16::try_from(data.len()).unwrap().to_be_bytes(), data].concat()
    }

    /// A hello of the Chrome that the description of JA4 takes as its example, in some order, with values that mean nothing in it.
    pub(crate) fn chrome() -> Vec<u8> {
        let mut extensions = extension(0x2a2a, &[]);
        extensions.extend(extension(0, &[&hex("000c 00 0009")[..], b"shore.net"].concat()));
        for kind in [0x4469, 0x0005, 0x000a, 0x000b, 0x0012, 0x0015, 0x0017, 0x001b, 0x0023, 0x002d, 0x0033, 0xff01] {
            extensions.extend(extension(kind, &[]));
        }
        extensions.extend(extension(13, &hex("0010 0403 0804 0401 0503 0805 0501 0806 0601")));
        extensions.extend(extension(16, &hex("000c 02 6832 08 687474702f312e31")));
        extensions.extend(extension(43, &hex("06 9a9a 0304 0303")));
        let ciphers = hex("1a1a 1301 1302 1303 c02b c02f c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035");
        let mut body = hex("0303");
        body.extend([7; 32]);
        body.push(0);
        body.extend(u16::try_from(ciphers.len()).unwrap().to_be_bytes());
        body.extend(ciphers);
        body.extend([1, 0]);
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        body
    }

    #[test]
    fn the_published_example_of_ja4() {
        let body = chrome();
        let hello = Hello::parse(CLIENT_HELLO, &body).unwrap();
        assert_eq!(hello.ja4('t').unwrap().as_str(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
        assert_eq!((hello.server_name, hello.protocols().as_str()), (Some("shore.net"), "h2,http/1.1"));
    }

    #[test]
    fn nothing_offered() {
        let body = [&hex("0301")[..], &[7; 32], &hex("00 0000 01 00")].concat();
        let hello = Hello::parse(CLIENT_HELLO, &body).unwrap();
        assert_eq!(hello.ja4('t').unwrap().as_str(), "t10i000000_000000000000_000000000000");
        // By `printf '769,,,,' | md5sum`.
        assert_eq!(hello.ja3().as_str(), "f5d1076d0d11b5cd81c4c4e8e8ee881a");
    }

    #[test]
    fn odd_application_protocols() {
        // The examples of the description: hexadecimal digits where a byte is neither letter nor digit.
        for (protocol, want) in
            [("ab", ['a', 'b'] as [char; 2]), ("30ab", ['3', 'b']), ("61", ['a', 'a']), ("ff", ['f', 'f'])]
        {
            let name = if want == ['a', 'b'] && protocol == "ab" { hex("6162") } else { hex(protocol) };
            let list = [&[u8::try_from(name.len()).unwrap()][..], &name].concat();
            assert_eq!(Hello { protocols: &list, ..Hello::default() }.alpn_ends(), want, "{protocol}");
        }
    }
}
