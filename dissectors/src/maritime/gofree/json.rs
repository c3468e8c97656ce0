//! Walks a JSON text without building it: borrows every string, allocates nothing, and goes no deeper than [`DEEPEST`].

use dogwatch_model::{FieldValue, FieldVisitor};

/// Levels of nesting read; announcements have three.
pub(in crate::maritime) const DEEPEST: usize = 8;

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Open(bool),
    Close(bool),
    Colon,
    Comma,
    /// A string without its quotes, escapes as they stand.
    Text(&'a str),
    /// A number, `true`, `false` or `null`.
    Word(&'a str),
}

struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    /// The next token; `None` at the end and where the text is no JSON.
    fn next(&mut self) -> Option<Token<'a>> {
        self.rest = self.rest.trim_ascii_start();
        let first = *self.rest.as_bytes().first()?;
        let single = match first {
            b'{' => Some(Token::Open(true)),
            b'[' => Some(Token::Open(false)),
            b'}' => Some(Token::Close(true)),
            b']' => Some(Token::Close(false)),
            b':' => Some(Token::Colon),
            b',' => Some(Token::Comma),
            _ => None,
        };
        if let Some(token) = single {
            self.rest = self.rest.get(1..)?;
            return Some(token);
        }
        if first == b'"' {
            let body = self.rest.get(1..)?;
            let mut escaped = false;
            let end = body.bytes().position(|byte| {
                let ends = byte == b'"' && !escaped;
                escaped = byte == b'\\' && !escaped;
                ends
            })?;
            self.rest = body.get(end.checked_add(1)?..)?;
            return body.get(..end).map(Token::Text);
        }
        let end = self.rest.find([',', '}', ']', ' ', '\r', '\n', '\t', ':', '"']).unwrap_or(self.rest.len());
        let word = self.rest.get(..end).filter(|word| !word.is_empty())?;
        self.rest = self.rest.get(end..)?;
        let known = matches!(word, "true" | "false" | "null") || word.parse::<f64>().is_ok();
        known.then_some(Token::Word(word))
    }
}

/// A value that is no object or list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::maritime) enum Scalar<'a> {
    /// A string, escapes as they stand.
    Text(&'a str),
    /// A number, `true`, `false` or `null`.
    Word(&'a str),
}

impl<'a> Scalar<'a> {
    /// What it says, whatever its type.
    pub(in crate::maritime) const fn as_str(self) -> &'a str {
        match self {
            Self::Text(text) | Self::Word(text) => text,
        }
    }

    /// The value for a visitor.
    pub(in crate::maritime) fn value(self) -> Option<FieldValue<'a>> {
        match self {
            Self::Text(text) => Some(FieldValue::Text(text)),
            Self::Word("null") => None,
            Self::Word("true") => Some(FieldValue::Bool(true)),
            Self::Word("false") => Some(FieldValue::Bool(false)),
            Self::Word(word) => {
                let whole = word.parse().map(FieldValue::Unsigned);
                whole.or_else(|_| word.parse().map(FieldValue::Number)).ok()
            }
        }
    }
}

/// Takes what [`walk`] finds.
pub(in crate::maritime) trait Listener<'a> {
    /// A value; inside a list the name is empty.
    fn scalar(&mut self, depth: usize, name: &'a str, value: Scalar<'a>);
    /// An object (or a list) begins.
    fn open(&mut self, depth: usize, name: &'a str, is_object: bool);
    /// It ends.
    fn close(&mut self, depth: usize);
}

/// Walks `text`; `true` when it is one whole object.
pub(in crate::maritime) fn walk<'a>(text: &'a str, listener: &mut dyn Listener<'a>) -> bool {
    let mut tokens = Tokens { rest: text };
    let mut objects = [false; DEEPEST];
    let mut depth = 0_usize;
    let mut name = "";
    let mut token = tokens.next();
    if token != Some(Token::Open(true)) {
        return false;
    }
    while let Some(now) = token {
        let in_object = depth.checked_sub(1).and_then(|at| objects.get(at).copied()).unwrap_or(false);
        match now {
            Token::Open(is_object) => {
                let Some(slot) = objects.get_mut(depth) else { return false };
                *slot = is_object;
                listener.open(depth, name, is_object);
                depth = depth.saturating_add(1);
                name = "";
            }
            Token::Close(is_object) => {
                if is_object != in_object || depth == 0 {
                    return false;
                }
                depth = depth.saturating_sub(1);
                listener.close(depth);
                if depth == 0 {
                    return true;
                }
                name = "";
            }
            Token::Comma => name = "",
            Token::Colon => return false,
            Token::Text(text) if in_object && name.is_empty() => {
                if tokens.next() != Some(Token::Colon) {
                    return false;
                }
                name = text;
            }
            Token::Text(text) => listener.scalar(depth, name, Scalar::Text(text)),
            Token::Word(word) => listener.scalar(depth, name, Scalar::Word(word)),
        }
        token = tokens.next();
    }
    false
}

/// Shows everything to a visitor, the outermost object's members at the top.
pub(in crate::maritime) struct Show<'v>(pub(in crate::maritime) &'v mut dyn FieldVisitor);

impl<'a> Listener<'a> for Show<'_> {
    fn scalar(&mut self, _depth: usize, name: &'a str, value: Scalar<'a>) {
        if let Some(value) = value.value() {
            self.0.field(name, value);
        }
    }

    fn open(&mut self, depth: usize, name: &'a str, is_object: bool) {
        match (depth, is_object) {
            (0, _) => {}
            (_, true) => self.0.open_group(name),
            (_, false) => self.0.open_list(name),
        }
    }

    fn close(&mut self, depth: usize) {
        if depth > 0 {
            self.0.close();
        }
    }
}
