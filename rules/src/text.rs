//! Words from the wire in texts for people: bounded, and without what a terminal would obey.

/// At most `most` characters of `text`; control characters become `?`.
pub(crate) fn bounded(text: &str, most: usize) -> String {
    let clean = |c: char| if c.is_control() { '?' } else { c };
    let mut kept: String = text.chars().take(most).map(clean).collect();
    if text.chars().nth(most).is_some() {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::bounded;

    #[test]
    fn cuts_and_cleans() {
        assert_eq!(bounded("abc", 3), "abc");
        assert_eq!(bounded("abcd", 3), "abc…");
        assert_eq!(bounded("a\u{1b}[2J", 9), "a?[2J");
    }
}
