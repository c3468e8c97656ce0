//! DW-3011: two senders use one system function id of IEC 61162-450.
//!
//! IEC 61162-460 (edition 2) makes this one of the duties of network monitoring. Works without a policy; a stand-by pair that shares an id by
//! design can be declared as a redundancy group.

use std::net::IpAddr;
use std::time::Duration;

use dogwatch_model::{CaptureTime, Event, Mac, Sfi, Speaker};

use crate::detector::{Card, Context, Detector, Raise, Speaking, Wants};
use crate::findings::{Cause, call};
use crate::own_ship::Trouble;
use crate::policy::{AppName, NmeaAllowance, Policy};
use crate::remembered::Remembered;
use crate::seen::{Identity, Party, service, sfi_number};

/// Both senders must have spoken within this time.
const WINDOW: Duration = Duration::from_secs(30);
/// Ids remembered.
const REMEMBERED: usize = 4_096;

const CARD: Card = Card {
    id: "DW-3011",
    why: "Displays and the autopilot take a sentence by the name of its source. Two senders under one name means that one of them may be feeding \
          the bridge false positions, headings or targets.",
    e26: &["4.2.1", "4.3.1"],
};

#[derive(Debug, Clone, Copy)]
struct Sender {
    ip: Option<IpAddr>,
    mac: Mac,
    ttl: u8,
    last: CaptureTime,
}

/// See the file's head.
pub(super) struct SourceClash {
    /// By function id.
    owners: Remembered<u64, Sender>,
}

impl Default for SourceClash {
    fn default() -> Self {
        Self { owners: Remembered::new(REMEMBERED) }
    }
}

impl Detector for SourceClash {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { published: true, of: Speaking::Only(&[AppName::Nmea450, AppName::NmeaUdp]), ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, _to: &Party, cx: &mut Context<'_>) {
        let Speaker::Sfi(sfi) = event.message.speaker else { return };
        let now = Sender { ip: event.flow.src, mac: event.flow.src_mac, ttl: event.flow.ttl, last: event.at };
        let Some(owner) = self.owners.touch(sfi_number(Some(sfi)), event.at) else {
            self.owners.put(sfi_number(Some(sfi)), event.at, now);
            return;
        };
        // the same packet seen again behind a router has another card and a smaller time to live, but the same address
        let is_same = owner.ip == now.ip
            && (owner.mac == now.mac || owner.ttl != now.ttl || owner.ip.is_some() && owner.mac.is_none());
        if is_same {
            owner.last = event.at;
            return;
        }
        if event.at.since(owner.last) > WINDOW {
            *owner = now;
            return;
        }
        let before = *owner;
        let claims = |ip: Option<IpAddr>| cx.policy.is_some_and(|policy| may_use(policy, sfi, ip));
        let (was_rightful, is_rightful) = (claims(before.ip), claims(now.ip));
        if was_rightful && is_rightful {
            return;
        }
        let other = from.neighbour(before.ip.and_then(|ip| cx.directory.row_of_ip(ip)), before.mac, before.ip);
        if let Some(talker) = cx.talker.filter(|_| !is_rightful) {
            cx.troubles.note(Trouble::Stranger, talker, event.at);
        }
        let (intruder, owner) = if is_rightful { (other, *from) } else { (*from, other) };
        let key = || {
            let mut ends = [format!("{:?}|{}", before.ip, before.mac), format!("{:?}|{}", now.ip, now.mac)];
            ends.sort();
            format!("{sfi}|{}|{}", ends[0], ends[1])
        };
        // either order of the two is the same clash; as a cause each order counts for itself and leads to the same row
        let end = |sender: Sender| (sender.ip.map_or(Identity::Mac(sender.mac), Identity::Ip), sender.mac);
        let cause = Cause {
            id: CARD.id,
            from: end(before),
            to: Some(end(now)),
            transport: None,
            number: sfi_number(Some(sfi)),
            words: [""; 2],
        };
        let (policy, directory) = (cx.policy, cx.directory);
        let names = || (call(&owner, policy, directory), call(&intruder, policy, directory));
        let summary = || {
            let (first, second) = names();
            format!("Two senders speak as {sfi}: {first} and {second}")
        };
        cx.raise_again(cause, &CARD, event.at, key, || Raise {
            card: &CARD,
            severity: None,
            confidence: 0.9,
            at: event.at,
            frame: event.frame,
            from: intruder,
            to: Some(owner),
            service: service(Some(event.message.protocol), event.flow),
            summary: summary(),
            fields: vec![
                ("sfi".to_owned(), sfi.to_string()),
                ("first_sender".to_owned(), format!("{} {}", address(before.ip), before.mac)),
                ("second_sender".to_owned(), format!("{} {}", address(now.ip), now.mac)),
            ],
            expected: format!("one sender for {sfi}"),
            conduit: None,
            proposal: None,
        });
    }
}

/// Whether the policy gives the system function id to the asset with this address, alone or as a member of its redundancy group.
fn may_use(policy: &Policy, sfi: Sfi, ip: Option<IpAddr>) -> bool {
    let of_sender =
        |entry: &&NmeaAllowance| policy.asset(entry.source).zip(ip).is_some_and(|(asset, ip)| asset.ip.contains(&ip));
    policy.nmea.iter().filter(of_sender).any(|own| {
        let shares = |entry: &NmeaAllowance| entry.redundancy.is_some() && entry.redundancy == own.redundancy;
        own.sfi.contains(&sfi) || policy.nmea.iter().any(|entry| shares(entry) && entry.sfi.contains(&sfi))
    })
}

fn address(ip: Option<IpAddr>) -> String {
    ip.map_or_else(|| "no IP address".to_owned(), |ip| ip.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::Bench;

    fn spoken(speech: &[(f64, &str)]) -> Vec<String> {
        let mut bench = Bench::new(None, Box::<SourceClash>::default());
        let sfi = Speaker::Sfi(Sfi::from_bytes(b"GP0001").unwrap());
        for (second, ip) in speech {
            bench.at(*second);
            bench.sentence(ip, sfi, "GP", "GGA");
        }
        bench.ids()
    }

    #[test]
    fn two_senders_at_once_are_one_finding() {
        assert_eq!(spoken(&[(0.0, "10.0.1.1"), (1.0, "10.0.1.2"), (2.0, "10.0.1.1"), (3.0, "10.0.1.2")]), ["DW-3011"]);
    }

    #[test]
    fn a_replaced_receiver_is_quiet() {
        assert!(spoken(&[(0.0, "10.0.1.1"), (60.0, "10.0.1.2"), (61.0, "10.0.1.2")]).is_empty());
    }
}
