//! What people take away from the monitor: tables for spreadsheets and audits. Data in, bytes out; no files, no clock.

mod csv;
mod incident;
mod inventory;
mod zone_map;

pub use csv::{Table, WriteError};
pub use incident::{Incident, Step, incidents};
pub use inventory::{REC_190_COLUMNS, inventory_csv};
pub use zone_map::{MapLink, MapZone, zone_map_svg};

use dogwatch_model::Connection;

/// Writes connections as CSV (RFC 4180, UTF-8).
///
/// # Errors
/// When `out` cannot be written.
pub fn connections_csv(connections: &[Connection], out: &mut impl std::io::Write) -> Result<(), WriteError> {
    let mut table = Table::new(
        out,
        &[
            "src",
            "dst",
            "l4",
            "dst_port",
            "app_protocol",
            "src_zone",
            "dst_zone",
            "vlan",
            "packets",
            "bytes_ab",
            "bytes_ba",
            "first_seen",
            "last_seen",
            "capture_source",
            "src_asset",
            "dst_asset",
            "connection_id",
        ],
    )?;
    for connection in connections {
        table.row([
            connection.src.as_str(),
            &connection.dst,
            &connection.l4,
            &connection.dst_port.to_string(),
            &connection.app_protocol,
            connection.src_zone.as_deref().unwrap_or_default(),
            connection.dst_zone.as_deref().unwrap_or_default(),
            &connection.vlan.map(|vlan| vlan.to_string()).unwrap_or_default(),
            &connection.packets.to_string(),
            &connection.bytes_ab.to_string(),
            &connection.bytes_ba.to_string(),
            &connection.first_seen.to_string(),
            &connection.last_seen.to_string(),
            &connection.capture_source,
            connection.src_asset.as_deref().unwrap_or_default(),
            connection.dst_asset.as_deref().unwrap_or_default(),
            &connection.connection_id,
        ])?;
    }
    Ok(())
}
