//! The acts of one message while they are collected: a fixed list on the stack, so that a sentence costs no allocation.

use dogwatch_model::{Act, Attribute, Fact, FactValue, Of, Quantity, Subject, Value};

/// Acts one message can carry; what is more is dropped (no sentence or AIS message says more).
const CAPACITY: usize = 14;

/// A list of acts.
#[derive(Debug)]
pub(crate) struct ActList<'a> {
    acts: [Act<'a>; CAPACITY],
    len: usize,
}

impl<'a> ActList<'a> {
    /// An empty list.
    pub(crate) const fn new() -> Self {
        Self { acts: [Act::Odd(""); CAPACITY], len: 0 }
    }

    /// Adds one act.
    pub(crate) fn push(&mut self, act: Act<'a>) {
        if let Some(slot) = self.acts.get_mut(self.len) {
            *slot = act;
            self.len = self.len.saturating_add(1);
        }
    }

    /// Adds a measured quantity.
    pub(crate) fn measures(&mut self, of: Of, quantity: Quantity, value: Value) {
        self.push(Act::Measures { of, quantity, value });
    }

    /// Adds a fact about the speaker.
    pub(crate) fn says(&mut self, attribute: Attribute, value: FactValue<'a>, confidence: u8, method: &'static str) {
        self.push(Act::Says(Fact { about: Subject::Speaker, attribute, value, confidence, method }));
    }

    /// What was collected.
    pub(crate) fn as_slice(&self) -> &[Act<'a>] {
        self.acts.get(..self.len).unwrap_or_default()
    }
}
