//! DW-1006: a device of an OT zone offers a service it never offered.
//!
//! A service is a TCP or UDP port on which it answers. Ports above 49151 are given out for single transfers (FTP data, RPC) and count as one. A
//! service that a line of the policy names is known. Two answers at different seconds are needed. Without a plan every private address may be the
//! ship's equipment; public ones are hosts ashore, and there is always another one of those.

use dogwatch_model::{CaptureTime, Severity, Transport};

use super::zones::{is_allowed, is_ot};
use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::policy::is_public;
use crate::remembered::Remembered;
use crate::seen::{FlowSeen, FlowStage, Identity};

/// Ports by which a computer is worked on from elsewhere: SSH, Telnet, RPC, SMB, RDP, VNC.
const REMOTE_CONTROL: [u16; 6] = [22, 23, 135, 445, 3_389, 5_900];
/// Above it ports are given out for single transfers (RFC 6335, clause 6).
const LAST_REGISTERED: u16 = 49_151;
/// Services remembered.
const REMEMBERED: usize = 16_384;

const CARD: Card = Card {
    id: "DW-1006",
    why: "A controller or bridge computer does not grow new services by itself. Somebody changed its set-up or started a program on it, and each \
          service is a way in.",
    e26: &["4.1.1", "4.2.1", "4.3.1"],
};

/// Whose service: device, whether TCP, port (0 for the ports given out for single transfers).
type Service = (Identity, bool, u16);

#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Heard {
    first: CaptureTime,
    is_known: bool,
}

/// See the file's head.
pub(super) struct NewService {
    services: Remembered<Service, Heard>,
}

impl Default for NewService {
    fn default() -> Self {
        Self { services: Remembered::new(REMEMBERED) }
    }
}

impl Detector for NewService {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { flows: &[FlowStage::Established, FlowStage::Progress], ..Wants::default() }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        let is_answer = match (seen.flow.transport, seen.stage) {
            (Transport::Tcp, FlowStage::Established) => true,
            (Transport::Udp, FlowStage::Progress) => seen.account.is_answered && seen.flow.dst_port <= LAST_REGISTERED,
            _ => false,
        };
        // who opened it must be known: else the client's own port would look like a service
        if !is_answer
            || seen.flow.is_to_group()
            || seen.flow.initiator == dogwatch_model::Initiator::Unknown && seen.flow.transport == Transport::Tcp
            || seen.flow.transport == Transport::Udp && seen.flow.src_port < seen.flow.dst_port
            || cx.policy.is_some() && !is_ot(cx.policy, &seen.to)
            || cx.policy.is_none() && seen.to.end.ip.is_some_and(is_public)
        {
            return;
        }
        let port = if seen.flow.dst_port > LAST_REGISTERED { 0 } else { seen.flow.dst_port };
        let service = (seen.to.identity(), seen.flow.transport == Transport::Tcp, port);
        let heard = self.services.touch_or(service, seen.at, || Heard { first: seen.at, is_known: false });
        if heard.is_known {
            return;
        }
        heard.is_known = cx.is_learning(seen.at, &seen.from, &seen.to) || is_allowed(seen, cx);
        if heard.is_known || heard.first.seconds() == seen.at.seconds() {
            return;
        }
        let key = format!("{service:?}");
        let (who, whom) = (cx.call(&seen.from), cx.call(&seen.to));
        cx.raise(key.as_bytes(), &CARD, seen.at, || Raise {
            severity: Some(if REMOTE_CONTROL.contains(&port) { Severity::Medium } else { Severity::Low }),
            from: seen.to,
            to: Some(seen.from),
            summary: format!("{whom} answers on {}, which it never did before; asked by {who}", seen.service()),
            fields: vec![("service".to_owned(), seen.service())],
            expected: "the services it offered while learning".to_owned(),
            ..Raise::of_flow(&CARD, seen)
        });
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.services.entries()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.services.recall(serde_json::from_value(learned)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP};

    fn told(answers: &[(f64, &str, u16)]) -> Vec<Severity> {
        let mut bench = Bench::new(Some(SHIP), Box::<NewService>::default());
        bench.at(0.0);
        for (second, to, port) in answers {
            bench.at(*second);
            bench.flow("10.0.2.10", to, *port, None, FlowStage::Established);
        }
        bench.findings().into_iter().map(|finding| finding.severity).collect()
    }

    #[test]
    fn without_a_plan_hosts_ashore_are_no_equipment() {
        let told = |to: &str| {
            let mut bench = Bench::new(None, Box::<NewService>::default());
            bench.at(0.0);
            for hour in [30.0, 30.1] {
                bench.at(hour * 3_600.0);
                bench.flow("10.0.2.10", to, 443, None, FlowStage::Established);
            }
            bench.ids()
        };
        assert_eq!(told("10.0.2.21"), ["DW-1006"]);
        assert!(told("104.18.3.9").is_empty());
    }

    #[test]
    fn a_controller_begins_to_answer_ssh() {
        assert_eq!(told(&[(200.0, "10.0.2.21", 22), (205.0, "10.0.2.21", 22)]), [Severity::Medium]);
        assert_eq!(told(&[(200.0, "10.0.2.21", 8_000), (205.0, "10.0.2.21", 8_000)]), [Severity::Low]);
    }

    #[test]
    fn once_is_not_enough_and_what_was_there_while_learning_is_known() {
        assert!(told(&[(200.0, "10.0.2.21", 22), (200.2, "10.0.2.21", 22)]).is_empty());
        assert!(told(&[(20.0, "10.0.2.21", 22), (200.0, "10.0.2.21", 22), (210.0, "10.0.2.21", 22)]).is_empty());
        assert!(told(&[(200.0, "10.0.4.21", 22), (205.0, "10.0.4.21", 22)]).is_empty(), "an office computer");
        assert!(told(&[(200.0, "10.0.2.21", 502), (205.0, "10.0.2.21", 502)]).is_empty(), "the plan names it");
    }
}
