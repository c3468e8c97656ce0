//! The zone and conduit policy of one vessel: `policy.toml` read into indexes, and the judge that says whether something seen is allowed.
//!
//! [`check`] reads a file and reports every problem at once. A [`Policy`] answers: in which zone is this end ([`Policy::placed`],
//! [`Policy::zone_pair`]), is this allowed ([`Policy::judge`]), may this source say that ([`Policy::nmea_allows`], [`Policy::n2k_allows`]), is a
//! window open, is a finding accepted. It never blocks anything and holds no state of its own: rates ([`RateMeter`]) and the ship state
//! ([`StateTracker`]) are counters that the caller keeps.
//!
//! Deliberately absent: files, clocks (the day is passed in), editing of the file (the daemon does that, comments and all).
//!
//! Where the policy page leaves something open, this is what holds:
//! - A kind of selector that cannot apply to a frame does not count: VLAN on an untagged frame, subnet on a frame without a (meaningful) IP address,
//!   interface on a source that no zone names, such as a capture file.
//! - P008 is a warning: a file with an ended exception still has to be loaded, or DW-2006 could never be raised.
//! - A date without time ends at the end of that day, UTC.
//! - The stricter mode of two zones holds for the traffic between them.

mod address_words;
mod app;
mod check;
mod coverage;
mod diagnostic;
mod ends;
mod evidence;
mod explain;
mod extent;
mod io_list;
mod judge;
mod learned;
mod limits;
mod more_windows;
mod navigation;
mod parse;
mod parse_conduits;
mod parse_detections;
mod parse_navigation;
mod parse_zones;
mod place;
mod point_place;
mod points;
mod prefix;
mod proposal;
mod propose;
mod propose_devices;
mod propose_lines;
mod propose_said;
mod question;
mod range;
mod rate;
mod reader;
mod simulate;
mod state;
mod types;
mod usage;
mod verdict;
mod words;

pub use app::{App, AppName, Ops};
pub use coverage::Coverage;
pub use diagnostic::{Code, Diagnostic, Level};
pub use ends::{End, Ends};
pub use explain::{MatrixCell, MatrixEntry};
pub use io_list::{IoList, ListError, io_list};
pub use limits::{Expiring, ExpiringKind};
pub use navigation::{N2kRefusal, N2kVerdict, NmeaAsk, NmeaRefusal, NmeaVerdict};
pub use parse_detections::ThresholdSet;
pub use place::{How, Placed, Placement};
pub use point_place::{ObjectName, PointPlace};
pub use points::{PointPlan, PointTag, PointType};
pub use prefix::{Prefix, is_public};
pub use propose::{LinePlace, Proposal, Suspect};
pub use question::Question;
pub use range::{AddressRange, HostPattern, ObjectPattern};
pub use rate::{Counted, Rate, RateMeter};
pub use simulate::Simulated;
pub use state::{Comparison, StateRule, StateRules, StateTracker};
pub use types::{
    Accept, AntennaPair, AssetIx, AssetPlan, ConduitIx, ConduitPlan, EndSet, ExceptionUse, GroupPlan, Line, LineHome,
    LineIx, LineUse, N2kAllowance, NamePattern, NmeaAllowance, Usage, VesselPlan, When, Window, WindowIx, ZoneIx,
    ZonePlan,
};
pub use verdict::{Ask, Denial, Reason, Verdict};
pub(crate) use words::STATES;
pub use words::{
    AssetRole, Class, Devices, Function, Importance, Mode, NavRole, StateSource, WindowKind, state_named, state_word,
};

use dogwatch_model::CaptureTime;

/// What came of reading a policy file.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The policy; `None` when there is an error.
    pub policy: Option<Policy>,
    /// Every problem found, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a policy file. `file` is only its name for messages; `today` decides what has ended.
#[must_use]
pub fn check(text: &str, file: &str, today: CaptureTime) -> Checked {
    check_with_usage(text, file, today, None)
}

/// Like [`check`], and warns of ended exceptions still in use and of lines nobody uses (P008, P009).
#[must_use]
pub fn check_with_usage(text: &str, file: &str, today: CaptureTime, usage: Option<&Usage>) -> Checked {
    parse::parse(text, file, today, usage)
}

/// A policy file, read and indexed.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Mode of the vessel; zones may have their own.
    pub mode: Mode,
    /// Whether ship states without data stay in `watch`.
    pub unlearned_states_watch: bool,
    /// Whether the present ship state has too little data behind it; kept by the rules.
    pub(crate) is_state_unlearned: bool,
    /// The vessel.
    pub vessel: VesselPlan,
    /// How the ship state is known.
    pub state: StateRules,
    /// Zones as written; `outside` is the last one unless the file has its own.
    pub zones: Vec<ZonePlan>,
    /// Assets.
    pub assets: Vec<AssetPlan>,
    /// Groups.
    pub groups: Vec<GroupPlan>,
    /// Conduits.
    pub conduits: Vec<ConduitPlan>,
    /// All lines: those of the conduits and the exceptions.
    pub lines: Vec<Line>,
    /// What sources may say on Ethernet.
    pub nmea: Vec<NmeaAllowance>,
    /// What sources may say on NMEA 2000.
    pub n2k: Vec<N2kAllowance>,
    /// Antennas and their distances.
    pub antennas: Vec<AntennaPair>,
    /// Windows.
    pub windows: Vec<Window>,
    /// Accepted findings.
    pub accepts: Vec<Accept>,
    /// Figures of detections.
    pub thresholds: Vec<ThresholdSet>,
    points: points::Points,
    outside: ZoneIx,
    placer: place::Placer,
    rules: judge::Rules,
    talkers: navigation::Talkers,
}

impl Policy {
    /// The zone at an index.
    #[must_use]
    pub fn zone(&self, zone: ZoneIx) -> Option<&ZonePlan> {
        self.zones.get(zone.index())
    }

    /// The asset at an index.
    #[must_use]
    pub fn asset(&self, asset: AssetIx) -> Option<&AssetPlan> {
        self.assets.get(asset.index())
    }

    /// The conduit at an index.
    #[must_use]
    pub fn conduit(&self, conduit: ConduitIx) -> Option<&ConduitPlan> {
        self.conduits.get(conduit.index())
    }

    /// The line at an index.
    #[must_use]
    pub fn line(&self, line: LineIx) -> Option<&Line> {
        self.lines.get(line.index())
    }

    /// The window at an index.
    #[must_use]
    pub fn window(&self, window: WindowIx) -> Option<&Window> {
        self.windows.get(window.index())
    }

    /// The declared points that are registers, by controller and address.
    #[must_use]
    pub fn points(&self) -> &[PointPlan] {
        self.points.registers()
    }

    /// Every declared point.
    pub fn every_point(&self) -> impl Iterator<Item = &PointPlan> {
        self.points.registers().iter().chain(&self.points.objects)
    }

    /// The first asset with an address.
    #[must_use]
    pub fn asset_with_ip(&self, ip: std::net::IpAddr) -> Option<AssetIx> {
        self.placer.assets_with_ip(ip).next()
    }

    /// Whether any point is declared.
    #[must_use]
    pub fn has_points(&self) -> bool {
        !self.points.registers().is_empty() || !self.points.objects.is_empty()
    }

    /// Hands every object point of `asset` that `readings` hold to `found`, with its scaled value.
    pub fn points_read<'p>(
        &'p self,
        asset: AssetIx,
        readings: &dyn dogwatch_model::Readings,
        found: &mut dyn FnMut(&'p PointPlan, f64),
    ) {
        self.points.within_readings(asset, readings, found);
    }

    /// The declared points of a unit's table that begin within `count` registers from `first`, each with its position in [`Policy::points`].
    pub fn points_within(
        &self,
        unit: (AssetIx, u8, dogwatch_model::Table),
        first: u16,
        count: u16,
    ) -> impl Iterator<Item = (usize, &PointPlan)> {
        self.points.within(unit, first, count)
    }

    /// The zone of everything ashore.
    #[must_use]
    pub const fn outside(&self) -> ZoneIx {
        self.outside
    }

    /// The zone with an id.
    #[must_use]
    pub fn zone_named(&self, id: &str) -> Option<ZoneIx> {
        self.zones.iter().position(|zone| zone.id == id).map(ZoneIx::at)
    }

    /// The asset with an id.
    #[must_use]
    pub fn asset_named(&self, id: &str) -> Option<AssetIx> {
        self.assets.iter().position(|asset| asset.id == id).map(AssetIx::at)
    }

    /// The id of a zone, or `?`.
    #[must_use]
    pub fn zone_id(&self, zone: Option<ZoneIx>) -> &str {
        zone.and_then(|zone| self.zone(zone)).map_or("?", |zone| &zone.id)
    }

    /// The mode of a zone: its own or the vessel's. While the ship is in a state of which little was seen, a zone (or vessel) that says
    /// `unlearned_states = "watch"` is only watched.
    #[must_use]
    pub fn mode_of(&self, zone: Option<ZoneIx>) -> Mode {
        let plan = zone.and_then(|zone| self.zone(zone));
        let mode = plan.and_then(|zone| zone.mode).unwrap_or(self.mode);
        let is_held = self.is_state_unlearned
            && (self.unlearned_states_watch || plan.is_some_and(|zone| zone.unlearned_states_watch));
        if is_held { mode.min(Mode::Watch) } else { mode }
    }

    /// Whether traffic inside a zone is held against its conduits: always in OT, elsewhere as soon as the zone has a conduit to itself.
    #[must_use]
    pub fn judges_inside(&self, zone: ZoneIx) -> bool {
        let has_own = || self.conduits.iter().any(|conduit| conduit.from == zone && conduit.to == zone);
        zone != self.outside && self.zone(zone).is_some_and(|plan| plan.class == Class::Ot || has_own())
    }

    /// The mode for traffic between two zones: the stricter of the two, so that an enforced zone stays enforced towards one that is still learned.
    #[must_use]
    pub fn mode_between(&self, from: Option<ZoneIx>, to: Option<ZoneIx>) -> Mode {
        match (self.is_implied(from), self.is_implied(to)) {
            (true, false) => self.mode_of(to),
            (false, true) => self.mode_of(from),
            _ => self.mode_of(from).max(self.mode_of(to)),
        }
    }

    /// Whether a zone is the implied `outside`, which has no mode of its own.
    fn is_implied(&self, zone: Option<ZoneIx>) -> bool {
        zone.and_then(|zone| self.zone(zone)).is_some_and(|zone| zone.line == 0)
    }
}
