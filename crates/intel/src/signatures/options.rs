//! The body of a rule, cut into its options, and the values of those that are more than a word.

use super::condition::Content;
use super::{FlowWant, Threshold, ThresholdKind, Track};

/// The options of a body: names and values, by the unescaped semicolons that stand outside quotes.
pub(super) fn split(body: &str) -> Vec<(&str, &str)> {
    let (mut options, mut start, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in body.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b';' if !is_quoted => {
                options.extend(body.get(start..at));
                start = at.saturating_add(1);
            }
            _ => {}
        }
    }
    options.extend(body.get(start..));
    options
        .into_iter()
        .map(str::trim)
        .filter(|option| !option.is_empty())
        .map(|option| option.split_once(':').map_or((option, ""), |(name, value)| (name.trim(), value.trim())))
        .collect()
}

/// A value with its quotes taken off; `!` before them negates.
pub(super) fn unquote(value: &str) -> (&str, bool) {
    let (value, negated) = match value.strip_prefix('!') {
        Some(rest) => (rest.trim_start(), true),
        None => (value, false),
    };
    let inner = value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"'));
    (inner.unwrap_or(value), negated)
}

/// Reads a content: text with escapes, and hexadecimal bytes between bars.
///
/// # Errors
/// What of it is not understood.
pub(super) fn content(value: &str) -> Result<Content, String> {
    let (text, negated) = unquote(value);
    let (mut bytes, mut characters) = (Vec::new(), text.bytes());
    while let Some(byte) = characters.next() {
        match byte {
            b'\\' => bytes.push(characters.next().ok_or("content that ends in `\\`")?),
            b'|' => {
                let (mut half, mut is_closed) = (None, false);
                for byte in characters.by_ref() {
                    match (char::from(byte).to_digit(16), half) {
                        (Some(high), None) => half = Some(high),
                        (Some(low), Some(high)) => {
                            bytes.push((high << 4 | low) as u8);
                            half = None;
                        }
                        (None, None) if byte == b' ' => {}
                        (None, None) if byte == b'|' => {
                            is_closed = true;
                            break;
                        }
                        (None, _) => return Err("content with bytes that are not hexadecimal".to_owned()),
                    }
                }
                if !is_closed {
                    return Err("content with one bar only".to_owned());
                }
            }
            other => bytes.push(other),
        }
    }
    if bytes.is_empty() {
        Err("empty content".to_owned())
    } else {
        Ok(Content { bytes, negated, ..Content::default() })
    }
}

/// Reads `flow`.
///
/// # Errors
/// What of it is not understood.
pub(super) fn flow(value: &str) -> Result<FlowWant, String> {
    let mut want = FlowWant::default();
    for word in value.split(',').map(str::trim) {
        match word {
            "established" => want.established = true,
            "to_server" | "from_client" => want.to_server = Some(true),
            "to_client" | "from_server" => want.to_server = Some(false),
            "stateless" | "only_stream" | "no_stream" | "no_frag" => {}
            other => return Err(format!("flow `{other}`")),
        }
    }
    Ok(want)
}

/// Reads `threshold` and `detection_filter`.
///
/// # Errors
/// What of it is not understood.
pub(super) fn threshold(value: &str, is_filter: bool) -> Result<Threshold, String> {
    let what = if is_filter { "detection_filter" } else { "threshold" };
    let mut kind = is_filter.then_some(ThresholdKind::Filter);
    let (mut track, mut count, mut seconds) = (None, None, None);
    for word in value.split(',').map(str::trim) {
        let (name, given) = word.split_once(char::is_whitespace).unwrap_or((word, ""));
        let given = given.trim();
        match (name, given) {
            ("type", "limit") => kind = Some(ThresholdKind::Limit),
            ("type", "threshold") => kind = Some(ThresholdKind::Threshold),
            ("type", "both") => kind = Some(ThresholdKind::Both),
            ("track", "by_src") => track = Some(Track::Source),
            ("track", "by_dst") => track = Some(Track::Destination),
            ("track", "by_both") => track = Some(Track::Both),
            ("track", "by_rule") => track = Some(Track::Rule),
            ("count", given) => count = given.parse().ok(),
            ("seconds", given) => seconds = given.parse().ok(),
            _ => return Err(format!("{what} `{word}`")),
        }
    }
    match (kind, track, count, seconds) {
        (Some(kind), Some(track), Some(count), Some(seconds)) if count > 0 && seconds > 0 => {
            Ok(Threshold { kind, track, count, seconds })
        }
        _ => Err(format!("{what} without type, track, count or seconds")),
    }
}
