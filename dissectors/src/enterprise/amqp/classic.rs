//! AMQP 0-9-1: frames of methods by class and number.
//!
//! Specification: AMQP 0-9-1 clause 4.2 (frames and data types) and the XML class definitions.

use dogwatch_model::{Act, Attribute, Object, Verb};

use super::plain_user;
use crate::ParseError;
use crate::acts::{Acts, Emit, Shown};
use crate::reader::Reader;
use crate::text::{Text, printable};

/// Name and act of a method.
const fn method(class: u16, number: u16) -> (&'static str, Option<(bool, Verb)>) {
    match (class, number) {
        (10, 10) => ("connection.start", None),
        (10, 11) => ("connection.start-ok", Some((true, Verb::Login))),
        (10, 40) => ("connection.open", None),
        (10, 41) => ("connection.open-ok", Some((false, Verb::Login))),
        (10, 50) => ("connection.close", None),
        (40, 10) => ("exchange.declare", Some((true, Verb::Program))),
        (40, 20) => ("exchange.delete", Some((true, Verb::Program))),
        (50, 10) => ("queue.declare", Some((true, Verb::Program))),
        (50, 20) => ("queue.bind", Some((true, Verb::Program))),
        (50, 30) => ("queue.purge", Some((true, Verb::Control))),
        (50, 40) => ("queue.delete", Some((true, Verb::Program))),
        (60, 20) => ("basic.consume", Some((true, Verb::Read))),
        (60, 21) => ("basic.consume-ok", Some((false, Verb::Read))),
        (60, 40) => ("basic.publish", None),
        (60, 60) => ("basic.deliver", None),
        (60, 70) => ("basic.get", Some((true, Verb::Read))),
        (60, 71) => ("basic.get-ok", Some((false, Verb::Read))),
        (60, 72) => ("basic.get-empty", Some((false, Verb::Read))),
        (20, 40) => ("channel.close", None),
        (40 | 50, 11 | 21 | 31 | 41) => ("declare-ok", Some((false, Verb::Program))),
        _ => ("method", None),
    }
}

fn short<'a>(reader: &mut Reader<'a>) -> Option<&'a str> {
    let length = reader.u8().ok()?;
    printable(reader.take(length.into()).ok()?)
}

fn long<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], ParseError> {
    let length = usize::try_from(reader.be32()?).unwrap_or(usize::MAX);
    reader.take(length)
}

/// A text in a table of properties. Values of other types are passed over by looking for the next name, since only texts are wanted.
fn property<'a>(table: &'a [u8], name: &str) -> Option<&'a str> {
    let wanted = name.as_bytes();
    let at = table.windows(wanted.len().saturating_add(2)).position(|window| {
        window.first().is_some_and(|length| usize::from(*length) == wanted.len())
            && window.get(1..=wanted.len()) == Some(wanted)
            && window.last() == Some(&b'S')
    })?;
    let mut reader = Reader::new("amqp property", table.get(at.checked_add(wanted.len())?.checked_add(2)?..)?);
    printable(long(&mut reader).ok()?)
}

/// What a method names.
#[derive(Debug, Clone, Copy, Default)]
struct Named<'a> {
    /// Queue, exchange and routing key, whichever the method has.
    first: Option<&'a str>,
    second: Option<&'a str>,
    user: Option<&'a str>,
    mechanism: Option<&'a str>,
    table: &'a [u8],
    code: Option<u16>,
    is_clear: bool,
}

fn named<'a>(class: u16, number: u16, mut reader: Reader<'a>) -> Result<Named<'a>, ParseError> {
    let mut named = Named::default();
    match (class, number) {
        (10, 10) => {
            let _version = reader.be16()?;
            named.table = long(&mut reader)?;
        }
        (10, 11) => {
            named.table = long(&mut reader)?;
            named.mechanism = short(&mut reader);
            let response = long(&mut reader)?;
            named.is_clear = matches!(named.mechanism, Some("PLAIN" | "AMQPLAIN"));
            named.user = match named.mechanism {
                Some("PLAIN") => plain_user(response),
                Some("AMQPLAIN") => property(response, "LOGIN"),
                _ => None,
            };
        }
        (10, 40) => named.first = short(&mut reader),
        (10 | 20, 40 | 50) => {
            named.code = Some(reader.be16()?);
            named.first = short(&mut reader);
        }
        (40 | 50, 10 | 20 | 30 | 40) | (60, 20 | 70) => {
            let _ticket = reader.be16()?;
            named.first = short(&mut reader);
            named.second = if (class, number) == (50, 20) { short(&mut reader) } else { None };
        }
        (60, 40) => {
            let _ticket = reader.be16()?;
            (named.first, named.second) = (short(&mut reader), short(&mut reader));
        }
        (60, 60) => {
            let _consumer = short(&mut reader);
            let _tag_and_redelivered = reader.take(9)?;
            (named.first, named.second) = (short(&mut reader), short(&mut reader));
        }
        _ => {}
    }
    Ok(named)
}

pub(super) fn read(bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut reader = Reader::new("amqp frame", bytes);
    let kind = reader.u8()?;
    let channel = reader.be16()?;
    let _size = reader.be32()?;
    if kind != 1 {
        let kind = match kind {
            2 => "content-header",
            3 => "content-body",
            _ => "heartbeat",
        };
        emit.plain(kind, &[], &Shown(|visit| visit.number("channel", channel)));
        return Ok(());
    }
    let (class, number) = (reader.be16()?, reader.be16()?);
    let named = named(class, number, reader)?;
    let (name, act) = method(class, number);
    let text: Text<160> = match (named.first, named.second) {
        (Some(first), Some(second)) => Text::of(format_args!("{first}/{second}")),
        (Some(one), None) | (None, Some(one)) => Text::of(format_args!("{one}")),
        (None, None) => Text::of(format_args!("{name}")),
    };
    let object = Object::Named(named.user.unwrap_or_else(|| text.as_str()));
    let mut acts = Acts::new();
    match (act, class, number) {
        (Some((true, verb)), ..) => acts.request(verb, object),
        (Some((false, verb)), ..) => acts.reply(verb, object, false),
        // 403: access refused, which is how a broker says no to a login and to whatever else is not allowed.
        (None, 10 | 20, 40 | 50) if named.code.is_some_and(|code| code >= 300) => {
            let verb = if named.code == Some(403) && class == 10 { Verb::Login } else { Verb::Write };
            acts.reply(verb, object, true);
        }
        (None, 60, 40 | 60) => acts.push(Act::Publishes { object }),
        _ => {}
    }
    if class == 60 && number == 40 {
        acts.says_text(Attribute::Publication, Some(text.as_str()), 70, "amqp.publish");
    }
    let product = property(named.table, "product");
    let product = product.map(|product| match property(named.table, "version") {
        Some(version) => Text::<80>::of(format_args!("{product} {version}")),
        None => Text::of(format_args!("{product}")),
    });
    let method = if number == 10 { "amqp.server-properties" } else { "amqp.client-properties" };
    acts.says_text(Attribute::SoftwareVersion, product.as_ref().map(Text::as_str), 80, method);
    acts.says_text(Attribute::Account, named.user, 80, "amqp.sasl");
    if named.is_clear {
        acts.odd("clear-text-credentials");
    }
    let fields = Shown(|visit| {
        visit.number("channel", channel);
        visit.number("class", class);
        visit.number("method", number);
        visit.maybe_text("mechanism", named.mechanism);
        visit.maybe_text("user", named.user);
        visit.maybe_text("name", named.first);
        visit.maybe_text("routing_key", named.second);
        visit.maybe("code", named.code);
        visit.maybe_text("product", product.as_ref().map(Text::as_str));
    });
    emit.message(name, &mut acts, &fields);
    Ok(())
}
