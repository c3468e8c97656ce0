//! What a request touches (registers, numbered objects, names) and which lines cover it, alone or together.

use dogwatch_model::{Object, Table};

use super::range::Numbered;
use super::types::{Line, LineIx};
use super::verdict::Ask;

/// The extent of an object that lines must cover together.
pub(super) enum Extent<'a> {
    /// Nothing that addresses could restrict.
    None,
    /// Registers; the end may lie behind the last address, where nothing covers it.
    Registers { table: Table, first: u64, last: u64 },
    /// A name, with the numbers at its end where it has some.
    Named { whole: &'a str, stem: &'a str, first: u64, last: u64 },
}

impl<'a> Extent<'a> {
    pub(super) fn of(ask: &Ask<'a>) -> Self {
        match ask.object {
            _ if ask.verb.is_none() => Self::None,
            Some(Object::Registers { table, first, count, .. }) => {
                let first = u64::from(first);
                Self::Registers { table, first, last: first + u64::from(count.max(1)) - 1 }
            }
            Some(Object::Named(whole)) => match Numbered::split(whole) {
                Some(Numbered { stem, first, last, .. }) => Self::Named { whole, stem, first, last: last.max(first) },
                None => Self::Named { whole, stem: whole, first: 0, last: 0 },
            },
            _ => Self::None,
        }
    }

    pub(super) const fn bounds(&self) -> (u64, u64) {
        match self {
            Self::None => (0, 0),
            Self::Registers { first, last, .. } | Self::Named { first, last, .. } => (*first, *last),
        }
    }

    /// How far the line covers from `at` on: the last position it covers without a gap, or `None` when not even `at`.
    pub(super) fn covered_to(&self, line: &Line, at: u64) -> Option<u64> {
        match self {
            Self::None => Some(u64::MAX),
            Self::Registers { table, .. } => {
                if line.table.is_some_and(|wanted| wanted != *table) {
                    return None;
                }
                if line.addr.is_empty() {
                    // Without a restriction the whole table is allowed, not what lies behind its end.
                    return (at <= u64::from(u16::MAX)).then_some(u64::from(u16::MAX));
                }
                let ranges = line.addr.iter().map(|range| (u64::from(range.first), u64::from(range.last)));
                ranges.filter(|(first, last)| (*first..=*last).contains(&at)).map(|(_, last)| last).max()
            }
            Self::Named { whole, stem, .. } => {
                // A line that names registers speaks of registers only: files and vendor functions beside them are outside.
                if line.table.is_some() || !line.addr.is_empty() {
                    return None;
                }
                if line.object.is_empty() && line.host.is_empty() {
                    return Some(u64::MAX);
                }
                // A path names no server; the server was judged by the message that named it.
                if line.host.iter().any(|host| host.matches(whole)) || (!line.host.is_empty() && whole.starts_with('/'))
                {
                    return Some(u64::MAX);
                }
                let ranges = line.object.iter().filter_map(|pattern| pattern.covers(stem, whole));
                ranges.filter(|(first, last)| (*first..=*last).contains(&at)).map(|(_, last)| last).max()
            }
        }
    }

    pub(super) fn covered_by(&self, line: &Line) -> bool {
        let (first, last) = self.bounds();
        union_of(self, || std::iter::once((LineIx(0), line)), first, last).is_ok()
    }
}

/// Whether the line covers any part.
pub(super) fn touches(extent: &Extent<'_>, line: &Line) -> bool {
    let (low, high) = extent.bounds();
    let starts = |range: (u64, u64)| range.0 <= high && range.1 >= low;
    match extent {
        Extent::Registers { .. } if !line.addr.is_empty() => {
            line.addr.iter().any(|range| starts((u64::from(range.first), u64::from(range.last))))
        }
        Extent::Named { whole, stem, .. } if !line.object.is_empty() => {
            line.object.iter().filter_map(|pattern| pattern.covers(stem, whole)).any(starts)
        }
        _ => extent.covered_to(line, low).is_some(),
    }
}

/// The union of the lines that an iterator gives, which is started as often as needed.
pub(super) fn union_of<'l, I: Iterator<Item = (LineIx, &'l Line)>>(
    extent: &Extent<'_>,
    lines: impl Fn() -> I,
    first: u64,
    last: u64,
) -> Result<LineIx, u64> {
    let mut at = first;
    let mut opening = None;
    loop {
        let reach = lines().filter_map(|(index, line)| Some((extent.covered_to(line, at)?, index)));
        // The line that reaches furthest; of equals the first, as in the file.
        let (to, index) = reach.reduce(|best, next| if next.0 > best.0 { next } else { best }).ok_or(at)?;
        let opening = *opening.get_or_insert(index);
        if to >= last {
            return Ok(opening);
        }
        at = to.saturating_add(1);
    }
}

/// The line whose range lies nearest to an uncovered position, and the field that failed.
pub(super) fn nearest_range<'l, I: Iterator<Item = (LineIx, &'l Line)>>(
    extent: &Extent<'_>,
    lines: impl Fn() -> I,
    at: u64,
) -> Option<(&'static str, LineIx)> {
    match extent {
        Extent::Registers { table, .. } => {
            let away = |line: &Line| {
                let gaps = line.addr.iter().map(|range| {
                    let (first, last) = (u64::from(range.first), u64::from(range.last));
                    first.saturating_sub(at).max(at.saturating_sub(last))
                });
                gaps.min().unwrap_or(0)
            };
            let same_table = |line: &Line| line.table.is_none_or(|wanted| wanted == *table);
            let fitting = lines().filter(|(_, line)| same_table(line)).min_by_key(|(_, line)| away(line));
            fitting.map(|(index, _)| ("addr", index)).or_else(|| lines().next().map(|(index, _)| ("table", index)))
        }
        Extent::Named { stem, .. } => {
            let same_stem = |line: &Line| line.object.iter().any(|pattern| pattern.stem.eq_ignore_ascii_case(stem));
            let found = lines().find(|(_, line)| same_stem(line)).or_else(|| lines().next());
            let field = |line: &Line| match (line.object.is_empty(), line.host.is_empty()) {
                (false, _) => "object",
                (true, false) => "host",
                (true, true) => "addr",
            };
            found.map(|(index, line)| (field(line), index))
        }
        Extent::None => lines().next().map(|(index, _)| ("addr", index)),
    }
}
