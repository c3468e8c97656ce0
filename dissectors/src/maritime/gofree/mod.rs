//! GoFree: the announcement Navico plotters, radars and sonars (Simrad, B&G, Lowrance) send to UDP 239.2.1.1:2052 every second or so.
//!
//! One JSON object a datagram, as the maker's public "GoFree Tier 1" text and captures show it: who the device is, its addresses, and the
//! services it offers. Deliberately absent: the services themselves, and unescaping of strings (they are shown as they stand).

pub(super) mod json;

use std::fmt::Write;
use std::hash::{BuildHasher, Hasher};

use dogwatch_model::{
    Act, Attribute, Direction, Fact, FactValue, FieldVisitor, Fields, Mac, Message, Object, Speaker, Subject,
};
use foldhash::fast::FixedState;

use crate::{Carrier, Chunk, Dissector, Hint, Limits, ParseError, Probe, Progress, Protocol, Sink};
use json::{Listener, Scalar, Show, walk};

const NAME: &str = "gofree";
const METHOD: &str = "gofree.announce";
/// The device says so itself.
const CONFIDENCE: u8 = 90;
/// Services told of one device.
const SERVICES: usize = 8;

/// The announcements of Navico devices.
#[derive(Debug)]
pub struct GoFree;

impl Protocol for GoFree {
    fn name(&self) -> &'static str {
        NAME
    }

    fn hints(&self) -> &'static [Hint] {
        &[Hint::Udp(2052)]
    }

    fn carriers(&self) -> &'static [Carrier] {
        &[Carrier::Udp]
    }

    fn probe(&self, _carrier: Carrier, _direction: Direction, head: &[u8]) -> Probe {
        if is_announcement(head) { Probe::Yes } else { Probe::No }
    }

    fn open(&self, _limits: &Limits) -> Box<dyn Dissector> {
        Box::new(Announcements { told: 0 })
    }
}

/// An object that names an address, a model and services.
fn is_announcement(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let mut seen = Seen::default();
    text.starts_with('{') && walk(text, &mut seen) && seen.ip && seen.model && seen.services
}

#[derive(Default)]
struct Seen {
    ip: bool,
    model: bool,
    services: bool,
}

impl<'a> Listener<'a> for Seen {
    fn scalar(&mut self, depth: usize, name: &'a str, _value: Scalar<'a>) {
        self.ip |= depth == 1 && name == "IP";
        self.model |= depth == 1 && name == "Model";
    }
    fn open(&mut self, depth: usize, name: &'a str, is_object: bool) {
        self.services |= depth == 1 && name == "Services" && !is_object;
    }
    fn close(&mut self, _depth: usize) {}
}

/// One device's announcements.
#[derive(Debug)]
struct Announcements {
    /// Hash of what it told last; facts are told again when it changes.
    told: u64,
}

impl Dissector for Announcements {
    fn data(&mut self, chunk: &Chunk<'_>, out: &mut dyn Sink) -> Progress {
        let used = Progress::Used(chunk.bytes.len());
        let Some(text) = std::str::from_utf8(chunk.bytes).ok().filter(|_| is_announcement(chunk.bytes)) else {
            out.error(
                NAME,
                ParseError::Malformed { what: "announcement", at: 0, why: "not a JSON object of its kind" },
            );
            return used;
        };
        let mut hasher = FixedState::default().build_hasher();
        hasher.write(chunk.bytes);
        let hash = hasher.finish() | 1;
        let mut facts = Facts::default();
        if hash != self.told {
            self.told = hash;
            walk(text, &mut facts);
        }
        let mut acts = [Act::Odd(""); 2 + FACTS + SERVICES];
        let publishes = Act::Publishes { object: Object::Named("gofree-announce") };
        let offered = facts
            .services
            .iter()
            .take(facts.offered)
            .map(|service| says(Attribute::Service, FactValue::Text(service.as_str())));
        let all = std::iter::once(publishes).chain(facts.plain.iter().flatten().copied()).chain(offered);
        let mut count = 0_usize;
        for (slot, act) in acts.iter_mut().zip(all) {
            *slot = act;
            count = count.saturating_add(1);
        }
        let fields = Announcement(text);
        let acts = acts.get(..count).unwrap_or_default();
        out.message(&Message {
            protocol: NAME,
            kind: "announce",
            function: 0,
            speaker: Speaker::Sender,
            acts,
            fields: &fields,
        });
        used
    }

    fn gap(&mut self, _direction: Direction, _missing: u32) {}
}

const fn says(attribute: Attribute, value: FactValue<'_>) -> Act<'_> {
    Act::Says(Fact { about: Subject::Speaker, attribute, value, confidence: CONFIDENCE, method: METHOD })
}

/// How many members of the object become facts.
const FACTS: usize = 8;

/// `tcp/10110 nmea-0183`.
#[derive(Debug, Clone, Copy)]
struct Service {
    bytes: [u8; 64],
    len: usize,
}

impl Service {
    fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

impl Write for Service {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len.saturating_add(text.len());
        let to = self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?;
        to.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

struct Facts<'a> {
    plain: [Option<Act<'a>>; FACTS],
    told: usize,
    services: [Service; SERVICES],
    offered: usize,
    in_services: bool,
    port: Option<&'a str>,
    service: Option<&'a str>,
}

impl Default for Facts<'_> {
    fn default() -> Self {
        Self {
            plain: [None; FACTS],
            told: 0,
            services: [Service { bytes: [0; 64], len: 0 }; SERVICES],
            offered: 0,
            in_services: false,
            port: None,
            service: None,
        }
    }
}

impl<'a> Listener<'a> for Facts<'a> {
    fn scalar(&mut self, depth: usize, name: &'a str, value: Scalar<'a>) {
        let text = value.as_str();
        if self.in_services && depth == 3 {
            match name {
                "Port" => self.port = Some(text),
                "Service" => self.service = Some(text),
                _ => {}
            }
        }
        if depth != 1 || matches!(text, "" | "?" | "null") {
            return;
        }
        let fact = match name {
            "Brand" => Some(says(Attribute::Manufacturer, FactValue::Text(text))),
            "Model" => Some(says(Attribute::Model, FactValue::Text(text))),
            "Name" => Some(says(Attribute::Name, FactValue::Text(text))),
            "SerialNumber" => Some(says(Attribute::SerialNumber, FactValue::Text(text))),
            "AppVersion" => Some(says(Attribute::SoftwareVersion, FactValue::Text(text))),
            "IP" => text.parse().ok().map(|ip| says(Attribute::IpAddress, FactValue::Ip(ip))),
            "MacAddress" => text.parse::<Mac>().ok().map(|mac| says(Attribute::MacAddress, FactValue::Mac(mac))),
            "DeviceType" if text.contains("MFD") => Some(says(Attribute::DeviceClass, FactValue::Text("hmi"))),
            _ => None,
        };
        if let (Some(fact), Some(slot)) = (fact, self.plain.get_mut(self.told)) {
            *slot = Some(fact);
            self.told = self.told.saturating_add(1);
        }
    }

    fn open(&mut self, depth: usize, name: &'a str, _is_object: bool) {
        if depth == 1 {
            self.in_services = name == "Services";
        }
    }

    fn close(&mut self, depth: usize) {
        if self.in_services
            && depth == 2
            && let (Some(port), Some(service)) = (self.port.take(), self.service.take())
            && let Some(slot) = self.services.get_mut(self.offered)
        {
            // A name too long for the place is left out.
            let _ = write!(slot, "tcp/{port} ").and_then(|()| slot.write_str(service));
            self.offered = self.offered.saturating_add(1);
        }
    }
}

/// The whole object, for whoever asks.
struct Announcement<'a>(&'a str);

impl Fields for Announcement<'_> {
    fn visit(&self, visitor: &mut dyn FieldVisitor) {
        walk(self.0, &mut Show(visitor));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"Brand":"Acme","IP":"10.0.0.7","Model":"P 9 \"x\"","SerialNumber":123,
        "MacAddress":"02:00:00:00:00:01","Services":[{"Port":10110,"Service":"nmea-0183","Version":"1"},
        {"Features":["a"],"Port":80,"Service":"nav"}],"Name":"?"}"#;

    #[test]
    fn facts_of_an_announcement() {
        let mut facts = Facts::default();
        assert!(walk(WHOLE, &mut facts));
        let shown = format!("{:?}", facts.plain);
        for part in ["Text(\"Acme\")", "10.0.0.7", "Text(\"123\")", "MacAddress", "Model"] {
            assert!(shown.contains(part), "{part}");
        }
        assert_eq!(facts.told, 5, "a name of `?` is none");
        assert_eq!(facts.services[0].as_str(), "tcp/10110 nmea-0183");
        assert_eq!(facts.services[1].as_str(), "tcp/80 nav");
    }

    #[test]
    fn recognised_by_content() {
        assert!(is_announcement(WHOLE.as_bytes()));
        for cut in 0..WHOLE.len() {
            assert!(!is_announcement(&WHOLE.as_bytes()[..cut]), "cut at {cut}");
        }
        for other in ["{}", "[1]", r#"{"IP":"1.1.1.1","Model":"a"}"#, r#"{"IP":[[[[[[[[[[1]]]]]]]]]]}"#, "{\"a\" 1}"] {
            assert!(!is_announcement(other.as_bytes()), "{other}");
        }
    }
}
