//! DW-2009: tags and addresses that do not fit the plan of VLANs.
//!
//! Three things: a second tag on a link that showed none while learning (a way to hop from one VLAN into another); a VLAN no zone owns; a device
//! whose address belongs to one zone and whose frames come in another zone's VLAN. Routers' cards carry foreign addresses by trade and are exempt.
//! An outer tag that no zone owns and that wrapped others while learning is the mirror's own (a remote mirror, a provider's tag): what it wraps is
//! judged by the inner tag alone, also where a VLAN speaks for the first time.

use dogwatch_model::{CaptureTime, Mac, Severity};

use super::zones::is_infrastructure;
use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::policy::{How, Mode, Policy};
use crate::remembered::Remembered;
use crate::seen::{FlowSeen, FlowStage};

/// Packets before anything is said (catalogue: `min_frames`).
const PACKETS: u64 = 3;
/// Stands for every inner tag: no VLAN has this number (IEEE 802.1Q reserves 0xFFF, and there are twelve bits).
const ANY: u16 = u16::MAX;
/// Cases and learned tags remembered.
const REMEMBERED: usize = 4_096;

const CARD: Card = Card {
    id: "DW-2009",
    why: "VLANs are the walls between the ship's networks on one cable. A frame with a wrong or a second tag is a wall with a hole in it: a port set \
          up wrongly, or someone jumping over.",
    e26: &["4.2.1", "4.2.2", "4.3.1"],
};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Wrong {
    DoubleTag,
    Unowned,
    Misplaced,
}

/// See the file's head.
pub(super) struct VlanAnomaly {
    /// Outer and inner tags that were there while learning.
    known: Remembered<(u16, u16), ()>,
    cases: Remembered<(Wrong, Mac, u16, u16), u64>,
}

impl Default for VlanAnomaly {
    fn default() -> Self {
        Self { known: Remembered::new(REMEMBERED), cases: Remembered::new(REMEMBERED) }
    }
}

impl Detector for VlanAnomaly {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { flows: &[FlowStage::Started, FlowStage::Progress], planned: true, ..Wants::default() }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        let (Some(policy), Some(outer)) = (cx.policy, seen.flow.vlans.outer) else { return };
        let inner = seen.flow.vlans.inner.unwrap_or(0);
        let own = if inner == 0 { outer } else { inner };
        if cx.is_learning(seen.at, &seen.from, &seen.to) {
            self.known.put((outer, inner), seen.at, ());
            if inner != 0 && !is_owned(policy, outer) {
                self.known.put((outer, ANY), seen.at, ());
            }
            return;
        }
        if policy.mode_between(seen.from.end.zone, seen.from.end.zone) == Mode::Learn {
            return;
        }
        let is_known = self.known.touch((outer, inner), seen.at).is_some();
        let is_misplaced = seen.from.end.how == Some(How::AddressOnly)
            && !policy.is_gateway_mac(seen.from.end.mac)
            && !is_infrastructure(cx, &seen.from);
        let is_wrapped = || inner != 0 && !is_owned(policy, outer);
        let wrong = if inner != 0 && !is_known && !(is_wrapped() && self.known.touch((outer, ANY), seen.at).is_some()) {
            Wrong::DoubleTag
        } else if is_misplaced {
            Wrong::Misplaced
        } else if !is_known && own != 0 && has_vlans(policy) && !is_owned(policy, own) {
            Wrong::Unowned
        } else {
            return;
        };
        self.count(wrong, seen, (outer, inner), cx);
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.known.entries()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.known.recall(serde_json::from_value::<Vec<((u16, u16), CaptureTime, ())>>(learned)?);
        Ok(())
    }
}

impl VlanAnomaly {
    fn count(&mut self, wrong: Wrong, seen: &FlowSeen<'_>, (outer, inner): (u16, u16), cx: &mut Context<'_>) {
        let mac = if wrong == Wrong::Unowned { Mac::NONE } else { seen.from.end.mac };
        let case = (wrong, mac, outer, inner);
        let before = self.cases.get(&case).copied().unwrap_or(0);
        let packets = before.saturating_add(seen.packets());
        self.cases.put(case, seen.at, packets);
        if packets < PACKETS {
            return;
        }
        let Some(policy) = cx.policy else { return };
        let who = cx.call(&seen.from);
        let key = format!("{case:?}");
        cx.raise(key.as_bytes(), &CARD, seen.at, || Raise {
            severity: Some(if wrong == Wrong::Unowned { Severity::Low } else { Severity::High }),
            summary: match wrong {
                Wrong::DoubleTag => format!("{who} sends frames with two VLAN tags, {outer} and inside it {inner}"),
                Wrong::Unowned => format!("VLAN {} belongs to no zone; {who} sends in it", inner.max(outer)),
                Wrong::Misplaced => format!(
                    "{who} has an address of zone {} but sends in VLAN {outer}",
                    policy.zone_id(seen.from.end.zone)
                ),
            },
            fields: vec![("vlan_outer".to_owned(), outer.to_string()), ("vlan_inner".to_owned(), inner.to_string())],
            expected: match wrong {
                Wrong::DoubleTag => "one tag, as while learning".to_owned(),
                Wrong::Unowned => "a VLAN that a zone of the policy lists".to_owned(),
                Wrong::Misplaced => "the address in the VLAN of its zone".to_owned(),
            },
            ..Raise::of_flow(&CARD, seen)
        });
    }
}

/// Without a single VLAN in the plan no tag is a stranger.
fn has_vlans(policy: &Policy) -> bool {
    policy.zones.iter().any(|zone| !zone.vlan.is_empty())
}

fn is_owned(policy: &Policy, vlan: u16) -> bool {
    policy.zones.iter().any(|zone| zone.vlan.contains(&vlan))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP};

    fn told(seconds: &[f64], from: &str, outer: u16, inner: Option<u16>) -> Vec<Severity> {
        let mut bench = Bench::new(Some(SHIP), Box::<VlanAnomaly>::default());
        bench.at(0.0);
        bench.tagged("10.0.2.10", "10.0.2.21", 20, None);
        for second in seconds {
            bench.at(*second);
            bench.tagged(from, "10.0.2.21", outer, inner);
        }
        bench.findings().into_iter().map(|finding| finding.severity).collect()
    }

    #[test]
    fn what_the_plan_knows_is_quiet() {
        assert!(told(&[200.0, 201.0, 202.0], "10.0.2.11", 20, None).is_empty());
    }

    #[test]
    fn a_second_tag_a_stray_vlan_a_foreign_address() {
        let late = [200.0, 201.0, 202.0, 203.0];
        assert_eq!(told(&late, "10.0.2.11", 20, Some(10)), [Severity::High]);
        assert_eq!(told(&late, "10.0.2.11", 10, None), [Severity::High], "an engine address in the bridge's VLAN");
        assert_eq!(told(&late, "10.7.7.7", 77, None), [Severity::Low]);
        assert!(told(&late[..2], "10.7.7.7", 77, None).is_empty(), "two packets are not enough");
    }

    #[test]
    fn double_tags_that_were_always_there_are_the_mirrors_own() {
        let mut bench = Bench::new(Some(SHIP), Box::<VlanAnomaly>::default());
        for second in 0..300 {
            bench.at(f64::from(second));
            bench.tagged("10.0.2.10", "10.0.2.21", 900, Some(20));
        }
        assert!(bench.ids().is_empty());
    }

    #[test]
    fn what_the_mirrors_own_tag_wraps_for_the_first_time() {
        let told = |from: &str, outer: u16, inner: u16| {
            let mut bench = Bench::new(Some(SHIP), Box::<VlanAnomaly>::default());
            for second in 0..100 {
                bench.at(f64::from(second));
                bench.tagged("10.0.2.10", "10.0.2.21", 900, Some(20));
            }
            for second in 200..210 {
                bench.at(f64::from(second));
                bench.tagged(from, "10.0.1.6", outer, Some(inner));
            }
            bench.findings().into_iter().map(|finding| (finding.severity, finding.summary)).collect::<Vec<_>>()
        };
        assert!(told("10.0.1.5", 900, 10).is_empty(), "the bridge's VLAN speaks late");
        assert!(
            matches!(&told("10.7.7.7", 900, 77)[..], [(Severity::Low, what)] if what.contains("belongs to no zone"))
        );
        assert!(matches!(&told("10.0.1.5", 20, 10)[..], [(Severity::High, what)] if what.contains("two VLAN tags")));
        assert!(matches!(&told("10.0.1.5", 901, 10)[..], [(Severity::High, _)]), "a tag that wrapped nothing before");
    }
}
