//! A rule while its options are read, one after the other: each may change what the one before it began.

use super::condition::{Buffer, Condition, Content, Sizes};
use super::numbers::{ByteJump, ByteTest};
use super::pcre::Pcre;
use super::{FlowWant, Threshold, classes, options};

/// Conditions one rule may have.
const MOST_CONDITIONS: usize = 64;
/// Largest offset, depth and the like: no packet is longer.
const LARGEST: i64 = 65_535;

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) sid: Option<u64>,
    pub(super) generator: u64,
    pub(super) revision: u32,
    pub(super) message: String,
    pub(super) class: Option<String>,
    pub(super) threshold: Option<Threshold>,
    pub(super) flow: FlowWant,
    pub(super) size: Option<Sizes>,
    pub(super) parts: Vec<(Buffer, Vec<Condition>)>,
    pub(super) expressions: usize,
    priority: Option<u8>,
    is_information: bool,
    /// Where the contents that come stand.
    current: Option<Buffer>,
    /// Where the one before stands.
    last: Option<Buffer>,
}

impl Draft {
    /// Takes one option up.
    ///
    /// # Errors
    /// Why the rule cannot be used.
    pub(super) fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "sid" => self.sid = value.parse().ok(),
            "gid" => self.generator = value.parse().unwrap_or(1),
            "rev" => self.revision = value.parse().unwrap_or(0),
            "msg" => self.message = options::unquote(value).0.replace('\\', ""),
            "classtype" => self.class = Some(value.to_owned()),
            "priority" => self.priority = Some(value.parse().map_err(|_| format!("priority `{value}`"))?),
            "metadata" => self.is_information |= value.contains("signature_severity Informational"),
            "reference" | "target" => {}
            "flow" => self.flow = options::flow(value)?,
            "flowbits" => flow_bits(value)?,
            "threshold" => self.threshold = Some(options::threshold(value, false)?),
            "detection_filter" => self.threshold = Some(options::threshold(value, true)?),
            "dsize" => self.size = Some(Sizes::read(value).ok_or_else(|| format!("dsize `{value}`"))?),
            _ => return self.take_condition(name, value),
        }
        Ok(())
    }

    fn take_condition(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "content" => {
                let content = options::content(value)?;
                self.push(Condition::Content(content))
            }
            "uricontent" => {
                let content = options::content(value)?;
                self.push_to(Buffer::HttpUri, Condition::Content(content))
            }
            "pcre" => {
                let (text, negated) = options::unquote(value);
                let (pcre, buffer) = Pcre::read(text, negated)?;
                self.expressions = self.expressions.saturating_add(1);
                match buffer {
                    Some(buffer) => self.push_to(buffer, Condition::Pcre(pcre)),
                    None => self.push(Condition::Pcre(pcre)),
                }
            }
            "byte_test" => self.push(Condition::Test(ByteTest::read(value)?)),
            "byte_jump" => self.push(Condition::Jump(ByteJump::read(value)?)),
            "isdataat" => self.push(data_at(value)?),
            "bsize" | "urilen" => {
                // `urilen` may end in `,raw` or `,norm`
                let sizes = value.split(',').next().unwrap_or_default();
                let sizes = Sizes::read(sizes).ok_or_else(|| format!("{name} `{value}`"))?;
                let buffer = if name == "urilen" { Buffer::HttpUri } else { self.current.unwrap_or(Buffer::Payload) };
                self.push_to(buffer, Condition::Size(sizes))
            }
            "dotprefix" => self.push(Condition::DotPrefix),
            "pkt_data" => self.turn_to(Buffer::Payload),
            "dns.query" | "dns_query" => self.turn_to(Buffer::DnsQuery),
            "tls.sni" | "tls_sni" => self.turn_to(Buffer::TlsSni),
            "http.uri" => self.turn_to(Buffer::HttpUri),
            "http.method" => self.turn_to(Buffer::HttpMethod),
            "http.host" => self.turn_to(Buffer::HttpHost),
            "http.user_agent" => self.turn_to(Buffer::HttpUserAgent),
            "http_uri" => self.move_last(Buffer::HttpUri),
            "http_method" => self.move_last(Buffer::HttpMethod),
            "http_host" => self.move_last(Buffer::HttpHost),
            "http_user_agent" => self.move_last(Buffer::HttpUserAgent),
            _ => self.modify(name, value),
        }
    }

    /// Words that say more of the content before them.
    fn modify(&mut self, name: &str, value: &str) -> Result<(), String> {
        let known = matches!(
            name,
            "nocase"
                | "offset"
                | "depth"
                | "distance"
                | "within"
                | "startswith"
                | "endswith"
                | "fast_pattern"
                | "rawbytes"
        );
        if !known {
            return Err(format!("keyword `{}`", crate::import::bounded(name, 40)));
        }
        let buffer = self.last.unwrap_or(Buffer::Payload);
        let content = self.last_content(buffer).ok_or_else(|| format!("`{name}` without a content before it"))?;
        let number = |least: i64| {
            let number = value.parse::<i64>().ok().filter(|number| (least..=LARGEST).contains(number));
            number.ok_or_else(|| format!("{name} `{}`", crate::import::bounded(value, 40)))
        };
        match name {
            "nocase" => content.any_case = true,
            "offset" => content.offset = Some(number(0)? as u32),
            "depth" => content.depth = Some(number(content.bytes.len() as i64)? as u32),
            "distance" => content.distance = Some(number(-LARGEST)? as i32),
            "within" => content.within = Some(number(content.bytes.len() as i64)? as u32),
            "startswith" => (content.offset, content.depth) = (Some(0), Some(content.bytes.len() as u32)),
            "endswith" => content.at_end = true,
            // `fast_pattern:only` says that the content stands for itself: looking at it again costs little
            "fast_pattern" => content.is_fast = true,
            _ => {}
        }
        Ok(())
    }

    fn turn_to(&mut self, buffer: Buffer) -> Result<(), String> {
        self.current = Some(buffer);
        Ok(())
    }

    fn push(&mut self, condition: Condition) -> Result<(), String> {
        // what counts from the last match stands where that one stands, also where its buffer was named behind it
        let follows = self.last.filter(|_| condition.is_relative() && !matches!(condition, Condition::Content(_)));
        self.push_to(self.current.or(follows).unwrap_or(Buffer::Payload), condition)
    }

    fn push_to(&mut self, buffer: Buffer, condition: Condition) -> Result<(), String> {
        let count: usize = self.parts.iter().map(|(_, conditions)| conditions.len()).sum();
        if count >= MOST_CONDITIONS {
            return Err(format!("more than {MOST_CONDITIONS} conditions"));
        }
        self.last = Some(buffer);
        match self.parts.iter_mut().find(|(of, _)| *of == buffer) {
            Some((_, conditions)) if matches!(condition, Condition::DotPrefix) => conditions.insert(0, condition),
            Some((_, conditions)) => conditions.push(condition),
            None => self.parts.push((buffer, vec![condition])),
        }
        Ok(())
    }

    fn last_content(&mut self, buffer: Buffer) -> Option<&mut Content> {
        let (_, conditions) = self.parts.iter_mut().find(|(of, _)| *of == buffer)?;
        conditions.iter_mut().rev().find_map(|condition| match condition {
            Condition::Content(content) => Some(content),
            _ => None,
        })
    }

    /// The older way to name a buffer: behind the content.
    fn move_last(&mut self, buffer: Buffer) -> Result<(), String> {
        let payload = self.parts.iter_mut().find(|(of, _)| *of == Buffer::Payload);
        let last = payload.and_then(|(_, conditions)| conditions.pop_if(|last| matches!(last, Condition::Content(_))));
        self.parts.retain(|(_, conditions)| !conditions.is_empty());
        self.push_to(buffer, last.ok_or("a buffer named without a content before it")?)
    }

    /// What the whole rule must be.
    ///
    /// # Errors
    /// Why the rule cannot be used.
    pub(super) fn check(&mut self) -> Result<(), String> {
        let asks = |condition: &Condition| !matches!(condition, Condition::DotPrefix);
        if !self.parts.iter().any(|(_, conditions)| conditions.iter().any(asks)) {
            return Err(
                "no content: it would match by addresses and ports alone (a list of indicators can do that)".into()
            );
        }
        let mut protocols: Vec<_> = self.parts.iter().map(|(buffer, _)| buffer.protocol()).collect();
        protocols.dedup();
        if protocols.len() > 1 {
            return Err("payload and decoded names, or names of two protocols, in one rule".into());
        }
        for condition in self.parts.iter_mut().flat_map(|(_, conditions)| conditions) {
            if let Condition::Content(content) = condition
                && content.any_case
            {
                content.bytes.make_ascii_lowercase();
            }
        }
        Ok(())
    }

    pub(super) fn priority(&self) -> u8 {
        let by_class = || self.class.as_deref().map_or(classes::UNKNOWN, classes::priority);
        if self.is_information { 4 } else { self.priority.unwrap_or_else(by_class) }
    }
}

/// A rule that only sets a mark is a rule like others; one that asks for a mark, or must not be told, is not.
fn flow_bits(value: &str) -> Result<(), String> {
    match value.split(',').next().map(str::trim) {
        Some("set" | "unset" | "toggle") => Ok(()),
        other => Err(format!("flowbits `{}`", other.unwrap_or_default())),
    }
}

fn data_at(value: &str) -> Result<Condition, String> {
    let not_understood = || format!("isdataat `{}`", crate::import::bounded(value, 40));
    let mut words = value.split(',').map(str::trim);
    let first = words.next().unwrap_or_default();
    let (number, negated) = first.strip_prefix('!').map_or((first, false), |rest| (rest.trim(), true));
    let at = number.parse::<u32>().ok().filter(|at| i64::from(*at) <= LARGEST).ok_or_else(not_understood)?;
    let mut relative = false;
    for word in words {
        match word {
            "relative" => relative = true,
            "rawbytes" => {}
            _ => return Err(not_understood()),
        }
    }
    Ok(Condition::DataAt { at, relative, negated })
}
