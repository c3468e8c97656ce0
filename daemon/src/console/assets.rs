//! The inventory: every device in one table, everything known about one of them, and the same as a file for a spreadsheet.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use dogwatch_model::{
    Asset, AssetState, Attribute, AttributeValue, CaptureTime, Finding, Interface, ObservedProtocol, Provenance,
};
use dogwatch_web::{Badge, When, bytes, class_word, count, number_of, word};

use super::advisories::{self, Published};
use super::api::{Shared, sorted_findings};
use super::connections::{Row as ConnectionRow, Rows as ConnectionRows, names_of};
use super::look::{Look, csv_file};
use crate::service::board::Picture;

/// Rows on one page.
const PER_PAGE: usize = 1_000;
/// Connections shown on a device's page.
const CONNECTIONS: usize = 100;

/// One row.
struct Row<'a> {
    asset: &'a Asset,
    now: CaptureTime,
    has_policy: bool,
}

impl Row<'_> {
    fn name(&self) -> String {
        self.asset.display_name()
    }

    fn zone(&self) -> &str {
        self.asset.zone_id.as_deref().unwrap_or_default()
    }

    fn class(&self) -> String {
        class_word(self.asset.device_class)
    }

    fn shown(&self, attribute: Attribute) -> &str {
        self.asset.shown(attribute).unwrap_or_default()
    }

    fn maker(&self) -> &str {
        self.shown(Attribute::Manufacturer)
    }

    /// The vendor of the network card, where the maker is not known: a hint, and marked as one.
    fn card(&self) -> &str {
        if self.maker().is_empty() { self.shown(Attribute::OuiVendor) } else { "" }
    }

    fn model(&self) -> &str {
        self.shown(Attribute::Model)
    }

    fn firmware(&self) -> &str {
        let firmware = self.shown(Attribute::FirmwareVersion);
        if firmware.is_empty() { self.shown(Attribute::SoftwareVersion) } else { firmware }
    }

    fn addresses(&self) -> Vec<String> {
        self.asset.interfaces.iter().flat_map(addresses).collect()
    }

    fn protocols(&self) -> String {
        let mut names: Vec<&str> = self.asset.protocols.iter().map(|protocol| protocol.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    }

    const fn first(&self) -> When {
        When { at: self.asset.first_seen, now: self.now }
    }

    const fn last(&self) -> When {
        When { at: self.asset.last_seen, now: self.now }
    }

    const fn declared(&self) -> &'static str {
        if self.has_policy { state_word(self.asset.state) } else { "no policy" }
    }

    fn has(&self, words: &[String]) -> bool {
        let text = [
            &self.name(),
            self.zone(),
            &self.class(),
            self.maker(),
            self.card(),
            self.model(),
            self.firmware(),
            &self.addresses().join(" "),
            &self.protocols(),
            self.declared(),
        ]
        .join(" ")
        .to_lowercase();
        words.iter().all(|word| text.contains(word))
    }
}

/// IP, MAC, NAME and SFI of one attachment.
fn addresses(interface: &Interface) -> Vec<String> {
    let ips = interface.ips.iter().map(ToString::to_string);
    ips.chain(interface.mac.map(|mac| mac.to_string()))
        .chain(interface.n2k_name.map(|name| format!("NAME {name:016x}")))
        .chain(interface.sfi.map(|sfi| sfi.to_string()))
        .collect()
}

const fn state_word(state: AssetState) -> &'static str {
    match state {
        AssetState::Matched => "declared",
        AssetState::ObservedOnly => "not declared",
        AssetState::DeclaredOnly => "declared, not heard",
        AssetState::Conflict => "differs from the policy",
        AssetState::Retired => "retired",
    }
}

#[derive(Template)]
#[template(path = "assets.html")]
struct List<'a> {
    rows: Vec<Row<'a>>,
    query: String,
    zone: String,
    fitting: usize,
    all: usize,
    frames: u64,
    next: Option<usize>,
}

impl List<'_> {
    fn all_words(&self) -> String {
        number_of(self.all as u64, "device", "devices")
    }
}

/// `GET /assets?q=&zone=&from=`.
pub(super) async fn list(State(board): Shared, look: Look) -> Response {
    let picture = board.picture();
    let (query, zone) = (look.param("q").unwrap_or_default(), look.param("zone").unwrap_or_default());
    let words: Vec<String> = query.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let has_policy = picture.policy.is_some();
    let mut rows: Vec<Row<'_>> = picture
        .assets
        .iter()
        .map(|asset| Row { asset, now: picture.now, has_policy })
        .filter(|row| (zone.is_empty() || row.zone() == zone) && row.has(&words))
        .collect();
    rows.sort_by_cached_key(|row| (row.zone().is_empty(), row.zone().to_owned(), row.name().to_lowercase()));
    let (fitting, from) = (rows.len(), look.number("from"));
    let rows: Vec<Row<'_>> = rows.into_iter().skip(from).take(PER_PAGE).collect();
    let page = List {
        next: (from + rows.len() < fitting).then_some(from + PER_PAGE),
        rows,
        query: query.to_owned(),
        zone: zone.to_owned(),
        fitting,
        all: picture.assets.len(),
        frames: picture.sources.iter().map(|source| source.frames).sum(),
    };
    look.show(&picture.vessel, "/assets", "Devices", &page)
}

/// `GET /assets.csv`: the columns of IACS Rec 190.
pub(super) async fn csv(State(board): Shared) -> Response {
    let picture = board.picture();
    let mut table = Vec::new();
    let written = dogwatch_report::inventory_csv(picture.assets.iter(), &mut table);
    csv_file("dogwatch-devices.csv", written.map(|()| table))
}

/// One value of one attribute.
struct Value<'a> {
    key: Attribute,
    attribute: String,
    /// Whether it is the one shown elsewhere; the others stand beside it.
    is_best: bool,
    value: &'a AttributeValue,
    now: CaptureTime,
}

impl Value<'_> {
    /// The value, a NAME in the sixteen digits it has everywhere else.
    fn text(&self) -> String {
        let name = (self.key == Attribute::N2kName).then(|| self.value.value.parse::<u64>().ok()).flatten();
        name.map_or_else(|| self.value.value.clone(), |name| format!("{name:016x}"))
    }

    const fn source(&self) -> &'static str {
        match self.value.source {
            Provenance::ReferenceDb => "public table",
            Provenance::Inferred => "concluded from behaviour",
            Provenance::Observed => "said on the wire",
            Provenance::DeclaredCrew => "declared by the crew",
            Provenance::DeclaredYard => "declared by the yard",
            Provenance::DeclaredSupplier => "declared by the supplier",
            Provenance::Assessor => "established by an assessor",
        }
    }

    const fn first(&self) -> When {
        When { at: self.value.first_seen, now: self.now }
    }

    const fn last(&self) -> When {
        When { at: self.value.last_seen, now: self.now }
    }
}

#[derive(Template)]
#[template(path = "asset.html")]
struct Sheet<'a> {
    row: Row<'a>,
    values: Vec<Value<'a>>,
    by_hand: Vec<&'static str>,
    findings: Vec<Finding>,
    connections: ConnectionRows<'a>,
    connections_all: usize,
    published: Option<Published>,
}

impl Sheet<'_> {
    fn traffic(&self) -> String {
        format!("{}, {}", number_of(self.row.asset.frames, "frame", "frames"), bytes(self.row.asset.bytes))
    }

    fn attached(&self, interface: &Interface) -> Vec<(&'static str, String)> {
        [
            (!interface.ips.is_empty())
                .then(|| ("IP", interface.ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))),
            interface.mac.map(|mac| ("MAC", mac.to_string())),
            interface.vlan.map(|vlan| ("VLAN", vlan.to_string())),
            interface.n2k_name.map(|name| ("NMEA 2000 NAME", format!("{name:016x}"))),
            interface.n2k_source.map(|source| ("Bus address", source.to_string())),
            interface.sfi.map(|sfi| ("SFI", sfi.to_string())),
            interface.modbus_unit.map(|unit| ("Modbus unit", unit.to_string())),
            interface.station.map(|station| ("Station", station.to_string())),
            (!interface.capture_source.is_empty()).then(|| ("Seen at", interface.capture_source.clone())),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn role(&self, protocol: &ObservedProtocol) -> String {
        word(protocol.role)
    }

    fn when(&self, at: &CaptureTime) -> When {
        When { at: *at, now: self.row.now }
    }

    fn badge(&self, finding: &Finding) -> Badge {
        Badge(finding.severity)
    }

    fn connections_count(&self) -> String {
        count(self.connections_all as u64)
    }
}

/// `GET /assets/{id}`: by the inventory's id or, for people who type, by the policy's.
pub(super) async fn page(State(board): Shared, Path(id): Path<String>, look: Look) -> Response {
    let picture = board.picture();
    let by_policy = |asset: &&Asset| asset.policy_id.as_deref() == Some(id.as_str());
    let found =
        picture.assets.iter().find(|asset| asset.asset_id == id).or_else(|| picture.assets.iter().find(by_policy));
    let Some(asset) = found else {
        return look.nothing_here(
            "No device has this number. Two rows may have turned out to be one device since: look for it in the list of devices.",
        );
    };
    let row = Row { asset, now: picture.now, has_policy: picture.policy.is_some() };
    let title = row.name();
    look.show(&picture.vessel, "/assets", &title, &sheet(&picture, row))
}

fn sheet<'a>(picture: &'a Picture, row: Row<'a>) -> Sheet<'a> {
    let id = row.asset.asset_id.as_str();
    let values = row
        .asset
        .attributes
        .iter()
        .flat_map(|(attribute, values)| values.iter().enumerate().map(move |entry| (attribute, entry)))
        .map(|(attribute, (index, value))| Value {
            key: *attribute,
            attribute: attribute_word(*attribute),
            is_best: index == 0,
            value,
            now: picture.now,
        })
        .collect();
    let names = names_of(picture);
    let touches = |end: &Option<String>| end.as_deref() == Some(id);
    let mut connections: Vec<_> = picture
        .connections
        .iter()
        .filter(|connection| touches(&connection.src_asset) || touches(&connection.dst_asset))
        .map(|connection| ConnectionRow::new(connection, &names, picture.now))
        .collect();
    let connections_all = connections.len();
    connections.truncate(CONNECTIONS);
    Sheet {
        published: advisories::of(picture, row.asset),
        by_hand: by_hand(row.asset),
        findings: sorted_findings(picture)
            .into_iter()
            .filter(|finding| touches(&finding.source.asset) || touches(&finding.destination.asset))
            .collect(),
        values,
        connections: ConnectionRows { connections },
        connections_all,
        row,
    }
}

fn attribute_word(attribute: Attribute) -> String {
    match attribute {
        Attribute::OuiVendor => "Vendor of the network card".to_owned(),
        Attribute::HwRevision => "Hardware revision".to_owned(),
        Attribute::OsName => "Operating system".to_owned(),
        Attribute::OsVersion => "Operating system version".to_owned(),
        Attribute::IpAddress => "IP address".to_owned(),
        Attribute::MacAddress => "MAC address".to_owned(),
        Attribute::PortVlan => "VLAN of the switch port".to_owned(),
        Attribute::Sfi => "System function id (SFI)".to_owned(),
        Attribute::Talker => "NMEA talker".to_owned(),
        Attribute::N2kName => "NMEA 2000 NAME".to_owned(),
        Attribute::N2kAddress => "NMEA 2000 address".to_owned(),
        Attribute::N2kFunction => "NMEA 2000 function".to_owned(),
        Attribute::Mmsi => "MMSI".to_owned(),
        Attribute::ImoNumber => "IMO number".to_owned(),
        Attribute::ClientHint => "What it asks for".to_owned(),
        other => {
            let word = word(other);
            let mut letters = word.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
        }
    }
}

/// What IACS Rec 190 asks of a device and nobody has said: on the wire, or in the policy.
fn by_hand(asset: &Asset) -> Vec<&'static str> {
    let said = |attribute| asset.shown(attribute).is_some();
    [
        ("Ship function", asset.ship_function.is_some()),
        ("System it belongs to", asset.system_name.is_some()),
        ("System category (I, II or III)", asset.cbs_category.is_some()),
        ("Purpose", asset.purpose.is_some()),
        ("Location on board", asset.location.is_some() || said(Attribute::Location)),
        ("Manufacturer", said(Attribute::Manufacturer)),
        ("Model or type", said(Attribute::Model)),
        ("Serial number", said(Attribute::SerialNumber)),
        ("Firmware version", said(Attribute::FirmwareVersion)),
        ("Operating system", said(Attribute::OsName)),
        ("Software and version", said(Attribute::SoftwareVersion)),
    ]
    .into_iter()
    .filter_map(|(name, known)| (!known).then_some(name))
    .collect()
}
