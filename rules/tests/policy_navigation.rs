//! Who may say what on the navigation network.
#[cfg(test)]
mod tests {
    use dogwatch_model::{CaptureTime, Mac, Sfi};
    use dogwatch_rules::policy::{End, N2kRefusal, N2kVerdict, NmeaAsk, NmeaRefusal, NmeaVerdict, Policy, check};

    const PLAN: &str = r#"format = 1
mode = "enforce"
vessel = { name = "Example" }
[[zone]]
id = "navigation"
function = "navigation"
class = "ot"
subnet = ["10.10.31.0/24"]
can = ["can0", "can1"]
[[asset]]
id = "gnss-1"
zone = "navigation"
ip = ["10.10.31.11"]
mac = ["00:00:5e:00:53:11"]
[[asset]]
id = "gnss-2"
zone = "navigation"
ip = ["10.10.31.12"]
[[asset]]
id = "gyro"
zone = "navigation"
ip = ["10.10.31.21"]
[[asset]]
id = "ecdis"
zone = "navigation"
ip = ["10.10.31.51"]
[[asset]]
id = "pilot"
zone = "navigation"
ip = ["10.10.31.61"]
role = ["heading-control"]
[[asset]]
id = "recorder"
zone = "navigation"
ip = ["10.10.31.91"]
role = ["recorder"]
[[nmea]]
source = "gnss-1"
sfi = ["GP0001"]
talkers = ["GP", "GN"]
sentences = ["GGA", "RMC", "ZDA", "PGRME"]
role = "position"
rate = { GGA = "1/s" }
redundancy = "gnss"
[[nmea]]
source = "gnss-2"
sfi = ["GP0002"]
talkers = ["GP"]
sentences = ["GGA", "VTG"]
role = "position"
redundancy = "gnss"
[[nmea]]
source = "gyro"
sfi = ["HE0001"]
talkers = ["HE"]
sentences = ["HDT", "APB"]
role = "heading"
[[nmea]]
source = "ecdis"
sfi = ["EI0001"]
talkers = ["EI"]
sentences = ["APB", "HTC"]
role = "steering-command"
[[n2k]]
source = "gps-a"
bus = "can0"
name = { manufacturer = 1855, unique = 110012, function = 145, class = 60 }
pgn = [129025, 129026]
role = "position"
redundancy = "gps"
[[n2k]]
source = "gps-b"
bus = "can0"
name = { manufacturer = 1855, unique = 110013, function = 145, class = 60, device_instance = 1 }
pgn = [129029]
redundancy = "gps"
[[n2k]]
source = "display"
bus = "can0"
name = { manufacturer = 275, unique = 5, function = 120, class = 60 }
pgn = [126208]
role = "display"
may_command = ["gps-a"]
"#;

    fn plan() -> Policy {
        let checked = check(PLAN, "plan.toml", CaptureTime::default());
        let codes: Vec<String> = checked.diagnostics.iter().map(|problem| problem.code.to_string()).collect();
        assert_eq!(codes, ["P011"], "the gyro's APB is warned of, nothing else");
        checked.policy.unwrap()
    }

    fn end(plan: &Policy, ip: &str, mac: &str) -> End {
        plan.nmea_end("trunk", mac.parse().unwrap(), Some(ip.parse().unwrap()))
    }

    const OTHER: &str = "00:00:5e:00:53:99";

    #[test]
    fn sentences() {
        use NmeaRefusal::{Mac as WrongMac, Sentence, Sfi as WrongSfi, Source, SteeringCommand, Talker};
        let plan = plan();
        let (gnss, gyro, ecdis) =
            (("10.10.31.11", "00:00:5e:00:53:11"), ("10.10.31.21", OTHER), ("10.10.31.51", OTHER));
        for (case, from, to, sfi, talker, formatter, want) in [
            ("its own", gnss, None, "GP0001", "GP", "GGA", Ok(0)),
            ("second talker id", gnss, None, "GP0001", "GN", "RMC", Ok(0)),
            ("without a TAG block", gnss, None, "", "GP", "GGA", Ok(0)),
            ("its own proprietary sentence", gnss, None, "GP0001", "P", "GRME", Ok(0)),
            ("stands in for the other receiver", gnss, None, "GP0002", "GP", "VTG", Ok(1)),
            ("a sentence of neither", gnss, None, "GP0001", "GP", "HDT", Err((Sentence, Some(0)))),
            ("another's talker id", gnss, None, "GP0001", "HE", "GGA", Err((Talker, Some(0)))),
            ("another's function id", gnss, None, "HE0001", "GP", "GGA", Err((WrongSfi, Some(2)))),
            ("nobody's function id", gnss, None, "GP0009", "GP", "GGA", Err((WrongSfi, Some(0)))),
            ("right address, wrong MAC", ("10.10.31.11", OTHER), None, "GP0001", "GP", "GGA", Err((WrongMac, Some(0)))),
            (
                "a stranger with a known function id",
                ("10.10.31.200", OTHER),
                None,
                "GP0001",
                "GP",
                "GGA",
                Err((Source, Some(0))),
            ),
            ("an asset without allowance", ("10.10.31.91", OTHER), None, "", "GP", "GGA", Err((Source, None))),
            ("the route computer steers", ecdis, None, "EI0001", "EI", "APB", Ok(3)),
            (
                "a listed steering sentence without the role",
                gyro,
                None,
                "HE0001",
                "HE",
                "APB",
                Err((SteeringCommand, Some(2))),
            ),
            ("towards the pilot", gyro, Some("10.10.31.61"), "HE0001", "HE", "APB", Err((SteeringCommand, Some(2)))),
            ("towards a device that does not steer", gyro, Some("10.10.31.91"), "HE0001", "HE", "APB", Ok(2)),
        ] {
            let to = to.map_or_else(End::default, |ip| end(&plan, ip, OTHER));
            let ask = NmeaAsk {
                from: end(&plan, from.0, from.1),
                to,
                sfi: Sfi::from_bytes(sfi.as_bytes()),
                talker,
                formatter,
            };
            let want = match want {
                Ok(at) => NmeaVerdict::Allowed(at),
                Err((why, nearest)) => NmeaVerdict::Denied { why, nearest },
            };
            assert_eq!(plan.nmea_allows(&ask), want, "{case}");
        }
    }

    #[test]
    fn a_serial_line_has_no_addresses() {
        let plan = plan();
        let ask =
            |talker, formatter| NmeaAsk { from: End::default(), to: End::default(), sfi: None, talker, formatter };
        assert_eq!(plan.nmea_allows(&ask("HE", "HDT")), NmeaVerdict::Allowed(2));
        assert!(matches!(plan.nmea_allows(&ask("HE", "GGA")), NmeaVerdict::Denied { why: NmeaRefusal::Sentence, .. }));
        assert!(matches!(plan.nmea_allows(&ask("II", "GGA")), NmeaVerdict::Denied { why: NmeaRefusal::Talker, .. }));
        let empty = PLAN.split("[[nmea]]").next().unwrap();
        let silent = check(empty, "p", CaptureTime::default()).policy.unwrap();
        assert_eq!(silent.nmea_allows(&ask("HE", "HDT")), NmeaVerdict::NotDeclared);
    }

    /// A NAME from its fields (ISO 11783-5): class 60 stands at bit 49, function at 40, instance at 32, manufacturer at 21.
    fn name(unique: u64, manufacturer: u64, instance: u64, function: u64) -> u64 {
        1 << 63 | 4 << 60 | 60 << 49 | function << 40 | instance << 32 | manufacturer << 21 | unique
    }

    #[test]
    fn parameter_groups() {
        let plan = plan();
        let (a, b) = (name(110_012, 1_855, 0, 145), name(110_013, 1_855, 1, 145));
        let display = name(5, 275, 0, 120);
        for (case, bus, name, pgn, want) in [
            ("its own", "can0", a, 129_025, N2kVerdict::Allowed(0)),
            ("stands in", "can0", b, 129_025, N2kVerdict::Allowed(0)),
            ("another instance of the same device", "can0", a | 7 << 32, 129_025, N2kVerdict::Allowed(0)),
            ("address claim", "can0", 42, 60_928, N2kVerdict::Management),
            ("not its own", "can0", a, 127_250, N2kVerdict::Denied { why: N2kRefusal::Pgn, nearest: Some(0) }),
            (
                "instance is part of the name",
                "can0",
                b ^ 1 << 32,
                129_029,
                N2kVerdict::Denied { why: N2kRefusal::Source, nearest: Some(1) },
            ),
            ("stranger", "can0", 42, 129_025, N2kVerdict::Denied { why: N2kRefusal::Source, nearest: Some(0) }),
            (
                "stranger, nobody's group",
                "can0",
                42,
                127_250,
                N2kVerdict::Denied { why: N2kRefusal::Source, nearest: None },
            ),
            ("bus without allowances", "can1", a, 129_025, N2kVerdict::NotDeclared),
        ] {
            assert_eq!(plan.n2k_allows(bus, name, pgn), want, "{case}");
        }
        assert_eq!(plan.n2k_may_command("can0", display, a), Some(true));
        assert_eq!(plan.n2k_may_command("can0", display, b), Some(false));
        assert_eq!(plan.n2k_may_command("can0", a, display), Some(false));
        assert_eq!(plan.n2k_may_command("can1", a, display), None);
    }

    #[test]
    fn proposals_are_read_back_and_allow_what_was_seen() {
        let plan = plan();
        let ask = NmeaAsk {
            from: end(&plan, "10.10.31.91", OTHER),
            to: End::default(),
            sfi: Sfi::from_bytes(b"VR0001"),
            talker: "VR",
            formatter: "ALR",
        };
        let text = format!("{PLAN}{}", plan.nmea_line_for(&ask).unwrap());
        let wider = check(&text, "p", CaptureTime::default()).policy.unwrap();
        assert!(matches!(wider.nmea_allows(&ask), NmeaVerdict::Allowed(_)));
        let stranger = name(77, 1_851, 0, 130);
        let text = format!("{PLAN}{}", plan.n2k_line_for("can0", stranger, 130_306));
        let wider = check(&text, "p", CaptureTime::default()).policy.unwrap();
        assert!(matches!(wider.n2k_allows("can0", stranger, 130_306), N2kVerdict::Allowed(_)));
        let borrowed = NmeaAsk { from: End { mac_differs: true, ..ask.from }, ..ask };
        assert_eq!(plan.nmea_line_for(&borrowed), None);
        let unprintable = NmeaAsk { formatter: "AL\"", ..ask };
        assert_eq!(plan.nmea_line_for(&unprintable), None);
        assert_eq!(plan.nmea_end("trunk", Mac::NONE, None), End::default());
    }
}
