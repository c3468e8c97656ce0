//! `byte_test` and `byte_jump`: numbers in the bytes, compared or followed.

/// Where a number stands and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    bytes: u8,
    offset: i32,
    pub(super) relative: bool,
    little: bool,
    /// Written in digits of this base.
    base: Option<u32>,
    mask: u64,
}

impl Number {
    /// Its value, and where what follows it begins.
    fn read(&self, data: &[u8], position: usize) -> Option<(u64, usize)> {
        let start = if self.relative { position as i64 } else { 0 };
        let from = usize::try_from(start.checked_add(i64::from(self.offset))?).ok()?;
        let to = from.checked_add(usize::from(self.bytes))?;
        let bytes = data.get(from..to)?;
        let value = match self.base {
            Some(base) => {
                let text = std::str::from_utf8(bytes).ok()?.trim();
                let text = if base == 16 { text.trim_start_matches("0x") } else { text };
                u64::from_str_radix(text, base).ok()?
            }
            None if self.little => bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)),
            None => bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)),
        };
        Some(((value & self.mask) >> self.mask.trailing_zeros().min(63), to))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Less,
    Greater,
    Equal,
    LessOrEqual,
    GreaterOrEqual,
    And,
    Or,
}

/// `byte_test`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ByteTest {
    pub(super) number: Number,
    compare: Compare,
    negated: bool,
    value: u64,
}

impl ByteTest {
    /// Reads `bytes,[!]operator,value,offset[,words]`.
    ///
    /// # Errors
    /// What of it is not understood.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(',').map(str::trim).collect();
        let [bytes, operator, value, offset, options @ ..] = words.as_slice() else {
            return Err("byte_test with fewer than four values".to_owned());
        };
        let (operator, negated) = match operator.strip_prefix('!') {
            Some("") => ("=", true),
            Some(rest) => (rest.trim(), true),
            None => (*operator, false),
        };
        let compare = match operator {
            "<" => Compare::Less,
            ">" => Compare::Greater,
            "=" => Compare::Equal,
            "<=" => Compare::LessOrEqual,
            ">=" => Compare::GreaterOrEqual,
            "&" => Compare::And,
            "^" => Compare::Or,
            other => return Err(format!("byte_test operator `{other}`")),
        };
        let value = number(value).ok_or_else(|| format!("byte_test value `{value}`"))?;
        let mut read = base("byte_test", bytes, offset)?;
        for option in options {
            if !option_of(&mut read, option) {
                return Err(format!("byte_test `{option}`"));
            }
        }
        checked("byte_test", read).map(|number| Self { number, compare, negated, value })
    }

    pub(super) fn holds(&self, data: &[u8], position: usize) -> bool {
        let Some((value, _)) = self.number.read(data, position) else { return false };
        let is_so = match self.compare {
            Compare::Less => value < self.value,
            Compare::Greater => value > self.value,
            Compare::Equal => value == self.value,
            Compare::LessOrEqual => value <= self.value,
            Compare::GreaterOrEqual => value >= self.value,
            Compare::And => value & self.value != 0,
            Compare::Or => value ^ self.value != 0,
        };
        is_so != self.negated
    }
}

/// `byte_jump`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ByteJump {
    pub(super) number: Number,
    multiplier: u64,
    align: bool,
    from_beginning: bool,
    post_offset: i32,
}

impl ByteJump {
    /// Reads `bytes,offset[,words]`.
    ///
    /// # Errors
    /// What of it is not understood.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(',').map(str::trim).collect();
        let [bytes, offset, options @ ..] = words.as_slice() else {
            return Err("byte_jump with fewer than two values".to_owned());
        };
        let mut read = base("byte_jump", bytes, offset)?;
        let (mut multiplier, mut align, mut from_beginning, mut post_offset) = (1, false, false, 0);
        for option in options {
            let not_understood = || format!("byte_jump `{option}`");
            match option.split_once(' ') {
                Some(("multiplier", value)) => {
                    multiplier = value.trim().parse::<u16>().map_err(|_| not_understood())?.into();
                }
                Some(("post_offset", value)) => post_offset = value.trim().parse().map_err(|_| not_understood())?,
                _ if *option == "align" => align = true,
                _ if *option == "from_beginning" => from_beginning = true,
                _ if option_of(&mut read, option) => {}
                _ => return Err(not_understood()),
            }
        }
        checked("byte_jump", read).map(|number| Self { number, multiplier, align, from_beginning, post_offset })
    }

    /// Where it leads, when that is within the data.
    pub(super) fn target(&self, data: &[u8], position: usize) -> Option<usize> {
        let (value, end) = self.number.read(data, position)?;
        let mut jump = value.checked_mul(self.multiplier)?;
        if self.align {
            jump = jump.checked_next_multiple_of(4)?;
        }
        let start = if self.from_beginning { 0 } else { end as i64 };
        let target = start.checked_add(i64::try_from(jump).ok()?)?.checked_add(i64::from(self.post_offset))?;
        usize::try_from(target).ok().filter(|target| *target <= data.len())
    }
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

fn base(what: &str, bytes: &str, offset: &str) -> Result<Number, String> {
    let bytes = bytes.parse().map_err(|_| format!("{what} of `{bytes}` bytes"))?;
    let offset = offset.parse().map_err(|_| format!("{what} offset `{offset}`"))?;
    Ok(Number { bytes, offset, relative: false, little: false, base: None, mask: u64::MAX })
}

/// Takes a word up that both know.
fn option_of(read: &mut Number, word: &str) -> bool {
    match word {
        "relative" => read.relative = true,
        "little" => read.little = true,
        "big" => read.little = false,
        "string" => read.base = read.base.or(Some(10)),
        "hex" => read.base = Some(16),
        "dec" => read.base = Some(10),
        "oct" => read.base = Some(8),
        _ => match word.split_once(' ').and_then(|(name, mask)| (name == "bitmask").then(|| number(mask.trim()))?) {
            Some(mask) if mask != 0 => read.mask = mask,
            _ => return false,
        },
    }
    true
}

fn checked(what: &str, read: Number) -> Result<Number, String> {
    let most = if read.base.is_some() { 23 } else { 8 };
    if (1..=most).contains(&read.bytes) { Ok(read) } else { Err(format!("{what} of {} bytes", read.bytes)) }
}
