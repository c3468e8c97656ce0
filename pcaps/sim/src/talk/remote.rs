//! What is said when somebody logs in from afar: Telnet (RFC 854), FTP (RFC 959), SSH up to the key exchange (RFC 4253), RDP up to TLS
//! (MS-RDPBCGR, 2.2.1), and plain HTTP (RFC 9110).

use crate::rng::Rng;
use crate::wire::session::End;

/// What one end says after the other, without line ends of its own.
pub(crate) type Line = (End, Vec<u8>);

fn text(end: End, text: &str) -> Line {
    (end, text.as_bytes().to_vec())
}

/// A Telnet login with echo offered by the server; `ok` tells whether it succeeds.
pub(crate) fn telnet_login(banner: &str, user: &str, password: &str, ok: bool) -> Vec<Line> {
    // IAC WILL ECHO, IAC WILL SUPPRESS-GO-AHEAD; answered by IAC DO of both.
    let mut out = vec![(End::Server, vec![255, 251, 1, 255, 251, 3]), (End::Client, vec![255, 253, 1, 255, 253, 3])];
    out.push(text(End::Server, &format!("\r\n{banner}\r\n\r\nUser: ")));
    out.push(text(End::Client, &format!("{user}\r\n")));
    out.push(text(End::Server, "\r\nPassword: "));
    out.push(text(End::Client, &format!("{password}\r\n")));
    out.push(text(End::Server, if ok { "\r\n\r\nLogin successful.\r\n> " } else { "\r\nLogin incorrect\r\n" }));
    out
}

/// An FTP login.
pub(crate) fn ftp_login(banner: &str, user: &str, password: &str, ok: bool) -> Vec<Line> {
    vec![
        text(End::Server, &format!("220 {banner}\r\n")),
        text(End::Client, &format!("USER {user}\r\n")),
        text(End::Server, &format!("331 Password required for {user}.\r\n")),
        text(End::Client, &format!("PASS {password}\r\n")),
        text(End::Server, if ok { "230 User logged in.\r\n" } else { "530 Login incorrect.\r\n" }),
    ]
}

/// One binary packet without encryption: length, padding to blocks of 8 bytes.
fn ssh_packet(payload: &[u8]) -> Vec<u8> {
    let padding = 4 + (8 - (payload.len() + 9) % 8) % 8;
    let mut out = ((payload.len() + padding + 1) as u32).to_be_bytes().to_vec();
    out.push(padding as u8);
    out.extend_from_slice(payload);
    out.resize(out.len() + padding, 0);
    out
}

/// The list of algorithms (SSH_MSG_KEXINIT, 20).
fn ssh_key_exchange_init(rng: &mut Rng) -> Vec<u8> {
    let mut out = vec![20];
    out.extend_from_slice(&rng.bytes(16));
    let cipher = "aes128-ctr,aes256-ctr";
    for list in [
        "curve25519-sha256,diffie-hellman-group14-sha256",
        "ssh-ed25519,rsa-sha2-256",
        cipher,
        cipher,
        "hmac-sha2-256",
        "hmac-sha2-256",
        "none",
        "none",
        "",
        "",
    ] {
        out.extend_from_slice(&(list.len() as u32).to_be_bytes());
        out.extend_from_slice(list.as_bytes());
    }
    out.extend_from_slice(&[0, 0, 0, 0, 0]);
    ssh_packet(&out)
}

/// A session from the greetings to the first encrypted bytes; `key` is the server's public key (32 bytes, Ed25519).
pub(crate) fn ssh_session(rng: &mut Rng, client: &str, server: &str, key: &[u8]) -> Vec<Line> {
    let string = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat();
    let named = |bytes: &[u8]| [string(b"ssh-ed25519"), string(bytes)].concat();
    let question = [vec![30], string(&rng.bytes(32))].concat();
    // SSH_MSG_KEX_ECDH_REPLY (31): host key, the server's share, signature; then SSH_MSG_NEWKEYS (21).
    let answer = [vec![31], string(&named(key)), string(&rng.bytes(32)), string(&named(&rng.bytes(64)))].concat();
    let new_keys = ssh_packet(&[21]);
    vec![
        text(End::Client, &format!("SSH-2.0-{client}\r\n")),
        text(End::Server, &format!("SSH-2.0-{server}\r\n")),
        (End::Client, ssh_key_exchange_init(rng)),
        (End::Server, ssh_key_exchange_init(rng)),
        (End::Client, ssh_packet(&question)),
        (End::Server, [ssh_packet(&answer), new_keys.clone()].concat()),
        (End::Client, [new_keys, rng.bytes(44)].concat()),
        (End::Server, rng.bytes(44)),
        (End::Client, rng.bytes(68)),
        (End::Server, rng.bytes(52)),
    ]
}

/// The first two packets of a remote desktop: what the client is called, and that both will speak TLS with network login.
pub(crate) fn rdp_opening(user: &str) -> [Vec<u8>; 2] {
    let cookie = format!("Cookie: mstshash={user}\r\n");
    let wanted = [&[0xE0, 0, 0, 0, 0, 0], cookie.as_bytes(), &[1, 0, 8, 0, 3, 0, 0, 0]].concat();
    let granted = [0xD0, 0, 0, 0x12, 0x34, 0, 2, 0x1F, 8, 0, 2, 0, 0, 0];
    [tpkt(&wanted), tpkt(&granted)]
}

/// A packet of ISO transport over TCP (RFC 1006): version 3, length; then a length indicator and a transport header (ISO 8073).
fn tpkt(header: &[u8]) -> Vec<u8> {
    let mut out = vec![3, 0];
    out.extend_from_slice(&((header.len() + 5) as u16).to_be_bytes());
    out.push(header.len() as u8);
    out.extend_from_slice(header);
    out
}

/// A request for a page.
pub(crate) fn http_get(host: &str, path: &str, agent: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\n\r\n").into_bytes()
}

/// A page, or a file.
pub(crate) fn http_ok(server: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 200 OK\r\nServer: {server}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssh_packets_are_whole_blocks() {
        // RFC 4253, section 6: length of (length, padding length, payload, padding) a multiple of 8, at least four bytes of padding.
        let mut rng = Rng::stream(1, "test", "ssh");
        for packet in [ssh_packet(&[21]), ssh_packet(&[1; 7]), ssh_key_exchange_init(&mut rng)] {
            assert_eq!(packet.len() % 8, 0);
            let length = u32::from_be_bytes([packet[0], packet[1], packet[2], packet[3]]) as usize;
            assert_eq!(length + 4, packet.len());
            assert!(packet[4] >= 4);
        }
    }

    #[test]
    fn remote_desktop_request() {
        // MS-RDPBCGR 4.1.1 is 44 bytes long for the user "eltons": TPKT 2c, length indicator 27.
        let [request, _] = rdp_opening("eltons");
        assert_eq!(request[..11], [3, 0, 0, 0x2C, 0x27, 0xE0, 0, 0, 0, 0, 0]);
        assert_eq!(request.len(), 0x2C);
    }
}
