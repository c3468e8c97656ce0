//! Who talked to whom over what, added up (data model b.6).

use serde::{Deserialize, Serialize};

use crate::CaptureTime;

/// Where a connection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words of the data model, each says itself")]
pub enum DirectionBoundary {
    Internal,
    InterZone,
    UntrustedOnboard,
    OffShip,
}

/// How it fits the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words of the data model, each says itself")]
pub enum Conformity {
    Conforming,
    DeclaredNotObserved,
    ObservedNotDeclared,
    Violated,
    Expired,
}

/// How unrecognised traffic looks: what an expert needs to tell a sensor's broadcast from a tunnel. Never a guess at its name.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct UnknownTraffic {
    /// Packets with payload.
    pub payloads: u64,
    /// Bytes of payload.
    pub payload_bytes: u64,
    /// Bytes of the smallest payload.
    pub least_bytes: u32,
    /// Bytes of the largest payload.
    pub most_bytes: u32,
    /// Seconds between two payloads, on average.
    pub interval_s: Option<f64>,
    /// Standard deviation of these.
    pub jitter_s: Option<f64>,
    /// Entropy as a share of what is possible: text about 0.7, compressed or encrypted bytes near 1.
    pub randomness: Option<f64>,
}

/// One pair of ends with one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// `cnx_` ULID.
    pub connection_id: String,
    /// The side that opened it or asks: IP, MAC or bus address as text.
    pub src: String,
    /// The side that serves or is spoken to.
    pub dst: String,
    /// Asset id of the first side, when known.
    pub src_asset: Option<String>,
    /// Asset id of the other side, when known.
    pub dst_asset: Option<String>,
    /// Zone of the first side.
    pub src_zone: Option<String>,
    /// Zone of the other side.
    pub dst_zone: Option<String>,
    /// VLAN.
    pub vlan: Option<u16>,
    /// `tcp`, `udp`, `ip/1`, `eth/0x0806`, `can`.
    pub l4: String,
    /// Port of the serving side; 0 where there is none.
    pub dst_port: u16,
    /// Protocol recognised by content; `unclassified` when none was.
    pub app_protocol: String,
    /// What can be said of traffic that nobody recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<UnknownTraffic>,
    /// Bytes from `src` to `dst`.
    pub bytes_ab: u64,
    /// Bytes from `dst` to `src`.
    pub bytes_ba: u64,
    /// Packets in both directions.
    pub packets: u64,
    /// First packet.
    pub first_seen: CaptureTime,
    /// Last packet.
    pub last_seen: CaptureTime,
    /// Capture source name.
    pub capture_source: String,
}
