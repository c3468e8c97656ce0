//! Logs of serial lines and CAN buses: NMEA 0183 sentences, `candump`, the lines NMEA 2000 gateways write, and their binary records.
//!
//! A log is given on as the stream of bytes it recorded, a line at a time, so that the number of a message is that of its line. What the lines
//! mean is the dissectors' business; looked at here is only what they cannot see: comments of the logger, several interfaces in one `candump`,
//! and the time of a line. A line without a time has that of the line before it; a log without any begins at the epoch.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use dogwatch_dissectors::maritime::n2k::{LineBuffer, parse_line};
use dogwatch_model::{CaptureTime, SourceId};

use super::SourceInfo;
use super::file::OpenError;

/// Bytes looked at to tell a log from anything else.
const HEAD: usize = 16 << 10;
/// Longest piece given on at once: longer "lines" are cut.
const LONGEST_PIECE: u64 = 16 << 10;
/// Interfaces told apart in one `candump` log; more than any computer has, and a name is what the file says.
const INTERFACES: usize = 64;

/// How a log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// NMEA 0183 / IEC 61162-1 sentences, TAG blocks or not.
    Nmea0183,
    /// `candump`, on the console or with `-l`; each interface is a bus of its own.
    Candump,
    /// Lines of NMEA 2000 gateways and loggers: CANboat, Yacht Devices RAW, Actisense ASCII, iKonvert and their like.
    N2kText,
    /// Records of Actisense gateways (BST, EBL).
    N2kBinary,
}

/// Who takes what a log holds.
pub trait LogSink {
    /// A source appeared.
    fn add_source(&mut self, info: SourceInfo) -> SourceId;
    /// Bytes of it; numbers count the lines of the file from 1.
    fn serial(&mut self, at: CaptureTime, source: SourceId, number: u64, bytes: &[u8]);
}

/// Tells how a file is written from its first bytes; `None` when it is no log.
#[must_use]
pub fn recognise(head: &[u8]) -> Option<LogFormat> {
    match head {
        [0x10, 0x02, ..] | [0x1b, 0x01, ..] => return Some(LogFormat::N2kBinary),
        _ => {}
    }
    let mut buffer = LineBuffer::default();
    head.split(|byte| *byte == b'\n').take(256).find_map(|line| {
        let line = line.trim_ascii();
        if line.first() != Some(&b'#') && parse_line(line, &mut buffer).is_some() {
            return Some(if candump_interface(line).is_some() { LogFormat::Candump } else { LogFormat::N2kText });
        }
        holds_sentence(line).then_some(LogFormat::Nmea0183)
    })
}

/// Whether `$` or `!`, an address and a comma stand in the line (IEC 61162-1:2016, clause 7.3).
fn holds_sentence(line: &[u8]) -> bool {
    line.iter().enumerate().filter(|(_, byte)| matches!(byte, b'$' | b'!')).any(|(at, _)| {
        let address = line.iter().skip(at + 1).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        (4..=15).contains(&address) && line.get(at + 1 + address) == Some(&b',')
    })
}

/// The interface a `candump` line was read from.
fn candump_interface(line: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(line).ok()?.trim_ascii();
    let rest = match text.strip_prefix('(') {
        Some(rest) => rest.split_once(')')?.1,
        None => text,
    };
    let mut words = rest.split_ascii_whitespace();
    let (interface, packet) = (words.next()?, words.next()?);
    // the console form of older versions names no interface: `<0x18eeff01> [8] ..`
    if interface.starts_with('<') {
        return interface.starts_with("<0x").then_some("can");
    }
    let id = packet.split('#').next()?;
    (matches!(id.len(), 3 | 8) && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(interface)
}

/// The time a line gives: of a gateway's or logger's line, or parameter `c` of a TAG block (IEC 61162-450:2018, clause 7.2.3.4; seconds, or
/// milliseconds where that many digits stand).
fn time_of(line: &[u8], format: LogFormat, buffer: &mut LineBuffer) -> Option<CaptureTime> {
    if format != LogFormat::Nmea0183 {
        return parse_line(line, buffer)?.at;
    }
    let text = std::str::from_utf8(line).ok()?;
    let (_, block) = text.split_once('\\')?;
    let (block, _) = block.split_once('\\')?;
    let value = block.split('*').next()?.split(',').find_map(|parameter| parameter.strip_prefix("c:"))?;
    let number: i64 = value.parse().ok()?;
    match number {
        0..100_000_000_000 => Some(CaptureTime::from_parts(number, 0)),
        100_000_000_000..100_000_000_000_000 => Some(CaptureTime::from_millis(number)),
        _ => None,
    }
}

/// Reads one log into `sink`; a gzip file is unpacked on the way. `None` for the format has it found out.
///
/// # Errors
/// When the file cannot be read, or is no log and no format was given.
pub fn replay_log(path: &Path, format: Option<LogFormat>, sink: &mut impl LogSink) -> Result<u64, OpenError> {
    let io = |source| OpenError::Io { file: path.to_owned(), source };
    let mut reader = open(path).map_err(io)?;
    let mut head = Vec::with_capacity(HEAD);
    reader.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(io)?;
    let Some(format) = format.or_else(|| recognise(&head)) else {
        let found = head.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>();
        return Err(OpenError::NotACapture {
            file: path.to_owned(),
            found: if found.is_empty() { "an empty file".to_owned() } else { found },
        });
    };
    let mut log = Log { path, format, sources: Vec::new(), at: CaptureTime::default(), number: 0 };
    let mut line = Box::<LineBuffer>::default();
    let mut input = BufReader::new(head.as_slice().chain(reader));
    let mut piece = Vec::new();
    loop {
        piece.clear();
        let length = input.by_ref().take(LONGEST_PIECE).read_until(b'\n', &mut piece).map_err(io)?;
        if length == 0 {
            return Ok(log.number);
        }
        // the last line of a text may lack its end
        if format != LogFormat::N2kBinary && !piece.ends_with(b"\n") && (length as u64) < LONGEST_PIECE {
            piece.push(b'\n');
        }
        log.take(&piece, &mut line, sink);
    }
}

struct Log<'p> {
    path: &'p Path,
    format: LogFormat,
    /// The interfaces seen, and the sources they became.
    sources: Vec<(String, SourceId)>,
    /// Time of the line before.
    at: CaptureTime,
    number: u64,
}

impl Log<'_> {
    fn take(&mut self, piece: &[u8], buffer: &mut LineBuffer, sink: &mut impl LogSink) {
        self.number += 1;
        let mut interface = "";
        if self.format != LogFormat::N2kBinary {
            let line = piece.trim_ascii();
            if line.first() == Some(&b'#') {
                return;
            }
            self.at = time_of(line, self.format, buffer).unwrap_or(self.at);
            if self.format == LogFormat::Candump {
                interface = candump_interface(line).unwrap_or_default();
            }
        }
        let source = self.source(interface, sink);
        sink.serial(self.at, source, self.number, piece);
    }

    /// The source of an interface; past the limit all others share the last one.
    fn source(&mut self, interface: &str, sink: &mut impl LogSink) -> SourceId {
        let known = self.sources.iter().find(|(name, _)| name == interface);
        let full = self.sources.len() >= INTERFACES;
        if let Some((_, source)) = known.or_else(|| self.sources.last().filter(|_| full)) {
            return *source;
        }
        let name = self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy();
        let source = sink.add_source(match interface {
            "" => SourceInfo { label: name.into_owned(), interface: None },
            _ => SourceInfo { label: format!("{name}:{interface}"), interface: Some(interface.to_owned()) },
        });
        self.sources.push((interface.to_owned(), source));
        source
    }
}

fn open(path: &Path) -> std::io::Result<Box<dyn Read>> {
    let mut input = BufReader::new(File::open(path)?);
    Ok(match input.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(input)),
        _ => Box::new(input),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Kept {
        sources: Vec<SourceInfo>,
        pieces: Vec<(i64, u16, u64, String)>,
    }

    impl LogSink for Kept {
        fn add_source(&mut self, info: SourceInfo) -> SourceId {
            self.sources.push(info);
            SourceId(u16::try_from(self.sources.len() - 1).unwrap())
        }

        fn serial(&mut self, at: CaptureTime, source: SourceId, number: u64, bytes: &[u8]) {
            self.pieces.push((at.0 / 1_000_000, source.0, number, String::from_utf8_lossy(bytes).into_owned()));
        }
    }

    fn read(text: &[u8], format: Option<LogFormat>) -> Result<Kept, OpenError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, text).unwrap();
        let mut kept = Kept::default();
        replay_log(&path, format, &mut kept).map(|_| kept)
    }

    #[test]
    fn formats_are_told_apart() {
        for (name, text, want) in [
            ("sentence", &b"# a comment\n$GPGLL,5057.970,N,00146.110,E,142451,A*27\n"[..], Some(LogFormat::Nmea0183)),
            (
                "with a prefix",
                b"12:00 port 4 !AIVDM,1,1,,A,13u?etPv2;0n:dDPwUM1U1Cb069D,0*24\n",
                Some(LogFormat::Nmea0183),
            ),
            ("candump -l", b"(1502984866.421964) can0 09F112CC#FF725AFF7FFF7FFD\n", Some(LogFormat::Candump)),
            ("candump", b"  can1  09F8027F   [8]  00 FC FF FF 00 00 FF FF\n", Some(LogFormat::Candump)),
            (
                "canboat",
                b"2020-08-22T13:52:36.949Z,2,127250,33,255,8,b7,3a,ff,7f,ff,7f,ff,fd\n",
                Some(LogFormat::N2kText),
            ),
            ("Yacht Devices", b"17:33:21.107 R 19F51323 01 2F 30 70 00 2F 30 70\n", Some(LogFormat::N2kText)),
            ("Actisense binary", &[0x10, 0x02, 0x93, 0x01], Some(LogFormat::N2kBinary)),
            ("prose", b"costs: $100, or 3!\n", None),
            ("zeros", &[0; 100], None),
        ] {
            assert_eq!(recognise(text), want, "{name}");
        }
    }

    #[test]
    fn interfaces_are_apart_and_lines_keep_their_number_and_time() {
        let text = b"# two buses\n(10.5) can0 09F112CC#FF\n(11.25) can1 09F112CC#FF\n(12.0) can0 09F112CC#00";
        let kept = read(text, None).unwrap();
        let labels: Vec<_> = kept.sources.iter().map(|source| source.interface.as_deref()).collect();
        assert_eq!(labels, [Some("can0"), Some("can1")]);
        let seen: Vec<_> = kept.pieces.iter().map(|(at, source, number, _)| (*at, *source, *number)).collect();
        assert_eq!(seen, [(10_500, 0, 2), (11_250, 1, 3), (12_000, 0, 4)]);
        assert!(kept.pieces[2].3.ends_with("#00\n"), "the end of the last line is added");
    }

    #[test]
    fn a_tag_block_tells_the_time() {
        let text = b"$GPGLL,a\n\\s:GP0001,c:1700000000*00\\$GPGLL,b\n$GPGLL,c\n\\c:1700000001500*00\\$GPGLL,d\n";
        let times: Vec<_> = read(text, Some(LogFormat::Nmea0183)).unwrap().pieces.iter().map(|piece| piece.0).collect();
        assert_eq!(times, [0, 1_700_000_000_000, 1_700_000_000_000, 1_700_000_001_500]);
    }

    #[test]
    fn what_is_no_log_is_refused_and_names_are_bounded() {
        assert!(matches!(read(b"<html>", None), Err(OpenError::NotACapture { .. })));
        assert!(matches!(read(b"", None), Err(OpenError::NotACapture { .. })));
        let text: String = (0..200).map(|n| format!("(1.0) can{n} 09F112CC#FF\n")).collect();
        let kept = read(text.as_bytes(), None).unwrap();
        assert_eq!((kept.sources.len(), kept.pieces.len()), (INTERFACES, 200));
    }
}
