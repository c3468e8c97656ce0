//! A short list of acts on the stack.

use dogwatch_model::{Act, Attribute, Fact, FactValue, Of, Quantity, Subject, Value};

/// More than any group says.
const CAPACITY: usize = 16;

/// The acts of one message; more than fit are left out (no group of the definition has more).
pub(super) struct Acts<'a> {
    items: [Act<'a>; CAPACITY],
    len: usize,
}

impl<'a> Acts<'a> {
    pub(super) const fn new() -> Self {
        Self { items: [Act::Odd(""); CAPACITY], len: 0 }
    }

    #[inline]
    pub(super) fn push(&mut self, act: Act<'a>) {
        if let Some(item) = self.items.get_mut(self.len) {
            *item = act;
            self.len = self.len.saturating_add(1);
        }
    }

    pub(super) fn says(&mut self, attribute: Attribute, value: FactValue<'a>, confidence: u8, method: &'static str) {
        self.push(Act::Says(Fact { about: Subject::Speaker, attribute, value, confidence, method }));
    }

    /// A text fact; an empty text says nothing.
    pub(super) fn says_text(
        &mut self,
        attribute: Attribute,
        text: Option<&'a str>,
        confidence: u8,
        method: &'static str,
    ) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.says(attribute, FactValue::Text(text), confidence, method);
        }
    }

    pub(super) fn measures(&mut self, of: Of, quantity: Quantity, value: Option<f64>) {
        if let Some(value) = value {
            self.push(Act::Measures { of, quantity, value: Value::Number(value) });
        }
    }

    pub(super) fn as_slice(&self) -> &[Act<'a>] {
        self.items.get(..self.len).unwrap_or_default()
    }
}
