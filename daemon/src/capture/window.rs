//! A sliding window over a byte source: blocks are looked at in place, and the offset of each is known.

use std::io::Read;

/// Bytes asked from the source at a time.
const CHUNK: usize = 1 << 18;

/// A window over `source`.
pub(super) struct Window {
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset of `start` within the source.
    offset: u64,
}

impl Window {
    pub(super) fn new(source: Box<dyn Read + Send>) -> Self {
        Self { source, buffer: vec![0; CHUNK], start: 0, end: 0, offset: 0 }
    }

    /// Offset of the next byte.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Makes `wanted` bytes available if the source has them; says how many there are (more than `wanted` is usual).
    pub(super) fn fill(&mut self, wanted: usize) -> std::io::Result<usize> {
        while self.end - self.start < wanted {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            let room = wanted.max(self.end + CHUNK / 2).max(CHUNK);
            if self.buffer.len() < room {
                self.buffer.resize(room, 0);
            }
            let free = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.source.read(free) {
                Ok(0) => break,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.end - self.start)
    }

    /// The bytes at hand from `at` on, `len` of them or none.
    pub(super) fn peek(&self, at: usize, len: usize) -> &[u8] {
        let from = self.start.saturating_add(at);
        self.buffer
            .get(from..from.saturating_add(len))
            .filter(|_| from.saturating_add(len) <= self.end)
            .unwrap_or_default()
    }

    /// Moves on by `len` bytes that are at hand and gives them back.
    pub(super) fn take(&mut self, len: usize) -> &[u8] {
        let from = self.start;
        let to = from.saturating_add(len).min(self.end);
        self.start = to;
        self.offset += (to - from) as u64;
        self.buffer.get(from..to).unwrap_or_default()
    }
}
