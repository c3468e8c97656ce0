//! NTLM messages: the host and account that log in, what the server says of itself, and the Windows version (MS-NLMP 2.2.1.2, 2.2.1.3, 2.2.2.1
//! and 2.2.2.10).

use super::{narrow, utf16};
use crate::reader::Reader;
use crate::text::Text;

/// What a challenge or an authenticate message tells of its sender.
#[derive(Default)]
pub(super) struct Ntlm {
    pub(super) user: Option<Text<256>>,
    pub(super) domain: Option<Text<256>>,
    pub(super) host: Option<Text<256>>,
    /// By which message the host is known.
    pub(super) host_method: &'static str,
    pub(super) version: Option<Text<24>>,
}

const SIGNATURE: &[u8] = b"NTLMSSP\0";
/// The negotiate flag that says a version is there.
const HAS_VERSION: u32 = 0x0200_0000;
/// The negotiate flag that says texts are UTF-16.
const UNICODE: u32 = 1;
/// Entries of a target information list that are looked at.
const MOST_ENTRIES: usize = 16;

/// The first NTLM message in `bytes`; nothing of a negotiate message (type 1), which says no more than what the program can do.
pub(super) fn find(bytes: &[u8]) -> Ntlm {
    let at = bytes.windows(SIGNATURE.len()).position(|window| window == SIGNATURE);
    let Some(message) = at.and_then(|at| bytes.get(at..)) else { return Ntlm::default() };
    let kind = message.get(8..).and_then(|rest| rest.first_chunk()).map(|kind| u32::from_le_bytes(*kind));
    match kind {
        Some(2) => challenge(message),
        Some(3) => authenticate(message),
        _ => None,
    }
    .unwrap_or_default()
}

fn authenticate(message: &[u8]) -> Option<Ntlm> {
    let mut reader = Reader::new("ntlm", message.get(12..)?);
    let _answers = reader.take(16).ok()?;
    let domain = buffer(message, &mut reader);
    let user = buffer(message, &mut reader);
    let host = buffer(message, &mut reader);
    let _key = reader.take(8).ok()?;
    let flags = reader.le32().ok()?;
    let text = |text: Option<&[u8]>| text.and_then(if flags & UNICODE != 0 { utf16 } else { narrow });
    Some(Ntlm {
        user: text(user),
        domain: text(domain),
        host: text(host),
        host_method: "ntlm.host",
        version: version(flags, &mut reader),
    })
}

/// The server's list of names: 1 the host, 2 its domain, in UTF-16 (MS-NLMP 2.2.2.1).
fn challenge(message: &[u8]) -> Option<Ntlm> {
    let mut reader = Reader::new("ntlm", message.get(12..)?);
    let _target = reader.take(8).ok()?;
    let flags = reader.le32().ok()?;
    let _challenge_and_reserved = reader.take(16).ok()?;
    let list = buffer(message, &mut reader).unwrap_or_default();
    let mut ntlm = Ntlm { host_method: "ntlm.target", version: version(flags, &mut reader), ..Ntlm::default() };
    let mut entries = Reader::new("ntlm target", list);
    for _ in 0..MOST_ENTRIES {
        let (Ok(kind), Ok(length)) = (entries.le16(), entries.le16()) else { break };
        let Ok(value) = entries.take(length.into()) else { break };
        match kind {
            0 => break,
            1 => ntlm.host = utf16(value),
            2 => ntlm.domain = utf16(value),
            _ => {}
        }
    }
    Some(ntlm)
}

fn version(flags: u32, reader: &mut Reader<'_>) -> Option<Text<24>> {
    if flags & HAS_VERSION == 0 {
        return None;
    }
    let [major, minor, b0, b1] = reader.array().ok()?;
    (major != 0).then(|| Text::of(format_args!("{major}.{minor}.{}", u16::from_le_bytes([b0, b1]))))
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
        assert_eq!(find(&whole).user.unwrap().as_str(), "pilot");
        assert!(find(&whole[..80]).host.is_none());
        assert!(find(&whole[..40]).version.is_none());
        assert!(find(b"nothing").user.is_none());
    }

    #[test]
    fn a_server_says_its_name() {
        let list: Vec<u8> = [(2_u16, "BRIDGE"), (1, "SRV-1"), (0, "")]
            .iter()
            .flat_map(|(kind, text)| {
                let text = wide(text);
                [&kind.to_le_bytes()[..], &u16::try_from(text.len()).unwrap().to_le_bytes(), &text].concat()
            })
            .collect();
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend(2_u32.to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend((HAS_VERSION | UNICODE).to_le_bytes());
        bytes.extend([0; 16]);
        let length = u16::try_from(list.len()).unwrap().to_le_bytes();
        bytes.extend([length, length].concat());
        bytes.extend(56_u32.to_le_bytes());
        bytes.extend([10, 0, 0x39, 0x38, 0, 0, 0, 15]);
        bytes.extend(list);
        let ntlm = find(&bytes);
        assert_eq!((ntlm.host.unwrap().as_str(), ntlm.domain.unwrap().as_str()), ("SRV-1", "BRIDGE"));
        assert_eq!(ntlm.version.unwrap().as_str(), "10.0.14393");
    }
}
