//! DW-5005: a receiver's satellite signals fall together (jamming), or look as if they came from one transmitter.
//!
//! The usual strength (C/N0) of every satellite at every receiver is learned. A crane, a bridge or a fjord takes some of the sky; a jammer takes all
//! of it at once: the finding needs four fifths of the satellites fallen, by 8 dB in the middle, for 20 s. Satellites that were strong and are gone
//! count as fallen. Where only the number of satellites is told, it must halve at two receivers. A spread of strengths below 2 dB over six and more
//! satellites for a minute, where it used to be 5 dB, is the look of a single transmitter.
//!
//! In port and in dock it is low. A second receiver that tells strengths and has kept them speaks for an antenna or cable: low too. Several receivers
//! are one finding.

use arrayvec::ArrayVec;
use dogwatch_model::{Act, CaptureTime, Event, Of, Quantity, Severity, ShipState, Value};

use super::of_talker::{Case, Hold, raise_of};
use crate::detector::{Card, Context, Detector, Threshold, Wants};
use crate::own_ship::{PerTalker, TalkerIx, Trouble, What, is_near};
use crate::seen::Party;

/// Satellites kept of one receiver: four systems in view at once.
const SATELLITES: usize = 64;
/// Seconds that a strength may be old; and after which a satellite that is not heard has set.
const FRESH: u64 = 15;
const SET: u64 = 90;
/// Seconds after which a sky is looked at although nothing was heard.
const AGED: u64 = 4;
/// Reports of a satellite before it is judged, and over which its usual strength moves on.
const LEARNED: f64 = 5.0;
const MEMORY: f64 = 60.0;
/// Satellites that must be judged, and the share that must have fallen, each by this share of the drop.
const LEAST: usize = 4;
const MOST_OF: f64 = 0.8;
const EACH: f64 = 0.6;
/// Seconds that it must last; of the single transmitter's look; of a halved number.
const FALLEN_SECONDS: f64 = 20.0;
const LOOK_SECONDS: f64 = 60.0;
/// Satellites of that look, and the spread that was usual before, dB.
const LOOK_LEAST: usize = 6;
const LOOK_BEFORE: f64 = 5.0;
/// Seconds within which several receivers belong together.
const TOGETHER: u64 = 600;

const CARD: Card = Card {
    id: "DW-5005",
    why: "Jamming takes all satellite receivers at once, with AIS, clocks and the autopilot's position behind them, and often comes before false \
          signals. Radar and eyes are what is left.",
    e26: &["4.3.1"],
};

#[derive(Debug, Clone, Copy)]
struct Satellite {
    number: u16,
    at: CaptureTime,
    now: f64,
    usual: f64,
    reports: f64,
}

#[derive(Debug, Default)]
struct Sky {
    satellites: Vec<Satellite>,
    /// What it showed when it was looked at last, until something is heard.
    shown: Option<(CaptureTime, Shown)>,
    fallen: Hold,
    look: Hold,
    few: Hold,
    /// Usual spread and usual number, with the samples of each.
    spread: (f64, f64),
    used: (f64, f64),
}

/// What a sky shows.
#[derive(Debug, Clone, Copy, Default)]
struct Shown {
    judged: usize,
    fallen: usize,
    /// Middle of the falls, dB.
    drop: f64,
    /// Spread of the strengths now, dB, and over how many.
    spread: f64,
    heard: usize,
}

/// See the file's head.
pub(super) struct Signal {
    skies: PerTalker<Sky>,
    told: Option<(CaptureTime, String)>,
    drop_db: f64,
    spread_db: f64,
}

impl Default for Signal {
    fn default() -> Self {
        Self { skies: PerTalker::default(), told: None, drop_db: 8.0, spread_db: 2.0 }
    }
}

impl Detector for Signal {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { own_ship_of: &[Quantity::CarrierToNoise], ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![
            Threshold::new(CARD.id, "drop_db", &mut self.drop_db, 3.0..=30.0),
            Threshold::new(CARD.id, "spread_db", &mut self.spread_db, 0.1..=10.0),
        ]
    }

    fn event(&mut self, event: &Event<'_>, _from: &Party, _to: &Party, cx: &mut Context<'_>) {
        let Some(ix) = cx.talker else { return };
        for act in event.message.acts {
            if let Act::Measures {
                of: Of::Satellite(number),
                quantity: Quantity::CarrierToNoise,
                value: Value::Number(strength),
            } = *act
            {
                self.skies.of(ix).heard(number, strength, event.at, self.drop_db);
            }
        }
    }

    fn tick(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        let ship = cx.ship;
        let (mut found, mut few, mut kept) = (Vec::new(), Vec::new(), 0);
        for (ix, _) in ship.recent_telling(&[What::SatellitesUsed, What::Satellites], at, SET) {
            let used = ship.fresh(ix, What::SatellitesUsed, at, 10);
            if used.is_none() && self.skies.get(ix).is_none_or(|sky| sky.satellites.is_empty()) {
                continue;
            }
            let sky = self.skies.of(ix);
            if let Some(used) = used {
                let has_few = sky.has_few(used);
                if sky.few.holds(has_few, at, FALLEN_SECONDS) {
                    few.push((ix, used));
                }
            }
            let shown = sky.shown(at, self.drop_db);
            let is_fallen = shown.judged >= LEAST
                && shown.fallen as f64 >= MOST_OF * shown.judged as f64
                && shown.drop > self.drop_db;
            kept += usize::from(shown.judged >= LEAST && shown.fallen == 0);
            if sky.fallen.holds(is_fallen, at, FALLEN_SECONDS) {
                found.push((ix, shown, false));
            }
            let is_flat = shown.heard >= LOOK_LEAST && shown.spread < self.spread_db;
            let was_spread = sky.spread.1 >= 30.0 && sky.spread.0 >= LOOK_BEFORE;
            if shown.heard >= LOOK_LEAST && !is_flat {
                sky.spread.1 = (sky.spread.1 + 1.0).min(600.0);
                sky.spread.0 += (shown.spread - sky.spread.0) / sky.spread.1;
            }
            if sky.look.holds(is_flat && was_spread, at, LOOK_SECONDS) {
                found.push((ix, shown, true));
            }
        }
        for (ix, shown, is_flat) in found {
            let what = if is_flat {
                format!(
                    "hears {} satellites within {:.1} dB of each other, as from one transmitter",
                    shown.heard, shown.spread
                )
            } else {
                format!(
                    "hears its satellites {:.0} dB weaker, {} of {} of them",
                    shown.drop, shown.fallen, shown.judged
                )
            };
            self.tell(ix, &what, kept > 0 && !is_flat, at, cx);
        }
        let devices: std::collections::BTreeSet<_> =
            few.iter().filter_map(|(ix, _)| Some(ship.talker(*ix)?.device())).collect();
        if let Some((ix, used)) = few.first().filter(|_| devices.len() >= 2) {
            self.tell(
                *ix,
                &format!("uses only {used:.0} satellites, less than half of before, as others do"),
                false,
                at,
                cx,
            );
        }
    }
}

impl Signal {
    fn tell(&mut self, ix: TalkerIx, what: &str, others_kept: bool, at: CaptureTime, cx: &mut Context<'_>) {
        let ship = cx.ship;
        let Some(talker) = ship.talker(ix) else { return };
        let together = self.told.take().filter(|(when, _)| is_near(at, *when, TOGETHER));
        let key = together.map_or_else(|| talker.key(), |(_, key)| key);
        self.told = Some((at, key.clone()));
        cx.troubles.note(Trouble::Signal, ix, at);
        let is_sheltered = matches!(cx.state, ShipState::InPort | ShipState::Drydock);
        let case = Case {
            severity: (is_sheltered || others_kept).then_some(Severity::Low),
            confidence: if others_kept { 0.4 } else { 0.8 },
            to: None,
            summary: format!("{} {what}", talker.name(cx)),
            fields: vec![
                (
                    "satellites_used",
                    ship.fresh(ix, What::SatellitesUsed, at, 10).map_or_else(String::new, |n| n.to_string()),
                ),
                ("hdop", ship.fresh(ix, What::Hdop, at, 10).map_or_else(String::new, |n| n.to_string())),
            ],
            expected: format!("strengths within {:.0} dB of the usual ones, and not all alike", self.drop_db),
        };
        raise_of(cx, &CARD, talker, at, &key, case);
    }
}

impl Sky {
    fn heard(&mut self, number: u16, strength: f64, at: CaptureTime, drop_db: f64) {
        self.shown = None;
        let position = self.satellites.iter().position(|satellite| satellite.number == number);
        let Some(satellite) = position.and_then(|index| self.satellites.get_mut(index)) else {
            if self.satellites.len() >= SATELLITES {
                let oldest = self.satellites.iter().enumerate().min_by_key(|(_, satellite)| satellite.at);
                let oldest = oldest.map_or(0, |(index, _)| index);
                self.satellites.swap_remove(oldest);
            }
            self.satellites.push(Satellite { number, at, now: strength, usual: strength, reports: 1.0 });
            return;
        };
        (satellite.at, satellite.now) = (at, strength);
        // what falls is not learned until it has been low for as long as the memory is
        let gain = if satellite.usual - strength > EACH * drop_db { 0.2 / MEMORY } else { 1.0 / satellite.reports };
        satellite.reports = (satellite.reports + 1.0).min(MEMORY);
        satellite.usual += (strength - satellite.usual) * gain;
    }

    /// What the sky shows now. While nothing is heard that changes only as reports get old, which is seen soon enough every few seconds.
    fn shown(&mut self, at: CaptureTime, drop_db: f64) -> Shown {
        if let Some((looked, shown)) = self.shown
            && is_near(at, looked, AGED)
        {
            return shown;
        }
        let shown = self.look(at, drop_db);
        self.shown = Some((at, shown));
        shown
    }

    fn look(&mut self, at: CaptureTime, drop_db: f64) -> Shown {
        self.satellites.retain(|satellite| is_near(at, satellite.at, SET));
        let mut shown = Shown::default();
        if self.satellites.len() < LEAST.min(LOOK_LEAST) {
            return shown;
        }
        let mut falls = ArrayVec::<f64, SATELLITES>::new();
        let mut strengths = ArrayVec::<f64, SATELLITES>::new();
        let is_told = self.satellites.iter().any(|satellite| is_near(at, satellite.at, FRESH));
        for satellite in &self.satellites {
            let is_heard = is_near(at, satellite.at, FRESH);
            if is_heard {
                let _ = strengths.try_push(satellite.now);
            }
            if satellite.reports < LEARNED {
                continue;
            }
            // gone from one moment to the other: fallen below what the receiver can hear, about 25 dB-Hz
            let fall = if is_heard { satellite.usual - satellite.now } else { (satellite.usual - 25.0).max(0.0) };
            let _ = falls.try_push(fall);
            shown.fallen += usize::from(fall > EACH * drop_db);
        }
        shown.judged = if is_told { falls.len() } else { 0 };
        // seen every second for every receiver: the order is looked at only where it matters
        if shown.fallen > 0 {
            falls.sort_unstable_by(f64::total_cmp);
            shown.drop = middle(&falls, 0.5);
        }
        shown.heard = strengths.len();
        if shown.heard >= LOOK_LEAST {
            strengths.sort_unstable_by(f64::total_cmp);
            shown.spread = middle(&strengths, 0.9) - middle(&strengths, 0.1);
        }
        shown
    }

    /// Whether a receiver uses less than half of the satellites it used to use; learns the usual number.
    fn has_few(&mut self, used: f64) -> bool {
        let is_few = self.used.1 >= 30.0 && self.used.0 >= 6.0 && used < self.used.0 / 2.0;
        if !is_few {
            self.used.1 = (self.used.1 + 1.0).min(600.0);
            self.used.0 += (used - self.used.0) / self.used.1;
        }
        is_few
    }
}

/// The value below which a share of the sorted values lies; 0 for none.
fn middle(values: &[f64], share: f64) -> f64 {
    let index = (values.len().saturating_sub(1) as f64 * share).round() as usize;
    values.get(index).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Speaker, Transport};

    use super::*;
    use crate::detections::bench::{Bench, flow};

    /// Nine satellites every five seconds; `strength` of each at a second, `None` when it is not heard.
    fn sky(strength: impl Fn(u32, u16) -> Option<f64>) -> Vec<String> {
        let mut bench = Bench::new(None, Box::<Signal>::default());
        let from = flow("10.0.0.11", "239.192.0.4", 60_004, Transport::Udp);
        for second in 0..300_u32 {
            bench.at(f64::from(second));
            if second % 5 != 0 {
                continue;
            }
            let acts: Vec<Act<'_>> = (1..=9)
                .filter_map(|number| {
                    let value = Value::Number(strength(second, number)?);
                    Some(Act::Measures { of: Of::Satellite(number), quantity: Quantity::CarrierToNoise, value })
                })
                .collect();
            bench.says("nmea0183", Speaker::Sender, &from, &acts);
        }
        bench.findings().into_iter().map(|finding| finding.summary).collect()
    }

    fn usual(second: u32, number: u16) -> f64 {
        34.0 + f64::from(number) * 1.4 + f64::from((second / 5 + u32::from(number)) % 4) - 1.5
    }

    #[test]
    fn a_jammer_takes_all_of_the_sky() {
        let told = sky(|second, number| Some(usual(second, number) - if second < 150 { 0.0 } else { 15.0 }));
        assert_eq!(told.len(), 1, "{told:?}");
        let gone = |second, number| match second {
            0..150 => Some(usual(second, number)),
            _ => (number == 1).then(|| usual(second, number) - 10.0),
        };
        let told = sky(gone);
        assert_eq!(told.len(), 1, "most are gone: {told:?}");
    }

    #[test]
    fn a_crane_takes_some_of_it() {
        let told =
            sky(|second, number| Some(usual(second, number) - if second >= 150 && number < 6 { 15.0 } else { 0.0 }));
        assert!(told.is_empty(), "{told:?}");
        assert!(sky(|second, number| Some(usual(second, number))).is_empty());
    }

    #[test]
    fn strengths_that_become_alike_are_told() {
        let told = sky(|second, number| Some(if second < 150 { usual(second, number) } else { 44.0 }));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("one transmitter"), "{told:?}");
        assert!(sky(|_, _| Some(44.0)).is_empty(), "alike from the start: a receiver that clips");
    }
}
