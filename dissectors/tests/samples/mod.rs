//! One short conversation a protocol, built from its specification, for the tests that run over every protocol.

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

/// All samples.
pub(crate) fn samples() -> Vec<Sample> {
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
        sample("enip", Carrier::Udp, 44_818, &[(ToServer, "6300 0000 00000000 00000000 0000000000000000 00000000")]),
        sample("bacnet", Carrier::Udp, 47_808, &[(ToServer, "81 0b 000c 0120ffff00ff 1008")]),
        sample("bacnet", Carrier::Llc, 0, &[(ToServer, "82 82 03 01 20 ffff 00 ff 1008")]),
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
