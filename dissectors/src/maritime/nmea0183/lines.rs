//! Lines of text as they come by datagram, stream or log: noise, TAG blocks, sentences, what is left of damaged ones.
//!
//! One reader serves NMEA 0183 flows and IEC 61162-450 datagrams. It knows nothing of how the bytes came.

use dogwatch_model::{Act, Message, Object, Sfi, Speaker, Verb};

use super::fields::Shown;
use super::groups::Groups;
use super::identity::{self, Told};
use super::measures::measure;
use super::multi::Multi;
use super::sentence::{Address, Checksum, Damage, Sentence};
use super::tag::Tags;
use super::wrapped::Wrapped;
use crate::maritime::acts::ActList;
use crate::maritime::ais;
use crate::maritime::iec61162_450::line_count::{LineCounters, Step};
use crate::maritime::iec61162_450::multicast::Group;
use crate::{Chunk, Limits, ParseError, Sink};

/// Where a line came from.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'c> {
    /// The bytes it was part of.
    pub(crate) chunk: &'c Chunk<'c>,
    /// The protocol that carries it.
    pub(crate) protocol: &'static str,
    /// The transmission group of IEC 61162-450 it was sent to.
    pub(crate) group: Option<&'static Group>,
    /// Whether every line must have a TAG block with a source.
    pub(crate) wants_tags: bool,
    /// Whether bare sentences came where datagrams of IEC 61162-450 belong.
    pub(crate) bare: bool,
}

/// What one flow remembers from line to line.
pub(crate) struct Lines {
    told: Told,
    groups: Groups,
    counters: LineCounters,
    /// Lines that went missing right before the one being read, by its line count.
    lost: u32,
    multi: Multi,
    ais: ais::Assembly,
    wrapped: Wrapped,
    /// Whether a checksum was right: who sends checksums always does.
    has_sums: bool,
}

impl Lines {
    /// Nothing remembered.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            told: Told::new(),
            groups: Groups::new(),
            counters: LineCounters::new(),
            lost: 0,
            multi: Multi::new(limits),
            ais: ais::Assembly::new(limits),
            wrapped: Wrapped::new(limits),
            has_sums: false,
        }
    }

    /// Forgets half-read messages: bytes went missing.
    pub(crate) fn gap(&mut self) {
        self.groups.clear();
        self.multi.clear();
        self.ais.clear();
        self.wrapped.clear();
    }

    /// Reads everything in one line (without its line end); returns how many sentences it held.
    pub(crate) fn line(&mut self, origin: Origin<'_>, line: &[u8], out: &mut dyn Sink) -> u32 {
        let mut rest = line;
        let mut tags = Tags::default();
        let mut sentences = 0_u32;
        let mut damaged = false;
        while let Some(start) = rest.iter().position(|byte| matches!(byte, b'$' | b'!' | b'\\')) {
            rest = rest.get(start..).unwrap_or_default();
            if rest.first() == Some(&b'\\') {
                let Some(after) = tags.read(rest) else {
                    if self.is_cut_off(origin, rest) {
                        return sentences;
                    }
                    damaged = true;
                    out.error(origin.protocol, ParseError::Incomplete { what: "tag block" });
                    rest = rest.get(1..).unwrap_or_default();
                    continue;
                };
                rest = after;
                continue;
            }
            match Sentence::parse(rest) {
                Ok((sentence, _)) if sentence.checksum != Checksum::Ok && self.is_cut_off(origin, sentence.raw) => {
                    return sentences;
                }
                Ok((sentence, after)) => {
                    self.has_sums |= sentence.checksum == Checksum::Ok;
                    self.sentence(origin, &tags, &sentence, out);
                    sentences = sentences.saturating_add(1);
                    tags = Tags::default();
                    rest = after;
                }
                Err(Damage { .. }) if self.is_cut_off(origin, rest) => return sentences,
                Err(Damage { error, skip }) => {
                    damaged = true;
                    out.error(origin.protocol, error);
                    rest = rest.get(skip..).unwrap_or_default();
                }
            }
        }
        if tags.blocks > 0 {
            self.tags_alone(origin, &tags, out);
        } else if sentences == 0 && !damaged && !line.trim_ascii().is_empty() {
            out.error(origin.protocol, ParseError::Malformed { what: "line", at: 0, why: "holds no sentence" });
        }
        sentences
    }

    /// Whether what is left of a line without a right checksum is the end of a datagram that a capture cut short (snap length): a number in it may
    /// lack its last digits. Only where checksums and line ends are kept otherwise; IEC 61162-450 demands both.
    fn is_cut_off(&self, origin: Origin<'_>, rest: &[u8]) -> bool {
        (self.has_sums || origin.wants_tags)
            && !origin.chunk.carrier.is_stream()
            && !rest.is_empty()
            && origin.chunk.bytes.ends_with(rest)
    }

    /// Reads one sentence with its TAG blocks.
    fn sentence(&mut self, origin: Origin<'_>, tags: &Tags<'_>, sentence: &Sentence<'_>, out: &mut dyn Sink) {
        let mut acts = ActList::new();
        let sfi = self.speaker(origin, tags, out, &mut acts);
        let speaker = sfi.map_or(Speaker::Sender, Speaker::Sfi);
        let (talker, formatter) = sentence.name();
        let mut kind = formatter;
        if sentence.checksum == Checksum::Bad {
            acts.push(Act::Odd("nmea.bad-checksum"));
            out.error(origin.protocol, ParseError::Checksum { what: "sentence" });
        } else {
            let object = Object::Sentence { talker, formatter };
            match sentence.address {
                Address::Query { .. } => {
                    kind = "query";
                    acts.push(Act::Request { verb: Verb::Discover, object });
                }
                _ => acts.push(Act::Publishes { object }),
            }
            if sentence.sets_up() {
                acts.push(Act::Request { verb: Verb::Program, object });
            }
            if origin.group.is_some_and(|group| group.is_wrong_for(talker)) {
                acts.push(Act::Odd("450.wrong-group"));
            }
            identity::tell(sentence, sfi, &mut self.told, &mut acts);
            measure(sentence, &mut acts);
        }
        if origin.bare {
            acts.push(Act::Odd("450.token-missing"));
        }
        if sentence.is_too_long() {
            acts.push(Act::Odd("nmea.too-long"));
        }
        let fields = Shown { sentence, tags, group: origin.group.map(|group| group.name), lost: self.lost };
        out.message(&Message {
            protocol: origin.protocol,
            kind,
            function: 0,
            speaker,
            acts: acts.as_slice(),
            fields: &fields,
        });
        if sentence.checksum != Checksum::Bad {
            self.parts(origin, speaker, sentence, out);
            self.wrapped.take(origin.chunk.at, sentence, out);
        }
    }

    /// Hands sentences that are part of something larger to who puts it together.
    fn parts(&mut self, origin: Origin<'_>, speaker: Speaker, sentence: &Sentence<'_>, out: &mut dyn Sink) {
        let Address::Talker { talker, formatter } = sentence.address else { return };
        if matches!(formatter.as_bytes(), b"VDM" | b"VDO") {
            let at = origin.chunk.at;
            match self.ais.take(at, talker, formatter, sentence) {
                Ok(Some(payload)) => ais::emit(&payload, speaker, &mut self.told, out),
                Ok(None) => {}
                Err(error) => out.error(ais::NAME, error),
            }
        } else {
            self.multi.take(origin, speaker, talker, formatter, sentence, out);
        }
    }

    /// Whose line this is, and what is odd about how it says so.
    fn speaker<'a>(
        &mut self,
        origin: Origin<'_>,
        tags: &Tags<'a>,
        out: &mut dyn Sink,
        acts: &mut ActList<'a>,
    ) -> Option<Sfi> {
        self.lost = 0;
        if tags.blocks == 0 {
            if origin.wants_tags {
                acts.push(Act::Odd("450.tag-missing"));
            }
            return None;
        }
        if tags.bad > 0 {
            acts.push(Act::Odd("450.tag-checksum"));
            out.error(origin.protocol, ParseError::Checksum { what: "tag block" });
        }
        if tags.too_long {
            acts.push(Act::Odd("450.tag-too-long"));
        }
        let own = tags.sfi();
        if let (Some(source), Some(sfi)) = (tags.source, own) {
            identity::tell_sfi(source, sfi, &mut self.told, acts);
        } else if tags.source.is_some() && origin.wants_tags && tags.bad == 0 {
            acts.push(Act::Odd("450.sfi-format"));
        }
        // Only the first line of a group must carry the source; the others inherit it.
        let sfi = match tags.group {
            Some(group) if tags.bad == 0 => {
                let (inherited, complete) = self.groups.line(group, own, origin.chunk.at);
                if !complete {
                    out.error(origin.protocol, ParseError::Sequence { what: "tag block group" });
                }
                own.or(inherited)
            }
            _ => own,
        };
        if let (Some(sfi), Some(count)) = (own, tags.line_count) {
            match self.counters.line(sfi, count) {
                Step::Fine => {}
                Step::Gap(lost) => {
                    self.lost = lost;
                    acts.push(Act::Odd("450.line-gap"));
                    out.error(origin.protocol, ParseError::Sequence { what: "line count" });
                }
                Step::Backward => acts.push(Act::Odd("450.line-backward")),
            }
        }
        sfi
    }

    /// TAG blocks without a sentence: the start or end of a group, or a sentence that was cut away.
    fn tags_alone(&mut self, origin: Origin<'_>, tags: &Tags<'_>, out: &mut dyn Sink) {
        let mut acts = ActList::new();
        let sfi = self.speaker(origin, tags, out, &mut acts);
        let speaker = sfi.map_or(Speaker::Sender, Speaker::Sfi);
        let fields = TagsShown { tags, group: origin.group.map(|group| group.name) };
        let (protocol, kind) = (origin.protocol, "tag-block");
        out.message(&Message { protocol, kind, function: 0, speaker, acts: acts.as_slice(), fields: &fields });
    }
}

/// TAG blocks alone, ready to be shown.
struct TagsShown<'a> {
    tags: &'a Tags<'a>,
    group: Option<&'static str>,
}

impl dogwatch_model::Fields for TagsShown<'_> {
    fn visit(&self, visitor: &mut dyn dogwatch_model::FieldVisitor) {
        if let Some(group) = self.group {
            visitor.field("group", dogwatch_model::FieldValue::Text(group));
        }
        self.tags.visit(visitor);
    }
}
