//! C37.118 synchrophasors: measuring units of a power plant and the concentrators that collect from them, over TCP and UDP.
//!
//! Reads every frame's header and checksum, commands, and the stations and channels of configurations 1, 2 and 3. Deliberately not read: phasors
//! and other values of data frames (a data frame means nothing without its configuration), the text of header frames.
//!
//! Specification: IEEE C37.118.2-2011 clause 6 (frames).

mod configuration;

use dogwatch_model::{Act, Attribute, FactValue, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Text, text};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};
use configuration::Configuration;

/// C37.118.
pub(crate) static SYNCHROPHASOR: FramedProtocol = FramedProtocol {
    name: "synchrophasor",
    hints: &[Hint::Tcp(4712), Hint::Udp(4713)],
    carriers: &[Carrier::Tcp, Carrier::Udp],
    probe,
    frames: |_| Box::new(Phasors),
};

/// First byte of every frame.
const SYNC: u8 = 0xaa;
/// Header and checksum.
const SHORTEST: usize = 16;
/// Frames up to this size are checked whole before a flow is believed.
const CHECKED: usize = 2_048;

/// Kinds of frames (table 3).
const fn kind_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "data",
        1 => "header",
        2 => "configuration-1",
        3 => "configuration-2",
        4 => "command",
        5 => "configuration-3",
        _ => return None,
    })
}

/// Commands (table 15): name and verb.
const fn command_name(command: u16) -> (&'static str, Verb) {
    match command {
        1 => ("data-off", Verb::Control),
        2 => ("data-on", Verb::Control),
        3 => ("header", Verb::Read),
        4 => ("configuration-1", Verb::Read),
        5 => ("configuration-2", Verb::Read),
        6 => ("configuration-3", Verb::Read),
        8 => ("extended", Verb::Control),
        _ => ("unknown", Verb::Control),
    }
}

/// The checksum of annex B: CRC-CCITT with polynomial 0x1021, started with all ones.
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 })
    })
}

/// Whether the last two bytes are the checksum of those before.
fn is_whole(frame: &[u8]) -> bool {
    frame.split_last_chunk().is_some_and(|(data, sum)| crc(data) == u16::from_be_bytes(*sum))
}

fn frame_length(bytes: &[u8]) -> Frame {
    let [SYNC, kind, l0, l1, ..] = bytes else {
        return if bytes.is_empty() || (bytes.len() < 4 && bytes.first() == Some(&SYNC)) { Frame::More } else { LOST };
    };
    let length = usize::from(u16::from_be_bytes([*l0, *l1]));
    let fits = kind & 0x80 == 0 && kind_name(kind >> 4).is_some() && matches!(kind & 0x0f, 1..=3);
    if fits && length >= SHORTEST { Frame::whole(length) } else { LOST }
}

const LOST: Frame =
    Frame::Lost(ParseError::Malformed { what: "synchrophasor frame", at: 0, why: "synchronisation, type or length" });

fn probe(carrier: Carrier, head: &[u8]) -> Probe {
    match frame_length(head) {
        Frame::More if carrier.is_stream() => Probe::NeedMore,
        Frame::Whole { len, .. } => match head.get(..len) {
            Some(frame) if is_whole(frame) => Probe::Yes,
            Some(_) => Probe::No,
            None if !carrier.is_stream() => Probe::No,
            // A long configuration over many segments: the header of the first is all there is to go by.
            None if len > CHECKED && head.len() > SHORTEST => Probe::Yes,
            None => Probe::NeedMore,
        },
        _ => Probe::No,
    }
}

/// C37.118 frames.
struct Phasors;

impl Frames for Phasors {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        frame_length(bytes)
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        if !is_whole(bytes) {
            return Err(ParseError::Checksum { what: "synchrophasor frame" });
        }
        let (data, _sum) = bytes.split_at_checked(bytes.len().saturating_sub(2)).unwrap_or_default();
        let mut reader = Reader::new("synchrophasor", data);
        let [_, kind, _, _] = reader.array()?;
        let header = Header {
            kind: kind >> 4,
            version: kind & 0x0f,
            id: reader.be16()?,
            second: reader.be32()?,
            fraction: reader.be32()?,
        };
        let configuration = match header.kind {
            2 | 3 => Some(Configuration::parse(reader.rest(), false)?),
            5 => Some(Configuration::parse(reader.rest(), true)?),
            _ => None,
        };
        let command = if header.kind == 4 { Some(reader.be16()?) } else { None };
        tell(&header, configuration.as_ref(), command, emit);
        Ok(())
    }
}

/// What every frame begins with.
#[derive(Debug, Clone, Copy)]
struct Header {
    kind: u8,
    version: u8,
    id: u16,
    second: u32,
    fraction: u32,
}

fn tell(header: &Header, configuration: Option<&Configuration<'_>>, command: Option<u16>, emit: &mut Emit<'_>) {
    let stream: Text<24> = text!["stream ", header.id];
    let what = command.map(|command| Text::<48>::of(format_args!("{} {}", stream.as_str(), command_name(command).0)));
    let object = Object::Named(what.as_ref().map_or_else(|| stream.as_str(), Text::as_str));
    let mut acts = Acts::new();
    match (header.kind, command) {
        (_, Some(command)) => acts.request(command_name(command).1, object),
        (0, None) => acts.push(Act::Publishes { object }),
        _ => acts.reply(Verb::Read, object, false),
    }
    let id: Text<8> = text![header.id];
    if command.is_none() {
        acts.says(Attribute::StationAddress, FactValue::Text(id.as_str()), 85, "synchrophasor.idcode");
    }
    if let Some(configuration) = configuration {
        for station in configuration.stations().take(8) {
            let attribute = if configuration.number == 1 { Attribute::Name } else { Attribute::Publication };
            acts.says_text(attribute, station.name, 80, "synchrophasor.station");
        }
        if configuration.is_cut() {
            acts.odd("synchrophasor.configuration-cut");
        }
    }
    let fields = Shown(|visit| {
        visit.number("frtype", header.kind);
        visit.number("version", header.version);
        visit.number("idcode_stream_source", header.id);
        visit.number("soc", header.second);
        visit.number("fracsec", header.fraction);
        if let Some(command) = command {
            visit.coded("command", command, Some(command_name(command).0));
        }
        if let Some(configuration) = configuration {
            visit.number("numpmu", configuration.number);
            visit.one_or_list("station_name", configuration.stations().filter_map(|station| station.name));
            visit.one_or_list("idcode", configuration.stations().map(|station| station.id));
            visit.one_or_list("chnam", configuration.stations().flat_map(|station| station.channels()));
        }
    });
    emit.message(kind_name(header.kind).unwrap_or("unknown"), &mut acts, &fields);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, datagram, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    /// A frame around `body` from or for stream 7.
    fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![SYNC, kind << 4 | 1];
        bytes.extend(u16::try_from(body.len() + SHORTEST).unwrap().to_be_bytes());
        bytes.extend(hex("0007 44853600 00560710"));
        bytes.extend_from_slice(body);
        bytes.extend(crc(&bytes).to_be_bytes());
        bytes
    }

    /// One station, one phasor, one analogue and one digital word, in the form of configuration 2.
    fn configuration2() -> Vec<u8> {
        let mut body = hex("000f4240 0001");
        body.extend(b"Station A       ");
        body.extend(hex("1e36 0004 0001 0001 0001"));
        body.extend(b"VA              ANALOG1         ");
        (1..=16).for_each(|at| body.extend(format!("BREAKER {at:<8}").bytes()));
        body.extend(hex("000df847 00000001 0000ffff 0000 0016 001e"));
        body
    }

    #[test]
    fn checksum() {
        // The catalogue of CRCs gives 0x29B1 for CRC-16/IBM-3740 over "123456789".
        assert_eq!(crc(b"123456789"), 0x29b1);
    }

    #[test]
    fn commands_in_the_words_of_a_policy() {
        for (name, command, want) in [
            ("off", "0001", "request control stream 7 data-off"),
            ("on", "0002", "request control stream 7 data-on"),
            ("configuration", "0005", "request read stream 7 configuration-2"),
        ] {
            let heard = datagram(&SYNCHROPHASOR, Carrier::Udp, 4713, &frame(4, &hex(command)));
            assert_eq!(heard.seen[0].acts, [want], "{name}");
        }
    }

    #[test]
    fn a_configuration_names_stations_and_channels() {
        let mut conversation = Conversation::new(&SYNCHROPHASOR, Carrier::Tcp, 4712);
        conversation.send(ToClient, &frame(3, &configuration2()));
        conversation.send(ToClient, &frame(0, &[0; 18]));
        let seen = &conversation.heard.seen;
        assert_eq!(
            seen[0].acts,
            [
                "reply read stream 7",
                "says station_address=7 (synchrophasor.idcode)",
                "says name=Station A (synchrophasor.station)"
            ]
        );
        assert_eq!((seen[0].field("numpmu"), seen[0].field("idcode")), ("1".into(), "7734".into()));
        let channels = seen[0].fields["chnam"].as_array().unwrap();
        assert_eq!((channels.len(), channels[0].as_str(), channels[2].as_str()), (18, Some("VA"), Some("BREAKER 1")));
        assert_eq!(seen[1].acts, ["publishes stream 7"]);
    }

    #[test]
    fn configuration_3_has_names_of_their_own_length() {
        let mut body = hex("0000 000f4240 0001 05");
        body.extend(b"Gen 1");
        body.extend(hex("001e 00000000000000000000000000000000 0002 0001 0000 0000 02"));
        body.extend(b"I1");
        body.extend([0; 12]);
        body.extend(hex("42c80000 c2c80000 41200000 4d 00000000 00000000 0000 0001 001e"));
        let heard = datagram(&SYNCHROPHASOR, Carrier::Udp, 4713, &frame(5, &body));
        let seen = &heard.seen[0];
        assert_eq!(seen.acts[2], "says name=Gen 1 (synchrophasor.station)");
        assert_eq!((seen.field("idcode"), seen.field("chnam")), ("30".into(), "I1".into()));
    }

    #[test]
    fn a_wrong_checksum_is_counted_and_passed_over() {
        let mut bytes = frame(0, &[0; 18]);
        bytes[20] ^= 1;
        bytes.extend(frame(0, &[0; 18]));
        let mut conversation = Conversation::new(&SYNCHROPHASOR, Carrier::Tcp, 4712);
        conversation.send(ToServer, &bytes);
        assert_eq!(conversation.heard.errors[0].kind(), "checksum");
        assert_eq!(conversation.heard.seen.len(), 1);
        assert_eq!(SYNCHROPHASOR.probe(Carrier::Tcp, ToServer, &bytes[..10]), Probe::NeedMore);
        assert_eq!(SYNCHROPHASOR.probe(Carrier::Udp, ToServer, &bytes[..34]), Probe::No);
    }
}
