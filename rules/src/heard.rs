//! When each zone of the plan was last heard: what several detections must agree on.
//!
//! A zone that always talks and of which nothing at all is heard has one cause (its switch is dead, or no longer mirrored), and that is told once,
//! by DW-9001. Devices and sensors of it are then nobody's loss of their own. What is seen of a zone only through a router's card says nothing:
//! another mirror port shows it. Deliberately absent: zones in which only one device ever speaks; its silence is the device's.

use std::time::Duration;

use dogwatch_model::CaptureTime;

use crate::policy::{Class, Devices, Policy, ZoneIx};
use crate::seen::{FlowSeen, FlowStage, Identity, Party};

/// Silence of a zone that is not normal (catalogue, DW-9001: `silent_s`).
const SILENT: Duration = Duration::from_secs(120);
/// Silence after which a zone that always talks counts as silent as a whole; flows are told of every ten seconds.
const HUSHED: Duration = Duration::from_secs(25);
/// Times its own longest pause that a zone must be silent.
const HABIT: u32 = 4;
/// How far apart zones may have been heard last, beside their own pauses, that fell silent together.
const APART: Duration = Duration::from_secs(10);
/// How long nothing at all is looked at before the monitor counts as not having been there.
pub(crate) const ABSENT: Duration = Duration::from_secs(600);
/// How long something must have talked before its silence means anything.
pub(crate) const WAS_BUSY: Duration = Duration::from_secs(120);
/// Zones followed; a plan has a few dozen.
const ZONES: usize = 4_096;

/// How one zone talks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ZoneTalk {
    first: CaptureTime,
    pub(crate) last: CaptureTime,
    packets: u64,
    /// The two longest pauses so far: the second one is habit, the first one may be chance.
    pauses: [Duration; 2],
    /// Who was heard first, and whether anybody else was.
    voice: Identity,
    has_others: bool,
}

impl ZoneTalk {
    const fn new(voice: Identity, at: CaptureTime) -> Self {
        Self { first: at, last: at, packets: 0, pauses: [Duration::ZERO; 2], voice, has_others: false }
    }

    fn heard(&mut self, voice: Identity, packets: u64, at: CaptureTime) {
        let pause = at.since(self.last);
        let [longest, second] = self.pauses;
        if pause > longest {
            self.pauses = [pause, longest];
        } else if pause > second {
            self.pauses = [longest, pause];
        }
        self.last = self.last.max(at);
        self.packets = self.packets.saturating_add(packets);
        self.has_others |= voice != self.voice;
    }

    /// Whether several of it were always talking: a zone of a few packets a minute may be quiet.
    pub(crate) fn was_busy(&self) -> bool {
        let span = self.last.since(self.first);
        self.has_others && span >= WAS_BUSY && self.packets >= span.as_secs()
    }

    /// Whether it has been silent for longer than its flows are told of, and than it usually is.
    fn is_hushed(&self, at: CaptureTime) -> bool {
        self.was_busy() && at.since(self.last) >= HUSHED.max(self.pauses[1].saturating_mul(2))
    }

    /// The silence that is not normal for this zone.
    pub(crate) fn limit(&self) -> Duration {
        SILENT.max(self.pauses[1] * HABIT)
    }

    /// Whether it fell silent with another zone: half its limit ago at least, and about when the other was heard last.
    pub(crate) fn fell_silent_with(&self, other: &Self, at: CaptureTime) -> bool {
        let apart = self.last.since(other.last).max(other.last.since(self.last));
        let pause = Duration::max(self.pauses[1], other.pauses[1]);
        self.was_busy() && at.since(self.last) >= self.limit() / 2 && apart <= APART.saturating_add(pause)
    }
}

/// See the file's head.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    zones: Vec<Option<ZoneTalk>>,
    /// When something was looked at last.
    now: Option<CaptureTime>,
}

impl Heard {
    /// A flow goes on: both its ends were heard, as far as they sent something since it was last told of.
    pub(crate) fn flow(&mut self, seen: &FlowSeen<'_>) {
        if !matches!(seen.stage, FlowStage::Started | FlowStage::Progress) {
            return;
        }
        self.looks(seen.at);
        for (party, packets) in [(&seen.from, seen.sent), (&seen.to, seen.received)] {
            if packets > 0 {
                self.party(party, packets, seen.at);
            }
        }
    }

    fn party(&mut self, party: &Party, packets: u64, at: CaptureTime) {
        let Some(index) = party.end.zone.map(ZoneIx::index).filter(|index| *index < ZONES) else { return };
        if party.end.is_behind_gateway() {
            return;
        }
        if self.zones.len() <= index {
            self.zones.resize(index.saturating_add(1), None);
        }
        let Some(slot) = self.zones.get_mut(index) else { return };
        slot.get_or_insert_with(|| ZoneTalk::new(party.identity(), at)).heard(party.identity(), packets, at);
    }

    /// Takes note of the time; after an absence nobody's silence means anything.
    pub(crate) fn looks(&mut self, at: CaptureTime) {
        if self.now.is_some_and(|now| at.since(now) >= ABSENT) {
            self.forget();
        }
        self.now = self.now.max(Some(at));
    }

    /// Zones are others now: all begins anew.
    pub(crate) fn forget(&mut self) {
        self.zones.clear();
    }

    /// Every zone that was heard.
    pub(crate) fn zones(&self) -> impl Iterator<Item = (ZoneIx, &ZoneTalk)> {
        (0_u16..).map(ZoneIx).zip(&self.zones).filter_map(|(zone, talk)| Some((zone, talk.as_ref()?)))
    }

    /// Whether nothing at all is heard of a zone that always talks: DW-9001 tells it, or is about to.
    pub(crate) fn is_silent(&self, zone: Option<ZoneIx>, at: CaptureTime, policy: Option<&Policy>) -> bool {
        let talk = zone.and_then(|zone| self.zones.get(zone.index())?.as_ref());
        talk.is_some_and(|talk| talk.is_hushed(at)) && is_counted_on(policy, zone)
    }

    /// Whether any zone is silent as a whole.
    pub(crate) fn is_any_silent(&self, at: CaptureTime, policy: Option<&Policy>) -> bool {
        self.zones().any(|(zone, talk)| talk.is_hushed(at) && is_counted_on(policy, Some(zone)))
    }

    /// Whether somebody who was heard last at `last`, and pauses for `pause`, fell silent with such a zone.
    pub(crate) fn fell_silent_with_a_zone(
        &self,
        (last, pause): (CaptureTime, Duration),
        at: CaptureTime,
        policy: Option<&Policy>,
    ) -> bool {
        let is_near = |talk: &ZoneTalk| {
            let apart = talk.last.since(last).max(last.since(talk.last));
            apart <= APART.saturating_add(talk.pauses[1].max(pause))
        };
        let mut silent = self.zones().filter(|(_, talk)| talk.is_hushed(at) && is_near(talk));
        silent.any(|(zone, _)| is_counted_on(policy, Some(zone)))
    }
}

/// Whether a zone always talks: people switch office computers off, machinery and bridge go on.
pub(crate) fn is_counted_on(policy: Option<&Policy>, zone: Option<ZoneIx>) -> bool {
    let plan = zone.and_then(|zone| policy?.zone(zone));
    plan.is_some_and(|plan| plan.devices == Devices::Fixed && plan.class == Class::Ot)
}
