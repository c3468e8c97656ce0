//! Niagara Fox: building controllers and their workbench over TCP 1911, as long as they speak in clear.
//!
//! Reads the names of messages and the greeting in which both sides say who they are. Deliberately not read: contents of other messages, Foxs
//! (that is TLS), credentials.
//!
//! Source: there is no public specification; the greeting as published in Nmap's `fox-info` script and in public captures.

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// Niagara Fox.
pub(crate) static FOX: FramedProtocol = FramedProtocol {
    name: "fox",
    hints: &[Hint::Tcp(1_911)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| begins(head),
    frames: |_| Box::new(Fox),
};

const START: &[u8] = b"fox ";
const END: &[u8] = b"};;\n";
/// Longest message believed; the greeting takes less than two kilobytes.
const LONGEST: usize = 32 * 1024;

/// `fox a 1 -1 fox hello`: kind, numbers, channel, command.
fn begins(bytes: &[u8]) -> Probe {
    match bytes.get(..6) {
        None if START.starts_with(bytes.get(..bytes.len().min(4)).unwrap_or_default()) => Probe::NeedMore,
        None => Probe::No,
        Some([b'f', b'o', b'x', b' ', kind, b' ']) if kind.is_ascii_lowercase() => Probe::Yes,
        Some(_) => Probe::No,
    }
}

/// The value of a text field: `hostName=s:x`.
fn value<'a>(bytes: &'a [u8], name: &str) -> Option<&'a str> {
    bytes.split(|byte| *byte == b'\n').find_map(|line| {
        let rest = line.strip_prefix(name.as_bytes())?.strip_prefix(b"=s:")?;
        printable(rest)
    })
}

/// Two values as one: `QNX 6.3.2`.
fn joined(bytes: &[u8], name: &str, version: &str) -> Text<96> {
    match (value(bytes, name), value(bytes, version)) {
        (Some(name), Some(version)) => Text::of(format_args!("{name} {version}")),
        (Some(name), None) => Text::of(format_args!("{name}")),
        _ => Text::new(),
    }
}

/// Fox messages in a stream.
struct Fox;

impl Frames for Fox {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match begins(bytes) {
            Probe::NeedMore => Frame::More,
            Probe::No => Frame::Lost(ParseError::Malformed { what: "fox message", at: 0, why: "no start" }),
            Probe::Yes => match bytes.windows(END.len()).take(LONGEST).position(|window| window == END) {
                Some(at) => Frame::whole(at.saturating_add(END.len())),
                None if bytes.len() > LONGEST => Frame::Lost(ParseError::Limit { what: "fox message" }),
                None => Frame::More,
            },
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        begins(bytes)
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let line = bytes.split(|byte| *byte == b'\n').next().and_then(printable).unwrap_or_default();
        let mut words = line.split(' ').skip(4);
        let (channel, command) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut acts = Acts::new();
        let application = joined(bytes, "app.name", "app.version");
        let system = value(bytes, "os.name");
        if command == "hello" {
            acts.request(Verb::Discover, Object::Device { unit: None });
            let name = value(bytes, "station.name").or_else(|| value(bytes, "hostName"));
            acts.says_text(Attribute::Name, name, 90, "fox.hello");
            acts.says_text(Attribute::Manufacturer, value(bytes, "brandId"), 80, "fox.hello");
            let application = Some(application.as_str()).filter(|text| !text.is_empty());
            acts.says_text(Attribute::SoftwareVersion, application, 90, "fox.hello");
            acts.says_text(Attribute::OsName, system, 85, "fox.hello");
            acts.says_text(Attribute::OsVersion, value(bytes, "os.version"), 85, "fox.hello");
            acts.says_text(Attribute::SerialNumber, value(bytes, "hostId"), 80, "fox.hello");
        } else if command == "login" {
            acts.request(Verb::Login, Object::Named(channel));
        }
        let fields = Shown(|visit| {
            visit.text("channel", channel);
            visit.text("command", command);
            if command == "hello" {
                for name in [
                    "fox.version",
                    "hostName",
                    "app.name",
                    "app.version",
                    "os.name",
                    "os.version",
                    "station.name",
                    "brandId",
                ] {
                    visit.maybe_text(name, value(bytes, name));
                }
            }
        });
        emit.message("message", &mut acts, &fields);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::Conversation;
    use dogwatch_model::Direction::{ToClient, ToServer};

    #[test]
    fn a_greeting() {
        let mut conversation = Conversation::new(&FOX, Carrier::Tcp, 1_911);
        conversation.send(ToServer, b"fox a 1 -1 fox hello\n{\nfox.version=s:1.0\nid=i:1\n};;\n");
        let hello = "fox a 0 -1 fox hello\n{\nhostName=s:10.0.0.2\napp.name=s:Station\napp.version=s:3.5\nos.name=s:QNX\nos.version=s:6.3\nstation.name=s:Galley\nhostId=s:Qnx-1\nbrandId=s:vykon\n};;\n";
        conversation.send(ToClient, hello.as_bytes());
        assert_eq!(
            conversation.heard.seen[1].acts,
            [
                "request discover device",
                "says name=Galley (fox.hello)",
                "says manufacturer=vykon (fox.hello)",
                "says software_version=Station 3.5 (fox.hello)",
                "says os_name=QNX (fox.hello)",
                "says os_version=6.3 (fox.hello)",
                "says serial_number=Qnx-1 (fox.hello)",
            ]
        );
        assert_eq!(FOX.probe(Carrier::Tcp, ToServer, b"fox"), Probe::NeedMore);
        assert_eq!(FOX.probe(Carrier::Tcp, ToServer, b"foxes run"), Probe::No);
    }
}
