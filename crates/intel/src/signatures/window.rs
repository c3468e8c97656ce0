//! What is remembered between the packets of one direction of a stream, and what one look needs as scratch.

use arrayvec::ArrayVec;

use super::search::LONGEST;

/// Bytes of the past that a rule may reach back to.
const KEPT: usize = 1_024;
/// Rules whose first half was seen.
const MOST_WAITING: usize = 8;
/// Bytes either side of the border between two packets in which a piece may be cut.
const SEAM: usize = LONGEST - 1;

/// The end of what one side of a stream has said.
#[derive(Debug, Default)]
pub struct Window {
    bytes: Vec<u8>,
    /// Rules of which a piece was seen but not yet all, and how many bytes they may still wait for.
    waiting: ArrayVec<(u32, usize), MOST_WAITING>,
}

impl Window {
    /// Forgets everything: bytes are missing behind what is held.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.waiting.clear();
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What stands around the border between what is held and what comes.
    pub(super) fn seam(&self, coming: &[u8]) -> ArrayVec<u8, { 2 * SEAM }> {
        if self.bytes.is_empty() {
            return ArrayVec::new();
        }
        let past = self.bytes.get(self.bytes.len().saturating_sub(SEAM)..).unwrap_or(&[]);
        past.iter().chain(coming.iter().take(SEAM)).copied().collect()
    }

    /// Puts the rules that wait among the candidates.
    pub(super) fn recall(&self, scratch: &mut Scratch) {
        for (rule, _) in &self.waiting {
            scratch.add(*rule);
        }
    }

    pub(super) fn remember(&mut self, rule: u32) {
        if self.waiting.iter().any(|(waiting, _)| *waiting == rule) {
            return;
        }
        if self.waiting.is_full() {
            self.waiting.remove(0);
        }
        self.waiting.push((rule, KEPT));
    }

    pub(super) fn forget(&mut self, rule: u32) {
        self.waiting.retain(|(waiting, _)| *waiting != rule);
    }

    /// Puts what comes behind what is held, to be looked at as one.
    pub(super) fn join(&mut self, coming: &[u8]) {
        self.wear(coming.len());
        self.bytes.extend_from_slice(coming);
    }

    /// Lets go of what lies too far back.
    pub(super) fn cut(&mut self) {
        // twice as much may stand, so that not every packet moves what is kept
        if self.bytes.len() > 2 * KEPT {
            let from = self.bytes.len().saturating_sub(KEPT);
            self.bytes.drain(..from);
            self.bytes.shrink_to(4 * KEPT);
        }
    }

    /// Takes in what comes without a look at both together.
    pub(super) fn push(&mut self, coming: &[u8]) {
        self.wear(coming.len());
        if coming.len() >= KEPT {
            self.bytes.clear();
        }
        self.bytes.extend_from_slice(coming.get(coming.len().saturating_sub(KEPT)..).unwrap_or(&[]));
        self.cut();
    }

    /// Bytes pass: what waits too long for its second half waits no more.
    fn wear(&mut self, bytes: usize) {
        for (_, left) in &mut self.waiting {
            *left = left.saturating_sub(bytes.max(1));
        }
        self.waiting.retain(|(_, left)| *left > 0);
    }
}

/// Room for the rules one look comes upon; kept by whoever asks, so that a packet costs no allocation.
#[derive(Debug, Default)]
pub struct Scratch {
    /// For each rule the look that came upon it last.
    stamps: Vec<u32>,
    look: u32,
    found: Vec<u32>,
}

impl Scratch {
    pub(super) fn begin(&mut self, rules: usize) {
        self.look = self.look.wrapping_add(1);
        if self.stamps.len() != rules || self.look == 0 {
            self.stamps.clear();
            self.stamps.resize(rules, 0);
            self.look = 1;
        }
        self.found.clear();
    }

    pub(super) fn add(&mut self, rule: u32) {
        if let Some(stamp) = self.stamps.get_mut(rule as usize)
            && *stamp != self.look
        {
            *stamp = self.look;
            self.found.push(rule);
        }
    }

    pub(super) const fn candidates(&self) -> usize {
        self.found.len()
    }

    pub(super) fn candidate(&self, place: usize) -> Option<u32> {
        self.found.get(place).copied()
    }
}
