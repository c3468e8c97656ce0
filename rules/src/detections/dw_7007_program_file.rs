//! DW-7007: a program file on its way to an OT host, by whatever carries files.
//!
//! Decoders tell by the first bytes that a program begins (`program.windows`, `program.elf`, `program.script`, `program.firmware`); no file is put together.
//! Quiet while a service window is open in the host's zone, and where a line of the policy means it: one that names an operation of moving files, or one
//! that holds in a window only. An encrypted transfer shows nothing.

use dogwatch_model::{Act, Event, FieldValue, FieldVisitor, Initiator, Object, Verb};

use super::zones::{asked, is_ot};
use crate::detector::{Card, Context, Detector, Raise, Speaking, Threshold, Wants};
use crate::policy::AppName;
use crate::seen::Party;

const CARD: Card = Card {
    id: "DW-7007",
    why: "A program arrived at ship equipment. If it is no update that somebody planned, it may be the first step to take the equipment over.",
    e26: &["4.2.3", "4.2.7", "4.3.1"],
};

/// See the file's head. Keeps no state: the table of findings knows what was told.
pub(super) struct ProgramFile {
    /// Files shorter than this are left alone (catalogue).
    min_bytes: f64,
}

impl Default for ProgramFile {
    fn default() -> Self {
        Self { min_bytes: 4_096.0 }
    }
}

impl Detector for ProgramFile {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        let of = Speaking::Only(&[AppName::Http, AppName::Smb, AppName::Ftp]);
        Wants { oddities: true, of, ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![Threshold::new("DW-7007", "min_bytes", &mut self.min_bytes, 0.0..=1e9)]
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        let Some(kind) = event.message.acts.iter().find_map(kind) else { return };
        if !is_ot(cx.policy, to) {
            return;
        }
        let size = size_of(event);
        // who does not say how long the file is sends a first block that was full; of scripts that is no measure
        if size.map_or(kind == SCRIPT, |size| (size as f64) < self.min_bytes) || is_expected(event, from, to, cx) {
            return;
        }
        let key = format!("{:?}|{:?}|{kind}", from.identity(), to.identity());
        let (who, whom) = (cx.call(from), cx.call(to));
        cx.raise(key.as_bytes(), &CARD, event.at, || {
            let mut fields = vec![("content".to_owned(), kind.to_owned())];
            fields.extend(size.map(|size| ("bytes".to_owned(), size.to_string())));
            Raise {
                confidence: 0.85,
                to: Some(*to),
                summary: format!("{whom} received {kind} from {who} by {}", event.message.protocol),
                fields,
                expected: "programs for ship equipment only in a service window, or by a line that allows the transfer"
                    .to_owned(),
                ..Raise::of_event(&CARD, event, from)
            }
        });
    }
}

const SCRIPT: &str = "a script";

/// What a decoder saw begin, in words.
fn kind(act: &Act<'_>) -> Option<&'static str> {
    let Act::Odd(name) = act else { return None };
    Some(match *name {
        "program.windows" => "a Windows program",
        "program.elf" => "a Linux program",
        "program.script" => SCRIPT,
        "program.firmware" => "a firmware image",
        _ => return None,
    })
}

/// Whether somebody said beforehand that this would come.
fn is_expected(event: &Event<'_>, from: &Party, to: &Party, cx: &Context<'_>) -> bool {
    let Some(policy) = cx.policy else { return false };
    if to.end.zone.is_some_and(|zone| policy.service_window_open(zone, event.at).is_some()) {
        return true;
    }
    // the policy is asked about the conversation, whichever way the file goes; a host that fetches reads, one that is sent to is written
    let is_answer = event.flow.initiator == Initiator::Receiver;
    let (client, server) = if is_answer { (to, from) } else { (from, to) };
    let carriers = if is_answer { [Verb::Transfer, Verb::Read] } else { [Verb::Transfer, Verb::Write] };
    carriers.into_iter().any(|verb| {
        let mut question = asked(event, client, server, (verb, Object::Device { unit: None }), cx);
        question.port = server.port;
        let verdict = policy.judge(&question);
        let line = if verdict.is_allowed() { verdict.line() } else { None };
        line.and_then(|line| policy.line(line)).is_some_and(|line| {
            // a line that allows everything at any time did not mean this
            line.when.window.is_some() || line.ops.contains(Verb::Transfer) || line.ops.contains(Verb::Program)
        })
    })
}

/// How long the decoder says the file is, or the part of it that came with the message.
fn size_of(event: &Event<'_>) -> Option<u64> {
    #[derive(Default)]
    struct Size(Option<u64>);
    impl FieldVisitor for Size {
        fn field(&mut self, name: &str, value: FieldValue<'_>) {
            if name == "content_length"
                && let FieldValue::Unsigned(number) = value
            {
                self.0 = Some(number);
            }
        }
        fn open_list(&mut self, _name: &str) {}
        fn open_group(&mut self, _name: &str) {}
        fn close(&mut self) {}
    }
    let mut size = Size::default();
    event.message.fields.visit(&mut size);
    size.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Speaker, Transport};

    fn told(policy: &str, (from, to): (&str, &str), act: Act<'_>) -> Vec<String> {
        let mut bench = Bench::new(Some(policy), Box::<ProgramFile>::default());
        for _ in 0..2 {
            bench.says("smb", Speaker::Sender, &flow(from, to, 445, Transport::Tcp), &[act]);
        }
        bench.ids()
    }

    #[test]
    fn programs_into_ot_and_nowhere_else() {
        let to_plc = ("10.0.4.30", "10.0.2.21");
        assert_eq!(told(SHIP, to_plc, Act::Odd("program.windows")), ["DW-7007"]);
        assert_eq!(told(SHIP, to_plc, Act::Odd("program.firmware")), ["DW-7007"]);
        assert!(told(SHIP, to_plc, Act::Odd("program.script")).is_empty(), "nobody said how long it is");
        assert!(told(SHIP, to_plc, Act::Odd("weak.smb1")).is_empty());
        assert!(told(SHIP, ("10.0.2.21", "10.0.4.30"), Act::Odd("program.windows")).is_empty(), "out of OT");
    }

    #[test]
    fn a_line_that_means_transfers_allows_it() {
        let with = |line: &str| {
            SHIP.replace("app = \"rdp\"\n", &format!("app = \"rdp\"\n  [[conduit.allow]]\n  app = \"smb\"\n{line}"))
        };
        let to_plc = ("10.0.4.30", "10.0.2.21");
        assert!(told(&with("  op = [\"transfer\"]\n"), to_plc, Act::Odd("program.elf")).is_empty());
        assert_eq!(told(&with(""), to_plc, Act::Odd("program.elf")), ["DW-7007"], "a line for everything");
        assert_eq!(told(&with("  op = [\"read\"]\n"), to_plc, Act::Odd("program.elf")), ["DW-7007"]);
    }
}
