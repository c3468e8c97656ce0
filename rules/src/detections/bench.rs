//! A bench for detections: one detector, a made-up ship, and whatever the case wants to show it.

use std::hash::BuildHasher;
use std::net::IpAddr;

use dogwatch_model::{
    Act, Asset, CaptureTime, Event, Fact, FactValue, Fields, Finding, Flow, Initiator, Interface, Irregularity, Mac,
    Message, NoFields, Object, Of, Quantity, SourceId, Speaker, Subject, Transport, Value, Vlans,
};

use crate::detector::{Detector, Directory};
use crate::engine::Rules;
use crate::policy::{End, check};
use crate::seen::{Account, FlowSeen, FlowStage, HealthSeen, Party, Source};

const MIRROR: Source<'static> = Source { label: "mir0", selector: "" };

/// The plan of a made-up ship: bridge and machinery (OT), a DMZ, an office, and the crew's network.
pub(crate) const SHIP: &str = r#"
format = 1
mode = "enforce"
[vessel]
name = "Test"
[[zone]]
id = "bridge"
label = "Bridge"
function = "navigation"
class = "ot"
criticality = "high"
devices = "fixed"
vlan = [10]
subnet = ["10.0.1.0/24"]
[[zone]]
id = "machinery"
label = "Engine"
function = "propulsion"
class = "ot"
criticality = "high"
devices = "fixed"
vlan = [20]
subnet = ["10.0.2.0/24"]
[[zone]]
id = "dmz"
label = "DMZ"
function = "dmz"
class = "it"
criticality = "high"
devices = "fixed"
vlan = [30]
subnet = ["10.0.3.0/24"]
[[zone]]
id = "office"
label = "Office"
function = "business"
class = "it"
criticality = "low"
devices = "open"
vlan = [40]
subnet = ["10.0.4.0/24"]
[[zone]]
id = "crew"
label = "Crew"
function = "crew"
class = "untrusted"
criticality = "low"
devices = "open"
vlan = [90]
subnet = ["10.0.9.0/24"]
[[asset]]
id = "hmi"
zone = "machinery"
ip = ["10.0.2.10"]
role = ["hmi"]
[[asset]]
id = "plc"
zone = "machinery"
ip = ["10.0.2.21"]
role = ["plc"]
[[asset]]
id = "firewall"
zone = "dmz"
ip = ["10.0.3.1"]
role = ["gateway"]
[[asset]]
id = "mail"
zone = "dmz"
ip = ["10.0.3.9"]
role = ["server"]
[[asset]]
id = "jump"
zone = "office"
ip = ["10.0.4.2"]
role = ["jump-host"]
[[asset]]
id = "eto-laptop"
zone = "office"
mac = ["02:00:0a:00:04:32"]
roaming = ["machinery"]
[[conduit]]
id = "support"
from = "office"
to = "machinery"
reason = "remote help"
owner = "ETO"
  [[conduit.allow]]
  from = ["jump"]
  app = "rdp"
[[conduit]]
id = "admin"
from = "office"
to = "dmz"
reason = "administration"
owner = "ETO"
  [[conduit.allow]]
  from = ["10.0.4.7"]
  app = "http"
[[conduit]]
id = "time"
from = "machinery"
to = "outside"
reason = "time"
owner = "ETO"
  [[conduit.allow]]
  app = "ntp"
[[conduit]]
id = "control"
from = "machinery"
to = "machinery"
reason = "operation"
owner = "Chief engineer"
  [[conduit.allow]]
  from = ["hmi"]
  to = ["plc"]
  app = "modbus"
  op = ["read"]
  rate = "2/s"
"#;

/// Nobody is known.
struct Empty(Vec<Asset>);

impl Directory for Empty {
    fn asset(&self, row: u32) -> Option<&Asset> {
        self.0.get(row as usize)
    }
    fn row_of_ip(&self, ip: IpAddr) -> Option<u32> {
        self.0.iter().position(|asset| asset.interfaces.iter().any(|i| i.ips.contains(&ip))).map(|row| row as u32)
    }
    fn row_of_mac(&self, mac: Mac) -> Option<u32> {
        self.0.iter().position(|asset| asset.interfaces.iter().any(|i| i.mac == Some(mac))).map(|row| row as u32)
    }
}

/// See the file's head.
pub(crate) struct Bench {
    rules: Rules,
    directory: Empty,
    now: CaptureTime,
    frame: u64,
    source: Source<'static>,
}

impl Bench {
    /// A bench with one detector and, maybe, a policy. The policy must be valid.
    pub(crate) fn new(policy: Option<&str>, detector: Box<dyn Detector>) -> Self {
        Self::of(policy, vec![detector])
    }

    /// A bench with several detectors, in this order.
    pub(crate) fn of(policy: Option<&str>, detectors: Vec<Box<dyn Detector>>) -> Self {
        let policy = policy.map(|text| {
            let checked = check(text, "test.toml", CaptureTime::from_parts(1_800_000_000, 0));
            checked.policy.unwrap_or_else(|| panic!("{:?}", checked.diagnostics))
        });
        let directory = Empty(Vec::new());
        Self {
            rules: Rules::with(policy, detectors),
            directory,
            now: CaptureTime::from_parts(1_800_000_000, 0),
            frame: 0,
            source: MIRROR,
        }
    }

    /// People imported this.
    pub(crate) fn imports(&mut self, intel: dogwatch_intel::Intel) {
        self.rules.import(&std::sync::Arc::new(intel));
    }

    /// Another policy takes over, as a running monitor reads it.
    pub(crate) fn policy(&mut self, text: &str) {
        let policy = check(text, "test.toml", self.now).policy.unwrap();
        let seen = crate::seen::PolicySeen { at: self.now, file: "test.toml", hash: "", author: None, refused: None };
        self.rules.policy_changed(Some(policy), &seen, &self.directory);
    }

    /// Word of a change to the policy, which itself stays as it is.
    pub(crate) fn policy_seen(&mut self, author: Option<&str>, refused: Option<&str>) {
        let seen = crate::seen::PolicySeen { at: self.now, file: "test.toml", hash: "", author, refused };
        self.rules.policy_changed(None, &seen, &self.directory);
    }

    /// How the monitor itself is; the time is the bench's.
    pub(crate) fn itself(&mut self, seen: crate::seen::SelfSeen<'_>) {
        self.rules.itself(&crate::seen::SelfSeen { at: self.now, ..seen }, &self.directory);
    }

    /// What the detector learned.
    pub(crate) fn baseline(&self) -> crate::Baseline {
        self.rules.baseline()
    }

    /// Begins with what an earlier run learned, as all there is to learn.
    pub(crate) fn recall(&mut self, baseline: crate::Baseline) {
        assert!(self.rules.recall(baseline.as_learned()).is_empty());
    }

    /// Begins with what an earlier run told.
    pub(crate) fn restore(&mut self, findings: Vec<Finding>) {
        self.rules.restore(findings);
    }

    /// What would be told if what is watched were enforced.
    pub(crate) fn would_alert(&self) -> Vec<crate::WouldAlert> {
        self.rules.findings().would_alert().collect()
    }

    /// What was added up.
    pub(crate) fn learned(&self) -> crate::aggregates::Learned {
        self.rules.baseline().aggregates
    }

    /// Adds a device to the inventory.
    pub(crate) fn knows(&mut self, asset: Asset) {
        self.directory.0.push(asset);
    }

    /// A device that is known tells something else.
    pub(crate) fn knows_better(&mut self, row: usize, asset: Asset) {
        self.directory.0[row] = asset;
    }

    /// What follows comes from the CAN bus of this name.
    pub(crate) fn bus(&mut self, selector: &'static str) {
        self.source = Source { label: "can", selector };
    }

    /// Sets the time, seconds from the start, and ticks.
    pub(crate) fn at(&mut self, second: f64) {
        // whoever jumps has looked on meanwhile: without that no time of learning passes
        let jump = CaptureTime::from_parts(1_800_000_000, 0).plus(std::time::Duration::from_secs_f64(second));
        for _ in 0..jump.since(self.now).as_secs() / 1_800 {
            self.now = self.now.plus(std::time::Duration::from_secs(1_800));
            self.rules.tick(self.now, &self.directory);
        }
        self.now = CaptureTime::from_parts(1_800_000_000, 0).plus(std::time::Duration::from_secs_f64(second));
        self.rules.tick(self.now, &self.directory);
    }

    /// The time it is.
    pub(crate) const fn now(&self) -> CaptureTime {
        self.now
    }

    fn party(&self, ip: Option<IpAddr>, mac: Mac, port: u16, speaker: Speaker) -> Party {
        let end = self.rules.policy().map_or(End { mac, ip, ..End::default() }, |policy| policy.nmea_end("", mac, ip));
        let row = ip.map_or_else(|| self.directory.row_of_mac(mac), |ip| self.directory.row_of_ip(ip));
        Party { row, end, port, speaker }
    }

    /// A flow between two addresses, TCP to `port`.
    pub(crate) fn flow(&mut self, from: &str, to: &str, port: u16, protocol: Option<&'static str>, stage: FlowStage) {
        self.frame += 1;
        let flow = flow(from, to, port, Transport::Tcp);
        let (a, b) = (
            self.party(flow.src, flow.src_mac, 40_000, Speaker::Sender),
            self.party(flow.dst, flow.dst_mac, port, Speaker::Sender),
        );
        let seen = FlowSeen {
            at: self.now,
            frame: self.frame,
            source: self.source,
            flow: &flow,
            from: a,
            to: b,
            protocol,
            stage,
            sent: 1,
            received: 0,
            account: Account { first: self.now, is_answered: stage != FlowStage::Started, ..Account::default() },
        };
        self.rules.flow(&seen, &self.directory);
    }

    /// A packet with this address from this card, to nobody special.
    pub(crate) fn packet_of(&mut self, mac: Mac, ip: &str) {
        self.started(Flow { src_mac: mac, ..flow(ip, "10.0.2.21", 502, Transport::Tcp) });
    }

    /// A packet with VLAN tags.
    pub(crate) fn tagged(&mut self, from: &str, to: &str, outer: u16, inner: Option<u16>) {
        self.started(Flow { vlans: Vlans { outer: Some(outer), inner }, ..flow(from, to, 502, Transport::Tcp) });
    }

    /// The first packet of a flow, its ends placed as the daemon does.
    pub(crate) fn started(&mut self, flow: Flow) {
        let account = Account { first: self.now, ..Account::default() };
        self.told(&flow, None, FlowStage::Started, 1, account);
    }

    /// A flow at any stage, its ends placed as the daemon does.
    pub(crate) fn told(
        &mut self,
        flow: &Flow,
        protocol: Option<&'static str>,
        stage: FlowStage,
        packets: u64,
        account: Account,
    ) {
        self.moved(flow, protocol, stage, (packets, 0), account);
    }

    /// A flow at any stage with the packets of either side since it was last told of.
    pub(crate) fn moved(
        &mut self,
        flow: &Flow,
        protocol: Option<&'static str>,
        stage: FlowStage,
        (sent, received): (u64, u64),
        account: Account,
    ) {
        self.frame += 1;
        let ends = self.rules.policy().map_or_else(
            || crate::policy::Ends {
                from: End { mac: flow.src_mac, ip: flow.src, ..End::default() },
                to: End { mac: flow.dst_mac, ip: flow.dst, ..End::default() },
            },
            |policy| policy.zone_pair(flow, ""),
        );
        let row = |ip: Option<IpAddr>| ip.and_then(|ip| self.directory.row_of_ip(ip));
        let party = |row, end, port| Party { row, end, port, speaker: Speaker::Sender };
        let (from, to) = (party(row(flow.src), ends.from, flow.src_port), party(row(flow.dst), ends.to, flow.dst_port));
        let seen = FlowSeen {
            at: self.now,
            frame: self.frame,
            source: MIRROR,
            flow,
            from,
            to,
            protocol,
            stage,
            sent,
            received,
            account,
        };
        self.rules.flow(&seen, &self.directory);
    }

    /// A frame of a card that has no address yet, to everybody.
    pub(crate) fn frame_of(&mut self, mac: Mac) {
        self.frame += 1;
        let flow =
            Flow { src: None, dst: None, src_mac: mac, ..flow("0.0.0.0", "0.0.0.0", 0, Transport::Ethernet(0x0806)) };
        let (from, to) =
            (self.party(None, mac, 0, Speaker::Sender), self.party(None, flow.dst_mac, 0, Speaker::Sender));
        let stage = FlowStage::Started;
        let seen = FlowSeen {
            at: self.now,
            frame: self.frame,
            source: self.source,
            flow: &flow,
            from,
            to,
            protocol: None,
            stage,
            sent: 1,
            received: 0,
            account: Account { first: self.now, is_answered: stage != FlowStage::Started, ..Account::default() },
        };
        self.rules.flow(&seen, &self.directory);
    }

    /// The inventory learns the address of a card it knows.
    pub(crate) fn learns(&mut self, mac: Mac, ip: &str) {
        let ip: IpAddr = ip.parse().unwrap();
        let interfaces = self.directory.0.iter_mut().flat_map(|asset| &mut asset.interfaces);
        interfaces.filter(|interface| interface.mac == Some(mac)).for_each(|interface| interface.ips.push(ip));
    }

    /// A message with acts.
    pub(crate) fn says(&mut self, protocol: &'static str, speaker: Speaker, flow: &Flow, acts: &[Act<'_>]) {
        self.says_with(protocol, speaker, flow, acts, &NoFields);
    }

    /// A message with acts and decoded fields.
    pub(crate) fn says_with(
        &mut self,
        protocol: &'static str,
        speaker: Speaker,
        flow: &Flow,
        acts: &[Act<'_>],
        fields: &dyn Fields,
    ) {
        self.frame += 1;
        let message = Message { protocol, kind: "test", function: 0, speaker, acts, fields };
        let event = Event { at: self.now, frame: self.frame, flow, message: &message };
        let (a, b) = (
            self.party(flow.src, flow.src_mac, flow.src_port, speaker),
            self.party(flow.dst, flow.dst_mac, flow.dst_port, Speaker::Sender),
        );
        let line = foldhash::fast::FixedState::default().hash_one(format!("{flow:?}"));
        self.rules.event(&event, &a, &b, (self.source, line), &self.directory);
    }

    /// Measurements of own ship by a device.
    pub(crate) fn measures(&mut self, from: &str, values: &[(Quantity, Value)]) {
        let acts: Vec<_> = values
            .iter()
            .map(|(quantity, value)| Act::Measures { of: Of::OwnShip, quantity: *quantity, value: *value })
            .collect();
        self.says("nmea0183", Speaker::Sender, &flow(from, "239.192.0.4", 60_004, Transport::Udp), &acts);
    }

    /// A sentence from a source.
    pub(crate) fn sentence(&mut self, from: &str, speaker: Speaker, talker: &str, formatter: &str) {
        let acts = [Act::Publishes { object: Object::Sentence { talker, formatter } }];
        self.says("iec61162-450", speaker, &flow(from, "239.192.0.4", 60_004, Transport::Udp), &acts);
    }

    /// An ARP-like claim: `mac` has `ip`.
    pub(crate) fn claims(&mut self, mac: Mac, ip: &str) {
        let ip: IpAddr = ip.parse().unwrap();
        let fact = Fact {
            about: Subject::Mac(mac),
            attribute: dogwatch_model::Attribute::IpAddress,
            value: FactValue::Ip(ip),
            confidence: 80,
            method: "arp",
        };
        let flow = Flow {
            src: None,
            dst: None,
            src_mac: mac,
            transport: Transport::Ethernet(0x0806),
            ..flow("0.0.0.0", "0.0.0.0", 0, Transport::Udp)
        };
        self.says("arp", Speaker::Sender, &flow, &[Act::Says(fact)]);
    }

    /// Counters of a capture source.
    pub(crate) fn health(&mut self, source: &str, frames: u64, dropped: u64, up: bool) {
        let seen = HealthSeen { at: self.now, source, frames, dropped, up, unseen_segments: 0, seen_segments: 0 };
        self.rules.health(&seen, &self.directory);
    }

    /// Counters of a capture source that loses no frames itself, with TCP segments it saw and did not see.
    pub(crate) fn segments(&mut self, source: &str, frames: u64, seen_segments: u64, unseen_segments: u64) {
        let seen = HealthSeen { at: self.now, source, frames, dropped: 0, up: true, unseen_segments, seen_segments };
        self.rules.health(&seen, &self.directory);
    }

    /// Payload that a signature describes.
    pub(crate) fn signature(&mut self, flow: &Flow, protocol: Option<&'static str>, rule: u32) {
        self.frame += 1;
        let from = self.party(flow.src, flow.src_mac, flow.src_port, Speaker::Sender);
        let to = self.party(flow.dst, flow.dst_mac, flow.dst_port, Speaker::Sender);
        let (at, frame, source) = (self.now, self.frame, self.source);
        let seen = crate::seen::SignatureSeen { at, frame, source, flow, from, to, protocol, what: rule };
        self.rules.signature(&seen, &self.directory);
    }

    /// A packet that is not as it should be, its ends placed as the daemon does.
    pub(crate) fn irregular(&mut self, flow: &Flow, protocol: Option<&'static str>, what: Irregularity) {
        self.frame += 1;
        let from = self.party(flow.src, flow.src_mac, flow.src_port, Speaker::Sender);
        let to = self.party(flow.dst, flow.dst_mac, flow.dst_port, Speaker::Sender);
        let (at, frame, source) = (self.now, self.frame, self.source);
        let seen = crate::seen::IrregularSeen { at, frame, source, flow, from, to, protocol, what };
        self.rules.irregular(&seen, &self.directory);
    }

    /// What was raised.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        self.rules.findings().findings().cloned().collect()
    }

    /// Detection ids raised, in order.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.findings().into_iter().map(|finding| finding.rule_id).collect()
    }
}

/// The addresses of a packet between two hosts; the card of a host is made of its address.
pub(crate) fn flow(from: &str, to: &str, port: u16, transport: Transport) -> Flow {
    let (src, dst): (IpAddr, IpAddr) = (from.parse().unwrap(), to.parse().unwrap());
    Flow {
        source: SourceId(0),
        vlans: Vlans::default(),
        src_mac: card(src),
        dst_mac: card(dst),
        src: Some(src),
        dst: Some(dst),
        transport,
        src_port: 40_000,
        dst_port: port,
        ttl: 64,
        initiator: Initiator::Sender,
    }
}

/// The card of a made-up host.
pub(crate) fn card(ip: IpAddr) -> Mac {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            Mac([2, 0, a, b, c, d])
        }
        IpAddr::V6(_) => Mac([2, 6, 0, 0, 0, 1]),
    }
}

/// A made-up device with an address.
pub(crate) fn device(ip: &str) -> Asset {
    let ip: IpAddr = ip.parse().unwrap();
    let at = CaptureTime::from_parts(1_800_000_000, 0);
    Asset {
        asset_id: format!("ast_{ip}"),
        policy_id: None,
        zone_id: None,
        interfaces: vec![Interface { mac: Some(card(ip)), ips: vec![ip], ..Interface::default() }],
        device_class: dogwatch_model::DeviceClass::Unknown,
        attributes: std::collections::BTreeMap::new(),
        protocols: Vec::new(),
        first_seen: at,
        last_seen: at,
        frames: 0,
        bytes: 0,
        state: dogwatch_model::AssetState::ObservedOnly,
        disposition: dogwatch_model::Disposition::Unapproved,
        purpose: None,
        ship_function: None,
        system_name: None,
        cbs_category: None,
        location: None,
    }
}
