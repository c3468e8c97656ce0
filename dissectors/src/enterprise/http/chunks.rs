//! Bodies in chunks (RFC 9112 clause 7.1): how far the next one reaches. What stands in them is passed over.

/// Hexadecimal digits of a size: 256 MiB are more than a chunk of any server.
const DIGITS: usize = 7;
/// Bytes of a size line with its extensions, and of the fields behind the last chunk.
const LONGEST: usize = 4_096;

/// What stands at the front of a body in chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    /// A chunk: bytes of its size line, and of all of it.
    Whole { line: usize, all: usize },
    /// Its front is not complete.
    More,
    /// No chunk begins here.
    None,
}

/// Looks at the front of `bytes`. No header begins like a chunk: a size is of hexadecimal digits and nothing else up to the end of the line or a
/// semicolon, and no method is.
pub(super) fn chunk(bytes: &[u8]) -> Chunk {
    let digits = bytes.iter().take(DIGITS.saturating_add(1)).take_while(|byte| byte.is_ascii_hexdigit()).count();
    match bytes.get(digits) {
        None if digits == bytes.len() && digits <= DIGITS => return Chunk::More,
        Some(b'\r' | b';' | b' ') if (1..=DIGITS).contains(&digits) => {}
        _ => return Chunk::None,
    }
    let Some(line) = line(bytes) else { return if bytes.len() < LONGEST { Chunk::More } else { Chunk::None } };
    let size = bytes.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok());
    match size.and_then(|digits| usize::from_str_radix(digits, 16).ok()) {
        None => Chunk::None,
        // The last one is followed by fields, if any, and an empty line.
        Some(0) => match end_of_fields(bytes, line) {
            Some(end) => Chunk::Whole { line, all: end },
            None if bytes.len() < LONGEST => Chunk::More,
            None => Chunk::None,
        },
        Some(size) => Chunk::Whole { line, all: line.saturating_add(size).saturating_add(2) },
    }
}

/// Bytes up to the end of the first line, that end included.
fn line(bytes: &[u8]) -> Option<usize> {
    let at = bytes.iter().take(LONGEST).position(|byte| *byte == b'\n')?;
    Some(at.saturating_add(1))
}

fn end_of_fields(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let rest = bytes.get(at..)?;
        let length = line(rest)?;
        at = at.saturating_add(length);
        if length <= 2 || at > LONGEST {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fronts_of_chunks() {
        // RFC 9112 clause 7.1: size, extensions, data, an empty line; the last of size 0 with fields behind it.
        for (bytes, want) in [
            (&b"5\r\nhello\r\n"[..], Chunk::Whole { line: 3, all: 10 }),
            (b"1f4A;name=value\r\n", Chunk::Whole { line: 17, all: 17 + 0x1f4a + 2 }),
            (b"0\r\n\r\nHTTP/1.1 200 OK\r\n", Chunk::Whole { line: 3, all: 5 }),
            (b"0\r\nExpires: never\r\n\r\n", Chunk::Whole { line: 3, all: 21 }),
            (b"0\r\nExpires: ne", Chunk::More),
            (b"", Chunk::More),
            (b"1f", Chunk::More),
            (b"1f\r", Chunk::More),
            (b"DELETE /x HTTP/1.1\r\n", Chunk::None),
            (b"HTTP/1.1 200 OK\r\n", Chunk::None),
            (b"\r\n", Chunk::None),
            (b"123456789\r\n", Chunk::None),
        ] {
            assert_eq!(chunk(bytes), want, "{}", bytes.escape_ascii());
        }
    }
}
