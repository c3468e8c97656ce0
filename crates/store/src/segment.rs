//! One file of the queue: its header, what stands in it, and writing one anew without what was dropped.
//!
//! ```text
//! queue/NNNNNNNN.seg:  "DWQ1" | flags u32 (1 = sealed) | epoch u32 | first seq u64 | last seq u64 (sealed) | CRC32C | frames
//! ```
//! A plain segment is appended to. A *sealed* one was rewritten (records dropped or restored, small neighbours merged): it was complete and
//! durable before it got its name.

use std::io;
use std::ops::ControlFlow;

use crate::codec::{take, take_u32, take_u64};
use crate::disk::Disk;
use crate::frame::{self, Frame, Walked};
use crate::record::{Class, GAP_KIND, Gap, Record};

/// Bytes before the first frame.
pub(crate) const HEADER_BYTES: u64 = 32;
const MAGIC: [u8; 4] = *b"DWQ1";
const SEALED: u32 = 1;
/// A mark every so many bytes lets a read start near its record.
const MARK_EVERY_BYTES: u64 = 64 * 1024;

/// The head of a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentHead {
    pub(crate) sealed: bool,
    pub(crate) epoch: u32,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl SegmentHead {
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&if self.sealed { SEALED } else { 0 }.to_le_bytes());
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(&self.last.to_le_bytes());
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }

    pub(crate) fn read(disk: &dyn Disk, number: u64) -> io::Result<Option<Self>> {
        Ok(Self::parse(&disk.read(&name(number), 0, usize::try_from(HEADER_BYTES).unwrap_or(0))?))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (checked, mut crc) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
        let mut fields = checked;
        if take_u32(&mut crc)? != crc32c::crc32c(checked) || take::<4>(&mut fields)? != MAGIC {
            return None;
        }
        let sealed = take_u32(&mut fields)? & SEALED != 0;
        Some(Self {
            sealed,
            epoch: take_u32(&mut fields)?,
            first: take_u64(&mut fields)?,
            last: take_u64(&mut fields)?,
        })
    }
}

/// The file of segment `number`.
pub(crate) fn name(number: u64) -> String {
    format!("queue/{number:08}.seg")
}

/// The number in a file's name.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    name.strip_suffix(".seg").filter(|digits| digits.len() >= 8)?.parse().ok()
}

/// What is known of a segment while the store is open.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    /// First number it is responsible for.
    pub(crate) first: u64,
    /// Last one it holds; `first - 1` when empty.
    pub(crate) last: u64,
    /// Bytes of the file that count.
    pub(crate) bytes: u64,
    /// Records by class; gaps apart.
    pub(crate) counts: [u64; 4],
    pub(crate) gaps: u64,
    marks: Vec<(u64, u64)>,
}

impl Segment {
    pub(crate) fn new(number: u64, first: u64) -> Self {
        let last = first.saturating_sub(1);
        Self { number, first, last, bytes: HEADER_BYTES, counts: [0; 4], gaps: 0, marks: Vec::new() }
    }

    /// Takes note of an entry at `offset`.
    pub(crate) fn note(&mut self, seq: u64, last_seq: u64, class: u8, is_gap: bool, offset: u64) {
        if self.marks.last().is_none_or(|(_, at)| offset.saturating_sub(*at) >= MARK_EVERY_BYTES) {
            self.marks.push((seq, offset));
        }
        self.last = self.last.max(last_seq);
        if is_gap {
            self.gaps += 1;
        } else if let Some(count) = self.counts.get_mut(usize::from(Class::from_number(class).number())) {
            *count += 1;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.last < self.first
    }

    /// Where reading must start to meet `seq`.
    pub(crate) fn offset_before(&self, seq: u64) -> u64 {
        let later = self.marks.partition_point(|(marked, _)| *marked <= seq);
        later.checked_sub(1).and_then(|at| self.marks.get(at)).map_or(HEADER_BYTES, |(_, offset)| *offset)
    }
}

/// Turns a frame into an entry; `None` for a gap that cannot be read.
pub(crate) fn record_of(frame: &Frame<'_>) -> Option<Record> {
    let last_seq = last_seq_of(frame)?;
    Some(Record {
        seq: frame.seq,
        last_seq,
        class: Class::from_number(frame.class),
        kind: frame.kind,
        payload: frame.payload.to_vec(),
    })
}

/// Last number a frame stands for.
pub(crate) fn last_seq_of(frame: &Frame<'_>) -> Option<u64> {
    if frame.kind == GAP_KIND { Gap::decode(frame.seq, frame.payload).map(|gap| gap.last) } else { Some(frame.seq) }
}

/// Walks a segment's frames.
pub(crate) fn walk(
    disk: &dyn Disk,
    number: u64,
    from: u64,
    sealed_to: u64,
    epoch: u32,
    visit: &mut dyn FnMut(&Frame<'_>, u64) -> ControlFlow<()>,
) -> io::Result<Walked> {
    frame::walk(disk, &name(number), from, sealed_to, epoch, visit)
}

/// Appends entries to `out`, noting them in `segment`, whose file ends where the write begins.
pub(crate) fn push_all<'a>(
    segment: &mut Segment,
    records: impl Iterator<Item = &'a Record>,
    epoch: u32,
    out: &mut Vec<u8>,
) {
    let start = segment.bytes;
    for record in records {
        let is_gap = record.kind == GAP_KIND;
        segment.note(record.seq, record.last_seq, record.class.number(), is_gap, start + out.len() as u64);
        Frame::push(record.kind, record.class.number(), record.seq, &record.payload, epoch, out);
    }
    segment.bytes = start + out.len() as u64;
}

/// Writes segment `number` anew, holding exactly `records`, which tile `first..=last`; durable on return, but for the directory.
pub(crate) fn rewrite(
    disk: &dyn Disk,
    number: u64,
    (first, last): (u64, u64),
    records: &[Record],
    epoch: u32,
) -> io::Result<Segment> {
    let mut segment = Segment::new(number, first);
    let mut frames = Vec::new();
    push_all(&mut segment, records.iter(), epoch, &mut frames);
    segment.last = last;
    let beside = format!("queue/{number:08}.tmp");
    let written = disk.create(&beside).and_then(|mut file| {
        file.append(&SegmentHead { sealed: true, epoch, first, last }.encode())?;
        file.append(&frames)?;
        file.sync()
    });
    if let Err(error) = written.and_then(|()| disk.rename(&beside, &name(number))) {
        // Left behind it would be removed at the next opening; here it would only hold space.
        let _ = disk.remove(&beside);
        return Err(error);
    }
    Ok(segment)
}
