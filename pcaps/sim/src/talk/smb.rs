//! SMB 2.1 (MS-SMB2): negotiate, log in (NTLM, opaque), connect to a share, open a pipe or a file.
//!
//! Only what a passive listener can read is right: sizes, commands, names. Keys and hashes are random bytes.

use crate::rng::Rng;

/// Command numbers of the header.
const NEGOTIATE: u16 = 0;
const SESSION_SETUP: u16 = 1;
const TREE_CONNECT: u16 = 3;
const CREATE: u16 = 5;

/// "More processing required".
const MORE: u32 = 0xC000_0016;

/// Characters as UTF-16LE.
fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A message behind its NetBIOS session length and 64-byte header.
fn message(command: u16, reply: bool, number: u64, status: u32, session: u64, tree: u32, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0xFE, b'S', b'M', b'B', 64, 0, 1, 0];
    out.extend_from_slice(&status.to_le_bytes());
    out.extend_from_slice(&command.to_le_bytes());
    out.extend_from_slice(&[31, 0]);
    out.extend_from_slice(&u32::from(reply).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&[0xFF, 0xFE, 0, 0]);
    out.extend_from_slice(&tree.to_le_bytes());
    out.extend_from_slice(&session.to_le_bytes());
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(body);
    [&(out.len() as u32).to_be_bytes()[..], &out].concat()
}

/// NTLMSSP message with its signature and number; every field in the rest is empty.
fn ntlm(kind: u8, length: usize) -> Vec<u8> {
    [b"NTLMSSP\0".as_slice(), &[kind, 0, 0, 0], &vec![0; length]].concat()
}

/// Questions and answers from the greeting to an open file: `share` such as `\\10.0.0.1\ADMIN$`, `file` such as `svcctl`.
pub(crate) fn conversation(rng: &mut Rng, share: &str, pipe: bool, file: &str) -> Vec<[Vec<u8>; 2]> {
    let session = 0x0400_0000_0001_u64 | (rng.bits() & 0xFF00);
    let mut ask = vec![36, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    ask.extend_from_slice(&rng.bytes(16));
    ask.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0x10, 2]);
    let mut answer = vec![65, 0, 1, 0, 0x10, 2, 0, 0];
    answer.extend_from_slice(&rng.bytes(16));
    for word in [7_u32, 0x10_0000, 0x10_0000, 0x10_0000] {
        answer.extend_from_slice(&word.to_le_bytes());
    }
    answer.extend_from_slice(&[0; 16]);
    answer.extend_from_slice(&[128, 0, 0, 0, 0, 0, 0, 0]);
    let negotiate = [message(NEGOTIATE, false, 0, 0, 0, 0, &ask), message(NEGOTIATE, true, 0, 0, 0, 0, &answer)];
    let set_up = |token: &[u8], number: u64, session: u64| {
        let mut body = vec![25, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 88, 0];
        body.extend_from_slice(&(token.len() as u16).to_le_bytes());
        body.extend_from_slice(&[0; 8]);
        body.extend_from_slice(token);
        message(SESSION_SETUP, false, number, 0, session, 0, &body)
    };
    let granted = |token: &[u8], number: u64, status: u32| {
        let mut body = vec![9, 0, 0, 0, 72, 0];
        body.extend_from_slice(&(token.len() as u16).to_le_bytes());
        body.extend_from_slice(token);
        message(SESSION_SETUP, true, number, status, session, 0, &body)
    };
    let (hello, challenge, proof) = (ntlm(1, 28), ntlm(2, 44), ntlm(3, 60));
    let path = wide(share);
    let mut tree = vec![9, 0, 0, 0, 72, 0];
    tree.extend_from_slice(&(path.len() as u16).to_le_bytes());
    tree.extend_from_slice(&path);
    let kind = if pipe { 2 } else { 1 };
    let tree_answer = [16, 0, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 1, 0x1F, 0];
    let name = wide(file);
    let mut create = vec![57, 0, 0, 0, 2, 0, 0, 0];
    create.extend_from_slice(&[0; 16]);
    for word in [0x0012_019F_u32, 0, 7, 1, 0] {
        create.extend_from_slice(&word.to_le_bytes());
    }
    create.extend_from_slice(&[120, 0]);
    create.extend_from_slice(&(name.len() as u16).to_le_bytes());
    create.extend_from_slice(&[0; 8]);
    create.extend_from_slice(&name);
    let mut created = vec![89, 0, 0, 0, 1, 0, 0, 0];
    created.extend_from_slice(&[0; 48]);
    created.extend_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0]);
    created.extend_from_slice(&rng.bytes(16));
    created.extend_from_slice(&[0; 8]);
    vec![
        negotiate,
        [set_up(&hello, 1, 0), granted(&challenge, 1, MORE)],
        [set_up(&proof, 2, session), granted(&[], 2, 0)],
        [
            message(TREE_CONNECT, false, 3, 0, session, 0, &tree),
            message(TREE_CONNECT, true, 3, 0, session, 5, &tree_answer),
        ],
        [message(CREATE, false, 4, 0, session, 5, &create), message(CREATE, true, 4, 0, session, 5, &created)],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structure_sizes() {
        // MS-SMB2 2.2.3, 2.2.5, 2.2.9, 2.2.13: the first word of each body.
        let mut rng = Rng::stream(1, "test", "smb");
        let all = conversation(&mut rng, r"\\10.0.0.1\ADMIN$", false, "x");
        let sizes: Vec<_> = all.iter().map(|[ask, answer]| (ask[68], answer[68])).collect();
        assert_eq!(sizes, [(36, 65), (25, 9), (25, 9), (9, 16), (57, 89)]);
        for [ask, answer] in all {
            for packet in [ask, answer] {
                assert_eq!(u32::from_be_bytes([packet[0], packet[1], packet[2], packet[3]]) as usize + 4, packet.len());
            }
        }
    }
}
