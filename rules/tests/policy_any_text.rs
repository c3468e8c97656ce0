//! Whatever stands in the file and whatever is asked: no panic, and a policy exactly when there is no error.
#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use dogwatch_model::{CaptureTime, Mac, Object, ShipState, Table, Transport, Verb};
    use dogwatch_rules::policy::{Ask, Level, Placement, RateMeter, check};
    use proptest::prelude::*;

    /// Words that make TOML-ish text hit the reader rather than the syntax check.
    const WORDS: &[&str] = &[
        "[[zone]]\n",
        "[[asset]]\n",
        "[[group]]\n",
        "[[conduit]]\n",
        "  [[conduit.allow]]\n",
        "[[nmea]]\n",
        "[[n2k]]\n",
        "[[window]]\n",
        "[[exception]]\n",
        "[[accept]]\n",
        "[vessel]\n",
        "[state]\n",
        "[navigation]\n",
        "format = 1\n",
        "mode = \"learn\"\n",
        "id = \"a1\"\n",
        "id = \"b2\"\n",
        "zone = \"a1\"\n",
        "from = \"a1\"\n",
        "to = \"a1\"\n",
        "from = [\"*\"]\n",
        "to = [\"b2\", \"10.0.0.0/8\"]\n",
        "class = \"ot\"\n",
        "function = \"power\"\n",
        "subnet = [\"10.0.0.0/8\", \"::/0\"]\n",
        "vlan = [1, 5000]\n",
        "ip = [\"10.0.0.1\"]\n",
        "mac = [\"00:00:00:00:00:01\"]\n",
        "app = \"modbus\"\n",
        "app = \"tcp/1-9\"\n",
        "op = [\"read\", \"x\"]\n",
        "addr = [\"1-2\", \"4x0\", \"é\"]\n",
        "value = [1, 2, 3]\n",
        "when = { state = [\"at_sea\"], window = \"a1\" }\n",
        "until = 2027-06-01\n",
        "until = 99999-99-99\n",
        "until = 07:32:00\n",
        "from = 0000-01-01T00:00:00+23:59\n",
        "rate = \"5 MB/day\"\n",
        "rate = { GGA = 1 }\n",
        "name = { unique = 1 }\n",
        "pgn = [129025, -1]\n",
        "bus = \"can0\"\n",
        "can = [\"can0\"]\n",
        "source = \"a1\"\n",
        "members = [\"a1\"]\n",
        "imo = 9074729\n",
        "at_sea = \"sog > 3 kn for 10 min\"\n",
        "antennas = [{ a = 1 }]\n",
        "zones = [\"a1\"]\n",
        "a.b.c = 1\n",
        "é = '''ü'''\n",
        "x\n",
        "[",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn policy_like_text(words in prop::collection::vec(prop::sample::select(WORDS), 0..40), today in any::<i64>()) {
            let text: String = words.concat();
            let checked = check(&text, "p", CaptureTime(today));
            let errors = checked.diagnostics.iter().any(|problem| problem.severity == Level::Error);
            prop_assert_eq!(checked.policy.is_none(), errors);
            let lines = text.split('\n').count();
            for problem in &checked.diagnostics {
                prop_assert!(problem.line >= 1 && problem.line as usize <= lines);
                prop_assert!(problem.column >= 1 && problem.width >= 1 && !problem.to_string().is_empty());
            }
        }

        #[test]
        fn any_text(text in "\\PC{0,400}") {
            let _ = check(&text, "p", CaptureTime(0));
        }

        /// The judge agrees with a plain reading of one line: inside the range or not.
        #[test]
        fn ranges_against_a_plain_count(ranges in prop::collection::vec((0_u16..60, 0_u16..20), 1..5), first in 0_u16..80, count in 1_u16..20) {
            let mut allowed = std::collections::BTreeSet::new();
            let mut lines = String::new();
            for (start, length) in &ranges {
                allowed.extend(*start..=start + length);
                lines.push_str(&format!("  [[conduit.allow]]\n  app = \"modbus\"\n  op = [\"read\"]\n  addr = [\"{start}-{}\"]\n", start + length));
            }
            let text = format!(
                "format = 1\nmode = \"enforce\"\nvessel = {{}}\n[[zone]]\nid = \"aa\"\nclass = \"ot\"\nfunction = \"power\"\nsubnet = [\"10.0.0.0/8\"]\n\
                 [[conduit]]\nid = \"c\"\nfrom = \"aa\"\nto = \"aa\"\n{lines}"
            );
            let policy = check(&text, "p", CaptureTime(0)).policy.unwrap();
            let ip = Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
            let place = Placement { source: "x", vlan: None, mac: Mac::NONE, ip, link_is_gateway: false };
            let end = policy.end(policy.placed(&place), Mac::NONE, ip, false);
            let ask = Ask {
                from: end, to: end, protocol: Some("modbus"), transport: Transport::Tcp, port: 502, verb: Some(Verb::Read),
                object: Some(Object::Registers { unit: 0, table: Table::Holding, first, count, written: None }),
                at: CaptureTime(0), state: ShipState::Unknown,
            };
            let want = (first..first + count).all(|register| allowed.contains(&register));
            prop_assert_eq!(policy.judge(&ask).is_allowed(), want);
        }

        #[test]
        fn any_rate_and_clock(times in prop::collection::vec(any::<i64>(), 1..50), amount in any::<u64>()) {
            let rate = dogwatch_rules::policy::Rate::parse("2/s").unwrap();
            let mut meter = RateMeter::new(rate, 2.0);
            for at in times {
                let _ = meter.take(CaptureTime(at), amount);
            }
        }
    }
}
