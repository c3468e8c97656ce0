//! Present values: what ReadProperty and ReadPropertyMultiple answer, what changes of value tell, and what WriteProperty asks for.
//!
//! Numbers, booleans and enumerations only. Deliberately not read: arrays, values of other properties, status flags, priorities.
//!
//! Specification: ANSI/ASHRAE 135-2020 clauses 13.6 and 13.7 (change of value), 15.5, 15.7 and 15.9 (properties), 20.2 (encoding).

use dogwatch_model::ReadingVisitor;

use super::{Apdu, Carried, ObjectId, Station, context, multiple, subject, tag};
use crate::reader::Reader;
use crate::text::{Text, text};

/// Service of a change of value that is acknowledged; the other is unconfirmed service 2.
pub(super) const CONFIRMED_COV: u8 = 1;
/// The property (clause 21, BACnetPropertyIdentifier).
const PRESENT_VALUE: u32 = 85;
/// Properties of one change of value that are gone through.
const MOST: usize = 32;

/// Whether a message is one of those that hold values.
pub(super) fn holds_values(apdu: &Apdu<'_>) -> bool {
    !apdu.is_later_part
        && matches!((apdu.kind, apdu.service), (3, Some(12 | 14)) | (0, Some(CONFIRMED_COV | 15)) | (1, Some(2)))
}

/// Hands out the present values of a message, each as `analog-input:3`, with the station in front where a router speaks for it.
pub(super) fn readings(carried: &Carried<'_>, apdu: &Apdu<'_>, to: &mut dyn ReadingVisitor) {
    // what is written is of whoever it is written to
    let station = if apdu.kind == 0 && apdu.service == Some(15) { carried.to } else { carried.from };
    let mut say = |id: ObjectId, value: Option<f64>| {
        let Some(value) = value else { return };
        match station {
            Some(station) => to.number(format_args!("{}/{}", name_of(station).as_str(), id.name().as_str()), value),
            None => to.number(format_args!("{}", id.name().as_str()), value),
        }
    };
    match (apdu.kind, apdu.service) {
        (3, Some(12)) | (0, Some(15)) => {
            let (id, property, mut rest) = subject(apdu);
            if let (Some(id), Some(PRESENT_VALUE)) = (id, property) {
                let is_whole = context(&mut rest, 2).is_none();
                say(id, number(rest, 3).filter(|_| is_whole));
            }
        }
        (3, Some(14)) => {
            let _ = multiple(apdu.content, |id, property, value| {
                if property == PRESENT_VALUE {
                    say(id, number(value, 4));
                }
            });
        }
        _ => {
            let _ = change_of_value(apdu.content, say);
        }
    }
}

fn name_of(station: Station<'_>) -> Text<40> {
    let mut name: Text<40> = text!["net:", station.network, "."];
    for byte in station.address.iter().take(8) {
        name.put(crate::text::Hex(*byte, 2));
    }
    name
}

/// Process, device, object, time left, then in brackets 4 properties, each with its value in brackets 2.
fn change_of_value(mut content: Reader<'_>, mut say: impl FnMut(ObjectId, Option<f64>)) -> Option<()> {
    let _process = context(&mut content, 0)?;
    let _device = context(&mut content, 1)?;
    let id = ObjectId(context(&mut content, 2)?);
    let _left = context(&mut content, 3)?;
    let (4, true, 0) = tag(&mut content).ok()? else { return None };
    for _ in 0..MOST {
        let property = context(&mut content, 0)?;
        let is_whole = context(&mut content, 1).is_none();
        if property == PRESENT_VALUE {
            say(id, number(content, 2).filter(|_| is_whole));
        }
        super::skip_bracket(&mut content)?;
        let _priority = context(&mut content, 3);
    }
    None
}

/// The one number in brackets of context tag `bracket` (clause 20.2): boolean 1, unsigned 2, signed 3, real 4, double 5, enumerated 9.
fn number(mut content: Reader<'_>, bracket: u8) -> Option<f64> {
    let (found, true, 0) = tag(&mut content).ok()? else { return None };
    if found != bracket {
        return None;
    }
    let (kind, false, length) = tag(&mut content).ok()? else { return None };
    // a boolean has its value where others have their length
    if kind == 1 {
        return (length <= 1).then_some(if length == 1 { 1.0 } else { 0.0 });
    }
    let bytes = content.take(length).ok()?;
    let unsigned = || bytes.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
    Some(match (kind, bytes) {
        (2 | 9, [_] | [_, _] | [_, _, _] | [_, _, _, _]) => unsigned().into(),
        (3, [_, ..]) if length <= 4 => {
            let shift = 32_u32.checked_sub(u32::try_from(length).ok()?.checked_mul(8)?)?;
            f64::from((unsigned() << shift).cast_signed() >> shift)
        }
        (4, [a, b, c, d]) => f32::from_be_bytes([*a, *b, *c, *d]).into(),
        (5, bytes) => f64::from_be_bytes(bytes.try_into().ok()?),
        _ => return None,
    })
}
