//! Where a point of the plan stands: a register, or an object by the name that its protocol gives it; and how readings find their points.
//!
//! Names are compared without regard to case. What a reading's name has in front of its last `/` (whose it is) may be left out in the plan. A name of
//! the shape of a memory address (`DB10.DBW4`, `MW20`, `D100`; see `address_words`) is looked for in memory as well, where `type` says what lies there.

use std::fmt;

use dogwatch_model::{Memory, ReadingVisitor, Readings, Table};

use super::address_words::{MemoryPlace, canonical, memory};
use super::points::{PointPlan, Points};
use super::types::AssetIx;

/// Where a point stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PointPlace {
    /// In a table of registers.
    Register {
        /// Unit (slave) id.
        unit: u8,
        /// Input or holding registers.
        table: Table,
        /// Zero-based protocol address of its first register.
        addr: u16,
    },
    /// Under a name.
    Object(ObjectName),
}

impl PointPlace {
    /// A number that stands for it: the same in every run, and another for every place of a controller.
    #[must_use]
    pub fn key(&self) -> u64 {
        match self {
            Self::Register { unit, table, addr } => u64::from(*unit) << 24 | (*table as u64) << 16 | u64::from(*addr),
            Self::Object(name) => name.key | 1 << 63,
        }
    }
}

impl fmt::Display for PointPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register { unit, table, addr } => write!(f, "{} {addr} unit {unit}", table.as_str()),
            Self::Object(name) => f.write_str(&name.text),
        }
    }
}

/// The name of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    /// As the plan writes it.
    pub text: String,
    /// The name as a number.
    key: u64,
    /// Where it has the shape of a memory address.
    pub(super) memory: Option<MemoryPlace>,
}

/// Longest name.
const LONGEST: usize = 128;

impl ObjectName {
    /// Reads a name.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub(super) fn parse(text: &str) -> Result<Self, (String, &'static str)> {
        if text.is_empty() || text.len() > LONGEST || text.chars().any(char::is_control) {
            let help = "such as \"DB10.DBW4\", \"AI:3\", \"ioa:1201\", \"analog-input:7\" or the name of a tag";
            return Err((format!("a name of {} bytes cannot be", text.len()), help));
        }
        let said = canonical(text).unwrap_or_else(|| text.to_owned());
        Ok(Self { text: text.to_owned(), key: hash(format_args!("{said}")).0, memory: memory(text)? })
    }
}

/// FNV-1a over a text in lower case, of the whole and of what follows its last `/`. Stable, because baselines are kept by it.
#[derive(Debug, Clone, Copy)]
struct Hashing {
    whole: u64,
    tail: u64,
}

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

impl fmt::Write for Hashing {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            let add = |hash: u64| (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(PRIME);
            self.whole = add(self.whole);
            self.tail = if byte == b'/' { OFFSET } else { add(self.tail) };
        }
        Ok(())
    }
}

/// Of the whole text, and of what follows its last `/`.
pub(super) fn hash(text: fmt::Arguments<'_>) -> (u64, u64) {
    let mut hashing = Hashing { whole: OFFSET, tail: OFFSET };
    let _ = fmt::Write::write_fmt(&mut hashing, text);
    (hashing.whole, hashing.tail)
}

/// The points that are objects, by what finds them: position among all objects.
#[derive(Debug, Clone, Default)]
pub(super) struct ObjectIndex {
    names: Vec<(AssetIx, u64, usize)>,
    memory: Vec<(AssetIx, u64, u32, usize)>,
}

impl ObjectIndex {
    pub(super) fn new(points: &[PointPlan]) -> Self {
        let mut index = Self::default();
        for (position, point) in points.iter().enumerate() {
            let PointPlace::Object(name) = &point.place else { continue };
            index.names.push((point.asset, name.key, position));
            if let Some(place) = name.memory {
                index.memory.push((point.asset, place.area, place.address, position));
            }
        }
        index.names.sort_unstable();
        index.memory.sort_unstable();
        index
    }
}

/// Holds readings against the points of one controller.
struct Finder<'p, 'f> {
    points: &'p Points,
    asset: AssetIx,
    found: &'f mut dyn FnMut(&'p PointPlan, f64),
}

impl ReadingVisitor for Finder<'_, '_> {
    fn number(&mut self, place: fmt::Arguments<'_>, value: f64) {
        let (whole, tail) = hash(place);
        let names = &self.points.index.names;
        let of = |key: u64| {
            let at = names.partition_point(|(asset, name, _)| (*asset, *name) < (self.asset, key));
            names
                .get(at)
                .filter(|(asset, name, _)| (*asset, *name) == (self.asset, key))
                .map(|(.., position)| *position)
        };
        let position = of(whole).or_else(|| of(tail));
        if let Some(point) = position.and_then(|position| self.points.objects.get(position)) {
            let value = value * point.scale;
            if value.is_finite() {
                (self.found)(point, value);
            }
        }
    }

    fn memory(&mut self, memory: &Memory<'_>) {
        let (whole, tail) = hash(memory.area);
        let addresses = memory.bytes.len() / usize::from(memory.step.max(1));
        let end = u64::from(memory.first) + addresses as u64;
        let index = &self.points.index.memory;
        for area in [Some(whole), Some(tail).filter(|tail| *tail != whole)].into_iter().flatten() {
            let first = (self.asset, area, memory.first);
            let at = index.partition_point(|(asset, area, address, _)| (*asset, *area, *address) < first);
            let within = index
                .iter()
                .skip(at)
                .take_while(|(asset, of, address, _)| (*asset, *of) == (self.asset, area) && u64::from(*address) < end);
            for (.., address, position) in within {
                let point = self.points.objects.get(*position);
                if let Some((point, value)) = point.and_then(|point| Some((point, read(point, *address, memory)?))) {
                    (self.found)(point, value);
                }
            }
        }
    }
}

/// The value of a point in memory; `None` where the bytes do not hold all of it, or no number.
fn read(point: &PointPlan, address: u32, memory: &Memory<'_>) -> Option<f64> {
    let offset = usize::try_from(address.checked_sub(memory.first)?).ok()?.checked_mul(memory.step.into())?;
    if let PointPlace::Object(ObjectName { memory: Some(MemoryPlace { bit: Some(bit), .. }), .. }) = &point.place {
        let byte = memory.bytes.get(offset).filter(|_| memory.step == 1)?;
        return Some(f64::from(byte >> bit & 1) * point.scale);
    }
    let mut words = memory
        .bytes
        .get(offset..)?
        .as_chunks::<2>()
        .0
        .iter()
        .map(|word| if memory.big_endian { u16::from_be_bytes(*word) } else { u16::from_le_bytes(*word) });
    point.number(&mut words, memory.low_first)
}

impl Points {
    /// Hands every object point of `asset` that `readings` hold to `found`, with its scaled value.
    pub(super) fn within_readings<'p>(
        &'p self,
        asset: AssetIx,
        readings: &dyn Readings,
        found: &mut dyn FnMut(&'p PointPlan, f64),
    ) {
        if !self.objects.is_empty() {
            readings.visit(&mut Finder { points: self, asset, found });
        }
    }
}
