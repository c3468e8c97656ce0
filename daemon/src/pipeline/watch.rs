//! What listens to the flow engine: keeps who the two ends of each flow are, and passes what they say to inventory and rules.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use dogwatch_dissectors::ParseError;
use dogwatch_flow::{FlowId, FlowSummary, Observer, Payload, Traffic};
use dogwatch_inventory::{AssetIx, Inventory};
use dogwatch_model::{
    Act, Asset, AssetChange, Attribute, CaptureTime, Event, FactValue, Flow, Irregularity, Mac, ProtocolRole, SourceId,
    Speaker, Subject, Transport,
};
use dogwatch_rules::policy::{End, Ends, Placement, Policy};
use dogwatch_rules::{
    Account, FlowSeen, FlowStage, IrregularSeen, Party, PolicySeen, Rules, SignatureSeen, Source, Volume,
};

use super::connections::{Connections, Moved};
use super::counts::{ErrorCount, MessageCounts, count_error};
use super::directory::Rows;
use super::scan::Scan;
use crate::capture::SourceInfo;
use crate::mirror::MirrorSeen;

/// Cards remembered as gateways'. A ship has a handful; whoever claims a gateway's address adds one.
const MOST_GATEWAYS: usize = 64;

/// Changes kept until somebody takes them: nobody does while a capture is analysed, and names on the wire can change with every packet.
const MOST_CHANGES: usize = 65_536;

/// Everything behind the engine.
pub(super) struct Watch {
    sources: Vec<SourceInfo>,
    selectors: Vec<Selectors>,
    mirrors: Vec<MirrorSeen>,
    pub(super) inventory: Inventory,
    pub(super) rules: Rules,
    pub(super) connections: Connections,
    pub(super) messages: MessageCounts,
    pub(super) errors: Vec<ErrorCount>,
    /// Changes already placed, waiting to be taken.
    pub(super) changes: Vec<AssetChange>,
    /// Changes let go because nobody took them.
    pub(super) changes_dropped: u64,
    flows: Vec<Option<FlowState>>,
    /// Flows that ever started.
    flows_seen: u64,
    /// Compares payload with imported signatures, while there are any.
    pub(super) scan: Option<Box<Scan>>,
    /// Cards that answer for the address of a declared gateway: what they send for others is routed.
    gateways: BTreeSet<Mac>,
    /// Tagged flows through a gateway, by what both their sights have in common: the slot of the sight that counts.
    routed: HashMap<Routed, usize>,
}

/// What is remembered of a live flow: the two ends, seen from the side `flow` is seen from. In the order of use: what every message touches
/// stands together in the cache.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct FlowState {
    /// The other side of a router shows the same packets: counted there, not here.
    is_twin: bool,
    /// Whether the other side said anything.
    is_answered: bool,
    /// Whether the mirror's account has it.
    is_in_mirror: bool,
    /// Where its protocol stands in the message counts.
    count_hint: usize,
    flow: Flow,
    a: Party,
    b: Party,
    protocol: Option<&'static str>,
    /// A number no other flow has had.
    number: u64,
    /// When its first packet was seen.
    first: CaptureTime,
    /// Traffic already told.
    told: Moved,
}

/// Whether a packet comes from the side that its flow is seen from. Addresses and ports tell; a card does only where they are the same on
/// both sides, because it changes when a standby takes over an address or a packet comes another way.
fn is_same_side(seen: &Flow, kept: &Flow) -> bool {
    if (kept.src_port, kept.src) == (kept.dst_port, kept.dst) {
        return seen.src_mac == kept.src_mac;
    }
    (seen.src_port, seen.src) == (kept.src_port, kept.src)
}

/// What the two sights of a routed flow have in common: the capture source and the ends, in an order of their own.
type Routed = (SourceId, Transport, (Option<IpAddr>, u16), (Option<IpAddr>, u16));

impl Watch {
    pub(super) fn new(inventory: Inventory, rules: Rules) -> Self {
        Self {
            sources: Vec::new(),
            selectors: Vec::new(),
            mirrors: Vec::new(),
            inventory,
            rules,
            connections: Connections::default(),
            messages: MessageCounts::default(),
            errors: Vec::new(),
            changes: Vec::new(),
            changes_dropped: 0,
            flows: Vec::new(),
            flows_seen: 0,
            scan: None,
            gateways: BTreeSet::new(),
            routed: HashMap::new(),
        }
    }

    /// Adds a capture source; they are numbered in this order.
    pub(super) fn add_source(&mut self, info: SourceInfo) {
        self.selectors.push(Selectors::of(&info, self.rules.policy()));
        self.sources.push(info);
        self.mirrors.push(MirrorSeen::default());
    }

    /// What a source has shown of the ship's traffic.
    pub(super) fn mirror(&self, source: SourceId) -> Option<&MirrorSeen> {
        self.mirrors.get(usize::from(source.0))
    }

    /// The capture sources.
    pub(super) fn sources(&self) -> &[SourceInfo] {
        &self.sources
    }

    /// Gives rows that appeared or learned an address their zone and their declared asset.
    pub(super) fn place_changed(&mut self) {
        let changes = self.inventory.take_changes();
        if changes.is_empty() {
            return;
        }
        if self.rules.policy().is_some() {
            let moved: BTreeSet<&str> = changes
                .iter()
                .filter_map(|change| match change {
                    AssetChange::Appeared { asset_id, .. } | AssetChange::Merged { asset_id, .. } => {
                        Some(asset_id.as_str())
                    }
                    AssetChange::Attribute {
                        asset_id, attribute: Attribute::IpAddress | Attribute::N2kName, ..
                    } => Some(asset_id.as_str()),
                    AssetChange::Attribute { .. } => None,
                })
                .collect();
            self.place(|asset| moved.contains(asset.asset_id.as_str()));
        }
        let room = MOST_CHANGES.saturating_sub(self.changes.len());
        self.changes_dropped += changes.len().saturating_sub(room) as u64;
        self.changes.extend(changes.into_iter().take(room));
    }

    /// Gives these rows their zone and their declared asset by the policy in force.
    fn place(&mut self, is_meant: impl Fn(&Asset) -> bool) {
        let Some(policy) = self.rules.policy() else { return };
        let mut places = Vec::new();
        for (ix, asset) in self.inventory.indexed().filter(|(_, asset)| is_meant(asset)) {
            let (mut zone, mut declared) = (None, None);
            for interface in &asset.interfaces {
                let mac = interface.mac.unwrap_or(Mac::NONE);
                let source = self.sources.iter().position(|source| source.label == interface.capture_source);
                let selectors = source.and_then(|source| self.selectors.get(source)).unwrap_or(&NO_SELECTORS);
                let addresses =
                    interface.ips.iter().map(|ip| Some(*ip)).chain(interface.ips.is_empty().then_some(None));
                // a serial line has no addresses at all: its zone is that of its source
                let is_line = mac.is_none() && interface.n2k_name.is_none() && interface.n2k_source.is_none();
                for ip in addresses.filter(|ip| ip.is_some() || !mac.is_none() || is_line) {
                    let link_is_gateway = policy.is_gateway_mac(mac) || self.gateways.contains(&mac);
                    let placed = policy.placed(&Placement {
                        source: &selectors.interface,
                        vlan: interface.vlan,
                        mac,
                        ip,
                        link_is_gateway,
                    });
                    let end = policy.end(placed, mac, ip, link_is_gateway);
                    // What is behind a gateway is in the gateway's zone; that the gateway is declared does not declare it.
                    let of_end = end.asset.filter(|_| !interface.is_behind());
                    (zone, declared) = (zone.or(end.zone), declared.or(of_end));
                }
                if interface.n2k_name.is_some() || interface.n2k_source.is_some() {
                    zone = zone.or_else(|| policy.bus_zone(&selectors.bus));
                }
            }
            let zone = declared.and_then(|asset| Some(policy.asset(asset)?.zone)).or(zone);
            let zone = zone.and_then(|zone| policy.zone(zone)).map(|zone| zone.id.clone());
            let declared = declared.and_then(|asset| policy.asset(asset)).map(|asset| asset.id.clone());
            places.push((ix, zone, declared));
        }
        for (ix, zone, declared) in places {
            self.inventory.declare(ix, zone.as_deref(), declared.as_deref());
        }
    }

    /// Another policy was read. With `policy` it is in force from here on: every device and every live flow is placed anew.
    pub(super) fn policy_changed(&mut self, policy: Option<Policy>, seen: &PolicySeen<'_>) {
        let is_taken = policy.is_some();
        self.rules.policy_changed(policy, seen, &Rows(&self.inventory));
        if !is_taken {
            return;
        }
        self.selectors = self.sources.iter().map(|info| Selectors::of(info, self.rules.policy())).collect();
        self.place(|_| true);
        for slot in 0..self.flows.len() {
            self.place_flow(slot);
        }
    }

    /// Gives the two ends of a live flow their places anew.
    fn place_flow(&mut self, slot: usize) {
        let Some(state) = self.flows.get(slot).copied().flatten() else { return };
        let (a, b) = (state.a.row.map(AssetIx), state.b.row.map(AssetIx));
        let (new_a, new_b) = self.parties(&state.flow, a, b);
        // what was learned of the far card by its answers stays
        let mac = |old: &Party, new: Party| Party { end: End { mac: old.end.mac, ..new.end }, ..new };
        let (new_a, new_b) = (mac(&state.a, new_a), mac(&state.b, new_b));
        if let Some(Some(state)) = self.flows.get_mut(slot) {
            (state.a, state.b) = (new_a, new_b);
        }
    }

    /// A card turned out to be a gateway's after flows through it began (a capture begins in the middle of conversations that last for months):
    /// they are placed anew, and what a trunk shows on both sides of it counts once from here on.
    fn gateway_found(&mut self, gateway: Mac) {
        for slot in 0..self.flows.len() {
            let Some(state) = self.flows.get(slot).copied().flatten() else { continue };
            if [state.flow.src_mac, state.flow.dst_mac, state.a.end.mac, state.b.end.mac].contains(&gateway) {
                self.place_flow(slot);
                let is_twin = state.is_twin || self.is_seen_elsewhere(slot, &state.flow);
                if let Some(Some(state)) = self.flows.get_mut(slot) {
                    state.is_twin = is_twin;
                }
            }
        }
    }

    /// The two ends of a flow by the policy, seen from the flow's sender.
    fn parties(&self, flow: &Flow, a: Option<AssetIx>, b: Option<AssetIx>) -> (Party, Party) {
        let ends = match self.rules.policy() {
            Some(policy) => {
                policy.zone_pair_with(flow, source_of(&self.sources, &self.selectors, flow).selector, |mac| {
                    self.gateways.contains(&mac)
                })
            }
            None => Ends {
                from: End { mac: flow.src_mac, ip: flow.src, ..End::default() },
                to: End { mac: flow.dst_mac, ip: flow.dst, ..End::default() },
            },
        };
        let party =
            |row: Option<AssetIx>, end, port| Party { row: row.map(|ix| ix.0), end, port, speaker: Speaker::Sender };
        (party(a, ends.from, flow.src_port), party(b, ends.to, flow.dst_port))
    }

    fn row_of(&self, mac: Mac, ip: Option<std::net::IpAddr>) -> Option<AssetIx> {
        ip.map_or_else(|| self.inventory.by_mac(mac), |ip| self.inventory.by_ip(ip))
    }

    /// Tells the rules that a flow reached a stage that is not its account.
    fn tell(&mut self, id: FlowId, at: CaptureTime, frame: u64, stage: FlowStage, sent: u64) {
        let Some(state) = self.flows.get(id.slot()).and_then(Option::as_ref) else { return };
        let account = Account {
            first: state.first,
            sent: Volume { packets: sent, bytes: 0 },
            is_answered: state.is_answered,
            ..Account::default()
        };
        self.tell_account(id, (at, frame), stage, (sent, 0), account);
    }

    /// Tells the rules what a flow has come to, with the packets of either side since it was last told of.
    fn tell_progress(&mut self, id: FlowId, summary: &FlowSummary, moved: (u64, u64)) {
        let volume = |traffic: Traffic| Volume { packets: traffic.packets, bytes: traffic.bytes };
        let tcp = summary.tcp;
        let account = Account {
            first: summary.first,
            sent: volume(summary.forward),
            received: volume(summary.backward),
            is_answered: summary.backward.packets > 0,
            is_refused: tcp.reset && !tcp.established,
            is_over: summary.ending.is_some(),
        };
        self.tell_account(id, (summary.last, summary.last_frame), FlowStage::Progress, moved, account);
    }

    fn tell_account(
        &mut self,
        id: FlowId,
        (at, frame): (CaptureTime, u64),
        stage: FlowStage,
        (sent, received): (u64, u64),
        account: Account,
    ) {
        let Some(state) = self.flows.get(id.slot()).and_then(Option::as_ref).filter(|state| !state.is_twin) else {
            return;
        };
        let seen = FlowSeen {
            at,
            frame,
            source: source_of(&self.sources, &self.selectors, &state.flow),
            flow: &state.flow,
            from: state.a,
            to: state.b,
            protocol: state.protocol,
            stage,
            sent,
            received,
            account,
        };
        self.rules.flow(&seen, &Rows(&self.inventory));
    }

    /// Whether a trunk mirror shows this flow a second time, on the other side of a router: the same ends in another VLAN, through a card that is known
    /// to be a gateway's. (A stranger who borrows the ends of a flow has another card, and is heard.)
    fn is_seen_elsewhere(&mut self, slot: usize, flow: &Flow) -> bool {
        let is_gateway = |mac: Mac| {
            self.gateways.contains(&mac) || self.rules.policy().is_some_and(|policy| policy.is_gateway_mac(mac))
        };
        let is_routed = flow.src.is_some() && (is_gateway(flow.src_mac) || is_gateway(flow.dst_mac));
        if flow.vlans.outer.is_none() || !is_routed {
            return false;
        }
        let key = routed(flow);
        let first = self.routed.get(&key).and_then(|slot| self.flows.get(*slot)).and_then(Option::as_ref);
        if first.is_some_and(|first| first.flow.vlans != flow.vlans) {
            return true;
        }
        self.routed.insert(key, slot);
        false
    }

    /// Takes the flow as it is seen now; turns the two ends when the other side turns out to have opened it.
    fn reorient(&mut self, id: FlowId, flow: &Flow) {
        let Some(before) = self.flows.get(id.slot()).and_then(Option::as_ref) else { return };
        let is_turned = !is_same_side(flow, &before.flow);
        if !is_turned && before.flow.initiator == flow.initiator {
            return;
        }
        let before = *before;
        let (was_a, was_b) = if is_turned { (before.b, before.a) } else { (before.a, before.b) };
        // what an answer told of a card decides, too, whether its end lies behind a router
        let mut known = *flow;
        for (card, was) in [(&mut known.src_mac, was_a), (&mut known.dst_mac, was_b)] {
            if card.is_none() {
                *card = was.end.mac;
            }
        }
        let (a, b) = self.parties(&known, was_a.row.map(AssetIx), was_b.row.map(AssetIx));
        let told = if is_turned { before.told.turned() } else { before.told };
        if let Some(slot) = self.flows.get_mut(id.slot()) {
            *slot = Some(FlowState { flow: *flow, a, b, told, ..before });
        }
    }

    /// Adds what a flow moved since it was last told to the totals of its ends and its connection; gives the packets of
    /// either side.
    fn add_traffic(&mut self, id: FlowId, summary: &FlowSummary, is_over: bool) -> (u64, u64) {
        let Some(state) = self.flows.get_mut(id.slot()).and_then(Option::as_mut) else { return (0, 0) };
        let moved = Moved::since(&state.told, summary);
        state.told = Moved::all(summary);
        // a long conversation counts once it has shown both its sides, or has had time to
        if !state.is_in_mirror && (is_over || summary.tcp.established) {
            state.is_in_mirror = true;
            if let Some(mirror) = self.mirrors.get_mut(usize::from(summary.flow.source.0)) {
                mirror.heard(summary);
            }
        }
        if state.is_twin {
            return (0, 0);
        }
        for (row, traffic) in [(state.a.row, moved.forward), (state.b.row, moved.backward)] {
            if let Some(row) = row.filter(|_| traffic.packets > 0) {
                self.inventory.add_traffic(AssetIx(row), traffic.packets, traffic.bytes, summary.last);
            }
        }
        self.connections.add(summary, &moved);
        (moved.forward.packets, moved.backward.packets)
    }
}

/// The capture source of a flow, as people and as the policy call it.
fn source_of<'a>(sources: &'a [SourceInfo], selectors: &'a [Selectors], flow: &Flow) -> Source<'a> {
    let index = usize::from(flow.source.0);
    let (Some(info), Some(selectors)) = (sources.get(index), selectors.get(index)) else { return Source::default() };
    Source {
        label: &info.label,
        selector: if flow.transport == Transport::Can { &selectors.bus } else { &selectors.interface },
    }
}

static NO_SELECTORS: Selectors = Selectors { interface: String::new(), bus: String::new() };

/// What the policy's selectors call a source: its interface; for a bus in a file that does not name it, the only bus the policy has.
#[derive(Debug, Clone, Default)]
struct Selectors {
    interface: String,
    bus: String,
}

impl Selectors {
    fn of(info: &SourceInfo, policy: Option<&Policy>) -> Self {
        let interface = info.interface.clone().unwrap_or_default();
        let mut buses = policy.into_iter().flat_map(|policy| &policy.zones).flat_map(|zone| &zone.can);
        let bus = match (&info.interface, buses.next(), buses.next()) {
            (None, Some(only), None) => only.clone(),
            _ => interface.clone(),
        };
        Self { interface, bus }
    }
}

fn routed(flow: &Flow) -> Routed {
    let (a, b) = ((flow.src, flow.src_port), (flow.dst, flow.dst_port));
    (flow.source, flow.transport, a.min(b), a.max(b))
}

/// A card that answers ARP or neighbour discovery for the address of a declared gateway is that gateway's. Policies list gateways by address.
/// Gives the card that was not known before.
fn learn_gateways(event: &Event<'_>, policy: Option<&Policy>, gateways: &mut BTreeSet<Mac>) -> Option<Mac> {
    let policy = policy?;
    let mut found = None;
    for act in event.message.acts {
        if let Act::Says(fact) = act
            && let (Attribute::IpAddress, FactValue::Ip(ip), Subject::Mac(mac)) =
                (fact.attribute, fact.value, fact.about)
            && gateways.len() < MOST_GATEWAYS
            && policy.is_gateway_ip(ip)
            && gateways.insert(mac)
        {
            found = Some(mac);
        }
    }
    found
}

impl Observer for Watch {
    fn wants_payload(&self) -> bool {
        self.scan.is_some()
    }

    fn payload(&mut self, id: FlowId, payload: &Payload<'_>) {
        let Self { flows, sources, selectors, inventory, rules, scan, .. } = self;
        let Some(state) = flows.get(id.slot()).and_then(Option::as_ref).filter(|state| !state.is_twin) else { return };
        let Some(scan) = scan else { return };
        let hits = scan.look(id, payload, state.protocol);
        if hits.is_empty() {
            return;
        }
        let is_forward = is_same_side(payload.flow, &state.flow);
        let (from, to) = if is_forward { (state.a, state.b) } else { (state.b, state.a) };
        let (source, directory) = (source_of(sources, selectors, payload.flow), Rows(inventory));
        let Payload { at, frame, flow, .. } = *payload;
        for rule in hits {
            let seen = SignatureSeen { at, frame, source, flow, from, to, protocol: state.protocol, what: *rule };
            rules.signature(&seen, &directory);
        }
    }

    fn payload_lost(&mut self, id: FlowId, flow: &Flow) {
        if let Some(scan) = &mut self.scan {
            scan.lost(id, flow);
        }
    }

    fn flow_started(&mut self, id: FlowId, at: CaptureTime, frame: u64, flow: &Flow) {
        if let Some(mirror) = self.mirrors.get_mut(usize::from(flow.source.0)) {
            mirror.started(flow);
        }
        let source = self.sources.get(usize::from(flow.source.0)).map_or("", |source| source.label.as_str());
        let a = self.inventory.sender(at, frame, flow, source);
        let b = self.row_of(flow.dst_mac, flow.dst).filter(|_| !flow.is_to_group());
        let (a, b) = self.parties(flow, a, b);
        if self.flows.len() <= id.slot() {
            self.flows.resize(id.slot() + 1, None);
        }
        let is_twin = self.is_seen_elsewhere(id.slot(), flow);
        self.flows_seen += 1;
        if let Some(slot) = self.flows.get_mut(id.slot()) {
            *slot = Some(FlowState {
                flow: *flow,
                a,
                b,
                protocol: None,
                number: self.flows_seen,
                count_hint: 0,
                first: at,
                is_answered: false,
                told: Moved::default(),
                is_in_mirror: false,
                is_twin,
            });
        }
        self.tell(id, at, frame, FlowStage::Started, 1);
    }

    fn flow_answered(&mut self, id: FlowId, at: CaptureTime, frame: u64, flow: &Flow) {
        let source = self.sources.get(usize::from(flow.source.0)).map_or("", |source| source.label.as_str());
        let row = self.inventory.sender(at, frame, flow, source).map(|ix| ix.0);
        let Some(state) = self.flows.get_mut(id.slot()).and_then(Option::as_mut) else { return };
        state.is_answered = true;
        // the answer comes from the side the flow is not seen from, unless it was turned meanwhile
        let is_forward = is_same_side(flow, &state.flow);
        let end = if is_forward { &mut state.a } else { &mut state.b };
        end.row = row;
        // a cooked capture names the card of the sender only: whose the other end is shows when it answers, and when that card is a router's
        // the end lies behind it
        if end.end.mac.is_none() {
            let mut kept = state.flow;
            *(if is_forward { &mut kept.src_mac } else { &mut kept.dst_mac }) = flow.src_mac;
            let (row_a, row_b) = (state.a.row, state.b.row);
            let (a, b) = self.parties(&kept, row_a.map(AssetIx), row_b.map(AssetIx));
            if let Some(state) = self.flows.get_mut(id.slot()).and_then(Option::as_mut) {
                (state.a, state.b) = (a, b);
            }
        }
    }

    fn flow_established(&mut self, id: FlowId, at: CaptureTime, frame: u64, flow: &Flow) {
        self.reorient(id, flow);
        self.tell(id, at, frame, FlowStage::Established, 0);
    }

    fn recognised(&mut self, id: FlowId, at: CaptureTime, frame: u64, flow: &Flow, protocol: Option<&'static str>) {
        self.reorient(id, flow);
        if let Some(mirror) = self.mirrors.get_mut(usize::from(flow.source.0)) {
            mirror.recognised(flow, protocol);
        }
        let Some(state) = self.flows.get_mut(id.slot()).and_then(Option::as_mut) else { return };
        state.protocol = protocol;
        let (a, b) = (state.a.row, state.b.row);
        if let Some(protocol) = protocol {
            let (role_a, role_b) = if flow.is_to_group() {
                (ProtocolRole::Talker, ProtocolRole::Listener)
            } else {
                (ProtocolRole::Client, ProtocolRole::Server)
            };
            for (row, role) in [(a, role_a), (b, role_b)] {
                if let Some(row) = row {
                    self.inventory.speaks(AssetIx(row), protocol, role, at);
                }
            }
        }
        self.tell(id, at, frame, FlowStage::Recognised, 0);
    }

    fn flow_progress(&mut self, id: FlowId, summary: &FlowSummary) {
        self.reorient(id, &summary.flow);
        let moved = self.add_traffic(id, summary, false);
        self.tell_progress(id, summary, moved);
    }

    fn flow_ended(&mut self, id: FlowId, summary: &FlowSummary) {
        self.reorient(id, &summary.flow);
        let moved = self.add_traffic(id, summary, true);
        self.tell_progress(id, summary, moved);
        if let Some(slot) = self.flows.get_mut(id.slot()) {
            *slot = None;
        }
        if summary.flow.vlans.outer.is_some() && self.routed.get(&routed(&summary.flow)) == Some(&id.slot()) {
            self.routed.remove(&routed(&summary.flow));
        }
    }

    fn event(&mut self, id: FlowId, event: &Event<'_>) {
        let Self { flows, sources, selectors, inventory, rules, messages, gateways, .. } = self;
        let Some(state) = flows.get_mut(id.slot()).and_then(Option::as_mut).filter(|state| !state.is_twin) else {
            return;
        };
        messages.count(event.message.protocol, &mut state.count_hint);
        let is_forward = is_same_side(event.flow, &state.flow);
        let (sender, to) = if is_forward { (&state.a, &state.b) } else { (&state.b, &state.a) };
        let source = source_of(sources, selectors, event.flow);
        let speaker = event.message.speaker;
        let named;
        let from = match speaker {
            Speaker::Sender if sender.row.is_none() && sender.end.mac.is_none() => {
                let itself = inventory.self_named(event, source.label);
                named = itself.map_or(*sender, |(ix, mac)| Party {
                    row: Some(ix.0),
                    end: End { mac, ..sender.end },
                    ..*sender
                });
                &named
            }
            Speaker::Sender => sender,
            Speaker::Sfi(_) => {
                named = Party { speaker, ..*sender };
                &named
            }
            Speaker::Name { .. } | Speaker::BusAddress(_) => {
                let row = inventory.bus_speaker(event.at, event.frame, event.flow, speaker, source.label);
                named = Party { speaker, row: row.map(|ix| ix.0), ..*sender };
                &named
            }
        };
        let mut gateway = None;
        if event.message.acts.iter().any(|act| matches!(act, Act::Says(_))) {
            inventory.event(event, from.row.map(AssetIx), source.label);
            gateway = learn_gateways(event, rules.policy(), gateways);
        }
        let line = state.number << 1 | u64::from(is_forward);
        rules.event(event, from, to, (source, line), &Rows(inventory));
        if let Some(gateway) = gateway {
            self.gateway_found(gateway);
        }
    }

    fn parse_error(
        &mut self,
        id: FlowId,
        at: CaptureTime,
        frame: u64,
        flow: &Flow,
        protocol: &'static str,
        error: ParseError,
    ) {
        count_error(&mut self.errors, protocol, error.kind());
        self.irregular(Some(id), at, frame, flow, Irregularity::Unreadable);
    }

    fn irregular(&mut self, id: Option<FlowId>, at: CaptureTime, frame: u64, flow: &Flow, what: Irregularity) {
        let state = id.and_then(|id| self.flows.get(id.slot())).and_then(Option::as_ref);
        if state.is_some_and(|state| state.is_twin) {
            return;
        }
        let (from, to, protocol) = match state {
            Some(state) => {
                let is_forward = is_same_side(flow, &state.flow);
                let (from, to) = if is_forward { (state.a, state.b) } else { (state.b, state.a) };
                (from, to, state.protocol)
            }
            None => {
                let (a, b) = (self.row_of(flow.src_mac, flow.src), self.row_of(flow.dst_mac, flow.dst));
                let (from, to) = self.parties(flow, a, b.filter(|_| !flow.is_to_group()));
                (from, to, None)
            }
        };
        let source = source_of(&self.sources, &self.selectors, flow);
        let seen = IrregularSeen { at, frame, source, flow, from, to, protocol, what };
        self.rules.irregular(&seen, &Rows(&self.inventory));
    }
}
