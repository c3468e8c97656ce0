//! Every error code with its exact place. The expected place is marked in the text itself with `⟦ ⟧`, never copied from output.
#[cfg(test)]
mod tests {
    use dogwatch_model::CaptureTime;
    use dogwatch_rules::policy::{
        Checked, Code, Diagnostic, ExceptionUse, Level, LineUse, Usage, check, check_with_usage,
    };

    /// A policy without any problem; tests replace or add parts.
    const BASE: &str = r#"format = 1
mode = "enforce"
[vessel]
name = "Example"
imo = 9074729
mmsi = 257999110
[[zone]]
id = "navigation"
function = "navigation"
class = "ot"
vlan = [310]
subnet = ["10.10.31.0/24"]
can = ["can0"]
[[zone]]
id = "machinery"
function = "propulsion"
class = "ot"
vlan = [320]
subnet = ["10.10.32.0/24"]
[[zone]]
id = "passenger"
function = "passenger"
class = "untrusted"
subnet = ["10.99.0.0/16"]
[[asset]]
id = "conning"
zone = "navigation"
ip = ["10.10.31.55"]
[[asset]]
id = "gnss-1"
zone = "navigation"
ip = ["10.10.31.11"]
[[asset]]
id = "me-gateway"
zone = "machinery"
ip = ["10.10.32.41"]
[[group]]
id = "bridge"
members = ["conning", "gnss-1"]
"#;

    fn today() -> CaptureTime {
        CaptureTime::parse_rfc3339("2027-05-10T12:00:00Z").unwrap()
    }

    /// Takes the marks out; gives the text and line, column and width of what was marked.
    fn unmark(marked: &str) -> (String, (u32, u32, u32)) {
        let (before, rest) = marked.split_once('⟦').expect("a mark");
        let (inside, after) = rest.split_once('⟧').expect("the end of the mark");
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
        let place = [line, column, inside.chars().count()].map(|n| u32::try_from(n).unwrap());
        (format!("{before}{inside}{after}"), (place[0], place[1], place[2]))
    }

    /// Checks a text with one mark; it must give exactly this one problem, there.
    fn one(marked: &str) -> Diagnostic {
        let (text, place) = unmark(marked);
        let checked = check(&text, "policy.toml", today());
        let shown: Vec<String> = checked.diagnostics.iter().map(ToString::to_string).collect();
        assert_eq!(checked.diagnostics.len(), 1, "{shown:#?}");
        let problem = checked.diagnostics.into_iter().next().unwrap();
        assert_eq!((problem.line, problem.column, problem.width), place, "{problem}");
        assert_eq!(problem.line_text, text.lines().nth(place.0 as usize - 1).unwrap());
        assert_eq!(checked.policy.is_none(), problem.severity == Level::Error);
        problem
    }

    fn allow(fields: &str) -> String {
        format!(
            "{BASE}[[conduit]]\nid = \"reads\"\nfrom = \"navigation\"\nto = \"machinery\"\n  [[conduit.allow]]\n  {fields}\n"
        )
    }

    #[test]
    fn the_base_has_no_problem() {
        let checked = check(BASE, "policy.toml", today());
        assert_eq!(checked.diagnostics, []);
        assert_eq!(checked.policy.unwrap().vessel.imo, Some(9_074_729));
    }

    #[test]
    fn every_code_at_its_place() {
        use Code::*;
        let base = |from: &str, to: &str| {
            assert!(BASE.contains(from), "{from}");
            BASE.replacen(from, to, 1)
        };
        let add = |text: &str| format!("{BASE}{text}");
        let nmea = |rest: &str| add(&format!("[[nmea]]\nsource = \"gnss-1\"\nsentences = [\"GGA\"]\n{rest}\n"));
        let exception = |rest: &str| {
            add(&format!(
                "[[exception]]\nid = \"EX-7\"\nfrom = [\"conning\"]\nto = [\"me-gateway\"]\napp = \"ssh\"\nowner = \"ETO\"\nreason = \"x\"\n{rest}\n"
            ))
        };
        let n2k = |name: &str, unique: u32, pgn: &str| {
            format!(
                "[[n2k]]\nsource = \"{name}\"\nbus = \"can0\"\nname = {{ manufacturer = 1, unique = {unique}, function = 145, class = 60 }}\npgn = {pgn}\n"
            )
        };
        for (code, marked, message, help) in [
            // Form.
            (
                P000,
                base("mode = \"enforce\"", "mode = ⟦5⟧"),
                "\"mode\" holds a value of the wrong kind (integer)",
                "write a text in quotes",
            ),
            (P000, base("format = 1", "format = ⟦2⟧"), "format 2 is not known to this version", "format = 1"),
            (P000, allow("app = \"ntp\"\n  rate = ⟦\"2/year\"⟧"), "\"2/year\" is no rate", "\"30/min\""),
            (
                P000,
                add("[state]\nat_sea = ⟦\"stw > 3 kn for 10 min\"⟧"),
                "at_sea cannot be read: `stw` is no quantity",
                "sog > 3 kn for 10 min",
            ),
            (P000, allow("app = \"ntp\"\n  ⟦owner⟧ = \"ETO\""), "a line with an owner is an exception", "add until"),
            // P001 to P006.
            (
                P001,
                allow("app = \"modbus\"\n  op = [\"read\"]\n  ⟦adr⟧ = [\"1-2\"]"),
                "\"adr\" is not a field of allow",
                "did you mean \"addr\"?",
            ),
            (P001, add("⟦colour⟧ = 1"), "\"colour\" is not a field of group", "the fields are: id, members"),
            (
                P002,
                allow("to = [⟦\"me-gatway\"⟧]\n  app = \"ntp\""),
                "to = [\"me-gatway\"]: no asset or group has this id",
                "nearest: me-gateway (line 34)",
            ),
            (
                P002,
                base("zone = \"machinery\"", "zone = ⟦\"machinry\"⟧"),
                "no zone has the id \"machinry\"",
                "nearest: machinery (line 15)",
            ),
            (P002, allow("app = ⟦\"modbuss\"⟧"), "\"modbuss\" is no application", "did you mean \"modbus\"?"),
            (P002, allow("app = ⟦\"s7comm\"⟧"), "\"s7comm\" is no application", "did you mean \"s7\"?"),
            (
                P002,
                base("mode = \"enforce\"", "mode = ⟦\"enforced\"⟧"),
                "\"enforced\" is no mode",
                "did you mean \"enforce\"?",
            ),
            (
                P002,
                allow("app = \"rdp\"\n  when = { window = ⟦\"MW-1\"⟧ }"),
                "no window has the id \"MW-1\"",
                "none is defined",
            ),
            (
                P003,
                base(
                    "[[asset]]",
                    "[[zone]]\nid = \"radar\"\nfunction = \"navigation\"\nclass = \"ot\"\nvlan = [310]\nsubnet = [⟦\"10.10.31.0/24\"⟧]\n[[asset]]",
                ),
                "zones navigation (line 8) and radar (line 26) both own 10.10.31.0/24",
                "give one of them a VLAN or a longer prefix",
            ),
            (
                P003,
                base(
                    "[[asset]]",
                    "[[asset]]\nid = \"twin\"\nzone = \"machinery\"\nip = [\"10.10.32.42\"]\n[[asset]]\nid = ⟦\"twin\"⟧\nzone = \"machinery\"\nip = [\"10.10.32.43\"]\n[[asset]]",
                ),
                "asset twin is defined twice; first in line 26",
                "another id",
            ),
            (
                P003,
                base("ip = [\"10.10.31.11\"]", "ip = [⟦\"10.10.31.55\"⟧]"),
                "assets conning (line 26) and gnss-1 both have 10.10.31.55",
                "ip_takeover",
            ),
            (
                P003,
                base(
                    "class = \"untrusted\"\nsubnet = [\"10.99.0.0/16\"]",
                    "class = \"untrusted\"\nsubnet = [\"10.99.0.0/16\", ⟦\"0.0.0.0/0\"⟧]",
                ),
                "zones outside (implied) and passenger (line 21) both own 0.0.0.0/0",
                "longer prefix",
            ),
            (
                P004,
                base("ip = [\"10.10.32.41\"]", "ip = [⟦\"10.10.31.41\"⟧]"),
                "asset me-gateway has 10.10.31.41 but zone machinery is 10.10.32.0/24",
                "navigation (line 8) owns that address",
            ),
            (
                P004,
                base("ip = [\"10.10.32.41\"]", "ip = [⟦\"10.10.32\"⟧]"),
                "\"10.10.32\" is no IP address",
                "without a prefix",
            ),
            (
                P004,
                base("subnet = [\"10.10.32.0/24\"]", "subnet = [⟦\"10.10.32.41/24\"⟧]"),
                "10.10.32.41/24 has bits set behind the prefix",
                "write \"10.10.32.0/24\"",
            ),
            (
                P004,
                allow("from = ⟦[\"me-gateway\"]⟧\n  app = \"ntp\""),
                "from: asset me-gateway is in zone machinery, but conduit reads has from = \"navigation\"",
                "from = \"machinery\"",
            ),
            (
                P005,
                allow("app = \"modbus\"\n  op = [\"read\"]\n  addr = [⟦\"120-100\"⟧]"),
                "addr \"120-100\" runs backwards",
                "write \"100-120\"",
            ),
            (
                P005,
                allow("app = \"modbus\"\n  op = [\"read\"]\n  addr = [\"1\", ⟦\"4x00000\"⟧]"),
                "addr \"4x00000\": 1-based notation starts at 1",
                "4x00001",
            ),
            (
                P005,
                allow("app = \"modbus\"\n  op = [\"read\"]\n  addr = [⟦\"65530-65540\"⟧]"),
                "addr \"65530-65540\" ends after 65535",
                "65535",
            ),
            (P005, base("vlan = [320]", "vlan = [⟦4095⟧]"), "vlan 4095 cannot be", "from 1 to 4094"),
            (
                P005,
                allow("app = \"modbus\"\n  op = [\"write\"]\n  from = [\"conning\"]\n  value = ⟦[10, 2]⟧"),
                "value [10, 2] runs backwards",
                "write [2, 10]",
            ),
            (
                P006,
                allow("app = \"ntp\"\n  op = [⟦\"program\"⟧]"),
                "op = [\"program\"] has no meaning for app = \"ntp\"",
                "its operations are: read",
            ),
            (
                P006,
                allow("app = \"tcp/22\"\n  ⟦unit⟧ = [1]"),
                "unit has no meaning for app = \"tcp/22\"",
                "unit is for modbus",
            ),
            (P004, base("[[asset]]", "[[zone]]\nid = \"radar\"\nfunction = \"navigation\"\nclass = \"ot\"\nvlan = [310]\nsubnet = [\"10.10.31.0/28\"]\n[[asset]]").replace("\"10.10.31.11\"", "⟦\"10.10.31.11\"⟧"),
                "asset gnss-1 has 10.10.31.11, which radar (line 26) owns by a longer prefix", "put the asset into zone radar"),
            (P003, add("[[nmea]]\nsource = \"gnss-1\"\nsfi = [\"GP0001\"]\nsentences = [\"GGA\"]\n[[nmea]]\nsource = \"conning\"\nsfi = [⟦\"GP0001\"⟧]\nsentences = [\"GGA\"]\n"),
                "GP0001 is already the system function id of gnss-1 (line 40)", "redundancy"),
            (P003, add(&format!("{}{}", n2k("gps-a", 1, "[129025]"), n2k("gps-b", 1, "[129026]").replace("{ manu", "⟦{ manu").replace("60 }", "60 }⟧"))),
                "gps-a (line 40) and gps-b have the same NAME on can0", "unique number"),
            (P007, add("[[nmea]]\nsource = ⟦\"gnss-1\"⟧"), "allows this source every sentence", "sentences"),
            (P002, add(&n2k("gps-a", 1, "[129025]").replace("\"can0\"", "⟦\"can1\"⟧")), "no zone has the bus \"can1\"", "nearest: can0"),
            (P012, base("id = \"passenger\"", "id = ⟦\"Passenger\"⟧"), "\"Passenger\" cannot be the id of a zone", "small letters"),
            // P007 to P013.
            (
                P007,
                allow("to = [\"me-gateway\"]\n  ⟦app⟧ = \"modbus\"\n  op = [\"write\"]"),
                "allows every host of navigation to write all registers of me-gateway",
                "add from, addr",
            ),
            (
                P007,
                allow("from = [\"conning\"]\n  ⟦app⟧ = \"ip/6\""),
                "allows conning to reach every TCP port of every host of machinery",
                "tcp/NNN",
            ),
            (P008, exception("until = ⟦2027-05-09⟧"), "exception EX-7 ended 2027-05-09", "extend or delete it"),
            (
                P008,
                exception("until = ⟦2027-08-12⟧"),
                "exception EX-7 ends 2027-08-12, more than 92 days from now",
                "at most 92 days",
            ),
            (
                P010,
                allow("app = \"modbus\"\n  op = [\"read\"]\n  addr = [⟦\"40001-40010\"⟧]"),
                "addr = [\"40001-40010\"] looks 1-based (4x notation)",
                "write \"4x00001-4x00010\" or \"0-9\"",
            ),
            (
                P011,
                add("[[conduit]]\nid = ⟦\"bad\"⟧\nfrom = \"passenger\"\nto = \"machinery\""),
                "untrusted zone passenger may not have a conduit to machinery, which is of class ot",
                "zone of function dmz",
            ),
            (
                P011,
                add("[[conduit]]\nid = ⟦\"bad\"⟧\nfrom = \"outside\"\nto = \"machinery\""),
                "untrusted zone outside may not have",
                "acknowledge",
            ),
            (P011, nmea("").replace("[\"GGA\"]", "[\"GGA\", ⟦\"APB\"⟧]"), "APB steers", "steering-command"),
            // IMO 9074729 is the worked example of the numbering scheme; any other last digit is wrong.
            (
                P012,
                base("imo = 9074729", "imo = ⟦9074720⟧"),
                "imo 9074720 has a wrong check digit (expected 9)",
                "certificate of registry",
            ),
            (P012, base("imo = 9074729", "imo = ⟦907472⟧"), "imo 907472 has not seven digits", "seven digits"),
            (P012, base("mmsi = 257999110", "mmsi = ⟦57999110⟧"), "mmsi 57999110 is no ship's", "nine digits"),
            (P012, nmea("sfi = [⟦\"GP1\"⟧]"), "\"GP1\" is no system function id", "GP0001"),
            (
                P013,
                add(&format!("{}{}", n2k("gps-a", 1, "[129025]"), n2k("gps-b", 2, "[130306, ⟦129025⟧]"))),
                "pgn 129025 is listed for two sources without redundancy on can0: gps-a (line 40) and gps-b",
                "redundancy name",
            ),
        ] {
            let problem = one(&marked);
            assert_eq!(problem.code, code, "{problem}");
            assert!(problem.message.contains(message), "{problem}");
            assert!(problem.help.as_deref().unwrap_or("").contains(help), "{problem}");
        }
    }

    #[test]
    fn one_mistake_gives_one_message() {
        for (marked, code) in [
            (allow("to = ⟦\"me-gateway\"⟧\n  app = \"ntp\""), Code::P000),
            (allow("to = ⟦[]⟧\n  app = \"ntp\""), Code::P000),
            (allow("app = \"modbus\"\n  op = ⟦\"read\"⟧\n  from = [\"conning\"]"), Code::P000),
            (allow("app = \"modbus\"\n  op = ⟦[]⟧\n  from = [\"conning\"]"), Code::P000),
            (allow("app = \"modbus\"\n  op = [\"read\"]\n  value = ⟦5⟧"), Code::P000),
            (
                format!("{BASE}[[nmea]]\nsource = \"gnss-1\"\nsentences = [\"GGA\"]\nrate = {{ GGB = ⟦\"1/s\"⟧ }}\n"),
                Code::P002,
            ),
            (format!("{BASE}[[zone]]\nid = ⟦\"empty\"⟧\nfunction = \"hvac\"\nclass = \"ot\"\n"), Code::P009),
        ] {
            assert_eq!(one(&marked).code, code);
        }
    }

    #[test]
    fn warnings_leave_the_policy_usable() {
        for (marked, code) in [
            (allow("to = [\"me-gateway\"]\n  ⟦app⟧ = \"modbus\"\n  op = [\"write\"]"), Code::P007),
            (allow("app = \"modbus\"\n  op = [\"read\"]\n  addr = [⟦\"40001\"⟧]"), Code::P010),
        ] {
            let problem = one(&marked);
            assert_eq!((problem.code, problem.severity), (code, Level::Warning));
        }
    }

    #[test]
    fn toml_syntax_is_told_the_same_way() {
        let (text, place) = unmark("format = 1\nmode = \"learn\"\n[vessel⟦\n⟧");
        let checked = check(&text, "policy.toml", today());
        let problem = checked.diagnostics.first().unwrap();
        assert_eq!((problem.code, problem.line), (Code::P000, place.0));
        assert_eq!(problem.line_text, "[vessel");
        assert!(checked.policy.is_none());
        let twice = check("format = 1\nmode = \"learn\"\nmode = \"watch\"\n", "policy.toml", today());
        assert_eq!(twice.diagnostics.first().map(|problem| (problem.code, problem.line)), Some((Code::P000, 3)));
    }

    #[test]
    fn all_problems_at_once_in_the_order_of_the_file() {
        let text = BASE.replace("imo = 9074729", "imo = 9074720").replace("vlan = [320]", "vlan = [5000]")
            + "[[conduit]]\nid = \"x\"\nfrom = \"navigation\"\nto = \"nowhere\"\n[[conduit.allow]]\nop = [\"reed\"]\naddr = [\"9-1\"]\n";
        let Checked { policy, diagnostics } = check(&text, "policy.toml", today());
        assert!(policy.is_none());
        let codes: Vec<(Code, u32)> = diagnostics.iter().map(|problem| (problem.code, problem.line)).collect();
        let line =
            |wanted: &str| u32::try_from(text.lines().position(|line| line.contains(wanted)).unwrap() + 1).unwrap();
        let want = [
            (Code::P012, line("9074720")),
            (Code::P005, line("5000")),
            (Code::P002, line("nowhere")),
            (Code::P000, line("[[conduit.allow]]")),
            (Code::P002, line("reed")),
            (Code::P005, line("9-1")),
        ];
        assert_eq!(codes.len(), want.len(), "{diagnostics:#?}");
        assert!(want.iter().all(|problem| codes.contains(problem)), "{codes:?}");
        assert!(diagnostics.is_sorted_by_key(|problem| problem.line));
    }

    #[test]
    fn an_acknowledged_conduit_needs_owner_and_end() {
        let conduit =
            |rest: &str| format!("{BASE}[[conduit]]\nid = \"bad\"\nfrom = \"passenger\"\nto = \"machinery\"\n{rest}\n");
        let codes = |rest: &str| -> Vec<Code> {
            check(&conduit(rest), "p", today()).diagnostics.iter().map(|problem| problem.code).collect()
        };
        assert_eq!(codes("acknowledge = \"P011\"\nowner = \"master\"\nuntil = 2027-06-01"), []);
        assert_eq!(codes("acknowledge = \"P011\"\nowner = \"master\"\nuntil = 2027-05-09"), [Code::P011]);
        assert_eq!(
            codes("acknowledge = \"P011\"\nowner = \"master\""),
            [Code::P011, Code::P000].map(|c| c).into_iter().rev().collect::<Vec<_>>()
        );
    }

    #[test]
    fn use_after_the_end_and_lines_nobody_uses() {
        let at = |text: &str| CaptureTime::parse_rfc3339(text).unwrap();
        let text = allow("app = \"ntp\"\n  [[conduit.allow]]\n  app = \"dns\"")
            + "[[exception]]\nid = \"EX-7\"\nfrom = [\"conning\"]\nto = [\"me-gateway\"]\napp = \"ssh\"\nuntil = 2027-05-01\nowner = \"E\"\nreason = \"x\"\n";
        let line_use = |number, last| LineUse { conduit: "reads".to_owned(), number, last };
        let mut usage = Usage {
            days_at_sea: 50,
            days_in_port: 15,
            lines: vec![line_use(1, at("2027-05-09T00:00:00Z")), line_use(2, at("2027-02-01T00:00:00Z"))],
            after_end: vec![ExceptionUse { id: "EX-7".to_owned(), count: 14, last: at("2027-05-02T03:10:00Z") }],
        };
        let messages = |usage: &Usage| -> Vec<String> {
            let checked = check_with_usage(&text, "p", today(), Some(usage));
            assert!(checked.policy.is_some());
            checked.diagnostics.into_iter().map(|problem| format!("{} {}", problem.code, problem.message)).collect()
        };
        assert_eq!(
            messages(&usage),
            [
                "P009 reads line 2 was not used for 60 days at sea and in port",
                "P008 exception EX-7 ended 2027-05-01; 14 uses since (last 2027-05-02 03:10)",
            ]
        );
        usage.days_in_port = 0;
        assert_eq!(messages(&usage).len(), 1, "nothing is dead before both states were seen");
    }

    #[test]
    fn json_names() {
        let text = BASE.replace("imo = 9074729", "imo = 9074720");
        let checked = check(&text, "policy.toml", today());
        let json = serde_json::to_value(checked.diagnostics.first().unwrap()).unwrap();
        let want = serde_json::json!({
            "code": "P012", "severity": "error", "file": "policy.toml", "line": 5, "column": 7, "width": 7,
            "message": "imo 9074720 has a wrong check digit (expected 9)", "help": "compare with the certificate of registry",
            "line_text": "imo = 9074720",
        });
        assert_eq!(json, want);
    }
}
