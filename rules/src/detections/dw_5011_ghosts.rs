//! DW-5011: AIS targets that are not there.
//!
//! Four signs: within a minute many more new numbers nearby (12 nm) than in any minute of the last hour (six times, and at least thirty); three ships
//! within ten minutes whose reports leap faster than any ship (100 kn over 2 km); a distress beacon (970, 972, 974: low when it says it is a test); a
//! virtual aid (99MID6…) inside 5 nm that was never heard before. The first minutes, when everything is new, are not judged: ships at anchor report
//! every three minutes, aids too.

use std::collections::VecDeque;

use dogwatch_model::{Act, CaptureTime, Event, Of, Quantity, Severity, Value};

use crate::detector::{Card, Context, Detector, Raise, Threshold, Wants};
use crate::own_ship::{is_near, metres};
use crate::remembered::Remembered;
use crate::seen::{Party, service};

/// Targets remembered.
const REMEMBERED: usize = 8_192;
/// Metres of a nautical mile.
const MILE: f64 = 1_852.0;
const NEARBY: f64 = 12.0 * MILE;
/// New numbers in a minute that are never many.
const MANY: f64 = 30.0;
/// Seconds after the first report during which everything is new: for ships, and for aids.
const SETTLING: u64 = 240;
const AIDS_SETTLING: u64 = 900;
/// A leap: m/s (100 kn), metres, and ships within ten minutes.
const LEAP_SPEED: f64 = 51.4;
const LEAP: f64 = 2_000.0;
const LEAPERS: usize = 3;
const LEAPS_SECONDS: u64 = 600;
const AID_RANGE: f64 = 5.0 * MILE;
/// Minutes kept.
const MINUTES: usize = 60;
/// AIS navigational status of an active beacon (ITU-R M.1371, 14); a test says 15.
const ACTIVE: f64 = 14.0;

const CARD: Card = Card {
    id: "DW-5011",
    why: "False ships hide true ones, draw the ship off her course or make the watch switch AIS off. Radar and eyes tell which are there.",
    e26: &["4.3.1"],
};

#[derive(Debug, Clone, Copy)]
struct Target {
    at: CaptureTime,
    place: (f64, f64),
}

/// See the file's head.
pub(super) struct Ghosts {
    targets: Remembered<u32, Target>,
    started: Option<CaptureTime>,
    /// When the newest numbers were first heard, at most as many as matter.
    new: VecDeque<CaptureTime>,
    /// New numbers of each minute of the last hour, and the minute that is going on.
    minutes: VecDeque<u32>,
    minute: (i64, u32),
    leapers: VecDeque<(CaptureTime, u32)>,
    factor: f64,
}

impl Default for Ghosts {
    fn default() -> Self {
        Self {
            targets: Remembered::new(REMEMBERED),
            started: None,
            new: VecDeque::new(),
            minutes: VecDeque::new(),
            minute: (0, 0),
            leapers: VecDeque::new(),
            factor: 6.0,
        }
    }
}

impl Detector for Ghosts {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { targets: true, ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![Threshold::new(CARD.id, "factor", &mut self.factor, 1.5..=100.0)]
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, _to: &Party, cx: &mut Context<'_>) {
        let (mut mmsi, mut place, mut status) = (0, None, None);
        for act in event.message.acts {
            let Act::Measures { of: Of::Target(number), quantity, value } = *act else { continue };
            mmsi = number;
            match (quantity, value) {
                (Quantity::Position, Value::Position { lat, lon }) => place = Some((lat, lon)),
                (Quantity::NavigationalStatus, Value::Number(value)) => status = Some(value),
                _ => {}
            }
        }
        let Some(place) = place else { return };
        self.started.get_or_insert(event.at);
        if matches!(mmsi / 1_000_000, 970 | 972 | 974) {
            let is_active = status.is_none_or(|status| status == ACTIVE);
            let severity = if is_active { Severity::Medium } else { Severity::Low };
            let what = format!("A distress beacon ({mmsi}) is heard at {:.4} {:.4}", place.0, place.1);
            raise(event, from, &format!("beacon|{mmsi}"), severity, 0.6, what, cx);
        }
        let known =
            self.targets.touch(mmsi, event.at).map(|target| std::mem::replace(target, Target { at: event.at, place }));
        match known {
            Some(before) => self.again(event, from, mmsi, before, place, cx),
            None => {
                self.targets.put(mmsi, event.at, Target { at: event.at, place });
                self.first(event, from, mmsi, place, cx);
            }
        }
    }
}

impl Ghosts {
    /// A number that was never heard.
    fn first(&mut self, event: &Event<'_>, from: &Party, mmsi: u32, place: (f64, f64), cx: &mut Context<'_>) {
        let own = cx.ship.place(event.at, 30);
        let distance = own.map(|own| metres(own.place(), place));
        if distance.is_some_and(|distance| distance > NEARBY) {
            return;
        }
        let running = event.at.since(self.started.unwrap_or(event.at)).as_secs();
        // 99, three digits of the country, 6: virtual aids to navigation (ITU-R M.585)
        let is_virtual = mmsi / 10_000_000 == 99 && (mmsi / 1_000) % 10 == 6;
        if is_virtual && running > AIDS_SETTLING && distance.is_some_and(|distance| distance < AID_RANGE) {
            let miles = distance.unwrap_or(0.0) / MILE;
            let what = format!("A virtual aid ({mmsi}) that was never heard before appears {miles:.1} nm away");
            raise(event, from, &format!("aid|{mmsi}"), Severity::Medium, 0.5, what, cx);
        }
        self.new.push_back(event.at);
        let most = self.most();
        while self.new.front().is_some_and(|first| !is_near(event.at, *first, 60)) || self.new.len() > 4_096 {
            self.new.pop_front();
        }
        self.count_minute(event.at, running, most);
        if running >= SETTLING && self.new.len() as f64 > most {
            let what = format!("{} ships appeared on AIS within a minute", self.new.len());
            raise(event, from, "many", Severity::Medium, 0.8, what, cx);
        }
    }

    /// Above how many new numbers in a minute it is many.
    fn most(&self) -> f64 {
        (self.factor * f64::from(self.minutes.iter().copied().max().unwrap_or(0))).max(MANY)
    }

    /// Adds to the minute that is going on; a minute with many of them is no measure for the next.
    fn count_minute(&mut self, at: CaptureTime, running: u64, most: f64) {
        let number = at.seconds().div_euclid(60);
        if number != self.minute.0 {
            if running >= SETTLING && f64::from(self.minute.1) <= most {
                self.minutes.push_back(self.minute.1);
            }
            if self.minutes.len() > MINUTES {
                self.minutes.pop_front();
            }
            self.minute = (number, 0);
        }
        self.minute.1 = self.minute.1.saturating_add(1);
    }

    /// Another report of a known number.
    fn again(
        &mut self,
        event: &Event<'_>,
        from: &Party,
        mmsi: u32,
        before: Target,
        place: (f64, f64),
        cx: &mut Context<'_>,
    ) {
        let distance = metres(before.place, place);
        let seconds = event.at.since(before.at).as_secs_f64().max(1.0);
        // beacons of shore and aircraft are no ships
        if event.at < before.at || distance < LEAP || distance / seconds < LEAP_SPEED || mmsi / 1_000_000 == 111 {
            return;
        }
        self.leapers.retain(|(at, who)| is_near(event.at, *at, LEAPS_SECONDS) && *who != mmsi);
        self.leapers.push_back((event.at, mmsi));
        if self.leapers.len() > 64 {
            self.leapers.pop_front();
        }
        if self.leapers.len() >= LEAPERS {
            let what =
                format!("{} ships on AIS leap, the last one ({mmsi}) {:.0} km", self.leapers.len(), distance / 1_000.0);
            raise(event, from, "leaps", Severity::Medium, 0.6, what, cx);
        }
    }
}

fn raise(
    event: &Event<'_>,
    from: &Party,
    key: &str,
    severity: Severity,
    confidence: f32,
    summary: String,
    cx: &mut Context<'_>,
) {
    cx.raise(key.as_bytes(), &CARD, event.at, || Raise {
        card: &CARD,
        severity: Some(severity),
        confidence,
        at: event.at,
        frame: event.frame,
        from: *from,
        to: None,
        service: service(Some(event.message.protocol), event.flow),
        summary,
        fields: Vec::new(),
        expected: "targets that come and move as ships do".to_owned(),
        conduit: None,
        proposal: None,
    });
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Speaker, Transport};

    use super::*;
    use crate::detections::bench::{Bench, flow};

    fn heard(reports: &[(f64, u32, f64, Option<f64>)]) -> Vec<(Severity, String)> {
        let mut bench = Bench::new(None, Box::<Ghosts>::default());
        let radio = flow("10.0.0.18", "239.192.0.2", 60_002, Transport::Udp);
        for (second, mmsi, lat, status) in reports {
            bench.at(*second);
            bench.measures("10.0.0.11", &[(Quantity::Position, Value::Position { lat: 54.0, lon: 7.0 })]);
            let of = Of::Target(*mmsi);
            let mut acts = vec![Act::Measures {
                of,
                quantity: Quantity::Position,
                value: Value::Position { lat: *lat, lon: 7.0 },
            }];
            let status = status.map(Value::Number);
            acts.extend(status.map(|value| Act::Measures { of, quantity: Quantity::NavigationalStatus, value }));
            bench.says("ais", Speaker::Sender, &radio, &acts);
        }
        bench.findings().into_iter().map(|finding| (finding.severity, finding.summary)).collect()
    }

    /// Forty ships in the first three minutes, two new ones a minute after that.
    fn traffic() -> Vec<(f64, u32, f64, Option<f64>)> {
        let first = (0..40).map(|n| (f64::from(n) * 4.0, 200_000_000 + n, 54.05, None));
        first.chain((0..20).map(|n| (200.0 + f64::from(n) * 30.0, 210_000_000 + n, 54.1, None))).collect()
    }

    #[test]
    fn a_crowd_out_of_nowhere_is_told_and_traffic_is_not() {
        assert!(heard(&traffic()).is_empty());
        let mut reports = traffic();
        reports.extend((0..80).map(|n| (800.0 + f64::from(n) * 0.5, 273_900_000 + n * 7, 54.08, None)));
        let told = heard(&reports);
        assert_eq!(told.len(), 1, "{told:?}");
        let mut far = traffic();
        far.extend((0..80).map(|n| (800.0 + f64::from(n) * 0.5, 273_900_000 + n * 7, 56.0, None)));
        assert!(heard(&far).is_empty(), "120 miles away: reception got better");
    }

    #[test]
    fn beacons_aids_and_leaps() {
        let told = heard(&[(0.0, 200_000_000, 54.0, None), (10.0, 970_123_456, 54.02, Some(14.0))]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(heard(&[(10.0, 970_123_456, 54.02, Some(15.0))])[0].0, Severity::Low);
        let aid = |second, mmsi| (second, mmsi, 54.02, None);
        assert_eq!(heard(&[aid(0.0, 200_000_000), aid(1_000.0, 992_576_001)]).len(), 1);
        assert!(heard(&[aid(0.0, 200_000_000), aid(1_000.0, 992_571_001)]).is_empty(), "a real aid");
        let leap = |count: u32| {
            let both = |n| [(300.0, 230_000_000 + n, 54.0, None), (310.0, 230_000_000 + n, 54.2, None)];
            heard(&(0..count).flat_map(both).collect::<Vec<_>>())
        };
        assert_eq!((leap(1).len(), leap(3).len()), (0, 1));
    }
}
