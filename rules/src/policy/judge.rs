//! Says whether something seen is allowed, and if not, which field of which line comes nearest.
//!
//! All lines of all conduits between two zones, and all exceptions, are alternatives. They are narrowed field by field in the order of the policy page:
//! application and ends, then operation and unit, then table and addresses (the request must lie inside the union of what remains), then the written
//! value, then state, window and end. The first step that leaves nothing is the reason. Rates need counting and are the caller's: see [`Line::rate`].

use dogwatch_model::Object;

use super::Policy;
use super::app::{App, AppName};
use super::extent::{Extent, nearest_range, touches, union_of};
use super::types::{ConduitIx, Line, LineHome, LineIx, ZoneIx};
use super::verdict::{Ask, Denial, Reason, Verdict};

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

fn allowed(index: LineIx, line: &Line) -> Verdict {
    match (&line.home, line.when.window, line.until) {
        (LineHome::Conduit { conduit, .. }, None, None) => Verdict::Allowed { conduit: *conduit, line: index },
        (LineHome::Conduit { .. }, Some(window), _) => Verdict::AllowedByWindow { window, line: index },
        _ => Verdict::AllowedByException { line: index },
    }
}
