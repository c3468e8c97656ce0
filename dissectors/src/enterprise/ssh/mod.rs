//! SSH: the version line of each side. Everything behind it is key exchange and cipher text.
//!
//! Specification: RFC 4253 clause 4.2.

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::FramedProtocol;
use crate::once::Greeting;
use crate::sides::from_client;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// SSH.
pub(crate) static SSH: FramedProtocol = FramedProtocol {
    name: "ssh",
    hints: &[Hint::Tcp(22)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| match length(head) {
        Ok(Some(_)) => Probe::Yes,
        Ok(None) => Probe::NeedMore,
        Err(_) => Probe::No,
    },
    frames: |_| Box::new(Greeting { length, read }),
};

/// Longest version line (clause 4.2).
const LONGEST: usize = 255;

fn length(bytes: &[u8]) -> Result<Option<usize>, ParseError> {
    const WANTED: &[u8] = b"SSH-";
    let error = ParseError::Malformed { what: "ssh version", at: 0, why: "must begin with SSH-" };
    let shared = WANTED.len().min(bytes.len());
    if bytes.get(..shared) != WANTED.get(..shared) {
        return Err(error);
    }
    match bytes.iter().take(LONGEST).position(|byte| *byte == b'\n') {
        Some(end) => Ok(Some(end.saturating_add(1))),
        None if bytes.len() >= LONGEST => Err(error),
        None => Ok(None),
    }
}

fn read(chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let line = printable(bytes);
    let client = from_client(chunk, &[22]);
    let object = Object::Device { unit: None };
    let mut acts = Acts::new();
    if client {
        acts.request(Verb::Login, object);
    }
    // `SSH-2.0-` and then software, version and comments.
    let software = line.and_then(|line| line.splitn(3, '-').nth(2));
    acts.says_text(Attribute::SoftwareVersion, software, 75, "ssh.version");
    let fields = Shown(|visit| visit.maybe_text("protocol", line));
    emit.message(if client { "client-version" } else { "server-version" }, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::Conversation;
    use dogwatch_model::Direction::{ToClient, ToServer};

    #[test]
    fn both_sides() {
        let mut conversation = Conversation::new(&SSH, Carrier::Tcp, 22);
        conversation.send(ToClient, b"SSH-2.0-dropbear_2019.78\r\n\x00\x00\x01\x02");
        conversation.send(ToServer, b"SSH-2.0-PuTTY-0.80\r\n");
        conversation.send(ToServer, &[0x55; 600]);
        assert_eq!(conversation.heard.seen.len(), 2);
        assert_eq!(conversation.heard.seen[0].acts, ["says software_version=dropbear_2019.78 (ssh.version)"]);
        assert_eq!(
            conversation.heard.seen[1].acts,
            ["request login device", "says software_version=PuTTY-0.80 (ssh.version)"]
        );
    }

    #[test]
    fn what_the_first_bytes_tell() {
        for (bytes, want) in [
            (&b"SS"[..], Probe::NeedMore),
            (b"SSH-2.0-x\r\n", Probe::Yes),
            (b"SMB", Probe::No),
            (&[b'S'; 300], Probe::No),
        ] {
            assert_eq!(SSH.probe(Carrier::Tcp, ToServer, bytes), want);
        }
    }
}
