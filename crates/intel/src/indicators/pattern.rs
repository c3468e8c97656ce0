//! STIX patterns that compare one thing: `[domain-name:value = 'evil.example']` (STIX 2.1, clause 9).
//!
//! Alternatives (`OR`, `IN`) are as many indicators. Whatever needs two things to be seen together, or in an order, or a time, is not read: the
//! pattern is left out whole, for half a condition would be another one.

use super::IndicatorKind;

/// What a pattern compares, one by one.
pub(super) fn parse(pattern: &str) -> Result<Vec<(IndicatorKind, String)>, String> {
    let mut found = Vec::new();
    let mut rest = pattern.trim();
    loop {
        let inner = rest.strip_prefix('[').ok_or("no observation in brackets")?;
        let (comparisons, after) = comparisons(inner)?;
        found.extend(comparisons);
        rest = after.trim();
        if rest.is_empty() {
            return Ok(found);
        }
        rest = match word(rest) {
            ("OR", after) => after.trim_start(),
            (other, _) => return Err(format!("`{}` between observations", clip(other))),
        };
    }
}

type Comparisons = Vec<(IndicatorKind, String)>;

/// The comparisons up to the closing bracket, and what follows it.
fn comparisons(text: &str) -> Result<(Comparisons, &str), String> {
    let (mut found, mut rest) = (Vec::new(), text.trim_start());
    loop {
        let (path, after) = path(rest)?;
        let (operator, after) = word(after.trim_start());
        let (values, after) = match operator {
            "=" | "ISSUBSET" => {
                let (value, after) = literal(after.trim_start())?;
                (vec![value], after)
            }
            "IN" => set(after.trim_start())?,
            "NOT" | "!=" => return Err("a comparison that must not hold".to_owned()),
            other => return Err(format!("operator `{}`", clip(other))),
        };
        let kind = kind_of(path)?;
        if operator == "ISSUBSET" && kind != IndicatorKind::Address {
            return Err("ISSUBSET of something that is no address".to_owned());
        }
        found.extend(values.into_iter().map(|value| (kind, value)));
        rest = after.trim_start();
        if let Some(after) = rest.strip_prefix(']') {
            return Ok((found, after));
        }
        rest = match word(rest) {
            ("OR", after) => after.trim_start(),
            ("AND", _) => return Err("more than one comparison must hold (AND)".to_owned()),
            (other, _) => return Err(format!("`{}` after a comparison", clip(other))),
        };
    }
}

fn clip(text: &str) -> String {
    text.chars().take(30).collect()
}

/// The next word: letters or signs of comparison.
fn word(text: &str) -> (&str, &str) {
    let letters = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let end = if letters > 0 { letters } else { text.find(|c: char| !"=!<>".contains(c)).unwrap_or(text.len()) };
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The path of an object: everything up to white space or a sign of comparison, quotes kept whole.
fn path(text: &str) -> Result<(&str, &str), String> {
    let mut is_quoted = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '\'' => is_quoted = !is_quoted,
            '(' if at == 0 => return Err("brackets within an observation".to_owned()),
            ' ' | '\t' | '\n' | '\r' | '=' | '!' | '<' | '>' if !is_quoted => {
                return text.split_at_checked(at).ok_or_else(|| "no comparison".to_owned());
            }
            _ => {}
        }
    }
    Err("no comparison".to_owned())
}

/// A text in quotes, with `\'` and `\\` undone.
fn literal(text: &str) -> Result<(String, &str), String> {
    let inner = text.strip_prefix('\'').ok_or("a value that is no text")?;
    let mut value = String::new();
    let mut letters = inner.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            '\'' => return Ok((value, inner.get(at.saturating_add(1)..).unwrap_or_default())),
            _ => value.push(letter),
        }
    }
    Err("a text without an end".to_owned())
}

/// `('a', 'b')`.
fn set(text: &str) -> Result<(Vec<String>, &str), String> {
    let mut rest = text.strip_prefix('(').ok_or("IN without a list")?.trim_start();
    let mut values = Vec::new();
    loop {
        let (value, after) = literal(rest)?;
        values.push(value);
        rest = after.trim_start();
        if let Some(after) = rest.strip_prefix(')') {
            return Ok((values, after));
        }
        rest = rest.strip_prefix(',').ok_or("IN without a list")?.trim_start();
    }
}

/// What a path means.
fn kind_of(path: &str) -> Result<IndicatorKind, String> {
    use IndicatorKind as K;
    let (object, property) = path.split_once(':').ok_or_else(|| format!("`{}` is no object path", clip(path)))?;
    let plain: String = property.chars().filter(|letter| !matches!(letter, '\'' | '"')).collect();
    let plain = plain.to_ascii_lowercase();
    let last: String = plain.rsplit(['.', ':']).next().unwrap_or_default().replace(['-', '_'], "");
    // no object of the standard has them: producers use properties of their own, all of which end in the name
    if ["ja3", "ja3hash", "ja3s", "ja3shash", "xja3", "xja3s", "xja3hash", "tlsja3"].contains(&last.as_str()) {
        return Ok(K::Ja3);
    }
    if ["ja4", "ja4hash", "xja4", "xja4hash", "tlsja4"].contains(&last.as_str()) {
        return Ok(K::Ja4);
    }
    Ok(match (object, plain.as_str()) {
        ("ipv4-addr" | "ipv6-addr", "value") => K::Address,
        ("domain-name", "value") => K::Domain,
        ("url", "value") => K::Url,
        ("network-traffic", "dst_ref.value" | "src_ref.value") => K::Address,
        ("file", "hashes.md5") => K::Md5,
        ("file", "hashes.sha-1" | "hashes.sha1") => K::Sha1,
        ("file", "hashes.sha-256" | "hashes.sha256") => K::Sha256,
        ("x509-certificate", "hashes.sha-256" | "hashes.sha256") => K::Certificate,
        // the object is named after the fingerprint
        (object, "value") if object.starts_with("x-") && object.contains("ja3") => K::Ja3,
        (object, "value") if object.starts_with("x-") && object.contains("ja4") => K::Ja4,
        _ => return Err(format!("`{}` is nothing the wire shows", clip(path))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_are_read() {
        use IndicatorKind as K;
        for (pattern, want) in [
            ("[ipv4-addr:value = '198.51.100.1']", vec![(K::Address, "198.51.100.1")]),
            ("[ipv4-addr:value='198.51.100.1']", vec![(K::Address, "198.51.100.1")]),
            ("[ ipv4-addr:value ISSUBSET '198.51.100.0/24' ]", vec![(K::Address, "198.51.100.0/24")]),
            ("[url:value = 'http://x.example/it\\'s']", vec![(K::Url, "http://x.example/it's")]),
            ("[file:hashes.'SHA-256' = 'ab' OR file:hashes.MD5 = 'cd']", vec![(K::Sha256, "ab"), (K::Md5, "cd")]),
            (
                "[domain-name:value IN ('a.example', 'b.example')]",
                vec![(K::Domain, "a.example"), (K::Domain, "b.example")],
            ),
            (
                "[domain-name:value = 'a.example'] OR [ipv6-addr:value = '2001:db8::1']",
                vec![(K::Domain, "a.example"), (K::Address, "2001:db8::1")],
            ),
            ("[network-traffic:extensions.'tls-ext'.ja3_hash = 'ab']", vec![(K::Ja3, "ab")]),
            ("[x-ja4-fingerprint:value = 'ab']", vec![(K::Ja4, "ab")]),
        ] {
            let want: Vec<_> = want.into_iter().map(|(kind, value)| (kind, value.to_owned())).collect();
            assert_eq!(parse(pattern), Ok(want), "{pattern}");
        }
    }

    #[test]
    fn patterns_that_are_not() {
        for (pattern, why) in [
            ("[a:b = 'x' AND c:d = 'y']", "nothing the wire shows"),
            ("[domain-name:value = 'x.example' AND url:value = 'y']", "AND"),
            ("[domain-name:value LIKE '%.example']", "LIKE"),
            ("[domain-name:value MATCHES '.*']", "MATCHES"),
            ("[domain-name:value != 'x.example']", "must not hold"),
            ("[domain-name:value NOT = 'x.example']", "must not hold"),
            ("[domain-name:value = 'x.example'] FOLLOWEDBY [domain-name:value = 'y.example']", "FOLLOWEDBY"),
            ("[domain-name:value = 'x.example'] WITHIN 5 SECONDS", "WITHIN"),
            ("[email-addr:value = 'a@b']", "nothing the wire shows"),
            ("[(domain-name:value = 'x.example')]", "brackets"),
            ("[domain-name:value = 'x.example", "without an end"),
            ("domain", "no observation"),
            ("[domain-name:value = 5]", "no text"),
            ("", "no observation"),
        ] {
            let got = parse(pattern).unwrap_err();
            assert!(got.contains(why), "{pattern}: {got}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_safe(text in "\\PC{0,60}") {
            let _ = parse(&text);
            let _ = parse(&format!("[domain-name:value {text}]"));
        }
    }
}
