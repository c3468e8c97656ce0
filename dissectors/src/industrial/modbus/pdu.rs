//! What stands behind the function code: addresses, quantities and values of requests and replies.
//!
//! Specification: MODBUS Application Protocol V1.1b3, clause 6. A field that the bytes are too short for stays empty and the PDU is marked
//! ill-fitting; nothing is ever taken from bytes that are not there.

use dogwatch_model::{FieldValue, FieldVisitor};

use super::function;
use crate::reader::Reader;

/// Which of the two a PDU is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// From the client.
    Request,
    /// From the server.
    Reply,
}

/// Values as they stand on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values<'a> {
    /// None.
    None,
    /// 16-bit values, most significant byte first.
    Registers(&'a [u8]),
    /// Single bits, least significant first; `count` of them when known.
    Bits { bytes: &'a [u8], count: Option<u16> },
    /// One value of its own.
    One(u16),
    /// Bytes whose meaning is the device's own.
    Raw(&'a [u8]),
}

impl<'a> Values<'a> {
    /// The register values in order.
    pub(super) fn registers(self) -> impl Iterator<Item = u16> + 'a {
        let bytes = match self {
            Self::Registers(bytes) => bytes,
            _ => &[],
        };
        bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair))
    }

    /// The bit values in order.
    pub(super) fn bits(self) -> impl Iterator<Item = bool> + 'a {
        let (bytes, count) = match self {
            Self::Bits { bytes, count } => (bytes, count.map_or(usize::MAX, usize::from)),
            _ => (&[][..], 0),
        };
        bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte & (1 << bit) != 0)).take(count)
    }

    /// Smallest and largest of the values, coils as 0 and 1.
    pub(super) fn range(self) -> Option<(u16, u16)> {
        let widen = |seen: Option<(u16, u16)>, value: u16| match seen {
            None => Some((value, value)),
            Some((low, high)) => Some((low.min(value), high.max(value))),
        };
        match self {
            Self::Registers(_) => self.registers().fold(None, widen),
            Self::Bits { .. } => self.bits().map(u16::from).fold(None, widen),
            Self::One(value) => Some((value, value)),
            Self::None | Self::Raw(_) => None,
        }
    }

    /// Hands the values out as `values`.
    pub(super) fn visit(self, visitor: &mut dyn FieldVisitor) {
        match self {
            Self::None => {}
            Self::Raw(bytes) => visitor.field("data", FieldValue::Bytes(bytes)),
            Self::One(value) => {
                visitor.open_list("values");
                visitor.field("", FieldValue::Unsigned(value.into()));
                visitor.close();
            }
            Self::Registers(_) => {
                visitor.open_list("values");
                self.registers().for_each(|value| visitor.field("", FieldValue::Unsigned(value.into())));
                visitor.close();
            }
            Self::Bits { .. } => {
                visitor.open_list("values");
                self.bits().for_each(|value| visitor.field("", FieldValue::Unsigned(value.into())));
                visitor.close();
            }
        }
    }
}

/// A decoded PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pdu<'a> {
    /// Sub-function of 8, MEI type of 43, sub-code of UMAS.
    pub(super) sub: Option<u16>,
    /// First address read or written (23: read).
    pub(super) address: Option<u16>,
    /// How many values (23: read).
    pub(super) quantity: Option<u16>,
    /// First address that 23 writes.
    pub(super) write_address: Option<u16>,
    /// How many values 23 writes.
    pub(super) write_quantity: Option<u16>,
    /// AND and OR mask of 22.
    pub(super) masks: Option<(u16, u16)>,
    /// Exception code of a refusal.
    pub(super) exception: Option<u8>,
    /// The values carried.
    pub(super) values: Values<'a>,
    /// The breach of the specification that was found first.
    pub(super) odd: Option<&'static str>,
}

impl Pdu<'_> {
    const EMPTY: Self = Self {
        sub: None,
        address: None,
        quantity: None,
        write_address: None,
        write_quantity: None,
        masks: None,
        exception: None,
        values: Values::None,
        odd: None,
    };
}

const LENGTH: Option<&str> = Some("modbus.pdu-length");
const BYTE_COUNT: Option<&str> = Some("modbus.byte-count");

/// Reads the body of a request: what follows the function code.
pub(super) fn request(function: u8, body: &[u8]) -> Pdu<'_> {
    let mut pdu = Pdu::EMPTY;
    let mut reader = Reader::new("modbus request", body);
    match function {
        1..=4 => {
            pdu.address = reader.be16().ok();
            pdu.quantity = reader.be16().ok();
            pdu.odd = fits(pdu.quantity.is_some() && reader.is_empty());
        }
        5 => {
            pdu.address = reader.be16().ok();
            let value = reader.be16().ok();
            pdu.quantity = pdu.address.map(|_| 1);
            pdu.values = value.map_or(Values::None, |value| Values::One(u16::from(value != 0)));
            pdu.odd = fits(value.is_some() && reader.is_empty());
            if !matches!(value, None | Some(0 | 0xff00)) {
                pdu.odd = Some("modbus.coil-value");
            }
        }
        6 => {
            pdu.address = reader.be16().ok();
            let value = reader.be16().ok();
            pdu.quantity = pdu.address.map(|_| 1);
            pdu.values = value.map_or(Values::None, Values::One);
            pdu.odd = fits(value.is_some() && reader.is_empty());
        }
        7 | 11 | 12 | function::REPORT_SERVER_ID => {
            pdu.values = raw(reader.rest());
            pdu.odd = fits(body.is_empty());
        }
        function::DIAGNOSTICS => diagnostics(&mut pdu, reader),
        15 | 16 => {
            pdu.address = reader.be16().ok();
            pdu.quantity = reader.be16().ok();
            let quantity = pdu.quantity;
            written(&mut pdu, function == 15, quantity, reader);
        }
        20 | 21 => counted(&mut pdu, reader),
        22 => {
            pdu.address = reader.be16().ok();
            pdu.quantity = pdu.address.map(|_| 1);
            pdu.masks = reader.be16().ok().zip(reader.be16().ok());
            // (current AND and) OR (or AND NOT and): what the register becomes is known where no bit of it is kept
            if let Some((0, or)) = pdu.masks {
                pdu.values = Values::One(or);
            }
            pdu.odd = fits(pdu.masks.is_some() && reader.is_empty());
        }
        23 => {
            pdu.address = reader.be16().ok();
            pdu.quantity = reader.be16().ok();
            pdu.write_address = reader.be16().ok();
            pdu.write_quantity = reader.be16().ok();
            let quantity = pdu.write_quantity;
            written(&mut pdu, false, quantity, reader);
        }
        24 => {
            pdu.address = reader.be16().ok();
            pdu.odd = fits(pdu.address.is_some() && reader.is_empty());
        }
        function::ENCAPSULATED => encapsulated(&mut pdu, reader),
        function::UMAS => umas(&mut pdu, reader),
        _ => pdu.values = raw(body),
    }
    if pdu.odd.is_none() {
        pdu.odd = out_of_bounds(function, &pdu);
    }
    pdu
}

/// Reads the body of a reply that is not an exception.
pub(super) fn reply(function: u8, body: &[u8]) -> Pdu<'_> {
    let mut pdu = Pdu::EMPTY;
    let mut reader = Reader::new("modbus reply", body);
    match function {
        1..=4 | 23 => {
            counted(&mut pdu, reader);
            if let Values::Raw(bytes) = pdu.values {
                pdu.values = if function <= 2 {
                    Values::Bits { bytes, count: None }
                } else if bytes.len() % 2 == 0 {
                    Values::Registers(bytes)
                } else {
                    pdu.odd = BYTE_COUNT;
                    Values::Raw(bytes)
                };
            }
        }
        // An echo of the request, or of the first part of it.
        5 | 6 | 22 => return Pdu { odd: odd_echo(request(function, body).odd), ..request(function, body) },
        15 | 16 => {
            pdu.address = reader.be16().ok();
            pdu.quantity = reader.be16().ok();
            pdu.odd = fits(pdu.quantity.is_some() && reader.is_empty());
        }
        7 => {
            pdu.values = raw(body);
            pdu.odd = fits(body.len() == 1);
        }
        11 => {
            pdu.values = raw(body);
            pdu.odd = fits(body.len() == 4);
        }
        function::DIAGNOSTICS => diagnostics(&mut pdu, reader),
        12 | function::REPORT_SERVER_ID | 20 | 21 => counted(&mut pdu, reader),
        24 => {
            let bytes = reader.be16().ok();
            pdu.quantity = reader.be16().ok();
            pdu.values = if reader.is_empty() { Values::None } else { Values::Registers(reader.rest()) };
            let right = bytes.is_some_and(|bytes| usize::from(bytes) == body.len().saturating_sub(2));
            pdu.odd = if right { None } else { BYTE_COUNT };
        }
        function::ENCAPSULATED => encapsulated(&mut pdu, reader),
        function::UMAS => umas(&mut pdu, reader),
        _ => pdu.values = raw(body),
    }
    pdu
}

/// Reads the body of an exception.
pub(super) fn exception(body: &[u8]) -> Pdu<'_> {
    let exception = body.first().copied();
    Pdu { exception, odd: fits(body.len() == 1), ..Pdu::EMPTY }
}

const fn fits(right: bool) -> Option<&'static str> {
    if right { None } else { LENGTH }
}

/// A coil value out of range is the client's breach; the echo of it is not counted again.
fn odd_echo(odd: Option<&'static str>) -> Option<&'static str> {
    odd.filter(|name| Some(*name) == LENGTH)
}

const fn raw(bytes: &[u8]) -> Values<'_> {
    if bytes.is_empty() { Values::None } else { Values::Raw(bytes) }
}

fn diagnostics<'a>(pdu: &mut Pdu<'a>, mut reader: Reader<'a>) {
    pdu.sub = reader.be16().ok();
    pdu.values = raw(reader.rest());
    pdu.odd = fits(pdu.sub.is_some() && reader.rest().len() >= 2);
}

fn encapsulated<'a>(pdu: &mut Pdu<'a>, mut reader: Reader<'a>) {
    pdu.sub = reader.u8().ok().map(u16::from);
    pdu.values = raw(reader.rest());
    pdu.odd = fits(pdu.sub.is_some());
}

/// UMAS: a reservation byte, then the code (in replies 0xFE for done, 0xFD for refused).
fn umas<'a>(pdu: &mut Pdu<'a>, mut reader: Reader<'a>) {
    let _reservation = reader.u8();
    pdu.sub = reader.u8().ok().map(u16::from);
    pdu.values = raw(reader.rest());
    pdu.odd = fits(pdu.sub.is_some());
}

/// A byte count and that many bytes, and nothing more.
fn counted<'a>(pdu: &mut Pdu<'a>, mut reader: Reader<'a>) {
    let count = reader.u8().ok();
    pdu.values = raw(reader.rest());
    pdu.odd = match count {
        None => LENGTH,
        Some(count) if usize::from(count) != reader.rest().len() => BYTE_COUNT,
        Some(_) => None,
    };
}

/// The byte count and values of a write of `quantity` coils or registers.
fn written<'a>(pdu: &mut Pdu<'a>, coils: bool, quantity: Option<u16>, reader: Reader<'a>) {
    if quantity.is_none() {
        pdu.odd = LENGTH;
        return;
    }
    counted(pdu, reader);
    let bytes = match pdu.values {
        Values::Raw(bytes) => bytes,
        _ => &[],
    };
    let wanted = quantity.map(|n| if coils { usize::from(n).div_ceil(8) } else { usize::from(n).saturating_mul(2) });
    if pdu.odd.is_none() && wanted != Some(bytes.len()) {
        pdu.odd = BYTE_COUNT;
    }
    pdu.values = match bytes {
        [] => Values::None,
        _ if coils => Values::Bits { bytes, count: quantity },
        _ => Values::Registers(bytes),
    };
}

fn out_of_bounds(function: u8, pdu: &Pdu<'_>) -> Option<&'static str> {
    let beyond = |first: Option<u16>, count: Option<u16>| {
        u32::from(first.unwrap_or(0)).saturating_add(u32::from(count.unwrap_or(0))) > 65_536
    };
    if let (Some(most), Some(quantity)) = (function::most(function), pdu.quantity)
        && (quantity == 0 || quantity > most)
    {
        return Some("modbus.quantity");
    }
    if pdu.write_quantity.is_some_and(|quantity| quantity == 0 || quantity > 121) {
        return Some("modbus.quantity");
    }
    (beyond(pdu.address, pdu.quantity) || beyond(pdu.write_address, pdu.write_quantity)).then_some("modbus.range")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked examples of the specification, clauses 6.1 to 6.18: (function, request body, reply body).
    const EXAMPLES: [(u8, &[u8], &[u8]); 15] = [
        (1, &[0x00, 0x13, 0x00, 0x13], &[0x03, 0xcd, 0x6b, 0x05]),
        (2, &[0x00, 0xc4, 0x00, 0x16], &[0x03, 0xac, 0xdb, 0x35]),
        (3, &[0x00, 0x6b, 0x00, 0x03], &[0x06, 0x02, 0x2b, 0x00, 0x00, 0x00, 0x64]),
        (4, &[0x00, 0x08, 0x00, 0x01], &[0x02, 0x00, 0x0a]),
        (5, &[0x00, 0xac, 0xff, 0x00], &[0x00, 0xac, 0xff, 0x00]),
        (6, &[0x00, 0x01, 0x00, 0x03], &[0x00, 0x01, 0x00, 0x03]),
        (7, &[], &[0x6d]),
        (8, &[0x00, 0x00, 0xa5, 0x37], &[0x00, 0x00, 0xa5, 0x37]),
        (11, &[], &[0xff, 0xff, 0x01, 0x08]),
        (12, &[], &[0x08, 0x00, 0x00, 0x01, 0x08, 0x01, 0x21, 0x20, 0x00]),
        (15, &[0x00, 0x13, 0x00, 0x0a, 0x02, 0xcd, 0x01], &[0x00, 0x13, 0x00, 0x0a]),
        (16, &[0x00, 0x01, 0x00, 0x02, 0x04, 0x00, 0x0a, 0x01, 0x02], &[0x00, 0x01, 0x00, 0x02]),
        (22, &[0x00, 0x04, 0x00, 0xf2, 0x00, 0x25], &[0x00, 0x04, 0x00, 0xf2, 0x00, 0x25]),
        (
            23,
            &[0, 3, 0, 6, 0, 0x0e, 0, 3, 6, 0, 0xff, 0, 0xff, 0, 0xff],
            &[0x0c, 0, 0xfe, 0x0a, 0xcd, 0, 1, 0, 3, 0, 0x0d, 0, 0xff],
        ),
        (24, &[0x04, 0xde], &[0x00, 0x06, 0x00, 0x02, 0x01, 0xb8, 0x12, 0x84]),
    ];

    #[test]
    fn examples_of_the_specification_fit() {
        for (function, asked, answer) in EXAMPLES {
            assert_eq!(request(function, asked).odd, None, "request {function}");
            assert_eq!(reply(function, answer).odd, None, "reply {function}");
        }
    }

    #[test]
    fn values_of_the_examples() {
        let coils = request(15, EXAMPLES[10].1);
        assert_eq!((coils.address, coils.quantity, coils.values.range()), (Some(19), Some(10), Some((0, 1))));
        let bits: Vec<u8> = coils.values.bits().map(u8::from).collect();
        assert_eq!(bits, [1, 0, 1, 1, 0, 0, 1, 1, 1, 0], "coils 20 to 29 as the specification lists them");
        let registers = request(16, EXAMPLES[11].1);
        assert_eq!(registers.values.registers().collect::<Vec<_>>(), [10, 258]);
        assert_eq!(registers.values.range(), Some((10, 258)));
        let both = request(23, EXAMPLES[13].1);
        assert_eq!((both.address, both.quantity), (Some(3), Some(6)));
        assert_eq!((both.write_address, both.write_quantity), (Some(14), Some(3)));
        let answer = reply(23, EXAMPLES[13].2);
        assert_eq!(answer.values.registers().collect::<Vec<_>>(), [254, 2_765, 1, 3, 13, 255]);
        assert_eq!(request(22, EXAMPLES[12].1).masks, Some((0xf2, 0x25)));
        assert_eq!(request(5, EXAMPLES[4].1).values.range(), Some((1, 1)));
        assert_eq!(reply(24, EXAMPLES[14].2).values.registers().collect::<Vec<_>>(), [440, 4_740]);
    }

    #[test]
    fn breaches_are_named_and_what_is_there_is_read() {
        for (name, function, body, odd) in [
            ("nothing at all", 3, &[][..], "modbus.pdu-length"),
            ("no quantity", 3, &[0, 1], "modbus.pdu-length"),
            ("a byte too many", 3, &[0, 1, 0, 1, 9], "modbus.pdu-length"),
            ("quantity 0", 3, &[0, 1, 0, 0], "modbus.quantity"),
            ("quantity 126", 3, &[0, 1, 0, 126], "modbus.quantity"),
            ("past the last register", 3, &[0xff, 0xff, 0, 2], "modbus.range"),
            ("coil neither on nor off", 5, &[0, 1, 0x12, 0x34], "modbus.coil-value"),
            ("byte count lies", 16, &[0, 1, 0, 2, 9, 0, 1, 0, 2], "modbus.byte-count"),
            ("byte count against quantity", 16, &[0, 1, 0, 3, 4, 0, 1, 0, 2], "modbus.byte-count"),
            ("no values", 16, &[0, 1, 0, 2, 0], "modbus.byte-count"),
            ("written quantity 0", 23, &[0, 1, 0, 1, 0, 1, 0, 0, 0], "modbus.quantity"),
        ] {
            assert_eq!(request(function, body).odd, Some(odd), "{name}");
        }
        assert_eq!(request(6, &[0, 9]).address, Some(9), "a cut write still says where");
        assert_eq!(reply(3, &[4, 0, 1]).odd, Some("modbus.byte-count"));
        assert_eq!(reply(3, &[3, 0, 1, 2]).odd, Some("modbus.byte-count"));
        assert_eq!(exception(&[2]).exception, Some(2));
        assert_eq!(exception(&[]).odd, Some("modbus.pdu-length"));
    }
}
