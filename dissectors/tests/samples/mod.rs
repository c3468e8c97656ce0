//! One short conversation a protocol, built from its specification, for the tests that run over every protocol.

mod enterprise;

use dogwatch_dissectors::Carrier;
use dogwatch_model::Direction::{self, ToClient, ToServer};

use crate::support::hex;

/// A conversation: where it runs and what is said.
pub(crate) struct Sample {
    /// Protocol name.
    pub(crate) protocol: &'static str,
    /// What carries it.
    pub(crate) carrier: Carrier,
    /// Server port.
    pub(crate) port: u16,
    /// Messages in order.
    pub(crate) parts: Vec<(Direction, Vec<u8>)>,
}

fn sample(protocol: &'static str, carrier: Carrier, port: u16, parts: &[(Direction, &str)]) -> Sample {
    let parts = parts.iter().map(|(direction, text)| (*direction, hex(text))).collect();
    Sample { protocol, carrier, port, parts }
}

fn text(protocol: &'static str, carrier: Carrier, port: u16, parts: &[(Direction, &str)]) -> Sample {
    let parts = parts.iter().map(|(direction, text)| (*direction, text.as_bytes().to_vec())).collect();
    Sample { protocol, carrier, port, parts }
}

/// All samples.
pub(crate) fn samples() -> Vec<Sample> {
    let mut all = first_samples();
    all.extend(enterprise::samples());
    all
}

fn first_samples() -> Vec<Sample> {
    let dns = "0007 0100 0001 0000 0000 0000 036e7470 06627269646765 00 0001 0001";
    vec![
        sample(
            "modbus",
            Carrier::Tcp,
            502,
            &[
                (ToServer, "0001 0000 0006 01 03 0028 0002 0002 0000 0006 01 01 0000 0003"),
                (ToClient, "0001 0000 0007 01 03 04 0001 0002 0002 0000 0004 01 01 01 05"),
                (ToServer, "0003 0000 000b 01 10 0001 0002 04 000a 0102 0004 0000 0005 01 2b 0e 01 00"),
                (ToClient, "0003 0000 0003 01 90 02 0004 0000 000e 01 2b 0e 01 01 00 00 01 00 04 41636d65"),
            ],
        ),
        sample(
            "modbus-rtu",
            Carrier::Tcp,
            4_001,
            // MODBUS over Serial Line, clause 6.2.2: the checksum of 02 07 is 41 12; the others by the same rule.
            &[(ToServer, "11 03 006b 0003 7687"), (ToClient, "11 03 06 ae41 5652 4340 49ad")],
        ),
        sample(
            "s7comm",
            Carrier::Tcp,
            102,
            &[
                (ToServer, "0300001f 02f080 32 01 0000 0005 000e 0000 04 01 12 0a 10 02 0040 000a 84 000000"),
                (ToClient, "03000015 02f080 32 03 0000 0005 0002 0000 8104 04 01"),
                (ToServer, "0300001c 02f080 32 01 0000 0006 000b 0000 29 0000000000 09 5f5f5f5f"),
            ],
        ),
        sample(
            "iec104",
            Carrier::Tcp,
            2404,
            &[
                (ToServer, "68 04 07 00 00 00 68 0e 0000 0000 2d 01 06 00 0100 0a0000 01"),
                (ToClient, "68 0e 0000 0200 2d 01 07 00 0100 0a0000 01 68 04 01 00 02 00"),
            ],
        ),
        sample(
            "enip",
            Carrier::Tcp,
            44_818,
            &[
                (ToServer, "6500 0400 00000000 00000000 0000000000000000 00000000 0100 0000"),
                (
                    ToServer,
                    "6f00 1600 07000000 00000000 0900000000000000 00000000 00000000 0000 0200 0000 0000 b200 0600 01 02 20 01 24 01",
                ),
            ],
        ),
        sample(
            "enip-io",
            Carrier::Udp,
            2_222,
            &[(ToServer, "0200 0280 0800 01000a00 2a000000 b100 0600 0100 01000000")],
        ),
        sample("enip", Carrier::Udp, 44_818, &[(ToServer, "6300 0000 00000000 00000000 0000000000000000 00000000")]),
        sample("bacnet", Carrier::Udp, 47_808, &[(ToServer, "81 0b 000c 0120ffff00ff 1008")]),
        sample("bacnet", Carrier::Llc, 0, &[(ToServer, "82 82 03 01 20 ffff 00 ff 1008")]),
        sample(
            "opcua",
            Carrier::Tcp,
            4840,
            &[
                (ToServer, "48454c46 25000000 000000000000000000000000000000000000000005000000 6f70632e70"),
                (
                    ToServer,
                    "4d534746 3a000000 00000000000000000000000000000000 01007702 0000 0000000000000000 01000000 00000000 ffffffff 00000000 0000 00",
                ),
            ],
        ),
        sample(
            "mms",
            Carrier::Tcp,
            102,
            &[
                (
                    ToServer,
                    "0300002a 02f080 01000100 611d301b020103 a016 a014020101 a40f800100a10aa0083006a00480026d75 0300000b 02f000 01000100",
                ),
                (ToServer, "03000012 02f080 61093007020103 a002 8b00"),
                (
                    ToClient,
                    "0300001f 02f080 01000100 61123010020103 a00b a109020101 a404 a102 8000 03000009 02f080 8c00",
                ),
            ],
        ),
        sample(
            "s7comm-plus",
            Carrier::Tcp,
            102,
            &[
                (ToServer, "0300002202f0807201001331000004ca0000000100000120360000011d0072010000"),
                (ToClient, "0300001c02f0807201000d32000004ca000000013600018772010000"),
                (
                    ToServer,
                    "0300001d02f0807201001231000004f200000002000003a234000000000300001302f080720100045555555572010000",
                ),
            ],
        ),
        sample(
            "knxip",
            Carrier::Udp,
            3671,
            &[
                (ToServer, "0610 0201 000e 0801 0a000001 e1a1"),
                (ToClient, "0610 0530 0011 29 00 bc e0 1103 0a01 01 0081"),
            ],
        ),
        sample(
            "knxip",
            Carrier::Tcp,
            3671,
            &[(
                ToServer,
                "0610 0205 001a 0802 00000000 0000 0802 00000000 0000 04040200 0610 0203 000e 0802 00000000 0000",
            )],
        ),
        sample(
            "powerlink",
            Carrier::Ethernet,
            0,
            &[(
                ToServer,
                "01fff0 000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
            )],
        ),
        sample(
            "egd",
            Carrier::Udp,
            18_246,
            &[(ToServer, "0d01 0500 0a000014 02000000 00105e5f 80841e00 01000000 07000000 00000000 00010203")],
        ),
        sample(
            "amqp",
            Carrier::Tcp,
            5672,
            &[
                (ToServer, "414d515000000901 01 0001 0000000d 003c0028 0000 02 6578 01 6b 00 ce"),
                (ToClient, "08 0000 00000000 ce 01 0001 00000007 003c0015 02 6374 ce"),
            ],
        ),
        sample(
            "rtps",
            Carrier::Udp,
            7400,
            &[(ToServer, "52545053 0203 0110 0102030405060708090a0b0c 0901 0800 0000000000000000")],
        ),
        sample(
            "coap",
            Carrier::Udp,
            5683,
            &[(ToServer, "41 03 1234 71 b5 76616c7665 01 32 ff 31"), (ToClient, "61 83 1234 71")],
        ),
        // Emerson D301180X012: the clock is read, a parameter written; checksums by CRC-16/MODBUS.
        sample(
            "roc-plus",
            Carrier::Tcp,
            4_000,
            &[
                (ToServer, "05c8f0000700d0ae"),
                (ToClient, "f00005c807081e2d0c1b0b07ea06324f"),
                (ToServer, "05c8f000a605030101024184c9"),
                (ToClient, "f00005c8a600ee79"),
            ],
        ),
        sample(
            "bsap",
            Carrier::Udp,
            1235,
            &[
                (ToServer, "1002011010a0080003000401400f0150312e52554e2e00100308d7"),
                (ToClient, "1002001010030800a00000010110039f28"),
            ],
        ),
        sample(
            "ptp",
            Carrier::Ethernet,
            0,
            &[(
                ToServer,
                "0b02 0040 05 00 0000 0000000000000000 00000000 000ccdfffe000001 0001 0009 0500 00000000000000000000 0025 00 80 06 21 4e5d 7f 000ccdfffe000001 0000 20",
            )],
        ),
        sample(
            "synchrophasor",
            Carrier::Tcp,
            4712,
            &[
                (ToServer, "aa41 0012 0007 44853600 00560710 0002 7f44"),
                (ToClient, "aa01 0014 0007 44853600 00560710 00000000 d028"),
            ],
        ),
        sample(
            "hart-ip",
            Carrier::Udp,
            5094,
            &[
                (ToServer, "01 00 00 00 0005 000d 01 0000ea60"),
                (ToServer, "01 00 03 00 0006 0011 82 a64e123456 00 00 1a"),
                (ToClient, "01 01 03 00 0006 0013 86 a64e123456 12 02 0700 09"),
            ],
        ),
        sample("hart-ip", Carrier::Tcp, 5094, &[(ToServer, "01 00 00 00 0005 000d 01 0000ea60 01 00 02 00 0006 0008")]),
        sample(
            "mqtt",
            Carrier::Tcp,
            1883,
            &[
                (
                    ToServer,
                    "10 17 0004 4d515454 04 c2 003c 0003 647731 0003 656e67 0001 78 32 0a 0004 746b2f31 0007 3432",
                ),
                (ToClient, "20 02 00 00 40 02 0007"),
                (ToServer, "82 0a 0001 0005 746b2f2b2f 00 c0 00"),
                (ToClient, "90 03 0001 00 30 08 0004 746b2f31 3432"),
            ],
        ),
        sample("profinet-dcp", Carrier::Ethernet, 0, &[(ToServer, "fefe 05 00 01000001 0080 0004 ffff 0000")]),
        sample("profinet-rt", Carrier::Ethernet, 0, &[(ToServer, &format!("c000 {} 1234 3500", "80".repeat(40)))]),
        sample(
            "profinet-cm",
            Carrier::Udp,
            34_964,
            &[(
                ToServer,
                &format!(
                    "04 00 20 00 00000000 dea000006c9711d1827100010003015a dea000016c9711d1827100a02442df7d {} 00000000 00000001 00000001 0005 ffffffff 0014 0000 0000 00001000 {}",
                    "07".repeat(16),
                    "00".repeat(16)
                ),
            )],
        ),
        sample(
            "fins",
            Carrier::Udp,
            9_600,
            &[
                (ToServer, "80 00 02 00 0a 00 00 0b 00 05 0101 82 0064 00 0001"),
                (ToClient, "c0 00 02 00 0b 00 00 0a 00 05 0101 0000 1234"),
            ],
        ),
        sample(
            "fins",
            Carrier::Tcp,
            9_600,
            &[
                (ToServer, "46494e53 0000000c 00000000 00000000 00000000"),
                (ToClient, "46494e53 00000010 00000001 00000000 0000000b 0000000a"),
                (ToServer, "46494e53 00000014 00000002 00000000 80 00 02 00 0a 00 00 0b 00 05 0402"),
                (ToClient, "46494e53 00000016 00000002 00000000 c0 00 02 00 0b 00 00 0a 00 05 0402 0000"),
            ],
        ),
        sample(
            "melsec",
            Carrier::Tcp,
            5_007,
            &[
                (
                    ToServer,
                    "5000 00 ff ff03 00 0c00 1000 0104 0000 640000 a8 0100 5000 00 ff ff03 00 0800 1000 0210 0000 0100",
                ),
                (ToClient, "d000 00 ff ff03 00 0400 0000 3412 d000 00 ff ff03 00 0200 0000"),
            ],
        ),
        sample(
            "melsec",
            Carrier::Udp,
            5_006,
            &[
                (ToServer, "5400 3412 0000 00 ff ff03 00 0600 1000 0101 0000"),
                (ToClient, "d400 3412 0000 00 ff ff03 00 0200 0000"),
            ],
        ),
        sample(
            "ethercat",
            Carrier::Ethernet,
            0,
            &[(ToServer, "2010 07 01 0000 3001 0280 0000 0000 0300 0a 00 0000 0001 0600 0000 000000000000 0100")],
        ),
        sample(
            "codesys",
            Carrier::Tcp,
            11_740,
            &[(
                ToServer,
                "000117e8 38000000 c5 6b 40 40 00 11 0301 0002 0000 01 81 0700 01000000 00000000 10000000 00000000 cd55 1000 0100 0100 00000000 00000000",
            )],
        ),
        sample(
            "ge-srtp",
            Carrier::Tcp,
            18_245,
            &[
                (
                    ToServer,
                    &format!(
                        "{} 02 00 07 {} 01 {} 01 {} 07 c0 {} 04 08 6400 0a00 {}",
                        "00".repeat(56),
                        "00".repeat(6),
                        "00".repeat(7),
                        "00".repeat(12),
                        "00".repeat(10),
                        "00".repeat(8)
                    ),
                ),
                (
                    ToClient,
                    &format!(
                        "01 {} 0f {} 03 00 07 {} 01 {} 01 {} 07 d4 {}",
                        "00".repeat(7),
                        "00".repeat(47),
                        "00".repeat(6),
                        "00".repeat(7),
                        "00".repeat(12),
                        "00".repeat(24)
                    ),
                ),
            ],
        ),
        text(
            "fox",
            Carrier::Tcp,
            1_911,
            &[
                (ToServer, "fox a 1 -1 fox hello\n{\nid=i:1\n};;\n"),
                (ToClient, "fox a 0 -1 fox hello\n{\napp.name=s:Station\n};;\nfox a 1 -1 fox challenge\n{\n};;\n"),
            ],
        ),
        // Checksums by the rule of the protocol, CRC-16/XMODEM.
        sample(
            "ether-s-bus",
            Carrier::Udp,
            5_050,
            &[(ToServer, "0000000d 01 00 0001 00 0a 20 5318"), (ToClient, "0000000d 00 00 0003 02 0000 a3d8")],
        ),
        sample(
            "c1222",
            Carrier::Tcp,
            1_153,
            &[
                (ToServer, "6020 a208 0606 2a8648ce5209 a604 80020907 a803 020105 be09 2807 8105 80 03 30 0001"),
                (ToClient, "601e a208 0606 2a8648ce5209 a604 80020907 a803 020105 be07 2805 8103 80 01 00"),
            ],
        ),
        sample("ether-s-io", Carrier::Udp, 6_060, &[(ToServer, "4553494f 0001 0000 00000007 00000004 00000001")]),
        sample(
            "ads",
            Carrier::Tcp,
            48_898,
            &[
                (
                    ToServer,
                    "0000 2c000000 0a0000020101 5303 0a0000010101 8980 0200 0400 0c000000 00000000 01000000 20400000 00000000 02000000",
                ),
                (
                    ToClient,
                    "0000 2a000000 0a0000010101 8980 0a0000020101 5303 0200 0500 0a000000 00000000 01000000 00000000 02000000 0700",
                ),
            ],
        ),
        sample(
            "ads-discovery",
            Carrier::Udp,
            48_899,
            &[(ToServer, "03661471 00000000 01000000 0a0000010101 1027 00000000")],
        ),
        sample(
            "sv",
            Carrier::Ethernet,
            0,
            &[(ToServer, "4000002600000000601c800101a217301580044d553031820208728304000000018501018700")],
        ),
        sample(
            "goose",
            Carrier::Ethernet,
            0,
            &[(ToServer, "0001 001a 0000 0000 61 10 80 07 4445562f4c4c4e 85 01 05 86 02 0100")],
        ),
        text(
            "http",
            Carrier::Tcp,
            80,
            &[
                (
                    ToServer,
                    "GET /a HTTP/1.1\r\nHost: hmi\r\n\r\nPOST /b HTTP/1.1\r\nHost: hmi\r\nContent-Length: 3\r\n\r\nabc",
                ),
                (ToClient, "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 204 No\r\n\r\n"),
            ],
        ),
        text("ssdp", Carrier::Udp, 1900, &[(ToServer, "M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\n\r\n")]),
        text("ssh", Carrier::Tcp, 22, &[(ToServer, "SSH-2.0-a\r\nxxxx"), (ToClient, "SSH-2.0-b\r\nyyyy")]),
        text("vnc", Carrier::Tcp, 5900, &[(ToClient, "RFB 003.008\n\u{1}"), (ToServer, "RFB 003.008\n")]),
        text(
            "ftp",
            Carrier::Tcp,
            21,
            &[(ToClient, "220 FTP ready\r\n"), (ToServer, "USER a\r\nPASS b\r\nRETR c\r\n"), (ToClient, "230 in\r\n")],
        ),
        text("syslog", Carrier::Udp, 514, &[(ToServer, "<34>Oct 11 22:14:15 mymachine su: failed")]),
        text("tftp", Carrier::Udp, 69, &[(ToServer, "\0\u{1}fw.bin\0octet\0")]),
        sample("telnet", Carrier::Tcp, 23, &[(ToClient, "fffd18 fffd20"), (ToServer, "fffb18 61")]),
        sample(
            "rdp",
            Carrier::Tcp,
            3389,
            &[
                (ToServer, "03000013 0e e0 0000 0000 00 01 00 0800 03000000"),
                (ToClient, "03000013 0e d0 0000 1234 00 02 00 0800 02000000"),
            ],
        ),
        sample(
            "tls",
            Carrier::Tcp,
            443,
            &[
                (
                    ToServer,
                    &format!(
                        "16 0301 0040 01 00003c 0303 {} 00 0002 1301 01 00 0011 0000 000d 000b 00 0008 73686f72652e6e65 17 0303 0002 0102 15 0303 0002 0100",
                        "07".repeat(32)
                    ),
                ),
                (ToClient, &format!("16 0303 002c 02 000028 0303 {} 00 1301 00 0000", "09".repeat(32))),
            ],
        ),
        sample("ntp", Carrier::Udp, 123, &[(ToServer, &format!("e30004fa {} e000000001020304", "00".repeat(36)))]),
        sample(
            "snmp",
            Carrier::Udp,
            161,
            &[(
                ToServer,
                "3026 020101 0406 7075626c6963 a019 020109 020100 020100 300e 300c 0608 2b06010201010100 0500",
            )],
        ),
        sample("icmp", Carrier::Ip, 0, &[(ToServer, "0800 f7ff 0000 0000")]),
        sample(
            "stp",
            Carrier::Llc,
            0,
            &[(
                ToServer,
                "424203 0000 02 02 3c 8001 020000000001 00000004 8001 020000000002 8001 0100 1400 0200 0f00 00",
            )],
        ),
        sample(
            "browser",
            Carrier::Udp,
            138,
            &[(
                ToServer,
                "110200010a000005008a0000000020454645444545454a4644434e4442434143414341434143414341434143414141002045434643454a4545454845 \
                 46434143414341434143414341434143414341424e00ff534d4225000000000000000000000000000000000000000000000000000000110000000000 \
                 000000000000000000000000000000000022005600000000000000000000005c4d41494c534c4f545c42524f57534500010080fc0a0045434449532d \
                 310000000000000000000601039001000f0155aa7800",
            )],
        ),
        sample("cdp", Carrier::Llc, 0, &[(ToServer, "aaaa03 00000c 2000 02 b4 0000 0001 0007 737731")]),
        sample(
            "arp",
            Carrier::Ethernet,
            0,
            &[(ToServer, "0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002")],
        ),
        sample(
            "lldp",
            Carrier::Ethernet,
            0,
            &[(ToServer, "0207 04 020000000007 0409 07 706f72742d303031 0602 0078 0a04 73773031 0000")],
        ),
        sample(
            "dhcp",
            Carrier::Udp,
            67,
            &[(
                ToServer,
                &format!(
                    "01010600 12345678 00000000 00000000 00000000 00000000 00000000 020000000007 {} 63825363 350101 0c05 6563646973 ff",
                    "00".repeat(202)
                ),
            )],
        ),
        sample("dns", Carrier::Udp, 53, &[(ToServer, dns)]),
        sample("dns", Carrier::Tcp, 53, &[(ToServer, &format!("001c {dns} 001c {dns}"))]),
        sample(
            "mdns",
            Carrier::Udp,
            5353,
            &[(ToServer, "0000 8400 0000 0001 0000 0000 036e7470 056c6f63616c 00 0001 8001 00000078 0004 0a000007")],
        ),
        sample("llmnr", Carrier::Udp, 5355, &[(ToServer, "0007 0000 0001 0000 0000 0000 056563646973 00 0001 0001")]),
        sample(
            "nbns",
            Carrier::Udp,
            137,
            &[(
                ToServer,
                "1234 0110 0001 0000 0000 0000 20 4547464345464545434143414341434143414341434143414341434143414341 00 0020 0001",
            )],
        ),
        sample("radar-navico", Carrier::Udp, 6_679, &[(ToServer, "01c4 02 000000000000000000000000000000")]),
        sample("radar-furuno", Carrier::Udp, 10_010, &[(ToServer, "0100000100000000 01010008 01000000")]),
        sample("radar-garmin", Carrier::Udp, 50_101, &[(ToServer, "1e090000 04000000 e8030000")]),
        sample(
            "radar-raymarine",
            Carrier::Udp,
            5_800,
            &[(ToServer, "00000000 07000000 28000000 0000000000000000 010101e8 0e0a 0000 0900a8c0 0f0a 0000")],
        ),
        sample("asterix", Carrier::Udp, 8_600, &[(ToServer, "30 0008 80 19 07 00 00 22 0006 c0 19 08")]),
        Sample {
            protocol: "signalk",
            carrier: Carrier::Tcp,
            port: 8_375,
            parts: vec![
                (ToServer, b"{\"context\":\"vessels.self\",\"subscribe\":[{\"path\":\"*\"}]}\n".to_vec()),
                (ToClient, b"{\"updates\":[{\"values\":[{\"path\":\"a.b\",\"value\":1}]}]}\r\n".to_vec()),
            ],
        },
    ]
}
