//! DW-2004: a device of an OT zone talks to the internet, or asks for the name of something there.
//!
//! What a line of the policy allows is quiet. An attempt that nobody answered, and a mere look-up, are of low severity: update services and time
//! clients knock for years on doors that are closed.

use dogwatch_model::{Act, Event, Object, Severity};

use super::zones::{ask, asked, is_ashore, is_conversation, is_ot};
use crate::detector::{Card, Context, Detector, Raise, Speaking, Wants};
use crate::policy::{AppName, Mode};
use crate::seen::{FlowSeen, FlowStage, Party};

const CARD: Card = Card {
    id: "DW-2004",
    why: "Controllers and bridge equipment have no business on the internet. What they can reach can reach them: the path serves a thief or an \
          operator ashore as well as an update.",
    e26: &["4.2.1", "4.2.2", "4.3.1"],
};

/// Names that exist only inside (RFC 6761, RFC 6762, RFC 8375, ICANN's `.internal`), and the tree of reverse look-ups.
const INSIDE: [&str; 8] =
    ["local", "lan", "internal", "localhost", "localdomain", "home.arpa", "in-addr.arpa", "ip6.arpa"];

/// See the file's head. Keeps no state: the table of findings knows what was told.
#[derive(Default)]
pub(super) struct Outside;

impl Detector for Outside {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants {
            flows: FlowStage::ALL,
            inquiries: true,
            of: Speaking::Only(&[AppName::Dns]),
            planned: true,
            ..Wants::default()
        }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        let Some(policy) = cx.policy else { return };
        if !is_ot(cx.policy, &seen.from)
            || !is_ashore(cx.policy, &seen.to)
            || seen.flow.is_to_group()
            || policy.mode_between(seen.from.end.zone, seen.to.end.zone) == Mode::Learn
            || policy.judge(&ask(seen, cx)).is_allowed()
        {
            return;
        }
        let is_answered = is_conversation(seen);
        let key = format!("{:?}|{:?}|{}", seen.from.identity(), seen.flow.transport, seen.flow.dst_port);
        let (who, whom) = (cx.call(&seen.from), cx.call(&seen.to));
        cx.raise(key.as_bytes(), &CARD, seen.at, || Raise {
            severity: Some(if is_answered { Severity::High } else { Severity::Low }),
            confidence: 0.9,
            summary: if is_answered {
                format!("{who} talks to {whom} on the internet by {}", seen.service())
            } else {
                format!("{who} tries to reach {whom} on the internet by {}; no answer was seen", seen.service())
            },
            fields: vec![("answered".to_owned(), is_answered.to_string())],
            expected: "no traffic to the internet but what a conduit lists".to_owned(),
            ..Raise::of_flow(&CARD, seen)
        });
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        if !is_ot(cx.policy, from) {
            return;
        }
        for act in event.message.acts {
            let Act::Request { object: Object::Named(name), .. } = act else { continue };
            // what the policy lists as a host it allows was settled by the rule for operations
            if !is_public_name(name) || is_listed(event, from, to, name, cx) {
                continue;
            }
            let key = format!("dns|{:?}", from.identity());
            let who = cx.call(from);
            cx.raise(key.as_bytes(), &CARD, event.at, || Raise {
                severity: Some(Severity::Low),
                confidence: 0.7,
                to: Some(*to),
                summary: format!("{who} asks for the internet name {}", crate::text::bounded(name, 80)),
                fields: vec![("name".to_owned(), crate::text::bounded(name, 253))],
                expected: "no look-ups of internet names from this zone".to_owned(),
                ..Raise::of_event(&CARD, event, from)
            });
        }
    }
}

/// Whether a line of the policy allows this look-up.
fn is_listed(event: &Event<'_>, from: &Party, to: &Party, name: &str, cx: &Context<'_>) -> bool {
    cx.policy.is_none_or(|policy| {
        policy.mode_between(from.end.zone, to.end.zone) == Mode::Learn
            || policy
                .judge(&asked(event, from, to, (dogwatch_model::Verb::Discover, Object::Named(name)), cx))
                .is_allowed()
    })
}

/// Whether a name is one of the internet: at least two labels, and not in a tree that exists only inside.
fn is_public_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name.contains('.')
        && !INSIDE.iter().any(|tree| name.strip_suffix(tree).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP};
    use crate::seen::FlowStage;

    fn told(from: &str, to: &str, port: u16, protocol: Option<&'static str>, stage: FlowStage) -> Vec<Severity> {
        let mut bench = Bench::new(Some(SHIP), Box::<Outside>::default());
        bench.flow(from, to, port, protocol, stage);
        bench.findings().iter().map(|finding| finding.severity).collect()
    }

    #[test]
    fn an_answer_makes_it_high_and_a_knock_is_low() {
        assert_eq!(told("10.0.2.5", "8.8.8.8", 443, None, FlowStage::Established), [Severity::High]);
        assert_eq!(told("10.0.2.5", "8.8.8.8", 443, None, FlowStage::Started), [Severity::Low]);
    }

    #[test]
    fn quiet_inside_from_the_office_and_where_a_line_allows_it() {
        assert!(told("10.0.2.5", "10.0.4.8", 443, None, FlowStage::Established).is_empty());
        assert!(told("10.0.2.5", "224.0.0.251", 5353, None, FlowStage::Started).is_empty());
        assert!(told("10.0.4.5", "8.8.8.8", 443, None, FlowStage::Established).is_empty());
        assert!(told("10.0.2.5", "8.8.8.8", 123, Some("ntp"), FlowStage::Recognised).is_empty());
    }

    #[test]
    fn names_of_the_internet() {
        for (name, want) in [
            ("updates.example.com", true),
            ("updates.example.com.", true),
            ("ecdis-1", false),
            ("printer.local", false),
            ("31.10.10.10.in-addr.arpa", false),
            ("notlocal.example", true),
            ("glocal", false),
            ("x.glocal", true),
        ] {
            assert_eq!(is_public_name(name), want, "{name}");
        }
    }
}
