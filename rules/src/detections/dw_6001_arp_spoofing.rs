//! DW-6001: a card claims the addresses of others, or goes on claiming one that is not its own (ARP and neighbour discovery).
//!
//! DW-1002 tells of the first claim of one address; this one tells of an attack: two addresses of other living cards within a minute, or a claim
//! repeated against a holder who is still there. A fail-over announces its own addresses once, in one burst.

use std::net::IpAddr;
use std::time::Duration;

use dogwatch_model::{Act, Attribute, CaptureTime, Event, FactValue, Mac, Severity, Subject};

use super::zones::{is_untrusted, leads_to_the_heart};
use crate::detector::{Card, Context, Detector, Raise, Speaking, Wants};
use crate::findings::{Cause, call};
use crate::policy::AppName;
use crate::remembered::Remembered;
use crate::seen::{Identity, Party};

/// Over what time claims are counted, and how many against a living holder are too many (catalogue: `window_s`, `repeat`).
const WINDOW: Duration = Duration::from_secs(60);
const REPEAT: u32 = 3;
/// Addresses of others claimed within the window that are too many.
const VICTIMS: usize = 2;
/// A holder counts as alive when it was heard this recently.
const ALIVE: Duration = Duration::from_secs(120);
/// Cards remembered.
const REMEMBERED: usize = 16_384;

const CARD: Card = Card {
    id: "DW-6001",
    why: "Somebody answers in the name of other devices, so that their traffic passes through him. He can read and change what the bridge or the \
          engine control room sees and orders.",
    e26: &["4.2.1", "4.3.1"],
};

#[derive(Debug, Clone, Default)]
struct Claims(Vec<(IpAddr, CaptureTime, u32)>);

/// See the file's head. Who holds which address is known to [`crate::holders`].
pub(super) struct ArpSpoofing {
    claims: Remembered<Mac, Claims>,
}

impl Default for ArpSpoofing {
    fn default() -> Self {
        Self { claims: Remembered::new(REMEMBERED) }
    }
}

impl Detector for ArpSpoofing {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        // claims over ARP and neighbour discovery come from whoever sends them; a DHCP server speaks of others by trade
        let of = Speaking::Only(&[AppName::Arp, AppName::Icmp]);
        Wants { facts_of: &[Attribute::IpAddress], of, ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, _to: &Party, cx: &mut Context<'_>) {
        for act in event.message.acts {
            let Act::Says(fact) = act else { continue };
            if let (Attribute::IpAddress, FactValue::Ip(ip), Subject::Mac(mac)) =
                (fact.attribute, fact.value, fact.about)
                && !(ip.is_unspecified() || ip.is_multicast() || mac.is_none() || mac.is_group())
            {
                self.claimed(event, ip, mac, from, cx);
            }
        }
    }
}

impl ArpSpoofing {
    fn claimed(&mut self, event: &Event<'_>, ip: IpAddr, mac: Mac, from: &Party, cx: &mut Context<'_>) {
        let Some(held) = cx.holders.owner_against(ip, mac, event.at, ALIVE) else { return };
        if is_exempt(mac, ip, cx) || is_exempt(held.mac, ip, cx) {
            return;
        }
        let claims = self.claims.touch_or(mac, event.at, Claims::default);
        claims.0.retain(|(_, at, _)| event.at.since(*at) <= WINDOW);
        let has_room = claims.0.len() < 16;
        match claims.0.iter_mut().find(|(claimed, ..)| *claimed == ip) {
            Some((_, _, count)) => *count = count.saturating_add(1),
            None if has_room => claims.0.push((ip, event.at, 1)),
            None => {}
        }
        let victims = claims.0.len();
        let most = claims.0.iter().map(|(.., count)| *count).max().unwrap_or(0);
        let is_open_zone = cx.policy.is_some_and(|policy| is_untrusted(policy, from.end.zone));
        if is_open_zone || victims < VICTIMS && most < REPEAT {
            return;
        }
        // an attack goes on for hours, with a claim every few seconds to each of its victims: its words are made when they are asked for
        let cause = Cause::by(CARD.id, Identity::Mac(mac));
        let list = || claims.0.iter().map(|(ip, ..)| ip.to_string()).collect::<Vec<_>>().join(", ");
        let liar = from.neighbour(cx.directory.row_of_mac(mac), mac, None);
        let victim = from.neighbour(cx.directory.row_of_mac(held.mac), held.mac, Some(ip));
        let is_heart = cx.policy.is_some_and(|policy| leads_to_the_heart(policy, from.end.zone));
        let (policy, directory) = (cx.policy, cx.directory);
        let who = || with_card(call(&liar, policy, directory), mac);
        cx.raise_again(
            cause,
            &CARD,
            event.at,
            || mac.to_string(),
            || Raise {
                severity: Some(if is_heart { Severity::Critical } else { Severity::High }),
                confidence: 0.9,
                from: liar,
                to: Some(victim),
                summary: format!("{} claims {} of other devices that are still there", who(), list()),
                fields: vec![
                    ("mac".to_owned(), mac.to_string()),
                    ("claimed".to_owned(), list()),
                    ("holder".to_owned(), held.mac.to_string()),
                ],
                expected: format!("{ip} at {} only", held.mac),
                ..Raise::of_event(&CARD, event, from)
            },
        );
    }
}

/// What people call the device of a card, and the card, which is what a switch shows.
pub(super) fn with_card(name: String, mac: Mac) -> String {
    let card = mac.to_string();
    if name.contains(&card) { name } else { format!("{name} ({card})") }
}

/// Gateways answer for others by trade (proxy ARP), and stand-by pairs that the plan names share an address.
fn is_exempt(mac: Mac, ip: IpAddr, cx: &Context<'_>) -> bool {
    let row = cx.directory.row_of_mac(mac).and_then(|row| cx.directory.asset(row));
    row.is_some_and(|asset| asset.device_class == dogwatch_model::DeviceClass::Router)
        || super::dw_1002_ip_takeover::is_virtual(mac)
        || cx.policy.is_some_and(|policy| policy.is_gateway_mac(mac))
        || super::dw_1002_ip_takeover::is_declared_pair(ip, mac, cx)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, flow};
    use crate::seen::{Account, FlowStage};
    use dogwatch_model::{Flow, Transport};

    fn card(n: u8) -> Mac {
        Mac([2, 0, 0, 0, 0, n])
    }

    fn told(claims: &[(f64, u8, &str)]) -> Vec<String> {
        let mut bench = Bench::new(None, Box::<ArpSpoofing>::default());
        for (second, mac, ip) in claims {
            bench.at(*second);
            bench.claims(card(*mac), ip);
        }
        bench.ids()
    }

    #[test]
    fn two_victims_within_a_minute() {
        let own = [(0.0, 1, "10.0.2.10"), (1.0, 2, "10.0.2.21"), (2.0, 9, "10.0.2.66")];
        assert_eq!(told(&[&own[..], &[(20.0, 9, "10.0.2.10"), (21.0, 9, "10.0.2.21")]].concat()), ["DW-6001"]);
        assert!(told(&[&own[..], &[(20.0, 9, "10.0.2.10")]].concat()).is_empty(), "one claim is DW-1002's matter");
    }

    #[test]
    fn insisting_on_one_address() {
        let own = [(0.0, 1, "10.0.2.10")];
        let insists = [(20.0, 9, "10.0.2.10"), (22.0, 9, "10.0.2.10"), (24.0, 9, "10.0.2.10")];
        assert_eq!(told(&[&own[..], &insists].concat()), ["DW-6001"]);
    }

    #[test]
    fn who_answers_polls_is_there_and_is_not_the_one_to_blame() {
        let mut bench = Bench::new(None, Box::<ArpSpoofing>::default());
        bench.at(0.0);
        bench.claims(card(1), "10.0.2.21");
        // a controller that opens nothing and asks for nobody: its answers are all it shows
        let polls = Flow { dst_mac: card(1), ..flow("10.0.2.10", "10.0.2.21", 502, Transport::Tcp) };
        for minute in 1..6_u32 {
            bench.at(f64::from(minute) * 60.0);
            bench.moved(&polls, None, FlowStage::Progress, (60, 60), Account::default());
        }
        for n in 0..3 {
            bench.at(310.0 + f64::from(n));
            bench.claims(card(9), "10.0.2.21");
        }
        assert_eq!(bench.ids(), ["DW-6001"]);
        bench.at(320.0);
        bench.claims(card(1), "10.0.2.21");
        let found = bench.findings();
        assert!(found.len() == 1 && found[0].summary.contains(&card(9).to_string()), "{found:?}");
    }

    #[test]
    fn a_replaced_card_takes_over_after_a_silence() {
        let claims: Vec<_> =
            [(0.0, 1, "10.0.2.10")].into_iter().chain((0..5).map(|n| (300.0 + f64::from(n), 9, "10.0.2.10"))).collect();
        assert!(told(&claims).is_empty());
    }
}
