//! Capture files: pcap (libpcap file format; micro- and nanoseconds, both byte orders, the modified variant) and pcapng, plain or gzip.
//!
//! Own readers rather than libpcap's: libpcap refuses a pcapng file whose interfaces differ in link type, and cannot say at which byte a damaged
//! file stopped making sense. What is readable is read; the rest is reported with its offset.
//!
//! Frames bear the numbers that Wireshark gives them, so that evidence can be looked up there: records that hold no frame of any interface
//! (pcapng custom blocks, journal entries, system calls) have a number, too.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use dogwatch_flow::LinkType;
use dogwatch_model::CaptureTime;

use super::Damage;
use super::pcapng::Sections;
use super::window::Window;

/// Larger than any snapshot length in use; a length above it is damage, not a frame.
pub(super) const LONGEST_FRAME: u32 = 16 << 20;

/// Why a file could not be opened as a capture.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read at all.
    #[error("cannot read {}", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file does not begin like a capture.
    #[error("{} is no capture file: expected a pcap or pcapng header, found {found}", .file.display())]
    NotACapture {
        /// The file.
        file: PathBuf,
        /// Its first bytes.
        found: String,
    },
}

/// One frame as it stands in a file.
#[derive(Debug, Clone, Copy)]
pub struct RawFrame<'a> {
    /// Its number within the file, from 1, as Wireshark counts.
    pub number: u64,
    /// Which interface of the file, counted over all sections.
    pub interface: usize,
    /// When it was captured.
    pub at: CaptureTime,
    /// Its link type.
    pub link: LinkType,
    /// Length on the wire.
    pub original_length: u32,
    /// What was kept of it.
    pub bytes: &'a [u8],
}

/// An open capture file.
pub struct CaptureFile {
    file: String,
    window: Window,
    format: Format,
    /// Frames handed over so far.
    frames: u64,
    done: bool,
}

enum Format {
    Pcap(PcapHeader),
    Pcapng(Sections),
}

/// What the header of a pcap file settles for all its records.
#[derive(Debug, Clone, Copy)]
struct PcapHeader {
    big_endian: bool,
    nanos: bool,
    link: LinkType,
    /// 16, or 24 in the modified variant that adds an interface index, a protocol and a packet type.
    record_header: usize,
    lengths: Lengths,
}

/// In which order a record tells its two lengths. The order was turned round with version 2.3 of the format, in which both occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lengths {
    /// Captured, then on the wire.
    CapturedFirst,
    /// On the wire, then captured.
    WireFirst,
    /// The smaller one is what was captured.
    Either,
}

impl Lengths {
    /// By the version in the file header, as libpcap and Wireshark decide; 543.0 is what the tcpdump of DG/UX wrote.
    const fn of(major: u16, minor: u16) -> Self {
        match (major, minor) {
            (0 | 1, _) | (2, 0..=2) | (543, _) => Self::WireFirst,
            (2, 3) => Self::Either,
            _ => Self::CapturedFirst,
        }
    }

    /// Captured and on the wire.
    fn tell(self, first: u32, second: u32) -> (u32, u32) {
        match self {
            Self::CapturedFirst => (first, second),
            Self::WireFirst => (second, first),
            Self::Either => (first.min(second), first.max(second)),
        }
    }
}

impl CaptureFile {
    /// Opens a capture, whatever its kind; a gzip file is unpacked on the way.
    ///
    /// # Errors
    /// When the file cannot be read or does not begin like a capture.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { file: path.to_owned(), source };
        let mut file = File::open(path).map_err(io)?;
        let mut magic = [0_u8; 2];
        let read = file.read(&mut magic).map_err(io)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        let source: Box<dyn Read + Send> = match magic.get(..read) {
            Some([0x1f, 0x8b]) => Box::new(flate2::read::MultiGzDecoder::new(std::io::BufReader::new(file))),
            _ => Box::new(file),
        };
        Self::from_reader(source, path).map_err(|found| match found {
            Ok(found) => OpenError::NotACapture { file: path.to_owned(), found },
            Err(source) => io(source),
        })
    }

    /// Reads a capture from any byte source; `path` is only its name. The error holds the bytes found instead of a header.
    fn from_reader(source: Box<dyn Read + Send>, path: &Path) -> Result<Self, Result<String, std::io::Error>> {
        let mut window = Window::new(source);
        window.fill(28).map_err(Err)?;
        let format = match window.peek(0, 4) {
            [0x0a, 0x0d, 0x0d, 0x0a] => Format::Pcapng(Sections::default()),
            _ => {
                let header = PcapHeader::read(window.peek(0, 24)).ok_or_else(|| Ok(hex_of(window.peek(0, 4))))?;
                window.take(24);
                Format::Pcap(header)
            }
        };
        Ok(Self { file: path.display().to_string(), window, format, frames: 0, done: false })
    }

    /// The name of an interface of the file, when the file tells one.
    #[must_use]
    pub fn interface_name(&self, interface: usize) -> Option<&str> {
        match &self.format {
            Format::Pcap(_) => None,
            Format::Pcapng(sections) => sections.interface_name(interface),
        }
    }

    /// Records that have a number but hold no frame.
    #[must_use]
    pub const fn records_without_frame(&self) -> u64 {
        match &self.format {
            Format::Pcap(_) => 0,
            Format::Pcapng(sections) => sections.records_without_frame(),
        }
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// When the file is damaged from here on; nothing follows after that.
    pub fn next_frame(&mut self) -> Result<Option<RawFrame<'_>>, Damage> {
        if self.done {
            return Ok(None);
        }
        let offset = self.window.offset();
        let file = &self.file;
        let damaged = |why: String| Damage { file: file.clone(), offset, why };
        let (next, without_frame) = match &mut self.format {
            Format::Pcap(header) => (header.next(&mut self.window), 0),
            Format::Pcapng(sections) => {
                let next = sections.next(&mut self.window);
                (next, sections.records_without_frame())
            }
        };
        match next {
            Ok(Some(frame)) => {
                self.frames += 1;
                Ok(Some(RawFrame { number: self.frames + without_frame, ..frame }))
            }
            Ok(None) => {
                self.done = true;
                Ok(None)
            }
            Err(why) => {
                self.done = true;
                Err(damaged(why))
            }
        }
    }
}

fn hex_of(bytes: &[u8]) -> String {
    if bytes.is_empty() { "an empty file".to_owned() } else { bytes.iter().map(|byte| format!("{byte:02x}")).collect() }
}

impl PcapHeader {
    fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, d, v0, v1, v2, v3, _zone_and_snap_length @ .., l0, l1, l2, l3] = bytes else { return None };
        let (big_endian, nanos, record_header) = match [*a, *b, *c, *d] {
            [0xa1, 0xb2, 0xc3, 0xd4] => (true, false, 16),
            [0xd4, 0xc3, 0xb2, 0xa1] => (false, false, 16),
            [0xa1, 0xb2, 0x3c, 0x4d] => (true, true, 16),
            [0x4d, 0x3c, 0xb2, 0xa1] => (false, true, 16),
            [0xa1, 0xb2, 0xcd, 0x34] => (true, false, 24),
            [0x34, 0xcd, 0xb2, 0xa1] => (false, false, 24),
            _ => return None,
        };
        // the upper bits tell a frame check sequence length, not the link type
        let link = LinkType(number([*l0, *l1, *l2, *l3], big_endian) & 0x03ff_ffff);
        let half = |bytes| if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
        let lengths = Lengths::of(half([*v0, *v1]), half([*v2, *v3]));
        Some(Self { big_endian, nanos, link, record_header, lengths })
    }

    fn next<'w>(&self, window: &'w mut Window) -> Result<Option<RawFrame<'w>>, String> {
        let at_hand = window.fill(self.record_header).map_err(|error| error.to_string())?;
        if at_hand == 0 {
            return Ok(None);
        }
        let Some((&[s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, o0, o1, o2, o3], _)) =
            window.peek(0, self.record_header).split_first_chunk()
        else {
            return Err(format!("record header cut after {at_hand} of {} bytes", self.record_header));
        };
        let word = |bytes| number(bytes, self.big_endian);
        let (seconds, fraction) = (word([s0, s1, s2, s3]), word([f0, f1, f2, f3]));
        let (captured, original_length) = self.lengths.tell(word([c0, c1, c2, c3]), word([o0, o1, o2, o3]));
        if captured > LONGEST_FRAME {
            return Err(format!("record claims {captured} bytes; the longest frame is {LONGEST_FRAME}"));
        }
        let length = captured as usize;
        let at_hand = window.fill(self.record_header + length).map_err(|error| error.to_string())?;
        if at_hand < self.record_header + length {
            return Err(format!(
                "frame cut: {} of {length} bytes are there",
                at_hand.saturating_sub(self.record_header)
            ));
        }
        let nanos = if self.nanos { fraction } else { fraction.saturating_mul(1_000) };
        let at = CaptureTime::from_parts(i64::from(seconds), nanos);
        window.take(self.record_header);
        let bytes = window.take(length);
        Ok(Some(RawFrame { number: 0, interface: 0, at, link: self.link, original_length, bytes }))
    }
}

pub(super) const fn number(bytes: [u8; 4], big_endian: bool) -> u32 {
    if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}

#[cfg(test)]
mod tests;
