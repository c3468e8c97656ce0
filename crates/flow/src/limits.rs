//! What the engine may keep. Addresses, ports, sequence numbers and sizes are chosen by whoever sends, so everything here has a ceiling.

use std::time::Duration;

/// The bounds of one [`crate::Engine`].
///
/// With the defaults the engine stays below about 140 MiB however it is flooded: 65,536 flows of some 400 bytes with their index, 32 MiB of
/// stream bytes and again as many in small rests, 4 MiB of fragments, and 16,384 dissectors as long as these keep themselves to 2 kB on
/// average. `examples/flood.rs` measures it.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Flows followed at the same time. Past it the flow that was quiet longest ends, one-way flows nobody recognised first.
    pub flows: u32,
    /// Flows with an open dissector at the same time. Past it the one that was quiet longest ends.
    pub dissectors: u32,
    /// IP datagrams being put together from fragments at the same time. Past it the oldest is dropped.
    pub fragmented_datagrams: usize,
    /// Bytes of all fragments held.
    pub fragment_bytes: usize,
    /// Fragments of one datagram that do not touch each other.
    pub fragment_ranges: usize,
    /// How long a datagram waits for its missing fragments (RFC 791 suggests 15 s or more, RFC 8200 section 4.5 says 60 s; losses show early).
    pub fragment_timeout: Duration,
    /// Bytes held for one direction of a stream: out of order, and again as many that a dissector left for later.
    pub stream_bytes: usize,
    /// Out-of-order segments held for one direction.
    pub stream_segments: usize,
    /// Bytes held for all streams. Past it holes become gaps at once and only what is left of a message up to 1 KiB is kept.
    pub all_stream_bytes: usize,
    /// How long later bytes wait for a missing segment before the hole is declared a gap.
    pub hole_timeout: Duration,
    /// Quiet time after which a TCP flow ends. Field buses over TCP poll seldom and keep connections for weeks.
    pub tcp_idle: Duration,
    /// Quiet time after which a TCP flow ends that was closed or reset, or whose opening was never answered.
    pub tcp_linger: Duration,
    /// Quiet time after which any other flow ends.
    pub other_idle: Duration,
    /// Bytes looked at in one direction of a stream before it counts as unclassified.
    pub probe_bytes: usize,
    /// Packets looked at in one direction of a stream, or in a datagram flow, before it counts as unclassified.
    pub probe_packets: u8,
    /// An unclassified flow is looked at again at its 1st, 2nd, 4th, 8th … packet from then on, and every so many packets; 0 never.
    pub probe_again_every: u32,
    /// Least time between two progress reports of one flow.
    pub progress_every: Duration,
    /// Tunnels inside tunnels that are followed.
    pub tunnel_depth: u8,
    /// What one dissector may keep.
    pub dissector: dogwatch_dissectors::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            flows: 65_536,
            dissectors: 16_384,
            fragmented_datagrams: 256,
            fragment_bytes: 4 * 1024 * 1024,
            fragment_ranges: 64,
            fragment_timeout: Duration::from_secs(30),
            stream_bytes: 128 * 1024,
            stream_segments: 256,
            all_stream_bytes: 32 * 1024 * 1024,
            hole_timeout: Duration::from_secs(2),
            tcp_idle: Duration::from_secs(3600),
            tcp_linger: Duration::from_secs(15),
            other_idle: Duration::from_secs(300),
            probe_bytes: 2048,
            probe_packets: 8,
            probe_again_every: 256,
            progress_every: Duration::from_secs(10),
            tunnel_depth: 3,
            dissector: dogwatch_dissectors::Limits::default(),
        }
    }
}
