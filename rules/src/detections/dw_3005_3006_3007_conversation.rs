//! DW-3005, DW-3006 and DW-3007: a conversation with a controller that is not as it should be.
//!
//! DW-3005: messages against the rules of their protocol, or another protocol on a controller's port. DW-3006: far more refusals than usual. DW-3007:
//! answers that fit no request, that come from another network card than the answers before them, or copies of messages with other bytes.

use std::time::Duration;

use dogwatch_model::{Act, CaptureTime, Event, Flow, Irregularity, Mac, Severity, SourceId, Vlans, oddity};

use super::dw_3002_3003_8004_exploring as exploring;
use super::zones::{is_gateway_card, is_ot};
use crate::detector::{Card, Context, Detector, Once, Raise, Speaking, Wants};
use crate::findings::Cause;
use crate::policy::AppName;
use crate::remembered::Remembered;
use crate::seen::{FlowSeen, FlowStage, HealthSeen, Identity, IrregularSeen, Party, service};

/// Breaches within the window (catalogue: `min`, `window_s`).
const BREACHES: u32 = 3;
const MISFITS: u32 = 2;
const WINDOW: Duration = Duration::from_secs(60);
/// Refusals in a minute that are too many, and times the most while learning (catalogue: `min_per_min`, `factor`).
const REFUSALS: u32 = 10;
const FACTOR: u32 = 3;
/// A controller silent this long restarts, and may refuse for the holiday after it.
const RESTART: Duration = Duration::from_secs(60);
const HOLIDAY: Duration = Duration::from_secs(60);
/// Within this two answers belong to one conversation: a device taken out and another put in its place takes longer.
const CONVERSATION: Duration = Duration::from_secs(300);
/// How long after data was lost on the way to the monitor answers without their questions say nothing.
const LOSSY: Duration = Duration::from_secs(60);
/// Capture sources told apart.
const SOURCES: usize = 64;
/// Pairs remembered.
const REMEMBERED: usize = 8_192;

const MALFORMED: Card = Card {
    id: "DW-3005",
    why: "Controllers are easily upset by messages that break the rules. Equipment does not send them; a broken device, a wrong program on the port \
          or an attack does.",
    e26: &["4.2.1", "4.3.1"],
};
const REFUSED: Card = Card {
    id: "DW-3006",
    why: "A controller refuses far more than usual: somebody asks for what it does not have, or it has lost its set-up.",
    e26: &["4.3.1"],
};
const MISFIT: Card = Card {
    id: "DW-3007",
    why: "Answers arrive that nobody asked for, or from another device than before. Somebody may be answering in the controller's place, and the \
          display shows his values.",
    e26: &["4.2.1", "4.3.1"],
};

type Pair = (Identity, Identity);

/// A connection as one mirror port and one VLAN show it: on the other side of a router the same answers come from the router's card.
type Sight = (Pair, u16, SourceId, Vlans);

/// Things counted within a window.
#[derive(Debug, Clone, Copy, Default)]
struct Counter {
    since: CaptureTime,
    count: u32,
}

impl Counter {
    /// Counts one; gives how many there were within the window.
    fn add(&mut self, at: CaptureTime) -> u32 {
        if at.since(self.since) > WINDOW || self.count == 0 {
            *self = Self { since: at, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count
    }
}

#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
struct Refusals {
    since: CaptureTime,
    count: u32,
    /// The most of a minute while learning.
    most: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Answers {
    mac: Mac,
    last: CaptureTime,
    /// When it came back after a silence.
    back: CaptureTime,
}

/// See the file's head.
pub(super) struct Conversation {
    breaches: Remembered<Pair, Counter>,
    misfits: Remembered<Pair, Counter>,
    refusals: Remembered<Pair, Refusals>,
    answers: Remembered<Sight, Answers>,
    losses: Vec<Losses>,
}

/// What a capture source lost.
#[derive(Debug)]
struct Losses {
    source: String,
    lost: u64,
    last: Option<CaptureTime>,
}

impl Default for Conversation {
    fn default() -> Self {
        Self {
            breaches: Remembered::new(REMEMBERED),
            misfits: Remembered::new(REMEMBERED),
            refusals: Remembered::new(REMEMBERED),
            answers: Remembered::new(REMEMBERED),
            losses: Vec::new(),
        }
    }
}

impl Detector for Conversation {
    fn cards(&self) -> &'static [&'static Card] {
        &[&MALFORMED, &REFUSED, &MISFIT]
    }

    fn wants(&self) -> Wants {
        let of = Speaking::Industrial;
        let on_requests =
            Wants { answers: true, refusals: true, oddities: true, once: Once::Spoke, of, ..Wants::default() };
        Wants { flows: &[FlowStage::Recognised], irregular: true, health: true, ..on_requests }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        let Some(spoken) = seen.protocol else { return };
        let Some(expected) = AppName::of_industrial_port(seen.flow.transport, seen.flow.dst_port) else { return };
        if cx.app == Some(expected)
            || cx.policy.is_some() && !is_ot(cx.policy, &seen.to)
            || cx.is_learning(seen.at, &seen.from, &seen.to)
        {
            return;
        }
        let (who, whom) = (cx.call(&seen.from), cx.call(&seen.to));
        let key = format!("{:?}|{:?}|{spoken}", seen.from.identity(), seen.to.identity());
        cx.raise(key.as_bytes(), &MALFORMED, seen.at, || Raise {
            summary: format!("{who} speaks {spoken} to the {} port of {whom}", expected.as_str()),
            fields: vec![("spoken".to_owned(), spoken.to_owned())],
            expected: format!("{} on port {}", expected.as_str(), seen.flow.dst_port),
            ..Raise::of_flow(&MALFORMED, seen)
        });
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        // a request that is no operation asks for a function nobody knows: of somebody who tries out functions that is told already
        let is_operation = event.message.acts.iter().any(|act| matches!(act, Act::Request { .. }));
        let is_tried_out = event.message.kind == "request" && !is_operation && exploring::is_told(from, cx);
        let mut back = None;
        for act in event.message.acts {
            match act {
                Act::Odd(name) if is_misfit(name) => self.misfit(event, from, to, name, cx),
                Act::Odd(_) if is_tried_out => {}
                Act::Odd(name) => self.breach(event, from, to, name, cx),
                Act::Reply { refused, .. } => {
                    // one message may answer twenty things, from one card
                    let back = *back.get_or_insert_with(|| self.answered(event, from, to, cx));
                    if *refused {
                        self.refused(event, from, to, back, cx);
                    }
                }
                _ => {}
            }
        }
    }

    /// A copy of a segment with other bytes: what one sent is not what the other got.
    fn irregular(&mut self, seen: &IrregularSeen<'_>, cx: &mut Context<'_>) {
        let is_industrial = cx.app.is_some_and(AppName::is_industrial);
        if seen.what != Irregularity::Altered || !is_industrial {
            return;
        }
        let pair = (seen.from.identity(), seen.to.identity());
        if self.misfits.touch_or(pair, seen.at, Counter::default).add(seen.at) >= MISFITS {
            let what = || format!("messages with other bytes than were sent, from {}", seen.flow.src_mac);
            raise_misfit((seen.at, seen.frame), (seen.protocol, seen.flow), &seen.from, &seen.to, what, cx);
        }
    }

    fn health(&mut self, seen: &HealthSeen<'_>, _cx: &mut Context<'_>) {
        let lost = seen.unseen_segments.saturating_add(seen.dropped);
        let has_room = self.losses.len() < SOURCES;
        match self.losses.iter_mut().find(|known| known.source == seen.source) {
            Some(known) if lost > known.lost => (known.lost, known.last) = (lost, Some(seen.at)),
            Some(_) => {}
            None if has_room => {
                let last = (lost > 0).then_some(seen.at);
                self.losses.push(Losses { source: seen.source.to_owned(), lost, last });
            }
            None => {}
        }
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.refusals.entries()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.refusals.recall(serde_json::from_value(learned)?);
        Ok(())
    }
}

impl Conversation {
    fn breach(&mut self, event: &Event<'_>, from: &Party, to: &Party, name: &'static str, cx: &mut Context<'_>) {
        let pair = (from.identity(), to.identity());
        let count = self.breaches.touch_or(pair, event.at, Counter::default).add(event.at);
        if count < BREACHES || cx.is_learning(event.at, from, to) {
            return;
        }
        let (who, whom) = (cx.call(from), cx.call(to));
        let key = format!("{pair:?}");
        cx.raise(key.as_bytes(), &MALFORMED, event.at, || Raise {
            to: Some(*to),
            summary: format!(
                "{who} sent {whom} {count} {} messages against the rules within a minute",
                event.message.protocol
            ),
            fields: vec![("last_breach".to_owned(), name.to_owned())],
            expected: "messages that keep the rules of their protocol".to_owned(),
            ..Raise::of_event(&MALFORMED, event, from)
        });
    }

    fn misfit(&mut self, event: &Event<'_>, from: &Party, to: &Party, name: &'static str, cx: &mut Context<'_>) {
        let is_lossy = self
            .losses
            .iter()
            .filter(|known| known.source == cx.source.label)
            .any(|known| known.last.is_some_and(|last| event.at.since(last) <= LOSSY));
        // the question may be among what was lost
        if is_lossy {
            return;
        }
        let pair = (from.identity(), to.identity());
        let count = self.misfits.touch_or(pair, event.at, Counter::default).add(event.at);
        if count >= MISFITS {
            let what = || format!("answers that fit no request ({name})");
            raise_misfit((event.at, event.frame), (Some(event.message.protocol), event.flow), from, to, what, cx);
        }
    }

    /// An answer: from the card that answered before, or from another one? Gives when it came back after a silence.
    fn answered(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) -> CaptureTime {
        let (pair, mac) = ((from.identity(), to.identity()), event.flow.src_mac);
        let sight = sight(pair, event);
        let answers = self.answers.touch_or(sight, event.at, || Answers { mac, last: event.at, back: event.at });
        if event.at.since(answers.last) > RESTART {
            answers.back = event.at;
        }
        let is_going_on = event.at.since(answers.last) <= CONVERSATION;
        answers.last = event.at;
        let (before, back) = (std::mem::replace(&mut answers.mac, mac), answers.back);
        if before == mac || !is_going_on || mac.is_none() || before.is_none() || before.is_group() {
            return back;
        }
        // within one connection the card of a partner does not change, unless a declared stand-by takes over
        let is_declared = from.end.ip.is_some_and(|ip| super::dw_1002_ip_takeover::is_declared_pair(ip, mac, cx));
        // plans list gateways by address; with lost frames an answer may be read when its acknowledgement comes, which knows the router's card
        let is_gateway = is_gateway_card(cx, mac) || is_gateway_card(cx, before);
        if !is_declared && !is_gateway {
            let what = || format!("answers of one connection from {mac} after {before}");
            raise_misfit((event.at, event.frame), (Some(event.message.protocol), event.flow), from, to, what, cx);
        }
        back
    }

    /// A refusal by somebody who came back after a silence at some time.
    fn refused(&mut self, event: &Event<'_>, from: &Party, to: &Party, back: CaptureTime, cx: &mut Context<'_>) {
        let pair = (from.identity(), to.identity());
        let refusals = self.refusals.touch_or(pair, event.at, Refusals::default);
        if event.at.since(refusals.since) > WINDOW || refusals.count == 0 {
            (refusals.since, refusals.count) = (event.at, 0);
        }
        refusals.count = refusals.count.saturating_add(1);
        if cx.is_learning(event.at, from, to) {
            refusals.most = refusals.most.max(refusals.count);
            return;
        }
        let (count, most) = (refusals.count, refusals.most);
        let is_restarting = event.at.since(back) <= HOLIDAY;
        if count <= REFUSALS.max(most.saturating_mul(FACTOR)) || is_restarting {
            return;
        }
        let (who, whom) = (cx.call(from), cx.call(to));
        let key = format!("{pair:?}");
        cx.raise(key.as_bytes(), &REFUSED, event.at, || Raise {
            severity: Some(Severity::Low),
            to: Some(*to),
            summary: format!("{who} refused {count} requests of {whom} within a minute"),
            fields: vec![
                ("refused".to_owned(), count.to_string()),
                ("most_while_learning".to_owned(), most.to_string()),
            ],
            expected: format!("at most {} a minute", REFUSALS.max(most.saturating_mul(FACTOR))),
            ..Raise::of_event(&REFUSED, event, from)
        });
    }
}

const fn sight(pair: Pair, event: &Event<'_>) -> Sight {
    (pair, event.flow.dst_port, event.flow.source, event.flow.vlans)
}

fn raise_misfit(
    seen: (CaptureTime, u64),
    (protocol, flow): (Option<&'static str>, &Flow),
    from: &Party,
    to: &Party,
    what: impl Fn() -> String,
    cx: &mut Context<'_>,
) {
    let (policy, directory) = (cx.policy, cx.directory);
    let call = |party| crate::findings::call(party, policy, directory);
    let cause = Cause::between(MISFIT.id, from.identity(), to.identity());
    let key = || format!("{:?}|{:?}", from.identity(), to.identity());
    cx.raise_again(cause, &MISFIT, seen.0, key, || Raise {
        to: Some(*to),
        summary: format!("In the name of {}, {} gets {}", call(from), call(to), what()),
        fields: vec![("what".to_owned(), what())],
        expected: "one answer to each request, from one card".to_owned(),
        ..Raise::bare(&MISFIT, seen, *from, service(protocol, flow))
    });
}

/// Breaches that say that request and answer do not belong together.
fn is_misfit(name: &str) -> bool {
    matches!(name, oddity::REPLY_WITHOUT_REQUEST | oddity::REPLY_MISMATCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Object, Speaker, Transport, Verb};

    fn bench() -> Bench {
        let mut bench = Bench::new(Some(SHIP), Box::<Conversation>::default());
        bench.at(0.0);
        bench
    }

    const REPLY: Act<'_> = Act::Reply { verb: Verb::Read, object: Object::Device { unit: Some(1) }, refused: false };

    #[test]
    fn breaches_in_a_row() {
        let mut bench = bench();
        for n in 0..3 {
            bench.at(200.0 + f64::from(n));
            let flow = flow("10.0.2.66", "10.0.2.21", 502, Transport::Tcp);
            bench.says("modbus", Speaker::Sender, &flow, &[Act::Odd("modbus.length")]);
        }
        assert_eq!(bench.ids(), ["DW-3005"]);
    }

    #[test]
    fn answers_without_questions_count_only_where_nothing_is_lost() {
        let told = |lost: u64| {
            let mut bench = bench();
            bench.health("mir0", 1_000, 0, true);
            bench.at(199.0);
            bench.health("mir0", 2_000, lost, true);
            for n in 0..2 {
                bench.at(200.0 + f64::from(n));
                let flow = flow("10.0.2.21", "10.0.2.10", 40_000, Transport::Tcp);
                bench.says("modbus", Speaker::Sender, &flow, &[Act::Odd(oddity::REPLY_WITHOUT_REQUEST)]);
            }
            bench.ids()
        };
        assert_eq!(told(0), ["DW-3007"]);
        assert!(told(5).is_empty());
    }

    #[test]
    fn another_protocol_on_the_port() {
        let mut bench = bench();
        bench.at(200.0);
        bench.flow("10.0.2.66", "10.0.2.21", 502, Some("http"), FlowStage::Recognised);
        assert_eq!(bench.ids(), ["DW-3005"]);
        bench.flow("10.0.2.66", "10.0.2.21", 502, Some("modbus"), FlowStage::Recognised);
        assert_eq!(bench.ids().len(), 1);
    }

    #[test]
    fn an_answer_from_another_card() {
        let mut bench = bench();
        let own = flow("10.0.2.21", "10.0.2.10", 40_000, Transport::Tcp);
        let forged = dogwatch_model::Flow { src_mac: Mac([2, 0, 0, 0, 0, 9]), ..own };
        bench.at(200.0);
        bench.says("modbus", Speaker::Sender, &own, &[REPLY]);
        bench.says("modbus", Speaker::Sender, &own, &[REPLY]);
        assert!(bench.ids().is_empty());
        bench.says("modbus", Speaker::Sender, &forged, &[REPLY]);
        assert_eq!(bench.ids(), ["DW-3007"]);
    }

    #[test]
    fn a_device_put_in_the_place_of_another_is_no_forger() {
        let mut bench = bench();
        let old = flow("10.0.2.21", "10.0.2.10", 40_000, Transport::Udp);
        let new = dogwatch_model::Flow { src_mac: Mac([2, 0, 0, 0, 0, 9]), ..old };
        bench.at(200.0);
        bench.says("modbus", Speaker::Sender, &old, &[REPLY]);
        bench.at(200.0 + 3_600.0);
        bench.says("modbus", Speaker::Sender, &new, &[REPLY]);
        assert!(bench.ids().is_empty());
        bench.says("modbus", Speaker::Sender, &old, &[REPLY]);
        assert_eq!(bench.ids(), ["DW-3007"], "both at once");
    }

    #[test]
    fn a_gateway_of_which_the_plan_knows_the_address_is_no_forger() {
        let told = |declared: Option<&str>| {
            let mut bench = bench();
            let gateway = crate::detections::bench::device("10.0.2.1");
            let mac = gateway.interfaces[0].mac.unwrap();
            bench.knows(dogwatch_model::Asset { policy_id: declared.map(str::to_owned), ..gateway });
            let own = flow("10.0.2.21", "10.0.2.10", 40_000, Transport::Tcp);
            bench.at(200.0);
            for src_mac in [own.src_mac, mac, own.src_mac, mac] {
                bench.says("modbus", Speaker::Sender, &dogwatch_model::Flow { src_mac, ..own }, &[REPLY]);
            }
            bench.ids()
        };
        assert!(told(Some("firewall")).is_empty());
        assert_eq!(told(Some("mail")), ["DW-3007"], "a server is no router");
        assert_eq!(told(None), ["DW-3007"]);
    }

    #[test]
    fn copies_with_other_bytes() {
        let mut bench = bench();
        let flow = flow("10.0.2.21", "10.0.2.10", 40_000, Transport::Tcp);
        bench.at(200.0);
        bench.irregular(&flow, Some("http"), Irregularity::Altered);
        bench.irregular(&flow, Some("http"), Irregularity::Altered);
        bench.irregular(&flow, Some("modbus"), Irregularity::Unreadable);
        bench.irregular(&flow, Some("modbus"), Irregularity::Altered);
        assert!(bench.ids().is_empty(), "one alone may be chance");
        bench.irregular(&flow, Some("modbus"), Irregularity::Altered);
        assert_eq!(bench.ids(), ["DW-3007"]);
    }

    #[test]
    fn the_other_side_of_a_router_shows_the_routers_card() {
        let mut bench = bench();
        let near = flow("10.0.2.21", "10.0.1.10", 40_000, Transport::Tcp);
        let vlans = dogwatch_model::Vlans { outer: Some(10), inner: None };
        let far = dogwatch_model::Flow { src_mac: Mac([2, 0, 0, 0, 0, 1]), vlans, ..near };
        bench.at(200.0);
        for _ in 0..3 {
            bench.says("modbus", Speaker::Sender, &near, &[REPLY]);
            bench.says("modbus", Speaker::Sender, &far, &[REPLY]);
        }
        assert!(bench.ids().is_empty());
    }

    #[test]
    fn refusals_and_the_holiday_after_a_restart() {
        let refuse = |bench: &mut Bench, second: f64| {
            bench.at(second);
            let reply = Act::Reply { verb: Verb::Read, object: Object::Device { unit: Some(1) }, refused: true };
            let flow = flow("10.0.2.21", "10.0.2.10", 40_000, Transport::Tcp);
            bench.says("modbus", Speaker::Sender, &flow, &[reply]);
        };
        let mut busy = bench();
        let flow = flow("10.0.2.21", "10.0.2.10", 40_000, Transport::Tcp);
        for n in 0..60 {
            busy.at(100.0 + f64::from(n) * 10.0);
            busy.says("modbus", Speaker::Sender, &flow, &[REPLY]);
        }
        (0..11).for_each(|n| refuse(&mut busy, 700.0 + f64::from(n)));
        assert_eq!(busy.ids(), ["DW-3006"]);
        let mut restarted = bench();
        restarted.says("modbus", Speaker::Sender, &flow, &[REPLY]);
        (0..30).for_each(|n| refuse(&mut restarted, 700.0 + f64::from(n)));
        assert!(restarted.ids().is_empty());
    }
}
