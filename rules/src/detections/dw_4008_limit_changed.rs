//! DW-4008: somebody writes to a register that the plan calls an alarm limit or a trip limit.
//!
//! Deliberately not judged: who may write (the conduits say that) and whether the new limit is a good one. Only points of the plan count.

use dogwatch_model::{Act, Event, Object, Severity, Verb};

use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::policy::{Mode, PointTag};
use crate::seen::Party;

const CHANGED: Card = Card {
    id: "DW-4008",
    why: "A limit that was moved does not warn or stop the machine any more; the damage comes without an alarm.",
    e26: &["4.2.1", "4.3.1"],
};

/// See the file's head.
#[derive(Default)]
pub(super) struct LimitChanged;

impl Detector for LimitChanged {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CHANGED]
    }

    fn wants(&self) -> Wants {
        Wants { orders: true, ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        for act in event.message.acts {
            let Act::Request { verb: Verb::Write, object } = *act else { continue };
            written(event, from, to, object, cx);
        }
    }
}

/// Holds one write against the points of the plan.
fn written(event: &Event<'_>, from: &Party, to: &Party, object: Object<'_>, cx: &mut Context<'_>) {
    let Object::Registers { unit, table, first, count, written } = object else { return };
    let (Some(policy), Some(asset)) = (cx.policy, to.end.asset) else { return };
    // a value of two registers is changed by a write to its second one as well
    let (before, span) = (first.saturating_sub(1), count.saturating_add(first.min(1)));
    let touched = policy.points_within((asset, unit, table), before, span);
    let mut tagged = touched.filter_map(|(_, point)| {
        let end = u32::from(point.addr) + u32::from(point.kind.registers());
        point.tag.filter(|_| end > u32::from(first)).map(|tag| (point, tag))
    });
    let Some((point, tag)) = tagged.next() else { return };
    if policy.mode_between(from.end.zone, to.end.zone) == Mode::Learn
        || to.end.zone.is_some_and(|zone| policy.window_open(zone, event.at).is_some())
    {
        return;
    }
    let more = tagged.count();
    let (who, whom) = (cx.call(from), cx.call(to));
    let key = format!("{:?}|{asset:?}|{unit}|{table:?}|{}", from.identity(), point.addr);
    cx.raise(key.as_bytes(), &CHANGED, event.at, || Raise {
        severity: Some(Severity::High),
        confidence: 0.9,
        to: Some(*to),
        summary: match more {
            0 => format!("{who} changed {} \"{}\" of {whom}", of_kind(tag), point.name),
            more => format!("{who} changed {} \"{}\" and {more} more of {whom}", of_kind(tag), point.name),
        },
        fields: std::iter::once(("object".to_owned(), object.to_string()))
            .chain(written.map(|(low, high)| {
                let value = if low == high { low.to_string() } else { format!("{low} to {high}") };
                ("written".to_owned(), value)
            }))
            .collect(),
        expected: "limits are changed in an approved window only".to_owned(),
        ..Raise::of_event(&CHANGED, event, from)
    });
}

fn of_kind(tag: PointTag) -> String {
    format!("the {}", tag.for_people())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Speaker, Table, Transport};

    const POINTS: &str = "[[point]]\nname = \"Overspeed\"\nasset = \"plc\"\naddr = 110\ntag = \"trip\"\n\
        [[point]]\nname = \"Exhaust high\"\nasset = \"plc\"\naddr = 112\ntype = \"f32\"\ntag = \"alarm_limit\"\n\
        [[point]]\nname = \"Set-point\"\nasset = \"plc\"\naddr = 120\n";
    const WINDOW: &str = "[[window]]\nid = \"W\"\nkind = \"service\"\nfrom = 2020-01-01T00:00:00Z\nto = 2040-01-01T00:00:00Z\n\
        zones = [\"machinery\"]\nwho = \"J. Doe\"\napproved_by = \"Chief engineer\"\n";

    fn told(policy: &str, unit: u8, table: Table, first: u16, count: u16) -> Vec<String> {
        let mut bench = Bench::new(Some(policy), Box::<LimitChanged>::default());
        bench.at(10.0);
        let object = Object::Registers { unit, table, first, count, written: Some((700, 700)) };
        let flow = flow("10.0.2.10", "10.0.2.21", 502, Transport::Tcp);
        bench.says("modbus", Speaker::Sender, &flow, &[Act::Request { verb: Verb::Write, object }]);
        bench.findings().into_iter().map(|finding| format!("{:?} {}", finding.severity, finding.summary)).collect()
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
