//! One sentence: `$` or `!`, address, fields, checksum (IEC 61162-1, clause 7). One pass, eight bytes at a time where nothing but text and commas
//! stands, finds the field boundaries and the checksum; the text is borrowed and converted only by who asks.
//!
//! Wider than the standard, because ships' wires are: up to [`LINE_LIMIT`] bytes, checksum in lower case or absent, addresses of other
//! lengths than five.

use crate::ParseError;

use super::value::hex_digit;

/// The longest line looked at. The standard allows 82 characters; proprietary sentences and AIS relays go beyond.
pub(crate) const LINE_LIMIT: usize = 1_024;

/// The longest sentence the standard allows, from start character to LF.
pub(crate) const STANDARD_LENGTH: usize = 82;

/// Boundaries kept; a sentence with more fields is still read, the far ones by searching.
const KEPT: usize = 34;

/// What the checksum says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// It matches.
    Ok,
    /// It does not.
    Bad,
    /// There is none.
    Absent,
}

impl Checksum {
    /// The word shown.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Bad => "bad",
            Self::Absent => "absent",
        }
    }

    /// From what was computed over the bytes and the two digits that follow them.
    pub(crate) const fn compare(computed: u8, high: u8, low: u8) -> Self {
        match (hex_digit(high), hex_digit(low)) {
            (Some(high), Some(low)) if (high << 4) | low == computed => Self::Ok,
            _ => Self::Bad,
        }
    }
}

/// Who speaks and what, as the address tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address<'a> {
    /// `GPGGA`.
    Talker {
        /// Two letters.
        talker: &'a str,
        /// Usually three letters.
        formatter: &'a str,
    },
    /// `CCGPQ`: somebody asks for a sentence.
    Query {
        /// Who asks.
        requester: &'a str,
        /// Who shall answer.
        addressee: &'a str,
    },
    /// `PGRME`.
    Proprietary {
        /// What follows the `P`.
        code: &'a str,
    },
}

/// One sentence, borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sentence<'a> {
    /// From the start character to the end of the checksum.
    pub(crate) raw: &'a [u8],
    /// The address, ASCII letters and digits.
    pub(crate) address: Address<'a>,
    /// Everything between the comma after the address and the `*`.
    body: &'a [u8],
    /// Where fields begin within `body`, and behind them one past its end; the first of a sentence with more.
    starts: [u16; KEPT],
    /// Fields after the address.
    pub(crate) field_count: u16,
    /// The state of the checksum.
    pub(crate) checksum: Checksum,
}

/// What a byte means inside a sentence.
const ORDINARY: u8 = 0;
const COMMA: u8 = 1;
const STAR: u8 = 2;
const START: u8 = 3;
const CONTROL: u8 = 4;

static CLASS: [u8; 256] = classes();

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "evaluated by the compiler")]
const fn classes() -> [u8; 256] {
    let mut class = [ORDINARY; 256];
    let mut control = 0;
    while control < 32 {
        class[control] = CONTROL;
        control += 1;
    }
    // A tabulator stands in the text of some log writers; it breaks no boundary.
    class[b'\t' as usize] = ORDINARY;
    class[127] = CONTROL;
    class[b',' as usize] = COMMA;
    class[b'*' as usize] = STAR;
    class[b'$' as usize] = START;
    class[b'!' as usize] = START;
    class[b'\\' as usize] = START;
    class
}

/// A byte in each of the eight places of a word, and the highest bit of each.
const EACH: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
/// What lifts a plus sign (0x2B), and nothing below it, to the highest bit.
const TO_HIGH_FROM_PLUS: u64 = 0x55;

/// The commas of eight bytes, each by the highest bit of its place, when nothing else of them means anything in a sentence.
///
/// No sum below carries from one place into the next: bytes are taken to seven bits first.
#[inline]
fn only_commas(word: u64) -> Option<u64> {
    let seven = word & !HIGH;
    let equal = |byte: u64| !((seven ^ EACH.wrapping_mul(byte)).wrapping_add(!HIGH)) & HIGH;
    // controls, starts and the star stand below the plus sign; what else does, blanks for one, is rare enough to be looked at singly
    let below = !seven.wrapping_add(EACH.wrapping_mul(TO_HIGH_FROM_PLUS)) & HIGH;
    let odd = below | equal(b'\\' as u64) | equal(0x7f) | (word & HIGH);
    if odd == 0 { Some(equal(b',' as u64)) } else { None }
}

/// The checksum of `bytes`: all of them, one over the other.
#[inline]
pub(crate) fn sum_of(bytes: &[u8]) -> u8 {
    let (words, rest) = bytes.as_chunks();
    let words = words.iter().fold(0, |sum, word| sum ^ u64::from_le_bytes(*word));
    rest.iter().fold(folded(words), |sum, byte| sum ^ byte)
}

/// All eight bytes of a word, one over the other.
const fn folded(word: u64) -> u8 {
    let word = word ^ (word >> 32);
    let word = word ^ (word >> 16);
    #[expect(clippy::cast_possible_truncation, reason = "the lowest byte is what is wanted")]
    let byte = (word ^ (word >> 8)) as u8;
    byte
}

/// Why a sentence could not be read, and where to go on looking.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Damage {
    /// The reason.
    pub(crate) error: ParseError,
    /// Bytes that belong to the damaged sentence; at least 1.
    pub(crate) skip: usize,
}

/// Whether `bytes` (after a start character) open with an address and a comma.
pub(crate) fn opens_with_address(bytes: &[u8]) -> bool {
    let length = address_length(bytes);
    (3..=MAX_ADDRESS).contains(&length) && bytes.get(length) == Some(&b',')
}

/// The longest address met is that of Nortek and MediaTek sentences (9 characters).
const MAX_ADDRESS: usize = 12;

fn address_length(bytes: &[u8]) -> usize {
    bytes.iter().take(MAX_ADDRESS.wrapping_add(1)).take_while(|byte| byte.is_ascii_alphanumeric()).count()
}

impl<'a> Sentence<'a> {
    /// Reads one sentence from the start of `line`, which begins with `$` or `!` and holds no line end; returns it and what follows it.
    pub(crate) fn parse(line: &'a [u8]) -> Result<(Self, &'a [u8]), Damage> {
        let damaged = |at: usize, why, skip: usize| Damage {
            error: ParseError::Malformed { what: "sentence", at, why },
            skip: skip.max(1),
        };
        let after_start = line.get(1..).unwrap_or_default();
        let address_len = address_length(after_start);
        let (Some(address), Some(b',')) = (after_start.get(..address_len), after_start.get(address_len)) else {
            return Err(damaged(1, "no address", 1));
        };
        let address = std::str::from_utf8(address).unwrap_or_default();
        let body_at = address_len.wrapping_add(2);
        let body = line.get(body_at..).unwrap_or_default();
        let mut sum = address.bytes().fold(b',', |sum, byte| sum ^ byte);
        // the checksum of whole words; what was read singly is in `sum`
        let mut words = 0_u64;
        let mut starts = [0_u16; KEPT];
        let mut count = 0_u16;
        let mut comma = |at: usize| {
            count = count.saturating_add(1);
            if let Some(slot) = starts.get_mut(usize::from(count)) {
                *slot = u16::try_from(at).unwrap_or(u16::MAX).saturating_add(1);
            }
        };
        let mut end = body.len();
        let mut used = line.len();
        let mut checksum = Checksum::Absent;
        let mut at = 0_usize;
        'sentence: while at < body.len() {
            if let Some(eight) = body.get(at..).and_then(<[u8]>::first_chunk) {
                let word = u64::from_le_bytes(*eight);
                if let Some(mut commas) = only_commas(word) {
                    words ^= word;
                    while commas != 0 {
                        comma(at.wrapping_add(commas.trailing_zeros() as usize / 8));
                        commas &= commas.wrapping_sub(1);
                    }
                    at = at.wrapping_add(8);
                    continue;
                }
            }
            let stop = at.wrapping_add(8).min(body.len());
            while let Some(&byte) = body.get(at).filter(|_| at < stop) {
                match CLASS.get(usize::from(byte)).copied().unwrap_or(ORDINARY) {
                    ORDINARY => {}
                    COMMA => comma(at),
                    STAR => match body.get(at.wrapping_add(1)..).unwrap_or_default() {
                        [high, low, rest @ ..] if hex_digit(*high).is_some() && hex_digit(*low).is_some() => {
                            checksum = Checksum::compare(sum ^ folded(words), *high, *low);
                            end = at;
                            used = line.len().wrapping_sub(rest.len());
                            break 'sentence;
                        }
                        // A star with room for digits but none behind it is text.
                        [_, _, ..] => {}
                        _ => {
                            checksum = Checksum::Bad;
                            end = at;
                            break 'sentence;
                        }
                    },
                    START
                        if starts_anew(body.get(at..).unwrap_or_default())
                            && !closes(body, at, sum ^ folded(words)) =>
                    {
                        let at = body_at.wrapping_add(at);
                        return Err(damaged(at, "another sentence begins", at));
                    }
                    START => {}
                    _ => {
                        let at = body_at.wrapping_add(at);
                        return Err(damaged(at, "control character", at.wrapping_add(1)));
                    }
                }
                sum ^= byte;
                at = at.wrapping_add(1);
            }
        }
        let (raw, rest) = line.split_at_checked(used).unwrap_or((line, &[]));
        let body = body.get(..end).unwrap_or_default();
        let Some(address) = Address::read(address, count) else {
            return Err(damaged(1, "address shorter than three characters", used));
        };
        if let Some(slot) = starts.get_mut(usize::from(count).wrapping_add(1)) {
            *slot = u16::try_from(body.len()).unwrap_or(u16::MAX).saturating_add(1);
        }
        let field_count = count.saturating_add(1);
        Ok((Self { raw, address, body, starts, field_count, checksum }, rest))
    }

    /// Field `index`, from 0 after the address; empty when the sentence is shorter.
    #[inline]
    pub(crate) fn field(&self, index: usize) -> &'a [u8] {
        if index >= usize::from(self.field_count) {
            return &[];
        }
        match (self.starts.get(index), self.starts.get(index.wrapping_add(1))) {
            (Some(start), Some(next)) => {
                self.body.get(usize::from(*start)..usize::from(next.wrapping_sub(1))).unwrap_or_default()
            }
            _ => self.far(index),
        }
    }

    /// A field beyond the boundaries kept.
    #[cold]
    fn far(&self, index: usize) -> &'a [u8] {
        self.body.split(|byte| *byte == b',').nth(index).unwrap_or_default()
    }

    /// Field `index` as text; empty when it is not ASCII or UTF-8.
    pub(crate) fn text(&self, index: usize) -> &'a str {
        std::str::from_utf8(self.field(index)).unwrap_or_default()
    }

    /// Talker and formatter as policies name them: `P` and the maker's code for proprietary ones, with the first field where that tells
    /// the kind (`UBX,00`).
    pub(crate) fn name(&self) -> (&'a str, &'a str) {
        match self.address {
            Address::Talker { talker, formatter } => (talker, formatter),
            Address::Query { addressee, .. } => (addressee, self.text(0)),
            Address::Proprietary { code } if super::table::kind_is_in_first_field(code) => {
                let len = code.len().wrapping_add(1).wrapping_add(self.field(0).len());
                let name = self.raw.get(2..).and_then(|raw| raw.get(..len));
                ("P", name.and_then(|name| std::str::from_utf8(name).ok()).unwrap_or(code))
            }
            Address::Proprietary { code } => ("P", code),
        }
    }

    /// Whether it changes how a device is set up, rather than telling something: set commands of the makers, and those of the standard (EPV with
    /// status C, SSD and VSD into a transponder, NRM with status C).
    pub(crate) fn sets_up(&self) -> bool {
        match self.address {
            Address::Proprietary { code } => super::makers::sets_up(code, self.field(0)),
            Address::Talker { formatter, .. } => match formatter {
                "EPV" => self.field(0) == b"C",
                "NRM" => self.field(4) == b"C",
                "SSD" | "VSD" | "SPW" => true,
                _ => false,
            },
            Address::Query { .. } => false,
        }
    }

    /// Whether it is longer than the standard allows, counting the CR LF it should end with.
    pub(crate) const fn is_too_long(&self) -> bool {
        self.raw.len() > STANDARD_LENGTH.wrapping_sub(2)
    }
}

impl<'a> Address<'a> {
    /// Takes an address apart; `None` when it is too short to be one.
    fn read(address: &'a str, commas: u16) -> Option<Self> {
        if address.len() < 3 {
            return None;
        }
        let (talker, formatter) = address.split_at_checked(2)?;
        Some(match address.strip_prefix('P') {
            Some(code) => Self::Proprietary { code },
            None if commas == 0 && address.len() == 5 && address.ends_with('Q') => {
                Self::Query { requester: talker, addressee: formatter.get(..2)? }
            }
            None => Self::Talker { talker, formatter },
        })
    }
}

/// Whether a start character inside a sentence really begins the next one: the sentence before it was cut.
fn starts_anew(bytes: &[u8]) -> bool {
    match bytes {
        [b'\\', letter, b':', ..] => letter.is_ascii_lowercase(),
        [b'$' | b'!', rest @ ..] => opens_with_address(rest),
        _ => false,
    }
}

/// Whether the checksum at the end of the line covers everything from before `at` on: then the start characters inside belong to the sentence,
/// against the rules but as its sender meant it.
fn closes(body: &[u8], at: usize, sum: u8) -> bool {
    match body.get(at..) {
        Some([rest @ .., b'*', high, low]) => Checksum::compare(sum ^ sum_of(rest), *high, *low) == Checksum::Ok,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Sentence<'_> {
        Sentence::parse(line.as_bytes()).unwrap().0
    }

    #[test]
    fn eight_bytes_at_a_time_see_what_one_at_a_time_sees() {
        for byte in 0..=255_u8 {
            for place in 0..8 {
                let mut eight = *b"A1,.-+a9";
                eight[place] = byte;
                let odd = !(b'+'..0x80).contains(&byte) || matches!(byte, b'\\' | 0x7f);
                let commas = (0..8).filter(|at| eight[*at] == b',').map(|at| 0x80_u64 << (8 * at)).sum();
                assert_eq!(only_commas(u64::from_le_bytes(eight)), (!odd).then_some(commas), "{byte:#x} at {place}");
                let meaning = CLASS[usize::from(byte)];
                assert!(odd || matches!(meaning, ORDINARY | COMMA), "{byte:#x} means something");
                assert_eq!(folded(u64::from_le_bytes(eight)), eight.iter().fold(0, |sum, byte| sum ^ byte));
            }
        }
    }

    #[test]
    fn the_checksum_of_any_length_is_that_of_its_bytes() {
        let bytes: Vec<u8> = (0..40).map(|n: u8| n.wrapping_mul(37).wrapping_add(11)).collect();
        for len in 0..=bytes.len() {
            assert_eq!(sum_of(&bytes[..len]), bytes[..len].iter().fold(0, |sum, byte| sum ^ byte), "{len}");
        }
    }

    #[test]
    fn fields_beyond_those_kept_are_found_by_searching() {
        for count in [0, 1, 31, 32, 33, 34, 35, 60] {
            let body: Vec<String> = (0..=count).map(|n| format!("f{n}")).collect();
            let line = format!("$GPXYZ,{}", body.join(","));
            let sentence = parse(&line);
            assert_eq!(usize::from(sentence.field_count), count + 1);
            for (at, want) in body.iter().enumerate() {
                assert_eq!(sentence.field(at), want.as_bytes(), "{at} of {count}");
                assert_eq!(sentence.text(at), want, "{at} of {count}");
            }
            assert_eq!((sentence.field(count + 1), sentence.field(99)), (&b""[..], &b""[..]));
        }
    }

    #[test]
    fn checksum_has_three_states() {
        for (line, want) in [
            ("$HEROT,+000.05,A*35", Checksum::Ok),
            ("$HEROT,+000.05,A*AA", Checksum::Bad),
            ("$HEROT,+000.05,A", Checksum::Absent),
            ("$HEROT,+000.05,A*", Checksum::Bad),
            ("$HEROT,+000.05,A*3", Checksum::Bad),
            ("$INHCR,,A,V,*49", Checksum::Ok),
            ("$PGRMZ,2282,f,3*21", Checksum::Ok),
        ] {
            assert_eq!(parse(line).checksum, want, "{line}");
        }
        assert_eq!(parse("$PSRFEPE,074150.799,V,,,,,*23").checksum, Checksum::Ok);
    }

    #[test]
    fn fields_by_index_also_beyond_the_kept_boundaries() {
        let body: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        let line = format!("$PZZZA,{}", body.join(","));
        let sentence = parse(&line);
        assert_eq!(sentence.field_count, 100);
        for (index, want) in body.iter().enumerate() {
            assert_eq!(sentence.text(index), want);
        }
        assert_eq!(sentence.field(100), b"");
        let short = parse("$GPVTG,,T,,M,0.00,N*1B");
        assert_eq!((short.field(0), short.field(5), short.field(6)), (&b""[..], &b"N"[..], &b""[..]));
    }

    #[test]
    fn exactly_as_many_fields_as_are_kept() {
        for fields in 31..36_usize {
            let line = format!("$PZZZA,{}", vec!["7"; fields].join(","));
            let sentence = parse(&line);
            assert_eq!(usize::from(sentence.field_count), fields);
            assert_eq!((sentence.field(fields - 1), sentence.field(fields)), (&b"7"[..], &b""[..]), "{fields}");
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(parse("$GPGGA,1").address, Address::Talker { talker: "GP", formatter: "GGA" });
        assert_eq!(parse("$EIAIQ,VER*38").address, Address::Query { requester: "EI", addressee: "AI" });
        assert_eq!(parse("$PGRMM,WGS 84*06").address, Address::Proprietary { code: "GRMM" });
        assert_eq!(parse("$PUBX,00,074440.00").name(), ("P", "UBX,00"));
        assert_eq!(parse("$PGRMM,WGS 84*06").name(), ("P", "GRMM"));
        for bad in ["$", "$GP", "$GP,1", "$GPGGA", "$GP GGA,1", "$ABCDEFGHIJKLMN,1"] {
            assert!(Sentence::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_cut_sentence_points_to_the_next() {
        let line = b"$GPGGA,1015$HEROT,+000.05,A*35";
        let damage = Sentence::parse(line).unwrap_err();
        assert_eq!(&line[damage.skip..], b"$HEROT,+000.05,A*35");
        let line = b"$GPGGA,1015\\s:HE0001*45\\$HEROT,+000.05,A*35";
        assert_eq!(Sentence::parse(line).unwrap_err().skip, 11);
        let whole = b"$SDVLW,$SDVLW,,N,1.0,N*00";
        let sum = whole[1..whole.len() - 3].iter().fold(0, |sum, byte| sum ^ byte);
        let text = format!("$SDVLW,$SDVLW,,N,1.0,N*{sum:02X}");
        let sentence = Sentence::parse(text.as_bytes()).unwrap().0;
        assert_eq!(
            (sentence.checksum, sentence.field(0)),
            (Checksum::Ok, &b"$SDVLW"[..]),
            "its checksum covers it all"
        );
        let text = Sentence::parse(b"$GPTXT,01,01,02,costs 5$, not $6*00").unwrap().0;
        assert_eq!(text.field_count, 5, "a dollar in text begins nothing");
    }

    #[test]
    fn text_after_the_checksum_is_left_over() {
        let (_, rest) = Sentence::parse(b"$HEROT,+000.05,A*35,b003669794,1272412827").unwrap();
        assert_eq!(rest, b",b003669794,1272412827");
    }
}
