//! What a policy file says, typed. Everything refers to everything else by index, so that a name is resolved once, when the file is read.

use std::net::IpAddr;
use std::time::Duration;

use dogwatch_model::{CaptureTime, Mac, Sfi, ShipState, Table};

use super::app::{App, Ops};
use super::prefix::Prefix;
use super::range::{AddressRange, HostPattern, ObjectPattern};
use super::rate::Rate;
use super::words::{AssetRole, Class, Devices, Function, Importance, Mode, NavRole, STATES, WindowKind};

macro_rules! index {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        pub struct $name(pub u16);

        impl $name {
            /// The position in its list.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }

            /// The index of a position; lists are limited to 65535 entries, so it never saturates.
            pub(super) fn at(position: usize) -> Self {
                Self(u16::try_from(position).unwrap_or(u16::MAX))
            }
        }
    };
}

index! {
    /// A zone, by its position in [`super::Policy::zones`].
    ZoneIx
}
index! {
    /// An asset, by its position in [`super::Policy::assets`].
    AssetIx
}
index! {
    /// A conduit, by its position in [`super::Policy::conduits`].
    ConduitIx
}
index! {
    /// A line (an `allow` or an exception), by its position in [`super::Policy::lines`].
    LineIx
}
index! {
    /// A window, by its position in [`super::Policy::windows`].
    WindowIx
}

/// The `[vessel]` table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VesselPlan {
    /// Ship's name.
    pub name: String,
    /// IMO number; its check digit was verified.
    pub imo: Option<u32>,
    /// Maritime Mobile Service Identity.
    pub mmsi: Option<u32>,
    /// Type of ship, as written.
    pub ship_type: String,
    /// Length in metres.
    pub length_m: Option<f64>,
    /// Highest speed in knots.
    pub max_speed_kn: Option<f64>,
    /// Highest rate of turn in degrees per minute.
    pub max_turn_deg_min: Option<f64>,
}

/// A zone.
#[derive(Debug, Clone, PartialEq)]
pub struct ZonePlan {
    /// Its id.
    pub id: String,
    /// Name for people.
    pub label: String,
    /// What it is for.
    pub function: Function,
    /// Trust in it.
    pub class: Class,
    /// How much it matters.
    pub criticality: Importance,
    /// Whether its set of devices is fixed.
    pub devices: Devices,
    /// Mode of its own.
    pub mode: Option<Mode>,
    /// Whether ship states without data stay in `watch`.
    pub unlearned_states_watch: bool,
    /// VLAN ids.
    pub vlan: Vec<u16>,
    /// Prefixes.
    pub subnet: Vec<Prefix>,
    /// Capture interfaces.
    pub interface: Vec<String>,
    /// CAN buses.
    pub can: Vec<String>,
    /// Multicast groups.
    pub multicast: Vec<Prefix>,
    /// MAC addresses that belong to it whatever else they look like.
    pub mac: Vec<Mac>,
    /// Line of the file, from 1; 0 for the implied zone `outside`.
    pub line: u32,
}

/// A device the plan knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetPlan {
    /// Its id.
    pub id: String,
    /// Its zone.
    pub zone: ZoneIx,
    /// Addresses.
    pub ip: Vec<IpAddr>,
    /// MAC addresses.
    pub mac: Vec<Mac>,
    /// What it is on the network.
    pub role: Vec<AssetRole>,
    /// Hot standby that may answer for its addresses.
    pub ip_takeover: Option<AssetIx>,
    /// Further zones it may appear in.
    pub roaming: Vec<ZoneIx>,
    /// Zones it joins by design (detection DW-2011).
    pub bridges: Vec<ZoneIx>,
    /// Who answers for that.
    pub owner: String,
    /// Line of the file.
    pub line: u32,
}

impl AssetPlan {
    /// Whether it has a role.
    #[must_use]
    pub fn is(&self, role: AssetRole) -> bool {
        self.role.contains(&role)
    }

    /// Whether it may appear in a zone.
    #[must_use]
    pub fn belongs_to(&self, zone: ZoneIx) -> bool {
        self.zone == zone || self.roaming.contains(&zone)
    }
}

/// A group of assets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPlan {
    /// Its id.
    pub id: String,
    /// Its members.
    pub members: Vec<AssetIx>,
}

/// A conduit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConduitPlan {
    /// Its id.
    pub id: String,
    /// The zone that opens connections and sends requests.
    pub from: ZoneIx,
    /// The zone that answers.
    pub to: ZoneIx,
    /// Why it exists.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Its lines.
    pub lines: Vec<LineIx>,
    /// Line of the file.
    pub line: u32,
}

/// Who may stand at one end of a line. Empty means the whole zone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndSet {
    /// Assets, groups resolved, sorted.
    pub assets: Vec<AssetIx>,
    /// Literal addresses and prefixes.
    pub prefixes: Vec<Prefix>,
    /// Literal MAC addresses.
    pub macs: Vec<Mac>,
    /// Whether the end is restricted at all (`*` and a missing field are not).
    pub restricted: bool,
    /// As written, for messages.
    pub written: Vec<String>,
}

/// When a line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct When {
    /// Bits of the states it holds in; 0 for every state.
    states: u8,
    /// The window it holds in.
    pub window: Option<WindowIx>,
}

impl When {
    pub(super) fn with_state(mut self, state: ShipState) -> Self {
        self.states |= state_bit(state);
        self
    }

    /// Whether it holds in a state. While the state is unknown every state's lines hold.
    #[must_use]
    pub fn holds_in(self, state: ShipState) -> bool {
        self.states == 0 || state == ShipState::Unknown || self.states & state_bit(state) != 0
    }

    /// The states it is restricted to; none for every state.
    pub fn states(self) -> impl Iterator<Item = ShipState> {
        STATES.into_iter().filter(move |state| self.states & state_bit(*state) != 0)
    }
}

const fn state_bit(state: ShipState) -> u8 {
    match state {
        ShipState::AtSea => 1,
        ShipState::Manoeuvring => 2,
        ShipState::AtAnchor => 4,
        ShipState::InPort => 8,
        ShipState::Drydock => 16,
        ShipState::Unknown => 32,
    }
}

/// Where a line stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineHome {
    /// The `number`th (from 1) `allow` of a conduit.
    Conduit {
        /// The conduit.
        conduit: ConduitIx,
        /// Its number there.
        number: u16,
    },
    /// An `[[exception]]` with this id.
    Exception {
        /// Its id.
        id: String,
    },
}

/// One line that allows something.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Where it stands.
    pub home: LineHome,
    /// Who may ask.
    pub from: EndSet,
    /// Who may be asked.
    pub to: EndSet,
    /// The application.
    pub app: App,
    /// Operations; empty for all.
    pub ops: Ops,
    /// Modbus unit ids; empty for all.
    pub unit: Vec<u8>,
    /// Modbus table.
    pub table: Option<Table>,
    /// Register ranges, sorted; empty for all.
    pub addr: Vec<AddressRange>,
    /// Smallest and largest value that may be written.
    pub value: Option<(i64, i64)>,
    /// Named objects; empty for all.
    pub object: Vec<ObjectPattern>,
    /// Server names; empty for all.
    pub host: Vec<HostPattern>,
    /// How often or how much.
    pub rate: Option<Rate>,
    /// When it holds.
    pub when: When,
    /// End of the line: it is an exception.
    pub until: Option<CaptureTime>,
    /// Who answers for it.
    pub owner: String,
    /// Why it is there.
    pub reason: String,
    /// Line of the file.
    pub line: u32,
}

/// What a source may say on IEC 61162-450 or NMEA 0183 over IP.
#[derive(Debug, Clone, PartialEq)]
pub struct NmeaAllowance {
    /// The source.
    pub source: AssetIx,
    /// System function ids; empty for any.
    pub sfi: Vec<Sfi>,
    /// Talker ids; empty for any.
    pub talkers: Vec<String>,
    /// Sentence formatters; empty for any.
    pub sentences: Vec<String>,
    /// What the source is for.
    pub role: Option<NavRole>,
    /// Rates by formatter.
    pub rate: Vec<(String, Rate)>,
    /// Redundancy name, by its position in a list of all names.
    pub redundancy: Option<u16>,
    /// Line of the file.
    pub line: u32,
}

/// The fields of an ISO 11783-5 NAME that identify a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NamePattern {
    /// Bits that must be equal.
    pub mask: u64,
    /// What they must be.
    pub bits: u64,
}

impl NamePattern {
    /// Whether a NAME fits.
    #[must_use]
    pub const fn matches(self, name: u64) -> bool {
        name & self.mask == self.bits
    }
}

/// What a source may say on an NMEA 2000 bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct N2kAllowance {
    /// Name of the source within the file.
    pub source: String,
    /// The bus.
    pub bus: String,
    /// Who it is.
    pub name: NamePattern,
    /// Parameter groups it may send.
    pub pgn: Vec<u32>,
    /// What the source is for.
    pub role: Option<NavRole>,
    /// Sources it may command, by position in [`super::Policy::n2k`].
    pub may_command: Vec<u16>,
    /// Redundancy name, by its position in a list of all names.
    pub redundancy: Option<u16>,
    /// Line of the file.
    pub line: u32,
}

/// Two antennas a known distance apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AntennaPair {
    /// One source.
    pub a: AssetIx,
    /// The other.
    pub b: AssetIx,
    /// Metres between them.
    pub distance_m: f64,
}

/// A maintenance window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its id.
    pub id: String,
    /// What for.
    pub kind: WindowKind,
    /// Opens.
    pub from: CaptureTime,
    /// Closes.
    pub to: CaptureTime,
    /// Zones it is for.
    pub zones: Vec<ZoneIx>,
    /// Hosts it is for; not restricted when empty.
    pub hosts: EndSet,
    /// Who works.
    pub who: String,
    /// Who approved it.
    pub approved_by: String,
    /// Line of the file.
    pub line: u32,
}

impl Window {
    /// Whether it is open.
    #[must_use]
    pub fn is_open(&self, at: CaptureTime) -> bool {
        self.from <= at && at < self.to
    }

    /// How long it is open in all.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        self.to.since(self.from)
    }
}

/// A known and accepted finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accept {
    /// The detection, `DW-NNNN`.
    pub detection: String,
    /// For whom.
    pub asset: EndSet,
    /// DW-1007 only: vulnerabilities that the device is said not to be affected by. The rest of the finding stays.
    pub cve: Vec<String>,
    /// Who answers for it.
    pub owner: String,
    /// Until when.
    pub until: CaptureTime,
    /// Why.
    pub reason: String,
    /// Line of the file.
    pub line: u32,
}

/// What was seen of the use of the policy, for warnings P008 and P009.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    /// Days observed while at sea.
    pub days_at_sea: u32,
    /// Days observed while in port.
    pub days_in_port: u32,
    /// Use of conduit lines; a line that is not listed was never used.
    pub lines: Vec<LineUse>,
    /// Use of exceptions after their end.
    pub after_end: Vec<ExceptionUse>,
}

/// Latest use of one conduit line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineUse {
    /// Conduit id.
    pub conduit: String,
    /// Number of the line there, from 1.
    pub number: u16,
    /// Latest use.
    pub last: CaptureTime,
}

/// Uses of an exception after its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionUse {
    /// Its id.
    pub id: String,
    /// How often.
    pub count: u64,
    /// Latest use.
    pub last: CaptureTime,
}
