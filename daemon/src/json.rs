//! JSON lines written straight into a buffer: `decode` prints hundreds of thousands of messages a second, and a tree of values for each would be
//! most of its work.

use std::fmt::Write as _;
use std::io::Write as _;

use dogwatch_model::{FieldValue, FieldVisitor};

/// A JSON object under construction in a byte buffer.
pub struct ObjectWriter<'b> {
    out: &'b mut Vec<u8>,
    /// For every open level: whether it is a list, and whether something stands in it.
    levels: Levels,
}

/// Nesting, one bit a level; deeper than any protocol goes, and deeper ones are flattened rather than lost.
#[derive(Debug, Clone, Copy, Default)]
struct Levels {
    depth: u32,
    lists: u64,
    filled: u64,
}

impl Levels {
    const fn push(&mut self, is_list: bool) {
        self.depth += 1;
        self.lists = self.lists << 1 | is_list as u64;
        self.filled <<= 1;
    }

    const fn pop(&mut self) -> bool {
        let was_list = self.lists & 1 == 1;
        self.depth = self.depth.saturating_sub(1);
        self.lists >>= 1;
        self.filled >>= 1;
        was_list
    }
}

impl<'b> ObjectWriter<'b> {
    /// Opens an object at the end of `out`.
    pub fn new(out: &'b mut Vec<u8>) -> Self {
        out.push(b'{');
        let mut levels = Levels::default();
        levels.push(false);
        Self { out, levels }
    }

    /// Closes whatever is open.
    pub fn finish(mut self) {
        while self.levels.depth > 0 {
            self.close();
        }
    }

    /// A text value that is already known to need no escaping, or anything that prints itself.
    pub fn display(&mut self, name: &str, value: impl std::fmt::Display) {
        self.key(name);
        self.out.push(b'"');
        let _ = write!(Escaped(self.out), "{value}");
        self.out.push(b'"');
    }

    /// A whole number.
    pub fn number(&mut self, name: &str, value: u64) {
        self.key(name);
        let _ = write!(self.out, "{value}");
    }

    fn key(&mut self, name: &str) {
        if self.levels.filled & 1 == 1 {
            self.out.push(b',');
        }
        self.levels.filled |= 1;
        if self.levels.lists & 1 == 0 {
            self.out.push(b'"');
            let _ = Escaped(self.out).write_str(name);
            self.out.extend_from_slice(b"\":");
        }
    }
}

impl FieldVisitor for ObjectWriter<'_> {
    fn field(&mut self, name: &str, value: FieldValue<'_>) {
        // what JSON has no number for was not available on the wire either
        if matches!(value, FieldValue::Number(number) if !number.is_finite()) {
            return;
        }
        self.key(name);
        match value {
            FieldValue::Bool(value) => self.out.extend_from_slice(if value { b"true" } else { b"false" }),
            FieldValue::Unsigned(value) => drop(write!(self.out, "{value}")),
            FieldValue::Signed(value) => drop(write!(self.out, "{value}")),
            FieldValue::Number(value) => drop(write!(self.out, "{value}")),
            FieldValue::Text(text) => {
                self.out.push(b'"');
                let _ = Escaped(self.out).write_str(text);
                self.out.push(b'"');
            }
            FieldValue::Bytes(bytes) => {
                self.out.push(b'"');
                for byte in bytes {
                    const DIGITS: &[u8; 16] = b"0123456789abcdef";
                    self.out.extend(
                        [byte >> 4, byte & 15].into_iter().filter_map(|nibble| DIGITS.get(usize::from(nibble))),
                    );
                }
                self.out.push(b'"');
            }
            FieldValue::Coded { value, name } => {
                let _ = write!(self.out, "{{\"value\":{value}");
                if let Some(name) = name {
                    self.out.extend_from_slice(b",\"name\":\"");
                    let _ = Escaped(self.out).write_str(name);
                    self.out.push(b'"');
                }
                self.out.push(b'}');
            }
        }
    }

    fn open_list(&mut self, name: &str) {
        self.key(name);
        self.out.push(b'[');
        self.levels.push(true);
    }

    fn open_group(&mut self, name: &str) {
        self.key(name);
        self.out.push(b'{');
        self.levels.push(false);
    }

    fn close(&mut self) {
        let was_list = self.levels.pop();
        self.out.push(if was_list { b']' } else { b'}' });
    }
}

/// Writes text as the inside of a JSON string (RFC 8259, clause 7).
struct Escaped<'b>(&'b mut Vec<u8>);

impl std::fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')) {
            let (plain, special) = rest.split_at(at);
            self.0.extend_from_slice(plain);
            if let Some((byte, after)) = special.split_first() {
                match byte {
                    b'"' | b'\\' => self.0.extend([b'\\', *byte]),
                    b'\n' => self.0.extend_from_slice(b"\\n"),
                    b'\r' => self.0.extend_from_slice(b"\\r"),
                    b'\t' => self.0.extend_from_slice(b"\\t"),
                    other => drop(write!(self.0, "\\u{other:04x}")),
                }
                rest = after;
            }
        }
        self.0.extend_from_slice(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let mut out = Vec::new();
        let mut object = ObjectWriter::new(&mut out);
        object.display("who", "a\"b\\c\n\u{1}é");
        object.field("gone", FieldValue::Number(f64::NAN));
        object.field("n", FieldValue::Number(-0.5));
        object.open_list("list");
        object.field("", FieldValue::Unsigned(1));
        object.open_group("");
        object.field("x", FieldValue::Bytes(&[0, 255]));
        object.close();
        object.close();
        object.field("code", FieldValue::Coded { value: 7, name: Some("seven") });
        object.finish();
        let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let want = serde_json::json!({
            "who": "a\"b\\c\n\u{1}é", "n": -0.5, "list": [1, {"x": "00ff"}], "code": {"value": 7, "name": "seven"}
        });
        assert_eq!(read, want);
    }
}
