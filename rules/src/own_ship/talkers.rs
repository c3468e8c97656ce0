//! The table of talkers: who they are, and the newest of what each measures.

use std::hash::{Hash, Hasher};

use dogwatch_model::{Act, CaptureTime, Event, Flow, Object, Of, Quantity, Value};
use foldhash::quality::RandomState;
use hashbrown::HashMap;

use super::troubles::is_near;
use crate::findings::call;
use crate::seen::{Identity, Party, Source, service};

/// Seconds after its last word that a talker counts as awake; whoever looks for recent ones looks back no further.
const AWAKE: u64 = 90;

/// Talkers remembered. Who spoke least goes first: a flood of made-up names pushes out its own kind, not the ship's sensors.
const MOST: usize = 192;

/// What makes a talker itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) who: Identity,
    /// System function id as a number, 0 for none.
    pub(super) sfi: u64,
    /// Talker id.
    pub(super) letters: [u8; 2],
}

impl Key {
    /// A number that talkers of one ship seldom share.
    const fn short(&self) -> usize {
        let [a, b] = self.letters;
        (self.who.word() ^ self.sfi << 3 ^ (a as u64) << 5 ^ b as u64) as usize
    }
}

impl Hash for Key {
    /// Two words, where the derived one takes letters one by one: a talker is looked up with every sentence.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.who.hash(state);
        let [a, b] = self.letters;
        state.write_u64(self.sfi ^ u64::from_be_bytes([a, b, 0, 0, 0, 0, 0, 0]));
    }
}

/// A talker's place in the table; goes out of date when the place is given to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TalkerIx {
    slot: u16,
    generation: u32,
}

/// What talkers tell of own ship. Of the first [`KINDS`] the newest value is kept; of the others it is only known that they were told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    SpeedOverGround,
    CourseOverGround,
    SpeedThroughWater,
    Heading,
    HeadingMagnetic,
    RateOfTurn,
    Depth,
    Altitude,
    Hdop,
    SatellitesUsed,
    FixQuality,
    HeadingOrder,
    TrackOrder,
    WindSpeed,
    /// Kept as a [`Fix`].
    Position,
    /// How well single satellites are heard.
    Satellites,
}

/// How many values are kept.
const KINDS: usize = What::Position as usize;

/// How many there are.
const WHATS: usize = What::Satellites as usize + 1;

impl What {
    const fn of(quantity: Quantity) -> Option<Self> {
        Some(match quantity {
            Quantity::SpeedOverGround => Self::SpeedOverGround,
            Quantity::CourseOverGround => Self::CourseOverGround,
            Quantity::SpeedThroughWater => Self::SpeedThroughWater,
            Quantity::HeadingTrue => Self::Heading,
            Quantity::HeadingMagnetic => Self::HeadingMagnetic,
            Quantity::RateOfTurn => Self::RateOfTurn,
            Quantity::DepthBelowTransducer => Self::Depth,
            Quantity::Altitude => Self::Altitude,
            Quantity::Hdop => Self::Hdop,
            Quantity::SatellitesUsed => Self::SatellitesUsed,
            Quantity::FixQuality => Self::FixQuality,
            Quantity::HeadingOrder => Self::HeadingOrder,
            Quantity::TrackOrder => Self::TrackOrder,
            Quantity::WindSpeed => Self::WindSpeed,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Reading {
    at: CaptureTime,
    value: f64,
    /// Times it was told.
    told: u64,
}

/// One position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fix {
    /// When it was captured.
    pub(crate) at: CaptureTime,
    /// Seconds since midnight UTC as the receiver tells it.
    pub(crate) of_day: Option<f64>,
    pub(crate) lat: f64,
    pub(crate) lon: f64,
}

impl Fix {
    pub(crate) const fn place(&self) -> (f64, f64) {
        (self.lat, self.lon)
    }

    /// Seconds from this fix to another of any receiver: by their own clocks where both tell the time, so that the way to the capture does not count;
    /// by the capture where those differ by more than a way can take (one of them is wrong, which is DW-5004's matter).
    pub(crate) fn seconds_to(&self, other: &Self) -> f64 {
        let captured = (other.at.0.saturating_sub(self.at.0)) as f64 / 1e9;
        let told = self.of_day.zip(other.of_day).map(|(a, b)| {
            let apart = (b - a).rem_euclid(86_400.0);
            if apart > 43_200.0 { apart - 86_400.0 } else { apart }
        });
        told.filter(|told| (told - captured).abs() < 3.0).unwrap_or(captured)
    }
}

/// Who speaks of the ship, and what it said last.
#[derive(Debug, Clone)]
pub(crate) struct Talker {
    key: Key,
    generation: u32,
    /// The speaker.
    pub(crate) party: Party,
    /// Addresses of the last message.
    pub(crate) flow: Flow,
    pub(crate) protocol: &'static str,
    /// The capture source for people.
    pub(crate) label: Box<str>,
    pub(crate) first: CaptureTime,
    pub(crate) last: CaptureTime,
    /// Frame of the last message.
    pub(crate) frame: u64,
    /// Last position.
    pub(crate) fix: Option<Fix>,
    /// Positions told.
    pub(crate) fixes: u64,
}

impl Talker {
    /// Protocol and port for people.
    pub(crate) fn service(&self) -> String {
        service(Some(self.protocol), &self.flow)
    }

    /// What makes it itself, as text for the key of a finding.
    pub(crate) fn key(&self) -> String {
        let [a, b] = self.key.letters;
        format!("{:?}|{}|{a:02x}{b:02x}", self.key.who, self.key.sfi)
    }

    /// Its talker id; empty where the protocol has none.
    pub(crate) fn letters(&self) -> &str {
        if self.key.letters == [0; 2] { "" } else { std::str::from_utf8(&self.key.letters).unwrap_or_default() }
    }

    /// Who it is without regard to its talker id: a receiver says GP and GL.
    pub(crate) fn device(&self) -> (Identity, u64) {
        (self.key.who, self.key.sfi)
    }

    /// What people call it.
    pub(crate) fn name(&self, cx: &crate::Context<'_>) -> String {
        let declared = match self.party.speaker {
            dogwatch_model::Speaker::Name { name, .. } => cx.policy.and_then(|policy| {
                let entry = policy.n2k.iter().find(|entry| entry.name.matches(name))?;
                Some(entry.source.clone())
            }),
            _ => None,
        };
        declared.unwrap_or_else(|| call(&self.party, cx.policy, cx.directory))
    }
}

/// Places in the table, one bit for each.
#[derive(Debug, Clone, Copy, Default)]
struct Slots([u64; MOST.div_ceil(64)]);

impl Slots {
    fn set(&mut self, slot: usize, is_in: bool) {
        let bit = 1 << (slot % 64);
        if let Some(word) = self.0.get_mut(slot / 64) {
            *word = if is_in { *word | bit } else { *word & !bit };
        }
    }

    fn with(mut self, others: Self) -> Self {
        self.0.iter_mut().zip(others.0).for_each(|(word, other)| *word |= other);
        self
    }

    fn and(mut self, others: Self) -> Self {
        self.0.iter_mut().zip(others.0).for_each(|(word, other)| *word &= other);
        self
    }
}

/// The places, in order.
impl Iterator for Slots {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        // a few dozen times a second for a dozen detections: plain, not put together from adapters
        for (index, word) in (0_u16..).zip(&mut self.0) {
            if *word != 0 {
                let bit = word.trailing_zeros() as u16;
                *word &= *word - 1;
                return Some(index * 64 + bit);
            }
        }
        None
    }
}

/// See the file's head.
#[derive(Debug, Default)]
pub(super) struct Talkers {
    rows: Vec<Talker>,
    /// When each was last heard, apart from the rows: what looks at the newest every second passes over all the others.
    lasts: Vec<CaptureTime>,
    /// Messages heard of each, for the same reason: a flood of names asks for the least again and again.
    counts: Vec<u64>,
    /// Who ever told each [`What`], and who speaks on a bus, for the same reason.
    telling: [Slots; WHATS],
    /// The newest of each that is kept, by kind and place: whoever compares one kind of all talkers reads what stands side by side.
    readings: [Vec<Reading>; KINDS],
    on_bus: Slots,
    /// Who spoke within [`AWAKE`] of the last [`Talkers::looks`], or since.
    awake: Slots,
    by_key: HashMap<Key, u16, RandomState>,
    /// Who was looked up lately, by [`Key::short`]: the same few dozen talkers take turns.
    lately: Lately,
}

/// How many of them.
const LATELY: usize = 128;

#[derive(Debug)]
struct Lately([u16; LATELY]);

impl Default for Lately {
    fn default() -> Self {
        Self([0; LATELY])
    }
}

impl Talkers {
    pub(super) fn of(&mut self, key: Key, event: &Event<'_>, from: &Party, source: Source<'_>) -> TalkerIx {
        let short = key.short() % LATELY;
        let lately = self.lately.0.get(short).copied().unwrap_or_default();
        let is_it = self.rows.get(usize::from(lately)).is_some_and(|talker| talker.key == key);
        let slot = if is_it { lately } else { self.looked_up(short, key, event, from, source) };
        let Some(talker) = self.rows.get_mut(usize::from(slot)) else { return TalkerIx { slot, generation: 0 } };
        talker.last = event.at;
        self.awake.set(usize::from(slot), true);
        if let Some(last) = self.lasts.get_mut(usize::from(slot)) {
            *last = event.at;
        }
        talker.frame = event.frame;
        if let Some(count) = self.counts.get_mut(usize::from(slot)) {
            *count = count.saturating_add(1);
        }
        (talker.party, talker.flow, talker.protocol) = (*from, *event.flow, event.message.protocol);
        TalkerIx { slot, generation: talker.generation }
    }

    /// The place of a talker that others have spoken since, or of a new one.
    #[cold]
    fn looked_up(&mut self, short: usize, key: Key, event: &Event<'_>, from: &Party, source: Source<'_>) -> u16 {
        let known = self.by_key.get(&key).copied();
        let slot = known.unwrap_or_else(|| self.add(key, event, from, source));
        if let Some(lately) = self.lately.0.get_mut(short) {
            *lately = slot;
        }
        slot
    }

    fn add(&mut self, key: Key, event: &Event<'_>, from: &Party, source: Source<'_>) -> u16 {
        let row = |generation| Talker {
            key,
            generation,
            party: *from,
            flow: *event.flow,
            protocol: event.message.protocol,
            label: source.label.into(),
            first: event.at,
            last: event.at,
            frame: event.frame,
            fix: None,
            fixes: 0,
        };
        let slot = if self.rows.len() < MOST {
            self.rows.push(row(1));
            self.lasts.push(event.at);
            self.counts.push(0);
            self.readings.iter_mut().for_each(|readings| readings.push(Reading::default()));
            self.rows.len() - 1
        } else {
            let said = |slot: usize| (self.counts.get(slot), self.lasts.get(slot));
            let key = |slot: usize| self.rows.get(slot).map(|talker| talker.key);
            let least = |a: &usize, b: &usize| said(*a).cmp(&said(*b)).then_with(|| key(*a).cmp(&key(*b)));
            let slot = (0..self.rows.len()).min_by(least).unwrap_or(0);
            if let Some(talker) = self.rows.get_mut(slot) {
                self.by_key.remove(&talker.key);
                *talker = row(talker.generation.wrapping_add(1));
            }
            if let Some(count) = self.counts.get_mut(slot) {
                *count = 0;
            }
            self.telling.iter_mut().for_each(|slots| slots.set(slot, false));
            let readings = self.readings.iter_mut().filter_map(|readings| readings.get_mut(slot));
            readings.for_each(|reading| *reading = Reading::default());
            slot
        };
        self.on_bus.set(slot, matches!(key.who, Identity::Name(_) | Identity::BusAddress(_)));
        let slot = u16::try_from(slot).unwrap_or(0);
        self.by_key.insert(key, slot);
        slot
    }

    /// A second went by: whoever said nothing for long is passed over until he speaks again.
    pub(super) fn looks(&mut self, now: CaptureTime) {
        for slot in self.awake {
            let is_awake = self.lasts.get(usize::from(slot)).is_some_and(|last| is_near(now, *last, AWAKE));
            self.awake.set(usize::from(slot), is_awake);
        }
    }

    /// Takes what an event measures of own ship.
    pub(super) fn measured(&mut self, ix: TalkerIx, event: &Event<'_>) {
        let slot = usize::from(ix.slot);
        let Some(talker) = self.rows.get_mut(slot) else { return };
        let telling = &mut self.telling;
        let mut tells = |what: What| {
            if let Some(slots) = telling.get_mut(what as usize) {
                slots.set(slot, true);
            }
        };
        let (mut place, mut of_day) = (None, None);
        for act in event.message.acts {
            let (quantity, value) = match *act {
                Act::Measures { of: Of::OwnShip, quantity, value } => (quantity, value),
                Act::Measures { of: Of::Satellite(_), .. } => {
                    tells(What::Satellites);
                    continue;
                }
                _ => continue,
            };
            match (quantity, value) {
                (Quantity::Position, Value::Position { lat, lon }) => place = Some((lat, lon)),
                (Quantity::UtcTime, value) => of_day = time_of_day(value),
                (_, Value::Number(value)) if value.is_finite() => {
                    let Some(what) = What::of(quantity) else { continue };
                    tells(what);
                    let readings = self.readings.get_mut(what as usize);
                    if let Some(reading) = readings.and_then(|readings| readings.get_mut(slot)) {
                        *reading = Reading { at: event.at, value, told: reading.told.saturating_add(1) };
                    }
                }
                _ => {}
            }
        }
        if let Some((lat, lon)) = place.filter(|(lat, lon)| lat.abs() <= 90.0 && lon.abs() <= 180.0) {
            tells(What::Position);
            talker.fix = Some(Fix { at: event.at, of_day, lat, lon });
            talker.fixes = talker.fixes.saturating_add(1);
        }
    }

    /// The newest value of a quantity when a talker told it within the last `seconds`.
    pub(super) fn fresh(&self, ix: TalkerIx, what: What, now: CaptureTime, seconds: u64) -> Option<f64> {
        let reading = self.reading(what, ix.slot).filter(|reading| is_near(now, reading.at, seconds))?;
        self.get(ix).map(|_| reading.value)
    }

    /// Messages heard of a talker.
    pub(super) fn count(&self, ix: TalkerIx) -> u64 {
        self.get(ix).and_then(|_| self.counts.get(usize::from(ix.slot))).copied().unwrap_or(0)
    }

    /// Times a talker told a quantity.
    pub(super) fn told(&self, ix: TalkerIx, what: What) -> u64 {
        self.get(ix).and_then(|_| self.reading(what, ix.slot)).map_or(0, |reading| reading.told)
    }

    /// Who told a quantity within the last `seconds`: place, times told, and the newest value.
    pub(super) fn telling_now(
        &self,
        what: What,
        now: CaptureTime,
        seconds: u64,
    ) -> impl Iterator<Item = (u16, u64, f64)> {
        debug_assert!(seconds <= AWAKE, "those asleep are passed over");
        let telling = self.slots_telling(&[what]).and(self.awake);
        let told = telling.filter_map(move |slot| Some((slot, self.reading(what, slot)?)));
        told.filter(move |(_, reading)| is_near(now, reading.at, seconds))
            .map(|(slot, reading)| (slot, reading.told, reading.value))
    }

    /// The newest of what was told at a place.
    fn reading(&self, what: What, slot: u16) -> Option<&Reading> {
        let reading = self.readings.get(what as usize)?.get(usize::from(slot))?;
        (reading.told > 0).then_some(reading)
    }

    pub(super) fn get(&self, ix: TalkerIx) -> Option<&Talker> {
        self.rows.get(usize::from(ix.slot)).filter(|talker| talker.generation == ix.generation)
    }

    /// Talkers that said anything in the last `seconds`.
    pub(super) fn recent(&self, now: CaptureTime, seconds: u64) -> impl Iterator<Item = (TalkerIx, &Talker)> {
        self.spoke(self.awake, now, seconds)
    }

    /// Those of them that ever told one of these.
    pub(super) fn recent_telling<'a>(
        &'a self,
        what: &[What],
        now: CaptureTime,
        seconds: u64,
    ) -> impl Iterator<Item = (TalkerIx, &'a Talker)> + use<'a> {
        self.spoke(self.slots_telling(what).and(self.awake), now, seconds)
    }

    /// Those at these places, all awake, that said anything in the last `seconds`.
    fn spoke(&self, awake: Slots, now: CaptureTime, seconds: u64) -> impl Iterator<Item = (TalkerIx, &Talker)> {
        debug_assert!(seconds <= AWAKE, "those asleep are passed over");
        let is_recent =
            move |slot: &u16| self.lasts.get(usize::from(*slot)).is_some_and(|last| is_near(now, *last, seconds));
        awake.filter(is_recent).filter_map(|slot| self.row(slot))
    }

    /// Talkers that ever told one of these.
    pub(super) fn telling<'a>(&'a self, what: &[What]) -> impl Iterator<Item = (TalkerIx, &'a Talker)> + use<'a> {
        self.slots_telling(what).filter_map(|slot| self.row(slot))
    }

    fn slots_telling(&self, what: &[What]) -> Slots {
        let each = what.iter().filter_map(|what| self.telling.get(*what as usize));
        each.fold(Slots::default(), |all, slots| all.with(*slots))
    }

    /// Talkers of CAN buses.
    pub(super) fn on_bus(&self) -> impl Iterator<Item = (TalkerIx, &Talker)> {
        self.on_bus.filter_map(|slot| self.row(slot))
    }

    pub(super) fn row(&self, slot: u16) -> Option<(TalkerIx, &Talker)> {
        let talker = self.rows.get(usize::from(slot))?;
        Some((TalkerIx { slot, generation: talker.generation }, talker))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (TalkerIx, &Talker)> {
        (0..).zip(&self.rows).map(|(slot, talker)| (TalkerIx { slot, generation: talker.generation }, talker))
    }
}

/// Seconds since midnight UTC.
pub(crate) fn time_of_day(value: Value) -> Option<f64> {
    match value {
        Value::TimeOfDay(time) => Some(time.as_secs_f64()),
        Value::Time(time) => Some(time.0.rem_euclid(86_400_000_000_000) as f64 / 1e9),
        _ => None,
    }
}

/// Something a detection keeps of each talker; begins anew when the place goes to another talker.
#[derive(Debug)]
pub(crate) struct PerTalker<T> {
    rows: Vec<(u32, T)>,
}

impl<T> Default for PerTalker<T> {
    fn default() -> Self {
        Self { rows: Vec::new() }
    }
}

impl<T: Default> PerTalker<T> {
    /// What is kept of a talker.
    pub(crate) fn of(&mut self, ix: TalkerIx) -> &mut T {
        let slot = usize::from(ix.slot).min(MOST - 1);
        while self.rows.len() <= slot {
            self.rows.push((0, T::default()));
        }
        #[expect(clippy::indexing_slicing, reason = "the rows were just made as many")]
        let (generation, kept) = &mut self.rows[slot];
        if *generation != ix.generation {
            (*generation, *kept) = (ix.generation, T::default());
        }
        kept
    }

    /// What is kept of a talker, if anything is.
    pub(crate) fn get(&self, ix: TalkerIx) -> Option<&T> {
        self.rows.get(usize::from(ix.slot)).filter(|(generation, _)| *generation == ix.generation).map(|(_, kept)| kept)
    }
}

/// The letters of a sentence or the number of a parameter group as one number.
pub(crate) fn said(object: Object<'_>) -> Option<u32> {
    match object {
        Object::Sentence { formatter, .. } => {
            Some(formatter.bytes().take(4).fold(0, |packed, letter| (packed << 8) | u32::from(letter)))
        }
        Object::Pgn { pgn, .. } => Some(pgn | 0x8000_0000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_told_in_order() {
        let (mut some, mut others) = (Slots::default(), Slots::default());
        [191, 0, 64].into_iter().for_each(|slot| some.set(slot, true));
        [63, 64].into_iter().for_each(|slot| others.set(slot, true));
        some.set(0, false);
        assert_eq!(some.with(others).collect::<Vec<_>>(), [63, 64, 191]);
        assert_eq!(Slots::default().count(), 0);
    }

    #[test]
    fn a_flood_of_names_does_not_push_out_the_sensors() {
        use dogwatch_model::{Message, NoFields, Speaker, Transport};
        let mut talkers = Talkers::default();
        let flow = crate::detections::bench::flow("10.0.0.1", "239.192.0.4", 60_004, Transport::Udp);
        let message =
            Message { protocol: "t", kind: "t", function: 0, speaker: Speaker::Sender, acts: &[], fields: &NoFields };
        let mut say = |number: u64, second: i64| {
            let key = Key { who: Identity::Name(number.into()), sfi: 0, letters: [0; 2] };
            let event = Event { at: CaptureTime::from_parts(second, 0), frame: 1, flow: &flow, message: &message };
            talkers.of(key, &event, &Party::nobody(None), Source::default())
        };
        let sensor = say(1, 0);
        for second in 1..50 {
            say(1, second);
        }
        for number in 2..10_000 {
            say(number, 60);
        }
        assert_eq!(say(1, 61), sensor);
        assert_eq!(talkers.rows.len(), MOST);
        assert_eq!(talkers.by_key.len(), MOST);
    }
}
