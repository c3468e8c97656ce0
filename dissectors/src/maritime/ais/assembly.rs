//! Puts the parts of an AIS message together: `!AIVDM,total,number,sequence,channel,payload,fill`.

use std::time::Duration;

use dogwatch_model::CaptureTime;

use super::bits::{Bits, MOST_CHARACTERS, ROOM, unarmour};
use crate::maritime::nmea0183::sentence::Sentence;
use crate::maritime::nmea0183::value::unsigned;
use crate::{Limits, ParseError};

/// Parts of one message follow each other within this time.
const PATIENCE: Duration = Duration::from_secs(4);

/// One whole message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payload<'a> {
    /// Its bits.
    pub(crate) bits: Bits<'a>,
    /// Whether it is what own ship broadcasts (VDO).
    pub(crate) own: bool,
    /// Radio channel as the sentence names it: `A`, `B`, `1`, `2`, or nothing.
    pub(crate) channel: &'a str,
    /// Fill bits that were taken off the end.
    pub(crate) fill: u8,
}

/// What tells messages apart that come interleaved.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    talker: [u8; 2],
    own: bool,
    sequence: Option<u8>,
    channel: u8,
    total: u8,
}

#[derive(Debug)]
struct Open {
    key: Key,
    /// Parts there so far.
    parts: u8,
    at: CaptureTime,
    payload: Vec<u8>,
}

/// The messages one flow has begun, and room for the bits of the one just completed.
#[derive(Debug)]
pub(crate) struct Assembly {
    open: Vec<Open>,
    most: usize,
    /// Buffers of finished messages, for the next ones.
    room: Box<[u8; ROOM]>,
    spare: Vec<u8>,
}

const SEQUENCE: ParseError = ParseError::Sequence { what: "ais message" };
const MALFORMED: ParseError =
    ParseError::Malformed { what: "ais sentence", at: 0, why: "counters or payload are not valid" };

impl Assembly {
    /// Nothing begun.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { open: Vec::new(), most: limits.partial_messages.max(1), room: Box::new([0; ROOM]), spare: Vec::new() }
    }

    /// Forgets half-read messages.
    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }

    /// Takes one sentence; answers the whole message when it was the last part.
    pub(crate) fn take<'a>(
        &'a mut self,
        at: CaptureTime,
        talker: &str,
        formatter: &str,
        sentence: &Sentence<'a>,
    ) -> Result<Option<Payload<'a>>, ParseError> {
        let digit = |index| unsigned(sentence.field(index)).and_then(|value| u8::try_from(value).ok());
        let (Some(total), Some(number)) = (digit(0), digit(1)) else { return Err(MALFORMED) };
        if !(1..=9).contains(&total) || number == 0 || number > total {
            return Err(MALFORMED);
        }
        let own = formatter == "VDO";
        let (payload, channel) = (sentence.field(4), sentence.text(3));
        // An empty fill field is what some old transponders send for 0.
        let fill = if sentence.field(5).is_empty() { 0 } else { digit(5).ok_or(MALFORMED)? };
        if total == 1 {
            let len = unarmour(payload, fill, &mut self.room).filter(|len| *len > 0).ok_or(MALFORMED)?;
            return Ok(Some(Payload { bits: Bits::new(&self.room, len), own, channel, fill }));
        }
        let key = Key {
            talker: talker.as_bytes().try_into().map_err(|_| MALFORMED)?,
            own,
            sequence: digit(2),
            channel: channel.bytes().next().unwrap_or(0),
            total,
        };
        let found = self.open.iter().position(|open| open.key.matches(&key));
        if number == 1 {
            let replaced = found.map(|found| self.open.swap_remove(found).payload);
            let was_open = replaced.is_some();
            self.begin(key, at, payload, replaced);
            return if was_open { Err(SEQUENCE) } else { Ok(None) };
        }
        let Some((found, open)) = found.and_then(|found| self.open.get_mut(found).map(|open| (found, open))) else {
            return Err(SEQUENCE);
        };
        let too_much = open.payload.len().saturating_add(payload.len()) > MOST_CHARACTERS;
        if open.parts.saturating_add(1) != number || at.since(open.at) > PATIENCE || too_much {
            self.spare = self.open.swap_remove(found).payload;
            return Err(SEQUENCE);
        }
        open.payload.extend_from_slice(payload);
        open.parts = number;
        open.at = at;
        if number < total {
            return Ok(None);
        }
        let whole = self.open.swap_remove(found);
        let len = unarmour(&whole.payload, fill, &mut self.room);
        self.spare = whole.payload;
        let len = len.filter(|len| *len > 0).ok_or(MALFORMED)?;
        Ok(Some(Payload { bits: Bits::new(&self.room, len), own, channel, fill }))
    }

    /// Opens a message; the oldest gives way when there are too many.
    fn begin(&mut self, key: Key, at: CaptureTime, payload: &[u8], buffer: Option<Vec<u8>>) {
        self.open.retain(|open| at.since(open.at) <= PATIENCE);
        let mut buffer = buffer.unwrap_or_else(|| std::mem::take(&mut self.spare));
        if self.open.len() >= self.most {
            let oldest = self.open.iter().enumerate().min_by_key(|(_, open)| open.at).map(|(index, _)| index);
            if let Some(oldest) = oldest {
                buffer = self.open.swap_remove(oldest).payload;
            }
        }
        buffer.clear();
        buffer.extend_from_slice(payload.get(..MOST_CHARACTERS).unwrap_or(payload));
        self.open.push(Open { key, parts: 1, at, payload: buffer });
    }
}

impl Key {
    /// Whether a later part belongs to this message. Some relays repeat the channel only on the first part.
    fn matches(&self, later: &Self) -> bool {
        let same_channel = self.channel == later.channel || later.channel == 0;
        self.talker == later.talker
            && self.own == later.own
            && self.sequence == later.sequence
            && self.total == later.total
            && same_channel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(assembly: &mut Assembly, seconds: i64, line: &str) -> Result<Option<usize>, &'static str> {
        let (sentence, _) = Sentence::parse(line.as_bytes()).unwrap();
        let (talker, formatter) = sentence.name();
        let taken = assembly.take(CaptureTime::from_parts(seconds, 0), talker, formatter, &sentence);
        taken.map(|payload| payload.map(|payload| payload.bits.len)).map_err(ParseError::kind)
    }

    #[test]
    fn parts_in_order_out_of_order_and_interleaved() {
        let mut assembly = Assembly::new(&Limits::default());
        let mut at = |seconds, line: &str| take(&mut assembly, seconds, line);
        assert_eq!(at(0, "!AIVDM,1,1,,A,0000,2"), Ok(Some(22)));
        assert_eq!(at(0, "!AIVDM,2,1,3,A,0000,0"), Ok(None));
        assert_eq!(at(0, "!AIVDM,2,1,4,A,000000,0"), Ok(None));
        assert_eq!(at(1, "!AIVDM,2,2,3,A,0000,0"), Ok(Some(48)));
        assert_eq!(at(1, "!AIVDM,2,2,4,A,00,2"), Ok(Some(46)));
        assert_eq!(at(1, "!AIVDM,2,2,4,A,00,2"), Err("sequence"), "the first part is gone");
        assert_eq!(at(2, "!AIVDM,3,1,5,B,00,0"), Ok(None));
        assert_eq!(at(2, "!AIVDM,3,3,5,B,00,0"), Err("sequence"), "the second part is missing");
        assert_eq!(at(3, "!AIVDM,2,1,6,B,00,0"), Ok(None));
        assert_eq!(at(30, "!AIVDM,2,2,6,B,00,0"), Err("sequence"), "too late");
        for bad in
            ["!AIVDM,0,1,,A,00,0", "!AIVDM,1,2,,A,00,0", "!AIVDM,x,1,,A,00,0", "!AIVDM,1,1,,A,00,6", "!AIVDM,1,1,,A,,0"]
        {
            assert_eq!(at(40, bad), Err("malformed"), "{bad}");
        }
    }

    #[test]
    fn begun_messages_are_bounded() {
        let limits = Limits { partial_messages: 3, ..Limits::default() };
        let mut assembly = Assembly::new(&limits);
        for n in 0..500 {
            let _begun = take(&mut assembly, 0, &format!("!AIVDM,2,1,{},A,00,0", n % 200));
            assert!(assembly.open.len() <= 3);
        }
    }
}
