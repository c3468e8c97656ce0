//! One line of text as gateways and loggers write NMEA 2000: each a CAN frame or a message already put together.
//!
//! | form | written by | what it holds |
//! |---|---|---|
//! | `2020-08-22T13:52:36.949Z,2,130306,33,255,8,b7,3a,…` | CANboat | frames or messages |
//! | `(1502984866.421964) can0 09F112CC#FF725AFF` | candump -l | frame |
//! | `  can0  09F8027F   [8]  00 FC …` and `<0x18eeff01> [8] 05 a0 …` | candump | frame |
//! | `17:33:21.107 R 19F51323 01 2F 30` | Yacht Devices RAW | frame |
//! | `A173321.107 23FF7 1F513 012F3070` | Actisense N2K ASCII | message |
//! | `!PDGY,129039,4,43,255,481.706,ErZc…` | Digital Yacht iKonvert | message, base64 |
//! | `$PCDIN,01F119,00000000,0F,2AAF00D1067414FF*59` | Shipmodul and others | message |
//! | `$MXPGN,01F119,2806,FF147406D100AF2A*57` | Shipmodul MiniPlex | frame, bytes backwards |
//! | `{"pgn":127250,"payload":[147,19,…]}` | Actisense W2K-1 | a BST-93 message |
//! | `  1)  48.6  Rx  09F11201  8  FF 50 …` | PCAN-View trace 1.1 | frame |
//! | `0,486942,127508,Battery Status,Garmin,6,255,2,1,8,0x0175…` | Garmin plotters | message |
//! | `< frame 18eeff01 23.424242 05a0be1c >` | socketcand | frame |

use dogwatch_model::CaptureTime;

use super::super::can::Header;
use super::bst;

/// The most bytes one message holds (transport protocol, 255 packets of 7 bytes).
pub(super) const LARGEST: usize = 1_785;

/// Room for the bytes of one line.
#[derive(Debug, Clone)]
pub struct LineBuffer([u8; LARGEST]);

impl Default for LineBuffer {
    fn default() -> Self {
        Self([0; LARGEST])
    }
}

/// What a line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// When the writer saw it, if the line gives a full time.
    pub at: Option<CaptureTime>,
    /// Who sent what to whom.
    pub header: Header,
    /// The bytes.
    pub data: &'a [u8],
    /// Whether they are one CAN frame or a message put together.
    pub holds: Holds,
}

/// What the bytes of a line are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// One CAN frame.
    Frame,
    /// A message put together.
    Message,
    /// A CANboat line of up to 8 bytes: a frame, unless the log is one of messages (it is when a longer line has been seen).
    Either,
}

/// Reads one line without its end; `None` when it is none of the known forms.
#[must_use]
pub fn parse_line<'a>(line: &[u8], buffer: &'a mut LineBuffer) -> Option<Line<'a>> {
    let text = std::str::from_utf8(line).ok()?.trim_ascii();
    let out = &mut buffer.0;
    match text.as_bytes() {
        [b'(', ..] => candump_log(text, out),
        [b'A', b'0'..=b'9', ..] => actisense(text, out),
        [b'!' | b'$', b'P', b'D', b'G', b'Y', b',', ..] => ikonvert(text, out),
        [b'$', b'P', b'C', b'D', b'I', b'N', b',', ..] | [b'$', b'M', b'X', b'P', b'G', b'N', b',', ..] => {
            pcdin_or_mxpgn(text, out)
        }
        [b'{', ..] => w2k_json(text, out),
        [b'<', b' ', ..] => socketcand(text, out),
        [b'<', b'0', ..] => candump_angle(text, out),
        [_, _, b':', _, _, b':', ..] => yacht_devices(text, out),
        [b'0'..=b'9', ..] if text.ends_with(|end: char| end.is_ascii_hexdigit()) && text.contains(",0x") => {
            garmin(text, out)
        }
        [b'0'..=b'9', ..] if text.contains(',') => canboat(text, out),
        [b'0'..=b'9', ..] if text.contains(") ") => pcan(text, out),
        _ => candump_console(text, out),
    }
}

/// Reads a group wrapped in an NMEA 0183 sentence, from `$PCDIN` or `$MXPGN` on, checksum or not. The caller has checked the checksum.
#[must_use]
pub fn wrapped<'a>(sentence: &str, buffer: &'a mut LineBuffer) -> Option<Line<'a>> {
    pcdin_or_mxpgn(sentence, &mut buffer.0)
}

type Bytes = [u8; LARGEST];

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(byte.wrapping_sub(b'a').wrapping_add(10)),
        b'A'..=b'F' => Some(byte.wrapping_sub(b'A').wrapping_add(10)),
        _ => None,
    }
}

/// Reads pairs of hexadecimal digits, blanks between them or not.
fn hex<'a>(text: &str, out: &'a mut Bytes) -> Option<&'a [u8]> {
    let mut len = 0_usize;
    for word in text.split_ascii_whitespace() {
        for pair in word.as_bytes().chunks(2) {
            let [high, low] = pair else { return None };
            *out.get_mut(len)? = digit(*high)?.wrapping_shl(4) | digit(*low)?;
            len = len.saturating_add(1);
        }
    }
    out.get(..len)
}

fn hex_number(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok()
}

fn frame<'a>(at: Option<CaptureTime>, id: u32, data: &'a [u8]) -> Option<Line<'a>> {
    Some(Line { at, header: Header::from_id(id & 0x1fff_ffff), data, holds: Holds::Frame })
}

/// Seconds and a fraction since 1970.
fn epoch(text: &str) -> Option<CaptureTime> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut nanos = 0_u32;
    let mut place = 100_000_000_u32;
    for byte in fraction.bytes() {
        nanos = nanos.checked_add(u32::from(digit(byte).filter(|digit| *digit < 10)?).checked_mul(place)?)?;
        place /= 10;
    }
    Some(CaptureTime::from_parts(seconds.parse().ok()?, nanos))
}

fn candump_log<'a>(text: &str, out: &'a mut Bytes) -> Option<Line<'a>> {
    let (time, rest) = text.strip_prefix('(')?.split_once(')')?;
    let mut words = rest.split_ascii_whitespace();
    let (_interface, packet) = (words.next()?, words.next()?);
    let Some((id, data)) = packet.split_once('#') else {
        return candump_console(rest, out).map(|line| Line { at: epoch(time), ..line });
    };
    if id.len() != 8 {
        return None;
    }
    // CAN FD writes `##` and a digit of flags.
    let data = data.strip_prefix('#').map_or(Some(data), |data| data.get(1..))?;
    frame(epoch(time), hex_number(id)?, hex(data, out)?)
}

fn candump_console<'a>(text: &str, out: &'a mut Bytes) -> Option<Line<'a>> {
    let (head, rest) = text.split_once('[')?;
    let id = head.split_ascii_whitespace().next_back().filter(|id| id.len() == 8)?;
    let (_, bytes) = rest.split_once(']')?;
    let bytes = bytes.split(['\'', '"']).next()?;
    frame(None, hex_number(id)?, hex(bytes, out)?)
}

fn candump_angle<'a>(text: &str, out: &'a mut Bytes) -> Option<Line<'a>> {
    let (id, rest) = text.strip_prefix("<0x")?.split_once('>')?;
    let (_, bytes) = rest.split_once(']')?;
    frame(None, hex_number(id)?, hex(bytes, out)?)
}

fn socketcand<'a>(text: &str, out: &'a mut Bytes) -> Option<Line<'a>> {
    let mut words = text.split_ascii_whitespace();
    if (words.next()?, words.next()?) != ("<", "frame") {
        return None;
    }
    let id = words.next().filter(|id| id.len() == 8)?;
    let at = epoch(words.next()?);
    // Bytes come joined or apart, and the whole ends with `>`.
    let (_, data) = text.split_once('.')?;
    let (_, data) = data.split_once(' ')?;
    frame(at, hex_number(id)?, hex(data.strip_suffix('>')?, out)?)
}

fn yacht_devices<'a>(text: &str, out: &'a mut Bytes) -> Option<Line<'a>> {
    let mut parts = text.splitn(4, ' ');
    let (time, direction, id) = (parts.next()?, parts.next()?, parts.next()?);
    if !matches!(direction, "R" | "T") || id.len() != 8 || !time.bytes().all(|b| matches!(b, b'0'..=b'9' | b':' | b'.'))
    {
        return None;
    }
    frame(None, hex_number(id)?, hex(parts.next().unwrap_or_default(), out)?)
}

fn actisense<'a>(text: &str, out: &'a mut Bytes) -> Option<Line<'a>> {
    let mut parts = text.splitn(4, ' ');
    let (_time, ids, pgn) = (parts.next()?, hex_number(parts.next()?)?, hex_number(parts.next()?)?);
    let [_, high, low, priority] = (ids << 4).to_be_bytes();
    let header = Header { priority: priority >> 4 & 7, pgn, source: high, destination: low };
    let data = hex(parts.next().unwrap_or_default(), out)?;
    (pgn <= 0x3_ffff).then_some(Line { at: None, header, data, holds: Holds::Message })
}

fn canboat<'a>(text: &str, out: &'a mut Bytes) -> Option<Line<'a>> {
    let mut columns = text.split(',');
    let time = columns.next()?;
    let mut number = || columns.next()?.trim_ascii().parse::<u32>().ok();
    let (priority, pgn, source, destination, len) = (number()?, number()?, number()?, number()?, number()?);
    let header = Header {
        priority: u8::try_from(priority).ok().filter(|priority| *priority < 8)?,
        pgn,
        source: u8::try_from(source).ok()?,
        destination: u8::try_from(destination).ok()?,
    };
    let len = usize::try_from(len).ok()?;
    let to = out.get_mut(..len)?;
    for byte in to.iter_mut() {
        *byte = u8::try_from(hex_number(columns.next()?.trim_ascii())?).ok()?;
    }
    Some(Line { at: plain_time(time), header, data: to, holds: if len <= 8 { Holds::Either } else { Holds::Message } })
}

/// `2020-08-22T13:52:36.949Z` or the older `2011-04-25-10:16:43.004`.
fn plain_time(text: &str) -> Option<CaptureTime> {
    if let Some(time) = CaptureTime::parse_rfc3339(text) {
        return Some(time);
    }
    let bytes: [u8; 23] = text.as_bytes().get(..23)?.try_into().ok()?;
    let mut full = [0_u8; 24];
    let (start, last) = full.split_at_mut(23);
    start.copy_from_slice(&bytes);
    *start.get_mut(10)? = b'T';
    *last.first_mut()? = b'Z';
    CaptureTime::parse_rfc3339(std::str::from_utf8(&full).ok()?)
}

/// Garmin's list: number, time, group, … name, maker, sender, receiver, priority, single, size, `0x` and the bytes of a message.
fn garmin<'a>(text: &str, out: &'a mut Bytes) -> Option<Line<'a>> {
    let pgn = text.split(',').nth(2)?.parse().ok().filter(|pgn| *pgn <= 0x3_ffff)?;
    let mut columns = text.rsplit(',');
    let data = columns.next()?.strip_prefix("0x")?;
    let (_size, _single) = (columns.next()?, columns.next()?);
    let mut number = || columns.next()?.parse::<u8>().ok();
    let (priority, destination, source) = (number()? & 7, number()?, number()?);
    let header = Header { priority, pgn, source, destination };
    Some(Line { at: None, header, data: hex(data, out)?, holds: Holds::Message })
}

/// PCAN-View's trace 1.1: number and `)`, milliseconds, direction, identifier, length, bytes.
fn pcan<'a>(text: &str, out: &'a mut Bytes) -> Option<Line<'a>> {
    let (_, rest) = text.split_once(')')?;
    let mut words = rest.split_ascii_whitespace();
    let (_time, direction, id, len) = (words.next()?, words.next()?, words.next()?, words.next()?);
    if !matches!(direction, "Rx" | "Tx") || id.len() != 8 {
        return None;
    }
    let mut count = 0_usize;
    for word in words.take(len.parse().ok().filter(|len| *len <= 8)?) {
        *out.get_mut(count)? = u8::from_str_radix(word, 16).ok()?;
        count = count.saturating_add(1);
    }
    frame(None, hex_number(id)?, out.get(..count)?)
}

fn ikonvert<'a>(text: &str, out: &'a mut Bytes) -> Option<Line<'a>> {
    let mut columns = text.split(',').skip(1);
    let mut number = || columns.next()?.parse::<u32>().ok();
    let (pgn, priority, source, destination) = (number()?, number()?, number()?, number()?);
    let header = Header {
        priority: u8::try_from(priority).ok()? & 7,
        pgn: (pgn > 0).then_some(pgn)?,
        source: u8::try_from(source).ok()?,
        destination: u8::try_from(destination).ok()?,
    };
    let _time = columns.next()?;
    Some(Line { at: None, header, data: base64(columns.next()?, out)?, holds: Holds::Message })
}

fn base64<'a>(text: &str, out: &'a mut Bytes) -> Option<&'a [u8]> {
    let (mut len, mut held, mut bits) = (0_usize, 0_u32, 0_u32);
    for byte in text.bytes().take_while(|byte| *byte != b'=' && *byte != b'*') {
        let value = match byte {
            b'A'..=b'Z' => byte.wrapping_sub(b'A'),
            b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => byte.wrapping_sub(b'0').wrapping_add(52),
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits = bits.wrapping_add(6);
        if bits >= 8 {
            bits = bits.wrapping_sub(8);
            *out.get_mut(len)? = (held >> bits & 0xff).to_le_bytes()[0];
            len = len.saturating_add(1);
        }
        held &= 0xffff;
    }
    out.get(..len)
}

fn pcdin_or_mxpgn<'a>(text: &str, out: &'a mut Bytes) -> Option<Line<'a>> {
    let text = text.split('*').next()?;
    let mut columns = text.split(',');
    match columns.next()? {
        "$PCDIN" => {
            let (pgn, _time, source) = (hex_number(columns.next()?)?, columns.next()?, hex_number(columns.next()?)?);
            let data = hex(columns.next()?, out)?;
            let header = Header { priority: 7, pgn, source: u8::try_from(source).ok()?, destination: 255 };
            (pgn <= 0x3_ffff).then_some(Line { at: None, header, data, holds: Holds::Message })
        }
        "$MXPGN" => {
            let (pgn, attribute) = (hex_number(columns.next()?)?, hex_number(columns.next()?)?);
            let len = hex(columns.next()?, out)?.len();
            let data = out.get_mut(..len)?;
            data.reverse();
            // S, three bits of priority, four of length, then the sender (or, when S is set, the receiver).
            let [.., high, address] = attribute.to_be_bytes();
            let (source, destination) = if high & 0x80 != 0 { (0, address) } else { (address, 255) };
            let header = Header { priority: high >> 4 & 7, pgn, source, destination };
            // The sentence is made for one frame: a fast packet comes as one sentence a frame.
            let holds = if len <= 8 { Holds::Frame } else { Holds::Message };
            (pgn <= 0x3_ffff).then_some(Line { at: None, header, data, holds })
        }
        _ => None,
    }
}

/// The payload is a BST-93 message as a list of decimal bytes, mostly without its checksum.
fn w2k_json<'a>(text: &str, out: &'a mut Bytes) -> Option<Line<'a>> {
    let (_, list) = text.split_once("\"payload\"")?;
    let list = list.split_once('[')?.1.split_once(']')?.0;
    let mut len = 0_usize;
    for number in list.split(',') {
        *out.get_mut(len)? = number.trim_ascii().parse().ok()?;
        len = len.saturating_add(1);
    }
    match bst::parse(out.get(..len)?, bst::Checksum::Optional).ok()? {
        bst::Record::Message(header, data) => Some(Line { at: None, header, data, holds: Holds::Message }),
        bst::Record::Frame(header, data) => Some(Line { at: None, header, data, holds: Holds::Frame }),
        bst::Record::Gateway { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        use Holds::{Either, Frame, Message};
        for (line, priority, pgn, source, destination, first, len, holds) in [
            (
                "2020-08-22T13:52:36.949Z,2,130306,33,255,8,b7,3a,04,28,9e,fa,ff,ff",
                2,
                130_306,
                33,
                255,
                0xb7,
                8,
                Either,
            ),
            (
                "2011-04-25-10:16:43.004,2,127250,3,255,9,ff,8b,0a,ff,7f,ff,7f,fd,00",
                2,
                127_250,
                3,
                255,
                0xff,
                9,
                Message,
            ),
            ("(1502984866.421964) slcan0 09F112CC#FF725AFF7FFF7FFD", 2, 127_250, 0xcc, 255, 0xff, 8, Frame),
            ("  can0  09F8027F   [8]  00 FC FF FF 00 00 FF FF", 2, 129_026, 0x7f, 255, 0, 8, Frame),
            ("<0x18eeff01> [8] 05 a0 be 1c 00 a0 a0 c0 ", 6, 60_928, 1, 255, 5, 8, Frame),
            ("17:33:21.107 R 19F51323 01 2F 30", 6, 128_275, 0x23, 255, 1, 3, Frame),
            ("A000057.055 09FF7 0FF00 3F9FDCFFFFFFFFFF", 7, 65_280, 9, 255, 0x3f, 8, Message),
            ("     1)        48.6  Rx     09F11201  8  FF 50 7A FF 7F FF 7F FD ", 2, 127_250, 1, 255, 0xff, 8, Frame),
            (
                "1,487017,127250,Vessel Heading,Garmin,1,255,2,1,8,0xFF517AFF7FFF7FFD",
                2,
                127_250,
                1,
                255,
                0xff,
                8,
                Message,
            ),
            ("< frame 18eeff01 23.4 05a0be1c00a0a0c0 >", 6, 60_928, 1, 255, 5, 8, Frame),
            ("!PDGY,127251,2,3,255,536.56,+9Do1v////8=", 2, 127_251, 3, 255, 0xfb, 8, Message),
        ] {
            let mut buffer = LineBuffer::default();
            let got = parse_line(line.as_bytes(), &mut buffer).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(got.header, Header { priority, pgn, source, destination }, "{line}");
            assert_eq!((got.data.first(), got.data.len(), got.holds), (Some(&first), len, holds), "{line}");
        }
    }

    #[test]
    fn none_of_them() {
        for line in [
            "",
            "# comment",
            "$GPRMC,1,2",
            "(1.0) can0 123#00",
            "A1 2",
            "2020-08-22T13:52:36.949Z,9,130306,33,255,1,b7",
            "2020-08-22T13:52:36.949Z,2,130306,33,255,9,b7",
            "2020-08-22T13:52:36.949Z,2,130306,333,255,1,b7",
            "!PDGY,000000,4,,5,640,1,0",
            "$PCDIN,zz,0,0,00",
            "{\"payload\":[147]}",
            "17:33:21.107 X 19F51323 01",
            "\u{e9}\u{e9}",
        ] {
            assert_eq!(parse_line(line.as_bytes(), &mut LineBuffer::default()), None, "{line}");
        }
    }
}
