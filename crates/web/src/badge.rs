//! Severity, as a word in its colour: never the colour alone.

use std::fmt;

use askama::filters::HtmlSafe;
use dogwatch_model::Severity;

/// One severity.
#[derive(Debug, Clone, Copy)]
pub struct Badge(pub Severity);

impl fmt::Display for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.0.as_str();
        write!(f, "<span class=\"chip sev-{word}\">{word}</span>")
    }
}

/// The words of [`Severity`] are fixed and hold nothing to escape.
impl HtmlSafe for Badge {}

/// One severity with a number: `3 high`.
#[derive(Debug, Clone, Copy)]
pub struct Count {
    /// Which.
    pub severity: Severity,
    /// How many.
    pub count: u64,
}

impl Count {
    /// Counts by severity, the most severe first, all five of them.
    pub fn all(severities: impl IntoIterator<Item = Severity>) -> Vec<Self> {
        let mut counts: Vec<Self> = Severity::ALL.iter().rev().map(|&severity| Self { severity, count: 0 }).collect();
        for severity in severities {
            if let Some(entry) = counts.iter_mut().find(|entry| entry.severity == severity) {
                entry.count += 1;
            }
        }
        counts
    }

    /// The word of its severity.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        self.severity.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_most_severe_first_and_complete() {
        let counts = Count::all([Severity::Low, Severity::Critical, Severity::Low]);
        let told: Vec<_> = counts.iter().map(|entry| (entry.word(), entry.count)).collect();
        assert_eq!(told, [("critical", 1), ("high", 0), ("medium", 0), ("low", 2), ("info", 0)]);
    }
}
