//! Base64 as text protocols carry logins in: only to find the account name in front of the password, which is never handed on.
//!
//! Deliberately without encoding and without line breaks. Specification: RFC 4648 clause 4; RFC 4616 clause 2 (PLAIN).

/// Longest credential that is looked at, in bytes once decoded.
const LONGEST: usize = 192;

/// Up to [`LONGEST`] decoded bytes, and how many there are; `None` when `text` is not base64.
fn decode(text: &str) -> Option<([u8; LONGEST], usize)> {
    let mut bytes = [0; LONGEST];
    let (mut len, mut bits, mut held) = (0_usize, 0_u32, 0_u32);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter.wrapping_sub(b'A'),
            b'a'..=b'z' => letter.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => letter.wrapping_sub(b'0').wrapping_add(52),
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits = bits.saturating_add(6);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            let Some(slot) = bytes.get_mut(len) else { break };
            let [.., byte] = (held >> bits).to_be_bytes();
            *slot = byte;
            len = len.saturating_add(1);
        }
    }
    Some((bytes, len))
}

/// The account in front of the colon of HTTP-style basic credentials (RFC 7617), handed to `tell`.
pub(crate) fn basic_account<R>(text: &str, tell: impl FnOnce(Option<&str>) -> R) -> R {
    let decoded = decode(text);
    let account = decoded.as_ref().and_then(|(bytes, len)| bytes.get(..*len)?.split(|byte| *byte == b':').next());
    tell(account.and_then(crate::text::printable))
}

/// The account of a PLAIN login: the second of three parts between zeros, handed to `tell`.
pub(crate) fn plain_account<R>(text: &str, tell: impl FnOnce(Option<&str>) -> R) -> R {
    let decoded = decode(text);
    let account = decoded.as_ref().and_then(|(bytes, len)| bytes.get(..*len)?.split(|byte| *byte == 0).nth(1));
    tell(account.and_then(crate::text::printable))
}

/// A whole text in base64, handed to `tell`: the user name of a LOGIN dialogue.
pub(crate) fn whole_text<R>(text: &str, tell: impl FnOnce(Option<&str>) -> R) -> R {
    let decoded = decode(text);
    tell(decoded.as_ref().and_then(|(bytes, len)| bytes.get(..*len)).and_then(crate::text::printable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_but_not_the_password() {
        // RFC 7617 clause 2: Aladdin / open sesame. RFC 4616 clause 4 by hand: \0tim\0tanstaaftanstaaf.
        assert_eq!(basic_account("QWxhZGRpbjpvcGVuIHNlc2FtZQ==", |a| a.map(str::to_owned)).unwrap(), "Aladdin");
        assert_eq!(plain_account("AHRpbQB0YW5zdGFhZnRhbnN0YWFm", |a| a.map(str::to_owned)).unwrap(), "tim");
        assert_eq!(whole_text("Zm9vYmE=", |a| a.map(str::to_owned)).unwrap(), "fooba");
        assert!(basic_account("no base64!", |a| a.is_none()));
        assert!(plain_account(&"A".repeat(4_000), |a| a.is_none()));
    }
}
