//! The parts of MQTT control packets.
//!
//! Specification: OASIS MQTT 5.0 clause 1.5 (data types), 2.1 (fixed header), 2.2 (identifier and properties), 3 (packets).

use crate::ParseError;
use crate::reader::Reader;
use crate::text::{LONGEST_TEXT, printable};

/// A variable byte integer has at most four bytes of seven bits, the lowest first.
const SHIFTS: [u32; 4] = [0, 7, 14, 21];

/// A longer topic is read up to here.
const LONGEST_TOPIC: usize = 2_048;

/// The first byte of a packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind(pub(super) u8);

impl Kind {
    /// Packet type.
    pub(super) const fn number(self) -> u8 {
        self.0 >> 4
    }

    /// Whether it carries a payload.
    pub(super) const fn is_publish(self) -> bool {
        self.number() == 3
    }

    /// Whether the flags are those clause 2.1.3 asks for.
    const fn has_good_flags(self) -> bool {
        match self.number() {
            3 => self.0 >> 1 & 3 != 3,
            6 | 8 | 10 => self.0 & 15 == 2,
            _ => self.0 & 15 == 0,
        }
    }

    /// Whether a packet of this type and length has no content to recognise it by: acknowledgements and pings.
    pub(super) const fn is_short(self, length: usize) -> bool {
        match self.number() {
            2 | 4..=7 => length == 2,
            9 => length == 3,
            11 => length == 2,
            12..=14 => length == 0,
            _ => false,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self.number() {
            1 => "connect",
            2 => "connect-answer",
            3 => "publish",
            4 => "publish-acknowledge",
            5 => "publish-received",
            6 => "publish-release",
            7 => "publish-complete",
            8 => "subscribe",
            9 => "subscribe-answer",
            10 => "unsubscribe",
            11 => "unsubscribe-answer",
            12 => "ping",
            13 => "ping-answer",
            14 => "disconnect",
            15 => "authenticate",
            _ => "reserved",
        }
    }
}

/// First byte, length of the fixed header and length of what follows; `None` when more bytes are needed.
pub(super) fn fixed_header(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>, ParseError> {
    let Some((first, rest)) = bytes.split_first() else { return Ok(None) };
    if !Kind(*first).has_good_flags() {
        return Err(ParseError::Malformed { what: "mqtt header", at: 0, why: "reserved type or flags" });
    }
    let mut length = 0_usize;
    for ((byte, shift), header) in rest.iter().zip(SHIFTS).zip(2..) {
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(Some((*first, header, length)));
        }
    }
    if rest.len() < 4 {
        return Ok(None);
    }
    Err(ParseError::Malformed { what: "mqtt header", at: 1, why: "length of more than four bytes" })
}

/// Bytes behind a length of two bytes.
fn counted<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], ParseError> {
    let length = reader.be16()?;
    reader.take(length.into())
}

/// Passes over the properties of version 5.
fn skip_properties(reader: &mut Reader<'_>) -> Result<(), ParseError> {
    let mut length = 0_usize;
    for shift in SHIFTS {
        let byte = reader.u8()?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            reader.take(length)?;
            return Ok(());
        }
    }
    Err(ParseError::Malformed { what: "mqtt properties", at: 0, why: "length of more than four bytes" })
}

/// Passes over one property of an answer to a connection by its number (MQTT 5.0 clause 2.2.2.2); `None` when it has none of those.
fn skip_property(reader: &mut Reader<'_>) -> Option<()> {
    match reader.u8().ok()? {
        0x24 | 0x25 | 0x28..=0x2a => reader.u8().map(drop).ok(),
        0x13 | 0x21 | 0x22 => reader.be16().map(drop).ok(),
        0x11 | 0x27 => reader.take(4).map(drop).ok(),
        0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => counted(reader).map(drop).ok(),
        0x26 => counted(reader).and_then(|_| counted(reader)).map(drop).ok(),
        _ => None,
    }
}

/// Whether a whole body is an answer to a connection of version 5 with properties: each of them known, and together as long as is said.
pub(super) fn is_answer_with_properties(body: &[u8]) -> bool {
    let [0 | 1, 0 | 0x80..=0x9f, length, properties @ ..] = body else { return false };
    if usize::from(*length) != properties.len() || properties.is_empty() || *length >= 0x80 {
        return false;
    }
    let mut reader = Reader::new("mqtt properties", properties);
    while !reader.is_empty() {
        if skip_property(&mut reader).is_none() {
            return false;
        }
    }
    true
}

/// What opens a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connect<'a> {
    pub(super) protocol: &'static str,
    pub(super) level: u8,
    pub(super) keep_alive: u16,
    pub(super) client: Option<&'a str>,
    pub(super) will_topic: Option<&'a str>,
    pub(super) user: Option<&'a str>,
    pub(super) has_password: bool,
}

impl<'a> Connect<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("mqtt connect", body);
        let protocol = match counted(&mut reader)? {
            b"MQTT" => "MQTT",
            b"MQIsdp" => "MQIsdp",
            _ => return Err(ParseError::Malformed { what: "mqtt connect", at: 0, why: "protocol name" }),
        };
        let [level, flags] = reader.array()?;
        // Bit 7 of the level marks a bridge between brokers.
        let level = level & 0x7f;
        let keep_alive = reader.be16()?;
        if level == 5 {
            skip_properties(&mut reader)?;
        }
        let client = printable(counted(&mut reader)?);
        let mut will_topic = None;
        if flags & 4 != 0 {
            if level == 5 {
                skip_properties(&mut reader)?;
            }
            will_topic = printable(counted(&mut reader)?);
            let _message = counted(&mut reader)?;
        }
        let user = if flags & 0x80 == 0 { None } else { printable(counted(&mut reader)?) };
        Ok(Self { protocol, level, keep_alive, client, will_topic, user, has_password: flags & 0x40 != 0 })
    }

    /// Whether the bytes so far could be an opening.
    pub(super) fn is_possible(body: &[u8]) -> bool {
        [&b"\0\x04MQTT"[..], b"\0\x06MQIsdp"].iter().any(|name| {
            let same = name.len().min(body.len());
            name.get(..same) == body.get(..same)
        })
    }
}

/// Topic of a publication and its packet identifier.
pub(super) fn topic(first: u8, body: &[u8]) -> Result<(Option<&str>, Option<u16>), ParseError> {
    let mut reader = Reader::new("mqtt publish", body);
    let length = usize::from(reader.be16()?);
    if length > LONGEST_TOPIC {
        // Longer than anything that is kept: its beginning will do, and what stands behind it was not asked for.
        return Ok((reader.rest().get(..LONGEST_TOPIC).and_then(printable), None));
    }
    let name = printable(reader.take(length)?);
    let id = if first >> 1 & 3 == 0 { None } else { Some(reader.be16()?) };
    Ok((name, id))
}

/// Whether a text is one a topic could be, for recognising a connection whose opening was not seen.
pub(super) fn is_topic(name: Option<&str>) -> bool {
    name.is_some_and(|name| {
        name.len() >= 2 && name.len() < LONGEST_TEXT && !name.contains(['#', '+', '\r', '\n', '\t'])
    })
}

/// The same for a filter of a subscription.
pub(super) fn is_filter(name: Option<&str>) -> bool {
    name.is_some_and(|name| name.len() < LONGEST_TEXT && !name.contains(['\r', '\n', '\t']))
}

/// Whether a cut publication could still be one: its topic fits into the packet and what is there of it is text.
pub(super) fn may_be_topic(body: &[u8], length: usize) -> bool {
    let [t0, t1, text @ ..] = body else { return true };
    let topic = usize::from(u16::from_be_bytes([*t0, *t1]));
    (2..LONGEST_TEXT).contains(&topic) && topic.saturating_add(2) <= length && text.iter().all(|byte| *byte >= b' ')
}

/// Packet identifier and topic filters of a subscription or its end.
pub(super) fn filters(
    first: u8,
    body: &[u8],
    version: u8,
) -> Result<(u16, impl Iterator<Item = Option<&str>> + Clone), ParseError> {
    let (id, mut reader) = list(body, version)?;
    let has_options = Kind(first).number() == 8;
    let names = std::iter::from_fn(move || {
        let name = counted(&mut reader).ok()?;
        if has_options {
            reader.u8().ok()?;
        }
        Some(printable(name))
    });
    Ok((id, names))
}

/// Quality of service asked for each filter.
pub(super) fn requested_qos(first: u8, body: &[u8], version: u8) -> impl Iterator<Item = u8> + Clone {
    let mut reader = list(body, version).ok().map(|(_, reader)| reader).filter(|_| Kind(first).number() == 8);
    std::iter::from_fn(move || {
        let reader = reader.as_mut()?;
        counted(reader).ok()?;
        reader.u8().ok().map(|options| options & 3)
    })
}

fn list(body: &[u8], version: u8) -> Result<(u16, Reader<'_>), ParseError> {
    let mut reader = Reader::new("mqtt subscription", body);
    let id = reader.be16()?;
    if version == 5 {
        skip_properties(&mut reader)?;
    }
    Ok((id, reader))
}

/// One code for each filter.
pub(super) fn reason_codes(body: &[u8], version: u8) -> &[u8] {
    let mut reader = Reader::new("mqtt subscription answer", body);
    if version == 5 && skip_properties(&mut reader).is_err() {
        return &[];
    }
    reader.rest()
}
