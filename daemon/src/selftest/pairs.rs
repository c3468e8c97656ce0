//! Which captures show a detection: one that it must tell, one of normal life that looks like it and is not.
//!
//! A new detection gets its line here; without one `tests/tests/tidy.rs` refuses it by name. The script must be one whose labels name the detection
//! (`pcaps/sim/src/script`): they say when, how soon and how severe. The normal script is the harmless thing that is most easily taken for it.

use std::fmt;

use dogwatch_model::{CaptureTime, ShipState};
use dogwatch_rules::policy::Mode;
use dogwatch_rules::{PolicySeen, SelfSeen};

use super::stage::LEAD_S;
use crate::pipeline::Pipeline;

/// A capture of the simulator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// The ship.
    pub ship: &'static str,
    /// What happens.
    pub script: &'static str,
    /// Figures of the script that are not its defaults.
    pub parameters: &'static [(&'static str, f64)],
    /// Seen through a trunk mirror, with VLAN tags.
    pub trunk: bool,
    /// Without a policy: who does what was learned in an earlier run.
    pub learned: bool,
    /// First second, where it matters.
    pub start_s: Option<i64>,
}

impl Run {
    /// A plain capture with the ship's policy.
    pub(super) const fn on(ship: &'static str, script: &'static str) -> Self {
        Self { ship, script, parameters: &[], trunk: false, learned: false, start_s: None }
    }

    /// The normal life that the script disturbs.
    #[must_use]
    pub fn normal(&self) -> &'static str {
        dogwatch_sim::scripts().into_iter().find(|script| script.name == self.script).map_or("", |script| script.normal)
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.ship, self.script)?;
        for (name, value) in self.parameters {
            write!(f, " {name}={value}")?;
        }
        f.write_str(if self.trunk { " trunk" } else { "" })?;
        f.write_str(if self.learned { " learned" } else { "" })
    }
}

/// Something that is done to a monitor, where no capture can show it.
#[derive(Debug)]
pub struct Deed {
    /// What, in words.
    pub what: &'static str,
    /// Does it.
    pub(super) act: fn(&mut Pipeline, CaptureTime),
}

/// One half of a pair.
#[derive(Debug)]
pub enum Part {
    /// A capture.
    Capture(Run),
    /// A deed.
    Deed(&'static Deed),
}

impl Part {
    pub(super) const fn run(&self) -> Option<Run> {
        if let Self::Capture(run) = self { Some(*run) } else { None }
    }
}

/// What one detection is tested with.
#[derive(Debug)]
pub struct Pair {
    /// `DW-nnnn`.
    pub id: &'static str,
    /// It must be told here.
    pub positive: Part,
    /// It must be quiet here.
    pub negative: Part,
}

/// A detection, the attack that shows it, and the normal life that does not; on the general cargo ship with her policy, unless told otherwise.
const fn pair(id: &'static str, attack: &'static str, normal: &'static str) -> Pair {
    changed(id, Run::on("general-cargo", attack), normal)
}

/// As [`pair`], with a capture that differs; that of normal life differs the same way.
const fn changed(id: &'static str, attack: Run, normal: &'static str) -> Pair {
    let quiet = Run { script: normal, parameters: &[], ..attack };
    Pair { id, positive: Part::Capture(attack), negative: Part::Capture(quiet) }
}

/// As [`pair`], without a policy: who does what was learned in an earlier run.
const fn learned(id: &'static str, attack: &'static str, normal: &'static str) -> Pair {
    changed(id, Run { learned: true, ..Run::on("general-cargo", attack) }, normal)
}

impl Pair {
    /// Seconds that both captures of it last: as long as the attack needs to be seen.
    pub(super) fn seconds(&self) -> u32 {
        let Some(run) = self.positive.run() else { return LEAD_S };
        let needs = dogwatch_sim::scripts().into_iter().find(|script| script.name == run.script);
        needs.map_or(0, |script| script.needs_s.0 + script.needs_s.1.max(LEAD_S))
    }
}

/// The pair of a detection.
#[must_use]
pub fn pair_of(id: &str) -> Option<&'static Pair> {
    PAIRS.iter().find(|pair| pair.id == id)
}

/// Every pair.
#[must_use]
pub const fn pairs() -> &'static [Pair] {
    PAIRS
}

/// 2027-01-10T23:57:00Z: what happens after the lead happens at midnight.
const BEFORE_MIDNIGHT: i64 = 1_799_625_420;

/// Every pair, by id.
const PAIRS: &[Pair] = &[
    pair("DW-1001", "rogue-device", "passenger-turnover"),
    pair("DW-1002", "ip-takeover", "plc-standby-takeover"),
    pair("DW-1003", "zone-hop", "service-visit"),
    pair("DW-1004", "firmware-change", "blackout-restart"),
    pair("DW-1005", "silent-device", "ecdis-restart"),
    pair("DW-1006", "new-service", "service-visit"),
    pair("DW-1007", "advisory", "service-visit"),
    pair("DW-1008", "cleartext", "sea-day"),
    pair("DW-1009", "n2k-new", "alternator-reclaim"),
    pair("DW-2001", "zone-hop", "service-visit"),
    pair("DW-2002", "modbus-write", "ballast-exchange"),
    pair("DW-2003", "modbus-range", "sea-day"),
    pair("DW-2004", "ot-internet", "chart-update"),
    pair("DW-2005", "crew-to-bridge", "passenger-turnover"),
    pair("DW-2006", "window-overrun", "service-visit"),
    pair("DW-2007", "rdp", "service-visit"),
    pair("DW-2008", "poll-flood", "blackout-restart"),
    pair("DW-2009", "vlan-hop", "passenger-turnover"),
    pair("DW-2010", "ballast-sea", "ballast-exchange"),
    pair("DW-2011", "dual-home", "plc-standby-takeover"),
    pair("DW-2012", "stray-address", "passenger-turnover"),
    pair("DW-2013", "ipv6-rogue", "sea-day"),
    learned("DW-3001", "modbus-write", "blackout-restart"),
    learned("DW-3002", "modbus-range", "sea-day"),
    pair("DW-3003", "modbus-scan", "blackout-restart"),
    pair("DW-3004", "modbus-dangerous", "blackout-restart"),
    pair("DW-3005", "modbus-malformed", "blackout-restart"),
    pair("DW-3006", "modbus-refused", "blackout-restart"),
    pair("DW-3007", "arp-mitm", "blackout-restart"),
    pair("DW-3008", "plc-stop", "service-visit"),
    pair("DW-3009", "nmea-badsum", "ecdis-restart"),
    pair("DW-3010", "nmea-talker", "gyro-changeover"),
    pair("DW-3011", "sfi-clash", "gyro-changeover"),
    pair("DW-3012", "wrong-group", "drill"),
    pair("DW-3013", "nmea-config", "ecdis-restart"),
    pair("DW-3014", "n2k-claim", "alternator-reclaim"),
    pair("DW-3015", "n2k-command", "alternator-reclaim"),
    pair("DW-3016", "n2k-flood", "alternator-reclaim"),
    pair("DW-3017", "n2k-twin", "alternator-reclaim"),
    pair("DW-3018", "frag-evasion", "sea-day"),
    pair("DW-3019", "bacnet-write", "sea-day"),
    pair("DW-3020", "plc-stop", "service-visit"),
    pair("DW-3021", "rate-double", "gyro-changeover"),
    pair("DW-3022", "alert-ack", "drill"),
    pair("DW-4001", "limit", "arrival"),
    pair("DW-4002", "ramp", "departure"),
    pair("DW-4003", "freeze", "departure"),
    pair("DW-4004", "setpoint", "ballast-exchange"),
    pair("DW-4005", "flap", "ballast-exchange"),
    pair("DW-4006", "inconsistent", "departure"),
    pair("DW-4007", "ballast-sea", "ballast-exchange"),
    pair("DW-4008", "trip-limit", "ballast-exchange"),
    changed(
        "DW-5001",
        Run { start_s: Some(BEFORE_MIDNIGHT), ..Run::on("general-cargo", "pos-jump") },
        "dateline-midnight",
    ),
    pair("DW-5002", "pdm", "cranes-masking"),
    pair("DW-5003", "drag", "river-current"),
    pair("DW-5004", "time-jump", "time-zone-change"),
    pair("DW-5005", "jam", "cranes-masking"),
    pair("DW-5006", "gyro-freeze", "gyro-changeover"),
    pair("DW-5007", "sog-limit", "river-current"),
    pair("DW-5008", "depth", "arrival"),
    pair("DW-5009", "ais-own", "anchor-swing"),
    pair("DW-5010", "ais-clone", "arrival"),
    pair("DW-5011", "ais-ghost", "arrival"),
    pair("DW-5012", "steer-cmd", "gyro-changeover"),
    pair("DW-5013", "datum", "differential-loss"),
    changed(
        "DW-5014",
        Run { start_s: Some(BEFORE_MIDNIGHT), ..Run::on("general-cargo", "replay") },
        "dateline-midnight",
    ),
    pair("DW-5015", "fix-lost", "cranes-masking"),
    pair("DW-6001", "arp-mitm", "plc-standby-takeover"),
    pair("DW-6002", "rogue-dhcp", "passenger-turnover"),
    pair("DW-6003", "cleartext", "service-visit"),
    pair("DW-6004", "brute", "service-visit"),
    pair("DW-6005", "rdp", "service-visit"),
    pair("DW-6006", "admin-ui", "service-visit"),
    pair("DW-6007", "mac-clone", "plc-standby-takeover"),
    pair("DW-6008", "cert-change", "link-outage"),
    pair("DW-7001", "sweep", "passenger-turnover"),
    pair("DW-7002", "lateral", "chart-update"),
    pair("DW-7003", "beacon", "link-outage"),
    pair("DW-7004", "ioc", "bandwidth-peak"),
    pair("DW-7005", "dga", "link-outage"),
    pair("DW-7006", "tor", "bandwidth-peak"),
    pair("DW-7007", "exe-drop", "chart-update"),
    pair("DW-7008", "sig", "bandwidth-peak"),
    pair("DW-8001", "egress", "bandwidth-peak"),
    pair("DW-8002", "dns-tunnel", "link-outage"),
    pair("DW-8003", "tunnel", "bandwidth-peak"),
    pair("DW-8004", "upload", "chart-update"),
    pair("DW-9001", "mirror-loss", "blackout-restart"),
    pair("DW-9002", "half-mirror", "sea-day"),
    pair("DW-9003", "clock-step", "time-zone-change"),
    Pair { id: "DW-9004", positive: Part::Deed(&EDITED), negative: Part::Deed(&SIGNED) },
    Pair { id: "DW-9005", positive: Part::Deed(&FULL), negative: Part::Deed(&ROOMY) },
    pair("DW-9006", "parse-errors", "bandwidth-peak"),
    Pair { id: "DW-9007", positive: Part::Deed(&RASH), negative: Part::Deed(&WATCHED) },
    pair("DW-9008", "probe", "passenger-turnover"),
];

/// Another policy by hand.
static EDITED: Deed = Deed {
    what: "the policy is edited by hand",
    act: |pipeline, at| pipeline.policy_changed(None, &policy_seen(at, None)),
};
/// The same with a name under it.
static SIGNED: Deed = Deed {
    what: "the policy is put in force by `policy enforce`",
    act: |pipeline, at| pipeline.policy_changed(None, &policy_seen(at, Some("chief engineer"))),
};

/// A disk that fills.
static FULL: Deed = Deed { what: "the disk is 90 % full", act: |pipeline, at| pipeline.itself(&disk(at, 0.9)) };
/// A disk as it should be.
static ROOMY: Deed = Deed { what: "the disk is half full", act: |pipeline, at| pipeline.itself(&disk(at, 0.5)) };

fn disk(at: CaptureTime, used: f64) -> SelfSeen<'static> {
    SelfSeen { at, disk: Some(used), ..SelfSeen::default() }
}

/// Three minutes are too little.
static RASH: Deed = Deed {
    what: "zones are enforced after three minutes of learning",
    act: |pipeline, at| change_mode(pipeline, at, Mode::Enforce),
};
/// What is only watched needs no coverage.
static WATCHED: Deed = Deed {
    what: "zones are watched after three minutes of learning",
    act: |pipeline, at| change_mode(pipeline, at, Mode::Watch),
};

/// From `learn` to another mode, by somebody with a name.
fn change_mode(pipeline: &mut Pipeline, at: CaptureTime, mode: Mode) {
    let seen = policy_seen(at, Some("chief engineer"));
    // so early the monitor does not know by itself what the ship is doing
    pipeline.set_state(Some((ShipState::AtSea, None)), at);
    for mode in [Mode::Learn, mode] {
        let Some(mut policy) = pipeline.rules().policy().cloned() else { return };
        policy.mode = mode;
        policy.zones.iter_mut().for_each(|zone| zone.mode = None);
        pipeline.policy_changed(Some(policy), &seen);
    }
}

const fn policy_seen(at: CaptureTime, author: Option<&str>) -> PolicySeen<'_> {
    PolicySeen { at, file: "policy.toml", hash: "of another text", author, refused: None }
}
