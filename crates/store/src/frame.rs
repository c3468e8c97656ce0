//! One frame of an append-only file, and the walk over a file that tells a torn tail from damage. Queue and ledger share it.
//!
//! ```text
//! marker 2 | kind 1 | class 1 | length u32 | seq u64 | back u32 | CRC32C of the payload | CRC32C of the 24 bytes before | payload
//! ```
//! Numbers are little-endian. The header has its own checksum so that a damaged payload costs one record and not the rest of the file. It is
//! salted with the epoch: bytes from the wire that look like a frame, met while searching past damage, are not taken for one.
//!
//! `back` is how many bytes before this frame the write began that carried it. A write is made durable before the next one starts, so
//! unreadable bytes followed by a frame whose write began *after* them were once durable: damage. Unreadable bytes with nothing of a
//! later write behind them are what a power cut leaves of a write that was never acknowledged: a torn tail.
//!
//! CRC32C is the Castagnoli polynomial (RFC 3720, appendix B.4).

use std::io;
use std::ops::{ControlFlow, Range};

use crate::codec::{take, take_u8, take_u32, take_u64};
use crate::disk::Disk;

/// Bytes before the payload.
pub(crate) const HEADER_BYTES: usize = 28;
/// Longest payload of a frame. A caller's record is limited to less (see `MAX_RECORD_BYTES`): the ledger adds a few fields to it.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 80 * 1024;
const MARKER: [u8; 2] = [0xd7, 0x5e];
/// How much of a file is held while walking it: many frames, and little next to the memory a box has.
const WINDOW_BYTES: usize = 1 << 20;

/// One frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: u8,
    pub(crate) class: u8,
    pub(crate) seq: u64,
    pub(crate) back: u32,
    pub(crate) payload: &'a [u8],
}

struct Header {
    kind: u8,
    class: u8,
    length: usize,
    seq: u64,
    back: u32,
    payload_crc: u32,
}

impl Frame<'_> {
    /// Appends the frame to a write that began at `out`'s start: `back` follows from where the frame lands.
    pub(crate) fn push(kind: u8, class: u8, seq: u64, payload: &[u8], salt: u32, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&MARKER);
        out.push(kind);
        out.push(class);
        out.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(&seq.to_le_bytes());
        out.extend_from_slice(&u32::try_from(start).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
        let header_crc = crc32c::crc32c_append(salt, out.get(start..).unwrap_or_default());
        out.extend_from_slice(&header_crc.to_le_bytes());
        out.extend_from_slice(payload);
    }
}

fn parse_header(input: &[u8], salt: u32) -> Option<Header> {
    let (checked, mut crc) = input.get(..HEADER_BYTES)?.split_at_checked(HEADER_BYTES - 4)?;
    let mut fields = checked;
    if take::<2>(&mut fields)? != MARKER || take_u32(&mut crc)? != crc32c::crc32c_append(salt, checked) {
        return None;
    }
    let kind = take_u8(&mut fields)?;
    let class = take_u8(&mut fields)?;
    let length = usize::try_from(take_u32(&mut fields)?).ok().filter(|length| *length <= MAX_PAYLOAD_BYTES)?;
    let seq = take_u64(&mut fields)?;
    let back = take_u32(&mut fields)?;
    Some(Header { kind, class, length, seq, back, payload_crc: take_u32(&mut fields)? })
}

/// What stands at the front of some bytes.
pub(crate) enum Step<'a> {
    /// A whole, sound frame and the bytes it takes.
    Frame(Frame<'a>, usize),
    /// So many bytes that are no sound frame.
    Bad(usize),
}

/// Reads one frame from the front of `input`, or says how many bytes to skip to where reading can go on.
pub(crate) fn step(input: &[u8], salt: u32) -> Step<'_> {
    let header = parse_header(input, salt);
    if let Some(header) = &header
        && let Some(payload) = input.get(HEADER_BYTES..HEADER_BYTES + header.length)
    {
        let taken = HEADER_BYTES + header.length;
        if crc32c::crc32c(payload) != header.payload_crc {
            return Step::Bad(taken);
        }
        let Header { kind, class, seq, back, .. } = *header;
        return Step::Frame(Frame { kind, class, seq, back, payload }, taken);
    }
    let found = (1..input.len()).find(|&at| input.get(at..).is_some_and(|rest| parse_header(rest, salt).is_some()));
    Step::Bad(found.unwrap_or(input.len()))
}

/// What a walk over a file found besides its frames.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// Where the sound part ends when the tail is torn.
    pub(crate) torn_at: Option<u64>,
    /// Bytes from there to the end of the file.
    pub(crate) torn_bytes: u64,
    /// Stretches that were durable once and cannot be read.
    pub(crate) damaged: Vec<Range<u64>>,
    /// Length of the file.
    pub(crate) length: u64,
}

/// A frame held back until it is known whether what stands before it is a torn tail.
struct Held {
    kind: u8,
    class: u8,
    seq: u64,
    back: u32,
    payload: Vec<u8>,
    offset: u64,
}

/// Walks the frames of a file from `start`, calling `visit` with each sound frame and its offset, in order, until it breaks off. Bytes before `sealed_to` were
/// durable as a whole: whatever is unreadable there is damage, never a torn tail.
pub(crate) fn walk(
    disk: &dyn Disk,
    path: &str,
    start: u64,
    sealed_to: u64,
    salt: u32,
    visit: &mut dyn FnMut(&Frame<'_>, u64) -> ControlFlow<()>,
) -> io::Result<Walked> {
    let length = disk.size(path)?.unwrap_or(0);
    let mut walked = Walked { length, ..Walked::default() };
    let mut suspects: Vec<Range<u64>> = Vec::new();
    let mut held: Vec<Held> = Vec::new();
    let mut at = start;
    let mut window = Vec::new();
    let mut base = at;
    while at < length {
        let inside = usize::try_from(at - base).unwrap_or(usize::MAX);
        let rest = window.get(inside..).unwrap_or_default();
        let whole_frame = HEADER_BYTES + MAX_PAYLOAD_BYTES;
        if rest.len() < whole_frame && base + (window.len() as u64) < length {
            base = at;
            window = disk.read(path, base, WINDOW_BYTES)?;
            if window.is_empty() {
                break;
            }
            continue;
        }
        match step(rest, salt) {
            Step::Bad(bytes) => {
                // A sound frame may begin in the last bytes of the window: look at those again with what follows them.
                let end_of_window = base + window.len() as u64;
                let mut end = at + bytes.max(1) as u64;
                if end == end_of_window && end < length && bytes > HEADER_BYTES {
                    end -= HEADER_BYTES as u64;
                }
                let list = if at < sealed_to { &mut walked.damaged } else { &mut suspects };
                match list.last_mut() {
                    Some(last) if last.end == at => last.end = end,
                    _ => list.push(at..end),
                }
                at = end;
            }
            Step::Frame(frame, bytes) => {
                let began = at.saturating_sub(u64::from(frame.back));
                // Suspects before the start of this frame's write were durable when that write began.
                let proven = suspects.iter().take_while(|bad| bad.start < began).count();
                if proven > 0 {
                    let edge = suspects.get(proven).map_or(u64::MAX, |bad| bad.start);
                    walked.damaged.extend(suspects.drain(..proven));
                    let cut = held.iter().take_while(|held| held.offset < edge).count();
                    for one in held.drain(..cut) {
                        if visit(&one.frame(), one.offset).is_break() {
                            return Ok(walked);
                        }
                    }
                }
                if suspects.is_empty() {
                    if visit(&frame, at).is_break() {
                        return Ok(walked);
                    }
                } else {
                    let Frame { kind, class, seq, back, payload } = frame;
                    held.push(Held { kind, class, seq, back, payload: payload.to_vec(), offset: at });
                }
                at += bytes as u64;
            }
        }
    }
    if length < sealed_to {
        walked.damaged.push(length.max(start)..sealed_to);
    }
    if let Some(first) = suspects.first() {
        walked.torn_at = Some(first.start);
        walked.torn_bytes = length.saturating_sub(first.start);
    }
    Ok(walked)
}

impl Held {
    fn frame(&self) -> Frame<'_> {
        Frame { kind: self.kind, class: self.class, seq: self.seq, back: self.back, payload: &self.payload }
    }
}
