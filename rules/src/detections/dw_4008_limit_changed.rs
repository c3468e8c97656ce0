//! DW-4008: somebody writes to a point that the plan calls an alarm limit or a trip limit.
//!
//! A write is told when its answer is seen: an accepted one as a change, a refused one as an attempt. Without an answer (one direction mirrored, a
//! lost frame) it is told as written after [`PATIENCE`].
//!
//! Deliberately not judged: who may write (the conduits say that) and whether the new limit is a good one. Only points of the plan count.

use std::collections::VecDeque;
use std::time::Duration;

use dogwatch_model::{Act, CaptureTime, Event, Object, Readings, Severity, Verb};

use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::policy::{Mode, PointPlan, PointTag};
use crate::seen::{Identity, Party, PolicySeen};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Writes that wait for an answer; the oldest is told when there is no room.
const WAITING: usize = 256;

const CHANGED: Card = Card {
    id: "DW-4008",
    why: "A limit that was moved does not warn or stop the machine any more; the damage comes without an alarm.",
    e26: &["4.2.1", "4.3.1"],
};

/// A write that waits for its answer.
struct Waiting {
    client: (Identity, u16),
    server: Identity,
    /// Unit and first register of the write; `None` for an object with a name.
    register: Option<(u8, u16)>,
    /// Who and what, and whom it was done to.
    who: String,
    what: String,
    key: String,
    raise: Raise,
}

/// What a write touches.
struct Touched<'p> {
    point: &'p PointPlan,
    tag: PointTag,
    /// Limits beside the first.
    more: usize,
    object: String,
    value: Option<String>,
}

/// What became of a write.
#[derive(Clone, Copy)]
enum Outcome {
    Accepted,
    Refused,
    Unanswered,
}

/// See the file's head.
#[derive(Default)]
pub(super) struct LimitChanged {
    waiting: VecDeque<Waiting>,
}

impl Detector for LimitChanged {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CHANGED]
    }

    fn wants(&self) -> Wants {
        Wants { orders: true, answers: true, refusals: true, planned: true, ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        for act in event.message.acts {
            match *act {
                Act::Request { verb: Verb::Write, object: object @ Object::Registers { .. } } => {
                    self.written(event, from, to, object, cx);
                }
                Act::States(readings) => self.stated(event, from, to, readings, cx),
                Act::Reply { verb: Verb::Write, object, refused } if !self.waiting.is_empty() => {
                    self.answered(from, to, (object, refused), cx);
                }
                _ => {}
            }
        }
    }

    fn tick(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        while self.waiting.front().is_some_and(|oldest| at.since(oldest.raise.at) >= PATIENCE) {
            let Some(oldest) = self.waiting.pop_front() else { return };
            oldest.tell(Outcome::Unanswered, cx);
        }
    }

    fn policy(&mut self, seen: &PolicySeen<'_>, cx: &mut Context<'_>) {
        // zones and assets of what waits are of the old policy; what was written remains so
        if seen.refused.is_none() {
            self.waiting.drain(..).for_each(|waiting| waiting.tell(Outcome::Unanswered, cx));
        }
    }
}

impl LimitChanged {
    /// Holds one write against the points of the plan.
    fn written(&mut self, event: &Event<'_>, from: &Party, to: &Party, object: Object<'_>, cx: &mut Context<'_>) {
        let Object::Registers { unit, table, first, count, written } = object else { return };
        let (Some(policy), Some(asset)) = (cx.policy, to.end.asset) else { return };
        // a value of two registers is changed by a write to its second one as well
        let (before, span) = (first.saturating_sub(1), count.saturating_add(first.min(1)));
        let touched = policy.points_within((asset, unit, table), before, span);
        let mut tagged = touched.filter_map(|(_, point)| {
            let (_, _, addr) = point.register()?;
            let end = u32::from(addr) + u32::from(point.kind.registers());
            point.tag.filter(|_| end > u32::from(first)).map(|tag| (point, tag))
        });
        let Some((point, tag)) = tagged.next() else { return };
        let value = written.map(|(low, high)| if low == high { low.to_string() } else { format!("{low} to {high}") });
        let touched = Touched { point, tag, more: tagged.count(), object: object.to_string(), value };
        self.hold(event, (from, to), &touched, Some((unit, first)), cx);
    }

    /// Holds what a request to write states against the points of the plan.
    fn stated(&mut self, event: &Event<'_>, from: &Party, to: &Party, readings: &dyn Readings, cx: &mut Context<'_>) {
        let is_write = |act: &Act<'_>| matches!(act, Act::Request { verb: Verb::Write, .. });
        let (Some(policy), Some(asset)) = (cx.policy, to.end.asset) else { return };
        if !event.message.acts.iter().any(is_write) {
            return;
        }
        let (mut first, mut more) = (None, 0);
        policy.points_read(asset, readings, &mut |point, value| match (first, point.tag) {
            (None, Some(tag)) => first = Some((point, tag, value)),
            (Some(_), Some(_)) => more += 1,
            _ => {}
        });
        let Some((point, tag, value)) = first else { return };
        let touched = Touched { point, tag, more, object: point.place.to_string(), value: Some(value.to_string()) };
        self.hold(event, (from, to), &touched, None, cx);
    }

    /// Keeps a write to a limit until its answer comes.
    fn hold(
        &mut self,
        event: &Event<'_>,
        (from, to): (&Party, &Party),
        touched: &Touched<'_>,
        register: Option<(u8, u16)>,
        cx: &mut Context<'_>,
    ) {
        let Some(policy) = cx.policy else { return };
        if policy.mode_between(from.end.zone, to.end.zone) == Mode::Learn
            || to.end.zone.is_some_and(|zone| policy.window_open(zone, event.at).is_some())
        {
            return;
        }
        let Touched { point, tag, more, object, value } = touched;
        let whom = cx.call(to);
        let what = match more {
            0 => format!("{} \"{}\" of {whom}", of_kind(*tag), point.name),
            more => format!("{} \"{}\" and {more} more of {whom}", of_kind(*tag), point.name),
        };
        let value = value.clone().map(|value| ("written".to_owned(), value));
        let raise = Raise {
            confidence: 0.9,
            to: Some(*to),
            fields: std::iter::once(("object".to_owned(), object.clone())).chain(value).collect(),
            expected: "limits are changed in an approved window only".to_owned(),
            ..Raise::of_event(&CHANGED, event, from)
        };
        let key = format!("{:?}|{:?}|{}", from.identity(), point.asset, point.place);
        let (client, server) = ((from.identity(), from.port), to.identity());
        if self.waiting.len() >= WAITING
            && let Some(oldest) = self.waiting.pop_front()
        {
            oldest.tell(Outcome::Unanswered, cx);
        }
        self.waiting.push_back(Waiting { client, server, register, who: cx.call(from), what, key, raise });
    }

    /// The oldest write that an answer fits is told. An answer that names no register is of any write to its unit.
    fn answered(&mut self, from: &Party, to: &Party, (object, refused): (Object<'_>, bool), cx: &mut Context<'_>) {
        let (client, server) = ((to.identity(), to.port), from.identity());
        let place = self.waiting.iter().position(|waiting| {
            let is_of = match object {
                Object::Registers { unit, first, .. } => waiting.register == Some((unit, first)),
                Object::Device { unit } => unit.is_none_or(|unit| waiting.register.is_none_or(|(of, _)| of == unit)),
                _ => waiting.register.is_none(),
            };
            is_of && waiting.client == client && waiting.server == server
        });
        if let Some(waiting) = place.and_then(|place| self.waiting.remove(place)) {
            waiting.tell(if refused { Outcome::Refused } else { Outcome::Accepted }, cx);
        }
    }
}

impl Waiting {
    fn tell(self, outcome: Outcome, cx: &mut Context<'_>) {
        let Self { who, what, mut key, mut raise, .. } = self;
        (raise.severity, raise.summary) = match outcome {
            Outcome::Accepted => (Some(Severity::High), format!("{who} changed {what}")),
            Outcome::Unanswered => (Some(Severity::High), format!("{who} wrote to {what}; no answer was seen")),
            Outcome::Refused => (Some(Severity::Medium), format!("{who} tried to change {what} and was refused")),
        };
        if matches!(outcome, Outcome::Refused) {
            key.push_str("|refused");
        }
        let at = raise.at;
        cx.raise(key.as_bytes(), &CHANGED, at, || raise);
    }
}

fn of_kind(tag: PointTag) -> String {
    format!("the {}", tag.for_people())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Flow, Speaker, Table, Transport};

    const POINTS: &str = "[[point]]\nname = \"Overspeed\"\nasset = \"plc\"\naddr = 110\ntag = \"trip\"\n\
        [[point]]\nname = \"Exhaust high\"\nasset = \"plc\"\naddr = 112\ntype = \"f32\"\ntag = \"alarm_limit\"\n\
        [[point]]\nname = \"Set-point\"\nasset = \"plc\"\naddr = 120\n";
    const WINDOW: &str = "[[window]]\nid = \"W\"\nkind = \"service\"\nfrom = 2020-01-01T00:00:00Z\nto = 2040-01-01T00:00:00Z\n\
        zones = [\"machinery\"]\nwho = \"J. Doe\"\napproved_by = \"Chief engineer\"\n";

    fn told(policy: &str, unit: u8, table: Table, first: u16, count: u16) -> Vec<String> {
        answered(policy, (unit, table, first, count), Some(false))
    }

    fn answered(
        policy: &str,
        (unit, table, first, count): (u8, Table, u16, u16),
        refused: Option<bool>,
    ) -> Vec<String> {
        let mut bench = Bench::new(Some(policy), Box::<LimitChanged>::default());
        bench.at(10.0);
        let object = |written| Object::Registers { unit, table, first, count, written };
        let to = flow("10.0.2.10", "10.0.2.21", 502, Transport::Tcp);
        let asks = Act::Request { verb: Verb::Write, object: object(Some((700, 700))) };
        bench.says("modbus", Speaker::Sender, &to, &[asks]);
        assert!(bench.findings().is_empty(), "what is only asked for did not happen yet");
        if let Some(refused) = refused {
            let back =
                Flow { src_port: 502, dst_port: 40_000, ..flow("10.0.2.21", "10.0.2.10", 40_000, Transport::Tcp) };
            let answer = Act::Reply { verb: Verb::Write, object: object(None), refused };
            bench.says("modbus", Speaker::Sender, &back, &[answer]);
        }
        bench.at(14.0);
        let soon = bench.findings().len();
        bench.at(16.0);
        assert!(refused.is_none() || soon == bench.findings().len(), "told at once, and once");
        bench.findings().into_iter().map(|finding| format!("{:?} {}", finding.severity, finding.summary)).collect()
    }

    #[test]
    fn a_limit_in_a_data_block() {
        struct Said;
        impl Readings for Said {
            fn visit(&self, visitor: &mut dyn dogwatch_model::ReadingVisitor) {
                let (area, bytes) = (format_args!("DB{}", 20), &[0, 0, 0x04, 0x7e]);
                let (first, step) = (8, 1);
                visitor.memory(&dogwatch_model::Memory {
                    area,
                    first,
                    step,
                    big_endian: true,
                    low_first: false,
                    bytes,
                });
            }
        }
        let point = |object: &str, tag: &str| {
            format!("{SHIP}[[point]]\nname = \"Overspeed\"\nasset = \"plc\"\nobject = \"{object}\"\n{tag}")
        };
        let told = |policy: &str, verb| {
            let mut bench = Bench::new(Some(policy), Box::<LimitChanged>::default());
            bench.at(10.0);
            let asks = Act::Request { verb, object: Object::Named("db20.8-11") };
            let to = flow("10.0.2.10", "10.0.2.21", 102, Transport::Tcp);
            bench.says("s7comm", Speaker::Sender, &to, &[asks, Act::States(&Said)]);
            let back = Flow { src_port: 102, ..flow("10.0.2.21", "10.0.2.10", 40_000, Transport::Tcp) };
            let answer = Act::Reply { verb, object: Object::Named("db20.8-11"), refused: false };
            bench.says("s7comm", Speaker::Sender, &back, &[answer]);
            let told: Vec<_> =
                bench.findings().into_iter().map(|f| (f.summary, f.evidence[0].fields.clone())).collect();
            told
        };
        let changed = told(&point("DB20.DBW10", "tag = \"trip\"\n"), Verb::Write);
        assert!(changed.len() == 1 && changed[0].0.contains("changed the trip limit \"Overspeed\""), "{changed:?}");
        assert!(changed[0].1.contains(&("written".to_owned(), "1150".to_owned())), "0x047e: {changed:?}");
        assert!(told(&point("DB20.DBW10", ""), Verb::Write).is_empty(), "no limit");
        assert!(told(&point("DB20.DBW12", "tag = \"trip\"\n"), Verb::Write).is_empty(), "behind what was written");
        assert!(told(&point("DB20.DBW10", "tag = \"trip\"\n"), Verb::Read).is_empty(), "only read");
    }

    #[test]
    fn what_became_of_it() {
        let policy = format!("{SHIP}{POINTS}");
        let place = (1, Table::Holding, 110, 1);
        let no = answered(&policy, place, Some(true));
        assert!(no.len() == 1 && no[0].starts_with("Medium ") && no[0].contains("was refused"), "{no:?}");
        let silent = answered(&policy, place, None);
        assert!(silent.len() == 1 && silent[0].starts_with("High ") && silent[0].contains("no answer"), "{silent:?}");
        assert!(answered(&policy, place, Some(false))[0].contains(" changed "));
    }

    #[test]
    fn limits_and_nothing_else() {
        let policy = format!("{SHIP}{POINTS}");
        for (name, first, count, hits) in [
            ("the limit", 110, 1, 1),
            ("a block with both limits", 100, 20, 1),
            ("beside it", 111, 1, 0),
            ("the second register of the other", 113, 1, 1),
            ("behind the other", 114, 1, 0),
            ("a point that is no limit", 120, 1, 0),
        ] {
            assert_eq!(told(&policy, 1, Table::Holding, first, count).len(), hits, "{name}");
        }
        let words = told(&policy, 1, Table::Holding, 110, 1);
        assert!(words[0].starts_with("High ") && words[0].contains("trip limit \"Overspeed\""), "{words:?}");
        assert!(told(&policy, 2, Table::Holding, 110, 1).is_empty(), "another unit");
        assert!(told(&policy, 1, Table::Coil, 110, 1).is_empty(), "another table");
        assert!(told(SHIP, 1, Table::Holding, 110, 1).is_empty(), "nothing declared");
    }

    #[test]
    fn an_approved_window_allows_it() {
        assert!(told(&format!("{SHIP}{POINTS}{WINDOW}"), 1, Table::Holding, 110, 1).is_empty());
    }
}
