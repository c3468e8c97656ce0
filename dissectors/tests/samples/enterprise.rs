//! Conversations of the protocols of offices and infrastructure, built from their specifications.

use dogwatch_dissectors::Carrier;
use dogwatch_model::Direction::{ToClient, ToServer};

use super::{Sample, sample, text};

/// Samples of this room.
pub(crate) fn samples() -> Vec<Sample> {
    let mut all = mail_and_voice();
    all.extend(directories());
    all.extend(windows_and_quic());
    all.extend(neighbours());
    all.extend(tunnels());
    all.extend(databases_and_devices());
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

fn windows_and_quic() -> Vec<Sample> {
    let bind = "05 00 0b 03 10 000000 4800 0000 01000000 d016 d016 00000000 01 000000 0000 01 00 81bb7a364498f135ad3298f038001003 02000000 045d888aeb1cc9119fe808002b104860 02000000";
    vec![
        sample(
            "dcerpc",
            Carrier::Tcp,
            135,
            &[
                (ToServer, &format!("{bind} 05 00 00 03 10 000000 1800 0000 02000000 00000000 0000 0f00")),
                (ToClient, "05 00 02 03 10 000000 1800 0000 02000000 00000000 0000 0000"),
            ],
        ),
        // Protected by some key or other: recognised by its header alone.
        sample(
            "quic",
            Carrier::Udp,
            443,
            &[(ToServer, &format!("c3 00000001 08 0102030405060708 00 00 4030 {}", "ab".repeat(48)))],
        ),
    ]
}

fn neighbours() -> Vec<Sample> {
    let route = "0002 0000 0a000000 ff000000 00000000 00000001";
    vec![
        sample("hsrp", Carrier::Udp, 1985, &[(ToServer, "00 00 10 03 0a 5a 0a 00 636973636f000000 0a1ca8fe")]),
        sample("dhcpv6", Carrier::Udp, 547, &[(ToServer, "01 00abcd 0001 000e 0001 0001 2a2b2c2d 020000000007")]),
        sample("eapol", Carrier::Ethernet, 0, &[(ToServer, "02 00 0009 02 01 0009 01 6d617465")]),
        sample(
            "lacp",
            Carrier::Ethernet,
            0,
            &[(
                ToServer,
                "01 01 01 14 8000 020000000001 0001 8000 0003 3d 000000 02 14 8000 020000000002 0005 8000 0004 3d 000000",
            )],
        ),
        sample("rip", Carrier::Udp, 520, &[(ToServer, &format!("02 02 0000 {route}"))]),
        sample(
            "mndp",
            Carrier::Udp,
            5678,
            &[(ToServer, "0000 0101 0001 0006 020000000009 0005 0003 737731 000c 0004 52423935")],
        ),
        sample(
            "ubnt",
            Carrier::Udp,
            10_001,
            &[(ToServer, "01 00 0018 02 000a 020000000009 0a000009 03 0003 362e31 0b 0002 6170")],
        ),
    ]
}

fn tunnels() -> Vec<Sample> {
    let open = "38 0102030405060708 00 00000000";
    vec![
        sample("wireguard", Carrier::Udp, 51_820, &[(ToServer, &format!("01000000 {}", "5a".repeat(144)))]),
        sample("openvpn", Carrier::Udp, 1194, &[(ToServer, open)]),
        sample("openvpn", Carrier::Tcp, 1194, &[(ToServer, &format!("000e {open} 000e {open}"))]),
        sample(
            "ipsec",
            Carrier::Udp,
            500,
            &[(ToServer, "0102030405060708 0000000000000000 21 20 22 08 00000000 00000020 00000004")],
        ),
        sample(
            "l2tp",
            Carrier::Udp,
            1701,
            &[(ToServer, "c802 001d 0000 0000 0000 0000 8008 0000 0000 0001 8009 0000 0007 677731")],
        ),
        sample(
            "pptp",
            Carrier::Tcp,
            1723,
            &[(
                ToServer,
                &format!("009c 0001 1a2b3c4d 0001 0000 {} 0010 0001 1a2b3c4d 0005 0000 00000001", "00".repeat(144)),
            )],
        ),
        // RFC 1282: an empty text, the accounts here and there, terminal and speed; the server's zero byte.
        sample(
            "rlogin",
            Carrier::Tcp,
            513,
            &[(ToServer, "00 70696c6f7400 726f6f7400 787465726d2f333834303000"), (ToClient, "00")],
        ),
        // 4.2BSD rcmd: a port for errors, the accounts here and there, the command.
        sample(
            "rsh",
            Carrier::Tcp,
            514,
            &[(ToServer, "3130323100 70696c6f7400 726f6f7400 757074696d6500"), (ToClient, "00")],
        ),
        // rendezvous.proto: register_peer (field 6) with an id (field 1) and a number (field 2).
        sample("rustdesk", Carrier::Udp, 21_116, &[(ToServer, "32 0d 0a 09 313233343536373839 10 01")]),
        sample(
            "teamviewer",
            Carrier::Tcp,
            5_938,
            &[
                (ToServer, "17240a2000 0000000000000000000000000000000000000000000000000000000000000000"),
                (ToClient, "17240a2000 0000000000000000000000000000000000000000000000000000000000000000"),
            ],
        ),
        text(
            "winrm",
            Carrier::Tcp,
            5_985,
            &[
                (ToServer, "POST /wsman HTTP/1.1\r\nHost: server7:5985\r\nContent-Length: 0\r\n\r\n"),
                (ToClient, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"),
            ],
        ),
        // RFC 5246 clause 7.4.1.2, RFC 6066 clause 3: a hello that calls relay-a1.net.anydesk.com.
        sample(
            "anydesk",
            Carrier::Tcp,
            443,
            &[(
                ToServer,
                "16030100500100004c03030707070707070707070707070707070707070707070707070707070707070707000002c02f010000210000001d001b00001872656c61792d61312e6e65742e616e796465736b2e636f6d",
            )],
        ),
        // MS-CIFS 2.2.4.52: NT LM 0.12 is offered and taken.
        sample(
            "smb",
            Carrier::Tcp,
            445,
            &[
                (
                    ToServer,
                    "0000002f ff534d42 72 00000000 18 01c8 000000000000000000000000 0000 0000 0000 0000 00 0c00 024e54204c4d20302e313200",
                ),
                (
                    ToClient,
                    "00000045 ff534d42 72 00000000 98 01c8 000000000000000000000000 0000 0000 0000 0000 11 00000000000000000000000000000000000000000000000000000000000000000000 0000",
                ),
            ],
        ),
        // RFC 3550: a report with the sender's name, then packets of G.711.
        sample(
            "rtp",
            Carrier::Udp,
            5_004,
            &[
                (ToServer, "80 c9 0001 00000001 81 ca 0005 00000001 01 05 63616d4031 06 03 566964 00 000000"),
                (ToServer, "80 08 0001 00000050 00000001 d5d5d5d5"),
                (ToClient, "90 00 0001 00000050 00000002 bede 0001 00000000 ffffffff"),
            ],
        ),
        sample(
            "stun",
            Carrier::Udp,
            3478,
            &[(ToServer, "0003 000c 2112a442 000102030405060708090a0b 8022 0005 41626364 65 000000")],
        ),
        sample(
            "bittorrent",
            Carrier::Tcp,
            6881,
            &[(
                ToServer,
                &format!(
                    "13426974546f7272656e742070726f746f636f6c {} 2d7142343530302d {} aabb",
                    "00".repeat(28),
                    "61".repeat(12)
                ),
            )],
        ),
        text(
            "stratum",
            Carrier::Tcp,
            3333,
            &[(
                ToServer,
                "{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": []}\n{\"method\":\"mining.submit\"}\n",
            )],
        ),
    ]
}

fn databases_and_devices() -> Vec<Sample> {
    let greeting = format!(
        "3e 000000 0a 382e302e333200 07000000 0102030405060708 00 ffff 21 0200 ffff 15 {} {}",
        "00".repeat(10),
        "09".repeat(23)
    );
    let login = format!("26 000001 85a60300 00000001 21 {} 6d61746500 00", "00".repeat(23));
    let titles = "41524348495645202020202020202020 58524159202020202020202020202020";
    vec![
        sample(
            "mysql",
            Carrier::Tcp,
            3306,
            &[(ToClient, &greeting), (ToServer, &login), (ToClient, "03 000002 000000 aabbccddee")],
        ),
        sample(
            "postgresql",
            Carrier::Tcp,
            5432,
            &[
                (ToServer, "00000008 04d2162f"),
                (ToClient, "4e"),
                (ToServer, "00000014 00030000 75736572 00 6d617465 00 00 00"),
                (ToClient, "52 00000008 00000000 5a 00000005 49 ffff"),
            ],
        ),
        sample(
            "tds",
            Carrier::Tcp,
            1433,
            &[
                (ToServer, "12 01 0023 0000 01 00 00 0010 0006 01 0016 0001 ff 000000000000 00 00000000 00 00000000"),
                (ToServer, "01 01 0024 0000 01 00 16000000 12000000 0200 0000000000000000 01000000 73006500 5400"),
            ],
        ),
        sample("mavlink", Carrier::Udp, 14_550, &[(ToServer, "fe0901070100000000000000000000472b")]),
        sample(
            "mavlink",
            Carrier::Tcp,
            5_760,
            &[(ToServer, "fe0901070100000000000000000000472b fe0901070100000000000000000000472b")],
        ),
        sample("doip", Carrier::Udp, 13_400, &[(ToServer, "ff 00 0001 00000000")]),
        sample("doip", Carrier::Tcp, 13_400, &[(ToServer, "02 fd 8001 00000006 0e00 0001 34 00 02 fd 0007 00000000")]),
        sample(
            "dicom",
            Carrier::Tcp,
            104,
            &[
                (
                    ToServer,
                    &format!("01 00 00000140 0001 0000 {titles} {} 10 00 00f8 {}", "00".repeat(32), "31".repeat(248)),
                ),
                (ToClient, "03 00 00000004 00010101"),
            ],
        ),
        text(
            "hl7",
            Carrier::Tcp,
            2575,
            &[(
                ToServer,
                "\u{b}MSH|^~\\&|LAB|SHIP|CLINIC||2027||ORU^R01|1|P|2.5\r\u{1c}\r\u{b}MSH|^~\\&|LAB\r\u{1c}\r",
            )],
        ),
    ]
}
