//! DW-1008 and DW-6003: protocols that protect nothing, and passwords sent in the clear.
//!
//! Decoders say what they saw: `weak.<what>` for a protocol or version that has had its day, `clear-text-credentials` for a password anybody could
//! read. The password itself never leaves the decoder. Networks that are open to the world are left out.

use dogwatch_model::{Act, Event, Initiator, Severity, Verb, oddity};

use super::zones::is_untrusted;
use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::findings::Cause;
use crate::policy::AppName;
use crate::seen::Party;

const WEAK: Card = Card {
    id: "DW-1008",
    why: "Whoever gets onto this network can read or change what is said by this protocol. Class asks that such weaknesses are known and either \
          mended or accepted by somebody with a name.",
    e26: &["4.1.1", "4.2.4"],
};
const CLEAR_TEXT: Card = Card {
    id: "DW-6003",
    why: "A password went over the network so that everybody on it could read it. Whoever listened can log in with it from now on.",
    e26: &["4.2.4"],
};

/// Weaknesses that decoders name in their own protocol's words.
const ALSO_WEAK: [&str; 7] = [
    "tls.old-version",
    "ssh.version-1",
    "pptp.broken-encryption",
    "eapol.weak-method",
    "ipsec.aggressive-mode",
    "ospf.no-authentication",
    "rip.no-authentication",
];

/// See the file's head. Keeps no state: the table of findings knows what was told.
#[derive(Default)]
pub(super) struct Weak;

impl Detector for Weak {
    fn cards(&self) -> &'static [&'static Card] {
        &[&WEAK, &CLEAR_TEXT]
    }

    fn wants(&self) -> Wants {
        Wants { logins: true, oddities: true, ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        let is_open = |party: &Party| cx.policy.is_some_and(|policy| is_untrusted(policy, party.end.zone));
        // what the crew's phones do with the internet is theirs
        if is_open(from) || is_open(to) && event.flow.initiator != Initiator::Sender {
            return;
        }
        for act in event.message.acts {
            match act {
                Act::Odd("clear-text-credentials" | "weak.http-basic") => clear_text(event, from, to, false, cx),
                Act::Odd(oddity::DEFAULT_PASSWORD) => clear_text(event, from, to, true, cx),
                Act::Odd(name) if name.starts_with("weak.") || ALSO_WEAK.contains(name) => {
                    weak(event, from, to, name, cx);
                }
                Act::Request { verb: Verb::Login, .. } if matches!(cx.app, Some(AppName::Telnet | AppName::Ftp)) => {
                    clear_text(event, from, to, false, cx);
                }
                _ => {}
            }
        }
    }
}

fn weak(event: &Event<'_>, from: &Party, to: &Party, name: &'static str, cx: &mut Context<'_>) {
    // the weakness is the server's, which decides what it offers
    let is_server_to = event.flow.initiator == Initiator::Sender && !event.flow.is_to_group();
    let (server, other) = if is_server_to { (to, from) } else { (from, to) };
    // an answer with every message is what polling is made of
    let cause = Cause { words: [name, ""], ..Cause::by(WEAK.id, server.identity()) };
    let key = || format!("{:?}|{name}", server.identity());
    let what = name.strip_prefix("weak.").unwrap_or(name);
    let (policy, directory) = (cx.policy, cx.directory);
    cx.raise_again(cause, &WEAK, event.at, key, || Raise {
        severity: Some(Severity::Info),
        confidence: 0.9,
        to: Some(*other),
        summary: format!(
            "{} uses {what}, which protects little or nothing",
            crate::findings::call(server, policy, directory)
        ),
        fields: vec![("weakness".to_owned(), name.to_owned())],
        expected: "a protocol that proves who is there and hides what is said".to_owned(),
        ..Raise::of_event(&WEAK, event, server)
    });
}

fn clear_text(event: &Event<'_>, from: &Party, to: &Party, is_factory: bool, cx: &mut Context<'_>) {
    let protocol = event.message.protocol;
    // some protocols prove who is there with each message
    let cause = Cause { words: [protocol, ""], ..Cause::between(CLEAR_TEXT.id, from.identity(), to.identity()) };
    let key = || format!("{:?}|{:?}|{protocol}", from.identity(), to.identity());
    let (policy, directory) = (cx.policy, cx.directory);
    let call = |party| crate::findings::call(party, policy, directory);
    cx.raise_again(cause, &CLEAR_TEXT, event.at, key, || Raise {
        severity: Some(if is_factory { Severity::High } else { Severity::Medium }),
        confidence: 0.9,
        to: Some(*to),
        summary: if is_factory {
            format!("{} uses the maker's own password at {} ({protocol})", call(from), call(to))
        } else {
            format!("{} sent a password to {} that anybody could read ({protocol})", call(from), call(to))
        },
        fields: vec![("protocol".to_owned(), protocol.to_owned())],
        expected: "logins over an encrypted service".to_owned(),
        ..Raise::of_event(&CLEAR_TEXT, event, from)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Object, Speaker, Transport};

    fn told(protocol: &'static str, from: &str, act: Act<'_>) -> Vec<(String, String)> {
        let mut bench = Bench::new(Some(SHIP), Box::<Weak>::default());
        for _ in 0..3 {
            bench.says(protocol, Speaker::Sender, &flow(from, "10.0.2.21", 23, Transport::Tcp), &[act]);
        }
        bench.findings().into_iter().map(|finding| (finding.rule_id, finding.source.name)).collect()
    }

    #[test]
    fn the_server_is_weak_and_the_client_gave_its_password_away() {
        let login = Act::Request { verb: Verb::Login, object: Object::Device { unit: None } };
        let named = |id: &str, who: &str| vec![(id.to_owned(), who.to_owned())];
        assert_eq!(told("telnet", "10.0.2.10", Act::Odd("weak.telnet")), named("DW-1008", "plc"));
        assert_eq!(told("telnet", "10.0.2.10", login), named("DW-6003", "hmi"));
        assert_eq!(told("mqtt", "10.0.2.10", Act::Odd("clear-text-credentials")), named("DW-6003", "hmi"));
        assert!(told("ssh", "10.0.2.10", login).is_empty());
        assert_eq!(told("vnc", "10.0.2.10", Act::Odd("weak.vnc-none")), named("DW-1008", "plc"));
        assert_eq!(told("snmp", "10.0.2.10", Act::Odd("weak.snmp-v2c")), named("DW-1008", "plc"));
        assert!(told("telnet", "10.0.9.10", login).is_empty(), "the crew's own network");
    }
}
