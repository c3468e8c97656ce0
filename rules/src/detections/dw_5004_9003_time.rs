//! DW-5004: a receiver's time jumps, runs backwards, or has a wrong date. DW-9003: it is the monitor's own clock that is wrong.
//!
//! For every source of time the offset between what it tells and the capture is followed, by time of day (so that a sentence without a date and
//! midnight are nothing special) and by whole days where it tells a date. An offset that leaves its steady value by more than 1.5 s and stays at the
//! new one for three seconds is a jump. A step back waits ten seconds: when the source says again what it said before, that is DW-5014's. A shift of
//! 1,024 weeks is named for what it is: a receiver whose week counter rolled over.
//!
//! When the capture's own clock steps, the time between two messages steps with it: then no receiver is blamed, and the step is DW-9003. So is a
//! clock that two receivers agree against, as long as neither was seen to jump. While the clock is in doubt no window counts as over (DW-2006).
//! A source whose offset is not steady (a log played at another speed) is not judged. Receivers that jump together are one finding. That nobody sets
//! the monitor's clock at all is not seen here: `dogwatch doctor` asks the operating system.

use std::collections::VecDeque;
use std::time::Duration;

use dogwatch_model::{Act, CaptureTime, Event, Of, Quantity, Severity, Value};

use super::of_talker::{Case, Hold, raise_of};
use crate::detector::{Card, Context, Detector, Raise, Threshold, Wants};
use crate::own_ship::{PerTalker, TalkerIx, Trouble, is_near};
use crate::seen::{Party, SelfSeen};

/// Samples of a steady offset before it is judged.
const STEADY: u32 = 5;
/// Seconds that steady offsets may differ by: sentences wait for a line.
const SPREAD: f64 = 1.0;
/// Samples at the new offset, and the seconds they must span; for a step back, and for others.
const BACK: (u32, f64) = (10, 9.0);
const OTHER: (u32, f64) = (3, 1.5);
/// Seconds within which jumps of several receivers, or a step of the capture's clock, belong together.
const TOGETHER: u64 = 15;
/// Seconds by which a step of the capture's clock and the shift it causes may differ: a message may come a second apart.
const SLACK: f64 = 1.5;
/// Days of 1,024 weeks: the GPS week number has ten bits (IS-GPS-200).
const ROLL_OVER: i64 = 7_168;
const DAY: f64 = 86_400.0;
/// Samples after which an old date is told; what jumped there was told already.
const IS_OLD: u32 = 10;
const TOLD: u32 = IS_OLD + 1;

const CARD: Card = Card {
    id: "DW-5004",
    why: "Positions are computed from time: a receiver whose time is wrong is deceived, replayed or defective, and radar, AIS, recorder and alarms \
          take their clock from it.",
    e26: &["4.3.1"],
};

const MONITOR: Card = Card {
    id: "DW-9003",
    why: "Every finding carries the time of the monitor's clock, and windows open and close by it. While it is wrong, findings cannot be laid beside \
          the ship's log.",
    e26: &["4.3.1"],
};
/// How long the clock is in doubt after a step: somebody has to look at it.
const DOUBT: Duration = Duration::from_secs(900);
/// Seconds that two receivers' clocks agree within, and how long they must agree against the monitor's.
const AGREE: f64 = 1.0;
const AGAINST_SECONDS: f64 = 60.0;

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: CaptureTime,
    /// Told less captured: seconds within a day, and whole days where a date was told.
    offset: f64,
    days: Option<i64>,
}

#[derive(Debug, Default)]
struct Clock {
    last_told: Option<f64>,
    base: Option<f64>,
    days: Option<i64>,
    steady: u32,
    /// The first of those that left the steady offset, and how many there are.
    new: Option<(Sample, u32)>,
    old: u32,
    /// It was seen to jump: no witness against the monitor's clock any more.
    has_jumped: bool,
}

/// What a clock did.
#[derive(Debug, Clone, Copy)]
enum Did {
    /// Seconds, whole days.
    Jumped(f64, i64),
    /// Is that many roll-overs behind.
    IsOld(i64),
}

/// See the file's head.
pub(super) struct SatelliteTime {
    clocks: PerTalker<Clock>,
    /// When something was last heard, and steps of the capture's own clock.
    heard: Option<CaptureTime>,
    steps: VecDeque<(CaptureTime, f64)>,
    /// The last jump: when, how far, and under which key.
    jumped: Option<(CaptureTime, f64, String)>,
    /// Receivers agree against the capture's clock.
    against: Hold,
    jump_s: f64,
    step_s: f64,
    wrong_s: f64,
}

impl Default for SatelliteTime {
    fn default() -> Self {
        Self {
            clocks: PerTalker::default(),
            heard: None,
            steps: VecDeque::new(),
            jumped: None,
            against: Hold::default(),
            jump_s: 1.5,
            step_s: 1.0,
            wrong_s: 5.0,
        }
    }
}

impl Detector for SatelliteTime {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD, &MONITOR]
    }

    fn wants(&self) -> Wants {
        Wants { own_ship: true, ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![
            Threshold::new(CARD.id, "jump_s", &mut self.jump_s, 1.0..=3_600.0),
            Threshold::new(MONITOR.id, "step_s", &mut self.step_s, 1.0..=3_600.0),
            Threshold::new(MONITOR.id, "wrong_s", &mut self.wrong_s, 2.0..=86_400.0),
        ]
    }

    fn event(&mut self, event: &Event<'_>, _from: &Party, _to: &Party, cx: &mut Context<'_>) {
        self.watch_capture(event.at, cx);
        let Some(talker) = cx.talker else { return };
        let told = event.message.acts.iter().find_map(|act| match act {
            Act::Measures { of: Of::OwnShip, quantity: Quantity::UtcTime, value } => Some(*value),
            _ => None,
        });
        let Some(sample) = told.and_then(|told| sample(event.at, told)) else { return };
        let did = self.clocks.of(talker).take(sample, self.jump_s.min(self.step_s));
        match did {
            Some(Did::Jumped(seconds, days)) => self.jumped(talker, seconds, days, event.at, cx),
            Some(Did::IsOld(times)) => is_old(talker, times, event.at, cx),
            None => {}
        }
    }

    fn itself(&mut self, seen: &SelfSeen<'_>, cx: &mut Context<'_>) {
        // the ship's time may have told the same step a moment ago
        if seen.clock_step_s.abs() > self.step_s && !cx.troubles.is_clock_doubtful(seen.at) {
            monitor_stepped(seen.clock_step_s, "its own stop-watch went on evenly", seen.at, cx);
        }
    }

    fn tick(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        // a step that was told a moment ago is the same thing
        let offset = if cx.troubles.is_clock_doubtful(at) { None } else { self.against(at, cx) };
        if !self.against.holds(offset.is_some(), at, AGAINST_SECONDS) {
            return;
        }
        let Some(offset) = offset else { return };
        let way = if offset > 0.0 { "behind" } else { "ahead of" };
        cx.troubles.doubt_clock(at, DOUBT);
        cx.raise(b"wrong", &MONITOR, at, || Raise {
            confidence: 0.8,
            summary: format!(
                "The monitor's clock is {:.0} s {way} the time that two satellite receivers agree on",
                offset.abs()
            ),
            fields: vec![("offset_s".to_owned(), format!("{offset:.1}"))],
            expected: format!("at most {:.0} s between the monitor and the ship's receivers", self.wrong_s),
            ..Raise::bare(&MONITOR, (at, 0), Party::nobody(None), String::new())
        });
    }
}

impl SatelliteTime {
    /// By how many seconds the ship's receivers agree that the capture's clock is wrong: two devices, each steady and never seen to jump.
    fn against(&self, at: CaptureTime, cx: &Context<'_>) -> Option<f64> {
        let told = cx.ship.recent(at, 60).filter_map(|(ix, talker)| {
            let clock = self.clocks.get(ix).filter(|clock| clock.steady >= STEADY && !clock.has_jumped)?;
            let (base, days) = clock.base.zip(clock.days)?;
            // a rolled-over week number is the receiver's own defect
            (roll_overs(days).is_none()).then_some((talker.device(), base + days as f64 * DAY))
        });
        let told: Vec<_> = told.collect();
        let is_agreed = |(device, offset): &(_, f64)| {
            told.iter().any(|(other, by)| other != device && (by - offset).abs() <= AGREE)
        };
        told.iter().find(|one| one.1.abs() > self.wrong_s && is_agreed(one)).map(|(_, offset)| *offset)
    }

    /// Notes where the time of the capture itself leaps: something is heard several times a second on any bridge.
    fn watch_capture(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        let Some(before) = self.heard.replace(at) else { return };
        let step = (at.0.saturating_sub(before.0)) as f64 / 1e9;
        if step < -0.2 || step > self.step_s {
            // whether it was the clock or only a pause is known when the receivers have spoken
            cx.troubles.doubt_clock(at, Duration::from_secs(TOGETHER));
            self.steps.push_back((at, step));
            if self.steps.len() > 16 {
                self.steps.pop_front();
            }
        }
    }

    fn jumped(&mut self, ix: TalkerIx, seconds: f64, days: i64, at: CaptureTime, cx: &mut Context<'_>) {
        let shift = seconds + days as f64 * DAY;
        let by_capture =
            self.steps.iter().any(|(when, step)| is_near(at, *when, TOGETHER) && (step + shift).abs() < SLACK);
        if by_capture {
            return monitor_stepped(-shift, "the ship's satellite time went on evenly", at, cx);
        }
        // a replay tells old times too, and says so better
        if shift.abs() < self.jump_s || (shift < 0.0 && cx.troubles.of(Trouble::Time, ix, at, 30)) {
            return;
        }
        self.clocks.of(ix).has_jumped = true;
        let ship = cx.ship;
        let Some(talker) = ship.talker(ix) else { return };
        let before = self.jumped.take();
        let together = before.filter(|(when, by, _)| is_near(at, *when, TOGETHER) && (by - shift).abs() < 1.0);
        let key = together.map_or_else(|| format!("jump|{}", talker.key()), |(.., key)| key);
        self.jumped = Some((at, shift, key.clone()));
        cx.troubles.note(Trouble::Time, ix, at);
        let name = talker.name(cx);
        let rolled = roll_overs(days);
        let summary = match rolled {
            Some(times) => format!("Date of {name} moved by {times} x 1,024 weeks: a rolled-over or false week number"),
            None if days != 0 => format!("Time of {name} jumped by {days} days and {seconds:.1} s"),
            None => format!("Time of {name} jumped by {seconds:.1} s"),
        };
        let case = Case {
            severity: None,
            confidence: 0.9,
            to: None,
            summary,
            fields: vec![("shift_s", format!("{shift:.1}")), ("captured", at.to_string())],
            expected: format!("at most {:.1} s from the steady offset", self.jump_s),
        };
        raise_of(cx, &CARD, talker, at, &key, case);
    }
}

/// The monitor's own clock was set, or set itself.
fn monitor_stepped(seconds: f64, witness: &str, at: CaptureTime, cx: &mut Context<'_>) {
    cx.troubles.doubt_clock(at, DOUBT);
    cx.raise(b"step", &MONITOR, at, || Raise {
        confidence: 0.9,
        summary: format!("The monitor's clock stepped by {seconds:+.1} s; {witness}"),
        fields: vec![("step_s".to_owned(), format!("{seconds:.1}"))],
        expected: "a clock that is slowed or hurried, not set: chrony or systemd-timesyncd with a source".to_owned(),
        ..Raise::bare(&MONITOR, (at, 0), Party::nobody(None), String::new())
    });
}

fn is_old(ix: TalkerIx, times: i64, at: CaptureTime, cx: &mut Context<'_>) {
    let ship = cx.ship;
    let Some(talker) = ship.talker(ix) else { return };
    let name = talker.name(cx);
    let case = Case {
        severity: Some(Severity::Medium),
        confidence: 0.9,
        to: None,
        summary: format!("Date of {name} is {times} x 1,024 weeks off: an old receiver whose week number rolled over"),
        fields: vec![("captured", at.to_string())],
        expected: "the date of today".to_owned(),
    };
    raise_of(cx, &CARD, talker, at, &format!("old|{}", talker.key()), case);
}

/// How many roll-overs of the week number a number of days is, when it is that.
const fn roll_overs(days: i64) -> Option<i64> {
    let times = (days + days.signum()) / ROLL_OVER;
    let off = days - times * ROLL_OVER;
    if times != 0 && off.abs() <= 1 { Some(times) } else { None }
}

fn sample(at: CaptureTime, told: Value) -> Option<Sample> {
    let captured = at.0.rem_euclid(86_400_000_000_000) as f64 / 1e9;
    let wrapped = |of_day: f64| {
        let off = (of_day - captured).rem_euclid(DAY);
        if off > DAY / 2.0 { off - DAY } else { off }
    };
    match told {
        Value::TimeOfDay(time) => Some(Sample { at, offset: wrapped(time.as_secs_f64()), days: None }),
        Value::Time(time) => {
            let offset = wrapped(time.0.rem_euclid(86_400_000_000_000) as f64 / 1e9);
            let whole = (time.0.saturating_sub(at.0)) as f64 / 1e9;
            Some(Sample { at, offset, days: Some(((whole - offset) / DAY).round() as i64) })
        }
        _ => None,
    }
}

impl Clock {
    fn take(&mut self, sample: Sample, jump_s: f64) -> Option<Did> {
        let captured = sample.at.0 as f64 / 1e9;
        let told = captured + sample.offset;
        // the sentences of one second count once, and so does one that says a date the others do not
        let is_same = self.last_told.is_some_and(|last| (last - told).abs() < 0.05);
        if is_same && (sample.days.is_none() || sample.days == self.days) {
            return None;
        }
        self.last_told = Some(told);
        let Some(base) = self.base.filter(|_| self.steady >= STEADY) else {
            let is_steady = self.base.is_none_or(|base| (sample.offset - base).abs() < SPREAD);
            self.steady = if is_steady { self.steady + 1 } else { 1 };
            self.base = Some(if is_steady { self.base.unwrap_or(sample.offset) } else { sample.offset });
            self.days = sample.days.or(self.days);
            return None;
        };
        let days = sample.days.zip(self.days).map_or(0, |(now, before)| now - before);
        if (sample.offset - base).abs() < SPREAD.min(jump_s) && days == 0 {
            self.base = Some(base + (sample.offset - base) * 0.1);
            // a sentence without a date is no word against a new date: most receivers send GGA before RMC
            let is_date_in_doubt = self.new.is_some_and(|(first, _)| first.days.is_some() && first.days != self.days);
            if sample.days.is_some() || !is_date_in_doubt {
                self.new = None;
            }
            return self.is_old(sample);
        }
        if (sample.offset - base).abs() < jump_s && days == 0 {
            return None;
        }
        let (first, count) = match self.new {
            Some((first, count)) if (first.offset - sample.offset).abs() < 0.7 => {
                let days = sample.days.or(first.days);
                (Sample { days, ..first }, count + 1)
            }
            _ => (sample, 1),
        };
        self.new = Some((first, count));
        let days = first.days.zip(self.days).map_or(0, |(now, before)| now - before);
        let shift = first.offset - base;
        let (least, span) = if shift < 0.0 && days == 0 { BACK } else { OTHER };
        if count < least || sample.at.since(first.at).as_secs_f64() < span {
            return None;
        }
        (self.base, self.days, self.new, self.old) = (Some(first.offset), first.days.or(self.days), None, TOLD);
        Some(Did::Jumped(shift, days))
    }

    /// A date that has always been a roll-over off, told once.
    fn is_old(&mut self, sample: Sample) -> Option<Did> {
        let times = roll_overs(sample.days?)?;
        self.old = self.old.saturating_add(1);
        (self.old == IS_OLD).then_some(Did::IsOld(times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::Bench;

    const START: i64 = 1_800_000_000;

    /// A receiver with a date and one without, told at whole seconds with 0.1 s on the way; `told` gives the seconds since 1970.
    fn clock(seconds: &[f64], told: impl Fn(f64) -> f64) -> Vec<(String, Severity, String)> {
        let mut bench = Bench::new(None, Box::<SatelliteTime>::default());
        for second in seconds {
            bench.at(*second);
            let time = CaptureTime((told(START as f64 + second - 0.1) * 1e9) as i64);
            bench.measures("10.0.0.1", &[(Quantity::UtcTime, Value::Time(time))]);
            let of_day = Duration::from_nanos(time.0.rem_euclid(86_400_000_000_000) as u64);
            bench.measures("10.0.0.2", &[(Quantity::UtcTime, Value::TimeOfDay(of_day))]);
        }
        bench.findings().into_iter().map(|finding| (finding.rule_id, finding.severity, finding.summary)).collect()
    }

    fn run(from: u32, to: u32) -> Vec<f64> {
        (from..to).map(f64::from).collect()
    }

    #[test]
    fn a_date_that_moves_behind_sentences_without_one() {
        // GGA tells the time of day before RMC tells it with the date, every second
        let mut bench = Bench::new(None, Box::<SatelliteTime>::default());
        for second in 0..60 {
            let weeks = if second < 30 { 0.0 } else { -1_024.0 * 7.0 * DAY };
            let told = START as f64 + f64::from(second);
            let of_day = Value::TimeOfDay(Duration::from_secs_f64(told.rem_euclid(DAY)));
            bench.at(f64::from(second) + 0.1);
            bench.measures("10.0.0.1", &[(Quantity::UtcTime, of_day)]);
            bench.at(f64::from(second) + 0.11);
            let dated = Value::Time(CaptureTime(((told + weeks) * 1e9) as i64));
            bench.measures("10.0.0.1", &[(Quantity::UtcTime, dated)]);
        }
        let found = bench.findings();
        assert!(found.len() == 1 && found[0].summary.contains("1,024 weeks"), "{found:?}");
    }

    #[test]
    fn jumps_forward_back_and_by_weeks() {
        let step = |by: f64| move |at: f64| if at < START as f64 + 30.0 { at } else { at + by };
        for by in [40.0, -40.0, 2.0] {
            let told = clock(&run(0, 60), step(by));
            assert_eq!(told.len(), 1, "both receivers jumped together: {told:?}");
            assert_eq!(told[0].1, Severity::High);
        }
        let told = clock(&run(0, 60), step(-7_168.0 * DAY));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].2.contains("-1 x 1,024 weeks"), "{told:?}");
    }

    #[test]
    fn an_old_receiver_is_a_defect() {
        let told = clock(&run(0, 30), |at| at - 7_168.0 * DAY);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].1, Severity::Medium);
    }

    #[test]
    fn a_clock_two_receivers_agree_against() {
        let date = |bench: &mut Bench, second: u32, offsets: &[(&str, f64)]| {
            bench.at(f64::from(second));
            for (from, offset) in offsets {
                let time = CaptureTime(((START as f64 + f64::from(second) + offset - 0.1) * 1e9) as i64);
                bench.measures(from, &[(Quantity::UtcTime, Value::Time(time))]);
            }
        };
        let told = |offsets: &[(&str, f64)]| {
            let mut bench = Bench::new(None, Box::<SatelliteTime>::default());
            (0..120).for_each(|second| date(&mut bench, second, offsets));
            bench.findings().into_iter().map(|finding| finding.summary).collect::<Vec<_>>()
        };
        let both = told(&[("10.0.0.1", 312.0), ("10.0.0.2", 312.4)]);
        assert!(both.len() == 1 && both[0].contains("312 s behind"), "{both:?}");
        assert!(told(&[("10.0.0.1", 312.0), ("10.0.0.2", 0.0)]).is_empty(), "they do not agree");
        assert!(told(&[("10.0.0.1", 312.0)]).is_empty(), "one alone");
        assert!(told(&[("10.0.0.1", 0.4), ("10.0.0.2", 0.9)]).is_empty(), "on the way");
    }

    #[test]
    fn midnight_the_captures_own_step_a_pause_and_a_fast_replay_are_quiet() {
        // 1_800_000_000 is 08:00:00 UTC; the run goes over midnight
        let night: Vec<f64> = (57_500..57_700).map(f64::from).collect();
        assert!(clock(&night, |at| at).is_empty(), "midnight");
        for by in [40.0, 1.2] {
            let mut stepped = run(0, 30);
            stepped.extend((30..60).map(|second| f64::from(second) + by));
            // the receivers go on, the capture's clock leaps
            let told = clock(&stepped, |at| if at < START as f64 + 30.0 { at } else { at - by });
            let ids: Vec<_> = told.iter().map(|(id, ..)| id.as_str()).collect();
            assert_eq!(ids, ["DW-9003"], "{told:?}");
            assert!(told[0].2.contains(&format!("stepped by {by:+.1} s")), "{told:?}");
        }
        let mut paused = run(0, 30);
        paused.extend((90..120).map(f64::from));
        assert!(clock(&paused, |at| at).is_empty(), "pause");
        assert!(clock(&run(0, 120), |at| START as f64 + (at - START as f64) * 10.0).is_empty(), "ten times as fast");
    }

    #[test]
    fn the_clock_was_set_by_the_word_of_the_machine_itself() {
        let told = |step: f64| {
            let mut bench = Bench::new(None, Box::<SatelliteTime>::default());
            for second in 0..20_u32 {
                bench.at(f64::from(second));
                let clock_step_s = if second == 10 { step } else { 0.02 };
                bench.itself(SelfSeen { clock_step_s, ..SelfSeen::default() });
            }
            bench.findings().into_iter().map(|finding| (finding.rule_id, finding.count)).collect::<Vec<_>>()
        };
        assert_eq!(told(40.0), [("DW-9003".to_owned(), 1)]);
        assert_eq!(told(-2.0), [("DW-9003".to_owned(), 1)]);
        assert!(told(0.4).is_empty(), "chrony may hurry it");
    }
}
