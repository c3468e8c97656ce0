//! The head of a rule: `alert tcp $HOME_NET any -> $EXTERNAL_NET [80,8080:8090] (`, with the variables it names.

use std::collections::BTreeMap;
use std::sync::Arc;

use dogwatch_model::Transport;
use hashbrown::HashMap;

use super::Between;
use super::address::Addresses;
use super::port::Ports;

/// Variables within variables, and lists within lists, that are followed.
const DEEPEST: usize = 8;
/// Items of all lists of one head.
const MOST_ITEMS: usize = 20_000;

/// What the rules' variables stand for: `$HOME_NET`. What is not set has the meaning it has in the settings that come with Suricata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

/// The variables of the settings that come with Suricata 7; the networks at home are the private ones (RFC 1918, RFC 4193) and the local link.
const DEFAULTS: &[(&str, &str)] = &[
    ("HOME_NET", "[10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,fc00::/7,fe80::/10]"),
    ("EXTERNAL_NET", "!$HOME_NET"),
    ("HTTP_SERVERS", "$HOME_NET"),
    ("SMTP_SERVERS", "$HOME_NET"),
    ("SQL_SERVERS", "$HOME_NET"),
    ("DNS_SERVERS", "$HOME_NET"),
    ("TELNET_SERVERS", "$HOME_NET"),
    ("AIM_SERVERS", "$EXTERNAL_NET"),
    ("DC_SERVERS", "$HOME_NET"),
    ("DNP3_SERVER", "$HOME_NET"),
    ("DNP3_CLIENT", "$HOME_NET"),
    ("MODBUS_CLIENT", "$HOME_NET"),
    ("MODBUS_SERVER", "$HOME_NET"),
    ("ENIP_CLIENT", "$HOME_NET"),
    ("ENIP_SERVER", "$HOME_NET"),
    ("HTTP_PORTS", "80"),
    ("SHELLCODE_PORTS", "!80"),
    ("ORACLE_PORTS", "1521"),
    ("SSH_PORTS", "22"),
    ("DNP3_PORTS", "20000"),
    ("MODBUS_PORTS", "502"),
    ("FILE_DATA_PORTS", "[$HTTP_PORTS,110,143]"),
    ("FTP_PORTS", "21"),
    ("GENEVE_PORTS", "6081"),
    ("VXLAN_PORTS", "4789"),
    ("TEREDO_PORTS", "3544"),
];

impl Default for Variables {
    fn default() -> Self {
        Self(DEFAULTS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }
}

impl Variables {
    /// Sets one; a `$` before the name may stand or not.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.trim_start_matches('$').to_owned(), value.trim().to_owned());
    }
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    Ip,
    Tcp,
    Udp,
    Icmp,
    /// An application, whatever carries it.
    Application(&'static str),
}

impl Carrier {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "ip" => Self::Ip,
            "tcp" | "tcp-pkt" | "tcp-stream" => Self::Tcp,
            "udp" => Self::Udp,
            "icmp" => Self::Icmp,
            "http" | "http1" => Self::Application("http"),
            "dns" => Self::Application("dns"),
            "tls" | "ssl" => Self::Application("tls"),
            _ => return None,
        })
    }

    fn fits(self, between: &Between<'_>) -> bool {
        match self {
            Self::Ip => between.ips.is_some(),
            Self::Tcp => between.transport == Transport::Tcp,
            Self::Udp => between.transport == Transport::Udp,
            // ICMP and ICMPv6 (IANA protocol numbers)
            Self::Icmp => matches!(between.transport, Transport::Ip(1 | 58)),
            Self::Application(name) => between.protocol == Some(name),
        }
    }
}

/// One end: addresses and ports. Thousands of rules share the same few.
#[derive(Debug, Clone)]
pub(super) struct Ends {
    pub(super) addresses: Arc<Addresses>,
    pub(super) ports: Arc<Ports>,
}

/// The head of a rule.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) carrier: Carrier,
    pub(super) from: Ends,
    pub(super) to: Ends,
    pub(super) is_both_ways: bool,
}

impl Header {
    pub(super) fn fits(&self, between: &Between<'_>) -> bool {
        if !self.carrier.fits(between) {
            return false;
        }
        let Some((src, dst)) = between.ips else { return false };
        let (src_port, dst_port) = between.ports;
        let has_ports = matches!(between.transport, Transport::Tcp | Transport::Udp);
        let is_end = |ends: &Ends, ip, port| (!has_ports || ends.ports.has(port)) && ends.addresses.has(ip);
        (is_end(&self.to, dst, dst_port) && is_end(&self.from, src, src_port))
            || (self.is_both_ways && is_end(&self.to, src, src_port) && is_end(&self.from, dst, dst_port))
    }
}

/// Reads heads, remembering the sets that were read before.
#[derive(Debug, Default)]
pub(super) struct Heads {
    variables: Variables,
    addresses: HashMap<Box<str>, Arc<Addresses>>,
    ports: HashMap<Box<str>, Arc<Ports>>,
}

impl Heads {
    pub(super) fn new(variables: Variables) -> Self {
        Self { variables, ..Self::default() }
    }

    /// Reads a head without its action.
    ///
    /// # Errors
    /// Why the rule cannot be used.
    pub(super) fn read(&mut self, text: &str) -> Result<Header, String> {
        let words = words(text);
        let [carrier, from, from_ports, arrow, to, to_ports] = words.as_slice() else {
            return Err(format!("{} words before the bracket; 7 are expected", words.len().saturating_add(1)));
        };
        let is_both_ways = match *arrow {
            "->" => false,
            "<>" => true,
            other => return Err(format!("direction `{other}`; `->` or `<>` is expected")),
        };
        let carrier = Carrier::of(carrier).ok_or_else(|| format!("protocol `{carrier}`"))?;
        let from = Ends { addresses: self.addresses(from)?, ports: self.ports(from_ports)? };
        let to = Ends { addresses: self.addresses(to)?, ports: self.ports(to_ports)? };
        Ok(Header { carrier, from, to, is_both_ways })
    }

    fn addresses(&mut self, text: &str) -> Result<Arc<Addresses>, String> {
        if let Some(known) = self.addresses.get(text) {
            return Ok(Arc::clone(known));
        }
        let mut items = MOST_ITEMS;
        let read = Arc::new(self.read_addresses(text, DEEPEST, &mut items)?);
        self.addresses.insert(text.into(), Arc::clone(&read));
        Ok(read)
    }

    fn read_addresses(&self, text: &str, depth: usize, items: &mut usize) -> Result<Addresses, String> {
        let (text, depth) = one_deeper(text, depth, items)?;
        if let Some(inner) = text.strip_prefix('!') {
            return Ok(Addresses::Not(Box::new(self.read_addresses(inner, depth, items)?)));
        }
        if let Some(inner) = list(text) {
            let list = split_list(inner).map(|item| self.read_addresses(item, depth, items));
            return list.collect::<Result<_, _>>().map(Addresses::List);
        }
        if let Some(name) = text.strip_prefix('$') {
            return self.read_addresses(self.variable(name)?, depth, items);
        }
        if text.eq_ignore_ascii_case("any") {
            return Ok(Addresses::Any);
        }
        Addresses::one(text).ok_or_else(|| format!("`{text}` is no address"))
    }

    fn ports(&mut self, text: &str) -> Result<Arc<Ports>, String> {
        if let Some(known) = self.ports.get(text) {
            return Ok(Arc::clone(known));
        }
        let mut items = MOST_ITEMS;
        let read = Arc::new(self.read_ports(text, DEEPEST, &mut items)?);
        if read.is_none() {
            return Err(format!("`{text}` leaves no port"));
        }
        self.ports.insert(text.into(), Arc::clone(&read));
        Ok(read)
    }

    fn read_ports(&self, text: &str, depth: usize, items: &mut usize) -> Result<Ports, String> {
        let (text, depth) = one_deeper(text, depth, items)?;
        if let Some(inner) = text.strip_prefix('!') {
            let mut ports = Ports::all();
            ports.remove(&self.read_ports(inner, depth, items)?);
            return Ok(ports);
        }
        if let Some(inner) = list(text) {
            let (mut wanted, mut unwanted, mut has_wanted) = (Ports::none(), Ports::none(), false);
            for item in split_list(inner) {
                match item.trim().strip_prefix('!') {
                    Some(inner) => unwanted.unite(&self.read_ports(inner, depth, items)?),
                    None => {
                        has_wanted = true;
                        wanted.unite(&self.read_ports(item, depth, items)?);
                    }
                }
            }
            let mut ports = if has_wanted { wanted } else { Ports::all() };
            ports.remove(&unwanted);
            return Ok(ports);
        }
        if let Some(name) = text.strip_prefix('$') {
            return self.read_ports(self.variable(name)?, depth, items);
        }
        if text.eq_ignore_ascii_case("any") {
            return Ok(Ports::all());
        }
        let number = |word: &str, open: u16| if word.is_empty() { Ok(open) } else { word.trim().parse::<u16>() };
        let range = match text.split_once(':') {
            Some((from, to)) => number(from, 0).and_then(|from| Ok((from, number(to, u16::MAX)?))),
            None => text.parse().map(|port| (port, port)),
        };
        let (from, to) = range.ok().filter(|(from, to)| from <= to).ok_or_else(|| format!("`{text}` is no port"))?;
        let mut ports = Ports::none();
        ports.add(from, to);
        Ok(ports)
    }

    fn variable(&self, name: &str) -> Result<&str, String> {
        self.variables.0.get(name).map(String::as_str).ok_or_else(|| format!("variable `${name}` is not set"))
    }
}

fn one_deeper<'a>(text: &'a str, depth: usize, items: &mut usize) -> Result<(&'a str, usize), String> {
    let depth = depth.checked_sub(1).ok_or("lists or variables within each other, too deep")?;
    *items = items.checked_sub(1).ok_or("more addresses or ports than one rule may have")?;
    Ok((text.trim(), depth))
}

fn list(text: &str) -> Option<&str> {
    text.strip_prefix('[')?.strip_suffix(']')
}

/// The items of a list; a list within is one item.
fn split_list(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    text.split(move |c| {
        match c {
            '[' => depth = depth.saturating_add(1),
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .filter(|item| !item.trim().is_empty())
}

/// The words of a head; a list may hold blanks.
fn words(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let split = text.split(move |c: char| {
        match c {
            '[' => depth = depth.saturating_add(1),
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c.is_ascii_whitespace() && depth <= 0
    });
    split.filter(|word| !word.is_empty()).collect()
}
