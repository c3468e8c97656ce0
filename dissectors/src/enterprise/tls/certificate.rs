//! The front of a server's certificate as TLS 1.2 and older show it in clear: whose it is, and its hash.
//!
//! Deliberately not done: checking signatures, chains or dates. Specification: RFC 5246 clause 7.4.2, RFC 5280 clause 4.1.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::ber::{self, elements};
use crate::reader::Reader;
use crate::text::{Text, printable};

/// The first certificate of a message.
pub(super) struct Certificate<'a> {
    der: &'a [u8],
    subject: &'a [u8],
    issuer: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads the body of a certificate message; `None` when there is none or it cannot be read.
    pub(super) fn first(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new("tls certificates", body);
        let _all = reader.array::<3>().ok()?;
        let [a, b, c] = reader.array().ok()?;
        let der = reader.take(usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?).ok()?;
        let whole = ber::expect(&mut Reader::new("certificate", der), 0x30).ok()?;
        let signed = ber::expect(&mut Reader::new("certificate", whole), 0x30).ok()?;
        // Version (may be absent), serial number, algorithm, issuer, validity, subject.
        let mut parts = elements(signed).skip_while(|part| part.tag == 0xa0).map(|part| part.content);
        let issuer = parts.nth(2)?;
        let subject = parts.nth(1)?;
        Some(Self { der, subject, issuer })
    }

    /// The subject as text: `C=DE, O=Yard, CN=hmi`.
    pub(super) fn subject(&self) -> Text<256> {
        let mut text = Text::new();
        for set in elements(self.subject) {
            for pair in elements(set.content) {
                let mut parts = elements(pair.content);
                let (Some(kind), Some(value)) = (parts.next(), parts.next()) else { continue };
                let (Some(name), Some(value)) = (attribute(kind.content), printable(value.content)) else { continue };
                let comma = if text.is_empty() { "" } else { ", " };
                let _ = write!(text, "{comma}{name}={value}");
            }
        }
        text
    }

    /// Whether it names itself as its issuer.
    pub(super) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// SHA-256 of the whole certificate, hexadecimal.
    pub(super) fn hash(&self) -> Text<64> {
        let mut text = Text::new();
        for byte in Sha256::digest(self.der) {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

/// Short names of the attributes people put into names (RFC 4519, PKCS #9).
fn attribute(oid: &[u8]) -> Option<&'static str> {
    Some(match oid {
        [0x55, 4, 3] => "CN",
        [0x55, 4, 5] => "serialNumber",
        [0x55, 4, 6] => "C",
        [0x55, 4, 7] => "L",
        [0x55, 4, 8] => "ST",
        [0x55, 4, 9] => "street",
        [0x55, 4, 10] => "O",
        [0x55, 4, 11] => "OU",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1] => "emailAddress",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25] => "DC",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1] => "UID",
        _ => return None,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::support::hex;

    /// A certificate's front: serial 1, no real algorithm, issuer and subject C=DE, CN=hmi.
    pub(in super::super) fn message() -> Vec<u8> {
        let name = "301b 310b 3009 0603 550406 1302 4445 310c 300a 0603 550403 0c03 686d69";
        let signed = hex(&format!("a003 020102 020101 3000 {name} 3000 {name} 3000"));
        let tlv = |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap()][..], content].concat();
        let der = tlv(0x30, &[tlv(0x30, &signed), hex("3000 030100")].concat());
        let len = u8::try_from(der.len()).unwrap();
        [&[0, 0, len + 3, 0, 0, len][..], &der].concat()
    }

    #[test]
    fn whose_it_is() {
        let body = message();
        let certificate = Certificate::first(&body).unwrap();
        assert_eq!(certificate.subject().as_str(), "C=DE, CN=hmi");
        assert!(certificate.is_self_issued());
        assert_eq!(certificate.hash().as_str().len(), 64);
        assert!(Certificate::first(&body[..40]).is_none());
        assert!(Certificate::first(&[0, 0, 0]).is_none());
    }
}
