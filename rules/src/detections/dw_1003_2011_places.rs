//! DW-1003 and DW-2011: one network card in two zones.
//!
//! DW-1003: a device that lived in one zone now sends in another: with an address of that zone, or with its old one but on that zone's cable (two
//! devices of two zones that reach each other without a router in between stand on one cable; the newcomer is the one who moved). DW-2011: a card
//! sends with addresses of two zones at the same time and so joins what the plan keeps apart. Cards of gateways, devices that the plan lets roam or bridge, and open zones among themselves are left alone.

use std::net::IpAddr;
use std::time::Duration;

use dogwatch_model::{Act, Attribute, CaptureTime, Event, FactValue, Mac, Subject};

use super::zones::{is_infrastructure, is_ot, plan};
use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::policy::{Devices, How, Mode, Placement, ZoneIx};
use crate::remembered::Remembered;
use crate::seen::{FlowSeen, FlowStage, Party, PolicySeen};

/// Packets in the other zone before anything is said (catalogue: `min_frames`, `min_packets`).
const MOVED_PACKETS: u64 = 5;
const BRIDGED_PACKETS: u64 = 10;
/// Two zones count as used at the same time when the first was heard again this shortly before.
const TOGETHER: Duration = Duration::from_secs(300);
/// Cards remembered.
const REMEMBERED: usize = 16_384;

const MOVED: Card = Card {
    id: "DW-1003",
    why: "Zones keep equipment apart on purpose. A device that turns up in another one was re-patched by mistake or carried there, and brings with \
          it whatever it caught where it was.",
    e26: &["4.1.1", "4.2.1", "4.3.1"],
};
const BRIDGE: Card = Card {
    id: "DW-2011",
    why: "This device stands in two zones at once. What the firewall keeps out of one can walk through it into the other.",
    e26: &["4.2.1", "4.2.2", "4.3.1"],
};

#[derive(Debug, Clone, Copy)]
struct Home {
    zone: ZoneIx,
    last: CaptureTime,
    /// Another zone it was seen in, since when, and packets there.
    other: Option<(ZoneIx, CaptureTime, u64)>,
}

/// See the file's head.
pub(super) struct Places {
    homes: Remembered<Mac, Home>,
    /// Cards that claimed an address by ARP or neighbour discovery: what they send with it is not routed.
    claims: Remembered<IpAddr, Mac>,
}

impl Default for Places {
    fn default() -> Self {
        Self { homes: Remembered::new(REMEMBERED), claims: Remembered::new(REMEMBERED) }
    }
}

impl Detector for Places {
    fn cards(&self) -> &'static [&'static Card] {
        &[&MOVED, &BRIDGE]
    }

    fn wants(&self) -> Wants {
        let flows = &[FlowStage::Started, FlowStage::Progress];
        Wants { flows, facts_of: &[Attribute::IpAddress], planned: true, ..Wants::default() }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        match seen.stage {
            FlowStage::Started => {
                self.sends(seen, &seen.from, 1, cx);
                self.reaches(seen, 1, cx);
            }
            FlowStage::Progress => {
                self.reaches(seen, seen.packets(), cx);
                self.sends(seen, &seen.from, seen.packets(), cx);
                if seen.account.is_answered {
                    self.sends(seen, &seen.to, seen.packets(), cx);
                }
            }
            FlowStage::Established | FlowStage::Recognised => {}
        }
    }

    fn policy(&mut self, seen: &PolicySeen<'_>, _cx: &mut Context<'_>) {
        if seen.refused.is_none() {
            // homes are zones of the old plan
            self.homes = Remembered::new(REMEMBERED);
        }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, _to: &Party, cx: &mut Context<'_>) {
        for act in event.message.acts {
            if let Act::Says(fact) = act
                && let (Attribute::IpAddress, FactValue::Ip(ip), Subject::Mac(mac)) =
                    (fact.attribute, fact.value, fact.about)
                && event.flow.src_mac == mac
            {
                self.claims.put(ip, event.at, mac);
                self.claimed(event, from, ip, cx);
            }
        }
    }
}

impl Places {
    /// A card that claims an address uses it, wherever that address belongs.
    fn claimed(&mut self, event: &Event<'_>, from: &Party, ip: IpAddr, cx: &mut Context<'_>) {
        let Some(policy) = cx.policy else { return };
        let placed = policy.placed(&Placement {
            source: cx.source.selector,
            vlan: event.flow.vlans.innermost(),
            mac: event.flow.src_mac,
            ip: Some(ip),
            link_is_gateway: false,
        });
        let party = Party { end: policy.end(placed, event.flow.src_mac, Some(ip), false), ..*from };
        self.used((event.at, event.frame), &party, 1, cx);
    }

    fn sends(&mut self, seen: &FlowSeen<'_>, party: &Party, packets: u64, cx: &mut Context<'_>) {
        self.used((seen.at, seen.frame), party, packets, cx);
    }

    /// A card sent packets with an address.
    fn used(&mut self, (at, frame): (CaptureTime, u64), party: &Party, packets: u64, cx: &mut Context<'_>) {
        let (Some(policy), Some(zone)) = (cx.policy, party.end.zone) else { return };
        let mac = party.end.mac;
        // what has no address of its own zone says nothing, and behind a router's card there are many
        if party.end.ip.is_none()
            || mac.is_none()
            || mac.is_group()
            || zone == policy.outside()
            || matches!(party.end.how, None | Some(How::BehindGateway | How::Outside | How::SendersZone))
            || policy.is_gateway_mac(mac)
            || is_infrastructure(cx, party)
        {
            return;
        }
        let Some(home) = self.homes.touch(mac, at) else {
            self.homes.put(mac, at, Home { zone, last: at, other: None });
            return;
        };
        if home.zone == zone {
            home.last = home.last.max(at);
            return;
        }
        let (other, since, count) = home.other.filter(|(other, ..)| *other == zone).unwrap_or((zone, at, 0));
        let count = count.saturating_add(packets);
        home.other = Some((other, since, count));
        let home = *home;
        self.judge((at, frame), party, (zone, since, count), home, cx);
    }

    /// Two ends of two zones on one cable: the later one came from elsewhere.
    fn reaches(&mut self, seen: &FlowSeen<'_>, packets: u64, cx: &mut Context<'_>) {
        let Some(policy) = cx.policy else { return };
        let (from, to) = (seen.from.end.zone, seen.to.end.zone);
        // a cooked capture does not tell to which card a packet goes, but the answers tell whose it was
        let far = if seen.flow.dst_mac.is_none() { seen.to.end.mac } else { seen.flow.dst_mac };
        let is_unrouted = |party: &Party, mac: Mac| {
            !mac.is_group()
                && !policy.is_gateway_mac(mac)
                && party.end.ip.is_some_and(|ip| self.claims.get(&ip) == Some(&mac))
        };
        if from == to
            || seen.flow.is_to_group()
            || [from, to].iter().any(|zone| zone.is_none_or(|zone| zone == policy.outside()))
            || !is_unrouted(&seen.from, seen.flow.src_mac)
            || !is_unrouted(&seen.to, far)
        {
            return;
        }
        let since = |party: &Party| party.row.and_then(|row| cx.directory.asset(row)).map(|asset| asset.first_seen);
        let (newcomer, host) =
            if since(&seen.from) < since(&seen.to) { (&seen.to, &seen.from) } else { (&seen.from, &seen.to) };
        let (Some(old), Some(new)) = (newcomer.end.zone, host.end.zone) else { return };
        let mac = newcomer.end.mac;
        let home = self.homes.touch_or(mac, seen.at, || Home { zone: old, last: seen.at, other: None });
        let (_, first, count) = home.other.filter(|(zone, ..)| *zone == new).unwrap_or((new, seen.at, 0));
        let count = count.saturating_add(packets);
        home.other = Some((new, first, count));
        // it never was on its own cable while it was on this one
        let home = Home { zone: old, last: CaptureTime(0), other: home.other };
        let mut there = *newcomer;
        there.end.zone = Some(new);
        self.judge((seen.at, seen.frame), &there, (new, first, count), home, cx);
    }

    /// Whether what was counted in another zone is worth a word.
    fn judge(
        &self,
        (at, frame): (CaptureTime, u64),
        party: &Party,
        (zone, since, count): (ZoneIx, CaptureTime, u64),
        home: Home,
        cx: &mut Context<'_>,
    ) {
        let Some(policy) = cx.policy else { return };
        let concerns_protected = is_ot(Some(policy), party)
            || plan(Some(policy), party).is_some_and(|zone| zone.devices == Devices::Fixed)
            || policy.zone(home.zone).is_some_and(|zone| zone.devices == Devices::Fixed);
        if !concerns_protected
            || may_be_in(cx, party, zone, home.zone)
            || policy.mode_between(Some(home.zone), Some(zone)) == Mode::Learn
        {
            return;
        }
        let is_in_both = home.last >= since && at.since(home.last) <= TOGETHER;
        if is_in_both && count >= BRIDGED_PACKETS {
            self.raise(&BRIDGE, (at, frame), party, home, cx);
        } else if !is_in_both && count >= MOVED_PACKETS {
            self.raise(&MOVED, (at, frame), party, home, cx);
        }
    }

    fn raise(
        &self,
        card: &'static Card,
        (at, frame): (CaptureTime, u64),
        party: &Party,
        home: Home,
        cx: &mut Context<'_>,
    ) {
        let Some(policy) = cx.policy else { return };
        let (was, is) = (policy.zone_id(Some(home.zone)), policy.zone_id(party.end.zone));
        let who = cx.call(party);
        let key = format!("{}|{was}|{is}", party.end.mac);
        cx.raise(key.as_bytes(), card, at, || Raise {
            confidence: 0.85,
            summary: if card.id == BRIDGE.id {
                format!("{who} sends in zone {was} and in zone {is} at the same time")
            } else {
                format!("{who}, at home in zone {was}, now sends in zone {is}")
            },
            fields: vec![
                ("mac".to_owned(), party.end.mac.to_string()),
                ("zone_before".to_owned(), was.to_owned()),
                ("zone_now".to_owned(), is.to_owned()),
            ],
            expected: format!("this card in zone {was} only"),
            ..Raise::bare(card, (at, frame), *party, String::new())
        });
    }
}

/// Whether the plan lets the device be in both zones.
fn may_be_in(cx: &Context<'_>, party: &Party, now: ZoneIx, home: ZoneIx) -> bool {
    let Some(policy) = cx.policy else { return true };
    let by_end = party.end.asset.and_then(|asset| policy.asset(asset));
    let by_card = policy.assets.iter().find(|asset| asset.mac.contains(&party.end.mac));
    [by_end, by_card].into_iter().flatten().any(|asset| {
        let may = |zone: ZoneIx| asset.belongs_to(zone) || asset.bridges.contains(&zone);
        may(now) && may(home)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, card};

    /// Packets of one card: second, address, packets.
    fn told(mac: Mac, sent: &[(f64, &str)]) -> Vec<String> {
        let mut bench = Bench::new(Some(SHIP), Box::<Places>::default());
        for (second, ip) in sent {
            bench.at(*second);
            bench.packet_of(mac, ip);
        }
        bench.ids()
    }

    fn stranger() -> Mac {
        card("10.9.9.9".parse().unwrap())
    }

    #[test]
    fn an_office_computer_moves_into_the_engine_room() {
        let mut sent = vec![(0.0, "10.0.4.30"), (1.0, "10.0.4.30")];
        sent.extend((0..6).map(|n| (400.0 + f64::from(n), "10.0.2.30")));
        assert_eq!(told(stranger(), &sent), ["DW-1003"]);
        assert!(told(stranger(), &sent[..5]).is_empty(), "three packets are not enough");
    }

    #[test]
    fn a_card_in_two_zones_at_once() {
        let sent: Vec<_> =
            (0..30).map(|n| (f64::from(n), if n % 2 == 0 { "10.0.4.30" } else { "10.0.2.30" })).collect();
        assert_eq!(told(stranger(), &sent), ["DW-2011"]);
    }

    #[test]
    fn a_laptop_that_may_roam_and_open_zones_among_themselves() {
        let laptop = Mac([0x02, 0x00, 0x0a, 0x00, 0x04, 0x32]);
        let sent: Vec<_> = (0..30).map(|n| (f64::from(n), if n < 9 { "10.0.4.50" } else { "10.0.2.50" })).collect();
        assert!(told(laptop, &sent).is_empty());
        let phone: Vec<_> = (0..30).map(|n| (f64::from(n), if n < 9 { "10.0.4.50" } else { "10.0.9.50" })).collect();
        assert!(told(stranger(), &phone).is_empty());
    }

    #[test]
    fn an_office_address_on_the_engine_rooms_cable() {
        let mut bench = Bench::new(Some(SHIP), Box::<Places>::default());
        let (office, plc) = ("10.0.4.30", "10.0.2.21");
        let plc_card = card(plc.parse().unwrap());
        bench.claims(plc_card, plc);
        let office_card = card(office.parse().unwrap());
        for second in 0..6 {
            bench.at(f64::from(second));
            bench.packet_of(office_card, office);
        }
        assert!(bench.ids().is_empty(), "it did not claim its address here: a router may have sent it");
        bench.claims(office_card, office);
        for second in 10..16 {
            bench.at(f64::from(second));
            bench.packet_of(office_card, office);
        }
        assert_eq!(bench.ids(), ["DW-1003"]);
    }
}
