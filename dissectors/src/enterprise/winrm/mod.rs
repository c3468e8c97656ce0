//! WinRM, the remote shell of Windows: HTTP whose first request posts to `/wsman`. Read as HTTP, told as winrm.
//!
//! Deliberately not named: WinRM inside TLS. Specification: MS-WSMV, DMTF DSP0226.

use crate::enterprise::http;
use crate::framed::FramedProtocol;
use crate::{Carrier, Hint, Probe};

/// WinRM.
pub(crate) static WINRM: FramedProtocol = FramedProtocol {
    name: "winrm",
    hints: &[Hint::Tcp(5985)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| {
        let shared = START.len().min(head.len());
        match (head.get(..shared) == START.get(..shared), head.get(START.len())) {
            // the path ends here or goes on below it
            (true, Some(b' ' | b'/' | b'?')) => Probe::Yes,
            _ => Probe::No,
        }
    },
    frames: http::frames,
};

const START: &[u8] = b"POST /wsman";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::Conversation;
    use dogwatch_model::Direction::ToServer;

    #[test]
    fn only_its_own_path() {
        let request = b"POST /wsman HTTP/1.1\r\nHost: server7:5985\r\nContent-Length: 0\r\n\r\n";
        for (bytes, want) in [
            (&request[..], Probe::Yes),
            (b"POST /wsman?PSVersion=5.1 HTTP/1.1\r\n", Probe::Yes),
            (b"POST /wsmanager HTTP/1.1\r\n", Probe::No),
            (b"GET /wsman HTTP/1.1\r\n", Probe::No),
            (b"POST /", Probe::No),
        ] {
            assert_eq!(WINRM.probe(Carrier::Tcp, ToServer, bytes), want, "{bytes:?}");
        }
        let mut conversation = Conversation::new(&WINRM, Carrier::Tcp, 5985);
        conversation.send(ToServer, request);
        assert_eq!(conversation.heard.seen[0].protocol, "winrm");
        assert_eq!(conversation.heard.seen[0].field("host"), "server7:5985");
    }
}
