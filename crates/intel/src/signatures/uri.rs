//! Addresses of pages as rules see them: `%41` is `A`.

use std::borrow::Cow;

/// A page's path and query with its percent signs resolved, without scheme and host.
#[must_use]
pub fn plain_uri(target: &str) -> Cow<'_, [u8]> {
    // through a proxy the whole address is asked for
    let path = match target.split_once("://") {
        Some((scheme, rest)) if scheme.len() <= 5 && !scheme.contains('/') => {
            rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
        }
        _ => target,
    };
    if !path.contains('%') {
        return Cow::Borrowed(path.as_bytes());
    }
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digit = |at: usize| behind.get(at).and_then(|byte| char::from(*byte).to_digit(16)).map(|d| d as u8);
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                plain.push(high << 4 | low);
                rest = behind.get(2..).unwrap_or(&[]);
            }
            _ => {
                plain.push(*first);
                rest = behind;
            }
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolved() {
        for (target, want) in [
            ("/a%41%2fb", &b"/aA/b"[..]),
            ("/100%", b"/100%"),
            ("/%zz%4", b"/%zz%4"),
            ("http://host.example/x?y=http://z", b"/x?y=http://z"),
            ("/r?to=http://z/q", b"/r?to=http://z/q"),
        ] {
            assert_eq!(&*plain_uri(target), want, "{target}");
        }
    }
}
