//! NMEA 2000 fast packet: up to 223 bytes in up to 32 frames (NMEA 2000 Main, appendix C; byte 0 carries 3 bits of sequence and 5 of frame counter).
//!
//! Frames of one message may come in any order, as some gateways deliver them. A message is dropped when a frame comes twice, when its first
//! frame comes again, and when it takes longer than [`GIVE_UP`].

use std::time::Duration;

use dogwatch_model::CaptureTime;

use super::can::Header;

/// How long a message may take: frames follow each other within milliseconds on a bus of 250 kbit/s.
pub(super) const GIVE_UP: Duration = Duration::from_millis(750);
/// A longer step is not a pause on the bus but of the clock.
const CLOCK_STEP: Duration = Duration::from_secs(86_400);
/// Bytes of the first frame and of the others.
const FIRST: usize = 6;
const NEXT: usize = 7;
/// The most a message can hold.
pub(super) const LARGEST: usize = FIRST + 31 * NEXT;

#[derive(Debug, Clone)]
struct Partial {
    started: CaptureTime,
    /// Bit n: frame n is here.
    have: u32,
    /// Bits that make it whole; 0 until the first frame came.
    want: u32,
    size: usize,
    data: [u8; LARGEST],
}

/// Messages being put together on one bus.
#[derive(Debug)]
pub(super) struct FastPackets {
    keys: Vec<u64>,
    partials: Vec<Partial>,
    limit: usize,
    frames: u32,
}

/// What a frame led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome<'a> {
    /// More frames are needed.
    Waiting,
    /// The message is whole.
    Whole(&'a [u8]),
    /// An unfinished message of this sender had to be dropped; the frame began a new one.
    Broken,
    /// There is nothing in the frame.
    Empty,
    /// All places are taken; the oldest message was dropped for this one.
    Evicted,
}

impl FastPackets {
    pub(super) fn new(limit: usize) -> Self {
        let limit = limit.max(1);
        Self { keys: Vec::with_capacity(limit), partials: Vec::with_capacity(limit), limit, frames: 0 }
    }

    /// Forgets everything half read.
    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.partials.clear();
    }

    /// Takes one frame.
    pub(super) fn frame<'a>(&'a mut self, at: CaptureTime, header: Header, frame: &'a [u8]) -> Outcome<'a> {
        let Some((control, body)) = frame.split_first() else { return Outcome::Empty };
        let counter = control & 0x1f;
        let (body, size) = match (counter, body.split_first()) {
            (0, None) => return Outcome::Empty,
            (0, Some((size, body))) => (body, Some(usize::from(*size).min(LARGEST))),
            _ => (body, None),
        };
        // A short message needs no place: all of it is here.
        if let Some(size) = size.filter(|size| *size <= FIRST) {
            return body.get(..size).map_or(Outcome::Empty, Outcome::Whole);
        }
        self.frames = self.frames.wrapping_add(1);
        if self.frames & 0xff == 0 {
            self.forget_old(at);
        }
        let key = u64::from(header.pgn) << 24
            | u64::from(header.source) << 16
            | u64::from(header.destination) << 8
            | u64::from(control & 0xe0);
        let (place, evicted) = match self.keys.iter().position(|other| *other == key) {
            Some(place) => (place, false),
            None => self.open(at, key),
        };
        let Some(partial) = self.partials.get_mut(place) else { return Outcome::Empty };
        let late = is_late(partial.started, at);
        let bit = 1_u32 << counter;
        let mut broken = false;
        if partial.have & bit != 0 || (late && partial.have != 0) {
            broken = partial.want != 0;
            partial.restart(at);
        }
        if let Some(size) = size {
            let want = wanted(size);
            // Frames that would complete this first frame at once are left over from a message whose own first frame was lost.
            if (partial.have | 1) & want == want {
                partial.restart(at);
            }
            partial.size = size;
            partial.want = want;
        }
        let start =
            if counter == 0 { 0 } else { usize::from(counter).saturating_mul(NEXT).saturating_sub(NEXT - FIRST) };
        let room = if counter == 0 { FIRST } else { NEXT };
        if let Some(to) = partial.data.get_mut(start..start.saturating_add(room)) {
            to.fill(0xff);
            for (to, from) in to.iter_mut().zip(body) {
                *to = *from;
            }
        }
        partial.have |= bit;
        if partial.want != 0 && partial.have & partial.want == partial.want {
            let size = partial.size;
            self.keys.swap_remove(place);
            // The finished message moves behind those in use and stays readable there until the next one is opened.
            let end = self.keys.len();
            self.partials.swap(place, end);
            let finished = self.partials.get(end).and_then(|partial| partial.data.get(..size));
            return finished.map_or(Outcome::Empty, Outcome::Whole);
        }
        if broken {
            Outcome::Broken
        } else if evicted {
            Outcome::Evicted
        } else {
            Outcome::Waiting
        }
    }

    /// Makes a place for a new message; `true` when another had to go.
    fn open(&mut self, at: CaptureTime, key: u64) -> (usize, bool) {
        if self.keys.len() >= self.limit {
            let oldest = (0..self.keys.len()).min_by_key(|at| self.partials.get(*at).map(|p| p.started)).unwrap_or(0);
            if let (Some(old), Some(partial)) = (self.keys.get_mut(oldest), self.partials.get_mut(oldest)) {
                *old = key;
                partial.restart(at);
            }
            return (oldest, true);
        }
        let place = self.keys.len();
        self.keys.push(key);
        match self.partials.get_mut(place) {
            Some(partial) => partial.restart(at),
            None => self.partials.push(Partial { started: at, have: 0, want: 0, size: 0, data: [0; LARGEST] }),
        }
        (place, false)
    }

    fn forget_old(&mut self, at: CaptureTime) {
        let mut place = 0;
        while let Some(partial) = self.partials.get(place).filter(|_| place < self.keys.len()) {
            if is_late(partial.started, at) {
                self.keys.swap_remove(place);
                self.partials.swap(place, self.keys.len());
            } else {
                place = place.saturating_add(1);
            }
        }
    }
}

impl Partial {
    fn restart(&mut self, at: CaptureTime) {
        self.started = at;
        self.have = 0;
        self.want = 0;
    }
}

/// Whether a message that began at `started` will not be finished at `at`. A clock that went back, or on by days, tells nothing.
fn is_late(started: CaptureTime, at: CaptureTime) -> bool {
    let since = at.since(started);
    since > GIVE_UP && since < CLOCK_STEP
}

/// The frames a message of `size` bytes needs, as bits.
const fn wanted(size: usize) -> u32 {
    let others = size.saturating_sub(FIRST).div_ceil(NEXT);
    if others >= 31 { u32::MAX } else { u32::MAX >> 31_usize.saturating_sub(others) }
}
