//! AMQP 1.0: frames with one performative each.
//!
//! Specification: ISO/IEC 19464:2014 part 1 (types), 2 (transport), 5 (security).

use dogwatch_model::{Act, Attribute, Object, Verb};

use super::plain_user;
use crate::ParseError;
use crate::acts::{Acts, Emit, Shown};
use crate::reader::Reader;
use crate::text::printable;

/// Performatives by the last byte of their descriptor.
const fn name(code: u8) -> &'static str {
    match code {
        0x10 => "open",
        0x11 => "begin",
        0x12 => "attach",
        0x13 => "flow",
        0x14 => "transfer",
        0x15 => "disposition",
        0x16 => "detach",
        0x17 => "end",
        0x18 => "close",
        0x40 => "sasl-mechanisms",
        0x41 => "sasl-init",
        0x42 => "sasl-challenge",
        0x43 => "sasl-response",
        0x44 => "sasl-outcome",
        _ => "frame",
    }
}

/// A value of a list: its constructor and its bytes.
#[derive(Debug, Clone, Copy)]
struct Value<'a> {
    constructor: u8,
    bytes: &'a [u8],
}

impl<'a> Value<'a> {
    /// Takes the next value (part 1, clause 1.2: the upper half of a constructor tells the width).
    fn take(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let constructor = reader.u8()?;
        if constructor == 0 {
            // A described value: its descriptor, then itself.
            let _descriptor = Self::plain(reader)?;
            return Self::plain(reader);
        }
        Self::of(constructor, reader)
    }

    fn plain(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let constructor = reader.u8()?;
        Self::of(constructor, reader)
    }

    fn of(constructor: u8, reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let length = match constructor >> 4 {
            4 => 0,
            5 => 1,
            6 => 2,
            7 => 4,
            8 => 8,
            9 => 16,
            0xa | 0xc | 0xe => reader.u8()?.into(),
            0xb | 0xd | 0xf => usize::try_from(reader.be32()?).unwrap_or(usize::MAX),
            _ => return Err(ParseError::Malformed { what: "amqp value", at: 0, why: "no such constructor" }),
        };
        Ok(Self { constructor, bytes: reader.take(length)? })
    }

    fn text(self) -> Option<&'a str> {
        if matches!(self.constructor, 0xa1 | 0xb1 | 0xa3 | 0xb3) { printable(self.bytes) } else { None }
    }

    /// The values of a list.
    fn items(self) -> Reader<'a> {
        let count = match self.constructor {
            0xc0 => 1,
            0xd0 => 4,
            _ => self.bytes.len(),
        };
        Reader::new("amqp list", self.bytes.get(count..).unwrap_or_default())
    }
}

/// The value at `index` of a list.
fn item<'a>(list: &Value<'a>, index: usize) -> Option<Value<'a>> {
    let mut reader = list.items();
    for _ in 0..index {
        Value::take(&mut reader).ok()?;
    }
    Value::take(&mut reader).ok()
}

/// The address of a source or target, which is a list whose first value is the address.
fn address<'a>(list: &Value<'a>, index: usize) -> Option<&'a str> {
    item(list, index).and_then(|node| item(&node, 0)).and_then(Value::text)
}

pub(super) fn read(bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut reader = Reader::new("amqp frame", bytes);
    let _size = reader.be32()?;
    let [offset, _kind] = reader.array()?;
    let channel = reader.be16()?;
    let _extended = reader.take(usize::from(offset).saturating_mul(4).saturating_sub(8))?;
    if reader.is_empty() {
        emit.plain("heartbeat", &[], &Shown(|visit| visit.number("channel", channel)));
        return Ok(());
    }
    let [0, 0x53, code] = reader.array()? else {
        return Err(ParseError::Malformed { what: "amqp performative", at: 8, why: "descriptor" });
    };
    let list = Value::plain(&mut reader)?;
    let text = |index| item(&list, index).and_then(Value::text);
    let mut acts = Acts::new();
    let (mut container, mut user, mut link) = (None, None, None);
    match code {
        0x10 => {
            container = text(0);
            acts.says_text(Attribute::ClientHint, container, 60, "amqp.container-id");
        }
        0x41 => {
            user = item(&list, 1).filter(|_| text(0) == Some("PLAIN")).and_then(|response| plain_user(response.bytes));
            acts.request(Verb::Login, Object::Named(user.unwrap_or("session")));
            acts.says_text(Attribute::Account, user, 80, "amqp.sasl");
            if text(0) == Some("PLAIN") {
                acts.odd("clear-text-credentials");
            }
        }
        0x44 => {
            let refused = item(&list, 0).is_some_and(|outcome| outcome.bytes.last().is_some_and(|code| *code != 0));
            acts.reply(Verb::Login, Object::Named("session"), refused);
        }
        0x12 => {
            // A sender names its target, a receiver its source; the role is a boolean.
            let role = item(&list, 2);
            let receives = role.is_some_and(|role| role.constructor == 0x41 || role.bytes == [1]);
            link = if receives { address(&list, 5) } else { address(&list, 6) };
            if let Some(link) = link {
                let object = Object::Named(link);
                acts.push(if receives { Act::Request { verb: Verb::Read, object } } else { Act::Publishes { object } });
                acts.says_text(Attribute::Publication, Some(link).filter(|_| !receives), 70, "amqp.attach");
            }
        }
        _ => {}
    }
    let fields = Shown(|visit| {
        visit.number("channel", channel);
        visit.coded("performative", code, Some(name(code)));
        visit.maybe_text("container_id", container);
        visit.maybe_text("user", user);
        visit.maybe_text("address", link);
    });
    emit.message(name(code), &mut acts, &fields);
    Ok(())
}
