//! The judge: each failing field, unions of ranges, notation, groups, exceptions, windows, states; explanations and proposals.
#[cfg(test)]
mod tests {
    use dogwatch_model::{CaptureTime, Mac, Object, ShipState, Table, Transport, Verb};
    use dogwatch_rules::policy::{Ask, End, LineHome, Mode, Placement, Policy, Question, Reason, Verdict, check};

    const PLAN: &str = r#"format = 1
mode = "enforce"
vessel = { name = "Example" }
[[zone]]
id = "navigation"
function = "navigation"
class = "ot"
subnet = ["10.10.31.0/24"]
[[zone]]
id = "machinery"
function = "propulsion"
class = "ot"
subnet = ["10.10.32.0/24"]
mode = "enforce"
[[zone]]
id = "cargo"
function = "cargo"
class = "ot"
subnet = ["10.10.33.0/24"]
mode = "learn"
[[zone]]
id = "office"
function = "business"
class = "it"
subnet = ["10.10.90.0/24"]
[[zone]]
id = "crew"
function = "crew"
class = "untrusted"
subnet = ["10.10.128.0/22"]
[[asset]]
id = "conning"
zone = "navigation"
ip = ["10.10.31.55"]
[[asset]]
id = "ecdis-1"
zone = "navigation"
ip = ["10.10.31.51"]
[[asset]]
id = "ecdis-2"
zone = "navigation"
ip = ["10.10.31.52"]
[[asset]]
id = "me-gateway"
zone = "machinery"
ip = ["10.10.32.41"]
[[group]]
id = "ecdis"
members = ["ecdis-1", "ecdis-2"]
[[window]]
id = "MW-1"
kind = "service"
from = 2027-05-21T07:00:00Z
to = 2027-05-21T15:00:00Z
zones = ["machinery"]
who = "maker"
approved_by = "chief engineer"
[[conduit]]
id = "bridge-engine"
from = "navigation"
to = "machinery"
owner = "ETO"
reason = "x"
  [[conduit.allow]]
  from = ["conning"]
  to = ["me-gateway"]
  app = "modbus"
  unit = [1]
  op = ["read"]
  table = "holding"
  addr = ["100-120"]
  rate = "2/s"
  [[conduit.allow]]
  from = ["conning"]
  to = ["me-gateway"]
  app = "modbus"
  unit = [1]
  op = ["read"]
  table = "holding"
  addr = ["4x00122-4x00131"]
  [[conduit.allow]]
  from = ["conning"]
  to = ["me-gateway"]
  app = "modbus"
  unit = [1]
  op = ["write"]
  table = "holding"
  addr = ["10-12"]
  value = [0, 700]
  [[conduit.allow]]
  from = ["conning"]
  to = ["me-gateway"]
  app = "modbus"
  unit = [1]
  op = ["write"]
  table = "coil"
  addr = ["0-7"]
  when = { state = ["in_port", "at_anchor"] }
  [[conduit.allow]]
  from = ["ecdis", "10.10.31.64/26"]
  to = ["*"]
  app = "tcp/4840-4841"
  [[conduit.allow]]
  from = ["conning"]
  to = ["me-gateway"]
  app = "ssh"
  when = { window = "MW-1" }
  [[conduit.allow]]
  from = ["conning"]
  to = ["me-gateway"]
  app = "s7"
  op = ["read"]
  object = ["db10.0-63", "db11"]
[[conduit]]
id = "office-out"
from = "office"
to = "outside"
owner = "master"
reason = "x"
  [[conduit.allow]]
  app = "tls"
  host = ["*.fleet.example"]
  [[conduit.allow]]
  app = "ip/17"
  [[conduit.allow]]
  app = "vpn"
[[exception]]
id = "EX-7"
from = ["10.10.32.77"]
to = ["me-gateway"]
app = "modbus"
op = ["read", "write"]
addr = ["40-47"]
window = "MW-1"
owner = "chief engineer"
reason = "governor tuning"
[[exception]]
id = "EX-8"
from = ["conning"]
to = ["me-gateway"]
app = "modbus"
unit = [1]
op = ["read"]
addr = ["131-140"]
until = 2027-05-31
owner = "chief engineer"
reason = "test"
[[accept]]
detection = "DW-1008"
asset = ["me-gateway"]
owner = "ETO"
until = 2027-12-31
reason = "ordered"
"#;

    fn time(text: &str) -> CaptureTime {
        CaptureTime::parse_rfc3339(text).unwrap()
    }

    /// Line (from 1) of the `nth` occurrence of a text in the plan.
    fn line_of(text: &str, nth: usize) -> usize {
        let (at, _) = PLAN.match_indices(text).nth(nth).unwrap();
        PLAN[..at].matches('\n').count() + 1
    }

    fn plan() -> Policy {
        let checked = check(PLAN, "plan.toml", time("2027-05-10T00:00:00Z"));
        assert_eq!(checked.diagnostics, []);
        checked.policy.unwrap()
    }

    fn end(plan: &Policy, ip: &str) -> End {
        let ip = Some(ip.parse().unwrap());
        let place = Placement { source: "trunk", vlan: None, mac: Mac([2, 0, 0, 0, 0, 9]), ip, link_is_gateway: false };
        plan.end(plan.placed(&place), place.mac, ip, false)
    }

    const CONNING: &str = "10.10.31.55";
    const ENGINE: &str = "10.10.32.41";

    fn modbus<'a>(plan: &Policy, from: &str, verb: Verb, object: Object<'a>) -> Ask<'a> {
        Ask {
            from: end(plan, from),
            to: end(plan, ENGINE),
            protocol: Some("modbus"),
            transport: Transport::Tcp,
            port: 502,
            verb: Some(verb),
            object: Some(object),
            at: time("2027-05-10T00:00:00Z"),
            state: ShipState::AtSea,
        }
    }

    fn registers(table: Table, first: u16, count: u16, written: Option<(u16, u16)>) -> Object<'static> {
        Object::Registers { unit: 1, table, first, count, written }
    }

    fn refused(plan: &Policy, ask: &Ask<'_>) -> (Reason, &'static str, String) {
        match plan.judge(ask) {
            Verdict::Denied(denial) => {
                let line = denial.nearest.map_or_else(|| "-".to_owned(), |line| plan.line_name(line));
                (denial.reason, denial.failed_field, line.split(" (").next().unwrap_or_default().to_owned())
            }
            verdict => panic!("{}", plan.explanation(ask, &verdict)),
        }
    }

    #[test]
    fn allowed_requests() {
        let plan = plan();
        for (case, verb, object, line) in [
            ("inside one range", Verb::Read, registers(Table::Holding, 100, 21, None), 1),
            ("1-based range: 4x00122 is 121", Verb::Read, registers(Table::Holding, 121, 10, None), 2),
            ("union of two lines", Verb::Read, registers(Table::Holding, 115, 10, None), 1),
            ("written value inside", Verb::Write, registers(Table::Holding, 10, 3, Some((0, 700))), 3),
        ] {
            let ask = modbus(&plan, CONNING, verb, object);
            match plan.judge(&ask) {
                Verdict::Allowed { line: index, .. } => {
                    let home = &plan.line(index).unwrap().home;
                    assert!(matches!(home, LineHome::Conduit { number, .. } if *number == line), "{case}: {home:?}");
                }
                verdict => panic!("{case}: {}", plan.explanation(&ask, &verdict)),
            }
        }
    }

    #[test]
    fn each_failing_field() {
        let plan = plan();
        let read = registers(Table::Holding, 100, 1, None);
        let other_unit = Object::Registers { unit: 9, table: Table::Holding, first: 100, count: 1, written: None };
        for (case, from, verb, object, want) in [
            ("another host", "10.10.31.56", Verb::Read, read, (Reason::NoConduit, "from", "bridge-engine allow 1")),
            ("no such operation", CONNING, Verb::Program, read, (Reason::Op, "op", "bridge-engine allow 1")),
            ("another unit", CONNING, Verb::Read, other_unit, (Reason::Op, "unit", "bridge-engine allow 1")),
            (
                "one register too far",
                CONNING,
                Verb::Read,
                registers(Table::Holding, 119, 30, None),
                (Reason::Address, "addr", "exception EX-8"),
            ),
            (
                "below the range",
                CONNING,
                Verb::Read,
                registers(Table::Holding, 98, 3, None),
                (Reason::Address, "addr", "bridge-engine allow 1"),
            ),
            (
                "past the last address",
                CONNING,
                Verb::Read,
                registers(Table::Holding, 65_535, 2, None),
                (Reason::Address, "addr", "exception EX-8"),
            ),
            (
                "another table",
                CONNING,
                Verb::Write,
                registers(Table::Input, 10, 1, Some((1, 1))),
                (Reason::Address, "table", "bridge-engine allow 3"),
            ),
            (
                "value too large",
                CONNING,
                Verb::Write,
                registers(Table::Holding, 10, 2, Some((5, 701))),
                (Reason::Value, "value", "bridge-engine allow 3"),
            ),
            (
                "not at sea",
                CONNING,
                Verb::Write,
                registers(Table::Coil, 0, 8, Some((0, 1))),
                (Reason::State, "when", "bridge-engine allow 4"),
            ),
        ] {
            let got = refused(&plan, &modbus(&plan, from, verb, object));
            assert_eq!((got.0, got.1, got.2.as_str()), want, "{case}");
        }
        let detection = |ask: &Ask<'_>| refused(&plan, ask).0.detection();
        assert_eq!(detection(&modbus(&plan, CONNING, Verb::Program, read)), "DW-2002");
        assert_eq!(detection(&modbus(&plan, CONNING, Verb::Read, registers(Table::Holding, 0, 1, None))), "DW-2003");
    }

    #[test]
    fn no_conduit_no_zone() {
        let plan = plan();
        let read = registers(Table::Holding, 100, 1, None);
        let back =
            Ask { from: end(&plan, ENGINE), to: end(&plan, CONNING), ..modbus(&plan, CONNING, Verb::Read, read) };
        assert_eq!(refused(&plan, &back), (Reason::NoConduit, "conduit", "-".to_owned()));
        let conduit = line_of("id = \"bridge-engine\"", 0);
        let said = plan.explain(&back);
        assert!(said.contains(&format!("bridge-engine (line {conduit}) goes the other way")), "{said}");
        let nowhere = Ask { from: End::default(), ..back };
        assert_eq!(refused(&plan, &nowhere), (Reason::NoZone, "zone", "-".to_owned()));
        let other_app = Ask { protocol: Some("telnet"), port: 23, ..modbus(&plan, CONNING, Verb::Read, read) };
        assert_eq!((refused(&plan, &other_app).0, refused(&plan, &other_app).1), (Reason::NoConduit, "app"));
    }

    #[test]
    fn flow_level_ignores_operation_and_addresses() {
        let plan = plan();
        let flow = |from: &str, protocol, port| Ask {
            protocol,
            port,
            verb: None,
            object: None,
            ..modbus(&plan, from, Verb::Read, registers(Table::Holding, 0, 1, None))
        };
        assert!(plan.judge(&flow(CONNING, Some("modbus"), 502)).is_allowed());
        assert!(plan.judge(&flow(CONNING, Some("modbus"), 5_020)).is_allowed(), "the content counts, not the port");
        assert!(plan.judge(&flow(CONNING, None, 502)).is_allowed(), "not recognised yet: the usual port");
        assert!(!plan.judge(&flow(CONNING, None, 5_020)).is_allowed());
        assert!(!plan.judge(&flow(CONNING, Some("http"), 502)).is_allowed(), "something else on the usual port");
        // Groups, prefixes and port ranges.
        for (from, port, want) in [
            ("10.10.31.51", 4_840, true),
            ("10.10.31.52", 4_841, true),
            ("10.10.31.52", 4_842, false),
            ("10.10.31.70", 4_840, true),
            ("10.10.31.130", 4_840, false),
            (CONNING, 4_840, false),
        ] {
            for protocol in [None, Some("opcua")] {
                assert_eq!(plan.judge(&flow(from, protocol, port)).is_allowed(), want, "{from} {port} {protocol:?}");
            }
        }
    }

    #[test]
    fn named_objects_and_hosts() {
        let plan = plan();
        let s7 = |object| Ask {
            protocol: Some("s7comm"),
            port: 102,
            ..modbus(&plan, CONNING, Verb::Read, Object::Named(object))
        };
        for (object, want) in [
            ("db10.0", true),
            ("DB10.0-63", true),
            ("db10.60-64", false),
            ("db1.0", false),
            ("db11.900", true),
            ("db110.1", false),
            ("m.0", false),
        ] {
            assert_eq!(plan.judge(&s7(object)).is_allowed(), want, "{object}");
        }
        let file = modbus(&plan, CONNING, Verb::Read, Object::Named("file 4"));
        assert_eq!(
            (refused(&plan, &file).0, refused(&plan, &file).1),
            (Reason::Address, "addr"),
            "no register of the line"
        );
        assert_eq!(refused(&plan, &s7("db10.60-64")), (Reason::Address, "object", "bridge-engine allow 7".to_owned()));
        let tls = |host| Ask {
            from: end(&plan, "10.10.90.21"),
            to: end(&plan, "203.0.113.9"),
            protocol: Some("tls"),
            port: 443,
            ..modbus(&plan, CONNING, Verb::Discover, Object::Named(host))
        };
        assert!(plan.judge(&tls("mail.fleet.example")).is_allowed());
        assert_eq!(refused(&plan, &tls("evil.example")), (Reason::Address, "host", "office-out allow 1".to_owned()));
        let udp = Ask { transport: Transport::Udp, protocol: Some("wireguard"), port: 9_999, verb: None, ..tls("x") };
        assert!(plan.judge(&udp).is_allowed());
    }

    #[test]
    fn exceptions_windows_and_ends() {
        let plan = plan();
        let open = time("2027-05-21T08:00:00Z");
        let tuning = |at| Ask {
            at,
            ..modbus(&plan, "10.10.32.77", Verb::Write, registers(Table::Holding, 40, 8, Some((1, 1))))
        };
        assert!(matches!(plan.judge(&tuning(open)), Verdict::AllowedByException { .. }));
        let early = refused(&plan, &tuning(time("2027-05-21T06:59:59Z")));
        assert!(matches!(early, (Reason::WindowClosed { since: None, .. }, "when", _)), "{early:?}");
        let late = refused(&plan, &tuning(time("2027-05-21T15:10:00Z"))).0;
        assert!(matches!(late, Reason::WindowClosed { since: Some(since), .. } if since.as_secs() == 600), "{late:?}");
        assert_eq!(late.detection(), "DW-2006");
        // A conduit line tied to the window.
        let ssh = |at| Ask { at, protocol: Some("ssh"), port: 22, verb: None, ..tuning(at) };
        let ssh = |at| Ask { from: end(&plan, CONNING), ..ssh(at) };
        assert!(matches!(plan.judge(&ssh(open)), Verdict::AllowedByWindow { .. }));
        assert_eq!(refused(&plan, &ssh(time("2027-06-21T08:00:00Z"))).1, "when");
        // Partly by a line, partly by an exception: the exception is named, and its end is seen.
        let joined = |at| Ask { at, ..modbus(&plan, CONNING, Verb::Read, registers(Table::Holding, 125, 10, None)) };
        let verdict = plan.judge(&joined(time("2027-05-31T23:59:59Z")));
        assert!(matches!(verdict, Verdict::AllowedByException { .. }), "{verdict:?}");
        let ended = refused(&plan, &joined(time("2027-06-01T00:00:05Z")));
        assert_eq!((ended.1, ended.2.as_str()), ("until", "exception EX-8"));
        assert!(matches!(ended.0, Reason::Expired { since } if since.as_secs() == 5), "{ended:?}");
    }

    #[test]
    fn an_unknown_state_allows_what_any_state_allows() {
        let plan = plan();
        let coil =
            |state| Ask { state, ..modbus(&plan, CONNING, Verb::Write, registers(Table::Coil, 0, 1, Some((1, 1)))) };
        for (state, want) in [
            (ShipState::InPort, true),
            (ShipState::AtAnchor, true),
            (ShipState::AtSea, false),
            (ShipState::Drydock, false),
            (ShipState::Unknown, true),
        ] {
            assert_eq!(plan.judge(&coil(state)).is_allowed(), want, "{state:?}");
        }
    }

    #[test]
    fn signed_values() {
        let text = PLAN.replace("value = [0, 700]", "value = [-35, 35]");
        let plan = check(&text, "p", CaptureTime::default()).policy.unwrap();
        let write = |low: i16, high: i16| {
            let (low, high) = (low.cast_unsigned(), high.cast_unsigned());
            let object = registers(Table::Holding, 10, 2, Some((low.min(high), low.max(high))));
            plan.judge(&modbus(&plan, CONNING, Verb::Write, object)).is_allowed()
        };
        assert!(write(-35, 35) && write(0, 35) && !write(-36, 0) && !write(0, 36));
    }

    #[test]
    fn explanations_name_both_notations_and_the_line() {
        let plan = plan();
        let ask = modbus(&plan, CONNING, Verb::Read, registers(Table::Holding, 98, 3, None));
        let (first, fourth) = (line_of("[[conduit.allow]]", 0), line_of("[[conduit.allow]]", 3));
        let want = format!(
            "conning (navigation) -> me-gateway (machinery) modbus tcp/502 read holding 98-100 unit 1: not allowed; nearest is \
             bridge-engine allow 1 (line {first}), where addr does not fit: addr = [\"100-120\"] (1-based 4x00101-4x00121)"
        );
        assert_eq!(plan.explain(&ask), want);
        let ask = modbus(&plan, CONNING, Verb::Write, registers(Table::Coil, 0, 1, Some((1, 1))));
        let want = format!(
            "the ship is at sea; nearest is bridge-engine allow 4 (line {fourth}) with when = {{ state = [\"at_anchor\", \"in_port\"] }}"
        );
        assert!(plan.explain(&ask).ends_with(&want), "{}", plan.explain(&ask));
        let ask = modbus(&plan, CONNING, Verb::Read, registers(Table::Holding, 100, 1, None));
        let want = format!("allowed by bridge-engine allow 1 (line {first})");
        assert!(plan.explain(&ask).ends_with(&want), "{}", plan.explain(&ask));
    }

    #[test]
    fn a_proposed_line_allows_what_was_asked_and_nothing_more() {
        let plan = plan();
        let base = modbus(&plan, CONNING, Verb::Write, registers(Table::Holding, 500, 2, Some((3, 9))));
        let asks = [
            base,
            Ask { object: Some(Object::Device { unit: Some(3) }), verb: Some(Verb::Diagnose), ..base },
            Ask { protocol: None, port: 8_000, verb: None, object: None, ..base },
            Ask {
                protocol: Some("s7comm"),
                port: 102,
                verb: Some(Verb::Write),
                object: Some(Object::Named("db7.0-9")),
                ..base
            },
            Ask { from: end(&plan, "10.10.33.9"), ..base },
            Ask { to: end(&plan, "10.10.31.51"), ..base },
            Ask {
                from: end(&plan, "10.10.90.3"),
                to: end(&plan, "203.0.113.5"),
                protocol: Some("tls"),
                port: 443,
                verb: Some(Verb::Discover),
                object: Some(Object::Named("a\"b\u{202e}\n.example")),
                ..base
            },
            Ask {
                from: end(&plan, "10.10.90.3"),
                to: end(&plan, "203.0.113.5"),
                protocol: Some("http"),
                port: 80,
                verb: Some(Verb::Read),
                object: Some(Object::Named("x.example")),
                ..base
            },
        ];
        for ask in asks {
            if plan.judge(&ask).is_allowed() {
                panic!("already allowed: {}", plan.explain(&ask));
            }
            let line = plan.policy_line_for(&ask).unwrap();
            // A line for an existing conduit is put below it, as the comment says.
            let text = match line.strip_prefix("# below conduit \"") {
                Some(rest) => {
                    let id = rest.split('"').next().unwrap();
                    let at = PLAN.find(&format!("id = \"{id}\"")).unwrap();
                    let next = PLAN[at..].find("[[conduit.allow]]").unwrap() + at;
                    format!("{}{}{}", &PLAN[..next], line, &PLAN[next..])
                }
                None => format!("{PLAN}{line}"),
            };
            let checked = check(&text, "proposed.toml", time("2027-05-10T00:00:00Z"));
            let shown: Vec<String> = checked.diagnostics.iter().map(ToString::to_string).collect();
            let wider = checked.policy.unwrap_or_else(|| panic!("{shown:#?}\n{line}"));
            // Indexes of zones and assets are the same in both.
            assert!(wider.judge(&ask).is_allowed(), "{}\n{line}", wider.explain(&ask));
            if let Some(Object::Registers { unit, table, first, count, written }) = ask.object {
                let one_more = Object::Registers { unit, table, first, count: count + 1, written };
                assert!(!wider.judge(&Ask { object: Some(one_more), ..ask }).is_allowed());
                assert!(!wider.judge(&Ask { verb: Some(Verb::Program), ..ask }).is_allowed());
            }
        }
        let crew = Ask { from: end(&plan, "10.10.128.9"), ..base };
        assert_eq!(plan.policy_line_for(&crew), None, "an untrusted zone into OT is a question, not a line");
    }

    #[test]
    fn modes_windows_accepts() {
        let plan = plan();
        let zone = |id| plan.zone_named(id);
        assert_eq!(plan.mode_between(zone("cargo"), zone("cargo")), Mode::Learn);
        assert_eq!(plan.mode_between(zone("cargo"), Some(plan.outside())), Mode::Learn);
        assert_eq!(plan.mode_between(zone("cargo"), zone("machinery")), Mode::Enforce);
        let machinery = zone("machinery").unwrap();
        assert!(plan.window_open(machinery, time("2027-05-21T07:00:00Z")).is_some());
        assert!(plan.window_open(machinery, time("2027-05-21T15:00:00Z")).is_none());
        assert!(plan.window_open(zone("cargo").unwrap(), time("2027-05-21T08:00:00Z")).is_none());
        let engine = end(&plan, ENGINE);
        let open = time("2027-05-21T08:00:00Z");
        assert!(plan.silenced("DW-1001", &engine, open).is_some() && plan.silenced("DW-6001", &engine, open).is_none());
        assert!(plan.accepted("DW-1008", &engine, time("2027-12-31T23:59:59.999999999Z")).is_some());
        assert!(plan.accepted("DW-1008", &engine, time("2028-01-01T00:00:00Z")).is_none());
        assert!(plan.accepted("DW-1008", &end(&plan, CONNING), open).is_none());
        let week = std::time::Duration::from_secs(7 * 86_400);
        let ids: Vec<String> =
            plan.expiring(time("2027-05-26T00:00:00Z"), week).into_iter().map(|entry| entry.id).collect();
        assert_eq!(ids, ["EX-7", "EX-8"]);
    }

    #[test]
    fn questions_in_words() {
        let plan = plan();
        let question = Question {
            from: "conning",
            to: "10.10.32.41",
            app: "modbus",
            op: Some("write"),
            unit: None,
            table: None,
            addr: Some("4x00011-4x00013"),
            value: Some(700),
            object: None,
            at: time("2027-05-10T00:00:00Z"),
            state: ShipState::AtSea,
        };
        let third = line_of("[[conduit.allow]]", 2);
        let asked =
            "conning (navigation) -> me-gateway (machinery) modbus tcp/502 write holding 10-12 unit 1 value 700";
        assert_eq!(plan.answer(&question), Ok(format!("{asked}: allowed by bridge-engine allow 3 (line {third})")));
        let answer = |question: Question<'_>| plan.answer(&question).unwrap();
        assert!(answer(Question { value: Some(701), ..question }).contains("value = [0, 700]"));
        assert!(answer(Question { app: "tcp/23", op: None, addr: None, ..question }).contains("not allowed"));
        assert!(
            answer(Question { app: "dns", from: "10.10.90.5", to: "9.9.9.9", op: None, addr: None, ..question })
                .contains("allowed by office-out")
        );
        for (wrong, said) in [
            (Question { from: "coning", ..question }, "\"coning\" is no asset and no address; did you mean conning?"),
            (Question { to: "10.0.0.0/8", ..question }, "\"10.0.0.0/8\" is a prefix, not one host"),
            (Question { app: "modbuss", ..question }, "\"modbuss\" is no application; did you mean modbus?"),
            (Question { addr: Some("9-1"), ..question }, "addr \"9-1\" runs backwards; write \"1-9\""),
        ] {
            assert_eq!(plan.answer(&wrong), Err(said.to_owned()));
        }
    }

    #[test]
    fn matrix_shows_each_pair_once() {
        let plan = plan();
        let matrix = plan.matrix();
        let pairs: Vec<(&str, &str, usize)> =
            matrix.iter().map(|cell| (cell.from.as_str(), cell.to.as_str(), cell.allows.len())).collect();
        assert_eq!(pairs, [("navigation", "machinery", 7), ("office", "outside", 3)]);
        let first = &matrix[0].allows[0];
        assert_eq!((first.app.as_str(), first.ops.as_slice(), first.changes), ("modbus", ["read"].as_slice(), false));
    }
}
