//! Whose an application's certificate is: the subject, as it stands in clear when a channel is opened.
//!
//! Deliberately not done: checking signatures, chains or dates.
//!
//! Specification: RFC 5280 clause 4.1; OPC UA part 6 clause 6.2.2.

use std::fmt::Write;

use crate::ber::{self, elements};
use crate::reader::Reader;
use crate::text::{Text, printable};

/// The subject as text: `CN=hmi, O=Yard`; `None` when these bytes are no certificate.
pub(super) fn subject(der: &[u8]) -> Option<Text<256>> {
    let whole = ber::expect(&mut Reader::new("certificate", der), 0x30).ok()?;
    let signed = ber::expect(&mut Reader::new("certificate", whole), 0x30).ok()?;
    // Version (may be absent), serial number, algorithm, issuer, validity, subject.
    let subject = elements(signed).skip_while(|part| part.tag == 0xa0).nth(4)?.content;
    let mut text = Text::new();
    for pair in elements(subject).flat_map(|set| elements(set.content)) {
        let mut parts = elements(pair.content);
        let (Some(kind), Some(value)) = (parts.next(), parts.next()) else { continue };
        let name = match kind.content {
            [0x55, 4, 3] => "CN",
            [0x55, 4, 6] => "C",
            [0x55, 4, 7] => "L",
            [0x55, 4, 8] => "ST",
            [0x55, 4, 10] => "O",
            [0x55, 4, 11] => "OU",
            [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25] => "DC",
            _ => continue,
        };
        let Some(value) = printable(value.content) else { continue };
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}{name}={value}");
    }
    (!text.is_empty()).then_some(text)
}
