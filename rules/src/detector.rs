//! What a detection is made of: a card with words, bounded state, and a way to raise.

use std::net::IpAddr;
use std::sync::Arc;

use dogwatch_intel::Intel;
use dogwatch_model::{Asset, Attribute, CaptureTime, Event, Mac, Quantity, Severity, ShipState};

use crate::findings::{Cause, FindingTable};
use crate::heard::Heard;
use crate::holders::Holders;
use crate::learning::Learning;
use crate::own_ship::{OwnShip, TalkerIx, Troubles};
use crate::policy::{AppName, Policy};
use crate::seen::{
    EnforcedSeen, FlowSeen, FlowStage, HealthSeen, IrregularSeen, Party, PolicySeen, SelfSeen, SignatureSeen, Source,
    service,
};

/// The words of a detection that the catalogue does not hold.
#[derive(Debug, Clone, Copy)]
pub struct Card {
    /// `DW-nnnn`; the row of the same id in the catalogue holds title, severity, action and tags.
    pub id: &'static str,
    /// Why it matters on a ship.
    pub why: &'static str,
    /// Clauses of IACS UR E26 it serves.
    pub e26: &'static [&'static str],
}

/// What a detector wants to be shown; the rest costs it nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wants {
    /// Flows that reach one of these stages.
    pub flows: &'static [FlowStage],
    /// Of those only flows of these applications; before a flow is recognised it is of none.
    pub flows_of: Speaking,
    /// Of those only flows to hosts ashore.
    pub ashore: bool,
    /// Events with a request to read: the polls, which are nearly everything that machinery says.
    pub reads: bool,
    /// Events with a request that changes something: write, control, program.
    pub orders: bool,
    /// Of those all but registers that are written.
    pub commands: bool,
    /// Events with any other request: diagnose, discover, transfer, login.
    pub inquiries: bool,
    /// Of those only the ones that open a session as somebody.
    pub logins: bool,
    /// Events with an answer that gives what was asked for.
    pub answers: bool,
    /// Events with an answer that is "no".
    pub refusals: bool,
    /// Events with published data.
    pub published: bool,
    /// Of those only sentences.
    pub sentences: bool,
    /// Of those only parameter groups.
    pub groups: bool,
    /// Events with a request about sentences: questions, and set-up.
    pub queries: bool,
    /// Events with facts.
    pub facts: bool,
    /// Of those only facts of these kinds.
    pub facts_of: &'static [Attribute],
    /// Events with measurements of other ships.
    pub targets: bool,
    /// Events with measurements of own ship.
    pub own_ship: bool,
    /// Of those only measurements of these.
    pub own_ship_of: &'static [Quantity],
    /// Events with values of registers or of things with names.
    pub values: bool,
    /// Events with protocol breaches.
    pub oddities: bool,
    /// Health of the capture sources.
    pub health: bool,
    /// Packets that are not as they should be.
    pub irregular: bool,
    /// Payload that an imported signature describes.
    pub signatures: bool,
    /// Which events are not shown again within a moment.
    pub once: Once,
    /// Of whose events.
    pub of: Speaking,
    /// Flows and events only while there is a policy: without one there is nothing to hold them against.
    pub planned: bool,
}

/// Which requests and answers a detector is shown only the first time within a moment (15 s). Whatever else an event says besides does not bring it
/// back; what refuses or breaks its protocol is always shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Once {
    /// It sees all of them.
    #[default]
    Never,
    /// The same message of the same card: for whoever compares who asks what, and counts nothing.
    Said,
    /// Any message of the same card in the same flow and direction: for whoever compares who speaks.
    Spoke,
}

/// Whose events a detector wants to be shown, by the application that speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Speaking {
    /// Everybody's.
    #[default]
    All,
    /// Those of applications that control machinery.
    Industrial,
    /// Those of sentences and parameter groups, and of protocols that are no application of the policy.
    Navigation,
    /// Those of these applications.
    Only(&'static [AppName]),
}

impl Speaking {
    /// Whether events of an application are wanted.
    #[must_use]
    pub fn is_meant(self, app: Option<AppName>) -> bool {
        match self {
            Self::All => true,
            Self::Industrial => app.is_some_and(AppName::is_industrial),
            Self::Navigation => app.is_none_or(AppName::is_navigation),
            Self::Only(apps) => app.is_some_and(|app| apps.contains(&app)),
        }
    }
}

/// A figure of a detection that the policy may set: `[detections.DW-5003] gap_m = 400`.
#[derive(Debug)]
pub struct Threshold<'a> {
    /// The detection.
    pub id: &'static str,
    /// Its name, with the unit: the catalogue's where the catalogue has one.
    pub key: &'static str,
    /// The figure in force; holds the default until it is set.
    pub value: &'a mut f64,
    /// What it may be.
    pub range: std::ops::RangeInclusive<f64>,
}

impl<'a> Threshold<'a> {
    /// A figure with its range.
    pub const fn new(
        id: &'static str,
        key: &'static str,
        value: &'a mut f64,
        range: std::ops::RangeInclusive<f64>,
    ) -> Self {
        Self { id, key, value, range }
    }
}

/// One detection.
pub trait Detector: Send {
    /// Its words; one card for each id it raises.
    fn cards(&self) -> &'static [&'static Card];
    /// What it wants to see.
    fn wants(&self) -> Wants;
    /// The figures of it that may be set.
    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        Vec::new()
    }
    /// A flow reached a stage.
    fn flow(&mut self, _seen: &FlowSeen<'_>, _cx: &mut Context<'_>) {}
    /// Something was said; `from` said it.
    fn event(&mut self, _event: &Event<'_>, _from: &Party, _to: &Party, _cx: &mut Context<'_>) {}
    /// A packet is not as it should be.
    fn irregular(&mut self, _seen: &IrregularSeen<'_>, _cx: &mut Context<'_>) {}
    /// Payload is as an imported signature describes it.
    fn signature(&mut self, _seen: &SignatureSeen<'_>, _cx: &mut Context<'_>) {}
    /// How well a capture source sees.
    fn health(&mut self, _seen: &HealthSeen<'_>, _cx: &mut Context<'_>) {}
    /// A second of capture time went by.
    fn tick(&mut self, _at: CaptureTime, _cx: &mut Context<'_>) {}
    /// The policy was changed, or a change was refused. Whatever a detector remembers of zones and answers is of the old policy.
    fn policy(&mut self, _seen: &PolicySeen<'_>, _cx: &mut Context<'_>) {}
    /// The policy that was just read enforces a zone that was not enforced before.
    fn enforced(&mut self, _seen: &EnforcedSeen, _cx: &mut Context<'_>) {}
    /// How the monitor itself is.
    fn itself(&mut self, _seen: &SelfSeen<'_>, _cx: &mut Context<'_>) {}
    /// What people imported from outside is there, or was read anew. What the detector wants is asked again afterwards: one that compares with
    /// imports wants nothing before, so that nobody without imports pays for it.
    fn imported(&mut self, _intel: &Arc<Intel>) {}
    /// What it learned and wants to know again after a restart or in the next analysis; bounded like its state.
    fn learned(&self) -> Option<serde_json::Value> {
        None
    }
    /// Takes up what it learned earlier.
    ///
    /// # Errors
    /// When `learned` is not what [`Detector::learned`] gave; the detector then stands as before.
    fn recall(&mut self, _learned: serde_json::Value) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

/// What detections may ask about devices.
pub trait Directory {
    /// The asset in a row of the inventory.
    fn asset(&self, row: u32) -> Option<&Asset>;
    /// The row of an IP address.
    fn row_of_ip(&self, ip: IpAddr) -> Option<u32>;
    /// The row of a MAC address.
    fn row_of_mac(&self, mac: Mac) -> Option<u32>;
}

/// What a detector works with while it looks.
pub struct Context<'a> {
    /// The policy, when there is one.
    pub policy: Option<&'a Policy>,
    /// What the ship is doing.
    pub state: ShipState,
    /// Until when she is still settling into that state.
    pub(crate) settles: Option<CaptureTime>,
    /// Whether what is seen for the first time is learned or judged.
    pub learning: Learning,
    /// The inventory.
    pub directory: &'a dyn Directory,
    pub(crate) findings: &'a mut FindingTable,
    /// The capture source of what is looked at.
    pub source: Source<'a>,
    /// The application that speaks in what is looked at, once its protocol is known.
    pub app: Option<AppName>,
    /// Operations or flows that a policy rule has already raised for: others keep quiet about the same thing.
    pub(crate) policy_raised: &'a mut bool,
    /// What the ship says of herself.
    pub(crate) ship: &'a OwnShip,
    /// When each zone of the plan was last heard.
    pub(crate) heard: &'a Heard,
    /// Who of the ship's talkers said what is looked at.
    pub(crate) talker: Option<TalkerIx>,
    /// What was already told of talkers.
    pub(crate) troubles: &'a mut Troubles,
    /// Which card holds which address.
    pub(crate) holders: &'a mut Holders,
}

/// A reason for a finding. Strings are made only when it is new or worth a second piece of evidence.
#[derive(Debug, Clone)]
pub struct Raise {
    /// Which detection.
    pub card: &'static Card,
    /// Severity, when it differs from the catalogue's.
    pub severity: Option<Severity>,
    /// How sure, 0..=1.
    pub confidence: f32,
    /// When.
    pub at: CaptureTime,
    /// Frame number within the source.
    pub frame: u64,
    /// Who.
    pub from: Party,
    /// To whom, when there is somebody.
    pub to: Option<Party>,
    /// Protocol and port.
    pub service: String,
    /// What happened and where, one sentence of at most 160 characters.
    pub summary: String,
    /// What was seen, decoded.
    pub fields: Vec<(String, String)>,
    /// What was expected instead.
    pub expected: String,
    /// Nearest conduit.
    pub conduit: Option<String>,
    /// A policy line that would allow it.
    pub proposal: Option<String>,
}

impl Raise {
    /// Something `from` said in `event`; summary, evidence and expectation are still to be filled in.
    pub(crate) fn of_event(card: &'static Card, event: &Event<'_>, from: &Party) -> Self {
        let service = service(Some(event.message.protocol), event.flow);
        Self::bare(card, (event.at, event.frame), *from, service)
    }

    /// Something a flow does; summary, evidence and expectation are still to be filled in.
    pub(crate) fn of_flow(card: &'static Card, seen: &FlowSeen<'_>) -> Self {
        Self { to: Some(seen.to), ..Self::bare(card, (seen.at, seen.frame), seen.from, seen.service()) }
    }

    /// Something known of `from` at a time.
    pub(crate) fn bare(card: &'static Card, (at, frame): (CaptureTime, u64), from: Party, service: String) -> Self {
        Self {
            card,
            severity: None,
            confidence: 0.8,
            at,
            frame,
            from,
            to: None,
            service,
            summary: String::new(),
            fields: Vec::new(),
            expected: String::new(),
            conduit: None,
            proposal: None,
        }
    }
}

impl Context<'_> {
    /// Raises a finding. `key` says what makes it the same one when it comes again; `make` is called only when words are needed.
    pub fn raise(&mut self, key: &[u8], card: &'static Card, at: CaptureTime, make: impl FnOnce() -> Raise) {
        self.findings.raise(key, card, at, self.source.label, self.state, self.policy, self.directory, make);
    }

    /// Puts a finding that was raised into other words, because it has grown.
    pub(crate) fn retell(&mut self, key: &[u8], card: &'static Card, summary: String) {
        self.findings.retell(key, card, summary);
    }

    /// Like [`Context::raise`] for what may come with every packet: a repeat is known by its `cause`, and `key` is not asked for.
    pub fn raise_again(
        &mut self,
        cause: Cause,
        card: &'static Card,
        at: CaptureTime,
        key: impl FnOnce() -> String,
        make: impl FnOnce() -> Raise,
    ) {
        if let Some(row) = self.findings.row_of(&cause) {
            return self.findings.again(row, at, self.source.label, make);
        }
        let row = self.findings.raise(
            key().as_bytes(),
            card,
            at,
            self.source.label,
            self.state,
            self.policy,
            self.directory,
            make,
        );
        if let Some(row) = row {
            self.findings.remember(&cause, row);
        }
    }

    /// Whether there is a finding of this key already, of this run or of an earlier one.
    pub(crate) fn has_told(&self, card: &Card, key: &[u8]) -> bool {
        self.findings.has(card, key)
    }

    /// Whether a finding of this cause was raised before.
    pub(crate) fn has_raised(&self, cause: &Cause) -> bool {
        self.findings.row_of(cause).is_some()
    }

    /// How severe a finding of this cause is that was seen no longer than `within` ago.
    pub(crate) fn told_lately(&self, cause: &Cause, at: CaptureTime, within: std::time::Duration) -> Option<Severity> {
        self.findings.told_lately(cause, at, within)
    }

    /// Whether what passes between the two is being learned at `at`, so that nothing learned may be raised on.
    #[must_use]
    pub fn is_learning(&self, at: CaptureTime, from: &Party, to: &Party) -> bool {
        self.learning.is_on(at, self.policy, from.end.zone, to.end.zone)
    }

    /// The name a summary uses for an end.
    pub(crate) fn call(&self, party: &Party) -> String {
        crate::findings::call(party, self.policy, self.directory)
    }

    /// Whether the ship changed her state a short while ago (catalogue: `grace.state_change_s`).
    #[must_use]
    pub fn is_settling(&self, at: CaptureTime) -> bool {
        self.settles.is_some_and(|until| at < until)
    }

    /// Notes that the policy has spoken on what is being looked at, so that learned rules stay quiet.
    pub fn policy_spoke(&mut self) {
        *self.policy_raised = true;
    }

    /// Whether the policy has spoken on it.
    #[must_use]
    pub fn has_policy_spoken(&self) -> bool {
        *self.policy_raised
    }
}
