//! The table of assets and its look-ups.

use std::net::IpAddr;

use dogwatch_model::{
    Act, Asset, AssetChange, AssetState, Attribute, CaptureTime, DeviceClass, Disposition, Event, Fact, FactValue,
    Flow, IdKind, Interface, Mac, ObservedProtocol, ProtocolRole, Provenance, Sfi, SourceId, Speaker, Subject,
    Transport, stable_id,
};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::attributes::{Incoming, Taken, cost_of, take};
use crate::identity::{is_device_address, is_device_mac, is_from_own_link, is_link_local};
use crate::{Counters, Limits, oui};

type Map<K, V> = HashMap<K, V, RandomState>;

/// A row of the inventory. Stays valid for the life of the inventory; a merged row leads to the one it went into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetIx(pub u32);

/// Which of the devices behind another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Behind {
    Unit(u8),
    Station(u16),
}

impl Behind {
    fn of(interface: &Interface) -> Option<Self> {
        interface.modbus_unit.map(Self::Unit).or_else(|| interface.station.map(Self::Station))
    }
}

/// Every device seen so far.
#[derive(Debug, Default)]
pub struct Inventory {
    limits: Limits,
    counters: Counters,
    rows: Vec<Asset>,
    /// For a merged row, where it went.
    moved: Map<u32, u32>,
    by_mac: Map<Mac, u32>,
    by_ip: Map<IpAddr, u32>,
    by_sfi: Map<Sfi, u32>,
    by_name: Map<u64, u32>,
    by_bus_address: Map<(SourceId, u8), u32>,
    /// Units behind a gateway and stations behind a master, by the row of whoever is in front.
    by_unit: Map<(u32, Behind), u32>,
    /// Stations of a master that has no row, because it sends with a group address as its own, by the name of the capture source.
    by_station: Map<(String, u16), u32>,
    /// Serial lines, by the name of their capture source.
    by_line: Map<String, u32>,
    changes: Vec<AssetChange>,
    /// Bytes that the values of all rows take.
    value_bytes: usize,
}

impl Inventory {
    /// An empty inventory within `limits`.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Puts rows of an earlier run back, so that ids, first sightings and facts go on.
    pub fn restore(&mut self, assets: impl IntoIterator<Item = Asset>) {
        let first = self.rows.len();
        for asset in assets {
            if self.rows.len() >= self.limits.assets {
                self.counters.assets_refused = self.counters.assets_refused.saturating_add(1);
                continue;
            }
            let row = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
            for interface in asset.interfaces.iter().filter(|interface| !interface.is_behind()) {
                if let Some(mac) = interface.mac {
                    self.by_mac.insert(mac, row);
                }
                for ip in interface.ips.iter().filter(|ip| interface.mac.is_none() || !ip.is_loopback()) {
                    self.by_ip.insert(*ip, row);
                }
                if let Some(sfi) = interface.sfi {
                    self.by_sfi.insert(sfi, row);
                }
                if let Some(name) = interface.n2k_name {
                    self.by_name.insert(name, row);
                }
                let is_line = Interface { capture_source: String::new(), vlan: None, ..interface.clone() };
                if is_line == Interface::default() {
                    self.by_line.insert(interface.capture_source.clone(), row);
                }
            }
            let values = asset.attributes.values().flatten();
            self.value_bytes = values.fold(self.value_bytes, |sum, value| sum.saturating_add(cost_of(value)));
            self.rows.push(asset);
        }
        // A unit is found by its gateway, whose addresses it carries; the gateway may have come behind it.
        for (row, asset) in (0_u32..).zip(&self.rows).skip(first) {
            for interface in &asset.interfaces {
                let Some(behind) = Behind::of(interface) else { continue };
                if let (None, [], Some(station)) = (interface.mac, interface.ips.as_slice(), interface.station) {
                    self.by_station.insert((interface.capture_source.clone(), station), row);
                    continue;
                }
                let by_mac = interface.mac.and_then(|mac| self.by_mac.get(&mac));
                let gateway = interface.ips.iter().find_map(|ip| self.by_ip.get(ip)).or(by_mac);
                if let Some(gateway) = gateway {
                    self.by_unit.insert((*gateway, behind), row);
                }
            }
        }
    }

    /// Every device, in the order of first sight.
    pub fn assets(&self) -> impl Iterator<Item = &Asset> {
        self.rows.iter().enumerate().filter(|(row, _)| !self.is_merged(*row)).map(|(_, asset)| asset)
    }

    /// Every device with its index.
    pub fn indexed(&self) -> impl Iterator<Item = (AssetIx, &Asset)> {
        (0_u32..)
            .zip(&self.rows)
            .filter(|(row, _)| !self.moved.contains_key(row))
            .map(|(row, asset)| (AssetIx(row), asset))
    }

    /// How many devices.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len().saturating_sub(self.moved.len())
    }

    /// Whether nothing was seen yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row behind an index, wherever it was merged to.
    #[must_use]
    pub fn get(&self, ix: AssetIx) -> Option<&Asset> {
        self.rows.get(self.resolve(ix.0) as usize)
    }

    /// The row now holding what `ix` was.
    #[must_use]
    pub fn current(&self, ix: AssetIx) -> AssetIx {
        AssetIx(self.resolve(ix.0))
    }

    /// The device with this IP address.
    #[must_use]
    pub fn by_ip(&self, ip: IpAddr) -> Option<AssetIx> {
        self.by_ip.get(&ip).map(|row| AssetIx(self.resolve(*row)))
    }

    /// The device with this MAC address.
    #[must_use]
    pub fn by_mac(&self, mac: Mac) -> Option<AssetIx> {
        self.by_mac.get(&mac).map(|row| AssetIx(self.resolve(*row)))
    }

    /// What was refused so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What changed since the last call.
    pub fn take_changes(&mut self) -> Vec<AssetChange> {
        std::mem::take(&mut self.changes)
    }

    /// Says which zone and which declared asset a row is; called once the policy has placed it.
    pub fn declare(&mut self, ix: AssetIx, zone_id: Option<&str>, policy_id: Option<&str>) {
        let row = self.resolve(ix.0);
        if let Some(asset) = self.rows.get_mut(row as usize) {
            asset.zone_id = zone_id.map(str::to_owned);
            asset.policy_id = policy_id.map(str::to_owned);
            asset.state = if policy_id.is_some() { AssetState::Matched } else { AssetState::ObservedOnly };
            asset.disposition = if policy_id.is_some() { Disposition::Approved } else { Disposition::Unapproved };
        }
    }

    /// Takes note of the sender of a frame; gives its row, `None` when the sender is no device or the table is full.
    pub fn sender(&mut self, at: CaptureTime, frame: u64, flow: &Flow, source_name: &str) -> Option<AssetIx> {
        let seen = Sighting { at, frame, source_name, source: flow.source, vlan: flow.vlans.innermost() };
        let mac = Some(flow.src_mac).filter(|mac| is_device_mac(*mac));
        // Captured on a machine itself, where there are no cards, the loopback address is who speaks. On a wire (which RFC 1122, 3.2.1.3 forbids) it
        // belongs to no one device: it is shown with the card that sent it, and finds nobody.
        let ip = flow.src.filter(|ip| is_device_address(*ip) || (mac.is_none() && ip.is_loopback()));
        let row = match (mac, ip) {
            (None, None) if flow.transport == Transport::Serial => self.row_of_line(&seen),
            (None, None) => None,
            (Some(mac), None) => self.row_of_mac(mac, &seen),
            (None, Some(ip)) => self.row_of_ip(ip, &seen),
            (Some(mac), Some(ip)) => self.row_of_pair(mac, ip, is_from_own_link(flow, ip), &seen),
        }?;
        if let Some(ip) = flow.src.filter(|ip| mac.is_some() && ip.is_loopback()) {
            self.note_ip(row, ip);
        }
        self.touch(row, at);
        Some(AssetIx(row))
    }

    /// Takes note of a speaker on a CAN bus.
    pub fn bus_speaker(
        &mut self,
        at: CaptureTime,
        frame: u64,
        flow: &Flow,
        speaker: Speaker,
        source_name: &str,
    ) -> Option<AssetIx> {
        let seen = Sighting { at, frame, source_name, source: flow.source, vlan: None };
        let row = match speaker {
            Speaker::Sender | Speaker::Sfi(_) => None,
            // 254 means "cannot claim", 255 everybody: neither is a device
            Speaker::BusAddress(254 | 255) => None,
            Speaker::BusAddress(address) => self.row_of_bus_address(address, &seen),
            Speaker::Name { name, address } => self.row_of_name(name, address, &seen),
        }?;
        self.touch(row, at);
        Some(AssetIx(row))
    }

    /// Adds what a flow carried to its sender's totals.
    pub fn add_traffic(&mut self, ix: AssetIx, frames: u64, bytes: u64, last: CaptureTime) {
        let row = self.resolve(ix.0);
        if let Some(asset) = self.rows.get_mut(row as usize) {
            asset.frames = asset.frames.saturating_add(frames);
            asset.bytes = asset.bytes.saturating_add(bytes);
            asset.last_seen = asset.last_seen.max(last);
        }
    }

    /// Takes note that a device speaks a protocol.
    pub fn speaks(&mut self, ix: AssetIx, protocol: &str, role: ProtocolRole, at: CaptureTime) {
        let row = self.resolve(ix.0);
        let limit = self.limits.protocols_per_asset;
        let Some(asset) = self.rows.get_mut(row as usize) else { return };
        if let Some(known) = asset.protocols.iter_mut().find(|known| known.role == role && known.name == protocol) {
            known.last_seen = known.last_seen.max(at);
        } else if asset.protocols.len() < limit {
            asset.protocols.push(ObservedProtocol { name: protocol.to_owned(), role, first_seen: at, last_seen: at });
        }
    }

    /// Folds the facts of an event into the rows they are about. `speaker` is the row of the event's speaker.
    pub fn event(&mut self, event: &Event<'_>, speaker: Option<AssetIx>, source_name: &str) {
        for act in event.message.acts {
            if let Act::Says(fact) = act {
                self.fact(event, fact, speaker, source_name);
            }
        }
    }

    /// A sender that left its address in the frame empty and names its card in the message, as the chassis id of LLDP does (IEEE 802.1AB-2016,
    /// 8.5.2): its row and that card. To be asked with every message, for several such senders share one flow.
    pub fn self_named(&mut self, event: &Event<'_>, source_name: &str) -> Option<(AssetIx, Mac)> {
        let flow = event.flow;
        let is_on_wire = matches!(flow.transport, Transport::Ethernet(_)) && flow.src.is_none();
        if !is_on_wire || !flow.src_mac.is_none() || event.message.speaker != Speaker::Sender {
            return None;
        }
        let mac = event.message.acts.iter().find_map(|act| match act {
            Act::Says(Fact {
                about: Subject::Speaker,
                attribute: Attribute::MacAddress,
                value: FactValue::Mac(mac),
                ..
            }) if is_device_mac(*mac) => Some(*mac),
            _ => None,
        })?;
        let vlan = flow.vlans.innermost();
        let seen = Sighting { at: event.at, frame: event.frame, source_name, source: flow.source, vlan };
        let row = AssetIx(self.row_of_mac(mac, &seen)?);
        self.speaks(row, event.message.protocol, ProtocolRole::Talker, event.at);
        self.touch(row.0, event.at);
        Some((row, mac))
    }

    fn fact(&mut self, event: &Event<'_>, fact: &Fact<'_>, speaker: Option<AssetIx>, source_name: &str) {
        let seen = Sighting {
            at: event.at,
            frame: event.frame,
            source_name,
            source: event.flow.source,
            vlan: event.flow.vlans.innermost(),
        };
        let row = match fact.about {
            Subject::Speaker => speaker.map(|ix| self.resolve(ix.0)),
            Subject::Mac(mac) if is_device_mac(mac) => self.row_of_mac(mac, &seen),
            Subject::Mac(_) => None,
            Subject::Ip(ip) if is_device_address(ip) => self.row_of_ip(ip, &seen),
            Subject::Ip(_) => None,
            Subject::Name(name) => self.by_name.get(&name).map(|row| self.resolve(*row)),
            Subject::Unit(unit) => {
                speaker.and_then(|ix| self.row_behind(self.resolve(ix.0), Behind::Unit(unit), &seen))
            }
            Subject::Station(station) => match speaker {
                Some(ix) => self.row_behind(self.resolve(ix.0), Behind::Station(station), &seen),
                None => self.row_of_station(station, &seen),
            },
        };
        let Some(mut row) = row else { return };
        match (fact.attribute, fact.value) {
            (Attribute::IpAddress, FactValue::Ip(ip)) if is_device_address(ip) => row = self.bind(row, ip, &seen),
            (Attribute::Sfi, FactValue::Text(text)) => self.add_sfi(row, text, &seen),
            (Attribute::MacAddress, FactValue::Mac(mac)) if !is_device_mac(mac) => return,
            _ => {}
        }
        let number;
        let value = match fact.value {
            FactValue::Text(text) => text,
            FactValue::Number(value) => {
                number = value.to_string();
                &number
            }
            FactValue::Ip(ip) => {
                number = ip.to_string();
                &number
            }
            FactValue::Mac(mac) => {
                number = mac.to_string();
                &number
            }
        };
        // behaviour (50 and below) is a guess and shown as one
        let source = if fact.confidence <= 50 { Provenance::Inferred } else { Provenance::Observed };
        let incoming = Incoming {
            attribute: fact.attribute,
            value,
            source,
            method: fact.method,
            confidence: fact.confidence,
            at: seen.at,
            frame: seen.frame,
        };
        self.put(row, incoming);
        self.touch(row, seen.at);
    }

    fn put(&mut self, row: u32, incoming: Incoming<'_>) {
        let Some(asset) = self.rows.get_mut(row as usize) else { return };
        let (held, dropped) = (&mut self.value_bytes, &mut self.counters.values_dropped);
        if let Taken::Shown(old) = take(asset, incoming, &self.limits, held, dropped) {
            let new = asset.shown(incoming.attribute).unwrap_or_default().to_owned();
            let change = AssetChange::Attribute {
                asset_id: asset.asset_id.clone(),
                at: incoming.at,
                attribute: incoming.attribute,
                old,
                new,
            };
            self.note(change);
        }
    }

    fn note(&mut self, change: AssetChange) {
        if self.changes.len() < self.limits.pending_changes {
            self.changes.push(change);
        } else {
            self.counters.changes_dropped = self.counters.changes_dropped.saturating_add(1);
        }
    }

    fn touch(&mut self, row: u32, at: CaptureTime) {
        if let Some(asset) = self.rows.get_mut(row as usize) {
            asset.last_seen = asset.last_seen.max(at);
        }
    }

    fn is_merged(&self, row: usize) -> bool {
        u32::try_from(row).is_ok_and(|row| self.moved.contains_key(&row))
    }

    fn resolve(&self, row: u32) -> u32 {
        let mut row = row;
        // a row is merged once into one that was not merged then: the chain is short and has no ring
        while let Some(next) = self.moved.get(&row) {
            row = *next;
        }
        row
    }

    fn row_of_mac(&mut self, mac: Mac, seen: &Sighting<'_>) -> Option<u32> {
        if let Some(row) = self.by_mac.get(&mac) {
            return Some(self.resolve(*row));
        }
        self.room()?;
        let interface = Interface {
            mac: Some(mac),
            vlan: seen.vlan,
            capture_source: seen.source_name.to_owned(),
            ..Interface::default()
        };
        let row = self.create(format!("mac:{mac}").as_bytes(), interface, seen)?;
        self.by_mac.insert(mac, row);
        self.name_vendor(row, mac, seen);
        Some(row)
    }

    fn row_of_ip(&mut self, ip: IpAddr, seen: &Sighting<'_>) -> Option<u32> {
        if let Some(row) = self.by_ip.get(&ip) {
            return Some(self.resolve(*row));
        }
        self.room()?;
        let interface = Interface {
            ips: vec![ip],
            vlan: seen.vlan,
            capture_source: seen.source_name.to_owned(),
            ..Interface::default()
        };
        let row = self.create(format!("ip:{ip}").as_bytes(), interface, seen)?;
        self.by_ip.insert(ip, row);
        Some(row)
    }

    fn row_of_pair(&mut self, mac: Mac, ip: IpAddr, own_link: bool, seen: &Sighting<'_>) -> Option<u32> {
        if let Some(row) = self.by_ip.get(&ip).map(|row| self.resolve(*row)) {
            // known by its address alone (spoken about, or seen where there is no link layer): now its card is known too
            if own_link
                && self.rows.get(row as usize).is_some_and(|asset| asset.interfaces.iter().all(|i| i.mac.is_none()))
                && self.by_mac.get(&mac).is_none_or(|card| self.has_room(self.resolve(*card), ip))
            {
                return Some(self.attach_mac(row, mac, seen));
            }
            if self.by_mac.get(&mac).is_none() {
                self.row_of_mac(mac, seen);
            }
            return Some(row);
        }
        let card = self.row_of_mac(mac, seen)?;
        if own_link && self.has_room(card, ip) {
            self.add_ip(card, ip);
            return Some(card);
        }
        // Behind a router; or a card with more addresses than one device has, which speaks for others whatever their packets' age says (a proxy,
        // virtual machines, a serial gateway): each of those is a device of its own, or it would be missing from the inventory.
        if own_link {
            self.counters.addresses_refused = self.counters.addresses_refused.saturating_add(1);
        }
        self.mark_router(card, seen);
        self.row_of_ip(ip, seen).or(Some(card))
    }

    /// Whether a row can hold one more address. Link-local ones belong to the card for sure and have some room of their own.
    fn has_room(&self, row: u32, ip: IpAddr) -> bool {
        let limit = self.limits.addresses_per_asset;
        let limit = if is_link_local(ip) { limit.saturating_mul(2) } else { limit };
        self.rows.get(row as usize).is_some_and(|asset| {
            let held: usize = asset.interfaces.iter().map(|interface| interface.ips.len()).sum();
            held < limit || asset.interfaces.iter().any(|interface| interface.ips.contains(&ip))
        })
    }

    /// A row known by address alone gets its MAC: either the MAC is new, or the two rows are one device.
    fn attach_mac(&mut self, row: u32, mac: Mac, seen: &Sighting<'_>) -> u32 {
        if let Some(card) = self.by_mac.get(&mac).map(|card| self.resolve(*card)) {
            return self.merge(card, row, seen);
        }
        if let Some(interface) = self.rows.get_mut(row as usize).and_then(|asset| asset.interfaces.first_mut()) {
            interface.mac = Some(mac);
            interface.vlan = interface.vlan.or(seen.vlan);
        }
        self.by_mac.insert(mac, row);
        self.name_vendor(row, mac, seen);
        row
    }

    /// ARP, ND or DHCP says that the device `row` has `ip`.
    fn bind(&mut self, row: u32, ip: IpAddr, seen: &Sighting<'_>) -> u32 {
        let Some(holder) = self.by_ip.get(&ip).map(|holder| self.resolve(*holder)) else {
            self.add_ip(row, ip);
            return row;
        };
        if holder == row || !self.has_room(row, ip) {
            return row;
        }
        let has_card =
            self.rows.get(holder as usize).is_some_and(|asset| asset.interfaces.iter().any(|i| i.mac.is_some()));
        if has_card {
            // Another card held this address: a replacement or a take-over, which is for a detection to say. Both rows stay; the address follows
            // the newest claim once the old holder has been silent.
            let silent =
                self.rows.get(holder as usize).is_none_or(|asset| seen.at.since(asset.last_seen).as_secs() > 3_600);
            if silent {
                self.by_ip.insert(ip, row);
                self.add_ip(row, ip);
            }
            return row;
        }
        self.merge(row, holder, seen)
    }

    fn add_ip(&mut self, row: u32, ip: IpAddr) {
        if !self.has_room(row, ip) {
            self.counters.addresses_refused = self.counters.addresses_refused.saturating_add(1);
            return;
        }
        self.note_ip(row, ip);
        self.by_ip.entry(ip).or_insert(row);
    }

    /// Shows an address with a row, if there is room.
    fn note_ip(&mut self, row: u32, ip: IpAddr) {
        if self.has_room(row, ip)
            && let Some(interface) = self.rows.get_mut(row as usize).and_then(|asset| asset.interfaces.first_mut())
            && !interface.ips.contains(&ip)
        {
            interface.ips.push(ip);
        }
    }

    fn add_sfi(&mut self, row: u32, text: &str, seen: &Sighting<'_>) {
        let Some(sfi) = Sfi::from_bytes(text.as_bytes()) else { return };
        self.by_sfi.entry(sfi).or_insert(row);
        let limit = self.limits.addresses_per_asset;
        let Some(asset) = self.rows.get_mut(row as usize) else { return };
        if asset.interfaces.iter().any(|interface| interface.sfi == Some(sfi)) || asset.interfaces.len() >= limit {
            return;
        }
        match asset.interfaces.iter_mut().find(|interface| interface.sfi.is_none()) {
            Some(interface) => interface.sfi = Some(sfi),
            None => {
                let mac = asset.interfaces.first().and_then(|interface| interface.mac);
                let capture_source = seen.source_name.to_owned();
                asset.interfaces.push(Interface {
                    mac,
                    sfi: Some(sfi),
                    vlan: seen.vlan,
                    capture_source,
                    ..Interface::default()
                });
            }
        }
    }

    /// A card that sends packets of others is a router; that it is one is a conclusion, not a statement.
    fn mark_router(&mut self, row: u32, seen: &Sighting<'_>) {
        if self.rows.get(row as usize).is_none_or(|asset| asset.device_class != DeviceClass::Unknown) {
            return;
        }
        self.put(
            row,
            Incoming {
                attribute: Attribute::DeviceClass,
                value: "router",
                source: Provenance::Inferred,
                method: "ip.ttl",
                confidence: 50,
                at: seen.at,
                frame: seen.frame,
            },
        );
    }

    fn name_vendor(&mut self, row: u32, mac: Mac, seen: &Sighting<'_>) {
        if let Some(vendor) = oui::vendor(mac) {
            self.put(
                row,
                Incoming {
                    attribute: Attribute::OuiVendor,
                    value: vendor,
                    source: Provenance::ReferenceDb,
                    method: "oui",
                    confidence: 40,
                    at: seen.at,
                    frame: seen.frame,
                },
            );
        }
    }

    fn row_of_name(&mut self, name: u64, address: u8, seen: &Sighting<'_>) -> Option<u32> {
        if let Some(row) = self.by_name.get(&name).map(|row| self.resolve(*row)) {
            if let Some(interface) = self.rows.get_mut(row as usize).and_then(|asset| asset.interfaces.first_mut()) {
                interface.n2k_source = Some(address);
            }
            return Some(row);
        }
        // what spoke from this address before its claim was heard is the same device
        let before = self.by_bus_address.remove(&(seen.source, address)).map(|row| self.resolve(row));
        let row = match before {
            Some(row) => row,
            None => {
                let interface = Interface { capture_source: seen.source_name.to_owned(), ..Interface::default() };
                self.create(format!("name:{name:016x}").as_bytes(), interface, seen)?
            }
        };
        if let Some(interface) = self.rows.get_mut(row as usize).and_then(|asset| asset.interfaces.first_mut()) {
            interface.n2k_name = Some(name);
            interface.n2k_source = Some(address);
        }
        self.by_name.insert(name, row);
        Some(row)
    }

    /// The unit behind a gateway or the station behind a master: a row of its own, so that what it says does not become the other's.
    fn row_behind(&mut self, gateway: u32, behind: Behind, seen: &Sighting<'_>) -> Option<u32> {
        if let Some(row) = self.by_unit.get(&(gateway, behind)) {
            return Some(self.resolve(*row));
        }
        let (id, mac, ips) = {
            let asset = self.rows.get(gateway as usize)?;
            let interface = asset.interfaces.first()?;
            (asset.asset_id.clone(), interface.mac, interface.ips.first().copied().into_iter().collect())
        };
        let (key, modbus_unit, station) = match behind {
            Behind::Unit(unit) => (format!("unit:{id}:{unit}"), Some(unit), None),
            Behind::Station(station) => (format!("station:{id}:{station}"), None, Some(station)),
        };
        let interface = Interface {
            mac,
            ips,
            vlan: seen.vlan,
            capture_source: seen.source_name.to_owned(),
            modbus_unit,
            station,
            ..Interface::default()
        };
        let row = self.create(key.as_bytes(), interface, seen)?;
        self.by_unit.insert((gateway, behind), row);
        Some(row)
    }

    /// The station on a line whose master is nobody: open masters send with a group address as their own.
    fn row_of_station(&mut self, station: u16, seen: &Sighting<'_>) -> Option<u32> {
        let place = (seen.source_name.to_owned(), station);
        if let Some(row) = self.by_station.get(&place) {
            return Some(self.resolve(*row));
        }
        let interface = Interface {
            vlan: seen.vlan,
            capture_source: seen.source_name.to_owned(),
            station: Some(station),
            ..Interface::default()
        };
        let row = self.create(format!("station:{}:{station}", seen.source_name).as_bytes(), interface, seen)?;
        self.by_station.insert(place, row);
        Some(row)
    }

    fn row_of_bus_address(&mut self, address: u8, seen: &Sighting<'_>) -> Option<u32> {
        if let Some(row) = self.by_bus_address.get(&(seen.source, address)) {
            return Some(self.resolve(*row));
        }
        let interface = Interface {
            n2k_source: Some(address),
            capture_source: seen.source_name.to_owned(),
            ..Interface::default()
        };
        let row = self.create(format!("bus:{}:{address}", seen.source_name).as_bytes(), interface, seen)?;
        self.by_bus_address.insert((seen.source, address), row);
        Some(row)
    }

    /// The device at the other end of a serial line: there is one talker on each (IEC 61162-1:2016, clause 5), and it has no address.
    fn row_of_line(&mut self, seen: &Sighting<'_>) -> Option<u32> {
        if let Some(row) = self.by_line.get(seen.source_name) {
            return Some(self.resolve(*row));
        }
        let interface = Interface { capture_source: seen.source_name.to_owned(), ..Interface::default() };
        let row = self.create(format!("line:{}", seen.source_name).as_bytes(), interface, seen)?;
        self.by_line.insert(seen.source_name.to_owned(), row);
        Some(row)
    }

    /// Whether there is room for another row; asked before anything is made for it, so that a flood of addresses stays cheap.
    fn room(&mut self) -> Option<()> {
        if self.rows.len() >= self.limits.assets {
            self.counters.assets_refused = self.counters.assets_refused.saturating_add(1);
            return None;
        }
        Some(())
    }

    fn create(&mut self, key: &[u8], interface: Interface, seen: &Sighting<'_>) -> Option<u32> {
        self.room()?;
        let row = u32::try_from(self.rows.len()).ok()?;
        let asset_id = stable_id(IdKind::Asset, seen.at, key);
        self.note(AssetChange::Appeared { asset_id: asset_id.clone(), at: seen.at });
        self.rows.push(Asset {
            asset_id,
            policy_id: None,
            zone_id: None,
            interfaces: vec![interface],
            device_class: DeviceClass::default(),
            attributes: std::collections::BTreeMap::new(),
            protocols: Vec::new(),
            first_seen: seen.at,
            last_seen: seen.at,
            frames: 0,
            bytes: 0,
            state: AssetState::default(),
            disposition: Disposition::default(),
            purpose: None,
            ship_function: None,
            system_name: None,
            cbs_category: None,
            location: None,
        });
        Some(row)
    }

    /// Two rows are one device: everything of `from` goes into `into`.
    fn merge(&mut self, into: u32, from: u32, seen: &Sighting<'_>) -> u32 {
        if into == from {
            return into;
        }
        let Some(left) = self.rows.get_mut(from as usize) else { return into };
        let gone = left.clone();
        left.attributes.clear();
        self.moved.insert(from, into);
        for ip in gone.interfaces.iter().flat_map(|interface| &interface.ips) {
            if ip.is_loopback() {
                self.note_ip(into, *ip);
                continue;
            }
            self.by_ip.insert(*ip, into);
            self.add_ip(into, *ip);
        }
        for sfi in gone.interfaces.iter().filter_map(|interface| interface.sfi) {
            self.by_sfi.insert(sfi, into);
            self.add_sfi(into, sfi.as_str(), seen);
        }
        let units: Vec<(Behind, u32)> =
            self.by_unit.iter().filter(|((row, _), _)| *row == from).map(|((_, unit), row)| (*unit, *row)).collect();
        for (unit, row) in units {
            self.by_unit.remove(&(from, unit));
            self.by_unit.entry((into, unit)).or_insert(row);
        }
        let Some(asset) = self.rows.get_mut(into as usize) else { return into };
        asset.first_seen = asset.first_seen.min(gone.first_seen);
        asset.last_seen = asset.last_seen.max(gone.last_seen);
        asset.frames = asset.frames.saturating_add(gone.frames);
        asset.bytes = asset.bytes.saturating_add(gone.bytes);
        for protocol in gone.protocols {
            if !asset.protocols.iter().any(|known| known.name == protocol.name && known.role == protocol.role) {
                asset.protocols.push(protocol);
            }
        }
        asset.protocols.truncate(self.limits.protocols_per_asset);
        if asset.device_class == DeviceClass::Unknown {
            asset.device_class = gone.device_class;
        }
        for (attribute, values) in gone.attributes {
            let most = self.limits.values_of(attribute);
            let list = asset.attributes.entry(attribute).or_default();
            for value in values {
                if list.iter().any(|known| known.value == value.value && known.method == value.method) {
                    self.value_bytes = self.value_bytes.saturating_sub(cost_of(&value));
                } else {
                    list.push(value);
                }
            }
            let going = list.split_off(most.min(list.len()));
            self.value_bytes = going.iter().fold(self.value_bytes, |sum, value| sum.saturating_sub(cost_of(value)));
        }
        let change = AssetChange::Merged { asset_id: asset.asset_id.clone(), from: gone.asset_id, at: seen.at };
        self.note(change);
        into
    }
}

/// Where and when something was seen.
#[derive(Clone, Copy)]
struct Sighting<'a> {
    at: CaptureTime,
    frame: u64,
    source: SourceId,
    source_name: &'a str,
    vlan: Option<u16>,
}

#[cfg(test)]
mod tests;
