//! DW-3004 and DW-3008: commands that stop, restart, re-program or silence a controller.
//!
//! DW-3004 is Modbus: restart of communication, listen-only, cleared counters, programming functions, file records. DW-3008 is every other control
//! protocol: stop and start, download, mode and password. Quiet only where a line of the policy names the operation, or a service window is open.

use dogwatch_model::{Act, Event, FieldValue, FieldVisitor, Fields, Object, Severity, ShipState, Verb};

use super::zones::{asked, leads_to_the_heart};
use crate::detector::{Card, Context, Detector, Raise, Speaking, Wants};
use crate::findings::Cause;
use crate::policy::AppName;
use crate::seen::Party;

const DANGEROUS: Card = Card {
    id: "DW-3004",
    why: "This command can make a controller deaf, restart it or change its program. No display and no alarm system ever needs it.",
    e26: &["4.2.1", "4.3.1"],
};
const STOP: Card = Card {
    id: "DW-3008",
    why: "The controller was told to stop, to start, or to take a new program. What it steers follows: pumps, valves, engines.",
    e26: &["4.2.1", "4.3.1"],
};

/// The same detection, for what takes nothing out of work.
const CLEARED: Card = Card {
    id: "DW-3008",
    why: "What the controller kept of its errors or of who wrote to it is gone. It goes on working, but an error that held it back no longer does, and nobody can read there what happened before.",
    e26: STOP.e26,
};

/// See the file's head. Keeps no state: the table of findings knows what was told.
#[derive(Default)]
pub(super) struct Commands;

impl Detector for Commands {
    fn cards(&self) -> &'static [&'static Card] {
        &[&DANGEROUS, &STOP]
    }

    fn wants(&self) -> Wants {
        Wants { commands: true, logins: true, of: Speaking::Industrial, ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        for act in event.message.acts {
            let Act::Request { verb, object } = *act else { continue };
            if !matches!(verb, Verb::Control | Verb::Program | Verb::Write | Verb::Login) {
                continue;
            }
            let Some(app) = cx.app else { continue };
            let Some(card) = card(app, verb, object) else { continue };
            if is_expected(event, from, to, (verb, object), cx) {
                continue;
            }
            let words = [verb.as_str(), ""];
            let cause = Cause { words, ..Cause::between(card.id, from.identity(), to.identity()) };
            let is_heart = cx.policy.is_some_and(|policy| leads_to_the_heart(policy, to.end.zone));
            let is_denied =
                cx.policy.is_some_and(|policy| !policy.judge(&asked(event, from, to, (verb, object), cx)).is_allowed());
            let clears = clears(object);
            let card = if clears.is_some() && card.id == CLEARED.id { &CLEARED } else { card };
            let is_worst = cx.state == ShipState::AtSea && is_heart && verb != Verb::Login && clears.is_none();
            let key = || format!("{:?}|{:?}|{}", from.identity(), to.identity(), verb.as_str());
            let (policy, directory) = (cx.policy, cx.directory);
            let call = |party| crate::findings::call(party, policy, directory);
            cx.raise_again(cause, card, event.at, key, || Raise {
                severity: Some(if is_worst { Severity::Critical } else { Severity::High }),
                confidence: 0.9,
                to: Some(*to),
                summary: format!(
                    "{} sent {} a command to {}: {object} ({})",
                    call(from),
                    call(to),
                    clears.or_else(|| diagnostic(event.message.fields)).unwrap_or_else(|| in_words(verb)),
                    event.message.kind
                ),
                fields: vec![
                    ("operation".to_owned(), verb.as_str().to_owned()),
                    ("object".to_owned(), object.to_string()),
                    ("message".to_owned(), event.message.kind.to_owned()),
                    ("zone_plan".to_owned(), if is_denied { "does not allow it" } else { "-" }.to_owned()),
                ],
                expected: "such commands only by a line of the policy that names them, or in a service window"
                    .to_owned(),
                ..Raise::of_event(card, event, from)
            });
        }
    }
}

/// Which detection a command is.
fn card(app: AppName, verb: Verb, object: Object<'_>) -> Option<&'static Card> {
    let is_registers = matches!(object, Object::Registers { .. });
    match (app, verb) {
        (AppName::Modbus, Verb::Control | Verb::Program) if !is_registers => Some(&DANGEROUS),
        // file records (function 21) have names, registers have numbers
        (AppName::Modbus, Verb::Write) if matches!(object, Object::Named(_)) => Some(&DANGEROUS),
        (AppName::Modbus, _) => None,
        (app, Verb::Program) if app.is_industrial() => Some(&STOP),
        // commands to single outputs are the daily work of these
        (
            AppName::Iec104 | AppName::Opcua | AppName::Bacnet | AppName::Knx | AppName::Mms | AppName::Dnp3,
            Verb::Control,
        ) if !matches!(object, Object::Device { .. }) => None,
        (app, Verb::Control) if app.is_industrial() => Some(&STOP),
        // with a password; opening a session, which is about the device as a whole, is how every panel begins
        (AppName::S7 | AppName::Ads | AppName::Fins | AppName::Melsec | AppName::Codesys, Verb::Login)
            if !matches!(object, Object::Device { .. }) =>
        {
            Some(&STOP)
        }
        _ => None,
    }
}

/// What a command clears, where it stops and starts nothing: errors, logs, the right to write.
fn clears(object: Object<'_>) -> Option<&'static str> {
    let Object::Named(name) = object else { return None };
    // Object names of a protocol come behind its own: `fins.error-clear`.
    match name.rsplit('.').next()? {
        "error-clear" | "clear-error" | "clear-faults" => Some("clear its errors"),
        "error-log-clear" | "write-access-log-clear" => Some("clear its log"),
        "access-right-acquire" | "access-right-forced-acquire" | "access-right-release" => {
            Some("give or take the right to write to it")
        }
        _ => None,
    }
}

/// What a diagnostic function of Modbus (8) does by its number there, which the object of the command does not say.
fn diagnostic(fields: &dyn Fields) -> Option<&'static str> {
    struct Code(Option<u64>);
    impl FieldVisitor for Code {
        fn field(&mut self, name: &str, value: FieldValue<'_>) {
            if let ("diagnostic_code", FieldValue::Coded { value, .. }) = (name, value) {
                self.0 = Some(value);
            }
        }
        fn open_list(&mut self, _name: &str) {}
        fn open_group(&mut self, _name: &str) {}
        fn close(&mut self) {}
    }
    let mut code = Code(None);
    fields.visit(&mut code);
    Some(match code.0? {
        1 => "start its communication anew",
        4 => "listen only and answer nobody",
        10 | 20 => "clear its counters",
        _ => return None,
    })
}

/// Whether this file raises a finding for an operation: the policy's own word on it then adds nothing.
pub(super) fn tells(
    event: &Event<'_>,
    from: &Party,
    to: &Party,
    (verb, object): (Verb, Object<'_>),
    cx: &Context<'_>,
) -> bool {
    cx.app.and_then(|app| card(app, verb, object)).is_some() && !is_expected(event, from, to, (verb, object), cx)
}

/// Whether somebody said beforehand that this would come.
fn is_expected(
    event: &Event<'_>,
    from: &Party,
    to: &Party,
    (verb, object): (Verb, Object<'_>),
    cx: &Context<'_>,
) -> bool {
    let Some(policy) = cx.policy else { return false };
    if to.end.zone.is_some_and(|zone| policy.service_window_open(zone, event.at).is_some()) {
        return true;
    }
    let verdict = policy.judge(&asked(event, from, to, (verb, object), cx));
    // a line that allows everything did not mean this
    let line = if verdict.is_allowed() { verdict.line() } else { None };
    line.and_then(|line| policy.line(line)).is_some_and(|line| line.ops.contains(verb))
}

const fn in_words(verb: Verb) -> &'static str {
    match verb {
        Verb::Program => "change its program or set-up",
        Verb::Login => "let it in",
        Verb::Write => "overwrite its files",
        _ => "stop, start or restart",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Speaker, Table, Transport};

    fn told(protocol: &'static str, verb: Verb, object: Object<'_>) -> Vec<String> {
        let mut bench = Bench::new(Some(SHIP), Box::<Commands>::default());
        let flow = flow("10.0.2.66", "10.0.2.21", 502, Transport::Tcp);
        bench.says(protocol, Speaker::Sender, &flow, &[Act::Request { verb, object }]);
        bench.ids()
    }

    #[test]
    fn what_is_cleared_is_not_stopped() {
        for (protocol, name, want, why) in [
            ("fins", "fins.error-clear", "to clear its errors", "goes on working"),
            ("fins", "fins.write-access-log-clear", "to clear its log", "goes on working"),
            ("melsec", "melsec.clear-error", "to clear its errors", "goes on working"),
            ("fins", "fins.stop", "to stop, start or restart", "told to stop"),
        ] {
            let mut bench = Bench::new(Some(SHIP), Box::<Commands>::default());
            let flow = flow("10.0.2.66", "10.0.2.21", 9_600, Transport::Udp);
            bench.says(
                protocol,
                Speaker::Sender,
                &flow,
                &[Act::Request { verb: Verb::Control, object: Object::Named(name) }],
            );
            let findings = bench.findings();
            let [finding] = findings.as_slice() else { panic!("{name}: {findings:?}") };
            assert_eq!(finding.rule_id, "DW-3008");
            assert!(finding.summary.contains(want), "{name}: {}", finding.summary);
            assert!(finding.why.contains(why), "{name}: {}", finding.why);
        }
    }

    #[test]
    fn diagnostics_say_what_was_done() {
        struct Said(Option<u64>);
        impl Fields for Said {
            fn visit(&self, visitor: &mut dyn FieldVisitor) {
                if let Some(value) = self.0 {
                    visitor.field("diagnostic_code", FieldValue::Coded { value, name: None });
                }
            }
        }
        // Modbus Application Protocol V1.1b3, clause 6.8.
        for (code, want) in [
            (Some(1), Some("start its communication anew")),
            (Some(4), Some("listen only and answer nobody")),
            (Some(10), Some("clear its counters")),
            (Some(3), None),
            (None, None),
        ] {
            assert_eq!(diagnostic(&Said(code)), want, "{code:?}");
        }
    }

    #[test]
    fn which_command_is_which() {
        let device = Object::Device { unit: Some(1) };
        let coil = Object::Registers { unit: 1, table: Table::Coil, first: 3, count: 1, written: Some((1, 1)) };
        for (protocol, verb, object, want) in [
            ("modbus", Verb::Control, device, Some("DW-3004")),
            ("modbus", Verb::Program, device, Some("DW-3004")),
            ("modbus", Verb::Write, Object::Named("file 4"), Some("DW-3004")),
            ("modbus", Verb::Write, coil, None),
            ("modbus", Verb::Diagnose, device, None),
            ("s7comm", Verb::Control, device, Some("DW-3008")),
            ("s7comm", Verb::Program, Object::Named("OB1"), Some("DW-3008")),
            ("s7comm", Verb::Read, Object::Named("db1.0-4"), None),
            ("s7comm", Verb::Login, Object::Named("password"), Some("DW-3008")),
            ("s7comm-plus", Verb::Login, Object::Device { unit: None }, None),
            ("s7comm", Verb::Write, Object::Named("set-clock"), None),
            ("profinet-dcp", Verb::Discover, Object::Named("dcp.signal"), None),
            ("profinet-cm", Verb::Write, Object::Named("record 0x8028 slot 0/1"), None),
            ("enip", Verb::Program, device, Some("DW-3008")),
            ("iec104", Verb::Control, Object::Named("45"), None),
            ("http", Verb::Control, device, None),
        ] {
            assert_eq!(told(protocol, verb, object), Vec::from_iter(want), "{protocol} {verb:?} {object}");
        }
    }
}
