//! Free text as a pattern both ends hold plus what differs: most summaries of one detection differ in names and numbers only.
//!
//! `pattern` replaces the names the finding carries anyway by one control byte each, and every number by [`NUMBER`]; `fill` puts them back,
//! byte for byte. Text that holds control characters of its own is sent as it is, behind [`VERBATIM`].

use crate::BundleError;
use crate::wire::MAX_TEXT_BYTES;

/// Stands for a number that travels beside the pattern.
const NUMBER: char = '\u{0e}';
/// First character of text that is not a pattern.
const VERBATIM: char = '\u{1f}';
/// The control characters that stand for names, in the order of the name list.
const NAMES: [char; 10] =
    ['\u{01}', '\u{02}', '\u{03}', '\u{04}', '\u{05}', '\u{06}', '\u{07}', '\u{08}', '\u{0b}', '\u{0c}'];
/// Shorter names are not worth replacing and would be found inside other words.
const SHORTEST_NAME: usize = 3;
/// More digits than this stay in the pattern, so that the number fits 64 bits.
const MOST_DIGITS: usize = 18;
/// Most numbers in one text; further ones stay in the pattern.
const MOST_NUMBERS: usize = 32;

/// Splits `text` into a pattern and its numbers. `names` are what the reader knows too, at most ten; empty ones are skipped.
pub(crate) fn pattern(text: &str, names: &[&str]) -> (String, Vec<u64>) {
    if text.chars().any(|letter| letter < ' ' && letter != '\n' && letter != '\t') {
        return (format!("{VERBATIM}{text}"), Vec::new());
    }
    let (mut out, mut numbers) = (String::with_capacity(text.len()), Vec::new());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let name = NAMES
            .iter()
            .zip(names)
            .filter(|(_, name)| name.len() >= SHORTEST_NAME && rest.starts_with(**name))
            .max_by_key(|(_, name)| name.len());
        if let Some((mark, name)) = name {
            out.push(*mark);
            rest = rest.get(name.len()..).unwrap_or("");
            continue;
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let run = rest.get(..digits).unwrap_or("");
        // A leading zero stays in the pattern: "05" and "5" must come back as they were.
        let plain = digits > 0 && digits <= MOST_DIGITS && (digits == 1 || first != '0');
        match run.parse() {
            Ok(number) if plain && numbers.len() < MOST_NUMBERS => {
                out.push(NUMBER);
                numbers.push(number);
                rest = rest.get(digits..).unwrap_or("");
            }
            _ => {
                out.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or("");
            }
        }
    }
    (out, numbers)
}

/// Puts names and numbers back into a pattern. `number` gives the next number.
pub(crate) fn fill(
    pattern: &str,
    names: &[&str],
    mut number: impl FnMut() -> Result<u64, BundleError>,
) -> Result<String, BundleError> {
    if let Some(text) = pattern.strip_prefix(VERBATIM) {
        return Ok(text.to_owned());
    }
    let mut out = String::with_capacity(pattern.len());
    for letter in pattern.chars() {
        if letter == NUMBER {
            out.push_str(&number()?.to_string());
        } else if let Some(at) = NAMES.iter().position(|&mark| mark == letter) {
            let name = names.get(at).ok_or(BundleError::Malformed { what: "a pattern with an unknown name" })?;
            out.push_str(name);
        } else {
            out.push(letter);
        }
        // Names may be long and stand often in a hostile pattern.
        if out.len() > 2 * MAX_TEXT_BYTES {
            return Err(BundleError::TooLarge { what: "text" });
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn back(text: &str, names: &[&str]) -> String {
        let (pattern, numbers) = pattern(text, names);
        let mut numbers = numbers.into_iter();
        fill(&pattern, names, || numbers.next().ok_or(BundleError::Malformed { what: "numbers" })).unwrap()
    }

    #[test]
    fn names_and_numbers_leave_the_text() {
        let names = ["hmi-er-1", "10.20.0.5", "", "plc-boiler"];
        let (pattern, numbers) = pattern("hmi-er-1 wrote holding 40-47 of plc-boiler (10.20.0.5), 05 times", &names);
        assert_eq!(pattern, "\u{1} wrote holding \u{e}-\u{e} of \u{4} (\u{2}), 0\u{e} times");
        assert_eq!(numbers, [40, 47, 5]);
    }

    proptest! {
        #[test]
        fn text_comes_back(text in "[a-c0-9 .é\u{1}\n]{0,40}", names in proptest::collection::vec("[a-c0-9]{0,4}", 0..10)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            prop_assert_eq!(back(&text, &names), text);
        }

        #[test]
        fn any_pattern_is_safe(pattern in any::<String>(), numbers in any::<u64>()) {
            let _ = fill(&pattern, &["abc"], || Ok(numbers));
        }
    }
}
