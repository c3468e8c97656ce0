//! What a message does, collected on the stack, and the filter that keeps a flow from telling the same fact twice.
//!
//! A fact costs the inventory a look-up, so a flow repeats none: [`Told`] remembers a bounded number of hashes. When it is full it starts
//! over, which repeats facts and loses none.

use std::hash::{BuildHasher, Hash};

use dogwatch_model::{
    Act, Attribute, Direction, Fact, FactValue, FieldValue, FieldVisitor, Fields, Message, Object, ReadingVisitor,
    Readings, Speaker, Subject, Verb,
};
use foldhash::quality::RandomState;
use hashbrown::HashSet;

use crate::{ParseError, Sink};

/// Acts one message may hold; further ones are dropped. No message of ours needs more.
const MOST_ACTS: usize = 24;

/// Acts of one message, in order.
pub(crate) struct Acts<'a> {
    list: [Act<'a>; MOST_ACTS],
    len: usize,
    /// Whether any is a fact.
    says: bool,
}

impl<'a> Acts<'a> {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self { list: [Act::Odd(""); MOST_ACTS], len: 0, says: false }
    }

    /// Adds one; dropped when there is no room.
    pub(crate) fn push(&mut self, act: Act<'a>) {
        self.says |= matches!(act, Act::Says(_));
        if let Some(slot) = self.list.get_mut(self.len) {
            *slot = act;
            self.len = self.len.saturating_add(1);
        }
    }

    /// Adds a request.
    pub(crate) fn request(&mut self, verb: Verb, object: Object<'a>) {
        self.push(Act::Request { verb, object });
    }

    /// Adds a reply.
    pub(crate) fn reply(&mut self, verb: Verb, object: Object<'a>, refused: bool) {
        self.push(Act::Reply { verb, object, refused });
    }

    /// Adds a breach of the protocol's rules.
    pub(crate) fn odd(&mut self, name: &'static str) {
        self.push(Act::Odd(name));
    }

    /// Adds a fact about the speaker.
    pub(crate) fn says(&mut self, attribute: Attribute, value: FactValue<'a>, confidence: u8, method: &'static str) {
        self.push(Act::Says(Fact { about: Subject::Speaker, attribute, value, confidence, method }));
    }

    /// Adds a text fact about the speaker when there is text.
    pub(crate) fn says_text(
        &mut self,
        attribute: Attribute,
        text: Option<&'a str>,
        confidence: u8,
        method: &'static str,
    ) {
        if let Some(text) = text {
            self.says(attribute, FactValue::Text(text), confidence, method);
        }
    }

    /// Adds a fact about another device.
    pub(crate) fn says_about(
        &mut self,
        about: Subject,
        attribute: Attribute,
        value: FactValue<'a>,
        confidence: u8,
        method: &'static str,
    ) {
        self.push(Act::Says(Fact { about, attribute, value, confidence, method }));
    }

    /// The acts so far.
    pub(crate) fn as_slice(&self) -> &[Act<'a>] {
        self.list.get(..self.len).unwrap_or_default()
    }

    /// Drops the facts that `told` knows.
    fn forget_told(&mut self, told: &mut Told) {
        if !self.says {
            return;
        }
        let mut kept = 0_usize;
        for at in 0..self.len {
            let Some(act) = self.list.get(at).copied() else { break };
            let keep = match act {
                Act::Says(fact) => told.is_news(&fact),
                _ => true,
            };
            if keep && let Some(slot) = self.list.get_mut(kept) {
                *slot = act;
                kept = kept.saturating_add(1);
            }
        }
        self.len = kept;
    }
}

/// Facts a flow has told already.
pub(crate) struct Told {
    hashes: HashSet<u64, RandomState>,
    hasher: RandomState,
    limit: usize,
    /// Who speaks now: what both sides of a flow say of themselves are two facts.
    speaker: Direction,
}

impl Told {
    /// Remembers at most `limit` facts.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            hashes: HashSet::default(),
            hasher: RandomState::default(),
            limit: limit.max(1),
            speaker: Direction::ToServer,
        }
    }

    /// Facts from now on are told by the side that sends in this direction.
    pub(crate) fn by(&mut self, speaker: Direction) -> &mut Self {
        self.speaker = speaker;
        self
    }

    /// Whether `fact` was not told yet; from now on it is.
    fn is_news(&mut self, fact: &Fact<'_>) -> bool {
        let value = match fact.value {
            FactValue::Text(text) => (0_u8, self.hasher.hash_one(text)),
            FactValue::Number(number) => (1, number),
            FactValue::Ip(ip) => (2, self.hasher.hash_one(ip)),
            FactValue::Mac(mac) => (3, self.hasher.hash_one(mac)),
        };
        let speaker = fact.about == Subject::Speaker && self.speaker == Direction::ToClient;
        let hash = self.hasher.hash_one((Key(fact.about), speaker, fact.attribute, value));
        if self.hashes.len() >= self.limit && !self.hashes.contains(&hash) {
            self.hashes.clear();
        }
        self.hashes.insert(hash)
    }
}

/// A subject as part of a hash key.
#[derive(Hash)]
struct Key(Subject);

/// Where a dissector leaves what it read: adds the protocol's name and takes out facts told before.
pub(crate) struct Emit<'s> {
    protocol: &'static str,
    told: &'s mut Told,
    out: &'s mut dyn Sink,
    messages: &'s mut u32,
    /// Of the next message.
    function: u32,
}

impl<'s> Emit<'s> {
    /// Passes messages of `protocol` on to `out`, counting them in `messages`.
    pub(crate) fn new(
        protocol: &'static str,
        told: &'s mut Told,
        out: &'s mut dyn Sink,
        messages: &'s mut u32,
    ) -> Self {
        Self { protocol, told, out, messages, function: 0 }
    }

    /// The same for messages of `protocol`: two protocols may share one flow (an EtherType between two stations, a pipe inside another).
    pub(crate) fn under(&mut self, protocol: &'static str) -> Emit<'_> {
        Emit { protocol, told: self.told, out: self.out, messages: self.messages, function: self.function }
    }

    /// The number of the function, service or command of the message that comes next.
    pub(crate) fn function(&mut self, number: impl Into<u32>) -> &mut Self {
        self.function = number.into();
        self
    }

    /// Hands one message over.
    pub(crate) fn message(&mut self, kind: &str, acts: &mut Acts<'_>, fields: &dyn Fields) {
        acts.forget_told(self.told);
        self.plain(kind, acts.as_slice(), fields);
    }

    /// Hands one message over whose acts hold no facts, or only new ones.
    pub(crate) fn plain(&mut self, kind: &str, acts: &[Act<'_>], fields: &dyn Fields) {
        *self.messages = self.messages.saturating_add(1);
        let (protocol, function) = (self.protocol, std::mem::take(&mut self.function));
        self.out.message(&Message { protocol, kind, function, speaker: Speaker::Sender, acts, fields });
    }

    /// Counts something that could not be read.
    pub(crate) fn error(&mut self, error: ParseError) {
        self.out.error(self.protocol, error);
    }
}

/// Fields handed out by a closure.
pub(crate) struct Shown<F: Fn(&mut Visit<'_>)>(pub(crate) F);

impl<F: Fn(&mut Visit<'_>)> Fields for Shown<F> {
    fn visit(&self, visitor: &mut dyn FieldVisitor) {
        (self.0)(&mut Visit(visitor));
    }
}

/// Readings handed out by a closure.
pub(crate) struct Stated<F: Fn(&mut dyn ReadingVisitor)>(pub(crate) F);

impl<F: Fn(&mut dyn ReadingVisitor)> Readings for Stated<F> {
    fn visit(&self, visitor: &mut dyn ReadingVisitor) {
        (self.0)(visitor);
    }
}

/// The number in a decoded value, where it is one.
pub(crate) fn number(value: FieldValue<'_>) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "values of processes are far below 2^53")]
    Some(match value {
        FieldValue::Bool(is_on) => f64::from(u8::from(is_on)),
        FieldValue::Unsigned(number) => number as f64,
        FieldValue::Signed(number) => number as f64,
        FieldValue::Number(number) => number,
        FieldValue::Text(_) | FieldValue::Bytes(_) | FieldValue::Coded { .. } => return None,
    })
}

/// Short words for handing out fields.
pub(crate) struct Visit<'v>(pub(crate) &'v mut dyn FieldVisitor);

impl Visit<'_> {
    /// A whole number.
    pub(crate) fn number(&mut self, name: &str, value: impl Into<u64>) {
        self.0.field(name, FieldValue::Unsigned(value.into()));
    }

    /// A whole number that may be absent.
    pub(crate) fn maybe(&mut self, name: &str, value: Option<impl Into<u64>>) {
        if let Some(value) = value {
            self.number(name, value);
        }
    }

    /// A code and its name.
    pub(crate) fn coded(&mut self, name: &str, value: impl Into<u64>, meaning: Option<&str>) {
        self.0.field(name, FieldValue::Coded { value: value.into(), name: meaning });
    }

    /// Text.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.0.field(name, FieldValue::Text(value));
    }

    /// Text that may be absent.
    pub(crate) fn maybe_text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// Raw bytes, left out when there are none.
    pub(crate) fn bytes(&mut self, name: &str, value: &[u8]) {
        if !value.is_empty() {
            self.0.field(name, FieldValue::Bytes(value));
        }
    }

    /// Yes or no.
    pub(crate) fn flag(&mut self, name: &str, value: bool) {
        self.0.field(name, FieldValue::Bool(value));
    }

    /// Anything with a text form, such as an address.
    pub(crate) fn shown(&mut self, name: &str, value: impl std::fmt::Display) {
        self.text(name, crate::text::Text::<96>::of(format_args!("{value}")).as_str());
    }

    /// Values with a text form: nothing for none, the value for one, a list for more.
    pub(crate) fn one_or_list<T: std::fmt::Display>(&mut self, name: &str, values: impl Iterator<Item = T> + Clone) {
        let mut some = values.clone();
        match (some.next(), some.next()) {
            (None, _) => {}
            (Some(only), None) => self.shown(name, only),
            (Some(_), Some(_)) => {
                self.0.open_list(name);
                values.for_each(|value| self.shown("", value));
                self.0.close();
            }
        }
    }

    /// A list of whole numbers.
    pub(crate) fn numbers<N: Into<u64>>(&mut self, name: &str, values: impl IntoIterator<Item = N>) {
        self.0.open_list(name);
        for value in values {
            self.number("", value);
        }
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(text: &str) -> Fact<'_> {
        Fact {
            about: Subject::Speaker,
            attribute: Attribute::Model,
            value: FactValue::Text(text),
            confidence: 90,
            method: "test",
        }
    }

    #[test]
    fn a_fact_is_told_once() {
        let mut told = Told::new(4);
        let mut acts = Acts::new();
        acts.odd("x");
        acts.push(Act::Says(fact("a")));
        acts.push(Act::Says(fact("b")));
        acts.push(Act::Says(fact("a")));
        acts.forget_told(&mut told);
        assert_eq!(acts.as_slice(), &[Act::Odd("x"), Act::Says(fact("a")), Act::Says(fact("b"))]);
        let other = Fact { attribute: Attribute::Name, ..fact("a") };
        assert!(told.is_news(&other), "another attribute is another fact");
        assert!(!told.is_news(&fact("a")));
        assert!(told.by(Direction::ToClient).is_news(&fact("a")), "the other side says it of itself");
        assert!(!told.is_news(&fact("a")));
    }

    #[test]
    fn memory_of_facts_is_bounded_and_starts_over() {
        let mut told = Told::new(2);
        for name in ["a", "b", "c", "d", "e"] {
            assert!(told.is_news(&fact(name)));
            assert!(told.hashes.len() <= 2);
        }
        assert!(told.is_news(&fact("a")), "forgotten, so told again");
    }

    #[test]
    fn acts_beyond_the_limit_are_dropped() {
        let mut acts = Acts::new();
        for _ in 0..40 {
            acts.odd("x");
        }
        assert_eq!(acts.as_slice().len(), MOST_ACTS);
    }
}
