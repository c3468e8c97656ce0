//! NTLM messages: the host and account that log in, and the Windows version (MS-NLMP 2.2.1.3 and 2.2.2.10).

use super::utf16;
use crate::reader::Reader;
use crate::text::Text;

/// What an authenticate message tells.
pub(super) struct Ntlm {
    pub(super) user: Option<Text<256>>,
    pub(super) host: Option<Text<256>>,
    pub(super) version: Option<Text<24>>,
}

const SIGNATURE: &[u8] = b"NTLMSSP\0";
/// The negotiate flag that says a version is there.
const HAS_VERSION: u32 = 0x0200_0000;
/// The negotiate flag that says texts are UTF-16.
const UNICODE: u32 = 1;

/// The first authenticate message (type 3) in `bytes`. Challenges (type 2) speak of the server's domain rather than of itself and are left.
pub(super) fn find(bytes: &[u8]) -> Option<Ntlm> {
    let at = bytes.windows(SIGNATURE.len()).position(|window| window == SIGNATURE)?;
    let message = bytes.get(at..)?;
    let mut reader = Reader::new("ntlm", message.get(SIGNATURE.len()..)?);
    if reader.le32().ok()? != 3 {
        return None;
    }
    let _answers = reader.take(16).ok()?;
    let _domain = reader.take(8).ok()?;
    let user = buffer(message, &mut reader);
    let host = buffer(message, &mut reader);
    let _key = reader.take(8).ok()?;
    let flags = reader.le32().ok()?;
    let version = if flags & HAS_VERSION == 0 {
        None
    } else {
        let [major, minor, b0, b1] = reader.array().ok()?;
        (major != 0).then(|| Text::of(format_args!("{major}.{minor}.{}", u16::from_le_bytes([b0, b1]))))
    };
    let texts = |text: Option<&[u8]>| text.filter(|_| flags & UNICODE != 0).and_then(utf16);
    Some(Ntlm { user: texts(user), host: texts(host), version })
}

/// The bytes a field of length, room and offset points to.
fn buffer<'a>(message: &'a [u8], reader: &mut Reader<'_>) -> Option<&'a [u8]> {
    let length = usize::from(reader.le16().ok()?);
    let _room = reader.le16().ok()?;
    let offset = usize::try_from(reader.le32().ok()?).ok()?;
    message.get(offset..offset.checked_add(length)?)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::tests::wide;
    use super::*;

    pub(in super::super) fn authenticate(user: &str, host: &str) -> Vec<u8> {
        let (user, host) = (wide(user), wide(host));
        let field = |len: usize, at: usize| {
            let len = u16::try_from(len).unwrap().to_le_bytes();
            [&len[..], &len[..], &u32::try_from(at).unwrap().to_le_bytes()[..]].concat()
        };
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(field(0, 0));
        bytes.extend(field(0, 0));
        bytes.extend(field(0, 0));
        bytes.extend(field(user.len(), 72));
        bytes.extend(field(host.len(), 72 + user.len()));
        bytes.extend(field(0, 0));
        bytes.extend((HAS_VERSION | UNICODE).to_le_bytes());
        bytes.extend([6, 1, 0xb1, 0x1d, 0, 0, 0, 15]);
        bytes.extend(user);
        bytes.extend(host);
        bytes
    }

    #[test]
    fn cut_messages_tell_less() {
        let whole = authenticate("pilot", "ECDIS-1");
        assert_eq!(find(&whole).unwrap().user.unwrap().as_str(), "pilot");
        assert!(find(&whole[..80]).unwrap().host.is_none());
        assert!(find(&whole[..40]).is_none());
        assert!(find(b"nothing").is_none());
    }
}
