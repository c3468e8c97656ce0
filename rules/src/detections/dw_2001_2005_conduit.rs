//! DW-2001 and DW-2005: two ends talk although no conduit joins their zones. Where one side is an untrusted zone and the other OT or a DMZ it is
//! DW-2005, anywhere else DW-2001.
//!
//! Link housekeeping (ARP, LLDP, spanning tree and whatever else has no IP address) stays inside its zone and is not judged here. Inside a zone a
//! conduit from the zone to itself is needed for OT zones, and for others as soon as the policy has one. A connection whose opening was not seen is
//! judged both ways round: either will do.
//!
//! What was only tried, a TCP connection that nobody answered, has reached nothing yet: the first door somebody knocks on in a zone is one finding,
//! all further ones are a second. A door that opens is a finding of its own.
//!
//! Two things are left to those who tell them better: the attempts of a host that DW-7001 tells of, at least as severely, while it goes on looking
//! around; and a remote session into OT outside every window, which is DW-2007 from the moment it is known for one.

use dogwatch_model::{CaptureTime, Initiator, Mac, Severity, Transport};

use super::dw_2007_6005_remote as remote;
use super::dw_7001_sweep as sweep;
use super::zones::{is_ashore, is_ot, is_untrusted, leads_to_the_heart};
use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::findings::{Cause, call};
use crate::policy::{Ask, Class, ConduitIx, Function, Mode, Policy, Reason, Verdict, ZoneIx};
use crate::remembered::Remembered;
use crate::seen::{FlowSeen, FlowStage, Identity, Party, PolicySeen};

const NO_CONDUIT: Card = Card {
    id: "DW-2001",
    why: "Zones keep trouble where it starts. Traffic the zone plan does not know is either a mistake in the wiring or someone crossing from a \
          network where he is allowed to one where he is not.",
    e26: &["4.2.1", "4.2.2", "4.3.1"],
};

const UNTRUSTED: Card = Card {
    id: "DW-2005",
    why: "Crew, passenger and satellite networks are open to the world. A path from there into the networks that steer and power the ship is the \
          way most attacks would take.",
    e26: &["4.2.1", "4.2.6", "4.3.1"],
};

/// How long after a change of the policy connections that were open before it are looked for.
const LATE_SECONDS: u64 = 600;

/// Sources whose attempts are remembered.
const REMEMBERED: usize = 4_096;

/// See the file's head. The table of findings knows what was told.
pub(super) struct Conduit {
    /// Host and port that a source tried first in a zone.
    tried: Remembered<(Identity, Option<ZoneIx>), (Identity, u16)>,
    /// When the policy was last changed: what was open then was judged by the old one.
    changed: Option<CaptureTime>,
}

impl Default for Conduit {
    fn default() -> Self {
        Self { tried: Remembered::new(REMEMBERED), changed: None }
    }
}

impl Detector for Conduit {
    fn cards(&self) -> &'static [&'static Card] {
        &[&NO_CONDUIT, &UNTRUSTED]
    }

    fn wants(&self) -> Wants {
        Wants { flows: FlowStage::ALL, planned: true, ..Wants::default() }
    }

    fn policy(&mut self, seen: &PolicySeen<'_>, _cx: &mut Context<'_>) {
        if seen.refused.is_none() {
            *self = Self { changed: Some(seen.at), ..Self::default() };
        }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        let Some(policy) = cx.policy else { return };
        let has_addresses = seen.from.end.ip.is_some() && seen.to.end.ip.is_some();
        if !has_addresses || (seen.stage == FlowStage::Progress && !self.is_late(seen)) || is_own_group_traffic(seen) {
            return;
        }
        // an OT device on the internet has a detection of its own
        if is_ot(cx.policy, &seen.from) && is_ashore(cx.policy, &seen.to) {
            return;
        }
        let (from, to) = (seen.from.end.zone, seen.to.end.zone);
        if policy.mode_between(from, to) == Mode::Learn
            || from == to && !from.is_some_and(|zone| policy.judges_inside(zone))
        {
            return;
        }
        let ask = ask(seen, &seen.from, &seen.to, cx);
        let verdict = policy.judge(&ask);
        let Verdict::Denied(denial) = verdict else { return };
        // before the protocol is known only the absence of any conduit is certain
        let is_certain = matches!(seen.stage, FlowStage::Recognised | FlowStage::Progress)
            || denial.failed_field == "conduit"
            || denial.reason == Reason::NoZone;
        if !is_certain || !matches!(denial.reason, Reason::NoConduit | Reason::NoZone) {
            return;
        }
        if seen.flow.initiator == Initiator::Unknown
            && policy.judge(&self::ask(seen, &seen.to, &seen.from, cx)).is_allowed()
        {
            return;
        }
        self.raise(seen, policy, &ask, denial.conduit, cx);
    }
}

impl Conduit {
    /// Whether a connection that goes on was open before the policy changed.
    fn is_late(&self, seen: &FlowSeen<'_>) -> bool {
        let is_late = |changed: CaptureTime| {
            seen.account.first < changed && seen.at >= changed && seen.at.since(changed).as_secs() < LATE_SECONDS
        };
        self.changed.is_some_and(is_late)
    }

    /// Whether an attempt comes after another one in the same zone.
    fn is_further(&mut self, seen: &FlowSeen<'_>) -> bool {
        let door = (seen.to.identity(), seen.flow.dst_port);
        *self.tried.touch_or((seen.from.identity(), seen.to.end.zone), seen.at, || door) != door
    }

    fn raise(
        &mut self,
        seen: &FlowSeen<'_>,
        policy: &Policy,
        ask: &Ask<'_>,
        conduit: Option<ConduitIx>,
        cx: &mut Context<'_>,
    ) {
        let is_intrusion = is_untrusted_into_protected(policy, seen.from.end.zone, seen.to.end.zone);
        let card = if is_intrusion { &UNTRUSTED } else { &NO_CONDUIT };
        // a SYN that nobody answered has reached nothing yet
        let is_attempt = seen.flow.transport == Transport::Tcp && seen.stage == FlowStage::Started;
        let severity = match (is_intrusion, is_attempt) {
            (true, false) if leads_to_the_heart(policy, seen.to.end.zone) => Severity::Critical,
            (true, _) | (false, false) => Severity::High,
            (false, true) => Severity::Medium,
        };
        if !is_intrusion && (is_attempt && is_of_sweep(seen, severity, cx) || remote::is_outside_window(seen, cx)) {
            return;
        }
        let (from, to) = (seen.from.identity(), seen.to.identity());
        let is_further = is_attempt && self.is_further(seen);
        let zones = (policy.zone_id(seen.from.end.zone), policy.zone_id(seen.to.end.zone));
        let key = || match is_further {
            true => format!("{from:?}|{}|one after the other", zones.1),
            false => format!("{from:?}|{to:?}|{:?}|{}", seen.flow.transport, seen.flow.dst_port),
        };
        let cause = Cause {
            id: card.id,
            from: (from, Mac::NONE),
            to: Some((to, Mac::NONE)).filter(|_| !is_further),
            transport: Some(seen.flow.transport),
            number: match is_further {
                true => seen.to.end.zone.map_or(u64::MAX, |zone| zone.index() as u64),
                false => u64::from(seen.flow.dst_port),
            },
            words: [""; 2],
        };
        if seen.stage == FlowStage::Progress && cx.has_raised(&cause) {
            return;
        }
        let directory = cx.directory;
        let name = |party| call(party, Some(policy), directory);
        cx.raise_again(cause, card, seen.at, key, || Raise {
            card,
            severity: Some(severity),
            confidence: 0.9,
            at: seen.at,
            frame: seen.frame,
            from: seen.from,
            to: Some(seen.to),
            service: seen.service(),
            summary: {
                let (who, whom, service) = (name(&seen.from), name(&seen.to), seen.service());
                let what = match (is_further, is_attempt) {
                    (true, _) => "tries one host or service after the other, such as",
                    (false, true) => "tries to reach",
                    (false, false) => "talks to",
                };
                format!(
                    "{who} ({}) {what} {whom} ({}) by {service}; the zone plan has no path for that",
                    zones.0, zones.1
                )
            },
            fields: vec![("from_zone".to_owned(), zones.0.to_owned()), ("to_zone".to_owned(), zones.1.to_owned())],
            expected: format!("no traffic from {} to {} but what its conduits list", zones.0, zones.1),
            conduit: conduit.and_then(|conduit| policy.conduit(conduit)).map(|conduit| conduit.id.clone()),
            proposal: if is_intrusion { None } else { policy.policy_line_for(ask) },
        });
    }
}

/// Whether an attempt is one of many that DW-7001 has just told of.
fn is_of_sweep(seen: &FlowSeen<'_>, severity: Severity, cx: &Context<'_>) -> bool {
    cx.told_lately(&sweep::cause(&seen.from), seen.at, sweep::WINDOW).is_some_and(|told| told >= severity)
}

fn ask<'a>(seen: &FlowSeen<'a>, from: &Party, to: &Party, cx: &Context<'_>) -> Ask<'a> {
    let port = if from.port == seen.from.port { seen.flow.dst_port } else { seen.flow.src_port };
    Ask {
        from: from.end,
        to: to.end,
        protocol: seen.protocol,
        transport: seen.flow.transport,
        port,
        verb: None,
        object: None,
        at: seen.at,
        state: cx.state,
    }
}

/// Broadcast and multicast stay inside the sender's zone. What may be said there is the business of the sentence rules; service discovery and
/// group management of the link are everybody's.
fn is_own_group_traffic(seen: &FlowSeen<'_>) -> bool {
    seen.flow.is_to_group()
}

fn is_untrusted_into_protected(policy: &Policy, from: Option<ZoneIx>, to: Option<ZoneIx>) -> bool {
    let is_protected =
        to.and_then(|to| policy.zone(to)).is_some_and(|zone| zone.class == Class::Ot || zone.function == Function::Dmz);
    is_untrusted(policy, from) && is_protected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::Bench;

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
[[zone]]
id = "crew"
label = "C"
function = "crew"
class = "untrusted"
criticality = "low"
devices = "open"
subnet = ["10.0.9.0/24"]
[[conduit]]
id = "bridge-reads"
from = "bridge"
to = "engine"
owner = "ETO"
reason = "conning"
  [[conduit.allow]]
  app = "modbus"
"#;

    fn told(
        from: &str,
        to: &str,
        port: u16,
        protocol: Option<&'static str>,
        stages: &[FlowStage],
    ) -> Vec<(String, Severity)> {
        let mut bench = Bench::new(Some(POLICY), Box::<Conduit>::default());
        bench.at(1.0);
        for stage in stages {
            bench.flow(from, to, port, protocol.filter(|_| *stage == FlowStage::Recognised), *stage);
        }
        bench.findings().into_iter().map(|finding| (finding.rule_id, finding.severity)).collect()
    }

    const ALL: [FlowStage; 3] = [FlowStage::Started, FlowStage::Established, FlowStage::Recognised];

    #[test]
    fn the_allowed_application_is_quiet_and_another_is_not() {
        assert!(told("10.0.1.5", "10.0.2.5", 502, Some("modbus"), &ALL).is_empty());
        assert_eq!(told("10.0.1.5", "10.0.2.5", 80, Some("http"), &ALL), [("DW-2001".to_owned(), Severity::High)]);
    }

    #[test]
    fn no_conduit_at_all_is_told_at_the_first_packet() {
        assert_eq!(
            told("10.0.2.5", "10.0.1.5", 80, None, &[FlowStage::Started]),
            [("DW-2001".to_owned(), Severity::Medium)]
        );
    }

    #[test]
    fn from_the_crew_into_the_bridge_is_critical_once_it_answers() {
        assert_eq!(
            told("10.0.9.5", "10.0.1.5", 80, None, &[FlowStage::Started]),
            [("DW-2005".to_owned(), Severity::High)]
        );
        assert_eq!(told("10.0.9.5", "10.0.1.5", 80, Some("http"), &ALL), [("DW-2005".to_owned(), Severity::Critical)]);
    }

    #[test]
    fn who_knocks_on_every_door_is_told_of_the_first_and_once_of_the_rest() {
        let mut bench = Bench::new(Some(POLICY), Box::<Conduit>::default());
        bench.at(1.0);
        (1..=40).for_each(|port| bench.flow("10.0.2.5", "10.0.1.5", port, None, FlowStage::Started));
        (1..=40)
            .for_each(|host| bench.flow("10.0.2.5", &format!("10.0.1.{}", 100 + host), 80, None, FlowStage::Started));
        assert_eq!(bench.findings().len(), 2, "the first, and one for all others");
        assert_eq!(bench.findings().last().unwrap().count as usize, 79);
        bench.flow("10.0.2.5", "10.0.1.5", 33, None, FlowStage::Established);
        assert_eq!(bench.findings().len(), 3, "a door that opens is a finding of its own");
        bench.flow("10.0.2.6", "10.0.1.5", 33, None, FlowStage::Started);
        assert_eq!(bench.findings().len(), 4, "another source is another story");
    }

    #[test]
    fn a_remote_session_outside_every_window_is_not_told_twice() {
        let detectors: Vec<Box<dyn Detector>> = vec![Box::<Conduit>::default(), crate::detections::raising("DW-2007")];
        let mut bench = Bench::of(Some(POLICY), detectors);
        bench.at(1.0);
        bench.flow("10.0.1.5", "10.0.2.6", 80, Some("http"), FlowStage::Recognised);
        bench.at(200.0);
        bench.flow("10.0.1.5", "10.0.2.5", 22, Some("ssh"), FlowStage::Recognised);
        assert_eq!(bench.ids(), ["DW-2001", "DW-2007", "DW-6005"]);
    }

    #[test]
    fn the_attempts_of_a_sweep_are_the_sweep() {
        let told = |with_sweep: bool| {
            let mut detectors: Vec<Box<dyn Detector>> = vec![Box::<Conduit>::default()];
            detectors.extend(with_sweep.then(|| crate::detections::raising("DW-7001")));
            let mut bench = Bench::of(Some(POLICY), detectors);
            bench.at(0.0);
            // its own zone first, then the bridge: nobody answers
            for (second, net) in [(200.0, "10.0.2"), (230.0, "10.0.1")] {
                bench.at(second);
                (1..=20).for_each(|n| {
                    bench.flow("10.0.2.5", &format!("{net}.{}", 100 + n), 80, None, FlowStage::Started);
                });
            }
            bench.flow("10.0.2.5", "10.0.1.9", 80, None, FlowStage::Established);
            bench.ids().into_iter().filter(|id| id == "DW-2001").count()
        };
        assert_eq!(told(false), 5, "in each zone the first and one for the others, then a door that opens");
        assert_eq!(told(true), 3, "what was told before the sweep was one, and the door that opens");
    }
}
