//! Says whether something seen is allowed, and if not, which field of which line comes nearest.
//!
//! All lines of all conduits between two zones, and all exceptions, are alternatives. They are narrowed field by field in the order of the policy page:
//! application and ends, then operation and unit, then table and addresses (the request must lie inside the union of what remains), then the written
//! value, then state, window and end. The first step that leaves nothing is the reason. Rates need counting and are the caller's: see [`Line::rate`].

use std::time::Duration;

use dogwatch_model::{CaptureTime, Object, ShipState, Transport, Verb};

use super::Policy;
use super::app::{App, AppName};
use super::ends::End;
use super::range::split_range;
use super::types::{ConduitIx, Line, LineHome, LineIx, WindowIx, ZoneIx};

/// What was seen: who asks whom for what. `from` is the side that opened the connection or sent the request.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Who asks.
    pub from: End,
    /// Who is asked.
    pub to: End,
    /// The protocol as its dissector calls it; `None` while the flow is not recognised: named applications then count at their usual ports.
    pub protocol: Option<&'a str>,
    /// What carries it.
    pub transport: Transport,
    /// The port of the side that is asked; 0 where there is none.
    pub port: u16,
    /// The operation; `None` asks only whether the two may talk at all, and then operation, addresses and values are not looked at.
    pub verb: Option<Verb>,
    /// What the operation is about.
    pub object: Option<Object<'a>>,
    /// When.
    pub at: CaptureTime,
    /// What the ship was doing.
    pub state: ShipState,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A line of a conduit allows it.
    Allowed {
        /// The conduit.
        conduit: ConduitIx,
        /// The line; of several, one without rate.
        line: LineIx,
    },
    /// Only an exception (or a line with an end) allows it.
    AllowedByException {
        /// The line; its id is in [`Line::home`].
        line: LineIx,
    },
    /// Only a line that is tied to a window allows it, and the window is open.
    AllowedByWindow {
        /// The window.
        window: WindowIx,
        /// The line.
        line: LineIx,
    },
    /// Nothing allows it.
    Denied(Denial),
}

impl Verdict {
    /// Whether it is allowed.
    #[must_use]
    pub const fn is_allowed(self) -> bool {
        !matches!(self, Self::Denied(_))
    }

    /// The line that decided, or that comes nearest.
    #[must_use]
    pub const fn line(self) -> Option<LineIx> {
        match self {
            Self::Allowed { line, .. } | Self::AllowedByException { line } | Self::AllowedByWindow { line, .. } => {
                Some(line)
            }
            Self::Denied(denial) => denial.nearest,
        }
    }
}

/// Why nothing allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denial {
    /// The step that left nothing.
    pub reason: Reason,
    /// The field of the nearest line that failed: `zone`, `conduit`, `app`, `from`, `to`, `op`, `unit`, `table`, `addr`, `object`, `host`, `value`, `when`,
    /// `until`.
    pub failed_field: &'static str,
    /// The line that comes nearest.
    pub nearest: Option<LineIx>,
    /// The conduit of that line, or the first between the zones.
    pub conduit: Option<ConduitIx>,
}

/// The step at which nothing was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// One end is in no zone, so no conduit can be for it.
    NoZone,
    /// No conduit for the zones, or no line of it for application and ends (DW-2001).
    NoConduit,
    /// The operation is on no line (DW-2002).
    Op,
    /// Part of the addresses, objects or names is on no line (DW-2003).
    Address,
    /// The written value is outside (DW-4004).
    Value,
    /// Not in this ship state (DW-2010).
    State,
    /// The window is closed (DW-2006).
    WindowClosed {
        /// The window.
        window: WindowIx,
        /// How long ago it closed; `None` when it has not opened yet.
        since: Option<Duration>,
    },
    /// The exception has ended (DW-2006).
    Expired {
        /// How long ago.
        since: Duration,
    },
}

impl Reason {
    /// The detection that this is.
    #[must_use]
    pub const fn detection(self) -> &'static str {
        match self {
            Self::NoZone | Self::NoConduit => "DW-2001",
            Self::Op => "DW-2002",
            Self::Address => "DW-2003",
            Self::Value => "DW-4004",
            Self::State => "DW-2010",
            Self::WindowClosed { .. } | Self::Expired { .. } => "DW-2006",
        }
    }

    /// The word shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoZone => "no zone",
            Self::NoConduit => "no conduit",
            Self::Op => "operation",
            Self::Address => "address",
            Self::Value => "value",
            Self::State => "ship state",
            Self::WindowClosed { .. } => "window closed",
            Self::Expired { .. } => "exception ended",
        }
    }
}

/// The lines between one pair of zones.
#[derive(Debug, Clone, Default)]
struct Pair {
    conduits: Vec<ConduitIx>,
    /// Every line, in the order of the file.
    lines: Vec<LineIx>,
    /// Lines of named applications, sorted by application.
    named: Vec<(AppName, LineIx)>,
    /// Lines of ports and IP protocols.
    numbered: Vec<LineIx>,
}

/// Lines by zone pair and application.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    zones: usize,
    /// Position in `pairs` for each pair of zones; row by row.
    table: Vec<Option<u16>>,
    pairs: Vec<Pair>,
    exceptions: Vec<LineIx>,
}

impl Rules {
    pub(super) fn new(policy: &Policy) -> Self {
        let zones = policy.zones.len();
        let mut rules = Self { zones, table: vec![None; zones * zones], ..Self::default() };
        for (position, conduit) in policy.conduits.iter().enumerate() {
            let Some(pair) = rules.pair_for(conduit.from, conduit.to) else { continue };
            pair.conduits.push(ConduitIx::at(position));
            for index in &conduit.lines {
                let Some(line) = policy.lines.get(index.index()) else { continue };
                pair.lines.push(*index);
                match line.app {
                    App::Named(name) => pair.named.push((name, *index)),
                    App::Tcp(..) | App::Udp(..) | App::Ip(_) => pair.numbered.push(*index),
                }
            }
        }
        for pair in &mut rules.pairs {
            pair.named.sort_unstable();
        }
        let is_exception = |line: &Line| matches!(line.home, LineHome::Exception { .. });
        let exceptions = policy.lines.iter().enumerate().filter(|(_, line)| is_exception(line));
        rules.exceptions = exceptions.map(|(position, _)| LineIx::at(position)).collect();
        rules
    }

    fn cell(&self, from: ZoneIx, to: ZoneIx) -> usize {
        from.index() * self.zones + to.index()
    }

    fn pair_for(&mut self, from: ZoneIx, to: ZoneIx) -> Option<&mut Pair> {
        let cell = self.cell(from, to);
        let next = u16::try_from(self.pairs.len()).ok()?;
        let slot = self.table.get_mut(cell)?;
        if slot.is_none() {
            self.pairs.push(Pair::default());
        }
        let position = *slot.get_or_insert(next);
        self.pairs.get_mut(usize::from(position))
    }

    fn pair(&self, from: ZoneIx, to: ZoneIx) -> Option<&Pair> {
        let position = (*self.table.get(self.cell(from, to))?)?;
        self.pairs.get(usize::from(position))
    }
}

/// The lines that an ask is held against.
#[derive(Clone, Copy)]
struct Pool<'p> {
    policy: &'p Policy,
    name: Option<AppName>,
    named: &'p [(AppName, LineIx)],
    numbered: &'p [LineIx],
    exceptions: &'p [LineIx],
}

impl<'p> Pool<'p> {
    /// Lines whose application and ends fit.
    fn candidates<'a>(self, ask: &'a Ask<'a>) -> impl Iterator<Item = (LineIx, &'p Line)> + use<'a, 'p> {
        let named = self.named.iter().map(|(_, index)| index);
        let all = named.chain(self.numbered).chain(self.exceptions);
        all.filter_map(move |index| self.policy.line(*index).map(|line| (*index, line)))
            .filter(move |(_, line)| app_fits(line.app, self.name, ask))
            .filter(move |(_, line)| line.from.matches(&ask.from) && line.to.matches(&ask.to))
    }
}

fn app_fits(app: App, name: Option<AppName>, ask: &Ask<'_>) -> bool {
    match app {
        App::Named(wanted) => match ask.protocol {
            Some(_) => name == Some(wanted),
            None => wanted.is_usual(ask.transport, ask.port),
        },
        App::Tcp(..) | App::Udp(..) | App::Ip(_) => app.fits_transport(ask.transport, ask.port),
    }
}

fn op_fits(line: &Line, ask: &Ask<'_>) -> bool {
    ask.verb.is_none_or(|verb| line.ops.is_empty() || line.ops.contains(verb))
}

fn unit_fits(line: &Line, ask: &Ask<'_>) -> bool {
    let unit = match ask.object {
        _ if ask.verb.is_none() => None,
        Some(Object::Registers { unit, .. }) => Some(unit),
        Some(Object::Device { unit }) => unit,
        _ => None,
    };
    line.unit.is_empty() || unit.is_none_or(|unit| line.unit.contains(&unit))
}

/// Whether the written values lie inside. A range that goes below zero speaks of signed registers.
fn value_fits(line: &Line, ask: &Ask<'_>) -> bool {
    let (Some((low, high)), Some(Object::Registers { written: Some((least, most)), .. }), Some(_)) =
        (line.value, ask.object, ask.verb)
    else {
        return true;
    };
    let number = |value: u16| if low < 0 { i64::from(value.cast_signed()) } else { i64::from(value) };
    [least, most].into_iter().all(|value| (low..=high).contains(&number(value)))
}

/// The extent of an object that lines must cover together.
enum Extent<'a> {
    /// Nothing that addresses could restrict.
    None,
    /// Registers; the end may lie behind the last address, where nothing covers it.
    Registers { table: dogwatch_model::Table, first: u64, last: u64 },
    /// A name, with the numbers at its end where it has some.
    Named { whole: &'a str, stem: &'a str, first: u64, last: u64 },
}

impl<'a> Extent<'a> {
    fn of(ask: &Ask<'a>) -> Self {
        match ask.object {
            _ if ask.verb.is_none() => Self::None,
            Some(Object::Registers { table, first, count, .. }) => {
                let first = u64::from(first);
                Self::Registers { table, first, last: first + u64::from(count.max(1)) - 1 }
            }
            Some(Object::Named(whole)) => match split_range(whole) {
                Some((stem, first, last)) => Self::Named { whole, stem, first, last: last.max(first) },
                None => Self::Named { whole, stem: whole, first: 0, last: 0 },
            },
            _ => Self::None,
        }
    }

    const fn bounds(&self) -> (u64, u64) {
        match self {
            Self::None => (0, 0),
            Self::Registers { first, last, .. } | Self::Named { first, last, .. } => (*first, *last),
        }
    }

    /// How far the line covers from `at` on: the last position it covers without a gap, or `None` when not even `at`.
    fn covered_to(&self, line: &Line, at: u64) -> Option<u64> {
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

    fn covered_by(&self, line: &Line) -> bool {
        let (first, last) = self.bounds();
        union_of(self, || std::iter::once((LineIx(0), line)), first, last).is_ok()
    }
}

impl Policy {
    /// Whether something seen is allowed.
    #[must_use]
    pub fn judge(&self, ask: &Ask<'_>) -> Verdict {
        let (Some(from), Some(to)) = (ask.from.zone, ask.to.zone) else {
            let exceptions = self.exceptions_only(ask);
            return self.narrow(ask, exceptions, None, Reason::NoZone, "zone");
        };
        let pair = self.rules.pair(from, to);
        let mut pool = self.exceptions_only(ask);
        if let Some(pair) = pair {
            pool.named = match (ask.protocol, pool.name) {
                (Some(_), Some(name)) => of_app(&pair.named, name),
                (Some(_), None) => &[],
                (None, _) => &pair.named,
            };
            pool.numbered = &pair.numbered;
        }
        // The usual case: one line of a conduit says yes to everything.
        let regular = Pool { exceptions: &[], ..pool };
        if let Some(verdict) = self.first_that_fits(ask, regular) {
            return verdict;
        }
        let field = if pair.is_some() { "app" } else { "conduit" };
        self.narrow(ask, pool, pair, Reason::NoConduit, field)
    }

    fn exceptions_only(&self, ask: &Ask<'_>) -> Pool<'_> {
        let name = ask.protocol.and_then(AppName::of_protocol);
        Pool { policy: self, name, named: &[], numbered: &[], exceptions: &self.rules.exceptions }
    }

    /// The line that allows everything on its own: best one without end, window or rate.
    fn first_that_fits(&self, ask: &Ask<'_>, pool: Pool<'_>) -> Option<Verdict> {
        let extent = Extent::of(ask);
        let mut best: Option<(u8, LineIx, &Line)> = None;
        for (index, line) in pool.candidates(ask) {
            let rank = rank(line);
            let better = best.is_none_or(|(known, ..)| rank < known);
            if better
                && op_fits(line, ask)
                && unit_fits(line, ask)
                && value_fits(line, ask)
                && self.time_fails(line, ask).is_none()
                && extent.covered_by(line)
            {
                best = Some((rank, index, line));
                if rank == 0 {
                    break;
                }
            }
        }
        best.map(|(_, index, line)| allowed(index, line))
    }

    /// Narrows the lines step by step; the first step that leaves nothing is the reason.
    fn narrow(&self, ask: &Ask<'_>, pool: Pool<'_>, pair: Option<&Pair>, none: Reason, field: &'static str) -> Verdict {
        let ends = || pool.candidates(ask);
        let Some(first) = ends().next() else { return self.nobody(ask, pool, pair, none, field) };
        let denied =
            |reason, failed_field, nearest: LineIx| Verdict::Denied(self.denial(reason, failed_field, nearest));
        let ops = || ends().filter(|(_, line)| op_fits(line, ask) && unit_fits(line, ask));
        if ops().next().is_none() {
            // A line with the operation for another unit comes nearer than one without the operation.
            let other_unit = ends().find(|(_, line)| op_fits(line, ask));
            let field = if other_unit.is_some() { "unit" } else { "op" };
            return denied(Reason::Op, field, other_unit.unwrap_or(first).0);
        }
        let extent = Extent::of(ask);
        let (low, high) = extent.bounds();
        if let Err(at) = union_of(&extent, ops, low, high) {
            let (field, nearest) = nearest_range(&extent, ops, at).unwrap_or(("addr", first.0));
            return denied(Reason::Address, field, nearest);
        }
        let values = || ops().filter(|(_, line)| value_fits(line, ask));
        if let Err(at) = union_of(&extent, values, low, high) {
            let nearest = ops().find(|(_, line)| !value_fits(line, ask) && extent.covered_to(line, at).is_some());
            return denied(Reason::Value, "value", nearest.unwrap_or(first).0);
        }
        let now = || values().filter(|(_, line)| self.time_fails(line, ask).is_none());
        // Lines without an end are tried first, so that an exception is named only where it is needed.
        let lasting = || now().filter(|(_, line)| rank(line) < 2);
        match union_of(&extent, lasting, low, high).or_else(|_| union_of(&extent, now, low, high)) {
            Ok(index) => {
                let needed = union_of(&extent, lasting, low, high).is_err();
                let shown = now()
                    .find(|(_, line)| needed && rank(line) >= 2 && touches(&extent, line))
                    .map_or(index, |(index, _)| index);
                self.line(shown).map_or_else(|| denied(none, field, shown), |line| allowed(shown, line))
            }
            Err(at) => {
                let missing = values().filter(|(_, line)| extent.covered_to(line, at).is_some());
                let failing = missing.filter_map(|(index, line)| Some((index, self.time_fails(line, ask)?)));
                // A line that waits for another ship state says more than an exception that is over.
                let failing = failing.min_by_key(|(_, (reason, _))| u8::from(*reason != Reason::State));
                failing.map_or_else(
                    || denied(none, field, first.0),
                    |(index, (reason, field))| denied(reason, field, index),
                )
            }
        }
    }

    /// Why a line does not hold now.
    fn time_fails(&self, line: &Line, ask: &Ask<'_>) -> Option<(Reason, &'static str)> {
        if !line.when.holds_in(ask.state) {
            return Some((Reason::State, "when"));
        }
        if let Some(index) = line.when.window
            && let Some(window) = self.window(index)
            && !window.is_open(ask.at)
        {
            let since = (ask.at >= window.to).then(|| ask.at.since(window.to));
            return Some((Reason::WindowClosed { window: index, since }, "when"));
        }
        line.until
            .filter(|until| ask.at > *until)
            .map(|until| (Reason::Expired { since: ask.at.since(until) }, "until"))
    }

    fn denial(&self, reason: Reason, failed_field: &'static str, nearest: LineIx) -> Denial {
        let conduit = match self.line(nearest).map(|line| &line.home) {
            Some(LineHome::Conduit { conduit, .. }) => Some(*conduit),
            _ => None,
        };
        Denial { reason, failed_field, nearest: Some(nearest), conduit }
    }

    /// No line has this application and these ends: finds the one that has most of them.
    fn nobody(
        &self,
        ask: &Ask<'_>,
        pool: Pool<'_>,
        pair: Option<&Pair>,
        reason: Reason,
        field: &'static str,
    ) -> Verdict {
        let Some(pair) = pair else {
            return Verdict::Denied(Denial { reason, failed_field: field, nearest: None, conduit: None });
        };
        let mut best: Option<(u8, LineIx, &'static str)> = None;
        for index in &pair.lines {
            let Some(line) = self.line(*index) else { continue };
            let app = app_fits(line.app, pool.name, ask);
            let (from, to) = (line.from.matches(&ask.from), line.to.matches(&ask.to));
            let score = u8::from(app) * 4 + u8::from(to) * 2 + u8::from(from);
            let failed = match (app, from, to) {
                (false, ..) => "app",
                (true, false, _) => "from",
                (true, true, _) => "to",
            };
            if best.is_none_or(|(known, ..)| score > known) {
                best = Some((score, *index, failed));
            }
        }
        match best {
            Some((_, index, failed)) => Verdict::Denied(self.denial(reason, failed, index)),
            None => {
                let conduit = pair.conduits.first().copied();
                Verdict::Denied(Denial { reason, failed_field: field, nearest: None, conduit })
            }
        }
    }
}

/// Lines of one application out of a list sorted by application.
fn of_app(named: &[(AppName, LineIx)], name: AppName) -> &[(AppName, LineIx)] {
    let first = named.partition_point(|(known, _)| *known < name);
    let rest = named.get(first..).unwrap_or_default();
    let count = rest.partition_point(|(known, _)| *known == name);
    rest.get(..count).unwrap_or_default()
}

/// Lines without end, window and rate come first.
const fn rank(line: &Line) -> u8 {
    let timed = line.until.is_some() || line.when.window.is_some() || matches!(line.home, LineHome::Exception { .. });
    (timed as u8) * 2 + (line.rate.is_some() as u8)
}

fn touches(extent: &Extent<'_>, line: &Line) -> bool {
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

fn allowed(index: LineIx, line: &Line) -> Verdict {
    match (&line.home, line.when.window, line.until) {
        (LineHome::Conduit { conduit, .. }, None, None) => Verdict::Allowed { conduit: *conduit, line: index },
        (LineHome::Conduit { .. }, Some(window), _) => Verdict::AllowedByWindow { window, line: index },
        _ => Verdict::AllowedByException { line: index },
    }
}

/// The union of the lines that an iterator gives, which is started as often as needed.
fn union_of<'l, I: Iterator<Item = (LineIx, &'l Line)>>(
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
fn nearest_range<'l, I: Iterator<Item = (LineIx, &'l Line)>>(
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
            found.map(|(index, line)| (if line.host.is_empty() { "object" } else { "host" }, index))
        }
        Extent::None => lines().next().map(|(index, _)| ("addr", index)),
    }
}
