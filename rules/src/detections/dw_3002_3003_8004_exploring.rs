//! DW-3002, DW-3003 and DW-8004: somebody asks controllers for what he never asked before.
//!
//! Every kind of request is remembered by client, controller, unit, operation and block of registers. What is new after learning and on no line of
//! the policy is counted: a known pair that grows is DW-3002; many units, functions, refusals or identities within two minutes are an enumeration,
//! DW-3003; a program or a large part of the registers taken away by a new client is DW-8004. Requests count whether or not they are answered.

use std::time::Duration;

use dogwatch_model::{Act, CaptureTime, Event, FieldValue, FieldVisitor, Object, Severity, Table, Verb};

use super::zones::asked;
use crate::detector::{Card, Context, Detector, Once, Raise, Speaking, Wants};
use crate::findings::Cause;
use crate::policy::Mode;
use crate::remembered::Remembered;
use crate::seen::{Identity, Party};

/// Over what time an enumeration is counted, and how much is too much (catalogue: `window_s`, `units`, `funcs`, `exceptions`).
const WINDOW: Duration = Duration::from_secs(120);
const UNITS: usize = 6;
const FUNCTIONS: usize = 6;
const REFUSALS: usize = 10;
/// Modbus exceptions that say "there is no such thing": function, address, unit behind a gateway (MODBUS V1.1b3, clause 7).
const TRIED_OUT: [u64; 3] = [1, 2, 11];
/// The one of them that a gateway answers for a unit that says nothing ("gateway target device failed to respond").
const SWITCHED_OFF: u64 = 11;
/// Hosts asked for their identity within the window.
const IDENTIFIED: usize = 2;
/// Registers taken within ten minutes by a new client that are a copy of the controller (catalogue: `regs`).
const COPIED: u32 = 2_000;
const COPY_WINDOW: Duration = Duration::from_secs(600);
/// Registers of one block: neighbours within the gap of the catalogue are one.
const BLOCK: u16 = 8;
/// Requests of one source that are kept for counting.
const KEPT: usize = 256;
/// Kinds of request and clients remembered.
const REMEMBERED: usize = 32_768;
const CLIENTS: usize = 1_024;

const GROWN: Card = Card {
    id: "DW-3002",
    why: "This station reads or writes a part of the controller it never touched. That is a new screen, a changed set-up, or somebody looking around.",
    e26: &["4.2.1", "4.3.1"],
};
const ENUMERATION: Card = Card {
    id: "DW-3003",
    why: "Somebody asks controllers one after the other what they are and what they know. That is how an attack on machinery begins; displays and \
          alarm systems always ask the same.",
    e26: &["4.2.1", "4.3.1"],
};
const COPY: Card = Card {
    id: "DW-8004",
    why: "A program or most of the values of a controller was read out. With that, somebody can prepare elsewhere what to write back.",
    e26: &["4.2.1", "4.3.1"],
};

/// A kind of request: whose, to whom, unit, what, and which block (or function, where there are no registers).
type Asked = (Identity, Identity, u8, u8, u32);

/// One new kind of request.
#[derive(Debug, Clone, Copy)]
struct New {
    at: CaptureTime,
    server: Identity,
    unit: u8,
    function: u64,
    registers: u32,
    is_identity: bool,
    is_refusal: bool,
}

/// See the file's head.
pub(super) struct Exploring {
    asked: Remembered<Asked, ()>,
    pairs: Remembered<(Identity, Identity), ()>,
    clients: Remembered<Identity, Vec<New>>,
    /// Pairs and units that refused while learning.
    refusing: Remembered<(Identity, Identity, u8), ()>,
    hasher: foldhash::fast::FixedState,
}

impl Default for Exploring {
    fn default() -> Self {
        Self {
            asked: Remembered::new(REMEMBERED),
            pairs: Remembered::new(REMEMBERED),
            clients: Remembered::new(CLIENTS),
            refusing: Remembered::new(REMEMBERED),
            hasher: foldhash::fast::FixedState::default(),
        }
    }
}

impl Detector for Exploring {
    fn cards(&self) -> &'static [&'static Card] {
        &[&GROWN, &ENUMERATION, &COPY]
    }

    fn wants(&self) -> Wants {
        Wants {
            reads: true,
            orders: true,
            inquiries: true,
            refusals: true,
            oddities: true,
            once: Once::Said,
            of: Speaking::Industrial,
            ..Wants::default()
        }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        if event.flow.is_to_group() {
            return;
        }
        let mut is_request = false;
        for act in event.message.acts {
            match act {
                Act::Request { verb, object } => {
                    is_request = true;
                    self.requested(event, from, to, (*verb, *object), cx);
                }
                Act::Reply { object, refused: true, .. } => self.refused(event, to, from, *object, cx),
                Act::Odd(_) if !is_request && event.message.kind == "request" => {
                    // a function nobody knows is no operation, but somebody tried it
                    self.requested(event, from, to, (Verb::Diagnose, Object::Device { unit: None }), cx);
                }
                _ => {}
            }
        }
    }

    fn learned(&self) -> Option<serde_json::Value> {
        let pairs = |entries: Vec<(Asked, CaptureTime, &())>| {
            entries.into_iter().map(|(asked, at, ())| (asked, at)).collect::<Vec<_>>()
        };
        serde_json::to_value((pairs(self.asked.entries()), self.refusing.entries())).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        type Refusing = Vec<((Identity, Identity, u8), CaptureTime, ())>;
        let (asked, refusing): (Vec<(Asked, CaptureTime)>, Refusing) = serde_json::from_value(learned)?;
        for (asked, at) in asked {
            self.pairs.put((asked.0, asked.1), at, ());
            self.asked.put(asked, at, ());
        }
        self.refusing.recall(refusing);
        Ok(())
    }
}

impl Exploring {
    fn requested(
        &mut self,
        event: &Event<'_>,
        from: &Party,
        to: &Party,
        (verb, object): (Verb, Object<'_>),
        cx: &mut Context<'_>,
    ) {
        let (unit, block, registers) = match object {
            Object::Registers { unit, table, first, count, .. } => {
                (unit, table_number(table) | u32::from(first / BLOCK), u32::from(count))
            }
            Object::Device { unit } => (unit.unwrap_or(0), u32::MAX, 0),
            _ => (0, u32::MAX - 1, 0),
        };
        // functions without registers are told apart by their number, or, where there is none, by the word for them
        let function = match (registers, event.message.function) {
            (0, 0) => std::hash::BuildHasher::hash_one(&self.hasher, event.message.kind) >> 40,
            (0, number) => u64::from(number),
            _ => u64::from(table_number(table_of(object))),
        };
        let block = if registers == 0 { block.wrapping_sub(u32::try_from(function).unwrap_or(0)) } else { block };
        let (client, server) = (from.identity(), to.identity());
        let asked = (client, server, unit, verb as u8, block);
        if !self.asked.note(asked, event.at, || ()) {
            return;
        }
        if cx.is_learning(event.at, from, to) || is_allowed(event, from, to, verb, object, cx) {
            self.pairs.note((client, server), event.at, || ());
            return;
        }
        let is_known_pair = self.pairs.touch((client, server), event.at).is_some();
        self.count(
            client,
            New {
                at: event.at,
                server,
                unit,
                function: function.wrapping_mul(8).wrapping_add(verb as u64),
                registers: if verb == Verb::Read { registers } else { 0 },
                is_identity: verb == Verb::Discover,
                is_refusal: false,
            },
        );
        let is_enumeration = self.enumerates(event, from, to, cx);
        self.copies(event, from, to, verb, cx);
        if is_known_pair && !is_enumeration && !cx.has_policy_spoken() {
            grown(event, from, to, verb, object, cx);
        }
    }

    fn refused(&mut self, event: &Event<'_>, client: &Party, server: &Party, object: Object<'_>, cx: &mut Context<'_>) {
        let unit = unit_of(object);
        let known = (client.identity(), server.identity(), unit);
        if self.refusing.touch(known, event.at).is_some() {
            return;
        }
        // a controller that is busy or still works on it (Modbus exceptions 5 and 6) was asked for something it has
        let code = number_of(event, &["exception_code"]);
        if code != 0 && !TRIED_OUT.contains(&code) {
            return;
        }
        // A machine behind a gateway that is switched off refuses every poll; whoever goes on polling tries nothing out.
        let is_repeated = code == SWITCHED_OFF && self.has_refused(known, event.at);
        if is_repeated {
            return;
        }
        if cx.is_learning(event.at, client, server) {
            self.refusing.put(known, event.at, ());
        } else {
            let (at, server_id) = (event.at, server.identity());
            let new =
                New { at, server: server_id, unit, function: 0, registers: 0, is_identity: false, is_refusal: true };
            self.count(client.identity(), new);
            self.enumerates(event, client, server, cx);
        }
    }

    /// Whether the client was refused by this unit of the server already within the window.
    fn has_refused(&self, (client, server, unit): (Identity, Identity, u8), at: CaptureTime) -> bool {
        self.clients.get(&client).is_some_and(|list| {
            let recent = |new: &&New| new.is_refusal && at.since(new.at) <= WINDOW;
            list.iter().filter(recent).any(|new| new.server == server && new.unit == unit)
        })
    }

    fn count(&mut self, client: Identity, new: New) {
        let list = self.clients.touch_or(client, new.at, Vec::new);
        list.retain(|old| new.at.since(old.at) <= COPY_WINDOW);
        if list.len() >= KEPT {
            list.remove(0);
        }
        list.push(new);
    }

    fn enumerates(&mut self, event: &Event<'_>, client: &Party, server: &Party, cx: &mut Context<'_>) -> bool {
        let Some(list) = self.clients.get(&client.identity()) else { return false };
        let recent = || list.iter().filter(|new| event.at.since(new.at) <= WINDOW);
        let (mut asked, mut refusals, mut identities) = (0, 0, 0);
        for new in recent() {
            *(if new.is_refusal { &mut refusals } else { &mut asked }) += 1;
            identities += usize::from(new.is_identity);
        }
        // there are no more kinds of a thing than things
        if asked < UNITS.min(FUNCTIONS) && refusals < REFUSALS && identities < IDENTIFIED {
            return false;
        }
        let distinct = |keys: &mut dyn Iterator<Item = (Identity, u64)>| {
            let mut all: Vec<_> = keys.collect();
            all.sort_unstable();
            all.dedup();
            all.len()
        };
        let requests = || recent().filter(|new| !new.is_refusal);
        let units = distinct(&mut requests().map(|new| (new.server, u64::from(new.unit))));
        let functions = distinct(&mut requests().map(|new| (new.server, new.function)));
        let identified = distinct(&mut recent().filter(|new| new.is_identity).map(|new| (new.server, 0)));
        if units < UNITS && functions < FUNCTIONS && refusals < REFUSALS && identified < IDENTIFIED {
            return false;
        }
        let what = if units >= UNITS {
            format!("{units} units")
        } else if functions >= FUNCTIONS {
            format!("{functions} kinds of request")
        } else if identified >= IDENTIFIED {
            format!("the identity of {identified} devices")
        } else {
            format!("things that {refusals} times were refused")
        };
        let (who, whom) = (cx.call(client), cx.call(server));
        let key = || format!("{:?}", client.identity());
        cx.raise_again(cause(client), &ENUMERATION, event.at, key, || Raise {
            confidence: 0.9,
            from: *client,
            to: Some(*server),
            summary: format!("{who} tries out {what} within two minutes, last at {whom}"),
            fields: vec![
                ("units".to_owned(), units.to_string()),
                ("functions".to_owned(), functions.to_string()),
                ("refused".to_owned(), refusals.to_string()),
                ("identified".to_owned(), identified.to_string()),
            ],
            expected: "the requests it made while learning, or that the policy lists".to_owned(),
            ..Raise::of_event(&ENUMERATION, event, client)
        });
        true
    }

    fn copies(&mut self, event: &Event<'_>, from: &Party, to: &Party, verb: Verb, cx: &mut Context<'_>) {
        let server = to.identity();
        let registers = self.clients.get(&from.identity()).map_or(0, |list| {
            list.iter().filter(|new| new.server == server).fold(0_u32, |sum, new| sum.saturating_add(new.registers))
        });
        if verb != Verb::Transfer && registers < COPIED {
            return;
        }
        let (who, whom) = (cx.call(from), cx.call(to));
        let key = format!("{:?}|{server:?}", from.identity());
        cx.raise(key.as_bytes(), &COPY, event.at, || Raise {
            to: Some(*to),
            summary: if verb == Verb::Transfer {
                format!("{who} takes a program or file out of {whom}, which it never did before")
            } else {
                format!("{who} read {registers} registers of {whom} within ten minutes; it never read them before")
            },
            fields: vec![("registers".to_owned(), registers.to_string())],
            expected: "backups by the stations that made them while learning".to_owned(),
            ..Raise::of_event(&COPY, event, from)
        });
    }
}

/// Whether somebody was told of as trying out controllers: functions nobody knows are a part of that.
pub(super) fn is_told(client: &Party, cx: &Context<'_>) -> bool {
    cx.has_raised(&cause(client))
}

fn cause(client: &Party) -> Cause {
    Cause::by(ENUMERATION.id, client.identity())
}

fn grown(event: &Event<'_>, from: &Party, to: &Party, verb: Verb, object: Object<'_>, cx: &mut Context<'_>) {
    let (who, whom) = (cx.call(from), cx.call(to));
    // once per pair and day
    let day = event.at.seconds().div_euclid(86_400);
    let key = format!("{:?}|{:?}|{day}", from.identity(), to.identity());
    let severity =
        if matches!(verb, Verb::Read | Verb::Discover | Verb::Diagnose) { Severity::Low } else { Severity::Medium };
    cx.raise(key.as_bytes(), &GROWN, event.at, || Raise {
        severity: Some(severity),
        confidence: 0.6,
        to: Some(*to),
        summary: format!("{who} asked {whom} for {object}, which it never did before ({})", verb.as_str()),
        fields: vec![("object".to_owned(), object.to_string()), ("operation".to_owned(), verb.as_str().to_owned())],
        expected: "the blocks and functions this pair used while learning".to_owned(),
        ..Raise::of_event(&GROWN, event, from)
    });
}

/// Whether an enforced policy allows just this.
fn is_allowed(event: &Event<'_>, from: &Party, to: &Party, verb: Verb, object: Object<'_>, cx: &Context<'_>) -> bool {
    cx.policy.is_some_and(|policy| {
        policy.mode_between(from.end.zone, to.end.zone) != Mode::Learn
            && policy.judge(&asked(event, from, to, (verb, object), cx)).is_allowed()
    })
}

const fn table_of(object: Object<'_>) -> Table {
    match object {
        Object::Registers { table, .. } => table,
        _ => Table::Holding,
    }
}

/// A table in the bits above a register's number.
const fn table_number(table: Table) -> u32 {
    match table {
        Table::Coil => 0x1_0000,
        Table::Discrete => 0x2_0000,
        Table::Input => 0x3_0000,
        Table::Holding => 0x4_0000,
    }
}

const fn unit_of(object: Object<'_>) -> u8 {
    match object {
        Object::Registers { unit, .. } | Object::Device { unit: Some(unit) } => unit,
        _ => 0,
    }
}

/// The first number among the decoded fields with one of these names; else 0.
fn number_of(event: &Event<'_>, names: &'static [&'static str]) -> u64 {
    struct First(&'static [&'static str], u64);
    impl FieldVisitor for First {
        fn field(&mut self, name: &str, value: FieldValue<'_>) {
            if self.1 == 0 && self.0.contains(&name) {
                self.1 = match value {
                    FieldValue::Unsigned(number) | FieldValue::Coded { value: number, .. } => number,
                    _ => 0,
                };
            }
        }
        fn open_list(&mut self, _name: &str) {}
        fn open_group(&mut self, _name: &str) {}
        fn close(&mut self) {}
    }
    let mut first = First(names, 0);
    event.message.fields.visit(&mut first);
    first.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Speaker, Transport};

    fn bench() -> Bench {
        let mut bench = Bench::new(Some(SHIP), Box::<Exploring>::default());
        bench.at(0.0);
        bench
    }

    fn reads(bench: &mut Bench, second: f64, from: &str, unit: u8, first: u16, count: u16) {
        bench.at(second);
        let object = Object::Registers { unit, table: Table::Holding, first, count, written: None };
        let acts = [Act::Request { verb: Verb::Read, object }];
        bench.says("modbus", Speaker::Sender, &flow(from, "10.0.2.22", 502, Transport::Tcp), &acts);
    }

    #[test]
    fn many_units_fast_and_slow() {
        for step in [0.1, 20.0] {
            let mut bench = bench();
            (1..=20).for_each(|unit| reads(&mut bench, 200.0 + f64::from(unit) * step, "10.0.2.66", unit, 0, 1));
            assert!(bench.ids().contains(&"DW-3003".to_owned()), "one request every {step} s");
        }
    }

    #[test]
    fn a_master_that_always_polled_eight_units_is_none() {
        let mut bench = bench();
        for round in 0..40 {
            (1..=8).for_each(|unit| reads(&mut bench, f64::from(round) * 10.0, "10.0.2.11", unit, 0, 20));
        }
        assert!(bench.ids().is_empty());
    }

    #[test]
    fn a_known_pair_that_reads_further() {
        let mut bench = bench();
        reads(&mut bench, 5.0, "10.0.2.11", 1, 0, 8);
        reads(&mut bench, 200.0, "10.0.2.11", 1, 4, 8);
        assert!(bench.ids().is_empty(), "within the block");
        reads(&mut bench, 201.0, "10.0.2.11", 1, 400, 8);
        reads(&mut bench, 202.0, "10.0.2.11", 1, 800, 8);
        assert_eq!(bench.ids(), ["DW-3002"], "once a day");
    }

    #[test]
    fn a_controller_copied() {
        let mut bench = bench();
        (0..17).for_each(|n| reads(&mut bench, 200.0 + f64::from(n) * 20.0, "10.0.2.66", 1, n * 125, 125));
        assert!(bench.ids().contains(&"DW-8004".to_owned()));
    }

    #[test]
    fn refusals_on_and_on() {
        let mut bench = bench();
        for n in 0..10 {
            bench.at(200.0 + f64::from(n));
            let reply = Act::Reply { verb: Verb::Read, object: Object::Device { unit: Some(1) }, refused: true };
            let flow = flow("10.0.2.22", "10.0.2.66", 40_000, Transport::Tcp);
            bench.says("modbus", Speaker::Sender, &flow, &[reply]);
        }
        assert_eq!(bench.ids(), ["DW-3003"]);
    }

    #[test]
    fn a_unit_that_is_switched_off_refuses_every_poll() {
        struct Code(u64);
        impl dogwatch_model::Fields for Code {
            fn visit(&self, visitor: &mut dyn FieldVisitor) {
                visitor.field("exception_code", FieldValue::Unsigned(self.0));
            }
        }
        let told = |code: u64, units: u8| {
            let mut bench = bench();
            for n in 0..60_u8 {
                bench.at(200.0 + f64::from(n) * 1.5);
                let object = Object::Device { unit: Some(n % units) };
                let reply = Act::Reply { verb: Verb::Read, object, refused: true };
                let flow = flow("10.0.2.22", "10.0.2.66", 40_000, Transport::Tcp);
                bench.says_with("modbus", Speaker::Sender, &flow, &[reply], &Code(code));
            }
            bench.ids()
        };
        // 11: gateway target device failed to respond; 2: illegal data address (MODBUS V1.1b3, clause 7)
        assert!(told(11, 1).is_empty() && told(11, 3).is_empty());
        assert_eq!(told(11, 12), ["DW-3003"], "one unit after the other");
        assert_eq!(told(2, 1), ["DW-3003"]);
    }
}
