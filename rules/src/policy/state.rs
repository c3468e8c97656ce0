//! The ship state: the fixed grammar of the `[state]` table and the evaluator that turns speed over ground into a state.
//!
//! It keeps a handful of times and no history. Time is capture time; a clock that goes back or a silence starts the count again.

use std::fmt;
use std::time::Duration;

use dogwatch_model::{CaptureTime, ShipState};

use super::words::StateSource;

/// A silence longer than this breaks "for 10 min": nobody knows what the ship did meanwhile.
const LONGEST_GAP: Duration = Duration::from_secs(120);
/// After this long without speed the state is unknown.
const FORGET_AFTER: Duration = Duration::from_secs(15 * 60);
/// Navigational status "at anchor" (ITU-R M.1371-5, table 45).
const AT_ANCHOR: u8 = 1;
/// Metres per second of one knot (1852 m in an hour).
const KNOT_M_S: f64 = 1_852.0 / 3_600.0;

/// A comparison of speed over ground, in m/s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Comparison {
    /// `sog > x`
    Above(f64),
    /// `sog >= x`
    AtLeast(f64),
    /// `sog < x`
    Below(f64),
    /// `sog <= x`
    AtMost(f64),
    /// `sog a..b`, both ends included.
    Within(f64, f64),
}

impl Comparison {
    /// Whether a speed in m/s fits.
    #[must_use]
    pub fn holds(self, sog_m_s: f64) -> bool {
        match self {
            Self::Above(limit) => sog_m_s > limit,
            Self::AtLeast(limit) => sog_m_s >= limit,
            Self::Below(limit) => sog_m_s < limit,
            Self::AtMost(limit) => sog_m_s <= limit,
            Self::Within(low, high) => (low..=high).contains(&sog_m_s),
        }
    }
}

/// When the ship is in a state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StateRule {
    /// Only when a person says so.
    Manual,
    /// When what she says has fitted for this long.
    Seen {
        /// The navigational status her AIS must tell (ITU-R M.1371-5, table 45: 1 at anchor, 5 moored).
        status: Option<u8>,
        /// What the speed must be, in m/s.
        speed: Option<Comparison>,
        /// For how long without a break.
        hold: Duration,
    },
}

impl StateRule {
    /// Reads `sog > 3 kn for 10 min`, `sog 0.5..6 kn for 3 min`, `nav = 1 and sog < 2 kn for 5 min`, `nav = 5 for 1 min`, `manual`. The error says
    /// which word was not understood.
    ///
    /// # Errors
    /// What is wrong, for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim() == "manual" {
            return Ok(Self::Manual);
        }
        let spaced = text.replace(">=", " >= ").replace("<=", " <= ");
        let spaced = if spaced.contains(">=") || spaced.contains("<=") {
            spaced
        } else {
            spaced.replace('>', " > ").replace('<', " < ").replace('=', " = ")
        };
        let mut words = spaced.split_whitespace();
        let mut next = |wanted: &str| words.next().ok_or_else(|| format!("{wanted} is missing"));
        let mut quantity = next("the quantity `sog`")?;
        let mut status = None;
        let mut is_more = true;
        if quantity == "nav" {
            let sign = next("`=`")?;
            if sign != "=" {
                return Err(format!("`{sign}` stands where `=` is expected"));
            }
            let code = next("the navigational status")?;
            let known = code.parse::<u8>().ok().filter(|code| *code <= 15);
            status = Some(known.ok_or_else(|| format!("`{code}` is no navigational status of AIS, 0 to 15"))?);
            match next("`and sog …` or `for` and a duration")? {
                "for" => is_more = false,
                "and" => quantity = next("the quantity `sog`")?,
                other => return Err(format!("`{other}` stands where `and` or `for` is expected")),
            }
        }
        let mut speed = None;
        if is_more {
            speed = Some(comparison(quantity, &mut next)?);
            let word = next("`for` and a duration")?;
            if word != "for" {
                return Err(format!("`{word}` stands where `for` is expected"));
            }
        }
        let amount = next("the duration")?;
        let amount: u32 = amount.parse().map_err(|_| format!("`{amount}` is no whole number of s, min or h"))?;
        let scale = match next("the unit of the duration (s, min or h)")? {
            "s" => 1,
            "min" => 60,
            "h" => 3_600,
            other => return Err(format!("`{other}` is no unit of time; write s, min or h")),
        };
        if let Some(rest) = words.next() {
            return Err(format!("`{rest}` stands behind the end"));
        }
        Ok(Self::Seen { status, speed, hold: Duration::from_secs(u64::from(amount) * scale) })
    }
}

/// Reads `sog > 3 kn` or `sog 0.5..6 kn`; the quantity was read already.
fn comparison<'w>(
    quantity: &str,
    next: &mut impl FnMut(&str) -> Result<&'w str, String>,
) -> Result<Comparison, String> {
    if quantity != "sog" {
        return Err(format!("`{quantity}` is no quantity; only `sog` (speed over ground) is"));
    }
    let sign = next("the comparison")?;
    let range = sign.split_once("..");
    let (low, high) = match range {
        Some((low, high)) => (speed(low)?, speed(high)?),
        None => (0.0, speed(next("the speed")?)?),
    };
    let unit = match next("the unit (kn or m/s)")? {
        "kn" => KNOT_M_S,
        "m/s" => 1.0,
        other => return Err(format!("`{other}` is no unit of speed; write kn or m/s")),
    };
    let (low, high) = (low * unit, high * unit);
    Ok(match (range, sign) {
        (Some(_), _) if low > high => return Err(format!("`{sign}` runs backwards")),
        (Some(_), _) => Comparison::Within(low, high),
        (None, ">") => Comparison::Above(high),
        (None, ">=") => Comparison::AtLeast(high),
        (None, "<") => Comparison::Below(high),
        (None, "<=") => Comparison::AtMost(high),
        (None, other) => {
            return Err(format!("`{other}` is no comparison; write >, >=, <, <= or a range such as 0.5..6"));
        }
    })
}

fn speed(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| format!("`{text}` is no speed"))
}

impl fmt::Display for StateRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Seen { status, speed, hold } = self else { return f.write_str("manual") };
        if let Some(status) = status {
            write!(f, "nav = {status} ")?;
            f.write_str(if speed.is_some() { "and " } else { "" })?;
        }
        let kn = |m_s: f64| (m_s / KNOT_M_S * 1_000.0).round() / 1_000.0;
        match *speed {
            Some(Comparison::Above(limit)) => write!(f, "sog > {} kn ", kn(limit))?,
            Some(Comparison::AtLeast(limit)) => write!(f, "sog >= {} kn ", kn(limit))?,
            Some(Comparison::Below(limit)) => write!(f, "sog < {} kn ", kn(limit))?,
            Some(Comparison::AtMost(limit)) => write!(f, "sog <= {} kn ", kn(limit))?,
            Some(Comparison::Within(low, high)) => write!(f, "sog {}..{} kn ", kn(low), kn(high))?,
            None => {}
        }
        write!(f, "for {} s", hold.as_secs())
    }
}

/// The `[state]` table.
#[derive(Debug, Clone, PartialEq)]
pub struct StateRules {
    /// How the state is known.
    pub source: StateSource,
    /// The rules that are written, in the order of the page; at most one a state.
    pub rules: Vec<(ShipState, StateRule)>,
}

impl Default for StateRules {
    /// The rules of the policy page, for a file without a `[state]` table.
    fn default() -> Self {
        let speed = |comparison, minutes: u64| StateRule::Seen {
            status: None,
            speed: Some(comparison),
            hold: Duration::from_secs(minutes * 60),
        };
        let rules = Self {
            source: StateSource::Auto,
            rules: vec![
                (ShipState::AtSea, speed(Comparison::Above(3.0 * KNOT_M_S), 10)),
                (ShipState::Manoeuvring, speed(Comparison::Within(0.5 * KNOT_M_S, 6.0 * KNOT_M_S), 3)),
                (ShipState::InPort, speed(Comparison::Below(0.5 * KNOT_M_S), 30)),
                (ShipState::Drydock, StateRule::Manual),
            ],
        };
        rules.with_anchor()
    }
}

impl StateRules {
    /// A ship at anchor lies as still as one alongside; her AIS tells them apart. Where the file has no rule for it, this one holds.
    pub(super) fn with_anchor(mut self) -> Self {
        if !self.rules.iter().any(|(state, _)| *state == ShipState::AtAnchor) {
            let rule = StateRule::Seen {
                status: Some(AT_ANCHOR),
                speed: Some(Comparison::Below(2.0 * KNOT_M_S)),
                hold: Duration::from_secs(300),
            };
            self.rules.push((ShipState::AtAnchor, rule));
        }
        self
    }
}

/// Follows the ship state from speed over ground and navigational status. Where several rules hold, one that names a navigational status goes first,
/// then the one that had to hold longest; while none holds the state stays as it was.
#[derive(Debug, Clone)]
pub struct StateTracker {
    rules: StateRules,
    /// Since when each rule has fitted, beside `rules.rules`.
    since: Vec<Option<CaptureTime>>,
    state: ShipState,
    last: Option<CaptureTime>,
    /// What her AIS last told, and when.
    status: Option<(CaptureTime, u8)>,
    manual: Option<(ShipState, Option<CaptureTime>)>,
    changed: Option<CaptureTime>,
}

impl StateTracker {
    /// Starts with the state unknown.
    #[must_use]
    pub fn new(rules: StateRules) -> Self {
        let since = vec![None; rules.rules.len()];
        Self { rules, since, state: ShipState::Unknown, last: None, status: None, manual: None, changed: None }
    }

    /// Other rules are in force; what is known of the ship stays.
    pub fn follow(&mut self, rules: StateRules) {
        self.since = vec![None; rules.rules.len()];
        self.rules = rules;
    }

    /// Takes the navigational status that her own AIS tells.
    pub fn feed_status(&mut self, at: CaptureTime, status: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a code from 0 to 15, checked here"
        )]
        let code = (0.0..=15.0).contains(&status).then_some(status as u8);
        if let Some(code) = code {
            self.status = Some((at, code));
        }
    }

    /// Sets the state by hand, until a time or until it is set to `None`; it wins over speed.
    pub fn set_manual(&mut self, manual: Option<(ShipState, Option<CaptureTime>)>) {
        self.manual = manual;
    }

    /// Takes a speed over ground in m/s seen at `at`; gives the state then. Speeds that are no number are ignored.
    pub fn feed(&mut self, at: CaptureTime, sog_m_s: f64) -> ShipState {
        if self.rules.source != StateSource::Auto || !sog_m_s.is_finite() {
            return self.state_at(at);
        }
        let broken = self.last.is_some_and(|last| at < last || at.since(last) > LONGEST_GAP);
        if broken {
            self.since.fill(None);
        }
        if self.last.is_some_and(|last| at.since(last) > FORGET_AFTER) {
            self.state = ShipState::Unknown;
        }
        self.last = Some(at);
        let told = self.status.filter(|(told, _)| at.since(*told) <= FORGET_AFTER).map(|(_, code)| code);
        let mut best: Option<((bool, Duration), ShipState)> = None;
        for ((state, rule), since) in self.rules.rules.iter().zip(&mut self.since) {
            let StateRule::Seen { status, speed, hold } = *rule else { continue };
            let fits = speed.is_none_or(|speed| speed.holds(sog_m_s)) && (status.is_none() || status == told);
            if !fits {
                *since = None;
                continue;
            }
            let held = at.since(*since.get_or_insert(at));
            let rank = (status.is_some(), hold);
            if held >= hold && best.is_none_or(|(known, _)| rank > known) {
                best = Some((rank, *state));
            }
        }
        if let Some((_, state)) = best
            && state != self.state
        {
            self.state = state;
            self.changed = Some(at);
        }
        self.state_at(at)
    }

    /// The state at a time: by hand, else as last concluded, else unknown when no speed was heard for a quarter of an hour.
    #[must_use]
    pub fn state_at(&self, at: CaptureTime) -> ShipState {
        if let Some((state, until)) = self.manual
            && until.is_none_or(|until| at <= until)
        {
            return state;
        }
        match self.last {
            Some(last) if at.since(last) <= FORGET_AFTER => self.state,
            _ => ShipState::Unknown,
        }
    }

    /// When the concluded state last changed: rules wait a while after it.
    #[must_use]
    pub const fn changed_at(&self) -> Option<CaptureTime> {
        self.changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KN: f64 = KNOT_M_S;

    #[test]
    fn grammar() {
        let speed = |comparison, seconds| {
            Ok(StateRule::Seen { status: None, speed: Some(comparison), hold: Duration::from_secs(seconds) })
        };
        let status = |status, speed, seconds| {
            Ok(StateRule::Seen { status: Some(status), speed, hold: Duration::from_secs(seconds) })
        };
        for (text, want) in [
            ("manual", Ok(StateRule::Manual)),
            ("sog > 3 kn for 10 min", speed(Comparison::Above(3.0 * KN), 600)),
            ("sog>3 kn for 10 min", speed(Comparison::Above(3.0 * KN), 600)),
            ("sog <= 0.5 m/s for 90 s", speed(Comparison::AtMost(0.5), 90)),
            ("sog 0.5..6 kn for 3 min", speed(Comparison::Within(0.5 * KN, 6.0 * KN), 180)),
            ("nav = 1 and sog < 2 kn for 5 min", status(1, Some(Comparison::Below(2.0 * KN)), 300)),
            ("nav=5 for 1 min", status(5, None, 60)),
            ("nav = 16 for 1 min", Err("`16` is no navigational status of AIS, 0 to 15".to_owned())),
            ("nav > 1 for 1 min", Err("`>` stands where `=` is expected".to_owned())),
            ("nav = 1 or sog < 2 kn for 5 min", Err("`or` stands where `and` or `for` is expected".to_owned())),
            ("stw > 3 kn for 10 min", Err("`stw` is no quantity; only `sog` (speed over ground) is".to_owned())),
            ("sog > 3 km/h for 10 min", Err("`km/h` is no unit of speed; write kn or m/s".to_owned())),
            ("sog > 3 kn", Err("`for` and a duration is missing".to_owned())),
            ("sog > x kn for 10 min", Err("`x` is no speed".to_owned())),
            ("sog 6..1 kn for 10 min", Err("`6..1` runs backwards".to_owned())),
            ("sog > 3 kn for 10 min more", Err("`more` stands behind the end".to_owned())),
            ("", Err("the quantity `sog` is missing".to_owned())),
        ] {
            assert_eq!(StateRule::parse(text), want, "{text}");
        }
    }

    /// Feeds one speed every 10 s for so many minutes.
    fn sail(tracker: &mut StateTracker, clock: &mut i64, minutes: i64, knots: f64) -> ShipState {
        let mut state = ShipState::Unknown;
        for _ in 0..minutes * 6 {
            *clock += 10;
            state = tracker.feed(CaptureTime::from_parts(*clock, 0), knots * KN);
        }
        state
    }

    #[test]
    fn a_port_call() {
        let mut tracker = StateTracker::new(StateRules::default());
        let mut clock = 1_800_000_000;
        assert_eq!(sail(&mut tracker, &mut clock, 9, 14.0), ShipState::Unknown);
        assert_eq!(sail(&mut tracker, &mut clock, 2, 14.0), ShipState::AtSea);
        assert_eq!(sail(&mut tracker, &mut clock, 20, 4.0), ShipState::AtSea, "slow, but above 3 kn all the time");
        assert_eq!(sail(&mut tracker, &mut clock, 4, 2.0), ShipState::Manoeuvring);
        assert_eq!(sail(&mut tracker, &mut clock, 29, 0.1), ShipState::Manoeuvring, "stays until the next rule holds");
        assert_eq!(sail(&mut tracker, &mut clock, 2, 0.1), ShipState::InPort);
    }

    #[test]
    fn at_anchor_by_what_her_ais_says() {
        let mut tracker = StateTracker::new(StateRules::default());
        let mut clock = 1_800_000_000;
        sail(&mut tracker, &mut clock, 11, 14.0);
        sail(&mut tracker, &mut clock, 5, 1.0);
        tracker.feed_status(CaptureTime::from_parts(clock, 0), 1.0);
        assert_eq!(sail(&mut tracker, &mut clock, 6, 0.3), ShipState::AtAnchor);
        // as still as alongside, for an hour, but she says that she is at anchor
        for _ in 0..6 {
            tracker.feed_status(CaptureTime::from_parts(clock, 0), 1.0);
            assert_eq!(sail(&mut tracker, &mut clock, 10, 0.3), ShipState::AtAnchor);
        }
        tracker.feed_status(CaptureTime::from_parts(clock, 0), 5.0);
        assert_eq!(
            sail(&mut tracker, &mut clock, 1, 0.1),
            ShipState::InPort,
            "still for more than half an hour, and moored"
        );
        tracker.feed_status(CaptureTime::from_parts(clock, 0), f64::NAN);
    }

    #[test]
    fn silence_and_a_clock_that_goes_back_start_again() {
        let mut tracker = StateTracker::new(StateRules::default());
        let mut clock = 1_800_000_000;
        sail(&mut tracker, &mut clock, 9, 14.0);
        clock += 300;
        assert_eq!(sail(&mut tracker, &mut clock, 9, 14.0), ShipState::Unknown);
        clock -= 3_600;
        assert_eq!(sail(&mut tracker, &mut clock, 9, 14.0), ShipState::Unknown);
        assert_eq!(sail(&mut tracker, &mut clock, 2, 14.0), ShipState::AtSea);
        assert_eq!(tracker.state_at(CaptureTime::from_parts(clock + 16 * 60, 0)), ShipState::Unknown);
    }

    #[test]
    fn a_person_wins() {
        let mut tracker = StateTracker::new(StateRules::default());
        let until = CaptureTime::from_parts(1_800_010_000, 0);
        tracker.set_manual(Some((ShipState::Drydock, Some(until))));
        let mut clock = 1_800_000_000;
        assert_eq!(sail(&mut tracker, &mut clock, 11, 14.0), ShipState::Drydock);
        clock = 1_800_010_000 - 5;
        assert_eq!(sail(&mut tracker, &mut clock, 11, 14.0), ShipState::AtSea);
    }
}
