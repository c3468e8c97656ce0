//! Operations that change something, in the captures that are known to hold them: verb, object, the one they are addressed to, and how often.
//!
//! One table a protocol. Numbers and addresses are those of an independent decoder (tshark 4.0) or, where it has none (UMAS, TwinCAT discovery,
//! MELSEC), counted by hand in the bytes; verbs and objects come from the specification. The captures are no part of the project: without them
//! the test says that it skipped.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops at what it did not expect, and says what it skipped"
)]

use std::collections::BTreeMap;
use std::path::Path;

use dogwatch::capture::SourceInfo;
use dogwatch::capture::replay::{FrameSink, replay};
use dogwatch_dissectors::PROTOCOLS;
use dogwatch_flow::{Engine, FlowId, Frame, Limits, Observer};
use dogwatch_model::Verb::{self, Control, Discover, Login, Program, Transfer, Write};
use dogwatch_model::{Act, Event, SourceId};
use dogwatch_tests::corpus::captures;

/// `(verb, object, receiver, how often)`. An object that ends in `*` stands for all that begin so.
type Row = (Verb, &'static str, &'static str, usize);

/// The requests of one capture, by protocol.
struct Table {
    protocol: &'static str,
    capture: &'static str,
    rows: &'static [Row],
}

/// Requests and how often they were seen: protocol, verb, object, receiver.
type Seen = BTreeMap<(&'static str, &'static str, String, String), usize>;

#[derive(Default)]
struct Listener {
    seen: Seen,
}

impl Observer for Listener {
    fn event(&mut self, _id: FlowId, event: &Event<'_>) {
        let receiver = event.flow.dst.map_or_else(|| event.flow.dst_mac.to_string(), |ip| ip.to_string());
        for act in event.message.acts {
            if let Act::Request { verb, object } = act {
                let key = (event.message.protocol, verb.as_str(), object.to_string(), receiver.clone());
                *self.seen.entry(key).or_default() += 1;
            }
        }
    }
}

struct Feed {
    engine: Engine,
    listener: Listener,
    sources: u16,
}

impl FrameSink for Feed {
    fn add_source(&mut self, _info: SourceInfo) -> SourceId {
        self.sources += 1;
        SourceId(self.sources - 1)
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        self.engine.frame(frame, &mut self.listener);
    }
}

fn requests(capture: &Path) -> Seen {
    let engine = Engine::new(Limits::default(), PROTOCOLS);
    let mut feed = Feed { engine, listener: Listener::default(), sources: 0 };
    replay(&[capture.to_owned()], &mut feed).unwrap();
    let Feed { mut engine, mut listener, .. } = feed;
    engine.finish(&mut listener);
    listener.seen
}

fn times(seen: &Seen, protocol: &str, row: &Row) -> usize {
    let (verb, object, receiver, _) = row;
    let fits = |name: &str| match object.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *object,
    };
    let mine = seen
        .iter()
        .filter(|((of, what, name, to), _)| *of == protocol && *what == verb.as_str() && fits(name) && to == receiver);
    mine.map(|(_, times)| times).sum()
}

fn check(tables: &[Table]) {
    let Some(folder) = captures() else {
        println!("skipped: no corpus (set DOGWATCH_CORPUS)");
        return;
    };
    let mut wrong = Vec::new();
    let mut checked = 0;
    for table in tables {
        let path = folder.join(table.capture);
        if !path.is_file() {
            println!("skipped: {} is not there", table.capture);
            continue;
        }
        let seen = requests(&path);
        for row in table.rows {
            checked += 1;
            let found = times(&seen, table.protocol, row);
            if found != row.3 {
                let (verb, object, receiver, want) = row;
                let like: Vec<_> = seen
                    .iter()
                    .filter(|((of, _, _, to), _)| *of == table.protocol && to == receiver)
                    .map(|((_, what, name, _), times)| format!("{times} {what} {name}"))
                    .take(12)
                    .collect();
                wrong.push(format!(
                    "{}: {} {object} to {receiver}: {found} of {want}; to it: {like:?}",
                    table.capture,
                    verb.as_str()
                ));
            }
        }
    }
    println!("{checked} operations");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn modbus_and_umas() {
    check(&[
        Table {
            protocol: "modbus",
            capture: "modbus/icsnpp-modbus__modbus_example.pcap",
            rows: &[
                // 5 and 15; 6, 16, twice 22 and twice 23
                (Write, "coil *", "127.0.0.1", 2),
                (Write, "holding *", "127.0.0.1", 6),
                // function 21 with no record in it
                (Write, "device unit *", "127.0.0.1", 1),
                (Discover, "device unit *", "127.0.0.1", 1),
            ],
        },
        Table {
            protocol: "modbus",
            capture: "modbus/quickdraw-snort__modbus_test_data_part1.pcap",
            rows: &[
                // 8/1 and 8/4 three times each, 8/10 twice
                (Control, "device unit *", "10.0.0.3", 8),
                (Write, "coil *", "10.0.0.3", 2),
                (Write, "holding *", "10.0.0.3", 1),
                (Discover, "device unit *", "10.0.0.8", 2),
            ],
        },
        Table {
            protocol: "modbus",
            capture: "umas/quickdraw-snort__modicon_test.pcap",
            rows: &[
                (Control, "umas.take-reservation", "192.168.63.253", 1),
                (Transfer, "umas.begin-transfer-from-plc", "192.168.63.253", 1),
                (Transfer, "umas.transfer-block-from-plc", "192.168.63.253", 53),
                (Transfer, "umas.end-transfer-from-plc", "192.168.63.253", 1),
                (Discover, "umas.read-id", "192.168.63.253", 2),
                (Discover, "umas.read-project-info", "192.168.63.253", 2),
            ],
        },
    ]);
}

#[test]
fn s7comm() {
    let table = |capture, rows| Table { protocol: "s7comm", capture, rows };
    check(&[
        table("s7comm/iti__snap7_s300_stop.pcap", &[(Control, "plc-stop", "134.249.61.163", 1)]),
        table("s7comm/iti__step7_s300_stop.pcap", &[(Control, "plc-stop", "134.249.61.163", 1)]),
        // The controller asks for the blocks of a download itself, so 1B and 1C go the other way.
        table(
            "s7comm/iti__step7_s300_download.pcap",
            &[
                (Program, "_0A00001P", "134.249.61.182", 1),
                (Program, "_0A00001P", "134.249.53.130", 2),
                (Program, "_INSE", "134.249.61.182", 1),
            ],
        ),
        table(
            "s7comm/iti__tia_s300_downloadOb1.pcap",
            &[
                (Program, "_0800001P", "134.217.61.211", 1),
                (Program, "_0800001P", "134.217.61.131", 3),
                (Program, "_INSE", "134.217.61.211", 1),
            ],
        ),
        table(
            "s7comm/ndpi__s7comm.pcap",
            &[
                (Program, "_0A00001P", "192.168.1.40", 1),
                (Program, "_0A00001P", "192.168.1.10", 4),
                (Program, "_INSE", "192.168.1.40", 1),
            ],
        ),
        table("s7comm/iti__step7_s300_AuthPassword.pcap", &[(Login, "password", "134.249.61.163", 1)]),
        table("s7comm/iti__tia_s300_flashLed.pcap", &[(Discover, "blink", "134.217.61.211", 2)]),
        table(
            "s7comm/iti__s7comm_reading_setting_plc_time.pcap",
            &[(Write, "set-clock", "192.168.1.40", 1), (Verb::Read, "read-clock", "192.168.1.40", 5)],
        ),
    ]);
}

#[test]
fn cip() {
    let table = |capture, rows| Table { protocol: "enip", capture, rows };
    check(&[
        table(
            "enip-cip/iti__EIP-FirmwareChange.pcap",
            &[
                // begin, 5,243 blocks, end; then the restart
                (Program, "class 0xa1 *", "192.168.10.120", 5_245),
                (Control, "class 0x1 *", "192.168.10.120", 1),
            ],
        ),
        table(
            "enip-cip/iti__EIP-RemoteModeChangeAttempt.pcap",
            &[
                (Control, "class 0x8e *", "192.168.10.121", 1),
                (Control, "class 0x74 *", "192.168.10.121", 1),
                (Control, "class 0xac *", "192.168.10.121", 1),
            ],
        ),
        table(
            "enip-cip/iti__EIP-RebootorRestart.pcap",
            &[
                // 06 and 07 on the controller object
                (Control, "class 0x8e *", "192.168.10.120", 2),
                (Program, "class 0x8e *", "192.168.10.120", 7),
                // 4F five times, 50 eight times, 08 seventeen times in two packets
                (Program, "class 0x6a *", "192.168.10.120", 30),
            ],
        ),
        table("enip-cip/iti__EIP-ChangeTimeAttempt.pcap", &[(Write, "class 0x8b *", "192.168.10.120", 1)]),
        table(
            "enip-cip/iti__EIP-ChangePortConfigurationAttempt.pcap",
            &[(Program, "class 0xf6 *", "192.168.10.121", 1)],
        ),
        table("enip-cip/iti__cip_stop_plc.pcap", &[(Control, "class 0x8e *", "192.168.1.30", 1)]),
        table("enip-cip/emreekin__CIPvalue.pcap", &[]),
    ]);
}

#[test]
fn bacnet() {
    check(&[Table {
        protocol: "bacnet",
        capture: "bacnet/icsnpp-bacnet__bacnet_example.pcap",
        // ReinitializeDevice
        rows: &[
            (Control, "device", "172.20.32.127", 8),
            (Control, "device", "172.20.32.108", 8),
            (Control, "device", "172.20.32.124", 4),
            (Control, "device", "172.20.32.100", 4),
        ],
    }]);
}

#[test]
fn profinet() {
    check(&[
        Table {
            protocol: "profinet-dcp",
            capture: "profinet/iti__ChangeIPUsingDCP.pcap",
            rows: &[(Program, "dcp.ip 192.168.0.10", "08:00:06:93:cf:32", 1)],
        },
        Table {
            protocol: "profinet-cm",
            capture: "profinet/icsnpp-profinet-io-cm__profinet_io_cm_write.pcapng",
            rows: &[
                (Write, "record *", "10.9.0.117", 27),
                (Write, "record *", "192.168.2.11", 22),
                (Write, "record *", "192.168.1.2", 3),
            ],
        },
        Table {
            protocol: "profinet-cm",
            capture: "profinet/icsnpp-profinet-io-cm__profinet_io_cm_control.pcapng",
            rows: &[
                (Write, "pnio.*", "10.9.0.117", 27),
                (Write, "pnio.*", "172.16.240.26", 17),
                (Write, "pnio.*", "192.168.0.2", 6),
                // devices that call back to say that they are ready
                (Write, "pnio.*", "10.9.0.110", 0),
                (Write, "pnio.*", "192.168.0.1", 0),
            ],
        },
    ]);
}

#[test]
fn ads() {
    check(&[
        Table {
            protocol: "ads-discovery",
            capture: "ads/iti__addroute.pcapng",
            rows: &[(Program, "ads.add-route SHENHUAJ6-PC", "192.168.1.8", 1), (Discover, "device", "192.168.1.8", 1)],
        },
        Table {
            protocol: "ads-discovery",
            capture: "ads/iti__beckoffaddroute.pcapng",
            rows: &[(Program, "ads.add-route SHENHUAJ6-PC", "192.168.1.8", 2)],
        },
        // Registry values that are looked up, eight times by command 9.
        Table {
            protocol: "ads",
            capture: "ads/iti__beckoffaddroute.pcapng",
            rows: &[(Verb::Read, "ads.registry", "192.168.1.8", 8)],
        },
    ]);
}

#[test]
fn opcua() {
    check(&[Table {
        protocol: "opcua",
        capture: "opcua/icsnpp-opcua-binary__open62541_client-server_mainloop-2.pcapng",
        rows: &[
            (Write, "*", "::1", 2),
            (Control, "*", "::1", 1),
            (Program, "add-nodes", "::1", 4),
            (Login, "activate-session", "::1", 1),
        ],
    }]);
}

#[test]
fn fins() {
    check(&[
        Table {
            protocol: "fins",
            capture: "fins/icsnpp-omron-fins__omron_fins_tcp_commands_responses.pcap",
            rows: &[
                (Control, "fins.run", "192.168.0.1", 1),
                (Control, "fins.stop", "192.168.0.1", 1),
                (Write, "fins.clock-write", "192.168.0.1", 1),
                (Discover, "fins.controller-data-read", "192.168.0.1", 4),
            ],
        },
        Table {
            protocol: "fins",
            capture: "fins/icsnpp-omron-fins__omron.pcapng",
            rows: &[
                (Control, "fins.run", "10.130.130.130", 4),
                (Write, "fins.clock-write", "10.130.130.130", 2),
                (Control, "fins.error-clear", "10.130.130.130", 3),
            ],
        },
    ]);
}

#[test]
fn melsec() {
    check(&[Table {
        protocol: "melsec",
        capture: "melsec/iti__melsoft_variant_clean.pcap",
        // Each packet stands twice in the capture.
        rows: &[(Write, "melsoft.write", "192.168.3.250", 6)],
    }]);
}

#[test]
fn ethercat() {
    check(&[Table {
        protocol: "ethercat",
        capture: "ethercat/ipal_transcriber__ethercat.pcapng",
        // 14 frames on their way out, each with one LWR and one LRW.
        rows: &[(Write, "process-data *", "01:01:05:01:00:00", 28)],
    }]);
}
