//! Syslog over UDP and TCP: which host logs, how grave.
//!
//! Over TCP both ways of telling messages apart are read: the number of bytes in front, and a line's end behind. Recognised there by a whole header
//! only. Deliberately not read: TLS, structured data. A sender that logs for several hosts is a relay, and none of their names is its own.
//!
//! Specification: RFC 5424 clause 6, RFC 3164 clause 4, RFC 6587 clause 3.4.

use dogwatch_model::{Act, Attribute, FactValue, Object};
use nom::bytes::complete::{tag, take_while_m_n, take_while1};
use nom::character::complete::{char, space1};
use nom::sequence::{delimited, terminated};
use nom::{IResult, Parser};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// Syslog.
pub(crate) static SYSLOG: FramedProtocol = FramedProtocol {
    name: "syslog",
    hints: &[Hint::Udp(514), Hint::Tcp(514), Hint::Tcp(601)],
    carriers: &[Carrier::Udp, Carrier::Tcp],
    probe: |carrier, head| match priority(head) {
        _ if carrier == Carrier::Tcp => begins(head),
        Ok((rest, 0..=191)) if rest.iter().take(16).all(|byte| byte.is_ascii_graphic() || *byte == b' ') => Probe::Yes,
        _ => Probe::No,
    },
    frames: |_| Box::new(Log { host: None, is_relay: false }),
};

/// Longest message in a stream; RFC 5424 clause 6.1 asks receivers for 2,048 bytes.
const LONGEST: usize = 16 * 1_024;
/// Bytes of a message that are read: header and the beginning of the text.
const READ: usize = 2_048;
/// Bytes in front of the host that tell a message: a count of five digits and a blank, a priority, a date.
const HEAD: usize = 6 + 5 + 16;

/// The number of bytes of a message and of the digits and the blank in front of it (RFC 6587 clause 3.4.1); `None` where no such number begins.
fn counted(bytes: &[u8]) -> Option<(usize, usize)> {
    let digits = bytes.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = bytes.split_at_checked(digits)?;
    let is_count = matches!(number, [b'1'..=b'9', ..]) && rest.first() == Some(&b' ');
    let count = std::str::from_utf8(number).ok()?.parse().ok()?;
    (is_count && (1..=LONGEST).contains(&count)).then_some((count, digits.saturating_add(1)))
}

/// Whether a message begins here in a stream.
fn begins(bytes: &[u8]) -> Probe {
    let message = match counted(bytes) {
        Some((_, head)) => bytes.get(head..).unwrap_or_default(),
        None if bytes.len() < 6 && bytes.iter().all(u8::is_ascii_digit) => return Probe::NeedMore,
        None => bytes,
    };
    match priority(message) {
        Ok((rest, 0..=191)) if is_header(rest) => Probe::Yes,
        _ if bytes.len() < HEAD && may_begin(message) => Probe::NeedMore,
        _ => Probe::No,
    }
}

/// Whether the few bytes there are may be the beginning of a priority with a header behind it.
fn may_begin(message: &[u8]) -> bool {
    let Some((b'<', rest)) = message.split_first() else { return message.is_empty() };
    let digits = rest.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
    matches!(rest.get(digits..), Some([] | [b'>', ..]))
}

/// What a sender logs.
struct Log {
    /// The host of its first message.
    host: Option<Text<64>>,
    /// Whether there was another host.
    is_relay: bool,
}

impl Frames for Log {
    fn frame(&self, carrier: Carrier, bytes: &[u8]) -> Frame {
        if carrier == Carrier::Udp {
            return Frame::whole(bytes.len().max(1));
        }
        if let Some((count, head)) = counted(bytes) {
            let len = count.saturating_add(head);
            return Frame::Whole { len, need: len.min(READ) };
        }
        match bytes {
            // What stands between messages: some senders both count and end their lines.
            [b'\n' | b'\r' | 0, ..] => Frame::whole(1),
            [b'<', ..] => match bytes.iter().take(LONGEST).position(|byte| matches!(byte, b'\n' | 0)) {
                Some(at) => Frame::whole(at.saturating_add(1)),
                None if bytes.len() < LONGEST => Frame::More,
                None => Frame::Lost(ParseError::Limit { what: "syslog line" }),
            },
            [b'1'..=b'9', ..] if bytes.len() < 6 && bytes.iter().all(u8::is_ascii_digit) => Frame::More,
            _ => Frame::Lost(ParseError::Malformed {
                what: "syslog",
                at: 0,
                why: "a count or a priority begins a message",
            }),
        }
    }

    fn begins(&self, carrier: Carrier, bytes: &[u8]) -> Probe {
        if carrier == Carrier::Udp { Probe::Yes } else { begins(bytes) }
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let bytes = match counted(bytes) {
            Some((_, head)) if chunk.carrier == Carrier::Tcp => bytes.get(head..).unwrap_or_default(),
            _ => bytes,
        };
        if chunk.carrier == Carrier::Tcp && matches!(bytes, [b'\n' | b'\r' | 0]) {
            return Ok(());
        }
        self.message(bytes, emit)
    }
}

/// `<165>`: facility times eight and severity.
fn priority(input: &[u8]) -> IResult<&[u8], u16> {
    let digits = take_while_m_n(1, 3, |byte: u8| byte.is_ascii_digit());
    let (rest, digits) = delimited(char('<'), digits, char('>')).parse(input)?;
    Ok((rest, std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(u16::MAX)))
}

fn word(input: &[u8]) -> IResult<&[u8], &[u8]> {
    terminated(take_while1(|byte: u8| byte.is_ascii_graphic()), space1).parse(input)
}

/// The host behind `1 TIMESTAMP ` (RFC 5424) or behind `Mmm dd hh:mm:ss ` (RFC 3164).
fn host(input: &[u8]) -> IResult<&[u8], &[u8]> {
    if let Ok((rest, _)) = tag::<_, _, nom::error::Error<_>>(&b"1 "[..]).parse(input) {
        let (rest, _time) = word(rest)?;
        return word(rest);
    }
    let (rest, _month) = word(input)?;
    let (rest, _day) = word(rest)?;
    let (rest, _time) = word(rest)?;
    word(rest)
}

/// Whether the header in front of the host is one of the two forms, not the beginning of free text.
fn is_header(input: &[u8]) -> bool {
    const MONTHS: [&[u8]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let old = MONTHS.iter().any(|month| input.starts_with(month))
        && input.get(6..16).is_some_and(|time| matches!(time, [b' ', _, _, b':', _, _, b':', _, _, b' ']));
    old || input.starts_with(b"1 ")
}

impl Log {
    fn message(&mut self, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let Ok((rest, priority)) = priority(bytes) else {
            return Err(ParseError::Malformed { what: "syslog", at: 0, why: "must begin with a priority" });
        };
        let host = host(rest).ok().filter(|_| is_header(rest)).and_then(|(_, host)| printable(host));
        // A tag ends in a colon; some devices leave the host out.
        let host = host.filter(|host| *host != "-" && !host.ends_with([':', ']']));
        let mut acts = Acts::new();
        acts.push(Act::Publishes { object: Object::Device { unit: None } });
        if let Some(host) = host.filter(|host| self.is_own(host)) {
            acts.says(Attribute::Name, FactValue::Text(host), 60, "syslog.hostname");
        }
        let fields = Shown(|visit| {
            visit.number("facility", priority >> 3);
            visit.number("level", priority & 7);
            visit.maybe_text("hostname", host);
            visit.maybe_text("msg", printable(rest));
        });
        emit.message("log", &mut acts, &fields);
        Ok(())
    }

    /// Whether a host is the only one so far.
    fn is_own(&mut self, host: &str) -> bool {
        let name = Text::of(format_args!("{host}"));
        let first = self.host.get_or_insert(name);
        self.is_relay |= first.as_str() != name.as_str();
        !self.is_relay
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, datagram};
    use dogwatch_model::Direction;
    use dogwatch_model::Direction::ToServer;

    #[test]
    fn messages_in_a_stream() {
        // RFC 5424 clause 6.5 and RFC 3164 clause 5.4, first examples, in both forms of RFC 6587 clause 3.4.
        let new = "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - 'su root' failed";
        let old = "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8";
        let counted = format!("{} {new}{} {new}\n{} {old}", new.len(), new.len(), old.len());
        let lines = format!("{new}\n{new}\r\n{old}\n");
        for (name, text) in [("counted", counted), ("lines", lines)] {
            for step in [1, 7, text.len()] {
                let mut stream = Conversation::new(&SYSLOG, Carrier::Tcp, 514);
                for part in text.as_bytes().chunks(step) {
                    stream.send(ToServer, part);
                }
                assert_eq!(stream.heard.errors, [], "{name} by {step}");
                let hosts: Vec<String> = stream.heard.seen.iter().map(|seen| seen.field("hostname")).collect();
                assert_eq!(hosts, ["mymachine.example.com", "mymachine.example.com", "mymachine"], "{name} by {step}");
                let named: Vec<usize> = stream.heard.seen.iter().map(|seen| seen.acts.len()).collect();
                // The first host is told once; with the second it is a relay.
                assert_eq!(named, [2, 1, 1], "{name}");
            }
            let probe = |end| SYSLOG.probe(Carrier::Tcp, ToServer, &text.as_bytes()[..end]);
            assert_eq!((probe(1), probe(3), probe(30)), (Probe::NeedMore, Probe::NeedMore, Probe::Yes), "{name}");
            // After a gap the next message is found.
            let mut stream = Conversation::new(&SYSLOG, Carrier::Tcp, 514);
            stream.send(ToServer, &text.as_bytes()[..40]);
            stream.lose(ToServer, 10);
            stream.send(ToServer, &text.as_bytes()[50..]);
            assert_eq!(stream.heard.seen.len(), 2, "{name}");
        }
        for other in [
            "1022\0pilot\0root\0ls\0",
            "<34>free text without any header ..",
            "220 ftp server is ready now, welcome",
            "<?xml version",
        ] {
            assert_eq!(SYSLOG.probe(Carrier::Tcp, ToServer, other.as_bytes()), Probe::No, "{other}");
        }
    }

    #[test]
    fn hosts() {
        for (text, host) in [
            // RFC 5424 clause 6.5 and RFC 3164 clause 5.4, first examples.
            (
                "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - 'su root' failed",
                "mymachine.example.com",
            ),
            ("<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8", "mymachine"),
            ("<166>%PIX-6-305011: Built dynamic translation now then here", ""),
            ("<13>Oct 11 22:14:15 cron[12]: job done now", ""),
        ] {
            let heard = datagram(&SYSLOG, Carrier::Udp, 514, text.as_bytes());
            assert_eq!(heard.seen[0].field("hostname"), host, "{text}");
            assert_eq!(SYSLOG.probe(Carrier::Udp, Direction::ToServer, text.as_bytes()), Probe::Yes);
        }
        let heard = datagram(&SYSLOG, Carrier::Udp, 514, b"<34>Oct 11 22:14:15 m su: x");
        assert_eq!((heard.seen[0].field("facility"), heard.seen[0].field("level")), ("4".into(), "2".into()));
        for bad in [&b"<192>x"[..], b"<>x", b"34>x", b"<3400>x", b"<34>\x00\x01"] {
            assert_eq!(SYSLOG.probe(Carrier::Udp, Direction::ToServer, bad), Probe::No);
        }
    }
}
