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
//! | `$MXPGN,01F119,2806,FF147406D100AF2A*57` | Shipmodul MiniPlex | message, bytes backwards |
//! | `{"pgn":127250,"payload":[147,19,…]}` | Actisense W2K-1 | a BST-93 message |
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
        [b'0'..=b'9', ..] if text.contains(',') => canboat(text, out),
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
            (pgn <= 0x3_ffff).then_some(Line { at: None, header, data, holds: Holds::Message })
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
