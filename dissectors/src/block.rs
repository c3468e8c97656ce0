//! A block of header lines as SIP and RTSP share it with HTTP: a start line, fields, an empty line, and a body of the stated length.
//!
//! Deliberately without knowledge of methods and versions: the protocol hands in what its start lines look like.

use crate::text::printable;

/// Longest block that is read.
pub(crate) const LONGEST: usize = 16 * 1024;

/// A block of header lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// Its first line.
    pub(crate) start: Start<'a>,
    fields: &'a [u8],
}

/// The first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start<'a> {
    /// `INVITE sip:a SIP/2.0`.
    Request {
        /// Method.
        method: &'a str,
        /// Target.
        target: &'a str,
    },
    /// `SIP/2.0 200 OK`.
    Response {
        /// Status code.
        code: u16,
    },
}

/// Words of a protocol's start lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    /// The version behind a request and in front of a response: `SIP/2.0`.
    pub(crate) version: &'static str,
    /// Its methods.
    pub(crate) methods: &'static [&'static str],
}

impl Words {
    /// Whether `bytes` begin with a start line: `None` when they are too short to tell.
    pub(crate) fn begins(&self, bytes: &[u8]) -> Option<bool> {
        let starts = |word: &str| {
            let shared = word.len().min(bytes.len());
            bytes.get(..shared) == word.as_bytes().get(..shared)
        };
        if !starts(self.version) && !self.methods.iter().any(|method| starts(method)) {
            return Some(false);
        }
        match bytes.iter().take(LONGEST).position(|byte| *byte == b'\n') {
            Some(end) => Some(self.start(bytes.get(..end)?).is_some()),
            None if bytes.len() >= LONGEST => Some(false),
            None => None,
        }
    }

    fn start<'a>(&self, line: &'a [u8]) -> Option<Start<'a>> {
        let line = std::str::from_utf8(line).ok()?.trim_end();
        if let Some(rest) = line.strip_prefix(self.version).and_then(|rest| rest.strip_prefix(' ')) {
            let code = rest.get(..3)?.parse().ok().filter(|code| (100..700).contains(code))?;
            return Some(Start::Response { code });
        }
        let target = line.strip_suffix(self.version)?.strip_suffix(' ')?;
        let (method, target) = target.split_once(' ')?;
        self.methods.contains(&method).then_some(Start::Request { method, target: target.trim() })
    }

    /// Reads a whole block.
    pub(crate) fn parse<'a>(&self, bytes: &'a [u8]) -> Option<Block<'a>> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (line, fields) = bytes.split_at_checked(end.saturating_add(1))?;
        Some(Block { start: self.start(line)?, fields })
    }
}

/// Length of the block at the front, the empty line included; `None` while it is not complete.
pub(crate) fn length(bytes: &[u8]) -> Option<usize> {
    let searched = bytes.get(..LONGEST.min(bytes.len()))?;
    let end = searched.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at.saturating_add(4));
    let bare = searched.windows(2).position(|window| window == b"\n\n").map(|at| at.saturating_add(2));
    match (end, bare) {
        (Some(end), Some(bare)) => Some(end.min(bare)),
        (end, bare) => end.or(bare),
    }
}

impl<'a> Block<'a> {
    /// The value of the first field called `name` or, in its compact form, `short`.
    pub(crate) fn field(&self, name: &str, short: &str) -> Option<&'a str> {
        let lines = self.fields.split(|byte| *byte == b'\n');
        lines.take_while(|line| !matches!(line, [] | [b'\r'])).find_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (found, value) = line.split_at_checked(colon)?;
            let found = found.trim_ascii();
            let is_it = found.eq_ignore_ascii_case(name.as_bytes())
                || (!short.is_empty() && found.eq_ignore_ascii_case(short.as_bytes()));
            is_it.then(|| value.get(1..).and_then(printable))?
        })
    }

    /// Bytes of body behind the block.
    pub(crate) fn body_length(&self) -> usize {
        self.field("content-length", "l").and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words = Words { version: "SIP/2.0", methods: &["INVITE", "REGISTER"] };

    #[test]
    fn start_lines() {
        for (line, want) in [
            (&b"INVITE sip:a@b SIP/2.0\r\n\r\n"[..], Some(Start::Request { method: "INVITE", target: "sip:a@b" })),
            (b"SIP/2.0 180 Ringing\r\n\r\n", Some(Start::Response { code: 180 })),
            (b"GET / HTTP/1.1\r\n\r\n", None),
            (b"INVITE sip:a@b\r\n\r\n", None),
            (b"SIP/2.0 xyz\r\n", None),
        ] {
            assert_eq!(WORDS.parse(line).map(|block| block.start), want, "{line:?}");
        }
        assert_eq!(WORDS.begins(b"INV"), None);
        assert_eq!(WORDS.begins(b"GET / "), Some(false));
        assert_eq!(WORDS.begins(b"REGISTER sip:b SIP/2.0\r\n"), Some(true));
    }

    #[test]
    fn fields_end_at_the_empty_line() {
        let block = WORDS.parse(b"SIP/2.0 200 OK\r\nf: <sip:a@b>\r\nContent-Length: 4\r\n\r\nto: x").unwrap();
        assert_eq!(block.field("from", "f"), Some("<sip:a@b>"));
        assert_eq!(block.field("to", "t"), None, "that is body");
        assert_eq!(block.body_length(), 4);
        assert_eq!(length(b"SIP/2.0 200 OK\r\n\r\nx"), Some(18));
    }
}
