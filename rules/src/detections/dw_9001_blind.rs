//! DW-9001: the monitor itself does not see what it should.
//!
//! "No findings" from a blind monitor is the most dangerous report of all. Raised when an interface loses frames, when an interface that was busy
//! falls silent, or when a zone that normally talks is silent as a whole. Silence is measured on capture time, which goes on as long as any
//! other source is heard (live, the daemon ticks it). Where nothing at all was looked at for a while, as between captures of different days, the
//! monitor was not there: all of it begins anew.

use std::time::Duration;

use dogwatch_model::{CaptureTime, Severity};

use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::policy::ZoneIx;
use crate::seen::{FlowSeen, FlowStage, HealthSeen, Party};

/// Share of frames lost over [`WINDOW`] that is too much.
const DROP_SHARE: f64 = 0.005;
/// Share of TCP segments acknowledged but never seen that is too much.
const UNSEEN_SHARE: f64 = 0.01;
/// Over what time losses are judged.
const WINDOW: Duration = Duration::from_secs(60);
/// Silence of an interface or zone that is not normal.
const SILENT: Duration = Duration::from_secs(120);
/// Times its own longest pause that a zone must be silent.
const HABIT: u32 = 4;
/// How far apart zones may have been heard last, beside their own pauses, that fell silent together.
const APART: Duration = Duration::from_secs(10);
/// How long nothing at all is looked at before the monitor counts as not having been there.
const ABSENT: Duration = Duration::from_secs(600);
/// How long something must have talked before its silence means anything.
const WAS_BUSY: Duration = Duration::from_secs(120);
/// TCP segments below which a share says nothing.
const MIN_SEGMENTS: u64 = 300;
/// Frames below which a share says nothing.
const MIN_FRAMES: u64 = 1_000;
/// Sources and zones told apart; no ship has more mirror ports.
const SOURCES: usize = 64;

const CARD: Card = Card {
    id: "DW-9001",
    why: "While the monitor is blind, an attack or a fault on this network goes unseen, and an empty list of findings means nothing.",
    e26: &["4.3.1", "4.3.2"],
};

#[derive(Debug, Clone)]
struct Source {
    name: String,
    first: CaptureTime,
    /// Last time its frame counter moved.
    last_heard: CaptureTime,
    frames: u64,
    /// Counters at the start of the present window.
    window: Option<(CaptureTime, u64, u64, u64, u64)>,
    told_silent: bool,
}

#[derive(Debug, Clone, Copy)]
struct ZoneTalk {
    first: CaptureTime,
    last: CaptureTime,
    packets: u64,
    /// The two longest pauses so far: the second one is habit, the first one may be chance.
    pauses: [Duration; 2],
    told: bool,
}

impl ZoneTalk {
    fn heard(&mut self, at: CaptureTime) {
        let pause = at.since(self.last);
        let [longest, second] = self.pauses;
        if pause > longest {
            self.pauses = [pause, longest];
        } else if pause > second {
            self.pauses = [longest, pause];
        }
        self.last = self.last.max(at);
    }

    /// Whether it was always talking: a zone of a few packets a minute may be quiet.
    fn was_busy(&self) -> bool {
        let span = self.last.since(self.first);
        span >= WAS_BUSY && self.packets >= span.as_secs()
    }

    /// Whether it fell silent with another zone: half its limit ago at least, and about when the other was heard last.
    fn fell_silent_with(&self, other: &Self, at: CaptureTime) -> bool {
        let apart = self.last.since(other.last).max(other.last.since(self.last));
        let pause = Duration::max(self.pauses[1], other.pauses[1]);
        self.was_busy() && !self.told && at.since(self.last) >= self.limit() / 2 && apart <= APART.saturating_add(pause)
    }

    /// The silence that is not normal for this zone.
    fn limit(&self) -> Duration {
        SILENT.max(self.pauses[1] * HABIT)
    }
}

/// See the file's head.
#[derive(Default)]
pub(super) struct Blind {
    sources: Vec<Source>,
    zones: Vec<Option<ZoneTalk>>,
    /// When it looked last.
    now: Option<CaptureTime>,
}

impl Detector for Blind {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { flows: &[FlowStage::Started, FlowStage::Progress], health: true, ..Wants::default() }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, _cx: &mut Context<'_>) {
        self.looks(seen.at);
        let Some(zone) = seen.from.end.zone else { return };
        let index = zone.index();
        if self.zones.len() <= index && index < 4_096 {
            self.zones.resize(index.saturating_add(1), None);
        }
        let Some(slot) = self.zones.get_mut(index) else { return };
        let talk = slot.get_or_insert(ZoneTalk {
            first: seen.at,
            last: seen.at,
            packets: 0,
            pauses: [Duration::ZERO; 2],
            told: false,
        });
        talk.heard(seen.at);
        talk.packets = talk.packets.saturating_add(seen.packets());
        talk.told = false;
    }

    fn health(&mut self, seen: &HealthSeen<'_>, cx: &mut Context<'_>) {
        self.looks(seen.at);
        let Some(source) = self.source(seen) else { return };
        if seen.frames > source.frames {
            (source.last_heard, source.frames, source.told_silent) = (seen.at, seen.frames, false);
        }
        let mut reasons = Vec::new();
        match source.window {
            Some((since, frames, dropped, unseen, segments)) if seen.at.since(since) >= WINDOW => {
                let (frames, dropped) = (seen.frames.saturating_sub(frames), seen.dropped.saturating_sub(dropped));
                let unseen = seen.unseen_segments.saturating_sub(unseen);
                let segments = seen.seen_segments.saturating_sub(segments);
                if let Some(share) = share_above(dropped, frames, MIN_FRAMES, DROP_SHARE) {
                    reasons.push((
                        "dropped",
                        format!(
                            "{} loses {:.1} % of its frames before the monitor can read them",
                            seen.source,
                            share * 100.0
                        ),
                    ));
                }
                if let Some(share) = share_above(unseen, segments, MIN_SEGMENTS, UNSEEN_SHARE) {
                    reasons.push((
                        "unseen",
                        format!(
                            "{:.1} % of the TCP data on {} never reaches the mirror port",
                            share * 100.0,
                            seen.source
                        ),
                    ));
                }
                source.window = Some((seen.at, seen.frames, seen.dropped, seen.unseen_segments, seen.seen_segments));
            }
            None => {
                source.window = Some((seen.at, seen.frames, seen.dropped, seen.unseen_segments, seen.seen_segments));
            }
            Some(_) => {}
        }
        let was_busy = source.last_heard.since(source.first) >= WAS_BUSY;
        let is_silent = seen.at.since(source.last_heard) >= SILENT && was_busy;
        if (is_silent || !seen.up && was_busy) && !source.told_silent {
            source.told_silent = true;
            let minutes = seen.at.since(source.last_heard).as_secs() / 60;
            let how = if seen.up {
                format!("silent for {minutes} min although it was busy before")
            } else {
                "down".to_owned()
            };
            reasons.push(("silent", format!("Capture interface {} is {how}", seen.source)));
        }
        for (kind, summary) in reasons {
            let severity = if kind == "silent" { Severity::High } else { Severity::Medium };
            raise(&format!("{kind}|{}", seen.source), seen.at, severity, summary, None, cx);
        }
    }

    fn tick(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        self.looks(at);
        let alive = self.zones.iter().flatten().any(|talk| at.since(talk.last) < SILENT);
        if !alive {
            return;
        }
        for index in 0..self.zones.len() {
            let Some(talk) = self.zones.get(index).copied().flatten() else { continue };
            if !talk.was_busy() || talk.told || at.since(talk.last) < talk.limit() {
                continue;
            }
            let is_ours = u16::try_from(index).is_ok_and(|index| is_counted_on(cx, ZoneIx(index)));
            if !is_ours {
                if let Some(talk) = self.zones.get_mut(index).and_then(Option::as_mut) {
                    talk.told = true;
                }
                continue;
            }
            // one mirror port often shows several zones: those that fell silent with it are told with it
            let mut together: Vec<ZoneIx> = Vec::new();
            for (other, slot) in self.zones.iter_mut().enumerate() {
                let Some(other_talk) = slot.as_mut() else { continue };
                if other == index || other_talk.fell_silent_with(&talk, at) {
                    other_talk.told = true;
                    together.extend(u16::try_from(other).ok().map(ZoneIx).filter(|zone| is_counted_on(cx, *zone)));
                }
            }
            tell_zones(at, talk.last, &together, cx);
        }
    }
}

/// Whether a zone always talks: people switch office computers off, machinery and bridge go on.
fn is_counted_on(cx: &Context<'_>, zone: ZoneIx) -> bool {
    let plan = cx.policy.and_then(|policy| policy.zone(zone));
    plan.is_some_and(|plan| plan.devices == crate::policy::Devices::Fixed && plan.class == crate::policy::Class::Ot)
}

fn tell_zones(at: CaptureTime, last: CaptureTime, zones: &[ZoneIx], cx: &mut Context<'_>) {
    let (Some(policy), Some(first)) = (cx.policy, zones.first()) else { return };
    let names: Vec<&str> = zones.iter().map(|zone| policy.zone_id(Some(*zone))).collect();
    let minutes = at.since(last).as_secs() / 60;
    let which = if names.len() == 1 { "zone" } else { "zones" };
    let summary = format!(
        "Nothing heard from {which} {} for {minutes} min: the mirror of the switch is lost, or all of it is off",
        names.join(", ")
    );
    raise(&format!("zone|{}", names.join("+")), at, Severity::High, summary, Some(*first), cx);
}

impl Blind {
    /// Takes note of the time; after an absence nobody's silence means anything.
    fn looks(&mut self, at: CaptureTime) {
        if self.now.is_some_and(|now| at.since(now) >= ABSENT) {
            *self = Self::default();
        }
        self.now = self.now.max(Some(at));
    }

    fn source(&mut self, seen: &HealthSeen<'_>) -> Option<&mut Source> {
        let position = self.sources.iter().position(|source| source.name == seen.source);
        if position.is_none() && self.sources.len() < SOURCES {
            self.sources.push(Source {
                name: seen.source.to_owned(),
                first: seen.at,
                last_heard: seen.at,
                frames: seen.frames,
                window: None,
                told_silent: false,
            });
        }
        position.map_or_else(|| self.sources.len().checked_sub(1), Some).and_then(|index| self.sources.get_mut(index))
    }
}

fn share_above(part: u64, rest: u64, min: u64, limit: f64) -> Option<f64> {
    let whole = part.saturating_add(rest);
    let share = part as f64 / whole.max(1) as f64;
    (whole >= min && share > limit).then_some(share)
}

fn raise(key: &str, at: CaptureTime, severity: Severity, summary: String, zone: Option<ZoneIx>, cx: &mut Context<'_>) {
    let nobody = Party::nobody(zone);
    cx.raise(key.as_bytes(), &CARD, at, || Raise {
        card: &CARD,
        severity: Some(severity),
        confidence: 0.9,
        at,
        frame: 0,
        from: nobody,
        to: None,
        service: String::new(),
        summary,
        fields: Vec::new(),
        expected: "frames as before, none lost".to_owned(),
        conduit: None,
        proposal: None,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::Bench;

    fn run(seconds: u32, health: impl Fn(u32) -> (u64, u64, bool)) -> Vec<String> {
        let mut bench = Bench::new(None, Box::<Blind>::default());
        for second in 0..seconds {
            bench.at(f64::from(second));
            let (frames, dropped, up) = health(second);
            bench.health("mir0", frames, dropped, up);
        }
        bench.findings().iter().map(|finding| finding.summary.clone()).collect()
    }

    #[test]
    fn losing_frames_is_told_once_with_the_share() {
        let told = run(200, |s| (u64::from(s) * 100, u64::from(s) * 2, true));
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("2.0 %"), "{told:?}");
    }

    #[test]
    fn a_few_lost_frames_are_not() {
        assert_eq!(run(200, |s| (u64::from(s) * 1_000, u64::from(s), true)), Vec::<String>::new());
    }

    #[test]
    fn a_busy_interface_that_falls_silent() {
        let told = run(400, |s| (u64::from(s.min(200)) * 50, 0, true));
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("silent"), "{told:?}");
    }

    #[test]
    fn captures_of_two_days_joined_are_no_silence() {
        use crate::detections::bench::{SHIP, flow};
        let told = |pause: u32| {
            let mut bench = Bench::new(Some(SHIP), Box::<Blind>::default());
            for second in (0..200).chain(200 + pause..400 + pause) {
                bench.at(f64::from(second));
                // after the pause the bridge is heard again at once, the engine five minutes later at the earliest
                for ip in ["10.0.1.5", "10.0.2.10"] {
                    if ip == "10.0.1.5" || second < 200 {
                        bench.started(flow(ip, "10.0.3.9", 502, dogwatch_model::Transport::Tcp));
                    }
                }
            }
            bench.findings().len()
        };
        assert_eq!(told(86_400), 0);
        assert_eq!(told(300), 1, "a mirror that comes back without the engine");
    }

    #[test]
    fn segments_that_were_acknowledged_but_never_seen() {
        let told = |unseen_of_a_hundred: u64| {
            let mut bench = Bench::new(None, Box::<Blind>::default());
            for second in 0..130_u64 {
                bench.at(second as f64);
                bench.segments("mir0", second * 50, second * 10, second * unseen_of_a_hundred / 10);
            }
            bench.findings().iter().map(|finding| finding.summary.clone()).collect::<Vec<_>>()
        };
        assert!(told(0).is_empty());
        let told = told(4);
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("3.8 %"), "4 unseen beside 100 seen: {told:?}");
    }

    /// Addresses that talk every second; from second 200 on only those named go on.
    fn zones(go_on: &[&str]) -> Vec<String> {
        use crate::detections::bench::{SHIP, flow};
        let mut bench = Bench::new(Some(SHIP), Box::<Blind>::default());
        for second in 0..500_u32 {
            bench.at(f64::from(second));
            // the bridge is heard four seconds longer
            for ip in ["10.0.1.5", "10.0.2.10", "10.0.4.30"] {
                if second < 200 + u32::from(ip == "10.0.1.5") * 4 || go_on.contains(&ip) {
                    bench.started(flow(ip, "10.0.3.9", 502, dogwatch_model::Transport::Tcp));
                }
            }
        }
        bench.findings().iter().map(|finding| finding.summary.clone()).collect()
    }

    #[test]
    fn zones_that_fall_silent_together_are_one_finding() {
        let told = zones(&["10.0.4.30"]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("zones bridge, machinery"), "{told:?}");
    }

    #[test]
    fn one_silent_zone_and_a_silent_office() {
        let told = zones(&["10.0.1.5"]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("zone machinery"), "{told:?}");
        assert!(zones(&["10.0.1.5", "10.0.2.10"]).is_empty(), "people switch office computers off");
    }

    #[test]
    fn one_that_never_spoke_is_the_doctors_matter() {
        assert_eq!(run(400, |_| (0, 0, true)), Vec::<String>::new());
    }
}
