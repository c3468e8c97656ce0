//! A device on the ship's networks, every attribute with who said so, how sure that is, and since when (data model b.4).

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Attribute, CaptureTime, Mac, Sfi};

/// Where an attribute's value comes from; a higher one is shown first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// Looked up in a public table (OUI).
    ReferenceDb,
    /// Concluded from behaviour.
    Inferred,
    /// Stated on the wire by the device or by the network about it.
    Observed,
    /// Declared by the crew (policy file).
    DeclaredCrew,
    /// Declared by the yard.
    DeclaredYard,
    /// Declared by the supplier.
    DeclaredSupplier,
    /// Established by an assessor.
    Assessor,
}

/// One value of one attribute. Several may stand side by side; the first is the one shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeValue {
    /// The value as text.
    pub value: String,
    /// Who said so.
    pub source: Provenance,
    /// By what method, e.g. `n2k.126996`, `lldp.tlv5`, `oui`.
    pub method: String,
    /// How sure, 0..=100.
    pub confidence: u8,
    /// When it was first seen.
    pub first_seen: CaptureTime,
    /// When it was last seen.
    pub last_seen: CaptureTime,
    /// Frame that told it first, by number within its source.
    pub frame: u64,
}

/// One attachment of an asset to a network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Interface {
    /// MAC address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// IP addresses seen on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<IpAddr>,
    /// VLAN it was seen in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// Capture source that saw it, by name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub capture_source: String,
    /// ISO 11783-5 NAME.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n2k_name: Option<u64>,
    /// CAN source address it holds now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n2k_source: Option<u8>,
    /// System function id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sfi: Option<Sfi>,
    /// Modbus unit id behind a gateway; card and addresses beside it are the gateway's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modbus_unit: Option<u8>,
    /// Station address on a line behind a master (EtherCAT); card and addresses beside it are those of the master's frames.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub station: Option<u16>,
}

impl Interface {
    /// Whether card and addresses belong to another device, behind which this one is.
    #[must_use]
    pub const fn is_behind(&self) -> bool {
        self.modbus_unit.is_some() || self.station.is_some()
    }

    /// How a device behind another one is told apart, to be written behind the other's name; empty for all others.
    #[must_use]
    pub fn behind(&self) -> String {
        match (self.modbus_unit, self.station) {
            (Some(unit), _) => format!(" unit {unit}"),
            (None, Some(station)) => format!(" station {station}"),
            (None, None) => String::new(),
        }
    }
}

/// Class of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words of the data model, each says itself")]
pub enum DeviceClass {
    Plc,
    Hmi,
    Workstation,
    Server,
    Switch,
    Router,
    Firewall,
    Gateway,
    Ecdis,
    Radar,
    Ais,
    Gnss,
    Vdr,
    Autopilot,
    Gyro,
    EchoSounder,
    SpeedLog,
    WindSensor,
    EngineController,
    Iopanel,
    Sensor,
    Actuator,
    Printer,
    Camera,
    Phone,
    Laptop,
    RemovableNic,
    Monitor,
    #[default]
    Unknown,
}

/// What an asset does with a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words of the data model, each says itself")]
pub enum ProtocolRole {
    Client,
    Server,
    Talker,
    Listener,
}

/// A protocol seen at an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedProtocol {
    /// Its name.
    pub name: String,
    /// What the asset does with it.
    pub role: ProtocolRole,
    /// When first seen.
    pub first_seen: CaptureTime,
    /// When last seen.
    pub last_seen: CaptureTime,
}

/// How observation and declaration fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words of the data model, each says itself")]
pub enum AssetState {
    Matched,
    #[default]
    ObservedOnly,
    DeclaredOnly,
    Conflict,
    Retired,
}

/// What a person decided about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words of the data model, each says itself")]
pub enum Disposition {
    Approved,
    #[default]
    Unapproved,
    VisitorPermitted,
    UnderReview,
}

/// A device: one row of the inventory.
///
/// Fields that only people can fill (`ship_function`, `cbs_category`, `location` …) stay empty until declared: the wire cannot show them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    /// `ast_` ULID, stable across a change of address.
    pub asset_id: String,
    /// Id of the asset in the policy file, once matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_id: Option<String>,
    /// Zone it was observed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone_id: Option<String>,
    /// Its attachments.
    pub interfaces: Vec<Interface>,
    /// Class of device, guessed from what it says.
    pub device_class: DeviceClass,
    /// Everything known about it: best value first.
    pub attributes: BTreeMap<Attribute, Vec<AttributeValue>>,
    /// Protocols seen.
    pub protocols: Vec<ObservedProtocol>,
    /// When first seen.
    pub first_seen: CaptureTime,
    /// When last seen.
    pub last_seen: CaptureTime,
    /// Frames sent by it.
    pub frames: u64,
    /// Bytes sent by it.
    pub bytes: u64,
    /// How observation and declaration fit.
    pub state: AssetState,
    /// What a person decided.
    pub disposition: Disposition,
    /// Purpose: declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Ship function (Rec 190 column B): declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship_function: Option<String>,
    /// System name (column C): declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_name: Option<String>,
    /// System category I, II, III (column E, UR E22): declared, never inferred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cbs_category: Option<String>,
    /// Location on board (column L): declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

impl Asset {
    /// The value shown for an attribute.
    #[must_use]
    pub fn shown(&self, attribute: Attribute) -> Option<&str> {
        self.attributes.get(&attribute)?.first().map(|best| best.value.as_str())
    }

    /// The name a person would use: policy id, own name, model, SFI, address.
    #[must_use]
    pub fn display_name(&self) -> String {
        if let Some(id) = &self.policy_id {
            return id.clone();
        }
        let spoken =
            [Attribute::Name, Attribute::Sfi, Attribute::Model].into_iter().find_map(|attribute| self.shown(attribute));
        if let Some(name) = spoken {
            return name.to_owned();
        }
        let interface = self.interfaces.first();
        let unit = interface.map(Interface::behind).unwrap_or_default();
        let ip = interface.and_then(|i| i.ips.first()).map(|ip| format!("{ip}{unit}"));
        let mac = interface.and_then(|i| i.mac).map(|mac| format!("{mac}{unit}"));
        let name = interface.and_then(|i| i.n2k_name).map(|name| format!("NAME {name:016x}"));
        ip.or(mac).or(name).unwrap_or_else(|| self.asset_id.clone())
    }
}

/// Something new in the inventory, for the upload queue and the change journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum AssetChange {
    /// A device seen for the first time.
    Appeared {
        /// Its id.
        asset_id: String,
        /// When.
        at: CaptureTime,
    },
    /// The shown value of an attribute changed.
    Attribute {
        /// Whose.
        asset_id: String,
        /// When.
        at: CaptureTime,
        /// Which attribute.
        attribute: Attribute,
        /// Value before.
        #[serde(skip_serializing_if = "Option::is_none")]
        old: Option<String>,
        /// Value now.
        new: String,
    },
    /// Two rows turned out to be one device.
    Merged {
        /// The row that stays.
        asset_id: String,
        /// The row that went into it.
        from: String,
        /// When.
        at: CaptureTime,
    },
}
