//! DNS and its two link-local relatives: mDNS and LLMNR. They share one message format and differ in port, in who may answer, and in what an
//! answer says about the sender.
//!
//! Names that are asked for are requests to discover; answers of mDNS and LLMNR are what hosts say of themselves. Names for addresses in
//! plain DNS answers are told as facts only for addresses a ship uses inside (private and link-local ones). Deliberately not read: DNSSEC,
//! EDNS options, zone transfers beyond their first message, DNS over TLS or HTTPS.
//!
//! Specifications: RFC 1035, RFC 6762 (mDNS), RFC 6763 (service discovery), RFC 4795 (LLMNR).

mod message;
pub(crate) mod name;

use std::net::IpAddr;

use arrayvec::ArrayVec;
use dogwatch_model::{Attribute, FactValue, Object, Subject, Verb};

use self::message::{Dns, Record, kind};
use self::name::Name;
use crate::acts::{Acts, Emit, Shown, Visit};
use crate::datagram::DatagramProtocol;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// DNS over UDP and TCP.
pub(crate) static DNS: FramedProtocol = FramedProtocol {
    name: "dns",
    hints: &[Hint::Udp(53), Hint::Tcp(53)],
    carriers: &[Carrier::Udp, Carrier::Tcp],
    probe: probe_dns,
    frames: |_| Box::new(Unicast),
};

/// Multicast DNS.
pub(crate) static MDNS: DatagramProtocol = DatagramProtocol {
    name: "mdns",
    hints: &[Hint::Udp(5353)],
    carriers: &[Carrier::Udp],
    probe: |head| match Dns::parse(head) {
        // RFC 6762 clause 18: opcode zero; the id is zero except in one-shot queries and their answers.
        Ok(dns) if dns.is_plausible() && dns.opcode() == 0 && dns.rcode() == 0 && is_local(&dns) => Probe::Yes,
        _ => Probe::No,
    },
    read: |chunk, emit| message(chunk.bytes, Kind::Multicast, emit),
};

/// Link-local multicast name resolution.
pub(crate) static LLMNR: DatagramProtocol = DatagramProtocol {
    name: "llmnr",
    hints: &[Hint::Udp(5355)],
    carriers: &[Carrier::Udp],
    probe: |head| match Dns::parse(head) {
        Ok(dns) if dns.is_plausible() && dns.opcode() == 0 && dns.question_count() == 1 && is_single_label(&dns) => {
            Probe::Yes
        }
        _ => Probe::No,
    },
    read: |chunk, emit| message(chunk.bytes, Kind::LinkLocal, emit),
};

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unicast,
    Multicast,
    LinkLocal,
}

/// Every name asked for or told ends in a domain of the local link or of addresses.
fn is_local(dns: &Dns<'_>) -> bool {
    let local = |name: &Name| {
        let name = name.as_str().to_ascii_lowercase();
        name.is_empty() || name.ends_with(".local") || name.ends_with(".arpa")
    };
    dns.questions().all(|question| local(&question.name)) && dns.records().all(|record| local(&record.name))
}

/// RFC 4795 clause 3: names are single labels, or reverse look-ups.
fn is_single_label(dns: &Dns<'_>) -> bool {
    dns.questions().all(|question| {
        let name = question.name.as_str();
        !is_netbios(&question.name) && !name.is_empty() && (!name.contains('.') || name.ends_with(".arpa"))
    })
}

/// NetBIOS shares the message format; its names are 32 letters from A to P.
fn is_netbios(name: &Name) -> bool {
    let label = name.as_str().split('.').next().unwrap_or_default();
    // one damaged letter does not make a host name of it
    label.len() >= 32 && label.bytes().filter(|byte| (b'A'..=b'P').contains(byte)).count() >= 28
}

fn probe_dns(carrier: Carrier, head: &[u8]) -> Probe {
    let body = if carrier.is_stream() {
        let Some((len, body)) = head.split_first_chunk::<2>() else { return Probe::NeedMore };
        let len = usize::from(u16::from_be_bytes(*len));
        if len < 17 {
            return Probe::No;
        }
        match body.get(..len) {
            Some(body) => body,
            // The header alone rules out nearly everything else.
            None => match body.first_chunk::<12>() {
                Some([_, _, flags, _, q0, q1, ..]) if flags & 0x78 == 0 && [*q0, *q1] == [0, 1] => {
                    return Probe::NeedMore;
                }
                Some(_) => return Probe::No,
                None => return Probe::NeedMore,
            },
        }
    } else {
        head
    };
    match Dns::parse(body) {
        Ok(dns) if dns.questions().any(|question| is_netbios(&question.name)) => Probe::No,
        Ok(dns) if dns.is_plausible() && dns.question_count() <= 8 => Probe::Yes,
        _ => Probe::No,
    }
}

/// DNS messages; on TCP each behind its length.
struct Unicast;

impl Frames for Unicast {
    fn frame(&self, carrier: Carrier, bytes: &[u8]) -> Frame {
        if !carrier.is_stream() {
            return Frame::whole(bytes.len());
        }
        match bytes.first_chunk() {
            None => Frame::More,
            Some(len) => match u16::from_be_bytes(*len) {
                0..12 => Frame::Lost(ParseError::Malformed { what: "dns length", at: 0, why: "shorter than a header" }),
                len => Frame::whole(usize::from(len).saturating_add(2)),
            },
        }
    }

    fn begins(&self, carrier: Carrier, bytes: &[u8]) -> Probe {
        probe_dns(carrier, bytes)
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let body = if chunk.carrier.is_stream() { bytes.get(2..).unwrap_or_default() } else { bytes };
        message(body, Kind::Unicast, emit)
    }
}

/// Questions of a message that are looked at.
const MOST_QUESTIONS: usize = 8;

fn message(bytes: &[u8], protocol: Kind, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let dns = Dns::parse(bytes)?;
    let names: ArrayVec<Name, MOST_QUESTIONS> =
        dns.questions().take(MOST_QUESTIONS).map(|question| question.name).collect();
    let mut facts = FactTexts::default();
    let mut acts = Acts::new();
    for name in &names {
        let object = Object::Named(name.as_str());
        if dns.is_response() {
            acts.reply(Verb::Discover, object, dns.rcode() != 0);
        } else {
            acts.request(Verb::Discover, object);
        }
    }
    // An mDNS query may carry records too: those its sender is about to claim. Only answers are statements.
    if dns.is_response() && dns.rcode() == 0 {
        facts.collect(&dns, protocol);
        facts.tell(&mut acts, protocol);
    }
    let fields = Shown(|visit| show(visit, &dns));
    emit.message(if dns.is_response() { "response" } else { "query" }, &mut acts, &fields);
    Ok(())
}

/// Texts of facts, kept until the message is handed over.
#[derive(Default)]
struct FactTexts {
    hosts: Vec<(IpAddr, Name)>,
    services: Vec<Text<96>>,
    /// Hosts that services are at: nearly always the sender, but for a proxy that answers for those asleep.
    targets: Vec<Name>,
    system: Option<(Text<64>, Text<64>)>,
    descriptions: Vec<Text<256>>,
}

/// Facts taken from one message.
const MOST_FACTS: usize = 6;

impl FactTexts {
    fn collect(&mut self, dns: &Dns<'_>, protocol: Kind) {
        for record in dns.records() {
            match record.kind {
                kind::A | kind::AAAA => self.host(&record, protocol),
                kind::SRV if protocol == Kind::Multicast && self.services.len() < MOST_FACTS => {
                    self.services.extend(service(&record));
                    let target = record.target(dns.bytes).filter(|name| !name.is_empty());
                    self.targets.extend(target.filter(|name| self.targets.iter().all(|known| !same(known, name))));
                }
                kind::HINFO if protocol == Kind::Multicast => {
                    let mut strings = record.strings().map(|text| printable(text).unwrap_or_default());
                    let (cpu, system) = (strings.next().unwrap_or_default(), strings.next().unwrap_or_default());
                    self.system = Some((Text::of(format_args!("{cpu}")), Text::of(format_args!("{system}"))));
                }
                kind::TXT if protocol == Kind::Multicast && self.descriptions.len() < MOST_FACTS => {
                    self.descriptions.extend(description(&record));
                }
                _ => {}
            }
        }
    }

    fn host(&mut self, record: &Record<'_>, protocol: Kind) {
        let Some(address) = record.address() else { return };
        let wanted = protocol != Kind::Unicast || is_inside(address);
        if wanted && !record.name.is_empty() && self.hosts.len() < MOST_FACTS {
            self.hosts.push((address, record.name));
        }
    }

    fn tell<'a>(&'a self, acts: &mut Acts<'a>, protocol: Kind) {
        let (method, confidence) = match protocol {
            Kind::Unicast => ("dns.address", 60),
            Kind::Multicast => ("mdns.address", 85),
            Kind::LinkLocal => ("llmnr.address", 80),
        };
        for (address, name) in &self.hosts {
            let value = FactValue::Text(name.as_str());
            acts.says_about(Subject::Ip(*address), Attribute::Name, value, confidence, method);
        }
        for name in &self.targets {
            acts.says(Attribute::Name, FactValue::Text(name.as_str()), 60, "mdns.srv");
        }
        for service in &self.services {
            acts.says(Attribute::Service, FactValue::Text(service.as_str()), 75, "mdns.srv");
        }
        if let Some((processor, system)) = &self.system {
            let told = |text: &'a Text<64>| Some(text.as_str()).filter(|text| !text.is_empty());
            acts.says_text(Attribute::OsName, told(system), 75, "mdns.hinfo");
            acts.says_text(Attribute::Description, told(processor), 50, "mdns.hinfo");
        }
        for description in &self.descriptions {
            acts.says(Attribute::Description, FactValue::Text(description.as_str()), 50, "mdns.txt");
        }
    }
}

fn same(one: &Name, other: &Name) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

/// An address that is used inside a network only.
fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// `tcp/631 ipp` from an SRV record named `instance._ipp._tcp.local`.
fn service(record: &Record<'_>) -> Option<Text<96>> {
    let port = record.port()?;
    let name = record.name.as_str();
    let (before, transport) = ["tcp", "udp"].iter().find_map(|transport| {
        let at = name.rfind(&format!("._{transport}."))?;
        Some((name.get(..at)?, transport))
    })?;
    let service = before.rsplit('.').next()?.strip_prefix('_')?;
    Some(Text::of(format_args!("{transport}/{port} {service}")))
}

/// The `key=value` strings of a TXT record in one line; what is no text, such as a key, is left out.
fn description(record: &Record<'_>) -> Option<Text<256>> {
    let mut text = Text::new();
    for string in record.strings().filter_map(printable) {
        let blank = if text.is_empty() { "" } else { " " };
        let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{blank}{string}"));
    }
    (!text.is_empty()).then_some(text)
}

fn show(visit: &mut Visit<'_>, dns: &Dns<'_>) {
    visit.number("id", dns.id);
    visit.flag("response", dns.is_response());
    visit.number("opcode", dns.opcode());
    if dns.is_response() {
        visit.coded("rcode", dns.rcode(), rcode_name(dns.rcode()));
    }
    visit.0.open_list("questions");
    for question in dns.questions() {
        visit.0.open_group("");
        visit.text("name", question.name.as_str());
        visit.number("type", question.kind);
        visit.0.close();
    }
    visit.0.close();
    visit.0.open_list("records");
    for record in dns.records() {
        visit.0.open_group("");
        visit.text("name", record.name.as_str());
        visit.number("type", record.kind);
        if let Some(address) = record.address() {
            visit.shown("address", address);
        }
        visit.maybe_text("target", record.target(dns.bytes).as_ref().map(Text::as_str));
        visit.maybe("port", record.port());
        let mut strings = record.strings().peekable();
        if strings.peek().is_some() {
            visit.0.open_list("text");
            strings.for_each(|text| visit.text("", printable(text).unwrap_or_default()));
            visit.0.close();
        }
        visit.0.close();
    }
    visit.0.close();
}

const fn rcode_name(rcode: u16) -> Option<&'static str> {
    Some(match rcode {
        0 => "no-error",
        1 => "format-error",
        2 => "server-failure",
        3 => "no-such-name",
        4 => "not-implemented",
        5 => "refused",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, datagram};
    use dogwatch_model::Direction::{ToClient, ToServer};

    fn header(id: u16, flags: u16, counts: [u16; 4]) -> Vec<u8> {
        [id, flags, counts[0], counts[1], counts[2], counts[3]].iter().flat_map(|n| n.to_be_bytes()).collect()
    }

    fn name(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for label in text.split('.').filter(|label| !label.is_empty()) {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
        bytes
    }

    fn record(owner: &str, kind: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = name(owner);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1, 0, 0, 0, 60]);
        bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend(data);
        bytes
    }

    fn query(text: &str) -> Vec<u8> {
        let mut bytes = header(7, 0x0100, [1, 0, 0, 0]);
        bytes.extend(name(text));
        bytes.extend([0, 1, 0, 1]);
        bytes
    }

    #[test]
    fn names_asked_and_answered() {
        let heard = datagram(&DNS, Carrier::Udp, 53, &query("ntp.bridge"));
        assert_eq!(heard.seen[0].acts, ["request discover ntp.bridge"]);
        let mut answer = header(7, 0x8180, [1, 2, 0, 0]);
        answer.extend(name("ntp.bridge"));
        answer.extend([0, 1, 0, 1]);
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 9]);
        answer.extend(record("ntp.bridge", 1, &[8, 8, 8, 8]));
        let heard = datagram(&DNS, Carrier::Udp, 53, &answer);
        assert_eq!(
            heard.seen[0].acts,
            ["reply discover ntp.bridge", "says 10.0.0.9 name=ntp.bridge (dns.address)"],
            "a public address is no host of the ship"
        );
        let mut refused = query("nowhere");
        refused[2] = 0x81;
        refused[3] = 0x83;
        assert_eq!(datagram(&DNS, Carrier::Udp, 53, &refused).seen[0].acts, ["refusal discover nowhere"]);
    }

    #[test]
    fn over_tcp_with_a_length() {
        let mut bytes = Vec::new();
        for text in ["a.bridge", "b.bridge"] {
            let message = query(text);
            bytes.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
            bytes.extend(message);
        }
        let mut conversation = Conversation::new(&DNS, Carrier::Tcp, 53);
        conversation.send(ToServer, &bytes[..30]);
        conversation.send(ToServer, &bytes[30..]);
        assert_eq!(conversation.heard.seen.len(), 2);
        assert_eq!(conversation.heard.seen[1].acts, ["request discover b.bridge"]);
        assert_eq!(DNS.probe(Carrier::Tcp, ToServer, &bytes), Probe::Yes);
        assert_eq!(DNS.probe(Carrier::Tcp, ToServer, &bytes[..20]), Probe::NeedMore);
        assert_eq!(DNS.probe(Carrier::Tcp, ToServer, b"GET / HTTP/1.1\r\n\r\n"), Probe::No);
    }

    #[test]
    fn a_host_says_its_name_by_mdns() {
        let mut answer = header(0, 0x8400, [0, 4, 0, 0]);
        answer.extend(record("printer.local", 1, &[10, 0, 0, 7]));
        let mut srv = vec![0, 0, 0, 0, 2, 0x77];
        srv.extend(name("printer.local"));
        answer.extend(record("Bridge printer._ipp._tcp.local", 33, &srv));
        answer.extend(record("printer.local", 13, b"\x06ARMV6L\x05LINUX"));
        answer.extend(record("printer.local", 16, b"\x08model=X1\x02\xff\xfe\x09txtvers=1"));
        let heard = datagram(&MDNS, Carrier::Udp, 5353, &answer);
        assert_eq!(
            heard.seen[0].acts,
            [
                "says 10.0.0.7 name=printer.local (mdns.address)",
                "says name=printer.local (mdns.srv)",
                "says service=tcp/631 ipp (mdns.srv)",
                "says os_name=LINUX (mdns.hinfo)",
                "says description=ARMV6L (mdns.hinfo)",
                "says description=model=X1 txtvers=1 (mdns.txt)",
            ]
        );
        assert_eq!(MDNS.probe(Carrier::Udp, ToClient, &answer), Probe::Yes);
        assert_eq!(MDNS.probe(Carrier::Udp, ToClient, &query("www.example.org")), Probe::No);
    }

    #[test]
    fn llmnr_asks_for_single_labels() {
        assert_eq!(LLMNR.probe(Carrier::Udp, ToServer, &query("ecdis-1")), Probe::Yes);
        assert_eq!(LLMNR.probe(Carrier::Udp, ToServer, &query("www.example.org")), Probe::No);
        let mut answer = header(7, 0x8000, [1, 1, 0, 0]);
        answer.extend(name("ecdis-1"));
        answer.extend([0, 1, 0, 1]);
        answer.extend(record("ecdis-1", 1, &[169, 254, 1, 2]));
        let heard = datagram(&LLMNR, Carrier::Udp, 5355, &answer);
        assert_eq!(heard.seen[0].acts, ["reply discover ecdis-1", "says 169.254.1.2 name=ecdis-1 (llmnr.address)"]);
    }

    #[test]
    fn damaged_messages_are_errors() {
        let whole = query("ntp.bridge");
        for end in 0..whole.len() {
            let heard = datagram(&DNS, Carrier::Udp, 53, &whole[..end]);
            assert!(heard.seen.is_empty(), "cut at {end}");
            assert_eq!(DNS.probe(Carrier::Udp, ToServer, &whole[..end]), Probe::No, "cut at {end}");
        }
        let mut many = whole;
        many[5] = 9;
        assert_eq!(datagram(&DNS, Carrier::Udp, 53, &many).errors[0].kind(), "incomplete");
    }
}
