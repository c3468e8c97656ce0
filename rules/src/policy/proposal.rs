//! Ready-made lines for what was seen and is not allowed: TOML that a person may paste into the policy, or that `policy propose` writes.
//!
//! A proposal names hosts, never a prefix; it allows what was seen and nothing beside it. Nothing is proposed from an untrusted zone into OT: that is a
//! question for a person, not a line to accept.

use std::fmt::Write as _;

use dogwatch_model::{Object, Transport};

use super::app::AppName;
use super::navigation::NmeaAsk;
use super::types::ConduitIx;
use super::verdict::Ask;
use super::words::Class;
use super::{End, Policy};

/// Longest name from the wire that goes into a proposal.
const LONGEST_NAME: usize = 120;

impl Policy {
    /// A line that allows what was asked, with its conduit when there is none yet. `None` where nothing may be proposed: an end without zone, an
    /// untrusted zone into OT, or an end that can only be named by a group address.
    #[must_use]
    pub fn policy_line_for(&self, ask: &Ask<'_>) -> Option<String> {
        let (from, to) = (ask.from.zone?, ask.to.zone?);
        let class = |zone| self.zone(zone).map(|zone| zone.class);
        if class(from)? == Class::Untrusted && class(to)? == Class::Ot {
            return None;
        }
        let mut text = String::new();
        let existing = self.conduits.iter().position(|conduit| conduit.from == from && conduit.to == to);
        match existing.and_then(|position| self.conduit(ConduitIx::at(position))) {
            Some(conduit) => {
                let _ = writeln!(text, "# below conduit \"{}\" (line {})", conduit.id, conduit.line);
            }
            None => {
                let (from, to) = (self.zone_id(Some(from)), self.zone_id(Some(to)));
                let _ = writeln!(text, "[[conduit]]\nid = {}", quoted(&self.free_conduit_id(from, to)));
                let _ = writeln!(text, "from = {}\nto = {}\nowner = \"\"\nreason = \"\"", quoted(from), quoted(to));
            }
        }
        text.push_str("  [[conduit.allow]]\n");
        let group = self.is_group(&ask.to);
        for (key, end, named) in
            [("from", &ask.from, true), ("to", &ask.to, !group && Some(to) != Some(self.outside()))]
        {
            if named {
                let _ = writeln!(text, "  {key} = [{}]", quoted(&self.literal(end)?));
            }
        }
        text.push_str(&app_fields(ask)?);
        Some(text)
    }

    /// An `[[nmea]]` that allows a sentence; `None` for a source the policy does not know as an asset, or one that should not speak with this address.
    #[must_use]
    pub fn nmea_line_for(&self, ask: &NmeaAsk<'_>) -> Option<String> {
        let asset = self.asset(ask.from.asset?).filter(|_| !ask.from.mac_differs)?;
        let letters = |text: &str| {
            !text.is_empty() && text.len() <= 10 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        };
        if !letters(ask.talker) || !letters(ask.formatter) {
            return None;
        }
        let mut text = format!("[[nmea]]\nsource = {}\n", quoted(&asset.id));
        if let Some(sfi) = ask.sfi {
            let _ = writeln!(text, "sfi = [{}]", quoted(sfi.as_str()));
        }
        if ask.talker == "P" {
            let _ = writeln!(text, "sentences = [{}]", quoted(&format!("P{}", ask.formatter)));
        } else {
            let _ = writeln!(text, "talkers = [{}]\nsentences = [{}]", quoted(ask.talker), quoted(ask.formatter));
        }
        Some(text)
    }

    /// An `[[n2k]]` that allows a parameter group to the device with a NAME.
    #[must_use]
    pub fn n2k_line_for(&self, bus: &str, name: u64, pgn: u32) -> String {
        let (source, pattern) = self.n2k_source_for(bus, name);
        format!("[[n2k]]\nsource = {}\nbus = {}\nname = {pattern}\npgn = [{pgn}]\n", quoted(&source), quoted(bus))
    }

    /// What a device of a bus is called and how its NAME is written (ISO 11783-5).
    pub(super) fn n2k_source_for(&self, bus: &str, name: u64) -> (String, String) {
        let bits = |shift: u32, width: u32| (name >> shift) & ((1 << width) - 1);
        let known = self.n2k.iter().find(|entry| entry.bus == bus && entry.name.matches(name));
        let source = known.map_or_else(|| format!("device-{:06x}", bits(0, 21)), |entry| entry.source.clone());
        let pattern = format!(
            "{{ manufacturer = {}, unique = {}, function = {}, class = {} }}",
            bits(21, 11),
            bits(0, 21),
            bits(40, 8),
            bits(49, 7)
        );
        (source, pattern)
    }

    /// How an end is written: asset id, else address.
    pub(super) fn literal(&self, end: &End) -> Option<String> {
        if let Some(asset) = end.asset.and_then(|asset| self.asset(asset)) {
            return Some(asset.id.clone());
        }
        match end.ip {
            Some(ip) => Some(ip.to_string()),
            None => (!end.mac.is_none() && !end.mac.is_group()).then(|| end.mac.to_string()),
        }
    }

    fn is_group(&self, end: &End) -> bool {
        end.mac.is_group() || end.ip.is_some_and(|ip| ip.is_multicast())
    }

    pub(super) fn free_conduit_id(&self, from: &str, to: &str) -> String {
        let base = if from == to { format!("{from}-internal") } else { format!("{from}-to-{to}") };
        let base: String = base.chars().take(44).collect();
        let taken = |id: &str| self.conduits.iter().any(|conduit| conduit.id == id);
        let numbered = (2..).map(|number: u32| format!("{base}-{number}"));
        std::iter::once(base.clone()).chain(numbered).find(|id| !taken(id)).unwrap_or(base)
    }
}

/// `app` and what it restricts. `None` where no word of the policy fits (a CAN bus, a serial line, an unknown EtherType).
fn app_fields(ask: &Ask<'_>) -> Option<String> {
    let name = ask.protocol.and_then(AppName::of_protocol);
    let app = match (name, ask.transport) {
        (Some(name), _) => name.as_str().to_owned(),
        (None, Transport::Tcp) => format!("tcp/{}", ask.port),
        (None, Transport::Udp) => format!("udp/{}", ask.port),
        (None, Transport::Ip(number)) => format!("ip/{number}"),
        (None, Transport::Ethernet(0x0806)) => "arp".to_owned(),
        (None, Transport::Ethernet(_) | Transport::Can | Transport::Serial) => return None,
    };
    let mut text = format!("  app = {}\n", quoted(&app));
    let Some(name) = name else { return Some(text) };
    if let Some(Object::Registers { unit, .. } | Object::Device { unit: Some(unit) }) = ask.object
        && name == AppName::Modbus
    {
        let _ = writeln!(text, "  unit = [{unit}]");
    }
    if let Some(verb) = ask.verb.filter(|verb| name.ops().contains(*verb)) {
        let _ = writeln!(text, "  op = [{}]", quoted(verb.as_str()));
    }
    match ask.object {
        Some(Object::Registers { table, first, count, written, .. }) if name == AppName::Modbus => {
            let last = first.saturating_add(count.max(1) - 1);
            let range = super::AddressRange { first, last };
            let _ = writeln!(text, "  table = {}\n  addr = [{}]", quoted(table.as_str()), quoted(&range.to_string()));
            if let Some((low, high)) = written {
                let _ = writeln!(text, "  value = [{low}, {high}]");
            }
        }
        Some(Object::Named(object)) if object.len() <= LONGEST_NAME => match name {
            named if named.has_objects() && super::ObjectPattern::parse(object).is_some() => {
                let _ = writeln!(text, "  object = [{}]", quoted(object));
            }
            AppName::Tls | AppName::Dns | AppName::Http if super::HostPattern::parse(object).is_some() => {
                let _ = writeln!(text, "  host = [{}]", quoted(object));
            }
            _ => {}
        },
        _ => {}
    }
    Some(text)
}

/// A TOML basic string. Names come from the wire: quotes, backslashes and everything unprintable are escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
