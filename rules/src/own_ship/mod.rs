//! What the ship says of herself, and who says it: every talker on the navigation network with the newest of each quantity it measures.
//!
//! Kept once for all detections: an event costs one comparison (the talker of the last event) or one look-up, and what compares sources runs
//! once a second. A talker is whoever speaks under one identity (IP or MAC address, NAME on a bus), one system function id and one talker id: a
//! serial server speaks for many. Other ships are not kept here.

mod geodesy;
mod talkers;
mod troubles;

use dogwatch_model::{Act, CaptureTime, Event, Object, Of, Quantity, SourceId, Value};

pub(crate) use self::geodesy::{angle_between, metres, north_east};
pub(crate) use self::talkers::{Fix, PerTalker, Talker, TalkerIx, What, said};
use self::talkers::{Key, Talkers};
pub(crate) use self::troubles::{Trouble, Troubles, is_near};
use crate::seen::{Party, Source, sfi_number};

/// Transponders of own ship remembered: a ship has one, its number may be changed.
const AIS_VOICES: usize = 4;
/// Capture sources whose last sign of life is kept.
const SOURCES: usize = 64;

/// Own ship as one transponder tells it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AisVoice {
    /// Its number.
    pub(crate) mmsi: u32,
    /// Who passes it on, with the frame of the last report.
    pub(crate) party: Party,
    /// When it was last heard.
    pub(crate) last: CaptureTime,
    pub(crate) frame: u64,
    /// Reports heard.
    pub(crate) count: u64,
    pub(crate) place: Option<(CaptureTime, f64, f64)>,
    pub(crate) heading: Option<(CaptureTime, f64)>,
    pub(crate) speed: Option<(CaptureTime, f64)>,
    pub(crate) status: Option<(CaptureTime, f64)>,
    pub(crate) length: Option<f64>,
}

/// See the file's head.
#[derive(Debug, Default)]
pub(crate) struct OwnShip {
    talkers: Talkers,
    ais: Vec<AisVoice>,
    /// When each capture source last showed anything.
    alive: Vec<CaptureTime>,
}

impl OwnShip {
    /// Takes what an event says of own ship; gives its talker, when it has one.
    // not a part of what every event passes through: of machinery none does
    #[inline(never)]
    pub(crate) fn note(&mut self, event: &Event<'_>, from: &Party, source: Source<'_>) -> Option<TalkerIx> {
        let (mut letters, mut speaks) = ([0; 2], false);
        for act in event.message.acts {
            match act {
                Act::Publishes { object: Object::Sentence { talker, .. } } => {
                    letters = talker.as_bytes().first_chunk().copied().unwrap_or([b'P', 0]);
                    speaks = true;
                }
                Act::Publishes { object: Object::Pgn { .. } } => speaks = true,
                Act::Measures { of: Of::OwnShip | Of::Machine(_) | Of::Satellite(_), .. } => speaks = true,
                Act::Measures { of: Of::OwnShipByAis(mmsi), quantity, value } => {
                    self.ais(event, *mmsi, from, *quantity, *value);
                }
                _ => {}
            }
        }
        if !speaks {
            return None;
        }
        let key = Key { who: from.identity(), sfi: sfi_number(from.sfi()), letters };
        let ix = self.talkers.of(key, event, from, source);
        self.talkers.measured(ix, event);
        Some(ix)
    }

    /// A second went by.
    pub(crate) fn looks(&mut self, now: CaptureTime) {
        self.talkers.looks(now);
    }

    /// The newest value of a quantity when a talker told it within the last `seconds`.
    pub(crate) fn fresh(&self, ix: TalkerIx, what: What, now: CaptureTime, seconds: u64) -> Option<f64> {
        self.talkers.fresh(ix, what, now, seconds)
    }

    /// Messages heard of a talker.
    pub(crate) fn count(&self, ix: TalkerIx) -> u64 {
        self.talkers.count(ix)
    }

    /// Times a talker told a quantity.
    pub(crate) fn told(&self, ix: TalkerIx, what: What) -> u64 {
        self.talkers.told(ix, what)
    }

    /// Every talker that is remembered.
    pub(crate) fn talkers(&self) -> impl Iterator<Item = (TalkerIx, &Talker)> {
        self.talkers.all()
    }

    /// Talkers of CAN buses.
    pub(crate) fn on_bus(&self) -> impl Iterator<Item = (TalkerIx, &Talker)> {
        self.talkers.on_bus()
    }

    /// Talkers that said anything in the last `seconds`.
    pub(crate) fn recent(&self, now: CaptureTime, seconds: u64) -> impl Iterator<Item = (TalkerIx, &Talker)> {
        self.talkers.recent(now, seconds)
    }

    /// Talkers that ever told one of these.
    pub(crate) fn telling<'a>(&'a self, what: &[What]) -> impl Iterator<Item = (TalkerIx, &'a Talker)> + use<'a> {
        self.talkers.telling(what)
    }

    /// Those of them that said anything in the last `seconds`.
    pub(crate) fn recent_telling<'a>(
        &'a self,
        what: &[What],
        now: CaptureTime,
        seconds: u64,
    ) -> impl Iterator<Item = (TalkerIx, &'a Talker)> + use<'a> {
        self.talkers.recent_telling(what, now, seconds)
    }

    /// One talker, unless it was forgotten meanwhile.
    pub(crate) fn talker(&self, ix: TalkerIx) -> Option<&Talker> {
        self.talkers.get(ix)
    }

    /// Talkers that told a quantity within the last `seconds`, the most talkative first: a sensor says it more often than who repeats it.
    pub(crate) fn tellers(&self, what: What, now: CaptureTime, seconds: u64) -> Vec<(TalkerIx, &Talker)> {
        let mut tellers: Vec<_> = self.talkers.telling_now(what, now, seconds).collect();
        tellers.sort_by_key(|(slot, told, _)| (std::cmp::Reverse(*told), *slot));
        tellers.into_iter().filter_map(|(slot, ..)| self.talkers.row(slot)).collect()
    }

    /// A quantity as its most talkative teller of the last `seconds` tells it.
    pub(crate) fn best(&self, what: What, now: CaptureTime, seconds: u64) -> Option<f64> {
        let fresh = self.talkers.telling_now(what, now, seconds);
        fresh.max_by_key(|(slot, told, _)| (*told, std::cmp::Reverse(*slot))).map(|(.., value)| value)
    }

    /// Talkers with a position of the last `seconds`, in the order they were first heard.
    pub(crate) fn receivers(&self, now: CaptureTime, seconds: u64) -> Vec<(TalkerIx, &Talker)> {
        let has_fix = |talker: &Talker| talker.fix.is_some_and(|fix| is_near(now, fix.at, seconds));
        let mut receivers: Vec<_> = self
            .talkers
            .recent_telling(&[What::Position], now, seconds)
            .filter(|(_, talker)| has_fix(talker))
            .collect();
        receivers.sort_by_key(|(ix, talker)| (talker.first, *ix));
        receivers
    }

    /// Where she is, by the first of her receivers that told it in the last `seconds`.
    pub(crate) fn place(&self, now: CaptureTime, seconds: u64) -> Option<Fix> {
        let fixes = self
            .talkers
            .recent_telling(&[What::Position], now, seconds)
            .filter_map(|(ix, talker)| Some((talker.first, ix, talker.fix?)));
        fixes.filter(|(.., fix)| is_near(now, fix.at, seconds)).min_by_key(|(first, ix, _)| (*first, *ix)).map(|f| f.2)
    }

    /// Her transponders.
    pub(crate) fn voices(&self) -> &[AisVoice] {
        &self.ais
    }

    /// Whether a capture source showed anything in the last `seconds`: what nobody could hear is not silence.
    pub(crate) fn is_alive(&self, source: SourceId, now: CaptureTime, seconds: u64) -> bool {
        self.alive.get(usize::from(source.0)).is_some_and(|last| is_near(now, *last, seconds))
    }

    /// A capture source shows something.
    pub(crate) fn heard(&mut self, source: SourceId, at: CaptureTime) {
        let index = usize::from(source.0);
        if index >= SOURCES {
            return;
        }
        if self.alive.len() <= index {
            self.alive.resize(index + 1, CaptureTime(i64::MIN));
        }
        if let Some(last) = self.alive.get_mut(index) {
            *last = at;
        }
    }

    fn ais(&mut self, event: &Event<'_>, mmsi: u32, from: &Party, quantity: Quantity, value: Value) {
        let position = self.ais.iter().position(|voice| voice.mmsi == mmsi);
        let index = position.unwrap_or_else(|| {
            if self.ais.len() >= AIS_VOICES {
                let oldest = self.ais.iter().enumerate().min_by_key(|(_, voice)| voice.last).map_or(0, |(at, _)| at);
                self.ais.remove(oldest);
            }
            self.ais.push(AisVoice {
                mmsi,
                party: *from,
                last: event.at,
                frame: event.frame,
                count: 0,
                place: None,
                heading: None,
                speed: None,
                status: None,
                length: None,
            });
            self.ais.len() - 1
        });
        let Some(voice) = self.ais.get_mut(index) else { return };
        if voice.frame != event.frame || voice.count == 0 {
            voice.count = voice.count.saturating_add(1);
        }
        (voice.last, voice.frame, voice.party) = (event.at, event.frame, *from);
        match (quantity, value) {
            (Quantity::Position, Value::Position { lat, lon }) => voice.place = Some((event.at, lat, lon)),
            (Quantity::HeadingTrue, Value::Number(value)) => voice.heading = Some((event.at, value)),
            (Quantity::SpeedOverGround, Value::Number(value)) => voice.speed = Some((event.at, value)),
            (Quantity::NavigationalStatus, Value::Number(value)) => voice.status = Some((event.at, value)),
            (Quantity::ShipLength, Value::Number(value)) => voice.length = Some(value),
            _ => {}
        }
    }
}
