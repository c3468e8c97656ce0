//! DW-2002, DW-2003 and their neighbours DW-2006, DW-2008, DW-2010, DW-4004: the two may talk, but not do this, or not as often. The judge of the
//! policy says which field of the nearest line failed; that field decides on the detection. A rate is overrun when it is for two periods running, or by two
//! periods' worth of operations.

use dogwatch_model::{Act, CaptureTime, Event, FieldValue, FieldVisitor, Object, Severity, Verb};

use super::dw_3004_3008_commands as commands;
use super::zones::asked;
use crate::detector::{Card, Context, Detector, Raise, Threshold, Wants};
use crate::findings::{Cause, call};
use crate::policy::{Ask, Counted, Denial, LineIx, Mode, Policy, RateMeter, Reason, Verdict};
use crate::remembered::Remembered;
use crate::seen::{Identity, Party, service};

const WHY_OPERATION: &str = "Reading shows how the machinery runs; writing, controlling and programming change it. A station that was only given \
                             leave to look and now acts can stop an engine or move a valve.";

const OPERATION: Card = Card { id: "DW-2002", why: WHY_OPERATION, e26: &["4.2.1", "4.2.2", "4.3.1"] };
const ADDRESS: Card = Card {
    id: "DW-2003",
    why: "The zone plan lists which values this station may touch. Beyond that range lie set-points and limits it has no business with; reaching \
          for them is a wrong configuration or someone exploring.",
    e26: &["4.2.1", "4.2.2", "4.3.1"],
};
const EXPIRED: Card = Card {
    id: "DW-2006",
    why: "Leave for this work was given until a date. It goes on after the end: either nobody told the monitor, or nobody told the engineer to stop.",
    e26: &["4.2.1", "4.2.4", "4.2.6"],
};
const RATE: Card = Card {
    id: "DW-2008",
    why: "The plan says how often this may be asked or ordered. Far more than that keeps the controller from its work or wears out what it drives.",
    e26: &["4.2.1", "4.3.1"],
};
const STATE: Card = Card {
    id: "DW-2010",
    why: "What is normal alongside can endanger the ship at sea. This operation is only allowed in another state of the ship.",
    e26: &["4.2.1", "4.3.1"],
};
const VALUE: Card = Card {
    id: "DW-4004",
    why: "The written value lies outside what the maker or the chief engineer set as the range. Equipment may follow it all the same.",
    e26: &["4.2.1", "4.3.1"],
};

/// How many periods' worth of operations may come at once, and for how many periods running a rate must be overrun (catalogue: `burst`).
const BURST: f64 = 2.0;
const PERIODS: u64 = 2;
/// Seconds after the end of a window or an exception that are nobody's fault: the engineer logs off, the display is closed (catalogue: `grace_s`).
const GRACE_S: f64 = 300.0;
/// Pairs whose rate is watched.
const REMEMBERED: usize = 8_192;

/// A rate, and how many operations went past it in this overrun.
struct Watched {
    meter: RateMeter,
    excess: u64,
    last: CaptureTime,
}

/// See the file's head. What was told is known by the table of findings; only rates need counting.
pub(super) struct Operation {
    rates: Remembered<(LineIx, Identity, Identity), Watched>,
    grace_s: f64,
}

impl Default for Operation {
    fn default() -> Self {
        Self { rates: Remembered::new(REMEMBERED), grace_s: GRACE_S }
    }
}

impl Detector for Operation {
    fn cards(&self) -> &'static [&'static Card] {
        &[&OPERATION, &ADDRESS, &EXPIRED, &RATE, &STATE, &VALUE]
    }

    fn wants(&self) -> Wants {
        Wants { reads: true, orders: true, inquiries: true, planned: true, ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![Threshold::new(EXPIRED.id, "grace_s", &mut self.grace_s, 0.0..=3_600.0)]
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        let Some(policy) = cx.policy else { return };
        if policy.mode_between(from.end.zone, to.end.zone) == Mode::Learn || event.flow.is_to_group() {
            return;
        }
        for act in event.message.acts {
            let Act::Request { verb, object } = *act else { continue };
            // who may command whom on a bus is not a matter of conduits
            if matches!(object, Object::Pgn { .. } | Object::Sentence { .. }) {
                continue;
            }
            let ask = asked(event, from, to, (verb, object), cx);
            match policy.judge(&ask) {
                // the policy has spoken: a write it allows is no first write to wonder about
                Verdict::Allowed { line, .. }
                | Verdict::AllowedByException { line }
                | Verdict::AllowedByWindow { line, .. } => {
                    cx.policy_spoke();
                    self.count(event, from, to, line, policy, cx);
                }
                Verdict::Denied(denial) if self.has_just_ended(&denial) => cx.policy_spoke(),
                Verdict::Denied(denial) => deny(event, from, to, (verb, object), policy, &ask, denial, cx),
            }
        }
    }
}

impl Operation {
    fn has_just_ended(&self, denial: &Denial) -> bool {
        match denial.reason {
            Reason::WindowClosed { since: Some(since), .. } | Reason::Expired { since } => {
                since.as_secs_f64() < self.grace_s
            }
            _ => false,
        }
    }

    /// Counts an allowed operation against the rate of its line.
    fn count(
        &mut self,
        event: &Event<'_>,
        from: &Party,
        to: &Party,
        index: LineIx,
        policy: &Policy,
        cx: &mut Context<'_>,
    ) {
        let Some(rate) = policy.line(index).and_then(|line| line.rate) else { return };
        if rate.counted != Counted::Operations {
            return;
        }
        let pair = (index, from.identity(), to.identity());
        let new = || Watched { meter: RateMeter::new(rate, BURST), excess: 0, last: event.at };
        let watched = self.rates.touch_or(pair, event.at, new);
        if watched.meter.rate() != rate {
            *watched = new();
        }
        let Some(periods) = watched.meter.take(event.at, 1) else { return };
        // an overrun that paused for a period is over
        let is_new = event.at.since(watched.last) > rate.period;
        watched.excess = if is_new { 1 } else { watched.excess.saturating_add(1) };
        watched.last = event.at;
        if periods < PERIODS && watched.excess < rate.amount.saturating_mul(PERIODS) {
            return;
        }
        let (who, whom) = (cx.call(from), cx.call(to));
        let line = policy.line_name(index);
        let key = format!("{:?}|{:?}|{line}", pair.1, pair.2);
        cx.raise(key.as_bytes(), &RATE, event.at, || Raise {
            confidence: 0.85,
            to: Some(*to),
            summary: format!("{who} asks {whom} more often than {rate}"),
            fields: vec![("rate".to_owned(), rate.to_string()), ("line".to_owned(), line.clone())],
            expected: format!("at most {rate}, as {line} allows"),
            ..Raise::of_event(&RATE, event, from)
        });
    }
}

#[expect(clippy::too_many_arguments, reason = "one step of `event`, cut off for its length")]
fn deny(
    event: &Event<'_>,
    from: &Party,
    to: &Party,
    (verb, object): (Verb, Object<'_>),
    policy: &Policy,
    ask: &Ask<'_>,
    denial: Denial,
    cx: &mut Context<'_>,
) {
    cx.policy_spoke();
    let detection = denial.reason.detection();
    // a window is over by the monitor's clock, and just that is in doubt (DW-9003)
    if detection == EXPIRED.id && cx.troubles.is_clock_doubtful(event.at) {
        return;
    }
    let card = match detection {
        "DW-2002" => &OPERATION,
        "DW-2003" => &ADDRESS,
        "DW-2006" => &EXPIRED,
        "DW-2010" => &STATE,
        "DW-4004" => &VALUE,
        // that they may not talk at all was said of the flow
        _ => return,
    };
    // for a while after she changed her state the old habits go on: pumps are run down, cranes are lashed
    if card.id == STATE.id && cx.is_settling(event.at) {
        return;
    }
    let changes = matches!(verb, Verb::Write | Verb::Control | Verb::Program);
    let severity = match card.id {
        "DW-2003" if !changes => Severity::Medium,
        "DW-2003" => Severity::High,
        "DW-2002" if !changes => Severity::Medium,
        _ => base_severity(card.id),
    };
    // the detection of dangerous commands says more about it, and says that the plan does not allow it
    let is_enforced = policy.mode_between(from.end.zone, to.end.zone) == Mode::Enforce;
    if card.id == OPERATION.id && is_enforced && commands::tells(event, from, to, (verb, object), cx) {
        return;
    }
    // one finding for one station doing one kind of thing to one device, whatever the register; where the unit itself is what the plan does not
    // list, and where it only reads, whatever the unit (where the zone is watched every unit is a line that somebody may want to allow)
    let unit = match object {
        _ if denial.failed_field == "unit" || is_enforced && !changes => None,
        Object::Registers { unit, .. } => Some(unit),
        Object::Device { unit } => unit,
        _ => None,
    };
    let key =
        || format!("{:?}|{:?}|{unit:?}|{}|{}", from.identity(), to.identity(), verb.as_str(), denial.failed_field);
    let cause = Cause {
        number: unit.map_or(u64::MAX, u64::from),
        words: [verb.as_str(), denial.failed_field],
        ..Cause::between(card.id, from.identity(), to.identity())
    };
    let directory = cx.directory;
    cx.raise_again(cause, card, event.at, key, || {
        let (who, whom) = (call(from, Some(policy), directory), call(to, Some(policy), directory));
        let nearest = denial.nearest.map(|line| policy.line_name(line)).unwrap_or_default();
        let conduit = denial.conduit.and_then(|conduit| policy.conduit(conduit)).map(|conduit| conduit.id.clone());
        let mut fields = Fields(
            vec![("operation".to_owned(), verb.as_str().to_owned()), ("object".to_owned(), object.to_string())],
            0,
        );
        if let Object::Registers { first, .. } = object {
            fields.0.push(("one_based".to_owned(), format!("{}", u32::from(first) + 1)));
        }
        event.message.fields.visit(&mut fields);
        Raise {
            card,
            severity: Some(severity),
            confidence: 0.95,
            at: event.at,
            frame: event.frame,
            from: *from,
            to: Some(*to),
            service: service(Some(event.message.protocol), event.flow),
            summary: format!("{who} {} {object} of {whom}; {}", past(verb), in_words(&denial)),
            fields: fields.0,
            expected: if nearest.is_empty() {
                "nothing that allows it".to_owned()
            } else {
                format!("as {nearest} allows")
            },
            conduit,
            proposal: policy.policy_line_for(ask),
        }
    });
}

fn base_severity(id: &str) -> Severity {
    crate::catalogue::row(id).map_or(Severity::Medium, |row| row.severity)
}

/// What the zone plan does not allow about it.
fn in_words(denial: &Denial) -> &'static str {
    match denial.failed_field {
        "when" if matches!(denial.reason, Reason::WindowClosed { since: Some(_), .. }) => {
            "the service window for it is over"
        }
        "when" if matches!(denial.reason, Reason::WindowClosed { .. }) => "the service window for it is not open yet",
        "op" => "the zone plan does not allow this operation",
        "unit" => "this unit is not on the zone plan's list",
        "table" | "addr" => "these registers are not on the zone plan's list",
        "value" => "the value is outside its range",
        "when" => "not allowed in this state of the ship",
        "until" => "the leave for it has ended",
        _ => "this is not on the zone plan's list",
    }
}

const fn past(verb: Verb) -> &'static str {
    match verb {
        Verb::Read => "read",
        Verb::Write => "wrote",
        Verb::Control => "controlled",
        Verb::Program => "programmed",
        Verb::Diagnose => "diagnosed",
        Verb::Discover => "looked for",
        Verb::Transfer => "transferred",
        Verb::Login => "logged in to",
    }
}

/// Collects decoded fields as evidence: top level only, and not too many.
struct Fields(Vec<(String, String)>, u32);

impl FieldVisitor for Fields {
    fn field(&mut self, name: &str, value: FieldValue<'_>) {
        if self.0.len() >= 16 || name.is_empty() {
            return;
        }
        let text = match value {
            FieldValue::Bool(value) => value.to_string(),
            FieldValue::Unsigned(value) => value.to_string(),
            FieldValue::Signed(value) => value.to_string(),
            FieldValue::Number(value) => value.to_string(),
            FieldValue::Text(text) => text.chars().take(80).collect(),
            FieldValue::Bytes(bytes) => bytes.iter().take(32).map(|byte| format!("{byte:02x}")).collect(),
            FieldValue::Coded { value, name } => name.map_or_else(|| value.to_string(), str::to_owned),
        };
        self.0.push((name.to_owned(), text));
    }
    fn open_list(&mut self, _name: &str) {
        self.1 = self.1.saturating_add(1);
    }
    fn open_group(&mut self, _name: &str) {
        self.1 = self.1.saturating_add(1);
    }
    fn close(&mut self) {
        self.1 = self.1.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Speaker, Table, Transport};

    use super::*;
    use crate::detections::bench::{Bench, flow};

    const POLICY: &str = r#"
format = 1
mode = "enforce"
[vessel]
name = "T"
[[zone]]
id = "bridge"
label = "B"
function = "navigation"
class = "ot"
criticality = "high"
devices = "fixed"
subnet = ["10.0.1.0/24"]
[[zone]]
id = "engine"
label = "E"
function = "propulsion"
class = "ot"
criticality = "high"
devices = "fixed"
subnet = ["10.0.2.0/24"]
[[conduit]]
id = "bridge-reads"
from = "bridge"
to = "engine"
owner = "ETO"
reason = "conning"
  [[conduit.allow]]
  app = "modbus"
  op = ["read"]
  unit = [1]
  table = "holding"
  addr = ["100-120"]
"#;

    #[test]
    fn twice_the_rate_for_two_periods() {
        let told = |per_second: u32| {
            let mut bench = Bench::new(Some(crate::detections::bench::SHIP), Box::<Operation>::default());
            for n in 0..per_second * 12 {
                bench.at(f64::from(n) / f64::from(per_second));
                let object = Object::Registers { unit: 1, table: Table::Holding, first: 0, count: 2, written: None };
                let flow = flow("10.0.2.10", "10.0.2.21", 502, Transport::Tcp);
                bench.says("modbus", Speaker::Sender, &flow, &[Act::Request { verb: Verb::Read, object }]);
            }
            bench.ids()
        };
        assert_eq!(told(5), ["DW-2008"], "the plan allows two a second");
        assert!(told(2).is_empty());
    }

    #[test]
    fn leave_that_ended_a_moment_ago_and_long_ago() {
        // 1,800,000,000 s after 1970 is 2027-01-15T08:00:00Z
        let window = "when = { window = \"W\" }\n[[window]]\nid = \"W\"\nkind = \"service\"\nfrom = 2027-01-15T08:00:00Z\n\
                      to = 2027-01-15T09:00:00Z\nzones = [\"engine\"]\nwho = \"maker\"\napproved_by = \"chief\"\n";
        let told = |second: f64| {
            let mut bench = Bench::new(Some(&format!("{POLICY}{window}")), Box::<Operation>::default());
            bench.at(second);
            let object = Object::Registers { unit: 1, table: Table::Holding, first: 100, count: 2, written: None };
            let flow = flow("10.0.1.5", "10.0.2.5", 502, Transport::Tcp);
            bench.says("modbus", Speaker::Sender, &flow, &[Act::Request { verb: Verb::Read, object }]);
            bench.findings().into_iter().map(|finding| finding.summary).collect::<Vec<_>>()
        };
        assert!(told(3_000.0).is_empty() && told(3_800.0).is_empty());
        let late = told(3_950.0);
        assert!(late.len() == 1 && late[0].ends_with("the service window for it is over"), "{late:?}");
    }

    fn told(verb: Verb, first: u16, count: u16) -> Vec<(String, Severity)> {
        let mut bench = Bench::new(Some(POLICY), Box::<Operation>::default());
        bench.at(1.0);
        let object = Object::Registers { unit: 1, table: Table::Holding, first, count, written: None };
        for _ in 0..3 {
            bench.says(
                "modbus",
                Speaker::Sender,
                &flow("10.0.1.5", "10.0.2.5", 502, Transport::Tcp),
                &[Act::Request { verb, object }],
            );
        }
        assert!(
            bench
                .findings()
                .iter()
                .all(|finding| finding.count == 3 && finding.conduit.as_deref() == Some("bridge-reads"))
        );
        bench.findings().into_iter().map(|finding| (finding.rule_id, finding.severity)).collect()
    }

    #[test]
    fn inside_the_line_is_quiet() {
        assert!(told(Verb::Read, 100, 21).is_empty());
    }

    #[test]
    fn writing_where_only_reading_is_allowed() {
        assert_eq!(told(Verb::Write, 100, 1), [("DW-2002".to_owned(), Severity::High)]);
    }

    #[test]
    fn units_beside_the_list_are_one_finding() {
        let mut bench = Bench::new(Some(POLICY), Box::<Operation>::default());
        bench.at(1.0);
        for unit in 2..32 {
            let object = Object::Registers { unit, table: Table::Holding, first: 100, count: 1, written: None };
            let flow = flow("10.0.1.5", "10.0.2.5", 502, Transport::Tcp);
            bench.says("modbus", Speaker::Sender, &flow, &[Act::Request { verb: Verb::Read, object }]);
        }
        let told: Vec<_> = bench.findings().into_iter().map(|finding| (finding.rule_id, finding.count)).collect();
        assert_eq!(told, [("DW-2002".to_owned(), 30)]);
    }

    #[test]
    fn a_dangerous_command_is_left_to_the_detection_of_those() {
        let told = |verb| {
            let mut bench = Bench::new(Some(POLICY), Box::<Operation>::default());
            bench.at(1.0);
            let flow = flow("10.0.1.5", "10.0.2.5", 502, Transport::Tcp);
            let object = Object::Device { unit: Some(1) };
            bench.says("modbus", Speaker::Sender, &flow, &[Act::Request { verb, object }]);
            bench.ids()
        };
        assert!(told(Verb::Program).is_empty());
        assert_eq!(told(Verb::Discover), ["DW-2002"]);
    }

    #[test]
    fn one_register_too_far() {
        assert_eq!(told(Verb::Read, 100, 22), [("DW-2003".to_owned(), Severity::Medium)]);
    }
}
