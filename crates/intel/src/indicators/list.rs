//! Plain lists: one value a line, `#` and `;` begin comments, the kind is told by the shape or by a word before it (`ja3:…`).
//!
//! Lines of a hosts file (`0.0.0.0 evil.example`) are taken as the name they block. Of a line with commas the first column counts only when the
//! others are plain words too: tables of other shapes are left out line by line, and said so.

use super::value::is_ja4;
use super::{About, Collected, IndicatorKind, Prefix};
use crate::import::FileReport;

/// Reads a list.
pub(super) fn read(text: &str, collected: &mut Collected, report: &mut FileReport) {
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        let Some((value, remark)) = parts(line) else { continue };
        let (kind, value) = match kind_of(value) {
            Some(found) => found,
            None => {
                report.skip(number, line, "neither an address, a name, a web address nor a hash");
                continue;
            }
        };
        match collected.add(kind, value, About { name: remark, ..About::default() }) {
            Ok(()) => report.loaded = report.loaded.saturating_add(1),
            Err(why) => report.skip(number, line, why),
        }
    }
}

/// The value of a line, and the remark behind it.
fn parts(line: &str) -> Option<(&str, &str)> {
    if line.is_empty() || line.starts_with(['#', ';']) || line.starts_with("//") {
        return None;
    }
    let (line, remark) = match line.find([' ', '\t']).map(|at| line.split_at(at)) {
        None => (line, ""),
        Some((value, rest)) => {
            let rest = rest.trim_start();
            // a hosts file: the address is where the name is sent to die
            if matches!(value, "0.0.0.0" | "127.0.0.1") && !rest.starts_with(['#', ';']) {
                return parts(rest);
            }
            match rest.strip_prefix(['#', ';']) {
                Some(remark) => (value, remark.trim()),
                // more than one word: no value
                None => return Some((line, "")),
            }
        }
    };
    Some((line.trim_end_matches(','), remark))
}

/// Which kind a value is of.
fn kind_of(value: &str) -> Option<(IndicatorKind, &str)> {
    use IndicatorKind as K;
    const WORDS: [(&str, K); 11] = [
        ("ja3", K::Ja3),
        ("ja3s", K::Ja3),
        ("ja4", K::Ja4),
        ("md5", K::Md5),
        ("sha1", K::Sha1),
        ("sha256", K::Sha256),
        ("cert", K::Certificate),
        ("ip", K::Address),
        ("domain", K::Domain),
        ("host", K::Domain),
        ("url", K::Url),
    ];
    if value.contains(char::is_whitespace) || value.contains(',') {
        return None;
    }
    if let Some((word, rest)) = value.split_once([':', '='])
        && let Some((_, kind)) = WORDS.iter().find(|(known, _)| word.eq_ignore_ascii_case(known))
    {
        return Some((*kind, rest));
    }
    let is_hex = value.bytes().all(|byte| byte.is_ascii_hexdigit());
    let plain = value.replace("[.]", ".").replace("[:]", ":");
    let kind = match value.len() {
        32 if is_hex => K::Md5,
        40 if is_hex => K::Sha1,
        64 if is_hex => K::Sha256,
        _ if value.contains("://") => K::Url,
        _ if is_ja4(value) => K::Ja4,
        _ if Prefix::parse(&plain).is_some() => K::Address,
        _ if plain.contains('.') && !plain.contains(['/', ':', '@']) => K::Domain,
        _ => return None,
    };
    Some((kind, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_every_shape() {
        use IndicatorKind as K;
        for (line, want) in [
            ("198.51.100.7", Some((K::Address, "198.51.100.7", ""))),
            ("203.0.113.0/24 ; SBL1", Some((K::Address, "203.0.113.0/24", "SBL1"))),
            ("2001:db8::1", Some((K::Address, "2001:db8::1", ""))),
            ("evil.example # botnet", Some((K::Domain, "evil.example", "botnet"))),
            ("0.0.0.0 evil.example", Some((K::Domain, "evil.example", ""))),
            ("127.0.0.1\tevil.example # x", Some((K::Domain, "evil.example", "x"))),
            ("https://evil.example/a#b", Some((K::Url, "https://evil.example/a#b", ""))),
            ("ja3:e7d705a3286e19ea42f587b344ee6865", Some((K::Ja3, "e7d705a3286e19ea42f587b344ee6865", ""))),
            (
                "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                Some((K::Sha1, "da39a3ee5e6b4b0d3255bfef95601890afd80709", "")),
            ),
            ("# comment", None),
            ("", None),
            ("two words", None),
            ("name@evil.example", None),
            ("a,b.example,c", None),
        ] {
            let got = parts(line).and_then(|(value, remark)| kind_of(value).map(|(kind, value)| (kind, value, remark)));
            assert_eq!(got, want, "{line}");
        }
    }
}
