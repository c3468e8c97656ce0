//! What people take away from the monitor: tables for spreadsheets and audits. Data in, bytes out; no files, no clock.

mod csv;
mod incident;
mod inventory;
mod zone_map;

pub use csv::{Table, WriteError};
pub use incident::{Incident, Step, incidents};
pub use inventory::{REC_190_COLUMNS, inventory_csv};
pub use zone_map::{MapLink, MapZone, zone_map_svg};

use dogwatch_model::{Connection, UnknownTraffic};

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
            "payloads",
            "payload_bytes",
            "payload_least",
            "payload_most",
            "interval_s",
            "jitter_s",
            "randomness",
        ],
    )?;
    for connection in connections {
        let profile =
            |value: &dyn Fn(&UnknownTraffic) -> String| connection.profile.as_ref().map(value).unwrap_or_default();
        let decimal = |value: Option<f64>| value.map(|value| format!("{value:.3}")).unwrap_or_default();
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
            &profile(&|of| of.payloads.to_string()),
            &profile(&|of| of.payload_bytes.to_string()),
            &profile(&|of| of.least_bytes.to_string()),
            &profile(&|of| of.most_bytes.to_string()),
            &profile(&|of| decimal(of.interval_s)),
            &profile(&|of| decimal(of.jitter_s)),
            &profile(&|of| decimal(of.randomness)),
        ])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dogwatch_model::CaptureTime;

    #[test]
    fn unrecognised_traffic_shows_how_it_looks() {
        let at = CaptureTime::from_parts(0, 0);
        let profile = UnknownTraffic {
            payloads: 3,
            payload_bytes: 90,
            least_bytes: 20,
            most_bytes: 40,
            interval_s: Some(10.0),
            jitter_s: Some(0.25),
            randomness: None,
        };
        let connection = |app_protocol: &str, profile| Connection {
            connection_id: "cnx_1".to_owned(),
            src: "10.0.0.5".to_owned(),
            dst: "10.0.0.9".to_owned(),
            src_asset: None,
            dst_asset: None,
            src_zone: None,
            dst_zone: None,
            vlan: None,
            l4: "udp".to_owned(),
            dst_port: 4_001,
            app_protocol: app_protocol.to_owned(),
            profile,
            bytes_ab: 216,
            bytes_ba: 0,
            packets: 3,
            first_seen: at,
            last_seen: at,
            capture_source: "mir0".to_owned(),
        };
        let mut out = Vec::new();
        connections_csv(&[connection("unclassified", Some(profile)), connection("ntp", None)], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let ends: Vec<&str> = text.lines().filter_map(|line| line.split("cnx_1,").nth(1)).collect();
        assert_eq!(ends, ["3,90,20,40,10.000,0.250,", ",,,,,,"]);
    }
}
