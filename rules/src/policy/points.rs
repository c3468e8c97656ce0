//! `[[point]]`: values of a controller that the plan knows by name, how they are read, within which limits they lie, and what they are for.
//!
//! Deliberately absent: what a value does over time; detections keep that. A point names one controller of the plan; bits are no points.

use dogwatch_model::{Cells, Table};

use super::diagnostic::{Code, Report, nearest};
use super::parse::{MOST_ENTRIES, Names, asset, room};
use super::reader::{Section, clipped};
use super::types::AssetIx;
use super::words::Word;

/// How the registers of a point are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointType {
    /// One register without sign.
    U16,
    /// One register with sign.
    I16,
    /// Two registers without sign.
    U32,
    /// Two registers with sign.
    I32,
    /// Two registers, IEEE 754 single precision.
    F32,
}

impl PointType {
    /// How many registers it takes.
    #[must_use]
    pub const fn registers(self) -> u16 {
        match self {
            Self::U16 | Self::I16 => 1,
            Self::U32 | Self::I32 | Self::F32 => 2,
        }
    }
}

impl Word for PointType {
    const ALL: &'static [&'static str] = &["u16", "i16", "u32", "i32", "f32"];
    fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "u16" => Self::U16,
            "i16" => Self::I16,
            "u32" => Self::U32,
            "i32" => Self::I32,
            "f32" => Self::F32,
            _ => return None,
        })
    }
}

/// What a point is for, where that matters to a detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointTag {
    /// A limit at which an alarm is given.
    AlarmLimit,
    /// A limit at which a machine is stopped or slowed down.
    Trip,
}

impl PointTag {
    /// What it is, for people.
    #[must_use]
    pub const fn for_people(self) -> &'static str {
        match self {
            Self::AlarmLimit => "alarm limit",
            Self::Trip => "trip limit",
        }
    }
}

impl Word for PointTag {
    const ALL: &'static [&'static str] = &["alarm_limit", "trip"];
    fn from_word(word: &str) -> Option<Self> {
        match word {
            "alarm_limit" => Some(Self::AlarmLimit),
            "trip" => Some(Self::Trip),
            _ => None,
        }
    }
}

/// One point.
#[derive(Debug, Clone, PartialEq)]
pub struct PointPlan {
    /// What people call it.
    pub name: String,
    /// The controller.
    pub asset: AssetIx,
    /// Unit (slave) id.
    pub unit: u8,
    /// Input or holding registers.
    pub table: Table,
    /// Zero-based protocol address of its first register.
    pub addr: u16,
    /// How its registers are read.
    pub kind: PointType,
    /// Whether the less significant register of two comes first.
    pub low_first: bool,
    /// What the number in the registers is multiplied by.
    pub scale: f64,
    /// Lowest value that is right.
    pub low: Option<f64>,
    /// Highest value that is right.
    pub high: Option<f64>,
    /// What it is for.
    pub tag: Option<PointTag>,
    /// Line of the file.
    pub line: u32,
}

impl PointPlan {
    const fn place(&self) -> (AssetIx, u8, Table, u16) {
        (self.asset, self.unit, self.table, self.addr)
    }

    /// Its value among `cells`, of which the first has the address `first`; `None` where they do not hold all of it, or no number.
    #[must_use]
    pub fn read(&self, first: u16, cells: Cells<'_>) -> Option<f64> {
        let mut cells = cells.registers().skip(usize::from(self.addr.checked_sub(first)?));
        let one = cells.next()?;
        let mut wide = || {
            let two = cells.next()?;
            let (high, low) = if self.low_first { (two, one) } else { (one, two) };
            Some(u32::from(high) << 16 | u32::from(low))
        };
        let number = match self.kind {
            PointType::U16 => f64::from(one),
            PointType::I16 => f64::from(one.cast_signed()),
            PointType::U32 => f64::from(wide()?),
            PointType::I32 => f64::from(wide()?.cast_signed()),
            PointType::F32 => f64::from(f32::from_bits(wide()?)),
        };
        Some(number * self.scale).filter(|value| value.is_finite())
    }

    /// Whether a value is outside its limits.
    #[must_use]
    pub fn is_outside(&self, value: f64) -> bool {
        self.low.is_some_and(|low| value < low) || self.high.is_some_and(|high| value > high)
    }

    /// Its limits for people.
    #[must_use]
    pub fn limits(&self) -> String {
        match (self.low, self.high) {
            (Some(low), Some(high)) => format!("{low} to {high}"),
            (Some(low), None) => format!("at least {low}"),
            (None, Some(high)) => format!("at most {high}"),
            (None, None) => "no limits".to_owned(),
        }
    }
}

/// All points, in the order in which they are looked up.
#[derive(Debug, Clone, Default)]
pub(super) struct Points(Vec<PointPlan>);

impl Points {
    /// The points of a unit's table that begin within `count` registers from `first`, each with its position.
    pub(super) fn within(
        &self,
        (asset, unit, table): (AssetIx, u8, Table),
        first: u16,
        count: u16,
    ) -> impl Iterator<Item = (usize, &PointPlan)> {
        let from = self.0.partition_point(|point| point.place() < (asset, unit, table, first));
        let end = u32::from(first) + u32::from(count);
        let rest = self.0.iter().enumerate().skip(from);
        rest.take_while(move |(_, point)| {
            (point.asset, point.unit, point.table) == (asset, unit, table) && u32::from(point.addr) < end
        })
    }

    /// Every point.
    pub(super) fn all(&self) -> &[PointPlan] {
        &self.0
    }
}

pub(super) const POINT: &[&str] =
    &["name", "asset", "unit", "table", "addr", "type", "words", "scale", "low", "high", "tag"];

/// Reads all points.
pub(super) fn points(report: &mut Report<'_>, top: &Section<'_>, names: &Names) -> Points {
    let mut found: Vec<PointPlan> = Vec::new();
    for (table, span) in top.tables(report, "point") {
        if !room(report, &span, found.len(), MOST_ENTRIES, "points") {
            break;
        }
        let section = Section::open(report, table, "point", span.clone(), POINT);
        let Some(point) = point(report, &section, names) else { continue };
        if let Some(other) = found.iter().find(|other| other.place() == point.place()) {
            let message = format!("point {} stands where {} (line {}) stands", point.name, other.name, other.line);
            report.error(Code::P003, &section.value_span("addr"), message, "a register belongs to one point");
        }
        found.push(point);
    }
    found.sort_by_key(PointPlan::place);
    Points(found)
}

fn point(report: &mut Report<'_>, section: &Section<'_>, names: &Names) -> Option<PointPlan> {
    for (key, example) in
        [("name", "\"Exhaust gas cylinder 3\""), ("asset", "\"…\", the id of an asset"), ("addr", "5")]
    {
        section.need(report, key, example);
    }
    let name = section.text_or_empty(report, "name");
    let owner = section.text(report, "asset").and_then(|id| asset(report, names, &id));
    let unit = section.integer(report, "unit", 0..=255).map_or(1, |unit| unit.value);
    let table = table(report, section);
    let addr = section.integer(report, "addr", 0..=65_535);
    let kind = section.word::<PointType>(report, "type").map_or(PointType::U16, |kind| kind.value);
    let low_first = words(report, section, kind);
    let scale = section.number(report, "scale", f64::MIN).map_or(1.0, |scale| scale.value);
    if scale == 0.0 {
        report.error(Code::P005, &section.value_span("scale"), "scale = 0 cannot be", "such as 0.1");
    }
    let low = section.number(report, "low", f64::MIN).map(|low| low.value);
    let high = section.number(report, "high", f64::MIN).map(|high| high.value);
    if let Some((low, high)) = low.zip(high).filter(|(low, high)| low > high) {
        let message = format!("low = {low} is above high = {high}");
        report.error(Code::P005, &section.value_span("low"), message, "the lower limit is the smaller number");
    }
    let tag = section.word::<PointTag>(report, "tag").map(|tag| tag.value);
    let (asset, addr) = (owner?, u16::try_from(addr?.value).ok()?);
    if kind.registers() == 2 && addr == u16::MAX {
        report.error(
            Code::P005,
            &section.value_span("addr"),
            "the second register ends after 65535",
            "correct addr or type",
        );
    }
    let line = report.line(&section.span);
    let unit = u8::try_from(unit).ok()?;
    Some(PointPlan { name, asset, unit, table, addr, kind, low_first, scale, low, high, tag, line })
}

/// Points are registers; a coil or discrete input has neither type nor limits.
fn table(report: &mut Report<'_>, section: &Section<'_>) -> Table {
    let Some(word) = section.text(report, "table") else { return Table::Holding };
    match word.value.as_str() {
        "holding" => Table::Holding,
        "input" => Table::Input,
        other => {
            let help = match nearest(other, ["holding", "input"]) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => "the words are: holding, input".to_owned(),
            };
            report.error(Code::P002, &word.span, format!("\"{}\" is no table of points", clipped(other)), help);
            Table::Holding
        }
    }
}

/// Whether the low word comes first, of types that have two.
fn words(report: &mut Report<'_>, section: &Section<'_>, kind: PointType) -> bool {
    let Some(word) = section.text(report, "words") else { return false };
    if kind.registers() == 1 {
        let help = "words is for u32, i32 and f32";
        report.error(Code::P006, &section.key_span("words"), "words has no meaning for one register", help);
    }
    match word.value.as_str() {
        "high-first" => false,
        "low-first" => true,
        other => {
            let message = format!("\"{}\" is no order of words", clipped(other));
            report.error(Code::P002, &word.span, message, "the words are: high-first, low-first");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::check;
    use dogwatch_model::CaptureTime;

    const HEAD: &str = "format = 1\nmode = \"enforce\"\n[vessel]\nname = \"T\"\n[[zone]]\nid = \"machinery\"\nlabel = \"M\"\n\
        function = \"propulsion\"\nclass = \"ot\"\ncriticality = \"high\"\ndevices = \"fixed\"\nsubnet = [\"10.0.2.0/24\"]\n\
        [[asset]]\nid = \"plc\"\nzone = \"machinery\"\nip = [\"10.0.2.21\"]\n[[point]]\n";

    fn checked(point: &str) -> crate::policy::Checked {
        check(&format!("{HEAD}{point}"), "t.toml", CaptureTime::from_parts(1_800_000_000, 0))
    }

    #[test]
    fn registers_become_numbers() {
        // IEEE 754: 123.5 is 42F7 0000; two's complement: -2 is FFFE.
        for (kind, bytes, want) in [
            ("type = \"i16\"", &[0xff, 0xfe][..], -2.0),
            ("scale = 0.1", &[0x0e, 0x10], 360.0),
            ("type = \"u32\"", &[0, 1, 0, 2], 65_538.0),
            ("type = \"i32\"\nwords = \"low-first\"", &[0xff, 0xfe, 0xff, 0xff], -2.0),
            ("type = \"f32\"", &[0x42, 0xf7, 0, 0], 123.5),
        ] {
            let checked = checked(&format!("name = \"P\"\nasset = \"plc\"\naddr = 5\n{kind}\n"));
            let policy = checked.policy.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
            let point = &policy.points()[0];
            assert!((point.read(5, Cells::Registers(bytes)).unwrap() - want).abs() < 1e-9, "{kind}");
            assert_eq!(point.read(6, Cells::Registers(bytes)), None, "not among them");
        }
    }

    #[test]
    fn errors_that_help() {
        for (point, code, message) in [
            ("name = \"P\"\nasset = \"plk\"\naddr = 1\n", Code::P002, "no asset has the id"),
            ("name = \"P\"\nasset = \"plc\"\naddr = 70000\n", Code::P005, "addr 70000 cannot be"),
            ("name = \"P\"\nasset = \"plc\"\naddr = 1\nlow = 9\nhigh = 1\n", Code::P005, "above high"),
            ("name = \"P\"\nasset = \"plc\"\naddr = 1\ntype = \"f23\"\n", Code::P002, "is no type"),
            ("name = \"P\"\nasset = \"plc\"\naddr = 1\ntag = \"trips\"\n", Code::P002, "is no tag"),
            ("name = \"P\"\nasset = \"plc\"\naddr = 1\nhihg = 1\n", Code::P001, "is not a field of point"),
            (
                "name = \"P\"\nasset = \"plc\"\naddr = 1\n[[point]]\nname = \"Q\"\nasset = \"plc\"\naddr = 1\n",
                Code::P003,
                "stands where P",
            ),
            ("asset = \"plc\"\naddr = 1\n", Code::P000, "has no \"name\""),
        ] {
            let checked = checked(point);
            let hit = checked.diagnostics.iter().any(|d| d.code == code && d.message.contains(message));
            assert!(hit && checked.policy.is_none(), "{point}: {:?}", checked.diagnostics);
        }
    }
}
