//! What both ends hold so that a finding need not repeat it: texts, the ends of findings, and the fixed words of each detection.
//!
//! The sender numbers entries; a bundle carries the definition of every entry it uses that the shore has not yet receipted. So any bundle
//! can be read by a shore that holds what it has receipted, in any order. When the two ends disagree (a restored disk, a lost file) the
//! sender begins a new generation, and everything is defined again as it is used.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::net::IpAddr;

use dogwatch_model::{Category, FindingEnd, Mac, Sfi};

use crate::BundleError;
use crate::codes::Code;
use crate::wire::{Reader, put_bytes, put_varint};

/// Most entries of one kind; the sender begins a new generation before it passes it.
const MAX_ENTRIES: usize = 1 << 16;
/// Most items in each list of a rule.
const MAX_LIST: usize = 32;

/// The words of a detection that are the same in each of its findings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RuleText {
    /// Detection, e.g. `DW-2002`.
    pub rule_id: String,
    /// Short title.
    pub title: String,
    /// Category.
    pub category: Category,
    /// Why it matters on a ship.
    pub why: String,
    /// What to do.
    pub action: String,
    /// MITRE ATT&CK for ICS techniques.
    pub attack: Vec<String>,
    /// Functional elements of MSC-FAL.1/Circ.3.
    pub imo: Vec<String>,
    /// Clauses of IACS UR E26.
    pub e26: Vec<String>,
}

/// Names one table entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryRef {
    /// A text.
    Text(u32),
    /// An end of a finding.
    End(u32),
    /// A detection's words.
    Rule(u32),
}

/// One table entry with its number, as it travels and as the shore keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Definition {
    /// A text.
    Text(u32, String),
    /// An end of a finding, without its port.
    End(u32, Box<FindingEnd>),
    /// A detection's words.
    Rule(u32, Box<RuleText>),
}

impl Definition {
    /// The entry it defines.
    #[must_use]
    pub const fn entry(&self) -> EntryRef {
        match self {
            Self::Text(at, _) => EntryRef::Text(*at),
            Self::End(at, _) => EntryRef::End(*at),
            Self::Rule(at, _) => EntryRef::Rule(*at),
        }
    }

    /// Its bytes: number times four plus kind, then the content.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let head = |out: &mut Vec<u8>, at: u32, kind: u64| put_varint(out, (u64::from(at) << 2) | kind);
        match self {
            Self::Text(at, text) => {
                head(&mut out, *at, 0);
                put_bytes(&mut out, text.as_bytes());
            }
            Self::End(at, end) => {
                head(&mut out, *at, 1);
                put_end(&mut out, end);
            }
            Self::Rule(at, rule) => {
                head(&mut out, *at, 2);
                put_rule(&mut out, rule);
            }
        }
        out
    }

    /// Reads what [`Definition::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are not that, whole.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleError> {
        let mut reader = Reader::new(bytes);
        let definition = Self::read(&mut reader)?;
        if reader.is_empty() {
            Ok(definition)
        } else {
            Err(BundleError::Malformed { what: "bytes after a definition" })
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, BundleError> {
        let head = reader.varint("a definition")?;
        let at = u32::try_from(head >> 2).ok().filter(|&at| (at as usize) < MAX_ENTRIES);
        let at = at.ok_or(BundleError::TooLarge { what: "table" })?;
        match head & 3 {
            0 => Ok(Self::Text(at, reader.text("a text")?.to_owned())),
            1 => Ok(Self::End(at, Box::new(read_end(reader)?))),
            2 => Ok(Self::Rule(at, Box::new(read_rule(reader)?))),
            _ => Err(BundleError::Malformed { what: "unknown kind of definition" }),
        }
    }
}

/// Bits of the first byte of an end: which parts follow.
mod part {
    pub(super) const ASSET_ULID: u8 = 1;
    pub(super) const ASSET_TEXT: u8 = 2;
    pub(super) const NAME: u8 = 4;
    pub(super) const MAC: u8 = 8;
    pub(super) const IP4: u8 = 16;
    pub(super) const IP6: u8 = 32;
    pub(super) const N2K: u8 = 64;
    pub(super) const SFI: u8 = 128;
}

/// The 16 bytes of an id such as `ast_01…`, when writing them back gives the same id.
pub(crate) fn ulid_of(id: &str, prefix: &str) -> Option<u128> {
    let ulid = ulid::Ulid::from_string(id.strip_prefix(prefix)?).ok()?;
    (ulid.to_string() == id.get(prefix.len()..)?).then_some(ulid.0)
}

fn put_end(out: &mut Vec<u8>, end: &FindingEnd) {
    let ulid = end.asset.as_deref().and_then(|id| ulid_of(id, "ast_"));
    let mut flags = 0;
    let mut body = Vec::new();
    if let Some(ulid) = ulid {
        flags |= part::ASSET_ULID;
        body.extend(ulid.to_be_bytes());
    } else if let Some(id) = &end.asset {
        flags |= part::ASSET_TEXT;
        put_bytes(&mut body, id.as_bytes());
    }
    if !end.name.is_empty() {
        flags |= part::NAME;
        put_bytes(&mut body, end.name.as_bytes());
    }
    if let Some(mac) = end.mac {
        flags |= part::MAC;
        body.extend(mac.0);
    }
    match end.ip {
        Some(IpAddr::V4(ip)) => {
            flags |= part::IP4;
            body.extend(ip.octets());
        }
        Some(IpAddr::V6(ip)) => {
            flags |= part::IP6;
            body.extend(ip.octets());
        }
        None => {}
    }
    if let Some(name) = end.n2k_name {
        flags |= part::N2K;
        body.extend(name.to_be_bytes());
    }
    if let Some(sfi) = end.sfi {
        flags |= part::SFI;
        body.extend(sfi.0);
    }
    out.push(flags);
    out.extend(body);
}

fn read_end(reader: &mut Reader<'_>) -> Result<FindingEnd, BundleError> {
    let flags = reader.byte("an end")?;
    let has = |bit: u8| flags & bit != 0;
    let mut end = FindingEnd::default();
    if has(part::ASSET_ULID) {
        end.asset = Some(format!("ast_{}", ulid::Ulid(u128::from_be_bytes(reader.array("an asset id")?))));
    } else if has(part::ASSET_TEXT) {
        end.asset = Some(reader.text("an asset id")?.to_owned());
    }
    if has(part::NAME) {
        reader.text("a name")?.clone_into(&mut end.name);
    }
    if has(part::MAC) {
        end.mac = Some(Mac(reader.array("a MAC address")?));
    }
    if has(part::IP4) {
        end.ip = Some(IpAddr::from(reader.array::<4>("an IP address")?));
    } else if has(part::IP6) {
        end.ip = Some(IpAddr::from(reader.array::<16>("an IP address")?));
    }
    if has(part::N2K) {
        end.n2k_name = Some(u64::from_be_bytes(reader.array("a NAME")?));
    }
    if has(part::SFI) {
        let sfi = Sfi::from_bytes(&reader.array::<6>("an SFI")?);
        end.sfi = Some(sfi.ok_or(BundleError::Malformed { what: "SFI with unprintable bytes" })?);
    }
    Ok(end)
}

fn put_rule(out: &mut Vec<u8>, rule: &RuleText) {
    out.push(rule.category.code());
    for text in [&rule.rule_id, &rule.title, &rule.why, &rule.action] {
        put_bytes(out, text.as_bytes());
    }
    for list in [&rule.attack, &rule.imo, &rule.e26] {
        put_varint(out, list.len() as u64);
        list.iter().for_each(|text| put_bytes(out, text.as_bytes()));
    }
}

fn read_rule(reader: &mut Reader<'_>) -> Result<RuleText, BundleError> {
    let category = Category::word(u64::from(reader.byte("a rule")?))?;
    let mut text = || reader.text("a rule").map(str::to_owned);
    let (rule_id, title, why, action) = (text()?, text()?, text()?, text()?);
    let mut list = || -> Result<Vec<String>, BundleError> {
        let count = reader.count(MAX_LIST, "a rule's list")?;
        (0..count).map(|_| reader.text("a rule's list").map(str::to_owned)).collect()
    };
    let (attack, imo, e26) = (list()?, list()?, list()?);
    Ok(RuleText { rule_id, title, category, why, action, attack, imo, e26 })
}

/// Entries of one kind, found by number and by value.
#[derive(Debug, Clone)]
struct Book<T> {
    by_number: HashMap<u32, T>,
    by_value: HashMap<T, u32>,
    next: u32,
    /// Numbers the shore has receipted (used by the sender).
    confirmed: HashSet<u32>,
}

impl<T: Clone + Eq + Hash> Book<T> {
    fn new() -> Self {
        Self { by_number: HashMap::new(), by_value: HashMap::new(), next: 0, confirmed: HashSet::new() }
    }

    fn intern(&mut self, value: &T) -> u32 {
        if let Some(&at) = self.by_value.get(value) {
            return at;
        }
        let at = self.next;
        self.put(at, value.clone());
        at
    }

    fn put(&mut self, at: u32, value: T) {
        self.by_value.insert(value.clone(), at);
        self.by_number.insert(at, value);
        self.next = self.next.max(at.saturating_add(1));
    }

    /// Takes a definition from the other end; the same again is fine, another content is not.
    fn define(&mut self, at: u32, value: &T) -> Result<(), BundleError> {
        match self.by_number.get(&at) {
            Some(held) if held == value => Ok(()),
            Some(_) => Err(BundleError::ConflictingEntry),
            None => {
                self.put(at, value.clone());
                Ok(())
            }
        }
    }

    fn at(&self, at: u32) -> Result<&T, BundleError> {
        self.by_number.get(&at).ok_or(BundleError::UnknownEntry)
    }
}

/// The tables of one stream, at either end.
#[derive(Debug, Clone)]
pub struct Tables {
    generation: u16,
    texts: Book<String>,
    ends: Book<FindingEnd>,
    rules: Book<RuleText>,
}

impl Tables {
    /// Empty tables of a generation.
    #[must_use]
    pub fn new(generation: u16) -> Self {
        Self { generation, texts: Book::new(), ends: Book::new(), rules: Book::new() }
    }

    /// The generation: entries of different generations have nothing to do with each other.
    #[must_use]
    pub const fn generation(&self) -> u16 {
        self.generation
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.by_number.len() + self.ends.by_number.len() + self.rules.by_number.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the sender should begin a new generation before the next bundle.
    #[must_use]
    pub fn is_nearly_full(&self) -> bool {
        let room = MAX_ENTRIES / 2;
        self.texts.next as usize > room || self.ends.next as usize > room || self.rules.next as usize > room
    }

    /// Takes an entry from the other end (or from disk).
    ///
    /// # Errors
    /// [`BundleError::ConflictingEntry`] when its number already holds something else.
    pub fn define(&mut self, definition: &Definition) -> Result<(), BundleError> {
        match definition {
            Definition::Text(at, text) => self.texts.define(*at, text),
            Definition::End(at, end) => self.ends.define(*at, end),
            Definition::Rule(at, rule) => self.rules.define(*at, rule),
        }
    }

    /// Marks entries as held by the shore: they are not sent again.
    pub fn confirm(&mut self, entries: &[EntryRef]) {
        for entry in entries {
            match *entry {
                EntryRef::Text(at) => self.texts.confirmed.insert(at),
                EntryRef::End(at) => self.ends.confirmed.insert(at),
                EntryRef::Rule(at) => self.rules.confirmed.insert(at),
            };
        }
    }

    /// Whether the shore holds the entry.
    pub(crate) fn is_confirmed(&self, entry: EntryRef) -> bool {
        match entry {
            EntryRef::Text(at) => self.texts.confirmed.contains(&at),
            EntryRef::End(at) => self.ends.confirmed.contains(&at),
            EntryRef::Rule(at) => self.rules.confirmed.contains(&at),
        }
    }

    pub(crate) fn definition(&self, entry: EntryRef) -> Result<Definition, BundleError> {
        Ok(match entry {
            EntryRef::Text(at) => Definition::Text(at, self.texts.at(at)?.clone()),
            EntryRef::End(at) => Definition::End(at, Box::new(self.ends.at(at)?.clone())),
            EntryRef::Rule(at) => Definition::Rule(at, Box::new(self.rules.at(at)?.clone())),
        })
    }

    pub(crate) fn intern_text(&mut self, text: &str) -> EntryRef {
        EntryRef::Text(self.texts.intern(&text.to_owned()))
    }

    pub(crate) fn intern_end(&mut self, end: &FindingEnd) -> EntryRef {
        EntryRef::End(self.ends.intern(end))
    }

    pub(crate) fn intern_rule(&mut self, rule: &RuleText) -> EntryRef {
        EntryRef::Rule(self.rules.intern(rule))
    }

    pub(crate) fn text(&self, at: u32) -> Result<&str, BundleError> {
        self.texts.at(at).map(String::as_str)
    }

    pub(crate) fn end(&self, at: u32) -> Result<&FindingEnd, BundleError> {
        self.ends.at(at)
    }

    pub(crate) fn rule(&self, at: u32) -> Result<&RuleText, BundleError> {
        self.rules.at(at)
    }

    /// The sender's tables as bytes, for its disk.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.generation.to_be_bytes().to_vec();
        let mut entries: Vec<EntryRef> = self.texts.by_number.keys().map(|&at| EntryRef::Text(at)).collect();
        entries.extend(self.ends.by_number.keys().map(|&at| EntryRef::End(at)));
        entries.extend(self.rules.by_number.keys().map(|&at| EntryRef::Rule(at)));
        for entry in entries {
            if let Ok(definition) = self.definition(entry) {
                out.push(u8::from(self.is_confirmed(entry)));
                out.extend(definition.to_bytes());
            }
        }
        out
    }

    /// Reads what [`Tables::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are not that: begin a new generation then.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleError> {
        let mut reader = Reader::new(bytes);
        let mut tables = Self::new(u16::from_be_bytes(reader.array("tables")?));
        while !reader.is_empty() {
            let confirmed = reader.byte("tables")? == 1;
            let definition = Definition::read(&mut reader)?;
            tables.define(&definition)?;
            if confirmed {
                tables.confirm(&[definition.entry()]);
            }
        }
        Ok(tables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full_end() -> FindingEnd {
        FindingEnd {
            asset: Some("ast_01HX8Z9Q3V5K7M2N4P6R8S0TAB".into()),
            name: "plc-boiler".into(),
            mac: Some(Mac([0, 0x30, 0xde, 1, 2, 3])),
            ip: Some("10.20.0.9".parse().unwrap()),
            port: None,
            n2k_name: Some(0xc0de),
            sfi: Sfi::from_bytes(b"GP0001"),
        }
    }

    #[test]
    fn definitions_come_back() {
        let rule = RuleText {
            rule_id: "DW-2002".into(),
            title: "t".into(),
            category: Category::Zone,
            why: "w".into(),
            action: "a".into(),
            attack: vec!["T0855".into()],
            imo: vec![],
            e26: vec!["4.2.1".into(), "4.3".into()],
        };
        let six = FindingEnd { asset: Some("not a ulid".into()), ip: Some("fe80::1".parse().unwrap()), ..full_end() };
        for definition in [
            Definition::Text(3, "é".into()),
            Definition::End(0, Box::new(full_end())),
            Definition::End(70, Box::new(six)),
            Definition::End(1, Box::default()),
            Definition::Rule(9, Box::new(rule)),
        ] {
            let bytes = definition.to_bytes();
            assert_eq!(Definition::from_bytes(&bytes).as_ref(), Ok(&definition));
            for cut in 0..bytes.len() {
                assert!(Definition::from_bytes(&bytes[..cut]).is_err(), "{definition:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn the_same_number_cannot_change_its_meaning() {
        let mut tables = Tables::new(1);
        tables.define(&Definition::Text(4, "a".into())).unwrap();
        assert_eq!(tables.define(&Definition::Text(4, "a".into())), Ok(()));
        assert_eq!(tables.define(&Definition::Text(4, "b".into())), Err(BundleError::ConflictingEntry));
        assert_eq!(tables.text(5), Err(BundleError::UnknownEntry));
        // The next new entry does not take a number that is in use.
        assert_eq!(tables.intern_text("c"), EntryRef::Text(5));
    }

    #[test]
    fn sender_tables_survive_the_disk() {
        let mut tables = Tables::new(7);
        let (text, end) = (tables.intern_text("bridge"), tables.intern_end(&full_end()));
        tables.confirm(&[text]);
        let mut back = Tables::from_bytes(&tables.to_bytes()).unwrap();
        assert_eq!((back.generation(), back.len()), (7, 2));
        assert!(back.is_confirmed(text) && !back.is_confirmed(end));
        assert_eq!(back.intern_end(&full_end()), end);
        assert!(Tables::from_bytes(&[0]).is_err());
    }
}
