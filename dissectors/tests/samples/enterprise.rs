//! Conversations of the protocols of offices and infrastructure, built from their specifications.

use dogwatch_dissectors::Carrier;
use dogwatch_model::Direction::{ToClient, ToServer};

use super::{Sample, sample, text};

/// Samples of this room.
pub(crate) fn samples() -> Vec<Sample> {
    let mut all = mail_and_voice();
    all.extend(directories());
    all
}

fn mail_and_voice() -> Vec<Sample> {
    vec![
        text(
            "sip",
            Carrier::Tcp,
            5060,
            &[
                (
                    ToServer,
                    "REGISTER sip:pbx SIP/2.0\r\nTo: <sip:1@pbx>\r\nCSeq: 1 REGISTER\r\nContent-Length: 2\r\n\r\nab",
                ),
                (ToClient, "SIP/2.0 401 No\r\nCSeq: 1 REGISTER\r\n\r\nSIP/2.0 100 Trying\r\n\r\n"),
            ],
        ),
        text("sip", Carrier::Udp, 5060, &[(ToServer, "OPTIONS sip:pbx SIP/2.0\r\nFrom: sip:a@b\r\n\r\n")]),
        text(
            "rtsp",
            Carrier::Tcp,
            554,
            &[
                (ToServer, "DESCRIBE rtsp://cam/1 RTSP/1.0\r\nCSeq: 1\r\n\r\nPLAY rtsp://cam/1 RTSP/1.0\r\n\r\n"),
                (ToClient, "RTSP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nv=0RTSP/1.0 200 OK\r\n\r\n$\0\0\u{3}abc"),
            ],
        ),
        text(
            "smtp",
            Carrier::Tcp,
            25,
            &[
                (ToClient, "220 mail.ship.example ESMTP\r\n"),
                (ToServer, "EHLO a\r\nMAIL FROM:<a@b>\r\n"),
                (ToClient, "250-mail.ship.example\r\n250 HELP\r\n250 ok\r\n"),
            ],
        ),
        text(
            "imap",
            Carrier::Tcp,
            143,
            &[
                (ToClient, "* OK IMAP4rev1 ready\r\n"),
                (ToServer, "a1 LOGIN mate secret\r\n"),
                (ToClient, "* CAPABILITY X\r\na1 OK in\r\n"),
            ],
        ),
        text(
            "pop3",
            Carrier::Tcp,
            110,
            &[
                (ToClient, "+OK POP3 ready\r\n"),
                (ToServer, "USER mate\r\nPASS secret\r\n"),
                (ToClient, "+OK\r\n-ERR no\r\n"),
            ],
        ),
    ]
}

fn directories() -> Vec<Sample> {
    let kerberos = "6a 35 30 33 a103020105 a20302010a a4 27 30 25 a2 06 1b 04 53484950 a3 1b 30 19 a003020102 a1 12 30 10 1b 06 6b7262746774 1b 06 534849502e4e";
    vec![
        sample(
            "ldap",
            Carrier::Tcp,
            389,
            &[
                (ToServer, "30 0c 020101 60 07 020103 0400 8000 30 0c 020102 63 07 0405 64633d7878"),
                (ToClient, "30 84 00000010 020101 61 84 00000007 0a0100 0400 0400"),
            ],
        ),
        sample("kerberos", Carrier::Udp, 88, &[(ToServer, kerberos)]),
        sample("kerberos", Carrier::Tcp, 88, &[(ToServer, &format!("00000037 {kerberos} 00000037 {kerberos}"))]),
        sample("radius", Carrier::Udp, 1812, &[(ToServer, &format!("01 07 001a {} 01 06 6d617465", "09".repeat(16)))]),
    ]
}
