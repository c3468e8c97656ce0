//! Bytes of a stream that nobody has used yet.

use crate::context::Context;
use crate::side::Pair;

/// A rest that emptied keeps its memory up to here: it counts as held, and many idle flows must not use up what busy ones need.
const KEEP_CAPACITY: usize = 512;

/// Bytes of one direction that wait to be read.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub(crate) bytes: Vec<u8>,
    /// Probing starts here: what lies before was nobody's.
    pub(crate) probe_from: usize,
    /// Frame that brought the first of them.
    pub(crate) since: u64,
}

impl Rest {
    pub(crate) fn push<O>(&mut self, bytes: &[u8], cx: &mut Context<'_, O>) {
        if self.bytes.is_empty() {
            self.since = cx.frame;
        }
        let before = self.bytes.capacity();
        self.bytes.extend_from_slice(bytes);
        *cx.held = cx.held.saturating_sub(before).saturating_add(self.bytes.capacity());
    }

    pub(crate) fn consume<O>(&mut self, used: usize, cx: &mut Context<'_, O>) {
        self.probe_from = 0;
        if used >= self.bytes.len() {
            self.clear(cx);
        } else {
            self.bytes.drain(..used);
        }
    }

    pub(crate) fn clear<O>(&mut self, cx: &mut Context<'_, O>) {
        self.probe_from = 0;
        self.bytes.clear();
        if self.bytes.capacity() > KEEP_CAPACITY {
            *cx.held = cx.held.saturating_sub(self.bytes.capacity());
            self.bytes = Vec::new();
        }
    }

    pub(crate) const fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

impl Pair<Rest> {
    pub(crate) fn clear<O>(&mut self, cx: &mut Context<'_, O>) {
        self.a.clear(cx);
        self.b.clear(cx);
    }
}
