//! The asset inventory in the columns of IACS Recommendation 190 (June 2025), A to V, with what dogwatch adds to the right of them.
//!
//! What a passive monitor cannot see is left empty and named in the last column as "enter by hand", never guessed.

use dogwatch_model::{Asset, Attribute};

use crate::{Table, WriteError};

/// Columns A to V of Rec 190.
pub const REC_190_COLUMNS: [&str; 22] = [
    "Item number",
    "Ship functions and systems",
    "System",
    "Equipment",
    "System category",
    "Brand/Manufacturer",
    "Model/Type",
    "Unique identifier",
    "Operating system",
    "Firmware",
    "Software and version",
    "Location onboard",
    "Security zone",
    "Functionality/purpose",
    "Connections in scope",
    "Connections to untrusted networks",
    "Physical interfaces",
    "Supported protocols",
    "IP/MAC",
    "Certificate",
    "Excluded per E26 section 6",
    "Update log",
];

/// What stands to the right of column V.
const OWN_COLUMNS: [&str; 6] =
    ["dw_asset_id", "first_seen", "last_seen", "state", "network_card_vendor", "enter_by_hand"];

/// Writes the inventory, one row an asset, in the order given.
///
/// # Errors
/// When `out` cannot be written.
pub fn inventory_csv<'a>(
    assets: impl IntoIterator<Item = &'a Asset>,
    out: &mut impl std::io::Write,
) -> Result<(), WriteError> {
    let header: Vec<&str> = REC_190_COLUMNS.into_iter().chain(OWN_COLUMNS).collect();
    let mut table = Table::new(out, &header)?;
    for (number, asset) in (1_u32..).zip(assets) {
        let cells = row(number, asset);
        table.row(cells.iter().map(String::as_str))?;
    }
    Ok(())
}

fn row(number: u32, asset: &Asset) -> Vec<String> {
    let shown = |attribute| asset.shown(attribute).unwrap_or_default().to_owned();
    let declared = |value: &Option<String>| value.clone().unwrap_or_default();
    let addresses: Vec<String> = asset
        .interfaces
        .iter()
        .flat_map(|interface| {
            let name = interface.n2k_name.map(|name| format!("NAME {name:016x}"));
            interface.ips.iter().map(ToString::to_string).chain(interface.mac.map(|mac| mac.to_string())).chain(name)
        })
        .collect();
    let mut protocols: Vec<String> = asset.protocols.iter().map(|protocol| protocol.name.clone()).collect();
    protocols.sort();
    protocols.dedup();
    let equipment = serde_json::to_value(asset.device_class)
        .ok()
        .and_then(|word| word.as_str().map(str::to_owned))
        .unwrap_or_default();
    let is_bus =
        asset.interfaces.iter().any(|interface| interface.n2k_name.is_some() || interface.n2k_source.is_some());
    let mut cells = vec![
        number.to_string(),
        declared(&asset.ship_function),
        declared(&asset.system_name),
        if equipment == "unknown" { String::new() } else { equipment },
        declared(&asset.cbs_category),
        shown(Attribute::Manufacturer),
        shown(Attribute::Model),
        shown(Attribute::SerialNumber),
        shown(Attribute::OsName),
        shown(Attribute::FirmwareVersion),
        shown(Attribute::SoftwareVersion),
        declared(&asset.location),
        asset.zone_id.clone().unwrap_or_default(),
        declared(&asset.purpose),
        String::new(),
        String::new(),
        if is_bus { "CAN (observed)".to_owned() } else { "Ethernet (observed)".to_owned() },
        protocols.join(" "),
        addresses.join(" "),
        String::new(),
        String::new(),
        String::new(),
    ];
    let missing: Vec<&str> =
        REC_190_COLUMNS.iter().zip(&cells).filter(|(_, cell)| cell.is_empty()).map(|(column, _)| *column).collect();
    let missing = missing.join("; ");
    cells.extend([
        asset.asset_id.clone(),
        asset.first_seen.to_string(),
        asset.last_seen.to_string(),
        serde_json::to_value(asset.state).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default(),
        shown(Attribute::OuiVendor),
        missing,
    ]);
    cells
}
