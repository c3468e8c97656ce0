//! What is wrong with a policy file, told so that the person who wrote it can put it right: file, line, column, the line itself with a caret,
//! what is wrong and what would be right. Codes are stable; tools match on them.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

/// Bytes of the policy text.
pub(super) type Span = Range<usize>;

/// Longest part of a line that is shown; what stands further right is cut.
const SHOWN_CHARS: usize = 240;

/// Whether the file can be used in spite of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The file is refused; a running monitor keeps the old one.
    Error,
    /// The file is used, but somebody should look.
    Warning,
}

impl Level {
    /// The word shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// What kind of problem it is. The codes are stable and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Code {
    /// Not in the form of a policy file: TOML syntax, a value of the wrong type, a missing key.
    P000,
    /// A key that does not exist here.
    P001,
    /// A name that nothing carries.
    P002,
    /// Two things own the same name, address, VLAN or bus.
    P003,
    /// An address outside the zone it is said to be in, or no address at all.
    P004,
    /// A number or range that cannot be.
    P005,
    /// A field without meaning for the application.
    P006,
    /// Allows too much.
    P007,
    /// Ended, or lasting too long.
    P008,
    /// A rule that nothing uses.
    P009,
    /// One-based notation where zero-based addresses are meant.
    P010,
    /// Against the safety rules of the plan.
    P011,
    /// An identity number or name that cannot be.
    P012,
    /// NMEA 2000 allowances that contradict each other.
    P013,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// One problem of a policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Stable code.
    pub code: Code,
    /// Whether the file can be used in spite of it.
    pub severity: Level,
    /// The file as the caller named it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// How many characters the caret underlines; at least 1.
    pub width: u32,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The line itself, at most its first 240 characters, tabs and control characters as spaces.
    pub line_text: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        writeln!(f, "{}[{}]: {}", self.severity.as_str(), self.code, self.message)?;
        writeln!(f, "{margin}--> {}:{}:{}", self.file, self.line, self.column)?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{number} | {}", self.line_text)?;
        let indent = " ".repeat((self.column as usize).saturating_sub(1));
        let caret = "^".repeat((self.width as usize).clamp(1, SHOWN_CHARS));
        write!(f, "{margin} | {indent}{caret}")?;
        if let Some(help) = &self.help {
            write!(f, "\n{margin} = help: {help}")?;
        }
        Ok(())
    }
}

/// Collects problems and knows where in the text a byte stands.
pub(super) struct Report<'t> {
    text: &'t str,
    file: &'t str,
    line_starts: Vec<usize>,
    found: Vec<Diagnostic>,
}

impl<'t> Report<'t> {
    pub(super) fn new(text: &'t str, file: &'t str) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, file, line_starts, found: Vec::new() }
    }

    /// Adds an error: the file will be refused.
    pub(super) fn error(&mut self, code: Code, span: &Span, message: impl Into<String>, help: impl Into<String>) {
        self.push(Level::Error, code, span, message.into(), help.into());
    }

    /// Adds a warning.
    pub(super) fn warning(&mut self, code: Code, span: &Span, message: impl Into<String>, help: impl Into<String>) {
        self.push(Level::Warning, code, span, message.into(), help.into());
    }

    fn push(&mut self, severity: Level, code: Code, span: &Span, message: String, help: String) {
        let (line, start) = self.line_at(span.start);
        let rest = self.text.get(start..).unwrap_or("");
        let whole = rest.split('\n').next().unwrap_or("").trim_end_matches('\r');
        let before = self.text.get(start..span.start).unwrap_or("").chars().count();
        let marked = self.text.get(span.start..span.end).unwrap_or("");
        let marked = marked.split(['\n', '\r']).next().unwrap_or("").chars().count().max(1);
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        self.found.push(Diagnostic {
            code,
            severity,
            file: self.file.to_owned(),
            line,
            column: u32::try_from(before + 1).unwrap_or(u32::MAX),
            width: u32::try_from(marked).unwrap_or(u32::MAX),
            message,
            help: (!help.is_empty()).then_some(help),
            line_text: whole.chars().take(SHOWN_CHARS).map(printable).collect(),
        });
    }

    /// The line (from 1) that holds a byte, and where that line starts.
    fn line_at(&self, at: usize) -> (u32, usize) {
        let number = self.line_starts.partition_point(|start| *start <= at).max(1);
        let start = self.line_starts.get(number - 1).copied().unwrap_or(0);
        (u32::try_from(number).unwrap_or(u32::MAX), start)
    }

    /// The line (from 1) of a span.
    pub(super) fn line(&self, span: &Span) -> u32 {
        self.line_at(span.start).0
    }

    /// Everything found, in the order of the file.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|problem| (problem.line, problem.column, problem.code));
        self.found.dedup();
        self.found
    }

    pub(super) fn has_errors(&self) -> bool {
        self.found.iter().any(|problem| problem.severity == Level::Error)
    }
}

/// The candidate that differs least from `word`, if it is close enough to have been meant.
pub(super) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word: Vec<char> = word.chars().take(64).flat_map(char::to_lowercase).collect();
    let allowed = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits between two words: insert, delete, replace, or swap two neighbours (optimal string alignment).
fn distance(word: &[char], candidate: &str) -> usize {
    let other: Vec<char> = candidate.chars().take(64).flat_map(char::to_lowercase).collect();
    let mut two_back: Vec<usize> = Vec::new();
    let mut back: Vec<usize> = (0..=other.len()).collect();
    for (row, from) in word.iter().enumerate() {
        let mut now = vec![row + 1];
        for (column, to) in other.iter().enumerate() {
            let cell = |cells: &[usize], at: usize| cells.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = (cell(&back, column) + usize::from(from != to))
                .min(cell(&back, column + 1) + 1)
                .min(cell(&now, column) + 1);
            let swapped = row > 0
                && column > 0
                && word.get(row - 1) == Some(to)
                && other.get(column - 1) == Some(from)
                && from != to;
            if swapped {
                best = best.min(cell(&two_back, column - 1) + 1);
            }
            now.push(best);
        }
        two_back = std::mem::replace(&mut back, now);
    }
    back.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distance_of_known_pairs() {
        for (a, b, want) in [
            ("adr", "addr", 1),
            ("me-gatway", "me-gateway", 1),
            ("kitten", "sitting", 3),
            ("raet", "rate", 1),
            ("", "abc", 3),
            ("abc", "abc", 0),
        ] {
            assert_eq!(distance(&a.chars().collect::<Vec<_>>(), b), want, "{a} {b}");
        }
        assert_eq!(nearest("adr", ["app", "addr", "op"]), Some("addr"));
        assert_eq!(nearest("zzzzzz", ["app", "addr", "op"]), None);
    }

    #[test]
    fn shows_the_line_and_a_caret_under_the_word() {
        let text = "first\n\tü = \"me-gatway\"\r\nlast";
        let mut report = Report::new(text, "policy.toml");
        let start = text.find("\"me").unwrap();
        report.error(
            Code::P002,
            &(start..start + 11),
            "no asset or group has this id",
            "nearest: me-gateway (line 22)",
        );
        let shown = report.finish().pop().unwrap();
        assert_eq!((shown.line, shown.column, shown.width), (2, 6, 11));
        assert_eq!(
            shown.to_string(),
            "error[P002]: no asset or group has this id\n --> policy.toml:2:6\n  |\n2 |  ü = \"me-gatway\"\n  |      ^^^^^^^^^^^\n  = help: \
             nearest: me-gateway (line 22)"
        );
    }
}
