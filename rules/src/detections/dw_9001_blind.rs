//! DW-9001: the monitor itself does not see what it should.
//!
//! "No findings" from a blind monitor is the most dangerous report of all. Raised when an interface loses frames, when an interface that was busy
//! falls silent, or when a zone that normally talks is silent as a whole. Silence is measured on capture time, which goes on as long as any
//! other source is heard (live, the daemon ticks it). Where nothing at all was looked at for a while, as between captures of different days, the
//! monitor was not there: all of it begins anew.

use std::time::Duration;

use dogwatch_model::{CaptureTime, Severity};

use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::heard::{ABSENT, WAS_BUSY, ZoneTalk, is_counted_on};
use crate::policy::ZoneIx;
use crate::seen::{HealthSeen, Party};

/// Share of frames lost over [`WINDOW`] that is too much.
const DROP_SHARE: f64 = 0.005;
/// Share of TCP segments acknowledged but never seen that is too much.
const UNSEEN_SHARE: f64 = 0.01;
/// Over what time losses are judged.
const WINDOW: Duration = Duration::from_secs(60);
/// Silence of an interface that is not normal; another zone heard within it says that the monitor is there.
const SILENT: Duration = Duration::from_secs(120);
/// A zone silent for less than this speaks again.
const AGAIN: Duration = Duration::from_secs(20);
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

/// See the file's head.
#[derive(Default)]
pub(super) struct Blind {
    sources: Vec<Source>,
    /// Silent zones that were told, or are not to be told.
    told: Vec<ZoneIx>,
    /// When it looked last.
    now: Option<CaptureTime>,
}

impl Detector for Blind {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { health: true, ..Wants::default() }
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
                // where a zone is not shown at all, what others say to it is acknowledged unseen: that is one story, and told below
                if let Some(share) = share_above(unseen, segments, MIN_SEGMENTS, UNSEEN_SHARE)
                    && !cx.heard.is_any_silent(seen.at, cx.policy)
                {
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
        let silent = |talk: &ZoneTalk| at.since(talk.last);
        self.told.retain(|zone| cx.heard.zones().any(|(other, talk)| other == *zone && silent(talk) >= AGAIN));
        let is_alive = cx.heard.zones().any(|(_, talk)| silent(talk) < SILENT);
        let is_new = |zone: ZoneIx| !self.told.contains(&zone) && is_counted_on(cx.policy, Some(zone));
        let mut zones = cx.heard.zones().filter(|(zone, talk)| is_new(*zone) && talk.was_busy());
        let Some((_, first)) = zones.find(|(_, talk)| is_alive && silent(talk) >= talk.limit()) else { return };
        // one mirror port often shows several zones: those that fell silent with it are told with it
        let first = *first;
        let zones = cx.heard.zones().filter(|(zone, _)| is_new(*zone));
        let together: Vec<ZoneIx> =
            zones.filter(|(_, other)| other.fell_silent_with(&first, at)).map(|(zone, _)| zone).collect();
        self.told.extend(&together);
        tell_zones(at, first.last, &together, cx);
    }
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
                for ip in ["10.0.1.5", "10.0.1.6", "10.0.2.10", "10.0.2.21"] {
                    if ip.starts_with("10.0.1.") || second < 200 {
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

    /// Two devices each of three zones that talk every second; from second 200 on only those zones go on.
    fn zones(go_on: &[&str]) -> Vec<String> {
        use crate::detections::bench::{SHIP, flow};
        let mut bench = Bench::new(Some(SHIP), Box::<Blind>::default());
        for second in 0..500_u32 {
            bench.at(f64::from(second));
            // the bridge is heard four seconds longer
            for net in ["10.0.1", "10.0.2", "10.0.4"] {
                if second < 200 + u32::from(net == "10.0.1") * 4 || go_on.contains(&net) {
                    for host in [30, 31] {
                        let ip = format!("{net}.{host}");
                        bench.started(flow(&ip, "10.0.3.9", 502, dogwatch_model::Transport::Tcp));
                    }
                }
            }
        }
        bench.findings().iter().map(|finding| finding.summary.clone()).collect()
    }

    #[test]
    fn zones_that_fall_silent_together_are_one_finding() {
        let told = zones(&["10.0.4"]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("zones bridge, machinery"), "{told:?}");
    }

    #[test]
    fn what_a_silent_zone_acknowledges_unseen_is_its_story() {
        use crate::detections::bench::{SHIP, flow};
        let mut bench = Bench::new(Some(SHIP), Box::<Blind>::default());
        for second in 0..500_u64 {
            bench.at(second as f64);
            for ip in ["10.0.1.5", "10.0.1.6", "10.0.2.10", "10.0.2.21"] {
                if second < 200 || ip.starts_with("10.0.1.") {
                    bench.started(flow(ip, "10.0.3.9", 502, dogwatch_model::Transport::Tcp));
                }
            }
            bench.segments("mir0", second * 50, second * 10, second.saturating_sub(200) / 2);
        }
        let told: Vec<_> = bench.findings().into_iter().map(|finding| finding.summary).collect();
        assert!(told.len() == 1 && told[0].contains("zone machinery"), "{told:?}");
    }

    #[test]
    fn one_silent_zone_and_a_silent_office() {
        let told = zones(&["10.0.1"]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("zone machinery"), "{told:?}");
        assert!(zones(&["10.0.1", "10.0.2"]).is_empty(), "people switch office computers off");
    }

    #[test]
    fn one_that_never_spoke_is_the_doctors_matter() {
        assert_eq!(run(400, |_| (0, 0, true)), Vec::<String>::new());
    }
}
