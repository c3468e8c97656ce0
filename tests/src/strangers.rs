//! A capture of devices nobody knows, joining a network of fixed devices and calling one of them: each makes findings of its own.
//!
//! Written byte by byte: Ethernet II, IPv4 (RFC 791) and TCP (RFC 9293), in a pcap file (magic a1b2c3d4, link type 1). Check sums are left at
//! zero, as a capture on a sending machine would show them.

use std::net::Ipv4Addr;
use std::path::Path;

/// A device that appears.
#[derive(Debug, Clone, Copy)]
pub struct Stranger {
    /// Its address.
    pub ip: Ipv4Addr,
    /// Last bytes of its locally administered card address.
    pub card: u32,
}

/// A first packet of a TCP connection (SYN) from the stranger to `called`.
fn syn(stranger: &Stranger, called: Ipv4Addr, port: u16, from_port: u16) -> Vec<u8> {
    let mut frame = vec![0x02, 0x1d, 0x0a, 0x00, 0x00, 0x01, 0x02, 0xda];
    frame.extend(stranger.card.to_be_bytes());
    frame.extend([0x08, 0x00]);
    // version and length, 40 bytes in all, don't fragment, 64 hops to go, TCP
    frame.extend([0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0]);
    frame.extend(stranger.ip.octets());
    frame.extend(called.octets());
    frame.extend(from_port.to_be_bytes());
    frame.extend(port.to_be_bytes());
    // sequence number, acknowledgement, five words of header, SYN, window, check sum, urgent pointer
    frame.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0]);
    frame
}

/// When captures begin unless they say otherwise: 15 January 2027.
pub const BEGINS: u32 = 1_800_000_000;

/// Writes a capture that begins at [`BEGINS`].
///
/// # Errors
/// When the file cannot be written.
pub fn write(file: &Path, strangers: &[Stranger], called: Ipv4Addr, port: u16, seconds: f64) -> std::io::Result<()> {
    write_from(file, BEGINS, strangers, called, port, seconds)
}

/// Writes a capture in which each stranger calls `called` on `port` four times; the strangers come one after the other over `seconds`.
///
/// # Errors
/// When the file cannot be written.
pub fn write_from(
    file: &Path,
    begins: u32,
    strangers: &[Stranger],
    called: Ipv4Addr,
    port: u16,
    seconds: f64,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0002_0004, 0, 0, 65_535, 1] {
        bytes.extend(word.to_be_bytes());
    }
    let calls: Vec<(usize, &Stranger)> = (0..4).flat_map(|call| strangers.iter().map(move |one| (call, one))).collect();
    let step = seconds / calls.len().max(1) as f64;
    let mut after = 0.0_f64;
    for (call, stranger) in calls {
        let frame = syn(stranger, called, port, 40_000 + u16::try_from(call).unwrap_or_default());
        let micros = (after * 1e6) as u32;
        let length = u32::try_from(frame.len()).unwrap_or_default();
        for word in [begins + micros / 1_000_000, micros % 1_000_000, length, length] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(frame);
        after += step;
    }
    std::fs::write(file, bytes)
}
