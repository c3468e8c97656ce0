//! `[[point]]`: values of a controller that the plan knows by name, how they are read, within which limits they lie, and what they are for.
//!
//! A point is a register or an object with a name (`point_place.rs`). Deliberately absent: what a value does over time; detections keep that. A point
//! names one controller of the plan; bits are no points.

use dogwatch_model::{Cells, Table};

use super::address_words::{is_symbol, symbol};
use super::diagnostic::{Code, Report, nearest};
use super::parse::{MOST_ENTRIES, Names, asset, room};
use super::point_place::{ObjectIndex, ObjectName, PointPlace};
use super::reader::{At, Section, clipped};
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
    /// Where it stands.
    pub place: PointPlace,
    /// How its registers or bytes are read, where the protocol does not say it itself.
    pub kind: PointType,
    /// Whether the less significant register of two comes first; where it is not said, as the protocol has it.
    pub low_first: Option<bool>,
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
    /// Unit, table and first address of a register; `None` for an object.
    #[must_use]
    pub const fn register(&self) -> Option<(u8, Table, u16)> {
        match self.place {
            PointPlace::Register { unit, table, addr } => Some((unit, table, addr)),
            PointPlace::Object(_) => None,
        }
    }

    /// By what registers are looked up.
    fn order(&self) -> (AssetIx, Option<(u8, Table, u16)>) {
        (self.asset, self.register())
    }

    /// Its value among `cells`, of which the first has the address `first`; `None` where they do not hold all of it, or no number.
    #[must_use]
    pub fn read(&self, first: u16, cells: Cells<'_>) -> Option<f64> {
        let (_, _, addr) = self.register()?;
        self.number(&mut cells.registers().skip(usize::from(addr.checked_sub(first)?)), false)
    }

    /// The scaled number in the next words; `low_first` is the order of words that the protocol has.
    pub(super) fn number(&self, words: &mut dyn Iterator<Item = u16>, low_first: bool) -> Option<f64> {
        let one = words.next()?;
        let mut wide = || {
            let two = words.next()?;
            let (high, low) = if self.low_first.unwrap_or(low_first) { (two, one) } else { (one, two) };
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
pub(super) struct Points {
    registers: Vec<PointPlan>,
    pub(super) objects: Vec<PointPlan>,
    pub(super) index: ObjectIndex,
}

impl Points {
    /// The points of a unit's table that begin within `count` registers from `first`, each with its position.
    pub(super) fn within(
        &self,
        (asset, unit, table): (AssetIx, u8, Table),
        first: u16,
        count: u16,
    ) -> impl Iterator<Item = (usize, &PointPlan)> {
        let from = self.registers.partition_point(|point| point.order() < (asset, Some((unit, table, first))));
        let end = u32::from(first) + u32::from(count);
        let rest = self.registers.iter().enumerate().skip(from);
        rest.take_while(move |(_, point)| {
            let place = point.register();
            point.asset == asset
                && place.is_some_and(|(of, in_table, addr)| (of, in_table) == (unit, table) && u32::from(addr) < end)
        })
    }

    /// Every point that is a register.
    pub(super) fn registers(&self) -> &[PointPlan] {
        &self.registers
    }
}

pub(super) const POINT: &[&str] =
    &["name", "asset", "unit", "table", "addr", "object", "type", "words", "scale", "low", "high", "tag"];

/// Reads all points.
pub(super) fn points(report: &mut Report<'_>, top: &Section<'_>, names: &Names) -> Points {
    let mut found: Vec<PointPlan> = Vec::new();
    for (table, span) in top.tables(report, "point") {
        if !room(report, &span, found.len(), MOST_ENTRIES, "points") {
            break;
        }
        let section = Section::open(report, table, "point", span.clone(), POINT);
        let Some(point) = point(report, &section, names) else { continue };
        let is_taken = |other: &&PointPlan| (other.asset, other.place.key()) == (point.asset, point.place.key());
        if let Some(other) = found.iter().find(is_taken) {
            let message = format!("point {} stands where {} (line {}) stands", point.name, other.name, other.line);
            let key = if point.register().is_some() { "addr" } else { "object" };
            report.error(Code::P003, &section.value_span(key), message, "a place belongs to one point");
        }
        found.push(point);
    }
    let (mut registers, objects): (Vec<_>, Vec<_>) = found.into_iter().partition(|point| point.register().is_some());
    registers.sort_by_key(PointPlan::order);
    Points { index: ObjectIndex::new(&objects), registers, objects }
}

fn point(report: &mut Report<'_>, section: &Section<'_>, names: &Names) -> Option<PointPlan> {
    for (key, example) in [("name", "\"Exhaust gas cylinder 3\""), ("asset", "\"…\", the id of an asset")] {
        section.need(report, key, example);
    }
    let name = section.text_or_empty(report, "name");
    let owner = section.text(report, "asset").and_then(|id| asset(report, names, &id));
    let given = section.word::<PointType>(report, "type");
    let place = place(report, section, given.as_ref());
    let kind = given.map_or(PointType::U16, |kind| kind.value);
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
    let line = report.line(&section.span);
    Some(PointPlan { name, asset: owner?, place: place?, kind, low_first, scale, low, high, tag, line })
}

/// A register by unit, table and address, or an object by its name.
fn place(report: &mut Report<'_>, section: &Section<'_>, kind: Option<&At<PointType>>) -> Option<PointPlace> {
    if let Some(name) = section.text(report, "object") {
        return object(report, section, &name, kind);
    }
    if !section.has("object") {
        section.need(report, "addr", "5, or object = \"DB10.DBW4\"");
    }
    let unit = section.integer(report, "unit", 0..=255).map_or(1, |unit| unit.value);
    let table = table(report, section);
    let addr = section.integer(report, "addr", 0..=65_535);
    let (unit, addr) = (u8::try_from(unit).ok()?, u16::try_from(addr?.value).ok()?);
    if kind.is_some_and(|kind| kind.value.registers() == 2) && addr == u16::MAX {
        let (message, help) = ("the second register ends after 65535", "correct addr or type");
        report.error(Code::P005, &section.value_span("addr"), message, help);
    }
    Some(PointPlace::Register { unit, table, addr })
}

fn object(
    report: &mut Report<'_>,
    section: &Section<'_>,
    name: &At<String>,
    kind: Option<&At<PointType>>,
) -> Option<PointPlace> {
    for key in ["unit", "table", "addr"].into_iter().filter(|key| section.has(key)) {
        let message = format!("{key} has no meaning beside object");
        report.error(Code::P006, &section.key_span(key), message, "a point is a register or an object");
    }
    let mut parsed = match ObjectName::parse(name.value.trim()) {
        Ok(parsed) => parsed,
        Err((message, help)) => {
            report.error(Code::P005, &name.span, message, help);
            return None;
        }
    };
    let (size, registers) = (parsed.memory.map(|place| place.words), kind.map(|kind| kind.value.registers()));
    match (size, registers) {
        // The name of a symbol, of which the protocol says the bytes and not the kind of number.
        (None, Some(_)) if is_symbol(&parsed.text) => parsed.memory = Some(symbol(&parsed.text)),
        (None, Some(_)) => {
            let help = "the protocol says what kind of number this is; leave type out";
            report.error(Code::P006, &section.key_span("type"), "type has no meaning for this object", help);
        }
        _ if kind.is_some() && parsed.memory.is_some_and(|place| place.bit.is_some()) => {
            let help = "a bit is 0 or 1; leave type out";
            report.error(Code::P006, &section.key_span("type"), "type has no meaning for a bit", help);
        }
        (Some(Some(2)), None) => {
            let (message, help) = ("a double word needs a type", "add type = \"f32\", \"u32\" or \"i32\"");
            report.error(Code::P000, &name.span, message, help);
        }
        (Some(Some(words)), Some(registers)) if words != registers => {
            let help = if words == 1 { "u16 or i16 for one word" } else { "f32, u32 or i32 for two words" };
            report.error(Code::P005, &section.value_span("type"), "type and object are of different size", help);
        }
        _ => {}
    }
    Some(PointPlace::Object(parsed))
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
fn words(report: &mut Report<'_>, section: &Section<'_>, kind: PointType) -> Option<bool> {
    let word = section.text(report, "words")?;
    if kind.registers() == 1 {
        let help = "words is for u32, i32 and f32";
        report.error(Code::P006, &section.key_span("words"), "words has no meaning for one register", help);
    }
    match word.value.as_str() {
        "high-first" => Some(false),
        "low-first" => Some(true),
        other => {
            let message = format!("\"{}\" is no order of words", clipped(other));
            report.error(Code::P002, &word.span, message, "the words are: high-first, low-first");
            None
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

    /// What a message states: an analog input, and ten bytes of a data block from byte 100.
    struct Said;

    impl dogwatch_model::Readings for Said {
        fn visit(&self, visitor: &mut dyn dogwatch_model::ReadingVisitor) {
            visitor.number(format_args!("outstation:10/AI:{}", 3), 250.0);
            let bytes = &[0, 1, 0xff, 0xfe, 0x42, 0xf7, 0, 0, 9, 9];
            let area = format_args!("DB{}", 10);
            let (first, step) = (100, 1);
            visitor.memory(&dogwatch_model::Memory { area, first, step, big_endian: true, low_first: false, bytes });
            visitor.number(format_args!("M5.{}", 1), 1.0);
            visitor.number(format_args!("I0.{}", 3), 1.0);
            let (area, bytes) = (format_args!("MAIN.{}", "rpm"), &[0xdc, 5]);
            let (first, step) = (0, 1);
            visitor.memory(&dogwatch_model::Memory { area, first, step, big_endian: false, low_first: true, bytes });
        }
    }

    #[test]
    fn objects_are_found_by_name_and_in_memory() {
        for (object, want) in [
            ("object = \"AI:3\"\nscale = 0.1", Some(25.0)),
            ("object = \"outstation:10/ai:3\"", Some(250.0)),
            ("object = \"outstation:11/AI:3\"", None),
            ("object = \"AI:4\"", None),
            ("object = \"DB10.DBW100\"", Some(1.0)),
            ("object = \"DB10.DBW102\"\ntype = \"i16\"", Some(-2.0)),
            ("object = \"db10.dbd104\"\ntype = \"f32\"", Some(123.5)),
            ("object = \"DB10.104\"\ntype = \"f32\"", Some(123.5)),
            ("object = \"DB10.DBW108\"", Some(2_313.0)),
            ("object = \"DB10.DBD108\"\ntype = \"u32\"", None),
            ("object = \"DB11.DBW100\"", None),
            ("object = \"DB10.DBW98\"", None),
            // 0xfe of byte 103, and a bit by its own name.
            ("object = \"DB10.DBX103.1\"", Some(1.0)),
            ("object = \"db10.dbx103.0\"", Some(0.0)),
            ("object = \"DB10.DBX110.0\"", None),
            ("object = \"M5.1\"", Some(1.0)),
            ("object = \"M5.2\"", None),
            ("object = \"e0.3\"", Some(1.0)),
            ("object = \"Main.rpm\"\ntype = \"u16\"", Some(1_500.0)),
            ("object = \"Main.rpm\"\ntype = \"f32\"", None),
            ("object = \"Main.load\"\ntype = \"u16\"", None),
        ] {
            let checked = checked(&format!("name = \"P\"\nasset = \"plc\"\n{object}\n"));
            let policy = checked.policy.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
            let asset = policy.asset_named("plc").unwrap();
            let mut found = Vec::new();
            policy.points_read(asset, &Said, &mut |point, value| found.push((point.name.clone(), value)));
            let want: Vec<_> = want.into_iter().map(|value| ("P".to_owned(), value)).collect();
            assert_eq!(found, want, "{object}");
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
            ("name = \"P\"\nasset = \"plc\"\n", Code::P000, "has no \"addr\""),
            ("name = \"P\"\nasset = \"plc\"\nobject = \"AI:3\"\naddr = 3\n", Code::P006, "addr has no meaning beside"),
            ("name = \"P\"\nasset = \"plc\"\nobject = \"AI:3\"\ntype = \"f32\"\n", Code::P006, "type has no meaning"),
            ("name = \"P\"\nasset = \"plc\"\nobject = \"DB10.DBD4\"\n", Code::P000, "needs a type"),
            (
                "name = \"P\"\nasset = \"plc\"\nobject = \"DB10.DBW4\"\ntype = \"f32\"\n",
                Code::P005,
                "of different size",
            ),
            ("name = \"P\"\nasset = \"plc\"\nobject = \"DB10.DBX4.8\"\n", Code::P005, "no address in a data block"),
            ("name = \"P\"\nasset = \"plc\"\nobject = \"DB10.DBX4.0\"\ntype = \"u16\"\n", Code::P006, "for a bit"),
            ("name = \"P\"\nasset = \"plc\"\nobject = \"DB10.DBB4\"\n", Code::P005, "names a byte"),
            ("name = \"P\"\nasset = \"plc\"\nobject = \"\"\n", Code::P005, "of 0 bytes"),
            (
                "name = \"P\"\nasset = \"plc\"\nobject = \"AI:3\"\n[[point]]\nname = \"Q\"\nasset = \"plc\"\nobject = \"ai:3\"\n",
                Code::P003,
                "stands where P",
            ),
        ] {
            let checked = checked(point);
            let hit = checked.diagnostics.iter().any(|d| d.code == code && d.message.contains(message));
            assert!(hit && checked.policy.is_none(), "{point}: {:?}", checked.diagnostics);
        }
    }
}
