//! The room where events meet detectors: each detector is shown only what it asked for, in a fixed order.

use std::sync::Arc;
use std::time::Duration;

use dogwatch_intel::Intel;
use dogwatch_model::{Act, CaptureTime, Event, Finding, Object, Of, Position, Quantity, ShipState, Value};

use crate::aggregates::Aggregates;
use crate::detections::{self, is_ashore};
use crate::detector::{Context, Detector, Directory, Once, Wants};
use crate::findings::FindingTable;
use crate::heard::Heard;
use crate::holders::Holders;
use crate::learning::{Baseline, Learning};
use crate::own_ship::{OwnShip, TalkerIx, Troubles};
use crate::policy::{AppName, Mode, Policy, StateTracker};
use crate::repeats::Repeats;
use crate::seen::{
    EnforcedSeen, FlowSeen, FlowStage, HealthSeen, IrregularSeen, Party, PolicySeen, SelfSeen, SignatureSeen, Source,
};
use crate::spoken::{Meant, Spoken, Wanting};
use crate::wanted::{self, Wanted};

/// How long the ship settles into a state she has changed to (catalogue: `grace.state_change_s`).
const SETTLES: Duration = Duration::from_secs(900);
/// Data behind a ship state from which on it counts as learned (policy page: 24 h).
const LEARNED_SECONDS: u64 = 24 * 3_600;

/// How the rules run.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Switches the rules off altogether: for measuring what they cost.
    pub off: bool,
    /// Nobody will ask what was learned: then nothing is added up for proposals.
    pub forgets: bool,
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
    known: Known,
    detectors: Vec<Box<dyn Detector>>,
    /// What each detector's figures are when nobody sets them.
    defaults: Vec<Vec<f64>>,
    /// Positions of those that want flows; the bits of the sets of flows stand for these, in this order.
    following: Vec<usize>,
    /// Who wants which stage, and who wants only what goes ashore.
    flows: [Wanting; FlowStage::ALL.len()],
    ashore: Wanting,
    /// Positions of those that want events; the bits of a [`Wanting`] stand for these, in this order.
    listening: Vec<usize>,
    /// Who wants which acts, and who wants whose events. Who stands in both is shown the event.
    wanted: Wanted,
    spoken: Spoken,
    /// Who is shown the same message, or the same speaker, only once in a moment; and what was shown.
    once_said: Wanting,
    once_spoke: Wanting,
    repeats: Repeats,
    healths: Vec<usize>,
    irregulars: Vec<usize>,
    signatures: Vec<usize>,
    tracker: StateTracker,
    /// `None` while the rules are off, and where nobody will ask for them.
    aggregates: Option<Aggregates>,
    last_tick: Option<CaptureTime>,
    counters: RulesCounters,
}

/// Nobody speaks: time goes by, or the monitor looks at itself.
const NOBODY: (Option<AppName>, Option<TalkerIx>) = (None, None);

/// What every detector is shown of the ship while it looks, apart from the detectors so that both can be held at a time.
#[derive(Default)]
struct Known {
    policy: Option<Policy>,
    state: ShipState,
    settles: Option<CaptureTime>,
    learning: Learning,
    own_ship: OwnShip,
    heard: Heard,
    troubles: Troubles,
    holders: Holders,
    findings: FindingTable,
}

impl Known {
    fn context<'a>(
        &'a mut self,
        directory: &'a dyn Directory,
        source: Source<'a>,
        (app, talker): (Option<AppName>, Option<TalkerIx>),
        policy_raised: &'a mut bool,
    ) -> Context<'a> {
        Context {
            app,
            policy: self.policy.as_ref(),
            state: self.state,
            settles: self.settles,
            learning: self.learning,
            directory,
            findings: &mut self.findings,
            source,
            policy_raised,
            ship: &self.own_ship,
            heard: &self.heard,
            talker,
            troubles: &mut self.troubles,
            holders: &mut self.holders,
        }
    }
}

impl Rules {
    /// Every detection of this build, with or without a policy.
    #[must_use]
    pub fn new(policy: Option<Policy>, settings: &Settings) -> Self {
        let mut rules = Self::with(policy, if settings.off { Vec::new() } else { detections::all() });
        if settings.forgets {
            rules.aggregates = None;
        }
        rules
    }

    /// The given detectors, in this order.
    pub(crate) fn with(policy: Option<Policy>, mut detectors: Vec<Box<dyn Detector>>) -> Self {
        let defaults = detectors.iter_mut().map(|d| d.thresholds().iter().map(|t| *t.value).collect()).collect();
        let tracker = StateTracker::new(policy.as_ref().map(|policy| policy.state.clone()).unwrap_or_default());
        let aggregates = (!detectors.is_empty()).then(|| Aggregates::new(policy.as_ref()));
        let mut rules = Self {
            known: Known { policy, ..Known::default() },
            detectors,
            defaults,
            following: Vec::new(),
            flows: [0; FlowStage::ALL.len()],
            ashore: 0,
            listening: Vec::new(),
            wanted: Wanted::new(&|_| 0),
            spoken: Spoken::new(&|_| Meant::default()),
            once_said: 0,
            once_spoke: 0,
            repeats: Repeats::new(),
            healths: Vec::new(),
            irregulars: Vec::new(),
            signatures: Vec::new(),
            tracker,
            aggregates,
            last_tick: None,
            counters: RulesCounters::default(),
        };
        rules.ask_wants();
        rules.set_thresholds();
        rules
    }

    /// Asks every detector what it wants to be shown.
    fn ask_wants(&mut self) {
        let has_plan = self.known.policy.is_some();
        let wanting = |wants: &dyn Fn(Wants) -> bool| -> Vec<usize> {
            let all = self.detectors.iter().enumerate();
            all.filter(|(_, detector)| wants(detector.wants())).map(|(index, _)| index).collect()
        };
        let is_on = |wants: Wants| has_plan || !wants.planned;
        let (following, listening) = (wanting(&|w| !w.flows.is_empty()), wanting(&wanted::listens));
        let bits = |of: &[usize], wants: &dyn Fn(Wants) -> bool| {
            let bits = wanting(wants).into_iter().filter_map(|index| of.iter().position(|known| *known == index));
            bits.fold(0, |set, bit| set | 1_u64.unbounded_shl(bit as u32))
        };
        let of_stage = |stage| bits(&following, &|w| w.flows.contains(&stage) && is_on(w));
        let mut flows = [0; FlowStage::ALL.len()];
        FlowStage::ALL.iter().zip(&mut flows).for_each(|(stage, set)| *set = of_stage(*stage));
        let ashore = bits(&following, &|w| w.ashore);
        let set = |wants: &dyn Fn(Wants) -> bool| bits(&listening, wants);
        let wanted = Wanted::new(&set);
        let spoken = Spoken::new(&|app| Meant {
            events: set(&|w| w.of.is_meant(app) && is_on(w)),
            flows: bits(&following, &|w| w.flows_of.is_meant(app)),
        });
        let healths = wanting(&|w| w.health);
        let (irregulars, signatures) = (wanting(&|w| w.irregular), wanting(&|w| w.signatures));
        let once = |once| set(&|w| w.once == once);
        (self.once_said, self.once_spoke) = (once(Once::Said), once(Once::Spoke));
        (self.wanted, self.spoken) = (wanted, spoken);
        (self.flows, self.ashore, self.healths) = (flows, ashore, healths);
        (self.irregulars, self.signatures) = (irregulars, signatures);
        (self.following, self.listening) = (following, listening);
        self.repeats.forget();
    }

    /// Gives the detectors what people imported.
    pub fn import(&mut self, intel: &Arc<Intel>) {
        for detector in &mut self.detectors {
            detector.imported(intel);
        }
        self.ask_wants();
    }

    /// Gives every detector the figures the policy sets, and its own where the policy sets none. The policy was checked against the same list.
    fn set_thresholds(&mut self) {
        let set = self.known.policy.as_ref().map_or(&[][..], |policy| &policy.thresholds);
        for (detector, defaults) in self.detectors.iter_mut().zip(&self.defaults) {
            for (threshold, default) in detector.thresholds().into_iter().zip(defaults) {
                let given = set.iter().find(|set| set.detection == threshold.id && set.key == threshold.key);
                *threshold.value = given.map_or(*default, |set| set.value);
            }
        }
    }

    /// The policy in force.
    #[must_use]
    pub const fn policy(&self) -> Option<&Policy> {
        self.known.policy.as_ref()
    }

    /// The findings.
    #[must_use]
    pub const fn findings(&self) -> &FindingTable {
        &self.known.findings
    }

    /// Puts findings of an earlier run back.
    pub fn restore(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.known.findings.restore(findings);
    }

    /// What the detectors learned so far.
    #[must_use]
    pub fn baseline(&self) -> Baseline {
        let learned = self.detectors.iter().filter_map(|detector| Some((key_of(&**detector)?, detector.learned()?)));
        let aggregates = self.aggregates.as_ref().map(Aggregates::learned).unwrap_or_default();
        Baseline::new(self.known.learning, self.last_tick, learned.collect(), aggregates)
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
        if let Some(aggregates) = &mut self.aggregates {
            aggregates.recall(baseline.aggregates, self.known.policy.as_ref());
        }
        self.known.learning.take_up(baseline.watched_s);
        unread
    }

    /// Findings that are new or changed since the last call.
    pub fn take_changed(&mut self) -> Vec<Finding> {
        self.known.findings.take_changed()
    }

    /// What the ship is doing.
    #[must_use]
    pub const fn ship_state(&self) -> ShipState {
        self.known.state
    }

    /// What was done so far.
    #[must_use]
    pub const fn counters(&self) -> RulesCounters {
        RulesCounters { suppressed: self.known.findings.suppressed(), ..self.counters }
    }

    /// A flow reached a stage.
    pub fn flow(&mut self, seen: &FlowSeen<'_>, directory: &dyn Directory) {
        self.known.learning.seen(seen.at);
        self.known.heard.flow(seen);
        if matches!(seen.stage, FlowStage::Started | FlowStage::Progress) && !self.detectors.is_empty() {
            self.known.holders.flow(seen);
        }
        let mut policy_raised = false;
        let nothing = (None, self.spoken.of_nothing());
        let (app, meant) = seen.protocol.map_or(nothing, |protocol| self.spoken.of(protocol));
        let mut wanting = self.flows.get(seen.stage as usize).copied().unwrap_or_default() & meant.flows;
        if wanting & self.ashore != 0 && !is_ashore(self.known.policy.as_ref(), &seen.to) {
            wanting &= !self.ashore;
        }
        let mut cx = self.known.context(directory, seen.source, (app, None), &mut policy_raised);
        while wanting != 0 {
            let index = wanting.trailing_zeros() as usize;
            wanting &= wanting - 1;
            let detector = self.following.get(index).and_then(|index| self.detectors.get_mut(*index));
            if let Some(detector) = detector {
                detector.flow(seen, &mut cx);
            }
        }
        if let Some(aggregates) = &mut self.aggregates {
            aggregates.flow(seen, self.known.policy.as_ref(), self.known.state, self.known.findings.take_raised());
        }
    }

    /// Something was said by `from`, to `to`, in the `line`: a number for the flow and direction that no other flow has had.
    pub fn event(
        &mut self,
        event: &Event<'_>,
        from: &Party,
        to: &Party,
        (source, line): (Source<'_>, u64),
        directory: &dyn Directory,
    ) {
        self.known.learning.seen(event.at);
        let (mut seen, mut wanting) = (0, 0);
        for act in event.message.acts {
            seen |= match act {
                Act::Request { verb, object } => wanted::asked(*verb, *object),
                Act::Reply { refused: false, .. } => wanted::ANSWERS,
                Act::Reply { refused: true, .. } => wanted::REFUSALS,
                Act::Publishes { object: Object::Sentence { .. } } => wanted::SENTENCES,
                Act::Publishes { object: Object::Pgn { .. } } => wanted::GROUPS,
                Act::Publishes { .. } => wanted::PUBLISHED,
                Act::Says(fact) => {
                    wanting |= self.wanted.fact(fact.attribute);
                    wanted::FACTS
                }
                Act::Measures { of: Of::Target(_), .. } => wanted::TARGETS,
                Act::Measures { of, quantity, value } => {
                    self.own_ship(event.at, *of, *quantity, *value);
                    wanting |= self.wanted.quantity(*quantity);
                    wanted::OWN_SHIP
                }
                Act::Values { .. } | Act::States(_) => wanted::VALUES,
                Act::Odd(_) => wanted::ODDITIES,
            };
        }
        let is_of_ship = seen & wanted::OF_SHIPS != 0 && !self.detectors.is_empty();
        self.known.own_ship.heard(event.flow.source, event.at);
        let talker = if is_of_ship { self.known.own_ship.note(event, from, source) } else { None };
        let (app, meant) = self.spoken.of(event.message.protocol);
        wanting = (wanting | self.wanted.kinds(seen)) & meant.events;
        if seen & wanted::NEVER_REPEATED == 0 {
            if wanting & self.once_said != 0 && self.repeats.is_said_again(line, event) {
                wanting &= !self.once_said;
            }
            if wanting & self.once_spoke != 0 && self.repeats.is_spoken_again(line, event) {
                wanting &= !self.once_spoke;
            }
        }
        if wanting != 0 {
            self.counters.events = self.counters.events.wrapping_add(1);
            let mut policy_raised = false;
            let mut cx = self.known.context(directory, source, (app, talker), &mut policy_raised);
            while wanting != 0 {
                let index = wanting.trailing_zeros() as usize;
                wanting &= wanting - 1;
                let detector = self.listening.get(index).and_then(|index| self.detectors.get_mut(*index));
                if let Some(detector) = detector {
                    detector.event(event, from, to, &mut cx);
                }
            }
        }
        if let Some(aggregates) = self.aggregates.as_mut().filter(|_| seen & wanted::ADDED_UP != 0) {
            let raised = self.known.findings.take_raised();
            aggregates.event(event, from, to, source, self.known.policy.as_ref(), self.known.state, raised);
        }
    }

    /// A packet is not as it should be.
    pub fn irregular(&mut self, seen: &IrregularSeen<'_>, directory: &dyn Directory) {
        let mut policy_raised = false;
        for index in &self.irregulars {
            let Some(detector) = self.detectors.get_mut(*index) else { continue };
            let app = seen.protocol.and_then(AppName::of_protocol);
            let mut cx = self.known.context(directory, seen.source, (app, None), &mut policy_raised);
            detector.irregular(seen, &mut cx);
        }
    }

    /// Payload is as an imported signature describes it.
    pub fn signature(&mut self, seen: &SignatureSeen<'_>, directory: &dyn Directory) {
        self.known.learning.seen(seen.at);
        let mut policy_raised = false;
        for index in &self.signatures {
            let Some(detector) = self.detectors.get_mut(*index) else { continue };
            let app = seen.protocol.and_then(|protocol| self.spoken.of(protocol).0);
            let mut cx = self.known.context(directory, seen.source, (app, None), &mut policy_raised);
            detector.signature(seen, &mut cx);
        }
    }

    /// How well a capture source sees.
    pub fn health(&mut self, seen: &HealthSeen<'_>, directory: &dyn Directory) {
        let mut policy_raised = false;
        for index in &self.healths {
            let Some(detector) = self.detectors.get_mut(*index) else { continue };
            let mut cx =
                self.known.context(directory, Source { label: seen.source, selector: "" }, NOBODY, &mut policy_raised);
            detector.health(seen, &mut cx);
        }
    }

    /// How the monitor itself is.
    pub fn itself(&mut self, seen: &SelfSeen<'_>, directory: &dyn Directory) {
        let mut policy_raised = false;
        for detector in &mut self.detectors {
            let mut cx = self.known.context(directory, Source::default(), NOBODY, &mut policy_raised);
            detector.itself(seen, &mut cx);
        }
    }

    /// Whether times that this monitor tells are to be believed at `at` (DW-9003).
    #[must_use]
    pub fn is_clock_trusted(&self, at: CaptureTime) -> bool {
        !self.known.troubles.is_clock_doubtful(at)
    }

    /// Time goes by; does something once a second of capture time.
    pub fn tick(&mut self, at: CaptureTime, directory: &dyn Directory) {
        if self.last_tick.is_some_and(|last| last.seconds() == at.seconds()) {
            return;
        }
        self.last_tick = Some(at);
        self.known.learning.tick(at);
        self.known.heard.looks(at);
        self.known.own_ship.looks(at);
        self.follow_state(at);
        if let Some(aggregates) = &mut self.aggregates {
            aggregates.tick(at, self.known.state, self.known.policy.as_ref(), directory);
        }
        let mut policy_raised = false;
        for detector in &mut self.detectors {
            let mut cx = self.known.context(directory, Source::default(), NOBODY, &mut policy_raised);
            detector.tick(at, &mut cx);
        }
    }

    // apart from the events: those of machinery have none of it, and what they do not pass through need not be fetched
    #[inline(never)]
    fn own_ship(&mut self, at: CaptureTime, of: Of, quantity: Quantity, value: Value) {
        if of != Of::OwnShip {
            return;
        }
        match (quantity, value) {
            (Quantity::SpeedOverGround, Value::Number(speed)) => {
                self.tracker.feed(at, speed);
                self.follow_state(at);
            }
            (Quantity::NavigationalStatus, Value::Number(status)) => self.tracker.feed_status(at, status),
            (Quantity::Position, Value::Position { lat, lon }) => {
                self.known.findings.set_position(Position { lat, lon })
            }
            _ => {}
        }
    }

    /// What she is doing now; a change starts the time she settles in, and decides whether the state counts as learned.
    fn follow_state(&mut self, at: CaptureTime) {
        let state = self.tracker.state_at(at);
        if state == self.known.state {
            return;
        }
        // coming to know the state is no change of it
        if self.known.state != ShipState::Unknown {
            self.known.settles = Some(at.plus(SETTLES));
        }
        self.known.state = state;
        self.weigh_state();
    }

    /// Whether the present state has enough data behind it.
    fn weigh_state(&mut self) {
        let seconds =
            self.aggregates.as_ref().map_or(0, |aggregates| aggregates.presence().seconds_in(self.known.state));
        if let Some(policy) = &mut self.known.policy {
            policy.is_state_unlearned = self.known.state != ShipState::Unknown && seconds < LEARNED_SECONDS;
        }
    }

    /// Sets the ship state by hand, until a time or until it is set to `None`.
    pub fn set_state(&mut self, manual: Option<(ShipState, Option<CaptureTime>)>, at: CaptureTime) {
        self.tracker.set_manual(manual);
        self.follow_state(at);
    }

    /// A policy file was read while running: with a policy it takes over from the old one, without one the old one stays. Findings and what
    /// detectors know survive. The caller must place its flows and devices anew afterwards.
    pub fn policy_changed(&mut self, policy: Option<Policy>, seen: &PolicySeen<'_>, directory: &dyn Directory) {
        let enforced = policy.as_ref().map(|policy| self.newly_enforced(policy, seen.at)).unwrap_or_default();
        if let Some(policy) = policy {
            self.tracker.follow(policy.state.clone());
            if let Some(aggregates) = &mut self.aggregates {
                aggregates.follow(Some(&policy));
            }
            self.known.policy = Some(policy);
            self.known.findings.policy_changed();
            self.known.heard.forget();
            self.set_thresholds();
            self.ask_wants();
            self.weigh_state();
        }
        let mut policy_raised = false;
        for detector in &mut self.detectors {
            let mut cx = self.known.context(directory, Source::default(), NOBODY, &mut policy_raised);
            detector.policy(seen, &mut cx);
            enforced.iter().for_each(|zone| detector.enforced(zone, &mut cx));
        }
    }

    /// The zones that `policy` enforces and the one in force does not, with what was seen of them.
    fn newly_enforced(&self, policy: &Policy, at: CaptureTime) -> Vec<EnforcedSeen> {
        let (Some(old), Some(aggregates)) = (&self.known.policy, &self.aggregates) else { return Vec::new() };
        let is_enforced = |policy: &Policy, id: &str| {
            policy.zone_named(id).is_some_and(|zone| policy.mode_of(Some(zone)) == Mode::Enforce)
        };
        let zones = policy.zones.iter().filter(|zone| zone.line > 0);
        let zones: Vec<_> = zones
            .filter(|zone| is_enforced(policy, &zone.id) && !is_enforced(old, &zone.id))
            .filter_map(|zone| policy.zone_named(&zone.id))
            .collect();
        if zones.is_empty() {
            return Vec::new();
        }
        let learned = aggregates.learned();
        let seconds = learned.presence.seconds_in(self.known.state);
        let enforced = |zone| {
            let coverage = policy.coverage(&learned, zone);
            let is_judged = self.known.state != ShipState::Unknown && !coverage.are_unlearned_watched;
            EnforcedSeen {
                at,
                zone,
                assets: (coverage.assets.saturating_sub(coverage.not_seen.len()), coverage.assets),
                state: is_judged.then_some((seconds, LEARNED_SECONDS)),
            }
        };
        zones.into_iter().map(enforced).collect()
    }

    /// What was seen, added up; `None` while the rules are off.
    #[must_use]
    pub const fn aggregates(&self) -> Option<&Aggregates> {
        self.aggregates.as_ref()
    }
}

/// What a detector's part of a baseline is filed under.
fn key_of(detector: &dyn Detector) -> Option<String> {
    detector.cards().first().map(|card| card.id.to_owned())
}
