//! DW-1002: an IP address in use is claimed by another network card.
//!
//! Claims are ARP, neighbour discovery and DHCP bindings; use is packets that carry the address from its card. A router's card, virtual cards of
//! redundancy protocols and pairs that the policy declares as stand-by are left alone.

use std::net::IpAddr;
use std::time::Duration;

use dogwatch_model::{Act, Attribute, Event, FactValue, Mac, Subject};

use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::findings::call;
use crate::seen::{Party, service};

/// The old card counts as alive when it was seen this recently.
const ACTIVE: Duration = Duration::from_secs(60);

const CARD: Card = Card {
    id: "DW-1002",
    why: "Whoever answers for another device's address receives what was meant for it and can answer in its place: false readings on a display, or \
          orders that never reach the engine.",
    e26: &["4.2.1", "4.3.1"],
};

/// See the file's head. Who holds which address is known to [`crate::holders`].
#[derive(Default)]
pub(super) struct IpTakeover;

impl Detector for IpTakeover {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { facts_of: &[Attribute::IpAddress], ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, _to: &Party, cx: &mut Context<'_>) {
        for act in event.message.acts {
            let Act::Says(fact) = act else { continue };
            let (Attribute::IpAddress, FactValue::Ip(ip), Subject::Mac(mac)) = (fact.attribute, fact.value, fact.about)
            else {
                continue;
            };
            if ip.is_unspecified() || ip.is_multicast() || mac.is_none() || mac.is_group() || is_virtual(mac) {
                continue;
            }
            claim(event, ip, mac, from, cx);
        }
    }
}

fn claim(event: &Event<'_>, ip: IpAddr, mac: Mac, from: &Party, cx: &mut Context<'_>) {
    let Some(before) = cx.holders.claims(ip, mac, event.at).filter(|before| before.mac != mac) else { return };
    let is_alive = event.at.since(before.last) <= ACTIVE;
    if !is_alive || is_declared_pair(ip, mac, cx) || is_gateway(mac, cx) || is_gateway(before.mac, cx) {
        return;
    }
    let party = from.neighbour(cx.directory.row_of_mac(mac), mac, Some(ip));
    let victim = from.neighbour(cx.directory.row_of_mac(before.mac), before.mac, Some(ip));
    let (low, high) = if mac < before.mac { (mac, before.mac) } else { (before.mac, mac) };
    let key = format!("{ip}|{low}|{high}");
    let policy = cx.policy;
    let owner = policy
        .and_then(|policy| policy.assets.iter().find(|asset| asset.ip.contains(&ip)))
        .map(|asset| asset.id.clone());
    let owner = owner.unwrap_or_else(|| call(&victim, policy, cx.directory));
    let who = super::dw_6001_arp_spoofing::with_card(cx.call(&from.neighbour(party.row, mac, None)), mac);
    cx.raise(key.as_bytes(), &CARD, event.at, || Raise {
        card: &CARD,
        severity: None,
        confidence: 0.85,
        at: event.at,
        frame: event.frame,
        from: party,
        to: Some(victim),
        service: service(Some(event.message.protocol), event.flow),
        summary: format!("{who} answers for {ip} ({owner}) while {} still uses it", before.mac),
        fields: vec![
            ("ip".to_owned(), ip.to_string()),
            ("new_mac".to_owned(), mac.to_string()),
            ("old_mac".to_owned(), before.mac.to_string()),
        ],
        expected: format!("{ip} at {} only", before.mac),
        conduit: None,
        proposal: None,
    });
}

fn is_gateway(mac: Mac, cx: &Context<'_>) -> bool {
    let by_policy = cx.policy.is_some_and(|policy| policy.is_gateway_mac(mac));
    let row = cx.directory.row_of_mac(mac).and_then(|row| cx.directory.asset(row));
    by_policy || row.is_some_and(|asset| asset.device_class == dogwatch_model::DeviceClass::Router)
}

/// Whether the policy declares a stand-by for the address, and the new card can be its.
pub(super) fn is_declared_pair(ip: IpAddr, mac: Mac, cx: &Context<'_>) -> bool {
    let Some(policy) = cx.policy else { return false };
    let owner = policy.assets.iter().find(|asset| asset.ip.contains(&ip));
    let standby = owner.and_then(|owner| policy.asset(owner.ip_takeover?));
    standby.is_some_and(|standby| {
        let row = cx.directory.row_of_mac(mac).and_then(|row| cx.directory.asset(row));
        let has_its_address =
            row.is_some_and(|row| row.interfaces.iter().any(|i| i.ips.iter().any(|ip| standby.ip.contains(ip))));
        standby.mac.contains(&mac) || standby.mac.is_empty() && has_its_address
    })
}

/// Cards that redundancy protocols make up: VRRP (RFC 9568, clause 7.3) and HSRP versions 1 and 2 (RFC 2281 and vendor documents).
pub(super) fn is_virtual(mac: Mac) -> bool {
    matches!(
        mac.0,
        [0x00, 0x00, 0x5e, 0x00, 0x01 | 0x02, _]
            | [0x00, 0x00, 0x0c, 0x07, 0xac, _]
            | [0x00, 0x00, 0x0c, 0x9f, 0xf0..=0xff, _]
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::Bench;

    const OWNER: Mac = Mac([0, 0x30, 0xde, 0, 0, 1]);
    const THIEF: Mac = Mac([0, 0x0c, 0x29, 0, 0, 2]);

    fn claims(claims: &[(f64, Mac)]) -> Vec<String> {
        let mut bench = Bench::new(None, Box::<IpTakeover>::default());
        for (second, mac) in claims {
            bench.at(*second);
            bench.claims(*mac, "10.0.2.21");
        }
        bench.ids()
    }

    #[test]
    fn another_card_claims_while_the_owner_lives() {
        assert_eq!(claims(&[(0.0, OWNER), (30.0, OWNER), (40.0, THIEF), (41.0, OWNER), (42.0, THIEF)]), ["DW-1002"]);
    }

    #[test]
    fn the_thief_is_called_by_his_own_name() {
        use crate::detections::bench::{SHIP, device};
        let mut bench = Bench::new(Some(SHIP), Box::<IpTakeover>::default());
        let pc = device("10.0.4.12");
        let thief = pc.interfaces[0].mac.unwrap();
        bench.knows(pc);
        for (second, mac) in [(0.0, OWNER), (30.0, OWNER), (40.0, thief)] {
            bench.at(second);
            bench.claims(mac, "10.0.2.21");
        }
        let found = bench.findings();
        assert_eq!(found.len(), 1);
        let (who, whose) = found[0].summary.split_once(" answers for ").unwrap();
        assert!(who.contains(&thief.to_string()) && !who.contains("plc"), "not by the name he took: {who}");
        assert!(whose.contains("10.0.2.21 (plc)"), "{whose}");
    }

    #[test]
    fn a_replacement_and_virtual_cards_are_quiet() {
        assert!(claims(&[(0.0, OWNER), (4_000.0, THIEF), (4_001.0, THIEF)]).is_empty(), "replaced hardware");
        assert!(claims(&[(0.0, OWNER), (1.0, Mac([0, 0, 0x5e, 0, 1, 7]))]).is_empty(), "VRRP");
    }
}
