//! The parameter group definitions, read once from `pgns.tsv` (its columns are described in `dissectors/tools/n2k_table.py`).
//!
//! Finding the definitions of a group number is two array look-ups. A line that cannot be read is skipped: the tests prove there is none.

use std::ops::Range;
use std::sync::LazyLock;

use super::bits;

/// Pages of 256 group numbers: the 18 bits of the bus and, above them, what gateways report about themselves (CANboat counts from 0x40000).
const PAGES: usize = 0x410;

/// How the bytes of a group travel on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One frame.
    Single,
    /// NMEA 2000 fast packet, up to 223 bytes.
    Fast,
    /// ISO 11783-3 transport protocol only.
    Transport,
    /// Any: a catch-all.
    Mixed,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Lookup,
    IndirectLookup,
    BitLookup,
    Reserved,
    Spare,
    Binary,
    Duration,
    Time,
    Date,
    Mmsi,
    Pgn,
    IsoName,
    Float,
    Decimal,
    StringFix,
    StringLau,
    StringLz,
    DynamicKey,
    DynamicLength,
    DynamicValue,
    Variable,
    FieldIndex,
    TroubleCode,
}

impl Kind {
    const fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'N' => Self::Number,
            'L' => Self::Lookup,
            'I' => Self::IndirectLookup,
            'B' => Self::BitLookup,
            'R' => Self::Reserved,
            'S' => Self::Spare,
            'X' => Self::Binary,
            'D' => Self::Duration,
            'T' => Self::Time,
            'A' => Self::Date,
            'M' => Self::Mmsi,
            'G' => Self::Pgn,
            'O' => Self::IsoName,
            'f' => Self::Float,
            'd' => Self::Decimal,
            's' => Self::StringFix,
            'u' => Self::StringLau,
            'z' => Self::StringLz,
            'K' => Self::DynamicKey,
            'H' => Self::DynamicLength,
            'V' => Self::DynamicValue,
            'W' => Self::Variable,
            'Y' => Self::FieldIndex,
            'Q' => Self::TroubleCode,
            _ => return None,
        })
    }
}

/// One field of a definition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Bits it takes; 0 when only the data tells.
    pub(super) bits: usize,
    pub(super) signed: bool,
    /// How many of the highest numbers mean "not available", "out of range" or "reserved".
    pub(super) sentinels: u64,
    pub(super) scale: Scale,
    pub(super) unit: &'static str,
    pub(super) list: Option<u16>,
    pub(super) matching: Option<u64>,
    /// The field (1-based) holding the length or the first code, or the bytes a length counts too much.
    pub(super) extra: usize,
    /// Present only when the group referred to is proprietary.
    pub(super) proprietary_only: bool,
}

/// How a raw number becomes a quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    /// Quantity of one raw unit.
    pub(super) resolution: f64,
    /// Added after scaling.
    pub(super) offset: f64,
    /// The whole number `1 / resolution` when there is one: dividing by it rounds once, multiplying by 0.0001 twice.
    divisor: f64,
}

impl Scale {
    const ONE: Self = Self { resolution: 1.0, offset: 0.0, divisor: 1.0 };

    fn new(resolution: f64, offset: f64) -> Self {
        let inverse = 1.0 / resolution;
        let whole = libm::round(inverse);
        let exact = whole >= 1.0 && (inverse - whole).abs() <= whole * 1e-12;
        Self { resolution, offset, divisor: if exact { whole } else { 0.0 } }
    }

    /// Whether raw numbers are quantities as they are.
    pub(super) fn is_one(self) -> bool {
        self == Self::ONE
    }

    /// The quantity of a raw number.
    #[inline]
    pub(super) fn apply(self, raw: f64) -> f64 {
        (if self.divisor > 0.0 { raw / self.divisor } else { raw * self.resolution }) + self.offset
    }
}

/// A run of fields that repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FieldSet {
    /// Index of its first field.
    pub(super) start: usize,
    /// How many fields.
    pub(super) size: usize,
    /// Index of the field that says how often; `None`: as often as fits.
    pub(super) count: Option<usize>,
}

/// One definition of a parameter group.
#[derive(Debug)]
pub struct Definition {
    pgn: u32,
    kind: &'static str,
    name: &'static str,
    framing: Framing,
    fallback: bool,
    fields: Range<usize>,
    pub(super) sets: [Option<FieldSet>; 2],
    matches: Range<usize>,
    /// Whether the name says that something is ordered, not told.
    pub(super) commands: bool,
}

impl Definition {
    /// Its parameter group number (the first of the range for a catch-all).
    #[must_use]
    pub const fn pgn(&self) -> u32 {
        self.pgn
    }

    /// Its stable kebab-case word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// Its name in the public definition.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it is a catch-all for a range.
    #[must_use]
    pub const fn is_fallback(&self) -> bool {
        self.fallback
    }

    /// How many fields it has.
    #[must_use]
    pub fn field_count(&self) -> usize {
        self.fields.len()
    }

    /// How it travels.
    #[must_use]
    pub const fn framing(&self) -> Framing {
        self.framing
    }
}

#[derive(Debug, Clone, Copy)]
struct Match {
    offset: usize,
    bits: usize,
    value: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    code: u32,
    second: u32,
    name: &'static str,
    /// Index into `dynamic`, for lists whose codes carry a type.
    field: usize,
}

/// All definitions and code lists.
#[derive(Debug)]
pub struct Table {
    definitions: Vec<Definition>,
    fields: Vec<Field>,
    matches: Vec<Match>,
    entries: Vec<Entry>,
    lists: Vec<(&'static str, Range<usize>)>,
    dynamic: Vec<Field>,
    /// Definition indices of each group number that has any besides a catch-all.
    groups: Vec<Group>,
    /// Page number of each value of `pgn >> 8`; page 0 is empty.
    page_of: Vec<u16>,
    /// 256 indices into `groups` (plus one) a page.
    pages: Vec<u16>,
    fallbacks: Vec<usize>,
    address_claim: usize,
}

/// The definitions of one group number.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pgn: u32,
    definitions: Range<usize>,
    pub(super) framing: Framing,
    has_matches: bool,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("pgns.tsv")));

impl Table {
    /// The one table of this build.
    #[must_use]
    pub fn shared() -> &'static Self {
        &TABLE
    }

    /// Every definition, in the order of the file.
    #[must_use]
    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    fn parse(text: &'static str) -> Self {
        let mut table = Self {
            definitions: Vec::with_capacity(700),
            fields: Vec::with_capacity(5600),
            matches: Vec::with_capacity(1100),
            entries: Vec::with_capacity(4000),
            lists: Vec::with_capacity(300),
            dynamic: Vec::with_capacity(500),
            groups: Vec::with_capacity(450),
            page_of: vec![0; PAGES],
            pages: vec![0; 256],
            fallbacks: Vec::new(),
            address_claim: 0,
        };
        for line in text.lines() {
            table.line(line);
        }
        table.index();
        table
    }

    fn line(&mut self, line: &'static str) -> Option<()> {
        let (tag, rest) = line.split_once('\t')?;
        let mut columns = rest.split('\t');
        match tag {
            "E" => self.lists.push((columns.next()?, self.entries.len()..self.entries.len())),
            "v" => self.entry(columns)?,
            "P" => {
                let pgn = columns.next()?.parse().ok()?;
                let kind = columns.next()?;
                let name = columns.next()?;
                let framing = match columns.next()? {
                    "F" => Framing::Fast,
                    "T" => Framing::Transport,
                    "M" => Framing::Mixed,
                    _ => Framing::Single,
                };
                let fallback = columns.next() == Some("1");
                let sets = [field_set(columns.next()), field_set(columns.next())];
                let (fields, matches) = (self.fields.len(), self.matches.len());
                let commands = is_proprietary(pgn)
                    && kind.contains("command")
                    && !kind.contains("reply")
                    && !kind.contains("response");
                self.definitions.push(Definition {
                    pgn,
                    kind,
                    name,
                    framing,
                    fallback,
                    fields: fields..fields,
                    sets,
                    matches: matches..matches,
                    commands,
                });
            }
            "F" => {
                let name = columns.next()?;
                let field = field(name, columns.next()?, &mut columns)?;
                self.add_field(field)?;
            }
            _ => {}
        }
        Some(())
    }

    fn entry(&mut self, mut columns: std::str::Split<'static, char>) -> Option<()> {
        let code = columns.next()?.parse().ok()?;
        let (kind, range) = self.lists.last_mut()?;
        let second = if *kind == "i" { columns.next()?.parse().ok()? } else { 0 };
        let mut entry = Entry { code, second, name: columns.next()?, field: usize::MAX };
        if *kind == "f" {
            entry.field = self.dynamic.len();
            self.dynamic.push(field("", columns.next()?, &mut columns)?);
        }
        self.entries.push(entry);
        range.end = self.entries.len();
        Some(())
    }

    fn add_field(&mut self, field: Field) -> Option<()> {
        let definition = self.definitions.last_mut()?;
        if let Some(value) = field.matching {
            let before = self.fields.get(definition.fields.clone())?;
            let offset = before.iter().map(|field| field.bits).sum();
            self.matches.push(Match { offset, bits: field.bits, value });
            definition.matches.end = self.matches.len();
        }
        self.fields.push(field);
        definition.fields.end = self.fields.len();
        Some(())
    }

    fn index(&mut self) {
        for (at, definition) in self.definitions.iter().enumerate() {
            if definition.kind == "address-claim" {
                self.address_claim = at;
            }
            if definition.fallback {
                self.fallbacks.push(at);
                continue;
            }
            if let Some(group) = self.groups.last_mut().filter(|group| group.pgn == definition.pgn) {
                group.definitions.end = at.saturating_add(1);
                group.has_matches |= !definition.matches.is_empty();
            } else {
                self.groups.push(Group {
                    pgn: definition.pgn,
                    definitions: at..at.saturating_add(1),
                    framing: definition.framing,
                    has_matches: !definition.matches.is_empty(),
                });
            }
        }
        for (at, group) in self.groups.iter().enumerate() {
            let (Some(page), Ok(number)) =
                (self.page_of.get_mut(page_index(group.pgn)), u16::try_from(at.saturating_add(1)))
            else {
                continue;
            };
            if *page == 0 {
                let pages = self.pages.len() >> 8;
                *page = u16::try_from(pages).unwrap_or(0);
                self.pages.resize(self.pages.len().saturating_add(256), 0);
            }
            let slot = (usize::from(*page) << 8) | byte_of(group.pgn);
            if let Some(slot) = self.pages.get_mut(slot) {
                *slot = number;
            }
        }
    }

    /// The definitions of a group number, when there are any besides a catch-all.
    #[inline]
    pub(super) fn group(&self, pgn: u32) -> Option<&Group> {
        let page = usize::from(*self.page_of.get(page_index(pgn))?);
        let number = usize::from(*self.pages.get((page << 8) | byte_of(pgn))?);
        self.groups.get(number.checked_sub(1)?)
    }

    /// The catch-all of the range a group number is in.
    fn fallback(&self, pgn: u32) -> Option<&Definition> {
        let mut found = self.fallbacks.first()?;
        for at in &self.fallbacks {
            if self.definitions.get(*at)?.pgn <= pgn {
                found = at;
            }
        }
        self.definitions.get(*found)
    }

    /// Names and units of the fields of a definition; a count or a code has the unit "".
    pub fn units(&self, definition: &Definition) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.fields(definition).iter().map(|field| (field.name, field.unit))
    }

    /// The definition that fits a message: by its match fields, else the catch-all of its range.
    #[must_use]
    pub fn choose(&self, pgn: u32, data: &[u8]) -> Option<&Definition> {
        let Some(group) = self.group(pgn) else { return self.fallback(pgn) };
        let definitions = self.definitions.get(group.definitions.clone())?;
        if !group.has_matches {
            return definitions.first();
        }
        let fits = |definition: &&Definition| {
            self.matches.get(definition.matches.clone()).is_some_and(|matches| {
                matches.iter().all(|rule| bits::bits(data, rule.offset, rule.bits) == Some(rule.value))
            })
        };
        definitions.iter().find(fits).or_else(|| self.fallback(pgn))
    }

    /// The definition that `parameters` of a group function (count, then pairs of field number and value) point at.
    pub(super) fn choose_by_parameters(&self, pgn: u32, parameters: &[u8]) -> Option<&Definition> {
        let group = self.group(pgn)?;
        let definitions = self.definitions.get(group.definitions.clone())?;
        if is_proprietary(pgn) {
            let [count, 1, _, _, 3, _, ..] = parameters else { return None };
            if *count < 2 {
                return None;
            }
        }
        if !group.has_matches {
            return definitions.first();
        }
        definitions.iter().find(|definition| self.fits_parameters(definition, parameters))
    }

    fn fits_parameters(&self, definition: &Definition, parameters: &[u8]) -> bool {
        let Some((count, mut rest)) = parameters.split_first() else { return false };
        for _ in 0..*count {
            let Some((number, after)) = rest.split_first() else { break };
            let Some(field) = self.field(definition, usize::from(*number).wrapping_sub(1)) else { return false };
            if field.matching.is_some_and(|want| bits::bits(after, 0, field.bits) != Some(want)) {
                return false;
            }
            rest = after.get(field.bits.div_ceil(8)..).unwrap_or_default();
        }
        true
    }

    /// The first definition of a group number, for its name.
    #[must_use]
    pub fn first(&self, pgn: u32) -> Option<&Definition> {
        self.definitions.get(self.group(pgn)?.definitions.start)
    }

    /// A definition for when there is none: the first of the table.
    pub(super) fn any(&self) -> &Definition {
        static NOTHING: Definition = Definition {
            pgn: 0,
            kind: "unknown",
            name: "",
            framing: Framing::Mixed,
            fallback: true,
            fields: 0..0,
            sets: [None; 2],
            matches: 0..0,
            commands: false,
        };
        self.definitions.first().unwrap_or(&NOTHING)
    }

    /// The catch-all definition of a group number.
    pub(super) fn catch_all(&self, pgn: u32) -> Option<&Definition> {
        self.fallback(pgn)
    }

    /// The definition of the ISO 11783-5 NAME.
    pub(super) fn iso_name(&self) -> Option<&Definition> {
        self.definitions.get(self.address_claim)
    }

    /// The fields of a definition.
    pub(super) fn fields(&self, definition: &Definition) -> &[Field] {
        self.fields.get(definition.fields.clone()).unwrap_or_default()
    }

    /// One field of a definition, counted from 0.
    pub(super) fn field(&self, definition: &Definition, index: usize) -> Option<&Field> {
        self.fields(definition).get(index)
    }

    fn find(&self, list: Option<u16>, code: u64, second: u32) -> Option<&Entry> {
        let entries = self.entries.get(self.lists.get(usize::from(list?))?.1.clone())?;
        let key = (u32::try_from(code).ok()?, second);
        entries.binary_search_by_key(&key, |entry| (entry.code, entry.second)).ok().and_then(|at| entries.get(at))
    }

    /// The name of a code.
    pub(super) fn name(&self, list: Option<u16>, code: u64) -> Option<&'static str> {
        self.find(list, code, 0).map(|entry| entry.name)
    }

    /// The name of a code whose meaning depends on another.
    pub(super) fn indirect_name(&self, list: Option<u16>, first: u64, code: u64) -> Option<&'static str> {
        self.find(list, first, u32::try_from(code).ok()?).map(|entry| entry.name)
    }

    /// The type a code gives to the value that follows.
    pub(super) fn dynamic(&self, list: Option<u16>, code: u64) -> Option<&Field> {
        self.dynamic.get(self.find(list, code, 0)?.field)
    }

    /// The name of a manufacturer code as the NMEA assigns them.
    #[must_use]
    pub fn manufacturer(&self, code: u16) -> Option<&'static str> {
        let list = self.field(self.iso_name()?, 1)?.list;
        self.name(list, u64::from(code))
    }

    /// The names of a device class and of a function within it.
    #[must_use]
    pub fn device_names(&self, class: u8, function: u8) -> (Option<&'static str>, Option<&'static str>) {
        let Some(definition) = self.iso_name() else { return (None, None) };
        let function_list = self.field(definition, 4).and_then(|field| field.list);
        let class_list = self.field(definition, 6).and_then(|field| field.list);
        (
            self.name(class_list, u64::from(class)),
            self.indirect_name(function_list, u64::from(class), u64::from(function)),
        )
    }
}

/// Whether a group number is in one of the ranges whose layout each manufacturer makes up.
#[must_use]
pub const fn is_proprietary(pgn: u32) -> bool {
    matches!(pgn, 0xef00..=0xefff | 0xff00..=0xffff | 0x1_ef00..=0x1_efff | 0x1_ff00..=0x1_ffff)
}

const fn page_index(pgn: u32) -> usize {
    (pgn >> 8) as usize
}

const fn byte_of(pgn: u32) -> usize {
    (pgn & 0xff) as usize
}

fn field_set(column: Option<&str>) -> Option<FieldSet> {
    let mut numbers = column?.split(':').map(str::parse::<usize>);
    let (start, size, count) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(FieldSet { start: start.checked_sub(1)?, size, count: count.checked_sub(1) })
}

fn field(name: &'static str, code: &'static str, columns: &mut std::str::Split<'static, char>) -> Option<Field> {
    let (code, sentinels) = match code.split_once('!') {
        Some((code, count)) => (code, count.parse().ok()),
        None => (code, None),
    };
    let kind = Kind::of(code.chars().next()?)?;
    let width = code.get(1..)?;
    let (width, signed) = width.strip_suffix('s').map_or((width, false), |width| (width, true));
    let bits: usize = if width.is_empty() { 0 } else { width.parse().ok()? };
    let usual = match bits {
        0 | 1 => 0,
        2 | 3 => 1,
        4..=7 => 2,
        _ => 3,
    };
    let mut number = |or: f64| match columns.next() {
        None | Some("") => Some(or),
        Some(text) => text.parse().ok(),
    };
    let resolution = number(1.0)?;
    let unit = columns.next().unwrap_or_default();
    let offset = match columns.next() {
        None | Some("") => 0.0,
        Some(text) => text.parse().ok()?,
    };
    let list = columns.next().and_then(|text| text.parse().ok());
    let matching = columns.next().and_then(|text| text.parse().ok());
    let extra = columns.next().unwrap_or_default();
    Some(Field {
        name,
        kind,
        bits,
        signed,
        sentinels: sentinels.unwrap_or(usual),
        scale: Scale::new(resolution, offset),
        unit,
        list,
        matching,
        extra: extra.parse().unwrap_or(0),
        proprietary_only: extra == "p",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read() {
        let text = include_str!("pgns.tsv");
        let lines = |tag: &str| text.lines().filter(|line| line.starts_with(tag)).count();
        let table = Table::shared();
        assert_eq!(table.definitions.len(), lines("P\t"));
        assert_eq!(table.fields.len(), lines("F\t"));
        assert_eq!(table.entries.len(), lines("v\t"));
        assert_eq!(table.lists.len(), lines("E\t"));
        assert!(table.fields.iter().all(|field| field.list.is_none_or(|list| usize::from(list) < table.lists.len())));
        let sorted = |range: &Range<usize>| table.entries[range.clone()].is_sorted_by_key(|e| (e.code, e.second));
        assert!(table.lists.iter().all(|(_, range)| sorted(range)), "lists are searched by halves");
    }

    #[test]
    fn every_group_is_found_by_its_number() {
        let table = Table::shared();
        for definition in table.definitions.iter().filter(|definition| !definition.fallback) {
            let group = table.group(definition.pgn).unwrap();
            assert!(table.definitions[group.definitions.clone()].iter().any(|other| std::ptr::eq(other, definition)));
        }
        for (pgn, want) in [
            (0x0_1234, "unknown-addressed"),
            (61_450 - 1, "unknown-broadcast"),
            (65_533, "proprietary-broadcast"),
            (0x1_ed01, "unknown-addressed-fast"),
            (0x1_f0ff, "unknown-broadcast-mixed"),
            (0x3_ffff, "proprietary-broadcast-fast"),
            (u32::MAX, "proprietary-broadcast-fast"),
        ] {
            assert!(table.group(pgn).is_none(), "{pgn}");
            assert_eq!(table.choose(pgn, &[]).map(Definition::kind), Some(want), "{pgn}");
        }
    }

    #[test]
    fn match_fields_choose() {
        // Maker 1857 (Simrad), industry 4; 1855 is Furuno; 2 is nobody.
        let table = Table::shared();
        let kind = |maker: u16| table.choose(65_280, &[maker.to_le_bytes()[0], maker.to_le_bytes()[1] | 0x98, 0, 0]);
        assert_eq!(kind(1_855).map(Definition::kind), Some("furuno-heave"));
        assert_eq!(kind(2).map(Definition::kind), Some("proprietary-broadcast"));
        assert_eq!(table.choose(65_280, &[]).map(Definition::kind), Some("proprietary-broadcast"));
    }

    #[test]
    fn whole_divisors_round_once() {
        assert_eq!(Scale::new(0.0001, 0.0).apply(2_698.0).to_string(), "0.2698");
        assert_eq!(Scale::new(60.0, 0.0).apply(2.0), 120.0);
        assert_eq!(Scale::new(1.0, -125.0).apply(125.0), 0.0);
    }
}
