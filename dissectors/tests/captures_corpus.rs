//! Compares what dissectors say about third-party captures with what an independent decoder says, frame by frame.
//!
//! The corpus is not part of the project: without it every test prints that it was skipped. Rows and facts come from tshark; where we differ
//! on purpose the comparison says so.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    reason = "a test stops at what it did not expect, and shows what it compared"
)]

#[expect(dead_code, reason = "shared between several test programs, each of which uses parts of it")]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::capture::{self, Said};

/// How the frames of one protocol compare.
#[derive(Default)]
struct Score {
    equal: usize,
    moved: usize,
    different: usize,
    missing: usize,
    extra: usize,
    examples: Vec<String>,
}

/// Every value of a truth field in order.
fn values(row: &Value, name: &str) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match row.get(name) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list.iter().map(text).collect(),
        Some(one) => vec![text(one)],
    }
}

/// Files `<capture>.<protocol>.jsonl[.gz]` and their captures.
fn truth_files(folder: &Path, protocol: &str) -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    for category in std::fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        for file in std::fs::read_dir(category.path()).unwrap().flatten() {
            let name = file.file_name().into_string().unwrap();
            let end = [format!(".{protocol}.jsonl"), format!(".{protocol}.jsonl.gz")];
            let Some(stem) = end.iter().find_map(|end| name.strip_suffix(end.as_str())) else { continue };
            let capture = ["pcap", "pcapng"]
                .map(|kind| category.path().join(format!("{stem}.{kind}")))
                .into_iter()
                .find(|path| path.exists());
            if let Some(capture) = capture {
                found.push((capture, file.path()));
            }
        }
    }
    found.sort();
    found
}

/// Our name of a protocol, where the truth's files use another.
fn ours_of(protocol: &str) -> &str {
    match protocol {
        "hart_ip" => "hart-ip",
        "knx" => "knxip",
        other => other,
    }
}

/// Compares per frame the list of keys that the truth gives with ours; `None` from `truth` leaves a frame out.
fn compare(
    protocol: &str,
    truth: impl Fn(&Value) -> Option<Vec<String>>,
    ours: impl Fn(&Said) -> Vec<String>,
) -> Option<Score> {
    let folder = capture::corpus("captures")?;
    let mut score = Score::default();
    for (path, file) in truth_files(&folder, protocol) {
        let mut wanted: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        let mut left_out = BTreeSet::new();
        for row in capture::rows(&file) {
            let frame = usize::try_from(row["frame"].as_u64().unwrap()).unwrap();
            match truth(&row) {
                Some(keys) => wanted.entry(frame).or_default().extend(keys),
                None => {
                    left_out.insert(frame);
                }
            }
        }
        let mut got: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        let read = capture::run(&path);
        wanted.retain(|frame, _| !read.unread.contains(frame));
        for said in read.said.iter().filter(|said| said.seen.protocol == ours_of(protocol)) {
            got.entry(said.frame).or_default().extend(ours(said));
        }
        let name = path.file_name().unwrap().to_string_lossy();
        for list in wanted.values_mut().chain(got.values_mut()) {
            list.sort();
        }
        // Frames in which neither side has any of the compared fields prove nothing.
        wanted.retain(|frame, want| !want.is_empty() || got.get(frame).is_some_and(|have| !have.is_empty()));
        wanted.retain(|frame, want| {
            let same = got.get(frame) == Some(want);
            if same {
                score.equal += 1;
                got.remove(frame);
            }
            !same
        });
        // Where packets are missing this reader waits a few segments before it goes on, so a message may show at a later frame.
        let mut late: BTreeMap<Vec<String>, Vec<usize>> = BTreeMap::new();
        for (frame, list) in &got {
            late.entry(list.clone()).or_default().push(*frame);
        }
        wanted.retain(|frame, want| {
            let moved = late.get_mut(want).filter(|_| !want.is_empty()).and_then(|frames| {
                let at = frames.iter().position(|other| other.abs_diff(*frame) < 40)?;
                Some(frames.remove(at))
            });
            if let Some(other) = moved {
                score.moved += 1;
                got.remove(&other);
            }
            moved.is_none()
        });
        for (frame, want) in &wanted {
            match got.remove(frame) {
                Some(have) => {
                    score.different += 1;
                    let only = |a: &[String], b: &[String]| -> Vec<String> {
                        let count = |list: &[String], key: &String| list.iter().filter(|other| **other == *key).count();
                        a.iter().filter(|key| count(a, key) != count(b, key)).cloned().collect()
                    };
                    let (want, have) = (only(want, &have), only(&have, want));
                    score.examples.push(format!("{name} {frame}: want {want:?} have {have:?}"));
                }
                None => {
                    score.missing += 1;
                    score.examples.push(format!("{name} {frame}: missing {want:?}"));
                }
            }
        }
        for (frame, have) in got.iter().filter(|(frame, have)| !left_out.contains(frame) && !have.is_empty()) {
            score.extra += 1;
            score.examples.push(format!("{name} {frame}: extra {have:?}"));
        }
    }
    let Score { equal, moved, different, missing, extra, examples } = &score;
    println!(
        "{protocol:12} equal {equal:6} moved {moved:5} different {different:5} missing {missing:5} extra {extra:5}"
    );
    let shown = std::env::var("EXAMPLES").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let step = (examples.len() / usize::max(shown, 1)).max(1);
    for example in examples.iter().step_by(step).take(shown) {
        println!("    {example}");
    }
    Some(score)
}

impl Score {
    /// Share of the truth's frames that are equal, in percent.
    fn percent(&self) -> f64 {
        let same = self.equal + self.moved;
        let all = same + self.different + self.missing;
        100.0 * f64::from(u32::try_from(same).unwrap()) / f64::from(u32::try_from(all.max(1)).unwrap())
    }
}

fn keys(parts: &[(&str, &[String])]) -> Vec<String> {
    parts.iter().flat_map(|(name, list)| list.iter().map(move |value| format!("{name}={value}"))).collect()
}

fn field(said: &Said, name: &str) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match said.seen.fields.get(name) {
        None => Vec::new(),
        Some(Value::Array(list)) => list.iter().map(text).collect(),
        Some(one) => vec![text(one)],
    }
}

/// Values of `inner` in every group of the list `outer`.
fn inner(said: &Said, outer: &str, inner: &str) -> Vec<String> {
    let Some(Value::Array(list)) = said.seen.fields.get(outer) else { return Vec::new() };
    list.iter().flat_map(|group| values(group, inner)).collect()
}

#[test]
fn modbus() {
    let score = compare(
        "modbus",
        |row| {
            Some(keys(&[
                ("transaction", &values(row, "mbtcp.trans_id")),
                ("unit", &values(row, "mbtcp.unit_id")),
                ("function", &values(row, "modbus.func_code")),
                ("address", &values(row, "modbus.reference_num")),
                ("address", &values(row, "modbus.read_reference_num")),
                ("write_address", &values(row, "modbus.write_reference_num")),
                ("quantity", &values(row, "modbus.word_cnt")),
                ("quantity", &values(row, "modbus.bit_cnt")),
                ("quantity", &values(row, "modbus.read_word_cnt")),
                ("write_quantity", &values(row, "modbus.write_word_cnt")),
                ("exception", &values(row, "modbus.exception_code")),
                ("values", &values(row, "modbus.regval_uint16")),
            ]))
        },
        |said| {
            let function = said.seen.field("function");
            let request = said.seen.kind == "request";
            // An address or quantity of a read reply is what we add from its request; the truth has only what the frame holds.
            let echo = said.seen.kind == "reply" && matches!(function.as_str(), "5" | "6" | "15" | "16" | "22");
            let address = if request || echo { field(said, "address") } else { Vec::new() };
            let counted = matches!(function.as_str(), "1" | "2" | "3" | "4" | "15" | "16" | "23");
            let quantity = if (request || echo) && counted { field(said, "quantity") } else { Vec::new() };
            // The truth has no value of a single-register write and none of the write part of 23.
            let registers = match function.as_str() {
                "3" | "4" | "23" => !request,
                "16" => request,
                _ => false,
            };
            let values = if registers { field(said, "values") } else { Vec::new() };
            keys(&[
                ("transaction", &field(said, "transaction")),
                ("unit", &field(said, "unit")),
                ("function", &field(said, "function")),
                ("address", &address),
                ("write_address", &field(said, "write_address")),
                ("quantity", &quantity),
                ("write_quantity", &field(said, "write_quantity")),
                ("exception", &field(said, "exception_code")),
                ("values", &values),
            ])
        },
    );
    if let Some(score) = score {
        assert!(score.percent() >= 99.0, "{:.2} %", score.percent());
    }
}

#[test]
fn arp() {
    let names = [
        ("opcode", "arp.opcode"),
        ("src_hw_mac", "arp.src.hw_mac"),
        ("src_proto_ipv4", "arp.src.proto_ipv4"),
        ("dst_hw_mac", "arp.dst.hw_mac"),
        ("dst_proto_ipv4", "arp.dst.proto_ipv4"),
    ];
    let score = compare(
        "arp",
        // Other hardware than Ethernet is not read.
        |row| row.get("arp.src.hw_mac").map(|_| names.iter().flat_map(|(_, name)| values(row, name)).collect()),
        |said| names.iter().flat_map(|(name, _)| field(said, name)).collect(),
    );
    if let Some(score) = score {
        assert!(score.percent() >= 99.0, "{:.2} %", score.percent());
    }
}

#[test]
fn dhcp() {
    let names = [
        ("id", "dhcp.id"),
        ("message_type", "dhcp.option.dhcp"),
        ("ip_client", "dhcp.ip.client"),
        ("ip_your", "dhcp.ip.your"),
        ("ip_relay", "dhcp.ip.relay"),
        ("hostname", "dhcp.option.hostname"),
        ("vendor_class_id", "dhcp.option.vendor_class_id"),
        ("request_list_item", "dhcp.option.request_list_item"),
        ("requested_ip_address", "dhcp.option.requested_ip_address"),
        ("dhcp_server_id", "dhcp.option.dhcp_server_id"),
        ("router", "dhcp.option.router"),
        ("domain_name_server", "dhcp.option.domain_name_server"),
        ("domain_name", "dhcp.option.domain_name"),
        ("fqdn_name", "dhcp.fqdn.name"),
    ];
    let score = compare(
        "dhcp",
        |row| Some(names.iter().flat_map(|(name, field)| keys(&[(name, &values(row, field))])).collect()),
        |said| names.iter().flat_map(|(name, _)| keys(&[(name, &field(said, name))])).collect(),
    );
    if let Some(score) = score {
        assert!(score.percent() >= 99.0, "{:.2} %", score.percent());
    }
}

#[test]
fn lldp() {
    let names = [
        ("chassis_subtype", "lldp.chassis.subtype"),
        ("port_subtype", "lldp.port.subtype"),
        ("time_to_live", "lldp.time_to_live"),
        ("system_name", "lldp.tlv.system.name"),
        ("system_desc", "lldp.tlv.system.desc"),
        ("port_desc", "lldp.port.desc"),
        ("mgn_addr", "lldp.mgn.addr.ip4"),
        ("mgn_addr", "lldp.mgn.addr.ip6"),
        ("port_vlan_id", "lldp.ieee.802_1.port_vlan.id"),
    ];
    // The truth shows control characters as escapes.
    let trimmed = |list: Vec<String>| -> Vec<String> {
        let plain = |text: &String| text.replace("\\r", "\r").replace("\\n", "\n").trim().to_owned();
        list.iter().map(plain).collect()
    };
    let score = compare(
        "lldp",
        |row| Some(names.iter().flat_map(|(name, field)| keys(&[(name, &trimmed(values(row, field)))])).collect()),
        |said| {
            let names: BTreeSet<&str> = names.iter().map(|(name, _)| *name).collect();
            names.iter().flat_map(|name| keys(&[(name, &trimmed(field(said, name)))])).collect()
        },
    );
    if let Some(score) = score {
        assert!(score.percent() >= 98.0, "{:.2} %", score.percent());
    }
}

fn dns_family(protocol: &str) -> Option<Score> {
    // In mDNS the truth mixes the types of records with those that NSEC records list.
    let types = |list: Vec<String>| if protocol == "mdns" { Vec::new() } else { list };
    compare(
        protocol,
        |row| {
            let root =
                |list: Vec<String>| -> Vec<String> { list.iter().map(|name| name.replace("<Root>", "")).collect() };
            Some(keys(&[
                ("question", &root(values(row, "dns.qry.name"))),
                ("question_type", &values(row, "dns.qry.type")),
                ("record", &root(values(row, "dns.resp.name"))),
                ("record_type", &types(values(row, "dns.resp.type"))),
                ("address", &values(row, "dns.a")),
                ("address", &values(row, "dns.aaaa")),
            ]))
        },
        |said| {
            // The truth keeps names of SRV records elsewhere.
            let names = said.seen.fields["records"].as_array().into_iter().flatten();
            let names: Vec<String> =
                names.filter(|record| record["type"] != 33).flat_map(|record| values(record, "name")).collect();
            keys(&[
                ("question", &inner(said, "questions", "name")),
                ("question_type", &inner(said, "questions", "type")),
                ("record", &names),
                ("record_type", &types(inner(said, "records", "type"))),
                ("address", &inner(said, "records", "address")),
            ])
        },
    )
}

#[test]
fn dns_mdns_llmnr() {
    for protocol in ["dns", "mdns", "llmnr"] {
        if let Some(score) = dns_family(protocol) {
            assert!(score.percent() >= 97.0, "{protocol} {:.2} %", score.percent());
        }
    }
}

#[test]
fn nbns() {
    let score = compare(
        "nbns",
        |row| Some(keys(&[("opcode", &values(row, "nbns.flags.opcode")), ("addr", &values(row, "nbns.addr"))])),
        |said| keys(&[("opcode", &field(said, "opcode")), ("addr", &field(said, "addr"))]),
    );
    if let Some(score) = score {
        assert!(score.percent() >= 97.0, "{:.2} %", score.percent());
    }
}

/// Compares fields of the same meaning one to one: (truth, ours).
fn compare_fields(protocol: &str, names: &[(&str, &str)]) -> Option<Score> {
    let number = |text: &String| -> String {
        let hex = text.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
        hex.map_or_else(|| text.clone(), |value| value.to_string())
    };
    compare(
        protocol,
        |row| {
            let list = |field| values(row, field).iter().map(number).collect::<Vec<_>>();
            Some(names.iter().flat_map(|(truth, _)| keys(&[(truth, &list(truth))])).collect())
        },
        |said| {
            let list = |ours| field(said, ours).iter().map(number).collect::<Vec<_>>();
            names.iter().flat_map(|(truth, ours)| keys(&[(truth, &list(ours))])).collect()
        },
    )
}

/// Asserts a share of equal frames when the corpus is there.
fn at_least(score: Option<Score>, percent: f64) {
    if let Some(score) = score {
        assert!(score.percent() >= percent, "{:.2} %", score.percent());
    }
}

#[test]
fn s7comm() {
    at_least(
        compare_fields(
            "s7comm",
            &[
                ("s7comm.header.rosctr", "rosctr"),
                ("s7comm.header.pduref", "pduref"),
                ("s7comm.param.func", "func"),
                ("s7comm.header.errcls", "errcls"),
                ("s7comm.header.errcod", "errcod"),
                ("s7comm.param.userdata.funcgroup", "funcgroup"),
            ],
        ),
        97.0,
    );
}

#[test]
fn iec104() {
    at_least(
        compare_fields(
            "iec104",
            &[
                ("iec60870_104.apdulen", "apdulen"),
                ("iec60870_104.utype", "utype"),
                ("iec60870_104.tx", "tx"),
                ("iec60870_104.rx", "rx"),
                ("iec60870_asdu.typeid", "typeid"),
                ("iec60870_asdu.numix", "numix"),
                ("iec60870_asdu.causetx", "causetx"),
                ("iec60870_asdu.addr", "addr"),
            ],
        ),
        97.0,
    );
}

#[test]
fn enip_and_cip() {
    at_least(
        compare_fields("enip", &[("enip.command", "command"), ("enip.status", "status"), ("enip.session", "session")]),
        97.0,
    );
}

#[test]
fn bacnet() {
    at_least(
        compare_fields(
            "bacnet",
            &[
                ("bvlc.function", "function"),
                ("bacapp.type", "type"),
                ("bacapp.unconfirmed_service", "unconfirmed_service"),
                ("bacapp.confirmed_service", "confirmed_service"),
                ("bacapp.invoke_id", "invoke_id"),
                ("bacapp.vendor_identifier", "vendor_identifier"),
            ],
        ),
        90.0,
    );
}

#[test]
fn http_and_ssdp() {
    at_least(
        compare_fields(
            "http",
            &[
                ("http.request.method", "request_method"),
                ("http.request.uri", "request_uri"),
                ("http.host", "host"),
                ("http.user_agent", "user_agent"),
                ("http.server", "server"),
                ("http.response.code", "response_code"),
            ],
        ),
        80.0,
    );
    at_least(
        compare_fields(
            "ssdp",
            &[
                ("http.request.method", "request_method"),
                ("http.server", "server"),
                ("http.location", "location"),
                ("http.response.code", "response_code"),
            ],
        ),
        95.0,
    );
}

#[test]
fn session_openings() {
    at_least(compare_fields("tls", &[("tls.handshake.extensions_server_name", "server_name")]), 80.0);
    at_least(compare_fields("ssh", &[("ssh.protocol", "protocol")]), 65.0);
    at_least(compare_fields("rdp", &[("rdp.rt_cookie", "rt_cookie")]), 95.0);
    at_least(
        compare_fields("ftp", &[("ftp.request.command", "request_command"), ("ftp.response.code", "response_code")]),
        85.0,
    );
}

#[test]
fn network_services() {
    at_least(
        compare_fields(
            "ntp",
            &[("ntp.flags.vn", "vn"), ("ntp.flags.mode", "mode"), ("ntp.stratum", "stratum"), ("ntp.refid", "refid")],
        ),
        95.0,
    );
    at_least(
        compare(
            "snmp",
            |row| {
                let version = [values(row, "snmp.version"), values(row, "snmp.msgVersion")].concat();
                Some(keys(&[("version", &version), ("community", &values(row, "snmp.community"))]))
            },
            |said| keys(&[("version", &field(said, "version")), ("community", &field(said, "community"))]),
        ),
        95.0,
    );
    at_least(compare_fields("igmp", &[("igmp.maddr", "maddr")]), 90.0);
    at_least(
        compare_fields(
            "stp",
            &[
                ("stp.type", "type"),
                ("stp.root.hw", "root_hw"),
                ("stp.bridge.hw", "bridge_hw"),
                ("stp.root.prio", "root_prio"),
                ("stp.bridge.prio", "bridge_prio"),
            ],
        ),
        90.0,
    );
    at_least(
        compare_fields(
            "cdp",
            &[
                ("cdp.ttl", "ttl"),
                ("cdp.deviceid", "deviceid"),
                ("cdp.portid", "portid"),
                ("cdp.native_vlan", "native_vlan"),
            ],
        ),
        80.0,
    );
    at_least(
        compare_fields(
            "syslog",
            &[("syslog.facility", "facility"), ("syslog.level", "level"), ("syslog.hostname", "hostname")],
        ),
        80.0,
    );
}

#[test]
fn telecontrol_and_files() {
    at_least(
        compare_fields(
            "dnp3",
            &[("dnp3.src", "src"), ("dnp3.dst", "dst"), ("dnp3.al.func", "al_func"), ("dnp3.al.iin", "al_iin")],
        ),
        90.0,
    );
    at_least(
        compare(
            "smb",
            |row| {
                // 0xff marks the end of a chain in the truth; on UDP it is the NetBIOS datagram service, which is not read.
                let hex = |text: String| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok();
                let first: Vec<String> = values(row, "smb.cmd")
                    .into_iter()
                    .filter_map(hex)
                    .filter(|code| *code != 255)
                    .map(|code| code.to_string())
                    .collect();
                let is_datagram = values(row, "dport") == ["138"];
                let both = keys(&[("smb", &first), ("smb2", &values(row, "smb2.cmd"))]);
                (!is_datagram).then_some(both)
            },
            |said| keys(&[("smb", &field(said, "smb_cmd")), ("smb2", &field(said, "smb2_cmd"))]),
        ),
        80.0,
    );
    at_least(
        compare_fields("opcua", &[("opcua.transport.endpoint", "endpoint"), ("opcua.security.spu", "security_policy")]),
        90.0,
    );
}

/// Attributes of the truth that we state too, by protocol.
const FACTS: [(&str, &[&str]); 23] = [
    ("goose", &["gocb_ref", "dataset", "goose_id", "appid"]),
    ("sv", &["sv_id", "appid"]),
    ("powerlink", &["hostname", "product_code", "serial", "vendor_id"]),
    ("rtps", &["entity_name"]),
    ("mms", &["vendor", "model", "firmware"]),
    ("mqtt", &["mqtt_client_id", "user"]),
    ("ptp", &["clock_identity", "grandmaster"]),
    ("synchrophasor", &["idcode", "station_name"]),
    ("hart_ip", &["vendor_id", "device_id", "device_type", "device_revision", "firmware", "tag"]),
    ("modbus", &["vendor", "product_code", "revision", "modbus_unit"]),
    ("lldp", &["system_name", "system_description", "chassis_mac", "mgmt_ip"]),
    ("cdp", &["hostname", "model", "mgmt_ip", "native_vlan", "port_id"]),
    ("dhcp", &["hostname", "dhcp_vendor_class", "ip"]),
    ("snmp", &["sys_descr", "sys_name", "sys_location"]),
    ("s7comm", &["order_number", "serial", "plc_name", "model"]),
    ("enip", &["model", "serial", "product_code"]),
    ("cip", &["model", "serial", "product_code"]),
    ("bacnet", &["device_instance", "object_name"]),
    ("http", &["http_server", "user_agent"]),
    ("ssh", &["ssh_banner"]),
    ("smb", &["os", "hostname", "user"]),
    ("opcua", &["application_uri", "product_uri"]),
    ("ssdp", &["ssdp_server"]),
];

#[test]
fn facts() {
    let Some(folder) = capture::corpus("captures") else { return };
    let plain = |text: &str| text.replace("\\r", "\r").replace("\\n", "\n").trim().to_owned();
    let mut table: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
    let mut examples = Vec::new();
    for (path, file) in truth_files(&folder, "facts") {
        let wanted: Vec<(String, String, String)> = capture::rows(&file)
            .iter()
            .map(|row| {
                (values(row, "proto")[0].clone(), values(row, "attr")[0].clone(), plain(&values(row, "value")[0]))
            })
            .filter(|(proto, attr, value)| {
                let ours = FACTS.iter().any(|(name, attrs)| name == proto && attrs.contains(&attr.as_str()));
                ours && !value.is_empty() && value != "0.0.0.0" && value != "NULL"
            })
            .collect();
        if wanted.is_empty() {
            continue;
        }
        let mut stated = BTreeSet::new();
        for said in capture::run(&path).said {
            for act in said.seen.acts {
                let text = act.strip_prefix("says ").or_else(|| act.strip_prefix("request login "));
                let Some(text) = text else { continue };
                let value = text.split_once('=').map_or(text, |(_, value)| value);
                let value = value.rsplit_once(" (").map_or(value, |(value, _)| value);
                stated.insert(value.trim().to_owned());
            }
        }
        for (proto, attr, value) in wanted {
            let form = match attr.as_str() {
                "serial" if proto != "s7comm" => value.trim_start_matches("0x").to_owned(),
                "ssh_banner" => value.splitn(3, '-').nth(2).unwrap_or_default().to_owned(),
                _ => value.clone(),
            };
            let known = stated.contains(&form);
            let entry = table.entry((proto.clone(), attr.clone())).or_default();
            entry.0 += usize::from(known);
            entry.1 += 1;
            if !known {
                examples.push(format!("{}: {proto} {attr} {value:?}", path.file_name().unwrap().to_string_lossy()));
            }
        }
    }
    for ((proto, attr), (known, all)) in &table {
        println!("{proto:8} {attr:20} {known:4} of {all:4}");
    }
    let shown = std::env::var("EXAMPLES").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    examples.iter().take(shown).for_each(|example| println!("    {example}"));
    let sum = table.values().fold((0, 0), |(known, all), (k, a)| (known + k, all + a));
    println!("facts    {} of {}", sum.0, sum.1);
    assert!(sum.0 * 100 >= sum.1 * 80, "{} of {}", sum.0, sum.1);
}

#[test]
fn substation_and_stations() {
    at_least(
        compare_fields(
            "sv",
            &[("sv.svID", "sv_id"), ("sv.smpCnt", "smp_cnt"), ("sv.confRev", "conf_rev"), ("sv.smpSynch", "smp_synch")],
        ),
        95.0,
    );
    at_least(
        compare_fields(
            "goose",
            &[
                ("goose.gocbRef", "goc_b_ref"),
                ("goose.datSet", "dat_set"),
                ("goose.stNum", "st_num"),
                ("goose.sqNum", "sq_num"),
                ("goose.confRev", "conf_rev"),
                ("goose.numDatSetEntries", "num_dat_set_entries"),
            ],
        ),
        95.0,
    );
}

#[test]
fn clocks_and_instruments() {
    at_least(
        compare_fields(
            "ptp",
            &[
                ("ptp.v2.messagetype", "messagetype"),
                ("ptp.v2.versionptp", "versionptp"),
                ("ptp.v2.domainnumber", "domainnumber"),
                ("ptp.v2.clockidentity", "clockidentity"),
                ("ptp.v2.sequenceid", "sequenceid"),
                ("ptp.v2.an.grandmasterclockidentity", "grandmasterclockidentity"),
                ("ptp.v2.an.grandmasterclockclass", "grandmasterclockclass"),
                ("ptp.v2.an.priority1", "priority1"),
                ("ptp.v2.an.priority2", "priority2"),
            ],
        ),
        99.0,
    );
    at_least(
        compare_fields(
            "synchrophasor",
            &[
                ("synphasor.frtype", "frtype"),
                ("synphasor.version", "version"),
                ("synphasor.idcode_stream_source", "idcode_stream_source"),
                ("synphasor.command", "command"),
                ("synphasor.conf.numpmu", "numpmu"),
            ],
        ),
        99.0,
    );
    at_least(
        compare_fields(
            "hart_ip",
            &[
                ("hart_ip.version", "version"),
                ("hart_ip.message_type", "message_type"),
                ("hart_ip.message_id", "message_id"),
                ("hart_ip.status", "status"),
                ("hart_ip.transaction_id", "transaction_id"),
                ("hart_ip.pt.command", "pt_command"),
                ("hart_ip.pt.rsp.expanded_device_type", "expanded_device_type"),
                ("hart_ip.pt.rsp.device_id", "device_id"),
                ("hart_ip.pt.rsp.manufacturer_Id", "manufacturer_id"),
                ("hart_ip.pt.rsp.software_rev", "software_rev"),
                ("hart_ip.pt.rsp.device_rev", "device_rev"),
                ("hart_ip.pt.rsp.tag", "tag"),
            ],
        ),
        99.0,
    );
}

#[test]
fn mms() {
    at_least(
        compare_fields(
            "mms",
            &[
                ("mms.invokeID", "invoke_id"),
                ("mms.confirmedServiceRequest", "confirmed_service_request"),
                ("mms.confirmedServiceResponse", "confirmed_service_response"),
                ("mms.unconfirmedService", "unconfirmed_service"),
                ("mms.domainId", "domain_id"),
                ("mms.itemId", "item_id"),
                ("mms.vendorName", "vendor_name"),
                ("mms.modelName", "model_name"),
                ("mms.revision", "revision"),
            ],
        ),
        99.0,
    );
}

#[test]
fn messaging() {
    at_least(
        compare_fields(
            "mqtt",
            &[
                ("mqtt.msgtype", "msgtype"),
                ("mqtt.ver", "ver"),
                ("mqtt.protoname", "protoname"),
                ("mqtt.conack.val", "conack_val"),
                ("mqtt.topic", "topic"),
                ("mqtt.clientid", "clientid"),
                ("mqtt.username", "username"),
            ],
        ),
        95.0,
    );
}

#[test]
fn buildings_and_drives() {
    at_least(
        compare_fields(
            "knx",
            &[
                ("knxip.service.type", "service_type"),
                ("knxip.ipaddr", "ipaddr"),
                ("knxip.port", "port"),
                ("knxip.channel", "channel"),
                ("knxip.status", "status"),
            ],
        ),
        99.0,
    );
    at_least(
        compare_fields(
            "powerlink",
            &[
                ("epl.mtyp", "mtyp"),
                ("epl.src", "src"),
                ("epl.dest", "dest"),
                ("epl.asnd.svid", "asnd_svid"),
                ("epl.asnd.ires.vendorid", "vendorid"),
                ("epl.asnd.ires.productcode", "productcode"),
                ("epl.asnd.ires.serialno", "serialno"),
                ("epl.asnd.ires.hostname", "hostname"),
            ],
        ),
        99.0,
    );
    at_least(
        compare_fields(
            "rtps",
            &[
                ("rtps.version", "version"),
                ("rtps.vendorId", "vendor_id"),
                ("rtps.guidPrefix", "guid_prefix"),
                ("rtps.sm.id", "sm_id"),
                ("rtps.param.entityName", "entity_name"),
            ],
        ),
        99.0,
    );
    at_least(
        compare_fields(
            "coap",
            &[
                ("coap.type", "type"),
                ("coap.code", "code"),
                ("coap.mid", "mid"),
                ("coap.opt.uri_path", "uri_path"),
                ("coap.opt.uri_query", "uri_query"),
            ],
        ),
        80.0,
    );
}

/// How often each key occurs.
fn tally(keys: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    keys.fold(BTreeMap::new(), |mut counts, key| {
        *counts.entry(key).or_default() += 1;
        counts
    })
}

/// Compares how often each operation occurs with a baseline of another parser, whose rows carry neither time nor frame.
fn compare_tally(log: &str, want: impl Fn(&Value) -> String, have: impl Fn(&Said) -> Option<String>) {
    let Some(folder) = capture::corpus("captures") else { return };
    for (path, file) in truth_files(&folder, log) {
        let wanted = tally(capture::rows(&file).iter().map(&want));
        let got = tally(capture::run(&path).said.iter().filter_map(&have));
        let equal: usize = wanted.iter().map(|(key, count)| *count.min(got.get(key).unwrap_or(&0))).sum();
        let all: usize = wanted.values().sum();
        println!("{log} {equal} of {all}: want {wanted:?} have {got:?}");
        assert!(equal * 100 >= all * 99, "{}: {equal} of {all}", path.display());
    }
}

#[test]
fn operations_of_zeek_baselines() {
    let number = |row: &Value, name: &str| {
        let text = row[name].as_str().unwrap_or_default().trim_start_matches("0x").to_owned();
        u64::from_str_radix(&text, 16).map_or_else(|_| "null".to_owned(), |number| number.to_string())
    };
    compare_tally(
        "zeek-s7comm_plus",
        |row| format!("{} {}", number(row, "opcode"), number(row, "function_code")),
        |said| {
            let fields = &said.seen.fields;
            (said.seen.protocol == "s7comm-plus" && fields.get("opcode").is_some()).then(|| {
                let opcode = &fields["opcode"];
                format!("{opcode} {}", fields.get("function").unwrap_or(&Value::Null))
            })
        },
    );
    compare_tally(
        "zeek-bsap_serial_rdb",
        |row| match row["func_code"].as_str().unwrap_or_default() {
            name if name.starts_with("RSP_") => "answer".to_owned(),
            name => name.to_lowercase().replace("_signal", "").replace('_', "-"),
        },
        |said| {
            let is_database = |name: &str| said.seen.fields.get(name) == Some(&160.into());
            (said.seen.protocol == "bsap" && (is_database("dfun") || is_database("sfun")))
                .then(|| said.seen.kind.clone())
        },
    );
}

#[test]
fn damaged_captures_do_no_harm() {
    let Some(folder) = capture::corpus("captures/malformed") else { return };
    let mut folders = vec![folder];
    let (mut files, mut messages) = (0, 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "pcap" || end == "pcapng") {
                messages += capture::run(&path).said.len();
                files += 1;
            }
        }
    }
    println!("damaged captures: {files} read, {messages} messages");
    assert!(files > 100, "{files}");
}
