//! The room where events meet detectors: each detector is shown only what it asked for, in a fixed order.

use dogwatch_model::{Act, CaptureTime, Event, Finding, Of, Position, Quantity, ShipState, Value};

use crate::detections;
use crate::detector::{Context, Detector, Directory, Wants};
use crate::findings::FindingTable;
use crate::learning::{Baseline, Learning};
use crate::own_ship::{OwnShip, Troubles};
use crate::policy::{Policy, StateTracker};
use crate::seen::{FlowSeen, HealthSeen, Party, Source};

/// How the rules run.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Switches the rules off altogether: for measuring what they cost.
    pub off: bool,
}

/// What the rules did, for the metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RulesCounters {
    /// Events shown to at least one detector.
    pub events: u64,
    /// Findings kept quiet because they are accepted.
    pub suppressed: u64,
}

/// Policy, detectors and findings of one ship.
pub struct Rules {
    policy: Option<Policy>,
    detectors: Vec<Box<dyn Detector>>,
    /// Positions in `detectors` by what they want.
    flows: Vec<usize>,
    /// For every mixture of acts (a sum of the bits of [`kinds`]) the detectors that want any of it: each sees an event once, in their order.
    events: Vec<Vec<usize>>,
    healths: Vec<usize>,
    own_ship: OwnShip,
    troubles: Troubles,
    findings: FindingTable,
    state: ShipState,
    tracker: Option<StateTracker>,
    learning: Learning,
    last_tick: Option<CaptureTime>,
    counters: RulesCounters,
}

impl Rules {
    /// Every detection of this build, with or without a policy.
    #[must_use]
    pub fn new(policy: Option<Policy>, settings: &Settings) -> Self {
        Self::with(policy, if settings.off { Vec::new() } else { detections::all() })
    }

    /// The given detectors, in this order.
    pub(crate) fn with(policy: Option<Policy>, mut detectors: Vec<Box<dyn Detector>>) -> Self {
        for detector in &mut detectors {
            set_thresholds(&mut **detector, policy.as_ref());
        }
        let wanting = |wants: &dyn Fn(Wants) -> bool| -> Vec<usize> {
            let all = detectors.iter().enumerate();
            all.filter(|(_, detector)| wants(detector.wants())).map(|(index, _)| index).collect()
        };
        let (flows, healths) = (wanting(&|w| w.flows), wanting(&|w| w.health));
        let events = (0..=kinds::ALL).map(|seen| wanting(&|w| kinds::wanted(w) & seen != 0)).collect();
        let tracker = policy.as_ref().map(|policy| StateTracker::new(policy.state.clone()));
        Self {
            policy,
            detectors,
            flows,
            events,
            healths,
            own_ship: OwnShip::default(),
            troubles: Troubles::default(),
            findings: FindingTable::default(),
            state: ShipState::Unknown,
            tracker,
            learning: Learning::default(),
            last_tick: None,
            counters: RulesCounters::default(),
        }
    }

    /// The policy in force.
    #[must_use]
    pub const fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref()
    }

    /// The findings.
    #[must_use]
    pub const fn findings(&self) -> &FindingTable {
        &self.findings
    }

    /// Puts findings of an earlier run back.
    pub fn restore(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.restore(findings);
    }

    /// What the detectors learned so far.
    #[must_use]
    pub fn baseline(&self) -> Baseline {
        let learned = self.detectors.iter().filter_map(|detector| Some((key_of(&**detector)?, detector.learned()?)));
        Baseline::new(self.learning, self.last_tick, learned.collect())
    }

    /// Takes up what an earlier run learned; gives the ids of detectors that could not read theirs.
    pub fn recall(&mut self, baseline: Baseline) -> Vec<String> {
        let mut learned = baseline.learned;
        let mut unread = Vec::new();
        for detector in &mut self.detectors {
            let Some(key) = key_of(&**detector) else { continue };
            if let Some(learned) = learned.remove(&key)
                && detector.recall(learned).is_err()
            {
                unread.push(key);
            }
        }
        self.learning.has_baseline();
        unread
    }

    /// Findings that are new or changed since the last call.
    pub fn take_changed(&mut self) -> Vec<Finding> {
        self.findings.take_changed()
    }

    /// What the ship is doing.
    #[must_use]
    pub const fn ship_state(&self) -> ShipState {
        self.state
    }

    /// What was done so far.
    #[must_use]
    pub const fn counters(&self) -> RulesCounters {
        RulesCounters { suppressed: self.findings.suppressed(), ..self.counters }
    }

    /// A flow reached a stage.
    pub fn flow(&mut self, seen: &FlowSeen<'_>, directory: &dyn Directory) {
        self.learning.seen(seen.at);
        let mut policy_raised = false;
        for index in &self.flows {
            let Some(detector) = self.detectors.get_mut(*index) else { continue };
            let mut cx = Context {
                policy: self.policy.as_ref(),
                state: self.state,
                learning: self.learning,
                directory,
                findings: &mut self.findings,
                source: seen.source,
                policy_raised: &mut policy_raised,
                ship: &self.own_ship,
                talker: None,
                troubles: &mut self.troubles,
            };
            detector.flow(seen, &mut cx);
        }
    }

    /// Something was said by `from`, to `to`.
    pub fn event(
        &mut self,
        event: &Event<'_>,
        from: &Party,
        to: &Party,
        source: Source<'_>,
        directory: &dyn Directory,
    ) {
        self.learning.seen(event.at);
        let mut seen = 0;
        for act in event.message.acts {
            seen |= match act {
                Act::Request { .. } | Act::Reply { .. } => kinds::REQUESTS,
                Act::Publishes { .. } => kinds::PUBLISHED,
                Act::Says(_) => kinds::FACTS,
                Act::Measures { of: Of::Target(_), .. } => kinds::MEASURES,
                Act::Measures { of, quantity, value } => {
                    self.own_ship(event.at, *of, *quantity, *value);
                    kinds::MEASURES | kinds::OWN_SHIP
                }
                Act::Odd(_) => kinds::ODDITIES,
            };
        }
        let talker = if self.detectors.is_empty() { None } else { self.own_ship.note(event, from, source) };
        let Some(list) = self.events.get(seen).filter(|list| !list.is_empty()) else { return };
        self.counters.events = self.counters.events.wrapping_add(1);
        let mut policy_raised = false;
        let mut cx = Context {
            policy: self.policy.as_ref(),
            state: self.state,
            learning: self.learning,
            directory,
            findings: &mut self.findings,
            source,
            policy_raised: &mut policy_raised,
            ship: &self.own_ship,
            talker,
            troubles: &mut self.troubles,
        };
        for index in list {
            if let Some(detector) = self.detectors.get_mut(*index) {
                detector.event(event, from, to, &mut cx);
            }
        }
    }

    /// How well a capture source sees.
    pub fn health(&mut self, seen: &HealthSeen<'_>, directory: &dyn Directory) {
        let mut policy_raised = false;
        for index in &self.healths {
            let Some(detector) = self.detectors.get_mut(*index) else { continue };
            let mut cx = Context {
                policy: self.policy.as_ref(),
                state: self.state,
                learning: self.learning,
                directory,
                findings: &mut self.findings,
                source: Source { label: seen.source, selector: "" },
                policy_raised: &mut policy_raised,
                ship: &self.own_ship,
                talker: None,
                troubles: &mut self.troubles,
            };
            detector.health(seen, &mut cx);
        }
    }

    /// Time goes by; does something once a second of capture time.
    pub fn tick(&mut self, at: CaptureTime, directory: &dyn Directory) {
        if self.last_tick.is_some_and(|last| last.seconds() == at.seconds()) {
            return;
        }
        self.last_tick = Some(at);
        let mut policy_raised = false;
        for detector in &mut self.detectors {
            let mut cx = Context {
                policy: self.policy.as_ref(),
                state: self.state,
                learning: self.learning,
                directory,
                findings: &mut self.findings,
                source: Source::default(),
                policy_raised: &mut policy_raised,
                ship: &self.own_ship,
                talker: None,
                troubles: &mut self.troubles,
            };
            detector.tick(at, &mut cx);
        }
    }

    fn own_ship(&mut self, at: CaptureTime, of: Of, quantity: Quantity, value: Value) {
        if of != Of::OwnShip {
            return;
        }
        match (quantity, value) {
            (Quantity::SpeedOverGround, Value::Number(speed)) => {
                if let Some(tracker) = &mut self.tracker {
                    self.state = tracker.feed(at, speed);
                }
            }
            (Quantity::Position, Value::Position { lat, lon }) => self.findings.set_position(Position { lat, lon }),
            _ => {}
        }
    }
}

/// The kinds of acts an event may hold, as bits.
mod kinds {
    use crate::detector::Wants;

    pub(super) const REQUESTS: usize = 1;
    pub(super) const PUBLISHED: usize = 2;
    pub(super) const FACTS: usize = 4;
    pub(super) const MEASURES: usize = 8;
    pub(super) const OWN_SHIP: usize = 16;
    pub(super) const ODDITIES: usize = 32;
    pub(super) const ALL: usize = 63;

    /// The bits a detector wants.
    pub(super) const fn wanted(wants: Wants) -> usize {
        (if wants.requests { REQUESTS } else { 0 })
            | (if wants.published { PUBLISHED } else { 0 })
            | (if wants.facts { FACTS } else { 0 })
            | (if wants.measures { MEASURES } else { 0 })
            | (if wants.own_ship { OWN_SHIP } else { 0 })
            | (if wants.oddities { ODDITIES } else { 0 })
    }
}

/// Gives a detector the thresholds the policy sets for it; the policy was checked against the same list.
fn set_thresholds(detector: &mut dyn Detector, policy: Option<&Policy>) {
    let Some(policy) = policy.filter(|policy| !policy.thresholds.is_empty()) else { return };
    for threshold in detector.thresholds() {
        let set = policy.thresholds.iter().find(|set| set.detection == threshold.id && set.key == threshold.key);
        if let Some(set) = set {
            *threshold.value = set.value;
        }
    }
}

/// What a detector's part of a baseline is filed under.
fn key_of(detector: &dyn Detector) -> Option<String> {
    detector.cards().first().map(|card| card.id.to_owned())
}
