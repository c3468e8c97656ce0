//! Syslog over UDP: which host logs, how grave. Specification: RFC 5424 clause 6, RFC 3164 clause 4.

use dogwatch_model::{Act, Attribute, FactValue, Object};
use nom::bytes::complete::{tag, take_while_m_n, take_while1};
use nom::character::complete::{char, space1};
use nom::sequence::{delimited, terminated};
use nom::{IResult, Parser};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// Syslog.
pub(crate) static SYSLOG: DatagramProtocol = DatagramProtocol {
    name: "syslog",
    hints: &[Hint::Udp(514)],
    carriers: &[Carrier::Udp],
    probe: |head| match priority(head) {
        Ok((rest, 0..=191)) if rest.iter().take(16).all(|byte| byte.is_ascii_graphic() || *byte == b' ') => Probe::Yes,
        _ => Probe::No,
    },
    read,
};

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

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let Ok((rest, priority)) = priority(chunk.bytes) else {
        return Err(ParseError::Malformed { what: "syslog", at: 0, why: "must begin with a priority" });
    };
    let host = host(rest).ok().filter(|_| is_header(rest)).and_then(|(_, host)| printable(host));
    // A tag ends in a colon; some devices leave the host out.
    let host = host.filter(|host| *host != "-" && !host.ends_with([':', ']']));
    let mut acts = Acts::new();
    acts.push(Act::Publishes { object: Object::Device { unit: None } });
    if let Some(host) = host {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::datagram;
    use dogwatch_model::Direction;

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
