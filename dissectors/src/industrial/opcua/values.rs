//! Built-in types of OPC UA as far as identity and values need them: node ids, strings, variants, diagnostics, and the BuildInfo structure.
//!
//! Deliberately not read: arrays (those of numbers are passed over) and matrices, structures of other types.
//!
//! Specification: OPC UA part 6 clause 5.2 (encodings), part 5 clause 12.4 (BuildInfo), part 4 clause 7.11 (DataValue).

use crate::ParseError;
use crate::reader::Reader;
use crate::text::{Text, printable};

/// Diagnostics may hold diagnostics; deeper ones are not followed.
const DEEPEST: u8 = 8;

/// Takes a string: a length of four bytes, all ones for none.
pub(super) fn string<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, ParseError> {
    let length = reader.le32()?;
    if length == u32::MAX {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| ParseError::Limit { what: "opcua string" })?;
    reader.take(length).map(Some)
}

/// A node id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node<'a> {
    namespace: u16,
    number: Option<u32>,
    name: Option<&'a str>,
}

impl<'a> Node<'a> {
    /// Takes one.
    pub(super) fn take(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let node = |namespace, number, name| Self { namespace, number, name };
        let kind = reader.u8()?;
        let taken = match kind & 0x3f {
            0 => node(0, Some(reader.u8()?.into()), None),
            1 => {
                let namespace = reader.u8()?;
                node(namespace.into(), Some(reader.le16()?.into()), None)
            }
            2 => {
                let namespace = reader.le16()?;
                node(namespace, Some(reader.le32()?), None)
            }
            3 => {
                let namespace = reader.le16()?;
                node(namespace, None, string(reader)?.and_then(printable))
            }
            5 => {
                let namespace = reader.le16()?;
                let _opaque = string(reader)?;
                node(namespace, None, None)
            }
            4 => {
                let namespace = reader.le16()?;
                let _guid = reader.take(16)?;
                node(namespace, None, None)
            }
            _ => return Err(ParseError::Malformed { what: "opcua node id", at: 0, why: "no such encoding" }),
        };
        // Expanded ids carry the namespace as text and the server's number.
        if kind & 0x80 != 0 {
            let _uri = string(reader)?;
        }
        if kind & 0x40 != 0 {
            let _server = reader.le32()?;
        }
        Ok(taken)
    }

    /// The number, when it is one of the specification's own namespace.
    pub(super) fn standard(&self) -> Option<u32> {
        self.number.filter(|_| self.namespace == 0)
    }

    /// `ns=2;s=Motor`, `i=2258`; empty for ids without a readable form.
    pub(super) fn text(&self) -> Text<96> {
        let namespace = match self.namespace {
            0 => Text::<12>::new(),
            namespace => Text::of(format_args!("ns={namespace};")),
        };
        match (self.number, self.name) {
            (Some(number), _) => Text::of(format_args!("{}i={number}", namespace.as_str())),
            (None, Some(name)) => Text::of(format_args!("{}s={name}", namespace.as_str())),
            (None, None) => Text::new(),
        }
    }
}

/// Takes an extension object: its type and its body.
pub(super) fn extension<'a>(reader: &mut Reader<'a>) -> Result<(Option<u32>, Reader<'a>), ParseError> {
    let kind = Node::take(reader)?.standard();
    let body = if reader.u8()? == 0 { None } else { string(reader)? };
    Ok((kind, Reader::new("opcua structure", body.unwrap_or_default())))
}

/// Passes over diagnostics.
pub(super) fn diagnostics(reader: &mut Reader<'_>) -> Result<(), ParseError> {
    for _ in 0..DEEPEST {
        let mask = reader.u8()?;
        for bit in [1, 2, 4, 8] {
            if mask & bit != 0 {
                let _index = reader.le32()?;
            }
        }
        if mask & 0x10 != 0 {
            let _text = string(reader)?;
        }
        if mask & 0x20 != 0 {
            let _status = reader.le32()?;
        }
        if mask & 0x40 == 0 {
            return Ok(());
        }
    }
    Err(ParseError::Limit { what: "opcua diagnostics" })
}

/// What a value says of the server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Build(BuildInfo<'a>),
    Number(f64),
    Other,
}

/// Maker, product and versions of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct BuildInfo<'a> {
    pub(super) product_uri: Option<&'a str>,
    pub(super) manufacturer: Option<&'a str>,
    pub(super) product: Option<&'a str>,
    pub(super) version: Option<&'a str>,
    pub(super) build: Option<&'a str>,
}

impl<'a> BuildInfo<'a> {
    fn parse(mut reader: Reader<'a>) -> Result<Self, ParseError> {
        let mut text = || Ok(string(&mut reader)?.and_then(printable));
        Ok(Self { product_uri: text()?, manufacturer: text()?, product: text()?, version: text()?, build: text()? })
    }
}

/// Takes a value with its status and times.
pub(super) fn data_value<'a>(reader: &mut Reader<'a>) -> Result<Value<'a>, ParseError> {
    let mask = reader.u8()?;
    let mut value = if mask & 1 == 0 { Value::Other } else { variant(reader)? };
    if mask & 0x02 != 0 && reader.le32()? & 0x8000_0000 != 0 {
        value = Value::Other;
    }
    for (bit, length) in [(0x04, 8), (0x10, 2), (0x08, 8), (0x20, 2)] {
        if mask & bit != 0 {
            let _status_or_time = reader.take(length)?;
        }
    }
    Ok(value)
}

/// Takes a number of one of the numeric types (part 6 clause 5.1.2); nothing for other types.
fn number(kind: u8, reader: &mut Reader<'_>) -> Result<Option<f64>, ParseError> {
    #[expect(clippy::cast_precision_loss, reason = "values of processes are far below 2^53")]
    Ok(Some(match kind {
        1 => f64::from(u8::from(reader.u8()? != 0)),
        2 => f64::from(reader.u8()?.cast_signed()),
        3 => f64::from(reader.u8()?),
        4 => f64::from(reader.le16()?.cast_signed()),
        5 => f64::from(reader.le16()?),
        6 => f64::from(reader.le32()?.cast_signed()),
        7 => f64::from(reader.le32()?),
        8 => reader.le64()?.cast_signed() as f64,
        9 => reader.le64()? as f64,
        10 => f64::from(f32::from_bits(reader.le32()?)),
        11 => f64::from_bits(reader.le64()?),
        _ => return Ok(None),
    }))
}

/// Passes over an array of numbers, so that the values behind it are read.
fn array<'a>(kind: u8, reader: &mut Reader<'a>) -> Result<Value<'a>, ParseError> {
    let size = match kind & 0x3f {
        1..=3 => 1_usize,
        4 | 5 => 2,
        6 | 7 | 10 => 4,
        8 | 9 | 11 | 13 => 8,
        _ => return Err(ParseError::Limit { what: "opcua array" }),
    };
    let mut list = |size: usize| {
        let count = usize::try_from(reader.le32()?).ok().filter(|count| *count != u32::MAX as usize).unwrap_or(0);
        reader.take(count.saturating_mul(size)).map(|_| ())
    };
    list(size)?;
    // The lengths of its dimensions.
    if kind & 0x40 != 0 {
        list(4)?;
    }
    Ok(Value::Other)
}

fn variant<'a>(reader: &mut Reader<'a>) -> Result<Value<'a>, ParseError> {
    let kind = reader.u8()?;
    if kind & 0xc0 != 0 {
        return array(kind, reader);
    }
    if let Some(number) = number(kind, reader)? {
        return Ok(Value::Number(number));
    }
    let length = match kind {
        0 => 0,
        19 => 4,
        13 => 8,
        14 => 16,
        12 => return Ok(string(reader)?.and_then(printable).map_or(Value::Other, Value::Text)),
        15 | 16 => return string(reader).map(|_| Value::Other),
        17 | 18 => return Node::take(reader).map(|_| Value::Other),
        20 => {
            let _namespace = reader.le16()?;
            return string(reader).map(|_| Value::Other);
        }
        21 => {
            let mask = reader.u8()?;
            let _locale = if mask & 1 != 0 { string(reader)? } else { None };
            let text = if mask & 2 != 0 { string(reader)? } else { None };
            return Ok(text.and_then(printable).map_or(Value::Other, Value::Text));
        }
        22 => {
            let (kind, mut body) = extension(reader)?;
            return Ok(match kind {
                Some(340) => Value::Build(BuildInfo::parse(body)?),
                // Server status: two times and a state, then the build information.
                Some(864) => {
                    let _times_and_state = body.take(20)?;
                    Value::Build(BuildInfo::parse(body)?)
                }
                _ => Value::Other,
            });
        }
        _ => return Err(ParseError::Limit { what: "opcua value" }),
    };
    reader.take(length).map(|_| Value::Other)
}
