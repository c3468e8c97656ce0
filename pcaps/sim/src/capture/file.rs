//! Writes pcap (libpcap savefile) and pcapng (draft-ietf-opsawg-pcapng) in either byte order, for five link types.

use std::io::{self, Write};

use crate::wire::net::{Frame, Tap};

/// Container of the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The classic file.
    Pcap,
    /// The block-structured file.
    PcapNg,
}

/// What the frames look like in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// LINKTYPE_ETHERNET, 1.
    Ethernet,
    /// LINKTYPE_LINUX_SLL, 113.
    Sll,
    /// LINKTYPE_LINUX_SLL2, 276.
    Sll2,
    /// LINKTYPE_RAW, 101: only IP packets are left.
    Raw,
    /// LINKTYPE_CAN_SOCKETCAN, 227.
    Can,
}

impl Link {
    /// The number in the file header.
    fn number(self) -> u16 {
        match self {
            Self::Ethernet => 1,
            Self::Sll => 113,
            Self::Sll2 => 276,
            Self::Raw => 101,
            Self::Can => 227,
        }
    }

    /// The frame as this link type shows it; `None` when it cannot be shown.
    pub(crate) fn dress(self, frame: &Frame, vlan: bool) -> Option<Vec<u8>> {
        if self == Self::Can {
            return Some(frame.bytes.clone());
        }
        let (addresses, rest) = frame.bytes.split_at_checked(12)?;
        let (ethertype, payload) = rest.split_at_checked(2)?;
        let source = addresses.get(6..)?;
        let is_ip = ethertype == [0x08, 0x00] || ethertype == [0x86, 0xDD];
        match self {
            Self::Ethernet if vlan => {
                let tag = frame.vlan.to_be_bytes();
                Some([addresses, &[0x81, 0x00], &tag, rest].concat())
            }
            Self::Ethernet => Some(frame.bytes.clone()),
            Self::Raw => is_ip.then(|| without_padding(payload).to_vec()),
            Self::Sll => {
                let kind = [0, packet_kind(addresses), 0, 1, 0, 6];
                Some([&kind[..], source, &[0, 0], ethertype, payload].concat())
            }
            Self::Sll2 => {
                let kind = [0, 1, packet_kind(addresses), 6];
                Some([ethertype, &[0, 0], &[0, 0, 0, 2], &kind, source, &[0, 0], payload].concat())
            }
            Self::Can => None,
        }
    }
}

/// Packet type of the cooked headers: 1 broadcast, 2 multicast, 3 to somebody else.
fn packet_kind(addresses: &[u8]) -> u8 {
    match addresses {
        [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, ..] => 1,
        [first, ..] if first & 1 == 1 => 2,
        _ => 3,
    }
}

/// An IP packet without the padding of its Ethernet frame; those of version 6 are never short enough to need any.
fn without_padding(payload: &[u8]) -> &[u8] {
    if payload.first().is_some_and(|first| first >> 4 == 6) {
        return payload;
    }
    let total = payload.get(2..4).map_or(0, |two| two.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte)));
    payload.get(..total).unwrap_or(payload)
}

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) format: Format,
    pub(crate) link: Link,
    pub(crate) nanoseconds: bool,
    pub(crate) big_endian: bool,
    pub(crate) vlan: bool,
}

/// A capture file being written.
pub(crate) struct Writer<W: Write> {
    out: W,
    style: Style,
    interfaces: u32,
    /// Frames written.
    pub(crate) frames: u64,
    /// Bytes written, headers included.
    pub(crate) bytes: u64,
}

impl<W: Write> Writer<W> {
    /// Starts a file; pcapng gets one interface for each name.
    pub(crate) fn new(out: W, style: Style, interfaces: &[&str]) -> io::Result<Self> {
        let mut writer = Self { out, style, interfaces: interfaces.len() as u32, frames: 0, bytes: 0 };
        match style.format {
            Format::Pcap => {
                let magic = if style.nanoseconds { 0xA1B2_3C4D } else { 0xA1B2_C3D4 };
                let mut head = writer.word(magic);
                head.extend(writer.half(2));
                head.extend(writer.half(4));
                for word in [0, 0, 65_535, u32::from(style.link.number())] {
                    head.extend(writer.word(word));
                }
                writer.put(&head)?;
            }
            Format::PcapNg => writer.open_sections(interfaces)?,
        }
        Ok(writer)
    }

    fn word(&self, value: u32) -> Vec<u8> {
        if self.style.big_endian { value.to_be_bytes().to_vec() } else { value.to_le_bytes().to_vec() }
    }

    fn half(&self, value: u16) -> Vec<u8> {
        if self.style.big_endian { value.to_be_bytes().to_vec() } else { value.to_le_bytes().to_vec() }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// A pcapng block: type, length, body padded to four bytes, length again.
    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let padded = body.len().next_multiple_of(4);
        let length = self.word(12 + padded as u32);
        let mut out = self.word(kind);
        out.extend_from_slice(&length);
        out.extend_from_slice(body);
        out.resize(8 + padded, 0);
        out.extend_from_slice(&length);
        self.put(&out)
    }

    fn open_sections(&mut self, interfaces: &[&str]) -> io::Result<()> {
        let mut section = self.word(0x1A2B_3C4D);
        section.extend(self.half(1));
        section.extend(self.half(0));
        section.extend_from_slice(&[0xFF; 8]);
        self.block(0x0A0D_0D0A, &section)?;
        for name in interfaces {
            let mut body = self.half(self.style.link.number());
            body.extend(self.half(0));
            body.extend(self.word(0));
            body.extend(self.half(2));
            body.extend(self.half(name.len() as u16));
            body.extend(name.bytes());
            body.resize(body.len().next_multiple_of(4), 0);
            // Resolution of the time stamps: a power of ten.
            body.extend(self.half(9));
            body.extend(self.half(1));
            body.extend_from_slice(&[if self.style.nanoseconds { 9 } else { 6 }, 0, 0, 0]);
            body.extend_from_slice(&[0, 0, 0, 0]);
            self.block(1, &body)?;
        }
        Ok(())
    }

    /// Appends a frame.
    pub(crate) fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        let Some(bytes) = self.style.link.dress(frame, self.style.vlan) else { return Ok(()) };
        let length = bytes.len() as u32;
        let nanos = frame.at.max(0) as u64;
        match self.style.format {
            Format::Pcap => {
                let fraction = nanos % 1_000_000_000 / if self.style.nanoseconds { 1 } else { 1_000 };
                let mut out = Vec::with_capacity(16 + bytes.len());
                for word in [(nanos / 1_000_000_000) as u32, fraction as u32, length, length] {
                    out.extend(self.word(word));
                }
                out.extend_from_slice(&bytes);
                self.put(&out)?;
            }
            Format::PcapNg => {
                let stamp = if self.style.nanoseconds { nanos } else { nanos / 1_000 };
                let interface = u32::from(frame.tap == Tap::Machinery && self.interfaces > 1);
                let mut body = Vec::with_capacity(24 + bytes.len());
                for word in [interface, (stamp >> 32) as u32, stamp as u32, length, length] {
                    body.extend(self.word(word));
                }
                body.extend_from_slice(&bytes);
                self.block(6, &body)?;
            }
        }
        self.frames += 1;
        Ok(())
    }

    /// Writes what is still in buffers.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: Vec<u8>) -> Frame {
        Frame {
            at: 1_234_567_891,
            host: 0,
            count: 0,
            tap: Tap::Machinery,
            vlan: 320,
            reply: false,
            far_view: false,
            bytes,
        }
    }

    fn style(format: Format, link: Link, nanoseconds: bool, big_endian: bool, vlan: bool) -> Style {
        Style { format, link, nanoseconds, big_endian, vlan }
    }

    fn write(style: Style, frames: &[Frame]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), style, &["mir0", "mir1"]).unwrap();
        for frame in frames {
            writer.frame(frame).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn classic_headers() {
        let little = write(style(Format::Pcap, Link::Ethernet, false, false, false), &[frame(vec![7; 60])]);
        assert_eq!(&little[..8], &[0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0]);
        assert_eq!(&little[24..32], &[1, 0, 0, 0, 0x47, 0x94, 0x03, 0], "1 s and 234567 us");
        assert_eq!(little.len(), 24 + 16 + 60);
        let big = write(style(Format::Pcap, Link::Can, true, true, false), &[frame(vec![7; 16])]);
        assert_eq!((&big[..4], &big[20..24]), (&[0xA1, 0xB2, 0x3C, 0x4D][..], &[0, 0, 0, 227][..]));
        assert_eq!(&big[24..32], &[0, 0, 0, 1, 0x0D, 0xFB, 0x38, 0xD3]);
    }

    #[test]
    fn blocks_are_whole_words() {
        let out = write(style(Format::PcapNg, Link::Ethernet, false, false, false), &[frame(vec![7; 61])]);
        let mut rest = out.as_slice();
        let mut kinds = Vec::new();
        while let Some(head) = rest.get(..8) {
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
            assert_eq!(rest[length - 4..length], head[4..8]);
            kinds.push(u32::from_le_bytes([head[0], head[1], head[2], head[3]]));
            rest = &rest[length..];
        }
        assert_eq!((kinds, rest.len()), (vec![0x0A0D_0D0A, 1, 1, 6], 0));
    }

    #[test]
    fn link_types() {
        let mut bytes = vec![0xFF; 6];
        bytes.extend_from_slice(&[2, 3, 4, 5, 6, 7, 8, 0, 0x45, 0, 0, 20]);
        bytes.resize(60, 0);
        let ip = frame(bytes);
        assert_eq!(Link::Raw.dress(&ip, false).unwrap().len(), 20);
        assert_eq!(
            &Link::Sll.dress(&ip, false).unwrap()[..17],
            &[0, 1, 0, 1, 0, 6, 2, 3, 4, 5, 6, 7, 0, 0, 8, 0, 0x45]
        );
        assert_eq!(
            &Link::Sll2.dress(&ip, false).unwrap()[..21],
            &[8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 1, 6, 2, 3, 4, 5, 6, 7, 0, 0, 0x45]
        );
        assert_eq!(&Link::Ethernet.dress(&ip, true).unwrap()[12..18], &[0x81, 0, 0x01, 0x40, 8, 0]);
    }
}
