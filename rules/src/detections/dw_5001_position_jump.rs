//! DW-5001: the ship's position jumps farther than any ship could have moved.
//!
//! Each receiver is judged by itself. A jump counts when a second fix confirms it: one wild fix is noise. What is allowed grows with the time
//! between the fixes, the speed the ship reports and the noise the receiver has shown. After an invalid fix a receiver gets 30 s and 300 m to find
//! itself again. Distances are great-circle, so the date line and the poles are nothing special.

use std::time::Duration;

use dogwatch_model::{Act, CaptureTime, Event, Of, Quantity, Speaker, Value};

use crate::detector::{Card, Context, Detector, Raise, Threshold, Wants};
use crate::findings::call;
use crate::own_ship::{self, PerTalker, TalkerIx, Trouble, is_near};
use crate::seen::{Identity, Party, service};

/// Metres that are never a jump.
const JUMP_METRES: f64 = 100.0;
/// Metres allowed while a receiver finds itself again.
const REACQUIRED_METRES: f64 = 300.0;
/// How long it may take for that.
const REACQUISITION: Duration = Duration::from_secs(30);
/// Seconds within which jumps of several receivers belong together.
const TOGETHER: u64 = 10;
/// Top speed when no policy tells one: 40 kn, faster than any ship this is for.
const TOP_SPEED: f64 = 20.6;
/// Metres per second of one knot (ISO 80000-3).
const KNOT: f64 = 1_852.0 / 3_600.0;
/// The learned noise level follows the largest ordinary step and sinks by this share each fix.
const NOISE_DECAY: f64 = 0.995;
/// Times the noise level that a step must exceed.
const NOISE_FACTOR: f64 = 6.0;

const CARD: Card = Card {
    id: "DW-5001",
    why: "ECDIS, radar overlay, AIS and the autopilot steer by this position. A jump means a faulty, jammed or spoofed receiver, or someone feeding \
          positions into the bridge network.",
    e26: &["4.3.1"],
};

/// Which receiver: who spoke, and as which talker (a serial server speaks for many).
type Receiver = (Identity, [u8; 6], [u8; 2]);

#[derive(Debug, Clone, Copy)]
struct Fix {
    at: CaptureTime,
    /// Seconds since midnight UTC as the receiver tells it.
    of_day: Option<f64>,
    lat: f64,
    lon: f64,
}

#[derive(Debug, Clone, Copy)]
struct Track {
    last: Fix,
    /// Noise of ordinary steps, metres.
    noise: f64,
    speed: f64,
    /// The last fix before a jump, and what jumped, waiting for the second fix.
    suspect: Option<(Fix, Fix)>,
    /// When the receiver last had no valid fix.
    lost: Option<CaptureTime>,
}

/// See the file's head.
pub(super) struct PositionJump {
    tracks: PerTalker<Option<Track>>,
    /// Speed over ground as anyone aboard reports it, and when.
    speed: Option<(CaptureTime, f64)>,
    /// Metres that are never a jump.
    jump_m: f64,
    /// The last jump: when, how far, under which key. Receivers that jump together are one finding.
    jumped: Option<(CaptureTime, f64, String)>,
}

impl Default for PositionJump {
    fn default() -> Self {
        Self { tracks: PerTalker::default(), speed: None, jump_m: JUMP_METRES, jumped: None }
    }
}

impl Detector for PositionJump {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { own_ship_of: &[Quantity::Position, Quantity::SpeedOverGround], ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![Threshold::new(CARD.id, "jump_m", &mut self.jump_m, 20.0..=5_000.0)]
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, _to: &Party, cx: &mut Context<'_>) {
        let (mut place, mut of_day) = (None, None);
        for act in event.message.acts {
            match act {
                Act::Measures {
                    of: Of::OwnShip,
                    quantity: Quantity::Position,
                    value: Value::Position { lat, lon },
                } => place = Some((*lat, *lon)),
                Act::Measures { of: Of::OwnShip, quantity: Quantity::UtcTime, value: Value::TimeOfDay(time) } => {
                    of_day = Some(time.as_secs_f64())
                }
                Act::Measures { of: Of::OwnShip, quantity: Quantity::UtcTime, value: Value::Time(time) } => {
                    of_day = Some((time.0.rem_euclid(86_400_000_000_000)) as f64 / 1e9);
                }
                Act::Measures { of: Of::OwnShip, quantity: Quantity::SpeedOverGround, value: Value::Number(speed) }
                    if speed.is_finite() =>
                {
                    self.speed = Some((event.at, speed.abs()));
                }
                _ => {}
            }
        }
        let place = place.filter(|(lat, lon)| lat.abs() <= 90.0 && lon.abs() <= 180.0);
        let (Some((lat, lon)), Some(receiver)) = (place, cx.talker) else { return };
        self.fix(event, from, receiver, Fix { at: event.at, of_day, lat, lon }, cx);
    }
}

impl PositionJump {
    fn fix(&mut self, event: &Event<'_>, from: &Party, receiver: TalkerIx, fix: Fix, cx: &mut Context<'_>) {
        let jump_m = self.jump_m;
        let reported = self.speed.filter(|(at, _)| fix.at.since(*at).as_secs() < 60).map_or(0.0, |(_, speed)| speed);
        let Some(track) = self.tracks.of(receiver) else {
            let track = Track { last: fix, noise: 0.0, speed: reported, suspect: None, lost: None };
            *self.tracks.of(receiver) = Some(track);
            return;
        };
        let top = cx.policy.and_then(|policy| policy.vessel.max_speed_kn).map_or(TOP_SPEED, |knots| knots * KNOT * 1.2);
        track.speed = reported;
        let allowed = |from: &Fix, track: &Track| {
            let base = jump_m.max(NOISE_FACTOR * track.noise);
            let base = if track.lost.is_some_and(|lost| fix.at.since(lost) <= REACQUISITION) {
                base.max(REACQUIRED_METRES)
            } else {
                base
            };
            base + top.max(reported * 1.2) * seconds_between(from, &fix)
        };
        if let Some((before, jumped)) = track.suspect {
            // the second fix decides: near the place jumped to confirms, near the place before clears
            let (to_before, to_jumped) = (metres(&before, &fix), metres(&jumped, &fix));
            if to_before <= allowed(&before, track) {
                (track.suspect, track.last) = (None, fix);
                return;
            }
            if to_jumped <= allowed(&jumped, track) {
                let limit = allowed(&before, track);
                (track.suspect, track.last) = (None, fix);
                raise(&mut self.jumped, event, from, (&before, &jumped), limit, cx);
                return;
            }
            track.suspect = Some((before, fix));
            return;
        }
        let step = metres(&track.last, &fix);
        if step > allowed(&track.last, track) {
            track.suspect = Some((track.last, fix));
            return;
        }
        let own = (step - reported * seconds_between(&track.last, &fix)).max(0.0);
        track.noise = own.max(track.noise * NOISE_DECAY);
        track.last = fix;
    }
}

fn raise(
    last: &mut Option<(CaptureTime, f64, String)>,
    event: &Event<'_>,
    from: &Party,
    (before, jumped): (&Fix, &Fix),
    limit: f64,
    cx: &mut Context<'_>,
) {
    let distance = metres(before, jumped);
    let who = call(from, cx.policy, cx.directory);
    let (_, sfi, talker) = receiver_of(event, from);
    let together = last.take().filter(|(at, by, _)| {
        is_near(event.at, *at, TOGETHER) && (by - distance).abs() < JUMP_METRES.max(0.1 * distance)
    });
    let key = together.map_or_else(|| format!("{:?}|{sfi:?}|{talker:?}", from.identity()), |(.., key)| key);
    *last = Some((event.at, distance, key.clone()));
    if let Some(talker) = cx.talker {
        cx.troubles.note(Trouble::Jump, talker, event.at);
    }
    cx.raise(key.as_bytes(), &CARD, event.at, || Raise {
        card: &CARD,
        severity: None,
        confidence: 0.9,
        at: event.at,
        frame: event.frame,
        from: *from,
        to: None,
        service: service(Some(event.message.protocol), event.flow),
        summary: format!(
            "Position of {who} jumped {:.1} km in {:.0} s",
            distance / 1_000.0,
            seconds_between(before, jumped)
        ),
        fields: vec![
            ("before".to_owned(), format!("{:.5} {:.5} at {}", before.lat, before.lon, before.at)),
            ("after".to_owned(), format!("{:.5} {:.5} at {}", jumped.lat, jumped.lon, jumped.at)),
            ("distance_m".to_owned(), format!("{distance:.0}")),
        ],
        expected: format!("at most {limit:.0} m"),
        conduit: None,
        proposal: None,
    });
}

fn receiver_of(event: &Event<'_>, from: &Party) -> Receiver {
    let sfi = match event.message.speaker {
        Speaker::Sfi(sfi) => sfi.0,
        _ => [0; 6],
    };
    let talker = event
        .message
        .acts
        .iter()
        .find_map(|act| match act {
            Act::Publishes { object: dogwatch_model::Object::Sentence { talker, .. } } => {
                talker.as_bytes().first_chunk().copied()
            }
            _ => None,
        })
        .unwrap_or_default();
    (from.identity(), sfi, talker)
}

/// Time between two fixes: the larger of what the receiver's clock and the capture say, so that a burst after a pause is not a jump.
fn seconds_between(a: &Fix, b: &Fix) -> f64 {
    let captured = b.at.since(a.at).as_secs_f64();
    let told = a.of_day.zip(b.of_day).map_or(0.0, |(a, b)| (b - a).rem_euclid(86_400.0));
    // a clock told to go back looks like almost a day: that is DW-5004's matter and gives no licence to move
    if told > 43_200.0 { captured } else { captured.max(told) }
}

/// Great-circle distance, metres.
fn metres(a: &Fix, b: &Fix) -> f64 {
    own_ship::metres((a.lat, a.lon), (b.lat, b.lon))
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::Bench;

    fn track(points: &[(f64, f64, f64)]) -> usize {
        let mut bench = Bench::new(None, Box::<PositionJump>::default());
        for (second, lat, lon) in points {
            bench.at(*second);
            bench.measures("10.0.0.1", &[(Quantity::Position, Value::Position { lat: *lat, lon: *lon })]);
        }
        bench.findings().len()
    }

    #[test]
    fn a_confirmed_jump_is_one_finding() {
        assert_eq!(
            track(&[(0.0, 54.0, 7.0), (1.0, 54.0, 7.0), (2.0, 54.05, 7.0), (3.0, 54.05, 7.0), (4.0, 54.05, 7.0)]),
            1
        );
    }

    #[test]
    fn one_wild_fix_is_none() {
        assert_eq!(track(&[(0.0, 54.0, 7.0), (1.0, 54.05, 7.0), (2.0, 54.0, 7.0), (3.0, 54.0, 7.0)]), 0);
    }

    #[test]
    fn sailing_over_the_date_line_is_none() {
        let points: Vec<_> = (0..40)
            .map(|s| {
                (
                    f64::from(s),
                    60.0,
                    if s < 20 { 180.0 - f64::from(20 - s) * 1e-4 } else { -180.0 + f64::from(s - 20) * 1e-4 },
                )
            })
            .collect();
        assert_eq!(track(&points), 0);
    }

    #[test]
    fn a_long_silence_allows_the_distance_sailed() {
        assert_eq!(track(&[(0.0, 54.0, 7.0), (600.0, 54.03, 7.0), (601.0, 54.03, 7.0)]), 0);
    }

    #[test]
    fn receivers_that_jump_together_are_one_finding() {
        let mut bench = Bench::new(None, Box::<PositionJump>::default());
        for second in 0..8 {
            bench.at(f64::from(second));
            let lat = if second < 4 { 54.0 } else { 54.05 };
            for receiver in ["10.0.0.1", "10.0.0.2"] {
                bench.measures(receiver, &[(Quantity::Position, Value::Position { lat, lon: 7.0 })]);
            }
        }
        assert_eq!(bench.findings().len(), 1);
    }
}
