//! DW-6002: somebody hands out addresses, names or routes who is not on the list: DHCP and DNS servers, IPv6 routers.
//!
//! Known is who did it while learning, who a line of the policy names, and who the plan declares as gateway or server.

use dogwatch_model::{Act, Event, Object, Severity};

use super::zones::{is_ashore, is_infrastructure, is_untrusted};
use crate::detector::{Card, Context, Detector, Raise, Speaking, Wants};
use crate::policy::{AppName, Ask, AssetRole};
use crate::remembered::Remembered;
use crate::seen::{Identity, Party};

/// Servers remembered.
const REMEMBERED: usize = 4_096;

const CARD: Card = Card {
    id: "DW-6002",
    why: "Whoever hands out addresses, names or routes decides where every device sends its traffic. A second one is a phone bridged in by mistake \
          or somebody putting himself in between.",
    e26: &["4.2.1", "4.3.1"],
};

/// What is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
enum Gives {
    Addresses,
    Names,
    Routes,
}

/// See the file's head.
pub(super) struct RogueServer {
    known: Remembered<(Identity, Gives), ()>,
}

impl Default for RogueServer {
    fn default() -> Self {
        Self { known: Remembered::new(REMEMBERED) }
    }
}

impl Detector for RogueServer {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        let of = Speaking::Only(&[AppName::Dhcp, AppName::Dns, AppName::Icmp]);
        Wants { answers: true, published: true, of, ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        let Some(gives) = cx.app.and_then(|app| what(event, app)) else { return };
        let server = (from.identity(), gives);
        if self.known.touch(server, event.at).is_some() {
            return;
        }
        let is_open_zone = cx.policy.is_some_and(|policy| is_untrusted(policy, from.end.zone));
        if is_open_zone
            || is_ashore(cx.policy, from)
            || cx.is_learning(event.at, from, from)
            || is_infrastructure(cx, from)
            || is_declared_server(cx, from)
            || is_named(event, from, to, cx)
        {
            self.known.put(server, event.at, ());
            return;
        }
        let who = cx.call(from);
        let key = format!("{server:?}");
        cx.raise(key.as_bytes(), &CARD, event.at, || Raise {
            severity: Some(Severity::High),
            confidence: 0.85,
            to: Some(*to),
            summary: match gives {
                Gives::Addresses => format!("{who} hands out IP addresses (DHCP); it is not a known server"),
                Gives::Names => format!("{who} answers for names (DNS); it is not a known server"),
                Gives::Routes => format!("{who} offers itself as IPv6 router; it is not a known one"),
            },
            expected: "only the servers known from learning or named by the policy".to_owned(),
            ..Raise::of_event(&CARD, event, from)
        });
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.known.entries()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.known.recall(serde_json::from_value(learned)?);
        Ok(())
    }
}

/// What a message hands out.
fn what(event: &Event<'_>, app: AppName) -> Option<Gives> {
    event.message.acts.iter().find_map(|act| match (app, act) {
        (AppName::Dhcp, Act::Reply { refused: false, .. }) => Some(Gives::Addresses),
        (AppName::Dns, Act::Reply { refused: false, .. }) => Some(Gives::Names),
        (AppName::Icmp, Act::Publishes { object: Object::Named("router") }) => Some(Gives::Routes),
        _ => None,
    })
}

fn is_declared_server(cx: &Context<'_>, party: &Party) -> bool {
    let asset = cx.policy.zip(party.end.asset).and_then(|(policy, asset)| policy.asset(asset));
    asset.is_some_and(|asset| asset.is(AssetRole::Server))
}

/// Whether a line of the policy names this server for the asking side. A line for a whole zone names nobody.
fn is_named(event: &Event<'_>, server: &Party, client: &Party, cx: &Context<'_>) -> bool {
    cx.policy.is_some_and(|policy| {
        let ask = Ask {
            from: client.end,
            to: server.end,
            protocol: Some(event.message.protocol),
            transport: event.flow.transport,
            port: event.flow.src_port,
            verb: None,
            object: None,
            at: event.at,
            state: cx.state,
        };
        let verdict = policy.judge(&ask);
        let line = if verdict.is_allowed() { verdict.line() } else { None };
        line.and_then(|line| policy.line(line)).is_some_and(|line| line.to.restricted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Speaker, Transport, Verb};

    fn told(answers: &[(f64, &str)]) -> usize {
        let mut bench = Bench::new(Some(SHIP), Box::<RogueServer>::default());
        bench.at(0.0);
        for (second, from) in answers {
            bench.at(*second);
            let reply = Act::Reply { verb: Verb::Discover, object: Object::Named("10.0.4.77"), refused: false };
            bench.says("dhcp", Speaker::Sender, &flow(from, "255.255.255.255", 68, Transport::Udp), &[reply]);
        }
        bench.findings().len()
    }

    #[test]
    fn a_second_server() {
        assert_eq!(told(&[(5.0, "10.0.4.5"), (200.0, "10.0.4.5"), (210.0, "10.0.4.66"), (220.0, "10.0.4.66")]), 1);
    }

    #[test]
    fn known_declared_or_in_the_crews_network() {
        assert_eq!(told(&[(5.0, "10.0.4.5"), (200.0, "10.0.4.5")]), 0);
        assert_eq!(told(&[(200.0, "10.0.3.1"), (200.0, "10.0.9.66")]), 0);
    }
}
