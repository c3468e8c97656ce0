//! TAG blocks: `\s:GP0001,n:7*2F\` before a sentence (NMEA 0183 version 4, IEC 61162-450 clause 7.2.3).
//!
//! Several blocks may stand before one sentence; they are read as one. Unknown parameters are counted, not shown.

use dogwatch_model::{FieldValue, FieldVisitor, Sfi};

use super::sentence::{Checksum, sum_of};
use super::value::unsigned;

/// The longest TAG block the standard allows, without its backslashes.
pub(crate) const STANDARD_TAG_LENGTH: usize = 80;

/// `g:1-2-1234`: which line of how many of which group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group {
    /// Which line, from 1.
    pub(crate) line: u16,
    /// Lines in the group.
    pub(crate) lines: u16,
    /// The group's number.
    pub(crate) id: u32,
}

/// What the TAG blocks before a sentence say.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tags<'a> {
    /// How many blocks.
    pub(crate) blocks: u8,
    /// Blocks whose checksum is wrong.
    pub(crate) bad: u8,
    /// Blocks without checksum.
    pub(crate) unchecked: u8,
    /// Blocks longer than the standard allows.
    pub(crate) too_long: bool,
    /// Parameters that are none of those below.
    pub(crate) unknown: u8,
    /// `s`: source.
    pub(crate) source: Option<&'a str>,
    /// `d`: destination.
    pub(crate) destination: Option<&'a str>,
    /// `n`: line count.
    pub(crate) line_count: Option<u32>,
    /// `c`: UNIX time, in seconds or milliseconds.
    pub(crate) unix_time: Option<u64>,
    /// `r`: relative time.
    pub(crate) relative_time: Option<u64>,
    /// `g`: group.
    pub(crate) group: Option<Group>,
    /// `t`: text.
    pub(crate) text: Option<&'a str>,
    /// `i` or `x`: as the sender likes.
    pub(crate) local: Option<&'a str>,
}

impl<'a> Tags<'a> {
    /// Reads one block from the start of `line`, which begins with a backslash, into `self`; returns what follows it, or `None` when no
    /// backslash closes it.
    pub(crate) fn read<'l>(&mut self, line: &'l [u8]) -> Option<&'l [u8]>
    where
        'l: 'a,
    {
        let inside = line.get(1..)?;
        let close = memchr::memchr(b'\\', inside)?;
        let (block, rest) = inside.split_at_checked(close)?;
        self.blocks = self.blocks.saturating_add(1);
        self.too_long |= block.len() > STANDARD_TAG_LENGTH;
        let parameters = match block {
            [parameters @ .., b'*', high, low] => {
                if Checksum::compare(sum_of(parameters), *high, *low) != Checksum::Ok {
                    self.bad = self.bad.saturating_add(1);
                }
                parameters
            }
            _ => {
                self.unchecked = self.unchecked.saturating_add(1);
                block
            }
        };
        for parameter in parameters.split(|byte| *byte == b',') {
            self.parameter(parameter);
        }
        rest.get(1..)
    }

    fn parameter(&mut self, parameter: &'a [u8]) {
        let (letter, value) = match parameter {
            [letter, b':', value @ ..] => (*letter, value),
            // NMEA 0183 also writes the group as `1G2:1234`.
            [line @ b'1'..=b'9', b'G', lines @ b'1'..=b'9', b':', id @ ..] => {
                let digit = |byte: u8| u16::from(byte.wrapping_sub(b'0'));
                self.group = number(id).map(|id| Group { line: digit(*line), lines: digit(*lines), id });
                return;
            }
            _ => {
                self.unknown = self.unknown.saturating_add(1);
                return;
            }
        };
        let text = || std::str::from_utf8(value).ok();
        match letter {
            b's' => self.source = text(),
            b'd' => self.destination = text(),
            b't' => self.text = text(),
            b'i' | b'x' => self.local = text(),
            b'n' => self.line_count = number(value),
            b'c' => self.unix_time = unsigned(value),
            b'r' => self.relative_time = unsigned(value),
            b'g' => self.group = group(value),
            _ => self.unknown = self.unknown.saturating_add(1),
        }
    }

    /// The checksum over all blocks: bad when one is, absent when one has none.
    pub(crate) const fn checksum(&self) -> Checksum {
        match (self.bad, self.unchecked) {
            (0, 0) => Checksum::Ok,
            (0, _) => Checksum::Absent,
            _ => Checksum::Bad,
        }
    }

    /// The source as a system function id, when it is one and the checksum does not speak against it.
    pub(crate) fn sfi(&self) -> Option<Sfi> {
        if self.bad > 0 {
            return None;
        }
        sfi(self.source?)
    }

    /// Shows the blocks as a group `tag`; nothing when there are none.
    pub(crate) fn visit(&self, visitor: &mut dyn FieldVisitor) {
        if self.blocks == 0 {
            return;
        }
        visitor.open_group("tag");
        let texts =
            [("source", self.source), ("destination", self.destination), ("text", self.text), ("local", self.local)];
        for (name, value) in texts {
            if let Some(value) = value {
                visitor.field(name, FieldValue::Text(value));
            }
        }
        let numbers = [
            ("line_count", self.line_count.map(u64::from)),
            ("unix_time", self.unix_time),
            ("relative_time", self.relative_time),
            ("group_line", self.group.map(|group| u64::from(group.line))),
            ("group_lines", self.group.map(|group| u64::from(group.lines))),
            ("group_id", self.group.map(|group| u64::from(group.id))),
        ];
        for (name, value) in numbers {
            if let Some(value) = value {
                visitor.field(name, FieldValue::Unsigned(value));
            }
        }
        visitor.field("checksum", FieldValue::Text(self.checksum().as_str()));
        visitor.close();
    }
}

/// A system function id: two letters or digits of a talker and four digits (IEC 61162-450, clause 5).
pub(crate) fn sfi(text: &str) -> Option<Sfi> {
    let (talker, instance) = text.as_bytes().split_at_checked(2)?;
    let is_talker = talker.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if !is_talker || instance.len() != 4 || !instance.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Six digits are a number (an MMSI's tail, a port), never a talker and its instance.
    if talker.iter().all(u8::is_ascii_digit) { None } else { Sfi::from_bytes(text.as_bytes()) }
}

fn number(text: &[u8]) -> Option<u32> {
    u32::try_from(unsigned(text)?).ok()
}

fn group(text: &[u8]) -> Option<Group> {
    let mut parts = text.split(|byte| *byte == b'-').map(number);
    let (line, lines, id) = (parts.next()??, parts.next()??, parts.next()??);
    Some(Group { line: u16::try_from(line).ok()?, lines: u16::try_from(lines).ok()?, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters() {
        let mut tags = Tags::default();
        let rest = tags.read(b"\\g:1-2-1234,s:GP0001,n:7,d:EI0001,c:1683881316755,r:12,t:lab,x:1,q:9\\$X").unwrap();
        assert_eq!(rest, b"$X");
        assert_eq!(tags.group, Some(Group { line: 1, lines: 2, id: 1234 }));
        assert_eq!((tags.line_count, tags.unix_time, tags.relative_time), (Some(7), Some(1_683_881_316_755), Some(12)));
        assert_eq!(
            (tags.source, tags.destination, tags.text, tags.local),
            (Some("GP0001"), Some("EI0001"), Some("lab"), Some("1"))
        );
        assert_eq!((tags.unknown, tags.checksum()), (1, Checksum::Absent));
    }

    #[test]
    fn chained_blocks_and_wrong_checksums() {
        let mut tags = Tags::default();
        let rest = tags.read(b"\\s:HE0001*45\\\\n:1*65\\$X").unwrap();
        let rest = tags.read(rest).unwrap();
        assert_eq!((rest, tags.blocks, tags.line_count), (&b"$X"[..], 2, Some(1)));
        assert!(tags.sfi().is_none() == (tags.bad > 0));
        let mut bad = Tags::default();
        bad.read(b"\\s:HE0001*AA\\").unwrap();
        assert_eq!((bad.checksum(), bad.sfi()), (Checksum::Bad, None));
        assert!(Tags::default().read(b"\\s:HE0001*45").is_none(), "never closed");
    }

    #[test]
    fn ids() {
        for (text, is_one) in [
            ("GP0001", true),
            ("U10001", true),
            ("GP001", false),
            ("gp0001", false),
            ("123456", false),
            ("GP00A1", false),
        ] {
            assert_eq!(sfi(text).is_some(), is_one, "{text}");
        }
    }
}
