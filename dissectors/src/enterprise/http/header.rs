//! The header block that HTTP and SSDP share: a start line and fields up to an empty line (RFC 9112 clauses 2 to 5).

use nom::bytes::complete::{tag, take_till, take_while1};
use nom::character::complete::space1;
use nom::sequence::terminated;
use nom::{IResult, Parser};

use crate::text::printable;

/// Longest header block that is read.
pub(crate) const LONGEST: usize = 16 * 1024;

/// A header block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header<'a> {
    /// Its first line.
    pub(crate) start: Start<'a>,
    fields: &'a [u8],
}

/// The first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start<'a> {
    /// `GET /index.html HTTP/1.1`.
    Request {
        /// Method.
        method: &'a str,
        /// Target.
        target: &'a str,
    },
    /// `HTTP/1.1 200 OK`.
    Response {
        /// Status code.
        code: u16,
    },
}

/// Methods of HTTP, WebDAV and SSDP.
const METHODS: [&str; 20] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "CONNECT",
    "TRACE",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "NOTIFY",
    "M-SEARCH",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
];

fn word(input: &[u8]) -> IResult<&[u8], &[u8]> {
    terminated(take_while1(|byte: u8| byte.is_ascii_graphic()), space1).parse(input)
}

fn version(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let (rest, _) = tag(&b"HTTP/1."[..]).parse(input)?;
    take_while1(|byte: u8| byte.is_ascii_digit()).parse(rest)
}

fn response(input: &[u8]) -> IResult<&[u8], u16> {
    let (rest, _) = terminated(version, space1).parse(input)?;
    let (rest, digits) = take_while1(|byte: u8| byte.is_ascii_digit()).parse(rest)?;
    let code = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0);
    Ok((rest, code))
}

fn request(input: &[u8]) -> IResult<&[u8], (&[u8], &[u8])> {
    let (rest, method) = word(input)?;
    let (rest, target) = word(rest)?;
    let (rest, _) = version(rest)?;
    Ok((rest, (method, target)))
}

/// Length of the header block at the front, the empty line included; `None` while it is not complete.
pub(crate) fn length(bytes: &[u8]) -> Option<usize> {
    let searched = bytes.get(..LONGEST.min(bytes.len()))?;
    let end = searched.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at.saturating_add(4));
    // Old embedded servers end lines with a bare line feed.
    let bare = searched.windows(2).position(|window| window == b"\n\n").map(|at| at.saturating_add(2));
    match (end, bare) {
        (Some(end), Some(bare)) => Some(end.min(bare)),
        (end, bare) => end.or(bare),
    }
}

/// Whether `bytes` could begin with a start line: `None` when they are too short to tell.
pub(crate) fn begins(bytes: &[u8]) -> Option<bool> {
    let starts = |word: &str| {
        let word = word.as_bytes();
        let shared = word.len().min(bytes.len());
        bytes.get(..shared) == word.get(..shared)
    };
    let is_answer = starts("HTTP/1.");
    if !is_answer && !METHODS.iter().any(|method| starts(method)) {
        return Some(false);
    }
    let line: &[u8] =
        take_till::<_, _, nom::error::Error<_>>(|byte| byte == b'\n').parse(bytes).map_or(bytes, |(_, line)| line);
    if is_answer {
        return if bytes.len() >= 12 { Some(response(line).is_ok()) } else { None };
    }
    if line.len() == bytes.len() {
        return if bytes.len() >= LONGEST { Some(false) } else { None };
    }
    Some(parse_start(line).is_some())
}

fn parse_start(line: &[u8]) -> Option<Start<'_>> {
    if let Ok((_, code)) = response(line) {
        return Some(Start::Response { code });
    }
    let (_, (method, target)) = request(line).ok()?;
    let method = std::str::from_utf8(method).ok().filter(|method| METHODS.contains(method))?;
    Some(Start::Request { method, target: std::str::from_utf8(target).ok()? })
}

/// Reads a whole header block.
pub(crate) fn parse(bytes: &[u8]) -> Option<Header<'_>> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (line, fields) = bytes.split_at_checked(end.saturating_add(1))?;
    Some(Header { start: parse_start(line)?, fields })
}

impl<'a> Header<'a> {
    /// The value of the first field called `name`, in whatever case.
    pub(crate) fn field(&self, name: &str) -> Option<&'a str> {
        self.fields.split(|byte| *byte == b'\n').find_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (found, value) = line.split_at_checked(colon)?;
            found.eq_ignore_ascii_case(name.as_bytes()).then(|| value.get(1..).and_then(printable))?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_lines() {
        for (line, want) in [
            (&b"GET /a HTTP/1.1\r\n\r\n"[..], Some(Start::Request { method: "GET", target: "/a" })),
            (b"HTTP/1.0 404 Not Found\r\n\r\n", Some(Start::Response { code: 404 })),
            (b"NOTIFY * HTTP/1.1\r\n\r\n", Some(Start::Request { method: "NOTIFY", target: "*" })),
            (b"REGISTER sip:a SIP/2.0\r\n\r\n", None),
            (b"GET /a\r\n\r\n", None),
            (b"\r\n", None),
        ] {
            assert_eq!(parse(line).map(|header| header.start), want, "{line:?}");
        }
    }

    #[test]
    fn a_block_ends_at_an_empty_line() {
        assert_eq!(length(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody\n\n"), Some(27));
        assert_eq!(length(b"GET / HTTP/1.1\nHost: a\n\nbody"), Some(24));
        assert_eq!(length(b"GET / HTTP/1.1\r\nHost: a\r\n"), None);
        let header = parse(b"GET / HTTP/1.1\r\nhost:  ecdis \r\nX: \r\n\r\n").unwrap();
        assert_eq!((header.field("Host"), header.field("X"), header.field("Y")), (Some("ecdis"), None, None));
    }

    #[test]
    fn what_could_be_a_start() {
        for (bytes, want) in [
            (&b"GE"[..], None),
            (b"GET / HTTP/1.1\r\n", Some(true)),
            (b"GET / FTP\r\n", Some(false)),
            (b"HTTP/1.1 200 OK", Some(true)),
            (b"HTTP/1.1", None),
            (b"\x16\x03", Some(false)),
        ] {
            assert_eq!(begins(bytes), want, "{bytes:?}");
        }
    }
}
