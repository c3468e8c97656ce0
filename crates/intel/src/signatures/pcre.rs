//! `pcre`: regular expressions as far as the crate `regex` knows them: no look-around and no back references, so the time is bounded by the text.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};

use super::condition::Buffer;

/// What one compiled expression may take, and again as much for its cache.
const LARGEST: usize = 256 << 10;

/// One expression; compiled when it is first asked, because a set of rules brings thousands and a ship's traffic asks a handful.
#[derive(Debug)]
pub(super) struct Pcre {
    text: Box<str>,
    flags: Flags,
    negated: bool,
    compiled: OnceLock<Option<Regex>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Flags {
    any_case: bool,
    dot_is_all: bool,
    lines: bool,
    extended: bool,
    anchored: bool,
    swap_greed: bool,
    relative: bool,
}

impl Pcre {
    /// Reads `/expression/flags`; gives the buffer that the flags name.
    ///
    /// # Errors
    /// What of it is not understood.
    pub(super) fn read(text: &str, negated: bool) -> Result<(Self, Option<Buffer>), String> {
        let body = text.strip_prefix('/').ok_or("pcre without `/`")?;
        let (expression, letters) = body.rsplit_once('/').ok_or("pcre without its second `/`")?;
        let (mut flags, mut buffer) = (Flags::default(), None);
        for letter in letters.chars() {
            match letter {
                'i' => flags.any_case = true,
                's' => flags.dot_is_all = true,
                'm' => flags.lines = true,
                'x' => flags.extended = true,
                'A' => flags.anchored = true,
                'G' => flags.swap_greed = true,
                'R' => flags.relative = true,
                'U' => buffer = Some(Buffer::HttpUri),
                'M' => buffer = Some(Buffer::HttpMethod),
                'W' => buffer = Some(Buffer::HttpHost),
                'V' => buffer = Some(Buffer::HttpUserAgent),
                other => return Err(format!("pcre flag `{other}`")),
            }
        }
        let text = if flags.anchored { format!(r"\A(?:{expression})") } else { expression.to_owned() };
        let pcre = Self { text: text.into(), flags, negated, compiled: OnceLock::new() };
        pcre.compile().map_err(|error| format!("pcre: {}", reason(&error)))?;
        Ok((pcre, buffer))
    }

    fn compile(&self) -> Result<Regex, regex::Error> {
        let flags = self.flags;
        RegexBuilder::new(&self.text)
            .unicode(false)
            .case_insensitive(flags.any_case)
            .dot_matches_new_line(flags.dot_is_all)
            .multi_line(flags.lines)
            .ignore_whitespace(flags.extended)
            .swap_greed(flags.swap_greed)
            .size_limit(LARGEST)
            .dfa_size_limit(LARGEST)
            .nest_limit(64)
            .build()
    }

    pub(super) const fn is_relative(&self) -> bool {
        self.flags.relative
    }

    pub(super) const fn is_negated(&self) -> bool {
        self.negated
    }

    /// Whether it speaks of the beginning or end of a packet.
    pub(super) fn is_anchored(&self) -> bool {
        !self.flags.relative && (self.flags.anchored || self.text.starts_with('^') || self.text.ends_with('$'))
    }

    /// Where its first match ends.
    pub(super) fn find(&self, data: &[u8], position: usize) -> Option<usize> {
        let regex = self.compiled.get_or_init(|| self.compile().ok()).as_ref()?;
        let from = if self.flags.relative { position.min(data.len()) } else { 0 };
        // what is relative begins anew: `^` stands where the last match ended
        let found = regex.find(data.get(from..)?)?;
        from.checked_add(found.end())
    }
}

/// The crate's own words are many lines with a caret; the last says why.
fn reason(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "the expression is too large".to_owned(),
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            crate::import::bounded(last, 90)
        }
    }
}
