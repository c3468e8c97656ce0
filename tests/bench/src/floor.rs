//! The floor: what it costs to read the file at all. Nothing that looks at every packet can be faster; how far above it a monitor stays is
//! comparable between machines, which packets per second are not.

use std::hint::black_box;
use std::path::Path;

use anyhow::Context as _;
use etherparse::{NetSlice, SlicedPacket, TransportSlice};

/// What a reader met.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Read {
    /// Frames in the file.
    pub(crate) packets: u64,
    /// Bytes of these frames in the file.
    pub(crate) bytes: u64,
    /// Frames whose headers could be taken apart; 0 when nobody tried.
    pub(crate) sliced: u64,
}

/// Reads every frame through libpcap; with `headers`, also takes its headers apart.
pub(crate) fn read(file: &Path, headers: bool) -> anyhow::Result<Read> {
    let mut capture =
        pcap::Capture::from_file(file).with_context(|| format!("libpcap cannot read {}", file.display()))?;
    let mut read = Read::default();
    loop {
        match capture.next_packet() {
            Ok(packet) => {
                read.packets += 1;
                read.bytes += packet.data.len() as u64;
                if headers {
                    read.sliced += u64::from(slice(packet.data));
                } else {
                    black_box(packet.data);
                }
            }
            Err(pcap::Error::NoMorePackets) => return Ok(read),
            Err(error) => return Err(error).with_context(|| format!("in {}", file.display())),
        }
    }
}

fn slice(bytes: &[u8]) -> bool {
    let Ok(packet) = SlicedPacket::from_ethernet(bytes) else { return false };
    // Somebody must want the addresses and ports, or the compiler leaves the reading of them out.
    match &packet.net {
        Some(NetSlice::Ipv4(ip)) => _ = black_box((ip.header().source(), ip.header().destination())),
        Some(NetSlice::Ipv6(ip)) => _ = black_box((ip.header().source(), ip.header().destination())),
        _ => {}
    }
    match &packet.transport {
        Some(TransportSlice::Udp(udp)) => _ = black_box((udp.source_port(), udp.destination_port())),
        Some(TransportSlice::Tcp(tcp)) => _ = black_box((tcp.source_port(), tcp.destination_port())),
        _ => {}
    }
    true
}
