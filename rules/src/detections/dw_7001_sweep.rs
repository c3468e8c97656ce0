//! DW-7001: one host looks for others: many addresses on one port, many ports of one address, or many ARP requests that nobody answers.
//!
//! Counted over two minutes and per source; most of what it tries must fail. Who tried the same while learning (a management station that polls
//! dead devices) is known with as many targets as it had.

use std::time::Duration;

use dogwatch_model::{Act, CaptureTime, Event, Initiator, Mac, Severity, Transport, Verb};

use super::zones::is_ot;
use crate::detector::{Card, Context, Detector, Raise, Speaking, Wants};
use crate::findings::Cause;
use crate::policy::AppName;
use crate::remembered::Remembered;
use crate::seen::{FlowSeen, FlowStage, Identity, Party};

/// Over what time targets are counted, and how many are too many (catalogue).
pub(super) const WINDOW: Duration = Duration::from_secs(120);
/// Within what time it is heard that a target answered: flows are told of every ten seconds, and who answers later is as good as silent.
const TOLD: Duration = Duration::from_secs(30);
const HOSTS: usize = 15;
const PORTS: usize = 15;
const ARP: usize = 40;
/// Share of targets that answered at which it is ordinary work.
const ANSWERED_SHARE: f64 = 0.3;
/// Targets remembered of one source; enough to be sure.
const TARGETS: usize = 64;
/// Sources remembered.
const REMEMBERED: usize = 2_048;

const CARD: Card = Card {
    id: "DW-7001",
    why: "Looking for what else is on the network is the first thing malware and intruders do. Ordinary equipment knows whom it talks to.",
    e26: &["4.2.3", "4.3.1"],
};

/// One thing somebody tried to reach.
#[derive(Debug, Clone, Copy)]
struct Target {
    at: CaptureTime,
    host: u64,
    port: u16,
    is_answered: bool,
}

#[derive(Debug, Clone, Default)]
struct Tried {
    targets: Vec<Target>,
    asked: Vec<(CaptureTime, u64)>,
}

/// Too many targets of one kind, of which too few answered.
#[derive(Debug, Clone, Copy)]
enum LooksAt {
    /// Addresses on one port.
    Hosts(usize),
    /// Ports of one address.
    Ports(usize),
}

impl Tried {
    /// What the source looks for, by the target it tried just now.
    fn looks_at(&self, last: Target) -> Option<LooksAt> {
        if self.targets.len() < HOSTS.min(PORTS) {
            return None;
        }
        // how many there are, and how many answered: the one just tried has had no time to
        let (mut on_port, mut on_host) = ((0_usize, 0_usize), (0_usize, 0_usize));
        for target in &self.targets {
            let answered = usize::from(target.is_answered);
            if target.port == last.port {
                on_port = (on_port.0 + 1, on_port.1 + answered);
            }
            if target.host == last.host {
                on_host = (on_host.0 + 1, on_host.1 + answered);
            }
        }
        let fails = |(all, answered): (usize, usize)| (answered as f64) < ANSWERED_SHARE * (all as f64);
        if on_port.0 >= HOSTS && fails(on_port) {
            Some(LooksAt::Hosts(on_port.0))
        } else {
            (on_host.0 >= PORTS && fails(on_host)).then_some(LooksAt::Ports(on_host.0))
        }
    }
}

/// See the file's head.
pub(super) struct Sweep {
    sources: Remembered<Identity, Tried>,
    /// The most targets each source had while learning.
    known: Remembered<Identity, u32>,
    hasher: foldhash::fast::FixedState,
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            sources: Remembered::new(REMEMBERED).lasting(WINDOW),
            known: Remembered::new(REMEMBERED),
            hasher: foldhash::fast::FixedState::default(),
        }
    }
}

impl Detector for Sweep {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        let of = Speaking::Only(&[AppName::Arp]);
        Wants { flows: FlowStage::ALL, inquiries: true, answers: true, refusals: true, of, ..Wants::default() }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        if !matches!(seen.flow.transport, Transport::Tcp | Transport::Udp | Transport::Ip(1 | 58))
            || seen.flow.is_to_group()
            || seen.from.end.ip.is_none()
            || seen.flow.transport == Transport::Udp && seen.flow.src_port < seen.flow.dst_port
        {
            return;
        }
        let source = seen.from.identity();
        if seen.stage != FlowStage::Started {
            // what was tried longer ago counts no more, however it went on; and that it was answered was told ten seconds after at the latest
            let counts = if seen.stage == FlowStage::Progress { TOLD } else { WINDOW };
            if seen.at.since(seen.account.first) > counts {
                return;
            }
            // who speaks a protocol in a connection whose opening was not seen has been let in before
            let was_open = seen.stage == FlowStage::Recognised && seen.flow.initiator == Initiator::Unknown;
            if was_open || seen.account.is_answered && !seen.account.is_refused {
                let host = self.hash(&seen.to.identity());
                self.answered(source, host, seen.flow.dst_port, seen.at);
            }
            return;
        }
        let host = self.hash(&seen.to.identity());
        let target = Target { at: seen.at, host, port: seen.flow.dst_port, is_answered: false };
        let tried = self.tried(source, seen.at);
        if let Some(known) = tried.targets.iter_mut().find(|known| (known.host, known.port) == (host, target.port)) {
            known.at = target.at;
            return;
        }
        if tried.targets.len() >= TARGETS {
            tried.targets.remove(0);
        }
        tried.targets.push(target);
        if let Some(looks_at) = tried.looks_at(target) {
            self.judge(seen, looks_at, cx);
        }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, _to: &Party, cx: &mut Context<'_>) {
        for act in event.message.acts {
            match act {
                Act::Request { verb: Verb::Discover, object: dogwatch_model::Object::Named(asked) } => {
                    let asked = self.hash(asked);
                    self.asked(event, from, asked, cx);
                }
                Act::Reply { verb: Verb::Discover, object: dogwatch_model::Object::Named(answered), .. } => {
                    let answered = self.hash(answered);
                    let to = Identity::Mac(event.flow.dst_mac);
                    if let Some(tried) = self.sources.touch(to, event.at) {
                        tried.asked.retain(|(_, asked)| *asked != answered);
                    }
                }
                _ => {}
            }
        }
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.known.entries()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.known.recall(serde_json::from_value(learned)?);
        Ok(())
    }
}

impl Sweep {
    fn hash<T: std::hash::Hash + ?Sized>(&self, value: &T) -> u64 {
        std::hash::BuildHasher::hash_one(&self.hasher, value)
    }

    /// What a source tried within the window.
    fn tried(&mut self, source: Identity, at: CaptureTime) -> &mut Tried {
        let tried = self.sources.touch_or(source, at, Tried::default);
        tried.targets.retain(|target| at.since(target.at) <= WINDOW);
        tried.asked.retain(|(asked, _)| at.since(*asked) <= WINDOW);
        tried
    }

    fn answered(&mut self, source: Identity, host: u64, port: u16, at: CaptureTime) {
        let Some(tried) = self.sources.touch(source, at) else { return };
        let target = tried.targets.iter_mut().find(|target| (target.host, target.port) == (host, port));
        if let Some(target) = target {
            target.is_answered = true;
        }
    }

    fn judge(&mut self, seen: &FlowSeen<'_>, looks_at: LooksAt, cx: &mut Context<'_>) {
        let source = seen.from.identity();
        let (what, count) = match looks_at {
            LooksAt::Hosts(count) => (format!("{count} addresses on port {}", seen.flow.dst_port), count),
            LooksAt::Ports(count) => (format!("{count} ports of {}", cx.call(&seen.to)), count),
        };
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if self.is_known(source, count, seen.at, cx.is_learning(seen.at, &seen.from, &seen.to)) {
            return;
        }
        let who = cx.call(&seen.from);
        let key = key(&seen.from, source, cx);
        let severity = severity(cx, &seen.from, &seen.to);
        cx.raise_again(
            cause(&seen.from),
            &CARD,
            seen.at,
            || key,
            || Raise {
                severity: Some(severity),
                confidence: 0.9,
                summary: format!("{who} tried {what} within two minutes; most did not answer"),
                fields: vec![("targets".to_owned(), count.to_string())],
                expected: format!("fewer than {HOSTS} new targets in two minutes"),
                ..Raise::of_flow(&CARD, seen)
            },
        );
    }

    fn asked(&mut self, event: &Event<'_>, from: &Party, asked: u64, cx: &mut Context<'_>) {
        let source = Identity::Mac(event.flow.src_mac);
        let tried = self.tried(source, event.at);
        if tried.asked.iter().any(|(_, known)| *known == asked) {
            return;
        }
        if tried.asked.len() >= TARGETS {
            tried.asked.remove(0);
        }
        tried.asked.push((event.at, asked));
        let count = tried.asked.len();
        if count < ARP {
            return;
        }
        let is_router = from
            .row
            .and_then(|row| cx.directory.asset(row))
            .is_some_and(|asset| asset.device_class == dogwatch_model::DeviceClass::Router)
            || cx.policy.is_some_and(|policy| policy.is_gateway_mac(event.flow.src_mac));
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        // a router asks on behalf of whoever scans through it, and that one is seen by its own address
        if is_router || self.is_known(source, count, event.at, cx.is_learning(event.at, from, from)) {
            return;
        }
        let who = cx.call(from);
        let key = key(from, source, cx);
        let severity = severity(cx, from, from);
        cx.raise_again(
            cause(from),
            &CARD,
            event.at,
            || key,
            || Raise {
                severity: Some(severity),
                summary: format!("{who} asked for {count} addresses within two minutes; nobody answered"),
                fields: vec![("addresses".to_owned(), count.to_string())],
                expected: format!("fewer than {ARP} unanswered ARP requests in two minutes"),
                ..Raise::of_event(&CARD, event, from)
            },
        );
    }

    /// Whether a source is known to try so many; while learning it gets known.
    fn is_known(&mut self, source: Identity, count: u32, at: CaptureTime, is_learning: bool) -> bool {
        let most = self.known.touch(source, at).map_or(0, |most| *most);
        if is_learning {
            self.known.put(source, at, most.max(count));
        }
        is_learning || most >= count
    }
}

/// What a host that looks around is remembered by, for those that meet the same attempts.
pub(super) fn cause(from: &Party) -> Cause {
    let who = if from.row.is_some() { Identity::Mac(Mac::NONE) } else { from.identity() };
    Cause { number: from.row.map_or(0, |row| u64::from(row).saturating_add(1)), ..Cause::by(CARD.id, who) }
}

/// One host that looks around is one finding, however it looks: ARP knows it by its card, connections by its address, the inventory by both.
fn key(from: &Party, source: Identity, cx: &Context<'_>) -> String {
    let asset = from.row.and_then(|row| cx.directory.asset(row));
    asset.map_or_else(|| format!("{source:?}"), |asset| asset.asset_id.clone())
}

fn severity(cx: &Context<'_>, from: &Party, to: &Party) -> Severity {
    if is_ot(cx.policy, from) || is_ot(cx.policy, to) { Severity::High } else { Severity::Medium }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use crate::seen::Account;

    fn tries(count: u8, target: impl Fn(u8) -> (String, u16), is_answered: bool) -> Vec<(String, Severity)> {
        let mut bench = Bench::new(Some(SHIP), Box::<Sweep>::default());
        bench.at(0.0);
        for n in 0..count {
            bench.at(200.0 + f64::from(n));
            let (to, port) = target(n);
            let flow = flow("10.0.4.66", &to, port, Transport::Tcp);
            bench.started(flow);
            if is_answered {
                let account = Account { first: bench.now(), is_answered, ..Account::default() };
                bench.told(&flow, None, FlowStage::Established, 0, account);
            }
        }
        bench.findings().into_iter().map(|finding| (finding.rule_id, finding.severity)).collect()
    }

    #[test]
    fn many_hosts_many_ports() {
        let hosts = |n| (format!("10.0.4.{}", 100 + n), 445);
        let ports = |n: u8| ("10.0.2.21".to_owned(), 1_000 + u16::from(n));
        assert_eq!(tries(15, hosts, false), [("DW-7001".to_owned(), Severity::Medium)]);
        assert_eq!(tries(15, ports, false), [("DW-7001".to_owned(), Severity::High)], "into the engine room");
        assert!(tries(14, hosts, false).is_empty());
        assert!(tries(40, hosts, true).is_empty(), "they all answer: a busy server");
    }

    #[test]
    fn the_same_host_again_and_again_is_no_sweep() {
        assert!(tries(60, |_| ("10.0.4.9".to_owned(), 445), false).is_empty());
    }
}
